"""Every executor: the same jobs, the same bytes, the same words when something goes wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torture import faults, trainer
from torture.faults import FAULTS
from torture.processes import IMAGES, by_seed, left_over, outcome, run

from actlab.parts import datasets
from actlab.runs.executors import local

CONFIG = """
dataset: {name: synth_mnist, train_images: 300, test_images: 200}
model: {name: mnist_dense, hidden: [24]}
activation: relu
batch_size: 20
"""
ROOT = Path(__file__).parents[2]
EXECUTORS: dict[str, dict[str, Any]] = {
    "local": {},
    "ray": {"executor": "ray"},
    "slurm": {"executor": "slurm", "slurm": ["cluster=local"]},
    "ray without a shared folder": {"executor": "ray", "no_shared_folder": True},
}
executors = pytest.mark.parametrize("executor", EXECUTORS.values(), ids=EXECUTORS.keys())


@pytest.fixture(scope="module", autouse=True)
def rendered(own_caches: Path) -> None:
    """The images are made before anything is timed or killed."""
    datasets.prepare("synth_mnist", IMAGES)


@pytest.fixture(scope="module", autouse=True)
def cluster(rendered: None) -> Iterator[None]:
    """A cluster of Ray on this machine, to which all commands of this process connect."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests'}")  # where the stand-ins are
        ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield
        ray.shutdown()


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(CONFIG + text)
    return path


SMALL = "epochs: 2\nsweep: {seed: [0, 1, 2]}\n"


@pytest.mark.parametrize("real", [False, True], ids=["stand-ins", "TensorFlow"])
def test_the_bytes_are_those_of_this_machine(real: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many threads; nothing is left over, and a second time nothing is trained."""
    if not real:
        monkeypatch.setattr(local, "worker", trainer)
    path, whole = write(tmp_path, SMALL), tmp_path / "whole"
    assert run(path, whole, workers="1", threads=1) == 0
    for name in list(EXECUTORS)[2 if real else 1 :]:
        out = tmp_path / name
        assert run(path, out, workers="1" if real else "2", threads=1, **EXECUTORS[name]) == 0
        assert outcome(out) == outcome(whole)
        assert {record["environment"]["threads"] for record in by_seed(out).values()} == {1}
        assert not left_over(out) and not list(out.rglob(".token*"))
        times = {file: file.stat().st_mtime_ns for file in out.rglob("run.json")}
        assert run(path, out, threads=1, **EXECUTORS[name]) == 0
        assert {file: file.stat().st_mtime_ns for file in times} == times


WRONG = [faults.ABORTS, faults.HANGS, faults.NO_MEMORY, 5, 8, 9, 10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("wrong", [WRONG[:1], pytest.param(WRONG, marks=pytest.mark.torture)], ids=["one", "all"])
@executors
def test_what_goes_wrong_means_the_same(
    executor: dict[str, Any], wrong: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A worker that aborts, hangs, is killed or fails costs its own run, in the same words, after as many attempts."""
    monkeypatch.setattr(local, "worker", faults)
    text = f"sweep:\n- {{seed: {[0, faults.FAILS_ONCE, *wrong]}}}\n"
    text += "- {seed: [100], optimizer.learning_rate: [1.0e30]}\n"
    out, seconds = tmp_path / "out", 20 if executor.get("executor") == "slurm" else 2  # where all begin at once
    path = write(tmp_path, f"epochs: 1\n{text}")
    code = run(path, out, retries=1, run_timeout=float(seconds), workers="4", json=True, **executor)
    (answer,), records = json.loads(capsys.readouterr().out), by_seed(out)
    assert code == 1
    counts = {"done": 2, "failed": len(wrong), "diverged": 1, "skipped": 0, "failed before": 0, "diverged before": 0}
    assert answer["counts"] == counts
    statuses = {seed: record["status"] for seed, record in records.items()}
    assert statuses == {0: "done", faults.FAILS_ONCE: "done", 100: "diverged", **dict.fromkeys(wrong, "failed")}
    for seed in wrong:
        expected = FAULTS[seed][1].replace("2 s", f"{seconds} s")
        assert expected in records[seed]["reason"] and records[seed]["reason"].endswith(" (2 attempts)")


@executors
def test_the_first_failure_ends_the_sweep_if_asked(
    executor: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "worker", faults)
    path = write(tmp_path, "epochs: 1\nsweep: {seed: [3, 100, 101, 102]}\n")
    assert run(path, tmp_path / "out", retries=0, workers="1", fail_fast=True, **executor) == 1
    statuses = [record["status"] for record in by_seed(tmp_path / "out").values()]
    assert statuses.count("failed") == 1
    if executor.get("executor") != "slurm":  # in whose place all begin at once here
        assert len(statuses) < 4
    monkeypatch.setattr(local, "worker", trainer)
    assert run(path, tmp_path / "out", workers="4", retry_failed=True, **executor) == 0
