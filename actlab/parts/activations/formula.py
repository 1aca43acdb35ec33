"""Formulas: a text such as "where(x > 0, x, 0.1*x)" to a function of x.

What is allowed: numbers, `x`, `pi`, `e`, + − * / **, comparisons (chained too), and / or / not, brackets, and the
functions of `FUNCTIONS`. The text is parsed to a tree, never run by Python's `eval`; every node must be on this list
and becomes a `_Term`: what does not depend on x is one number (so that it takes the dtype of x, whatever that is), and
a comparison that stands for a number is 1 where it holds and 0 elsewhere.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import sys
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import accumulate
from typing import Any, NoReturn

import numpy as np

from actlab.errors import FormulaError, listing, suggestion

MAX_CHARACTERS = 500
MAX_NODES = 200
MAX_DEPTH = 32

CONSTANTS = {"pi": math.pi, "e": math.e}
# name: number of arguments; min, max and clip are composed, the others are functions of that name in keras.ops
FUNCTIONS = {
    **dict.fromkeys(("exp", "expm1", "log", "log1p", "sqrt", "square", "abs", "sign", "floor", "ceil"), 1),
    **dict.fromkeys(("sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "arcsinh"), 1),
    **dict.fromkeys(("erf", "sigmoid", "relu", "softplus"), 1),
    **dict.fromkeys(("minimum", "maximum", "min", "max"), 2),
    **dict.fromkeys(("where", "clip"), 3),
}
COMPOSED: dict[str, Callable[..., Any]] = {
    "min": lambda ns, a, b: ns.minimum(a, b),
    "max": lambda ns, a, b: ns.maximum(a, b),
    "clip": lambda ns, a, low, high: ns.minimum(ns.maximum(a, low), high),
}
OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
# a branch of `where` with one of these can be infinite where it is not taken, and make the gradient there NaN
CAN_OVERFLOW = {"exp", "expm1", "log", "log1p", "sqrt", "square", "tan", "sinh", "cosh"}
CANDIDATES = (1.0, -1.0, 0.5, -0.5, 0.0, 2.0, -2.0, 4.0, -4.0, 10.0, -10.0)

FOREIGN = re.compile(r"[^A-Za-z0-9_.,+\-*/()<>=! \t\r\n]")
HINTS = {"^": "a power is written **", "&": "write and", "|": "write or", "%": "there is no remainder"}
TOO_DEEP = f"the formula is nested too deeply; at most {MAX_DEPTH} levels"

Namespace = Any


@lru_cache(maxsize=256)
def parse(text: str) -> Callable[[Any, Namespace], Any]:
    """Read a formula.

    Args:
        text: at most 500 characters, 200 nodes and a depth of 32.

    Returns:
        From x, a tensor of a floating dtype, and a namespace (`keras.ops`, or anything that has the functions of
        `FUNCTIONS`, `full_like` and the `logical_` ones) to the values, in the shape and dtype of x.

    Raises:
        FormulaError: with the column, and the nearest allowed name where a name is wrong.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"a formula has at most {MAX_CHARACTERS} characters, this one {len(text)}"
        raise FormulaError(message, MAX_CHARACTERS + 1)
    if not text.strip():
        raise FormulaError("the formula is empty; write one in x, such as where(x > 0, x, 0.1*x)")
    if found := FOREIGN.search(text):
        hint = HINTS.get(found.group(), "there are numbers, x, pi, e, functions, + - * / **, comparisons and brackets")
        raise FormulaError(f"{found.group()!r} is not allowed; {hint}", found.start() + 1)
    depths = accumulate((sign == "(") - (sign == ")") for sign in text)  # brackets leave no node in the tree
    if column := next((column for column, depth in enumerate(depths, 1) if depth > MAX_DEPTH), None):
        raise FormulaError(TOO_DEEP, column)
    flat = re.sub(r"\s", " ", text).lstrip()  # a YAML text may run over lines; columns stay
    indent = len(text) - len(flat)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on doubtful literals; they are refused or read below
            tree = ast.parse(flat, mode="eval").body
    except SyntaxError as error:
        column = indent + min(max(error.offset or 1, 1), len(flat))
        raise FormulaError(f"not a formula: {error.msg.split('. ')[0]}", column) from None
    except (ValueError, MemoryError, RecursionError):
        raise FormulaError(TOO_DEEP) from None
    level, count = [tree], 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        level = [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if level:
        raise FormulaError(TOO_DEEP, indent + level[0].col_offset + 1)
    if count > MAX_NODES:
        raise FormulaError(f"a formula has at most {MAX_NODES} parts, this one {count}")
    term = _Reader(indent).number(tree)
    return term.at if term.constant is None else lambda x, ns: ns.full_like(x, term.constant)


@dataclass(frozen=True)
class _Term:
    """A part of a formula.

    Args:
        at: x and a namespace to the value.
        truth: whether the value is that of a comparison, not a number.
        can_overflow: whether it can be infinite.
        constant: the value, where it does not depend on x.
    """

    at: Callable[[Any, Namespace], Any]
    truth: bool = False
    can_overflow: bool = False
    constant: float | None = None

    def at_point(self, x: float) -> float:
        """The value at one number; NaN where there is no real one."""
        with np.errstate(all="ignore"):
            try:
                value = self.at(x, _Scalars())
            except (ArithmeticError, ValueError):
                return math.nan
        if isinstance(value, complex):  # a root of a negative number
            return math.nan
        return bool(value) if self.truth else float(value)


def _constant(value: float) -> _Term:
    return _Term(lambda x, ns: value, truth=isinstance(value, bool), constant=value)


def _where(test: _Term, yes: _Term, no: _Term) -> _Term:
    """where(test, yes, no), each branch evaluated only at points where it is finite.

    The gradient of where(x > 0, x, exp(x) - 1) at 1000 is 1·1 + 0·inf = NaN, though that branch is not taken there.
    So a branch that can overflow gets, at the elements that do not take it, a point that would, if one is found.
    """
    yes_at, no_at = (
        next((x for x in CANDIDATES if test.at_point(x) is taken and math.isfinite(branch.at_point(x))), None)
        if branch.can_overflow
        else None
        for branch, taken in ((yes, True), (no, False))
    )
    constant = yes.constant is not None and no.constant is not None

    def at(x: Any, ns: Namespace) -> Any:
        holds = test.at(x, ns)
        a = yes.at(x if yes_at is None else ns.where(holds, x, ns.full_like(x, yes_at)), ns)
        b = no.at(x if no_at is None else ns.where(holds, ns.full_like(x, no_at), x), ns)
        return ns.where(holds, ns.full_like(x, a) if constant else a, b)

    return _Term(at, can_overflow=test.can_overflow or yes.can_overflow or no.can_overflow)


class _Reader:
    """Reads the nodes of one text, whose tree begins `indent` characters after it."""

    def __init__(self, indent: int) -> None:
        self._indent = indent

    def number(self, node: ast.expr) -> _Term:
        """What a node means as a number; a comparison counts as 1 where it holds and as 0 elsewhere."""
        term = self._read(node)
        if term.constant is not None:
            return _constant(float(term.constant))
        return _where(term, _constant(1.0), _constant(0.0)) if term.truth else term

    def _truth(self, node: ast.expr) -> _Term:
        term = self._read(node)
        if not term.truth:
            self._refuse("a comparison is needed here, such as x > 0", node)
        return term

    def _refuse(self, message: str, node: ast.expr) -> NoReturn:
        raise FormulaError(message, self._indent + node.col_offset + 1)

    def _read(self, node: ast.expr) -> _Term:
        match node:
            case ast.Constant(value=value):
                if not isinstance(value, int | float) or isinstance(value, bool):
                    self._refuse(f"{value!r} is not a real number", node)
                if abs(value) > sys.float_info.max:  # before the conversion, which fails for a large whole number
                    self._refuse("the number is too large", node)
                return _constant(float(value))
            case ast.Name(id="x"):
                return _Term(lambda x, ns: x)
            case ast.Name(id=name) if name in CONSTANTS:
                return _constant(CONSTANTS[name])
            case ast.Name(id=name):
                self._refuse_name(node, name, ["x", *CONSTANTS], f"{name} needs brackets: {name}(...)", FUNCTIONS)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._apply(node, lambda ns, value: -value, [self.number(operand)])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return self._apply(node, lambda ns, value: ns.logical_not(value), [self._truth(operand)], truth=True)
            case ast.UnaryOp():
                self._refuse("~ is not allowed; write not", node)
            case ast.BinOp(left=left, op=op, right=right):
                if type(op) not in OPERATORS:
                    self._refuse("this operator is not allowed; there are + - * / **", right)
                sides, infinite = [self.number(left), self.number(right)], isinstance(op, ast.Div | ast.Pow)
                return self._apply(node, lambda ns, a, b: OPERATORS[type(op)](a, b), sides, can_overflow=infinite)
            case ast.Compare(left=left, ops=signs, comparators=others):
                for sign, other in zip(signs, others, strict=True):
                    if type(sign) not in OPERATORS:
                        self._refuse("this comparison is not allowed; there are < <= > >= == !=", other)

                def compare(ns: Namespace, *values: Any) -> Any:
                    pairs = zip(signs, values, values[1:], strict=False)
                    return reduce(ns.logical_and, [OPERATORS[type(sign)](a, b) for sign, a, b in pairs])

                return self._apply(node, compare, [self.number(side) for side in (left, *others)], truth=True)
            case ast.BoolOp(op=op, values=values):
                join = "logical_and" if isinstance(op, ast.And) else "logical_or"
                truths = [self._truth(value) for value in values]
                return self._apply(node, lambda ns, *values: reduce(getattr(ns, join), values), truths, truth=True)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                if name not in FUNCTIONS:
                    advice = f"{name} is a number and cannot be called"
                    self._refuse_name(node, name, sorted(FUNCTIONS), advice, ("x", *CONSTANTS))
                if node.keywords or len(arguments) != FUNCTIONS[name]:
                    wanted = "1 argument" if FUNCTIONS[name] == 1 else f"{FUNCTIONS[name]} arguments"
                    self._refuse(f"{name} takes {wanted}, without names", node)
                if name == "where":
                    test, yes, no = self._truth(arguments[0]), self.number(arguments[1]), self.number(arguments[2])
                    if test.constant is None:
                        return _where(test, yes, no)
                    return yes if test.constant else no
                function = COMPOSED.get(name) or (lambda ns, *values: getattr(ns, name)(*values))
                terms, infinite = [self.number(argument) for argument in arguments], name in CAN_OVERFLOW
                return self._apply(node, function, terms, can_overflow=infinite)
            case ast.Call():
                self._refuse("only a function of the list can be called", node)
            case ast.IfExp():
                self._refuse("if and else are not allowed; write where(condition, a, b)", node)
            case ast.Tuple():
                self._refuse("a comma stands only between the arguments of a function", node)
            case _:
                kind = type(node).__name__.lower()
                self._refuse(f"{kind} is not allowed; there are numbers, x, operators and functions", node)

    def _apply(
        self, node: ast.expr, function: Callable[..., Any], operands: Sequence[_Term], *, truth: bool = False,
        can_overflow: bool = False,
    ) -> _Term:  # fmt: skip
        """A function (namespace, *values) of terms; one number if all of them are."""
        can_overflow = can_overflow or any(operand.can_overflow for operand in operands)
        term = _Term(lambda x, ns: function(ns, *[operand.at(x, ns) for operand in operands]), truth, can_overflow)
        if any(operand.constant is None for operand in operands):
            return term
        value = term.at_point(math.nan)
        if not math.isfinite(value):
            self._refuse("this has no finite real value", node)
        return _constant(value)

    def _refuse_name(
        self, node: ast.expr, name: str, known: list[str], advice: str, otherwise: Collection[str]
    ) -> NoReturn:
        """Refuse a name that is not known here; with the advice if it is one that stands elsewhere."""
        if name not in otherwise:
            kind = "function" if isinstance(node, ast.Call) else "name"
            advice = f"unknown {kind} {name!r}; {suggestion(name, known) or listing(known)}"
        self._refuse(advice, node)


class _Scalars:
    """The functions on single numbers."""

    erf = staticmethod(math.erf)
    relu = staticmethod(lambda x: np.maximum(x, 0.0))
    sigmoid = staticmethod(lambda x: (1 + np.tanh(x / 2)) / 2)
    softplus = staticmethod(lambda x: np.logaddexp(x, 0.0))

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)
