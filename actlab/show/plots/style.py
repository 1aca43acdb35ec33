"""What every figure shares: colours, sizes, a heading, text that is drawn as it is, and bytes that repeat."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")
R = TypeVar("R")

# Okabe and Ito's colours for every kind of colour vision, with grey for their yellow, which a white page swallows.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C8C8C")
LINE_STYLES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.5, 1.2, 1.5)), (0, (10, 2.5)))

INK = "#222222"
QUIET = "#5A5A5A"
FAINT = "#D9D9D9"
ALERT = "#A33B00"

STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "savefig.bbox": None,
    "font.size": 11,
    "text.color": INK,
    "text.usetex": False,
    # a name from a config is text, whatever stands in it; ticks are written without mathematics for the same reason
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
    "axes.formatter.useoffset": False,
    "axes.facecolor": "white",
    "axes.edgecolor": "#8A8A8A",
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.xmargin": 0.02,
    "axes.ymargin": 0.06,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "xtick.color": "#8A8A8A",
    "xtick.labelcolor": INK,
    "xtick.labelsize": 10,
    "ytick.color": "#8A8A8A",
    "ytick.labelcolor": INK,
    "ytick.labelsize": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "actlab",
}

# DejaVu Sans comes with matplotlib; the others have the characters that it lacks, where a machine has them.
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "IPAexGothic", "Hiragino Sans", "Yu Gothic", "Noto Sans SC")
_ONE_AT_A_TIME = threading.RLock()

EDGE_INCHES = 0.16
LEFT_INCHES = 0.72
TITLE_POINTS = 13.0
TEXT_POINTS = 10.0
MOST_CHARACTERS_AN_INCH = 40  # of the narrowest letter; bounds the search in texts without end


@dataclass(frozen=True)
class Look:
    """How a condition is drawn in every figure that it is part of."""

    color: str
    linestyle: Any


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A colour for each name in order of first appearance; the line style changes after every eighth."""
    rounds, colors = len(LINE_STYLES), len(PALETTE)
    unique = list(dict.fromkeys(names))
    return {name: Look(PALETTE[i % colors], LINE_STYLES[i // colors % rounds]) for i, name in enumerate(unique)}


@contextmanager
def house_style() -> Iterator[None]:
    """STYLE for what is drawn inside; matplotlib's settings are the whole process's, so one thread at a time."""
    import matplotlib

    with _ONE_AT_A_TIME, matplotlib.rc_context({**STYLE, "font.family": _fonts()}):
        yield


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
    return [font for font in _FONTS if font in known]


# --- figures


@styled
def figure_with_axes(
    title: str,
    *,
    subtitle: str = "",
    note: str = "",
    width: float = 6.4,
    height: float = 4.0,
    left: float = LEFT_INCHES,
    right: float = 0.3,
    over: float = 0.3,
    rows: int = 1,
    columns: int = 1,
    gap: tuple[float, float] = (0.35, 0.55),
) -> tuple[Figure, list[Axes]]:
    """A figure with a heading over a grid of axes, laid out in inches: no solver runs, so it is quick and repeats.

    Args:
        title: one line, cut in the middle where it is too long.
        subtitle: smaller, under it: n, and what lines and bands are.
        note: what nobody may overlook (a stand-in dataset); bold, between the two.
        width, height: of the whole figure, in inches.
        left, right: margins, in inches, for labels.
        over: room over the uppermost axes, in inches, for what is written there.
        rows, columns: of the grid.
        gap: between axes, (horizontal, vertical) in inches.

    Returns:
        The figure and its axes, row by row.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    top = _heading(figure, title, note, subtitle) + over
    bottom = 0.62
    w = (width - left - right - gap[0] * (columns - 1)) / columns
    h = (height - bottom - top - gap[1] * (rows - 1)) / rows
    axes = []
    for row in range(rows):
        y = bottom + (rows - 1 - row) * (h + gap[1])
        for column in range(columns):
            x = left + column * (w + gap[0])
            axes.append(figure.add_axes((x / width, y / height, w / width, h / height)))
    return figure, axes


def _heading(figure: Figure, title: str, note: str, subtitle: str) -> float:
    """Write title, note and subtitle from the top down; the inches that they take."""
    width, height = figure.get_size_inches()
    y, left = EDGE_INCHES, EDGE_INCHES
    rows = ((title, TITLE_POINTS, INK, "normal", 2), (note, TEXT_POINTS, ALERT, "bold", 3),
            (subtitle, TEXT_POINTS, QUIET, "normal", 3))  # fmt: skip
    for text, points, color, weight, most in rows:
        for line in wrapped(text, width - 2 * left, points, weight == "bold", most):
            figure.text(left / width, 1 - y / height, line, va="top", fontsize=points, color=color, fontweight=weight)
            y += points * 1.45 / 72
    return y + 0.04


# --- text


def literal(text: str) -> str:
    """The text on one line: characters that are no print (escapes, controls) become a middle dot."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "·" for c in str(text))


def part_of(condition: str) -> str:
    """The id that all that is drawn of a condition has in an SVG, by which a page can single it out."""
    return f"condition {literal(condition)}"


@lru_cache(maxsize=4096)
def text_width(text: str, points: float, bold: bool = False) -> float:
    """Inches that a line of text takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    with _missing_glyphs_allowed():
        font = FontProperties(family=_fonts(), size=points, weight="bold" if bold else "normal")
        width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width) / 72


def fitted(text: str, width: float, points: float, bold: bool = False) -> str:
    """The text, cut in the middle to at most `width` inches: two long names often differ at their ends."""
    text = literal(text)
    if _fits(text, width, points, bold):
        return text  # a text with its last letters in place of dots may be the narrower one
    count = _longest(lambda n: _cut(text, n), len(text), width, points, bold)
    return text if count == len(text) else _cut(text, count)


def wrapped(text: str, width: float, points: float, bold: bool = False, most: int = 2) -> list[str]:
    """Lines of at most `width` inches, at most `most` of them; the last is cut in the middle where it is too long."""
    lines: list[str] = []
    words = literal(text).split()
    while words:
        last = len(lines) + 1 == most or _fits(" ".join(words), width, points, bold)
        count = len(words) if last else _longest(partial(_joined, words), len(words), width, points, bold)
        lines.append(fitted(" ".join(words[: max(count, 1)]), width, points, bold))
        words = words[max(count, 1) :]
    return lines


def _fits(text: str, width: float, points: float, bold: bool) -> bool:
    return len(text) <= width * MOST_CHARACTERS_AN_INCH and text_width(text, points, bold) <= width


def _joined(words: list[str], count: int) -> str:
    return " ".join(words[:count])


def _longest(text_of: Callable[[int], str], most: int, width: float, points: float, bold: bool) -> int:
    """The largest number up to `most` for which a text is at most `width` inches wide."""
    low, high = 0, min(most, int(width * MOST_CHARACTERS_AN_INCH))
    while low < high:
        middle = (low + high + 1) // 2
        fits = text_width(text_of(middle), points, bold) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return low


def _cut(text: str, keep: int) -> str:
    if keep >= len(text):
        return text
    head = keep - keep // 2
    return text[:head] + "…" + text[len(text) - keep // 2 :]


@contextmanager
def _missing_glyphs_allowed() -> Iterator[None]:
    """A character that no font of this machine has is drawn as a box: no reason to lose a figure."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+", category=UserWarning)
        yield


# --- bytes


def png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG; the same figure gives the same bytes (no date, no version)."""
    return _saved(figure, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"compress_level": 3})


def svg(figure: Figure) -> str:
    """The figure as SVG, its text kept as text; the same figure gives the same string."""
    metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
    return _saved(figure, format="svg", metadata=metadata).decode("utf-8")


@styled
def _saved(figure: Figure, **options: Any) -> bytes:
    target = io.BytesIO()
    with _missing_glyphs_allowed():
        figure.savefig(target, **options)
    return target.getvalue()
