"""How long trainings will take: every number here can be reckoned in the head."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlab.parts.datasets import Prepared
from actlab.runs.forecast import Forecast, TimeLeft, recent_runs, step_products, steps_of
from actlab.runs.job import Job
from actlab.runs.record import Run
from actlab.spec.config import RunConfig

MakeRun = Callable[..., Path]
Resolved = Callable[..., RunConfig]
MakeJob = Callable[..., Job]
MNIST = Prepared("mnist", Path("nowhere"), "0" * 64, (28, 28, 1), 10, 60_000, 10_000, "here", "checked")


@pytest.fixture
def job(tmp_path: Path, resolved: Resolved) -> MakeJob:
    """Makes a job on MNIST: 1,000 steps of 100 images unless something else is said."""

    def make(name: str = "run", threads: int = 1, **changes: Any) -> Job:
        if "epochs" not in changes:
            changes = {"steps": 1000, "epochs": None, **changes}
        config = resolved(**{"batch_size": 100, **changes})
        return Job(config, name, tmp_path / "study" / name, MNIST, "cpu", threads)

    return make


@pytest.fixture
def finished(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> Callable[..., Run]:
    """Makes a finished run of 1,000 steps that took so many seconds."""

    def make(seconds: float, threads: int = 1, **changes: Any) -> Run:
        config = resolved(**{"batch_size": 100, "steps": 1000, "epochs": None, **changes})
        path = make_run(tmp_path / "before", config, [0.9])
        return _ended(path, 1000, seconds, {"environment": {"device": "cpu", "threads": threads}})

    return make


def _ended(path: Path, steps: int, seconds: float, changes: dict[str, Any] | None = None) -> Run:
    record = json.loads((path / "run.json").read_text())
    record["results"]["final"]["step"] = steps
    (path / "run.json").write_text(json.dumps({**record, "wall_seconds": seconds, **(changes or {})}))
    return Run(path)


# --- what a training consists of -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"epochs": 3}, 3 * 540),  # a tenth of 60,000 images is held out
        ({"epochs": 3, "dataset": {"name": "mnist", "validation": "test"}}, 3 * 600),
        (
            {"epochs": 2, "batch_size": 32, "dataset": {"name": "mnist", "train_samples": 1000}},
            2 * 32,
        ),  # 31.25 an epoch
        ({"steps": 77, "epochs": None}, 77),
    ],
)
def test_steps(changes: dict[str, Any], steps: int, job: MakeJob) -> None:
    assert steps_of(job(**changes)) == steps


def test_the_order_without_any_finished_run(job: MakeJob) -> None:
    """784·256 + 256·10 = 203,264 multiplications an image, and as many as a million for each step."""
    assert step_products(job().config.canonical()) == 1e6 + 100 * 203_264
    forecast, dense = Forecast(), {"name": "mnist_dense", "hidden": [256]}
    wide = job("wide", model={"name": "mnist_dense", "hidden": [512, 512]})
    small_batches = job("small", model=dense, epochs=2, batch_size=10)
    large_batches = job("large", model=dense, epochs=2, batch_size=500)
    assert forecast.weight(wide) > forecast.weight(job("dense", model=dense))
    assert forecast.weight(small_batches) > forecast.weight(large_batches)
    cnn, linear = (job(name, model=name) for name in ("simple_cnn", "linear"))
    assert forecast.weight(cnn) > forecast.weight(job()) > forecast.weight(linear)


# --- from finished runs ----------------------------------------------------------------------------------------


def test_nothing_is_known_of_nothing(job: MakeJob) -> None:
    assert Forecast().whole(job()) is None
    assert Forecast().left([(job(), {})], 1) is None
    assert not Forecast().knows(job())


def test_the_median_of_runs_of_the_same_kind(job: MakeJob, finished: Callable[..., Run]) -> None:
    """10, 20 and 90 s for 1,000 steps: 20 ms a step. Another batch size is another kind, another seed is not."""
    runs = [finished(seconds, seed=seed) for seed, seconds in enumerate((10.0, 90.0, 20.0))]
    forecast = Forecast([*runs, finished(1.0, batch_size=50)])
    assert forecast.whole(job(seed=9, activation="tanh", steps=3000)) == pytest.approx(60)
    assert forecast.whole(job("half", batch_size=50)) == pytest.approx(1)
    assert forecast.knows(job()) and not forecast.knows(job("bf", precision="mixed_bfloat16"))


def test_another_number_of_threads_counts_only_alone(job: MakeJob, finished: Callable[..., Run]) -> None:
    two_threads, one_thread = finished(10.0, threads=2), finished(16.0, seed=1)
    assert Forecast([two_threads]).whole(job()) == pytest.approx(10)
    assert Forecast([two_threads, one_thread]).whole(job()) == pytest.approx(16)


def test_an_unknown_kind_goes_by_its_multiplications(job: MakeJob, finished: Callable[..., Run]) -> None:
    """With 784·512 + 512·10 = 406,528 an image, a step costs 41,652,800 : 21,326,400 of the known one."""
    forecast = Forecast([finished(10.0)])
    wide = job("wide", model={"name": "mnist_dense", "hidden": [512]})
    assert not forecast.knows(wide)
    assert forecast.whole(wide) == pytest.approx(10 * 41_652_800 / 21_326_400)


@pytest.mark.parametrize(
    "record",
    [
        {"status": "failed"}, {"wall_seconds": None}, {"wall_seconds": 0}, {"config": {}}, {"config": {"dataset": 3}},
        {"config": {"dataset": {"name": "unknown"}, "model": {"name": "mnist_dense"}}}, {"environment": {"device": []}},
    ],
)  # fmt: skip
def test_odd_records_are_passed_over(record: dict[str, Any], job: MakeJob, finished: Callable[..., Run]) -> None:
    run = finished(10.0)
    run = Run(run.path, {**run.record, **record})
    assert Forecast([run]).whole(job()) is None or record == {"environment": {"device": []}}


def test_recent_runs_of_a_folder(tmp_path: Path, finished: Callable[..., Run]) -> None:
    runs = [finished(1.0, seed=seed) for seed in range(3)]
    (runs[1].path / "run.json").write_text("{")
    assert {run.path for run in recent_runs(tmp_path)} == {runs[0].path, runs[2].path}
    assert recent_runs(tmp_path / "nowhere") == []


# --- many trainings --------------------------------------------------------------------------------------------


def test_workers_take_the_next_one_as_soon_as_they_are_free(job: MakeJob, finished: Callable[..., Run]) -> None:
    """10, 6, 6 and 4 s on two workers: the second ends at 6 and at 12, the first goes on at 10 and ends at 14."""
    forecast = Forecast([finished(10.0)])
    jobs = [job(str(i), seed=i, steps=steps) for i, steps in enumerate((1000, 600, 600, 400))]
    assert forecast.left([(one, {}) for one in jobs], 2) == pytest.approx(14)
    assert forecast.left([(one, {}) for one in jobs], 1) == pytest.approx(26)
    assert forecast.left([(one, {}) for one in jobs], 9) == pytest.approx(10)


def test_a_training_in_work_goes_by_its_own_speed(job: MakeJob, finished: Callable[..., Run]) -> None:
    """It has taken 30 s for 600 of 1,000 steps: 20 s are left. At its 10th step nothing can be said of its speed."""
    forecast = Forecast([finished(10.0)])
    begun, at_once = ({"step": step, "total_steps": 1000, "wall_seconds": 30.0} for step in (600, 10))
    assert forecast.rest(job(), begun) == pytest.approx(20)
    assert forecast.rest(job(), at_once) == pytest.approx(9.9)
    assert forecast.rest(job(), {"phase": "building"}) == pytest.approx(10)
    # beside it 10 s and 10 s on the other worker
    waiting = [(job(name, seed=seed), {}) for seed, name in enumerate("ab")]
    assert forecast.left([(job(), begun), *waiting], 2) == pytest.approx(20)


# --- a sweep in work -------------------------------------------------------------------------------------------


def progress(step: int, seconds: float, total: int = 1000) -> dict[str, Any]:
    return {"step": step, "total_steps": total, "wall_seconds": seconds}


class Sweep:
    """A sweep with a clock that is set by hand."""

    def __init__(self, jobs: list[Job], workers: int, forecast: Forecast | None = None) -> None:
        self.now, self.ended = 0.0, dict[Path, str]()
        self.left = TimeLeft(jobs, workers, forecast or Forecast(), clock=lambda: self.now)

    def at(self, now: float, *training: tuple[Job, dict[str, Any]]) -> float | None:
        self.now = now
        self.left.update(training, self.ended)
        return self.left.seconds


@pytest.fixture
def end(make_run: MakeRun) -> Callable[..., None]:
    """Lets a training end: its record says how long its steps took."""

    def end(sweep: Sweep, job: Job, seconds: float) -> None:
        made = make_run(job.path.parent.parent / "made", job.config, [0.9])
        job.path.parent.mkdir(exist_ok=True)
        made.rename(job.path)
        _ended(job.path, 1000, seconds)
        sweep.ended[job.path] = "done"

    return end


def test_the_time_left_of_a_sweep(job: MakeJob, end: Callable[..., None]) -> None:
    """Three runs of 1,000 steps, 10 ms a step, one worker that needs 5 s to start and 1 s for each run's end."""
    first, second, third = jobs = [job(name, seed=seed) for seed, name in enumerate("abc")]
    sweep = Sweep(jobs, 1)
    assert sweep.at(0, (first, {})) is None
    assert sweep.at(10, (first, progress(500, 5.0))) == pytest.approx(5 + 10 + 10)
    end(sweep, first, 10.0)
    assert sweep.at(16, (second, {})) == pytest.approx(2 * (10 + 6))  # the start counts until a run went without it
    end(sweep, second, 10.0)
    assert sweep.at(27, (third, {})) == pytest.approx(10 + 1)
    assert sweep.at(32, (third, progress(400, 4.0))) == pytest.approx(6)


