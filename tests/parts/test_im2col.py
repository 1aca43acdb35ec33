"""im2col against NumPy, col2im against autodiff, the layer against Keras's, and the page that shows the matrix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts.gradients import gradients

from actlab.lazy import keras, ops

module = pytest.importorskip("actlab.parts.models.im2col")
Im2colConv2D, col2im, im2col = module.Im2colConv2D, module.col2im, module.im2col

CASES = [
    # height, width, channels, kernel, stride, padding
    (4, 4, 1, (3, 3), 1, "valid"),
    (4, 4, 1, (3, 3), 1, "same"),
    (7, 5, 3, (3, 2), 2, "valid"),
    (7, 5, 3, (3, 2), 2, "same"),
    (6, 6, 2, (2, 2), 3, "same"),  # strides beyond the kernel: some pixels go nowhere
    (5, 5, 1, (5, 5), 1, "valid"),
    (8, 8, 2, (1, 1), 2, "valid"),
]


def by_numpy(x: Any, kernel: tuple[int, int], stride: int, padding: str) -> Any:
    """Patch after patch, as one would cut them out by hand."""
    if padding == "same":
        pads = [
            max(0, (-(-size // stride) - 1) * stride + k - size) for size, k in zip(x.shape[1:3], kernel, strict=True)
        ]
        x = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    rows = [
        image[i : i + kernel[0], j : j + kernel[1]].reshape(-1)
        for image in x
        for i in range(0, x.shape[1] - kernel[0] + 1, stride)
        for j in range(0, x.shape[2] - kernel[1] + 1, stride)
    ]
    return np.stack(rows)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_columns_are_the_patches_and_col2im_is_the_transpose(case: Any) -> None:
    height, width, channels, *how = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, height, width, channels)).astype("float32")
    columns = im2col(ops.convert_to_tensor(x), *how)
    g = rng.normal(size=columns.shape).astype("float32")
    np.testing.assert_array_equal(columns, by_numpy(x, *how))
    back = np.asarray(col2im(ops.convert_to_tensor(g), x.shape, *how))
    _, (expected,) = gradients(lambda x: im2col(x, *how), [ops.convert_to_tensor(x)], mix=ops.convert_to_tensor(g))
    np.testing.assert_allclose(back, expected, atol=1e-5)
    assert (back * x).sum() == pytest.approx((np.asarray(columns) * g).sum(), rel=1e-4)


@pytest.mark.parametrize(
    ("size", "strides", "padding"), [(5, 1, "valid"), (5, 1, "same"), (3, 2, "same"), (4, 3, "valid")]
)
def test_the_layer_equals_the_native_convolution(size: int, strides: int, padding: str) -> None:
    keras.utils.set_random_seed(0)  # of the weights: what rounds is the same each time
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(8, 28, 28, 3)), "float32")
    layers = [kind(30, size, strides, padding) for kind in (keras.layers.Conv2D, Im2colConv2D)]
    outputs, found = [], []
    for layer in layers:
        layer(x)
    for ours, theirs in zip(layers[1].variables, layers[0].variables, strict=True):
        theirs.assign(np.asarray(theirs) + np.float32(0.01))
        ours.assign(theirs)
    for layer in layers:
        outputs.append(layer(x))
        found.append(gradients(lambda x, layer=layer: ops.sin(layer(x)), [x], layer.trainable_variables)[1])
    np.testing.assert_allclose(*outputs, atol=1e-5)
    for native, ours in zip(*found, strict=True):
        largest = np.abs(native).max()
        assert largest > 1  # so that the tolerance below is a small part of the gradient
        np.testing.assert_allclose(native / largest, ours / largest, atol=1e-5)


def test_the_page_shows_what_the_functions_give(pytestconfig: pytest.Config) -> None:
    page = (Path(pytestconfig.rootpath) / "docs" / "im2col.md").read_text(encoding="utf-8")
    image = ops.reshape(ops.arange(1, 17, dtype="float32"), (1, 4, 4, 1))
    tables = [np.array([line.split() for line in block.splitlines()], dtype="float32")
              for block in re.findall(r"```\n((?:[ \d]+\n)+)```", page)]  # fmt: skip
    columns = im2col(image, (3, 3))
    expected = [
        image[0, ..., 0], columns, im2col(image, (3, 3), 1, "same"), im2col(image, (2, 2), 2),
        col2im(ops.ones_like(columns), (1, 4, 4, 1), (3, 3))[0, ..., 0],
    ]  # fmt: skip
    assert len(tables) == len(expected)
    for shown, right in zip(tables, expected, strict=True):
        np.testing.assert_array_equal(shown, right)
