"""Smooth rectifiers that are positive everywhere: softplus, squareplus, sparse_plus."""

from __future__ import annotations

import math
from math import inf
from typing import Any

import numpy as np

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Positive
from actlab.parts.autodiff import largest


@ACTIVATIONS.register(ActivationFacts(
    formula="ln(1 + exp(x))", range=(0, inf), value_at_zero=math.log(2), slope_at_zero=0.5,
    source="Dugas et al. 2001, NIPS; keras.activations.softplus",
    reference=lambda x: np.logaddexp(0, x),
))  # fmt: skip
def softplus(x: Any) -> Any:
    """f(x) = ln(1 + exp(x))."""
    return keras.activations.softplus(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="(x + √(x² + b)) / 2 (4)", range=(0, inf), value_at_zero=1, slope_at_zero=0.5,
    source="Barron 2021, arXiv:2112.11687; keras.activations.squareplus",
    reference=lambda x: (x + np.sqrt(x * x + 4)) / 2,
))  # fmt: skip
def squareplus(x: Any, *, b: Positive = 4.0) -> Any:
    """f(x) = (x + √(x² + b)) / 2.

    Args:
        b: the larger, the rounder at 0; above 0.
    """
    magnitude = ops.minimum(ops.where(x < 0, -x, x), largest(x))
    # divided by its size before it is squared: x² of Keras's form is infinite in float16 from 256 on
    size = ops.stop_gradient(ops.maximum(magnitude, b**0.5))
    half = (magnitude / size + ops.sqrt(ops.square(magnitude / size) + ops.square(b**0.5 / size))) / 2
    # to the left, x + √(x² + b) would cancel to 0 (in float32 from −6000 on); the product of both roots is b/4
    # the maximum, which is x to the last bit far to the right, is infinite where x is
    return ops.where(x < 0, (b / 4) / size / half, ops.maximum(x, half * size))


@ACTIVATIONS.register(ActivationFacts(
    formula="0 for x ≤ −1, (x + 1)²/4 between, x for x ≥ 1", range=(0, inf), value_at_zero=0.25, slope_at_zero=0.5,
    source="keras.activations.sparse_plus",
    reference=lambda x: np.where(x >= 1, x, np.where(x <= -1, 0, (x + 1) ** 2 / 4)),
))  # fmt: skip
def sparse_plus(x: Any) -> Any:
    """f(x) = 0 for x ≤ −1, (x + 1)²/4 for −1 < x < 1, x for x ≥ 1: the integral of sparse_sigmoid."""
    return ops.where(x >= 1, x, ops.square(ops.clip(x, -1.0, 1.0) + 1) / 4)  # the slope of Keras's is NaN at ±∞
