"""A page kept current while runs train: in a file beside them, or served to a browser of this machine.

The page itself asks for the next one: it bids the browser to load it again after some seconds.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from actlab.errors import ActlabError
from actlab.runs.folder import EXPERIMENT, HISTORY, LAYERS, RECORD
from actlab.show.page import report

REFRESH_SECONDS = 10
SHARE = 0.05  # of one core that making pages may take from a sweep
WATCHED_SHARE = 0.2  # where somebody waits for them
LOOPBACK = "127.0.0.1"
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class CurrentReport:
    """Keeps the page of an experiment current while it trains, in a thread of low priority.

    It writes nothing but the page. Where it cannot, the sweep goes on, and `problem` says why.

    Args:
        folder: of the experiment.
        path: of the page.
    """

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder, self.path = folder, path
        self.problem = ""
        self._shown, self._next = 0, time.monotonic()
        self._thread: threading.Thread | None = None

    def update(self, ended: int) -> None:
        """Make a page if more runs have ended than the last one shows, and it is time for one; returns at once."""
        busy = self._thread is not None and self._thread.is_alive()
        if ended > self._shown and not busy and time.monotonic() >= self._next:
            self._shown = ended
            self._thread = threading.Thread(target=self._make_quietly, name="report", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Make the last page, which browsers need not load again."""
        if self._thread is not None:
            self._thread.join()
        self._make(refresh=0)

    def _make_quietly(self) -> None:
        with contextlib.suppress(AttributeError, OSError):  # Linux alone gives threads priorities of their own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        began, computed = time.monotonic(), time.thread_time()
        self._make(REFRESH_SECONDS)
        self._next = began + max(REFRESH_SECONDS, (time.thread_time() - computed) / SHARE)

    def _make(self, refresh: int) -> None:
        try:
            report.write([self.folder], self.path, refresh=refresh)
            self.problem = ""
        except Exception as error:  # whatever is wrong with a page, a sweep is worth more
            self.problem = f"{self.path}: cannot be made: {error}"


class Watch(ThreadingHTTPServer):
    """A server of one page, which it makes anew when runs have changed.

    `/` answers to GET, on the loopback interface. The Host header must name it: a page of some other site, whose name
    an attacker lets point to this machine, gets nothing.

    Args:
        paths: run directories, experiment directories, and their parents.
        port: 0 takes a free one.

    Raises:
        ActlabError: the port is taken.
    """

    daemon_threads, allow_reuse_address = True, False  # two watches must not share a port

    def __init__(self, paths: Sequence[Path], port: int = 0) -> None:
        self.paths = list(paths)
        self._lock, self._page, self._next = threading.Lock(), b"", time.monotonic()
        self._state: dict[Path, tuple[int, int]] | None = None  # of the runs, when the page was made
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise ActlabError(
                f"--port {port}: cannot be used: {why}; give another one, or leave it out for a free one"
            ) from None

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}/"

    def page(self) -> bytes:
        """The page; made anew where a run has changed since, unless that would take too much of a core."""
        with self._lock:
            state = _state(self.paths)
            if state != self._state and time.monotonic() >= self._next:
                began, refresh = time.monotonic(), REFRESH_SECONDS
                try:
                    self._page = report.text(self.paths, refresh=refresh).encode()
                except Exception as error:  # a page that cannot be made says so, and is tried again at the next change
                    name = "" if isinstance(error, ActlabError) else f"{type(error).__name__}: "
                    self._page = report.nothing_yet(f"{name}{error}", refresh).encode()
                self._state, now = state, time.monotonic()
                self._next = now + (now - began) / WATCHED_SHARE
            return self._page

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no news."""


def _state(paths: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """Sizes and times of all that a page is made of."""
    patterns = [f"{above}{name}" for name in (RECORD, HISTORY, LAYERS, EXPERIMENT) for above in ("", "*/", "*/*/")]
    found = {}
    for file in (file for path in paths for pattern in patterns for file in path.glob(pattern)):
        with contextlib.suppress(OSError):  # gone since it was listed
            seen = file.stat()
            found[file] = seen.st_size, seen.st_mtime_ns
    return found


class _Handler(BaseHTTPRequestHandler):
    server: Watch
    server_version, sys_version = "actlab", ""
    timeout = 30

    def do_GET(self) -> None:
        port = self.server.server_port
        status, kind, body = HTTPStatus.OK, "text/html", b""
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            status, kind, body = HTTPStatus.FORBIDDEN, "text/plain", b"this address is for a browser of this machine\n"
        elif self.path != "/":
            status, kind, body = HTTPStatus.NOT_FOUND, "text/plain", b"there is only /\n"
        else:
            body = self.server.page()
        self.send_response(status)
        length = {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body))}
        for name, value in {**HEADERS, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for the person who watches."""
