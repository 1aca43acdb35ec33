"""The one judge: finished runs to conditions, each held against its baseline, with what may be said of it.

    found = folders.read(paths)
    comparison = compare(found.runs, metrics=["val_accuracy"], at="last", beforehand=found.notes())
    for result in comparison.results:                    # in the order of the table
        result.name, result.summary.mean, result.pairs, result.p, result.verdict
    comparison["relu"].beside                            # what stands beside the verdict, as notes
    comparison.table()                                   # every number, a row a condition, for comparison.csv

Claims ask the same `judge_pairs` for their pairs (`actlab.study.claims`), so that a pair has one p and one verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from actlab.errors import ActlabError, RunDirError, UnknownName
from actlab.runs.folder import HISTORY, Columns
from actlab.runs.record import LOST, Run
from actlab.spec.labels import short_names
from actlab.spec.metrics import GAP, TEST_METRICS, check_at, higher_is_better
from actlab.spec.where import Condition as Where
from actlab.study import frame as framing
from actlab.study import guard as guarding
from actlab.study import measures
from actlab.study.baseline import MOST_NAMED, Against, against
from actlab.study.frame import Condition, Lack, Reached, Values, encodable
from actlab.study.guard import Chance, Guard, Note
from actlab.study.stats.joint import MINIMUM_PAIRS, holm, joint_p, student_p
from actlab.study.stats.pairs import Paired, paired
from actlab.study.stats.summaries import Summary, summary

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["better", "worse", "indicated better", "indicated worse", "not established", "baseline", ""]
Test = Literal["sign flips", "Student's t", ""]
Diverges = Literal["diverges more often", "diverges less often", ""]

ALPHA = 0.05  # of better and worse
ALPHA_OF_FEW = 0.01  # of what is indicated by the t of 3 to 5 pairs, which normality must be believed for
FEWEST_PAIRS = 3
NOT_DONE = ("failed", "diverged", "interrupted", "running", "damaged", "pending")
METRICS = ("val_accuracy", "val_loss", "accuracy", "loss", "test_accuracy", "test_loss")  # of every run, done or not
HEADINGS = {"p": ("p Holm", "p holm"), "seconds an epoch": ("s/epoch",)}  # other names that --sort knows


@dataclass(frozen=True)
class ConditionResult:
    """One condition, and how it stands against its baseline.

    Args:
        name: as tables and figures call it.
        keys: column in which conditions differ to this one's value, as text; empty where nothing differs.
        runs: finished or not, in the order of the plan.
        values: seed to the judged metric; finite, in the order of the seeds.
        lacking: seed to why it has no number.
        summary: of the values.
        others: each further metric in numbers.
        baseline: the condition that this one is held against; empty if none.
        axis: the columns in which the two are meant to differ.
        pairs: the seeds that both have; None for a baseline, and where the numbers cannot be compared.
        p: family-wise over the table, by the joint test of `test`; NaN where there is none. `pairs.p` is that of the
            pair alone.
        test: "sign flips" from 6 pairs on, "Student's t" for 3 to 5, else empty.
        family: how many comparisons share the p.
        verdict: on the metric; empty where nothing is compared with this condition, nor this with another.
        reason: what the verdict rests on; None for a baseline and where there is no verdict.
        diverged: seed to whether its training diverged, of those that came to an end.
        divergence: how often it does against the baseline; None for a baseline, and where neither side ever did.
        beside: what stands beside the verdict: what else differs, seeds left out, seeds that began alike.
        reached: epochs and seconds to a level, if that was asked for.
        parameters: of the model; None where the runs differ or do not say.
        seconds_an_epoch: mean over the finished runs; NaN if none has timing.
        data: what it was trained on; several names between commas.
        called: column to its part of the name that sentences and figures use: no more than tells conditions apart.
    """

    name: str
    keys: dict[str, str]
    runs: list[Run]
    values: dict[int, float]
    lacking: dict[int, Lack]
    summary: Summary
    others: dict[str, Summary] = field(default_factory=dict)
    baseline: str = ""
    axis: tuple[str, ...] = ()
    pairs: Paired | None = None
    p: float = math.nan
    test: Test = ""
    family: int = 0
    verdict: Verdict = ""
    reason: Note | None = None
    diverged: dict[int, bool] = field(default_factory=dict)
    divergence: Divergence | None = None
    beside: list[Note] = field(default_factory=list)
    reached: Reached | None = None
    parameters: int | None = None
    seconds_an_epoch: float = math.nan
    data: str = ""
    called: dict[str, str] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """What sentences and figures call it."""
        return " ".join(self.called.values()) or self.name  # of a condition by itself

    @property
    def diverged_of(self) -> tuple[int, int]:
        """Seeds that diverged, and those whose training came to an end."""
        return sum(self.diverged.values()), len(self.diverged)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """All that is established: the verdict on the metric, and that on divergence; "not established" if neither."""
        diverges = self.divergence.verdict if self.divergence else ""
        found = [] if self.verdict == "not established" and diverges else [self.verdict]
        return tuple(filter(None, [*found, diverges]))

    @property
    def counts(self) -> dict[str, int]:
        """Status to the number of runs that ended so, of those that are not done: failed, diverged, ..."""
        found = {status: sum(run.status == status for run in self.runs) for status in NOT_DONE}
        return {status: count for status, count in found.items() if count}


@dataclass(frozen=True)
class Comparison:
    """Runs grouped into conditions, each held against a baseline.

    Args:
        metric: the measure that is judged.
        at: when it was taken, as `actlab.study.measures.value` has it.
        metrics: all that was measured; `metric` is the first.
        differs: the columns in which conditions differ; the keys of each result.
        results: in the order of the table.
        order: names of the conditions as planned, however the table is sorted.
        notes: what a reader must know of the whole table, the most important first.
        reach: the level that was asked for, such as "val_accuracy 0.97"; empty if none was.
        unknown: runs that were lost, and of which nobody knows which they are: of no condition.
    """

    metric: str
    at: str
    metrics: list[str]
    differs: list[str]
    results: list[ConditionResult]
    order: list[str]
    notes: list[Note] = field(default_factory=list)
    reach: str = ""
    unknown: list[Run] = field(default_factory=list)

    def __getitem__(self, name: str) -> ConditionResult:
        return next(result for result in self.results if result.name == name)

    @property
    def names(self) -> list[str]:
        """Of the conditions, in the order of the table."""
        return [result.name for result in self.results]

    @property
    def family(self) -> int:
        """How many comparisons share a p; the most, where some have too few pairs for the test of the others."""
        return max((result.family for result in self.results), default=0)

    @property
    def diverged(self) -> bool:
        """Whether any training did: then the numbers of the metrics are those of the survivors."""
        return any(any(result.diverged.values()) for result in self.results)

    @property
    def runs(self) -> list[Run]:
        """All of them, condition by condition."""
        return [run for result in self.results for run in result.runs]

    @property
    def baselines(self) -> list[str]:
        """Names of the conditions that others are held against, as planned; a grid of several axes has several."""
        held = {result.baseline for result in self.results}
        return [name for name in self.order if name in held]

    def table(self) -> pd.DataFrame:
        """Every number in full, a row a condition: comparison.csv without its sentences (`reason` and `beside`)."""
        import pandas as pd

        seeds = sorted({seed for result in self.results for seed in result.values})
        compared = any(result.baseline for result in self.results)
        lost = [status for status in LOST if any(status in result.counts for result in self.results)]
        statuses = [status for status in NOT_DONE if status not in LOST or status in lost]
        rows = [self._row(result, seeds, compared, statuses) for result in self.results]
        return pd.DataFrame([{encodable(key): encodable(value) for key, value in row.items()} for row in rows])

    def _row(
        self, result: ConditionResult, seeds: Sequence[int], compared: bool, statuses: Sequence[str]
    ) -> dict[str, Any]:  # fmt: skip
        first, pair, nan = f"{self.metric} {self.at}", result.pairs, math.nan
        row: dict[str, Any] = {**result.keys, "n": result.summary.n}
        row |= {status: result.counts.get(status, 0) for status in statuses}
        row |= {"diverged rate": fmean(result.diverged.values()) if result.diverged else nan}
        row |= _numbers(first, result.summary)
        for metric, other in result.others.items():
            row |= {f"{metric} {self.at} n": other.n, **_numbers(f"{metric} {self.at}", other)}
        if compared:  # a condition that is compared with nothing, and nothing with it, has empty cells
            share = pair.better(higher_is_better(self.metric)) if pair else (nan, nan, nan)
            row |= {
                "baseline": result.baseline, "pairs": pair.n if pair else 0,
                "difference": pair.difference if pair else nan,
                "difference low": pair.low if pair else nan, "difference high": pair.high if pair else nan,
                "p": result.p, "p alone": pair.p if pair else nan,
                **dict(zip(("superiority", "superiority low", "superiority high"), share, strict=True)),
                "seeds needed": pair.seeds_needed or nan if pair else nan,
                "diverged p": result.divergence.p if result.divergence else nan, "verdict": ", ".join(result.verdicts),
            }  # fmt: skip
        if result.reached:
            row |= {f"{self.reach} reached by": len(result.reached.epochs) - result.reached.never}
            row |= {f"{self.reach} never": result.reached.never}
            for unit, took in (("epochs", result.reached.epochs), ("seconds", result.reached.seconds)):
                row |= _times(f"{unit} to {self.reach}", list(took.values()))
        row |= {framing.DATA: result.data} if framing.DATA not in result.keys else {}
        row |= {"parameters": result.parameters, "seconds an epoch": result.seconds_an_epoch}
        return row | {f"{first} seed {seed}": result.values.get(seed, nan) for seed in seeds}

    def curves(self, metrics: Sequence[str] = ()) -> pd.DataFrame:
        """The histories of all runs, one below the other, with the columns `condition`, `seed`, and `lost`: whether the
        run diverged or failed.

        A run without a history has one row without numbers: it counts among those that were started.

        Args:
            metrics: further measures that have a value an evaluation, such as "gap" or "dense.dead_units".

        Raises:
            UnknownName: no run has such a measure, with the nearest one.
        """
        import numpy as np
        import pandas as pd

        for metric in metrics:
            measures.check_metric(metric, self.runs)
        histories, places = list[Columns](), []
        nothing: Columns = {"epoch": np.array([math.nan]), "step": np.array([math.nan])}
        for result in self.results:
            for run in result.runs:
                history = nothing
                with suppress(RunDirError):  # a note says so
                    columns, _ = run.columns(HISTORY)
                    history = columns if len(columns["step"]) else nothing
                for metric in metrics:
                    if metric not in history and (rows := measures.series(run, metric)) is not None:
                        values = pd.Series(history["step"]).map(rows.set_index("step")["value"])
                        history = {**history, metric: values.to_numpy()}
                histories.append(history)
                lost = run.status in framing.LOST
                places += [(result.name, framing.seed_of(run), lost)] * len(history["step"])
        names, seeds, lost_ones = zip(*places, strict=True)
        gaps = [np.full(len(history["step"]), math.nan) for history in histories]
        together = {
            name: np.concatenate([history.get(name, gap) for history, gap in zip(histories, gaps, strict=True)])
            for name in dict.fromkeys(name for history in histories for name in history)
        }
        return pd.DataFrame(together).assign(condition=names, seed=seeds, lost=lost_ones)

    def by_layer(self) -> pd.DataFrame:
        """The metrics of layers at the last evaluation: condition, seed, layer (1 for the first), and they."""
        import pandas as pd

        rows = [pd.DataFrame(columns=["condition", "seed", "layer"])]
        for result in self.results:
            for run in result.runs:
                with suppress(RunDirError):
                    columns = [metric for metric in self.metrics if metric in run.layers]
                    last = run.layers.groupby("layer", sort=False)[columns].last().dropna(how="all")
                    place = range(1, len(last) + 1)
                    last = last.assign(condition=result.name, seed=framing.seed_of(run), layer=place)
                    rows += [last] if columns else []
        return pd.concat(rows, ignore_index=True) if rows[1:] else rows[0]

    def seeds(self) -> pd.DataFrame:
        """A row a condition and seed, in the order of the table: condition, seed, the metric; NaN where it has none."""
        import pandas as pd

        rows = [
            (result.name, seed, result.values.get(seed, math.nan))
            for result in self.results for seed in sorted({*result.values, *result.lacking})
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=["condition", "seed", self.metric])

    def differences(self) -> pd.DataFrame:
        """A row a pair: condition, seed, difference; one of NaN, with the seed -1, for a condition without pairs."""
        import pandas as pd

        rows: list[tuple[str, int, float]] = []
        for result in self.results:
            if result.baseline:
                seeds = shared(result.values, self[result.baseline].values) if result.pairs else []
                differences = result.pairs.differences if result.pairs else ()
                rows += zip([result.name] * len(seeds), seeds, differences, strict=True)
                rows += [] if seeds else [(result.name, -1, math.nan)]
        return pd.DataFrame(rows, columns=["condition", "seed", "difference"])


def _numbers(name: str, of: Summary) -> dict[str, float]:
    keys = ("mean", "std", "median", "iqm", "low", "high")
    return {f"{name} {key}": getattr(of, key) for key in keys}


def _times(name: str, took: Sequence[float]) -> dict[str, float]:
    """The mean only where every seed came there: without those that never did it would be too short.

    The median counts never as later than all.
    """
    import numpy as np

    values = np.array(took, dtype=float)
    median = float(np.median(np.where(np.isnan(values), math.inf, values))) if took else math.nan
    return {
        f"{name} mean": float(values.mean()) if took else math.nan,
        f"{name} std": float(values.std(ddof=1)) if len(took) > 1 else math.nan,
        f"{name} median": median if math.isfinite(median) else math.nan,
    }


# --- the judge -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """Two conditions held against each other, seed by seed.

    Args:
        seeds: that both have.
        numbers: the pairs of these seeds.
        step: the smallest difference that the measure can have; 0 for one that is not counted.
        higher_is_better: of the measure.
        chance: where both sides are at the level of chance.
    """

    seeds: tuple[int, ...]
    numbers: Paired
    step: float
    higher_is_better: bool
    chance: Chance | None = None


@dataclass(frozen=True)
class Judgement:
    """What may be said of a pair, among all that it is judged with.

    Args:
        p: family-wise; NaN under 3 pairs.
        test: which test it is of.
        family: how many pairs share it.
        verdict: "better", "worse", "indicated better", "indicated worse" or "not established".
        reason: what that rests on.
    """

    p: float
    test: Test
    family: int
    verdict: Verdict
    reason: Note


@dataclass(frozen=True)
class Divergence:
    """How often the trainings of a condition diverged, against those of what it is held against.

    Args:
        mine, theirs: seeds that diverged, and those whose training came to an end.
        p: of McNemar's exact test on the seeds that both have, family-wise; NaN under 6 of these.
        family: how many pairs share it.
        verdict: empty where p is not under 0.05.
    """

    mine: tuple[int, int]
    theirs: tuple[int, int]
    p: float
    family: int
    verdict: Diverges


def shared(mine: Mapping[int, float], theirs: Mapping[int, float]) -> tuple[int, ...]:
    """The seeds that both have a number of."""
    return tuple(seed for seed in mine if seed in theirs)


def pair_of(
    mine: Mapping[int, float], theirs: Mapping[int, float], metric: str, step: float, comparisons: int = 1,
    chance: Chance | None = None,
) -> Pair:  # fmt: skip
    """The pairs of two conditions: a pair is a seed that both have."""
    seeds = shared(mine, theirs)
    numbers = paired([mine[s] for s in seeds], [theirs[s] for s in seeds], comparisons=max(1, comparisons))
    return Pair(seeds, numbers, step, higher_is_better(metric), chance)


def judge_pairs(pairs: Sequence[Pair]) -> list[Judgement]:
    """Judge pairs as one family.

    Those of 6 seeds or more share the p of joint sign flips: better or worse where it is under 0.05 and the interval of
    the difference excludes 0. Those of 3 to 5 share the step-down p of Student's t (Holm's), whose deviation is no less
    than the step of the measure: indicated where it is under 0.01 and all differences have one sign.
    """
    import numpy as np

    many = [i for i, pair in enumerate(pairs) if pair.numbers.n >= MINIMUM_PAIRS]
    few = [i for i, pair in enumerate(pairs) if FEWEST_PAIRS <= pair.numbers.n < MINIMUM_PAIRS]
    p_values = dict(zip(many, _joint([pairs[i] for i in many]), strict=True))
    alone = np.array([float(student_p(np.array(pairs[i].numbers.differences), pairs[i].step)) for i in few])
    p_values |= dict(zip(few, holm(alone).tolist(), strict=True))
    return [
        verdict_on(pair, p_values.get(i, math.nan), len(many) if i in many else len(few) if i in few else 0)
        for i, pair in enumerate(pairs)
    ]


def _joint(pairs: Sequence[Pair]) -> list[float]:
    """The family-wise p of pairs by joint sign flips; each no less than that of the pair alone."""
    import numpy as np

    if len(pairs) < 2:
        return [pair.numbers.p for pair in pairs]
    seeds = sorted({seed for pair in pairs for seed in pair.seeds})
    table = np.full((len(pairs), len(seeds)), math.nan)
    for row, pair in zip(table, pairs, strict=True):
        row[np.searchsorted(seeds, pair.seeds)] = pair.numbers.differences
    joint = joint_p(table, np.array([pair.numbers.off for pair in pairs]), seeds)
    return [max(float(p), pair.numbers.p) for p, pair in zip(joint, pairs, strict=True)]


def judge_divergence(pairs: Sequence[tuple[Mapping[int, bool], Mapping[int, bool]]]) -> list[Divergence | None]:
    """Judge how often trainings diverged, on both sides of each pair; None where neither side ever did.

    What is compared on a seed is 1 for a training that diverged and 0 for one that did not. Sign flips of such
    differences are McNemar's exact test, so that pairs of 6 seeds or more share the p of joint sign flips as those of a
    metric do; it is a family of its own.

    Args:
        pairs: seed to whether its training diverged, of a condition and of what it is held against.

    Reference: McNemar 1947, Psychometrika 12(2).
    """
    judged = [pair_of(mine, theirs, "diverged", 1.0) for mine, theirs in pairs]
    many = [i for i, pair in enumerate(judged) if pair.numbers.n >= MINIMUM_PAIRS]
    p_values = dict(zip(many, _joint([judged[i] for i in many]), strict=True))
    return [divergence_of(*pair, p_values.get(i, math.nan), len(many)) for i, pair in enumerate(pairs)]


def divergence_of(mine: Mapping[int, bool], theirs: Mapping[int, bool], p: float, family: int) -> Divergence | None:
    """What may be said of a pair whose family-wise p is known."""
    excess = sum(mine[seed] - theirs[seed] for seed in shared(mine, theirs))
    word: Diverges = "" if not p < ALPHA else "diverges more often" if excess > 0 else "diverges less often"
    ours, others = ((sum(side.values()), len(side)) for side in (mine, theirs))
    return Divergence(ours, others, p, family, word) if ours[0] or others[0] else None


def verdict_on(pair: Pair, p: float, family: int) -> Judgement:
    """What may be said of a pair whose family-wise p is known."""
    numbers, n = pair.numbers, pair.numbers.n
    test: Test = "sign flips" if n >= MINIMUM_PAIRS else "Student's t" if family else ""
    better = (numbers.difference > 0) == pair.higher_is_better
    verdict: Verdict = "not established"
    one_sign = min(numbers.differences, default=0) > 0 or max(numbers.differences, default=0) < 0
    excluded = numbers.low > 0 or numbers.high < 0  # false for the NaN of a single pair
    if not pair.chance and n >= MINIMUM_PAIRS and p < ALPHA and excluded:
        verdict = "better" if better else "worse"
    elif not pair.chance and FEWEST_PAIRS <= n < MINIMUM_PAIRS and p < ALPHA_OF_FEW and one_sign:
        verdict = "indicated better" if better else "indicated worse"
    more = numbers.seeds_needed if numbers.seeds_needed and numbers.seeds_needed > n else None
    if verdict != "not established":
        reason = Note("established")
    elif not n:
        reason = Note("no pairs", (), {"needed": MINIMUM_PAIRS})
    elif pair.chance:
        reason = Note("both at chance", (), pair.chance.facts)
    elif n > 1 and not any(numbers.differences):
        reason = Note("no difference")
    elif n < MINIMUM_PAIRS:
        needed = max(MINIMUM_PAIRS, numbers.seeds_needed or 0)
        reason = Note("too few pairs", (), {"needed": needed, "smallest_p": numbers.smallest_p})
    elif p >= ALPHA:
        reason = Note("p too large", (), {"alpha": ALPHA, "needed": more})
    else:
        reason = Note("interval holds 0", (), {"needed": more})
    return Judgement(p, test, family, verdict, reason)


def step_of(runs: Iterable[Run], metric: str, values: Iterable[float]) -> float:
    """The smallest difference that a measure can have: an image of an accuracy, 1 of a count; else 0."""
    if images := guarding.images(runs, metric):
        return 1 / images
    known = [value for value in values if math.isfinite(value)]
    return 1.0 if known and all(value == round(value) for value in known) else 0.0


def unless_lost(judgement: Judgement, name: str, baseline: str, values: Mapping[str, Values]) -> Judgement:
    """The judgement; its verdict withheld where seeds of the side that wins diverged or failed, and so could not lose.

    Seeds that the other side lost would hardly have turned it, and leave it as it is.
    """
    winner, loser = (name, baseline) if judgement.verdict.endswith("better") else (baseline, name)
    mine, theirs = values[winner], values[loser]
    met = {*theirs.by_seed, *theirs.lacking}
    lost = framing.grouped((status, seed) for seed, status in mine.lost.items() if seed in met)
    if judgement.verdict == "not established" or not lost:
        return judgement
    seeds = len(mine.by_seed) + len(mine.lacking)
    facts = {"winner": winner, "lost": lost, "seeds": seeds, "verdict": judgement.verdict}
    return replace(judgement, verdict="not established", reason=Note("winner lost seeds", (), facts))


# --- comparing -------------------------------------------------------------------------------------------------------


def compare(
    runs: pd.DataFrame | Sequence[Run], metrics: Sequence[str] = (), by: Sequence[str] = (), sort: str | None = None,
    baseline: str | None = None, at: str = "last", where: Sequence[Where] = (), reach: float | None = None,
    beforehand: Sequence[Note] = (),
) -> Comparison:  # fmt: skip
    """Group runs by what differs in their configs besides the seed, and hold each condition against a baseline.

    Args:
        runs: as a frame or not, finished or not; those that are not done are counted and named, never averaged. Two
            of the same config and data are the same run, and count once. Of lost ones whose config is not known there
            are notes.
        metrics: measures, as `actlab.study.measures` knows them; the first is judged. By default val_accuracy and,
            where it is taken, test_accuracy.
        by: config keys to group by instead ("activation", "optimizer.learning_rate"). Here, in `baseline` and in
            `where` the last part of a key ("learning_rate") will do where only one of those that differ ends so.
        sort: a column of the table; the best of a metric comes first, all else ascends. None keeps the plan's order.
        baseline: a condition, a value of one axis ("relu"), or "key=value"; None is the first of the plan.
        at: when the measures are taken, as `actlab.study.measures.value` says.
        where: which runs to take.
        reach: also give the time that the first of the metrics that has a history took to this level; finite.
        beforehand: notes on what was found where the runs lie.

    Raises:
        ActlabError: no runs; an unknown metric, key, column or condition, with the nearest one; a level that is none.
    """
    if reach is not None and not math.isfinite(reach):
        raise ActlabError(f"reach: expected a finite number, such as 0.97, read {reach}")
    unknown = [run for run in runs if not run.is_known] if isinstance(runs, Sequence) else []
    frame = framing.frame_of([run for run in runs if run.is_known]) if isinstance(runs, Sequence) else runs
    if frame.empty:
        lost = [f"{run.path}: {run.record.get('reason') or 'not begun'}" for run in unknown[:MOST_NAMED]]
        texts = ["no runs to compare: name run directories or experiment directories, such as results/*", *lost]
        raise ActlabError("\n".join(texts))
    where = [replace(condition, key=framing.full_key(frame, condition.key)) for condition in where]
    by = [framing.full_key(frame, key) for key in by]
    everything = frame
    frame, twice = framing.once(framing.chosen(frame, where))
    metrics = list(dict.fromkeys(metrics)) or ["val_accuracy", *["test_accuracy"] * (at in ("last", "best-validation"))]
    for metric in metrics:
        if metric not in METRICS:
            measures.check_metric(metric, list(frame["run", "run"]))
        check_at(at, metric)
        frame = framing.measured(frame, metric, at)
    frame = framing.taken_on(frame, metrics[0])
    conditions, apart = framing.conditions(frame, by, everything)
    pairings = against(conditions, frame, baseline, by)
    values = {one.name: framing.by_seed(one.rows, metrics[0]) for one in conditions}
    if " " in at and not any(of.by_seed for of in values.values()):
        _refuse_moment(frame, metrics[0], at)
    guard = Guard(frame)
    timed = next((metric for metric in metrics if metric not in TEST_METRICS), "val_accuracy")
    step = step_of(frame["run", "run"], metrics[0], frame["metric", metrics[0]])
    chance = {one.name: guarding.chance_level(one.runs, metrics[0], at) for one in conditions}
    results = _results(conditions, pairings, values, guard, step, metrics, chance)
    if reach is not None:
        reached = {one.name: framing.reached(one.rows, timed, reach) for one in conditions}
        results = [replace(result, reached=reached[result.name]) for result in results]
    configs = framing.configs_of(frame)
    skewed = guarding.skewed({
        r.name: (shared(r.values, values[r.baseline].by_seed), r.pairs.differences) for r in results if r.pairs
    })  # fmt: skip
    notes = [
        *guarding.stand_ins(frame), *guarding.chosen_on_test(configs, metrics, at),
        *guarding.at_their_best(metrics, at),
        *(Note("kept apart", (name,), {"data": data}, True) for name, data in apart.items()),
        *(note for note in beforehand if note.changes_reading),
        *(note for name, of in values.items() for note in guarding.left_out(name, of)),
        *guarding.not_begun(unknown, conditions), *guarding.damaged([*frame["run", "run"], *unknown]),
        *guarding.taken_on_others(conditions, metrics[1:]), *guarding.at_chance(chance),
        *([Note("skewed", tuple(skewed), {"pairs": skewed}, True)] if skewed else []),
        *guarding.single_seeds(values),
        *guarding.means_of_runs(values, guard.unnamed(conditions[0].keys)),
        *guarding.without_partner(values, pairings), *guarding.unused(conditions, pairings),
        *guarding.standard_errors(frame, metrics, at), *guarding.uncommitted(frame), *guard.pooled(conditions),
        *(Note("counted once", (), {"path": str(one.path), "same_as": str(kept.path)}) for one, kept in twice),
        *(note for note in beforehand if not note.changes_reading),
    ]  # fmt: skip
    called = short_names(list(conditions[0].keys), [r.keys for r in results], [r.runs[0].config for r in results])
    results = [replace(result, called=names) for result, names in zip(results, called, strict=True)]
    order = [result.name for result in results]
    level = "" if reach is None else f"{timed} {reach:g}"
    comparison = Comparison(metrics[0], at, metrics, list(conditions[0].keys), results, order, notes, level, unknown)
    return comparison if sort is None else replace(comparison, results=_sorted(comparison, sort))


def _refuse_moment(frame: pd.DataFrame, metric: str, at: str) -> None:
    """A moment that no finished run was evaluated at is a mistake, not an empty table."""
    unit, _, number = at.partition(" ")
    moments: set[float] = set()
    done = frame["run", "run"][frame["run", "status"] == "done"]
    for run in done[:20]:
        try:
            moments |= set(map(float, run.history[unit]))
        except RunDirError:
            continue
    if len(done):
        near = sorted(sorted(moments, key=lambda n: abs(n - float(number)))[:2])
        hint = f"; the nearest evaluations: {', '.join(f'{n:g}' for n in near)}" if near else ""
        raise ActlabError(f"no finished run has {metric} at {at}{hint}")


def _results(
    conditions: Sequence[Condition], pairings: Mapping[str, Against], values: Mapping[str, Values], guard: Guard,
    step: float, metrics: Sequence[str], chance: Mapping[str, Chance | None],
) -> list[ConditionResult]:  # fmt: skip
    """The conditions with their numbers, and the verdict on each that is held against another."""
    by_name = {one.name: one for one in conditions}
    refused = {n: guard.other_data(by_name[n], by_name[p.baseline], p.axis) for n, p in pairings.items()}
    held = {name: pairing for name, pairing in pairings.items() if refused[name] is None}
    numbers = {name: of.by_seed for name, of in values.items()}
    family = sum(bool(shared(numbers[name], numbers[pairing.baseline])) for name, pairing in held.items())
    pairs = {
        name: pair_of(
            numbers[name], numbers[pairing.baseline], metrics[0], step, family,
            guarding.both_at_chance(metrics[0], chance[name], chance[pairing.baseline]),
        )
        for name, pairing in held.items()
    }  # fmt: skip
    judged = dict(zip(pairs, judge_pairs(list(pairs.values())), strict=True))
    ends = {name: of.diverged for name, of in values.items()}
    diverging = dict(zip(held, judge_divergence([(ends[n], ends[p.baseline]) for n, p in held.items()]), strict=True))
    alike = {one.name: guard.alike_seeds(one) for one in conditions}
    results = []
    for one in conditions:
        name, done = one.name, one.done
        known = one.rows[one.rows["run", "sha256"] != ""]  # a lost run does not say what it was trained on
        parameters = {run.record.get("parameters") for run in done["run", "run"]}
        paces = [framing.seconds_an_epoch(run) for run in done["run", "run"]]
        result = ConditionResult(
            name, one.keys, one.runs, numbers[name], values[name].lacking, summary(list(numbers[name].values())),
            {m: summary(list(framing.by_seed(one.rows, m).by_seed.values())) for m in metrics[1:]},
            verdict="baseline" if any(pairing.baseline == name for pairing in pairings.values()) else "",
            beside=[*alike[name], *guarding.left_out(name, values[name], "rests without")],
            parameters=parameters.pop() if len(parameters) == 1 else None,
            seconds_an_epoch=fmean(paces) if paces else math.nan,
            data=", ".join(dict.fromkeys(framing.full_data_names(known if len(known) else one.rows))),
            diverged=ends[name],
        )  # fmt: skip
        if (pairing := pairings.get(name)) is not None:
            base = pairing.baseline
            own = [note.facts["seeds"] for note in alike[name]]
            beside = [*alike[name], *(note for note in alike[base] if note.facts["seeds"] not in own)]
            beside += guard.beside(one, by_name[base], pairing.axis)
            guesses = [(side, level) for side in (name, base) if (level := chance[side])]
            if metrics[0] == GAP and len(guesses) == 1:
                beside.append(Note("gap of a guess", (guesses[0][0],), guesses[0][1].facts))
            for side in (name, base):
                beside += guarding.left_out(side, values[side], "rests without")
            result = replace(result, baseline=base, axis=pairing.axis, verdict="not established", beside=beside)
            if name in judged:
                judgement = unless_lost(judged[name], name, base, values)
                numbered = replace(result, pairs=pairs[name].numbers, divergence=diverging[name])
                result = replace(numbered, **vars(judgement))
            else:
                result = replace(result, reason=refused[name])
        results.append(result)
    return results


def _sorted(comparison: Comparison, sort: str) -> list[ConditionResult]:
    """The results in the order of a column of the table: the best metric first, all else ascending, empty cells last.

    Raises:
        UnknownName: there is no such column, with the nearest one.
    """
    import pandas as pd

    table, metric, at = comparison.table(), comparison.metric, comparison.at
    columns = list(map(str, table.columns))
    alias = next((column for column, others in HEADINGS.items() if sort in others), sort)
    candidates = (alias, f"{sort} {at} mean", f"{sort} mean", f"{metric} {at} {sort}")
    column = next((candidate for candidate in candidates if candidate in columns), None)
    if column is None:
        short = [c.removesuffix(" mean").removesuffix(f" {at}") for c in columns if c.endswith(" mean")]
        raise UnknownName("column", sort, columns, short)
    measured = metric if column.startswith("difference") else column.split(" ")[0]
    descends = column.startswith("superiority") or (higher_is_better(measured) and not column.endswith(" std"))
    numbers = pd.to_numeric(table[column], errors="coerce")  # learning rates as text, in the order of numbers
    keys = table[column].astype(str) if numbers.isna().all() else numbers
    order = keys.sort_values(ascending=not descends, kind="stable", na_position="last").index
    return [comparison.results[i] for i in order]
