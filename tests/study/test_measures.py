"""One number of a run, and which runs are meant."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlab.errors import ActlabError, UnknownName
from actlab.runs.record import Run
from actlab.show.words import caption
from actlab.spec.config import RunConfig
from actlab.spec.metrics import higher_is_better
from actlab.spec.where import Condition, check_keys, conditions_of, matches, parse_where
from actlab.study.judge import compare
from actlab.study.measures import check_metric, is_mean_of_layers, known_metrics, reach, value

HISTORY = """epoch,step,loss,accuracy,val_loss,val_accuracy,learning_rate,dead_units
1,10,1.0,0.5,0.9,0.4,0.1,3
2,20,0.5,0.6,0.6,0.9,0.1,7
3,40,0.2,0.7,0.7,0.8,0.1,5
"""
TIMING = "wall_seconds,images_per_second\n1.5,100\n2.5,300\n4.5,200\n"
LAYERS = """epoch,step,layer,units,dead_units,weight_norm
1,10,dense,256,3,1.0
1,10,logits,10,,2.0
2,20,dense,256,6,1.5
2,20,logits,10,,2.5
3,40,dense,256,4,1.25
3,40,logits,10,,2.25
"""
RESULTS = {
    "final": {"epoch": 3, "step": 40, "val_accuracy": 0.8, "test_accuracy": 0.75, "test_loss": 0.6},
    "best": {"epoch": 2, "step": 20, "val_accuracy": 0.9, "test_accuracy": 0.85, "test_loss": 0.5},
}
Make = Callable[..., Run]


@pytest.fixture
def made(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Make:
    """Makes the run of the tables above."""

    def make(status: str = "done", layers: str | None = LAYERS, history: str = HISTORY, **config: Any) -> Run:
        record = {"results": RESULTS} if status == "done" else {}
        path = make_run(tmp_path, resolved(**config), [0.4, 0.9, 0.8], status, record)
        (path / "history.csv").write_text(history)
        (path / "timing.csv").write_text(TIMING)
        if layers is not None:
            (path / "layers.csv").write_text(layers)
        return Run(path)

    return make


def test_what_is_written_by_layer_only_is_called_a_mean_over_the_layers(made: Make) -> None:
    runs = [made()]
    found = {metric: is_mean_of_layers(runs, metric) for metric in known_metrics(runs)}
    assert [metric for metric, of_layers in found.items() if of_layers] == ["weight_norm"]
    assert is_mean_of_layers(runs, "*.weight_norm")
    metrics = ["weight_norm", "dense.weight_norm", "val_accuracy"]
    assert "; weight_norm: of a network, the mean over its layers" in caption(compare(runs, metrics))


@pytest.mark.parametrize(
    ("metric", "at", "expected"),
    [
        ("val_accuracy", "last", 0.8),
        ("val_accuracy", "best-validation", 0.9),
        ("test_accuracy", "last", 0.75),
        ("test_loss", "best-validation", 0.5),
        ("dead_units", "last", 5),  # not among the results here: the row of their step
        ("dead_units", "best-validation", 7),
        ("*.dead_units", "max", 7),
        ("dead_units", "min", 3),
        ("dead_units", "mean", 5),
        ("dead_units", "step 20", 7),
        ("dead_units", "step 30", math.nan),
        ("dead_units", "epoch 3", 5),
        ("loss", "area", (10 * (1.0 + 0.5) / 2 + 20 * (0.5 + 0.2) / 2) / 30),
        ("epoch", "best-validation", 2),
        ("wall_seconds", "last", 4.5),
        ("images_per_second", "mean", 200),
        ("dense.dead_units", "last", 4),
        ("dense.dead_units", "best-validation", 6),
        ("dense.weight_norm", "area", (10 * (1.0 + 1.5) / 2 + 20 * (1.5 + 1.25) / 2) / 30),
        ("logits.dead_units", "max", math.nan),  # empty cells
        ("logits.weight_norm", "epoch 2", 2.5),
        ("conv2d.dead_units", "last", math.nan),  # a layer of other models
        ("saturated_fraction", "last", math.nan),  # not probed here
        ("negative_slope_mean", "last", math.nan),  # of an activation that learns its slope
    ],
)
def test_values(metric: str, at: str, expected: float, made: Make) -> None:
    assert value(made(), metric, at) == pytest.approx(expected, nan_ok=True)


def test_an_unfinished_run_is_measured_as_far_as_it_came(made: Make) -> None:
    run = made(status="failed")
    assert value(run, "val_loss", "last") == 0.7
    assert value(run, "loss", "best-validation") == 0.5  # the row of the best validation accuracy
    assert math.isnan(value(run, "test_accuracy", "last"))
    stopping = made(
        status="failed", seed=1, early_stopping={"metric": "val_loss"}, history=HISTORY.replace("0.6,0.9", "0.8,0.9")
    )
    assert value(stopping, "loss", "best-validation") == 0.2  # its best is that of the validation loss


def test_what_the_disk_lacks_is_no_number(made: Make) -> None:
    bare = made(layers=None)
    assert math.isnan(value(bare, "dense.dead_units", "last"))
    (bare.path / "history.csv").unlink()
    assert math.isnan(value(Run(bare.path), "dead_units", "last"))
    assert value(Run(bare.path), "val_accuracy", "last") == 0.8  # run.json still has it
    empty = made(seed=1, history=HISTORY.split("\n")[0] + "\n")
    assert math.isnan(value(empty, "dead_units", "max"))
    assert value(made(seed=2, history=HISTORY.rpartition("2,20")[0]), "dead_units", "area") == 3  # a single row


@pytest.mark.parametrize(
    ("metric", "at", "said"),
    [
        ("val_acuracy", "last", "unknown metric 'val_acuracy'; did you mean 'val_accuracy'?"),
        ("dense.dead_unit", "last", "unknown metric 'dense.dead_unit'; did you mean 'dense.dead_units'?"),
        ("loss", "best_validation", "unknown moment 'best_validation'; did you mean 'best-validation'?"),
        ("loss", "step x", "unknown moment 'step x'; did you mean 'step N'?"),
    ],
)
def test_unknown_names_are_answered_by_the_nearest(metric: str, at: str, said: str, made: Make) -> None:
    with pytest.raises(UnknownName) as caught:
        value(made(), metric, at)
    assert str(caught.value) == said


def test_the_test_set_is_measured_twice_only(made: Make) -> None:
    with pytest.raises(ActlabError, match=r"test_accuracy is taken at the end .* 'max', use 'last' or .* val_accuracy"):
        value(made(), "test_accuracy", "max")


def test_known_metrics_are_those_of_any_run(made: Make) -> None:
    with_probes, bare = made(), made(layers=None, seed=1, activation="tanh")
    assert known_metrics([bare, with_probes]) == [
        "test_accuracy", "test_loss", "epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy",
        "learning_rate", "dead_units", "wall_seconds", "images_per_second", "weight_norm",
        "dense.dead_units", "dense.weight_norm", "logits.dead_units", "logits.weight_norm",
    ]  # fmt: skip
    check_metric("*.dead_units", [bare, with_probes])
    with pytest.raises(UnknownName, match=r"did you mean 'dense\.dead_units'"):
        check_metric("dens.dead_units", [with_probes])


def test_what_is_better() -> None:
    better = {"val_accuracy", "accuracy", "test_accuracy", "images_per_second"}
    worse = {"loss", "test_loss", "dead_units", "dense.dead_units", "wall_seconds", "saturated_fraction"}
    assert {m for m in better | worse if higher_is_better(m)} == better


def test_reaching_a_level_takes_epochs_and_seconds(made: Make) -> None:
    run = made()
    assert reach(run, "val_accuracy", 0.8) == (2, 2.5)
    assert reach(run, "accuracy", 0.7) == (3, 4.5)
    assert reach(run, "val_loss", 0.9) == (1, 1.5)  # a loss is reached from above
    assert all(map(math.isnan, reach(run, "val_accuracy", 0.95)))
    assert all(map(math.isnan, reach(run, "unmoved_units", 1)))


# --- conditions ------------------------------------------------------------------------------------------------


def test_conditions_are_parted_at_commas_outside_of_brackets() -> None:
    assert parse_where("activation=relu, optimizer.learning_rate<0.1,seed!=3") == [
        Condition("activation", "=", "relu"), Condition("optimizer.learning_rate", "<", 0.1),
        Condition("seed", "!=", 3),
    ]  # fmt: skip
    assert parse_where("activation={name: leaky_relu, negative_slope: 0.1},model.hidden=[256, 10]") == [
        Condition("activation", "=", {"name": "leaky_relu", "negative_slope": 0.1}),
        Condition("model.hidden", "=", [256, 10]),
    ]
    assert parse_where("epochs>=3,seed==1,batch_size<=1e2")[1:] == [
        Condition("seed", "=", 1), Condition("batch_size", "<=", 100.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("activation", "expected conditions such as activation=relu,optimizer.learning_rate<0.1, read 'activation'"),
        ("activation=", "read 'activation='"),
        ("", "read ''"),
        ("seed=1,,epochs=2", "read ''"),
        ("activation<relu", "activation< needs a number, read 'relu'"),
        ("activation={name: relu", "needs ',' or '}' here (at character 12), in activation={name: relu"),
    ],
)
def test_what_is_no_condition_is_said(text: str, said: str) -> None:
    with pytest.raises(ActlabError) as caught:
        parse_where(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ({"activation": "leaky_relu"}, True),
        ({"activation": "relu"}, False),
        ({"activation": "!= relu"}, True),
        ({"activation": {"name": "leaky_relu", "negative_slope": 0.01}}, True),
        ({"activation": {"name": "leaky_relu", "negative_slope": 0.1}}, False),
        ({"activation": {"negative_slope": 0.01}}, True),
        ({"activation.negative_slope": 0.01}, True),
        ({"activation": ["relu", "leaky_relu"]}, True),
        ({"activation": ["relu", "tanh"]}, False),
        ({"initializer": "he"}, True),  # an alias
        ({"initializer": {"name": "he"}}, True),
        ({"optimizer.schedule": "constant"}, True),
        ({"optimizer.learning_rate": "< 0.2", "seed": 1}, True),
        ({"optimizer.learning_rate": ">= 0.2"}, False),
        ({"optimizer.learning_rate": "<= 0.1"}, True),
        ({"model.hidden": [256]}, True),
        ({"model.hidden": [128]}, False),
        ({"model.hidden": [256, 10]}, False),
        ({"epochs": 3.0}, True),
        ({"seed": True}, False),  # true is no 1
        ({"early_stopping": None}, True),
        ({"early_stopping": "!= null"}, False),
        ({"dataset.validation": "test"}, False),
        ({"activation": "< 3"}, False),  # what is no number has no order
    ],
)
def test_conditions_hold_of_a_config(of: dict[str, Any], expected: bool, resolved: Callable[..., RunConfig]) -> None:
    config = resolved(
        activation={"name": "leaky_relu", "negative_slope": 0.01}, initializer="he", seed=1,
        optimizer={"name": "sgd", "learning_rate": 0.1},
    )  # fmt: skip
    assert matches(config.canonical(), conditions_of(of)) is expected


def test_unknown_keys_are_answered_by_the_nearest(resolved: Callable[..., RunConfig]) -> None:
    configs = [resolved(activation=name).canonical() for name in ("relu", "tanh")]
    check_keys(parse_where("activation.negative_slope=0,optimizer.schedule=constant,seed=1"), configs)
    check_keys(parse_where("early_stopping=null"), configs, ["early_stopping"])
    with pytest.raises(UnknownName, match="unknown config key 'activaton'; did you mean 'activation'"):
        check_keys(parse_where("activaton=relu"), configs)
    with pytest.raises(
        UnknownName, match="unknown parameter of activation 'negative_slop'; did you mean 'negative_slope'"
    ):
        check_keys(parse_where("activation.negative_slop=1"), configs)
