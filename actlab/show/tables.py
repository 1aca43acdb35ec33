"""Tables in a terminal of any width.

In a terminal a table that is too wide first puts intervals and deviations under their numbers and folds its headers;
then it leaves out the columns that matter least, and says which; then its cells stand one below the other. Names fold,
and no number is ever split.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from actlab.runs.folder import LAYER_COLUMNS
from actlab.runs.progress import duration
from actlab.runs.record import Run
from actlab.show import words
from actlab.show.words import Numbers, printable
from actlab.spec.metrics import higher_is_better

if TYPE_CHECKING:
    import pandas as pd

    from actlab.study.judge import Comparison

GAP = 2  # spaces between two columns
LEAST_NAME, NAME_ROOM = 8, 20  # characters that names keep in any case, and before a column is left out for them
WHOLE = r"(?<=\d),(?=\d)|(?<=\de)-(?=\d)|(?<![\w.])-(?=[\d.])"  # signs within a number: 10,000, 1e-05, -0.5
PIECES = re.compile(rf"(?:[^-_ =,/]|{WHOLE})*[-_ =,/]?")  # a name folds after one of these signs, where it has them
HEADER_PIECES = re.compile(r"[^-_ =,/.]*[-_ =,/.]?")  # a header after a dot too: it is a key, and no number
WORDS = re.compile(r"\S*\s?")
NUMBER = re.compile(r"[-+±\[]?\d[\d.,]*(?:e[-+]?\d+)?[%\],]?(?!\w)")
NO_WIDTH = 100_000  # of a pipe or a file: nothing is left out or folded there
MOST_OF_A_VALUE = 120  # characters in the table of `actlab diff`; --json has all
STYLES = {
    "done": "green", "failed": "red", "diverged": "yellow", "interrupted": "magenta", "running": "cyan",
    "better": "green", "worse": "red", "supported": "green", "refuted": "red", "undecided": "yellow",
    "diverges": "yellow",
    "holds": "green", "REFUTED": "bold red",
}  # fmt: skip


class Terminal(Console):
    """A console that prints text as it is: no markup, no emoji, no colours but ours, no control character of a file."""

    def __init__(self, stderr: bool = False, **options: Any) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, **options)
        if not (self.is_terminal or os.environ.get("COLUMNS") or "width" in options):
            self.width = NO_WIDTH

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


# --- in a terminal ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        header: its name.
        cells: a text a row.
        kind: "number" stands on the right, on one line or with its interval or deviation below; "word" on the left, and
            breaks between words only; "name" on the left, and folds wherever there is no room.
        drop: 0 stays; where there is no room the highest goes first, and of equals the last.
    """

    header: str
    cells: Sequence[str]
    kind: Literal["number", "word", "name"] = "number"
    drop: int = 0

    @property
    def width(self) -> int:
        """Characters of its longest line."""
        return max(cell_len(line) for text in (self.header, *self.cells) for line in text.split("\n"))

    @property
    def least(self) -> int:
        """Characters under which it does not go: no number is ever split."""
        if self.kind != "name":
            return self.width
        pieces = max(cell_len(piece.rstrip()) for piece in HEADER_PIECES.findall(self.header))
        numbers = max((len(number) for cell in self.cells for number in NUMBER.findall(cell)), default=0)
        return min(self.width, max(LEAST_NAME, pieces, numbers))

    def narrowed(self, cells_too: bool = True) -> Column:
        """With what may stand on a second line there; without its cells only what its header has more than these."""
        if self.kind == "name":
            return self
        part = r" (?=[\[±(])" if self.kind == "number" else " "
        lines = [re.sub(part, "\n", cell) for cell in self.cells] if cells_too else self.cells
        longest = max((cell_len(line) for cell in lines for line in cell.split("\n")), default=0)
        cells = lines if self.kind == "number" or not cells_too else [folded(cell, longest) for cell in self.cells]
        pieces = max(cell_len(piece.rstrip()) for piece in HEADER_PIECES.findall(self.header))
        return replace(self, header=folded(self.header, max(longest, pieces), HEADER_PIECES), cells=cells)


