"""Claims held against runs: supported, refuted or undecided, and why.

A claim is a line of a config (`actlab.spec.claim`). What it is held against are the runs that the same file asks
for, known by their hashes: what else lies in the folder, such as a trial with fewer epochs, is not part of it.

A claim holds only if it holds for every condition, or pair of conditions, that it speaks of. Against a number, the
95% t interval of the mean over seeds must lie where the claim says (supported), or wholly elsewhere (refuted). "==" and
"!=" speak of every run by itself. Against another condition, `actlab.study.judge` decides, as it does for a table:

- a pair that stands in the table of the experiment (`compare` of the claim's metric and moment, with its default
  baseline, or a table that is on the same page) has the p and the verdict that it has there;
- all other pairs of the file's claims are one family of their own.

While a run that is meant has no number, nothing can be supported, unless its training diverged or failed and it belongs
to the condition that loses anyway.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from actlab import plugins
from actlab.errors import ActlabError, RunDirError
from actlab.runs import register
from actlab.runs.folder import EXPERIMENT, HISTORY, LAYERS, TIMING
from actlab.runs.record import Run
from actlab.runs.register import Register
from actlab.spec.claim import EVERY_SEED, Claim, groups_of, opposites
from actlab.spec.config import RunConfig
from actlab.spec.metrics import higher_is_better
from actlab.spec.plan import Plan, wanted
from actlab.spec.where import conditions_of
from actlab.study import folders
from actlab.study import frame as framing
from actlab.study import guard as guarding
from actlab.study import judge as judging
from actlab.study.frame import LOST, Condition, Lack, Values
from actlab.study.guard import Guard, Note
from actlab.study.judge import Comparison, ConditionResult, Judgement, Pair
from actlab.study.measures import value
from actlab.study.stats.joint import MINIMUM_PAIRS
from actlab.study.stats.pairs import Paired
from actlab.study.stats.summaries import Summary, summary

if TYPE_CHECKING:
    import pandas as pd

Word = Literal["supported", "refuted", "undecided"]
ROUNDING = 1e-9  # relative: a margin of 0.01 is met by 0.97 − 0.96, which is not 0.01 in binary fractions


# --- what was asked for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlannedRun:
    """A run that a file asks for.

    Args:
        config: resolved, as plain data; on the dataset that was asked for, whatever it was trained on.
        run: what was trained; None where nothing was.
    """

    config: Mapping[str, Any]
    run: Run | None

    @property
    def seed(self) -> int:
        return int(self.config.get("seed", 0))

    def lack(self) -> Lack | None:
        """Why there is no number to be had of this run; None where there may be one."""
        if self.run is None:
            return Lack("not trained")
        if self.run.status != "done":
            return Lack(self.run.status, str(self.run.record.get("reason") or ""))
        faults = self.run.faults((HISTORY, TIMING, LAYERS))
        return Lack("damaged", "; ".join(f"{name}: {wrong}" for name, wrong in faults.items())) if faults else None


@dataclass(frozen=True)
class Study:
    """A file's claims and runs.

    Args:
        name: of the experiment.
        source: the config file that states the claims.
        claims: in the order of the file.
        runs: all that the file asks for.
        register: when claims were registered, and which runs began.
        asked: hashes of the runs that the file asks for, those on its stand-in too; None where that is not known, as a
            plug-in is not loaded.
        others: runs of the folder that the file does not ask for, or that are there twice.
        passed_over: what else lies there, and why it is no run.
    """

    name: str
    source: Path
    claims: Sequence[Claim]
    runs: Sequence[PlannedRun]
    register: Register
    asked: frozenset[str] | None
    others: tuple[Run, ...] = ()
    passed_over: tuple[str, ...] = ()


def read_folder(folder: Path) -> Study:
    """The claims of an experiment's folder as they stood when it was trained, and its runs.

    Raises:
        ConfigError: this version of actlab does not understand its experiment.yaml.
        RunDirError: there is none.
    """
    found = folders.read([folder])
    plan = found.plans.get(folder.resolve())
    if plan is None:
        raise RunDirError(f"{folder}: holds no {EXPERIMENT}; name the folder of an experiment")
    if isinstance(plan, ActlabError):
        raise plan
    study = read_plan(plan, found.runs, folder)
    return replace(study, name=folder.resolve().name, passed_over=tuple(found.passed_over))


def read_plan(plan: Plan, runs: Sequence[Run], folder: Path) -> Study:
    """The claims of a config file, those among the runs that it asks for, and the register of its folder."""
    found = planned([config for _, config in plan.runs], runs)
    used = {one.run.path for one in found if one.run}
    others = tuple(run for run in runs if run.path not in used)
    asked = frozenset(plan.wanted) if len(plugins.loaded(plan.plugins)) == len(plan.plugins) else None
    name, source, claims = plan.experiment.name, Path(plan.source), plan.experiment.claims
    return Study(name, source, claims, found, register.read(folder), asked, others)


def planned(configs: Sequence[RunConfig], runs: Sequence[Run]) -> list[PlannedRun]:
    """Each config with its run, finished if there is one; or with that on the stand-in that the config names."""
    trained: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.status != "done"):
        trained.setdefault(run.hash, run)
    return [
        PlannedRun(config.canonical(), next(filter(None, map(trained.get, wanted([config]))), None))
        for config in configs
    ]


# --- what came out ---------------------------------------------------------------------------------------------------


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
        p_alone: of this pair by itself.
        family: how many comparisons share the p.
        notes: what a reader must know of these conditions besides.
    """

    condition: str
    other: str
    verdict: Word
    reason: Note
    values: Mapping[int, float]
    lacking: Mapping[tuple[str, int], Lack]
    estimate: Summary | Paired | None = None
    p: float = math.nan
    p_alone: float = math.nan
    family: int = 0
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim and what the runs say of it.

    Args:
        claim: as the file states it.
        verdict: "refuted" where it fails for one of its conditions, "supported" where it holds for all of them, else
            "undecided".
        evidence: one a condition, or a pair of conditions.
        notes: what a reader must know besides. A "stand-in" has the fact `verdict`: what it would be otherwise.
    """

    claim: Claim
    verdict: Word
    evidence: tuple[Evidence, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Side:
    """The runs of one condition of a claim.

    Args:
        name: what the condition is called.
        runs: all that the file asks for.
        values: the claim's measure by seed.
    """

    name: str
    runs: Sequence[PlannedRun]
    values: Values


@dataclass(frozen=True)
class _Comparing:
    """A pair of conditions that waits for the p of its family: one pair for each end of the claim's region."""

    claim: Claim
    side: Side
    other: Side
    pairs: Mapping[float, Pair]
    notes: tuple[Note, ...]


