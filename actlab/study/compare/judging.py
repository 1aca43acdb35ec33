"""Summaries of all conditions, and each held against its baseline: pairs by seed, Holm over the table, a verdict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from actlab.study import stats
from actlab.study.compare.baseline import Against
from actlab.study.compare.values import Values
from actlab.study.stats import Paired, Summary, Verdict

ALPHA = 0.05


@dataclass(frozen=True)
class Judged:
    """What the numbers of a table say.

    Args:
        summaries: condition to its seeds in numbers.
        pairs: condition to its pairs with the baseline; None for a baseline, and where nothing can be compared.
        p_holm: condition to its p after Holm's correction over the table; NaN where it has none.
        verdicts: condition to its verdict; None for a baseline.
        comparisons: how many of the table have a p.
    """

    summaries: dict[str, Summary]
    pairs: dict[str, Paired | None]
    p_holm: dict[str, float]
    verdicts: dict[str, Verdict | None]
    comparisons: int


def judged(
    values: Mapping[str, Values], pairings: Mapping[str, Against], refused: Mapping[str, str], higher_is_better: bool
) -> Judged:
    """Hold every condition against its baseline.

    Args:
        values: condition to its numbers by seed.
        pairings: condition to what it is compared with.
        refused: condition to why its numbers cannot be held against those of its baseline.
        higher_is_better: of the measure.
    """
    held = {name: pairing for name, pairing in pairings.items() if name not in refused}
    partners = {name: _partners(values[name], values[pairing.baseline]) for name, pairing in held.items()}
    comparisons = sum(bool(mine) for mine, _ in partners.values())
    pairs: dict[str, Paired | None] = dict.fromkeys(values)
    for name, (mine, theirs) in partners.items():
        pairs[name] = stats.paired(mine, theirs, comparisons=max(1, comparisons))
    p_values = [math.nan if pair is None else pair.p for pair in pairs.values()]
    p_holm = dict(zip(pairs, stats.holm(p_values), strict=True))
    verdicts: dict[str, Verdict | None] = dict.fromkeys(values)
    for name in pairings:
        pair = pairs[name]
        if pair is None:
            verdicts[name] = Verdict("not established", refused[name])
        else:
            found = stats.verdict(pair, p_holm[name], max(1, comparisons), higher_is_better, ALPHA)
            verdicts[name] = _unless_lost(found, name, pairings[name].baseline, values)
    summaries = {name: stats.summary(list(of.by_seed.values())) for name, of in values.items()}
    return Judged(summaries, pairs, p_holm, verdicts, comparisons)


def _unless_lost(found: Verdict, name: str, base: str, values: Mapping[str, Values]) -> Verdict:
    """The verdict; withheld where seeds of the side that wins diverged or failed, and so could not lose.

    Seeds that the other side lost would hardly have turned it, and leave it as it is.
    """
    winner, loser = (name, base) if found.word == "better" else (base, name)
    mine, theirs = values[winner], values[loser]
    missing = Counter(end for seed, end in mine.lost.items() if seed in theirs.by_seed or seed in theirs.lacking)
    if found.word == "not established" or not missing:
        return found
    seeds = len(mine.by_seed) + len(mine.lacking)
    ends = [f"{count} of {seeds} seeds of {winner} {end}" for end, count in missing.items()]
    return Verdict("not established", f"{' and '.join(ends)}; without these it would be {found.word}: {found.reason}")


def _partners(mine: Values, theirs: Values) -> tuple[list[float], list[float]]:
    """The numbers of the seeds that both have."""
    seeds = [seed for seed in mine.by_seed if seed in theirs.by_seed]
    return [mine.by_seed[seed] for seed in seeds], [theirs.by_seed[seed] for seed in seeds]


def too_few(pair: Paired, comparisons: int) -> bool:
    """Whether so many such comparisons of so few pairs can establish nothing, whatever the differences."""
    return pair.n < stats.MINIMUM_PAIRS or comparisons * stats.smallest_p(pair.n) >= ALPHA


def floors(judgement: Judged) -> dict[int, str]:
    """Number of pairs to what p can be at best, the largest number first."""
    counts = sorted({pair.n for pair in judgement.pairs.values() if pair is not None}, reverse=True)
    return {count: stats.floor_note(count, max(1, judgement.comparisons), ALPHA) for count in counts}
