"""A condition held against another one, seed by seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from actlab.spec.claim import Claim, number
from actlab.study import stats
from actlab.study.claims.findings import Finding, Side, Word
from actlab.study.claims.guard import notes_between, notes_on_side
from actlab.study.claims.regions import Region, region
from actlab.study.compare.values import LOST
from actlab.study.measures import higher_is_better
from actlab.study.stats import Paired

ALPHA = 0.05
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Comparison:
    """A claim's condition against another one, before Holm's correction.

    Args:
        claim: by what the difference is judged.
        side: the claim's condition.
        other: the condition it is held against.
    """

    claim: Claim
    side: Side
    other: Side

    @property
    def seeds(self) -> list[int]:
        """Those at which both sides have a number."""
        return sorted(self.side.numbers.keys() & self.other.numbers.keys())

    @cached_property
    def region(self) -> Region:
        """Where the mean difference must lie."""
        return region(self.claim)

    def moved(self, end: float = 0.0, comparisons: int = 1) -> Paired:
        """The condition against the other one raised by `end`: whether the difference is above or below `end`."""
        values = [self.side.numbers[seed] for seed in self.seeds]
        others = [self.other.numbers[seed] + end for seed in self.seeds]
        return stats.paired(values, others, CONFIDENCE, comparisons)

    @cached_property
    def tests(self) -> dict[float, Paired]:
        """The comparison with each end of the region."""
        return {end: self.moved(end) for end in self.region.ends}

    @property
    def p(self) -> float:
        """Of the ends that the difference must be on the right side of; of one that it seems to be beyond.

        To lie in a region of two ends it takes two one-sided tests, and the greater p counts.
        """
        if not self.seeds:
            return math.nan
        beyond = self._beyond()
        return max(test.p for test in self.tests.values()) if beyond is None else self.tests[beyond].p

    def _beyond(self) -> float | None:
        """The end of the region beyond which the mean difference lies."""
        d = fmean(self.side.numbers[seed] - self.other.numbers[seed] for seed in self.seeds)
        return self.region.low if self.region.is_below(d) else self.region.high if self.region.is_above(d) else None

    def finding(self, p_holm: float, comparisons: int) -> Finding:
        """The evidence.

        Args:
            p_holm: p after Holm's correction.
            comparisons: those of the file that have a p.
        """
        pair, keys = self.moved(comparisons=comparisons), tuple(self.claim.relation.other or ())
        absent, found = self.side.absent + self.other.absent, self.word(p_holm, comparisons)
        word: Word = "undecided" if self._could_turn(found) else found
        numbers = dict(zip(self.seeds, pair.differences, strict=True))
        reason = self._reason(pair, p_holm, comparisons, word)
        notes = (*notes_on_side(self.side), *notes_on_side(self.other), *notes_between(self.side, self.other, keys))
        return Finding(
            self.side.name, self.other.name, word, reason, numbers, absent, pair, self.p, p_holm, notes,
        )  # fmt: skip

    def word(self, p_holm: float, comparisons: int) -> Word:
        """By the rules of a comparison at each end: the difference is established to be above it, below it, or not."""
        found = {end: stats.verdict(test, p_holm, comparisons, True, ALPHA).word for end, test in self.tests.items()}
        above, below = found.get(self.region.low), found.get(self.region.high)
        if not self.seeds:
            return "undecided"
        if above == "worse" or below == "better":
            return "refuted"
        return "supported" if above in (None, "better") and below in (None, "worse") else "undecided"

    def _could_turn(self, word: Word) -> bool:
        """Whether a seed without a number leaves a verdict open.

        One that was lost in training only speaks against the side that lost it, and leaves a verdict that goes that
        way; any other might say anything.
        """
        upward = higher_is_better(self.claim.metric)
        for side, raises in ((self.side, not upward), (self.other, upward)):
            missing = [planned for planned in side.runs if planned.seed not in side.numbers]
            if any(planned.state not in LOST for planned in missing):
                return True
            if missing and not self._firmer(word, raises):
                return True
        return False

    def _firmer(self, word: Word, higher: bool) -> bool:
        """Whether a higher, or lower, difference than the one found would have the same verdict."""
        if word == "refuted":
            beyond = self._beyond()
            return beyond is not None and beyond == (self.region.high if higher else self.region.low)
        return word == "supported" and math.isinf(self.region.high if higher else self.region.low)

    def _reason(self, pair: Paired, p_holm: float, comparisons: int, word: Word) -> str:
        if not pair.n:
            return "no seed has a number in both conditions"
        if pair.n == 1:
            said = f"difference {number(pair.difference, sign=True)} with 1 pair"
        else:
            interval = f"95% t interval {number(pair.low, sign=True)} to {number(pair.high, sign=True)}"
            said = f"mean difference {number(pair.difference, sign=True)}, {interval}, n = {pair.n} pairs"
        said += f", p = {self.p:.3g}"
        if comparisons > 1:
            said += f", {p_holm:.3g} after Holm over {comparisons} comparisons"
        return said if word != "undecided" else f"{said}; {self._missing(pair, p_holm, comparisons)}"

    def _missing(self, pair: Paired, p_holm: float, comparisons: int) -> str:
        """Why nothing is established."""
        if self.side.absent or self.other.absent:
            return "a seed without a number leaves it open"
        if pair.n < max(stats.MINIMUM_PAIRS, stats.pairs_needed_for_p(comparisons, ALPHA)):
            return f"too few seeds: {stats.floor_note(pair.n, comparisons, ALPHA)}"
        reasons = [] if p_holm < ALPHA else [f"p is not under {ALPHA:g}"]
        crossed = [end for end in self.region.ends if pair.low <= end <= pair.high]
        reasons += [f"the interval holds {' and '.join(number(end) for end in crossed)}"] if crossed else []
        if pair.seeds_needed and pair.seeds_needed > pair.n and not self.claim.margin:
            reasons.append(f"about {pair.seeds_needed} seeds would show a difference of this size")
        return "; ".join(reasons)
