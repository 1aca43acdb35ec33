"""The functions of a formula on Python floats."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any


class Scalars:
    """The functions on Python floats: they fold what does not depend on x while the formula is read."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return SCALARS.get(name) or getattr(math, name)


SCALARS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "arcsinh": math.asinh,
    "arctan": math.atan,
    "full_like": lambda x, value: value,
    "logical_and": lambda a, b: a and b,
    "logical_not": operator.not_,
    "logical_or": lambda a, b: a or b,
    "maximum": max,
    "minimum": min,
    "relu": lambda x: max(x, 0.0),
    "sigmoid": lambda x: (1 + math.tanh(x / 2)) / 2,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "square": lambda x: x * x,
    "where": lambda condition, a, b: a if condition else b,
}