def judge_claims(
    claims: Sequence[Claim], runs: Sequence[PlannedRun], tables: Sequence[Comparison] = ()
) -> list[ClaimVerdict]:  # fmt: skip
    """Hold the claims of a file against its runs.

    Args:
        claims: of the file, all of them: pairs that stand in no table share a p.
        runs: all that the file asks for, trained or not.
        tables: comparisons that stand on the same page; a pair has the p that it has there.

    Raises:
        UnknownName: a claim is about a measure that does not exist.
    """
    frame = framing.frame_of([one.run for one in runs if one.run])
    names = framing.names_of([one.config for one in runs])
    frames = {metric: framing.taken_on(frame, metric) for metric in dict.fromkeys(claim.metric for claim in claims)}
    guards = {metric: Guard(of) for metric, of in frames.items()}
    drafts = [_drafts(claim, runs, names, frames[claim.metric], guards[claim.metric]) for claim in claims]
    waiting = [draft for found in drafts for draft in found if isinstance(draft, _Comparing)]
    made = {(table.metric, table.at): table for table in reversed(tables)}
    standing = [_in_table(draft, made, frame) for draft in waiting]
    waiting = _with_notes(waiting, standing)
    judged: dict[tuple[int, float], Judgement] = {}
    alone: dict[tuple[int, float], Pair] = {}
    for i, (draft, result) in enumerate(zip(waiting, standing, strict=True)):
        for end, pair in draft.pairs.items():
            if result is None or draft.claim.margin or math.isnan(result.p):
                alone[i, end] = pair
            else:
                judged[i, end] = judging.verdict_on(pair, result.p, result.family)
    judged |= dict(zip(alone, judging.judge_pairs(list(alone.values())), strict=True))
    evidence = iter(
        _evidence(draft, {end: judged[i, end] for end in draft.pairs}) for i, draft in enumerate(waiting)
    )  # fmt: skip
    return [
        _verdict(claim, runs, frame, [d if isinstance(d, Evidence) else next(evidence) for d in found])
        for claim, found in zip(claims, drafts, strict=True)
    ]


