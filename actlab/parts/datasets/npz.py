"""Own data in one .npz file of NumPy."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.errors import DatasetError
from actlab.parts.datasets.catalogue import DATASETS, PARTS, Arrays, Content, Own
from actlab.parts.datasets.formats import DAMAGE
from actlab.parts.datasets.own import OWN, check_size, finite_vectors, plain, sum_of_file, unread, with_labels

VERSION = 1  # raise it with every change of what comes out


@DATASETS.register(OWN)
def npz(*, npz: str, content: Content | None = None) -> Own:
    """Your own arrays: x_train, y_train, x_test and y_test of one .npz file.

    Images are (n, height, width) or (n, height, width, channels), uint8, and are divided by 255 in training; vectors
    are (n, features), floats, and are taken as they are. Labels are whole numbers or text, one an example.

    Args:
        npz: the file, relative to the config file.
        content: what was found in it.
    """
    return Own(sum_of_file, read, {"npz": VERSION})


def read(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a file, and the labels of its classes.

    Raises:
        DatasetError: it is damaged, or holds something else.
    """
    found: dict[str, NDArray[Any]] = {}
    try:
        if not zipfile.is_zipfile(path):
            name = path.with_suffix(".npz").name
            raise DatasetError(f"{path}: is no .npz file; np.savez({name!r}, x_train=..., ...) writes one")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if missing := [part for part in PARTS if part not in archive.files]:
                has = ", ".join(map(plain, archive.files[:8])) or "nothing"
                raise DatasetError(f"{path}: no array {missing[0]!r}; needed are {', '.join(PARTS)}; it has {has}")
            check_size(path, sum(archive.zip.getinfo(f"{part}.npy").file_size for part in PARTS))
            for part in PARTS:
                try:
                    with np.errstate(all="ignore"):  # a damaged header may ask for more than can be counted
                        array = archive[part]
                    if not isinstance(array, np.ndarray):
                        raise ValueError("it is no array")  # NumPy gives its bytes
                except DAMAGE as error:
                    if _of_objects(archive, part):
                        raise DatasetError(
                            f"{path}: {part} is an array of Python objects, which may run code, and is never read; "
                            f"save numbers or text of one shape, as np.stack({part}) makes them"
                        ) from None
                    raise unread(path, f"{part} cannot be read as an array", error) from error
                found[part] = array
    except DAMAGE as error:
        raise unread(path, "is not a whole .npz file", error) from error
    x = {split: _examples(path, f"x_{split}", found[f"x_{split}"]) for split in ("train", "test")}
    if (x["train"].shape[1:], x["train"].dtype) != (x["test"].shape[1:], x["test"].dtype):
        shapes = [f"x_{split} of {'×'.join(map(str, of.shape[1:]))} {of.dtype}" for split, of in x.items()]
        raise DatasetError(f"{path}: {' and '.join(shapes)}: they must be alike")
    y = {split: _labels(path, f"y_{split}", found[f"y_{split}"]) for split in ("train", "test")}
    arrays, labels = with_labels(path, x, y, {"train": "y_train", "test": "y_test"})
    return arrays, {"labels": labels}


def _of_objects(archive: Any, part: str) -> bool:
    """Whether the header of an array says that it holds pickles."""
    from numpy.lib import format

    try:
        with archive.zip.open(f"{part}.npy") as member:
            first = format.read_magic(member) == (1, 0)
            header = (format.read_array_header_1_0 if first else format.read_array_header_2_0)(member)
            return bool(header[2].hasobject)
    except DAMAGE:
        return False


def _examples(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Images, (n, height, width, channels) uint8, or vectors, (n, features) float32."""
    place = f"{path}: {name} has shape {array.shape} and dtype {array.dtype}"
    if array.dtype == np.uint8 and array.ndim in (3, 4):
        images = array[..., None] if array.ndim == 3 else array
        if images.shape[3] > 4 and images.shape[1] <= 4:
            raise DatasetError(f"{place}; channels come last: {name}.transpose(0, 2, 3, 1)")
        if 0 in images.shape[1:]:
            raise DatasetError(f"{place}; an image of no pixels cannot be learned")
        return images
    if array.dtype.kind == "f" and array.ndim == 2 and array.shape[1]:
        return finite_vectors(array, lambda row, column: f"{path}: {name}[{row}, {column}]")
    raise DatasetError(
        f"{place}; needed are images, (n, height, width) or (n, height, width, channels) of uint8 from 0 to 255, or "
        "vectors, (n, features) of floats"
    )


def _labels(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Labels, (n,) whole numbers or text."""
    place = f"{path}: {name} has shape {array.shape} and dtype {array.dtype}"
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1:
        raise DatasetError(f"{place}; one label an example is needed, (n,); one-hot rows have {name}.argmax(axis=1)")
    if flat.dtype.kind in "US":
        return np.array([plain(label) for label in flat.tolist()], dtype=str)
    if flat.dtype.kind not in "iub":
        raise DatasetError(f"{place}; labels are whole numbers or text")
    if flat.dtype.kind == "u" and flat.size and int(flat.max()) > np.iinfo(np.int64).max:
        raise DatasetError(f"{path}: {name} has the label {int(flat.max())}; whole numbers up to 2^63 - 1 are labels")
    return flat.astype(np.int64)
