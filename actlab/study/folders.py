"""What lies in the folders of experiments: their runs, those that were lost too, and what was asked for.

A run whose record cannot be read, or that never had one, is known by its folder: the name ends with the first digits of
its config's hash, and the kept experiment.yaml says which config that is. So it counts among the runs of its condition.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from actlab import plugins
from actlab.errors import ActlabError, DatasetError
from actlab.runs.folder import EXPERIMENT, overrides_of
from actlab.runs.record import Run, discover, experiments
from actlab.spec import plan as planning
from actlab.spec import yaml
from actlab.spec.config import OF_A_RUN, Look, RunConfig, parse_experiment
from actlab.spec.labels import slug
from actlab.spec.plan import Plan
from actlab.study.guard import Note

DIGITS = re.compile(r"-([0-9a-f]{8,64})$")  # of a hash, at the end of a folder's name
LONGEST_FILE = 1_000_000  # bytes of an experiment.yaml; a sweep that is written by hand has some thousand


@dataclass(frozen=True)
class Found:
    """The runs in some folders.

    Args:
        runs: by folder in the order of the paths; those that were lost have the config of the plan, if it knows them.
        plans: folder of an experiment to what its experiment.yaml asks for, or to why that is not known.
        passed_over: what else lies there, and why it is no run.
    """

    runs: list[Run]
    plans: dict[Path, Plan | ActlabError]
    passed_over: list[str]

    def notes(self, *folders: Path) -> list[Note]:
        """Of these experiments, or of all, the runs that their files do not ask for; or why that is not known."""
        notes = []
        for folder in folders or self.plans:
            plan = self.plans.get(folder)
            if isinstance(plan, Plan):
                asked = plan.wanted
                more = [r.path.name for r in self.runs if r.is_known and folder_of(r) == folder and r.hash not in asked]
                notes += [Note("not asked for", (), {"path": plan.source, "runs": more}, True)] if more else []
            elif plan:
                notes.append(Note("no plan", (), {"problem": str(plan)}))
        return notes


def folder_of(run: Run) -> Path:
    """Of its experiment."""
    return run.path.resolve().parent


def read(paths: Sequence[Path]) -> Found:
    """The runs in run directories, experiment directories and their parents, each once."""
    runs, passed_over = discover(paths)
    inside: dict[Path, list[Run]] = {}
    for run in runs:
        inside.setdefault(folder_of(run), []).append(run)
    inside |= {folder.resolve(): [] for folder in experiments(paths) if folder.resolve() not in inside}
    called = {folder.resolve(): folder for folder in [*experiments(paths), *(run.path.parent for run in runs)]}
    plans = {f: _plan_of(called[f], of) for f, of in inside.items() if (f / EXPERIMENT).is_file()}
    for folder in [folder for folder, plan in plans.items() if isinstance(plan, ActlabError)]:
        if instead := _plan_of_records(called[folder], inside[folder]):
            plans[folder] = instead
            known = "besides the runs that are there is not known: it names parts of a plug-in that is not loaded"
            passed_over.append(f"{instead.source}: what it asks for {known}; --plugin FILE.py loads one")
    found = []
    for folder, of in inside.items():
        plan = plans.get(folder)
        lost = not all(run.is_known for run in of)
        asked = plan.wanted if lost and isinstance(plan, Plan) else {}
        found += [_known(run, asked) for run in of]
    return Found(found, plans, passed_over)


def _plan_of(folder: Path, runs: Sequence[Run]) -> Plan | ActlabError:
    """What the experiment.yaml of a folder asks for, with what the command line changed of it."""
    path = folder / EXPERIMENT
    try:
        if path.stat().st_size > LONGEST_FILE:
            raise ActlabError(f"{path}: is longer than {LONGEST_FILE:,} bytes, and was not read")
        return planning.read(path, changes_of(folder, runs), _content_of(runs))
    except OSError as error:
        return ActlabError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}")
    except ActlabError as error:
        return error


def _plan_of_records(folder: Path, runs: Sequence[Run]) -> Plan | None:
    """What was asked for as the records tell it, where some have parts of plug-ins that are not loaded; else None."""
    path, configs = folder / EXPERIMENT, list[tuple[str, RunConfig]]()
    for run in runs:
        with suppress(ValidationError, TypeError):  # a record may say anything, but its hash is of one config
            if run.is_known and (config := RunConfig(**run.config)).hash == run.hash:
                configs.append((run.label, config))
    wanted = {digest for _, config in configs for digest in config.plugins}
    if len(plugins.loaded(list(wanted))) == len(wanted):
        return None
    with suppress(ActlabError, OSError):
        raw = path.read_bytes()
        experiment, _ = parse_experiment(yaml.parse(raw, str(path)).data, slug(folder.name))
        if experiment:
            text = yaml.decode(raw, str(path))
            return Plan(experiment, str(path), text, changes_of(folder, runs), configs, {}, [], 0, [], {})
    return None


def _content_of(runs: Sequence[Run]) -> Look:
    """Knows what was in own data when it was trained on, from the records: the files may be gone, or changed since."""
    known = {}
    for run in sorted(runs, key=lambda run: str(run.record.get("ended") or "~")):  # what trains still is the newest
        part = run.config.get("dataset")
        if isinstance(part, Mapping) and part.get("content"):
            known[_as_written(part)] = part["content"]

    def look(part: Mapping[str, Any]) -> Any:
        try:
            return known[_as_written(part)]
        except KeyError:
            raise DatasetError("no run here states what was in it") from None

    return look


def _as_written(part: Mapping[str, Any]) -> str:
    """Own data as its config names it, and what of it is read."""
    kept = {k: v for k, v in part.items() if v is not None and k not in ("content", *OF_A_RUN)}
    return json.dumps(kept, sort_keys=True)


def changes_of(folder: Path, runs: Sequence[Run]) -> tuple[str, ...]:
    """What the command line changed of the experiment.yaml of a folder.

    As the records of its runs state it, all alike; else as its first lines do, which may be comments of a user's own.
    """
    stated = [run.record["overrides"] for run in runs if isinstance(run.record.get("overrides"), list)]
    if stated and all(changes == stated[0] for changes in stated):
        return tuple(map(str, stated[0]))
    try:
        return overrides_of((folder / EXPERIMENT).read_text(encoding="utf-8-sig", errors="replace"))
    except OSError:  # who reads the plan says so
        return ()


def _known(run: Run, asked: Mapping[str, RunConfig]) -> Run:
    """The run; a lost one with the config that its folder's name tells of."""
    digits = DIGITS.search(run.path.name)
    if run.is_known or not digits:
        return run
    order = list(asked)
    match = next((of for of in order if of.startswith(digits[1])), None)
    if match is None:
        return run
    known = {"hash": match, "config": asked[match].canonical(), "plan_index": order.index(match)}
    return Run(run.path, {**run.record, **known})
