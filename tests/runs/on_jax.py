"""What `test_jax.py` looks at: trainings in a process with JAX and Keras, where TensorFlow cannot be imported.

python on_jax.py FOLDER        writes what came out to FOLDER/answer.json
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from actlab.parts import datasets
from actlab.runs.job import Job
from actlab.runs.training import Stopped, train, train_together
from actlab.spec.config import RunConfig, resolve


class NoTensorFlow:
    """Refuses it, as a machine does that lacks it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(f"No module named {name!r}", name="tensorflow")
        return None


NET: dict[str, Any] = {
    "dataset": {"name": "synth_mnist", "train_images": 700, "test_images": 200}, "batch_size": 50, "epochs": 2,
    "model": {"name": "mnist_dense", "hidden": [16]}, "initializer": "he_normal", "activation": "leaky_relu",
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
}  # fmt: skip
ALL_NUMBERS: dict[str, Any] = {
    "model": {"name": "mnist_dense", "hidden": [16], "dropout": 0.2, "regularizer": {"l1": 1e-5, "l2": 1e-4}},
    "activation": {"name": "leaky_relu", "negative_slope": 0.1},
    "probes": ["dead_units", "gradient_norms", "weight_norms"],
    "weight_film": {},
    "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.8, "weight_decay": 0.001},
}  # fmt: skip
OTHER_NUMBERS: dict[str, Any] = {
    **ALL_NUMBERS, "seed": 1, "activation": {"name": "leaky_relu", "negative_slope": 0.3},
    "model": {"name": "mnist_dense", "hidden": [16], "dropout": 0.4, "regularizer": {"l1": 3e-5, "l2": 3e-4}},
    "optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.5, "weight_decay": 0.003},
}  # fmt: skip
FILES = ("history.csv", "layers.csv", "weights.npz", "weight_film.npz")


def config(**changes: Any) -> RunConfig:
    data = {**NET, **changes}
    if "steps" in changes:
        del data["epochs"]
    made, problems = resolve(data)
    assert made is not None, problems
    return made


def job(folder: Path, made: RunConfig) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    return Job(made, folder.name, folder, datasets.prepare(made.dataset.name, made.dataset.parameters), "cpu", 1)


def stopped_and_resumed(folder: Path, made: RunConfig, calls: Iterable[int]) -> int:
    """Train with interruptions at some of the calls of `stop`; returns how many there were."""
    asked, stops = iter(range(1, 1000)), 0
    while True:
        try:
            train(job(folder, made), lambda: next(asked) in calls)
        except Stopped:
            stops += 1
        else:
            return stops


def main(folder: Path) -> None:
    os.environ |= {"ACTLAB_ENGINE": "jax", "JAX_PLATFORMS": "cpu", "PJRT_NPROC": "1"}
    sys.meta_path.insert(0, NoTensorFlow())  # type: ignore[arg-type]
    from jax import monitoring

    compiled: list[str] = []
    event = "/jax/core/compile/backend_compile_duration"
    monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **of: compiled.append(of["fun_name"]) if name == event else None
    )
    first, second = config(**ALL_NUMBERS), config(**OTHER_NUMBERS)
    train(job(folder / "alone", second))
    stops = stopped_and_resumed(folder / "resumed", second, (3,))
    together = train_together([job(folder / "first", first), job(folder / "together", second)])
    from actlab.lazy import backend
    from actlab.runs.engines import jax as engine

    engine.ONE_BY_ONE = ()  # as on a GPU
    together += train_together([job(folder / "beside", first), job(folder / "stacked", second)])
    loaded = sorted({name.partition(".")[0] for name in sys.modules} & {"tensorflow", "jax", "keras"})
    answer = {
        "backend": backend(), "loaded": loaded, "stops": stops, "together": list(map(str, together)),
        "compiled": compiled.count("jit(_train_chunk)"),
    }  # fmt: skip
    (folder / "answer.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
