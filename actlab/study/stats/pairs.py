"""One condition against another, seed by seed."""

from __future__ import annotations

import functools
import math
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from actlab.study.stats.joint import DRAWS, MINIMUM_PAIRS
from actlab.study.stats.summaries import CONFIDENCE, Floats, finite, rounding, std, t_interval

EXACT_PAIRS = 36  # up to here every sign flip is counted, in some hundredths of a second
MOST_PAIRS = 1_000_000  # a difference that takes more is one that nobody will see
POWER, ALPHA = 0.8, 0.05  # of the test that `seeds_needed` speaks of


@dataclass(frozen=True)
class Paired:
    """One condition against another; a pair is a seed that both have.

    Args:
        n: pairs.
        differences: value − baseline of each pair; exactly 0 where rounding alone could make the difference.
        difference: their mean, exactly 0 likewise; NaN where n = 0.
        low, high: Student t interval of the mean difference; NaN where n < 2.
        p: two-sided p of the sign-flip test; NaN where n = 0.
        smallest_p: the smallest that p can be with so many pairs.
        superiority: share of the pairs in which the value is the higher one, a tie counting half; NaN where n = 0.
            Where lower is better, `better` turns it round.
        superiority_low, superiority_high: its interval; NaN where n < 2.
        seeds_needed: pairs with which a difference of this size and spread is found four times in five; None where
            there is no such number.
        off: how far each difference may be off by rounding.
    """

    n: int
    differences: tuple[float, ...]
    difference: float
    low: float
    high: float
    p: float
    smallest_p: float
    superiority: float
    superiority_low: float
    superiority_high: float
    seeds_needed: int | None
    off: float = 0.0

    def better(self, higher_is_better: bool) -> tuple[float, float, float]:
        """Share of the pairs in which the condition beats the baseline, ties counting half, and its interval."""
        point, low, high = self.superiority, self.superiority_low, self.superiority_high
        return (point, low, high) if higher_is_better else (1 - point, 1 - high, 1 - low)


def paired(values: ArrayLike, baseline: ArrayLike, comparisons: int = 1) -> Paired:
    """d = values − baseline: its mean with a t interval, its sign-flip p, how often it is above 0.

    Args:
        values: (seeds,), finite; may be empty.
        baseline: (seeds,), finite, of the same seeds in the same order.
        comparisons: how many the table has. Only `seeds_needed` depends on it: among more of them, it takes more.

    Raises:
        ValueError: the lengths differ, or a value is not finite.

    Reference: `sign_flip_p`, `superiority` and `pairs_needed_for_power`, each with its own.
    """
    first, second = finite(values, "values"), finite(baseline, "baseline")
    if first.size != second.size:
        raise ValueError(f"{first.size} values against {second.size} of the baseline: a pair is a seed that both have")
    n, off = first.size, rounding(first, second)
    d = np.where(np.abs(first - second) > off, first - second, 0.0)
    mean = float(d.mean()) if n else math.nan
    low, high = t_interval(d)
    seeds_needed = None  # of differences with no spread, or no mean, that rounding could not have made
    if n > 1 and std(d) > off and abs(mean) > off:
        seeds_needed = pairs_needed_for_power(mean / std(d), comparisons)
    return Paired(
        n, tuple(d.tolist()), 0.0 if abs(mean) <= off else mean, low, high, sign_flip_p(d, off),
        smallest_p(n) if n <= EXACT_PAIRS else 1 / (DRAWS + 1), *superiority(d), seeds_needed, off,
    )  # fmt: skip


def sign_flip_p(differences: ArrayLike, off: float | None = None) -> float:
    """p = #{s ∈ {−1, 1}ⁿ : |Σ sᵢdᵢ| ≥ |Σ dᵢ|} / 2ⁿ, two-sided.

    It assumes only that, where the condition changes nothing, each d is as likely as −d. Up to EXACT_PAIRS pairs all
    2ⁿ flips are counted, without making each: the sums of one half of the pairs are looked up among those of the other.
    Beyond, DRAWS flips are drawn, and p = (1 + those as extreme) / (1 + DRAWS).

    Accuracies are counts of images, so that many flips have the very same sum. As binary fractions these sums differ in
    their last digits; they must count as equal, or p comes out too small.

    Args:
        differences: (pairs,), finite.
        off: how far each of them may be off by rounding; by default, as far as numbers of their own size may be.

    Returns:
        p in (0, 1]; NaN without pairs.

    Raises:
        ValueError: a difference is not finite.

    Reference: Fisher 1935, The Design of Experiments, chapter 3; counting the observed flip among those drawn, Phipson
        and Smyth 2010 (arXiv 1603.05766).
    """
    d = finite(differences, "differences")
    if not d.size:
        return math.nan
    tie = d.size * (rounding(d) if off is None else off)
    observed = abs(float(d.sum())) - tie
    if observed <= 0:
        return 1.0
    if d.size > EXACT_PAIRS:
        drawn = np.random.default_rng(0).integers(0, 2, (DRAWS, d.size))
        as_far = np.abs(np.where(drawn, -d, d).sum(axis=1)) >= observed
        return float(1 + as_far.sum()) / (1 + DRAWS)
    one, other = _signed_sums(d[::2]), _signed_sums(d[1::2])
    as_high = other.size * one.size - int(np.searchsorted(other, observed - one).sum())
    return float(2 * as_high / 2**d.size)  # those that are as low are the same flips turned round


