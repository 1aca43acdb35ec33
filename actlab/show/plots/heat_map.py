"""A metric over two numbers of the config: a cell a pair of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from actlab.show.plots.axes import finite, label_of, name_value_axis, needs_log, size_inches
from actlab.show.plots.style import (
    EDGE_INCHES,
    INK,
    figure_with_axes,
    part_of,
    styled,
    text_width,
    wrapped,
)  # fmt: skip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

COLORS = "viridis"  # its lightness rises all along, so that it is read without colours too
CELL_INCHES, SMALL_CELL_INCHES = (0.80, 0.50), (0.36, 0.28)
MOST_NAMED = 12  # columns or rows with which there is still room for numbers in the cells
MOST_PANELS = 12
PAGE_INCHES = 11.0
LEAST_INCHES = 6.4
PANEL_POINTS, MEAN_POINTS, COUNT_POINTS, TICK_POINTS = 9.5, 9.5, 8.0, 10.0
GAP = (0.25, 0.55)
BAR_INCHES = 0.16
# not the white and the black of a page, which a dark page turns round: the cells stay as they are
ON_DARK, ON_LIGHT = "#fdfdfd", "#101010"


@dataclass(frozen=True)
class _Grid:
    """The numbers across and up, ascending, and whether their cells are too small for words."""

    across: list[float]
    up: list[float]

    @property
    def small(self) -> bool:
        return max(len(self.across), len(self.up)) > MOST_NAMED

    @property
    def inches(self) -> tuple[float, float]:
        width, height = SMALL_CELL_INCHES if self.small else CELL_INCHES
        return width * len(self.across), height * len(self.up)


@styled
def heat_map(
    values: pd.DataFrame, metric: str, keys: tuple[str, str], title: str, note: str = "", when: str = ""
) -> Figure:
    """The mean over the seeds at each pair of two numbers, as a colour and in figures, with n.

    A cell has no interval: it says where to look, and is not there to tell two cells apart.

    Args:
        values: `panel`, `condition`, `x`, `y`, `seed` and the metric; a row a seed. Each value of `panel` is a map of
            its own, all on the same scales. A seed whose value is not finite has none: it is counted, and not drawn.
        metric: the column to draw.
        keys: what the numbers across and up are, such as ("learning_rate", "batch_size").
        title: drawn as it is, as are the names of the panels.
        note: what nobody may overlook; drawn under the title.
        when: the moment of the training, such as "at the last evaluation".

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    frame = values.assign(**{metric: finite(values[metric])})
    by = ["panel", "condition", "x", "y"]
    cells = frame.groupby(by, sort=False)[metric].agg(["mean", "count", "size"]).reset_index()
    names = [str(name) for name in dict.fromkeys(cells["panel"])]
    cells = cells[cells["panel"].isin(names[:MOST_PANELS])]
    grid = _Grid(sorted(cells["x"].unique()), sorted(cells["y"].unique()))
    log = needs_log(metric, cells["mean"].to_numpy(float))
    said = [f"{label_of(metric)}{', log scale' if log else ''}", when, _meaning(cells, grid)]
    said += [f"the first {MOST_PANELS} of {len(names)} maps"] if len(names) > MOST_PANELS else []
    figure, panels, bar = _page(grid, len(names[:MOST_PANELS]), any(names), title, "; ".join(filter(None, said)), note)
    colors = _colors(cells["mean"].to_numpy(float), log)
    for axes, name in zip(panels, names, strict=False):
        _draw(axes, cells[cells["panel"] == name], grid, colors)
        _name(axes, name, grid)
    _name_axes(panels, keys, grid)
    _draw_bar(bar, colors, log, bool(cells["mean"].notna().any()))
    return figure


def _meaning(cells: pd.DataFrame, grid: _Grid) -> str:
    panels = cells["panel"].nunique()
    blank = "; blank: not run" if len(cells) < panels * len(grid.across) * len(grid.up) else ""
    if not grid.small:
        return f"cell: mean over n seeds{blank}"
    low, high = int(cells["count"].min()), int(cells["count"].max())
    counts = f"n = {low}" if low == high else f"n = {low} to {high}"
    lost = "; ring, hatching: seeds without a value" if (cells["count"] < cells["size"]).any() else ""
    return f"colour: mean over {counts} seed{'' if high == 1 else 's'}{lost}{blank}"


def _page(
    grid: _Grid, count: int, named: bool, title: str, subtitle: str, note: str
) -> tuple[Figure, list[Axes], Axes]:
    """The axes of the maps, and of the colour bar at their right."""
    width, height = grid.inches
    left, right = _left(grid), 1.1
    columns = max(1, min(count, int((PAGE_INCHES - left - right + GAP[0]) / (width + GAP[0]))))
    rows = ceil(count / columns)
    page = left + columns * (width + GAP[0]) - GAP[0] + right
    spare = max(0.0, LEAST_INCHES - page)
    heading = 1.6 if note else 1.35
    figure, cells = figure_with_axes(
        title, subtitle=subtitle, note=note, rows=rows, columns=columns, left=left, right=right + spare,
        width=page + spare, height=heading + 0.9 + rows * (height + GAP[1]) - GAP[1], gap=GAP,
        over=0.62 if named else 0.36,
    )  # fmt: skip
    top, bottom = cells[0].get_position(), cells[-1].get_position()
    shown, whole = min(top.y1 - bottom.y0, 3.0 / figure.get_size_inches()[1]), page + spare
    bar = figure.add_axes(((page - right + 0.25) / whole, top.y1 - shown, BAR_INCHES / whole, shown))
    for axes in cells[count:]:
        axes.remove()
    return figure, cells[:count], bar


