"""Better, worse, or not established and why: in words that name the numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from actlab.study.stats.comparisons import MINIMUM_PAIRS, pairs_needed_for_p, smallest_p
from actlab.study.stats.pairs import Paired


@dataclass(frozen=True)
class Verdict:
    """What may be said of a comparison.

    Args:
        word: the verdict.
        reason: the numbers it rests on, or what is missing.
    """

    word: Literal["better", "worse", "not established"]
    reason: str


def verdict(pair: Paired, p_holm: float, comparisons: int, higher_is_better: bool, alpha: float = 0.05) -> Verdict:
    """Better or worse where n ≥ 6, p after Holm's correction < alpha, and the t interval excludes 0; all three.

    Args:
        pair: the condition against the baseline.
        p_holm: its p among all of the table (`holm`); NaN where it has none.
        comparisons: how many of the table have a p, 1 or more.
        higher_is_better: false for a loss, for dead units, for seconds.
        alpha: between 0 and 1.

    Raises:
        ValueError: `comparisons` or `alpha` is out of its range.
    """
    needed = max(MINIMUM_PAIRS, pairs_needed_for_p(comparisons, alpha))
    if pair.n >= MINIMUM_PAIRS and p_holm < alpha and _excludes_zero(pair):
        better = (pair.difference > 0) == higher_is_better
        return Verdict("better" if better else "worse", _found(pair, p_holm, comparisons, alpha))
    return Verdict("not established", _missing(pair, p_holm, comparisons, alpha) + _size(pair, needed))


def floor_note(pairs: int, comparisons: int = 1, alpha: float = 0.05) -> str:
    """What p can be at best with so many pairs, what Holm makes of it, and how many pairs it takes.

    "with 5 pairs the smallest p is 2/2^5 = 0.0625, which cannot get under 0.05; 6 pairs would do"

    Args:
        pairs: of each comparison.
        comparisons: of the table, 1 or more.
        alpha: between 0 and 1.

    Raises:
        ValueError: a number is out of its range.
    """
    needed = max(MINIMUM_PAIRS, pairs_needed_for_p(comparisons, alpha))
    if not pairs:
        return f"no seed has a value in both conditions; {needed} pairs would do"
    best = min(1.0, comparisons * smallest_p(pairs))
    words = f"with {_pairs(pairs)} the smallest p is 2/2^{pairs} = {_p(smallest_p(pairs), alpha)}"
    if comparisons > 1:
        words += f", of which Holm over {comparisons} such comparisons makes {_p(best, alpha)}"
    if best >= alpha:
        return f"{words}, which cannot get under {alpha:g}; {needed} pairs would do"
    return words if pairs >= needed else f"{words}, but under {MINIMUM_PAIRS} pairs nothing is called established"


def _excludes_zero(pair: Paired) -> bool:
    return pair.low > 0 or pair.high < 0  # false for the NaN of a single pair


def _found(pair: Paired, p_holm: float, comparisons: int, alpha: float) -> str:
    way = "higher" if pair.difference > 0 else "lower"
    return (
        f"{way} by {abs(pair.difference):.3g} over {_pairs(pair.n)} ({_interval(pair)}); "
        f"{_p_of(pair, p_holm, comparisons, alpha)}"
    )


def _missing(pair: Paired, p_holm: float, comparisons: int, alpha: float) -> str:
    if not pair.n:
        return floor_note(0, comparisons, alpha)
    if pair.n > 1 and not any(pair.differences):
        return f"all {pair.n} differences are exactly 0"
    if pair.n < MINIMUM_PAIRS or comparisons * smallest_p(pair.n) >= alpha:
        return f"too few seeds: {floor_note(pair.n, comparisons, alpha)}"
    if math.isnan(p_holm):
        return "there is no p"
    reasons = [] if p_holm < alpha else [f"{_p_of(pair, p_holm, comparisons, alpha)}, not under {alpha:g}"]
    reasons += [] if _excludes_zero(pair) else [f"the {_interval(pair)} holds 0"]
    return "; ".join(reasons)


def _size(pair: Paired, needed: int) -> str:
    """How many pairs the difference takes, where that is more than there are, and than is said already."""
    if pair.seeds_needed is None or pair.seeds_needed <= max(pair.n, needed):
        return ""
    return f"; a difference of this size takes about {pair.seeds_needed:,} pairs"


def _pairs(n: int) -> str:
    return "1 pair" if n == 1 else f"{n} pairs"


def _interval(pair: Paired) -> str:
    return f"{100 * pair.confidence:.3g}% interval {pair.low:.3g} to {pair.high:.3g}"


def _p_of(pair: Paired, p_holm: float, comparisons: int, alpha: float) -> str:
    words = f"p {_p(pair.p, alpha)}" + ("" if pair.exact else " (Monte Carlo)")
    return words if comparisons == 1 else f"{words}, after Holm over {comparisons} comparisons {_p(p_holm, alpha)}"


def _p(p: float, alpha: float) -> str:
    """Three digits; more where rounding would carry p over alpha."""
    words = (f"{p:.{digits}g}" for digits in (3, 5, 9, 17))
    return next(word for word in words if (float(word) < alpha) == (p < alpha))
