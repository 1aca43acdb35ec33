"""Two runs held against each other: what differs in config, data, environment and outcome."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actlab.errors import RunDirError
from actlab.runs.folder import HISTORY, LAYERS, WEIGHTS
from actlab.runs.record import Run
from actlab.spec.config import without_place
from actlab.spec.where import flat

if TYPE_CHECKING:
    import pandas as pd

COMPARED = (HISTORY, LAYERS, WEIGHTS)
Both = tuple[Any, Any]  # the value of the first and of the second run; None where a run has none


@dataclass(frozen=True)
class Row:
    """The first row of two histories that is not the same.

    Args:
        epoch, step: of the evaluation.
        cells: column to its two numbers, where they differ.
    """

    epoch: float
    step: int
    cells: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Difference:
    """What differs between two runs. Times are no difference: no two trainings take the same.

    Args:
        config: dotted key to its two values.
        data: of the dataset, likewise.
        environment: versions, machine, device, threads and code, likewise.
        outcome: status, initial weights, number of evaluations and the bytes of files, likewise.
        parts_at: the first evaluation at which the histories differ; None where all that both have are the same.
        metrics: "final loss" and so on to its two numbers, all of them, the same or not.
        notes: files that are not as their records state, and what nobody can tell.
    """

    config: dict[str, Both]
    data: dict[str, Both]
    environment: dict[str, Both]
    outcome: dict[str, Both]
    parts_at: Row | None
    metrics: dict[str, Both]
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        found = self.config or self.data or self.environment or self.outcome or self.parts_at
        return not found and all(_same(*pair) for pair in self.metrics.values())


def difference(first: Run, second: Run) -> Difference:
    """What differs between two runs, finished or not."""
    runs = first, second
    data = [run.record.get("dataset") or {} for run in runs]
    metrics: dict[str, Both] = {}
    for row in ("final", "best"):
        ours, theirs = (run.results.get(row, {}) for run in runs)
        metrics |= {f"{row} {name}": (ours.get(name), theirs.get(name)) for name in {**ours, **theirs}}
    git = [run.environment.get("git") for run in runs]
    dirty = [isinstance(state, Mapping) and bool(state.get("dirty")) for state in git]
    which = "both runs were" if all(dirty) else f"the {'first' if dirty[0] else 'second'} run was"
    note = f"{which} trained by code with uncommitted changes: in what the code differs, nobody can tell"
    return Difference(
        differences(*(without_place(run.config) for run in runs)), differences(*data),
        differences(first.environment, second.environment), differences(*map(_outcome, runs)),
        _parts_at(*map(_history, runs)), metrics, (*_damaged(first), *_damaged(second), *[note] * any(dirty)),
    )  # fmt: skip


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Both]:
    """Dotted key to the two values, of all that is not the same in two nested mappings."""
    ours, theirs = flat(first), flat(second)
    return {k: (ours.get(k), theirs.get(k)) for k in {**ours, **theirs} if not _same(ours.get(k), theirs.get(k))}


def _same(first: Any, second: Any) -> bool:
    """As JSON writes them: true is not 1, and 1 is not 1.0."""
    return json.dumps(first, sort_keys=True, default=str) == json.dumps(second, sort_keys=True, default=str)


def _history(run: Run) -> pd.DataFrame | None:
    """None where there is none that can be read."""
    try:
        return run.history
    except RunDirError:
        return None


def _outcome(run: Run) -> dict[str, Any]:
    record, files, history = run.record, run.record.get("files", {}), _history(run)
    kept = ("reason", "diverged_at_step", "stopped_early", "parameters", "initial_weights_sha256")
    found = {"status": run.status, **{key: record[key] for key in kept if record.get(key) is not None}}
    found |= {f"{name} sha256": files[name] for name in (LAYERS, WEIGHTS) if name in files}
    return {**found, "evaluations": None if history is None else len(history)}


def _parts_at(first: pd.DataFrame | None, second: pd.DataFrame | None) -> Row | None:
    """The first row that both have, and that differs in a column that both have."""
    if first is None or second is None:
        return None
    columns = [str(name) for name in first if name in second]
    for (_, ours), (_, theirs) in zip(first[columns].iterrows(), second[columns].iterrows(), strict=False):
        pairs = {name: (float(ours[name]), float(theirs[name])) for name in columns}
        if cells := {
            name: (a, b) for name, (a, b) in pairs.items() if a != b and not (math.isnan(a) and math.isnan(b))
        }:
            return Row(float(ours["epoch"]), int(ours["step"]), cells)
    return None


def _damaged(run: Run) -> list[str]:
    """The files of a run that are not as its record states, each with what is wrong."""
    faults = run.faults(COMPARED)
    try:
        _ = run.history
    except RunDirError as error:  # a record may state no files
        faults |= {HISTORY: str(error).removeprefix(f"{run.path / HISTORY}: ")} if run.status == "done" else {}
    return [f"{run.path / name}: {wrong}" for name, wrong in faults.items()]
