"""What a person sees of a sweep that trains, in a terminal of any width and in a log."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from actlab.parts.datasets import Prepared
from actlab.runs.folder import OWNER, read_progress, stopped_writer, write_bytes, write_progress
from actlab.runs.forecast import Forecast
from actlab.runs.job import Job, Outcome
from actlab.runs.progress import STOPPED_LOOKS, Board, Display, clock, duration
from actlab.spec.config import RunConfig

Resolved = Callable[..., RunConfig]
WIDTHS = [50, 60, 72, 80, 100, 120, 160]
LONG = "leaky_relu-negative_slope0.01-learning_rate0.001-seed12"


def printed(board: Board) -> list[str]:
    """The lines of a board in its own terminal, without what is not text."""
    stream, width = io.StringIO(), board.console.width
    Console(file=stream, width=width, height=40, color_system=None, force_terminal=True).print(board.get_renderable())
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    assert "…" not in stream.getvalue()
    return lines


def job(folder: Path, name: str, resolved: Resolved, label: str = "", **progress: Any) -> Job:
    path = folder / name
    path.mkdir()
    write_progress(path, progress)
    mnist = Prepared("mnist", Path("nowhere"), "0" * 64, (28, 28, 1), 10, 60_000, 10_000, "here", "checked")
    return Job(resolved(steps=3000, epochs=None), label or name, path, mnist, "cpu", 1)


def board(jobs: list[Job], outcomes: dict[Path, Outcome], total: int = 0, workers: int = 2, width: int = 80) -> Board:
    """The board of a terminal of 40 lines, after one look at what trains."""
    console = Console(file=io.StringIO(), width=width, height=40, force_terminal=True)
    display = Display(console, jobs, workers, Forecast())
    display.board.total = total or len(jobs)
    display.update(jobs, outcomes)
    return display.board


MIDDLE = {
    "phase": "training", "step": 1500, "total_steps": 3000, "steps_per_epoch": 200, "wall_seconds": 90.0,
    "images_per_second": 12345.6, "loss": 0.12344, "accuracy": 0.95551, "val_accuracy": 0.9123,
}  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
def test_every_training_is_one_line(width: int, tmp_path: Path, resolved: Resolved) -> None:
    jobs = [job(tmp_path, LONG, resolved, **MIDDLE), job(tmp_path, "relu-seed0", resolved, phase="building")]
    ended = {tmp_path / "x": Outcome("interrupted"), tmp_path / "y": Outcome("interrupted")}
    header, first, second, overall = printed(board(jobs, ended, total=24, width=width))
    assert first.startswith("leaky") and "seed12" in first
    words = {"epoch": "8/15", "loss": "0.1234", "val": "91.23%", "left": "1:30", "acc": "95.55%", "images/s": "12,346"}
    always = {"epoch", "val", "left"}
    for name, value in words.items():
        if name in always or width >= 80 or (width >= 60 and name == "loss"):
            assert value in first.split() and name in header, name
        assert (value in first.split()) == (name in header.replace("val acc", "val")), name
    assert "━" in first
    assert "starting" in second and second.startswith("relu-seed0")
    assert overall.startswith("all runs: 2 of 24  2 interrupted")


def test_the_board_is_no_taller_than_the_terminal(tmp_path: Path, resolved: Resolved) -> None:
    jobs = [job(tmp_path, f"relu-seed{seed}", resolved, **MIDDLE) for seed in range(64)]
    lines = printed(board(jobs, {}, workers=64))
    assert len(lines) <= 38
    assert lines[-2:] == ["and 30 more", lines[-1]] and lines[-1].startswith("all runs: 0 of 64")


def test_no_control_character_of_a_label_reaches_the_terminal(tmp_path: Path, resolved: Resolved) -> None:
    shown = board([job(tmp_path, "run", resolved, label="\x1b]0;x\x07evil", **MIDDLE)], {})
    assert not any("\x1b" in line or "\x07" in line for line in printed(shown))


def test_the_time_left_of_all_runs(tmp_path: Path, resolved: Resolved) -> None:
    """90 s are left of the one in work; the two that wait take 180 s each, one of them on the other worker."""
    waiting = [job(tmp_path, name, resolved) for name in ("a", "b")]
    begun = job(tmp_path, "run", resolved, **MIDDLE)
    display = Display(Console(file=io.StringIO(), force_terminal=True), [begun, *waiting], 2, Forecast(), tmp_path)
    with display:
        display.update([begun], {})
        assert printed(display.board)[-1].startswith("all runs: 0 of 3  4:30 left")
        told = read_progress(tmp_path)
        assert told["seconds_left"] == pytest.approx(270)
        assert told["unix_time"] == pytest.approx(time.time(), abs=60)
    assert read_progress(tmp_path) == {}


def test_without_a_terminal_there_are_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resolved: Resolved
) -> None:
    monkeypatch.setattr("actlab.runs.progress.LINE_SECONDS", -1.0)
    stream, begun = io.StringIO(), job(tmp_path, "relu-seed0", resolved, **MIDDLE)
    with Display(Console(file=stream, width=160), [begun], 1, Forecast()) as display:
        display.update([begun], {})
    expected = "relu-seed0: 50%, epoch 8  loss 0.1234  accuracy 95.55%  val 91.23%  12,346 images/s\n"
    assert stream.getvalue() == expected


def test_clocks_and_durations() -> None:
    assert [clock(seconds) for seconds in (0.2, 67, 3599.6, 7510)] == ["0:00", "1:07", "1:00:00", "2:05:10"]
    assert [duration(seconds) for seconds in (8.21, 42, 200, 7510)] == ["8.2 s", "42 s", "3 min 20 s", "2 h 5 min"]


def test_a_process_that_was_stopped_is_told_once(tmp_path: Path, resolved: Resolved) -> None:
    """With its number and what to do; one that goes on is not, nor one of another machine."""
    stream, begun = io.StringIO(), job(tmp_path, "relu-seed0", resolved, **MIDDLE)
    display = Display(Console(file=stream, width=160), [begun], 1, Forecast())
    looks = iter(range(10**6))
    display.time_left.clock = lambda: float(next(looks))
    with subprocess.Popen(["sleep", "1000"]) as process:
        try:
            write_bytes(begun.path / OWNER, json.dumps({"host": socket.gethostname(), "pid": process.pid}).encode())
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            for _ in range(3 * STOPPED_LOOKS):
                display.update([begun], {})
            told = f"relu-seed0: its process is stopped; to let it go on: kill -CONT {process.pid}"
            assert stream.getvalue().splitlines().count(told) == 1
            process.send_signal(signal.SIGCONT)
            os.waitpid(process.pid, os.WCONTINUED)
            assert stopped_writer(begun.path) is None
        finally:
            process.kill()
