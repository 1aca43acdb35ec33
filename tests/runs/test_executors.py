"""Sweeps on real processes: faults, kills, signals. What is done is whole, and what is cut is resumed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torture import trainer
from torture.processes import Command, by_seed, outcome, rows, run, until

from actlab import cli
from actlab.errors import RunDirError
from actlab.parts import datasets
from actlab.runs import executors, sweep
from actlab.runs.executors import local
from actlab.runs.folder import read_json
from actlab.runs.job import Job, Outcome
from actlab.runs.record import Run, is_done

CONFIG = """
dataset: {name: synth_mnist, train_images: 2000, test_images: 200}
model: {name: mnist_dense, hidden: [24], dropout: 0.2, batch_norm: before}
activation: rrelu
optimizer: {name: adam, learning_rate: 0.003, schedule: cosine}
batch_size: 20
"""


@pytest.fixture(scope="module", autouse=True)
def rendered(own_caches: Path) -> None:
    """The images are made before anything is timed or killed."""
    datasets.prepare("synth_mnist", {"train_images": 2000, "test_images": 200})


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(CONFIG + text)
    return path


# --- what is trained ----------------------------------------------------------------------------------------------

LONG = "epochs: 20\nsweep: {seed: [0, 1]}\n"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep that is done: the networks are stand-ins, which no test here minds."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "worker", trainer)
        assert run(write(folder, LONG), folder / "out") == 0
    return folder / "out"


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers without TensorFlow."""
    monkeypatch.setattr(local, "worker", trainer)


@pytest.mark.slow
@pytest.mark.usefixtures("stand_ins")
def test_force_trains_anew_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    path, out = write(tmp_path, LONG), tmp_path / "out"
    shutil.copytree(whole, out)
    times = {file: file.stat().st_mtime_ns for file in out.glob("*/*/run.json")}
    assert run(path, out) == 0
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert run(path, out, force=True) == 0
    assert all(file.stat().st_mtime_ns != before for file, before in times.items())
    assert outcome(out) == outcome(whole)


@pytest.mark.slow
def test_a_forced_run_that_is_cut_goes_on(whole: Path, tmp_path: Path) -> None:
    """Trained anew, it goes on from its own checkpoint, not from the record that it replaces, to the same bytes."""
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    command = ("run", write(tmp_path, LONG), "-o", out, "--workers", 2, "--device", "cpu")
    options = ("--force", "--checkpoint-seconds", 0)
    sweep = Command(*command, *options, module="torture.trainer", seconds_a_call=0.05)
    assert until(lambda: len(list(out.glob("*/*/checkpoint/state.npz"))) == 2)
    sweep.process.send_signal(signal.SIGINT)
    code, said = sweep.end()
    assert code == 130, said
    assert "the same command without --force goes on from the last checkpoint" in said
    assert {Run(record.parent).status for record in out.glob("*/*/run.json")} == {"interrupted"}
    assert "2 to resume" in Command(*command, "--dry-run").end()[1]
    assert Command(*command, module="torture.trainer").end()[0] == 0
    assert outcome(out) == outcome(whole)


@pytest.mark.slow
def test_a_run_that_another_process_trains_is_left_alone(tmp_path: Path) -> None:
    """Said so, and neither tried again nor called failed; what nobody trains is trained meanwhile."""
    out = tmp_path / "out"
    slow = ("run", write(tmp_path, "epochs: 400\n"), "-o", out, "--device", "cpu")
    first = Command(*slow, module="torture.trainer", seconds_a_call=0.2)
    assert until(lambda: rows(out))
    both = ("run", write(tmp_path, "epochs: 400\nsweep: {seed: [0, 1]}\n"), "-o", out, "--device", "cpu")
    code, said = Command(*both, module="torture.trainer").end()
    assert code == 1, said
    assert "is being written by process" in said and "attempts" not in said
    assert "1 done, 1 running" in said
    assert sorted(Run(p.parent).status for p in out.glob("*/*/run.json")) == ["done", "running"]
    first.process.send_signal(signal.SIGINT)
    assert first.end()[0] == 130


