"""What may be said: pairs by seed, Holm over the table, words that never go further than the seeds."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from as_text import beside, column, notes
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from actlab.errors import ActlabError
from actlab.runs.folder import HISTORY
from actlab.runs.record import Run
from actlab.show import words
from actlab.show.tables import comparison_columns
from actlab.study.frame import Lack
from actlab.study.guard import Chance, Note
from actlab.study.judge import Comparison, compare

Train = Callable[..., Run]


def study(train: Train, values: dict[str, Sequence[float]], folder: str = "study") -> list[Run]:
    """An activation a row, a seed a column; NaN is a seed that diverged."""
    return [
        train([v if v == v else 0.1], "done" if v == v else "diverged", folder=folder, activation=name, seed=seed)
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
        found = comparison[name].summary
        low, high = scipy_stats.t.interval(0.95, 7, np.mean(values), scipy_stats.sem(values))
        row = comparison.table().iloc[list(numbers).index(name)]
        for key, expected in (("mean", np.mean(values)), ("std", np.std(values, ddof=1)), ("low", low), ("high", high),
                              ("median", np.median(values)), ("iqm", scipy_stats.trim_mean(values, 0.25))):  # fmt: skip
            assert getattr(found, key) == pytest.approx(expected, rel=1e-9)
            assert row[f"val_accuracy last {key}"] == pytest.approx(expected, rel=1e-9)
        assert [row[f"val_accuracy last seed {seed}"] for seed in range(8)] == values
        assert list(comparison[name].values.values()) == values


def westfall_young(differences: Any) -> list[float]:
    """Step-down max-|t| over all sign flips, one by one and by SciPy, as an independent reference."""
    seeds = differences.shape[1]
    flipped = [
        np.abs(scipy_stats.ttest_1samp(differences * signs, 0, axis=1).statistic)
        for signs in itertools.product((1, -1), repeat=seeds)
    ]  # fmt: skip
    observed = flipped[0]
    order, worst, found = np.argsort(-observed), 0.0, dict[int, float]()
    for place, row in enumerate(order):
        p = float(np.mean([max(t[order[place:]]) >= observed[row] * (1 - 1e-9) for t in flipped]))
        worst = max(worst, p)
        found[int(row)] = worst
    return [found[row] for row in range(len(observed))]


def test_comparisons_are_those_of_scipy_and_statsmodels(train: Train, numbers: dict[str, list[float]]) -> None:
    comparison = compare(study(train, numbers))
    others = list(numbers)[1:]
    p_values = []
    for name in others:
        d = np.subtract(numbers[name], numbers["relu"])
        interval = scipy_stats.ttest_1samp(d, 0).confidence_interval()
        whole = (np.rint(d * 10_000),)  # in whole numbers, so that equal sums are equal
        test = scipy_stats.permutation_test(whole, np.mean, permutation_type="samples", n_resamples=np.inf)
        row = comparison.table().iloc[list(numbers).index(name)]
        assert row["difference"] == pytest.approx(d.mean(), rel=1e-9)
        assert (row["difference low"], row["difference high"]) == pytest.approx(tuple(interval), rel=1e-9)
        assert row["p alone"] == pytest.approx(test.pvalue)
        assert row["superiority"] == (d > 0).mean()
        p_values.append(test.pvalue)
    joint = [comparison[name].p for name in others]
    assert joint == pytest.approx(westfall_young(np.array([np.subtract(numbers[n], numbers["relu"]) for n in others])))
    assert all(
        alone <= p <= holm
        for alone, p, holm in zip(p_values, joint, multipletests(p_values, method="holm")[1], strict=True)
    )
    assert comparison.family == 3
    assert comparison.table()["verdict"].tolist() == ["baseline", "better", "worse", "not established"]
    assert comparison.table()["baseline"].tolist() == ["", "relu", "relu", "relu"]
    assert comparison["relu"].pairs is None


def test_lower_is_better_where_it_is(train: Train) -> None:
    comparison = compare(study_of_losses(train), metrics=["test_loss", "val_accuracy"])
    assert comparison.table()["verdict"].tolist() == ["baseline", "better"]
    assert comparison.table()["superiority"].tolist()[1] == 1.0
    assert comparison.table()["difference"].tolist()[1] < 0


def study_of_losses(train: Train) -> list[Run]:
    """The made-up test loss is 1.1 less the accuracy."""
    return study(
        train, {"elu": [0.9 + s / 1000 for s in range(6)], "softplus": [0.95 + s / 900 for s in range(6)]}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seeds", "verdict", "test"),
    [(1, "not established", ""), (2, "not established", ""), (3, "indicated better", "Student's t"),
     (5, "indicated better", "Student's t"), (6, "better", "sign flips")],
)  # fmt: skip
def test_under_six_pairs_nothing_is_established(seeds: int, verdict: str, test: str, train: Train) -> None:
    comparison = compare(study(train, {"relu": [0.5] * seeds, "elu": [0.9 + s / 100 for s in range(seeds)]}))
    result = comparison["elu"]
    assert (comparison["relu"].verdict, result.verdict, result.test) == ("baseline", verdict, test)
    assert math.isnan(result.p) == (seeds < 3)
    assert math.isnan(result.summary.low) == math.isnan(column(comparison, "difference low")[1]) == (seeds == 1)
    if seeds < 3:
        assert result.reason == Note("too few pairs", (), {"needed": 6, "smallest_p": 2.0 ** (1 - seeds)})


def test_indicated_is_what_students_t_says_of_one_sign(train: Train) -> None:
    rows = {"relu": [0.5, 0.51, 0.49, 0.5], "elu": [0.7, 0.72, 0.7, 0.71], "tanh": [0.56, 0.5, 0.48, 0.52]}
    comparison = compare(study(train, rows))
    alone = [scipy_stats.ttest_1samp(np.subtract(rows[name], rows["relu"]), 0).pvalue for name in ("elu", "tanh")]
    expected = multipletests(alone, method="holm")[1]
    assert [comparison[name].p for name in ("elu", "tanh")] == pytest.approx(expected)
    assert [result.verdict for result in comparison.results] == ["baseline", "indicated better", "not established"]
    assert comparison["elu"].family == 2


def test_counts_that_are_equal_indicate_nothing(train: Train) -> None:
    """240 dead units against 0 at three seeds does; 3 against 0 may be what three counts happen to be."""
    for dead, verdict in ((240, "indicated worse"), (3, "not established")):
        runs = study_runs(train, {"relu": [0.5] * 3, "elu": [0.5] * 3}, folder=str(dead))
        for run in runs:
            units = [dead if run.config["activation"]["name"] == "elu" else 0]
            lines = (run.path / HISTORY).read_text().splitlines()
            (run.path / HISTORY).write_text(f"{lines[0]},dead_units\n{lines[1]},{units[0]}\n")
        assert compare([Run(run.path) for run in runs], metrics=["dead_units"])["elu"].verdict == verdict


def test_more_comparisons_need_no_more_seeds(train: Train) -> None:
    names = ["relu", "elu", "gelu", "tanh", "selu", "softplus"]
    rows = {name: [0.5 + i / 10 + s / 1000 for s in range(6)] for i, name in enumerate(names)}
    comparison = compare(study_runs(train, rows))
    assert column(comparison, "verdict") == ["baseline", *["better"] * 5]
    assert [result.p for result in comparison.results[1:]] == [2 / 2**6] * 5
    assert (comparison.family, comparison["elu"].test) == (5, "sign flips")


def test_the_same_table_has_the_same_p_however_it_is_sorted(train: Train) -> None:
    """Beyond 12 seeds flips are drawn; the seeds of the table seed them."""
    generator = np.random.default_rng(1)
    rows = {name: (0.8 + generator.normal(0, 0.01, 14)).tolist() for name in ("relu", "elu", "tanh")}
    runs = study(train, rows)
    one, other = compare(runs), compare(runs, sort="val_accuracy")
    assert {r.name: r.p for r in one.results} == pytest.approx({r.name: r.p for r in other.results}, nan_ok=True)


def study_runs(train: Train, rows: dict[str, list[float]], folder: str = "more") -> list[Run]:
    return [
        train([value], activation=name, seed=seed, folder=folder)
        for name, row in rows.items()
        for seed, value in enumerate(row)
    ]  # fmt: skip


def test_pairs_share_a_seed_and_those_without_a_partner_are_named(train: Train) -> None:
    nan = math.nan
    runs = study(train, {"relu": [0.5, 0.6, 0.7, nan], "elu": [0.6, nan, 0.9, 0.8]})
    runs.append(train([0.99], activation="elu", seed=7))
    comparison = compare(runs)
    pair = comparison["elu"].pairs
    assert pair is not None
    assert pair.differences == pytest.approx((0.1, 0.2))  # of seeds 0 and 2
    assert comparison.table()["n"].tolist() == [3, 4]
    assert comparison.table()["diverged"].tolist() == [1, 1]
    assert comparison.table()["val_accuracy last mean"].tolist() == pytest.approx([0.6, (0.6 + 0.9 + 0.8 + 0.99) / 4])
    assert [result.lacking for result in comparison.results] == [{3: Lack("diverged")}, {1: Lack("diverged")}]
    assert "elu: seed 7 without a run of relu; no pairs of these" in notes(comparison)
    assert "elu: seed 1 diverged; its numbers are those of the survivors" in notes(comparison)
    assert beside(comparison)["elu"] == ["without seed 1 of elu (diverged)", "without seed 3 of relu (diverged)"]


TEN = [0.9 + s / 1000 for s in range(10)]
LOST_FOUR = [*TEN[:6], *[math.nan] * 4]


@pytest.mark.parametrize(
    ("relu", "elu", "verdict", "lost"),
    [
        (TEN, [v + 0.05 for v in LOST_FOUR], "not established", ("elu", {"diverged": [6, 7, 8, 9]}, "better")),
        (LOST_FOUR, [v - 0.05 for v in TEN], "not established", ("relu", {"diverged": [6, 7, 8, 9]}, "worse")),
        (TEN, [v - 0.05 for v in LOST_FOUR], "worse", ()),
        (LOST_FOUR, [v + 0.05 for v in TEN], "better", ()),
    ],
)  # fmt: skip
def test_what_wins_must_not_have_lost_seeds(
    relu: list[float], elu: list[float], verdict: str, lost: tuple[Any, ...], train: Train
) -> None:
    result = compare(study(train, {"relu": relu, "elu": elu}))["elu"]
    assert result.verdict == verdict
    assert result.reason is not None
    facts = dict(result.reason.facts)
    assert (facts.get("winner"), facts.get("lost"), facts.get("verdict")) == (lost or (None, None, None))


@pytest.mark.parametrize(("status", "word"), [("failed", "not established"), ("interrupted", "better")])
def test_a_seed_that_is_not_finished_yet_is_not_lost(status: str, word: str, train: Train) -> None:
    runs = study(train, {"relu": TEN, "elu": [v + 0.05 for v in TEN[:9]]})
    runs.append(train([0.1], activation="elu", seed=9, status=status))
    assert compare(runs).table()["verdict"].tolist() == ["baseline", word]


def test_a_lost_seed_that_the_other_side_never_had_is_no_missing_pair(train: Train) -> None:
    runs = study(train, {"relu": TEN, "elu": [v + 0.05 for v in TEN]})
    runs.append(train([0.1], activation="elu", seed=10, status="diverged"))
    assert compare(runs).table()["verdict"].tolist() == ["baseline", "better"]


# --- divergence ------------------------------------------------------------------------------------------------


def ends(count: int, of: int = 8) -> list[float]:
    """Values of a condition whose first seeds diverged."""
    return [math.nan if seed < count else 0.9 + seed / 1000 for seed in range(of)]


@pytest.mark.parametrize(
    ("relu", "elu", "verdicts"),
    [
        (0, 7, ("diverges more often",)), (7, 0, ("diverges less often",)), (0, 8, ("diverges more often",)),
        (0, 6, ("diverges more often",)), (0, 5, ("not established",)), (7, 7, ("not established",)),
    ],
)  # fmt: skip
def test_divergence_is_judged_by_mcnemar(
    relu: int, elu: int, verdicts: tuple[str, ...], train: Train
) -> None:  # fmt: skip
    comparison = compare(study(train, {"relu": ends(relu), "elu": ends(elu)}))
    result, more, less = comparison["elu"], max(elu - relu, 0), max(relu - elu, 0)
    assert result.verdicts == verdicts
    assert result.divergence is not None
    assert (result.divergence.mine, result.divergence.theirs) == ((elu, 8), (relu, 8))
    table = [[min(relu, elu), less], [more, 8 - max(relu, elu)]]
    assert result.divergence.p == pytest.approx(mcnemar(table, exact=True).pvalue)
    if more + less:
        assert result.divergence.p == pytest.approx(scipy_stats.binomtest(more, more + less).pvalue)
    assert column(comparison, "diverged rate") == [relu / 8, elu / 8]
    assert column(comparison, "diverged p")[1] == result.divergence.p
    assert column(comparison, "verdict")[1] == verdicts[0]


def test_ten_conditions_share_the_p_of_divergence(train: Train) -> None:
    """By Holm 2/2⁷ among nine would be 0.14: who never diverges costs the others nothing."""
    names = ["relu", "elu", "tanh", "selu", "gelu", "swish", "mish", "softplus", "softsign", "celu"]
    comparison = compare(study(train, {name: ends(7 if name == "celu" else name == "elu") for name in names}))
    found = {result.name: result.divergence for result in comparison.results}
    assert found["celu"] is not None and found["elu"] is not None
    assert (found["celu"].p, found["celu"].family) == (pytest.approx(2 / 2**7), 9)
    assert found["elu"].p == 1.0
    assert found["tanh"] is None
    assert words.sentence(comparison) == (
        "celu diverges more often than relu (7 of 8 seeds against 0 of 8, p = 0.016); "
        "of the survivors: no difference from relu is established for 8 conditions; elu diverged at 1 of 8 seeds"
    )


def test_what_is_worse_may_diverge_too(train: Train) -> None:
    relu, elu = [0.9 + s / 1000 for s in range(14)], [*[math.nan] * 7, *[0.8 + s / 900 for s in range(7)]]
    comparison = compare(study(train, {"relu": relu, "elu": elu}))
    assert comparison["elu"].verdicts == ("worse", "diverges more often")
    cells = {column.header: column.cells[1] for column in comparison_columns(comparison)}
    assert (cells["diverged"], cells["verdict"]) == ("7 of 14 (p = 0.016)", "worse, diverges more often †")
    assert "val_accuracy of survivors (%)" in cells


@pytest.mark.parametrize("status", ["failed", "interrupted", "running"])
def test_a_crash_is_no_divergence(status: str, train: Train) -> None:
    runs = study(train, {"relu": ends(0), "elu": ends(0)[:2]})
    runs += [train([0.1], activation="elu", seed=seed, status=status) for seed in range(2, 8)]
    comparison = compare(runs)
    assert (comparison["elu"].diverged_of, comparison["elu"].divergence) == ((0, 2), None)
    assert "diverged" not in [column.header for column in comparison_columns(comparison)]


def test_seeds_that_diverged_are_one_note_whatever_their_steps(train: Train) -> None:
    runs = study(train, {"relu": ends(0)})
    for seed in range(8):
        reason = {"reason": f"loss is not finite at step {seed}"}
        runs.append(train([0.5], activation="elu", seed=seed, status="diverged" if seed < 6 else "done", record=reason))
    assert "elu: seeds 0 to 5 diverged; its numbers are those of the survivors" in notes(compare(runs))


# --- skew ------------------------------------------------------------------------------------------------------


def test_a_seed_that_makes_the_mean_is_noted_and_ordinary_ones_are_not(
    train: Train, numbers: dict[str, list[float]]
) -> None:
    assert not [note for note in notes(compare(study(train, numbers))) if "skewed" in note]
    fallen = {**numbers, "elu": [*numbers["elu"][:7], 0.4]}
    (note,) = [note for note in compare(study(train, fallen, folder="fallen")).notes if note.kind == "skewed"]
    differences = np.subtract(fallen["elu"], fallen["relu"])
    mean, without = pytest.approx(differences.mean()), pytest.approx(differences[:7].mean())
    assert note.facts["pairs"] == {"elu": {"mean": mean, "seed": 7, "without": without}}
    assert re.fullmatch(
        r"skewed differences, on which sign flips err: elu \(-\d\.\d\d points; \+\d\.\d\d points without seed 7\); "
        "that others look even may be luck", words.note(note, "val_accuracy")
    )  # fmt: skip


# --- chance ----------------------------------------------------------------------------------------------------

ONES = [0.1135, 0.0982, 0.1135, 0.1028, 0.1135, 0.0974, 0.1135, 0.1135]  # shares of digits among MNIST's test images


def test_two_that_guess_have_no_winner(train: Train) -> None:
    comparison = compare(study(train, {"relu": ONES, "sigmoid": [0.0892] * 8, "tanh": [0.9] * 8}))
    guessing = comparison["sigmoid"]
    assert guessing.p < 0.05
    assert (guessing.verdict, guessing.reason) == (
        "not established",
        Note("both at chance", (), Chance(0.1, 0.12).facts),
    )
    assert comparison["tanh"].verdict == "better"
    assert "relu and sigmoid: at chance level (10.00%, 1 of 10 classes) at every seed: not learned" in notes(comparison)
    two = compare([run for run in comparison.runs if run.config["activation"]["name"] != "tanh"])
    assert words.sentence(two).endswith("is established (-1.90 points): at chance level on both sides")


def test_two_that_guess_on_own_data_have_no_winner(train: Train) -> None:
    """Of which the record of a run says how many classes there are."""
    content = {"sha256": "0" * 64, "shape": [8, 8, 1], "classes": 10, "train_images": 1000, "test_images": 10_000}
    data = {"npz": "digits.npz", "content": content}
    runs = [
        train([value], activation=name, seed=seed, dataset=data)
        for name, row in {"relu": ONES, "sigmoid": [0.0892] * 8}.items()
        for seed, value in enumerate(row)
    ]
    assert compare(runs)["sigmoid"].reason == Note("both at chance", (), Chance(0.1, 0.12).facts)


@pytest.mark.parametrize("metric", ["val_loss", "loss", "test_loss"])
@pytest.mark.parametrize("at", ["last", "best-validation"])
def test_losses_of_two_that_guess_have_no_winner(metric: str, at: str, train: Train) -> None:
    runs = study(train, {"relu": [0.1] * 8, "sigmoid": [0.0892 + s / 10_000 for s in range(8)], "tanh": [0.9] * 8})
    comparison = compare(runs, [metric], at=at)
    assert comparison["sigmoid"].p < 0.05 and comparison["sigmoid"].verdict == "not established"
    assert comparison["sigmoid"].reason == Note("both at chance", (), Chance(0.1, 0.12).facts)
    assert comparison["tanh"].verdict == "better"
    assert "relu and sigmoid: at chance level (10.00%, 1 of 10 classes) at every seed: not learned" in notes(comparison)


def test_what_takes_time_is_told_of_those_that_guess_too(train: Train) -> None:
    runs = study(train, {"relu": [0.1] * 8, "sigmoid": [0.11] * 8})
    for run in runs:
        shift = 1 + run.config["seed"] / 100 + (run.config["activation"]["name"] == "relu")
        (run.path / "timing.csv").write_text(f"wall_seconds,images_per_second\n{shift},100\n")
    comparison = compare(runs, ["wall_seconds"])
    assert comparison["sigmoid"].verdict == "better"
    assert any(note.kind == "at chance" for note in comparison.notes)


def of_gaps(train: Train, values: dict[str, tuple[float, float]]) -> Comparison:
    """Activation to its accuracies on training and validation images, of 8 seeds that differ a little."""
    runs = []
    for name, (known, new) in values.items():
        for seed in range(8):
            run = train([new], activation=name, seed=seed, train_eval=300)
            run.record["dataset"] |= {"training_images": 60_000}
            header, row = (run.path / "history.csv").read_text().splitlines()
            table = f"{header},train_eval_loss,train_eval_accuracy\n{row},1,{known + seed / 10_000}\n"
            (run.path / "history.csv").write_text(table)
            runs.append(run)
    return compare(runs, ["gap"])


def test_the_least_gap_is_not_that_of_who_has_not_learned(train: Train) -> None:
    comparison = of_gaps(train, {"relu": (0.99, 0.8), "elu": (0.95, 0.85), "tanh": (0.9, 0.85), "sigmoid": (0.16, 0.1)})
    assert {comparison[name].verdict for name in ("elu", "tanh", "sigmoid")} == {"better"}
    assert [note.kind for note in comparison["sigmoid"].beside] == ["gap of a guess"]
    assert not comparison["tanh"].beside
    assert words.sentence(comparison).startswith("all 3 are better than relu, tanh most, by 14.00 points of gap")
    assert words.sentence(comparison).endswith(" (sigmoid is not told from chance)")


def test_who_knows_the_training_images_by_heart_has_learned(train: Train) -> None:
    comparison = of_gaps(train, {"relu": (0.99, 0.1), "elu": (0.5, 0.1), "sigmoid": (0.11, 0.1), "tanh": (0.1, 0.1)})
    assert comparison["elu"].verdict == "better" and not comparison["elu"].beside
    (note,) = [note for note in comparison.notes if note.kind == "at chance"]
    assert note.about == ("sigmoid", "tanh")


def test_one_seed_that_learned_is_not_chance(train: Train) -> None:
    rows = {"relu": [0.09 + s / 1000 for s in range(8)], "sigmoid": [*[0.11 + s / 500 for s in range(7)], 0.2]}
    assert compare(study(train, rows))["sigmoid"].verdict == "better"


def test_chance_is_one_of_as_many_classes_as_the_data_has(train: Train) -> None:
    runs = [
        train([value + s / 10_000], activation=name, seed=s, dataset="cifar100", model="cifar10_cnn")
        for name, value in (("relu", 0.03), ("sigmoid", 0.01), ("tanh", 0.0105)) for s in range(8)
    ]  # fmt: skip
    comparison = compare(runs, baseline="sigmoid")
    assert [comparison[name].verdict for name in ("relu", "tanh")] == ["better", "not established"]


def test_the_reason_of_a_failure_is_told(train: Train) -> None:
    record = {"reason": "loss is not finite at step 300"}
    runs = [train([0.9], seed=0), train([0.2], seed=1, status="diverged", record=record)]
    runs += [train([0.9], seed=0, activation="elu"), train([0.9], seed=1, activation="elu")]
    found = notes(compare(runs))
    expected = "relu: seed 1 diverged (loss is not finite at step 300); its numbers are those of the survivors"
    assert expected in found


def test_seeds_that_one_side_never_trained_are_named(train: Train) -> None:
    runs = [train([0.9], activation=a, seed=s) for a, n in (("relu", 4), ("elu", 2), ("tanh", 2)) for s in range(n)]
    assert "elu and tanh: no run of seeds 2 and 3, which relu has; no pairs of these" in notes(compare(runs))
    full = [run for run in runs if run.config["seed"] < 2]
    assert not any("no pairs" in note for note in notes(compare(full)))


def test_no_seed_in_common_is_no_comparison(train: Train) -> None:
    runs = [train([0.9], seed=0), train([0.8], seed=1, activation="elu")]
    comparison = compare(runs)
    assert (comparison["elu"].verdict, comparison.family) == ("not established", 0)
    assert comparison["elu"].reason == Note("no pairs", (), {"needed": 6})


def test_a_metric_that_a_run_lacks_is_a_seed_without_a_number(train: Train) -> None:
    runs = [train([0.5, 0.6, 0.7], seed=0), train([0.5, 0.6], seed=1)]
    comparison = compare(runs, metrics=["val_accuracy"], at="epoch 3")
    assert comparison["all runs"].values == {0: 0.7}
    assert comparison["all runs"].lacking == {1: Lack("no value")}
    assert comparison.table()["n"].tolist() == [1]


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
    assert comparison.table()["n"].tolist() == [3, 3]
    assert comparison["relu"].values == pytest.approx({0: 0.65, 1: 0.66, 2: 0.67})
    assert beside(comparison) == {"relu": [], "elu": []}
    assert "relu and elu: a seed's value is the mean of its 2 runs over optimizer.learning_rate" in notes(comparison)


def test_a_seed_with_a_setting_missing_is_left_out_of_the_pool(train: Train) -> None:
    runs = [run for run in pooled(train) if (run.config["seed"], run.config["activation"]["name"]) != (2, "elu")]
    rate = {"name": "sgd", "learning_rate": 0.1}
    runs += [train([0.9], activation="elu", seed=2, optimizer=rate, folder="again")]
    comparison = compare(runs, by=["activation"])
    assert comparison.table()["n"].tolist() == [3, 2]
    assert comparison["elu"].lacking == {2: Lack("not trained", runs=1, of=2)}


# --- time to a level -------------------------------------------------------------------------------------------


def test_time_to_a_level_is_a_mean_only_where_all_came_there(train: Train) -> None:
    runs = [train(a, seed=s) for s, a in enumerate(([0.5, 0.8, 0.9], [0.8, 0.9, 0.9], [0.5, 0.6, 0.8]))]
    runs += [train(a, seed=s, activation="elu") for s, a in enumerate(([0.5, 0.8, 0.9], [0.8] * 3, [0.1] * 3))]
    runs += [train([0.1] * 3, seed=s, activation="tanh") for s in range(2)]
    comparison = compare(runs, reach=0.8)
    table = comparison.table().set_index("activation")
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
