"""What sentences and figures call conditions."""

from __future__ import annotations

from typing import Any

import pytest

from actlab.spec.labels import short_names


def part(name: str, **parameters: Any) -> dict[str, Any]:
    return {"name": name, **parameters}


CASES = [
    (["batch_size"], [{"batch_size": 10}, {"batch_size": 50}], ["batch_size 10", "batch_size 50"]),
    (
        ["optimizer"],
        [
            {"optimizer": o}
            for o in (part("adam", lr=1), part("rmsprop", lr=1, rho=0.5), part("rmsprop", lr=1, rho=0.9))
        ],
        ["adam", "rmsprop rho=0.5", "rmsprop rho=0.9"],
    ),
    (
        ["activation", "batch_size"],
        [{"activation": part("leaky_relu", negative_slope=s), "batch_size": b} for s in (0.1, 0.2) for b in (1, 2)],
        [f"leaky_relu {s} batch_size={b}" for s in (0.1, 0.2) for b in (1, 2)],
    ),
    (["activation"], [{"activation": part("relu")}, {"activation": part("leaky_relu", a=1)}], ["relu", "leaky_relu"]),
    (["data"], [{}, {}], ["one", "two"]),
]


@pytest.mark.parametrize(("columns", "configs", "names"), CASES)
def test_no_more_than_tells_conditions_apart(columns: list[str], configs: list[Any], names: list[str]) -> None:
    keys = [{c: str(config.get(c, ["one", "two"][i % 2])) for c in columns} for i, config in enumerate(configs)]
    assert [" ".join(parts.values()) for parts in short_names(columns, keys, configs)] == names


def test_where_less_would_not_do_the_texts_stand_in_full() -> None:
    """Runs pooled by a key of a part's parameters may have equal parts in the config of their first run."""
    keys = [{"activation": "relu"}, {"activation": "relu negative_slope=0.5"}]
    configs = [{"activation": part("relu")}] * 2
    found = short_names(["activation"], keys, configs)
    assert found == [{"activation": "relu"}, {"activation": "relu negative_slope=0.5"}]


def test_one_collision_lengthens_those_that_collide_and_no_other() -> None:
    keys = [{"activation": "relu"}, {"activation": "relu negative_slope=0.5"}, {"activation": "leaky_relu 0.1"}]
    configs = [*[{"activation": part("relu")}] * 2, {"activation": part("leaky_relu", negative_slope=0.1)}]
    found = [of["activation"] for of in short_names(["activation"], keys, configs)]
    assert found == ["relu", "relu negative_slope=0.5", "leaky_relu"]


def test_columns_with_the_same_last_part_are_told_apart() -> None:
    columns = ["model.dropout", "head.dropout", "epochs"]
    keys = [{"model.dropout": m, "head.dropout": h, "epochs": "3"} for m, h in (("0", "0.1"), ("0.1", "0"))]
    found = [list(of.values()) for of in short_names(columns, keys, [{}, {}])]
    assert found[0] == ["model.dropout=0", "head.dropout=0.1", "epochs=3"]
