"""What may be said: pairs by seed, Holm over the table, words that never go further than the seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from actlab.errors import ActlabError
from actlab.run.record import Run
from actlab.study.compare import compare

Train = Callable[..., Run]


def study(train: Train, values: dict[str, Sequence[float]]) -> list[Run]:
    """An activation a row, a seed a column; NaN is a seed that diverged."""
    return [
        train([0.1 if math.isnan(v) else v], activation=name, seed=seed, status="diverged" if math.isnan(v) else "done")
        for name, row in values.items()
        for seed, v in enumerate(row)
    ]


@pytest.fixture
def numbers() -> dict[str, list[float]]:
    generator = np.random.default_rng(3)
    base = generator.normal(0.9, 0.01, 8)
    shifts = {"relu": 0.0, "elu": 0.02, "tanh": -0.02, "gelu": 0.001}
    return {name: (base + shift + generator.normal(0, 0.002, 8)).round(4).tolist() for name, shift in shifts.items()}


def test_summaries_are_those_of_scipy(train: Train, numbers: dict[str, list[float]]) -> None:
    comparison = compare(study(train, numbers))
    for name, values in numbers.items():
        found = comparison.summaries[name]
        low, high = scipy_stats.t.interval(0.95, 7, np.mean(values), scipy_stats.sem(values))
        row = comparison.table.iloc[list(numbers).index(name)]
        for key, expected in (("mean", np.mean(values)), ("std", np.std(values, ddof=1)), ("low", low), ("high", high),
                              ("median", np.median(values)), ("iqm", scipy_stats.trim_mean(values, 0.25))):  # fmt: skip
            assert getattr(found, key) == pytest.approx(expected, rel=1e-9)
            assert row[f"val_accuracy last {key}"] == pytest.approx(expected, rel=1e-9)
        assert [row[f"val_accuracy last seed {seed}"] for seed in range(8)] == values
        assert list(comparison.values[name].values()) == values


def test_comparisons_are_those_of_scipy_and_statsmodels(train: Train, numbers: dict[str, list[float]]) -> None:
    comparison = compare(study(train, numbers))
    others = list(numbers)[1:]
    p_values = []
    for name in others:
        d = np.subtract(numbers[name], numbers["relu"])
        interval = scipy_stats.ttest_1samp(d, 0).confidence_interval()
        whole = (np.rint(d * 10_000),)  # in whole numbers, so that equal sums are equal
        test = scipy_stats.permutation_test(whole, np.mean, permutation_type="samples", n_resamples=np.inf)
        row = comparison.table.iloc[list(numbers).index(name)]
        assert row["difference"] == pytest.approx(d.mean(), rel=1e-9)
        assert (row["difference low"], row["difference high"]) == pytest.approx(tuple(interval), rel=1e-9)
        assert row["p"] == pytest.approx(test.pvalue)
        assert row["superiority"] == (d > 0).mean()
        p_values.append(test.pvalue)
    holm = multipletests(p_values, method="holm")[1]
    assert [comparison.p_holm[name] for name in others] == pytest.approx(holm)
    assert comparison.comparisons == 3
    assert comparison.table["verdict"].tolist() == ["baseline", "better", "worse", "not established"]
    assert comparison.table["baseline"].tolist() == ["", "relu", "relu", "relu"]
    assert comparison.pairs["relu"] is None


def test_lower_is_better_where_it_is(train: Train) -> None:
    comparison = compare(study_of_losses(train), metrics=["test_loss", "val_accuracy"])
    assert comparison.table["verdict"].tolist() == ["baseline", "better"]
    assert comparison.table["superiority"].tolist()[1] == 1.0
    assert comparison.table["difference"].tolist()[1] < 0


def study_of_losses(train: Train) -> list[Run]:
    """The made-up test loss is 1.1 less the accuracy."""
    return study(
        train, {"elu": [0.9 + s / 1000 for s in range(6)], "softplus": [0.95 + s / 900 for s in range(6)]}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "word", "floor"),
    [
        (1, "not established", "with 1 pair the smallest p is"),
        (3, "not established", "with 3 pairs the smallest p is 2/2^3 = 0.25"),
        (5, "not established", "with 5 pairs the smallest p is 2/2^5 = 0.0625"),
        (6, "better", "with 6 pairs the smallest p is 2/2^6 = 0.0312"),
    ],
)
def test_under_six_pairs_nothing_is_established(seeds: int, word: str, floor: str, train: Train) -> None:
    comparison = compare(study(train, {"relu": [0.5] * seeds, "elu": [0.9 + s / 100 for s in range(seeds)]}))
    assert comparison.table["verdict"].tolist() == ["baseline", word]
    assert list(comparison.floors) == [seeds]
    assert comparison.floors[seeds].startswith(floor)
    assert math.isnan(comparison.summaries["elu"].low) == (seeds == 1)
    assert math.isnan(comparison.table["difference low"].tolist()[1]) == (seeds == 1)


def test_more_comparisons_need_more_seeds(train: Train) -> None:
    names = ["relu", "elu", "gelu", "tanh", "selu", "softplus"]
    rows = {name: [0.5 + i / 10 + s / 1000 for s in range(6)] for i, name in enumerate(names)}
    assert compare(study(train, dict(list(rows.items())[:2]))).table["verdict"].tolist()[1] == "better"
    comparison = compare(study_runs(train, rows))
    assert set(comparison.table["verdict"].tolist()[1:]) == {"not established"}
    assert "of which Holm over 5 such comparisons makes 0.156" in comparison.floors[6]
    assert comparison.floors[6].endswith("8 pairs would do")


def study_runs(train: Train, rows: dict[str, list[float]]) -> list[Run]:
    return [
        train([value], activation=name, seed=seed, folder="more")
        for name, row in rows.items()
        for seed, value in enumerate(row)
    ]  # fmt: skip


def test_pairs_share_a_seed_and_those_without_a_partner_are_named(train: Train) -> None:
    nan = math.nan
    runs = study(train, {"relu": [0.5, 0.6, 0.7, nan], "elu": [0.6, nan, 0.9, 0.8]})
    runs.append(train([0.99], activation="elu", seed=7))
    comparison = compare(runs)
    pair = comparison.pairs["elu"]
    assert pair is not None
    assert pair.differences == pytest.approx((0.1, 0.2))  # of seeds 0 and 2
    assert comparison.table["n"].tolist() == [3, 4]
    assert comparison.table["diverged"].tolist() == [1, 1]
    assert comparison.table["val_accuracy last mean"].tolist() == pytest.approx([0.6, (0.6 + 0.9 + 0.8 + 0.99) / 4])
    assert comparison.lacking == {"relu": {3: "diverged"}, "elu": {1: "diverged"}}
    assert "elu: seed 7 without a run, of relu: no pairs of these" in comparison.notes
    assert "elu: seed 1 diverged; left out of the mean and of the pairs" in comparison.notes
    assert comparison.confounded["elu"] == ["without seed 1 (diverged)", "relu without seed 3 (diverged)"]


TEN = [0.9 + s / 1000 for s in range(10)]
LOST_FOUR = [*TEN[:6], *[math.nan] * 4]


@pytest.mark.parametrize(
    ("relu", "elu", "word", "reason"),
    [
        (TEN, [v + 0.05 for v in LOST_FOUR], "not established",
         "4 of 10 seeds of elu diverged; without these it would be better: higher by 0.05 over 6 pairs"),
        (LOST_FOUR, [v - 0.05 for v in TEN], "not established",
         "4 of 10 seeds of relu diverged; without these it would be worse: lower by 0.05 over 6 pairs"),
        (TEN, [v - 0.05 for v in LOST_FOUR], "worse", "lower by 0.05"),
        (LOST_FOUR, [v + 0.05 for v in TEN], "better", "higher by 0.05"),
    ],
)  # fmt: skip
def test_what_wins_must_not_have_lost_seeds(
    relu: list[float], elu: list[float], word: str, reason: str, train: Train
) -> None:
    verdict = compare(study(train, {"relu": relu, "elu": elu})).verdicts["elu"]
    assert verdict is not None
    assert verdict.word == word
    assert verdict.reason.startswith(reason)


@pytest.mark.parametrize(("status", "word"), [("failed", "not established"), ("interrupted", "better")])
def test_a_seed_that_is_not_finished_yet_is_not_lost(status: str, word: str, train: Train) -> None:
    runs = study(train, {"relu": TEN, "elu": [v + 0.05 for v in TEN[:9]]})
    runs.append(train([0.1], activation="elu", seed=9, status=status))
    assert compare(runs).table["verdict"].tolist() == ["baseline", word]


def test_a_lost_seed_that_the_other_side_never_had_is_no_missing_pair(train: Train) -> None:
    runs = study(train, {"relu": TEN, "elu": [v + 0.05 for v in TEN]})
    runs.append(train([0.1], activation="elu", seed=10, status="diverged"))
    assert compare(runs).table["verdict"].tolist() == ["baseline", "better"]


def test_the_reason_of_a_failure_is_told(train: Train) -> None:
    record = {"reason": "loss is not finite at step 300"}
    runs = [train([0.9], seed=0), train([0.2], seed=1, status="diverged", record=record)]
    runs += [train([0.9], seed=0, activation="elu"), train([0.9], seed=1, activation="elu")]
    notes = compare(runs).notes
    expected = "relu: seed 1 diverged (loss is not finite at step 300); left out of the mean and of the pairs"
    assert expected in notes


def test_seeds_that_one_side_never_trained_are_named(train: Train) -> None:
    runs = [train([0.9], activation=a, seed=s) for a, n in (("relu", 4), ("elu", 2), ("tanh", 2)) for s in range(n)]
    assert "elu, tanh: no run of seeds 2 and 3, which relu has: no pairs of these" in compare(runs).notes
    full = [run for run in runs if run.config["seed"] < 2]
    assert not any("no pairs" in note for note in compare(full).notes)


def test_no_seed_in_common_is_no_comparison(train: Train) -> None:
    runs = [train([0.9], seed=0), train([0.8], seed=1, activation="elu")]
    comparison = compare(runs)
    verdict = comparison.verdicts["elu"]
    assert verdict is not None
    assert verdict.word == "not established"
    assert "no seed has a value in both" in verdict.reason
    assert comparison.comparisons == 0


def test_a_metric_that_a_run_lacks_is_a_seed_without_a_number(train: Train) -> None:
    runs = [train([0.5, 0.6, 0.7], seed=0), train([0.5, 0.6], seed=1)]
    comparison = compare(runs, metrics=["val_accuracy"], at="epoch 3")
    assert comparison.values == {"all runs": {0: 0.7}}
    assert comparison.lacking == {"all runs": {1: "no val_accuracy at epoch 3"}}
    assert comparison.table["n"].tolist() == [1]


# --- pooling ---------------------------------------------------------------------------------------------------


def pooled(train: Train, **changes: Any) -> list[Run]:
    rates = {0.1: 0.0, 0.01: 0.1}
    return [
        train([0.6 + lower + shift + seed / 100], activation=a, seed=seed,
              optimizer={"name": "sgd", "learning_rate": rate}, **changes)
        for a, shift in (("relu", 0.0), ("elu", 0.05)) for rate, lower in rates.items() for seed in range(3)
    ]  # fmt: skip


def test_a_seed_counts_once_whatever_is_pooled(train: Train) -> None:
    comparison = compare(pooled(train), by=["activation"])
    assert comparison.table["n"].tolist() == [3, 3]
    assert comparison.values["relu"] == pytest.approx({0: 0.65, 1: 0.66, 2: 0.67})
    assert comparison.confounded == {"relu": [], "elu": []}
    assert "relu, elu: a seed's value is the mean of its 2 runs over optimizer.learning_rate" in comparison.notes


def test_a_seed_with_a_setting_missing_is_left_out_of_the_pool(train: Train) -> None:
    runs = [run for run in pooled(train) if (run.config["seed"], run.config["activation"]["name"]) != (2, "elu")]
    rate = {"name": "sgd", "learning_rate": 0.1}
    runs += [train([0.9], activation="elu", seed=2, optimizer=rate, folder="again")]
    comparison = compare(runs, by=["activation"])
    assert comparison.table["n"].tolist() == [3, 2]
    assert comparison.lacking["elu"] == {2: "1 of its 2 runs: not trained"}


# --- time to a level -------------------------------------------------------------------------------------------


def test_time_to_a_level_is_a_mean_only_where_all_came_there(train: Train) -> None:
    runs = [train(a, seed=s) for s, a in enumerate(([0.5, 0.8, 0.9], [0.8, 0.9, 0.9], [0.5, 0.6, 0.8]))]
    runs += [train(a, seed=s, activation="elu") for s, a in enumerate(([0.5, 0.8, 0.9], [0.8] * 3, [0.1] * 3))]
    runs += [train([0.1] * 3, seed=s, activation="tanh") for s in range(2)]
    comparison = compare(runs, reach=0.8)
    table = comparison.table.set_index("activation")
    assert comparison.reach == "val_accuracy 0.8"
    assert table["val_accuracy 0.8 never"].tolist() == [0, 1, 2]
    assert table["val_accuracy 0.8 reached by"].tolist() == [3, 2, 0]
    assert table["epochs to val_accuracy 0.8 mean"].tolist()[0] == 2.0
    assert table["seconds to val_accuracy 0.8 mean"].tolist()[0] == 12.0  # 10 s for the first epoch, 2 s for the others
    assert table["epochs to val_accuracy 0.8 mean"].isna().tolist() == [False, True, True]
    assert table["epochs to val_accuracy 0.8 median"].tolist()[:2] == [2.0, 2.0]  # never counts as later than all
    assert math.isnan(table["epochs to val_accuracy 0.8 median"].tolist()[2])
    assert compare(runs).reach == ""
    for level in (math.nan, math.inf, -math.inf):
        with pytest.raises(ActlabError, match=f"reach: expected a finite number, such as 0.97, read {level}"):
            compare(runs, reach=level)
