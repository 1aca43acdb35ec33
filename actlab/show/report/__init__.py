"""A page to send to others: the question, the verdicts, the table, the figures, the data and how to reproduce them.

    reading    the experiments in the paths, each a chapter
    table      conditions and verdicts
    figures    curves; inside: what the probes saw; svg: a figure as part of a page
    functions  each activation: its curve, its equation, its data
    record     what was trained, where and how
    page       all of it as one HTML file; markdown: as Markdown; current: kept up to date

Everything is read from run directories. The page is one file that works from a disk without a network; it holds no
script but its own, and nothing that a name in a record could make run. TensorFlow is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from actlab.show.report.markdown import markdown
from actlab.show.report.page import html, nothing_yet
from actlab.show.report.reading import Chapter, read
from actlab.show.report.words import listed

__all__ = ["nothing_yet", "report", "report_markdown"]


def report(paths: Sequence[Path], title: str | None = None, version: str | None = None, **choices: Any) -> str:
    """The report of some experiments, as HTML.

    Args:
        paths: run directories, experiment directories, and their parents.
        title: of the page; the names of the experiments by default.
        version: of a page that is watched; None for a file.
        choices: what `compare` takes besides the runs: metrics, at, baseline, by, where.

    Raises:
        ActlabError: there is no run, or a choice fits none of the experiments.
    """
    chapters, passed_over = read(paths, choices)
    return html(chapters, title or _title(chapters), passed_over, version)


def report_markdown(paths: Sequence[Path], title: str | None = None, **choices: Any) -> str:
    """The report of some experiments, as Markdown; the arguments are those of `report`."""
    chapters, passed_over = read(paths, choices)
    return markdown(chapters, title or _title(chapters), passed_over)


def _title(chapters: Sequence[Chapter]) -> str:
    names = [chapter.name for chapter in chapters]
    return listed(names) if len(names) <= 3 else f"{names[0]}, {names[1]} and {len(names) - 2} other experiments"
