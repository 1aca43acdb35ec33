"""What the runs say of a claim, for one condition or one pair of conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from actlab.run.record import Run
from actlab.spec.claim import Claim, groups_of, opposites
from actlab.spec.config import PARTS
from actlab.spec.where import conditions_of
from actlab.study.claims.planned import PlannedRun
from actlab.study.compare import describe
from actlab.study.measures import value
from actlab.study.stats import Paired, Summary

Word = Literal["supported", "refuted", "undecided"]


@dataclass(frozen=True)
class Side:
    """The runs of one condition.

    Args:
        name: what the condition is called.
        runs: all that the file asks for.
        numbers: seed to the claim's measure, of the runs that have one.
        absent: seeds without one, and why.
    """

    name: str
    runs: Sequence[PlannedRun]
    numbers: Mapping[int, float]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One piece of evidence.

    Args:
        condition: what it is called; empty where no run is meant.
        other: the condition that it is held against; empty where that is a number.
        word: whether the claim holds here.
        reason: the numbers that this rests on, or what is missing.
        numbers: seed to the measure, or to the difference of a pair.
        absent: seeds that are meant and have no number, and why.
        estimate: the mean with its interval; None for claims about every seed.
        p, p_holm: of a comparison; NaN where there is none.
        notes: what a reader must know besides.
    """

    condition: str
    other: str
    word: Word
    reason: str
    numbers: Mapping[int, float]
    absent: tuple[str, ...] = ()
    estimate: Summary | Paired | None = None
    p: float = math.nan
    p_holm: float = math.nan
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        against = f" against {self.other}" if self.other else ""
        return "; ".join([f"{self.condition}{against}: {self.reason}", *self.absent])


def couples(claim: Claim, runs: Sequence[PlannedRun]) -> list[tuple[Side, Side | None]]:
    """Each condition of a claim, with each of those that it is held against; with None where there is none."""
    configs, named = [run.config for run in runs], _names(runs)
    groups = groups_of(configs, conditions_of(claim.of))
    if claim.relation.other is None:
        return [(_side(claim, named, runs, group), None) for group in groups]
    written = claim.relation.other
    all_others, found = groups_of(configs, conditions_of(written)), list[tuple[Side, Side | None]]()
    for group in groups:
        side, others = _side(claim, named, runs, group), opposites(configs[group[0]], all_others, configs, written)
        found += [(side, _side(claim, named, runs, other)) for other in others] or [(side, None)]
    return found


def _names(runs: Sequence[PlannedRun]) -> list[str]:
    """What each run's condition is called in a comparison of all of them."""
    described = describe(cast("Sequence[Run]", runs))  # it reads their configs, and these are what was asked for
    return [", ".join(_said(words, key) for key in words) or "all runs" for words in described]


def _said(words: Mapping[str, str], key: str) -> str:
    """A part, and whatever stands alone, by its own name; a number with what it is a number of."""
    word = words[key] or '""'
    return word if len(words) == 1 or key in PARTS else f"{key.split('.')[-1]} {word}"


def _side(claim: Claim, named: Sequence[str], runs: Sequence[PlannedRun], group: Sequence[int]) -> Side:
    name, numbers, absent = named[group[0]], dict[int, float](), dict[str, list[int]]()
    for planned in sorted((runs[i] for i in group), key=lambda planned: planned.seed):
        state = planned.state
        measured = value(planned.run, claim.metric, claim.at) if planned.run and state == "done" else math.nan
        if math.isfinite(measured):
            numbers[planned.seed] = measured
        else:
            why = f"no {claim.metric} at {claim.at}" if state == "done" else state
            absent.setdefault(why, []).append(planned.seed)
    words = tuple(f"{name} without {seeds_in_words(seeds)} ({why})" for why, seeds in absent.items())
    return Side(name, [runs[i] for i in group], numbers, words)


def seeds_in_words(seeds: Sequence[int]) -> str:
    """ "seed 3", "seeds 0 to 9", "seeds 1, 2, 5"."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    in_a_row = len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds)))
    return f"seeds {seeds[0]} to {seeds[-1]}" if in_a_row else f"seeds {', '.join(map(str, seeds))}"
