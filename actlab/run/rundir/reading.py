"""Reading: what is missing or damaged is an error that names the file."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlab.errors import RunDirError
from actlab.run.rundir.names import LOG, PROGRESS, RECORD
from actlab.run.rundir.paths import told

AGAIN = "the same `actlab run` trains this run again"

if TYPE_CHECKING:  # pandas takes 0.3 s to import; only a comparison reads tables
    import pandas as pd


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file.

    Raises:
        RunDirError: the file is missing, empty, or no JSON object.
    """
    try:
        with told(path, "read"):
            data = json.loads(path.read_bytes(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise RunDirError(f"{path}: damaged: not JSON; {AGAIN}") from None
    if not isinstance(data, dict):
        raise RunDirError(f"{path}: damaged: not a JSON object; {AGAIN}")
    return data


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


def read_progress(path: Path) -> dict[str, Any]:
    """Where a training stands; empty where nothing is said."""
    try:
        return read_json(path / PROGRESS)
    except RunDirError:
        return {}


def read_table(path: Path) -> pd.DataFrame:
    """A CSV table; a last row that was cut short is dropped.

    Raises:
        RunDirError: the file is missing, empty or not a table.
    """
    import pandas as pd

    try:
        with told(path, "read"):
            text = whole_lines(path.read_bytes()).decode()
        table = _numbers_only(text)
        if table is None:
            table = pd.read_csv(io.StringIO(text))
    except ValueError as error:  # those of decoding and of pandas' parser are its children
        raise RunDirError(f"{path}: damaged: {error}") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus cells for names of rows
        raise RunDirError(f"{path}: damaged: rows are longer than the header")
    return table


def _numbers_only(text: str) -> pd.DataFrame | None:
    """A table as pandas would read it, in a quarter of the time, if every cell is a number; else None."""
    import numpy as np
    import pandas as pd

    header, *lines = text.splitlines() or [""]
    names = header.split(",")
    if not lines or not all(lines) or not header.isascii() or '"' in header or len(set(names)) < len(names):
        return None
    try:
        values = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
    except ValueError:
        return None
    if values.shape != (len(lines), len(names)):
        return None
    whole = ((values == np.rint(values)) & (np.abs(values) < 2**53)).all(axis=0)
    columns = zip(names, values.T, whole, strict=True)
    return pd.DataFrame({name: column.astype(np.int64) if is_whole else column for name, column, is_whole in columns})


def read_numbers(path: Path, columns: Sequence[str], words: Sequence[str] = ()) -> pd.DataFrame:
    """A CSV table of numbers, but for the columns `words`, with the given columns and perhaps others.

    Raises:
        RunDirError: it is missing, or something else.
    """
    from pandas.api.types import is_numeric_dtype

    table = read_table(path)
    missing = [name for name in columns if name not in table]
    text = [str(name) for name in table if len(table) and name not in words and not is_numeric_dtype(table[name])]
    if missing or text:
        wrong = f"no column {', '.join(missing)}" if missing else f"text in the column {', '.join(text)}"
        raise RunDirError(f"{path}: damaged: {wrong}")
    return table


def whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def sha256_of_files(path: Path) -> dict[str, str]:
    """Name to sha256 of every file of a run that is part of its record."""
    hidden = (RECORD, PROGRESS, LOG)
    names = sorted(p.name for p in path.iterdir() if p.is_file() and p.name not in hidden and p.name[0] != ".")
    return {name: digest for name in names if (digest := sha256_or_none(path / name))}


def sha256_or_none(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
