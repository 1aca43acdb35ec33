"""Runs that are trained in lock step: each ends as it does alone, whatever becomes of the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from torture import trainer
from torture.injector import job as stand_in_job
from torture.injector import without_tensorflow
from torture.processes import job as of_processes

from actlab.errors import RunDirError, RunLocked
from actlab.parts import datasets
from actlab.runs import executors, sweep
from actlab.runs import folder as disk
from actlab.runs.executors import Limits, local
from actlab.runs.job import Job, Outcome
from actlab.runs.record import Run
from actlab.runs.training import Stopped, train, train_together
from actlab.signals import Signals
from actlab.spec.config import RunConfig, resolve

NET: dict[str, Any] = {
    "dataset": {"name": "synth_mnist", "train_images": 700, "test_images": 200}, "activation": "relu",
    "model": {"name": "mnist_dense", "hidden": [16], "dropout": 0.2}, "batch_size": 50, "epochs": 3,
    "probes": ["dead_units", "gradient_norms", "weight_norms"], "weight_film": {},
    "early_stopping": {"metric": "val_accuracy", "patience": 1, "min_delta": 0.05},
}  # fmt: skip
ROOT = Path(__file__).parents[2]
FILES = ("history.csv", "layers.csv", "weights.npz", "weight_film.npz", "accuracy.png")


def config(rate: float = 0.1, seed: int = 0, **changes: Any) -> RunConfig:
    made, problems = resolve({**NET, "optimizer": {"name": "sgd", "learning_rate": rate}, "seed": seed, **changes})
    assert made is not None, problems
    return made


def job(folder: Path, made: RunConfig) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    return Job(made, folder.name, folder, datasets.prepare(made.dataset.name, made.dataset.parameters), "cpu", 1)


def outcome(folder: Path) -> Any:
    record = Run(folder).record
    told = {key: record.get(key) for key in ("status", "reason", "results", "stopped_early", "initial_weights_sha256")}
    return told, {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}


def test_a_group_is_as_large_as_memory_and_workers_have_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "usable_memory_gib", lambda: 64.0)
    configs = [config(seed=seed) for seed in range(100)]
    assert sweep.most_together(configs, "cpu", 1) == 32  # more would only write more checkpoints at a time
    assert sweep.most_together(configs, "cpu", 4) == 25
    monkeypatch.setattr(sweep, "usable_memory_gib", lambda: 1.25)
    assert 1 <= sweep.most_together(configs, "cpu", 1) < 32
    monkeypatch.setattr(sweep, "gpu_memory_gib", lambda: 80.0)
    assert sweep.most_together(configs * 4, "gpu", 1) == 256


class StopAt:
    """Asks to stop at given calls."""

    def __init__(self, *calls: int) -> None:
        self.calls, self.count = calls, 0

    def __call__(self) -> bool:
        self.count += 1
        return self.count in self.calls


@pytest.mark.slow
def test_each_run_of_a_group_ends_as_it_does_alone(tmp_path: Path) -> None:
    """One learns, one diverges, one stops early; and a group that is cut goes on."""
    runs = {"learns": config(), "diverges": config(1e30, 1), "stops": config(1e-6, 2)}
    for name, made in runs.items():
        train(job(tmp_path / "alone" / name, made))
    ended = train_together([job(tmp_path / "group" / name, made) for name, made in runs.items()])
    assert ended == ["done", "diverged", "done"]
    jobs = [job(tmp_path / "cut" / name, made) for name, made in runs.items()]
    kinds = [type(of) for of in train_together(jobs, StopAt(2))]
    assert kinds == [Stopped, str, Stopped]
    assert train_together(jobs) == ["done", "diverged", "done"]
    for name in runs:
        alone, group, cut = (outcome(tmp_path / kind / name) for kind in ("alone", "group", "cut"))
        assert alone == group == cut
    records = [Run(tmp_path / kind / "stops").record for kind in ("alone", "group", "cut")]
    assert [of["stopped_early"] for of in records] == [True] * 3
    assert [of.get("together") for of in records] == [
        None, {"runs": [3], "place": 2}, {"runs": [3], "place": 2}
    ]  # fmt: skip


ON_JAX = """
import sys
from pathlib import Path
from actlab.runs.engines import jax as engine
from runs.test_together import Run, Stopped, StopAt, config, job, outcome, train, train_together
folder = Path(sys.argv[1])
runs = {"learns": (0.1,), "diverges": (1e30, 1), "stops": (1e-6, 2), "fast": (0.3, 3)}
runs = {name: config(*of, engine="jax", probes=["gradient_norms"], weight_film=None) for name, of in runs.items()}
kinds = "group", "cut", "alone", "stacked"
jobs = {kind: [job(folder / kind / name, made) for name, made in runs.items()] for kind in kinds}
assert train_together(jobs["group"]) == ["done", "diverged", "done", "done"]
assert [type(of) for of in train_together(jobs["cut"], StopAt(2))] == [Stopped, str, Stopped, Stopped]
assert train_together(jobs["cut"]) == ["done", "diverged", "done", "done"]
for name in runs:
    whole, cut = outcome(folder / "group" / name), outcome(folder / "cut" / name)
    if name == "diverges":  # of the others nothing is to be seen in it
        whole, cut = (of[0]["status"] for of in (whole, cut))
    assert whole == cut, name
