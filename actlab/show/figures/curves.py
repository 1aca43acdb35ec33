"""Lines over the epochs: the curves of a run, of conditions over their seeds, and of layers.

Everything here is a figure of panels over each other that share the epochs, each with lines: `_stack` names the lines
at their ends, `_multiples` gives each a cell of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from actlab.show import words
from actlab.show.figures.axes import (
    Floats,
    LineEnd,
    Scale,
    finite,
    label_line_ends,
    label_of,
    name_value_axis,
    needs_log,
    quantity,
    room_for,
    set_scale,
    set_time_axis,
    small_multiples,
    time_column,
)  # fmt: skip
from actlab.show.figures.style import FAINT, PALETTE, Heading, Look, fitted, layer_colors, looks, page, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION = Look(PALETTE[1], (0, (4, 1.5))), Look(PALETTE[0])
COUNTS = {
    "dead_units": Look(PALETTE[6]),
    "inactive_units": Look(PALETTE[7], "--"),
    "unmoved_units": Look(PALETTE[3], (0, (1.2, 1.4))),
    "revived_units": Look(PALETTE[2], "-."),
}
DEAD = "dead: slope 0 on every evaluated sample"
UNMOVED = "unmoved: no incoming weight changed since the last evaluation, output units counted too"
MOST_TOGETHER = len(PALETTE)  # conditions that share one pair of axes
MOST_CELLS = 60
NAME_INCHES, LAYER_NAME_INCHES = 2.2, 1.6
BANDS_UP_TO, THIN_FROM = 8, 17  # layers whose extremes can be told apart; from which on lines are thin
NAMED_UP_TO, NAMED_IN_PANELS = 12, 5  # layers that are named at the ends of their lines
LOGARITHMIC = ("gradient_norm_mean", "gradient_norm_max", "update_norm")
FROM_ZERO = ("saturated_fraction", "activation_zeros", "weight_norm")
MEASURES = ("saturated_fraction", "weight_norm", "update_norm")


@dataclass(frozen=True)
class Line:
    """A condition over its seeds, a measure of one run, or a layer.

    Args:
        name: at the end of the line; empty for none.
        look: how it is drawn.
        points: indexed by epoch or step: `mean`; and, where they are known, `low` and `high`, the edges of a band (of
            `high` alone, a thin line), and `count`, of how many seeds.
        seeds: how many were started.
    """

    name: str
    look: Look
    points: pd.DataFrame
    seeds: int = 1

    @property
    def end(self) -> tuple[float, float] | None:
        """The last point that has a value: when, and which."""
        known = self.points["mean"].dropna()
        return (float(known.index[-1]), float(known.iloc[-1])) if len(known) else None

    @property
    def left(self) -> int:
        """Seeds that have a value where a condition ends."""
        return int(self.points["count"].iloc[-1]) if len(self.points) else 0


@dataclass(frozen=True)
class Panel:
    """Axes over the epochs: the lines, the column that they are of, and what the vertical axis is called."""

    column: str
    lines: list[Line]
    label: str = ""


# --- one run ---------------------------------------------------------------------------------------------------


@styled
def history_figure(history: pd.DataFrame, metric: str, title: str, note: str = "") -> Figure:
    """Training and validation curve of one run; a ring marks the best validation, of which the heading has the value.

    Args:
        history: a row an evaluation, with columns `epoch` (or `step`), `metric`, and `val_` + `metric` where the run
            validated. Rows that are not finite leave a gap, and the figure says how many they are.
        metric: "accuracy" or "loss".
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.
    """
    time, validation = time_column(history), f"val_{metric}"
    lines = _of_columns(history, {metric: ("training", TRAINING), validation: ("validation", VALIDATION)})
    table = history[[column for column in (metric, validation) if column in history]].apply(finite)
    meaning, best = ["n = 1 run"], None
    if validation in table and table[validation].notna().any():
        values = table[validation].to_numpy()
        row = np.nanargmin(values) if metric == "loss" else np.nanargmax(values)
        best = float(history[time].iloc[row]), float(values[row])
        value = words.number(best[1], metric)
        meaning.append(f"ring: best validation {metric}, {value} at {time} {best[0]:g}")
    if broken := int(table.isna().any(axis=1).sum()):
        meaning.append(f"not finite: {broken} of {len(table)} rows")
    name, unit = quantity(metric)
    panel = Panel(metric, lines, f"{name.removeprefix('training ')} ({unit})")
    figure = _stack([panel], time, Heading(title, note, tuple(meaning)))
    if best is not None:
        figure.axes[0].plot(*best, "o", markersize=8, markerfacecolor="white", markeredgecolor=VALIDATION.color,
                            markeredgewidth=2, zorder=4, label="best")  # fmt: skip
    return figure


def _of_columns(history: pd.DataFrame, columns: Mapping[str, tuple[str, Look]]) -> list[Line]:
    """A line for each column that a run's history has."""
    times = finite(history[time_column(history)])
    return [
        Line(name, look, pd.DataFrame({"mean": finite(history[column])}).set_index(times).loc[times.notna().to_numpy()])
        for column, (name, look) in columns.items()
        if column in history
    ]