def test_the_same_cell_of_another_experiment_is_copied(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is trained; the copy has its own place in its own plan."""
    before = outcome(whole)
    monkeypatch.delattr(executors, "run")
    path = write(tmp_path, LONG.replace("[0, 1]", "[1, 0]") + "name: another\n")
    assert run(path, whole, set_=["description=a copy"]) == 0
    copies = {file.name: file.read_bytes() for file in whole.glob("another/*-seed0-*/*.csv")}
    assert copies["history.csv"] in before.values()
    runs = [Run(p.parent) for p in whole.glob("another/*/run.json")]
    assert [run.damaged() for run in runs] == [[], []]
    assert {run.config.get("seed", 0): run.plan_index for run in runs} == {1: 0, 0: 1}
    assert all(run.record["overrides"] == ["description=a copy"] for run in runs)
    assert {Run(p.parent).plan_index for p in whole.glob("study/*/run.json")} == {0, 1}


# --- what is done already --------------------------------------------------------------------------------------


def test_a_sweep_that_is_done_imports_nothing_that_is_slow(whole: Path, tmp_path: Path) -> None:
    path = write(tmp_path, LONG)
    script = (
        "import sys, runpy; sys.argv = ['actlab', 'run', sys.argv[1], '--out', sys.argv[2], '--json']\n"
        "from actlab.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "slow = ('tensorflow', 'keras', 'pandas', 'scipy', 'matplotlib', 'pebble')\n"
        "heavy = [name for name in slow if name in sys.modules]\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path), str(whole)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["counts"]["skipped"] == 2


def test_a_sweep_that_is_done_takes_over_the_claims_of_its_config(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "MOST_RUNS", 1)
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    path = write(tmp_path, LONG + "claims:\n  - {metric: val_accuracy, is: '> 0.1'}\n")
    assert run(path, out) == 0
    assert (out / "study" / "experiment.yaml").read_text() == path.read_text()
    said = capsys.readouterr().out
    assert "done before: 2 runs; `actlab list` shows them" in said
    assert "val_accuracy" not in said
    assert outcome(out) == outcome(whole)


def test_a_plan_that_changes_places_its_runs_anew(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of an older actlab get a place too; what is trained stays, and a second time nothing is written."""
    monkeypatch.delattr(executors, "run")
    out = tmp_path / "out"
    shutil.copytree(whole / "study", out / "study")
    for file in out.glob("study/*/run.json"):
        record = read_json(file)
        del record["plan_index"], record["overrides"]
        file.write_text(json.dumps(record))
    path = write(tmp_path, LONG.replace("[0, 1]", "[1, 0]"))
    assert run(path, out) == 0
    assert {record["config"].get("seed", 0): record["plan_index"] for record in by_seed(out).values()} == {1: 0, 0: 1}
    times = {file: file.stat().st_mtime_ns for file in out.rglob("run.json")}
    assert run(path, out) == 0
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert outcome(out) == {name: data for name, data in outcome(whole).items() if name in outcome(out)}


def test_eight_digits_are_no_identity(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory whose record states another hash that begins alike is another run's: it is left alone."""
    out = tmp_path / "out"
    shutil.copytree(whole / "study", out / "study")
    (first,) = out.glob("study/*-seed0-*")
    record = read_json(first / "run.json")
    digest = record["hash"]
    (first / "run.json").write_text(json.dumps({**record, "hash": digest[:8] + "0" * 56}))
    begun: list[Path] = []

    def stopped(jobs: list[Job], *_: Any) -> dict[Path, Outcome]:
        begun.extend(job.path for job in jobs)
        return {job.path: Outcome("interrupted") for job in jobs}

    monkeypatch.setattr(executors, "run", stopped)
    assert run(write(tmp_path, LONG), out) == 1
    assert [path.name for path in begun] == [f"rrelu-seed0-{digest[:16]}"]
    assert not is_done(first, digest) and is_done(first, digest[:8] + "0" * 56)


@pytest.mark.usefixtures("stand_ins")
def test_the_folder_of_an_experiment_may_be_a_link(whole: Path, tmp_path: Path) -> None:
    """The user's own, to another disk; not to what is no experiment, nor where a run is to be written."""
    out, disk, path = tmp_path / "out", tmp_path / "disk", write(tmp_path, LONG)
    out.mkdir()
    disk.mkdir()
    (out / "study").symlink_to(disk)
    assert run(path, out) == 0
    assert outcome(out) == outcome(whole)
    assert len(list(disk.glob("*/run.json"))) == 2
    assert run(path, out) == 0

    (link,) = disk.glob("*-seed1-*")
    link.rename(tmp_path / "elsewhere")
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunDirError, match="leads outside the output folder"):
        cli.run([path], out, workers="2", device="cpu", force=True)

    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letters").touch()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "study").symlink_to(tmp_path / "home")
    with pytest.raises(RunDirError, match="holds no experiment; remove the link"):
        cli.run([path], tmp_path / "second", workers="2", device="cpu")
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["letters"]

    (tmp_path / "third").symlink_to(out)  # the output folder itself
    link.unlink()
    assert run(path, tmp_path / "third") == 0
    assert outcome(out) == outcome(whole)


@pytest.mark.usefixtures("stand_ins")
def test_workers_are_spread_over_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is needed to see that k workers a GPU share it, and that no worker gets none."""
    for module in (local, sweep):
        monkeypatch.setattr(module, "gpus", lambda: ["2", "GPU-5f"])
    assert sweep.workers_and_threads(runs=12, device="gpu", per_gpu=2)[0] == 4
    assert local.gpu_of_each_worker("gpu", 4) == ["2", "GPU-5f", "2", "GPU-5f"]
    assert local.gpu_of_each_worker("cpu", 2) == [None, None]


def test_a_worker_sees_the_one_gpu_and_the_folder_for_temporary_files_that_it_is_given() -> None:
    for given, expected in (("'MIG-41-7'", "MIG-41-7 there"), ("None", "0,1 there")):
        program = "import os, tempfile; from actlab.runs.executors.worker import start"
        program += f"; start(1, 'gpu', 'tensorflow', os.getppid(), {given}, 'there')"
        program += "; print(os.environ['CUDA_VISIBLE_DEVICES'], tempfile.gettempdir())"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "0,1"},
        )  # fmt: skip
        assert done.stdout.strip() == expected, done.stderr


@pytest.mark.slow
def test_a_worker_imports_and_keeps_no_more_of_tensorflow_than_it_needs() -> None:
    """What the import made is not looked through for garbage again; Matplotlib's windows come when they are asked for.

    And of a function that was traced nothing is left.
    """
    program = """
import gc, sys
from actlab.runs.executors.worker import import_engine
import_engine()
assert "tensorflow" in sys.modules and "keras" in sys.modules
assert gc.isenabled() and gc.get_freeze_count() > 100_000, gc.get_freeze_count()
windows = object.__getattribute__(sys.modules["matplotlib.pyplot"], "__dict__")
assert "plot" not in windows
import matplotlib.pyplot
assert callable(matplotlib.pyplot.plot)
before = gc.get_freeze_count()
import_engine()
assert gc.get_freeze_count() == before

import weakref
import tensorflow as tf
from actlab.runs.executors.worker import forget_gradients
def traced():
    function = tf.function(lambda x: tf.nn.silu(2 * x))
    return weakref.ref(function.get_concrete_function(tf.ones(3)).graph)
graph = traced()
gc.collect()
assert graph() is not None, "TensorFlow no longer keeps it: forget_gradients is not needed any more"
forget_gradients()
gc.collect()
assert graph() is None
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_workers_fit_into_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "usable_cores", lambda: 8)
    monkeypatch.setattr(sweep, "usable_memory_gib", lambda: 12.0)
    assert sweep.workers_and_threads(runs=20, device="cpu") == (8, 1)
    assert sweep.workers_and_threads(runs=3, device="cpu") == (3, 2)
    assert sweep.workers_and_threads(runs=20, device="cpu", gib_a_batch=2.8) == (3, 2)
    assert sweep.workers_and_threads(runs=20, device="cpu", gib_a_batch=100) == (1, 8)


