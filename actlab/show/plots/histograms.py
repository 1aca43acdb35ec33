"""Histograms of a network's activations: a panel a layer, a row a moment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from actlab.show.plots.axes import label_of, no_data, time_column
from actlab.show.plots.by_layer import evenly
from actlab.show.plots.style import INK, LEFT_INCHES, PALETTE, QUIET, figure_with_axes, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = np.ndarray[Any, Any]

BIN = re.compile(r"activation_histogram_\d+")
LAYERS_UP_TO, ROWS_UP_TO, COLUMNS = 8, 8, 4
PANEL_INCHES, ROW_INCHES, GAP_INCHES = 1.95, 0.34, 0.34
PANEL_POINTS, SHARE_POINTS = 9.5, 8.0
LEAST_HEIGHT = 0.015  # of a row; bins at the ends of an axis that are lower at every moment are not shown
TALLEST = 0.92  # of a row; what is higher is cut there


@dataclass(frozen=True)
class Ridges:
    """One layer's histograms at the moments that are drawn.

    Args:
        name: of the layer.
        shares: (moments, bins), each row with a sum of 1, or 0 where nothing was measured.
        edges: (moments, bins + 1), what lies between the bins.
    """

    name: str
    shares: Values
    edges: Values

    @property
    def full(self) -> float:
        """The share that is as high as a row: that of the largest bin, without the one of each moment that towers."""
        ordered = np.sort(self.shares, axis=1)
        towering = ordered[:, -1].max() > 2 * ordered[:, -2].max()
        return float(ordered[:, -2].max() * 1.5 if towering and ordered[:, -2].max() > 0 else ordered[:, -1].max())


@styled
def histograms_figure(layers: pd.DataFrame, title: str, note: str = "") -> Figure:
    """How the activations of each layer are spread, from the first evaluation (top) to the last.

    A bar is the share of a layer's activations in one bin. Every layer has scales of its own. A bar that towers over
    the others, such as that of the zeros of relu, is cut, and its share is written beside it. Of many layers and
    moments some are drawn, evenly chosen, the first and the last among them; the figure says how many.

    Args:
        layers: a row an evaluation and layer: `epoch` (or `step`), `layer`, `activation_min`, `activation_max`, and
            `activation_histogram_00` and so on, counts in equal bins between the two.
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    time = time_column(layers)
    measured = layers.dropna(subset=["activation_min", "activation_max", time])
    names, moments = list(dict.fromkeys(measured["layer"])), list(dict.fromkeys(measured[time]))
    chosen = [names[place] for place in evenly(len(names), LAYERS_UP_TO)]
    times = [moments[place] for place in evenly(len(moments), ROWS_UP_TO)]
    ridges = [_ridges(str(name), measured[measured["layer"] == name], time, times) for name in chosen]
    columns = ceil(len(ridges) / (ceil(len(ridges) / COLUMNS) or 1)) or 1
    figure, grid = _grid(len(ridges), columns, len(times), _subtitle(names, chosen, moments, times, time), title, note)
    if not ridges:
        no_data(grid[0])
    for place, (axes, layer) in enumerate(zip(grid, ridges, strict=False)):
        _draw(axes, layer)
        _name_rows(axes, times if place % columns == 0 else None, time)
        axes.set_xlabel("activation" if place + columns >= len(ridges) else "")
    return figure


def _ridges(name: str, part: pd.DataFrame, time: str, times: list[Any]) -> Ridges:
    rows = part.drop_duplicates(time).set_index(time).reindex(times)
    counts = rows[[column for column in rows if BIN.fullmatch(str(column))]].fillna(0).to_numpy(float)
    low, high = (rows[f"activation_{end}"].to_numpy(float) for end in ("min", "max"))
    high = np.where(high > low, high, low + np.maximum(1, np.abs(low)))  # of a layer that always says the same
    edges = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, counts.shape[1] + 1)
    return Ridges(name, counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), edges)