# --- conditions ------------------------------------------------------------------------------------------------


@styled
def curves_figure(
    curves: pd.DataFrame, columns: Sequence[str], heading: Heading, look_of: Mapping[str, Look] | None = None,
    labels: Sequence[str] = (),
) -> Figure:  # fmt: skip
    """Mean over the seeds of each condition, with a band from the smallest to the largest seed; a panel a column.

    Up to eight conditions share one pair of axes and are named at the ends of their lines; more get a cell each, with
    all the others in grey behind, up to MOST_CELLS; the figure says of how many. Where a seed has ended early or is not
    finite, the mean goes on without it, dotted, and the name says how many are left.

    Args:
        curves: `condition`, `seed`, `epoch` (or `step`) and the columns; a row an evaluation. A seed counts towards n
            if it has a row, finite or not.
        columns: what is drawn, from the top down.
        heading: what stands over it; what lines and bands are is added.
        look_of: condition to its look; by default in order of first appearance.
        labels: what the vertical axes are called.
    """
    time = time_column(curves)
    chosen = look_of or looks(curves["condition"])
    panels = [
        Panel(column, _over_seeds(curves, column, time, chosen), label)
        for column, label in zip(columns, labels or [label_of(column) for column in columns], strict=True)
    ]
    lines = panels[0].lines
    names = [fitted(line.name, NAME_INCHES) + tail for line, tail in zip(lines, _tails(lines, time), strict=True)]
    heading = heading.plus(*_seeds_meaning(lines))
    if len(lines) > MOST_TOGETHER:
        return _multiples(panels, names, time, heading)
    return _stack(panels, time, heading, [names] * len(panels))


@styled
def dead_units_figure(
    curves: pd.DataFrame, title: str, note: str = "", units: int | None = None, metric: str = "val_accuracy",
    look_of: Mapping[str, Look] | None = None,
) -> Figure:  # fmt: skip
    """Accuracy in the upper panel, dead units in the lower one, over the same epochs.

    Args:
        curves: as `curves_figure` takes it, with `metric` and `dead_units`; or the history of one run, of which
            training and validation accuracy stand over each count of units that it has.
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.
        units: how many units there are to die, if it is the same number everywhere.
        metric: the accuracy to draw, of conditions.
        look_of: condition to its look; by default in order of first appearance.
    """
    of = f" (of {units})" if units else ""
    if "condition" in curves:
        labels = [label_of(metric), f"dead units{of}"]
        return curves_figure(curves, [metric, "dead_units"], Heading(title, note, (DEAD,)), look_of, labels)
    upper = _of_columns(curves, {"val_accuracy": ("validation", VALIDATION), "accuracy": ("training", TRAINING)})
    lower = _of_columns(curves, {column: (column.removesuffix("_units"), look) for column, look in COUNTS.items()})
    names = [line.name for line in lower]
    meaning = ["n = 1 run", *([DEAD] if "dead" in names else []), *([UNMOVED] if "unmoved" in names else [])]
    panels = [
        Panel("accuracy", upper, "accuracy (% correct)"),
        Panel("dead_units", lower, f"{', '.join(names)} units{of}"),
    ]
    named = [[line.name for line in upper], names if len(names) > 1 else [""] * len(names)]
    return _stack(panels, time_column(curves), Heading(title, note, tuple(meaning)), named)


