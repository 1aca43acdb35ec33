"""Axes: what a column is called, scales with few round ticks, names at the ends of lines, and small multiples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from actlab.show.figures import style
from actlab.show.figures.style import INK, TEXT_POINTS, Heading, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform


Floats = NDArray[np.float64]
Scale = Literal["linear", "log", "symlog", "to one"]  # "symlog" is "log" with 0 left of (or under) the smallest

# Column of a table to its name and its unit; others are called as they are written.
QUANTITIES = {
    "accuracy": ("training accuracy, running mean", "% correct"),
    "val_accuracy": ("validation accuracy", "% correct"),
    "test_accuracy": ("test accuracy", "% correct"),
    "train_eval_accuracy": ("training accuracy", "% correct"),
    "train_eval_loss": ("training loss", "mean per sample"),
    "gap": ("gap of training to validation accuracy", "points"),
    "loss": ("training loss, running mean", "mean per sample"),
    "val_loss": ("validation loss", "mean per sample"),
    "test_loss": ("test loss", "mean per sample"),
    "step": ("step", "mini-batches"),
    "layer": ("layer", ""),
    "born_dead": ("born dead", "share of networks"),
    "birth_variance": ("mean square of the signal at birth", "for inputs of variance 1"),
    "birth_correlation": ("correlation of two signals at birth", ""),
    "birth_chi": ("χ at birth", "growth of a squared gradient, back over a layer"),
    "birth_gradient_norm": ("gradient norm at birth", "relative to the last layer"),
    "batch_size": ("batch size", "images"),
    "wall_seconds": ("wall time", "seconds"),
    "images_per_second": ("images a second", ""),
    "saturated_fraction": ("saturated", "fraction of sample and unit pairs"),
    "gradient_norm_mean": ("gradient norm", "L2"),
    "gradient_norm_max": ("largest gradient norm", "L2"),
    "activation_zeros": ("zeros", "fraction of activations"),
    "weight_norm": ("weight norm", "L2"),
    "update_norm": ("norm of the weights' change since the last evaluation", "L2"),
}
LOG_FROM_RATIO = 300.0  # of the largest to the smallest loss: one spike would flatten all the rest
LABEL_GAP, LABEL_LEFT = 0.2, 1.045  # inches between names at the ends of lines; where they begin, in parts of the axes
PANEL_INCHES, PANEL_POINTS, TITLE_LINES = 2.0, 9.5, 3
PANEL_GAP, STACK_GAP = (0.14, 0.52), 0.14  # inches between cells, (across, up), and between the axes of one
NEARLY_ONE = 1 - 1e-12  # the largest number on a scale of the distance from 1
MOST_DECADES = 6  # ticks of a logarithmic axis


# --- columns ---------------------------------------------------------------------------------------------------


def quantity(column: str, on_test: bool = False) -> tuple[str, str]:
    """A column's name and unit in words; "dense.dead_units" is the column of one layer.

    Args:
        column: of a table.
        on_test: whether validation was done on the test images.
    """
    layer, _, key = column.rpartition(".")
    stem = key.removesuffix("_mean")
    name, unit = QUANTITIES.get(key, (stem.replace("_", " "), "mean of the layer" if stem != key else ""))
    name = name.replace("validation", "test") if on_test else name
    return (f"{name} of {layer}" if layer and layer != "*" else name), unit


def label_of(column: str, on_test: bool = False) -> str:
    """A column's name with its unit, as an axis says it; the arguments are those of `quantity`."""
    name, unit = quantity(column, on_test)
    return f"{name} ({unit})" if unit else name


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


def needs_log(column: str, values: Any) -> bool:
    """Whether a loss spans so much that only a logarithmic axis shows it."""
    known = np.asarray(values, dtype=float).ravel()
    known = known[np.isfinite(known)]
    return "loss" in column and known.size > 0 and known.min() > 0 and known.max() / known.min() > LOG_FROM_RATIO


# --- scales ----------------------------------------------------------------------------------------------------


