"""The pictures of a run directory, drawn from its tables at the end of its training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from actlab.run.folder import HISTORY, LAYERS, WEIGHT_FILM, read_arrays, read_table, write_bytes
from actlab.show.figures.curves import (
    COUNTS,
    dead_units_figure,
    gradient_norms_figure,
    history_figure,
    layer_columns,
    layer_measures_figure,
)  # fmt: skip
from actlab.show.figures.histograms import histograms_figure
from actlab.show.figures.style import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_run(path: Path, title: str, note: str) -> None:
    """Draw everything that the tables of a run have, into its directory.

    Args:
        path: the run directory; its history has rows.
        title: over every picture.
        note: what nobody may overlook (a stand-in dataset).
    """
    history = read_table(path / HISTORY)
    figures = {metric: history_figure(history, metric, title, note) for metric in ("accuracy", "loss")}
    if (path / LAYERS).exists():
        figures |= probe_figures(history, read_table(path / LAYERS), title, note)
    for name, figure in figures.items():
        write_bytes(path / f"{name}.png", png(figure))
    if (path / WEIGHT_FILM).exists():
        from actlab.show.film import film

        arrays = read_arrays(path / WEIGHT_FILM)
        moments = [f"epoch {epoch:.4g}" for epoch in arrays["epoch"]]
        made = film(arrays["frames"], arrays.get("dead"), moments, f"Layer {arrays['layer']} of {title}", note)
        for kind, data in (("webp", made.webp), ("gif", made.gif), ("png", made.png)):
            write_bytes(path / f"weight_film.{kind}", data)


def probe_figures(history: pd.DataFrame, layers: pd.DataFrame, title: str, note: str = "") -> dict[str, Figure]:
    """Every figure of what the probes of one run saw that its columns allow.

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
    if measures := layer_columns(layers):
        figures["layer_measures"] = layer_measures_figure(layers, measures, title, note)
    return figures


def watched_units(layers: pd.DataFrame, column: str = "dead_units") -> int | None:
    """Units of all layers in which a measure was taken, at one evaluation; None where it was taken in none."""
    if column not in layers:
        return None
    measured = layers.dropna(subset=[column]).drop_duplicates("layer")
    return int(measured["units"].sum()) or None
