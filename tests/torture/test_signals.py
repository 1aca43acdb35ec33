"""Row 5: a signal at any moment ends a command with 130, 143 or 129, leaves no process, and costs at most a moment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from actlab.runs.folder import read_checkpoint
from actlab.runs.record import Run
from torture.matrix import Cases, row
from torture.processes import (
    STUDY,
    Command,
    Signalled,
    false_done,
    left_over,
    outcome,
    rows,
    until,
)

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
KINDS = ([INT], [TERM], [INT, INT])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, own_caches: Path) -> tuple[Path, Path, int]:
    """The config, the results of a sweep that was never stopped, and the imports and opened files of its command."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "study.yaml").write_text(STUDY)
    code, said = Signalled(0, 1, [], "run", folder / "study.yaml", "-o", folder / "out", *OPTIONS).end()
    assert code == 0, said
    return folder / "study.yaml", folder / "out", int(said.split()[-1])


OPTIONS = ("--workers", 2, "--device", "cpu")


def goes_on(path: Path, out: Path, expected: dict[str, bytes]) -> str:
    """What is wrong with a sweep that was stopped, and with what it comes to; nothing if all is as it should be."""
    if wrong := false_done(out, expected):
        return f"false done: {wrong}"
    code, said = Command("run", path, "-o", out, *OPTIONS, module="torture.trainer").end()
    if code:
        return f"does not go on: {said}"
    if outcome(out) != expected:
        return "other bytes than the sweep that was never stopped"
    return f"left over: {left_over(out)}" if left_over(out) else ""


@row(5, "SIGINT, SIGTERM, twice SIGINT over the whole command", quick=3, full=150)
def test_a_signal_at_any_import_and_any_file(cases: Cases, tmp_path: Path, study: tuple[Path, Path, int]) -> None:
    path, whole, events = study
    expected = outcome(whole)
    for i in cases:
        kind, out = KINDS[i % 3], tmp_path / f"{i}"
        first = 1 + int(events * (i + 0.5) / cases.count * 0.95)
        sweep = Signalled(first, 5, kind, "run", path, "-o", out, *OPTIONS)
        code, said = sweep.end()
        what = f"{[k.name for k in kind]} at {first} of {events}: {code}: {said}"
        all_done = outcome(out) == expected
        cases.hold(code == 128 + kind[0] or (code == 0 and all_done), what)
        cases.hold("Traceback" not in said and "Error" not in said, what)
        cases.hold(all_done or "the same command" in said, what)
        cases.hold(sweep.gone(), f"orphans: {what}")
        if out.exists():
            cases.hold(not (wrong := goes_on(path, out, expected)), f"{wrong}: {what}")
            shutil.rmtree(out)


@row(5, "SIGINT, SIGTERM, twice SIGINT at parts of the training", quick=1, full=150)
def test_a_signal_at_any_part_of_the_training(cases: Cases, tmp_path: Path, study: tuple[Path, Path, int]) -> None:
    path, whole, _ = study
    expected, total = outcome(whole), rows(whole)
    for i in cases:
        kind, out, part = KINDS[i % 3], tmp_path / f"{i}", (i + 0.5) / cases.count
        sweep = Command("run", path, "-o", out, *OPTIONS, module="torture.trainer", seconds_a_call=0.02)
        until(lambda sweep=sweep, out=out, part=part: sweep.process.poll() is not None or rows(out) >= part * total)
        for number in kind:
            if sweep.process.poll() is None:
                os.killpg(sweep.process.pid, number)  # as a terminal does: to the workers too
            time.sleep(0.05)  # two that are pending at once are one
        code, said = sweep.end()
        what = f"{[k.name for k in kind]} at {part:.0%}: {code}: {said}"
        all_done = outcome(out) == expected
        cases.hold(code == 128 + kind[0] or (code == 0 and all_done), what)
        cases.hold("Traceback" not in said, what)
        cases.hold(sweep.gone(), f"orphans: {what}")
        if len(kind) == 1 and not all_done:
            cases.hold("goes on from the last checkpoint" in said, what)
            statuses = {Run(p.parent).status for p in out.glob("*/*/run.json")}
            cases.hold(statuses <= {"interrupted", "done"}, f"{statuses}: {what}")
        cases.hold(not (wrong := goes_on(path, out, expected)), f"{wrong}: {what}")
        shutil.rmtree(out)


