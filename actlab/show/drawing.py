"""The figures of an experiment at its end."""

from __future__ import annotations

from pathlib import Path

from actlab.run.folder import write_bytes
from actlab.study.compare import Comparison, curves, figures, looks_of, stand_in_note


def overlay(folder: Path, comparison: Comparison, title: str) -> list[Path]:
    """Draw the curves of all conditions over each other; returns the files."""
    from actlab.show import plots

    frame = curves(comparison)
    if frame.empty:
        return []
    note = stand_in_note([run for runs in comparison.conditions.values() for run in runs])
    (look_of,) = looks_of([comparison])
    judged = [comparison.metric] if comparison.metric in frame and comparison.metric.isidentifier() else []
    files = []
    for metric in dict.fromkeys(("val_accuracy", "val_loss", *judged)):
        path = folder / f"{metric}.png"
        write_bytes(path, plots.png(plots.overlay_figure(frame, metric, title, note, look_of)))
        files.append(path)
    return files


def draw(folder: Path, comparison: Comparison, title: str) -> list[Path]:
    """Draw every figure that applies to a comparison; returns the files."""
    from actlab.show import plots

    files = overlay(folder, comparison, title)
    for stem, figure in figures(comparison, title).items():
        write_bytes(folder / f"{stem}.png", plots.png(figure))
        files.append(folder / f"{stem}.png")
    return files
