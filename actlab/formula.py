"""Formulas: a text such as "where(x > 0, x, 0.1*x)" to a function of x.

What is allowed: numbers, `x`, `pi`, `e`, + − * / **, comparisons (chained too), and / or / not, brackets, and the
functions of `FUNCTIONS`. Nothing else is looked at, let alone run: the text is parsed to a tree, every node of which
must be on this list, and the tree is evaluated by the functions below, never by Python's `eval`.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import accumulate
from typing import Any

from actlab.errors import FormulaError
from actlab.registry import nearest

MAX_CHARACTERS = 500
MAX_NODES = 200
MAX_DEPTH = 32

CONSTANTS = {"pi": math.pi, "e": math.e}

# name: number of arguments; each is a function of the same name in keras.ops and in NumPy, or stands in _COMPOSED
FUNCTIONS = {
    **dict.fromkeys(("exp", "expm1", "log", "log1p", "sqrt", "square", "abs", "sign", "floor", "ceil"), 1),
    **dict.fromkeys(("sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "arcsinh"), 1),
    **dict.fromkeys(("erf", "sigmoid", "relu", "softplus"), 1),
    **dict.fromkeys(("minimum", "maximum", "min", "max"), 2),
    **dict.fromkeys(("where", "clip"), 3),
}

Namespace = Any
Evaluate = Callable[[Any, Namespace], Any]

_COMPOSED: dict[str, Callable[..., Any]] = {
    "min": lambda ns, a, b: ns.minimum(a, b),
    "max": lambda ns, a, b: ns.maximum(a, b),
    "clip": lambda ns, a, low, high: ns.minimum(ns.maximum(a, low), high),
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
# a branch of `where` with one of these can be infinite where it is not taken, and make the gradient there NaN
_CAN_OVERFLOW = {"exp", "expm1", "log", "log1p", "sqrt", "square", "tan", "sinh", "cosh", "/", "**"}
_SAFE_CANDIDATES = (1.0, -1.0, 0.5, -0.5, 0.0, 2.0, -2.0, 4.0, -4.0, 10.0, -10.0)

_NOT_A_SIGN = re.compile(r"[^A-Za-z0-9_.,+\-*/()<>=! \t\r\n]")
_TOO_DEEP = f"the formula is nested too deeply; at most {MAX_DEPTH} levels"
_HINTS = {"^": "a power is written **", "&": "write and", "|": "write or", "%": "there is no remainder"}


class _Scalars:
    """The functions on Python floats: they fold what does not depend on x while the formula is read."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _SCALARS.get(name) or getattr(math, name)


_SCALARS: dict[str, Callable[..., Any]] = {
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


@dataclass(frozen=True)
class _Term:
    """A part of a formula: how it is evaluated, and what is known of it beforehand."""

    evaluate: Evaluate
    column: int
    truth: bool = False  # a comparison, not a number
    constant: float | bool | None = None
    uses: frozenset[str] = frozenset()  # functions and operators within


@dataclass(frozen=True)
class Formula:
    """A formula that has been read: call it with x and the namespace that has the functions.

    Args:
        text: as it was written.
    """

    text: str
    _evaluate: Evaluate

    def __call__(self, x: Any, namespace: Namespace) -> Any:
        """The values, in the shape and dtype of `x`.

        Args:
            x: a tensor of a floating dtype.
            namespace: `keras.ops`, or anything that has the functions of `FUNCTIONS`, `full_like` and the
                `logical_` ones.
        """
        return self._evaluate(x, namespace)


@lru_cache(maxsize=256)
def parse(text: str) -> Formula:
    """Read a formula.

    Args:
        text: at most 500 characters, 200 nodes and a depth of 32.

    Raises:
        FormulaError: with the column, and the nearest allowed name where a name is wrong.
    """
    term = _number(_Reader(text).term(_tree(text)))
    if term.constant is not None:
        term = _filled(term)
    return Formula(text, term.evaluate)


def _tree(text: str) -> ast.expr:
    if len(text) > MAX_CHARACTERS:
        message = f"a formula has at most {MAX_CHARACTERS} characters, this one {len(text)}"
        raise FormulaError(message, MAX_CHARACTERS + 1)
    if not text.strip():
        raise FormulaError("the formula is empty; write one in x, such as where(x > 0, x, 0.1*x)")
    _refuse_foreign_signs(text)
    _refuse_deep_brackets(text)
    tree = _parsed(text)
    _refuse_large(tree, _indent(text))
    return tree


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())


