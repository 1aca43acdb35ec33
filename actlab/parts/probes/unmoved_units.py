"""Units that stood still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from actlab.parts.probes.facts import PROBES, Cells, ProbeFacts, WeightProbe, Weights
from actlab.parts.probes.layers import ProbedLayer, counted


class UnmovedUnits(WeightProbe):
    columns = totals = ("unmoved_units",)

    def build(self, layers: Sequence[ProbedLayer], variables: Sequence[Any]) -> None:
        self._layers = list(layers)

    def row(self, before: Weights, now: Weights) -> Cells:
        return counted("unmoved_units", {layer.name: _unmoved(layer, before, now) for layer in self._layers})


def _unmoved(layer: ProbedLayer, before: Weights, now: Weights) -> Any:
    """Which units have the same incoming weights, (units,)."""
    pairs = zip(before.layers[layer.name], now.layers[layer.name], strict=True)
    moved = [(old != new).reshape(-1, old.shape[-1]).any(axis=0) for old, new in pairs]
    return ~layer.by_unit(np.any(moved, axis=0)).any(axis=-1)


@PROBES.register(
    ProbeFacts(
        equation="Σⱼ [kernel column and bias of unit j are the same, to the last bit, as at the row before]",
        sees="weights",
        columns={"unmoved_units": "units none of whose incoming weights has changed since the last row"},
        total="the sum over layers",
        cost="one comparison of the weights an evaluation",
        source="the article behind experiment 1 looked for dead units this way, by eye",
    )
)
def unmoved_units() -> UnmovedUnits:
    """Units whose incoming weights, kernel column and bias, did not change since the last row.

    Not death: a living unit may get no gradient from the batches of a short time, and a dead one moves where weight
    decay, a regulariser or momentum moves it. The first row is compared with the initial weights.
    """
    return UnmovedUnits()
