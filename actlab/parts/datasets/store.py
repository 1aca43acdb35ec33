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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from actlab.errors import DatasetError
from actlab.parts.datasets.catalogue import PARTS, Arrays
from actlab.parts.datasets.digests import set_sha256
from actlab.parts.datasets.formats import DAMAGE

INDEX = "index.json"
Origin = Mapping[str, Any]  # plain JSON data: paths, sizes and times of files, or a renderer's recipe


@dataclass(frozen=True)
class Stored:
    """A cached set.

    Args:
        folder: where it lies.
        sha256: of the set, as its index states it.
        checked: what the content was checked against when it was converted.
    """

    folder: Path
    sha256: str
    checked: str


def cache_folder() -> Path:
    """`$ACTLAB_CACHE_DIR/datasets`, or `~/.cache/actlab/datasets`."""
    root = os.environ.get("ACTLAB_CACHE_DIR")
    return (Path(root).expanduser() if root else Path.home() / ".cache" / "actlab") / "datasets"


@contextmanager
def locked(name: str) -> Iterator[Path]:
    """The cache folder, while no other process prepares the set of this name.

    Raises:
        DatasetError: the folder cannot be written.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f".{name}.lock")
        lock.acquire()
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield folder
    finally:
        lock.release()


def find(cache: Path, name: str, origin: Origin) -> Stored | None:
    """The cached set that was made from this origin, not yet checked; None where there is none.

    Raises:
        DatasetError: the index of a cached set of this name is damaged.
    """
    for folder in folders(cache, name):
        index = read_index(folder)
        if origin in index["origins"]:
            return Stored(folder, index["sha256"], index["checked"])
    return None


def folders(cache: Path, name: str) -> list[Path]:
    """The folders of all cached sets of a name, sorted."""
    return sorted(path for path in cache.glob(f"{name}-*") if path.is_dir())


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a cached set.

    Raises:
        DatasetError: it is missing or damaged.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        if index.pop("index_sha256") != _index_sha256(index):
            raise ValueError("its own sha256 is not the recorded one")
        if folder.name.rpartition("-")[2] != index["sha256"][:16]:
            raise ValueError("it belongs to another set")
    except DAMAGE as error:
        raise _damaged_cache(folder / INDEX, folder, error) from error
    return dict(index)


def _index_sha256(index: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def write(cache: Path, name: str, arrays: Arrays, origin: Origin, checked: str) -> Stored:
    """Put a set into the cache, whole or not at all.

    Args:
        cache: the folder that `locked` gave.
        name: the set's registered name.
        arrays: by the names in PARTS.
        origin: what it was made from; `find` finds it by this.
        checked: what its content was checked against.

    Raises:
        DatasetError: the disk refuses.
    """
    sha256 = set_sha256(arrays)
    folder = cache / f"{name}-{sha256[:16]}"
    # The same content from another place only adds that place. A folder that cannot be read is replaced.
    origins = [known for known in _known_origins(folder) if known != origin]
    index: dict[str, Any] = {"sha256": sha256, "checked": checked, "origins": [*origins, dict(origin)]}
    index["index_sha256"] = _index_sha256(index)
    try:
        _clear_unfinished(cache, name)
        _write_folder(cache, folder, arrays, index)
    except OSError as error:
        raise _unwritable(cache, error) from error
    return Stored(folder, sha256, checked)


def _known_origins(folder: Path) -> list[Origin]:
    try:
        return list(read_index(folder)["origins"])
    except DatasetError:
        return []


def _write_folder(cache: Path, folder: Path, arrays: Arrays, index: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=cache) as temporary:
        new = Path(temporary) / "new"
        new.mkdir()
        for part in PARTS:
            with (new / f"{part}.npy").open("wb") as file:
                np.save(file, arrays[part], allow_pickle=False)
                _flush(file)
        with (new / INDEX).open("wb") as file:
            file.write(json.dumps(index, indent=1, sort_keys=True).encode())
            _flush(file)
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        new.rename(folder)


def _clear_unfinished(cache: Path, name: str) -> None:
    # Left by a process that was killed: nobody else writes a set of this name while we hold its lock.
    for left in cache.glob(f".{name}-*"):
        shutil.rmtree(left)


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


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
            arrays[part] = np.load(path, mmap_mode="c", allow_pickle=False)
        except DAMAGE as error:
            raise _damaged_cache(path, folder, error) from error
    return arrays


def verified_arrays(stored: Stored) -> Arrays:
    """The memory-mapped arrays of a cached set whose bytes have the sum that its index states.

    Raises:
        DatasetError: they have not, or a file is missing or not whole.
    """
    arrays = open_arrays(stored.folder)
    if set_sha256(arrays) != stored.sha256:
        raise _damaged_cache(stored.folder, stored.folder, None)
    return arrays


def _damaged_cache(path: Path, folder: Path, error: BaseException | None) -> DatasetError:
    cause = f" ({' '.join(str(error).split())[:120]})" if error is not None else ": its sha256 is not the recorded one"
    return DatasetError(f"{path}: the cached dataset is damaged{cause}; delete the folder {folder} and run again")


def _unwritable(folder: Path, error: OSError) -> DatasetError:
    reason = error.strerror or str(error)
    advice = "set ACTLAB_CACHE_DIR to another folder"
    return DatasetError(f"{folder}: the dataset cache cannot be written ({reason}); {advice}")