def _refuse_foreign_signs(text: str) -> None:
    found = _NOT_A_SIGN.search(text)
    if found:
        hint = _HINTS.get(found.group(), "there are numbers, x, pi, e, functions, + - * / **, comparisons and brackets")
        raise FormulaError(f"{found.group()!r} is not allowed; {hint}", found.start() + 1)


def _refuse_deep_brackets(text: str) -> None:
    """Brackets around brackets leave no node in the tree."""
    depths = accumulate((sign == "(") - (sign == ")") for sign in text)
    column = next((column for column, depth in enumerate(depths, 1) if depth > MAX_DEPTH), None)
    if column:
        raise FormulaError(_TOO_DEEP, column)


def _parsed(text: str) -> ast.expr:
    flat = re.sub(r"\s", " ", text).lstrip()  # a YAML text may run over lines; columns stay
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on doubtful literals; they are refused or read below
            return ast.parse(flat, mode="eval").body
    except SyntaxError as error:
        column = _indent(text) + min(max(error.offset or 1, 1), len(flat))
        raise FormulaError(f"not a formula: {error.msg.split('. ')[0]}", column) from None
    except (ValueError, MemoryError, RecursionError):
        raise FormulaError(_TOO_DEEP) from None


def _refuse_large(tree: ast.expr, indent: int) -> None:
    nodes = list(_levels(tree))
    if len(nodes) > MAX_NODES:
        raise FormulaError(f"a formula has at most {MAX_NODES} parts, this one {len(nodes)}")
    deep = next((node for node, level in nodes if level > MAX_DEPTH), None)
    if deep:
        raise FormulaError(_TOO_DEEP, indent + deep.col_offset + 1)


def _levels(tree: ast.expr) -> Iterator[tuple[ast.expr, int]]:
    waiting: list[tuple[ast.AST, int]] = [(tree, 1)]
    while waiting:
        node, level = waiting.pop()
        is_part = isinstance(node, ast.expr)
        if isinstance(node, ast.expr):
            yield node, level
        waiting += [(child, level + is_part) for child in ast.iter_child_nodes(node)]


