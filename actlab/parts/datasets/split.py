"""Which images are trained on and which are held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from actlab.errors import DatasetError
from actlab.parts.datasets.catalogue import PARTS, Prepared
from actlab.parts.datasets.store import open_arrays
from actlab.spec.budget import split_sizes

STREAM = 0x5EED  # keeps these draws apart from the order of epoch e, which is drawn from [seed, e]


@dataclass(frozen=True)
class Images:
    """A dataset in memory or memory-mapped.

    Args:
        x_train, x_test: `(n, height, width, channels)` uint8, or `(n, features)` float32.
        y_train, y_test: `(n,)` int32.
    """

    x_train: NDArray[Any]
    y_train: NDArray[Any]
    x_test: NDArray[Any]
    y_test: NDArray[Any]


@dataclass(frozen=True)
class Split:
    """Indices, each sorted.

    Args:
        train: into the training images.
        validation: into the training images; into the test images where `on_test`.
        on_test: validation is done on the test images.
    """

    train: NDArray[np.int32]
    validation: NDArray[np.int32]
    on_test: bool


def load(prepared: Prepared) -> Images:
    """The memory-mapped arrays of a prepared set: workers on one machine share a single copy.

    `prepare` has verified them; here only what was read then and what is there now is compared in shape.

    Raises:
        DatasetError: a file is gone or not whole.
    """
    arrays = open_arrays(prepared.folder)
    counts = {"train": prepared.train_images, "test": prepared.test_images}
    for part in PARTS:
        expected = (counts[part[2:]], *(prepared.shape if part.startswith("x") else ()))
        if arrays[part].shape != expected:
            raise DatasetError(
                f"{prepared.folder}: {part} has shape {arrays[part].shape}, {expected} was prepared; delete the folder"
            )
    return Images(**arrays)


def split(
    images: Images, train_samples: int | None, validation: float | Literal["test"], seed: int,
    train_choice: Literal["first"] | None = None,
) -> Split:  # fmt: skip
    """p = permutation(n) of `default_rng([seed, STREAM, 0])`; held out p[:v], trained on p[v : v + train_samples].

    With `validation: test` v is 0 and the whole test set is validated on. A run's seed thus fixes both parts, the
    same for every activation, and the held-out images do not depend on `train_samples`. With `train_choice: first`
    the images trained on are the smallest of p[v:]; with both, the first ones of the set, whatever the seed.

    Args:
        images: the dataset.
        train_samples: number of training images; all that are not held out where None.
        validation: the part of the training images to hold out, in (0, 1); or "test".
        seed: of the run.
        train_choice: "first" for the first ones in the order of the set, None for those that the seed draws.

    Raises:
        DatasetError: fewer training images are left than asked for, or none to hold out.
    """
    count = len(images.x_train)
    order = np.random.default_rng([seed, STREAM, 0]).permutation(count).astype(np.int32)
    trained_on, held = split_sizes(count, train_samples, validation)
    free = np.sort(order[held:]) if train_choice == "first" else order[held:]
    train = free[:trained_on]
    if validation == "test":
        return Split(np.sort(train), np.arange(len(images.x_test), dtype=np.int32), on_test=True)
    return Split(np.sort(train), np.sort(order[:held]), on_test=False)
