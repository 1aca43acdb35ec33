"""Units that say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from actlab.lazy import tf
from actlab.parts.probes.facts import PROBES, Arrays, Cells, EvaluationProbe, ProbeFacts, Sums
from actlab.parts.probes.layers import ProbedLayer, counted
from actlab.parts.probes.seen import Seen

LAST_BITS = 4 * 2.0**-23  # four steps between float32 numbers, as a share of the number


class InactiveUnits(EvaluationProbe):
    columns = totals = ("inactive_units",)

    def __init__(self) -> None:
        self._units: dict[str, int] = {}

    def start(self, layer: ProbedLayer) -> Sums:
        self._units[layer.name] = layer.units
        assert layer.activation is not None
        infinite = tf.fill([int(layer.activation.output.shape[-1])], tf.constant(float("inf")))
        return {"low": infinite, "high": -infinite}

    def update(self, sums: Sums, seen: Seen) -> Sums:
        return {"low": tf.minimum(sums["low"], seen.low), "high": tf.maximum(sums["high"], seen.high)}

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        # a unit of crelu has two outputs, which lie a whole width apart
        still = {name: _equal(**found).reshape(-1, self._units[name]) for name, found in sums.items()}
        return counted("inactive_units", {name: mask.all(axis=0) for name, mask in still.items()})


def _equal(low: Any, high: Any) -> Any:
    """Up to a few last bits: the same input need not give the same bits at every place of a tensor."""
    return high - low <= LAST_BITS * np.maximum(abs(low), abs(high))


@PROBES.register(
    ProbeFacts(
        equation="Σⱼ [min yⱼ = max yⱼ over the evaluation set, and over the places of a convolution]",
        sees="evaluation",
        columns={"inactive_units": "units whose output is the same for every sample"},
        total="the sum over layers",
        cost="the least and the greatest value of each output",
        source="actlab",
    )
)
def inactive_units() -> InactiveUnits:
    """Units whose output never changes on the evaluation set: the next layer learns nothing from them.

    The same up to a relative 5e-7, which is rounding in float32; in inference mode. A dead relu unit is inactive too.
    A unit of another activation may be dead and not inactive (where the function jumps), or inactive and not dead
    (where all its weights are 0).
    """
    return InactiveUnits()
