"""A comparison as plain text and lists, for tests that compare it."""

from __future__ import annotations

from typing import Any

from actlab.show import words
from actlab.study.judge import Comparison


def beside(comparison: Comparison) -> dict[str, list[str]]:
    """Condition to what stands beside its verdict, as a person reads it."""
    return {result.name: [words.note(note) for note in result.beside] for result in comparison.results}


def notes(comparison: Comparison) -> list[str]:
    """The notes on the table, as a person reads them."""
    return [words.note(note, comparison.metric) for note in comparison.notes]


def baselines(comparison: Comparison) -> dict[str, str]:
    """Condition to its baseline."""
    return {result.name: result.baseline for result in comparison.results if result.baseline}


def column(comparison: Comparison, name: str) -> list[Any]:
    """A column of the table."""
    return comparison.table()[name].tolist()  # type: ignore[no-any-return]
