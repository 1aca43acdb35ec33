"""The one judge: finished runs to conditions, each held against its baseline; claims held against the same pairs.

    runs, passed_over = discover(paths)
    comparison = compare(runs, metrics=["val_accuracy"], at="last")
    for result in comparison.results:                    # in the order of the table
        result.name, result.summary.mean, result.pairs, result.p, result.verdict
    comparison["relu"].beside                            # what stands beside the verdict, as notes
    comparison.table()                                   # every number, a row a condition, for comparison.csv
    judge_claims(claims, planned, tables=[comparison])   # the same p and verdict for the same pair

Nothing here is a sentence: a `Note` is a kind and the facts that its sentence needs, and `actlab.show.words` says it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from actlab.run.record import Run
from actlab.spec.statements import Claim
from actlab.study.stats import Paired, Summary

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["better", "worse", "indicated better", "indicated worse", "not established", "baseline", ""]

NoteKind = Literal[
    # on a table: `Comparison.notes`, most important first
    "stand-in",              # {dataset, real}: trained on a rendered stand-in, which says nothing about the real set
    "chosen on test",        # {by: "early stopping" | "moment", at}: what the test images chose is too good
    "validated on test",     # {}: val_accuracy and val_loss are of the test images; nothing was chosen by them
    "taken at its best",     # {metrics}: the number is each run's best one, and so too good by itself
    "kept apart",            # {data: names}: the runs of condition about[0] are on different data, never averaged
    "damaged",               # {path, problem}: a table of a run is unreadable, or not the one that its record states
    "one seed",              # {}: conditions with a single seed have no spread
    "seeds left out",        # {seeds, lack: Lack}: of condition about[0]; left out of the mean and of the pairs
    "mean of runs",          # {runs, keys}: a seed's number is the mean of so many runs, which differ in the keys
    "seeds without a run",   # {seeds, baseline}: the conditions have no run of seeds that their baseline has
    "seeds without a pair",  # {seeds, baseline}: the conditions have seeds that their baseline has not
    "compared with nothing", # {axis: columns}: no condition differs from these in the axis alone
    "standard error",        # {metric, error, accuracy, images}: √(a(1 − a)/images), as a share, not in points
    "uncommitted changes",   # {runs, of}: so many of the runs were trained by code with uncommitted changes
    "pooled",                # {facts: fact -> values}: the seeds of the conditions were trained with several of these
    "counted once",          # {path, same_as}: two directories hold the same run
    # why a verdict is what it is: `ConditionResult.reason`; the numbers are in `pairs`, `p` and `family` of the result
    "established",           # {}: better or worse; indicated: by Student's t, of so few pairs
    "no pairs",              # {needed}: no seed has a number in both conditions
    "no difference",         # {}: every pair's difference is exactly 0
    "too few pairs",         # {needed, smallest_p}: what p can be at best, and how many pairs could establish something
    "p too large",           # {alpha, needed: pairs that would show a difference of this size, or None}
    "interval holds 0",      # {needed}: p is small enough, but the interval holds 0
    "other data",            # {mine, theirs: names}: numbers on different data
    "winner lost seeds",     # {winner, lost: status -> seeds, seeds, verdict}: its lost seeds could only have spoken
                             # against it; without them it would be `verdict`
    # what stands beside a verdict: `ConditionResult.beside`
    "differs in config",     # {column, mine, theirs}: values as text, in which the two are not meant to differ
    "differs in fact",       # {fact, mine, theirs, pairs, of}: likewise, of the record, in `pairs` of `of` pairs; where
                             # mine equals theirs (uncommitted changes), nobody can tell whether they are the same
    "other initial weights", # {pairs, of}
    "stopped early",         # {mine, theirs: epochs, mine_early, theirs_early: "all" | "some" | "none", pairs, of}
    "alike seeds",           # {condition, seeds: groups}: began with the same weights, and are no independent trials
    "rests without",         # {condition, seeds, lack: Lack}
    # why a claim is supported, refuted or undecided: `Evidence.reason`, besides those of a verdict
    "interval inside",       # {}: the interval of the mean lies where the claim says
    "interval outside",      # {}: it lies wholly elsewhere
    "interval across",       # {}: it reaches both sides
    "no interval",           # {}: a single seed has none
    "no number",             # {}: no seed has a number
    "lack leaves it open",   # {}: what a seed in `lacking` would have said is not known
    "at every seed",         # {}: every seed satisfies the claim
    "not at every seed",     # {values: seed -> number}: these do not
    "no such run",           # {}: the file asks for none that is as `of` says
    "no counterpart",        # {}: no run of the file differs from these in the other condition alone
    "differs in more",       # {keys, notes}: beside a claim: the two differ in more than what is compared
]  # fmt: skip


@dataclass(frozen=True)
class Note:
    """A fact for the reader. `actlab.show.words` makes a sentence of it.

    Args:
        kind: what it says; `NoteKind` has the facts of each.
        about: names of the conditions that it is about; empty where it is about the whole table.
        facts: the numbers and names that the sentence needs.
        changes_reading: whether a reader must know it to read the numbers.
    """

    kind: NoteKind
    about: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    changes_reading: bool = False


@dataclass(frozen=True)
class Lack:
    """Why a seed has no number.

    Args:
        status: "failed", "diverged", "interrupted" or "running"; "no value" of a run that is done and was not measured
            so; "not trained" where there is no run.
        reason: what run.json says; may be empty.
        runs, of: where a condition pools settings, how many of the runs that a seed has to have lack a number.
    """

    status: str
    reason: str = ""
    runs: int = 1
    of: int = 1


@dataclass(frozen=True)
class Reached:
    """How long a condition took to a level.

    Args:
        epochs, seconds: seed to what it took; NaN for a seed that never came there.
    """

    epochs: dict[int, float]
    seconds: dict[int, float]

    @property
    def never(self) -> int:
        """How many of the seeds never came there."""
        return sum(map(math.isnan, self.epochs.values()))


@dataclass(frozen=True)
class ConditionResult:
    """One condition, and how it stands against its baseline.

    Args:
        name: as tables and figures call it.
        keys: column in which conditions differ to this one's value, as text; empty where nothing differs.
        runs: finished or not, in the order of the plan.
        values: seed to the judged metric; finite, in the order of the seeds.
        lacking: seed to why it has no number.
        summary: of the values.
        others: each further metric in numbers.
        baseline: the condition that this one is held against; empty if none.
        axis: the columns in which the two are meant to differ.
        pairs: the seeds that both have; None for a baseline, and where the numbers cannot be compared.
        p: family-wise over the table, by the joint test of `test`; NaN where there is none. `pairs.p` is that of the
            pair alone.
        test: "sign flips" from 6 pairs on, "Student's t" for 3 to 5, else empty.
        verdict: empty where nothing is compared with this condition, nor this with another.
        reason: what the verdict rests on; None for a baseline and where there is no verdict.
        beside: what stands beside the verdict: what else differs, seeds left out, seeds that began alike.
        reached: epochs and seconds to a level, if that was asked for.
        parameters: of the model; None where the runs differ or do not say.
        seconds_an_epoch: mean over the finished runs; NaN if none has timing.
        data: what it was trained on; several names between commas.
    """

    name: str
    keys: dict[str, str]
    runs: list[Run]
    values: dict[int, float]
    lacking: dict[int, Lack]
    summary: Summary
    others: dict[str, Summary] = field(default_factory=dict)
    baseline: str = ""
    axis: tuple[str, ...] = ()
    pairs: Paired | None = None
    p: float = math.nan
    test: Literal["sign flips", "Student's t", ""] = ""
    verdict: Verdict = ""
    reason: Note | None = None
    beside: list[Note] = field(default_factory=list)
    reached: Reached | None = None
    parameters: int | None = None
    seconds_an_epoch: float = math.nan
    data: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Status to the number of runs that ended so, of those that are not done: failed, diverged, ..."""
        found = {status: sum(run.status == status for run in self.runs) for status in NOT_DONE}
        return {status: count for status, count in found.items() if count}


