"""Activations that make the last axis a distribution: softmax, log_softmax, sparsemax."""

from __future__ import annotations

import math
from math import inf, log
from typing import Any

import numpy as np

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Array
from actlab.parts.autodiff import largest


@ACTIVATIONS.register(ActivationFacts(
    formula="exp(xᵢ) / Σⱼ exp(xⱼ) along the last axis", range=(0, 1), value_at_zero=0.5, slope_at_zero=0.25,
    source="Bridle 1990; keras.activations.softmax",
    reference=lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    elementwise=False, own_slope=lambda x: ops.softmax(x) * (1 - ops.softmax(x)),
))  # fmt: skip
def softmax(x: Any) -> Any:
    """f(x)ᵢ = exp(xᵢ) / Σⱼ exp(xⱼ) along the last axis, which then sums to 1.

    Args:
        x: tensor of shape (..., units).
    """
    return keras.activations.softmax(x)


@ACTIVATIONS.register(ActivationFacts(
    formula="xᵢ − ln Σⱼ exp(xⱼ) along the last axis", range=(-inf, 0), value_at_zero=-log(2), slope_at_zero=0.5,
    source="keras.activations.log_softmax",
    reference=lambda x: x - np.log(np.exp(x).sum(axis=-1, keepdims=True)),
    elementwise=False, own_slope=lambda x: 1 - ops.softmax(x),
))  # fmt: skip
def log_softmax(x: Any) -> Any:
    """f(x)ᵢ = xᵢ − ln Σⱼ exp(xⱼ) along the last axis.

    Args:
        x: tensor of shape (..., units).
    """
    return keras.activations.log_softmax(x)


def _support(x: Any) -> Any:
    """Where sparsemax is above 0, as a float32 or float64 mask."""
    precise = ops.cast(x, "float64" if x.dtype == "float64" else "float32")
    # no element further than 1 below the largest is in the support, so cutting there changes nothing, and keeps
    # the sums small: of the values themselves they overflow float16
    shifted = ops.maximum(precise - ops.max(precise, axis=-1, keepdims=True), -1.0)
    descending = -ops.sort(-shifted, axis=-1)
    count = ops.cumsum(ops.ones_like(descending), axis=-1)
    inside = ops.cast(1 + count * descending > ops.cumsum(descending, axis=-1), precise.dtype)
    size = ops.sum(inside, axis=-1, keepdims=True)
    cut = (ops.sum(inside * descending, axis=-1, keepdims=True) - 1) / size
    return ops.stop_gradient(ops.cast(shifted > cut, precise.dtype))


def _sparsemax_slope(x: Any) -> Any:
    support = _support(x)
    return ops.cast(support * (1 - 1 / ops.sum(support, axis=-1, keepdims=True)), x.dtype)


def _sparsemax_reference(x: Array) -> Array:
    """τ is the largest of the thresholds that the k greatest elements give, k from 1 to all of them."""
    sums = np.cumsum(-np.sort(-x, axis=-1), axis=-1)
    cuts = (sums - 1) / np.arange(1, x.shape[-1] + 1)
    values: Array = np.maximum(x - cuts.max(axis=-1, keepdims=True), 0)
    return values


@ACTIVATIONS.register(ActivationFacts(
    formula="max(xᵢ − τ(x), 0) along the last axis, τ such that the values sum to 1", range=(0, 1),
    value_at_zero=0.5, slope_at_zero=0.5, kinks=(-1, 1),
    source="Martins and Astudillo 2016, arXiv:1602.02068 (Keras 3.15.1 computes another τ)",
    reference=_sparsemax_reference,
    elementwise=False, own_slope=_sparsemax_slope,
))  # fmt: skip
def sparsemax(x: Any) -> Any:
    """f(x)ᵢ = max(xᵢ − τ(x), 0) along the last axis, τ such that the values sum to 1: a softmax with zeros.

    Not Keras's function: that of Keras 3.15.1 adds up the running sums of the sorted values in place of the values,
    and gives four zeros for (1, 0.9, 0.8, −1). This one follows algorithm 1 of the paper.

    Args:
        x: tensor of shape (..., units).
    """
    missing, x = ops.isnan(x), ops.clip(x, -largest(x), largest(x))  # ∞ − ∞ would be NaN
    support = _support(x)
    precise = ops.cast(x, support.dtype)
    # the largest is taken off first: it changes nothing, and what is summed then lies between −1 and 0
    shifted = precise - ops.stop_gradient(ops.max(precise, axis=-1, keepdims=True))
    inside = ops.where(support > 0, shifted, 0.0)
    cut = (ops.sum(inside, axis=-1, keepdims=True) - 1) / ops.sum(support, axis=-1, keepdims=True)
    values = ops.cast(ops.where(support > 0, shifted - cut, 0.0), x.dtype)
    return ops.where(ops.any(missing, axis=-1, keepdims=True), math.nan, values)