def _verdict(
    claim: Claim, runs: Sequence[PlannedRun], frame: pd.DataFrame, evidence: Sequence[Evidence]
) -> ClaimVerdict:  # fmt: skip
    words = {one.verdict for one in evidence}
    word: Word = "refuted" if "refuted" in words else "supported" if words == {"supported"} else "undecided"
    rendered = guarding.stand_ins(frame) if len(frame) else []
    notes = [replace(note, facts={**note.facts, "verdict": word}) for note in rendered]
    chosen = guarding.chosen_on_test([one.config for one in runs], [claim.metric], claim.at)
    notes += [note for note in chosen if note.kind == "chosen on test"]
    for note in (note for one in evidence for note in one.notes):
        notes += [note] if note not in notes else []
    return ClaimVerdict(claim, "undecided" if rendered else word, tuple(evidence), tuple(notes))


def foreseen(claims: Sequence[Claim], configs: Sequence[RunConfig]) -> tuple[int, int] | None:
    """The fewest seeds that two conditions of a claim will share, and how many they need; None where that is enough."""
    runs = planned(configs, [])
    names = [""] * len(runs)
    comparing = [claim for claim in claims if claim.relation.other and claim.relation.sign not in EVERY_SEED]
    pairs = [(side, other) for claim in comparing for side, other in couples(claim, runs, names) if other]
    seeds = [len({one.seed for one in side.runs} & {one.seed for one in other.runs}) for side, other in pairs]
    return (min(seeds), MINIMUM_PAIRS) if seeds and min(seeds) < MINIMUM_PAIRS else None


# --- which conditions ------------------------------------------------------------------------------------------------


def couples(claim: Claim, runs: Sequence[PlannedRun], names: Sequence[str]) -> list[tuple[Side, Side | None]]:
    """Each condition of a claim, with each of those that it is held against; with None where there is none."""
    configs = [run.config for run in runs]

    def side(group: Sequence[int]) -> Side:
        return _side(claim, names[group[0]], [runs[i] for i in group])

    groups, other = groups_of(configs, conditions_of(claim.of)), claim.relation.other
    if other is None:
        return [(side(group), None) for group in groups]
    all_others, found = groups_of(configs, conditions_of(other)), list[tuple[Side, Side | None]]()
    for group, theirs in zip(groups, opposites(groups, all_others, configs, other), strict=True):
        mine = side(group)
        found += [(mine, side(one)) for one in theirs] or [(mine, None)]
    return found


def _side(claim: Claim, name: str, runs: Sequence[PlannedRun]) -> Side:
    values, lacking = dict[int, float](), dict[int, Lack]()
    for one in sorted(runs, key=lambda one: one.seed):
        lack = one.lack()
        found = value(one.run, claim.metric, claim.at) if one.run and not lack else math.nan
        if math.isfinite(found):
            values[one.seed] = found
        else:
            lacking[one.seed] = lack or Lack("no value")
    return Side(name, runs, Values(values, {seed: lack for seed, lack in lacking.items() if seed not in values}))


