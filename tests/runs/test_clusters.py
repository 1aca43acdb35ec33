"""Every executor: the same jobs, the same bytes, the same words when something goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torture import faults, trainer
from torture.faults import FAULTS
from torture.processes import IMAGES, Command, by_seed, left_over, outcome, run, until

from actlab import cli
from actlab.errors import ActlabError
from actlab.parts import datasets
from actlab.runs.executors import local, sbatch_options
from actlab.runs.record import Run

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


def executors(*usual: str) -> pytest.MarkDecorator:
    """Each executor; those that are not named here only in the torture form: others have shown the same by then."""
    marks = {name: () if name in usual else pytest.mark.torture for name in EXECUTORS}
    cases = [pytest.param(options, id=name, marks=marks[name]) for name, options in EXECUTORS.items()]
    return pytest.mark.parametrize("executor", cases)


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
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        yield
        ray.shutdown()


def write(folder: Path, text: str) -> Path:
    path = folder / "study.yaml"
    path.write_text(CONFIG + text)
    return path


SMALL = "epochs: 2\nsweep: {seed: [0, 1]}\n"
ONE = "epochs: 2\n"  # each import of TensorFlow takes 5 s


@pytest.mark.slow
@pytest.mark.parametrize("real", [False, True], ids=["stand-ins", "TensorFlow"])
def test_the_bytes_are_those_of_this_machine(real: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With as many threads; nothing is left over, and a second time nothing is trained.

    The networks of TensorFlow on Ray only, where the run comes back from elsewhere: Slurm's workers are those of here.
    """
    if not real:
        monkeypatch.setattr(local, "worker", trainer)
    path, whole = write(tmp_path, ONE if real else SMALL), tmp_path / "whole"
    assert run(path, whole, workers="1", threads=1) == 0
    for name in list(EXECUTORS)[3 if real else 1 :]:
        out = tmp_path / name
        assert run(path, out, workers="1" if real else "2", threads=1, **EXECUTORS[name]) == 0
        assert outcome(out) == outcome(whole)
        assert {record["environment"]["threads"] for record in by_seed(out).values()} == {1}
        assert not left_over(out) and not list(out.rglob(".token*"))
        times = {file: file.stat().st_mtime_ns for file in out.rglob("run.json")}
        assert run(path, out, threads=1, **EXECUTORS[name]) == 0
        assert {file: file.stat().st_mtime_ns for file in times} == times


