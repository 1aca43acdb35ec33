"""What a reader must know: a guard against confounding, and against numbers that say less than they seem to.

Nothing here is a sentence: a `Note` is a kind and the facts that its sentence needs, and `actlab.show.words` says it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from actlab.errors import RunDirError, UnknownName
from actlab.runs.folder import HISTORY, TIMING
from actlab.runs.record import LOST, Run
from actlab.spec.budget import sizes_of
from actlab.spec.metrics import GAP, TRAIN_EVAL_METRICS, higher_is_better
from actlab.spec.where import at_key
from actlab.study.baseline import Against, covers
from actlab.study.frame import (
    CODE,
    DATA,
    ENDED,
    PARAMETERS,
    WEIGHTS,
    Condition,
    Values,
    data_names,
    described,
    differing,
    grouped,
)
from actlab.study.measures import images_of, value
from actlab.study.stats.joint import MINIMUM_PAIRS
from actlab.study.stats.pairs import skewness

if TYPE_CHECKING:
    import pandas as pd

Key = TypeVar("Key")
NoteKind = Literal[
    # on a table: `Comparison.notes`, most important first
    "stand-in",              # {dataset, real}: trained on a rendered stand-in, which says nothing about the real set
    "chosen on test",        # {by: "early stopping" | "moment", at}: what the test images chose is too good
    "validated on test",     # {}: val_accuracy and val_loss are of the test images; nothing was chosen by them
    "taken at its best",     # {metrics}: the number is each run's best one, and so too good by itself
    "kept apart",            # {data: names}: the runs of condition about[0] are on different data, never averaged
    "taken on others",       # {metric, images: where -> names of conditions}: probes looked at other images in each
    "damaged",               # {path, problem}: a file of a run is unreadable, or not the one that its record states
    "not asked for",         # {path, runs}: names of runs that lie beside an experiment.yaml which asks for others
    "not begun",             # {runs}: so many of the conditions; or the names of folders that are of no known condition
    "no plan",               # {problem}: an experiment.yaml cannot be read, so nobody knows what it asks for
    "skewed",                # {pairs: name -> {mean, seed, without}}: of the differences of these; `seed` lies farthest
                             # apart, and `without` is the mean without it
    "at chance",             # facts of `Chance`: no seed of the conditions is above what guessing reaches, 1 / classes
    "one seed",              # {}: conditions with a single seed have no spread
    "seeds left out",        # {seeds, lack: Lack, left}: of condition about[0]; out of its mean and pairs, of `left`
    "mean of runs",          # {runs, keys}: a seed's number is the mean of so many runs, which differ in the keys
    "seeds without a run",   # {seeds, baseline}: the conditions have no run of seeds that their baseline has
    "seeds without a pair",  # {seeds, baseline}: the conditions have seeds that their baseline has not
    "compared with nothing", # {axis: columns}: no condition differs from these in the axis alone
    "standard error",        # {metric, error, accuracy, images, vectors}: √(a(1 − a)/images), a share
    "uncommitted changes",   # {runs, of}: so many of the runs were trained by code with uncommitted changes
    "pooled",                # {facts: fact -> values}: the seeds of the conditions were trained with several of these
    "counted once",          # {path, same_as}: two directories hold the same run
    # why a verdict is what it is: `ConditionResult.reason`; the numbers are in `pairs`, `p` and `family` of the result
    "established",           # {}: better or worse; indicated: by Student's t, of so few pairs
    "no pairs",              # {needed}: no seed has a number in both conditions
    "both at chance",        # facts of `Chance`: no seed of either side is above what guessing reaches
    "no difference",         # {}: every pair's difference is exactly 0
    "too few pairs",         # {needed, smallest_p}: what p can be at best, and how many pairs could establish something
    "p too large",           # {alpha, needed: pairs that would show a difference of this size, or None}
    "interval holds 0",      # {needed, end}: p is small enough, but the interval holds 0 (or the end of a claim)
    "other data",            # {mine, theirs: names}: numbers on different data
    "winner lost seeds",     # {winner, lost: status -> seeds, seeds, verdict}: its lost seeds could only have spoken
                             # against it; without them it would be `verdict`
    # what stands beside a verdict: `ConditionResult.beside`
    "differs in config",     # {column, mine, theirs}: values as text, in which the two are not meant to differ
    "differs in fact",       # {fact, mine, theirs, pairs, of}: likewise, of the record, in `pairs` of `of` pairs; where
                             # mine equals theirs (uncommitted changes), nobody can tell whether they are the same
    "other initial weights", # {pairs, of}
    "stopped early",         # {mine, theirs: epochs, mine_early, theirs_early: "all" | "some" | "none", pairs, of}
    "alike seeds",           # {condition, seeds: groups}: began with the same weights, and are no independent trials
    "rests without",         # {condition, seeds, lack: Lack}
    "gap of a guess",        # facts of `Chance`: about the one side of a gap that is at chance level
    # why a claim is supported, refuted or undecided: `Evidence.reason`, besides those of a verdict
    "interval inside",       # {}: the interval of the mean lies where the claim says
    "interval outside",      # {}: it lies wholly elsewhere
    "interval across",       # {}: it reaches both sides
    "no interval",           # {}: a single seed has none
    "no number",             # {}: no seed has a number
    "lack leaves it open",   # {}: what a seed in `lacking` would have said is not known
    "at every seed",         # {}: every seed satisfies the claim
    "not at every seed",     # {values: seed -> number, differences: whether of pairs}: these do not
    "no such run",           # {}: the file asks for none that is as `of` says
    "no counterpart",        # {}: no run of the file differs from these in the other condition alone
    "diverged",              # {divergence: Divergence}: beside a claim about the pair `about`, of which a side diverged
    "differs in more",       # {keys, notes}: beside a claim: the two differ in more than what is compared
]  # fmt: skip


@dataclass(frozen=True)
class Note:
    """A fact for the reader. `actlab.show.words` makes a sentence of it.

    Args:
        kind: what it says; `NoteKind` has the facts of each.
        about: names of the conditions that it is about; empty where it is about the whole table.
        facts: the numbers and names that the sentence needs.
        changes_reading: whether a reader must know it to read the numbers.
    """

    kind: NoteKind
    about: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    changes_reading: bool = False


# What must differ where a part of the config is what is compared; to say so would be noise.
FOLLOWS = {
    "model": {PARAMETERS, WEIGHTS}, "dataset": {PARAMETERS, WEIGHTS, DATA}, "initializer": {WEIGHTS}, DATA: {DATA},
    "epochs": {ENDED}, "steps": {ENDED}, "early_stopping": {ENDED},
}  # fmt: skip
LARGEST_CLASS = 1.2  # times its share among classes of equal size; 1,135 of MNIST's 10,000 test images are ones
SKEW_LEVEL = 0.02  # the share of tables of normal differences in which any is called skewed
BY_SEED = (PARAMETERS, WEIGHTS, ENDED, DATA)  # what may differ within a condition, or is told elsewhere
MOST_POOLS = 3  # ways of pooling that are told apart
IMAGES = {
    "test_accuracy": "test_images", "val_accuracy": "validation_images", TRAIN_EVAL_METRICS[1]: "training_images",
}  # fmt: skip
SURE = 1.5  # times 1 / classes: under this limit, who is not above it has not learned; from 900 images of ten classes
LEARNED = {"test_loss": "test_accuracy", "loss": "accuracy", "train_eval_loss": "train_eval_accuracy"}
OF_VALIDATION = ("val_accuracy", "val_loss")


class Guard:
    """Holds what is known of runs besides their numbers, and says in what conditions differ by it.

    Args:
        frame: all runs of a comparison.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        keys = described(frame, differing(frame))
        self._config = {key: dict(zip(frame.index, values, strict=True)) for key, values in keys.items()}
        facts = {
            DATA: [name or None for name in data_names(frame)],
            **{name: list(frame["fact", name]) for name in frame["fact"]},
        }
        several = {name for name, values in facts.items() if len({*values} - {None}) > 1}
        if any(code and code[1] for code in facts[CODE]):
            several.add(CODE)
        self._facts = {name: dict(zip(frame.index, facts[name], strict=True)) for name in facts if name in several}
        self._data = dict(zip(frame.index, facts[DATA], strict=True))

    def unnamed(self, columns: Iterable[str]) -> list[str]:
        """The keys of the config that differ between runs, and are no part of what conditions are called by."""
        return [key for key in self._config if not any(covers(key, column) for column in columns)]

    def beside(self, mine: Condition, theirs: Condition, axis: Sequence[str]) -> list[Note]:
        """In what two conditions differ besides the columns compared."""
        found = []
        for key in self.unnamed(axis):
            ours, others = (_unique(self._config[key][row] for row in side.rows.index) for side in (mine, theirs))
            if set(ours) != set(others):
                found.append(Note("differs in config", (mine.name,), {"column": key, "mine": ours, "theirs": others}))
        told = {note.facts["column"] for note in found}
        follows = set().union(*(FOLLOWS.get(column.split(".")[0], set()) for column in axis))
        for name in self._facts:
            if name not in follows and not (name == DATA and "dataset" in told):
                found += self._of_fact(name, mine, theirs)
        return found

    def _of_fact(self, name: str, mine: Condition, theirs: Condition) -> list[Note]:
        """In how many pairs a fact differs, and how; a fact that only one side knows differs from nothing."""
        ours, others = self._by_seed(name, mine), self._by_seed(name, theirs)
        if not ours.keys() & others.keys():  # no seed in common: all runs of one side against all of the other
            ours, others = ({0: self._values(name, side.rows.index)} for side in (mine, theirs))
        both = [seed for seed in sorted(ours.keys() & others.keys()) if ours[seed] and others[seed]]
        where = [seed for seed in both if _parted(name, ours[seed], others[seed])]
        if not where:
            return []
        share = {"pairs": len(where), "of": len(both)}
        if name == WEIGHTS:
            return [Note("other initial weights", (mine.name,), share)]
        sides = {
            side: _unique(value for seed in where for value in of[seed])
            for side, of in (("mine", ours), ("theirs", others))
        }  # fmt: skip
        if name != ENDED:
            texts = {side: list(map(_text, values)) for side, values in sides.items()}
            return [Note("differs in fact", (mine.name,), {"fact": name, **texts, **share})]
        early = {side: [stopped for _, stopped in values] for side, values in sides.items()}
        epochs = {side: sorted({epoch for epoch, _ in values}) for side, values in sides.items()}
        how = {f"{side}_early": "all" if all(of) else "some" if any(of) else "none" for side, of in early.items()}
        return [Note("stopped early", (mine.name,), {**epochs, **how, **share})]

    def _by_seed(self, name: str, condition: Condition) -> dict[int, list[Any]]:
        return {seed: self._values(name, rows) for seed, rows in condition.done_by_seed.items()}

    def _values(self, name: str, rows: Iterable[Any]) -> list[Any]:
        return _unique(value for row in rows if (value := self._facts[name][row]) is not None)

    def other_data(self, mine: Condition, theirs: Condition, axis: Sequence[str]) -> Note | None:
        """Why the numbers of two conditions cannot be held against each other at all; None if they can."""
        ours, others = (_unique(filter(None, map(self._data.get, side.rows.index))) for side in (mine, theirs))
        asked = any(column.split(".")[0] == "dataset" for column in axis)
        rendered = any(side.rows["run", "real"].notna().any() for side in (mine, theirs))
        if not ours or not others or set(ours) == set(others) or (asked and not rendered):
            return None
        return Note("other data", (mine.name,), {"mine": ours, "theirs": others})

    def alike_seeds(self, condition: Condition) -> list[Note]:
        """The seeds of a condition that began with the same weights."""
        rows = condition.rows
        seeds = grouped(zip(rows["fact", WEIGHTS], rows["run", "seed"], strict=True))
        same = [sorted({*found}) for digest, found in seeds.items() if digest and len({*found}) > 1]
        return [Note("alike seeds", (condition.name,), {"condition": condition.name, "seeds": same})] if same else []

    def pooled(self, conditions: Sequence[Condition]) -> list[Note]:
        """A note for the conditions whose own seeds were trained by other code, versions or machines."""
        found = list[tuple[tuple[tuple[str, tuple[str, ...]], ...], str]]()
        for condition in conditions:
            done = condition.done.index
            values = {name: self._values(name, done) for name in self._facts if name not in BY_SEED}
            several = tuple((name, tuple(map(_text, of))) for name, of in values.items() if len(of) > 1)
            found += [(several, condition.name)] if several else []
        alike = grouped(found)
        if len(alike) > MOST_POOLS:
            facts = grouped((name, value) for several in alike for name, of in several for value in of)
            names = tuple(name for of in alike.values() for name in of)
            return [Note("pooled", names, {"facts": {name: _unique(of) for name, of in facts.items()}})]
        return [Note("pooled", tuple(of), {"facts": dict(several)}) for several, of in alike.items()]


