"""What every figure shares: colours and looks, a page with its heading, text that fits, and bytes that repeat.

A figure is drawn in the colours of LIGHT; `dark_colors` has the partner of each on a dark ground. What is drawn of a
condition has the id `condition-<number>` in the SVG, by which a page can single it out; the number is that of its
`Look`.
"""

from __future__ import annotations

import io
import threading
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache, wraps
from itertools import takewhile
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")
Draw = Callable[[], "Figure"]

# Okabe and Ito's colours for every kind of colour vision, with grey for their yellow, which a white page swallows.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
INK, QUIET, FAINT, ALERT = "#222222", "#5A5A5A", "#D9D9D9", "#A33B00"
PAPER, GRID, AXIS = "#FFFFFF", "#E6E6E6", "#8A8A8A"
LIGHT = (*PALETTE, INK, QUIET, FAINT, ALERT, PAPER, GRID, AXIS)
DARK = ("#4AA8E0", "#F0853F", "#2FBF93", "#DF9CC1", "#E6AB33", "#8CCBF2", "#E6E9EC", "#9AA0A6",
        "#E6E9EC", "#A3ACB5", "#3D444B", "#F7B186", "#15181C", "#2A3036", "#7D868F")  # fmt: skip
# Layers go from dark to light (or back, on a dark ground) through this map, of which each ground hides one end.
LAYER_MAP, LAYER_SHADES, DARK_SHIFT = "plasma", 210, 46

STYLE: dict[str, Any] = {
    "font.size": 11,
    "text.color": INK,
    "text.parse_math": False,  # a name from a config is text, whatever stands in it
    "text.hinting": "none",  # at 150 dots an inch it shows little, and takes a third of the time of a figure
    "axes.formatter.useoffset": False,
    "axes.edgecolor": AXIS,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "xtick.color": AXIS,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 10,
    "ytick.color": AXIS,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "actlab",
}
# DejaVu Sans comes with Matplotlib; the others have the characters that it lacks, where a machine has them.
FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "IPAexGothic", "Hiragino Sans", "Yu Gothic", "Noto Sans SC")

EDGE, LEFT, UNDER = 0.16, 0.72, 0.62  # inches around a page; left of axes and under them for ticks and their names
TITLE_POINTS, TEXT_POINTS, SMALL_POINTS = 13.0, 10.0, 8.0
DOTS_AN_INCH = 150  # of PNG files
CONTEXT = (24, 16, 12, 8, 5, 3, 0)  # characters that a name cut at both ends keeps of what it shares with others
MOST_CHARACTERS_AN_INCH = 40  # of the narrowest letter; bounds the search in texts without end
_ONE_AT_A_TIME = threading.RLock()
_styled = False  # whether the thread that holds it has set the style


# --- looks -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """How something is drawn in every figure that it is part of.

    Args:
        color: one of PALETTE, or that of a layer.
        linestyle: as Matplotlib takes it.
        number: of the condition on the page; None of what is no condition.
        label: what the condition is called beside its line; its name, if empty.
    """

    color: Any
    linestyle: Any = "-"
    number: int | None = field(default=None, compare=False)
    label: str = field(default="", compare=False)

    @property
    def gid(self) -> str | None:
        """The id in an SVG of all that is drawn of the condition."""
        return None if self.number is None else f"condition-{self.number}"


def look(place: int, number: int | None = None) -> Look:
    """The look at a place of an endless row: eight colours with a solid line, then with a dash, a dash and a dot, ...

    Args:
        place: from 0 on; no two places look the same.
        number: of the condition on the page.
    """
    round_, color = divmod(place, len(PALETTE))
    dashes = (0, (5, 1.6, *(1.2, 1.6) * (round_ - 1))) if round_ else "-"
    return Look(PALETTE[color], dashes, number)


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each name, in order of first appearance."""
    return {name: look(place, place) for place, name in enumerate(dict.fromkeys(names))}


def layer_colors(count: int) -> list[Any]:
    """A colour a layer, from dark at the input to light at the output; the lightness alone tells the order."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    if count == 1:
        return [PALETTE[0]]
    return [to_hex(colormaps[LAYER_MAP](round(place * LAYER_SHADES / (count - 1)))) for place in range(count)]


# --- settings --------------------------------------------------------------------------------------------------


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults with STYLE, whatever the user has configured; they are global: one thread at a time.

    Without `matplotlib.style`, whose import reads the user's own styles, and fails where one is damaged. Within itself
    it does nothing: setting all of them takes ten milliseconds.
    """
    from matplotlib import rc_context, rcParamsDefault

    global _styled
    with _ONE_AT_A_TIME:
        if _styled:
            yield
            return
        defaults = {name: value for name, value in rcParamsDefault.items() if name != "backend"}
        with rc_context({**defaults, **STYLE, "font.family": _fonts()}):
            _styled = True
            try:
                yield
            finally:
                _styled = False


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorator: run a drawing function in the house style."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        with house_style():
            return draw(*args, **kwargs)

    return inside


