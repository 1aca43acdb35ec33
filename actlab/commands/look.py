"""`actlab list` and `actlab show`: what lies in a results folder."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from actlab.commands.layer_table import show_layers
from actlab.commands.output import console
from actlab.commands.paths import run_at
from actlab.errors import RunDirError
from actlab.run.display import STYLES, duration, in_words, numbers, runs_table
from actlab.run.folder import RECORD, read_progress
from actlab.run.record import Run, discover, experiments, run_folders, state_of
from actlab.spec import yamlio


def list_runs(paths: list[Path], as_json: bool) -> None:
    """Print the runs of folders, a row each."""
    runs, passed_over = discover(paths)
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


def show(path: Path, layers: bool, as_json: bool) -> None:
    """Print one run's record, or what its probes saw.

    Raises:
        RunDirError: there is no run at the path, or its record is damaged; or it was not probed.
    """
    run = run_at(path)
    if layers:
        show_layers(run, as_json)
        return
    if as_json:
        typer.echo(json.dumps({**run.record, "status": run.status}, indent=2))
        return
    out = console()
    out.print(Text(f"{run.label}  {run.status}", style="bold"))
    if run.record.get("reason"):
        out.print(Text(f"reason: {run.record['reason']}"), soft_wrap=True)
    for line in _facts(run):
        out.print(Text(line))
    for section in ("results", "config", "dataset", "environment"):
        out.print(Text(f"\n{section}", style="bold"))
        out.print(Text(_as_yaml(run, section)))
    damaged = run.damaged() if run.status == "done" else []
    out.print(Text(f"\nfiles in {run.path}", style="bold"))
    for name, digest in run.record.get("files", {}).items():
        out.print(Text(f"  {name}  sha256 {str(digest)[:16]}{'  DAMAGED' if name in damaged else ''}"))


def _facts(run: Run) -> list[str]:
    """Its hash; when it began, how long it trained, how large the network is, how much memory its process took."""
    record = run.record
    words = [f"started {record['started']}"] if "started" in record else []
    words += [f"{duration(record['wall_seconds'])} of training"] if "wall_seconds" in record else []
    words += [f"{record['parameters']:,} parameters"] if "parameters" in record else []
    words += [f"at most {record['peak_memory_gib']} GiB of memory"] if "peak_memory_gib" in record else []
    return [f"hash: {run.hash}", *(["; ".join(words)] if words else [])]


def status(paths: list[Path], as_json: bool) -> None:
    """Print how far each experiment is."""
    found = [_experiment_status(folder) for folder in experiments(paths)]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    out = console()
    for experiment in found:
        out.print(Text(experiment["path"], style="bold"))
        for line in experiment["training"]:
            out.print(Text(f"  {line['label']}: {numbers(line)}"), soft_wrap=True)
        for path in experiment["damaged"]:
            advice = "the same `actlab run` trains it again"
            out.print(Text(f"  {path}: its {RECORD} is damaged; {advice}"), soft_wrap=True)
        left = experiment["seconds_left"]
        time_left = "" if left is None else f"; about {duration(left)} left"
        out.print(Text(f"  {in_words(experiment['counts'])}{time_left}"))
    if not found:
        out.print(Text("no experiments here yet"))


def _experiment_status(folder: Path) -> dict[str, Any]:
    """Counts by status, what trains now, and the time left."""
    states = {path: state_of(path) for path in run_folders(folder)}
    training = [{"label": path.name, **read_progress(path)} for path, state in states.items() if state == "running"]
    order = (*STYLES, "damaged", "pending")
    counts = {s: n for s in order if (n := list(states.values()).count(s))}
    return {
        "path": str(folder),
        "counts": counts,
        "training": training,
        "damaged": [str(path) for path, state in states.items() if state == "damaged"],
        "seconds_left": _seconds_left(folder, training),
    }


def _seconds_left(folder: Path, training: list[dict[str, Any]]) -> float | None:
    """What the process that trains the sweep said last of the time left, less the time since then."""
    told = read_progress(folder) if training else {}
    if not isinstance(told.get("seconds_left"), int | float) or not isinstance(told.get("unix_time"), int | float):
        return None
    since = time.time() - told["unix_time"]
    return max(0.0, told["seconds_left"] - since) if abs(since) < 60 else None


def _as_yaml(run: Run, section: str) -> str:
    try:
        return yamlio.dump(run.record.get(section, {})).rstrip()
    except ValueError as error:  # JSON may hold text and numbers that a config cannot
        raise RunDirError(f"{run.path / RECORD}: damaged: {section}: {error}") from None
