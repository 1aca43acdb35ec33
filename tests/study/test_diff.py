"""Two runs held against each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from actlab import cli
from actlab.errors import RunDirError
from actlab.runs.folder import HISTORY, TIMING
from actlab.runs.record import Run
from actlab.spec.config import RunConfig
from actlab.study.diff import Row, difference, differences

Train = Callable[..., Path]
ENVIRONMENT = {"threads": 1, "versions": {"keras": "3.15.1"}, "git": {"commit": "abc", "dirty": False}, "device": "cpu"}


@pytest.fixture
def train(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Train:
    """Makes up a run in a folder of its own."""

    def made(
        folder: str, accuracies: tuple[float, ...] = (0.5, 0.6, 0.7), record: dict[str, Any] | None = None,
        status: str = "done", **config: Any,
    ) -> Path:  # fmt: skip
        extra = {"environment": ENVIRONMENT, **(record or {})}
        return make_run(tmp_path / folder, resolved(**config), list(accuracies), status, extra)

    return made


def ask(*arguments: str | Path, columns: int = 160) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(cli.app, ["diff", *map(str, arguments)])


def test_equal_runs_are_the_same(train: Train) -> None:
    one, other = train("a"), train("b")
    (other / TIMING).write_text("wall_seconds,images_per_second\n1,1\n2,2\n3,3\n")  # no two take the same time
    found = difference(Run(one), Run(other))
    assert found.same
    assert found.metrics["final val_accuracy"] == (0.7, 0.7)
    result = ask(one, other)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "The two runs are the same in config, data, environment and outcome."


@pytest.mark.parametrize(
    ("changes", "section", "expected"),
    [
        ({"activation": "tanh"}, "config", {"activation.name": ("relu", "tanh")}),
        ({"seed": 1}, "config", {"seed": (0, 1)}),
        ({"optimizer": {"name": "adam", "learning_rate": 0.1}}, "config", {"optimizer.learning_rate": (0.001, 0.1)}),
        ({"early_stopping": {"patience": 3}}, "config", {"early_stopping.patience": (None, 3)}),
        ({"record": {"environment": {**ENVIRONMENT, "threads": 2}}}, "environment", {"threads": (1, 2)}),
        ({"record": {"environment": {**ENVIRONMENT, "git": None}}}, "environment",
         {"git.commit": ("abc", None), "git.dirty": (False, None)}),
        ({"record": {"dataset": {"name": "mnist", "sha256": "1", "stand_in_for": None}}}, "data",
         {"sha256": ("0" * 64, "1")}),
        ({"status": "failed", "record": {"reason": "killed"}}, "outcome",
         {"status": ("done", "failed"), "reason": (None, "killed")}),
        ({"record": {"initial_weights_sha256": "2"}}, "outcome", {"initial_weights_sha256": (None, "2")}),
        ({"record": {"files": {"weights.npz": "3"}}}, "outcome", {"weights.npz sha256": (None, "3")}),
        ({"accuracies": (0.5, 0.6)}, "outcome", {"evaluations": (3, 2)}),
    ],
)  # fmt: skip
def test_what_differs(changes: dict[str, Any], section: str, expected: dict[str, Any], train: Train) -> None:
    one, other = train("a"), train("b", **changes)
    found = difference(Run(one), Run(other))
    assert expected.items() <= getattr(found, section).items()
    others = {"config", "data", "environment", "outcome"} - {section}
    assert not any(getattr(found, name) for name in others)
    assert not found.same
    assert ask(one, other).exit_code == 1


def test_the_first_row_that_parts(train: Train) -> None:
    one, other = Run(train("a")), Run(train("b", (0.5, 0.65, 0.75)))
    assert difference(one, other).parts_at == Row(2.0, 1200, {"accuracy": (0.59, 0.64), "val_accuracy": (0.6, 0.65)})
    assert difference(one, other).metrics["best test_accuracy"] == pytest.approx((0.68, 0.73))


def test_histories_are_the_same_as_far_as_both_go_in_the_columns_of_both(train: Train) -> None:
    one, other = train("a"), train("b", (0.5, 0.6))
    text = (other / HISTORY).read_text().splitlines()
    (other / HISTORY).write_text("\n".join([f"{text[0]},dead_units", *(f"{row}," for row in text[1:])]) + "\n")
    assert difference(Run(one), Run(other)).parts_at is None
    assert "The histories are the same, as far as both go." in ask(one, other).stdout


def test_what_cannot_be_read_is_no_reason_to_say_nothing(train: Train) -> None:
    one, other = train("a"), train("b")
    (other / HISTORY).unlink()
    found = difference(Run(one), Run(other))
    assert found.outcome == {"evaluations": (3, None)}
    assert found.parts_at is None
    assert found.notes == (f"{other / HISTORY}: cannot be read: no such file or directory",)
    (one / HISTORY).write_text("epoch\n1\n")
    shown = ask(one, other, columns=40).stdout
    assert f"note: {one / HISTORY}: damaged: no column step, val_loss, val_accuracy" in shown
    assert f"note: {other / HISTORY}: cannot be read" in shown


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, {}),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a.b": (1, 2), "a.c": (None, 3)}),
        ({"a": 1}, {"a": 1.0}, {"a": (1, 1.0)}),
        ({"a": True}, {"a": 1}, {"a": (True, 1)}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": ([1, 2], [2, 1])}),
        ({"a": None}, {}, {}),
    ],
)
def test_nested_differences(first: dict[str, Any], second: dict[str, Any], expected: dict[str, Any]) -> None:
    assert differences(first, second) == expected


def test_uncommitted_code_is_told(train: Train) -> None:
    dirty = {"environment": {**ENVIRONMENT, "git": {"commit": "abc", "dirty": True}}}
    clean, one, other = Run(train("a")), Run(train("b", record=dirty)), Run(train("c", record=dirty))
    assert difference(clean, clean).notes == ()
    assert difference(clean, one).notes[0].startswith("the second run was trained by code with uncommitted changes")
    assert difference(one, other).notes[0].startswith("both runs were trained by code with uncommitted changes")


def test_the_table_names_a_part_as_a_person_would(train: Train) -> None:
    result = ask(train("a"), train("b", activation={"name": "leaky_relu", "negative_slope": 0.01}, seed=1))
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["activation", "relu", "leaky_relu", "0.01"] in lines
    assert ["seed", "0", "1"] in lines
    assert ["final", "val_accuracy", "0.7", "0.7"] in lines


def test_numbers_that_differ_are_shown_to_differ(train: Train) -> None:
    result = ask(train("a", (0.5,)), train("b", (0.5 + 1e-12,)))
    assert ["final", "val_accuracy", "0.5", "0.500000000001"] in [line.split() for line in result.stdout.splitlines()]


def test_machines_read_json(train: Train) -> None:
    found = json.loads(ask(train("a"), train("b", (0.5, 0.65, 0.7), seed=1), "--json").stdout)
    assert found["same"] is False
    assert found["config"] == {"seed": [0, 1]}
    assert found["parts_at"]["cells"]["val_accuracy"] == [0.6, 0.65]
    assert found["metrics"]["final val_accuracy"] == [0.7, 0.7]


def test_sixty_columns_are_enough(train: Train) -> None:
    environment = {**ENVIRONMENT, "machine": {"processor": "A Processor With A Very Long Name Indeed @ 3.0 GHz " * 2}}
    lines = ask(train("a"), train("b", record={"environment": environment}), columns=60).stdout.splitlines()
    assert max(map(len, lines[3:])) <= 60


def test_hostile_words_are_inert(train: Train) -> None:
    environment = {**ENVIRONMENT, "device": "\x1b[31m[bold]cpu[/bold]\x07"}
    out = ask(train("a"), train("b", record={"environment": environment}), columns=200).stdout
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[bold]cpu[/bold]" in out.replace("\n", "")


def test_a_folder_without_a_run_is_told(train: Train, tmp_path: Path) -> None:
    result = ask(train("a"), tmp_path / "a")
    assert isinstance(result.exception, RunDirError)
    assert "holds no run.json" in str(result.exception)
