"""Runs in training together on Keras's JAX backend, by one compiled program.

Runs that differ in numbers only are one program, of a step or of a loop over steps, for a leading axis of members that
every variable has. On a GPU the members are stacked and take each step at once (`jax.vmap`); on a processor each has
arrays of its own and the program is called for one after another. The images lie on the device once. A single run is a
group of one, on the same path.

All that the future depends on is carried from step to step, so that a chunk of steps can be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.lazy import jax, keras, ops
from actlab.parts.probes import Probes, Sums
from actlab.runs.engines import engine
from actlab.runs.engines.engine import Arrays, Indices, Looked, Member

STEPS = 256  # of a chunk at most: the loop is compiled once, for as many, and ends earlier where there are fewer
ONE_BY_ONE = ("cpu",)  # where a stack of small products gains nothing, and no cache holds the weights of many members
EVALUATED = 64  # batches of an evaluation, at least: one program serves all that have no more
Host = dict[str, Any]


class Group(engine.Group):
    """Runs as one program.

    Numbers of all members are fetched from the device at once and kept until the next training step, so that a view of
    one costs no more than a slice.
    """

    def __init__(
        self, members: Sequence[Member], arrays: Arrays, device: str, varying: Mapping[str, Sequence[float]] = {}
    ) -> None:
        super().__init__([View(member, self, i) for i, member in enumerate(members)])
        first = members[0]
        self.model, self.optimizer, self.probes = first.model, first.optimizer, first.probes
        self._net = keras.Model(self.model.inputs, self.model.get_layer("logits").output)
        self._device = jax.devices(device)[0]
        put = partial(jax.device_put, device=self._device)
        self._splits = {name: (put(np.asarray(x)), put(np.asarray(y))) for name, (x, y) in arrays.items()}
        self._varying = {path: self._numbers(values) for path, values in varying.items()}
        counts = {name: np.zeros(len(self), np.int64) for name in ("correct", "count", "steps")}
        self._state: dict[str, Any] = {
            "model": _stacked([member.model.variables for member in members]),
            "optimizer": _stacked([member.optimizer.variables for member in members]),
            # bad_step: the first step whose loss was not finite
            "sums": {"loss": np.zeros(len(self)), **counts, "bad_step": np.full(len(self), -1)},
            "gradients": jax.tree.map(lambda sum: np.stack([sum] * len(self)), self.probes.start_gradients()),
        }  # fmt: skip
        self._fetched: Host = {}  # parts of the state as arrays of NumPy, until they change
        singly = self._one_by_one and _convolves(self._net)
        chunk = self._by_steps() if singly else jax.jit(self._train_chunk)
        self._train = self._of_each(chunk, (None, None, None, 0, 0, 0, 0))
        self._passes: dict[str, Any] = {}  # by the images that their probes look at
        self.finished = jax.jit(self._finished)
        self._finished_all = self._of_each(self.finished, (0, 0))

    @property
    def _one_by_one(self) -> bool:
        return self._device.platform in ONE_BY_ONE

    def _numbers(self, values: Sequence[float]) -> Any:
        """What stands for a number of the config, for all members: weakly typed, so that it takes part in arithmetic
        just as one of Python does."""
        if self._one_by_one:
            return np.array(list(map(float, values)), object)
        return jax.numpy.stack([jax.numpy.asarray(float(value)) for value in values])

    def _of_each(self, function: Any, in_axes: tuple[int | None, ...]) -> Any:
        """A function of the chosen members, (members,), and of stacks, from one of a member, as by `jax.vmap`; what it
        gives for the others is of no use. One by one it is not called for these, and what it gives is no copy."""
        if not self._one_by_one:
            mapped = jax.jit(jax.vmap(function, in_axes))
            return lambda chosen, *of: mapped(*of)

        def each(chosen: NDArray[np.bool_], *of: Any) -> Any:
            host = [jax.tree.map(np.asarray, a) if axis == 0 else a for a, axis in zip(of, in_axes, strict=True)]
            made = {
                i: function(*(jax.tree.map(itemgetter(i), a) if axis == 0 else a
                              for a, axis in zip(host, in_axes, strict=True)))
                for i in range(len(self)) if chosen[i]
            }  # fmt: skip
            some = next(iter(made.values()))
            return jax.tree.map(_beside, *(made.get(i, some) for i in range(len(self))))

        return each

    # --- training ---------------------------------------------------------------------------------------------

    def train(self, batches: Indices, active: NDArray[np.bool_]) -> None:
        self._state = self._on_device(self._state)
        images, labels = self._splits["train"]
        for start in range(0, batches.shape[1], STEPS):
            piece = batches[:, start : start + STEPS]
            padded = np.zeros((len(self), STEPS, batches.shape[2]), np.int32)
            padded[:, : piece.shape[1]] = piece
            steps = piece.shape[1]
            before = self._state
            self._state = self._train(active, images, labels, steps, before, self._varying, padded, active)
            if self._one_by_one:  # those that do not train were left out
                self._state = jax.tree.map(partial(np.where, active), self._state, before)
        self._fetched = {}

    def _train_chunk(
        self, images: Any, labels: Any, steps: Any, state: Any, varying: Any, batches: Any, active: Any
    ) -> Any:
        """The state of a member after some steps."""

        def step(i: Any, state: Any) -> Any:
            return self._step(images, labels, steps > 0, state, varying, batches[i])

        def trained(state: Any) -> Any:
            return jax.lax.fori_loop(0, steps, step, state)

        return jax.lax.cond(active, trained, lambda state: state, state)

    def _by_steps(self) -> Any:
        """`_train_chunk` by a call for each step: on a processor XLA has its fast kernels for the gradients of a
        convolution outside of loops and branches only, where they take a tenth of the time."""
        step = jax.jit(self._step)

        def train_chunk(
            images: Any, labels: Any, steps: int, state: Any, varying: Any, batches: Any, active: Any
        ) -> Any:
            for batch in batches[: steps if active else 0]:
                state = step(images, labels, True, state, varying, batch)
            return state

        return train_chunk

    def _step(self, images: Any, labels: Any, true: Any, state: Any, varying: Any, indices: Any) -> Any:
        with self._of_member(varying):
            return self._step_of_member(images, labels, true, state, indices)

    def _step_of_member(self, images: Any, labels: Any, true: Any, state: Any, indices: Any) -> Any:
        x, y = _batch(images, labels, indices)
        model, scope = self.model.variables, keras.StatelessScope
        values = list(zip(model, state["model"], strict=True))
        of_optimizer = list(zip(self.optimizer.variables, state["optimizer"], strict=True))
        trainable = _values(self._net.trainable_variables, values)
        others = _values(self._net.non_trainable_variables, values)

        def loss_of(trainable: Any) -> Any:
            logits, after, penalties = self._net.stateless_call(trainable, others, x, training=True, return_losses=True)
            loss = sum(penalties, jax.numpy.mean(_entropy(logits, y)))
            with scope(state_mapping=of_optimizer):
                return self.optimizer.scale_loss(loss), (loss, logits, after)

        gradients, (loss, logits, others) = jax.grad(loss_of, has_aux=True)(trainable)

        def look(sums: Any) -> Any:
            with scope(state_mapping=of_optimizer):  # before the optimizer changes its loss scale
                return self.probes.update_gradients(sums, gradients, self.optimizer)

        # A branch is compiled by itself. Else XLA takes the squares of a norm for those of the optimizer too, and these
        # are rounded once more then.
        of_gradients = jax.lax.cond(true, look, lambda sums: sums, state["gradients"])
        trainable, optimizer = self.optimizer.stateless_apply(state["optimizer"], gradients, trainable)
        after = [
            *zip(self._net.trainable_variables, trainable, strict=True),
            *zip(self._net.non_trainable_variables, others, strict=True),
        ]
        sums, count = state["sums"], y.shape[0]
        steps = sums["steps"] + 1
        bad = (sums["bad_step"] < 0) & ~jax.numpy.isfinite(loss)
        return {
            "model": _values(model, after),
            "optimizer": optimizer,
            "sums": {
                "loss": sums["loss"] + ops.cast(loss, "float64") * count,
                "correct": sums["correct"] + _correct(logits, y),
                "count": sums["count"] + count,
                "steps": steps,
                "bad_step": jax.numpy.where(bad, steps, sums["bad_step"]),
            },
            "gradients": of_gradients,
        }

    # --- evaluation -------------------------------------------------------------------------------------------

    def look(self, split: str, indices: Indices, batch_size: int, on: str, chosen: NDArray[np.bool_]) -> list[Looked]:
        probes, count = self.probes.on(on), indices.shape[1]
        on = on if probes.start() else ""
        if on not in self._passes:
            net = keras.Model(self.model.inputs, [self._net.output, *probes.tensors]) if on else self._net
            self._passes[on] = self._of_each(
                jax.jit(partial(self._evaluate, net, probes)), (None, None, None, 0, 0, 0, 0)
            )
        whole = count // batch_size
        padded = np.zeros((len(self), max(1, -(-whole // EVALUATED)) * EVALUATED, batch_size), np.int32)
        padded[:, :whole] = indices[:, : whole * batch_size].reshape(len(self), whole, batch_size)
        rest = indices[:, whole * batch_size :]
        model = self._on_device(self._state["model"])
        found = self._passes[on](chosen, *self._splits[split], whole, model, self._varying, padded, rest)
        losses, correct, penalties, sums = jax.device_get(found)
        return [
            (float(losses[i]) / count + float(penalties[i]), int(correct[i]) / count,
             jax.tree.map(lambda sum, i=i: np.asarray(sum[i]), sums))
            for i in np.flatnonzero(chosen)
        ]  # fmt: skip

    def _evaluate(
        self, net: Any, probes: Probes, images: Any, labels: Any, whole: Any, model: Any, varying: Any, batches: Any,
        rest: Any,
    ) -> Any:  # fmt: skip
        """Sums of loss and of hits of a member, its penalties, and the sums of its probes."""
        scope = keras.StatelessScope(state_mapping=zip(self.model.variables, model, strict=True))
        with scope, self._of_member(varying):

            def add(sums: Any, indices: Any) -> Any:
                x, y = _batch(images, labels, indices)
                loss, correct, of_probes = sums
                logits, *tensors = jax.tree.leaves(net(x, training=False))
                loss += jax.numpy.sum(ops.cast(_entropy(logits, y), "float64"))
                return loss, correct + _correct(logits, y), probes.update(of_probes, tensors, False, y, logits)

            sums = ops.zeros([], "float64"), ops.zeros([], "int64"), probes.start()
            if len(batches):
                sums = jax.lax.fori_loop(0, whole, lambda i, sums: add(sums, batches[i]), sums)
            loss, correct, of_probes = add(sums, rest) if rest.shape[0] else sums
            penalty = ops.zeros([])
            for layer in self.model.layers:
                if getattr(layer, "kernel_regularizer", None) is not None:
                    penalty += layer.kernel_regularizer(layer.kernel)
            return loss, correct, penalty, of_probes

    @contextmanager
    def _of_member(self, numbers: Mapping[str, Any]) -> Iterator[None]:
        """Within, layers and optimizer of the first model have the numbers of the member that is traced."""
        kept = []
        for path, number in numbers.items():
            for owner, attribute, value in self._places(path, number):
                kept.append((owner, attribute, vars(owner)[attribute]))
                vars(owner)[attribute] = value  # past Keras, which would track it
        try:
            yield
        finally:
            for owner, attribute, value in reversed(kept):
                vars(owner)[attribute] = value

    def _places(self, path: str, number: Any) -> Iterator[tuple[Any, str, Any]]:
        """Where a number of the config stands in layers and optimizer: object, attribute and new value."""
        from actlab.parts.activations.layer import Activation  # imports Keras

        inner, (kind, *_, name) = getattr(self.optimizer, "inner_optimizer", self.optimizer), path.split(".")
        single = number.astype("float32")
        if path == "optimizer.learning_rate":
            schedule = inner._learning_rate
            if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):  # else it is a variable
                rises = getattr(schedule, "warmup_target", None) is not None
                yield schedule, "warmup_target" if rises else "initial_learning_rate", single
        elif kind == "optimizer":
            yield inner, name, _Number(single)
        for layer in self.model.layers:
            if path == "model.dropout" and isinstance(layer, keras.layers.Dropout):
                yield layer, "rate", _Number(number)
            elif kind == "activation" and isinstance(layer, Activation):
                yield layer, "_parameters", {**layer.parameters, name: number}
            elif path.startswith("model.regularizer.") and getattr(layer, "kernel_regularizer", None) is not None:
                yield layer.kernel_regularizer, name, _Number(single)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        if not self[0].inner.use_ema:
            yield
            return
        kept = self._state["model"]
        every = np.ones(len(self), np.bool_)
        self._set("model", self._finished_all(every, kept, self._state["optimizer"]))
        yield
        self._set("model", kept)

    def _finished(self, model: Any, optimizer: Any) -> Any:
        """The variables of a model with a moving average of its weights, as `finish` makes them."""
        values = [*zip(self.model.variables, model, strict=True),
                  *zip(self.optimizer.variables, optimizer, strict=True)]  # fmt: skip
        with keras.StatelessScope(state_mapping=values) as scope:
            self.optimizer.finalize_variable_values(self.model.trainable_variables)
            return [scope.get_current_value(variable) for variable in self.model.variables]

    # --- state ------------------------------------------------------------------------------------------------

    def _on_device(self, part: Any) -> Any:
        """A part of the state, with what was written here: JAX compiles anew for arrays that are bound to no device."""
        put = partial(jax.device_put, device=self._device)
        if not self._one_by_one:
            return put(part)
        return jax.tree.map(lambda stack: stack if stack.dtype == object else _beside(*map(put, stack)), part)

    def part(self, name: str) -> Any:
        """A part of the state where it lies, each with a leading axis of members."""
        return self._state[name]

    def arrays(self, part: str) -> Any:
        """A part of the state as arrays of NumPy, (members, ...) each, fetched once for all members."""
        if part not in self._fetched:
            self._fetched[part] = jax.tree.map(_array, jax.device_get(self._state[part]))
        return self._fetched[part]

    def write(self, part: str, i: int, values: Any) -> None:
        """Replace what a part of the state is for one member."""

        def put(array: NDArray[Any], value: Any) -> None:
            array[i] = value

        arrays = self.arrays(part)
        jax.tree.map(put, arrays, values)
        self._state = {**self._state, part: arrays}  # it goes to the device with the next call

    def _set(self, part: str, values: Any) -> None:
        self._state = {**self._state, part: values}
        self._fetched.pop(part, None)


class _Number:
    """A number that is traced, where Keras asks whether it is 0, or 1 for a rate: that of no member is."""

    def __init__(self, traced: Any) -> None:
        self.traced, self.dtype = traced, traced.dtype

    def __jax_array__(self) -> Any:
        return self.traced

    def __eq__(self, other: object) -> bool:
        return False

    def __gt__(self, other: float) -> bool:
        return True

    def __rsub__(self, other: float) -> Any:
        return other - self.traced


class View(engine.Engine):
    """A member of a group."""

    def __init__(self, member: Member, group: Group, i: int) -> None:
        super().__init__(member)
        self.group, self.i = group, i

    @property
    def _alone(self) -> NDArray[np.bool_]:
        alone: NDArray[np.bool_] = np.arange(len(self.group)) == self.i
        return alone

    def train(self, batches: Indices) -> None:
        self.group.train(np.stack([batches] * len(self.group)), self._alone)

    def look(self, split: str, indices: Indices, batch_size: int, on: str = "validation") -> Looked:
        return self.group.look(split, np.stack([indices] * len(self.group)), batch_size, on, self._alone)[0]

    def sums(self) -> dict[str, Any]:
        sums: dict[str, Any] = self._mine("sums")
        return sums

    def gradient_sums(self) -> dict[str, Sums]:
        sums: dict[str, Sums] = self._mine("gradients")
        return sums

    def reset_means(self) -> None:
        self.group.write("sums", self.i, {**self.sums(), "loss": 0.0, "correct": 0, "count": 0})
        self.group.write("gradients", self.i, jax.tree.map(np.zeros_like, self.gradient_sums()))

    def optimizer_steps(self) -> int:
        place = next(i for i, v in enumerate(self.optimizer.variables) if v is self.inner.variables[0])
        return int(self.group.part("optimizer")[place][self.i])

    def finish(self) -> None:
        if self.inner.use_ema:
            self.set_weights([*map(np.asarray, self.group.finished(self._mine("model"), self._mine("optimizer")))])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        with self.group.averaged():
            yield

    def sync(self) -> None:
        for variable, value in zip(self.model.variables, self.weights(), strict=True):
            variable.assign(value)

    def state(self) -> dict[str, NDArray[Any]]:
        return {
            **{f"{part}/{i:04d}": a for part in ("model", "optimizer") for i, a in enumerate(self._mine(part))},
            **{f"sums/{name}": array for name, array in self.sums().items()},
            **{f"probes/{n}/{i}": a for n, of in self.gradient_sums().items() for i, a in enumerate(of.values())},
        }

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        for part in ("model", "optimizer"):
            self.group.write(part, self.i, [state[f"{part}/{i:04d}"] for i in range(len(self._mine(part)))])
        self.group.write("sums", self.i, {name: state[f"sums/{name}"] for name in self.sums()})
        sums = self.gradient_sums().items()
        self.group.write(
            "gradients", self.i, {n: {key: state[f"probes/{n}/{i}"] for i, key in enumerate(of)} for n, of in sums}
        )

    def weights(self) -> list[NDArray[Any]]:
        weights: list[NDArray[Any]] = self._mine("model")
        return weights

    def set_weights(self, weights: list[NDArray[Any]]) -> None:
        self.group.write("model", self.i, weights)

    def _mine(self, part: str) -> Any:
        return jax.tree.map(lambda array: array[self.i].copy(), self.group.arrays(part))


def _beside(*own: Any) -> NDArray[Any]:
    """Arrays of all members, (members,) objects: a stack that copies none of them."""
    held = np.empty(len(own), object)
    for i, array in enumerate(own):
        held[i] = array
    return held


def _array(stack: Any) -> NDArray[Any]:
    """A stack in one array of NumPy, which is nobody else's."""
    return np.stack(stack) if stack.dtype == object else np.array(stack)


