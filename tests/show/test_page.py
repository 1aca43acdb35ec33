"""The report: what it says, that it says nothing else, and how it behaves in a browser."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browser import Visit, chromium
from markdown_it import MarkdownIt
from PIL import Image
from typer.testing import CliRunner

from actlab.cli import app
from actlab.errors import ActlabError, UnknownName
from actlab.runs.folder import lock
from actlab.show.page import figures
from actlab.show.page.report import text as report
from actlab.show.page.svg import inline
from actlab.show.rendering import markdown_text as escaped
from actlab.spec.config import RunConfig

Make = Callable[..., Path]
Resolved = Callable[..., RunConfig]

ACTIVATIONS: list[Any] = ["relu", {"name": "leaky_relu", "negative_slope": 0.01}, "prelu", "sigmoid"]
ENDS = (0.95, 0.949, 0.96, 0.90)
SEEDS, EPOCHS = 8, 5
CONFIG = """\
name: leaks
description: Does a leak keep units alive?
dataset: mnist
model: mnist_dense
epochs: 5
probes: [dead_units, gradient_norms]
sweep:
  activation: [relu, {name: leaky_relu, negative_slope: 0.01}, prelu, sigmoid]
  seed: {range: 8}
claims:
  - {metric: dead_units, at: max, of: {activation: leaky_relu}, is: "== 0"}
  - {metric: val_accuracy, of: {activation: prelu}, is: "< {activation: relu}", says: Learning a slope hurts}
