"""Text for other programs: CSV and JSON; Markdown, LaTeX and HTML by templates that print nothing as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from actlab.runs.folder import finite
from actlab.show import words
from actlab.show.tables import Column, comparison_columns, folded
from actlab.show.words import note, printable, typeset_minus
from actlab.study.frame import encodable

if TYPE_CHECKING:
    import jinja2
    import pandas as pd

    from actlab.study.judge import Comparison

TEMPLATES = Path(__file__).parent / "page" / "templates"
FORMATS = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".html": "html"}  # by a file's ending
ENDINGS = {"html": ".html", "markdown": ".md", "latex": ".tex"}
# what Markdown reads as markup: an underline within a word is none, nor is a number such as 0.95 at the start of a line
MARKUP = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")
BEGINS_BLOCK = re.compile(r"^([-+](?=\s|$)|-(?=[-\s]*$)|=+$|#(?=#{0,5}(\s|$))|\d{1,9}(?=[.)](\s|$)))")
LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\char34{}", "`": r"\char96{}", "±": r"$\pm$", "†": r"\dag{}",
    "−": "$-$", "–": "--", "\u200b": r"\hspace{0pt}", **{sign: f"\\{sign}" for sign in "{}$&#%_"},
})  # fmt: skip
LATEX_NAME = 24  # characters of a line of a name


def comparison_text(
    comparison: Comparison, form: str, title: str, wide: bool = False, every_note: bool = False, **more: Any
) -> str:
    """The comparison as text for other programs.

    Args:
        comparison: of runs.
        form: "csv" and "json" have every number in full (`docs/compare.md` names the columns); "markdown", "latex" and
            "html" have the table that a terminal shows, and its sentences below.
        title: of the study.
        wide: all columns.
        every_note: all notes.
        more: further keys of the JSON.
    """
    if form == "csv":
        import pandas as pd

        frame = comparison_frame(comparison)
        if comparison.unknown:  # a row each: what was started is left out of no file
            reasons = [str(run.record.get("reason") or "not begun") for run in comparison.unknown]
            lost = {"n": 0, "folder": [str(run.path) for run in comparison.unknown], "reason": reasons}
            frame = pd.concat([frame.astype(object), pd.DataFrame(lost, dtype=object)], ignore_index=True)
        return printable(frame.rename(columns=_no_formula).map(_no_formula).to_csv(index=False))
    if form == "json":
        results, metric = comparison.results, comparison.metric
        rows = comparison_frame(comparison).to_dict("records")
        data = {
            "sentence": words.sentence(comparison), "metric": metric, "at": comparison.at,
            "baseline": next(iter(comparison.baselines), None), "comparisons": comparison.family,
            "differs": comparison.differs,
            "conditions": [{"condition": result.name, **row} for result, row in zip(results, rows, strict=True)],
            "confounded": {r.name: [note(of, metric) for of in r.beside] for r in results if r.beside},
            "lacking": {r.name: {s: words.lack(why) for s, why in r.lacking.items()} for r in results if r.lacking},
            "notes": [note(of, metric) for of in comparison.notes], **more,
        }  # fmt: skip
        return json.dumps(finite(data), indent=2, allow_nan=False) + "\n"
    lines = [words.caption(comparison), *words.notes(comparison, every_note)[0]]
    return table_text(form, comparison_columns(comparison, wide), f"{title}: {words.sentence(comparison)}", lines)


def comparison_frame(comparison: Comparison) -> pd.DataFrame:
    """A row a condition, every number in full, and the reason of each verdict."""
    frame, results = comparison.table(), comparison.results
    if "verdict" in frame:
        place = list(frame).index("verdict") + 1
        beside = ["; ".join(note(of, comparison.metric) for of in result.beside) for result in results]
        reasons = [words.reason(result, comparison) for result in results]
        frame.insert(place, "beside", list(map(encodable, beside)))
        frame.insert(place, "reason", list(map(encodable, reasons)))
    return frame


# a number, or how our own sentences begin with one
BEGINS_WITH_NUMBER = re.compile(r"[-+]?[\d.,]+(e[-+]?\d+)?($|( points)? over \d)")


def _no_formula(cell: Any) -> Any:
    """A text that a spreadsheet would run as a formula, with the apostrophe that makes a text of it; numbers stay."""
    is_formula = isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") and not BEGINS_WITH_NUMBER.match(cell)
    return f"'{cell}" if is_formula else cell


# --- templates ---------------------------------------------------------------------------------------------------


def rendered(form: str, template: str, **values: Any) -> str:
    """A template of a form: "html", "markdown" or "latex"."""
    return _environment(form).get_template(template + ENDINGS[form]).render(**values)


@cache
def _environment(form: str) -> jinja2.Environment:
    """Templates that print nothing as it is but our own markup."""
    import jinja2  # which a table in a terminal does not need

    escape = {"html": printable, "markdown": markdown_text, "latex": latex_text}[form]
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=form == "html", undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else escape(str(value)),
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters |= {"fenced": fenced, "minus": typeset_minus, "one_line": one_line}
    return made


def table_text(form: str, columns: Sequence[Column], title: str, lines: Sequence[str]) -> str:
    """The title, the table as a terminal shows it, and the lines as a list; a "fragment" is HTML without its page."""
    shown = columns
    if form == "latex":
        shown = [column.narrowed() for column in columns]
        shown = [Column(latex_cell(c, c.header), [latex_cell(c, text) for text in c.cells], c.kind) for c in shown]
    rows = list(zip(*(column.cells for column in shown), strict=True))
    template, form = ("fragment", "html") if form == "fragment" else ("table", form)
    return rendered(form, template, columns=shown, rows=rows, title=title, lines=lines)


def one_line(text: str) -> str:
    """With single spaces, and nothing that could drive a terminal."""
    return printable(" ".join(text.split()))


def markdown_text(text: str) -> str:
    """Text on one line that Markdown, and HTML in it, takes as it is."""
    plain = MARKUP.sub(r"\\\1", one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return BEGINS_BLOCK.sub(lambda match: f"{match[0]}\\" if match[0].isdecimal() else f"\\{match[0]}", plain)


def fenced(text: str, language: str) -> Markup:
    """A block of code of Markdown that no text can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{printable(text)}\n{fence}")


def latex_text(text: str) -> str:
    """Text on one line that LaTeX takes as it is; where a name is long it may break."""
    return re.sub(r"\S{8}(?=\S{11})", "\\g<0>\u200b", typeset_minus(one_line(text))).translate(LATEX)


def latex_cell(column: Column, text: str) -> Markup:
    """A cell with its lines below each other."""
    lines = list(map(latex_text, (folded(one_line(text), LATEX_NAME) if column.kind == "name" else text).split("\n")))
    side, stack = "r" if column.kind == "number" else "l", " \\\\{}".join(lines)
    return Markup(lines[0] if len(lines) == 1 else rf"\shortstack[{side}]{{{stack}}}")
