"""Many trainings on many workers. Every executor calls the same `training.train`, and reports by run directories.

An executor is a module with a function `places`: within it there are places at which jobs are trained, one at a time.
What becomes of the jobs is the same everywhere, and stands here.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from actlab.errors import RunDirError
from actlab.registry import Plugin
from actlab.runs.folder import PROGRESS, RECORD, discard, lock, read_json, write_json
from actlab.runs.job import Finish, Job, Outcome
from actlab.runs.record import is_done
from actlab.signals import Signals

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
    """

    workers: int
    retries: int = 1
    run_timeout_seconds: float | None = None
    fail_fast: bool = False


class Place(Protocol):
    """Where one job at a time is trained."""

    job: Job | None  # what is trained here
    plugins: tuple[Plugin, ...]  # those that are loaded here: a job that has the same ones comes first

    @property
    def future(self) -> Any:
        """A `concurrent.futures.Future` that ends with the job; None where there is nothing to wait for."""

    def ready(self) -> bool:
        """Whether a job can be taken now."""

    def take(self, job: Job) -> None:
        """Begin a job."""

    def ended(self) -> Outcome | None:
        """How the job ended, once it has; then there is none here any more."""

    def stop(self) -> bool:
        """Let the training write its checkpoint and end; True where none had begun, and the job is given back."""


def run(
    jobs: list[Job], limits: Limits, signals: Signals, watch: Watch, finish: Finish | None = None
) -> dict[Path, Outcome]:
    """Train all jobs, the first in the list first.

    Args:
        jobs: what to train; all with the same device and number of threads.
        limits: how to use the machines.
        signals: looked at all the time; after the first signal the trainings write their checkpoints and end.
        watch: called often with the jobs that are being trained, and the outcomes so far by run directory.
        finish: as `train` has it; a function of a module, since workers import it.

    Returns:
        run directory to how its training ended. A job that was not begun when a signal came is "interrupted".
    """
    from actlab.runs.executors import local

    with local.places(jobs, limits, finish) as places:
        queue = _Queue(jobs, limits, places)
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
        self.stopping = False

    def running(self) -> list[Job]:
        return [place.job for place in self.places if place.job]

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
                self._settle(job, outcome)
        if self.stopping:  # the trainings write their checkpoints, and no other begins
            begun = [(place, place.job) for place in self.places if place.job]
            ended = self.waiting + [job for place, job in begun if place.stop()]
            self.outcomes.update({job.path: Outcome("interrupted") for job in ended})
            self.waiting.clear()
        for place in self.places:
            if self.waiting and place.job is None and place.ready():
                alike = (i for i, job in enumerate(self.waiting) if job.plugins == place.plugins)
                job = self.waiting.pop(next(alike, 0))
                self.attempts[job.path] += 1
                place.take(job)
        return bool(self.waiting or self.running())

    def _settle(self, job: Job, outcome: Outcome) -> None:
        """Note how a job ended, or let it wait for another attempt."""
        if outcome.status == "interrupted" and not self.stopping:
            outcome = Outcome("failed", "the worker was told to stop, by SIGTERM")
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
