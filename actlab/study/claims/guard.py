"""What stands in the way of a verdict, or must be said beside it: other data, test data, and what else differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from actlab.spec.claim import Claim
from actlab.study.claims.planned import PlannedRun
from actlab.study.compare.grouping import Group, stand_in
from actlab.study.compare.guard import Guard
from actlab.study.compare.notes import chosen_by_test

if TYPE_CHECKING:
    from actlab.study.claims.findings import Side


def stand_ins(runs: Sequence[PlannedRun]) -> str:
    """Why a claim cannot be judged where its runs were trained on a stand-in; empty if none was."""
    found = sorted({stand_in(planned.run) for planned in runs if planned.run} - {("", "")})
    return "; ".join(f"trained on {name}, a rendered stand-in, which says nothing about {real}" for real, name in found)


def notes_on_claim(claim: Claim, runs: Sequence[PlannedRun]) -> list[str]:
    """Whether the moment was chosen on test data."""
    how = chosen_by_test([planned.config for planned in runs], [claim.metric], claim.at)
    return [f"validation: test - {how} by the test images, so its numbers are too good"] if how else []


def notes_on_side(side: Side) -> tuple[str, ...]:
    """Seeds that began alike."""
    group = _group(side)
    words = Guard([group]).twins(group) if group.runs else ""
    return (f"{side.name}: {words}",) if words else ()


def notes_between(side: Side, other: Side, keys: Sequence[str]) -> tuple[str, ...]:
    """In what two conditions differ besides the first of the keys, which is what is compared."""
    mine, theirs = _group(side), _group(other)
    if not mine.runs or not theirs.runs:
        return ()
    found = Guard([mine, theirs]).differences(mine, theirs, keys[:1])
    return (f"{side.name} and {other.name} differ in more than {keys[0]}: {'; '.join(found)}",) if found else ()


def other_data(side: Side, other: Side | None, keys: Sequence[str]) -> str:
    """Why the numbers of a condition, or of two, cannot be held against each other; empty if they can."""
    data = {str((run.record.get("dataset") or {}).get("sha256") or "") for run in _group(side).runs} - {""}
    if len(data) > 1:
        return f"{side.name} was trained on different data at different seeds"
    mine, theirs = _group(side), _group(other or side)
    if not mine.runs or not theirs.runs or other is None:
        return ""
    return Guard([mine, theirs]).other_data(mine, theirs, keys)


def _group(side: Side) -> Group:
    return Group(side.name, {}, [planned.run for planned in side.runs if planned.run])
