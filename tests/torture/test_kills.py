"""Row 1: `kill -9` at any moment costs time and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from pathlib import Path

from actlab.runs.folder import CHECKPOINT, STATE, read_checkpoint
from actlab.runs.record import Run, state_of
from torture import trainer
from torture.matrix import Cases, row
from torture.processes import STUDY, Command, false_done, job, left_over, outcome, rows, until

FORKS = multiprocessing.get_context("forkserver")  # what is imported once is there in every training


@row(1, "kill -9 of a training at a random moment, resume", quick=30, full=1000)
def test_a_training_that_is_killed_goes_on(cases: Cases, tmp_path: Path) -> None:
    FORKS.set_forkserver_preload(["torture.trainer", "actlab.runs.training", "pandas"])
    whole, cut, draw = (
        job(tmp_path / "whole/study/run"),
        job(tmp_path / "cut/study/run"),
        random.Random(20_261_127),
    )
    first = FORKS.Process(target=trainer.train, args=(whole,))
    first.start()
    until((whole.path / "run.json").exists)
    began = time.monotonic()
    first.join()
    seconds, expected = time.monotonic() - began, outcome(tmp_path / "whole")
    assert Run(whole.path).status == "done" and len(expected) == 2
    ended = 0
    for _ in cases:
        process = FORKS.Process(target=trainer.train, args=(cut,))
        process.start()
        process.join(draw.uniform(0, 1.2 * seconds))
        process.kill()
        process.join()
        cases.hold(not false_done(tmp_path / "cut", expected), "a false done")
        state = state_of(cut.path)
        cases.hold(state in ("pending", "interrupted", "done"), f"a killed run is {state}")
        whole_state = not (cut.path / CHECKPOINT / STATE).exists() or read_checkpoint(cut.path) is not None
        cases.hold(whole_state, "a checkpoint that cannot be loaded")
        if state == "done" or cases.tried == cases.count:
            last = FORKS.Process(target=trainer.train, args=(cut,))  # what ended between record and tidying is tidied
            last.start()
            last.join()
            cases.hold(outcome(tmp_path / "cut") == expected, "other bytes than the training that was never killed")
            cases.hold(not left_over(tmp_path / "cut"), f"left over: {left_over(tmp_path / 'cut')}")
            shutil.rmtree(cut.path)
            cut.path.mkdir()
            ended += 1
    assert ended


@row(1, "kill -9 of workers and of `actlab run`, two workers (full form: real networks)", quick=3, full=50)
def test_a_sweep_that_is_killed_goes_on(cases: Cases, tmp_path: Path, engine: str) -> None:
    module, draw = "torture.trainer" if cases.count < 50 else "actlab", random.Random(20_261_127)
    path, out = tmp_path / "study.yaml", tmp_path / "out"
    path.write_text(STUDY if module == "torture.trainer" else STUDY.replace("epochs: 20", "epochs: 200"))
    options = ("--workers", 2, "--device", "cpu", "--retries", 1000, "--checkpoint-seconds", 0.1, "--engine", engine)
    code, said = Command("run", path, "-o", tmp_path / "whole", *options, module=module).end()
    assert code == 0, said
    expected = outcome(tmp_path / "whole")
    total = rows(tmp_path / "whole")
    sweep = Command("run", path, "-o", out, *options, module=module, seconds_a_call=0.02)
    for i in cases:  # two workers, then the command, each at a random part of what is left to train
        at = rows(out) + draw.uniform(0, 0.3) * (total - rows(out))
        until(lambda sweep=sweep, at=at: sweep.process.poll() is not None or (sweep.workers() and rows(out) >= at))
        workers, parent = sweep.workers(), i % 3 == 2
        if sweep.process.poll() is None and (parent or workers):
            os.kill(sweep.process.pid if parent else draw.choice(workers), signal.SIGKILL)
        cases.hold(not false_done(out, expected), "a false done")
        if parent or sweep.process.poll() is not None:
            sweep.end()
            cases.hold(sweep.gone(), "a worker outlived the command")
            if set(outcome(out)) == set(expected) and all(
                Run(p.parent).status == "done" for p in out.glob("*/*/run.json")
            ):
                cases.hold(outcome(out) == expected, "other bytes than the sweep that was never killed")
                shutil.rmtree(out)
            sweep = Command("run", path, "-o", out, *options, module=module, seconds_a_call=0.02)
    sweep.end()
    code, said = Command("run", path, "-o", out, *options, module=module).end()
    assert code == 0, said
    assert outcome(out) == expected
    assert not left_over(out)
