"""`actlab compare`: what came out, by condition."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from actlab import compare as comparing
from actlab import experiment, rundir
from actlab.commands.output import console
from actlab.compare import Comparison
from actlab.errors import ActlabError
from actlab.rundir import Run
from actlab.tables import Column, FittedTable


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
    files = [folder / rundir.COMPARISON, *experiment.overlay(folder, comparison, title(runs))]
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


def title(runs: list[Run]) -> str:
    """What the figures are of: the experiments that the runs are part of."""
    names = list(dict.fromkeys(run.path.resolve().parent.name or "comparison" for run in runs))
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} other experiments"


def _plain(comparison: Comparison) -> dict[str, Any]:
    rows = comparison.table.to_dict(orient="records")
    clean = [{str(k): None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows]
    return {"conditions": clean, "differs": comparison.differs, "notes": comparison.notes}


def _print(comparison: Comparison, passed_over: list[str], files: list[Path]) -> None:
    out = console()
    out.print(FittedTable(columns(comparison)))
    out.print(Text("mean ± standard deviation over n seeds; best: at the best validation epoch"))
    for note in comparison.notes:
        out.print(Text(f"note: {note}"), soft_wrap=True)
    for sentence in passed_over[:5]:
        out.print(Text(f"passed over: {sentence}"), soft_wrap=True)
    if len(passed_over) > 5:
        out.print(Text(f"passed over: {len(passed_over)} paths in all"))
    out.print(Text("files: " + ", ".join(map(str, files))), soft_wrap=True)


def columns(comparison: Comparison) -> list[Column]:
    """The table as a person reads it: mean ± standard deviation in one cell, empty counts left out."""
    table = comparison.table
    rows = table.to_dict(orient="records")
    counts = ["n", *(s for s in ("failed", "diverged", "interrupted", "running") if table[s].any())]
    metrics = [str(column).removesuffix(" mean") for column in table if str(column).endswith(" mean")]
    return [
        *_conditions(comparison),
        *(Column(count, [str(row[count]) for row in rows]) for count in counts),
        *(_metric(metric, rows, drop=_rank(metric, metrics)) for metric in metrics),
        Column("parameters", [_number(row["parameters"], ",.0f") for row in rows], drop=4),
        Column("s/epoch", [_number(row["seconds an epoch"], ".3g") for row in rows], drop=5),
    ]


def _conditions(comparison: Comparison) -> list[Column]:
    """What differs; the name of the only condition where nothing does."""
    if not comparison.differs:
        return [Column("condition", list(comparison.conditions), folds=True, right=False)]
    words = {key: [str(word) or '""' for word in comparison.table[key]] for key in comparison.differs}
    return [Column(key, words[key], folds=True, right=False) for key in comparison.differs]


def _rank(metric: str, metrics: list[str]) -> int:
    """Where there is little room the values at the best epoch stay, and of these the first metric."""
    return 0 if metric == metrics[0] else 2 if metric.endswith(" best") else 3


def _metric(metric: str, rows: list[Any], drop: int) -> Column:
    spreads = [_spread(row[f"{metric} mean"], row[f"{metric} std"]) for row in rows]
    short = metric.replace("accuracy", "acc").replace("_", " ").replace(" best", "\nbest").replace(" last", "\nlast")
    return Column(metric, spreads, short, [spread.replace(" ", "") for spread in spreads], drop)


def _spread(mean: float, std: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{mean:.4f}" + ("" if math.isnan(std) else f" ± {std:.4f}")


def _number(value: Any, form: str) -> str:
    return "-" if value is None or (isinstance(value, float) and math.isnan(value)) else format(value, form)
