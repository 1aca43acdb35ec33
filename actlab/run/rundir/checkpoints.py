"""Arrays: the last complete state of a training, and the weights at its end."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.errors import RunDirError
from actlab.run.rundir.names import CHECKPOINT, STATE, WEIGHTS
from actlab.run.rundir.paths import inside, make_folder
from actlab.run.rundir.writing import sync_tables, write_bytes

NAMES = "names"  # the entry of a checkpoint that lists the others


def write_checkpoint(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace a run's checkpoint at once, after its tables have reached the disk.

    One .npz file without pickles is the whole state: there is no moment at which half of it is new.

    Raises:
        RunDirError: the disk is full or may not be written, or the folder of the checkpoint is a link.
    """
    sync_tables(path)
    folder = inside(path, CHECKPOINT)
    make_folder(folder)
    write_bytes(folder / STATE, npz({**arrays, NAMES: _names(arrays)}))


def _names(arrays: Mapping[str, Any]) -> NDArray[Any]:
    """A zip archive has sums of its entries but none of its list of entries; with this, it has."""
    return np.frombuffer(json.dumps(sorted(arrays)).encode(), dtype=np.uint8)


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays of a run's checkpoint; None where there is none that is whole."""
    try:
        # opened here, since NumPy leaves the files open that it cannot read
        with (path / CHECKPOINT / STATE).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error):
        return None
    names = arrays.pop(NAMES, None)
    return arrays if names is not None and names.tobytes() == _names(arrays).tobytes() else None


def read_weights(path: Path) -> list[NDArray[Any]]:
    """The arrays of a run's weights.npz, in Keras's order of variables.

    Raises:
        RunDirError: there are none, or the file is damaged.
    """
    file = path / WEIGHTS
    if not file.exists():
        raise RunDirError(f"{file}: no weights were kept; train with keep_weights: final or best")
    arrays = read_arrays(file)
    return [arrays[name] for name in sorted(arrays)]


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file of a run by name.

    Raises:
        RunDirError: the file is missing or damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunDirError(f"{file}: damaged: {error}") from None


def npz(arrays: Mapping[str, NDArray[Any]], compressed: bool = False) -> bytes:
    """Arrays as the bytes of an .npz file: the same arrays, the same bytes."""
    buffer = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(buffer, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes the names for its own keywords
    return buffer.getvalue()
