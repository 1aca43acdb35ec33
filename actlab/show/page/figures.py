"""The figures of an experiment, as parts of the page: the comparison, the curves, what the probes saw, films."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from actlab.errors import RunDirError
from actlab.run.folder import LAYERS
from actlab.run.record import Run
from actlab.show import words
from actlab.show.figures.comparison import comparison_figures, stand_in_note
from actlab.show.figures.curves import curves_figure, dead_units_figure, gradient_norms_figure
from actlab.show.figures.histograms import histograms_figure
from actlab.show.figures.run import watched_units
from actlab.show.figures.style import PALETTE, Heading, Look, svg
from actlab.show.page.section import address
from actlab.show.page.svg import inline

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from actlab.study.judge import Comparison

FEW = len(PALETTE)  # conditions up to which each gets figures of its own
NAMED = 12  # conditions whose numbers stand in the text that replaces a figure
FURTHER = (
    "saturated_fraction", "inactive_units", "unmoved_units", "revived_units", "gradient_norm_max", "weight_norm",
    "update_norm",
)  # fmt: skip
MOST_WITH_FURTHER = 4  # experiments of a page on which further measures are drawn
MOST_BY_LAYER = 16  # conditions that a page shows by layer, over all its experiments
FILM = "weight_film.webp"
FILM_BYTES = 1_000_000  # that the films of a page may take; those that do not fit are named
SMALL_FILM_BYTES = 150_000  # up to which a film is carried as it is
MOST_FRAMES = 10  # of a film that is made smaller


@dataclass
class Room:
    """What a page of so many experiments has room for, of which each takes its part."""

    experiments: int
    film_bytes: int = field(default_factory=lambda: FILM_BYTES)


@dataclass
class Group:
    """Figures and films under one heading; `folded` ones, by their headings, are shown when they are asked for."""

    id: str
    title: str
    figures: list[tuple[str, Markup]] = field(default_factory=list)
    folded: dict[str, list[tuple[str, Markup]]] = field(default_factory=dict)
    films: list[tuple[str, str, str]] = field(default_factory=list)  # title, address, note
    text: str = ""


class Drawer:
    """Draws the figures of one experiment.

    Args:
        comparison: of its runs.
        looks: condition to how it is drawn.
        prefix: of the ids of its figures.
        room: what the page has room for; the films that are shown are taken off.
    """

    def __init__(self, comparison: Comparison, looks: Mapping[str, Look], prefix: str, room: Room) -> None:
        self.comparison, self.looks, self.prefix, self.room = comparison, looks, prefix, room
        self.curves = comparison.curves()
        self.stand_in = stand_in_note(comparison)

    def figures(self) -> dict[str, Any]:
        """`first`, the figure that stands under the table; and `groups`, all others."""
        drawn = comparison_figures(self.comparison, "", self.looks)
        seeds, curves = Group("seeds", "Every seed"), Group("curves", "Over the training")
        # what a number of the config does comes first, then the differences from the baseline
        for stem in sorted(drawn, key=lambda stem: (not stem.startswith("by_"), stem != "differences")):
            if stem in self.curves:
                title = words.metric_name(stem)
                curves.figures.append(self._figure(drawn[stem], stem, title, self._last_values(stem)))
            else:
                seeds.figures.append(self._figure(drawn[stem], stem, *self._about(stem)))
        found = [seeds, curves, *self._probes(), self._films()]
        first = next((group.figures.pop(0) for group in found if group.figures), None)
        groups = [group for group in found if group.figures or group.folded or group.films or group.text]
        return {"first": first, "groups": groups}

    def _figure(self, figure: Figure, stem: str, title: str, about: str) -> tuple[str, Markup]:
        title = title[:1].upper() + title[1:]
        prefix = f"{self.prefix}-{re.sub('[^A-Za-z0-9]+', '-', stem)}"
        try:
            return title, inline(svg(figure, transparent=True), prefix, f"{title}. {about}")
        except ElementTree.ParseError:  # a sign that no XML may hold
            return f"{title}: it could not be drawn, since a name in it holds signs that are no text", Markup("")

    def _about(self, stem: str) -> tuple[str, str]:
        """Title and description of a figure of the comparison."""
        of, metric = self.comparison, self.comparison.metric
        if stem == "differences":
            pairs = [(r.name, words.difference(r.pairs.difference, metric), r.pairs.n) for r in of.results if r.pairs]
            base = words.baseline_name(of)
            return f"Difference from {base}", f"Mean over the pairs that share a seed: {_some(pairs, ' pairs')}"
        means = [(r.name, words.number(r.summary.mean, metric), r.summary.n) for r in of.results if r.summary.n]
        title = words.metric_name(metric) + (" of every seed" if stem == "seeds" else f" {stem.replace('_', ' ')}")
        return title, f"Mean over seeds {words.moment(of.at)}: {_some(means)}"

    def _last_values(self, column: str) -> str:
        """Where each condition's curve ends, for those who cannot see it."""
        last = self.curves.dropna(subset=[column]).groupby(["condition", "seed"], sort=False)[column].last()
        ends = last.groupby(level="condition", sort=False).agg(["mean", "count"])
        rows = [(str(name), words.number(row["mean"], column), int(row["count"])) for name, row in ends.iterrows()]
        return f"Mean over seeds at the last evaluation: {_some(rows)}"

    # --- what the probes saw

    def _probes(self) -> list[Group]:
        found, layers = [], {r.name: seen for r in self.comparison.results if (seen := _layers(r.runs))}
        columns = [column for column in self.curves if self.curves[column].notna().any()]
        if "dead_units" in columns:
            units = {watched_units(table) for _, table in layers.values()}
            of = units.pop() if len(units) == 1 else None
            figure = dead_units_figure(self.curves, "", self.stand_in, of, look_of=self.looks)
            about = "Validation accuracy over dead units", self._last_values("dead_units")
            found.append(Group("dead", "Dead units", [self._figure(figure, "dead", *about)]))
        if "gradient_norm_mean" in columns:
            found.append(Group("gradients", "Gradients", [self._overlay("gradient_norm_mean")]))
            self._by_layer(found[-1], "Gradient norms by layer", "gradient_norm_mean", layers)
        activations = Group("activations", "Activations")
        self._by_layer(activations, "Histograms by layer", "activation_histogram_00", layers)
        further = Group("further", "Further measures")
        names = {column: words.metric_name(column) for column in FURTHER if column in columns}
        if names and self.room.experiments > MOST_WITH_FURTHER:
            further.text = f"Left out, since this page shows many experiments: {words.listed(names.values())}. "
            further.text += "A report of this one alone draws them."
        else:
            further.folded = {name.capitalize(): [self._overlay(column)] for column, name in names.items()}
        return [*found, activations, further]

    def _overlay(self, column: str) -> tuple[str, Markup]:
        figure = curves_figure(self.curves, [column], Heading("", self.stand_in), self.looks)
        return self._figure(figure, column, words.metric_name(column), self._last_values(column))

    def _by_layer(
        self, group: Group, heading: str, column: str, layers: Mapping[str, tuple[Run, pd.DataFrame]]
    ) -> None:
        """Add a figure by layer of one run of each condition, where there are few; say which are left out."""
        having = {name: seen for name, seen in layers.items() if column in seen[1]}
        if not having or len(self.comparison.results) > FEW:
            return
        draw = histograms_figure if column.startswith("activation_histogram") else gradient_norms_figure
        shown = list(having.items())[: max(1, MOST_BY_LAYER // self.room.experiments)]
        figures = []
        for place, (name, (run, table)) in enumerate(shown):
            last = table.dropna(subset=[column]).groupby("layer", sort=False)[column].last()
            about = f"n = 1 run. {words.metric_name(column).capitalize()} at the last evaluation: " + ", ".join(
                f"{layer} {words.number(float(value), column)}" for layer, value in last.items()
            )
            title = f"{name}, seed {run.config.get('seed', 0)}"
            figures.append(self._figure(draw(table, "", self.stand_in), f"{column}-{place}", title, about))
        left_out = len(having) - len(shown)
        which = f"{len(shown)} of {len(having)} conditions" if left_out else "one run of each condition"
        group.folded[f"{heading}, {which}"] = figures
        if left_out:
            missing = words.counted(left_out, "condition")
            folder = self.comparison.results[0].runs[0].path.parent
            group.text = f"{heading}: {missing} left out, since this page shows several experiments. "
            group.text += f"{'Its table lies' if left_out == 1 else 'Their tables lie'} in {folder}."

    # --- films

    def _films(self) -> Group:
        """The film of one run of each condition, as far as there is room for them."""
        group, left_out = Group("films", "Films of the weights"), []
        for result in self.comparison.results:
            path = next((file for run in result.runs if (file := run.path / FILM).is_file()), None)
            data = _webp(path) if path else b""
            if path is None or not data:
                continue
            shown = _small(data)
            if len(shown) > self.room.film_bytes:
                left_out.append(str(path))
                continue
            self.room.film_bytes -= len(shown)
            note = f"n = 1 run: {path.parent.name}. From black, the unit's least change, to white, its greatest."
            if shown is not data:
                note += f" Made smaller for this page, with {MOST_FRAMES} frames at most; {path} is whole."
            title = f"How the weights of {result.name} changed, a tile a unit"
            group.films.append((title, address(shown, "image/webp"), note))
        group.text = f"Too large for this page: {', '.join(left_out)}." if left_out else ""
        return group


def _some(rows: Iterable[tuple[str, str, int]], unit: str = "") -> str:
    """Name, number and n of the first conditions: "relu 97.5% (n = 8), ..."."""
    texts = [f"{name} {text} (n = {n}{unit})" for name, text, n in rows]
    more = f", and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return f"{', '.join(texts[:NAMED])}{more}."


def _layers(runs: Sequence[Run]) -> tuple[Run, pd.DataFrame] | None:
    """What the probes saw in the first finished run that has a table of it."""
    for run in runs:
        try:
            if run.status == "done" and (run.path / LAYERS).is_file() and len(run.layers):
                return run, run.layers
        except RunDirError:
            continue
    return None


def _webp(path: Path) -> bytes:
    """What a file holds, if that is a WebP picture; else nothing."""
    try:
        data = path.read_bytes()
    except OSError:
        return b""
    return data if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else b""


@lru_cache(maxsize=16)  # a page that is watched is made again and again
def _small(data: bytes) -> bytes:
    """A film at half its size, in which a tile still has a pixel for each weight, and with few frames.

    One that is small already, or cannot be read, stays as it is.
    """
    from PIL import Image, ImageSequence

    if len(data) <= SMALL_FILM_BYTES:
        return data
    frames, times = [], []
    try:
        with Image.open(io.BytesIO(data)) as film:
            every = math.ceil(getattr(film, "n_frames", 1) / MOST_FRAMES)
            for place, frame in enumerate(ImageSequence.Iterator(film)):
                frame.load()
                if place % every == 0:
                    frames.append(frame.convert("RGB").reduce(2))
                    times.append(0)
                times[-1] += int(frame.info.get("duration", 0))  # and those of the frames left out behind it
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        return data
    target = io.BytesIO()
    frames[0].save(target, "WEBP", save_all=True, append_images=frames[1:], duration=times, quality=45, method=0)
    return min(target.getvalue(), data, key=len)
