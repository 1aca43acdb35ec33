"""What a config file may say, and what one training is.

`Experiment` is a file as it was written, `RunConfig` one training, frozen and fully resolved; its hash is its
identity.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from actlab.errors import DatasetError, listing, suggestion
from actlab.registry import find
from actlab.spec.budget import impossible
from actlab.spec.claim import Claim
from actlab.spec.labels import MOST_CHARACTERS, slug
from actlab.spec.part import PARTS, STRICT, Part, explain, plugins_of, resolve_part, show
from actlab.spec.problems import Issue

DEFAULT_PARTS = {"initializer": "glorot_uniform", "optimizer": "adam"}
OF_A_RUN = ("train_samples", "train_choice", "validation")  # keys of a dataset that do not change its files
Count = Annotated[int, Field(ge=1, le=10**9)]
Seed = Annotated[int, Field(ge=0, lt=2**32, description="of the weights, the data order and the dropout")]
SEED = TypeAdapter[int](Seed, config=ConfigDict(strict=True))
Look = Callable[[dict[str, Any]], Any]
"""From resolved own data, `{name: npz, npz: FILE, ...}`, to its `Content`; raises `DatasetError`."""
LookedAt = dict[str, tuple[Any, list[Issue]]]
"""Parts, and runs but for their seed, by how they are written; and what is wrong with each."""
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
    seed: Seed = 0
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    early_stopping: EarlyStopping | None = None
    train_eval: Annotated[
        Count | Literal["all"] | None, Field(description="training images to evaluate in inference mode at each row")
    ] = None
    keep_weights: Annotated[Literal["final", "best", "none"], Field(description="which weights.npz holds")] = "final"
    probes: list[Part] | None = None
    weight_film: WeightFilm | None = None
    engine: Annotated[
        Literal["tensorflow", "jax"] | None, Field(description="what it is computed by; --engine chooses if absent")
    ] = None

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
        run on the stand-in has the stand-in itself as its dataset. TensorFlow is the engine of a run that names none.
        """
        data = self.model_dump(mode="json", exclude_none=True)
        if data.get("engine") == "tensorflow":
            del data["engine"]
        data["dataset"].pop("offline", None)
        for probe in data.get("probes", []):
            if probe.get("on") == "validation":  # as probes had it before they could choose: an old run is the same run
                del probe["on"]
        return data

    @property
    def plugins(self) -> list[str]:
        """The sha256 of each plug-in of which the training has a part."""
        return self._identity[1]

    @property
    def hash(self) -> str:
        """sha256 of the canonical config, without where own data lies, in hexadecimal: the identity of the run."""
        return self._identity[0]

    @cached_property
    def _identity(self) -> tuple[str, list[str]]:
        """Hash and plug-ins, asked for many times of each of very many."""
        data = self.canonical()
        text = _text(data)
        return hashlib.sha256(text.encode()).hexdigest(), plugins_of(data) if '"plugin":' in text else []

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> RunConfig:
        """As pydantic has it; what is changed is another run."""
        copied = super().model_copy(update=update, deep=deep)
        vars(copied).pop("_identity", None)
        return copied

    def on_stand_in(self, name: str) -> RunConfig:
        """The same training on a stand-in dataset: another run, with another hash."""
        kept = {k: v for k, v in self.dataset.parameters.items() if k in OF_A_RUN}
        resolved, problems = resolve_part("dataset", {"name": name, **kept}, ("dataset",))
        assert resolved is not None, problems
        return self.model_copy(update={"dataset": Part(**resolved)})


def hash_of(canonical: Mapping[str, Any]) -> str:
    """The hash of a run whose canonical config this is.

    Raises:
        ValueError: a number in it is not finite.
    """
    return hashlib.sha256(_text(canonical).encode()).hexdigest()


def _text(canonical: Mapping[str, Any]) -> str:
    return json.dumps(without_place(canonical), sort_keys=True, separators=(",", ":"), allow_nan=False)


def without_place(config: Mapping[str, Any]) -> dict[str, Any]:
    """A canonical config without the path of own data, whose content tells what it is."""
    dataset = config.get("dataset")
    if not isinstance(dataset, Mapping) or "content" not in dataset:
        return {**config}
    return {**config, "dataset": {key: value for key, value in dataset.items() if key != dataset.get("name")}}


class Experiment(BaseModel):
    """A config file, as it was written: the base of its runs, and what is swept.

    Its keys are those of `RunConfig` and these.
    """

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, description="of the experiment, and of its folder")]
    description: str = ""
    sweep: dict[str, Any] | list[dict[str, Any]] = {}
    claims: Annotated[list[Claim], Field(description="what is expected to come out")] = []
    base: dict[str, Any] = {}

    @property
    def question(self) -> str:
        """The first sentence of the description that asks something; empty if none does."""
        sentences = re.split(r"(?<=[.?!])\s+", self.description.strip())
        return " ".join(next((sentence for sentence in sentences if sentence.endswith("?")), "").split())

    @field_validator("name")
    @classmethod
    def _is_a_folder_name(cls, value: str) -> str:
        if (name := slug(value)) != value.rstrip("_-"):
            expected = f"letters, digits, dots, hyphens and underscores, at most {MOST_CHARACTERS}, such as {name!r}"
            raise ValueError(f"expected {expected}; read {show(value)}")
        return value


NESTED = {"early_stopping": list(EarlyStopping.model_fields), "weight_film": list(WeightFilm.model_fields)}
CLAIM_KEYS = [field.alias or name for name, field in Claim.model_fields.items()]
KEYS = [*RunConfig.model_fields, *(k for k in Experiment.model_fields if k != "base")]


