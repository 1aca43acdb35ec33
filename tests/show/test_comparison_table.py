"""What a person sees in a terminal of any width: tables that fit, and the board of running trainings."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from rich.text import Text

from actlab.commands.compare import title
from actlab.commands.comparison_table import caption, columns, fitting
from actlab.commands.output import console
from actlab.run.fitted import FittedTable, cut, folded, shared
from actlab.run.record import Run
from actlab.spec.config import RunConfig
from actlab.study.compare import Comparison, compare

MakeRun = Callable[..., Path]
Resolved = Callable[..., RunConfig]
WIDTHS = [50, 60, 72, 80, 100, 120, 160]
LONG = "leaky_relu-negative_slope0.01-learning_rate0.001-seed12"


def printed(content: RenderableType, width: int) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width, height=40, color_system=None, force_terminal=True).print(content)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in stream.getvalue()
    return lines


@pytest.fixture
def runs(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> list[Run]:
    """Two conditions of two seeds, one of them with a long name."""
    made = []
    for activation in ({"name": "relu"}, {"name": "leaky_relu", "negative_slope": 0.0123456789}):
        for seed in (0, 1):
            made.append(make_run(tmp_path / "study", resolved(activation=activation, seed=seed), [0.9 + seed / 100]))
    return [Run(path) for path in made]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_mean_never_loses_its_deviation(width: int, runs: list[Run]) -> None:
    lines = printed(FittedTable(columns(compare(runs))), width)
    (row,) = [line for line in lines if line.startswith("relu")]
    assert row.replace(" ± ", "±").split()[2] == "0.9050±0.0071"


@pytest.fixture
def crossed(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> Comparison:
    """Conditions that differ in three keys with long names, two seeds each."""
    made = []
    for norm, rate, momentum in itertools.product(("none", "before"), (0.01, 0.1), (0.0, 0.8)):
        optimizer = {"name": "sgd", "learning_rate": rate, "momentum": momentum}
        model = {"name": "mnist_dense", "batch_norm": norm}
        for seed in (0, 1):
            config = resolved(activation="sigmoid", model=model, optimizer=optimizer, seed=seed)
            made.append(Run(make_run(tmp_path / "crossed", config, [0.9 + seed / 100])))
    return compare(made, reach=0.9)


@pytest.mark.parametrize("width", range(50, 100, 5))
def test_every_condition_keeps_n_and_its_whole_mean(width: int, crossed: Comparison) -> None:
    """However many keys differ; no word of a header is broken."""
    lines = printed(FittedTable(columns(crossed)), width)
    end = next(i for i, line in enumerate(lines) if line.startswith("left out"))
    means = [line for line in lines[:end] if "0.9050±0.0071" in line]
    assert len(means) == 8
    assert all(line.partition("0.9050±")[0].split()[-1] == "2" for line in means)
    header = " ".join(" ".join(lines[: lines.index(means[0])]).split())
    for word in ("batch_", "norm", "optimizer.", "learning_", "rate", "momentum", "val_accuracy", "verdict"):
        assert word in header


@pytest.mark.parametrize("width", range(50, 150, 4))
def test_the_difference_goes_last(width: int, runs: list[Run]) -> None:
    table = FittedTable(columns(compare(runs, metrics=["val_accuracy", "test_loss"], reach=0.9)))
    told = "\n".join(printed(table, width)).partition("left out for want of room: ")[2]
    gone = " ".join(told.split()).split(", ")
    least = ["epochs to val_accuracy 0.9", "seconds to val_accuracy 0.9", "test_loss", "parameters", "s/epoch"]
    assert "difference" not in gone or set(least) <= set(gone)


def test_a_name_that_is_left_out_stands_on_one_line(crossed: Comparison) -> None:
    lines = printed(FittedTable(columns(crossed)), 50)
    told = lines[next(i for i, line in enumerate(lines) if line.startswith("left out")) :]
    for name in ("95% interval", "p Holm", "seeds needed", "epochs to val_accuracy 0.9", "s/epoch"):
        assert any(name in line for line in told), name


@pytest.mark.parametrize("width", WIDTHS)
def test_table_and_legend_have_the_same_words(width: int, runs: list[Run]) -> None:
    comparison = compare(runs)
    lines = printed(FittedTable(columns(comparison)), width)
    head = " ".join(lines[: next(i for i, line in enumerate(lines) if line.startswith("relu"))])
    assert "val_accuracy" in head
    assert "val acc" not in head and "beats" not in head
    assert "superiority" in head or "superiority" in lines[-1] + lines[-2]
    assert all(word in " ".join(caption(comparison)) for word in ("val_accuracy", "difference", "superiority"))


def test_what_is_no_terminal_has_no_width(crossed: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    out = console()
    out.print(FittedTable(fitting(crossed, out.width)))
    out.print(Text("word " * 200))
    head, *rows, sentence = stream.getvalue().splitlines()
    assert len(rows) == 8 and sentence.split() == ["word"] * 200
    assert all(name in head for name in ("optimizer.learning_rate", "parameters", "s/epoch", "by seed"))


def test_one_condition_has_a_name(runs: list[Run]) -> None:
    for chosen in (runs[:1], runs[:2]):
        lines = printed(FittedTable(columns(compare(chosen))), 80)
        assert "condition" in " ".join(lines)
        assert any(line.startswith("all runs  ") for line in lines)


def test_an_empty_value_is_no_nameless_row(runs: list[Run]) -> None:
    for run, value in zip(runs, ("", "", "x", "x"), strict=True):
        run.record["config"] = {**run.config, "activation": "relu", "keep_weights": value}
    comparison = compare(runs)
    assert list(comparison.conditions) == ['""', "x"]
    firsts = [line.split()[0] for line in printed(FittedTable(columns(comparison)), 80)]
    assert [first for first in firsts if first in ('""', "x")] == ['""', "x"]


def test_a_figure_of_several_experiments_names_them(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    runs = [Run(make_run(tmp_path / name, resolved(), [0.9])) for name in "abcd"]
    assert [title(runs[:count]) for count in (1, 3, 4)] == ["a", "a, b, c", "a, b and 2 other experiments"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60), st.integers(8, 70))
def test_folded_names_are_whole_and_cut_ones_fit(name: str, width: int) -> None:
    assert folded(name, width).replace("\n", "").replace(" ", "") == name.replace(" ", "")
    assert len(cut(name, width)) == min(len(name), width)


def test_names_fold_between_words_and_are_cut_in_the_middle() -> None:
    assert folded(LONG, 25).split("\n") == ["leaky_relu-negative_", "slope0.01-learning_", "rate0.001-seed12"]
    assert cut(LONG, 19) == "leaky_re...1-seed12"
    assert shared([5, 100, 20], 60) == [5, 35, 20]
