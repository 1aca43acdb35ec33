"""A guard against confounding: in what two conditions differ besides what is compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from actlab.errors import RunDirError
from actlab.run.record import Run
from actlab.study.compare.baseline import Against, covers
from actlab.study.compare.describing import describe
from actlab.study.compare.grouping import DATA, Group, data_words, stand_in
from actlab.study.compare.values import seed_of

PARAMETERS, WEIGHTS, TRAINED, CODE = "parameters", "initial weights", "trained to", "code"
EARLY, DIRTY = " by early stopping", " with uncommitted changes"  # ends of what is said of a run
# What must differ where a part of the config is what is compared; to say so would be noise.
FOLLOWS = {"model": {PARAMETERS, WEIGHTS}, "dataset": {PARAMETERS, WEIGHTS, DATA}, "initializer": {WEIGHTS},
           DATA: {DATA}, "seed": {WEIGHTS}, "epochs": {TRAINED}, "steps": {TRAINED},
           "early_stopping": {TRAINED}}  # fmt: skip
BY_SEED = (PARAMETERS, WEIGHTS, TRAINED, DATA)  # what may differ within a condition, or is told elsewhere
VERSION = "version of "
MOST_WORDS, MOST_POOLS = 4, 3
Facts = dict[str, str]


class Guard:
    """What is known of the runs of a comparison besides their numbers.

    Args:
        groups: all conditions.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        runs = [run for group in groups for run in group.runs]
        self.config = {id(run): words for run, words in zip(runs, describe(runs), strict=True)}
        trained_on = data_words(runs)
        self.facts = {id(run): {DATA: on, **facts(run)} for run, on in zip(runs, trained_on, strict=True)}

    def unnamed(self, columns: Iterable[str]) -> list[str]:
        """The keys of the config that differ between runs, and are no part of what conditions are called by."""
        return [key for key in next(iter(self.config.values()), {}) if not any(covers(key, c) for c in columns)]

    def differences(self, mine: Group, theirs: Group, axis: Sequence[str]) -> list[str]:
        """In what two conditions differ besides the columns compared, in words."""
        follows = set().union(*(FOLLOWS.get(column.split(".")[0], set()) for column in axis))
        found = self._of_config(mine, theirs, axis)
        for fact, words in self._of_record(mine, theirs).items():
            if fact not in follows and not (fact == DATA and any(word.startswith("dataset ") for word in found)):
                found.append(words)
        return found

    def _of_config(self, mine: Group, theirs: Group, axis: Sequence[str]) -> list[str]:
        found = []
        for key in self.unnamed(axis):
            ours, others = (_unique(self.config[id(run)][key] for run in g.runs) for g in (mine, theirs))
            if set(ours) != set(others):
                found.append(f"{key} {_listed(ours)} against {_listed(others)}")
        return found

    def _of_record(self, mine: Group, theirs: Group) -> dict[str, str]:
        """Fact to words, of those that differ within a pair; of all runs where the two have no seed in common."""
        ours, others = self._by_seed(mine), self._by_seed(theirs)
        common = sorted(ours.keys() & others.keys())
        if not common:
            ours, others, common = {0: self._all(mine)}, {0: self._all(theirs)}, [0]
        names = _unique(name for seed in common for name in ours[seed])
        return {name: words for name in names if (words := _differing(name, ours, others, common))}

    def _by_seed(self, group: Group) -> dict[int, dict[str, list[str]]]:
        runs: dict[int, list[Run]] = defaultdict(list)
        for run in group.runs:
            if run.status == "done":
                runs[seed_of(run)].append(run)
        return {seed: self._collected(members) for seed, members in runs.items()}

    def _all(self, group: Group) -> dict[str, list[str]]:
        return self._collected(group.runs)

    def _collected(self, runs: Sequence[Run]) -> dict[str, list[str]]:
        """Fact to its values, those that are not recorded left out."""
        found: dict[str, list[str]] = defaultdict(list)
        for run in runs:
            for name, word in self.facts[id(run)].items():
                if word and word not in found[name]:
                    found[name].append(word)
        return found

    def other_data(self, mine: Group, theirs: Group, axis: Sequence[str]) -> str:
        """Why the numbers of two conditions cannot be held against each other at all; empty if they can."""
        ours, others = (_unique(filter(None, (self.facts[id(r)][DATA] for r in g.runs))) for g in (mine, theirs))
        asked = any(column.split(".")[0] == "dataset" for column in axis)
        rendered = any(stand_in(run)[0] for group in (mine, theirs) for run in group.runs)
        if not ours or not others or set(ours) == set(others) or (asked and not rendered):
            return ""
        return f"numbers on different data: {_listed(ours)} against {_listed(others)}"

    def refused(self, groups: Sequence[Group], pairings: Mapping[str, Against]) -> dict[str, str]:
        """Condition to why its numbers cannot be held against those of its baseline."""
        by_name = {group.name: group for group in groups}
        reasons = {n: self.other_data(by_name[n], by_name[p.baseline], p.axis) for n, p in pairings.items()}
        return {name: reason for name, reason in reasons.items() if reason}

    def confounded(self, groups: Sequence[Group], pairings: Mapping[str, Against]) -> dict[str, list[str]]:
        """Condition to what stands beside its verdict: differences that are not compared, seeds that began alike."""
        by_name, alike = {group.name: group for group in groups}, {group.name: self.twins(group) for group in groups}
        found = {name: [words] if words else [] for name, words in alike.items()}
        for name, pairing in pairings.items():
            base = pairing.baseline
            if alike[base] and alike[base] != alike[name]:
                found[name].append(f"{base}: {alike[base]}")
            found[name] += self.differences(by_name[name], by_name[base], pairing.axis)
        return found

    def pooled(self, groups: Sequence[Group]) -> list[str]:
        """A note for the conditions whose own seeds were trained by other code, versions or machines."""
        alike: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
        for group in groups:
            if found := self._within(group):
                alike[tuple(found.items())].append(group.name)
        if len(alike) > MOST_POOLS:
            kinds = _unique(name for found in alike for name, _ in found)
            return [f"{sum(map(len, alike.values()))} conditions pool seeds trained with different {listed(kinds)}"]
        return [
            f"{_who(names, len(groups))} seeds trained with {', '.join(f'{name} {words}' for name, words in found)}"
            for found, names in alike.items()
        ]  # fmt: skip

    def _within(self, group: Group) -> dict[str, str]:
        facts = self._collected([run for run in group.runs if run.status == "done"])
        several = {name: words for name, words in facts.items() if len(words) > 1 and name not in BY_SEED}
        return {name.removeprefix(VERSION): listed(_few(words)) for name, words in several.items()}

    def twins(self, group: Group) -> str:
        """The seeds of a condition that began with the same weights; empty if none did."""
        seeds: dict[str, set[int]] = defaultdict(set)
        for run in group.runs:
            if digest := self.facts[id(run)][WEIGHTS]:
                seeds[digest].add(seed_of(run))
        same = ["seeds " + listed(sorted(found)) for found in seeds.values() if len(found) > 1]
        return f"{'; '.join(same)} began with the same initial weights, and are no independent trials" if same else ""


