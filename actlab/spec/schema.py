"""The JSON Schema of a config file, every registered name and its parameters in it."""

from __future__ import annotations

from typing import Any

from actlab.registry import Entry, find
from actlab.spec.config import Experiment, RunConfig
from actlab.spec.part import PARTS, parameter_model


def schema() -> dict[str, Any]:
    """The JSON Schema of a config file, every registered name and its parameters in it."""
    root = RunConfig.model_json_schema()
    definitions: dict[str, Any] = {}
    properties = dict(root["properties"])
    definitions.update({name: root["$defs"][name] for name in ("EarlyStopping", "WeightFilm")})
    for kind in (*PARTS, "schedule", "probe"):
        definitions[kind] = {"anyOf": [_names(kind), *(_part_schema(entry, definitions) for entry in find(kind))]}
    properties.update({kind: {"$ref": f"#/$defs/{kind}"} for kind in PARTS})
    properties["probes"] = {"anyOf": [{"const": "all"}, {"type": "array", "items": {"$ref": "#/$defs/probe"}}],
                            "description": "what is measured inside the network"}  # fmt: skip
    experiment_schema = Experiment.model_json_schema()
    own = experiment_schema["properties"]
    definitions.update(experiment_schema["$defs"])
    properties.update({key: own[key] for key in own if key != "base"})
    properties["sweep"] = {"anyOf": [_GRID, {"type": "array", "items": _GRID}], "description": "what varies"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "actlab experiment", "type": "object",
        "properties": properties, "additionalProperties": False, "$defs": definitions,
    }  # fmt: skip


_AXIS = {
    "anyOf": [
        {"type": "array", "minItems": 1},
        *(
            {"type": "object", "properties": {key: {}}, "required": [key], "additionalProperties": False}
            for key in ("range", "linspace", "logspace", "geomspace")
        ),
    ]
}
_GRID = {
    "type": "object",
    "properties": {
        "zip": {"type": ["object", "array"]},
        "exclude": {"type": ["object", "array"]},
    },
    "additionalProperties": _AXIS,
}


def _names(kind: str) -> dict[str, Any]:
    registry = find(kind)
    return {"enum": [*registry.names(), *sorted(registry.aliases())]}


def _part_schema(entry: Entry[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    made = parameter_model(entry).model_json_schema()
    definitions.update(made.pop("$defs", {}))
    properties = {"name": {"const": entry.name}, **made.get("properties", {})}
    if "schedule" in properties:
        properties["schedule"] = {"$ref": "#/$defs/schedule"}
    required = ["name", *made.get("required", [])] if entry.name != "formula" else ["formula"]
    return {
        "type": "object", "title": entry.name, "description": entry.summary, "properties": properties,
        "required": required, "additionalProperties": False,
    }  # fmt: skip
