"""Sweeps on real processes: faults, kills, signals. What is done is whole, and what is cut is resumed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

sys.path.insert(0, str(Path(__file__).parent))  # spawned workers import `faults` by that name
import faults

from actlab import cli
from actlab.parts import datasets
from actlab.run import sweep
from actlab.run.executors import local
from actlab.run.folder import read_json
from actlab.run.job import Job, Outcome
from actlab.run.record import Run, is_done

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


def run(path: Path, out: Path, **options: Any) -> int:
    """`actlab run` in this process, with workers of their own."""
    with pytest.raises(typer.Exit) as end:
        cli.run([path], out, **{"workers": "2", "device": "cpu", **options})
    return int(end.value.exit_code)


def by_seed(out: Path) -> dict[int, dict[str, Any]]:
    records = [read_json(path) for path in out.glob("*/*/run.json")]
    return {record["config"].get("seed", 0): record for record in records}


# --- faults ----------------------------------------------------------------------------------------------------


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers whose work goes wrong as the seed of a run says, and that import TensorFlow only to train."""
    monkeypatch.setattr(local.worker, "warm_up", faults.warm_up)
    monkeypatch.setattr(local.worker, "work", faults.work)


@pytest.mark.usefixtures("faulty")
def test_a_fault_costs_its_own_run_only(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
epochs: 1
sweep:
  - {seed: [0, 1, 3]}
  - {seed: [5], optimizer.learning_rate: [1.0e30]}
""",
    )
    code = run(path, tmp_path / "out", retries=0)
    records = by_seed(tmp_path / "out")
    statuses = {seed: record["status"] for seed, record in records.items()}
    assert statuses == {0: "done", 1: "failed", 3: "failed", 5: "diverged"}
    assert "SIGABRT" in records[1]["reason"]
    assert "MemoryError" in records[3]["reason"]
    assert "step" in records[5]["reason"]
    assert code == 1
    assert {seed: (record["plan_index"], record["overrides"]) for seed, record in records.items()} == {
        0: (0, []), 1: (1, []), 3: (2, []), 5: (3, []),
    }  # fmt: skip


@pytest.mark.usefixtures("faulty")
def test_a_run_that_hangs_is_ended(tmp_path: Path) -> None:
    path = write(tmp_path, "epochs: 1\nseed: 2\n")
    assert run(path, tmp_path / "out", run_timeout=1.5, retries=0) == 1
    assert by_seed(tmp_path / "out")[2]["reason"] == "took longer than --run-timeout 1.5 s"


def test_the_timeout_counts_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the start of a worker, nor the import of TensorFlow: on a busy machine they take longer than a small run."""
    monkeypatch.setattr(local.worker, "warm_up", faults.slow_warm_up)
    monkeypatch.setattr(local.worker, "work", faults.report_process)
    path = write(tmp_path, "epochs: 1\nsweep: {seed: {range: 2}}\n")
    assert run(path, tmp_path / "out", run_timeout=2.0, retries=0) == 0


@pytest.mark.usefixtures("faulty")
def test_a_run_that_fails_is_tried_again_in_another_worker(tmp_path: Path) -> None:
    """Also where the worker has survived: what was wrong in it may still be wrong."""
    path = write(tmp_path, "epochs: 1\nsweep: {seed: [1, 3, 4]}\n")
    assert run(path, tmp_path / "out", retries=1) == 1
    records = by_seed(tmp_path / "out")
    assert records[4]["status"] == "done"
    assert records[1]["reason"].endswith("(2 attempts)")
    assert records[3]["reason"] == "MemoryError: out of memory (2 attempts)"
    (attempts,) = (tmp_path / "out").glob("*/*-seed3-*/attempts")
    assert len(set(attempts.read_text().split())) == 2


def test_a_worker_is_replaced_after_some_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local.worker, "warm_up", faults.warm_up)
    monkeypatch.setattr(local.worker, "work", faults.report_process)
    monkeypatch.setattr(local, "RUNS_A_WORKER", 2)
    assert run(write(tmp_path, "epochs: 1\nsweep: {seed: {range: 6}}\n"), tmp_path / "out", workers="1") == 0
    processes = [path.read_text() for path in (tmp_path / "out").glob("*/*/attempts")]
    assert sorted(Counter(processes).values()) == [2, 2, 2]


