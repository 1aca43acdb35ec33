"""A close look at one activation: values and slopes at points, a check of what is stated of it, a picture.

Everything here is inference: learned weights are where they start, random slopes are their mean. Where an output
takes several inputs there is more than one way to draw a curve; `points` and `section` say which they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actlab.lazy import tf
from actlab.parts.activations import ACTIVATIONS, ActivationFacts, infer, resolve
from actlab.registry import Entry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
Curve = Callable[[Array], tuple[Array, Array]]


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

    Returns:
        One point for each x.

    Raises:
        UnknownName: no activation, or no parameter, has this name.
        FormulaError: an own formula that is refused.
    """
    entry = ACTIVATIONS.get(name)
    resolved = resolve(entry, parameters)
    curve = _sample if _keeps_several(entry.facts) else section
    x = np.asarray(xs, dtype=np.float64)
    values, slopes = curve(entry, resolved, x)
    return [Point(*map(float, point)) for point in zip(x, values, slopes, strict=True)]


def _keeps_several(facts: ActivationFacts) -> bool:
    return not facts.elementwise and facts.takes == 1 and facts.gives == 1


def meant(name: str, parameters: Mapping[str, Any] | None = None) -> str:
    """What the numbers of `points` are of, in a sentence; empty where an output takes one input and an input one."""
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
        Values and slopes, each of shape (points,).
    """
    facts = entry.facts
    others = max(1, facts.inputs_per_unit(parameters) - 1) if not facts.elementwise and facts.gives == 1 else 0
    column = tf.constant(x[:, None], dtype)
    with tf.GradientTape() as tape:
        tape.watch(column)
        rest = tf.zeros((len(x), others), dtype)
        y = infer(entry, parameters, tf.concat([column, rest], axis=1))[:, 0]
    slope = tape.gradient(y, column, unconnected_gradients="zero")[:, 0]
    return _array(y), _array(slope)


def _sample(entry: Entry[ActivationFacts], parameters: Mapping[str, Any], x: Array) -> tuple[Array, Array]:
    sample = tf.constant(x[None, :], "float64")
    with tf.GradientTape() as tape:
        tape.watch(sample)
        y = infer(entry, parameters, sample)
    slopes = tape.batch_jacobian(y, sample)[0]
    return _array(y[0]), _array(tf.linalg.diag_part(slopes))


def _array(tensor: Any) -> Array:
    return np.asarray(tf.cast(tensor, "float64"))


def curve_of(name: str, parameters: Mapping[str, Any] | None = None) -> Curve:
    """The section of an activation as a function of x.

    Args:
        name: a registered name or alias.
        parameters: its parameters; defaults for those left out.
    """
    entry = ACTIVATIONS.get(name)
    resolved = resolve(entry, parameters)
    return lambda x: section(entry, resolved, x)


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
    edges = np.linspace(lower, upper, 1025)
    heights = _stacked(curve, edges)
    suspects = _jump(heights[:, :-1], heights[:, 1:]) > 1e-6
    left, right = edges[:-1][suspects], edges[1:][suspects]
    at_left, at_right = heights[:, :-1][:, suspects], heights[:, 1:][:, suspects]
    for _ in range(44 if len(left) else 0):
        middle = (left + right) / 2
        at_middle = _stacked(curve, middle)
        to_left = _jump(at_left, at_middle) >= _jump(at_middle, at_right)
        left, right = np.where(to_left, left, middle), np.where(to_left, middle, right)
        at_left, at_right = np.where(to_left, at_left, at_middle), np.where(to_left, at_middle, at_right)
    return _distinct([float(x) for x in right[_jump(at_left, at_right) > 1e-4]])


def _stacked(curve: Curve, x: Array) -> Array:
    return np.stack(curve(x))


def _jump(left: Array, right: Array) -> Array:
    with np.errstate(invalid="ignore"):  # a formula may be infinite on both sides
        jump: Array = np.abs(right - left).sum(axis=0)
    return np.nan_to_num(jump, nan=0.0, posinf=np.inf)


def _distinct(xs: list[float], tolerance: float = 1e-9) -> list[float]:
    ascending = sorted(xs)
    kept = [x for i, x in enumerate(ascending) if i == 0 or x - ascending[i - 1] > tolerance]
    return [round(x, 10) + 0.0 for x in kept]  # + 0.0 makes a -0.0 a 0.0


def figure(name: str, parameters: Mapping[str, Any] | None = None, title: str | None = None) -> Figure:
    """Function and slope over x from −5 to 5, kinks marked.

    Args:
        name: a registered name or alias.
        parameters: its parameters; defaults for those left out.
        title: above the picture; the name, or the text of an own formula, if left out.

    Returns:
        A figure of 6.4 × 4.4 inches.
    """
    from matplotlib.figure import Figure

    curve = curve_of(name, parameters)
    picture = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = picture.add_subplot()
    kinks = [kink for kink in find_kinks(curve, -5.0, 5.0) if abs(kink) < 5]
    _draw(axes, curve, kinks)
    heading = title or (parameters or {}).get("formula") or ACTIVATIONS.get(name).name
    axes.set_title(heading, fontsize=12, parse_math=False, wrap=True)
    axes.set_xlabel(_axis_label(ACTIVATIONS.get(name).facts))
    axes.set_ylabel("value and slope")
    axes.legend(frameon=False)
    return picture


# Okabe and Ito's colours, which stay apart for colour-blind readers; the dashes keep them apart in grey
_BLUE, _VERMILION = "#0072B2", "#D55E00"


def _axis_label(facts: ActivationFacts) -> str:
    return "x" if facts.elementwise else "first input x, the others 0"


def _draw(axes: Any, curve: Curve, kinks: list[float]) -> None:
    x = _broken(np.linspace(-5, 5, 1001), kinks)
    values, slopes = curve(x)
    steep = np.abs(slopes) > 10  # as at 0 of signed_sqrt; drawn in full it would flatten everything else
    at_kinks = np.isin(x, kinks)
    # broken at the kinks, so that a jump is not drawn as a steep line; the gap is 1e-9 wide
    slopes = np.where(at_kinks | steep, np.nan, slopes)
    values = np.where(at_kinks, np.nan, values)
    axes.axhline(0, color="0.75", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.75", linewidth=0.8, zorder=0)
    axes.plot(x, _shown(values), color=_BLUE, linewidth=2.2, label="f(x)")
    axes.plot(x, slopes, color=_VERMILION, linewidth=1.8, linestyle=(0, (5, 2)), label="slope f′(x)")
    if kinks:
        heights, _ = curve(np.asarray(kinks))
        axes.plot(kinks, heights, "o", color="black", markerfacecolor="white", markersize=7, label="kink")
    axes.set_xlim(-5, 5)


def _broken(x: Array, kinks: list[float]) -> Array:
    near = [kink + side for kink in kinks for side in (-1e-9, 0.0, 1e-9)]
    return np.unique(np.concatenate([x, near]))


def _shown(values: Array) -> Array:
    """Values beyond what a picture of −5 to 5 can show are left out."""
    return np.where(np.isfinite(values) & (np.abs(values) <= 12), values, np.nan)
