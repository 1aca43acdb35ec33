"""Trainings on the processes of this machine.

Workers live through many trainings, so that TensorFlow's import is paid once a worker. One that dies costs its own
run only: another takes its place, and the run is tried again.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from actlab.environment import gpus
from actlab.errors import ActlabError, RunDirError
from actlab.runs.executors import worker
from actlab.runs.folder import PROGRESS, RECORD, discard, lock, read_json, read_progress, scratch, write_json
from actlab.runs.job import Finish, Job, Outcome
from actlab.runs.record import is_done
from actlab.signals import Signals, kill_workers

POLL_SECONDS = 0.2  # between two looks at signals and two pictures of the display; the end of a job is seen at once
RUNS_A_WORKER = 100  # then another takes its place, in case that a library keeps something of every run
LOOKS = 10  # of so many seconds / 5, until a worker that is gone is taken to have sent nothing
QUIET_TRACKER = "ignore::UserWarning:multiprocessing.resource_tracker"

Watch = Callable[[list[Job], dict[Path, Outcome]], None]


@dataclass(frozen=True)
class Limits:
    """How an executor may use the machine.

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


def gpu_of_each_worker(device: str, workers: int) -> list[str | None]:
    """A GPU for each worker, in turns; None where there is none to be chosen."""
    names: list[str | None] = [*gpus()] if device == "gpu" else [None]
    return [names[i % len(names)] for i in range(workers)]


