"""Conditions stand as their config file planned them, and each is held against the right baseline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from as_text import baselines, beside, notes

from actlab.errors import ActlabError, UnknownName
from actlab.runs.folder import EXPERIMENT
from actlab.runs.record import Run, discover
from actlab.spec.plan import read as read_plan
from actlab.spec.where import parse_where
from actlab.study.guard import Note
from actlab.study.judge import compare

Train = Callable[..., Run]
PLAN = """
dataset: mnist
model: mnist_dense
activation: relu
epochs: 3
sweep: {activation: [tanh, relu, elu], batch_size: [32, 16], seed: [0, 1]}
"""


@pytest.fixture
def planned(tmp_path: Path, make_run: Callable[..., Path]) -> Callable[..., list[Run]]:
    """The runs of a plan as a folder lists them, by name; each says where in the plan it stands."""

    def made(stand_in: bool = False, indexed: bool = True) -> list[Run]:
        folder = tmp_path / "study"
        folder.mkdir()
        (folder / EXPERIMENT).write_text(PLAN)
        for place, (label, config) in enumerate(read_plan(folder / EXPERIMENT).runs):
            trained = config.on_stand_in("synth_mnist") if stand_in else config
            make_run(folder, trained, [0.9], record={"label": label, **({"plan_index": place} if indexed else {})})
        found, _ = discover([folder])
        return found

    return made


def test_conditions_stand_in_the_order_of_the_plan(planned: Callable[..., list[Run]]) -> None:
    runs = planned()
    assert [run.config["activation"]["name"] for run in runs][:4] == ["elu"] * 4  # as the folder has them
    comparison = compare(runs)
    assert list(zip(comparison.table()["activation"], comparison.table()["batch_size"], strict=True)) == [
        (a, b) for a in ("tanh", "relu", "elu") for b in ("32", "16")
    ]  # fmt: skip
    assert [run.config["seed"] for run in comparison["tanh batch_size=32"].runs] == [0, 1]
    assert comparison.baselines[0] == "tanh batch_size=32"


def test_runs_on_a_stand_in_stand_there_too(planned: Callable[..., list[Run]]) -> None:
    assert compare(planned(stand_in=True)).table()["activation"].tolist()[::2] == ["tanh", "relu", "elu"]


def test_records_that_do_not_say_their_place_stand_by_their_names(planned: Callable[..., list[Run]]) -> None:
    assert compare(planned(indexed=False)).table()["activation"].tolist()[::2] == ["elu", "relu", "tanh"]


# --- baselines -------------------------------------------------------------------------------------------------


@pytest.fixture
def grid(train: Train) -> list[Run]:
    """Three activations at two learning rates; elu only at the higher one."""
    cells = [("relu", 0.1), ("relu", 0.01), ("tanh", 0.1), ("tanh", 0.01), ("elu", 0.1)]
    return [
        train([0.9], activation=a, optimizer={"name": "sgd", "learning_rate": rate}, seed=s)
        for a, rate in cells for s in (0, 1)
    ]  # fmt: skip


RELU, TANH, ELU = (f"{name} learning_rate=" for name in ("relu", "tanh", "elu"))


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [
        (None, {f"{TANH}0.1": f"{RELU}0.1", f"{TANH}0.01": f"{RELU}0.01", f"{ELU}0.1": f"{RELU}0.1"}),
        ("activation=relu", {f"{TANH}0.1": f"{RELU}0.1", f"{TANH}0.01": f"{RELU}0.01", f"{ELU}0.1": f"{RELU}0.1"}),
        ("tanh", {f"{RELU}0.1": f"{TANH}0.1", f"{RELU}0.01": f"{TANH}0.01", f"{ELU}0.1": f"{TANH}0.1"}),
        ("0.1", {f"{RELU}0.01": f"{RELU}0.1", f"{TANH}0.01": f"{TANH}0.1"}),
        ("optimizer.learning_rate=1e-1", {f"{RELU}0.01": f"{RELU}0.1", f"{TANH}0.01": f"{TANH}0.1"}),
        (f"{TANH}0.1", dict.fromkeys((f"{RELU}0.1", f"{RELU}0.01", f"{TANH}0.01", f"{ELU}0.1"), f"{TANH}0.1")),
        ("activation=tanh,optimizer.learning_rate=0.1",
         dict.fromkeys((f"{RELU}0.1", f"{RELU}0.01", f"{TANH}0.01", f"{ELU}0.1"), f"{TANH}0.1")),
    ],
)  # fmt: skip
def test_each_condition_is_compared_at_equal_settings(
    baseline: str | None, expected: dict[str, str], grid: list[Run]
) -> None:
    comparison = compare(grid, baseline=baseline)
    assert baselines(comparison) == expected
    assert {result.name for result in comparison.results if result.verdict == "baseline"} == {*expected.values()}
    assert comparison.baselines[0] == next(name for name in comparison.names if name in expected.values())


def test_what_has_no_equal_baseline_is_held_against_the_nearest_and_marked(grid: list[Run]) -> None:
    comparison = compare(grid, baseline="elu")
    assert baselines(comparison)[f"{RELU}0.01"] == f"{ELU}0.1"
    assert beside(comparison)[f"{RELU}0.01"] == ["optimizer.learning_rate 0.01 against 0.1"]
    assert beside(comparison)[f"{RELU}0.1"] == []


def test_one_condition_for_all_marks_those_that_differ_in_more(grid: list[Run]) -> None:
    comparison = compare(grid, baseline=f"{TANH}0.1")
    marks = {name: words for name, words in beside(comparison).items() if words}
    assert marks == {f"{RELU}0.01": ["optimizer.learning_rate 0.01 against 0.1"]}


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([{"batch_size": b, "activation": a} for b in (16, 32) for a in ("relu", "tanh")], "relu batch_size=16"),
        ([{"batch_size": b, "epochs": e} for b in (16, 32) for e in (1, 2)], "batch_size=16 epochs=1"),
        ([{"dataset": d, "batch_size": b} for d in ("mnist", "fashion_mnist") for b in (16, 32)],
         "mnist batch_size=16"),
    ],
)  # fmt: skip
def test_by_default_the_activation_is_compared(
    configs: list[dict[str, Any]], expected: str, train: Train
) -> None:  # fmt: skip
    comparison = compare([train([0.9], **config) for config in configs])
    assert comparison.baselines[0] == expected
    columns = {"relu batch_size=16": "activation", "batch_size=16 epochs=1": "batch_size"}
    axis = columns.get(expected, "batch_size")
    table = comparison.table()
    for row in table[table["verdict"] != "baseline"].to_dict("records"):
        base = table.iloc[comparison.names.index(row["baseline"])]
        assert [key for key in comparison.differs if row[key] != base[key]] == [axis]


@pytest.fixture
def union(train: Train) -> list[Run]:
    """Two grids side by side, as a study of dropout and of penalties has them."""
    cells = [(0.0, None), (0.0, 0.1), (0.0, 0.2), (0.0, 0.3), (0.5, None), (0.5, 0.4)]
    return [
        train([0.9], model={"name": "mnist_dense", "dropout": dropout}, epochs=3, seed=s,
              optimizer={"name": "sgd", "weight_decay": decay})
        for dropout, decay in cells for s in (0, 1)
    ]  # fmt: skip


def test_in_a_union_of_grids_the_first_condition_is_the_baseline_of_all(union: list[Run]) -> None:
    comparison = compare(union)
    first = "dropout=0 weight_decay=None"
    assert baselines(comparison) == dict.fromkeys(comparison.names[1:], first)
    assert comparison.table()["verdict"].tolist().count("baseline") == 1
    both = "dropout=0.5 weight_decay=0.4"
    assert {name: words for name, words in beside(comparison).items() if words} == {
        both: ["optimizer.weight_decay 0.4 against None"]
    }  # fmt: skip


def test_what_is_compared_with_nothing_is_no_baseline(union: list[Run]) -> None:
    comparison = compare(union, baseline="model.dropout=0")
    assert comparison.table()["verdict"].tolist() == ["baseline", "", "", "", "not established", "not established"]
    alone = tuple(f"dropout=0 weight_decay={decay}" for decay in (0.1, 0.2, 0.3))
    assert Note("compared with nothing", alone, {"axis": ["model.dropout"]}) in comparison.notes
    assert not any("compared with nothing" in note for note in notes(compare(union)))


def test_datasets_side_by_side_are_not_held_against_the_first(train: Train) -> None:
    runs = [train([0.9], dataset=d) for d in ("mnist", "fashion_mnist")]
    comparison = compare([*runs, train([0.9], activation="elu")])
    assert baselines(comparison) == {"mnist elu": "mnist relu"}
    assert comparison.table()["verdict"].tolist() == ["baseline", "", "not established"]


def test_the_last_part_of_a_key_will_do(union: list[Run]) -> None:
    comparison = compare(union, baseline="dropout=0")
    assert baselines(comparison) == baselines(compare(union, baseline="model.dropout=0"))
    chosen = compare(union, where=parse_where("dropout=0.5"), by=["weight_decay"])
    assert chosen.table()["optimizer.weight_decay"].tolist() == ["None", "0.4"]
    with pytest.raises(UnknownName, match=r"unknown config key 'momentum'; did you mean 'optimizer\.momentum'"):
        compare(union, where=parse_where("momentum=0.5"))
    with pytest.raises(UnknownName, match="unknown config key 'drop_out'"):
        compare(union, where=parse_where("drop_out=0.5"))


def test_the_last_part_of_two_keys_will_not_do(train: Train) -> None:
    runs = [train([0.9], activation=a, optimizer=o) for a, o in (("relu", "sgd"), ("elu", "adam"))]
    with pytest.raises(ActlabError, match=r"name is short for several keys of the config: activation\.name or opt"):
        compare(runs, where=parse_where("name=elu"))


def test_what_is_asked_for_first_is_compared(grid: list[Run]) -> None:
    comparison = compare(grid[:8], by=["optimizer.learning_rate", "activation"])
    assert baselines(comparison) == {
        "learning_rate=0.01 relu": "learning_rate=0.1 relu", "learning_rate=0.01 tanh": "learning_rate=0.1 tanh",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ("rleu", "unknown baseline 'rleu'; did you mean 'relu'?"),
        ("activation=gelu", r"--baseline activation=gelu: no condition has it; there are: relu learning_rate=0.1"),
        ("epochs=3", "epochs does not differ between these runs; what differs: activation, optimizer.learning_rate"),
        ("activatoin=relu", "unknown config key 'activatoin'; did you mean 'activation'?"),
    ],
)
def test_an_unknown_baseline_is_an_error(baseline: str, said: str, grid: list[Run]) -> None:
    with pytest.raises(ActlabError, match=said):
        compare(grid, baseline=baseline)


def test_a_baseline_may_be_named_by_its_part_alone_if_there_is_one(train: Train) -> None:
    slopes = [train([0.9], activation={"name": "leaky_relu", "negative_slope": s}) for s in (0.1, 0.3)]
    runs = [train([0.9]), *slopes]
    assert compare(runs[:2], baseline="leaky_relu").baselines[0] == "leaky_relu 0.1"
    with pytest.raises(ActlabError, match=r"means several conditions: --baseline 'leaky_relu 0.1' or"):
        compare(runs, baseline="leaky_relu")
    assert compare(runs, baseline="leaky_relu 0.3").baselines[0] == "leaky_relu 0.3"
    assert compare(runs, baseline="activation.negative_slope=0.3").baselines[0] == "leaky_relu 0.3"


def test_a_value_of_two_axes_must_say_which(train: Train) -> None:
    runs = [train([0.9], batch_size=b, epochs=e) for b in (1, 2) for e in (1, 2)]
    with pytest.raises(ActlabError, match="--baseline batch_size=1 or --baseline epochs=1"):
        compare(runs, baseline="1")


def test_one_condition_is_compared_with_nothing(train: Train) -> None:
    comparison = compare([train([0.9], seed=s) for s in range(3)])
    assert (comparison.baselines, comparison["all runs"].verdict) == ([], "")
    assert "verdict" not in comparison.table()


def test_names_that_would_be_one_are_told_apart(train: Train) -> None:
    runs = [train([0.9], seed=s) for s in range(2)]
    for run, (one, other) in zip(runs, (("a b", "c"), ("a", "b c")), strict=True):
        run.config = {**run.config, "activation": {"name": one}, "initializer": {"name": other}}
    comparison = compare(runs)
    assert len(comparison.names) == 2
    assert comparison.names[0] == "activation='a b', initializer='c'"


def test_the_errors_are_unknown_names(grid: list[Run]) -> None:
    with pytest.raises(UnknownName) as caught:
        compare(grid, baseline="0.001")
    assert "0.01" in caught.value.nearest
