"""The statistics: against SciPy, statsmodels and counting, and by what they do in simulated studies."""

from __future__ import annotations

import itertools
import math
import statistics
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from actlab.study.stats import (
    DRAWS,
    EXACT_PAIRS,
    Paired,
    floor_note,
    holm,
    paired,
    pairs_needed_for_p,
    pairs_needed_for_power,
    sign_flip_p,
    smallest_p,
    summary,
    superiority,
    t_test_power,
    verdict,
)

accuracies = st.integers(0, 10_000).map(lambda hits: hits / 10_000)
pairs_of_accuracies = st.lists(st.tuples(accuracies, accuracies), min_size=2, max_size=12)
fast = settings(max_examples=60, deadline=None)


def exactly(value: Any) -> Any:
    """To nine digits."""
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def draws(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng([*shape, seed]).normal(size=shape)


def words_of(values: Any, baseline: Any = 0.0, comparisons: int = 1, higher_is_better: bool = True) -> tuple[str, str]:
    """The verdict of a comparison that has the smallest p of its table."""
    values = np.asarray(values, dtype=float)
    pair = paired(values, np.broadcast_to(baseline, values.shape), comparisons=comparisons)
    said = verdict(pair, min(1.0, comparisons * pair.p), comparisons, higher_is_better)
    return said.word, said.reason


# --- one condition ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 5, 10, 21])
def test_t_interval_is_that_of_scipy_and_statsmodels(n: int, confidence: float) -> None:
    values = 0.97 + 0.003 * draws(n)
    ours = summary(values, confidence)
    theirs = scipy.stats.t.interval(confidence, n - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    assert (ours.low, ours.high) == exactly(theirs)
    assert (ours.low, ours.high) == exactly(DescrStatsW(values).tconfint_mean(1 - confidence))
    assert ours.confidence == confidence


@pytest.mark.parametrize("n", range(1, 14))
def test_middle_and_spread_are_those_of_scipy_and_python(n: int) -> None:
    values = draws(n).tolist()
    ours = summary(values)
    assert (ours.n, ours.values) == (n, tuple(values))
    assert ours.mean == exactly(statistics.fmean(values))
    assert ours.median == exactly(statistics.median(values))
    assert ours.iqm == exactly(scipy.stats.trim_mean(values, 0.25))
    if n > 1:
        assert ours.std == exactly(statistics.stdev(values))


def test_interquartile_mean_leaves_out_whole_values() -> None:
    assert summary([100, 1, 2]).iqm == exactly(103 / 3)
    assert summary([100, 1, 2, 4, 3]).iqm == 3
    assert summary([5, 6, -90, 1, 2, 3, 4, 100]).iqm == 3.5


def test_one_seed_has_no_interval_and_none_has_nothing() -> None:
    one = summary([0.5])
    assert (one.mean, one.median, one.iqm) == (0.5, 0.5, 0.5)
    assert all(map(math.isnan, (one.std, one.low, one.high)))
    none = summary([])
    assert (none.n, none.values) == (0, ())
    assert all(map(math.isnan, (none.mean, none.std, none.median, none.iqm, none.low, none.high)))


def test_seeds_that_agree_have_an_interval_of_no_width() -> None:
    same = summary([3.0, 3.0, 3.0])
    assert (same.std, same.low, same.high) == (0, 3, 3)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_refused_and_never_dropped(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"values\[1\] is (nan|-?inf): leave out the seeds that have no value"):
        summary([0.9, wrong, 0.8])
    with pytest.raises(ValueError, match=r"baseline\[0\] is"):
        paired([0.9], [wrong])


def test_other_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="3 values against 2 of the baseline"):
        paired([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match=r"one number a seed, got an array of shape \(2, 2\)"):
        summary([[1, 2], [3, 4]])
    for confidence in (0.0, 1.0, 95, math.nan):
        with pytest.raises(ValueError, match="confidence is between 0 and 1"):
            summary([1, 2], confidence)
        with pytest.raises(ValueError, match="confidence is between 0 and 1"):
            paired([1, 2], [1, 2], confidence)


# --- one condition against another -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 6, 10])
def test_difference_and_its_interval_are_those_of_the_paired_t_test(n: int) -> None:
    values, baseline = draws(2, n)
    ours = paired(values, baseline, confidence=0.9)
    theirs = scipy.stats.ttest_rel(values, baseline).confidence_interval(0.9)
    assert (ours.low, ours.high) == exactly((theirs.low, theirs.high))
    assert ours.difference == exactly((values - baseline).mean())
    assert ours.differences == exactly(tuple(values - baseline))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", range(2, 13))
def test_p_is_that_of_scipys_exact_permutation_test(n: int, seed: int) -> None:
    values, baseline = draws(2, n, seed=seed)
    values += 0.5 * seed
    theirs = scipy.stats.permutation_test(
        (values, baseline), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=np.inf,
    )  # fmt: skip
    ours = paired(values, baseline)
    assert ours.p == exactly(theirs.pvalue)
    assert ours.exact


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [6, 9])
def test_p_counts_equal_sums_of_accuracies_as_equal(n: int, seed: int) -> None:
    """By whole numbers of images. SciPy's test, on the accuracies, errs in one of seven such studies."""
    generator = np.random.default_rng([n, seed])
    hits, base = generator.integers(9_700, 9_760, n), generator.integers(9_690, 9_750, n)
    flips = np.array(list(itertools.product((-1, 1), repeat=n))) @ (hits - base)
    assert paired(hits / 10_000, base / 10_000).p == np.mean(np.abs(flips) >= abs((hits - base).sum()))


def exact_p(differences: NDArray[np.int64]) -> Fraction:
    """The p of whole numbers, from the distribution of their signed sum."""
    sums = Counter({0: 1})
    for d in map(int, differences):
        sums = Counter(
            {s: sums.get(s - d, 0) + sums.get(s + d, 0) for s in {*(s + d for s in sums), *(s - d for s in sums)}}
        )
    extreme = sum(count for s, count in sums.items() if abs(s) >= abs(int(differences.sum())))
    return Fraction(extreme, 2 ** len(differences))


@pytest.mark.parametrize("n", [13, 20, EXACT_PAIRS])
def test_p_is_exact_for_more_pairs_too(n: int) -> None:
    differences = np.random.default_rng(n).integers(-30, 41, n)
    ours = paired(differences / 10_000 + 0.5, np.full(n, 0.5))
    assert ours.p == exactly(float(exact_p(differences)))
    assert ours.exact


def test_p_of_very_many_pairs_is_drawn_and_says_so() -> None:
    n = EXACT_PAIRS + 4
    differences = np.random.default_rng(3).integers(-30, 41, n)
    values, baseline = differences / 10_000 + 0.5, np.full(n, 0.5)
    ours, expected = paired(values, baseline), float(exact_p(differences))
    assert not ours.exact
    assert ours.p == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / DRAWS))
    assert ours == paired(values, baseline)
    assert ours.p != paired(values, baseline, generator=np.random.default_rng(1)).p
    assert ours.smallest_p == 1 / (DRAWS + 1) == exactly(sign_flip_p(np.ones(n)))
    assert "(Monte Carlo)" in verdict(ours, ours.p, 1, True).reason


