"""What activations learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actlab.parts.probes.facts import PROBES, Cells, ProbeFacts, WeightProbe, Weights
from actlab.parts.probes.layers import ProbedLayer

REDUCTIONS: dict[str, Callable[[NDArray[Any]], Any]] = {"mean": np.mean, "min": np.min, "max": np.max}


@PROBES.register(ProbeFacts(
    equation="mean, least and greatest of the slopes or other weights that the activation learns",
    columns={
        "<parameter>_mean": "mean of what the layer's activation learns, as in negative_slope_mean, beta_mean",
        "<parameter>_min": "the least of it",
        "<parameter>_max": "the greatest of it",
    },
    total=None,
    cost="none to speak of",
    source="He et al. 2015, arXiv:1502.01852, table 1, list the learned slopes by layer",
), name="learned_parameters")  # fmt: skip
class LearnedParameters(WeightProbe):
    """What the activation learns, in each layer: the slopes of prelu, the beta of swish.

    Activations that learn nothing have no such columns.
    """

    def build(self, layers: Sequence[ProbedLayer], places: Mapping[str, list[int]]) -> None:
        names = [name for layer in layers if layer.activation for name in layer.activation.learned]
        self.columns = tuple(f"{name}_{reduction}" for name in dict.fromkeys(names) for reduction in REDUCTIONS)

    def row(self, before: Weights, now: Weights) -> Cells:
        return {
            layer: {
                f"{name}_{reduction}": float(reduce(array.astype(np.float64)))
                for name, array in learned.items()
                for reduction, reduce in REDUCTIONS.items()
            }
            for layer, learned in now.learned.items()
        }
