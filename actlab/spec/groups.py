"""Which runs can be trained together: those that are one program with other numbers.

Runs of a group differ in their seed, in their initial weights and in numbers that a program can have as an array, an
element a run. All else parts them: another activation, width, batch size, optimizer, precision, length or dataset;
and a number that is 0 in one and not in the other, since a program without momentum is another one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from actlab.spec.config import RunConfig, without_place
from actlab.spec.where import flat

NUMBERS = (
    "optimizer.learning_rate", "optimizer.momentum", "optimizer.weight_decay", "model.dropout", "model.regularizer.l1",
    "model.regularizer.l2",
)  # fmt: skip


def numbers_of(config: RunConfig) -> dict[str, float]:
    """Dotted path to value of each number in which the runs of a group may differ: those above, and the activation's.

    Whole numbers of an activation are counts, and make another program. So do all numbers of a part of a plug-in, which
    may do with them what only numbers of Python can.
    """
    return _numbers(flat(config.canonical()))


def _numbers(of: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: value
        for key, value in of.items()
        if isinstance(value, float)
        and (key in NUMBERS or key.startswith("activation."))
        and not any(f"{part}.plugin" in of for part in (key.split(".")[0], f"{key.split('.')[0]}.schedule"))
    }


def varying(configs: Sequence[RunConfig]) -> dict[str, list[float]]:
    """Dotted path to the value of each run, of the numbers in which the runs of a group differ."""
    first, *others = map(numbers_of, configs)
    return {
        key: [value, *(of[key] for of in others)]
        for key, value in first.items()
        if any(of[key] != value for of in others)
    }


def numbers_of_all(configs: Sequence[RunConfig]) -> dict[str, list[float]]:
    """Dotted path to the value of each run, of the numbers that runs of a group may differ in and that are not 0.

    One program serves all of them: a run alone is computed just as it is in a group.
    """
    first, *others = map(numbers_of, configs)
    return {key: [value, *(of[key] for of in others)] for key, value in first.items() if value}


def groups(
    configs: Sequence[RunConfig], most: int | None = None, standing: Sequence[object] | None = None
) -> list[list[int]]:
    """The places of the runs of each group, in the order of their first.

    Args:
        configs: of all runs.
        most: runs of a group; those of a larger one are parted evenly. None for no limit.
        standing: of each run, what must be equal too.
    """
    found: dict[tuple[str, object], list[int]] = {}
    for place, config in enumerate(configs):
        found.setdefault((_program(config), standing and standing[place]), []).append(place)
    parted = []
    for places in found.values():
        size = math.ceil(len(places) / math.ceil(len(places) / (most or len(places))))
        parted += [places[start : start + size] for start in range(0, len(places), size)]
    return sorted(parted)


def differing(configs: Sequence[RunConfig]) -> list[str]:
    """The keys in which the runs of a group differ; the seed first, and the initializer as one key."""
    first, *others = [flat(config.canonical()) for config in configs]
    found = [
        key
        for key in dict.fromkeys(key for cell in (first, *others) for key in cell)
        if any(cell.get(key) != first.get(key) for cell in others)
    ]
    keys = ["initializer" if key.startswith("initializer.") else key for key in found]
    return sorted(dict.fromkeys(keys), key=lambda key: key != "seed")


def _program(config: RunConfig) -> str:
    """What the runs of a group share."""
    of = flat(without_place(config.canonical()))
    numbers = _numbers(of)
    shared = {
        key: value != 0 if key in numbers else value
        for key, value in of.items()
        if key != "seed" and not (key.startswith("initializer.") and key != "initializer.plugin")
    }
    return json.dumps(shared, sort_keys=True)
