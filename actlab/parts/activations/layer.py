"""The layer that carries an activation in a model: its learned weights, its random numbers, its config."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from actlab.errors import ActlabError, PluginError
from actlab.lazy import keras, ops
from actlab.parts.activations import ACTIVATIONS, resolve
from actlab.parts.activations.facts import call
from actlab.parts.autodiff import pull_back


@keras.saving.register_keras_serializable("actlab")
class Activation(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """f(x) elementwise, or along the last axis, as `actlab.parts.activations` has it under the name.

    Weights are float32 whatever the compute dtype, and have no regularizer. Random numbers come from a Keras seed
    generator, whose state is one of the layer's variables; like that of Keras's Dropout it is not in a saved model,
    so a checkpoint must hold `model.variables`. To load a saved model, `from actlab import Activation` first.

    Args:
        activation: a registered name or alias.
        parameters: its parameters; those left out have their defaults, and all are kept in the layer's config.
        seed: for the random numbers of training; unpredictable if left out.
        plugin: the sha256 of the plug-in that it must be of, as a saved model has it; any, if left out.

    Raises:
        UnknownName: no activation, or no parameter, has this name.
        PluginError: it is of another plug-in, or that one is not loaded.
        ActlabError: a required parameter is missing.
    """

    def __init__(
        self, activation: str, parameters: Mapping[str, Any] | None = None, seed: int | None = None,
        plugin: str | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(**kwargs)
        if plugin:
            of = ACTIVATIONS.get(activation).plugin if activation in ACTIVATIONS else None
            if of is None or of.sha256 != plugin:
                here = (
                    f"here it is of {of.place} (sha256 {of.sha256[:16] or 'unknown'})" if of else "which is not loaded"
                )
                raise PluginError(
                    f"the activation {activation} of this model is of the plug-in of sha256 {plugin[:16]}; {here}; "
                    "load that very source: actlab.plugins.use([FILE]); a copy of it lies beside its runs"
                )
        self._entry = ACTIVATIONS.get(activation)
        self.activation, self.facts = self._entry.name, self._entry.facts
        self._parameters = resolve(self._entry, parameters)
        self._learned: dict[str, Any] = {}
        self.seed = seed
        if self.facts.draws:
            self.seed_generator = keras.random.SeedGenerator(seed)

    @property
    def parameters(self) -> dict[str, Any]:
        """Every parameter."""
        return dict(self._parameters)

    @property
    def learned(self) -> dict[str, Any]:
        """The learned weights by name (negative_slope, beta); no weight decay should reach them."""
        return dict(self._learned)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the learned weights, at their initial values."""
        for name, initial in self.facts.learned.items():
            share = self._parameters["share"]
            shape = {"layer": (), "channel": input_shape[-1:], "element": input_shape[1:]}[share]
            if None in shape:
                raise ActlabError(f"share: {share} needs an input of a fixed size, and this one is {input_shape[1:]}")
            start = keras.initializers.Constant(self._parameters[initial])
            self._learned[name] = self.add_weight(shape=shape, initializer=start, name=name)
        super().build(input_shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """The values in the compute dtype; random slopes are drawn in training only."""
        runtime = {name: ops.convert_to_tensor(weight) for name, weight in self._learned.items()}
        if self.facts.draws:
            runtime["draw"] = partial(self._draw, x) if training else None
        return call(self._entry, self._parameters, x, runtime)

    def _draw(self, x: Any, lower: float, upper: float) -> Any:
        # drawn in float32, so that the same seed means the same numbers in every compute dtype
        drawn = keras.random.uniform(ops.shape(x), lower, upper, dtype="float32", seed=self.seed_generator)
        return ops.cast(drawn, x.dtype)

    def slope(self, z: Any) -> Any:
        """∂f(z)ᵢ/∂zᵢ at inference, by automatic differentiation.

        For activations that change the width (crelu, glu, maxout) it is, for each input, the sum of the derivatives
        of the outputs that it reaches: 0 only where none of them moves with it.

        Args:
            z: tensor in the shape of the layer's input.

        Returns:
            A tensor of the shape and dtype of `z`; NaN where `z` is, which the gradient of a branch or a clip is not.
        """
        if self.facts.own_slope:
            slope = self.facts.own_slope(z)
        else:
            slope = pull_back(lambda z: self.call(z, training=False), [z])[1][0]
        return ops.where(ops.isnan(z), z, slope)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape, its last axis as wide as the activation makes it.

        Raises:
            ActlabError: the last axis cannot be divided among the outputs.
        """
        *others, last = input_shape
        width = last if last is None else self.facts.width(last, self._parameters)
        return (*others, width)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs."""
        own = {"activation": self.activation, "parameters": self.parameters, "seed": self.seed}
        own |= {"plugin": self._entry.plugin.sha256} if self._entry.plugin and self._entry.plugin.sha256 else {}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Activation:
        """The layer of a config; Keras's own would hide what is wrong with it in the text of a TypeError."""
        return cls(**config)


def learned_means(model: Any) -> dict[str, float]:
    """The mean of each weight that the activations of a model learn, over all units of all layers, by its name."""
    found: dict[str, list[Any]] = {}
    for layer in model.layers:
        if isinstance(layer, Activation):
            for name, weight in layer.learned.items():
                found.setdefault(name, []).append(np.ravel(weight))
    return {name: float(np.concatenate(weights).mean()) for name, weights in found.items()}
