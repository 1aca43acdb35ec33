"""The pictures of a run directory, drawn from its tables at the end of its training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from actlab.errors import RunDirError
from actlab.runs.folder import CONFUSION, HISTORY, LAYERS, WEIGHT_FILM, read_arrays, read_table, write_bytes
from actlab.runs.record import Run
from actlab.show import words
from actlab.show.figures import curves
from actlab.show.figures.confusion import confusion_figure
from actlab.show.figures.histograms import histograms_figure
from actlab.show.figures.style import Draw, Heading, png
from actlab.show.words import tested
from actlab.spec import labels
from actlab.study.measures import best_by

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_run(path: Path) -> list[str]:
    """Draw everything that the tables of a run have, into its directory; its record says what it is of.

    Args:
        path: the run directory; its history has rows.

    Returns:
        The names of the files that could not be drawn; stderr says why. A training is worth more than its figures.
    """
    try:
        run = Run(path)
    except RunDirError as error:  # damaged meanwhile; the training writes it anew, and the next `actlab run` draws
        print(f"{path}: {words.not_drawn(error)}", file=sys.stderr)
        return ["accuracy.png", "loss.png"]
    history = read_table(path / HISTORY)
    heading, on_test = Heading(title_of(run), words.stand_in(run.record.get("dataset") or {})), tested([run])
    figures: dict[str, Draw] = {
        metric: partial(curves.history_figure, history, metric, heading, on_test, best_by(run.config))
        for metric in ("accuracy", "loss")
    }
    if (path / LAYERS).exists():
        figures |= probe_figures(history, read_table(path / LAYERS), heading, on_test)
    if (path / CONFUSION).exists():
        figures["confusion"] = partial(_confusion, run, heading)
    made: dict[tuple[str, ...], Callable[[], Sequence[bytes]]] = {
        (f"{name}.png",): partial(_png, draw) for name, draw in figures.items()
    }
    if (path / WEIGHT_FILM).exists():
        made["weight_film.webp", "weight_film.gif", "weight_film.png"] = partial(_film, path, heading)
    failed: list[str] = []
    for names, draw in made.items():
        try:
            files = draw()
        except Exception as error:
            failed += names
            print(f"{path / names[0]}: {words.not_drawn(error)}", file=sys.stderr)
            continue
        for name, data in zip(names, files, strict=True):
            write_bytes(path / name, data)
    return failed


def draw_again(runs: Sequence[Run]) -> None:
    """Draw what could not be drawn at the end of a training, of those runs that say so."""
    for run in runs:
        names = run.record.get("not_drawn")
        if isinstance(names, list) and not all((run.path / Path(str(name)).name).exists() for name in names):
            draw_run(run.path)


def title_of(run: Run) -> str:
    """What a run is: "relu on mnist: mnist_dense, he_normal, sgd 0.1, batch 100, seed 0"; defaults are left out."""
    config, parts = run.config, ("model", "initializer", "optimizer")
    activation, *others = (labels.texts(column, [config.get(column)])[0] for column in ("activation", *parts))
    more = [f"batch {config.get('batch_size')}", f"seed {config.get('seed')}"]
    return f"{activation} on {(run.record.get('dataset') or {}).get('name')}: {', '.join([*others, *more])}"


def _png(draw: Draw) -> tuple[bytes]:
    return (png(draw()),)


def _confusion(run: Run, heading: Heading) -> Figure:
    counts = run.confusion.iloc[:, 3:].to_numpy()
    heading = Heading(f"Confusion matrix of {heading.title}", heading.note, ("test set, final weights", "n = 1 run"))
    return confusion_figure(counts, words.class_names(run.record.get("dataset", {}), len(counts)), heading)


def _film(path: Path, heading: Heading) -> Sequence[bytes]:
    from actlab.show.film import film

    arrays = read_arrays(path / WEIGHT_FILM)
    moments = [f"epoch {epoch:.4g}" for epoch in arrays["epoch"]]
    head, dead, unmoved = f"Layer {arrays['layer']} of {heading.title}", arrays.get("dead"), arrays.get("unmoved")
    return film(arrays["frames"], dead, moments, head, heading.note, unmoved)


def probe_figures(
    history: pd.DataFrame, layers: pd.DataFrame, heading: Heading, on_test: bool = False
) -> dict[str, Draw]:
    """What draws each figure of what the probes of one run saw that its columns allow.

    Args:
        history: a row an evaluation, with the totals of the probes.
        layers: a row an evaluation and layer, as in layers.csv.
        heading: what stands over each.
        on_test: whether validation was done on the test images.

    Returns:
        The stem of a file name to what draws it; empty where nothing was measured yet.
    """
    if layers.empty:
        return {}
    figures: dict[str, Draw] = {}
    counts = [column for column in curves.COUNTS if column in history and column in layers]
    if counts:
        units = watched_units(layers, counts[0])
        figures["dead_units"] = partial(curves.dead_units_figure, history, heading, units, on_test=on_test)
    if "gradient_norm_mean" in layers:
        figures["gradient_norms"] = partial(curves.gradient_norms_figure, layers, heading)
    if "activation_histogram_00" in layers:
        figures["activation_histograms"] = partial(histograms_figure, layers, heading)
    if measures := curves.layer_columns(layers):
        figures["layer_measures"] = partial(curves.layer_measures_figure, layers, measures, heading)
    return figures


def watched_units(layers: pd.DataFrame, column: str = "dead_units") -> int | None:
    """Units of all layers in which a measure was taken, at one evaluation; None where it was taken in none."""
    if column not in layers:
        return None
    measured = layers.dropna(subset=[column]).drop_duplicates("layer")
    return int(measured["units"].sum()) or None