def _parted(name: str, mine: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Whether a pair may differ in a fact; lengths that the config asks for are told with the config."""
    if name == CODE and any(dirty for _, dirty in (*mine, *theirs)):
        return True
    return set(mine) != set(theirs) and (name != ENDED or any(early for _, early in (*mine, *theirs)))


def _text(value: Any) -> str:
    return f"{value[0]}{' with uncommitted changes' * value[1]}" if isinstance(value, tuple) else str(value)


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


# --- on the whole table ----------------------------------------------------------------------------------------------


def stand_ins(frame: pd.DataFrame) -> list[Note]:
    """The rendered sets that runs were trained on in place of real ones."""
    pairs = {(real, name) for real, name in zip(frame["run", "real"], frame["run", "dataset"], strict=True) if real}
    return [Note("stand-in", (), {"dataset": name, "real": real}, True) for real, name in sorted(pairs)]


def chosen_on_test(configs: Sequence[Mapping[str, Any]], metrics: Sequence[str], at: str) -> list[Note]:
    """Where validation is done on the test images: what they chose, and what that is worth.

    Args:
        configs: of the runs whose numbers are read.
        metrics: what is read; the largest or smallest of what the test images have no part in is no choice by them.
        at: when.
    """
    datasets = [(config, config.get("dataset")) for config in configs]
    tested = [config for config, part in datasets if isinstance(part, Mapping) and part.get("validation") == "test"]
    if not tested:
        return []
    if any(config.get("early_stopping") for config in tested):
        return [Note("chosen on test", (), {"by": "early stopping", "at": at}, True)]
    of_validation = any(metric in OF_VALIDATION for metric in metrics)
    if at == "best-validation" or (at in ("max", "min") and of_validation):
        return [Note("chosen on test", (), {"by": "moment", "at": at}, True)]
    return [Note("validated on test")]


def at_their_best(metrics: Sequence[str], at: str) -> list[Note]:
    """A number taken where it is best is better than it deserves to be."""
    picked = [metric for metric in metrics if at == ("max" if higher_is_better(metric) else "min")]
    picked += [metric for metric in metrics if at == "best-validation" and metric in OF_VALIDATION]
    return [Note("taken at its best", (), {"metrics": picked}, True)] if picked else []


def images(runs: Iterable[Run], metric: str) -> int:
    """On how many images an accuracy was taken; 0 where the finished runs do not say, or do not agree."""
    counts = set()
    for run in (run for run in runs if run.status == "done"):
        count = (run.record.get("dataset") or {}).get(IMAGES.get(metric, ""))
        sample = run.config.get("train_eval") if metric == TRAIN_EVAL_METRICS[1] else None
        counts.add(min(count, sample) if isinstance(count, int) and isinstance(sample, int) else count)
    count = counts.pop() if len(counts) == 1 else 0
    return count if isinstance(count, int) else 0


@dataclass(frozen=True)
class Chance:
    """A condition that guesses, as far as its accuracy tells.

    Args:
        chance: 1 / classes.
        limit: what a network reaches that names one class for all images: LARGEST_CLASS / classes, and three standard
            errors for the images that the accuracy was taken on.
        survivors: whether seeds of it diverged, and these are the others.
    """

    chance: float
    limit: float
    survivors: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """What a note needs; `sure` is whether the images are enough to say that nothing was learned."""
        return {**asdict(self), "sure": self.limit <= SURE * self.chance}


def chance_level(runs: Sequence[Run], metric: str, at: str) -> Chance | None:
    """The level of chance where no finished run is above it at that moment; None if one is, or it is not known.

    A loss is told by the accuracy on the same images, a gap by that of training and validation both (who learned by
    heart did learn), and what a probe measures by that of validation.
    """
    accuracy = metric if metric.endswith("accuracy") else LEARNED.get(metric, "val_accuracy")
    done = [run for run in runs if run.status == "done"]
    moment = at if accuracy == metric or at != "min" else "max"  # a loss is least where the accuracy is best
    accuracies = [accuracy, *[TRAIN_EVAL_METRICS[1]] * (metric == GAP)]
    levels = [_chance(done, one, [value(run, one, moment) for run in done]) for one in accuracies]
    if (level := levels[0]) is None or None in levels:
        return None
    return replace(level, survivors=any(run.status == "diverged" for run in runs))


def _chance(done: Sequence[Run], accuracy: str, values: Sequence[float]) -> Chance | None:
    classes = set[int]()
    for config in (run.config for run in done):
        with suppress(UnknownName, LookupError, TypeError):  # of a plug-in that is not loaded, or damaged
            classes.add(sizes_of(config).classes)
    known = [one for one in values if math.isfinite(one)]
    if not known or len(classes) != 1:
        return None
    chance, count = 1 / classes.pop(), images(done, accuracy)
    limit = LARGEST_CLASS * chance + (3 * math.sqrt(chance * (1 - chance) / count) if count else 0.0)
    return Chance(chance, limit) if max(known) <= limit else None


def both_at_chance(metric: str, mine: Chance | None, theirs: Chance | None) -> Chance | None:
    """The level of chance if both sides are there, and the metric is of what was learned; None else.

    What probes measure and the time that it took are facts of networks that guess too.
    """
    if not mine or not theirs or not (metric.endswith(("accuracy", "loss")) or metric == GAP):
        return None
    return max(mine, theirs, key=lambda side: side.limit)


def taken_on_others(conditions: Sequence[Condition], metrics: Iterable[str]) -> list[Note]:
    """A note for each measure that stands beside the judged one, and was taken on other images in some conditions."""
    notes = []
    for metric in metrics:
        where = {one.name: _unique(images_of(run.config, metric) for run in one.runs) for one in conditions}
        images = grouped((of, name) for name, several in where.items() for of in several if of)
        notes += [Note("taken on others", (), {"metric": metric, "images": images}, True)] if len(images) > 1 else []
    return notes


def at_chance(levels: Mapping[str, Chance | None]) -> list[Note]:
    """The conditions that have not learned anything; those together of which the same is to be said."""
    alike = grouped((level, name) for name, level in levels.items() if level)
    return [Note("at chance", tuple(of), level.facts, True) for level, of in alike.items()]


def skewed(pairs: Mapping[Key, tuple[Sequence[int], Sequence[float]]]) -> dict[Key, dict[str, float]]:
    """The rule of the note on skew: of m comparisons, those with P(|g₁| of n normal values ≥ |g₁|) ≤ SKEW_LEVEL / m.

    One seed that makes the mean gives as large a g₁ as there can be, so this finds it and a tail alike; in tables of
    normal differences it finds any at all in 1 of 50. How often it finds what: docs/statistics.md.

    Args:
        pairs: by any key; the seeds, and the difference of each. Under 6 of them no skew can be told from luck.

    Returns:
        Their mean, the seed that lies farthest apart, and the mean without it.
    """
    many = {key: pair for key, pair in pairs.items() if len(pair[0]) >= MINIMUM_PAIRS}
    found = {}
    for key, (seeds, differences) in many.items():
        if skewness(differences)[1] <= SKEW_LEVEL / len(many):
            mean, n = fmean(differences), len(seeds)
            apart = [abs(one - mean) for one in differences]
            far = apart.index(max(apart))
            without = (sum(differences) - differences[far]) / (n - 1)
            found[key] = {"mean": mean, "seed": seeds[far], "without": without}
    return found


def standard_errors(frame: pd.DataFrame, metrics: Sequence[str], at: str) -> list[Note]:
    """√(a(1 − a)/images), by which an accuracy a is uncertain for the images it was taken on; of the middle run."""
    found: list[Note] = []
    if at in ("mean", "area"):  # over evaluations on the same images
        return found
    for metric in metrics:
        count = images(frame["run", "run"], metric)
        known = sorted(a for a in frame["metric", metric] if 0 <= a <= 1)
        if count and known:
            accuracy = known[len(known) // 2]
            error = math.sqrt(accuracy * (1 - accuracy) / count)
            facts = {"metric": metric, "error": error, "accuracy": accuracy, "images": count}
            if any(len(at_key(run.config, "dataset.content.shape") or "hwc") == 1 for run in frame["run", "run"]):
                facts["vectors"] = True
            found.append(Note("standard error", (), facts))
    return found


def uncommitted(frame: pd.DataFrame) -> list[Note]:
    """How many of the runs were trained by code that no commit has."""
    count = sum(bool(code and code[1]) for code in frame["fact", CODE])
    return [Note("uncommitted changes", (), {"runs": count, "of": len(frame)})] if count else []


def damaged(runs: Iterable[Run]) -> list[Note]:
    """A note for each file of a run that cannot be used, or is not the one that its record states."""
    found = []
    for run in runs:
        if run.status == "damaged":
            name, _, problem = str(run.record.get("reason")).partition(": ")
            found.append(Note("damaged", (), {"path": f"{run.path}/{name}", "problem": problem}, True))
        if run.status in LOST:
            continue
        changed = run.damaged((HISTORY, TIMING)) if run.status == "done" else []
        for name in (HISTORY, TIMING):
            if run.status != "done" and not (run.path / name).exists():
                continue  # it was lost before its first evaluation, which another note says
            try:
                data = run.columns(name)[1]
            except RunDirError as error:
                problem = str(error).removeprefix(f"{run.path / name}: ")
            else:
                problem = "is not the file that the record states" if name in changed else ""
                if not data.endswith(b"\n") and run.status != "running":
                    problem = "its last row does not end with a line feed: cut short, perhaps, and left out"
            if problem:
                found.append(Note("damaged", (), {"path": str(run.path / name), "problem": problem}, True))
    return found


# --- seeds -----------------------------------------------------------------------------------------------------------


def left_out(name: str, values: Values, kind: NoteKind = "seeds left out") -> list[Note]:
    """The seeds of a condition that have no number, those together that have none for the same reason.

    All that diverged are together: that is one outcome, whatever step it came at.
    """
    lost = {seed: lack for seed, lack in values.lacking.items() if lack.status != "pending"}  # which is no loss yet
    several = len({lack.reason for lack in lost.values() if lack.status == "diverged"}) > 1
    by_lack = grouped(
        (replace(lack, reason="") if several and lack.status == "diverged" else lack, seed)
        for seed, lack in lost.items()
    )
    facts = {"condition": name, "left": len(values.by_seed)}
    return [Note(kind, (name,), {**facts, "seeds": seeds, "lack": of}, True) for of, seeds in by_lack.items()]


def not_begun(runs: Iterable[Run], conditions: Sequence[Condition]) -> list[Note]:
    """The runs that have a folder with nothing in it: of the conditions, and those of no known condition."""
    known = {one.name: count for one in conditions if (count := list(one.rows["run", "status"]).count("pending"))}
    unknown = [run.path.name for run in runs if run.status != "damaged"]
    notes = [Note("not begun", tuple(known), {"runs": sum(known.values())}, True)] if known else []
    return notes + ([Note("not begun", (), {"runs": unknown})] if unknown else [])


def without_partner(values: Mapping[str, Values], pairings: Mapping[str, Against]) -> list[Note]:
    """A note for all conditions that lack the same seeds of their baseline, or have seeds that it lacks."""
    missing = list[tuple[tuple[NoteKind, tuple[int, ...], str], str]]()
    for name, pairing in pairings.items():
        mine, theirs = ({*of.by_seed, *of.lacking} for of in (values[name], values[pairing.baseline]))
        missing.append((("seeds without a run", tuple(sorted(theirs - mine)), pairing.baseline), name))
        missing.append((("seeds without a pair", tuple(sorted(mine - theirs)), pairing.baseline), name))
    return [
        Note(kind, tuple(names), {"seeds": list(seeds), "baseline": baseline})
        for (kind, seeds, baseline), names in grouped(missing).items() if seeds
    ]  # fmt: skip


def unused(conditions: Sequence[Condition], pairings: Mapping[str, Against]) -> list[Note]:
    """The conditions that have the baseline's value, while no other condition is held against them."""
    bases = {pairing.baseline for pairing in pairings.values()}
    alone = tuple(one.name for one in conditions if one.name not in bases and one.name not in pairings)
    axes = _unique(column for pairing in pairings.values() for column in pairing.axis)
    return [Note("compared with nothing", alone, {"axis": axes})] if alone and pairings else []


def means_of_runs(values: Mapping[str, Values], keys: Sequence[str]) -> list[Note]:
    """A note for the conditions that pool so many settings, which differ in these keys."""
    by_count = grouped((of.settings, name) for name, of in values.items() if of.settings > 1)
    facts = {"keys": list(keys)}
    return [Note("mean of runs", tuple(names), {"runs": n, **facts}, True) for n, names in sorted(by_count.items())]


def single_seeds(values: Mapping[str, Values]) -> list[Note]:
    """The conditions of one seed, which have no spread."""
    names = tuple(name for name, of in values.items() if len(of.by_seed) == 1)
    return [Note("one seed", names, {}, True)] if names else []