def _drafts(
    claim: Claim, runs: Sequence[PlannedRun], names: Sequence[str], frame: pd.DataFrame, guard: Guard
) -> list[Evidence | _Comparing]:  # fmt: skip
    """The evidence on each condition, or the pair that waits for its p."""
    keys, found = tuple(claim.relation.other or ()), list[Evidence | _Comparing]()
    paths = [run.path for run in frame["run", "run"]] if len(frame) else []
    for side, other in couples(claim, runs, names):
        sides = [side, other] if other else [side]
        lacking = {(one.name, seed): lack for one in sides for seed, lack in one.values.lacking.items()}
        draft = Evidence(side.name, other.name if other else "", "undecided", Note("no counterpart"), {}, lacking)
        trained = [{one.run.path for one in of.runs if one.run} for of in sides]
        mine, *rest = [
            Condition(of.name, {}, frame.loc[[path in those for path in paths]])
            for of, those in zip(sides, trained, strict=True)
        ]  # fmt: skip
        notes = [note for one in (mine, *rest) for note in guard.alike_seeds(one)]
        if keys and other is None:
            found.append(replace(draft, values=side.values.by_seed))
        elif mixed := _other_data(mine, rest, keys, guard):
            found.append(replace(draft, reason=mixed))
        elif claim.relation.sign in EVERY_SEED:
            found.append(replace(_at_every_seed(claim, side, other, draft), notes=tuple(notes)))
        elif other is None:
            found.append(replace(_of_mean(claim, side, draft), notes=tuple(notes)))
        else:
            both = len(mine.rows) and len(rest[0].rows)
            if both and (differing := guard.beside(mine, rest[0], keys[:1])):
                facts = {"keys": keys, "notes": differing}
                notes.append(Note("differs in more", (side.name, other.name), facts))
            found.append(_Comparing(claim, side, other, _pairs(claim, side, other), tuple(notes)))
    nothing = Evidence("", "", "undecided", Note("no such run"), {}, {})
    return found or [nothing]


def _other_data(mine: Condition, rest: Sequence[Condition], keys: Sequence[str], guard: Guard) -> Note | None:
    """Why the numbers of a condition, or of two, cannot be held against each other; None if they can."""
    if len(data := list(dict.fromkeys(filter(None, framing.data_names(mine.rows))))) > 1:
        return Note("kept apart", (mine.name,), {"data": data})
    return guard.other_data(mine, rest[0], keys) if rest and len(mine.rows) and len(rest[0].rows) else None


# --- numbers and seeds -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Region:
    """low ≤ d ≤ high, where the mean of a claim's numbers, or of its differences, must lie.

    Args:
        low, high: −∞ and ∞ where there is no such end.
        open: whether the finite ends are outside.
    """

    low: float
    high: float
    open: bool = False

    def is_below(self, number: float) -> bool:
        """Whether a number lies below the region."""
        return number < self.low or (self.open and number == self.low)

    def is_above(self, number: float) -> bool:
        """Whether a number lies above the region."""
        return number > self.high or (self.open and number == self.high)

    def __contains__(self, number: float) -> bool:
        return not self.is_above(number) and not self.is_below(number)


def region(claim: Claim) -> Region:
    """Where the mean of a claim's numbers, or of its differences, must lie."""
    relation, margin = claim.relation, claim.margin
    b = relation.number or 0.0
    match relation.sign:
        case ">":
            return Region(b + margin, math.inf, open=True)
        case ">=":
            return Region(b - margin, math.inf)
        case "<":
            return Region(-math.inf, b - margin, open=True)
        case "<=":
            return Region(-math.inf, b + margin)
    low, high = relation.bounds or (b, b)
    return Region(low - margin, high + margin)


def holds(claim: Claim, number: float) -> bool:
    """Whether a claim about every seed, by "==" or "!=", holds for one number or difference."""
    distance = abs(number - (claim.relation.number or 0.0))
    near = distance <= claim.margin or math.isclose(distance, claim.margin, rel_tol=ROUNDING)
    return near == (claim.relation.sign == "==")


