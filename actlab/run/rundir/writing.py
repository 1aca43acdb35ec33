"""Writing: a new file takes the place of the old one at once, and rows are added to tables."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from actlab.run.rundir.names import CHECKPOINT, FRAMES, HISTORY, LAYERS, PROGRESS, TIMING
from actlab.run.rundir.paths import told
from actlab.run.rundir.reading import whole_lines


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
    """Add a row to a CSV table; None is an empty cell.

    Floats have nine significant digits: enough to give a float32 again.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    append_rows(path, [values])


def append_rows(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows to a CSV table, as `append_row` does."""
    append_bytes(path, "".join(",".join(map(_cell, values)) + "\n" for values in rows).encode())


def append_bytes(path: Path, data: bytes) -> None:
    """Add bytes to a file.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    with told(path, "written"), path.open("ab") as file:
        file.write(data)


def _cell(value: Any) -> str:
    return "" if value is None else format(value, ".9g") if isinstance(value, float) else str(value)


def sync_tables(path: Path) -> None:
    """Bring the rows of a run's tables to the disk: what is said of them next must not outlive them.

    Raises:
        RunDirError: the disk does not take them.
    """
    for name in (HISTORY, TIMING, LAYERS, FRAMES):
        with told(path / name, "written"), contextlib.suppress(FileNotFoundError), (path / name).open("rb") as file:
            os.fsync(file.fileno())


def cut_tables(path: Path, rows: int, layers: int = 0) -> bool:
    """Shorten a run's tables to their first `rows` evaluations; False, and nothing done, if one of them has fewer.

    Args:
        path: the run directory.
        rows: evaluations to keep.
        layers: rows of layers.csv an evaluation; 0 where nothing is probed.

    Raises:
        RunDirError: one of them cannot be read or written.
    """
    each = {HISTORY: 1, TIMING: 1, LAYERS: layers}
    tables = {table: 1 + rows * each[name] for name in each if each[name] and (table := path / name).exists()}
    with told(path, "read"):
        lines = {table: whole_lines(table.read_bytes()).splitlines(keepends=True) for table in tables}
    if any(each[name] and (path / name) not in lines for name in (HISTORY, LAYERS)):
        return False
    if any(len(found) < tables[table] for table, found in lines.items()):
        return False
    for table, found in lines.items():
        write_bytes(table, b"".join(found[: tables[table]]))
    return True


def cut_frames(path: Path, size: int) -> bool:
    """Shorten the frames of a run's film to their first `size` bytes; False, and nothing done, if there are fewer.

    Raises:
        RunDirError: they cannot be written.
    """
    frames = path / FRAMES
    if not frames.exists() or frames.stat().st_size < size:
        return False
    with told(frames, "written"), frames.open("rb+") as file:
        file.truncate(size)
        os.fsync(file.fileno())
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
    with contextlib.suppress(OSError):
        (path / FRAMES).unlink()
    shutil.rmtree(path / CHECKPOINT, ignore_errors=True)
