"""Readers of the files in which image sets are published; none of them runs code from a file. And sums of them."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import tarfile
import zlib
from collections.abc import Mapping, Sequence
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
            for part in PARTS:
                if part not in archive.files:
                    raise DatasetError(f"{path}: no array {part!r}; an .npz file with {', '.join(PARTS)} is needed")
                if archive.zip.getinfo(f"{part}.npy").file_size > MOST_BYTES:
                    raise DatasetError(f"{path}: array {part!r} is larger than any set known here; give another file")
            arrays = {part: archive[part] for part in PARTS}
            if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                raise ValueError("a member is not an array")  # NumPy gives its bytes
            return arrays
    except DAMAGE as error:
        raise damaged(path, "is not a whole .npz file of plain arrays", error) from error


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
    images, labels = [], []
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in (*train, test):
                file = archive.extractfile(member)
                if file is None:
                    raise KeyError(member)
                batch = _ArraysOnly(BytesIO(file.read()), encoding="bytes").load()
                images.append(np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
                labels.append(np.asarray(batch[label_key], np.int32))
    except DAMAGE as error:
        raise damaged(path, "is not a whole CIFAR archive", error) from error
    whole = np.concatenate(images[:-1]), np.concatenate(labels[:-1]), images[-1], labels[-1]
    return dict(zip(PARTS, whole, strict=True))


class _ArraysOnly(pickle.Unpickler):
    """Rebuilds NumPy arrays and nothing else, so that a pickle cannot run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module not in NUMPY_MODULES or name not in NUMPY_GLOBALS:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")
        # numpy.core warns since NumPy 2; the name that the published pickles hold is the older one
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def damaged(path: Path, what: str, error: BaseException | None = None) -> DatasetError:
    """The error that names a damaged file and what to do about it."""
    try:
        with path.open("rb") as file:
            page = file.read(64).lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml"))
    except OSError:
        page = False
    cause = f" ({one_line(error)})" if error is not None and one_line(error) else ""
    return DatasetError(
        f"{path}: {'is a web page, not a dataset' if page else what + cause}; delete it and put or fetch it again"
    )


def one_line(error: BaseException) -> str:
    """What an error says, on one line of at most 120 characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= 120 else text[:117] + "..."


def checked_arrays(arrays: Arrays, facts: DatasetFacts, where: str) -> Arrays:
    """The same images as uint8 `(n, height, width, channels)`, labels as int32 `(n,)`.

    Args:
        arrays: by the names in PARTS; grey images may lack the channel axis, labels may be a column.
        facts: what the set should be.
        where: the file or folder that was read, for messages.

    Raises:
        DatasetError: a shape, dtype, count or label is not that of the set.
    """
    result = {}
    for part in PARTS:
        array, place, images = arrays[part], f"{where}: {part}", part.startswith("x")
        count = facts.train_images if part.endswith("train") else facts.test_images
        shape = (count, *facts.shape) if images else (count,)
        needed = shape[:-1] if images and facts.shape[-1] == 1 else shape
        if array.shape not in (shape, needed, () if images else (count, 1)) or not array.shape:
            raise DatasetError(f"{place} has shape {array.shape}; {needed} is needed")
        if images and array.dtype != np.uint8:
            raise DatasetError(f"{place} has dtype {array.dtype}; uint8 pixels from 0 to 255 are needed")
        if not images and not np.issubdtype(array.dtype, np.integer):
            raise DatasetError(f"{place} has dtype {array.dtype}; integer labels are needed")
        if not images and not 0 <= array.min() <= array.max() < facts.classes:
            labels = f"{array.min()} to {array.max()}"
            raise DatasetError(f"{place} has labels from {labels}; 0 to {facts.classes - 1} is needed")
        result[part] = np.ascontiguousarray(array.reshape(shape), np.uint8 if images else np.int32)
    return result


# --- sums


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def set_sha256(arrays: Mapping[str, NDArray[Any]]) -> str:
    """The identity of a set: sha256 over the lines `NAME SHA256` of x_train, y_train, x_test and y_test.

    The sum of an array is over its dtype, shape and bytes in C order: the order of the images counts, since a run
    depends on it.
    """
    lines = ""
    for part in PARTS:
        array = arrays[part]
        digest = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B"))
        lines += f"{part} {digest.hexdigest()}\n"
    return hashlib.sha256(lines.encode()).hexdigest()


def content_sha256(images: NDArray[Any], labels: NDArray[Any]) -> str:
    """sha256 over the sorted sha256 digests of each image's pixels followed by its label.

    Equal for two copies of a set whose images stand in another order.

    Args:
        images: `(n, ...)` uint8.
        labels: `(n,)` integers from 0 to 255.
    """
    pairs = zip(images, labels.astype(np.uint8), strict=True)
    digests = sorted(hashlib.sha256(image.tobytes() + label.tobytes()).digest() for image, label in pairs)
    return hashlib.sha256(b"".join(digests)).hexdigest()
