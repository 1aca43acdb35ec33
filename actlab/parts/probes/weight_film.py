"""The film of a layer's weights: how the incoming weights of each unit changed since the frame before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.errors import UnknownName
from actlab.parts.probes.layers import ProbedLayer, probed_layers
from actlab.parts.probes.unmoved_units import unmoved

ALIVE, DEAD, NOT_MEASURED = 0, 1, 2
UNMOVED = 4  # added to one of these
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
        layers, self.every = probed_layers(model), every
        known = ["first", *(probed.name for probed in layers)]
        if layer not in known:
            raise UnknownName("layer with weights", layer, known)
        self.layer = layers[max(0, known.index(layer) - 1)]
        self._image = _image_before(self.layer.layer)
        self._last = self._weights()
        self.shape: tuple[int, ...] = tiles(self._last[0], self.layer, self._image).shape

    @property
    def bytes_a_frame(self) -> int:
        """A byte a unit (alive, dead or not measured; whether it moved), and the pixels of its tile."""
        return self.shape[0] + math.prod(self.shape)

    def frame(self, dead: Mapping[str, NDArray[np.bool_]]) -> bytes:
        """The next frame; the change is counted from here on.

        Args:
            dead: which units of each layer are dead, where that is measured.
        """
        before, self._last = self._last, self._weights()
        pixels = tiles(self._last[0] - before[0], self.layer, self._image)
        mask = dead.get(self.layer.name)
        units = np.full(len(pixels), NOT_MEASURED, np.uint8) if mask is None else mask.astype(np.uint8)
        units += UNMOVED * unmoved(self.layer, before, self._last).astype(np.uint8)
        return units.tobytes() + pixels.tobytes()

    def arrays(self, raw: bytes) -> dict[str, NDArray[Any]]:
        """All frames, (frames, units, height, width); which units did not move since the frame before, (frames, units);
        and which were dead, if it was measured.

        Args:
            raw: what `frame` gave, one after the other.
        """
        records = np.frombuffer(raw, np.uint8).reshape(-1, self.bytes_a_frame)
        units, pixels = np.split(records, [self.shape[0]], axis=1)
        state, still = units % UNMOVED, units >= UNMOVED
        found: dict[str, NDArray[Any]] = {"frames": pixels.reshape(-1, *self.shape), "unmoved": still}
        return found if (state == NOT_MEASURED).any() else {**found, "dead": state == DEAD}

    def state(self) -> dict[str, NDArray[Any]]:
        """What the frames to come need; part of the checkpoint."""
        return dict(zip(("last", "last_bias"), self._last, strict=False))

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Put back what `state` gave."""
        self._last = [state["last"], *([state["last_bias"]] if "last_bias" in state else [])]

    def _weights(self) -> list[NDArray[Any]]:
        """Kernel, and bias where there is one."""
        of = self.layer.layer
        return [np.asarray(v, dtype=np.float32) for v in (of.kernel, of.bias) if v is not None]


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
    axes = tuple(range(1, columns.ndim))  # the article takes the least and the greatest over the weights of one unit
    low, high = columns.min(axis=axes, keepdims=True), columns.max(axis=axes, keepdims=True)
    pixels: Tiles = ((columns - low) / (high - low + 0.0001) * 255).astype(np.uint8)
    if pixels.ndim == 3:  # no image: near a square, black where there are no weights
        units, each, weights = pixels.shape
        width = math.ceil(math.sqrt(weights))
        height = math.ceil(weights / width)
        gaps = np.zeros((units, each, height * width - weights), np.uint8)
        pixels = np.concatenate([pixels, gaps], axis=-1).reshape(units, each, height, width)
    side_by_side: Tiles = np.concatenate(list(np.moveaxis(pixels, 1, 0)), axis=-1)
    return side_by_side
