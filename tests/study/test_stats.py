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

from actlab.study.judge import Pair, verdict_on
from actlab.study.stats.joint import DRAWS, holm, joint_p, student_p
from actlab.study.stats.pairs import (
    EXACT_PAIRS,
    Paired,
    paired,
    pairs_needed_for_power,
    sign_flip_p,
    skewness,
    smallest_p,
    superiority,
    t_test_power,
)
from actlab.study.stats.summaries import summary

accuracies = st.integers(0, 10_000).map(lambda hits: hits / 10_000)
pairs_of_accuracies = st.lists(st.tuples(accuracies, accuracies), min_size=2, max_size=12)
fast = settings(max_examples=60, deadline=None)


def exactly(value: Any) -> Any:
    """To nine digits."""
    return pytest.approx(value, rel=1e-9, abs=1e-9)


def draws(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng([*shape, seed]).normal(size=shape)


def verdict_of(values: Any, comparisons: int = 1, higher_is_better: bool = True) -> tuple[str, str]:
    """The verdict on a comparison with 0 that is the clearest of its table; and the kind of its reason."""
    numbers = paired(values, np.zeros(len(values)), comparisons=comparisons)
    judgement = verdict_on(Pair((), numbers, 0.0, higher_is_better), numbers.p, comparisons)
    return judgement.verdict, judgement.reason.kind


# --- one condition ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 10, 21])
def test_t_interval_is_that_of_scipy_and_statsmodels(n: int) -> None:
    values = 0.97 + 0.003 * draws(n)
    ours = summary(values)
    theirs = scipy.stats.t.interval(0.95, n - 1, loc=values.mean(), scale=scipy.stats.sem(values))
    assert (ours.low, ours.high) == exactly(theirs)
    assert (ours.low, ours.high) == exactly(DescrStatsW(values).tconfint_mean(0.05))


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


# --- one condition against another -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 6, 10])
def test_difference_and_its_interval_are_those_of_the_paired_t_test(n: int) -> None:
    values, baseline = draws(2, n)
    ours = paired(values, baseline)
    theirs = scipy.stats.ttest_rel(values, baseline).confidence_interval(0.95)
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


def test_p_of_very_many_pairs_is_drawn() -> None:
    n = EXACT_PAIRS + 4
    differences = np.random.default_rng(3).integers(-30, 41, n)
    values, baseline = differences / 10_000 + 0.5, np.full(n, 0.5)
    ours, expected = paired(values, baseline), float(exact_p(differences))
    assert ours.p == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / DRAWS))
    assert ours == paired(values, baseline)
    assert ours.smallest_p == 1 / (DRAWS + 1) == exactly(sign_flip_p(np.ones(n)))


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
    said = [verdict_on(Pair((), one, 0.0, higher), one.p, 1).verdict for one, higher in ((ours, True), (other, False))]
    assert said[0] == said[1]


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
        share, low, high = superiority(differences)
        assert share == exactly(halves / 2 / n)
        assert (low, high) == exactly(proportion_confint(halves / 2, n, alpha=0.05, method="beta"))


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
    assert holm(p_values) == exactly(multipletests(p_values, method="holm")[1])  # slow: it collects garbage


def test_holm_by_hand() -> None:
    assert holm(np.array([0.04, 0.01, 0.03])) == exactly([0.06, 0.03, 0.06])
    assert holm(np.array([])).size == 0


def test_the_floor_of_p() -> None:
    assert [smallest_p(n) for n in (0, 1, 5, 6)] == [1, 1, 0.0625, 0.03125]


def joint(rows: Any, off: float = 1e-13) -> list[float]:
    table = np.array(rows, dtype=float)
    found: list[float] = joint_p(table, np.full(len(table), off), range(table.shape[1])).tolist()
    return found


def test_joint_p_by_hand() -> None:
    """Differences of one sign in all seeds have 2/2ⁿ, beside whatever else; those that are all 0 have 1."""
    clear, unclear, nothing = [1, 2, 1, 2, 1, 2], [1, -1, 2, -2, 1, -1], [0] * 6
    assert joint([clear]) == [2 / 64]
    assert joint([unclear, clear, nothing]) == [1.0, 2 / 64, 1.0]
    assert joint([clear] * 40) == [2 / 64] * 40


