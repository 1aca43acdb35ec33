"""The figures of a comparison: the numbers that are drawn are those of SciPy, and the figures that apply are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from scipy import stats
from typer.testing import CliRunner

from actlab.cli import app
from actlab.parts.activations import ACTIVATIONS
from actlab.run.record import Run
from actlab.show.plots import (
    PALETTE,
    difference_figure,
    heat_map,
    number_figure,
    overlay_figure,
    png,
    strip_figure,
    svg,
)  # fmt: skip
from actlab.show.plots.number_axis import scale_of
from actlab.show.plots.rows import MOST_ROWS
from actlab.show.plots.style import LINE_STYLES, part_of
from actlab.spec.config import RunConfig
from actlab.study.compare import Comparison, compare, curves, figures, looks_of
from actlab.study.compare.looks import PLACES, place_of

HOSTILE = ["$\\frac$ <script>alert(1)</script> a_{b}^2 & co.", "_" + "x" * 300]


def numbers(count: int, seed: int = 0) -> list[float]:
    return list(np.round(np.random.default_rng(seed).normal(0.9, 0.01, count), 4))


def seeds(values: Mapping[str, Sequence[float]], column: str = "val_accuracy", **more: Any) -> pd.DataFrame:
    """A row a condition and seed; `more` is condition to what else stands in its rows."""
    rows = [
        {"condition": name, "seed": seed, column: value, **{key: of[name] for key, of in more.items()}}
        for name, of_seeds in values.items()
        for seed, value in enumerate(of_seeds)
    ]
    return pd.DataFrame(rows)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def heading(figure: Figure) -> str:
    """Title, note and subtitle, however they are broken into lines."""
    return " ".join(text.get_text() for text in figure.texts)


def lines(figure: Figure, panel: int = 0) -> dict[str, Any]:
    return {str(line.get_label()): line for line in figure.axes[panel].lines}


def t_interval(values: Sequence[float]) -> Any:
    return stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))


def assert_inside(figure: Figure) -> None:
    """Every word is on the page."""
    figure.draw_without_rendering()
    for text in figure.findobj(Text):
        box = text.get_window_extent()
        if text.get_text() and text.get_visible():
            # letters on a screen are a little wider than those that were measured
            assert box.x0 >= -2 and box.x1 <= figure.bbox.x1 * 1.015, text.get_text()


# --- seeds


def test_strip_draws_every_seed_and_scipys_interval() -> None:
    values = {"relu": numbers(5), "tanh": numbers(5, 1), "elu": numbers(7, 2)}
    figure = strip_figure(seeds(values), "val_accuracy", "three", note="stand-in", when="at the last evaluation")
    drawn = lines(figure)
    for place, (name, of_seeds) in enumerate(values.items()):
        np.testing.assert_array_equal(drawn[name].get_xdata(), of_seeds)
        assert (np.abs(drawn[name].get_ydata() - place) < 0.5).all()
        np.testing.assert_allclose(drawn[f"{name} mean"].get_xdata(), [np.mean(of_seeds)], rtol=1e-12)
        np.testing.assert_allclose(drawn[f"{name} interval"].get_xdata(), t_interval(of_seeds), rtol=1e-9)
        assert drawn[name].get_color() == drawn[f"{name} interval"].get_color() == PALETTE[place]
    low, high = figure.axes[0].get_ylim()
    assert low > high, "the first condition is the uppermost"
    assert {"relu", "tanh", "elu", "n = 5", "n = 7", "stand-in", "validation accuracy (fraction correct)"} <= set(
        texts(figure)
    )
    assert "at the last evaluation; dot: a seed; diamond and bar: mean" in heading(figure)


def test_strip_of_single_seeds_has_no_interval() -> None:
    figure = strip_figure(seeds({"a": [0.9], "b": [0.8], "c": [0.7]}), "val_accuracy", "one")
    assert set(lines(figure)) == {"a", "b", "c"}
    assert "dot: a seed; one seed has no interval" in texts(figure)
    assert texts(figure).count("n = 1") == 3


def test_strip_says_how_many_seeds_are_missing() -> None:
    figure = strip_figure(seeds({"a": [0.9, math.nan, 0.8], "b": [math.nan] * 2, "c": [0.7]}), "val_accuracy", "lost")
    assert {"n = 2 of 3", "n = 0 of 2", "n = 1"} <= set(texts(figure))
    np.testing.assert_array_equal(lines(figure)["a"].get_xdata(), [0.9, 0.8])
    nothing = strip_figure(seeds({"a": [math.nan]}), "val_accuracy", "nothing")
    assert "no finite value" in texts(nothing) and png(nothing)


def test_strip_joins_the_seeds_of_two_conditions() -> None:
    frame = seeds({"a": [0.9, 0.8, math.nan], "b": [0.7, 0.95, 0.6]})
    joined = [c for c in strip_figure(frame, "val_accuracy", "two").axes[0].collections if len(c.get_paths()) == 2]
    (pairs,) = [c for c in joined if isinstance(c, LineCollection) and c.get_zorder() == 1.5]
    assert [[point[0] for point in pair] for pair in pairs.get_segments()] == [[0.9, 0.7], [0.8, 0.95]]


def test_dots_at_the_same_place_are_seen_to_be_several() -> None:
    figure = strip_figure(seeds({"a": [0.0, 0.0, 1.0], "b": [0.5]}, "dead_units"), "dead_units", "ties")
    first, second, apart = lines(figure)["a"].get_ydata()
    assert first == apart and abs(second - first) * 0.42 * 72 > 2, "points on the page"


def test_a_loss_that_spans_decades_is_on_a_log_scale() -> None:
    figure = strip_figure(seeds({"a": [1.0, 1.2], "b": [0.001, 0.002]}, "val_loss"), "val_loss", "loss")
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xlabel() == "validation loss (mean per sample), log scale"


# --- differences


def differences(values: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    return seeds(values, "difference")


def test_differences_are_pairs_with_scipys_interval_around_their_mean() -> None:
    values = {"tanh": [0.01, 0.02, -0.005, 0.03], "elu": [-0.01, -0.02, -0.015]}
    figure = difference_figure(
        differences(values),
        "val_accuracy",
        "relu",
        "against relu",
        verdicts={"tanh": "not established †", "elu": "worse"},
    )
    drawn = lines(figure)
    for name, of_pairs in values.items():
        np.testing.assert_array_equal(drawn[name].get_xdata(), of_pairs)
        found = stats.ttest_1samp(of_pairs, 0).confidence_interval(0.95)
        np.testing.assert_allclose(drawn[f"{name} interval"].get_xdata(), [found.low, found.high], rtol=1e-9)
    zero = [line for line in figure.axes[0].lines if list(line.get_xdata()) == [0, 0]]
    assert len(zero) == 1
    said = texts(figure)
    assert {"not established †, n = 4 pairs", "worse, n = 3 pairs"} <= set(said)
    assert "validation accuracy (fraction correct) minus that of relu" in said
    assert "right of 0 is better; dot: a pair;" in heading(figure) and "† see what the table says" in heading(figure)
    weights = {text.get_text(): text.get_fontweight() for text in figure.findobj(Text)}
    assert weights["worse, n = 3 pairs"] == "bold" and weights["not established †, n = 4 pairs"] == "normal"


def test_a_condition_without_pairs_keeps_its_row() -> None:
    frame = differences({"a": [-0.1, -0.2], "b": [math.nan], "c": [-0.3]})
    figure = difference_figure(frame, "val_loss", "relu", "few", higher_is_better=False)
    assert {"no pairs", "n = 1 pair", "n = 2 pairs"} <= set(texts(figure))
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high, "0 is in sight even where no difference is near it"
    assert "left of 0 is better" in heading(figure)


@pytest.mark.parametrize("count", [12, 40])
def test_many_rows_stay_on_the_page_and_apart(count: int) -> None:
    names = [f"leaky_relu negative_slope={i / 100:g}, optimizer.learning_rate={10.0**-i:g}" for i in range(count)]
    values = {name: numbers(3, i) for i, name in enumerate(names)}
    for figure in (
        strip_figure(seeds(values), "val_accuracy", "many"),
        difference_figure(
            differences(values), "val_accuracy", "x" * 200, "many", verdicts=dict.fromkeys(names, "worse")
        ),
    ):
        assert_inside(figure)
        assert len([label for label in lines(figure) if label.endswith(" mean")]) == count
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_more_rows_than_can_be_read_are_left_out_in_words() -> None:
    figure = strip_figure(seeds({f"c{i}": [0.9] for i in range(MOST_ROWS + 5)}), "val_accuracy", "very many")
    assert len(figure.axes[0].lines) == MOST_ROWS
    assert f"the first {MOST_ROWS} of {MOST_ROWS + 5} conditions" in heading(figure)


# --- a number


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.4], "linear"),
        ([0.0, 0.1, 0.2, 0.3], "linear"),
        ([0.0, 0.1, 0.2, 0.4], "linear"),
        ([-1.0, 0.0, 1.0], "linear"),
        ([32, 64], "linear"),
        ([7], "linear"),
        ([16, 32, 64, 128], "log"),
        ([10, 50, 100, 200, 500], "log"),
        ([0.001, 0.1], "log"),
        ([0.0, 0.001, 0.01, 0.18, 0.5], "symlog"),
        (list(np.linspace(0.001, 0.5, 40)), "linear"),
    ],
)
def test_the_scale_is_that_on_which_numbers_are_spread_evenly(tried: list[float], expected: str) -> None:
    assert scale_of(tried) == expected


def sweep(names: Sequence[str], tried: Sequence[float], count: int = 4) -> tuple[pd.DataFrame, dict[str, list[float]]]:
    values = {f"{n} {x:g}": numbers(count, 10 * i + j) for i, n in enumerate(names) for j, x in enumerate(tried)}
    line = {f"{name} {x:g}": name for name in names for x in tried}
    xs = {f"{name} {x:g}": x for name in names for x in tried}
    return seeds(values, line=line, x=xs), values


def test_a_curve_has_a_line_an_activation_with_scipys_intervals() -> None:
    tried = [0.1, 0.001, 0.01]
    frame, values = sweep(["relu", "tanh"], tried)
    figure = number_figure(frame, "val_accuracy", "learning_rate", "rates", when="at the last evaluation")
    (axes,), drawn = figure.axes, lines(figure)
    assert axes.get_xscale() == "log" and axes.get_xlabel() == "learning rate, log scale"
    np.testing.assert_allclose(axes.get_xticks(), [0.001, 0.01, 0.1])
    for index, name in enumerate(("relu", "tanh")):
        means = [np.mean(values[f"{name} {x:g}"]) for x in sorted(tried)]
        np.testing.assert_allclose(drawn[name].get_xydata(), np.column_stack([sorted(tried), means]), rtol=1e-12)
        assert drawn[name].get_color() == PALETTE[index]
    for condition, of_seeds in values.items():
        np.testing.assert_array_equal(drawn[f"{condition} seeds"].get_ydata(), of_seeds)
        np.testing.assert_allclose(drawn[f"{condition} interval"].get_ydata(), t_interval(of_seeds), rtol=1e-9)
    assert heading(figure).endswith("mean and 95% interval (Student's t); n = 4 seeds each")
    assert {"relu", "tanh", "validation accuracy (fraction correct)"} <= set(texts(figure))
    assert_inside(figure)


def test_zero_stands_left_of_a_log_scale() -> None:
    frame, _ = sweep([""], [0.5, 0.0, 0.001, 0.01, 0.18])
    (axes,) = number_figure(frame, "val_accuracy", "negative_slope", "slopes").axes
    assert axes.get_xscale() == "symlog" and axes.get_xlabel() == "negative slope, log scale with 0"
    np.testing.assert_allclose(axes.get_xticks(), [0, 0.001, 0.01, 0.18, 0.5])
    places = axes.transData.transform([(x, 0.9) for x in axes.get_xticks()])[:, 0]
    assert (np.diff(places) > 20).all()


def test_a_curve_says_where_seeds_are_missing() -> None:
    frame, _ = sweep(["relu"], [1, 2, 3], 3)
    frame.loc[(frame["x"] == 2) & (frame["seed"] == 0), "val_accuracy"] = math.nan
    frame.loc[frame["x"] == 3, "val_accuracy"] = math.nan
    figure = number_figure(frame, "val_accuracy", "batch_size", "lost")
    assert {"n = 2 of 3", "n = 0 of 3", "batch size (images)"} <= set(texts(figure))
    assert heading(figure).endswith("n = 0 to 3 seeds")
    assert len(lines(figure)["relu"].get_xdata()) == 2


def test_one_seed_has_no_interval_and_nothing_is_said_to_be_nothing() -> None:
    frame, values = sweep(["relu"], [1, 2, 3], 1)
    figure = number_figure(frame, "val_accuracy", "batch_size", "one")
    assert set(lines(figure)) == {"relu", *(f"{condition} mean" for condition in values)}
    assert "n = 1 seed each, so no interval" in texts(figure)
    assert "no finite value" in texts(number_figure(frame.assign(val_accuracy=math.nan), "val_accuracy", "x", "none"))


@pytest.mark.parametrize(("count", "tried"), [(6, [1, 2]), (10, [16, 32, 64, 128])])
def test_many_lines_get_a_panel_each(count: int, tried: list[float]) -> None:
    names = [f"activation {i}" for i in range(count)]
    frame, values = sweep(names, tried)
    figure = number_figure(frame, "val_accuracy", "batch_size", "many")
    assert [axes.get_title(loc="left") for axes in figure.axes] == names
    assert len({axes.get_ylim() for axes in figure.axes}) == len({axes.get_xlim() for axes in figure.axes}) == 1
    last = lines(figure, count - 1)[names[-1]].get_ydata()
    np.testing.assert_allclose(last, [np.mean(values[f"{names[-1]} {x:g}"]) for x in tried])
    assert_inside(figure)


def test_forty_numbers_are_not_all_named() -> None:
    tried = [round(x, 4) for x in np.linspace(0.001, 0.5, 40)]
    figure = number_figure(sweep(["leaky_relu"], tried, 2)[0], "val_accuracy", "negative_slope", "forty")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert 5 < len(boxes) < 40
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert figure.axes[0].get_xticks()[-1] == 0.5


# --- two numbers


def grid(panels: Sequence[str], across: Sequence[float], up: Sequence[float], count: int = 3) -> pd.DataFrame:
    cells = {f"{p}{x:g},{y:g}": (p, x, y) for p in panels for x in across for y in up}
    values = {name: numbers(count, i) for i, name in enumerate(cells)}
    return seeds(values, panel={n: c[0] for n, c in cells.items()}, x={n: c[1] for n, c in cells.items()},
                 y={n: c[2] for n, c in cells.items()})  # fmt: skip


def cells_of(figure: Figure, panel: int = 0) -> dict[str, Rectangle]:
    found = [patch for patch in figure.axes[panel].patches if isinstance(patch, Rectangle)]
    return {str(patch.get_gid()): patch for patch in found}


def test_a_heat_map_has_the_mean_and_n_of_each_cell() -> None:
    frame = grid([""], [0.1, 0.001, 0.01], [64, 16])
    figure = heat_map(frame, "val_accuracy", ("learning_rate", "batch_size"), "map", when="at the last evaluation")
    axes, said = figure.axes[0], texts(figure)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.001", "0.01", "0.1"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["16", "64"]
    assert axes.get_xlabel() == "learning rate" and axes.get_ylabel() == "batch size (images)"
    means = frame.groupby("condition")["val_accuracy"].mean()
    assert {f"{mean:.4f}" for mean in means} <= set(said) and said.count("n = 3") == 6
    drawn = cells_of(figure)
    order = means.sort_values().index
    lightness = [np.dot(drawn[part_of(name)].get_facecolor()[:3], (0.2126, 0.7152, 0.0722)) for name in order]
    assert lightness == sorted(lightness), "the higher, the lighter"
    cell = drawn[part_of(means.index[means.index.str.startswith("0.01,64")][0])]
    assert (cell.get_x() + 0.5, cell.get_y() + 0.5) == (1, 1)
    assert_inside(figure)


def test_a_heat_map_says_what_is_missing() -> None:
    frame = grid([""], [1, 2], [3, 4])
    frame = frame[~((frame["x"] == 1) & (frame["y"] == 3))]
    frame.loc[(frame["x"] == 2) & (frame["y"] == 3), "val_accuracy"] = math.nan
    frame.loc[(frame["x"] == 2) & (frame["y"] == 4) & (frame["seed"] == 0), "val_accuracy"] = math.nan
    figure = heat_map(frame, "val_accuracy", ("x", "y"), "holes")
    assert {"n = 0 of 3", "n = 2 of 3", "n = 3"} <= set(texts(figure))
    assert heading(figure).endswith("blank: not run")
    assert len(cells_of(figure)) == 3
    assert png(heat_map(frame.assign(val_accuracy=math.nan), "val_accuracy", ("x", "y"), "nothing"))


def test_every_panel_has_the_same_colours() -> None:
    frame = grid(["relu", "tanh", "elu", "gelu", "selu"], [0.001, 0.01, 0.1, 1], [16, 32])
    figure = heat_map(frame, "val_accuracy", ("learning_rate", "batch_size"), "forty conditions")
    assert [axes.get_title(loc="left") for axes in figure.axes[:5]] == ["relu", "tanh", "elu", "gelu", "selu"]
    means = frame.groupby("condition")["val_accuracy"].mean()
    assert to_hex(cells_of(figure, 0).get(part_of(means.idxmax()), Rectangle((0, 0), 1, 1)).get_facecolor())
    all_cells = {name: cell for panel in range(5) for name, cell in cells_of(figure, panel).items()}
    assert to_hex(all_cells[part_of(means.idxmax())].get_facecolor()) == "#fde725"
    assert to_hex(all_cells[part_of(means.idxmin())].get_facecolor()) == "#440154"
    assert_inside(figure)


def test_cells_too_small_for_words_are_explained_instead() -> None:
    frame = grid([""], list(range(1, 15)), [1, 2], 2)
    frame.loc[0, "val_accuracy"] = math.nan
    figure = heat_map(frame, "val_accuracy", ("x", "y"), "many")
    assert not any(text.startswith("n =") for text in texts(figure))
    assert "colour: mean over n = 1 to 2 seeds; ring, hatching: seeds without a value" in heading(figure)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_drawn_as_they_are(name: str) -> None:
    frame = seeds({name: [0.9, 0.8], "b": [0.7, 0.6]}, x={name: 1, "b": 2})
    frame = frame.assign(line=frame["condition"], panel=name, y=frame["x"])
    for figure in (
        strip_figure(frame, "val_accuracy", name, note=name),
        difference_figure(frame.rename(columns={"val_accuracy": "difference"}), "val_accuracy", name, name),
        number_figure(frame, "val_accuracy", "x", name),
        heat_map(frame, "val_accuracy", ("x", "y"), name),
    ):
        assert not any(text.get_parse_math() for text in figure.findobj(Text) if text.get_text())
        assert "<script" not in svg(figure)
        assert_inside(figure)


def test_the_same_data_gives_the_same_bytes() -> None:
    def drawn() -> list[str]:
        frame = grid(["a", "b"], [1, 2], [1, 2]).assign(line=lambda rows: rows["panel"])
        return [
            svg(strip_figure(frame, "val_accuracy", "t")),
            svg(number_figure(frame[frame["y"] == 1], "val_accuracy", "x", "t")),
            svg(heat_map(frame, "val_accuracy", ("x", "y"), "t")),
        ]

    assert drawn() == drawn()


# --- what applies

Train = Callable[..., Run]
LEAKY = {slope: {"name": "leaky_relu", "negative_slope": slope} for slope in (0.0, 0.001, 0.01, 0.1)}
RATES = {rate: {"name": "sgd", "learning_rate": rate} for rate in (0.001, 0.01, 0.1)}


@pytest.fixture
def train(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Train:
    """Makes up a finished run whose last accuracy follows from its config."""

    def made(folder: str = "study", status: str = "done", **config: Any) -> Run:
        chosen = resolved(**config)
        last = numbers(1, int(chosen.hash[:6], 16))[0]
        return Run(make_run(tmp_path / folder, chosen, [last - 0.1, last], status))

    return made


def study(train: Train, configs: Sequence[Mapping[str, Any]], count: int = 2) -> Comparison:
    return compare([train(**config, seed=seed) for config in configs for seed in range(count)])


@pytest.mark.parametrize(
    ("configs", "expected"),
    [
        ([{}], ["seeds"]),
        ([{"activation": a} for a in ("relu", "tanh")], ["seeds", "differences"]),
        ([{"activation": a} for a in ("relu", LEAKY[0.01])], ["seeds", "differences"]),
        ([{"activation": LEAKY[s]} for s in LEAKY], ["seeds", "differences", "by_negative_slope"]),
        ([{"activation": a} for a in ("relu", "tanh", LEAKY[0.01], LEAKY[0.1])],
         ["seeds", "differences", "by_negative_slope"]),
        ([{"optimizer": RATES[r]} for r in RATES], ["seeds", "differences", "by_learning_rate"]),
        ([{"model": {"name": "mnist_dense", "hidden": [h]}} for h in (16, 64)], ["seeds", "differences", "by_hidden"]),
        ([{"activation": a, "batch_size": b} for a in ("relu", "tanh") for b in (16, 64)],
         ["seeds", "differences", "by_batch_size"]),
        ([{"batch_size": b, "optimizer": RATES[r]} for b in (16, 64) for r in RATES],
         ["seeds", "differences", "by_learning_rate_and_batch_size"]),
        ([{"batch_size": round(1e4 * r), "optimizer": RATES[r]} for r in RATES],
         ["seeds", "differences", "by_learning_rate"]),
        ([*({"batch_size": b} for b in (16, 64, 256)), *({"activation": LEAKY[s]} for s in (0.01, 0.1))],
         ["seeds", "differences", "by_batch_size", "by_negative_slope"]),
        ([{"activation": a, "batch_size": b, "optimizer": RATES[r]}
          for a in ("relu", LEAKY[0.01]) for b in (16, 64) for r in (0.01, 0.1)],
         ["seeds", "differences", "by_learning_rate_and_batch_size"]),
        ([{"epochs": 3}, {"epochs": None, "steps": 10}], ["seeds", "differences"]),
    ],
)  # fmt: skip
def test_the_figures_that_apply(configs: list[dict[str, Any]], expected: list[str], train: Train) -> None:
    comparison = study(train, [{"batch_size": 128, **config} for config in configs])
    assert sorted(figures(comparison, "study")) == sorted(expected)


def test_relu_stands_at_slope_zero_beside_leaky_relu(train: Train) -> None:
    comparison = study(train, [{"activation": a} for a in ("relu", LEAKY[0.01], LEAKY[0.1], "tanh")])
    figure = figures(comparison, "slopes")["by_negative_slope"]
    drawn = lines(figure)
    assert list(drawn["relu"].get_xdata()) == [0] and list(drawn["leaky_relu"].get_xdata()) == [0.01, 0.1]
    assert "not drawn: 1 other condition" in heading(figure)
    summary = comparison.summaries["leaky_relu 0.1"]
    np.testing.assert_allclose(drawn["leaky_relu 0.1 interval"].get_ydata(), [summary.low, summary.high])
    assert summary.low == pytest.approx(t_interval(summary.values)[0], rel=1e-9)


def test_numbers_that_go_together_are_one_axis_and_it_is_said(train: Train) -> None:
    rates = [
        {"activation": a, "batch_size": round(1e4 * r), "optimizer": RATES[r]} for a in ("relu", "tanh") for r in RATES
    ]
    figure = figures(study(train, rates), "zip")["by_learning_rate"]
    assert {"relu", "tanh"} <= set(lines(figure)) and len(lines(figure)["relu"].get_xdata()) == 3
    assert "; batch size goes with it" in heading(figure)


def test_differences_of_a_grid_are_each_from_its_own_baseline(train: Train) -> None:
    comparison = study(train, [{"activation": a, "batch_size": b} for a in ("relu", "tanh") for b in (16, 64)], 3)
    figure = figures(comparison, "grid")["differences"]
    for name in ("tanh batch_size=16", "tanh batch_size=64"):
        base = comparison.values[name.replace("tanh", "relu")]
        expected = [value - base[seed] for seed, value in comparison.values[name].items()]
        np.testing.assert_allclose(lines(figure)[name].get_xdata(), expected, rtol=1e-9)
    assert figure.axes[0].get_xlabel().endswith("minus that of its baseline")


@pytest.mark.parametrize("value", [10**400, True, None, "0.1", [1, 2], {"a": 1}])
def test_a_record_may_hold_anything_where_a_number_is_expected(
    value: Any, make_run: Callable[..., Path], resolved: Callable[..., RunConfig], tmp_path: Path
) -> None:
    runs = []
    for size in (16, 64, value):
        config = resolved(batch_size=32, seed=len(runs))
        written = {**config.canonical(), "batch_size": size, "seed": 0}
        path = make_run(tmp_path / "study", config, [0.9], "done", {"config": written, "hash": str(len(runs))})
        runs.append(Run(path))
    assert list(figures(compare(runs), "odd")) == ["seeds", "differences", "by_batch_size"]


def test_a_seed_that_diverged_is_counted(train: Train) -> None:
    runs = [train(activation=a, seed=s) for a in ("relu", "tanh") for s in (0, 1)]
    comparison = compare([*runs, train(activation="tanh", seed=2, status="diverged")])
    made = figures(comparison, "lost")
    assert {"n = 2", "n = 2 of 3"} <= set(texts(made["seeds"]))
    assert "not established †, n = 2 pairs" in texts(made["differences"])
    assert figures(compare([train("none", "diverged", activation="elu")]), "nothing") == {}


def test_a_stand_in_is_said_in_every_figure(train: Train, make_run: Callable[..., Path], tmp_path: Path,
                                            resolved: Callable[..., RunConfig]) -> None:  # fmt: skip
    record = {"dataset": {"name": "synth_mnist", "sha256": "1" * 64, "stand_in_for": "mnist"}}
    configs = [resolved(activation="relu", optimizer=RATES[r], seed=s) for r in RATES for s in (0, 1)]
    comparison = compare([Run(make_run(tmp_path / "synth", config, [0.9], "done", record)) for config in configs])
    for figure in figures(comparison, "synth").values():
        assert "synth_mnist: a rendered stand-in, NOT mnist" in texts(figure)


# --- colours


def test_one_colour_an_activation_through_all_figures(train: Train) -> None:
    grid = [{"activation": a, "batch_size": b} for a in ("relu", "tanh", "elu") for b in (16, 64)]
    comparison = study(train, grid)
    look_of = looks_of([comparison])[0]
    assert len(set(look_of.values())) == 6
    expected = {"elu": {look_of["elu batch_size=16"].color}, "relu": {look_of["relu batch_size=16"].color}}
    made = {
        **figures(comparison, "t"),
        "curves": overlay_figure(curves(comparison), "val_accuracy", "t", look_of=look_of),
    }
    for stem, figure in made.items():
        for activation in ("relu", "elu"):
            colors = {line.get_color() for label, line in lines(figure).items() if label.startswith(activation)}
            assert colors in (expected[activation], set()), (stem, activation)
    assert expected["elu"] != expected["relu"]


def test_colours_follow_the_config_and_not_the_order_of_the_table(train: Train, tmp_path: Path) -> None:
    runs = [train(activation=a, seed=s) for a in ("relu", "tanh", "elu") for s in (0, 1)]
    (tmp_path / "study" / "experiment.yaml").write_text(
        "dataset: mnist\nmodel: mnist_dense\nepochs: 3\nsweep: {activation: [elu, tanh, relu], seed: [0, 1]}\n"
    )
    plain, by_name = compare(runs), compare(runs, sort="activation")
    assert list(plain.conditions) == ["elu", "tanh", "relu"] and list(by_name.conditions) == ["elu", "relu", "tanh"]
    assert looks_of([plain]) == looks_of([by_name])
    drawn = figures(by_name, "t")["differences"]
    assert lines(drawn)["relu"].get_color() == looks_of([plain])[0]["relu"].color == PALETTE[0]


def test_optimizers_keep_their_colours_however_the_table_is_sorted(train: Train) -> None:
    runs = [train(optimizer={"name": name}) for name in ("sgd", "rmsprop", "adam")]
    plain, by_name = compare(runs), compare(runs, sort="optimizer")
    assert list(plain.conditions) != list(by_name.conditions)
    assert looks_of([plain]) == looks_of([by_name])
    assert {look.color for look in looks_of([plain])[0].values()} == set(PALETTE[:3])


def test_an_activation_has_one_look_in_figures_that_know_nothing_of_each_other(train: Train) -> None:
    sets = (["relu", "tanh", LEAKY[0.01]], [LEAKY[0.01], "gelu"], ["elu", LEAKY[0.01], LEAKY[0.1], "prelu"])
    found = []
    for number, names in enumerate(sets):
        parts = [{"activation": name} for name in names]
        found.append(looks_of([study(lambda n=number, **c: train(f"study{n}", **c), parts)])[0])
    slopes = [
        look for looks in found for name, look in looks.items() if name.startswith("leaky_relu") and "0.1" not in name
    ]
    assert len(slopes) == 3 and len(set(slopes)) == 1
    first, second = (look for name, look in found[2].items() if name.startswith("leaky_relu"))
    assert first.color == second.color and first.linestyle != second.linestyle
    assert all(len(set(looks.values())) == len(looks) for looks in found)


def test_each_activation_has_a_look_of_its_own() -> None:
    names = [entry.name for entry in ACTIVATIONS]
    assert len({place_of(name) for name in names}) == len(names) == len(PALETTE) * len(LINE_STYLES)
    assert {name for row in PLACES for name in row} == set(names)
    other = place_of("one of another version")
    assert other == place_of("one of another version") and other[0] < len(PALETTE) and other[1] < len(LINE_STYLES)


def test_an_activation_keeps_its_colour_in_all_comparisons_of_a_report(train: Train) -> None:
    first = study(lambda **c: train("one", **c), [{"activation": a} for a in ("relu", "tanh", "elu")])
    second = study(lambda **c: train("two", **c), [{"activation": a} for a in ("gelu", "elu", "relu")])
    rates = study(lambda **c: train("three", **c), [{"optimizer": {"name": o}} for o in ("sgd", "adam")])
    one, two, three = looks_of([first, second, rates])
    assert one["relu"] == two["relu"] and one["elu"] == two["elu"]
    assert two["gelu"].color not in {look.color for look in one.values()}
    assert [three["sgd"].color, three["adam"].color] == list(PALETTE[:2]), "optimizers have colours of their own"
    assert len({look.color for look in two.values()}) == 3


def test_a_swept_number_is_no_colour_where_something_else_differs(train: Train) -> None:
    slopes = [{"activation": LEAKY[s], "optimizer": {"name": o}} for o in ("sgd", "adam") for s in (0.01, 0.1)]
    comparison = study(train, slopes, 1)
    look_of = looks_of([comparison])[0]
    assert [look.color for look in look_of.values()] == [PALETTE[0]] * 2 + [PALETTE[1]] * 2
    drawn = lines(figures(comparison, "t")["by_negative_slope"])
    assert drawn["sgd"].get_color() == PALETTE[0] and drawn["adam"].get_color() == PALETTE[1]


def test_forty_conditions_have_looks(train: Train) -> None:
    comparison = study(train, [{"activation": {"name": "leaky_relu", "negative_slope": i / 100}} for i in range(40)], 1)
    look_of = looks_of([comparison])[0]
    assert len(set(look_of.values())) == 40
    assert {look.color for look in look_of.values()} == set(PALETTE)


# --- the command


def test_compare_writes_the_figures_and_names_them(train: Train, tmp_path: Path) -> None:
    for activation in ("relu", "tanh"):
        for batch_size in (16, 64):
            train(activation=activation, batch_size=batch_size)
    answer = CliRunner().invoke(app, ["compare", str(tmp_path / "study"), "--metric", "accuracy"])
    assert answer.exit_code == 0, answer.output
    for stem in ("val_accuracy", "val_loss", "accuracy", "seeds", "differences", "by_batch_size"):
        path = tmp_path / "study" / f"{stem}.png"
        assert path.read_bytes().startswith(b"\x89PNG")
        assert f"{stem}.png" in answer.output