WRONG = [faults.ABORTS, faults.HANGS, faults.NO_MEMORY, 5, 8, 9, 10, 11, 12, 13, 14, 15]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [WRONG[:1], pytest.param(WRONG, marks=pytest.mark.torture)], ids=["one", "all"])
@executors("ray without a shared folder")
def test_what_goes_wrong_means_the_same(
    executor: dict[str, Any], wrong: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A worker that aborts, hangs, is killed or fails costs its own run, in the same words, after as many attempts."""
    monkeypatch.setattr(local, "worker", faults)
    text = f"sweep:\n- {{seed: {[0, faults.FAILS_ONCE, *wrong]}}}\n"
    text += "- {seed: [100], optimizer.learning_rate: [1.0e30]}\n"
    out, seconds = tmp_path / "out", 20
    path = write(tmp_path, f"epochs: 1\n{text}")
    code = run(path, out, retries=1, run_timeout=float(seconds), workers="4", json=True, **executor)
    (answer,), records = json.loads(capsys.readouterr().out), by_seed(out)
    assert code == 1
    counts = {"done": 2, "failed": len(wrong), "diverged": 1, "skipped": 0, "failed before": 0, "diverged before": 0}
    assert answer["counts"] == counts
    statuses = {seed: record["status"] for seed, record in records.items()}
    assert statuses == {0: "done", faults.FAILS_ONCE: "done", 100: "diverged", **dict.fromkeys(wrong, "failed")}
    for seed in wrong:
        expected = FAULTS[seed][1].replace("10 s", f"{seconds} s")
        assert expected in records[seed]["reason"] and records[seed]["reason"].endswith(" (2 attempts)")


@executors("slurm")
def test_the_first_failure_ends_the_sweep_if_asked(
    executor: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of Slurm begin all at once here, so that fewer of them show it too."""
    monkeypatch.setattr(local, "worker", faults)
    others = [100] if executor.get("executor") == "slurm" else [100, 101, 102]
    path = write(tmp_path, f"epochs: 1\nsweep: {{seed: {[3, *others]}}}\n")
    assert run(path, tmp_path / "out", retries=0, workers="1", fail_fast=True, **executor) == 1
    statuses = [record["status"] for record in by_seed(tmp_path / "out").values()]
    assert statuses.count("failed") == 1
    assert len(statuses) < 4
    monkeypatch.setattr(local, "worker", trainer)
    assert run(path, tmp_path / "out", workers="4", retry_failed=True) == 0  # as any executor leaves it


# --- commands as processes of their own --------------------------------------------------------------------------

LONG = "epochs: 60\nsweep: {seed: [0, 1]}\n"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a longer sweep comes to that is never stopped."""
    folder = tmp_path_factory.mktemp("long")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "worker", trainer)
        assert run(write(folder, LONG), folder / "out", threads=1) == 0
    return outcome(folder / "out")


def begin(path: Path, out: Path, *options: object, seconds_a_call: float = 0.1) -> Command:
    command = ("run", path, "-o", out, "--device", "cpu", "--threads", 1, "--checkpoint-seconds", 0, *options)
    return Command(*command, module="torture.trainer", seconds_a_call=seconds_a_call)


def checkpoints(out: Path) -> int:
    return len(list(out.glob("*/*/checkpoint/state.npz")))


@pytest.mark.slow
def test_a_signal_ends_a_sweep_on_ray_and_another_executor_goes_on(long: dict[str, bytes], tmp_path: Path) -> None:
    """With a checkpoint of each run, the exit code of the signal, and no process left; to the same bytes."""
    path, out = write(tmp_path, LONG), tmp_path / "out"
    sweep = begin(path, out, "--executor", "ray", seconds_a_call=0.5)
    assert until(lambda: checkpoints(out) == 2 or sweep.process.poll() is not None)
    os.killpg(sweep.process.pid, signal.SIGINT)  # as a terminal sends it: to all processes of a command
    code, text = sweep.end()
    assert code == 130, text
    assert {Run(file.parent).status for file in out.glob("*/*/run.json")} == {"interrupted"}
    assert "Traceback" not in text
    assert sweep.gone()
    code, text = begin(path, out, seconds_a_call=0.0).end()
    assert code == 0, text
    assert outcome(out) == long


@pytest.mark.slow
def test_what_is_left_to_slurm_is_taken_up_again(long: dict[str, bytes], tmp_path: Path) -> None:
    """Also a run that Slurm has told to make way; nothing is submitted twice."""
    path, out = write(tmp_path, LONG), tmp_path / "out"
    options = ("--executor", "slurm", "--slurm", "cluster=local")
    left = begin(path, out, *options, "--detach")
    assert left.process.wait() == 0  # its output stays open: submitit's processes have it too
    submitted = (out / "study" / ".slurm" / "jobs.json").read_bytes()
    assert until(lambda: checkpoints(out))
    begun = next(out.glob("*/*/checkpoint")).parent.name
    number = json.loads(submitted)[begun][1]
    (task,) = Path(f"/proc/{number}/task/{number}/children").read_text().split()
    os.kill(int(task), signal.SIGUSR2)
    assert until(lambda: not Path(f"/proc/{task}").exists())
    assert {Run(file.parent).status for file in out.glob("*/*/run.json")} <= {"interrupted", "running"}
    sweep = begin(path, out, *options)
    assert until(lambda: checkpoints(out) or sweep.process.poll() is not None)
    assert (out / "study" / ".slurm" / "jobs.json").read_bytes() == submitted
    code, text = sweep.end()
    assert code == 0, text
    assert outcome(out) == long
    assert not left_over(out) and not (out / "study" / ".slurm").exists()
    (out / "study" / ".slurm").mkdir()  # as if all had ended while no command waited
    (out / "study" / ".slurm" / "jobs.json").write_bytes(submitted)
    assert begin(path, out, *options).end()[0] == 0
    assert not (out / "study" / ".slurm").exists()
    assert "left to Slurm" in left.end()[1] and left.gone()


def test_an_address_where_nothing_listens_is_known_at_once() -> None:
    """Ray itself tries for minutes. In a process that is connected, as this one is, no address is asked."""
    from actlab.runs.executors.ray import _check_listens

    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(ActlabError, match=f"^--executor ray: {address}: no cluster: Connection refused; "):
            _check_listens(address)
    _check_listens("auto")


def test_what_an_executor_cannot_do_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, SMALL)
    monkeypatch.setenv("PATH", str(tmp_path))
    for options, expected in (
        ({"executor": "slurm"}, "--executor slurm: no command sbatch here"),
        ({"executor": "slum"}, "unknown executor 'slum'; did you mean 'slurm'?"),
        ({"address": "127.0.0.1:1"}, "--address: is of --executor ray, not of --executor local"),
        ({"executor": "ray", "threads": 64}, "--executor ray: a run needs 64 CPU, and no node of the cluster has"),
    ):
        with pytest.raises(ActlabError, match=re.escape(expected)):
            cli.run([path], tmp_path / "out", device="cpu", **options)  # type: ignore[arg-type]
    for name in ("sbatch", "srun"):
        (tmp_path / name).write_text("#!/bin/sh\necho sbatch: error: one >&2\necho sbatch: fatal: two >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    expected = "--executor slurm: the jobs are refused: sbatch: error: one; sbatch: fatal: two"
    with pytest.raises(ActlabError, match=f"^{re.escape(expected)}$"):
        cli.run([path], tmp_path / "out", device="cpu", executor="slurm")
    assert "fatal" not in capfd.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ActlabError, match=re.escape("ray: not installed; get it by: pip install 'actlab[ray]'")):
        cli.run([path], tmp_path / "out", device="cpu", executor="ray")


def test_options_of_sbatch_are_read_as_sbatch_has_them() -> None:
    assert sbatch_options(["partition=gpu,time=2:00:00", "nodelist=a,b,mem=4G", "exclusive"]) == {
        "partition": "gpu", "time": "2:00:00", "nodelist": "a,b", "exclusive": True, "mem": "4G",
    }  # fmt: skip
