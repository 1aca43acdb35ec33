"""What is stated of an activation, and how its function is called."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from actlab.errors import ActlabError, UnknownName
from actlab.registry import Entry, Registry, nearest

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Literal["channel", "layer", "element"]


@dataclass(frozen=True)
class ActivationFacts:
    """The properties of an activation, at its default parameters and in inference.

    Where an output takes several inputs (`elementwise` is false), monotonic, value and slope are those of the first
    output while the first input moves and the second is 0: softmax is then the sigmoid, maxout is relu.
    What depends on a text that only the config has (an own formula) is None.

    Args:
        formula: as a reader would write it, in x.
        range: infimum and supremum of the values.
        monotonic: whether it never decreases.
        value_at_zero: f(0).
        slope_at_zero: what autodiff gives at 0; at a kink the convention of the implementation.
        source: the paper, or the implementation that is followed.
        kinks: where slope or value jump, ascending.
        elementwise: whether each output depends on one input only.
        takes: inputs that one output takes along the last axis, or the parameter that says how many.
        inputs_apart: whether those inputs lie a whole width of outputs apart, and not side by side.
        gives: outputs that one input gives along the last axis.
        overflows_above: the largest input with a finite value in float32.
        own_slope: the derivative of each output by its own input, where the gradient of the sum of the outputs is
            something else.
    """

    formula: str
    range: tuple[float, float] | None
    monotonic: bool | None
    value_at_zero: float | None
    slope_at_zero: float | None
    source: str
    kinks: tuple[float, ...] = ()
    elementwise: bool = True
    takes: int | str = 1
    inputs_apart: bool = False
    gives: int = 1
    overflows_above: float = math.inf
    own_slope: Callable[[Any], Any] | None = None

    def inputs_per_unit(self, parameters: Mapping[str, Any]) -> int:
        """How many inputs along the last axis one output takes: 1, for glu 2, for maxout `pieces`."""
        return int(parameters[self.takes]) if isinstance(self.takes, str) else self.takes

    def width(self, inputs: int, parameters: Mapping[str, Any]) -> int:
        """The length of the last axis after the activation.

        Args:
            inputs: its length before.
            parameters: the resolved parameters.

        Raises:
            ActlabError: `inputs` cannot be divided among the outputs.
        """
        per_unit = self.inputs_per_unit(parameters)
        if inputs % per_unit:
            raise ActlabError(
                f"the last axis has {inputs} inputs, and each unit of this activation takes {per_unit}; "
                f"give a multiple of {per_unit}"
            )
        return inputs // per_unit * self.gives


ACTIVATIONS: Registry[ActivationFacts] = Registry("activation")


def runtime_names(entry: Entry[ActivationFacts]) -> tuple[str, ...]:
    """The positional arguments after x: "draw" for random numbers, every other name a learned weight."""
    parameters = list(inspect.signature(entry.function).parameters.values())
    return tuple(p.name for p in parameters[1:] if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)


def learned_names(entry: Entry[ActivationFacts]) -> tuple[str, ...]:
    """The weights that an activation learns."""
    return tuple(name for name in runtime_names(entry) if name != "draw")


def resolve(entry: Entry[ActivationFacts], given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Every parameter of an activation: those given, and the defaults of the others.

    Raises:
        UnknownName: it has no such parameter.
        ActlabError: a required one is missing.
    """
    given = given or {}
    known = [p.name for p in entry.parameters]
    for name in given:
        if name not in known:
            raise UnknownName(f"parameter of {entry.name}", name, nearest(name, known), known or ["none"])
    missing = [p.name for p in entry.parameters if p.required and p.name not in given]
    if missing:
        raise ActlabError(f"{entry.name} needs {missing[0]}: give it as {{name: {entry.name}, {missing[0]}: ...}}")
    return {p.name: given.get(p.name, p.default) for p in entry.parameters}


def infer(entry: Entry[ActivationFacts], parameters: Mapping[str, Any], x: Any) -> Any:
    """The values at inference, learned weights where they start.

    Args:
        entry: the activation.
        parameters: its resolved parameters.
        x: a tensor of any floating dtype; the sample, where the activation looks at several inputs.
    """
    runtime = (None if name == "draw" else parameters[f"initial_{name}"] for name in runtime_names(entry))
    return entry.function(x, *runtime, **parameters)
