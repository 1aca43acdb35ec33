"""Trainings in this process, which has TensorFlow already: for tests that are not about workers."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actlab.registry import Plugin
from actlab.runs import sweep
from actlab.runs.executors import local, worker
from actlab.runs.job import Finish, Job, Outcome


class Here:
    """A place of an executor. A job goes through a pickle, as one does that goes to a worker."""

    future = Future[None]()
    future.set_result(None)  # nobody waits: a job ends while it is taken
    plugins: tuple[Plugin, ...] = ()
    queued = False  # by a cluster

    def __init__(self, finish: Finish | None) -> None:
        self.finish = finish
        self.job: Job | None = None
        self.outcome: Outcome | None = None

    def ready(self) -> bool:
        return self.job is None

    def take(self, job: Job) -> None:
        self.job = job
        self.outcome = worker.work(pickle.loads(pickle.dumps(job)), job.path / "nobody stops it", self.finish)

    def ended(self) -> Outcome | None:
        outcome, self.job, self.outcome = self.outcome, None, None
        return outcome

    def stop(self) -> bool:
        return False


@contextmanager
def trains_here() -> Iterator[None]:
    """While this lasts, `actlab run` trains in this process, with the one thread that TensorFlow has here."""

    @contextmanager
    def places(jobs: list[Job], limits: Any, finish: Finish | None, executor: Any) -> Iterator[list[Here]]:
        yield [Here(finish)]

    def begin_log(log: Path) -> None:
        log.touch()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "places", places)
        patch.setattr(worker, "_redirect_output", begin_log)
        patch.setattr(sweep, "usable_cores", lambda: 1)
        yield
