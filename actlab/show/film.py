"""The film of a layer's weight changes: a tile a unit, a frame an evaluation.

Pictures in, bytes out: nothing here trains or knows a file layout. The same pictures give the same bytes, with the same
versions of Pillow and of its libraries.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actlab.show.figures.style import ALERT, INK, QUIET, TEXT_POINTS, TITLE_POINTS, literal, wrapped

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

Pictures = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Encoder = Callable[[float, int, Sequence[int]], bytes]  # zoom, coarseness, places of frames

MARK = "#E69F00"  # of dead units: the orange of Okabe and Ito, which no grey tile has
PAPER = 255
DPI = 96  # pixels an inch: the sizes of text are in points, 72nds of an inch
EDGE, GAP, FRAME = 14, 6, 3  # pixels: around the page, between tiles, of the frame around a dead unit
LEAST_WIDTH = 480  # of the page, so that its sentences have room
FILM_SIDE, STILL_SIDE, TILE = 640, 1000, 64  # pixels of a mosaic and of a tile: they are made as large as fits
LEAST_TILE = 6
WEBP_BYTES, GIF_BYTES, PNG_BYTES = 2_900_000, 8_000_000, 1_500_000  # what a file is kept under, where it can be
QUALITIES = (60, 30, 12)  # of the WebP, 0 to 100
GREYS = (24, 12)  # of the GIF: fewer make it smaller
FASTEST, SLOWEST, ALL_FRAMES, LAST = 100, 600, 12_000, 2_500  # milliseconds

MEANING = (
    "A tile is a unit: how its incoming weights changed since the frame before, from black (the one that fell most) to "
    "white (the one that rose most). Where they hardly changed, a tile is black all over: black is not dead. "
)
DEAD = "Orange frame: dead, with slope 0 on every evaluated sample."
UNKNOWN = "Which units are dead was not measured."


@dataclass(frozen=True)
class Film:
    """A film in two formats, and its last frame as a still with a caption.

    Args:
        gif, webp, png: the bytes of each.
        durations: milliseconds that each frame is shown.
    """

    gif: bytes
    webp: bytes
    png: bytes
    durations: list[int]


def film(frames: Pictures, dead: Mask | None, moments: Sequence[str], title: str, note: str = "") -> Film:
    """The film of one layer: every frame that is given, with the moment over it and dead units framed in orange.

    A picture shows x, the change of a unit's incoming weights, as y = (x - min) / (max - min + 0.0001) × 255. Tiles are
    drawn as large as fits, and smaller or coarser where a file would grow past WEBP_BYTES, GIF_BYTES or PNG_BYTES; no
    frame is left out.

    Args:
        frames: pictures, (frames, units, height, width), at least one frame and one unit, 0 to 255.
        dead: which units are dead, (frames, units), or None where it was not measured.
        moments: what each frame is called, such as "epoch 3".
        title: drawn as it is.
        note: what nobody may overlook (a stand-in dataset); drawn under the title.

    Returns:
        The film; frames are shown for 0.1 to 0.6 seconds, the last one for 2.5.
    """
    count = len(frames)
    durations = [min(max(ALL_FRAMES // count // 10 * 10, FASTEST), SLOWEST)] * (count - 1) + [LAST]
    heads = [literal(moment) for moment in moments]
    if dead is not None:
        heads = [f"{head}: {int(mask.sum())} of {len(mask)} units dead" for head, mask in zip(heads, dead, strict=True)]
    legend = UNKNOWN if dead is None else DEAD
    zooms, still_zooms = (_zooms(frames.shape[1:], side) for side in (FILM_SIDE, STILL_SIDE))

    @cache
    def page(zoom: float, legend: str = legend) -> _Page:
        return _Page(frames, dead, heads, zoom, title, note, legend)

    def still(zoom: float, _: int, __: Sequence[int]) -> bytes:
        return _png(page(zoom, MEANING + legend).frame(count - 1))

    def webp(zoom: float, quality: int, places: Sequence[int]) -> bytes:
        return _webp([page(zoom).frame(place) for place in places], [durations[place] for place in places], quality)

    def gif(zoom: float, greys: int, places: Sequence[int]) -> bytes:
        return _gif([page(zoom).frame(place) for place in places], [durations[place] for place in places], greys)

    return Film(
        gif=_kept_under(GIF_BYTES, gif, list(product(zooms, GREYS)), count),
        webp=_kept_under(WEBP_BYTES, webp, list(product(zooms, QUALITIES)), count),
        png=_kept_under(PNG_BYTES, still, [(zoom, 0) for zoom in still_zooms], 1),
        durations=durations,
    )


# --- sizes -----------------------------------------------------------------------------------------------------


def columns_of(shape: tuple[int, ...]) -> int:
    """Tiles beside each other, so that the mosaic of pictures (units, height, width) is near a square."""
    units, height, width = shape
    return min(units, max(1, ceil(sqrt(units * (height + GAP) / (width + GAP)))))


def _zooms(shape: tuple[int, ...], side: int) -> list[float]:
    """How many times larger than their pictures tiles may be drawn, from the largest on: 3, 2, 1, 1/2, 1/3."""
    columns, largest = columns_of(shape), max(shape[1:])
    room = min(side / columns - GAP, side / ceil(shape[0] / columns) - GAP, TILE)
    larger = range(max(1, int(room / largest)), 0, -1)
    smaller = [factor for factor in (2, 3, 4, 6, 8) if largest / factor >= LEAST_TILE]
    return [*map(float, larger), *(1 / factor for factor in smaller)]


def _kept_under(most: int, made: Encoder, choices: Sequence[tuple[float, int]], count: int) -> bytes:
    """The bytes of the first choice at which all frames take at most so many; of the last one if none does.

    A few frames tell roughly what all would take, so that few choices are made in full.
    """
    some = sorted({count * part // 8 for part in (1, 3, 5, 7)})
    for choice in choices[:-1]:
        if len(made(*choice, some)) * count / len(some) <= most and len(found := made(*choice, range(count))) <= most:
            return found
    return made(*choices[-1], range(count))


# --- drawing ---------------------------------------------------------------------------------------------------


class _Page:
    """Frames of one size: a heading that stays, and a mosaic under a line that says which moment it is."""

    def __init__(
        self, frames: Pictures, dead: Mask | None, heads: Sequence[str], zoom: float, title: str, note: str, legend: str
    ) -> None:
        self.frames, self.dead, self.heads, self.zoom = frames, dead, heads, zoom
        self.columns = columns_of(frames.shape[1:])
        self.tile = np.array(resized(frames[0, :1], zoom).shape[1:])  # height, width in pixels
        rows = ceil(frames.shape[1] / self.columns)
        mosaic_height, mosaic_width = (self.tile + GAP) * (rows, self.columns) + GAP
        self.width = max(LEAST_WIDTH, mosaic_width + 2 * EDGE)
        self.texts = [*self._lines(title, TITLE_POINTS, INK, 2), *self._lines(note, TEXT_POINTS, ALERT, 3)]
        self.head = EDGE + sum(_leading(points) for _, points, _ in self.texts)
        self.left, self.top = (self.width - mosaic_width) // 2, self.head + _leading(TEXT_POINTS + 1)
        below = self._lines(legend, TEXT_POINTS, QUIET, 6)
        self.height = self.top + mosaic_height + sum(_leading(points) for _, points, _ in below) + EDGE
        self.below = below, self.top + mosaic_height
        self.ground = self._ground()

    def _lines(self, text: str, points: float, color: str, most: int) -> list[tuple[str, float, str]]:
        room = (self.width - 2 * EDGE) / DPI
        return [(line, points, color) for line in wrapped(text, room, points, color == ALERT, most)]

    def _ground(self) -> Image:
        """What is the same in every frame."""
        from PIL import Image

        page = Image.new("RGB", (int(self.width), int(self.height)), (PAPER,) * 3)
        _write(page, EDGE, self.texts)
        _write(page, self.below[1], self.below[0])
        return page

    def frame(self, index: int) -> Image:
        from PIL import Image

        page = self.ground.copy()
        _write(page, self.head, [(self.heads[index], TEXT_POINTS + 1, INK)])
        tiles = resized(self.frames[index], self.zoom)
        page.paste(Image.fromarray(_mosaic(tiles, self.columns)), (int(self.left), int(self.top)))
        if self.dead is not None:
            for unit in np.flatnonzero(self.dead[index]):
                self._mark(page, int(unit))
        return page

    def _mark(self, page: Image, unit: int) -> None:
        """A frame around a tile, and its corner cut off: a shape for those who do not see the colour."""
        from PIL import ImageDraw

        height, width = map(int, self.tile)
        y = int(self.top) + GAP + unit // self.columns * (height + GAP)
        x = int(self.left) + GAP + unit % self.columns * (width + GAP)
        draw = ImageDraw.Draw(page)
        draw.rectangle((x - FRAME, y - FRAME, x + width + FRAME - 1, y + height + FRAME - 1), outline=MARK, width=FRAME)
        corner = max(2, min(height, width) // 4)
        draw.polygon([(x, y), (x + corner, y), (x, y + corner)], fill=MARK)


def resized(tiles: Pictures, zoom: float) -> Pictures:
    """Pictures (units, height, width) with each pixel as a block of several; means of blocks where zoom is under 1."""
    if zoom >= 1:
        return tiles.repeat(int(zoom), axis=1).repeat(int(zoom), axis=2)
    factor = round(1 / zoom)
    _, height, width = tiles.shape
    padded = np.pad(tiles, ((0, 0), (0, -height % factor), (0, -width % factor)), mode="edge").astype(float)
    blocks = padded.reshape(len(tiles), -(-height // factor), factor, -(-width // factor), factor)
    means: Pictures = blocks.mean(axis=(2, 4)).round().astype(np.uint8)
    return means


def _mosaic(tiles: Pictures, columns: int) -> Pictures:
    """Tiles side by side on paper, row by row, with gaps between and around."""
    units, height, width = tiles.shape
    rows = ceil(units / columns)
    cells = np.full((rows * columns, height + GAP, width + GAP), PAPER, np.uint8)
    cells[:units, GAP:, GAP:] = tiles
    grid = cells.reshape(rows, columns, height + GAP, width + GAP).swapaxes(1, 2)
    whole = grid.reshape(rows * (height + GAP), columns * (width + GAP))
    return np.pad(whole, ((0, GAP), (0, GAP)), constant_values=PAPER)


def _write(page: Image, y: float, lines: Sequence[tuple[str, float, str]]) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(page)
    for text, points, color in lines:
        draw.text((EDGE, int(y)), text, fill=color, font=_font(points, color == ALERT))
        y += _leading(points)


def _leading(points: float) -> int:
    return round(points * 1.45 * DPI / 72)


@cache
def _font(points: float, bold: bool) -> FreeTypeFont:
    """The font of the figures, which comes with matplotlib."""
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, round(points * DPI / 72))


# --- bytes -----------------------------------------------------------------------------------------------------


def _png(page: Image) -> bytes:
    target = io.BytesIO()
    page.save(target, "PNG", compress_level=6)
    return target.getvalue()


def _webp(pages: Sequence[Image], durations: Sequence[int], quality: int) -> bytes:
    return _saved(pages, durations, "WEBP", quality=quality, method=4)


def _gif(pages: Sequence[Image], durations: Sequence[int], greys: int) -> bytes:
    from PIL.Image import Dither

    palette = _palette(greys)
    indexed = [page.quantize(palette=palette, dither=Dither.NONE) for page in pages]
    return _saved(indexed, durations, "GIF", optimize=False)


def _palette(count: int) -> Image:
    """Greys, the mark, and the colour of notes with its edges: all that a page has."""
    from PIL import Image, ImageColor

    greys = [(round(g),) * 3 for g in np.linspace(0, 255, count)]
    alert = np.array(ImageColor.getrgb(ALERT))
    edges = [tuple(map(int, PAPER + (alert - PAPER) * part)) for part in (0.25, 0.5, 0.75, 1.0)]
    colors = [*greys, ImageColor.getrgb(MARK), *edges]
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for color in colors for channel in color])
    return palette


def _saved(pages: Sequence[Image], durations: Sequence[int], kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    pages[0].save(target, kind, save_all=True, append_images=pages[1:], duration=list(durations), loop=0, **options)
    return target.getvalue()
