"""Lines over the epochs: the curves of a run, of conditions over their seeds, and of layers.

Everything here is a figure of panels over each other that share the epochs, each with lines: `_stack` names the lines
at their ends, `_multiples` gives each a cell of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from actlab.show import words
from actlab.show.figures import axes as on
from actlab.show.figures.axes import Floats, Scale, finite, label_of, quantity, time_column
from actlab.show.figures.style import (
    FAINT,
    GRID,
    PALETTE,
    Heading,
    Look,
    apart,
    fitted,
    layer_colors,
    literal,
    looks,
    page,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION, RUNNING = Look(PALETTE[1], (0, (4, 1.5))), Look(PALETTE[0]), Look(PALETTE[7], (0, (1.2, 1.4)))
COUNTS = {
    "dead_units": Look(PALETTE[6]),
    "inactive_units": Look(PALETTE[7], "--"),
    "unmoved_units": Look(PALETTE[3], (0, (1.2, 1.4))),
    "revived_units": Look(PALETTE[2], "-."),
}
DEAD = "dead: slope 0 on every evaluated sample"
UNMOVED = "unmoved: no incoming weight changed since the last evaluation, output units counted too"
MOST_TOGETHER, MOST_CELLS = len(PALETTE), 60  # conditions that share one pair of axes; that have cells of their own
SIDE = 0.2  # of an epoch, between the points of conditions that were evaluated once
MANY = 25  # conditions behind others, from which on they are areas: so many lines are a thicket
PART = [0.0, 0.25, 0.75, 1.0]  # of the conditions that lie below the edges of the two areas
AROUND = "grey: all conditions, and darker the half of them in the middle"
NAME_INCHES, LAYER_NAME_INCHES = 2.2, 1.6
BANDS_UP_TO, THIN_FROM = 8, 17  # lines whose bands can be told apart; from which on they are thin
NAMED_UP_TO, NAMED_IN_PANELS = 12, 5  # layers that are named at the ends of their lines
MEASURES = ("saturated_fraction", "weight_norm", "update_norm")  # by layer, without a figure of their own
FROM_ZERO = ("saturated_fraction", "activation_zeros", "weight_norm")
LOGARITHMIC = ("gradient_norm_mean", "gradient_norm_max", "update_norm")


@dataclass(frozen=True)
class Line:
    """A condition over its seeds, a measure of one run, or a layer.

    Args:
        name: of what it is; what stands at its end too, unless there is a label.
        look: how it is drawn.
        points: indexed by epoch or step: `mean`; where they are known, `low` and `high`, the edges of a band (of `high`
            alone, a thin line), and `count`, of how many seeds.
        seeds: how many were started.
        label: what stands at its end; empty for nothing, None for what it is called.
        beside: what stands behind that: of how many seeds it is, or where it ends.
        lost: the values of each seed that was lost on the way, as far as it came.
    """

    name: str
    look: Look
    points: pd.DataFrame
    seeds: int = 1
    label: str | None = None
    beside: str = ""
    lost: tuple[pd.Series[float], ...] = ()

    @property
    def called(self) -> str:
        return literal(self.look.label or self.name)

    @cached_property
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
    """Axes over the epochs.

    Args:
        column: that is drawn.
        lines: of it.
        label: what the vertical axis is called.
        beside: what else must have room, so that it has the scale of another.
    """

    column: str
    lines: list[Line]
    label: str
    beside: Floats = field(default_factory=lambda: np.empty(0))

    @cached_property
    def values(self) -> Floats:
        """All that must have room."""
        shown = [line.points[key].to_numpy(float)
                 for line in self.lines for key in ("mean", "low", "high") if key in line.points]  # fmt: skip
        values = np.concatenate([self.beside, *shown])
        values = values[np.isfinite(values)]
        count = self.column.endswith("_units")
        least = [0.0, 1.0] if count else [0.0] if self.column in (*FROM_ZERO, *LOGARITHMIC) else []
        return np.append(values, least) if self.scale == "linear" and values.size else values

    @cached_property
    def scale(self) -> Scale:
        """The vertical scale that the column wants."""
        values = np.concatenate([np.empty(0), *(line.points["mean"] for line in self.lines)])
        if self.column in LOGARITHMIC and (values > 0).any():
            return "symlog" if (values == 0).any() else "log"
        return "log" if on.needs_log(self.column, values) else "linear"

    def set_scale(self, axes: Axes) -> bool:
        """Set the vertical scale; returns whether there is anything to draw."""
        return on.set_scale(axes, "y", self.values, self.scale, percent=words.is_accuracy(self.column),
                            whole=self.column.endswith("_units"), margin=0.08)  # fmt: skip


# --- one run ---------------------------------------------------------------------------------------------------


@styled
def history_figure(
    history: pd.DataFrame, metric: str, heading: Heading, on_test: bool = False, by: str = "val_accuracy"
) -> Figure:
    """Training and validation curve of one run; a ring marks the best evaluation, of which the heading has the value.

    Args:
        history: a row an evaluation, with columns `epoch` (or `step`), `metric`, and `val_` + `metric` where the run
            validated. Rows that are not finite leave a gap, and the figure says how many they are.
        metric: "accuracy" or "loss".
        heading: what stands over it; what the ring is, and n, are added.
        on_test: whether validation was done on the test images.
        by: the metric that says which evaluation is the best, as in run.json: "val_accuracy" or "val_loss".
    """
    time, validation = time_column(history), f"val_{metric}"
    lines = _training_and_validation(history, metric, on_test)
    table = history[[column for column in (metric, validation) if column in history]].apply(finite)
    meaning, best = ["n = 1 run"], None
    if validation in table and by in history and (values := finite(history[by])).notna().any():
        row = int(np.nanargmin(values) if by == "val_loss" else np.nanargmax(values))
        best = float(history[time].iloc[row]), float(table[validation].iloc[row])
        value = words.number(best[1], metric)
        name, here = quantity(by, on_test)[0], f"{time} {best[0]:g}"
        meaning.append(f"ring: best {name}, {value} at {here}" if by == validation else
                       f"ring: best {name}, at {here} ({metric} {value})")  # fmt: skip
    if broken := int(table.isna().any(axis=1).sum()):
        meaning.append(f"not finite: {broken} of {len(table)} rows")
    panel = Panel(metric, lines, f"{metric} ({quantity(metric)[1]})")
    figure = _stack([panel], time, heading.plus(*meaning))
    if best is not None:
        figure.axes[0].plot(*best, "o", markersize=8, markerfacecolor="white", markeredgecolor=VALIDATION.color,
                            markeredgewidth=2, zorder=4, label="best")  # fmt: skip
    return figure


def _training_and_validation(history: pd.DataFrame, metric: str, on_test: bool) -> list[Line]:
    """The lines of one run: as it trained, of a fixed sample at inference where it was measured, and of validation."""
    measured = f"train_eval_{metric}"
    columns = {metric: ("training", TRAINING)}
    if measured in history:
        columns = {metric: ("running mean", RUNNING), measured: ("training", TRAINING)}
    lines = _of_run(history, {**columns, f"val_{metric}": ("test" if on_test else "validation", VALIDATION)})
    mean = {"running mean" if measured in history else "training": "training, running mean"}
    return [replace(line, label=mean.get(line.name)) for line in lines]


def _of_run(history: pd.DataFrame, columns: Mapping[str, tuple[str, Look]]) -> list[Line]:
    """A line for each column that a run's history has."""
    table = history.set_index(finite(history[time_column(history)]))
    table = table[table.index.notna()]
    return [
        Line(name, look, pd.DataFrame({"mean": finite(table[column])}))
        for column, (name, look) in columns.items() if column in table
    ]  # fmt: skip


