"""The sigmoid-weighted unit whose steepness is learned."""

from __future__ import annotations

import math
from typing import Any

from actlab.lazy import ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, Finite, Share


@ACTIVATIONS.register(
    ActivationFacts(
        formula="x·sigmoid(β·x), β learned, starting at 1",
        range=(-0.2784645427610738, math.inf),
        monotonic=False,
        value_at_zero=0,
        slope_at_zero=0.5,
        source="Ramachandran et al. 2017, arXiv:1710.05941",
    )
)
def swish(x: Any, beta: Any, *, initial_beta: Finite = 1.0, share: Share = "layer") -> Any:
    """f(x) = x·sigmoid(β·x), with β = `beta` learned without weight decay.

    What Keras calls swish has β fixed at 1 and is `silu` here.

    Args:
        x: tensor of shape (batch, ..., channels).
        beta: the learned weight β, in a shape that broadcasts to that of `x`.
        initial_beta: where β starts.
        share: one β for each channel (the last axis), one for the whole layer, or one for each element.

    Returns:
        A tensor of the shape and dtype of `x`.

    Reference:
        Ramachandran et al. 2017, Searching for Activation Functions, arXiv:1710.05941.
    """
    return x * ops.sigmoid(beta * x)
