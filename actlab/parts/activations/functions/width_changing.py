"""Activations that make more outputs than they take inputs, or fewer: crelu, glu, maxout."""

from __future__ import annotations

from functools import reduce
from math import inf
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts
from actlab.parts.activations.ties import maximum


@ACTIVATIONS.register(ActivationFacts(
    formula="[max(x, 0), max(−x, 0)] along the last axis", range=(0, inf), slope_at_zero=0, kinks=(0,),
    source="Shang et al. 2016, arXiv:1603.05201",
    reference=lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=-1),
    elementwise=False, gives=2,
))  # fmt: skip
def crelu(x: Any) -> Any:
    """f(x) = [max(x, 0), max(−x, 0)]: positive and negative part, one after the other on the last axis.

    Args:
        x: tensor of shape (..., channels).

    Returns:
        A tensor of shape (..., 2 · channels) and the dtype of `x`.
    """
    return ops.concatenate([ops.relu(x), ops.relu(-x)], axis=-1)


@ACTIVATIONS.register(ActivationFacts(
    formula="a·sigmoid(b), a the first half of the last axis and b the second", range=(-inf, inf), slope_at_zero=0.5,
    source="Dauphin et al. 2017, arXiv:1612.08083; keras.activations.glu",
    reference=lambda x: np.split(x, 2, axis=-1)[0] / (1 + np.exp(-np.split(x, 2, axis=-1)[1])),
    elementwise=False, takes=2, inputs_apart=True,
))  # fmt: skip
def glu(x: Any) -> Any:
    """f(a, b) = a·sigmoid(b), a the first half of the last axis and b the second.

    Args:
        x: tensor of shape (..., 2 · units).

    Returns:
        A tensor of shape (..., units) and the dtype of `x`.
    """
    return keras.activations.glu(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="max(x₁, …, x_k) of each k = pieces neighbours on the last axis", range=(-inf, inf), slope_at_zero=1,
    kinks=(0,),
    source="Goodfellow et al. 2013, arXiv:1302.4389",
    reference=lambda x: x.reshape(*x.shape[:-1], -1, 2).max(axis=-1),
    elementwise=False, takes="pieces",
))  # fmt: skip
def maxout(x: Any, *, pieces: Annotated[int, Field(ge=2, le=64)] = 2) -> Any:
    """f(x)ⱼ = max(x_{jk}, …, x_{jk+k−1}), with k = `pieces`: one output from k neighbours on the last axis.

    Among equal inputs the gradient goes to the first.

    Args:
        x: tensor of shape (..., pieces · units).
        pieces: how many inputs one unit takes.

    Returns:
        A tensor of shape (..., units) and the dtype of `x`.
    """
    return reduce(maximum, [x[..., first::pieces] for first in range(pieces)])
