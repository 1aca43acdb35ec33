"""S-shaped activations, and the logarithm of one: they saturate on both sides, log_sigmoid on one."""

from __future__ import annotations

from math import inf, log
from typing import Any

import numpy as np

from actlab.lazy import backend, jax, keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts
from actlab.parts.autodiff import largest


@ACTIVATIONS.register(ActivationFacts(
    formula="1 / (1 + exp(−x))", range=(0, 1), value_at_zero=0.5, slope_at_zero=0.25,
    source="keras.activations.sigmoid",
    reference=lambda x: 1 / (1 + np.exp(-x)),
))  # fmt: skip
def sigmoid(x: Any) -> Any:
    """f(x) = 1 / (1 + exp(−x)).

    Its slope is at most 1/4, so each layer shrinks the gradient.
    """
    return keras.activations.sigmoid(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="0 for x ≤ −3, x/6 + 1/2 between, 1 for x ≥ 3", range=(0, 1), value_at_zero=0.5, slope_at_zero=1 / 6,
    kinks=(-3, 3),
    source="Howard et al. 2019, arXiv:1905.02244; keras.activations.hard_sigmoid",
    reference=lambda x: np.clip(x / 6 + 0.5, 0, 1),
))  # fmt: skip
def hard_sigmoid(x: Any) -> Any:
    """f(x) = min(max(x + 3, 0), 6) / 6."""
    return keras.activations.hard_sigmoid(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="0 for x ≤ −1, (x + 1)/2 between, 1 for x ≥ 1", range=(0, 1), value_at_zero=0.5, slope_at_zero=0.5,
    kinks=(-1, 1),
    source="Blondel et al. 2019, arXiv:1901.02324; keras.activations.sparse_sigmoid",
    reference=lambda x: np.clip((x + 1) / 2, 0, 1),
))  # fmt: skip
def sparse_sigmoid(x: Any) -> Any:
    """f(x) = min(max((x + 1)/2, 0), 1): the sparsemax of (x, 0), at half the width."""
    # as Keras has it on TensorFlow; on JAX its slope at the kinks is another
    return ops.where(x <= -1, 0.0, ops.where(x >= 1, 1.0, 0.5 * (x + 1)))


@ACTIVATIONS.register(ActivationFacts(
    formula="−softplus(−x)", range=(-inf, 0), value_at_zero=-log(2), slope_at_zero=0.5,
    source="keras.activations.log_sigmoid",
    reference=lambda x: -np.logaddexp(0, -x),
))  # fmt: skip
def log_sigmoid(x: Any) -> Any:
    """f(x) = log(1 / (1 + exp(−x))) = −softplus(−x)."""
    return keras.activations.log_sigmoid(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="(exp(x) − exp(−x)) / (exp(x) + exp(−x))", range=(-1, 1), slope_at_zero=1,
    source="keras.activations.tanh",
    reference=np.tanh,
))  # fmt: skip
def tanh(x: Any) -> Any:
    """f(x) = (exp(x) − exp(−x)) / (exp(x) + exp(−x))."""
    # Keras's own makes single precision of double on JAX
    return jax.numpy.tanh(x) if backend() == "jax" else keras.activations.tanh(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="min(max(x, −1), 1)", range=(-1, 1), slope_at_zero=1, kinks=(-1, 1),
    source="keras.activations.hard_tanh",
    reference=lambda x: np.clip(x, -1, 1),
))  # fmt: skip
def hard_tanh(x: Any) -> Any:
    """f(x) = min(max(x, −1), 1)."""
    return keras.activations.hard_tanh(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="x / (1 + |x|)", range=(-1, 1), slope_at_zero=1,
    source="Glorot and Bengio 2010, AISTATS; keras.activations.softsign",
    reference=lambda x: x / (1 + np.abs(x)),
))  # fmt: skip
def softsign(x: Any) -> Any:
    """f(x) = x / (1 + |x|): an S that saturates slowly."""
    return keras.activations.softsign(ops.clip(x, -largest(x), largest(x)))  # ∞/∞ would be NaN
