"""Parts of a config (activation, model, optimizer, ...): what is written, resolved against the registries.

A part is written as a bare name or as a mapping with `name` and parameters. Resolved, it has its real name and
every parameter, defaults written out, so that a record means the same after a library changes its defaults.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from actlab.errors import UnknownName
from actlab.registry import Entry, Kind, Parameter, find, nearest
from actlab.spec import problems
from actlab.spec.problems import Issue
from actlab.spec.yaml import Path

PARTS = ("dataset", "model", "activation", "initializer", "optimizer")
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class Part(BaseModel):
    """A resolved part: `name`, and its parameters as further attributes."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


def resolve_part(kind: str, written: Any, path: Path) -> tuple[dict[str, Any] | None, list[Issue]]:
    """What was written of a part to its name with all parameters, or to what is wrong with it."""
    bare = isinstance(written, str)
    if bare:
        written = {"name": written}
    if not isinstance(written, Mapping):
        return None, [
            Issue(path, f"expected the name of {article(kind)} or a mapping with `name`, read {show(written)}")
        ]
    name = written.get("name", "formula" if kind == "activation" and "formula" in written else None)
    if not isinstance(name, str):
        return None, [Issue(path, f"{article(kind)} needs a `name`; known: {', '.join(find(kind).names())}")]
    try:
        entry = find(kind).get(name)
    except UnknownName as error:
        return None, [Issue(path if bare else (*path, "name"), str(error))]
    given = {key: value for key, value in written.items() if key != "name"}
    issues: list[Issue] = []
    for parameter in entry.parameters:
        if nested := _kind(parameter):
            value = given.get(parameter.name, parameter.default)
            given[parameter.name], found = resolve_part(nested, value, (*path, parameter.name))
            issues += found
    try:
        parameters = parameter_model(entry)(**given).model_dump(mode="json")
    except ValidationError as error:
        return None, issues + explain(error, path, [p.name for p in entry.parameters])
    if not issues and entry.check and (message := entry.check(parameters)):
        issues.append(Issue(path, f"{entry.name}: {message}"))
    return (None if issues else {"name": entry.name, **parameters}), issues


@functools.cache
def parameter_model(entry: Entry[Any]) -> type[BaseModel]:
    """The pydantic model of a registered function's parameters, made from its signature."""
    fields: dict[str, Any] = {
        p.name: (dict[str, Any] | None if _kind(p) else p.annotation, ... if p.required else p.default)
        for p in entry.parameters
    }
    model: type[BaseModel] = create_model(entry.name, __config__=STRICT, **fields)
    return model


def _kind(parameter: Parameter) -> str | None:
    return next((m.kind for m in getattr(parameter.annotation, "__metadata__", ()) if isinstance(m, Kind)), None)


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
    found: dict[Path, list[str]] = {}
    kinds: dict[Path, problems.Kind] = {}
    for item in error.errors():
        extra = item["type"] == "extra_forbidden"
        where = (*path, *(step for step in item["loc"] if extra or _in_data(step)))
        inside = known if len(where) < len(path) + 2 else (nested or {}).get(str(where[len(path)]), [])
        found.setdefault(where, []).append(_sentence(item, inside))
        kinds[where] = "unknown key" if extra else "missing" if item["type"] == "missing" else "value"
    # what is wrong inside a value says which alternative of a union was meant; the others say nothing
    within = {where[:length] for where in found for length in range(len(where))}
    return [Issue(where, _alternatives(found[where]), kinds[where]) for where in found if where not in within]


def _alternatives(sentences: list[str]) -> str:
    """Sentences about one value as one: "expected a number or 'test', read 'tst'"."""
    parts = [sentence.partition(", read ") for sentence in dict.fromkeys(sentences)]
    others = (expected.removeprefix("expected ") for expected, _, _ in parts[1:])
    return " or ".join([parts[0][0], *others]) + "".join(parts[-1][1:])


def _in_data(step: str | int) -> bool:
    """Whether a step of pydantic's location is a key of the data, not the name of a union's alternative."""
    return isinstance(step, int) or (
        step not in ("float", "int", "str", "bool")
        and not step.startswith(("list[", "dict[", "literal[", "constrained-", "function-", "nullable"))
    )


def _sentence(item: Any, known: list[str]) -> str:
    key, read = item["loc"][-1] if item["loc"] else "", show(item["input"])
    match item["type"]:
        case "missing":
            return f"`{key}` is required"
        case "extra_forbidden":
            close = nearest(str(key), known)
            hint = f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}" if known else ""
            return f"unknown key '{key}'{hint}"
        case "float_type" | "float_parsing":
            return f"expected a number, read {read}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"expected a whole number, read {read}"
        case "bool_type" | "bool_parsing":
            return f"expected true or false, read {read}"
        case "string_type":
            return f"expected text, read {read}"
        case "finite_number":
            return f"expected a finite number, read {read}"
        case "list_type":
            return f"expected a list, read {read}"
        case "dict_type" | "model_type":
            return f"expected a mapping, read {read}"
        case "string_pattern_mismatch":
            return f"expected letters, digits, dots, hyphens and underscores, at most 80, read {read}"
        case "literal_error":
            return _choices(item, read)
        case "greater_than":
            return f"expected a number above {item['ctx']['gt']:.12g}, read {read}"
        case "greater_than_equal":
            return f"expected a number from {item['ctx']['ge']:.12g}, read {read}"
        case "less_than":
            return f"expected a number below {item['ctx']['lt']:.12g}, read {read}"
        case "less_than_equal":
            return f"expected a number up to {item['ctx']['le']:.12g}, read {read}"
        case "value_error":
            return str(item["ctx"]["error"])
    return f"{item['msg'][0].lower()}{item['msg'][1:]}, read {read}"


def _choices(item: Any, read: str) -> str:
    expected = item["ctx"]["expected"]
    close = nearest(str(item["input"]), [choice.strip("' ") for choice in expected.replace(" or ", ",").split(",")])
    return f"expected {expected}, read {read}" + (f"; did you mean '{close[0]}'?" if close else "")


def show(value: Any) -> str:
    """A value as a message quotes it: short, on one line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
