"""The tables of many runs as one, tidy: what another tool reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlab.errors import ActlabError, RunDirError
from actlab.runs.folder import HISTORY, LAYERS, TIMING
from actlab.runs.record import LOST, Run
from actlab.spec.where import flat
from actlab.study import folders

if TYPE_CHECKING:
    import pandas as pd


def histories(
    paths: Sequence[Path], timing: bool = False, layers: bool = False
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The rows of every run in some folders, under what the run was: a row an evaluation and run.

    Args:
        paths: run directories, experiment directories and their parents.
        timing: also the columns of timing.csv.
        layers: the rows of layers.csv instead: a row an evaluation, layer and run.

    Returns:
        The table: experiment, run, hash, status, every key of the config by its dotted path, and the columns of the
        runs, empty where a run has none of that name. Each column has one type: text, numbers or truth values; lists
        are written as JSON. Then the runs that have no rows in it, and those that have but are not done, each with why.

    Raises:
        ActlabError: no run has a row; or both choices are made.
    """
    import pandas as pd

    if timing and layers:
        raise ActlabError(f"{TIMING} has a row an evaluation, {LAYERS} a row an evaluation and layer: choose one")
    found = folders.read(paths)
    places = list(dict.fromkeys(run.path.parent for run in found.runs))
    order = {run.path: (places.index(run.path.parent), run.plan_index or 0) for run in found.runs}
    tables, kept, left_out, unfinished = list[pd.DataFrame](), list[Run](), [*found.passed_over], list[str]()
    for run in sorted(found.runs, key=lambda run: order[run.path]):
        state = ": ".join(filter(None, [run.status, str(run.record.get("reason") or "")]))
        try:
            table = rows_of(run, timing, layers)
        except RunDirError as error:
            left_out.append(str(error) if run.status == "done" else f"{run.path}: {state}")
            continue
        if run.status != "done":
            unfinished.append(f"{run.path}: {state}")
        tables.append(table)
        kept.append(run)
    if not kept:
        raise ActlabError("\n".join(["no run here has rows", *left_out[:10]]))
    rows = [len(table) for table in tables]
    identity = [
        {"experiment": run.path.resolve().parent.name, "run": run.label, "hash": run.hash, "status": run.status}
        for run in kept
    ]
    stated = [{**of, **flat(run.config)} for of, run in zip(identity, kept, strict=True)]
    keys = list(dict.fromkeys(key for of in stated for key in of))
    columns = {key: _column([of.get(key) for of in stated]).repeat(rows) for key in keys}
    measured = pd.concat(tables, ignore_index=True)
    if twice := [key for key in columns if key in measured]:
        raise ActlabError(f"{', '.join(twice)}: is a key of the config, and a column that the runs have measured")
    return pd.concat([pd.DataFrame(columns), measured], axis=1), left_out, unfinished


def rows_of(run: Run, timing: bool = False, layers: bool = False) -> pd.DataFrame:
    """The rows of one run, as `histories` has those of many.

    Raises:
        RunDirError: there are none, or they are not those that the record states.
    """
    import pandas as pd

    if run.status in LOST:
        raise RunDirError(f"{run.path}: which run it is cannot be read")
    names = (LAYERS,) if layers else (HISTORY, TIMING) if timing else (HISTORY,)
    for name, fault in run.faults(names).items() if run.status == "done" else ():
        raise RunDirError(f"{run.path / name}: {fault}")
    if layers and not (run.path / LAYERS).is_file():
        raise RunDirError(f"{run.path}: holds no {LAYERS}, since nothing was probed")
    parts = [run.layers] if layers else [run.history, run.timing] if timing else [run.history]
    if parts[0].empty:
        raise RunDirError(f"{run.path / names[0]}: no evaluation yet")
    table = pd.concat(parts, axis=1).iloc[: len(parts[0])]
    table.attrs.clear()  # the bytes of the files
    return table


def _column(values: Sequence[Any]) -> Any:
    """An array of one type, in which None is a gap."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    dtypes: dict[Any, set[type]] = {"boolean": {bool}, "Int64": {int}, "Float64": {int, float}}
    for dtype, fitting in dtypes.items():
        if kinds and kinds <= fitting:
            return pd.array(values, dtype=dtype)
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pd.array(texts, dtype="string")
