"""The pictures of a run directory, drawn from its tables at the end of its training."""

from __future__ import annotations

from pathlib import Path

from actlab.run import rundir
from actlab.show import plots
from actlab.show.animate import film


def draw(path: Path, title: str, note: str) -> None:
    """Draw everything that the tables of a run have.

    Args:
        path: the run directory; its history has rows.
        title: over every picture.
        note: what nobody may overlook (a stand-in dataset).
    """
    history = rundir.read_table(path / rundir.HISTORY)
    for metric in ("accuracy", "loss"):
        figure = plots.history_figure(history, metric, title, note)
        rundir.write_bytes(path / f"{metric}.png", plots.png(figure))
    if (path / rundir.LAYERS).exists():
        _draw_probes(path, title, note)
    if (path / rundir.WEIGHT_FILM).exists():
        _draw_film(path, title, note)


def _draw_probes(path: Path, title: str, note: str) -> None:
    history, layers = rundir.read_table(path / rundir.HISTORY), rundir.read_table(path / rundir.LAYERS)
    for name, figure in plots.probe_figures(history, layers, title, note).items():
        rundir.write_bytes(path / f"{name}.png", plots.png(figure))


def _draw_film(path: Path, title: str, note: str) -> None:
    arrays = rundir.read_arrays(path / rundir.WEIGHT_FILM)
    moments = [f"epoch {epoch:.4g}" for epoch in arrays["epoch"]]
    made = film(arrays["frames"], arrays.get("dead"), moments, f"Layer {arrays['layer']} of {title}", note)
    for kind, data in (("webp", made.webp), ("gif", made.gif), ("png", made.png)):
        rundir.write_bytes(path / f"weight_film.{kind}", data)
