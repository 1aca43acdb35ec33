"""How flat the activations lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from actlab.lazy import ops
from actlab.parts.probes.facts import PROBES, Arrays, Cells, EvaluationProbe, On, ProbeFacts, Sums
from actlab.parts.probes.layers import TOTAL, ProbedLayer, Seen


@PROBES.register(ProbeFacts(
    equation="share of the pairs (sample, unit) with |∂y/∂z| < threshold",
    columns={"saturated_fraction": "share of pairs (sample, unit) whose slope is under the threshold"},
    total="the share among the pairs of all layers",
    cost="that of dead_units, and a count; the slope is computed once for both",
    source="actlab; compare Glorot and Bengio 2010 on saturated sigmoids",
), name="saturated_fraction")  # fmt: skip
class SaturatedFraction(EvaluationProbe):
    """Share of (sample, unit) pairs whose activation is nearly flat: hardly any gradient passes there.

    A convolution has a pair at each place (height and width). For relu it is the share of values that are not
    positive.
    """

    def __init__(self, *, threshold: Annotated[float, Field(gt=0)] = 0.01, on: On = "validation") -> None:
        super().__init__(on=on)
        self.threshold = threshold

    def start(self, layer: ProbedLayer) -> Sums:
        return {"saturated": ops.zeros([], "int64"), "pairs": ops.zeros([], "int64")}

    def update(self, sums: Sums, seen: Seen) -> Sums:
        flat = ops.sum(ops.cast(seen.slope < self.threshold, "int32"))
        return {
            "saturated": sums["saturated"] + ops.cast(flat, "int64"),
            "pairs": sums["pairs"] + ops.cast(ops.size(seen.slope), "int64"),
        }

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        counts = {name: (int(found["saturated"]), int(found["pairs"])) for name, found in sums.items()}
        counts[TOTAL] = (sum(flat for flat, _ in counts.values()), sum(pairs for _, pairs in counts.values()))
        return {name: {"saturated_fraction": flat / pairs if pairs else None} for name, (flat, pairs) in counts.items()}
