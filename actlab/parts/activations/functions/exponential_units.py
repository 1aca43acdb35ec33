"""Activations that are exponential below 0: elu, selu, celu; and exponential itself."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Positive
from actlab.parts.activations.ties import minimum

# Klambauer et al. 2017, equation 14
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


@ACTIVATIONS.register(ActivationFacts(
    formula="x for x > 0, alpha·(exp(x) − 1) for x ≤ 0 (1)", range=(-1, inf), slope_at_zero=1,
    source="Clevert et al. 2016, arXiv:1511.07289; keras.activations.elu",
    reference=lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
))  # fmt: skip
def elu(x: Any, *, alpha: Positive = 1.0) -> Any:
    """f(x) = x for x > 0, alpha·(exp(x) − 1) for x ≤ 0.

    With an alpha other than 1 the slope jumps at 0; `celu` mends that.

    Args:
        alpha: minus the limit to the left, above 0.
    """
    # expm1 and not exp − 1 of Keras's kernel, which is 0 for -1e-8 in float32; and the minimum is needed since exp
    # would overflow on the side that is not taken
    return ops.where(x > 0, x, alpha * ops.expm1(minimum(x, 0.0)))


@ACTIVATIONS.register(ActivationFacts(
    formula="λ·x for x > 0, λ·α·(exp(x) − 1) for x ≤ 0, λ = 1.0507, α = 1.6733",
    range=(-SELU_SCALE * SELU_ALPHA, inf), slope_at_zero=SELU_SCALE, kinks=(0,),
    source="Klambauer et al. 2017, arXiv:1706.02515; keras.activations.selu",
    reference=lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))),
))  # fmt: skip
def selu(x: Any) -> Any:
    """f(x) = λ·x for x > 0, λ·α·(exp(x) − 1) for x ≤ 0, with λ = 1.0507 and α = 1.6733.

    The constants make mean 0 and variance 1 a fixed point from layer to layer, with LeCun's normal initial weights.
    The slope at 0 is that of the right side.
    """
    return SELU_SCALE * ops.where(x >= 0, x, SELU_ALPHA * ops.expm1(minimum(x, 0.0)))


@ACTIVATIONS.register(ActivationFacts(
    formula="x for x > 0, alpha·(exp(x/alpha) − 1) for x ≤ 0 (1)", range=(-1, inf), slope_at_zero=1,
    source="Barron 2017, arXiv:1704.07483; keras.activations.celu",
    reference=lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
))  # fmt: skip
def celu(x: Any, *, alpha: Positive = 1.0) -> Any:
    """f(x) = x for x > 0, alpha·(exp(x/alpha) − 1) for x ≤ 0: an ELU with slope 1 at 0 for every alpha.

    Args:
        alpha: minus the limit to the left, above 0.
    """
    # keras.activations.celu adds max(x, 0) to a function of min(x, 0): at exactly 0 both pass the gradient, which
    # makes the slope 2 there
    return ops.where(x > 0, x, alpha * ops.expm1(minimum(x, 0.0) / alpha))


@ACTIVATIONS.register(ActivationFacts(
    formula="exp(x)", range=(0, inf), value_at_zero=1, slope_at_zero=1, overflows_above=88.72,
    source="keras.activations.exponential",
    reference=np.exp,
))  # fmt: skip
def exponential(x: Any) -> Any:
    """f(x) = exp(x).

    Infinite above 88.7 in float32 and bfloat16, and above 11.09 in float16: no safe form exists for that.
    """
    return keras.activations.exponential(x)
