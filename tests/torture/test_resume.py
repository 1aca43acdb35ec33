"""Rows 6 and 12 of the matrix: a training that was cut comes to the same bytes; one that diverges says so and stays."""

from __future__ import annotations

import itertools
import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlab.parts import datasets
from actlab.runs.folder import write_experiment
from actlab.runs.job import Job
from actlab.runs.record import Run
from actlab.runs.training import Stopped, train
from actlab.spec.config import RunConfig
from torture import injector, trainer
from torture.injector import command, without_figures, without_tensorflow
from torture.matrix import Cases, row

BYTES = ("history.csv", "layers.csv", "weights.npz", "weight_film.npz")


def outcome(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in BYTES if (path / name).exists()}


def cut(job: Job, *calls: int) -> int:
    """Train, and stop at these of the moments at which a training may stop; returns how often that was."""
    count, stops = itertools.count(1), 0
    while True:
        try:
            train(job, lambda: next(count) in calls)
        except Stopped:
            stops += 1
        else:
            return stops


# --- resume equality ---------------------------------------------------------------------------------------------

OPTIMIZERS = ("sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "lion")
DENSE: dict[str, Any] = {"name": "mnist_dense", "hidden": [12]}
FEATURES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "dropout": {"model": {**DENSE, "dropout": 0.3}},
    "batch norm": {"model": {**DENSE, "batch_norm": "before"}},
    "cosine": {"schedule": "cosine"},
    "exponential": {"schedule": "exponential"},
    "step": {"schedule": {"name": "step", "every_epochs": 0.5}},
    "rrelu": {"activation": "rrelu"},
    "prelu": {"activation": "prelu"},
    "moving average": {"use_ema": True},
    "accumulation": {"gradient_accumulation_steps": 2},
    "probes and film": {"probes": "all", "weight_film": {}},
    "early stopping": {"early_stopping": {"metric": "val_loss", "patience": 1, "restore_best": True}, "epochs": 4},
    "between epochs": {"steps": 17, "evaluate_every": 5},
    "all at once": {"model": {**DENSE, "dropout": 0.3, "batch_norm": "after"}, "activation": "rrelu", "use_ema": True,
                    "schedule": "cosine", "probes": "all", "weight_film": {"every": 2}},
}  # fmt: skip
OF_OPTIMIZER = ("schedule", "use_ema", "gradient_accumulation_steps")
PAIRS = [*itertools.product(OPTIMIZERS, FEATURES)]
QUICK = [("lion", "all at once")]  # tests/runs/test_training.py has others


def real_config(optimizer: str, feature: str) -> RunConfig:
    chosen = FEATURES[feature]
    of_optimizer = {"name": optimizer, **{key: chosen[key] for key in OF_OPTIMIZER if key in chosen}}
    data = {"name": "synth_mnist", "train_images": 300, "test_images": 50}
    rest = {key: value for key, value in chosen.items() if key not in OF_OPTIMIZER}
    whole = {"dataset": data, "model": DENSE, "batch_size": 50, "epochs": 2, "weight_film": None, "probes": [], **rest}
    kept = {key: value for key, value in whole.items() if value is not None}
    kept |= {"epochs": None} if "steps" in whole else {}
    return injector.config(**kept, optimizer=of_optimizer)


def real_job(path: Path, made: RunConfig) -> Job:
    path.mkdir(parents=True)
    return Job(made, "label", path, datasets.prepare(made.dataset.name, made.dataset.parameters), "cpu", 1)


@row(6, "a resumed run has the bytes of an uninterrupted one: optimizers x features", quick=len(QUICK), full=len(PAIRS))
def test_a_cut_changes_no_byte(cases: Cases, tmp_path: Path) -> None:
    for optimizer, feature in QUICK if cases.count == len(QUICK) else PAIRS:
        with cases.one(f"{optimizer}, {feature}"):
            made = real_config(optimizer, feature)
            train(real_job(tmp_path / "whole", made))
            assert cut(real_job(tmp_path / "cut", made), 1, 3, 5) >= 2
            assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
            assert Run(tmp_path / "cut").results == Run(tmp_path / "whole").results
        for name in ("whole", "cut"):
            shutil.rmtree(tmp_path / name)


