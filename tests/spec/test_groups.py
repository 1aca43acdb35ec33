"""Which runs are one program with other numbers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from actlab.spec.config import RunConfig
from actlab.spec.groups import differing, groups, numbers_of, varying

Resolved = Callable[..., RunConfig]
SGD = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}
DENSE = {"name": "mnist_dense", "hidden": [8], "dropout": 0.2, "regularizer": {"l1": 0.1, "l2": 0.1}}
TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"seed": 7}, ""),
    ({"initializer": {"name": "normal", "stddev": 0.1}}, ""),
    ({"initializer": "he"}, ""),
    ({"optimizer": {**SGD, "learning_rate": 0.2}}, "optimizer.learning_rate"),
    ({"optimizer": {**SGD, "momentum": 0.5}}, "optimizer.momentum"),
    ({"optimizer": {**SGD, "weight_decay": 0.5}}, "optimizer.weight_decay"),
    ({"activation": {"name": "leaky_relu", "negative_slope": 0.5}}, "activation.negative_slope"),
    ({"model": {**DENSE, "dropout": 0.5}}, "model.dropout"),
    ({"model": {**DENSE, "regularizer": {"l1": 0.1, "l2": 0.5}}}, "model.regularizer.l2"),
]
BASE = {"model": DENSE, "optimizer": {**SGD, "weight_decay": 0.1}, "initializer": {"name": "normal", "stddev": 0.01},
        "activation": {"name": "leaky_relu", "negative_slope": 0.1}}  # fmt: skip
APART: list[dict[str, Any]] = [
    {"activation": "relu"}, {"model": {**DENSE, "hidden": [9]}}, {"batch_size": 7}, {"optimizer": "adam"},
    {"precision": "mixed_bfloat16"}, {"epochs": 4}, {"epochs": None, "steps": 9}, {"evaluate_every": 5},
    {"dataset": "fashion_mnist"}, {"dataset": {"name": "mnist", "train_samples": 500}}, {"probes": ["dead_units"]},
    {"train_eval": 100}, {"early_stopping": {"patience": 2}}, {"weight_film": {}}, {"keep_weights": "best"},
    {"optimizer": {**SGD, "momentum": 0.0, "weight_decay": 0.1}}, {"optimizer": {**SGD, "weight_decay": 0.0}},
    {"optimizer": SGD}, {"optimizer": {**SGD, "weight_decay": 0.1, "clipnorm": 1.0}},
    {"optimizer": {**SGD, "weight_decay": 0.1, "schedule": "cosine"}}, {"model": {**DENSE, "dropout": 0.0}},
    {"activation": {"name": "leaky_relu", "negative_slope": 0.0}}, {"activation": {"name": "prelu"}},
    {"model": {"name": "mnist_dense", "hidden": [8], "dropout": 0.2}},
]  # fmt: skip


@pytest.mark.parametrize(("change", "number"), TOGETHER, ids=str)
def test_seeds_weights_and_numbers_go_together(change: dict[str, Any], number: str, resolved: Resolved) -> None:
    pair = [resolved(**BASE), resolved(**{**BASE, **change})]
    if "weight_decay" not in number and "optimizer" in change:
        pair = [resolved(**{**BASE, "optimizer": SGD}), pair[1]]
    assert groups(pair) == [[0, 1]]
    assert list(varying(pair)) == ([number] if number else [])
    assert differing(pair) == ([number] if number else [next(iter(change))])


@pytest.mark.parametrize("change", APART, ids=str)
def test_another_program_is_another_group(change: dict[str, Any], resolved: Resolved) -> None:
    assert groups([resolved(**BASE), resolved(**{**BASE, **change})]) == [[0], [1]]


def test_numbers_of_a_plug_ins_parts_are_no_arrays() -> None:
    """Their code may ask a number for its square root by `math`, or make another learning rate of it."""
    plugin = {"plugin": "0" * 64}
    of: Any = {
        "activation": {"name": "bump", "height": 0.5, **plugin}, "model": {"name": "mnist_dense", "dropout": 0.1},
        "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "schedule": {"name": "halved", **plugin}},
    }  # fmt: skip
    assert numbers_of(SimpleNamespace(canonical=lambda: of)) == {"model.dropout": 0.1}  # type: ignore[arg-type]


def test_whole_numbers_of_an_activation_are_counts(resolved: Resolved) -> None:
    pieces = [resolved(activation={"name": "maxout", "pieces": n}) for n in (2, 4)]
    assert groups(pieces) == [[0], [1]]


def test_groups_keep_the_order_of_the_plan_and_are_parted_evenly(resolved: Resolved) -> None:
    mixed = [resolved(activation=name, seed=seed) for seed in range(5) for name in ("relu", "tanh")]
    assert groups(mixed) == [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]
    assert groups(mixed, 4) == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]
    assert groups(mixed, 1) == [[place] for place in range(10)]


def test_the_values_of_a_group_are_those_of_its_runs(resolved: Resolved) -> None:
    rates = [0.3, 0.1, 0.2]
    made = [resolved(optimizer={"name": "sgd", "learning_rate": rate}, seed=n) for n, rate in enumerate(rates)]
    assert varying(made) == {"optimizer.learning_rate": rates}
    assert differing(made) == ["seed", "optimizer.learning_rate"]
