"""What a report is about: the experiments in the paths that were named, each with its question, runs and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actlab.errors import ActlabError
from actlab.runs.folder import EXPERIMENT, LAYERS
from actlab.runs.record import Run
from actlab.spec import config, yaml
from actlab.spec.config import Experiment
from actlab.spec.plan import Plan
from actlab.study import claims as claiming
from actlab.study import folders, registration
from actlab.study import frame as framing
from actlab.study.claims import ClaimVerdict
from actlab.study.folders import Found, folder_of
from actlab.study.judge import Comparison, compare
from actlab.study.registration import Registered


@dataclass
class Chapter:
    """One experiment of a report.

    Args:
        folder: of the experiment.
        name: what it is called.
        runs: all that were begun, or have a folder, as planned.
        question: the description in its config file.
        config_text: the config file; empty where there is none.
        overrides: what the command line changed, as it was typed.
        comparison: of these runs; None where they cannot be compared.
        error: why they cannot.
        claims: what the config file expects, judged.
        registered: when that was registered; None where nothing is claimed.
        problems: sentences about what is damaged, missing or passed over.
    """

    folder: Path
    name: str
    runs: list[Run]
    question: str = ""
    config_text: str = ""
    overrides: tuple[str, ...] = ()
    comparison: Comparison | None = None
    error: ActlabError | None = None
    claims: list[ClaimVerdict] = field(default_factory=list)
    registered: Registered | None = None
    problems: list[str] = field(default_factory=list)

    def count(self, status: str) -> int:
        """How many runs have this status."""
        return sum(run.status == status for run in self.runs)


def read(paths: Sequence[Path], choices: Mapping[str, Any]) -> tuple[list[Chapter], list[str]]:
    """A chapter for each experiment, in the order of the paths; and what was passed over.

    Args:
        paths: run directories, experiment directories, and their parents.
        choices: what `compare` takes besides the runs (metrics, at, baseline, by, where).

    Raises:
        ActlabError: there is no run, or a choice fits none of the experiments.
    """
    found = folders.read(paths)
    runs: dict[Path, list[Run]] = {}
    for run in found.runs:
        runs.setdefault(folder_of(run), []).append(run)
    runs |= {folder: [] for folder in found.plans if folder not in runs}
    if not runs:
        raise ActlabError("\n".join(["no runs to report", *found.passed_over[:10]]))
    chapters = [_chapter(folder, of, found, choices) for folder, of in runs.items()]
    errors = [chapter.error for chapter in chapters if chapter.error]
    chosen = any(value for key, value in choices.items() if (key, value) != ("at", "last"))
    if errors and chosen and not any(chapter.comparison for chapter in chapters):
        raise errors[0]  # a choice that fits one of several experiments is no mistake
    return chapters, found.passed_over


def _chapter(folder: Path, runs: Sequence[Run], found: Found, choices: Mapping[str, Any]) -> Chapter:
    known = [run for run in runs if run.is_known]
    chapter = Chapter(folder, folder.name, list(framing.frame_of(known)["run", "run"]) if known else [])
    chapter.runs += [run for run in runs if not run.is_known]
    try:
        chapter.comparison = compare(runs, **choices, beforehand=found.notes(folder)) if runs else None
    except ActlabError as error:
        chapter.error = error
        chapter.problems.append(f"{folder}: its runs are not compared: {error}")
    chapter.problems += [
        f"{run.path / LAYERS}: is not the file that the record states" for run in runs
        if run.status == "done" and run.damaged((LAYERS,))
    ]  # fmt: skip
    _read_experiment(chapter, found.plans.get(folder))
    return chapter


def _read_experiment(chapter: Chapter, planned: Plan | ActlabError | None) -> None:
    """Name, question, text and claims of the experiment's config file; and what is wrong with it."""
    path = chapter.folder / EXPERIMENT
    if planned is None:
        chapter.problems.append(f"{path}: is missing, so the question and the claims are not known")
        return
    chapter.overrides = (
        planned.overrides if isinstance(planned, Plan) else folders.changes_of(path.parent, chapter.runs)
    )
    if isinstance(planned, Plan):
        _describe(chapter, planned.experiment, planned.text)
        try:
            study = claiming.read_plan(planned, chapter.runs, path.parent)
            tables = [chapter.comparison] if chapter.comparison else []
            chapter.claims = claiming.judge_claims(study.claims, study.runs, tables) if study.claims else []
            chapter.registered = registration.registered(study)
        except ActlabError as error:
            planned = error
    if isinstance(planned, ActlabError):
        chapter.problems.append(f"{path}: its claims cannot be judged: {planned}")
    if not chapter.config_text:  # of another version, perhaps: it has a name and a question all the same
        with suppress(ActlabError, OSError):
            raw = path.read_bytes()[: folders.LONGEST_FILE]
            experiment, _ = config.parse_experiment(yaml.parse(raw, str(path)).data, EXPERIMENT.removesuffix(".yaml"))
            if experiment:
                _describe(chapter, experiment, raw.decode(errors="replace"))


def _describe(chapter: Chapter, experiment: Experiment, text: str) -> None:
    if experiment.name != EXPERIMENT.removesuffix(".yaml"):  # which is what a file without a name would be called
        chapter.name = experiment.name
    chapter.question, chapter.config_text = experiment.description.strip(), text
