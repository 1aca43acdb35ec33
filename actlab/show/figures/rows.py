"""A row a condition: a dot for each of its numbers, their mean with its interval, and words at the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from actlab.show import words
from actlab.show.figures.axes import Scale, inches_across, label_of, needs_log, quantity, set_scale, size_inches
from actlab.show.figures.style import EDGE, FAINT, INK, QUIET, Heading, Look, apart, fitted, page, styled, text_width
from actlab.spec.metrics import higher_is_better

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from actlab.study.judge import Comparison

MOST_ROWS = 60
NAME_INCHES, AXES_INCHES = 3.2, 4.6
ROW_INCHES, CLOSE_ROW_INCHES, CLOSE_FROM = 0.42, 0.31, 13
DOT_POINTS, LANES = 5.0, 3
DOTS_AT, MEAN_AT = -0.14, 0.2  # where things stand in a row, in rows from its middle, downwards
INTERVAL = "95% interval (Student's t)"
BESIDE = "†"  # behind a verdict that is not to be read alone


@dataclass(frozen=True)
class Row:
    """What is drawn of a condition.

    Args:
        name: of the condition.
        values: seed to number, a dot each.
        estimate: their `mean`, `low` and `high`.
        words: at the right.
        strong: whether the words are printed bold.
    """

    name: str
    values: Mapping[int, float]
    estimate: Any
    words: str
    strong: bool = False


@styled
def seeds_figure(comparison: Comparison, heading: Heading, look_of: Mapping[str, Look]) -> Figure:
    """Every seed of every condition, and under its dots mean ± t(n − 1, 0.975) · std/√n; of a single seed no interval.

    The seeds of two conditions are joined: a pair is what both have in common.

    Args:
        comparison: what is drawn, in the order of its table. A seed without a number is counted, and not drawn.
        heading: what stands over it; what dots and bars are is added.
        look_of: condition to its look.
    """
    rows = [Row(r.name, r.values, r.summary, count(r.values, r.lacking)) for r in comparison.results]
    log = needs_log(comparison.metric, [value for row in rows for value in row.values.values()])
    meaning = *_meaning(rows, "seed"), "grey: the same seed" if len(rows) == 2 else ""
    label = label_of(comparison.metric, words.tested(comparison.runs)) + (", log scale" if log else "")
    return _figure(comparison.metric, rows, label, heading.plus(*meaning), look_of, log=log)


@styled
def differences_figure(comparison: Comparison, heading: Heading, look_of: Mapping[str, Look]) -> Figure:
    """Every condition minus its baseline, a dot a pair of one seed; under them mean ± t(n − 1, 0.975) · std/√n.

    At the right stands the verdict, bold where it establishes something, with BESIDE where a reader must know more.

    Args:
        comparison: what is drawn, in the order of its table. A condition without pairs keeps its row.
        heading: what stands over it; what dots and bars are is added.
        look_of: condition to its look.
    """
    metric, rows = comparison.metric, []
    for result in (result for result in comparison.results if result.baseline):
        shared = [seed for seed in result.values if seed in comparison[result.baseline].values]
        pairs = dict(zip(shared, result.pairs.differences, strict=True)) if result.pairs else {}
        verdict = words.verdict_text(result) + (f" {BESIDE}" if result.beside else "")
        n = f"n = {words.counted(len(pairs), 'pair')}" if pairs else "no pairs"
        strong = any(one in ("better", "worse") or one.startswith("diverges") for one in result.verdicts)
        rows.append(Row(result.name, pairs, result.pairs, f"{verdict}, {n}" if verdict else n, strong))
    better = f"{'right' if higher_is_better(metric) else 'left'} of 0 is better"
    beside = f"{BESIDE} see what the table says beside it" if any(BESIDE in row.words for row in rows) else ""
    name, unit = quantity(metric, words.tested(comparison.runs))
    unit = "points" if words.is_accuracy(metric) else unit
    called = [look_of[base].label for base in comparison.baselines if look_of[base].label]
    base = called[0] if len(comparison.baselines) == len(called) == 1 else words.baseline_name(comparison)
    label = f"{name} minus that of {base}" + (f" ({unit})" if unit else "")
    return _figure(metric, rows, label, heading.plus(better, *_meaning(rows, "pair"), beside), look_of, zero=True)


def count(values: Mapping[int, float], lacking: Mapping[int, Any]) -> str:
    """ "n = 5", or "n = 4 of 5" where a seed has no value."""
    return f"n = {len(values)}" + (f" of {len(values) + len(lacking)}" if lacking else "")


def _meaning(rows: Sequence[Row], what: str) -> list[str]:
    """What dots, diamonds and bars are; `what` is what a dot is, such as "seed"."""
    counts = [len(row.values) for row in rows]
    both = f"diamond and bar: mean and {INTERVAL}" if max(counts, default=0) > 1 else ""
    return [f"dot: a {what}", both, f"one {what} has no interval" if 1 in counts else ""]


def _figure(
    metric: str, rows: Sequence[Row], label: str, heading: Heading, look_of: Mapping[str, Look], log: bool = False,
    zero: bool = False,
) -> Figure:  # fmt: skip
    """Dots, means and intervals under each other; with the line of no difference, or the seeds of two rows joined."""
    from matplotlib.collections import LineCollection

    if len(rows) > MOST_ROWS:
        heading, rows = heading.plus(f"the first {MOST_ROWS} of {len(rows)} conditions"), rows[:MOST_ROWS]
    names = apart([look_of[row.name].label or row.name for row in rows], NAME_INCHES)
    left = 2 * EDGE + max(map(text_width, names))
    right = 2 * EDGE + max(text_width(row.words, bold=row.strong) for row in rows)
    width, each = left + AXES_INCHES + right, CLOSE_ROW_INCHES if len(rows) >= CLOSE_FROM else ROW_INCHES
    figure, (axes,) = page(heading, (width, max(2, len(rows)) * each + 0.74), left=left, right=right, over=0.06)

    middle = left + AXES_INCHES / 2  # of the axes; their name is cut where it would leave the page
    axes.set_xlabel(fitted(label, 2 * (min(middle, width - middle) - EDGE), 11.0))
    ends = [end for row in rows for end in row.values.values()] + ([0.0] if zero else [])
    ends += [end for row in rows if len(row.values) > 1 for end in (row.estimate.low, row.estimate.high)]
    scale: Scale = "log" if log else "linear"
    ends = ends if any(row.values for row in rows) else []
    if not set_scale(axes, "x", ends, scale, percent=words.is_accuracy(metric), margin=0.04):
        return figure

    beside = axes.get_yaxis_transform()
    axes.set(ylim=(max(len(rows), 2) - 0.5, -0.5), yticks=[])  # forty ticks take longer to draw than all the rest
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.hlines(range(len(rows)), 0, 1, colors=FAINT, linewidths=0.6, transform=beside, zorder=0.6)
    if zero:
        axes.axvline(0, color=QUIET, linewidth=1.2, zorder=1)
    dots = []
    for place, (row, name) in enumerate(zip(rows, names, strict=True)):
        look, values, estimate, y = look_of[row.name], list(row.values.values()), row.estimate, place + MEAN_AT
        text: Any = {"va": "center", "fontsize": 10.0, "color": INK, "transform": beside, "gid": look.gid}
        axes.text(-EDGE / AXES_INCHES, place, name, ha="right", **text)
        axes.text(1 + EDGE / AXES_INCHES, place, row.words, fontweight="bold" if row.strong else "normal", **text)
        heights = [place + DOTS_AT - lift for lift in _lifts(axes, values)]
        dots.append(dict(zip(row.values, zip(values, heights, strict=True), strict=True)))
        drawn: Any = {"color": look.color, "gid": look.gid, "clip_on": False}
        axes.plot(values, heights, "o", markersize=DOT_POINTS, markeredgewidth=0, alpha=0.6, label=row.name, **drawn)
        if len(values) > 1:
            axes.plot([estimate.low, estimate.high], [y, y], "-|", linewidth=1.8, solid_capstyle="butt", markersize=6,
                      markeredgewidth=1.4, label=f"{row.name} interval", **drawn)  # fmt: skip
            mean = estimate.difference if zero else estimate.mean
            axes.plot([mean], [y], "D", markersize=6.5, markeredgecolor="white", markeredgewidth=1.0,
                      label=f"{row.name} mean", **drawn)  # fmt: skip
    if len(dots) == 2 and not zero:
        pairs = [[dots[0][seed], dots[1][seed]] for seed in dots[0] if seed in dots[1]]
        axes.add_collection(LineCollection(pairs, colors=FAINT, linewidths=1.0, zorder=1.5), autolim=False)
    return figure


def _lifts(axes: Axes, values: Sequence[float]) -> list[float]:
    """How far up each dot goes, in rows, so that dots at the same place are seen to be several."""
    inches, dot = inches_across(axes, values), DOT_POINTS / 72
    lanes, ends = [0] * len(values), [-np.inf] * LANES
    for index in np.argsort(inches, kind="stable"):
        free = next((lane for lane in range(LANES) if inches[index] - ends[lane] >= 0.8 * dot), LANES - 1)
        lanes[index], ends[free] = free, inches[index]
    row = size_inches(axes)[1] / abs(np.diff(axes.get_ylim())[0])
    return [lane * 0.75 * dot / row for lane in lanes]
