"""From the runs of a file to verdicts on its claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from actlab.spec.claim import EVERY_SEED, Claim
from actlab.spec.config import RunConfig
from actlab.study import stats
from actlab.study.claims.findings import Finding, Side, Word, couples
from actlab.study.claims.guard import notes_on_claim, other_data, stand_ins
from actlab.study.claims.numbers import every_seed_finding, mean_finding
from actlab.study.claims.pairs import ALPHA, Comparison
from actlab.study.claims.planned import PlannedRun, planned


@dataclass(frozen=True)
class ClaimVerdict:
    """A claim and what the runs say of it.

    Args:
        claim: as the file states it.
        word: "refuted" where it fails for one of its conditions, "supported" where it holds for all of them, else
            "undecided".
        findings: one a condition, or a pair of conditions.
        notes: what a reader must know besides: stand-ins, what else differs, moments chosen on test data.
    """

    claim: Claim
    word: Word
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The evidence, a sentence each; the verdict of each piece where they are not of one mind."""
        several = len({finding.word for finding in self.findings}) > 1
        found = [f"{finding.word} for {finding}" if several else str(finding) for finding in self.findings]
        return [*found, *(f"note: {note}" for note in self.notes)]

    @property
    def evidence(self) -> str:
        """The evidence as one text, a sentence a line."""
        return "\n".join(self.lines)


def judge(claims: Sequence[Claim], runs: Sequence[PlannedRun]) -> list[ClaimVerdict]:
    """Hold the claims of a file against its runs.

    Args:
        claims: all of the file: Holm's correction goes over all their comparisons of one condition with another.
        runs: all that the file asks for, trained or not.

    Raises:
        UnknownName: a claim is about a measure that does not exist.
    """
    drafts = [_drafts(claim, runs) for claim in claims]
    waiting = [draft for found in drafts for draft in found if isinstance(draft, Comparison)]
    p_values = [comparison.p for comparison in waiting]
    count = max(1, sum(not math.isnan(p) for p in p_values))
    p_holm = dict(zip(map(id, waiting), stats.holm(p_values), strict=True))
    return [
        _verdict(claim, runs, [d.finding(p_holm[id(d)], count) if isinstance(d, Comparison) else d for d in found])
        for claim, found in zip(claims, drafts, strict=True)
    ]


def foreseen(claims: Sequence[Claim], configs: Sequence[RunConfig]) -> str:
    """Why the runs of a file cannot decide its claims, however they end; empty if they can.

    Args:
        claims: of the file.
        configs: of its runs.
    """
    runs = planned(configs, [])
    comparing = [
        claim for claim in claims if claim.relation.other is not None and claim.relation.sign not in EVERY_SEED
    ]
    pairs = [(side, other) for claim in comparing for side, other in couples(claim, runs) if other]
    if not pairs:
        return ""
    seeds = min(len({r.seed for r in side.runs} & {r.seed for r in other.runs}) for side, other in pairs)
    needed = max(stats.MINIMUM_PAIRS, stats.pairs_needed_for_p(len(pairs), ALPHA))
    if seeds >= needed:
        return ""
    have = "1 seed" if seeds == 1 else f"{seeds} seeds"
    many = "1 comparison needs" if len(pairs) == 1 else f"{len(pairs)} comparisons need"
    return f"{have} cannot decide the claims that hold conditions against each other: {many} {needed}"


def _drafts(claim: Claim, runs: Sequence[PlannedRun]) -> list[Finding | Comparison]:
    found = couples(claim, runs)
    if not found:
        return [Finding("no run", "", "undecided", "the file asks for none that is as `of` says", {})]
    return [_draft(claim, side, other) for side, other in found]


def _draft(claim: Claim, side: Side, other: Side | None) -> Finding | Comparison:
    keys = tuple(claim.relation.other or ())
    if keys and other is None:
        return Finding(side.name, "", "undecided", "no run of the file differs in this alone", side.numbers)
    if reason := other_data(side, other, keys):
        return Finding(side.name, other.name if other else "", "undecided", reason, {})
    if claim.relation.sign in EVERY_SEED:
        return every_seed_finding(claim, side, other)
    return Comparison(claim, side, other) if other else mean_finding(claim, side)


def _verdict(claim: Claim, runs: Sequence[PlannedRun], findings: Sequence[Finding]) -> ClaimVerdict:
    words = {finding.word for finding in findings}
    word: Word = "refuted" if "refuted" in words else "supported" if words == {"supported"} else "undecided"
    notes = [*notes_on_claim(claim, runs), *(note for finding in findings for note in finding.notes)]
    if stand_in := stand_ins(runs):
        notes.insert(0, f"{stand_in}; there the claim would be {word}")
        word = "undecided"
    return ClaimVerdict(claim, word, tuple(findings), tuple(dict.fromkeys(notes)))