"""


def make_study(folder: Path, make_run: Make, resolved: Resolved) -> Path:
    """Four conditions with eight seeds, probed; one run of the last diverged."""
    folder.mkdir(parents=True)
    (folder / "experiment.yaml").write_text(CONFIG)
    for number, activation in enumerate(ACTIVATIONS):
        for seed in range(SEEDS):
            noise = np.random.default_rng([number, seed])
            values = ENDS[number] - 0.3 * np.exp(-np.arange(1, EPOCHS + 1)) + noise.normal(0, 0.001, EPOCHS)
            config = resolved(activation=activation, seed=seed, epochs=EPOCHS, probes=["dead_units", "gradient_norms"])
            bad = number == 3 and seed == 7
            ended: dict[str, Any] = {"status": "diverged", "record": {"reason": "the loss is not finite at step 9"}}
            ended = ended if bad else {}
            ended["record"] = {"plan_index": SEEDS * number + seed, "overrides": [], **ended.get("record", {})}
            path = make_run(folder, config, values.round(5).tolist(), **ended)
            if number == 1:  # as training writes it for parameters that are not the defaults
                curve = "x,y,slope\n-4,-0.04,0.01\n-1e-06,-1e-08,0.01\n0,0,\n1e-06,1e-06,1\n4,4,1\n"
                (path / "function.csv").write_text(curve)
            probe(path, dead=number == 0)
    return folder


def probe(path: Path, dead: bool) -> None:
    """Add to a made-up run what the probes would have seen, and state the sums of its files."""
    history = pd.read_csv(path / "history.csv")
    history["dead_units"] = history["epoch"] * (3 if dead else 0)
    history["gradient_norm_mean"], history["gradient_norm_max"] = 1 / history["epoch"], 2 / history["epoch"]
    history.to_csv(path / "history.csv", index=False)
    layers = [
        {"epoch": row["epoch"], "step": row["step"], "layer": layer, "units": units,
         "dead_units": row["dead_units"] if layer == "dense" else math.nan,
         "gradient_norm_mean": row["gradient_norm_mean"], "gradient_norm_max": row["gradient_norm_max"]}
        for row in history.to_dict("records") for layer, units in (("dense", 256), ("logits", 10))
    ]  # fmt: skip
    pd.DataFrame(layers).to_csv(path / "layers.csv", index=False)
    record = json.loads((path / "run.json").read_text())
    files = ("history.csv", "timing.csv", "layers.csv")
    record["files"] = {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in files}
    (path / "run.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, make_run: Make, resolved: Resolved) -> Path:
    return make_study(tmp_path_factory.mktemp("results") / "leaks", make_run, resolved)


@pytest.fixture(scope="module")
def html(study: Path) -> str:
    return report([study])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def page(html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(html)
    return path


def words(html: str) -> str:
    """The text of a page, as a reader without a style sees it."""
    shown = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", shown)))


# --- what it says ----------------------------------------------------------------------------------------------


def test_the_question_the_answer_the_table_and_the_first_figure_come_first(html: str) -> None:
    places = [html.index(text) for text in (
        "Does a leak keep units alive?", 'class="answer"', 'class="verdicts"', "The conditions", "Difference from relu",
        "What the verdicts rest on", "All columns", "What was expected", "Every seed", "Over the training",
        "The functions and their data", "How to reproduce it",
    )]  # fmt: skip
    assert places == sorted(places)


def test_the_answer_is_one_plain_sentence(html: str) -> None:
    answer = re.search(r'<p class="answer">([^<]*)</p>', html)
    assert answer is not None
    better = r"prelu is better than relu by 1\.\d\d points of validation accuracy"
    rest = r"sigmoid is worse; leaky_relu is not established; sigmoid diverged at 1 of 8 seeds\."
    assert re.fullmatch(f"{better}; {rest}", answer[1])


def test_a_long_description_stands_above_the_answer_by_its_first_sentence(
    tmp_path: Path, make_run: Make, resolved: Resolved
) -> None:
    make_run(tmp_path / "x", resolved(), [0.9])
    config = tmp_path / "x" / "experiment.yaml"
    rest = "It was asked in arXiv 1505.00853. " * 12
    config.write_text(f"name: x\ndescription: Does it help? {rest}\n")
    page = report([tmp_path / "x"])
    assert '<p class="question">Does it help?</p>' in page
    assert f'<p class="more">{rest.strip()}</p></details>' in page
    assert f"Does it help? {rest.strip()}" in report([tmp_path / "x"], "markdown")


def test_the_table_has_few_columns_and_all_others_are_folded(html: str) -> None:
    """Seven, and an eighth where something diverged."""
    first, wide, *_ = re.findall(r"<thead>.*?</thead>", html, re.DOTALL)
    assert first.count("<th ") == 8
    assert wide.count("<th ") > 10
    assert html.index("<details><summary>All columns") < html.index(wide)


def test_verdicts_are_those_of_the_comparison(html: str) -> None:
    shown = words(html)
    assert "▲ better prelu ▼ worse sigmoid ○ not established leaky_relu" in shown
    assert re.search(r"▲ better 9\d", shown)
    assert "not established: leaky_relu 0.01: p is not under 0.05; " in shown
    assert re.search(r"† sigmoid: without seed 7 of sigmoid \(diverged", shown)


def test_claims_have_a_verdict_and_evidence(html: str) -> None:
    shown = words(html)
    assert "✓ supported with activation leaky_relu, dead_units at its highest is 0 at every seed" in shown
    assert "✗ refuted Learning a slope hurts with activation prelu, val_accuracy at the end" in shown


def test_a_pair_has_one_p_on_the_page(html: str) -> None:
    """Of prelu and relu, in the table and in the claim about them."""
    shown = words(html)
    claim = re.search(r"prelu against relu: .*? p = ([\d.]+) among 3 comparisons", shown)
    table = re.search(r"prelu 8 0 of 8 9\d\.\d\d ± \d\.\d\d \+1\.\d\d \[[^]]*\] ([\d.]+) ▲ better", shown)
    assert claim and table and claim[1] == table[1]


def test_numbers_of_the_table_are_those_of_the_runs(html: str, study: Path) -> None:
    finals = [json.loads(path.read_text())["results"]["final"] for path in sorted(study.glob("relu-seed*/run.json"))]
    for metric in ("val_accuracy", "test_accuracy"):
        values = [100 * row[metric] for row in finals]
        assert f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}" in html


def test_what_diverged_is_shown_with_its_reason(html: str) -> None:
    said = words(html)
    assert "1 diverged" in said
    assert "the loss is not finite at step 9" in said


def test_n_is_stated_everywhere(html: str) -> None:
    assert html.count("n = 8") >= 3  # of the functions' table
    for figure in re.findall(r"<figure.*?</figure>", html, re.DOTALL):
        assert re.search(r"n = \d", figure), figure[:200]


def test_how_to_reproduce_it_names_commands_versions_and_hashes(html: str, study: Path) -> None:
    (run,) = study.glob("relu-seed0-*")
    assert f"actlab reproduce results/leaks/{run.name}" in html
    assert json.loads((run / "run.json").read_text())["hash"] in html
    assert "actlab run leaks.yaml" in html
    assert html.count("seed: {range: 8}") == 1


def test_changes_of_the_command_line_are_part_of_the_command(
    tmp_path: Path, make_run: Make, resolved: Resolved
) -> None:
    make_run(tmp_path / "x", resolved(), [0.9], record={"overrides": ["epochs=3", "name=a b"]})
    (tmp_path / "x" / "experiment.yaml").write_text("# --set epochs=1\nname: x\n")  # a comment of the user's own
    page = report([tmp_path / "x"])
    assert "actlab run x.yaml --set=epochs=3 &#39;--set=name=a b&#39;\n" in page
    assert "--set epochs=1" not in page.replace("# --set epochs=1", "")


def test_a_comment_of_the_file_is_no_part_of_the_command(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    make_run(tmp_path / "x", resolved(), [0.9], record={"overrides": []})
    (tmp_path / "x" / "experiment.yaml").write_text("# --set epochs=1\nname: x\n")
    assert "\nactlab run x.yaml\n" in report([tmp_path / "x"])


def test_an_older_record_has_its_changes_in_the_first_lines(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    make_run(tmp_path / "x", resolved(), [0.9])
    (tmp_path / "x" / "experiment.yaml").write_text("# --set epochs=3\nname: x\n")
    assert "\nactlab run x.yaml --set=epochs=3\n" in report([tmp_path / "x"])


def test_a_stand_in_is_loud(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    stand_in = {"dataset": {"name": "synth_mnist", "sha256": "0", "stand_in_for": "mnist"}}
    make_run(tmp_path / "x", resolved(dataset="synth_mnist"), [0.9], record=stand_in)
    for text in (report([tmp_path]), report([tmp_path], "markdown")):
        assert "Not the real data: synth_mnist: a rendered stand-in, NOT mnist." in text


def test_a_sweep_that_still_trains_is_said_to(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    run = make_run(tmp_path / "x", resolved(), [0.9])
    make_run(tmp_path / "x", resolved(seed=1), [0.9], status="running")
    (tmp_path / "x" / "experiment.yaml").write_text("name: x\n")
    (tmp_path / "x" / "relu-seed2-00000000").mkdir()
    with lock(next(path for path in run.parent.iterdir() if "seed1" in path.name)):
        assert "Not finished: 1 of 3 runs have ended; 1 train now and 1 have not begun." in report([tmp_path / "x"])


def test_several_experiments_are_a_chapter_each(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    first, second = (make_run(tmp_path / name, resolved(), [0.7]) for name in ("one", "two"))
    probe(first, dead=True)
    # a metric that one of them lacks is told, and no reason to have no page
    page = report([tmp_path], metrics=["dead_units"])
    assert re.findall(r'<li><a href="#(e\d)">(\w+)</a>', page) == [("e0", "one"), ("e1", "two")]
    assert "<title>one and two</title>" in page
    assert "two: its runs are not compared: unknown metric &#39;dead_units&#39;" in page
    with pytest.raises(UnknownName):
        report([second], metrics=["dead_units"])


def test_no_runs_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ActlabError, match="no runs to report"):
        report([tmp_path])


def test_each_file_of_a_run_is_opened_once(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[str] = Counter()
    real = io.open

    def counting(file: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(file, str | os.PathLike) and str(file).startswith(str(study)):
            opened[str(Path(file).relative_to(study))] += 1
        return real(file, *arguments, **options)

    monkeypatch.setattr(io, "open", counting)
    report([study])
    tables = [
        path for path in study.glob("*/*") if path.name in ("run.json", "history.csv", "timing.csv", "layers.csv")
    ]
    assert len(tables) == 4 * len(ACTIVATIONS) * SEEDS
    assert {path: count for path, count in opened.items() if count > 1} == {}
    assert opened["experiment.yaml"] == 1
    assert all(opened[str(path.relative_to(study))] for path in tables if path.name == "history.csv")


# --- damage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["run.json", "history.csv", "timing.csv", "layers.csv", "experiment.yaml"])
def test_damaged_files_are_named(file: str, tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    damages: list[bytes | None] = [None, b"", b"\x00\xff\xfe noise", b"{"]
    paths = []
    for number, damage in enumerate(damages):
        folder = tmp_path / (str(number) if file == "experiment.yaml" else "x")
        run = make_run(folder, resolved(seed=number), [0.5, 0.6])
        probe(run, dead=True)
        (folder / "experiment.yaml").write_text("name: x\n")
        path = folder / file if file == "experiment.yaml" else run / file
        paths.append(path if file != "run.json" or damage is not None else folder)
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage)
    probe(make_run(tmp_path / "x", resolved(seed=9), [0.5, 0.6]), dead=True)
    said = words(report([tmp_path]))
    assert "60.00" in said
    assert [path for path in paths if str(path) not in said] == []


def test_a_torn_last_row_is_no_damage(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    run = make_run(tmp_path / "x", resolved(), [0.5, 0.6], status="interrupted")
    with (run / "history.csv").open("a") as file:
        file.write("3,1800,0.3")
    assert "1 interrupted" in words(report([tmp_path / "x"]))


# --- Markdown --------------------------------------------------------------------------------------------------


def test_markdown_is_a_readme(study: Path) -> None:
    text = report([study], "markdown")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings == ["leaks", "The conditions", "What was expected", "How to reproduce it"]
    assert sum(token.type == "tr_open" for token in tokens) == 1 + len(ACTIVATIONS)
    fences = [token.content for token in tokens if token.type == "fence"]
    assert fences[1].strip() == CONFIG.strip()


def test_numbers_in_markdown_stand_as_they_are(study: Path) -> None:
    text = report([study], "markdown")
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert re.search(r"\| 95\.\d\d ± 0\.\d\d \| \+1\.\d\d \\\[", "".join(table)), table


@pytest.mark.parametrize("text", [
    "- item", "+ item", "1. item", "23) item", "# heading", "### heading", "#", "---", "- - -", "===", "* item",
    "*bold*", "_it_", "`code`", "[a](http://x)", "<b>", "a|b", "~~gone~~", "***", "> quote", "\\*",
])  # fmt: skip
def test_what_markdown_would_read_as_markup_stays_text(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(f"before\n\n{escaped(text)}\n")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"] * 2
    (inline,) = [token for token in tokens[3:] if token.type == "inline"]
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children or []) == text


@pytest.mark.parametrize("text", ["0.1135", "+0.8004", "-0.5", "−0.0582", "snake_case", "#1", "x = 3", "{a: 1}", "1.5"])
def test_what_is_no_markup_is_not_escaped(text: str) -> None:
    assert escaped(text) == text


# --- hostile records -------------------------------------------------------------------------------------------

PAYLOADS = [
    "<script>pwned()</script>",
    "</script><script>pwned()</script>",
    "<img src=x onerror=pwned()>",
    "\"><svg onload=pwned()>",
    "' onmouseover='pwned()",
    "javascript:pwned()",
    "</style><style>body{display:none}</style>",
    "x;}body{background:url(http://evil.test/)}",
    "{{ 7*7 }}{% raw %}{{ config }}",
    "\u202egnp.exe\u2066 \x1b[31mred\x00",
    "<!--",
    "]]><script>pwned()</script>",
    "<a href=http://evil.test/>click</a> http://evil.test/",
    "\ud800 lone",
]  # fmt: skip
EVERYTHING = " ".join(PAYLOADS)
CONDITIONS = [" ".join(PAYLOADS[i::5]) for i in range(5)]


def make_hostile(folder: Path, make_run: Make, resolved: Resolved) -> Path:
    """Runs with every payload in every text that a record, a table or a folder may hold."""
    folder.mkdir(parents=True)
    written = EVERYTHING.encode("utf-8", "replace").decode()
    (folder / "experiment.yaml").write_text(f"name: x\ndescription: {json.dumps(written)}\ndataset: mnist\n")
    for seed in (0, 1):
        for number, payload in enumerate(CONDITIONS):
            run = make_run(folder, resolved(seed=10 * number + seed), [0.5, 0.6])
            record = json.loads((run / "run.json").read_text())
            poison(record, payload, f"{seed}{number}")
            (run / "run.json").write_text(json.dumps(record))
            probe(run, dead=True)
            layers = (run / "layers.csv").read_text().replace(",dense,", f",{json.dumps(payload)[1:9]}<b>,")
            (run / "layers.csv").write_text(layers)
            run.rename(folder / f"{payload[:60].replace('/', '_').replace(chr(0), '')}{seed}{number}".encode(
                "utf-8", "replace").decode())  # fmt: skip
    return folder


def poison(record: dict[str, Any], payload: str, digits: str) -> None:
    """The payload in every text of a record."""
    config = record["config"]
    config["activation"] = {"name": "formula", "formula": payload, payload: payload}
    config["model"] = {"name": payload, payload: [payload]}
    config[payload] = payload
    record |= {"label": payload, "hash": f"{payload}{digits}", "reason": payload, "started": payload, "ended": payload}
    record["initial_weights_sha256"] = payload
    record["dataset"] = {"name": payload, "sha256": payload, "stand_in_for": payload, payload: payload}
    versions, git = {"actlab": payload, payload: payload}, {"commit": payload, "dirty": True}
    record["environment"] = {"versions": versions, "git": git, "device": payload, payload: {payload: payload}}
    record["files"] = {payload: payload}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, make_run: Make, resolved: Resolved) -> Path:
    return make_hostile(tmp_path_factory.mktemp("hostile") / "<img src=x onerror=pwned()>", make_run, resolved)


@pytest.fixture(scope="module")
def hostile_html(hostile: Path) -> str:
    return report([hostile])


def test_hostile_records_add_no_markup(hostile_html: str) -> None:
    page = hostile_html
    assert len(re.findall(r"<script", page)) == 1
    assert len(re.findall(r"<style", page)) == 1
    assert not re.findall(r"<(?:iframe|object|embed|base|form|link|foreignObject|a[^>]*href=\"(?!#|data:))", page)
    assert not re.findall(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', page))
    assert not any(sign in page for sign in "\u202e\u2066\x1b\x00\ud800")
    assert "{{ 7*7 }}" in page  # as it was written, not 49
    page.encode()


def test_hostile_records_stay_text_in_markdown(hostile: Path) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(report([hostile], "markdown"))
    inside = [child for token in tokens for child in token.children or []]
    assert not [
        token.type for token in [*tokens, *inside] if token.type in ("html_block", "html_inline", "link_open", "image")
    ]


def test_hostile_records_are_inert_in_a_browser(hostile_html: str, browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(hostile_html)
    with Visit(browser, page) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        for part in visit.page.query_selector_all("bdi, summary, figure svg text")[:40]:
            part.dispatch_event("mouseover")
        assert visit.page.evaluate("typeof pwned") == "undefined"
        assert visit.page.evaluate("document.scripts.length") == 1
        assert visit.page.evaluate("getComputedStyle(document.body).display") == "block"
        assert (visit.said, visit.asked_elsewhere) == ([], [])


@pytest.mark.parametrize(
    "evil",
    [
        "<script>pwned()</script>",
        '<path onload="pwned()" d="M0 0"/>',
        "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><script>pwned()</script></body></foreignObject>",
        '<image href="http://evil.test/x.png"/>',
        '<image href="data:image/svg+xml;base64,AAAA"/>',
        '<use href="http://evil.test/x.svg#a"/>',
        '<a href="javascript:pwned()"><text>click</text></a>',
        "<style>*{display:none}</style>",
        '<path style="fill: url(http://evil.test/)" d="M0 0"/>',
        '<path style="background-image: url(javascript:pwned())" d="M0 0"/>',
        '<path fill="url(//evil.test)" d="M0 0"/>',
        '<animate attributeName="href" values="javascript:pwned()"/>',
        "<text>&lt;script&gt;pwned()&lt;/script&gt;</text>",
    ],
)
def test_a_figure_brings_nothing_that_runs_or_loads(evil: str) -> None:
    text = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{evil}</svg>'
    made = str(inline(text, "p", "<script>. a & b"))
    for sign in (
        "<script",
        "onload",
        "foreignObject",
        "evil.test",
        "javascript:",
        "<style",
        "svg+xml",
        "<a ",
        "<animate",
    ):
        assert sign not in made
    assert 'aria-label="&lt;script&gt;. a &amp; b"' in made


def test_figures_take_the_colours_of_the_page_and_keep_their_ids_apart() -> None:
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
        '<defs><path id="m1" d="M 0.123456 1"/></defs><g id="condition-4"><use xlink:href="#m1" '
        'style="stroke: #0072b2; fill: #222222"/></g><g id="axes_1"><text>n</text></g></svg>'
    )
    made = str(inline(text, "e0-curve", "t"))
    assert '<path d="M 0.12 1" id="e0-curve-m1" />' in made
    assert '<g data-condition="4"><use fill="var(--ink)" stroke="var(--c0)" href="#e0-curve-m1" /></g>' in made
    assert "axes_1" not in made


def test_layers_have_colours_for_a_dark_page_and_need_no_white_ground(html: str) -> None:
    assert re.search(r'stroke="light-dark\(#[0-9a-f]{6},#[0-9a-f]{6}\)"', html)
    assert 'class="on-white' not in html


# --- in a browser ----------------------------------------------------------------------------------------------


def test_it_opens_without_a_word_and_asks_for_nothing(page: Path, browser: Any) -> None:
    with Visit(browser, page) as visit:
        assert (visit.said, visit.asked_elsewhere) == ([], [])
        assert visit.page.title() == "leaks"
        # and whatever got into it could not run either
        visit.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'x = 1'}))")
        assert visit.page.evaluate("typeof x") == "undefined"


OVERLAPS = """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text")].filter((t) => t.textContent.trim());
  const boxes = texts.map((t) => t.getBoundingClientRect()), whole = svg.getBoundingClientRect();
  const found = [];
  boxes.forEach((a, i) => {
    if (a.left < whole.left - 1 || a.right > whole.right + 1 || a.top < whole.top - 1 || a.bottom > whole.bottom + 1)
      found.push(`outside: ${texts[i].textContent}`);
    boxes.slice(i + 1).forEach((b, j) => {
      const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (width > 2 && height > 0.4 * Math.min(a.height, b.height))
        found.push(`${texts[i].textContent} / ${texts[i + 1 + j].textContent}`);
    });
  });
  return found;
})"""


def test_every_figure_is_drawn_and_no_words_lie_over_others(page: Path, browser: Any) -> None:
    with Visit(browser, page) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        figures = visit.page.query_selector_all("figure svg")
        # every seed, differences; accuracy, loss; dead units; gradients, by layer, their largest values
        assert len(figures) == 2 + 3 + 1 + 1 + len(ACTIVATIONS) + 1
        for figure in figures:
            box = figure.bounding_box()
            assert box["width"] > 400
            assert box["height"] > 200
            assert len(figure.query_selector_all("path")) > 4
            assert "n = " in figure.text_content()
        assert visit.page.evaluate(OVERLAPS) == []
        functions = visit.page.query_selector_all("svg.function .curve")
        assert len(functions) == len(ACTIVATIONS)
        assert all(curve.bounding_box()["width"] > 100 for curve in functions)


def column(visit: Visit, number: int) -> list[str]:
    """What a column of the first table shows, from the top down, without intervals."""
    rows = "[...document.querySelector('table.sortable').tBodies[0].rows]"
    return visit.page.evaluate(f"{rows}.map((row) => row.cells[{number}].firstChild?.textContent.trim() ?? '')")


def test_the_table_sorts_by_click_and_by_keyboard(page: Path, browser: Any) -> None:
    with Visit(browser, page) as visit:
        table = visit.page.locator("table.sortable").first
        heads = table.locator("thead th").all_text_contents()
        number = heads.index("val_accuracy of survivors (%)")
        before = column(visit, number)
        head = table.locator("thead th").nth(number)
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        assert column(visit, number) == sorted(before, reverse=True) != before
        head.locator("button").focus()
        visit.page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        assert column(visit, number) == sorted(before)
        table.locator("thead button").first.press("Space")
        assert head.get_attribute("aria-sort") == "none"
        assert column(visit, 0) == ["leaky_relu 0.01", "prelu", "relu", "sigmoid"]
        # the baseline has no difference: it goes to the end, whichever way
        difference = heads.index("difference (points)")
        for sign in (-1, 1):
            table.locator("thead button").nth(difference).click()
            shown = column(visit, difference)
            assert shown[-1] == ""
            numbers = [sign * float(text.replace("−", "-")) for text in shown[:-1]]
            assert numbers == sorted(numbers)


def test_histories_download_with_the_bytes_of_the_runs(page: Path, browser: Any, study: Path, tmp_path: Path) -> None:
    with Visit(browser, page) as visit:
        visit.page.get_by_text("All columns", exact=True).click()
        links = visit.page.locator(".data a[download$='.csv']")
        names = [links.nth(i).get_attribute("download") for i in range(links.count())]
        assert sum(name.startswith("leaky_relu") for name in names) == SEEDS
        for index in (names.index(next(n for n in names if n.startswith("prelu-seed3"))), len(names) - 1):
            with visit.page.expect_download() as waiting:
                links.nth(index).click()
            waiting.value.save_as(tmp_path / "got.csv")
            original = study / names[index].removesuffix(".csv") / "history.csv"
            assert (tmp_path / "got.csv").read_bytes() == original.read_bytes()
        with visit.page.expect_download() as waiting:
            visit.page.get_by_text("Download the table as CSV").click()
        waiting.value.save_as(tmp_path / "table.csv")
        assert pd.read_csv(tmp_path / "table.csv")["activation"].tolist() == [
            "relu",
            "leaky_relu 0.01",
            "prelu",
            "sigmoid",
        ]
        assert visit.said == []


FADED = """(expected) => {
  const parts = [...document.querySelectorAll("figure svg [data-condition]")];
  const found = parts.filter((part) => getComputedStyle(part).opacity < 0.5).map((part) => part.dataset.condition);
  return [...new Set(found)].sort().join() === expected;
}"""


def wait_until_faded(visit: Visit, numbers: str) -> None:
    """Until these conditions, and no others, are faded in the figures."""
    visit.page.wait_for_function(FADED, arg=numbers, polling=50)


def test_a_condition_is_singled_out_by_keyboard_click_and_hover(page: Path, browser: Any) -> None:
    with Visit(browser, page) as visit:
        wait_until_faded(visit, "")
        button = visit.page.locator(".pick").nth(2)
        button.press("Enter")
        assert button.get_attribute("aria-pressed") == "true"
        wait_until_faded(visit, "0,1,3")
        button.press("Escape")
        wait_until_faded(visit, "")
        assert button.get_attribute("aria-pressed") == "false"
        visit.page.locator("figure svg text").filter(has_text="sigmoid").first.hover()
        wait_until_faded(visit, "0,1,2")
        visit.page.locator("figure svg text").filter(has_text="sigmoid").first.click()
        visit.page.mouse.move(0, 0)
        wait_until_faded(visit, "0,1,2")


CONTRAST = """() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (part) => {
    for (let at = part; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return getComputedStyle(document.body).backgroundColor;
  };
  const found = [];
  for (const part of document.querySelectorAll("body *")) {
    const own = [...part.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if (!own || ["SCRIPT", "STYLE"].includes(part.tagName)) continue;
    const style = getComputedStyle(part), color = part.closest("svg") ? style.fill : style.color;
    const [a, b] = [luminance(color), luminance(ground(part))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${part.textContent.slice(0, 30)} ${color} on ${ground(part)}`);
  }
  return found;
}"""


def test_words_stand_out_in_light_and_dark_and_it_prints_on_white(page: Path, browser: Any) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with Visit(browser, page) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        for look, color in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")):
            visit.page.emulate_media(color_scheme=look)
            assert visit.page.evaluate(ground) == color
            assert visit.page.evaluate(CONTRAST) == [], look
        visit.page.emulate_media(media="print")
        assert visit.page.evaluate(ground) == "rgb(255, 255, 255)"
        assert len(visit.page.pdf()) > 20_000


def test_the_page_is_never_wider_than_the_window(page: Path, browser: Any) -> None:
    with Visit(browser, page) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        for width in (1280, 768, 390, 320):
            visit.page.set_viewport_size({"width": width, "height": 900})
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_can_be_read_without_seeing_and_without_a_mouse(page: Path, browser: Any) -> None:
    with Visit(browser, page) as visit:
        for role in ("main", "banner", "contentinfo"):
            assert visit.page.get_by_role(role).count() == 1
        levels = visit.page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.tagName[1]))"
        )
        assert levels[0] == 1
        assert all(later - before <= 1 for before, later in itertools.pairwise(levels))
        names = visit.page.evaluate(
            "[...document.querySelectorAll('figure svg')].map((svg) => svg.getAttribute('aria-label'))"
        )
        assert all(len(name) > 40 for name in names)
        assert "prelu +1.02 points (n = 8 pairs)" in names[0]
        assert "relu 94." in names[1] and "(n = 8)" in names[1]
        ids = visit.page.evaluate("[...document.querySelectorAll('[id]')].map((part) => part.id)")
        assert len(ids) == len(set(ids))
        unreachable = "[...document.querySelectorAll('.scroll, pre')].filter((part) => part.tabIndex < 0).length"
        assert visit.page.evaluate(unreachable) == 0


# --- size -----------------------------------------------------------------------------------------------------


def test_two_hundred_runs_take_few_megabytes(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    for rate in np.logspace(-4, 0, 42):
        for seed in range(5):
            config = resolved(seed=seed, epochs=30, optimizer={"name": "sgd", "learning_rate": float(rate)})
            make_run(tmp_path / "rates", config, np.linspace(0.5, 0.9, 30).round(4).tolist())
    page = report([tmp_path / "rates"])
    assert len(page.encode()) < 5e6
    assert page.count('class="pick"') == 2 * 42  # in the table, and in that of all columns
    assert len(set(re.findall(r'<g data-condition="(\d+)"', page))) == 42


COLUMNS = ("gradient_norm_mean", "gradient_norm_max", "dead_units", "saturated_fraction", "weight_norm", "update_norm")


def probe_widely(path: Path, layers: int = 5, bins: int = 32) -> None:
    """As `probe`, with as many layers, columns and histograms as a real run has."""
    history, random = pd.read_csv(path / "history.csv"), np.random.default_rng(int(path.name[-6:], 16))
    for column in COLUMNS:
        history[column] = random.uniform(0.1, 2, len(history)).round(4)
    history.to_csv(path / "history.csv", index=False)
    table = pd.concat(
        [history[["epoch", "step", *COLUMNS]].assign(layer=f"dense_{i}", units=100) for i in range(layers)]
    )
    table["activation_mean"], table["activation_min"], table["activation_max"] = 0.5, 0.0, 1.0
    counts = pd.DataFrame(random.integers(0, 999, (len(table), bins)), index=table.index)
    table = pd.concat([table, counts.set_axis([f"activation_histogram_{i:02}" for i in range(bins)], axis=1)], axis=1)
    table.to_csv(path / "layers.csv", index=False)
    record = json.loads((path / "run.json").read_text())
    record["files"] = {
        name: hashlib.sha256((path / name).read_bytes()).hexdigest()
        for name in ("history.csv", "timing.csv", "layers.csv")
    }
    (path / "run.json").write_text(json.dumps(record))


@pytest.mark.slow
def test_a_page_of_many_probed_runs_stays_small(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    """Six experiments: five of four conditions, and one of so many that each has a panel."""
    for study, conditions in enumerate((4, 4, 4, 4, 4, 12)):
        for rate in np.logspace(-4, 0, conditions):
            for seed in range(2):
                config = resolved(seed=seed, epochs=30, optimizer={"name": "sgd", "learning_rate": float(rate)})
                values = np.random.default_rng([seed, study, int(1e6 * rate)]).uniform(0.5, 0.9, 30).round(4)
                probe_widely(make_run(tmp_path / f"study{study}", config, values.tolist()))
    page = report([tmp_path])
    assert len(page.encode()) < 2e6
    assert page.count('class="pick"') == 2 * 32
    left_out = "saturated fraction, gradient norm max, weight norm, update norm and figures by layer"
    assert page.count(f"Left out, since this page shows many experiments: {left_out}. A report of this one") == 6
    assert "Histograms by layer" not in page
    assert "Histograms by layer, one run of each condition" in report([tmp_path / "study0"])


def film(path: Path, frames: int, size: int = 512) -> bytes:
    """A film of noise, which no format makes small."""
    random = np.random.default_rng(0)
    first, *others = (Image.fromarray(random.integers(0, 256, (size, size), np.uint8)) for _ in range(frames))
    first.save(path, save_all=True, append_images=others, duration=[100] * frames, lossless=True)
    return path.read_bytes()


def test_films_that_have_no_room_are_named(
    tmp_path: Path, make_run: Make, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [make_run(tmp_path / "x", resolved(activation=name), [0.5, 0.6]) for name in ("relu", "tanh")]
    data = [film(run / "weight_film.webp", 2, 64) for run in runs]
    monkeypatch.setattr(figures, "FILM_BYTES", len(data[0]) + 10)
    page = report([tmp_path / "x"])
    (carried,) = re.findall(r'<img src="data:image/webp;base64,([^"]+)" alt="How the weights of relu changed', page)
    assert base64.b64decode(carried) == data[0]
    assert f"Too large for this page: {runs[1] / 'weight_film.webp'}." in words(page)


def test_what_is_no_film_is_not_shown(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    (make_run(tmp_path / "x", resolved(), [0.5, 0.6]) / "weight_film.webp").write_bytes(b"<script>")
    assert "Films of the weights" not in report([tmp_path / "x"])


# --- the command -----------------------------------------------------------------------------------------------


def test_the_command_writes_the_page(study: Path, html: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(study), "-o", str(tmp_path / "new" / "page.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new" / "page.html").read_text() == html
    assert re.search(r"page\.html \(0\.\d\d MB\)", done.output)


def test_the_command_writes_markdown_to_stdout(study: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(study), "--format", "markdown", "--title", "Leaks?"])
    assert done.exit_code == 0
    assert done.output.startswith("# Leaks?\n\n## leaks\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "htm"], "unknown format 'htm'; did you mean 'html'?"),
        (["--metric", "val_acuracy"], "unknown metric 'val_acuracy'; did you mean 'val_accuracy'?"),
        (["-o", "."], "is a folder"),
    ],
)
def test_wrong_options_are_answered(arguments: list[str], said: str, study: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(study), *arguments])
    assert isinstance(done.exception, ActlabError)
    assert said in str(done.exception)


def test_a_run_that_stopped_early_says_so(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    rule = {"early_stopping": {"metric": "val_loss", "patience": 2}}
    make_run(tmp_path / "x", resolved(**rule), [0.9], record={"stopped_early": True})
    assert "stopped_early: true" in report([tmp_path / "x"])
    make_run(tmp_path / "y", resolved(**rule), [0.9], record={"stopped_early": False})
    assert "stopped_early:" not in report([tmp_path / "y"])


def test_a_damaged_curve_is_said_and_no_other_is_drawn_in_its_place(
    tmp_path: Path, make_run: Make, resolved: Resolved
) -> None:
    """As after a training that learned slopes: what the activation is before it would pass for what was learned."""
    path = make_run(tmp_path / "learned", resolved(activation="prelu"), [0.8, 0.9])
    (path / "function.csv").write_bytes(b"x,y,slope\n-4,-0.0,?\n")
    page = report([tmp_path / "learned"])
    assert f"not drawn: {path}/function.csv: damaged" in page and 'class="curve"' not in page
    record = json.loads((path / "run.json").read_text())
    (path / "function.csv").write_bytes(b"x,y,slope\n-4,-4,1\n")  # that can be read, and is no longer what was written
    (path / "run.json").write_text(json.dumps({**record, "files": {"function.csv": "0" * 64}}))
    page = report([tmp_path / "learned"])
    assert f"not drawn: function.csv of {path.name} is not the file that the record states" in page
