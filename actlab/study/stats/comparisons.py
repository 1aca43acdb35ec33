"""Many comparisons and few seeds: what p can be, what is left of it, and how many seeds it takes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from actlab.study.stats.arrays import share

MINIMUM_PAIRS = 6  # the fewest whose two-sided p can be under 0.05: 2/2⁵ = 0.0625, 2/2⁶ = 0.03125
MOST_PAIRS = 1_000_000  # a difference that takes more is one that nobody will see
POWER = 0.8


def holm(p_values: Sequence[float]) -> list[float]:
    """For p₁ ≤ … ≤ pₘ, the i-th becomes max over j ≤ i of min(1, (m − j + 1) · pⱼ).

    If those under alpha are called different, the chance that one or more of the table's comparisons is called so
    without being so is at most alpha, however the comparisons depend on each other (they share a baseline).

    Args:
        p_values: of all comparisons of a table, each in [0, 1]. NaN is a comparison that has none, and does not count.

    Returns:
        The corrected values in the order given; NaN where there was NaN.

    Raises:
        ValueError: a value is outside [0, 1].

    Reference: Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    p = np.asarray(p_values, dtype=np.float64)
    outside = p[(p < 0) | (p > 1)]
    if outside.size:
        raise ValueError(f"p is between 0 and 1; got {outside[0]}")
    counted = np.flatnonzero(~np.isnan(p))
    ascending = counted[np.argsort(p[counted], kind="stable")]
    factors = np.arange(ascending.size, 0, -1)
    corrected = np.full(p.shape, math.nan)
    corrected[ascending] = np.minimum(1, np.maximum.accumulate(factors * p[ascending]))
    return [float(value) for value in corrected]


def smallest_p(n: int) -> float:
    """2/2ⁿ, the two-sided p of n pairs whose differences all point the same way; 1 for n = 0."""
    return min(1.0, 2.0 ** (1 - n))


def pairs_needed_for_p(comparisons: int, alpha: float = 0.05) -> int:
    """The smallest n with comparisons · 2/2ⁿ under alpha. With fewer, Holm leaves nothing to be found.

    Args:
        comparisons: of the table, 1 or more, with as many pairs each.
        alpha: between 0 and 1.

    Raises:
        ValueError: a number is out of its range.
    """
    if comparisons < 1:
        raise ValueError(f"a table has 1 comparison or more; got {comparisons}")
    share(alpha, "alpha")
    n = 1
    while comparisons * smallest_p(n) >= alpha:
        n += 1
    return n


def pairs_needed_for_power(effect_size: float, comparisons: int = 1, alpha: float = 0.05) -> int | None:
    """The smallest n whose `t_test_power` is 0.8 or more at alpha / comparisons.

    With so many pairs a two-sided paired t-test finds such an effect four times in five. Alpha is shared among the
    comparisons because that is what Holm asks of the smallest p. Never fewer than MINIMUM_PAIRS, nor than
    `pairs_needed_for_p`. An effect size that was estimated from a few seeds is rough, and so is the answer.

    Args:
        effect_size: mean of the differences divided by their standard deviation.
        comparisons: of the table, 1 or more.
        alpha: between 0 and 1.

    Returns:
        Pairs; None where the effect size is 0 or not finite, or takes more than MOST_PAIRS.

    Raises:
        ValueError: a number is out of its range.

    Reference: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    floor = max(MINIMUM_PAIRS, pairs_needed_for_p(comparisons, alpha))
    if not math.isfinite(effect_size) or effect_size == 0:
        return None
    candidates = range(floor, MOST_PAIRS + 1)
    found = bisect_left(candidates, POWER, key=lambda n: t_test_power(effect_size, n, alpha / comparisons))
    return candidates[found] if found < len(candidates) else None


def t_test_power(effect_size: float, pairs: int, alpha: float = 0.05) -> float:
    """P(F > t(n − 1, 1 − alpha/2)²), F noncentral with 1 and n − 1 degrees of freedom and noncentrality n · effect².

    F is the square of the noncentral t: both tails in one number, and finite where SciPy's noncentral t is NaN.

    Args:
        effect_size: mean of the differences divided by their standard deviation.
        pairs: 2 or more.
        alpha: between 0 and 1.

    Returns:
        The chance that a two-sided paired t-test finds the effect.

    Reference: as `statsmodels.stats.power.TTestPower`.
    """
    from scipy import special

    critical = float(special.stdtrit(pairs - 1, 1 - share(alpha, "alpha") / 2))
    missed = float(special.ncfdtr(1, pairs - 1, pairs * effect_size * effect_size, critical * critical))
    return 1.0 if math.isnan(missed) else 1 - missed  # NaN comes of effects that are never missed
