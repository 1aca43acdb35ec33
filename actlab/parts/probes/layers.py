"""The layers that are probed, those with a kernel, and what passes through the activations that they feed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.lazy import ops

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
        """(..., inputs) of an array, (rows, inputs) of a tensor, to (..., units, inputs_per_unit)."""
        parts = (self.inputs_per_unit, self.units) if self.inputs_apart else (self.units, self.inputs_per_unit)
        of, leading = (np, inputs.shape[:-1]) if isinstance(inputs, np.ndarray) else (ops, (-1,))
        split = of.reshape(inputs, (*leading, *parts))
        return of.swapaxes(split, -1, -2) if self.inputs_apart else split


def probed_layers(model: Any) -> list[ProbedLayer]:
    """The layers of a functional Keras model that have a kernel, in their order."""
    from actlab.parts.activations.layer import Activation  # imports Keras

    with_kernel = [layer for layer in model.layers if getattr(layer, "kernel", None) is not None]
    fed: dict[str, Any] = {}  # name of a layer with a kernel to the activation that gets its values
    for activation in model.layers:
        if isinstance(activation, Activation):
            layer = activation
            while layer not in with_kernel and layer is not (before := layer.input._keras_history.operation):
                layer = before
            fed[layer.name] = activation
    found = []
    for layer in with_kernel:
        activation, width = fed.get(layer.name), int(layer.kernel.shape[-1])
        each = activation.facts.inputs_per_unit(activation.parameters) if activation else 1
        apart = activation.facts.inputs_apart if activation else False
        found.append(ProbedLayer(layer.name, layer, activation, width // each, each, apart))
    return found


def counted(column: str, masks: dict[str, NDArray[np.bool_]]) -> dict[str, dict[str, Any]]:
    """How many units of each layer a mask marks, and of all layers together."""
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    return {name: {column: count} for name, count in {**counts, TOTAL: sum(counts.values())}.items()}


@dataclass(eq=False)
class Seen:
    """Input and output of an activation in one batch of the evaluation; what several probes ask for is computed once.

    A row is a sample, and after a convolution a sample at a place (height and width).

    Args:
        layer: which.
        z: the pre-activation, (batch, ..., inputs), in the dtype in which the net computes.
        y: the output, (batch, ..., outputs), likewise.
    """

    layer: ProbedLayer
    z: Any
    y: Any

    @cached_property
    def slope(self) -> Any:
        """|∂y/∂z| at each row and unit, (rows, units), float32; of several inputs of a unit the steepest.

        In float32 also in mixed precision: the slope of the function, not what rounding leaves of it.
        """
        assert self.layer.activation is not None
        slope = rows(ops.abs(self.layer.activation.slope(ops.cast(self.z, "float32"))))
        return slope if self.layer.inputs_per_unit == 1 else ops.max(self.layer.by_unit(slope), axis=-1)

    @cached_property
    def steepest(self) -> Any:
        """The greatest slope of each unit over the rows, (units,); NaN where one of them is."""
        return ops.max(self.slope, axis=0)

    @cached_property
    def outputs(self) -> Any:
        """The output in float32."""
        return ops.cast(self.y, "float32")

    @cached_property
    def low(self) -> Any:
        """The least of each output, (outputs,), float32."""
        return ops.min(rows(self.outputs), axis=0)

    @cached_property
    def high(self) -> Any:
        """The greatest of each output, (outputs,), float32."""
        return ops.max(rows(self.outputs), axis=0)


def rows(values: Any) -> Any:
    """(..., width) to (rows, width)."""
    return ops.reshape(values, (-1, values.shape[-1]))
