"""Keys of the config by their last part, as tables print them: `dropout` for `model.dropout`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from actlab.errors import ActlabError, UnknownName
from actlab.run.record import Run
from actlab.spec.where import Condition, flat

Configs = Sequence[Mapping[str, Any]]


def configs_of(runs: Sequence[Run]) -> Configs:
    """The config of each run."""
    return [run.config for run in runs]


def full_conditions(conditions: Sequence[Condition], configs: Configs) -> list[Condition]:
    """Conditions with their keys in full.

    Raises:
        ActlabError: a short key could be several.
    """
    keys = full_keys([condition.key for condition in conditions], configs)
    return [replace(condition, key=key) for condition, key in zip(conditions, keys, strict=True)]


def full_keys(keys: Sequence[str], configs: Configs) -> list[str]:
    """Keys in full; what no key ends with stays as it is, for others to refuse.

    Raises:
        ActlabError: a short key could be several.
        UnknownName: it is short for one that does not differ between the configs.
    """
    return [_full(key, configs) for key in keys]


def _full(key: str, configs: Configs) -> str:
    if any(key.split(".")[0] in config for config in configs):
        return key
    words = _leaves(configs)
    meant = [full for full in words if full.endswith(f".{key}")]
    differing = [full for full in meant if len(words[full]) > 1]
    if len(differing) == 1:
        return differing[0]
    if len(differing) > 1:
        raise ActlabError(f"{key} is short for several keys of the config: {' or '.join(differing)}?")
    if meant:
        raise UnknownName("config key", key, meant, meant)
    return key


def _leaves(configs: Configs) -> dict[str, set[str]]:
    """Dotted key to its values, as JSON; a config without the key has the value null."""
    rows = [{key: json.dumps(value, sort_keys=True) for key, value in flat(config).items()} for config in configs]
    found: dict[str, set[str]] = defaultdict(set)
    for key in dict.fromkeys(key for row in rows for key in row):
        found[key] = {row.get(key, "null") for row in rows}
    return found
