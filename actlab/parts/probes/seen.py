"""What passes through one activation in one batch of the evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from actlab.lazy import tf
from actlab.parts.probes.layers import ProbedLayer


@dataclass(eq=False)
class Seen:
    """Input and output of an activation; what several probes ask for is computed once.

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
        slope = _rows(tf.abs(self.layer.activation.slope(tf.cast(self.z, tf.float32))))
        return slope if self.layer.inputs_per_unit == 1 else tf.reduce_max(self.layer.by_unit(slope), axis=-1)

    @cached_property
    def alive(self) -> Any:
        """Whether the slope of each unit is not 0 at some row, (units,)."""
        return tf.reduce_max(self.slope, axis=0) > 0

    @cached_property
    def outputs(self) -> Any:
        """The output in float32."""
        return tf.cast(self.y, tf.float32)

    @cached_property
    def low(self) -> Any:
        """The least of each output, (outputs,), float32."""
        return tf.reduce_min(_rows(self.outputs), axis=0)

    @cached_property
    def high(self) -> Any:
        """The greatest of each output, (outputs,), float32."""
        return tf.reduce_max(_rows(self.outputs), axis=0)


def _rows(values: Any) -> Any:
    return tf.reshape(values, (-1, values.shape[-1]))