def test_p_by_hand() -> None:
    assert sign_flip_p([1, 2, 3]) == 2 / 8
    assert sign_flip_p([1, 2, -3]) == 1  # the sum is 0
    assert sign_flip_p([3, -1, 1]) == 6 / 8  # sums ±3 three times each way, ±5, ±1 once
    assert sign_flip_p([0, 0]) == 1
    assert sign_flip_p([-4]) == 1
    assert math.isnan(sign_flip_p([]))


@pytest.mark.parametrize("n", range(1, 13))
def test_no_p_is_under_the_smallest(n: int) -> None:
    assert paired(np.arange(1, n + 1), np.zeros(n)).p == smallest_p(n) == 2 / 2**n


def test_pairs_that_are_one_or_none() -> None:
    one, none = paired([0.9], [0.8]), paired([], [])
    assert (one.n, one.p, one.superiority, one.seeds_needed) == (1, 1, 1, None)
    assert all(map(math.isnan, (one.low, one.high, one.superiority_low, one.superiority_high)))
    assert (none.n, none.differences, none.smallest_p, none.seeds_needed) == (0, (), 1, None)
    assert all(map(math.isnan, (none.difference, none.p, none.low, none.superiority, none.superiority_high)))


@fast
@given(pairs_of_accuracies)
def test_swapping_the_sides_turns_everything_round(pairs: list[tuple[float, float]]) -> None:
    values, baseline = np.array(pairs).T
    ours, other = paired(values, baseline), paired(baseline, values)
    assert ours.p == other.p
    assert ours.seeds_needed == other.seeds_needed
    assert (other.difference, other.low, other.high) == exactly((-ours.difference, -ours.high, -ours.low))
    assert other.better(higher_is_better=True) == exactly(ours.better(higher_is_better=False))
    assert verdict(ours, ours.p, 1, True).word == verdict(other, other.p, 1, False).word


