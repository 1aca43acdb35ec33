"""Maximum, minimum and clip whose gradient at a tie is the same on every engine: that of the first argument.

So TensorFlow has it; JAX gives each side half. Black pixels under a bias of 0 are ties by the thousand.
"""

from __future__ import annotations

from typing import Any

from actlab.lazy import backend, ops


def maximum(a: Any, b: Any) -> Any:
    """max(a, b); NaN where either is."""
    return ops.where((a >= b) | (a != a), a, b) if backend() == "jax" else ops.maximum(a, b)


def minimum(a: Any, b: Any) -> Any:
    """min(a, b); NaN where either is."""
    return ops.where((a <= b) | (a != a), a, b) if backend() == "jax" else ops.minimum(a, b)


def clip(x: Any, low: float, high: float) -> Any:
    """min(max(x, low), high); the slope at both ends is 1."""
    return minimum(maximum(x, low), high) if backend() == "jax" else ops.clip(x, low, high)
