"""A comparison as text for other programs: CSV, JSON, Markdown, LaTeX, HTML.

What stands in a table comes from config files and records of anywhere. Each format has signs that would end a cell, a
table or the text; a name must not be able to write them.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from actlab.commands.comparison_table import caption, columns, remarks
from actlab.commands.output import printable
from actlab.compare import Comparison
from actlab.errors import UnknownName
from actlab.registry import nearest
from actlab.tables import Column

SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".html": "html"}
FORMATS = ("table", *SUFFIXES.values())
MOST_OF_A_PAGE = 6  # columns that are dropped before this rank on a terminal are left out of Markdown and LaTeX

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "`": r"\char96{}", "±": r"$\pm$", "†": r"\dag{}",
}  # fmt: skip
MINUS = re.compile(r"(?<![\w)])-(?=\d)")  # before a number; in a name it is a hyphen
MARKDOWN = set("\\`*_[|~$")  # `<`, `>` and `&` become entities, since Markdown may hold HTML
BEGINS_BLOCK = re.compile(r"^(?=[#+-] )|^(?=[=-]+$)|(?<=^\d)(?=[.)] )")  # a list, a heading


def check_format(name: str) -> None:
    """That there is such a format.

    Raises:
        UnknownName: with the nearest one.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, nearest(name, list(FORMATS)), list(FORMATS))


def format_of(path: Path) -> str | None:
    """The format that the ending of a file's name asks for; None for a folder."""
    return None if path.is_dir() else SUFFIXES.get(path.suffix.lower())


def written(comparison: Comparison, form: str, title: str, seeds: bool = False, **more: Any) -> str:
    """The comparison in a format.

    Args:
        comparison: of finished runs.
        form: "csv", "json", "markdown", "latex" or "html".
        title: of the study.
        seeds: whether each seed's value is among the columns of Markdown and LaTeX; the other formats always have all.
        more: further keys of the JSON.
    """
    if form == "csv":
        return printable(comparison.table.to_csv(index=False))
    if form == "json":
        return json.dumps({**plain(comparison), **more}, allow_nan=False) + "\n"
    chosen = columns(comparison, seeds=seeds or form == "html")
    if form != "html" and not seeds:
        chosen = [column for column in chosen if column.drop <= MOST_OF_A_PAGE]
    return WRITERS[form](chosen, title, [*caption(comparison), *remarks(comparison)])


def plain(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain data, with null for what is not there."""
    rows = [{str(key): _finite(value) for key, value in row.items()} for row in comparison.table.to_dict("records")]
    names = list(comparison.conditions)
    return {
        "metric": comparison.metric, "at": comparison.at, "baseline": comparison.baseline or None,
        "comparisons": comparison.comparisons, "differs": comparison.differs,
        "conditions": [{"condition": name, **row} for name, row in zip(names, rows, strict=True)],
        "confounded": {name: words for name, words in comparison.confounded.items() if words},
        "lacking": {name: words for name, words in comparison.lacking.items() if words},
        "floors": list(comparison.floors.values()), "notes": comparison.notes,
    }  # fmt: skip


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- tables ----------------------------------------------------------------------------------------------------


def _markdown(chosen: Sequence[Column], title: str, sentences: Sequence[str]) -> str:
    lines = [[_in_markdown(column.header) for column in chosen]]
    lines.append(["---:" if column.right else "---" for column in chosen])
    lines += [[_in_markdown(cell) for cell in row] for row in zip(*(column.cells for column in chosen), strict=True)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    items = [BEGINS_BLOCK.sub(r"\\", _in_markdown(sentence)) for sentence in sentences]
    return table + "\n" + "".join(f"- {item}\n" for item in items)


def _in_markdown(text: str) -> str:
    entities = html.escape(_one_line(text), quote=False)
    return "".join(f"\\{sign}" if sign in MARKDOWN else sign for sign in entities)


def _latex(chosen: Sequence[Column], title: str, sentences: Sequence[str]) -> str:
    # without {} a name could be read as what may follow \\\\: a star, or a length in brackets
    rows = ["{}" + " & ".join(map(_in_latex, row)) for row in zip(*(column.cells for column in chosen), strict=True)]
    sides = "".join("r" if column.right else "l" for column in chosen)
    header = " & ".join(_in_latex(column.header) for column in chosen)
    body = "".join(f"{row} \\\\\n" for row in rows)
    notes = " ".join(f"{_in_latex(sentence)}." for sentence in sentences)
    return (
        "\\begin{table}\n\\centering\n\\begin{tabular}{" + sides + "}\n\\hline\n" + f"{header} \\\\\n\\hline\n{body}"
        "\\hline\n\\end{tabular}\n\\caption{" + f"{_in_latex(title)}. {notes}" + "}\n\\end{table}\n"
    )


def _in_latex(text: str) -> str:
    return MINUS.sub("$-$", "".join(LATEX.get(sign, sign) for sign in _one_line(text)))


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2em; color-scheme: light dark; }}
table {{ border-collapse: collapse; }} caption {{ text-align: left; font-weight: bold; padding-bottom: .5em; }}
th, td {{ padding: .25em .75em; border-bottom: 1px solid #8886; text-align: left; white-space: nowrap; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; }} li {{ max-width: 60em; }}
</style></head><body>
<table>
<caption>{title}</caption>
<thead><tr>{header}</tr></thead>
<tbody>
{body}</tbody>
</table>
<ul>
{sentences}</ul>
</body></html>
"""


def _html(chosen: Sequence[Column], title: str, sentences: Sequence[str]) -> str:
    sides = [' class="number"' if column.right else "" for column in chosen]
    header = "".join(
        f'<th scope="col"{side}>{_in_html(column.header)}</th>' for side, column in zip(sides, chosen, strict=True)
    )
    body = "".join(
        f"<tr>{''.join(f'<td{side}>{_in_html(cell)}</td>' for side, cell in zip(sides, row, strict=True))}</tr>\n"
        for row in zip(*(column.cells for column in chosen), strict=True)
    )
    items = "".join(f"<li>{_in_html(sentence)}</li>\n" for sentence in sentences)
    return PAGE.format(title=_in_html(title), header=header, body=body, sentences=items)


def _in_html(text: str) -> str:
    return html.escape(_one_line(text))


def _one_line(text: str) -> str:
    return printable(" ".join(str(text).split()))


WRITERS: dict[str, Callable[[Sequence[Column], str, Sequence[str]], str]] = {
    "markdown": _markdown, "latex": _latex, "html": _html,
}  # fmt: skip