@fast
@given(pairs_of_accuracies, st.integers(-100, 100), st.integers(0, 11))
def test_a_shift_of_both_and_the_order_of_the_seeds_do_not_matter(
    pairs: list[tuple[float, float]], shift: int, turn: int
) -> None:
    values, baseline = np.array(pairs).T
    ours = paired(values, baseline)
    other = paired(np.roll(values, turn) + shift, np.roll(baseline, turn) + shift)
    assert other.p == ours.p
    assert (other.difference, other.low, other.high) == exactly((ours.difference, ours.low, ours.high))
    assert other.superiority == ours.superiority


@fast
@given(pairs_of_accuracies)
def test_every_number_is_where_it_can_be(pairs: list[tuple[float, float]]) -> None:
    ours = paired(*np.array(pairs).T)
    assert ours.smallest_p <= ours.p <= 1
    assert ours.low <= ours.difference <= ours.high
    assert 0 <= ours.superiority_low <= ours.superiority <= ours.superiority_high <= 1
    assert ours.seeds_needed is None or ours.seeds_needed >= 6


# --- probability of superiority --------------------------------------------------------------------------------


def test_superiority_by_hand() -> None:
    assert paired([2, 1, 1, 5], [1, 1, 1, 9]).superiority == 0.5  # a win, two ties, a loss
    assert paired([2, 1, 3], [1, 1, 1]).superiority == exactly(2.5 / 3)
    # the accuracies differ by rounding only: a tie
    assert paired([0.1 + 0.2, 1], [0.3, 0]).superiority == 0.75
    assert paired([0.1 + 0.2], [0.3]).differences == (0,)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_its_interval_is_that_of_statsmodels(n: int) -> None:
    for halves in range(2 * n + 1):
        differences = [1.0] * (halves // 2) + [0.0] * (halves % 2)
        differences += [-1.0] * (n - len(differences))
        share, low, high = superiority(differences, 0.9)
        assert share == exactly(halves / 2 / n)
        assert (low, high) == exactly(proportion_confint(halves / 2, n, alpha=0.1, method="beta"))


@pytest.mark.parametrize("n", [2, 5, 8, 12])
def test_its_interval_covers_with_and_without_ties(n: int) -> None:
    """Not by drawing: over every outcome with its probability."""
    outcomes = [(w, t, n - w - t) for w in range(n + 1) for t in range(n + 1 - w)]
    wins, ties, losses = np.array(outcomes).T
    ends = np.array([superiority([1.0] * w + [0.0] * t + [-1.0] * lost)[1:] for w, t, lost in outcomes])
    for truth, tied in itertools.product(np.linspace(0.02, 0.98, 49), (0, 0.1, 0.5, 0.9)):
        p_tie = tied * 2 * min(truth, 1 - truth)
        p_win = truth - p_tie / 2
        chances = scipy.stats.multinomial.pmf(np.stack([wins, ties, losses], 1), n, [p_win, p_tie, 1 - p_win - p_tie])
        covered = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
        assert chances[covered].sum() >= 0.95


# --- many comparisons ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 2, 5, 12])
def test_holm_is_that_of_statsmodels(m: int) -> None:
    p_values = np.round(np.random.default_rng(m).uniform(0, 0.3, m) ** 2, 2)  # with ties
    assert holm(p_values.tolist()) == exactly(multipletests(p_values, method="holm")[1])  # slow: it collects garbage


@fast
@given(st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02, math.nan]), max_size=12))
def test_holm_keeps_the_order_and_leaves_nan_out(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert [math.isnan(p) for p in corrected] == [math.isnan(p) for p in p_values]
    counted = sorted((p, q) for p, q in zip(p_values, corrected, strict=True) if not math.isnan(p))
    assert [q for _, q in counted] == holm([p for p, _ in counted]) == sorted(q for _, q in counted)
    assert [q for _, q in counted[:1]] == [min(1, p * len(counted)) for p, _ in counted[:1]]


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, math.nan, 0.03]) == pytest.approx([0.06, 0.03, math.nan, 0.06], nan_ok=True)
    assert holm([]) == []
    with pytest.raises(ValueError, match=r"p is between 0 and 1; got 1\.5"):
        holm([0.1, 1.5])


