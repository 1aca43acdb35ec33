"""One condition over its seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from actlab.study.stats.arrays import Floats, finite, share


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
