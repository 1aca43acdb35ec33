"""Row 13: whatever happens to a worker costs its own run only, and is tried again no more often than asked for."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from pebble.pool.process import PoolManager

from actlab.parts import datasets
from actlab.runs.executors import local
from actlab.spec.plan import read as read_plan
from torture import faults, trainer
from torture.faults import FAULTS, FINE
from torture.matrix import Cases, row
from torture.processes import IMAGES, by_seed, run

CONFIG = """
dataset: {name: synth_mnist, train_images: 300, test_images: 200}
model: {name: mnist_dense, hidden: [24]}
activation: relu
batch_size: 20
"""


@pytest.fixture(scope="module", autouse=True)
def rendered(own_caches: Path) -> None:
    """The images are made before anything is timed."""
    datasets.prepare("synth_mnist", IMAGES)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers whose work goes wrong as the seed of a run says, and that need no TensorFlow."""
    monkeypatch.setattr(local, "worker", faults)


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(CONFIG + text)
    return path


# --- every fault -------------------------------------------------------------------------------------------------


@row(13, "a worker aborts, hangs, runs out of memory, exits, is stopped", quick=1, full=5)
@pytest.mark.usefixtures("faulty")
def test_any_fault_costs_its_own_run_only(cases: Cases, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sweep goes on, each reason is told in one line, and no run is missing from the answer."""
    seeds = {seed: ("failed", reason) if reason else ("done", "") for seed, (_, reason) in FAULTS.items()}
    seeds |= {FINE: ("done", ""), 100: ("diverged", "the loss is not finite at step 3"), 1000: ("done", "")}
    del seeds[6]  # of which there is a test below
    usual = [seed for seed in seeds if seed != 100]
    path = write(
        tmp_path,
        f"epochs: 1\nsweep:\n- {{seed: {usual}}}\n- {{seed: [100], optimizer.learning_rate: [1.0e30]}}\n",
    )
    for i in range(cases.count):
        out = tmp_path / f"{i}"
        code = run(path, out, retries=0, run_timeout=10.0, json=True, workers="4")
        told = capsys.readouterr()
        (answer,), lines = json.loads(told.out), told.err.splitlines()
        records = by_seed(out)
        assert code == 1
        assert {run["path"] for run in answer["runs"]} == {str(p.parent) for p in out.glob("*/*/run.json")}
        assert sum(answer["counts"].values()) == len(seeds)
        for seed, (status, reason) in seeds.items():
            with cases.one(f"fault {seed}"):
                record = records[seed]
                assert record["status"] == status, record.get("reason")
                if reason:
                    assert reason in record["reason"] and "\n" not in record["reason"]
                    (line,) = (line for line in lines if line.startswith(status) and record["hash"][:8] in line)
                    assert reason[:20] in line
                place = usual.index(seed) if seed in usual else len(usual)
                assert (record["plan_index"], record["overrides"]) == (place, [])


STARTS = (
    (faults.refused_start, "the worker ended with exit code 1"),
    (faults.no_start, "the worker ended with exit code 3"),
    (faults.killed_start, "the worker was ended by SIGKILL, perhaps by the system for want of memory"),
)


@row(13, "a worker cannot start", quick=3, full=12)
def test_workers_that_cannot_start(
    cases: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every run is tried as often as asked for, and the sweep ends."""
    monkeypatch.setattr(local, "worker", faults)
    for i in cases:
        start, why = STARTS[i % len(STARTS)]
        monkeypatch.setattr(faults, "start", start)
        out = tmp_path / f"{i}"
        code = run(write(tmp_path, "epochs: 1\nsweep: {seed: [0, 17]}\n"), out, retries=1)
        records = by_seed(out)
        cases.hold(code == 1 and len(records) == 2, f"{code}: {records}")
        for record in records.values():
            cases.hold(
                record["status"] == "failed" and record["reason"] == f"{why}; see log.txt (2 attempts)", f"{record}"
            )


@pytest.mark.slow
def test_a_killed_worker_is_called_so_though_pebble_saw_its_end_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool looks for dead workers in one thread, and for the task that one has taken in another."""
    look = PoolManager.process_next_message

    def late(manager: PoolManager, timeout: float) -> None:
        time.sleep(5 * timeout)
        look(manager, timeout)

    monkeypatch.setattr(PoolManager, "process_next_message", late)
    monkeypatch.setattr(local, "worker", faults)
    seeds = {9: FAULTS[9][1], 14: FAULTS[14][1]}
    assert run(write(tmp_path, f"epochs: 1\nsweep: {{seed: {[*seeds]}}}\n"), tmp_path / "out", retries=3) == 1
    for seed, record in by_seed(tmp_path / "out").items():
        assert seeds[seed] in record["reason"] and "(4 attempts)" in record["reason"]


@pytest.mark.slow
def test_a_worker_that_leaves_without_a_word_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 0, as a library can do: no limit of time is needed to see it. Also while it prepares itself."""
    monkeypatch.setattr(local, "worker", faults)
    for name in ("at work", "before"):
        assert run(write(tmp_path, "epochs: 1\nseed: 6\n"), tmp_path / name, retries=0) == 1
        assert by_seed(tmp_path / name)[6]["reason"] == "the worker ended with exit code 0; see log.txt"
        monkeypatch.setattr(faults, "warm_up", faults.leave)


@pytest.mark.slow
def test_the_timeout_counts_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the start of a worker, nor the import of TensorFlow: on a busy machine they take longer than a small run."""
    monkeypatch.setattr(faults, "warm_up", faults.slow_warm_up)
    monkeypatch.setattr(faults, "work", faults.report_process)
    monkeypatch.setattr(local, "worker", faults)
    path = write(tmp_path, "epochs: 1\nsweep: {seed: {range: 2}}\n")
    assert run(path, tmp_path / "out", run_timeout=5.0, retries=0) == 0


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
    monkeypatch.setattr(faults, "work", faults.report_process)
    monkeypatch.setattr(local, "worker", faults)
    monkeypatch.setattr(local, "RUNS_A_WORKER", 2)
    assert run(write(tmp_path, "epochs: 1\nsweep: {seed: {range: 6}}\n"), tmp_path / "out", workers="1") == 0
    processes = [path.read_text() for path in (tmp_path / "out").glob("*/*/attempts")]
    assert sorted(Counter(processes).values()) == [2, 2, 2]


def test_what_failed_is_skipped_until_it_is_to_be_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "epochs: 1\nsweep: {seed: [0, 3]}\n")
    with monkeypatch.context() as patch:
        patch.setattr(local, "worker", faults)
        assert run(path, tmp_path / "out", retries=0) == 1
    monkeypatch.setattr(local, "worker", trainer)
    before = (tmp_path / "out").rglob("run.json")
    times = {file: file.stat().st_mtime_ns for file in before}
    assert run(path, tmp_path / "out") == 1
    assert {file: file.stat().st_mtime_ns for file in times} == times
    assert run(path, tmp_path / "out", retry_failed=True) == 0
    assert {record["status"] for record in by_seed(tmp_path / "out").values()} == {"done"}


@pytest.mark.usefixtures("faulty")
def test_fail_fast_ends_the_sweep(tmp_path: Path) -> None:
    path = write(tmp_path, "epochs: 1\nsweep: {seed: [3, 100, 101, 102]}\n")
    assert run(path, tmp_path / "out", retries=0, workers="1", fail_fast=True) == 1
    statuses = [record["status"] for record in by_seed(tmp_path / "out").values()]
    assert statuses.count("failed") == 1
    assert len(statuses) < 4


def test_a_log_that_cannot_be_written_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in its place, for one; the other runs go on."""
    monkeypatch.setattr(local, "worker", trainer)
    path = write(tmp_path, "epochs: 1\nsweep: {seed: [0, 1]}\n")
    plan = read_plan(path)
    label, config = plan.runs[1]
    log = tmp_path / "out" / "study" / f"{label}-{config.hash[:8]}" / "log.txt"
    log.mkdir(parents=True)
    assert run(path, tmp_path / "out", retries=0) == 1
    records = by_seed(tmp_path / "out")
    assert [records[seed]["status"] for seed in (0, 1)] == ["done", "failed"]
    assert records[1]["reason"] == f"{log}: cannot be written: is a directory; move that folder away"
