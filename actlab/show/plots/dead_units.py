"""Accuracy over dead units: two panels that share the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING

import pandas as pd

from actlab.show.plots.axes import (
    LineEnd,
    label_line_ends,
    label_of,
    name_value_axis,
    no_data,
    set_time_axis,
    set_value_axis,
    time_column,
)  # fmt: skip
from actlab.show.plots.overlay import Curve, draw_curve, draw_others, mean_points, subtitle_of, summarized, tails_of
from actlab.show.plots.style import (
    INK,
    PALETTE,
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

ACCURACIES = {"val_accuracy": ("validation", Look(PALETTE[0], "-")), "accuracy": ("training", Look(PALETTE[1], "--"))}
COUNTS = {
    "dead_units": ("dead", Look(PALETTE[6], "-")),
    "inactive_units": ("inactive", Look(PALETTE[7], "--")),
    "unmoved_units": ("unmoved", Look(PALETTE[3], (0, (1.2, 1.4)))),
    "revived_units": ("revived", Look(PALETTE[2], "-.")),
}
DEAD = "dead: slope 0 on every evaluated sample"
LABEL_INCHES = 2.2
PANEL_INCHES, PANEL_POINTS = 2.0, 9.5
UNITS_GAP, PANEL_GAP = 0.42, 0.14  # inches between the two panels: with the name of an axis there, and without


def watched_units(layers: pd.DataFrame, column: str = "dead_units") -> int | None:
    """Units of all layers in which a measure was taken, at one evaluation; None where it was taken in none."""
    if column not in layers:
        return None
    measured = layers.dropna(subset=[column]).drop_duplicates("layer")
    return int(measured["units"].sum()) or None


@styled
def dead_units_figure(
    curves: pd.DataFrame, title: str, note: str = "", units: int | None = None, metric: str = "val_accuracy",
    look_of: Mapping[str, Look] | None = None,
) -> Figure:  # fmt: skip
    """Accuracy in the upper panel, dead units in the lower one, over the same epochs.

    Of conditions, each is the mean over its seeds with a band from the smallest to the largest, in one colour in both
    panels; over eight of them get a pair of panels each. Of one run, training and validation accuracy stand over each
    count of units that it has.

    Args:
        curves: a row an evaluation, with `epoch` (or `step`), `metric` and `dead_units`, and with `condition` and
            `seed` unless it is the history of one run.
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.
        units: how many units there are to die, if it is the same number everywhere.
        metric: the accuracy to draw, of conditions.
        look_of: condition to its look; by default in order of first appearance.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    time = time_column(curves)
    if "condition" not in curves:
        return _one_run(curves, time, title, note, units)
    upper, lower = summarized(curves, metric, time), summarized(curves, "dead_units", time)
    names = (label_of(metric), f"dead units{_of(units)}")
    chosen = look_of or looks(curve.name for curve in upper)
    if len(upper) > len(PALETTE):
        return _panels(upper, lower, names, time, title, note, chosen)
    subtitle = f"{subtitle_of(upper)}; {DEAD}"
    tails = tails_of(upper, time)
    labels = [fitted(curve.name, LABEL_INCHES, TEXT_POINTS) + tail for curve, tail in zip(upper, tails, strict=True)]
    return _pair((upper, lower), (labels, labels), chosen, names, time, title, note, subtitle)


def _of(units: int | None) -> str:
    return f" (of {units})" if units else ""


def _one_run(history: pd.DataFrame, time: str, title: str, note: str, units: int | None) -> Figure:
    upper, lower = ([_curve(history, name, words, time) for name, (words, _) in known.items() if name in history]
                    for known in (ACCURACIES, COUNTS))  # fmt: skip
    chosen = {words: look for known in (ACCURACIES, COUNTS) for words, look in known.values()}
    counted = [curve.name for curve in lower]
    names = ("accuracy (fraction correct)", f"{', '.join(counted)} units{_of(units)}")
    said = f"; {DEAD}" if "dead" in counted else ""
    if "unmoved" in counted:
        said += "; unmoved: no incoming weight changed since the last evaluation, output units counted too"
    labels = [curve.name for curve in upper], counted if len(counted) > 1 else [""]
    return _pair((upper, lower), labels, chosen, names, time, title, note, f"n = 1 run{said}")


def _curve(history: pd.DataFrame, column: str, words: str, time: str) -> Curve:
    (curve,) = summarized(history.assign(condition=words, seed=0), column, time)
    return curve


