"""The figures of an experiment, drawn into the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from actlab.show import plots
from actlab.show.plots.style import literal
from actlab.show.report.reading import Chapter
from actlab.show.report.svg import inline
from actlab.show.report.words import measured, metric_words, signed
from actlab.study import compare as comparing
from actlab.study.compare import Comparison, moment

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

MOST_PANELS = 40  # conditions that are drawn; each panel has all the others in grey behind
ALT_CONDITIONS = 12  # conditions whose numbers stand in the text that replaces a figure
CURVES = ("val_accuracy", "val_loss")


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Args:
        title: over it.
        svg: the drawing.
        note: what a reader must know; empty if nothing.
        wide: whether it needs the whole width of the page.
    """

    title: str
    svg: Markup
    note: str = ""
    wide: bool = False


def numbers_of(chapter: Chapter) -> dict[str, int]:
    """Condition, as a figure calls it, to its number in the page."""
    return {literal(name): number for number, name in enumerate(chapter.conditions)}


def curves(chapter: Chapter, prefix: str) -> list[Figure]:
    """The metrics over the epochs, all conditions over each other."""
    frame, note = histories(chapter)
    if frame.empty or chapter.comparison is None:
        return []
    metrics = dict.fromkeys([*CURVES, *([chapter.comparison.metric] if chapter.comparison.metric in frame else [])])
    return [curve(chapter, frame, metric, f"{prefix}-{metric}", note) for metric in metrics]


def histories(chapter: Chapter) -> tuple[pd.DataFrame, str]:
    """The histories of no more conditions than can be told apart, and a sentence about the others.

    Every condition has a row, even where it has no history: the colours of the others do not depend on that.
    """
    import pandas as pd

    if chapter.comparison is None:
        return pd.DataFrame(), ""
    frame, shown = comparing.curves(chapter.comparison), list(chapter.conditions)[:MOST_PANELS]
    if frame.empty:
        return frame, ""
    parts = dict(list(frame.groupby("condition", sort=False)))
    empty = [pd.DataFrame({"condition": [name], "seed": [0]}) for name in shown]
    frame = pd.concat([parts.get(name, rows) for name, rows in zip(shown, empty, strict=True)], ignore_index=True)
    return frame, _not_shown(chapter)


def _not_shown(chapter: Chapter) -> str:
    count = len(chapter.conditions)
    if count <= MOST_PANELS:
        return ""
    return f"The first {MOST_PANELS} of {count} conditions are drawn; the table has all of them."


def compared(chapter: Chapter, prefix: str) -> list[Figure]:
    """Every seed's value of the metric that is judged, the differences, and what a number of the config does."""
    comparison = chapter.comparison
    if comparison is None:
        return []
    drawn = comparing.figures(comparison, "", chapter.looks)
    said = {"seeds": (_title(comparison.metric), _means(comparison)),
            "differences": (f"Difference from {_baseline(comparison)}", _differences(comparison))}  # fmt: skip
    return [
        page_figure(chapter, drawing, f"{prefix}-{stem}", *said.get(stem, _numbers(comparison, stem)))
        for stem, drawing in drawn.items()
    ]


def _baseline(comparison: Comparison) -> str:
    return comparison.baseline if len(set(comparison.baselines.values())) == 1 else "the baseline"


def _numbers(comparison: Comparison, stem: str) -> tuple[str, str]:
    """Title and description of a figure that is called "by_learning_rate"."""
    return f"{_title(comparison.metric)} {stem.replace('_', ' ')}", _means(comparison)


def _differences(comparison: Comparison) -> str:
    pairs = [(name, pair) for name, pair in comparison.pairs.items() if pair and pair.n]
    said = [f"{name} {signed(pair.difference, comparison.metric)} (n = {pair.n} pairs)" for name, pair in pairs]
    return f"Mean over the pairs that share a seed: {_few(said)}."


def _means(comparison: Comparison) -> str:
    known = [(name, found) for name, found in comparison.summaries.items() if found.n]
    said = [f"{name} {measured(found.mean, comparison.metric)} (n = {found.n})" for name, found in known]
    return f"Mean over seeds {moment(comparison.at)}: {_few(said)}."


def _few(said: list[str]) -> str:
    more = f", and {len(said) - ALT_CONDITIONS} more" if len(said) > ALT_CONDITIONS else ""
    return f"{', '.join(said[:ALT_CONDITIONS])}{more}"


def _stand_in(chapter: Chapter) -> str:
    return comparing.stand_in_note(chapter.runs)


def _title(metric: str) -> str:
    words = metric_words(metric)
    return f"{words[:1].upper()}{words[1:]}"


def curve(chapter: Chapter, frame: pd.DataFrame, metric: str, prefix: str, note: str = "") -> Figure:
    """A metric over the training, all conditions over each other."""
    wide = len(chapter.conditions) > len(plots.PALETTE)
    drawing = plots.overlay_figure(frame, metric, "", _stand_in(chapter), chapter.looks)
    return page_figure(chapter, drawing, prefix, _title(metric), last_values(frame, metric), note, wide)


def page_figure(
    chapter: Chapter, drawing: Drawing, prefix: str, title: str, description: str, note: str = "", wide: bool = False
) -> Figure:
    """A drawing as a figure of the page, whose ground shows through."""
    for patch in (drawing.patch, *(axes.patch for axes in drawing.axes)):
        patch.set_visible(False)
    try:
        svg = inline(plots.svg(drawing), slug(prefix), title, description, numbers_of(chapter))
    except ElementTree.ParseError:  # a sign that no XML may hold
        return Figure(title, Markup(""), "This figure could not be drawn: a name in it holds signs that are no text.")
    return Figure(title, svg, note, wide)


def slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text)


def last_values(frame: pd.DataFrame, metric: str) -> str:
    """Where each condition's curve ends, for those who cannot see it."""
    if metric not in frame:
        return "No run has this measure."
    last = frame.dropna(subset=[metric]).groupby(["condition", "seed"], sort=False)[metric].last()
    ends = last.groupby(level="condition", sort=False).agg(["mean", "count"])
    said = [f"{name} {measured(row['mean'], metric)} (n = {row['count']:g})" for name, row in ends.iterrows()]
    return f"Mean over seeds at the last evaluation: {_few(said)}."
