"""From a resolved config to the Keras model and optimizer it names."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import numpy as np

from actlab.lazy import keras
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
        seeds = _seeds(config.seed)
        layers = _layers(config, seeds)
        inputs = keras.Input(shape)
        entry = find("model").get(config.model.name)
        own = {key: value for key, value in config.model.parameters.items() if key not in MODEL_SHARED}
        logits = layers.output(entry.function(inputs, layers, **own), classes)
        outputs = keras.layers.Softmax(dtype="float32", name="predictions")(logits)
        return keras.Model(inputs, outputs, name=config.model.name)
    finally:
        keras.config.set_dtype_policy(before[0])
        keras.config.set_image_data_format(before[1])
        keras.config.set_floatx(before[2])


def _seeds(seed: int) -> Any:
    """A function that gives the seed of the next layer: nth call, nth seed."""
    counter = itertools.count()
    return lambda: int(np.random.default_rng([seed, 1_000_000 + next(counter)]).integers(2**31))


def _layers(config: RunConfig, seeds: Any) -> Layers:
    from actlab.parts.activations.layer import Activation  # imports Keras

    name, parameters = config.activation.name, config.activation.parameters
    facts = find("activation").get(name).facts
    initializer = find("initializer").get(config.initializer.name).function
    counter = itertools.count()
    shared = {key: config.model.parameters[key] for key in MODEL_SHARED}

    def activation() -> Any:
        draw_seed = int(np.random.default_rng([config.seed, 2_000_000 + next(counter)]).integers(2**31))
        return Activation(name, parameters, seed=draw_seed)

    def kernel(seed: int) -> Any:
        return initializer(seed, **config.initializer.parameters)

    return Layers(activation, facts.inputs_per_unit(parameters), kernel, seeds, **shared)


def build_optimizer(config: RunConfig, model: Any, total_steps: int, steps_per_epoch: int) -> Any:
    """The optimizer of the config, its variables made for the model's trainable ones.

    Args:
        config: what to build.
        model: whose weights it will move.
        total_steps: of the whole training: where a cosine schedule ends.
        steps_per_epoch: what an epoch is to a schedule.
    """
    parameters = config.optimizer.parameters
    rate = _learning_rate(parameters["learning_rate"], parameters.pop("schedule"), total_steps, steps_per_epoch)
    entry = find("optimizer").get(config.optimizer.name)
    own = {p.name: parameters.pop(p.name) for p in keyword_parameters(entry.function)}
    optimizer = entry.function(rate, parameters, **own)
    learned = [v for layer in model.layers if _is_activation(layer) for v in layer.trainable_variables]
    if learned:  # learned slopes are not decayed (He et al. 2015)
        optimizer.exclude_from_weight_decay(var_list=learned)
    # built before it is wrapped: the wrapper hides variables that are made while it builds, from checkpoints too
    optimizer.build(model.trainable_variables)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(model.trainable_variables)
    return optimizer


def _learning_rate(rate: float, schedule: dict[str, Any], total_steps: int, steps_per_epoch: int) -> Any:
    parameters = {key: value for key, value in schedule.items() if key not in PART_KEYS}
    return find("schedule").get(schedule["name"]).function(rate, total_steps, steps_per_epoch, **parameters)


def _is_activation(layer: Any) -> bool:
    from actlab.parts.activations.layer import Activation

    return isinstance(layer, Activation)


def initial_weights_sha256(model: Any) -> str:
    """sha256 over the kernels and biases in order, without what activations and normalisation add.

    Two seeds must differ in it; two activations of one seed must not.
    """
    digest = hashlib.sha256()
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense | keras.layers.Conv2D):
            for weight in layer.get_weights():
                digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()