NOT_DONE = ("failed", "diverged", "interrupted", "running")


@dataclass(frozen=True)
class Comparison:
    """Runs grouped into conditions, each held against a baseline.

    Args:
        metric: the measure that is judged.
        at: when it was taken, as `actlab.study.measures.value` has it.
        metrics: all that was measured; `metric` is the first.
        differs: the columns in which conditions differ; the keys of each result.
        results: in the order of the table.
        order: names of the conditions as planned, however the table is sorted.
        family: how many comparisons share the p: those with 6 pairs or more.
        notes: what a reader must know of the whole table, the most important first.
        reach: the level that was asked for, such as "val_accuracy 0.97"; empty if none was.
    """

    metric: str
    at: str
    metrics: list[str]
    differs: list[str]
    results: list[ConditionResult]
    order: list[str]
    family: int = 0
    notes: list[Note] = field(default_factory=list)
    reach: str = ""

    def __getitem__(self, name: str) -> ConditionResult:
        return next(result for result in self.results if result.name == name)

    @property
    def names(self) -> list[str]:
        """Of the conditions, in the order of the table."""
        return [result.name for result in self.results]

    @property
    def runs(self) -> list[Run]:
        """All of them, condition by condition."""
        return [run for result in self.results for run in result.runs]

    @property
    def baselines(self) -> list[str]:
        """Names of the conditions that others are held against, as planned; a grid of several axes has several."""
        held = {result.baseline for result in self.results}
        return [name for name in self.order if name in held]

    def table(self) -> pd.DataFrame:
        """Every number in full, a row a condition: comparison.csv without its sentences (`reason` and `beside`)."""
        raise NotImplementedError

    def curves(self) -> pd.DataFrame:
        """The histories of all runs, one below the other, with the columns `condition` and `seed`."""
        raise NotImplementedError

    def seeds(self) -> pd.DataFrame:
        """A row a condition and seed, in the order of the table: condition, seed, the metric; NaN where it has none."""
        raise NotImplementedError

    def differences(self) -> pd.DataFrame:
        """A row a pair: condition, seed, difference; one of NaN for a condition that has no pairs."""
        raise NotImplementedError


