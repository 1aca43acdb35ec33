"""A study's finished runs as one table, with what may be said of it and what must be said beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actlab.errors import ActlabError
from actlab.run.record import Run
from actlab.study import measures
from actlab.study.compare import notes as noting
from actlab.study.compare.baseline import Against, against
from actlab.study.compare.grouping import Group, grouped, once
from actlab.study.compare.guard import Guard
from actlab.study.compare.judging import floors, judged
from actlab.study.compare.keys import configs_of, full_conditions, full_keys
from actlab.study.compare.order import in_plan_order
from actlab.study.compare.table import Contents, sorted_rows, table
from actlab.study.compare.values import Reached, Values, moment, reached, seed_values
from actlab.study.stats import Paired, Summary, Verdict

if TYPE_CHECKING:
    import pandas as pd

METRICS = ("val_accuracy", "val_loss", "accuracy", "loss", "test_accuracy", "test_loss")  # of every run, done or not
Condition = measures.Condition


@dataclass(frozen=True)
class Comparison:
    """Runs grouped into conditions, each held against a baseline.

    Args:
        table: a row a condition, with every number in full; `docs/compare.md` names its columns.
        conditions: condition to its runs, in the order of the table: that of the config where it is known.
        differs: the columns of the table that say what differs.
        notes: what a reader must know: stand-ins, epochs chosen on test data, seeds left out, damaged files.
        metric: the measure that is judged.
        at: when it was taken.
        baseline: the condition that others are compared with; the first where there are several; empty where there is
            nothing to compare.
        metrics: all that was measured; `metric` is the first.
        baselines: condition to the one it is compared with. In a grid of several axes there are several baselines.
        values: condition to seed to its number.
        lacking: condition to seed to why it has no number.
        summaries: condition to its seeds in numbers.
        pairs: condition to its pairs with its baseline; None for a baseline and where numbers cannot be compared.
        p_holm: condition to p after Holm's correction over the table; NaN where there is none.
        verdicts: condition to its verdict; None for a baseline.
        comparisons: how many conditions have a p.
        confounded: condition to what stands beside its verdict: in what it differs from its baseline besides what is
            compared, seeds that were left out, seeds that began alike.
        floors: number of pairs to what p can be at best with them, in words.
        reach: the level that was asked for, such as "val_accuracy 0.97"; empty if none was.
        reached: condition to epochs and seconds of each seed to that level.
    """

    table: pd.DataFrame
    conditions: dict[str, list[Run]]
    differs: list[str]
    notes: list[str]
    metric: str = "val_accuracy"
    at: str = "last"
    baseline: str = ""
    metrics: list[str] = field(default_factory=list)
    baselines: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    lacking: dict[str, dict[int, str]] = field(default_factory=dict)
    summaries: dict[str, Summary] = field(default_factory=dict)
    pairs: dict[str, Paired | None] = field(default_factory=dict)
    p_holm: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, Verdict | None] = field(default_factory=dict)
    comparisons: int = 0
    confounded: dict[str, list[str]] = field(default_factory=dict)
    floors: dict[int, str] = field(default_factory=dict)
    reach: str = ""
    reached: dict[str, Reached] = field(default_factory=dict)


def compare(
    runs: Sequence[Run], metrics: Sequence[str] = (), by: Sequence[str] = (), sort: str | None = None,
    baseline: str | None = None, at: str = "last", where: Sequence[Condition] = (), reach: float | None = None,
) -> Comparison:  # fmt: skip
    """Group runs by what differs in their configs besides the seed, and hold each condition against a baseline.

    Args:
        runs: finished or not; those that are not done are counted and named, never averaged. Two of the same config
            and data are the same run, and count once.
        metrics: measures, as `actlab.study.measures` knows them; the first is judged. By default val_accuracy and, where it
            is taken, test_accuracy.
        by: config keys to group by instead ("activation", "optimizer.learning_rate"). Here, in `baseline` and in
            `where` the last part of a key ("learning_rate") will do where only one of those that differ ends so.
        sort: a column of the table; the best of a metric comes first, all else ascends. None keeps the config's order.
        baseline: a condition, a value of one axis ("relu"), or "key=value"; None is the first of the config.
        at: when the measures are taken, as `actlab.study.measures.value` says.
        where: which runs to take.
        reach: also give the time that the first of the metrics that has a history took to this level; finite.

    Raises:
        ActlabError: no runs; an unknown metric, key, column or condition, with the nearest one; a level that is none.
    """
    _check_level(reach)
    where, by = full_conditions(where, configs_of(runs)), full_keys(by, configs_of(runs))
    everything = in_plan_order(runs)
    runs, twice = once(_chosen(everything, where))
    metrics = list(dict.fromkeys(metrics)) or _usual(at)
    for metric in metrics:
        _check(metric, at, runs)
    groups, apart = grouped(runs, by, everything)
    pairings = against(groups, baseline, by)
    values = {metric: {group.name: seed_values(group, metric, at) for group in groups} for metric in metrics}
    first = values[metrics[0]]
    _measured_somewhere(first, runs, metrics[0], at)
    guard = Guard(groups)
    judgement = judged(first, pairings, guard.refused(groups, pairings), measures.higher_is_better(metrics[0]))
    beside = _beside(guard.confounded(groups, pairings), pairings, first)
    level, times = _times(groups, metrics, reach)
    contents = Contents(groups, metrics, at, values, pairings, judgement, beside, times, level)
    rows = table(contents)
    order = sorted_rows(rows, sort, at, metrics[0])
    said = [*noting.notes(runs, first, metrics, at), *noting.unpaired(first, pairings)]
    said += [*noting.unused(groups, pairings), *noting.pooled(first, guard.unnamed(groups[0].words))]
    said += [*guard.pooled(groups), *apart, *twice]
    return _comparison(contents, rows.iloc[order].reset_index(drop=True), order, [*said, *noting.damage(runs)])


def _comparison(contents: Contents, rows: pd.DataFrame, order: Sequence[int], said: list[str]) -> Comparison:
    groups = [contents.groups[i] for i in order]
    judgement, first = contents.judged, contents.values[contents.metrics[0]]
    baselines = {name: pairing.baseline for name, pairing in contents.pairings.items()}
    return Comparison(
        rows, {group.name: group.runs for group in groups}, list(groups[0].words), said, contents.metrics[0],
        contents.at, _first_baseline(contents.groups, baselines), list(contents.metrics), baselines,
        {group.name: first[group.name].by_seed for group in groups},
        {group.name: first[group.name].lacking for group in groups},
        judgement.summaries, judgement.pairs, judgement.p_holm, judgement.verdicts, judgement.comparisons,
        {name: list(words) for name, words in contents.confounded.items()}, floors(judgement), contents.level,
        dict(contents.reached),
    )  # fmt: skip


def _first_baseline(groups: Sequence[Group], baselines: Mapping[str, str]) -> str:
    return next((group.name for group in groups if group.name in baselines.values()), "")


def _chosen(runs: Sequence[Run], where: Sequence[Condition]) -> list[Run]:
    if not runs:
        raise ActlabError("no runs to compare: name run directories or experiment directories, such as results/*")
    measures.check_keys(where, [run.config for run in runs])
    chosen = [run for run in runs if measures.matches(run.config, where)]
    if not chosen:
        raise ActlabError(f"none of {len(runs)} runs has {','.join(map(str, where))}")
    return chosen


def _usual(at: str) -> list[str]:
    return ["val_accuracy", "test_accuracy"] if at in ("last", "best-validation") else ["val_accuracy"]


def _check(metric: str, at: str, runs: Sequence[Run]) -> None:
    """That a metric is one, at that moment; those that every run has are known even where no run has come so far."""
    if metric not in METRICS:
        measures.check_metric(metric, runs)
    measures.check_at(at, metric)


def _measured_somewhere(values: Mapping[str, Values], runs: Sequence[Run], metric: str, at: str) -> None:
    """A moment that no finished run was evaluated at is a mistake, not an empty table."""
    unit, _, number = at.partition(" ")
    done = [run for run in runs if run.status == "done"]
    if not number or not done or any(of.by_seed for of in values.values()):
        return
    moments = {float(n) for run in done[:20] for n in _evaluated(run, unit)}
    near = sorted(sorted(moments, key=lambda n: abs(n - float(number)))[:2])
    hint = f"; the nearest evaluations: {', '.join(f'{n:g}' for n in near)}" if near else ""
    raise ActlabError(f"no finished run has {metric} {moment(at)}{hint}")


def _evaluated(run: Run, unit: str) -> list[float]:
    try:
        return [float(number) for number in run.history[unit]]
    except ActlabError:
        return []


def _beside(
    confounded: dict[str, list[str]], pairings: Mapping[str, Against], values: Mapping[str, Values]
) -> dict[str, list[str]]:
    """What differs, and which seeds were left out."""
    found = {name: [*words, *noting.left_out(values[name])] for name, words in confounded.items()}
    for name, pairing in pairings.items():
        found[name] += [f"{pairing.baseline} {without}" for without in noting.left_out(values[pairing.baseline])]
    return found


def _check_level(level: float | None) -> None:
    if level is not None and not math.isfinite(level):
        raise ActlabError(f"reach: expected a finite number, such as 0.97, read {level}")


def _times(groups: Sequence[Group], metrics: Sequence[str], reach: float | None) -> tuple[str, dict[str, Reached]]:
    if reach is None:
        return "", {}
    metric = next((m for m in metrics if m not in ("test_accuracy", "test_loss")), "val_accuracy")
    return f"{metric} {reach:g}", {group.name: reached(group, metric, reach) for group in groups}
