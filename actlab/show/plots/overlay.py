"""The curves of several conditions over their seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from actlab.show.plots.axes import (
    LineEnd,
    finite,
    label_line_ends,
    label_of,
    name_value_axis,
    needs_log,
    no_data,
    set_time_axis,
    set_value_axis,
    time_column,
)  # fmt: skip
from actlab.show.plots.style import (
    FAINT,
    INK,
    PALETTE,
    STYLE,
    TEXT_POINTS,
    Look,
    figure_with_axes,
    fitted,
    looks,
    part_of,
    styled,
    text_width,
    wrapped,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL_INCHES = 2.2
PANEL_INCHES = 2.0
PANEL_POINTS = 9.5
COLUMNS, MOST_PANELS = 4, 24


@dataclass(frozen=True)
class Curve:
    """A condition over its seeds.

    Args:
        name: of the condition.
        seeds: how many were started (n).
        points: indexed by epoch or step: `mean`, `low` and `high` over the seeds that have a finite value there, and
            `count` of them.
    """

    name: str
    seeds: int
    points: pd.DataFrame

    @property
    def whole(self) -> pd.DataFrame:
        """The points at which every seed has a value."""
        return self.points[self.points["count"] == self.seeds]

    @property
    def partial(self) -> pd.DataFrame:
        """The points from the last whole one on, if seeds are missing there."""
        last = self.whole.index.max() if len(self.whole) else self.points.index.min()
        rest: pd.DataFrame = self.points.loc[self.points.index >= last]
        return rest if (rest["count"] < self.seeds).any() else rest.iloc[:0]


@styled
def overlay_figure(
    curves: pd.DataFrame, metric: str, title: str, note: str = "", look_of: Mapping[str, Look] | None = None
) -> Figure:
    """Mean of a metric over the seeds of each condition, with a band from the smallest to the largest seed.

    Up to eight conditions share one pair of axes and are named at the ends of their lines; more get a panel each,
    with all the others in grey behind, up to MOST_PANELS; the figure says of how many. Where a seed has ended early or
    is not finite, the mean goes on without it, dotted.

    Args:
        curves: columns `condition`, `seed`, `epoch` (or `step`) and `metric`; a row an evaluation. A seed counts
            towards n if it has a row, finite or not.
        metric: the column to draw.
        title: drawn as it is, as are the names of the conditions.
        note: what nobody may overlook; drawn under the title.
        look_of: condition to its look; by default in order of first appearance.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    time = time_column(curves)
    data = summarized(curves, metric, time)
    chosen = look_of or looks(curve.name for curve in data)
    subtitle = subtitle_of(data)
    if len(data) > len(PALETTE):
        return _panels(data, metric, time, title, subtitle, note, chosen)
    return _together(data, metric, time, title, subtitle, note, chosen)


def summarized(curves: pd.DataFrame, metric: str, time: str) -> list[Curve]:
    """One curve a condition, in order of first appearance."""
    frame = curves.assign(**{time: finite(curves[time]), metric: finite(curves[metric])})
    return [_curve(str(name), part, metric, time) for name, part in frame.groupby("condition", sort=False)]


def _curve(name: str, part: pd.DataFrame, metric: str, time: str) -> Curve:
    values = part.dropna(subset=[time, metric]).groupby(time)[metric]
    points = pd.DataFrame({"mean": values.mean(), "low": values.min(), "high": values.max(), "count": values.count()})
    return Curve(name, int(part["seed"].nunique()), points)


def subtitle_of(data: list[Curve]) -> str:
    """What lines and bands are, and n."""
    counts = {curve.seeds for curve in data}
    if not counts:
        return "n = 0: nothing to draw"
    if counts == {1}:
        return "n = 1 seed each, so no band"
    low, high = min(counts), max(counts)
    n = f"n = {low} seeds each" if low == high else f"n = {low} to {high} seeds"
    dotted = "; dotted: not all seeds" if any(len(curve.partial) for curve in data) else ""
    return f"line: mean over seeds; band: smallest to largest seed; {n}{dotted}"


def tails_of(data: list[Curve], time: str) -> list[str]:
    """What is said behind a name because it is not the same for all: n, and where a condition ended early."""
    same = len({curve.seeds for curve in data}) == 1
    last = max((curve.points.index.max() for curve in data if len(curve.points)), default=0)
    return [("" if same else f"  n = {curve.seeds}") + _ending(curve.points, time, last) for curve in data]


def _ending(points: pd.DataFrame, time: str, last: float) -> str:
    if points.empty:
        return ", no finite value"
    return f", to {time} {points.index[-1]:g}" if points.index[-1] < last else ""


def _together(
    data: list[Curve], metric: str, time: str, title: str, subtitle: str, note: str, chosen: Mapping[str, Look]
) -> Figure:
    tails = tails_of(data, time)
    labels = [fitted(curve.name, LABEL_INCHES, TEXT_POINTS) + tail for curve, tail in zip(data, tails, strict=True)]
    right = 0.42 + max((text_width(label, TEXT_POINTS) for label in labels), default=0.0)
    figure, (axes,) = figure_with_axes(
        title, subtitle=subtitle, note=note, width=5.6 + right, height=4.3, right=right
    )  # fmt: skip
    for curve in data:
        draw_curve(axes, curve, chosen[curve.name])
    _finish(axes, _all_points(data), metric, time)
    ends = [
        LineEnd(float(curve.points.index[-1]), float(curve.points["mean"].iloc[-1]), label, chosen[curve.name].color,
                part_of(curve.name))
        for curve, label in zip(data, labels, strict=True)
        if len(curve.points)
    ]  # fmt: skip
    label_line_ends(axes, ends)
    return figure


