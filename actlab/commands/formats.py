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
from dataclasses import replace
from pathlib import Path
from typing import Any

from actlab.commands.comparison_table import caption, columns, remarks
from actlab.commands.output import printable
from actlab.errors import UnknownName
from actlab.registry import nearest
from actlab.run.fitted import Column
from actlab.study.compare import Comparison

SUFFIXES = {".csv": "csv", ".json": "json", ".md": "markdown", ".tex": "latex", ".html": "html"}
FORMATS = ("table", *SUFFIXES.values())
MOST_OF_A_PAGE = 6  # columns that are dropped before this rank on a terminal are left out of Markdown and LaTeX

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}", "`": r"\char96{}", "±": r"$\pm$", "†": r"\dag{}",
}  # fmt: skip
# what a line of an article holds, in points, at the sizes of letters that are tried: command, points a letter, gap
LINE_POINTS = 340.0
SIZES = (("", 10.0, 6.0), (r"\footnotesize", 8.5, 3.0), (r"\scriptsize", 7.8, 3.0))
NARROW, BROAD = set(" .,:;[]()|!'ijlt1rf-"), set("−±+=†mwMW%@")
MOST_NAME_POINTS = 95.0  # from which on the names of conditions are folded
STACKED = re.compile(r" (\[[^]]*\]|± \S+|established.*)$")  # what may stand on a second line of its cell
BREAK, LONGEST_WORD, BROKEN_EVERY = r"\hspace{0pt}", 18, 8  # signs of a word that is folded
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
    kept, left_out, (size, points, gap) = _on_a_line(chosen)
    told = [*sentences, *([f"left out for the width of a page: {', '.join(left_out)}"] if left_out else [])]
    # without {} a name could be read as what may follow \\: a star, or a length in brackets
    columns = [[_cell_in_latex(column, cell) for cell in column.cells] for column in kept]
    rows = ["{}" + " & ".join(row) for row in zip(*columns, strict=True)]
    sides = "".join(_side(column, points) for column in kept)
    header = " & ".join(_in_latex(column.header) for column in kept)
    body = "".join(f"{row} \\\\\n" for row in rows)
    notes = " ".join(f"{_in_latex(sentence)}." for sentence in told)
    return (
        f"\\begin{{table}}\n\\centering{size}\n\\setlength{{\\tabcolsep}}{{{gap:g}pt}}\n"
        f"\\begin{{tabular}}{{@{{}}{sides}@{{}}}}\n\\hline\n{header} \\\\\n\\hline\n{body}\\hline\n\\end{{tabular}}\n"
        f"\\caption{{{_in_latex(title)}.}}\n{{\\raggedright\\footnotesize {notes}\\par}}\n\\end{{table}}\n"
    )


def _on_a_line(chosen: Sequence[Column]) -> tuple[list[Column], list[str], tuple[str, float, float]]:
    """The columns that fit on a line of an article, the names of the others, and the size of the letters.

    The size is the largest at which all have room. Where they have none, intervals stand under their numbers, and then
    those columns that matter least are left out, unless each seed was asked for: then all stay.
    """
    kept, left_out = list(chosen), list[str]()
    if any(column.header == "by seed" for column in chosen):
        return kept, [], SIZES[-1]
    while True:
        stacked = list(map(_stacked, kept))
        ways = [*((kept, size) for size in SIZES), *((stacked, size) for size in SIZES[1:])]
        found = next(((columns, size) for columns, size in ways if _points(columns, size) <= LINE_POINTS), None)
        last = max(kept, key=lambda column: column.drop)
        if found or not last.drop:
            columns, size = found or ways[-1]
            return columns, left_out, size
        kept = [column for column in kept if column is not last]
        left_out.append(last.header)


def _stacked(column: Column) -> Column:
    """With interval or spread on a line of its own, under its number."""
    if column.folds:
        return column
    return replace(column, cells=[STACKED.sub(r"\n\1", cell) for cell in column.cells])


def _cell_in_latex(column: Column, text: str) -> str:
    if column.folds:
        return " ".join(BREAK.join(map(_in_latex, _parts(word))) for word in _one_line(text).split(" "))
    written = list(map(_in_latex, text.split("\n")))
    side = "r" if column.right else "l"
    stack = " \\\\{}".join(written)  # {}: a bracket behind \\\\ would be read as its argument
    return written[0] if len(written) == 1 else f"\\shortstack[{side}]{{{stack}}}"


def _parts(word: str) -> list[str]:
    """A word as it may be broken, without a sign that is not part of it; TeX itself breaks no name."""
    if len(word) <= LONGEST_WORD:
        return [word]
    return [word[start : start + BROKEN_EVERY] for start in range(0, len(word), BROKEN_EVERY)]


def _points(columns: Sequence[Column], size: tuple[str, float, float]) -> float:
    _, points, gap = size
    return sum(_column_points(column, points) for column in columns) + 2 * gap * (len(columns) - 1)


def _column_points(column: Column, points: float) -> float:
    lines = [line for text in [column.header, *column.cells] for line in text.split("\n")]
    widest = max(_text_points(line, points) for line in lines)
    return min(widest, MOST_NAME_POINTS) if column.folds else widest


def _text_points(text: str, points: float) -> float:
    """About what the letters of TeX take; those of other scripts are as wide as they are high."""
    ems, text = {True: 0.3, False: 0.53}, MINUS.sub("−", text)
    return points * sum(0.8 if c in BROAD or c.isupper() else ems[c in NARROW] if ord(c) < 591 else 1.0 for c in text)


def _side(column: Column, points: float) -> str:
    """How a column is set: names that are too long are folded."""
    if column.folds and _column_points(column, points) >= MOST_NAME_POINTS:
        return f"p{{{MOST_NAME_POINTS:g}pt}}"
    return "r" if column.right else "l"


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
