"""A softplus below 0 that goes over into a straight line."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts


@ACTIVATIONS.register(
    ActivationFacts(
        formula="2·softplus(x) for x ≤ 0, x + 2·ln 2 for x > 0",
        range=(0, math.inf),
        monotonic=True,
        value_at_zero=2 * math.log(2),
        slope_at_zero=1,
        source="actlab's CIFAR-10 study of always positive activations (docs: experiment 3)",
    )
)
def softplus_linear(x: Any) -> Any:
    """f(x) = 2·softplus(x) for x ≤ 0, x + 2·ln 2 for x > 0.

    Continuous with slope 1 at 0, and positive everywhere.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return ops.where(x > 0, x + 2 * math.log(2), 2 * ops.softplus(x))
