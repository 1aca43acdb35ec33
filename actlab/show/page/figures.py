"""The figures of an experiment, as parts of the page: the comparison, the curves, what the probes saw, films."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from markupsafe import Markup

from actlab.errors import RunDirError
from actlab.runs.folder import CONFUSION, LAYERS
from actlab.runs.record import Run
from actlab.show import words
from actlab.show.figures.axes import quantity
from actlab.show.figures.comparison import FILMS, comparison_figures, stand_in_note
from actlab.show.figures.confusion import confusion_figure
from actlab.show.figures.curves import curves_figure, dead_units_figure, gradient_norms_figure
from actlab.show.figures.histograms import histograms_figure
from actlab.show.figures.run import watched_units
from actlab.show.figures.style import PALETTE, Draw, Heading, Look, svg
from actlab.show.page.section import address
from actlab.show.page.svg import inline
from actlab.show.words import tested

if TYPE_CHECKING:
    import pandas as pd

    from actlab.study.judge import Comparison

Drawn = tuple[str, Markup]  # a title, and the figure under it

FEW = len(PALETTE)  # conditions up to which each gets figures by layer
NAMED = 12  # conditions whose numbers stand in the text that replaces a figure
FURTHER = (
    "saturated_fraction", "inactive_units", "unmoved_units", "revived_units", "gradient_norm_max", "weight_norm",
    "update_norm",
)  # fmt: skip
MOST_WITH_ALL = 4  # experiments of a page that draws further measures, and figures by layer
FILM = "weight_film.webp"
FILM_BYTES = 3_000_000  # that the films of a page may take, each experiment its part; what does not fit is named


@dataclass
class Group:
    """Figures under one heading; `folded` ones, by their headings, are shown when they are asked for."""

    id: str
    title: str
    figures: list[Drawn] = field(default_factory=list)
    folded: dict[str, list[Drawn]] = field(default_factory=dict)
    text: str = ""


class Drawer:
    """Draws the figures of one experiment.

    Args:
        comparison: of its runs.
        looks: condition to how it is drawn.
        prefix: of the ids of its figures.
        experiments: how many share the page.
    """

    def __init__(self, comparison: Comparison, looks: Mapping[str, Look], prefix: str, experiments: int) -> None:
        self.comparison, self.looks, self.prefix, self.experiments = comparison, looks, prefix, experiments
        self.curves = comparison.curves()
        self.heading, self.on_test = Heading("", stand_in_note(comparison)), tested(comparison.runs)

    def figures(self) -> dict[str, Any]:
        """`first`, the figure that stands under the table; and `groups`, all others."""
        drawn = comparison_figures(self.comparison, "", self.looks)
        drawn.pop(FILMS, None)  # the page has the films themselves
        seeds, curves = Group("seeds", "Every seed"), Group("curves", "Over the training")
        # what a number of the config does comes first, then the differences from the baseline
        for stem in sorted(drawn, key=lambda stem: (not stem.startswith("by_"), stem != "differences")):
            if stem in self.curves:
                title = quantity(stem, self.on_test)[0]
                curves.figures.append(self._figure(drawn[stem], stem, title, self._last_values(stem)))
            elif stem == "training":
                title = f"training accuracy over {quantity('val_accuracy', self.on_test)[0]}"
                about = self._last_values("train_eval_accuracy" if "train_eval_accuracy" in self.curves else "accuracy")
                curves.figures.append(self._figure(drawn[stem], stem, title, about))
            else:
                seeds.figures.append(self._figure(drawn[stem], stem, *self._about(stem)))
        found = [seeds, curves, *self._probes(), self._confusions(), self._films()]
        first = next((group.figures.pop(0) for group in found if group.figures), None)
        return {"first": first, "groups": [group for group in found if group.figures or group.folded or group.text]}

    def _figure(self, draw: Draw, stem: str, title: str, about: str) -> Drawn:
        title = title[:1].upper() + title[1:]
        prefix = f"{self.prefix}-{re.sub('[^A-Za-z0-9]+', '-', stem)}"
        try:
            return title, inline(svg(draw(), transparent=True), prefix, f"{title}. {about}")
        except ElementTree.ParseError:
            return f"{title}: it could not be drawn, since a name in it holds signs that are no text", Markup("")
        except Exception as error:  # whatever is wrong with a figure, the page is worth more
            return f"{title}: {words.not_drawn(error)}", Markup("")

    def _about(self, stem: str) -> tuple[str, str]:
        """Title and description of a figure of the comparison."""
        of, metric = self.comparison, self.comparison.metric
        if stem == "differences":
            pairs = [(r.short, words.difference(r.pairs.difference, metric), r.pairs.n) for r in of.results if r.pairs]
            base = words.baseline_name(of)
            return f"Difference from {base}", f"Mean over the pairs that share a seed: {_some(pairs, ' pairs')}"
        means = [(r.short, words.number(r.summary.mean, metric), r.summary.n) for r in of.results if r.summary.n]
        title = "of every seed" if stem == "seeds" else stem.replace("_", " ")
        return f"{quantity(metric, self.on_test)[0]} {title}", f"Mean over seeds {words.moment(of.at)}: {_some(means)}"

    def _last_values(self, column: str) -> str:
        """Where each condition's curve ends, for those who cannot see it."""
        last = self.curves.dropna(subset=[column]).groupby(["condition", "seed"], sort=False)[column].last()
        ends = last.groupby(level="condition", sort=False).agg(["mean", "count"])
        rows = [(str(name), words.number(row["mean"], column), int(row["count"])) for name, row in ends.iterrows()]
        return f"Mean over seeds at the last evaluation: {_some(rows)}"

    # --- what the probes saw

    def _probes(self) -> list[Group]:
        dead, gradients = Group("dead", "Dead units"), Group("gradients", "Gradients")
        activations, further = Group("activations", "Activations"), Group("further", "Further measures")
        columns, layers = [column for column in self.curves if self.curves[column].notna().any()], self._layers()
        if "dead_units" in columns:
            units = {watched_units(table) for _, table in layers.values()}
            of = units.pop() if len(units) == 1 else None
            draw = partial(dead_units_figure, self.curves, self.heading, of, self.looks, self.on_test)
            title = f"{quantity('val_accuracy', self.on_test)[0]} over dead units"
            dead.figures.append(self._figure(draw, "dead", title, self._last_values("dead_units")))
        if "gradient_norm_mean" in columns:
            gradients.figures.append(self._overlay("gradient_norm_mean"))
        names = {column: words.metric_name(column) for column in FURTHER if column in columns}
        if self.experiments > MOST_WITH_ALL:
            left_out = [*names.values(), *["figures by layer"] * bool(layers)]
            further.text = f"Left out, since this page shows many experiments: {words.listed(left_out)}. "
            further.text += "A report of this one alone draws them."
            further.text *= bool(left_out)
        else:
            further.folded = {name.capitalize(): [self._overlay(column)] for column, name in names.items()}
            activations.folded = self._by_layer("Histograms by layer", "activation_histogram_00", layers)
            gradients.folded = self._by_layer("Gradient norms by layer", "gradient_norm_mean", layers)
        return [dead, gradients, activations, further]

    def _layers(self) -> dict[str, tuple[Run, pd.DataFrame]]:
        """For each condition the first finished run with a table of its layers, and the table."""
        found = {}
        for result in self.comparison.results:
            for run in (run for run in result.runs if run.status == "done" and (run.path / LAYERS).is_file()):
                with suppress(RunDirError):  # a damaged one is named on the page
                    if len(run.layers):
                        found[result.name] = run, run.layers
                        break
        return found

    def _overlay(self, column: str) -> Drawn:
        draw = partial(curves_figure, self.curves, [column], self.heading, self.looks)
        return self._figure(draw, column, words.metric_name(column), self._last_values(column))

    def _by_layer(
        self, heading: str, column: str, layers: Mapping[str, tuple[Run, pd.DataFrame]]
    ) -> dict[str, list[Drawn]]:
        """A figure by layer of one run of each condition, where there are few."""
        of_run = histograms_figure if column.startswith("activation_histogram") else gradient_norms_figure
        figures: list[Drawn] = []
        for name, (run, table) in layers.items() if len(self.comparison.results) <= FEW else ():
            if column in table:
                last = table.dropna(subset=[column]).groupby("layer", sort=False)[column].last()
                ends = [f"{layer} {words.number(float(value), column)}" for layer, value in last.items()]
                about = f"n = 1 run. {words.metric_name(column).capitalize()} at the last evaluation: {', '.join(ends)}"
                title = f"Seed {run.config.get('seed', 0)} of {self.comparison[name].short}"
                draw = partial(of_run, table, self.heading)
                figures.append(self._figure(draw, f"{column}-{len(figures)}", title, about))
        return {f"{heading}, one run of each condition": figures} if figures else {}

    def _confusions(self) -> Group:
        """What each condition takes for what, over its seeds, where there are few."""
        group = Group("confusion", "Which classes are taken for which")
        for result in self.comparison.results if len(self.comparison.results) <= FEW else ():
            tables, names = list[Any](), list[str]()
            for run in (run for run in result.runs if run.status == "done" and (run.path / CONFUSION).is_file()):
                with suppress(RunDirError):
                    counts = run.confusion.iloc[:, 3:].to_numpy(float)
                    names = words.class_names(run.record.get("dataset", {}), len(counts))
                    tables += [counts] if not tables or tables[0].shape == counts.shape else []
            counts, n = sum(tables), f"n = {words.counted(len(tables), 'run')}, counts are sums over them"
            images = counts.sum(axis=1) if tables else []
            if not (seen := [place for place, count in enumerate(images) if count]):
                continue
            least = min(seen, key=lambda place: counts[place, place] / images[place])
            about = f"{n}. Least accurate: {names[least]}, {counts[least, least] / images[least]:.1%}"
            heading = self.heading.plus("test set, final weights", n)
            drawn = self._figure(partial(confusion_figure, counts, names, heading), f"confusion-{len(group.folded)}",
                                 f"Confusion matrix of {result.short}", about)  # fmt: skip
            group.folded[f"Confusion matrix of {result.short}"] = [drawn]
        return group

    def _films(self) -> Group:
        """The film of one run of each condition, as far as there is room for them."""
        group, left_out, room = Group("films", "Films of the weights"), [], FILM_BYTES // self.experiments
        for result in self.comparison.results:
            path = next((file for run in result.runs if (file := run.path / FILM).is_file()), None)
            if path is None:
                continue
            if path.stat().st_size > room:
                left_out.append(str(path))
                continue
            data = path.read_bytes()
            if data[:4] != b"RIFF" or data[8:12] != b"WEBP":  # a damaged one
                continue
            room -= len(data)
            title = f"How the weights of {result.short} changed, a tile a unit"
            note = f"n = 1 run: {path.parent.name}. From black, the unit's least change, to white, its greatest."
            picture = Markup('<img src="{}" alt="{}">').format(address(data, "image/webp"), words.printable(title))
            group.folded[title] = [(note, picture)]
        group.text = f"Too large for this page: {', '.join(left_out)}." if left_out else ""
        return group


def _some(rows: Iterable[tuple[str, str, int]], unit: str = "") -> str:
    """Name, number and n of the first conditions: "relu 97.5% (n = 8), ..."."""
    texts = [f"{name} {text} (n = {n}{unit})" for name, text, n in rows]
    more = f", and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return f"{', '.join(texts[:NAMED])}{more}."
