"""Runs into trackers while others train: in a process for each tracker, which nobody waits for before the end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from actlab.show.trackers import check_installed
from actlab.signals import Signals

POLL_SECONDS = 0.1


class Tracking:
    """Gives the runs of a sweep to trackers as they end. Whatever becomes of a tracker, the runs stay as they are.

    Args:
        asked: NAME or NAME=PLACE each, as `--log` has them.

    Raises:
        ActlabError: one is not installed.
        UnknownName: there is no such tracker.
    """

    def __init__(self, asked: Sequence[str]) -> None:
        names = [(name, place) for name, _, place in (text.partition("=") for text in dict.fromkeys(asked))]
        for name, _ in names:
            check_installed(name)
        self._writers = [_Writer(name, place) for name, place in names]

    def update(self, runs: Iterable[Path]) -> None:
        """Give on what has ended since the last call; returns at once."""
        paths = list(runs)
        for writer in self._writers:
            writer.update(paths)

    def finish(self, runs: Iterable[Path], signals: Signals) -> list[str]:
        """Give on the last ones, and wait until all are written, or until a signal comes.

        Returns:
            what could not be written, a line a tracker: why, and the command that makes up for it.
        """
        self.update(runs)
        return [line for writer in self._writers for line in writer.finish(signals)]


class _Writer:
    """`actlab export NAME -`, which reads from a pipe what it has to write: it ends when we do."""

    def __init__(self, name: str, place: str) -> None:
        self.name, self.to = name, ["-o", place] if place else []
        self.seen: dict[Path, None] = {}
        self.pending = b""
        self.process: subprocess.Popen[bytes] | None = None
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 as long as the process

    def update(self, runs: Sequence[Path]) -> None:
        """Give on as much as the pipe takes: a tracker that hangs must not hold up a training."""
        fresh = dict.fromkeys(path for path in runs if path not in self.seen)
        self.seen |= fresh
        self.pending += b"".join(os.fsencode(path.resolve()) + b"\n" for path in fresh)
        if self.pending and self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "actlab", "export", self.name, "-", *self.to],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self.output, start_new_session=True,
            )  # fmt: skip
            assert self.process.stdin
            os.set_blocking(self.process.stdin.fileno(), False)
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, self.process.pid, 10)
        while self.pending and self.process and self.process.stdin:
            try:
                self.pending = self.pending[os.write(self.process.stdin.fileno(), self.pending) :]
            except BlockingIOError:
                break
            except BrokenPipeError:  # it has ended, and says why
                self.pending = b""

    def finish(self, signals: Signals) -> list[str]:
        while self.process and self.process.poll() is None and not signals.count:
            self.update([])
            if not self.pending and self.process.stdin and not self.process.stdin.closed:
                self.process.stdin.close()
            time.sleep(POLL_SECONDS)
        if self.process is None or self.process.poll() == 0:
            return []
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.seek(0)
        lines = self.output.read().decode(errors="replace").split("\n")
        why = "stopped" if signals.count else next((line for line in lines if line.startswith(f"{self.name}: ")), "")
        why = why.removeprefix(f"{self.name}: ") or f"its process ended with {self.process.returncode}"
        folders = dict.fromkeys(path.parent for path in self.seen)
        again = " ".join(["actlab export", self.name, *map(str, folders), *self.to])
        return [f"not logged to {self.name}: {why}; when that is mended: {again}"]
