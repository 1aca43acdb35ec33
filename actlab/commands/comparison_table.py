"""A comparison as a person reads it: cells with their intervals, and the sentences under the table."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from actlab.run.fitted import Column, fitted, folded
from actlab.spec.part import PARTS
from actlab.study.compare import BAD_ENDS, Comparison, few, moment, too_few
from actlab.study.measures import higher_is_better

MARK = "†"
LEAST_CANONICAL = 1e-3  # below, four digits after the point would be zeros
MOST_REASONS = 12
SHORT_ENDS = {"failed": "fail", "diverged": "div", "interrupted": "cut", "running": "run"}


def fitting(comparison: Comparison, room: int) -> list[Column]:
    """The columns for a terminal: median, interquartile mean and each seed only where there is room for everything."""
    everything = columns(comparison, seeds=True)
    return columns(comparison) if fitted(everything, room)[1] else everything


def columns(comparison: Comparison, seeds: bool = False) -> list[Column]:
    """The columns of the table; those that matter least go first where there is no room.

    Args:
        comparison: of finished runs.
        seeds: whether median, interquartile mean and each seed's value are among them.
    """
    rows = comparison.table.to_dict(orient="records")
    first, *others = comparison.metrics
    return [
        *_conditions(comparison),
        Column("n", [str(row["n"]) for row in rows]),
        *(Column(s, [str(row[s]) for row in rows], SHORT_ENDS[s]) for s in BAD_ENDS if comparison.table[s].any()),
        _spread(first, comparison.at, rows, drop=0),
        _interval(f"{first} {comparison.at}", rows),
        *_against_baseline(comparison, rows),
        *_time(comparison, rows),
        *(_spread(metric, comparison.at, rows, drop=5) for metric in others),
        Column("parameters", [_count(row["parameters"]) for row in rows], drop=9),
        Column("s/epoch", [_plain(row["seconds an epoch"], ".3g") for row in rows], drop=10),
        *(_by_seed(comparison, rows) if seeds else []),
    ]


def _conditions(comparison: Comparison) -> list[Column]:
    """What differs; the name of the only condition where nothing does."""
    if not comparison.differs:
        return [Column("condition", list(comparison.conditions), folds=True, right=False)]
    words = {key: [str(word) or '""' for word in comparison.table[key]] for key in comparison.differs}
    return [Column(key, words[key], folds=True, right=False) for key in comparison.differs]


def _spread(metric: str, at: str, rows: list[Any], drop: int) -> Column:
    """Mean ± standard deviation."""
    name = f"{metric} {at}"
    form = _form([row[f"{name} mean"] for row in rows])
    cells = [_pair(row[f"{name} mean"], row[f"{name} std"], form, " ± ") for row in rows]
    header = metric if at == "last" else f"{metric} {at}"
    short_cells = [cell.replace(" ", "") for cell in cells]
    narrow = folded(header, max(map(len, short_cells), default=0))
    return Column(header, cells, narrow, short_cells, drop)


def _interval(name: str, rows: list[Any]) -> Column:
    form = _form([row[f"{name} mean"] for row in rows])
    cells = [_between(row[f"{name} low"], row[f"{name} high"], form) for row in rows]
    return Column("95% interval", cells, short_cells=[cell.replace(" ", "") for cell in cells], drop=4)


def _against_baseline(comparison: Comparison, rows: list[Any]) -> list[Column]:
    """The columns of the comparison; none where there is only one condition."""
    if not comparison.baselines:
        return []
    form = "+" + _form([row[f"{comparison.metric} {comparison.at} mean"] for row in rows])
    differences = [
        "" if math.isnan(row["difference"]) else
        f"{row['difference']:{form}} {_between(row['difference low'], row['difference high'], form)}".rstrip(" -")
        for row in rows
    ]  # fmt: skip
    beats = [
        "" if math.isnan(row["superiority"]) else
        f"{row['superiority']:.2f} {_between(row['superiority low'], row['superiority high'], '.2f')}".rstrip(" -")
        for row in rows
    ]  # fmt: skip
    marked = [_verdict(name, comparison) for name in comparison.conditions]
    return [
        Column("difference", differences, short_cells=[d.replace(", ", ",") for d in differences], drop=1),
        Column("superiority", beats, short_cells=[b.replace(", ", ",") for b in beats], drop=6),
        Column("p", [_plain(row["p"], ".3g", "") for row in rows], drop=8),
        Column("p Holm", [_plain(row["p holm"], ".3g", "") for row in rows], drop=3),
        Column("verdict", marked, right=False, style=_style),
        Column("seeds needed", [_plain(row["seeds needed"], ",.0f", "") for row in rows], "seeds\nneeded", drop=7),
    ]


def _verdict(name: str, comparison: Comparison) -> str:
    verdict = comparison.verdicts[name]
    word = verdict.word if verdict else "baseline" if name in comparison.baselines.values() else "-"
    return word + (f" {MARK}" if comparison.confounded[name] else "")


def _style(word: str) -> str:
    return {"better": "green", "worse": "red"}.get(word.split(" ")[0], "")


def _time(comparison: Comparison, rows: list[Any]) -> list[Column]:
    """Time to a level; where a seed never came there, a mean would be too short, and that is said instead."""
    if not comparison.reach:
        return []
    level = comparison.reach
    found = []
    for unit in ("epochs", "seconds"):
        cells = []
        for row in rows:
            name = f"{unit} to {level}"
            took = _pair(row[f"{name} mean"], row[f"{name} std"], ".1f", " ± ")
            cells.append(_never(row, level) or took)
        found.append(Column(f"{unit} to {level}", cells, f"{unit} to\n{level.split(' ')[-1]}", drop=2))
    return found


def _never(row: Any, level: str) -> str:
    never, all_seeds = row[f"{level} never"], row[f"{level} never"] + row[f"{level} reached by"]
    if not never:
        return ""
    return "never" if never == all_seeds else f"never in {never} of {all_seeds}"


def _by_seed(comparison: Comparison, rows: list[Any]) -> list[Column]:
    """What a wide terminal has room for, or was asked for."""
    name = f"{comparison.metric} {comparison.at}"
    form = _form([row[f"{name} mean"] for row in rows])
    each = [" ".join(f"{value:{form}}" for value in by_seed.values()) for by_seed in comparison.values.values()]
    return [
        Column("median", [_plain(row[f"{name} median"], form) for row in rows], drop=11),
        Column("iqm", [_plain(row[f"{name} iqm"], form) for row in rows], drop=12),
        Column("by seed", each, drop=13, right=False),
    ]


def seed_columns(comparison: Comparison) -> list[Column]:
    """Median, interquartile mean and each seed's value, whatever the width."""
    rows = comparison.table.to_dict(orient="records")
    form = _form([row[f"{comparison.metric} {comparison.at} mean"] for row in rows])
    median, iqm, _ = _by_seed(comparison, rows)
    words = [", ".join(f"{seed}: {value:{form}}" for seed, value in of.items()) for of in comparison.values.values()]
    names = Column("condition", list(comparison.conditions), folds=True, right=False)
    return [names, median, iqm, Column("seed: value", words, folds=True, right=False)]


