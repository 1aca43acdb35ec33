"""From a config file to the list of its trainings: what the command line changes, cells, configs and claims.

Every cell of a sweep is resolved and checked here, before anything is trained; all that is wrong is reported at
once, each at its place in the file.
"""

from __future__ import annotations

import copy
import shlex
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from actlab.errors import ConfigError, Problem
from actlab.registry import find, nearest
from actlab.spec import yaml
from actlab.spec.claim import claim_issues
from actlab.spec.config import KEYS, Experiment, RunConfig, parse_experiment, resolve
from actlab.spec.grid import Cell, cells_apart, cells_of, fill, label, put, slug
from actlab.spec.part import PARTS
from actlab.spec.problems import Issue, Problems
from actlab.spec.yaml import Path

CONFIGS = FilePath("configs")
MOST_NAMES = 12


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


def read(path: FilePath, overrides: Sequence[str] = ()) -> Plan:
    """The plan of a config file.

    Args:
        path: the YAML file.
        overrides: `dotted.path=value` each, applied in order; the value is YAML.

    Raises:
        ConfigError: all that is wrong in the file and the overrides.
    """
    raw, source = _bytes(path), str(path)
    document = yaml.parse(raw, source)
    data = copy.deepcopy(document.data)
    problems = Problems(document)
    if isinstance(data, dict):
        _apply(overrides, data, problems)
    experiment, issues = parse_experiment(data, slug(path.stem))
    for issue in issues:
        problems.add(issue.path, issue.message, issue.kind)
    if experiment is None:
        raise ConfigError(problems.found)
    cells, excluded = cells_of(experiment, problems)
    if problems.found:
        _check_apart(experiment, problems)
    runs: dict[str, tuple[str, RunConfig]] = {}
    merged = []
    seen: set[tuple[Path, str]] = set()
    for cell in cells:
        config, issues = resolve(fill(experiment.base, cell, problems))
        for issue in issues:
            _add_at_cell(cell, issue, problems, seen)
        if config is None:
            continue
        name = label(config, cell)
        if (digest := config.hash) in runs:
            merged.append(name)
        runs.setdefault(digest, (name, config))
    if not problems.found:  # a cell that is missing for another mistake is none of a claim's
        for issue in claim_issues(experiment.claims, [c.canonical() for _, c in runs.values()], KEYS):
            problems.add(issue.path, issue.message, issue.kind)
    problems.raise_if_any()
    varies: dict[str, list[Any]] = {}
    for cell in cells:
        for key, value in cell.values.items():
            known = varies.setdefault(key, [])
            if value not in known:
                known.append(value)
    text = yaml.decode(raw, source)
    return Plan(experiment, source, text, tuple(overrides), list(runs.values()), varies, merged, excluded)


def _check_apart(experiment: Experiment, problems: Problems) -> None:
    """Report what else is wrong with a file whose sweep has no cells, so that all its errors come at once."""
    apart = cells_apart(experiment, problems)
    swept = {key for cell in apart for key in cell.values}
    heads = {key.split(".")[0] for key in swept}
    for issue in resolve(experiment.base)[1]:  # what is absent or wrong there may be what the sweep puts in
        put_in = issue.kind == "budget" and bool(swept & {"epochs", "steps"})
        put_in = put_in or (issue.kind == "missing" and issue.path[0] in heads)
        if not put_in and _prefix(issue.path, swept) is None:
            problems.add(issue.path, issue.message, issue.kind)
    seen: set[tuple[Path, str]] = set()
    for cell in apart:
        for issue in resolve(fill(experiment.base, cell, problems))[1]:
            if _prefix(issue.path, cell.places):
                _add_at_cell(cell, issue, problems, seen)
    problems.raise_if_any()


def _prefix(path: Path, known: Container[str]) -> Path | None:
    """The longest beginning of a path that is known by its dotted name."""
    beginnings = (path[:length] for length in range(len(path), 0, -1))
    return next((path for path in beginnings if ".".join(map(str, path)) in known), None)