def _subtitle(names: list[Any], chosen: list[Any], moments: list[Any], times: list[Any], time: str) -> str:
    said = ["n = 1 run", "bar: share of a layer's activations in a bin, over the probe's first images",
            "cut where a number stands"]  # fmt: skip
    if len(chosen) < len(names):
        said.append(f"{len(chosen)} of {len(names)} layers")
    if len(times) < len(moments):
        said.append(f"{len(times)} of {len(moments)} evaluations")
    return "; ".join(said)


def _grid(count: int, columns: int, moments: int, subtitle: str, title: str, note: str) -> tuple[Figure, list[Axes]]:
    rows = ceil(count / columns) or 1
    width = max(LEFT_INCHES + 0.3 + columns * (PANEL_INCHES + GAP_INCHES), 5.2)
    figure, grid = figure_with_axes(
        title, subtitle=subtitle, note=note, rows=rows, columns=columns, width=width, over=0.32,
        height=1.75 + rows * (0.5 + max(moments, 3) * ROW_INCHES) + (rows - 1) * 0.5, gap=(GAP_INCHES, 0.75),
    )  # fmt: skip
    for axes in grid[max(count, 1) :]:
        axes.remove()
    return figure, grid


def _draw(axes: Axes, layer: Ridges) -> None:
    last = len(layer.shares) - 1
    full = layer.full or 1.0
    axes.grid(False)
    axes.hlines(range(last + 1), 0, 1, transform=axes.get_yaxis_transform(), color="#D9D9D9", linewidth=0.8)
    for row, (shares, edges) in enumerate(zip(layer.shares, layer.edges, strict=True)):
        if shares.any():
            heights = np.minimum(shares / full, 1.0) * TALLEST
            axes.stairs(last - row + heights, edges, baseline=last - row, fill=True, color=PALETTE[0], linewidth=0)
    _limit(axes, layer, last)
    for row, bin_ in np.argwhere(layer.shares > full * 1.001):
        _write_share(axes, layer.shares[row, bin_], layer.edges[row, bin_ : bin_ + 2], last - row)
    lines = wrapped(layer.name, PANEL_INCHES, PANEL_POINTS)
    axes.set_title("\n".join(lines), loc="left", fontsize=PANEL_POINTS, color=INK, pad=3, y=1.0)


def _limit(axes: Axes, layer: Ridges, last: int) -> None:
    """From the first to the last bin that can be seen at one moment at least; all bins where that is only one."""
    seen = (layer.shares > 0) & (layer.shares >= LEAST_HEIGHT * layer.full)
    axes.set_ylim(-0.05, last + 1)
    if seen.any():
        seen |= seen.sum(axis=1).max() == 1
        low, high = layer.edges[:, :-1][seen].min(), layer.edges[:, 1:][seen].max()
        axes.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))


def _write_share(axes: Axes, share: float, edges: Values, row: int) -> None:
    """In a bar that is cut, or beside it on the side that has more room."""
    low, high = axes.get_xlim()
    left, right = (edges - low) / (high - low)  # in parts of the axis
    inside, before = right - left > 0.2, right > 0.7
    place = right - 0.02 if inside else left - 0.02 if before else right + 0.02
    axes.text(place, row + TALLEST - 0.04, percent(share), ha="right" if inside or before else "left", va="top",
              fontsize=SHARE_POINTS, color="white" if inside else QUIET, transform=axes.get_yaxis_transform("grid")
              )  # fmt: skip


def percent(share: float) -> str:
    """A share in whole percent, where only all is 100 %."""
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _name_rows(axes: Axes, times: list[Any] | None, time: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    if times is None:
        axes.set_yticks([])
        return
    axes.set_yticks(range(len(times)), [f"{moment:g}" for moment in reversed(times)])
    axes.tick_params(axis="y", length=0)
    axes.set_ylabel(label_of(time).split(" ")[0])
