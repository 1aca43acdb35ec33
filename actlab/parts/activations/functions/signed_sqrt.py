"""The square root, continued to both sides of 0."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Positive


@ACTIVATIONS.register(
    ActivationFacts(
        formula="sign(x)·√|x|",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=1000,
        source="actlab's CIFAR-10 study of always positive activations (docs: experiment 3)",
        kinks=(-1e-6, 1e-6),
    )
)
def signed_sqrt(x: Any, *, largest_slope: Positive = 1000.0) -> Any:
    """f(x) = sign(x)·√|x| for |x| > s⁻², and s·x nearer to 0, with s = `largest_slope`.

    The slope of the root, 1 / (2·√|x|), is infinite at 0. The straight piece bounds it by s, so that training never
    meets an infinite gradient; it is at most 1 / (4·s) away from the root, and only where |x| < s⁻² (at the default
    0.00025, where |x| < 0.000001).

    Args:
        x: tensor of any shape and floating dtype.
        largest_slope: the slope at 0, above 0.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    edge = largest_slope**-2
    magnitude = ops.abs(x)
    # the maximum keeps the root's gradient finite where it is not taken: 0 · inf would be NaN
    root = ops.sign(x) * ops.sqrt(ops.maximum(magnitude, edge))
    return ops.where(magnitude > edge, root, largest_slope * x)