def _add_at_cell(cell: Cell, issue: Issue, problems: Problems, seen: set[tuple[Path, str]]) -> None:
    """Note what is wrong in a cell where its value stands: in the sweep, or in the base."""
    swept = _prefix(issue.path, cell.places)
    path = (*cell.places[".".join(map(str, swept))], *issue.path[len(swept) :]) if swept else issue.path
    if swept == issue.path and issue.kind == "unknown key" and isinstance(path[-1], int):
        path = path[:-1]  # the axis is wrong, not its value
    if (path, issue.message) not in seen:  # a thousand cells share the mistake of their base
        seen.add((path, issue.message))
        problems.add(path, issue.message, issue.kind, named=issue.path)


# --- what the command line changes -----------------------------------------------------------------------------


def _apply(overrides: Sequence[str], data: dict[str, Any], problems: Problems) -> None:
    """Put `path=value` each into the data."""
    for text in overrides:
        dotted, equals, written = text.partition("=")
        dotted, origin = dotted.strip(), f"--set {text}"
        if not equals or not dotted:
            problems.found.append(Problem(origin, 0, 0, "expected path=value, such as optimizer.learning_rate=0.1"))
            continue
        try:
            value = yaml.parse_value(written, origin)
            if dotted.startswith("sweep."):
                sweep = data.setdefault("sweep", {})
                if not isinstance(sweep, dict):
                    raise ValueError("the sweep is no single grid; change it in the file, or set the whole `sweep`")
                axis = dotted.removeprefix("sweep.")
                sweep[axis] = value
                problems.overrides["sweep", axis] = text
                continue
            sweep = data.get("sweep")
            grids = sweep if isinstance(sweep, list) else [sweep]
            if any(isinstance(grid, dict) and dotted in grid for grid in grids):
                raise ValueError(f"{dotted} is swept in the file; write {_as_axis(dotted, value)}")
            put(data, dotted, value)
            problems.overrides[tuple(dotted.split("."))] = text
        except ConfigError as error:
            problems.found += error.problems
        except ValueError as error:
            problems.found.append(Problem(origin, 0, 0, str(error)))


def _as_axis(dotted: str, value: Any) -> str:
    """What to paste into a shell instead; a misspelt name of a part is mended."""
    name = value.get("name") if isinstance(value, dict) else value
    if dotted in PARTS and isinstance(name, str) and name not in find(dotted):
        close = nearest(name, find(dotted).names())
        mended = close[0] if close else name
        value = {**value, "name": mended} if isinstance(value, dict) else mended
    return f"--set sweep.{dotted}={shlex.quote(yaml.dump([value], one_line=True))}"


# --- the file --------------------------------------------------------------------------------------------------


def _bytes(path: FilePath) -> bytes:
    """The bytes of a config file.

    Raises:
        ConfigError: it cannot be read; with the files that may be meant: those of the folder that it names, or those
            beside it and in `configs`, the nearest first.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if path.is_dir():
        files = list(map(str, _config_files(path)))
        hint = f"; name a file of it: {_few(files)}" if files else "; it holds no config file"
    else:
        here = {file.stem: file for file in _config_files(path.parent)}
        known = {**{f.stem: f for f in _config_files(CONFIGS) if path.parent == FilePath()}, **here}
        close = nearest(path.stem, list(known))
        ordered = dict.fromkeys(here[name].name for name in [*(name for name in close if name in here), *here])
        there = f"in {path.parent}: {_few(list(ordered))}" if here else ""
        hint = f"; did you mean {str(known[close[0]])!r}?" if close else ";" if there else ""
        hint += f" {there}" if there else ""
    raise ConfigError([Problem(str(path), 0, 0, f"cannot be read: {reason}{hint}")])


def _config_files(folder: FilePath) -> list[FilePath]:
    """The config files of a folder; that of an experiment is one."""
    return sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and path.is_file())


def _few(names: Sequence[str]) -> str:
    left = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f", ... and {left} more" if left > 0 else "")
