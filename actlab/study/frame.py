"""Finished runs as one tidy frame: a row a run, everything about it in columns, every file read once.

    config  the flattened config: ("config", "activation.name"), ("config", "activation.negative_slope"), ...
    run     what the run is: run, config, setting, seed, status, reason, hash, dataset, real, sha256
    fact    what besides decides on its bytes: parameters, initial weights, device, threads, versions, code, ...
    metric  what it measured, once that was asked for: ("metric", "val_accuracy")

Conditions are its rows grouped by the config columns that differ, `--where` is a mask. What is absent is None.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import truediv
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, TypeVar

from actlab.errors import ActlabError, RunDirError, UnknownName
from actlab.runs.folder import HISTORY, TIMING
from actlab.runs.record import Run
from actlab.spec.claim import NOT_TRAINING
from actlab.spec.labels import condition_names, texts
from actlab.spec.part import PARTS, called
from actlab.spec.where import Condition as Where
from actlab.spec.where import at_key, check_keys, flat, matches
from actlab.study import measures

if TYPE_CHECKING:
    import pandas as pd

K = TypeVar("K")
V = TypeVar("V")
DATA = "data"  # the column of what a condition was trained on, where that tells conditions apart
PARAMETERS, WEIGHTS, ENDED, CODE = "parameters", "initial weights", "trained to", "code"
VARIABLES = "environment variables"
TAKEN_ON = ("run", "images")
OF_RUN = ("run", "seed", "status", "reason", "hash", "dataset", "real", "sha256")
OF_FACTS = (PARAMETERS, WEIGHTS, "device", "processor", "threads", "oneDNN", "op determinism", VARIABLES, ENDED, CODE)
LOST = ("diverged", "failed")  # ends that leave a seed without a number for good


# --- reading -----------------------------------------------------------------------------------------------------


def frame_of(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a run: those of one experiment together, in the order of their plan where run.json states it.

    Args:
        runs: finished or not, whose configs are known; those without a `plan_index` come last, in the order given.
    """
    folders = {folder: place for place, folder in enumerate(dict.fromkeys(run.path.parent for run in runs))}
    runs = sorted(runs, key=lambda run: (folders[run.path.parent], _place(run)))
    found = _of_configs([run.config for run in runs])
    identities = map(_identity, runs, found["run", "config"])
    for level, rows, always in (("run", list(identities), OF_RUN), ("fact", list(map(facts, runs)), OF_FACTS)):
        for name in dict.fromkeys([*always, *(name for row in rows for name in row)]):
            found[level, name] = [row.get(name) for row in rows]
    return _frame(found)


def _of_configs(configs: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Any]]:
    """The columns that are of configs alone; a setting is a number for all that train alike, whatever their seed."""
    configs = _called_alike(configs)
    rows = [{key: _cell(value) for key, value in flat(config).items()} for config in configs]
    keys = [tuple((k, v) for k, v in row.items() if k.split(".")[0] not in NOT_TRAINING) for row in rows]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    found = {
        ("config", name): [row.get(name) for row in rows] for name in dict.fromkeys(n for row in rows for n in row)
    }
    return {**found, ("run", "config"): [*configs], ("run", "setting"): [numbers[key] for key in keys]}