@dataclass(frozen=True)
class Evidence:
    """What the runs say of a claim, for one condition or one pair of conditions.

    Args:
        condition: what it is called; empty where no run is as `of` says.
        other: the condition that it is held against; empty where that is a number.
        verdict: whether the claim holds here.
        reason: what this rests on, or what is missing.
        values: seed to the measure, or to the difference of a pair.
        lacking: (condition, seed) to why it has no number.
        estimate: the mean with its interval; None for claims about every seed.
        p: family-wise; NaN where nothing is compared.
        family: how many comparisons share the p.
    """

    condition: str
    other: str
    verdict: Literal["supported", "refuted", "undecided"]
    reason: Note | None
    values: dict[int, float]
    lacking: dict[tuple[str, int], Lack] = field(default_factory=dict)
    estimate: Summary | Paired | None = None
    p: float = math.nan
    family: int = 0


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim and what the runs say of it.

    Args:
        claim: as the file states it.
        verdict: "refuted" where it fails for one of its conditions, "supported" where it holds for all, else "undecided".
        evidence: one a condition, or a pair of conditions.
        notes: what a reader must know besides. A "stand-in" has the fact `verdict`: what it would be otherwise.
    """

    claim: Claim
    verdict: Literal["supported", "refuted", "undecided"]
    evidence: tuple[Evidence, ...]
    notes: tuple[Note, ...] = ()


def compare(
    runs: Sequence[Run], metrics: Sequence[str] = (), by: Sequence[str] = (), sort: str | None = None,
    baseline: str | None = None, at: str = "last", where: Sequence[Any] = (), reach: float | None = None,
) -> Comparison:  # fmt: skip
    """Group runs by what differs in their configs besides the seed, and hold each condition against a baseline."""
    raise NotImplementedError
