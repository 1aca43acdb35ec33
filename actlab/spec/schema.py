"""The JSON Schema of a config file, every registered name and its parameters in it."""

from __future__ import annotations

from typing import Any

from actlab.registry import Entry, find
from actlab.spec.config import Experiment, RunConfig
from actlab.spec.grid import RANGES
from actlab.spec.part import PARTS, parameter_model

AXIS = {
    "anyOf": [
        {"type": "array", "minItems": 1},
        *(
            {"type": "object", "properties": {key: {}}, "required": [key], "additionalProperties": False}
            for key in RANGES
        ),
    ]
}
GRID = {
    "type": "object",
    "properties": {"zip": {"type": ["object", "array"]}, "exclude": {"type": ["object", "array"]}},
    "additionalProperties": AXIS,
}


def schema() -> dict[str, Any]:
    """The JSON Schema of a config file, every registered name and its parameters in it."""
    run, experiment = RunConfig.model_json_schema(), Experiment.model_json_schema()
    definitions = {name: run["$defs"][name] for name in ("EarlyStopping", "WeightFilm")}
    for kind in (*PARTS, "schedule", "probe"):
        registry = find(kind)
        names = {"enum": [*registry.names(), *sorted(registry.aliases())]}
        definitions[kind] = {"anyOf": [names, *(_part(entry, definitions) for entry in registry)]}
    properties = {**run["properties"], **{kind: {"$ref": f"#/$defs/{kind}"} for kind in PARTS}}
    probes = [{"const": "all"}, {"type": "array", "items": {"$ref": "#/$defs/probe"}}]
    properties["probes"] = {"anyOf": probes, "description": "what is measured inside the network"}
    definitions.update(experiment["$defs"])
    properties.update({key: value for key, value in experiment["properties"].items() if key != "base"})
    properties["sweep"] = {"anyOf": [GRID, {"type": "array", "items": GRID}], "description": "what varies"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "actlab experiment", "type": "object",
        "properties": properties, "additionalProperties": False, "$defs": definitions,
    }  # fmt: skip


def _part(entry: Entry[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    made = parameter_model(entry).model_json_schema()
    definitions.update(made.pop("$defs", {}))
    properties = {"name": {"const": entry.name}, **made.get("properties", {})}
    if "schedule" in properties:
        properties["schedule"] = {"$ref": "#/$defs/schedule"}
    required = [*["name"] * (not entry.by_value), *made.get("required", [])]
    return {
        "type": "object", "title": entry.name, "description": entry.summary, "properties": properties,
        "required": required, "additionalProperties": False,
    }  # fmt: skip