class Table:
    """A table that rich prints at the width there is.

    Args:
        columns: those of names first.
        repeat: 0 leaves columns out where there is no room. A number leaves none out, but goes on in further tables;
            each begins with so many of the columns, and has the rows that say something there.
        name_room: characters that names together keep, where they need them, before a column is left out.
    """

    def __init__(self, columns: Sequence[Column], repeat: int = 0, name_room: int = NAME_ROOM) -> None:
        shown = [replace(column, cells=list(map(printable, column.cells))) for column in columns]  # as wide as printed
        self.columns, self.repeat, self.name_room = shown, repeat, name_room

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width
        if not self.repeat:
            columns, dropped = fitted(self.columns, room, self.name_room)
            if _needed(columns, 0) > room:
                yield from self._stacked(room)
                return
            yield _drawn(columns, room)
            if dropped:
                yield Text(f"left out for want of room: {', '.join(dropped)}", style="dim")
            return
        first, left = self.columns[: self.repeat], self.columns[self.repeat :]
        if any(_needed([*first, column], 0) > room for column in left):
            yield from self._stacked(room)
            return
        while left:
            count = len(left)
            while count > 1 and _needed([*first, *left[:count]], 2 * room) > room:
                count -= 1
            rows = [i for i in range(len(left[0].cells)) if any(column.cells[i].strip() for column in left[:count])]
            yield _drawn([replace(c, cells=[c.cells[i] for i in rows]) for c in (*first, *left[:count])], room)
            left = left[count:]
            if left:
                yield Text()

    def _stacked(self, room: int) -> Iterator[Text]:
        """The rows one below the other, a line a cell, where not even the most important columns stand side by side."""
        first, *others = self.columns
        for row, name in enumerate(first.cells):
            yield Text(folded(name, room), style="bold")
            for column in others:
                if cell := " ".join(column.cells[row].split()):
                    yield Text(folded(f"{column.header}: {cell}" if column.header else cell, room, WORDS))


def fitted(columns: Sequence[Column], room: int, name_room: int = NAME_ROOM) -> tuple[list[Column], list[str]]:
    """The columns that fit into so many characters, and the headers of those left out."""
    if _needed(columns, name_room) <= room:
        return list(columns), []
    kept = dict(enumerate(columns))
    least_first = sorted(kept, key=lambda place: (-columns[place].drop, -place))
    for cells_too in (False, True):  # a header on two lines costs one line, cells one a row
        for place in least_first:
            if _needed(kept.values(), name_room) > room:
                kept[place] = columns[place].narrowed(cells_too)
    for place in least_first:
        if _needed(kept.values(), name_room) > room and columns[place].drop:
            del kept[place]
    dropped = [column.header for place, column in enumerate(columns) if place not in kept]
    names = [column for column in kept.values() if column.kind == "name"]
    if _needed(kept.values(), 0) <= room or len(names) < 2:
        return list(kept.values()), dropped
    cells = [", ".join(texts) for texts in zip(*(column.cells for column in names), strict=True)]
    one = Column(", ".join(column.header for column in names), cells, "name")  # several names are wider than one
    return [one, *(column for column in kept.values() if column.kind != "name")], dropped


def _needed(columns: Collection[Column], name_room: int) -> int:
    """Characters without which another column must go."""
    each = name_room // max(1, sum(column.kind == "name" for column in columns))
    widths = [min(c.width, max(each, c.least)) if c.kind == "name" else c.width for c in columns]
    return sum(widths) + GAP * (len(columns) - 1)


