"""What differs between runs, in the words of a person."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from actlab.errors import UnknownName
from actlab.registry import find, nearest
from actlab.run.record import Run
from actlab.spec.part import PARTS


def describe(runs: Sequence[Run], by: Sequence[str] = ()) -> list[dict[str, str]]:
    """For each run, column to value of what differs between the runs, as a person would say it.

    A part whose name differs is one column ("activation": "leaky_relu 0.01"); a part that differs in parameters
    only gives a column for each of them ("optimizer.learning_rate": "0.1").

    Args:
        runs: of any experiments.
        by: config keys to describe by instead.

    Raises:
        UnknownName: a key of `by` that no config has, with the nearest one.
    """
    configs = [run.config for run in runs]
    columns = {key: _column(key, configs) for key in by or _differing(configs)}
    return [{key: values[i] for key, values in columns.items()} for i in range(len(runs))]


def known(name: str, names: Sequence[str], what: str) -> None:
    """That a name is one of those there are.

    Raises:
        UnknownName: with the nearest.
    """
    if name not in names:
        raise UnknownName(what, name, nearest(name, list(names)), list(names))


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
    # a record may come from anywhere: a key of it may itself have a dot
    head, _, rest = (key, "", "") if any(key in config for config in configs) else key.partition(".")
    if not any(head in config for config in configs):
        known(head, list(dict.fromkeys(k for config in configs for k in config)), "config key")
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
    names = [*_parameters(values), *(p for part in parts for p in _registered(head, part))]
    known(name, list(dict.fromkeys(["name", *names])), f"parameter of {head}")


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
