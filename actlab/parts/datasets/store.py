"""The cache of converted sets: one folder each, written whole or not at all, and checked before each use.

NAME-<first 16 digits of the sha256>/
    x_train.npy y_train.npy x_test.npy y_test.npy
    index.json                              sha256 of the set, what it was made from, and its own sum
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from actlab.environment import user_folder
from actlab.errors import DatasetError
from actlab.parts.datasets.catalogue import PARTS, Arrays
from actlab.parts.datasets.formats import DAMAGE, one_line, set_sha256

INDEX = "index.json"
Origin = Mapping[str, Any]  # plain JSON data: paths, sizes and times of files, or a renderer's recipe


def cache_folder() -> Path:
    """`$ACTLAB_CACHE_DIR/datasets`, or `~/.cache/actlab/datasets`."""
    return user_folder("ACTLAB_CACHE_DIR", ".cache/actlab") / "datasets"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """While no other process prepares the set of this name.

    Raises:
        DatasetError: the cache cannot be written.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{name}.lock")
        lock.acquire()
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def folders(name: str) -> list[Path]:
    """The folders of all cached sets of a name, sorted."""
    return sorted(path for path in cache_folder().glob(f"{name}-*") if path.is_dir())


def find(name: str, origin: Origin) -> Path | None:
    """The folder of the cached set that was made from this origin, whatever else is stated of that; not yet checked.

    None where there is none.

    Raises:
        DatasetError: the index of a cached set of this name is damaged.
    """
    return next(
        (folder for folder in folders(name)
         for known in read_index(folder)["origins"] if origin.items() <= known.items()), None,
    )  # fmt: skip


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a cached set: `sha256`, `checked` (against what, when it was converted) and `origins`.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index.pop("index_sha256") != _index_sha256(index):
            raise ValueError("its own sha256 is not the recorded one")
        if folder.name.rpartition("-")[2] != index["sha256"][:16]:
            raise ValueError("it belongs to another set")
    except DAMAGE as error:
        raise _damaged(folder / INDEX, folder, f" ({one_line(error)})") from error
    return index


def _index_sha256(index: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def write(name: str, arrays: Arrays, origin: Origin, checked: str) -> Path:
    """Put a set into the cache, whole or not at all, while its name is `locked`.

    Args:
        name: the set's registered name.
        arrays: by the names in PARTS.
        origin: what it was made from; `find` finds it by this.
        checked: what its content was checked against.

    Returns:
        Its folder.

    Raises:
        DatasetError: the disk refuses.
    """
    cache, sha256 = cache_folder(), set_sha256(arrays)
    folder = cache / f"{name}-{sha256[:16]}"
    try:  # the same content from another place only adds that place
        origins = [known for known in read_index(folder)["origins"] if known != origin]
    except DatasetError:  # a folder that cannot be read is replaced
        origins = []
    index: dict[str, Any] = {"sha256": sha256, "checked": checked, "origins": [*origins, dict(origin)]}
    index["index_sha256"] = _index_sha256(index)
    try:
        for left in cache.glob(f".{name}-*"):  # by a process that was killed: nobody else writes while we hold the lock
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=cache) as temporary:
            new = Path(temporary) / "new"
            new.mkdir()
            for part in PARTS:
                np.save(new / f"{part}.npy", arrays[part], allow_pickle=False)
            (new / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")
            for path in new.iterdir():
                with path.open("rb+") as file:
                    os.fsync(file.fileno())
            if folder.exists():
                folder.rename(Path(temporary) / "old")
            new.rename(folder)
    except OSError as error:
        raise _unwritable(cache, error) from error
    return folder


def discard(folder: Path) -> None:
    """Remove a cached set, whole or not at all, while nobody prepares one of its name.

    Raises:
        DatasetError: the disk refuses.
    """
    with locked(folder.name.rpartition("-")[0]):
        try:
            with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
                folder.rename(Path(temporary) / "old")
        except OSError as error:
            raise _unwritable(folder.parent, error) from error


def open_arrays(folder: Path) -> Arrays:
    """The memory-mapped arrays of a cached set, by the names in PARTS, unchecked.

    Raises:
        DatasetError: a file is missing or not whole.
    """
    arrays = {}
    for part in PARTS:
        path = folder / f"{part}.npy"
        try:
            # Copy on write: pages are shared until somebody writes one, and the file never changes.
            with np.errstate(all="ignore"):  # a damaged header may ask for more than can be counted
                arrays[part] = np.load(path, mmap_mode="c", allow_pickle=False)
            if not isinstance(arrays[part], np.ndarray):
                raise ValueError("no array, but an archive")
        except DAMAGE as error:
            raise _damaged(path, folder, f" ({one_line(error)})") from error
    return arrays


def verified(folder: Path) -> tuple[Arrays, dict[str, Any]]:
    """The memory-mapped arrays of a cached set whose bytes have the sum that its index states, and the index.

    Raises:
        DatasetError: they have not, or a file is missing or not whole.
    """
    index, arrays = read_index(folder), open_arrays(folder)
    if set_sha256(arrays) != index["sha256"]:
        raise _damaged(folder, folder, ": its sha256 is not the recorded one")
    return arrays, index


def _damaged(path: Path, folder: Path, cause: str) -> DatasetError:
    return DatasetError(f"{path}: the cached dataset is damaged{cause}; delete the folder {folder} and run again")


def _unwritable(folder: Path, error: OSError) -> DatasetError:
    reason = error.strerror or str(error)
    advice = "set ACTLAB_CACHE_DIR to another folder"
    return DatasetError(f"{folder}: the dataset cache cannot be written ({reason}); {advice}")
