"""Runs into a tracker: which there are, what is left out, and what is there already."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from actlab.errors import RunDirError
from actlab.runs.folder import check_outside_runs
from actlab.runs.record import LOST, Run, discover
from actlab.show.trackers import TRACKERS, check_installed
from actlab.show.trackers.logged import Logged
from actlab.spec.plan import Plan, wanted
from actlab.study import folders
from actlab.study.frame import names_of

# what they would tell their makers, or wait for; a variable that is set already stays as it is
QUIET = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_SILENT": "true",
}


class Log(Protocol):
    """Where runs are written to.

    Args:
        place: a folder; of MLflow a tracking URI, where "" leaves it to `MLFLOW_TRACKING_URI`.
    """

    place: str

    def __init__(self, place: str) -> None: ...

    def add(self, logged: Logged) -> bool:
        """Write a run, in place of what was written of it before; False, and nothing done, where it is there whole."""


class Export:
    """Writes runs into a tracker, and keeps count.

    Args:
        name: of the tracker.
        place: where it writes; "" for its own choice.

    Raises:
        ActlabError: it is not installed.
        UnknownName: there is no such tracker.
        RunDirError: its folder would lie in that of a run.
    """

    def __init__(self, name: str, place: str = "") -> None:
        check_installed(name)
        for variable, value in QUIET.items():
            os.environ.setdefault(variable, value)
        place = place or TRACKERS[name]
        if TRACKERS[name]:
            check_outside_runs(Path(place) / "runs")
        self.log: Log = importlib.import_module(f"actlab.show.trackers.{name}").Log(place)
        self.added, self.there = 0, 0
        self.left_out: list[str] = []
        self.unfinished: list[str] = []
        self._conditions: dict[Path, dict[str, str]] = {}

    def add(self, paths: Sequence[Path]) -> None:
        """Write the runs in run directories, experiment directories and their parents.

        Raises:
            ActlabError: the tracker cannot be written, or does not answer.
        """
        runs, passed_over = discover(paths)
        self.left_out += passed_over
        for run in runs:
            state = f"{run.path}: " + ": ".join(filter(None, [run.status, str(run.record.get("reason") or "")]))
            if run.status in LOST:
                self.left_out.append(state)
                continue
            try:
                added = self.log.add(Logged(run, self._condition(run)))
            except RunDirError as error:
                self.left_out.append(str(error) if run.status == "done" else state)
                continue
            self.added, self.there = self.added + added, self.there + (not added)
            self.unfinished += [state] if run.status != "done" else []

    def _condition(self, run: Run) -> str:
        """As a comparison of all runs that its experiment asks for calls it."""
        folder = folders.folder_of(run)
        if folder not in self._conditions:
            found = folders.read([folder])
            known = [run for run in found.runs if run.is_known]
            names = dict(zip([run.hash for run in known], names_of([run.config for run in known]), strict=True))
            if isinstance(plan := found.plans.get(folder), Plan):
                configs = [config for _, config in plan.runs]
                for config, name in zip(configs, names_of([config.canonical() for config in configs]), strict=True):
                    names |= dict.fromkeys(wanted([config]), name)  # on a stand-in too
            self._conditions[folder] = names
        return self._conditions[folder].get(run.hash, run.label)