def _over_seeds(curves: pd.DataFrame, column: str, time: str, look_of: Mapping[str, Look]) -> list[Line]:
    """A line a condition, in order of first appearance."""
    seeds = curves.groupby("condition", sort=False)["seed"].nunique()
    known = pd.DataFrame({"condition": curves["condition"], time: finite(curves[time]), "y": finite(curves[column])})
    points = known.dropna().groupby(["condition", time])["y"].agg(["mean", "min", "max", "count"])
    points = points.rename(columns={"min": "low", "max": "high"})
    drawn = {str(name): part.droplevel("condition") for name, part in points.groupby(level="condition")}
    names = list(map(str, seeds.index))
    return [
        Line(name, look_of[name], drawn.get(name, points.iloc[:0]), n) for name, n in zip(names, seeds, strict=True)
    ]


def _tails(lines: Sequence[Line], time: str) -> list[str]:
    """What is said behind a name because it is not the same for all: n, and where a condition ended early."""
    same = len({line.seeds for line in lines}) == 1
    ends = [line.points.index[-1] if len(line.points) else None for line in lines]
    latest = max((end for end in ends if end is not None), default=0)
    tails = []
    for line, end in zip(lines, ends, strict=True):
        lost = (
            f"  n = {line.left} of {line.seeds}"
            if 0 < line.left < line.seeds
            else ""
            if same
            else f"  n = {line.seeds}"
        )
        tails.append(lost + (", no finite value" if end is None else f", to {time} {end:g}" if end < latest else ""))
    return tails


def _seeds_meaning(lines: Sequence[Line]) -> list[str]:
    """What lines and bands are, and n."""
    if not lines:
        return ["n = 0: nothing to draw"]
    started = {line.seeds for line in lines}
    if started == {1}:
        return ["n = 1 seed each, so no band"]
    low, high = min(started), max(started)
    n = f"n = {low} seeds each" if low == high else f"n = {low} to {high} seeds"
    n += ", at the end fewer where it is said" if any(0 < line.left < line.seeds for line in lines) else ""
    dotted = ["dotted: not all seeds"] if any((line.points["count"] < line.seeds).any() for line in lines) else []
    return ["line: mean over seeds; band: smallest to largest seed", n, *dotted]


# --- layers ----------------------------------------------------------------------------------------------------


@styled
def gradient_norms_figure(layers: pd.DataFrame, title: str, note: str = "") -> Figure:
    """L2 norm of the gradient of each layer's weights over the steps: the mean, and thin, the largest.

    The scale is logarithmic; where a norm is 0, it goes on linearly from the lowest power of ten down to 0.

    Args:
        layers: a row an evaluation and layer: `step`, `layer`, `gradient_norm_mean`, `gradient_norm_max`.
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.
    """
    lines = _by_layer(layers, "step", "gradient_norm_mean")
    meaning = "line: mean over the steps since the last evaluation" + ("; thin: largest" if _banded(lines) else "")
    return _layers_figure([Panel("gradient_norm_mean", lines)], "step", title, note, meaning)


@styled
def layer_measures_figure(layers: pd.DataFrame, columns: Sequence[str], title: str, note: str = "") -> Figure:
    """Measures of each layer over time, a panel each; a mean has a band where its smallest and largest value are known.

    Args:
        layers: a row an evaluation and layer: `epoch` (or `step`), `layer`, and the columns. A layer without a value
            in one of them (a measure that does not apply to it) is left out there.
        columns: such as "saturated_fraction", "weight_norm", "update_norm", "negative_slope_mean".
        title: drawn as it is.
        note: what nobody may overlook; drawn under the title.
    """
    time = time_column(layers)
    panels = [Panel(column, _by_layer(layers, time, column)) for column in columns]
    banded = any("low" in line.points for panel in panels if _banded(panel.lines) for line in panel.lines)
    return _layers_figure(panels, time, title, note, "band: smallest to largest" if banded else "")


