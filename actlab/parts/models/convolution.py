"""Models with convolution layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from actlab.lazy import keras
from actlab.parts.models.layers import MODELS, Layers, ModelFacts, Rate, Units


def survives_its_pools(of: Mapping[str, Any], shape: tuple[int, ...]) -> str | None:
    """That each of two pools finds 2×2 pixels, when the convolution before it has taken two of each side."""
    if not_images := is_for_images(of, shape):
        return not_images
    side = ((min(shape[:2]) - 2) // 2 - 2) // 2
    return None if side >= 1 else f"images of {shape[0]}×{shape[1]} do not survive its convolutions and pools; 10×10 do"


def is_for_images(of: Mapping[str, Any], shape: tuple[int, ...]) -> str | None:
    """That there are pixels to convolve."""
    dense = "mnist_dense, deep_dense and linear take them"
    return None if len(shape) == 3 else f"{of['name']} is for images, and the data are vectors of {shape[0]}; {dense}"


@MODELS.register(ModelFacts(
    "experiment 3; the CNN of Keras's former CIFAR-10 example", lambda of: ["conv2d"] * 4 + ["dense"],
    survives_its_pools,
))  # fmt: skip
def cifar10_cnn(
    x: Any, layers: Layers, *,
    dropout: Annotated[list[Rate], Field(min_length=3, max_length=3)] | Rate = [0.25, 0.25, 0.5],
) -> Any:  # fmt: skip
    """Conv 32 same, conv 32 valid, pool; conv 64 same, conv 64 valid, pool; dense 512; 3×3 kernels, max pooling.

    `dropout` has the rates after the first pool, the second pool and the dense layer; one number stands for all
    three. 1,250,858 parameters on 32×32×3 images.
    """
    rates = dropout if isinstance(dropout, list) else [dropout] * 3
    for filters, rate in zip((32, 64), rates[:2], strict=True):
        x = layers.conv(x, filters, 3, "same")
        x = layers.conv(x, filters, 3, "valid")
        x = layers.dropout(keras.layers.MaxPooling2D(2)(x), rate)
    return layers.dropout(layers.dense(keras.layers.Flatten()(x), 512), rates[2])


def leaves_enough_to_pool(of: Mapping[str, Any], shape: tuple[int, ...]) -> str | None:
    """That a convolution leaves the 2×2 pixels that are pooled."""
    if not_images := is_for_images(of, shape):
        return not_images
    size, strides, side = of["kernel_size"], of.get("strides") or 1, min(shape[:2])
    left = -(-side // strides) if of.get("padding") == "same" else (side - size) // strides + 1
    return None if left >= 2 else f"kernel_size {size} and strides {strides} leave {left} of {side} pixels to pool"


@MODELS.register(ModelFacts(
    "experiment 5c; Saito 2016, Deep Learning from Scratch, chapter 7",
    lambda of: ["conv2d" if of["convolution"] == "native" else "im2col_conv2d", "dense"], leaves_enough_to_pool,
))  # fmt: skip
def simple_cnn(
    x: Any, layers: Layers, *, filters: Units = 30, kernel_size: Annotated[int, Field(ge=1, le=28)] = 5,
    strides: Annotated[int, Field(ge=1, le=28)] | None = None, padding: Literal["valid", "same"] | None = None,
    units: Units = 100, dropout: Rate = 0.0, convolution: Literal["native", "im2col"] = "native",
) -> Any:  # fmt: skip
    """One convolution, max pooling 2×2, one dense layer.

    `strides` are 1 and `padding` is valid (none) where they are left out. `convolution: im2col` takes the patches and
    multiplies one matrix: the same numbers within rounding.
    """
    x = layers.conv(x, filters, kernel_size, padding or "valid", convolution, strides or 1)
    x = keras.layers.Flatten()(keras.layers.MaxPooling2D(2)(x))
    return layers.dropout(layers.dense(x, units), dropout)
