"""What a command costs a run, counted: a results folder of 10,000 runs is only as fast as that."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from actlab.cli import app
from actlab.spec import plan

RUNS = 40
CONFIG = (
    f"{{dataset: synth_mnist, model: mnist_dense, activation: relu, epochs: 2, sweep: {{seed: {{range: {RUNS}}}}}}}"
)
_counting: list[Counter[str]] = []


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _counting and event in ("open", "os.scandir", "os.listdir") and "seed" in str(arguments[0]):
        _counting[-1][event.removeprefix("os.")] += 1


sys.addaudithook(_hear)  # which stays, and counts while a test asks for it


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Of what is asked of the operating system in directories of runs."""
    for name in ("stat", "lstat", "access"):

        def counted(path: Any, *args: Any, _call: Any = getattr(os, name), **kwargs: Any) -> Any:
            if _counting and "seed" in os.fsdecode(path if not isinstance(path, int) else ""):
                _counting[-1]["stat"] += 1
            return _call(path, *args, **kwargs)

        monkeypatch.setattr(os, name, counted)
    found = Counter[str]()
    _counting.append(found)
    yield found
    _counting.clear()


@pytest.mark.parametrize(
    ("command", "opened", "folders", "looks"),
    [
        (["status", "results"], 1, 0, 0),
        (["list", "results"], 1, 0, 5),
        (["run", "study.yaml"], 1, 1, 3),
        (["run", "study.yaml", "--dry-run"], 1, 0, 3),
    ],
)
def test_each_run_is_opened_once(
    command: list[str], opened: int, folders: int, looks: int, counts: Counter[str], tmp_path: Path,
    make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("study.yaml").write_text(CONFIG)
    for label, config in plan.read(Path("study.yaml")).runs:
        make_run(tmp_path / "results" / "study", config, [0.5, 0.75], record={"label": label})
    Path("results/study/experiment.yaml").write_text(CONFIG)
    Path("results/study/val_accuracy.png").touch()  # which is drawn of a sweep when it ends
    if command[0] == "run":  # of which the first writes where each run stands in the plan
        CliRunner().invoke(app, command)
    counts.clear()
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert opened * RUNS <= counts["open"] <= opened * RUNS + 2
    assert counts["scandir"] + counts["listdir"] <= folders * RUNS + 4
    assert counts["stat"] <= looks * RUNS + 10


def test_of_very_many_runs_those_are_listed_that_are_not_done(
    tmp_path: Path, make_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actlab.cli.MOST_RUNS", 5)
    (tmp_path / "study.yaml").write_text(CONFIG)
    for seed, (_, config) in enumerate(plan.read(tmp_path / "study.yaml").runs[:8]):
        make_run(tmp_path / "results", config, [0.5], status="failed" if seed == 7 else "done")
    lines = CliRunner().invoke(app, ["list", str(tmp_path)]).output.splitlines()
    assert sum("seed" in line for line in lines) == 1 and "... and 7 more; --json lists all" in lines
