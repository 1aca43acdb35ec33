"""The curve of an activation: values and slopes by Keras, and as a table that is drawn where Keras is not at hand.

    python -m actlab.parts.activations.curves        writes functions.csv, the curves at the default parameters

Everything here is inference: learned weights are where they start, random slopes are their mean. Where an output
takes several inputs there is more than one way to draw a curve; `points` and `section` say which they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actlab.errors import ActlabError
from actlab.lazy import ops
from actlab.parts.activations import ACTIVATIONS, ActivationFacts, infer, resolve
from actlab.parts.autodiff import pull_back
from actlab.registry import Entry

if TYPE_CHECKING:
    from pandas import DataFrame

Array = NDArray[np.float64]
Curve = Callable[[Array], tuple[Array, Array]]  # x to values and slopes, all of shape (points,)

SHIPPED = Path(__file__).with_name("functions.csv")
EDGE = 5.0  # tables reach from −5 to 5
BESIDE = 1e-6  # how far from a kink its neighbours in a table are
SIGNIFICANT = "%.7g"  # digits in a table


@dataclass(frozen=True)
class Point:
    """One point of a curve: where, how high, how steep."""

    x: float
    value: float
    slope: float


def points(name: str, parameters: Mapping[str, Any] | None, xs: Sequence[float]) -> list[Point]:
    """Value and slope at each x, in float64, at inference.

    An activation that looks at several inputs and keeps their number (softmax, log_softmax, sparsemax,
    zero_fit_linear) takes all of `xs` as one sample; the slope is that of each output by its own input. One that
    changes the number (crelu, glu, maxout) is shown by its `section`.

    Args:
        name: a registered name or alias.
        parameters: its parameters; defaults for those left out.
        xs: where.

    Raises:
        UnknownName: no activation, or no parameter, has this name.
        FormulaError: an own formula that is refused.
    """
    entry = ACTIVATIONS.get(name)
    resolved, x = resolve(entry, parameters), np.asarray(xs, dtype=np.float64)
    if _keeps_several(entry.facts):
        # the whole sample in each row, of which one output is looked at
        one = np.eye(len(x))
        y, (slope,) = pull_back(partial(infer, entry, resolved), [ops.convert_to_tensor(x + 0 * one)], one)
        values, slopes = np.asarray(y)[0], np.diag(np.asarray(slope))
    else:
        values, slopes = section(entry, resolved, x)
    return [Point(*map(float, point)) for point in zip(x, values, slopes, strict=True)]


def points_note(name: str, parameters: Mapping[str, Any] | None = None) -> str:
    """Which inputs the numbers of `points` are of, in a sentence; "" where an output takes one input, an input one."""
    entry = ACTIVATIONS.get(name)
    facts, takes = entry.facts, entry.facts.inputs_per_unit(resolve(entry, parameters))
    if _keeps_several(facts):
        return f"{entry.name} mixes the last axis: all x are one sample; each slope is of an output by its own input"
    if facts.gives > 1:
        return f"{entry.name} makes {facts.gives} outputs of each input: the first is shown"
    if takes > 1:
        others = "the other is 0" if takes == 2 else "the others are 0"
        return f"{entry.name} makes one output of {takes} inputs: x is the first of them, {others}"
    return ""


def _keeps_several(facts: ActivationFacts) -> bool:
    return not facts.elementwise and facts.takes == 1 and facts.gives == 1


def section(
    entry: Entry[ActivationFacts], parameters: Mapping[str, Any], x: Array, dtype: str = "float64"
) -> tuple[Array, Array]:
    """The first output and its derivative while the first input moves and the others are 0.

    For an elementwise activation this is the function itself; softmax shows as the sigmoid, maxout as relu, glu as
    x/2, crelu by its positive half.

    Args:
        entry: the activation.
        parameters: its resolved parameters.
        x: shape (points,).
        dtype: the precision in which it is computed.

    Returns:
        Values and slopes, each of shape (points,), float64.
    """
    facts = entry.facts
    others = max(1, facts.inputs_per_unit(parameters) - 1) if not facts.elementwise and facts.gives == 1 else 0

    def first(column: Any) -> Any:
        return infer(entry, parameters, ops.concatenate([column, ops.zeros((len(x), others), dtype)], axis=1))[:, 0]

    y, (slope,) = pull_back(first, [ops.cast(x[:, None], dtype)])
    return np.asarray(ops.cast(y, "float64")), np.asarray(ops.cast(slope[:, 0], "float64"))


def find_kinks(curve: Curve, lower: float = -8.0, upper: float = 8.0) -> list[float]:
    """Where value or slope jump, found by halving each of 1,024 intervals towards its larger jump.

    Two kinks within 1/64 of each other may be found as one.

    Args:
        curve: x of shape (points,) to values and slopes.
        lower: where to begin.
        upper: where to end.

    Returns:
        The kinks, ascending, to about 1e-12.
    """

    def heights(x: Array) -> Array:
        return np.stack(curve(x))

    def jump(left: Array, right: Array) -> Array:
        with np.errstate(invalid="ignore"):  # a formula may be infinite on both sides
            jumps: Array = np.nan_to_num(np.abs(right - left).sum(axis=0), nan=0.0, posinf=np.inf)
        return jumps

    edges = np.linspace(lower, upper, 1025)
    at_edges = heights(edges)
    suspects = jump(at_edges[:, :-1], at_edges[:, 1:]) > 1e-6
    left, right = edges[:-1][suspects], edges[1:][suspects]
    at_left, at_right = at_edges[:, :-1][:, suspects], at_edges[:, 1:][:, suspects]
    for _ in range(44 if len(left) else 0):
        middle = (left + right) / 2
        at_middle = heights(middle)
        to_left = jump(at_left, at_middle) >= jump(at_middle, at_right)
        left, right = np.where(to_left, left, middle), np.where(to_left, middle, right)
        at_left, at_right = np.where(to_left, at_left, at_middle), np.where(to_left, at_middle, at_right)
    found = np.sort(right[jump(at_left, at_right) > 1e-4])
    apart = np.diff(found, prepend=-np.inf) > 1e-9
    return [round(float(x), 10) + 0.0 for x in found[apart]]  # + 0.0 makes a -0.0 a 0.0


# --- tables


def function_table(part: Mapping[str, Any]) -> DataFrame | None:
    """The shipped curve of an activation, without Keras.

    Args:
        part: `name` and parameters, as a resolved config has them.

    Returns:
        Columns x, y and slope, x ascending from −5 to 5; a row without a slope is a kink, where lines break.
        None where the parameters are not the defaults, or this version has no such activation.
    """
    parameters = {key: value for key, value in part.items() if key != "name"}
    try:
        entry = ACTIVATIONS.get(str(part.get("name")))
        if resolve(entry, parameters) != resolve(entry):
            return None
    except ActlabError:
        return None
    shipped = _shipped()
    table = shipped[shipped["activation"] == entry.name].drop(columns="activation")
    return None if table.empty else table.reset_index(drop=True)


@cache
def _shipped() -> DataFrame:
    import pandas as pd

    return pd.read_csv(SHIPPED)


def computed_table(part: Mapping[str, Any], learned: Mapping[str, float] | None = None) -> DataFrame:
    """The curve of any activation, by Keras, as `function_table` has it.

    Args:
        part: `name` and parameters, as a resolved config has them.
        learned: what its learned weights are, where that is not where they start.
    """
    import pandas as pd

    entry = ACTIVATIONS.get(part["name"])
    parameters = resolve(entry, {key: value for key, value in part.items() if key != "name"})
    parameters |= {entry.facts.learned[weight]: value for weight, value in (learned or {}).items()}
    curve = partial(section, entry, parameters)
    kinks = [kink for kink in find_kinks(curve, -EDGE, EDGE) if abs(kink) < EDGE]
    near = [kink + side for kink in kinks for side in (-BESIDE, 0, BESIDE)]
    x = np.unique([*np.linspace(-EDGE, EDGE, 101).round(3), *near])
    with np.errstate(all="ignore"):  # a formula may be infinite
        for _ in range(10):
            ends, middle = np.stack(curve(x)), (x[:-1] + x[1:]) / 2
            between = np.stack(curve(middle))
            error = np.abs(between - (ends[:, :-1] + ends[:, 1:]) / 2) / (1 + np.abs(between))
            bent = (error > 0.002).any(axis=0) & (np.diff(x) > 1e-4)
            if not bent.any():
                break
            x = np.sort([*x, *middle[bent]])
    values, slopes = curve(x)
    slopes = np.where(np.isin(x, kinks) | ~np.isfinite(values), np.nan, slopes)
    return pd.DataFrame({"x": x, "y": values, "slope": slopes})


def function_csv(part: Mapping[str, Any], learned: Mapping[str, float] | None = None) -> bytes:
    """`computed_table` as the bytes of a CSV file."""
    return _csv(computed_table(part, learned))


def _csv(table: DataFrame) -> bytes:
    return table.to_csv(index=False, float_format=SIGNIFICANT, lineterminator="\n").encode()


def all_functions_csv() -> bytes:
    """The bytes of functions.csv: the curve of each activation whose parameters all have defaults."""
    import pandas as pd

    tables = {entry.name: computed_table({"name": entry.name}) for entry in ACTIVATIONS if not entry.facts.example}
    return _csv(pd.concat(tables, names=["activation", None]).reset_index(level="activation"))


if __name__ == "__main__":
    SHIPPED.write_bytes(all_functions_csv())
