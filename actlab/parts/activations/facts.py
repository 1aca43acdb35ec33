"""What is stated of an activation, and how its function is called."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import Field

from actlab.errors import ActlabError, PluginError, UnknownName
from actlab.lazy import keras, ops
from actlab.plugins import answering
from actlab.registry import Entry, Registry

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Literal["channel", "layer", "element"]
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ActivationFacts:
    """The properties of an activation, at its default parameters and in inference. `checks.check` proves them.

    Where an output takes several inputs (`elementwise` is false), monotonic, value and slope are those of the first
    output while the first input moves and the second is 0: softmax is then the sigmoid, maxout is relu.
    What depends on a text that only the config has (an own formula) is None; where `range` is None, none of them is
    stated.

    Args:
        formula: as a reader would write it, in x; empty where the docstring has to do.
        source: the paper, or the implementation that is followed.
        reference: the same function at `example`, by NumPy alone: (..., inputs) to (..., outputs) in float64. The
            tests hold the activation against it. Only a plug-in may lack it.
        range: infimum and supremum of the values.
        slope_at_zero: what autodiff gives at 0; at a kink the convention of the implementation.
        value_at_zero: f(0).
        monotonic: whether it never decreases.
        kinks: where slope or value jump, ascending.
        overflows_above: the largest input with a finite value in float32.
        learned: weights that are learned, each with the parameter that says where it starts. The function takes them
            by their names; the parameter `share` says how many there are of each.
        draws: whether it takes random numbers in training, as `draw(lower, upper)`; in inference `draw` is None.
        elementwise: whether each output depends on one input only.
        takes: inputs that one output takes along the last axis, or the parameter that says how many.
        inputs_apart: whether those inputs lie a whole width of outputs apart, and not side by side.
        gives: outputs that one input gives along the last axis.
        own_slope: the derivative of each output by its own input, where the gradient of the sum of the outputs is
            something else.
        example: parameters to show and test it with, where it has one without a default.
    """

    formula: str = ""
    source: str = ""
    reference: Callable[[Array], Array] | None = None
    range: tuple[float, float] | None = None
    slope_at_zero: float | None = None
    value_at_zero: float | None = 0.0
    monotonic: bool | None = True
    kinks: tuple[float, ...] = ()
    overflows_above: float = math.inf
    learned: Mapping[str, str] = field(default_factory=dict)
    draws: bool = False
    elementwise: bool = True
    takes: int | str = 1
    inputs_apart: bool = False
    gives: int = 1
    own_slope: Callable[[Any], Any] | None = None
    example: Mapping[str, Any] = field(default_factory=dict)

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


ACTIVATIONS: Registry[ActivationFacts] = Registry(
    "activation",
    unstated=ActivationFacts(value_at_zero=None, monotonic=None),
    takes=lambda facts: ("x", *facts.learned, *(["draw"] if facts.draws else [])),
)


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
            raise UnknownName(f"parameter of {entry.name}", name, known)
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
    runtime = {weight: parameters[initial] for weight, initial in entry.facts.learned.items()}
    if entry.facts.draws:
        runtime["draw"] = None
    return call(entry, parameters, x, runtime)


def call(entry: Entry[ActivationFacts], parameters: Mapping[str, Any], x: Any, runtime: Mapping[str, Any]) -> Any:
    """The values of the function; those of a plug-in's are looked at before a network goes on with them.

    Args:
        entry: the activation.
        parameters: its resolved parameters.
        x: a tensor of any floating dtype.
        runtime: the learned weights, and `draw`.

    Raises:
        PluginError: it returns no tensor, or one of another shape or dtype than its facts say.
    """
    if entry.plugin is None:
        return entry.function(x, **runtime, **parameters)
    with answering():
        y = entry.function(x, **runtime, **parameters)
    code = inspect.unwrap(entry.function).__code__
    who = f"{code.co_filename}:{code.co_firstlineno}: the activation {entry.name}"
    dtype = keras.backend.standardize_dtype(x.dtype)
    shape = (*x.shape[:-1], None if x.shape[-1] is None else entry.facts.width(x.shape[-1], parameters))
    if not ops.is_tensor(y) and not isinstance(y, keras.KerasTensor):
        found = "nothing" if y is None else f"a value of the type {type(y).__name__}, which has no gradient"
        raise PluginError(f"{who} returns {found}; a tensor is needed, made of x by keras.ops, such as ops.tanh(x)")
    if len(y.shape) != len(shape) or any(a != b for a, b in zip(y.shape, shape, strict=True) if None not in (a, b)):
        found = ", ".join("any" if size is None else str(size) for size in y.shape)
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise PluginError(f"{who} returns the shape ({found}) where ({wanted}) is needed: its facts `takes`, `gives`")
    if (found := keras.backend.standardize_dtype(y.dtype)) != dtype:
        raise PluginError(f"{who} returns {found} for {dtype}; end it with: return ops.cast(y, x.dtype)")
    return y