def _called_alike(configs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The configs, own data called in each as where it was seen first: it is known by its content, not by its place.

    Where one place had several contents, the beginning of their sha256 tells them apart.
    """
    names: dict[str, str] = {}
    own = [part if isinstance(at_key(config, "dataset.content"), Mapping) else None
           for config in configs for part in [config.get("dataset")]]  # fmt: skip
    for part in filter(None, own):
        names.setdefault(str(part["content"]), called(part))
    times = Counter(names.values())
    found = list[Mapping[str, Any]]()
    for config, part in zip(configs, own, strict=True):
        if part:
            name = names[str(part["content"])]
            name += f" {str(part['content'].get('sha256'))[:8]}" * (times[name] > 1)
            kept = {key: value for key, value in part.items() if key != "content"}
            config = {**config, "dataset": {**kept, str(part["name"]): name}}
        found.append(config)
    return found


def _frame(columns: Mapping[tuple[str, str], list[Any]]) -> pd.DataFrame:
    import pandas as pd

    # the labels stay Python's: strings of Arrow, which pandas takes where it is installed, hold no lone surrogate
    labels = [pd.Index(level, dtype=object) for level in zip(*columns, strict=True)]
    frame = pd.DataFrame(dict(enumerate(columns.values())), dtype=object)
    frame.columns = pd.MultiIndex.from_arrays(labels)
    return frame


def encodable(value: Any) -> Any:
    """A text with halves of surrogate pairs spelt out: no file can hold them, nor a string of Arrow, which pandas takes
    where it is installed; what is no text, as it is.
    """
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def texts_of(configs: Sequence[Mapping[str, Any]], apart: Sequence[str] = ("seed",)) -> dict[str, list[str]]:
    """Key to its value in each config, as text, of the keys that differ; a part of another name is one key."""
    frame = _frame(_of_configs(configs))
    return described(frame, differing(frame, apart))


def names_of(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the condition of each config is called in a comparison of them all."""
    columns = texts_of(configs, NOT_TRAINING)
    keys = list(zip(*columns.values(), strict=True)) if columns else [()] * len(configs)
    different = list(dict.fromkeys(keys))
    names = dict(zip(different, condition_names(list(columns), different), strict=True))
    return [names[key] for key in keys]


def _place(run: Run) -> float:
    return math.inf if run.plan_index is None else run.plan_index


def _cell(value: Any) -> Any:
    """A value of the config as one that can be looked up: a list as its JSON."""
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value, sort_keys=True)


def _identity(run: Run, config: Mapping[str, Any]) -> dict[str, Any]:
    data, part = run.record.get("dataset") or {}, config.get("dataset")
    asked = called(part) if isinstance(part, Mapping) else part
    real = str(data["stand_in_for"]) if data.get("stand_in_for") else None
    return {
        "run": run, "seed": seed_of(run), "status": run.status, "reason": str(run.record.get("reason") or ""),
        "hash": run.hash, "sha256": str(data.get("sha256") or ""), "real": real,
        "dataset": str(data.get("name")) if real else str(asked),
    }  # fmt: skip


def seed_of(run: Run) -> int:
    """The seed of a run's config."""
    return int(run.config.get("seed", 0))


def facts(run: Run) -> dict[str, Any]:
    """What besides the config and the data decides on the bytes of a run; None where it is not recorded.

    The end of the training is (epoch, whether early stopping made it the end), the code (digest, whether it had
    uncommitted changes).
    """
    environment, record = run.environment, run.record

    def mapping(key: str) -> Mapping[str, Any]:
        value = environment.get(key)
        return value if isinstance(value, dict) else {}

    stopped = run.status == "done" and bool(record.get("stopped_early"))
    epoch = (run.results.get("final") or {}).get("epoch")
    if stopped:  # what the training ended with may be the best evaluation, and not the last
        with suppress(RunDirError, IndexError):
            epoch = float(run.history["epoch"].iloc[-1])
    git, source = mapping("git"), environment.get("source_sha256")
    commit = str(git.get("commit") or "")[:8]
    found = {
        PARAMETERS: record.get("parameters"),
        WEIGHTS: record.get("initial_weights_sha256"),
        "device": environment.get("device"),
        "processor": mapping("machine").get("processor"),
        "threads": environment.get("threads_of_parts") or environment.get("threads"),
        "oneDNN": environment.get("onednn"),
        "op determinism": environment.get("op_determinism"),
        VARIABLES: ", ".join(f"{k}={v}" for k, v in mapping("variables").items())
        or ("none" if "variables" in environment else None),
        ENDED: None,
        **{f"version of {package}": version for package, version in mapping("versions").items()},
    }
    known: dict[str, Any] = {name: _fact(value) for name, value in found.items()}
    known[ENDED] = (float(epoch), stopped) if isinstance(epoch, int | float) else None
    known[CODE] = (f"source {source[:8]}", False) if source else (commit, bool(git.get("dirty"))) if commit else None
    return known


