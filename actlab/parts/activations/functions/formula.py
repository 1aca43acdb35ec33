"""An activation that the config writes itself."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from actlab.errors import FormulaError
from actlab.lazy import backend, jax, ops
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts
from actlab.parts.activations.formula import parse
from actlab.parts.activations.ties import maximum, minimum


def _well_formed(text: str) -> str:
    try:
        parse(text)
    except FormulaError as error:
        raise ValueError(str(error)) from error  # pydantic collects ValueErrors, and lets others pass through it
    return text


class _Ops:
    """keras.ops with the gradient at a tie that activations have; on JAX with double precision, which Keras lacks."""

    maximum, minimum = staticmethod(maximum), staticmethod(minimum)

    def __getattr__(self, name: str) -> Any:
        return getattr(jax.numpy, name, None) or getattr(ops, name) if backend() == "jax" else getattr(ops, name)


@ACTIVATIONS.register(ActivationFacts(
    formula="as the config says, for example where(x > 0, x, 0.1*x)", range=None, monotonic=None, value_at_zero=None,
    slope_at_zero=None,
    source="the config",
    example={"formula": "where(x > 0, x, exp(x) - 1) + (x < -1)/4"},
    reference=lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))) + np.where(x < -1, 0.25, 0),
))  # fmt: skip
def formula(x: Any, *, formula: Annotated[str, AfterValidator(_well_formed)]) -> Any:
    """f(x) as the text says, in numbers, x, the constants pi and e, operators and listed functions.

    Args:
        formula: the text; `actlab.parts.activations.formula` says what may stand in it.

    Raises:
        FormulaError: the text is not a formula, or asks for something that is not allowed.
    """
    return parse(formula)(x, _Ops())
