"""What `actlab compare` prints and writes: columns that fit, sentences under them, and text for other programs."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from actlab import cli
from actlab.commands.comparison_table import columns, remarks
from actlab.commands.formats import (
    FORMATS,
    LINE_POINTS,
    _on_a_line,
    _points,
    _text_points,
    check_format,
    format_of,
    written,
)
from actlab.errors import UnknownName
from actlab.run.folder import COMPARISON, RECORD, read_json, write_json
from actlab.run.record import Run
from actlab.spec.config import RunConfig
from actlab.study.compare import Comparison, compare

Make = Callable[..., list[Run]]
HOSTILE = [
    "<script>alert(1)</script>", "a|b", "a\nb", "\\end{tabular}", "100% & $x_1^2$ #1 ~ {y}", "[click](javascript:x)",
    "*bold* _it_ `code`", '=HYPERLINK("http://x")', "\x1b[31mred\x9b", "[2em]", "*", "x, y", "**`]", "−√†±",
    "</td></table>", "&amp;", '" onclick="x',
]  # fmt: skip


@pytest.fixture
def made(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Make:
    """Conditions of so many seeds; each name is that of an activation, which may be of another version."""

    def make(names: Sequence[str] = ("relu", "elu", "tanh"), seeds: int = 6, **record: Any) -> list[Run]:
        runs = []
        for i, name in enumerate(names):
            for seed in range(seeds):
                config = resolved(seed=seed, batch_size=i + 1)
                path = make_run(tmp_path / "study", config, [0.5 + i / 50 + seed / 1000], record=record)
                data = read_json(path / RECORD)
                data["config"] |= {"batch_size": 32, "activation": {"name": name}}
                write_json(path / RECORD, data)
                runs.append(Run(path))
        return runs

    return make


def shown(comparison: Comparison) -> list[list[str]]:
    """The cells of every row, as they are before a format escapes them."""
    return [
        [" ".join(cell.split()) for cell in row]
        for row in zip(*(column.cells for column in columns(comparison, seeds=True)), strict=True)
    ]


def printable(text: str) -> str:
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in " ".join(text.split()))


# --- formats ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_csv_is_read_back_by_pandas(names: Sequence[str], made: Make) -> None:
    comparison = compare(made(names, seeds=3), sort=None)
    text = written(comparison, "csv", "study")
    assert text.replace("\n", "").isprintable()
    table = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])
    assert list(table.columns) == list(comparison.table.columns)
    assert [re.sub(r"\s", " ", name) for name in table["activation"]] == [
        "".join(c if c.isprintable() or c == " " else f"\\x{ord(c):02x}" for c in re.sub(r"\s", " ", name))
        for name in names
    ]
    for column in ("val_accuracy last mean", "difference low", "p holm", "val_accuracy last seed 2"):
        assert table[column].tolist() == pytest.approx(comparison.table[column].tolist(), nan_ok=True, rel=1e-14)


@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_json_holds_the_table_and_what_must_be_said(names: Sequence[str], made: Make) -> None:
    comparison = compare(made(names, seeds=2))
    found = json.loads(written(comparison, "json", "study", files=["x"]))
    assert [row["activation"] for row in found["conditions"]] == list(names)
    assert found["conditions"][0]["p"] is None
    assert found["conditions"][1]["difference"] == comparison.table["difference"][1]
    assert (found["metric"], found["at"], found["baseline"]) == ("val_accuracy", "last", names[0])
    assert found["notes"] == comparison.notes
    assert found["files"] == ["x"]


class Table(HTMLParser):
    """The cells of the table of a page, its list, and every tag there is."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.items: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] | None = None
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = self.rows[-1]
        if tag == "li":
            self.items.append("")
            self.open = self.items

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "li"):
            self.open = None

    def handle_data(self, data: str) -> None:
        if self.open is not None:
            self.open[-1] += data


TAGS = {"html", "head", "meta", "title", "style", "body", "table", "caption", "thead", "tbody", "tr", "th", "td", "ul",
        "li"}  # fmt: skip


@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_html_is_a_table_and_nothing_else(names: Sequence[str], made: Make) -> None:
    comparison = compare(made(names, seeds=2))
    page = Table()
    page.feed(written(comparison, "html", "<study> & others"))
    assert page.rows[0] == [" ".join(column.header.split()) for column in columns(comparison, seeds=True)]
    assert page.rows[1:] == [[printable(cell) for cell in row] for row in shown(comparison)]
    assert page.items[-len(remarks(comparison)) :] == [printable(line) for line in remarks(comparison)]
    assert page.tags <= TAGS
    assert page.attributes <= {"lang", "charset", "scope", "class"}


@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_markdown_is_a_table_with_the_sentences_as_a_list(names: Sequence[str], made: Make) -> None:
    comparison = compare(made(names, seeds=2))
    text = written(comparison, "markdown", "study", seeds=True)
    page = Table()
    page.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))
    assert page.rows[0] == [" ".join(column.header.split()) for column in columns(comparison, seeds=True)]
    assert page.rows[1:] == [[printable(cell).strip() for cell in row] for row in shown(comparison)]
    assert page.items[-len(remarks(comparison)) :] == [printable(line) for line in remarks(comparison)]
    assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td", "ul", "li"}


