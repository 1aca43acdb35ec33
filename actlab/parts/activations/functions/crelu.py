"""The rectifier of both signs, side by side."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts


@ACTIVATIONS.register(
    ActivationFacts(
        formula="[max(x, 0), max(−x, 0)] along the last axis",
        range=(0, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0,
        source="Shang et al. 2016, arXiv:1603.05201",
        kinks=(0,),
        elementwise=False,
        gives=2,
    )
)
def crelu(x: Any) -> Any:
    """f(x) = [max(x, 0), max(−x, 0)]: positive and negative part, one after the other on the last axis.

    Args:
        x: tensor of shape (..., channels).

    Returns:
        A tensor of shape (..., 2 · channels) and the dtype of `x`.

    Reference:
        Shang et al. 2016, Understanding and Improving CNNs via Concatenated Rectified Linear Units, arXiv:1603.05201.
    """
    return ops.concatenate([ops.relu(x), ops.relu(-x)], axis=-1)
