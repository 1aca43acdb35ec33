"""A metric against a number of the config: a slope, a batch size, a learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    set_value_axis,
    size_inches,
)  # fmt: skip
from actlab.show.plots.number_axis import scale_words, set_number_axis
from actlab.show.plots.overlay import LABEL_INCHES, PANEL_INCHES, PANEL_POINTS, draw_others
from actlab.show.plots.rows import INTERVAL
from actlab.show.plots.style import (
    INK,
    QUIET,
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
from actlab.study.stats import Summary, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

MOST_TOGETHER = 5  # lines that share one pair of axes: with intervals and seeds, more are a thicket
SIDE_POINTS = 7.0  # at most, between lines at the same number, so that their intervals lie side by side
GROUND = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
SEEDS_BESIDE = 3.0  # points from an interval to the dots of its seeds


@dataclass(frozen=True)
class Point:
    """A condition at its number.

    Args:
        condition: its name.
        x: the number.
        seeds: how many were started.
        estimate: of those that have a value.
    """

    condition: str
    x: float
    seeds: int
    estimate: Summary


@dataclass(frozen=True)
class Line:
    """Conditions that differ in the number only, by ascending number.

    Args:
        name: of what they share; may be empty.
        points: a condition each.
        color: that of its conditions; grey where each has one of its own.
        colors: condition to the colour of its point.
    """

    name: str
    points: list[Point]
    color: str
    colors: Mapping[str, str]

    @property
    def means(self) -> np.ndarray[Any, Any]:
        """(x, mean) of the points that have a value."""
        return np.array([(p.x, p.estimate.mean) for p in self.points if p.estimate.n]).reshape(-1, 2)


@styled
def number_figure(
    values: pd.DataFrame, metric: str, key: str, title: str, note: str = "", when: str = "",
    look_of: Mapping[str, Look] | None = None,
) -> Figure:  # fmt: skip
    """Mean ± t(n − 1, 0.975) · std/√n over the seeds against a number, a line for all that differ in it only.

    Up to five lines share one pair of axes, side by side at each number; more get a panel each, with all the others
    in grey behind. The numbers' axis is logarithmic where they go up by factors; 0 then stands left of the smallest.

    Args:
        values: `line`, `condition`, `x`, `seed` and the metric; a row a seed. A seed whose value is not finite has
            none: it is counted, and not drawn.
        metric: the column to draw.
        key: what the number is, such as "learning_rate".
        title: drawn as it is, as are the names of the lines.
        note: what nobody may overlook; drawn under the title.
        when: the moment of the training, such as "at the last evaluation".
        look_of: condition to its look; by default in order of first appearance. A line takes the
            colour of its conditions where that is the same for all.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    frame = values.assign(**{metric: finite(values[metric])})
    lines = _lines(frame, metric, look_of or looks(frame["line"]))
    subtitle = "; ".join(filter(None, [when, _meaning(lines)]))
    log = needs_log(metric, frame[metric].to_numpy(float))
    if len(lines) > MOST_TOGETHER:
        return _panels(lines, metric, key, log, title, subtitle, note)
    return _together(lines, metric, key, log, title, subtitle, note)


def _lines(frame: pd.DataFrame, metric: str, look_of: Mapping[str, Look]) -> list[Line]:
    lines = []
    for name, part in frame.groupby("line", sort=False):
        points = [
            Point(str(condition), float(rows["x"].iloc[0]), len(rows), summary(rows[metric].dropna()))
            for condition, rows in part.groupby("condition", sort=False)
        ]
        colors = {p.condition: (look_of.get(p.condition) or look_of[str(name)]).color for p in points}
        lines.append(_line(str(name), sorted(points, key=lambda point: point.x), colors))
    return lines


def _line(name: str, points: list[Point], colors: dict[str, str]) -> Line:
    different = set(colors.values())
    if len(different) == 1:
        return Line(name, points, different.pop(), colors)
    # colours that come round again tell nothing apart
    return Line(name, points, QUIET, colors if len(different) == len(points) else dict.fromkeys(colors, QUIET))


def _meaning(lines: Sequence[Line]) -> str:
    counts = {point.estimate.n for line in lines for point in line.points}
    if not counts:
        return "n = 0: nothing to draw"
    if max(counts) < 2:
        return f"n = {max(counts)} seed each, so no interval"
    low, high = min(counts), max(counts)
    n = f"n = {low} seeds each" if low == high else f"n = {low} to {high} seeds"
    return f"dot: a seed; line and bar: mean and {INTERVAL}; {n}"


def _together(
    lines: Sequence[Line], metric: str, key: str, log: bool, title: str, subtitle: str, note: str
) -> Figure:  # fmt: skip
    names = [fitted(line.name, LABEL_INCHES, TEXT_POINTS) for line in lines]
    right = 0.42 + max((text_width(name, TEXT_POINTS) for name in names), default=0.0)
    figure, (axes,) = figure_with_axes(
        title, subtitle=subtitle, note=note, width=5.6 + right, height=4.3, right=right
    )  # fmt: skip
    if not _set_axes(axes, lines, metric, key, log):
        return figure
    axes.set_xlabel(label_of(key) + scale_words(_numbers(lines)))
    for line, shift in zip(lines, _shifts(axes, lines), strict=True):
        _draw(axes, line, shift)
    label_line_ends(axes, [
        LineEnd(float(line.means[-1, 0]), float(line.means[-1, 1]), name, line.color)
        for line, name in zip(lines, names, strict=True) if name and len(line.means)
    ])  # fmt: skip
    return figure


