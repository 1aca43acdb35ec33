"""How large the gradients are, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actlab.lazy import tf
from actlab.parts.probes.facts import PROBES, Cells, GradientProbe, ProbeFacts
from actlab.parts.probes.layers import ProbedLayer


@PROBES.register(ProbeFacts(
    equation="‖∂loss/∂(kernel, bias)‖₂ of each training step: its mean and its maximum",
    sees="gradients",
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
        self._sum = tf.Variable(tf.zeros([len(places)], tf.float64))
        self._most = tf.Variable(tf.zeros([len(places)]))
        self._steps = tf.Variable(0, dtype=tf.int64)

    def variables(self) -> list[Any]:
        return [self._sum, self._most, self._steps]

    def update(self, gradients: Sequence[Any], skips: bool) -> None:
        halves = [tf.constant(0.0) if g is None else tf.nn.l2_loss(tf.cast(g, tf.float32)) for g in gradients]
        # the order in which `tf.add_n` adds depends on which thread is done first
        sums = [tf.reduce_sum(tf.stack([halves[i] for i in places])) for places in self._places.values()]
        norms = tf.sqrt(2 * tf.stack(sums))
        taken = tf.math.is_finite(norms[-1]) if skips else tf.constant(True)  # the last is that of the whole network
        norms = tf.where(taken, norms, 0.0)
        self._sum.assign_add(tf.cast(norms, tf.float64))
        self._most.assign(tf.maximum(self._most, norms))
        self._steps.assign_add(tf.cast(taken, tf.int64))

    def row(self) -> Cells:
        steps = int(self._steps.numpy())
        numbers = zip(self._sum.numpy() / max(1, steps), self._most.numpy(), strict=True)
        for variable in self.variables():
            variable.assign(tf.zeros_like(variable))
        return {
            # where all steps were skipped there is none
            name: dict(zip(self.columns, map(float, pair) if steps else (None, None), strict=True))
            for name, pair in zip(self._places, numbers, strict=True)
        }
