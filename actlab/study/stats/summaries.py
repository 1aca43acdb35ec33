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
CONFIDENCE = 0.95  # of every interval


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
    """

    n: int
    values: tuple[float, ...]
    mean: float
    std: float
    median: float
    iqm: float
    low: float
    high: float


def summary(values: ArrayLike) -> Summary:
    """mean ± t(n − 1, 0.975) · std/√n, and what else describes the values.

    The interquartile mean is the mean of what is left without the ⌊n/4⌋ smallest and the ⌊n/4⌋ largest: all of the
    values for n < 4, three of five, six of ten. An interval of no width says that these seeds agree, not that the next
    one will.

    Args:
        values: (seeds,), finite; may be empty.

    Raises:
        ValueError: a value is not finite.

    Reference: Student 1908, Biometrika 6(1); the interquartile mean as in Agarwal et al. 2021 (arXiv 2108.13264), which
        is `scipy.stats.trim_mean(values, 0.25)`.
    """
    array = finite(values, "values")
    n, cut = array.size, array.size // 4
    if not n:
        return Summary(0, (), *[math.nan] * 6)
    low, high = t_interval(array)
    return Summary(
        n, tuple(array.tolist()), float(array.mean()), std(array), float(np.median(array)),
        float(np.sort(array)[cut : n - cut].mean()), low, high,
    )  # fmt: skip


def std(values: Floats) -> float:
    """√(Σ (v − mean)² / (n − 1)); NaN where n < 2."""
    return float(values.std(ddof=1)) if values.size > 1 else math.nan


def t_interval(values: Floats) -> tuple[float, float]:
    """mean ± t(n − 1, (1 + CONFIDENCE)/2) · std/√n; NaN where n < 2."""
    from scipy import special

    n = values.size
    if n < 2:
        return math.nan, math.nan
    half = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * std(values) / math.sqrt(n)
    mean = float(values.mean())
    return mean - half, mean + half