# --- conditions ------------------------------------------------------------------------------------------------


@styled
def curves_figure(
    curves: pd.DataFrame, columns: Sequence[str], heading: Heading, look_of: Mapping[str, Look] | None = None,
    labels: Sequence[str] = (), time: str = "",
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
        time: the column along the horizontal axis, where that is not the epoch or step.
    """
    time, look_of = time or time_column(curves), look_of or looks(curves["condition"])
    panels = [
        # what the last layer has not (χ), it has lost at no seed
        Panel(
            column,
            _over_seeds(curves.dropna(subset=column) if time == "layer" else curves, column, time, look_of),
            label,
        )
        for column, label in zip(columns, labels or map(label_of, columns), strict=True)
    ]
    alike = [panel.column for panel in panels if panel.column.endswith("accuracy")]
    room = np.concatenate([np.empty(0), *(panel.values for panel in panels if panel.column in alike)])
    panels = [replace(panel, beside=room) if panel.column in alike else panel for panel in panels]
    heading = heading.plus(*_seeds_meaning(panels[0].lines))
    together = len(panels[0].lines) <= MOST_TOGETHER
    return _stack(panels, time, heading) if together else _multiples(panels, time, heading)


@styled
def dead_units_figure(
    curves: pd.DataFrame, heading: Heading, units: int | None = None, look_of: Mapping[str, Look] | None = None,
    on_test: bool = False,
) -> Figure:  # fmt: skip
    """Accuracy in the upper panel, dead units in the lower one, over the same epochs.

    Args:
        curves: as `curves_figure` takes it, with `val_accuracy` and `dead_units`; or the history of one run, of which
            training and validation accuracy stand over each count of units that it has.
        heading: what stands over it; what counts as dead, and n, are added.
        units: how many units there are to die, if it is the same number everywhere.
        look_of: condition to its look; by default in order of first appearance.
        on_test: whether validation was done on the test images.
    """
    of = f" (of {units})" if units else ""
    if "condition" in curves:
        labels = [label_of("val_accuracy", on_test), f"dead units{of}"]
        return curves_figure(curves, ["val_accuracy", "dead_units"], heading.plus(DEAD), look_of, labels)
    upper = _training_and_validation(curves, "accuracy", on_test)
    lower = _of_run(curves, {column: (column.removesuffix("_units"), look) for column, look in COUNTS.items()})
    names = [line.name for line in lower]
    meaning = "n = 1 run", DEAD if "dead" in names else "", UNMOVED if "unmoved" in names else ""
    lower = lower if len(lower) > 1 else [replace(line, label="") for line in lower]
    accuracies = Panel("accuracy", upper, f"accuracy ({quantity('accuracy')[1]})")
    counts = Panel("dead_units", lower, f"{', '.join(names)} units{of}")
    return _stack([accuracies, counts], time_column(curves), heading.plus(*meaning))


def _over_seeds(curves: pd.DataFrame, column: str, time: str, look_of: Mapping[str, Look]) -> list[Line]:
    """A line a condition, in order of first appearance; its label says what is not the same for all."""
    seeds = curves.groupby("condition", sort=False)["seed"].nunique()
    known = pd.DataFrame({"condition": curves["condition"], time: finite(curves[time]), "y": finite(curves[column])})
    points = known.dropna().groupby(["condition", time])["y"].agg(["mean", "min", "max", "count"])
    points = points.rename(columns={"min": "low", "max": "high"})
    flat, ends = points.droplevel("condition"), points.groupby(level="condition").size().cumsum()
    of = {str(name): flat.iloc[begin:end] for name, begin, end in zip(ends.index, [0, *ends], ends, strict=False)}
    ways: dict[str, tuple[pd.Series[float], ...]] = {}
    if "lost" in curves:
        for (name, _), way in known[curves["lost"]].dropna().groupby(["condition", curves["seed"]]):
            ways[str(name)] = (*ways.get(str(name), ()), way.set_index(time)["y"])
    latest = max((part.index[-1] for part in of.values()), default=0)
    lines = []
    for name, n in zip(map(str, seeds.index), seeds, strict=True):
        line = Line(name, look_of[name], of.get(name, points.iloc[:0].droplevel("condition")), int(n))
        beside = f"  n = {line.left} of {n}" if 0 < line.left < n else f"  n = {n}" if seeds.nunique() > 1 else ""
        if line.end is None:
            beside += ", no finite value"
        elif line.end[0] < latest:
            beside += f", to {time} {line.end[0]:g}"
        lines.append(replace(line, beside=beside, lost=ways.get(name, ())))
    return lines


def _seeds_meaning(lines: Sequence[Line]) -> list[str]:
    """What lines and bands are, and n."""
    if not lines:
        return ["n = 0: nothing to draw"]
    lost = [line.called for line in lines if line.end is None]
    nothing = f"not drawn, without a finite value: {words.few(lost)}" if lost else ""
    n = words.seeds_each([line.seeds for line in lines])
    if all(line.seeds == 1 for line in lines):
        return [f"{n}, so no band", nothing]
    n += ", at the end fewer where it is said" if any(0 < line.left < line.seeds for line in lines) else ""
    dotted = "dotted: not all seeds" if any((line.points["count"] < line.seeds).any() for line in lines) else ""
    point = all(len(line.points) <= 1 for line in lines)
    crossed = "×: where a seed was lost" if any(line.lost for line in lines) and not point else ""
    what = "point: mean over seeds; bar: smallest" if point else "line: mean over seeds; band: smallest"
    return [f"{what} to largest seed", n, dotted * (not point), crossed, nothing]


# --- layers ----------------------------------------------------------------------------------------------------


def gradient_norms_figure(layers: pd.DataFrame, heading: Heading) -> Figure:
    """L2 norm of the gradient of each layer's weights over the steps: the mean, and thin, the largest.

    The scale is logarithmic; where a norm is 0, it goes on linearly from the lowest power of ten down to 0.

    Args:
        layers: a row an evaluation and layer: `step`, `layer`, `gradient_norm_mean`, `gradient_norm_max`.
        heading: what stands over it; what lines are, and n, are added.
    """
    return layer_measures_figure(layers.drop(columns="epoch", errors="ignore"), ["gradient_norm_mean"], heading)


@styled
def layer_measures_figure(layers: pd.DataFrame, columns: Sequence[str], heading: Heading) -> Figure:
    """Measures of each layer over time, a panel each; a mean has a band where its smallest and largest value are known.

    Args:
        layers: a row an evaluation and layer: `epoch` (or `step`), `layer`, and the columns. A layer without a value
            in one of them (a measure that does not apply to it) is left out there.
        columns: such as "saturated_fraction", "weight_norm", "update_norm", "negative_slope_mean".
        heading: what stands over it; what lines and bands are, and n, are added.
    """
    time, most = time_column(layers), NAMED_UP_TO if len(columns) == 1 else NAMED_IN_PANELS
    panels = [Panel(column, _by_layer(layers, column, time, most), label_of(column)) for column in columns]
    lines = [line for panel in panels if len(panel.lines) <= BANDS_UP_TO for line in panel.lines]
    meaning = ["n = 1 run"]
    if "gradient_norm_mean" in columns:
        meaning += ["line: mean over the steps since the last evaluation" + ("; thin: largest" if lines else "")]
    meaning += ["band: smallest to largest"] if any("low" in line.points for line in lines) else []
    count = max((len(panel.lines) for panel in panels), default=0)
    if count > 1:
        some = f", {most} of them named" if count > most else ""
        meaning.append(f"{count} layers, dark (first) to light (last){some}")
    means = [line.points["mean"] for panel in panels for line in panel.lines]
    if missing := sum(int(mean.isna().sum()) for mean in means):
        meaning.append(f"no finite value: {missing} of {sum(map(len, means))} points")
    return _stack(panels, time, heading.plus(*meaning))


def layer_columns(layers: pd.DataFrame) -> list[str]:
    """The columns without a figure of their own: a count where layers share it, saturation, norms, what is learned."""
    counts = [column for column in COUNTS if column in layers][:1]
    shared = [column for column in counts if layers.dropna(subset=[column])["layer"].nunique() > 1]
    stems = [str(column).removesuffix("_mean") for column in layers if str(column).endswith("_mean")]
    learned = [f"{s}_mean" for s in stems if s != "activation" and {f"{s}_min", f"{s}_max"} <= set(layers)]
    return [*shared, *(column for column in MEASURES if column in layers), *learned]


def _by_layer(layers: pd.DataFrame, column: str, time: str, most: int) -> list[Line]:
    """The layers that have a value, in the order of the network, of one colour in all panels; some of many named."""
    stem = column.removesuffix("_mean")
    columns = {"mean": column, "low": f"{stem}_min" if stem != column else "", "high": f"{stem}_max"}
    names = list(dict.fromkeys(layers["layer"]))
    colors = dict(zip(names, layer_colors(len(names)), strict=True))
    parts = [(name, part) for name, part in layers.groupby("layer", sort=False) if part[column].notna().any()]
    lines, named = [], evenly(len(parts), most)
    for place, (name, part) in enumerate(parts):
        points = pd.DataFrame({key: finite(part[source]) for key, source in columns.items() if source in part})
        label = fitted(str(name), LAYER_NAME_INCHES) if place in named else ""
        lines.append(Line(str(name), Look(colors[name]), points.set_index(finite(part[time])), label=label))
    return lines


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the places 0 to count - 1, evenly spread, the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))}) if count else []


# --- drawing ---------------------------------------------------------------------------------------------------


def _stack(panels: Sequence[Panel], time: str, heading: Heading) -> Figure:
    """Panels over each other, with the names of lines at their ends in the uppermost that has them."""
    labels, above = list[list[str]](), set[str]()
    for panel in panels:  # a line is named where it first ends; further down only with what is not as there
        names = apart([of.called for of in panel.lines], NAME_INCHES)
        own = list(zip(panel.lines, names, strict=True))
        texts = [name + of.beside if of.label is None else of.label for of, name in own]
        labels.append(["" if of.label is None and text in above else text
                       for of, text in zip(panel.lines, texts, strict=True)])  # fmt: skip
        above |= {text for of, text in zip(panel.lines, texts, strict=True) if of.end}
    right = on.room_for([label for some in labels for label in some])
    height = {1: 3.55, 2: 4.85}.get(len(panels), 0.75 + 1.85 * len(panels))
    figure, grid = page(heading, (5.6 + right, height), right=right, rows=len(panels))
    for axes, panel, some in zip(grid, panels, labels, strict=True):
        axes.grid(True, axis="y")
        on.name_value_axis(axes, panel.label + ("" if panel.scale == "linear" else ", log scale"))
        if panel.set_scale(axes):
            first, last = _span(panels)
            lines = panel.lines if first < last else _side_by_side(panel.lines)
            for line in lines:
                _draw(axes, line, bands=len(lines) <= BANDS_UP_TO, thin=len(lines) >= THIN_FROM)
            on.set_time_axis(axes, time, first, last)
            named = [(line, label) for line, label in zip(lines, some, strict=True) if label and line.end]
            on.label_line_ends(axes, [on.LineEnd(*line.end, label, line.look) for line, label in named if line.end])
        axes.tick_params(labelbottom=axes is grid[-1])
        axes.set_xlabel(label_of(time) if axes is grid[-1] else "")
    return figure


def _multiples(panels: Sequence[Panel], time: str, heading: Heading) -> Figure:
    """A cell for each line, of the panels over each other, with all the other lines in grey behind."""
    lines, several, many = panels[0].lines[:MOST_CELLS], len(panels) > 1, len(panels[0].lines) >= MANY
    said = [panel.label for panel in panels]
    if several:
        said = [f"upper: {said[0]}", f"lower: {said[1]}"] if len(said) == 2 else [f"from the top: {', '.join(said)}"]
    part = f"the first {MOST_CELLS} of {len(panels[0].lines)} conditions" if len(panels[0].lines) > MOST_CELLS else ""
    grey = AROUND if many else "grey: all others"
    heading = Heading(heading.title, heading.note, (*said, *heading.meaning, part, grey))
    titles, chosen = {line.called: line.beside for line in lines}, [line.look for line in lines]
    figure, cells = on.small_multiples(heading, titles, chosen, 0.97 if several else 1.13, len(panels))
    for axes, panel in zip(cells.stack, panels, strict=True):
        some = panel.set_scale(axes)
        on.set_time_axis(axes, time, *_span(panels))
        if some:
            others = [line.points["mean"].dropna() for line in panel.lines]
            if many:
                at = pd.concat(others, axis=1).interpolate(limit_area="inside").quantile(PART, axis=1).T
                around = [np.vstack([at[[low]].reset_index(), at[[high]].reset_index()[::-1]])
                          for low, high in zip(PART, PART[::-1], strict=True) if low < high]  # fmt: skip
                for area, shade in zip(around, (GRID, FAINT), strict=True):
                    cells.draw_in_all(axes, [area], axes.transData, shade, 0, 0.8, fill=True)
            else:
                points = [other.reset_index().to_numpy() for other in others]
                cells.draw_in_all(axes, points, axes.transData, FAINT, 0.7, 1)
            for cell, line in enumerate(panel.lines[:MOST_CELLS]):
                solid = replace(line, look=replace(line.look, linestyle="-"))
                _draw(axes, solid, transform=cells.moved(cell, axes.transData), clip_on=False)
    cells.finish(label_of(time))
    return figure


def _side_by_side(lines: Sequence[Line]) -> list[Line]:
    """Lines of a single evaluation moved apart, by what has no meaning on the axis of time."""
    shifts = SIDE * (np.arange(len(lines)) - (len(lines) - 1) / 2)
    return [replace(line, points=line.points.set_axis(line.points.index + shift))
            for line, shift in zip(lines, shifts, strict=True)]  # fmt: skip


def _span(panels: Sequence[Panel]) -> tuple[float, float]:
    """The first and the last epoch of all lines."""
    times = [float(end) for p in panels for line in p.lines if len(line.points) for end in line.points.index[[0, -1]]]
    return min(times, default=0.0), max(times, default=0.0)


def _draw(axes: Axes, line: Line, bands: bool = True, thin: bool = False, **how: Any) -> None:
    """Mean and band, of a single point as a marker and a bar; dotted where not every seed has a value, and how those
    went that were lost."""
    from matplotlib.collections import FillBetweenPolyCollection

    how = {"color": line.look.color, "gid": line.look.gid, **how}
    at, of = line.points.index.to_numpy(), {str(key): points.to_numpy() for key, points in line.points.items()}
    whole = of["count"] == line.seeds if "count" in of else np.full(len(at), True)
    marker = "o" if np.isfinite(of["mean"]).sum() == 1 else ""
    if bands and "low" in of and (line.seeds > 1 or "count" not in of):
        # as `fill_between`, half of whose time goes into limits
        edges = (np.ma.masked_invalid(of[key][whole]) for key in ("low", "high"))
        band = FillBetweenPolyCollection("x", at[whole], *edges, alpha=0.16, linewidth=0, **how)
        axes.add_collection(band, autolim=False)
    if marker and "low" in of:
        axes.vlines(at, of["low"], of["high"], linewidth=1.6, **how)
    for way in line.lost if bands and not marker else ():
        axes.plot(way.index, way, linestyle=":", linewidth=1.1, alpha=0.8, **how)
        axes.plot(way.index[-1:], way.iloc[-1:], "x", markersize=5, markeredgewidth=1.4, **how)
    width = 0.9 if thin else 2.0 if bands else 1.4
    axes.plot(at[whole], of["mean"][whole], linestyle=line.look.linestyle, linewidth=width, marker=marker,
              label=line.name, **how)  # fmt: skip
    if bands and "high" in of and "low" not in of:
        axes.plot(at, of["high"], linewidth=0.8, alpha=0.6, marker="_" if marker else "",
                  label=f"{line.name} largest", **how)  # fmt: skip
    partial = at >= at[whole].max() if whole.any() else np.full(len(at), True)
    if "count" in of and (of["count"][partial] < line.seeds).any():
        axes.plot(at[partial], of["mean"][partial], linestyle=":", linewidth=1.6, marker=marker, **how)
