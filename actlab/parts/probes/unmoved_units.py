"""Units that stood still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.parts.probes.facts import PROBES, Cells, ProbeFacts, WeightProbe, Weights
from actlab.parts.probes.layers import ProbedLayer, counted


@PROBES.register(ProbeFacts(
    equation="Σⱼ [kernel column and bias of unit j are the same, to the last bit, as at the row before]",
    columns={"unmoved_units": "units none of whose incoming weights has changed since the last row"},
    total="the sum over layers",
    cost="one comparison of the weights an evaluation",
    source="the article behind experiment 1 looked for dead units this way, by eye",
), name="unmoved_units")  # fmt: skip
class UnmovedUnits(WeightProbe):
    """Units whose incoming weights, kernel column and bias, did not change since the last row.

    Not death: a living unit may get no gradient from the batches of a short time, and a dead one moves where weight
    decay, a regulariser or momentum moves it. The first row is compared with the initial weights.
    """

    def build(self, layers: Sequence[ProbedLayer], places: Mapping[str, list[int]]) -> None:
        self._layers = list(layers)

    def row(self, before: Weights, now: Weights) -> Cells:
        found = {
            layer.name: unmoved(layer, before.layers[layer.name], now.layers[layer.name]) for layer in self._layers
        }
        return counted("unmoved_units", found)


def unmoved(layer: ProbedLayer, before: Sequence[NDArray[Any]], now: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """Which units of a layer have the same kernel column and bias, to the last bit, as before: a mask, (units,)."""
    moved = [(old != new).reshape(-1, old.shape[-1]).any(axis=0) for old, new in zip(before, now, strict=True)]
    same: NDArray[np.bool_] = ~layer.by_unit(np.any(moved, axis=0)).any(axis=-1)
    return same
