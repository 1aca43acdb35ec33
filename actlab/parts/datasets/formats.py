"""Readers of the files in which image sets are published; none of them runs code from a file."""

from __future__ import annotations

import gzip
import pickle
import tarfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from actlab.errors import DatasetError
from actlab.parts.datasets.catalogue import PARTS, Arrays, DatasetFacts

# What a reader raises on bytes that are not what they should be; an HTML page in place of a file among them.
DAMAGE = (ValueError, KeyError, IndexError, TypeError, AttributeError, SyntaxError, EOFError, OSError, MemoryError,
          RuntimeError, TokenError, BadZipFile, zlib.error, tarfile.TarError, pickle.UnpicklingError)  # fmt: skip

MOST_BYTES = 2**31  # of one unpacked array: a small file must not fill the memory

NUMPY_GLOBALS = {"ndarray", "dtype", "_reconstruct"}
NUMPY_MODULES = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"}


def read_npz(paths: Sequence[Path]) -> Arrays:
    """The arrays x_train, y_train, x_test and y_test of one .npz file, as they are.

    Raises:
        DatasetError: a key is missing, an array holds pickled objects, or the file is damaged.
    """
    (path,) = paths
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            missing = [part for part in PARTS if part not in archive.files]
            if missing:
                raise DatasetError(f"{path}: no array {missing[0]!r}; an .npz file with {', '.join(PARTS)} is needed")
            large = [part for part in PARTS if archive.zip.getinfo(f"{part}.npy").file_size > MOST_BYTES]
            if large:
                raise DatasetError(f"{path}: array {large[0]!r} is larger than any set known here; give another file")
            return {part: _plain(archive[part], part) for part in PARTS}
    except DAMAGE as error:
        raise damaged(path, "is not a whole .npz file of plain arrays", error) from error


def _plain(member: Any, part: str) -> NDArray[Any]:
    if not isinstance(member, np.ndarray):  # NumPy gives the bytes of a member that is no array
        raise ValueError(f"{part} is not an array")
    return member


def read_idx(paths: Sequence[Path]) -> Arrays:
    """The four gzipped IDX files of MNIST and its likes, in the order of PARTS: 16 bytes of header, then pixels.

    Raises:
        DatasetError: a file is damaged.
    """
    arrays = {}
    for part, path in zip(PARTS, paths, strict=True):
        header, shape = (16, (-1, 28, 28)) if part.startswith("x") else (8, (-1,))
        try:
            with gzip.open(path, "rb") as file:
                arrays[part] = np.frombuffer(file.read(), np.uint8, offset=header).reshape(shape)
        except DAMAGE as error:
            raise damaged(path, "is not a whole gzipped IDX file", error) from error
    return arrays


def read_cifar(path: Path, train: Sequence[str], test: str, label_key: bytes) -> Arrays:
    """The batches of a CIFAR archive, which hold channels first and row by row.

    Args:
        path: the .tar.gz as published.
        train, test: members of the archive.
        label_key: the key of the labels in a batch.

    Raises:
        DatasetError: the archive is damaged or holds anything but NumPy arrays.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            batches = [_read_batch(archive, member, label_key) for member in [*train, test]]
    except DAMAGE as error:
        raise damaged(path, "is not a whole CIFAR archive", error) from error
    images, labels = zip(*batches, strict=True)
    return {
        "x_train": np.concatenate(images[:-1]),
        "y_train": np.concatenate(labels[:-1]),
        "x_test": images[-1],
        "y_test": labels[-1],
    }


def _read_batch(archive: tarfile.TarFile, member: str, label_key: bytes) -> tuple[NDArray[Any], NDArray[Any]]:
    file = archive.extractfile(member)
    if file is None:
        raise KeyError(member)
    batch = _ArraysOnly(BytesIO(file.read()), encoding="bytes").load()
    images = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, np.asarray(batch[label_key], np.int32)


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds NumPy arrays and nothing else, so that a pickle cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module not in NUMPY_MODULES or name not in NUMPY_GLOBALS:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")
        # numpy.core warns since NumPy 2; the name that the published pickles hold is the older one
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def damaged(path: Path, what: str, error: BaseException | None = None) -> DatasetError:
    """The error that names a damaged file and what to do about it."""
    cause = f" ({_one_line(error)})" if error is not None and _one_line(error) else ""
    page = _starts_like_a_page(path)
    seen = "is a web page, not a dataset" if page else what
    return DatasetError(f"{path}: {seen}{'' if page else cause}; delete it and put or fetch it again")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else text[:117] + "..."


def _starts_like_a_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip().lower()
    except OSError:
        return False
    return start.startswith((b"<!doctype", b"<html", b"<?xml"))


def checked_arrays(arrays: Arrays, facts: DatasetFacts, where: str) -> Arrays:
    """The same images as uint8 `(n, height, width, channels)`, labels as int32 `(n,)`.

    Args:
        arrays: by the names in PARTS; grey images may lack the channel axis, labels may be a column.
        facts: what the set should be.
        where: the file or folder that was read, for messages.

    Raises:
        DatasetError: a shape, dtype, count or label is not that of the set.
    """
    counts = {"train": facts.train_images, "test": facts.test_images}
    result = {}
    for part in PARTS:
        count = counts[part[2:]]
        make = _images if part.startswith("x") else _labels
        result[part] = make(arrays[part], facts, count, f"{where}: {part}")
    return result


def _images(array: NDArray[Any], facts: DatasetFacts, count: int, place: str) -> NDArray[Any]:
    height, width, channels = facts.shape
    allowed = [(count, *facts.shape)] + ([(count, height, width)] if channels == 1 else [])
    if array.shape not in allowed:
        raise DatasetError(f"{place} has shape {array.shape}; {allowed[-1]} is needed")
    if array.dtype != np.uint8:
        raise DatasetError(f"{place} has dtype {array.dtype}; uint8 pixels from 0 to 255 are needed")
    return np.ascontiguousarray(array.reshape(allowed[0]))


def _labels(array: NDArray[Any], facts: DatasetFacts, count: int, place: str) -> NDArray[Any]:
    if array.shape not in ((count,), (count, 1)):
        raise DatasetError(f"{place} has shape {array.shape}; {(count,)} is needed")
    if not np.issubdtype(array.dtype, np.integer):
        raise DatasetError(f"{place} has dtype {array.dtype}; integer labels are needed")
    if array.min() < 0 or array.max() >= facts.classes:
        least, most = array.min(), array.max()
        raise DatasetError(f"{place} has labels from {least} to {most}; 0 to {facts.classes - 1} is needed")
    return np.ascontiguousarray(array.reshape(count), np.int32)
