"""The figures that apply to a comparison: every seed, the differences, and what a number of the config does."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from actlab.study.compare.comparison import Comparison
from actlab.study.compare.looks import looks_of
from actlab.study.compare.notes import stand_in_note
from actlab.study.compare.swept import swept, tied, without
from actlab.study.compare.values import moment
from actlab.study.measures import higher_is_better

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from actlab.show.plots import Look

LONGEST_SLUG = 40  # characters of a file's name


def figures(comparison: Comparison, title: str, look_of: Mapping[str, Look] | None = None) -> dict[str, Figure]:
    """The figures of a comparison besides its curves, each by the stem of its file's name.

    - `seeds`: every seed of every condition;
    - `differences`: each condition minus its baseline, where there is a pair;
    - `by_learning_rate`: the metric against a number that differs, a line for all that differ in it only;
    - `by_learning_rate_and_batch_size`: a map, where two numbers cross.

    Args:
        comparison: of runs of which one or more are done; else there is nothing to draw.
        title: over each figure.
        look_of: condition to its look; by default as `looks_of` gives it.
    """
    if not any(comparison.values.values()):
        return {}
    drawer = _Drawer(comparison, title, look_of or looks_of([comparison])[0])
    return {"seeds": drawer.seeds(), **drawer.differences(), **drawer.numbers()}


class _Drawer:
    """A comparison with what all its figures share."""

    def __init__(self, comparison: Comparison, title: str, look_of: Mapping[str, Look]) -> None:
        self.comparison, self.metric, self.title, self.look_of = comparison, comparison.metric, title, look_of
        self.note = stand_in_note([run for runs in comparison.conditions.values() for run in runs])
        self.when = moment(comparison.at)
        self.frame = _seeds(comparison)

    def seeds(self) -> Figure:
        from actlab.show import plots

        return plots.strip_figure(self.frame, self.metric, self.title, self.note, self.when, self.look_of)

    def differences(self) -> dict[str, Figure]:
        from actlab.show import plots

        frame = _differences(self.comparison)
        if not frame["difference"].notna().any():
            return {}
        verdicts = {
            name: verdict.word + (f" {plots.BESIDE}" if self.comparison.confounded.get(name) else "")
            for name, verdict in self.comparison.verdicts.items() if verdict
        }  # fmt: skip
        figure = plots.difference_figure(
            frame, self.metric, _baseline(self.comparison), self.title, self.note, self.when, verdicts,
            higher_is_better(self.metric), self.look_of,
        )  # fmt: skip
        return {"differences": figure}

    def numbers(self) -> dict[str, Figure]:
        """Maps where two numbers cross; else a curve for each that takes two values or more with all else equal."""
        from actlab.show import plots

        numbers = swept(self.comparison)
        keys = sorted(tied(numbers), key=lambda group: -len(set(numbers[group[0]].values())))
        short = _short([group[0] for group in keys])
        for first, second in combinations(keys, 2):
            if (cells := self._cells(numbers, first, second)) is not None:
                names = short[first[0]], short[second[0]]
                when = self._left_out(cells) + _with([*first[1:], *second[1:]])
                figure = plots.heat_map(cells, self.metric, names, self.title, self.note, when)
                return {f"by_{_slug(names[0])}_and_{_slug(names[1])}": figure}
        lines = [(group, self._lines(numbers[group[0]], group)) for group in keys]
        return {
            f"by_{_slug(short[group[0]])}": plots.number_figure(
                frame, self.metric, short[group[0]], self.title, self.note, self._left_out(frame) + _with(group[1:]),
                self.look_of,
            )
            for group, frame in lines if len(frame)
        }  # fmt: skip

    def _cells(
        self, numbers: Mapping[str, Mapping[str, float]], across: list[str], up: list[str]
    ) -> pd.DataFrame | None:
        """The seeds with both numbers, of the panels in which these cross; None if there is no such panel."""
        rest = without(self.comparison, [*across, *up])
        x, y = numbers[across[0]], numbers[up[0]]
        frame = self.frame[self.frame["condition"].isin(x.keys() & y.keys())]
        names = frame["condition"]
        frame = frame.assign(panel=names.map(rest), x=names.map(x), y=names.map(y))
        crossed = [panel for panel, part in frame.groupby("panel", sort=False) if _cross(part)]
        return frame[frame["panel"].isin(crossed)] if crossed else None

    def _lines(self, numbers: Mapping[str, float], keys: Sequence[str]) -> pd.DataFrame:
        """The seeds of all lines of two points or more; and single points that differ from such a line in name only.

        So ReLU, whose slope is 0, stands beside the slopes of LeakyReLU.
        """
        line = without(self.comparison, keys)
        beside = without(self.comparison, [*keys, *(key.split(".")[0] for key in keys)])
        points = Counter(line[name] for name in numbers)
        near = {beside[name] for name in numbers if points[line[name]] > 1}
        frame = self.frame[self.frame["condition"].isin([name for name in numbers if beside[name] in near])]
        return frame.assign(line=frame["condition"].map(line), x=frame["condition"].map(numbers))

    def _left_out(self, frame: pd.DataFrame) -> str:
        """When it was measured, and of how many conditions a figure does not tell."""
        missing = len(self.comparison.conditions) - frame["condition"].nunique()
        without_words = f"; not drawn: {missing} other condition{'' if missing == 1 else 's'}" if missing else ""
        return self.when + without_words


def _seeds(comparison: Comparison) -> pd.DataFrame:
    """A row a condition and seed, in the order of the table; NaN where a seed has no value."""
    import pandas as pd

    rows = [
        (name, seed, comparison.values[name].get(seed, math.nan))
        for name in comparison.conditions
        for seed in sorted({*comparison.values[name], *comparison.lacking.get(name, {})})
    ]
    return pd.DataFrame(rows, columns=["condition", "seed", comparison.metric])


def _differences(comparison: Comparison) -> pd.DataFrame:
    """A row a pair, in the order of the table; one of NaN for a condition without pairs."""
    import pandas as pd

    rows: list[tuple[str, Any, float]] = []
    for name in comparison.conditions:
        if name not in comparison.baselines:
            continue
        pair, theirs = comparison.pairs.get(name), comparison.values[comparison.baselines[name]]
        seeds = [seed for seed in comparison.values[name] if seed in theirs] if pair else []
        rows += zip([name] * len(seeds), seeds, pair.differences if pair else (), strict=True)
        rows += [] if seeds else [(name, -1, math.nan)]
    return pd.DataFrame(rows, columns=["condition", "seed", "difference"])


def _baseline(comparison: Comparison) -> str:
    bases = set(comparison.baselines.values())
    return bases.pop() if len(bases) == 1 else "its baseline"


def _cross(cells: pd.DataFrame) -> bool:
    """Whether some number across has several up, and the other way round."""
    pairs = cells[["x", "y"]].drop_duplicates()
    return bool(pairs["x"].duplicated().any() and pairs["y"].duplicated().any())


def _with(keys: Sequence[str]) -> str:
    """What changes along with a number."""
    words = " and ".join(key.split(".")[-1].replace("_", " ") for key in keys)
    return f"; {words} {'goes' if len(keys) == 1 else 'go'} with it" if keys else ""


def _short(keys: Sequence[str]) -> dict[str, str]:
    """Key to its last word, where that tells it from the others."""
    counts = Counter(key.split(".")[-1] for key in keys)
    return {key: last if counts[last := key.split(".")[-1]] == 1 else key for key in keys}


def _slug(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", key)[:LONGEST_SLUG]
