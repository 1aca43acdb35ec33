"""The figures of what a run's probes saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from actlab.show.plots.by_layer import gradient_norms_figure, layer_measures_figure
from actlab.show.plots.dead_units import COUNTS, dead_units_figure, watched_units
from actlab.show.plots.histograms import histograms_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = ("saturated_fraction", "weight_norm", "update_norm")


def probe_figures(history: pd.DataFrame, layers: pd.DataFrame, title: str, note: str = "") -> dict[str, Figure]:
    """Every figure of one run that its columns allow.

    Args:
        history: a row an evaluation, with the totals of the probes.
        layers: a row an evaluation and layer, as in layers.csv.
        title: drawn as it is.
        note: what nobody may overlook (a stand-in dataset); drawn under the title.

    Returns:
        The stem of a file name to its figure; empty where nothing was measured yet.
    """
    if layers.empty:
        return {}
    figures = {}
    counts = [column for column in COUNTS if column in history and column in layers]
    if counts:
        figures["dead_units"] = dead_units_figure(history, title, note, watched_units(layers, counts[0]))
    if "gradient_norm_mean" in layers:
        figures["gradient_norms"] = gradient_norms_figure(layers, title, note)
    if "activation_histogram_00" in layers:
        figures["activation_histograms"] = histograms_figure(layers, title, note)
    if measures := _measures(layers, counts):
        figures["layer_measures"] = layer_measures_figure(layers, measures, title, note)
    return figures


def _measures(layers: pd.DataFrame, counts: list[str]) -> list[str]:
    """The columns without a figure of their own: a count where layers share it, saturation, norms, what is learned."""
    shared = [column for column in counts[:1] if layers.dropna(subset=[column])["layer"].nunique() > 1]
    stems = [str(column).removesuffix("_mean") for column in layers if str(column).endswith("_mean")]
    learned = [
        f"{stem}_mean" for stem in stems if stem != "activation" and {f"{stem}_min", f"{stem}_max"} <= set(layers)
    ]
    return [*shared, *(column for column in MEASURES if column in layers), *learned]