def _set_axes(axes: Axes, lines: Sequence[Line], metric: str, key: str, log: bool) -> bool:
    """Scales, limits and names; whether there is anything to draw."""
    drawn = [point.estimate for line in lines for point in line.points]
    ends = np.array([end for e in drawn for end in (*e.values, e.low, e.high)])
    ends = ends[np.isfinite(ends) & ((ends > 0) | (not log))]
    name_value_axis(axes, label_of(metric) + (", log scale" if log else ""))
    if not ends.size:
        no_data(axes)
        return False
    set_number_axis(axes, _numbers(lines), label_of(key))
    low, high = float(ends.min()), float(ends.max())
    if log:
        axes.set_ylim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
    else:
        room = 0.06 * (high - low) or 0.02 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)
    set_value_axis(axes, metric, log)
    return True


def _numbers(lines: Sequence[Line]) -> list[float]:
    return [point.x for line in lines for point in line.points]


def _shifts(axes: Axes, lines: Sequence[Line]) -> list[float]:
    """Points to the side for each line: less where the numbers stand close together."""
    to_axes = axes.transData + axes.transAxes.inverted()
    tried = sorted({point.x for line in lines for point in line.points})
    places = np.array([to_axes.transform((x, 1.0))[0] for x in tried]) * size_inches(axes)[0] * 72
    gap = float(np.diff(places).min()) if len(places) > 1 else 72.0
    side = min(SIDE_POINTS, 0.6 * gap / len(lines))
    return [side * (index - (len(lines) - 1) / 2) for index in range(len(lines))]


def _shifted(axes: Axes, points: float) -> Transform:
    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure(root=True)
    assert figure is not None
    return axes.transData + ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)


def _draw(axes: Axes, line: Line, shift: float) -> None:
    """The line through the means; at each number the seeds, the interval and the mean."""
    place = _shifted(axes, shift)
    axes.plot(*line.means.T, color=line.color, linewidth=1.6, label=line.name, transform=place)
    beside = _shifted(axes, shift - SEEDS_BESIDE)
    for point in line.points:
        gid, estimate, color = part_of(point.condition), point.estimate, line.colors[point.condition]
        if estimate.n > 1:
            axes.plot([point.x] * estimate.n, estimate.values, "o", color=color, markersize=3.4, markeredgewidth=0,
                      alpha=0.45, transform=beside, label=f"{point.condition} seeds", gid=gid)  # fmt: skip
            axes.plot([point.x] * 2, [estimate.low, estimate.high], color=color, linewidth=1.5,
                      solid_capstyle="butt", transform=place, label=f"{point.condition} interval", gid=gid)  # fmt: skip
        axes.plot([point.x], [estimate.mean], "o", color=color, markersize=6, markeredgecolor="white",
                  markeredgewidth=0.9, transform=place, label=f"{point.condition} mean", gid=gid)  # fmt: skip
        _say_count(axes, point, line, place)


def _say_count(axes: Axes, point: Point, line: Line, place: Transform) -> None:
    """n at a point that has fewer seeds than others of its line, or lost some."""
    estimate = point.estimate
    if estimate.n == point.seeds == max(p.estimate.n for p in line.points):
        return
    ends = [value for value in (*estimate.values, estimate.low) if np.isfinite(value)]
    y = max(min(ends), axes.get_ylim()[0]) if ends else axes.get_ylim()[0]
    axes.annotate(f"n = {estimate.n}" + (f" of {point.seeds}" if estimate.n < point.seeds else ""), (point.x, y),
                  (0, -3 if ends else 3), textcoords="offset points", xycoords=place, ha="center",
                  va="top" if ends else "bottom", fontsize=8, color=INK, bbox=GROUND,
                  gid=part_of(point.condition))  # fmt: skip


def _panels(
    lines: Sequence[Line], metric: str, key: str, log: bool, title: str, subtitle: str, note: str
) -> Figure:  # fmt: skip
    columns = 4 if len(lines) <= 24 else 5
    rows = ceil(len(lines) / columns)
    scales = f"{label_of(metric)}{', log scale' if log else ''}; {label_of(key)}{scale_words(_numbers(lines))}"
    figure, grid = figure_with_axes(
        title, subtitle=f"{scales}; {subtitle}; grey: all others", note=note, rows=rows,
        columns=columns, width=1.1 + columns * (PANEL_INCHES + 0.14), height=1.6 + rows * 1.65,
        gap=(0.14, 0.52), over=0.42,
    )  # fmt: skip
    others = [line.means for line in lines]
    for index, (axes, line) in enumerate(zip(grid, lines, strict=False)):
        if _set_axes(axes, lines, metric, key, log):
            draw_others(axes, others)
            _draw(axes, line, 0.0)
        bottom = index + columns >= len(lines)
        axes.set_ylabel("")
        axes.set_xlabel(fitted(label_of(key), PANEL_INCHES, TEXT_POINTS) if bottom else "")
        axes.tick_params(labelleft=index % columns == 0, labelbottom=bottom)
        name = wrapped(line.name, PANEL_INCHES, PANEL_POINTS)
        axes.set_title("\n".join(name), loc="left", fontsize=PANEL_POINTS, color=INK, pad=3, linespacing=1.1, y=1.0)
    for axes in grid[len(lines) :]:
        axes.remove()
    return figure
