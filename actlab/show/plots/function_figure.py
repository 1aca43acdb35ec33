"""An activation and its slope over x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# Okabe and Ito's colours, which stay apart for colour-blind readers; the dashes keep them apart in grey
BLUE, VERMILION = "#0072B2", "#D55E00"


def function_figure(table: DataFrame, title: str, x_label: str = "x") -> Figure:
    """Function and slope, kinks marked.

    Args:
        table: columns x, y and slope, as `function.csv` has them; a row without a slope is a kink.
        title: above the picture.
        x_label: under it.

    Returns:
        A figure of 6.4 × 4.4 inches.
    """
    from matplotlib.figure import Figure

    picture = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = picture.add_subplot()
    x, y, slope = (table[column].to_numpy(dtype=float) for column in ("x", "y", "slope"))
    kink = np.isfinite(y) & np.isnan(slope)
    seen = np.isfinite(y) & (np.abs(y) <= 12)  # what a picture of −5 to 5 can show
    axes.axhline(0, color="0.75", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.75", linewidth=0.8, zorder=0)
    # broken at the kinks, so that a jump is not drawn as a steep line
    axes.plot(x, np.where(seen & ~kink, y, np.nan), color=BLUE, linewidth=2.2, label="f(x)")
    # as at 0 of signed_sqrt: drawn in full it would flatten everything else
    shown = np.where(np.abs(slope) <= 10, slope, np.nan)
    axes.plot(x, shown, color=VERMILION, linewidth=1.8, linestyle=(0, (5, 2)), label="slope f′(x)")
    if kink.any():
        axes.plot(x[kink], y[kink], "o", color="black", markerfacecolor="white", markersize=7, label="kink")
    axes.set_xlim(-5, 5)
    axes.set_title(title, fontsize=12, parse_math=False, wrap=True)
    axes.set_xlabel(x_label)
    axes.set_ylabel("value and slope")
    axes.legend(frameon=False)
    return picture
