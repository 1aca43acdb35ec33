"""What may come in, and how exact it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Relative to the largest value: 450 times the rounding of a float64, as room for a mean over epochs, and a million
# times finer than one image of 10,000.
ROUNDING = 1e-13


def finite(values: ArrayLike, name: str) -> Floats:
    """The values as float64, (seeds,).

    Raises:
        ValueError: they are not one number a seed, or one of them is NaN or infinite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one number a seed, got an array of shape {array.shape}")
    wrong = np.flatnonzero(~np.isfinite(array))
    if wrong.size:
        raise ValueError(
            f"{name}[{wrong[0]}] is {array[wrong[0]]}: leave out the seeds that have no value, and state how many"
        )
    return array


def share(value: float, name: str = "confidence") -> float:
    """The value, which must lie between 0 and 1.

    Raises:
        ValueError: it does not.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} is between 0 and 1, such as 0.95 or 0.05; got {value}")
    return value


def rounding(*arrays: Floats) -> float:
    """How far a difference of two of the values may be off for being kept as binary fractions."""
    return ROUNDING * max((float(np.abs(array).max()) for array in arrays if array.size), default=0.0)
