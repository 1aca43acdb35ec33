"""Piecewise linear activations: linear and the rectifiers, with slopes that are given, learned or drawn."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Literal

import numpy as np

from actlab.lazy import backend, keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Finite, Positive, Share


@ACTIVATIONS.register(ActivationFacts(
    formula="x", range=(-inf, inf), slope_at_zero=1,
    source="keras.activations.linear",
    reference=lambda x: x,
))  # fmt: skip
def linear(x: Any) -> Any:
    """f(x) = x: no activation, the baseline that shows what a non-linearity is worth."""
    return x


@ACTIVATIONS.register(ActivationFacts(
    formula="max(x, 0)", range=(0, inf), slope_at_zero=0, kinks=(0,),
    source="Nair and Hinton 2010, ICML; keras.activations.relu",
    reference=lambda x: np.maximum(x, 0),
))  # fmt: skip
def relu(x: Any, *, negative_slope: Finite = 0.0, max_value: Positive | None = None, threshold: Finite = 0.0) -> Any:
    """f(x) = max(x, 0); in full min(x, max_value) for x > threshold, negative_slope·(x − threshold) below.

    The slope at the threshold is that of the left side.

    Args:
        negative_slope: slope below the threshold.
        max_value: the largest value; none if left out.
        threshold: where the straight piece begins.
    """
    # a number of runs that are trained together is a tensor, of which none is 0
    sloped, shifted = (not isinstance(of, float) or of != 0 for of in (negative_slope, threshold))
    if not sloped and not shifted and (max_value is None or isinstance(max_value, float)):
        return keras.activations.relu(x, 0.0, max_value)
    above = x if max_value is None else ops.minimum(x, max_value)
    below = negative_slope * (x - threshold) if sloped else 0.0
    return ops.where(x <= threshold, below, above)  # and not x > threshold, which NaN never is


@ACTIVATIONS.register(ActivationFacts(
    formula="min(max(x, 0), 6)", range=(0, 6), slope_at_zero=0, kinks=(0, 6),
    source="Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10; keras.activations.relu6",
    reference=lambda x: np.clip(x, 0, 6),
))  # fmt: skip
def relu6(x: Any) -> Any:
    """f(x) = min(max(x, 0), 6)."""
    return keras.activations.relu6(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="x for x > 0, negative_slope·x for x ≤ 0 (0.2)", range=(-inf, inf), slope_at_zero=0.2, kinks=(0,),
    source="Maas et al. 2013, ICML; keras.activations.leaky_relu",
    reference=lambda x: np.where(x > 0, x, 0.2 * x),
))  # fmt: skip
def leaky_relu(x: Any, *, negative_slope: Finite = 0.2) -> Any:
    """f(x) = x for x > 0, negative_slope·x for x ≤ 0.

    Keras has 0.2 here, and 0.3 in its layer LeakyReLU; the default is the former.

    Args:
        negative_slope: slope below 0.
    """
    # TensorFlow's kernel keeps the slope in float32, which float64 would show; JAX's has slope 1 at 0
    if x.dtype == "float64" or backend() == "jax":
        return ops.where(x > 0, x, negative_slope * x)
    return keras.activations.leaky_relu(x, negative_slope)


@ACTIVATIONS.register(ActivationFacts(
    formula="x for x > 0, a·x for x ≤ 0, a learned, starting at 0.25", range=(-inf, inf), slope_at_zero=0.25,
    kinks=(0,), learned={"negative_slope": "initial_negative_slope"},
    source="He et al. 2015, arXiv:1502.01852",
    reference=lambda x: np.where(x > 0, x, 0.25 * x),
))  # fmt: skip
def prelu(x: Any, negative_slope: Any, *, initial_negative_slope: Finite = 0.25, share: Share = "channel") -> Any:
    """f(x) = x for x > 0, a·x for x ≤ 0, with a = `negative_slope` learned without weight decay.

    Args:
        x: tensor of shape (batch, ..., channels).
        negative_slope: the learned weight a, in a shape that broadcasts to that of `x`.
        initial_negative_slope: where a starts.
        share: one a for each channel (the last axis), one for the whole layer, or one for each element.
    """
    return ops.where(x > 0, x, negative_slope * x)


@ACTIVATIONS.register(ActivationFacts(
    formula="x for x > 0, a·x for x ≤ 0, a ~ U(1/8, 1/3) drawn anew in training, 11/48 at inference",
    range=(-inf, inf), slope_at_zero=11 / 48, kinks=(0,), draws=True,
    source="Xu et al. 2015, arXiv:1505.00853; bounds as in PyTorch",
    reference=lambda x: np.where(x > 0, x, x * (1 / 8 + 1 / 3) / 2),
))  # fmt: skip
def rrelu(
    x: Any, draw: Callable[[float, float], Any] | None, *, lower: Positive = 1 / 8, upper: Positive = 1 / 3,
    variant: Literal["uniform", "paper"] = "uniform",
) -> Any:  # fmt: skip
    """f(x) = x for x > 0, a·x for x ≤ 0, with an a of its own for each element and each call in training.

    `uniform`: a ~ U(lower, upper), at inference (lower + upper) / 2, as PyTorch and TensorFlow Addons have it.
    `paper`: x is divided by a draw from U(1/upper, 1/lower), at inference by the middle of the two: at the default
    bounds U(3, 8) and 5.5. The slopes lie between the same bounds, distributed differently.
    The gradient at a negative x is the slope that was drawn for it.

    Args:
        draw: gives uniform random numbers between two bounds in the shape and dtype of `x`; None at inference.
        lower: the smallest slope, above 0.
        upper: the largest slope.
        variant: which distribution.
    """
    bounds = (1 / upper, 1 / lower) if variant == "paper" else (lower, upper)
    drawn = draw(*bounds) if draw else sum(bounds) / 2
    return ops.where(x > 0, x, x / drawn if variant == "paper" else x * drawn)


@ACTIVATIONS.register(ActivationFacts(
    formula="x for x > threshold, default_value for x ≤ threshold (1, 0)", range=(0, inf), slope_at_zero=0, kinks=(1,),
    source="Konda et al. 2014, arXiv:1402.3337; keras.activations.threshold",
    reference=lambda x: np.where(x <= 1, 0, x),
))  # fmt: skip
def threshold(x: Any, *, threshold: Finite = 1.0, default_value: Finite = 0.0) -> Any:
    """f(x) = x for x > threshold, default_value for x ≤ threshold.

    Keras's function has no defaults; those here, 1 and 0, are the truncated rectifier of the paper, which Keras had
    as the layer ThresholdedReLU. It jumps at the threshold.

    Args:
        threshold: above it x passes.
        default_value: the value elsewhere.
    """
    return ops.where(x <= threshold, default_value, x)  # NaN stays NaN
