"""The absolute value."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts


@ACTIVATIONS.register(
    ActivationFacts(
        formula="−x for x ≤ 0, x for x > 0",
        range=(0, math.inf),
        monotonic=False,
        value_at_zero=0,
        slope_at_zero=-1,
        source="actlab's CIFAR-10 study of always positive activations (docs: experiment 3)",
        kinks=(0,),
    )
)
def reflection_linear(x: Any) -> Any:
    """f(x) = −x for x ≤ 0, x for x > 0: the absolute value.

    It keeps the second moment of its input, so initial weights after He double the variance from layer to layer;
    Xavier's are the fair choice for it. The slope at 0 is −1, from the side that 0 is counted with.

    Args:
        x: tensor of any shape and floating dtype.

    Returns:
        A tensor of the shape and dtype of `x`.
    """
    return ops.where(x > 0, x, -x)
