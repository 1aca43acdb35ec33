"""Activations that weigh x with a gate between 0 and 1: silu, swish, hard_silu, gelu, mish.

At −∞ the product of silu, swish, mish and of gelu's exact form is −∞·0, value and slope NaN, as in Keras and PyTorch,
though the limit of both is 0. To clip x to the least finite number would mend it, bit for bit alike elsewhere, but
costs a step on a CPU 4 to 6% in a dense net (784-300-100-10, batch 100) and 9 to 14% in a small convolutional one.
"""

from __future__ import annotations

import math
from math import inf
from typing import Any

import numpy as np

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Finite, Share
from actlab.parts.activations.ties import clip, maximum


@ACTIVATIONS.register(ActivationFacts(
    formula="x·sigmoid(x)", range=(-0.2784645427610738, inf), monotonic=False, slope_at_zero=0.5,
    source="Elfwing et al. 2017, arXiv:1702.03118; keras.activations.silu",
    reference=lambda x: x / (1 + np.exp(-x)),
))  # fmt: skip
def silu(x: Any) -> Any:
    """f(x) = x·sigmoid(x).

    Keras also calls this one swish; here `swish` is the one whose β is learned.
    """
    return keras.activations.silu(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="x·sigmoid(β·x), β learned, starting at 1", range=(-0.2784645427610738, inf), monotonic=False,
    slope_at_zero=0.5, learned={"beta": "initial_beta"},
    source="Ramachandran et al. 2017, arXiv:1710.05941",
    reference=lambda x: x / (1 + np.exp(-x)),
))  # fmt: skip
def swish(x: Any, beta: Any, *, initial_beta: Finite = 1.0, share: Share = "layer") -> Any:
    """f(x) = x·sigmoid(β·x), with β = `beta` learned without weight decay.

    What Keras calls swish has β fixed at 1 and is `silu` here.

    Args:
        x: tensor of shape (batch, ..., channels).
        beta: the learned weight β, in a shape that broadcasts to that of `x`.
        initial_beta: where β starts.
        share: one β for each channel (the last axis), one for the whole layer, or one for each element.
    """
    return x * ops.sigmoid(beta * x)


@ACTIVATIONS.register(ActivationFacts(
    formula="x·min(max(x + 3, 0), 6)/6", range=(-0.375, inf), monotonic=False, slope_at_zero=0.5, kinks=(-3, 3),
    source="Howard et al. 2019, arXiv:1905.02244; keras.activations.hard_silu",
    reference=lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
), aliases=("hard_swish",))  # fmt: skip
def hard_silu(x: Any) -> Any:
    """f(x) = x·min(max(x + 3, 0), 6)/6."""
    near = clip(x, -3.0, 3.0)  # Keras's form is −∞·0 at −∞
    return ops.where(x > 3, x, near * (near + 3) * (1 / 6))


@ACTIVATIONS.register(ActivationFacts(
    formula="x·(1 + erf(x/√2))/2", range=(-0.16997120747990369, inf), monotonic=False, slope_at_zero=0.5,
    source="Hendrycks and Gimpel 2016, arXiv:1606.08415; keras.activations.gelu",
    reference=lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
))  # fmt: skip
def gelu(x: Any, *, approximate: bool = False) -> Any:
    """f(x) = x·Φ(x), Φ the normal distribution function; approximate: x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.

    Args:
        approximate: whether to take the second form.
    """
    if not approximate:
        # erfc and not 1 + erf, which cancels below 0; Keras's form has √2 in float32, which float64 would show
        return x * (ops.erfc(-math.sqrt(0.5) * x) / 2)
    # (1 + tanh(u))/2 is sigmoid(2u), which does not cancel: Keras's form has value and slope 0 at −5 in float32.
    # tanh is ±1 to the last bit at ±10; beyond, x³ overflows float16 and makes the gradient NaN
    near = clip(x, -10.0, 10.0)
    return maximum(x, -10.0) * ops.sigmoid(math.sqrt(8 / math.pi) * (near + 0.044715 * near * near * near))


@ACTIVATIONS.register(ActivationFacts(
    formula="x·tanh(softplus(x))", range=(-0.30884341301725043, inf), monotonic=False, slope_at_zero=0.6,
    source="Misra 2019, arXiv:1908.08681; keras.activations.mish",
    reference=lambda x: x * np.tanh(np.logaddexp(0, x)),
))  # fmt: skip
def mish(x: Any) -> Any:
    """f(x) = x·tanh(softplus(x))."""
    return keras.activations.mish(x)
