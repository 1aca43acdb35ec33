"""Convolution as one matrix product over image patches."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("actlab")
class Im2colConv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras has no types
    """y[n, i, j, f] = Σ patch(n, i, j) · kernel[·, f] + bias[f], as a matrix product of all patches.

    Same weights, shapes, arguments and results (within rounding) as `keras.layers.Conv2D` with strides 1.

    Args:
        filters, kernel_size, padding, ...: those of `keras.layers.Conv2D`.
    """

    def call(self, inputs: Any) -> Any:
        patches = ops.image.extract_patches(inputs, self.kernel_size, strides=1, padding=self.padding)
        columns = ops.reshape(patches, (-1, patches.shape[-1]))
        kernel = ops.reshape(ops.cast(self.kernel, columns.dtype), (-1, self.filters))
        products = ops.matmul(columns, kernel)
        shape = (-1, *patches.shape[1:-1], self.filters)
        return ops.reshape(products, shape) + ops.cast(self.bias, products.dtype)