# --- processes ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _deaf_to_the_terminal() -> Iterator[None]:
    """Threads that begin here, and the workers that they start, get no SIGINT and no SIGHUP: a file tells them to stop.

    A terminal sends both to all processes of a command; they would end one that has a checkpoint to write.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    resource_tracker.ensure_running()  # a helper of Python's, to start which unblocks SIGINT again
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _importable_main() -> Iterator[None]:
    """Keep a spawned worker from importing the caller's main script again: a worker needs none of it.

    And keep Python's own helper process from a warning over the prompt after an end at once.
    """
    if QUIET_TRACKER not in sys.warnoptions:
        sys.warnoptions.append(QUIET_TRACKER)  # children are started with these
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    for name in kept:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


# --- jobs on workers -------------------------------------------------------------------------------------------


def run(
    jobs: list[Job], limits: Limits, signals: Signals, watch: Watch, finish: Finish | None = None
) -> dict[Path, Outcome]:
    """Train all jobs, the first in the list first.

    Args:
        jobs: what to train; all with the same device and number of threads.
        limits: how to use the machine.
        signals: looked at all the time; after the first signal the trainings write their checkpoints and end.
        watch: called often with the jobs that are being trained, and the outcomes so far by run directory.
        finish: as `train` has it; a function of a module, since workers import it.

    Returns:
        run directory to how its training ended. A job that was not begun when a signal came is "interrupted".
    """
    with scratch() as folder, _importable_main():
        queue = _Queue(jobs, limits, folder / "stop", finish)
        try:
            while queue.step(stopping=signals.count > 0):
                watch(queue.running(), queue.outcomes)
                queue.wait(POLL_SECONDS)
        finally:
            kill_workers()
            for slot in queue.slots:  # all at once: to end one takes some tenths of a second
                if slot.pool:
                    slot.pool.stop()
            for slot in queue.slots:
                slot.close()
        return queue.outcomes


class _Spawn(SpawnContext):
    """Starts processes that begin anew, and knows the last one."""

    process: SpawnProcess | None = None

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]
        self.process = SpawnProcess(*args, **kwargs)
        return self.process


class _Slot:
    """A place for one worker: a pool of one, since a pool of several can be broken by the death of one of them."""

    def __init__(self, job: Job, gpu: str | None, folder: Path) -> None:
        self.start = (job.threads, job.device, os.getpid(), gpu, folder)
        self.spawn = _Spawn()
        self.pool: ProcessPool | None = None
        self.job: Job | None = None
        self.plugins = job.plugins  # of the worker that lives here
        self.warm: ProcessFuture | None = None  # what it does before a job
        self.future: ProcessFuture | None = None
        self.looks = 0

    def take(self, job: Job, stop_file: Path, finish: Finish | None, timeout: float | None) -> None:
        """Give the worker a job; a new worker if the last one is gone."""
        self.job = job
        if job.plugins != self.plugins:  # whatever a plug-in does to its process, it is done to its own runs only
            self.close()
            self.plugins = job.plugins
        if self.pool is None:
            self.pool = ProcessPool(1, 2 * RUNS_A_WORKER, worker.start, self.start, self.spawn)
        try:
            with _deaf_to_the_terminal():
                self.warm = self.pool.schedule(worker.warm_up, args=(job.path,))  # its time is not the training's
                self.future = self.pool.schedule(worker.work, args=(job, stop_file, finish), timeout=timeout)
        except RuntimeError:  # the idle worker has died since its last job
            self.close()
            self.take(job, stop_file, finish, timeout)

    def ended(self) -> Outcome | None:
        """How the job ended, once it has."""
        if self.future is None or self.pool is None:
            return None
        if self.future.done():
            outcome = _outcome(self.future)
        elif not self.pool.active:  # a worker that dies while it is started takes the pool with it
            outcome = Outcome("failed", "the worker died before it could begin")
        elif self._left():
            outcome = Outcome("failed", "the worker ended with exit code 0; see log.txt")
        else:
            return None
        # what has gone wrong in a worker that lives (a full GPU, a broken library) may go wrong again in the next run
        if not self.pool.active or outcome.status == "failed":
            self.close()
        self.job = self.future = None
        return outcome

    def _left(self) -> bool:
        """Whether the worker has gone with exit code 0, as a library can do: the pool waits for it for ever."""
        alive = {process.pid for process in multiprocessing.active_children()}
        if not self.warm or not self.warm.done() or self.warm.exception() or self.warm.result() in {None, *alive}:
            self.looks = 0
        self.looks += 1
        return self.looks > LOOKS

    def give_up(self) -> bool:
        """End the worker if no training has begun in it: nothing is lost; returns whether there was such a one."""
        if not self.job or not self.warm or not self.pool:
            return False
        if self.warm.done() and read_progress(self.job.path).get("phase") != "building":
            return False
        self.pool.stop()  # first, or it would start another one
        if self.spawn.process and self.spawn.process.pid:
            self.spawn.process.kill()
        self.job = self.future = None
        return True

    def close(self) -> None:
        """End the worker, whatever it does."""
        if self.pool is not None:
            self.pool.stop()
            with contextlib.suppress(RuntimeError, TimeoutError):
                self.pool.join(timeout=10)
        self.pool = None


def _outcome(future: ProcessFuture) -> Outcome:
    if future.cancelled():
        return Outcome("interrupted")
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    if isinstance(error, concurrent.futures.TimeoutError | TimeoutError):
        return Outcome("failed", f"took longer than --run-timeout {error.args[1]:g} s")
    if not isinstance(error, ProcessExpired):
        return Outcome("failed", str(error) if isinstance(error, ActlabError) else f"{type(error).__name__}: {error}")
    if error.exitcode is None or error.exitcode >= 0:
        return Outcome("failed", f"the worker ended with exit code {error.exitcode}; see log.txt")
    name = signal.Signals(-error.exitcode).name
    hint = ", perhaps by the system for want of memory" if name == "SIGKILL" else ""
    return Outcome("failed", f"the worker was ended by {name}{hint}; see log.txt")


class _Queue:
    """The jobs of one call of `run`, waiting, in work and ended."""

    def __init__(self, jobs: list[Job], limits: Limits, stop_file: Path, finish: Finish | None) -> None:
        self.waiting, self.limits, self.stop_file, self.finish = list(jobs), limits, stop_file, finish
        self.outcomes: dict[Path, Outcome] = {}
        self.attempts: Counter[Path] = Counter()
        self.slots = [
            _Slot(jobs[0], gpu, stop_file.parent) for gpu in gpu_of_each_worker(jobs[0].device, limits.workers)
        ]

    def running(self) -> list[Job]:
        return [slot.job for slot in self.slots if slot.job]

    def wait(self, seconds: float) -> None:
        """Sleep until a job ends, but no longer than so many seconds."""
        futures = [slot.future for slot in self.slots if slot.future]
        concurrent.futures.wait(futures, seconds, concurrent.futures.FIRST_COMPLETED)

    def step(self, stopping: bool) -> bool:
        """Take what has ended and give out what waits; returns whether there is anything left."""
        stopping = stopping or self.stop_file.exists()
        for slot in self.slots:
            job = slot.job
            if job and (outcome := slot.ended()):
                stopping |= self._settle(job, outcome, stopping)
        if stopping:  # the trainings write their checkpoints, and no other begins
            self.stop_file.touch()
            begun = [(slot, slot.job) for slot in self.slots if slot.job]
            ended = self.waiting + [job for slot, job in begun if slot.give_up()]
            self.outcomes.update({job.path: Outcome("interrupted") for job in ended})
            self.waiting.clear()
        for slot in self.slots:
            if slot.job is None and self.waiting:
                alike = (i for i, job in enumerate(self.waiting) if job.plugins == slot.plugins)
                job = self.waiting.pop(next(alike, 0))
                self.attempts[job.path] += 1
                slot.take(job, self.stop_file, self.finish, self.limits.run_timeout_seconds)
        return bool(self.running())

    def _settle(self, job: Job, outcome: Outcome, stopping: bool) -> bool:
        """Note how a job ended, or let it wait for another attempt; returns whether the sweep must stop."""
        if outcome.status == "interrupted" and not stopping:
            outcome = Outcome("failed", "the worker was told to stop, by SIGTERM")
        attempts = self.attempts[job.path]
        if outcome.status != "failed":
            self.outcomes[job.path] = outcome
        elif stopping:  # a worker that dies of the signal that ends the sweep is no failure of its run
            self.outcomes[job.path] = Outcome("interrupted", outcome.reason)
        elif attempts <= self.limits.retries:
            self.waiting.insert(0, job)
        else:
            reason = outcome.reason + (f" ({attempts} attempts)" if attempts > 1 else "")
            self.outcomes[job.path] = Outcome("failed", reason)
            with contextlib.suppress(RunDirError):  # the disk may be what failed; the outcome is reported anyway
                mark_failed(job, reason)
            return self.limits.fail_fast
        return False


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
