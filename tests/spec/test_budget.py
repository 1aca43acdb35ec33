"""Lengths held against the budget, and what no training can do: known before anything is trained, without data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from actlab.errors import ConfigError
from actlab.registry import find
from actlab.spec.budget import budget_of, weight_layers
from actlab.spec.config import EarlyStopping, RunConfig, WeightFilm, resolve
from actlab.spec.plan import read as read_plan

WriteConfig = Callable[..., Path]
BASE = {"dataset": "mnist", "model": "mnist_dense", "activation": "relu", "batch_size": 100, "epochs": 4}  # 540 steps


def written(changes: dict[str, Any]) -> str:
    """A file with a key a line, in this order, flow style behind it."""
    return "".join(f"{key}: {yaml.dump(value, default_flow_style=True, width=999).splitlines()[0]}\n"
                   for key, value in {**BASE, **changes}.items() if value is not None)  # fmt: skip


def warmup(steps: int) -> dict[str, Any]:
    return {"optimizer": {"name": "sgd", "schedule": {"name": "cosine", "warmup_steps": steps}}}


def falling(epochs: float) -> dict[str, Any]:
    return {"optimizer": {"name": "sgd", "schedule": {"name": "step", "every_epochs": epochs}}}


STEPS, SHORT = {"epochs": None, "steps": 700}, {"epochs": None, "steps": 20}
# the largest length that means something, the next one, and what is said of it: all with 4 epochs of 540 steps, 54,000
# images trained on and 6,000 held out
LENGTHS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "batch_size": ({"dataset": {"name": "mnist", "train_samples": 50}, "batch_size": 50},
                   {"dataset": {"name": "mnist", "train_samples": 50}, "batch_size": 51},
                   "batch_size: 51 images a step, and the training has 50: each step takes them all"),
    "evaluate_every": ({"evaluate_every": 2160}, {"evaluate_every": 2161},
                       "evaluate_every: 2,161 steps, and the training has 2,160: it is evaluated at its end only"),
    "evaluate_every of steps": ({**STEPS, "evaluate_every": 700}, {**STEPS, "evaluate_every": 701},
                                "evaluate_every: 701 steps, and the training has 700: "),
    "accumulation": ({"optimizer": {"name": "sgd", "gradient_accumulation_steps": 2160}},
                     {"optimizer": {"name": "sgd", "gradient_accumulation_steps": 2161}},
                     "optimizer.gradient_accumulation_steps: 2,161 steps, and the training has 2,160: no weight"),
    "warm-up": (warmup(2159), warmup(2160),
                "optimizer.schedule.warmup_steps: 2,160 steps, and the training has 2,160: the learning rate is never"),
    "step schedule": (falling(3.9), falling(4), "optimizer.schedule.every_epochs: 4 epochs, and the training has 4: "),
    "step schedule of steps": ({**STEPS, **falling(1)}, {**STEPS, **falling(1.5)},
                               "optimizer.schedule.every_epochs: 1.5 epochs, and the training has 1.3: "),
    "patience": ({"early_stopping": {"patience": 2}}, {"early_stopping": {"patience": 3}},
                 "early_stopping.patience: 3 evaluations without improvement, and the training has 4: it never stops"),
    "default patience": ({"early_stopping": {}, "epochs": 7}, {"early_stopping": {}, "epochs": 6},
                         "early_stopping.patience: 5 evaluations without improvement, and the training has 6: "),
    "weight film": ({"weight_film": {"every": 4}}, {"weight_film": {"every": 5}},
                    "weight_film.every: 5 evaluations, and the training has 4: no frame is kept"),
    "weight film of steps": ({**STEPS, "evaluate_every": 350, "weight_film": {"every": 2}},
                             {**STEPS, "evaluate_every": 350, "weight_film": {"every": 3}},
                             "weight_film.every: 3 evaluations, and the training has 2: no frame is kept"),
    "ema overwriting": ({"optimizer": {"name": "sgd", "use_ema": True, "ema_overwrite_frequency": 2160}},
                        {"optimizer": {"name": "sgd", "use_ema": True, "ema_overwrite_frequency": 2161}},
                        "optimizer.ema_overwrite_frequency: 2,161 steps, and the training has 2,160: the weights"),
    "ema memory": ({"optimizer": {"name": "sgd", "use_ema": True, "ema_momentum": 0.9995}},
                   {"optimizer": {"name": "sgd", "use_ema": True, "ema_momentum": 0.9999}},
                   "optimizer.ema_momentum: 10,000 steps of memory, and the training has 2,160: the average hardly"),
    "batch norm memory": ({"model": {"name": "mnist_dense", "batch_norm": "before"}},
                          {"model": {"name": "mnist_dense", "batch_norm": "before"}, **SHORT},
                          "model.batch_norm_momentum: 100 steps of memory, and the training has 20: the statistics"),
    "train_eval": ({"train_eval": 54_000}, {"train_eval": 54_001},
                   "train_eval: 54,001 training images, and the training has 54,000: it looks at all of them"),
    "probe images in training": (
        {"train_eval": 500, "probes": [{"name": "activation_stats", "images": 500, "on": "training"}]},
        {"train_eval": 500, "probes": [{"name": "activation_stats", "images": 501, "on": "training"}]},
        "probes: 501 training images for activation_stats, and the training has 500: it sees all of them"),
    "probe images": ({"probes": [{"name": "activation_stats", "images": 6000}]},
                     {"probes": [{"name": "activation_stats", "images": 6001}]},
                     "probes: 6,001 validation images for activation_stats, and the training has 6,000: it sees all"),
}  # fmt: skip


@pytest.mark.parametrize("case", LENGTHS)
def test_a_length_beyond_the_training_is_noted_with_both_numbers(case: str, write_config: WriteConfig) -> None:
    fits, too_long, said = LENGTHS[case]
    assert read_plan(write_config(written(fits))).warnings == []
    (warning,) = read_plan(write_config(written(too_long))).warnings
    place, _, sentence = warning.partition(": ")
    assert sentence.startswith(said)
    line, column = map(int, place.split(":")[1:])
    text = written(too_long).splitlines()[line - 1][column - 1 :]
    assert text.startswith(tuple("0123456789[{")), text


def test_what_is_unused_is_not_noted(write_config: WriteConfig) -> None:
    unused = {"optimizer": {"name": "sgd", "ema_overwrite_frequency": 10**6, "ema_momentum": 0.99999}, **SHORT}
    assert read_plan(write_config(written(unused))).warnings == []


def test_a_note_of_many_runs_comes_once_and_says_how_many(write_config: WriteConfig) -> None:
    sweep = {"evaluate_every": 600, "sweep": {"epochs": [1, 2], "seed": [0, 1, 2]}}
    path = write_config(written({**sweep, "epochs": None}))
    (warning,) = read_plan(path).warnings
    assert warning.endswith("the training has 540: it is evaluated at its end only (in 3 of 6 runs)")
    (warning,) = read_plan(write_config(written({})), ["evaluate_every=9999"]).warnings
    assert warning.startswith("--set evaluate_every=9999: evaluate_every: 9,999 steps, and")


KNOWN = {
    RunConfig: {"batch_size", "evaluate_every", "train_eval"}, EarlyStopping: {"patience"}, WeightFilm: {"every"},
    "optimizer": {"gradient_accumulation_steps", "ema_overwrite_frequency"}, "probe": {"images"},
    "schedule": {"warmup_steps", "every_epochs"},
    # these are the budget, its images, or no lengths at all
    "no": {"epochs", "steps", "seed", "train_samples", "train_images", "test_images", "kernel_size", "filters", "units",
           "pieces", "strides", "depth", "width"},
}  # fmt: skip


def test_no_length_of_a_config_is_forgotten() -> None:
    """Every key of whole numbers, of the file and of every part, is held against the budget or is no length."""
    found = {name for model in (RunConfig, EarlyStopping, WeightFilm) for name, field in model.model_fields.items()
             if "int" in str(field.annotation)}  # fmt: skip
    for kind in ("dataset", "model", "activation", "initializer", "optimizer", "schedule", "probe"):
        for entry in find(kind):
            annotations = {p.name: str(p.annotation) for p in entry.parameters}
            found |= {name for name, of in annotations.items() if "'int'" in of or "every" in name}
    assert found <= set().union(*KNOWN.values()), "a new key: hold it against the budget, or say that it is no length"


IMPOSSIBLE = [
    ({"dataset": {"name": "mnist", "train_samples": 60_000}},
     "1:39: dataset.train_samples: 60000 is more than the 54,000 images not held out"),
    ({"dataset": {"name": "mnist", "validation": "test", "train_samples": 60_001}}, "60001 is more than the 60,000"),
    ({"dataset": {"name": "synth_mnist", "train_images": 100, "train_samples": 91}}, "91 is more than the 90 images"),
    ({"dataset": {"name": "mnist", "validation": 1e-6}},
     "1:36: dataset.validation: 1e-06 of 60,000 training images is 0 of them; give another part"),
    ({"dataset": {"name": "mnist", "validation": 0.999999}}, "0.999999 of 60,000 training images is"),
    ({"dataset": {"name": "synth_mnist", "train_images": 10, "validation": 0.01}}, "is 0 of them"),
    ({"weight_film": {"layer": "dense_1"}},
     "weight_film.layer: unknown layer with weights 'dense_1'; did you mean 'dense'?"),
    ({"weight_film": {"layer": "слой"}}, "unknown layer with weights 'слой'; known: first, dense, logits"),
    ({"dataset": "cifar10", "model": "cifar10_cnn", "initializer": "identity"},
     "initializer: identity is for dense layers; cifar10_cnn has others"),
    ({"model": {"name": "simple_cnn", "kernel_size": 28}},
     "2:8: model: kernel_size 28 and strides 1 leave 1 of 28 pixels to pool"),
    ({"model": {"name": "simple_cnn", "strides": 28, "padding": "same"}}, "and strides 28 leave 1 of 28 pixels"),
    ({"model": {"name": "simple_cnn", "kernel_size": 5, "strides": 24}}, "and strides 24 leave 1 of 28 pixels"),
    ({"optimizer": {"name": "lion", "beta_1": 0.0}}, "optimizer.beta_1: expected a number above 0, read 0.0"),
    ({"probes": ["dead_units"], "claims": [{"metric": "dense_1.dead_units", "is": "== 0"}]},
     "claims.0.metric: unknown layer with weights 'dense_1'; did you mean 'dense'?"),
    ({"claims": [{"metric": "loss", "at": "epoch 5", "is": "> 0"}]}, "epoch 5 is not reached: these runs take 4 "),
    ({"claims": [{"metric": "loss", "at": "epoch 1.5", "is": "> 0"}]}, "epoch 1.5 is no evaluation: they come every 1"),
    ({"claims": [{"metric": "loss", "at": "step 2161", "is": "> 0"}]}, "step 2161 is not reached: these runs take 21"),
    ({"claims": [{"metric": "loss", "at": "step 100", "is": "> 0"}]}, "step 100 is no evaluation: they come every 5"),
    ({**STEPS, "evaluate_every": 270, "claims": [{"metric": "loss", "at": "epoch 2", "is": "> 0"}]},
     "epoch 2 is not reached: these runs take 1.296296296 epochs"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "said"), IMPOSSIBLE)
def test_what_no_run_can_do_is_refused_at_its_place(
    changes: dict[str, Any], said: str, write_config: WriteConfig
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_plan(write_config(written(changes)))
    assert [said in str(problem) for problem in caught.value.problems] == [True], caught.value
    assert caught.value.problems[0].line


POSSIBLE = [
    {"dataset": {"name": "mnist", "train_samples": 54_000}},
    {"dataset": {"name": "mnist", "validation": "test", "train_samples": 60_000}},
    {"model": {"name": "simple_cnn", "kernel_size": 27, "convolution": "im2col"}, "weight_film": {"layer": "logits"}},
    {"model": {"name": "mnist_dense", "hidden": [8, 8]}, "weight_film": {"layer": "dense_1"}},
    {"initializer": "identity"},
    {"claims": [{"metric": "loss", "at": "epoch 4", "is": "> 0"}, {"metric": "loss", "at": "step 540", "is": "> 0"}]},
    {**STEPS, "claims": [{"metric": "loss", "at": "epoch 1", "is": "> 0"}, {"metric": "loss", "at": "step 700",
                                                                          "is": "> 0"}]},
]  # fmt: skip


@pytest.mark.parametrize("changes", POSSIBLE)
def test_what_can_be_done_is_not_refused(changes: dict[str, Any], write_config: WriteConfig) -> None:
    assert read_plan(write_config(written(changes))).runs


def test_numbers_of_a_budget() -> None:
    config, wrong = resolve({**BASE, "dataset": {"name": "cifar10", "train_samples": 1001}, "model": "cifar10_cnn"})
    assert config, wrong
    of = budget_of(config.canonical())
    assert (of.images, of.held_out, of.steps_per_epoch, of.steps, of.evaluate_every) == (1001, 5000, 11, 44, 11)
    assert of.evaluates("epoch", 3)
    assert of.evaluates("step", 44)
    assert not of.evaluates("epoch", 3.5)
    assert not of.evaluates("step", 43)


def test_names_of_layers_are_counted_by_kind() -> None:
    model = {"name": "mnist_dense", "hidden": [4, 4, 4]}
    assert weight_layers(model) == ["dense", "dense_1", "dense_2", "logits"]
    assert weight_layers({"name": "cifar10_cnn"}) == ["conv2d", "conv2d_1", "conv2d_2", "conv2d_3", "dense", "logits"]
