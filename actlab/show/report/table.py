"""The comparison as a table of the page: a row a condition, numbers with their spread, the verdict beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actlab.show.plots import BESIDE, PALETTE, Look
from actlab.show.report.words import (
    NO_VALUE,
    listed,
    measured,
    metric_words,
    p_value,
    signed,
)  # fmt: skip
from actlab.study import measures
from actlab.study.compare import BAD_ENDS, Comparison, moment

SWATCH_WIDTH = 2  # of the line, to which the lengths of dashes are relative
SIGNS = {"better": "▲", "worse": "▼", "supported": "✓", "refuted": "✗"}
KINDS = {"better": "good", "supported": "good", "worse": "bad", "refuted": "bad"}


@dataclass(frozen=True)
class Cell:
    """Words, smaller words under them, and what the column is sorted by (a number, or words)."""

    text: str
    small: str = ""
    sort: str = ""
    kind: str = "number"


@dataclass(frozen=True)
class Column:
    title: str
    note: str = ""
    hint: str = ""
    numeric: bool = True
    high_first: bool = False


@dataclass(frozen=True)
class Swatch:
    """The number of a colour of the palette, and the dashes of a line; empty where it has none."""

    color: int
    dashes: str


@dataclass(frozen=True)
class Row:
    """A condition: its number in the page, by which figures know it, its look in them, and its cells."""

    number: int
    swatch: Swatch
    name: str
    cells: list[Cell]
    baseline: bool = False


@dataclass(frozen=True)
class Table:
    columns: list[Column]
    rows: list[Row]


@dataclass(frozen=True)
class Item:
    """A verdict, of a comparison or of a claim.

    Args:
        word: the verdict.
        about: what it is about.
        reason: what it rests on.
    """

    word: str
    about: str
    reason: str

    @property
    def sign(self) -> str:
        """A shape beside the word, for those who see no colours."""
        return SIGNS.get(self.word, "○")

    @property
    def kind(self) -> str:
        return KINDS.get(self.word, "open")


def swatch(look: Look) -> Swatch:
    """A piece of the line that figures draw."""
    on_off = look.linestyle[1] if isinstance(look.linestyle, tuple) else ()
    color = PALETTE.index(look.color) if look.color in PALETTE else 0
    return Swatch(color, " ".join(f"{SWATCH_WIDTH * length:g}" for length in on_off))


def table(comparison: Comparison, looks: Mapping[str, Look]) -> Table:
    """All that is known of each condition, the least important to the right."""
    parts = [_conditions(comparison), _counts(comparison), _primary(comparison)]
    parts += [_against_baseline(comparison)] if _has_pairs(comparison) else []
    parts += [*_others(comparison), *_costs(comparison)]
    columns = [column for part, _ in parts for column in part]
    rows = []
    for number, name in enumerate(comparison.conditions):
        cells = [cell for _, made in parts for cell in made[number]]
        rows.append(Row(number, swatch(looks[name]), name, cells, name in comparison.baselines.values()))
    return Table(columns, rows)


Part = tuple[list[Column], list[list[Cell]]]


def _conditions(comparison: Comparison) -> Part:
    """What differs, a column each; the name of the only condition where nothing does."""
    if not comparison.differs:
        return [Column("condition", numeric=False)], [[_word(name)] for name in comparison.conditions]
    rows = comparison.table[comparison.differs].astype(str).to_numpy().tolist()
    return [Column(key, numeric=False) for key in comparison.differs], [[_word(w) for w in row] for row in rows]


def _word(text: str) -> Cell:
    return Cell(text or '""', sort=text, kind="")


def _counts(comparison: Comparison) -> Part:
    rows = comparison.table.to_dict(orient="records")
    column = Column("n", "seeds", "finished runs, of which the means are; under it those that are not", high_first=True)
    return [column], [[_count(row)] for row in rows]


def _count(row: dict[Any, Any]) -> Cell:
    return number(float(row["n"]), f"{row['n']}", ", ".join(f"{row[end]} {end}" for end in BAD_ENDS if row.get(end)))


def number(value: float, text: str, small: str = "") -> Cell:
    return Cell(text, small, "" if math.isnan(value) else repr(value))


def _primary(comparison: Comparison) -> Part:
    """The metric by which conditions are judged: mean and spread over seeds, with its interval."""
    metric, better = comparison.metric, measures.higher_is_better(comparison.metric)
    column = Column(metric_words(metric), moment(comparison.at), high_first=better)
    return [column], [[_summary(comparison.summaries.get(name), metric)] for name in comparison.conditions]


def _summary(summary: Any, metric: str) -> Cell:
    if summary is None or summary.n == 0:
        return number(math.nan, NO_VALUE)
    spread = "" if math.isnan(summary.std) else f" ± {measured(summary.std, metric)}"
    interval = "" if math.isnan(summary.low) else f"{measured(summary.low, metric)} to {measured(summary.high, metric)}"
    return number(summary.mean, f"{measured(summary.mean, metric)}{spread}", interval or "one seed, no interval")


def _has_pairs(comparison: Comparison) -> bool:
    return any(pair is not None for pair in comparison.pairs.values())


def _against_baseline(comparison: Comparison) -> Part:
    """Difference with its interval, p, and the verdict."""
    better = measures.higher_is_better(comparison.metric)
    bases = dict.fromkeys(comparison.baselines.values())
    base = next(iter(bases)) if len(bases) == 1 else "its baseline"
    columns = [
        Column("difference", f"from {base}", "mean over the pairs that share a seed", high_first=better),
        Column("better in", "of the pairs", "ties count half", high_first=True),
        Column("p", "after Holm", "exact sign-flip test, corrected for all comparisons of the table"),
        Column("verdict", numeric=False),
    ]  # fmt: skip
    return columns, [_difference(comparison, name, several=len(bases) > 1) for name in comparison.conditions]


def _difference(comparison: Comparison, name: str, several: bool) -> list[Cell]:
    pair, verdict, metric = comparison.pairs.get(name), comparison.verdicts.get(name), comparison.metric
    empty = number(math.nan, NO_VALUE)
    if verdict is None:
        return [empty, empty, empty, Cell(NO_VALUE, kind="words")]
    base = f"from {comparison.baselines[name]}" if several else ""
    mark = BESIDE if comparison.confounded.get(name) else ""
    said = " ".join(filter(None, [SIGNS.get(verdict.word), verdict.word, mark]))
    word = Cell(said, base, verdict.word, KINDS.get(verdict.word, "open"))
    if pair is None or not pair.n:
        return [empty, empty, empty, word]
    p, (share, low, high) = comparison.p_holm[name], pair.better(measures.higher_is_better(metric))
    return [
        number(pair.difference, signed(pair.difference, metric), _between(pair.low, pair.high, metric)),
        number(share, f"{share * pair.n:g} of {pair.n}", "" if math.isnan(low) else f"{low:.0%} to {high:.0%}"),
        number(p, p_value(p)), word,
    ]  # fmt: skip


def _between(low: float, high: float, metric: str) -> str:
    return "" if math.isnan(low) else f"{signed(low, metric)} to {signed(high, metric)}"


def _others(comparison: Comparison) -> list[Part]:
    """The further metrics of the comparison, as mean ± standard deviation."""
    known = [metric for metric in comparison.metrics if f"{metric} {comparison.at} mean" in comparison.table]
    return [_other(comparison, metric) for metric in known if metric != comparison.metric]


def _other(comparison: Comparison, metric: str) -> Part:
    columns = [f"{metric} {comparison.at} {what}" for what in ("mean", "std")]
    cells = []
    for mean, std in comparison.table[columns].astype(float).to_numpy().tolist():
        spread = "" if math.isnan(std) else f" ± {measured(std, metric)}"
        cells.append([number(mean, measured(mean, metric) + spread)])
    words = moment(comparison.at)
    return [Column(metric_words(metric), words, high_first=measures.higher_is_better(metric))], cells


def _costs(comparison: Comparison) -> list[Part]:
    forms = {"parameters": ("parameters", ",.0f"), "seconds an epoch": ("seconds an epoch", ".3g")}
    found: list[Part] = []
    for key, (title, form) in forms.items():
        if key in comparison.table:
            values = [math.nan if value is None else float(value) for value in comparison.table[key]]
            cells = [[number(v, NO_VALUE if math.isnan(v) else format(v, form))] for v in values]
            found.append(([Column(title)], cells))
    return found


# --- verdicts


def lead(comparison: Comparison) -> str:
    """What was compared, in a sentence."""
    words = f"{metric_words(comparison.metric)} {moment(comparison.at)}"
    if not _has_pairs(comparison):
        return f"Nothing is compared yet: {words} is known of too few conditions."
    words_of = [verdict.word for verdict in comparison.verdicts.values() if verdict]
    counts = [(word, words_of.count(word)) for word in ("better", "worse", "not established")]
    said = listed([f"{count} {word}" for word, count in counts if count])
    bases = dict.fromkeys(comparison.baselines.values())
    base = comparison.baseline if len(bases) == 1 else "its baseline"
    return f"By {words}, each against {base} in pairs that share a seed: {said}."


def verdicts(comparison: Comparison) -> list[Item]:
    """Each condition against the baseline, in words; what is established first, and what is alike together."""
    order = {"better": 0, "worse": 1}
    alike: dict[tuple[str, str], list[str]] = {}
    for name, verdict in comparison.verdicts.items():
        if verdict is not None:
            alike.setdefault((verdict.word, _reason(comparison, name, verdict.reason)), []).append(name)
    items = [Item(word, ", ".join(names), reason) for (word, reason), names in alike.items()]
    return sorted(items, key=lambda item: order.get(item.word, 2))


def _reason(comparison: Comparison, name: str, reason: str) -> str:
    beside = comparison.confounded.get(name, [])
    return f"{reason}. {BESIDE} {'; '.join(beside)}." if beside else f"{reason}."
