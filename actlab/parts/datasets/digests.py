"""sha256 sums of files, of arrays, and of a set of images whatever their order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.parts.datasets.catalogue import PARTS


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def array_sha256(array: NDArray[Any]) -> str:
    """sha256 of an array's dtype, shape and bytes in C order, in hexadecimal."""
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}\n".encode())
    digest.update(np.ascontiguousarray(array).data.cast("B"))
    return digest.hexdigest()


def set_sha256(arrays: Mapping[str, NDArray[Any]]) -> str:
    """sha256 over the lines `NAME array_sha256` of x_train, y_train, x_test and y_test: the identity of a set.

    The order of the images counts, since a run depends on it.
    """
    lines = "".join(f"{part} {array_sha256(arrays[part])}\n" for part in PARTS)
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
