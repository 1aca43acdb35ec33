"""What a config file may say, and what one training is.

`Experiment` is a file as it was written, `RunConfig` one training, frozen and fully resolved; its hash is its
identity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from actlab.errors import Problem
from actlab.registry import Entry, find, nearest
from actlab.spec.claim import Claim
from actlab.spec.part import STRICT, Part, Path, Wrong, explain, parameter_model, resolve_part, show

PARTS = ("dataset", "model", "activation", "initializer", "optimizer")
DEFAULT_PARTS = {"initializer": "glorot_uniform", "optimizer": "adam"}
OF_A_RUN = ("train_samples", "train_choice", "validation")  # keys of a dataset that do not change its files
Count = Annotated[int, Field(ge=1, le=10**9)]
ONE_BUDGET = "either `epochs` or `steps` is required, and not both"


class EarlyStopping(BaseModel):
    """Ends a training whose validation no longer improves.

    Args:
        metric: what must improve; it also decides which epoch is the best.
        patience: evaluations without improvement after which training ends.
        min_delta: by how much the metric must change to count as improved.
        restore_best: whether the final weights are those of the best evaluation.
    """

    model_config = STRICT
    metric: Literal["val_accuracy", "val_loss"] = "val_loss"
    patience: Annotated[int, Field(ge=1)] = 5
    min_delta: Annotated[float, Field(ge=0)] = 0.0
    restore_best: bool = False


class WeightFilm(BaseModel):
    """Keeps, frame by frame, how the incoming weights of each unit of one layer change.

    Args:
        layer: "first", the first layer with a kernel, or a layer by its name in Keras.
        every: evaluations between two frames.
    """

    model_config = STRICT
    layer: Annotated[str, Field(min_length=1, max_length=200)] = "first"
    every: Annotated[int, Field(ge=1)] = 1


class RunConfig(BaseModel):
    """One training, fully resolved. Equal configs train to equal bytes on equal machines."""

    model_config = STRICT

    dataset: Part
    model: Part
    activation: Part
    initializer: Part
    optimizer: Part
    batch_size: Annotated[int, Field(ge=1, le=60_000, description="images a step")] = 32
    epochs: Annotated[Count | None, Field(description="passes over the training images")] = None
    steps: Annotated[Count | None, Field(description="the budget in steps, instead of epochs")] = None
    evaluate_every: Annotated[Count | None, Field(description="steps between evaluations; an epoch if absent")] = None
    seed: Annotated[int, Field(ge=0, lt=2**32, description="of the weights, the data order and the dropout")] = 0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    early_stopping: EarlyStopping | None = None
    keep_weights: Annotated[Literal["final", "best", "none"], Field(description="which weights.npz holds")] = "final"
    probes: list[Part] | None = None
    weight_film: WeightFilm | None = None

    @field_validator(*PARTS, mode="before")
    @classmethod
    def _as_part(cls, value: Any) -> Any:
        return Part(**value) if isinstance(value, Mapping) else value

    @field_validator("probes", mode="before")
    @classmethod
    def _as_parts(cls, value: Any) -> Any:
        return list(map(cls._as_part, value)) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _one_budget(self) -> RunConfig:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(ONE_BUDGET)
        return self

    def canonical(self) -> dict[str, Any]:
        """The config as plain data, without what is absent: what is hashed, and what run.json holds.

        The name of a stand-in is left out: a run on the real set is the same run with and without one, and a
        run on the stand-in has the stand-in itself as its dataset.
        """
        data = self.model_dump(mode="json", exclude_none=True)
        data["dataset"].pop("offline", None)
        return data

    @property
    def hash(self) -> str:
        """sha256 of the canonical config, as hexadecimal digits: the identity of the run."""
        text = json.dumps(self.canonical(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def on_stand_in(self, name: str) -> RunConfig:
        """The same training on a stand-in dataset: another run, with another hash."""
        kept = {k: v for k, v in self.dataset.parameters.items() if k in OF_A_RUN}
        resolved, problems = resolve_part("dataset", {"name": name, **kept}, ("dataset",))
        assert resolved is not None, problems
        return self.model_copy(update={"dataset": Part(**resolved)})


class Experiment(BaseModel):
    """A config file, as it was written: the base of its runs, and what is swept.

    Its keys are those of `RunConfig` and these.
    """

    model_config = STRICT

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    description: str = ""
    sweep: dict[str, Any] | list[dict[str, Any]] = {}
    claims: Annotated[list[Claim], Field(description="what is expected to come out")] = []
    base: dict[str, Any] = {}


NESTED = {"early_stopping": list(EarlyStopping.model_fields), "weight_film": list(WeightFilm.model_fields)}
CLAIM_KEYS = [field.alias or name for name, field in Claim.model_fields.items()]
KEYS = [*RunConfig.model_fields, *(k for k in Experiment.model_fields if k != "base")]


def resolve(data: Mapping[str, Any]) -> tuple[RunConfig | None, list[Wrong]]:
    """The data of one cell to its `RunConfig`, or to all that is wrong with it."""
    resolved: dict[str, Any] = {}
    problems = _budget(data)
    for kind in PARTS:
        part, wrong = _part(kind, data.get(kind, DEFAULT_PARTS.get(kind)))
        problems += wrong
        # a part that is wrong is spoken of already; a placeholder lets the other keys be checked
        resolved[kind] = part or {"name": "?"}
    problems += _stand_in(resolved["dataset"])
    resolved["probes"], wrong = _probes(data.get("probes"))
    problems += wrong
    rest = {key: value for key, value in data.items() if key not in (*PARTS, "probes")}
    try:
        config = RunConfig(**resolved, **rest)
    except ValidationError as error:
        return None, problems + [
            (where, said) for where, said in explain(error, (), KEYS, NESTED) if said != ONE_BUDGET
        ]
    return (None if problems else config), problems


def _budget(data: Mapping[str, Any]) -> list[Wrong]:
    """Looked at apart from the model, which holds keys against each other only once each is right by itself."""
    given = [key for key in ("epochs", "steps") if data.get(key) is not None]
    return [] if len(given) == 1 else [((given[-1],) if given else (), ONE_BUDGET)]


def _part(kind: str, written: Any) -> tuple[dict[str, Any] | None, list[Wrong]]:
    if written is None:
        return None, [((kind,), f"`{kind}` is required; known: {', '.join(find(kind).names())}")]
    return resolve_part(kind, written, (kind,))


def _probes(written: Any) -> tuple[list[dict[str, Any]] | None, list[Wrong]]:
    """The probes that are meant, by name, so that their order does not make another run."""
    written = find("probe").names() if written == "all" else written
    if written is None or written == []:
        return None, []
    if not isinstance(written, list):
        return None, [(("probes",), f"expected `all` or a list such as [dead_units], read {show(written)}")]
    found: dict[str, dict[str, Any]] = {}
    problems: list[Wrong] = []
    for i, item in enumerate(written):
        part, wrong = resolve_part("probe", item, ("probes", i))
        problems += wrong
        if part and part["name"] in found:
            problems.append((("probes", i), f"{part['name']} is given twice"))
        elif part:
            found[part["name"]] = part
    return [found[name] for name in sorted(found)], problems


def _stand_in(dataset: Mapping[str, Any]) -> list[Wrong]:
    """What is wrong with the name of the stand-in dataset, if one is named."""
    offline = dataset.get("offline")
    wrong = wrong_stand_in(dataset["name"], offline) if offline is not None else None
    return [(("dataset", "offline"), wrong)] if wrong else []


def wrong_stand_in(name: str, offline: str) -> str | None:
    """Why a dataset cannot stand in for another: it must be rendered, of the same shape and as many classes."""
    wanted = find("dataset").get(name).facts
    fitting = [
        entry.name for entry in find("dataset")
        if entry.facts.synthetic and (entry.facts.shape, entry.facts.classes) == (wanted.shape, wanted.classes)
    ]  # fmt: skip
    if offline in fitting:
        return None
    close = nearest(offline, fitting)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(fitting) or 'none'}"
    return f"{offline!r} cannot stand in for {name!r}; {hint}"


def experiment(data: Any, default_name: str) -> tuple[Experiment | None, list[Wrong]]:
    """A file's data to its `Experiment`, and what is wrong with its own keys; those are left out then."""
    if not isinstance(data, Mapping):
        return None, [((), "expected a mapping of keys such as `model`, `activation` and `epochs`")]
    own = {k: v for k, v in data.items() if k in Experiment.model_fields and k != "base"}
    base = {k: v for k, v in data.items() if k not in own}
    try:
        return Experiment(**{"name": default_name, **own}, base=base), []
    except ValidationError as error:
        wrong = explain(error, (), KEYS, {"claims": CLAIM_KEYS})
    right = {key: value for key, value in own.items() if key not in {where[0] for where, _ in wrong}}
    return Experiment(**{"name": default_name, **right}, base=base), wrong


def problem(file: str, place: tuple[int, int], path: Path, message: str) -> Problem:
    """A sentence about a path of the config, as a problem at a place of the file."""
    dotted = ".".join(map(str, path))
    return Problem(file, *place, f"{dotted}: {message}" if dotted else message)


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