def facts(run: Run) -> Facts:
    """What besides the config and the data decides on the bytes of a run, as words; empty where it is not recorded."""
    environment = run.environment
    parameters = run.record.get("parameters")
    versions, machine = (_mapping(environment.get(key)) for key in ("versions", "machine"))
    words = {
        PARAMETERS: f"{parameters:,}" if isinstance(parameters, int | float) else "",
        WEIGHTS: _word(run.record.get("initial_weights_sha256")),
        "device": _word(environment.get("device")),
        "processor": _word(machine.get("processor")),
        "threads": _word(environment.get("threads_of_parts") or environment.get("threads")),
        "oneDNN": _word(environment.get("onednn")),
        "op determinism": _word(environment.get("op_determinism")),
        TRAINED: _trained_to(run),
        **{f"{VERSION}{package}": _word(version) for package, version in versions.items()},
    }
    return {**words, CODE: code(run)}


def _trained_to(run: Run) -> str:
    """The last epoch, and whether early stopping made it the last; empty where it is not recorded."""
    stopped = run.status == "done" and bool(run.record.get("stopped_early"))
    epoch = _mapping(run.results.get("final")).get("epoch")
    if stopped:  # what the training ended with may be the best evaluation, and not the last
        with suppress(RunDirError, IndexError):
            epoch = float(run.history["epoch"].iloc[-1])
    return f"{epoch:g}{EARLY if stopped else ''}" if isinstance(epoch, int | float) else ""


