"""A measure by layer over time: gradient norms, norms of weights and updates, saturation, learned slopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from actlab.show.plots.axes import (
    LineEnd,
    finite,
    label_line_ends,
    name_value_axis,
    no_data,
    set_time_axis,
    time_column,
)  # fmt: skip
from actlab.show.plots.style import PALETTE, TEXT_POINTS, figure_with_axes, fitted, styled, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = np.ndarray[Any, Any]

LABELS = {
    "dead_units": "dead units",
    "inactive_units": "inactive units",
    "unmoved_units": "unmoved units",
    "revived_units": "revived units",
    "saturated_fraction": "saturated (fraction of sample and unit pairs)",
    "gradient_norm_mean": "gradient norm of a layer's weights (L2)",
    "activation_zeros": "zeros (fraction of activations)",
    "weight_norm": "weight norm (L2)",
    "update_norm": "norm of the weights' change since the last evaluation (L2)",
}
LOGARITHMIC = ("gradient_norm_mean", "gradient_norm_max", "update_norm")
EDGES_UP_TO = 8  # layers whose smallest and largest values are drawn too
NAMED_UP_TO, NAMED_IN_PANELS = 12, 5  # layers that are named at the ends of their lines
LABEL_INCHES = 1.6
LAYER_MAP, DARKEST, LIGHTEST = "viridis", 0.0, 0.82  # its yellow end is lost on a white page
MOST_DECADES = 6  # ticks of a logarithmic axis


@dataclass(frozen=True)
class LayerLine:
    """One layer over time.

    Args:
        name: of the layer.
        color: by its place in the network.
        points: `x` and `value`, and `low` and `high` where they are measured; NaN where a value is not finite.
    """

    name: str
    color: Any
    points: pd.DataFrame


@styled
def gradient_norms_figure(layers: pd.DataFrame, title: str, note: str = "") -> Figure:
    """L2 norm of the gradient of each layer's weights over the steps: the mean, and thin, the largest.

    The scale is logarithmic; where a norm is 0, it goes on linearly from the lowest power of ten down to 0.

    Args:
        layers: a row an evaluation and layer: `step`, `layer`, `gradient_norm_mean`, `gradient_norm_max`.
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    lines = layer_lines(layers, "step", "gradient_norm_mean", high="gradient_norm_max")
    meaning = ["line: mean over the steps since the last evaluation" + ("; thin: largest" if _edged(lines) else "")]
    return _figure({"gradient_norm_mean": lines}, "step", title, note, meaning)


