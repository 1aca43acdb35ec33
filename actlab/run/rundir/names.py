"""The names of the files of a run and of an experiment."""

from __future__ import annotations

RECORD, HISTORY, TIMING, LAYERS, LOG = "run.json", "history.csv", "timing.csv", "layers.csv", "log.txt"
PROGRESS, CHECKPOINT, LOCK, OWNER = "progress.json", "checkpoint", ".lock", ".owner.json"
WEIGHTS, STATE = "weights.npz", "state.npz"
WEIGHT_FILM, FRAMES = "weight_film.npz", ".weight_film.frames"
EXPERIMENT, COMPARISON = "experiment.yaml", "comparison.csv"
ENDED = ("done", "failed", "diverged")
STATUSES = (*ENDED, "running", "interrupted")
HISTORY_COLUMNS = ("epoch", "step", "val_loss", "val_accuracy")  # what a reader may rely on
LAYER_COLUMNS = ("epoch", "step", "layer", "units")