def set_scale(
    axes: Axes,
    which: Literal["x", "y"],
    values: Any,
    scale: Scale = "linear",
    *,
    ticks: Sequence[float] | None = None,
    percent: bool = False,
    whole: bool = False,
    margin: float = 0.06,
) -> bool:
    """Room for all values, and few round ticks.

    Args:
        axes: whose scale is set.
        which: of its axes.
        values: what must have room; those that are not finite, or have no place on a logarithmic scale, have none.
        scale: how numbers are spread.
        ticks: numbers to mark, in place of round ones.
        percent: write fractions as percent; none is marked that is over 100.
        whole: mark whole numbers only.
        margin: room beyond the outermost values, in parts of what they span.

    Returns:
        Whether there is anything to draw; if not, the axes say so.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    known = np.asarray(values, dtype=float).ravel()
    known = known[np.isfinite(known) & ((known > 0) | (scale != "log"))]
    if not known.size:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no finite value", transform=axes.transAxes, ha="center", va="center", color=style.QUIET)
        return False
    axis, set_of = (axes.xaxis if which == "x" else axes.yaxis), getattr(axes, f"set_{which}scale")
    smallest = 10.0 ** floor(log10(known[known > 0].min())) if scale == "symlog" else 0.0
    if scale == "to one":
        set_of("function", functions=(lambda x: -np.log10(1 - np.minimum(x, NEARLY_ONE)), lambda x: 1 - 10.0**-x))
    elif scale != "linear":
        set_of(scale, **({"linthresh": smallest, "linscale": 0.7} if scale == "symlog" else {}))
    transform = axis.get_transform()
    low, high = transform.transform(np.array([known.min(), known.max()]))
    room = margin * (high - low) or (0.02 * abs(high) if scale == "linear" else 0.1) or 1.0
    low, high = transform.inverted().transform(np.array([low - room, high + room]))
    getattr(axes, f"set_{which}lim")(low, high)
    write = tick_text if ticks else "{:.10g}".format  # numbers of a sweep may have as many digits as a float
    if ticks is None and scale in ("linear", "to one"):
        ticks = MaxNLocator(nbins=6, integer=whole, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    elif ticks is None:
        ticks = log_ticks(low, high) if scale == "log" else [0.0, *log_ticks(smallest, high)]
    most, factor = (min(high, 1 + 1e-9), 100) if percent else (high, 1)
    axis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= most]))
    axis.set_major_formatter(FuncFormatter(lambda tick, _: write(factor * tick).replace("-", "−")))
    axis.set_minor_locator(NullLocator())
    return True


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between two positive numbers, at most MOST_DECADES; with 2 and 5 times such powers where they are
    few."""
    first, last = floor(log10(low)), ceil(log10(high))
    step = max(1, ceil((last - first) / MOST_DECADES))
    powers = [tick for power in range(first, last + 1, step) if low <= (tick := 10.0**power) <= high]
    if len(powers) > 2:
        return powers
    finer = [f * 10.0**power for power in range(first, last + 1) for f in (1, 2, 5) if low <= f * 10.0**power <= high]
    return finer if len(finer) > 1 else list(np.linspace(low, high, 4)[1:3].round(2 - floor(log10(high - low))))


def tick_text(number: float) -> str:
    """A number of a sweep as tables have it: whole, or with six digits."""
    return f"{number:.10g}" if float(number).is_integer() else f"{number:g}"


def set_time_axis(axes: Axes, column: str, low: float, high: float) -> None:
    """Whole numbers on the horizontal axis, and its name."""
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel(label_of(column))
    margin = 0.02 * (high - low) or 1.0
    axes.set_xlim(low - margin, high + margin)
    if low == high:
        axes.set_xticks([low])
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 5, 10]))


def name_value_axis(axes: Axes, text: str) -> None:
    """Write what the vertical axis shows over it, level: turned text is slow to read and is cut at the edges."""
    width, height = size_inches(axes)
    axes.set_ylabel(text, rotation=0, ha="left", va="bottom", fontsize=TEXT_POINTS)
    axes.yaxis.set_label_coords((style.EDGE - style.LEFT) / width, 1 + 0.07 / height)


def size_inches(axes: Axes) -> tuple[float, float]:
    """Width and height of the axes."""
    box, figure = axes.get_position(), axes.get_figure(root=True)
    assert figure is not None
    width, height = figure.get_size_inches()
    return float(box.width * width), float(box.height * height)