# --- sentences -------------------------------------------------------------------------------------------------


def caption(comparison: Comparison) -> list[str]:
    """What the columns are."""
    measured = ", ".join(comparison.metrics)
    lines = [f"{measured} {moment(comparison.at)}: mean ± standard deviation over n seeds; intervals: 95%, Student's t"]
    if comparison.baselines:
        way = "higher" if higher_is_better(comparison.metric) else "lower"
        count = f"{comparison.comparisons} comparison{'' if comparison.comparisons == 1 else 's'}"
        lines.append(
            f"difference of {comparison.metric} from {_baseline(comparison)}, by pairs of one seed, {way} is better; "
            f"superiority: share of the pairs in which it beats that; p: sign flips, by Holm over {count}"
        )
    if comparison.reach:
        metric, level = comparison.reach.split(" ")
        way = "at least" if higher_is_better(metric) else "at most"
        lines.append(f"epochs and seconds to {level}: until {metric} was first {way} that, where all seeds came there")
    return lines


def _baseline(comparison: Comparison) -> str:
    """What others are held against; of several baselines what is common to them."""
    bases = set(comparison.baselines.values())
    if len(bases) == 1:
        return comparison.baseline
    names = comparison.table[comparison.differs].set_axis(list(comparison.conditions))
    chosen = names.loc[sorted(bases)]
    common = [column for column in comparison.differs if chosen[column].nunique() == 1]
    others = [column for column in comparison.differs if column not in common]
    named = [word if column in PARTS else f"{column}={word}" for column, word in chosen[common].iloc[0].items()]
    return f"{' '.join(named)} at the same {', '.join(others)}".strip()