@row(6, "a run cut at any moment, without TensorFlow", quick=12, full=2000)
def test_a_cut_may_come_at_any_moment(cases: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_tensorflow(monkeypatch)
    made = injector.config(epochs=4)
    count = itertools.count()
    train(injector.job(tmp_path / "whole", made), lambda: next(count) < 0)
    moments = range(1, next(count) + 4)
    whole = outcome(tmp_path / "whole")
    for i in cases:
        calls = random.Random(i).sample(moments, 1 + i % len(moments))
        path = tmp_path / str(i)
        cut(injector.job(path, made, checkpoint_seconds=1e9), *calls)
        cases.hold(outcome(path) == whole, f"cut at {calls}")
        cases.hold(
            sorted(p.name for p in path.iterdir()) == sorted(p.name for p in (tmp_path / "whole").iterdir()), "left"
        )
        shutil.rmtree(path)


# --- divergence --------------------------------------------------------------------------------------------------


def broken(engine: type[Any], where: str, at: int, value: float) -> type[Any]:
    """The engine, where one number is `value` from the step `at` on."""

    class Broken(engine):  # type: ignore[misc]
        steps = 0

        def train(self, batches: Any) -> None:
            super().train(batches)
            self.steps += len(batches)
            if self.steps >= at and where == "the loss":
                self.bad_step = at
            if self.steps >= at and where == "a weight":
                self.model.kernel = np.full(8, value, np.float32)

        def look(self, *arguments: Any) -> Any:
            loss, accuracy, seen = super().look(*arguments)
            if self.steps >= at and where == ("test_loss" if arguments[-1] == "test" else "val_loss"):
                loss = value
            if self.steps >= at and where == "val_accuracy":
                accuracy = value
            return loss, accuracy, seen

        def state(self) -> Any:
            return {**super().state(), "steps": np.int64(self.steps)}

        def restore(self, state: Any) -> None:
            super().restore(state)
            self.steps = int(state["steps"])

    return Broken


PLACES = ("the loss", "a weight", "val_loss", "val_accuracy", "test_loss", "weight_norm")
EVERYWHERE = [
    case
    for case in itertools.product(PLACES, (1, 4, 5, 8, 12), (math.nan, math.inf, -math.inf), (False, True))
    if case[1] > 4 or not case[3]
]  # a training stops after its fourth step at the earliest


@row(12, "NaN or infinity in loss, weights, a metric: diverged, and kept in the comparison", quick=24, full=10**6)
def test_what_is_no_number_diverges(cases: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_tensorflow(monkeypatch)
    without_figures(monkeypatch)
    healthy, rows = trainer.Engine, injector.training.Probes
    for seed in range(2):
        made = injector.config(seed=seed, activation="tanh")
        train(injector.job(tmp_path / "study" / f"tanh-seed{seed}-{made.hash[:8]}", made))
    write_experiment(tmp_path / "study", "epochs: 3\n", ())
    made = injector.config(seed=0)
    path = tmp_path / "study" / f"relu-seed0-{made.hash[:8]}"
    for where, at, value, resumed in random.Random(6).sample(EVERYWHERE, min(cases.count, len(EVERYWHERE))):
        with cases.one(f"{where} is {value} from step {at} on{', resumed' if resumed else ''}"):
            monkeypatch.setattr(trainer, "Engine", broken(healthy, where, at, value))
            monkeypatch.setattr(
                injector.training, "Probes", rows if where != "weight_norm" else endless(rows, at, value)
            )
            job = injector.job(path, made)
            if resumed:
                assert stopped_at(job, 1)
            assert train(job, finish=injector.finish) == "diverged"
            run = Run(path)
            assert (run.status, run.damaged()) == ("diverged", [])
            assert run.record["reason"] == f"{where} is not finite at step {run.record['diverged_at_step']}"
            assert at <= run.record["diverged_at_step"] <= (12 if where == "test_loss" else at + 3)
            assert not any(
                ".tmp" in file.name or file.name in ("checkpoint", "progress.json") for file in path.iterdir()
            )
            assert b"nan" not in (path / "run.json").read_bytes().lower()
            answer = json.loads(command("compare", str(tmp_path / "study"), "--json"))
            of = {row["condition"]: row for row in answer["conditions"]}
            assert (of["relu"]["diverged"], of["relu"]["n"]) == (1, 0)
            assert "diverged" in command("compare", str(tmp_path / "study"), "-o", str(tmp_path / "out"))
        shutil.rmtree(path, ignore_errors=True)


def stopped_at(job: Job, call: int) -> bool:
    count = itertools.count(1)
    try:
        train(job, lambda: next(count) == call)
    except Stopped:
        return True
    return False


def endless(rows: Callable[..., Any], at: int, value: float) -> Callable[..., Any]:
    """Probes whose measure is `value` from the step `at` on."""

    def probes(chosen: Any, model: Any) -> Any:
        made, engine_steps = rows(chosen, model), itertools.count(1)
        real = made.row

        def row(*seen: Any) -> Any:
            layers, totals = real(*seen)
            return layers, (value,) if 4 * next(engine_steps) >= at else totals

        made.row = row
        return made

    return probes
