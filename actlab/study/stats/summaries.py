"""One condition over its seeds: arrays are (seeds,), one number a training, for seeds are what is replicated."""

from __future__ import annotations

import math
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Summary:
    """One condition over its seeds.

    Args:
        n: seeds.
        values: one a seed, as given.
        mean, median: NaN where n = 0.
        std: standard deviation with n − 1; NaN where n < 2.
        iqm: interquartile mean; NaN where n = 0.
        low, high: Student t interval of the mean; NaN where n < 2.
        confidence: of the interval.
    """

    n: int
    values: tuple[float, ...]
    mean: float
    std: float
    median: float
    iqm: float
    low: float
    high: float
    confidence: float = 0.95


def summary(values: ArrayLike, confidence: float = 0.95) -> Summary:
    """mean ± t(n − 1, (1 + confidence)/2) · std/√n, and what else describes the values.

    The interquartile mean is the mean of what is left without the ⌊n/4⌋ smallest and the ⌊n/4⌋ largest: all of the
    values for n < 4, three of five, six of ten. An interval of no width says that these seeds agree, not that the next
    one will.

    Args:
        values: (seeds,), finite; may be empty.
        confidence: between 0 and 1.

    Raises:
        ValueError: a value is not finite, or the confidence not between 0 and 1.

    Reference: Student 1908, Biometrika 6(1); the interquartile mean as in Agarwal et al. 2021 (arXiv 2108.13264), which
        is `scipy.stats.trim_mean(values, 0.25)`.
    """
    array, confidence = finite(values, "values"), share(confidence)
    n, cut = array.size, array.size // 4
    if not n:
        nan = math.nan
        return Summary(0, (), nan, nan, nan, nan, nan, nan, confidence)
    low, high = t_interval(array, confidence)
    return Summary(
        n, tuple(array.tolist()), float(array.mean()), std(array), float(np.median(array)),
        float(np.sort(array)[cut : n - cut].mean()), low, high, confidence,
    )  # fmt: skip


def std(values: Floats) -> float:
    """√(Σ (v − mean)² / (n − 1)); NaN where n < 2."""
    return float(values.std(ddof=1)) if values.size > 1 else math.nan


def t_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """mean ± t(n − 1, (1 + confidence)/2) · std/√n; NaN where n < 2."""
    from scipy import special

    n = values.size
    if n < 2:
        return math.nan, math.nan
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * std(values) / math.sqrt(n)
    mean = float(values.mean())
    return mean - half, mean + half
