"""Writing: a new file takes the place of the old one at once, and rows are added to tables."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actlab.rundir.names import CHECKPOINT, HISTORY, LAYERS, PROGRESS, TIMING
from actlab.rundir.paths import told
from actlab.rundir.reading import whole_lines


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file at once and for good.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with told(path, "written"):
        try:
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:  # a new file: nothing is written through a link
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a JSON file at once. NaN and infinity are written as null: JSON has no such numbers."""
    write_bytes(path, (json.dumps(_finite(data), indent=2, allow_nan=False) + "\n").encode())


def write_progress(path: Path, data: Mapping[str, Any]) -> None:
    """Say where a training stands. Not flushed to the disk: it is of use only while the machine lives."""
    temporary = path / f".{PROGRESS}.tmp"
    with contextlib.suppress(OSError):  # a display is no reason to lose a training
        temporary.unlink(missing_ok=True)
        with temporary.open("x") as file:
            file.write(json.dumps(_finite(data)))
        temporary.replace(path / PROGRESS)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))) else value


def start_table(path: Path, columns: Sequence[str]) -> None:
    """A new CSV table with its header."""
    write_bytes(path, (",".join(columns) + "\n").encode())


def append_row(path: Path, values: Sequence[Any]) -> None:
    """Add a row to a CSV table. Floats have nine significant digits: enough to give a float32 again.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    line = ",".join(format(value, ".9g") if isinstance(value, float) else str(value) for value in values)
    with told(path, "written"), path.open("ab") as file:
        file.write(line.encode() + b"\n")


def sync_tables(path: Path) -> None:
    """Bring the rows of a run's tables to the disk: what is said of them next must not outlive them.

    Raises:
        RunDirError: the disk does not take them.
    """
    for name in (HISTORY, TIMING, LAYERS):
        with told(path / name, "written"), contextlib.suppress(FileNotFoundError), (path / name).open("rb") as file:
            os.fsync(file.fileno())


def cut_tables(path: Path, rows: int) -> bool:
    """Shorten a run's tables to their first `rows` rows; False, and nothing done, if one of them has fewer.

    Raises:
        RunDirError: one of them cannot be read or written.
    """
    tables = [table for name in (HISTORY, TIMING, LAYERS) if (table := path / name).exists()]
    with told(path, "read"):
        lines = {table: whole_lines(table.read_bytes()).splitlines(keepends=True) for table in tables}
    if (path / HISTORY) not in lines or any(len(found) < rows + 1 for found in lines.values()):
        return False
    for table, found in lines.items():
        write_bytes(table, b"".join(found[: rows + 1]))
    return True


def copy_run(source: Path, path: Path) -> None:
    """Put a copy of a finished run at a path, whole or not at all.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with told(path, "written"):
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary, ignore=shutil.ignore_patterns(".*"))
        sync_tables(temporary)
        shutil.rmtree(path, ignore_errors=True)  # an unfinished attempt at the same run
        temporary.replace(path)


def clear_progress(path: Path) -> None:
    """Say no more where the training stands."""
    with contextlib.suppress(OSError):
        (path / PROGRESS).unlink()


def clear_working_files(path: Path) -> None:
    """Remove what is of use only while a run is not done."""
    clear_progress(path)
    shutil.rmtree(path / CHECKPOINT, ignore_errors=True)
