"""What the figures of the probes draw is what stands in the tables; expected numbers come from plain pandas."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from actlab.show.figures import run as drawing
from actlab.show.figures.axes import log_ticks
from actlab.show.figures.curves import (
    dead_units_figure,
    evenly,
    gradient_norms_figure,
    layer_measures_figure,
)
from actlab.show.figures.histograms import histograms_figure, percent
from actlab.show.figures.run import watched_units
from actlab.show.figures.style import Heading, fitted, png, svg, text_width

BINS = 4
COUNTS = [f"activation_histogram_{i:02d}" for i in range(BINS)]


def probe_figures(*arguments: Any) -> dict[str, Figure]:
    return {stem: draw() for stem, draw in drawing.probe_figures(*arguments).items()}


def network(names: list[str], epochs: int, seed: int = 0) -> pd.DataFrame:
    """A layers.csv of positive random numbers; the last layer has no activation, so no counts."""
    random = np.random.default_rng(seed)
    rows = []
    for epoch in range(1, epochs + 1):
        for place, name in enumerate(names):
            row = {"epoch": epoch, "step": 60 * epoch, "layer": name, "units": 10 + place}
            if name != names[-1] or len(names) == 1:
                row |= {"dead_units": random.integers(0, 10), "saturated_fraction": random.random(),
                        "activation_min": -1.0, "activation_max": 3.0 + place}  # fmt: skip
                row |= {f"activation_histogram_{i:02d}": random.integers(1, 100) for i in range(BINS)}
            mean = random.uniform(1e-4, 1)
            row |= {"gradient_norm_mean": mean, "gradient_norm_max": 3 * mean, "weight_norm": 5 + random.random(),
                    "update_norm": random.random(), "beta_mean": 1.0, "beta_min": 0.5, "beta_max": 2.0}  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows)


def history(epochs: int = 6, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    epoch = np.arange(1, epochs + 1)
    return pd.DataFrame({
        "epoch": epoch, "step": 60 * epoch, "accuracy": random.random(epochs), "val_accuracy": random.random(epochs),
        "dead_units": random.integers(0, 200, epochs),
    })  # fmt: skip


def study(names: list[str], seeds: int) -> pd.DataFrame:
    runs = [history(seed=10 * i + s).assign(condition=n, seed=s) for i, n in enumerate(names) for s in range(seeds)]
    return pd.concat(runs, ignore_index=True)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def lines(figure: Figure, panel: int) -> dict[str, Any]:
    return {line.get_label(): line for line in figure.axes[panel].lines}


def said(figure: Figure, words: str) -> bool:
    """Whether the heading says so, on however many lines."""
    return words in " ".join(text.get_text() for text in figure.texts)


# --- accuracy over dead units ----------------------------------------------------------------------------------


def test_dead_units_of_one_run() -> None:
    frame = history()
    figure = dead_units_figure(frame, Heading("relu, seed 0", "a stand-in"), units=256)
    upper, lower = figure.axes
    drawn = {("validation", 0): "val_accuracy", ("training", 0): "accuracy", ("dead", 1): "dead_units"}
    for (name, panel), column in drawn.items():
        np.testing.assert_array_equal(lines(figure, panel)[name].get_xydata(), frame[["epoch", column]])
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("accuracy (% correct)", "dead units (of 256)")
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", "epoch")
    assert upper.get_xlim() == lower.get_xlim()
    assert upper.get_position().y0 > lower.get_position().y1
    assert lower.get_ylim()[0] <= 0
    assert said(figure, "n = 1 run; dead: slope 0 on every evaluated sample")
    assert {"relu, seed 0", "a stand-in"} <= set(texts(figure))


def test_dead_units_beside_the_other_counts() -> None:
    frame = history().assign(inactive_units=3, unmoved_units=40, revived_units=0)
    figure = dead_units_figure(frame, Heading("t"), units=40)
    assert list(lines(figure, 1)) == ["dead", "inactive", "unmoved", "revived"]
    assert len({line.get_color() for line in figure.axes[1].lines}) == 4
    assert figure.axes[1].get_ylabel() == "dead, inactive, unmoved, revived units (of 40)"
    assert {"dead", "inactive", "unmoved", "revived"} <= set(texts(figure))
    assert said(figure, "unmoved: no incoming weight changed since the last evaluation")


def test_conditions_have_one_colour_in_both_panels_and_a_band() -> None:
    curves = study(["relu", "elu", "tanh"], 3)
    figure = dead_units_figure(curves, Heading("three"), units=64)
    for panel, column in enumerate(("val_accuracy", "dead_units")):
        bands = [c for c in figure.axes[panel].collections if isinstance(c, FillBetweenPolyCollection)]
        for name, band in zip(("relu", "elu", "tanh"), bands, strict=True):
            by_epoch = curves[curves["condition"] == name].groupby("epoch")[column]
            np.testing.assert_allclose(lines(figure, panel)[name].get_ydata(), by_epoch.mean())
            edges = pd.DataFrame(band.get_paths()[0].vertices).groupby(0)[1].agg(["min", "max"])
            np.testing.assert_array_equal(edges, by_epoch.agg(["min", "max"]))
    upper, lower = ({name: line.get_color() for name, line in lines(figure, panel).items()} for panel in (0, 1))
    assert upper == lower
    assert len(set(upper.values())) == 3
    assert figure.axes[1].get_ylabel() == "dead units (of 64)"
    assert said(figure, "n = 3 seeds each")


def test_twelve_conditions_have_a_pair_of_panels_each() -> None:
    names = [f"condition {index}" for index in range(12)]
    curves = study(names, 2)
    figure = dead_units_figure(curves, Heading("many"), units=64)
    upper, lower = figure.axes
    assert [text.get_text() for text in upper.texts if text.get_text() in names] == names
    assert upper.get_position().y0 > lower.get_position().y1
    assert upper.get_position().x0 == pytest.approx(lower.get_position().x0)
    for axes in (upper, lower):
        (grey,) = [c for c in axes.collections if isinstance(c, PathCollection) and c.get_zorder() == 1]
        assert len(grey.get_offsets()) == 12 and len(grey.get_paths()[0].vertices) == 12 * 6
    for name in names:
        mean = curves[curves["condition"] == name].groupby("epoch")["dead_units"].mean()
        np.testing.assert_allclose(lines(figure, 1)[name].get_ydata(), mean)
        above, below = (lines(figure, panel)[name] for panel in (0, 1))
        places = [line.get_transform().transform(line.get_xydata()[0]) for line in (above, below)]
        assert places[0][0] == pytest.approx(places[1][0]) and places[0][1] > places[1][1]
    assert said(figure, "lower: dead units (of 64)") and said(figure, "n = 2 seeds each")


def test_counts_have_whole_ticks_from_zero_on() -> None:
    figure = dead_units_figure(history().assign(dead_units=0), Heading("none died"))
    ticks = figure.axes[1].get_yticks()
    assert 0 in ticks and all(tick == int(tick) for tick in ticks)
    assert figure.axes[1].get_ylabel() == "dead units"


def test_dead_units_without_a_finite_value() -> None:
    frame = history().assign(accuracy=np.nan, val_accuracy=np.inf, dead_units=np.nan)
    assert texts(dead_units_figure(frame, Heading("diverged"))).count("no finite value") == 2
    gone = dead_units_figure(study(["a", "b"], 1).assign(dead_units=np.nan), Heading("t"))
    assert png(gone).startswith(b"\x89PNG")


def test_both_panels_show_the_same_epochs_where_one_ends_early() -> None:
    frame = history(8).astype({"dead_units": float})
    frame.loc[3:, "dead_units"] = np.nan
    upper, lower = dead_units_figure(frame, Heading("t")).axes
    assert upper.get_xlim() == lower.get_xlim()
    assert lower.get_xlim()[1] >= 8


def test_watched_units_are_those_of_layers_that_were_measured() -> None:
    frame = network(["dense", "dense_1", "logits"], 3)
    assert watched_units(frame) == 10 + 11
    assert watched_units(frame, "weight_norm") == 10 + 11 + 12
    assert watched_units(frame, "unmoved_units") is None
    assert watched_units(frame.assign(dead_units=np.nan)) is None


# --- measures by layer -----------------------------------------------------------------------------------------


def luminance(color: Any) -> float:
    red, green, blue = to_rgb(color)
    return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2


def test_gradient_norms() -> None:
    names = ["dense", "dense_1", "dense_2", "logits"]
    frame = network(names, 5)
    figure = gradient_norms_figure(frame, Heading("sigmoid", "a stand-in"))
    (axes,) = figure.axes
    drawn = lines(figure, 0)
    assert list(drawn) == [label for name in names for label in (name, f"{name} largest")]
    for name in names:
        part = frame[frame["layer"] == name]
        np.testing.assert_array_equal(drawn[name].get_xydata(), part[["step", "gradient_norm_mean"]])
        np.testing.assert_array_equal(drawn[f"{name} largest"].get_ydata(), part["gradient_norm_max"])
        assert drawn[f"{name} largest"].get_linewidth() < drawn[name].get_linewidth()
    brightness = [luminance(drawn[name].get_color()) for name in names]
    assert brightness == sorted(brightness), "the order of the network is told by lightness alone"
    assert max(brightness) < 0.65, "the last layer is seen on white"
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "gradient norm (L2), log scale"
    assert axes.get_xlabel() == "step (mini-batches)"
    assert set(names) | {"sigmoid", "a stand-in"} <= set(texts(figure))
    assert said(figure, "n = 1 run; line: mean over the steps since the last evaluation; thin: largest; 4 layers")


def test_a_gradient_that_is_zero_is_drawn_at_zero() -> None:
    frame = network(["dense", "logits"], 4)
    frame.loc[frame["layer"] == "dense", ["gradient_norm_mean", "gradient_norm_max"]] = 0.0
    figure = gradient_norms_figure(frame, Heading("vanished"))
    (axes,) = figure.axes
    assert axes.get_yscale() == "symlog"
    np.testing.assert_array_equal(lines(figure, 0)["dense"].get_ydata(), 0.0)
    ticks = list(axes.get_yticks())
    smallest = frame.loc[frame["layer"] == "logits", "gradient_norm_mean"].min()
    assert ticks[0] == 0 and 0 < ticks[1] <= smallest, "everything but 0 is on the logarithmic part"
    assert axes.get_ylim()[0] < 0 < axes.get_ylim()[1]
    assert png(figure).startswith(b"\x89PNG")
    nothing = gradient_norms_figure(frame.assign(gradient_norm_mean=0.0, gradient_norm_max=0.0), Heading("all"))
    assert nothing.axes[0].get_yscale() == "linear"


def test_two_hundred_layers() -> None:
    names = [f"dense_{i}" for i in range(199)] + ["logits"]
    figure = gradient_norms_figure(network(names, 3), Heading("deep"))
    assert list(lines(figure, 0)) == names, "no largest values, which nobody could tell apart"
    assert not said(figure, "thin")
    named = [text for text in texts(figure) if text in names]
    assert len(named) == 12 and {"dense_0", "logits"} <= set(named)
    assert said(figure, "200 layers, dark (first) to light (last), 12 of them named")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :])


def test_gradients_that_are_not_finite_are_counted() -> None:
    frame = network(["dense", "logits"], 4)
    frame.loc[0, "gradient_norm_mean"] = np.inf
    assert said(gradient_norms_figure(frame, Heading("t")), "no finite value: 1 of 8 points")
    figure = gradient_norms_figure(frame.assign(gradient_norm_mean=np.nan), Heading("t"))
    assert "no finite value" in texts(figure)


@pytest.mark.parametrize(("low", "high"), [(1e-12, 10), (0.02, 0.09), (0.0312, 0.0318), (0.5, 30), (3e-40, 1e-38)])
def test_logarithmic_ticks_are_few_and_at_least_two(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_measures_have_a_panel_each_and_a_mean_its_band() -> None:
    frame = network(["dense", "dense_1", "logits"], 4)
    columns = ["saturated_fraction", "update_norm", "beta_mean"]
    figure = layer_measures_figure(frame, columns, Heading("swish"))
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "saturated (fraction of sample and unit pairs)",
        "norm of the weights' change since the last evaluation (L2), log scale",
        "beta (mean of the layer)",
    ]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch"]
    assert list(lines(figure, 0)) == ["dense", "dense_1"], "the logits have no activation"
    for panel, column in enumerate(columns):
        part = frame[frame["layer"] == "dense_1"]
        np.testing.assert_array_equal(lines(figure, panel)["dense_1"].get_xydata(), part[["epoch", column]])
    colors = [{name: line.get_color() for name, line in lines(figure, panel).items()} for panel in range(3)]
    assert colors[0].items() <= colors[1].items() == colors[2].items()
    bands = [c for c in figure.axes[2].collections if isinstance(c, FillBetweenPolyCollection)]
    assert [(v[:, 1].min(), v[:, 1].max()) for v in (band.get_paths()[0].vertices for band in bands)] == [(0.5, 2)] * 3
    assert said(figure, "band: smallest to largest")


@pytest.mark.parametrize("column", ["beta_mean", "weight_norm", "update_norm", "saturated_fraction"])
def test_the_line_to_a_name_begins_where_its_curve_ends(column: str) -> None:
    frame = network(["dense", "dense_1", "logits"], 4)
    frame["beta_mean"] += np.arange(len(frame)) / 10
    figure = layer_measures_figure(frame, [column], Heading("t"))
    (axes,) = figure.axes
    png(figure)
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = {tuple(np.round(to_axes.transform(line.get_xydata()[-1]), 6)) for line in axes.lines}
    leaders = [a for a in axes.artists + list(axes.collections) if isinstance(a, LineCollection) and a.get_segments()]
    starts = {tuple(np.round(leader.get_segments()[0][0], 6)) for leader in leaders}
    assert len(starts) == len(axes.lines)
    assert starts == ends


def test_evenly() -> None:
    assert evenly(5, 8) == [0, 1, 2, 3, 4]
    assert evenly(200, 12)[0] == 0 and evenly(200, 12)[-1] == 199 and len(evenly(200, 12)) == 12
    assert evenly(1, 4) == [0] and evenly(0, 4) == []


# --- histograms ------------------------------------------------------------------------------------------------


def bars(figure: Figure, panel: int) -> list[StepPatch]:
    return [patch for patch in figure.axes[panel].patches if isinstance(patch, StepPatch)]


def test_histograms_are_the_shares_of_the_counts_over_their_bins() -> None:
    frame = network(["dense", "conv2d", "logits"], 3)
    figure = histograms_figure(frame, Heading("relu", "a stand-in"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["dense", "conv2d"], "the logits have none"
    part = frame[frame["layer"] == "conv2d"]
    counts = part[COUNTS].to_numpy(float)
    drawn = [patch.get_data() for patch in bars(figure, 1)]
    heights = np.array([data.values - data.baseline for data in drawn])
    scale = heights.max() / (counts / counts.sum(axis=1, keepdims=True)).max()
    np.testing.assert_allclose(heights, counts / counts.sum(axis=1, keepdims=True) * scale)
    assert [data.baseline for data in drawn] == [2, 1, 0], "the first evaluation is at the top"
    np.testing.assert_allclose(drawn[0].edges, np.linspace(-1.0, 4.0, BINS + 1))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["3", "2", "1"]
    assert figure.axes[0].get_ylabel() == "epoch" and figure.axes[0].get_xlabel() == "activation"
    assert said(figure, "n = 1 run") and "a stand-in" in texts(figure)


def test_a_bar_that_towers_is_cut_and_its_share_written() -> None:
    frame = network(["dense"], 2)
    frame[COUNTS] = [900, 60, 30, 10]
    figure = histograms_figure(frame, Heading("zeros"))
    heights = [data.values - data.baseline for data in (patch.get_data() for patch in bars(figure, 0))]
    np.testing.assert_allclose(heights[0][1:] / heights[0][1], np.array([60, 30, 10]) / 60)
    assert 1 < heights[0][0] / heights[0][1] < 2
    assert texts(figure).count("90 %") == 2
    assert said(figure, "cut where a number stands")
    frame[COUNTS] = [40, 30, 20, 10]
    assert not any("%" in text for text in texts(histograms_figure(frame, Heading("even"))))


def test_many_layers_and_evaluations_are_drawn_in_part_and_the_figure_says_so() -> None:
    names = [f"dense_{i}" for i in range(20)]
    figure = histograms_figure(network([*names, "logits"], 30), Heading("deep"))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 8 and titles[0] == "dense_0" and titles[-1] == "dense_19"
    moments = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(moments) == 8 and moments[0] == "30" and moments[-1] == "1"
    assert said(figure, "8 of 20 layers; 8 of 30 evaluations")


def test_histograms_of_a_constant_and_of_nothing() -> None:
    frame = network(["dense"], 2).assign(activation_min=0.0, activation_max=0.0)
    frame[COUNTS] = [100, 0, 0, 0]
    figure = histograms_figure(frame, Heading("dead"))
    left, right = figure.axes[0].get_xlim()
    assert left < 0 and right >= 1, "a layer that always says 0 is a thin bar at 0"
    assert png(figure).startswith(b"\x89PNG")
    nothing = histograms_figure(frame.assign(activation_min=np.nan), Heading("nothing"))
    assert "no finite value" in texts(nothing)


@pytest.mark.parametrize(("share", "words"), [(1.0, "100 %"), (0.9999, ">99 %"), (0.994, "99 %"), (0.5, "50 %")])
def test_only_all_is_a_hundred_percent(share: float, words: str) -> None:
    assert percent(share) == words


# --- all of a run ----------------------------------------------------------------------------------------------

COLUMNS = {
    "dead_units": ["dead_units"],
    "gradient_norms": ["gradient_norm_mean", "gradient_norm_max"],
    "activation_histograms": ["activation_min", "activation_max", *COUNTS],
    "layer_measures": ["saturated_fraction", "weight_norm"],
}


@pytest.mark.parametrize("stem", COLUMNS)
def test_a_run_has_the_figures_of_its_columns_only(stem: str) -> None:
    frame = network(["dense", "logits"], 3)[["epoch", "step", "layer", "units", *COLUMNS[stem]]]
    figures = probe_figures(history(3), frame, Heading("relu, seed 0 on mnist", "a stand-in"))
    assert list(figures) == [stem]
    assert {"relu, seed 0 on mnist", "a stand-in"} <= set(texts(figures[stem]))


def test_a_run_with_everything() -> None:
    figures = probe_figures(history(3), network(["dense", "dense_1", "logits"], 3), Heading("t"))
    assert set(figures) == set(COLUMNS)
    measured = [axes.get_ylabel() for axes in figures["layer_measures"].axes]
    assert [words.split(" ")[0] for words in measured] == ["dead", "saturated", "weight", "norm", "beta"]
    assert figures["dead_units"].axes[1].get_ylabel() == "dead units (of 21)"
    assert probe_figures(history(3), network(["dense"], 3).iloc[:0], Heading("t")) == {}


def test_hostile_names_of_layers_are_drawn_as_they_are() -> None:
    names = ["$\\frac$", "<script>alert(1)</script>", "_hidden", "\\"]
    for figure in probe_figures(history(2), network([*names, "logits"], 2), Heading(names[1])).values():
        root = ET.fromstring(svg(figure))
        drawn = ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]
        assert names[1] in drawn
        assert set(names) <= set(drawn) or figure.axes[0].get_ylabel().startswith("accuracy")
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_same_tables_same_bytes() -> None:
    frame = network(["dense", "logits"], 2)
    for draw in (histograms_figure, gradient_norms_figure):
        assert png(draw(frame, Heading("t"))) == png(draw(frame, Heading("t")))


def test_a_text_that_fits_is_never_cut() -> None:
    """Dots in place of its last letters may make a text wider: that is no reason to cut one that fits."""
    text = "n = 1 run; line: mean over the steps since the last evaluation; thin: largest; ill"
    for end in range(1, len(text) + 1):
        assert fitted(text[:end], text_width(text[:end], 10), 10) == text[:end]
