"""Convolution as one matrix product over image patches: im2col, its transpose col2im, and a layer of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from actlab.lazy import keras, ops
from actlab.parts.autodiff import pull_back


def im2col(images: Any, kernel_size: tuple[int, int], strides: int = 1, padding: str = "valid") -> Any:
    """The patches that a kernel sees, one a row.

    Args:
        images: (n, height, width, channels).
        kernel_size: height and width of the kernel, kh and kw.
        strides: pixels between two patches, along both axes.
        padding: "valid" for whole patches only, "same" for zeros around the image, as Keras has them.

    Returns:
        A tensor of shape (n · out_height · out_width, kh · kw · channels): rows by image, height and width of the
        output, columns by height, width and channel of the kernel.
    """
    patches = ops.image.extract_patches(images, kernel_size, strides, padding=padding, data_format="channels_last")
    return ops.reshape(patches, (-1, patches.shape[-1]))


def col2im(
    columns: Any, shape: tuple[int, int, int, int], kernel_size: tuple[int, int], strides: int = 1,
    padding: str = "valid",
) -> Any:  # fmt: skip
    """The transpose of `im2col`: each pixel is the sum of the cells that it went to; so gradients go back.

    Args:
        columns: as `im2col` gives them, for images of this shape.
        shape: of the images, (n, height, width, channels).
        kernel_size, strides, padding: those of `im2col`.
    """
    patches = partial(im2col, kernel_size=kernel_size, strides=strides, padding=padding)
    return pull_back(patches, [ops.zeros(shape, columns.dtype)], columns)[1][0]


@keras.saving.register_keras_serializable("actlab")
class Im2colConv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras has no types
    """y[n, i, j, f] = Σ patch(n, i, j) · kernel[·, f] + bias[f], as a matrix product of all patches.

    Same weights, shapes, arguments and results (within rounding) as `keras.layers.Conv2D`.

    Args:
        filters, kernel_size, strides, padding, ...: those of `keras.layers.Conv2D`; one stride for both axes.
    """

    def call(self, inputs: Any) -> Any:
        columns = im2col(inputs, self.kernel_size, self.strides[0], self.padding)
        kernel = ops.reshape(ops.cast(self.kernel, columns.dtype), (-1, self.filters))
        products = ops.matmul(columns, kernel)
        shape = (-1, *self.compute_output_shape(inputs.shape)[1:])
        return ops.reshape(products, shape) + ops.cast(self.bias, products.dtype)
