"""Configs: what is refused, and where; what identifies a run; what the schema knows."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union

import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from actlab.errors import ConfigError
from actlab.registry import Kind, Parameter, find
from actlab.spec import yaml
from actlab.spec.config import EarlyStopping, RunConfig, WeightFilm, resolve
from actlab.spec.part import PARTS, resolve_part
from actlab.spec.plan import read as read_plan
from actlab.spec.schema import schema

WriteConfig = Callable[..., Path]
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
KINDS = (*PARTS, "schedule", "probe")
BASE = "dataset: mnist\nmodel: mnist_dense\nactivation: relu\nepochs: 2\n"


def problems(path: Path, *overrides: str) -> list[str]:
    """What is wrong with a file: `line:column: message` each, or for an override `--set ...: message`."""
    with pytest.raises(ConfigError) as caught:
        read_plan(path, overrides)
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


# --- bad input -------------------------------------------------------------------------------------------------

# name: (what replaces or follows the base, what is said). Lines 1 to 4 are those of the base.
BAD = {
    "unknown activation": (
        {"activation": "leaky_rleu"},
        ["3:13: activation: unknown activation 'leaky_rleu'; did you mean 'leaky_relu'?"]),
    "unknown name in a mapping": (
        {"activation": "{name: sigmoyd}"},
        ["3:20: activation.name: unknown activation 'sigmoyd'; did you mean 'sigmoid'?"]),
    "unknown dataset": ({"dataset": "mnst"}, ["1:10: dataset: unknown dataset 'mnst'; did you mean 'mnist'?"]),
    "unknown model": (
        {"model": "mnist_dens"}, ["2:8: model: unknown model 'mnist_dens'; did you mean 'mnist_dense'?"]),
    "unknown optimizer": ({"optimizer": "admw"}, ["5:12: optimizer: unknown optimizer 'admw'; did you mean 'adamw'?"]),
    "unknown schedule": (
        {"optimizer": "{name: sgd, schedule: cosin}"},
        ["5:34: optimizer.schedule: unknown schedule 'cosin'; did you mean 'cosine'?"]),
    "unknown schedule parameter": (
        {"optimizer": "{name: sgd, schedule: {name: step, factr: 3}}"},
        ["5:47: optimizer.schedule: unknown key 'factr'; did you mean 'factor'?"]),
    "unknown key": ({"sed": "3"}, ["5:1: unknown key 'sed'; did you mean 'seed'?"]),
    "unknown parameter": (
        {"model": "{name: mnist_dense, hiden: [3]}"},
        ["2:28: model: unknown key 'hiden'; did you mean 'hidden'?"]),
    "unknown parameter named like a type": (
        {"activation": "{name: relu, float: 3}"},
        ["3:26: activation: unknown key 'float'; known: negative_slope, max_value, threshold"]),
    "unknown key of a regularizer": (
        {"model": "{name: linear, regularizer: {l3: 1}}"}, ["2:37: model.regularizer: unknown key 'l3'"]),
    "text for a number": (
        {"optimizer": "{name: sgd, learning_rate: fast}"},
        ["5:39: optimizer.learning_rate: expected a number, read 'fast'"]),
    "quoted number": (
        {"optimizer": "{name: sgd, learning_rate: '1e-3'}"},
        ["5:39: optimizer.learning_rate: expected a number, read '1e-3'"]),
    "fraction for a whole number": ({"batch_size": "1.5"}, ["5:13: batch_size: expected a whole number, read 1.5"]),
    "true for a number": ({"batch_size": "true"}, ["5:13: batch_size: expected a whole number, read True"]),
    "number for a truth": (
        {"optimizer": "{name: sgd, nesterov: 1}"}, ["5:34: optimizer.nesterov: expected true or false, read 1"]),
    "too small": ({"seed": "-1"}, ["5:7: seed: expected a number from 0, read -1"]),
    "not above": (
        {"optimizer": "{name: sgd, learning_rate: 0}"},
        ["5:39: optimizer.learning_rate: expected a number above 0, read 0"]),
    "not below": ({"seed": str(2**32)}, ["5:7: seed: expected a number below 4294967296, read 4294967296"]),
    "too large": ({"batch_size": "60001"}, ["5:13: batch_size: expected a number up to 60000, read 60001"]),
    "not finite": (
        {"optimizer": "{name: sgd, learning_rate: .inf}"},
        ["5:39: optimizer.learning_rate: expected a finite number, read inf"]),
    "not a choice": (
        {"precision": "float16"},
        ["5:12: precision: expected 'float32', 'mixed_bfloat16' or 'mixed_float16', read 'float16';"
         " did you mean 'float32'?"]),
    "one of two kinds": (
        {"dataset": "{name: mnist, validation: tst}"},
        ["1:36: dataset.validation: expected a number or 'test', read 'tst'; did you mean 'test'?"]),
    "wrong in one of two kinds": (
        {"dataset": "cifar10", "model": "{name: cifar10_cnn, dropout: [0.1, 0.1, 2]}"},
        ["2:48: model.dropout.2: expected a number below 1, read 2"]),
    "wrong items": (
        {"model": "{name: mnist_dense, hidden: [a, -1]}"},
        ["2:37: model.hidden.0: expected a whole number, read 'a'",
         "2:40: model.hidden.1: expected a number from 1, read -1"]),
    "stand-in of another shape": (
        {"dataset": "{name: mnist, offline: synth_cifar10}"},
        ["1:33: dataset.offline: 'synth_cifar10' cannot stand in for 'mnist'; known: synth_mnist"]),
    "stand-in misspelt": (
        {"dataset": "{name: mnist, offline: synth_mnst}"},
        ["1:33: dataset.offline: 'synth_mnst' cannot stand in for 'mnist'; did you mean 'synth_mnist'?"]),
    "parameters that exclude each other": (
        {"optimizer": "{name: sgd, clipnorm: 1, clipvalue: 2}"},
        ["5:12: optimizer: sgd: only one of clipnorm and clipvalue can be set"]),
    "two budgets": ({"steps": "3"}, ["5:8: steps: either `epochs` or `steps` is required, and not both"]),
    "number for a part": (
        {"model": "3"}, ["2:8: model: expected the name of a model or a mapping with `name`, read 3"]),
    "part without a name": (
        {"initializer": "{stddev: 1}"}, None),  # what is said lists every name
    "nothing for a part": ({"initializer": "null"}, None),
    "formula without its text": ({"activation": "formula"}, ["3:13: activation.formula: `formula` is required"]),
    "formula that runs code": ({"activation": "{formula: \"__import__('os')\"}"}, None),
    "unknown probe": (
        {"probes": "[dead_unit]"}, ["5:10: probes.0: unknown probe 'dead_unit'; did you mean 'dead_units'?"]),
    "probe given twice": (
        {"probes": "[dead_units, {name: dead_units}]"}, ["5:22: probes.1: dead_units is given twice"]),
    "unknown parameter of a probe": (
        {"probes": "[{name: saturated_fraction, treshold: 1}]"},
        ["5:37: probes.0: unknown key 'treshold'; did you mean 'threshold'?"]),
    "wrong parameter of a probe": (
        {"probes": "[{name: saturated_fraction, threshold: 0}]"},
        ["5:48: probes.0.threshold: expected a number above 0, read 0"]),
    "one probe and no list": (
        {"probes": "dead_units"}, ["5:9: probes: expected `all` or a list such as [dead_units], read 'dead_units'"]),
    "film without frames": (
        {"weight_film": "{every: 0}"}, ["5:22: weight_film.every: expected a number from 1, read 0"]),
    "unknown key of the film": (
        {"weight_film": "{evry: 2}"}, ["5:15: weight_film: unknown key 'evry'; did you mean 'every'?"]),
    "hostile name": (
        {"name": "../x"},
        ["5:7: name: expected letters, digits, dots, hyphens and underscores, at most 80, such as 'x'; read '../x'"]),
    "number for a name": ({"name": "3"}, ["5:7: name: expected text, read 3"]),
    "number for a sweep": ({"sweep": "3"}, ["5:8: sweep: expected a mapping or a list, read 3"]),
    "number for a grid": ({"sweep": "[3]"}, ["5:9: sweep.0: expected a mapping, read 3"]),
}  # fmt: skip


def written(changes: dict[str, str]) -> str:
    """The base with some keys changed and others added."""
    keys = {"dataset": "mnist", "model": "mnist_dense", "activation": "relu", "epochs": "2", **changes}
    return "".join(f"{key}: {value}\n" for key, value in keys.items())


@pytest.mark.parametrize("case", BAD)
def test_an_error_names_place_value_and_nearest(case: str, write_config: WriteConfig) -> None:
    changes, said = BAD[case]
    found = problems(write_config(written(changes)))
    if said is not None:
        assert found == said
    else:
        assert len(found) == 1
        key = next(iter(changes))
        assert found[0].split(": ")[1].split(".")[0] == key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["1:1: nothing is written here; a value is needed"]),
        ("- a\n", ["1:1: expected a mapping of keys such as `model`, `activation` and `epochs`"]),
        ("3\n", ["1:1: expected a mapping of keys such as `model`, `activation` and `epochs`"]),
        (BASE + "epochs: 3\n", ["5:1: key 'epochs' is given twice; it also stands at 4:1, remove one"]),
        ("dataset: mnist\nmodel: linear\nactivation: relu\n",
         ["1:1: either `epochs` or `steps` is required, and not both"]),
        ("model: linear\nactivation: relu\nepochs: 1\n",
         ["1:1: dataset: `dataset` is required; known: " + ", ".join(find("dataset").names())]),
        ("a: [\n", ["2:1: the list opened at 1:4 with '[' needs ',' or ']' here"]),
    ],
)  # fmt: skip
def test_a_file_that_is_no_config(text: str, said: list[str], write_config: WriteConfig) -> None:
    found = problems(write_config(text))
    assert len(found) == len(said) == 1
    assert found[0] == said[0] or text == "a: [\n"


def test_all_errors_of_a_file_come_at_once(write_config: WriteConfig) -> None:
    text = (
        "name: ../x\ndataset: mnst\nmodel: {name: mnist_dense, hiden: [3]}\n"
        "optimizer: {name: sgd, learning_rate: fast}\nbatch_size: 1.5\nsed: 3\n"
        "sweep:\n  activation: [relu, reluu]\n  seed: []\n  zip: {epochs: [1, many], precision: [float32]}\n"
    )
    found = problems(write_config(text))
    places = [line.split(": ")[0] for line in found]
    assert places == ["1:7", "2:10", "3:28", "4:39", "5:13", "6:1", "8:22", "9:9", "10:8", "10:21"]


def test_wrong_overrides_and_a_wrong_file_are_told_together(write_config: WriteConfig) -> None:
    path = write_config(BASE + "batch_size: x\n")
    said = problems(path, "foo", "epochs=[", "activation=reluu", "a.b=1", "optimizer.learning_rate=fast")
    assert {line.split(":")[0]: line.split(": ", 1)[1].split(";")[0] for line in said} == {
        "--set foo": "expected path=value, such as optimizer.learning_rate=0.1",
        "--set epochs=[": "a value is missing here (at character 2)",
        "--set activation=reluu": "activation: unknown activation 'reluu'",
        "--set a.b=1": "unknown key 'a'",
        "--set optimizer.learning_rate=fast": "optimizer.learning_rate: expected a number, read 'fast'",
        "5": "batch_size: expected a whole number, read 'x'",
    }


@pytest.mark.parametrize("kind", ["missing", "folder", "half a utf-16", "not utf-8"])
def test_a_file_that_cannot_be_read(kind: str, tmp_path: Path) -> None:
    (tmp_path / "near.yaml").write_text(BASE)
    path = tmp_path / "study.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(BASE.encode("utf-16")[:-1] if "16" in kind else b"dataset: mnist\nmodel: \xff\n")
    found = problems(path)
    expected = {
        "missing": "near.yaml",
        "folder": "directory",
        "half a utf-16": "is not UTF-16",
        "not utf-8": "2:8: byte 0xff",
    }
    assert len(found) == 1
    assert expected[kind] in found[0]


# --- identity --------------------------------------------------------------------------------------------------


def hash_of(**changes: Any) -> str:
    config, wrong = resolve({"dataset": "mnist", "model": "mnist_dense", "activation": "relu", "epochs": 2, **changes})
    assert config is not None, wrong
    return config.hash


def test_the_hash_is_blind_to_how_a_config_is_written() -> None:
    assert hash_of() == hash_of(activation={"name": "relu"}) == hash_of(dataset={"name": "mnist", "validation": 0.1})
    assert hash_of() == hash_of(optimizer="adam", initializer="glorot_uniform", seed=0, batch_size=32)
    assert hash_of(initializer="he") == hash_of(initializer="he_normal")
    assert hash_of(activation={"formula": "x"}) == hash_of(activation={"name": "formula", "formula": "x"})
    assert hash_of(optimizer={"name": "sgd", "learning_rate": 1}) == hash_of(
        optimizer={"learning_rate": 1.0, "name": "sgd"}
    )


def test_the_hash_is_blind_to_how_probes_are_written() -> None:
    assert hash_of(probes=["dead_units", "gradient_norms"]) == hash_of(
        probes=[{"name": "gradient_norms"}, "dead_units"]
    )
    assert hash_of(probes="all") == hash_of(probes=[name for name in find("probe").names() if name != "confusion"])
    assert hash_of() == hash_of(probes=[]) == hash_of(probes=None)
    assert hash_of(weight_film={}) == hash_of(weight_film={"layer": "first", "every": 1})


def test_the_hash_is_blind_to_the_order_of_a_record() -> None:
    config, _ = resolve({"dataset": "mnist", "model": "linear", "activation": "relu", "steps": 9})
    assert config is not None
    turned = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(config.canonical().items())
    }
    assert RunConfig(**turned).hash == config.hash


def test_the_hash_is_blind_to_name_and_description_and_order(write_config: WriteConfig) -> None:
    lines = BASE.splitlines()
    one = write_config(BASE, "one.yaml")
    other = write_config("\n".join(["name: x", "description: y", *reversed(lines)]), "other.yaml")
    assert read_plan(one).runs[0][1].hash == read_plan(other).runs[0][1].hash


def test_the_hash_is_blind_to_a_stand_in_that_is_not_used() -> None:
    config, _ = resolve({"dataset": {"name": "mnist", "offline": "synth_mnist", "train_samples": 100},
                         "model": "linear", "activation": "relu", "epochs": 1})  # fmt: skip
    assert config is not None
    assert config.hash == hash_of(model="linear", epochs=1, dataset={"name": "mnist", "train_samples": 100})
    stand_in = config.on_stand_in("synth_mnist")
    assert stand_in.hash != config.hash
    assert stand_in.hash == hash_of(model="linear", epochs=1, dataset={"name": "synth_mnist", "train_samples": 100})


CHANGES: list[dict[str, Any]] = [
    {"dataset": "fashion_mnist"}, {"dataset": {"name": "mnist", "validation": 0.2}},
    {"dataset": {"name": "mnist", "validation": "test"}}, {"dataset": {"name": "mnist", "train_samples": 9}},
    {"dataset": {"name": "mnist", "train_samples": 9, "train_choice": "first"}},
    {"model": "linear"}, {"model": {"name": "mnist_dense", "hidden": [257]}},
    {"model": {"name": "mnist_dense", "dropout": 0.1}}, {"model": {"name": "mnist_dense", "batch_norm": "after"}},
    {"model": {"name": "mnist_dense", "regularizer": {"l2": 1e-4}}},
    {"activation": "tanh"}, {"activation": {"name": "relu", "negative_slope": 1e-9}}, {"initializer": "he_normal"},
    {"optimizer": "sgd"}, {"optimizer": {"name": "adam", "learning_rate": 0.0010000001}},
    {"optimizer": {"name": "adam", "schedule": "cosine"}},
    {"optimizer": {"name": "adam", "schedule": {"name": "step", "factor": 0.2}}},
    {"optimizer": {"name": "adam", "clipnorm": 1.0}}, {"batch_size": 33}, {"epochs": 3}, {"epochs": None, "steps": 2},
    {"evaluate_every": 5}, {"seed": 1}, {"precision": "mixed_bfloat16"}, {"early_stopping": {}},
    {"early_stopping": {"patience": 6}}, {"keep_weights": "best"}, {"probes": ["dead_units"]}, {"probes": "all"},
    {"probes": ["saturated_fraction"]}, {"probes": [{"name": "saturated_fraction", "threshold": 0.02}]},
    {"probes": [{"name": "dead_units", "on": "training"}]}, {"train_eval": 100}, {"train_eval": "all"},
    {"weight_film": {}}, {"weight_film": {"every": 2}}, {"weight_film": {"layer": "logits"}},
    {"engine": "jax"},
]  # fmt: skip


def test_the_hash_changes_with_everything_that_trains() -> None:
    hashes = [hash_of(), *(hash_of(**change) for change in CHANGES)]
    assert len(set(hashes)) == len(hashes)
    assert {key for change in CHANGES for key in change} == set(RunConfig.model_fields)


def test_a_config_that_was_hashed_once_keeps_its_hash() -> None:
    """A change here makes every record of every user a stranger: it must be meant."""
    config, _ = resolve({"dataset": "mnist", "model": "linear", "activation": "relu", "epochs": 1})
    assert config is not None
    assert config.canonical() == {
        "dataset": {"name": "mnist", "validation": 0.1},
        "model": {"name": "linear", "dropout": 0.0, "batch_norm": "none", "batch_norm_momentum": 0.99},
        "activation": {"name": "relu", "negative_slope": 0.0, "threshold": 0.0},
        "initializer": {"name": "glorot_uniform"},
        "optimizer": {
            "name": "adam", "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "amsgrad": False,
            "schedule": {"name": "constant"}, "use_ema": False, "ema_momentum": 0.99,
        },
        "batch_size": 32, "epochs": 1, "seed": 0, "precision": "float32", "keep_weights": "final",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_written_out_are_the_defaults(kind: str) -> None:
    """0 and 0.0 would be two hashes."""
    for entry in find(kind):
        required: dict[str, Any] = {parameter.name: "x" for parameter in entry.parameters if parameter.required}
        once, wrong = resolve_part(kind, {"name": entry.name, **required}, ())
        assert once is not None, wrong
        assert json.dumps(resolve_part(kind, once, ())[0]) == json.dumps(once)


# --- made-up configs -------------------------------------------------------------------------------------------


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that a parameter's type allows, written as YAML would have them."""
    base, bounds = _unwrapped(annotation)
    if base is bool:
        return st.booleans()
    if base is int:
        low, high = _limits(bounds, 1)
        return st.integers(int(low), int(min(high, 10**6)))
    if base is float:
        return _floats(*_limits(bounds, 1e-6))
    if base is str:
        return st.sampled_from(["x", "x*tanh(x)", "where(x > 0, x, 0.1*x)", "max(x, 0)**2"])
    if typing.get_origin(base) is Literal:
        return st.sampled_from(typing.get_args(base))
    if typing.get_origin(base) is list:
        sizes = {type(b): b for b in bounds}
        least = sizes[MinLen].min_length if MinLen in sizes else 0
        most = sizes[MaxLen].max_length if MaxLen in sizes else least + 3
        return st.lists(values_of(typing.get_args(base)[0]), min_size=least, max_size=min(most, least + 3))
    if typing.get_origin(base) in (Union, types.UnionType):
        return st.one_of([values_of(choice) for choice in typing.get_args(base)])
    if base is type(None):
        return st.none()
    assert issubclass(base, BaseModel), base
    fields = base.model_fields.items()
    return st.fixed_dictionaries(
        {}, optional={name: values_of(Annotated[field.annotation, field]) for name, field in fields}
    )


