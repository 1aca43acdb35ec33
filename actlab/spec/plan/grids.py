"""Grids, unions, zips, exclusions and ranges: from the `sweep` of a file to its cells."""

from __future__ import annotations

import copy
import itertools
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actlab.registry import nearest
from actlab.spec.config import Experiment, RunConfig
from actlab.spec.part import Path, show
from actlab.spec.plan.overrides import put
from actlab.spec.plan.reader import Reader

RANGES = ("range", "linspace", "logspace", "geomspace")
MAX_CELLS = 100_000


@dataclass
class Cell:
    """One point of a grid: swept path to value, and where in the file each value stands."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)

    def join(self, other: Cell) -> Cell:
        return Cell({**self.values, **other.values}, {**self.places, **other.places})


def cells_of(parsed: Experiment, reader: Reader) -> tuple[list[Cell], int]:
    """Every cell of the sweep, and how many were excluded. A file without a sweep has one cell."""
    if isinstance(parsed.sweep, list):
        if not parsed.sweep:
            reader.wrong(("sweep",), "an empty list of grids: nothing to train")
        grids = [_grid(grid, ("sweep", i), reader) for i, grid in enumerate(parsed.sweep)]
    else:
        grids = [_grid(parsed.sweep, ("sweep",), reader)]
    return [cell for cells, _ in grids for cell in cells], sum(count for _, count in grids)


def cells_apart(parsed: Experiment, reader: Reader) -> list[Cell]:
    """Each value of each axis as a cell of its own: what can be checked of a sweep that has no cells."""
    if isinstance(parsed.sweep, list):
        cells = [cell for i, grid in enumerate(parsed.sweep) for cell in _apart(grid, ("sweep", i), reader)]
    else:
        cells = _apart(parsed.sweep, ("sweep",), reader)
    return [cell for cell in cells if all(map(_known, cell.values))]


def _apart(grid: dict[str, Any], path: Path, reader: Reader) -> list[Cell]:
    groups = [(path, {key: written for key, written in grid.items() if key not in ("zip", "exclude")})]
    groups += _zip_groups(grid["zip"], (*path, "zip"), reader) if "zip" in grid else []
    return [
        c for where, group in groups for key, values in group.items() for c in _axis(key, values, (*where, key), reader)
    ]


def _axes(grid: dict[str, Any], path: Path, reader: Reader) -> list[list[Cell]]:
    axes: list[list[Cell]] = []
    for key, written in grid.items():
        if key == "zip":
            axes += _zips(written, (*path, key), reader)
        elif key != "exclude":
            axes.append(_axis(key, written, (*path, key), reader))
    return axes


def _grid(grid: dict[str, Any], path: Path, reader: Reader) -> tuple[list[Cell], int]:
    axes = _axes(grid, path, reader)
    taken = Counter(key for axis in axes for key in (axis[0].values if axis else ()))
    for key in (key for key, times in taken.items() if times > 1):
        reader.wrong(path, f"{key} is swept twice")
    size = math.prod(len(axis) for axis in axes)
    if size > MAX_CELLS:
        reader.wrong(path, f"{size:,} cells are more than the {MAX_CELLS:,} that one file may ask for")
        return [], 0
    cells = [_joined(combination) for combination in itertools.product(*axes)]
    excluded = _exclusions(grid.get("exclude", []), (*path, "exclude"), list(taken), reader)
    kept = [cell for cell in cells if not any(_matches(cell, rule) for rule in excluded)]
    if cells and not kept:
        reader.wrong((*path, "exclude"), "every cell is excluded: nothing to train")
    return kept, len(cells) - len(kept)


def _joined(cells: tuple[Cell, ...]) -> Cell:
    whole = Cell()
    for cell in cells:
        whole = whole.join(cell)
    return whole


def _axis(key: str, written: Any, path: Path, reader: Reader) -> list[Cell]:
    if not _known(key):
        head = key.split(".")[0]
        close = nearest(head, list(RunConfig.model_fields))
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(RunConfig.model_fields)}"
        reader.wrong(path, f"unknown key '{head}'; {hint}")
    values, literal = _values(written, path, reader)
    return [Cell({key: value}, {key: (*path, i) if literal else path}) for i, value in enumerate(values)]


def _values(written: Any, path: Path, reader: Reader) -> tuple[list[Any], bool]:
    """The values of an axis, and whether each stands in the file by itself."""
    if isinstance(written, list):
        if not written:
            reader.wrong(path, "an empty list: nothing to train")
        return written, True
    if isinstance(written, dict) and len(written) == 1 and (kind := next(iter(written))) in RANGES:
        try:
            values = _range(kind, written[kind])
        except (TypeError, ValueError, OverflowError) as error:
            reader.wrong((*path, kind), str(error))
            return [], False
        if not values:
            reader.wrong((*path, kind), "an empty range: nothing to train")
        return values, False
    reader.wrong(path, f"expected a list of values or one of {', '.join(RANGES)}, read {show(written)}{_near(written)}")
    return [], False


def _known(key: str) -> bool:
    return key.split(".")[0] in RunConfig.model_fields


def _near(written: Any) -> str:
    close = nearest(next(iter(written)), list(RANGES)) if isinstance(written, dict) and len(written) == 1 else []
    return f"; did you mean '{close[0]}'?" if close else ""


def _range(kind: str, written: Any) -> list[Any]:
    """`range` as Python's, `linspace`, `logspace` and `geomspace` as NumPy's: start, stop and how many.

    Raises:
        ValueError: with what was expected.
    """
    numbers = written if isinstance(written, list) else [written]
    if any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise ValueError(f"expected numbers, read {show(written)}")
    if kind == "range":
        if not 1 <= len(numbers) <= 3 or not all(isinstance(n, int) for n in numbers) or numbers[2:] == [0]:
            raise ValueError(f"expected a count, or [start, stop] or [start, stop, step], read {show(written)}")
        values = range(*numbers)
        if values[MAX_CELLS:]:  # len() refuses the largest ranges
            raise ValueError(f"more than {MAX_CELLS:,} values")
        return list(values)
    if len(numbers) != 3 or not isinstance(numbers[2], int) or not 1 <= numbers[2] <= MAX_CELLS:
        raise ValueError(f"expected [start, stop, number of values], read {show(written)}")
    if kind == "geomspace" and not (numbers[0] > 0 and numbers[1] > 0):
        raise ValueError(f"geomspace goes from one positive number to another, read {show(written)}")
    with np.errstate(all="ignore"):
        spaced = getattr(np, kind)(float(numbers[0]), float(numbers[1]), numbers[2])
    if not np.isfinite(spaced).all():
        raise ValueError(f"values that are not finite; logspace takes exponents of 10, read {show(written)}")
    return [float(f"{value:.12g}") for value in spaced]  # 0.3, not 0.30000000000000004


def _zips(written: Any, path: Path, reader: Reader) -> list[list[Cell]]:
    """Each mapping of `zip` to one axis whose values go together."""
    axes = []
    for where, group in _zip_groups(written, path, reader):
        lists = [_axis(key, values, (*where, key), reader) for key, values in group.items()]
        lengths = {key: len(cells) for key, cells in zip(group, lists, strict=True)}
        if len(set(lengths.values())) > 1:
            reader.wrong(where, f"axes of unequal length: {', '.join(f'{k} has {n}' for k, n in lengths.items())}")
            continue
        axes.append([_joined(cells) for cells in zip(*lists, strict=True)])
    return axes


def _zip_groups(written: Any, path: Path, reader: Reader) -> list[tuple[Path, dict[str, Any]]]:
    """Each mapping of `zip` with its place."""
    groups = []
    for i, group in enumerate(written if isinstance(written, list) else [written]):
        where = (*path, i) if isinstance(written, list) else path
        if isinstance(group, dict) and group:
            groups.append((where, group))
        else:
            reader.wrong(where, f"expected a mapping of axes that go together, read {show(group)}")
    return groups


def _exclusions(written: Any, path: Path, axes: list[str], reader: Reader) -> list[dict[str, Any]]:
    rules = []
    for i, rule in enumerate(written if isinstance(written, list) else [written]):
        where = (*path, i) if isinstance(written, list) else path
        if not isinstance(rule, dict) or not rule:
            reader.wrong(where, f"expected a mapping of path to value, read {show(rule)}")
            continue
        rules.append(rule)
        for key in rule:
            if key not in axes:
                close = nearest(key, axes)
                hint = f"did you mean '{close[0]}'?" if close else f"swept here: {', '.join(axes) or 'nothing'}"
                reader.wrong((*where, key), f"unknown key '{key}'; {hint}")
    return rules


def _matches(cell: Cell, rule: dict[str, Any]) -> bool:
    return all(key in cell.values and _meant(cell.values[key], value) for key, value in rule.items())


def _meant(value: Any, rule: Any) -> bool:
    """Whether a rule means a value: equal, one of a list, or a part by its bare name."""
    if isinstance(rule, list) and not isinstance(value, list):
        return any(_meant(value, item) for item in rule)
    if isinstance(rule, dict) and isinstance(value, str):  # a bare name is short for a mapping
        value = {"name": value}
    return bool(value == rule or (isinstance(value, dict) and value.get("name") == rule))


def fill(base: dict[str, Any], cell: Cell, reader: Reader) -> dict[str, Any]:
    """The base with the cell's values put in; whole parts first, then the parameters in them."""
    data = copy.deepcopy(base)
    for dotted in sorted(cell.values, key=lambda key: key.count(".")):
        try:
            put(data, dotted, copy.deepcopy(cell.values[dotted]))
        except ValueError as error:
            reader.wrong(cell.places[dotted], str(error))
    return data


def varies(cells: list[Cell]) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for cell in cells:
        for key, value in cell.values.items():
            known = values.setdefault(key, [])
            if value not in known:
                known.append(value)
    return values
