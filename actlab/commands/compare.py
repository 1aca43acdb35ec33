"""`actlab compare`: what came out, by condition."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from actlab import compare as comparing
from actlab import experiment, rundir
from actlab.commands.output import console
from actlab.compare import Comparison
from actlab.errors import ActlabError


def compare(
    paths: list[Path], metrics: list[str], by: list[str], sort: str | None, out: Path | None, as_json: bool
) -> None:
    """Print the table of conditions, and write comparison.csv and the overlays."""
    runs, passed_over = rundir.discover(paths)
    if not runs:
        raise ActlabError("\n".join(["no runs to compare", *passed_over[:10]]))
    comparison = comparing.compare(runs, metrics or ("val_accuracy", "test_accuracy"), by, sort)
    folder = out or _folder(paths)
    rundir.make_folder(folder)
    rundir.write_bytes(folder / rundir.COMPARISON, comparison.table.to_csv(index=False).encode())
    files = [folder / rundir.COMPARISON, *experiment.overlay(folder, comparison, folder.name or "comparison")]
    if as_json:
        typer.echo(json.dumps({**_plain(comparison), "passed_over": passed_over, "files": list(map(str, files))}))
        return
    _print(comparison, passed_over, files)


def _folder(paths: list[Path]) -> Path:
    """Where the files go: into the experiment that was named, or the folder above several."""
    if len(paths) > 1:
        parents = {path.resolve().parent for path in paths}
        return parents.pop() if len(parents) == 1 else Path.cwd()
    return paths[0].parent if (paths[0] / rundir.RECORD).is_file() else paths[0]


def _plain(comparison: Comparison) -> dict[str, Any]:
    rows = comparison.table.to_dict(orient="records")
    clean = [{str(k): None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows]
    return {"conditions": clean, "differs": comparison.differs, "notes": comparison.notes}


def _print(comparison: Comparison, passed_over: list[str], files: list[Path]) -> None:
    out = console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    headers, rows = cells(comparison)
    for i, header in enumerate(headers):
        left = i < len(comparison.differs)
        table.add_column(header, justify="left" if left else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)
    out.print(Text("mean ± standard deviation over n seeds; best: at the epoch of the highest validation accuracy"))
    for note in comparison.notes:
        out.print(Text(f"note: {note}"), soft_wrap=True)
    for sentence in passed_over[:5]:
        out.print(Text(f"passed over: {sentence}"), soft_wrap=True)
    if len(passed_over) > 5:
        out.print(Text(f"passed over: {len(passed_over)} paths in all"))
    out.print(Text("files: " + ", ".join(map(str, files))), soft_wrap=True)


def cells(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """The table as a person reads it: mean ± standard deviation in one cell, empty counts left out."""
    table = comparison.table
    headers = [*comparison.differs, "n"]
    headers += [s for s in ("failed", "diverged", "interrupted", "running") if table[s].any()]
    means = [str(c).removesuffix(" mean") for c in table.columns if str(c).endswith(" mean")]
    rows = [
        [*(str(row[h]) for h in headers), *(_spread(row[f"{m} mean"], row[f"{m} std"]) for m in means),
         _number(row["parameters"], ",.0f"), _number(row["seconds an epoch"], ".3g")]
        for row in table.to_dict(orient="records")
    ]  # fmt: skip
    return [*headers, *means, "parameters", "s/epoch"], rows


def _spread(mean: float, std: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.4f}" + ("" if math.isnan(std) else f" ± {std:.4f}")


def _number(value: Any, form: str) -> str:
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else format(value, form)
