"""What is stated of an activation, held against what it does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from actlab.lazy import tf
from actlab.parts.activations import ACTIVATIONS, ActivationFacts, infer, resolve
from actlab.parts.activations.inspect import Array, Curve, find_kinks, section
from actlab.registry import Entry

FAR = (-1e4, 1e4)
_STEP = 1e-5


@dataclass(frozen=True)
class Finding:
    """One property: what is stated, what was found, and whether that agrees.

    Where nothing is stated (an own formula, parameters other than the defaults), `stated` is "" and what was found
    is told for its own sake.
    """

    property: str
    stated: str
    found: str
    holds: bool


@dataclass(frozen=True)
class _Subject:
    entry: Entry[ActivationFacts]
    parameters: dict[str, Any]

    @property
    def facts(self) -> ActivationFacts:
        return self.entry.facts

    @property
    def stated(self) -> bool:
        """Facts are about the default parameters, and an own formula has none."""
        return self.facts.range is not None and self.parameters == resolve(self.entry)

    def curve(self, x: Array, dtype: str = "float64") -> tuple[Array, Array]:
        return section(self.entry, self.parameters, x, dtype)

    @property
    def grid(self) -> Array:
        """From −10,000 to 10,000, dense around 0, without the inputs at which the function itself overflows."""
        far = np.geomspace(1e-3, 1e4, 400)
        x = np.unique(np.concatenate([-far, np.linspace(-8, 8, 1601), far]))
        return x[x < self.facts.overflows_above]


def check(name: str, parameters: Mapping[str, Any] | None = None) -> list[Finding]:
    """Prove or refute, by computing, what an activation promises.

    Gradient against central differences in float64, away from the kinks; values and slopes at ±10,000 and at the
    kinks in float32 and float16; kinks, range, monotonicity, value and slope at 0 against the stated ones.

    Args:
        name: a registered name or alias.
        parameters: its parameters; defaults for those left out.

    Returns:
        One finding for each property.

    Raises:
        UnknownName: no activation, or no parameter, has this name.
        FormulaError: an own formula that is refused.
    """
    entry = ACTIVATIONS.get(name)
    subject = _Subject(entry, resolve(entry, parameters))
    with np.errstate(all="ignore"):  # what overflows is a finding, not a warning
        return [finding for finding in _findings(subject) if finding]


def _findings(subject: _Subject) -> Iterator[Finding | None]:
    kinks = find_kinks(subject.curve)
    yield _gradient(subject, kinks)
    yield _joint_gradient(subject)
    yield from _far(subject)
    yield _at_kinks(subject, kinks)
    yield _kinks(subject, kinks)
    yield _range(subject)
    yield _monotonic(subject)
    yield from _at_zero(subject)


def _gradient(subject: _Subject, kinks: list[float]) -> Finding:
    x = np.linspace(-8, 8, 641) + 0.0137
    x = x[[all(abs(at - kink) > 1e-3 for kink in kinks) for at in x]]
    slopes, differences = subject.curve(x)[1], _central_difference(subject.curve, x)
    error = _relative_error(slopes, differences)
    worst = int(np.argmax(error))
    found = f"largest relative difference {error[worst]:.1g}, at x = {x[worst]:.4g}"
    return Finding("gradient", "equals the central difference", found, bool(error[worst] < 1e-5))


def _relative_error(slopes: Array, differences: Array) -> Array:
    error: Array = np.abs(slopes - differences) / (1 + np.abs(differences))
    return np.where(np.isfinite(error), error, np.inf)


def _central_difference(curve: Curve, x: Array) -> Array:
    difference: Array = (curve(x + _STEP)[0] - curve(x - _STEP)[0]) / (2 * _STEP)
    return difference


def _joint_gradient(subject: _Subject) -> Finding | None:
    """Where an output takes several inputs: the derivative of a random mix of the outputs by every input."""
    if subject.facts.elementwise:
        return None
    sample = np.random.default_rng(0).normal(size=(5, 4 * subject.facts.inputs_per_unit(subject.parameters)))
    gradient = _mixed(subject, sample)[1]
    differences = np.zeros_like(sample)
    for column in range(sample.shape[1]):
        step = np.zeros_like(sample)
        step[:, column] = _STEP
        differences[:, column] = (_mixed(subject, sample + step)[0] - _mixed(subject, sample - step)[0]) / (2 * _STEP)
    error = float(np.max(_relative_error(gradient, differences)))
    stated = "by every input equals the central difference"
    return Finding("joint gradient", stated, f"largest relative difference {error:.1g}", error < 1e-5)


def _mixed(subject: _Subject, sample: Array) -> tuple[Array, Array]:
    x = tf.constant(sample)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = infer(subject.entry, subject.parameters, x)
        mixed = tf.reduce_sum(y * tf.cos(tf.range(y.shape[-1], dtype=y.dtype)), axis=-1)
    return np.asarray(mixed), np.asarray(tape.gradient(mixed, x))


def _far(subject: _Subject) -> Iterator[Finding]:
    limit = subject.facts.overflows_above
    for dtype in ("float32", "float16"):
        x = np.asarray(FAR)
        values, slopes = subject.curve(x, dtype)
        stated = "finite" if math.isinf(limit) else f"finite up to {limit:g} in float32"
        expected = x < limit
        holds = bool(np.all(np.isfinite(values) & np.isfinite(slopes) | ~expected))
        told = "; ".join(f"f({at:g}) = {v:.5g}, slope {s:.5g}" for at, v, s in zip(x, values, slopes, strict=True))
        yield Finding(f"at ±10000 in {dtype}", stated, told, holds)


def _at_kinks(subject: _Subject, kinks: list[float]) -> Finding | None:
    if not kinks:
        return None
    values, slopes = subject.curve(np.asarray(kinks), "float32")
    told = "; ".join(f"slope {s:.5g} at {at:g}" for at, s in zip(kinks, slopes, strict=True))
    return Finding("at the kinks", "finite", told, bool(np.isfinite(values).all() and np.isfinite(slopes).all()))


def _kinks(subject: _Subject, kinks: list[float]) -> Finding:
    stated = subject.facts.kinks
    agree = len(kinks) == len(stated) and np.allclose(kinks, stated, rtol=1e-6, atol=1e-9)
    return _told(subject, "kinks", _listed(stated), _listed(kinks), bool(agree))


def _listed(xs: tuple[float, ...] | list[float]) -> str:
    return ", ".join(f"{x:g}" for x in xs) or "none"


def _told(subject: _Subject, name: str, stated: str, found: str, agree: bool) -> Finding:
    return Finding(name, stated, found, agree) if subject.stated else Finding(name, "", found, True)


def _range(subject: _Subject) -> Finding:
    values = np.concatenate([subject.curve(subject.grid)[0], _all_equal(subject)])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    lower, upper = subject.facts.range or (low, high)
    agree = _reaches(-low, -lower) and _reaches(high, upper)
    return _told(subject, "range", f"{lower:.5g} to {upper:.5g}", f"{low:.5g} to {high:.5g} on ±10000", agree)


def _all_equal(subject: _Subject) -> Array:
    """Where an output takes several inputs, one of them alone does not reach every value: move them together."""
    width = 1 if subject.facts.elementwise else 2 * subject.facts.inputs_per_unit(subject.parameters)
    x = np.repeat(subject.grid[:, None], width, axis=1)
    return np.asarray(infer(subject.entry, subject.parameters, tf.constant(x))).ravel()


def _reaches(found: float, bound: float) -> bool:
    """Whether the largest value found comes close to the bound and does not pass it."""
    return found > 50 if math.isinf(bound) else bound - 2e-3 <= found <= bound + 1e-12


def _monotonic(subject: _Subject) -> Finding:
    x = subject.grid
    values = subject.curve(x)[0]
    falls = np.flatnonzero(np.diff(values) < -1e-9 * (1 + np.abs(values[1:])))
    found = f"falls from x = {x[falls[0]]:.4g} to {x[falls[0] + 1]:.4g}" if len(falls) else "never falls on ±10000"
    stated = "monotonic" if subject.facts.monotonic else "not monotonic"
    return _told(subject, "monotonic", stated, found, (not len(falls)) == subject.facts.monotonic)


def _at_zero(subject: _Subject) -> Iterator[Finding]:
    value, slope = (float(found[0]) for found in subject.curve(np.zeros(1)))
    stated = (subject.facts.value_at_zero, subject.facts.slope_at_zero)
    for name, fact, found in zip(("value at 0", "slope at 0"), stated, (value, slope), strict=True):
        agree = fact is not None and math.isclose(fact, found, rel_tol=1e-9, abs_tol=1e-12)
        yield _told(subject, name, "" if fact is None else f"{fact:.6g}", f"{found:.6g}", agree)