def test_a_mixed_sweep_goes_by_the_seconds_of_each_kind(job: MakeJob, end: Callable[..., None]) -> None:
    """Runs of 100 s and runs of 1 s: that half of the runs have ended says little."""
    large = {"name": "mnist_dense", "hidden": [512]}
    slow = [job(f"slow{seed}", seed=seed, model=large) for seed in range(2)]
    fast = [job(f"fast{seed}", seed=seed) for seed in range(2)]
    sweep = Sweep([*slow, *fast], 1)
    sweep.at(0, (slow[0], {}))
    end(sweep, slow[0], 100.0)
    sweep.ended[fast[0].path] = "failed"
    unknown = 100 * 21_326_400 / 41_652_800  # by the multiplications of a step
    assert sweep.at(100, (slow[1], progress(500, 50.0))) == pytest.approx(50 + unknown)
    sweep.left.forecast.learn(fast[1], 1000, 1.0)
    assert sweep.at(101, (slow[1], progress(510, 51.0))) == pytest.approx(49 + 1)


def test_earlier_runs_tell_until_the_sweep_itself_does(job: MakeJob, finished: Callable[..., Run]) -> None:
    """Earlier runs took 10 s. This sweep's take 20 s, which counts as soon as one of them shows it."""
    jobs = [job(name, seed=seed) for seed, name in enumerate("ab")]
    sweep = Sweep(jobs, 1, Forecast([finished(10.0, seed=7)]))
    assert sweep.at(0, (jobs[0], {})) == pytest.approx(20)
    assert sweep.at(5, (jobs[0], progress(250, 5.0))) == pytest.approx(15 + 20)


def test_what_was_trained_before_a_resume_says_nothing_of_the_overhead(job: MakeJob, end: Callable[..., None]) -> None:
    """It stands at its half after 50 s of an earlier sweep; the rest takes 50 s, and 2 s besides."""
    first, second = jobs = [job(name, seed=seed) for seed, name in enumerate("ab")]
    sweep = Sweep(jobs, 1)
    sweep.at(0, (first, {}))
    assert sweep.at(1.5, (first, progress(500, 50.0))) == pytest.approx(50 + 100)
    end(sweep, first, 100.0)
    assert sweep.at(52, (second, {})) == pytest.approx(100 + 2)


def test_it_is_reckoned_about_once_a_second(job: MakeJob) -> None:
    sweep = Sweep([job()], 1)
    assert sweep.at(0, (job(), progress(100, 1.0))) == pytest.approx(9)
    assert sweep.at(0.5, (job(), progress(500, 5.0))) == pytest.approx(9)
    assert sweep.at(1.1, (job(), progress(500, 5.0))) == pytest.approx(5)