def _signed_sums(values: Floats) -> Floats:
    """Σ ±v over all signs, ascending, (2ⁿ,)."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate((sums - value, sums + value))
    return np.sort(sums)


def skewness(values: ArrayLike) -> tuple[float, float]:
    """g₁ = m₃ / m₂^1.5 of the central moments m₂ and m₃, and how seldom normal values are as skewed.

    A single value that lies apart makes as large a g₁ as there can be, (n − 2) / √(n − 1), so that this finds both
    tails and outliers.

    Args:
        values: (n,), finite.

    Returns:
        g₁, and p = (1 + those as skewed) / (1 + DRAWS) among DRAWS normal samples of the same size, drawn with a fixed
        seed; 0 and 1 where all values are equal.

    Raises:
        ValueError: a value is not finite.

    Reference: Fisher 1930, Proceedings of the Royal Society A 130; the p by simulation, as Shapiro, Wilk and Chen
        1968 (Journal of the American Statistical Association 63) tabulate it.
    """
    v = finite(values, "values")
    if v.size < 3 or std(v) <= rounding(v):
        return 0.0, 1.0
    found = float(_g1(v))
    return found, float(1 + (_skewness_of_normal(v.size) >= abs(found) - 1e-9).sum()) / (1 + DRAWS)


def _g1(values: Floats) -> Floats:
    """Along the last axis; `scipy.stats.skew`, whose import takes longer than all else here."""
    centred = values - values.mean(axis=-1, keepdims=True)
    found: Floats = (centred**3).mean(axis=-1) / (centred**2).mean(axis=-1) ** 1.5
    return found


@functools.cache
def _skewness_of_normal(n: int) -> Floats:
    return np.abs(_g1(np.random.default_rng(0).normal(size=(DRAWS, n))))


def superiority(differences: ArrayLike) -> tuple[float, float, float]:
    """P(X > Y) + P(X = Y)/2 for X and Y of the same seed, estimated by (wins + ties/2) / n.

    This is the probability within pairs. Over all n² couples of seeds, as Mann and Whitney count and rliable does, it
    would be another number, blind to what a seed gives to both.

    The interval is Clopper and Pearson's, with wins + ties/2 in the place of the wins. For a few pairs it covers at
    least what it says, where Wilson's can fall from 95% to 83% (enumerated for n = 2 to 12). A tie varies less than a
    win or a loss, so that ties only make it safer.

    Args:
        differences: X − Y, (pairs,), finite.

    Returns:
        The share, and the low and high end of its interval; all NaN without pairs, the ends NaN for one.

    Raises:
        ValueError: a difference is not finite.

    Reference: Grissom and Kim 2005, Effect Sizes for Research, on dependent groups; ties as in Vargha and Delaney 2000,
        Journal of Educational and Behavioral Statistics 25(2); Clopper and Pearson 1934, Biometrika 26(4).
    """
    from scipy import special

    d, tail = finite(differences, "differences"), (1 - CONFIDENCE) / 2
    n, wins = d.size, float((d > 0).sum() + (d == 0).sum() / 2)
    if n < 2:
        return wins if n else math.nan, math.nan, math.nan
    low = float(special.betaincinv(wins, n - wins + 1, tail)) if wins > 0 else 0.0
    high = float(special.betaincinv(wins + 1, n - wins, 1 - tail)) if wins < n else 1.0
    return wins / n, low, high


def smallest_p(n: int) -> float:
    """2/2ⁿ, the two-sided p of n pairs whose differences all point the same way; 1 for n = 0."""
    return min(1.0, 2.0 ** (1 - n))


def pairs_needed_for_power(effect_size: float, comparisons: int = 1) -> int | None:
    """The smallest n whose `t_test_power` is POWER or more at ALPHA / comparisons.

    With so many pairs a two-sided paired t-test finds such an effect four times in five. Alpha is shared among the
    comparisons, which is a little more than a joint test asks for. Never fewer than MINIMUM_PAIRS. An effect size that
    was estimated from a few seeds is rough, and so is the answer.

    Args:
        effect_size: mean of the differences divided by their standard deviation.
        comparisons: of the table, 1 or more.

    Returns:
        Pairs; None where the effect size is 0 or not finite, or takes more than MOST_PAIRS.

    Reference: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, chapter 2.
    """
    if not math.isfinite(effect_size) or effect_size == 0:
        return None
    candidates = range(MINIMUM_PAIRS, MOST_PAIRS + 1)
    found = bisect_left(candidates, POWER, key=lambda n: t_test_power(effect_size, n, ALPHA / comparisons))
    return candidates[found] if found < len(candidates) else None


def t_test_power(effect_size: float, pairs: int, alpha: float = ALPHA) -> float:
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

    critical = float(special.stdtrit(pairs - 1, 1 - alpha / 2))
    missed = float(special.ncfdtr(1, pairs - 1, pairs * effect_size * effect_size, critical * critical))
    return 1.0 if math.isnan(missed) else 1 - missed  # NaN comes of effects that are never missed
