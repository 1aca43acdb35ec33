"""A condition held against a number, and claims about every seed."""

from __future__ import annotations

from collections.abc import Mapping

from actlab.spec.claim import Claim, number
from actlab.study import stats
from actlab.study.claims.findings import Finding, Side, Word, seeds_in_words
from actlab.study.claims.guard import notes_on_side
from actlab.study.claims.regions import holds, region
from actlab.study.stats import Summary

CONFIDENCE = 0.95


def mean_finding(claim: Claim, side: Side) -> Finding:
    """Whether the t interval of the mean over seeds lies in the claim's region, outside of it, or neither."""
    estimate = stats.summary(list(side.numbers.values()), CONFIDENCE)
    word = _word(claim, side, estimate)
    return Finding(
        side.name, "", word, _mean_reason(side, estimate, word), side.numbers, side.absent, estimate,
        notes=notes_on_side(side),
    )  # fmt: skip


def _word(claim: Claim, side: Side, estimate: Summary) -> Word:
    if estimate.n < 2 or side.absent:
        return "undecided"
    asked = region(claim)
    if asked.is_above(estimate.low) or asked.is_below(estimate.high):
        return "refuted"
    return "supported" if estimate.low in asked and estimate.high in asked else "undecided"


def _mean_reason(side: Side, estimate: Summary, word: Word) -> str:
    if not estimate.n:
        return "no seed has a value"
    if estimate.n == 1:
        return f"{number(estimate.mean)} with 1 seed: there is no interval; 2 seeds would have one"
    interval = f"95% t interval {number(estimate.low)} to {number(estimate.high)}"
    said = f"mean {number(estimate.mean)}, {interval}, n = {estimate.n}; {by_seed(side.numbers)}"
    if word != "undecided":
        return said
    return f"{said}; " + (
        "a seed without a number leaves it open" if side.absent else "the interval reaches both sides"
    )


def every_seed_finding(claim: Claim, side: Side, other: Side | None) -> Finding:
    """Whether the claim holds at every seed; one that it does not hold at refutes it, whatever the others say."""
    numbers, absent = side.numbers, side.absent
    notes = notes_on_side(side)
    if other:
        numbers = {seed: side.numbers[seed] - other.numbers[seed] for seed in numbers if seed in other.numbers}
        absent += other.absent
    wrong = {seed: found for seed, found in numbers.items() if not holds(claim, found)}
    word: Word = "refuted" if wrong else "undecided" if absent or not numbers else "supported"
    reason = _every_seed_reason(numbers, wrong, "difference, " if other else "")
    return Finding(side.name, other.name if other else "", word, reason, numbers, absent, notes=notes)


def _every_seed_reason(numbers: Mapping[int, float], wrong: Mapping[int, float], what: str) -> str:
    if not numbers:
        return "no seed has a value"
    if wrong:
        return f"not so at {len(wrong)} of {len(numbers)} seeds; {what}{by_seed(wrong)}"
    how_many = "the only seed, others may differ" if len(numbers) == 1 else f"all {len(numbers)} seeds"
    return f"so at {how_many}; {what}{by_seed(numbers)}"


def by_seed(numbers: Mapping[int, float]) -> str:
    """ "seeds 0 to 2: 0.97, 0.96, 0.97"; one number where all are alike."""
    found = [number(one) for one in numbers.values()]
    alike = len(found) > 1 and len(set(found)) == 1
    return f"{seeds_in_words(list(numbers))}: {f'each {found[0]}' if alike else ', '.join(found)}"
