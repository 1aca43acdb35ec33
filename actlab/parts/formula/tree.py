"""From a text to its syntax tree; what is too long, too deep or has foreign signs is refused before it is parsed."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from itertools import accumulate

from actlab.errors import FormulaError

MAX_CHARACTERS = 500
MAX_NODES = 200
MAX_DEPTH = 32

_NOT_A_SIGN = re.compile(r"[^A-Za-z0-9_.,+\-*/()<>=! \t\r\n]")
_TOO_DEEP = f"the formula is nested too deeply; at most {MAX_DEPTH} levels"
_HINTS = {"^": "a power is written **", "&": "write and", "|": "write or", "%": "there is no remainder"}


def syntax_tree(text: str) -> ast.expr:
    """The tree of a text that is short, flat and of allowed signs.

    Raises:
        FormulaError: it is not, or it cannot be parsed.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"a formula has at most {MAX_CHARACTERS} characters, this one {len(text)}"
        raise FormulaError(message, MAX_CHARACTERS + 1)
    if not text.strip():
        raise FormulaError("the formula is empty; write one in x, such as where(x > 0, x, 0.1*x)")
    _refuse_foreign_signs(text)
    _refuse_deep_brackets(text)
    tree = _parsed(text)
    _refuse_large(tree, indent_of(text))
    return tree


def indent_of(text: str) -> int:
    """How many blanks stand before a text: what the columns of its tree lack."""
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
        column = indent_of(text) + min(max(error.offset or 1, 1), len(flat))
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
