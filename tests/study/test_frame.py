"""What came out: runs grouped by what differs, counted and averaged."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from as_text import baselines, column, notes

from actlab.errors import ActlabError, UnknownName
from actlab.runs.folder import HISTORY, RECORD, TIMING, write_json
from actlab.runs.record import Run
from actlab.spec.where import parse_where
from actlab.study import folders
from actlab.study.frame import frame_of, measured, seconds_an_epoch
from actlab.study.judge import compare

Train = Callable[..., Run]


# --- grouping --------------------------------------------------------------------------------------------------


def test_runs_are_grouped_by_what_differs_besides_the_seed(train: Train) -> None:
    runs = [train([0.9], activation=a, seed=s) for a in ("relu", "tanh") for s in (0, 1, 2)]
    comparison = compare(runs)
    assert comparison.differs == ["activation"]
    assert column(comparison, "activation") == ["relu", "tanh"]
    assert column(comparison, "n") == [3, 3]
    assert {r.name: [run.config["seed"] for run in r.runs] for r in comparison.results} == {
        "relu": [0, 1, 2], "tanh": [0, 1, 2],
    }  # fmt: skip


def test_half_a_surrogate_pair_is_spelt_out_in_what_a_table_holds(train: Train, tmp_path: Path) -> None:
    """No file takes one, nor a string of Arrow, which pandas makes of every text where it is installed."""
    runs = [train([0.9], activation=a) for a in ("relu", "tanh")]
    record = json.loads((runs[0].path / RECORD).read_bytes())
    record["config"] |= {"activation": {"name": "\ud800"}, "\udcff": 1}
    write_json(runs[0].path / RECORD, record)
    comparison = compare(folders.read([runs[0].path, runs[1].path]).runs)
    assert comparison.names == ["\\ud800 \\udcff=1", "tanh \\udcff=None"]
    comparison.table().to_csv(tmp_path / "table.csv")


def test_seeds_of_one_condition_are_one_row(train: Train) -> None:
    comparison = compare([train([0.9], seed=s) for s in range(4)])
    assert comparison.differs == []
    assert comparison.names == ["all runs"]
    assert column(comparison, "n") == [4]


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([{"activation": "relu"}, {"activation": {"name": "leaky_relu", "negative_slope": 0.01}}],
         {"activation": ["relu", "leaky_relu 0.01"]}),
        ([{"activation": "relu"}, {"activation": {"name": "leaky_relu", "negative_slope": 0.2}}],
         {"activation": ["relu", "leaky_relu"]}),  # Keras's own slope is no news
        ([{"activation": {"name": "leaky_relu", "negative_slope": s}} for s in (0.1, 0.2)],
         {"activation.negative_slope": ["0.1", "0.2"]}),
        ([{"activation": "relu"}, *({"activation": {"name": "leaky_relu", "negative_slope": s}} for s in (0.1, 0.2))],
         {"activation": ["relu", "leaky_relu 0.1", "leaky_relu 0.2"]}),
        ([{"activation": "relu"}, {"activation": {"name": "relu", "max_value": 2.0, "negative_slope": 0.5}}],
         {"activation.negative_slope": ["0", "0.5"], "activation.max_value": ["None", "2"]}),
        ([{"activation": "tanh"}, {"activation": {"name": "relu", "max_value": 2.0, "negative_slope": 0.5}}],
         {"activation": ["tanh", "relu negative_slope=0.5 max_value=2"]}),
        ([{"activation": {"formula": "x*tanh(x)"}}, {"activation": "relu"}], {"activation": ["x*tanh(x)", "relu"]}),
        ([{"optimizer": {"name": "sgd", "learning_rate": r}} for r in (0.1, 0.01)],
         {"optimizer.learning_rate": ["0.1", "0.01"]}),
        ([{"optimizer": "sgd"}, {"optimizer": "adam"}], {"optimizer": ["sgd", "adam"]}),
        ([{"model": {"name": "mnist_dense", "hidden": h}} for h in ([256], [64, 32])],
         {"model.hidden": ["256", "64-32"]}),
        ([{"batch_size": 16}, {"batch_size": 32}], {"batch_size": ["16", "32"]}),
        ([{"epochs": 3}, {"epochs": None, "steps": 10}], {"epochs": ["3", "None"], "steps": ["None", "10"]}),
        ([{"optimizer": {"name": "adam", "schedule": s}} for s in ("constant", {"name": "step", "factor": 0.5})],
         {"optimizer.schedule": ["constant", "step every_epochs=10 factor=0.5"]}),
        ([{"model": "linear"}, {"model": {"name": "linear", "regularizer": {"l2": 0.001}}}],
         {"model.regularizer": ["None", "l1=0 l2=0.001"]}),
        ([{}, {"early_stopping": {"patience": 3}}],
         {"early_stopping": ["None", "metric=val_loss patience=3 min_delta=0 restore_best=False"]}),
        ([{"activation": a, "batch_size": b} for a in ("relu", "tanh") for b in (16, 32)],
         {"activation": ["relu", "relu", "tanh", "tanh"], "batch_size": ["16", "32", "16", "32"]}),
    ],
)  # fmt: skip
def test_conditions_are_named_by_what_differs(
    configs: list[dict[str, Any]], expected: dict[str, list[str]], train: Train
) -> None:
    comparison = compare([train([0.9], **config) for config in configs])
    assert set(comparison.differs) == set(expected)
    assert {name: column(comparison, name) for name in comparison.differs} == expected


@pytest.mark.parametrize(
    "changes", [{"probes": ["dead_units"]}, {"keep_weights": "best"}, {"weight_film": {"every": 2}}]
)
def test_what_does_not_train_parts_no_conditions(changes: dict[str, Any], train: Train) -> None:
    """A seed that was trained with and without a probe is the same training twice, and counts once."""
    runs = [train([0.9 + s / 100], seed=s) for s in (0, 1)]
    runs += [train([0.9 + s / 100], seed=s, **changes) for s in (1, 2)]
    comparison = compare(runs)
    assert (comparison.names, comparison.differs, comparison.baselines) == (["all runs"], [], [])
    assert comparison["all runs"].values == {0: 0.9, 1: 0.91, 2: 0.92}
    assert [note.kind for note in comparison.notes] == []
    assert compare(runs, by=[*changes]).differs == [*changes]  # unless that is asked for


def test_values_that_differ_in_the_last_digits_stay_apart(train: Train) -> None:
    rates = [0.1, 0.10000000001]
    by_rate = compare([train([0.9], optimizer={"name": "sgd", "learning_rate": rate}) for rate in rates])
    assert column(by_rate, "n") == [1, 1]
    assert [float(word) for word in column(by_rate, "optimizer.learning_rate")] == rates
    slopes = [train([0.9], activation={"name": "leaky_relu", "negative_slope": slope}) for slope in (0.3, 0.3000000001)]
    assert column(compare([*slopes, train([0.9], activation="tanh")]), "n") == [1, 1, 1]


@pytest.mark.parametrize(
    ("by", "expected", "n"),
    [
        (["activation"], [("relu",), ("tanh",)], 2),
        (["optimizer.learning_rate"], [("0.1",), ("0.01",)], 2),
        (["seed"], [("0",), ("1",)], 1),
        (["activation", "seed"], [("relu", "0"), ("relu", "1"), ("tanh", "0"), ("tanh", "1")], 1),
        (["activation.max_value"], [("None",)], 2),
    ],
)
def test_by_names_the_keys_to_group_by(by: list[str], expected: list[tuple[str, ...]], n: int, train: Train) -> None:
    runs = [
        train([0.9], activation=a, optimizer={"name": "sgd", "learning_rate": rate}, seed=s)
        for a in ("relu", "tanh") for rate in (0.1, 0.01) for s in (0, 1)
    ]  # fmt: skip
    comparison = compare(runs, by=by)
    assert comparison.differs == by
    assert list(zip(*(column(comparison, key) for key in by), strict=True)) == expected
    assert len(comparison.runs) == 8
    assert column(comparison, "n") == [n] * len(expected)  # seeds are what is replicated, not runs


def test_the_same_run_in_two_places_counts_once(train: Train) -> None:
    first = train([0.8], seed=0, folder="a", status="interrupted")
    second = train([0.9], seed=0, folder="b")
    third = train([0.9], seed=0, folder="c")
    comparison = compare([first, second, third])
    assert column(comparison, "n") == [1]
    assert column(comparison, "val_accuracy last mean") == [0.9]
    assert notes(comparison)[-2:] == [
        f"{run.path} is the same run as {second.path}; it counts once" for run in (first, third)
    ]


# --- numbers ---------------------------------------------------------------------------------------------------


def test_means_and_deviations_are_those_of_pandas(train: Train) -> None:
    generator = np.random.default_rng(0)
    runs = [
        train(generator.uniform(0.5, 1, size=6).round(4).tolist(), activation=a, seed=s)
        for a, seeds in (("relu", 5), ("tanh", 2)) for s in range(seeds)
    ]  # fmt: skip
    metrics = ["val_accuracy", "test_accuracy", "val_loss", "loss"]
    for at, key in (("last", "final"), ("best-validation", "best")):
        comparison = compare(runs, metrics=metrics, at=at)
        rows = [
            {"activation": run.config["activation"]["name"], **{m: run.results[key][m] for m in metrics}}
            for run in runs
        ]  # fmt: skip
        grouped = pd.DataFrame(rows).groupby("activation", sort=False)
        for kind, expected in (("mean", grouped.mean()), ("std", grouped.std()), ("median", grouped.median())):
            for name in metrics:
                np.testing.assert_allclose(column(comparison, f"{name} {at} {kind}"), expected[name], rtol=1e-12)
        assert column(comparison, "parameters") == [203_530, 203_530]


@pytest.mark.parametrize(
    ("at", "expected"),
    [("last", 0.7), ("best-validation", 0.9), ("epoch 1", 0.5), ("step 1800", 0.7), ("max", 0.9), ("min", 0.5),
     ("mean", 0.7), ("area", 0.75)],
)  # fmt: skip
def test_a_metric_is_taken_at_the_moment_that_was_asked_for(at: str, expected: float, train: Train) -> None:
    comparison = compare([train([0.5, 0.9, 0.7])], metrics=["val_accuracy"], at=at)
    assert column(comparison, f"val_accuracy {at} mean") == [pytest.approx(expected)]
    assert (comparison.metric, comparison.at) == ("val_accuracy", at)


def test_by_default_the_test_set_is_looked_at_where_it_was_touched(train: Train) -> None:
    runs = [train([0.5, 0.9, 0.7])]
    assert compare(runs).metrics == compare(runs, at="best-validation").metrics == ["val_accuracy", "test_accuracy"]
    assert compare(runs, at="area").metrics == ["val_accuracy"]
    assert column(compare(runs, at="best-validation"), "test_accuracy best-validation mean") == [0.88]


def test_a_moment_that_no_run_was_evaluated_at_is_an_error(train: Train) -> None:
    runs = [train([0.5, 0.9, 0.7])]
    with pytest.raises(ActlabError) as caught:
        compare(runs, at="step 700")
    assert str(caught.value) == "no finished run has val_accuracy at step 700; the nearest evaluations: 600, 1200"


def test_a_column_of_the_timing_is_a_metric_too(train: Train) -> None:
    comparison = compare([train([0.5, 0.9], seed=s) for s in (0, 1)], metrics=["wall_seconds"])
    assert column(comparison, "wall_seconds last mean") == [12.0]


def test_where_chooses_the_runs(train: Train) -> None:
    runs = [train([0.9], activation=a, batch_size=b) for a in ("relu", "tanh", "elu") for b in (16, 32)]
    comparison = compare(runs, where=parse_where("activation!=elu,batch_size<32"))
    assert comparison.names == ["relu", "tanh"]
    assert comparison.differs == ["activation"]
    with pytest.raises(ActlabError, match="none of 6 runs has activation=gelu"):
        compare(runs, where=parse_where("activation=gelu"))
    with pytest.raises(UnknownName, match="did you mean 'activation'"):
        compare(runs, where=parse_where("activaton=relu"))


def test_one_condition_that_is_left_says_which_it_is(train: Train) -> None:
    runs = [train([0.9], activation=a, batch_size=b, seed=s) for a in ("relu", "elu") for b in (16, 32) for s in (0, 1)]
    comparison = compare(runs, where=parse_where("activation=elu,batch_size=32"))
    assert comparison.names == ["elu batch_size=32"]
    assert comparison.table()[["activation", "batch_size", "n"]].to_numpy().tolist() == [["elu", "32", 2]]
    assert baselines(comparison) == {}


def test_a_single_seed_has_no_spread_and_the_notes_say_so(train: Train) -> None:
    comparison = compare([train([0.9])])
    assert math.isnan(column(comparison, "val_accuracy last std")[0])
    assert any(note.startswith("all runs: one seed has no spread") for note in notes(comparison))
    assert not any("one seed" in note for note in notes(compare([train([0.9], seed=s) for s in (1, 2)])))


def test_what_failed_is_counted_and_never_averaged(train: Train) -> None:
    runs = [
        train([0.9], seed=0), train([0.1], seed=1, status="failed"), train([0.1], seed=2, status="diverged"),
        train([0.1], seed=3, status="running"), train([0.1], seed=4, status="interrupted"),
        train([0.1], seed=0, status="failed", activation="tanh"),
    ]  # fmt: skip
    table = compare(runs).table()
    counts = table[["n", "failed", "diverged", "interrupted", "running"]]
    assert counts.to_numpy().tolist() == [[1, 1, 1, 2, 0], [0, 1, 0, 0, 0]]
    assert table["val_accuracy last mean"].tolist()[0] == 0.9
    assert math.isnan(table["val_accuracy last mean"].tolist()[1])


def test_seconds_an_epoch_leave_the_first_out(train: Train) -> None:
    assert seconds_an_epoch(train([0.5, 0.6, 0.7])) == pytest.approx(2.0)
    assert seconds_an_epoch(train([0.5], seed=1)) == pytest.approx(10.0)
    cut = train([0.5, 0.6], seed=2)
    (cut.path / TIMING).write_text("wall_seconds,images_per_second\n")
    assert math.isnan(seconds_an_epoch(Run(cut.path)))
    still = train([0.5, 0.6], seed=3)
    history = (still.path / HISTORY).read_text()
    (still.path / HISTORY).write_text(history.replace("\n2,", "\n1,"))
    assert math.isnan(seconds_an_epoch(Run(still.path)))


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (None, ["relu", "tanh", "elu"]),
        ("difference", ["tanh", "elu", "relu"]),
        ("superiority", ["tanh", "elu", "relu"]),
        ("val_accuracy", ["tanh", "elu", "relu"]),
        ("val_accuracy last mean", ["tanh", "elu", "relu"]),
        ("val_loss", ["tanh", "elu", "relu"]),
        ("activation", ["elu", "relu", "tanh"]),
        ("seconds an epoch", ["relu", "tanh", "elu"]),
        ("s/epoch", ["relu", "tanh", "elu"]),
        ("p Holm", ["relu", "tanh", "elu"]),
        ("median", ["tanh", "elu", "relu"]),
    ],
)
def test_sorting(sort: str | None, expected: list[str], train: Train) -> None:
    runs = [train([value], activation=name) for name, value in (("relu", 0.7), ("tanh", 0.9), ("elu", 0.8))]
    comparison = compare(runs, metrics=["val_accuracy", "val_loss"], sort=sort)
    assert column(comparison, "activation") == comparison.names == expected
    assert comparison.baselines[0] == "relu"


def test_numbers_are_sorted_as_numbers_and_failures_last(train: Train) -> None:
    rates = [0.1, 1e-5, 0.01, 10.0]
    runs = [train([0.5], optimizer={"name": "sgd", "learning_rate": rate}) for rate in rates]
    comparison = compare(runs, sort="optimizer.learning_rate")
    assert column(comparison, "optimizer.learning_rate") == ["1e-05", "0.01", "0.1", "10"]
    failed = train([0.9], status="failed", optimizer={"name": "sgd", "learning_rate": 3.0})
    assert column(compare([failed, *runs], sort="val_accuracy"), "optimizer.learning_rate")[-1] == "3"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metrics": ["val_acuracy"]}, "unknown metric 'val_acuracy'; did you mean 'val_accuracy'?"),
        ({"by": ["activaton"]}, "unknown config key 'activaton'; did you mean 'activation'?"),
        ({"by": ["activation.negative_slop"]},
         "unknown parameter of activation 'negative_slop'; did you mean 'negative_slope'?"),
        ({"sort": "val_acuracy last mean"},
         "unknown column 'val_acuracy last mean'; did you mean 'val_accuracy last mean'?"),
        ({"sort": "activaton"}, "unknown column 'activaton'; did you mean 'activation'?"),
    ],
)  # fmt: skip
def test_unknown_names_are_answered_by_the_nearest(options: dict[str, Any], said: str, train: Train) -> None:
    runs = [train([0.9], activation=a) for a in ("relu", "tanh")]
    with pytest.raises(UnknownName) as caught:
        compare(runs, **options)
    assert str(caught.value) == said


def test_no_runs_are_an_error() -> None:
    with pytest.raises(ActlabError, match="no runs to compare"):
        compare([])


# --- notes and curves ------------------------------------------------------------------------------------------


def test_a_stand_in_is_never_passed_over(train: Train) -> None:
    stand_in = {"dataset": {"name": "synth_mnist", "sha256": "0", "stand_in_for": "mnist"}}
    comparison = compare([train([0.9], dataset="synth_mnist", record=stand_in), train([0.9])])
    assert notes(comparison)[0] == "trained on synth_mnist, a rendered stand-in: says nothing about mnist"
    assert comparison.differs == ["dataset"]


def test_validation_on_test_data_is_said(train: Train) -> None:
    comparison = compare([train([0.9], dataset={"name": "mnist", "validation": "test"})])
    assert [note.kind for note in comparison.notes] == ["validated on test", "one seed"]


def test_the_frame_of_seeds_holds_what_is_judged(train: Train) -> None:
    runs = [train([0.5, v + s / 100], activation=a, seed=s) for a, v in (("relu", 0.6), ("tanh", 0.7)) for s in (0, 1)]
    frame = compare(runs).seeds()
    assert frame.to_dict("list") == {
        "condition": ["relu", "relu", "tanh", "tanh"],
        "seed": [0, 1, 0, 1], "val_accuracy": [0.6, 0.61, 0.7, 0.71],
    }  # fmt: skip


def test_curves_hold_every_row_of_every_run(train: Train) -> None:
    runs = [train([0.5, 0.6], activation=a, seed=s) for a in ("relu", "tanh") for s in (0, 1)]
    runs.append(train([0.4], activation="relu", seed=2, status="failed"))
    frame = compare(runs).curves()
    assert len(frame) == 9
    found = frame.groupby(["condition", "seed"])["val_accuracy"].apply(list).to_dict()
    assert found[("tanh", 1)] == [0.5, 0.6]
    assert found[("relu", 2)] == [0.4]


def test_records_of_names_that_are_gone_are_compared(train: Train) -> None:
    """An activation that a later version no longer has."""
    runs = [train([0.9], seed=s) for s in (0, 1)]
    for run, slope in zip(runs, (0.1, 0.2), strict=True):
        config = {**run.config, "activation": {"name": "gone", "slope": slope}}
        write_json(run.path / RECORD, {**run.record, "config": config})
    again = [Run(run.path) for run in runs]
    assert column(compare(again), "activation.slope") == ["0.1", "0.2"]
    assert column(compare(again, by=["activation"]), "activation") == ["gone 0.1", "gone 0.2"]


def test_each_file_is_opened_once(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none for what run.json has: the last and the best numbers."""
    accuracies, names = np.linspace(0.5, 0.95, 50).tolist(), (HISTORY, TIMING)
    made = [train(accuracies, activation=a, seed=s).path for a in ("relu", "tanh") for s in range(6)]
    for path in made:
        files = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in names}
        write_json(path / RECORD, {**Run(path).record, "files": files})
    opened: Counter[Path] = Counter()
    open_file = Path.open  # by which Path.read_bytes reads too

    def counted(path: Path, *args: Any, **kwargs: Any) -> Any:
        opened.update([path] if path.parent in made else [])
        return open_file(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", counted)
    found = folders.read([made[0].parent])
    frame, passed_over = frame_of(found.runs), found.passed_over
    assert (set(opened.values()), {path.name for path in opened}, passed_over) == ({1}, {RECORD}, [])
    measured(frame, "val_accuracy", "last")
    assert {path.name for path in opened} == {RECORD}
    comparison = compare(frame, metrics=["val_accuracy", "test_accuracy", "loss"], at="last", reach=0.9)
    comparison.curves()
    compare(frame, at="max")
    assert set(opened.values()) == {1}
    assert len(opened) == 12 * 3
