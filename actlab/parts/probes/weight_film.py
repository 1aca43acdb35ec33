"""The film of a layer's weights: how the incoming weights of each unit changed since the frame before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.errors import UnknownName
from actlab.parts.probes.layers import ProbedLayer, probed_layers
from actlab.registry import nearest

ALIVE, DEAD, NOT_MEASURED = 0, 1, 2
Tiles = NDArray[np.uint8]


class WeightFilm:
    """Makes the frames of one layer.

    A tile shows x, the change of the weights that lead to a unit since the frame before, as
    y = (x − min(x)) / (max(x) − min(x) + 0.0001) · 255. For a dense layer on an image (through Flatten) it is as high
    and wide as the image, for a convolution as its kernel, else near a square and black where there are no weights;
    over channels the mean of the change is shown. A unit with several inputs has their tiles side by side.

    Args:
        model: the Keras model that is trained.
        layer: "first", or the Keras name of a layer with a kernel.
        every: evaluations between two frames.

    Raises:
        UnknownName: no layer with a kernel has this name.
    """

    def __init__(self, model: Any, layer: str, every: int) -> None:
        self.layer, self.every = _find(probed_layers(model), layer), every
        self._image = _image_before(self.layer.layer)
        self._last = self._kernel()
        self.shape: tuple[int, ...] = tiles(self._last, self.layer, self._image).shape

    @property
    def bytes_a_frame(self) -> int:
        """A byte a unit (alive, dead or not measured), and the pixels of its tile."""
        return self.shape[0] + math.prod(self.shape)

    def frame(self, dead: Mapping[str, NDArray[np.bool_]]) -> bytes:
        """The next frame; the change is counted from here on.

        Args:
            dead: which units of each layer are dead, where that is measured.
        """
        now = self._kernel()
        pixels = tiles(now - self._last, self.layer, self._image)
        self._last = now
        mask = dead.get(self.layer.name)
        units = np.full(len(pixels), NOT_MEASURED, np.uint8) if mask is None else mask.astype(np.uint8)
        return units.tobytes() + pixels.tobytes()

    def arrays(self, raw: bytes) -> dict[str, NDArray[Any]]:
        """All frames, (frames, units, height, width), and which units were dead, (frames, units), if it was measured.

        Args:
            raw: what `frame` gave, one after the other.
        """
        records = np.frombuffer(raw, np.uint8).reshape(-1, self.bytes_a_frame)
        units, pixels = np.split(records, [self.shape[0]], axis=1)
        found: dict[str, NDArray[Any]] = {"frames": pixels.reshape(-1, *self.shape)}
        return found if (units == NOT_MEASURED).any() else {**found, "dead": units == DEAD}

    def state(self) -> dict[str, NDArray[Any]]:
        """What the frames to come need; part of the checkpoint."""
        return {"last": self._last}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `state` gave."""
        self._last = state["last"]

    def _kernel(self) -> NDArray[Any]:
        return np.asarray(self.layer.layer.kernel.numpy(), dtype=np.float32)


def _find(layers: list[ProbedLayer], name: str) -> ProbedLayer:
    found = next((layer for layer in layers if name in ("first", layer.name)), None)
    if found is None:
        known = ["first", *(layer.name for layer in layers)]
        raise UnknownName("layer with weights", name, nearest(name, known), known)
    return found


def _image_before(layer: Any) -> tuple[int, int, int] | None:
    """Height, width and channels of what a dense layer sees through Flatten; None where it sees no image."""
    before = layer.input._keras_history.operation
    while type(before).__name__ == "Dropout":
        before = before.input._keras_history.operation
    shape = before.input.shape[1:] if type(before).__name__ == "Flatten" else ()
    return tuple(map(int, shape)) if len(shape) == 3 else None  # type: ignore[return-value]  # three of them


def tiles(change: NDArray[Any], layer: ProbedLayer, image: tuple[int, int, int] | None) -> Tiles:
    """The tiles of a layer's units, (units, height, width).

    Args:
        change: of the kernel, in its shape.
        layer: whose kernel it is.
        image: height, width and channels of the layer's input, where a dense layer has an image before it.
    """
    grid = change.reshape(*image, -1) if image and change.ndim == 2 else change
    flat = grid.mean(axis=2) if grid.ndim == 4 else grid  # over channels
    columns = np.moveaxis(layer.by_unit(flat), (-2, -1), (0, 1))  # (units, inputs a unit, ...)
    pixels = _pixels(columns)
    pictures = _near_square(pixels) if pixels.ndim == 3 else pixels
    side_by_side: Tiles = np.concatenate(list(np.moveaxis(pictures, 1, 0)), axis=-1)
    return side_by_side


def _pixels(change: NDArray[Any]) -> Tiles:
    """The article's formula, the least and the greatest change taken over the weights of one unit."""
    axes = tuple(range(1, change.ndim))
    low, high = change.min(axis=axes, keepdims=True), change.max(axis=axes, keepdims=True)
    pixels: Tiles = ((change - low) / (high - low + 0.0001) * 255).astype(np.uint8)
    return pixels


def _near_square(vectors: Tiles) -> Tiles:
    """(..., inputs) to (..., height, width), black where there are no weights."""
    inputs = vectors.shape[-1]
    width = math.ceil(math.sqrt(inputs))
    height = math.ceil(inputs / width)
    padding = [(0, 0)] * (vectors.ndim - 1) + [(0, height * width - inputs)]
    return np.pad(vectors, padding).reshape(*vectors.shape[:-1], height, width)
