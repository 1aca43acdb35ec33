"""Train a finished run again from its record, and hold every byte of the outcome against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actlab import environment
from actlab.errors import RunDirError
from actlab.parts import datasets
from actlab.run.executors import local
from actlab.run.folder import HISTORY, LAYERS, WEIGHTS, make_folder
from actlab.run.job import Job
from actlab.run.loading import run_config
from actlab.run.record import Run
from actlab.spec.where import flat

COMPARED = (HISTORY, LAYERS, WEIGHTS)


@dataclass(frozen=True)
class Reproduction:
    """What came out the second time.

    Args:
        outcome: how the second training ended: "done", or why it did not.
        files: name to whether its bytes are the same; only files that the first run has.
        parts_at: the first line of history.csv that differs, the first and the second time; None where none does.
        environment: dotted name to its value then and now, where they differ.
    """

    outcome: str
    files: dict[str, bool]
    parts_at: tuple[int, str, str] | None
    environment: dict[str, tuple[Any, Any]]

    @property
    def same(self) -> bool:
        return self.outcome == "done" and all(self.files.values())


def reproduce(
    run: Run, scratch: Path, data_dir: Path | None, signals: local.Signals, watch: local.Watch,
    say: Callable[[str], None],
) -> Reproduction:  # fmt: skip
    """Train a run again in a scratch folder, with its own number of threads, and compare.

    Raises:
        RunDirError: the run is not done, or its files are no longer what its record states.
        DatasetError: its dataset cannot be had.
    """
    if run.status != "done":
        raise RunDirError(f"{run.path}: is {run.status}; only a finished run can be held against a second one")
    if damaged := run.damaged():
        raise RunDirError(f"{run.path}: no longer what its record states: {', '.join(damaged)}")
    config = run_config(run)
    prepared = datasets.prepare(config.dataset.name, config.dataset.parameters, data_dir, say=say)
    prepared = replace(prepared, stand_in_for=run.record.get("dataset", {}).get("stand_in_for"))
    wanted = "gpu" if str(run.environment.get("device", "cpu")).startswith("gpu") else "cpu"
    device = environment.choose_device(wanted)
    path = scratch / run.path.name
    make_folder(path)
    job = Job(config, run.label, path, prepared, device, int(run.environment.get("threads", 1)))
    outcome = local.run([job], local.Limits(workers=1), signals, watch)[path]
    if outcome.status != "done":
        return Reproduction(f"{outcome.status}: {outcome.reason}", {}, None, {})
    again = Run(path)
    return Reproduction("done", _same_files(run, again), _parts_at(run, again), _differences(run, again))


def _same_files(run: Run, again: Run) -> dict[str, bool]:
    files = run.record.get("files", {})
    return {name: files[name] == again.record["files"].get(name) for name in COMPARED if name in files}


def _parts_at(run: Run, again: Run) -> tuple[int, str, str] | None:
    """The first line of the two histories that differs, 1-based with the header as line 1."""
    first, second = ((r.path / HISTORY).read_text().splitlines() for r in (run, again))
    length = max(len(first), len(second))
    for number, (a, b) in enumerate(zip(_padded(first, length), _padded(second, length), strict=True), start=1):
        if a != b:
            return number, a, b
    return None


def _padded(lines: list[str], length: int) -> list[str]:
    return lines + ["(no such line)"] * (length - len(lines))


def _differences(run: Run, again: Run) -> dict[str, tuple[Any, Any]]:
    """What differs in environment and data; of what the first record does not tell, nothing can be said."""
    keys = ("environment", "dataset", "initial_weights_sha256")
    before, now = (flat({key: r.record.get(key) for key in keys}) for r in (run, again))
    return {name: (then, now.get(name)) for name, then in before.items() if then != now.get(name)}
