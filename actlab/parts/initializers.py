"""Initial weights: Keras's initializers under Keras's names, and the two of the Japanese course books.

Each function takes the seed of its layer first; its keyword-only parameters are its entry in a config.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from actlab.lazy import backend, keras
from actlab.parts import draws
from actlab.registry import Registry

INITIALIZERS: Registry[str] = Registry(
    "initializer", takes=lambda facts: ("seed",)
)  # stated of each: where it comes from

Positive = Annotated[float, Field(gt=0)]
TRUNCATED = 0.87962566103423978  # standard deviation of a standard normal number that is cut at ±2


def draw(initializer: Any, shape: tuple[int, ...]) -> Any:
    """The weights that an initializer of Keras gives, (shape), on every backend those that TensorFlow has for the seed.

    To the last bit, but for orthogonal ones, whose matrices are factorised by another library. An initializer that is
    none of Keras's random ones, as one of a plug-in, draws as its backend does.
    """
    of = keras.initializers
    if backend() == "tensorflow":
        return initializer(shape)
    if isinstance(initializer, of.VarianceScaling):
        inputs, outputs = _fans(shape, initializer.input_axes, initializer.output_axes)
        fan = {"fan_in": inputs, "fan_out": outputs}.get(initializer.mode, (inputs + outputs) / 2)
        variance = initializer.scale / max(1.0, fan)
        if initializer.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return draws.uniform(shape, initializer.seed, -limit, limit)
        if initializer.distribution == "untruncated_normal":
            return draws.normal(shape, initializer.seed, 0.0, math.sqrt(variance))
        return draws.truncated_normal(shape, initializer.seed, 0.0, math.sqrt(variance) / TRUNCATED)
    if isinstance(initializer, of.TruncatedNormal):
        return draws.truncated_normal(shape, initializer.seed, initializer.mean, initializer.stddev)
    if isinstance(initializer, of.RandomNormal):
        return draws.normal(shape, initializer.seed, initializer.mean, initializer.stddev)
    if isinstance(initializer, of.RandomUniform):
        return draws.uniform(shape, initializer.seed, initializer.minval, initializer.maxval)
    if isinstance(initializer, of.Orthogonal):
        rows, columns = math.prod(shape[:-1]), shape[-1]
        matrix = draws.normal((max(rows, columns), min(rows, columns)), initializer.seed, 0.0, 1.0)
        q, r = np.linalg.qr(matrix)
        q *= np.sign(np.diag(r))
        return initializer.gain * (q.T if rows < columns else q).reshape(shape)
    return initializer(shape)


def drawn(initializer: Any) -> Any:
    """The same initializer, whose calls on every backend give what `draw` does."""
    of = type(initializer)
    if backend() != "tensorflow" and of.__module__.startswith("keras.") and hasattr(initializer, "seed"):
        initializer.__class__ = type(
            of.__name__, (of,), {"__call__": lambda self, shape, dtype=None: draw(self, shape)}
        )
    return initializer


def _fans(shape: tuple[int, ...], inputs: list[int] | None, outputs: list[int] | None) -> tuple[int, int]:
    """What a kernel's unit takes and gives: over the axes that are named, else over all before the last, as a
    convolution has them."""
    if inputs is not None and outputs is not None:
        return math.prod(shape[axis] for axis in inputs), math.prod(shape[axis] for axis in outputs)
    *places, into, out = shape
    return math.prod(places) * into, math.prod(places) * out


@INITIALIZERS.register("Glorot and Bengio 2010", aliases=("xavier_uniform",))
def glorot_uniform(seed: int) -> Any:
    """U(−a, a), a = √(6 / (fan_in + fan_out)). Keras's default for dense and convolution layers."""
    return keras.initializers.GlorotUniform(seed=seed)


@INITIALIZERS.register("Glorot and Bengio 2010", aliases=("xavier", "xavier_normal"))
def glorot_normal(seed: int) -> Any:
    """Normal of variance 2 / (fan_in + fan_out), truncated at two standard deviations."""
    return keras.initializers.GlorotNormal(seed=seed)


