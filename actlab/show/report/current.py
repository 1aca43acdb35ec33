"""A page that is kept current: made anew when its runs have changed, and never so often that it would cost a sweep."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from actlab.run.folder import write_bytes
from actlab.show import report

PAUSE_SECONDS = 10.0  # between two pages of a sweep
SHARE = 0.05  # of one core that making pages may take
PATIENT_SHARE = 0.2  # where somebody waits for them
DRAWN_WITH = ("pandas", "scipy.stats", "matplotlib.figure", "matplotlib.backends.backend_svg")


def load() -> None:
    """Import what pages are drawn with, which would else be counted to the first of them."""
    for name in DRAWN_WITH:
        importlib.import_module(name)


class Pace:
    """Says when to make the next page.

    Args:
        pause_seconds: the least between the beginnings of two.
        share: of one core that making them may take.
        patience_seconds: what somebody who looks on may be kept waiting, though pages then take more than `share`; of
            pages that are slow themselves, as long as PATIENT_SHARE allows.
    """

    def __init__(self, pause_seconds: float, share: float = SHARE, patience_seconds: float = math.inf) -> None:
        self.pause_seconds, self.share, self.patience_seconds = pause_seconds, share, patience_seconds
        self.next = time.monotonic()

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Note how much of a core a page takes: the next one waits in proportion.

        What the thread itself computed counts: a page that only waits for a sweep on the same cores costs it nothing.
        """
        began, computed = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            took = time.thread_time() - computed
            patient = max(self.patience_seconds, took / PATIENT_SHARE)
            self.next = began + max(self.pause_seconds, min(took / self.share, patient))

    @property
    def due(self) -> bool:
        return time.monotonic() >= self.next


class CurrentReport:
    """Keeps the page of an experiment current while it trains, in a thread of low priority.

    It writes nothing but the page. Where it cannot, the sweep goes on, and `problem` says why.

    Args:
        folder: of the experiment.
        path: of the page.
        pause_seconds: the least between two pages.
    """

    def __init__(self, folder: Path, path: Path, pause_seconds: float = PAUSE_SECONDS) -> None:
        self.folder, self.path = folder, path
        self.pace = Pace(pause_seconds)
        self.shown = 0
        self.problem = ""
        self.thread: threading.Thread | None = None

    def update(self, ended: int) -> None:
        """Make a page if more runs have ended than the last one shows, and it is time for one; returns at once."""
        busy = self.thread is not None and self.thread.is_alive()
        if ended > self.shown and not busy and self.pace.due:
            self.shown = ended
            self.thread = threading.Thread(target=self._make_quietly, name="report", daemon=True)
            self.thread.start()

    def finish(self) -> None:
        """Make the last page."""
        if self.thread is not None:
            self.thread.join()
        self._make()

    def _make_quietly(self) -> None:
        with contextlib.suppress(AttributeError, OSError):  # Linux alone gives threads priorities of their own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        self._make()

    def _make(self) -> None:
        try:
            load()
            with self.pace.measured():
                write_bytes(self.path, report.report([self.folder]).encode())
            self.problem = ""
        except Exception as error:  # whatever is wrong with a page, a sweep is worth more
            self.problem = f"{self.path}: cannot be made: {error}"
