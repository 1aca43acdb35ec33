"""The command line, as far as it needs no training: help, plans, lists, comparisons, errors."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from actlab import __version__, cli
from actlab.environment import usable_cores
from actlab.parts.activations import ACTIVATIONS
from actlab.parts.datasets import DATASETS
from actlab.runs.folder import COMPARISON, EXPERIMENT, HISTORY, RECORD, lock, write_json, write_progress
from actlab.runs.job import Job, Outcome
from actlab.spec.config import RunConfig
from actlab.spec.plan import read as read_plan
from actlab.spec.schema import schema

BASE = "dataset: mnist\nmodel: mnist_dense\nactivation: relu\nepochs: 2\n"
COUNTS = {"train": 60_000, "test": 10_000}
RENDERED = "dataset: {name: synth_mnist, train_images: 1200, test_images: 200}\n" + BASE.split("\n", 1)[1]
COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    out: str
    err: str
    code: int

    @property
    def json(self) -> Any:
        """stdout as JSON; nothing else may stand there."""
        return json.loads(self.out)


Ask = Callable[..., Answer]
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command `actlab` in this process, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def asked(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["actlab", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return Answer(printed.out, printed.err, int(end.value.code or 0))

    return asked


@pytest.fixture
def study(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Path:
    """An experiment of two activations and two seeds, one of which diverged."""
    folder = tmp_path / "results" / "study"
    for seed in (0, 1):
        make_run(folder, resolved(seed=seed), [0.9 + seed / 100, 0.95 + seed / 100])
    make_run(folder, resolved(activation="tanh"), [0.85, 0.8])
    make_run(folder, resolved(activation="tanh", seed=1), [0.4], status="diverged", record={"reason": "loss is NaN"})
    sweep = "sweep: {activation: [relu, tanh], seed: [0, 1]}\n"
    (folder / EXPERIMENT).write_text(BASE.replace("epochs: 2", "epochs: 3") + sweep)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


# --- help ------------------------------------------------------------------------------------------------------


def test_every_command_of_the_issue_is_there() -> None:
    assert {"run", "check", "schema", "compare", "list", "show", "activations", "data", "status"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    answer = CliRunner().invoke(cli.app, [command, "--help"])
    assert answer.exit_code == 0
    assert "Usage: " in answer.stdout
    parameters = typer.main.get_command(cli.app).commands[command].params  # type: ignore[attr-defined]
    assert all(getattr(p, "help", None) for p in parameters), "each option says what it does"


def test_help_and_version(ask: Ask) -> None:
    assert all(command in ask("--help").out for command in COMMANDS)
    assert ask("--version").out.startswith("actlab ")
    assert ask("-h").code == 0


def test_a_wrong_command_line_ends_with_2(ask: Ask) -> None:
    for arguments in (["chek"], ["check"], ["check", "--nonsense", "x"], ["compare"], ["run", "x", "--retries", "-1"]):
        answer = ask(*arguments)
        assert (answer.code, answer.out) == (2, "")
        assert "Traceback" not in answer.err


# --- check and schema ------------------------------------------------------------------------------------------


def test_what_one_copies_from_a_listing_is_whole_in_a_narrow_terminal(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from actlab.spec.shipped import shipped

    monkeypatch.setenv("COLUMNS", "60")
    listed = ask("configs").out
    assert all(f"{name} " in listed for name in shipped()), listed
    answer = ask("data").out
    assert max(map(len, answer.splitlines())) <= 60
    assert all(f"\n{name} " in answer for name in DATASETS.names())


def test_check_prints_the_plan(ask: Ask, write_config: Callable[..., Path]) -> None:
    grid = "[{activation: [relu, tanh], seed: {range: 2}, exclude: {activation: tanh, seed: 1}}, {seed: [0]}]"
    path = write_config(f"{BASE}description: Which one?\nsweep: {grid}\n")
    answer = ask("check", path)
    lines = answer.out.splitlines()
    assert (answer.code, answer.err) == (0, "")
    assert lines[:2] == [f"{path}: valid; study trains 3 runs (activation, seed vary)", "Which one?"]
    assert "  activation: relu, tanh" in lines
    for label in ("relu-seed0", "relu-seed1", "tanh-seed0"):
        assert sum(line.startswith(f"{label} ") for line in lines) == 1
    assert "3 runs; 1 cell came twice, merged (relu-seed0); 1 cell excluded" in lines


@pytest.mark.parametrize(
    ("count", "shown"),
    [(20, ", ".join(map(str, range(20)))), (1_021, "0, 1, 2, 3, 4, 5, 6, 7, ..., 1020 (1,021 values)")],
)
def test_of_many_values_check_writes_a_few(count: int, shown: str, ask: Ask, write_config: Callable[..., Path]) -> None:
    assert f"\n  seed: {shown}\n" in ask("check", write_config(f"{BASE}sweep: {{seed: {{range: {count}}}}}\n")).out


def test_check_as_json_is_the_same_plan(ask: Ask, write_config: Callable[..., Path]) -> None:
    path = write_config(BASE + "sweep: {seed: [0, 1, 1], batch_size: [8]}\n")
    (plan,) = ask("check", path, "--set", "sweep.activation=[relu, tanh]", "--json").json
    assert plan["varies"] == {"seed": [0, 1], "batch_size": [8], "activation": ["relu", "tanh"]}
    assert [run["label"] for run in plan["runs"]][:2] == ["batch_size8-relu-seed0", "batch_size8-tanh-seed0"]
    assert len({run["hash"] for run in plan["runs"]}) == 4
    assert len(plan["merged"]) == 2
    assert plan["runs"][0]["config"]["batch_size"] == 8


def test_check_of_several_files_tells_the_errors_of_all(ask: Ask, write_config: Callable[..., Path]) -> None:
    good, bad = write_config(BASE, "good.yaml"), write_config(BASE + "sed: 1\n", "bad.yaml")
    answer = ask("check", good, bad, "missing.yaml")
    assert answer.code == 2
    assert answer.out == ""
    first, second = answer.err.splitlines()
    assert first == f"{bad}:5:1: unknown key 'sed'; did you mean 'seed'?"
    assert second.startswith("missing.yaml: cannot be read: no such file or directory; in .: bad.yaml, good.yaml")


def test_a_misspelt_file_gets_the_nearest_first(ask: Ask, write_config: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    names = ["relu_vs_leaky.yaml", *(f"a{number:02}.yaml" for number in range(17))]
    for name in names:
        write_config(BASE, f"configs/{name}")
    absent, meant = "cannot be read: no such file or directory", "; did you mean 'configs/relu_vs_leaky.yaml'?"
    listing = ", ".join([names[0], *names[1:12]])
    first = ask("check", "configs/relu_vs_leaky.yml").err
    assert first == f"configs/relu_vs_leaky.yml: {absent}{meant} in configs: {listing}, ... and 6 more\n"
    assert ask("check", "relu_vs_laeky").err == f"relu_vs_laeky: {absent}{meant}\n"
    paths = ", ".join(f"configs/{name}" for name in names[1:13])
    said = f"configs: cannot be read: is a directory; name a file of it: {paths}, ... and 6 more\n"
    assert ask("check", "configs").err == said
    (tmp_path / "results").mkdir()
    assert ask("check", "results").err.endswith("; it holds no config file\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "{}", "--device", "tpu"], "--device: expected auto, cpu or gpu, read 'tpu'"),
        (["run", "{}", "--workers", "many"], "--workers: expected auto or a number from 1, read 'many'"),
        (["check", "{}", "--set", "epoch=1"], "--set epoch=1: unknown key 'epoch'; did you mean 'epochs'?"),
        (["data", "fetsch"], "unknown action of `actlab data` 'fetsch'; did you mean 'fetch'?"),
        (["activations", "relu", "--at=x"], "--at: expected numbers with commas between them, read 'x'"),
    ],
)
def test_only_a_file_has_lines(arguments: list[str], said: str, ask: Ask, write_config: Callable[..., Path]) -> None:
    path = write_config(BASE)
    assert ask(*(word.format(path) for word in arguments)).err == f"{said}\n"


def test_the_schema_is_json(ask: Ask) -> None:
    assert ask("schema").json == schema()


@pytest.mark.parametrize("command", [["check"], ["run", "--out", "out"], ["run", "--json", "--out", "out"]])
@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("relu", "reluu"), BASE + "batch_size: x\n", BASE + "epochs: 3\n", BASE + "sweep: {seed: []}\n",
        BASE.replace("relu", "{formula: \"__import__('os').system('touch hacked')\"}"), "", "[", None,
    ],
)  # fmt: skip
def test_bad_input_is_one_message_exit_code_2_and_nothing_written(
    command: list[str], text: str | None, ask: Ask, tmp_path: Path
) -> None:
    path = tmp_path / "study.yaml"
    if text is not None:
        path.write_text(text)
    before = files(tmp_path)
    answer = ask(*command, path)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"{path}:")
    assert len(answer.err.splitlines()) == 1
    assert "Traceback" not in answer.err
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "tpu"], "expected auto, cpu or gpu, read 'tpu'"),
        (["--workers", "many"], "expected auto or a number from 1, read 'many'"),
        (["--workers", "0"], "expected auto or a number from 1 to 1024, read 0"),
        (["--set", "epochs"], "expected path=value"),
        (["--set", "epochs=zero"], "expected a whole number, read 'zero'"),
    ],
)
def test_a_wrong_option_of_run_trains_nothing(
    arguments: list[str], said: str, ask: Ask, write_config: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_config(BASE)
    before = files(tmp_path)
    answer = ask("run", path, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert files(tmp_path) == before


def test_debug_shows_the_traceback(ask: Ask, write_config: Callable[..., Path]) -> None:
    from actlab.errors import ConfigError

    path = write_config(BASE + "sed: 1\n")
    with pytest.raises(ConfigError):
        ask("--debug", "check", path)


# --- list, show, status, compare -------------------------------------------------------------------------------


def test_list_shows_every_run(ask: Ask, study: Path) -> None:
    answer = ask("list")
    assert answer.code == 0
    names = sorted(path.name for path in study.iterdir() if path.is_dir())
    assert all(name in answer.out for name in names)
    assert answer.out.splitlines()[0] == "3 done, 1 diverged"
    rows = ask("list", study, "--json").json
    assert sorted(Path(row["path"]).name for row in rows) == names
    assert {row["status"] for row in rows} == {"done", "diverged"}


def test_list_of_nothing_is_no_error(ask: Ask) -> None:
    answer = ask("list")
    assert (answer.code, answer.out.splitlines()[0]) == (0, "no runs here yet")
    assert ask("list", "--json").json == []


@pytest.mark.parametrize("command", ["list", "status", "watch"])
def test_a_path_that_is_named_must_be_a_folder(command: str, ask: Ask, study: Path, tmp_path: Path) -> None:
    """Only the default may be nothing yet; a file beside folders, as a shell makes of study/*, is passed over."""
    for path, said in (
        ("results/stdy", "results/stdy: does not exist; did you mean 'results/study'?"),
        ("stdy", "stdy: does not exist; did you mean 'results/study'?"),
        ("elsewhere", "elsewhere: does not exist"),
        (study / EXPERIMENT, f"{study / EXPERIMENT}: is a file; name the folder of a run, of an"),
    ):
        answer = ask(command, path)
        assert (answer.code, answer.out) == (2, "")
        assert answer.err.startswith(said) and answer.err.count("\n") == 1
    if command != "watch":
        assert ask(command, *study.iterdir(), "--json").code == 0


def test_a_watch_waits_on_a_folder_that_is_empty(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "results").mkdir()
    monkeypatch.setattr("actlab.show.page.current.Watch.serve_forever", lambda self: None)
    assert ask("watch", "results", "--no-browser").code == 0


@pytest.mark.usefixtures("undrawn")
def test_an_experiment_may_be_called_as_a_folder_of_data_is(ask: Ask, study: Path, tmp_path: Path) -> None:
    (tmp_path / study.name / "class").mkdir(parents=True)
    assert ask("list", study.name).code == 0
    assert "no runs" not in ask("list", study.name).out
    assert ask("compare", study.name).code == 0


def test_a_config_that_is_named_for_its_runs_is_answered_with_their_name(ask: Ask, study: Path, tmp_path: Path) -> None:
    (tmp_path / "my own.yaml").write_text("")
    assert "the runs of a config lie in the results: name the experiment, my_own\n" in ask("compare", "my own.yaml").err


@pytest.mark.usefixtures("undrawn")
def test_a_name_that_list_prints_will_do(ask: Ask, study: Path) -> None:
    path = next(study.glob("relu-seed0-*"))
    for name in ("relu-seed0", path.name, f"study/{path.name}", "study/relu-seed0"):
        assert ask("show", name, "--json").json == ask("show", path, "--json").json
    assert ask("diff", "relu-seed0", "relu-seed1", "--json").json["config"] == {"seed": [0, 1]}
    for command in (["compare"], ["report"], ["list"], ["status"]):
        assert ask(*command, "study").code == 0
    shutil.copytree(study, study.with_name("other"))
    several = ask("show", "relu-seed0")
    named = ", ".join(f"results/{folder}/{path.name}" for folder in ("other", "study"))
    assert (several.code, several.err) == (2, f"relu-seed0: there are several: {named}; give the path of one\n")


def test_show_tells_one_run(ask: Ask, study: Path) -> None:
    diverged = next(path for path in study.glob("tanh-seed1-*"))
    answer = ask("show", diverged)
    assert answer.code == 0
    assert "reason: loss is NaN" in answer.out
    assert "name: tanh" in answer.out
    assert ask("show", diverged, "--json").json["status"] == "diverged"


def test_show_tells_when_a_run_began_and_what_it_took(
    ask: Ask, tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]
) -> None:
    config, more = resolved(), {"started": "2026-11-21T11:14:26Z", "peak_memory_gib": 0.75}
    lines = ask("show", make_run(tmp_path / "results" / "study", config, [0.9], record=more)).out.splitlines()
    assert lines[1] == f"hash: {config.hash}"
    assert lines[2] == "started 2026-11-21T11:14:26Z; 12 s of training; 203,530 parameters; at most 0.75 GiB of memory"


def test_claims_of_a_config_file_are_held_against_results(
    ask: Ask, study: Path, write_config: Callable[..., Path]
) -> None:
    claim = "claims: [{metric: val_accuracy, of: {activation: relu}, is: '> 0.5'}]\n"
    sweeps = "sweep: {activation: [relu, tanh], seed: [0, 1]}\n"
    answer = ask("claims", write_config(BASE.replace("epochs: 2", "epochs: 3") + sweeps + claim), "--json")
    (told,) = answer.json
    assert told["claims"][0]["evidence"][0]["n"] == 2
    assert ask("claims", "nowhere.yaml").code == 2


@pytest.mark.parametrize("command", ["show", "reproduce"])
@pytest.mark.parametrize("path", ["results", "nowhere", "results/study"])
def test_what_is_no_run_is_an_error(path: str, command: str, ask: Ask, study: Path) -> None:
    answer = ask(command, path)
    assert (answer.code, answer.out) == (2, "")
    first = Path("results/study", min(study.glob("*/run.json")).parent.name)
    hints = {
        "results": "is no run's folder, since it holds no run.json; `actlab list` shows where runs are",
        "nowhere": "does not exist; `actlab list` shows where runs are",
        "results/study": f"is no run's folder, since it holds no run.json; name one of its 4 runs, such as {first}",
    }
    assert answer.err == f"{path}: {hints[path]}\n"