def test_the_floor_of_p() -> None:
    assert [smallest_p(n) for n in (0, 1, 5, 6)] == [1, 1, 0.0625, 0.03125]
    assert [pairs_needed_for_p(m) for m in (1, 2, 3, 4, 10)] == [6, 7, 7, 8, 9]
    assert pairs_needed_for_p(1, alpha=0.5) == 3  # 2/2² is 0.5, and not under it
    with pytest.raises(ValueError, match="1 comparison or more; got 0"):
        pairs_needed_for_p(0)
    with pytest.raises(ValueError, match="alpha is between 0 and 1"):
        pairs_needed_for_p(1, alpha=0)


def test_the_floor_in_words() -> None:
    assert floor_note(5) == (
        "with 5 pairs the smallest p is 2/2^5 = 0.0625, which cannot get under 0.05; 6 pairs would do"
    )
    assert floor_note(5, 3) == (
        "with 5 pairs the smallest p is 2/2^5 = 0.0625, of which Holm over 3 such comparisons makes 0.188, "
        "which cannot get under 0.05; 7 pairs would do"
    )
    assert floor_note(8) == "with 8 pairs the smallest p is 2/2^8 = 0.00781"
    assert "1 pair the smallest p is 2/2^1 = 1," in floor_note(1)
    assert floor_note(0) == "no seed has a value in both conditions; 6 pairs would do"
    assert floor_note(5, alpha=0.2).endswith("but under 6 pairs nothing is called established")


# --- how many seeds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", [0.05, -0.4, 1])
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_power_is_that_of_statsmodels(effect: float, alpha: float) -> None:
    for pairs in (2, 6, 20):
        assert t_test_power(effect, pairs, alpha) == exactly(TTestPower().power(effect, pairs, alpha))
    assert t_test_power(1e200 * effect, 6, alpha) == 1  # where SciPy says NaN


@pytest.mark.parametrize("effect", [0.05, 0.3, -0.8, 1.2])
@pytest.mark.parametrize("comparisons", [1, 4])
def test_pairs_needed_are_those_of_statsmodels(effect: float, comparisons: int) -> None:
    theirs = TTestPower().solve_power(abs(effect), alpha=0.05 / comparisons, power=0.8)
    assert pairs_needed_for_power(effect, comparisons) == math.ceil(theirs)


def test_pairs_needed_never_fall_under_the_floor() -> None:
    for effect in (1.9, 8, 1e3, 1e200):
        assert pairs_needed_for_power(effect) == 6
        assert pairs_needed_for_power(effect, comparisons=10) in (9, 10)
    assert pairs_needed_for_power(1e3, comparisons=10) == 9


def test_some_differences_have_no_number_of_seeds() -> None:
    for effect in (0, 1e-5, math.nan, math.inf):
        assert pairs_needed_for_power(effect) is None
    assert paired([2, 3, 4], [1, 2, 3]).seeds_needed is None  # no spread
    assert paired([0.3, 0.2, 0.7], [0.2, 0.1, 0.6]).seeds_needed is None  # none but rounding
    assert paired([1, -1], [0, 0]).seeds_needed is None  # no difference


