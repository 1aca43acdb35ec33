"""Row 14: script and escape codes in every text that a config, a record, a table or a folder can carry stay text."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium
from markdown_it import MarkdownIt

from actlab.show.figures.run import draw_run
from actlab.show.page.report import text as report
from actlab.show.rendering import comparison_text
from actlab.study import folders, judge
from torture.matrix import Cases, row
from torture.payloads import ESCAPES, PAYLOADS, active, commands, in_terminal, plant, spoken, unasked

# every element with its attributes; addresses by what they begin with, as their rest is data
STRUCTURE = """() => {
  const found = new Set();
  for (const part of document.querySelectorAll("*"))
    for (const name of ["", ...part.getAttributeNames()]) {
      const address = ["href", "src", "action", "xlink:href"].includes(name);
      const start = address ? (/^(#|data:[a-z]+\\/[a-z]+)/.exec(part.getAttribute(name)) ?? ["elsewhere"])[0] : "";
      found.add([part.tagName.toLowerCase(), name, start].join(" "));
    }
  for (const name of ["script", "style", "meta", "title", "base", "link"])
    found.add(`${document.querySelectorAll(name).length} of ${name}`);
  return [...found];
}"""
EXERCISE = """() => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
  for (const part of [...document.querySelectorAll("bdi, a, text, button, th")].slice(0, 400))
    for (const type of ["mouseover", "focus", "toggle", "pointerover"]) part.dispatchEvent(new Event(type));
  return [typeof pwned, getComputedStyle(document.body).display, location.protocol, document.body.childElementCount];
}"""


class Fields:
    """Gives each field other payloads, and knows the fields.

    Args:
        case: with each of `count` cases a field has other payloads; of few cases, each has several of them at once.
    """

    def __init__(self, case: int, count: int = 1, payloads: list[str] = PAYLOADS) -> None:
        self.case, self.of = case, dict[str, str]()
        most = min(-(-len(payloads) // count), 6)
        step = max(count, len(payloads) // most)
        self.payloads = [
            " ".join(payloads[(start + step * i) % len(payloads)] for i in range(most))
            for start in range(len(payloads))
        ]

    def __call__(self, field: str) -> str:
        return self.of.setdefault(field, self.payloads[(len(self.of) + self.case) % len(self.payloads)])

    @classmethod
    def plain(cls) -> Fields:
        """Texts in which there is nothing to be active."""
        return cls(0, 200, [f"plain {n}" for n in range(200)])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def shown(browser: Any, html: str, path: Path) -> tuple[set[str], list[Any], list[str]]:
    """Structure and state of a page in a browser that ignores its policy, and all that it said, asked for or did."""
    path.write_text(html, encoding="utf-8")
    context = browser.new_context(bypass_csp=True)
    page, events = context.new_page(), list[str]()
    page.on("console", lambda message: events.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: events.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (events.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: events.append(f"request: {request.url[:80]}"))
    page.on("download", lambda download: events.append(f"download: {download.url[:80]}"))
    page.goto(path.as_uri())
    state = page.evaluate(EXERCISE)
    structure = set(page.evaluate(STRUCTURE))
    context.close()
    return structure, state, [event for event in events[1:] if not event.startswith("request: data:image/webp")]


@row(14, "payloads in a field of a study, in the report in Chromium", quick=1, full=30)
def test_nothing_is_active_in_the_report(cases: Cases, browser: Any, tmp_path: Path) -> None:
    results = plant(tmp_path / "plain", Fields.plain()) / "results"
    expected, state, events = shown(browser, report([results]), tmp_path / "plain.html")
    assert (state[:3], events) == (["undefined", "block", "file:"], [])
    for shift in range(cases.count):
        fields = Fields(shift, cases.count)
        results = plant(tmp_path / str(shift), fields) / "results"
        cases.tried += len(fields.of) - 1  # the case itself is one
        with cases.one(f"shift {shift}"):
            html = report([results])
            assert active(html) == set()
            structure, now, events = shown(browser, html, tmp_path / f"{shift}.html")
            assert structure - expected == set()
            assert (now, events) == (state, [])
            assert "49" not in re.findall(r"\b49\b", html.replace("7*7", "")) or "{{ 7*7 }}" in html


@row(14, "payloads in a field of a study, in each format of compare and in Markdown", quick=1, full=len(PAYLOADS))
def test_nothing_is_active_in_other_formats(cases: Cases, browser: Any, tmp_path: Path) -> None:
    expected: set[str] = set()
    for shift in range(-1, cases.count):
        fields = Fields(shift, cases.count)
        fields = fields if shift >= 0 else Fields.plain()
        results = plant(tmp_path / str(shift), fields) / "results"
        comparison = judge.compare(folders.read([results]).runs)
        forms = {form: comparison_text(comparison, form, fields("title"), True, True)
                 for form in ("csv", "json", "markdown", "latex", "html")}  # fmt: skip
        structure, state, events = shown(browser, forms["html"], tmp_path / "table.html")
        expected = expected or structure
        cases.tried += len(fields.of) - 1
        with cases.one(f"shift {shift}"):
            for text in forms.values():
                assert active(text) == set()
            assert (structure - expected, state[:3], events) == (set(), ["undefined", "block", "file:"], [])
            for text in (forms["markdown"], report([results], "markdown")):
                tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
                kinds = {one.type for token in tokens for one in [token, *(token.children or [])]}
                assert kinds & {"html_block", "html_inline", "link_open", "image", "s_open", "blockquote_open"} <= {
                    "blockquote_open"
                }
            assert_plain_latex(forms["latex"])
            # no formula of a spreadsheet but numbers, and our own sentences that begin with one
            cells = {cell for line in csv.reader(io.StringIO(forms["csv"])) for cell in line}
            found = {cell for cell in cells if re.match(r"[=@+\-\t\r]", cell)}
            assert {cell for cell in found if not re.match(r"[-+]?[\d.]+(e[-+]\d+)?($| points over )", cell)} == set()


def assert_plain_latex(text: str) -> None:
    """Nothing of the text is a command, but what our own table is made of."""
    body = text[text.index("\\hline") :]
    known = ("hline|shortstack|textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|char34|char96"
             "|dag|hspace|caption|raggedright|footnotesize|par|end|begin")  # fmt: skip
    bare = re.sub(r"\\[{}$&#%_]|\$(?:\\pm|-)\$|\\\\(?:\{\})?", "", body)
    assert set(re.findall(r"\\([A-Za-z]+|.)", bare)) <= {*known.split("|"), "char"}, bare
    assert not re.search(r"[$#%^~_]", bare)
    assert bare.count("{") + 1 == bare.count("}")  # that of the resizebox above


@row(14, "payloads in the texts of a run, drawn into its figures", quick=1, full=len(PAYLOADS))
def test_figures_draw_payloads_as_they_are(cases: Cases, tmp_path: Path) -> None:
    for shift in cases:
        fields = Fields(shift, cases.count)
        run = next((plant(tmp_path / str(shift), fields) / "results").glob("*/*/run.json")).parent
        draw_run(run)
        cases.hold(len(list(run.glob("*.png"))) >= 5, f"shift {shift}: {sorted(run.glob('*.png'))}")


@row(14, "escape codes in a field of a study or a command line, in a pseudo-terminal", quick=1, full=30)
def test_no_escape_reaches_the_terminal(cases: Cases, tmp_path: Path) -> None:
    asked: list[list[Any]] = []
    for shift in range(cases.count):
        fields = Fields(shift, cases.count)
        asked += commands(plant(tmp_path / str(shift), fields), tmp_path / "plots")
        cases.tried += len(fields.of)
        asked += spoken(PAYLOADS[shift] if cases.count > 1 else " ".join(["<b>", *ESCAPES]))
    for arguments, code, text in in_terminal(asked, tmp_path):
        with cases.one(arguments):
            assert unasked(text) == set(), ascii(text)
            assert "Traceback" not in text, text[-2000:]
            assert code in (0, 1, 2, 130), code
