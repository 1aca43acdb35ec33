"""Parts of a config (activation, model, optimizer, ...): what is written, resolved against the registries.

A part is written as a bare name or as a mapping with `name` and parameters. Resolved, it has its real name and
every parameter, defaults written out, so that a record means the same after a library changes its defaults.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, PydanticUserError, ValidationError, create_model
from pydantic_core import PydanticSerializationError

from actlab.errors import UnknownName, listing, suggestion
from actlab.registry import Entry, Kind, Parameter, find
from actlab.spec.problems import Issue
from actlab.spec.yaml import Path

PART_KEYS = ("name", "plugin")  # of every part, besides its parameters
PARTS = ("dataset", "model", "activation", "initializer", "optimizer")
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Part(BaseModel):
    """A resolved part: `name`, and its parameters as further attributes.

    Args:
        plugin: the sha256 of the source that it comes from, where that is not actlab's own.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str
    plugin: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


def resolve_part(
    kind: str, written: Any, path: Path, to_train: bool = True
) -> tuple[dict[str, Any] | None, list[Issue]]:
    """What was written of a part to its name with all parameters, or to what is wrong with it.

    Args:
        to_train: workers will need its source, which a cell of a notebook has none of.
    """
    bare = isinstance(written, str)
    if bare:
        written = {"name": written}
    if not isinstance(written, Mapping):
        return None, [
            Issue(path, f"expected the name of {article(kind)} or a mapping with `name`, read {show(written)}")
        ]
    implied = (key for key in written if key in find(kind) and find(kind).get(key).by_value)
    name = written.get("name", next(implied, None))
    if not isinstance(name, str):
        return None, [Issue(path, f"{article(kind)} needs a `name`; known: {', '.join(find(kind).names())}")]
    recorded = written.get("plugin")
    if recorded is not None and not re.fullmatch("[0-9a-f]{64}", str(recorded)):
        return None, [Issue((*path, "plugin"), "a config names no code; on the command line do so: --plugin FILE.py")]
    try:
        entry = find(kind).get(name)
    except UnknownName as error:
        own_one = "" if error.nearest else f"; {article(kind)} of your own is loaded by --plugin FILE.py"
        if hint := _by_value(kind, name):
            return None, [Issue(path if bare else (*path, "name"), f"unknown {kind} {name!r}; write {hint}")]
        absent = f"{kind} {name!r} is of {_source(recorded)}, which is not loaded; --plugin FILE.py loads one"
        return None, [Issue(path if bare else (*path, "name"), absent if recorded else f"{error}{own_one}")]
    own = {"plugin": entry.plugin.sha256} if entry.plugin else {}
    if to_train and entry.plugin and not entry.plugin.sha256:
        remedy = 'write it into a file, and name that by --plugin FILE.py, in Python by plugins=["FILE.py"]'
        return None, [Issue(path, f"{kind} {name!r} is of no file, and workers need one; {remedy}")]
    if recorded and recorded != own.get("plugin"):
        here = f"{entry.plugin.place}, {_source(own['plugin'])}" if entry.plugin else "actlab itself"
        return None, [Issue((*path, "plugin"), f"{kind} {name!r} is of {_source(recorded)}; here it is of {here}")]
    given = {key: value for key, value in written.items() if key not in PART_KEYS}
    issues: list[Issue] = []
    for parameter, nested in _parts_within(entry):
        value = given.get(parameter.name, parameter.default)
        given[parameter.name], found = resolve_part(nested, value, (*path, parameter.name))
        issues += found
    try:
        parameters = parameter_model(entry)(**given).model_dump(mode="json")
    except ValidationError as error:
        return None, issues + explain(error, path, [p.name for p in entry.parameters])
    except (PydanticUserError, PydanticSerializationError) as error:  # what a plug-in has annotated, or has as default
        first = str(error).strip().splitlines()[0]
        return None, [*issues, Issue(path, f"{entry.name}: a parameter that no config can hold: {first}")]
    if not issues and entry.check and (message := entry.check(parameters)):
        issues.append(Issue(path, f"{entry.name}: {message}"))
    return (None if issues else {"name": entry.name, **own, **parameters}), issues


def _by_value(kind: str, text: str) -> str:
    """How a part is written that is known by a text, such as the name of a file, where that stood in its place."""
    for entry in find(kind):
        if entry.by_value and (text.endswith(f".{entry.name}") or (entry.name == "images" and "/" in text)):
            others = (f", {p.name}: ..." for p in entry.parameters if p.required and p.name != entry.name)
            return f"{{{entry.name}: {text}{''.join(others)}}}"
    return ""


def _source(sha256: Any) -> str:
    """What a plug-in is called by its sha256."""
    return f"the plug-in of sha256 {str(sha256)[:16]}"


