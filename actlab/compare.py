"""Finished runs side by side: grouped by what differs besides the seed, with curves and a table.

Everything is read from run directories; TensorFlow is not needed.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actlab.config import PARTS
from actlab.errors import ActlabError, RunDirError, UnknownName
from actlab.registry import find, nearest
from actlab.rundir import HISTORY, TIMING, Run

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("val_accuracy", "val_loss", "accuracy", "loss", "test_accuracy", "test_loss")


@dataclass(frozen=True)
class Comparison:
    """Runs grouped into conditions.

    Args:
        table: a row a condition: what differs, n (finished seeds), the ends that were none (failed, diverged,
            interrupted, where there were any), mean and standard deviation over seeds of each metric at the last and
            at the best-validation epoch, parameters, seconds an epoch.
        conditions: condition to its runs, in the order of the table.
        differs: the columns of the table that say what differs.
        notes: what a reader must know: stand-ins, runs that came twice, files that are missing or damaged.
    """

    table: pd.DataFrame
    conditions: dict[str, list[Run]]
    differs: list[str]
    notes: list[str]


def compare(
    runs: Sequence[Run], metrics: Sequence[str] = ("val_accuracy", "test_accuracy"), by: Sequence[str] = (),
    sort: str | None = None,
) -> Comparison:  # fmt: skip
    """Group runs by what differs in their configs besides the seed.

    Args:
        runs: finished or not; those that are not done are counted, never averaged. Two of the same config are
            the same run, and count once.
        metrics: of METRICS; each gives its value at the last epoch and at the epoch of best validation accuracy.
        by: config keys to group by instead ("activation", "optimizer.learning_rate").
        sort: a column of the table; metrics descend (losses ascend), others ascend. None keeps the order of the runs.

    Raises:
        ActlabError: no runs; an unknown metric, key or column, with the nearest one.
    """
    import pandas as pd

    if not runs:
        raise ActlabError("no runs to compare: name run directories or experiment directories, such as results/*")
    for metric in metrics:
        _known(metric, METRICS, "metric")
    runs, twice = _once(runs)
    described = describe(runs, by)
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run, words in zip(runs, described, strict=True):
        groups[tuple(words.values())].append(run)
    differs = list(described[0])
    rows = [{**dict(zip(differs, key, strict=True)), **_row(group, metrics)} for key, group in groups.items()]
    table = pd.DataFrame(rows)
    order = _order(table, sort)
    names = [" ".join(word or '""' for word in key) or "all runs" for key in groups]
    members = list(groups.values())
    return Comparison(
        table.iloc[order].reset_index(drop=True), {names[i]: members[i] for i in order}, differs,
        [*_notes(runs, table), *twice, *_damage(runs)],
    )  # fmt: skip


def _once(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Each config once, the finished run of several; and a note for each that is left out."""
    kept: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.status != "done"):
        kept.setdefault(run.hash, run)
    chosen = {id(run) for run in kept.values()}
    notes = [
        f"{run.path} is the same run as {kept[run.hash].path}; it counts once" for run in runs if id(run) not in chosen
    ]
    return [run for run in runs if id(run) in chosen], notes


def _known(name: str, known: Sequence[str], what: str) -> None:
    if name not in known:
        raise UnknownName(what, name, nearest(name, list(known)), list(known))


# --- what differs ----------------------------------------------------------------------------------------------


def describe(runs: Sequence[Run], by: Sequence[str] = ()) -> list[dict[str, str]]:
    """For each run, column to value of what differs between the runs, as a person would say it.

    A part whose name differs is one column ("activation": "leaky_relu 0.01"); a part that differs in parameters
    only gives a column for each of them ("optimizer.learning_rate": "0.1").
    """
    configs = [run.config for run in runs]
    columns = {key: _column(key, configs) for key in by or _differing(configs)}
    return [{key: values[i] for key, values in columns.items()} for i in range(len(runs))]


def _differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = list(dict.fromkeys(key for config in configs for key in config if key != "seed"))
    found: list[str] = []
    for key in keys:
        values = [config.get(key) for config in configs]
        if not _differ(values):
            continue
        names = {_name(value) for value in values}
        if key not in PARTS or len(names) > 1:
            found.append(key)
        else:
            found += [f"{key}.{p}" for p in _parameters(values) if _differ([_inner(v, p) for v in values])]
    return found


def _name(part: Any) -> str:
    """The name of a part; a record may come from anywhere, and lack it."""
    return str(part.get("name", "") if isinstance(part, dict) else part)