def code(run: Run) -> str:
    """The digest of actlab's source; of runs that do not have it, the commit, and whether more than that was in it."""
    if source := _word(run.environment.get("source_sha256")):
        return f"source {source[:8]}"
    git = _mapping(run.environment.get("git"))
    commit = _word(git.get("commit"))[:8]
    return f"{commit}{DIRTY}" if commit and git.get("dirty") else commit


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " then ".join(map(_word, value))
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)


def _differing(
    name: str, ours: Mapping[int, Mapping[str, list[str]]], others: Mapping[int, Mapping[str, list[str]]],
    seeds: Sequence[int],
) -> str:  # fmt: skip
    """In how many pairs a fact differs, and how; a fact that only one side knows differs from nothing."""
    both = [seed for seed in seeds if ours[seed].get(name) and others[seed].get(name)]
    where = [seed for seed in both if _parted(name, ours[seed][name], others[seed][name])]
    if not where:
        return ""
    share = f" in {len(where)} of {len(both)} pairs" if len(where) < len(both) else ""
    if name == WEIGHTS:
        return f"other initial weights{share}"
    mine, theirs = (_unique(word for seed in where for word in side[seed][name]) for side in (ours, others))
    if name == TRAINED:
        return f"{_ended(mine, theirs)}{share}"
    if mine == theirs:
        return f"{name} {_listed(mine)} on both sides, which may not be the same{share}"
    return f"{name} {_listed(mine)} against {_listed(theirs)}{share}"


def _parted(name: str, mine: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether a pair may differ in a fact; lengths that the config asks for are told with the config."""
    if name == CODE and any(word.endswith(DIRTY) for word in (*mine, *theirs)):
        return True
    differ = set(mine) != set(theirs)
    return differ and (name != TRAINED or any(word.endswith(EARLY) for word in (*mine, *theirs)))


def _ended(mine: Sequence[str], theirs: Sequence[str]) -> str:
    """The last epochs of two conditions, at least one of which early stopping ended."""
    if all(word.endswith(EARLY) for word in (*mine, *theirs)):
        return f"ended by early stopping at {_epochs(mine)} against {_epochs(theirs).split(' ', 1)[1]}"
    said = [f"{_epochs(words)}{_share_of_early(words)}" for words in (mine, theirs)]
    return f"ended at {said[0]} against {said[1]}"


def _epochs(words: Sequence[str]) -> str:
    numbers = sorted({float(word.removesuffix(EARLY)) for word in words})
    return f"epoch {numbers[0]:g}" if len(numbers) == 1 else f"epochs {numbers[0]:g} to {numbers[-1]:g}"


def _share_of_early(words: Sequence[str]) -> str:
    early = [word.endswith(EARLY) for word in words]
    return EARLY if all(early) else f", some{EARLY}" if any(early) else ""


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_WORDS} more" if len(words) > MOST_WORDS else ""
    return ", ".join(word or '""' for word in words[:MOST_WORDS]) + more


def _few(words: Sequence[str]) -> list[str]:
    return [*words] if len(words) <= MOST_WORDS else [*words[:MOST_WORDS], f"{len(words) - MOST_WORDS} more"]


def _who(names: Sequence[str], conditions: int) -> str:
    if len(names) == conditions > 1:
        return "every condition pools"
    if len(names) > MOST_WORDS:
        return f"{len(names)} of {conditions} conditions pool"
    return f"{listed(names)} {'pools' if len(names) == 1 else 'pool'}"


def listed(items: Sequence[Any]) -> str:
    """ "0, 1 and 4" """
    words = list(map(str, items))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
