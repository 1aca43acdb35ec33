"""The film is read back with Pillow: every frame, how long it is shown, the pictures, and marks on dead units only."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from actlab.show import film as filming
from actlab.show.film import Film, columns_of, film, resized

MARK = np.array(ImageColor.getrgb(filming.MARK))
UNITS, SIDE = 10, 4
DEAD = [2, 3, 9]


def tiles(frames: int = 3) -> NDArray[np.uint8]:
    """Unit i is all over 20 + 20 i, brighter by a frame."""
    greys = 20 + 20 * np.arange(UNITS) + 3 * np.arange(frames)[:, None]
    return np.broadcast_to(greys[:, :, None, None], (frames, UNITS, SIDE, SIDE)).astype(np.uint8)


def mask(frames: int = 3) -> NDArray[np.bool_]:
    """Every frame has the dead units of the one before and one more."""
    dead = np.zeros((frames, UNITS), bool)
    for index in range(frames):
        dead[index, DEAD[: index + 1]] = True
    return dead


def moments(frames: int = 3) -> list[str]:
    return [f"epoch {index + 1}" for index in range(frames)]


def made(dead: NDArray[np.bool_] | None, note: str = "") -> Film:
    return film(tiles(), dead, moments(), "relu, seed 0", note)


def read(data: bytes) -> tuple[list[NDArray[Any]], list[int]]:
    """The frames of a film in RGB, and their milliseconds."""
    image, frames, shown = Image.open(io.BytesIO(data)), [], []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()
        frames.append(np.asarray(image.convert("RGB")).astype(int))
        shown.append(image.info.get("duration", 0))
    return frames, shown


def marked(page: NDArray[Any], within: int = 0) -> NDArray[np.bool_]:
    return np.asarray((abs(page - MARK) <= within).all(axis=2))


def block(page: NDArray[Any], grey: int, least: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of an even block of a grey: no text has so many pixels of one grey in a line."""
    found = (page == grey).all(axis=2)
    rows, columns = (np.flatnonzero(found.sum(axis=axis) >= least) for axis in (1, 0))
    return int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1


def places(page: NDArray[Any]) -> list[tuple[int, int, int]]:
    """Top, left and side of each unit's tile, found by its grey in a still without marks."""
    blocks = [block(page, int(tiles()[-1, unit, 0, 0]), 30) for unit in range(UNITS)]
    assert all(bottom - top == right - left for top, bottom, left, right in blocks)
    return [(top, left, bottom - top) for top, bottom, left, _ in blocks]


def test_every_frame_is_there_and_shown_as_long_as_stated() -> None:
    result = made(mask())
    for data in (result.gif, result.webp):
        frames, shown = read(data)
        assert len(frames) == 3
        assert shown == [600, 600, 2500]
        assert Image.open(io.BytesIO(data)).info["loop"] == 0
    assert [Image.open(io.BytesIO(data)).format for data in (result.gif, result.webp, result.png)] == [
        "GIF", "WEBP", "PNG"
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "each"), [(1, []), (2, [600]), (40, [300] * 39), (150, [100] * 149)])
def test_durations_follow_from_the_number_of_frames(count: int, each: list[int]) -> None:
    frames = np.zeros((count, 1, 1, 1), np.uint8)
    _, shown = read(film(frames, None, [str(index) for index in range(count)], "t").gif)
    assert shown == [*each, 2500]