def _parameters(parts: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(name for part in parts if isinstance(part, dict) for name in part if name != "name"))


def _differ(values: Sequence[Any]) -> bool:
    return len({json.dumps(value, sort_keys=True) for value in values}) > 1


def _column(key: str, configs: Sequence[Mapping[str, Any]]) -> list[str]:
    head, _, rest = key.partition(".")
    if not any(head in config for config in configs):
        _known(head, list(dict.fromkeys(k for config in configs for k in config)), "config key")
    values = [config.get(head) for config in configs]
    if rest:
        _known_parameter(head, rest.split(".")[0], values)
        return _words([_inner(value, rest) for value in values])
    if head in PARTS:
        return _part_labels(head, [{**(v if isinstance(v, dict) else {}), "name": _name(v)} for v in values])
    return _words(values)


def _known_parameter(head: str, name: str, values: Sequence[Any]) -> None:
    """Absent from every record, a parameter may still be one whose default is to be absent."""
    parts = {_name(value) for value in values}
    known = [*_parameters(values), *(p for part in parts for p in _registered(head, part))]
    _known(name, list(dict.fromkeys(["name", *known])), f"parameter of {head}")


def _words(values: Sequence[Any]) -> list[str]:
    """Values as a person would say them; in full where that would make two of them one."""
    return _distinct(values, [_plain(value) for value in values], [_plain(value, ".17g") for value in values])


def _distinct(values: Sequence[Any], *attempts: list[str]) -> list[str]:
    """The first attempt at words for values that has different words for different values; else JSON."""
    exact = [json.dumps(value, sort_keys=True) for value in values]
    return next((words for words in attempts if len(set(words)) == len(set(exact))), exact)


def _inner(value: Any, dotted: str) -> Any:
    for step in dotted.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _part_labels(kind: str, parts: Sequence[dict[str, Any]]) -> list[str]:
    """The name of each part, with the parameters that are not at their default or differ under the same name."""
    varying: dict[str, set[str]] = defaultdict(set)
    for name in {part["name"] for part in parts}:
        same = [part for part in parts if part["name"] == name]
        defaults = _defaults(kind, name)
        for parameter in _parameters(same):
            values = [part.get(parameter) for part in same]
            if _differ(values) or (parameter in defaults and _differ([*values, defaults[parameter]])):
                varying[name].add(parameter)
    shown = [[p for p in part if p in varying[part["name"]]] for part in parts]
    attempts = ([_part_label(p, names, f) for p, names in zip(parts, shown, strict=True)] for f in ("g", ".17g"))
    return _distinct(parts, *attempts)


def _registered(kind: str, name: str) -> dict[str, Any]:
    """The parameters of a part with their defaults; none where its name is of another version."""
    try:
        return {p.name: p.default for p in find(kind).get(name).parameters} if kind in PARTS else {}
    except UnknownName:
        return {}


def _defaults(kind: str, name: str) -> dict[str, Any]:
    simple = (bool, int, float, str, list, type(None))
    return {p: value for p, value in _registered(kind, name).items() if isinstance(value, simple) and p != "schedule"}


def _part_label(part: dict[str, Any], parameters: Sequence[str], floats: str = "g") -> str:
    if part["name"] == "formula":
        return str(part.get("formula"))
    if len(parameters) == 1:
        return f"{part['name']} {_plain(part[parameters[0]], floats)}"
    return " ".join([part["name"], *(f"{name}={_plain(part[name], floats)}" for name in parameters)])


def _plain(value: Any, floats: str = "g") -> str:
    if isinstance(value, float):
        return format(value, floats)
    if isinstance(value, dict):
        words = (f"{k}={_plain(v, floats)}" if k != "name" else str(v) for k, v in value.items())
        return " ".join(words)
    if isinstance(value, list):
        return "-".join(_plain(item, floats) for item in value)
    return str(value)


# --- the table -------------------------------------------------------------------------------------------------


def _row(group: Sequence[Run], metrics: Sequence[str]) -> dict[str, Any]:
    done = [run for run in group if run.status == "done"]
    row: dict[str, Any] = {"n": len(done)}
    for status in ("failed", "diverged", "interrupted", "running"):
        row[status] = sum(run.status == status for run in group)
    for metric in metrics:
        for when in ("best", "last"):
            values = [_at(run, metric, when) for run in done]
            row[f"{metric} {when} mean"], row[f"{metric} {when} std"] = mean_and_std(values)
    row["data"] = ", ".join(dict.fromkeys(_dataset(run) for run in group))
    row["parameters"] = _common([run.record.get("parameters") for run in done])
    row["seconds an epoch"] = mean_and_std([seconds_an_epoch(run) for run in done])[0]
    return row


