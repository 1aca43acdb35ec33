"""`actlab report`: the page that one sends to others."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rich.text import Text

from actlab.commands.output import console
from actlab.errors import ActlabError, UnknownName
from actlab.registry import nearest
from actlab.run.folder import EXPERIMENT, make_folder, write_bytes
from actlab.show import report as reporting
from actlab.study.measures import parse_where

FORMATS = ("html", "markdown")
REPORT = "report.html"


def report(
    paths: list[Path], form: str, out: Path | None, title: str | None, metrics: list[str], at: str,
    baseline: str | None, by: list[str], where: list[str],
) -> None:  # fmt: skip
    """Write the report of some paths; as Markdown, without a file, onto stdout."""
    if form not in FORMATS:
        raise UnknownName("format", form, nearest(form, list(FORMATS)), list(FORMATS))
    conditions = [condition for text in where for condition in parse_where(text)]
    choices: dict[str, Any] = {"metrics": metrics, "at": at, "baseline": baseline, "by": by, "where": conditions}
    if form == "markdown" and out is None:
        sys.stdout.write(reporting.report_markdown(paths, title, **choices))
        return
    target = out or _folder(paths) / REPORT
    if target.is_dir():
        raise ActlabError(f"{target}: is a folder; name a file, such as {target / REPORT}")
    text = (reporting.report if form == "html" else reporting.report_markdown)(paths, title, **choices)
    make_folder(target.parent)
    data = text.encode()
    write_bytes(target, data)
    console().print(Text(f"report: {target} ({len(data) / 1e6:.2f} MB)"), soft_wrap=True)


def _folder(paths: list[Path]) -> Path:
    """Into the experiment that was named; of several, or of a run, into the current folder."""
    return paths[0] if len(paths) == 1 and (paths[0] / EXPERIMENT).is_file() else Path.cwd()
