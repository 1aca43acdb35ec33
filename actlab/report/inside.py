"""What the probes saw: dead units, gradients, activations and films, where runs were probed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from actlab import compare as comparing
from actlab import plots, rundir
from actlab.errors import RunDirError
from actlab.report import figures
from actlab.report.figures import Figure
from actlab.report.functions import as_address
from actlab.report.reading import Chapter
from actlab.report.words import measured, metric_words
from actlab.rundir import Run

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

FEW = len(plots.PALETTE)  # conditions up to which each gets figures of its own
FURTHER = (
    "saturated_fraction", "inactive_units", "unmoved_units", "revived_units", "gradient_norm_max", "weight_norm",
    "update_norm",
)  # fmt: skip
FILM = "weight_film.webp"
FILM_BYTES = 3_000_000  # that the films of a page may take; those that do not fit are named


@dataclass(frozen=True)
class Film:
    """A film of a run's weights that the page carries.

    Args:
        title: whose weights.
        address: a data: URI with its bytes.
        note: what it shows.
    """

    title: str
    address: str
    note: str


@dataclass(frozen=True)
class Group:
    """Figures under one heading.

    Args:
        id: of the section.
        title: its heading.
        figures: shown at once.
        folded: heading to figures that are shown when they are asked for.
        films: shown when they are asked for.
        text: what a reader must know.
    """

    id: str
    title: str
    figures: list[Figure] = field(default_factory=list)
    folded: dict[str, list[Figure]] = field(default_factory=dict)
    films: list[Film] = field(default_factory=list)
    text: str = ""


def groups(chapter: Chapter, prefix: str) -> list[Group]:
    """What was probed, a heading each; some may be empty."""
    frame, note = figures.histories(chapter)
    if frame.empty:
        return []
    pages = _Pages(chapter, prefix, frame, note)
    made = [pages.dead_units(), pages.gradients(), pages.activations(), pages.further(), _films(chapter)]
    return made


class _Pages:
    """The groups of one experiment."""

    def __init__(self, chapter: Chapter, prefix: str, frame: pd.DataFrame, note: str) -> None:
        self.chapter, self.prefix, self.frame, self.note = chapter, prefix, frame, note
        self.stand_in = comparing.stand_in_note(chapter.runs)
        self.layers = {name: layers for name, runs in chapter.conditions.items() if (layers := _layers(runs))}

    def has(self, column: str) -> bool:
        return column in self.frame and bool(self.frame[column].notna().any())

    def dead_units(self) -> Group:
        if not self.has("dead_units"):
            return Group("dead", "")
        units = {plots.watched_units(layers) for _, layers in self.layers.values()}
        of = units.pop() if len(units) == 1 else None
        drawing = plots.dead_units_figure(self.frame, "", self.stand_in, of, look_of=self.chapter.looks)
        title = "Validation accuracy over dead units"
        said = figures.last_values(self.frame, "dead_units")
        wide = len(self.chapter.conditions) > FEW
        made = figures.page_figure(self.chapter, drawing, f"{self.prefix}-dead", title, said, self.note, wide)
        return Group("dead", "Dead units", [made])

    def gradients(self) -> Group:
        column = "gradient_norm_mean"
        if not self.has(column):
            return Group("gradients", "")
        folded = self._each("gradients", column, plots.gradient_norms_figure, "Gradient norms by layer")
        return Group("gradients", "Gradients", [self._overlay(column)], folded)

    def activations(self) -> Group:
        folded = self._each("activations", "activation_mean", plots.histograms_figure, "Histograms by layer")
        return Group("activations", "Activations", folded=folded)

    def further(self) -> Group:
        """Further measures of the whole network, where there are not so many conditions that each fills a page."""
        columns = [column for column in FURTHER if self.has(column)]
        if not columns or len(self.chapter.conditions) > FEW:
            return Group("further", "")
        return Group("further", "Further measures", folded={
            metric_words(column).capitalize(): [self._overlay(column)] for column in columns
        })  # fmt: skip

    def _overlay(self, column: str) -> Figure:
        return figures.curve(self.chapter, self.frame, column, f"{self.prefix}-{column}", self.note)

    def _each(
        self, name: str, column: str, draw: Callable[[pd.DataFrame, str, str], Drawing], heading: str
    ) -> dict[str, list[Figure]]:
        """A figure by layer of one run of each condition, where there are few."""
        layers = {n: (run, table) for n, (run, table) in self.layers.items() if column in table}
        if not layers or len(self.chapter.conditions) > FEW:
            return {}
        made = [
            figures.page_figure(
                self.chapter, draw(table, "", self.stand_in), f"{self.prefix}-{name}-{i}",
                f"{condition}, seed {run.config.get('seed', 0)}", _layer_values(table, column),
            )
            for i, (condition, (run, table)) in enumerate(layers.items())
        ]  # fmt: skip
        return {f"{heading}, one run of each condition": made}


def _layers(runs: list[Run]) -> tuple[Run, pd.DataFrame] | None:
    """What the probes saw in the first finished run that has a table of it."""
    for run in runs:
        try:
            if run.status == "done" and (run.path / rundir.LAYERS).is_file() and len(run.layers):
                return run, run.layers
        except RunDirError:
            continue
    return None


def _layer_values(layers: pd.DataFrame, column: str) -> str:
    last = layers.dropna(subset=[column]).groupby("layer", sort=False)[column].last()
    said = [f"{layer} {measured(float(value), column)}" for layer, value in last.items()]
    return f"{metric_words(column).capitalize()} at the last evaluation: {', '.join(said)}."


# --- films


def _films(chapter: Chapter) -> Group:
    """The film of one run of each condition, as far as there is room for them."""
    films, left, left_out = [], FILM_BYTES, []
    for condition, runs in chapter.conditions.items():
        path = next((file for run in runs if (file := run.path / FILM).is_file()), None)
        data = _bytes(path) if path else None
        if path and data and len(data) <= left:
            left -= len(data)
            films.append(_film(condition, path, data))
        elif path and data:
            left_out.append(str(path))
    text = f"Too large for this page: {', '.join(left_out)}." if left_out else ""
    return Group("films", "Films of the weights", films=films, text=text)


def _bytes(path: Path) -> bytes | None:
    """What a file holds, if that is a WebP picture."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _film(condition: str, path: Path, data: bytes) -> Film:
    title = f"How the weights of {condition} changed, a tile a unit"
    note = f"n = 1 run: {path.parent.name}. From black, the unit's least change, to white, its greatest."
    return Film(title, as_address(data, "image/webp"), note)
