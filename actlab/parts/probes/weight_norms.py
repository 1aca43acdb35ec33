"""How large the weights are, and how far they moved."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.parts.probes.facts import PROBES, Cells, ProbeFacts, WeightProbe, Weights


def _norm(arrays: Iterable[NDArray[Any]]) -> float:
    """In double precision, by NumPy's pairwise sum: the same bytes on any number of threads."""
    return math.sqrt(sum(float(np.square(array, dtype=np.float64).sum()) for array in arrays))


@PROBES.register(ProbeFacts(
    equation="‖(kernel, bias)‖₂",
    columns={"weight_norm": "norm of kernel and bias together"},
    total="the norm of all trainable variables",
    cost="one sum of squares over the weights an evaluation",
    source="actlab",
), name="weight_norms")  # fmt: skip
class WeightNorms(WeightProbe):
    """L2 norm of the weights of each layer, kernel and bias together."""

    def row(self, before: Weights, now: Weights) -> Cells:
        return {name: {"weight_norm": _norm(arrays)} for name, arrays in now.layers.items()}


@PROBES.register(ProbeFacts(
    equation="‖(kernel, bias) now − at the row before‖₂",
    columns={"update_norm": "norm of the change of kernel and bias since the last row"},
    total="the norm of the change of all trainable variables",
    cost="one difference of the weights an evaluation",
    source="actlab",
), name="update_norms")  # fmt: skip
class UpdateNorms(WeightProbe):
    """L2 norm of how far the weights of each layer have moved since the last row; at the first, since the beginning.

    It is the distance between two moments, not the length of the way between them.
    """

    def row(self, before: Weights, now: Weights) -> Cells:
        cells = {}
        for name, arrays in now.layers.items():
            pairs = zip(before.layers[name], arrays, strict=True)
            cells[name] = {"update_norm": _norm(np.subtract(new, old, dtype=np.float64) for old, new in pairs)}
        return cells