def layer_columns(layers: pd.DataFrame) -> list[str]:
    """The columns without a figure of their own: a count where layers share it, saturation, norms, what is learned."""
    counts = [column for column in COUNTS if column in layers][:1]
    shared = [column for column in counts if layers.dropna(subset=[column])["layer"].nunique() > 1]
    stems = [str(column).removesuffix("_mean") for column in layers if str(column).endswith("_mean")]
    learned = [f"{s}_mean" for s in stems if s != "activation" and {f"{s}_min", f"{s}_max"} <= set(layers)]
    return [*shared, *(column for column in MEASURES if column in layers), *learned]


def _by_layer(layers: pd.DataFrame, time: str, column: str) -> list[Line]:
    """The layers that have a value, in the order of the network, from dark to light; of one colour in all panels."""
    stem = column.removesuffix("_mean")
    edges = {"low": f"{stem}_min", "high": f"{stem}_max"} if stem != column else {}
    columns = {"mean": column, **{edge: source for edge, source in edges.items() if source in layers}}
    order = list(dict.fromkeys(layers["layer"]))
    colors = dict(zip(order, layer_colors(len(order)), strict=True))
    lines = []
    for name, part in layers.groupby("layer", sort=False):
        if part[column].notna().any():
            points = pd.DataFrame({key: finite(part[source]) for key, source in columns.items()})
            lines.append(Line(str(name), Look(colors[name]), points.set_index(finite(part[time]))))
    return lines


def _banded(lines: Sequence[Line]) -> bool:
    """Whether smallest and largest values can be told apart from the lines of other layers."""
    return len(lines) <= BANDS_UP_TO


def _layers_figure(panels: Sequence[Panel], time: str, title: str, note: str, meaning: str) -> Figure:
    most = NAMED_UP_TO if len(panels) == 1 else NAMED_IN_PANELS
    count = max((len(panel.lines) for panel in panels), default=0)
    heading = Heading(title, note, ("n = 1 run", meaning))
    if count > 1:
        some = f", {most} of them named" if count > most else ""
        heading = heading.plus(f"{count} layers, dark (first) to light (last){some}")
    values = [line.points["mean"] for panel in panels for line in panel.lines]
    if missing := sum(int(points.isna().sum()) for points in values):
        heading = heading.plus(f"no finite value: {missing} of {sum(map(len, values))} points")
    names = []
    for panel in panels:
        named = evenly(len(panel.lines), most)
        names.append([fitted(line.name, LAYER_NAME_INCHES) if i in named else "" for i, line in enumerate(panel.lines)])
    return _stack(panels, time, heading, names)


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the places 0 to count - 1, evenly spread, the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))}) if count else []


# --- drawing ---------------------------------------------------------------------------------------------------


def _stack(
    panels: Sequence[Panel], time: str, heading: Heading, names: Sequence[Sequence[str]] | None = None
) -> Figure:
    """Panels over each other, with the names of lines at their ends."""
    texts = names or [[line.name for line in panel.lines] for panel in panels]
    right = room_for([text for some in texts for text in some])
    height = {1: 3.55, 2: 4.85}.get(len(panels), 0.75 + 1.85 * len(panels))
    figure, grid = page(heading, (5.6 + right, height), right=right, rows=len(panels))
    span = _span(panels)
    for axes, panel, some in zip(grid, panels, texts, strict=True):
        values, scale = _values(panel)
        axes.grid(True, axis="y")
        name_value_axis(axes, (panel.label or label_of(panel.column)) + ("" if scale == "linear" else ", log scale"))
        if not _set_value_scale(axes, panel.column, values, scale):
            axes.set_xlabel(label_of(time) if axes is grid[-1] else "")
            continue
        for line in panel.lines:
            _draw(axes, line, bands=_banded(panel.lines), thin=len(panel.lines) >= THIN_FROM)
        set_time_axis(axes, time, *span)
        if axes is not grid[-1]:
            axes.set_xlabel("")
            axes.tick_params(labelbottom=False)
        named = [(line.end, text, line.look) for line, text in zip(panel.lines, some, strict=True) if text and line.end]
        label_line_ends(axes, [LineEnd(*end, text, look) for end, text, look in named])
    return figure


