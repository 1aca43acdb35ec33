"""`actlab reproduce`: the same bytes again?"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import typer
from rich.text import Text

from actlab.commands.output import console
from actlab.commands.paths import run_at
from actlab.run.display import Display
from actlab.run.executors import local
from actlab.run.forecast import Forecast
from actlab.run.reproduction import Reproduction, reproduce


def command(path: Path, data_dir: Path | None, as_json: bool) -> int:
    """Train a run again and say what came out; 0 for the same bytes, 1 for others."""
    run, talk = run_at(path), console(stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="actlab-reproduce-") as scratch, local.Signals() as signals:
        with Display(talk, [], 1, Forecast([run])) as display:
            found = reproduce(
                run, Path(scratch), data_dir, signals, display.update, lambda sentence: talk.print(Text(sentence))
            )
        if signals.received:
            return 128 + signals.received
    if as_json:
        typer.echo(json.dumps({**asdict(found), "same": found.same}, indent=2))
    else:
        for line in lines(found):
            talk.print(Text(line), soft_wrap=True)
    return 0 if found.same else 1


def lines(found: Reproduction) -> list[str]:
    """The findings as a person reads them."""
    if found.outcome != "done":
        return [f"the second training ended otherwise: {found.outcome}"]
    said = [f"{name}: {'the same bytes' if same else 'DIFFERS'}" for name, same in found.files.items()]
    if found.parts_at:
        number, first, second = found.parts_at
        said += [f"history.csv parts at line {number}:", f"  then {first}", f"  now  {second}"]
    said += [f"differs: {name}: then {then}, now {now}" for name, (then, now) in found.environment.items()]
    return [*said, "reproduced" if found.same else "not reproduced"]
