"""One colour an activation, in every figure of a comparison or of a report."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from actlab.study.compare.baseline import main_axis
from actlab.study.compare.comparison import Comparison
from actlab.study.compare.swept import swept

if TYPE_CHECKING:
    from actlab.show.plots import Look

ACTIVATION = "activation"
# a column a colour of the palette, a row a line style: what is often compared stands in different columns
PLACES = (
    ("relu", "leaky_relu", "prelu", "tanh", "sigmoid", "softplus", "reflection_linear", "linear"),
    ("relu6", "gelu", "zero_fit_linear", "rrelu", "softplus_linear", "hard_sigmoid", "elu", "threshold"),
    ("crelu", "mish", "silu", "hard_tanh", "log_sigmoid", "selu", "squareplus", "hard_shrink"),
    ("maxout", "celu", "swish", "softsign", "sparse_sigmoid", "sparse_plus", "signed_sqrt", "soft_shrink"),
    ("glu", "exponential", "hard_silu", "tanh_shrink", "softmax", "log_softmax", "sparsemax", "formula"),
)

Place = tuple[int, int]  # in the palette, and among the line styles


def looks_of(comparisons: Sequence[Comparison]) -> list[dict[str, Look]]:
    """Condition to its look, for each comparison: the colour says the activation, the line style what else differs.

    An activation has the same colour and line style wherever it is drawn; the same activation with other parameters
    beside it has the next line style that is free. Where activations do not differ, the colour says what comparisons
    are mainly about, in the order of the config, whatever the table is sorted by and whichever conditions a figure
    shows; what had a colour in an earlier comparison keeps it.
    """
    known: dict[str, dict[str, int]] = {}
    return [_looks(comparison, known) for comparison in comparisons]


def place_of(activation: str) -> Place:
    """Colour and line style of an activation: its own; of one that has none here, what its name comes to."""
    for style, row in enumerate(PLACES):
        if activation in row:
            return row.index(activation), style
    number = zlib.crc32(activation.encode(errors="replace"))
    return number % len(PLACES[0]), number // len(PLACES[0]) % len(PLACES)


def _looks(comparison: Comparison, known: dict[str, dict[str, int]]) -> dict[str, Look]:
    axis = _axis(comparison)
    rows = comparison.table[comparison.differs].astype(str).to_dict(orient="records")
    words = dict(zip(comparison.conditions, rows, strict=True))
    order = [name for name in comparison.summaries if name in words] or list(words)  # as planned, not as sorted
    rest = {name: tuple(word for column, word in words[name].items() if column != axis) for name in order}
    styles = {other: place for place, other in enumerate(dict.fromkeys(rest.values()))}
    if axis.split(".")[0] == ACTIVATION:
        return _of_activations(comparison, order, {name: styles[rest[name]] for name in order})
    says = {name: words[name].get(axis, "") for name in order}
    colors = _places(list(dict.fromkeys(says.values())), known.setdefault(axis.split(".")[0], {}))
    return {name: _look(colors[says[name]], styles[rest[name]]) for name in order}


def _of_activations(comparison: Comparison, order: Sequence[str], beside: Mapping[str, int]) -> dict[str, Look]:
    """The looks of conditions whose activations differ; `beside` counts what else differs."""
    parts = {name: comparison.conditions[name][0].config.get(ACTIVATION) for name in order}
    bare = {name: str(part.get("name") if isinstance(part, Mapping) else part) for name, part in parts.items()}
    firsts: dict[str, str] = {}
    for name in sorted(order, key=beside.__getitem__):
        firsts.setdefault(bare[name], name)
    taken: dict[str, Place] = {}
    for name in [*firsts.values(), *(name for name in order if name not in firsts.values())]:
        color, style = place_of(bare[name])
        wanted = (color, style + beside[name])
        taken[name] = _free(wanted, set(taken.values()), alone=len(firsts) == 1)
    return {name: _look(*taken[name]) for name in order}


def _free(wanted: Place, taken: Collection[Place], alone: bool) -> Place:
    """The wanted place, or the next line style of that colour; other colours only where a figure has one activation."""
    colors, styles = len(PLACES[0]), len(PLACES)
    color, style = wanted
    ways = [((color + i) % colors, (style + j) % styles) for i in range(colors if alone else 1) for j in range(styles)]
    return next((place for place in ways if place not in taken), ways[0])


def _axis(comparison: Comparison) -> str:
    """The column that colours tell apart: not a number where something else differs too."""
    numbers = swept(comparison)
    columns = [column for column in comparison.differs if column not in numbers] or comparison.differs
    return main_axis(columns) if columns else ACTIVATION


def _places(values: Sequence[str], known: dict[str, int]) -> dict[str, int]:
    """A place in the palette for each value: its known one, else the first that nothing has."""
    from actlab.show.plots import PALETTE

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
    from actlab.show.plots.style import LINE_STYLES, PALETTE, Look

    colors = len(PALETTE)
    return Look(PALETTE[color % colors], LINE_STYLES[(color // colors + style) % len(LINE_STYLES)])
