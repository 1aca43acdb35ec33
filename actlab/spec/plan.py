"""From a config file to the list of its trainings: what the command line changes, cells, configs and claims.

Every cell of a sweep is resolved and checked here, before anything is trained; all that is wrong is reported at
once, each at its place in the file.
"""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import os
import shlex
import sys
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from actlab.errors import ConfigError, DatasetError, Problem, nearest
from actlab.registry import find
from actlab.spec import yaml
from actlab.spec.budget import too_long
from actlab.spec.claim import claim_issues
from actlab.spec.config import KEYS, OF_A_RUN, Experiment, Look, LookedAt, RunConfig, parse_experiment, resolve
from actlab.spec.grid import Cell, cells_apart, cells_of, fill, label, put
from actlab.spec.labels import same_folder, slug
from actlab.spec.part import PARTS
from actlab.spec.problems import Issue, Problems
from actlab.spec.shipped import CONFIGS, SUFFIXES, located, shipped
from actlab.spec.yaml import Path

ENOUGH_CELLS = 10_000  # of a sweep in which something is wrong
STDIN = FilePath("-")
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
        warnings: lengths that reach beyond the training, each at its place in the file.
        data: where own data lies, by the sha256 of its content.
    """

    experiment: Experiment
    source: str
    text: str
    overrides: tuple[str, ...]
    runs: list[tuple[str, RunConfig]]
    varies: dict[str, list[Any]]
    merged: list[str]
    excluded: int
    warnings: list[str]
    data: dict[str, FilePath]

    @property
    def plugins(self) -> list[str]:
        """The sha256 of each plug-in of which a run has a part."""
        return list(dict.fromkeys(digest for _, config in self.runs for digest in config.plugins))

    @property
    def wanted(self) -> dict[str, RunConfig]:
        """Hash to config of each run that is asked for, as `wanted` has it."""
        return wanted([config for _, config in self.runs])


def wanted(configs: Sequence[RunConfig]) -> dict[str, RunConfig]:
    """Hash to config of each run that is asked for; on the stand-in that it names too, which is another run."""
    found = {}
    for config in configs:
        found[config.hash] = config
        if stand_in := config.dataset.parameters.get("offline"):
            there = config.on_stand_in(stand_in)
            found[there.hash] = there
    return found


def read_all(paths: Sequence[FilePath], overrides: Sequence[str] = ()) -> list[Plan]:
    """The plans of all files of one call.

    Raises:
        ConfigError: all that is wrong in any of them; or two would write into one folder.
    """
    plans, problems = dict[str, Plan](), list[Problem]()
    for path in paths:
        try:
            plan = read(path, overrides)
        except ConfigError as error:
            problems += error.problems
            continue
        first = plans.setdefault(same_folder(plan.experiment.name), plan)
        if first is not plan:
            names = f"{plan.experiment.name!r} would be the folder of {first.experiment.name!r} of {first.source} too"
            again = "is given twice" if plan.source == first.source else f"{names}; give one of them another `name`"
            problems.append(Problem(plan.source, 0, 0, again))
    if problems:
        raise ConfigError(problems)
    return list(plans.values())


def read(path: FilePath, overrides: Sequence[str] = (), look: Look | None = None) -> Plan:
    """The plan of a config file.

    Args:
        path: the YAML file, or the name of a config, as `located` finds it; - for standard input. Own data is looked
            for from its folder, that of `overrides` and of standard input from the current one.
        overrides: `dotted.path=value` each, applied in order; the value is YAML.
        look: knows the content of own data, which is then not read.

    Raises:
        ConfigError: all that is wrong in the file and the overrides.
    """
    path = located(path)
    # the bytes of the name are UTF-8, whatever the locale is
    stem = os.fsencode(path.stem).decode("utf-8", "surrogateescape") if path.is_file() else ""
    source, folder = "standard input" if path == STDIN else str(path), path.parent if stem else FilePath()
    return parse(_bytes(path), source, overrides, stem, folder, look)


def on_engine(plan: Plan, engine: str) -> Plan:
    """The same plan with another engine, as `--set engine=` would have it.

    Raises:
        ConfigError: the file sweeps over engines.
    """
    folder = FilePath(plan.source).parent
    return parse(plan.text, plan.source, (*plan.overrides, f"engine={engine}"), plan.experiment.name, folder)


def parse(
    text: str | bytes, source: str, overrides: Sequence[str] = (), stem: str = "", folder: FilePath = FilePath(),
    look: Look | None = None,
) -> Plan:  # fmt: skip
    """The plan of a config that stands in no file, or in one that was read already.

    Args:
        text: YAML.
        source: what errors call it.
        overrides: as `read` has them.
        stem: of the file's name, which is that of an experiment without a `name`; empty where there is no file.
        folder: from which own data is looked for.
        look: as `read` has it.

    Raises:
        ConfigError: as `read`.
    """
    document = yaml.parse(text, source)
    data = copy.deepcopy(document.data)
    problems = Problems(document)
    if isinstance(data, dict):
        _apply(overrides, data, problems)
    if isinstance(data, dict) and "name" not in data and not stem:
        problems.add((), "`name` is required where no file has one: add `name: ...`, or --set name=...", "missing")
    own = _OwnData(folder, problems, look)
    experiment, issues = parse_experiment(data, slug(stem or "unnamed"))
    for issue in issues:
        problems.add(issue.path, issue.message, issue.kind)
    if experiment is None:
        raise ConfigError(problems.found)
    cells, excluded = cells_of(experiment, problems)
    if problems.found:
        _check_apart(experiment, problems, own)
    runs: dict[str, tuple[str, RunConfig]] = {}
    merged = []
    notes, noted, lengths = Problems(document), Counter[Path](), dict[str, list[Issue]]()
    notes.overrides = problems.overrides
    seen: set[tuple[Path, str]] = set()
    looked_at: LookedAt = {}
    for i, cell in enumerate(cells):
        if len(problems.found) >= yaml.MAX_PROBLEMS or (problems.found and i > ENOUGH_CELLS):
            break  # what is wrong is told at once, but not for minutes
        config, issues = resolve(fill(experiment.base, cell, problems), looked_at, partial(own.look, cell))
        for issue in issues:
            _add_at_cell(cell, issue, problems, seen)
        if config is None:
            continue
        name = label(config, cell)
        if (digest := config.hash) in runs:
            merged.append(name)
            continue
        runs[digest] = (name, config)
        but_for_seed = repr({key: value for key, value in cell.values.items() if key != "seed"})
        if but_for_seed not in lengths:
            lengths[but_for_seed] = too_long(config.canonical())
        for issue in lengths[but_for_seed]:
            if not noted[issue.path]:
                _add_at_cell(cell, issue, notes, set())
            noted[issue.path] += 1
    if experiment.claims and not problems.found:  # a cell that is missing for another mistake is none of a claim's
        for issue in claim_issues(experiment.claims, [c.canonical() for _, c in runs.values()], KEYS):
            problems.add(issue.path, issue.message, issue.kind)
    problems.raise_if_any()
    varies: dict[str, dict[str, Any]] = {}
    for cell in cells:
        for key, value in cell.values.items():
            varies.setdefault(key, {}).setdefault(repr(value), value)
    times = Counter(name for name, _ in runs.values())
    labelled = [
        (name if times[name] == 1 else slug(f"{name}-{digest[:8]}"), config) for digest, (name, config) in runs.items()
    ]
    return Plan(
        experiment, source, yaml.decode(text, source), tuple(overrides), labelled,
        {key: list(values.values()) for key, values in varies.items()}, merged, excluded,
        [f"{note} (in {n:,} of {len(runs):,} runs)" if n < len(runs) else str(note)
         for note, n in zip(notes.found, noted.values(), strict=True)], own.places,
    )  # fmt: skip


class _OwnData:
    """Looks at own data, each file once.

    Args:
        folder: of the config file.
        problems: knows what the command line wrote.
        known: knows the content, which is then not read.
    """

    def __init__(self, folder: FilePath, problems: Problems, known: Look | None) -> None:
        self.folder, self.problems, self.known = folder, problems, known
        self.places: dict[str, FilePath] = {}
        self._seen: dict[str, Any] = {}

    def look(self, cell: Cell, part: dict[str, Any]) -> Any:
        """The content of a cell's dataset.

        Raises:
            DatasetError: it cannot be trained on.
        """
        if self.known:
            return self.known(part)
        name = part["name"]
        typed = self.problems.override(_in_file(cell, ("dataset", name)))
        path = (FilePath() if typed else self.folder) / FilePath(part[name]).expanduser()
        key = repr([path, {k: v for k, v in part.items() if k not in (*OF_A_RUN, name)}])
        if key not in self._seen:
            try:
                self._seen[key] = find("dataset").get(name).facts.look(part, path)
            except DatasetError as error:
                self._seen[key] = error
        if isinstance(found := self._seen[key], DatasetError):
            raise found
        self.places[found["sha256"]] = path.absolute()  # a later command may be elsewhere
        return found


def _check_apart(experiment: Experiment, problems: Problems, own: _OwnData) -> None:
    """Report what else is wrong with a file whose sweep has no cells, so that all its errors come at once."""
    apart = cells_apart(experiment, problems)
    swept = {key for cell in apart for key in cell.values}
    heads = {key.split(".")[0] for key in swept}
    # what is absent or wrong in the base may be what the sweep puts in
    for issue in resolve(experiment.base, look=partial(own.look, Cell()))[1]:
        put_in = issue.kind == "budget" and bool(swept & {"epochs", "steps"})
        put_in = put_in or (issue.kind == "missing" and issue.path[0] in heads)
        if not put_in and _prefix(issue.path, swept) is None:
            problems.add(issue.path, issue.message, issue.kind)
    seen: set[tuple[Path, str]] = set()
    looked_at: LookedAt = {}
    for cell in itertools.islice(apart, ENOUGH_CELLS):
        if len(problems.found) >= yaml.MAX_PROBLEMS:
            break
        for issue in resolve(fill(experiment.base, cell, problems), looked_at, partial(own.look, cell))[1]:
            if _prefix(issue.path, cell.places):
                _add_at_cell(cell, issue, problems, seen)
    problems.raise_if_any()


def _prefix(path: Path, known: Container[str]) -> Path | None:
    """The longest beginning of a path that is known by its dotted name."""
    beginnings = (path[:length] for length in range(len(path), 0, -1))
    return next((path for path in beginnings if ".".join(map(str, path)) in known), None)


def _in_file(cell: Cell, path: Path) -> Path:
    """Where a value of a cell stands in the file: in the sweep, or in the base."""
    swept = _prefix(path, cell.places)
    return (*cell.places[".".join(map(str, swept))], *path[len(swept) :]) if swept else path


def _add_at_cell(cell: Cell, issue: Issue, problems: Problems, seen: set[tuple[Path, str]]) -> None:
    """Note what is wrong in a cell where its value stands."""
    swept, path = _prefix(issue.path, cell.places), _in_file(cell, issue.path)
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
            beside it and in `configs`, or that are shipped, the nearest first.
    """
    try:
        with (
            contextlib.nullcontext(getattr(sys.stdin, "buffer", io.BytesIO()))
            if path == STDIN
            else path.open("rb") as file
        ):
            return file.read(yaml.MAX_BYTES + 1)  # a device may go on for ever
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    if path.is_dir():
        files = list(map(str, _config_files(path)))
        hint = f"; name a file of it: {_few(files)}" if files else "; it holds no config file"
    else:
        here = {file.stem: file for file in _config_files(path.parent)}
        known: dict[str, FilePath] = {}
        if path.parent in (FilePath(), CONFIGS):
            known = {name: FilePath(name) for name in shipped()} | {f.stem: f for f in _config_files(CONFIGS)}
        known |= here
        close = nearest(path.stem, known)
        ordered = dict.fromkeys(here[name].name for name in [*(name for name in close if name in here), *here])
        there = f"in {path.parent}: {_few(list(ordered))}" if here else ""
        hint = f"; did you mean {str(known[close[0]])!r}?" if close else ";" if there else ""
        hint += f" {there}" if there else "" if close else "; `actlab configs` lists those that come with actlab"
    raise ConfigError([Problem(str(path), 0, 0, f"cannot be read: {reason}{hint}")])


def _config_files(folder: FilePath) -> list[FilePath]:
    """The config files of a folder; that of an experiment is one."""
    return sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES and path.is_file())


def _few(names: Sequence[str]) -> str:
    left = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f", ... and {left} more" if left > 0 else "")