def _multiples(panels: Sequence[Panel], names: Sequence[str], time: str, heading: Heading) -> Figure:
    """A cell for each line, of the panels over each other, with all the other lines in grey behind."""
    labels = [panel.label or label_of(panel.column) for panel in panels]
    said = [f"upper: {labels[0]}", f"lower: {labels[1]}"] if len(panels) == 2 else labels
    part = [f"the first {MOST_CELLS} of {len(names)} conditions"] if len(names) > MOST_CELLS else []
    heading = Heading(heading.title, heading.note, (*said, *heading.meaning, *part, "grey: all others"))
    chosen = [line.look for line in panels[0].lines[:MOST_CELLS]]
    figure, cells = small_multiples(
        heading, names[:MOST_CELLS], chosen, 1.13 if len(panels) == 1 else 0.97, len(panels)
    )
    for axes, panel in zip(cells.stack, panels, strict=True):
        some = _set_value_scale(axes, panel.column, *_values(panel))
        set_time_axis(axes, time, *_span(panels))
        if some:
            means = [line.points["mean"].dropna() for line in panel.lines]
            others = [np.column_stack([mean.index, mean]) for mean in means]
            cells.draw_in_all(axes, others, axes.transData, FAINT, 0.7, 1)
            for cell, line in enumerate(panel.lines[:MOST_CELLS]):
                solid = Line(line.name, Look(line.look.color, "-", line.look.number), line.points, line.seeds)
                _draw(axes, solid, transform=cells.moved(cell, axes.transData), clip_on=False)
    cells.finish(label_of(time))
    return figure


def _span(panels: Iterable[Panel]) -> tuple[float, float]:
    """The first and the last epoch of all lines."""
    times = [float(end) for p in panels for line in p.lines if len(line.points) for end in line.points.index[[0, -1]]]
    return min(times, default=0.0), max(times, default=0.0)


def _values(panel: Panel) -> tuple[Floats, Scale]:
    """All that must have room on a panel, and the scale that its column wants."""
    tables = [line.points[[key for key in ("mean", "low", "high") if key in line.points]] for line in panel.lines]
    values = np.concatenate([np.empty(0), *(table.to_numpy(float).ravel() for table in tables)])
    values = values[np.isfinite(values)]
    if needs_log(panel.column, values):
        return values, "log"
    if panel.column in LOGARITHMIC and (values > 0).any():
        return values, "symlog" if (values == 0).any() else "log"
    from_zero = panel.column.endswith("_units") or panel.column in (*FROM_ZERO, *LOGARITHMIC)
    return np.append(values, 0.0) if from_zero and values.size else values, "linear"


def _set_value_scale(axes: Axes, column: str, values: Floats, scale: Scale) -> bool:
    counts = column.endswith("_units")
    return set_scale(axes, "y", values, scale, percent=words.is_accuracy(column), whole=counts, margin=0.08)


def _draw(axes: Axes, line: Line, bands: bool = True, thin: bool = False, **how: Any) -> None:
    """Mean and band; dotted where not every seed has a value; a marker for a single point."""
    points, how = line.points, {"color": line.look.color, "gid": line.look.gid, **how}
    whole = points if "count" not in points else points[points["count"] == line.seeds]
    marker = "o" if points["mean"].notna().sum() == 1 else ""
    if bands and "low" in points and (line.seeds > 1 or "count" not in points):
        axes.fill_between(whole.index, whole["low"], whole["high"], alpha=0.16, linewidth=0, **how)
    width = 0.9 if thin else 2.0 if bands else 1.4
    axes.plot(
        whole.index,
        whole["mean"],
        linestyle=line.look.linestyle,
        linewidth=width,
        marker=marker,
        label=line.name,
        **how,
    )
    if bands and "high" in points and "low" not in points:
        thin_marker, label = "_" if marker else "", f"{line.name} largest"
        axes.plot(points.index, points["high"], linewidth=0.8, alpha=0.6, marker=thin_marker, label=label, **how)
    partial = points.loc[whole.index.max() if len(whole) else points.index.min() :]
    if "count" in points and (partial["count"] < line.seeds).any():
        axes.plot(partial.index, partial["mean"], linestyle=":", linewidth=1.6, marker=marker, **how)
