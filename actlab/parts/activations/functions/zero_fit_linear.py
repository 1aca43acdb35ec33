"""A shift that puts the smallest value of each sample at 0."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts


def _smallest(x: Any) -> Any:
    rank = len(x.shape)
    return ops.min(x, axis=tuple(range(1, rank - 1)) if rank > 2 else -1, keepdims=True)


def _own_slope(x: Any) -> Any:
    return ops.cast(x > _smallest(x), x.dtype)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x − min(x), the minimum over the sample's units, or over height and width of each channel",
        range=(0, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0.5,
        source="actlab's CIFAR-10 study of always positive activations (docs: experiment 3)",
        kinks=(0,),
        elementwise=False,
        own_slope=_own_slope,
    )
)
def zero_fit_linear(x: Any) -> Any:
    """f(x)ᵢ = xᵢ − min(x), the minimum taken for each sample by itself.

    The minimum runs over the units of a dense layer (axis 1), and over height and width of each channel after a
    convolution (axes 1 and 2). The gradient reaches the minimum too: ∂(Σ g·f)/∂xᵢ = gᵢ − Σ g at the smallest element
    (shared among equal ones) and gᵢ elsewhere. So the bias of a convolution before it has gradient 0 up to rounding.

    Args:
        x: tensor of shape (units,), (batch, units) or (batch, height, width, channels).

    Returns:
        A tensor of the shape and dtype of `x`, not negative.
    """
    return x - _smallest(x)
