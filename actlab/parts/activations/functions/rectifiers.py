"""Keras's piecewise linear activations: linear, relu, relu6, leaky_relu, threshold."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Finite, Positive


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=1,
        source="keras.activations.linear",
    )
)
def linear(x: Any) -> Any:
    """f(x) = x: no activation, the baseline that shows what a non-linearity is worth.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        `x`.
    """
    return x


@ACTIVATIONS.register(
    ActivationFacts(
        formula="max(x, 0)",
        range=(0, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0,
        source="Nair and Hinton 2010, ICML; keras.activations.relu",
        kinks=(0,),
    )
)
def relu(x: Any, *, negative_slope: Finite = 0.0, max_value: Positive | None = None, threshold: Finite = 0.0) -> Any:
    """f(x) = max(x, 0); in full min(x, max_value) for x > threshold, negative_slope·(x − threshold) below.

    The slope at the threshold is that of the left side.

    Args:
        x: tensor of any shape and floating dtype.
        negative_slope: slope below the threshold.
        max_value: the largest value; none if left out.
        threshold: where the straight piece begins.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Nair and Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines, ICML.
    """
    if not negative_slope:
        return keras.activations.relu(x, 0.0, max_value, threshold)
    above = x if max_value is None else ops.minimum(x, max_value)
    return ops.where(x > threshold, above, negative_slope * (x - threshold))


@ACTIVATIONS.register(
    ActivationFacts(
        formula="min(max(x, 0), 6)",
        range=(0, 6),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0,
        source="Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10; keras.activations.relu6",
        kinks=(0, 6),
    )
)
def relu6(x: Any) -> Any:
    """f(x) = min(max(x, 0), 6).

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.relu6(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x for x > 0, negative_slope·x for x ≤ 0 (0.2)",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0.2,
        source="Maas et al. 2013, ICML; keras.activations.leaky_relu",
        kinks=(0,),
    )
)
def leaky_relu(x: Any, *, negative_slope: Finite = 0.2) -> Any:
    """f(x) = x for x > 0, negative_slope·x for x ≤ 0.

    Keras has 0.2 here, and 0.3 in its layer LeakyReLU; the default is the former.

    Args:
        x: tensor of any shape and floating dtype.
        negative_slope: slope below 0.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Maas et al. 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models, ICML.
    """
    if x.dtype == "float64":  # the fused kernel keeps the slope in float32, which shows where float64 is asked for
        return ops.where(x > 0, x, negative_slope * x)
    return keras.activations.leaky_relu(x, negative_slope)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x for x > threshold, default_value for x ≤ threshold (1, 0)",
        range=(0, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0,
        source="Konda et al. 2014, arXiv:1402.3337; keras.activations.threshold",
        kinks=(1,),
    )
)
def threshold(x: Any, *, threshold: Finite = 1.0, default_value: Finite = 0.0) -> Any:
    """f(x) = x for x > threshold, default_value for x ≤ threshold.

    Keras's function has no defaults; those here, 1 and 0, are the truncated rectifier of the paper, which Keras had
    as the layer ThresholdedReLU. It jumps at the threshold.

    Args:
        x: tensor of any shape and floating dtype.
        threshold: above it x passes.
        default_value: the value elsewhere.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Konda et al. 2014, Zero-bias autoencoders and the benefits of co-adapting features, arXiv:1402.3337.
    """
    return ops.where(x > threshold, x, default_value)
