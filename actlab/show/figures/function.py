"""An activation and its slope over x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from actlab.show.figures.style import FAINT, PALETTE, Heading, page, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# beyond which nothing is drawn: in full, slopes as at 0 of signed_sqrt would flatten the rest
HIGHEST, STEEPEST = 12, 10


@styled
def function_figure(table: pd.DataFrame, title: str, x_label: str = "x") -> Figure:
    """Function and slope from -5 to 5, kinks marked.

    Args:
        table: columns x, y and slope, as `function.csv` has them; a row without a slope is a kink.
        title: drawn as it is.
        x_label: under it.
    """
    figure, (axes,) = page(Heading(title), (6.4, 4.0))
    x, y, slope = (table[column].to_numpy(dtype=float) for column in ("x", "y", "slope"))
    kink = np.isfinite(y) & np.isnan(slope)
    axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    # broken at the kinks, so that a jump is not drawn as a steep line
    values = np.where((np.abs(y) <= HIGHEST) & ~kink, y, np.nan)
    slopes = np.where(np.abs(slope) <= STEEPEST, slope, np.nan)
    axes.plot(x, values, color=PALETTE[0], linewidth=2.2, label="f(x)")
    axes.plot(x, slopes, color=PALETTE[1], linewidth=1.8, linestyle=(0, (5, 2)), label="slope f′(x)")
    if kink.any():
        axes.plot(x[kink], y[kink], "o", color="black", markerfacecolor="white", markersize=7, label="kink")
    axes.set(xlim=(-5, 5), xlabel=x_label, ylabel="value and slope")
    axes.legend(frameon=False)
    return figure