class _Reader:
    """Turns the nodes of one text into terms; a node without a method here is refused."""

    def __init__(self, text: str) -> None:
        self._indent = _indent(text)
        self._reads: dict[type[ast.expr], Callable[[Any], _Term]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.UnaryOp: self._unaryop,
            ast.BinOp: self._binop,
            ast.Compare: self._compare,
            ast.BoolOp: self._boolop,
            ast.Call: self._call,
        }

    def term(self, node: ast.expr) -> _Term:
        read = self._reads.get(type(node))
        if read is None:
            raise FormulaError(_described(node), self._column(node))
        term = read(node)
        return _folded(term) if term.constant is None else term

    def _column(self, node: ast.expr) -> int:
        return self._indent + node.col_offset + 1

    def _constant(self, node: ast.Constant) -> _Term:
        column = self._column(node)
        return _fixed(_as_float(node.value, column), column)

    def _name(self, node: ast.Name) -> _Term:
        column = self._column(node)
        if node.id in CONSTANTS:
            return _fixed(CONSTANTS[node.id], column)
        if node.id != "x":
            raise _unknown(node.id, column, called=False)
        return _Term(lambda x, ns: x, column, uses=frozenset({"x"}))

    def _unaryop(self, node: ast.UnaryOp) -> _Term:
        inner = self.term(node.operand)
        if isinstance(node.op, ast.Not):
            truth = _truth(inner)
            return _Term(lambda x, ns: ns.logical_not(truth.evaluate(x, ns)), inner.column, True, uses=inner.uses)
        number = _number(inner)
        if isinstance(node.op, ast.USub):
            return _Term(lambda x, ns: -number.evaluate(x, ns), self._column(node), uses=number.uses)
        if isinstance(node.op, ast.UAdd):
            return number
        raise FormulaError("~ is not allowed; write not", self._column(node))

    def _binop(self, node: ast.BinOp) -> _Term:
        left, right = _number(self.term(node.left)), _number(self.term(node.right))
        act = _ARITHMETIC.get(type(node.op))
        if act is None:
            raise FormulaError("this operator is not allowed; there are + - * / **", right.column)
        sign = {ast.Div: "/", ast.Pow: "**"}.get(type(node.op), "+")
        uses = left.uses | right.uses | {sign}
        return _Term(lambda x, ns: act(left.evaluate(x, ns), right.evaluate(x, ns)), self._column(node), uses=uses)

    def _compare(self, node: ast.Compare) -> _Term:
        sides = [_number(self.term(side)) for side in (node.left, *node.comparators)]
        acts = [_COMPARISONS.get(type(sign)) for sign in node.ops]
        for act, side in zip(acts, sides[1:], strict=True):
            if act is None:
                raise FormulaError("this comparison is not allowed; there are < <= > >= == !=", side.column)
        pairs = [_compared(act, *pair) for act, *pair in zip(acts, sides, sides[1:], strict=False) if act]
        return _joined("logical_and", pairs, self._column(node))

    def _boolop(self, node: ast.BoolOp) -> _Term:
        name = "logical_and" if isinstance(node.op, ast.And) else "logical_or"
        return _joined(name, [_truth(self.term(value)) for value in node.values], self._column(node))

    def _call(self, node: ast.Call) -> _Term:
        column = self._column(node)
        if not isinstance(node.func, ast.Name):
            raise FormulaError("only a function of the list can be called", column)
        name, count = node.func.id, len(node.args)
        if name not in FUNCTIONS:
            raise _unknown(name, column, called=True)
        if node.keywords or count != FUNCTIONS[name]:
            wanted = "1 argument" if FUNCTIONS[name] == 1 else f"{FUNCTIONS[name]} arguments"
            raise FormulaError(f"{name} takes {wanted}, without names", column)
        arguments = [self.term(argument) for argument in node.args]
        return _where(arguments, column) if name == "where" else _called(name, [_number(a) for a in arguments], column)


def _described(node: ast.expr) -> str:
    if isinstance(node, ast.IfExp):
        return "if and else are not allowed; write where(condition, a, b)"
    if isinstance(node, ast.Tuple):
        return "a comma stands only between the arguments of a function"
    return f"{type(node).__name__.lower()} is not allowed; there are numbers, x, operators and functions"


def _unknown(name: str, column: int, called: bool) -> FormulaError:
    known = sorted(FUNCTIONS) if called else ["x", *CONSTANTS]
    if name in (FUNCTIONS if not called else {"x", *CONSTANTS}):
        advice = f"{name} needs brackets: {name}(...)" if not called else f"{name} is a number and cannot be called"
        return FormulaError(advice, column)
    close = nearest(name, known)
    advice = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    return FormulaError(f"unknown {'function' if called else 'name'} {name!r}; {advice}", column)


def _as_float(value: Any, column: int) -> float:
    if type(value) not in (int, float):
        raise FormulaError(f"{value!r} is not a real number", column)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FormulaError("the number is too large", column)
    return number


def _fixed(value: float | bool, column: int) -> _Term:
    return _Term(lambda x, ns: value, column, isinstance(value, bool), value)


