"""What a file asked for, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actlab.errors import RunDirError
from actlab.run.folder import EXPERIMENT, HISTORY, LAYERS, TIMING
from actlab.run.record import Run, discover
from actlab.spec import plan as sweep
from actlab.spec.claim import Claim
from actlab.spec.config import RunConfig
from actlab.spec.plan import Plan
from actlab.study.compare.order import OVERRIDE


@dataclass(frozen=True)
class PlannedRun:
    """A run that a file asks for.

    Args:
        config: resolved, as plain data; on the dataset that was asked for, whatever it was trained on.
        run: what was trained; None where nothing was.
    """

    config: Mapping[str, Any]
    run: Run | None

    @property
    def seed(self) -> int:
        return int(self.config.get("seed", 0))

    @property
    def state(self) -> str:
        """ "done"; else why there is no number to be had."""
        if self.run is None:
            return "not trained"
        if self.run.status != "done":
            return self.run.status
        return "damaged" if self.run.damaged((HISTORY, TIMING, LAYERS)) else "done"


@dataclass(frozen=True)
class Study:
    """A file's claims and runs.

    Args:
        name: of the experiment.
        source: the config file that states the claims.
        claims: in the order of the file.
        runs: all that the file asks for.
        notes: what a reader must know of the folder.
    """

    name: str
    source: Path
    claims: Sequence[Claim]
    runs: Sequence[PlannedRun]
    notes: tuple[str, ...] = ()


def read_folder(folder: Path) -> Study:
    """The claims of an experiment's folder as they stood when it was trained, and its runs.

    Raises:
        ConfigError: this version of actlab does not understand its experiment.yaml.
        RunDirError: there is none.
    """
    path = folder / EXPERIMENT
    if not path.is_file():
        raise RunDirError(f"{folder}: holds no {EXPERIMENT}; name the folder of an experiment")
    return replace(read_plan(sweep.read(path, tuple(_overrides(path))), folder), name=folder.resolve().name)


def _overrides(path: Path) -> list[str]:
    """What the command line changed: the first lines, which the reader of YAML takes for comments."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        if not line.startswith(OVERRIDE):
            break
        found.append(line.removeprefix(OVERRIDE))
    return found


def read_plan(plan: Plan, folder: Path) -> Study:
    """The claims of a config file, and those of its runs that lie in a folder.

    Args:
        plan: the config file.
        folder: holds runs, an experiment or several.
    """
    runs, passed_over = discover([folder])
    found = planned([config for _, config in plan.runs], runs)
    used = {id(one.run) for one in found if one.run}
    others = [run for run in runs if id(run) not in used]
    notes = [f"passed over: {sentence}" for sentence in passed_over]
    if others:
        words = "1 run is" if len(others) == 1 else f"{len(others)} runs are"
        notes.append(f"{words} not among those that {plan.source} asks for, or there twice: {_labels(others)}")
    return Study(plan.experiment.name, Path(plan.source), plan.experiment.claims, found, tuple(notes))


def _labels(runs: Sequence[Run]) -> str:
    shown = [run.path.name for run in runs[:3]]
    return ", ".join([*shown, *(["..."] if len(runs) > 3 else [])])


def planned(configs: Sequence[RunConfig], runs: Sequence[Run]) -> list[PlannedRun]:
    """Each config with its run, finished if there is one; or with that on the stand-in that the config names."""
    trained: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.status != "done"):
        trained.setdefault(run.hash, run)
    return [PlannedRun(config.canonical(), _run_of(config, trained)) for config in configs]


def _run_of(config: RunConfig, trained: Mapping[str, Run]) -> Run | None:
    stand_in = config.dataset.parameters.get("offline")
    found = trained.get(config.hash)
    return found or (trained.get(config.on_stand_in(stand_in).hash) if stand_in else None)
