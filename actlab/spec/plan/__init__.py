"""From a config file to the list of its trainings: overrides, grids, unions, labels.

Every cell of a sweep is resolved and checked here, before anything is trained; all that is wrong is reported at
once, each at its place in the file.
"""

from __future__ import annotations

import copy
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from actlab.errors import ConfigError
from actlab.spec import yaml
from actlab.spec.config import KEYS, ONE_BUDGET, Experiment, RunConfig, experiment, resolve
from actlab.spec.part import Path
from actlab.spec.plan.claims import wrong_claims
from actlab.spec.plan.files import read_file
from actlab.spec.plan.grids import Cell, cells_apart, cells_of, fill, varies
from actlab.spec.plan.labels import label as label_of
from actlab.spec.plan.labels import slug
from actlab.spec.plan.overrides import override
from actlab.spec.plan.reader import Reader

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
    raw = read_file(path)
    document = yaml.parse(raw, str(path))
    data = copy.deepcopy(document.data)
    reader = Reader(document, {})
    if isinstance(data, Mapping):
        reader.overrides, reader.problems = override(data, overrides)
    parsed, wrong = experiment(data, slug(path.stem))
    for where, message in wrong:
        reader.wrong(where, message)
    if parsed is None:
        raise ConfigError(reader.problems)
    return _plan(parsed, reader, str(path), raw.decode(), overrides)


def _plan(parsed: Experiment, reader: Reader, source: str, text: str, overrides: tuple[str, ...]) -> Plan:
    cells, excluded = cells_of(parsed, reader)
    if reader.problems:
        _check_apart(parsed, reader)
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
        if (digest := config.hash) in runs:
            merged.append(label)
        runs.setdefault(digest, (label, config))
    if not reader.problems:  # a cell that is missing for another mistake is none of a claim's
        for where, message in wrong_claims(parsed.claims, [c.canonical() for _, c in runs.values()], KEYS):
            reader.wrong(where, message)
    reader.raise_if_any()
    return Plan(parsed, source, text, overrides, list(runs.values()), varies(cells), merged, excluded)


def _check_apart(parsed: Experiment, reader: Reader) -> None:
    """Report what else is wrong with a file whose sweep has no cells, so that all its errors come at once."""
    apart = cells_apart(parsed, reader)
    swept = {key for cell in apart for key in cell.values}
    for where, message in resolve(parsed.base)[1]:
        if not _swept(where, message, swept):
            reader.wrong(where, message)
    seen: set[tuple[str, str]] = set()
    for cell in apart:
        for where, message in resolve(fill(parsed.base, cell, reader))[1]:
            if _prefix(where, cell.places):
                _place_wrong(cell, where, message, reader, seen)
    reader.raise_if_any()


def _swept(where: Path, message: str, swept: set[str]) -> bool:
    """Whether a problem of the base is none once the sweep puts its values in."""
    if message == ONE_BUDGET:
        return bool(swept & {"epochs", "steps"})
    heads = {key.split(".")[0] for key in swept}
    return _prefix(where, swept) is not None or ("is required" in message and where[0] in heads)


def _prefix(where: Path, known: Container[str]) -> Path | None:
    """The longest beginning of a path that is known by its dotted name."""
    beginnings = (where[:length] for length in range(len(where), 0, -1))
    return next((path for path in beginnings if ".".join(map(str, path)) in known), None)


def _place_wrong(cell: Cell, where: Path, message: str, reader: Reader, seen: set[tuple[str, str]]) -> None:
    """Note what is wrong in a cell where its value stands: in the sweep, or in the base."""
    swept = _prefix(where, cell.places)
    path = (*cell.places[".".join(map(str, swept))], *where[len(swept) :]) if swept else where
    if swept == where and message.startswith("unknown key") and isinstance(path[-1], int):
        path = path[:-1]  # the axis is wrong, not its value
    if (str(path), message) not in seen:  # a thousand cells share the mistake of their base
        seen.add((str(path), message))
        reader.wrong(path, message, named=where)
