"""The functions of actlab's CIFAR-10 study of always positive activations (docs: experiment 3)."""

from __future__ import annotations

from math import inf, log
from typing import Any

import numpy as np

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Positive

STUDY = "actlab's CIFAR-10 study of always positive activations (docs: experiment 3)"


@ACTIVATIONS.register(ActivationFacts(
    formula="2·softplus(x) for x ≤ 0, x + 2·ln 2 for x > 0", range=(0, inf), value_at_zero=2 * log(2), slope_at_zero=1,
    source=STUDY,
    reference=lambda x: np.where(x > 0, x + 2 * np.log(2), 2 * np.log1p(np.exp(np.minimum(x, 0)))),
))  # fmt: skip
def softplus_linear(x: Any) -> Any:
    """f(x) = 2·softplus(x) for x ≤ 0, x + 2·ln 2 for x > 0.

    Continuous with slope 1 at 0, and positive everywhere.
    """
    return ops.where(x > 0, x + 2 * log(2), 2 * ops.softplus(x))


@ACTIVATIONS.register(ActivationFacts(
    formula="−x for x ≤ 0, x for x > 0", range=(0, inf), monotonic=False, slope_at_zero=-1, kinks=(0,),
    source=STUDY,
    reference=np.abs,
))  # fmt: skip
def reflection_linear(x: Any) -> Any:
    """f(x) = −x for x ≤ 0, x for x > 0: the absolute value.

    It keeps the second moment of its input, so initial weights after He double the variance from layer to layer;
    Xavier's are the fair choice for it. The slope at 0 is −1, from the side that 0 is counted with.
    """
    return ops.where(x > 0, x, -x)


def _axes(x: Any) -> Any:
    return tuple(range(1, len(x.shape) - 1)) or -1


def _zero_fit_slope(x: Any) -> Any:
    least = ops.cast(x == ops.min(x, axis=_axes(x), keepdims=True), x.dtype)
    return 1 - least / ops.sum(least, axis=_axes(x), keepdims=True)


@ACTIVATIONS.register(ActivationFacts(
    formula="x − min(x), the minimum over the sample's units, or over height and width of each channel",
    range=(0, inf), slope_at_zero=0.5, kinks=(0,),
    source=STUDY,
    reference=lambda x: x - x.min(axis=tuple(range(1, x.ndim - 1)) or -1, keepdims=True),
    elementwise=False, own_slope=_zero_fit_slope,
))  # fmt: skip
def zero_fit_linear(x: Any) -> Any:
    """f(x)ᵢ = xᵢ − min(x), the minimum taken for each sample by itself.

    The minimum runs over the units of a dense layer (axis 1), and over height and width of each channel after a
    convolution (axes 1 and 2). The gradient reaches the minimum too: ∂(Σ g·f)/∂xᵢ = gᵢ − Σ g at the smallest element
    (shared among equal ones) and gᵢ elsewhere. So the bias of a convolution before it has gradient 0 up to rounding.

    Args:
        x: tensor of shape (units,), (batch, units) or (batch, height, width, channels).
    """
    return x - ops.min(x, axis=_axes(x), keepdims=True)


@ACTIVATIONS.register(ActivationFacts(
    formula="sign(x)·√|x|", range=(-inf, inf), slope_at_zero=1000, kinks=(-1e-6, 1e-6),
    source=STUDY,
    reference=lambda x: np.where(np.abs(x) > 1e-6, np.sign(x) * np.sqrt(np.abs(x)), 1000 * x),
))  # fmt: skip
def signed_sqrt(x: Any, *, largest_slope: Positive = 1000.0) -> Any:
    """f(x) = sign(x)·√|x| for |x| > s⁻², and s·x nearer to 0, with s = `largest_slope`.

    The slope of the root, 1 / (2·√|x|), is infinite at 0. The straight piece bounds it by s, so that training never
    meets an infinite gradient; it is at most 1 / (4·s) away from the root, and only where |x| < s⁻² (at the default
    0.00025, where |x| < 0.000001).

    Args:
        largest_slope: the slope at 0, above 0.
    """
    edge = largest_slope**-2
    magnitude = ops.abs(x)
    # the maximum keeps the root's gradient finite where it is not taken: 0 · inf would be NaN
    root = ops.sign(x) * ops.sqrt(ops.maximum(magnitude, edge))
    return ops.where(magnitude > edge, root, largest_slope * x)
