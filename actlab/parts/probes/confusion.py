"""Which classes the trained network takes for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actlab.lazy import ops
from actlab.parts.probes.facts import PROBES, Arrays, OutcomeProbe, ProbeFacts, Sums


@PROBES.register(ProbeFacts(
    equation="of the whole network: how many test images of class i are taken for class j, for all i and j",
    columns={},
    total=None,
    cost="none while it trains; at the end two one-hot matrices and their product a batch of the test set",
    source="Kohavi and Provost 1998, Glossary of Terms, Machine Learning 30",
), name="confusion")  # fmt: skip
class Confusion(OutcomeProbe):
    """The confusion matrix of the test set, and the accuracy of each class, for the final weights.

    `confusion.csv` has a row a class, in the order of the labels: `class`, `images`, `accuracy` (empty where it has no
    image), and `predicted_0`, `predicted_1`, ...: how many of its images were taken for each class. Those on the
    diagonal, of all, are `test_accuracy`: both come from one pass.
    """

    def start(self, classes: int) -> Sums:
        return {"counts": ops.zeros([classes, classes], "int64")}

    def update(self, sums: Sums, labels: Any, logits: Any) -> Sums:
        # a product of zeros and ones, exact in float32: counting by index is not deterministic on every device
        classes = logits.shape[-1]
        true, predicted = ops.one_hot(labels, classes), ops.one_hot(ops.argmax(logits, axis=-1), classes)
        counts = ops.matmul(ops.transpose(true), predicted)
        return {"counts": sums["counts"] + ops.cast(counts, "int64")}

    def rows(self, sums: Arrays) -> list[Mapping[str, Any]]:
        counts = sums["counts"]
        return [
            {"class": i, "images": int(row.sum()), "accuracy": float(row[i] / row.sum()) if row.any() else None,
             **{f"predicted_{j}": int(count) for j, count in enumerate(row)}}
            for i, row in enumerate(counts)
        ]  # fmt: skip