def test_seeds_needed_come_from_the_differences_found() -> None:
    d = np.array([1.0, -0.5, 2.0, 0.5])
    for comparisons in (1, 4):
        expected = TTestPower().solve_power(d.mean() / d.std(ddof=1), alpha=0.05 / comparisons, power=0.8)
        assert paired(d, np.zeros(4), comparisons=comparisons).seeds_needed == math.ceil(expected)


# --- verdicts --------------------------------------------------------------------------------------------------


def test_a_clear_difference_is_better_or_worse() -> None:
    word, reason = words_of([1, 2, 3, 4, 5, 6])
    assert (word, reason) == ("better", "higher by 3.5 over 6 pairs (95% interval 1.54 to 5.46); p 0.0312")
    assert words_of([1, 2, 3, 4, 5, 6], higher_is_better=False)[0] == "worse"
    assert words_of([-1, -2, -3, -4, -5, -6])[0] == "worse"
    word, reason = words_of([-1, -2, -3, -4, -5, -6, -7, -8], comparisons=3, higher_is_better=False)
    assert word == "better"
    assert reason.startswith("lower by 4.5 over 8 pairs (95% interval -6.55 to -2.45); p 0.00781, after Holm over 3")


def test_five_seeds_never_establish_anything() -> None:
    word, reason = words_of([5.0, 5.1, 5.2, 5.1, 5.0])
    assert word == "not established"
    assert reason == f"too few seeds: {floor_note(5)}"
    pair = paired([5.0, 5.1, 5.2, 5.1, 5.0], np.zeros(5))
    assert verdict(pair, 1e-6, 1, True).word == "not established"
    assert verdict(pair, 0.0625, 1, True, alpha=0.2).reason.endswith("under 6 pairs nothing is called established")


def test_six_seeds_do_not_do_for_three_comparisons() -> None:
    word, reason = words_of([1, 2, 3, 4, 5, 6], comparisons=3)
    assert word == "not established"
    assert reason.startswith(f"too few seeds: {floor_note(6, 3)}")
    assert words_of([1, 2, 3, 4, 5, 6, 7], comparisons=3)[0] == "better"


def test_a_small_p_does_not_do_where_the_interval_holds_0() -> None:
    word, reason = words_of([1, 1, 1, 1, 1, 100])
    assert word == "not established"
    assert reason == "the 95% interval -24.9 to 59.9 holds 0; a difference of this size takes about 44 pairs"


def test_an_interval_without_0_does_not_do_where_p_is_too_large() -> None:
    values = [3, 3.5, 4, -0.5, 3, 2.5, 3, -0.4]
    pair = paired(values, np.zeros(8))
    assert pair.p == 8 / 256  # as extreme: none flipped, one or both of the small ones, and each of these turned round
    assert pair.low > 0
    said = verdict(pair, min(1, 4 * pair.p), 4, True)
    assert said.word == "not established"
    assert said.reason.startswith("p 0.0312, after Holm over 4 comparisons 0.125, not under 0.05")
    assert "holds 0" not in said.reason
    assert verdict(pair, pair.p, 1, True).word == "better"


def test_other_reasons() -> None:
    assert words_of([0.0] * 8) == ("not established", "all 8 differences are exactly 0")
    assert words_of([3.0]) == ("not established", f"too few seeds: {floor_note(1)}")
    assert words_of([]) == ("not established", floor_note(0))
    pair = paired([1, 2, 3, 4, 5, 6], np.zeros(6))
    assert verdict(pair, math.nan, 1, True).word == "not established"
    assert verdict(pair, math.nan, 1, True).reason == "there is no p"
    assert "p 1, not under 0.05; the 95% interval" in words_of([1, -1, 2, -2, 3, -3])[1]


@pytest.mark.parametrize(
    ("p", "word", "written"), [(0.05, "not established", "0.05,"), (0.049999, "better", "0.049999")]
)
def test_rounding_never_carries_p_over_the_line(p: float, word: str, written: str) -> None:
    said = verdict(paired(np.arange(1, 9), np.zeros(8)), p, 2, True)
    assert said.word == word
    assert f"after Holm over 2 comparisons {written}" in said.reason + ","


