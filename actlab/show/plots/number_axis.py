"""A horizontal axis of the numbers that were tried: a tick at each, logarithmic where they go up by factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from actlab.show.plots.axes import size_inches
from actlab.show.plots.style import styled, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

TICK_POINTS = 10.0
LEAST_RATIO, LEAST_RATIO_WITH_ZERO = 4.0, 10.0  # of the largest to the smallest, below which a scale is linear
ROOM = 0.06  # of the axis, left and right


def scale_of(numbers: Sequence[float]) -> Literal["linear", "log", "symlog"]:
    """The scale on which numbers are spread the most evenly; "symlog" is "log" with 0 left of the smallest."""
    tried = np.unique(np.asarray(numbers, dtype=float))
    positive = tried[tried > 0]
    zero = bool((tried == 0).any())
    if (tried < 0).any() or positive.size < 2:
        return "linear"
    ratio = positive[-1] / positive[0]
    if ratio < (LEAST_RATIO_WITH_ZERO if zero else LEAST_RATIO) or _unevenness(np.log(positive)) > _unevenness(tried):
        return "linear"
    return "symlog" if zero else "log"


def _unevenness(ascending: Floats) -> float:
    """Standard deviation of the gaps divided by their mean."""
    gaps = np.diff(ascending)
    return float(gaps.std() / gaps.mean())


def scale_words(numbers: Sequence[float]) -> str:
    """What is said of a scale behind the name of its axis."""
    return {"linear": "", "log": ", log scale", "symlog": ", log scale with 0"}[scale_of(numbers)]


@styled
def set_number_axis(axes: Axes, numbers: Sequence[float], label: str) -> None:
    """Scale, limits, a tick at each number (or as many as have room) and the name of the axis."""
    from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

    tried, scale = np.unique(np.asarray(numbers, dtype=float)), scale_of(numbers)
    if scale == "symlog":
        axes.set_xscale("symlog", linthresh=tried[tried > 0][0], linscale=0.7)
    else:
        axes.set_xscale(scale)
    transform = axes.xaxis.get_transform()
    low, high = transform.transform(tried[[0, -1]])
    room = ROOM * (high - low) or 1.0
    axes.set_xlim(*transform.inverted().transform(np.array([low - room, high + room])))
    places = (transform.transform(tried) - low + room) / (high - low + 2 * room) * size_inches(axes)[0]
    axes.xaxis.set_major_locator(FixedLocator([float(tried[i]) for i in _with_room(tried, places)]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)


def _with_room(numbers: Floats, places: Floats) -> list[int]:
    """Which ticks can be named without touching: from the left as many as fit, and always the last."""
    halves = [text_width(f"{number:g}", TICK_POINTS) / 2 + 0.05 for number in numbers]
    last = len(numbers) - 1
    chosen = [0]
    for index in range(1, last + 1):
        if places[index] - halves[index] >= places[chosen[-1]] + halves[chosen[-1]]:
            chosen.append(index)
    if chosen[-1] != last and len(chosen) > 1:
        chosen[-1] = last
    return chosen
