"""Which classes of the test set are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actlab.show.figures.curves import evenly
from actlab.show.figures.numbers import ON_DARK, ON_LIGHT
from actlab.show.figures.style import TEXT_POINTS, Heading, fitted, page, styled, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COUNTED, MOST_NAMED = 20, 25  # classes up to which each cell has its count, and each row its name
CELL_INCHES, SMALLEST_INCHES, LONGEST_NAME = 0.5, 6.0, 1.6


@styled
def confusion_figure(counts: NDArray[Any], names: Sequence[str], heading: Heading) -> Figure:
    """A confusion matrix as a heat map: a row a true class, a column a predicted one.

    The colour of a cell is its share of its row, so that classes of unequal size compare; the number is its count.

    Args:
        counts: (classes, classes), how many of each class were taken for each.
        names: of the classes.
        heading: what stands over it; what a cell is, is added.
    """
    from matplotlib import colormaps

    n = len(counts)
    counted, shown = n <= MOST_COUNTED, evenly(n, MOST_NAMED)
    images = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(images, 1)
    accuracies = [f"{shares[i, i]:.1%}" if images[i, 0] else "" for i in range(n)]
    labels = [fitted(names[i], LONGEST_NAME) for i in shown]
    longest = max(map(text_width, labels))
    side = n * max(CELL_INCHES, *(text_width(f"{count:.0f}") + 0.12 for count in counts.ravel())) if counted else 0.0
    side = max(side, 2.5) if counted else SMALLEST_INCHES
    upright = longest > side / n - 0.1
    left, right, under = longest + 0.5, 0.9, (longest if upright else 0.15) + 0.51
    what = ["row: true class", "column: predicted class", "colour: share of the row, from 0 (white) to 1"]
    what += ["number: count"] if counted else []
    what += ["right: accuracy of the class"]
    what += [f"{len(shown)} of {n} classes are named"] if len(shown) < n else []
    width = max(left + side + right, 5.4)
    size, right = (width, 0.14 + side + under), width - left - side
    figure, (axes,) = page(heading.plus(*what), size, left=left, right=right, over=0.1, under=under)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    if counted:
        dark = colormaps["Blues"](shares)[..., :3] @ [0.299, 0.587, 0.114] < 0.55
        for (i, j), count in np.ndenumerate(counts):
            if count:
                color = ON_DARK if dark[i, j] else ON_LIGHT  # a cell is as light on a dark page
                axes.text(j, i, f"{count:.0f}", ha="center", va="center", color=color, fontsize=TEXT_POINTS)
    axes.set_yticks(shown, labels)
    axes.set_xticks(shown, labels, rotation=90 if upright else 0)
    axes.set_ylabel("true class")
    axes.set_xlabel("predicted class")
    axes.tick_params(length=0)
    axes.spines[["top", "right"]].set_visible(True)
    for i in shown:
        axes.text(1.01, i, accuracies[i], transform=axes.get_yaxis_transform(), va="center", fontsize=TEXT_POINTS)
    return figure
