"""Write a report: one file of HTML with all that it needs, or Markdown for a README; both from the same sections."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from actlab import __version__
from actlab.errors import ActlabError, UnknownName
from actlab.runs.folder import make_folder, write_bytes
from actlab.show import words
from actlab.show.figures.comparison import looks_of
from actlab.show.page.chapter import read
from actlab.show.page.figures import Drawer
from actlab.show.page.section import recipes, section
from actlab.show.page.svg import color_style
from actlab.show.rendering import TEMPLATES, rendered

FORMS, PAGES = ("html", "markdown"), ("", ".html", ".htm", ".md", ".markdown", ".txt")


def write(
    paths: Sequence[Path], out: Path, form: str = "html", title: str | None = None, refresh: int = 0, **choices: Any
) -> None:
    """Write the report of some experiments into a file, which is replaced at once; the arguments are those of `text`.

    Raises:
        ActlabError: there is no run, a choice fits none of the experiments, or the file cannot be written.
    """
    if form not in FORMS:
        raise UnknownName("format", form, FORMS)
    if out.is_file() and out.suffix.lower() not in PAGES:  # a config, perhaps, that no page may replace
        raise ActlabError(f"{out}: is there, and is no page; name a file that ends in .html or .md")
    made = text(paths, form, title, refresh, **choices).encode()
    make_folder(out.parent)
    write_bytes(out, made)


def text(paths: Sequence[Path], form: str = "html", title: str | None = None, refresh: int = 0, **choices: Any) -> str:
    """The report of some experiments.

    Args:
        paths: run directories, experiment directories, and their parents.
        form: "html", or "markdown" without figures.
        title: of the page; the names of the experiments by default.
        refresh: seconds after which a browser loads the page again; 0 for never.
        choices: what `compare` takes besides the runs: metrics, at, baseline, by, where.

    Raises:
        ActlabError: there is no run, or a choice fits none of the experiments.
    """
    chapters, passed_over = read(paths, choices)
    names = [chapter.name for chapter in chapters]
    several = f"{names[0]}, {names[-1]} and {len(names) - 2} other experiments" if len(names) > 3 else ""
    looks = iter(looks_of([chapter.comparison for chapter in chapters if chapter.comparison]))
    sections = []
    for number, (chapter, recipe) in enumerate(zip(chapters, recipes(chapters, form, title, choices), strict=True)):
        look_of = next(looks) if chapter.comparison else {}
        made = section(chapter, look_of, number, recipe)
        if chapter.comparison and form == "html":
            made |= Drawer(chapter.comparison, look_of, made["id"], len(chapters)).figures()
        sections.append(made)
    runs = sum(len(chapter.runs) for chapter in chapters)
    return _rendered(
        form, title or several or words.listed(names), sections, refresh,
        [*passed_over, *(problem for chapter in chapters for problem in chapter.problems)],
        f"{words.counted(len(chapters), 'experiment')}, {words.counted(runs, 'run')}",
    )  # fmt: skip


def nothing_yet(reason: str, refresh: int) -> str:
    """A page that has nothing to show, and says why."""
    return _rendered("html", "Nothing to show yet", [], refresh, [reason], "")


def _rendered(
    form: str, title: str, sections: list[dict[str, Any]], refresh: int, problems: list[str], summary: str
) -> str:
    css, script = ((TEMPLATES / name).read_text("utf-8") for name in ("report.css", "report.js"))
    style = color_style() + css
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return rendered(
        form, "report", title=title, chapters=sections, problems=problems, summary=summary, refresh=refresh,
        policy=policy, style=Markup(style), script=Markup(script), generator=f"actlab {__version__}",
    )  # fmt: skip


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
