"""The table of a comparison: a row a condition, every number in full."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actlab.errors import RunDirError, UnknownName
from actlab.registry import nearest
from actlab.run.record import Run
from actlab.study import stats
from actlab.study.compare.baseline import Against
from actlab.study.compare.grouping import DATA, Group, dataset
from actlab.study.compare.judging import Judged
from actlab.study.compare.values import Reached, Values
from actlab.study.measures import higher_is_better

if TYPE_CHECKING:
    import pandas as pd

BAD_ENDS = ("failed", "diverged", "interrupted", "running")


@dataclass(frozen=True)
class Contents:
    """What the rows of a table are made of; each mapping is by the name of a condition.

    Args:
        groups: the conditions.
        metrics: what was measured; the first is the one judged.
        at: when.
        values: of each metric.
        pairings: what each condition is compared with.
        judged: what the first metric says.
        confounded: what stands beside the verdicts.
        reached: epochs and seconds to a level, where that was asked for.
        level: in words, such as "val_accuracy 0.97".
    """

    groups: Sequence[Group]
    metrics: Sequence[str]
    at: str
    values: Mapping[str, Mapping[str, Values]]
    pairings: Mapping[str, Against]
    judged: Judged
    confounded: Mapping[str, Sequence[str]]
    reached: Mapping[str, Reached]
    level: str


def table(contents: Contents) -> pd.DataFrame:
    """A row a condition."""
    import pandas as pd

    seeds = sorted({seed for of in contents.values[contents.metrics[0]].values() for seed in of.by_seed})
    return pd.DataFrame([_row(group, contents, seeds) for group in contents.groups])


def _row(group: Group, contents: Contents, seeds: Sequence[int]) -> dict[str, Any]:
    first = contents.metrics[0]
    done = [run for run in group.runs if run.status == "done"]
    row: dict[str, Any] = {**group.words, "n": contents.judged.summaries[group.name].n}
    for status in BAD_ENDS:
        row[status] = sum(run.status == status for run in group.runs)
    for metric in contents.metrics:
        row |= _described(f"{metric} {contents.at}", contents.values[metric][group.name], counted=metric != first)
    row |= _compared(group.name, contents)
    if contents.level:
        row |= _time(contents.level, contents.reached[group.name])
    on = {DATA: ", ".join(dict.fromkeys(dataset(run) for run in group.runs))} if DATA not in group.words else {}
    row |= {**on, "parameters": _common([run.record.get("parameters") for run in done])}
    row["seconds an epoch"] = mean_and_std([seconds_an_epoch(run) for run in done])[0]
    by_seed = contents.values[first][group.name].by_seed
    return row | {f"{first} {contents.at} seed {seed}": by_seed.get(seed, math.nan) for seed in seeds}


def _described(name: str, values: Values, counted: bool) -> dict[str, Any]:
    found = stats.summary(list(values.by_seed.values()))
    numbers = {"mean": found.mean, "std": found.std, "median": found.median, "iqm": found.iqm,
               "low": found.low, "high": found.high}  # fmt: skip
    return {**({f"{name} n": found.n} if counted else {}), **{f"{name} {k}": v for k, v in numbers.items()}}


def _compared(name: str, contents: Contents) -> dict[str, Any]:
    """The condition against its baseline; empty cells for a baseline, no cells where nothing is compared.

    A condition that is compared with nothing, and nothing with it, has no verdict.
    """
    if not contents.pairings:
        return {}
    pair, verdict = contents.judged.pairs[name], contents.judged.verdicts[name]
    better = pair.better(higher_is_better(contents.metrics[0])) if pair else (math.nan,) * 3
    pairing = contents.pairings.get(name)
    return {
        "baseline": pairing.baseline if pairing else "",
        "pairs": pair.n if pair else 0,
        "difference": pair.difference if pair else math.nan,
        "difference low": pair.low if pair else math.nan,
        "difference high": pair.high if pair else math.nan,
        "p": pair.p if pair else math.nan,
        "p holm": contents.judged.p_holm[name],
        "superiority": better[0], "superiority low": better[1], "superiority high": better[2],
        "seeds needed": pair.seeds_needed if pair and pair.seeds_needed else math.nan,
        "verdict": verdict.word if verdict else "baseline" if name in _baselines(contents) else "",
        "reason": verdict.reason if verdict else "",
        "beside": "; ".join(contents.confounded[name]),
    }  # fmt: skip


def _baselines(contents: Contents) -> set[str]:
    return {pairing.baseline for pairing in contents.pairings.values()}


def _time(level: str, reached: Reached) -> dict[str, Any]:
    """The mean only where every seed came there: without those that never did it would be too short."""
    row: dict[str, Any] = {f"{level} reached by": len(reached.epochs) - reached.never, f"{level} never": reached.never}
    for unit, found in (("epochs", reached.epochs), ("seconds", reached.seconds)):
        mean, std = mean_and_std(list(found.values()))
        row |= {f"{unit} to {level} mean": mean, f"{unit} to {level} std": std,
                f"{unit} to {level} median": _median(list(found.values()))}  # fmt: skip
    return row


def _median(values: Sequence[float]) -> float:
    """The median with never as infinity; NaN where it is that."""
    ordered = sorted(math.inf if math.isnan(value) else value for value in values)
    if not ordered:
        return math.nan
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return middle if math.isfinite(middle) else math.nan


def mean_and_std(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation over seeds; the second is NaN for fewer than two."""
    import numpy as np

    array = np.asarray(values, dtype=float)
    mean = float(array.mean()) if len(array) else math.nan
    return mean, float(array.std(ddof=1)) if len(array) > 1 else math.nan


