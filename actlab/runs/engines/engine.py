"""What a training asks of an engine: of one run, and of a group of runs that are trained together.

`tensorflow.py` has a run in training, and groups of them one by one; `jax.py` has a group as one program, of which a
single run is the group of one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.parts.probes import AllSums, Probes, Sums

Indices = NDArray[np.int32]
Arrays = dict[str, tuple[Any, Any]]
"""Name of a split to its images, (n, height, width, channels) uint8, or vectors, (n, features) float32; and labels,
(n,) int."""
Looked = tuple[float, float, AllSums]
"""Mean loss and accuracy of a pass over images in inference mode, and what the probes see of it."""


@dataclass(frozen=True, eq=False)
class Member:
    """A run of a group.

    Args:
        model: from `build_model`, with the initial weights of its own seed; its layer `logits` is trained by softmax
            cross-entropy.
        optimizer: from `build_optimizer`, of this model.
        probes: what is measured on the way.
    """

    model: Any
    optimizer: Any
    probes: Probes


class Engine:
    """One model in training; an engine of its own says what has no body here."""

    def __init__(self, member: Member) -> None:
        self.model, self.optimizer, self.probes = member.model, member.optimizer, member.probes
        self.inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)  # within that of mixed_float16

    def train(self, batches: Indices) -> None:
        """Take one step for each row of indices into the split "train", (steps, batch)."""
        raise NotImplementedError

    def look(self, split: str, indices: Indices, batch_size: int, on: str = "validation") -> Looked:
        """Loss and accuracy on images, and what the probes see of the same pass.

        Args:
            split: a name of the arrays.
            indices: which images of it, (n,).
            batch_size: images at a time; the result depends on it by rounding only.
            on: the probes that look at "validation", "training" or "test" images; "" for none of them.
        """
        raise NotImplementedError

    # --- since the last row -----------------------------------------------------------------------------------

    def sums(self) -> dict[str, Any]:
        """Over the training steps since the last `reset_means`: loss, correct, count; over all of them: steps, and
        bad_step, the first one, 1-based, whose loss was not finite, or -1."""
        raise NotImplementedError

    def gradient_sums(self) -> dict[str, Sums]:
        """What each probe of the gradients has summed since the last `reset_means`."""
        raise NotImplementedError

    def reset_means(self) -> None:
        """Begin new means, and new sums of the gradients."""
        raise NotImplementedError

    def means(self) -> tuple[float, float, int]:
        """Mean loss and accuracy of the training steps since the last `reset_means`, and over how many images."""
        sums = self.sums()
        count = int(sums["count"])
        return float(sums["loss"]) / max(1, count), int(sums["correct"]) / max(1, count), count

    @property
    def bad_step(self) -> int | None:
        """The first step whose loss was NaN or infinite, 1-based; None if there was none."""
        step = int(self.sums()["bad_step"])
        return step if step >= 0 else None

    # --- the state --------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        """Every number that the rest of the training depends on, by name."""
        raise NotImplementedError

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Put back what `state` gave."""
        raise NotImplementedError

    def sync(self) -> None:
        """Give the variables of the model, which probes and films read, the values that they have in the training."""

    def weights(self) -> list[NDArray[Any]]:
        """The model's variables as arrays, in Keras's order."""
        raise NotImplementedError

    def set_weights(self, weights: list[NDArray[Any]]) -> None:
        """Put back what `weights` gave."""
        raise NotImplementedError

    def finite(self) -> bool:
        """Whether every variable of the model is a number."""
        return all(np.isfinite(array).all() for array in self.weights() if array.dtype.kind == "f")

    def optimizer_steps(self) -> int:
        """How many steps the optimizer has counted: those that it accumulates too, those that overflow not."""
        raise NotImplementedError

    @property
    def learning_rate(self) -> float:
        """That of the last step taken, as the shortest decimal that is this float32: 0.1, not 0.10000000149."""
        counter, taken = self.inner.variables[0], self.optimizer_steps()
        each = self.inner.gradient_accumulation_steps or 1
        counter.assign(max(0, taken // each * each - 1))  # Keras tells the rate of the next step only
        rate = float(str(np.float32(np.asarray(self.inner.learning_rate))))
        counter.assign(taken)
        return rate

    def finish(self) -> None:
        """End the training as `fit` does: where the optimizer keeps a moving average of the weights, they become it."""
        raise NotImplementedError

    def averaged(self) -> AbstractContextManager[None]:
        """Within, the weights are what `finish` would make them; afterwards, those of the training again."""
        raise NotImplementedError


class Group:
    """Runs of equal shapes in training together; here a step of each after the other's, by engines of their own.

    `tensorflow.Group` and `jax.Group` are made of (members, arrays, device, varying).

    Args:
        members: the runs; they differ in seed, weights, learning rate, and in the numbers that `varying` names.
        arrays: the data, the same for all.
        device: "cpu" or "gpu".
        varying: dotted path of a config to its value for each member, (members,); what is not here, and no state, is
            that of the first member.
    """

    def __init__(self, engines: Sequence[Engine]) -> None:
        self.engines = engines

    def __len__(self) -> int:
        return len(self.engines)

    def __getitem__(self, i: int) -> Engine:
        """One member, as if it were alone. Its `train` leaves the others as they are."""
        return self.engines[i]

    def train(self, batches: Indices, active: NDArray[np.bool_]) -> None:
        """Take as many steps as there are batches for each active member.

        Args:
            batches: indices into the split "train", (members, steps, batch).
            active: which members train, (members,); the state of the others stays as it is, to the last bit.
        """
        for engine, own in itertools.compress(zip(self.engines, batches, strict=True), active):
            engine.train(own)

    def look(self, split: str, indices: Indices, batch_size: int, on: str, chosen: NDArray[np.bool_]) -> list[Looked]:
        """`Engine.look` of the chosen members, (members,), each at its own indices, (members, n)."""
        all_of_them = zip(self.engines, indices, strict=True)
        return [engine.look(split, own, batch_size, on) for engine, own in itertools.compress(all_of_them, chosen)]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """`Engine.averaged` of every member at once."""
        with ExitStack() as stack:
            for engine in self.engines:
                stack.enter_context(engine.averaged())
            yield


def chunks(indices: Indices, batch_size: int, steps: int) -> Iterator[Indices]:
    """Indices (n,) as arrays (up to `steps`, batch_size); what is left over as one shorter batch at the end."""
    whole = len(indices) // batch_size * batch_size
    batches = indices[:whole].reshape(-1, batch_size)
    for start in range(0, len(batches), steps):
        yield batches[start : start + steps]
    if whole < len(indices):
        yield indices[None, whole:]
