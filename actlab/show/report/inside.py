"""What the probes saw: dead units, gradients, activations and films, where runs were probed."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from actlab.errors import RunDirError
from actlab.run.folder import LAYERS
from actlab.run.record import Run
from actlab.show import plots
from actlab.show.report import figures
from actlab.show.report.figures import Figure
from actlab.show.report.functions import as_address
from actlab.show.report.reading import Chapter
from actlab.show.report.words import counted, listed, measured, metric_words
from actlab.study import compare as comparing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing
    from PIL import Image

FEW = len(plots.PALETTE)  # conditions up to which each gets figures of its own
FURTHER = (
    "saturated_fraction", "inactive_units", "unmoved_units", "revived_units", "gradient_norm_max", "weight_norm",
    "update_norm",
)  # fmt: skip
MOST_WITH_FURTHER = 4  # experiments of a page on which further measures are drawn
FILM = "weight_film.webp"
FILM_BYTES = 1_000_000  # that the films of a page may take; those that do not fit are named
SMALL_FILM_BYTES = 150_000  # up to which a film is carried as it is
MOST_FRAMES = 10  # of a film that is made smaller
MOST_BY_LAYER = 16  # conditions that a page shows by layer, over all its experiments


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


class Room:
    """What a page of so many experiments has room for.

    Args:
        experiments: how many there are.
    """

    def __init__(self, experiments: int) -> None:
        self.film_bytes = FILM_BYTES  # that are left
        self.by_layer = max(1, MOST_BY_LAYER // max(experiments, 1))  # conditions of each experiment
        self.further = experiments <= MOST_WITH_FURTHER


def groups(chapter: Chapter, prefix: str, room: Room) -> list[Group]:
    """What was probed, a heading each; some may be empty.

    Args:
        chapter: the experiment.
        prefix: of the ids of its figures.
        room: what the page has room for; the films that are shown are taken off.
    """
    frame, note = figures.histories(chapter)
    if frame.empty:
        return []
    pages = _Pages(chapter, prefix, frame, note, room)
    made = [pages.dead_units(), pages.gradients(), pages.activations(), pages.further(), _films(chapter, room)]
    return made


class _Pages:
    """The groups of one experiment."""

    def __init__(self, chapter: Chapter, prefix: str, frame: pd.DataFrame, note: str, room: Room) -> None:
        self.chapter, self.prefix, self.frame, self.note, self.room = chapter, prefix, frame, note, room
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
        folded, text = self._each("gradients", column, plots.gradient_norms_figure, "Gradient norms by layer")
        return Group("gradients", "Gradients", [self._overlay(column)], folded, text=text)

    def activations(self) -> Group:
        folded, text = self._each("activations", "activation_mean", plots.histograms_figure, "Histograms by layer")
        return Group("activations", "Activations", folded=folded, text=text)

    def further(self) -> Group:
        """Further measures of the whole network, where there are not so many conditions that each fills a page."""
        columns = [column for column in FURTHER if self.has(column)]
        if not columns or len(self.chapter.conditions) > FEW:
            return Group("further", "")
        if not self.room.further:
            names = listed([metric_words(column) for column in columns])
            text = f"Left out, since this page shows many experiments: {names}. A report of this one alone draws them."
            return Group("further", "Further measures", text=text)
        return Group("further", "Further measures", folded={
            metric_words(column).capitalize(): [self._overlay(column)] for column in columns
        })  # fmt: skip

    def _overlay(self, column: str) -> Figure:
        return figures.curve(self.chapter, self.frame, column, f"{self.prefix}-{column}", self.note)

    def _each(
        self, name: str, column: str, draw: Callable[[pd.DataFrame, str, str], Drawing], heading: str
    ) -> tuple[dict[str, list[Figure]], str]:
        """A figure by layer of one run of each condition, where there are few; a sentence about those left out."""
        layers = {n: (run, table) for n, (run, table) in self.layers.items() if column in table}
        if not layers or len(self.chapter.conditions) > FEW:
            return {}, ""
        shown = list(layers.items())[: self.room.by_layer]
        made = [
            figures.page_figure(
                self.chapter, draw(table, "", self.stand_in), f"{self.prefix}-{name}-{i}",
                f"{condition}, seed {run.config.get('seed', 0)}", _layer_values(table, column),
            )
            for i, (condition, (run, table)) in enumerate(shown)
        ]  # fmt: skip
        which = (
            "one run of each condition" if len(shown) == len(layers) else f"{len(shown)} of {len(layers)} conditions"
        )
        return {f"{heading}, {which}": made}, self._left_out(heading, len(layers) - len(shown))

    def _left_out(self, heading: str, count: int) -> str:
        if not count:
            return ""
        words = f"{heading}: {counted(count, 'condition')} left out, since this page shows several experiments."
        return f"{words} {'Its table lies' if count == 1 else 'Their tables lie'} in {self.chapter.folder}."


def _layers(runs: list[Run]) -> tuple[Run, pd.DataFrame] | None:
    """What the probes saw in the first finished run that has a table of it."""
    for run in runs:
        try:
            if run.status == "done" and (run.path / LAYERS).is_file() and len(run.layers):
                return run, run.layers
        except RunDirError:
            continue
    return None


def _layer_values(layers: pd.DataFrame, column: str) -> str:
    last = layers.dropna(subset=[column]).groupby("layer", sort=False)[column].last()
    said = [f"{layer} {measured(float(value), column)}" for layer, value in last.items()]
    return f"{metric_words(column).capitalize()} at the last evaluation: {', '.join(said)}."


# --- films


def _films(chapter: Chapter, room: Room) -> Group:
    """The film of one run of each condition, as far as there is room for them."""
    films, left_out = [], []
    for condition, runs in chapter.conditions.items():
        path = next((file for run in runs if (file := run.path / FILM).is_file()), None)
        data = _bytes(path) if path else None
        shown = _small(data) if data else None
        if path and data and shown and len(shown) <= room.film_bytes:
            room.film_bytes -= len(shown)
            films.append(_film(condition, path, shown, smaller=shown is not data))
        elif path and data:
            left_out.append(str(path))
    text = f"Too large for this page: {', '.join(left_out)}." if left_out else ""
    return Group("films", "Films of the weights", films=films, text=text)


@lru_cache(maxsize=16)  # a page that is watched is made again and again
def _small(data: bytes) -> bytes:
    """A film at half its size, in which a tile still has a pixel for each weight, and with few frames.

    One that is small already, or cannot be read, stays as it is.
    """
    from PIL import Image

    if len(data) <= SMALL_FILM_BYTES:
        return data
    try:
        with Image.open(io.BytesIO(data)) as film:
            count = getattr(film, "n_frames", 1)
            chosen = sorted({round(i * (count - 1) / (MOST_FRAMES - 1)) for i in range(MOST_FRAMES)})
            frames, times = _frames(film, chosen, count)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        return data
    target = io.BytesIO()
    frames[0].save(
        target, "WEBP", save_all=True, append_images=frames[1:], duration=times, loop=0, quality=45, method=0
    )  # fmt: skip
    return min(target.getvalue(), data, key=len)


def _frames(film: Image.Image, chosen: list[int], count: int) -> tuple[list[Image.Image], list[int]]:
    """The chosen frames at half size, each with its time and that of those left out behind it."""
    frames, times = [], []
    for place in range(count):
        film.seek(place)
        film.load()
        if place in chosen:
            frames.append(film.convert("RGB").reduce(2))
            times.append(0)
        times[-1] += int(film.info.get("duration", 0))
    return frames, times


def _bytes(path: Path) -> bytes | None:
    """What a file holds, if that is a WebP picture."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _film(condition: str, path: Path, data: bytes, smaller: bool) -> Film:
    title = f"How the weights of {condition} changed, a tile a unit"
    note = f"n = 1 run: {path.parent.name}. From black, the unit's least change, to white, its greatest."
    note += f" Made smaller for this page, with {MOST_FRAMES} frames at most; {path} is whole." if smaller else ""
    return Film(title, as_address(data, "image/webp"), note)
