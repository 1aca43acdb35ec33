"""Problems of one config file, each at its place in the file or on the command line."""

from __future__ import annotations

from actlab.errors import ConfigError, Problem
from actlab.spec import yaml
from actlab.spec.config import problem
from actlab.spec.part import Path


class Reader:
    """Collects the problems of one file, each at its place."""

    def __init__(self, document: yaml.Document, overrides: dict[Path, str]) -> None:
        self.document, self.overrides = document, overrides
        self.problems: list[Problem] = []

    def wrong(self, path: Path, message: str, named: Path | None = None) -> None:
        """Note a problem at a path of the file; `named` is how the message calls it, if not by that path."""
        named = path if named is None else named
        unknown_key = message.startswith("unknown key")
        named = named[:-1] if unknown_key else named
        if said := self._said(path):
            self.problems.append(problem(f"--set {said}", (0, 0), named, message))
            return
        place = self.document.key_place(path) if unknown_key else self.document.place(path)
        self.problems.append(problem(self.document.file, place, named, message))

    def _said(self, path: Path) -> str | None:
        """What the command line said of a path: of what holds it, or, where the file has no such key, within it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.overrides:
                return self.overrides[path[:length]]
        if not path or path in self.document.positions:
            return None
        return next((said for where, said in self.overrides.items() if where[: len(path)] == path), None)

    def raise_if_any(self) -> None:
        if self.problems:
            raise ConfigError(self.problems)