def test_tiles_show_the_pictures() -> None:
    """Of the still, to the pixel; of the films, up to what their formats lose."""
    result = made(None)
    (still,), _ = read(result.png)
    for unit, (top, left, side) in enumerate(places(still)):
        tile = still[top : top + side, left : left + side]
        assert side == 64, "as large as a tile may be"
        assert (tile == tiles()[-1, unit, 0, 0]).all()
    for data in (result.gif, result.webp):
        frames, _ = read(data)
        for index, page in enumerate(frames):
            for unit, (top, left, side) in enumerate(places(still)):
                middle = page[top + side // 2, left + side // 2]
                assert abs(middle - int(tiles()[index, unit, 0, 0])).max() <= 8


def test_pictures_stand_upright() -> None:
    picture = np.full((1, 1, 3, 5), 100, np.uint8)
    picture[0, 0, 0, 4] = 200  # the upper right corner
    (page,), _ = read(film(picture, None, ["epoch 1"], "t").png)
    top, bottom, left, right = block(page, 100, 12)
    assert (bottom - top, right - left) == (36, 60)
    assert block(page, 200, 12) == (top, top + 12, right - 12, right)


def test_marks_stand_on_dead_units_only() -> None:
    (without,), _ = read(made(None).png)
    where = places(without)
    result = made(mask())
    for kind, within in (("png", 0), ("gif", 0), ("webp", 60)):
        frames, _ = read(getattr(result, kind))
        for page, dead in zip(frames, mask()[-len(frames) :], strict=True):
            left = marked(page, within)
            for unit, (y, x, side) in enumerate(where):
                around = left[y - 3 : y + side + 3, x - 3 : x + side + 3]
                assert around.any() == dead[unit], (kind, unit)
                if dead[unit]:
                    assert around[1, :].mean() > 0.95 and around[:, 1].mean() > 0.95, "a whole frame"
                    assert around[5, 5] and not around[-5, -5], "and a corner, that hides little of the picture"
                around[:] = False
            assert not left.any(), "and nowhere else"


def test_black_is_not_marked_as_dead() -> None:
    (page,), _ = read(film(np.zeros((1, 4, 8, 8), np.uint8), np.zeros((1, 4), bool), ["epoch 1"], "t").png)
    assert (page == 0).all(axis=2).sum() >= 4 * 64 * 64
    assert not marked(page).any()


def test_units_that_do_not_move_though_they_live_have_a_mark_of_their_own() -> None:
    (without,), _ = read(made(None).png)
    dead, unmoved = mask(1), np.zeros((1, UNITS), bool)
    unmoved[0, [2, 4, 5]] = True  # of which 2 is dead
    result = film(tiles()[-1:], dead, moments(1), "relu, seed 0", unmoved=unmoved)
    still = np.array(ImageColor.getrgb(filming.STILL))
    for kind, within in (("png", 0), ("gif", 0), ("webp", 60)):
        page = read(getattr(result, kind))[0][0]
        for unit, (y, x, side) in enumerate(places(without)):
            around = page[y - 3 : y + side + 3, x - 3 : x + side + 3]
            blue = (abs(around - still) <= within).all(axis=2)
            assert blue.any() == (unit in (4, 5)) and marked(around, within).any() == (unit == 2), (kind, unit)
            if unit in (4, 5):
                assert blue[1, :].mean() > 0.9 and blue[-5, -5] and not blue[5, 5], "the other corner"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """All words that were drawn, in order."""
    words: list[str] = []
    draw = ImageDraw.ImageDraw.text

    def noted(self: Any, place: Any, text: str, **options: Any) -> None:
        words.append(text)
        draw(self, place, text, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    return lambda: " ".join(words)


def test_what_is_written(written: Callable[[], str]) -> None:
    made(mask(), "synth_mnist: a rendered stand-in, NOT mnist")
    words = written()
    assert "relu, seed 0" in words and "synth_mnist: a rendered stand-in, NOT mnist" in words
    for index, dead in enumerate((1, 2, 3)):
        assert f"epoch {index + 1}: {dead} of 10 units dead" in words
    assert "black is not dead" in words
    assert "Orange frame: dead, with slope 0 on every evaluated sample." in words


def test_marks_are_counted(written: Callable[[], str]) -> None:
    unmoved = np.zeros((3, UNITS), bool)
    unmoved[2, [2, 4, 5]] = True
    film(tiles(), mask(), moments(), "t", unmoved=unmoved)
    assert (
        "epoch 2: 2 of 10 units dead epoch" in written()
        and "epoch 3: 3 of 10 units dead, 2 others unmoved" in written()
    )
    assert "Blue frame: not dead, and unmoved: no incoming weight changed since the frame before." in written()
    film(tiles(), None, moments(), "t", unmoved=unmoved)
    assert "epoch 3: 3 of 10 units unmoved" in written()


def test_a_film_without_the_probe_says_that_it_does_not_know(written: Callable[[], str]) -> None:
    made(None)
    assert "Which units are dead was not measured." in written()
    assert "Orange" not in written() and "units dead" not in written()


def test_a_stand_in_is_told_in_every_frame() -> None:
    result = made(mask(), "synth_mnist: a rendered stand-in, NOT mnist")
    alert = np.array(ImageColor.getrgb(filming.ALERT))
    for data in (result.gif, result.webp, result.png):
        for page in read(data)[0]:
            assert (abs(page[:90] - alert).max(axis=2) < 40).sum() > 100


def test_names_are_drawn_as_they_are(written: Callable[[], str]) -> None:
    film(tiles(1), None, ["epoch\x1b[31m 1"], "<b>$x$\x07\n日本語", "")
    assert "<b>$x$· 日本語" in written()
    assert "\x1b" not in written()


def test_same_frames_same_bytes() -> None:
    first, second = made(mask(), "note"), made(mask(), "note")
    assert first == second
    assert made(None) != first


def test_large_films_get_smaller_tiles_and_keep_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 16, 14, 14), dtype=np.uint8)
    free = film(noise, None, moments(2), "t")
    for kind in ("gif", "webp", "png"):
        most = len(getattr(free, kind)) * 3 // 4
        monkeypatch.setattr(filming, f"{kind.upper()}_BYTES", most)
        small = getattr(film(noise, None, moments(2), "t"), kind)
        assert len(small) <= most
        (large_page, *_), _ = read(getattr(free, kind))
        frames, _ = read(small)
        assert len(frames) == (1 if kind == "png" else 2)
        assert frames[0].shape[1] <= large_page.shape[1]


def test_a_film_whose_size_was_guessed_too_small_is_made_smaller_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames that the guess looks at are empty, the others are noise."""
    noise = np.random.default_rng(0).integers(0, 256, (8, 16, 14, 14), dtype=np.uint8)
    noise[1::2] = 0
    free = film(noise, None, moments(8), "t").webp
    monkeypatch.setattr(filming, "WEBP_BYTES", len(free) * 3 // 4)
    assert len(film(noise, None, moments(8), "t").webp) <= len(free) * 3 // 4


def test_resized() -> None:
    picture = np.array([[[0, 10, 20], [30, 40, 50]]], np.uint8)
    np.testing.assert_array_equal(resized(picture, 2.0)[0, :2], [[0, 0, 10, 10, 20, 20]] * 2)
    assert resized(picture, 2.0).shape == (1, 4, 6)
    # the last column is repeated where a block is not full
    np.testing.assert_array_equal(resized(picture, 0.5), [[[20, 35]]])


@pytest.mark.parametrize(
    ("shape", "columns"), [((256, 28, 28), 16), ((32, 3, 3), 6), ((1, 5, 5), 1), ((30, 1, 784), 1), ((7, 28, 28), 3)]
)
def test_the_mosaic_is_near_a_square(shape: tuple[int, ...], columns: int) -> None:
    assert columns_of(shape) == columns
