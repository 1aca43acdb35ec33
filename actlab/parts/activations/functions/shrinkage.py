"""Activations that draw small values towards 0: soft_shrink, hard_shrink, tanh_shrink."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from actlab.lazy import keras, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, NotNegative
from actlab.parts.activations.ties import clip


@ACTIVATIONS.register(ActivationFacts(
    formula="x − threshold for x > threshold, x + threshold for x < −threshold, 0 between (0.5)",
    range=(-inf, inf), slope_at_zero=0, kinks=(-0.5, 0.5),
    source="keras.activations.soft_shrink",
    reference=lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
))  # fmt: skip
def soft_shrink(x: Any, *, threshold: NotNegative = 0.5) -> Any:
    """f(x) = sign(x)·max(|x| − threshold, 0).

    Args:
        threshold: half the width of the flat piece, at least 0.
    """
    return x - clip(x, -threshold, threshold)  # Keras's form makes NaN a 0


@ACTIVATIONS.register(ActivationFacts(
    formula="x for |x| > threshold, 0 elsewhere (0.5)", range=(-inf, inf), slope_at_zero=0, kinks=(-0.5, 0.5),
    source="keras.activations.hard_shrink",
    reference=lambda x: np.where(np.abs(x) <= 0.5, 0, x),
))  # fmt: skip
def hard_shrink(x: Any, *, threshold: NotNegative = 0.5) -> Any:
    """f(x) = x for |x| > threshold, 0 elsewhere; it jumps at both thresholds.

    Args:
        threshold: half the width of the flat piece, at least 0.
    """
    return ops.where(ops.abs(x) <= threshold, 0.0, x)  # Keras asks for >, which NaN never is


@ACTIVATIONS.register(ActivationFacts(
    formula="x − tanh(x)", range=(-inf, inf), slope_at_zero=0,
    source="keras.activations.tanh_shrink",
    reference=lambda x: x - np.tanh(x),
))  # fmt: skip
def tanh_shrink(x: Any) -> Any:
    """f(x) = x − tanh(x)."""
    return keras.activations.tanh_shrink(x)
