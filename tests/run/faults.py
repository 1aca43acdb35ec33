"""Work that goes wrong, in a module that a spawned worker can import: the seed says how."""

from __future__ import annotations

import os
import time
from pathlib import Path

from actlab.run.executors.worker import work as real_work
from actlab.run.job import Finish, Job, Outcome

FINE, ABORTS, HANGS, NO_MEMORY, FAILS_ONCE = 0, 1, 2, 3, 4


def work(job: Job, stop_file: Path, finish: Finish | None) -> Outcome:
    """What `executors.worker.work` does, unless the seed of the run says otherwise."""
    attempts = job.path / "attempts"
    with attempts.open("a") as file:
        file.write(f"{os.getpid()}\n")
    match job.config.seed:
        case 1:
            os.abort()
        case 2:
            time.sleep(1e6)
        case 3:
            raise MemoryError("out of memory")
        case 4 if len(attempts.read_text().split()) == 1:
            os._exit(7)
    attempts.unlink()
    return real_work(job, stop_file, finish)


def warm_up(path: Path) -> None:
    """Imports nothing: what is to fail needs no TensorFlow, and what trains imports it then."""


def slow_warm_up(path: Path) -> None:
    """Takes longer than the runs may."""
    time.sleep(4.0)


def report_process(job: Job, stop_file: Path, finish: Finish | None) -> Outcome:
    """Trains nothing: says in which process it ran."""
    (job.path / "attempts").write_text(str(os.getpid()))
    return Outcome("done")
