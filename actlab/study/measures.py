"""One number of a run: which measure, and when. Comparison, claims and figures all read their numbers here.

A measure is a column of history.csv or timing.csv, `test_accuracy` or `test_loss`, or "layer.column" of layers.csv
("dense.dead_units"); the layer "*", or none, is the whole network: of what a probe writes for layers only, their mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from actlab.errors import RunDirError, UnknownName
from actlab.runs.folder import HISTORY, TIMING
from actlab.runs.record import Run
from actlab.spec import metrics
from actlab.spec.metrics import GAP, TEST_METRICS, TIMING_METRICS, TRAIN_EVAL_METRICS, probes_writing

if TYPE_CHECKING:
    import pandas as pd

NOTED = {"last": "final", "best-validation": "best"}  # the rows of run.json that hold these
SETTING_COLUMNS = ("model", "activation", "probes", "train_eval")  # keys of a config that decide on columns
PLACE = ("epoch", "step", "layer", "units")  # columns of layers.csv that say where, and measure nothing


def value(run: Run, metric: str, at: str = "last") -> float:
    """A measure of a run at a moment of its training, or over all of it.

    Args:
        run: finished or not; an unfinished one is measured as far as it came.
        metric: a measure, as the module says.
        at: "last" is what the training ended with (the best evaluation, where early stopping restored it);
            "best-validation" the evaluation that run.json calls the best; "step N" and "epoch N" an evaluation;
            "max", "min" and "mean" go over all evaluations; "area" is the mean over the steps between the first
            and the last evaluation, by the trapezoidal rule.

    Returns:
        NaN where this run has no such value.

    Raises:
        UnknownName: there is no such measure, or no such `at`, with the nearest one.
        ActlabError: a measure on the test set at another moment than it is taken.
    """
    metrics.check_at(at, metric)
    noted = run.results.get(NOTED.get(at, ""), {}).get(metric)
    if noted is not None:
        return float(noted)
    rows = None if metric in TEST_METRICS else series(run, metric)
    if rows is None:
        return math.nan
    if match := metrics.AT_ROW.fullmatch(at):
        return _at_row(rows, match[1], float(match[2]))
    if at in NOTED:
        return _at_row(rows, *_noted_row(run, at))
    present = rows[rows["value"].notna()]
    if present.empty:
        return math.nan
    if at != "area":
        return float(present["value"].agg(at))
    steps, values = (present[name].to_numpy(dtype=float) for name in ("step", "value"))
    width = steps[-1] - steps[0]
    areas = (steps[1:] - steps[:-1]) * (values[1:] + values[:-1]) / 2
    return float(areas.sum() / width) if width > 0 else float(values.mean())


def images_of(config: Mapping[str, Any], metric: str) -> str:
    """On which images a probe of a config takes a measure, "validation" or "training"; empty if none takes it."""
    writing = probes_writing(metric.rpartition(".")[2])
    probes = [probe for probe in config.get("probes") or [] if probe["name"] in writing]
    return str(probes[0].get("on", "validation")) if probes else ""


def _at_row(rows: pd.DataFrame, column: str, number: float) -> float:
    """The value of the evaluation at a step or epoch; epochs of a step budget are no whole numbers."""
    found = rows.loc[(rows[column] - number).abs() < 1e-6, "value"]
    return float(found.iloc[0]) if len(found) else math.nan


def _noted_row(run: Run, at: str) -> tuple[str, float]:
    """Column and number that tell the evaluation: as run.json says, or as the history of an unfinished run has it."""
    numbers = run.results.get(NOTED[at], {})
    for column in ("step", "epoch"):
        if numbers.get(column) is not None:
            return column, float(numbers[column])
    try:
        history = run.history
    except RunDirError:
        return "step", math.nan
    if history.empty or at == "last":
        return "step", math.nan if history.empty else float(history["step"].iloc[-1])
    by = best_by(run.config)  # the best so far
    goods = -history[by] if by == "val_loss" else history[by]
    return "step", float(history["step"].iloc[int(goods.to_numpy(dtype=float, na_value=-math.inf).argmax())])


def best_by(config: Mapping[str, Any]) -> Literal["val_accuracy", "val_loss"]:
    """The metric that decides which evaluation of a run of this config is the best one."""
    rule = config.get("early_stopping")
    return "val_loss" if isinstance(rule, dict) and rule.get("metric") != "val_accuracy" else "val_accuracy"


def series(run: Run, metric: str) -> pd.DataFrame | None:
    """A measure over a run's evaluations, with the columns epoch, step, value; None where the run has it not.

    Raises:
        UnknownName: no run could have it.
    """
    import pandas as pd

    layer, _, column = metric.rpartition(".")
    layer = "" if layer == "*" else layer
    table: Any = {}
    with suppress(RunDirError):
        if layer:
            table = run.layers[run.layers["layer"] == layer].drop(columns=["layer", "units"]).reset_index(drop=True)
        else:
            table = {**run.columns(HISTORY)[0]}
            if column in TIMING_METRICS and column in (timing := run.columns(TIMING)[0]):
                table[column] = pd.Series(timing[column]).reindex(range(len(table["step"])))
            elif column == GAP and TRAIN_EVAL_METRICS[1] in table:
                table[GAP] = table[TRAIN_EVAL_METRICS[1]] - table["val_accuracy"]
            elif is_mean_of_layers([run], column):
                table = run.layers.groupby(["epoch", "step"], sort=False)[[column]].mean().reset_index()
    if column not in table or not len(table["step"]):
        if column not in metrics.WITHOUT_PROBES and not metrics.probes_writing(column):
            check_metric(metric, [run])
        return None
    return pd.DataFrame({"epoch": table["epoch"], "step": table["step"], "value": table[column].astype(float)})


def is_mean_of_layers(runs: Sequence[Run], metric: str) -> bool:
    """Whether a measure of the whole network is the mean over its layers, for which alone its probe writes numbers.

    Args:
        runs: of one comparison; the first that has tables decides.
        metric: a measure.
    """
    column = metric.removeprefix("*.")
    if column not in (*metrics.WITHOUT_PROBES, *PLACE):
        for run in runs:
            with suppress(RunDirError):
                return column not in run.columns(HISTORY)[0] and column in run.layers
    return False


def check_metric(metric: str, runs: Sequence[Run]) -> None:
    """That a measure is one that at least one of the runs has.

    Raises:
        UnknownName: with the nearest that they have.
    """
    known = known_metrics(runs)
    if metric.removeprefix("*.") not in known:
        raise UnknownName("metric", metric, known)


def known_metrics(runs: Sequence[Run]) -> list[str]:
    """The measures that the runs have: first of the whole network, then of each layer."""
    alike: dict[str, Run] = {}
    for run in runs:  # runs that are alike in these have the same columns
        key = json.dumps([run.config.get(k) for k in SETTING_COLUMNS], sort_keys=True, default=str)
        if key not in alike or alike[key].status != "done":
            alike[key] = run
    whole, layers = dict[str, None](), dict[str, None]()
    for run in alike.values():
        whole |= dict.fromkeys(name for row in run.results.values() for name in row if name in TEST_METRICS)
        for table in ("history", "timing"):
            with suppress(RunDirError):
                whole |= dict.fromkeys(map(str, getattr(run, table)))
        whole |= dict.fromkeys([GAP] if TRAIN_EVAL_METRICS[1] in whole else [])
        with suppress(RunDirError):
            columns = [str(name) for name in run.layers if name not in PLACE]
            whole |= dict.fromkeys(columns)
            layers |= {f"{layer}.{name}": None for layer in run.layers["layer"].unique() for name in columns}
    return list(whole | layers)


def reach(run: Run, metric: str, level: float) -> tuple[float, float]:
    """How long a run took until a measure was first as good as a level.

    Args:
        run: finished or not.
        metric: a measure; whether more or less of it is good says `higher_is_better`.
        level: in the measure's unit.

    Returns:
        epochs and wall seconds of training and evaluation up to that evaluation; NaN twice where it never was.

    Raises:
        UnknownName: there is no such measure.
    """
    rows = series(run, metric)
    if rows is None:
        return math.nan, math.nan
    good = rows["value"] >= level if metrics.higher_is_better(metric) else rows["value"] <= level
    if not good.any():
        return math.nan, math.nan
    seconds = series(run, "wall_seconds")
    first = rows[good].iloc[0]
    return float(first["epoch"]), math.nan if seconds is None else _at_row(seconds, "step", float(first["step"]))
