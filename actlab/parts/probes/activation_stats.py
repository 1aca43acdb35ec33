"""How the outputs of the activations are spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from actlab.lazy import ops
from actlab.parts.autodiff import half_sum_of_squares
from actlab.parts.probes.facts import PROBES, Arrays, Cells, EvaluationProbe, On, ProbeFacts, Sums
from actlab.parts.probes.layers import ProbedLayer, Seen

BINS = 20


@PROBES.register(ProbeFacts(
    equation="mean, standard deviation, share of zeros, range and histogram of the outputs y",
    columns={
        "activation_mean": "mean of the outputs",
        "activation_std": "their standard deviation (of the population)",
        "activation_zeros": "share of outputs that are 0",
        "activation_min": "the least output: where the histogram begins",
        "activation_max": "the greatest output: where it ends",
        **{
            f"activation_histogram_{i:02d}": f"outputs in bin {i + 1} of {BINS} of equal width, of the first images"
            for i in range(BINS)
        },
    },
    total=None,
    cost="five passes over the outputs; the histogram is of the first `images` images only",
    source="actlab",
), name="activation_stats")  # fmt: skip
class ActivationStats(EvaluationProbe):
    """Mean, standard deviation, share of zeros and range of all outputs of a layer, and their histogram.

    All but the histogram is of the whole evaluation set. The histogram counts the outputs of its first `images`
    images, in 20 bins of equal width between the least and the greatest output of the whole set.
    """

    def __init__(self, *, images: Annotated[int, Field(ge=1, le=10_000)] = 100, on: On = "validation") -> None:
        super().__init__(on=on)
        self.images = images

    def start(self, layer: ProbedLayer) -> Sums:
        assert layer.activation is not None
        zero, infinite = ops.zeros([], "float64"), ops.full([], math.inf)
        return {
            "count": zero, "mean": zero, "squares": zero, "zeros": ops.zeros([], "int64"), "low": infinite,
            "high": -infinite, "first": ops.zeros([self.images, *layer.activation.output.shape[1:]]),
            "have": ops.zeros([], "int32"),  # of the first images, however they come in batches
        }  # fmt: skip

    def update(self, sums: Sums, seen: Seen) -> Sums:
        y, first, have = seen.outputs, sums["first"], sums["have"]
        zeros, batch = ops.sum(ops.cast(y == 0, "int32")), ops.shape(y)[0]

        def filled() -> Any:
            places = ops.arange(self.images) - have  # of the first images in this batch
            new = ops.reshape((places >= 0) & (places < batch), (-1, *[1] * (len(first.shape) - 1)))
            return ops.where(new, ops.take(y, ops.clip(places, 0, batch - 1), axis=0), first)

        return {
            **_moments(sums, y),
            "zeros": sums["zeros"] + ops.cast(zeros, "int64"),
            "low": ops.minimum(sums["low"], ops.min(seen.low)),
            "high": ops.maximum(sums["high"], ops.max(seen.high)),
            "first": ops.cond(have < self.images, filled, lambda: first),
            "have": ops.minimum(have + batch, self.images),
        }

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        cells = {}
        for name, found in sums.items():
            count, low, high = float(found["count"]), float(found["low"]), float(found["high"])
            deviation = math.sqrt(float(found["squares"]) / count)
            first = found["first"][: int(found["have"])]
            counts = [first.size] + [0] * (BINS - 1)  # where there are no bins between them
            if 0 < high - low < math.inf:  # which NaN is not
                counts = np.histogram(first, BINS, (low, high))[0].tolist()
            numbers = (float(found["mean"]), deviation, int(found["zeros"]) / count, low, high, *counts)
            cells[name] = dict(zip(self.columns, numbers, strict=True))
        return cells


def _moments(sums: Sums, y: Any) -> Sums:
    """Count, mean and sum of squared deviations with one more batch: no difference of large sums, so no cancellation.

    Reference:
        Chan, Golub and LeVeque 1983, Algorithms for Computing the Sample Variance, The American Statistician 37.
    """
    count, mean32 = ops.cast(ops.size(y), "float64"), ops.mean(y)
    mean, squares = ops.cast(mean32, "float64"), ops.cast(2 * half_sum_of_squares(y - mean32), "float64")
    total, delta = sums["count"] + count, mean - sums["mean"]
    return {
        "count": total,
        "mean": sums["mean"] + delta * count / total,
        "squares": sums["squares"] + squares + delta * delta * sums["count"] * count / total,
    }
