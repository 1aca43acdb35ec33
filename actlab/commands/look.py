"""`actlab list` and `actlab show`: what lies in a results folder."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from rich.text import Text

from actlab import rundir, yamlio
from actlab.commands.output import console
from actlab.display import in_words, runs_table
from actlab.errors import RunDirError
from actlab.rundir import Run


def list_runs(paths: list[Path], as_json: bool) -> None:
    """Print the runs of folders, a row each."""
    runs, passed_over = rundir.discover(paths)
    if as_json:
        fields = [{"path": str(r.path), "label": r.label, "hash": r.hash, "status": r.status} for r in runs]
        typer.echo(json.dumps([{**f, "results": r.results} for f, r in zip(fields, runs, strict=True)], indent=2))
        return
    out = console()
    for folder in dict.fromkeys(run.path.parent for run in runs):
        out.print(Text(str(folder), style="bold"))
        out.print(runs_table([run for run in runs if run.path.parent == folder]))
    for sentence in passed_over:
        out.print(Text(f"passed over: {sentence}"), soft_wrap=True)
    statuses = [run.status for run in runs]
    out.print(Text(in_words({s: statuses.count(s) for s in dict.fromkeys(statuses)}) if runs else "no runs here yet"))


def show(path: Path, as_json: bool) -> None:
    """Print one run's record.

    Raises:
        RunDirError: there is no run at the path, or its record is damaged.
    """
    if not (path / rundir.RECORD).is_file():
        raise RunDirError(f"{path}: holds no {rundir.RECORD}; `actlab list` shows where runs are")
    run = Run(path)
    if as_json:
        typer.echo(json.dumps({**run.record, "status": run.status}, indent=2))
        return
    out = console()
    out.print(Text(f"{run.label}  {run.status}", style="bold"))
    if run.record.get("reason"):
        out.print(Text(f"reason: {run.record['reason']}"), soft_wrap=True)
    for section in ("results", "config", "dataset", "environment"):
        out.print(Text(f"\n{section}", style="bold"))
        out.print(Text(yamlio.dump(run.record.get(section, {})).rstrip()))
    damaged = run.damaged() if run.status == "done" else []
    out.print(Text(f"\nfiles in {path}", style="bold"))
    for name, digest in run.record.get("files", {}).items():
        out.print(Text(f"  {name}  sha256 {digest[:16]}{'  DAMAGED' if name in damaged else ''}"))
