"""`actlab activations`: list, values and slopes, a plot, a check."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from actlab.commands.output import console
from actlab.errors import ActlabError
from actlab.parts.activations import ACTIVATIONS
from actlab.registry import Entry
from actlab.run.folder import make_folder, write_bytes
from actlab.show.tables import Column, FittedTable
from actlab.spec import yamlio
from actlab.spec.parts import resolve_part

Part = tuple[str, dict[str, Any]]
MONOTONIC = {True: "yes", False: "no", None: "?"}
FORMULA_ROOM = 46  # characters that formula and source keep together before another column is left out


def activations(
    name: str | None, at: str | None, formula: str | None, overrides: tuple[str, ...], plot: Path | None,
    check: bool, as_json: bool,
) -> int:  # fmt: skip
    """List all activations, or look at one; returns the exit code: 1 where a stated property is refuted."""
    if name is None and formula is None:
        if at or plot or check or overrides:
            raise ActlabError("--at, --set, --plot and --check need the NAME of an activation, or --formula")
        _list(as_json)
        return 0
    part = _part(name, formula, overrides)
    with _quiet_tensorflow():
        if plot:
            _plot(part, plot)
        holds = not check or _check(part, as_json)
        if at is not None or not (plot or check):
            _points(part, _numbers(at) if at is not None else [-2.0, -1.0, 0.0, 1.0, 2.0], as_json)
    return 0 if holds else 1


def _part(name: str | None, formula: str | None, overrides: tuple[str, ...]) -> Part:
    """The activation that is meant, with its parameters."""
    if name and formula:
        raise ActlabError("--formula: give a NAME or a formula, not both")
    written: dict[str, Any] = {"name": "formula", "formula": formula} if formula else {"name": name}
    for text in overrides:
        key, _, value = text.partition("=")
        written[key.strip()] = yamlio.parse_value(value, f"--set {text}")
    resolved, wrong = resolve_part("activation", written, ())
    if resolved is None:
        raise ActlabError("\n".join(f"{'.'.join(map(str, path))}: {m}" if path else m for path, m in wrong))
    return resolved.pop("name"), resolved


def _numbers(text: str) -> list[float]:
    numbers = list(map(_number, text.split(",")))
    if not all(map(math.isfinite, numbers)):
        raise ActlabError(f"--at: expected finite numbers, read {text!r}")
    return numbers


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        read = f"read {word.strip()!r}" if word.strip() else "one is empty"
        raise ActlabError(f"--at: expected numbers with commas between them, {read}") from None


@contextlib.contextmanager
def _quiet_tensorflow() -> Iterator[None]:
    """Keep TensorFlow's start-up lines, which obey no setting, from the terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


# --- list ------------------------------------------------------------------------------------------------------


def _list(as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_facts(entry) for entry in ACTIVATIONS], indent=2, ensure_ascii=False))
        return
    rows = [_facts(entry) for entry in ACTIVATIONS]
    console().print(FittedTable([
        Column("activation", [row["name"] for row in rows], right=False),
        Column("formula", [row["formula"] for row in rows], folds=True, right=False),
        Column("range", [_range(row["range"]) for row in rows], right=False, drop=1),
        Column("monotonic", [MONOTONIC[row["monotonic"]] for row in rows], right=False, drop=4),
        Column("f(0)", [_short(row["value_at_zero"]) for row in rows], right=False, drop=2),
        Column("slope at 0", [_short(row["slope_at_zero"]) for row in rows], right=False, drop=3),
        Column("source", [row["source"] for row in rows], folds=True, right=False, drop=5),
    ], FORMULA_ROOM))  # fmt: skip


def _facts(entry: Entry[Any]) -> dict[str, Any]:
    facts = entry.facts
    return {
        "name": entry.name, "aliases": list(entry.aliases), "formula": facts.formula,
        "range": [None if math.isinf(bound) else bound for bound in facts.range] if facts.range else None,
        "monotonic": facts.monotonic, "value_at_zero": facts.value_at_zero, "slope_at_zero": facts.slope_at_zero,
        "kinks": list(facts.kinks), "source": facts.source,
        "parameters": {p.name: None if p.required else p.default for p in entry.parameters},
    }  # fmt: skip


def _range(bounds: list[float | None] | None) -> str:
    if bounds is None:
        return "?"
    low = "−∞" if bounds[0] is None else f"{bounds[0]:.4g}"
    high = "∞" if bounds[1] is None else f"{bounds[1]:.4g}"
    return f"{low} … {high}"


def _short(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


# --- one -------------------------------------------------------------------------------------------------------


def _points(part: Part, xs: list[float], as_json: bool) -> None:
    from actlab.parts.activations.inspect import meant, points

    found, note = points(*part, xs), meant(*part)
    if as_json:
        noted = {"note": note} if note else {}
        typer.echo(json.dumps({"name": part[0], **noted, "points": [asdict(point) for point in found]}))
        return
    out = console()
    out.print(_title(part), soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("x", "value", "slope"):
        table.add_column(column, justify="right")
    for point in found:
        table.add_row(f"{point.x:g}", f"{point.value:.9g}", f"{point.slope:.9g}")
    out.print(table)
    if note:
        out.print(Text(f"note: {note}"))


def _title(part: Part) -> Text:
    name, parameters = part
    return Text(", ".join([name, *(f"{key}: {value}" for key, value in parameters.items())]), style="bold")


def _plot(part: Part, path: Path) -> None:
    from actlab.parts.activations.inspect import figure
    from actlab.show import plots

    if path.suffix not in (".png", ".svg"):
        raise ActlabError(f"--plot: expected a name that ends in .png or .svg, read {str(path)!r}")
    drawn = figure(*part)
    make_folder(path.parent)
    write_bytes(path, plots.png(drawn) if path.suffix == ".png" else plots.svg(drawn).encode())
    console(stderr=True).print(Text(f"drawn: {path}"))


def _check(part: Part, as_json: bool) -> bool:
    """Print each finding; returns whether all hold."""
    from actlab.parts.activations.checks import check

    findings = check(*part)
    if as_json:
        typer.echo(json.dumps({"name": part[0], "findings": [asdict(finding) for finding in findings]}))
        return all(finding.holds for finding in findings)
    out = console()
    out.print(_title(part), soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", "property", "stated", "found"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = Text("holds", style="green") if finding.holds else Text("REFUTED", style="bold red")
        table.add_row(mark, Text(finding.property), Text(finding.stated), Text(finding.found))
    out.print(table)
    return all(finding.holds for finding in findings)
