"""What each condition is held against: the baseline, at equal values of all else that differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actlab.errors import ActlabError, UnknownName
from actlab.spec.part import PARTS
from actlab.spec.where import check_keys, matches, parse_where
from actlab.study.frame import DATA, Condition, configs_of, full_key

if TYPE_CHECKING:
    import pandas as pd

MOST_NAMED = 20  # conditions that an error lists


@dataclass(frozen=True)
class Against:
    """What a condition is held against.

    Args:
        baseline: name of the condition.
        axis: the columns in which the two are meant to differ.
    """

    baseline: str
    axis: tuple[str, ...]


def against(
    conditions: Sequence[Condition], frame: pd.DataFrame, wanted: str | None = None, by: Sequence[str] = ()
) -> dict[str, Against]:  # fmt: skip
    """Condition to what it is held against; a baseline is held against nothing, and is left out.

    In a grid of several axes the baseline is one value of one axis, and each condition is held against the one that
    has this value and is equal in all other axes; where there is none, against the one that differs in the fewest.
    Where most conditions would have the baseline's value, as in a study that is several grids side by side, the first
    condition is the baseline of all others; numbers on several datasets stay apart all the same.

    Args:
        conditions: all of them.
        frame: their runs.
        wanted: a condition's name, a value of one axis ("relu"), or "key=value"; None is the first condition's value of
            the activation, or of the first axis where activations do not differ; or itself, as said above.
        by: the keys that conditions were asked to be grouped by; the first is the axis then.

    Raises:
        UnknownName: nothing is called so, with the nearest that is.
        ActlabError: what is wanted is ambiguous, or does not differ.
    """
    columns = list(conditions[0].keys)
    if not columns:
        return {}
    whole = next((condition for condition in conditions if condition.name == wanted), None)
    if whole is None or len(columns) == 1:
        axis, bases = _bases(conditions, frame, wanted, by)
        others = [column for column in columns if column not in axis]
        apart = any(column.split(".")[0] not in ("dataset", DATA) for column in others)
        if wanted is None and 2 * len(bases) > len(conditions) and apart:
            whole = conditions[0]
        elif len(bases) == 1 < len(axis) == len(columns):
            whole = bases[0]
        else:
            return {
                one.name: Against(min(bases, key=lambda base: _distance(one, base, others)).name, axis)
                for one in conditions if one not in bases
            }  # fmt: skip
    return {
        one.name: Against(whole.name, (main_axis([c for c in columns if one.keys[c] != whole.keys[c]], by),))
        for one in conditions if one is not whole
    }  # fmt: skip


def _distance(one: Condition, other: Condition, columns: Sequence[str]) -> int:
    return sum(one.keys[column] != other.keys[column] for column in columns)


def main_axis(columns: Sequence[str], by: Sequence[str] = ()) -> str:
    """The column that a study is about: what was asked for first, else the activation, else the first but the data."""
    if by:
        return next((column for column in by if column in columns), columns[0])
    rank = {"activation": 0, "dataset": 2, DATA: 2}
    return min(columns, key=lambda column: rank.get(column.split(".")[0], 1))


def covers(key: str, column: str) -> bool:
    """Whether a key of the config and a column speak of the same, or one of a part of the other."""
    return key == column or column.startswith(f"{key}.") or key.startswith(f"{column}.")


def _bases(
    conditions: Sequence[Condition], frame: pd.DataFrame, wanted: str | None, by: Sequence[str]
) -> tuple[tuple[str, ...], list[Condition]]:  # fmt: skip
    """The axis, and the conditions that have the baseline's value of it."""
    columns = list(conditions[0].keys)
    if wanted is None:
        axis = main_axis(columns, by)
        return (axis,), [one for one in conditions if one.keys[axis] == conditions[0].keys[axis]]
    values = dict.fromkeys((column, one.keys[column]) for column in columns for one in conditions)
    found = [(column, value) for column, value in values if value == wanted]
    if "=" in wanted and not found:
        return _by_key(conditions, frame, wanted)
    exact = bool(found)
    found = found or [(c, value) for c, value in values if c in PARTS and value.split(" ")[0] == wanted]
    if not found:
        names = list(dict.fromkeys([*(one.name for one in conditions), *(value for _, value in values)]))
        raise UnknownName("baseline", wanted, names[:MOST_NAMED], names[MOST_NAMED:])
    if len(found) > 1:
        ways = [f"--baseline {c}={value}" if exact else f"--baseline '{value}'" for c, value in found]
        raise ActlabError(f"--baseline {wanted} means several conditions: {' or '.join(ways)}?")
    ((axis, value),) = found
    return (axis,), [one for one in conditions if one.keys[axis] == value]


def _by_key(
    conditions: Sequence[Condition], frame: pd.DataFrame, wanted: str
) -> tuple[tuple[str, ...], list[Condition]]:  # fmt: skip
    columns = list(conditions[0].keys)
    where = [replace(condition, key=full_key(frame, condition.key)) for condition in parse_where(wanted)]
    check_keys(where, configs_of(frame))
    for condition in where:
        if not any(covers(condition.key, column) for column in columns):
            raise ActlabError(
                f"--baseline {wanted}: {condition.key} does not differ between these runs; "
                f"what differs: {', '.join(columns)}"
            )
    bases = [one for one in conditions if all(matches(config, where) for config in configs_of(one.rows))]
    if not bases:
        names = ", ".join(one.name for one in conditions[:MOST_NAMED])
        raise ActlabError(f"--baseline {wanted}: no condition has it; there are: {names}")
    return tuple(column for column in columns if any(covers(c.key, column) for c in where)), bases
