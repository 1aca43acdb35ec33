"""`actlab watch`: the report in a browser, made anew as the runs go on."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path

from rich.text import Text

from actlab.commands.output import console
from actlab.show.watch import Watch


def watch(paths: list[Path], port: int, browser: bool) -> int:
    """Serve the report until Ctrl-C; returns the exit code."""
    talk = console()
    with Watch(paths, port) as served:
        talk.print(Text(f"watching: {served.address} (this machine only; Ctrl-C ends it)"), soft_wrap=True)
        if browser and _has_screen():
            webbrowser.open(served.address)
        try:
            served.wait()
        except KeyboardInterrupt:
            talk.print(Text("stopped watching; `actlab report` writes the page into a file"))
            return 130
    return 0


def _has_screen() -> bool:
    """Whether a browser would open in a window of its own, not in this terminal."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
