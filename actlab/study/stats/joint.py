"""Family-wise p: all comparisons of a table tested at once, so that the number of looks costs as little as it must."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actlab.study.stats.summaries import Floats

MINIMUM_PAIRS = 6  # the fewest whose two-sided p can be under 0.05: 2/2⁵ = 0.0625, 2/2⁶ = 0.03125
EXACT_SEEDS = 12  # up to here all 2ⁿ flips are counted
DRAWS = 20_000  # flips that are drawn where there are more seeds; p is then a multiple of 1/20,001


def joint_p(differences: Floats, off: Floats, seeds: Sequence[int]) -> Floats:
    """Westfall and Young's step-down max-|t| over joint sign flips of the seeds.

    tⱼ(s) is Student's t of the flipped differences sᵢdᵢⱼ, s ∈ {−1, 1}ⁿ. For |t₁| ≥ … ≥ |tₘ| of the table as it is,

        pₖ = max over l ≤ k of #{s : max over j ≥ l of |tⱼ(s)| ≥ |tₗ|} / 2ⁿ

    A flip turns all differences of a seed at once, so that what the comparisons share (their baseline, the luck of a
    seed) stays shared. Where p < alpha is called a difference, the chance that one or more comparisons of the table are
    called so without being so is at most alpha, if the differences of a seed are as likely as their negatives; and the
    smallest p is 2/2ⁿ however many comparisons there are. Differences that are all equal have an infinite t, which no
    flip but the identity and its negative repeats; those that are all 0 have t = 0 and p = 1.

    Up to EXACT_SEEDS seeds all flips are counted. Beyond, DRAWS of them are drawn by a generator that is seeded with
    the seeds of the table, and p = (1 + those as extreme) / (1 + DRAWS): the same table has the same p, however it is
    sorted.

    Args:
        differences: (comparisons, seeds); NaN where a comparison lacks a seed, which is then flipped over those it has,
            2 or more.
        off: (comparisons,), how far each difference may be off by rounding; sums that differ by no more count as equal.
        seeds: (seeds,), not negative.

    Returns:
        (comparisons,), in (0, 1].

    Reference: Westfall and Young 1993, Resampling-Based Multiple Testing, algorithm 2.8; counting the observed flip
        among those drawn, Phipson and Smyth 2010 (arXiv 1603.05766).
    """
    d = np.nan_to_num(differences)
    n = np.isfinite(differences).sum(axis=1)
    length = np.sqrt(n * (d * d).sum(axis=1))  # |Σ sᵢdᵢ| at its largest possible
    length[length == 0] = np.inf  # no difference at all: nothing is extreme

    def t(share: Floats) -> Floats:
        with np.errstate(divide="ignore"):  # a share of 1 is an infinite t
            found: Floats = share * np.sqrt((n - 1) / (1 - np.minimum(share, 1) ** 2))
        return found

    tie = n * off / length + 1e-12
    observed = np.abs(d.sum(axis=1)) / length
    order = np.argsort(-t(observed), kind="stable")
    flipped = t(np.minimum(np.abs(_flips(seeds) @ d.T) / length + tie, 1))[:, order]
    as_extreme = np.maximum.accumulate(flipped[:, ::-1], axis=1)[:, ::-1] >= t(observed)[order]
    exact = len(seeds) <= EXACT_SEEDS
    p = as_extreme.mean(axis=0) if exact else (1 + as_extreme.sum(axis=0)) / (1 + DRAWS)
    found = np.empty(len(order))
    found[order] = np.maximum.accumulate(p)
    return found


def _flips(seeds: Sequence[int]) -> Floats:
    """Signs, (flips, seeds): half of all, since |t| is the same for the negative of a flip; or those drawn."""
    n = len(seeds)
    if n > EXACT_SEEDS:
        bits = np.random.default_rng(list(seeds)).integers(0, 2, (DRAWS, n))
    else:
        bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n) & 1
    return np.where(bits, -1.0, 1.0)


def holm(p_values: Floats) -> Floats:
    """For p₁ ≤ … ≤ pₘ, the i-th becomes max over j ≤ i of min(1, (m − j + 1) · pⱼ).

    Args:
        p_values: (comparisons,), each in [0, 1].

    Reference: Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    order = np.argsort(p_values, kind="stable")
    found = np.empty_like(p_values)
    found[order] = np.minimum(1, np.maximum.accumulate(np.arange(p_values.size, 0, -1) * p_values[order]))
    return found


def student_p(differences: Floats, step: float) -> Floats:
    """Two-sided p of t = |mean| · √n / max(std, step), with n − 1 degrees of freedom.

    The floor is for measures that are counted: three differences of one unit each have no spread, but say no more of
    the next seed than any three counts do.

    Args:
        differences: (..., pairs), 2 or more.
        step: the smallest difference that the measure can have; 0 for one that is not counted.

    Returns:
        (...,), in [0, 1].

    Reference: Student 1908, Biometrika 6(1).
    """
    from scipy import special

    n = differences.shape[-1]
    mean, spread = np.abs(differences.mean(axis=-1)), np.maximum(differences.std(axis=-1, ddof=1), step)
    with np.errstate(divide="ignore", invalid="ignore"):  # without spread, a mean of 0 says nothing, any other all
        t = np.where(mean > 0, mean * np.sqrt(n) / spread, 0.0)
    p: Floats = 2 * special.stdtr(n - 1, -t)
    return p
