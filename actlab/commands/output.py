"""Consoles: answers go to stdout, everything else to stderr; names from files cannot drive the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

NO_WIDTH = 100_000  # of a pipe or a file: nothing is left out or folded there


def console(stderr: bool = False) -> Console:
    """A console that prints text as it is: no markup, no emoji, no guessed highlighting."""
    made = PrintableConsole(stderr=stderr, markup=False, emoji=False, highlight=False)
    if made.is_terminal or os.environ.get("COLUMNS"):
        return made
    return PrintableConsole(stderr=stderr, markup=False, emoji=False, highlight=False, width=NO_WIDTH)


def printable(text: str) -> str:
    """Text without control characters: a name from a file must not drive the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


class PrintableConsole(Console):
    """A console that lets no control character through but its own; rich strips only some of them."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(_Printable(Text(o) if isinstance(o, str) else o) for o in objects), **options)


class _Printable:
    def __init__(self, content: Any) -> None:
        self.content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _clean(console.render(self.content, options))


def _clean(segments: Iterable[Segment]) -> Iterable[Segment]:
    for segment in segments:
        if segment.control or segment.text.replace("\n", "").isprintable():
            yield segment
        else:
            yield Segment(printable(segment.text), segment.style)


def fit(text: str, width: int) -> str:
    """Text cut to a width, with dots where it was cut."""
    return text if len(text) <= width else f"{text[: width - 3]}..."
