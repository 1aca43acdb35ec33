"""How large the gradients are, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actlab.lazy import ops
from actlab.parts.autodiff import half_sum_of_squares
from actlab.parts.probes.facts import PROBES, Arrays, Cells, GradientProbe, ProbeFacts, Sums
from actlab.parts.probes.layers import ProbedLayer


@PROBES.register(ProbeFacts(
    equation="‖∂loss/∂(kernel, bias)‖₂ of each training step: its mean and its maximum",
    columns={
        "gradient_norm_mean": "norm of the gradient of kernel and bias, mean over the steps since the last row",
        "gradient_norm_max": "the largest of them",
    },
    total="mean and maximum of the norm of the whole gradient, of all trainable variables",
    cost="one sum of squares over the gradients a step; no further backward pass",
    source="Glorot and Bengio 2010, section 4.2, looked at gradients by layer",
), name="gradient_norms")  # fmt: skip
class GradientNorms(GradientProbe):
    """L2 norm of the gradient of each layer's weights, mean and maximum over the training steps since the last row.

    It is the gradient that the training step computes anyway: of the batch's loss with the penalties of regularisers,
    before any clipping. In mixed precision the loss scale is divided out, and steps that the optimizer skips because
    of an overflow are left out.
    """

    def build(self, layers: Sequence[ProbedLayer], places: Mapping[str, list[int]]) -> None:
        self._places = dict(places)

    def start(self) -> Sums:
        layers = len(self._places)
        return {"sum": ops.zeros([layers], "float64"), "most": ops.zeros([layers]), "steps": ops.zeros([], "int64")}

    def update(self, sums: Sums, gradients: Sequence[Any], skips: bool) -> Sums:
        halves = [ops.zeros([]) if g is None else half_sum_of_squares(ops.cast(g, "float32")) for g in gradients]
        # the order in which `tf.add_n` adds depends on which thread is done first
        of_layers = [ops.sum(ops.stack([halves[i] for i in places])) for places in self._places.values()]
        norms = ops.sqrt(2 * ops.stack(of_layers))
        taken = ops.isfinite(norms[-1]) if skips else ops.ones([], "bool")  # the last is that of the whole network
        norms = ops.where(taken, norms, 0.0)
        return {
            "sum": sums["sum"] + ops.cast(norms, "float64"),
            "most": ops.maximum(sums["most"], norms),
            "steps": sums["steps"] + ops.cast(taken, "int64"),
        }

    def row(self, sums: Arrays) -> Cells:
        steps = int(sums["steps"])
        numbers = zip(sums["sum"] / max(1, steps), sums["most"], strict=True)
        return {
            # where all steps were skipped there is none
            name: dict(zip(self.columns, map(float, pair) if steps else (None, None), strict=True))
            for name, pair in zip(self._places, numbers, strict=True)
        }
