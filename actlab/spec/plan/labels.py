"""What a run is called: a file name that tells the runs of a file apart at a glance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from actlab.spec.config import PARTS, RunConfig
from actlab.spec.plan.grids import Cell


def label(config: RunConfig, cell: Cell) -> str:
    """What is swept, the activation and the seed: enough to tell the runs of a file apart at a glance."""
    swept = [key for key in cell.values if key != "seed"]
    words = [] if any(key.split(".")[0] == "activation" for key in swept) else [config.activation.name]
    words += [_word(key, cell.values[key]) for key in swept]
    return slug("-".join([*words, f"seed{config.seed}"]))


def _word(key: str, value: Any) -> str:
    last = key.split(".")[-1]
    if key in PARTS or last == "schedule":
        return "-".join(_part_words(value))
    return f"{last}{_plain(value)}" if not isinstance(value, str) else value


def _part_words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (str(value[k]) for k in ("name", "formula") if k in value)
        yield from (f"{k}{_plain(v)}" for k, v in value.items() if k not in ("name", "formula"))
    else:
        yield str(value)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "x".join(map(_plain, value))
    if isinstance(value, dict):
        return "-".join(f"{k}{_plain(v)}" for k, v in value.items())
    return format(value, "g") if isinstance(value, float) else str(value)


def slug(text: str) -> str:
    """A file name of letters, digits, dot, underscore and hyphen; never hidden, at most 80 long."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")
    if len(name) > 80:  # the end tells the seed
        name = f"{name[:60].rstrip('._-')}..{name[-16:].lstrip('._-')}"
    return name or "run"