def _of_mean(claim: Claim, side: Side, draft: Evidence) -> Evidence:
    """Whether the t interval of the mean over seeds lies in the claim's region, outside of it, or neither."""
    estimate, asked = summary(list(side.values.by_seed.values())), region(claim)
    word: Word = "undecided"
    if estimate.n < 2:
        reason = Note("no interval" if estimate.n else "no number")
    elif side.values.lacking:
        reason = Note("lack leaves it open")
    elif asked.is_above(estimate.low) or asked.is_below(estimate.high):
        word, reason = "refuted", Note("interval outside")
    elif estimate.low in asked and estimate.high in asked:
        word, reason = "supported", Note("interval inside")
    else:
        reason = Note("interval across")
    return replace(draft, verdict=word, reason=reason, values=side.values.by_seed, estimate=estimate)


def _at_every_seed(claim: Claim, side: Side, other: Side | None, draft: Evidence) -> Evidence:
    """Whether the claim holds at every seed; one that it does not hold at refutes it, whatever the others say."""
    values = side.values.by_seed
    if other:
        theirs = other.values.by_seed
        values = {seed: number - theirs[seed] for seed, number in values.items() if seed in theirs}
    wrong = {seed: number for seed, number in values.items() if not holds(claim, number)}
    if wrong:
        reason = Note("not at every seed", (), {"values": wrong, "differences": other is not None})
        return replace(draft, verdict="refuted", reason=reason, values=values)
    if not values:
        return replace(draft, reason=Note("no number"))
    if draft.lacking:
        return replace(draft, reason=Note("lack leaves it open"), values=values)
    return replace(draft, verdict="supported", reason=Note("at every seed"), values=values)


# --- pairs -----------------------------------------------------------------------------------------------------------


def _pairs(claim: Claim, side: Side, other: Side) -> dict[float, Pair]:
    """For each end of the claim's region, the pairs of the condition and the other one moved there.

    Whether the difference is above or below the end; higher counts as better, whatever the measure.
    """
    asked, runs = region(claim), [one.run for of in (side, other) for one in of.runs if one.run]
    step = judging.step_of(runs, claim.metric, [*side.values.by_seed.values(), *other.values.by_seed.values()])
    mine, theirs = (
        guarding.chance_level([one.run for one in of.runs if one.run], claim.metric, claim.at) for of in (side, other)
    )
    chance = guarding.both_at_chance(claim.metric, mine, theirs)
    found = {}
    for end in (asked.low, asked.high):
        if math.isfinite(end):
            moved = {seed: number + end for seed, number in other.values.by_seed.items()}
            pair = judging.pair_of(side.values.by_seed, moved, claim.metric, step, chance=chance)
            found[end] = replace(pair, higher_is_better=True)
    return found


def _in_table(
    draft: _Comparing, tables: dict[tuple[str, str], Comparison], frame: pd.DataFrame
) -> ConditionResult | None:  # fmt: skip
    """The pair in the table of the experiment, whichever of the two is the baseline there; None if it is not there."""
    claim = draft.claim
    if not len(frame):
        return None
    if (claim.metric, claim.at) not in tables:
        try:
            tables[claim.metric, claim.at] = judging.compare(frame, [claim.metric], at=claim.at)
        except ActlabError:  # there is no such table, so no pair stands in it
            return None
    table = tables[claim.metric, claim.at]
    mine, theirs = ({one.run.path for one in of.runs if one.run} for of in (draft.side, draft.other))
    for result in table.results:
        if result.baseline:
            sides = [{run.path for run in one.runs} for one in (result, table[result.baseline])]
            if sides in ([mine, theirs], [theirs, mine]):
                return result
    return None


