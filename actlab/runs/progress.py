"""What a person sees while runs train: bars in a terminal, lines in a log.

Where the trainings stand is read from their run directories; nothing is passed between processes but files.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from actlab.errors import RunDirError
from actlab.runs.folder import PROGRESS, discard, read_progress, stopped_writer, write_progress
from actlab.runs.forecast import Forecast, TimeLeft
from actlab.runs.job import Job, Outcome
from actlab.runs.record import Run

LINE_SECONDS = 30.0  # between two lines about a training where there is no terminal
STYLES = {"done": "green", "failed": "red", "diverged": "yellow", "interrupted": "magenta", "running": "cyan"}
STOPPED_LOOKS = 15  # about one a second, until a process is said to be stopped: not by a Ctrl-Z that is over
LEAST_LABEL = 8
# header, characters, and from which width of the terminal on; the labels have what is left
COLUMNS = (
    ("", 8, 0), ("epoch", 7, 0), ("loss", 6, 60), ("acc", 6, 80), ("val acc", 7, 0), ("images/s", 8, 80),
    ("left", 7, 0),
)  # fmt: skip


class Display:
    """Shows a sweep while it trains.

    Args:
        console: where to; a line a training and one for all if it is a terminal, lines now and then if not.
        jobs: what is to be trained, in the order in which it is begun; nothing where only one training is shown.
        workers: how many train at a time.
        forecast: what earlier runs tell of the time it takes.
        folder: of the experiment, where `actlab status` finds the time left; None where nobody looks.
    """

    def __init__(
        self, console: Console, jobs: list[Job], workers: int, forecast: Forecast, folder: Path | None = None
    ) -> None:
        self.console, self.folder = console, folder
        self.time_left = TimeLeft(jobs, workers, forecast)
        self.board = Board(console, len(jobs))
        self.reported: set[Path] = set()
        self.lines: dict[Path, float] = {}  # when the last line about a training was printed
        self.stopped = Counter[Path]()  # looks at which the process of a training was stopped

    def __enter__(self) -> Display:
        if self.console.is_terminal:
            self.board.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self.board.stop()
        if self.folder:
            discard(self.folder / PROGRESS)

    def update(self, running: list[Job], outcomes: dict[Path, Outcome]) -> None:
        """Show what is being trained and what has ended since the last call."""
        for path, outcome in outcomes.items():
            if path not in self.reported and outcome.status != "interrupted":  # a sweep that is stopped has hundreds
                status = Text(f"{outcome.status:9}", style=STYLES.get(outcome.status, ""))
                self.console.print(status + Text(f"{path.name}  {outcome.reason or _result(path)}"))
            self.reported.add(path)
        standing = [(job, read_progress(job.path)) for job in running if job.path not in outcomes]
        if not self.console.is_terminal:
            for job, now in standing:
                last = self.lines.setdefault(job.path, time.monotonic())
                if part_done(now) and time.monotonic() - last > LINE_SECONDS:
                    self.lines[job.path] = time.monotonic()
                    self.console.print(Text(f"{job.label}: {part_done(now):.0%}, {numbers(now)}"))
        anew = self.time_left.update(standing, {path: outcome.status for path, outcome in outcomes.items()})
        for job, _ in standing if anew else ():
            pid = stopped_writer(job.path)
            self.stopped[job.path] = self.stopped[job.path] + 1 if pid else 0
            if self.stopped[job.path] == STOPPED_LOOKS:
                self.console.print(Text(f"{job.label}: its process is stopped; to let it go on: kill -CONT {pid}"))
        if anew and self.folder and self.time_left.seconds is not None:
            write_progress(self.folder, {"seconds_left": self.time_left.seconds, "unix_time": time.time()})
        self.board.show(standing, count(outcomes), self.time_left.seconds)


class Board(Live):
    """A line for each training, under a header, and a line for all runs.

    Args:
        console: a terminal; its size decides how much there is to see.
        total: runs of the sweep.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.total, self.overall = total, Text()
        self.standing = list[tuple[Job, dict[str, Any]]]()
        super().__init__(console=console, transient=True, refresh_per_second=5, get_renderable=self.picture)

    def show(self, standing: list[tuple[Job, dict[str, Any]]], counts: dict[str, int], left: float | None) -> None:
        """Replace what is shown.

        Args:
            standing: what trains, and its progress.json.
            counts: status to how many runs ended so.
            left: seconds for all runs; None where nothing tells.
        """
        self.standing = standing
        words = [f"all runs: {sum(counts.values())} of {self.total}", in_words(counts) if counts else ""]
        words.append(f"{clock(left)} left" if left is not None else "")
        self.overall = Text("  ".join(filter(None, words)), style="bold", no_wrap=True, overflow="crop")

    def picture(self) -> RenderableType:
        """The lines of trainings, as many as there is room for, and that of all runs."""
        width, height = self.console.size
        columns = [(header, size) for header, size, least in COLUMNS if width >= least]
        label = max(LEAST_LABEL, width - sum(size + 1 for _, size in columns))
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        for header, size in [("run", label), *columns]:
            side: Literal["left", "right"] = "left" if header in ("run", "") else "right"
            table.add_column(header, width=size, justify=side, no_wrap=True, overflow="crop")
        room = max(1, height - 6)
        for job, now in self.standing[:room]:
            name = "".join(sign if sign.isprintable() else "?" for sign in job.label)  # rich lets some through
            done, total, cells = now.get("step", 0), now.get("total_steps"), _cells(now)
            bar = ProgressBar(total, done, width=8) if total else "starting"
            table.add_row(Text(_cut(name, label)), bar, *(cells[header] for header, _ in columns[1:]))
        more = [Text(f"and {len(self.standing) - room} more")] if len(self.standing) > room else []
        return Group(*([table] if self.standing else []), *more, *([self.overall] if self.total > 1 else []))


