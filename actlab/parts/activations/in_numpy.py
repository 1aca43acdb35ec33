"""The activations on NumPy arrays: a page that draws them need not import TensorFlow.

The functions themselves are those that train; what they call of Keras is replaced by the same on arrays. The tests
hold the values of every registered activation against those of TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from actlab import lazy
from actlab.parts.activations.facts import ActivationFacts, infer
from actlab.registry import Entry

Array = np.ndarray[Any, np.dtype[Any]]


def section(entry: Entry[ActivationFacts], parameters: Mapping[str, Any], x: Array) -> Array | None:
    """The first output while the first input moves and the others are 0; the function itself where it is elementwise.

    Args:
        entry: the activation.
        parameters: its resolved parameters; what is learned is where it starts, what is drawn at its mean.
        x: shape (points,).

    Returns:
        Values in float64, shape (points,); None where the activation calls something that is not replaced here.
    """
    facts = entry.facts
    others = max(1, facts.inputs_per_unit(parameters) - 1) if not facts.elementwise and facts.gives == 1 else 0
    sample = np.column_stack([x, np.zeros((len(x), others))])
    with lazy.ops.replaced_by(_Ops()), lazy.keras.replaced_by(_Keras()), np.errstate(all="ignore"):
        try:
            return np.asarray(infer(entry, parameters, sample)[:, 0], dtype=np.float64)
        except (AttributeError, ImportError):
            return None


class _Ops:
    """keras.ops: NumPy's functions, and those that NumPy has not or under another name."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def cast(x: Array, dtype: Any) -> Array:
        return x.astype(dtype)

    @staticmethod
    def stop_gradient(x: Array) -> Array:
        return x

    @staticmethod
    def erf(x: Array) -> Any:
        from scipy import special

        return special.erf(x)

    @staticmethod
    def erfc(x: Array) -> Any:
        from scipy import special

        return special.erfc(x)

    @staticmethod
    def sigmoid(x: Array) -> Any:
        from scipy import special

        return special.expit(x)

    @staticmethod
    def softmax(x: Array) -> Any:
        from scipy import special

        return special.softmax(x, axis=-1)

    @staticmethod
    def softplus(x: Array) -> Array:
        return np.logaddexp(x, 0)

    @staticmethod
    def relu(x: Array) -> Array:
        return np.maximum(x, 0)


class _Activations(_Ops):
    """keras.activations, by their equations."""

    @staticmethod
    def elu(x: Array, alpha: float) -> Array:
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))

    @staticmethod
    def selu(x: Array) -> Array:
        scale, alpha = 1.0507009873554805, 1.6732632423543772
        return scale * _Activations.elu(x, alpha)

    @staticmethod
    def exponential(x: Array) -> Array:
        return np.exp(x)

    @staticmethod
    def silu(x: Array) -> Any:
        return x * _Ops.sigmoid(x)

    @staticmethod
    def hard_sigmoid(x: Array) -> Array:
        return np.clip(x / 6 + 0.5, 0, 1)

    @staticmethod
    def hard_silu(x: Array) -> Array:
        return x * _Activations.hard_sigmoid(x)

    @staticmethod
    def mish(x: Array) -> Array:
        return x * np.tanh(np.logaddexp(x, 0))

    @staticmethod
    def glu(x: Array) -> Any:
        first, second = np.split(x, 2, axis=-1)
        return first * _Ops.sigmoid(second)

    @staticmethod
    def relu(x: Array, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Array:
        above = x if max_value is None else np.minimum(x, max_value)
        return np.where(x > threshold, above, negative_slope * (x - threshold))

    @staticmethod
    def relu6(x: Array) -> Array:
        return np.clip(x, 0, 6)

    @staticmethod
    def leaky_relu(x: Array, negative_slope: float) -> Array:
        return np.where(x > 0, x, negative_slope * x)

    @staticmethod
    def soft_shrink(x: Array, threshold: float) -> Array:
        return np.sign(x) * np.maximum(np.abs(x) - threshold, 0)

    @staticmethod
    def hard_shrink(x: Array, threshold: float) -> Array:
        return np.where(np.abs(x) > threshold, x, 0)

    @staticmethod
    def tanh_shrink(x: Array) -> Array:
        return x - np.tanh(x)

    @staticmethod
    def sparse_sigmoid(x: Array) -> Array:
        return np.clip((x + 1) / 2, 0, 1)

    @staticmethod
    def log_sigmoid(x: Array) -> Any:
        return -np.logaddexp(-x, 0)

    @staticmethod
    def hard_tanh(x: Array) -> Array:
        return np.clip(x, -1, 1)

    @staticmethod
    def softsign(x: Array) -> Any:
        return x / (1 + np.abs(x))

    @staticmethod
    def log_softmax(x: Array) -> Any:
        from scipy import special

        return special.log_softmax(x, axis=-1)

    @staticmethod
    def sparse_plus(x: Array) -> Array:
        return np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x))


class _Keras:
    activations = _Activations()
