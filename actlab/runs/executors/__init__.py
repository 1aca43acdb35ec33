"""Many trainings on many workers. Every executor calls the same `train_together`, and reports by run directories.

An executor is a module with a function `places`: within it there are places at which jobs are trained, one at a time.
What becomes of the jobs is the same everywhere, and stands here.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from actlab.errors import ActlabError, RunDirError, UnknownName
from actlab.registry import Plugin
from actlab.runs.folder import PROGRESS, RECORD, discard, lock, read_json, write_json
from actlab.runs.job import Finish, Job, Outcome
from actlab.runs.record import is_done
from actlab.signals import Signals

PACKAGES: dict[str, tuple[str, ...]] = {
    "local": (),
    "ray": ("ray",),
    "slurm": ("submitit",),
}  # of the extra of an executor's name
LOST_TIMES = 3  # so often a run is begun again whose place was lost with it, whatever --retries says
POLL_SECONDS = 0.2  # between two looks at signals and two pictures of the display; the end of a job is seen at once

Watch = Callable[[list[Job], dict[Path, Outcome]], None]


@dataclass(frozen=True)
class Limits:
    """How an executor may use its machines.

    Args:
        workers: processes at a time.
        retries: further attempts at a run whose attempt failed.
        run_timeout_seconds: of one attempt, from the beginning of its training; None for no limit.
        fail_fast: whether the first failed run ends the sweep.
        per_gpu: workers that share a GPU.
    """

    workers: int
    retries: int = 1
    run_timeout_seconds: float | None = None
    fail_fast: bool = False
    per_gpu: int = 1


@dataclass(frozen=True)
class Executor:
    """Which executor trains, and what only one of them is asked.

    Args:
        name: one of PACKAGES.
        address: of a cluster of Ray; None begins one on this machine, which ends with the sweep.
        shared_folder: whether nodes of Ray may see the output folder; where they do not, runs are brought back.
        slurm: options of sbatch by name; True for one without a value. `cluster: local` begins processes of this
            machine instead.
        detach: leave the runs to Slurm; the next command takes them up.

    Raises:
        ActlabError: no executor has this name, or another one is asked.
    """

    name: str = "local"
    address: str | None = None
    shared_folder: bool = True
    slurm: Mapping[str, str | bool] = field(default_factory=dict)
    detach: bool = False

    def __post_init__(self) -> None:
        if self.name not in PACKAGES:
            raise UnknownName("executor", self.name, PACKAGES)
        for option, given, of in (
            ("--address", self.address, "ray"), ("--no-shared-folder", not self.shared_folder, "ray"),
            ("--slurm", self.slurm, "slurm"), ("--detach", self.detach, "slurm"),
        ):  # fmt: skip
            if given and self.name != of:
                raise ActlabError(f"{option}: is of --executor {of}, not of --executor {self.name}")

    @property
    def elsewhere(self) -> bool:
        """Whether runs are trained on other machines than this one."""
        return self.name == "slurm" or self.address is not None


def sbatch_options(texts: Iterable[str]) -> dict[str, str | bool]:
    """Options of sbatch, `partition=gpu,time=2:00:00`, by name; a name by itself is an option without a value."""
    pairs = [pair for text in texts for pair in re.split(r",(?=[\w-]+=)", text) if pair]
    parts = [pair.strip().lstrip("-").partition("=") for pair in pairs]
    return {name: value if equals else True for name, equals, value in parts}


LOCAL = Executor()


class Place:
    """Where one job at a time is trained.

    `job` is what is trained here, `future` ends with it, where there is one to wait for; `plugins` are those that are
    loaded here: a job that has the same ones comes first.
    """

    job: Job | None = None
    future: concurrent.futures.Future[Any] | None = None
    plugins: tuple[Plugin, ...] = ()

    @property
    def queued(self) -> bool:
        """Whether the job waits here, and is not being trained yet."""
        return False

    def ready(self) -> bool:
        """Whether a job can be taken now."""
        return True

    def take(self, job: Job) -> None:
        """Begin a job."""
        raise NotImplementedError

    def ended(self) -> Outcome | None:
        """How the job ended, once it has; then there is none here any more. "lost" if the place is gone with it."""
        raise NotImplementedError

    def stop(self) -> bool:
        """Let the training write its checkpoint and end; True where none had begun, and the job is given back."""
        raise NotImplementedError


def run(
    jobs: list[Job], limits: Limits, signals: Signals, watch: Watch, finish: Finish | None = None,
    executor: Executor = LOCAL,
) -> dict[Path, Outcome]:  # fmt: skip
    """Train all jobs, the first in the list first.

    Args:
        jobs: what to train, groups as their first run; all with the same device and number of threads.
        limits: how to use the machines.
        signals: looked at all the time; after the first signal the trainings write their checkpoints and end.
        watch: called often with the jobs that are being trained, and the outcomes so far by run directory.
        finish: as `train` has it; a function of a module, since workers import it.
        executor: where they are trained.

    Returns:
        run directory to how its training ended. A job that was not begun when a signal came is "interrupted".
    """
    module = import_module(f"actlab.runs.executors.{executor.name}")  # what an executor needs is slow to import
    with module.places(jobs, limits, finish, executor) as places:
        if executor.detach:
            return {}
        # a task of Slurm's tries again by itself, whether anybody waits for it or not
        queue = _Queue(jobs, replace(limits, retries=0) if executor.name == "slurm" else limits, places)
        while queue.step(stopping=signals.count > 0):
            watch(queue.running(), queue.outcomes)
            queue.wait(POLL_SECONDS)
        return queue.outcomes


class _Queue:
    """The jobs of one call of `run`, waiting, in work and ended."""

    def __init__(self, jobs: list[Job], limits: Limits, places: Sequence[Place]) -> None:
        self.waiting, self.limits, self.places = list(jobs), limits, places
        self.outcomes: dict[Path, Outcome] = {}
        self.attempts: Counter[Path] = Counter()
        self.lost: Counter[Path] = Counter()
        self.stopping = False

    def running(self) -> list[Job]:
        return [job for place in self.places if place.job and not place.queued for job in place.job.group]

    def wait(self, seconds: float) -> None:
        """Sleep until a job ends, but no longer than so many seconds."""
        if futures := [place.future for place in self.places if place.future]:
            concurrent.futures.wait(futures, seconds, concurrent.futures.FIRST_COMPLETED)
        else:
            time.sleep(seconds)

    def step(self, stopping: bool) -> bool:
        """Take what has ended and give out what waits; returns whether there is anything left."""
        self.stopping |= stopping
        for place in self.places:
            job = place.job
            if job and (outcome := place.ended()):
                self._settle_group(job, outcome)
        if self.stopping:  # the trainings write their checkpoints, and no other begins
            begun = [(place, place.job) for place in self.places if place.job]
            ended = self.waiting + [job for place, job in begun if place.stop()]
            self.outcomes.update({job.path: Outcome("interrupted") for head in ended for job in head.group})
            self.waiting.clear()
        for place in self.places:
            if self.waiting and place.job is None and place.ready():
                alike = (i for i, job in enumerate(self.waiting) if job.plugins == place.plugins)
                job = self.waiting.pop(next(alike, 0))
                self.attempts.update(one.path for one in job.group)
                place.take(job)
        return bool(self.waiting or any(place.job for place in self.places))

    def _settle_group(self, job: Job, outcome: Outcome) -> None:
        """Note how the runs of a group ended; one that broke as a whole is tried again as it was, and then run by run.

        The same runs together come to the same bytes; a run alone takes no other with it.
        """
        if job.together and outcome.status == "failed" and not outcome.together and not self.stopping:
            whole = self.attempts[job.path] <= self.limits.retries
            self.waiting[:0] = [job] if whole else job.group
            return
        for one, of in outcome.of_each(job):
            self._settle(one, of)

    def _settle(self, job: Job, outcome: Outcome) -> None:
        """Note how a run ended, or let it wait for another attempt: alone, so that it takes no other with it."""
        if outcome.status == "interrupted" and not outcome.reason and not self.stopping:
            outcome = Outcome("failed", "the worker was told to stop, by SIGTERM")
        if outcome.status == "lost":
            self.lost[job.path] += 1
            if self.lost[job.path] <= LOST_TIMES and not self.stopping:
                self.attempts[job.path] -= 1
                self.waiting.insert(0, job)
                return
            outcome = Outcome("failed", outcome.reason)
        attempts = self.attempts[job.path]
        if outcome.status != "failed":
            self.outcomes[job.path] = outcome
        elif self.stopping:  # a worker that dies of the signal that ends the sweep is no failure of its run
            self.outcomes[job.path] = Outcome("interrupted", outcome.reason)
        elif attempts <= self.limits.retries:
            self.waiting.insert(0, job)
        else:
            reason = outcome.reason + (f" ({attempts} attempts)" if attempts > 1 else "")
            self.outcomes[job.path] = Outcome("failed", reason)
            with contextlib.suppress(RunDirError):  # the disk may be what failed; the outcome is reported anyway
                mark_failed(job, reason)
            self.stopping |= self.limits.fail_fast


def mark_failed(job: Job, reason: str) -> None:
    """Write into the run's record that its training failed, and why."""
    with lock(job.path):
        if is_done(job.path, job.config.hash):  # by another process, meanwhile
            return
        try:
            record = read_json(job.path / RECORD)
        except RunDirError:
            record = job.identity
        write_json(job.path / RECORD, {**record, "status": "failed", "reason": reason})
        discard(job.path / PROGRESS)
