"""Conditions: runs grouped by what differs besides the seed, those on other data kept apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from actlab.run.record import Run
from actlab.spec.part import PARTS
from actlab.study.compare.describing import describe

DATA = "data"  # the column of what a condition was trained on
EMPTY = '""'  # a name of no characters could not be seen


@dataclass(frozen=True)
class Group:
    """The runs of one condition.

    Args:
        name: as tables and figures call it.
        words: column to value of what differs, as a person would say it.
        runs: finished or not.
    """

    name: str
    words: dict[str, str]
    runs: list[Run]


def grouped(runs: Sequence[Run], by: Sequence[str], among: Sequence[Run] = ()) -> tuple[list[Group], list[str]]:
    """The conditions in the order of their first runs, and a note where runs had to be kept apart.

    Args:
        runs: those to group.
        by: config keys to group by instead of those that differ.
        among: the runs that these were chosen from; where nothing differs between those that are left, what differs
            between all of them says which condition it is.
    """
    described = describe(runs, by)
    if among and not described[0]:
        all_words = {id(run): words for run, words in zip(among, describe(among), strict=True)}
        described = [all_words[id(run)] for run in runs]
    data = _filled(data_words(runs), [tuple(words.values()) for words in described])
    mixed = _mixed(described, data)
    if mixed:
        described = [{**words, DATA: on} for words, on in zip(described, data, strict=True)]
    members: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run, words in zip(runs, described, strict=True):
        members[tuple(words.values())].append(run)
    names = _names(list(members), list(described[0]))
    groups = [
        Group(name, dict(zip(described[0], key, strict=True)), group)
        for name, (key, group) in zip(names, members.items(), strict=True)
    ]
    return groups, mixed


def _names(keys: list[tuple[str, ...]], columns: list[str]) -> list[str]:
    """What the conditions are called: the values alone, where that tells them apart."""
    short = [" ".join(map(said, columns, key)) if len(key) > 1 else "".join(key) or EMPTY for key in keys]
    if not columns:
        return ["all runs"]
    if len(set(short)) == len(short):
        return short
    return [", ".join(f"{column}={word!r}" for column, word in zip(columns, key, strict=True)) for key in keys]


def said(column: str, word: str) -> str:
    """A part by its own name, a number with what it is a number of."""
    return word if column in (*PARTS, DATA) else f"{column.split('.')[-1]}={word or EMPTY}"


def once(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Each config on the same data once, the finished run of several; and a note for each that is left out."""
    kept: dict[tuple[str, str], Run] = {}
    for run in sorted(runs, key=lambda run: run.status != "done"):
        kept.setdefault(_identity(run), run)
    chosen = {id(run) for run in kept.values()}
    notes = [
        f"{run.path} is the same run as {kept[_identity(run)].path}; it counts once"
        for run in runs
        if id(run) not in chosen
    ]
    return [run for run in runs if id(run) in chosen], notes


def _identity(run: Run) -> tuple[str, str]:
    return run.hash, _sha256(run)


# --- data ------------------------------------------------------------------------------------------------------


def data_words(runs: Sequence[Run]) -> list[str]:
    """What each run was trained on; with the beginning of its sha256 where one name is of different bytes.

    Empty where the record does not say: a run that failed before it had its data.
    """
    bytes_of: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        bytes_of[dataset(run)].add(_sha256(run))
    words = []
    for run in runs:
        name, digest = dataset(run), _sha256(run)
        several = len(bytes_of[name] - {""}) > 1
        words.append((f"{name} {digest[:8]}" if several else name) if digest else "")
    return words


def _sha256(run: Run) -> str:
    return str((run.record.get("dataset") or {}).get("sha256") or "")


def dataset(run: Run) -> str:
    """The dataset as it must be called: a stand-in by its own name and that of the set it is not."""
    real, name = stand_in(run)
    part = run.config.get("dataset", {})
    return f"{name}, NOT {real}" if real else str(part.get("name") if isinstance(part, dict) else part)


def stand_in(run: Run) -> tuple[str, str]:
    """The set that a run should have been trained on, and the rendered one that it was; empty if that is none."""
    record = run.record.get("dataset") or {}
    real = record.get("stand_in_for")
    return (str(real), str(record.get("name"))) if real else ("", "")


def _filled(data: list[str], keys: list[tuple[str, ...]]) -> list[str]:
    """Runs that do not say what they were trained on stay with their condition."""
    first: dict[tuple[str, ...], str] = {}
    for key, on in zip(keys, data, strict=True):
        if on:
            first.setdefault(key, on)
    return [on or first.get(key, "") for key, on in zip(keys, data, strict=True)]


def _mixed(described: list[dict[str, str]], data: list[str]) -> list[str]:
    """A note for each condition whose runs are on different data."""
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for words, on in zip(described, data, strict=True):
        found[tuple(words.values())][on] += 1
    return [
        f"{' '.join(key) or 'these runs'}: trained on different data ({', '.join(counts)}); kept apart, since "
        "numbers on different data are never averaged"
        for key, counts in found.items()
        if len(counts) > 1
    ]  # fmt: skip
