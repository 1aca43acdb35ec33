"""The figures of a comparison: the numbers that are drawn are those of SciPy, and the figures that apply are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from scipy import stats
from typer.testing import CliRunner

import actlab
from actlab.cli import app
from actlab.runs.record import Run
from actlab.show.figures import comparison as drawing
from actlab.show.figures.comparison import MAP_COLUMNS, MAP_SEEDS, looks_of
from actlab.show.figures.numbers import heat_map, number_figure, scale_of, seeds_map
from actlab.show.figures.rows import MOST_ROWS, differences_figure, seeds_figure
from actlab.show.figures.style import PALETTE, Heading, look, looks, png, svg
from actlab.spec.config import RunConfig
from actlab.study.frame import Lack, frame_of
from actlab.study.judge import Comparison, ConditionResult, Divergence, Note, compare
from actlab.study.measures import known_metrics, value
from actlab.study.stats.pairs import paired
from actlab.study.stats.summaries import summary

HOSTILE = ["$\\frac$ <script>alert(1)</script> a_{b}^2 & co.", "_" + "x" * 300]


def comparison_figures(*arguments: Any, **options: Any) -> dict[str, Figure]:
    return {stem: draw() for stem, draw in drawing.comparison_figures(*arguments, **options).items()}


def numbers(count: int, seed: int = 0) -> list[float]:
    return list(np.round(np.random.default_rng(seed).normal(0.9, 0.01, count), 4))


def comparison(
    values: Mapping[str, Sequence[float]], metric: str = "val_accuracy", against: Mapping[str, Sequence[float]] = {},
    **more: Mapping[str, Any],
) -> Comparison:  # fmt: skip
    """A comparison of made-up values, a seed each (NaN: it has none); of `against`, the differences from its baseline.

    `more` is a field of the results, by condition.
    """
    results = []
    for name, of_seeds in values.items():
        known = {seed: value for seed, value in enumerate(of_seeds) if not math.isnan(value)}
        lacking = {seed: Lack("failed") for seed in range(len(of_seeds)) if seed not in known}
        fields = {field: of[name] for field, of in more.items() if name in of}
        results.append(ConditionResult(name, {}, [], known, lacking, summary(list(known.values())), **fields))
    return Comparison(metric, "last", [metric], [], results, list(values))


def against(
    pairs: Mapping[str, Sequence[float]], metric: str = "val_accuracy", base: str = "relu", **more: Any
) -> Comparison:
    """A comparison in which each condition differs from its baseline by these numbers, a seed each."""
    zeros = [0.0] * max((len(of) for of in pairs.values()), default=0)
    found = {name: paired(of, [0.0] * len(of)) for name, of in pairs.items() if len(of)}
    return comparison({base: zeros, **pairs}, metric, pairs=found, baseline=dict.fromkeys(pairs, base), **more)


def strip(of: Comparison, title: str = "t", note: str = "", when: str = "") -> Figure:
    return seeds_figure(of, Heading(title, note, (when,)), looks(of.names))


def differences(of: Comparison, title: str = "t") -> Figure:
    return differences_figure(of, Heading(title), looks(of.names))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def heading(figure: Figure) -> str:
    """Title, note and subtitle, however they are broken into lines."""
    return " ".join(text.get_text() for text in figure.texts)


def lines(figure: Figure, panel: int = 0) -> dict[str, Any]:
    return {str(line.get_label()): line for line in figure.axes[panel].lines}


def titles(figure: Figure, names: Sequence[str]) -> list[str]:
    """Which of the names stand over panels, in their order."""
    return [text.get_text() for text in figure.axes[0].texts if text.get_text() in names]


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
    figure = strip(comparison(values), "three", note="stand-in", when="at the last evaluation")
    drawn = lines(figure)
    for place, (name, of_seeds) in enumerate(values.items()):
        np.testing.assert_array_equal(drawn[name].get_xdata(), of_seeds)
        assert (np.abs(drawn[name].get_ydata() - place) < 0.5).all()
        np.testing.assert_allclose(drawn[f"{name} mean"].get_xdata(), [np.mean(of_seeds)], rtol=1e-12)
        np.testing.assert_allclose(drawn[f"{name} interval"].get_xdata(), t_interval(of_seeds), rtol=1e-9)
        assert drawn[name].get_color() == drawn[f"{name} interval"].get_color() == PALETTE[place]
        assert drawn[name].get_gid() == f"condition-{place}"
    low, high = figure.axes[0].get_ylim()
    assert low > high, "the first condition is the uppermost"
    assert {"relu", "tanh", "elu", "n = 5", "n = 7", "stand-in", "validation accuracy (% correct)"} <= set(
        texts(figure)
    )
    assert "at the last evaluation; dot: a seed; diamond and bar: mean" in heading(figure)


def test_accuracies_are_written_in_percent() -> None:
    figure = strip(comparison({"relu": [0.9, 0.92, 0.98], "tanh": [0.93, 0.94, 0.95]}))
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["85", "90", "95", "100"]


def test_strip_of_single_seeds_has_no_interval() -> None:
    figure = strip(comparison({"a": [0.9], "b": [0.8], "c": [0.7]}))
    assert set(lines(figure)) == {"a", "b", "c"}
    assert "dot: a seed; one seed has no interval" in texts(figure)
    assert texts(figure).count("n = 1") == 3


def test_strip_says_how_many_seeds_are_missing() -> None:
    figure = strip(comparison({"a": [0.9, math.nan, 0.8], "b": [math.nan] * 2, "c": [0.7]}))
    assert {"n = 2 of 3", "n = 0 of 2", "n = 1"} <= set(texts(figure))
    np.testing.assert_array_equal(lines(figure)["a"].get_xdata(), [0.9, 0.8])
    nothing = strip(comparison({"a": [math.nan]}))
    assert "no finite value" in texts(nothing) and png(nothing)


def test_strip_joins_the_seeds_of_two_conditions() -> None:
    figure = strip(comparison({"a": [0.9, 0.8, math.nan], "b": [0.7, 0.95, 0.6]}))
    joined = [c for c in figure.axes[0].collections if len(c.get_paths()) == 2]
    (pairs,) = [c for c in joined if isinstance(c, LineCollection) and c.get_zorder() == 1.5]
    assert [[point[0] for point in pair] for pair in pairs.get_segments()] == [[0.9, 0.7], [0.8, 0.95]]


def test_dots_at_the_same_place_are_seen_to_be_several() -> None:
    figure = strip(comparison({"a": [0.0, 0.0, 1.0], "b": [0.5]}, "dead_units"))
    first, second, apart = lines(figure)["a"].get_ydata()
    assert first == apart and abs(second - first) * 0.42 * 72 > 2, "points on the page"


def test_a_loss_that_spans_decades_is_on_a_log_scale() -> None:
    figure = strip(comparison({"a": [1.0, 1.2], "b": [0.001, 0.002]}, "val_loss"))
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xlabel() == "validation loss (mean per sample), log scale"


# --- differences


def test_differences_are_pairs_with_scipys_interval_around_their_mean() -> None:
    values = {"tanh": [0.01, 0.02, -0.005, 0.03], "elu": [-0.01, -0.02, -0.015]}
    told = {"tanh": "not established", "elu": "worse"}
    beside = {"tanh": [Note("rests without", ("tanh",), {})]}
    figure = differences(against(values, verdict=told, beside=beside))
    drawn = lines(figure)
    for name, of_pairs in values.items():
        np.testing.assert_array_equal(drawn[name].get_xdata(), of_pairs)
        found = stats.ttest_1samp(of_pairs, 0).confidence_interval(0.95)
        np.testing.assert_allclose(drawn[f"{name} interval"].get_xdata(), [found.low, found.high], rtol=1e-9)
        np.testing.assert_allclose(drawn[f"{name} mean"].get_xdata(), [np.mean(of_pairs)], rtol=1e-12)
    zero = [line for line in figure.axes[0].lines if list(line.get_xdata()) == [0, 0]]
    assert len(zero) == 1
    said = texts(figure)
    assert {"not established †, n = 4 pairs", "worse, n = 3 pairs"} <= set(said)
    assert "validation accuracy minus that of relu (points)" in said
    assert "right of 0 is better; dot: a pair;" in heading(figure) and "† see what the table says" in heading(figure)
    weights = {text.get_text(): text.get_fontweight() for text in figure.findobj(Text)}
    assert weights["worse, n = 3 pairs"] == "bold" and weights["not established †, n = 4 pairs"] == "normal"


def test_a_verdict_on_divergence_is_bold_too() -> None:
    end = Divergence((7, 8), (0, 8), 0.016, 1, "diverges more often")
    study = against({"tanh": [0.01, 0.02]}, verdict={"tanh": "not established"})
    study = replace(study, results=[replace(r, divergence=end) if r.baseline else r for r in study.results])
    (verdict,) = [text for text in differences(study).findobj(Text) if "diverges" in text.get_text()]
    assert verdict.get_text() == "diverges more often (p = 0.016), n = 2 pairs" and verdict.get_fontweight() == "bold"


def test_a_condition_without_pairs_keeps_its_row() -> None:
    figure = differences(against({"a": [-0.1, -0.2], "b": [], "c": [-0.3]}, "val_loss"))
    assert {"no pairs", "n = 1 pair", "n = 2 pairs"} <= set(texts(figure))
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < high, "0 is in sight even where no difference is near it"
    assert "left of 0 is better" in heading(figure)


@pytest.mark.parametrize("count", [12, 40, 60])
def test_many_rows_stay_on_the_page_and_apart(count: int) -> None:
    names = [f"leaky_relu negative_slope={i / 100:g}, optimizer.learning_rate={10.0**-i:g}" for i in range(count)]
    values = {name: numbers(3, i) for i, name in enumerate(names)}
    worse = against(values, base="x" * 200, verdict=dict.fromkeys(names, "worse"))
    for figure in (strip(comparison(values)), differences(worse)):
        assert_inside(figure)
        assert len([label for label in lines(figure) if label.endswith(" mean")]) == count
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_more_rows_than_can_be_read_are_left_out_in_words() -> None:
    figure = strip(comparison({f"c{i}": [0.9] for i in range(MOST_ROWS + 5)}))
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
        ([0.5, 0.9, 0.99, 0.999], "to one"),
        ([0.0, 0.9, 0.99], "to one"),
        ([0.0, 0.8, 0.9], "to one"),
        ([0.9, 0.99, 1.0], "linear"),
        (list(np.linspace(0.001, 0.5, 40)), "linear"),
    ],
)
def test_the_scale_is_that_on_which_numbers_are_spread_evenly(tried: list[float], expected: str) -> None:
    assert scale_of(tried) == expected


Lines = dict[str, dict[str, float]]


def sweep(names: Sequence[str], tried: Sequence[float], count: int = 4) -> tuple[dict[str, list[float]], Lines]:
    """Values by condition, and the conditions of each line with their numbers."""
    values = {f"{n} {x:g}": numbers(count, 10 * i + j) for i, n in enumerate(names) for j, x in enumerate(tried)}
    return values, {name: {f"{name} {x:g}": x for x in tried} for name in names}


def drawn_lines(
    values: Mapping[str, Sequence[float]], of: Lines, key: str = "learning_rate", heading: Heading = Heading("t")
) -> Figure:
    by_line = {name: look(place) for place, conditions in enumerate(of.values()) for name in conditions}
    return number_figure(comparison(values), key, of, heading, by_line)


def test_a_curve_has_a_line_an_activation_with_scipys_intervals() -> None:
    tried = [0.1, 0.001, 0.01]
    values, of = sweep(["relu", "tanh"], tried)
    figure = drawn_lines(values, of, heading=Heading("rates", "", ("at the last evaluation",)))
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
    assert {"relu", "tanh", "validation accuracy (% correct)"} <= set(texts(figure))
    assert_inside(figure)


def test_zero_stands_left_of_a_log_scale() -> None:
    figure = drawn_lines(*sweep([""], [0.5, 0.0, 0.001, 0.01, 0.18]), "negative_slope")
    (axes,) = figure.axes
    assert axes.get_xscale() == "symlog" and axes.get_xlabel() == "negative slope, log scale with 0"
    np.testing.assert_allclose(axes.get_xticks(), [0, 0.001, 0.01, 0.18, 0.5])
    places = axes.transData.transform([(x, 0.9) for x in axes.get_xticks()])[:, 0]
    assert (np.diff(places) > 20).all()


def test_a_curve_says_where_seeds_are_missing() -> None:
    values, of = sweep(["relu"], [1, 2, 3], 3)
    values["relu 2"][0] = math.nan
    values["relu 3"] = [math.nan] * 3
    figure = drawn_lines(values, of, "batch_size")
    assert {"n = 2 of 3", "n = 0 of 3", "batch size (images)"} <= set(texts(figure))
    assert heading(figure).endswith("n = 0 to 3 seeds")
    assert len(lines(figure)["relu"].get_xdata()) == 2


def test_one_seed_has_no_interval_and_nothing_is_said_to_be_nothing() -> None:
    values, of = sweep(["relu"], [1, 2, 3], 1)
    figure = drawn_lines(values, of)
    assert set(lines(figure)) == {"relu", *(f"{condition} mean" for condition in values)}
    assert "n = 1 seed each, so no interval" in texts(figure)
    assert "no finite value" in texts(drawn_lines({name: [math.nan] for name in values}, of))


@pytest.mark.parametrize(("count", "tried"), [(6, [1, 2]), (10, [16, 32, 64, 128]), (60, [1, 2])])
def test_many_lines_get_a_panel_each(count: int, tried: list[float]) -> None:
    names = [f"activation {i}" for i in range(count)]
    values, of = sweep(names, tried)
    figure = drawn_lines(values, of, "batch_size")
    assert titles(figure, names) == names
    last = lines(figure)[names[-1]].get_ydata()
    np.testing.assert_allclose(last, [np.mean(values[f"{names[-1]} {x:g}"]) for x in tried])
    assert_inside(figure)


def test_forty_numbers_are_not_all_named() -> None:
    tried = [round(x, 4) for x in np.linspace(0.001, 0.5, 40)]
    figure = drawn_lines(*sweep(["leaky_relu"], tried, 2), "negative_slope")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert 5 < len(boxes) < 40
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])
    assert figure.axes[0].get_xticks()[-1] == 0.5


# --- two numbers

Maps = dict[str, dict[str, tuple[float, float]]]


def grid(
    panels: Sequence[str], across: Sequence[float], up: Sequence[float], count: int = 3
) -> tuple[dict[str, list[float]], Maps]:
    """Values by condition, and the conditions of each map with their two numbers."""
    maps = {p: {f"{p}{x:g},{y:g}": (x, y) for x in across for y in up} for p in panels}
    return {name: numbers(count, i) for i, name in enumerate(n for of in maps.values() for n in of)}, maps


def drawn_maps(values: Mapping[str, Sequence[float]], maps: Maps, keys: tuple[str, str] = ("x", "y")) -> Figure:
    return heat_map(comparison(values), keys, maps, Heading("t"), looks(values))


def cells_of(figure: Figure, panel: int = 0) -> dict[str, Rectangle]:
    found = [patch for patch in figure.axes[panel].patches if isinstance(patch, Rectangle)]
    return {str(patch.get_gid()): patch for patch in found}


def test_a_heat_map_has_the_mean_and_n_of_each_cell() -> None:
    values, maps = grid([""], [0.1, 0.001, 0.01], [64, 16])
    figure = drawn_maps(values, maps, ("learning_rate", "batch_size"))
    axes, said = figure.axes[0], texts(figure)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.001", "0.01", "0.1"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["16", "64"]
    assert axes.get_xlabel() == "learning rate" and axes.get_ylabel() == "batch size (images)"
    means = {name: float(np.mean(of)) for name, of in values.items()}
    assert {f"{100 * mean:.2f}" for mean in means.values()} <= set(said) and said.count("n = 3") == 6
    drawn, order = cells_of(figure), sorted(means, key=means.__getitem__)
    numbered = {name: drawn[f"condition-{place}"] for place, name in enumerate(values)}
    lightness = [np.dot(numbered[name].get_facecolor()[:3], (0.2126, 0.7152, 0.0722)) for name in order]
    assert lightness == sorted(lightness), "the higher, the lighter"
    cell = numbered["0.01,64"]
    assert (cell.get_x() + 0.5, cell.get_y() + 0.5) == (1, 1)
    assert_inside(figure)


def test_a_heat_map_says_what_is_missing() -> None:
    values, maps = grid([""], [1, 2], [3, 4])
    del maps[""]["1,3"]
    values["2,3"] = [math.nan] * 3
    values["2,4"][0] = math.nan
    figure = drawn_maps(values, maps)
    assert {"n = 0 of 3", "n = 2 of 3", "n = 3"} <= set(texts(figure))
    assert {"failed", "not run"} <= set(texts(figure)), "why there is no number"
    assert len(cells_of(figure)) == 3
    assert png(drawn_maps({name: [math.nan] for name in values}, maps))


def test_every_panel_has_the_same_colours() -> None:
    values, maps = grid(["relu", "tanh", "elu", "gelu", "selu"], [0.001, 0.01, 0.1, 1], [16, 32])
    figure = drawn_maps(values, maps, ("learning_rate", "batch_size"))
    assert [axes.get_title(loc="left") for axes in figure.axes[:5]] == ["relu", "tanh", "elu", "gelu", "selu"]
    means = [np.mean(of) for of in values.values()]
    cells = {name: cell for panel in range(5) for name, cell in cells_of(figure, panel).items()}
    assert to_hex(cells[f"condition-{np.argmax(means)}"].get_facecolor()) == "#fde725"
    assert to_hex(cells[f"condition-{np.argmin(means)}"].get_facecolor()) == "#440154"
    assert_inside(figure)


def test_cells_too_small_for_words_are_explained_instead() -> None:
    values, maps = grid([""], list(range(1, 15)), [1, 2], 2)
    values["1,1"][0] = math.nan
    figure = drawn_maps(values, maps)
    assert not any(text.startswith("n =") for text in texts(figure))
    assert "colour: mean over n = 1 to 2 seeds; hatched: seeds without a value" in heading(figure)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_drawn_as_they_are(name: str) -> None:
    values = {name: [0.9, 0.8], "b": [0.7, 0.6]}
    many = {name: {name: 1.0}, **{str(i): {"b": 2.0} for i in range(6)}}
    for figure in (
        strip(comparison(values), name, note=name),
        differences(against({name: [0.1, 0.2]}, base=name + "b"), name),
        drawn_lines(values, {name: {name: 1.0, "b": 2.0}}, heading=Heading(name)),
        drawn_lines(values, many, heading=Heading(name)),
        drawn_maps(values, {name: {name: (1, 2), "b": (2, 1)}}),
    ):
        assert not any(text.get_parse_math() for text in figure.findobj(Text) if text.get_text())
        assert "<script" not in svg(figure)
        assert_inside(figure)


def test_the_same_data_gives_the_same_bytes() -> None:
    def drawn() -> list[str]:
        values, maps = grid(["a", "b"], [1, 2], [1, 2])
        of = {"a": {"a1,1": 1.0, "a2,1": 2.0}}
        return [svg(strip(comparison(values))), svg(drawn_lines(values, of)), svg(drawn_maps(values, maps))]

    assert drawn() == drawn()


# --- a number and the seeds


def test_a_map_of_seeds_has_each_of_them_sorted_under_their_mean() -> None:
    values = {f"r {x:g}": [3.0, 1.0, 2.0, x][: 4 if x > 0.1 else 3] for x in (1.0, 0.1, 10.0)}
    of = comparison(values, metric="dead_units")
    figure = seeds_map(of, "learning_rate", {name: float(name[2:]) for name in values}, Heading("t"))
    upper, lower, bar = figure.axes
    np.testing.assert_array_equal(
        lower.collections[0].get_array().filled(-1).T, [[1, 2, 3, -1], [1, 1, 2, 3], [1, 2, 3, 10]]
    )
    np.testing.assert_allclose(upper.lines[0].get_ydata(), [of[name].summary.mean for name in ("r 0.1", "r 1", "r 10")])
    assert [tick.get_text() for tick in lower.get_xticklabels()] == ["0.1", "1", "10"]
    assert "colour: dead units; n = 3 to 4 seeds" in heading(figure) and bar.get_ylim() == (1, 10)
    assert png(figure) == png(figure)


def test_a_map_of_seeds_is_drawn_of_many_values_of_one_number(train: Train) -> None:
    runs = [train(optimizer={"name": "sgd", "learning_rate": (i + 1) / 100}, seed=seed)
            for i in range(MAP_COLUMNS) for seed in range(MAP_SEEDS)]  # fmt: skip
    stem = "by_learning_rate_and_seed"
    assert stem in comparison_figures(compare(runs), "map")
    assert stem not in comparison_figures(compare(runs[MAP_SEEDS:]), "map")
    assert stem not in comparison_figures(compare([run for run in runs if run.config["seed"]]), "map")


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
    of = study(train, [{"batch_size": 128, **config} for config in configs])
    assert sorted(comparison_figures(of, "study")) == sorted(["val_accuracy", "val_loss", "training", *expected])
    assert list(comparison_figures(of, "study", curves_only=True)) == ["val_accuracy", "val_loss"]


def test_relu_stands_at_slope_zero_beside_leaky_relu(train: Train) -> None:
    of = study(train, [{"activation": a} for a in ("relu", LEAKY[0.01], LEAKY[0.1], "tanh")])
    figure = comparison_figures(of, "slopes")["by_negative_slope"]
    drawn = lines(figure)
    assert list(drawn["relu"].get_xdata()) == [0] and list(drawn["leaky_relu"].get_xdata()) == [0.01, 0.1]
    assert "not drawn: 1 other condition" in heading(figure)
    found = of["leaky_relu 0.1"].summary
    np.testing.assert_allclose(drawn["leaky_relu 0.1 interval"].get_ydata(), [found.low, found.high])
    assert found.low == pytest.approx(t_interval(found.values)[0], rel=1e-9)


def test_numbers_that_go_together_are_one_axis_and_it_is_said(train: Train) -> None:
    rates = [
        {"activation": a, "batch_size": round(1e4 * r), "optimizer": RATES[r]} for a in ("relu", "tanh") for r in RATES
    ]
    figure = comparison_figures(study(train, rates), "zip")["by_learning_rate"]
    assert {"relu", "tanh"} <= set(lines(figure)) and len(lines(figure)["relu"].get_xdata()) == 3
    assert "; batch size goes with it" in heading(figure)


def test_differences_of_a_grid_are_each_from_its_own_baseline(train: Train) -> None:
    of = study(train, [{"activation": a, "batch_size": b} for a in ("relu", "tanh") for b in (16, 64)], 3)
    figure = comparison_figures(of, "grid")["differences"]
    for name in ("tanh batch_size=16", "tanh batch_size=64"):
        base = of[name.replace("tanh", "relu")].values
        expected = [value - base[seed] for seed, value in of[name].values.items()]
        np.testing.assert_allclose(lines(figure)[name].get_xdata(), expected, rtol=1e-9)
    assert figure.axes[0].get_xlabel() == "validation accuracy minus that of relu at the same batch_size (points)"


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
    assert list(comparison_figures(compare(runs), "odd"))[3:] == ["seeds", "differences", "by_batch_size"]


def test_a_seed_that_diverged_is_counted(train: Train) -> None:
    runs = [train(activation=a, seed=s) for a in ("relu", "tanh") for s in (0, 1)]
    made = comparison_figures(compare([*runs, train(activation="tanh", seed=2, status="diverged")]), "lost")
    assert {"n = 2", "n = 2 of 3"} <= set(texts(made["seeds"]))
    assert "not established †, n = 2 pairs" in texts(made["differences"])
    nothing = comparison_figures(compare([train("none", "diverged", activation="elu")]), "nothing")
    assert list(nothing) == ["val_accuracy", "val_loss", "training"], "as far as it came"


def test_a_run_that_failed_before_its_first_evaluation_is_counted(train: Train, tmp_path: Path) -> None:
    runs = [train(activation=a, seed=s) for a in ("relu", "tanh") for s in (0, 1, 2)]
    (runs[-1].path / "history.csv").unlink()
    figure = comparison_figures(compare([Run(run.path) for run in runs]), "t")["val_accuracy"]
    assert "tanh  n = 2 of 3" in texts(figure) and "relu" in texts(figure)


def test_a_stand_in_is_said_in_every_figure(train: Train, make_run: Callable[..., Path], tmp_path: Path,
                                            resolved: Callable[..., RunConfig]) -> None:  # fmt: skip
    record = {"dataset": {"name": "synth_mnist", "sha256": "1" * 64, "stand_in_for": "mnist"}}
    configs = [resolved(activation="relu", optimizer=RATES[r], seed=s) for r in RATES for s in (0, 1)]
    of = compare([Run(make_run(tmp_path / "synth", config, [0.9], "done", record)) for config in configs])
    for figure in comparison_figures(of, "synth").values():
        assert "synth_mnist: a rendered stand-in, NOT mnist" in texts(figure)


def test_numbers_that_crowd_below_one_are_spread(train: Train) -> None:
    rhos = (0.5, 0.9, 0.99, 0.999)
    figure = comparison_figures(study(train, [{"optimizer": {"name": "rmsprop", "rho": r}} for r in rhos]), "t")[
        "by_rho"
    ]
    (axes,) = figure.axes
    across = axes.get_xaxis_transform() + axes.transAxes.inverted()
    places = across.transform([(rho, 0.0) for rho in rhos])[:, 0]
    assert list(axes.get_xticks()) == list(rhos) and np.diff(places).min() > 0.15
    assert axes.get_xlabel() == "rho, log scale of 1 − rho"


def test_what_is_called_validation_is_a_test_where_it_was_done_on_the_test_images(train: Train) -> None:
    tested = study(
        train, [{"activation": a, "dataset": {"name": "mnist", "validation": "test"}} for a in ("relu", "elu")]
    )
    for stem, figure in comparison_figures(tested, "t").items():
        said = " ".join(texts(figure))
        assert "test" in said and "validation" not in said, stem
    figure = drawing.stacked(tested, ["val_loss", "val_accuracy"], "t")["val_loss_over_val_accuracy"]()
    assert [axes.get_ylabel() for axes in figure.axes] == ["test loss (mean per sample)", "test accuracy (% correct)"]


def test_a_line_says_of_what_its_number_is(train: Train) -> None:
    grid = [{"batch_size": size, "optimizer": RATES[rate]} for size in (10, 50) for rate in (0.01, 0.1)]
    drawn = texts(comparison_figures(study(train, grid), "t")["seeds"])
    assert {"learning rate 0.1, batch 10", "learning rate 0.01, batch 50"} <= set(drawn)
    of = study(train, [{"batch_size": size} for size in (10, 50)])
    assert {"batch 10", "batch 50"} <= set(texts(comparison_figures(of, "t")["val_accuracy"]))


def test_training_stands_over_validation_on_the_same_scale(train: Train, tmp_path: Path) -> None:
    plain = comparison_figures(study(train, [{"activation": a} for a in ("relu", "tanh")]), "t")["training"]
    assert plain.axes[0].get_ylabel() == "training accuracy, running mean (% correct)"
    assert plain.axes[0].get_ylim() == plain.axes[1].get_ylim() and len(plain.axes) == 2
    probed(train, ["elu", "prelu"])
    runs = [Run(path) for path in sorted((tmp_path / "study").iterdir()) if "elu-" in path.name[:6]]
    figure = comparison_figures(compare(frame_of(runs)), "t")["training"]
    labels = [axes.get_ylabel().rpartition(" (")[0] for axes in figure.axes]
    assert labels == ["training accuracy", "validation accuracy", "gap of training to validation accuracy"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim() != figure.axes[2].get_ylim()


def test_the_title_is_the_question_of_the_config(train: Train, tmp_path: Path) -> None:
    for activation in ("relu", "tanh"):
        train(activation=activation)
    config = tmp_path / "study" / "experiment.yaml"
    base = "dataset: mnist\nmodel: mnist_dense\nactivation: relu\nepochs: 3\n"
    asked = {"A study. Does a leak keep units alive? Nobody knows.": "Does a leak keep units alive?"}
    for description, title in {**asked, "It is a study.": "study"}.items():
        config.write_text(f"name: study\ndescription: {description}\n{base}")
        assert title in texts(actlab.compare(tmp_path / "study").figures["seeds"])


# --- looks


def test_one_colour_an_activation_through_all_figures(train: Train) -> None:
    grid = [{"activation": a, "batch_size": b} for a in ("relu", "tanh", "elu") for b in (16, 64)]
    of = study(train, grid)
    (chosen,) = looks_of([of])
    assert len(set(chosen.values())) == 6
    expected = {name: {chosen[f"{name} batch_size=16"].color} for name in ("relu", "elu")}
    for stem, figure in comparison_figures(of, "t").items():
        for name in expected:
            colors = {line.get_color() for label, line in lines(figure).items() if label.startswith(name)}
            assert colors in (expected[name], set()), (stem, name)
    assert expected["elu"] != expected["relu"]
    solid = {chosen[f"{name} batch_size=16"].linestyle for name in ("relu", "tanh", "elu")}
    dashed = {chosen[f"{name} batch_size=64"].linestyle for name in ("relu", "tanh", "elu")}
    assert solid == {"-"} and len(dashed) == 1, "the dashes say the batch size"


def test_colours_follow_the_config_and_not_the_order_of_the_table(train: Train, tmp_path: Path) -> None:
    runs = [train(activation=a, seed=s) for a in ("elu", "tanh", "relu") for s in (0, 1)]
    plain, by_name = compare(runs), compare(runs, sort="activation")
    assert plain.names == ["elu", "tanh", "relu"] and by_name.names == ["elu", "relu", "tanh"]
    assert looks_of([plain]) == looks_of([by_name])
    assert [looks_of([by_name])[0][name].number for name in ("elu", "relu", "tanh")] == [0, 1, 2], "in the table"
    drawn = comparison_figures(by_name, "t")["differences"]
    assert lines(drawn)["relu"].get_color() == looks_of([plain])[0]["relu"].color == PALETTE[2]


def test_an_activation_keeps_its_look_on_a_page(train: Train) -> None:
    many = [
        {"activation": name} for name in ("gelu", "selu", "mish", "celu", "softsign", "tanh", "elu", "relu", "prelu")
    ]
    few = [{"activation": a} for a in ("relu", LEAKY[0.01], "elu")]
    rates = [{"optimizer": {"name": o}} for o in ("sgd", "adam")]
    pages = [study(lambda n=n, **c: train(f"study{n}", **c), of, 1) for n, of in enumerate((many, few, rates))]
    first, second, third = looks_of(pages)
    assert first["relu"] == second["relu"] and first["elu"] == second["elu"]
    assert [second[name].color for name in second] == list(PALETTE[:3]), "a small comparison chooses first"
    assert len({look.color for look in first.values()}) == 8 and len(set(first.values())) == 9
    assert [third["sgd"].color, third["adam"].color] == list(PALETTE[:2]), "optimizers have colours of their own"


def test_the_same_activation_with_other_parameters_has_its_colour_with_other_dashes(train: Train) -> None:
    (chosen,) = looks_of([study(train, [{"activation": a} for a in ("elu", LEAKY[0.01], LEAKY[0.1], "prelu")], 1)])
    one, other = (chosen[name] for name in chosen if name.startswith("leaky_relu"))
    assert one.color == other.color and one.linestyle != other.linestyle
    assert len(set(chosen.values())) == 4


def test_a_swept_number_is_no_colour_where_something_else_differs(train: Train) -> None:
    slopes = [{"activation": LEAKY[s], "optimizer": {"name": o}} for o in ("sgd", "adam") for s in (0.01, 0.1)]
    of = study(train, slopes, 1)
    (chosen,) = looks_of([of])
    assert [look.color for look in chosen.values()] == [PALETTE[0]] * 2 + [PALETTE[1]] * 2
    drawn = lines(comparison_figures(of, "t")["by_negative_slope"])
    assert drawn["sgd"].get_color() == PALETTE[0] and drawn["adam"].get_color() == PALETTE[1]


def test_any_number_of_conditions_has_looks_by_rule(train: Train) -> None:
    """Also an activation that no registry knows: nothing has to be edited for the 41st."""
    slopes = [{"activation": {"name": "leaky_relu", "negative_slope": i / 100}} for i in range(60)]
    of = study(train, slopes, 1)
    (chosen,) = looks_of([of])
    assert len(set(chosen.values())) == 60
    assert {look.color for look in chosen.values()} == set(PALETTE)
    figure = comparison_figures(of, "sixty")["val_accuracy"]
    short = [f"negative slope {i / 100:g}" for i in range(60)]
    assert titles(figure, short) == short, "each is named where it is drawn"


def test_a_41st_activation_has_a_look_like_any_other() -> None:
    names, results = [f"activation {place}" for place in range(41)], []
    for name in names:
        run: Any = SimpleNamespace(config={"activation": {"name": name}})
        results.append(ConditionResult(name, {"activation": name}, [run], {}, {}, summary([])))
    (chosen,) = looks_of([Comparison("val_accuracy", "last", ["val_accuracy"], ["activation"], results, names)])
    assert len(set(chosen.values())) == 41 and chosen[names[40]] == look(40)


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


def test_a_measure_of_layers_is_drawn_by_layer(tmp_path: Path, make_run: Callable[..., Path], resolved: Any) -> None:
    """From the first layer to the last, a line a condition, at the last evaluation; not where there are two layers."""
    for layers, drawn in ((2, False), (5, True)):
        out = tmp_path / str(layers)
        for activation in ("relu", "tanh"):
            for seed in range(2):
                run = make_run(out, resolved(activation=activation, seed=seed, probes=["dead_units"]), [0.8, 0.9])
                rows = [f"{e},{600 * e},dense_{i},16,{i + e * (activation == 'relu')}\n"
                        for e in (1, 2) for i in range(layers)]  # fmt: skip
                header, *lines = (run / "history.csv").read_text(encoding="utf-8").splitlines()
                whole = [f"{header},dead_units", *(f"{line},7" for line in lines)]
                (run / "history.csv").write_text("".join(f"{line}\n" for line in whole))
                (run / "layers.csv").write_text("epoch,step,layer,units,dead_units\n" + "".join(rows))
        comparison = compare(frame_of([Run(path) for path in sorted(out.iterdir())]), metrics=["dead_units"])
        assert ("by_layer" in drawing.comparison_figures(comparison, "title")) is drawn
        table = comparison.by_layer()
        of_relu = table[(table["condition"] == "relu") & (table["seed"] == 0)]
        assert of_relu["dead_units"].tolist() == [i + 2 for i in range(layers)]
        assert of_relu["layer"].tolist() == list(range(1, layers + 1))


def test_what_is_written_for_layers_only_is_their_mean_and_is_drawn_together(
    tmp_path: Path, make_run: Callable[..., Path], resolved: Any
) -> None:
    """One of them is not there in the last layer, as χ is not."""
    for activation in ("relu", "tanh"):
        for seed in range(2):
            run = make_run(
                tmp_path, resolved(activation=activation, seed=seed, probes=["signal_propagation"]), [0.8, 0.9]
            )
            rows = [f"{e},{600 * e},dense_{i},16,{i + e},{'' if i == 3 else e}\n" for e in (1, 2) for i in range(4)]
            (run / "layers.csv").write_text("epoch,step,layer,units,birth_variance,birth_chi\n" + "".join(rows))
    runs = [Run(path) for path in sorted(tmp_path.iterdir())]
    assert value(runs[0], "birth_variance") == 3.5
    assert value(runs[0], "birth_chi", "epoch 1") == 1
    assert value(runs[0], "dense_2.birth_variance") == 4
    assert {"birth_variance", "birth_chi", "dense_0.birth_chi"} <= set(known_metrics(runs))
    comparison = compare(frame_of(runs), metrics=["birth_variance", "birth_chi"])
    table = comparison.by_layer()
    assert table[table["layer"] == 4]["birth_chi"].isna().all()
    figure = drawing.comparison_figures(comparison, "title")["by_layer"]()
    panels = [axes for axes in figure.axes if axes.lines]
    assert [len(axes.lines[0].get_xdata()) for axes in panels] == [4, 3]
    assert not any("lost" in text.get_text() or "dotted" in text.get_text() for text in figure.findobj(Text))


PROBED = {"dead_units": (0, 3), "train_eval_accuracy": (0.9, 0.99)}  # at the two evaluations


def probed(train: Train, activations: Sequence[str]) -> None:
    """Runs of three seeds each, with further columns in their histories."""
    for activation in activations:
        for seed in range(3):
            path = train(activation=activation, seed=seed).path / "history.csv"
            header, *rows = path.read_text(encoding="utf-8").splitlines()
            more = [",".join(str(of[i]) for of in PROBED.values()) for i in range(2)]
            written = [f"{header},{','.join(PROBED)}", *(f"{r},{m}" for r, m in zip(rows, more, strict=True))]
            path.write_text("\n".join(written) + "\n", encoding="utf-8")


def test_measures_are_stacked_over_the_same_epochs(train: Train, tmp_path: Path) -> None:
    probed(train, ["relu", "tanh"])
    comparison = compare(frame_of([Run(path) for path in sorted((tmp_path / "study").iterdir())]))
    draw = drawing.stacked(comparison, ["val_accuracy", "*.dead_units", "gap"], "t")
    assert list(draw) == ["val_accuracy_over_dead_units_over_gap"]
    figure = draw["val_accuracy_over_dead_units_over_gap"]()
    heights = [axes.get_position().y0 for axes in figure.axes]
    assert heights == sorted(heights, reverse=True) and len({axes.get_xlim() for axes in figure.axes}) == 1
    for panel in range(3):
        assert lines(figure, panel)["relu"].get_color() == PALETTE[0] != lines(figure, panel)["tanh"].get_color()
    np.testing.assert_array_equal(lines(figure, 1)["tanh"].get_ydata(), PROBED["dead_units"])
    mean = comparison.curves().query("condition == 'relu'").groupby("epoch")["val_accuracy"].mean()
    np.testing.assert_allclose(lines(figure, 2)["relu"].get_ydata(), np.array(PROBED["train_eval_accuracy"]) - mean)
    assert texts(figure).count("relu") == texts(figure).count("tanh") == 1, "one legend"
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch"]


def test_the_command_draws_stacks_and_refuses_what_is_no_curve(train: Train, tmp_path: Path) -> None:
    probed(train, ["relu", "tanh"])

    def stack(*asked: str) -> Any:
        options = [part for text in asked for part in ("--stack", text)]
        return CliRunner().invoke(app, ["compare", str(tmp_path / "study"), "-o", str(tmp_path / "out"), *options])

    answer = stack("accuracy, dead_units", "val_loss,accuracy")
    assert answer.exit_code == 0, answer.output
    for name in ("accuracy_over_dead_units.png", "val_loss_over_accuracy.png"):
        assert name in answer.output and (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    for wrong, why in {
        "accuracy": "expected 2 to 4 different measures", "loss,loss": "expected 2 to 4 different measures",
        "accuracy,test_accuracy": "test_accuracy is measured once", "accuracy,dead_unit": "did you mean 'dead_units'?",
    }.items():  # fmt: skip
        refused = stack(wrong).exception
        assert why in str(refused), wrong


def test_the_last_frames_of_films_stand_side_by_side(train: Train, tmp_path: Path) -> None:
    """A panel a condition that has a film, with its counts, each pixel of a mosaic one of the picture."""
    runs = [train(batch_size=size, seed=seed) for size in (10, 50, 100) for seed in (0, 1)]
    for run, dead in zip((runs[1], runs[2]), ([True, False, False], [False, False, False]), strict=True):
        pictures = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
        masks = {"dead": np.array([[False] * 3, dead]), "unmoved": np.array([[True] * 3, [True, True, False]])}
        np.savez(run.path / "weight_film.npz", frames=pictures, epoch=[1, 2], step=[6, 12], layer="dense", **masks)
    figure = comparison_figures(compare(runs), "study")["weight_films"]
    said = texts(figure)
    assert {"batch 10", "batch 50"} <= set(said) and "batch 100" not in said
    assert "epoch 2: 1 of 3 units dead, 1 other unmoved" in said
    assert "epoch 2: 0 of 3 units dead, 2 others unmoved" in said
    assert "orange frame: dead" in heading(figure) and "blue frame: not dead, and unmoved" in heading(figure)
    for axes in figure.axes:
        (image,) = axes.images
        shape, box = image.get_array().shape, axes.get_window_extent()
        np.testing.assert_allclose([box.height * 1.5, box.width * 1.5], shape[:2], err_msg="at 150 dpi")
    assert png(figure) == png(comparison_figures(compare(runs), "study")["weight_films"])
