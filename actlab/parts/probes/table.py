"""All probes of a run: what the engine asks of them, and the rows they give."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.lazy import tf
from actlab.parts.probes.facts import PROBES, Arrays, EvaluationProbe, GradientProbe, Probe, Sums, WeightProbe, Weights
from actlab.parts.probes.layers import TOTAL, ProbedLayer, probed_layers
from actlab.parts.probes.seen import Seen
from actlab.spec.part import Part

AllSums = dict[str, dict[str, Sums]]  # probe to layer to its sums
CACHED = 2**17  # pre-activations: a few arrays of so many float32 fit into a core's own cache


class Probes:
    """The probes of one training.

    Args:
        chosen: their names and parameters, resolved; none is allowed.
        model: the Keras model that is trained.
    """

    def __init__(self, chosen: Sequence[Part], model: Any) -> None:
        self.layers = probed_layers(model) if chosen else []
        self.members: dict[str, Probe] = {p.name: PROBES.get(p.name).function(**p.parameters) for p in chosen}
        for probe in self.members.values():
            probe.build(self.layers, model.trainable_variables)
        self.evaluation = {n: p for n, p in self.members.items() if isinstance(p, EvaluationProbe)}
        self.gradients = {n: p for n, p in self.members.items() if isinstance(p, GradientProbe)}
        self.weights = {n: p for n, p in self.members.items() if isinstance(p, WeightProbe)}
        self.dead: dict[str, NDArray[np.bool_]] = {}  # which units of each layer are, at the last row
        self._model = model
        self._before = self._weights() if self.weights else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of layers.csv after epoch, step, layer and units."""
        return tuple(column for probe in self.members.values() for column in probe.columns)

    @property
    def totals(self) -> tuple[str, ...]:
        """Those that history.csv gains."""
        return tuple(column for probe in self.members.values() for column in probe.totals)

    # --- the evaluation pass, inside the compiled function ------------------------------------------------------

    @property
    def _activated(self) -> list[ProbedLayer]:
        return [layer for layer in self.layers if layer.activation is not None]

    @property
    def tensors(self) -> list[Any]:
        """Input and output of each probed activation, as tensors of the model."""
        if not self.evaluation:
            return []
        layers = [layer.activation for layer in self._activated if layer.activation is not None]
        return [tensor for layer in layers for tensor in (layer.input, layer.output)]

    def start(self) -> AllSums:
        """All sums before the first batch."""
        return {
            name: {layer.name: probe.start(layer) for layer in self._activated}
            for name, probe in self.evaluation.items()
        }

    def update(self, sums: AllSums, tensors: Sequence[Any], in_pieces: bool) -> AllSums:
        """All sums with one more batch, whose values of `tensors` are given.

        Args:
            sums: before it.
            tensors: in their order.
            in_pieces: whether to look at a few images at a time, which a processor's cache holds: what is seen is
                read and written many times. A GPU would rather have all at once.
        """
        found: AllSums = {name: {} for name in self.evaluation}
        for layer, z, y in zip(self._activated, tensors[::2], tensors[1::2], strict=True):
            images = max(1, CACHED // math.prod(z.shape[1:])) if in_pieces else tf.shape(z)[0]
            mine = {name: sums[name][layer.name] for name in self.evaluation}
            for name, own in self._update_layer(layer, mine, z, y, images).items():
                found[name][layer.name] = own
        return found

    def _update_layer(self, layer: ProbedLayer, sums: dict[str, Sums], z: Any, y: Any, images: Any) -> dict[str, Sums]:
        for start in tf.range(0, tf.shape(z)[0], images):
            tf.autograph.experimental.set_loop_options(shape_invariants=self.shapes(sums))
            seen = Seen(layer, z[start : start + images], y[start : start + images])
            sums = {name: probe.update(sums[name], seen) for name, probe in self.evaluation.items()}
        return sums

    def sum_specs(self) -> Any:
        """The shapes and dtypes of all sums, as the compiled function is told of them."""
        sums = self.start()
        return tf.nest.map_structure(lambda tensor: tf.TensorSpec(_shape(tensor), tensor.dtype), sums)

    def shapes(self, sums: Mapping[str, Any]) -> list[tuple[Any, Any]]:
        """Each sum with its shape, where it grows from batch to batch."""
        return [(tensor, tensor.shape) for tensor in tf.nest.flatten(sums) if tensor.shape[:1] == [None]]

    # --- the training steps, inside the compiled function -------------------------------------------------------

    def update_gradients(self, gradients: Sequence[Any], optimizer: Any) -> None:
        """Show the gradients of a step, which are those of `optimizer.scale_loss(loss)`."""
        skips = hasattr(optimizer, "inner_optimizer")  # that of mixed_float16
        if skips or optimizer.loss_scale_factor is not None:
            scale = tf.cast(optimizer.scale_loss(tf.constant(1.0)), tf.float32)
            gradients = [gradient if gradient is None else gradient / scale for gradient in gradients]
        for probe in self.gradients.values():
            probe.update(gradients, skips)

    # --- rows -------------------------------------------------------------------------------------------------

    def row(self, sums: AllSums) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
        """An evaluation's rows of layers.csv, from the column `layer` on, and its cells of history.csv.

        Args:
            sums: of the evaluation pass.
        """
        cells: dict[str, dict[str, Any]] = {}
        if "dead_units" in sums:
            self.dead = {layer: ~found["alive"].numpy() for layer, found in sums["dead_units"].items()}
        for found in self._found(sums):
            for layer, values in found.items():
                cells.setdefault(layer, {}).update(values)
        rows = [(layer.name, layer.units, *_picked(cells, layer.name, self.columns)) for layer in self.layers]
        return rows, _picked(cells, TOTAL, self.totals)

    def _found(self, sums: AllSums) -> list[dict[str, dict[str, Any]]]:
        found = [probe.row(_arrays(sums[name])) for name, probe in self.evaluation.items()]
        found += [probe.row() for probe in self.gradients.values()]
        if self._before is not None:
            now = self._weights()
            found += [probe.row(self._before, now) for probe in self.weights.values()]
            self._before = now
        return found

    def _weights(self) -> Weights:
        kept = {id(v): np.asarray(v.numpy()) for v in self._model.trainable_variables}
        return Weights(
            {layer.name: [_array(v, kept) for v in layer.variables] for layer in self.layers},
            {layer.name: _learned(layer, kept) for layer in self._activated},
            list(kept.values()),
        )

    # --- state ------------------------------------------------------------------------------------------------

    def variables(self) -> dict[str, Any]:
        """The TensorFlow variables of the probes by name."""
        return {f"{name}/{i}": v for name, p in self.gradients.items() for i, v in enumerate(p.variables())}

    def state(self) -> Arrays:
        """What the rows to come need of those before, without the variables."""
        arrays = {f"{name}/{key}": array for name, p in self.members.items() for key, array in p.state().items()}
        before = self._before.trainable if self._before else []
        return {**arrays, **{f"before/{i:04d}": array for i, array in enumerate(before)}}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `state` gave."""
        for name, probe in self.members.items():
            head = f"{name}/"
            probe.restore({key.removeprefix(head): array for key, array in state.items() if key.startswith(head)})
        if self._before is not None:
            before = [state[name] for name in sorted(state) if name.startswith("before/")]
            for old, new in zip(self._before.trainable, before, strict=True):
                old[...] = new  # the layers share these arrays


def _shape(tensor: Any) -> list[int | None]:
    """That of a sum; one that is empty at the start grows."""
    return [size or None for size in tensor.shape]


def _array(variable: Any, kept: Mapping[int, NDArray[Any]]) -> NDArray[Any]:
    return kept[id(variable)] if id(variable) in kept else np.asarray(variable.numpy())


def _learned(layer: ProbedLayer, kept: Mapping[int, NDArray[Any]]) -> Arrays:
    assert layer.activation is not None
    return {name: _array(variable, kept) for name, variable in layer.activation.learned.items()}


def _arrays(sums: Mapping[str, Sums]) -> dict[str, Arrays]:
    return {layer: {key: np.asarray(value.numpy()) for key, value in own.items()} for layer, own in sums.items()}


def _picked(cells: Mapping[str, Mapping[str, Any]], layer: str, columns: Sequence[str]) -> tuple[Any, ...]:
    found = cells.get(layer, {})
    return tuple(found.get(column) for column in columns)
