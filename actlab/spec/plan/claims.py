"""Claims held against the runs of their file, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actlab.errors import UnknownName
from actlab.registry import find, nearest
from actlab.spec.claim import Claim, groups_of, opposites
from actlab.spec.part import Wrong
from actlab.spec.where import Condition, at_key, check_keys, conditions_of, matches, words
from actlab.study.measures import AT_ROW, HISTORY_METRICS, TEST_METRICS, TIMING_METRICS, probes_writing


def wrong_claims(claims: Sequence[Claim], configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Wrong]:
    """What is wrong with the claims of a file, held against its runs.

    Args:
        claims: well formed by themselves.
        configs: of every run of the file, resolved, as plain data.
        keys: that a config may have.
    """
    return [
        (("claims", i, *where), message)
        for i, claim in enumerate(claims)
        for where, message in _wrong_conditions(claim, configs, keys) or _wrong_measure(claim, configs)
    ]


def _wrong_conditions(claim: Claim, configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Wrong]:
    other = claim.relation.other
    found: list[Wrong] = [(("of", key), said) for key, said in _unmatched(claim.of, configs, keys)]
    found += [(("is",), said) for _, said in _unmatched(other, configs, keys)] if other else []
    if found or other is None:
        return found
    groups, others = (groups_of(configs, conditions_of(written)) for written in (claim.of, other))
    if any(opposites(configs[group[0]], others, configs, other) for group in groups):
        return []
    said = "no two runs of this file differ in this alone; name here what else the other condition has"
    return [(("is",), said if groups else "no run of this file is as `of` says")]


def _unmatched(
    written: Mapping[str, Any], configs: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> list[tuple[str, str]]:
    """The keys that no run of the file has with that value, each with what is wrong about it."""
    found = []
    for condition in conditions_of(written):
        try:
            check_keys([condition], configs, keys)
        except UnknownName as error:
            found.append((condition.key, str(error)))
            continue
        if configs and not any(matches(config, [condition]) for config in configs):
            found.append((condition.key, _no_such_value(condition, configs)))
    if not found and configs and written and not any(matches(c, conditions_of(written)) for c in configs):
        found.append((next(iter(written)), "no run of this file has all of these together"))
    return found


def _no_such_value(condition: Condition, configs: Sequence[Mapping[str, Any]]) -> str:
    values = list(dict.fromkeys(_short(at_key(config, condition.key)) for config in configs))
    read = _short(condition.value)
    close = nearest(read, values)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(values[:8])}"
    return f"no run of this file has {condition.key} {condition.operator} {read}; {hint}"


def _short(value: Any) -> str:
    """A part by its name; all else as one writes it."""
    return str(value["name"]) if isinstance(value, Mapping) and "name" in value else words(value)


def _wrong_measure(claim: Claim, configs: Sequence[Mapping[str, Any]]) -> list[Wrong]:
    layer, _, column = claim.metric.rpartition(".")
    chosen = [
        config for group in groups_of(configs, conditions_of(claim.of)) for config in map(configs.__getitem__, group)
    ]
    if not layer and column in (*HISTORY_METRICS, *TIMING_METRICS, *TEST_METRICS):
        return [(("at",), said)] if (said := _unreached(claim.at, chosen)) else []
    writers = probes_writing(column)
    if not writers:
        known = [*HISTORY_METRICS, *TIMING_METRICS, *TEST_METRICS, *_probed()]
        return [(("metric",), str(UnknownName("metric", column, nearest(column, known), known)))]
    if missing := [config for config in chosen if not _has_probe(config, writers)]:
        which = "" if len(missing) == len(chosen) else f", for {len(missing)} of the {len(chosen)} runs meant here"
        return [(("metric",), f"{column} is written by the probe {writers[0]}; add it to `probes`{which}")]
    if layer in ("", "*") and find("probe").get(writers[0]).facts.total is None:
        return [(("metric",), f"{column} is of a layer; write which, as in dense.{column}")]
    return [(("at",), said)] if (said := _unreached(claim.at, chosen)) else []


def _probed() -> list[str]:
    return [column for entry in find("probe") for column in entry.facts.columns if "<" not in column]


def _has_probe(config: Mapping[str, Any], writers: Sequence[str]) -> bool:
    return any(isinstance(part, Mapping) and part.get("name") in writers for part in config.get("probes") or [])


def _unreached(at: str, configs: Sequence[Mapping[str, Any]]) -> str | None:
    """Why there is no evaluation at a step or epoch, as far as the config tells."""
    match = AT_ROW.fullmatch(at)
    for config in configs if match else []:
        assert match
        unit, number = match[1], float(match[2])
        budget, every = config.get(f"{unit}s"), config.get("evaluate_every")
        if budget and not 0 < number <= budget:
            return f"{at} is not reached: these runs take {budget} {unit}s"
        if unit == "step" and budget and every and number % every and number != budget:
            return f"{at} is no evaluation: they come every {every} steps"
    return None
