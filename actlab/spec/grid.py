"""The `sweep` of a config to its cells: grids, unions, zips, exclusions and ranges; and what each run is called."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from actlab.errors import ActlabError, counted, listing, suggestion
from actlab.registry import find
from actlab.spec.config import DEFAULT_PARTS, Experiment, RunConfig
from actlab.spec.labels import slug
from actlab.spec.part import PARTS, show
from actlab.spec.problems import Problems
from actlab.spec.where import Condition, conditions_of
from actlab.spec.yaml import Path

RANGES = ("range", "linspace", "logspace", "geomspace")
MAX_CELLS = 100_000
MAX_TESTS = 10_000_000  # of cells by rules of `exclude`


@dataclass
class Cell:
    """One point of a grid: swept path to value, and where in the file each value stands."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)


def cells_of(experiment: Experiment, problems: Problems) -> tuple[list[Cell], int]:
    """Every cell of the sweep, and how many were excluded. A file without a sweep has one cell."""
    if experiment.sweep == []:
        problems.add(("sweep",), "an empty list of grids: nothing to train")
    cells, excluded = list[Cell](), 0
    for path, grid in _grids(experiment):
        axes = _axes(grid, path, problems)
        taken = Counter(key for axis in axes for key in (axis[0].values if axis else ()))
        for key in (key for key, times in taken.items() if times > 1):
            problems.add(path, f"{key} is swept twice")
        if (size := excluded + len(cells) + math.prod(map(len, axes))) > MAX_CELLS:
            problems.add(path, f"{size:,} cells are more than the {MAX_CELLS:,} that one file may ask for")
            continue
        points = [_joined(combination) for combination in itertools.product(*axes)]
        rules = _exclusions(grid.get("exclude", []), (*path, "exclude"), list(taken), problems)
        if len(points) * len(rules) > MAX_TESTS:
            many = f"{counted(len(rules), 'rule')} for {counted(len(points), 'cell')}"
            message = f"{many} are more than {MAX_TESTS:,} tests"
            problems.add((*path, "exclude"), f"{message}; a list of values in one rule stands for any of them")
            continue
        kept = [c for c in points if not any(all(w.holds(c.values.get(w.key)) for w in rule) for rule in rules)]
        if points and not kept:
            problems.add((*path, "exclude"), "every cell is excluded: nothing to train")
        cells += kept
        excluded += len(points) - len(kept)
    return cells, excluded


def cells_apart(experiment: Experiment, problems: Problems) -> list[Cell]:
    """Each value of each axis as a cell of its own: what can be checked of a sweep that has no cells."""
    cells: list[Cell] = []
    for path, grid in _grids(experiment):
        groups = [(path, {key: axis for key, axis in grid.items() if key not in ("zip", "exclude")})]
        groups += _zip_groups(grid["zip"], (*path, "zip"), problems) if "zip" in grid else []
        for where, group in groups:
            for key, written in group.items():
                cells += _axis(key, written, (*where, key), problems)
    return [cell for cell in cells if all(key.split(".")[0] in RunConfig.model_fields for key in cell.values)]


def _grids(experiment: Experiment) -> list[tuple[Path, dict[str, Any]]]:
    if isinstance(experiment.sweep, list):
        return [(("sweep", i), grid) for i, grid in enumerate(experiment.sweep)]
    return [(("sweep",), experiment.sweep)]


def _axes(grid: dict[str, Any], path: Path, problems: Problems) -> list[list[Cell]]:
    """The axes of a grid; those that `zip` puts together are one."""
    axes: list[list[Cell]] = []
    for key, written in grid.items():
        if key == "zip":
            for where, group in _zip_groups(written, (*path, key), problems):
                together = [_axis(name, values, (*where, name), problems) for name, values in group.items()]
                lengths = dict(zip(group, map(len, together), strict=True))
                if len(set(lengths.values())) > 1:
                    listing = ", ".join(f"{name} has {length}" for name, length in lengths.items())
                    problems.add(where, f"axes of unequal length: {listing}")
                    continue
                axes.append([_joined(cells) for cells in zip(*together, strict=True)])
        elif key != "exclude":
            axes.append(_axis(key, written, (*path, key), problems))
    return axes


def _joined(cells: tuple[Cell, ...]) -> Cell:
    whole = Cell()
    for cell in cells:
        whole.values.update(cell.values)
        whole.places.update(cell.places)
    return whole


