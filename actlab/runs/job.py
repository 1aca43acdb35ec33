"""What a worker is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actlab.parts.datasets import Prepared
from actlab.registry import Plugin
from actlab.spec.config import RunConfig

Finish = Callable[[Path], list[str]]
"""Draws a run whose tables are complete, in its directory; returns the names of files that could not be drawn."""


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
        together: further runs that are trained in lock step with this one, by the same worker.
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
    together: tuple[Job, ...] = ()

    @property
    def group(self) -> tuple[Job, ...]:
        """This run, and those that are trained with it."""
        return (replace(self, together=()), *self.together)

    def moved(self, changes: Callable[[Job], Mapping[str, Any]]) -> Job:
        """The same group, as another machine finds it.

        Args:
            changes: of a run to what is elsewhere there, `path` or `dataset`.
        """
        first, *others = (replace(one, **changes(one)) for one in self.group)
        return replace(first, together=tuple(others))

    @property
    def engine(self) -> str:
        """What it is computed by, "tensorflow" or "jax": Keras has one backend a process."""
        return self.config.engine or "tensorflow"

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
        together: of the other runs of its group, in their order; none where all of them ended as this one did.
    """

    status: str
    reason: str = ""
    together: tuple[Outcome, ...] = ()

    def of_each(self, job: Job) -> list[tuple[Job, Outcome]]:
        """Each run of the job's group, and how it ended."""
        others = self.together or (self,) * len(job.together)
        return list(zip(job.group, (replace(self, together=()), *others), strict=True))
