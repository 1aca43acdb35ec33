"""Which images are trained on and which are held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actlab.errors import DatasetError
from actlab.parts.datasets import Images, load, prepare, split


def images(train: int = 100, test: int = 30) -> Images:
    def part(count: int) -> tuple[Any, Any]:
        return np.zeros((count, 2, 2, 1), np.uint8), np.arange(count, dtype=np.int32)

    return Images(*part(train), *part(test))


@given(count=st.integers(10, 500), part=st.floats(0.1, 0.9), seed=st.integers(0, 2**32))
def test_the_two_parts_are_disjoint_and_together_everything(count: int, part: float, seed: int) -> None:
    parts = split(images(count), None, part, seed)
    assert len(parts.validation) == round(count * part)
    assert sorted([*parts.train, *parts.validation]) == list(range(count))
    assert not parts.on_test


def test_the_seed_draws_the_split() -> None:
    one, again, other = (split(images(), None, 0.1, seed).validation for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert one.tolist() != other.tolist()


def test_held_out_images_do_not_depend_on_the_number_that_is_trained_on() -> None:
    few, all_of_them = split(images(), 7, 0.2, 1), split(images(), None, 0.2, 1)
    np.testing.assert_array_equal(few.validation, all_of_them.validation)
    assert len(few.train) == 7 and set(few.train) < set(all_of_them.train)


def test_fewer_training_images_are_a_part_of_more() -> None:
    assert set(split(images(), 5, "test", 9).train) < set(split(images(), 50, "test", 9).train)


def test_training_images_are_drawn_rather_than_the_first() -> None:
    assert split(images(), 10, "test", 0).train.tolist() != list(range(10))


def test_the_first_images_can_be_asked_for() -> None:
    for seed in (0, 3):
        assert split(images(), 10, "test", seed, "first").train.tolist() == list(range(10))


def test_the_first_images_that_are_not_held_out() -> None:
    parts, all_of_them = split(images(), 10, 0.5, 1, "first"), split(images(), None, 0.5, 1)
    assert parts.train.tolist() == sorted(set(range(100)) - set(parts.validation))[:10]
    np.testing.assert_array_equal(parts.validation, all_of_them.validation)


def test_validation_on_the_test_images_holds_nothing_out() -> None:
    parts = split(images(), None, "test", 0)
    assert parts.on_test and parts.train.tolist() == list(range(100)) and parts.validation.tolist() == list(range(30))


def test_indices_are_sorted_int32() -> None:
    parts = split(images(), 20, 0.3, 2)
    for part in (parts.train, parts.validation):
        assert part.dtype == np.int32 and part.tolist() == sorted(part.tolist())


def test_more_training_images_than_are_left_is_an_error() -> None:
    with pytest.raises(DatasetError, match="train_samples: 95 is more than the 90 images not held out"):
        split(images(), 95, 0.1, 0)


@pytest.mark.parametrize("part", [0.001, 0.999])
def test_nothing_held_out_or_everything_is_an_error(part: float) -> None:
    with pytest.raises(DatasetError, match="give another part"):
        split(images(), None, part, 0)


def test_workers_map_the_files_and_cannot_change_them() -> None:
    prepared = prepare("synth_mnist", {"train_images": 30, "test_images": 10})
    loaded = load(prepared)
    assert isinstance(loaded.x_train, np.memmap)
    loaded.x_train[:] = 7
    assert load(prepared).x_train.std() > 0
    assert prepare("synth_mnist", {"train_images": 30, "test_images": 10}) == prepared
    assert loaded.x_train.shape == (30, 28, 28, 1) and loaded.y_test.shape == (10,)
