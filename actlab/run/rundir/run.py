"""A run as it lies on the disk."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlab.errors import RunDirError
from actlab.run.rundir.locks import is_locked
from actlab.run.rundir.names import HISTORY, HISTORY_COLUMNS, LAYER_COLUMNS, LAYERS, RECORD, STATUSES, TIMING
from actlab.run.rundir.reading import AGAIN, read_json, read_numbers, sha256_or_none

if TYPE_CHECKING:  # pandas takes 0.3 s to import; only a comparison reads tables
    import pandas as pd


class Run:
    """A read-only view of a run directory.

    Args:
        path: the directory.

    Raises:
        RunDirError: its run.json is missing, damaged or not a record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = read_json(path / RECORD)
        if wrong := _wrong_with(self.record):
            raise RunDirError(f"{path / RECORD}: not a run's record: {wrong}; {AGAIN}")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    @property
    def label(self) -> str:
        return str(self.record.get("label", self.path.name))

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config as plain data."""
        config: dict[str, Any] = self.record["config"]
        return config

    @property
    def hash(self) -> str:
        return str(self.record["hash"])

    @property
    def status(self) -> str:
        """done, failed, diverged, interrupted; or running while a living process trains it."""
        status = str(self.record["status"])
        return "interrupted" if status == "running" and not is_locked(self.path) else status

    @property
    def environment(self) -> dict[str, Any]:
        return dict(self.record.get("environment", {}))

    @property
    def results(self) -> dict[str, Any]:
        return dict(self.record.get("results", {}))

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """A row an evaluation: epoch, step, loss, accuracy, val_loss, val_accuracy, learning_rate."""
        return read_numbers(self.path / HISTORY, HISTORY_COLUMNS)

    @functools.cached_property
    def timing(self) -> pd.DataFrame:
        """The rows of the history: wall_seconds, images_per_second."""
        return read_numbers(self.path / TIMING, ("wall_seconds",))

    @functools.cached_property
    def layers(self) -> pd.DataFrame:
        """A row an evaluation and layer: epoch, step, layer, units, and what the probes saw.

        Raises:
            RunDirError: this run has none, or it is damaged.
        """
        return read_numbers(self.path / LAYERS, LAYER_COLUMNS, words=("layer",))

    def damaged(self, names: Sequence[str] | None = None) -> list[str]:
        """Those files of the record, or of `names` among them, that are missing or have another sha256 than stated."""
        files: Mapping[str, Any] = self.record.get("files", {})
        chosen = files if names is None else [name for name in names if name in files]
        # a record may come from anywhere: a name that leads out of the directory is no file of the run
        return [n for n in chosen if Path(n).name != n or sha256_or_none(self.path / n) != files[n]]


def _wrong_with(record: Mapping[str, Any]) -> str | None:
    """What a record lacks that its readers rely on."""
    missing = [key for key in ("config", "hash", "status") if key not in record]
    if missing:
        return f"{', '.join(missing)} is missing"
    for key in ("config", "results", "environment", "files", "dataset"):
        if not isinstance(record.get(key, {}), dict):
            return f"`{key}` is no mapping"
    if record["status"] not in STATUSES:
        return f"its status is none of {', '.join(STATUSES)}"
    if not all(isinstance(row, dict) for row in record.get("results", {}).values()):
        return "its `results` are no rows of numbers"
    numbers = [record.get("wall_seconds", 0), record.get("parameters", 0), record["config"].get("seed", 0)]
    numbers += [number for row in record.get("results", {}).values() for number in row.values() if number is not None]
    return None if all(map(_is_number, numbers)) else "text stands where a number should"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e300
