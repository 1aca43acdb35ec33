"""The table that the articles drew by hand: for each activation its function, its equation, its numbers, its data."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from markupsafe import Markup

from actlab.errors import ActlabError
from actlab.parts.activations import ACTIVATIONS, ActivationFacts, resolve
from actlab.parts.activations.curves import function_table
from actlab.registry import Entry
from actlab.run.folder import FUNCTION, HISTORY
from actlab.run.record import Run
from actlab.show.report.reading import Chapter
from actlab.show.report.table import Cell, number
from actlab.show.report.words import measured, minus, printable
from actlab.study import measures

RIGHT, LOW, HIGH = 4.0, -2.0, 4.0  # what a drawing shows, in units of x and of f(x), which are equal
DEFAULTS = re.compile(r" \([-−\d., ]+\)$")
MOST_DATA = 2_000_000  # characters of CSV that a page carries

Points = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Download:
    """A file that the page carries.

    Args:
        label: the words of the link.
        name: of the file.
        address: a data: URI with its bytes.
        title: what it is, for those who cannot see what it stands beside.
    """

    label: str
    name: str
    address: str
    title: str


@dataclass(frozen=True)
class Function:
    """An activation as it was trained.

    Args:
        name: its registered name.
        equation: as a reader would write it.
        parameters: their values, in words.
        drawing: its curve; empty where this version cannot compute it.
        remark: what the drawing shows where it is not the function itself.
    """

    name: str
    equation: str
    parameters: str
    drawing: Markup
    remark: str


def functions_of(runs: Sequence[Run]) -> list[Function]:
    """The activations of some runs, each once."""
    first = {json.dumps(run.config.get("activation"), sort_keys=True): run for run in reversed(runs)}
    return [_function(run) for run in reversed(first.values())]


def _function(run: Run) -> Function:
    part = run.config.get("activation")
    part = dict(part) if isinstance(part, dict) else {"name": part}
    name = str(part.pop("name", ""))
    try:
        entry = ACTIVATIONS.get(name)
        parameters = resolve(entry, part)
    except (ActlabError, TypeError):
        return Function(name, "", _parameters(part), Markup(""), "not known to this version of actlab")
    equation = str(part["formula"]) if name == "formula" else _without_defaults(entry)
    shown = {key: value for key, value in parameters.items() if key != "formula" and _tells(entry, key, value)}
    drawing = _drawing(run, f"{name}: {equation}")
    learned = (run.path / FUNCTION).exists()
    return Function(name, equation, _parameters(shown), drawing, "; ".join(_remarks(entry, parameters, learned)))


def _without_defaults(entry: Entry[ActivationFacts]) -> str:
    """The equation without the default parameters that stand in brackets behind it: those of the run follow."""
    return DEFAULTS.sub("", entry.facts.formula) if entry.parameters else entry.facts.formula


def _tells(entry: Entry[ActivationFacts], name: str, value: Any) -> bool:
    """Whether a parameter needs to be said: it stands in the equation, or is not at its default."""
    return _named(entry, name) or value != resolve(entry)[name]


def _named(entry: Entry[ActivationFacts], name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", entry.facts.formula) is not None


def _remarks(entry: Entry[ActivationFacts], parameters: dict[str, Any], as_learned: bool) -> list[str]:
    found = [] if entry.facts.elementwise else ["drawn: the first output while the first input moves, the others 0"]
    if learned := list(entry.facts.learned):
        how = "with the mean of what one run learned" if as_learned else "as it starts"
        found.append(f"drawn {how}; {', '.join(learned).replace('_', ' ')} is learned")
    if entry.name != "formula" and any(
        not _named(entry, name) and value != resolve(entry)[name] for name, value in parameters.items()
    ):
        found.append("the equation is that of the default parameters; the drawing is of these")
    return found


def _parameters(part: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {_plain(value)}" for key, value in part.items())


def _plain(value: Any) -> str:
    return minus(f"{value:.6g}") if isinstance(value, float) else str(value)


def _drawing(run: Run, title: str) -> Markup:
    """The function from −4 to 4 as an SVG with axes; nothing where its table is neither shipped nor in the run."""
    part = run.config.get("activation")
    try:
        table: pd.DataFrame | None = pd.read_csv(run.path / FUNCTION)
    except FileNotFoundError:
        table = function_table(part) if isinstance(part, dict) else None
    except (OSError, ValueError):
        table = None
    if table is None or not {"x", "y", "slope"} <= set(table):
        return Markup("")
    table = table[table["x"].abs() <= RIGHT]
    y = table["y"].where(table["slope"].notna())  # a line breaks at a kink, where the function may jump
    drawing = Markup(
        '<svg class="function" viewBox="-4 -4 8 6" role="img" aria-label="{}">'
        '<path class="axes" d="M-4 0H4M0 -4V2"/><path class="curve" d="{}"/></svg>'
    )
    return drawing.format(printable(f"Curve of {title}"), _path(table["x"].to_numpy(float), y.to_numpy(float)))


def _path(x: Points, y: Points) -> str:
    """A line through the points that are seen, broken where one is not; of a straight part, its ends."""
    seen = np.isfinite(y) & (y >= LOW - 0.5) & (y <= HIGH + 0.5)
    lines = []
    for piece in np.split(np.arange(len(x)), np.flatnonzero(~seen)):
        piece = piece[seen[piece]]
        if len(piece) > 1:
            slopes = np.diff(y[piece]) / np.diff(x[piece])
            bends = np.abs(np.diff(slopes, prepend=np.inf, append=np.inf)) > 1e-3
            points = zip(x[piece][bends], -y[piece][bends], strict=True)
            lines.append(f"M{'L'.join(f'{a:.3g} {b:.3g}' for a, b in points)}")
    return "".join(lines)


def pair_of_metrics(metric: str) -> list[str]:
    """An accuracy and the loss beside it, on the same images as the metric of the comparison."""
    split = "test_" if metric.startswith("test_") else "val_"
    return [f"{split}accuracy", f"{split}loss"]


def mean_cell(runs: Sequence[Run], metric: str) -> Cell:
    """Mean of a metric over the finished runs at their ends, with n."""
    found = [measures.value(run, metric, "last") for run in runs if run.status == "done"]
    values = [value for value in found if math.isfinite(value)]
    mean = sum(values) / len(values) if values else math.nan
    return number(mean, measured(mean, metric), f"n = {len(values)}")


# --- data


def downloads(chapter: Chapter) -> tuple[dict[str, list[Download]], str]:
    """For each condition the histories of its runs, bytes as they are; and a sentence about those that are too many.

    Returns:
        condition to its downloads, in the order of the seeds, as far as MOST_DATA allows; and the sentence, or "".
    """
    found: dict[str, list[Download]] = {}
    left, left_out = MOST_DATA, 0
    for condition, runs in chapter.conditions.items():
        found[condition] = []
        for run in sorted(runs, key=lambda run: str(run.config.get("seed", 0)).zfill(12)):
            made = _download(run, condition)
            if made and len(made.address) <= left:
                left -= len(made.address)
                found[condition].append(made)
            elif made:
                left_out += 1
    note = f"{left_out} histories are left out for their size; they lie in {chapter.folder}." if left_out else ""
    return found, note


def _download(run: Run, condition: str) -> Download | None:
    try:
        data = (run.path / HISTORY).read_bytes()
    except OSError:
        return None
    seed = run.config.get("seed", 0)
    return Download(
        f"{seed}", f"{run.path.name}.csv", as_address(data, "text/csv"), f"history of {condition}, seed {seed}, as CSV"
    )


def as_address(data: bytes, kind: str) -> str:
    """Bytes as a data: URI; text stays nearly as short as it was."""
    if not kind.startswith("text/"):
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return f"data:{kind};charset=utf-8,{quote(data, safe=',.-_:(){}[]/=')}"
