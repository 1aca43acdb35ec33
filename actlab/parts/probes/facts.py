"""What is stated of a probe, and what a probe does.

A probe is a class whose keyword-only parameters are its entry in a config, of one of four kinds by what it looks at:
the evaluation pass, the gradients of the training steps, the weights at each row, or the outcome on the test set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from numpy.typing import NDArray

from actlab.registry import Registry

if TYPE_CHECKING:
    from actlab.parts.probes.layers import ProbedLayer, Seen

Sums = dict[str, Any]  # tensors that are carried from batch to batch, by name
Arrays = dict[str, NDArray[Any]]
On = Literal["validation", "training"]
Cells = dict[str, dict[str, Any]]  # layer to column to value; the layer "*" is the whole network


@dataclass(frozen=True, kw_only=True)
class ProbeFacts:
    """What is stated of a probe.

    Args:
        equation: what is measured, of one layer.
        columns: those of layers.csv, each with what it is; `<parameter>` stands for the name of a learned one. None for
            a probe of the outcome, which has a table of its own, NAME.csv.
        total: what the columns of the same names in history.csv are; None where they are not there.
        cost: what it costs.
        source: where the definition comes from.
    """

    equation: str
    columns: Mapping[str, str]
    total: str | None
    cost: str
    source: str


PROBES: Registry[ProbeFacts] = Registry("probe")


class Probe:
    """What every probe has.

    Args:
        sees: the pass of evaluation, gradients of the training steps, weights at each evaluation; or test, the set of
            that name, once, at the end: such a probe is not among `all`.
        columns: of layers.csv, and of history.csv too where the facts state a total; those of the facts.
    """

    sees: ClassVar[Literal["evaluation", "gradients", "weights", "test"]]
    columns: tuple[str, ...] = ()

    def build(self, layers: Sequence[ProbedLayer], places: Mapping[str, list[int]]) -> None:
        """Look at the network before it is trained.

        Args:
            layers: those with weights.
            places: layer to the places of its kernel and bias among all trainable variables; "*" to all of them.
        """

    def state(self) -> Arrays:
        """What the rows to come need of those before; part of the checkpoint."""
        return {}

    def restore(self, state: Arrays) -> None:
        """Put back what `state` gave."""


class EvaluationProbe(Probe):
    """Sees every batch of the evaluation, in inference mode, inside the compiled function.

    Args:
        on: the images: those of the validation, or those that are trained on (of `train_eval`, if that is a number).
    """

    sees = "evaluation"

    def __init__(self, *, on: On = "validation") -> None:
        self.on = on

    def start(self, layer: ProbedLayer) -> Sums:
        """The sums of a layer before the first batch."""
        raise NotImplementedError

    def update(self, sums: Sums, seen: Seen) -> Sums:
        """The sums of a layer with one more batch."""
        raise NotImplementedError

    def row(self, sums: Mapping[str, Arrays]) -> Cells:
        """The cells of an evaluation from the sums of each layer."""
        raise NotImplementedError


class GradientProbe(Probe):
    """Sees the gradients of every training step, inside the compiled function."""

    sees = "gradients"

    def start(self) -> Sums:
        """The sums before the first step after a row; part of the checkpoint."""
        raise NotImplementedError

    def update(self, sums: Sums, gradients: Sequence[Any], skips: bool) -> Sums:
        """The sums with one more training step.

        Args:
            sums: before it.
            gradients: of all trainable variables in their order; None where the loss does not depend on one.
            skips: whether the optimizer leaves out steps whose gradients are not finite (mixed_float16).
        """
        raise NotImplementedError

    def row(self, sums: Arrays) -> Cells:
        """The cells of the steps since the last row, from their sums."""
        raise NotImplementedError


class OutcomeProbe(Probe):
    """Sees what the final weights make of each batch of the test set, once, inside the compiled function."""

    sees = on = "test"

    def start(self, classes: int) -> Sums:
        """The sums before the first batch."""
        raise NotImplementedError

    def update(self, sums: Sums, labels: Any, logits: Any) -> Sums:
        """The sums with one more batch: labels, (batch,), and logits, (batch, classes)."""
        raise NotImplementedError

    def rows(self, sums: Arrays) -> list[Mapping[str, Any]]:
        """The rows of its table, all with the same columns."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Weights:
    """All weights at one moment.

    Args:
        layers: name of a probed layer to its kernel and bias; "*" to all trainable variables of the model.
        learned: name of a probed layer to what its activation learns, by the names of the parameters.
    """

    layers: Mapping[str, list[NDArray[Any]]]
    learned: Mapping[str, Arrays]


class WeightProbe(Probe):
    """Sees the weights at each row and at the row before, or the initial ones."""

    sees = "weights"

    def row(self, before: Weights, now: Weights) -> Cells:
        """The cells of an evaluation."""
        raise NotImplementedError
