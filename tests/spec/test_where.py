"""The language of conditions: the same operators and the same meaning on a command line and in a config."""

from __future__ import annotations

from typing import Any

import pytest

from actlab.errors import ActlabError
from actlab.spec.where import conditions_of, matches, parse_where

CONFIG = {
    "activation": {"name": "leaky_relu", "negative_slope": 0.01},
    "model": {"name": "mnist_dense", "hidden": [256]},
    "batch_size": 100,
    "probes": None,
}
CASES = [  # (key, operator, value, whether it holds)
    ("activation.negative_slope", "==", "0.01", True),
    ("activation.negative_slope", "=", "0.01", True),
    ("activation.negative_slope", "==", "1e-2", True),
    ("activation.negative_slope", "!=", "0.01", False),
    ("activation.negative_slope", "<", "0.02", True),
    ("activation.negative_slope", ">=", "0.02", False),
    ("activation", "==", "leaky_relu", True),
    ("activation", "!=", "relu", True),
    ("activation", "==", "[relu, leaky_relu]", True),
    ("activation", "!=", "[relu, leaky_relu]", False),
    ("activation", "==", "{name: leaky_relu, negative_slope: 0.01}", True),
    ("model.hidden", "==", "[256]", True),
    ("batch_size", "<=", "100", True),
    ("batch_size", "==", "'100'", False),
    ("probes", "==", "null", True),
    ("absent", "!=", "1", True),
]


@pytest.mark.parametrize(("key", "operator", "value", "holds"), CASES)
@pytest.mark.parametrize("space", ["", " "])
def test_a_condition_holds_in_both_spellings(key: str, operator: str, value: str, holds: bool, space: str) -> None:
    assert matches(CONFIG, parse_where(f"{key}{space}{operator}{space}{value}")) == holds
    assert matches(CONFIG, conditions_of({key: f"{operator}{space}{value}"})) == holds


@pytest.mark.parametrize("value", ["leaky_relu", ["relu", "leaky_relu"], {"name": "leaky_relu"}])
def test_a_plain_value_must_be_equal(value: Any) -> None:
    assert matches(CONFIG, conditions_of({"activation": value}))
    assert not matches({"activation": {"name": "relu"}}, conditions_of({"activation": {"name": "elu"}}))


def test_conditions_are_parted_at_commas_outside_of_brackets() -> None:
    found = parse_where("activation={name: relu, negative_slope: 0.1}, batch_size<10,model.hidden=[1, 2],name='a,b'")
    assert [condition.key for condition in found] == ["activation", "batch_size", "model.hidden", "name"]
    assert str(found[0]) == "activation=relu negative_slope=0.1"


@pytest.mark.parametrize("text", ["", "relu", "activation=", "=relu", "batch_size<many", "a=[1", "a=1,,b=2"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(ActlabError, match=r"^--where: "):
        parse_where(text)
