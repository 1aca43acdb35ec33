"""`actlab claims`: what a config expected, and what the runs say of it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer
from rich.padding import Padding
from rich.text import Text

from actlab.commands.output import console
from actlab.commands.paths import RESULTS
from actlab.errors import ActlabError
from actlab.run.folder import EXPERIMENT, RECORD
from actlab.run.record import discover, experiments
from actlab.show import words
from actlab.spec import plan as sweep
from actlab.study import claims as claiming
from actlab.study.claims import ClaimVerdict, Evidence, Study

STYLES = {"supported": "green", "refuted": "red", "undecided": "yellow"}
INDENT = 2


@dataclass(frozen=True)
class Judged:
    """The claims of one file and what came out."""

    study: Study
    verdicts: Sequence[ClaimVerdict]


def claims(paths: list[Path], results: Path | None, as_json: bool) -> int:
    """Print every claim with its verdict and the evidence; 1 where one is refuted, else 0."""
    judged = [Judged(study, claiming.judge_claims(study.claims, study.runs)) for study in _studies(paths, results)]
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in judged], indent=2, allow_nan=False))
    else:
        _print(judged)
    return int(any(verdict.verdict == "refuted" for one in judged for verdict in one.verdicts))


def _studies(paths: list[Path], results: Path | None) -> list[Study]:
    """The experiments among the paths and in them; config files with their runs from the results folder.

    Raises:
        ActlabError: a path is neither, or there is no results folder for a config file.
    """
    found = []
    for path in paths:
        if path.is_dir():
            found += [claiming.read_folder(folder) for folder in _folders(path)]
        elif path.suffix in (".yaml", ".yml"):
            found.append(_of_file(path, results))
        elif not path.is_file():  # a shell makes files, such as comparison.csv, of results/* too
            raise ActlabError(f"{path}: does not exist")
    if not found:
        raise ActlabError("no experiment in these paths; name experiment directories, or config files")
    return found


def _folders(path: Path) -> list[Path]:
    if found := experiments([path]):
        return found
    if (path / RECORD).is_file():
        raise ActlabError(f"{path}: is one run; claims are of an experiment: {path.resolve().parent}")
    raise ActlabError(f"{path}: holds no {EXPERIMENT}; name the folder of an experiment")


def _of_file(path: Path, results: Path | None) -> Study:
    plan = sweep.read(path)
    if results is None and not RESULTS.is_dir():
        said = f"--results DIR names the folder that holds its runs; there is no folder {RESULTS} here"
        raise ActlabError(f"{path}: is a config file; {said}")
    results = results or RESULTS
    if not results.is_dir():
        raise ActlabError(f"--results {results}: is no folder")
    runs, passed_over = discover([results])
    return replace(claiming.read_plan(plan, runs), passed_over=tuple(passed_over))


def _print(judged: Sequence[Judged]) -> None:
    out = console()
    for one in judged:
        out.print(Text(f"{one.study.name}  ({one.study.source})", style="bold"), soft_wrap=True)
        for verdict in one.verdicts:
            out.print()
            out.print(_headline(verdict))
            if verdict.claim.says:
                out.print(Padding.indent(Text(str(verdict.claim)), INDENT))
            for line in words.claim_lines(verdict):
                out.print(Padding.indent(Text(line, style="dim" if line.startswith("note: ") else ""), INDENT))
        if not one.verdicts:
            out.print(Text("states no claims"))
        for note in _notes(one.study):
            out.print(Text(f"note: {note}"))
        out.print()
    out.print(Text(_count(judged)))


def _headline(verdict: ClaimVerdict) -> Text:
    text = Text(f"{verdict.verdict}: ", style=f"bold {STYLES[verdict.verdict]}")
    return text.append(verdict.claim.says or str(verdict.claim), style="bold default")


def _count(judged: Sequence[Judged]) -> str:
    found: Counter[str] = Counter(verdict.verdict for one in judged for verdict in one.verdicts)
    total = found.total()
    counts = ", ".join(f"{found[word]} {word}" for word in STYLES if found[word])
    return f"{total} claim{'' if total == 1 else 's'}" + (f": {counts}" if counts else "")


def _notes(study: Study) -> list[str]:
    """What a reader must know of the folder."""
    notes = [f"passed over: {sentence}" for sentence in study.passed_over]
    if study.others:
        are = "1 run is" if len(study.others) == 1 else f"{len(study.others)} runs are"
        names = ", ".join([*(run.path.name for run in study.others[:3]), *["..."] * (len(study.others) > 3)])
        notes.append(f"{are} not among those that {study.source} asks for, or there twice: {names}")
    return notes


def _plain(judged: Judged) -> dict[str, Any]:
    study = judged.study
    return {
        "name": study.name, "file": str(study.source), "notes": _notes(study),
        "claims": [_plain_claim(verdict) for verdict in judged.verdicts],
    }  # fmt: skip


def _plain_claim(verdict: ClaimVerdict) -> dict[str, Any]:
    metric = verdict.claim.metric
    return {
        **verdict.claim.model_dump(by_alias=True), "sentence": str(verdict.claim), "verdict": verdict.verdict,
        "evidence": [_plain_evidence(evidence, metric) for evidence in verdict.evidence],
        "notes": [words.note(note, metric) for note in verdict.notes],
    }  # fmt: skip


def _plain_evidence(of: Evidence, metric: str) -> dict[str, Any]:
    estimate = of.estimate
    numbers = {} if estimate is None else {"low": _or_none(estimate.low), "high": _or_none(estimate.high)}
    return {
        "condition": of.condition or "no run", "other": of.other or None, "verdict": of.verdict,
        "reason": words.note(of.reason, metric), "by_seed": dict(of.values), "absent": words.claim_lacking(of),
        "n": len(of.values), "mean": _mean(list(of.values.values())), **numbers,
        "p": _or_none(of.p), "p_alone": _or_none(of.p_alone),
    }  # fmt: skip


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number