@pytest.mark.parametrize(
    ("runs", "wanted", "expected"),
    [(3, 1, (1, 8)), (3, 2, (2, 4)), (3, 16, (3, 2)), (100, 16, (16, 1)), (1, 4, (1, 8))],
)
def test_threads_follow_from_the_workers_that_there_are(
    runs: int, wanted: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight cores are shared by as many workers as are asked for, but no more than there are runs."""
    monkeypatch.setattr(sweep, "usable_cores", lambda: 8)
    assert sweep.workers_and_threads(runs, "cpu", wanted) == expected


def test_a_worker_that_is_gone_names_the_plugin_that_may_have_ended_it() -> None:
    from types import SimpleNamespace

    from actlab.registry import Plugin

    with_own: Any = SimpleNamespace(plugins=(Plugin("leaver.py", "leaver.py", "0" * 64),))
    without: Any = SimpleNamespace(plugins=())
    reason = local._end_of_worker(3, with_own).reason
    assert reason == (
        "the worker ended with exit code 3, perhaps by the plug-in leaver.py, which may call os._exit or crash;"
        " see log.txt"
    )
    assert local._end_of_worker(3, without).reason == "the worker ended with exit code 3; see log.txt"
    assert "want of memory" in str(local._end_of_worker(-9, without).reason)