def _at(run: Run, metric: str, when: str) -> float:
    numbers = run.results.get("best" if when == "best" else "final", {})
    value = numbers.get(metric)
    return float(value) if isinstance(value, int | float) else math.nan


def mean_and_std(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation over seeds; the second is NaN for fewer than two."""
    import numpy as np

    array = np.asarray(values, dtype=float)
    mean = float(array.mean()) if len(array) else math.nan
    return mean, float(array.std(ddof=1)) if len(array) > 1 else math.nan


def _common(values: Sequence[Any]) -> Any:
    return values[0] if len(set(values)) == 1 else None


def seconds_an_epoch(run: Run) -> float:
    """Median wall time of an epoch, evaluation included; NaN if the run has no timing."""
    import numpy as np

    try:
        seconds = run.timing["wall_seconds"].to_numpy(dtype=float)
        epochs = run.history["epoch"].to_numpy(dtype=float)
    except RunDirError:
        return math.nan
    if not len(seconds) or len(seconds) != len(epochs):
        return math.nan
    if len(seconds) > 1:
        seconds, epochs = np.diff(seconds), np.diff(epochs)  # the first row holds the compilation too
    return float(np.median(seconds / epochs)) if (epochs > 0).all() else math.nan


def _order(table: pd.DataFrame, sort: str | None) -> list[int]:
    if sort is None:
        return list(range(len(table)))
    columns = [str(column) for column in table.columns]
    column = next((c for c in (sort, f"{sort} best mean", f"{sort} mean") if c in columns), None)
    if column is None:
        raise UnknownName("column", sort, nearest(sort, columns), columns)
    positions = _sortable(table[column]).sort_values(
        ascending="accuracy" not in column, kind="stable", na_position="last"
    )
    return [int(i) for i in positions.index]


def _sortable(values: pd.Series) -> pd.Series:
    """Numbers that are written as words, such as learning rates, in the order of numbers."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    return values.astype(str) if numbers.isna().all() else numbers


def _notes(runs: Sequence[Run], table: pd.DataFrame) -> list[str]:
    notes = []
    for real, stand_in in sorted({_stand_in(run) for run in runs} - {("", "")}):
        notes.append(f"trained on {stand_in}, a rendered stand-in: these numbers say nothing about {real}")
    if any(run.config.get("dataset", {}).get("validation") == "test" for run in runs):
        notes.append("validation: test - the best epoch was chosen on test data, as the published set-up does")
    if (table["n"] == 1).any():
        notes.append("n = 1: one seed has no spread; a difference between single seeds may be luck")
    return notes


def _damage(runs: Sequence[Run]) -> list[str]:
    """A note for each table of a run that cannot be used, or is not the one that its record states."""
    notes = []
    for run in runs:
        changed = run.damaged((HISTORY, TIMING)) if run.status == "done" else []
        for name in (HISTORY, TIMING):
            try:
                _ = run.history if name == HISTORY else run.timing
            except RunDirError as error:
                notes.append(str(error))
            else:
                notes += [f"{run.path / name}: is not the file that the record states"] if name in changed else []
    return notes


def _dataset(run: Run) -> str:
    """The dataset as it must be called: a stand-in by its own name and that of the set it is not."""
    real, stand_in = _stand_in(run)
    return f"{stand_in}, NOT {real}" if real else str(run.config.get("dataset", {}).get("name"))


def stand_in_note(runs: Sequence[Run]) -> str:
    """Words for a figure whose runs were trained on a stand-in; empty if none was."""
    return "; ".join(
        f"{name}: a rendered stand-in, NOT {real}" for real, name in sorted({_stand_in(r) for r in runs}) if real
    )


def _stand_in(run: Run) -> tuple[str, str]:
    dataset = run.record.get("dataset") or {}
    real = dataset.get("stand_in_for")
    return (str(real), str(dataset.get("name"))) if real else ("", "")


# --- curves ----------------------------------------------------------------------------------------------------


def curves(comparison: Comparison) -> pd.DataFrame:
    """The histories of all runs, one below the other, with the columns `condition` and `seed`.

    Unfinished runs stay in, as far as they came.
    """
    import pandas as pd

    frames = []
    for condition, runs in comparison.conditions.items():
        for run in runs:
            try:
                history = run.history
            except RunDirError:
                continue
            frames.append(history.assign(condition=condition, seed=run.config.get("seed", 0)))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
