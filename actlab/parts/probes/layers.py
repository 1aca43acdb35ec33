"""The layers that are probed: those with a kernel, each with the activation that it feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.lazy import tf

TOTAL = "*"  # in place of a layer's name: the whole network


@dataclass(frozen=True, eq=False)
class ProbedLayer:
    """A layer with weights, and the activation that follows it, perhaps after batch normalisation.

    Args:
        name: Keras's name of the layer with the weights.
        layer: that layer.
        activation: the `Activation` layer that it feeds; None after the last one, `logits`.
        units: how many; a unit is what gives one output (two for crelu), after a convolution a channel.
        inputs_per_unit: pre-activations, and so kernel columns, of one unit (2 for glu, `pieces` for maxout, else 1).
        inputs_apart: whether a unit's inputs lie `units` apart (glu) and not side by side (maxout).
    """

    name: str
    layer: Any
    activation: Any | None
    units: int
    inputs_per_unit: int = 1
    inputs_apart: bool = False

    @property
    def variables(self) -> list[Any]:
        """Kernel and bias."""
        bias = getattr(self.layer, "bias", None)
        return [self.layer.kernel] if bias is None else [self.layer.kernel, bias]

    def by_unit(self, inputs: Any) -> Any:
        """(..., inputs) to (..., units, inputs_per_unit), of a tensor or an array; the leading sizes are kept."""
        parts = (self.inputs_per_unit, self.units) if self.inputs_apart else (self.units, self.inputs_per_unit)
        if isinstance(inputs, np.ndarray):
            split = inputs.reshape(*inputs.shape[:-1], *parts)
            return np.swapaxes(split, -1, -2) if self.inputs_apart else split
        split = tf.reshape(inputs, (-1, *parts))
        return tf.linalg.matrix_transpose(split) if self.inputs_apart else split


def probed_layers(model: Any) -> list[ProbedLayer]:
    """The layers of a functional Keras model that have a kernel, in their order."""
    from actlab.parts.activations.layer import Activation  # imports Keras

    fed = {_feeding(layer): layer for layer in model.layers if isinstance(layer, Activation)}
    return [_probed(layer, fed.get(layer)) for layer in model.layers if _has_kernel(layer)]


def _has_kernel(layer: Any) -> bool:
    return getattr(layer, "kernel", None) is not None


def _feeding(layer: Any) -> Any:
    """The layer with a kernel from which an activation gets its values; None if it gets the images themselves."""
    while not _has_kernel(layer):
        before = layer.input._keras_history.operation
        if before is layer:
            return None
        layer = before
    return layer


def _probed(layer: Any, activation: Any | None) -> ProbedLayer:
    width = int(layer.kernel.shape[-1])
    if activation is None:
        return ProbedLayer(layer.name, layer, None, width)
    facts = activation.facts
    each = facts.inputs_per_unit(activation.parameters)
    return ProbedLayer(layer.name, layer, activation, width // each, each, facts.inputs_apart)


def counted(column: str, masks: dict[str, NDArray[np.bool_]]) -> dict[str, dict[str, Any]]:
    """How many units of each layer a mask marks, and of all layers together."""
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    return {name: {column: count} for name, count in {**counts, TOTAL: sum(counts.values())}.items()}
