"""What is stated of an activation, held against what it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from actlab.lazy import keras, ops
from actlab.parts.activations import ACTIVATIONS, infer, resolve
from actlab.parts.activations.curves import Array, find_kinks, section
from actlab.parts.autodiff import compiled, pull_back

STEP = 1e-5  # of central differences


@dataclass(frozen=True)
class Finding:
    """One property: what is stated, what was found, and whether that agrees.

    Where nothing is stated (an own formula, parameters other than the defaults), `stated` is "" and what was found
    is reported for its own sake.
    """

    property: str
    stated: str
    found: str
    holds: bool


def check(name: str, parameters: Mapping[str, Any] | None = None) -> list[Finding]:
    """Prove or refute, by computing, what an activation promises.

    Values against the NumPy reference, if there is one; gradient against central differences in float64, away from the
    kinks; values and slopes at ±10,000 and at the kinks in float32 and float16; kinks, range, monotonicity, value and
    slope at 0 against the stated ones; and as a layer, that shape and dtype are kept in every precision, that it
    computes the same when it is compiled and after it was written into a config, and that gradients are finite.

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
    facts, resolved = entry.facts, resolve(entry, parameters)
    facts_apply = facts.range is not None and resolved == resolve(entry, facts.example)
    findings: list[Finding] = []

    def curve(x: Array, dtype: str = "float64") -> tuple[Array, Array]:
        return section(entry, resolved, x, dtype)

    def add(property: str, stated: str, found: str, agree: bool) -> None:
        findings.append(Finding(property, stated if facts_apply else "", found, agree or not facts_apply))

    with np.errstate(all="ignore"):  # what overflows is a finding, not a warning
        x = np.random.default_rng(0).normal(scale=2.5, size=(40, 4 * facts.inputs_per_unit(resolved)))
        x[0, :4] = 0, -1, 1, 6
        if facts.reference and resolved == resolve(entry, facts.example):
            error = _relative_error(
                np.asarray(infer(entry, resolved, ops.convert_to_tensor(x))), np.asarray(facts.reference(x))
            )
            found = f"largest relative difference {np.max(error):.1g}"
            findings.append(Finding("values", "equal those of the reference", found, bool(np.max(error) < 1e-7)))
        findings += _as_layer(name, resolved, x)

        kinks = find_kinks(curve)

        x = np.linspace(-8, 8, 641) + 0.0137
        x = x[[all(abs(at - kink) > 1e-3 for kink in kinks) for at in x]]
        error = _relative_error(curve(x)[1], (curve(x + STEP)[0] - curve(x - STEP)[0]) / (2 * STEP))
        worst = int(np.argmax(error))
        found = f"largest relative difference {error[worst]:.1g}, at x = {x[worst]:.4g}"
        findings.append(Finding("gradient", "equals the central difference", found, bool(error[worst] < 1e-5)))

        if not facts.elementwise:  # the derivative of a mix of the outputs by every input

            def mixed(sample: Array) -> tuple[Array, Array]:
                def mix(x: Any) -> Any:
                    y = infer(entry, resolved, x)
                    return ops.sum(y * ops.cos(ops.arange(y.shape[-1], dtype=y.dtype)), axis=-1)

                value, (gradient,) = pull_back(mix, [ops.convert_to_tensor(sample)])
                return np.asarray(value), np.asarray(gradient)

            sample = np.random.default_rng(0).normal(size=(5, 4 * facts.inputs_per_unit(resolved)))
            steps = STEP * np.eye(sample.shape[1])
            columns = [(mixed(sample + step)[0] - mixed(sample - step)[0]) / (2 * STEP) for step in steps]
            largest = float(np.max(_relative_error(mixed(sample)[1], np.stack(columns, axis=1))))
            stated = "by every input equals the central difference"
            found = f"largest relative difference {largest:.1g}"
            findings.append(Finding("joint gradient", stated, found, largest < 1e-5))

        limit, far = facts.overflows_above, np.array([-1e4, 1e4])
        stated = "finite" if math.isinf(limit) else f"finite up to {limit:g} in float32"
        for dtype in ("float32", "float16"):
            values, slopes = curve(far, dtype)
            finite = np.isfinite(values) & np.isfinite(slopes) | (far >= limit)
            rows = zip(far, values, slopes, strict=True)
            found = "; ".join(f"f({at:g}) = {value:.5g}, slope {slope:.5g}" for at, value, slope in rows)
            findings.append(Finding(f"at ±10000 in {dtype}", stated, found, bool(finite.all())))

        if kinks:
            values, slopes = curve(np.asarray(kinks), "float32")
            found = "; ".join(f"slope {slope:.5g} at {at:g}" for at, slope in zip(kinks, slopes, strict=True))
            holds = bool(np.isfinite(values).all() and np.isfinite(slopes).all())
            findings.append(Finding("at the kinks", "finite", found, holds))
        agree = len(kinks) == len(facts.kinks) and np.allclose(kinks, facts.kinks, rtol=1e-6, atol=1e-9)
        stated, found = (", ".join(f"{x:g}" for x in xs) or "none" for xs in (facts.kinks, kinks))
        add("kinks", stated, found, bool(agree))

        # from −10,000 to 10,000, dense around 0, without the inputs at which the function itself overflows
        out = np.geomspace(1e-3, 1e4, 400)
        x = np.unique(np.concatenate([-out, np.linspace(-8, 8, 1601), out]))
        x = x[x < limit]
        values = curve(x)[0]
        # where an output takes several inputs, one of them alone does not reach every value: all move together too
        width = 1 if facts.elementwise else 2 * facts.inputs_per_unit(resolved)
        together = np.asarray(infer(entry, resolved, ops.convert_to_tensor(np.repeat(x[:, None], width, axis=1))))
        reached = np.concatenate([values, together.ravel()])
        low, high = float(np.nanmin(reached)), float(np.nanmax(reached))
        lower, upper = facts.range or (low, high)
        agree = _reaches(-low, -lower) and _reaches(high, upper)
        add("range", f"{lower:.5g} to {upper:.5g}", f"{low:.5g} to {high:.5g} on ±10000", agree)

        falls = np.flatnonzero(np.diff(values) < -1e-9 * (1 + np.abs(values[1:])))
        found = f"falls from x = {x[falls[0]]:.4g} to {x[falls[0] + 1]:.4g}" if len(falls) else "never falls on ±10000"
        stated = "monotonic" if facts.monotonic else "not monotonic"
        add("monotonic", stated, found, (not len(falls)) == facts.monotonic)

        (value,), (slope,) = curve(np.zeros(1))
        for what, fact, number in (("value", facts.value_at_zero, value), ("slope", facts.slope_at_zero, slope)):
            agree = fact is not None and math.isclose(fact, number, rel_tol=1e-9, abs_tol=1e-12)
            add(f"{what} at 0", "" if fact is None else f"{fact:.6g}", f"{number:.6g}", agree)
    return findings