def test_what_jax_trains_together_is_told_where_it_is_installed(
    ask: Ask, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for found in (True, False):
        monkeypatch.setattr(cli, "find_spec", lambda name, found=found: found)
        assert ("trains together:\n  2 runs of relu (seed)" in ask("check", study / EXPERIMENT).out) == found
    assert ask("check", study / EXPERIMENT, "--json").json[0]["together"]


def test_what_is_not_named_is_answered_with_what_is_here(ask: Ask, study: Path) -> None:
    assert "Missing argument 'PATH'. run or experiment directories; here: study" in ask("compare").err
    assert "Missing argument 'RUN'" in (answer := ask("reproduce")).err
    assert min(study.glob("*/run.json")).parent.name in answer.err.replace(" │\n│ ", " ")
    shutil.rmtree(study)
    assert "run or experiment directories; here: none yet" in ask("compare").err


def test_the_package_is_a_command_too() -> None:
    done = subprocess.run([sys.executable, "-m", "actlab", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"actlab {__version__}\n")


def test_status_counts(ask: Ask, study: Path) -> None:
    answer = ask("status", study)
    assert answer.code == 0
    assert "3 done, 1 diverged" in answer.out
    (found,) = ask("status", study, "--json").json
    assert found["counts"] == {"done": 3, "diverged": 1}


def test_status_names_a_damaged_record(ask: Ask, study: Path) -> None:
    path = next(study.glob("relu-seed0-*"))
    (path / RECORD).write_text("{")
    answer = ask("status")
    shown = f"results/study/{path.name}"
    assert answer.out.splitlines() == [
        "results/study: 2 done, 1 diverged, 1 damaged",
        f"  {shown}: its run.json is damaged; the same `actlab run` trains it again",
    ]
    assert ask("status", "--json").json[0]["damaged"] == [shown]
    assert f"damaged (run.json: not JSON): {path.name}" in ask("list").out.splitlines()


def test_a_run_whose_record_is_damaged_is_trained_again_and_that_is_said(
    ask: Ask, write_config: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_config(RENDERED)
    _, config = read_plan(path).runs[0]
    run = make_run(tmp_path / "results" / "study", config, [0.9])
    assert ask("run", path, "--dry-run").out.splitlines()[-1].startswith("1 to skip; ")
    (run / RECORD).write_text("")
    shown = f"results/study/{run.name}"
    lines = ask("run", path, "--dry-run").out.splitlines()
    assert f"NOTE  {shown}: trains anew: its run.json is damaged" in lines
    assert f"train   {shown}" in lines


@pytest.mark.parametrize("begun", [0, 1])
def test_what_a_stopped_sweep_says_is_true(
    begun: int, ask: Ask, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three runs none or one has begun, and none has a checkpoint: status says the same."""

    def stopped(jobs: list[Job], *_: object) -> dict[Path, Outcome]:
        for job in jobs[:begun]:
            record = {"config": job.config.canonical(), "hash": job.config.hash, "status": "interrupted"}
            write_json(job.path / RECORD, record)
        return {job.path: Outcome("interrupted") for job in jobs}

    monkeypatch.setattr("actlab.runs.executors.run", stopped)
    path = write_config(f"{RENDERED}sweep: {{seed: [0, 1, 2]}}\n")
    said = ask("run", path).out
    counts = "1 interrupted, 2 pending" if begun else "3 pending"
    assert said.splitlines()[-2:] == [counts, "stopped; the same command trains the rest"]
    assert ("status" in said) == bool(begun) and "left out" not in said
    assert counts in ask("status").out
    told = ask("run", path, "--json").json[0]["counts"]
    assert {word: n for word, n in told.items() if n} == {"interrupted": 1, "pending": 2} if begun else {"pending": 3}


def test_a_dry_run_lists_what_it_would_do(
    ask: Ask, write_config: Callable[..., Path], make_run: Callable[..., Path]
) -> None:
    path = write_config(f"{RENDERED}sweep: {{seed: [0, 1]}}\n")
    run = make_run(Path("results/study"), read_plan(path).runs[0][1], [0.9])
    (told,) = ask("run", path, "--dry-run", "--json").json
    assert told["runs"][0] == {"path": str(run), "act": "skip"}
    assert [run["act"] for run in told["runs"]] == ["skip", "train"]


def test_status_of_a_run_that_has_said_nothing_yet(ask: Ask, study: Path) -> None:
    path = study / "elu-seed0-12345678"
    path.mkdir()
    with lock(path):
        answer = ask("status", study)
    assert answer.code == 0
    assert "elu-seed0-12345678" in answer.out


def test_status_tells_the_time_left_that_the_sweep_itself_told(
    ask: Ask, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 s, said 10 s ago; what is said by nobody, or was said an hour ago, is not repeated."""
    monkeypatch.setattr("actlab.cli.time", SimpleNamespace(time=lambda: 10_000.0))
    path = study / "elu-seed0-12345678"
    path.mkdir()
    write_progress(study, {"seconds_left": 100.0, "unix_time": 9_990.0})
    assert "left" not in ask("status", study).out  # nothing trains
    with lock(path):
        assert "1 running; about 1 min 30 s left" in ask("status", study).out
        for told in ({"seconds_left": 100.0, "unix_time": 6_400.0}, {"seconds_left": "x", "unix_time": 9_990.0}, {}):
            write_progress(study, told)
            assert ask("status", study, "--json").json[0]["seconds_left"] is None


def test_compare_prints_a_row_a_condition_and_writes_it(ask: Ask, study: Path) -> None:
    answer = ask("compare", study)
    assert (answer.code, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert (
        lines[0]
        == "no difference between tanh and relu is established (-15.00 points): 1 seed is too few, 6 might do; "
        "tanh diverged at 1 of 2 seeds"
    )
    rows = {line.split()[0]: line for line in lines[3:5]}
    assert "95.50 ± 0.71" in rows["relu"]
    assert rows["tanh"].split()[1:4] == ["1", "of", "2"]
    assert "diverged (loss is NaN)" in answer.out
    with (study / COMPARISON).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["activation"] for row in table] == ["relu", "tanh"]
    assert float(table[0]["val_accuracy last mean"]) == pytest.approx(0.955)
    for metric in ("val_accuracy", "val_loss"):
        assert (study / f"{metric}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(usable_cores() < 2 or sys.platform != "linux", reason="one core draws alone")
def test_figures_drawn_by_several_cores_are_those_of_one(study: Path, tmp_path: Path) -> None:
    drawn = {}
    for cores in ({min(CORES)}, CORES):
        out = tmp_path / f"by-{len(cores)}"
        program = (
            f"import os; os.sched_setaffinity(0, {cores})\n"
            "from actlab.show.figures import comparison\n"
            "first, write = os.getpid(), comparison._write\n"
            "def said(*_): os.getpid() == first or print('drawn by a copy', flush=True); return write(*_)\n"
            "comparison._write = said\n"
            "from actlab.__main__ import main; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, "compare", study, "-o", out], capture_output=True, text=True, timeout=600
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert ("drawn by a copy" in done.stdout) == (len(cores) > 1)
        drawn[len(cores)] = {path.name: path.read_bytes() for path in out.glob("*.png")}
    one, several = drawn.values()
    assert one == several and len(one) >= 4


@pytest.mark.slow
def test_a_figure_that_a_copy_of_the_process_cannot_draw_is_named(study: Path, tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from actlab.show.figures import comparison\n"
        "def fails(*_): raise ValueError('no ink')\n"
        "def killed(*_): os.kill(os.getpid(), signal.SIGKILL) if os.getpid() != first else None; return seeds(*_)\n"
        "first, seeds, comparison.seeds_figure = os.getpid(), comparison.seeds_figure, {}\n"
        "from actlab.__main__ import main; main()"
    )
    for what, said in (("fails", "seeds.png: not drawn: no ink (ValueError)"), ("killed", "")):
        out = tmp_path / what
        done = subprocess.run(
            [sys.executable, "-c", program.format(what), "compare", study, "-o", out],
            capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0 and said in done.stderr
        assert (out / "seeds.png").exists() == (not said) and (out / "val_loss.png").exists()


def test_compare_as_json(ask: Ask, study: Path, tmp_path: Path) -> None:
    found = ask("compare", study, tmp_path / "nothing", "--json", "--metric", "test_loss", "--out", tmp_path / "c").json
    assert [row["activation"] for row in found["conditions"]] == ["relu", "tanh"]
    assert found["conditions"][1]["test_loss last std"] is None
    assert found["conditions"][1]["diverged"] == 1
    assert found["passed_over"] == [f"{tmp_path / 'nothing'}: does not exist"]
    assert all(Path(file).is_file() for file in found["files"])
    assert not (study / COMPARISON).exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "val_acuracy"], "did you mean 'val_accuracy'?"),
        (["--by", "activaton"], "did you mean 'activation'?"),
        (["--sort", "activaton"], "did you mean 'activation'?"),
    ],
)
def test_a_wrong_name_in_compare_is_an_error(arguments: list[str], said: str, ask: Ask, study: Path) -> None:
    before = files(study)
    answer = ask("compare", study, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith(f"{said}\n")
    assert files(study) == before


def test_compare_of_nothing_names_what_it_looked_at(ask: Ask, tmp_path: Path) -> None:
    answer = ask("compare", "nowhere")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == "no runs to compare\nnowhere: does not exist\n"


@pytest.mark.parametrize("command", ["compare", "report", "claims"])
def test_a_misspelt_experiment_is_answered_with_the_nearest(command: str, ask: Ask, study: Path) -> None:
    answer = ask(command, "stdy")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("stdy: does not exist; did you mean 'results/study'?\n")


# --- activations and data --------------------------------------------------------------------------------------


def test_activations_are_listed_with_their_facts(ask: Ask) -> None:
    rows = ask("activations", "--json").json
    assert [row["name"] for row in rows] == ACTIVATIONS.names()
    assert all(row["formula"] and row["source"] for row in rows)
    text = ask("activations").out
    assert all(name in text for name in ACTIVATIONS.names())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reluu"], "unknown activation 'reluu'; did you mean 'relu'?"),
        (["relu", "--at=1,x"], "expected numbers with commas between them"),
        (["relu", "--at=inf"], "expected finite numbers"),
        (["relu", "--at=1,x"], "--at: expected numbers with commas between them, read 'x'\n"),
        (["relu", "--at=1,"], "--at: expected numbers with commas between them, one is empty\n"),
        (["--at=1"], "need the NAME of an activation"),
        (["--set", "negative_slope=1"], "need the NAME of an activation"),
        (["--formula", "__import__('os')"], "at character"),
        (["relu", "tanh", "--set", "a=1"], "--set changes one activation; of several write"),
        (["relu", "{name: leaky_relu, slope: 1}"], "unknown key 'slope'"),
        (["relu", "{name: leaky_relu"], "the mapping opened at 1:1"),
        (["relu", "--plot", "relu.pdf"], "--plot: expected a name that ends in .png or .svg, read 'relu.pdf'"),
        (["leaky_relu", "--set", "negative_slop=1"], "did you mean 'negative_slope'?"),
    ],
)
def test_a_wrong_question_about_activations(arguments: list[str], said: str, ask: Ask) -> None:
    answer = ask("activations", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_the_points_of_an_activation_stand_under_its_name_on_one_line(ask: Ask) -> None:
    lines = ask("activations", "prelu", "--at=-2,1").out.splitlines()
    assert lines[0] == "prelu, initial_negative_slope: 0.25, share: channel"
    assert [line.split() for line in lines[1:]] == [["x", "value", "slope"], ["-2", "-0.5", "0.25"], ["1", "1", "1"]]


def test_several_activations_are_printed_and_drawn_together(ask: Ask, tmp_path: Path) -> None:
    asked = ["relu", "{name: leaky_relu, negative_slope: 0.3}", "softplus", "relu", "--formula", "x*x"]
    answer = ask("activations", *asked, "--at=-2", "--plot", str(tmp_path / "new" / "all.svg"))
    heads = [line for line in answer.out.splitlines() if line[0].isalpha()]
    assert [head.split(",")[0] for head in heads] == ["relu", "leaky_relu", "softplus", "formula"]
    drawn = (tmp_path / "new" / "all.svg").read_text(encoding="utf-8")
    assert all(f">{name}</text>" in drawn for name in ("relu", "leaky_relu 0.3", "softplus", "x*x", "slope f′(x)"))
    points = ask("activations", *asked, "--at=-2", "--json").json
    assert [of["points"][0]["value"] for of in points] == [0, pytest.approx(-0.6), pytest.approx(0.126928), 4]


@pytest.mark.parametrize("asked", [["--plot"], ["--plot", "--at=1"]])
def test_a_plot_without_a_name_has_one(
    asked: list[str], ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = ask("activations", "relu", "softplus", *asked)
    assert answer.code == 0 and answer.err == "drawn: activations.png\n"
    assert (tmp_path / "activations.png").stat().st_size > 10_000


def test_the_table_is_there_before_a_plot_that_cannot_be_written(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = ask("activations", "relu", "--plot", str(tmp_path / "file" / "relu.png"))
    assert answer.code == 2 and answer.out.startswith("relu, negative_slope: 0.0") and "file" in answer.err


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("softmax", "mixes the last axis: all x are one sample; each slope is of an output by its own input"),
        ("glu", "makes one output of 2 inputs: x is the first of them, the other is 0"),
        ("maxout", "makes one output of 2 inputs: x is the first of them, the other is 0"),
        ("crelu", "makes 2 outputs of each input: the first is shown"),
        ("relu", ""),
    ],
)
def test_what_other_inputs_and_outputs_are_is_said(name: str, note: str, ask: Ask) -> None:
    lines = ask("activations", name, "--at=1,2").out.splitlines()
    assert lines[4:] == ([f"note: {name} {note}"] if note else [])
    assert ("note" in ask("activations", name, "--at=1,2", "--json").json) == bool(note)


@pytest.mark.parametrize("width", [60, 80])
def test_a_formula_is_readable_in_a_narrow_terminal(width: int, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = ask("activations").out.splitlines()
    assert any("  x for x > 0, negative_slope·x for x ≤ 0" in line for line in lines)
    assert any(line.startswith("relu               max(x, 0)") for line in lines)
    assert "source" in lines[-1] and "left out for want of room: " in "".join(lines[-2:])


def test_data_lists_the_sets(ask: Ask) -> None:
    assert [row["name"] for row in ask("data", "--json").json] == DATASETS.names()
    text = ask("data").out
    assert all(name in text for name in DATASETS.names())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["fetsch"], "did you mean 'fetch'?"), (["verify", "mnst"], "unknown dataset 'mnst'; did you mean 'mnist'?")],
)
def test_a_wrong_question_about_data(arguments: list[str], said: str, ask: Ask) -> None:
    answer = ask("data", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err


def test_data_verify_reads_an_own_file(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent or damaged is 1 where it was asked for; what is rendered is never fetched."""
    for name in ("KERAS_HOME", "ACTLAB_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("ACTLAB_DATA_DIR", raising=False)
    absent, all_sets = ask("data", "verify", "cifar100"), ask("data", "verify")
    assert (absent.code, all_sets.code) == (1, 0)
    assert "not on this machine; `actlab data fetch cifar100` gets it" in absent.out
    rendered = [line for line in all_sets.out.splitlines() if line.startswith("synth_mnist:")]
    assert rendered == ["synth_mnist: nothing to verify: it is rendered when a run needs it"]
    rng, shape = np.random.default_rng(0), (28, 28)
    arrays = {f"x_{part}": rng.integers(0, 256, (n, *shape), np.uint8) for part, n in COUNTS.items()}
    arrays |= {f"y_{part}": np.arange(n, dtype=np.uint8) % 10 for part, n in COUNTS.items()}
    own = tmp_path / "own" / "fashion_mnist.npz"
    own.parent.mkdir()
    np.savez(own, **arrays)
    whole = ask("data", "verify", "fashion_mnist", "--data-dir", own.parent)
    said = "your own file: shape and labels only: no sum of ours is known"
    assert (whole.code, whole.out) == (0, f"fashion_mnist: {own}: {said}\n")
    own.rename(own.with_name("mnist.npz"))
    monkeypatch.setenv("ACTLAB_DATA_DIR", str(own.parent))
    other = ask("data", "verify", "mnist")
    assert other.code == 1
    assert "does not hold the published mnist (train images differ)" in other.out


# --- terminals -------------------------------------------------------------------------------------------------

HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x9b1m\u202egnp"


@pytest.fixture
def hostile_run(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Path:
    """A run from elsewhere whose every text holds escape codes, in a folder whose name holds them too."""
    config = resolved().canonical()
    config["activation"]["name"] = config["precision"] = HOSTILE
    record = {
        "label": HOSTILE, "reason": HOSTILE, "config": {**config, HOSTILE: HOSTILE}, "hash": HOSTILE,
        "environment": {"machine": HOSTILE}, "files": {HOSTILE: HOSTILE},
        "dataset": {"name": HOSTILE, "stand_in_for": HOSTILE},
    }  # fmt: skip
    make_run(tmp_path / "study", resolved(seed=1), [0.9])
    return make_run(tmp_path / f"study{HOSTILE}", resolved(), [0.9], record=record)


def test_no_escape_code_of_a_file_reaches_the_terminal(ask: Ask, hostile_run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "out"
    answers = [
        ask("list", hostile_run), ask("list", hostile_run, "--json"), ask("show", hostile_run),
        ask("show", hostile_run, "--json"), ask("status", hostile_run.parent),
        ask("compare", hostile_run, tmp_path / "study", "--out", elsewhere),
        ask("compare", hostile_run, tmp_path / "study", "--out", elsewhere, "--json"),
        ask("compare", hostile_run, "--metric", HOSTILE), ask("show", tmp_path / HOSTILE), ask("list", HOSTILE),
    ]  # fmt: skip
    (hostile_run / HISTORY).write_text(f"{HOSTILE}\n")
    answers.append(ask("compare", hostile_run, "--out", elsewhere))
    assert [answer.code for answer in answers] == [0] * 7 + [2, 2, 2, 0]
    for answer in answers:
        assert printable(answer.out)
        assert printable(answer.err)


def test_no_escape_code_of_a_config_reaches_the_terminal(ask: Ask, write_config: Callable[..., Path]) -> None:
    escaped = '"\\e]0;owned\\a\\e[31mred\\u202e"'
    answers = [
        ask("check", write_config(f"{BASE}description: {escaped}\n")),
        ask("check", write_config(f"{BASE}{escaped}: 3\n")),
        ask("check", write_config(BASE.replace("relu", escaped))),
        ask("check", write_config(f"{BASE}sweep: {{activation: [{{formula: {escaped}}}]}}\n")),
        ask("check", write_config(BASE, f"x{HOSTILE}.yaml")),
        ask("check", f"missing{HOSTILE}.yaml"),
    ]
    assert [answer.code for answer in answers] == [0, 2, 2, 2, 0, 2]
    for answer in answers:
        assert printable(answer.out)
        assert printable(answer.err)


def printable(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def test_markup_of_a_file_is_text(ask: Ask, write_config: Callable[..., Path]) -> None:
    answer = ask("check", write_config(f'{BASE}description: "[red]no[/red] [link=x]:smile:"\n'))
    assert "[red]no[/red] [link=x]:smile:" in answer.out


def test_a_terminal_gets_no_escape_code_but_our_own(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In colours, as on a terminal: each escape begins one of rich's own styles."""
    from actlab.show.tables import Terminal

    stream = io.StringIO()
    Terminal(file=stream, force_terminal=True, color_system="standard", width=80).print(HOSTILE, style="bold red")
    assert stream.getvalue() == "\x1b[1;31m\\x1b]0;owned\\x1b[31mred\\x9b1m\\u202egnp\x1b[0m\n"


@pytest.mark.parametrize("columns", [20, 60, 200])
@pytest.mark.usefixtures("undrawn")
def test_narrow_terminals_lose_no_name(
    columns: int, ask: Ask, study: Path, monkeypatch: pytest.MonkeyPatch, write_config: Callable[..., Path]
) -> None:
    path = write_config(BASE + "sweep: {activation: [relu, softplus_linear], seed: [0, 4294967295]}\n")
    monkeypatch.setenv("COLUMNS", str(columns))
    for arguments in (
        ["list", study],
        ["compare", study],
        ["check", path],
        ["activations"],
        ["data"],
        ["status", study],
    ):
        answer = ask(*arguments)
        assert answer.code == 0
        assert answer.out
    if columns < 60:
        return
    joined = "".join(ask("check", path).out.split())
    assert "softplus_linear-seed4294967295" in joined
    listed = "".join(line.split()[0] for line in ask("list", study).out.splitlines()[2:] if line.strip())
    for name in (run.name for run in study.iterdir() if run.is_dir() and columns > 100):
        assert name in listed
    compared = ask("compare", study).out.splitlines()
    assert [line.split()[0] for line in compared if line.startswith(("relu", "tanh"))] == ["relu", "tanh"]


@pytest.mark.usefixtures("undrawn")
def test_no_number_is_broken_over_two_lines(
    ask: Ask, study: Path, monkeypatch: pytest.MonkeyPatch, write_config: Callable[..., Path]
) -> None:
    path = write_config(BASE + "sweep: {optimizer.learning_rate: [0.0123456, 1.0e-05], seed: [0, 123456]}\n")
    first, *_, last = sorted(study.glob("*/"))
    for arguments in (
        ["list", study], ["compare", study], ["compare", study, "--wide", "--seeds", "--notes"], ["check", path],
        ["diff", first, last], ["claims", study], ["status", study], ["data"], ["activations"], ["probes"],
        ["activations", "gelu", "--at", "-2,-1,0.123456789"], ["activations", "prelu", "--check"],
    ):  # fmt: skip
        number = re.compile(r"(?<![\w.,])[-+]?\d[\d,]*[.,]\d+(?:e[-+]?\d+)?%?(?![\w.])")  # not of a hash
        found = {}
        for columns in (1000, 20, 30, 40, 60):
            monkeypatch.setenv("COLUMNS", str(columns))
            found[columns] = set(number.findall(ask(*arguments).out))
            assert found[columns] <= found[1000], f"{arguments} at {columns}"


# --- processes -------------------------------------------------------------------------------------------------


def process(*arguments: object, then: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with a piece of shell behind it, such as `| head -1`."""
    kept = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    command = [sys.executable, "-W", "error", "-m", "actlab", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {then}', "bash", *command],
        capture_output=True, text=True, env={**kept, **environment}, encoding="utf-8",
    )  # fmt: skip


@pytest.mark.parametrize("command", ["list", "compare"])
def test_a_reader_that_has_seen_enough_is_no_error(command: str, study: Path) -> None:
    ended = process(command, study, then="| head -1")
    assert len(ended.stdout.splitlines()) == 1
    assert ended.returncode in (0, 1) and ended.stderr == ""


def test_a_terminal_without_signs_gets_plain_ones(study: Path) -> None:
    ended = process("compare", study, "-o", study / "table.csv", PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.isascii() and "+-" in ended.stdout and "* tanh" in ended.stdout
    assert "?" not in ended.stdout


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_lines_end_where_the_terminal_does(columns: int, study: Path) -> None:
    ended = process("compare", study, "-o", study / "table.csv", COLUMNS=str(columns))
    lines = [line for line in ended.stdout.splitlines() if not line.startswith("file: ")]
    assert ended.returncode == 0 and max(map(len, lines)) <= columns
    assert "tanh" in lines[0]
