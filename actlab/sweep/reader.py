"""Problems of one config file, each at its place in the file or on the command line."""

from __future__ import annotations

from actlab import yamlio
from actlab.config import problem
from actlab.errors import ConfigError, Problem
from actlab.parts import Path


class Reader:
    """Collects the problems of one file, each at its place."""

    def __init__(self, document: yamlio.Document, overrides: dict[Path, str]) -> None:
        self.document, self.overrides = document, overrides
        self.problems: list[Problem] = []

    def wrong(self, path: Path, message: str, named: Path | None = None) -> None:
        """Note a problem at a path of the file; `named` is how the message calls it, if not by that path."""
        named = path if named is None else named
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                self.problems.append(problem(f"--set {self.overrides[path[:length]]}", (1, 1), named, message))
                return
        unknown_key = message.startswith("unknown key")
        place = self.document.key_place(path) if unknown_key else self.document.place(path)
        self.problems.append(problem(self.document.file, place, named[:-1] if unknown_key else named, message))

    def raise_if_any(self) -> None:
        if self.problems:
            raise ConfigError(self.problems)