def _with_notes(waiting: Sequence[_Comparing], standing: Sequence[ConditionResult | None]) -> list[_Comparing]:
    """The pairs with what a table notes of its own: how often either side diverged, and skewed differences."""
    ends = [(draft.side.values.diverged, draft.other.values.diverged) for draft in waiting]
    outside = [i for i, result in enumerate(standing) if result is None]
    diverged = dict(zip(outside, judging.judge_divergence([ends[i] for i in outside]), strict=True))
    for i, result in enumerate(standing):
        if result and result.divergence:
            diverged[i] = judging.divergence_of(*ends[i], result.divergence.p, result.divergence.family)
    numbers = [(draft.side.values.by_seed, draft.other.values.by_seed, draft.claim.metric) for draft in waiting]
    pairs = [judging.pair_of(mine, theirs, metric, 0.0) for mine, theirs, metric in numbers]
    skewed = guarding.skewed({i: (pair.seeds, pair.numbers.differences) for i, pair in enumerate(pairs)})
    noted = []
    for i, draft in enumerate(waiting):
        notes, names = list(draft.notes), (draft.side.name, draft.other.name)
        notes += [Note("diverged", names, {"divergence": diverged[i]})] if diverged.get(i) else []
        notes += [Note("skewed", names, {"pairs": {" against ".join(names): skewed[i]}})] if i in skewed else []
        noted.append(replace(draft, notes=tuple(notes)))
    return noted


def _evidence(draft: _Comparing, judged: Mapping[float, Judgement]) -> Evidence:
    """The evidence of a pair: the difference is established to be above an end, below it, or not.

    In a region of two ends it takes two tests, and the greater p counts; beyond an end, the p of that end.
    """
    side, other, asked = draft.side, draft.other, region(draft.claim)
    family = max(judgement.family for judgement in judged.values())
    unmoved = judging.pair_of(side.values.by_seed, other.values.by_seed, draft.claim.metric, 0.0, max(1, family))
    numbers = unmoved.numbers
    values = dict(zip(unmoved.seeds, numbers.differences, strict=True))
    mean = fmean(values.values()) if values else math.nan
    beyond = asked.low if asked.is_below(mean) else asked.high if asked.is_above(mean) else None
    ends = list(judged) if beyond is None else [beyond]
    p, alone = max(judged[end].p for end in ends), max(draft.pairs[end].numbers.p for end in ends)
    above, below = (judged[end].verdict if end in judged else None for end in (asked.low, asked.high))
    word: Word = "undecided"
    if above == "worse" or below == "better":
        word = "refuted"
    elif above in (None, "better") and below in (None, "worse"):
        word = "supported"
    lacking = {(one.name, seed): lack for one in (side, other) for seed, lack in one.values.lacking.items()}
    if _could_turn(draft, word, beyond):
        word, reason = "undecided", Note("lack leaves it open")
    elif word != "undecided":
        reason = Note("established")
    else:  # of the end that is not excluded
        ends = [end for end in judged if judged[end].reason.kind != "established"] or list(judged)
        reason = judged[ends[0] if beyond is None else beyond].reason
        if reason.kind == "established":  # no more than indicated
            reason = Note("too few pairs", (), {"needed": MINIMUM_PAIRS, "smallest_p": numbers.smallest_p})
        reason = replace(reason, facts={**reason.facts, "end": ends[0] if beyond is None else beyond})
    return Evidence(side.name, other.name, word, reason, values, lacking, numbers, p, alone, family, draft.notes)


def _could_turn(draft: _Comparing, word: Word, beyond: float | None) -> bool:
    """Whether a seed without a number leaves a verdict open.

    One that was lost in training only speaks against the side that lost it, and leaves a verdict that goes that way;
    any other might say anything.
    """
    asked, upward = region(draft.claim), higher_is_better(draft.claim.metric)
    for side, raises in ((draft.side, not upward), (draft.other, upward)):  # what a lost seed does to the difference
        if any(lack.status not in LOST for lack in side.values.lacking.values()):
            return True
        end = asked.high if raises else asked.low
        firmer = end == beyond if word == "refuted" else word == "supported" and math.isinf(end)
        if side.values.lacking and not firmer:
            return True
    return False
