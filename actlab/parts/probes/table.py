"""All probes of a run: what the engine asks of them, and the rows they give."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.lazy import keras, ops
from actlab.parts.probes.facts import (
    PROBES,
    Arrays,
    EvaluationProbe,
    GradientProbe,
    OutcomeProbe,
    Probe,
    Sums,
    WeightProbe,
    Weights,
)
from actlab.parts.probes.layers import TOTAL, ProbedLayer, Seen, probed_layers
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
        of_layers = any(PROBES.get(part.name).function.sees != "test" for part in chosen)
        self.layers = probed_layers(model) if of_layers else []
        self._classes = model.output_shape[-1] if chosen else 0
        self._activated = [layer for layer in self.layers if layer.activation is not None]
        self._trainable = list(model.trainable_variables)
        self._places = {layer.name: self._places_of(layer.variables) for layer in self.layers}
        self._places[TOTAL] = list(range(len(self._trainable)))
        self.members: dict[str, Probe] = {}
        self.columns: tuple[str, ...] = ()  # those of layers.csv after epoch, step, layer and units
        self.totals: tuple[str, ...] = ()  # those that history.csv gains
        for part in chosen:
            entry = PROBES.get(part.name)
            probe: Probe = entry.function(**part.parameters)
            probe.columns = tuple(entry.facts.columns)
            probe.build(self.layers, self._places)
            self.members[part.name] = probe
            self.columns += probe.columns
            self.totals += probe.columns if entry.facts.total else ()
        self.evaluation = {n: p for n, p in self.members.items() if isinstance(p, EvaluationProbe)}
        self.gradients = {n: p for n, p in self.members.items() if isinstance(p, GradientProbe)}
        self.weights = {n: p for n, p in self.members.items() if isinstance(p, WeightProbe)}
        self.outcome = {n: p for n, p in self.members.items() if isinstance(p, OutcomeProbe)}
        self.dead: dict[str, NDArray[np.bool_]] = {}  # which units of each layer are, at the last row
        self._before = self._arrays() if self.weights else []

    def _places_of(self, variables: Sequence[Any]) -> list[int]:
        """Where variables stand among the trainable ones; the others are left out."""
        return [place for v in variables for place, other in enumerate(self._trainable) if other is v]

    # --- the evaluation pass, inside the compiled function ------------------------------------------------------

    def on(self, images: str) -> Probes:
        """The same, but only those that look at these images: validation, training or test."""
        chosen = copy.copy(self)
        chosen.evaluation = {n: p for n, p in self.evaluation.items() if p.on == images}
        chosen.outcome = {n: p for n, p in self.outcome.items() if p.on == images}
        chosen._activated = self._activated if chosen.evaluation else []
        return chosen

    @property
    def tensors(self) -> list[Any]:
        """Input and output of each probed activation, as tensors of the model."""
        layers = [layer.activation for layer in self._activated if layer.activation]
        return [tensor for layer in layers for tensor in (layer.input, layer.output)]

    def start(self) -> AllSums:
        """All sums before the first batch."""
        return {
            **{n: {layer.name: p.start(layer) for layer in self._activated} for n, p in self.evaluation.items()},
            **{n: {TOTAL: p.start(self._classes)} for n, p in self.outcome.items()},
        }

    def update(self, sums: AllSums, tensors: Sequence[Any], in_pieces: bool, labels: Any, logits: Any) -> AllSums:
        """All sums with one more batch, whose values of `tensors` are given.

        Args:
            sums: before it.
            tensors: in their order.
            in_pieces: whether to look at a few images at a time, which a processor's cache holds: what is seen is
                read and written many times. A GPU would rather have all at once.
            labels, logits: of the batch.
        """
        found: AllSums = {name: {} for name in self.evaluation}
        found |= {n: {TOTAL: p.update(sums[n][TOTAL], labels, logits)} for n, p in self.outcome.items()}
        for layer, z, y in zip(self._activated, tensors[::2], tensors[1::2], strict=True):
            mine = {name: sums[name][layer.name] for name in self.evaluation}
            for name, own in self._update_layer(layer, mine, z, y, in_pieces).items():
                found[name][layer.name] = own
        return found

    def _update_layer(
        self, layer: ProbedLayer, sums: dict[str, Sums], z: Any, y: Any, in_pieces: bool
    ) -> dict[str, Sums]:
        def updated(sums: dict[str, Sums], z: Any, y: Any) -> dict[str, Sums]:
            seen = Seen(layer, z, y)
            return {name: probe.update(sums[name], seen) for name, probe in self.evaluation.items()}

        if not in_pieces:
            return updated(sums, z, y)
        images = max(1, CACHED // math.prod(z.shape[1:]))

        def piece(start: Any, sums: dict[str, Sums]) -> tuple[Any, dict[str, Sums]]:
            return start + images, updated(sums, z[start : start + images], y[start : start + images])

        done: dict[str, Sums] = ops.while_loop(lambda start, _: start < ops.shape(z)[0], piece, (0, sums))[1]
        return done

    # --- the training steps, inside the compiled function -------------------------------------------------------

    def start_gradients(self) -> dict[str, Sums]:
        """The sums of each probe of the gradients before the first step."""
        return {name: probe.start() for name, probe in self.gradients.items()}

    def update_gradients(self, sums: dict[str, Sums], gradients: Sequence[Any], optimizer: Any) -> dict[str, Sums]:
        """The sums with the gradients of one more step, which are those of `optimizer.scale_loss(loss)`."""
        skips = hasattr(optimizer, "inner_optimizer")  # that of mixed_float16
        if skips or optimizer.loss_scale_factor is not None:
            scale = ops.cast(optimizer.scale_loss(ops.ones([])), "float32")
            gradients = [gradient if gradient is None else gradient / scale for gradient in gradients]
        return {name: probe.update(sums[name], gradients, skips) for name, probe in self.gradients.items()}

    # --- rows -------------------------------------------------------------------------------------------------

    def row(self, sums: AllSums, of_gradients: dict[str, Sums]) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
        """An evaluation's rows of layers.csv, from the column `layer` on, and its cells of history.csv.

        Args:
            sums: of the evaluation pass.
            of_gradients: those of the training steps since the last row.
        """
        seen: dict[str, dict[str, Arrays]] = keras.tree.map_structure(np.asarray, sums)
        if "dead_units" in seen:
            self.dead = {layer: found["steepest"] == 0 for layer, found in seen["dead_units"].items()}
        found = [probe.row(seen[name]) for name, probe in self.evaluation.items()]
        found += [
            probe.row({key: np.asarray(sum) for key, sum in of_gradients[name].items()})
            for name, probe in self.gradients.items()
        ]
        if self.weights:
            arrays = self._arrays()
            before, now = self._weights(self._before), self._weights(arrays)
            found += [probe.row(before, now) for probe in self.weights.values()]
            self._before = arrays
        cells: dict[str, dict[str, Any]] = {name: {} for name in self._places}
        for one in found:
            for layer_name, values in one.items():
                cells[layer_name].update(values)
        rows = [(layer.name, layer.units, *map(cells[layer.name].get, self.columns)) for layer in self.layers]
        return rows, tuple(map(cells[TOTAL].get, self.totals))

    def tables(self, sums: AllSums) -> dict[str, list[Mapping[str, Any]]]:
        """The rows of each table of the outcome, by the name of its probe, from the sums over the test set."""
        return {
            name: probe.rows({key: np.asarray(array) for key, array in sums[name][TOTAL].items()})
            for name, probe in self.outcome.items()
        }

    def _arrays(self) -> list[NDArray[Any]]:
        return [np.asarray(variable) for variable in self._trainable]

    def _weights(self, arrays: Sequence[NDArray[Any]]) -> Weights:
        learned: dict[str, Arrays] = {}
        for layer in self._activated:
            own = layer.activation.learned if layer.activation else {}
            places = self._places_of(list(own.values()))
            learned[layer.name] = {name: arrays[place] for name, place in zip(own, places, strict=True)}
        layers = {name: [arrays[place] for place in places] for name, places in self._places.items()}
        return Weights(layers, learned)

    # --- state ------------------------------------------------------------------------------------------------

    def state(self) -> Arrays:
        """What the rows to come need of those before, without the sums of the gradients."""
        arrays = {f"{name}/{key}": array for name, p in self.members.items() for key, array in p.state().items()}
        return {**arrays, **{f"before/{i:04d}": array for i, array in enumerate(self._before)}}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `state` gave."""
        for name, probe in self.members.items():
            head = f"{name}/"
            probe.restore({key.removeprefix(head): array for key, array in state.items() if key.startswith(head)})
        if self.weights:
            self._before = [state[name] for name in sorted(state) if name.startswith("before/")]
