"""The film of a layer's weight changes: a tile a unit, a frame an evaluation.

Pictures in, bytes out: nothing here trains or knows a file layout. The same pictures give the same bytes, with the same
versions of Pillow and of its libraries.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from math import ceil, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from actlab.show.figures.style import ALERT, INK, QUIET, TEXT_POINTS, TITLE_POINTS, literal, wrapped

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

Pictures = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Format = Literal["GIF", "WEBP", "PNG"]

# of dead units, and of others that did not move: Okabe and Ito's orange and sky blue, which no grey tile has
MARK, STILL = "#E69F00", "#56B4E9"
PAPER = 255
DPI = 96  # pixels an inch: the sizes of text are in points, 72nds of an inch
EDGE, GAP, FRAME = 14, 6, 3  # pixels: around the page, between tiles, of the frame around a dead unit
LEAST_WIDTH = 480  # of the page, so that its sentences have room
FILM_SIDE, STILL_SIDE, TILE = 640, 1000, 64  # pixels of a mosaic and of a tile: they are made as large as fits
LEAST_TILE = 6
WEBP_BYTES, GIF_BYTES, PNG_BYTES = 2_900_000, 8_000_000, 1_500_000  # what a file is kept under, where it can be
QUALITIES = (60, 30, 12)  # of the WebP, 0 to 100
GREYS = (24, 12)  # of the GIF: fewer make it smaller
PNG_LEVEL = 6
FASTEST, SLOWEST, ALL_FRAMES, LAST = 100, 600, 12_000, 2_500  # milliseconds

MEANING = (
    "A tile is a unit: how its incoming weights changed since the frame before, from black (the one that fell most) to "
    "white (the one that rose most). Where they hardly changed, a tile is black all over: black is not dead. "
)
DEAD = "Orange frame: dead, with slope 0 on every evaluated sample."
UNMOVED = "Blue frame: not dead, and unmoved: no incoming weight changed since the frame before."
UNKNOWN = "Which units are dead was not measured."


class Film(NamedTuple):
    """The bytes of a film in two formats, and of its last frame as a still with a caption."""

    webp: bytes
    gif: bytes
    png: bytes


def film(
    frames: Pictures, dead: Mask | None, moments: Sequence[str], title: str, note: str = "", unmoved: Mask | None = None
) -> Film:
    """The film of one layer: every frame that is given, with the moment over it, dead units framed in orange, and in
    blue those that did not move although they are not dead.

    A picture shows x, the change of a unit's incoming weights, as y = (x - min) / (max - min + 0.0001) × 255. Tiles are
    drawn as large as fits, and smaller or coarser where a file would grow past WEBP_BYTES, GIF_BYTES or PNG_BYTES; no
    frame is left out.

    Args:
        frames: pictures, (frames, units, height, width), at least one frame and one unit, 0 to 255.
        dead: which units are dead, (frames, units), or None where it was not measured.
        moments: what each frame is called, such as "epoch 3".
        title: drawn as it is.
        note: what nobody may overlook (a stand-in dataset); drawn under the title.
        unmoved: which units did not move since the frame before, (frames, units), or None where it was not kept.

    Returns:
        The film; frames are shown for 0.1 to 0.6 seconds, the last one for 2.5.
    """
    count = len(frames)
    durations = [min(max(ALL_FRAMES // count // 10 * 10, FASTEST), SLOWEST)] * (count - 1) + [LAST]
    marks = [marks_of(dead, unmoved, index) for index in range(count)]
    heads = [f"{literal(moment)}{counts(*mark)}" for moment, mark in zip(moments, marks, strict=True)]
    legend = (UNKNOWN if dead is None else DEAD) + ("" if unmoved is None else f" {UNMOVED}")
    page_at = cache(partial(_page, frames, marks, heads, title, note))

    def kept_under(most: int, kind: Format, side: int, settings: Sequence[int], places: list[int], text: str) -> bytes:
        """The first choice at which all frames take at most so many bytes; the last one if none does."""

        def made(zoom: float, setting: int, places: list[int]) -> bytes:
            shown = [durations[place] for place in places]
            return _encoded([page_at(text, zoom)(place) for place in places], shown, kind, setting)

        # a few frames tell roughly what all would take, so that few choices are made in full
        some = sorted({places[len(places) * part // 8] for part in (1, 3, 5, 7)})
        *choices, last = product(zooms(frames.shape[1:], side), settings)
        for choice in choices:
            if (
                len(made(*choice, some)) * len(places) / len(some) <= most
                and len(data := made(*choice, places)) <= most
            ):
                return data
        return made(*last, places)

    return Film(
        webp=kept_under(WEBP_BYTES, "WEBP", FILM_SIDE, QUALITIES, [*range(count)], legend),
        gif=kept_under(GIF_BYTES, "GIF", FILM_SIDE, GREYS, [*range(count)], legend),
        png=kept_under(PNG_BYTES, "PNG", STILL_SIDE, (PNG_LEVEL,), [count - 1], MEANING + legend),
    )


# --- marks -----------------------------------------------------------------------------------------------------


def marks_of(dead: Mask | None, unmoved: Mask | None, index: int) -> tuple[Mask | None, Mask | None]:
    """Which units are dead at a frame, and which others did not move; None where it is not known."""
    of_dead = None if dead is None else dead[index]
    return of_dead, None if unmoved is None else unmoved[index] & (True if of_dead is None else ~of_dead)


def counts(dead: Mask | None, still: Mask | None) -> str:
    """How many units have which mark: ": 3 of 256 units dead, 2 others unmoved"."""
    known = next((mask for mask in (dead, still) if mask is not None), None)
    if known is None:
        return ""
    texts = [] if dead is None else [f"{int(dead.sum())} of {len(known)} units dead"]
    if still is not None and (count := int(still.sum())):
        others = f"other{'s' * (count > 1)}"
        texts.append(f"{count} {others if texts else f'of {len(known)} units'} unmoved")
    return f": {', '.join(texts)}" if texts else ""


# --- sizes -----------------------------------------------------------------------------------------------------


def columns_of(shape: tuple[int, ...]) -> int:
    """Tiles beside each other, so that the mosaic of pictures (units, height, width) is near a square."""
    units, height, width = shape
    return min(units, max(1, ceil(sqrt(units * (height + GAP) / (width + GAP)))))


def zooms(shape: tuple[int, ...], side: int) -> list[float]:
    """How many times larger than their pictures tiles may be drawn, from the largest on: 3, 2, 1, 1/2, 1/3."""
    columns, largest = columns_of(shape), max(shape[1:])
    room = min(side / columns - GAP, side / ceil(shape[0] / columns) - GAP, TILE)
    larger = range(max(1, int(room / largest)), 0, -1)
    smaller = [factor for factor in (2, 3, 4, 6, 8) if largest / factor >= LEAST_TILE]
    return [*map(float, larger), *(1 / factor for factor in smaller)]


# --- drawing ---------------------------------------------------------------------------------------------------


def _page(
    frames: Pictures,
    marks: Sequence[tuple[Mask | None, Mask | None]],
    heads: Sequence[str],
    title: str,
    note: str,
    legend: str,
    zoom: float,
) -> Callable[[int], Image]:
    """What draws the frame at a place: a heading that stays, and a mosaic under a line that says which moment it is."""
    from PIL import Image

    first = mosaic(frames[0], *marks[0], zoom)
    mosaic_width = first.width
    page_width = max(LEAST_WIDTH, mosaic_width + 2 * EDGE)

    def lines(text: str, points: float, color: str, most: int) -> list[tuple[str, float, str]]:
        room = (page_width - 2 * EDGE) / DPI
        return [(line, points, color) for line in wrapped(text, room, points, color == ALERT, most)]

    over = [*lines(title, TITLE_POINTS, INK, 2), *lines(note, TEXT_POINTS, ALERT, 3)]
    under = lines(legend, TEXT_POINTS, QUIET, 6)
    head = EDGE + sum(_leading(points) for _, points, _ in over)
    left, top = (page_width - mosaic_width) // 2, head + _leading(TEXT_POINTS + 1)
    bottom = top + first.height
    page_height = bottom + sum(_leading(points) for _, points, _ in under) + EDGE
    ground = Image.new("RGB", (page_width, page_height), (PAPER,) * 3)
    _write(ground, EDGE, over)
    _write(ground, bottom, under)

    def frame(index: int) -> Image.Image:
        page = ground.copy()
        _write(page, head, [(heads[index], TEXT_POINTS + 1, INK)])
        page.paste(mosaic(frames[index], *marks[index], zoom), (left, top))
        return page

    return frame


def mosaic(tiles: Pictures, dead: Mask | None, still: Mask | None, zoom: float) -> Image:
    """Tiles side by side on paper, row by row, near a square, with gaps between and around, and marks on some.

    Args:
        tiles: pictures, (units, height, width).
        dead: which get a frame in MARK; none where None.
        still: which get one in STILL.
        zoom: of each tile.
    """
    from PIL import Image, ImageDraw

    columns, tiles = columns_of(tiles.shape), resized(tiles, zoom)
    _, height, width = tiles.shape
    picture = Image.fromarray(_grid(tiles, columns)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    corner = max(2, min(height, width) // 4)  # a filled one: a shape for those who do not see the colour
    for mask, color in ((dead, MARK), (still, STILL)):
        for unit in [] if mask is None else np.flatnonzero(mask).tolist():
            x, y = GAP + unit % columns * (width + GAP), GAP + unit // columns * (height + GAP)
            right, low = x + width - 1, y + height - 1
            draw.rectangle((x - FRAME, y - FRAME, right + FRAME, low + FRAME), outline=color, width=FRAME)
            cut = [(x, y), (x + corner, y), (x, y + corner)] if color == MARK else [
                (right, low), (right - corner, low), (right, low - corner)]  # fmt: skip
            draw.polygon(cut, fill=color)
    return picture


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


def _grid(tiles: Pictures, columns: int) -> Pictures:
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


def _encoded(pages: Sequence[Image], durations: Sequence[int], kind: Format, setting: int) -> bytes:
    """Pages as a file: `setting` is the quality of a WebP, the number of greys of a GIF, the level of a PNG."""
    from PIL import Image, ImageColor

    options: dict[str, Any] = {"WEBP": {"quality": setting, "method": 4}, "PNG": {"compress_level": setting}}.get(
        kind, {}
    )
    if kind == "GIF":  # greys, the marks, and the colour of notes with its edges: all that a page has
        alert = np.array(ImageColor.getrgb(ALERT))
        edges = [PAPER + (alert - PAPER) * part for part in (0.25, 0.5, 0.75, 1.0)]
        colors = [
            *((grey,) * 3 for grey in np.linspace(0, 255, setting).round()),
            *map(ImageColor.getrgb, (MARK, STILL)),
            *edges,
        ]
        palette = Image.new("P", (1, 1))
        palette.putpalette([int(channel) for color in colors for channel in color])
        pages, options = (
            [page.quantize(palette=palette, dither=Image.Dither.NONE) for page in pages],
            {"optimize": False},
        )
    if kind != "PNG":
        options |= {"save_all": True, "append_images": pages[1:], "duration": list(durations), "loop": 0}
    target = io.BytesIO()
    pages[0].save(target, kind, **options)
    return target.getvalue()
