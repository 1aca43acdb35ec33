"""A row of the matrix: how often it is tried, quickly and in full, and what came out.

    @row(4, "8 processes on one run directory", quick=5, full=100)
    def test_one_writer(cases: Cases, tmp_path: Path) -> None:
        for _ in cases:
            cases.hold(owners == 1, f"{owners} owners")

The quick form runs with every suite, the full one under `pytest -m torture`, which prints the table.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest


class Cases:
    """Counts what is tried and what fails, so that one failure does not hide how many there are."""

    def __init__(self, number: int, title: str, count: int) -> None:
        self.number, self.title, self.count = number, title, count
        self.tried = 0
        self.failures: list[str] = []

    def __iter__(self) -> Iterator[int]:
        """The numbers of the cases, each counted as tried; an exception in one is the test's own, at once."""
        for i in range(self.count):
            self.tried += 1
            yield i

    def hold(self, holds: object, message: str) -> None:
        """Note a failure unless something holds."""
        if not holds:
            self.failures.append(f"case {self.tried}: {message}")

    @contextlib.contextmanager
    def one(self, what: object = "") -> Iterator[None]:
        """A case whose number is not known beforehand: counted, and its failing assertion is noted."""
        self.tried += 1
        try:
            yield
        except Exception as error:
            self.failures.append(f"{what}: {type(error).__name__}: {error}")


def row(
    number: int, title: str, quick: int, full: int, slow: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a test a row of the matrix: `cases.count` is `quick`, and under `-m torture` it is `full`.

    `slow` is the quick form of a row that is too long for each suite; CI has it.
    """

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        forms = [
            pytest.param(Cases(number, title, quick), id=f"{quick}", marks=[pytest.mark.slow] * slow),
            pytest.param(Cases(number, title, full), id=f"{full}-in-full", marks=pytest.mark.torture),
        ]
        return pytest.mark.parametrize("cases", forms)(pytest.mark.matrix(test))

    return decorate
