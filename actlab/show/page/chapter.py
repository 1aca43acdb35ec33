"""What a report is about: the experiments in the paths that were named, each with its question, runs and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actlab.errors import ActlabError
from actlab.run.folder import EXPERIMENT, LAYERS, RECORD, overrides_of
from actlab.run.record import Run, discover, experiments, run_folders
from actlab.spec import config, plan, yaml
from actlab.spec.config import Experiment
from actlab.study import claims as claiming
from actlab.study import frame as framing
from actlab.study.claims import ClaimVerdict
from actlab.study.judge import Comparison, compare

LONGEST_FILE = 1_000_000  # bytes of an experiment.yaml; a sweep that is written by hand has some thousand


@dataclass
class Chapter:
    """One experiment of a report.

    Args:
        folder: of the experiment.
        name: what it is called.
        runs: all that have a record, as planned.
        question: the description in its config file.
        config_text: the config file; empty where there is none.
        overrides: what the command line changed, as it was typed.
        comparison: of these runs; None where they cannot be compared.
        error: why they cannot.
        claims: what the config file expects, judged.
        waiting: folders of runs without a record: not begun.
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
    waiting: int = 0
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
    found, passed_over = discover(paths)
    runs: dict[Path, list[Run]] = {}
    for run in found:
        runs.setdefault(run.path.resolve().parent, []).append(run)
    whole = sorted(folder.resolve() for folder in experiments(paths))
    runs |= {folder: [] for folder in whole if folder not in runs}
    if not runs:
        raise ActlabError("\n".join(["no runs to report", *passed_over[:10]]))
    chapters = [_chapter(folder, of, folder in whole, choices) for folder, of in runs.items()]
    errors = [chapter.error for chapter in chapters if chapter.error]
    chosen = any(value for key, value in choices.items() if (key, value) != ("at", "last"))
    if errors and chosen and not any(chapter.comparison for chapter in chapters):
        raise errors[0]  # a choice that fits one of several experiments is no mistake
    return chapters, passed_over


def _chapter(folder: Path, runs: Sequence[Run], whole: bool, choices: Mapping[str, Any]) -> Chapter:
    frame = framing.frame_of(runs)
    chapter = Chapter(folder, folder.name, list(frame["run", "run"]) if runs else [])
    if whole:
        chapter.waiting = sum(not (path / RECORD).is_file() for path in run_folders(folder))
    try:
        chapter.comparison = compare(frame, **choices) if runs else None
    except ActlabError as error:
        chapter.error = error
        chapter.problems.append(f"{folder}: its runs are not compared: {error}")
    chapter.problems += [
        f"{run.path / LAYERS}: is not the file that the record states" for run in runs
        if run.status == "done" and run.damaged((LAYERS,))
    ]  # fmt: skip
    _read_experiment(chapter)
    return chapter


def _read_experiment(chapter: Chapter) -> None:
    """Name, question, text and claims of the experiment's config file; and what is wrong with it."""
    path = chapter.folder / EXPERIMENT
    if not path.is_file():
        chapter.problems.append(f"{path}: is missing, so the question and the claims are not known")
        return
    if path.stat().st_size > LONGEST_FILE:
        chapter.problems.append(f"{path}: is longer than {LONGEST_FILE:,} bytes, and was not read")
        return
    try:
        stated = [run.record["overrides"] for run in chapter.runs if isinstance(run.record.get("overrides"), list)]
        chapter.overrides = tuple(stated[0]) if stated else overrides_of(path.read_text("utf-8", "replace"))
        planned = plan.read(path, chapter.overrides)
        _describe(chapter, planned.experiment, planned.text)
        study = claiming.read_plan(planned, chapter.runs)
        tables = [chapter.comparison] if chapter.comparison else []
        chapter.claims = claiming.judge_claims(study.claims, study.runs, tables) if study.claims else []
    except ActlabError as error:
        chapter.problems.append(f"{path}: its claims cannot be judged: {error}")
        if not chapter.config_text:  # of another version, perhaps: it has a name and a question all the same
            with suppress(ActlabError, OSError):
                raw = path.read_bytes()
                experiment, _ = config.parse_experiment(yaml.parse(raw, str(path)).data, path.stem)
                if experiment:
                    _describe(chapter, experiment, raw.decode(errors="replace"))


def _describe(chapter: Chapter, experiment: Experiment, text: str) -> None:
    if experiment.name != EXPERIMENT.removesuffix(".yaml"):  # which is what a file without a name would be called
        chapter.name = experiment.name
    chapter.question, chapter.config_text = experiment.description.strip(), text
