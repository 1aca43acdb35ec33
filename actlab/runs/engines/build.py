"""From a resolved config to the Keras model and optimizer it names."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np

from actlab.lazy import keras
from actlab.parts.initializers import drawn
from actlab.parts.models import Layers
from actlab.registry import find, keyword_parameters
from actlab.spec.config import RunConfig
from actlab.spec.part import PART_KEYS

MODEL_SHARED = ("batch_norm", "batch_norm_momentum", "regularizer")


def build_model(config: RunConfig, shape: tuple[int, ...], classes: int) -> Any:
    """A new model with the initial weights of the config's seed.

    Each layer draws from a seed of its own, made of the run's seed and the layer's place: two activations begin
    with the same weights, and a run does not depend on what was trained before it.

    Args:
        config: what to build.
        shape: of one image: (height, width, channels).
        classes: how many.

    Returns:
        a Keras model from images in 0..1, (batch, *shape), to class probabilities, (batch, classes), float32.
    """
    before = keras.config.dtype_policy(), keras.config.image_data_format(), keras.config.floatx()
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy(config.precision)
    try:
        layers, inputs = _layers(config), keras.Input(shape)
        entry = find("model").get(config.model.name)
        own = {key: value for key, value in config.model.parameters.items() if key not in MODEL_SHARED}
        logits = layers.output(entry.function(inputs, layers, **own), classes)
        outputs = keras.layers.Softmax(dtype="float32", name="predictions")(logits)
        return keras.Model(inputs, outputs, name=config.model.name)
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_image_data_format(before[1])
        keras.config.set_floatx(before[2])


def _layers(config: RunConfig) -> Layers:
    from actlab.parts.activations.layer import Activation  # imports Keras

    name, parameters = config.activation.name, config.activation.parameters
    facts = find("activation").get(name).facts
    initializer = find("initializer").get(config.initializer.name).function
    shared = {key: config.model.parameters[key] for key in MODEL_SHARED}
    # the nth layer has the nth seed, and so has the nth activation
    of_layers, of_draws = (
        (int(np.random.default_rng([config.seed, n]).integers(2**31)) for n in itertools.count(first))
        for first in (1_000_000, 2_000_000)
    )
    return Layers(
        lambda: Activation(name, parameters, seed=next(of_draws)), facts.inputs_per_unit(parameters),
        lambda seed: drawn(initializer(seed, **config.initializer.parameters)), lambda: next(of_layers), **shared,
    )  # fmt: skip


def build_optimizer(config: RunConfig, model: Any, total_steps: int, steps_per_epoch: int) -> Any:
    """The optimizer of the config, its variables made for the model's trainable ones.

    Args:
        config: what to build.
        model: whose weights it will move.
        total_steps: of the whole training: where a cosine schedule ends.
        steps_per_epoch: what an epoch is to a schedule.
    """
    from actlab.parts.activations.layer import Activation

    parameters = config.optimizer.parameters
    schedule = parameters.pop("schedule")
    of_schedule = find("schedule").get(schedule["name"]).function
    own = {key: value for key, value in schedule.items() if key not in PART_KEYS}
    rate = of_schedule(parameters["learning_rate"], total_steps, steps_per_epoch, **own)
    entry = find("optimizer").get(config.optimizer.name)
    own = {p.name: parameters.pop(p.name) for p in keyword_parameters(entry.function)}
    optimizer = entry.function(rate, parameters, **own)
    learned = [v for layer in model.layers if isinstance(layer, Activation) for v in layer.trainable_variables]
    if learned:  # learned slopes are not decayed (He et al. 2015)
        optimizer.exclude_from_weight_decay(var_list=learned)
    # built before it is wrapped: the wrapper hides variables that are made while it builds, from checkpoints too
    optimizer.build(model.trainable_variables)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    return optimizer


def initial_weights_sha256(model: Any) -> str:
    """sha256 over the kernels and biases in order, without what activations and normalisation add.

    Two seeds must differ in it; two activations of one seed must not.
    """
    digest = hashlib.sha256()
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
            for weight in layer.weights:
                digest.update(np.ascontiguousarray(np.asarray(weight)).tobytes())
    return digest.hexdigest()
