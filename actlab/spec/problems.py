"""What is wrong with a config: found at a path of the data, told at a place of the file or of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from actlab.errors import ConfigError, Problem
from actlab.spec.yaml import Document, Path

MOST_CHARACTERS = 1_500  # of a message; the longest lists all activations
Kind = Literal["value", "unknown key", "missing", "budget"]


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong in a config.

    Args:
        path: of the value in the data.
        message: what was expected and what was read.
        kind: "unknown key" is about the key and not its value; "missing" and "budget" are about what is not there.
    """

    path: Path
    message: str
    kind: Kind = "value"


class Problems:
    """Collects what is wrong with one file, each at its place.

    Args:
        document: the file.
        overrides: path to what the command line wrote there.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.overrides: dict[Path, str] = {}
        self.found: list[Problem] = []

    def add(self, path: Path, message: str, kind: Kind = "value", named: Path | None = None) -> None:
        """Note an issue at a path; `named` is how the message calls it, if not by that path."""
        named = path if named is None else named
        dotted = ".".join(map(str, named[:-1] if kind == "unknown key" else named))
        sentence = f"{dotted}: {message}" if dotted else message
        # keys and values may be long, or hold what a terminal obeys
        sentence = "".join(c if c.isprintable() else repr(c)[1:-1] for c in sentence[:MOST_CHARACTERS])
        if override := self.override(path):
            self.found.append(Problem(f"--set {override}", 0, 0, sentence))
            return
        place = self.document.key_place(path) if kind == "unknown key" else self.document.place(path)
        self.found.append(Problem(self.document.file, *place, sentence))

    def override(self, path: Path) -> str | None:
        """What the command line wrote at a path: at what holds it, or, where the file has no such key, within it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
        if not path or path in self.document.positions:
            return None
        return next((text for where, text in self.overrides.items() if where[: len(path)] == path), None)

    def raise_if_any(self) -> None:
        if self.found:
            raise ConfigError(self.found)
