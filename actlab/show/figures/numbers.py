"""A metric against numbers of the config: a line against one of them, a map against two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from actlab.show import words
from actlab.show.figures import axes as on
from actlab.show.figures import style
from actlab.show.figures.axes import Floats, LineEnd, Scale, label_of, set_scale
from actlab.show.figures.rows import INTERVAL, count
from actlab.show.figures.style import EDGE, FAINT, INK, QUIET, SMALL_POINTS, Heading, Look, page, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

    from actlab.study.judge import Comparison, ConditionResult

MOST_TOGETHER = 5  # lines that share one pair of axes: with intervals and seeds, more are a thicket
NAME_INCHES = 2.2
LEAST_RATIO, LEAST_RATIO_WITH_ZERO = 4.0, 10.0  # of the largest to the smallest, below which a scale is linear
SCALES = {"linear": "", "log": ", log scale", "symlog": ", log scale with 0", "to one": ", log scale of 1 − {}"}
SIDE_POINTS = 7.0  # at most, between lines at the same number, so that their intervals lie side by side
SEEDS_BESIDE = 3.0  # points from an interval to the dots of its seeds
CELL_INCHES, SMALL_CELL_INCHES, GAP = (0.80, 0.50), (0.36, 0.28), (0.25, 0.55)
MOST_NAMED, MOST_MAPS = 12, 12  # columns or rows with which there is still room for numbers in the cells
PAGE_INCHES, LEAST_INCHES, BAR_INCHES = 11.0, 6.4, 0.16
MAP_INCHES = (6.4, 4.9)  # of a map of seeds
ON_DARK, ON_LIGHT, EMPTY = "#fdfdfd", "#101010", "#eeeeee"  # in a map; none that a dark page turns round


# --- one number ------------------------------------------------------------------------------------------------


def scale_of(numbers: Sequence[float]) -> Scale:
    """The scale on which numbers are spread the most evenly; "symlog" is "log" with 0 left of the smallest, "to one"
    is that of the distance from 1."""
    tried = np.unique(np.asarray(numbers, dtype=float))
    positive, zero = tried[tried > 0], bool((tried == 0).any())
    if (tried < 0).any() or len(tried) < 2:
        return "linear"

    def unevenness(ascending: Floats) -> float:
        gaps = np.diff(ascending)
        return float(gaps.std() / gaps.mean())

    to_one = tried[-1] < 1 and (1 - tried[0]) / (1 - tried[-1]) >= LEAST_RATIO_WITH_ZERO
    if to_one and unevenness(-np.log(1 - tried)) < unevenness(tried):
        return "to one"
    if positive.size < 2:
        return "linear"
    ratio = positive[-1] / positive[0]
    if ratio < (LEAST_RATIO_WITH_ZERO if zero else LEAST_RATIO) or unevenness(np.log(positive)) > unevenness(tried):
        return "linear"
    return "symlog" if zero else "log"


@styled
def number_figure(
    comparison: Comparison, key: str, lines: Mapping[str, Mapping[str, float]], heading: Heading,
    look_of: Mapping[str, Look],
) -> Figure:  # fmt: skip
    """Mean ± t(n − 1, 0.975) · std/√n over the seeds against a number, a line for all that differ in it only.

    Up to five lines share one pair of axes, side by side at each number; more get a panel each, with all the others
    in grey behind. The numbers' axis is logarithmic where they go up by factors; 0 then stands left of the smallest.

    Args:
        comparison: of which the judged metric is drawn.
        key: what the number is, such as "learning_rate".
        lines: what conditions share (it may be empty) to condition to its number.
        heading: what stands over it; what dots and bars are is added.
        look_of: condition to its look. A line takes the colour of its conditions where that is the same for all.
    """
    metric = comparison.metric
    points = {
        name: [(x, comparison[condition]) for condition, x in sorted(of.items(), key=lambda item: item[1])]
        for name, of in lines.items()
    }
    drawn = [result for of in points.values() for _, result in of]
    numbers = [x for of in points.values() for x, _ in of]
    counts = [result.summary.n for result in drawn]
    if max(counts) < 2:
        heading = heading.plus(f"{words.seeds_each(counts)}, so no interval")
    else:
        heading = heading.plus(f"dot: a seed; line and bar: mean and {INTERVAL}", words.seeds_each(counts))
    ends = [end for r in drawn for end in (*r.summary.values, r.summary.low, r.summary.high)]
    scale: Scale = "log" if on.needs_log(metric, [end for r in drawn for end in r.summary.values]) else "linear"
    up = label_of(metric, words.tested(comparison.runs)) + (", log scale" if scale == "log" else "")
    across = label_of(key) + SCALES[scale_of(numbers)].format(on.quantity(key)[0])
    means = [np.array([(x, r.summary.mean) for x, r in of if r.values]).reshape(-1, 2) for of in points.values()]
    colors = [{look_of[result.name].color for _, result in of} for of in points.values()]
    shades = [of.pop() if len(of) == 1 else QUIET for of in map(set, colors)]

    def set_axes(axes: Axes) -> bool:
        some = set_scale(axes, "y", ends, scale, percent=words.is_accuracy(metric))
        if some:
            set_scale(axes, "x", numbers, scale_of(numbers), ticks=sorted(set(numbers)))
            set_scale(axes, "x", numbers, scale_of(numbers), ticks=_with_room(axes, sorted(set(numbers))))
        return some

    def draw(axes: Axes, place: int, to: Transform, shift: float = 0.0) -> None:
        of, shade = list(points.values())[place], shades[place]
        own = len(colors[place]) == len(of)  # colours that come round again tell nothing apart
        axes.plot(*means[place].T, color=shade, linewidth=1.6, label=list(points)[place], clip_on=False,
                  transform=to + _to_the_side(axes, shift))  # fmt: skip
        most = max(result.summary.n for _, result in of)
        for x, result in of:
            look = look_of[result.name]
            _draw_point(axes, x, result, look if own else Look(shade, "-", look.number), most, to, shift)

    if len(points) > MOST_TOGETHER:
        heading = Heading(heading.title, heading.note, (up, across, *heading.meaning, "grey: all others"))
        figure, cells = on.small_multiples(heading, dict.fromkeys(points, ""), [Look(shade) for shade in shades], 1.13)
        (axes,) = cells.stack
        if set_axes(axes):
            cells.draw_in_all(axes, means, axes.transData, FAINT, 0.7, 1)
            for place in range(len(points)):
                draw(axes, place, cells.moved(place, axes.transData))
        cells.finish(label_of(key))
        return figure
    names = style.apart(list(points), NAME_INCHES)
    figure, (axes,) = page(heading, (5.6 + on.room_for(names), 3.55), right=on.room_for(names))
    axes.grid(True, axis="y")
    on.name_value_axis(axes, up)
    if set_axes(axes):
        axes.set_xlabel(across)
        gap = float(np.diff(on.inches_across(axes, sorted(set(numbers)))).min(initial=1.0)) * 72
        side = min(SIDE_POINTS, 0.6 * gap / len(points))  # less where the numbers stand close together
        for place in range(len(points)):
            draw(axes, place, axes.transData, side * (place - (len(points) - 1) / 2))
        named = [of for of in zip(means, names, shades, strict=True) if of[1] and len(of[0])]
        on.label_line_ends(
            axes, [LineEnd(float(of[-1, 0]), float(of[-1, 1]), name, Look(shade)) for of, name, shade in named]
        )
    return figure


def _with_room(axes: Axes, numbers: Sequence[float]) -> list[float]:
    """The numbers that can be named without touching: from the left as many as fit, and always the last."""
    places, chosen = on.inches_across(axes, numbers), [0]
    halves = [style.text_width(on.tick_text(number)) / 2 + 0.05 for number in numbers]
    for index in range(1, len(numbers)):
        if places[index] - halves[index] >= places[chosen[-1]] + halves[chosen[-1]]:
            chosen.append(index)
    return [numbers[index] for index in (chosen if len(chosen) == 1 else [*chosen[:-1], len(numbers) - 1])]


def _to_the_side(axes: Axes, points: float) -> Transform:
    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure(root=True)
    assert figure is not None
    return ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)


def _draw_point(
    axes: Axes, x: float, result: ConditionResult, look: Look, most: int, to: Transform, shift: float
) -> None:
    """The seeds, the interval and the mean; n where it is less than the `most` of the line, or a seed was lost."""
    estimate, place = result.summary, to + _to_the_side(axes, shift)
    drawn = {"color": look.color, "gid": look.gid, "clip_on": False}
    if estimate.n > 1:
        beside = to + _to_the_side(axes, shift - SEEDS_BESIDE)
        axes.plot([x] * estimate.n, estimate.values, "o", markersize=3.4, markeredgewidth=0, alpha=0.45,
                  transform=beside, label=f"{result.name} seeds", **drawn)  # fmt: skip
        axes.plot([x] * 2, [estimate.low, estimate.high], linewidth=1.5, solid_capstyle="butt",
                  transform=place, label=f"{result.name} interval", **drawn)  # fmt: skip
    axes.plot([x], [estimate.mean], "o", markersize=6, markeredgecolor="white", markeredgewidth=0.9,
              transform=place, label=f"{result.name} mean", **drawn)  # fmt: skip
    if result.lacking or estimate.n < most:
        ends, floor = [end for end in (*estimate.values, estimate.low) if np.isfinite(end)], axes.get_ylim()[0]
        ground = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
        axes.annotate(count(result.values, result.lacking), (x, max(min(ends, default=floor), floor)),
                      (0, -3 if ends else 3), textcoords="offset points", xycoords=place, ha="center", gid=look.gid,
                      va="top" if ends else "bottom", fontsize=SMALL_POINTS, color=INK, bbox=ground)  # fmt: skip


# --- two numbers -----------------------------------------------------------------------------------------------


@styled
def heat_map(
    comparison: Comparison, keys: tuple[str, str], maps: Mapping[str, Mapping[str, tuple[float, float]]],
    heading: Heading, look_of: Mapping[str, Look],
) -> Figure:  # fmt: skip
    """The mean over the seeds at each pair of two numbers, as a colour and in figures, with n.

    A cell has no interval: it says where to look, and is not there to tell two cells apart.

    Args:
        comparison: of which the judged metric is drawn.
        keys: what the numbers across and up are, such as ("learning_rate", "batch_size").
        maps: what conditions share (it may be empty) to condition to its two numbers; all on the same scales.
        heading: what stands over it; what cells are is added.
        look_of: condition to its look, of which a cell has the number in an SVG.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize, to_rgb
    from matplotlib.patches import Rectangle

    metric, shown = comparison.metric, list(maps)[:MOST_MAPS]
    cells = [{place: comparison[condition] for condition, place in maps[name].items()} for name in shown]
    results = [result for of in cells for result in of.values()]
    across, up = (sorted({place[axis] for of in cells for place in of}) for axis in (0, 1))
    small = max(len(across), len(up)) > MOST_NAMED  # too small for words
    means = [result.summary.mean for result in results if result.values]
    log = on.needs_log(metric, means)
    counts = [result.summary.n for result in results]
    n = f"{min(counts)} to {max(counts)}" if len(set(counts)) > 1 else f"{counts[0]}"
    heading = Heading(heading.title, heading.note, (
        label_of(metric, words.tested(comparison.runs)) + (", log scale" if log else ""), *heading.meaning,
        f"colour: mean over n = {n} seed{'s' * (n != '1')}" if small else "cell: mean over n seeds",
        "hatched: seeds without a value" if small and any(result.lacking for result in results) else "",
        "blank: not run" if small and len(results) < len(shown) * len(across) * len(up) else "",
        f"the first {MOST_MAPS} of {len(maps)} maps" if len(maps) > MOST_MAPS else "",
    ))  # fmt: skip

    cell_inches, named = SMALL_CELL_INCHES if small else CELL_INCHES, any(shown)
    width, height = cell_inches[0] * len(across), cell_inches[1] * len(up)
    left, right = 0.3 + max(style.text_width(f"{number:g}") for number in up), 1.1
    columns = max(1, min(len(shown), int((PAGE_INCHES - left - right + GAP[0]) / (width + GAP[0]))))
    rows, whole = ceil(len(shown) / columns), left + columns * (width + GAP[0]) - GAP[0] + right
    spare, over = max(0.0, LEAST_INCHES - whole), 0.62 if named else 0.36
    size = whole + spare, over + 0.66 + rows * (height + GAP[1]) - GAP[1]
    figure, grid = page(heading, size, rows=rows, columns=columns, left=left, right=right + spare, gap=GAP, over=over)
    low, high = (min(means), max(means)) if means else (0.0, 0.0)
    write = words.Numbers(metric, [low, high])
    colors: Any = ScalarMappable((LogNorm if log else Normalize)(low, high), colormaps["viridis"])
    every = ceil((max(style.text_width(f"{number:g}") for number in across) + 0.1) * len(across) / width)
    titles = style.apart(shown, width, on.PANEL_POINTS, 2)
    for index, axes in enumerate(grid):
        if index >= len(shown):
            axes.remove()
            continue
        axes.set(xlim=(-0.5, len(across) - 0.5), ylim=(-0.5, len(up) - 0.5))
        axes.spines[:].set_visible(False)
        axes.set_xticks(range(len(across)), labels=[f"{x:g}" if i % every == 0 else "" for i, x in enumerate(across)])
        axes.set_yticks(range(len(up)), labels=[f"{number:g}" for number in up])
        at_bottom = index + columns >= len(shown)
        axes.tick_params(length=0, labelleft=index % columns == 0, labelbottom=at_bottom)
        axes.set_xlabel(label_of(keys[0]) if at_bottom else "")
        axes.set_title(titles[index], loc="left", fontsize=on.PANEL_POINTS, color=INK, pad=4, linespacing=1.1, y=1.0)
        for (x, y), result in cells[index].items():
            summary, gid = result.summary, look_of[result.name].gid
            color, i, j = to_rgb(colors.to_rgba(summary.mean) if summary.n else EMPTY), across.index(x), up.index(y)
            axes.add_patch(Rectangle((i - 0.5, j - 0.5), 1, 1, facecolor=color, edgecolor="white", linewidth=1.5,
                                     hatch="///" if small and result.lacking else None, gid=gid))  # fmt: skip
            if small:
                continue
            ink = ON_LIGHT if np.dot(color, (0.299, 0.587, 0.114)) > 0.5 else ON_DARK
            text: Any = {"ha": "center", "va": "center", "color": ink, "gid": gid}
            ends = Counter(lack.status for lack in result.lacking.values())
            shown_as = write(summary.mean) if summary.n else ends.most_common(1)[0][0] if ends else ""
            axes.text(i, j - 0.22, count(result.values, result.lacking), fontsize=SMALL_POINTS, **text)
            axes.text(i, j + 0.15, shown_as, fontsize=on.PANEL_POINTS if summary.n else SMALL_POINTS, **text)
        missing = {(i, j) for i in range(len(across)) for j in range(len(up))}
        missing -= {(across.index(x), up.index(y)) for x, y in cells[index]}
        for i, j in () if small else sorted(missing):
            axes.text(i, j, "not run", fontsize=SMALL_POINTS, color=QUIET, ha="center", va="center")
    on.name_value_axis(grid[0], label_of(keys[1]))
    grid[0].yaxis.set_label_coords((EDGE - left) / width, 1 + (0.38 if named else 0.07) / height)
    if low < high:
        inches, top = figure.get_size_inches(), grid[0].get_position().y1
        long = min(rows * (height + GAP[1]) - GAP[1], 3.0) / inches[1]
        place = (whole - right + 0.25) / inches[0], top - long, BAR_INCHES / inches[0], long
        _color_bar(figure, colors, place, metric)
    return figure