@cache
def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    known = set(fontManager.get_font_names())
    return [font for font in FONTS if font in known]


@contextmanager
def _missing_glyphs_allowed() -> Iterator[None]:
    """A character that no font of this machine has is drawn as a box: no reason to lose a figure."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        yield


# --- pages -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Heading:
    """What stands over a figure.

    Args:
        title: drawn as it is, at most three lines.
        note: what nobody may overlook (a stand-in dataset); bold, under the title.
        meaning: smaller, under it: when it was measured, what lines and bands are, n. Empty parts are left out.
    """

    title: str
    note: str = ""
    meaning: tuple[str, ...] = ()

    def plus(self, *meaning: str) -> Heading:
        """The heading with more said."""
        return Heading(self.title, self.note, (*self.meaning, *meaning))


def page(
    heading: Heading,
    size: tuple[float, float],
    *,
    left: float = LEFT,
    right: float = 0.3,
    over: float = 0.3,
    under: float = UNDER,
    rows: int = 1,
    columns: int = 1,
    gap: tuple[float, float] = (0.14, 0.42),
) -> tuple[Figure, list[Axes]]:
    """A figure with a heading over a grid of axes, laid out in inches: no solver runs, so it is quick and repeats.

    Args:
        heading: what stands over the axes; longer ones make the page higher.
        size: (width, height) of the part with the axes and their labels, in inches.
        left, right: margins, in inches, for labels.
        over, under: room over the uppermost axes and under the lowest, in inches, for what is written there.
        rows, columns: of the grid.
        gap: between axes, (horizontal, vertical) in inches.

    Returns:
        The figure and its axes, row by row.
    """
    from matplotlib.figure import Figure

    width, y = size[0], EDGE
    lines: list[tuple[float, str, dict[str, Any]]] = []
    parts = ((heading.title, TITLE_POINTS, INK, "normal", 3), (heading.note, TEXT_POINTS, ALERT, "bold", 3),
             ("; ".join(filter(None, heading.meaning)), TEXT_POINTS, QUIET, "normal", 3))  # fmt: skip
    for text, points, color, weight, most in parts:
        for line in wrapped(text, width - 2 * EDGE, points, weight == "bold", most):
            lines.append((y, line, {"fontsize": points, "color": color, "fontweight": weight}))
            y += points * 1.45 / 72
    top = y + 0.04 + over
    height = y + size[1]
    figure = Figure(figsize=(width, height))
    for place, line, look_of in lines:
        figure.text(EDGE / width, 1 - place / height, line, va="top", **look_of)
    w = (width - left - right - gap[0] * (columns - 1)) / columns
    h = (height - under - top - gap[1] * (rows - 1)) / rows
    corners = [
        (left + c * (w + gap[0]), under + r * (h + gap[1])) for r in reversed(range(rows)) for c in range(columns)
    ]
    return figure, [figure.add_axes((x / width, y / height, w / width, h / height)) for x, y in corners]


# --- text ------------------------------------------------------------------------------------------------------


def literal(text: str) -> str:
    """The text on one line: characters that are no print (escapes, controls) become a middle dot."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "·" for c in str(text))