def _pair(
    curves: tuple[list[Curve], list[Curve]], labels: tuple[Sequence[str], Sequence[str]], chosen: Mapping[str, Look],
    names: tuple[str, str], time: str, title: str, note: str, subtitle: str,
) -> Figure:  # fmt: skip
    right = 0.42 + max((text_width(label, TEXT_POINTS) for some in labels for label in some), default=0.0)
    figure, (cell,) = figure_with_axes(title, subtitle=subtitle, note=note, width=5.6 + right, height=5.6, right=right)
    panels = split(figure, cell, UNITS_GAP)
    for axes, some in zip(panels, curves, strict=True):
        for curve in some:
            draw_curve(axes, curve, chosen[curve.name])
    _finish(panels, curves, time)
    for axes, some, texts, name in zip(panels, curves, labels, names, strict=True):
        name_value_axis(axes, name)
        label_line_ends(axes, _ends(some, texts, chosen))
    return figure


def _ends(curves: list[Curve], labels: Sequence[str], chosen: Mapping[str, Look]) -> list[LineEnd]:
    return [
        LineEnd(float(curve.points.index[-1]), float(curve.points["mean"].iloc[-1]), label,
                chosen[curve.name].color, part_of(curve.name))
        for curve, label in zip(curves, labels, strict=True)
        if label and len(curve.points)
    ]  # fmt: skip


def split(figure: Figure, axes: Axes, gap: float) -> tuple[Axes, Axes]:
    """Make two axes of one, the upper a little higher, with a gap of so many inches between."""
    box, height = axes.get_position(), figure.get_size_inches()[1]
    room = box.height - gap / height
    axes.set_position((box.x0, box.y1 - 0.5 * room, box.width, 0.5 * room))
    return axes, figure.add_axes((box.x0, box.y0, box.width, 0.5 * room))


def _finish(panels: Sequence[Axes], curves: Sequence[list[Curve]], time: str) -> None:
    """The same epochs under both panels, said under the lower; counts from 0 up."""
    points = [pd.concat([curve.points for curve in some]) if some else pd.DataFrame() for some in curves]
    if all(frame.empty for frame in points):
        for axes in panels:
            no_data(axes)
        return
    times = pd.concat(points).index
    for axes in panels:
        set_time_axis(axes, time, times.min(), times.max())
    upper, lower = panels
    limits = min(axes.get_xlim()[0] for axes in panels), max(axes.get_xlim()[1] for axes in panels)
    for axes in panels:
        axes.set_xlim(limits)
    upper.set_xlabel("")
    upper.tick_params(labelbottom=False)
    set_value_axis(upper, "accuracy", log=False)
    _set_count_axis(lower, points[1]["high"].max() if len(points[1]) else 1)


def _set_count_axis(axes: Axes, most: float) -> None:
    from matplotlib.ticker import MaxNLocator

    top = max(most, 1.0)
    axes.set_ylim(-0.03 * top, 1.06 * top)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))


# --- many conditions -------------------------------------------------------------------------------------------


def _panels(
    upper: list[Curve], lower: list[Curve], names: tuple[str, str], time: str, title: str, note: str,
    chosen: Mapping[str, Look],
) -> Figure:  # fmt: skip
    columns = 4 if len(upper) <= 24 else 5
    rows = ceil(len(upper) / columns)
    subtitle = f"upper: {names[0]}; lower: {names[1]}; {subtitle_of(upper)}; grey: all others; {DEAD}"
    figure, cells = figure_with_axes(
        title, subtitle=subtitle, note=note, rows=rows, columns=columns, width=1.1 + columns * (PANEL_INCHES + 0.14),
        height=1.6 + rows * 2.6, gap=(0.14, 0.56), over=0.34,
    )  # fmt: skip
    pairs = [split(figure, cell, PANEL_GAP) for cell in cells[: len(upper)]]
    for cell in cells[len(upper) :]:
        cell.remove()
    for panel, curves in enumerate((upper, lower)):
        others = [mean_points(curve) for curve in curves if len(curve.points)]
        for pair, curve in zip(pairs, curves, strict=True):
            pair[panel].set_gid(part_of(curve.name))
            draw_others(pair[panel], others)
            draw_curve(pair[panel], curve, Look(chosen[curve.name].color, "-"))
    for pair, curve, tail in zip(pairs, upper, tails_of(upper, time), strict=True):
        lines = "\n".join(wrapped(curve.name + tail, PANEL_INCHES, PANEL_POINTS))
        pair[0].set_title(lines, loc="left", fontsize=PANEL_POINTS, color=INK, pad=3, linespacing=1.1, y=1.0)
    _share(pairs, columns, (upper, lower), time)
    return figure


def _share(pairs: list[tuple[Axes, Axes]], columns: int, curves: Sequence[list[Curve]], time: str) -> None:
    """The same limits everywhere; labels only at the outer panels."""
    low, high = min(pair[0].get_ylim()[0] for pair in pairs), max(pair[0].get_ylim()[1] for pair in pairs)
    for index, pair in enumerate(pairs):
        bottom = index + columns >= len(pairs)
        pair[0].set_ylim(low, high)
        _finish(pair, curves, time)
        pair[1].set_xlabel(label_of(time) if bottom else "")
        pair[1].tick_params(labelbottom=bottom)
        for axes in pair:
            axes.tick_params(labelleft=index % columns == 0)
