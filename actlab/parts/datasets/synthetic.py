"""The rendered sets, for a machine that cannot get the collected ones.

The same seed must give the same bytes on every machine. So all draws are uniform, sines come from a rounded table,
and pixels are made by sums and products alone, with no reduction whose order a machine could choose.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actlab.parts.datasets.catalogue import DATASETS, Arrays, DatasetFacts, Rendered

Floats = NDArray[np.float32]
Generator = np.random.Generator
Block = tuple[NDArray[np.uint8], NDArray[np.int32]]
Masks = NDArray[np.uint8]  # (classes, drawings of a class, side, side)

VERSION = 2  # raise it with every change of what is drawn: a cached rendering is found by it

BLOCK = 500  # images drawn at a time, and so the unit of which a shorter set is a beginning
CLASSES = 10
SIDE, GLYPH = 40, 26  # of a mask, in pixels, and how many of them its glyph fills
DETAIL = 4  # masks are drawn this much larger and then averaged, for fine steps of the stroke width
PERIOD = 1024  # entries of the table of sines
LIGHT_ON_DARK = 0.75  # share of the signs; not a half, at which a linear model sees nothing at all

TEXT_FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif",
    "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic",
    "STIXGeneralBolIta", "cmb10", "cmr10", "cmss10", "cmtt10",
)  # fmt: skip
SYMBOL_FONTS = ("DejaVuSans",)
DIGITS = tuple("0123456789")
DIGIT_STROKES = (0, 3, 6)
SIGNS = {
    "disc": "●", "square": "■", "triangle": "▲", "star": "★", "heart": "♥",
    "A": "A", "E": "E", "K": "K", "R": "R", "S": "S",
}  # fmt: skip
SIGN_STROKES = (0, 4)

FACTS = partial(
    DatasetFacts, classes=CLASSES, train_images=60_000, test_images=10_000, synthetic=True,
    source="rendered by actlab from the fonts that Matplotlib ships (DejaVu, STIX, Computer Modern)",
    licence="free to use; rendered here",
)  # fmt: skip
Seed = Annotated[int, Field(ge=0)]
TrainImages = Annotated[int, Field(ge=10, le=60_000)]
TestImages = Annotated[int, Field(ge=10, le=10_000)]


@DATASETS.register(FACTS(shape=(28, 28, 1), class_names=DIGITS))
def synth_mnist(*, seed: Seed = 0, train_images: TrainImages = 60_000, test_images: TestImages = 10_000) -> Rendered:
    """Printed digits in sixteen fonts, bent, turned, sheared, scaled, moved and with noise; 28×28 grey.

    Stands in for MNIST where that cannot be had. A smaller set is the beginning of a larger one of the same seed.

    Args:
        seed: of all random draws; not the run's seed, so that every run of a sweep sees the same images.
        train_images, test_images: how many of each are rendered.
    """
    recipe = {"synth_mnist": VERSION, "seed": seed, "train_images": train_images, "test_images": test_images}
    return Rendered(partial(_render, _digit_masks, _digit_block, recipe), recipe)


@DATASETS.register(FACTS(shape=(32, 32, 3), class_names=tuple(SIGNS)))
def synth_cifar10(*, seed: Seed = 0, train_images: TrainImages = 50_000, test_images: TestImages = 10_000) -> Rendered:
    """Five coloured shapes and five letters on textured grounds, turned, scaled, moved and with noise; 32×32 colour.

    Stands in for CIFAR-10 where that cannot be had. A smaller set is the beginning of a larger one of the same seed.

    Args:
        seed: of all random draws; not the run's seed, so that every run of a sweep sees the same images.
        train_images, test_images: how many of each are rendered.
    """
    recipe = {"synth_cifar10": VERSION, "seed": seed, "train_images": train_images, "test_images": test_images}
    return Rendered(partial(_render, _sign_masks, _sign_block, recipe), recipe)


def _render(
    make_masks: Callable[[], Masks], render_block: Callable[[Masks, Generator], Block], recipe: dict[str, int]
) -> Arrays:
    """The first images and labels of the two endless series, of blocks, that the recipe's seed fixes."""
    masks, arrays = make_masks(), {}
    # Threads: NumPy lets go of the interpreter in these loops, and every block has its own generator.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for split, part in enumerate(("train", "test")):
            count = recipe[f"{part}_images"]
            generators = (np.random.default_rng([recipe["seed"], split, i]) for i in range(-(-count // BLOCK)))
            images, labels = zip(*pool.map(partial(render_block, masks), generators), strict=True)
            arrays[f"x_{part}"], arrays[f"y_{part}"] = np.concatenate(images)[:count], np.concatenate(labels)[:count]
    return arrays


# --- masks


def _digit_masks() -> Masks:
    return np.stack([glyph_masks(digit, TEXT_FONTS, DIGIT_STROKES) for digit in DIGITS])


def _sign_masks() -> Masks:
    drawings = len(TEXT_FONTS) * len(SIGN_STROKES)
    masks = [glyph_masks(s, TEXT_FONTS if s.isalpha() else SYMBOL_FONTS, SIGN_STROKES) for s in SIGNS.values()]
    return np.stack([np.tile(mask, (drawings // len(mask), 1, 1)) for mask in masks])  # as many drawings of each


def glyph_masks(character: str, fonts: Sequence[str], strokes: Sequence[int]) -> Masks:
    """Masks `(len(fonts) * len(strokes), SIDE, SIDE)` of one character, 255 inside.

    Every glyph is scaled so that its larger side has GLYPH pixels, and centred.

    Args:
        character: what to draw.
        fonts: file names without ending, in Matplotlib's font folder.
        strokes: widths by which the outline is thickened, in quarters of a mask pixel.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    masks = []
    for font in fonts:
        path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
        # The basic layout engine: the other one depends on a library that not every Pillow has.
        trial = ImageFont.truetype(path, 100, layout_engine=ImageFont.Layout.BASIC)
        left, top, right, bottom = trial.getbbox(character)
        for stroke in strokes:
            size = round(100 * (GLYPH * DETAIL - 2 * stroke) / max(right - left, bottom - top))
            face = trial.font_variant(size=size)
            canvas = Image.new("L", (SIDE * DETAIL, SIDE * DETAIL))
            x0, y0, x1, y1 = face.getbbox(character)
            corner = ((SIDE * DETAIL - x0 - x1) // 2, (SIDE * DETAIL - y0 - y1) // 2)
            ImageDraw.Draw(canvas).text(corner, character, fill=255, font=face, stroke_width=stroke)
            masks.append(np.asarray(canvas.reduce(DETAIL), np.uint8))
    return np.stack(masks)


# --- blocks of images


def _digit_block(masks: Masks, rng: Generator) -> Block:
    digit, labels = _placed(masks, rng, 28, turn=0.05, shear=0.25, scale=(0.62, 0.86), move=1.5, bend=2.0)
    ink = draw(rng, 0.65, 1.0, (BLOCK, 1, 1))
    grain = draw(rng, 0.0, 0.12, (BLOCK, 1, 1)) * noise(rng, (BLOCK, 28, 28))
    return _to_bytes(ink * digit + grain)[..., None], labels


def _sign_block(masks: Masks, rng: Generator) -> Block:
    """Light on dark or dark on light; ground and paint are textured, and the paint covers more or less."""
    sign, labels = _placed(masks, rng, 32, turn=0.06, shear=0.2, scale=(0.62, 1.0), move=3.0, bend=1.5)
    dark, light = draw(rng, 0.0, 0.45, (2, BLOCK, 1, 1, 3)), draw(rng, 0.55, 1.0, (2, BLOCK, 1, 1, 3))
    swap = rng.random((BLOCK, 1, 1, 1)) < LIGHT_ON_DARK
    ground = _texture(rng, np.where(swap, dark[0], light[0]), 0.22)
    paint = _texture(rng, np.where(swap, light[1], dark[1]), 0.12)
    cover = draw(rng, 0.45, 1.0, (BLOCK, 1, 1, 1)) * sign[..., None]
    image = ground * (1 - cover) + paint * cover
    grain = draw(rng, 0.05, 0.3, (BLOCK, 1, 1, 1)) * noise(rng, (BLOCK, 32, 32, 3))
    return _to_bytes(image + grain), labels


def _placed(
    masks: Masks, rng: Generator, size: int, turn: float, shear: float, scale: tuple[float, float], move: float,
    bend: float,
) -> tuple[Floats, NDArray[np.int32]]:  # fmt: skip
    """Drawings of BLOCK labels, each class equally often, in random order, `(BLOCK, size, size)` from 0 to 1."""
    labels = rng.permutation(np.arange(BLOCK, dtype=np.int32) % CLASSES).astype(np.int32)
    which = labels * masks.shape[1] + rng.integers(0, masks.shape[1], BLOCK)
    matrix = affine(rng, BLOCK, turn, shear, scale)
    centre = draw(rng, -move, move, (BLOCK, 2))
    strength = draw(rng, 0, bend, (BLOCK, 2, 1, 1))
    waves = np.stack([plane_waves(rng, BLOCK, size, 0.7, 1.8) for _ in range(2)], axis=1)
    return place(masks.reshape(-1, SIDE, SIDE), which, matrix, centre, strength * waves), labels


def _texture(rng: Generator, colour: Floats, contrast: float) -> Floats:
    """A colour with two waves over it, one slow and one fast, each of its own tint."""
    result = np.broadcast_to(colour, (BLOCK, 32, 32, 3))
    for slowest, fastest in ((0.3, 1.5), (2.0, 8.0)):
        tint = draw(rng, -contrast, contrast, (BLOCK, 1, 1, 3))
        result = result + tint * plane_waves(rng, BLOCK, 32, slowest, fastest)[..., None]
    return np.asarray(result, np.float32)


def _to_bytes(image: Floats) -> NDArray[np.uint8]:
    return (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def draw(rng: Generator, low: float, high: float, shape: int | tuple[int, ...]) -> Floats:
    """Uniform draws from low to high, float32."""
    return (low + (high - low) * rng.random(shape)).astype(np.float32)


def noise(rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Pixel noise from -1 to 1, triangular: the difference of two uniform draws."""
    first, second = rng.integers(0, 256, (2, *shape), dtype=np.uint8).astype(np.float32)
    return np.asarray((first - second) / np.float32(255), np.float32)


def wave(turns: Floats) -> Floats:
    """sin(2π turns) for turns ≥ 0 of any shape, from a table of PERIOD entries."""
    table = np.round(np.sin(np.arange(PERIOD) * (2 * np.pi / PERIOD)), 6).astype(np.float32)
    return np.asarray(table[(turns * PERIOD).astype(np.int32) & (PERIOD - 1)])


def _grid(size: int) -> tuple[Floats, Floats]:
    """Rows and columns `(size, size)` of pixel centres, in pixels from the middle."""
    axis = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    return rows, columns


def plane_waves(rng: Generator, count: int, size: int, slowest: float, fastest: float) -> Floats:
    """One wave an image, `(count, size, size)` from -1 to 1, of random direction, phase and frequency.

    Args:
        slowest, fastest: range of the frequency, in waves over the image.
    """
    rows, columns = _grid(size)
    angle, phase = draw(rng, 0, 1, (count, 1, 1)), draw(rng, 0, 1, (count, 1, 1))
    frequency = draw(rng, slowest, fastest, (count, 1, 1)) / np.float32(size)
    along = wave(angle) * rows + wave(angle + np.float32(0.25)) * columns
    # + 64 waves: the table wants turns that are not negative, so that cutting is rounding down
    return wave(frequency * along + phase + 64)


def affine(rng: Generator, count: int, turn: float, shear: float, scale: tuple[float, float]) -> Floats:
    """Matrices `(count, 2, 2)` from image to mask coordinates.

    Args:
        turn: largest rotation to either side, in turns.
        shear: largest shear to either side.
        scale: smallest and largest size, drawn for height and width apart within a tenth.
    """
    angle = draw(rng, -turn, turn, count) + 1
    sine, cosine = wave(angle), wave(angle + np.float32(0.25))
    slant = draw(rng, -shear, shear, count)
    size = draw(rng, *scale, count)
    tall, wide = size * draw(rng, 0.9, 1.1, count), size * draw(rng, 0.9, 1.1, count)
    rows = [cosine / tall, -sine / tall, (sine + slant * cosine) / wide, (cosine - slant * sine) / wide]
    return np.stack(rows, axis=1).reshape(count, 2, 2)


def place(masks: NDArray[np.uint8], which: NDArray[np.integer], matrix: Floats, centre: Floats, bend: Floats) -> Floats:
    """Masks seen through an affine map and a bend, `(n, size, size)` from 0 to 1, by bilinear interpolation.

    Args:
        masks: `(m, side, side)`; black at the border.
        which: `(n,)` the mask of each image.
        matrix: `(n, 2, 2)` from image to mask coordinates.
        centre: `(n, 2)` row and column of the glyph's middle, in pixels from the middle of the image.
        bend: `(n, 2, size, size)` what is added to row and column, in mask pixels.
    """
    from scipy.ndimage import map_coordinates

    rows, columns = _grid(bend.shape[-1])
    down, right = rows - centre[:, 0, None, None], columns - centre[:, 1, None, None]
    middle = np.float32((masks.shape[-1] - 1) / 2)
    row, column = (
        matrix[:, axis, 0, None, None] * down + matrix[:, axis, 1, None, None] * right + bend[:, axis] + middle
        for axis in (0, 1)
    )
    at = np.stack([np.broadcast_to(which[:, None, None], row.shape).astype(np.float32), row, column])
    return np.asarray(map_coordinates(masks, at, output=np.float32, order=1) / np.float32(255))
