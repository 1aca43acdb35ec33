"""Gradients by the engine of this process, for tests that hold for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from actlab.lazy import keras
from actlab.parts.autodiff import pull_back


def gradients(
    function: Callable[..., Any], inputs: Sequence[Any], variables: Sequence[Any] = (), mix: Any = None
) -> tuple[Any, list[Any]]:
    """The value of a function of tensors, and ∂(Σ mix · value) by each of them and by each variable of Keras."""

    def of(*values: Any) -> Any:
        with keras.StatelessScope(state_mapping=zip(variables, values[len(inputs) :], strict=True)):
            return function(*values[: len(inputs)])

    value, found = pull_back(of, [*inputs, *(variable.value for variable in variables)], mix)
    return value, [np.asarray(gradient) for gradient in found]
