"""The numbers that were swept: which keys of the config are numbers that differ, and what is left without them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from actlab.spec.part import PARTS
from actlab.spec.where import at_key
from actlab.spec.where import value_text as words
from actlab.study.compare.comparison import Comparison
from actlab.study.compare.grouping import DATA, said

NO_NUMBER = (DATA, "seed")
LARGEST = 1e100  # a record may hold anything; an axis needs numbers that have squares


def swept(comparison: Comparison) -> dict[str, dict[str, float]]:
    """Dotted key to condition to its number, for each number that differs; conditions without one are left out.

    Parameters of parts are among them: of "relu", "leaky_relu 0.01" and "leaky_relu 0.1", `activation.negative_slope`.
    """
    configs = {name: runs[0].config for name, runs in comparison.conditions.items()}
    found = {}
    for column in comparison.differs:
        for key in _keys(column, list(configs.values())):
            numbers = {name: number for name, c in configs.items() if (number := _number(at_key(c, key))) is not None}
            if len(set(numbers.values())) > 1:
                found[key] = numbers
    return found


def _keys(column: str, configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that may be numbers behind a column of the table."""
    if column in NO_NUMBER:
        return []
    parts = [part for config in configs if isinstance(part := at_key(config, column), Mapping)]
    if column not in PARTS:
        return [column]
    return [f"{column}.{parameter}" for parameter in dict.fromkeys(p for part in parts for p in part)]


def _number(value: Any) -> float | None:
    """A value as the number that it is; a list of one number is one too (a single hidden layer)."""
    if isinstance(value, list) and len(value) == 1:
        return _number(value[0])
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and abs(value) < LARGEST else None


def tied(numbers: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Keys in groups: in a group each number of one key goes with one number of the others (`zip` in a sweep)."""
    groups: list[list[str]] = []
    for key, mine in numbers.items():
        group = next((group for group in groups if _go_together(mine, numbers[group[0]])), None)
        if group is None:
            groups.append([key])
        else:
            group.append(key)
    return groups


def _go_together(mine: Mapping[str, float], theirs: Mapping[str, float]) -> bool:
    if mine.keys() != theirs.keys():
        return False
    pairs = {(mine[name], theirs[name]) for name in mine}
    return len(pairs) == len(set(mine.values())) == len(set(theirs.values()))


def without(comparison: Comparison, keys: Sequence[str]) -> dict[str, str]:
    """Condition to what it is called when some numbers are not looked at; empty where nothing else differs."""
    rows = comparison.table[comparison.differs].astype(str).to_dict(orient="records")
    configs = {name: runs[0].config for name, runs in comparison.conditions.items()}
    named = {column: _rests(column, keys, configs) for column in comparison.differs}
    return {
        name: " ".join(
            word for column in comparison.differs if (word := named[column].get(name, said(column, row[column])))
        )
        for name, row in zip(configs, rows, strict=True)
    }


def _rests(column: str, keys: Sequence[str], configs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Condition to what is left of a column without the keys; nothing where none of them is in the column."""
    if column in keys:
        return dict.fromkeys(configs, "")
    inside = {key.removeprefix(f"{column}.") for key in keys if key.startswith(f"{column}.")}
    if not inside:
        return {}
    parts = {name: dict(part) for name, c in configs.items() if isinstance(part := c.get(column), Mapping)}
    rests = {name: {k: v for k, v in part.items() if k not in inside} for name, part in parts.items()}
    names = {str(rest.get("name")) for rest in rests.values()}
    plain = len({json.dumps(rest, sort_keys=True) for rest in rests.values()}) == len(names)
    return {name: str(rest.get("name")) if plain else words(rest) for name, rest in rests.items()}