def _common(values: Sequence[Any]) -> Any:
    return values[0] if len(set(values)) == 1 else None


def seconds_an_epoch(run: Run) -> float:
    """Median wall time of an epoch, evaluation included; NaN if the run has no timing."""
    import numpy as np

    try:
        seconds = run.timing["wall_seconds"].to_numpy(dtype=float)
        epochs = run.history["epoch"].to_numpy(dtype=float)
    except RunDirError:
        return math.nan
    if not len(seconds) or len(seconds) != len(epochs):
        return math.nan
    if len(seconds) > 1:
        seconds, epochs = np.diff(seconds), np.diff(epochs)  # the first row holds the compilation too
    return float(np.median(seconds / epochs)) if (epochs > 0).all() else math.nan


# --- order -----------------------------------------------------------------------------------------------------


SHOWN = {"p Holm": "p holm", "s/epoch": "seconds an epoch"}  # as the printed table heads a column, and its name


def sorted_rows(table: pd.DataFrame, sort: str | None, at: str, metric: str) -> list[int]:
    """The rows in the order of a column: the best metric first, all else ascending, empty cells last.

    Raises:
        UnknownName: there is no such column, with the nearest one.
    """
    if sort is None:
        return list(range(len(table)))
    columns = [str(column) for column in table.columns]
    meant = (sort, SHOWN.get(sort), f"{sort} {at} mean", f"{sort} mean", f"{metric} {at} {sort}")
    column = next((c for c in meant if c in columns), None)
    if column is None:
        short = [c.removesuffix(" mean").removesuffix(f" {at}") for c in columns if c.endswith(" mean")]
        raise UnknownName("column", sort, nearest(sort, [*short, *SHOWN, *columns]), columns)
    positions = _sortable(table[column]).sort_values(
        ascending=not _descends(column, metric), kind="stable", na_position="last"
    )
    return [int(i) for i in positions.index]


def _descends(column: str, metric: str) -> bool:
    if column.startswith("superiority"):
        return True
    measured = metric if column.startswith("difference") else column.split(" ")[0]
    return higher_is_better(measured) and not column.endswith(" std")


def _sortable(values: pd.Series) -> pd.Series:
    """Numbers that are written as words, such as learning rates, in the order of numbers."""
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce")
    return values.astype(str) if numbers.isna().all() else numbers
