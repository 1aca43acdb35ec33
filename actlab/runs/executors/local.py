"""Trainings on the processes of this machine.

Workers live through many trainings, so that TensorFlow's import is paid once a worker. One that dies costs its own
run only: another takes its place, and the run is tried again.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from actlab.environment import gpus
from actlab.errors import ActlabError
from actlab.runs.executors import LOCAL, Executor, Limits, Place, worker
from actlab.runs.folder import read_progress, scratch
from actlab.runs.job import Finish, Job, Outcome
from actlab.signals import kill_workers

RUNS_A_WORKER = 100  # then another takes its place, in case that a library keeps something of every run
LOOKS = 10  # a fifth of a second apart, until a worker that has ended is taken to have sent nothing, as by exit(0)
QUIET_TRACKER = "ignore::UserWarning:multiprocessing.resource_tracker"


def gpu_of_each_worker(device: str, workers: int) -> list[str | None]:
    """A GPU for each worker, in turns; None where there is none to be chosen."""
    names: list[str | None] = [*gpus()] if device == "gpu" else [None]
    return [names[i % len(names)] for i in range(workers)]


# --- processes ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def deaf_to_the_terminal() -> Iterator[None]:
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


@contextlib.contextmanager
def places(jobs: list[Job], limits: Limits, finish: Finish | None, executor: Executor = LOCAL) -> Iterator[list[Slot]]:
    """Within, a worker for each place; at the end those that still work are ended at once."""
    gpu_names = gpu_of_each_worker(jobs[0].device, limits.workers)
    with scratch() as folder, _importable_main():
        slots = [Slot(jobs[0], limits, finish, gpu, folder) for gpu in gpu_names]
        try:
            yield slots
        finally:
            kill_workers()
            for slot in slots:  # all at once: to end one takes some tenths of a second
                if slot.pool:
                    slot.pool.stop()
            for slot in slots:
                slot.close()


class _Spawn(SpawnContext):
    """Starts processes that begin anew, and knows the last one."""

    process: SpawnProcess | None = None

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]
        self.process = SpawnProcess(*args, **kwargs)
        return self.process


class Slot(Place):
    """A place for one worker: a pool of one, since a pool of several can be broken by the death of one of them.

    Args:
        first: one of the jobs that will come; all are of its device and number of threads.
        limits: of which this keeps the time of a run.
        finish: as `train` has it; a function of a module, since workers import it.
        gpu: the GPU that the worker is to use; None for what is there.
        folder: for temporary files, and for the file that tells all workers to stop.
    """

    def __init__(self, first: Job, limits: Limits, finish: Finish | None, gpu: str | None, folder: Path) -> None:
        self.gpu, self.folder = gpu, folder
        self.timeout, self.finish, self.stop_file = limits.run_timeout_seconds, finish, folder / "stop"
        self.spawn = _Spawn()
        self.pool: ProcessPool | None = None
        self.plugins, self.engine = first.plugins, first.engine  # of the worker that lives here
        self.worker: SpawnProcess | None = None
        self.begun = False  # the job itself: before, `future` is of the worker's preparation for it
        self.runs = self.looks = 0  # jobs of the worker, and looks since it is gone

    def take(self, job: Job) -> None:
        """Give the worker a job; a new worker if the last one is gone."""
        self.job = job
        # whatever a plug-in does to its process, it is done to its own runs only
        if (job.plugins, job.engine) != (self.plugins, self.engine) or self.runs == RUNS_A_WORKER or self._is_dead():
            self.close()
            self.plugins, self.engine = job.plugins, job.engine
        if self.pool is None:
            start = (job.threads, job.device, job.engine, os.getpid(), self.gpu, self.folder)
            self.pool, self.runs = ProcessPool(1, 0, worker.start, start, self.spawn), 0
        try:
            with deaf_to_the_terminal():
                self.future = self.pool.schedule(worker.warm_up, args=(job.path,))  # its time is not the training's
        except RuntimeError:  # the idle worker has died since its last job
            self.close()
            self.take(job)
        else:
            self.worker, self.begun, self.looks, self.runs = self.spawn.process, False, 0, self.runs + 1

    def ended(self) -> Outcome | None:
        """How the job ended, once it has."""
        if self.job is None or self.future is None or self.pool is None:
            return None
        if self.future.done() and not self.begun and self.future.exception() is None and self.pool.active:
            # not before: pebble loses a job that is taken by a worker which it still holds busy with another one
            work, timeout = (self.job, self.stop_file, self.finish), self.timeout and self.timeout * len(self.job.group)
            with contextlib.suppress(RuntimeError):  # the pool is broken since, which is seen at the next look
                self.future, self.begun = self.pool.schedule(worker.work, args=work, timeout=timeout), True
            return None
        self.looks += self._is_dead()
        if self.future.done() and (self.begun or self.future.exception()):
            outcome = _outcome(self.future, self.worker, self.job)
        elif not self.pool.active or self.looks > LOOKS:  # one that dies while it is started takes the pool with it
            outcome = _end_of_worker(self.worker.exitcode if self.worker else None, self.job)
        else:
            return None
        # what has gone wrong in a worker that lives (a full GPU, a broken library) may go wrong again in the next run
        if not self.pool.active or "failed" in {outcome.status, *(of.status for of in outcome.together)}:
            self.close()
        self.job = self.future = None
        return outcome

    def _is_dead(self) -> bool:
        return self.worker is not None and self.worker.exitcode is not None

    def stop(self) -> bool:
        """Let the training write its checkpoint; the worker is ended if none has begun in it, since nothing is lost."""
        self.stop_file.touch()
        if not self.job or not self.pool:
            return False
        if self.begun and read_progress(self.job.path).get("phase") != "building":
            return False
        self.pool.stop()  # first, or it would start another one
        if self.worker and self.worker.pid:
            self.worker.kill()
        self.job = self.future = None
        return True

    def close(self) -> None:
        """End the worker, whatever it does."""
        if self.pool is not None:
            self.pool.stop()
            with contextlib.suppress(RuntimeError, TimeoutError):
                self.pool.join(timeout=10)
        self.pool = self.worker = None


def _outcome(future: ProcessFuture, process: SpawnProcess | None, job: Job) -> Outcome:
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    if isinstance(error, concurrent.futures.TimeoutError | TimeoutError):
        return Outcome("failed", f"took longer than --run-timeout {error.args[1]:g} s")
    if isinstance(error, ProcessExpired):
        return _end_of_worker(error.exitcode, job)
    if isinstance(error, BrokenProcessPool) and process and process.exitcode is not None:
        return _end_of_worker(process.exitcode, job)  # pebble saw its end before it knew which task it had taken
    return Outcome("failed", str(error) if isinstance(error, ActlabError) else f"{type(error).__name__}: {error}")


def _end_of_worker(code: int | None, job: Job) -> Outcome:
    name = signal.Signals(-code).name if code is not None and code < 0 else ""
    how = f"was ended by {name}" if name else f"ended with exit code {code}"
    memory = ", perhaps by the system for want of memory" if name == "SIGKILL" else ""
    own = ", ".join(plugin.name for plugin in job.plugins)
    plugins = f", perhaps by the plug-in {own}, which may call os._exit or crash" if own else ""
    return Outcome("failed", f"the worker {how}{plugins or memory}; see log.txt")
