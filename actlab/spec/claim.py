"""What a config states that it expects: its claims, read and checked before anything is trained.

    metric at ... of ... is ...    "test_accuracy at last of activation relu is > {activation: sigmoid}"

The value d that a claim is about is the measure itself, held against a number; or the difference to another
condition, seed by seed, held against 0. The other condition is that of the claim with some keys changed.

    is             it must be that
    "> b"          d > b + margin          more, by more than the margin
    ">= b"         d ≥ b − margin          no less, give or take the margin
    "< b"          d < b − margin
    "<= b"         d ≤ b + margin
    "~= b"         |d − b| ≤ margin        about equal; the margin is required
    "within [a, b]"  a − margin ≤ d ≤ b + margin
    "== b"         |d − b| ≤ margin at every seed: of each run by itself, not of their mean
    "!= b"         |d − b| > margin at every seed
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from actlab.errors import ActlabError, ConfigError, UnknownName, counted, suggestion
from actlab.registry import find
from actlab.spec import yaml
from actlab.spec.budget import budget_of, weight_layers
from actlab.spec.metrics import AT_ROW, GAP, TRAIN_EVAL_METRICS, WITHOUT_PROBES, check_at, probes_writing
from actlab.spec.part import STRICT, show
from actlab.spec.problems import Issue
from actlab.spec.where import Condition, at_key, check_keys, conditions_of, flat, matches, value_text

SIGNS = ("==", "!=", "<=", ">=", "<", ">", "~=")
EVERY_SEED = ("==", "!=")
RELATION = re.compile(rf"\s*({'|'.join(SIGNS)}|within)\s*(.+)", re.DOTALL)
EXAMPLES = "'== 0', '> 0.97', 'within [0.87, 0.88]' or '> {activation: sigmoid}'"
NOT_TRAINING = ("seed", "probes", "train_eval", "weight_film", "keep_weights")  # they make no other condition
MAX_JUDGED = 200_000  # claims times runs: each takes about 0.1 ms

MOMENTS = {
    "last": "at the end", "best-validation": "at the best validation", "max": "at its highest",
    "min": "at its lowest", "mean": "on average over the evaluations", "area": "on average over the steps",
}  # fmt: skip
RELATIONS = {
    ">": "is above", ">=": "is not below", "<": "is below", "<=": "is not above", "~=": "is about", "==": "is",
    "!=": "differs from",
}  # fmt: skip
SIGNS_IN_WORDS = {"!=": "not ", "<": "below ", "<=": "up to ", ">": "above ", ">=": "from "}


@dataclass(frozen=True)
class Relation:
    """What a claim's `is` says.

    Args:
        sign: of SIGNS, or "within".
        number: what the measure is held against; None where it is another condition, or bounds.
        bounds: of "within".
        other: what the other condition has in place of the claim's; None where there is none.
    """

    sign: str
    number: float | None = None
    bounds: tuple[float, float] | None = None
    other: Mapping[str, Any] | None = None


def relation(text: str) -> Relation:
    """The meaning of an `is`.

    Raises:
        ValueError: it has none; the message says what would have one.
    """
    match = RELATION.fullmatch(text)
    if not match:
        raise ValueError(f"expected a comparison such as {EXAMPLES}, read {show(text)}")
    sign = match[1]
    try:
        value = yaml.parse_value(match[2], "is")
    except ConfigError as error:
        raise ValueError(f"{error.problems[0].message}, in {show(text)}") from None
    if sign == "within":
        if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]):
            raise ValueError(f"expected two numbers, the lower first, as in 'within [0.87, 0.88]', read {show(text)}")
        return Relation(sign, bounds=(float(value[0]), float(value[1])))
    if isinstance(value, Mapping):
        if not value:
            raise ValueError("expected what the other condition has instead, as in '> {activation: sigmoid}'")
        if "seed" in value:
            raise ValueError("`seed` is what is repeated; the other condition must differ in something else")
        _checked(dict(value))
        return Relation(sign, other=value)
    if not _is_number(value):
        raise ValueError(f"expected a number or another condition after {sign!r}, as in {EXAMPLES}, read {show(text)}")
    return Relation(sign, number=float(value))


def _checked(written: dict[str, Any]) -> dict[str, Any]:
    """Conditions as a claim writes them, known to be some.

    Raises:
        ValueError: as pydantic wants it.
    """
    try:
        conditions_of(written)
    except ActlabError as error:
        raise ValueError(str(error)) from None
    return written


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


class Claim(BaseModel):
    """What is expected to come out.

    Args:
        metric: a column of history.csv, timing.csv or, as in `dense.dead_units`, of layers.csv; or a test metric.
        at: when: last, best-validation, step N, epoch N, max, min, mean or area.
        of: which runs are meant: config keys and their values; all runs of the file if absent.
        is: the comparison, as the module says.
        margin: how much must lie between, or may.
        says: the claim in the words of its author.
    """

    model_config = STRICT

    metric: Annotated[str, Field(description="such as val_accuracy, dead_units or dense.dead_units")]
    at: Annotated[str, Field(description="last, best-validation, step N, epoch N, max, min, mean or area")] = "last"
    of: Annotated[dict[str, Any], Field(description="which runs: config keys and values")] = {}
    is_: Annotated[str, Field(alias="is", description=f"a comparison such as {EXAMPLES}")]
    margin: Annotated[float, Field(ge=0, description="in the unit of the metric")] = 0.0
    says: Annotated[str, Field(description="the claim in words")] = ""

    @property
    def relation(self) -> Relation:
        return relation(self.is_)

    def __str__(self) -> str:
        """The claim as a sentence: "with activation leaky_relu, dead_units at its highest is 0 at every seed"."""
        where = f"with {in_words(self.of)}" if self.of else "in every condition"
        return f"{where}, {self.metric} {MOMENTS.get(self.at, f'at {self.at}')} {_relation_in_words(self)}"

    @field_validator("at")
    @classmethod
    def _known_moment(cls, value: str, info: ValidationInfo) -> str:
        try:
            check_at(value, info.data.get("metric", ""))
        except ActlabError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("of")
    @classmethod
    def _conditions(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _checked(value)

    @field_validator("is_", mode="before")
    @classmethod
    def _comparison(cls, value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError(f"expected a comparison such as {EXAMPLES}, read {show(value)}")
        relation(value)
        return value

    @model_validator(mode="after")
    def _margin_where_needed(self) -> Claim:
        if self.relation.sign == "~=" and not self.margin:
            raise ValueError(f"{self.is_!r} needs a `margin`: how far from it still counts as about equal")
        return self


# --- in words ----------------------------------------------------------------------------------------------------


def in_words(written: Mapping[str, Any]) -> str:
    """A condition as a claim writes it: "activation relu, optimizer.learning_rate below 0.1"."""
    return ", ".join(
        f"{c.key} {SIGNS_IN_WORDS.get(c.operator, '')}{value_text(c.value)}" for c in conditions_of(written)
    )


def _relation_in_words(claim: Claim) -> str:
    relation, margin = claim.relation, number(claim.margin)
    if relation.bounds:
        low, high = map(number, relation.bounds)
        return f"lies between {low} and {high}" + (f", give or take {margin}" if claim.margin else "")
    held_against = f"that with {in_words(relation.other)}" if relation.other else number(relation.number or 0.0)
    sentence = f"{RELATIONS[relation.sign]} {held_against}"
    if claim.margin:
        sentence += f", give or take {margin}" if relation.sign in ("==", "~=") else f" by more than {margin}"
    return f"{sentence} at every seed" if relation.sign in EVERY_SEED else sentence


def number(value: float, sign: bool = False) -> str:
    """Four significant digits; whole numbers in full."""
    if math.isnan(value):
        return "none"
    plus = "+" if sign else ""
    return format(int(value), plus) if value == int(value) and abs(value) < 1e15 else format(value, f"{plus}.4g")


# --- which runs a claim is about -------------------------------------------------------------------------------


def groups_of(configs: Sequence[Mapping[str, Any]], conditions: Sequence[Condition]) -> list[list[int]]:
    """The indices of the configs that satisfy the conditions, those together that train alike but for the seed."""
    found: dict[str, list[int]] = {}
    for i, config in enumerate(configs):
        if matches(config, conditions):
            found.setdefault(_without(config, NOT_TRAINING), []).append(i)
    return list(found.values())


def opposites(
    groups: Sequence[list[int]], others: Sequence[list[int]], configs: Sequence[Mapping[str, Any]],
    other: Mapping[str, Any],
) -> Iterator[list[list[int]]]:  # fmt: skip
    """For each group those of `others` that are like it in everything but the keys of the other condition."""
    keys = (*NOT_TRAINING, *other)
    alike: dict[str, list[tuple[str, list[int]]]] = {}
    for group in others:
        config = configs[group[0]]
        alike.setdefault(_without(config, keys), []).append((_without(config, NOT_TRAINING), group))
    for group in groups:
        mine = _without(configs[group[0]], NOT_TRAINING)
        yield [theirs for text, theirs in alike.get(_without(configs[group[0]], keys), []) if text != mine]


def _without(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    """A config without some dotted keys, as text that is equal for equal configs."""
    within = tuple(f"{key}." for key in keys)
    rest = {key: value for key, value in flat(config).items() if not f"{key}.".startswith(within)}
    return json.dumps(rest, sort_keys=True)


# --- claims held against the runs of their file, before anything is trained -------------------------------------


def claim_issues(claims: Sequence[Claim], configs: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Issue]:
    """What is wrong with the claims of a file, held against its runs.

    Args:
        claims: well formed by themselves.
        configs: of every run of the file, resolved, as plain data.
        keys: that a config may have.
    """
    if len(claims) * len(configs) > MAX_JUDGED:
        many = f"{counted(len(claims), 'claim')} on {counted(len(configs), 'run')} are more than"
        return [Issue(("claims",), f"{many} the {MAX_JUDGED:,} judgements that one file may ask for")]
    found = []
    for i, claim in enumerate(claims):
        issues = _issues_of_conditions(claim, configs, keys) or _issues_of_metric(claim, configs)
        found += [Issue(("claims", i, *where), message) for where, message in issues]
    return found


def _issues_of_conditions(
    claim: Claim, configs: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> list[tuple[yaml.Path, str]]:
    other = claim.relation.other
    found: list[tuple[yaml.Path, str]] = [
        (("of", key), message) for key, message in _unmatched(claim.of, configs, keys)
    ]
    found += [(("is",), message) for _, message in _unmatched(other, configs, keys)] if other else []
    if found or other is None:
        return found
    groups, others = (groups_of(configs, conditions_of(written)) for written in (claim.of, other))
    if any(opposites(groups, others, configs, other)):
        return []
    message = "no two runs of this file differ in this alone; name here what else the other condition has"
    return [(("is",), message if groups else "no run of this file is as `of` says")]


def _unmatched(
    written: Mapping[str, Any], configs: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> list[tuple[str, str]]:
    """The keys that no run of the file has with that value, each with what is wrong about it."""
    found = []
    for condition in conditions_of(written):
        try:
            check_keys([condition], configs, keys)
        except UnknownName as error:
            found.append((condition.key, str(error)))
            continue
        if configs and not any(matches(config, [condition]) for config in configs):
            values = list(dict.fromkeys(_short(at_key(config, condition.key)) for config in configs))
            read = _short(condition.value)
            hint = suggestion(read, values) or f"there are {', '.join(values[:8])}"
            message = f"no run of this file has {condition.key} {condition.operator} {read}; {hint}"
            found.append((condition.key, message))
    if not found and configs and written and not any(matches(c, conditions_of(written)) for c in configs):
        found.append((next(iter(written)), "no run of this file has all of these together"))
    return found


def _short(value: Any) -> str:
    """A part by its name; all else as one writes it."""
    return str(value["name"]) if isinstance(value, Mapping) and "name" in value else value_text(value)


def _issues_of_metric(claim: Claim, configs: Sequence[Mapping[str, Any]]) -> list[tuple[yaml.Path, str]]:
    layer, _, column = claim.metric.rpartition(".")
    conditions = conditions_of(claim.of)
    meant = [config for config in configs if matches(config, conditions)]
    if column in (*TRAIN_EVAL_METRICS, GAP) and not all(config.get("train_eval") for config in meant):
        return [(("metric",), f"{column} is measured with `train_eval`; add it to the config, as in train_eval: all")]
    if layer or column not in WITHOUT_PROBES:
        writers = probes_writing(column)
        if not writers:
            known = [*WITHOUT_PROBES, *(c for entry in find("probe") for c in entry.facts.columns if "<" not in c)]
            return [(("metric",), str(UnknownName("metric", column, known)))]
        probed = [{part.get("name") for part in config.get("probes") or []} for config in meant]
        if missing := sum(names.isdisjoint(writers) for names in probed):
            which = "" if missing == len(meant) else f", for {missing} of the {len(meant)} runs meant here"
            return [(("metric",), f"{column} is written by the probe {writers[0]}; add it to `probes`{which}")]
        layers = list(dict.fromkeys(name for config in meant for name in weight_layers(config["model"])))
        if meant and layer not in ("", "*", *layers):
            return [(("metric",), str(UnknownName("layer with weights", layer, layers)))]
    message = _unreached(claim.at, meant)
    return [(("at",), message)] if message else []


def _unreached(at: str, configs: Sequence[Mapping[str, Any]]) -> str | None:
    """Why there is no evaluation at a step or epoch, as far as the config tells."""
    if not (match := AT_ROW.fullmatch(at)):
        return None
    unit, moment = match[1], float(match[2])
    for of in map(budget_of, configs):
        per_unit = of.steps_per_epoch if unit == "epoch" else 1
        budget, every = of.steps / per_unit, of.evaluate_every / per_unit
        if not 0 < moment <= budget:
            return f"{at} is not reached: these runs take {budget:.10g} {unit}{'s' * (budget != 1)}"
        if not of.evaluates(unit, moment):
            return f"{at} is no evaluation: they come every {every:.10g} {unit}{'s' * (every != 1)}"
    return None
