"""Numbers and names as a page says them."""

from __future__ import annotations

import math
from typing import Any

NO_VALUE = "–"


def printable(text: Any) -> str:
    """Text without control characters and without those that turn the direction of writing: they are spelt out."""
    plain = str(text).replace("\t", "    ")
    if plain.replace("\n", "").isprintable():  # nearly always, and a page has megabytes
        return plain
    return "".join(c if c.isprintable() or c == "\n" else _spelt(c) for c in plain)


def _spelt(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"


def measured(value: float, metric: str) -> str:
    """A measure with as many digits as it is usually given: accuracies and losses have four decimals."""
    if math.isnan(value):
        return NO_VALUE
    exact = metric.endswith(("accuracy", "loss")) and (value == 0 or 1e-4 <= abs(value) < 1e4)
    return minus(f"{value:.4f}" if exact else f"{value:.4g}")


def signed(value: float, metric: str) -> str:
    """A difference of measures, with its sign; small ones of accuracies and losses with five decimals."""
    if math.isnan(value) or value == 0:
        return NO_VALUE if value else "0"
    if metric.endswith(("accuracy", "loss")) and abs(value) < 1e4:
        return minus(f"{value:+.{4 if abs(value) >= 0.00095 else 5}f}")
    return minus(f"{value:+.4g}")


def minus(text: str) -> str:
    """With the sign for a minus, which is as wide as a plus."""
    return text.replace("-", "−")


def p_value(p: float) -> str:
    if math.isnan(p):
        return NO_VALUE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def metric_words(metric: str) -> str:
    """ "val_accuracy" as "validation accuracy" """
    layer, _, column = metric.rpartition(".")
    words = column.replace("val_", "validation ").replace("_", " ")
    return f"{words} of {layer}" if layer and layer != "*" else words


def counted(number: int, one: str, several: str | None = None) -> str:
    """ "1 run", "2 runs" """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def listed(words: list[str]) -> str:
    """ "a, b and c" """
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
