"""Own data in a table: a .csv file of numeric columns, one of which is the label."""

from __future__ import annotations

import warnings
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actlab.errors import DatasetError, nearest
from actlab.parts.datasets.catalogue import DATASETS, Arrays, Content, Own
from actlab.parts.datasets.formats import DAMAGE
from actlab.parts.datasets.own import OWN, check_size, drawn, finite_vectors, sum_of_file, unread, with_labels

if TYPE_CHECKING:
    import pandas as pd

VERSION = 2  # raise it with every change of what comes out
LONGEST_HEADER = 2**22  # bytes of the first line
MOST_COLUMNS = 10_000
CELLS = 2**21  # that are read at a time
# nothing unpacked, no text taken for an absent number, other bytes than UTF-8 spelt out
PLAIN: Any = {"compression": None, "na_filter": False, "encoding_errors": "backslashreplace"}


@DATASETS.register(OWN)
def csv(
    *, csv: str, label: Annotated[str, Field(min_length=1)], test: Annotated[float, Field(gt=0, lt=1)] = 0.2,
    seed: Annotated[int, Field(ge=0)] = 0, content: Content | None = None,
) -> Own:  # fmt: skip
    """Your own table: a .csv file whose first line names the columns; all but the label are numbers.

    Each column is standardised, (x − mean) / deviation, by the mean and the deviation (of n, not n − 1) of the training
    rows, which are in the record; a column that does not vary there is 0.

    Args:
        csv: the file, relative to the config file; UTF-8, commas.
        label: the column of the class: whole numbers or text.
        test: the part of each class that is the test set, drawn from `seed`.
        seed: of that draw; not the run's seed, so that every run of a sweep is tested on the same rows.
        content: what was found in it.
    """
    how = {"csv": VERSION, "label": label, "test": test, "seed": seed}
    return Own(sum_of_file, partial(read, label=label, test=test, seed=seed), how)


def read(path: Path, label: str, test: float, seed: int) -> tuple[Arrays, dict[str, Any]]:
    """The standardised columns of a file; the labels of its classes, and mean and deviation of each column.

    Raises:
        DatasetError: it is no such table.
    """
    columns = _header(path, label)
    x, texts = _cells(path, columns, label)
    y = _labels(path, texts, label)
    place = f"the column {label!r}"
    chosen = drawn(path, y, place, test, seed)
    # sums along axis 0 of a C array are made row by row, in an order that no machine chooses
    known = x[~chosen]
    constant = known.min(axis=0) == known.max(axis=0)  # whose mean may be off by a rounding
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large is named below
        mean = np.where(constant, known[0], known.sum(axis=0) / len(known))
        x -= mean
        deviation = np.where(constant, 0.0, np.sqrt(((known - mean) ** 2).sum(axis=0) / len(known)))
        x /= np.where(constant, 1.0, deviation)
    features = [column for column in columns if column != label]
    split = {"train": ~chosen, "test": chosen}
    vectors = {
        name: finite_vectors(x[rows], lambda row, column: f"{path}: the column {features[column]!r}, standardised,")
        for name, rows in split.items()
    }
    of = {name: y[rows] for name, rows in split.items()}
    arrays, labels = with_labels(path, vectors, of, dict.fromkeys(split, place))
    return arrays, {
        "labels": labels, "columns": features, "mean": mean.tolist(), "deviation": deviation.tolist()
    }  # fmt: skip


