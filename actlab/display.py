"""What a person sees while runs train: bars in a terminal, lines in a log.

Where the trainings stand is read from their run directories; nothing is passed between processes but files.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from actlab import rundir
from actlab.errors import RunDirError
from actlab.executors.worker import Outcome
from actlab.rundir import Run
from actlab.training import Job

LINE_SECONDS = 30.0  # between two lines about a training where there is no terminal
STYLES = {"done": "green", "failed": "red", "diverged": "yellow", "interrupted": "magenta", "running": "cyan"}


class _Left(ProgressColumn):
    """Time left of a task that knows it."""

    def render(self, task: Task) -> Text:
        seconds = task.fields.get("left")
        return Text("" if seconds is None else f"{duration(seconds)} left", style="cyan")


class Display:
    """Shows a sweep while it trains.

    Args:
        console: where to; bars if it is a terminal, lines if not.
        total: how many runs there are to train.
        workers: how many train at a time.
    """

    def __init__(self, console: Console, total: int, workers: int) -> None:
        self.console, self.total, self.workers = console, total, workers
        self.began = time.monotonic()
        self.seen: set[Path] = set()
        self.lines: dict[Path, float] = {}
        self.tasks: dict[Path, TaskID] = {}
        self.progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=_column(ratio=3)),
            BarColumn(bar_width=None, table_column=_column(ratio=2)),
            TextColumn("{task.fields[numbers]}", markup=False),
            _Left(),
            console=console, disable=not console.is_terminal, transient=True, refresh_per_second=5, expand=True,
        )  # fmt: skip
        self.overall = self.progress.add_task("all runs", total=total, numbers="", left=None)
        self.progress.update(self.overall, visible=total > 1)

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def update(self, running: list[Job], outcomes: dict[Path, Outcome]) -> None:
        """Show what is being trained and what has ended since the last call."""
        for path, outcome in outcomes.items():
            if path not in self.seen:
                self.seen.add(path)
                self._ended(path, outcome)
        fractions = [self._running(job) for job in running if job.path not in outcomes]
        done = len(outcomes) + sum(fractions)
        counts = ", ".join(f"{n} {status}" for status, n in count(outcomes).items())
        self.progress.update(self.overall, completed=done, numbers=counts, left=self._left(done))

    def _left(self, done: float) -> float | None:
        seconds = time.monotonic() - self.began
        return seconds / done * (self.total - done) if done > 0.01 and seconds > 3 else None

    def _running(self, job: Job) -> float:
        """Show one training; returns which part of it is done."""
        now = rundir.read_progress(job.path)
        total, part = now.get("total_steps", 0), part_done(now)
        if self.console.is_terminal:
            self._bar(job, now, part)
        elif total and time.monotonic() - self.lines.setdefault(job.path, time.monotonic()) > LINE_SECONDS:
            self.lines[job.path] = time.monotonic()
            self.console.print(Text(f"{job.label}: {part:.0%}, {numbers(now)}"), soft_wrap=True)
        return float(part)

    def _bar(self, job: Job, now: dict[str, Any], part: float) -> None:
        if job.path not in self.tasks:
            self.tasks[job.path] = self.progress.add_task(job.label, total=1.0, numbers="starting", left=None)
        seconds = now.get("wall_seconds") or 0.0
        left = seconds / part * (1 - part) if part > 0.02 else None
        words = numbers(now) if now.get("total_steps") else "starting"
        self.progress.update(self.tasks[job.path], completed=part, numbers=words, left=left)

    def _ended(self, path: Path, outcome: Outcome) -> None:
        if path in self.tasks:
            self.progress.remove_task(self.tasks.pop(path))
        if outcome.status == "interrupted":
            return  # a sweep that is stopped has hundreds of these
        words = Text(f"{outcome.status:9}", style=STYLES.get(outcome.status, ""))
        self.console.print(words + Text(f"{path.name}  {outcome.reason or _result(path)}"), soft_wrap=True)


def part_done(now: dict[str, Any]) -> float:
    """Which part of its steps a training has taken, 0 to 1."""
    return float(now["step"] / now["total_steps"]) if now.get("total_steps") else 0.0


def _column(ratio: int) -> Any:
    from rich.table import Column

    return Column(ratio=ratio, no_wrap=True)


def numbers(now: dict[str, Any]) -> str:
    """Where a training stands: epoch, loss, accuracy, validation accuracy, speed."""
    words = []
    if "epoch" in now or now.get("steps_per_epoch"):
        words.append(f"epoch {int(now['step'] / now['steps_per_epoch']) + 1 if now.get('steps_per_epoch') else '?'}")
    words += [f"{name} {now[key]:.4f}" for key, name in _SHOWN if isinstance(now.get(key), float)]
    speed = now.get("images_per_second") or 0.0
    return "  ".join([*words, f"{speed:,.0f} images/s"] if speed > 1 else words)


_SHOWN = (("loss", "loss"), ("accuracy", "accuracy"), ("val_accuracy", "val"))


def _result(path: Path) -> str:
    try:
        run = Run(path)
    except RunDirError as error:
        return str(error)
    final, best = run.results.get("final", {}), run.results.get("best", {})
    if not final:
        return ""
    return (
        f"val_accuracy {final['val_accuracy']:.4f} (best {best['val_accuracy']:.4f}), "
        f"test_accuracy {final['test_accuracy']:.4f}, {duration(run.record.get('wall_seconds', 0))}"
    )


def count(outcomes: dict[Path, Outcome]) -> dict[str, int]:
    """Status to how many runs ended so, in a fixed order."""
    found = [outcome.status for outcome in outcomes.values()]
    return {status: found.count(status) for status in STYLES if status in found}


def in_words(counts: dict[str, int]) -> str:
    """ "12 done, 3 skipped, 1 failed" """
    return ", ".join(f"{n} {status}" for status, n in counts.items() if n) or "nothing to do"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def runs_table(runs: list[Run]) -> Table:
    """Runs with their numbers, a row each."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("run", overflow="fold")
    table.add_column("status")
    for name in ("epochs", "val_accuracy", "best", "test_accuracy", "test_loss"):
        table.add_column(name, justify="right")
    table.add_column("time", justify="right")
    for run in runs:
        table.add_row(*_row(run))
    return table


def _row(run: Run) -> list[Text]:
    final, best = run.results.get("final", {}), run.results.get("best", {})
    words = [run.path.name, run.status, f"{final.get('epoch', 0):g}" if final else ""]
    words += [_four(final.get("val_accuracy")), _four(best.get("val_accuracy"))]
    words += [_four(final.get("test_accuracy")), _four(final.get("test_loss"))]
    words.append(duration(run.record["wall_seconds"]) if "wall_seconds" in run.record else "")
    return [Text(word, style=STYLES.get(run.status, "") if i == 1 else "") for i, word in enumerate(words)]


def _four(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else ""
