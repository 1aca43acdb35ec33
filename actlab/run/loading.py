"""A finished run as an object: its record, its history, and its model with the weights it ended with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actlab.errors import RunDirError
from actlab.registry import find
from actlab.run.folder import RECORD, WEIGHTS, read_arrays
from actlab.run.record import Run
from actlab.spec.config import RunConfig, resolve


class LoadedRun(Run):
    """A run whose model can be had again; what it was and what it did is read from its directory."""

    def model(self) -> Any:
        """The Keras model, built from the config, with the weights that were kept.

        Returns:
            a `keras.Model` from images in 0..1, (batch, height, width, channels), to class probabilities.

        Raises:
            RunDirError: no weights were kept, they are damaged, or the config is of another version of actlab.
        """
        from actlab.run.engines.build import build_model

        file = self.path / WEIGHTS
        if not file.exists():
            raise RunDirError(f"{file}: no weights were kept; train with keep_weights: final or best")
        arrays = [array for _, array in sorted(read_arrays(file).items())]
        facts = find("dataset").get(self.config["dataset"]["name"]).facts
        model = build_model(run_config(self), facts.shape, facts.classes)
        if len(arrays) != len(model.variables):
            raise RunDirError(f"{file}: {len(arrays)} arrays for {len(model.variables)} variables")
        for variable, value in zip(model.variables, arrays, strict=True):
            variable.assign(value)
        return model


def load(path: str | Path) -> LoadedRun:
    """The run in a directory.

    Raises:
        RunDirError: there is none, or its record is damaged.
    """
    return LoadedRun(Path(path))


def run_config(run: Run) -> RunConfig:
    """The config of a record, resolved by this version of actlab.

    Raises:
        RunDirError: this version does not know all of it.
    """
    config, issues = resolve(run.config)
    if config is None:
        what = "; ".join(f"{'.'.join(map(str, issue.path))}: {issue.message}" for issue in issues)
        raise RunDirError(f"{run.path / RECORD}: written by another version of actlab: {what}")
    return config
