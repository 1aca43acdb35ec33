"""DataFrames in, figures out: the curves of a run and of a study, in one style.

Nothing here trains, knows a file layout or touches pyplot. `style` has what every figure shares (colours, text sizes,
a figure with a heading, PNG and SVG bytes); a module beside it draws one kind of figure.
"""

from __future__ import annotations

from actlab.plots.history import history_figure
from actlab.plots.overlay import overlay_figure
from actlab.plots.style import PALETTE, STYLE, looks, png, svg

__all__ = ["PALETTE", "STYLE", "history_figure", "looks", "overlay_figure", "png", "svg"]
