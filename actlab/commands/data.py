"""`actlab data`: list, fetch and verify datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from actlab.commands.output import console
from actlab.errors import ActlabError, DatasetError
from actlab.parts import datasets
from actlab.parts.datasets import DATASETS, Status
from actlab.registry import nearest

ACTIONS = ("list", "fetch", "verify")


def data(action: str, names: list[str], data_dir: Path | None, as_json: bool) -> int:
    """List, fetch or verify; returns the exit code: 1 where a set is damaged, or one that is asked for is not there."""
    if action not in ACTIONS:
        close = nearest(action, list(ACTIONS))
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ActlabError(f"actlab data: expected list, fetch or verify, read {action!r}{hint}")
    chosen = [DATASETS.get(name).name for name in names] or DATASETS.names()
    if action == "list":
        _list([status for status in datasets.status(data_dir) if status.name in chosen], as_json)
        return 0
    answers = [_fetched(name, data_dir) if action == "fetch" else _verified(name, data_dir, names) for name in chosen]
    if as_json:
        typer.echo(json.dumps(answers, indent=2))
    else:
        for answer in answers:
            _print(answer)
    return 0 if all(answer["ok"] for answer in answers) else 1


def _fetched(name: str, data_dir: Path | None) -> dict[str, Any]:
    talk = console(stderr=True)
    try:
        prepared = datasets.prepare(name, {}, data_dir, say=lambda sentence: talk.print(Text(sentence)))
    except DatasetError as error:
        return {"name": name, "ok": False, "said": [str(error)]}
    return {"name": name, "ok": True, "said": [f"{prepared.folder}: sha256 {prepared.sha256} ({prepared.checked})"]}


def _verified(name: str, data_dir: Path | None, asked: list[str]) -> dict[str, Any]:
    """What lies here of a set, held against the known sums; that nothing does is wrong only where it was asked for."""
    try:
        said = datasets.verify(name, data_dir)
    except DatasetError as error:
        return {"name": name, "ok": False, "said": [str(error)]}
    if said:
        return {"name": name, "ok": True, "said": said}
    if DATASETS.get(name).facts.synthetic:
        return {"name": name, "ok": True, "said": ["nothing to verify: it is rendered when a run needs it"]}
    absent = f"not on this machine; `actlab data fetch {name}` gets it, or --data-dir names the folder of {name}.npz"
    return {"name": name, "ok": not asked, "said": [absent]}


def _print(answer: dict[str, Any]) -> None:
    for sentence in answer["said"]:
        style = "" if answer["ok"] else "red"
        console().print(Text(f"{answer['name']}: {sentence}", style=style), soft_wrap=True)


def _list(found: list[Status], as_json: bool) -> None:
    if as_json:
        rows = [{"name": s.name, "synthetic": s.synthetic, "files": list(map(str, s.found)), "problem": s.problem,
                 "cached": list(map(str, s.cached)), "bytes": s.bytes} for s in found]  # fmt: skip
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("dataset", "kind", "images", "size", "where"):
        table.add_column(column, overflow="fold")
    for status in found:
        table.add_row(*map(Text, _row(status)))
    console().print(table)


def _row(status: Status) -> tuple[str, ...]:
    facts = DATASETS.get(status.name).facts
    where = status.problem or ", ".join(map(str, status.found or status.cached)) or "not on this machine"
    height, width, channels = facts.shape
    return (
        status.name, "rendered" if status.synthetic else "collected",
        f"{facts.train_images:,} + {facts.test_images:,} of {height}×{width}×{channels}",
        f"{status.bytes / 1e6:,.0f} MB" if status.bytes else "", where,
    )  # fmt: skip