def _left(grid: _Grid) -> float:
    return 0.3 + _longest(grid.up)


def _longest(numbers: Sequence[float]) -> float:
    return max(text_width(f"{number:g}", TICK_POINTS) for number in numbers)


def _colors(means: NDArray[np.float64], log: bool) -> ScalarMappable:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    known = means[np.isfinite(means)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return ScalarMappable((LogNorm if log else Normalize)(low, high), colormaps[COLORS])


def _draw(axes: Axes, cells: pd.DataFrame, grid: _Grid, colors: ScalarMappable) -> None:
    axes.set_xlim(-0.5, len(grid.across) - 0.5)
    axes.set_ylim(-0.5, len(grid.up) - 0.5)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(range(len(grid.across)), labels=_labels(grid.across, grid.inches[0]))
    axes.set_yticks(range(len(grid.up)), labels=[f"{number:g}" for number in grid.up])
    for cell in cells.to_dict(orient="records"):
        _draw_cell(axes, cell, grid, colors)


def _labels(numbers: Sequence[float], inches: float) -> list[str]:
    """Every number, or every second, third ... where they would touch."""
    wide = _longest(numbers) + 0.1
    every = ceil(wide * len(numbers) / inches)
    return [f"{number:g}" if index % every == 0 else "" for index, number in enumerate(numbers)]


def _draw_cell(axes: Axes, cell: dict[Any, Any], grid: _Grid, colors: ScalarMappable) -> None:
    from matplotlib.patches import Rectangle

    x, y, gid = grid.across.index(cell["x"]), grid.up.index(cell["y"]), part_of(cell["condition"])
    empty = cell["count"] == 0
    color = (0.93, 0.93, 0.93) if empty else tuple(colors.to_rgba(cell["mean"])[:3])
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=color, edgecolor="white", linewidth=1.5, gid=gid,
                             hatch="///" if empty and grid.small else None))  # fmt: skip
    ink = ON_LIGHT if np.dot(color, (0.299, 0.587, 0.114)) > 0.5 else ON_DARK
    missing = f" of {cell['size']}" if cell["count"] < cell["size"] else ""
    if grid.small:
        if missing and not empty:
            axes.plot([x], [y], "o", color="none", markeredgecolor=ink, markersize=7, gid=gid)
        return
    if not empty:
        mean = short(cell["mean"], colors.get_clim()[1])
        axes.text(x, y + 0.15, mean, ha="center", va="center", fontsize=MEAN_POINTS, color=ink, gid=gid)
    axes.text(x, y if empty else y - 0.22, f"n = {cell['count']}{missing}", ha="center", va="center",
              fontsize=COUNT_POINTS, color=ink, gid=gid)  # fmt: skip


def short(value: float, largest: float) -> str:
    """As many decimals as the largest number of a map leaves room for: 0.9754 of 1, 9.3 of 242; else four digits."""
    decimals = 1 if 10 <= abs(largest) < 1e4 else 4
    return f"{value:.{decimals}f}" if 10**-decimals <= abs(value) < 1e4 or value == 0 else f"{value:.4g}"


def _name(axes: Axes, name: str, grid: _Grid) -> None:
    lines = wrapped(name, grid.inches[0], PANEL_POINTS)
    axes.set_title("\n".join(lines), loc="left", fontsize=PANEL_POINTS, color=INK, pad=4, linespacing=1.1, y=1.0)


def _name_axes(panels: Sequence[Axes], keys: tuple[str, str], grid: _Grid) -> None:
    """Numbers and names at the outer panels only."""
    columns = len({round(axes.get_position().x0, 6) for axes in panels})
    for index, axes in enumerate(panels):
        bottom = index + columns >= len(panels)
        axes.tick_params(labelleft=index % columns == 0, labelbottom=bottom)
        axes.set_xlabel(label_of(keys[0]) if bottom else "")
    name_value_axis(panels[0], label_of(keys[1]))
    width, height = size_inches(panels[0])
    over = 0.07 if len(panels) == 1 and not panels[0].get_title(loc="left") else 0.38
    panels[0].yaxis.set_label_coords((EDGE_INCHES - _left(grid)) / width, 1 + over / height)


def _draw_bar(bar: Axes, colors: ScalarMappable, log: bool, any_value: bool) -> None:
    """The scale of the colours."""
    low, high = colors.get_clim()
    if not any_value or low == high:
        bar.remove()
        return
    from matplotlib.ticker import LogLocator, MaxNLocator, ScalarFormatter

    bar.imshow(np.linspace(0, 1, 128)[:, None], aspect="auto", origin="lower", extent=(0, 1, 0, 1), cmap=colors.cmap)
    bar.grid(False)
    bar.spines[:].set_visible(False)
    bar.set_xticks([])
    locator = LogLocator(numticks=6) if log else MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10])
    ticks = [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
    formatter = ScalarFormatter(useOffset=False)
    formatter.create_dummy_axis()
    labels = [f"{tick:g}" for tick in ticks] if log else formatter.format_ticks(ticks)
    bar.set_yticks(np.asarray(colors.norm(np.array(ticks))), labels=labels)
    bar.yaxis.tick_right()
