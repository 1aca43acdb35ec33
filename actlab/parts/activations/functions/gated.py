"""Keras's activations that weigh x with a gate between 0 and 1: silu, hard_silu, gelu, mish, glu."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x·sigmoid(x)",
        range=(-0.2784645427610738, math.inf),
        monotonic=False,
        value_at_zero=0,
        slope_at_zero=0.5,
        source="Elfwing et al. 2017, arXiv:1702.03118; keras.activations.silu",
    )
)
def silu(x: Any) -> Any:
    """f(x) = x·sigmoid(x).

    Keras also calls this one swish; here `swish` is the one whose β is learned.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Elfwing et al. 2017, Sigmoid-Weighted Linear Units for Neural Network Function Approximation, arXiv:1702.03118.
    """
    return keras.activations.silu(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x·min(max(x + 3, 0), 6)/6",
        range=(-0.375, math.inf),
        monotonic=False,
        value_at_zero=0,
        slope_at_zero=0.5,
        source="Howard et al. 2019, arXiv:1905.02244; keras.activations.hard_silu",
        kinks=(-3, 3),
    ),
    aliases=("hard_swish",),
)
def hard_silu(x: Any) -> Any:
    """f(x) = x·min(max(x + 3, 0), 6)/6.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244.
    """
    return keras.activations.hard_silu(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x·(1 + erf(x/√2))/2",
        range=(-0.16997120747990369, math.inf),
        monotonic=False,
        value_at_zero=0,
        slope_at_zero=0.5,
        source="Hendrycks and Gimpel 2016, arXiv:1606.08415; keras.activations.gelu",
    )
)
def gelu(x: Any, *, approximate: bool = False) -> Any:
    """f(x) = x·Φ(x), Φ the normal distribution function; approximate: x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.

    Args:
        x: tensor of any shape and floating dtype.
        approximate: whether to take the second form.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Hendrycks and Gimpel 2016, Gaussian Error Linear Units, arXiv:1606.08415.
    """
    if not approximate:
        # erfc and not 1 + erf, which cancels below 0; Keras's form has √2 in float32, which float64 would show
        return x * (ops.erfc(-math.sqrt(0.5) * x) / 2)
    # tanh is 1 to the last bit at 10; beyond, x³ of Keras's form overflows float16 and makes the gradient NaN
    near = ops.clip(x, -10.0, 10.0)
    return x * ((1 + ops.tanh(math.sqrt(2 / math.pi) * (near + 0.044715 * near * near * near))) / 2)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x·tanh(softplus(x))",
        range=(-0.30884341301725043, math.inf),
        monotonic=False,
        value_at_zero=0,
        slope_at_zero=0.6,
        source="Misra 2019, arXiv:1908.08681; keras.activations.mish",
    )
)
def mish(x: Any) -> Any:
    """f(x) = x·tanh(softplus(x)).

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Misra 2019, Mish: A Self Regularized Non-Monotonic Activation Function, arXiv:1908.08681.
    """
    return keras.activations.mish(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="a·sigmoid(b), a the first half of the last axis and b the second",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0.5,
        source="Dauphin et al. 2017, arXiv:1612.08083; keras.activations.glu",
        elementwise=False,
        takes=2,
        inputs_apart=True,
    )
)
def glu(x: Any) -> Any:
    """f(a, b) = a·sigmoid(b), a the first half of the last axis and b the second.

    Args:
        x: tensor of shape (..., 2 · units).

    Returns:
        A tensor of shape (..., units) and the dtype of `x`.

    Reference:
        Dauphin et al. 2017, Language Modeling with Gated Convolutional Networks, arXiv:1612.08083.
    """
    return keras.activations.glu(x)
