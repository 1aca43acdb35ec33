"""The leaky rectifier whose slope is learned."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Finite, Share


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x for x > 0, a·x for x ≤ 0, a learned, starting at 0.25",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=0.25,
        source="He et al. 2015, arXiv:1502.01852",
        kinks=(0,),
    )
)
def prelu(x: Any, negative_slope: Any, *, initial_negative_slope: Finite = 0.25, share: Share = "channel") -> Any:
    """f(x) = x for x > 0, a·x for x ≤ 0, with a = `negative_slope` learned without weight decay.

    Args:
        x: tensor of shape (batch, ..., channels).
        negative_slope: the learned weight a, in a shape that broadcasts to that of `x`.
        initial_negative_slope: where a starts.
        share: one a for each channel (the last axis), one for the whole layer, or one for each element.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        He et al. 2015, Delving Deep into Rectifiers, arXiv:1502.01852.
    """
    return ops.where(x > 0, x, negative_slope * x)
