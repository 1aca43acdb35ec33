"""Many small images at once: masks turned, sheared, scaled, bent and moved; waves; blocks of random draws.

The same seed must give the same bytes on every machine. So all draws are uniform, sines come from a rounded table,
and pixels are made by sums and products alone, with no reduction whose order a machine could choose.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Generator = np.random.Generator

BLOCK = 500  # images drawn at a time, and so the unit of which a shorter set is a beginning
PERIOD = 1024  # entries of the table of sines


def draw(rng: Generator, low: float, high: float, shape: int | tuple[int, ...]) -> Floats:
    """Uniform draws from low to high, float32."""
    return (low + (high - low) * rng.random(shape)).astype(np.float32)


def grid(size: int) -> tuple[Floats, Floats]:
    """Rows and columns `(size, size)` of pixel centres, in pixels from the middle."""
    axis = np.arange(size, dtype=np.float32) - np.float32((size - 1) / 2)
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    return rows, columns


def wave(turns: Floats) -> Floats:
    """sin(2π turns) for turns ≥ 0, from a table of PERIOD entries.

    Args:
        turns: any shape.
    """
    table = np.round(np.sin(np.arange(PERIOD) * (2 * np.pi / PERIOD)), 6).astype(np.float32)
    index = (turns * PERIOD).astype(np.int32) & (PERIOD - 1)
    values: Floats = np.take(table, index)
    return values


def plane_waves(rng: Generator, count: int, size: int, slowest: float, fastest: float) -> Floats:
    """One wave an image, `(count, size, size)` from -1 to 1, of random direction, phase and frequency.

    Args:
        slowest, fastest: range of the frequency, in waves over the image.
    """
    rows, columns = grid(size)
    angle, phase = draw(rng, 0, 1, (count, 1, 1)), draw(rng, 0, 1, (count, 1, 1))
    frequency = draw(rng, slowest, fastest, (count, 1, 1)) / np.float32(size)
    along = wave(angle) * rows + wave(angle + np.float32(0.25)) * columns
    # + 64 waves: the table wants turns that are not negative, so that cutting is rounding down
    return wave(frequency * along + phase + 64)


def noise(rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Pixel noise from -1 to 1, triangular: the difference of two uniform draws."""
    first, second = rng.integers(0, 256, (2, *shape), dtype=np.uint8).astype(np.float32)
    grains: Floats = (first - second) / np.float32(255)
    return grains


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
    matrix = np.empty((count, 2, 2), np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = cosine / tall, -sine / tall
    matrix[:, 1, 0], matrix[:, 1, 1] = (sine + slant * cosine) / wide, (cosine - slant * sine) / wide
    return matrix


def place(masks: NDArray[np.uint8], which: NDArray[np.intp], matrix: Floats, centre: Floats, bend: Floats) -> Floats:
    """Masks seen through an affine map and a bend, `(n, size, size)` from 0 to 1, by bilinear interpolation.

    Args:
        masks: `(m, side, side)`; black at the border.
        which: `(n,)` the mask of each image.
        matrix: `(n, 2, 2)` from image to mask coordinates.
        centre: `(n, 2)` row and column of the glyph's middle, in pixels from the middle of the image.
        bend: `(n, 2, size, size)` what is added to row and column, in mask pixels.
    """
    size, side = bend.shape[-1], masks.shape[-1]
    rows, columns = grid(size)
    down = rows - centre[:, 0, None, None]
    right = columns - centre[:, 1, None, None]
    middle = np.float32((side - 1) / 2)
    row = matrix[:, 0, 0, None, None] * down + matrix[:, 0, 1, None, None] * right + bend[:, 0] + middle
    column = matrix[:, 1, 0, None, None] * down + matrix[:, 1, 1, None, None] * right + bend[:, 1] + middle
    start = (which * (side * side)).astype(np.int32)[:, None, None]
    return _bilinear(masks, start, np.clip(row, 0, side - 1.001), np.clip(column, 0, side - 1.001))


def _bilinear(masks: NDArray[np.uint8], start: NDArray[np.int32], row: Floats, column: Floats) -> Floats:
    side = masks.shape[-1]
    top, left = row.astype(np.int32), column.astype(np.int32)
    lower, righter = row - top, column - left
    corner = start + top * side + left
    pixels = masks.ravel()
    upper = np.take(pixels, corner) * (1 - righter) + np.take(pixels, corner + 1) * righter
    under = np.take(pixels, corner + side) * (1 - righter) + np.take(pixels, corner + side + 1) * righter
    return np.asarray((upper * (1 - lower) + under * lower) * np.float32(1 / 255), np.float32)


def balanced_labels(rng: Generator, classes: int) -> NDArray[np.int32]:
    """BLOCK labels in random order, each class equally often."""
    return rng.permutation(np.arange(BLOCK, dtype=np.int32) % classes).astype(np.int32)


def render_blocks(
    count: int, seed: int, split: int, render: Callable[[Generator], tuple[NDArray[np.uint8], NDArray[np.int32]]]
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """The first `count` images and labels of an endless series that a seed and a split fix.

    Args:
        render: makes BLOCK images and labels from a generator.
    """
    blocks = range(-(-count // BLOCK))

    def one(block: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        return render(np.random.default_rng([seed, split, block]))

    # Threads: NumPy lets go of the interpreter in these loops, and every block has its own generator.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        images, labels = zip(*pool.map(one, blocks), strict=True)
    return np.concatenate(images)[:count], np.concatenate(labels)[:count]