@pytest.mark.slow
def test_a_closed_terminal_stops_a_sweep_in_good_order(tmp_path: Path, study: tuple[Path, Path, int]) -> None:
    """It sends SIGHUP to all processes, and can no longer be written to."""
    path, whole, _ = study
    sweep = Command("run", path, "-o", tmp_path / "out", *OPTIONS, module="torture.trainer", seconds_a_call=0.02)
    assert until(lambda: rows(tmp_path / "out") >= 2)
    os.killpg(sweep.process.pid, HUP)
    code, said = sweep.end()
    assert (code, "Traceback" in said) == (129, False), said
    assert sweep.gone()
    assert list(tmp_path.glob("out/*/*/checkpoint/state.npz"))
    assert not goes_on(path, tmp_path / "out", outcome(whole))


@pytest.mark.slow
@pytest.mark.parametrize("hangs", ["warm_up", "model"])
def test_a_worker_that_has_not_begun_is_not_waited_for(hangs: str, tmp_path: Path) -> None:
    """Be it an import or a network that takes for ever to build: nothing is lost by ending it."""
    path, out = tmp_path / "study.yaml", tmp_path / "out"
    path.write_text(STUDY)
    sweep = Command("run", path, "-o", out, *OPTIONS, module="torture.trainer", hangs=hangs)
    begun = {"warm_up": lambda: len(sweep.workers()) == 2, "model": lambda: len(list(out.rglob("progress.json"))) == 2}
    assert until(begun[hangs])
    os.killpg(sweep.process.pid, INT)
    code, said = sweep.end()
    assert code == 130, said
    assert "Traceback" not in said and "KeyboardInterrupt" not in said
    assert "2 pending" in said
    assert sweep.gone()


@pytest.mark.slow
def test_tensorflow_too_is_stopped(tmp_path: Path) -> None:
    """While it trains it writes its checkpoint."""
    path, out = tmp_path / "study.yaml", tmp_path / "out"
    path.write_text(STUDY.replace("epochs: 20", "epochs: 4000").replace("[0, 1]", "[0]"))
    sweep = Command("run", path, "-o", out, *OPTIONS)
    assert until(lambda: rows(out) >= 1)
    os.killpg(sweep.process.pid, TERM)
    code, said = sweep.end()
    assert code == 143, said
    assert "goes on from the last checkpoint" in said
    assert sweep.gone()
    (path,) = (record.parent for record in out.glob("*/*/run.json"))
    assert Run(path).status == "interrupted"
    assert read_checkpoint(path)


READ = """
import os, signal, sys
sys.argv = ["actlab", *sys.argv[3:]]
from actlab.__main__ import main
seen = 0
def count(event, arguments):
    global seen
    if event in ("import", "open"):
        seen += 1
        if seen == first:
            os.kill(os.getpid(), number)
first, number = FIRST, NUMBER
sys.addaudithook(count)
try:
    main()
finally:
    if not first:
        print(seen)
"""


def read(first: int, number: int, *arguments: str) -> tuple[int, str]:
    """A command that only reads, and is sent a signal at its Nth import or opened file."""
    program = READ.replace("FIRST", str(first)).replace("NUMBER", str(int(number)))
    done = subprocess.run([sys.executable, "-c", program, "-", "-", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@row(5, "SIGINT, SIGTERM over commands that read", quick=2, full=150)
def test_commands_that_read_end_too(cases: Cases, tmp_path: Path, study: tuple[Path, Path, int]) -> None:
    """With 130 or 143 and without a traceback, wherever they are: in an import, a table, a figure."""
    _, whole, _ = study
    commands = (["compare", str(whole)], ["report", str(whole), "-o", str(tmp_path / "report.html")])
    events = [int(read(0, INT, *command)[1].split()[-1]) for command in commands]
    for i in cases:
        number, command = (INT, TERM)[i // 2 % 2], commands[i % 2]
        first = 1 + int(events[i % 2] * (i + 0.5) / cases.count * 0.98)
        code, said = read(first, number, *command)
        cases.hold(code == 128 + number, f"{command[0]} at {first} of {events[i % 2]}: {code}: {said}")
        cases.hold("Traceback" not in said and "Error" not in said, f"{command[0]} at {first}: {said}")
    assert not list(tmp_path.rglob("*.tmp"))