assert Run(folder / "group" / "stops").record["stopped_early"]
assert train(jobs["alone"][3]) == "done"
assert outcome(folder / "alone" / "fast") == outcome(folder / "group" / "fast")
engine.ONE_BY_ONE = ()  # as on a GPU
assert train_together(jobs["stacked"]) == ["done", "diverged", "done", "done"]
assert Run(folder / "stacked" / "stops").record["stopped_early"]
alone, stacked = (Run(folder / kind / "fast").history for kind in ("alone", "stacked"))
assert (abs(alone - stacked) <= 1e-5 * abs(alone) + 1e-9).all(axis=None), alone - stacked
copies = [job(folder / "copies" / str(i), runs["fast"]) for i in range(4)]  # what `reproduce` trains
assert train_together(copies) == ["done"] * 4
assert outcome(copies[3].path)[1] == outcome(folder / "stacked" / "fast")[1]
engine.ONE_BY_ONE = ("cpu",)
net = {"name": "simple_cnn", "filters": 2, "kernel_size": 3, "units": 8}
nets = [config(0.1, seed, engine="jax", model=net, early_stopping=None) for seed in range(3)]
jobs = {kind: [job(folder / kind / f"cnn{i}", made) for i, made in enumerate(nets)] for kind in ("group", "cut")}
assert train_together(jobs["group"]) == ["done"] * 3
assert {type(of) for of in train_together(jobs["cut"], StopAt(2))} == {Stopped}
assert train_together(jobs["cut"]) == ["done"] * 3
assert train(job(folder / "alone" / "cnn1", nets[1])) == "done"
for kind in ("alone", "cut"):
    assert outcome(folder / kind / "cnn1") == outcome(folder / "group" / "cnn1")
