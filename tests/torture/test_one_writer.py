"""Row 4: two processes never train into one run directory, and a dead one holds nothing."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest

from actlab.errors import RunLocked
from actlab.runs.folder import is_locked, lock
from actlab.runs.record import Run
from torture import trainer
from torture.matrix import Cases, row
from torture.processes import job, left_over, outcome

FORKS = multiprocessing.get_context("forkserver")
PROCESSES = 8


@pytest.fixture(scope="module", autouse=True)
def preloaded() -> None:
    FORKS.set_forkserver_preload(["torture.trainer", "actlab.runs.training"])


def contend(path: Path, rounds: int, together: Any, answers: Any) -> None:
    """Try to hold a run directory, as often as the others; answers "held", "twice" or why not."""
    for _ in range(rounds):
        together.wait()
        try:
            with lock(path):
                try:
                    handle = os.open(path / "held", os.O_CREAT | os.O_EXCL)
                    answer = "held"
                except FileExistsError:
                    answer = "twice"
                together.wait()  # until all others have been refused
                os.close(handle)
                (path / "held").unlink()
        except RunLocked as error:
            answer = str(error)
            together.wait()
        answers.put((os.getpid(), answer))
        together.wait()


@row(4, "8 processes on one run directory: one owner", quick=5, full=100)
def test_one_owner(cases: Cases, tmp_path: Path) -> None:
    together, answers = FORKS.Barrier(PROCESSES), FORKS.Queue()
    arguments = (tmp_path, cases.count, together, answers)
    processes = [FORKS.Process(target=contend, args=arguments) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for _ in cases:
        given = dict(answers.get(timeout=300) for _ in range(PROCESSES))
        owners = [pid for pid, answer in given.items() if answer == "held"]
        cases.hold(len(owners) == 1, f"{len(owners)} owners: {sorted(given.values())}")
        refused = [answer for answer in given.values() if answer != "held"]
        named = owners and all(f"is being written by process {owners[0]} on " in answer for answer in refused)
        cases.hold(named, f"the refused are not told who owns it: {refused}")
    for process in processes:
        process.join()
    assert not left_over(tmp_path)


def hold(path: Path, held: Any) -> None:
    with lock(path):
        held.set()
        time.sleep(1e6)


@row(4, "a dead owner's lock is taken over in under 2 s", quick=5, full=100)
def test_a_dead_owner_holds_nothing(cases: Cases, tmp_path: Path) -> None:
    for _ in cases:
        held = FORKS.Event()
        owner = FORKS.Process(target=hold, args=(tmp_path, held))
        owner.start()
        held.wait()
        assert is_locked(tmp_path)
        owner.kill()
        owner.join()
        began = time.monotonic()  # the promise; it takes a thousandth of that
        with lock(tmp_path):
            cases.hold(time.monotonic() - began < 2, f"taken over after {time.monotonic() - began:.1f} s")
    assert not left_over(tmp_path)


def answer(path: Path, answers: Any) -> None:
    answers.put(trainer.train(job(path)))


@row(4, "8 processes train one run: once, and whole", quick=1, full=20)
def test_one_training(cases: Cases, tmp_path: Path) -> None:
    alone = job(tmp_path / "alone/study/run")
    process = FORKS.Process(target=trainer.train, args=(alone,))
    process.start()
    process.join()
    for i in cases:
        path, answers = tmp_path / f"{i}/study/run", FORKS.Queue()
        job(path)
        processes = [FORKS.Process(target=answer, args=(path, answers)) for _ in range(PROCESSES)]
        for process in processes:
            process.start()
        given = [answers.get(timeout=300) for _ in processes]
        for process in processes:
            process.join()
        cases.hold("done" in given, f"nobody trained it: {given}")
        strange = [text for text in given if text != "done" and "is being written by process" not in text]
        cases.hold(not strange, f"{strange}")
        cases.hold(Run(path).status == "done" and not Run(path).damaged(), "not whole")
        cases.hold(outcome(tmp_path / str(i)) == outcome(tmp_path / "alone"), "other bytes than one that trains alone")
        cases.hold(not left_over(path), f"left over: {left_over(path)}")
