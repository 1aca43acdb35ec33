"""A run as trackers take it: parameters, tags, numbers by step, histograms, files."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actlab.runs.folder import HISTORY, LAYER_COLUMNS, LAYERS, TIMING, sha256_of_files
from actlab.runs.record import Run
from actlab.show.figures.histograms import BIN
from actlab.spec.where import flat
from actlab.study.histories import rows_of

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = (HISTORY, TIMING, LAYERS)
COPIED = (".csv", ".json", ".png", ".svg")  # weights and films stay where they are


@dataclass(frozen=True)
class Histogram:
    """Of the outputs of a layer at an evaluation.

    Args:
        step: of the training.
        layer: by its name.
        edges: of the bins, one more than there are counts.
        counts: outputs in each bin.
    """

    step: int
    layer: str
    edges: NDArray[np.float64]
    counts: NDArray[np.float64]


@dataclass(frozen=True)
class Logged:
    """A run as trackers take it.

    Args:
        run: in its directory, with a readable record.
        condition: as a comparison of all runs of its experiment calls it.
    """

    run: Run
    condition: str

    @property
    def experiment(self) -> str:
        """The name of the folder that the run lies in."""
        return self.run.path.resolve().parent.name

    @cached_property
    def digest(self) -> str:
        """The sha256 of all that is written of the run: equal ones need not be written twice."""
        files = self.run.record.get("files") or sha256_of_files(self.run.path)
        state = [self.run.hash, self.run.status, [files.get(name) for name in NUMBERS]]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()

    @cached_property
    def parameters(self) -> dict[str, bool | int | float | str]:
        """The condition and the keys of the config by their dotted paths; lists as JSON, what is absent left out."""
        known = {key: value for key, value in flat(self.run.config).items() if value is not None}
        plain = {k: v if isinstance(v, bool | int | float | str) else json.dumps(v) for k, v in known.items()}
        return {"condition": self.condition, **plain}

    @cached_property
    def tags(self) -> dict[str, str]:
        """What the run is, by names that begin with "actlab."."""
        run, versions = self.run, self.run.environment.get("versions")
        found = {
            "experiment": self.experiment, "label": run.label, "hash": run.hash, "status": run.status,
            "reason": run.record.get("reason"), "path": str(run.path.resolve()),
            "dataset_sha256": (run.record.get("dataset") or {}).get("sha256"),
            **{f"version.{name}": of for name, of in (versions.items() if isinstance(versions, dict) else ())},
        }  # fmt: skip
        return {f"actlab.{name}": str(value) for name, value in found.items() if value}

    @cached_property
    def rows(self) -> dict[int, dict[str, float]]:
        """Step to the numbers of that evaluation, NaN left out.

        All columns of history.csv and timing.csv by their names, those of layers.csv as "dead_units/dense_1"; and those
        results of the record that runs are ranked by, as "final/test_accuracy" and "best/val_accuracy": each has a
        chart of a single point.

        Raises:
            RunDirError: the tables are not those that the record states, or there is no evaluation yet.
        """
        table = rows_of(self.run, timing=(self.run.path / TIMING).is_file())
        found = {int(row["step"]): row for row in _records(table)}
        for row in self._layers:
            of = found.setdefault(int(row["step"]), {})
            measures = {name: value for name, value in row.items() if name not in LAYER_COLUMNS}
            of |= {f"{name}/{row['layer']}": v for name, v in measures.items() if not BIN.fullmatch(name)}
        for which, result in self.run.results.items():
            of = found.setdefault(int(result.get("step") or max(found)), {})
            ranked = {name: value for name, value in result.items() if name.startswith(("val_", "test_"))}
            of |= {f"{which}/{name}": value for name, value in ranked.items() if value is not None}
        return dict(sorted(found.items()))

    @cached_property
    def histograms(self) -> list[Histogram]:
        """Of the outputs of each layer at each evaluation, where a probe has taken them.

        Raises:
            RunDirError: as `rows`.
        """
        found = []
        for row in self._layers:
            counts = np.array([count for name, count in row.items() if BIN.fullmatch(name)], float)
            if len(counts) and "activation_min" in row and "activation_max" in row:
                edges = np.linspace(row["activation_min"], row["activation_max"], len(counts) + 1)
                if np.isfinite(edges).all():
                    found.append(Histogram(int(row["step"]), str(row["layer"]), edges, counts))
        return found

    @cached_property
    def _layers(self) -> list[dict[str, Any]]:
        return _records(rows_of(self.run, layers=True)) if (self.run.path / LAYERS).is_file() else []

    @property
    def files(self) -> list[Path]:
        """The record, the tables and the figures."""
        return sorted(of for of in self.run.path.iterdir() if of.suffix in COPIED and of.name[0] != ".")

    @property
    def began(self) -> float:
        """Unix time; 0 where the record does not say."""
        return _unix_time(self.run.record.get("started"))

    @property
    def ended(self) -> float:
        """Unix time; that of the beginning where the record does not say."""
        return max(self.began, _unix_time(self.run.record.get("ended")))

    def at(self, step: int) -> float:
        """Unix time of an evaluation, from timing.csv."""
        return self.began + self.rows[step].get("wall_seconds", 0.0)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows, without cells that are empty or NaN."""
    rows = ({str(name): value for name, value in row.items()} for row in table.to_dict("records"))
    return [{k: v for k, v in row.items() if not (isinstance(v, float) and math.isnan(v))} for row in rows]


def _unix_time(text: Any) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return 0.0
