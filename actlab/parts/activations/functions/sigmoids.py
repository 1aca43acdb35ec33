"""Keras's S-shaped activations, and the logarithm of one: they saturate on both sides, log_sigmoid on one."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import keras
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts


@ACTIVATIONS.register(
    ActivationFacts(
        formula="1 / (1 + exp(−x))",
        range=(0, 1),
        monotonic=True,
        value_at_zero=0.5,
        slope_at_zero=0.25,
        source="keras.activations.sigmoid",
    )
)
def sigmoid(x: Any) -> Any:
    """f(x) = 1 / (1 + exp(−x)).

    Its slope is at most 1/4, so each layer shrinks the gradient.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.sigmoid(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="0 for x ≤ −3, x/6 + 1/2 between, 1 for x ≥ 3",
        range=(0, 1),
        monotonic=True,
        value_at_zero=0.5,
        slope_at_zero=1 / 6,
        source="Howard et al. 2019, arXiv:1905.02244; keras.activations.hard_sigmoid",
        kinks=(-3, 3),
    )
)
def hard_sigmoid(x: Any) -> Any:
    """f(x) = min(max(x + 3, 0), 6) / 6.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244.
    """
    return keras.activations.hard_sigmoid(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="0 for x ≤ −1, (x + 1)/2 between, 1 for x ≥ 1",
        range=(0, 1),
        monotonic=True,
        value_at_zero=0.5,
        slope_at_zero=0.5,
        source="Blondel et al. 2019, arXiv:1901.02324; keras.activations.sparse_sigmoid",
        kinks=(-1, 1),
    )
)
def sparse_sigmoid(x: Any) -> Any:
    """f(x) = min(max((x + 1)/2, 0), 1): the sparsemax of (x, 0), at half the width.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Blondel et al. 2019, Learning with Fenchel-Young Losses, arXiv:1901.02324.
    """
    return keras.activations.sparse_sigmoid(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="−softplus(−x)",
        range=(-math.inf, 0),
        monotonic=True,
        value_at_zero=-math.log(2),
        slope_at_zero=0.5,
        source="keras.activations.log_sigmoid",
    )
)
def log_sigmoid(x: Any) -> Any:
    """f(x) = log(1 / (1 + exp(−x))) = −softplus(−x).

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.log_sigmoid(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="(exp(x) − exp(−x)) / (exp(x) + exp(−x))",
        range=(-1, 1),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=1,
        source="keras.activations.tanh",
    )
)
def tanh(x: Any) -> Any:
    """f(x) = (exp(x) − exp(−x)) / (exp(x) + exp(−x)).

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.tanh(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="min(max(x, −1), 1)",
        range=(-1, 1),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=1,
        source="keras.activations.hard_tanh",
        kinks=(-1, 1),
    )
)
def hard_tanh(x: Any) -> Any:
    """f(x) = min(max(x, −1), 1).

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.hard_tanh(x)


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x / (1 + |x|)",
        range=(-1, 1),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=1,
        source="Glorot and Bengio 2010, AISTATS; keras.activations.softsign",
    )
)
def softsign(x: Any) -> Any:
    """f(x) = x / (1 + |x|): an S that saturates slowly.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return keras.activations.softsign(x)
