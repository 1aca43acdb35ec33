"""Trainings on the processes of this machine.

Workers live through many trainings, so that TensorFlow's import is paid once a worker. One that dies costs its own
run only: the pool puts another in its place, and the run is tried again.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from actlab import rundir
from actlab.environment import gpus
from actlab.errors import ActlabError, RunDirError
from actlab.executors import worker
from actlab.executors.worker import Outcome
from actlab.training import Job

POLL_SECONDS = 0.1
GIB_A_WORKER = 2.0  # TensorFlow with a small convolution net; measured at under 1.5


@dataclass(frozen=True)
class Limits:
    """How an executor may use the machine.

    Args:
        workers: processes at a time.
        retries: further attempts at a run whose attempt failed.
        run_timeout_seconds: of one attempt; None for no limit.
        fail_fast: whether the first failed run ends the sweep.
    """

    workers: int
    retries: int = 1
    run_timeout_seconds: float | None = None
    fail_fast: bool = False


def workers_for(runs: int, device: str, per_gpu: int = 1) -> tuple[int, int]:
    """How many workers and how many threads each, for a sweep of so many runs on this machine."""
    cores = _usable_cores()
    places = per_gpu * len(gpus()) if device == "gpu" else min(cores, int(_memory_gib() // GIB_A_WORKER))
    workers = max(1, min(runs, places))
    return workers, max(1, cores // workers)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gib() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


class Signals:
    """Counts SIGINT and SIGTERM: the first asks for an orderly end, the second for an end now."""

    def __init__(self) -> None:
        self.received: int | None = None
        self.count = 0

    def _note(self, number: int, frame: Any) -> None:
        self.received = self.received or number
        self.count += 1
        if self.count > 1:
            kill_workers()
            os._exit(128 + self.received)

    def __enter__(self) -> Signals:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def kill_workers() -> None:
    """End every worker at once."""
    for process in multiprocessing.active_children():
        with contextlib.suppress(OSError, ValueError):
            process.kill()


def run(
    jobs: list[Job], limits: Limits, signals: Signals, told: Callable[[list[Job], dict[Path, Outcome]], None]
) -> dict[Path, Outcome]:
    """Train all jobs, the first in the list first.

    Args:
        jobs: what to train; all with the same device and number of threads.
        limits: how to use the machine.
        signals: looked at all the time; after the first signal the trainings write their checkpoints and end.
        told: called often with the jobs that are being trained, and the outcomes so far by run directory.

    Returns:
        run directory to how its training ended. A job that was not begun when a signal came is "interrupted".
    """
    with tempfile.TemporaryDirectory(prefix="actlab-") as scratch, _pool(jobs[0], limits) as pool:
        stop_file = Path(scratch) / "stop"
        sweep = _Sweep(pool, jobs, limits, stop_file)
        while sweep.waiting:
            sweep.collect()
            if (signals.count or sweep.failed_fast) and not stop_file.exists():
                stop_file.touch()
                sweep.cancel_pending()
            told(sweep.running(), sweep.outcomes)
            time.sleep(POLL_SECONDS)
        return sweep.outcomes


class _Sweep:
    """The futures of one call of `run`."""

    def __init__(self, pool: ProcessPool, jobs: list[Job], limits: Limits, stop_file: Path) -> None:
        self.pool, self.limits, self.stop_file = pool, limits, stop_file
        self.outcomes: dict[Path, Outcome] = {}
        self.attempts: dict[Path, int] = {}
        self.failed_fast = False
        self.waiting: dict[ProcessFuture, Job] = {}
        for job in jobs:
            self._schedule(job)

    def _schedule(self, job: Job) -> None:
        self.attempts[job.path] = self.attempts.get(job.path, 0) + 1
        future = self.pool.schedule(worker.work, args=(job, self.stop_file), timeout=self.limits.run_timeout_seconds)
        self.waiting[future] = job

    def running(self) -> list[Job]:
        return [job for future, job in self.waiting.items() if future.running()]

    def collect(self) -> None:
        """Take the outcomes of the futures that have ended; try failed runs again."""
        for future in [future for future in self.waiting if future.done()]:
            job = self.waiting.pop(future)
            outcome = _outcome(future, self.limits.run_timeout_seconds)
            again = self.attempts[job.path] <= self.limits.retries and not self.stop_file.exists()
            if outcome.status == "failed" and again:
                self._schedule(job)
                continue
            if outcome.status == "failed":
                outcome = self._mark_failed(job, outcome)
                self.failed_fast = self.limits.fail_fast
            self.outcomes[job.path] = outcome

    def cancel_pending(self) -> None:
        """Take back the jobs that no worker has begun."""
        for future in [future for future in self.waiting if not future.running()]:
            future.cancel()

    def _mark_failed(self, job: Job, outcome: Outcome) -> Outcome:
        attempts = self.attempts[job.path]
        reason = outcome.reason + (f" ({attempts} attempts)" if attempts > 1 else "")
        with contextlib.suppress(RunDirError):  # the disk may be what failed; the outcome is told anyway
            mark_failed(job, reason)
        return Outcome("failed", reason)


def _outcome(future: ProcessFuture, timeout: float | None) -> Outcome:
    if future.cancelled():
        return Outcome("interrupted")
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    if isinstance(error, FutureTimeout | TimeoutError):
        return Outcome("failed", f"took longer than --run-timeout {timeout:g} s")
    if isinstance(error, ProcessExpired):
        return Outcome("failed", _death(error.exitcode))
    return Outcome("failed", f"{type(error).__name__}: {error}")


def _death(exitcode: int | None) -> str:
    """An exit code in words."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ", perhaps by the system for want of memory" if name == "SIGKILL" else ""
        return f"the worker was ended by {name}{hint}; see log.txt"
    return f"the worker ended with exit code {exitcode}; see log.txt"


def mark_failed(job: Job, reason: str) -> None:
    """Write into the run's record that its training failed, and why."""
    with rundir.lock(job.path):
        try:
            record = rundir.read_json(job.path / rundir.RECORD)
        except RunDirError:
            record = {"label": job.label, "hash": job.config.hash, "config": job.config.canonical()}
        rundir.write_json(job.path / rundir.RECORD, {**record, "status": "failed", "reason": reason})
        rundir.clear_progress(job.path)


@contextlib.contextmanager
def _pool(job: Job, limits: Limits) -> Iterator[ProcessPool]:
    context = multiprocessing.get_context("spawn")
    with _importable_main():
        pool = ProcessPool(
            max_workers=limits.workers, context=context, initializer=worker.start,
            initargs=(job.threads, job.device, os.getpid()),
        )  # fmt: skip
        try:
            yield pool
        finally:
            pool.stop()
            kill_workers()  # they hold nothing: every checkpoint is written, and waiting for them takes seconds
            with contextlib.suppress(ActlabError, RuntimeError):
                pool.join(timeout=10)


@contextlib.contextmanager
def _importable_main() -> Iterator[None]:
    """Keep a spawned worker from importing the caller's main script again: a worker needs none of it."""
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    for name in kept:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)
