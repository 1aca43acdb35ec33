"""The leaky rectifier whose slope is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Positive


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x for x > 0, a·x for x ≤ 0, a ~ U(1/8, 1/3) drawn anew in training, 11/48 at inference",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=11 / 48,
        source="Xu et al. 2015, arXiv:1505.00853; bounds as in PyTorch",
        kinks=(0,),
    )
)
def rrelu(
    x: Any,
    draw: Callable[[float, float], Any] | None,
    *,
    lower: Positive = 1 / 8,
    upper: Positive = 1 / 3,
    variant: Literal["uniform", "paper"] = "uniform",
) -> Any:
    """f(x) = x for x > 0, a·x for x ≤ 0, with an a of its own for each element and each call in training.

    `uniform`: a ~ U(lower, upper), at inference (lower + upper) / 2, as PyTorch and TensorFlow Addons have it.
    `paper`: x is divided by a draw from U(1/upper, 1/lower), at inference by the middle of the two: at the default
    bounds U(3, 8) and 5.5. The slopes lie between the same bounds, distributed differently.
    The gradient at a negative x is the slope that was drawn for it.

    Args:
        x: tensor of any shape and floating dtype.
        draw: gives uniform random numbers between two bounds in the shape and dtype of `x`; None at inference.
        lower: the smallest slope, above 0.
        upper: the largest slope.
        variant: which distribution.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Xu et al. 2015, Empirical Evaluation of Rectified Activations in Convolution Network, arXiv:1505.00853.
    """
    bounds = (1 / upper, 1 / lower) if variant == "paper" else (lower, upper)
    drawn = draw(*bounds) if draw else sum(bounds) / 2
    return ops.where(x > 0, x, x / drawn if variant == "paper" else x * drawn)
