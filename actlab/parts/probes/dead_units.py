"""Dead units, and those that came back to life."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actlab.lazy import ops
from actlab.parts.probes.facts import PROBES, Arrays, Cells, EvaluationProbe, On, ProbeFacts, Sums
from actlab.parts.probes.layers import ProbedLayer, Seen, counted


@PROBES.register(ProbeFacts(
    equation="Σⱼ [∂yⱼ/∂zⱼ = 0 for every sample of the evaluation set, and every place of a convolution]",
    columns={"dead_units": "units whose activation has slope 0 for every sample"},
    total="the sum over layers",
    cost="the slope of each pre-activation, by automatic differentiation of the activation alone",
    source="Lu et al. 2019, arXiv:1903.06733, for relu; here by the slope, for any activation",
), name="dead_units")  # fmt: skip
class DeadUnits(EvaluationProbe):
    """Units whose activation has slope 0 for every sample: through their output no gradient reaches their weights.

    For relu these are the units that are never positive. The slope is that of the activation at the pre-activations
    of the inference pass, in float32, so it is found for any activation. A convolution's unit is a channel, over
    samples, height and width. It is a running maximum over batches, so the size of the batches has no part in it. A
    unit with a NaN among its pre-activations is neither dead nor alive.
    """

    def start(self, layer: ProbedLayer) -> Sums:
        return {"steepest": ops.zeros([layer.units])}

    def update(self, sums: Sums, seen: Seen) -> Sums:
        return {"steepest": ops.maximum(sums["steepest"], seen.steepest)}

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        return counted("dead_units", {name: found["steepest"] == 0 for name, found in sums.items()})


@PROBES.register(ProbeFacts(
    equation="Σⱼ [unit j was dead at the row before, and is not dead now]",
    columns={"revived_units": "units that were dead at the row before and are no more"},
    total="the sum over layers",
    cost="that of dead_units; together they cost it once",
    source="actlab",
), name="revived_units")  # fmt: skip
class RevivedUnits(DeadUnits):
    """Units that were dead at the row before and are no more. The first row has none: nothing is known before it."""

    def __init__(self, *, on: On = "validation") -> None:
        super().__init__(on=on)
        self._dead: Arrays = {}  # of the row before

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        steepest = {name: found["steepest"] for name, found in sums.items()}
        revived = {name: (of > 0) & self._dead.get(name, np.zeros(of.shape, bool)) for name, of in steepest.items()}
        self._dead = {name: of == 0 for name, of in steepest.items()}
        return counted("revived_units", revived)

    def state(self) -> Arrays:
        return dict(self._dead)

    def restore(self, state: Arrays) -> None:
        self._dead = dict(state)
