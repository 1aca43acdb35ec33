"""What a report is about: the experiments in the paths that were named, each with its question and its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actlab.errors import ActlabError
from actlab.run.folder import EXPERIMENT, LAYERS, RECORD
from actlab.run.record import Run, discover, experiments, run_folders
from actlab.show.plots.style import Look
from actlab.spec import config, yaml
from actlab.study import claims as claiming
from actlab.study import compare as comparing
from actlab.study.claims import ClaimVerdict
from actlab.study.compare import Comparison

LONGEST_FILE = 1_000_000  # bytes of an experiment.yaml; a sweep that is written by hand has some thousand


@dataclass(frozen=True)
class Chapter:
    """One experiment of a report.

    Args:
        folder: of the experiment.
        name: what it is called.
        question: the description in its config file.
        config_text: the config file; empty where there is none.
        runs: all that have a record.
        comparison: of these runs; None where they cannot be compared.
        looks: condition to how figures draw it: one colour an activation, in all chapters.
        claims: what the config file expects, judged.
        waiting: folders of runs without a record: not begun.
        wrong: sentences about what is damaged, missing or passed over.
    """

    folder: Path
    name: str
    question: str = ""
    config_text: str = ""
    runs: list[Run] = field(default_factory=list)
    comparison: Comparison | None = None
    looks: Mapping[str, Look] = field(default_factory=dict)
    claims: list[ClaimVerdict] = field(default_factory=list)
    waiting: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def conditions(self) -> dict[str, list[Run]]:
        return self.comparison.conditions if self.comparison else {}

    def count(self, *statuses: str) -> int:
        """How many runs have one of these statuses."""
        return sum(status in statuses for status in self.statuses)

    @property
    def statuses(self) -> list[str]:
        return [run.status for run in self.runs]


def read(paths: Sequence[Path], choices: Mapping[str, Any]) -> tuple[list[Chapter], list[str]]:
    """A chapter for each experiment, in the order of the paths; and what was passed over.

    Args:
        paths: run directories, experiment directories, and their parents.
        choices: what `compare` takes besides the runs (metric, at, baseline, by, where).

    Raises:
        ActlabError: there is no run.
    """
    runs, passed_over = discover(paths)
    folders = [run.path.resolve().parent for run in runs]
    whole = {folder.resolve() for folder in experiments(paths)}
    chosen = list(dict.fromkeys([*folders, *sorted(whole)]))
    if not chosen:
        raise ActlabError("\n".join(["no runs to report", *passed_over[:10]]))
    parted = {folder: [run for run, at in zip(runs, folders, strict=True) if at == folder] for folder in chosen}
    compared = {folder: _compared(parted[folder], choices) for folder in chosen}
    errors = [error for comparison, error in compared.values() if error]
    asked = any(value for key, value in choices.items() if (key, value) != ("at", "last"))
    if errors and asked and all(comparison is None for comparison, _ in compared.values()):
        raise errors[0]  # a choice that fits one of several experiments is no mistake
    chapters = [_chapter(folder, parted[folder], folder in whole, *compared[folder]) for folder in chosen]
    looks = iter(comparing.looks_of([chapter.comparison for chapter in chapters if chapter.comparison]))
    return [replace(c, looks=next(looks)) if c.comparison else c for c in chapters], passed_over


def _compared(runs: list[Run], choices: Mapping[str, Any]) -> tuple[Comparison | None, ActlabError | None]:
    try:
        return (comparing.compare(runs, **choices) if runs else None), None
    except ActlabError as error:
        return None, error


def _chapter(
    folder: Path, runs: list[Run], whole: bool, comparison: Comparison | None, error: ActlabError | None
) -> Chapter:
    name, question, text, wrong = _experiment(folder)
    judged, unjudged = _claims(folder, runs) if text else ([], [])
    wrong += [f"{folder}: its runs are not compared: {error}"] if error else []
    wrong += [
        f"{run.path / LAYERS}: is not the file that the record states" for run in runs
        if run.status == "done" and run.damaged((LAYERS,))
    ]  # fmt: skip
    waiting = sum(not (path / RECORD).is_file() for path in run_folders(folder)) if whole else 0
    wrong += unjudged
    return Chapter(folder, name, question, text, runs, comparison, claims=judged, waiting=waiting, wrong=wrong)


def _experiment(folder: Path) -> tuple[str, str, str, list[str]]:
    """Name, description and text of an experiment's config file; and what is wrong with it."""
    path = folder / EXPERIMENT
    if not path.is_file():
        return folder.name, "", "", [f"{path}: is missing, so the question and the claims are not known"]
    try:
        raw = path.read_bytes()
        if len(raw) > LONGEST_FILE:
            return folder.name, "", "", [f"{path}: is longer than {LONGEST_FILE:,} bytes, and was not read"]
        data = yaml.parse(raw, str(path)).data
    except (ActlabError, OSError) as error:
        return folder.name, "", "", [f"{path}: cannot be read: {error}"]
    experiment, _ = config.parse_experiment(data, folder.name)
    text = raw.decode(errors="replace")
    return (experiment.name, experiment.description, text, []) if experiment else (folder.name, "", text, [])


def _claims(folder: Path, runs: Sequence[Run]) -> tuple[list[ClaimVerdict], list[str]]:
    """The claims of an experiment, judged; a sentence where they cannot be."""
    try:
        study = claiming.read_folder(folder, runs)
        return claiming.judge_claims(study.claims, study.runs), []
    except ActlabError as error:
        return [], [f"{folder / EXPERIMENT}: its claims cannot be judged: {error}"]
