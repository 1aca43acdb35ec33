"""Consoles: answers go to stdout, everything else to stderr; names from files cannot drive the terminal."""

from __future__ import annotations

import os

from rich.console import Console


def console(stderr: bool = False) -> Console:
    """A console that prints text as it is: no markup, no emoji, no guessed highlighting."""
    piped_width = None if os.environ.get("COLUMNS") else 160  # a file has no width of its own; do not fold at 80
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal and piped_width:
        made = Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=piped_width)
    return made


def fit(text: str, width: int) -> str:
    """Text cut to a width, with dots where it was cut."""
    return text if len(text) <= width else f"{text[: width - 3]}..."
