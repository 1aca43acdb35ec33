"""How large the weights are, and how far they moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.parts.probes.facts import PROBES, Cells, ProbeFacts, WeightProbe, Weights
from actlab.parts.probes.layers import TOTAL


class WeightNorms(WeightProbe):
    columns = totals = ("weight_norm",)

    def row(self, before: Weights, now: Weights) -> Cells:
        groups = {**now.layers, TOTAL: now.trainable}
        return {name: {"weight_norm": _norm(arrays)} for name, arrays in groups.items()}


class UpdateNorms(WeightProbe):
    columns = totals = ("update_norm",)

    def row(self, before: Weights, now: Weights) -> Cells:
        old, new = {**before.layers, TOTAL: before.trainable}, {**now.layers, TOTAL: now.trainable}
        return {name: {"update_norm": _norm(_differences(old[name], new[name]))} for name in new}


def _norm(arrays: Sequence[NDArray[Any]]) -> float:
    """In double precision, by NumPy's pairwise sum: the same bytes on any number of threads."""
    return math.sqrt(sum(float(np.square(array, dtype=np.float64).sum()) for array in arrays))


def _differences(before: Sequence[NDArray[Any]], now: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return [np.subtract(new, old, dtype=np.float64) for old, new in zip(before, now, strict=True)]


@PROBES.register(
    ProbeFacts(
        equation="‖(kernel, bias)‖₂",
        sees="weights",
        columns={"weight_norm": "norm of kernel and bias together"},
        total="the norm of all trainable variables",
        cost="one sum of squares over the weights an evaluation",
        source="actlab",
    )
)
def weight_norms() -> WeightNorms:
    """L2 norm of the weights of each layer, kernel and bias together."""
    return WeightNorms()


@PROBES.register(
    ProbeFacts(
        equation="‖(kernel, bias) now − at the row before‖₂",
        sees="weights",
        columns={"update_norm": "norm of the change of kernel and bias since the last row"},
        total="the norm of the change of all trainable variables",
        cost="one difference of the weights an evaluation",
        source="actlab",
    )
)
def update_norms() -> UpdateNorms:
    """L2 norm of how far the weights of each layer have moved since the last row; at the first, since the beginning.

    It is the distance between two moments, not the length of the way between them.
    """
    return UpdateNorms()
