"""Units that say nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from actlab.lazy import ops
from actlab.parts.probes.facts import PROBES, Arrays, Cells, EvaluationProbe, ProbeFacts, Sums
from actlab.parts.probes.layers import ProbedLayer, Seen, counted

LAST_BITS = 4 * 2.0**-23  # four steps between float32 numbers, as a share of the number


@PROBES.register(ProbeFacts(
    equation="Σⱼ [min yⱼ = max yⱼ over the evaluation set, and over the places of a convolution]",
    columns={"inactive_units": "units whose output is the same for every sample"},
    total="the sum over layers",
    cost="the least and the greatest value of each output",
    source="actlab",
), name="inactive_units")  # fmt: skip
class InactiveUnits(EvaluationProbe):
    """Units whose output never changes on the evaluation set: the next layer learns nothing from them.

    The same up to a relative 5e-7, which is rounding in float32; in inference mode. A dead relu unit is inactive too.
    A unit of another activation may be dead and not inactive (where the function jumps), or inactive and not dead
    (where all its weights are 0).
    """

    def build(self, layers: Sequence[ProbedLayer], places: Mapping[str, list[int]]) -> None:
        self._units = {layer.name: layer.units for layer in layers}

    def start(self, layer: ProbedLayer) -> Sums:
        assert layer.activation is not None
        infinite = ops.full([int(layer.activation.output.shape[-1])], float("inf"))
        return {"low": infinite, "high": -infinite}

    def update(self, sums: Sums, seen: Seen) -> Sums:
        return {"low": ops.minimum(sums["low"], seen.low), "high": ops.maximum(sums["high"], seen.high)}

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        still = {}
        for name, found in sums.items():
            low, high = found["low"], found["high"]
            # up to a few last bits: the same input need not give the same bits at every place of a tensor
            same = high - low <= LAST_BITS * np.maximum(abs(low), abs(high))
            # a unit of crelu has two outputs, which lie a whole width apart
            still[name] = same.reshape(-1, self._units[name]).all(axis=0)
        return counted("inactive_units", still)