def test_what_failed_is_skipped_until_it_is_to_be_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "epochs: 1\nsweep: {seed: [0, 3]}\n")
    with monkeypatch.context() as patch:
        patch.setattr(local.worker, "warm_up", faults.warm_up)
        patch.setattr(local.worker, "work", faults.work)
        assert run(path, tmp_path / "out", retries=0) == 1
    before = (tmp_path / "out").rglob("run.json")
    times = {file: file.stat().st_mtime_ns for file in before}
    assert run(path, tmp_path / "out") == 1
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert run(path, tmp_path / "out", retry_failed=True) == 0
    assert {record["status"] for record in by_seed(tmp_path / "out").values()} == {"done"}


def test_force_trains_anew_to_the_same_bytes(tmp_path: Path) -> None:
    path, out = write(tmp_path, "epochs: 2\n"), tmp_path / "out"
    assert run(path, out) == 0
    record = next(out.glob("*/*/run.json"))
    first, history = record.stat().st_mtime_ns, outcome(out)
    assert run(path, out) == 0
    assert record.stat().st_mtime_ns == first
    assert run(path, out, force=True) == 0
    assert record.stat().st_mtime_ns != first
    assert outcome(out) == history


def test_a_forced_run_that_is_cut_goes_on(whole: Path, tmp_path: Path) -> None:
    """Trained anew, it goes on from its own checkpoint, not from the record that it replaces, to the same bytes."""
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    path = write(tmp_path, LONG)
    sweep = Sweep(path, out, "--force", "--checkpoint-seconds", "0.1")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(list(out.glob("*/*/checkpoint/state.npz"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    sweep.process.send_signal(signal.SIGINT)
    code, said = sweep.end()
    assert code == 130, said
    assert "the same command without --force goes on from the last checkpoint" in said
    assert {Run(record.parent).status for record in out.glob("*/*/run.json")} == {"interrupted"}
    code, said = Sweep(path, out, "--dry-run").end()
    assert "2 to resume" in said
    assert Sweep(path, out).end()[0] == 0
    assert outcome(out) == outcome(whole)


@pytest.mark.usefixtures("faulty")
def test_fail_fast_ends_the_sweep(tmp_path: Path) -> None:
    path = write(tmp_path, "epochs: 1\nsweep: {seed: [3, 6, 7, 8]}\n")
    assert run(path, tmp_path / "out", retries=0, workers="1", fail_fast=True) == 1
    statuses = [record["status"] for record in by_seed(tmp_path / "out").values()]
    assert statuses.count("failed") == 1
    assert len(statuses) < 4


# --- kills and signals -----------------------------------------------------------------------------------------

LONG = "epochs: 20\nsweep: {seed: [0, 1]}\n"  # some seconds a run


class Sweep:
    """`actlab run` as a process of its own."""

    def __init__(self, path: Path, out: Path, *options: str) -> None:
        command = [sys.executable, "-m", "actlab", "run", str(path), "--out", str(out), "--workers", "2",
                   "--device", "cpu", *options]  # fmt: skip
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def workers(self) -> list[int]:
        """Process ids of the workers, found by their parent."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                after_name = stat.read_text().rpartition(")")[2].split()
                if int(after_name[1]) == self.process.pid and b"spawn_main" in (stat.parent / "cmdline").read_bytes():
                    found.append(int(stat.parent.name))
        return found

    def end(self) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=2 * PATIENCE_SECONDS)
        return self.process.returncode, said


PATIENCE_SECONDS = 300.0  # for what takes some seconds: room for a machine that is ten times slower and busy


def gone(pids: list[int]) -> bool:
    """Whether all processes end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep, never stopped: what every other one must come to."""
    folder = tmp_path_factory.mktemp("whole")
    code, said = Sweep(write(folder, LONG), folder / "out").end()
    assert code == 0, said
    return folder / "out"


def outcome(out: Path) -> dict[str, bytes]:
    names = ("history.csv", "weights.npz")
    return {f"{p.parent.name}/{p.name}": p.read_bytes() for name in names for p in sorted(out.glob(f"*/*/{name}"))}


def assert_no_false_done(out: Path, expected: dict[str, bytes]) -> None:
    for record in out.glob("*/*/run.json"):
        run = Run(record.parent)
        if run.status == "done":
            assert run.damaged() == []
            history = f"{run.path.name}/history.csv"
            assert (run.path / "history.csv").read_bytes() == expected[history]


def moments(count: int, longest: float) -> Iterator[float]:
    """Seconds to wait before each of some kills: random, and the same at every repetition."""
    draw = random.Random(20_261_121)
    for _ in range(count):
        yield draw.uniform(0.3, longest)


def begun(out: Path, count: int = 1) -> bool:
    return len(list(out.glob("*/*/progress.json"))) >= count


def wait_until_begun(out: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not begun(out) and time.monotonic() < deadline:
        time.sleep(0.05)


def test_kill_9_of_workers_and_of_the_parent_at_random_moments(whole: Path, tmp_path: Path) -> None:
    """Ten kills of a worker and ten of the parent; then the same bytes as if nothing had happened."""
    expected, out = outcome(whole), tmp_path / "out"
    path = write(tmp_path, LONG)
    waits, kills = moments(20, 3.0), 0
    while kills < 20:
        sweep = Sweep(path, out, "--retries", "100", "--checkpoint-seconds", "0.2")
        wait_until_begun(out)
        for _ in range(2):  # a worker, twice; then the parent
            time.sleep(next(waits, 0.5))
            if (workers := sweep.workers()) and sweep.process.poll() is None:
                os.kill(random.choice(workers), signal.SIGKILL)
                kills += 1
            assert_no_false_done(out, expected)
        if sweep.process.poll() is not None:
            code, said = sweep.end()
            assert code == 0, said
            assert outcome(out) == expected
            for record in out.glob("*/*/run.json"):  # all is done before the kills are: begin again
                record.unlink()
            continue
        workers = sweep.workers()
        sweep.process.kill()
        kills += 1
        sweep.process.communicate()
        assert gone(workers), "a worker outlived its parent"
        assert_no_false_done(out, expected)
    code, said = Sweep(path, out).end()
    assert code == 0, said
    assert outcome(out) == expected


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_writes_checkpoints_and_the_sweep_goes_on_later(
    number: signal.Signals, code: int, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    path = write(tmp_path, LONG)
    sweep = Sweep(path, out)
    wait_until_begun(out)
    time.sleep(1.0)
    workers = sweep.workers()
    os.killpg(sweep.process.pid, number)  # as a terminal does: to the workers too
    returned, said = sweep.end()
    assert returned == code, said
    assert "goes on from the last checkpoint" in said
    assert gone(workers)
    assert list(out.glob("*/*/checkpoint/state.npz")), said
    assert {Run(p.parent).status for p in out.glob("*/*/run.json")} <= {"interrupted", "done"}
    assert Sweep(path, out).end()[0] == 0
    assert outcome(out) == outcome(whole)


def test_ctrl_c_while_workers_start_leaves_no_traceback(tmp_path: Path) -> None:
    """A terminal sends it to the workers too, which are still importing."""
    sweep = Sweep(write(tmp_path, "epochs: 4000\nsweep: {seed: [0, 1]}\n"), tmp_path / "out")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not sweep.workers() and time.monotonic() < deadline:
        time.sleep(0.02)
    for _ in range(5):  # over some tenths of a second of imports, to the workers only
        for pid in sweep.workers():
            os.kill(pid, signal.SIGINT)
        time.sleep(0.1)
    os.killpg(sweep.process.pid, signal.SIGINT)
    code, said = sweep.end()
    assert code == 130, said
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said


def test_the_second_signal_ends_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sweep = Sweep(write(tmp_path, "epochs: 4000\nsweep: {seed: [0, 1]}\n"), out)
    wait_until_begun(out)
    workers = sweep.workers()
    began = time.monotonic()
    sweep.process.send_signal(signal.SIGINT)
    time.sleep(0.2)  # two that are pending at once are one
    sweep.process.send_signal(signal.SIGINT)
    code, said = sweep.end()
    assert code == 130
    assert said.splitlines()[-1] == "stopped at once; the same command goes on from the last checkpoints"
    assert time.monotonic() - began < 60  # its runs would take a quarter of an hour
    assert gone(workers)


def test_a_run_that_another_process_trains_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = write(tmp_path, "epochs: 4000\n")
    first = Sweep(path, out)
    while not list(out.glob("*/*/run.json")):
        time.sleep(0.1)
    code, said = Sweep(path, out, "--retries", "0").end()
    assert code == 1
    assert "is being written by process" in said
    assert [Run(p.parent).status for p in out.glob("*/*/run.json")] == ["running"]
    first.process.send_signal(signal.SIGINT)
    assert first.end()[0] == 130


def test_the_same_cell_of_another_experiment_is_copied(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is trained; the copy has its own place in its own plan."""
    before = outcome(whole)
    monkeypatch.delattr(local, "run")
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
    assert "2 runs were done before; `actlab list` shows them" in said
    assert "val_accuracy" not in said
    assert outcome(out) == outcome(whole)


def test_a_plan_that_changes_places_its_runs_anew(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of an older actlab get a place too; what is trained stays, and a second time nothing is written."""
    monkeypatch.delattr(local, "run")
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

    monkeypatch.setattr(local, "run", stopped)
    assert run(write(tmp_path, LONG), out) == 1
    assert [path.name for path in begun] == [f"rrelu-seed0-{digest[:16]}"]
    assert not is_done(first, digest) and is_done(first, digest[:8] + "0" * 56)


def test_workers_are_spread_over_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """No GPU is needed to see that k workers a GPU share it, and that no worker gets none."""
    for module in (local, sweep):
        monkeypatch.setattr(module, "gpus", lambda: ["2", "GPU-5f"])
    assert sweep.workers_and_threads(runs=12, device="gpu", per_gpu=2)[0] == 4
    assert local.gpu_of_each_worker("gpu", 4) == ["2", "GPU-5f", "2", "GPU-5f"]
    assert local.gpu_of_each_worker("cpu", 2) == [None, None]


def test_a_worker_sees_the_one_gpu_that_it_is_given() -> None:
    for given, expected in (("'MIG-41-7'", "MIG-41-7"), ("None", "0,1")):
        program = f"import os; from actlab.run.executors.worker import start; start(1, 'gpu', os.getppid(), {given})"
        program += "; print(os.environ['CUDA_VISIBLE_DEVICES'])"
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "0,1"},
        )  # fmt: skip
        assert done.stdout.strip() == expected, done.stderr


def test_a_worker_imports_and_keeps_no_more_of_tensorflow_than_it_needs() -> None:
    """What the import made is not looked through for garbage again; Matplotlib's windows come when they are asked for.

    And of a function that was traced nothing is left.
    """
    program = """
import gc, sys
from actlab.run.executors.worker import import_tensorflow
import_tensorflow()
assert "tensorflow" in sys.modules and "keras" in sys.modules
assert gc.isenabled() and gc.get_freeze_count() > 100_000, gc.get_freeze_count()
windows = object.__getattribute__(sys.modules["matplotlib.pyplot"], "__dict__")
assert "plot" not in windows
import matplotlib.pyplot
assert callable(matplotlib.pyplot.plot)
before = gc.get_freeze_count()
import_tensorflow()
assert gc.get_freeze_count() == before

import weakref
import tensorflow as tf
from actlab.run.executors.worker import forget_gradients
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
