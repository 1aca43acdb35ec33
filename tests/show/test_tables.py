"""Tables in a terminal of any width: names fold, the least important columns go first, and no number is ever split."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import RenderableType

from actlab.runs.record import Run
from actlab.show.tables import (
    Column,
    Layers,
    Table,
    Terminal,
    comparison_columns,
    diff_table,
    folded,
    layers_table,
    runs_table,
    seed_columns,
)
from actlab.show.words import number
from actlab.spec.config import RunConfig
from actlab.study.judge import compare

WIDTHS = [40, 50, 60, 72, 80, 100, 120, 160]
LONG = "leaky_relu-negative_slope0.01-learning_rate0.001-seed12"


def printed(content: RenderableType, width: int) -> list[str]:
    stream = io.StringIO()
    Terminal(file=stream, width=width, height=40, color_system=None, force_terminal=True).print(content)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in stream.getvalue()
    return lines


@pytest.fixture
def runs(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> list[Run]:
    """Two conditions of two seeds, one of them with a long name."""
    made = []
    for activation in ({"name": "relu"}, {"name": "leaky_relu", "negative_slope": 0.0123456789}):
        for seed in (0, 1):
            made.append(make_run(tmp_path / "study", resolved(activation=activation, seed=seed), [0.9 + seed / 100]))
    return [Run(path) for path in made]


def left_out(table: Table, width: int) -> list[str]:
    lines = " ".join(line.strip() for line in printed(table, width))
    return lines.partition("left out for want of room: ")[2].replace(",", "").split()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_of_runs_is_cut(width: int, runs: list[Run]) -> None:
    lines = printed(runs_table(runs), width)
    rows = [line.split() for line in lines if "done" in line]
    assert len(rows) == 4
    for row, run in zip(rows, runs, strict=True):
        assert number(run.results["final"]["val_accuracy"], "val_accuracy") in row
        assert row[1] == "done"
    if width >= 100:
        assert not left_out(runs_table(runs), width)


def test_the_least_important_columns_go_first(runs: list[Run]) -> None:
    gone = [set(left_out(runs_table(runs), width)) for width in range(160, 39, -1)]
    assert all(before <= after for before, after in itertools.pairwise(gone))
    order = list(dict.fromkeys(name for names in gone for name in sorted(names)))
    assert order[:3] == ["test_loss", "time", "best"]


SPREADS = Column("val_accuracy (%)", ["97.53 ± 0.12", "97.44 ± 0.10"])
BETWEEN = Column("difference (points)", ["+0.09 [0.02, 0.16]", ""], drop=1)
VERDICTS = Column("verdict", ["not established", "baseline"], "word")


@pytest.mark.parametrize("width", range(34, 90))
def test_intervals_stand_whole_beside_or_under_their_numbers(width: int) -> None:
    """The second column goes only where the others are as narrow as they can be; no piece of a number is lost."""
    columns = [Column("condition", ["prelu", "relu"], "name"), SPREADS, BETWEEN, VERDICTS]
    text = "\n".join(printed(Table(columns), width))
    pieces = ["97.53", "0.12", "97.44", "0.10"] + ["+0.09", "[0.02, 0.16]"] * ("left out" not in text)
    assert all(piece in text for piece in pieces)
    assert ("97.53 ± 0.12" in text) == (width >= 50)
    assert ("left out" in text) == (width < 46)
    assert all(word in text for word in ("condition", "accuracy", "verdict", "established", "prelu"))


@pytest.mark.parametrize("width", [30, 40, 60])
def test_a_table_that_leaves_nothing_out_goes_on_below(width: int) -> None:
    columns = [Column("condition", ["prelu", "relu"], "name"), SPREADS, BETWEEN, VERDICTS]
    lines = printed(Table(columns, repeat=1), width)
    assert sum(line.startswith("condition") for line in lines) == sum(line.startswith("prelu") for line in lines) > 1
    assert sum("relu" in line for line in lines) >= 4
    text = "\n".join(lines)
    assert all(cell in text for column in columns for cell in column.cells)


def test_an_empty_row_of_a_part_is_left_out() -> None:
    columns = [Column("layer", ["a", "b"], "name"), Column("x" * 20, ["1", ""]), Column("y" * 20, ["", "2"])]
    lines = printed(Table(columns, repeat=1), 30)
    assert [line.split()[0] for line in lines if line] == ["layer", "a", "layer", "b"]


def test_several_names_are_one_where_there_is_no_room() -> None:
    columns = [*(Column(f"name{i}", ["long_value"], "name") for i in range(4)), Column("n", ["12"])]
    head, row, *_ = printed(Table(columns), 30)
    assert head.split()[0] == "name0," and row.split()[0] == "long_value,"


def test_values_of_a_difference_are_told_apart() -> None:
    digest = "0123456789abcdef" * 4
    lines = printed(diff_table({"x": (0.1, 0.1 + 1e-15), "y": (None, digest), "z": ("a" * 500, 1)}), 400)
    assert lines[1].split() == ["x", "0.1", str(0.1 + 1e-15)]
    assert lines[2].split() == ["y", "-", digest[:16]]
    assert lines[3].split() == ["z", "a" * 117 + "...", "1"]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60), st.integers(8, 70))
def test_folded_names_are_whole(name: str, width: int) -> None:
    assert folded(name, width).replace("\n", "").replace(" ", "") == name.replace(" ", "")


def test_names_fold_between_words() -> None:
    assert folded(LONG, 25).split("\n") == ["leaky_relu-negative_", "slope0.01-learning_", "rate0.001-seed12"]


NUMBERS_OF_A_CELL = re.compile(r"(?<![\w.])[-+]?\d[\d.,]*(?:e[-+]?\d+)?%?(?![\w.])")
DIFFERING = {
    "optimizer.learning_rate": (0.0012345678901, 1.2345678e-05), "activation.negative_slope": (-0.123456789, None),
    "sha256": ("a" * 64, "b" * 64), "parameters": (203_530_123, "x y -1.5e-07"),
}  # fmt: skip
LAYERS = pd.DataFrame({
    "epoch": [1, 1, 2, 2], "step": [9, 9, 18, 18], "layer": ["dense_with_a_long_name", "logits"] * 2,
    "units": [256, 10] * 2, "dead_units": [1, 0, 123, 0], "gradient_norm_mean": [1e-9, 0.5, 1.25e12, 0.25],
})  # fmt: skip


@pytest.mark.parametrize("name", ["runs", "compare", "wide", "seeds", "diff", "layers", "points"])
def test_no_number_is_broken_in_any_width(name: str, runs: list[Run]) -> None:
    comparison = compare(runs)
    points = [Column("x", ["-2", "0.5"]), Column("value", ["-0.123456789", "1.23456789e-05"]),
              Column("slope", ["0.000123456789", "1"])]  # fmt: skip
    table = {
        "runs": runs_table(runs), "compare": Table(comparison_columns(comparison)),
        "wide": Table(comparison_columns(comparison, wide=True), repeat=1), "seeds": Table(seed_columns(comparison)),
        "diff": diff_table(DIFFERING), "layers": layers_table(Layers.of(LAYERS)), "points": Table(points),
    }[name]  # fmt: skip
    for width in range(20, 81):
        text = " ".join(printed(table, width))
        whole = {word.strip("[](),:") for word in text.split()}
        gone = text.partition("left out for want of room: ")[2].replace(" ", "")
        for column in table.columns:
            if column.header.replace(" ", "") in gone:
                continue
            for one in {n.strip(",") for cell in column.cells for n in NUMBERS_OF_A_CELL.findall(cell)}:
                assert any(one in word for word in whole), (width, column.header, one, text)
