"""Models of dense layers only."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from actlab.lazy import keras
from actlab.parts.models.layers import MODELS, Layers, ModelFacts, Rate, Units


@MODELS.register(ModelFacts("multinomial logistic regression", lambda of: []))
def linear(x: Any, layers: Layers, *, dropout: Rate = 0.0) -> Any:
    """One dense layer from the pixels to the classes; no activation. What a net must beat.

    `dropout` is that of the pixels. There is nothing to normalise or to activate.
    """
    return layers.dropout(keras.layers.Flatten()(x), dropout)


@MODELS.register(ModelFacts("experiments 1, 2, 4 and 5", lambda of: ["dense"] * len(of["hidden"])))
def mnist_dense(
    x: Any, layers: Layers, *, hidden: Annotated[list[Units], Field(min_length=1, max_length=200)] = [256],
    dropout: Rate = 0.0,
) -> Any:  # fmt: skip
    """Dense layers of the given widths, each with its activation and dropout."""
    x = keras.layers.Flatten()(x)
    for units in hidden:
        x = layers.dropout(layers.dense(x, units), dropout)
    return x


@MODELS.register(ModelFacts("experiment 6; Lu et al. 2019, arXiv:1903.06733", lambda of: ["dense"] * of["depth"]))
def deep_dense(
    x: Any, layers: Layers, *, width: Units = 100, depth: Annotated[int, Field(ge=1, le=200)] = 5, dropout: Rate = 0.0
) -> Any:
    """Flatten, then `depth` dense layers of `width` units each, with dropout after each."""
    return mnist_dense(x, layers, hidden=[width] * depth, dropout=dropout)
