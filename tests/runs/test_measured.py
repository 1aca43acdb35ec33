"""What a row of the history is of: one network, measured alike in training and validation, and the best is the best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlab import load
from actlab.parts import datasets
from actlab.registry import find
from actlab.runs.job import Job
from actlab.runs.record import Run
from actlab.runs.training import Stopped, train
from actlab.spec.config import RunConfig, resolve
from actlab.spec.metrics import higher_is_better
from actlab.study import measures

SYNTH = {"name": "synth_mnist", "train_images": 700, "test_images": 200}
BASE: dict[str, Any] = {
    "dataset": SYNTH, "model": {"name": "mnist_dense", "hidden": [16]}, "activation": "relu", "batch_size": 50,
    "epochs": 2, "optimizer": {"name": "sgd", "learning_rate": 0.1},
}  # fmt: skip
DROPOUT = {"name": "mnist_dense", "hidden": [16], "dropout": 0.5}


def config(**changes: Any) -> RunConfig:
    resolved, problems = resolve({**BASE, **changes})
    assert resolved is not None, problems
    return resolved


def job(folder: Path, made: RunConfig) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    prepared = datasets.prepare(made.dataset.name, made.dataset.parameters)
    return Job(made, "label", folder, prepared, "cpu", 1)


def trained(folder: Path, **changes: Any) -> Run:
    assert train(job(folder, config(**changes))) == "done"
    return Run(folder)


# --- a moving average ------------------------------------------------------------------------------------------

EMA = {"name": "sgd", "learning_rate": 0.3, "use_ema": True, "ema_momentum": 0.9}
ON_TEST = {"dataset": {**SYNTH, "validation": "test"}}


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_every_number_of_a_row_is_of_the_averaged_weights(precision: str, tmp_path: Path) -> None:
    """Validated on the test images, a row and what was tested of its weights are the same numbers."""
    run = trained(tmp_path, **ON_TEST, optimizer=EMA, epochs=4, probes=["weight_norms"], precision=precision)
    for row in run.results.values():
        assert row["val_accuracy"] == row["test_accuracy"]
        assert row["val_loss"] == row["test_loss"]
    assert run.results["final"]["val_loss"] == pytest.approx(run.history["val_loss"].iloc[-1])
    trainable = [array for array in np.load(tmp_path / "weights.npz").values() if array.dtype == np.float32]
    norm = np.sqrt(sum(np.square(array, dtype=np.float64).sum() for array in trainable))
    assert run.history["weight_norm"].iloc[-1] == pytest.approx(norm, rel=1e-8)


def test_the_best_weights_are_averaged_ones_too(tmp_path: Path) -> None:
    run = trained(tmp_path, **ON_TEST, optimizer=EMA, epochs=4, keep_weights="best")
    images = datasets.load(datasets.prepare(SYNTH["name"], {k: v for k, v in SYNTH.items() if k != "name"}))
    model = load(tmp_path).model()
    probabilities = model.predict(images.x_test / np.float32(255), verbose=0)
    assert np.mean(probabilities.argmax(axis=1) == images.y_test) == run.results["best"]["val_accuracy"]


def test_looking_at_the_average_changes_nothing_of_the_training(tmp_path: Path) -> None:
    often = trained(tmp_path / "often", optimizer=EMA, evaluate_every=3)
    seldom = trained(tmp_path / "seldom", optimizer=EMA)
    assert (often.path / "weights.npz").read_bytes() == (seldom.path / "weights.npz").read_bytes()
    assert len(often.history) > len(seldom.history)


# --- the learning rate -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["cosine", "exponential", {"name": "step", "every_epochs": 0.5}])
@pytest.mark.parametrize("each", [None, 4])
def test_the_learning_rate_of_a_row_is_that_of_its_last_step(schedule: Any, each: int | None, tmp_path: Path) -> None:
    optimizer = {"name": "sgd", "learning_rate": 0.1, "schedule": schedule, "gradient_accumulation_steps": each}
    made = config(optimizer=optimizer, evaluate_every=5)
    train(job(tmp_path, made))
    history, total = Run(tmp_path).history, 2 * 13
    named = dict(made.optimizer.parameters["schedule"])
    rate = find("schedule").get(named.pop("name")).function(0.1, total, 13, **named)
    for step, found in zip(history["step"], history["learning_rate"], strict=True):
        taken = step - 1 if each is None else max(0, step // each * each - 1)  # the step of the last update
        assert found == pytest.approx(float(rate(taken)), rel=1e-6)


# --- the best --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["val_accuracy", "val_loss"])
def test_the_best_is_the_best_and_min_delta_is_for_patience_only(metric: str, tmp_path: Path) -> None:
    """An improvement of less than min_delta does not lengthen a training, and is the best all the same."""
    stopping = {"metric": metric, "patience": 4, "min_delta": 10.0, "restore_best": True}
    run = trained(tmp_path, epochs=20, early_stopping=stopping, keep_weights="best", **ON_TEST)
    values = run.history[metric]
    assert len(values) == 5  # the first, and then the patience
    best = values.max() if higher_is_better(metric) else values.min()
    assert run.results["best"][metric] == run.results["final"][metric] == pytest.approx(best) != values.iloc[0]
    assert run.results["best"]["test_accuracy"] == run.results["best"]["val_accuracy"]
    assert measures.value(run, metric, "best-validation") == pytest.approx(best)


# --- training measured as validation is ------------------------------------------------------------------------


def test_training_is_measured_at_inference(tmp_path: Path) -> None:
    """All images, and without dropout: what Keras's evaluate says of the weights that are kept."""
    run = trained(tmp_path, model=DROPOUT, train_eval="all", dataset={**SYNTH, "validation": "test"})
    images = datasets.load(datasets.prepare(SYNTH["name"], {k: v for k, v in SYNTH.items() if k != "name"}))
    probabilities = load(tmp_path).model().predict(images.x_train / np.float32(255), verbose=0)
    row = run.history.iloc[-1]
    assert row["train_eval_accuracy"] == pytest.approx(np.mean(probabilities.argmax(axis=1) == images.y_train))
    entropy = -np.log(probabilities[np.arange(len(images.y_train)), images.y_train]).mean()
    assert row["train_eval_loss"] == pytest.approx(entropy, rel=1e-5)
    assert row["train_eval_accuracy"] > row["accuracy"]  # that is a mean over the epoch, with half the units off
    assert run.results["final"]["train_eval_accuracy"] == pytest.approx(row["train_eval_accuracy"])
    gap = row["train_eval_accuracy"] - row["val_accuracy"]
    assert measures.value(run, "gap") == pytest.approx(gap)
    assert "gap" in measures.known_metrics([run]) and not higher_is_better("gap")