def _stacked(variables: Sequence[Sequence[Any]]) -> list[NDArray[Any]]:
    """Each variable over all members, (members, ...)."""
    return [np.stack([np.asarray(variable.value) for variable in of]) for of in zip(*variables, strict=True)]


def _convolves(net: Any) -> bool:
    """Whether a model has a convolution in it, by whatever layer."""
    images = np.zeros((1, *net.inputs[0].shape[1:]), net.inputs[0].dtype)
    return "conv_general_dilated" in str(jax.make_jaxpr(partial(net, training=False))(images))


def _values(variables: Sequence[Any], values: Sequence[tuple[Any, Any]]) -> list[Any]:
    """The values of variables, from pairs of each variable and its value."""
    return [next(value for other, value in values if other is variable) for variable in variables]


def _batch(images: Any, labels: Any, indices: Any) -> tuple[Any, Any]:
    x = images.at[indices].get(mode="promise_in_bounds")
    if images.dtype == np.uint8:  # pixels; vectors are taken as they are
        x = x.astype("float32") * np.float32(1.0 / 255.0)
    return x, labels.at[indices].get(mode="promise_in_bounds").astype("int32")


def _entropy(logits: Any, labels: Any) -> Any:
    """Softmax cross-entropy of each image."""
    chosen = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return -jax.numpy.sum(chosen * jax.nn.log_softmax(logits), axis=-1)


def _correct(logits: Any, labels: Any) -> Any:
    return jax.numpy.sum((jax.numpy.argmax(logits, axis=-1) == labels).astype("int64"))