@styled
def layer_measures_figure(layers: pd.DataFrame, columns: Sequence[str], title: str, note: str = "") -> Figure:
    """Measures of each layer over time, a panel each; a mean has a band where its smallest and largest value are known.

    Args:
        layers: a row an evaluation and layer: `epoch` (or `step`), `layer`, and the columns. A layer without a value
            in one of them (a measure that does not apply to it) is left out there.
        columns: such as "saturated_fraction", "weight_norm", "update_norm", "negative_slope_mean".
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    time = time_column(layers)
    panels = {column: layer_lines(layers, time, column, *_edges_of(column, layers)) for column in columns}
    banded = any("low" in line.points for lines in panels.values() if _edged(lines) for line in lines)
    return _figure(panels, time, title, note, ["band: smallest to largest"] if banded else [])


def _edges_of(column: str, layers: pd.DataFrame) -> tuple[str | None, str | None]:
    """The columns of the smallest and the largest value that belong to a mean, where there are such."""
    stem = column.removesuffix("_mean")
    edges = f"{stem}_min", f"{stem}_max"
    return edges if stem != column and set(edges) <= set(layers) else (None, None)


def layer_lines(
    layers: pd.DataFrame, time: str, column: str, low: str | None = None, high: str | None = None
) -> list[LayerLine]:
    """The layers that have a value, in the order of the network, from dark to light."""
    wanted = {"x": time, "value": column, "low": low, "high": high}
    columns = {name: source for name, source in wanted.items() if source and source in layers}
    order = [str(name) for name in dict.fromkeys(layers["layer"])]
    colors = dict(zip(order, layer_colors(len(order)), strict=True))  # those of the layer in every panel
    parts = {str(name): part for name, part in layers.groupby("layer", sort=False) if part[column].notna().any()}
    frames = {
        layer: pd.DataFrame({name: finite(part[source]) for name, source in columns.items()})
        for layer, part in parts.items()
    }
    return [LayerLine(layer, colors[layer], frame) for layer, frame in frames.items()]


def layer_colors(count: int) -> list[Any]:
    """A colour a layer, from dark at the input to light at the output; the lightness alone tells the order."""
    from matplotlib import colormaps

    if count == 1:
        return [PALETTE[0]]
    return [tuple(color) for color in colormaps[LAYER_MAP](np.linspace(DARKEST, LIGHTEST, count))]


def column_label(column: str) -> str:
    """A column of layers.csv as an axis says it."""
    stem = column.removesuffix("_mean")
    return LABELS.get(column, stem.replace("_", " ") + (" (mean of the layer)" if stem != column else ""))


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the places 0 to count - 1, evenly spread, the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))}) if count else []


# --- drawing ---------------------------------------------------------------------------------------------------


def _figure(panels: Mapping[str, list[LayerLine]], time: str, title: str, note: str, meaning: list[str]) -> Figure:
    """A panel a measure, one over the other."""
    most = NAMED_UP_TO if len(panels) == 1 else NAMED_IN_PANELS
    named = {column: [lines[place] for place in evenly(len(lines), most)] for column, lines in panels.items()}
    texts = {column: [fitted(line.name, LABEL_INCHES, TEXT_POINTS) for line in some] for column, some in named.items()}
    right = 0.42 + max((text_width(text, TEXT_POINTS) for some in texts.values() for text in some), default=0.0)
    figure, grid = figure_with_axes(
        title, subtitle="; ".join(["n = 1 run", *meaning, *_said(panels, most)]), note=note, rows=len(panels),
        width=5.6 + right, height=4.3 if len(panels) == 1 else 1.3 + 1.85 * len(panels), right=right,
    )  # fmt: skip
    for axes, (column, lines) in zip(grid, panels.items(), strict=True):
        draw_layers(axes, lines, column, time)
        label_line_ends(axes, _ends(named[column], texts[column]))
    for axes in grid[:-1]:
        axes.set_xlabel("")
        axes.tick_params(labelbottom=False)
        axes.set_xlim(grid[-1].get_xlim())
    return figure


def _said(panels: Mapping[str, list[LayerLine]], most: int) -> list[str]:
    """How many layers there are, how many of them are named, and what cannot be drawn."""
    count, said = max(map(len, panels.values()), default=0), []
    if count > 1:
        named = f", {most} of them named" if count > most else ""
        said.append(f"{count} layers, dark (first) to light (last){named}")
    values = [line.points["value"] for lines in panels.values() for line in lines]
    if missing := sum(int(column.isna().sum()) for column in values):
        said.append(f"no finite value: {missing} of {sum(map(len, values))} points")
    return said


def _edged(lines: list[LayerLine]) -> bool:
    """Whether smallest and largest values can be told apart from the lines of other layers."""
    return len(lines) <= EDGES_UP_TO


def _ends(lines: Sequence[LayerLine], texts: Sequence[str]) -> list[LineEnd]:
    ends = []
    for line, text in zip(lines, texts, strict=True):
        points = line.points.dropna(subset=["x", "value"])
        if len(points):
            ends.append(LineEnd(float(points["x"].iloc[-1]), float(points["value"].iloc[-1]), text, line.color))
    return ends


@styled
def draw_layers(axes: Axes, lines: list[LayerLine], column: str, time: str) -> None:
    """Lines by layer on axes of their own, with both axes named and scaled."""
    drawn = pd.concat([line.points for line in lines]) if lines else pd.DataFrame()
    if drawn.empty or not drawn["value"].notna().any():
        name_value_axis(axes, column_label(column))
        no_data(axes)
        return
    for line in lines:
        _draw(axes, line, len(lines))
    values = drawn.drop(columns="x").to_numpy(float)
    set_time_axis(axes, time, drawn["x"].min(), drawn["x"].max())
    log = column in LOGARITHMIC and set_log_axis(axes, values[np.isfinite(values)])
    if not log:
        _set_linear_axis(axes, column, float(np.nanmax(values)))
    name_value_axis(axes, column_label(column) + (", log scale" if log else ""))


def _draw(axes: Axes, line: LayerLine, count: int) -> None:
    points = line.points
    marker = "o" if points["value"].notna().sum() == 1 else ""
    width = 2.0 if count <= EDGES_UP_TO else 1.4 if count <= 2 * EDGES_UP_TO else 0.9
    axes.plot(points["x"], points["value"], color=line.color, linewidth=width, marker=marker, label=line.name)
    if count > EDGES_UP_TO or "high" not in points:
        return
    if "low" in points:
        axes.fill_between(points["x"], points["low"], points["high"], color=line.color, alpha=0.16, linewidth=0)
    else:
        marker = "_" if marker else ""
        axes.plot(points["x"], points["high"], color=line.color, linewidth=0.8, alpha=0.6, marker=marker,
                  label=f"{line.name} largest")  # fmt: skip


def _set_linear_axis(axes: Axes, column: str, most: float) -> None:
    """From 0 up where a value is a count, a share or a norm."""
    from matplotlib.ticker import MaxNLocator

    counts = column.endswith("_units")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=counts, steps=[1, 2, 2.5, 5, 10]))
    # said even where nothing is changed: labels beside the axes need limits that are final
    axes.set_ylim((-0.03 * (most or 1.0), 1.06 * (most or 1.0)) if counts or column in LABELS else axes.get_ylim())


def set_log_axis(axes: Axes, values: Values) -> bool:
    """A logarithmic vertical axis; with zeros among the values, linear from 0 to the lowest power of ten.

    Returns:
        Whether there is anything to draw on it: no value over 0 leaves the axis as it is.
    """
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

    positive = values[values > 0]
    if not positive.size:
        return False
    low, high = floor(log10(positive.min())), ceil(log10(positive.max()))
    if positive.size < values.size:
        axes.set_yscale("symlog", linthresh=10.0**low, linscale=0.6)
        axes.set_ylim(-0.15 * 10.0**low, positive.max() * 1.6)
        ticks = [0.0, *_powers(low, high)]
    else:
        axes.set_yscale("log")
        ticks = log_ticks(*axes.get_ylim())
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    return True


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between two positive numbers; between them 2 and 5 times such powers, where they are few."""
    from matplotlib.ticker import MaxNLocator

    powers = _powers(floor(log10(low)), ceil(log10(high)))
    inside = [tick for tick in powers if low <= tick <= high]
    if len(inside) > 2:
        return inside
    finer = [f * 10.0**p for p in range(floor(log10(low)), ceil(log10(high)) + 1) for f in (1, 2, 5)]
    inside = [tick for tick in finer if low <= tick <= high]
    return inside if len(inside) > 1 else [float(t) for t in MaxNLocator(4).tick_values(low, high) if low <= t <= high]


def _powers(low: int, high: int) -> list[float]:
    step = max(1, ceil((high - low + 1) / MOST_DECADES))
    return [10.0**power for power in range(high - (high - low) // step * step, high + 1, step)]
