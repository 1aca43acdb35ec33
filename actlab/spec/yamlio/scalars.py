"""What a scalar means: the core schema of YAML 1.2, without what two readers could take for two things."""

from __future__ import annotations

import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

TAG = "tag:yaml.org,2002:"
_CORE_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,), "int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),),
}  # fmt: skip
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0+[0-9]+")


def resolved(text: str) -> Scalar:
    """What a plain (unquoted) scalar means by the core schema; ValueError with a sentence where it is refused."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return integer(text)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text


def integer(text: str) -> int:
    """The integer that digits stand for; ValueError where they are ambiguous or too large for 64 bits."""
    if _LEADING_ZERO.fullmatch(text):
        sign, digits = text.rstrip("0123456789"), text.lstrip("+-").lstrip("0") or "0"
        raise ValueError(f"{shown(text)} could be decimal or octal; write {sign}{cut(digits)}, or quotes for a text")
    value = int(text, 0) if len(text) <= 100 else 1 << 64
    if not -(1 << 63) <= value < 1 << 64:
        raise ValueError(f"integer {cut(text)} does not fit in 64 bits; write a float, or quotes for a text")
    return value


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"number {cut(text)} is larger than a float can be (1.8e308); write .inf for infinity")
    return value


def tagged(tag: str, text: str) -> Scalar:
    """A scalar with an explicit tag; ValueError where the tag is unknown or does not fit."""
    if tag in ("!", TAG + "str"):
        return text
    name = tag.removeprefix(TAG)
    types = _CORE_TYPES.get(name)
    if types is None or not tag.startswith(TAG):
        raise ValueError(tag_message(tag))
    value = resolved(text)
    if type(value) not in types:
        raise ValueError(f"{shown(text)} is no {name}, as its tag !!{name} says")
    return float(value) if name == "float" and isinstance(value, int) else value


def tag_message(tag: str) -> str:
    """Why a tag is refused."""
    name = cut("!!" + tag.removeprefix(TAG) if tag.startswith(TAG) else tag)
    return f"tag {name!r} is not allowed: a config is plain data; remove it"


def cut(text: str) -> str:
    """A text of at most 40 characters, for messages."""
    return text if len(text) <= 40 else text[:39] + "…"


def shown(text: str) -> str:
    """The same in quotes, with escapes for what a terminal would obey."""
    return repr(cut(text))
