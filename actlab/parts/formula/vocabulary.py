"""What may stand in a formula: constants, functions, operators and comparisons."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

CONSTANTS = {"pi": math.pi, "e": math.e}

# name: number of arguments; each is a function of the same name in keras.ops and in NumPy, or stands in COMPOSED
FUNCTIONS = {
    **dict.fromkeys(("exp", "expm1", "log", "log1p", "sqrt", "square", "abs", "sign", "floor", "ceil"), 1),
    **dict.fromkeys(("sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "arcsinh"), 1),
    **dict.fromkeys(("erf", "sigmoid", "relu", "softplus"), 1),
    **dict.fromkeys(("minimum", "maximum", "min", "max"), 2),
    **dict.fromkeys(("where", "clip"), 3),
}

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
