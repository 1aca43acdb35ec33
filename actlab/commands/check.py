"""`actlab check`: validate config files and show what they ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from actlab.commands.output import console, fit
from actlab.errors import ConfigError
from actlab.show.tables import Column, FittedTable
from actlab.spec import sweep
from actlab.spec.config import RunConfig
from actlab.spec.sweep import Plan


def read_all(files: list[Path], overrides: tuple[str, ...]) -> list[Plan]:
    """The plans of all files.

    Raises:
        ConfigError: with what is wrong in any of them.
    """
    plans, problems = [], []
    for file in files:
        try:
            plans.append(sweep.read(file, overrides))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return plans


def check(files: list[Path], overrides: tuple[str, ...], as_json: bool) -> None:
    plans = read_all(files, overrides)
    if as_json:
        typer.echo(json.dumps([_plain(plan) for plan in plans], indent=2))
        return
    for plan in plans:
        _print(plan)


def _plain(plan: Plan) -> dict[str, Any]:
    return {
        "file": plan.source,
        "name": plan.experiment.name,
        "varies": plan.varies,
        "claims": list(map(str, plan.experiment.claims)),
        "runs": [{"label": label, "hash": c.hash, "config": c.canonical()} for label, c in plan.runs],
        "merged": plan.merged,
        "excluded": plan.excluded,
    }


def _print(plan: Plan) -> None:
    out = console()
    out.print(Text(f"{plan.source}: {plan.experiment.name}", style="bold"))
    if plan.experiment.description:
        out.print(Text(" ".join(plan.experiment.description.split())))
    for key, values in plan.varies.items():
        out.print(Text(f"  {key}: {', '.join(_value(v) for v in values)}"))
    labels, configs = [label for label, _ in plan.runs], [config for _, config in plan.runs]
    if probed := configs[0].probes:
        out.print(
            Text(f"  probes{' of the first run' * ('probes' in plan.varies)}: {', '.join(p.name for p in probed)}")
        )
    out.print(FittedTable([
        Column("run", labels, folds=True, right=False),
        Column("hash", [config.hash[:8] for config in configs], right=False, drop=1),
        Column("budget", [_budget(config) for config in configs], right=False),
    ]))  # fmt: skip
    out.print(Text(_count(plan)))
    if plan.experiment.claims:
        _print_claims(out, plan)


def _print_claims(out: Console, plan: Plan) -> None:
    from actlab.study.claims import foreseen  # what it imports is slow, and most files state no claims

    for claim in plan.experiment.claims:
        out.print(Text(f"claim: {claim}"))
    if warning := foreseen(plan.experiment.claims, [config for _, config in plan.runs]):
        out.print(Text(f"note: {warning}"))


def _count(plan: Plan) -> str:
    words = [f"{len(plan.runs)} run{'s' if len(plan.runs) != 1 else ''}"]
    if plan.merged:
        words.append(f"{len(plan.merged)} cells came twice and were merged ({fit(', '.join(plan.merged), 60)})")
    if plan.excluded:
        words.append(f"{plan.excluded} cells were excluded")
    return "; ".join(words)


def _budget(config: RunConfig) -> str:
    return f"{config.steps} steps" if config.steps else f"{config.epochs} epochs"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{k}: {_value(v)}" for k, v in value.items())
        return f"{{{inner}}}"
    return format(value, "g") if isinstance(value, float) else str(value)
