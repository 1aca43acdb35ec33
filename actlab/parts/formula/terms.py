"""The parts of a formula, and how each is made of others."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from actlab.errors import FormulaError
from actlab.parts.formula.scalars import Scalars

Namespace = Any
Evaluate = Callable[[Any, Namespace], Any]

COMPOSED: dict[str, Callable[..., Any]] = {
    "min": lambda ns, a, b: ns.minimum(a, b),
    "max": lambda ns, a, b: ns.maximum(a, b),
    "clip": lambda ns, a, low, high: ns.minimum(ns.maximum(a, low), high),
}
# a branch of `where` with one of these can be infinite where it is not taken, and make the gradient there NaN
_CAN_OVERFLOW = {"exp", "expm1", "log", "log1p", "sqrt", "square", "tan", "sinh", "cosh", "/", "**"}
_SAFE_CANDIDATES = (1.0, -1.0, 0.5, -0.5, 0.0, 2.0, -2.0, 4.0, -4.0, 10.0, -10.0)


@dataclass(frozen=True)
class Term:
    """A part of a formula: how it is evaluated, and what is known of it beforehand."""

    evaluate: Evaluate
    column: int
    truth: bool = False  # a comparison, not a number
    constant: float | bool | None = None
    uses: frozenset[str] = frozenset()  # functions and operators within


def fixed(value: float | bool, column: int) -> Term:
    """A number, or a truth, that does not depend on x."""
    return Term(lambda x, ns: value, column, isinstance(value, bool), value)


def folded(term: Term) -> Term:
    """What does not depend on x becomes a number at once: it then takes the dtype of x, whatever that is."""
    if "x" in term.uses:
        return term
    try:
        value = term.evaluate(math.nan, Scalars())
    except (ArithmeticError, ValueError):
        value = math.nan
    if isinstance(value, bool):
        return fixed(value, term.column)
    if isinstance(value, complex) or not math.isfinite(value):
        raise FormulaError("this has no finite real value", term.column)
    return fixed(float(value), term.column)


def filled(term: Term) -> Term:
    """A constant as a tensor of x's shape and dtype, where no other operand carries them."""
    value = term.constant
    return Term(lambda x, ns: ns.full_like(x, value), term.column, uses=term.uses)


def as_number(term: Term) -> Term:
    """A comparison counts as 1 where it holds and 0 elsewhere."""
    if not term.truth:
        return term
    if term.constant is not None:
        return fixed(float(term.constant), term.column)
    return Term(
        lambda x, ns: ns.where(term.evaluate(x, ns), ns.full_like(x, 1.0), ns.full_like(x, 0.0)),
        term.column,
        uses=term.uses,
    )


def as_truth(term: Term) -> Term:
    """The term, which must be a comparison.

    Raises:
        FormulaError: it is a number.
    """
    if not term.truth:
        raise FormulaError("a comparison is needed here, such as x > 0", term.column)
    return term


def compared(act: Callable[[Any, Any], Any], left: Term, right: Term) -> Term:
    """One comparison of two numbers."""
    return folded(
        Term(
            lambda x, ns: act(left.evaluate(x, ns), right.evaluate(x, ns)),
            left.column,
            truth=True,
            uses=left.uses | right.uses,
        )
    )


def joined(name: str, terms: list[Term], column: int) -> Term:
    """Comparisons under `logical_and` or `logical_or`."""

    def evaluate(x: Any, ns: Namespace) -> Any:
        return reduce(getattr(ns, name), [term.evaluate(x, ns) for term in terms])

    return Term(evaluate, column, truth=True, uses=frozenset().union(*(term.uses for term in terms)))


def call_term(name: str, arguments: list[Term], column: int) -> Term:
    """A function of the list at its arguments."""

    def evaluate(x: Any, ns: Namespace) -> Any:
        values = [argument.evaluate(x, ns) for argument in arguments]
        return COMPOSED[name](ns, *values) if name in COMPOSED else getattr(ns, name)(*values)

    return Term(evaluate, column, uses=frozenset({name}).union(*(argument.uses for argument in arguments)))


def where_term(arguments: list[Term], column: int) -> Term:
    """where(condition, a, b), each branch evaluated at points where it is finite."""
    condition, yes, no = as_truth(arguments[0]), as_number(arguments[1]), as_number(arguments[2])
    if condition.constant is not None:
        return yes if condition.constant else no
    if yes.constant is not None and no.constant is not None:
        yes = filled(yes)
    yes_at, no_at = _safe_point(condition, yes, True), _safe_point(condition, no, False)

    def evaluate(x: Any, ns: Namespace) -> Any:
        holds = condition.evaluate(x, ns)
        x_yes = x if yes_at is None else ns.where(holds, x, ns.full_like(x, yes_at))
        x_no = x if no_at is None else ns.where(holds, ns.full_like(x, no_at), x)
        return ns.where(holds, yes.evaluate(x_yes, ns), no.evaluate(x_no, ns))

    uses = condition.uses | yes.uses | no.uses
    return Term(evaluate, column, uses=uses)


def _safe_point(condition: Term, branch: Term, taken: bool) -> float | None:
    """A point for the branch where it is not taken, at which it is finite.

    The gradient of where(x > 0, x, exp(x) - 1) at 1000 is 1·1 + 0·inf = NaN, though that branch is not taken there.
    So a branch that can overflow gets, at the elements that do not take it, a point that would.
    """
    if not branch.uses & _CAN_OVERFLOW:
        return None
    return next((x for x in _SAFE_CANDIDATES if _fits(condition, branch, taken, x)), None)


def _fits(condition: Term, branch: Term, taken: bool, x: float) -> bool:
    try:
        value = branch.evaluate(x, Scalars())
        return bool(condition.evaluate(x, Scalars())) is taken and math.isfinite(value)
    except (ArithmeticError, ValueError, TypeError):  # TypeError: a power that became complex
        return False
