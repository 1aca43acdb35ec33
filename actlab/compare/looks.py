"""One colour an activation, in every figure of a comparison or of a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from actlab.compare.baseline import main_axis
from actlab.compare.comparison import Comparison
from actlab.compare.swept import swept

if TYPE_CHECKING:
    from actlab.plots import Look

ACTIVATION = "activation"


def looks_of(comparisons: Sequence[Comparison]) -> list[dict[str, Look]]:
    """Condition to its look, for each comparison: the colour says the activation, the line style what else differs.

    Where activations do not differ, the colour says what comparisons are mainly about. It follows the order of the
    config, whatever the table is sorted by and whichever conditions a figure shows. Up to eight activations have
    colours of their own; what had one in an earlier comparison keeps it.
    """
    known: dict[str, dict[str, int]] = {}
    return [_looks(comparison, known) for comparison in comparisons]


def _looks(comparison: Comparison, known: dict[str, dict[str, int]]) -> dict[str, Look]:
    axis = _axis(comparison)
    rows = comparison.table[comparison.differs].astype(str).to_dict(orient="records")
    words = dict(zip(comparison.conditions, rows, strict=True))
    order = [name for name in comparison.summaries if name in words] or list(words)  # as planned, not as sorted
    says = {name: _says(comparison, name, axis, words[name].get(axis, "")) for name in order}
    rest = {name: tuple(word for column, word in words[name].items() if column != axis) for name in order}
    colors = _places(list(dict.fromkeys(says.values())), known.setdefault(axis.split(".")[0], {}))
    styles = {other: place for place, other in enumerate(dict.fromkeys(rest.values()))}
    return {name: _look(colors[says[name]], styles[rest[name]]) for name in order}


def _axis(comparison: Comparison) -> str:
    """The column that colours tell apart: not a number where something else differs too."""
    numbers = swept(comparison)
    columns = [column for column in comparison.differs if column not in numbers] or comparison.differs
    return main_axis(columns) if columns else ACTIVATION


def _says(comparison: Comparison, name: str, axis: str, word: str) -> str:
    """What a colour stands for: an activation as it is recorded, which has many names; else a word of the table."""
    part = comparison.conditions[name][0].config.get(ACTIVATION)
    return json.dumps(part, sort_keys=True) if axis.split(".")[0] == ACTIVATION else word


def _places(values: Sequence[str], known: dict[str, int]) -> dict[str, int]:
    """A place in the palette for each value: its known one, else the first that nothing has."""
    from actlab.plots import PALETTE

    colors = len(PALETTE)
    kept = {value: known[value] for value in values if value in known}
    kept = {value: place for value, place in kept.items() if list(kept.values()).count(place) == 1}
    unused = sorted(range(colors), key=lambda place: place in known.values())
    free = (place for place in (*unused, *range(colors, colors + len(values))) if place not in kept.values())
    places = {value: kept[value] if value in kept else next(free) for value in values}
    known |= {value: place for value, place in places.items() if place < colors and value not in known}
    return places


def _look(color: int, style: int) -> Look:
    """After every eighth colour the line styles begin one further on, so that few looks are the same."""
    from actlab.plots.style import LINE_STYLES, PALETTE, Look

    colors = len(PALETTE)
    return Look(PALETTE[color % colors], LINE_STYLES[(color // colors + style) % len(LINE_STYLES)])