def _drawn(columns: Sequence[Column], room: int) -> RichTable:
    """The table, its names folded into the room that the other columns leave."""
    widths = [column.width for column in columns]
    while sum(widths) + GAP * (len(columns) - 1) > room:
        wide = [i for i, column in enumerate(columns) if column.kind == "name" and widths[i] > column.least]
        if not wide:
            break
        widths[max(wide, key=lambda i: widths[i])] -= 1
    table = RichTable(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    rows: list[list[Text]] = [[] for _ in columns[0].cells]
    for column, width in zip(columns, widths, strict=True):
        name = column.kind == "name"
        header = Text(folded(column.header, width, HEADER_PIECES) if name else column.header)
        table.add_column(header, width=width, justify="right" if column.kind == "number" else "left", overflow="fold")
        for row, cell in zip(rows, column.cells, strict=True):
            style = STYLES.get(cell.split(maxsplit=1)[0], "") if column.kind == "word" and cell else ""
            row.append(Text(folded(cell, width) if name else cell, style=style))
    for row in rows:
        table.add_row(*row)
    return table


def folded(name: str, width: int, pieces: re.Pattern[str] = PIECES) -> str:
    """A name on several lines of at most a width, parted where its words end if they do."""
    lines = [""]
    for piece in pieces.findall(name):
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


# --- comparisons -----------------------------------------------------------------------------------------------


def comparison_columns(comparison: Comparison, wide: bool = False) -> list[Column]:
    """A row a condition: name, n, mean ± sd, difference [interval], p, verdict and the second metric; or everything.

    Where a level was asked for, the epochs to it stand in the place of the second metric.
    """
    results, metric, nan = comparison.results, comparison.metric, math.nan
    write = Numbers(metric, [result.summary.mean for result in results])
    pairs = [result.pairs for result in results]
    signed = Numbers(metric, [end for pair in pairs if pair for end in (pair.difference, pair.low, pair.high)], True)

    def spreads(name: str) -> Column:
        of = [result.summary if name == metric else result.others[name] for result in results]
        numbers = Numbers(name, [summary.mean for summary in of])
        return Column(words.heading(name), [numbers.spread(summary.mean, summary.std) for summary in of])

    def reached(unit: str) -> Column:
        cells = []
        for result in results:
            took, never = getattr(result.reached, unit), result.reached.never if result.reached else 0
            mean = f"{fmean(took.values()):.1f}" if took else words.NO_VALUE
            cells.append(mean if not never else "never" if never == len(took) else f"never in {never} of {len(took)}")
        return Column(f"{unit} to {comparison.reach.split(' ')[1]}", cells, drop=9)

    seeds = [f"{r.summary.n} of {len(r.values) + len(r.lacking)}" if r.lacking else str(r.summary.n) for r in results]
    columns = [
        Column("condition", comparison.names, "name"),
        Column("n", seeds),
        *([Column("diverged", list(map(words.diverged, results)))] if comparison.diverged else []),
        replace(spreads(metric), header=words.heading(metric, of_survivors=comparison.diverged)),
    ]
    if wide and len(comparison.differs) > 1:
        columns[:1] = [Column(key, [r.keys[key] or '""' for r in results], "name") for key in comparison.differs]
    if wide:
        counts = dict.fromkeys(status for r in results for status in r.counts if status != "diverged")
        columns[-1:-1] = [Column(status, [str(r.counts.get(status, 0)) for r in results]) for status in counts]
        columns.append(Column("95% interval", [write.interval(r.summary.low, r.summary.high) for r in results]))
    if comparison.baselines:
        unit = " (points)" if words.is_accuracy(metric) else ""
        between = [
            f"{signed(pair.difference)} {signed.interval(pair.low, pair.high)}" if pair else "" for pair in pairs
        ]
        texts = [", ".join(r.verdicts) + f" {words.BESIDE}" * bool(r.beside) for r in results]
        verdicts = [text if r.verdict else words.NO_VALUE for r, text in zip(results, texts, strict=True)]
        columns += [
            Column(f"difference{unit}", between, drop=2),
            Column("p", ["" if math.isnan(result.p) else words.p_number(result.p) for result in results], drop=6),
            Column("verdict", verdicts, "word"),
        ]
    if comparison.reach:
        columns.append(reached("epochs"))
    if not wide:
        return [*columns, *([] if comparison.reach else [replace(spreads(m), drop=9) for m in comparison.metrics[1:2]])]
    columns += [reached("seconds")] if comparison.reach else []
    columns += map(spreads, comparison.metrics[1:])
    if comparison.baselines:
        shares = [pair.better(higher_is_better(metric)) if pair else (nan, nan, nan) for pair in pairs]
        columns += [
            Column("superiority", [f"{s:.2f} [{low:.2f}, {high:.2f}]" if s == s else "" for s, low, high in shares]),
            Column("p alone", [words.p_number(pair.p) if pair else "" for pair in pairs]),
            Column("seeds needed", [f"{pair.seeds_needed:,}" if pair and pair.seeds_needed else "" for pair in pairs]),
        ]
    paces = [result.seconds_an_epoch for result in results]
    return [
        *columns, *seed_columns(comparison)[1:],
        Column("parameters", [words.NO_VALUE if r.parameters is None else f"{r.parameters:,}" for r in results]),
        Column("s/epoch", [words.NO_VALUE if math.isnan(pace) else f"{pace:.3g}" for pace in paces]),
        Column("data", [result.data for result in results], "word"),
    ]  # fmt: skip


def seed_columns(comparison: Comparison) -> list[Column]:
    """Condition, median, interquartile mean and each seed's value."""
    results = comparison.results
    write = Numbers(comparison.metric, [result.summary.mean for result in results])
    return [
        Column("condition", comparison.names, "name"),
        Column("median", [write(result.summary.median) for result in results]),
        Column("iqm", [write(result.summary.iqm) for result in results]),
        Column("seed: value", [", ".join(f"{s}: {write(v)}" for s, v in r.values.items()) for r in results], "name"),
    ]


# --- runs ------------------------------------------------------------------------------------------------------


def runs_table(runs: Sequence[Run]) -> Table:
    """Runs with their numbers, a row each."""
    final, best = ([run.results.get(when, {}) for run in runs] for when in ("final", "best"))
    seconds = [run.record.get("wall_seconds") for run in runs]
    data = [run.record.get("dataset") or {} for run in runs]

    def column(metric: str, rows: list[dict[str, Any]], header: str, drop: int = 0) -> Column:
        cells = [words.number(row[metric], metric) if isinstance(row.get(metric), float) else "" for row in rows]
        return Column(header, cells, drop=drop)

    columns = [
        Column("run", [run.path.name for run in runs], "name"),
        Column("status", [run.status for run in runs], "word"),
        Column("epochs", [f"{row['epoch']:g}" if "epoch" in row else "" for row in final], drop=2),
        column("val_accuracy", final, "val_accuracy"),
        column("val_accuracy", best, "best", drop=3),
        column("test_accuracy", final, "test_accuracy", drop=1),
        column("test_loss", final, "test_loss", drop=5),
        Column("time", ["" if s is None else duration(s) for s in seconds], drop=4),
    ]
    if any(of.get("stand_in_for") for of in data):  # its numbers must not pass for the real set's
        sets = [f"{of.get('name')}, NOT {of['stand_in_for']}" if of.get("stand_in_for") else str(of.get("name"))
                for of in data]  # fmt: skip
        columns.insert(2, Column("data", sets, "word"))
    return Table(columns)


def diff_table(differing: Mapping[str, tuple[Any, Any]]) -> Table:
    """What differs between two runs: its name, and its value in each.

    Numbers have nine digits, which is what a float32 has; all of them where nine do not tell them apart.
    """

    def text(value: Any, form: str) -> str:
        if isinstance(value, float):
            return format(value, form)
        whole = "-" if value is None else str(value)
        if re.fullmatch("[0-9a-f]{64}", whole):  # a sha256
            return whole[:16]
        return whole if len(whole) <= MOST_OF_A_VALUE else f"{whole[: MOST_OF_A_VALUE - 3]}..."

    pairs = []
    for first, second in differing.values():
        short = text(first, ".9g"), text(second, ".9g")
        pairs.append(short if len(set(short)) > 1 or first == second else (text(first, ""), text(second, "")))
    sides = [Column(name, [pair[side] for pair in pairs], "name") for side, name in enumerate(("first", "second"))]
    return Table([Column("", list(differing), "name"), *sides])


def classes_table(confusion: pd.DataFrame, names: Sequence[str]) -> Table:
    """A row a class of the test set: its accuracy, and the class that it is most often taken for wrongly."""
    counts = confusion.iloc[:, 3:].to_numpy(float)
    wrong = counts.copy()
    for i, row in enumerate(wrong):
        row[i] = 0
    for_which = [f"{names[int(row.argmax())]} ({row.max():.0f} times)" if row.any() else "" for row in wrong]
    return Table([
        Column("class", list(names), "name"),
        Column("images", [f"{n:,.0f}" for n in counts.sum(axis=1)]),
        Column("accuracy", ["" if math.isnan(a) else words.number(a, "accuracy") for a in confusion["accuracy"]]),
        Column("most often taken for", for_which, "name"),
    ])  # fmt: skip


# --- layers ----------------------------------------------------------------------------------------------------

BLOCKS, ASCII = "▁▂▃▄▅▆▇█", ".:-=+*#@"  # from the lowest to the highest
MOST_SIGNS = 12  # of a sparkline; of more evaluations some are shown
FIRST_MEASURES = (
    "dead_units", "inactive_units", "unmoved_units", "revived_units", "saturated_fraction", "gradient_norm_mean",
    "gradient_norm_max", "update_norm", "weight_norm",
)  # fmt: skip
SHARES = ("saturated_fraction", "activation_zeros")
HISTOGRAM = re.compile(r"activation_histogram_\d+")


@dataclass(frozen=True)
class Layers:
    """What the probes of a run saw, layer by layer.

    Args:
        epochs, steps: of the evaluations.
        units: layer to the number of its units.
        measures: name to layer to its value at each evaluation, NaN where it has none; what is looked for most first.
        histograms: layer to its counts at the last evaluation; empty where they were not taken.
    """

    epochs: list[float]
    steps: list[float]
    units: dict[str, float]
    measures: dict[str, dict[str, list[float]]]
    histograms: dict[str, list[float]]

    @classmethod
    def of(cls, table: pd.DataFrame) -> Layers:
        """From a run's layers.csv, which may come from anywhere."""
        table = table.assign(layer=table["layer"].map(str)).drop_duplicates(["step", "layer"])
        times = table.drop_duplicates("step")
        units = {str(name): float(part["units"].iloc[0]) for name, part in table.groupby("layer", sort=False)}
        bins = [column for column in table if HISTOGRAM.fullmatch(str(column))]
        names = [str(column) for column in table if column not in (*LAYER_COLUMNS, *bins)]
        measures = {}
        for name in sorted(names, key=lambda name: (*FIRST_MEASURES, name).index(name)):
            wide = table.pivot(index="step", columns="layer", values=name)
            values = {layer: [float(value) for value in wide[layer]] for layer in units}
            if not all(math.isnan(value) for row in values.values() for value in row):
                measures[name] = values
        last = table.drop_duplicates("layer", keep="last").set_index("layer")[bins]
        histograms = {str(layer): [float(count) for count in row] for layer, row in last.iterrows()} if bins else {}
        return cls(times["epoch"].tolist(), times["step"].tolist(), units, measures, histograms)


def layers_table(layers: Layers, ascii_only: bool = False) -> Table:
    """A row a layer: the last value of each measure, and a sparkline over the evaluations."""
    signs = ASCII if ascii_only else BLOCKS
    columns = [
        Column("layer", list(layers.units), "name"),
        Column("units", ["" if math.isnan(count) else f"{count:.0f}" for count in layers.units.values()]),
    ]
    for name, rows in layers.measures.items():
        counts = name.endswith("_units")
        last = [
            "" if math.isnan(row[-1]) else f"{row[-1]:.0f}" if counts else f"{row[-1]:.3g}" for row in rows.values()
        ]
        width, cells = max(map(len, last)), []
        for (layer, row), text in zip(rows.items(), last, strict=True):
            top = layers.units[layer] if counts else 1.0 if name in SHARES else None
            shown = min(len(row), MOST_SIGNS)
            some = [row[round(i * (len(row) - 1) / max(shown - 1, 1))] for i in range(shown)]
            cells.append(f"{text:>{width}} {sparkline(some, top, signs)}")
        columns.append(Column(name, cells))
    if layers.histograms:
        finite = {layer: [c for c in layers.histograms[layer] if math.isfinite(c)] for layer in layers.units}
        cells = [sparkline(layers.histograms[layer], max(of), signs) if any(of) else "" for layer, of in finite.items()]
        columns.append(Column("activation_histogram (last)", cells))
    return Table(columns, repeat=2)


def layers_legend(layers: Layers) -> str:
    """How to read the cells."""
    count, first, last = len(layers.steps), layers.epochs[0], layers.epochs[-1]
    shown = (
        f"{MOST_SIGNS} of {count} evaluations"
        if count > MOST_SIGNS
        else (f"each of {count} evaluations" if count > 1 else "the evaluation")
    )
    over = f"epochs {first:.4g} to {last:.4g}" if count > 1 else f"epoch {first:.4g}"
    text = (
        f"Each cell: the last value, then a sign for {shown} ({over}). Counts of units go from 0 to the units of the "
        "layer, shares from 0 to 1, all others from the lowest to the highest value of their own row."
    )
    return text + (" Histograms: activation_min to activation_max." if layers.histograms else "")


def sparkline(values: Sequence[float], top: float | None, signs: str = BLOCKS) -> str:
    """A sign a value, by its height; a space where there is none.

    Args:
        values: any numbers; NaN and infinity have no sign.
        top: what the highest sign stands for. The lowest is 0 then, and 0 only. None: the signs go from the lowest
            value to the highest, and all are the lowest where these are equal.
        signs: from the lowest to the highest.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (0.0, top) if top is not None else (min(finite, default=0.0), max(finite, default=0.0))
    line = ""
    for value in values:
        part = (value - low) / (high - low) * (len(signs) - 1) if high > low and math.isfinite(value) else 0.0
        height = math.ceil(part) if top is not None else round(part)
        line += signs[min(max(height, 0), len(signs) - 1)] if math.isfinite(value) else " "
    return line
