"""How the outputs of the activations are spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from actlab.lazy import tf
from actlab.parts.probes.facts import PROBES, Arrays, Cells, EvaluationProbe, On, ProbeFacts, Sums
from actlab.parts.probes.layers import ProbedLayer, Seen

BINS = 20


@PROBES.register(ProbeFacts(
    equation="mean, standard deviation, share of zeros, range and histogram of the outputs y",
    sees="evaluation",
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
        zero, infinite = tf.constant(0.0, tf.float64), tf.constant(math.inf)
        return {
            "count": zero, "mean": zero, "squares": zero, "zeros": tf.constant(0, tf.int64), "low": infinite,
            "high": -infinite, "first": tf.zeros([0, *layer.activation.output.shape[1:]]),
        }  # fmt: skip

    def update(self, sums: Sums, seen: Seen) -> Sums:
        y, first = seen.outputs, sums["first"]
        zeros = tf.reduce_sum(tf.cast(y == 0, tf.int32))
        have = tf.shape(first)[0]  # of the first images, however they come in batches
        return {
            **_moments(sums, y),
            "zeros": sums["zeros"] + tf.cast(zeros, tf.int64),
            "low": tf.minimum(sums["low"], tf.reduce_min(seen.low)),
            "high": tf.maximum(sums["high"], tf.reduce_max(seen.high)),
            "first": tf.cond(have < self.images, lambda: tf.concat([first, y[: self.images - have]], 0), lambda: first),
        }

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        cells = {}
        for name, found in sums.items():
            count, low, high = float(found["count"]), float(found["low"]), float(found["high"])
            deviation = math.sqrt(float(found["squares"]) / count)
            counts = [found["first"].size] + [0] * (BINS - 1)  # where there are no bins between them
            if 0 < high - low < math.inf:  # which NaN is not
                counts = np.histogram(found["first"], BINS, (low, high))[0].tolist()
            numbers = (float(found["mean"]), deviation, int(found["zeros"]) / count, low, high, *counts)
            cells[name] = dict(zip(self.columns, numbers, strict=True))
        return cells


def _moments(sums: Sums, y: Any) -> Sums:
    """Count, mean and sum of squared deviations with one more batch: no difference of large sums, so no cancellation.

    Reference:
        Chan, Golub and LeVeque 1983, Algorithms for Computing the Sample Variance, The American Statistician 37.
    """
    count, mean32 = tf.cast(tf.size(y), tf.float64), tf.reduce_mean(y)
    mean, squares = tf.cast(mean32, tf.float64), tf.cast(2 * tf.nn.l2_loss(y - mean32), tf.float64)
    total, delta = sums["count"] + count, mean - sums["mean"]
    return {
        "count": total,
        "mean": sums["mean"] + delta * count / total,
        "squares": sums["squares"] + squares + delta * delta * sums["count"] * count / total,
    }