def inches_across(axes: Axes, values: Sequence[float]) -> Floats:
    """How far right in the axes values lie, whose scale must be final."""
    across = axes.get_xaxis_transform() + axes.transAxes.inverted()
    places: Floats = across.transform(np.array([(x, 0.0) for x in values]).reshape(-1, 2))[:, 0]
    return places * size_inches(axes)[0]


# --- names at the ends of lines --------------------------------------------------------------------------------


@dataclass(frozen=True)
class LineEnd:
    """A line's last point, in data units, and what is written beside it."""

    x: float
    y: float
    text: str
    look: Look


def room_for(texts: Sequence[str]) -> float:
    """Inches right of the axes that names at the ends of lines take."""
    return 0.42 + max(map(style.text_width, texts), default=0.0)


def label_line_ends(axes: Axes, ends: Sequence[LineEnd]) -> None:
    """Write each line's name right of the axes, at the height of its end, moved apart where they would overlap.

    Limits and scales must be final. A thin line in the line's colour leads from its end to its name, dotted where the
    line ended long before the axes do: a full one would pass for data.
    """
    from matplotlib.collections import LineCollection

    _, height = size_inches(axes)
    to_axes = axes.transData + axes.transAxes.inverted()
    anchors = [to_axes.transform((end.x, end.y)) for end in ends]
    places = spread([float(y) * height for _, y in anchors], LABEL_GAP, height)
    for end, (x, y), place in zip(ends, anchors, places, strict=True):
        axes.text(LABEL_LEFT, place / height, end.text, va="center", fontsize=TEXT_POINTS, color=INK,
                  transform=axes.transAxes, gid=end.look.gid)  # fmt: skip
        leader = LineCollection([[(x, y), (LABEL_LEFT - 0.01, place / height)]], colors=[end.look.color],
                                linestyles=["-" if x > 0.9 else (0, (1, 3))], linewidths=1.1, zorder=1.5,
                                transform=axes.transAxes, clip_on=False, gid=end.look.gid)  # fmt: skip
        axes.add_artist(leader)


def spread(wanted: Sequence[float], gap: float, height: float) -> list[float]:
    """Places nearest to the wanted ones (least squares) that keep their order and a distance of `gap`.

    Args:
        wanted: heights, in any order.
        gap: smallest distance between two.
        height: all places are in [0, height] where that much room is.
    """
    order, shifts = np.argsort(wanted, kind="stable"), gap * np.arange(len(wanted))
    # Without the gaps this is isotonic regression: neighbours in the wrong order share their mean.
    blocks: list[list[float]] = []
    for free in np.asarray(wanted, dtype=float)[order] - shifts:
        blocks.append([float(free)])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            last = blocks.pop()
            blocks[-1] += last
    means = [float(np.mean(block)) for block in blocks for _ in block]
    places = np.empty(len(wanted))
    places[order] = np.clip(means, 0.0, max(height - gap * (len(wanted) - 1), 0.0)) + shifts
    return [float(place) for place in places]