def _unwrapped(annotation: Any) -> tuple[Any, list[Any]]:
    bounds: list[Any] = []
    while typing.get_origin(annotation) is Annotated:
        annotation, *more = typing.get_args(annotation)
        bounds += [bound for item in more for bound in (item.metadata if isinstance(item, FieldInfo) else [])]
    return annotation, bounds


def _limits(bounds: list[Any], gap: float) -> tuple[float, float]:
    """The closed interval of a number; `gap` away from an open end."""
    low, high = -1e6, 1e6
    for bound in bounds:
        match bound:
            case Ge(ge=value) | Gt(gt=value):
                low = max(low, float(value) + (gap if isinstance(bound, Gt) else 0))  # type: ignore[arg-type]
            case Le(le=value) | Lt(lt=value):
                high = min(high, float(value) - (gap if isinstance(bound, Lt) else 0))  # type: ignore[arg-type]
    return low, high


def _floats(low: float, high: float) -> st.SearchStrategy[Any]:
    whole = st.integers(int(low) + 1, int(high) - 1) if int(high) - int(low) > 2 else st.nothing()
    return st.floats(low, high, allow_nan=False) | whole


def parts(kind: str) -> st.SearchStrategy[Any]:
    """A part as a user may write it: a name or an alias, bare or with some of its parameters."""
    registry = find(kind)
    names = st.sampled_from([*registry.names(), *registry.aliases()])
    return names.flatmap(
        lambda name: st.just(name) | _with_parameters(kind, name) if name != "formula" else _formulas()
    )


