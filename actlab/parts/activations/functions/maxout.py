"""The largest of a few linear units."""

from __future__ import annotations

import math
from functools import reduce
from typing import Annotated, Any

from pydantic import Field

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts


@ACTIVATIONS.register(
    ActivationFacts(
        formula="max(x₁, …, x_k) of each k = pieces neighbours on the last axis",
        range=(-math.inf, math.inf),
        monotonic=True,
        value_at_zero=0,
        slope_at_zero=1,
        source="Goodfellow et al. 2013, arXiv:1302.4389",
        kinks=(0,),
        elementwise=False,
        takes="pieces",
    )
)
def maxout(x: Any, *, pieces: Annotated[int, Field(ge=2, le=64)] = 2) -> Any:
    """f(x)ⱼ = max(x_{jk}, …, x_{jk+k−1}), with k = `pieces`: one output from k neighbours on the last axis.

    Among equal inputs the gradient goes to the first.

    Args:
        x: tensor of shape (..., pieces · units).
        pieces: how many inputs one unit takes.

    Returns:
        A tensor of shape (..., units) and the dtype of `x`.

    Reference:
        Goodfellow et al. 2013, Maxout Networks, arXiv:1302.4389.
    """
    return reduce(ops.maximum, [x[..., first::pieces] for first in range(pieces)])