# --- panels ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """Small multiples: copies of a few axes over each other, which are real in the first cell only.

    Axes are slow to make and to draw. What belongs to another cell is drawn on those of the first, moved by an offset;
    what all have in common is one collection with an offset a cell, which an SVG holds once.

    Args:
        stack: the axes of the first cell, from the top down.
        offsets: of each cell from the first, in inches to the right and up.
        columns: how many stand beside each other.
    """

    stack: list[Axes]
    offsets: list[tuple[float, float]]
    columns: int

    def moved(self, cell: int, to: Transform) -> Transform:
        """Where coordinates of the first cell lie in another."""
        from matplotlib.transforms import ScaledTranslation

        return to + ScaledTranslation(*self.offsets[cell], self._inches)

    def draw_in_all(
        self, axes: Axes, lines: Sequence[Any], to: Transform, color: str, width: float, z: float, fill: bool = False
    ) -> None:
        """Draw lines, each an array of points, in every cell; or the areas that they go round."""
        from matplotlib.collections import PathCollection
        from matplotlib.path import Path

        path = Path.make_compound_path(*(Path(line) for line in lines if len(line)))
        inside = color if fill else "none"
        drawn = PathCollection([path], offsets=self.offsets, offset_transform=self._inches, facecolors=inside,
                               edgecolors=color, linewidths=width, zorder=z, clip_on=False)  # fmt: skip
        drawn.set_transform(to)
        axes.add_collection(drawn, autolim=False)

    def finish(self, label: str) -> None:
        """Lines for the frames and ticks of every cell, whose scales must be final; numbers at the outer ones only.

        Args:
            label: of the horizontal axis.
        """
        cells, count = range(len(self.offsets)), len(self.offsets)

        def write(cell: int, to: Transform, text: str, place: tuple[float, float], shift: tuple[float, float]) -> None:
            at: Any = {"ha": "right", "va": "center"} if shift[0] else {"ha": "center", "va": "top"}
            axes.annotate(text, place, shift, xycoords=self.moved(cell, to), textcoords="offset points",
                          fontsize=TEXT_POINTS, color=INK, annotation_clip=False, **at)  # fmt: skip

        for axes in self.stack:
            up, across = axes.get_yaxis_transform(), axes.get_xaxis_transform()
            heights = [t for t in axes.get_yticks() if axes.get_ylim()[0] <= t <= axes.get_ylim()[1]]
            times = [t for t in axes.get_xticks() if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]]
            self.draw_in_all(axes, [[(0, t), (1, t)] for t in heights], up, style.GRID, 0.8, 0.5)
            self.draw_in_all(axes, [[(0, 1), (0, 0), (1, 0)]], axes.transAxes, style.AXIS, 0.8, 2.5)
            for cell, tick in product(cells[:: self.columns], heights):
                write(cell, up, axes.yaxis.get_major_formatter()(tick), (0, tick), (-5, 0))
            for cell in cells[max(count - self.columns, 0) :] if axes is self.stack[-1] else ():
                for tick in times:
                    write(cell, across, f"{tick:.10g}", (tick, 0), (0, -4))
                write(cell, axes.transAxes, label, (0.5, 0), (0, -19))
            axes.set_axis_off()

    @property
    def _inches(self) -> Any:
        figure = self.stack[0].get_figure(root=True)
        assert figure is not None
        return figure.dpi_scale_trans


def small_multiples(
    heading: Heading, titles: Mapping[str, str], looks: Sequence[Look], inches: float, stacked: int = 1
) -> tuple[Figure, Cells]:
    """A cell for each title, of several axes over each other, in rows of four, or of six where there are many.

    Args:
        heading: over the whole.
        titles: over the cells, to what stands behind them.
        looks: of what the cells show.
        inches: height of one of the axes.
        stacked: axes of a cell.
    """
    columns = 4 if len(titles) <= 24 else 6
    rows, width = ceil(len(titles) / columns), PANEL_INCHES if columns == 4 else 0.72 * PANEL_INCHES
    names = style.apart(list(titles), width, PANEL_POINTS, TITLE_LINES)
    for place, beside in enumerate(titles.values()):
        fits = style.text_width(names[place].rpartition("\n")[2] + beside, PANEL_POINTS) <= width
        names[place] += beside if fits else f"\n{beside.lstrip(' ,')}"
    over = max(0, max(name.count("\n") for name in names) - 1) * PANEL_POINTS * 1.2 / 72  # of a third line
    height, (gap, below) = inches * stacked + STACK_GAP * (stacked - 1), (PANEL_GAP[0], PANEL_GAP[1] + over)
    right, under = 0.3 + (columns - 1) * (width + gap), style.UNDER + (rows - 1) * (height + below)  # the other cells
    size = style.LEFT + width + right, 0.46 + over + height + under
    figure, stack = style.page(
        heading, size, right=right, over=0.42 + over, under=under, rows=stacked, gap=(0.0, STACK_GAP)
    )
    first = stack[0]
    places = [divmod(cell, columns) for cell in range(len(titles))]
    offsets = [(column * (width + gap), -row * (height + below)) for row, column in places]
    cells = Cells(stack, offsets, columns)
    for cell, (name, look) in enumerate(zip(names, looks, strict=True)):
        first.annotate(name, (0, 1), (0, 6), xycoords=cells.moved(cell, first.transAxes), textcoords="offset points",
                       va="baseline", fontsize=PANEL_POINTS, color=INK, linespacing=1.1, gid=look.gid)  # fmt: skip
    return figure, cells