def _axis(key: str, written: Any, path: Path, problems: Problems) -> list[Cell]:
    """The values of an axis, a cell each, with the place of each in the file; that of the axis, if it is a range."""
    head = key.split(".")[0]
    if head not in RunConfig.model_fields:
        hint = suggestion(head, RunConfig.model_fields) or listing(RunConfig.model_fields)
        problems.add(path, f"unknown key '{head}'; {hint}", "unknown key")
    if isinstance(written, list):
        if not written:
            problems.add(path, "an empty list: nothing to train")
        return [Cell({key: value}, {key: (*path, i)}) for i, value in enumerate(written)]
    kind = next(iter(written)) if isinstance(written, dict) and len(written) == 1 else ""
    if kind not in RANGES:
        hint = f"; {close}" if (close := suggestion(kind, RANGES)) else ""
        problems.add(path, f"expected a list of values or one of {', '.join(RANGES)}, read {show(written)}{hint}")
        return []
    try:
        values = range_values(kind, written[kind])
        if not values:
            problems.add((*path, kind), "an empty range: nothing to train")
    except (TypeError, ValueError, OverflowError) as error:
        problems.add((*path, kind), str(error))
        return []
    return [Cell({key: value}, {key: path}) for value in values]


def range_values(kind: str, written: Any) -> list[Any]:
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


def _zip_groups(written: Any, path: Path, problems: Problems) -> list[tuple[Path, dict[str, Any]]]:
    """Each mapping of `zip` with its place."""
    groups = []
    for i, group in enumerate(written if isinstance(written, list) else [written]):
        where = (*path, i) if isinstance(written, list) else path
        if isinstance(group, dict) and group:
            groups.append((where, group))
        else:
            problems.add(where, f"expected a mapping of axes that go together, read {show(group)}")
    return groups


def _exclusions(written: Any, path: Path, axes: list[str], problems: Problems) -> list[list[Condition]]:
    rules = []
    for i, rule in enumerate(written if isinstance(written, list) else [written]):
        where = (*path, i) if isinstance(written, list) else path
        if not isinstance(rule, dict) or not rule:
            problems.add(where, f"expected a mapping of path to value, read {show(rule)}")
            continue
        for key in (key for key in rule if key not in axes):
            hint = suggestion(key, axes) or f"swept here: {', '.join(axes) or 'nothing'}"
            problems.add((*where, key), f"unknown key '{key}'; {hint}", "unknown key")
        try:
            rules.append(conditions_of(rule))
        except ActlabError as error:
            problems.add(where, str(error))
    return rules


def fill(base: dict[str, Any], cell: Cell, problems: Problems) -> dict[str, Any]:
    """The base with the cell's values put in; whole parts first, then the parameters in them."""
    data = dict(base)
    for dotted in sorted(cell.values, key=lambda key: key.count(".")):
        try:
            put(data, dotted, cell.values[dotted])
        except ValueError as error:
            problems.add(cell.places[dotted], str(error))
    return data


def put(data: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a dotted path of a config's data, of which no inner mapping is changed; a bare part name becomes a mapping.

    Raises:
        ValueError: something on the way has no parameters.
    """
    *way, last = dotted.split(".")
    for step in way:
        inner = data.get(step)
        if isinstance(inner, str):
            inner = {"name": inner}
        elif inner is None:  # a parameter of a part that is not written is one of its default
            inner = {"name": DEFAULT_PARTS[step]} if step in DEFAULT_PARTS else {}
        if not isinstance(inner, dict):
            raise ValueError(f"{dotted}: {step} is {show(inner)}, which has no parameters")
        data[step] = data = dict(inner)  # other cells share the former
    data[last] = value


# --- what runs are called --------------------------------------------------------------------------------------


def label(config: RunConfig, cell: Cell) -> str:
    """What is swept, the activation and the seed: enough to tell the runs of a file apart at a glance."""
    swept = [key for key in cell.values if key != "seed"]
    pieces = [] if any(key.split(".")[0] == "activation" for key in swept) else [config.activation.name]
    for key in swept:
        value, last = cell.values[key], key.split(".")[-1]
        if (key in PARTS or last == "schedule") and isinstance(value, dict):
            named = [k for k in value if k == "name" or (key in PARTS and k in find(key) and find(key).get(k).by_value)]
            pieces += [str(value[k]) for k in named[-1:]]
            pieces += [f"{k}{_label_text(v)}" for k, v in value.items() if k not in named]
        else:
            pieces.append(str(value) if key in PARTS or isinstance(value, str) else f"{last}{_label_text(value)}")
    return slug("-".join([*pieces, f"seed{config.seed}"]))


def _label_text(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(_label_text, value))
    if isinstance(value, dict):
        return "-".join(f"{k}{_label_text(v)}" for k, v in value.items())
    return format(value, "g") if isinstance(value, float) else str(value)