engine.ONE_BY_ONE = ()
assert train_together([job(folder / "stacked" / f"cnn{i}", made) for i, made in enumerate(nets)]) == ["done"] * 3
alone, stacked = (Run(folder / kind / "cnn1").history for kind in ("alone", "stacked"))
assert (abs(alone - stacked) <= 1e-5 * abs(alone) + 1e-9).all(axis=None), alone - stacked
print(sorted({"tensorflow", "jax"} & set(sys.modules)))
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="the extra jax is not installed")
def test_a_group_on_jax_is_its_runs_and_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """One by one each run is what it is alone; stacked, as on a GPU, within 1e-5. TensorFlow is not imported."""
    program = [sys.executable, "-c", ON_JAX, str(tmp_path)]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    done = subprocess.run(
        program, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": paths, "ACTLAB_ENGINE": "jax", "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "['jax']"


# --- on a stand-in for the network -------------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tensorflow(monkeypatch)


def seeds(folder: Path, count: int = 3, **options: Any) -> list[Job]:
    return [
        stand_in_job(folder / str(seed), config(seed=seed, early_stopping=None, probes=["weight_norms"]), **options)
        for seed in range(count)
    ]


@pytest.mark.usefixtures("without")
def test_runs_that_stand_at_different_steps_come_together(tmp_path: Path) -> None:
    """One has a checkpoint, one is done, one is new: the bytes are those of a group that began together."""
    assert train_together(seeds(tmp_path / "whole")) == ["done"] * 3
    apart = seeds(tmp_path / "apart")
    with pytest.raises(Stopped):
        train(apart[0], StopAt(3))
    assert train(apart[1]) == "done"
    assert train_together(apart) == ["done"] * 3
    for one, other in zip(seeds(tmp_path / "whole"), apart, strict=True):
        assert outcome(one.path) == outcome(other.path)


@pytest.mark.usefixtures("without")
def test_a_run_that_another_process_trains_is_left_out(tmp_path: Path) -> None:
    jobs = seeds(tmp_path)
    with disk.lock(jobs[1].path):
        ended = train_together(jobs)
    assert [ended[0], type(ended[1]), ended[2]] == ["done", RunLocked, "done"]
    assert not any(disk.is_locked(of.path) for of in jobs)


@pytest.mark.usefixtures("without")
def test_a_run_whose_folder_takes_no_file_ends_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, real = seeds(tmp_path), disk.append_rows

    def append(path: Path, rows: Any) -> None:
        if path == jobs[1].path / disk.HISTORY:
            raise RunDirError(f"{path}: cannot be written")
        real(path, rows)

    monkeypatch.setattr(disk, "append_rows", append)
    ended = train_together(jobs)
    assert [ended[0], type(ended[1]), ended[2]] == ["done", RunDirError, "done"]
    monkeypatch.undo()
    without_tensorflow(monkeypatch)
    assert train_together(jobs) == ["done"] * 3
    assert train_together(seeds(tmp_path / "whole")) == ["done"] * 3
    assert [outcome(of.path) for of in jobs] == [outcome(of.path) for of in seeds(tmp_path / "whole")]


@pytest.mark.usefixtures("without")
def test_what_breaks_the_engine_breaks_all_that_have_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train_no_more(self: Any, batches: Any) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr(trainer.Engine, "train", train_no_more)
    jobs = seeds(tmp_path)
    disk.write_json(jobs[0].path / "run.json", {**jobs[0].identity, "status": "done"})
    ended = train_together(jobs)
    assert ended[0] == "done"
    assert all(isinstance(of, MemoryError) for of in ended[1:])
    assert not any(disk.is_locked(of.path) for of in jobs)


# --- by an executor ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_group_whose_worker_is_killed_goes_on_together_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real process, in the middle of the group: each run has its own checkpoint, lock, progress and log."""
    monkeypatch.setattr(local, "worker", trainer)
    monkeypatch.setenv("TORTURE_SECONDS", "0.05")
    killed: list[int] = []

    def by_worker(folder: Path, kill: bool) -> list[Job]:
        jobs = [of_processes(folder / str(seed), seed) for seed in range(3)]

        def watch(running: list[Job], outcomes: dict[Path, Outcome]) -> None:
            assert len(running) in (0, 3)
            kept = [of for of in jobs if (of.path / disk.CHECKPOINT / disk.STATE).exists()]
            if kill and not killed and len(kept) == 3 and all(disk.is_locked(of.path) for of in jobs):
                killed.append(disk.read_json(jobs[2].path / disk.OWNER)["pid"])
                os.kill(killed[0], signal.SIGKILL)

        with Signals() as signals:
            ended = executors.run([replace(jobs[0], together=tuple(jobs[1:]))], Limits(1), signals, watch)
        assert [ended[of.path].status for of in jobs] == ["done"] * 3
        return jobs

    whole, cut = by_worker(tmp_path / "whole", kill=False), by_worker(tmp_path / "cut", kill=True)
    assert killed
    assert [outcome(of.path) for of in cut] == [outcome(of.path) for of in whole]
    assert [Run(of.path).record["together"] for of in cut] == [{"runs": [3], "place": n} for n in range(3)]
    assert "trained together with 0, whose log.txt" in (cut[2].path / "log.txt").read_text()


class Scripted:
    """A place where jobs end as they are told to."""

    plugins, future = (), None

    def __init__(self, *script: Outcome) -> None:
        self.job: Job | None = None
        self.script, self.taken = list(script), list[list[str]]()

    def ready(self) -> bool:
        return True

    def take(self, job: Job) -> None:
        self.job = job
        self.taken.append([of.path.name for of in job.group])

    def ended(self) -> Outcome | None:
        self.job = None
        return self.script.pop(0)

    def stop(self) -> bool:
        return False


DONE, FAILED = Outcome("done"), Outcome("failed", "broken")


@pytest.mark.parametrize(
    ("script", "taken", "statuses"),
    [
        ([FAILED, replace(DONE, together=(DONE, DONE))], ["012", "012"], ["done"] * 3),
        ([FAILED, FAILED, DONE, FAILED, DONE], ["012", "012", "0", "1", "2"], ["done", "failed", "done"]),
        ([replace(DONE, together=(FAILED, DONE)), DONE], ["012", "1"], ["done"] * 3),
        ([replace(DONE, together=(FAILED, DONE)), FAILED], ["012", "1"], ["done", "failed", "done"]),
        ([replace(FAILED, together=(Outcome("running"), DONE)), DONE], ["012", "0"], ["done", "running", "done"]),
    ],
    ids=["breaks once", "breaks again", "one fails once", "one fails", "one is another's"],
)
def test_what_fails_in_a_group_is_tried_again(
    script: list[Outcome], taken: list[str], statuses: list[str], tmp_path: Path
) -> None:
    jobs = [of_processes(tmp_path / str(seed), seed) for seed in range(3)]
    place = Scripted(*script)
    queue = executors._Queue([replace(jobs[0], together=tuple(jobs[1:]))], Limits(1), [place])
    while queue.step(stopping=False):
        pass
    assert ["".join(of) for of in place.taken] == taken
    assert [queue.outcomes[of.path].status for of in jobs] == statuses