@fast
@given(
    st.integers(0, 12), st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1) | st.just(math.nan), st.integers(1, 40),
    st.booleans(),
)  # fmt: skip
def test_a_verdict_takes_all_three(n: int, one: float, other: float, p: float, comparisons: int, higher: bool) -> None:
    low, high = sorted((one, other))
    middle = (low + high) / 2
    pair = Paired(n, (middle,) * n, middle, low, high, p, smallest_p(n), 0.5, 0, 1, None)
    said = verdict(pair, p, comparisons, higher)
    if n >= 6 and p < 0.05 and (low > 0 or high < 0):
        assert said.word == ("better" if (middle > 0) is higher else "worse")
    else:
        assert said.word == "not established"
    assert said.reason


# --- simulated studies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_cover_what_they_say(n: int) -> None:
    ends = [summary(values) for values in 0.97 + 0.01 * draws(3_000, n)]
    assert np.mean([end.low <= 0.97 <= end.high for end in ends]) == pytest.approx(0.95, abs=0.015)


def flipped_p(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """The p of many comparisons at once, (comparisons, n) to (comparisons,)."""
    signs = np.array([(1, *others) for others in itertools.product((-1, 1), repeat=differences.shape[1] - 1)])
    parts = np.array_split(differences, 20)
    return np.concatenate(
        [(np.abs(d @ signs.T) >= np.abs(d.sum(1, keepdims=True)) - 1e-12).mean(1) for d in parts]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("n", "comparisons"), [(6, 1), (6, 10), (7, 3), (7, 10), (8, 6), (8, 10), (9, 10), (10, 10)]
)  # fmt: skip
def test_false_finds_are_under_5_percent_of_tables(n: int, comparisons: int) -> None:
    """2,000 tables in which no condition differs from the baseline that all are compared with."""
    generator = np.random.default_rng([n, comparisons])
    seeds, noise = generator.normal(size=(2_000, 1, n)), generator.normal(size=(2_000, comparisons + 1, n))
    accuracies = np.rint(9_700 + 30 * seeds + 20 * noise) / 10_000
    conditions, baseline = accuracies[:, 1:], accuracies[:, :1]
    p = flipped_p((conditions - baseline).reshape(-1, n)).reshape(-1, comparisons)
    found = 0
    for table in np.flatnonzero(comparisons * p.min(1) < 0.05):  # in the others no corrected p is under 0.05
        pairs = [paired(values, baseline[table, 0]) for values in conditions[table]]
        assert [pair.p for pair in pairs] == pytest.approx(p[table].tolist())
        corrected = holm([pair.p for pair in pairs])
        said = [verdict(pair, q, comparisons, True).word for pair, q in zip(pairs, corrected, strict=True)]
        found += said != ["not established"] * comparisons
    if comparisons * smallest_p(n) < 0.05:
        assert 0.005 < found / 2_000 < 0.05
    else:
        assert found == 0
    if comparisons == 10:
        assert (p < 0.05).any(1).mean() > 0.15  # what Holm prevents


def found_share(effect: float, n: int, studies: int, comparisons: int = 1) -> float:
    differences = effect + draws(studies, n)
    return float(np.mean([words_of(d, comparisons=comparisons)[0] == "better" for d in differences]))


def test_a_big_difference_is_found_with_ten_seeds() -> None:
    assert found_share(2.0, n=10, studies=200) > 0.97
    assert found_share(2.0, n=10, studies=200, comparisons=10) > 0.75


@pytest.mark.parametrize(("effect", "comparisons"), [(0.8, 1), (1.0, 5)])
def test_the_seeds_needed_find_the_difference_four_times_in_five(effect: float, comparisons: int) -> None:
    n = pairs_needed_for_power(effect, comparisons)
    assert n is not None
    assert found_share(effect, n, 600, comparisons) == pytest.approx(0.8, abs=0.06)


# --- imports ---------------------------------------------------------------------------------------------------


def test_scipy_is_imported_when_it_is_needed_and_no_more_of_it() -> None:
    program = """
import sys
import actlab.study.stats
assert "scipy" not in sys.modules
actlab.study.stats.paired([1, 2, 3], [0, 0, 0.5])
assert "scipy.special" in sys.modules
assert "scipy.stats" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
