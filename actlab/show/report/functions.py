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
from markupsafe import Markup

from actlab.errors import ActlabError
from actlab.parts.activations import ACTIVATIONS, ActivationFacts, learned_names, resolve
from actlab.parts.activations.in_numpy import section
from actlab.registry import Entry
from actlab.run.folder import HISTORY
from actlab.run.record import Run
from actlab.show.report.reading import Chapter
from actlab.show.report.table import Cell, number
from actlab.show.report.words import measured, minus, printable
from actlab.study import measures

LEFT, RIGHT, LOW, HIGH = -4.0, 4.0, -2.0, 4.0  # what a drawing shows, in units of x and of f(x), which are equal
JUMP = 0.3  # between points 1/40 apart a function that rises by so much jumps
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
    written = {json.dumps(run.config.get("activation"), sort_keys=True): run.config.get("activation") for run in runs}
    return [_function(part) for part in written.values()]


def _function(part: Any) -> Function:
    part = dict(part) if isinstance(part, dict) else {"name": part}
    name = str(part.pop("name", ""))
    try:
        entry = ACTIVATIONS.get(name)
        parameters = resolve(entry, part)
    except (ActlabError, TypeError):
        return Function(name, "", _parameters(part), Markup(""), "not known to this version of actlab")
    equation = str(part["formula"]) if name == "formula" else _without_defaults(entry)
    shown = {key: value for key, value in parameters.items() if key != "formula" and _tells(entry, key, value)}
    drawing = _drawing(name, parameters, f"{name}: {equation}")
    return Function(name, equation, _parameters(shown), drawing, "; ".join(_remarks(entry, parameters)))


def _without_defaults(entry: Entry[ActivationFacts]) -> str:
    """The equation without the default parameters that stand in brackets behind it: those of the run follow."""
    return DEFAULTS.sub("", entry.facts.formula) if entry.parameters else entry.facts.formula


def _tells(entry: Entry[ActivationFacts], name: str, value: Any) -> bool:
    """Whether a parameter needs to be said: it stands in the equation, or is not at its default."""
    return _named(entry, name) or value != resolve(entry)[name]


def _named(entry: Entry[ActivationFacts], name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", entry.facts.formula) is not None


def _remarks(entry: Entry[ActivationFacts], parameters: dict[str, Any]) -> list[str]:
    found = [] if entry.facts.elementwise else ["drawn: the first output while the first input moves, the others 0"]
    if learned := learned_names(entry):
        found.append(f"drawn as it starts; {', '.join(learned).replace('_', ' ')} is learned")
    if entry.name != "formula" and any(
        not _named(entry, name) and value != resolve(entry)[name] for name, value in parameters.items()
    ):
        found.append("the equation is that of the default parameters; the drawing is of these")
    return found


def _parameters(part: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {_plain(value)}" for key, value in part.items())


def _plain(value: Any) -> str:
    return minus(f"{value:.6g}") if isinstance(value, float) else str(value)


def _drawing(name: str, parameters: dict[str, Any], title: str) -> Markup:
    """The function from −4 to 4 as an SVG with axes; nothing where it cannot be computed here."""
    x = np.linspace(LEFT, RIGHT, 321)
    try:
        y = section(ACTIVATIONS.get(name), parameters, x)
    except (ActlabError, TypeError, ValueError, ArithmeticError):  # parameters may be of any kind in a record
        return Markup("")
    if y is None:
        return Markup("")
    drawing = Markup(
        '<svg class="function" viewBox="-4 -4 8 6" role="img" aria-label="{}">'
        '<path class="axes" d="M-4 0H4M0 -4V2"/><path class="curve" d="{}"/></svg>'
    )
    return drawing.format(printable(f"Curve of {title}"), _path(x, y))


def _path(x: Points, y: Points) -> str:
    """A line through the points that are seen, broken where the function jumps."""
    seen = np.isfinite(y) & (y >= LOW - 0.5) & (y <= HIGH + 0.5)
    pieces: list[list[int]] = [[]]
    for i in range(len(x)):
        if not seen[i] or (pieces[-1] and abs(y[i] - y[i - 1]) > JUMP):
            pieces.append([])
        if seen[i]:
            pieces[-1].append(i)
    return "".join(_line(x[piece], y[piece]) for piece in pieces if piece)


def _line(x: Points, y: Points) -> str:
    """The points of a line; of a part that is straight, its ends."""
    bends = np.abs(np.diff(y, 2)) > 1e-9
    # every fourth point of what is curved is enough, but a corner, as at 0 of relu, must not be rounded off
    kept = bends & ((np.arange(len(bends)) % 4 == 0) | (np.abs(np.diff(y, 2)) > 0.003))
    chosen = np.concatenate(([True], kept, [True])) if len(x) > 1 else np.array([True])
    points = zip(x[chosen], -y[chosen], strict=True)
    return f"M{'L'.join(f'{a:.3g} {b:.3g}' for a, b in points)}"


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
