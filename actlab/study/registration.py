"""When the claims of an experiment were registered, and what they said before.

A claim is what is tested: metric, moment, conditions, comparison and margin. Order in the file, comments, spaces and
`says` are none of it, so a claim keeps its time of registration when they change; another `says` is shown all the same.
Which runs it is held against is for the rest of the file to say; so those that had begun, and that the file asks for no
more, are named at each claim that they could concern.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from actlab.errors import UnknownName
from actlab.runs.record import Run
from actlab.runs.register import DIGITS, Register
from actlab.spec.claim import Claim
from actlab.spec.config import hash_of
from actlab.spec.where import conditions_of, matches
from actlab.study.claims import PlannedRun, Study, Word, couples, judge_claims

When = Literal["before the first run", "before the deciding seeds", "after the results", "unknown"]


@dataclass(frozen=True)
class Wording:
    """A claim as it was stated once.

    Args:
        time: in UTC, of the `actlab run` that registered it first.
        claim: as it was then.
        verdict: what the runs say of it now, by itself.
    """

    time: str
    claim: Claim
    verdict: Word


@dataclass(frozen=True)
class Registration:
    """When a claim was registered.

    Args:
        when: "before the first run" of the experiment; "before the deciding seeds", when runs had begun, but none of
            those that decide; "after the results" of at least one of these, or, for a claim that the file did not
            make at first, of runs that it may be about and that the file asked for then, and no more; "unknown" where
            the register is missing, younger than the runs, or was changed.
        time: in UTC; empty where no `actlab run` has registered the claim.
        seen: how many of the numbers that decide were known by then, seeds or pairs of them over all its conditions.
        of: how many there are.
        earlier: what was stated in its place before, the oldest first; also the same with another `says`.
        dropped: labels of the runs that had begun, that the file asks for no more, and that the claim may be about.
        added: seeds that decide it and that the file asked for only when others of them had begun; 0 where it is not
            known.
    """

    when: When
    time: str
    seen: int
    of: int
    earlier: tuple[Wording, ...] = ()
    dropped: tuple[str, ...] = ()
    added: int = 0


@dataclass(frozen=True)
class Registered:
    """The claims of an experiment, and when they were registered.

    Args:
        claims: a registration for each claim of the file.
        withdrawn: what was claimed once and is not any more, unless it stands among the `earlier` of a claim.
        problems: why the register cannot be relied upon, a sentence each.
    """

    claims: tuple[Registration, ...]
    withdrawn: tuple[Wording, ...]
    problems: tuple[str, ...]


def registered(study: Study) -> Registered:
    """When the claims of a study were registered, by its register and the records of its runs."""
    register, problems = study.register, list(study.register.problems)
    runs = [one.run for one in study.runs if one.run]
    older = {run.hash[:DIGITS] for run in runs if "claims_sha256" not in run.record}
    if strange := [run.path.name for run in (*runs, *study.others) if _contradicts(run, register)]:
        more = f" and of {len(strange) - 1} more" if len(strange) > 1 else ""
        why = "lines of it were changed or removed, or these runs were copied here by hand"
        problems.append(f"{register.path}: lacks the beginning of {strange[0]}{more}: {why}")
    versions = list[tuple[str, frozenset[str], list[Claim]]]()
    for version in register.versions:
        try:
            stated = [Claim.model_validate(claim) for claim in version.claims]
        except ValidationError:
            problems.append(f"{register.path}: the claims of {version.time} are none that this version understands")
            continue
        versions.append((version.time, version.seen, stated))
    versions.append(("", register.seen | {run.hash[:DIGITS] for run in runs}, list(study.claims)))
    first = dict[str, int]()
    for number, (_, _, stated) in enumerate(versions):
        for claim in stated:
            first.setdefault(identity(claim), number)
    earlier, withdrawn = _replaced([stated for _, _, stated in versions])

    def wording(claim: Claim) -> Wording:
        verdict: Word = "undecided"
        with suppress(UnknownName):  # of a measure that these runs do not have any more
            verdict = judge_claims([claim], study.runs)[0].verdict
        return Wording(versions[first[identity(claim)]][0], claim, verdict)

    found, dropped = [], _dropped(study)
    for claim in study.claims:
        number = first[identity(claim)]
        time, seen, _ = versions[number]
        deciding = _deciding(claim, study.runs)
        known = [hashes for hashes in deciding if hashes <= seen]
        concerned = {digits: label for digits, label, config in dropped
                     if config is None or _may_concern(claim, config)}  # fmt: skip
        after = known or (number and concerned.keys() & seen)  # of what the file asked for before it was changed, too
        when: When = "after the results" if after else "before the deciding seeds" if seen else "before the first run"
        if problems or (number == 0 and any(hashes & older for hashes in known)):
            when = "unknown"
        before = tuple(map(wording, earlier[identity(claim)]))
        added = 0 if when == "unknown" else _added(deciding, study)
        found.append(Registration(when, time, len(known), len(deciding), before, tuple(concerned.values()), added))
    return Registered(tuple(found), tuple(map(wording, withdrawn)), tuple(problems))


def _dropped(study: Study) -> list[tuple[str, str, Mapping[str, Any] | None]]:
    """The runs that had begun, by the register, and that the file asks for no more.

    Returns:
        The digits of each, what it is called, and its config; None where its record is gone, or was changed.
    """
    if study.asked is None:
        return []
    register, asked = study.register, {digest[:DIGITS] for digest in study.asked}
    labels = {digest[:DIGITS]: register.labels.get(digest) for digest in register.began}
    there = {run.hash[:DIGITS]: run for run in study.others if _states_its_config(run)}
    found = list[tuple[str, str, Mapping[str, Any] | None]]()
    for digits in (*labels, *sorted(register.seen - labels.keys())):  # as they began
        if digits not in asked:
            run = there.get(digits)
            label = labels.get(digits) or (run.label if run else digits)
            found.append((digits, label, run.config if run else None))
    return found


def _added(deciding: Sequence[frozenset[str]], study: Study) -> int:
    """How many seeds of a claim the file asked for only after others had begun."""
    seeds = {one.run.hash[:DIGITS]: one.seed for one in study.runs if one.run}
    first = next((i for i, (_, seen) in enumerate(study.register.asked) if any(of <= seen for of in deciding)), None)
    if first is None:
        return 0
    before = [asked for asked, _ in study.register.asked[:first]]
    asked_before = {seeds[digits] for of in deciding if any(of <= asked for asked in before) for digits in of}
    return len({seeds[digits] for of in deciding for digits in of} - asked_before) if before else 0


def _states_its_config(run: Run) -> bool:
    with suppress(ValueError):
        return hash_of(run.config) == run.hash
    return False


def _may_concern(claim: Claim, config: Mapping[str, Any]) -> bool:
    """Whether a run of this config is among those that a claim is about, or that it is held against."""
    sides = [claim.of, {**claim.of, **(claim.relation.other or {})}]
    return any(matches(config, conditions_of(of)) for of in sides)


def _replaced(versions: Sequence[Sequence[Claim]]) -> tuple[dict[str, list[Claim]], list[Claim]]:
    """For each claim of the last version what stood in its place before; and what stands in no place any more.

    A claim that is new takes the place of one that is gone if the two have the same `says`, or the same metric and
    conditions; of several, of the one with which it has most in common.
    """
    places, withdrawn = dict[str, list[Claim]](), dict[str, list[Claim]]()  # each with the claim itself as the last
    for claims in versions:
        now = {identity(claim): claim for claim in claims}
        gone = {key: place for key, place in places.items() if key not in now}
        kept = dict[str, list[Claim]]()
        for key, claim in now.items():
            alike = {other: _alike(claim, place[-1]) for other, place in gone.items()}
            nearest = max(alike, key=lambda other: alike[other], default="")
            place = places.get(key) or (gone.pop(nearest) if alike.get(nearest) else withdrawn.pop(key, []))
            kept[key] = [one for one in place if _shown(one) != _shown(claim)] + [claim]
        withdrawn |= gone
        places = kept
    return {key: place[:-1] for key, place in places.items()}, [one for place in withdrawn.values() for one in place]


def _shown(claim: Claim) -> tuple[str, str]:
    return identity(claim), " ".join(claim.says.split())


def _alike(claim: Claim, other: Claim) -> int:
    """How much two claims have in common; 0 where one does not take the place of the other."""
    mine, theirs = claim.model_dump(), other.model_dump()
    same = {key for key in mine if mine[key] == theirs[key] and (key != "says" or claim.says)}
    return len(same) if "says" in same or same >= {"metric", "of"} else 0


def identity(claim: Claim) -> str:
    """What a claim tests, as text that is the same for claims that test the same."""
    conditions = sorted(map(repr, conditions_of(claim.of)))
    return repr((claim.metric, claim.at, conditions, claim.relation, float(claim.margin)))


def _contradicts(run: Run, register: Register) -> bool:
    """Whether a run of the register's folder states a beginning that the register does not."""
    stated, here = run.record.get("claims_sha256"), run.path.resolve().parent == register.path.resolve().parent
    return here and stated is not None and register.began.get(run.hash) != stated


def _deciding(claim: Claim, runs: Sequence[PlannedRun]) -> list[frozenset[str]]:
    """For each number that decides a claim the hashes of its runs: one run, or a pair with the same seed."""
    found = []
    for side, other in couples(claim, runs, [""] * len(runs)):
        sides = [{one.seed: one.run.hash[:DIGITS] for one in of.runs if one.run} for of in (side, other) if of]
        found += [frozenset(of[seed] for of in sides) for seed in sides[0] if all(seed in of for of in sides)]
    return found