def _header(path: Path, label: str) -> list[str]:
    """The names of the columns."""
    import pandas as pd

    with path.open("rb") as file:
        first = file.readline(LONGEST_HEADER + 1)
    if not first.strip():
        raise DatasetError(f"{path}: {'its first line' if first else 'it'} is empty; the first line names the columns")
    if len(first) > LONGEST_HEADER:
        raise DatasetError(f"{path}: its first line, which names the columns, is longer than {LONGEST_HEADER:,} bytes")
    try:
        row = pd.read_csv(path, header=None, nrows=1, dtype=str, **PLAIN)
    except DAMAGE as error:
        raise unread(path, "its first line names no columns", error) from error
    columns = [str(name).strip() for name in row.iloc[0]]
    if len(columns) == 1:
        raise DatasetError(f"{path}: has one column only, {columns[0][:40]!r}; separate columns by commas")
    if len(columns) > MOST_COLUMNS:
        raise DatasetError(f"{path}: has {len(columns):,} columns; at most {MOST_COLUMNS:,} are read")
    if twice := [name for name, times in Counter(columns).items() if times > 1]:
        raise DatasetError(f"{path}: the column {twice[0]!r} is there twice")
    if unnamed := [place for place, name in enumerate(columns, 1) if name in ("", "nan")]:
        remedy = "where pandas wrote its row numbers there, to_csv(..., index=False) leaves them out"
        raise DatasetError(f"{path}: column {unnamed[0]} has no name; {remedy}")
    if label not in columns:
        close = nearest(label, columns)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(map(repr, columns[:8]))}"
        more = ", ..." if not close and len(columns) > 8 else ""
        raise DatasetError(f"{path}: no column {label!r}; {hint}{more}")
    return columns


def _cells(path: Path, columns: list[str], label: str) -> tuple[NDArray[np.float64], list[str]]:
    """All columns but the label, (n, columns), and the text of that."""
    import pandas as pd

    names, pieces, texts = list(map(str, range(len(columns)))), list[NDArray[np.float64]](), list[str]()
    at = str(columns.index(label))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows that are longer than the first line
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)  # of text among numbers, which is named below
            with pd.read_csv(
                path, header=0, names=names, dtype={at: str}, index_col=False, chunksize=max(1, CELLS // len(columns)),
                **PLAIN,
            ) as chunks:  # fmt: skip
                for chunk in chunks:
                    numbers = _numbers(path, chunk.drop(columns=at), columns, len(texts))
                    texts.extend(chunk[at])
                    pieces.append(numbers)
                    check_size(path, 24.0 * len(texts) * len(columns))  # as float64, joined, and what is made of it
    except pd.errors.ParserWarning:
        raise DatasetError(f"{path}: a row has more fields than the first line, which names {len(columns)}") from None
    except DAMAGE as error:
        raise unread(path, f"is no whole table, after row {len(texts):,}", error) from error
    if not texts:
        raise DatasetError(f"{path}: has no rows below its first line")
    return np.concatenate(pieces), texts


def _numbers(path: Path, chunk: pd.DataFrame, columns: list[str], before: int) -> NDArray[np.float64]:
    """Rows as numbers, (n, columns)."""
    import pandas as pd

    # text that pandas has left is no number: Python, and NumPy with it, would take 57_5 for one
    made = np.column_stack([pd.to_numeric(chunk[name], errors="coerce").to_numpy(np.float64) for name in chunk])
    wrong = ~np.isfinite(made)
    if wrong.any():
        row, place = map(int, np.unravel_index(int(wrong.argmax()), wrong.shape))
        column = int(chunk.columns[place])
        read = chunk.iloc[row, place]
        what = "is empty" if str(read).strip() in ("", "nan") else f"is {str(read)[:40]!r}"
        raise DatasetError(
            f"{path}: row {before + row + 1:,} below the first line: the column {columns[column]!r} {what}; "
            "all but the label must be finite numbers"
        )
    return made


def _labels(path: Path, texts: list[str], label: str) -> NDArray[Any]:
    """The labels as whole numbers where all are; else as text."""
    names = {text: str(text).strip() for text in set(texts)}
    if "" in names.values():
        row = next(i for i, text in enumerate(texts) if not names[text])
        raise DatasetError(f"{path}: row {row + 1:,} below the first line: the label, {label!r}, is empty")
    try:
        numbers = {text: int(name) for text, name in names.items()}
        if any(str(numbers[text]) != name for text, name in names.items()):  # 01 and 1 are two labels
            return np.array([names[text] for text in texts], dtype=str)
        return np.array([numbers[text] for text in texts], dtype=np.int64)
    except (ValueError, OverflowError):
        pass
    try:
        list(map(float, names.values()))
    except ValueError:
        return np.array([names[text] for text in texts], dtype=str)
    example = next(name for name in names.values() if not name.lstrip("+-").isdecimal())
    raise DatasetError(
        f"{path}: the label, {label!r}, is a number such as {example}; classes are whole numbers or text, and no "
        "quantity is predicted here"
    )