def _folded(term: _Term) -> _Term:
    """What does not depend on x becomes a number at once: it then takes the dtype of x, whatever that is."""
    if "x" in term.uses:
        return term
    try:
        value = term.evaluate(math.nan, _Scalars())
    except (ArithmeticError, ValueError):
        value = math.nan
    if isinstance(value, bool):
        return _fixed(value, term.column)
    if isinstance(value, complex) or not math.isfinite(value):
        raise FormulaError("this has no finite real value", term.column)
    return _fixed(float(value), term.column)


def _filled(term: _Term) -> _Term:
    """A constant as a tensor of x's shape and dtype, where no other operand carries them."""
    value = term.constant
    return _Term(lambda x, ns: ns.full_like(x, value), term.column, uses=term.uses)


def _number(term: _Term) -> _Term:
    """A comparison counts as 1 where it holds and 0 elsewhere."""
    if not term.truth:
        return term
    if term.constant is not None:
        return _fixed(float(term.constant), term.column)
    return _Term(
        lambda x, ns: ns.where(term.evaluate(x, ns), ns.full_like(x, 1.0), ns.full_like(x, 0.0)),
        term.column,
        uses=term.uses,
    )


def _truth(term: _Term) -> _Term:
    if not term.truth:
        raise FormulaError("a comparison is needed here, such as x > 0", term.column)
    return term


def _compared(act: Callable[[Any, Any], Any], left: _Term, right: _Term) -> _Term:
    return _folded(
        _Term(
            lambda x, ns: act(left.evaluate(x, ns), right.evaluate(x, ns)),
            left.column,
            truth=True,
            uses=left.uses | right.uses,
        )
    )


def _joined(name: str, terms: list[_Term], column: int) -> _Term:
    def evaluate(x: Any, ns: Namespace) -> Any:
        return reduce(getattr(ns, name), [term.evaluate(x, ns) for term in terms])

    return _Term(evaluate, column, truth=True, uses=frozenset().union(*(term.uses for term in terms)))


def _called(name: str, arguments: list[_Term], column: int) -> _Term:
    def evaluate(x: Any, ns: Namespace) -> Any:
        values = [argument.evaluate(x, ns) for argument in arguments]
        return _COMPOSED[name](ns, *values) if name in _COMPOSED else getattr(ns, name)(*values)

    return _Term(evaluate, column, uses=frozenset({name}).union(*(argument.uses for argument in arguments)))


def _where(arguments: list[_Term], column: int) -> _Term:
    condition, yes, no = _truth(arguments[0]), _number(arguments[1]), _number(arguments[2])
    if condition.constant is not None:
        return yes if condition.constant else no
    if yes.constant is not None and no.constant is not None:
        yes = _filled(yes)
    yes_at, no_at = _safe_point(condition, yes, True), _safe_point(condition, no, False)

    def evaluate(x: Any, ns: Namespace) -> Any:
        holds = condition.evaluate(x, ns)
        x_yes = x if yes_at is None else ns.where(holds, x, ns.full_like(x, yes_at))
        x_no = x if no_at is None else ns.where(holds, ns.full_like(x, no_at), x)
        return ns.where(holds, yes.evaluate(x_yes, ns), no.evaluate(x_no, ns))

    uses = condition.uses | yes.uses | no.uses
    return _Term(evaluate, column, uses=uses)


def _safe_point(condition: _Term, branch: _Term, taken: bool) -> float | None:
    """A point for the branch where it is not taken, at which it is finite.

    The gradient of where(x > 0, x, exp(x) - 1) at 1000 is 1·1 + 0·inf = NaN, though that branch is not taken there.
    So a branch that can overflow gets, at the elements that do not take it, a point that would.
    """
    if not branch.uses & _CAN_OVERFLOW:
        return None
    return next((x for x in _SAFE_CANDIDATES if _fits(condition, branch, taken, x)), None)


def _fits(condition: _Term, branch: _Term, taken: bool, x: float) -> bool:
    try:
        value = branch.evaluate(x, _Scalars())
        return bool(condition.evaluate(x, _Scalars())) is taken and math.isfinite(value)
    except (ArithmeticError, ValueError, TypeError):  # TypeError: a power that became complex
        return False
