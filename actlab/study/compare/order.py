"""Runs in the order in which their experiments planned them, not in that of their folders' names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actlab.errors import ConfigError
from actlab.run.folder import EXPERIMENT, overrides_of
from actlab.run.record import Run
from actlab.spec.plan import read as read_plan


def in_plan_order(runs: Sequence[Run]) -> list[Run]:
    """Runs of one experiment after the other, each in the order of its config file where that is known.

    Runs that no plan knows keep their order, after those that one does.
    """
    ranks = {folder: _ranks(folder / EXPERIMENT) for folder in dict.fromkeys(run.path.parent for run in runs)}
    folders = list(ranks)

    def place(run: Run) -> tuple[int, int]:
        known = ranks[run.path.parent]
        return folders.index(run.path.parent), known.get(run.hash, known.get(run.label, len(known)))

    return sorted(runs, key=place)


def _ranks(path: Path) -> dict[str, int]:
    """Hash and label of every run of a plan to its number; a run on a stand-in has the label only in common."""
    try:
        text = path.read_text()
        overrides = overrides_of(text)
        planned = read_plan(path, overrides).runs
    except (OSError, UnicodeError, ConfigError):  # of another version, or made by hand: any order is right
        return {}
    ranks: dict[str, int] = {}
    for rank, (label, config) in enumerate(planned):
        ranks.setdefault(label, rank)
        ranks[config.hash] = rank
    return ranks
