"""What a person sees while runs train: bars in a terminal, lines in a log.

Where the trainings stand is read from their run directories; nothing is passed between processes but files.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from actlab.errors import RunDirError
from actlab.run.executors.worker import Outcome
from actlab.run.fitted import Column, FittedTable
from actlab.run.folder import clear_progress, read_progress, write_progress
from actlab.run.forecast import Forecast, TimeLeft
from actlab.run.record import Run
from actlab.run.training import Job

LINE_SECONDS = 30.0  # between two lines about a training where there is no terminal
STYLES = {"done": "green", "failed": "red", "diverged": "yellow", "interrupted": "magenta", "running": "cyan"}


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
        self.console, self.total, self.folder = console, len(jobs), folder
        self.time_left = TimeLeft(jobs, workers, forecast)
        self.seen: set[Path] = set()
        self.lines: dict[Path, float] = {}
        self.board = _Board()
        live = Live(self.board, console=console, transient=True, refresh_per_second=5)
        self.live = live if console.is_terminal else None

    def __enter__(self) -> Display:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()
        if self.folder:
            clear_progress(self.folder)

    def update(self, running: list[Job], outcomes: dict[Path, Outcome]) -> None:
        """Show what is being trained and what has ended since the last call."""
        for path, outcome in outcomes.items():
            if path not in self.seen:
                self.seen.add(path)
                self._ended(path, outcome)
        standing = [
            (job, _Standing(_printable(job.label), read_progress(job.path)))
            for job in running if job.path not in outcomes
        ]  # fmt: skip
        if not self.live:
            for job, now in standing:
                self._line(job, now)
        self._reckon(standing, outcomes)
        self.board.show([now for _, now in standing], outcomes, self.total, self.time_left.seconds)

    def _reckon(self, standing: list[tuple[Job, _Standing]], outcomes: dict[Path, Outcome]) -> None:
        """Bring the time left up to date, and tell it to other processes."""
        ended = {path: outcome.status for path, outcome in outcomes.items()}
        anew = self.time_left.update([(job, one.now) for job, one in standing], ended)
        if anew and self.folder and self.time_left.seconds is not None:
            write_progress(self.folder, {"seconds_left": self.time_left.seconds, "unix_time": time.time()})

    def _line(self, job: Job, now: _Standing) -> None:
        """Say now and then where a training stands."""
        if not now.part or time.monotonic() - self.lines.setdefault(job.path, time.monotonic()) <= LINE_SECONDS:
            return
        self.lines[job.path] = time.monotonic()
        self.console.print(Text(f"{job.label}: {now.part:.0%}, {numbers(now.now)}"))

    def _ended(self, path: Path, outcome: Outcome) -> None:
        if outcome.status == "interrupted":
            return  # a sweep that is stopped has hundreds of these
        words = Text(f"{outcome.status:9}", style=STYLES.get(outcome.status, ""))
        self.console.print(words + Text(f"{path.name}  {outcome.reason or _result(path)}"))


# --- the board -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Standing:
    """Where a training stands: its label and its progress.json."""

    label: str
    now: dict[str, Any]

    @property
    def part(self) -> float:
        return part_done(self.now)

    @property
    def epoch(self) -> str:
        """The epoch that is trained, of how many."""
        if not self.now.get("steps_per_epoch"):
            return ""
        last = math.ceil(self.now["total_steps"] / self.now["steps_per_epoch"])
        return f"{min(int(self.now['step'] / self.now['steps_per_epoch']) + 1, last)}/{last}"

    @property
    def left(self) -> str:
        seconds = self.now.get("wall_seconds") or 0.0
        return clock(seconds / self.part * (1 - self.part)) if self.part > 0.02 else ""

    def number(self, key: str, form: str) -> str:
        value = self.now.get(key)
        return format(value, form) if isinstance(value, int | float) and self.now.get("total_steps") else ""

    def bar(self, width: int, signs: str) -> str:
        return bar(self.part, width, signs) if self.now.get("total_steps") else "starting"[:width]


def _printable(label: str) -> str:
    """A label without control characters: the board is drawn past the console's own care for them."""
    return "".join(sign if sign.isprintable() else "?" for sign in label)


class _Board:
    """What trains now, a line each under a header, and a line for all runs; what has room depends on the width."""

    def __init__(self) -> None:
        # replaced as a whole: rich reads it from a thread of its own
        self.shown: tuple[list[_Standing], dict[str, int], int, float | None] = ([], {}, 0, None)

    def show(
        self, standing: list[_Standing], outcomes: dict[Path, Outcome], total: int, seconds_left: float | None
    ) -> None:
        self.shown = (standing, count(outcomes), total, seconds_left)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        standing, counts, total, seconds_left = self.shown
        signs = "#-" if options.ascii_only else "━─"
        room = max(1, console.size.height - 6)
        if standing:
            yield FittedTable(_columns(standing[:room], signs), NAME_ROOM, one_line=True, tells=False)
        if len(standing) > room:
            yield Text(f"and {len(standing) - room} more")
        if total > 1:
            yield _all_runs(sum(now.part for now in standing), counts, total, seconds_left, options.max_width, signs)


NAME_ROOM = 16
BARS = (20, 8)  # characters, in a wide terminal and in a narrow one


def _columns(standing: list[_Standing], signs: str) -> list[Column]:
    """Numbers keep one width: a table that changes its columns while one reads it is hard to read."""
    wide, narrow = ([now.bar(width, signs).ljust(width) for now in standing] for width in BARS)
    return [
        Column("run", [now.label for now in standing], folds=True, right=False),
        Column("", wide, short_cells=narrow, right=False, style=lambda _: STYLES["running"]),
        Column("epoch", [now.epoch.rjust(5) for now in standing]),
        Column("loss", [now.number("loss", ".4f").rjust(6) for now in standing], drop=1),
        Column("accuracy", [now.number("accuracy", ".4f") for now in standing], short="acc".rjust(6), drop=2),
        Column("val_accuracy", [now.number("val_accuracy", ".4f") for now in standing], short="val acc"),
        Column("images/s", [now.number("images_per_second", ",.0f").rjust(8) for now in standing], drop=3),
        Column("left", [now.left.rjust(7) for now in standing]),
    ]


def _all_runs(
    training: float, counts: dict[str, int], total: int, seconds_left: float | None, room: int, signs: str
) -> Text:
    ended = sum(counts.values())
    words = [f"all runs: {ended} of {total}", in_words(counts) if counts else ""]
    words.append(f"{clock(seconds_left)} left" if seconds_left is not None else "")
    text = "  ".join(word for word in words if word)
    width = min(BARS[0], room - len(text) - 2)
    if width >= BARS[1]:
        text = f"{text}  {bar((ended + training) / total, width, signs)}"
    return Text(text, style="bold", no_wrap=True, overflow="crop")


def bar(part: float, width: int, signs: str) -> str:
    """A bar of so many characters, of the sign for what is done and that for the rest."""
    filled = min(width, max(0, round(part * width)))
    return signs[0] * filled + signs[1] * (width - filled)


def clock(seconds: float) -> str:
    """Seconds as a clock says them: 0:07, 12:30, 2:05:10."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


# --- words -----------------------------------------------------------------------------------------------------


def part_done(now: dict[str, Any]) -> float:
    """Which part of its steps a training has taken, 0 to 1."""
    return float(now["step"] / now["total_steps"]) if now.get("total_steps") else 0.0


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