@lru_cache(maxsize=4096)
def text_width(text: str, points: float = TEXT_POINTS, bold: bool = False) -> float:
    """Inches that a line of text takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with _missing_glyphs_allowed():
        font = FontProperties(family=_fonts(), size=points, weight="bold" if bold else "normal")
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def fitted(text: str, width: float, points: float = TEXT_POINTS, bold: bool = False) -> str:
    """The text, cut in the middle to at most `width` inches: two long names often differ at their ends."""
    text = literal(text)

    def cut(keep: int) -> str:
        return f"{text[: keep - keep // 2]}…{text[len(text) - keep // 2 :]}"

    most = int(width * MOST_CHARACTERS_AN_INCH)
    if len(text) <= most and text_width(text, points, bold) <= width:
        return text
    keep = bisect_right(range(min(len(text), most)), width, lo=1, key=lambda n: text_width(cut(n), points, bold)) - 1
    return cut(keep)


def wrapped(text: str, width: float, points: float = TEXT_POINTS, bold: bool = False, most: int = 2) -> list[str]:
    """Lines of at most `width` inches, at most `most` of them; the last is cut in the middle where it is too long."""
    lines: list[str] = []
    words = literal(text).split()
    while words:
        count = len(words)
        if len(lines) + 1 < most:
            counts = range(1, min(count, int(width * MOST_CHARACTERS_AN_INCH)) + 1)
            count = bisect_right(counts, width, key=lambda n: text_width(" ".join(words[:n]), points, bold)) or 1
        lines.append(fitted(" ".join(words[:count]), width, points, bold))
        words = words[count:]
    return lines


def apart(names: Sequence[str], width: float, points: float = TEXT_POINTS, most: int = 1) -> list[str]:
    """The names, each on at most `most` lines of at most `width` inches, of which no two are alike.

    Where one is too long, words that all of them have are left out; of those that look alike even so, the beginning and
    the end that they share; what then cannot be told apart is numbered.

    Args:
        names: all different.
        width, points, most: as `wrapped` takes them.
    """

    def fit(text: str) -> str:
        return "\n".join(wrapped(text, width, points, most=most))

    found = [fit(name) for name in names]
    if len(names) > 1 and any("…" in shown for shown in found):
        words = [name.split(", ") for name in names]
        everywhere = set.intersection(*map(set, words))
        short = [", ".join(word for word in of if word not in everywhere) for of in words]
        found = [fit(text) for text in (short if all(short) and len(set(short)) == len(names) else names)]
    too_long = [place for place, shown in enumerate(found) if "…" in shown]
    for places in (too_long, *_alike(found)):
        if len(places) > 1:
            whole = [literal(names[place]) for place in places]
            start = _shared(whole)
            end = _shared([name[start:][::-1] for name in whole])
            for around in CONTEXT:  # as much of what they share as there is room for
                first, last = max(start - around, 0), max(end - around, 0)
                cut = [f"{'…' * bool(first)}{name[first : len(name) - last]}{'…' * bool(last)}" for name in whole]
                if all(fit(text).replace("\n", " ") == text for text in cut):
                    break
            for place, text in zip(places, cut, strict=True):
                found[place] = fit(text)
    for place in [place for places in _alike(found) for place in places]:
        found[place] = fit(f"{place + 1}. {names[place]}")
    return found


def _alike(texts: Sequence[str]) -> list[list[int]]:
    """The places of texts that are the same, for each that comes several times."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(text, []).append(place)
    return [of for of in places.values() if len(of) > 1]


def _shared(names: Sequence[str]) -> int:
    """With how many characters all names begin."""
    return sum(1 for _ in takewhile(lambda signs: len(set(signs)) == 1, zip(*names, strict=False)))


# --- bytes -----------------------------------------------------------------------------------------------------


def png(figure: Figure) -> bytes:
    """The figure as PNG; the same figure gives the same bytes (no date, no version)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL.Image import frombytes

    figure.dpi = DOTS_AN_INCH
    canvas, target = FigureCanvasAgg(figure), io.BytesIO()
    _saved(figure, format="rgba", dpi=DOTS_AN_INCH)
    drawn = canvas.buffer_rgba()
    height, width, _ = drawn.shape  # those of inches times dots may be rounded otherwise: every row would be shifted
    pixels = frombytes("RGBA", (width, height), drawn.tobytes())
    # without transparency, which no figure has and which takes a quarter of the time and of the file
    pixels.convert("RGB").save(target, "png", dpi=(DOTS_AN_INCH, DOTS_AN_INCH), compress_level=1)
    return target.getvalue()


def svg(figure: Figure, transparent: bool = False) -> str:
    """The figure as SVG, its text kept as text; the same figure gives the same string.

    Args:
        figure: as the functions of this package draw it.
        transparent: without a ground, for a page that has its own.
    """
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    return _saved(figure, format="svg", metadata=metadata, transparent=transparent).decode("utf-8")


@cache
def dark_colors() -> dict[str, str]:
    """Each colour of a figure, and of its layers, to its partner on a dark ground."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    layers = colormaps[LAYER_MAP]
    shifted = {to_hex(layers(i)): to_hex(layers(i + DARK_SHIFT)) for i in range(LAYER_SHADES + 1)}
    return shifted | {light.lower(): dark.lower() for light, dark in zip(LIGHT, DARK, strict=True)}


@styled
def _saved(figure: Figure, **options: Any) -> bytes:
    target = io.BytesIO()
    with _missing_glyphs_allowed():
        figure.savefig(target, **options)
    return target.getvalue()
