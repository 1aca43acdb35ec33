"""What is said before the first training: runs of another config in the folder, lengths beyond the training."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from actlab.cli import app
from actlab.runs.job import Outcome
from actlab.runs.sweep import Sweep, prepare
from actlab.show.words import ends
from actlab.spec.plan import read as read_plan

MakeRun, WriteConfig = Callable[..., Path], Callable[..., Path]
DATA = "{name: synth_mnist, train_images: 20, test_images: 10}"
BASE = f"dataset: {DATA}\nmodel: linear\nactivation: relu\nepochs: 2\nbatch_size: 10\n"


@pytest.fixture
def prepared(out: Path, write_config: WriteConfig) -> Callable[..., Sweep]:
    """What would be trained of a config that the base and some further lines are."""
    return lambda more="": prepare(read_plan(write_config(BASE + more)), out, "cpu", lambda sentence: None)


def test_runs_that_the_file_does_not_ask_for_are_named(
    prepared: Callable[..., Sweep], make_run: MakeRun, out: Path
) -> None:
    asked = prepared("sweep: {seed: {range: 2}}\n").jobs[0].config
    mine = make_run(out / "study", asked, [0.1, 0.2])
    assert prepared("sweep: {seed: {range: 2}}\n").warnings == []
    (warning,) = prepared("seed: 7\n").warnings
    assert warning.startswith(f"{out / 'study'} holds runs that ")
    assert f"study.yaml does not ask for, and comparisons take all: {mine.name}. Another `name`" in warning
    for seed in range(2, 8):
        make_run(out / "study", asked.model_copy(update={"seed": seed}), [0.1])
    (warning,) = prepared("seed: 7\n").warnings
    assert " and 3 more. " in warning
    mine.rename(out / "study" / "base (copy)")
    (warning,) = prepared("sweep: {seed: {range: 9}}\n").warnings
    assert "base (copy)" in warning


def test_what_failed_before_it_had_a_record_is_among_the_runs(
    prepared: Callable[..., Sweep], make_run: MakeRun, out: Path
) -> None:
    """As on a full disk: the closing table tells of it, and why."""
    sweep = prepared("sweep: {seed: {range: 3}}\n")
    done, lost, _ = sweep.jobs
    done = dataclasses.replace(done, path=make_run(out / "study", done.config, [0.1]))
    sweep.jobs[0] = done
    outcomes = {done.path: Outcome("done"), lost.path: Outcome("failed", "no space left on device")}
    runs = sweep.runs(outcomes)
    assert [(run.path, run.status) for run in runs] == [(done.path, "done"), (lost.path, "failed")]
    assert ends(runs) == [f"failed (no space left on device): {lost.path.name}"]


def test_runs_of_the_stand_in_are_asked_for(make_run: MakeRun, write_config: WriteConfig, out: Path) -> None:
    (_, config), *_ = (plan := read_plan(write_config(BASE.replace(DATA, "{name: mnist, offline: synth_mnist}")))).runs
    stood_in = config.on_stand_in("synth_mnist")
    assert set(plan.wanted) == {config.hash, stood_in.hash}
    make_run(out / "study", stood_in, [0.1])
    make_run(out / "study", config, [0.1])
    warnings = prepare(plan, out, "cpu", lambda sentence: None).warnings
    assert not [warning for warning in warnings if "does not ask for" in warning]


def test_run_and_check_say_the_same_of_lengths(write_config: WriteConfig, out: Path) -> None:
    config = write_config(BASE + "evaluate_every: 5\n")
    said = "study.yaml:6:17: evaluate_every: 5 steps, and the training has 4: it is evaluated at its end only"
    for command in (["check"], ["run", "--dry-run", "-o", str(out)]):
        ran = CliRunner().invoke(app, [*command, str(config)])
        assert ran.exit_code == 0, ran.output
        assert said in ran.output.replace("\n", "")


@pytest.mark.parametrize("command", [["check"], ["run", "--dry-run"]])
def test_standard_input_and_files_of_one_name(command: list[str], write_config: WriteConfig) -> None:
    ran = CliRunner().invoke(app, [*command, "-"], input=BASE)
    assert "standard input:1:1: `name` is required where no file has one" in str(ran.exception)
    ran = CliRunner().invoke(app, [*command, "-", "--set", "name=piped"], input=BASE)
    assert ran.exit_code == 0, ran.output
    one, other = write_config(BASE), write_config(f"name: Study\n{BASE}", "other.yaml")
    ran = CliRunner().invoke(app, [*command, str(one), str(other)])
    assert f"{other}: 'Study' would be the folder of 'study' of {one} too" in str(ran.exception)


def test_a_folder_has_the_same_name_in_every_locale(write_config: WriteConfig, tmp_path: Path) -> None:
    config = write_config(f"name: обучение\n{BASE}")
    code = (
        "import sys; from pathlib import Path; from actlab.runs.sweep import *; from actlab.spec.plan import read\n"
        "prepare(read(Path(sys.argv[1])), Path(sys.argv[2]), 'cpu', print).begin()"
    )
    for i, locale in enumerate(({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C.UTF-8"})):
        folder = tmp_path / f"out{i}"
        subprocess.run([sys.executable, "-c", code, config, folder], env={**os.environ, **locale}, check=True)
        assert [path.name for path in folder.iterdir()] == ["обучение"]
        assert "обучение" in (folder / "обучение" / "experiment.yaml").read_text(encoding="utf-8")
