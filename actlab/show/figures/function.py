"""Activations and their slopes over x."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from actlab.show.figures.axes import LineEnd, label_line_ends, name_value_axis, room_for, set_scale
from actlab.show.figures.style import FAINT, Heading, apart, look, page, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# beyond which nothing is drawn: in full, slopes as at 0 of signed_sqrt would flatten the rest
HIGHEST, STEEPEST = 12, 5
EDGE = 5.0  # x goes from −5 to 5
NAME_INCHES = 2.6
THICK, THIN = 4.2, 1.8  # of the first line and of the last: where they lie on each other, all can be seen


@styled
def functions_figure(tables: Mapping[str, pd.DataFrame], title: str, x_label: str = "x") -> Figure:
    """Functions over their slopes from -5 to 5, kinks of the functions marked.

    Args:
        tables: what a function is called to its columns x, y and slope, as `function.csv` has them; a row without a
            slope is a kink.
        title: drawn as it is.
        x_label: under it.
    """
    names = apart(list(tables), NAME_INCHES) if len(tables) > 1 else [""]
    right, kinks = room_for(names) if any(names) else 0.3, False
    figure, grid = page(Heading(title), (6.1 + right, 5.4), right=right, rows=2)
    for axes, column, label, most in zip(
        grid, ("y", "slope"), ("f(x)", "slope f′(x)"), (HIGHEST, STEEPEST), strict=True
    ):
        ends, drawn = list[LineEnd](), list[float]()
        axes.grid(True, axis="y")
        axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
        for place, (name, table) in enumerate(zip(names, tables.values(), strict=True)):
            x, y, slope = (table[key].to_numpy(dtype=float) for key in ("x", "y", "slope"))
            kink, of = np.isfinite(y) & np.isnan(slope), look(place)
            # broken at the kinks, so that a jump is not drawn as a steep line
            values = y if column == "y" else slope
            values = np.where((np.abs(values) <= most) & ~kink, values, np.nan)
            width = THICK - (THICK - THIN) * place / max(len(tables) - 1, 1) if len(tables) > 1 else 2.2
            axes.plot(x, values, color=of.color, linestyle=of.linestyle, linewidth=width, label=list(tables)[place])
            if column == "y" and kink.any():
                axes.plot(x[kink], y[kink], "o", color=of.color, markerfacecolor="white", markersize=6, label="kink")
                kinks = True
            known = np.flatnonzero(np.isfinite(values))
            drawn += list(values[known])
            if column == "y" and name and len(known):
                ends.append(LineEnd(float(x[known[-1]]), float(values[known[-1]]), name, of))
        if set_scale(axes, "y", [*drawn, 0.0] if drawn else []):
            axes.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
            axes.set_xlim(-EDGE, EDGE)
            label_line_ends(axes, ends)
        name_value_axis(axes, label + (", ring: kink" if kinks and column == "y" else ""))
        axes.tick_params(labelbottom=axes is grid[-1])
    grid[-1].set_xlabel(x_label)
    return figure
