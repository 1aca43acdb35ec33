"""Formulas: a text such as "where(x > 0, x, 0.1*x)" to a function of x.

What is allowed: numbers, `x`, `pi`, `e`, + − * / **, comparisons (chained too), and / or / not, brackets, and the
functions of `FUNCTIONS`. The text is parsed to a tree, never run by Python's `eval`; every node must be on this list
and is rewritten: numbers become floats, what does not depend on x becomes one number (so that it takes the dtype of x,
whatever that is), `where` an `_Where`, and a comparison that stands for a number an `_Where` of 1 and 0.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache, partial, reduce
from itertools import accumulate
from typing import Any, NoReturn

import numpy as np

from actlab.errors import FormulaError
from actlab.registry import nearest

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
        level = [child for node in level for child in _expressions(node)]
    if level:
        raise FormulaError(TOO_DEEP, indent + level[0].col_offset + 1)
    if count > MAX_NODES:
        raise FormulaError(f"a formula has at most {MAX_NODES} parts, this one {count}")
    read = _Reader(indent).number(tree)
    if isinstance(read, ast.Constant):
        return lambda x, ns: ns.full_like(x, read.value)
    return partial(_evaluate, read)


def _expressions(node: ast.AST) -> list[ast.expr]:
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


class _Where(ast.expr):
    """where(test, yes, no), each branch evaluated only at points where it is finite.

    The gradient of where(x > 0, x, exp(x) - 1) at 1000 is 1·1 + 0·inf = NaN, though that branch is not taken there.
    So a branch that can overflow gets, at the elements that do not take it, a point that would.

    Args:
        points: for `yes` and for `no`; None where a branch needs none, or none is found.
    """

    _fields = ("test", "yes", "no")

    def __init__(self, test: ast.expr, yes: ast.expr, no: ast.expr) -> None:
        super().__init__()
        self.test, self.yes, self.no = test, yes, no
        self.points = tuple(
            next((x for x in CANDIDATES if _at(test, x) is taken and math.isfinite(_at(branch, x))), None)
            if any(map(_can_overflow, ast.walk(branch)))
            else None
            for branch, taken in ((yes, True), (no, False))
        )


def _can_overflow(node: ast.AST) -> bool:
    return isinstance(node, ast.Div | ast.Pow) or (isinstance(node, ast.Name) and node.id in CAN_OVERFLOW)


class _Reader:
    """Rewrites the nodes of one text, whose tree begins `indent` characters after it."""

    def __init__(self, indent: int) -> None:
        self._indent = indent

    def number(self, node: ast.expr) -> ast.expr:
        """What a node means as a number; a comparison counts as 1 where it holds and as 0 elsewhere."""
        made = self._read(node)
        if isinstance(made, ast.Constant):
            return ast.Constant(float(made.value))  # type: ignore[arg-type]  # a float or a truth
        return _Where(made, ast.Constant(1.0), ast.Constant(0.0)) if _is_truth(made) else made

    def _truth(self, node: ast.expr) -> ast.expr:
        made = self._read(node)
        if not _is_truth(made):
            self._refuse("a comparison is needed here, such as x > 0", node)
        return made

    def _refuse(self, message: str, node: ast.expr) -> NoReturn:
        raise FormulaError(message, self._indent + node.col_offset + 1)

    def _read(self, node: ast.expr) -> ast.expr:
        made: ast.expr
        match node:
            case ast.Constant(value=value):
                if not isinstance(value, int | float) or isinstance(value, bool):
                    self._refuse(f"{value!r} is not a real number", node)
                if abs(value) > sys.float_info.max:  # before the conversion, which fails for a large whole number
                    self._refuse("the number is too large", node)
                return ast.Constant(float(value))
            case ast.Name(id="x"):
                return node
            case ast.Name(id=name) if name in CONSTANTS:
                return ast.Constant(CONSTANTS[name])
            case ast.Name(id=name):
                self._refuse_name(node, name, ["x", *CONSTANTS], f"{name} needs brackets: {name}(...)", FUNCTIONS)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.number(operand)
            case ast.UnaryOp(op=ast.Invert()):
                self._refuse("~ is not allowed; write not", node)
            case ast.UnaryOp(op=op, operand=operand):
                made = ast.UnaryOp(op, self.number(operand) if isinstance(op, ast.USub) else self._truth(operand))
            case ast.BinOp(left=left, op=op, right=right):
                if type(op) not in OPERATORS:
                    self._refuse("this operator is not allowed; there are + - * / **", right)
                made = ast.BinOp(self.number(left), op, self.number(right))
            case ast.Compare(left=left, ops=signs, comparators=others):
                for sign, other in zip(signs, others, strict=True):
                    if type(sign) not in OPERATORS:
                        self._refuse("this comparison is not allowed; there are < <= > >= == !=", other)
                made = ast.Compare(self.number(left), signs, [self.number(other) for other in others])
            case ast.BoolOp(op=op, values=values):
                made = ast.BoolOp(op, [self._truth(value) for value in values])
            case ast.Call(func=ast.Name(id=name) as function, args=arguments):
                if name not in FUNCTIONS:
                    advice = f"{name} is a number and cannot be called"
                    self._refuse_name(node, name, sorted(FUNCTIONS), advice, ("x", *CONSTANTS))
                if node.keywords or len(arguments) != FUNCTIONS[name]:
                    wanted = "1 argument" if FUNCTIONS[name] == 1 else f"{FUNCTIONS[name]} arguments"
                    self._refuse(f"{name} takes {wanted}, without names", node)
                if name == "where":
                    test, yes, no = self._truth(arguments[0]), self.number(arguments[1]), self.number(arguments[2])
                    if isinstance(test, ast.Constant):
                        return yes if test.value else no
                    return _Where(test, yes, no)
                made = ast.Call(function, [self.number(argument) for argument in arguments], [])
            case ast.Call():
                self._refuse("only a function of the list can be called", node)
            case ast.IfExp():
                self._refuse("if and else are not allowed; write where(condition, a, b)", node)
            case ast.Tuple():
                self._refuse("a comma stands only between the arguments of a function", node)
            case _:
                kind = type(node).__name__.lower()
                self._refuse(f"{kind} is not allowed; there are numbers, x, operators and functions", node)
        operands = made.args if isinstance(made, ast.Call) else _expressions(made)
        if not all(isinstance(operand, ast.Constant) for operand in operands):
            return made
        value = _at(made, math.nan)
        if not math.isfinite(value):
            self._refuse("this has no finite real value", node)
        return ast.Constant(bool(value) if _is_truth(made) else float(value))

    def _refuse_name(self, node: ast.expr, name: str, known: list[str], advice: str, otherwise: Any) -> NoReturn:
        """Refuse a name that is not known here; with the advice if it is one that stands elsewhere."""
        if name not in otherwise:
            close, kind = nearest(name, known), "function" if isinstance(node, ast.Call) else "name"
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            advice = f"unknown {kind} {name!r}; {hint}"
        self._refuse(advice, node)


def _is_truth(node: ast.expr) -> bool:
    """Whether a node that has been read is a comparison, not a number."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool)
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _evaluate(node: ast.expr, x: Any, ns: Namespace) -> Any:
    """The value of a node that has been read."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name():
            return x
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, x, ns)
            return -value if isinstance(op, ast.USub) else ns.logical_not(value)
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_evaluate(left, x, ns), _evaluate(right, x, ns))
        case ast.Compare(left=left, ops=signs, comparators=others):
            sides = [_evaluate(side, x, ns) for side in (left, *others)]
            pairs = zip(signs, sides, sides[1:], strict=False)
            return reduce(ns.logical_and, [OPERATORS[type(sign)](one, other) for sign, one, other in pairs])
        case ast.BoolOp(op=op, values=values):
            join = ns.logical_and if isinstance(op, ast.And) else ns.logical_or
            return reduce(join, [_evaluate(value, x, ns) for value in values])
        case ast.Call(func=ast.Name(id=name), args=arguments):
            values = [_evaluate(argument, x, ns) for argument in arguments]
            return COMPOSED[name](ns, *values) if name in COMPOSED else getattr(ns, name)(*values)
        case _Where(test=test, yes=yes, no=no, points=(yes_at, no_at)):
            holds = _evaluate(test, x, ns)
            a = _evaluate(yes, x if yes_at is None else ns.where(holds, x, ns.full_like(x, yes_at)), ns)
            b = _evaluate(no, x if no_at is None else ns.where(holds, ns.full_like(x, no_at), x), ns)
            constant = isinstance(yes, ast.Constant) and isinstance(no, ast.Constant)
            return ns.where(holds, ns.full_like(x, a) if constant else a, b)
    raise TypeError(f"{type(node).__name__} was not read")


class _Scalars:
    """The functions on single numbers."""

    erf = staticmethod(math.erf)
    relu = staticmethod(lambda x: np.maximum(x, 0.0))
    sigmoid = staticmethod(lambda x: (1 + np.tanh(x / 2)) / 2)
    softplus = staticmethod(lambda x: np.logaddexp(x, 0.0))

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def _at(node: ast.expr, x: float) -> Any:
    """The value of a node at one point; NaN where there is no real one."""
    with np.errstate(all="ignore"):
        try:
            value = _evaluate(node, x, _Scalars())
        except (ArithmeticError, ValueError):
            return math.nan
    if isinstance(value, complex):  # a root of a negative number
        return math.nan
    return bool(value) if _is_truth(node) else float(value)
