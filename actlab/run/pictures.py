"""The pictures of a run directory, drawn from its tables at the end of its training."""

from __future__ import annotations

from pathlib import Path

from actlab.run.folder import HISTORY, LAYERS, WEIGHT_FILM, read_arrays, read_table, write_bytes
from actlab.show import plots
from actlab.show.animate import film


def draw(path: Path, title: str, note: str) -> None:
    """Draw everything that the tables of a run have.

    Args:
        path: the run directory; its history has rows.
        title: over every picture.
        note: what nobody may overlook (a stand-in dataset).
    """
    history = read_table(path / HISTORY)
    for metric in ("accuracy", "loss"):
        figure = plots.history_figure(history, metric, title, note)
        write_bytes(path / f"{metric}.png", plots.png(figure))
    if (path / LAYERS).exists():
        _draw_probes(path, title, note)
    if (path / WEIGHT_FILM).exists():
        _draw_film(path, title, note)


def _draw_probes(path: Path, title: str, note: str) -> None:
    history, layers = read_table(path / HISTORY), read_table(path / LAYERS)
    for name, figure in plots.probe_figures(history, layers, title, note).items():
        write_bytes(path / f"{name}.png", plots.png(figure))


def _draw_film(path: Path, title: str, note: str) -> None:
    arrays = read_arrays(path / WEIGHT_FILM)
    moments = [f"epoch {epoch:.4g}" for epoch in arrays["epoch"]]
    made = film(arrays["frames"], arrays.get("dead"), moments, f"Layer {arrays['layer']} of {title}", note)
    for kind, data in (("webp", made.webp), ("gif", made.gif), ("png", made.png)):
        write_bytes(path / f"weight_film.{kind}", data)