def _panels(
    data: list[Curve], metric: str, time: str, title: str, subtitle: str, note: str, chosen: Mapping[str, Look]
) -> Figure:
    named = data[:MOST_PANELS]
    rows = ceil(len(named) / COLUMNS)
    part = f"the first {len(named)} of {len(data)} conditions; " if len(named) < len(data) else ""
    figure, grid = figure_with_axes(
        title, subtitle=f"{label_of(metric)}; {subtitle}; {part}grey: all others", note=note, rows=rows,
        columns=COLUMNS, width=1.1 + COLUMNS * (PANEL_INCHES + 0.14), height=1.6 + rows * 1.65, gap=(0.14, 0.52),
        over=0.42,
    )  # fmt: skip
    others = [mean_points(curve) for curve in data if len(curve.points)]
    for axes, curve, tail in zip(grid, named, tails_of(data, time), strict=False):
        axes.set_gid(part_of(curve.name))
        draw_others(axes, others)
        draw_curve(axes, curve, Look(chosen[curve.name].color, "-"))
        lines = wrapped(curve.name + tail, PANEL_INCHES, PANEL_POINTS)
        # without `y` matplotlib measures every tick of every panel for a place that is the same
        axes.set_title("\n".join(lines), loc="left", fontsize=PANEL_POINTS, color=INK, pad=3, linespacing=1.1, y=1.0)
    for axes in grid[len(named) :]:
        axes.remove()
    _share(grid[: len(named)], data, metric, time)
    return figure


def mean_points(curve: Curve) -> np.ndarray[Any, Any]:
    """Points of a curve's mean: (x, y), a row each."""
    return np.column_stack([curve.points.index.to_numpy(float), curve.points["mean"].to_numpy(float)])


def draw_others(axes: Axes, lines: list[np.ndarray[Any, Any]]) -> None:
    """All other conditions, thin and grey, behind the one that is drawn."""
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.7, zorder=1))


def _share(grid: list[Axes], data: list[Curve], metric: str, time: str) -> None:
    """The same limits everywhere; labels only at the outer panels."""
    points = _all_points(data)
    if len(points) and _log(points, metric):  # before limits are taken: the margin of a linear axis goes below 0
        for axes in grid:
            axes.set_yscale("log")
    low, high = min(axes.get_ylim()[0] for axes in grid), max(axes.get_ylim()[1] for axes in grid)
    for index, axes in enumerate(grid):
        bottom = index + COLUMNS >= len(grid)
        axes.set_ylim(low, high)
        if index % COLUMNS and not bottom and len(points):
            _finish_inner(axes, grid[0])
            continue
        _finish(axes, points, metric, time)
        axes.set_ylabel("")
        axes.set_xlabel(label_of(time) if bottom else "")
        axes.tick_params(labelleft=index % COLUMNS == 0, labelbottom=bottom)


def _finish_inner(axes: Axes, first: Axes) -> None:
    """The lines of the first panel without its ticks, which would take longer to draw than all the rest."""
    low, high = axes.get_ylim()
    heights = [tick for tick in first.get_yticks() if low <= tick <= high]
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_yticks([], minor=True)
    across = np.tile([0, 1, np.nan], len(heights))
    axes.plot(across, np.repeat(heights, 3), color=STYLE["grid.color"], linewidth=STYLE["grid.linewidth"], zorder=0.5,
              transform=axes.get_yaxis_transform(), scalex=False, scaley=False)  # fmt: skip


@styled
def draw_curve(axes: Axes, curve: Curve, look: Look) -> None:
    """Mean and band of one condition; dotted where not every seed has a value; a marker for a single point."""
    whole, partial, part = curve.whole, curve.partial, part_of(curve.name)
    if curve.seeds > 1:
        axes.fill_between(whole.index, whole["low"], whole["high"], color=look.color, alpha=0.16, linewidth=0, gid=part)
    marker = "o" if len(curve.points) == 1 else ""
    axes.plot(whole.index, whole["mean"], color=look.color, linestyle=look.linestyle, marker=marker, label=curve.name,
              gid=part)  # fmt: skip
    if len(partial):
        axes.plot(partial.index, partial["mean"], color=look.color, linestyle=":", linewidth=1.6, marker=marker,
                  gid=part)  # fmt: skip


def _all_points(data: list[Curve]) -> pd.DataFrame:
    return pd.concat([curve.points for curve in data]) if data else pd.DataFrame()


def _log(points: pd.DataFrame, metric: str) -> bool:
    return needs_log(metric, points[["low", "high"]].to_numpy())


def _finish(axes: Axes, points: pd.DataFrame, metric: str, time: str) -> None:
    if points.empty:
        no_data(axes)
        return
    log = _log(points, metric)
    name_value_axis(axes, label_of(metric) + (", log scale" if log else ""))
    set_time_axis(axes, time, points.index.min(), points.index.max())
    set_value_axis(axes, metric, log)
