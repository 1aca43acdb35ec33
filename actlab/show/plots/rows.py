"""A row a condition: a dot for each of its numbers, their mean with its interval, and words at the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from actlab.show.plots.axes import no_data, size_inches
from actlab.show.plots.style import (
    EDGE_INCHES,
    FAINT,
    INK,
    QUIET,
    TEXT_POINTS,
    figure_with_axes,
    fitted,
    part_of,
    styled,
    text_width,
)  # fmt: skip
from actlab.study.stats import Summary, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 60
NAME_INCHES, AXES_INCHES = 2.6, 4.6
ROW_INCHES, CLOSE_ROW_INCHES, CLOSE_FROM = 0.42, 0.31, 13
DOT_POINTS, LANES = 5.0, 3
LABEL_POINTS = 11.0
INTERVAL = "95% interval (Student's t)"
# where things stand in a row, in rows from its middle, downwards
DOTS_AT, MEAN_AT = -0.14, 0.2


@dataclass(frozen=True)
class Row:
    """What is drawn of a condition.

    Args:
        name: of the condition.
        values: seed to number, a dot each; finite.
        words: at the right.
        color: of its dots.
        strong: whether the words are printed bold.
    """

    name: str
    values: Mapping[int, float]
    words: str
    color: str
    strong: bool = False


def by_seed(values: pd.Series[float]) -> dict[int, float]:
    """Seed to value, of a series that is indexed by seed; those that are not finite are left out."""
    present = values.dropna()
    return {int(seed): float(value) for seed, value in zip(present.index, present, strict=True)}


def meaning(rows: Sequence[Row], what: str) -> str:
    """What dots, diamonds and bars are; `what` is what a dot is, such as "seed"."""
    counts = [len(row.values) for row in rows]
    single = f"one {what} has no interval" if 1 in counts else ""
    both = f"diamond and bar: mean and {INTERVAL}" if max(counts, default=0) > 1 else ""
    return "; ".join(filter(None, [f"dot: a {what}", both, single]))


@styled
def rows_figure(
    rows: Sequence[Row], label: str, title: str, subtitle: str, note: str = "", log: bool = False,
    zero: bool = False, joined: bool = False,
) -> Figure:  # fmt: skip
    """Dots, means and intervals of conditions under each other, on one horizontal scale.

    Args:
        rows: from the top down; those beyond MOST_ROWS are not drawn, and the subtitle says so.
        label: of the scale.
        title, subtitle, note: the heading.
        log: whether the scale is logarithmic.
        zero: whether 0 is drawn as a line, and always on the scale.
        joined: whether lines go from the seeds of a row to the same seeds of the next.
    """
    drawn = rows[:MOST_ROWS]
    names = [fitted(row.name, NAME_INCHES, TEXT_POINTS) for row in drawn]
    more = [f"the first {MOST_ROWS} of {len(rows)} conditions"] if len(drawn) < len(rows) else []
    figure, axes = _page(drawn, names, title, "; ".join([subtitle, *more]), note)
    estimates = [summary(list(row.values.values())) for row in drawn]
    _name_scale(axes, label + (", log scale" if log else ""))
    if not any(row.values for row in drawn):
        no_data(axes)
        return figure
    _set_scale(axes, estimates, log, zero)
    _set_rows(axes, drawn, names)
    dots = [_draw_dots(axes, place, row) for place, row in enumerate(drawn)]
    if joined:
        _join(axes, dots)
    for place, (row, estimate) in enumerate(zip(drawn, estimates, strict=True)):
        _draw_estimate(axes, place + MEAN_AT, row, estimate)
    return figure


def _page(rows: Sequence[Row], names: Sequence[str], title: str, subtitle: str, note: str) -> tuple[Figure, Axes]:
    left = 2 * EDGE_INCHES + max((text_width(name, TEXT_POINTS) for name in names), default=0.0)
    right = 2 * EDGE_INCHES + max((text_width(row.words, TEXT_POINTS, row.strong) for row in rows), default=0.0)
    close = len(rows) >= CLOSE_FROM
    height = 1.9 + max(2, len(rows)) * (CLOSE_ROW_INCHES if close else ROW_INCHES)
    figure, (axes,) = figure_with_axes(
        title, subtitle=subtitle, note=note, width=left + AXES_INCHES + right, height=height, left=left, right=right,
        over=0.06,
    )  # fmt: skip
    return figure, axes


def _name_scale(axes: Axes, label: str) -> None:
    """Under the middle of the axes, cut where it would leave the page."""
    box, figure = axes.get_position(), axes.get_figure(root=True)
    assert figure is not None
    middle, width = (box.x0 + box.x1) / 2, float(figure.get_size_inches()[0])
    axes.set_xlabel(fitted(label, 2 * (min(middle, 1 - middle) * width - EDGE_INCHES), LABEL_POINTS))


def _set_scale(axes: Axes, estimates: Sequence[Summary], log: bool, zero: bool) -> None:
    """Room for every dot and every interval."""
    from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    ends = [end for e in estimates for end in (*e.values, e.low, e.high) if np.isfinite(end) and (end > 0 or not log)]
    low, high = min([*ends, *([0.0] if zero else [])]), max([*ends, *([0.0] if zero else [])])
    if log:
        axes.set_xscale("log")
        axes.set_xlim(low / (high / low) ** 0.04, high * (high / low) ** 0.04)
        axes.xaxis.set_major_locator(LogLocator(numticks=7))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        return
    room = 0.04 * (high - low) or 0.02 * abs(high) or 1.0
    axes.set_xlim(low - room, high + room)
    ticks = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low - room <= tick <= high + room]))
    if zero:
        axes.axvline(0, color=QUIET, linewidth=1.2, zorder=1)


def _set_rows(axes: Axes, rows: Sequence[Row], names: Sequence[str]) -> None:
    """A faint line through each row, its name before it and its words behind it."""
    width, _ = size_inches(axes)
    axes.set_ylim(max(len(rows), 2) - 0.5, -0.5)
    axes.set_yticks([])  # forty ticks take longer to draw than all the rest
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.hlines(range(len(rows)), 0, 1, colors=FAINT, linewidths=0.6, transform=axes.get_yaxis_transform(), zorder=0.6)
    beside = axes.get_yaxis_transform()
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        gid, weight = part_of(row.name), "bold" if row.strong else "normal"
        axes.text(-EDGE_INCHES / width, place, name, ha="right", va="center", fontsize=TEXT_POINTS, color=INK,
                  transform=beside, gid=gid)  # fmt: skip
        axes.text(1 + EDGE_INCHES / width, place, row.words, va="center", fontsize=TEXT_POINTS, color=INK,
                  fontweight=weight, transform=beside, gid=gid)  # fmt: skip


def _draw_dots(axes: Axes, place: int, row: Row) -> dict[int, tuple[float, float]]:
    """The dots of a row; seed to where its dot is."""
    values = list(row.values.values())
    heights = [place + DOTS_AT - lift for lift in lifts(axes, values)]
    axes.plot(values, heights, "o", color=row.color, markersize=DOT_POINTS, markeredgewidth=0, alpha=0.6,
              label=row.name, gid=part_of(row.name))  # fmt: skip
    return dict(zip(row.values, zip(values, heights, strict=True), strict=True))


def _join(axes: Axes, dots: Sequence[Mapping[int, tuple[float, float]]]) -> None:
    from matplotlib.collections import LineCollection

    lines = [[upper[seed], lower[seed]] for upper, lower in pairwise(dots) for seed in upper if seed in lower]
    axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=1.0, zorder=1.5), autolim=False)


def _draw_estimate(axes: Axes, y: float, row: Row, estimate: Summary) -> None:
    """Mean and interval; neither of a single value."""
    if estimate.n < 2:
        return
    gid = part_of(row.name)
    axes.plot([estimate.low, estimate.high], [y, y], "-", color=row.color, linewidth=1.8, solid_capstyle="butt",
              marker="|", markersize=6, markeredgewidth=1.4, label=f"{row.name} interval", gid=gid)  # fmt: skip
    axes.plot([estimate.mean], [y], "D", color=row.color, markersize=6.5, markeredgecolor="white",
              markeredgewidth=1.0, label=f"{row.name} mean", gid=gid)  # fmt: skip


def lifts(axes: Axes, values: Sequence[float]) -> list[float]:
    """How far up each dot goes, in rows, so that dots at the same place are seen to be several."""
    width, height = size_inches(axes)
    dot, low_high = DOT_POINTS / 72, axes.get_ylim()
    row_inches = height / abs(low_high[0] - low_high[1])
    to_axes = axes.transData + axes.transAxes.inverted()
    inches = [float(to_axes.transform((value, 0))[0]) * width for value in values]
    lanes, ends = [0] * len(values), [-np.inf] * LANES
    for index in sorted(range(len(values)), key=inches.__getitem__):
        free = next((lane for lane in range(LANES) if inches[index] - ends[lane] >= 0.8 * dot), LANES - 1)
        lanes[index], ends[free] = free, inches[index]
    return [lane * 0.75 * dot / row_inches for lane in lanes]
