"""The user's own data: files and folders that a config names. They are converted once, and known by what is in them.

Their bytes are summed each time, never trusted for their size and time; the conversion is found again by that sum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.environment import usable_memory_gib
from actlab.errors import DatasetError, counted, nearest
from actlab.parts.datasets import store
from actlab.parts.datasets.catalogue import DATASETS, Arrays, DatasetFacts, Own, Prepared
from actlab.parts.datasets.formats import file_sha256, one_line
from actlab.registry import keyword_parameters

MOST_CLASSES = 10_000
Labels = list[int] | list[str]


def look(part: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The `Content` of own data, as plain data; what was converted for it stays in the cache.

    Args:
        part: the resolved dataset.
        path: its file or folder.

    Raises:
        DatasetError: it is missing or damaged, or not what can be trained on.
    """
    prepared = prepare_own(part, path)
    return {
        "sha256": prepared.sha256, "shape": list(prepared.shape), "classes": prepared.classes,
        "train_images": prepared.train_images, "test_images": prepared.test_images,
    }  # fmt: skip


OWN = DatasetFacts((), 0, 0, 0, source="your own", look=look)


def prepare_own(
    part: Mapping[str, Any], path: Path, say: Callable[[str], None] = lambda sentence: None
) -> Prepared:  # fmt: skip
    """The own data that a resolved dataset names, converted once into arrays that workers can share.

    Args:
        part: the resolved dataset; where its content is known already, it must be that.
        path: its file or folder.
        say: is given a sentence before what takes long.

    Raises:
        DatasetError: as `look`; or its content is another one than the part states.
    """
    entry, expected = DATASETS.get(part["name"]), part.get("content")
    own: Own = entry.function(**{mine.name: part[mine.name] for mine in keyword_parameters(entry.function)})
    with store.locked(entry.name):
        origin = {"sum": _sum(own, path), "how": dict(own.how)}
        folder = store.find(entry.name, origin)
        if folder is None:
            say(f"reading and converting {path}; this is done once")
            arrays, about = own.read(path)
            if _sum(own, path) != origin["sum"]:
                raise DatasetError(f"{path}: was changed while it was read; run again when it is whole")
            folder = store.write(entry.name, arrays, {**origin, "about": about}, "read as it is: no sum of it is known")
        index, arrays = store.read_index(folder), store.open_arrays(folder)
    about = next(known["about"] for known in index["origins"] if origin.items() <= known.items())
    digest = _identity(index["sha256"], about)
    if expected and digest != expected["sha256"]:
        raise DatasetError(
            f"{path}: holds other data than it did (sha256 {digest[:16]}, it was {expected['sha256'][:16]}); "
            "put the former data back, or train on the new one, which is another run"
        )
    return Prepared(
        name=path.name, folder=folder, sha256=digest, shape=arrays["x_train"].shape[1:],
        classes=len(about["labels"]), train_images=len(arrays["x_train"]), test_images=len(arrays["x_test"]),
        origin=str(path), checked=index["checked"], about=about,
    )  # fmt: skip


def _identity(arrays_sha256: str, about: Mapping[str, Any]) -> str:
    """The sum of arrays, as built-in sets have it; with labels that are no 0, 1, ..., and with what was taken off."""
    if about == {"labels": list(range(len(about["labels"])))}:
        return arrays_sha256
    return hashlib.sha256(f"{arrays_sha256} {json.dumps(about, sort_keys=True)}".encode()).hexdigest()


def _sum(own: Own, path: Path) -> str:
    try:
        return own.sum(path)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error


# --- what the readers share --------------------------------------------------------------------------------------


def sum_of_file(path: Path) -> str:
    """sha256 of a file that is there.

    Raises:
        DatasetError: it is not there, or no regular file: a pipe might never end.
    """
    if not path.exists():
        close = nearest(path.name, [file.name for file in path.parent.iterdir()]) if path.parent.is_dir() else []
        hint = f"did you mean {close[0]!r}?" if close else "a path is relative to the config file, in --set to here"
        raise DatasetError(f"{path}: does not exist; {hint}")
    if not path.is_file():
        raise DatasetError(f"{path}: is {'a folder' if path.is_dir() else 'no regular file'}; a file is needed")
    return file_sha256(path)


def check_size(path: Path, size: float) -> None:
    """That arrays fit into memory.

    Args:
        path: what they are of.
        size: bytes that reading them takes.

    Raises:
        DatasetError: they take more than half of what this machine has.
    """
    room = usable_memory_gib() * 2**30 / 2
    if size > room:
        raise DatasetError(
            f"{path}: reading it takes {size / 1e9:,.1f} GB of memory or more, and half of this machine's is "
            f"{room / 1e9:,.1f}; give fewer or smaller examples"
        )