def _color_bar(figure: Figure, colors: Any, place: tuple[float, float, float, float], metric: str) -> None:
    """What the colours mean: `place` is left, bottom, width and height in parts of the figure."""
    from matplotlib.ticker import FuncFormatter

    factor = 100 if words.is_accuracy(metric) else 1
    form = FuncFormatter(lambda tick, _: f"{factor * tick:.10g}")
    bar: Any = figure.colorbar(colors, cax=figure.add_axes(place), format=form)
    bar.outline.set_visible(False)
    bar.solids.set_rasterized(True)
    bar.ax.minorticks_off()


# --- one number and the seeds ------------------------------------------------------------------------------------


@styled
def seeds_map(comparison: Comparison, key: str, numbers: Mapping[str, float], heading: Heading) -> Figure:
    """Every seed at every value of a number as a colour, sorted within each column; above, mean and t interval.

    The height of a colour in a column is the share of the seeds that have at most this value. Columns have one width,
    whatever the numbers are. A column with fewer seeds than others ends lower.

    Args:
        comparison: of which the judged metric is drawn.
        key: what the number across is, such as "learning_rate".
        numbers: condition to its number; no two the same.
        heading: what stands over it; what dots, bars and colours are is added.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    metric = comparison.metric
    columns = [(x, comparison[name].summary) for name, x in sorted(numbers.items(), key=lambda item: item[1])]
    places, most = range(len(columns)), max(summary.n for _, summary in columns)
    table = np.full((most, len(columns)), np.nan)
    for place, (_, summary) in enumerate(columns):
        table[: summary.n, place] = sorted(summary.values)
    log = on.needs_log(metric, table[np.isfinite(table)])
    low, high = float(np.nanmin(table)), float(np.nanmax(table))
    named = label_of(metric, words.tested(comparison.runs)) + (", log scale" if log else "")
    counts = {summary.n for _, summary in columns}
    n = f"n = {min(counts)} to {most} seeds" if len(counts) > 1 else f"n = {most} seeds each"
    heading = heading.plus(
        f"above: mean and {INTERVAL}; below: a cell a seed, sorted at each {label_of(key)}; colour: {named}", n
    )
    left, right = style.LEFT, 1.1
    width = max(MAP_INCHES[0], len(columns) * 0.2)
    figure, (upper, lower) = page(heading, (left + width + right, MAP_INCHES[1]), left=left, right=right, rows=2,
                                  over=0.36, gap=(0, 0.16))  # fmt: skip
    ends = [end for _, summary in columns for end in (summary.mean, summary.low, summary.high)]
    upper.grid(True, axis="y")
    scale: Scale = "log" if log else "linear"
    set_scale(upper, "y", ends, scale, percent=words.is_accuracy(metric))
    on.name_value_axis(upper, named)
    means = [summary.mean for _, summary in columns]
    upper.plot(places, means, "o-", color=INK, linewidth=1.4, markersize=4.5, label="mean", clip_on=False)
    upper.vlines(places, [of.low for _, of in columns], [of.high for _, of in columns], colors=INK, linewidth=1.6)
    colors: Any = ScalarMappable((LogNorm if log else Normalize)(low, high), colormaps["viridis"])
    lower.pcolormesh(np.ma.masked_invalid(table), norm=colors.norm, cmap=colors.cmap, rasterized=True)
    lower.set(xlabel=label_of(key), ylabel="seeds, sorted", ylim=(0, most))
    every = ceil((max(style.text_width(f"{x:.3g}") for x, _ in columns) + 0.1) * len(columns) / width)
    texts = [f"{x:.3g}" if place % every == 0 else "" for place, (x, _) in enumerate(columns)]
    lower.set_xticks(np.arange(len(columns)) + 0.5, labels=texts)
    upper.set(xlim=(-0.5, len(columns) - 0.5), xticks=[])
    for axes in (upper, lower):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    if low < high:
        inches, box = figure.get_size_inches(), lower.get_position()
        _color_bar(figure, colors, (box.x1 + 0.2 / inches[0], box.y0, BAR_INCHES / inches[0], box.height), metric)
    return figure
