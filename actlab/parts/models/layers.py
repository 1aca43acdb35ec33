"""What every model is made of: the registry, and `Layers`.

A model is a function from the image tensor to the features before the output layer. It is handed `Layers`, which
adds the activation, the batch normalisation, the initial weights and the regulariser of the config to each layer,
so that every model takes all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from actlab.lazy import keras
from actlab.registry import Registry

Rate = Annotated[float, Field(ge=0, lt=1)]
Units = Annotated[int, Field(ge=1, le=100_000)]


class Regularizer(BaseModel):
    """l1 · Σ|w| + l2 · Σw² over the kernels of every layer, added to the loss."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)
    l1: Annotated[float, Field(ge=0)] = 0.0
    l2: Annotated[float, Field(ge=0)] = 0.0


def shared(
    *,
    batch_norm: Literal["none", "before", "after"] = "none",
    batch_norm_momentum: Rate = 0.99,
    regularizer: Regularizer | None = None,
) -> None:
    """What every model takes besides its own parameters."""


@dataclass(frozen=True)
class ModelFacts:
    """What is stated of a model.

    Args:
        source: the experiment or paper it follows.
        layers: from its parameters to Keras's kinds of its layers with weights, in their order, without the last one.
        wrong: from its parameters and the shape of an image to why the one does not fit the other.
    """

    source: str
    layers: Callable[[Mapping[str, Any]], Sequence[str]]
    wrong: Callable[[Mapping[str, Any], tuple[int, ...]], str | None] = lambda of, shape: None


MODELS: Registry[ModelFacts] = Registry("model", shared, takes=lambda facts: ("x", "layers"))


@dataclass
class Layers:
    """Makes the layers of a model as the config wants them, each with a seed of its own.

    Args:
        activation: makes a new activation layer.
        inputs_per_unit: pre-activations that one unit takes (2 for glu, `pieces` for maxout, else 1).
        initializer: seed to kernel initializer.
        seeds: the next seed for a layer; the nth layer gets the same one whatever the activation is.
        batch_norm: before or after the activation, or none.
        batch_norm_momentum: of the running mean and variance.
        regularizer: of every kernel, or None.
    """

    activation: Callable[[], Any]
    inputs_per_unit: int
    initializer: Callable[[int], Any]
    seeds: Callable[[], int]
    batch_norm: str = "none"
    batch_norm_momentum: float = 0.99
    regularizer: dict[str, float] | None = None

    def dense(self, x: Any, units: int) -> Any:
        """A dense layer of `units` outputs with its activation."""
        return self._activate(keras.layers.Dense(units * self.inputs_per_unit, **self._kernel())(x))

    def conv(
        self, x: Any, filters: int, size: int, padding: str = "valid", convolution: str = "native", strides: int = 1
    ) -> Any:
        """A convolution of `filters` channels and its activation."""
        layer = keras.layers.Conv2D
        if convolution == "im2col":
            from actlab.parts.models.im2col import Im2colConv2D as layer  # imports Keras
        return self._activate(layer(filters * self.inputs_per_unit, size, strides, padding, **self._kernel())(x))

    def dropout(self, x: Any, rate: float) -> Any:
        """Inverted dropout, active in training only; none at rate 0."""
        seed = self.seeds()
        return keras.layers.Dropout(rate, seed=seed)(x) if rate else x

    def output(self, x: Any, classes: int) -> Any:
        """The last layer: logits in float32, also in mixed precision."""
        return keras.layers.Dense(classes, name="logits", dtype="float32", **self._kernel())(x)

    def _kernel(self) -> dict[str, Any]:
        regularizer = keras.regularizers.L1L2(**self.regularizer) if self.regularizer else None
        return {"kernel_initializer": self.initializer(self.seeds()), "kernel_regularizer": regularizer}

    def _activate(self, x: Any) -> Any:
        if self.batch_norm == "before":
            x = self._normalise(x)
        x = self.activation()(x)
        return self._normalise(x) if self.batch_norm == "after" else x

    def _normalise(self, x: Any) -> Any:
        return keras.layers.BatchNormalization(momentum=self.batch_norm_momentum)(x)
