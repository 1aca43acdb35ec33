"""Trackers that people already have: what a run directory holds, written into TensorBoard, MLflow or Weights & Biases.

A tracker is a file here of its own name, with a class `Log`. It is written from run directories, never from a training,
and what it holds says which runs it has.
"""

from __future__ import annotations

from importlib.util import find_spec

from actlab.errors import ActlabError, UnknownName

TRACKERS = {
    "tensorboard": "tensorboard",
    "mlflow": "",
    "wandb": "wandb",
}  # and its folder, if none is named


def check_installed(name: str) -> None:
    """Raise unless there is such a tracker, and its package is installed.

    Raises:
        ActlabError: says how to install it.
        UnknownName: there is no such tracker.
    """
    if name not in TRACKERS:
        raise UnknownName("tracker", name, list(TRACKERS))
    if find_spec(name) is None:
        raise ActlabError(f"{name}: not installed; get it by: pip install 'actlab[{name}]'")
