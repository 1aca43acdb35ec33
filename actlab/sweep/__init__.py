"""From a config file to the list of its trainings: overrides, grids, unions, labels.

Every cell of a sweep is resolved and checked here, before anything is trained; all that is wrong is reported at
once, each at its place in the file.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from actlab import yamlio
from actlab.config import Experiment, RunConfig, experiment, resolve
from actlab.errors import ConfigError, Problem
from actlab.parts import Path
from actlab.sweep.grids import Cell, cells_of, fill, varies
from actlab.sweep.labels import label as label_of
from actlab.sweep.labels import slug
from actlab.sweep.overrides import override
from actlab.sweep.reader import Reader

__all__ = ["Plan", "read"]


@dataclass(frozen=True)
class Plan:
    """What a config file asks for.

    Args:
        experiment: the file's own keys.
        source: the path of the file.
        text: the file as it was.
        overrides: what the command line changed, as it was typed.
        runs: (label, config) of each training, in the order of the grid, no config twice.
        varies: swept path to its values, in the order of the file.
        merged: labels of cells that came twice, the second and later ones.
        excluded: how many cells `exclude` left out.
    """

    experiment: Experiment
    source: str
    text: str
    overrides: tuple[str, ...]
    runs: list[tuple[str, RunConfig]]
    varies: dict[str, list[Any]]
    merged: list[str]
    excluded: int


def read(path: FilePath, overrides: tuple[str, ...] = ()) -> Plan:
    """The plan of a config file.

    Args:
        path: the YAML file.
        overrides: `dotted.path=value` each, applied in order; the value is YAML.

    Raises:
        ConfigError: all that is wrong in the file and the overrides.
    """
    text = _text(path)
    document = yamlio.parse(text, str(path))
    data = copy.deepcopy(document.data)
    reader = Reader(document, {})
    if isinstance(data, Mapping):
        reader.overrides = override(data, overrides)
    parsed, wrong = experiment(data, slug(path.stem))
    for where, message in wrong:
        reader.wrong(where, message)
    reader.raise_if_any()
    assert parsed is not None
    return _plan(parsed, reader, str(path), text, overrides)


def _text(path: FilePath) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), 1, 1, f"not UTF-8 text: {error.reason}")]) from None
    except OSError as error:
        near = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        hint = f"; in {path.parent}: {', '.join(near[:12])}" if near else ""
        message = f"cannot be read: {(error.strerror or str(error)).lower()}{hint}"
        raise ConfigError([Problem(str(path), 1, 1, message)]) from None


def _plan(parsed: Experiment, reader: Reader, source: str, text: str, overrides: tuple[str, ...]) -> Plan:
    cells, excluded = cells_of(parsed, reader)
    if reader.problems:
        _check_base(parsed, reader)
    runs: dict[str, tuple[str, RunConfig]] = {}
    merged = []
    seen: set[tuple[str, str]] = set()
    for cell in cells:
        config, wrong = resolve(fill(parsed.base, cell, reader))
        for where, message in wrong:
            _place_wrong(cell, where, message, reader, seen)
        if config is None:
            continue
        label = label_of(config, cell)
        if config.hash in runs:
            merged.append(label)
        runs.setdefault(config.hash, (label, config))
    reader.raise_if_any()
    return Plan(parsed, source, text, overrides, list(runs.values()), varies(cells), merged, excluded)


def _check_base(parsed: Experiment, reader: Reader) -> None:
    """Report what is wrong besides a sweep that cannot be read, so that all errors of a file come at once."""
    grids = parsed.sweep if isinstance(parsed.sweep, list) else [parsed.sweep]
    swept = {str(key).split(".")[0] for grid in grids for key in grid}
    for where, message in resolve(parsed.base)[1]:
        if where[0] not in swept or "is required" not in message:
            reader.wrong(where, message)
    reader.raise_if_any()


def _place_wrong(cell: Cell, where: Path, message: str, reader: Reader, seen: set[tuple[str, str]]) -> None:
    """Note what is wrong in a cell where its value stands: in the sweep, or in the base."""
    path = where
    for length in range(len(where), 0, -1):
        dotted = ".".join(map(str, where[:length]))
        if dotted in cell.places:
            path = (*cell.places[dotted], *where[length:])
            break
    if (str(path), message) not in seen:  # a thousand cells share the mistake of their base
        seen.add((str(path), message))
        reader.wrong(path, message, named=where)
