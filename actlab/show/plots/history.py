"""The curves of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

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
    size_inches,
    time_column,
)  # fmt: skip
from actlab.show.plots.style import INK, PALETTE, TEXT_POINTS, figure_with_axes, styled, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS = {"accuracy": "accuracy (fraction correct)", "loss": "loss (mean per sample)"}
MARKERS_UP_TO = 12
LABEL_INCHES = 0.19
CLEAR_INCHES = 0.1

Path: TypeAlias = np.ndarray[Any, Any]
TRAINING, VALIDATION = PALETTE[1], PALETTE[0]


@styled
def history_figure(history: pd.DataFrame, metric: str, title: str, note: str = "") -> Figure:
    """Training and validation curve of one run, the best validation point marked and written.

    Args:
        history: a row an evaluation, with columns `epoch` (or `step`), `metric`, and `val_` + `metric` where the run
            validated. Rows that are not finite leave a gap, and the figure says how many they are.
        metric: "accuracy" or "loss".
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    time = time_column(history)
    x = finite(history[time])
    columns = [column for column in (metric, f"val_{metric}") if column in history]
    lines = pd.DataFrame({"x": x, **{column: finite(history[column]) for column in columns}}).dropna(subset=["x"])
    best = _best(lines, metric)
    figure, (axes,) = figure_with_axes(title, subtitle=_subtitle(lines, metric, time, best), note=note, right=1.15)
    log = needs_log(metric, lines[columns].to_numpy())
    name_value_axis(axes, LABELS.get(metric, label_of(metric)) + (", log scale" if log else ""))
    if not lines[columns].notna().any(axis=None):
        no_data(axes)
        axes.set_xlabel(label_of(time))
        return figure
    _draw(axes, lines, columns, metric)
    axes.margins(y=0.12)
    set_time_axis(axes, time, lines["x"].min(), lines["x"].max())
    set_value_axis(axes, metric, log)
    if best is not None:
        _mark(axes, lines[["x", *columns]], metric, best)
    label_line_ends(axes, _ends(lines, columns, metric))
    return figure


def _draw(axes: Axes, lines: pd.DataFrame, columns: list[str], metric: str) -> None:
    marker = "o" if len(lines) <= MARKERS_UP_TO else ""
    for column in columns:
        own = column == metric
        axes.plot(
            lines["x"], lines[column], label="training" if own else "validation", marker=marker, markersize=4,
            color=TRAINING if own else VALIDATION, linestyle=(0, (4, 1.5)) if own else "-",
            linewidth=1.6 if own else 2.2,
        )  # fmt: skip


def _best(lines: pd.DataFrame, metric: str) -> tuple[float, float] | None:
    """(x, value) of the best validation point; the first of equals."""
    validation = f"val_{metric}"
    points = lines.dropna(subset=[validation]) if validation in lines else lines.iloc[:0]
    if points.empty:
        return None
    values = points[validation].to_numpy()
    index = int(values.argmin() if metric == "loss" else values.argmax())
    return float(points["x"].iloc[index]), float(values[index])


def _subtitle(lines: pd.DataFrame, metric: str, time: str, best: tuple[float, float] | None) -> str:
    parts = ["n = 1 run"]
    if best:
        parts.append(f"best validation {metric} {written(best[1])} at {time} {best[0]:g}")
    broken = int(lines.drop(columns="x").isna().any(axis=1).sum())
    if broken:
        parts.append(f"not finite: {broken} of {len(lines)} rows")
    return "; ".join(parts)


def written(value: float) -> str:
    """Four decimals, as far as they say something: 0.9812, 2.3026, 3.1e-05."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.2g}"


def _mark(axes: Axes, lines: pd.DataFrame, metric: str, best: tuple[float, float]) -> None:
    """A ring around the point, and its value near it where no curve runs."""
    x, value = best
    axes.plot([x], [value], "o", markersize=8, markerfacecolor="white", markeredgecolor=VALIDATION,
              markeredgewidth=2, zorder=4, label="best")  # fmt: skip
    text, (width, height) = f"best {written(value)}", size_inches(axes)
    to_axes = axes.transData + axes.transAxes.inverted()
    place = to_axes.transform((x, value)) * (width, height)
    half = text_width(text, TEXT_POINTS) / 2
    middle = min(max(place[0], half + 0.05), width - half)
    paths = [to_axes.transform(lines[["x", c]].to_numpy()) * (width, height) for c in lines if c != "x"]
    far = 1 if metric == "loss" else -1
    y = _free_height(paths, middle, half, float(place[1]), height, far)
    if y is not None:
        axes.text(middle / width, y / height, text, ha="center", va="center", color=INK, fontsize=TEXT_POINTS,
                  transform=axes.transAxes)  # fmt: skip


def _free_height(paths: list[Path], middle: float, half: float, ring: float, height: float, far: int) -> float | None:
    """The nearest height to the ring's where a label touches no curve; None where there is none.

    The other curve mostly runs on one side of the ring: a label farther off is looked for first on side `far`.
    """
    for steps in (1, -1, 1.7 * far, 2.4 * far, -1.7 * far):
        y = ring + steps * LABEL_INCHES
        if _clearance(paths, middle, half, y, height) >= CLEAR_INCHES:
            return y
    return None


def _clearance(paths: list[Path], middle: float, half: float, y: float, height: float) -> float:
    """Inches from a label's middle line to the nearest curve, or to the edge of the axes."""
    span = np.linspace(middle - half, middle + half, 15)
    curves = [p[np.isfinite(p).all(axis=1)] for p in paths]
    over = [np.interp(span, p[:, 0], p[:, 1]) - y for p in curves if len(p)]
    nearest = [0.0 if path.min() < 0 < path.max() else np.abs(path).min() for path in over]
    return float(min([*nearest, y, height + 0.1 - y]))


def _ends(lines: pd.DataFrame, columns: list[str], metric: str) -> list[LineEnd]:
    ends = []
    for column in columns:
        points = lines[["x", column]].dropna()
        if len(points):
            own = column == metric
            name, color = ("training", TRAINING) if own else ("validation", VALIDATION)
            ends.append(LineEnd(float(points["x"].iloc[-1]), float(points[column].iloc[-1]), name, color))
    return ends
