"""What a shell offers after a tab. A person waits for it: names and records are read, and nothing slow is imported.

Where nothing is offered the shell completes names of files.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from actlab.environment import RESULTS
from actlab.spec.shipped import CONFIGS, SUFFIXES, shipped

KEY = "_ACTLAB_KEY"  # variable: what stands before the word in question, "activation="
MOST_RECORDS = 200  # that are read for what differs between runs


def configs(context: typer.Context, incomplete: str) -> list[str]:
    """Config files here and in `configs`, and the names of the shipped ones."""
    files = (path for folder in (Path(), CONFIGS) for path in folder.glob("*") if path.suffix in SUFFIXES)
    return _fitting([*map(str, files), *shipped()], incomplete)


def experiments(context: typer.Context, incomplete: str) -> list[str]:
    """Experiments in `results`; where none begins so, their runs."""
    from actlab.runs.folder import EXPERIMENT

    return _fitting((path.parent.name for path in RESULTS.glob(f"*/{EXPERIMENT}")), incomplete) or runs(
        context, incomplete
    )


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """Runs of the experiments in `results`."""
    from actlab.runs.folder import RECORD

    return _fitting((path.parent.name for path in RESULTS.glob(f"*/*/{RECORD}")), incomplete)


def names(kind: str) -> Callable[[typer.Context, str], list[str]]:
    """The registered names of a kind."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        from actlab.registry import find

        return _fitting(find(kind).names(), incomplete)

    return complete


def metrics(context: typer.Context, incomplete: str) -> list[str]:
    """The columns that the runs in question have, and what is taken on the test set."""
    from actlab.runs.folder import HISTORY, LAYERS, TIMING
    from actlab.spec.metrics import TEST_METRICS

    found = dict.fromkeys(TEST_METRICS)
    for record in islice(_records(context), 20):
        for table in (HISTORY, TIMING, LAYERS):
            file = record.with_name(table)
            if file.is_file():
                with file.open(encoding="utf-8", newline="") as text:
                    found |= dict.fromkeys(next(csv.reader(text), ()))
    return _fitting(sorted(found.keys() - {"epoch", "step", "layer", "units"}), incomplete)


def baselines(context: typer.Context, incomplete: str) -> list[str]:
    """The values in which the runs in question differ, as "relu" and as "key=value"."""
    differing = _differing(context)
    parts = [value for key in ("activation", "model", "optimizer", "initializer") for value in differing.get(key, ())]
    return _fitting([*parts, *_pairs(context)], incomplete)


def wheres(context: typer.Context, incomplete: str) -> list[str]:
    """The values in which the runs in question differ, as "key=value"."""
    return _fitting(_pairs(context), incomplete)


def keys(context: typer.Context, incomplete: str) -> list[str]:
    """The keys in which the runs in question differ."""
    return _fitting(_differing(context), incomplete)


def _pairs(context: typer.Context) -> list[str]:
    pairs = [f"{key}={value}" for key, values in _differing(context).items() for value in values]
    return [pair for pair in pairs if not set(pair) & set(" '\"()[],<>")]


def join_words() -> None:
    """Make one word again of the three that bash has for key=value; of the last, which it completes, the value only."""
    if words := os.environ.get("COMP_WORDS"):
        *before, last = re.sub("\n=\n?", "=", words).split("\n")
        key = "" if last.startswith("-") else last[: last.rfind("=") + 1]
        os.environ |= {
            "COMP_WORDS": "\n".join([*before, last.removeprefix(key)]),
            "COMP_CWORD": str(len(before)),
            KEY: key,
        }


def _fitting(known: Iterable[str], incomplete: str) -> list[str]:
    """Those that begin so; without the key that stands before the word in question."""
    key = os.environ.get(KEY, "")
    return [name.removeprefix(key) for name in dict.fromkeys(known) if name.startswith(key + incomplete)]


def _records(context: typer.Context) -> Iterator[Path]:
    """The records of the runs that the command line names, or of all in `results`."""
    from actlab.runs.folder import RECORD

    paths: Sequence[Any] = context.params.get("paths") or context.args or [RESULTS]  # args: an option lacks its value
    for path in map(Path, paths):
        for place in (path, RESULTS / path):
            yield from (file for depth in ("", "*/", "*/*/") for file in place.glob(depth + RECORD))


def _differing(context: typer.Context) -> dict[str, list[str]]:
    """Key to the values that the configs of the runs in question have of it, where they are several."""
    from actlab.spec.where import flat

    found: dict[str, dict[str, None]] = {}
    for record in islice(_records(context), MOST_RECORDS):
        try:
            config = flat(json.loads(record.read_bytes())["config"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # damaged: who reads it says so
            continue
        for key, value in config.items():
            text = format(value, "g") if isinstance(value, float) else json.dumps(value).strip('"')
            found.setdefault(key.removesuffix(".name"), {})[text] = None
    return {key: list(values) for key, values in found.items() if len(values) > 1}
