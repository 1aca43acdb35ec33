"""What Ctrl-C, `kill` and a closed terminal do to a command: it ends with 128 + their number, without a traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

RESUME = "the same command goes on from the last checkpoints"


class Signals:
    """SIGINT, SIGTERM and SIGHUP, within: the first is noted, or ends the command; the second ends it at once.

    Args:
        orderly: whether whoever opened it looks at `count` often, and ends in good order; otherwise the first signal
            raises `SystemExit`, and what swallows that is given a second.
    """

    numbers: tuple[signal.Signals, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, orderly: bool = True) -> None:
        self.orderly = orderly
        self.received: int | None = None
        self.count = 0

    def __enter__(self) -> Signals:
        self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]
        self._before = {}
        for number in self.numbers:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` sets it
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.received and not self.orderly:  # whatever the SystemExit has become on its way
            sys.exit(128 + self.received)

    def _note(self, number: int, frame: Any) -> None:
        self.received = self.received or number
        self.count += 1
        if number == signal.SIGHUP:  # to write to a terminal that is gone would be an error
            for stream in self._terminals:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        if self.count > 1:
            self._end()
        elif not self.orderly:
            if "run" in sys.argv[1:]:
                os.write(2, f"stopped; {RESUME}\n".encode())
            sys.unraisablehook = lambda _: None  # where nothing can be raised, Python would print what was
            last = threading.Timer(1.0, os._exit, (128 + self.received,))
            last.daemon = True
            last.start()
            raise SystemExit(128 + self.received)

    def _end(self) -> None:
        kill_workers()
        if self._terminals and self.orderly:
            os.write(self._terminals[0], b"\n\x1b[?25h")  # the display has hidden the cursor, and has no time to go
        if self.orderly:
            os.write(2, f"stopped at once; {RESUME}\n".encode())
        os._exit(128 + (self.received or 0))


class Interrupts(Signals):
    """Ctrl-C in a Python session, whose process is not ours to end: noted, and the second raises `KeyboardInterrupt`.

    Python takes signals in its main thread only; in another one nothing is noted.
    """

    numbers: tuple[signal.Signals, ...] = (signal.SIGINT,)

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            self.numbers = ()
        super().__enter__()
        return self

    def _end(self) -> None:
        kill_workers()
        raise KeyboardInterrupt


def kill_workers() -> None:
    """End every child process at once. Workers hold nothing: what they had is in run directories."""
    if multiprocessing := sys.modules.get("multiprocessing"):
        for process in multiprocessing.active_children():
            process.kill()
