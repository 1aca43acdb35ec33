"""What a worker is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actlab.parts.datasets import Prepared
from actlab.registry import Plugin
from actlab.spec.config import RunConfig

Finish = Callable[[Path, str, str], list[str]]
"""Draws a run whose tables are complete: run directory, title, and a note that nobody may overlook, or ""; returns the
names of files that could not be drawn."""


@dataclass(frozen=True)
class Job:
    """One training that is to be done.

    Args:
        config: what to train; its dataset is the one that was prepared.
        label: how people call it.
        path: the run directory, which exists.
        dataset: where the images lie.
        device: "cpu" or "gpu".
        threads: how many the worker uses; part of the record, since float sums depend on it.
        checkpoint_seconds: at most about this much work is lost by a crash.
        plan_index: its place among the runs of its experiment, from 0; None where it is part of none.
        overrides: what the command line changed of the config file, `dotted.path=value` each.
        plugins: those of which the config has a part, and no others: the worker loads them.
    """

    config: RunConfig
    label: str
    path: Path
    dataset: Prepared
    device: str
    threads: int
    checkpoint_seconds: float = 30.0
    plan_index: int | None = None
    overrides: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()

    @property
    def identity(self) -> dict[str, Any]:
        """What run.json says of a run before anything is known of its training."""
        plugins = [{"name": plugin.name, "sha256": plugin.sha256} for plugin in self.plugins]
        return {
            "label": self.label, "hash": self.config.hash, "config": self.config.canonical(),
            **self.placed,
            **({"plugins": plugins} if plugins else {}),
        }  # fmt: skip

    @property
    def placed(self) -> dict[str, Any]:
        """What is no part of a run and may change later: its place in the plan, and where own data lies."""
        own = {"data_path": self.dataset.origin} if "content" in self.config.dataset.parameters else {}
        return {"plan_index": self.plan_index, "overrides": list(self.overrides), **own}


@dataclass(frozen=True)
class Outcome:
    """How one attempt at a training ended.

    Args:
        status: done, diverged, failed, interrupted; or running, by another process.
        reason: why, unless it is done.
    """

    status: str
    reason: str = ""
