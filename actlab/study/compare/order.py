"""Runs in the order in which their experiments planned them, not in that of their folders' names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actlab.errors import ConfigError
from actlab.run.folder import EXPERIMENT, overrides_of
from actlab.run.record import Run
from actlab.spec import yaml
from actlab.spec.config import experiment
from actlab.spec.plan import read as read_plan
from actlab.spec.plan.grids import cells_of
from actlab.spec.plan.overrides import override
from actlab.spec.plan.reader import Reader

MOST_CELLS = 5_000  # a plan is resolved in about a millisecond a cell; the order of a larger one is not worth it


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
        if _cells(text, overrides) > MOST_CELLS:
            return {}
        planned = read_plan(path, overrides).runs
    except (OSError, UnicodeError, ConfigError):  # of another version, or made by hand: any order is right
        return {}
    ranks: dict[str, int] = {}
    for rank, (label, config) in enumerate(planned):
        ranks.setdefault(label, rank)
        ranks[config.hash] = rank
    return ranks


def _cells(text: str, overrides: tuple[str, ...]) -> int:
    """How many runs a plan asks for, without looking at what they are."""
    document = yaml.parse(text.encode(), EXPERIMENT)
    if not isinstance(document.data, dict):
        return 0
    override(document.data, overrides)
    parsed, _ = experiment(document.data, "study")
    return len(cells_of(parsed, Reader(document, {}))[0]) if parsed else 0
