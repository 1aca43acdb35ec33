"""One number a seed: what a condition's finished runs measured, and which seeds have none and why."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from actlab.run.record import Run
from actlab.study import measures
from actlab.study.compare.grouping import Group

LOST = ("diverged", "failed")  # ends that are no number and no accident of when one looked
MOST_REASON = 80  # characters of a reason in a table's notes; run.json has the whole


@dataclass(frozen=True)
class Values:
    """A condition by seed.

    Args:
        by_seed: seed to its number, in the order of the seeds; finite.
        lacking: seed to why it has none.
        lost: of these, those whose training diverged or failed, and which of the two.
        runs_a_seed: 1, or more where a condition pools settings: then a seed's number is the mean of its runs.
    """

    by_seed: dict[int, float]
    lacking: dict[int, str]
    lost: dict[int, str] = field(default_factory=dict)
    runs_a_seed: int = 1


def seed_values(group: Group, metric: str, at: str) -> Values:
    """A measure of a condition at a moment, by seed.

    Seeds are what is replicated: where a condition pools runs that differ in more than the seed, each seed counts once,
    and only if every one of its settings has a number.
    """
    by_seed = _by_seed(group.runs)
    settings = {setting for runs in by_seed.values() for setting in runs}
    found: dict[int, float] = {}
    lacking: dict[int, str] = {}
    for seed, runs in sorted(by_seed.items()):
        numbers, reasons = _measured(runs, lambda run: measures.value(run, metric, at), f"no {metric} {moment(at)}")
        if len(numbers) == len(settings):
            found[seed] = fmean(numbers)
        else:
            lacking[seed] = _why(reasons, len(settings) - len(numbers), len(settings))
    lost = {seed: end for seed in lacking if (end := _lost(by_seed[seed]))}
    return Values(found, lacking, lost, len(settings))


def _lost(settings: Mapping[str, Sequence[Run]]) -> str:
    """How the training of a seed ended where that leaves it without a number for good; else empty."""
    ends = [runs[0].status for runs in settings.values() if all(run.status in LOST for run in runs)]
    return min(ends, default="")


def _by_seed(runs: Sequence[Run]) -> dict[int, dict[str, list[Run]]]:
    """Seed to setting to its runs; a setting is a config without its seed."""
    found: dict[int, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        found[seed_of(run)][_setting(run.config)].append(run)
    return found


def seed_of(run: Run) -> int:
    """The seed of a run's config."""
    return int(run.config.get("seed", 0))


def _setting(config: dict[str, Any]) -> str:
    return json.dumps({key: value for key, value in config.items() if key != "seed"}, sort_keys=True)


def _measured(
    settings: dict[str, list[Run]], measure: Callable[[Run], float], absent: str
) -> tuple[list[float], list[str]]:
    """One number for each setting that has one, and a reason for each that has not."""
    numbers, reasons = [], []
    for runs in settings.values():
        done = [run for run in runs if run.status == "done"]
        finite = [number for number in map(measure, done) if math.isfinite(number)]
        if finite:
            numbers.append(fmean(finite))
        else:
            reasons.append(absent if done else _ended(runs[0]))
    return numbers, reasons


def _ended(run: Run) -> str:
    """How a run that is not done ended: "diverged (loss is not finite at step 300)"."""
    reason = " ".join(str(run.record.get("reason") or "").split())
    short = reason if len(reason) <= MOST_REASON else f"{reason[: MOST_REASON - 3]}..."
    return f"{run.status} ({short})" if short else run.status


def _why(reasons: list[str], missing: int, settings: int) -> str:
    if settings == 1:
        return reasons[0]
    words = dict.fromkeys([*reasons, *(["not trained"] if missing > len(reasons) else [])])
    return f"{missing} of its {settings} runs: {', '.join(words)}"


def moment(at: str) -> str:
    """When a measure is taken, in words."""
    words = {
        "last": "at the last evaluation", "best-validation": "at the best validation",
        "area": "as mean over the steps", "max": "at its largest", "min": "at its smallest",
        "mean": "as mean over the evaluations",
    }  # fmt: skip
    return words.get(at, f"at {at}")


# --- time to a level -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reached:
    """How long a condition took to a level.

    Args:
        epochs, seconds: seed to what it took; NaN for a seed that never came there.
    """

    epochs: dict[int, float]
    seconds: dict[int, float]

    @property
    def never(self) -> int:
        """How many of the seeds never came there."""
        return sum(map(math.isnan, self.epochs.values()))


def reached(group: Group, metric: str, level: float) -> Reached:
    """Epochs and seconds of every finished seed until a measure was first as good as a level."""
    epochs: dict[int, float] = {}
    seconds: dict[int, float] = {}
    for seed, settings in sorted(_by_seed(group.runs).items()):
        done = [run for runs in settings.values() for run in runs if run.status == "done"]
        if not done:
            continue
        took = [measures.reach(run, metric, level) for run in done]
        epochs[seed], seconds[seed] = fmean(t[0] for t in took), fmean(t[1] for t in took)
    return Reached(epochs, seconds)
