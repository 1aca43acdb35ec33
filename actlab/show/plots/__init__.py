"""DataFrames in, figures out: the curves of a run and of a study, and what probes saw, in one style.

Nothing here trains, knows a file layout or touches pyplot. `style` has what every figure shares (colours, text sizes,
a figure with a heading, PNG and SVG bytes); a module beside it draws one kind of figure.
"""

from __future__ import annotations

from actlab.show.plots.by_layer import gradient_norms_figure, layer_measures_figure
from actlab.show.plots.dead_units import dead_units_figure, watched_units
from actlab.show.plots.difference_figure import BESIDE, difference_figure
from actlab.show.plots.heat_map import heat_map
from actlab.show.plots.histograms import histograms_figure
from actlab.show.plots.history import history_figure
from actlab.show.plots.number_figure import number_figure
from actlab.show.plots.overlay import overlay_figure
from actlab.show.plots.probe_figures import probe_figures
from actlab.show.plots.strip_figure import strip_figure
from actlab.show.plots.style import PALETTE, STYLE, Look, looks, png, svg

__all__ = [
    "BESIDE",
    "PALETTE",
    "STYLE",
    "Look",
    "dead_units_figure",
    "difference_figure",
    "gradient_norms_figure",
    "heat_map",
    "histograms_figure",
    "history_figure",
    "layer_measures_figure",
    "looks",
    "number_figure",
    "overlay_figure",
    "png",
    "probe_figures",
    "strip_figure",
    "svg",
    "watched_units",
]
