"""The last frames of the films of several conditions, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actlab.runs.folder import WEIGHT_FILM, read_arrays
from actlab.show.figures.axes import PANEL_POINTS
from actlab.show.figures.style import EDGE, INK, Heading, Look, apart, fitted, page, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PANELS = 12
SIDE, DPI = 550, 150  # pixels of a mosaic at most, and how many of them are an inch, so that one is one of the PNG
GAP, TITLE_INCHES, LEAST_INCHES = 0.3, 0.62, 7.0
MEANING = (
    "last frame of a film, a tile a unit: how its incoming weights changed since the frame before, from black (fell "
    "most) to white (rose most)"
)


@styled
def films_figure(runs: Mapping[str, Path], heading: Heading, look_of: Mapping[str, Look]) -> Figure:
    """The last frame of the weight film of one run of each condition, with marks on dead units and on unmoved ones.

    Args:
        runs: condition to the directory of a run that has a film.
        heading: what stands over it; what tiles and marks are is added.
        look_of: condition to its look.

    Raises:
        RunDirError: a film is damaged.
    """
    from actlab.show.film import DEAD, UNMOVED, counts, marks_of, mosaic, zooms

    shown = list(runs)[:MOST_PANELS]
    pictures, texts, legends = [], [], set[str]()
    for name in shown:
        arrays = read_arrays(runs[name] / WEIGHT_FILM)
        dead, unmoved = arrays.get("dead"), arrays.get("unmoved")
        marks = marks_of(dead, unmoved, -1)
        legends |= {text for text, mask in zip((DEAD, UNMOVED), marks, strict=True) if mask is not None and mask.any()}
        tiles = arrays["frames"][-1]
        pictures.append(np.asarray(mosaic(tiles, *marks, zooms(tiles.shape, SIDE)[0])))
        texts.append(f"epoch {arrays['epoch'][-1]:.4g}{counts(*marks)}")
    legend = [text.rstrip(".").lower() for text in (DEAD, UNMOVED) if text in legends]
    few = f"the first {MOST_PANELS} of {len(runs)} conditions" if len(runs) > MOST_PANELS else ""
    heading = heading.plus(MEANING, *legend, "n = 1 run each", few)
    columns = min(len(shown), 2 if len(shown) <= 4 else 3)
    rows = ceil(len(shown) / columns)
    height, width = (max(picture.shape[axis] for picture in pictures) / DPI for axis in (0, 1))
    width = max(width, LEAST_INCHES / columns)  # room for words beside small ones
    size = 2 * EDGE + columns * (width + GAP) - GAP, TITLE_INCHES + rows * (height + TITLE_INCHES) - 0.5
    figure, (first,) = page(heading, size, left=EDGE, right=EDGE, over=0.5)
    called = apart([look_of[name].label or name for name in shown], 0.92 * width, PANEL_POINTS)  # bold is wider
    (page_width, page_height), top = figure.get_size_inches(), first.get_position().y1
    first.remove()
    for place, (name, picture, text) in enumerate(zip(shown, pictures, texts, strict=True)):
        row, column = divmod(place, columns)
        up, across = (pixels / DPI for pixels in picture.shape[:2])
        left, low = EDGE + column * (width + GAP), top * page_height - row * (height + TITLE_INCHES) - up
        box = left / page_width, low / page_height, across / page_width, up / page_height
        axes = figure.add_axes(box)
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        for line, words, weight in ((18, called[place], "bold"), (5, fitted(text, width, PANEL_POINTS), "normal")):
            axes.annotate(words, (0, 1), (0, line), xycoords="axes fraction", textcoords="offset points", color=INK,
                          fontsize=PANEL_POINTS, fontweight=weight, gid=look_of[name].gid)  # fmt: skip
    return figure