def test_differences_that_are_all_equal_leave_others_their_p() -> None:
    """Their t is infinite, and no flip but the identity and its negative repeats it."""
    other = [0.3, 0.5, 0.2, 0.9, 0.4, 0.7]
    assert joint([[5.0] * 6, other]) == [2 / 64, 2 / 64]
    assert joint([[5.0] * 6, [0.3, -0.5, 0.2, 0.9, 0.4, 0.7]])[1] == joint([[0.3, -0.5, 0.2, 0.9, 0.4, 0.7]])[0]


@fast
@given(st.integers(6, 8), st.integers(1, 6), st.integers(0, 99))
def test_joint_p_is_between_that_of_the_pair_alone_and_holms(n: int, m: int, seed: int) -> None:
    table = np.rint(np.random.default_rng(seed).normal(0.5, 1, (m, n)) * 3) / 10_000
    found, alone = joint(table), [sign_flip_p(row) for row in table]
    assert all(p >= one - 1e-12 for p, one in zip(found, alone, strict=True))
    order = np.random.default_rng(seed).permutation(m)
    assert joint(table[order]) == exactly([found[i] for i in order])  # whatever the table is sorted by
    if m == 1:
        assert found == exactly(alone)


def test_a_comparison_that_lacks_seeds_is_flipped_over_those_it_has() -> None:
    nan = math.nan
    assert joint([[1, 2, 1, 2, 1, 2, nan, nan]]) == [2 / 64]
    assert joint([[1, 2, 1, 2, 1, 2, nan, nan], [1, -1, 1, -1, 1, -1, 1, -1]])[0] >= 2 / 64


def test_joint_p_of_many_seeds_is_drawn_from_the_seeds_of_the_table() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(0.4, 1, (5, 14))
    off = np.zeros(5)
    first = joint_p(table, off, range(14))
    assert first.tolist() == joint_p(table, off, range(14)).tolist()
    assert first.tolist() != joint_p(table, off, range(1, 15)).tolist()
    assert joint_p(table[:1], off[:1], range(14))[0] == pytest.approx(sign_flip_p(table[0]), abs=0.02)
    assert joint_p(np.ones((1, 14)), off[:1], range(14))[0] == pytest.approx(2 / 2**14, abs=3e-4)


def test_students_t_is_that_of_scipy_and_has_a_floor() -> None:
    rows = np.random.default_rng(1).normal(1, 1, (4, 5))
    assert student_p(rows, 0.0) == exactly(scipy.stats.ttest_1samp(rows, 0, axis=1).pvalue)
    assert student_p(np.array([1.0, 1, 1]), 0.0) == 0
    assert student_p(np.array([1.0, 1, 1]), 1.0) == exactly(2 * scipy.stats.t.sf(math.sqrt(3), 2))
    assert student_p(np.zeros(3), 0.0) == student_p(np.zeros(3), 1.0) == 1


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
        assert pairs_needed_for_power(effect, comparisons=10) in range(6, 11)
    assert pairs_needed_for_power(1e3, comparisons=10) == 6


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
    assert verdict_of([1, 2, 3, 4, 5, 6]) == ("better", "established")
    assert verdict_of([1, 2, 3, 4, 5, 6], higher_is_better=False)[0] == "worse"
    assert verdict_of([-1, -2, -3, -4, -5, -6])[0] == "worse"
    assert verdict_of([-1, -2, -3, -4, -5, -6, -7, -8], higher_is_better=False)[0] == "better"


def test_five_seeds_never_establish_anything() -> None:
    numbers = paired([5.0, 5.1, 5.2, 5.1, 5.0], np.zeros(5))
    for p, verdict in ((1e-6, "indicated better"), (0.01, "not established")):
        assert verdict_on(Pair((), numbers, 0.0, True), p, 1).verdict == verdict
    mixed = paired([5.0, 5.1, 5.2, 5.1, -0.1], np.zeros(5))
    judgement = verdict_on(Pair((), mixed, 0.0, True), 1e-6, 1)
    assert (judgement.verdict, judgement.reason.kind) == ("not established", "too few pairs")


