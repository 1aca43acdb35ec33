"""The rendered sets: the same seed gives the same bytes, and what is rendered is what the facts state."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from actlab.parts.datasets import DATASETS
from actlab.parts.datasets.catalogue import Arrays
from actlab.parts.datasets.formats import set_sha256
from actlab.parts.datasets.synthetic import (
    SIDE,
    SIGNS,
    TEXT_FONTS,
    affine,
    draw,
    glyph_masks,
    noise,
    place,
    plane_waves,
    synth_cifar10,
    synth_mnist,
    wave,
)  # fmt: skip

RENDERERS = [synth_mnist, synth_cifar10]


def rendered(renderer: Any, **parameters: int) -> Arrays:
    arrays: Arrays = renderer(**{"train_images": 700, "test_images": 300, **parameters}).render()
    return arrays


@pytest.mark.parametrize("renderer", RENDERERS)
def test_shapes_types_and_labels_are_those_of_the_facts(renderer: Any) -> None:
    facts, arrays = DATASETS.get(renderer.__name__).facts, rendered(renderer)
    assert facts.synthetic and facts.classes == len(facts.class_names)
    for part, count in (("train", 700), ("test", 300)):
        assert arrays[f"x_{part}"].shape == (count, *facts.shape) and arrays[f"x_{part}"].dtype == np.uint8
        assert arrays[f"y_{part}"].shape == (count,) and arrays[f"y_{part}"].dtype == np.int32
        assert set(arrays[f"y_{part}"].tolist()) == set(range(facts.classes))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_seed_fixes_every_byte(renderer: Any) -> None:
    assert set_sha256(rendered(renderer)) == set_sha256(rendered(renderer))
    assert set_sha256(rendered(renderer, seed=1)) != set_sha256(rendered(renderer))


@pytest.mark.parametrize("renderer", RENDERERS)
def test_one_thread_or_four_render_the_same(renderer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = []
    for cores in (1, 4):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        sums.append(set_sha256(rendered(renderer, train_images=1100, test_images=10)))
    assert sums[0] == sums[1]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_smaller_set_is_the_beginning_of_a_larger_one(renderer: Any) -> None:
    small, large = rendered(renderer, train_images=130), rendered(renderer)
    np.testing.assert_array_equal(small["x_train"], large["x_train"][:130])
    np.testing.assert_array_equal(small["y_train"], large["y_train"][:130])


@pytest.mark.parametrize("renderer", RENDERERS)
def test_no_image_comes_twice_and_none_is_empty(renderer: Any) -> None:
    arrays = rendered(renderer)
    images = np.concatenate([arrays["x_train"], arrays["x_test"]])
    assert len({image.tobytes() for image in images}) == len(images)
    contrast = images.reshape(len(images), -1).std(axis=1)
    assert contrast.min() > 8


def test_a_digit_of_one_class_resembles_its_own_mean_more_than_another() -> None:
    arrays = rendered(synth_mnist, train_images=4000)
    images, labels = arrays["x_train"].reshape(4000, -1) / 255.0, arrays["y_train"]
    means = np.stack([images[labels == label].mean(axis=0) for label in range(10)])
    test = arrays["x_test"].reshape(300, -1) / 255.0
    nearest = ((test[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    right = (nearest == arrays["y_test"]).mean()
    assert 0.45 < right < 0.9, "legible, and yet not so plain that the nearest mean settles it"


@pytest.mark.parametrize("character", [*"0123456789", *(sign for sign in SIGNS.values() if sign.isalpha())])
def test_every_font_draws_every_character_within_its_mask(character: str) -> None:
    masks = glyph_masks(character, TEXT_FONTS, (0, 6))
    assert masks.shape == (2 * len(TEXT_FONTS), SIDE, SIDE)
    border = np.concatenate([masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]])
    assert border.max() == 0
    assert (masks > 127).mean(axis=(1, 2)).min() > 0.02


@pytest.mark.parametrize("first", range(10))
def test_two_characters_never_have_the_same_mask(first: int) -> None:
    ours = glyph_masks(str(first), TEXT_FONTS, (0,)).astype(int)
    for second in set(range(10)) - {first}:
        theirs = glyph_masks(str(second), TEXT_FONTS, (0,)).astype(int)
        assert (np.abs(ours - theirs).mean(axis=(1, 2)) > 5).all()


def test_place_without_a_map_is_the_mask_itself() -> None:
    masks = np.random.default_rng(0).integers(0, 256, (3, 12, 12), dtype=np.uint8)
    masks[:, [0, -1]] = masks[:, :, [0, -1]] = 0
    identity = np.tile(np.eye(2, dtype=np.float32), (3, 1, 1))
    centre, bend = np.zeros((3, 2), np.float32), np.zeros((3, 2, 12, 12), np.float32)
    seen = place(masks, np.array([2, 0, 1]), identity, centre, bend)
    np.testing.assert_allclose(seen, masks[[2, 0, 1]] / 255.0, atol=0.002)


def test_place_moves_the_middle_to_the_centre_that_is_asked_for() -> None:
    mask = np.zeros((1, 21, 21), np.uint8)
    mask[0, 10, 10] = 255
    centre = np.array([[3.0, -2.0]], np.float32)
    identity, bend = np.eye(2, dtype=np.float32)[None], np.zeros((1, 2, 21, 21), np.float32)
    seen = place(mask, np.array([0]), identity, centre, bend)
    assert np.unravel_index(seen[0].argmax(), (21, 21)) == (13, 8)


def test_wave_is_a_sine() -> None:
    turns = np.linspace(0, 3, 1000, dtype=np.float32)
    np.testing.assert_allclose(wave(turns), np.sin(2 * np.pi * turns), atol=0.007)


def test_the_arithmetic_gives_the_same_bytes_on_every_machine() -> None:
    """Pillow and FreeType may draw a glyph differently from one version to the next; all that follows may not."""
    rng = np.random.default_rng(11)
    mask = np.pad(rng.integers(0, 256, (4, 30, 30), dtype=np.uint8), ((0, 0), (5, 5), (5, 5)))
    matrix, centre = affine(rng, 4, 0.05, 0.2, (0.6, 0.9)), draw(rng, -2, 2, (4, 2))
    bend = np.stack([plane_waves(rng, 4, 28, 0.7, 1.8) for _ in range(2)], axis=1)
    image = place(mask, np.arange(4), matrix, centre, bend) + np.float32(0.1) * noise(rng, (4, 28, 28))
    assert hashlib.sha256(np.round(image * 255).astype("<i2").tobytes()).hexdigest() == (
        "e4a6b167c7f3f988bcad40bc760d9215bf8b9253150905b34f55fab4b503c0a3"
    )
