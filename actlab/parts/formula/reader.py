"""From a syntax tree to a term: every node must be one of those that are read here."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from actlab.errors import FormulaError
from actlab.parts.formula.terms import Term, as_number, as_truth, call_term, compared, fixed, folded, joined, where_term
from actlab.parts.formula.tree import indent_of
from actlab.parts.formula.vocabulary import ARITHMETIC, COMPARISONS, CONSTANTS, FUNCTIONS
from actlab.registry import nearest


class Reader:
    """Turns the nodes of one text into terms; a node without a method here is refused."""

    def __init__(self, text: str) -> None:
        self._indent = indent_of(text)
        self._reads: dict[type[ast.expr], Callable[[Any], Term]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.UnaryOp: self._unaryop,
            ast.BinOp: self._binop,
            ast.Compare: self._compare,
            ast.BoolOp: self._boolop,
            ast.Call: self._call,
        }

    def term(self, node: ast.expr) -> Term:
        """What a node and those below it mean."""
        read = self._reads.get(type(node))
        if read is None:
            raise FormulaError(_described(node), self._column(node))
        term = read(node)
        return folded(term) if term.constant is None else term

    def _column(self, node: ast.expr) -> int:
        return self._indent + node.col_offset + 1

    def _constant(self, node: ast.Constant) -> Term:
        column = self._column(node)
        return fixed(_as_float(node.value, column), column)

    def _name(self, node: ast.Name) -> Term:
        column = self._column(node)
        if node.id in CONSTANTS:
            return fixed(CONSTANTS[node.id], column)
        if node.id != "x":
            raise _unknown(node.id, column, called=False)
        return Term(lambda x, ns: x, column, uses=frozenset({"x"}))

    def _unaryop(self, node: ast.UnaryOp) -> Term:
        inner = self.term(node.operand)
        if isinstance(node.op, ast.Not):
            truth = as_truth(inner)
            return Term(lambda x, ns: ns.logical_not(truth.evaluate(x, ns)), inner.column, True, uses=inner.uses)
        number = as_number(inner)
        if isinstance(node.op, ast.USub):
            return Term(lambda x, ns: -number.evaluate(x, ns), self._column(node), uses=number.uses)
        if isinstance(node.op, ast.UAdd):
            return number
        raise FormulaError("~ is not allowed; write not", self._column(node))

    def _binop(self, node: ast.BinOp) -> Term:
        left, right = as_number(self.term(node.left)), as_number(self.term(node.right))
        act = ARITHMETIC.get(type(node.op))
        if act is None:
            raise FormulaError("this operator is not allowed; there are + - * / **", right.column)
        sign = {ast.Div: "/", ast.Pow: "**"}.get(type(node.op), "+")
        uses = left.uses | right.uses | {sign}
        return Term(lambda x, ns: act(left.evaluate(x, ns), right.evaluate(x, ns)), self._column(node), uses=uses)

    def _compare(self, node: ast.Compare) -> Term:
        sides = [as_number(self.term(side)) for side in (node.left, *node.comparators)]
        acts = [COMPARISONS.get(type(sign)) for sign in node.ops]
        for act, side in zip(acts, sides[1:], strict=True):
            if act is None:
                raise FormulaError("this comparison is not allowed; there are < <= > >= == !=", side.column)
        pairs = [compared(act, *pair) for act, *pair in zip(acts, sides, sides[1:], strict=False) if act]
        return joined("logical_and", pairs, self._column(node))

    def _boolop(self, node: ast.BoolOp) -> Term:
        name = "logical_and" if isinstance(node.op, ast.And) else "logical_or"
        return joined(name, [as_truth(self.term(value)) for value in node.values], self._column(node))

    def _call(self, node: ast.Call) -> Term:
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
        return (
            where_term(arguments, column)
            if name == "where"
            else call_term(name, [as_number(a) for a in arguments], column)
        )


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
