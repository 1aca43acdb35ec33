"""Keras's activations that draw small values towards 0: soft_shrink, hard_shrink, tanh_shrink."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field

from actlab.lazy import keras
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x − threshold for x > threshold, x + threshold for x < −threshold, 0 between (0.5)",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0,
        source="keras.activations.soft_shrink",
        kinks=(-0.5, 0.5),
    )
)
def soft_shrink(x: Any, *, threshold: NotNegative = 0.5) -> Any:
    """f(x) = sign(x)·max(|x| − threshold, 0).

    Args:
        x: tensor of any shape and floating dtype.
        threshold: half the width of the flat piece, at least 0.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.soft_shrink(x, threshold)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x for |x| > threshold, 0 elsewhere (0.5)",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0,
        source="keras.activations.hard_shrink",
        kinks=(-0.5, 0.5),
    )
)
def hard_shrink(x: Any, *, threshold: NotNegative = 0.5) -> Any:
    """f(x) = x for |x| > threshold, 0 elsewhere; it jumps at both thresholds.

    Args:
        x: tensor of any shape and floating dtype.
        threshold: half the width of the flat piece, at least 0.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.hard_shrink(x, threshold)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x − tanh(x)",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0,
        source="keras.activations.tanh_shrink",
    )
)
def tanh_shrink(x: Any) -> Any:
    """f(x) = x − tanh(x).

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.tanh_shrink(x)
