"""`actlab diff`: what differs between two runs."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from actlab.commands.output import console
from actlab.commands.paths import run_at
from actlab.run.record import Run
from actlab.show.tables import Column, FittedTable
from actlab.study import diff as comparing
from actlab.study.compare import describe
from actlab.study.diff import Both, Difference

SHA256 = re.compile("[0-9a-f]{64}")
MOST = 120  # characters of a value in the table; --json has it in full


def diff(first: Path, second: Path, as_json: bool) -> int:
    """Print what differs; 0 where nothing does, else 1, as `diff` has it."""
    runs = run_at(first), run_at(second)
    found = comparing.difference(*runs)
    if as_json:
        typer.echo(json.dumps({"first": str(first), "second": str(second), **_plain(found)}, indent=2, allow_nan=False))
    else:
        _print(runs, found)
    return int(not found.same)


def _print(runs: tuple[Run, Run], found: Difference) -> None:
    out = console()
    for name, run in zip(("first", "second"), runs, strict=True):
        out.print(Text(f"{name}: {run.path}"), soft_wrap=True)
    for title, differing in (
        ("config", _config(runs, found)), ("data", found.data), ("environment", found.environment),
        ("outcome", found.outcome),
    ):  # fmt: skip
        _section(out, title, differing)
    if found.same:
        out.print(Text("\nThe two runs are the same in config, data, environment and outcome."))
    else:
        out.print(Text(f"\n{_rows(found)}"))
        _section(out, "metrics", found.metrics)
    for note in found.notes:
        out.print(Text(f"note: {note}"))


def _config(runs: tuple[Run, Run], found: Difference) -> dict[str, Both]:
    """What differs as a person would say it: a part of another name is one line."""
    said = describe(runs)
    words = {key: (said[0][key], said[1][key]) for key in said[0]}
    return {**words, **({"seed": found.config["seed"]} if "seed" in found.config else {})}


def _rows(found: Difference) -> str:
    if found.parts_at is None:
        return "The histories are the same, as far as both go."
    row = found.parts_at
    cells = ", ".join(f"{name} {first:.9g} and {second:.9g}" for name, (first, second) in row.cells.items())
    return f"The histories part at epoch {row.epoch:g}, step {row.step}: {cells}"


def _section(out: Console, title: str, differing: dict[str, Both]) -> None:
    if not differing:
        return
    values = list(differing.values())
    out.print(Text(f"\n{title}", style="bold"))
    out.print(FittedTable([
        Column("", list(differing), folds=True, right=False),
        *(Column(name, [words[i] for words in map(_words, values)], folds=True, right=False)
          for i, name in enumerate(("first", "second"))),
    ]))  # fmt: skip


def _words(pair: Both) -> tuple[str, str]:
    """Numbers with nine digits, which is what a float32 has; with all of them where these do not tell them apart."""
    first, second = (_word(value, ".9g") for value in pair)
    return (first, second) if first != second or pair[0] == pair[1] else (_word(pair[0], ""), _word(pair[1], ""))


def _word(value: Any, form: str) -> str:
    if isinstance(value, float):
        return format(value, form)
    text = "-" if value is None else str(value)
    if SHA256.fullmatch(text):
        return text[:16]
    return text if len(text) <= MOST else f"{text[: MOST - 3]}..."


def _plain(found: Difference) -> dict[str, Any]:
    row = found.parts_at
    cells = {name: [_finite(one) for one in pair] for name, pair in row.cells.items()} if row else {}
    return {
        "same": found.same,
        **{key: getattr(found, key) for key in ("config", "data", "environment", "outcome")},
        "parts_at": {"epoch": row.epoch, "step": row.step, "cells": cells} if row else None,
        "metrics": found.metrics,
        "notes": list(found.notes),
    }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
