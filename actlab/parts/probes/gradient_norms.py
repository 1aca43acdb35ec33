"""How large the gradients are, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actlab.lazy import tf
from actlab.parts.probes.facts import PROBES, Cells, GradientProbe, ProbeFacts
from actlab.parts.probes.layers import TOTAL, ProbedLayer


class GradientNorms(GradientProbe):
    columns = totals = ("gradient_norm_mean", "gradient_norm_max")

    def build(self, layers: Sequence[ProbedLayer], variables: Sequence[Any]) -> None:
        place = {id(variable): i for i, variable in enumerate(variables)}
        self._names = [*(layer.name for layer in layers), TOTAL]
        self._of = [[place[id(v)] for v in layer.variables if id(v) in place] for layer in layers]
        self._sum = tf.Variable(tf.zeros([len(self._names)], tf.float64))
        self._most = tf.Variable(tf.zeros([len(self._names)]))
        self._steps = tf.Variable(0, dtype=tf.int64)

    def variables(self) -> list[Any]:
        return [self._sum, self._most, self._steps]

    def update(self, gradients: Sequence[Any], skips: bool) -> None:
        halves = [tf.constant(0.0) if g is None else tf.nn.l2_loss(tf.cast(g, tf.float32)) for g in gradients]
        sums = [tf.add_n([halves[i] for i in places]) for places in self._of]
        norms = tf.sqrt(2 * tf.stack([*sums, tf.add_n(halves)]))
        taken = tf.math.is_finite(norms[-1]) if skips else tf.constant(True)
        norms = tf.where(taken, norms, 0.0)
        self._sum.assign_add(tf.cast(norms, tf.float64))
        self._most.assign(tf.maximum(self._most, norms))
        self._steps.assign_add(tf.cast(taken, tf.int64))

    def row(self) -> Cells:
        steps = int(self._steps.numpy())
        means, most = self._sum.numpy() / max(1, steps), self._most.numpy()
        for variable in self.variables():
            variable.assign(tf.zeros_like(variable))
        values = zip(self._names, means, most, strict=True)
        none = (None, None)  # all steps were skipped
        return {
            name: dict(zip(self.columns, (float(mean), float(top)) if steps else none, strict=True))
            for name, mean, top in values
        }


@PROBES.register(
    ProbeFacts(
        equation="‖∂loss/∂(kernel, bias)‖₂ of each training step: its mean and its maximum",
        sees="gradients",
        columns={
            "gradient_norm_mean": "norm of the gradient of kernel and bias, mean over the steps since the last row",
            "gradient_norm_max": "the largest of them",
        },
        total="mean and maximum of the norm of the whole gradient, of all trainable variables",
        cost="one sum of squares over the gradients a step; no further backward pass",
        source="Glorot and Bengio 2010, section 4.2, looked at gradients by layer",
    )
)
def gradient_norms() -> GradientNorms:
    """L2 norm of the gradient of each layer's weights, mean and maximum over the training steps since the last row.

    It is the gradient that the training step computes anyway: of the batch's loss with the penalties of regularisers,
    before any clipping. In mixed precision the loss scale is divided out, and steps that the optimizer skips because
    of an overflow are left out.
    """
    return GradientNorms()