def test_a_sample_is_fixed_seeded_and_changes_nothing_else(tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain")
    runs = [trained(tmp_path / str(n), train_eval=n) for n in (100, 630, 10_000)]
    for run in runs:
        assert list(run.history)[-2:] == ["train_eval_loss", "train_eval_accuracy"]
        assert run.history[list(plain.history)].equals(plain.history)
        assert (run.path / "weights.npz").read_bytes() == (plain.path / "weights.npz").read_bytes()
    assert (runs[0].history["train_eval_accuracy"] * 100 % 1).max() == pytest.approx(0, abs=1e-9)  # of 100 images
    assert runs[1].history.equals(runs[2].history)  # all that are not held out
    again = trained(tmp_path / "again", train_eval=100)
    assert again.history.equals(runs[0].history)


def test_it_goes_on_after_a_stop(tmp_path: Path) -> None:
    made = config(train_eval=64, probes=[{"name": "dead_units", "on": "training"}, "inactive_units"], optimizer=EMA)
    train(job(tmp_path / "whole", made))
    calls = iter([False, True, *[False] * 1000])
    with pytest.raises(Stopped):
        train(job(tmp_path / "cut", made), lambda: next(calls))
    train(job(tmp_path / "cut", made))
    for name in ("history.csv", "layers.csv", "weights.npz"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_probe_may_look_at_the_images_that_are_trained_on(tmp_path: Path) -> None:
    """Dead on a few held-out images is not dead in training: the two are counted apart, and each is right."""
    few = {"dataset": {**SYNTH, "validation": 0.005}, "optimizer": {"name": "sgd", "learning_rate": 1.0}}
    probes = {on: [{"name": "dead_units", "on": on}, "inactive_units"] for on in ("validation", "training")}
    runs = {on: trained(tmp_path / on, **few, probes=chosen) for on, chosen in probes.items()}
    dead = {on: run.history["dead_units"].to_numpy() for on, run in runs.items()}
    assert (dead["validation"] >= dead["training"]).all() and (dead["validation"] > dead["training"]).any()
    assert runs["validation"].history["inactive_units"].equals(runs["training"].history["inactive_units"])

    prepared = datasets.prepare(SYNTH["name"], {k: v for k, v in SYNTH.items() if k != "name"})
    part = datasets.split(datasets.load(prepared), None, 0.005, 0)
    first = load(tmp_path / "training").model().layers
    kernel, bias = next(layer.get_weights() for layer in first if layer.get_weights())
    x = datasets.load(prepared).x_train[part.train].reshape(len(part.train), -1) / np.float32(255)
    assert int((~(x @ kernel + bias > 0).any(axis=0)).sum()) == dead["training"][-1]


def test_where_a_probe_looks_is_part_of_the_run_and_validation_is_what_it_was() -> None:
    plain = config(probes=["dead_units"]).hash
    assert config(probes=[{"name": "dead_units", "on": "validation"}]).hash == plain
    assert config(probes=[{"name": "dead_units", "on": "training"}]).hash != plain
    _, problems = resolve({**BASE, "probes": [{"name": "dead_units", "on": "trainning"}]})
    assert "did you mean 'training'?" in str(problems)