UNESCAPED = {r"\textbackslash{}": "\\", r"\{": "{", r"\}": "}", r"\$": "$", r"\&": "&", r"\#": "#", r"\%": "%",
             r"\_": "_", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
             r"\textgreater{}": ">", r"\textbar{}": "|", r"\char34{}": '"', r"\char96{}": "`", r"$\pm$": "±",
             r"\dag{}": "†", "$-$": "-", r"\hspace{0pt}": ""}  # fmt: skip
SIGN = re.compile("|".join(re.escape(key) for key in sorted(UNESCAPED, key=len, reverse=True)))


@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_latex_is_one_tabular_of_whole_rows(names: Sequence[str], made: Make) -> None:
    comparison = compare(made(names, seeds=2))
    text = written(comparison, "latex", "100% of study_1", seeds=True)
    bare = SIGN.sub("", text)
    commands = re.findall(r"\\(?:[a-zA-Z]+|.)", bare)
    known = "begin end centering hline caption scriptsize setlength tabcolsep raggedright footnotesize par"
    assert set(commands) <= {r"\\", *(f"\\{name}" for name in known.split())}
    assert commands.count(r"\begin") == commands.count(r"\end") == 2
    assert bare.count("{") == bare.count("}")
    inside = text.split("\\hline\n")[2].strip()
    rows = [line.removesuffix(r" \\") for line in inside.split("\n")]
    assert all(line.endswith(r" \\") for line in inside.split("\n"))
    cells = [[SIGN.sub(lambda m: UNESCAPED[m[0]], cell).strip() for cell in re.split(r"(?<!\\)&", row)] for row in rows]
    assert [[cell.removeprefix("{}") for cell in row] for row in cells] == [
        [printable(cell).strip() for cell in row] for row in shown(comparison)
    ]
    assert all(row.startswith("{}") for row in rows)  # a star or a bracket after \\ would be read as its argument
    assert not re.search(r"(?<!\\)[%#]", text)


def test_latex_fits_the_width_of_an_article(made: Make) -> None:
    """What TeX itself makes of these widths: 345 points, of which the estimate leaves a few."""
    comparison = compare(
        made(["relu", "reflection_linear", "softplus_linear", *HOSTILE, "x" * 60]), metrics=["val_accuracy", "val_loss"]
    )
    text = written(comparison, "latex", "study")
    assert r"\centering\footnotesize" in text and r"\setlength{\tabcolsep}{3pt}" in text
    (sides, header) = re.findall(r"\\begin{tabular}{@{}(.*)@{}}\n\\hline\n(.*) \\\\\n", text)[0]
    assert sides.startswith("p{95pt}"), "long names are folded"
    assert "difference" in header and "verdict" in header
    left_out = re.search(r"left out for the width of a page: ([^.]*)", text)
    assert left_out is not None and "superiority" in left_out[1] and "superiority" not in header
    chosen = [c for c in columns(comparison) if c.drop <= 6]
    kept, _, size = _on_a_line(chosen)
    assert _points(kept, size) <= LINE_POINTS < _points(chosen, size)
    assert r"\shortstack[r]{" in text and "\\{}[" in text
    caption = re.search(r"\\caption{(.*)}\n", text)
    assert caption is not None and caption[1] == "study."
    assert r"\hspace{0pt}".join(["x" * 8] * 7) in text


def test_a_narrow_table_in_latex_loses_nothing(made: Make) -> None:
    text = written(compare(made(["relu"], seeds=3)), "latex", "study")
    assert "left out" not in text and r"\shortstack" not in text


@pytest.mark.parametrize(
    ("text", "points", "measured"),
    [("0.9757 ± 0.0023", 8.5, 59.5), ("[0.9699, 0.9815]", 8.5, 57.1),
     ("-0.0582 [-0.0617, -0.0548]", 8.5, 103.4), ("not established †", 8.5, 62.4), ("not established †", 7.8, 58.8)],
)  # fmt: skip
def test_widths_are_about_those_of_tex(text: str, points: float, measured: float) -> None:
    assert measured * 0.97 <= _text_points(text, points) <= measured * 1.1


def test_what_only_few_need_is_left_out_of_a_page(made: Make) -> None:
    comparison = compare(made())
    header = written(comparison, "markdown", "study").splitlines()[0]
    assert "verdict" in header
    assert "s/epoch" not in header
    assert "by seed" in written(comparison, "markdown", "study", seeds=True).splitlines()[0]


def test_formats_are_known_by_name_and_by_ending(tmp_path: Path) -> None:
    endings = {"x.csv": "csv", "x.JSON": "json", "x.md": "markdown", "x.tex": "latex", "x.html": "html", "x": None,
               "x.d": None}  # fmt: skip
    assert {name: format_of(tmp_path / name) for name in endings} == endings
    (tmp_path / "x.csv").mkdir()
    assert format_of(tmp_path / "x.csv") is None
    for name in FORMATS:
        check_format(name)
    with pytest.raises(UnknownName, match="did you mean 'markdown'"):
        check_format("markdwon")


