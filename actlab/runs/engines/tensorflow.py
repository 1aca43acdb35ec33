"""The training loop: chunks of steps in one compiled function, the data on the device as uint8.

`model.fit` on arrays spends more than half of a small net's step outside the arithmetic. Here a chunk of steps is one
call: the batch is gathered by index, scaled, and all sums are kept on the device, so that Python is entered about
once a second. Chunks can be cut anywhere without changing a bit of the result, since every sum is carried from step
to step in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.environment import use_device
from actlab.lazy import keras, tf
from actlab.parts.probes import AllSums, Probes, Sums
from actlab.runs.engines import engine
from actlab.runs.engines.engine import Arrays, Indices, Looked, Member, chunks


class Engine(engine.Engine):
    """One model in training.

    Args:
        member: the run.
        arrays: the data.
        device: the TensorFlow device that holds them, "/CPU:0" or "/GPU:0".
    """

    def __init__(self, member: Member, arrays: Arrays, device: str) -> None:
        super().__init__(member)
        self.device, model = device, self.model
        self._net = keras.Model(model.inputs, model.get_layer("logits").output)
        self._splits = {name: (_on_device(x, device), _on_device(y, device)) for name, (x, y) in arrays.items()}
        self._sums = {
            "loss": tf.Variable(0.0, dtype=tf.float64),
            "correct": tf.Variable(0, dtype=tf.int64),
            "count": tf.Variable(0, dtype=tf.int64),
            "steps": tf.Variable(0, dtype=tf.int64),
            "bad_step": tf.Variable(-1, dtype=tf.int64),  # the first step whose loss was not finite
        }
        self._gradient_sums = tf.nest.map_structure(tf.Variable, self.probes.start_gradients())
        batches = tf.TensorSpec([None, None], tf.int32)
        self._train = tf.function(self._train_chunk, input_signature=[batches])
        # the images are an argument here, so that one trace serves all splits
        x, y = self._splits["train"]
        split = [tf.TensorSpec([None, *x.shape[1:]], x.dtype), tf.TensorSpec([None], y.dtype), batches]
        self._passes = {}  # by the images that their probes look at
        for on in ("", "validation", "training", "test"):
            probes = self.probes.on(on)
            net = keras.Model(model.inputs, [self._net.output, *probes.tensors]) if probes.tensors else self._net
            chunk = partial(self._evaluate_chunk, net, probes)
            self._passes[on] = tf.function(
                chunk, input_signature=[*split, tf.nest.map_structure(tf.TensorSpec.from_tensor, probes.start())]
            )

    # --- training ---------------------------------------------------------------------------------------------

    def train(self, batches: Indices) -> None:
        with tf.device(self.device):
            self._train(tf.constant(batches))

    def _train_chunk(self, batches: Any) -> None:
        step = tf.autograph.experimental.do_not_convert(self._step)  # AutoGraph takes 0.3 s to find nothing to convert
        for i in tf.range(tf.shape(batches)[0]):
            step(batches[i])

    def _step(self, indices: Any) -> None:
        images, labels = self._batch(*self._splits["train"], indices)
        with tf.GradientTape() as tape:
            logits = self._net(images, training=True)
            loss = self._loss(logits, labels)
            scaled = self.optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        gradients = tape.gradient(scaled, [v.value for v in variables])
        if self.probes.gradients:
            # before the optimizer changes its loss scale
            found = self.probes.update_gradients(self._gradient_sums, gradients, self.optimizer)
            tf.nest.map_structure(lambda variable, value: variable.assign(value), self._gradient_sums, found)
        self.optimizer.apply(gradients, variables)
        self._add(loss, logits, labels)

    def _batch(self, images: Any, labels: Any, indices: Any) -> tuple[Any, Any]:
        x = tf.gather(images, indices)
        if images.dtype == tf.uint8:  # pixels; vectors are taken as they are
            x = tf.cast(x, tf.float32) * (1.0 / 255.0)
        return x, tf.gather(labels, indices)

    def _loss(self, logits: Any, labels: Any) -> Any:
        """Mean cross-entropy of the batch and the penalties of the regularisers: what Keras calls the loss."""
        entropy = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        return tf.add_n([entropy, *self._net.losses]) if self._net.losses else entropy

    def _add(self, loss: Any, logits: Any, labels: Any) -> None:
        count = tf.shape(labels, out_type=tf.int64)[0]
        self._sums["steps"].assign_add(1)
        self._sums["count"].assign_add(count)
        self._sums["loss"].assign_add(tf.cast(loss, tf.float64) * tf.cast(count, tf.float64))
        self._sums["correct"].assign_add(_correct(logits, labels))
        first = tf.logical_and(self._sums["bad_step"] < 0, tf.logical_not(tf.math.is_finite(loss)))
        self._sums["bad_step"].assign(tf.where(first, self._sums["steps"], self._sums["bad_step"]))

    def sums(self) -> dict[str, Any]:
        return {name: variable.numpy() for name, variable in self._sums.items()}

    def reset_means(self) -> None:
        for name in ("loss", "correct", "count"):
            self._sums[name].assign(tf.zeros_like(self._sums[name]))
        for variable in tf.nest.flatten(self._gradient_sums):
            variable.assign(tf.zeros_like(variable))

    def gradient_sums(self) -> dict[str, Sums]:
        return {name: dict(sums) for name, sums in self._gradient_sums.items()}

    def optimizer_steps(self) -> int:
        return int(self.inner.variables[0].numpy())

    def finish(self) -> None:
        self.optimizer.finalize_variable_values(self.model.trainable_variables)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        kept = [v.numpy() for v in self.model.trainable_variables] if self.inner.use_ema else []
        self.finish()
        yield
        for variable, value in zip(self.model.trainable_variables, kept, strict=bool(kept)):
            variable.assign(value)

    # --- evaluation -------------------------------------------------------------------------------------------

    def look(self, split: str, indices: Indices, batch_size: int, on: str = "validation") -> Looked:
        loss, correct, sums = 0.0, 0, self.probes.on(on).start()
        function = self._passes[on if sums else ""]
        for batches in chunks(indices, batch_size, max(1, 4096 // batch_size)):
            with tf.device(self.device):
                loss_sum, hits, sums = function(*self._splits[split], tf.constant(batches), sums)
            loss, correct = loss + float(loss_sum), correct + int(hits)
        regularised = [layer for layer in self._net.layers if getattr(layer, "kernel_regularizer", None) is not None]
        penalty = sum(float(layer.kernel_regularizer(layer.kernel)) for layer in regularised)
        return loss / len(indices) + penalty, correct / len(indices), sums

    def _evaluate_chunk(
        self, net: Any, probes: Probes, images: Any, labels: Any, batches: Any, sums: AllSums
    ) -> tuple[Any, Any, AllSums]:
        """Sums of loss and of hits over batches of indices into images and labels, and those of the probes."""
        loss, correct = tf.constant(0.0, tf.float64), tf.constant(0, tf.int64)
        for i in tf.range(tf.shape(batches)[0]):
            x, y = self._batch(images, labels, batches[i])
            logits, *tensors = tf.nest.flatten(net(x, training=False))
            entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss += tf.reduce_sum(tf.cast(entropy, tf.float64))
            correct += _correct(logits, y)
            sums = probes.update(sums, tensors, "CPU" in self.device, y, logits)
        return loss, correct, sums

    # --- state ------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        return {name: np.asarray(variable.numpy()) for name, variable in self._variables()}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        for name, variable in self._variables():
            variable.assign(state[name])

    def _variables(self) -> Iterator[tuple[str, Any]]:
        for group, variables in (("model", self.model.variables), ("optimizer", self.optimizer.variables)):
            for i, variable in enumerate(variables):
                yield f"{group}/{i:04d}", variable.value
        for name, variable in self._sums.items():
            yield f"sums/{name}", variable
        for name, sums in self._gradient_sums.items():
            yield from ((f"probes/{name}/{i}", variable) for i, variable in enumerate(sums.values()))

    def weights(self) -> list[NDArray[Any]]:
        return [np.asarray(v.numpy()) for v in self.model.variables]

    def set_weights(self, weights: list[NDArray[Any]]) -> None:
        for variable, value in zip(self.model.variables, weights, strict=True):
            variable.assign(value)


class Group(engine.Group):
    """Runs one by one: TensorFlow gains nothing by more than one, and a sweep gives it one at a time."""

    def __init__(
        self, members: Sequence[Member], arrays: Arrays, device: str, varying: Mapping[str, Sequence[float]] = {}
    ) -> None:
        place = use_device(device)
        super().__init__([Engine(member, arrays, place) for member in members])


def _on_device(array: NDArray[Any], device: str) -> Any:
    """An array as a tensor; on a CPU without a copy, so that all workers share the mapped file."""
    if "CPU" in device:
        return tf.experimental.dlpack.from_dlpack(np.asarray(array).__dlpack__())
    with tf.device(device):
        return tf.constant(array)


def _correct(logits: Any, labels: Any) -> Any:
    hits = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.cast(labels, tf.int32))
    return tf.reduce_sum(tf.cast(hits, tf.int64))
