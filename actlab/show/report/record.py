"""What was trained, where and how: enough for somebody else to get the same bytes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from actlab import __version__
from actlab.run.folder import EXPERIMENT, overrides_of
from actlab.run.record import Run
from actlab.show.report.reading import Chapter
from actlab.show.report.words import counted
from actlab.spec import yaml
from actlab.spec.where import flat


@dataclass(frozen=True)
class Fact:
    """Something that was so for all runs, or differed: a name, and each value with the number of its runs."""

    name: str
    values: list[tuple[str, int]]


@dataclass(frozen=True)
class Record:
    """One run, as its page section shows it."""

    label: str
    folder: str
    status: str
    reason: str
    hash: str
    config: str
    facts: str


def facts(runs: Sequence[Run]) -> list[Fact]:
    """Data and environment of the runs, flat: "versions.keras", "threads"."""
    keys = ("dataset", "environment")
    rows = [{k: v for key in keys for k, v in flat(run.record.get(key) or {}, key).items()} for run in runs]
    names = dict.fromkeys(name for row in rows for name in row)
    return [Fact(_name(name), _tally(_word(row.get(name)) for row in rows)) for name in names]


def _name(dotted: str) -> str:
    return dotted.removeprefix("environment.").replace("_", " ")


def _tally(words: Iterable[str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return sorted(counts.items(), key=lambda pair: -pair[1])


def _word(value: Any) -> str:
    known = {None: "none", True: "yes", False: "no"}
    return known[value] if value is None or isinstance(value, bool) else str(value)


def records(chapter: Chapter) -> dict[str, list[Record]]:
    """Condition to its runs, in full."""
    return {condition: [_record(run) for run in runs] for condition, runs in chapter.conditions.items()}


def _record(run: Run) -> Record:
    times = ("started", "ended", "wall_seconds", "stopped_early")
    shown = {key: run.record.get(key) for key in (*times, "parameters", "results")}
    shown |= {
        "initial_weights_sha256": run.record.get("initial_weights_sha256"),
        "files_sha256": run.record.get("files"),
    }
    present = {key: value for key, value in shown.items() if value}
    return Record(
        run.label, run.path.name, run.status, str(run.record.get("reason") or ""), run.hash, _yaml(run.config),
        _yaml(present),
    )  # fmt: skip


def _yaml(data: Any) -> str:
    """As a config is written; as JSON what YAML 1.2 cannot say without doubt."""
    try:
        return yaml.dump(data).rstrip()
    except ValueError:
        return json.dumps(data, indent=2)


def commands(chapter: Chapter) -> list[tuple[str, str]]:
    """Command and what it does, to train all of an experiment again."""
    options = "".join(f" --set {shlex.quote(change)}" for change in overrides_of(chapter.config_text))
    folder = f"results/{shlex.quote(chapter.folder.name)}"
    found = [(f"actlab run {EXPERIMENT}{options}", "trains every run anew")] if chapter.config_text else []
    done = next((run for runs in chapter.conditions.values() for run in runs if run.status == "done"), None)
    if done:
        name = shlex.quote(done.path.name)
        found.append((f"actlab reproduce {folder}/{name}", "trains one again and compares every byte"))
    return [*found, (f"actlab report {folder} -o report.html", "makes this page")]


def generator() -> str:
    """By what the page is made."""
    return f"actlab {__version__}"


def code(runs: Sequence[Run]) -> list[str]:
    """Versions of actlab that trained, with their commits, in words."""
    found = _tally(_code(run) for run in runs)
    return [f"{word} ({counted(number, 'run')})" if len(found) > 1 else word for word, number in found]


def _code(run: Run) -> str:
    versions, git = run.environment.get("versions"), run.environment.get("git")
    version = f"actlab {versions['actlab']}" if isinstance(versions, dict) and "actlab" in versions else "actlab"
    if not isinstance(git, dict):
        return version
    dirty = ", with uncommitted changes" if git.get("dirty") else ""
    return f"{version}, commit {git.get('commit')}{dirty}"