def with_labels(
    path: Path, x: Mapping[str, NDArray[Any]], y: Mapping[str, Sequence[Any] | NDArray[Any]], places: Mapping[str, str]
) -> tuple[Arrays, Labels]:
    """The arrays of a set, its labels numbered from 0 in their order; and the labels.

    Args:
        path: what was read, for messages.
        x: "train" and "test" to images, (n, height, width, channels) uint8, or vectors, (n, features) float32.
        y: likewise to labels, (n,) whole numbers or text.
        places: likewise to where the labels stand, for messages.

    Raises:
        DatasetError: as `classes`; or there is nothing to train on, or a label of the test set is in none of the
            training set.
    """
    for split in ("train", "test"):
        if len(x[split]) != len(y[split]):
            rows = counted(len(x[split]), "row")
            raise DatasetError(f"{path}: x_{split} has {rows} and {places[split]} {len(y[split]):,}")
        if not len(x[split]):
            raise DatasetError(f"{path}: {places[split]} is empty; at least one example is needed")
    labels, y_train, _ = classes(path, y["train"], places["train"])
    known = np.unique(np.asarray(y["test"]))
    if (labels.dtype.kind in "US") != (known.dtype.kind in "US"):
        raise DatasetError(f"{path}: {places['train']} and {places['test']}: one holds numbers, the other text")
    if (strange := np.setdiff1d(known, labels)).size:
        more = f" and {len(strange) - 1:,} more" if len(strange) > 1 else ""
        raise DatasetError(
            f"{path}: {places['test']} has the label {strange[0].item()!r}{more}, which no training example has"
        )
    numbers = {"train": y_train, "test": np.searchsorted(labels, np.asarray(y["test"]))}
    arrays = {f"x_{split}": np.ascontiguousarray(x[split]) for split in x}
    arrays |= {f"y_{split}": np.asarray(of.ravel(), np.int32) for split, of in numbers.items()}
    return arrays, labels.tolist()


def classes(
    path: Path, y: Sequence[Any] | NDArray[Any], place: str
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """The labels of a set in their order, the number of each example's, (n,), and how many examples each has.

    Raises:
        DatasetError: there is one class only, or far too many.
    """
    labels, numbers, counts = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    if len(labels) == 1:
        raise DatasetError(f"{path}: {place} holds one class only, {labels[0].item()!r}; two are needed")
    if len(labels) > MOST_CLASSES:
        raise DatasetError(
            f"{path}: {place} holds {len(labels):,} different labels, and at most {MOST_CLASSES:,} classes can be told "
            "apart; is it a number to be predicted, or an identifier?"
        )
    return labels, numbers, counts


def drawn(path: Path, y: Sequence[Any] | NDArray[Any], place: str, part: float, seed: int) -> NDArray[np.bool_]:
    """Which examples are the test set: of each class the same part, p[:k] of p = permutation(n) of its n examples.

    The generator of class c, in the order of the labels, is `default_rng([seed, c])`.

    Args:
        path: what was read, for messages.
        y: labels, (n,).
        place: where they stand, for messages.
        part: how much of each class, rounded, but one at least, and one at least is left.
        seed: of the dataset, not that of a run: all runs are tested on the same examples.

    Raises:
        DatasetError: as `classes`; or a class has one example only.
    """
    labels, numbers, counts = classes(path, y, place)
    if (alone := labels[counts == 1]).size:
        raise DatasetError(
            f"{path}: the class {alone[0].item()!r} has one example; one to train on and one to test on are needed"
        )
    chosen = np.zeros(len(numbers), bool)
    order = np.argsort(numbers, kind="stable")
    for number, of_class in enumerate(np.split(order, np.cumsum(counts)[:-1])):
        count = min(max(1, round(part * len(of_class))), len(of_class) - 1)
        chosen[np.random.default_rng([seed, number]).permutation(of_class)[:count]] = True
    return chosen


def finite_vectors(array: NDArray[Any], place: Callable[[int, int], str]) -> NDArray[np.float32]:
    """Vectors as float32.

    Args:
        array: (n, features) numbers.
        place: from row and column to what a message calls it.

    Raises:
        DatasetError: one of them is not finite in float32.
    """
    with np.errstate(over="ignore"):
        vectors = array.astype(np.float32)
    wrong = ~np.isfinite(vectors)
    if wrong.any():
        row, column = map(int, np.unravel_index(int(wrong.argmax()), wrong.shape))
        raise DatasetError(f"{place(row, column)} is {array[row, column]}; finite numbers are needed")
    return vectors


def plain(name: str | bytes) -> str:
    """A name from a file or folder as text that any file and terminal takes; other bytes are spelt out."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")


def unread(path: Path, what: str, error: BaseException) -> DatasetError:
    """The error that names what could not be read of own data, and why."""
    return DatasetError(f"{path}: {what}: {one_line(error) or type(error).__name__}")
