"""Which runs are chosen: the one language of conditions on config keys, of `--where`, claims and `exclude`.

    activation=relu,optimizer.learning_rate<0.1          on a command line
    {activation: relu, optimizer.learning_rate: "< 0.1"} in a config

The operators are =, ==, !=, <, <=, > and >=; a value is YAML. A part is chosen by its bare name, or by a mapping of
those parameters that matter; a list means any of its members, unless the key itself holds a list.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actlab.errors import ActlabError, ConfigError, UnknownName
from actlab.registry import HOMES, find
from actlab.spec import yaml

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
OPERATOR = r"\s*(<=|>=|!=|==|=|<|>)\s*"
ON_COMMAND_LINE = re.compile(rf"\s*([A-Za-z_][\w.]*){OPERATOR}(.*)", re.DOTALL)
IN_CONFIG = re.compile(rf"{OPERATOR}(.+)", re.DOTALL)
EXAMPLE = "activation=relu,optimizer.learning_rate<0.1"


@dataclass(frozen=True)
class Condition:
    """One thing that a run's config must satisfy.

    Args:
        key: dotted path of the config ("optimizer.learning_rate").
        operator: "=", "!=", "<", "<=", ">" or ">=".
        value: plain data.
    """

    key: str
    operator: str
    value: Any

    def __str__(self) -> str:
        return f"{self.key}{self.operator}{value_text(self.value)}"

    def holds(self, actual: Any) -> bool:
        """Whether it holds of the value that a config has at the key; None where it has none."""
        if self.operator in ORDER:
            return _is_number(actual) and ORDER[self.operator](actual, self.value)
        return _agrees(actual, self.value, self.key.split(".")[-1]) == (self.operator == "=")


def parse_where(text: str) -> list[Condition]:
    """The conditions of a `--where`.

    Args:
        text: conditions between commas, such as `activation=relu,optimizer.learning_rate<0.1`.

    Raises:
        ActlabError: a condition is none.
    """
    found = []
    for piece in _at_commas(text):
        match = ON_COMMAND_LINE.fullmatch(piece)
        if not match or not match[3].strip():
            raise ActlabError(f"--where: expected conditions such as {EXAMPLE}, read {piece.strip()!r}")
        try:
            found.append(_condition(match[1], match[2], match[3].strip()))
        except ActlabError as error:
            raise ActlabError(f"--where: {error}") from None
    return found


def conditions_of(mapping: Mapping[str, Any]) -> list[Condition]:
    """The conditions of a mapping: a value must be equal; text such as "< 0.1" or "!= relu" asks for something else.

    Raises:
        ActlabError: an order is asked of what is no number.
    """
    found = []
    for key, value in mapping.items():
        match = IN_CONFIG.fullmatch(value) if isinstance(value, str) else None
        found.append(_condition(key, match[1], match[2].strip()) if match else Condition(key, "=", value))
    return found


def _condition(key: str, sign: str, text: str) -> Condition:
    try:
        value = yaml.parse_value(text, key)
    except ConfigError as error:
        raise ActlabError(f"{error.problems[0].message}, in {key}{sign}{text}") from None
    if sign in ORDER and not _is_number(value):
        raise ActlabError(f"{key}{sign} needs a number, read {text!r}")
    return Condition(key, "=" if sign == "==" else sign, value)


def _at_commas(text: str) -> list[str]:
    """Parted at the commas that stand in no bracket, brace or quote."""
    pieces, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character in "[{(") - (character in "]})")
        if character == "," and depth <= 0 and not quote:
            pieces.append("")
        else:
            pieces[-1] += character
    return pieces


def matches(config: Mapping[str, Any], conditions: Sequence[Condition]) -> bool:
    """Whether a resolved config satisfies all conditions."""
    return all(condition.holds(at_key(config, condition.key)) for condition in conditions)


def at_key(config: Mapping[str, Any], dotted: str) -> Any:
    """The value of a dotted key; None where the config has none."""
    value: Any = config
    for step in dotted.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as dotted keys and values that are no mappings."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict):
            found |= flat(value, path)
        else:
            found[path] = value
    return found


def _agrees(actual: Any, wanted: Any, kind: str) -> bool:
    """Whether a value is the one that is wanted, or among those, or the part of that name and parameters."""
    if isinstance(wanted, list) and not isinstance(actual, list):
        return any(_agrees(actual, one, kind) for one in wanted)
    if isinstance(actual, str) and isinstance(wanted, Mapping):  # of an unresolved config: a bare name
        actual = {"name": _registered(kind, actual)}
    if isinstance(actual, Mapping) and isinstance(wanted, str):
        return bool(_registered(kind, actual.get("name")) == _registered(kind, wanted))
    if isinstance(actual, Mapping) and isinstance(wanted, Mapping):
        return all(_agrees(actual.get(k), _registered(kind, v) if k == "name" else v, k) for k, v in wanted.items())
    if isinstance(actual, list) and isinstance(wanted, list):
        return len(actual) == len(wanted) and all(map(_agrees, actual, wanted, [kind] * len(actual)))
    return isinstance(actual, bool) == isinstance(wanted, bool) and bool(actual == wanted)


def _registered(kind: str, name: Any) -> Any:
    """The registered name of a part; what was written where no registry has it."""
    try:
        return find(kind).get(name).name if kind in HOMES else name
    except (UnknownName, TypeError):
        return name


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_keys(
    conditions: Sequence[Condition], configs: Sequence[Mapping[str, Any]], known: Sequence[str] = ()
) -> None:
    """That every key is one that the configs have.

    Args:
        conditions: whose keys to look at.
        configs: resolved.
        known: further keys, which may be absent from each of them.

    Raises:
        UnknownName: with the nearest key, or the nearest parameter of a part.
    """
    heads = list(dict.fromkeys([*(key for config in configs for key in config), *known]))
    for condition in conditions:
        head, _, rest = condition.key.partition(".")
        if head not in heads:
            raise UnknownName("config key", head, heads)
        parts = [value for config in configs if isinstance(value := config.get(head), Mapping)]
        names = {str(part.get("name")) for part in parts} if head in HOMES else set()
        registered = [p.name for name in names if name in find(head) for p in find(head).get(name).parameters]
        inside = list(dict.fromkeys([*(key for part in parts for key in part), *registered]))
        if rest and inside and (name := rest.split(".")[0]) not in inside:
            raise UnknownName(f"parameter of {head}", name, inside)


def value_text(value: Any) -> str:
    """A value of a condition as a person would write it: "leaky_relu negative_slope=0.01", "relu or elu"."""
    if isinstance(value, float):
        return format(value, "g")
    if isinstance(value, Mapping):
        name = [str(value["name"])] if "name" in value else []
        return " ".join([*name, *(f"{k}={value_text(v)}" for k, v in value.items() if k != "name")])
    if isinstance(value, list):
        return " or ".join(map(value_text, value))
    return str(value)
