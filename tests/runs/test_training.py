"""One training from config to record: the numbers are Keras's, the bytes repeat, and a resume changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlab import load
from actlab.parts import datasets
from actlab.runs.engines.engine import Engine
from actlab.runs.folder import read_checkpoint, read_json, write_checkpoint
from actlab.runs.job import Job
from actlab.runs.record import Run
from actlab.runs.training import Stopped, train
from actlab.show.figures.run import draw_run
from actlab.spec.config import RunConfig, resolve

SYNTH = {"name": "synth_mnist", "train_images": 700, "test_images": 200}
BASE: dict[str, Any] = {
    "dataset": SYNTH, "model": {"name": "mnist_dense", "hidden": [16]}, "activation": "relu", "batch_size": 50,
    "epochs": 2, "optimizer": {"name": "sgd", "learning_rate": 0.1},
}  # fmt: skip


def config(**changes: Any) -> RunConfig:
    data = {**BASE, **changes}
    if "steps" in changes:
        data.pop("epochs")
    resolved, problems = resolve(data)
    assert resolved is not None, problems
    return resolved


def job(folder: Path, made: RunConfig, **options: Any) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    prepared = datasets.prepare(made.dataset.name, made.dataset.parameters)
    return Job(made, "label", folder, prepared, "cpu", 1, **options)


def trained(folder: Path, **changes: Any) -> Run:
    assert train(job(folder, config(**changes))) == "done"
    return Run(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that never stopped, for all that change nothing of it."""
    return trained(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, stopped in its second epoch."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Stopped):
        train(job(folder, config()), StopAt(2))
    return folder


@pytest.fixture
def cut(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it, to go on from."""
    return shutil.copytree(stopped, tmp_path / "cut")


class StopAt:
    """Asks the training to stop at given calls."""

    def __init__(self, *calls: int) -> None:
        self.calls, self.count = set(calls), 0

    def __call__(self) -> bool:
        self.count += 1
        return self.count in self.calls


def stopped_and_resumed(folder: Path, made: RunConfig, *calls: int) -> int:
    """Train with interruptions; returns how many there were."""
    stop, stops = StopAt(*calls), 0
    while True:
        try:
            train(job(folder, made), stop)
        except Stopped:
            stops += 1
        else:
            return stops


def outcome(folder: Path) -> dict[str, bytes]:
    names = ("history.csv", "weights.npz", "layers.csv", "confusion.csv", "weight_film.npz")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


# --- the same bytes --------------------------------------------------------------------------------------------

FEATURES: dict[str, dict[str, Any]] = {
    "sgd momentum, dropout": {"optimizer": {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9},
                              "model": {"name": "mnist_dense", "hidden": [16], "dropout": 0.3}},
    "adam, batch norm": {"optimizer": "adam", "model": {"name": "mnist_dense", "hidden": [16], "batch_norm": "before"}},
    "adamw, cosine": {"optimizer": {"name": "adamw", "schedule": "cosine"}, "activation": "prelu"},
    "rmsprop, rrelu": {"optimizer": "rmsprop", "activation": "rrelu"},
    "nadam, step": {"optimizer": {"name": "nadam", "schedule": {"name": "step", "every_epochs": 0.5}}},
    "adagrad, steps": {"optimizer": {"name": "adagrad", "learning_rate": 0.01}, "steps": 25, "evaluate_every": 6,
                       "probes": ["confusion"]},
    "adadelta, exponential": {"optimizer": {"name": "adadelta", "schedule": "exponential"}, "activation": "swish"},
    "lion, early stopping": {"optimizer": {"name": "lion", "learning_rate": 0.03}, "epochs": 6, "early_stopping": {
        "metric": "val_loss", "patience": 1, "restore_best": True}},
    "nadam, mixed_float16": {"optimizer": "nadam", "precision": "mixed_float16"},
    "ema, accumulation": {"optimizer": {"name": "sgd", "use_ema": True, "gradient_accumulation_steps": 2}},
    "all probes and a film": {"probes": "all", "weight_film": {"every": 2}, "activation": "prelu", "steps": 25,
                              "evaluate_every": 3, "optimizer": {"name": "sgd", "learning_rate": 1.0}},
    "mixed_float16, cnn": {"model": {"name": "simple_cnn", "filters": 2, "units": 8}, "precision": "mixed_float16",
                           "optimizer": "adam"},
    "all probes, mixed_float16, cnn": {
        "probes": "all", "weight_film": {}, "precision": "mixed_float16", "optimizer": "adam",
        "model": {"name": "simple_cnn", "filters": 2, "units": 8, "batch_norm": "before"}},
}  # fmt: skip


QUICK = ("sgd momentum, dropout", "adagrad, steps", "ema, accumulation", "all probes and a film")
MARKS = {"all probes, mixed_float16, cnn": pytest.mark.slow}  # tests/torture/test_resume.py has all optimizers
CASES = [n if n in QUICK else pytest.param(n, marks=MARKS.get(n, pytest.mark.torture)) for n in FEATURES]


@pytest.mark.parametrize("name", CASES)
def test_a_resumed_run_has_the_bytes_of_one_that_never_stopped(name: str, tmp_path: Path) -> None:
    made = config(**FEATURES[name])
    train(job(tmp_path / "whole", made))
    assert stopped_and_resumed(tmp_path / "cut", made, 2, 4) == 2
    assert outcome(tmp_path / "cut") == outcome(tmp_path / "whole")
    assert Run(tmp_path / "cut").results == Run(tmp_path / "whole").results


def test_nothing_is_left_of_a_checkpoint_and_every_file_has_its_sha256(cut: Path) -> None:
    train(job(cut, config()), finish=draw_run)
    run = Run(cut)
    assert (run.status, run.damaged()) == ("done", [])
    assert {"history.csv", "timing.csv", "weights.npz", "accuracy.png", "loss.png"} <= set(run.record["files"])
    assert not (run.path / "checkpoint").exists()
    assert not (run.path / "progress.json").exists()


def test_a_damaged_checkpoint_is_no_reason_to_fail(cut: Path, whole: Run) -> None:
    state = cut / "checkpoint" / "state.npz"
    state.write_bytes(state.read_bytes()[:-100])
    train(job(cut, config()))
    assert outcome(cut) == outcome(whole.path)


def test_a_moving_average_ends_in_the_final_weights(whole: Run, tmp_path: Path) -> None:
    averaged = trained(tmp_path, optimizer={"name": "sgd", "learning_rate": 0.1, "use_ema": True})
    columns = ["loss", "accuracy", "learning_rate"]  # of the training itself; what is evaluated are the averages
    assert whole.history[columns].equals(averaged.history[columns])
    assert whole.results["final"]["test_loss"] != averaged.results["final"]["test_loss"]


def test_a_finished_run_is_not_begun_again_by_a_late_worker(whole: Run) -> None:
    before = (whole.path / "run.json").stat().st_mtime_ns
    assert train(job(whole.path, config())) == "done"
    assert (whole.path / "run.json").stat().st_mtime_ns == before
    assert whole.damaged() == []


@pytest.mark.parametrize(
    "other", [{"versions": {"keras": "2.0"}}, {"variables": {"NVIDIA_TF32_OVERRIDE": "0"}}, {"data": "0" * 64}]
)
def test_a_checkpoint_of_another_origin_is_not_gone_on_from(
    other: dict[str, Any], cut: Path, whole: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = read_checkpoint(cut)
    assert arrays is not None
    position = json.loads(arrays["position"].tobytes())
    position["origin"] |= other
    arrays["position"] = np.frombuffer(json.dumps(position).encode(), dtype=np.uint8)
    write_checkpoint(cut, {k: v for k, v in arrays.items() if k != "names"})
    for of in Engine.__subclasses__():
        monkeypatch.delattr(of, "restore")
    train(job(cut, config()))
    assert outcome(cut) == outcome(whole.path)


def test_the_same_seed_gives_the_same_bytes_whatever_was_trained_before(whole: Run, tmp_path: Path) -> None:
    trained(tmp_path / "b", activation="rrelu", seed=7, model={"name": "mnist_dense", "hidden": [9, 9]})
    again = trained(tmp_path / "c")
    other_seed = trained(tmp_path / "d", seed=1)
    assert outcome(whole.path) == outcome(again.path)
    assert outcome(whole.path) != outcome(other_seed.path)


def test_activations_begin_with_the_same_weights_and_seeds_do_not(whole: Run, tmp_path: Path) -> None:
    relu = whole.record["initial_weights_sha256"]
    for name in ("prelu", "zero_fit_linear"):
        assert trained(tmp_path / name, activation=name, epochs=1).record["initial_weights_sha256"] == relu
    assert trained(tmp_path / "seed1", seed=1, epochs=1).record["initial_weights_sha256"] != relu


# --- the numbers are Keras's -----------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "softplus_linear", "prelu"])
def test_the_loop_takes_the_steps_that_keras_takes(activation: str, tmp_path: Path) -> None:
    """Plain Keras, fed the same batches by hand, ends with the same weights and reports the same numbers."""
    import keras

    from actlab.runs.engines.build import build_model

    regularised = {"name": "mnist_dense", "hidden": [16], "regularizer": {"l2": 0.01}}
    made = config(activation=activation, model=regularised, epochs=1)
    prepared = datasets.prepare(made.dataset.name, made.dataset.parameters)
    images = datasets.load(prepared)
    part = datasets.split(images, None, 0.1, 0)
    model = build_model(made, prepared.shape, prepared.classes)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    order = np.random.default_rng([0, 0]).permutation(len(part.train))
    seen = []
    for start in range(0, len(order), 50):
        batch = part.train[order[start : start + 50]]
        numbers = model.train_on_batch(images.x_train[batch] / np.float32(255), images.y_train[batch])
        seen.append([float(number) * len(batch) for number in numbers])
    held_out = images.x_train[part.validation] / np.float32(255), images.y_train[part.validation]
    val_loss, val_accuracy = model.evaluate(*held_out, verbose=0)

    run = trained(tmp_path, activation=activation, model=regularised, epochs=1)
    final = run.results["final"]
    for ours, theirs in zip(load(tmp_path).model().variables, model.variables, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6)
    assert final["val_loss"] == pytest.approx(val_loss, rel=1e-5)
    assert final["val_accuracy"] == pytest.approx(val_accuracy)
    assert (final["loss"], final["accuracy"]) == pytest.approx(np.sum(seen, axis=0) / len(order), rel=1e-4)


def test_a_loaded_model_gives_the_recorded_test_accuracy(tmp_path: Path) -> None:
    model = {"name": "mnist_dense", "hidden": [16], "batch_norm": "after"}
    run = trained(tmp_path, activation="swish", model=model, probes=["confusion"])
    images = datasets.load(datasets.prepare("synth_mnist", {k: v for k, v in SYNTH.items() if k != "name"}))
    probabilities = load(tmp_path).model().predict(images.x_test / np.float32(255), verbose=0)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    accuracy = (probabilities.argmax(axis=1) == images.y_test).mean()
    assert accuracy == pytest.approx(run.results["final"]["test_accuracy"])
    counts = run.confusion.iloc[:, 3:].to_numpy()
    assert counts.diagonal().sum() / counts.sum() == run.results["final"]["test_accuracy"]
    assert (counts.sum(axis=1) == np.bincount(images.y_test, minlength=10)).all()
    assert not (tmp_path / "layers.csv").exists()  # no other probe wants it
    assert "confusion.csv" in run.record["files"]


# --- probes ----------------------------------------------------------------------------------------------------

PROBED = {
    "dense": {"activation": "prelu", "model": {"name": "mnist_dense", "hidden": [24, 8], "dropout": 0.2}},
    "conv": {"activation": "relu", "optimizer": "adam",
             "model": {"name": "simple_cnn", "filters": 4, "units": 8, "batch_norm": "after"}},
}  # fmt: skip


@pytest.mark.parametrize("name", PROBED)
def test_probes_change_nothing_of_the_training(name: str, tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain", **PROBED[name])
    probed = trained(tmp_path / "probed", probes="all", weight_film={}, **PROBED[name])
    assert plain.hash != probed.hash
    assert (plain.path / "weights.npz").read_bytes() == (probed.path / "weights.npz").read_bytes()
    assert probed.history[list(plain.history)].equals(plain.history)
    assert probed.results["final"].items() > plain.results["final"].items()
    assert not (plain.path / "layers.csv").exists()


def test_layers_csv_has_a_row_an_evaluation_and_layer(tmp_path: Path) -> None:
    run = trained(tmp_path, probes=["weight_norms", "dead_units"], model={"name": "mnist_dense", "hidden": [9, 8]})
    assert list(run.layers) == ["epoch", "step", "layer", "units", "dead_units", "weight_norm"]
    assert run.layers["step"].tolist() == [13] * 3 + [26] * 3
    assert run.layers["layer"].tolist() == ["dense", "dense_1", "logits"] * 2
    assert run.layers["units"].tolist() == [9, 8, 10] * 2
    assert list(run.history)[7:] == ["dead_units", "weight_norm"]
    dead, norms = (run.layers.groupby("step")[column] for column in ("dead_units", "weight_norm"))
    assert run.history["dead_units"].tolist() == dead.sum().tolist()
    squares = norms.agg(lambda norm: (norm**2).sum())
    assert (run.history["weight_norm"] ** 2).tolist() == pytest.approx(squares.tolist())
    final = run.layers.iloc[-3]
    arrays = np.load(tmp_path / "weights.npz")
    assert final["weight_norm"] == pytest.approx(np.hypot(*(np.linalg.norm(arrays[n]) for n in ("0000", "0001"))))


def test_a_run_that_diverges_keeps_what_its_probes_saw(tmp_path: Path) -> None:
    made = config(probes="all", weight_film={}, optimizer={"name": "sgd", "learning_rate": 1e30}, activation="linear")
    assert train(job(tmp_path, made)) == "diverged"
    assert Run(tmp_path).layers.empty
    assert not (tmp_path / "weight_film.npz").exists()


def test_the_film_is_kept_with_the_evaluations_it_shows(tmp_path: Path) -> None:
    made = config(probes=["dead_units", "unmoved_units"], weight_film={"every": 2}, steps=50, evaluate_every=10)
    train(job(tmp_path, made), finish=draw_run)
    run = Run(tmp_path)
    film = np.load(tmp_path / "weight_film.npz")
    assert film["frames"].shape == (2, 16, 28, 28)
    assert film["dead"].shape == (2, 16)
    assert str(film["layer"]) == "dense"
    assert film["step"].tolist() == [20, 40]
    assert film["dead"].sum(axis=1).tolist() == run.history["dead_units"].tolist()[1:4:2]
    assert film["unmoved"].shape == (2, 16)
    pictures = {"weight_film.gif", "weight_film.webp", "weight_film.png", "dead_units.png"}
    assert pictures <= set(run.record["files"])


# --- budgets, ends and records ---------------------------------------------------------------------------------


def test_an_epoch_that_the_batch_size_does_not_divide_is_seen_whole(tmp_path: Path) -> None:
    run = trained(tmp_path, batch_size=64, epochs=2)  # 630 training images: nine batches and one of 54
    assert run.history["step"].tolist() == [10, 20]
    assert run.record["dataset"]["training_images"] == 630
    assert list(run.history.columns) == [
        "epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate",
    ]  # fmt: skip


def test_a_budget_in_steps_evaluates_between_epochs(tmp_path: Path) -> None:
    history = trained(tmp_path, steps=30, evaluate_every=8, dataset={**SYNTH, "train_samples": 500}).history
    assert history["step"].tolist() == [8, 16, 24, 30]
    assert history["epoch"].tolist() == [0.8, 1.6, 2.4, 3]


def test_validation_on_the_test_set_is_what_the_record_says(tmp_path: Path) -> None:
    run = trained(tmp_path, dataset={**SYNTH, "validation": "test"})
    final = run.results["final"]
    assert (final["val_loss"], final["val_accuracy"]) == (final["test_loss"], final["test_accuracy"])
    assert run.record["dataset"]["training_images"] == 700


def test_schedules_change_the_learning_rate_and_the_history_says_so(whole: Run, tmp_path: Path) -> None:
    rates = {
        schedule: trained(
            tmp_path / schedule, optimizer={"name": "sgd", "learning_rate": 0.1, "schedule": schedule}, epochs=2
        ).history["learning_rate"].tolist()
        for schedule in ("cosine", "exponential")
    }  # fmt: skip
    assert whole.history["learning_rate"].tolist() == [0.1, 0.1]  # constant, where nothing is said
    assert rates["cosine"] == pytest.approx([0.05 * (1 + np.cos(np.pi * step / 26)) for step in (12, 25)], rel=1e-5)
    assert rates["exponential"] == pytest.approx([0.1 * 0.95 ** (step / 13) for step in (12, 25)])


def test_early_stopping_ends_the_run_and_restores_the_best_weights(tmp_path: Path) -> None:
    rule = {"metric": "val_accuracy", "patience": 2, "restore_best": True}
    run = trained(tmp_path, epochs=60, early_stopping=rule)
    assert len(run.history) < 60
    assert run.record["stopped_early"] is True
    assert run.results["final"] == run.results["best"]
    assert run.results["best"]["epoch"] == len(run.history) - 2


def test_a_diverging_run_says_at_which_step(tmp_path: Path) -> None:
    made = config(optimizer={"name": "sgd", "learning_rate": 1e30})
    assert train(job(tmp_path, made)) == "diverged"
    record = read_json(tmp_path / "run.json")
    assert record["status"] == "diverged"
    assert record["diverged_at_step"] <= 3
    assert f"step {record['diverged_at_step']}" in record["reason"]


def test_the_record_holds_what_a_repetition_needs(whole: Run) -> None:
    run, made = whole, config()
    assert run.hash == made.hash
    assert resolve(run.config)[0] == made.model_copy(update={})
    assert run.record["dataset"]["sha256"] == datasets.prepare("synth_mnist", made.dataset.parameters).sha256
    assert run.environment["versions"]["keras"]
    assert {"threads", "device", "machine", "onednn", "op_determinism", "git"} <= set(run.environment)
    assert run.record["parameters"] == 784 * 16 + 16 + 16 * 10 + 10
    assert json.loads((run.path / "run.json").read_text())["results"]["final"]["epoch"] == 2


@pytest.mark.parametrize("kept", ["best", "none"])
def test_which_weights_are_kept(kept: str, tmp_path: Path) -> None:
    trained(tmp_path, keep_weights=kept, epochs=1)
    assert (tmp_path / "weights.npz").exists() == (kept == "best")