def _formulas() -> st.SearchStrategy[Any]:
    return st.builds(lambda text: {"formula": text}, values_of(str))


def _with_parameters(kind: str, name: str) -> st.SearchStrategy[Any]:
    clipping = ("clipvalue", "global_clipnorm")  # one kind of clipping may be given: clipnorm
    offered = {
        p.name: _parameter(p) for p in find(kind).get(name).parameters if p.name not in (*clipping, "offline")
    }  # fmt: skip
    return st.fixed_dictionaries({"name": st.just(name)}, optional=offered)


def _parameter(parameter: Parameter) -> st.SearchStrategy[Any]:
    kinds = [m.kind for m in getattr(parameter.annotation, "__metadata__", ()) if isinstance(m, Kind)]
    return parts(kinds[0]) if kinds else values_of(parameter.annotation)


budgets = st.builds(lambda key, n: {key: n}, st.sampled_from(["epochs", "steps"]), st.integers(1, 10**9))


def name_of(part: Any) -> str:
    return part if isinstance(part, str) else str(part["name"])


rest = st.fixed_dictionaries(
    {},
    optional={
        "batch_size": st.integers(1, 60_000), "seed": st.integers(0, 2**32 - 1),
        "evaluate_every": st.integers(1, 10**6), "early_stopping": st.none() | values_of(EarlyStopping),
        "precision": st.sampled_from(["float32", "mixed_bfloat16", "mixed_float16"]),
        "keep_weights": st.sampled_from(["final", "best", "none"]),
        "probes": st.none() | st.just("all") | st.lists(parts("probe"), max_size=3, unique_by=name_of),
        "weight_film": st.none() | values_of(WeightFilm),
    },
)  # fmt: skip
configs = st.builds(
    lambda parts, budget, rest: {**parts, **budget, **rest},
    st.fixed_dictionaries(
        {kind: parts(kind) for kind in ("dataset", "model", "activation")},
        optional={kind: parts(kind) for kind in ("initializer", "optimizer")},
    ),
    budgets,
    rest,
)


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=5) | st.sampled_from(["relu", "sgd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configs, st.data())
def test_any_junk_anywhere_gives_a_sentence_and_no_traceback(data: dict[str, Any], draw: st.DataObject) -> None:
    key = draw.draw(st.sampled_from([*RunConfig.model_fields, "sed"]))
    value = draw.draw(junk)
    broken = {**data, key: value}
    if isinstance(data.get(key), dict):
        inner = draw.draw(st.sampled_from([*data[key], "extra"]))
        broken[key] = {**data[key], inner: value}
    config, wrong = resolve(broken)
    assert (config is None) == bool(wrong)
    assert all(isinstance(issue.message, str) and issue.message for issue in wrong)


# --- schema ----------------------------------------------------------------------------------------------------


def test_the_schema_knows_every_name_and_parameter() -> None:
    made = schema()
    for kind in KINDS:
        names, *mappings = made["$defs"][kind]["anyOf"]
        registry = find(kind)
        assert set(names["enum"]) == {*registry.names(), *registry.aliases()}
        known = {mapping["title"]: set(mapping["properties"]) for mapping in mappings}
        assert known == {e.name: {"name", *(p.name for p in e.parameters)} for e in registry}
    assert set(made["properties"]) == {*RunConfig.model_fields, "name", "description", "sweep", "claims"}
    json.dumps(made, allow_nan=False)


def test_the_schema_points_nowhere_in_vain() -> None:
    made = schema()
    wanted = set(_references(made))
    assert wanted
    assert wanted <= {f"#/$defs/{name}" for name in made["$defs"]}


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in _references(value)]
    return [ref for item in node for ref in _references(item)] if isinstance(node, list) else []


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_config_is_valid_and_in_the_schema(path: Path) -> None:
    text = path.read_text()
    plan = read_plan(path)
    assert plan.runs
    assert plan.experiment.name == path.stem
    assert len(plan.experiment.description) > 40
    assert text.startswith("# yaml-language-server: $schema=schema.json\n")
    data = yaml.parse(text, path.name).data
    assert set(data) <= set(schema()["properties"])


def test_the_shipped_schema_is_the_present_one() -> None:
    shipped = json.loads((CONFIGS[0].parent / "schema.json").read_text())
    assert shipped == schema(), "stale: actlab schema > configs/schema.json"