@INITIALIZERS.register("He et al. 2015, arXiv 1502.01852", aliases=("he",))
def he_normal(seed: int) -> Any:
    """Normal of variance 2 / fan_in, truncated at two standard deviations."""
    return keras.initializers.HeNormal(seed=seed)


@INITIALIZERS.register("He et al. 2015, arXiv 1502.01852")
def he_uniform(seed: int) -> Any:
    """U(−a, a), a = √(6 / fan_in)."""
    return keras.initializers.HeUniform(seed=seed)


@INITIALIZERS.register("LeCun et al. 1998, Efficient BackProp", aliases=("lecun",))
def lecun_normal(seed: int) -> Any:
    """Normal of variance 1 / fan_in, truncated at two standard deviations."""
    return keras.initializers.LecunNormal(seed=seed)


@INITIALIZERS.register("LeCun et al. 1998, Efficient BackProp")
def lecun_uniform(seed: int) -> Any:
    """U(−a, a), a = √(3 / fan_in)."""
    return keras.initializers.LecunUniform(seed=seed)


@INITIALIZERS.register("Saito 2016, Deep Learning from Scratch, chapter 6")
def xavier_fan_in(seed: int) -> Any:
    """Untruncated normal of variance 1 / fan_in: what that book calls Xavier (elsewhere LeCun's)."""
    return keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal", seed=seed)


@INITIALIZERS.register("Saito 2016, Deep Learning from Scratch, chapter 6")
def he_fan_in(seed: int) -> Any:
    """Untruncated normal of variance 2 / fan_in: what that book calls He."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=seed)


@INITIALIZERS.register("Keras", aliases=("normal",))
def random_normal(seed: int, *, mean: float = 0.0, stddev: Positive = 0.05) -> Any:
    """Normal of the given mean and standard deviation, the same for every layer."""
    return keras.initializers.RandomNormal(mean, stddev, seed=seed)


@INITIALIZERS.register("Keras")
def truncated_normal(seed: int, *, mean: float = 0.0, stddev: Positive = 0.05) -> Any:
    """Normal of the given mean and standard deviation; draws beyond two of them are drawn again."""
    return keras.initializers.TruncatedNormal(mean, stddev, seed=seed)


@INITIALIZERS.register("Keras", aliases=("uniform",))
def random_uniform(seed: int, *, minval: float = -0.05, maxval: float = 0.05) -> Any:
    """U(minval, maxval), the same for every layer."""
    return keras.initializers.RandomUniform(minval, maxval, seed=seed)


@INITIALIZERS.register("Keras")
def variance_scaling(
    seed: int,
    *,
    scale: Positive = 1.0,
    mode: Literal["fan_in", "fan_out", "fan_avg"] = "fan_in",
    distribution: Literal["truncated_normal", "untruncated_normal", "uniform"] = "truncated_normal",
) -> Any:
    """Variance scale / n, where n is the number of inputs, of outputs, or their mean."""
    return keras.initializers.VarianceScaling(scale, mode, distribution, seed=seed)


@INITIALIZERS.register("Saxe et al. 2014, arXiv 1312.6120")
def orthogonal(seed: int, *, gain: Positive = 1.0) -> Any:
    """A random orthogonal matrix times the gain (the kernel seen as a matrix)."""
    return keras.initializers.Orthogonal(gain, seed=seed)


@INITIALIZERS.register("Keras")
def constant(seed: int, *, value: float = 0.0) -> Any:
    """The same value everywhere: all units of a layer stay equal."""
    return keras.initializers.Constant(value)


@INITIALIZERS.register("Keras", aliases=("zero",))
def zeros(seed: int) -> Any:
    """0 everywhere."""
    return keras.initializers.Zeros()


@INITIALIZERS.register("Keras", aliases=("one",))
def ones(seed: int) -> Any:
    """1 everywhere."""
    return keras.initializers.Ones()


@INITIALIZERS.register("Keras")
def identity(seed: int, *, gain: float = 1.0) -> Any:
    """The identity matrix times the gain. For dense layers only."""
    return keras.initializers.Identity(gain)
