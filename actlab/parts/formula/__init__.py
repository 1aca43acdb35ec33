"""Formulas: a text such as "where(x > 0, x, 0.1*x)" to a function of x.

What is allowed: numbers, `x`, `pi`, `e`, + − * / **, comparisons (chained too), and / or / not, brackets, and the
functions of `FUNCTIONS`. Nothing else is looked at, let alone run: the text is parsed to a tree, every node of which
must be on this list, and the tree is evaluated by the terms that are made of it, never by Python's `eval`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from actlab.parts.formula.reader import Reader
from actlab.parts.formula.terms import Evaluate, Namespace, as_number, filled
from actlab.parts.formula.tree import syntax_tree
from actlab.parts.formula.vocabulary import FUNCTIONS

__all__ = ["FUNCTIONS", "Formula", "parse"]


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
    term = as_number(Reader(text).term(syntax_tree(text)))
    if term.constant is not None:
        term = filled(term)
    return Formula(text, term.evaluate)
