"""What each condition is compared with: the baseline, at equal values of all else that is swept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actlab.errors import ActlabError, UnknownName
from actlab.registry import nearest
from actlab.spec.part import PARTS
from actlab.study import measures
from actlab.study.compare.grouping import DATA, Group
from actlab.study.compare.keys import configs_of, full_conditions


@dataclass(frozen=True)
class Against:
    """What a condition is compared with.

    Args:
        baseline: name of the condition.
        axis: the columns in which the two are meant to differ.
    """

    baseline: str
    axis: tuple[str, ...]


def against(groups: Sequence[Group], wanted: str | None, by: Sequence[str] = ()) -> dict[str, Against]:
    """Condition to what it is compared with; a baseline is compared with nothing, and is left out.

    In a grid of several axes the baseline is one value of one axis, and each condition is held against the one that
    has this value and is equal in all other axes; where there is none, against the one that differs in the fewest.
    Where that would compare most conditions with nothing, the first condition is the baseline of all others.

    Args:
        groups: all conditions.
        wanted: a condition's name, a value of one axis ("relu"), or "key=value"; None is the first condition's value of
            the activation, or of the first axis where activations do not differ; or itself, as said above.
        by: the keys that conditions were asked to be grouped by; the first is the axis then.

    Raises:
        UnknownName: nothing is called so, with the nearest that is.
        ActlabError: what is wanted is ambiguous, or does not differ.
    """  # fmt: skip
    columns = list(groups[0].words)
    if not columns:
        return {}
    whole = next((group for group in groups if group.name == wanted), None)
    if whole and len(columns) > 1:
        return {g.name: Against(whole.name, _axis(g, whole, by)) for g in groups if g is not whole}
    axis, bases = _bases(groups, wanted, by)
    if wanted is None and _leaves_most_alone(bases, groups, axis):
        axis, bases = tuple(columns), [groups[0]]
    if len(bases) == 1 and 1 < len(axis) == len(columns):
        return against(groups, bases[0].name, by)
    others = [column for column in columns if column not in axis]
    return {
        group.name: Against(_closest(group, bases, others).name, axis) for group in groups if group not in bases
    }  # fmt: skip


def _leaves_most_alone(bases: Sequence[Group], groups: Sequence[Group], axis: Sequence[str]) -> bool:
    """Whether one value of one axis is the wrong baseline: more conditions have it than could be held against them.

    So it is where a study is several grids side by side. Numbers on several datasets stay apart all the same.
    """
    others = [column for column in groups[0].words if column not in axis]
    return 2 * len(bases) > len(groups) and any(column.split(".")[0] not in ("dataset", DATA) for column in others)


def _closest(group: Group, bases: list[Group], others: list[str]) -> Group:
    return min(bases, key=lambda base: sum(group.words[column] != base.words[column] for column in others))


def _axis(group: Group, base: Group, by: Sequence[str]) -> tuple[str, ...]:
    """Of the columns in which two conditions differ, the one that is meant to."""
    differing = [column for column in group.words if group.words[column] != base.words[column]]
    return (main_axis(differing, by),)


def main_axis(columns: Sequence[str], by: Sequence[str] = ()) -> str:
    """The column that a study is about: what was asked for first, else the activation, else the first but the data."""
    if by:
        return next((column for column in by if column in columns), columns[0])

    def rank(column: str) -> int:
        head = column.split(".")[0]
        return 0 if head == "activation" else 2 if head in ("dataset", DATA) else 1

    return min(columns, key=rank)


def _bases(groups: Sequence[Group], wanted: str | None, by: Sequence[str]) -> tuple[tuple[str, ...], list[Group]]:
    """The axis, and the conditions that have the baseline's value of it."""
    columns = list(groups[0].words)
    if wanted is None:
        axis = main_axis(columns, by)
        return (axis,), [group for group in groups if group.words[axis] == groups[0].words[axis]]
    if "=" in wanted and wanted not in {word for group in groups for word in group.words.values()}:
        return _by_key(groups, wanted)
    return _by_value(groups, wanted)


def _by_key(groups: Sequence[Group], wanted: str) -> tuple[tuple[str, ...], list[Group]]:
    configs = configs_of([run for group in groups for run in group.runs])
    conditions = full_conditions(measures.parse_where(wanted), configs)
    measures.check_keys(conditions, configs)
    columns = list(groups[0].words)
    for condition in conditions:
        if not any(covers(condition.key, column) for column in columns):
            raise ActlabError(
                f"--baseline {wanted}: {condition.key} does not differ between these runs; "
                f"what differs: {', '.join(columns)}"
            )
    bases = [group for group in groups if all(measures.matches(run.config, conditions) for run in group.runs)]
    if not bases:
        names = [group.name for group in groups]
        raise ActlabError(f"--baseline {wanted}: no condition has it; there are: {', '.join(names[:20])}")
    return tuple(column for column in columns if any(covers(c.key, column) for c in conditions)), bases


def covers(key: str, column: str) -> bool:
    """Whether a key of the config and a column speak of the same, or one of a part of the other."""
    return key == column or column.startswith(f"{key}.") or key.startswith(f"{column}.")


def _by_value(groups: Sequence[Group], wanted: str) -> tuple[tuple[str, ...], list[Group]]:
    """The conditions that have a value, or a part of that name, in one column."""
    columns = list(groups[0].words)
    exact = [(column, wanted) for column in columns if any(g.words[column] == wanted for g in groups)]
    parts = [column for column in columns if column in PARTS]
    named = [(c, g.words[c]) for c in parts for g in groups if g.words[c].split(" ")[0] == wanted]
    found = exact or list(dict.fromkeys(named))
    if not found:
        names = list(dict.fromkeys([*(g.name for g in groups), *(word for g in groups for word in g.words.values())]))
        raise UnknownName("baseline", wanted, nearest(wanted, names), names[:20])
    if len(found) > 1:
        meant = " or ".join(f"--baseline '{word}'" if exact == [] else f"--baseline {c}={word}" for c, word in found)
        raise ActlabError(f"--baseline {wanted} means several conditions: {meant}?")
    ((column, word),) = found
    return (column,), [group for group in groups if group.words[column] == word]
