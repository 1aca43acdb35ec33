"""What can go wrong, said to a person.

ActlabError                 anything a user can cause or must know; the command line prints it without a traceback
├── ConfigError             a config file or a command line is wrong: a list of problems, each with its place
├── UnknownName             a name that no registry has; knows the nearest ones
├── FormulaError            an activation formula that is not allowed or not well formed; knows its column
├── PluginError             own parts that cannot be loaded, with file and line; or are needed, and are not
├── DatasetError            a dataset that cannot be had, or is damaged
├── DeviceError             a device that this machine does not have
├── RunDirError             a run directory that cannot be read or written
│   └── RunLocked           another process is writing it
└── Diverged                loss or weights became NaN or infinite
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass


class ActlabError(Exception):
    """Base of every error that is shown to the user as one message."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a config: the place, and a sentence that says what and what to do.

    What is no line of a file, such as an option of the command line, is line 0 and column 0.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        return f"{self.file}{place}: {self.message}"


class ConfigError(ActlabError):
    """All that is wrong in a config, sorted by place."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


class UnknownName(ActlabError):
    """A name that is not registered.

    Args:
        kind: what was looked for, in the singular ("activation").
        name: what was read.
        known: every registered name.
        also: other names that are understood, and may be meant.
    """

    def __init__(self, kind: str, name: str, known: Collection[str], also: Collection[str] = ()) -> None:
        self.kind, self.name, self.known, self.nearest = kind, name, list(known), nearest(name, [*known, *also])
        super().__init__(f"unknown {kind} {name!r}; {suggestion(name, [*known, *also]) or listing(known)}")


def nearest(name: str, known: Collection[str]) -> list[str]:
    """Up to three known names that resemble `name`, best first; whatever a file has in its place resembles none."""
    lower = str(name).lower()
    close = difflib.get_close_matches(lower, known, n=3, cutoff=0.6)
    return close or [k for k in sorted(known) if len(lower) > 2 and (lower in k or k in lower)][:3]


def suggestion(name: str, known: Collection[str]) -> str:
    """ "did you mean 'relu'?", as a message ends; empty where no known name is near."""
    close = nearest(name, known)
    return f"did you mean {close[0]!r}?" if close else ""


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 run", "2 runs", "2 copies"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def listing(known: Collection[str]) -> str:
    """ "known: elu, relu", as a message ends where no name is near."""
    return f"known: {', '.join(known) or 'none'}"


class FormulaError(ActlabError):
    """A formula that is refused.

    Args:
        message: why, and what is allowed instead.
        column: 1-based place in the formula's text.
    """

    def __init__(self, message: str, column: int = 1) -> None:
        self.column = column
        super().__init__(f"{message} (at character {column})")


class PluginError(ActlabError): ...


class DatasetError(ActlabError): ...


class DeviceError(ActlabError): ...


class RunDirError(ActlabError): ...


class RunLocked(RunDirError): ...


class Diverged(ActlabError):
    """Training that cannot go on: loss or weights are NaN or infinite.

    Args:
        step: the first step after which this was seen.
        what: which number it was.
    """

    def __init__(self, step: int, what: str) -> None:
        self.step = step
        super().__init__(f"{what} is not finite at step {step}")