def remarks(comparison: Comparison) -> list[str]:
    """The sentences under the table: what the verdicts rest on, what stands beside them, what else to know."""
    return [*_floor(comparison), *_reasons(comparison), *_beside(comparison), *map("note: {}".format, comparison.notes)]


def _floor(comparison: Comparison) -> list[str]:
    """Once for all conditions with so few pairs that nothing can be established; else what p can be at best."""
    by_pairs: dict[int, list[str]] = defaultdict(list)
    for name, pair in comparison.pairs.items():
        if pair is not None and _for_want_of_seeds(name, comparison):
            by_pairs[pair.n].append(name)
    if not by_pairs:
        return list(comparison.floors.values())[:1]
    return [f"not established: {_who(names, comparison)}: {comparison.floors[n]}" for n, names in by_pairs.items()]


def _who(names: Sequence[str], comparison: Comparison) -> str:
    return f"all {len(names)}" if 1 < len(names) == len(comparison.baselines) else few(names)


def _for_want_of_seeds(name: str, comparison: Comparison) -> bool:
    verdict, pair = comparison.verdicts[name], comparison.pairs[name]
    if verdict is None or pair is None or verdict.word != "not established":
        return False
    return too_few(pair, max(1, comparison.comparisons))


def _reasons(comparison: Comparison) -> list[str]:
    """Why a verdict is what it is, where it is not for want of seeds."""
    by_reason: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, verdict in comparison.verdicts.items():
        if verdict and not _for_want_of_seeds(name, comparison):
            by_reason[verdict.word, verdict.reason].append(name)
    return _some([f"{word}: {few(names)}: {reason}" for (word, reason), names in by_reason.items()], "reasons")


def _beside(comparison: Comparison) -> list[str]:
    by_words: dict[str, list[str]] = defaultdict(list)
    for name, found in comparison.confounded.items():
        for words in found:
            by_words[words].append(name)
    return _some([f"{MARK} {few(names)}: {words}" for words, names in by_words.items()], f"remarks {MARK}")


def _some(lines: Sequence[str], what: str) -> list[str]:
    if len(lines) <= MOST_REASONS:
        return list(lines)
    return [*lines[:MOST_REASONS], f"{len(lines) - MOST_REASONS} more {what}: --format json or csv has them all"]


# --- numbers ---------------------------------------------------------------------------------------------------


def _form(values: Sequence[float]) -> str:
    """The digits of a column: four after the point, fewer for large numbers, scientific for tiny ones."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if 0 < largest < LEAST_CANONICAL:
        return ".3e"
    return f".{max(0, 4 - max(0, math.floor(math.log10(largest)) + 1)) if largest >= 10 else 4}f"


def _pair(mean: float, std: float, form: str, between: str) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:{form}}" + ("" if math.isnan(std) else f"{between}{std:{form}}")


def _between(low: float, high: float, form: str) -> str:
    return "-" if math.isnan(low) else f"[{low:{form}}, {high:{form}}]"


def _plain(value: Any, form: str, empty: str = "-") -> str:
    return empty if value is None or math.isnan(value) else format(value, form)


def _count(value: Any) -> str:
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else format(value, ",.0f")