def _fact(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " then ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


# --- which runs ----------------------------------------------------------------------------------------------------


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """Key to the values that come with it, in their order."""
    found: dict[K, list[V]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def configs_of(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    """The config of each run, nested as run.json has it."""
    return list(frame["run", "config"])


def full_key(frame: pd.DataFrame, key: str) -> str:
    """A key in full, of which the last part will do ("dropout" for "model.dropout"); others stay as they are.

    Raises:
        ActlabError: a short key could be several.
        UnknownName: it is short for one that does not differ between the configs.
    """
    config = frame["config"]
    if any(column.split(".")[0] == key.split(".")[0] for column in config):
        return key
    possible = [column for column in config if column.endswith(f".{key}")]
    differing = [column for column in possible if config[column].nunique(dropna=False) > 1]
    if len(differing) > 1:
        raise ActlabError(f"{key} is short for several keys of the config: {' or '.join(differing)}?")
    if possible and not differing:
        raise UnknownName("config key", key, possible)
    return differing[0] if differing else key


def chosen(frame: pd.DataFrame, where: Sequence[Where]) -> pd.DataFrame:
    """The rows whose configs satisfy all conditions, whose keys are in full.

    Raises:
        UnknownName: a key that no config has, with the nearest one.
        ActlabError: there is no such row.
    """
    configs = configs_of(frame)
    check_keys(where, configs)
    found = frame[[matches(config, where) for config in configs]]
    if found.empty:
        raise ActlabError(f"none of {len(frame)} runs has {','.join(map(str, where))}")
    return found


def once(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[Run, Run]]]:
    """Each config on the same data once, the finished run of several; and (left out, kept) of the others."""
    identities = list(zip(frame["run", "hash"], frame["run", "sha256"], strict=True))
    status, kept = list(frame["run", "status"]), dict[tuple[str, str], int]()
    for i in sorted(range(len(frame)), key=lambda i: status[i] != "done"):
        kept.setdefault(identities[i], i)
    runs = list(frame["run", "run"])
    twice = [(runs[i], runs[kept[key]]) for i, key in enumerate(identities) if kept[key] != i]
    return frame.iloc[sorted(kept.values())], twice


# --- conditions ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Condition:
    """Runs that are alike in everything that is compared.

    Args:
        name: as tables and figures call it.
        keys: column in which conditions differ to its value, as text.
        rows: of the frame.
    """

    name: str
    keys: dict[str, str]
    rows: pd.DataFrame

    @property
    def runs(self) -> list[Run]:
        return list(self.rows["run", "run"])

    @cached_property
    def done(self) -> pd.DataFrame:
        """The rows of its finished runs."""
        return self.rows[self.rows["run", "status"] == "done"]

    @cached_property
    def done_by_seed(self) -> dict[int, list[Any]]:
        """Seed to where in the frame its finished runs are."""
        return grouped(zip(self.done["run", "seed"], self.done.index, strict=True))


def differing(frame: pd.DataFrame, apart: Sequence[str] = NOT_TRAINING) -> list[str]:
    """The keys of the config that part conditions: those that differ, but for the seed and what does not train.

    A part whose name differs is one key ("activation"); one that differs in parameters only gives a key for each.

    Args:
        frame: of runs.
        apart: keys that part no conditions.
    """
    found: dict[str, list[str]] = {}
    config = frame["config"] if len(frame) else ()
    for column in config:
        head = column.split(".")[0]
        found.setdefault(head, [])
        if head not in apart and config[column].nunique(dropna=False) > 1:
            found[head].append(column)
    keys = []
    for head, columns in found.items():
        if columns and (head not in PARTS or head in columns or f"{head}.name" in columns):
            keys.append(head)
        else:
            keys += dict.fromkeys(".".join(column.split(".")[:2]) for column in columns)
    return keys


def described(frame: pd.DataFrame, keys: Sequence[str]) -> dict[str, list[str]]:
    """Key to its value in each run, as text."""
    by_setting = dict(zip(frame["run", "setting"], frame["run", "config"], strict=True))
    found = {}
    for key in keys:
        if key.split(".")[0] in NOT_TRAINING:  # asked for: not the same within a setting
            found[key] = texts(key, [at_key(config, key) for config in configs_of(frame)])
            continue
        values = texts(key, [config.get(key, at_key(config, key)) for config in by_setting.values()])
        of_setting = dict(zip(by_setting, values, strict=True))
        found[key] = [of_setting[setting] for setting in frame["run", "setting"]]
    return found


def conditions(
    frame: pd.DataFrame, by: Sequence[str] = (), among: pd.DataFrame | None = None
) -> tuple[list[Condition], dict[str, list[str]]]:
    """The conditions in the order of their first runs; and name to data of what had to be kept apart for its data.

    Args:
        frame: what to group.
        by: config keys to group by instead of those that differ.
        among: what the frame was chosen from; where nothing differs between what is left, what differs in all of it
            says which condition it is.

    Raises:
        UnknownName: a key of `by` that no config has, with the nearest one.
    """
    check_keys([Where(key, "=", None) for key in by], configs_of(frame))
    columns = described(frame, by or differing(frame))
    if not columns and among is not None:
        everywhere = described(among, differing(among))
        columns = {key: [values[i] for i in frame.index] for key, values in everywhere.items()}
    keys = list(zip(*columns.values(), strict=True)) if columns else [()] * len(frame)
    data = data_names(frame)
    first = {key: name for key, name in reversed(list(zip(keys, data, strict=True))) if name}
    data = [name or first.get(key, "") for key, name in zip(keys, data, strict=True)]  # one that never had its data
    apart: dict[tuple[str, ...], Counter[str]] = {}
    for key, name in zip(keys, data, strict=True):
        apart.setdefault(key, Counter())[name] += 1
    mixed = {" ".join(key) or "these runs": list(names) for key, names in apart.items() if len(names) > 1}
    names = list(columns)
    if mixed:
        keys, names = [(*key, name) for key, name in zip(keys, data, strict=True)], [*names, DATA]
    places = grouped((key, place) for place, key in enumerate(keys))
    called = condition_names(names, list(places))
    return [
        Condition(encodable(name), dict(zip(names, key, strict=True)), frame.iloc[rows])
        for name, (key, rows) in zip(called, places.items(), strict=True)
    ], mixed


def data_names(frame: pd.DataFrame) -> list[str]:
    """What each run was trained on; with the beginning of its sha256 where one name is of different bytes.

    A stand-in bears its own name and that of the set it is not. Where a measure was taken on different images
    (`taken_on`), these are named too. Empty where the record does not say: a run that failed before it had its data.
    """
    names, digests = full_data_names(frame), list(frame["run", "sha256"])
    images = list(frame[TAKEN_ON]) if TAKEN_ON in frame else []
    if len({*images} - {""}) > 1:
        names = [f"{name} ({of} images)" if of else name for name, of in zip(names, images, strict=True)]
    several: dict[str, set[str]] = {}
    for name, digest in zip(names, digests, strict=True):
        several.setdefault(name, set()).update({digest} - {""})
    return [
        (f"{name} {digest[:8]}" if len(several[name]) > 1 else name) if digest else ""
        for name, digest in zip(names, digests, strict=True)
    ]


def full_data_names(frame: pd.DataFrame) -> list[str]:
    """The dataset of each run as it must be called: "mnist", or "synth_mnist, NOT mnist"."""
    pairs = zip(frame["run", "dataset"], frame["run", "real"], strict=True)
    return [f"{name}, NOT {real}" if real else name for name, real in pairs]


# --- numbers by seed -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lack:
    """Why a seed has no number.

    Args:
        status: "failed", "diverged", "interrupted" or "running"; "no value" of a run that is done and was not measured
            so; "not trained" where there is no run, "pending" where it has a folder only; "damaged" where its record
            cannot be read, or its files are not those of the record.
        reason: what run.json says; may be empty.
        runs, of: where a condition pools settings, how many of the runs that a seed has to have lack a number.
    """

    status: str
    reason: str = ""
    runs: int = 1
    of: int = 1


@dataclass(frozen=True)
class Values:
    """A condition by seed.

    Args:
        by_seed: seed to its number, in the order of the seeds; finite.
        lacking: seed to why it has none.
        settings: 1, or more where a condition pools settings: a seed's number is then the mean of its runs.
    """

    by_seed: dict[int, float]
    lacking: dict[int, Lack]
    settings: int = 1

    @property
    def lost(self) -> dict[int, str]:
        """Seed to how its training ended, of those that diverged or failed."""
        return {seed: lack.status for seed, lack in self.lacking.items() if lack.status in LOST}

    @property
    def diverged(self) -> dict[int, bool]:
        """Seed to whether its training diverged, of those that came to an end of their own.

        It diverged where run.json says so: the loss, a weight or a measure was NaN or infinite. One that failed (a
        crash, a full disk, a time limit) or was interrupted says nothing of that, and is not among them.
        """
        ends = {**dict.fromkeys(self.by_seed, "done"), **{seed: lack.status for seed, lack in self.lacking.items()}}
        of_own = ("done", "no value", "diverged")
        return {seed: end == "diverged" for seed, end in sorted(ends.items()) if end in of_own}


def taken_on(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The frame with the images that probes took a measure on as a column: part of the data of a run, for this one."""
    found = frame.copy()
    found[TAKEN_ON] = [measures.images_of(config, metric) for config in configs_of(frame)]
    return found


def measured(frame: pd.DataFrame, metric: str, at: str) -> pd.DataFrame:
    """The frame with the metric of its finished runs as a column; NaN where a run has none."""
    done = frame["run", "status"] == "done"
    runs = zip(frame["run", "run"], done, strict=True)
    numbers = [measures.value(run, metric, at) if is_done else math.nan for run, is_done in runs]
    found = frame.copy()
    found["metric", metric] = numbers
    return found


def by_seed(rows: pd.DataFrame, metric: str) -> Values:
    """The metric of a condition by seed.

    Seeds are what is replicated: where a condition pools runs that differ in more than the seed, each seed counts once,
    and only if every one of its settings has a number.

    Args:
        rows: of one condition, with the column of the metric.
        metric: a measure.
    """
    found: dict[int, dict[int, list[tuple[str, str, float]]]] = {}
    columns = [rows["run", name] for name in ("seed", "setting", "status", "reason")]
    for seed, setting, *end in zip(*columns, rows["metric", metric], strict=True):
        found.setdefault(seed, {}).setdefault(setting, []).append(tuple(end))
    settings = len({setting for of_seed in found.values() for setting in of_seed})
    values, lacking = dict[int, float](), dict[int, Lack]()
    for seed, of_seed in sorted(found.items()):
        numbers, ends = list[float](), [("not trained", "")] * (settings - len(of_seed))
        for runs in of_seed.values():
            if finite := [value for status, _, value in runs if status == "done" and math.isfinite(value)]:
                numbers.append(fmean(finite))
            elif any(status == "done" for status, _, _ in runs):
                ends.append(("no value", ""))
            else:  # only where all of them are lost is the seed
                ends.append(next(((s, reason) for s, reason, _ in runs if s not in LOST), runs[0][:2]))
        if ends:
            worst = min(ends, key=lambda end: LOST.index(end[0]) if end[0] in LOST else len(LOST))
            lacking[seed] = Lack(*worst, len(ends), settings)
        else:
            values[seed] = fmean(numbers)
    return Values(values, lacking, settings)


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


def reached(rows: pd.DataFrame, metric: str, level: float) -> Reached:
    """Epochs and seconds of every finished seed until a measure was first as good as a level."""
    done = rows[rows["run", "status"] == "done"]
    pairs = zip(done["run", "seed"], done["run", "run"], strict=True)
    took = grouped((seed, measures.reach(run, metric, level)) for seed, run in pairs)
    epochs, seconds = ({seed: fmean(t[i] for t in of) for seed, of in sorted(took.items())} for i in (0, 1))
    return Reached(epochs, seconds)


def seconds_an_epoch(run: Run) -> float:
    """Median wall time of an epoch, evaluation included; NaN if the run has no timing."""
    try:
        seconds = run.columns(TIMING)[0]["wall_seconds"].tolist()
        epochs = run.columns(HISTORY)[0]["epoch"].tolist()
    except RunDirError:
        return math.nan
    if not seconds or len(seconds) != len(epochs):
        return math.nan
    if len(seconds) > 1:  # the first row holds the compilation too
        seconds, epochs = ([after - before for before, after in pairwise(of)] for of in (seconds, epochs))
    paces = list(map(truediv, seconds, epochs)) if all(of > 0 for of in epochs) else [math.nan]
    return math.nan if math.isnan(sum(paces)) else median(paces)