def _cells(now: dict[str, Any]) -> dict[str, str]:
    """What the columns say of a training whose progress.json is given, by header."""

    def number(key: str, form: str) -> str:
        value = now.get(key)
        return format(value, form) if isinstance(value, int | float) and now.get("total_steps") else ""

    part, epoch = part_done(now), ""
    if now.get("steps_per_epoch"):
        last = math.ceil(now["total_steps"] / now["steps_per_epoch"])
        epoch = f"{min(int(now['step'] / now['steps_per_epoch']) + 1, last)}/{last}"
    seconds = (now.get("wall_seconds") or 0.0) * now.get("together", 1)  # of a group, each run has its share
    return {
        "epoch": epoch, "loss": number("loss", ".4f"), "acc": number("accuracy", ".2%"),
        "val acc": number("val_accuracy", ".2%"), "images/s": number("images_per_second", ",.0f"),
        "left": clock(seconds / part * (1 - part)) if part > 0.02 else "",
    }  # fmt: skip


def _cut(label: str, width: int) -> str:
    """A label on one line, with dots in its middle: labels differ at their ends."""
    keep = width - 3
    return label if len(label) <= width else f"{label[: keep // 2]}...{label[len(label) - (keep - keep // 2) :]}"


# --- numbers and times -----------------------------------------------------------------------------------------


def part_done(now: dict[str, Any]) -> float:
    """Which part of its steps a training has taken, 0 to 1."""
    return float(now["step"] / now["total_steps"]) if now.get("total_steps") else 0.0


def numbers(now: dict[str, Any]) -> str:
    """Where a training stands: epoch, loss, accuracy, validation accuracy, speed."""
    words = []
    if "epoch" in now or now.get("steps_per_epoch"):
        epoch = max(1, math.ceil(now["step"] / now["steps_per_epoch"])) if now.get("steps_per_epoch") else "?"
        words.append(f"epoch {epoch}")
    shown = (("loss", "loss"), ("accuracy", "accuracy"), ("val_accuracy", "val"))
    words += [
        f"{name} {now[key]:{'.4f' if key == 'loss' else '.2%'}}"
        for key, name in shown
        if isinstance(now.get(key), float)
    ]
    speed = now.get("images_per_second") or 0.0
    return "  ".join([*words, f"{speed:,.0f} images/s"] if speed > 1 else words)


def _result(path: Path) -> str:
    try:
        run = Run(path)
    except RunDirError as error:
        return str(error)
    final, best = run.results.get("final", {}), run.results.get("best", {})
    if not final:
        return str(run.record.get("reason") or "")
    by = (run.config.get("early_stopping") or {}).get("metric", "val_accuracy")  # that may be better elsewhere
    of = "best" if by == "val_accuracy" else f"at the best {by}"
    return (
        f"val_accuracy {final['val_accuracy']:.2%} ({of} {best['val_accuracy']:.2%}), "
        f"test_accuracy {final['test_accuracy']:.2%}, {duration(run.record.get('wall_seconds', 0))}"
    )


def count(outcomes: dict[Path, Outcome]) -> dict[str, int]:
    """Status to how many runs ended so, in a fixed order."""
    found = [outcome.status for outcome in outcomes.values()]
    return {status: found.count(status) for status in STYLES if status in found}


def in_words(counts: dict[str, int]) -> str:
    """ "12 done, 3 skipped, 1 failed" """
    return ", ".join(f"{n} {status}" for status, n in counts.items() if n) or "nothing to do"


def clock(seconds: float) -> str:
    """Seconds as a clock has them: 0:07, 12:30, 2:05:10."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8.2 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def roughly(seconds: float) -> str:
    """Seconds of which not much is known: < 1 min, 26 min, 6 h."""
    if seconds < 60:
        return "< 1 min"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
