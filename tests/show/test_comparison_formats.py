"""What `actlab compare` prints and writes: columns that fit, sentences under them, and text for other programs."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from actlab import cli
from actlab.errors import UnknownName
from actlab.runs.folder import COMPARISON, RECORD, read_json, write_json
from actlab.runs.record import Run
from actlab.show.rendering import FORMATS, comparison_text, table_text
from actlab.show.tables import Column, comparison_columns
from actlab.show.words import caption, note, notes, number, printable, sentence, typeset_minus
from actlab.spec.config import RunConfig
from actlab.study.judge import Comparison, compare

Make = Callable[..., list[Run]]
HOSTILE = [
    "<script>alert(1)</script>", "a|b", "a\nb", "\\end{tabular}", "100% & $x_1^2$ #1 ~ {y}", "[click](javascript:x)",
    "*bold* _it_ `code`", '=HYPERLINK("http://x")', "\x1b[31mred\x9b", "[2em]", "*", "x, y", "**`]", "−√†±",
    "</td></table>", "&amp;", '" onclick="x', "12. twelve", "# head", "+ plus", "- minus", "> said", "-0.5",
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


def shown(comparison: Comparison, wide: bool = False) -> list[list[str]]:
    """The header and the cells of every row, as they are before a format escapes them."""
    columns = comparison_columns(comparison, wide)
    rows = [[column.header for column in columns], *zip(*(column.cells for column in columns), strict=True)]
    return [[one_line(cell) for cell in row] for row in rows]


def sentences(comparison: Comparison) -> list[str]:
    return [one_line(line) for line in (caption(comparison), *notes(comparison)[0])]


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))


# --- formats ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_csv_is_read_back_by_pandas(names: Sequence[str], made: Make) -> None:
    comparison = compare(made(names, seeds=3), sort=None)
    text = comparison_text(comparison, "csv", "study")
    assert text.replace("\n", "").isprintable()
    table = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values=[""])
    whole = comparison.table()
    assert [column for column in table if column not in ("reason", "beside")] == list(whole)
    written = [f"'{name}" if name.startswith(("=", "+ ", "- ")) else name for name in names]
    assert list(map(one_line, table["activation"])) == [printable(re.sub(r"\s", " ", n)) for n in written]
    for column in ("val_accuracy last mean", "difference low", "p", "p alone", "val_accuracy last seed 2"):
        assert table[column].tolist() == pytest.approx(whole[column].tolist(), nan_ok=True, rel=1e-14)


@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_json_holds_the_table_and_what_must_be_said(names: Sequence[str], made: Make) -> None:
    comparison = compare(made(names, seeds=2))
    found = json.loads(comparison_text(comparison, "json", "study", files=["x"]))
    assert [row["activation"] for row in found["conditions"]] == list(names)
    assert found["conditions"][0]["p"] is None
    assert found["conditions"][1]["difference"] == comparison.table()["difference"][1]
    assert (found["metric"], found["at"], found["baseline"]) == ("val_accuracy", "last", names[0])
    assert found["sentence"] == sentence(comparison)
    assert found["notes"] == list(map(note, comparison.notes))
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


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_html_is_a_table_and_nothing_else(names: Sequence[str], wide: bool, made: Make) -> None:
    comparison = compare(made(names, seeds=2))
    page = Table()
    page.feed(comparison_text(comparison, "html", "<study> & others", wide))
    assert page.rows == [list(map(typeset_minus, row)) for row in shown(comparison, wide)]
    assert page.items == list(map(typeset_minus, sentences(comparison)))
    assert page.tags <= TAGS
    assert page.attributes <= {"lang", "charset", "scope", "class"}


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("names", [("relu", "elu", "tanh"), HOSTILE])
def test_markdown_is_a_table_with_the_sentences_as_a_list(names: Sequence[str], wide: bool, made: Make) -> None:
    comparison = compare(made(names, seeds=2))
    text = comparison_text(comparison, "markdown", "12. study", wide)
    page = Table()
    page.feed(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))
    assert page.rows == shown(comparison, wide)
    assert page.items == sentences(comparison)
    assert page.tags <= {"p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}


@pytest.mark.parametrize("name", [name for name in HOSTILE if "\n" not in name])
def test_no_name_begins_a_block_of_markdown(name: str) -> None:
    page = Table()
    page.feed(
        MarkdownIt("commonmark", {"html": True}).render(table_text("markdown", [Column("x", [name])], name, [name]))
    )
    assert page.items == [one_line(name)]
    assert page.tags <= {"p", "ul", "li"}


UNESCAPED = {r"\textbackslash{}": "\\", r"\{": "{", r"\}": "}", r"\$": "$", r"\&": "&", r"\#": "#", r"\%": "%",
             r"\_": "_", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
             r"\textgreater{}": ">", r"\textbar{}": "|", r"\char34{}": '"', r"\char96{}": "`", r"$\pm$": "±",
             r"\dag{}": "†", "$-$": "−", "--": "–", r"\hspace{0pt}": ""}  # fmt: skip
SIGN = re.compile("|".join(re.escape(key) for key in sorted(UNESCAPED, key=len, reverse=True)))
STACK = re.compile(r"\\shortstack\[[lr]\]\{(.*?)\}(?= &| \\\\|$)")


def unescaped(text: str) -> str:
    return SIGN.sub(lambda match: UNESCAPED[match[0]], text)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("names", [("relu", "elu", "tanh", "x" * 60), HOSTILE])
def test_latex_is_one_tabular_of_whole_rows(names: Sequence[str], wide: bool, made: Make) -> None:
    comparison = compare(made(names, seeds=3))
    text = comparison_text(comparison, "latex", "100% of study_1", wide)
    bare = re.sub(r"\\[{}]", "", SIGN.sub("", text))
    commands = set(re.findall(r"\\(?:[a-zA-Z]+|.)", bare))
    known = "begin end centering resizebox ifdim width linewidth else fi hline caption raggedright footnotesize par "
    assert commands <= {r"\\", *(f"\\{name}" for name in f"{known} shortstack".split())}
    assert bare.count(r"\begin") == bare.count(r"\end{") == 2
    assert bare.count("{") == bare.count("}")
    inside = text.split("\\hline\n")[2].strip()
    rows = [line.removesuffix(r" \\") for line in inside.split("\n")]
    assert all(line.endswith(r" \\") for line in inside.split("\n"))
    assert all(row.startswith("{}") for row in rows)  # a star or a bracket after \\ would be read as its argument
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)&", row.removeprefix("{}"))] for row in rows]
    plain = [
        [SIGN.sub(lambda m: UNESCAPED[m[0]], STACK.sub(r"\1", cell).replace(r" \\{}", "")) for cell in row]
        for row in cells
    ]
    expected = [[typeset_minus(cell) for cell in row] for row in shown(comparison, wide)[1:]]
    assert [[cell.replace(" ", "") for cell in row] for row in plain] == [
        [cell.replace(" ", "") for cell in row] for row in expected
    ]
    assert not re.search(r"(?<!\\)[%#]", text.replace("{!}{%", ""))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no LaTeX here")
@pytest.mark.parametrize("wide", [False, True])
def test_latex_compiles_and_fits_the_lines_of_an_article(wide: bool, made: Make, tmp_path: Path) -> None:
    names = [name for name in HOSTILE if "√" not in name]  # which needs LuaLaTeX or XeLaTeX
    comparison = compare(made([*names, "x" * 60]), metrics=["val_accuracy", "val_loss"])
    head = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{graphicx}\begin{document}"
    body = comparison_text(comparison, "latex", "study", wide)
    (tmp_path / "t.tex").write_text(f"{head}\n{body}\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_exponents_are_ascii(form: str) -> None:
    assert "1.000e-05" in table_text(form, [Column("x", [number(1e-5)])], "study", [])


def test_formats_are_known_by_name(made: Make, tmp_path: Path) -> None:
    made(seeds=1)
    answer = CliRunner().invoke(cli.app, ["compare", str(tmp_path / "study"), "--format", "markdwon"])
    assert isinstance(answer.exception, UnknownName)
    assert "did you mean 'markdown'" in str(answer.exception)


# --- the command -----------------------------------------------------------------------------------------------


def ask(*arguments: Any) -> str:
    answer = CliRunner().invoke(cli.app, ["compare", *map(str, arguments)], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


@pytest.mark.parametrize("form", list(FORMATS.values()))
def test_other_formats_print_only_the_table_and_write_nothing(form: str, made: Make, tmp_path: Path) -> None:
    runs = made()
    before = set((tmp_path / "study").iterdir())
    text = ask(tmp_path / "study", "--format", form)
    assert set((tmp_path / "study").iterdir()) == before
    more = {"passed_over": [], "files": []} if form == "json" else {}
    assert text == comparison_text(compare(runs), form, "study", **more)


@pytest.mark.parametrize("ending", [".csv", ".json", ".md", ".tex", ".html"])
def test_a_file_gets_the_format_of_its_ending(ending: str, made: Make, tmp_path: Path) -> None:
    runs = made()
    file = tmp_path / "deep" / f"table{ending}"
    text = ask(tmp_path / "study", "-o", file)
    assert file.read_text() == comparison_text(compare(runs), FORMATS[ending], "study")
    assert f"file: {file}" in text
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


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("seeds", [1, 3, 8])
@pytest.mark.usefixtures("undrawn")
def test_a_screen_of_any_width_answers_on_its_first_line(
    width: int, seeds: int, made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(("relu", "softplus_linear", "elu"), seeds)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = ask(tmp_path / "study").splitlines()
    assert all(len(line) <= width for line in lines if not line.startswith(("files in ", "file: ")))
    answer, table, _ = "\n".join(line.rstrip() for line in lines).split("\n\n", 2)
    begins = {8: "elu and softplus_linear are better than relu", 3: "none of 2", 1: "no difference from relu is"}[seeds]
    assert " ".join(answer.split()).startswith(begins)
    assert f"{52 + (seeds - 1) / 20:.2f}" in table and ("±" in table) == (seeds > 1)
    assert table.count("baseline") == 1
    assert ("+2.00" in table) == (width >= 60)


@pytest.mark.parametrize("width", [60, 100, 200])
@pytest.mark.usefixtures("undrawn")
def test_seven_columns_at_most_and_all_of_them_where_asked_for(
    width: int, made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = compare(made())
    assert len(comparison_columns(comparison)) == 7
    monkeypatch.setenv("COLUMNS", str(width))
    shortly, wholly = ask(tmp_path / "study"), ask(tmp_path / "study", "--wide")
    for header in ("superiority", "iqm", "median", "seed: value", "parameters", "s/epoch", "95% interval", "p alone"):
        assert header not in shortly.split("\n\n")[1]
        assert header in wholly
    assert "left out" not in wholly
    assert "0: 54.00, 1: 54.10, 2: 54.20" in " ".join(wholly.split())


@pytest.mark.usefixtures("undrawn")
def test_each_seed_is_printed_where_it_was_asked_for(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(("relu", "elu"), 3)
    monkeypatch.setenv("COLUMNS", "60")
    assert "0: 52.00, 1: 52.10, 2: 52.20" not in ask(tmp_path / "study")
    assert "0: 52.00, 1: 52.10, 2: 52.20" in ask(tmp_path / "study", "--seeds")


@pytest.mark.usefixtures("undrawn")
def test_the_epochs_to_a_level_stand_in_the_table(made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    made(("relu", "elu"), 3)
    shown = ask(tmp_path / "study", "--reach", "0.51")
    assert "epochs to 0.51" in shown and "never" in shown and "seconds to" not in shown
    assert "seconds to 0.51" in ask(tmp_path / "study", "--reach", "0.51", "--wide")


@pytest.mark.usefixtures("undrawn")
def test_a_mark_in_the_table_is_explained_under_it(made: Make, tmp_path: Path) -> None:
    runs = made(seeds=8)
    for run in runs[8:16]:
        run.record["environment"] = {"threads": 2}
        write_json(run.path / RECORD, run.record)
    comparison = compare(list(map(Run, (run.path for run in runs))))
    (verdicts,) = [column.cells for column in comparison_columns(comparison) if column.header == "verdict"]
    assert verdicts == ["baseline", "better †", "better"]
    assert "† elu: threads 2 against 1" in notes(comparison)[0]
    assert "† elu: threads 2 against 1" in ask(tmp_path / "study")


@pytest.mark.usefixtures("undrawn")
def test_four_notes_at_most_and_the_rest_is_counted(made: Make, tmp_path: Path) -> None:
    runs = made([f"f{i}" for i in range(12)], seeds=6)
    for i, run in enumerate(runs):
        run.record["environment"] = {"threads": i // 6}
        write_json(run.path / RECORD, run.record)
    comparison = compare([Run(run.path) for run in runs])
    lines, left_out = notes(comparison)
    every, none = notes(comparison, every=True)
    assert (len(lines), none) == (4, 0)
    assert len(every) == len(lines) + left_out
    text = ask(tmp_path / "study")
    assert text.count("†") == 11 + 4
    assert f"{left_out} more notes: --notes" in text
    assert ask(tmp_path / "study", "--notes").count(": threads") == 11


@pytest.mark.usefixtures("undrawn")
def test_several_keys_make_one_name_or_a_column_each(
    tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many keys differ, every condition keeps n, its whole mean and its verdict."""
    for norm in ("none", "before"):
        for rate in (0.01, 0.1):
            for momentum in (0.0, 0.8):
                optimizer = {"name": "sgd", "learning_rate": rate, "momentum": momentum}
                model = {"name": "mnist_dense", "batch_norm": norm}
                for seed in (0, 1):
                    config = resolved(activation="sigmoid", model=model, optimizer=optimizer, seed=seed)
                    make_run(tmp_path / "study", config, [0.9 + seed / 100])
    for width in range(40, 110, 10):
        monkeypatch.setenv("COLUMNS", str(width))
        table = ask(tmp_path / "study").split("\n\n")[1]
        assert len(re.findall(r"90\.50\s", table)) == 8 and table.count("± 0.71") in (8, 16)
        assert sum("established" in line or "baseline" in line for line in table.splitlines()) == 8
    monkeypatch.setenv("COLUMNS", "300")
    head = ask(tmp_path / "study", "--wide").splitlines()[2]
    assert all(key in head for key in ("model.batch_norm", "optimizer.learning_rate", "optimizer.momentum"))


@pytest.mark.usefixtures("undrawn")
def test_what_is_no_terminal_has_no_width(made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    made(["x" * 100, "y" * 100], seeds=2)
    head, *rows = ask(tmp_path / "study", "--wide").split("\n\n")[1].splitlines()
    assert len(rows) == 2 and all(name in head for name in ("condition", "seed: value", "data"))


@pytest.mark.usefixtures("undrawn")
def test_one_condition_has_a_name(made: Make, tmp_path: Path) -> None:
    made(["relu"], seeds=2)
    assert "all runs" in ask(tmp_path / "study").split("\n\n")[1]


def test_a_figure_of_several_experiments_names_them(
    tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]
) -> None:
    paths = [make_run(tmp_path / name, resolved(), [0.9]) for name in "abcd"]
    for count, title in ((1, "a"), (3, "a, b, c"), (4, "a, b and 2 other experiments")):
        assert f"<title>{title}: " in ask(*paths[:count], "--format", "html")
