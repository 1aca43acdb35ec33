"""The rendered sets, for a machine that cannot get the collected ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actlab.parts.datasets.catalogue import DATASETS, Arrays, DatasetFacts, Rendered
from actlab.parts.datasets.glyphs import TEXT_FONTS, glyph_masks
from actlab.parts.datasets.warp import (
    BLOCK,
    Floats,
    Generator,
    affine,
    balanced_labels,
    draw,
    noise,
    place,
    plane_waves,
    render_blocks,
)  # fmt: skip

Block = tuple[NDArray[np.uint8], NDArray[np.int32]]
Masks = NDArray[np.uint8]  # (classes, drawings of a class, side, side)

# Raise a renderer's version with every change of what it draws: a cached rendering is found by it.
SYNTH_MNIST_VERSION = 1
SYNTH_CIFAR10_VERSION = 1

DIGITS = tuple("0123456789")
DIGIT_STROKES = (0, 3, 6)
SIGNS = {
    "disc": "●", "square": "■", "triangle": "▲", "star": "★", "heart": "♥",
    "A": "A", "E": "E", "K": "K", "R": "R", "S": "S",
}  # fmt: skip
SIGN_STROKES = (0, 4)
LIGHT_ON_DARK = 0.75  # not a half, at which a linear model sees nothing at all
SYMBOL_FONTS = ("DejaVuSans",)


@DATASETS.register(
    DatasetFacts(
        shape=(28, 28, 1),
        classes=10,
        train_images=60_000,
        test_images=10_000,
        source="rendered by actlab from the fonts that Matplotlib ships (DejaVu, STIX, Computer Modern)",
        licence="free to use; rendered here",
        class_names=DIGITS,
        synthetic=True,
    )
)
def synth_mnist(
    *,
    seed: Annotated[int, Field(ge=0)] = 0,
    train_images: Annotated[int, Field(ge=10, le=60_000)] = 60_000,
    test_images: Annotated[int, Field(ge=10, le=10_000)] = 10_000,
) -> Rendered:
    """Printed digits in sixteen fonts, bent, turned, sheared, scaled, moved and with noise; 28×28 grey.

    Stands in for MNIST where that cannot be had. A smaller set is the beginning of a larger one of the same seed.

    Args:
        seed: of all random draws; not the run's seed, so that every run of a sweep sees the same images.
        train_images, test_images: how many of each are rendered.
    """
    recipe = _recipe("synth_mnist", SYNTH_MNIST_VERSION, seed, train_images, test_images)
    return Rendered(partial(_render, _digit_masks, _digit_block, recipe), recipe)


@DATASETS.register(
    DatasetFacts(
        shape=(32, 32, 3),
        classes=10,
        train_images=60_000,
        test_images=10_000,
        source="rendered by actlab from the fonts that Matplotlib ships (DejaVu, STIX, Computer Modern)",
        licence="free to use; rendered here",
        class_names=tuple(SIGNS),
        synthetic=True,
    )
)
def synth_cifar10(
    *,
    seed: Annotated[int, Field(ge=0)] = 0,
    train_images: Annotated[int, Field(ge=10, le=60_000)] = 50_000,
    test_images: Annotated[int, Field(ge=10, le=10_000)] = 10_000,
) -> Rendered:
    """Five coloured shapes and five letters on textured grounds, turned, scaled, moved and with noise; 32×32 colour.

    Stands in for CIFAR-10 where that cannot be had. A smaller set is the beginning of a larger one of the same seed.

    Args:
        seed: of all random draws; not the run's seed, so that every run of a sweep sees the same images.
        train_images, test_images: how many of each are rendered.
    """
    recipe = _recipe("synth_cifar10", SYNTH_CIFAR10_VERSION, seed, train_images, test_images)
    return Rendered(partial(_render, _sign_masks, _sign_block, recipe), recipe)


def _recipe(name: str, version: int, seed: int, train_images: int, test_images: int) -> dict[str, int]:
    return {name: version, "seed": seed, "train_images": train_images, "test_images": test_images}


def _render(
    make_masks: Callable[[], Masks], block: Callable[[Masks, Generator], Block], recipe: dict[str, int]
) -> Arrays:
    masks = make_masks()
    arrays: Arrays = {}
    for split, part in enumerate(("train", "test")):
        count = recipe[f"{part}_images"]
        arrays[f"x_{part}"], arrays[f"y_{part}"] = render_blocks(count, recipe["seed"], split, partial(block, masks))
    return arrays


def _digit_masks() -> Masks:
    return np.stack([glyph_masks(digit, TEXT_FONTS, DIGIT_STROKES) for digit in DIGITS])


def _sign_masks() -> Masks:
    letters = len(TEXT_FONTS) * len(SIGN_STROKES)
    masks = []
    for sign in SIGNS.values():
        drawn = glyph_masks(sign, TEXT_FONTS if sign.isalpha() else SYMBOL_FONTS, SIGN_STROKES)
        masks.append(np.tile(drawn, (letters // len(drawn), 1, 1)))  # so that each class has as many drawings
    return np.stack(masks)


def _choose(rng: Generator, masks: Masks, labels: NDArray[np.int32]) -> NDArray[np.intp]:
    drawings = masks.shape[1]
    return np.asarray(labels * drawings + rng.integers(0, drawings, len(labels)), np.intp)


def _bend(rng: Generator, size: int, most: float) -> Floats:
    strength = draw(rng, 0, most, (BLOCK, 2, 1, 1))
    waves = [plane_waves(rng, BLOCK, size, 0.7, 1.8) for _ in range(2)]
    return np.asarray(strength * np.stack(waves, axis=1), np.float32)


def _digit_block(masks: Masks, rng: Generator) -> Block:
    labels = balanced_labels(rng, 10)
    which = _choose(rng, masks, labels)
    matrix = affine(rng, BLOCK, turn=0.05, shear=0.25, scale=(0.62, 0.86))
    centre = draw(rng, -1.5, 1.5, (BLOCK, 2))
    digit = place(masks.reshape(-1, *masks.shape[2:]), which, matrix, centre, _bend(rng, 28, 2.0))
    ink = draw(rng, 0.65, 1.0, (BLOCK, 1, 1))
    grain = draw(rng, 0.0, 0.12, (BLOCK, 1, 1)) * noise(rng, (BLOCK, 28, 28))
    return _to_bytes(ink * digit + grain)[..., None], labels


def _sign_block(masks: Masks, rng: Generator) -> Block:
    labels = balanced_labels(rng, 10)
    which = _choose(rng, masks, labels)
    matrix = affine(rng, BLOCK, turn=0.06, shear=0.2, scale=(0.62, 1.0))
    centre = draw(rng, -3.0, 3.0, (BLOCK, 2))
    sign = place(masks.reshape(-1, *masks.shape[2:]), which, matrix, centre, _bend(rng, 32, 1.5))[..., None]
    ground, paint = _colours(rng)
    cover = draw(rng, 0.45, 1.0, (BLOCK, 1, 1, 1)) * sign
    image = ground * (1 - cover) + paint * cover
    grain = draw(rng, 0.05, 0.3, (BLOCK, 1, 1, 1)) * noise(rng, (BLOCK, 32, 32, 3))
    return _to_bytes(image + grain), labels


def _colours(rng: Generator) -> tuple[Floats, Floats]:
    """A textured ground and a shaded paint, each `(BLOCK, 32, 32, 3)`; light on dark or dark on light."""
    dark, light = draw(rng, 0.0, 0.45, (2, BLOCK, 1, 1, 3)), draw(rng, 0.55, 1.0, (2, BLOCK, 1, 1, 3))
    swap = rng.random((BLOCK, 1, 1, 1)) < LIGHT_ON_DARK
    ground = _texture(rng, np.where(swap, dark[0], light[0]), 0.22)
    paint = _texture(rng, np.where(swap, light[1], dark[1]), 0.12)
    return ground, paint


def _texture(rng: Generator, colour: Floats, contrast: float) -> Floats:
    """A colour with two waves over it, one slow and one fast, each of its own tint."""
    result = np.broadcast_to(colour, (BLOCK, 32, 32, 3))
    for slowest, fastest in ((0.3, 1.5), (2.0, 8.0)):
        tint = draw(rng, -contrast, contrast, (BLOCK, 1, 1, 3))
        result = result + tint * plane_waves(rng, BLOCK, 32, slowest, fastest)[..., None]
    return np.asarray(result, np.float32)


def _to_bytes(image: Floats) -> NDArray[np.uint8]:
    return (np.clip(image, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
