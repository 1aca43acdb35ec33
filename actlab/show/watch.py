"""The report served to a browser of this machine, made anew when run directories change.

Two addresses answer, `/` and `/version`, to GET, on the loopback interface. The Host header must name it: a page of
some other site, whose name an attacker lets point to this machine, gets nothing.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from actlab.errors import ActlabError
from actlab.run.folder import EXPERIMENT, HISTORY, LAYERS, RECORD
from actlab.show import report
from actlab.show.report.current import Pace, load

LOOPBACK = "127.0.0.1"
LOOK_SECONDS = 1.0  # between two looks at the run directories
PAUSE_SECONDS = 2.0  # between two pages, at the least
PATIENCE_SECONDS = 10.0  # between two pages, at the most, unless they take seconds themselves
SEEN = (RECORD, HISTORY, LAYERS)
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Watch:
    """A report that follows its runs, at an address of this machine.

    Args:
        paths: run directories, experiment directories, and their parents.
        port: 0 takes a free one.

    Raises:
        ActlabError: the port is taken.
    """

    def __init__(self, paths: Sequence[Path], port: int = 0) -> None:
        self.paths = list(paths)
        self.shown = ("", b"")  # the version of the page and the page, replaced as one
        self.state: tuple[Any, ...] | None = None
        self.pace = Pace(PAUSE_SECONDS, patience_seconds=PATIENCE_SECONDS)
        self.ended = threading.Event()
        self.server = _bound(port, self)
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self._follow, self._serve)]

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.server.server_port}/"

    def __enter__(self) -> Watch:
        self.refresh()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        for thread in self.threads:
            thread.join()

    def wait(self) -> None:
        """Until the watch is ended by somebody else."""
        self.ended.wait()

    def refresh(self) -> None:
        """Make the page anew if a run has changed since the last one."""
        state = _state(self.paths)
        if state != self.state:
            self.state = state
            version = hashlib.sha256(repr(state).encode()).hexdigest()[:16]
            load()
            with self.pace.measured():
                self.shown = (version, self._made(version).encode())

    def _made(self, version: str) -> str:
        try:
            return report.report(self.paths, version=version)
        except Exception as error:  # a page that cannot be made is told, and tried again when something changes
            said = str(error) if isinstance(error, ActlabError) else f"{type(error).__name__}: {error}"
            return report.nothing_yet(said, version)

    def _follow(self) -> None:
        while not self.ended.wait(LOOK_SECONDS):
            if self.pace.due:
                self.refresh()

    def _serve(self) -> None:
        self.server.serve_forever(poll_interval=0.1)


def _state(paths: Sequence[Path]) -> tuple[Any, ...]:
    """Names, sizes and times of all that a page is made of."""
    folders = [Path(path) for path in paths]
    patterns = [pattern for name in SEEN for pattern in (name, f"*/{name}", f"*/*/{name}")]
    patterns += [EXPERIMENT, f"*/{EXPERIMENT}"]
    found = {file for folder in folders for pattern in patterns for file in folder.glob(pattern)}
    return tuple(sorted(filter(None, map(_stamp, found))))


def _stamp(file: Path) -> tuple[str, int, int] | None:
    try:
        seen = file.stat()
    except OSError:  # gone since it was listed
        return None
    return str(file), seen.st_size, seen.st_mtime_ns


def _bound(port: int, watch: Watch) -> ThreadingHTTPServer:
    class Handler(_Handler):
        served = watch

    try:
        return _Server((LOOPBACK, port), Handler)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ActlabError(
            f"--port {port}: cannot be used: {why}; give another one, or leave it out for a free one"
        ) from None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False  # two watches must not share a port

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    served: Watch
    server_version, sys_version = "actlab", ""
    timeout = 30

    def do_GET(self) -> None:
        port = self.served.server.server_port
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            self._answer(HTTPStatus.FORBIDDEN, "text/plain", b"this address is for a browser of this machine\n")
        elif self.path == "/":
            self._answer(HTTPStatus.OK, "text/html", self.served.shown[1])
        elif self.path == "/version":
            self._answer(HTTPStatus.OK, "text/plain", self.served.shown[0].encode())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there is only /\n")

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {
            **HEADERS,
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Length": str(len(body)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for the person who watches."""
