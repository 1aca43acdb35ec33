"""The page: one file of HTML with all that it needs, and nothing in it that a record could make run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from actlab.run.record import Run
from actlab.show.report import figures, functions, inside, record, table
from actlab.show.report.functions import Download, as_address
from actlab.show.report.reading import Chapter
from actlab.show.report.words import counted, listed, metric_words, printable
from actlab.show.words import claim_lines
from actlab.study import compare as comparing
from actlab.study.claims import ClaimVerdict

TEMPLATES = Path(__file__).parent.parent / "templates"
FEW_VERDICTS = 12  # that stand on the page; of more, those that establish nothing are folded away


def html(chapters: Sequence[Chapter], title: str, wrong: Sequence[str], version: str | None = None) -> str:
    """The page of some experiments.

    Args:
        chapters: an experiment each.
        title: of the page.
        wrong: sentences about what was passed over, besides those of the chapters.
        version: of the page that is served by `actlab watch`, which it asks after; None for a file.
    """
    environment = _environment()
    style, script, live = (_asset(name) for name in ("report.css", "report.js", "live.js"))
    scripts, room = [script] if version is None else [script, live], inside.Room(len(chapters))
    return environment.get_template("report.html").render(
        title=title, generator=record.generator(), policy=policy(style, scripts, version is not None),
        style=Markup(style), script=Markup(script), live=Markup(live) if version is not None else "",
        version=version or "", summary=_summary(chapters),
        chapters=[_chapter(chapter, i, room) for i, chapter in enumerate(chapters)],
        wrong=[*wrong, *(sentence for chapter in chapters for sentence in chapter.wrong)],
    )  # fmt: skip


def nothing_yet(reason: str, version: str) -> str:
    """The page of a watch that has nothing to show, and why."""
    style, live = _asset("report.css"), _asset("live.js")
    return _environment().get_template("waiting.html").render(
        reason=reason, version=version, policy=policy(style, [live], connects=True), style=Markup(style),
        live=Markup(live),
    )  # fmt: skip


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined,
        finalize=_printable, trim_blocks=False, keep_trailing_newline=True,
    )  # fmt: skip


def _printable(value: Any) -> Any:
    """What a template prints: our own markup as it is, all else without signs that drive a reader."""
    return value if isinstance(value, Markup) else printable(value)


@cache
def _asset(name: str) -> str:
    return (TEMPLATES / name).read_text()


def policy(style: str, scripts: Sequence[str], connects: bool) -> str:
    """The Content-Security-Policy of the page: its own style and scripts by their hashes, pictures that it carries."""
    known = " ".join(_source(script) for script in scripts)
    rules = ["default-src 'none'", f"style-src {_source(style)}", f"script-src {known}", "img-src data:"]
    rules += ["connect-src 'self'"] if connects else []
    return "; ".join([*rules, "base-uri 'none'", "form-action 'none'"])


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _summary(chapters: Sequence[Chapter]) -> str:
    runs = [run for chapter in chapters for run in chapter.runs]
    return f"{counted(len(chapters), 'experiment')}, {counted(len(runs), 'run')}"


def _when(runs: Sequence[Run]) -> str:
    """The days on which the runs ended."""
    days = sorted(str(run.record["ended"])[:10] for run in runs if run.record.get("ended"))
    return f"trained {' to '.join(dict.fromkeys([days[0], days[-1]]))}" if days else ""


# --- a chapter


def _chapter(chapter: Chapter, number: int, room: inside.Room) -> dict[str, Any]:
    """What the template shows of an experiment."""
    name = f"e{number}"
    shown: dict[str, Any] = {
        "id": name, "name": chapter.name, "question": chapter.question.strip(), "summary": summary(chapter),
        "warnings": warnings(chapter), "claims": claims(chapter), "lead": "", "verdicts": [], "more_verdicts": [],
        "table": None, "notes": [], "figures": [], "functions": None, "facts": record.facts(chapter.runs),
        "records": record.records(chapter), "code": listed(record.code(chapter.runs)),
        "commands": record.commands(chapter), "config_text": chapter.config_text,
        "config_file": Download("download it", "experiment.yaml",
                                as_address(chapter.config_text.encode(errors="replace"), "text/yaml"), ""),
    }  # fmt: skip
    return {**shown, **(_compared(chapter, name, room) if chapter.comparison else {})}


def _compared(chapter: Chapter, name: str, room: inside.Room) -> dict[str, Any]:
    comparison = chapter.comparison
    assert comparison is not None
    items = table.verdicts(comparison) if len(comparison.conditions) > 1 else []
    few = len(items) <= FEW_VERDICTS
    csv = comparison.table.to_csv(index=False).encode(errors="replace")
    groups = [
        inside.Group("seeds", "Every seed", figures.compared(chapter, name)),
        inside.Group("curves", "Over the training", figures.curves(chapter, f"{name}-curve")),
        *inside.groups(chapter, name, room),
    ]
    return {
        "lead": table.lead(comparison) if len(comparison.conditions) > 1 else "",
        "verdicts": items if few else [item for item in items if item.kind != "open"],
        "more_verdicts": [] if few else [item for item in items if item.kind == "open"],
        "table": table.table(comparison, chapter.looks), "legend": LEGEND, "notes": comparison.notes,
        "table_file": Download("Download the table as CSV.", f"{figures.slug(chapter.name)}.csv",
                               as_address(csv, "text/csv"), ""),
        "figures": [group for group in groups if any((group.figures, group.folded, group.films, group.text))],
        "functions": _functions(chapter),
    }  # fmt: skip


LEGEND = (
    "Mean ± standard deviation over n finished seeds; under it the 95% interval of the mean, of the difference and of "
    "the share. †: see what stands beside the verdict. A heading sorts; the name of a condition singles it out in all "
    "figures."
)


@dataclass(frozen=True)
class _FunctionRow:
    number: int
    swatch: table.Swatch
    name: str
    functions: list[functions.Function]
    cells: list[table.Cell]
    downloads: list[Download] = field(default_factory=list)


def _functions(chapter: Chapter) -> dict[str, Any]:
    downloads, note = functions.downloads(chapter)
    metrics = functions.pair_of_metrics(chapter.comparison.metric if chapter.comparison else "")
    rows = [
        _FunctionRow(number, table.swatch(chapter.looks[name]), name, functions.functions_of(runs),
                     [functions.mean_cell(runs, metric) for metric in metrics], downloads[name])
        for number, (name, runs) in enumerate(chapter.conditions.items())
    ]  # fmt: skip
    return {"metrics": [f"{metric_words(metric)}, end" for metric in metrics], "rows": rows, "note": note}


def summary(chapter: Chapter) -> str:
    """How many runs there are, of what, and how they ended."""
    conditions = f" of {counted(len(chapter.conditions), 'condition')}" if chapter.conditions else ""
    words = [f"{counted(len(chapter.runs), 'run')}{conditions}"]
    for status in ("failed", "diverged", "interrupted"):
        if count := chapter.count(status):
            words.append(f"{count} {status}")
    sets = dict.fromkeys(str((run.record.get("dataset") or {}).get("name")) for run in chapter.runs)
    words.append(f"data: {listed(list(sets))}" if sets else "")
    return "; ".join(filter(None, [*words, _when(chapter.runs)]))


def warnings(chapter: Chapter) -> list[str]:
    """What nobody may overlook: a stand-in, and a sweep that still trains."""
    found = []
    if note := comparing.stand_in_note(chapter.runs):
        found.append(f"Not the real data: {note}. These numbers say nothing about it.")
    training, waiting = chapter.count("running"), chapter.waiting
    if training or waiting:
        ended, total = len(chapter.runs) - training - chapter.count("interrupted"), len(chapter.runs) + waiting
        open_runs = listed([w for w in (f"{training} train now" if training else "",
                                        f"{waiting} have not begun" if waiting else "") if w])  # fmt: skip
        found.append(f"Not finished: {ended} of {counted(total, 'run')} have ended; {open_runs}.")
    return found


def claims(chapter: Chapter) -> list[table.Item]:
    """Each claim with its verdict and evidence."""
    return [_claim(judged) for judged in chapter.claims]


def _claim(judged: ClaimVerdict) -> table.Item:
    """What the author says first, then exactly what was held against the runs."""
    said, claim = judged.claim.says, str(judged.claim)
    return table.Item(judged.verdict, said or claim, "\n".join(filter(None, [said and claim, *claim_lines(judged)])))
