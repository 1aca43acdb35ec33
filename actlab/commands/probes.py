"""`actlab probes`: what can be measured inside a network."""

from __future__ import annotations

import json
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from actlab.commands.output import console
from actlab.parts.probes import PROBES
from actlab.registry import Entry


def probes(as_json: bool) -> None:
    """List all probes."""
    facts = [_facts(entry) for entry in PROBES]
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("probe", "what it measures, of each layer", "from the"):
        table.add_column(column, overflow="fold")
    for fact in facts:
        table.add_row(*(Text(fact[key]) for key in ("name", "equation", "sees")))
    console().print(table)


def _facts(entry: Entry[Any]) -> dict[str, Any]:
    facts = entry.facts
    return {
        "name": entry.name, "equation": facts.equation, "sees": facts.sees, "columns": dict(facts.columns),
        "total": facts.total, "cost": facts.cost, "source": facts.source, "summary": entry.summary,
        "parameters": {p.name: None if p.required else p.default for p in entry.parameters},
    }  # fmt: skip