def test_a_small_p_does_not_do_where_the_interval_holds_0() -> None:
    assert verdict_of([1, 1, 1, 1, 1, 100]) == ("not established", "interval holds 0")


def test_an_interval_without_0_does_not_do_where_p_is_too_large() -> None:
    numbers = paired([3, 3.5, 4, -0.5, 3, 2.5, 3, -0.4], np.zeros(8))
    assert numbers.p == 8 / 256  # as extreme: none flipped, one or both of the small ones, and each of these turned
    assert numbers.low > 0
    for p, expected in ((4 * numbers.p, ("not established", "p too large")), (numbers.p, ("better", "established"))):
        judgement = verdict_on(Pair((), numbers, 0.0, True), p, 4)
        assert (judgement.verdict, judgement.reason.kind) == expected


def test_other_reasons() -> None:
    assert verdict_of([0.0] * 8) == ("not established", "no difference")
    assert verdict_of([3.0]) == ("not established", "too few pairs")
    assert verdict_of([]) == ("not established", "no pairs")
    assert verdict_of([1, -1, 2, -2, 3, -3]) == ("not established", "p too large")


@fast
@given(st.integers(0, 12), st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1) | st.just(math.nan), st.booleans())
def test_a_verdict_takes_all_three(n: int, one: float, other: float, p: float, higher: bool) -> None:
    low, high = sorted((one, other))
    middle = (low + high) / 2
    numbers = Paired(n, (middle,) * n, middle, low, high, p, smallest_p(n), 0.5, 0, 1, None)
    said = verdict_on(Pair((), numbers, 0.0, higher), p, 1).verdict
    word = "better" if (middle > 0) is higher else "worse"
    if n >= 6 and p < 0.05 and (low > 0 or high < 0):
        assert said == word
    elif 3 <= n < 6 and p < 0.01 and middle != 0:
        assert said == f"indicated {word}"
    else:
        assert said == "not established"


# --- simulated studies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_cover_what_they_say(n: int) -> None:
    ends = [summary(values) for values in 0.97 + 0.01 * draws(3_000, n)]
    assert np.mean([end.low <= 0.97 <= end.high for end in ends]) == pytest.approx(0.95, abs=0.015)


def found_share(effect: float, n: int, studies: int) -> float:
    differences = effect + draws(studies, n)
    return float(np.mean([verdict_of(d)[0] == "better" for d in differences]))


def test_a_big_difference_is_found_with_ten_seeds() -> None:
    assert found_share(2.0, n=10, studies=200) > 0.97


def test_the_seeds_needed_find_the_difference_four_times_in_five() -> None:
    n = pairs_needed_for_power(0.8)
    assert n is not None
    assert found_share(0.8, n, 600) == pytest.approx(0.8, abs=0.06)


# --- imports ---------------------------------------------------------------------------------------------------


def test_scipy_is_imported_when_it_is_needed_and_no_more_of_it() -> None:
    program = """
import sys
from actlab.study.stats.pairs import paired
assert "scipy" not in sys.modules
paired([1, 2, 3], [0, 0, 0.5])
assert "scipy.special" in sys.modules
assert "scipy.stats" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- skewness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [6, 8, 20])
def test_skewness_is_that_of_scipy_and_its_p_that_of_normal_samples(n: int) -> None:
    values = np.random.default_rng(n).exponential(size=n)
    found, p = skewness(values)
    assert found == pytest.approx(scipy.stats.skew(values))
    by_scipy = scipy.stats.monte_carlo_test(
        values, np.random.default_rng(1).normal, lambda v, axis: np.abs(scipy.stats.skew(v, axis=axis)),
        n_resamples=20_000, alternative="greater", vectorized=True,
    )  # fmt: skip
    assert p == pytest.approx(by_scipy.pvalue, abs=0.02)


def test_one_value_apart_is_as_skewed_as_can_be_and_equal_ones_are_not() -> None:
    found, p = skewness([0.0] * 7 + [1.0])
    assert (found, p) == (pytest.approx(6 / 7**0.5), 1 / 20_001)
    assert skewness([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3, 0.3]) == (0.0, 1.0)