def _as_layer(name: str, parameters: Mapping[str, Any], x: Array) -> list[Finding]:
    """What a network needs of an activation: in each precision, compiled, trained, and made again from its config."""
    from actlab.parts.activations.layer import Activation  # imports Keras

    findings, differing = [], []
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        layer: Any = Activation(name, parameters, seed=0, dtype=policy)
        sample = ops.cast(x, layer.compute_dtype)
        trained = layer(sample, training=True)

        def loss(sample: Any, *learned: Any, layer: Any = layer) -> Any:
            values = zip(layer.trainable_variables, learned, strict=True)
            with keras.StatelessScope(state_mapping=values):
                return ops.mean(ops.cast(layer(sample, training=True), "float32") ** 2)

        gradients = pull_back(loss, [sample, *(variable.value for variable in layer.trainable_variables)])[1]
        finite = all(np.isfinite(np.float32(g)).all() for g in gradients)
        dtype = keras.backend.standardize_dtype(trained.dtype)
        found = f"{tuple(trained.shape)} of {dtype}, gradients {'' if finite else 'not all '}finite"
        shape = layer.compute_output_shape(tuple(x.shape))
        stated = f"{shape} of {layer.compute_dtype}, gradients finite"
        findings.append(Finding(f"trained in {policy}", stated, found, found == stated))
        eager = np.float32(layer(sample, training=False))
        again = Activation.from_config(layer.get_config())
        close = {"float32": 2e-6, "mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}[policy]
        for way, values in (
            ("compiled", compiled(layer, sample, training=False)),
            ("made from its config", again(sample, training=False)),
        ):
            if not np.allclose(np.float32(values), eager, rtol=close, atol=close, equal_nan=True):
                differing.append(f"{way} in {policy}")
    found = f"differs {' and '.join(differing)}" if differing else "the same within rounding"
    stated = "the same within rounding"
    return [*findings, Finding("compiled, and made again", stated, found, not differing)]


def _relative_error(slopes: Array, differences: Array) -> Array:
    error: Array = np.abs(slopes - differences) / (1 + np.abs(differences))
    return np.where(np.isfinite(error), error, np.inf)


def _reaches(found: float, bound: float) -> bool:
    """Whether the largest value found comes close to the bound and does not pass it."""
    return found > 50 if math.isinf(bound) else bound - 2e-3 <= found <= bound + 1e-12