def resolve(
    data: Mapping[str, Any],
    looked_at: LookedAt | None = None,
    look: Look | None = None,
) -> tuple[RunConfig | None, list[Issue]]:
    """The data of one cell to its `RunConfig`, or to all that is wrong with it.

    Args:
        data: the keys of a run as a file has them.
        looked_at: what was resolved of other cells, most of which is shared. It is added to.
        look: reads own data; without it the content must be stated, as in a record.
    """
    known = {} if looked_at is None else looked_at
    whole = repr({key: value for key, value in data.items() if key != "seed"})
    if isinstance(of_another_seed := known.get(whole, (None,))[0], RunConfig):
        with suppress(ValidationError):  # which is told below
            return of_another_seed.model_copy(update={"seed": SEED.validate_python(data.get("seed", 0))}), []
    resolved: dict[str, Any] = {}
    issues: list[Issue] = []
    # looked at apart from the model, which holds keys against each other only once each is right by itself
    given = [key for key in ("epochs", "steps") if data.get(key) is not None]
    if len(given) != 1:
        issues.append(Issue((given[-1],) if given else (), ONE_BUDGET, "budget"))
    for kind in PARTS:
        written = data.get(kind, DEFAULT_PARTS.get(kind))
        if written is None:
            part = None
            issues.append(Issue((kind,), f"`{kind}` is required; known: {', '.join(find(kind).names())}", "missing"))
        else:
            if (as_written := f"{kind} {written!r}") not in known:
                made, found = resolve_part(kind, written, (kind,))
                if made and (offline := made.get("offline")) and (message := wrong_stand_in(made["name"], offline)):
                    found.append(Issue(("dataset", "offline"), message))
                if made and not found and kind == "dataset" and find(kind).get(made["name"]).facts.look:
                    try:
                        stated = made["content"]
                        made["content"] = look(made) if look else stated
                        if made["content"] is None:
                            raise DatasetError("what is in own data is found out where its config file is read")
                        for key in stated or ():
                            if stated[key] != (there := made["content"][key]):
                                message = f"states {show(stated[key])}, and there is {show(there)}; leave `content` out"
                                found.append(Issue((kind, "content", key), message))
                    except DatasetError as error:
                        found.append(Issue((kind, made["name"]), str(error)))
                known[as_written] = (None if found or not made else Part(**made), found)
            part, found = known[as_written]
            issues += found
        # a part that is wrong is spoken of already; a placeholder lets the other keys be checked
        resolved[kind] = part or Part(name="?")
    resolved["probes"], found = _probes(data.get("probes"))
    issues += found
    rest = {key: value for key, value in data.items() if key not in (*PARTS, "probes")}
    try:
        config = RunConfig(**resolved, **rest)
    except ValidationError as error:  # what is wrong with the whole, not with a key, is the budget: it is noted above
        return None, issues + [issue for issue in explain(error, (), KEYS, NESTED) if issue.path]
    if not issues:
        issues = known[whole][1] if whole in known else impossible(config.canonical())
        known[whole] = None if issues else config, issues
    return (None if issues else config), issues


def _probes(written: Any) -> tuple[list[dict[str, Any]] | None, list[Issue]]:
    """The probes that are asked for, by name, so that their order does not make another run."""
    if written == "all":  # of those that have columns in layers.csv
        written = [entry.name for entry in find("probe") if entry.function.sees != "test"]
    if written is None or written == []:
        return None, []
    if not isinstance(written, list):
        return None, [Issue(("probes",), f"expected `all` or a list such as [dead_units], read {show(written)}")]
    parts: dict[str, dict[str, Any]] = {}
    issues: list[Issue] = []
    for i, item in enumerate(written):
        part, found = resolve_part("probe", item, ("probes", i))
        issues += found
        if part and part["name"] in parts:
            issues.append(Issue(("probes", i), f"{part['name']} is given twice"))
        elif part:
            parts[part["name"]] = part
    return [parts[name] for name in sorted(parts)], issues


def wrong_stand_in(name: str, offline: str) -> str | None:
    """Why a dataset cannot stand in for another: it must be rendered, of the same shape and as many classes."""
    wanted = find("dataset").get(name).facts
    if wanted.look:
        return "nothing stands in for own data, which is at hand or is not"
    fitting = [
        entry.name for entry in find("dataset")
        if entry.facts.synthetic and (entry.facts.shape, entry.facts.classes) == (wanted.shape, wanted.classes)
    ]  # fmt: skip
    if offline in fitting:
        return None
    return f"{offline!r} cannot stand in for {name!r}; {suggestion(offline, fitting) or listing(fitting)}"


def parse_experiment(data: Any, default_name: str) -> tuple[Experiment | None, list[Issue]]:
    """A file's data to its `Experiment`, and what is wrong with its own keys; those are left out then."""
    if not isinstance(data, Mapping):
        return None, [Issue((), "expected a mapping of keys such as `model`, `activation` and `epochs`")]
    own = {k: v for k, v in data.items() if k in Experiment.model_fields and k != "base"}
    base = {k: v for k, v in data.items() if k not in own}
    try:
        return Experiment(**{"name": default_name, **own}, base=base), []
    except ValidationError as error:
        issues = explain(error, (), KEYS, {"claims": CLAIM_KEYS})
    right = {key: value for key, value in own.items() if key not in {issue.path[0] for issue in issues}}
    return Experiment(**{"name": default_name, **right}, base=base), issues
