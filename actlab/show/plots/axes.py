"""Axes of curves: their scales, and names written at the ends of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from actlab.show.plots.style import EDGE_INCHES, INK, LEFT_INCHES, QUIET, TEXT_POINTS, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABELS = {
    "accuracy": "training accuracy (fraction correct)",
    "val_accuracy": "validation accuracy (fraction correct)",
    "loss": "training loss (mean per sample)",
    "val_loss": "validation loss (mean per sample)",
    "learning_rate": "learning rate",
    "step": "step (mini-batches)",
    "test_accuracy": "test accuracy (fraction correct)",
    "test_loss": "test loss (mean per sample)",
    "wall_seconds": "wall time (seconds)",
    "images_per_second": "images a second",
    "batch_size": "batch size (images)",
}
# A loss that spans more than this is drawn on a logarithmic axis: one spike would flatten all the rest.
LOG_FROM_RATIO = 300.0
LABEL_GAP = 0.2
LABEL_LEFT = 1.045


@dataclass(frozen=True)
class LineEnd:
    """A line's last point, in data units, what is written beside it, and the name of the part it belongs to."""

    x: float
    y: float
    text: str
    color: str
    gid: str | None = None


def label_of(column: str) -> str:
    """A column's name as an axis says it, with its unit; "dense.dead_units" is the column of one layer."""
    layer, _, name = column.rpartition(".")
    words = LABELS.get(name, name.replace("_", " "))
    return f"{words} of {layer}" if layer and layer != "*" else words


def time_column(frame: pd.DataFrame) -> str:
    """`epoch`, or `step` where epochs are missing or fractional (a run that is given in steps)."""
    if "epoch" not in frame:
        return "step"
    epochs = finite(frame["epoch"]).dropna()
    return "step" if "step" in frame and bool((epochs % 1 != 0).any()) else "epoch"


def finite(values: pd.Series[Any]) -> pd.Series[float]:
    """Numbers as float, with NaN for what is not finite, so that a line has a gap there."""
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers))


def needs_log(metric: str, values: np.ndarray[Any, Any]) -> bool:
    """Whether a loss spans so much that only a logarithmic axis shows it."""
    values = values[np.isfinite(values)]
    return "loss" in metric and values.size > 0 and values.min() > 0 and values.max() / values.min() > LOG_FROM_RATIO


def set_time_axis(axes: Axes, column: str, low: float, high: float) -> None:
    """Whole numbers on the horizontal axis, and its name."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(label_of(column))
    if low == high:
        axes.set_xticks([low])
        axes.set_xlim(low - 1, high + 1)
        return
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 5, 10]))


def name_value_axis(axes: Axes, text: str) -> None:
    """Write what the vertical axis shows over it, level: turned text is slow to read and is cut at the edges."""
    width, height = size_inches(axes)
    axes.set_ylabel(text, rotation=0, ha="left", va="bottom", fontsize=TEXT_POINTS)
    axes.yaxis.set_label_coords((EDGE_INCHES - LEFT_INCHES) / width, 1 + 0.07 / height)


def size_inches(axes: Axes) -> tuple[float, float]:
    """Width and height of the axes."""
    box, figure = axes.get_position(), axes.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches()
    return float(box.width * width), float(box.height * height)


def set_value_axis(axes: Axes, metric: str, log: bool) -> None:
    """The vertical axis: logarithmic where `log`, and no tick that no accuracy can reach."""
    from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        return
    low, high = axes.get_ylim()
    top = min(high, 1.0) if metric.endswith("accuracy") else high
    ticks = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= top + 1e-9 * abs(top)]))


def no_data(axes: Axes) -> None:
    """Say that nothing can be drawn, instead of showing empty axes."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", va="center", color=QUIET)


@styled
def label_line_ends(axes: Axes, ends: Sequence[LineEnd], points: float = TEXT_POINTS) -> None:
    """Write each line's name right of the axes, at the height of its end, moved apart where they would overlap.

    Limits and scales must be final. A thin line in the line's colour leads from its end to its name.
    """
    _, height = size_inches(axes)
    to_axes = axes.transData + axes.transAxes.inverted()
    anchors = [to_axes.transform((end.x, end.y)) for end in ends]
    wanted = [float(y) * height for _, y in anchors]
    for end, (x, y), place in zip(ends, anchors, spread(wanted, LABEL_GAP, height), strict=True):
        axes.text(LABEL_LEFT, place / height, end.text, va="center", fontsize=points, color=INK,
                  transform=axes.transAxes, gid=end.gid)  # fmt: skip
        _draw_leader(axes, [(x, y), (LABEL_LEFT - 0.01, place / height)], end)


def _draw_leader(axes: Axes, leader: list[Any], end: LineEnd) -> None:
    """Dotted where a line ended long before the axes do: a full one would pass for data."""
    from matplotlib.collections import LineCollection

    style: Any = "-" if leader[0][0] > 0.95 else (0, (1, 3))
    axes.add_artist(
        LineCollection([leader], colors=end.color, linestyles=[style], linewidths=1.1, transform=axes.transAxes,
                       clip_on=False, zorder=1.5, gid=end.gid)
    )  # fmt: skip


def spread(wanted: Sequence[float], gap: float, height: float) -> list[float]:
    """Places nearest to the wanted ones (least squares) that keep their order and a distance of `gap`.

    Args:
        wanted: heights, in any order.
        gap: smallest distance between two.
        height: all places are in [0, height] where that much room is.
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    # Without the gaps this is isotonic regression: neighbours in the wrong order share their mean.
    blocks: list[list[float]] = []
    for rank, index in enumerate(order):
        blocks.append([wanted[index] - rank * gap])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    free = [float(np.mean(block)) for block in blocks for _ in block]
    room = max(height - gap * (len(wanted) - 1), 0.0)
    places = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        places[index] = min(max(free[rank], 0.0), room) + rank * gap
    return places
