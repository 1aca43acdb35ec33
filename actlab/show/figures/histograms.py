"""Histograms of a network's activations: a panel a layer, a row a moment."""

from __future__ import annotations

import re
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from actlab.show.figures.axes import PANEL_POINTS, label_of, set_scale, time_column
from actlab.show.figures.curves import evenly
from actlab.show.figures.style import FAINT, INK, LEFT, PALETTE, QUIET, SMALL_POINTS, Heading, page, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BIN = re.compile(r"activation_histogram_\d+")
MOST_LAYERS, MOST_MOMENTS, COLUMNS = 8, 8, 4
PANEL_INCHES, ROW_INCHES, GAP = 1.95, 0.34, (0.34, 0.75)
LEAST_HEIGHT, TALLEST = 0.015, 0.92  # of a row: bins that are lower at every moment are not shown; where bars are cut


@styled
def histograms_figure(layers: pd.DataFrame, heading: Heading) -> Figure:
    """How the activations of each layer are spread, from the first evaluation (top) to the last.

    A bar is the share of a layer's activations in one bin. Every layer has scales of its own. A bar that towers over
    the others, such as that of the zeros of relu, is cut, and its share is written beside it. Of many layers and
    moments some are drawn, evenly chosen, the first and the last among them; the figure says how many.

    Args:
        layers: a row an evaluation and layer: `epoch` (or `step`), `layer`, `activation_min`, `activation_max`, and
            `activation_histogram_00` and so on, counts in equal bins between the two.
        heading: what stands over it; what bars are, and n, are added.
    """
    time = time_column(layers)
    measured = layers.dropna(subset=["activation_min", "activation_max", time])
    names, moments = list(dict.fromkeys(measured["layer"])), list(dict.fromkeys(measured[time]))
    chosen = [names[place] for place in evenly(len(names), MOST_LAYERS)]
    times = [moments[place] for place in evenly(len(moments), MOST_MOMENTS)]
    meaning = ["n = 1 run", "bar: share of a layer's activations in a bin, over the probe's first images",
               "cut where a number stands"]  # fmt: skip
    meaning += [f"{len(chosen)} of {len(names)} layers"] if len(chosen) < len(names) else []
    meaning += [f"{len(times)} of {len(moments)} evaluations"] if len(times) < len(moments) else []

    rows = ceil(len(chosen) / COLUMNS) or 1
    columns = ceil(len(chosen) / rows) or 1
    width = max(LEFT + 0.3 + columns * (PANEL_INCHES + GAP[0]), 5.2)
    height = 1.1 + rows * (0.5 + max(len(times), 3) * ROW_INCHES + 0.5) - 0.5
    figure, grid = page(heading.plus(*meaning), (width, height), rows=rows, columns=columns, gap=GAP, over=0.32)
    for axes in grid[max(len(chosen), 1) :]:
        axes.remove()
    if not chosen:
        set_scale(grid[0], "y", [])
    for place, (axes, name) in enumerate(zip(grid, chosen, strict=False)):
        _draw(axes, measured[measured["layer"] == name].drop_duplicates(time).set_index(time).reindex(times))
        title = "\n".join(wrapped(str(name), PANEL_INCHES, PANEL_POINTS))
        axes.set_title(title, loc="left", fontsize=PANEL_POINTS, color=INK, pad=3, y=1.0)
        axes.set_yticks([])
        if place % columns == 0:
            axes.set_yticks(range(len(times)), [f"{moment:g}" for moment in reversed(times)])
            axes.tick_params(axis="y", length=0)
            axes.set_ylabel(label_of(time).split(" ")[0])
        axes.set_xlabel("activation" if place + columns >= len(chosen) else "")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    """One layer: a histogram for each row, from the top down."""
    from matplotlib.ticker import MaxNLocator

    counts = rows[[column for column in rows if BIN.fullmatch(str(column))]].fillna(0).to_numpy(float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    low, high = (rows[f"activation_{end}"].to_numpy(float) for end in ("min", "max"))
    high = np.where(high > low, high, low + np.maximum(1, np.abs(low)))  # of a layer that always says the same
    edges = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, counts.shape[1] + 1)
    # as high as a row is the largest bin, without the one of each moment that towers over the others
    *_, second, first = np.sort(shares, axis=1).max(axis=0)
    full = float(second * 1.5 if first > 2 * second > 0 else first) or 1.0

    last = len(rows) - 1
    axes.hlines(range(last + 1), 0, 1, transform=axes.get_yaxis_transform(), color=FAINT, linewidth=0.8)
    for row in np.flatnonzero(shares.any(axis=1)):
        heights = np.minimum(shares[row] / full, 1.0) * TALLEST
        axes.stairs(last - row + heights, edges[row], baseline=last - row, fill=True, color=PALETTE[0], linewidth=0)
    # from the first to the last bin that can be seen at one moment at least; all bins where that is only one
    seen = (shares > 0) & (shares >= LEAST_HEIGHT * full)
    seen |= seen.any() & (seen.sum(axis=1).max() == 1)
    left, right = (edges[:, :-1][seen].min(), edges[:, 1:][seen].max()) if seen.any() else (0.0, 1.0)
    axes.set(ylim=(-0.05, last + 1), xlim=(left - 0.03 * (right - left), right + 0.03 * (right - left)))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    for row, bin_ in np.argwhere(shares > full * 1.001):
        # in a bar that is cut, or beside it on the side that has more room; places in parts of the axis
        start, end = (edges[row, bin_ : bin_ + 2] - axes.get_xlim()[0]) / np.diff(axes.get_xlim())
        inside, before = end - start > 0.2, end > 0.7
        place = end - 0.02 if inside else start - 0.02 if before else end + 0.02
        axes.text(place, last - row + TALLEST - 0.04, percent(shares[row, bin_]), va="top",
                  ha="right" if inside or before else "left", color="white" if inside else QUIET, fontsize=SMALL_POINTS,
                  transform=axes.get_yaxis_transform("grid"))  # fmt: skip


def percent(share: float) -> str:
    """A share in whole percent, where only all is 100 %."""
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"
