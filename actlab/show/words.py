"""Numbers and sentences for people. Nothing else in actlab writes them, and nothing reads them back.

Accuracies are written in percent and their differences in points (percentage points); losses and all else with four
significant digits; counts as whole numbers. A minus is ASCII's, also in exponents; `typeset_minus` is for pages.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

NO_VALUE = "–"
MOST_NAMES, MOST_SEEDS = 6, 8  # that a sentence lists
LEAST_PLAIN, MOST_PLAIN = 1e-4, 1e7  # sizes between which a number is written without an exponent


def printable(text: Any) -> str:
    """Text from anywhere without characters that could drive a terminal or turn the direction of writing.

    They are spelt out, as in "\\x1b" and "\\u202e". Line feeds stay; tabs become spaces.
    """
    plain = str(text).replace("\t", "    ")
    if plain.replace("\n", "").isprintable():  # nearly always, and a page has megabytes
        return plain
    return "".join(c if c.isprintable() or c == "\n" else _spelt(ord(c)) for c in plain)


def _spelt(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# --- numbers ---------------------------------------------------------------------------------------------------


def is_accuracy(metric: str) -> bool:
    """Whether a metric is written in percent, and its differences in points."""
    return metric.endswith("accuracy")


class Numbers:
    """Writes numbers that stand beside each other, as those of a column, with the same decimals.

    Args:
        metric: what they measure; "" for a plain number.
        values: all of them, which decide on the decimals; NaN and infinity have no say.
        signed: whether to write a plus too, as differences have it.
    """

    def __init__(self, metric: str, values: Iterable[float] = (), signed: bool = False) -> None:
        self.factor = 100.0 if is_accuracy(metric) else 1.0
        sizes = [abs(value * self.factor) for value in values if math.isfinite(value)]
        largest = max(sizes, default=0.0)
        magnitude = math.floor(math.log10(largest)) if largest else 0
        if is_accuracy(metric):
            digits = f".{max(2, -magnitude)}f" if magnitude > -6 else ".1e"
        elif all(size.is_integer() for size in sizes) and largest < MOST_PLAIN:
            digits = ",.0f"
        else:
            digits = f",.{max(0, 3 - magnitude)}f" if LEAST_PLAIN <= largest < MOST_PLAIN else ".3e"
        self.form = ("+" if signed else "") + digits

    def __call__(self, value: float) -> str:
        """The number, without its unit."""
        return NO_VALUE if math.isnan(value) else format(value * self.factor + 0.0, self.form)  # 0.0: no "-0.00"

    def spread(self, mean: float, std: float) -> str:
        """ "97.53 ± 0.12"; the mean alone where there is no deviation."""
        return self(mean) if math.isnan(std) else f"{self(mean)} ± {self(std).lstrip('+')}"

    def interval(self, low: float, high: float) -> str:
        """ "[97.41, 97.65]"; empty where there is none."""
        return "" if math.isnan(low) else f"[{self(low)}, {self(high)}]"


def number(value: float, metric: str = "") -> str:
    """One number with its unit: "97.53%", "0.08421", "240"."""
    return Numbers(metric, [value])(value) + ("%" if is_accuracy(metric) and math.isfinite(value) else "")


def difference(value: float, metric: str = "", signed: bool = True) -> str:
    """A difference of two numbers with its unit: "+0.09 points", "-0.0021"."""
    unit = " points" if is_accuracy(metric) and math.isfinite(value) else ""
    return Numbers(metric, [value], signed)(value) + unit


def interval(low: float, high: float, metric: str = "", signed: bool = False) -> str:
    """ "97.41% to 97.65%", "+0.02 to +0.16 points" where signed; empty where there is none."""
    if math.isnan(low):
        return ""
    write = Numbers(metric, [low, high], signed)
    unit = ("" if not is_accuracy(metric) else " points" if signed else "%") if math.isfinite(high - low) else ""
    return f"{write(low)}{unit if unit == '%' else ''} to {write(high)}{unit}"


def heading(metric: str) -> str:
    """A metric as the heading of a column of numbers: "val_accuracy (%)"."""
    return f"{metric} (%)" if is_accuracy(metric) else metric


def p_number(p: float) -> str:
    """A p as a cell of a table: "0.016", "< 0.001"; with more digits where three would carry it over 0.05."""
    if math.isnan(p):
        return NO_VALUE
    if p < 0.001:
        return "< 0.001"
    return next(text for digits in range(3, 18) if (float(text := f"{p:.{digits}f}") < 0.05) == (p < 0.05))


def p_value(p: float) -> str:
    """A p in a sentence: "p = 0.016", "p < 0.001"."""
    return f"p {p_number(p)}" if p < 0.001 else f"p = {p_number(p)}"


def typeset_minus(text: str) -> str:
    """A text whose negative numbers have the sign that is as wide as a plus; hyphens and exponents stay."""
    return re.sub(r"(?<![\w.)\-])-(?=[\d.∞])", "−", text)


# --- words -----------------------------------------------------------------------------------------------------


def metric_name(metric: str) -> str:
    """ "val_accuracy" as "validation accuracy"; "dense.dead_units" as "dead units of dense"."""
    layer, _, column = metric.rpartition(".")
    name = column.replace("val_", "validation ").replace("_", " ")
    return f"{name} of {layer}" if layer and layer != "*" else name


def moment(at: str) -> str:
    """When a metric is taken: "at the last evaluation", "at epoch 3"."""
    named = {
        "last": "at the last evaluation", "best-validation": "at the best validation",
        "area": "as mean over the steps", "max": "at its largest", "min": "at its smallest",
        "mean": "as mean over the evaluations",
    }  # fmt: skip
    return named.get(at, f"at {at}")


def counted(count: int, one: str, several: str = "") -> str:
    """ "1 run", "2 runs"."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def listed(names: Iterable[Any]) -> str:
    """ "a, b and c"."""
    *first, last = [*map(str, names)] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def few(names: Sequence[str]) -> str:
    """Names, of many the first few: "a, b, c, d, e and 12 more"."""
    if len(names) <= MOST_NAMES:
        return listed(names)
    return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"


def seeds(of: Sequence[int]) -> str:
    """ "seed 3", "seeds 0 to 9", "seeds 1, 2 and 5"; of many scattered ones the first few."""
    if len(of) == 1:
        return f"seed {of[0]}"
    if len(of) > 2 and list(of) == list(range(of[0], of[0] + len(of))):
        return f"seeds {of[0]} to {of[-1]}"
    return f"seeds {listed(of if len(of) <= MOST_SEEDS else [*of[:MOST_SEEDS], f'{len(of) - MOST_SEEDS} more'])}"
