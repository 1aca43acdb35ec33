"""The report as Markdown, for a README: question, verdicts, table, how to reproduce."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from actlab.run.folder import EXPERIMENT
from actlab.show.report import page, record, table
from actlab.show.report.reading import Chapter
from actlab.show.report.words import listed, printable

SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")  # an underline within a word is one
# what would make a line a list, a heading or a rule; a number such as 0.95 makes none
AT_THE_START = re.compile(r"^([-+](?=\s|$)|-(?=[-\s]*$)|=+$|#(?=#{0,5}(\s|$))|\d{1,9}(?=[.)](\s|$)))")
LINE = "\n"
LEGEND = (
    "Mean ± standard deviation over n finished seeds; in brackets the 95% interval of the mean, of the difference and "
    "of the share. †: see what stands beside the verdict."
)


def markdown(chapters: Sequence[Chapter], title: str, wrong: Sequence[str]) -> str:
    """The report of some experiments as Markdown.

    Args:
        chapters: an experiment each.
        title: of the whole.
        wrong: sentences about what was passed over, besides those of the chapters.
    """
    alone = len(chapters) == 1 and chapters[0].name == title
    lines = [f"# {escaped(title)}", ""]
    for chapter in chapters:
        lines += _chapter(chapter, 2 if alone else 3, "" if alone else f"## {escaped(chapter.name)}")
    said = [*wrong, *(sentence for chapter in chapters for sentence in chapter.wrong)]
    lines += [*_section(2, "Damaged, missing or passed over"), *_list(said)] if said else []
    return "\n".join(lines).rstrip() + "\n"


def _chapter(chapter: Chapter, level: int, heading: str) -> list[str]:
    lines = [heading, ""] if heading else []
    lines += [escaped(chapter.question.strip()), ""] if chapter.question.strip() else []
    lines += [escaped(page.summary(chapter)), ""]
    for warning in page.warnings(chapter):
        lines += [f"> **{escaped(warning)}**", ""]
    comparison = chapter.comparison
    if comparison is not None and len(comparison.conditions) > 1:
        lines += [*_section(level, "What came out"), escaped(table.lead(comparison)), ""]
        lines += _items(table.verdicts(comparison))
    if chapter.claims:
        lines += [*_section(level, "What was expected"), *_items(page.claims(chapter))]
    if comparison is not None:
        lines += [*_section(level, "The conditions"), *_table(table.table(comparison, chapter.looks))]
        lines += [LEGEND, "", *_list(comparison.notes)]
    return [*lines, *_reproduce(chapter, level)]


def _section(level: int, title: str) -> list[str]:
    return [f"{'#' * level} {title}", ""]


def _items(items: Iterable[table.Item]) -> list[str]:
    made = [
        f"- {item.sign} **{item.word}** – {escaped(item.about)}: {escaped(item.reason.replace(LINE, '; '))}"
        for item in items
    ]
    return [*made, ""] if made else []


def _list(sentences: Sequence[str]) -> list[str]:
    return [*(f"- {escaped(sentence)}" for sentence in sentences), ""] if sentences else []


def _table(data: table.Table) -> list[str]:
    heads = [escaped(" ".join(filter(None, [column.title, column.note]))) for column in data.columns]
    rule = ["---:" if column.numeric else "---" for column in data.columns]
    rows = [[_cell(cell) for cell in row.cells] for row in data.rows]
    return [*(f"| {' | '.join(words)} |" for words in (heads, rule, *rows)), ""]


def _cell(cell: table.Cell) -> str:
    return escaped(f"{cell.text} ({cell.small})" if cell.small else cell.text)


def _reproduce(chapter: Chapter, level: int) -> list[str]:
    lines = _section(level, "How to reproduce it")
    code = listed(record.code(chapter.runs))
    lines += [f"Trained by {escaped(code)}.", ""] if code else []
    commands = [line for command, what in record.commands(chapter) for line in (f"# {what}", command)]
    lines += [*_fenced("\n".join(commands), "sh"), ""]
    if chapter.config_text:
        lines += [f"`{EXPERIMENT}`:", "", *_fenced(chapter.config_text.rstrip(), "yaml"), ""]
    for fact in record.facts(chapter.runs):
        values = [f"{value} ({count} runs)" if len(fact.values) > 1 else value for value, count in fact.values]
        lines.append(f"- {escaped(fact.name)}: {escaped(listed(values))}")
    return [*lines, ""]


def _fenced(text: str, language: str) -> list[str]:
    """A block of code that no text can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", printable(text), fence]


def escaped(text: str) -> str:
    """Text on one line that Markdown, and HTML in it, takes as it is."""
    plain = " ".join(printable(text).split())
    html = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return AT_THE_START.sub(_guarded, SPECIAL.sub(r"\\\1", html))


def _guarded(match: re.Match[str]) -> str:
    return f"{match[0]}\\" if match[0].isdecimal() else f"\\{match[0]}"