# --- the command -----------------------------------------------------------------------------------------------


def ask(*arguments: Any) -> str:
    answer = CliRunner().invoke(cli.app, ["compare", *map(str, arguments)], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "table"])
def test_other_formats_print_only_the_table_and_write_nothing(form: str, made: Make, tmp_path: Path) -> None:
    runs = made()
    before = set((tmp_path / "study").iterdir())
    text = ask(tmp_path / "study", "--format", form)
    assert set((tmp_path / "study").iterdir()) == before
    more = {"passed_over": [], "files": []} if form == "json" else {}
    assert text == written(compare(runs), form, "study", **more)


@pytest.mark.parametrize("ending", [".csv", ".json", ".md", ".tex", ".html"])
def test_a_file_gets_the_format_of_its_ending(ending: str, made: Make, tmp_path: Path) -> None:
    runs = made()
    file = tmp_path / "deep" / f"table{ending}"
    text = ask(tmp_path / "study", "-o", file)
    form = format_of(file)
    assert form is not None
    assert file.read_text() == written(compare(runs), form, "study")
    assert f"files: {file}" in text
    assert "relu" in text  # the table is on the screen too
    assert not (tmp_path / "study" / COMPARISON).exists()


def test_a_folder_gets_the_table_and_the_figures(made: Make, tmp_path: Path) -> None:
    made()
    ask(tmp_path / "study", "--format", "markdown", "-o", tmp_path / "out")
    assert {"comparison.csv", "val_accuracy.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_the_options_reach_the_comparison(made: Make, tmp_path: Path) -> None:
    made()
    options = ["--baseline", "elu", "--at", "epoch 1", "--metric", "val_accuracy", "--metric", "wall_seconds",
               "--where", "activation!=tanh", "--reach", "0.51", "--sort", "val_accuracy", "--json"]  # fmt: skip
    found = json.loads(ask(tmp_path / "study", *options))
    assert [row["condition"] for row in found["conditions"]] == ["elu", "relu"]
    assert (found["baseline"], found["at"]) == ("elu", "epoch 1")
    assert found["conditions"][0]["wall_seconds epoch 1 mean"] == 10.0
    assert found["conditions"][1]["val_accuracy 0.51 never"] == 6


# --- the screen ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("seeds", [1, 3, 8])
def test_a_screen_of_any_width_keeps_n_the_metric_and_the_verdict(
    width: int, seeds: int, made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(("relu", "softplus_linear", "elu"), seeds)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = ask(tmp_path / "study").splitlines()
    assert all(len(line) <= width for line in lines if not line.startswith("files: "))
    row = next(line for line in lines if line.startswith("softplus_linear"))
    assert row.split()[1] == str(seeds)
    assert row.split()[2].startswith(f"{0.52 + (seeds - 1) / 2000:.4f}")
    assert ("better" if seeds > 6 else "not established") in row
    assert "baseline" in next(line for line in lines if line.startswith("relu"))
    assert ("[" in row) == (seeds > 1 and width > 60)  # no point without its interval


def test_each_seed_is_printed_where_it_was_asked_for(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(("relu", "elu"), 3)
    monkeypatch.setenv("COLUMNS", "60")
    assert "0: 0.5200, 1: 0.5210, 2: 0.5220" not in ask(tmp_path / "study")
    assert "0: 0.5200, 1: 0.5210, 2: 0.5220" in ask(tmp_path / "study", "--seeds")
    monkeypatch.setenv("COLUMNS", "300")
    assert "0.5200 0.5210 0.5220" in ask(tmp_path / "study")


def test_the_floor_is_stated_once(made: Make) -> None:
    lines = remarks(compare(made(seeds=5)))
    floors = [line for line in lines if "the smallest p is" in line]
    assert floors == [
        "not established: all 2: with 5 pairs the smallest p is 2/2^5 = 0.0625, of which Holm over 2 such comparisons "
        "makes 0.125, which cannot get under 0.05; 7 pairs would do"
    ]


def test_the_floor_is_stated_where_it_does_not_bind(made: Make) -> None:
    assert remarks(compare(made(("selu", "gelu"), 8)))[0] == "with 8 pairs the smallest p is 2/2^8 = 0.00781"


def test_a_mark_in_the_table_is_explained_under_it(made: Make) -> None:
    runs = made(seeds=8)
    for run in runs[8:16]:
        run.record["environment"] = {"threads": 2}
    comparison = compare(runs)
    (verdicts,) = [column.cells for column in columns(comparison) if column.header == "verdict"]
    assert verdicts == ["baseline", "better †", "better"]
    assert "† elu: threads 2 against 1" in remarks(comparison)


def test_many_reasons_are_cut_with_a_word(made: Make) -> None:
    runs = made([f"f{i}" for i in range(20)])
    for i, run in enumerate(runs):
        run.record["environment"] = {"threads": i // 6}
    lines = [line for line in remarks(compare(runs)) if "†" in line]
    assert lines[-1] == "7 more remarks †: --format json or csv has them all"
    assert len(lines) == 13
