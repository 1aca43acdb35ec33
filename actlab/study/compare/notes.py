"""What a reader of a comparison must know before believing it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from actlab.errors import RunDirError
from actlab.run.folder import HISTORY, TIMING
from actlab.run.record import Run
from actlab.study.compare.baseline import Against
from actlab.study.compare.grouping import Group, stand_in
from actlab.study.compare.guard import code, listed
from actlab.study.compare.values import Values
from actlab.study.measures import higher_is_better

EPOCH = "the epoch was chosen"
IMAGES_OF_VALIDATION = ("val_accuracy", "val_loss")
MOST_SEEDS, MOST_NAMES = 8, 6  # that a sentence names
IMAGES = {"test_accuracy": "test_images", "val_accuracy": "validation_images"}


def notes(runs: Sequence[Run], values: Mapping[str, Values], metrics: Sequence[str], at: str) -> list[str]:
    """Sentences on data, epochs, seeds and code; `values` are those of the metric that is judged."""
    return [
        *_stand_ins(runs), *_validation(runs, metrics, at), *_luckiest(metrics, at), *_single(values),
        *_own_error(runs, metrics), *_uncommitted(runs), *_lacking(values),
    ]  # fmt: skip


def _stand_ins(runs: Sequence[Run]) -> list[str]:
    return [
        f"trained on {name}, a rendered stand-in: these numbers say nothing about {real}"
        for real, name in sorted({stand_in(run) for run in runs} - {("", "")})
    ]


def stand_in_note(runs: Sequence[Run]) -> str:
    """Words for a figure whose runs were trained on a stand-in; empty if none was."""
    return "; ".join(
        f"{name}: a rendered stand-in, NOT {real}" for real, name in sorted({stand_in(r) for r in runs}) if real
    )


def _validation(runs: Sequence[Run], metrics: Sequence[str], at: str) -> list[str]:
    """Where validation is done on the test images, what the choice of an epoch is worth."""
    configs = [run.config for run in runs]
    if how := chosen_by_test(configs, metrics, at):
        remedy = "; --at last is fixed in advance" if how == EPOCH else ""
        return [f"validation: test - {how} by the test images, so these numbers are too good{remedy}"]
    if any(map(_on_test, configs)):
        return ["validation: test - val_accuracy and val_loss are those of the test images; no epoch is chosen by them"]
    return []


def chosen_by_test(configs: Sequence[Mapping[str, Any]], metrics: Sequence[str], at: str) -> str:
    """What was chosen by looking at the test images; empty where nothing was.

    Args:
        configs: of the runs whose numbers are read.
        metrics: what is read; the largest or smallest of what the test images have no part in is no choice by them.
        at: when.
    """
    tested = [config for config in configs if _on_test(config)]
    if any(config.get("early_stopping") for config in tested):
        return "trainings were stopped"
    on_test = any(metric in IMAGES_OF_VALIDATION for metric in metrics)
    return EPOCH if tested and (at == "best-validation" or (at in ("max", "min") and on_test)) else ""


def _on_test(config: Mapping[str, Any]) -> bool:
    part = config.get("dataset")
    return isinstance(part, Mapping) and part.get("validation") == "test"


def _luckiest(metrics: Sequence[str], at: str) -> list[str]:
    """A number taken where it is best is better than it deserves to be."""
    picked = [m for m in metrics if at == ("max" if higher_is_better(m) else "min")]
    picked += [m for m in metrics if at == "best-validation" and m in ("val_accuracy", "val_loss")]
    return [f"{', '.join(picked)}: taken where it is best in each run, and so too good by itself"] if picked else []


def _single(values: Mapping[str, Values]) -> list[str]:
    if any(len(of.by_seed) == 1 for of in values.values()):
        return ["n = 1: one seed has no spread; a difference between single seeds may be luck"]
    return []


def _own_error(runs: Sequence[Run], metrics: Sequence[str]) -> list[str]:
    """√(p(1 − p)/images), what an accuracy is uncertain by for the images it was measured on."""
    found = []
    for metric in metrics:
        counts = [_images(run, metric) for run in runs if run.status == "done"]
        accuracies = [run.results.get("final", {}).get(metric) for run in runs if run.status == "done"]
        known = sorted(a for a in accuracies if isinstance(a, int | float) and 0 <= a <= 1)
        if known and counts and counts[0] and len(set(counts)) == 1:
            middle = known[len(known) // 2]
            points = 100 * math.sqrt(middle * (1 - middle) / counts[0])
            found.append(f"{points:.2f} points for a {metric} of {middle:.3f} on {counts[0]:,} images")
    return [f"standard error by the choice of images alone: {', '.join(found)}"] if found else []


def _images(run: Run, metric: str) -> int:
    count = (run.record.get("dataset") or {}).get(IMAGES.get(metric, ""), 0)
    return count if isinstance(count, int) else 0


def _uncommitted(runs: Sequence[Run]) -> list[str]:
    dirty = [run for run in runs if code(run).endswith("changes")]
    if not dirty:
        return []
    return [f"{len(dirty)} of {len(runs)} runs were trained by code with uncommitted changes: which, nobody can tell"]


def pooled(values: Mapping[str, Values], keys: Sequence[str]) -> list[str]:
    """A note for the conditions that pool runs of so many settings of these keys."""
    by_count: dict[int, list[str]] = defaultdict(list)
    for name, of in values.items():
        by_count[of.runs_a_seed].append(name)
    over = f" over {', '.join(keys)}" if keys else ""
    return [
        f"{few(names)}: a seed's value is the mean of its {count} runs{over}"
        for count, names in by_count.items()
        if count > 1
    ]  # fmt: skip


def _lacking(values: Mapping[str, Values]) -> list[str]:
    """A note for each condition with seeds that have no number, and why."""
    found = []
    for name, of in values.items():
        words = [f"{_seeds(seeds)} {reason}" for reason, seeds in _by_reason(of.lacking).items()]
        found += [f"{name}: {'; '.join(words)}; left out of the mean and of the pairs"] if words else []
    return found


def left_out(values: Values) -> list[str]:
    """Beside a verdict: the seeds that it rests without."""
    short = {seed: reason.split(" (")[0] for seed, reason in values.lacking.items()}
    return [f"without {_seeds(seeds)} ({reason})" for reason, seeds in _by_reason(short).items()]


def _by_reason(lacking: Mapping[int, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for seed, reason in lacking.items():
        found[reason].append(seed)
    return found


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > MOST_SEEDS:
        return f"seeds {', '.join(map(str, seeds[:MOST_SEEDS]))} and {len(seeds) - MOST_SEEDS} more"
    return f"seed{'s' if len(seeds) > 1 else ''} {listed(seeds)}"


def unpaired(values: Mapping[str, Values], pairings: Mapping[str, Against]) -> list[str]:
    """A note for all conditions that lack the same seeds of their baseline, or have seeds that it lacks."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, pairing in pairings.items():
        mine, theirs = ({*of.by_seed, *of.lacking} for of in (values[name], values[pairing.baseline]))
        if theirs - mine:
            found[f"no run of {_seeds(sorted(theirs - mine))}", f"which {pairing.baseline} has"].append(name)
        if mine - theirs:
            found[f"{_seeds(sorted(mine - theirs))} without a run", f"of {pairing.baseline}"].append(name)
    return [f"{few(names)}: {what}, {whose}: no pairs of these" for (what, whose), names in found.items()]


def unused(groups: Sequence[Group], pairings: Mapping[str, Against]) -> list[str]:
    """A note for the conditions that have the baseline's value, while no other condition is held against them."""
    axes = list(dict.fromkeys(column for pairing in pairings.values() for column in pairing.axis))
    bases = {pairing.baseline for pairing in pairings.values()}
    alone = [group.name for group in groups if group.name not in bases and group.name not in pairings]
    if not alone or not pairings:
        return []
    return [f"{few(alone)}: compared with nothing, since no condition differs from it in {listed(axes)} alone"]


def few(names: Sequence[str]) -> str:
    """Names of conditions, the first few of many."""
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"


def damage(runs: Sequence[Run]) -> list[str]:
    """A note for each table of a run that cannot be used, or is not the one that its record states."""
    found = []
    for run in runs:
        changed = run.damaged((HISTORY, TIMING)) if run.status == "done" else []
        for name in (HISTORY, TIMING):
            try:
                _ = run.history if name == HISTORY else run.timing
            except RunDirError as error:
                found.append(str(error))
            else:
                found += [f"{run.path / name}: is not the file that the record states"] if name in changed else []
    return found
