"""`--set path=value`: what the command line changes in a config."""

from __future__ import annotations

import shlex
from typing import Any

from actlab.errors import ConfigError, Problem
from actlab.registry import find, nearest
from actlab.spec import yaml
from actlab.spec.config import DEFAULT_PARTS, PARTS
from actlab.spec.part import Path, show


def override(data: Any, overrides: tuple[str, ...]) -> tuple[dict[Path, str], list[Problem]]:
    """Apply `path=value` each to the data; returns what was said of each path, and what cannot be applied."""
    said: dict[Path, str] = {}
    problems = []
    for text in overrides:
        dotted, equals, value = text.partition("=")
        dotted = dotted.strip()
        if not equals or not dotted:
            problems.append(Problem(f"--set {text}", 0, 0, "expected path=value, such as optimizer.learning_rate=0.1"))
            continue
        try:
            path = _set(data, dotted, yaml.parse_value(value, f"--set {text}"))
        except ConfigError as error:
            problems += error.problems
        except ValueError as error:
            problems.append(Problem(f"--set {text}", 0, 0, str(error)))
        else:
            said[path] = text
    return said, problems


def _set(data: dict[str, Any], dotted: str, value: Any) -> Path:
    if dotted.startswith("sweep."):
        sweep = data.setdefault("sweep", {})
        if not isinstance(sweep, dict):
            raise ValueError("the sweep is no single grid; change it in the file, or set the whole `sweep`")
        axis = dotted.removeprefix("sweep.")
        sweep[axis] = value
        return ("sweep", axis)
    sweep = data.get("sweep")
    for grid in sweep if isinstance(sweep, list) else [sweep]:
        if isinstance(grid, dict) and dotted in grid:
            raise ValueError(f"{dotted} is swept in the file; write {_as_axis(dotted, value)}")
    put(data, dotted, value)
    return tuple(dotted.split("."))


def _as_axis(dotted: str, value: Any) -> str:
    """What to paste into a shell instead; a misspelt name of a part is mended."""
    name = value.get("name") if isinstance(value, dict) else value
    if dotted in PARTS and isinstance(name, str) and name not in find(dotted):
        close = nearest(name, find(dotted).names())
        mended = close[0] if close else name
        value = {**value, "name": mended} if isinstance(value, dict) else mended
    return f"--set sweep.{dotted}={shlex.quote(yaml.dump([value], one_line=True))}"


def put(data: dict[str, Any], dotted: str, value: Any) -> None:
    """Set a dotted path of a config's data; a bare part name on the way becomes a mapping."""
    *way, last = dotted.split(".")
    for step in way:
        inner = data.get(step)
        if isinstance(inner, str):
            inner = data[step] = {"name": inner}
        elif inner is None:  # a parameter of a part that is not written is one of its default
            inner = data[step] = {"name": DEFAULT_PARTS[step]} if step in DEFAULT_PARTS else {}
        if not isinstance(inner, dict):
            raise ValueError(f"{dotted}: {step} is {show(inner)}, which has no parameters")
        data = inner
    data[last] = value
