"""Workers in which all goes wrong that can, in a module that a spawned worker imports: the seed of the run says how."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from actlab.runs.executors import worker
from actlab.runs.job import Finish, Job, Outcome
from torture import trainer


class Unpicklable(Exception):
    """No process can send it to another."""

    def __init__(self) -> None:
        super().__init__("cannot be sent")
        self.cause = lambda: None


def _hang() -> None:
    time.sleep(1e6)


def _raise(error: BaseException) -> None:
    raise error


def _fill_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    np.ones(2**33)


def _deep(level: int = 0) -> int:
    return _deep(level + 1) + 1


def _exit_in_c() -> None:
    os._exit(0)


FINE, ABORTS, HANGS, NO_MEMORY, FAILS_ONCE = 0, 1, 2, 3, 4
# seed to what happens, and to a part of the reason that the record gives; nothing where the run is done all the same
FAULTS: dict[int, tuple[Callable[[], Any], str]] = {
    ABORTS: (os.abort, "SIGABRT"),
    HANGS: (_hang, "took longer than --run-timeout 10 s"),
    NO_MEMORY: (lambda: _raise(MemoryError("out of memory")), "MemoryError: out of memory"),
    5: (lambda: sys.exit(3), "SystemExit: 3"),
    6: (_exit_in_c, "the worker ended with exit code 0"),
    7: (lambda: os.closerange(3, 256), ""),
    8: (lambda: os.kill(os.getpid(), signal.SIGSTOP), "took longer than --run-timeout 10 s"),
    9: (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL, perhaps by the system for want of memory"),
    10: (_fill_memory, "MemoryError: Unable to allocate"),
    11: (lambda: _raise(KeyboardInterrupt()), "KeyboardInterrupt"),
    12: (lambda: _raise(Unpicklable()), "Unpicklable: cannot be sent"),
    13: (_deep, "RecursionError: maximum recursion depth"),
    14: (lambda: os._exit(7), "exit code 7"),
    15: (lambda: os.kill(os.getpid(), signal.SIGTERM), "the worker was told to stop, by SIGTERM"),
    16: (lambda: os.closerange(0, 3), ""),
}


def work(job: Job, stop_file: Path, finish: Finish | None) -> Outcome:
    """What `trainer.work` does, unless the seed of the run says otherwise."""
    attempts = job.path / "attempts"
    with attempts.open("a") as file:
        file.write(f"{os.getpid()}\n")
    seed = job.config.seed
    if seed == FAILS_ONCE and len(attempts.read_text().split()) == 1:
        os._exit(7)
    if seed not in FAULTS:
        attempts.unlink()
        return trainer.work(job, stop_file, finish)
    from actlab.runs import training

    real = training.train_together

    def train(*arguments: Any) -> list[str | Exception]:
        FAULTS[seed][0]()
        return real(*arguments)

    training.train_together = train
    try:
        return trainer.work(job, stop_file, finish)
    finally:
        training.train_together = real


warm_up, start = trainer.warm_up, worker.start


def slow_warm_up(path: Path) -> None:
    """Takes longer than the runs may."""
    time.sleep(7.0)


def leave(path: Path) -> None:
    """Ends as if all were well, without an answer."""
    os._exit(0)


def no_start(*_: Any) -> None:
    """A worker whose Python cannot begin."""
    os._exit(3)


def killed_start(*_: Any) -> None:
    """A worker that the system kills before it has a job."""
    os.kill(os.getpid(), signal.SIGKILL)


def refused_start(*_: Any) -> None:
    """A worker whose environment is broken."""
    raise ImportError("no such library")


def report_process(job: Job, stop_file: Path, finish: Finish | None) -> Outcome:
    """Trains nothing: says in which process it ran."""
    (job.path / "attempts").write_text(str(os.getpid()))
    return Outcome("done")
