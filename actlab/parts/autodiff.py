"""What `keras.ops` lacks, on TensorFlow and on JAX: derivatives, compilation, and the largest number of a dtype."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import ml_dtypes

from actlab.lazy import backend, jax, keras, ops, tf


def pull_back(function: Callable[..., Any], inputs: Sequence[Any], weights: Any = None) -> tuple[Any, list[Any]]:
    """A function's value, and ∂(Σ weights · value)/∂inputs by automatic differentiation.

    Args:
        function: of as many tensors as there are inputs, to one.
        inputs: where.
        weights: in the shape of the value; 1 if left out.

    Returns:
        The value, and for each input a tensor of its shape, 0 where the value does not depend on it.
    """
    if backend() == "jax":
        value, back = jax.vjp(function, *inputs)
        return value, list(back(ops.ones_like(value) if weights is None else weights))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
    return value, tape.gradient(value, inputs, weights, unconnected_gradients="zero")


def compiled(function: Callable[..., Any], x: Any, **constants: Any) -> Any:
    """The value of a function of a tensor and of constants, compiled."""
    if backend() == "jax":
        return jax.jit(partial(function, **constants))(x)
    return tf.function(function).get_concrete_function(x, **constants)(x)


def largest(x: Any) -> float:
    """The largest finite number of a tensor's floating dtype."""
    return float(ml_dtypes.finfo(keras.backend.standardize_dtype(x.dtype)).max)  # type: ignore[no-untyped-call]


def half_sum_of_squares(x: Any) -> Any:
    """Σ x²/2 over all elements."""
    return 0.5 * ops.sum(ops.square(x)) if backend() == "jax" else tf.nn.l2_loss(x)