def plugins_of(config: Any) -> list[str]:
    """The sha256 of each plug-in of which a resolved config, as plain data, has a part."""
    waiting, found = [config], dict[str, None]()
    for value in waiting:  # which grows
        if isinstance(value, dict) and "name" in value and isinstance(value.get("plugin"), str):
            found[value["plugin"]] = None
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting += [one for one in inner if isinstance(one, dict | list)]
    return list(found)


@functools.cache
def parameter_model(entry: Entry[Any]) -> type[BaseModel]:
    """The pydantic model of a registered function's parameters, made from its signature."""
    nested = [parameter for parameter, _ in _parts_within(entry)]
    fields: dict[str, Any] = {
        p.name: (dict[str, Any] | None if p in nested else p.annotation, ... if p.required else p.default)
        for p in entry.parameters
    }
    model: type[BaseModel] = create_model(entry.name, __config__=STRICT, **fields)
    return model


@functools.cache
def _parts_within(entry: Entry[Any]) -> list[tuple[Parameter, str]]:
    """The parameters that are parts themselves, each with its kind."""
    return [
        (p, mark.kind) for p in entry.parameters for mark in getattr(p.annotation, "__metadata__", ())
        if isinstance(mark, Kind)
    ]  # fmt: skip


# pydantic's types of errors, and what was expected instead of what was read
EXPECTED = {
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("dict_type", "model_type"), "a mapping"),
    "string_type": "text", "finite_number": "a finite number", "list_type": "a list", "literal_error": "{expected}",
    "greater_than": "a number above {gt:.12g}", "greater_than_equal": "a number from {ge:.12g}",
    "less_than": "a number below {lt:.12g}", "less_than_equal": "a number up to {le:.12g}",
    "string_too_short": "some text", "too_short": "{min_length} values", "too_long": "{max_length} values",
}  # fmt: skip
ALTERNATIVES = ("list[", "dict[", "literal[", "constrained-", "function-", "nullable", "float", "int", "str", "bool")


def explain(
    error: ValidationError, path: Path, known: list[str], nested: Mapping[str, list[str]] | None = None
) -> list[Issue]:
    """pydantic's errors as issues with what was read; one for each place in the config.

    Args:
        error: what pydantic found.
        path: of the validated data in the config.
        known: the keys that are valid there.
        nested: the keys that are valid in the mapping under a key.
    """
    found: dict[Path, list[Any]] = {}
    for item in error.errors():
        # a step may name an alternative of a union, which is no key of the data
        extra = item["type"] == "extra_forbidden"
        steps = [s for s in item["loc"] if extra or isinstance(s, int) or not s.startswith(ALTERNATIVES)]
        found.setdefault((*path, *steps), []).append(item)
    # what is wrong inside a value says which alternative of a union was meant; the others say nothing
    within = {where[:length] for where in found for length in range(len(where))}
    issues = []
    for where in (where for where in found if where not in within):
        item, key = found[where][0], where[-1] if where else ""
        if item["type"] == "missing":
            issues.append(Issue(where, f"`{key}` is required", "missing"))
        elif item["type"] == "extra_forbidden":
            inside = known if len(where) < len(path) + 2 else (nested or {}).get(str(where[len(path)]), [])
            hint = f"; {suggestion(str(key), inside) or listing(inside)}" if inside else ""
            issues.append(Issue(where, f"unknown key '{key}'{hint}", "unknown key"))
        elif item["type"] == "value_error":
            issues.append(Issue(where, str(item["ctx"]["error"])))
        else:
            issues.append(Issue(where, _expected(found[where])))
    return issues


def _expected(items: Sequence[Any]) -> str:
    """What is wrong with one value, of which several things could be: "expected a number or 'test', read 'tst'"."""
    expected, hint = [], ""
    for item in items:
        message = (item["msg"][0].lower() + item["msg"][1:]).replace("{", "{{").replace("}", "}}")
        template = EXPECTED.get(item["type"], message)
        expected.append(template.format(**item.get("ctx", {})))
        if item["type"] == "literal_error":
            choices = [choice.strip("' ") for choice in expected[-1].replace(" or ", ",").split(",")]
            hint = f"; {close}" if (close := suggestion(str(item["input"]), choices)) else ""
    return f"expected {' or '.join(dict.fromkeys(expected))}, read {show(items[-1]['input'])}{hint}"


def show(value: Any) -> str:
    """A value as a message quotes it: short, on one line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def called(part: Mapping[str, Any]) -> str:
    """What a resolved part is called: by its name, or by the text that it is known by, as a formula is."""
    text = part.get(str(part.get("name")))  # the activation `threshold` has a number of that name
    return text if isinstance(text, str) else str(part.get("name"))


def article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
