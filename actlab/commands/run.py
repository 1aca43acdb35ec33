"""`actlab run`: train what the config files ask for."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from actlab import environment
from actlab.commands.check import read_all
from actlab.commands.output import console
from actlab.errors import ActlabError, RunDirError
from actlab.run import experiment
from actlab.run.display import Display, count, duration, in_words, runs_table
from actlab.run.executors import local
from actlab.run.executors.worker import Outcome
from actlab.run.experiment import Options, Study
from actlab.run.record import Run, state_of
from actlab.run.training import Job
from actlab.study.compare import compare

if TYPE_CHECKING:
    from actlab.show.report.current import CurrentReport

REPORT = "report.html"
MOST_ROWS = 200  # of the table of runs at the end


def run(*, files: list[Path], set_: list[str] | None, json: bool, report: bool = False, **options: Any) -> int:
    """Train all runs of the files; returns the exit code."""
    plans = read_all(files, tuple(set_ or ()))
    talk = console(stderr=json)
    dry_run = options.pop("dry_run")
    limits = {name: options.pop(name) for name in ("retries", "run_timeout", "fail_fast")}
    chosen = Options(
        **{**options, "device": environment.choose_device(_device(options["device"])),
           "workers": _workers(options["workers"])}
    )  # fmt: skip
    answers, code = [], 0
    for plan in plans:
        study = experiment.prepare(plan, chosen, lambda sentence: talk.print(Text(sentence)))
        if dry_run:
            answers.append(_foretell(study, talk))
            continue
        page = _page(study) if report else None
        with local.Signals() as signals:
            outcomes = _train(study, limits, signals, talk, page)
        if json:
            answers.append(_answer(study, outcomes))
        code = max(code, _finish(study, outcomes, talk, json))
        _finish_page(page, talk)
        if signals.received:
            code = 128 + signals.received
        if signals.received or (code and limits["fail_fast"]):
            break
    if json:
        typer.echo(jsonlib.dumps(answers, indent=2))
    return code


def _foretell(study: Study, talk: Console) -> dict[str, Any]:
    """Say what would be trained, resumed and skipped, and how long it might take."""
    for warning in study.warnings:
        talk.print(Text(f"NOTE  {warning}", style="bold yellow"))
    acts = [("skip", run.path) for run in study.ended] + [("copy", path) for _, path in study.elsewhere]
    acts += [("resume" if experiment.resumable(job) else "train", job.path) for job in study.jobs]
    for act, path in acts:
        talk.print(Text(f"{act:7} {path}"), soft_wrap=True)
    counts = {act: sum(a == act for a, _ in acts) for act in ("train", "resume", "copy", "skip")}
    seconds = experiment.estimate_seconds(study) if study.jobs else 0.0
    left = "no finished run of this kind tells how long" if seconds is None else f"about {duration(seconds)}"
    talk.print(Text(f"{in_words({f'to {act}': n for act, n in counts.items()})}; {left}", style="bold"))
    runs = [{"path": str(path), "act": act} for act, path in acts]
    return {"experiment": study.plan.experiment.name, "counts": counts, "seconds": seconds, "runs": runs}


def _device(name: str) -> str:
    if name not in ("auto", "cpu", "gpu"):
        raise ActlabError(f"--device: expected auto, cpu or gpu, read {name!r}")
    return name


def _workers(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise ActlabError(f"--workers: expected auto or a number from 1, read {text!r}")
    return int(text)


def _page(study: Study) -> CurrentReport:
    from actlab.show.report.current import CurrentReport

    return CurrentReport(study.folder, study.folder / REPORT)


def _finish_page(page: CurrentReport | None, talk: Console) -> None:
    """Make the last page, and say where it is, or why there is none."""
    if page:
        page.finish()
        talk.print(Text(page.problem or f"report: {page.path}"), soft_wrap=True)


def _train(
    study: Study, limits: dict[str, Any], signals: local.Signals, talk: Console, page: CurrentReport | None = None
) -> dict[Path, Outcome]:
    """Train what is left of a study, in view of a person."""
    for warning in study.warnings:
        talk.print(Text(f"NOTE  {warning}", style="bold yellow"))
    experiment.begin(study)
    if not study.jobs:
        return {}
    workers = min(study.workers, len(study.jobs))
    talk.print(Text(_opening(study, workers), style="bold"))
    allowed = local.Limits(workers, limits["retries"], limits["run_timeout"], limits["fail_fast"])
    with Display(talk, study.jobs, workers, study.forecast, study.folder) as display:

        def told(running: list[Job], outcomes: dict[Path, Outcome]) -> None:
            display.update(running, outcomes)
            if page:
                page.update(len(outcomes))
            if len(running) < workers:
                experiment.import_plotting()

        outcomes = local.run(study.jobs, allowed, signals, told)
        display.update([], outcomes)
    return outcomes


def _opening(study: Study, workers: int) -> str:
    job = study.jobs[0]
    there = f", {len(study.ended)} there already" if study.ended else ""
    return (
        f"{study.plan.experiment.name}: {len(study.jobs)} run{'s' if len(study.jobs) > 1 else ''} to train{there}; "
        f"{workers} worker{'s' if workers > 1 else ''} of {job.threads} thread{'s' if job.threads > 1 else ''} "
        f"on {job.device}"
    )


def _finish(study: Study, outcomes: dict[Path, Outcome], talk: Console, json: bool) -> int:
    """Draw the overlays, print the table and the last line; returns the exit code of this study."""
    runs = _runs(study)
    if (outcomes or study.elsewhere) and any(run.status == "done" for run in runs):
        experiment.overlay(study.folder, compare(runs), study.plan.experiment.name)
    if not json:
        _print_runs(runs, outcomes, talk)
        talk.print(Text(f"files: {study.folder}"), soft_wrap=True)
    counts = _counts(study, outcomes)
    seconds = sum(run.record.get("wall_seconds", 0) for run in runs if run.path in outcomes)
    talk.print(Text(in_words(counts) + (f"; {duration(seconds)} of training" if seconds else ""), style="bold"))
    if counts.keys() & {"interrupted", "pending"}:
        without = " without --force" if study.forced else ""
        way = "goes on from the last checkpoint" if any(map(experiment.resumable, study.jobs)) else "trains the rest"
        talk.print(Text(f"stopped; the same command{without} {way}"))
    if any(run.status != "done" for run in study.ended):
        talk.print(Text("what failed or diverged before was left as it is; --retry-failed trains it again"))
    ends = {outcome.status for outcome in outcomes.values()} | {run.status for run in study.ended}
    return 0 if ends <= {"done"} else 1


def _print_runs(runs: list[Run], outcomes: dict[Path, Outcome], talk: Console) -> None:
    """A row a run; of very many, those that were trained now, and those that are not done."""
    news = [run for run in runs if run.path in outcomes or run.status != "done"]
    shown = runs if len(runs) <= MOST_ROWS else news
    if shown:
        talk.print(runs_table(shown))
    if len(shown) < len(runs):
        talk.print(Text(f"{len(runs) - len(shown)} runs were done before; `actlab list` shows them"))


def _counts(study: Study, outcomes: dict[Path, Outcome]) -> dict[str, int]:
    """How the runs ended, in the words of `actlab status`: of those that were stopped, some had not begun."""
    counts = count(outcomes)
    stopped = [path for path, outcome in outcomes.items() if outcome.status == "interrupted"]
    pending = sum(state_of(path) == "pending" for path in stopped)
    begun = {status: n - pending if status == "interrupted" else n for status, n in counts.items()}
    counts = {status: n for status, n in {**begun, "pending": pending}.items() if n}
    return {**counts, **_ended_before(study)}


def _ended_before(study: Study) -> dict[str, int]:
    """Counts of the runs that had ended before, by how."""
    statuses = [run.status for run in study.ended]
    words = {"skipped": "done", "failed before": "failed", "diverged before": "diverged"}
    return {word: statuses.count(status) for word, status in words.items()}


def _runs(study: Study) -> list[Run]:
    found = []
    for path in experiment.paths(study):
        try:
            found.append(Run(path))
        except RunDirError:  # never begun, or failed before its record was written
            continue
    order = {config.hash: i for i, (_, config) in enumerate(study.plan.runs)}
    return sorted(found, key=lambda run: order.get(run.hash, len(order)))


def _answer(study: Study, outcomes: dict[Path, Outcome]) -> dict[str, Any]:
    return {
        "experiment": study.plan.experiment.name,
        "folder": str(study.folder),
        "warnings": study.warnings,
        "counts": _counts(study, outcomes),
        "runs": [
            {"label": run.label, "hash": run.hash, "path": str(run.path), "status": run.status,
             "reason": run.record.get("reason"), "dataset": run.record.get("dataset"), "results": run.results}
            for run in _runs(study)
        ],
    }  # fmt: skip
