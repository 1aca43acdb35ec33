"""Models are the nets that their sources describe, with every activation, initializer and optimizer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from actlab.lazy import keras
from actlab.parts.initializers import INITIALIZERS
from actlab.parts.optimizers import OPTIMIZERS
from actlab.parts.probes import probed_layers
from actlab.registry import find
from actlab.runs.engines.build import build_model, build_optimizer
from actlab.spec.budget import weight_layers
from actlab.spec.config import RunConfig, resolve

MNIST, CIFAR = (28, 28, 1), (32, 32, 3)


def config(**changes: Any) -> RunConfig:
    base = {"dataset": "mnist", "model": "mnist_dense", "activation": "relu", "epochs": 1}
    resolved, problems = resolve({**base, **changes})
    assert resolved is not None, problems
    return resolved


def kinds(model: Any) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


def test_the_cnn_has_the_published_number_of_parameters() -> None:
    model = build_model(config(model="cifar10_cnn"), CIFAR, 10)
    assert model.count_params() == 1_250_858
    dropouts = [layer.rate for layer in model.layers if type(layer).__name__ == "Dropout"]
    assert dropouts == [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("linear", 7_850), ("simple_cnn", 30 * 25 + 30 + 30 * 144 * 100 + 100 + 1_010),
     ({"name": "mnist_dense", "hidden": [40, 20]}, 784 * 40 + 40 + 40 * 20 + 20 + 210)],
)  # fmt: skip
def test_numbers_of_parameters(name: Any, parameters: int) -> None:
    assert build_model(config(model=name), MNIST, 10).count_params() == parameters


@pytest.mark.parametrize(("where", "order"), [("before", "norm first"), ("after", "activation first"), ("none", "")])
def test_batch_norm_stands_where_the_config_says(where: str, order: str) -> None:
    found = kinds(build_model(config(model={"name": "mnist_dense", "batch_norm": where}), MNIST, 10))
    if not order:
        assert "BatchNormalization" not in found
    else:
        assert (found.index("BatchNormalization") < found.index("Activation")) == (order == "norm first")


@pytest.mark.parametrize("activation", ["glu", {"name": "maxout", "pieces": 3}])
def test_a_unit_that_takes_several_inputs_keeps_its_number_of_outputs(activation: Any) -> None:
    model = build_model(config(activation=activation, model={"name": "mnist_dense", "hidden": [12]}), MNIST, 10)
    assert model.get_layer("logits").kernel.shape[0] == 12


@pytest.mark.parametrize("name", INITIALIZERS.names())
def test_every_initializer_is_what_it_says(name: str) -> None:
    shape = (400, 300)
    entry = INITIALIZERS.get(name)
    weights = np.asarray(entry.function(3)(shape))
    expected = {
        "glorot_uniform": 2 / 700, "glorot_normal": 2 / 700, "he_normal": 2 / 400, "he_uniform": 2 / 400,
        "lecun_normal": 1 / 400, "lecun_uniform": 1 / 400, "xavier_fan_in": 1 / 400, "he_fan_in": 2 / 400,
        "random_normal": 0.05**2, "truncated_normal": 0.774 * 0.05**2, "random_uniform": 0.1**2 / 12,
        "variance_scaling": 1 / 400, "orthogonal": 1 / 400, "identity": 1 / 400, "zeros": 0, "ones": 0, "constant": 0,
    }  # fmt: skip
    assert weights.var() == pytest.approx(expected[name], rel=0.02, abs=1e-6 if expected[name] else 1e-12)
    assert np.array_equal(weights, np.asarray(entry.function(3)(shape)))


def test_the_fan_in_initializers_are_not_truncated() -> None:
    weights = np.asarray(INITIALIZERS.get("he_fan_in").function(0)((400, 300)))
    assert np.abs(weights).max() > 3.5 * weights.std()
    truncated = np.asarray(INITIALIZERS.get("he").function(0)((400, 300)))
    assert np.abs(truncated).max() < 2.4 * truncated.std()


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_every_optimizer_has_the_defaults_of_keras(name: str) -> None:
    import keras

    classes = {"sgd": "SGD", "rmsprop": "RMSprop", "adamw": "AdamW"}
    theirs = getattr(keras.optimizers, classes.get(name, name.capitalize()))().get_config()
    made = config(optimizer=name)
    ours = build_optimizer(made, build_model(made, MNIST, 10), 100, 10).get_config()
    assert {k: ours[k] for k in theirs if k != "name"} == {k: theirs[k] for k in theirs if k != "name"}


def test_learned_slopes_are_not_decayed() -> None:
    made = config(optimizer="adamw", activation="prelu")
    model = build_model(made, MNIST, 10)
    optimizer = build_optimizer(made, model, 100, 10)
    decayed = {v.path: optimizer._use_weight_decay(v) for v in model.trainable_variables}
    assert [decay for path, decay in decayed.items() if "slope" in path] == [False]
    assert any(decayed.values())


@pytest.mark.parametrize("convolution", ["native", "im2col"])
def test_settings_of_keras_change_no_model(convolution: str) -> None:
    """A notebook may have others, from a keras.json or set by hand; they are as they were afterwards."""
    cnn = config(model={"name": "simple_cnn", "convolution": convolution})
    images = np.random.default_rng(0).random((2, *CIFAR), dtype=np.float32)
    expected = np.asarray(build_model(cnn, CIFAR, 10)(images))
    before = keras.config.image_data_format(), keras.config.floatx(), keras.config.epsilon()
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(0.1)
    try:
        model = build_model(cnn, CIFAR, 10)
        assert (keras.config.image_data_format(), keras.config.floatx()) == ("channels_first", "float16")
        assert {variable.dtype for variable in model.variables} == {"float32"}
        np.testing.assert_array_equal(model(images), expected)
    finally:
        keras.config.set_image_data_format(before[0])
        keras.config.set_floatx(before[1])
        keras.config.set_epsilon(before[2])


MODELS_AND_SHAPES = [
    ({"model": {"name": "mnist_dense", "hidden": [4, 4, 4]}}, "mnist"), ({"model": "linear"}, "mnist"),
    ({"model": {"name": "deep_dense", "depth": 3, "width": 4}}, "mnist"),
    ({"model": "cifar10_cnn"}, "cifar10"), ({"model": "cifar10_cnn"}, "mnist"),
    *(({"model": {"name": "simple_cnn", "convolution": how, "kernel_size": size}}, "mnist")
      for how in ("native", "im2col") for size in (1, 27)),
    *(({"model": {"name": "simple_cnn", "kernel_size": 3, "strides": strides, "padding": padding}}, "mnist")
      for padding, strides in (("same", 27), ("valid", 25))),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "dataset"), MODELS_AND_SHAPES)
@pytest.mark.parametrize("more", [{}, {"activation": "maxout"}, {"activation": "prelu", "batch_norm": "before"}])
def test_the_layers_with_weights_are_those_that_are_stated(changes: Any, dataset: str, more: Any) -> None:
    model = changes["model"] if isinstance(changes["model"], dict) else {"name": changes["model"]}
    norm = {"batch_norm": more["batch_norm"]} if "batch_norm" in more else {}
    made = config(dataset=dataset, model={**model, **norm}, activation=more.get("activation", "relu"))
    facts = find("dataset").get(dataset).facts
    keras.backend.clear_session()
    built = build_model(made, facts.shape, facts.classes)
    assert weight_layers(made.canonical()["model"]) == [layer.name for layer in probed_layers(built)]


def test_every_model_is_among_these() -> None:
    known = {m["name"] if isinstance(m := changes["model"], dict) else m for changes, _ in MODELS_AND_SHAPES}
    assert known == set(find("model").names())
