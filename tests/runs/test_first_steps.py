"""The losses of the first 20 steps are the same on every engine, whatever else a config asks for.

They are held against those that TensorFlow gave, which `python tests/runs/test_first_steps.py` writes down.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from runs import on_jax

from actlab.lazy import keras, ops
from actlab.runs.record import Run
from actlab.runs.training import train

RECORDED = Path(__file__).with_name("first_steps.json")
DENSE: dict[str, Any] = {"name": "mnist_dense", "hidden": [16]}
SGD: dict[str, Any] = {"name": "sgd", "learning_rate": 0.1}
FEATURES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "all at once": {
        "model": {**DENSE, "dropout": 1e-9, "batch_norm": "before", "regularizer": {"l1": 1e-4, "l2": 1e-3}},
        "optimizer": {**SGD, "momentum": 0.9, "nesterov": True, "global_clipnorm": 0.5, "use_ema": True,
                      "schedule": {"name": "cosine", "warmup_steps": 5}},
        "activation": "prelu", "initializer": "glorot_uniform",
    },
    "convolution": {"model": "simple_cnn"},
    # with a rate of 0.1 rounding grows a thousandfold in 20 steps of this one
    "im2col": {"model": {"name": "simple_cnn", "convolution": "im2col", "batch_norm": "after"},
               "optimizer": {**SGD, "learning_rate": 0.01}},
    **{name: {"optimizer": {"name": name, "learning_rate": 0.003}}
       for name in ("adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "lion")},
    **{schedule: {"optimizer": {**SGD, "schedule": schedule}} for schedule in ("cosine", "exponential")},
    "step": {"optimizer": {**SGD, "schedule": {"name": "step", "every_epochs": 0.5}}},
    **{clip: {"optimizer": {**SGD, clip: 0.05}} for clip in ("clipnorm", "clipvalue", "global_clipnorm")},
    "moving average": {"optimizer": {**SGD, "use_ema": True, "ema_overwrite_frequency": 7}},
    "accumulation": {"optimizer": {**SGD, "gradient_accumulation_steps": 4}},
    "loss scale": {"optimizer": {**SGD, "loss_scale_factor": 128.0}},
    **{f"batch norm {place}": {"model": {**DENSE, "batch_norm": place}} for place in ("before", "after")},
    "dropout": {"model": {**DENSE, "dropout": 1e-9}},  # the layer is there and drops nothing: engines draw differently
    **{precision: {"precision": precision} for precision in ("mixed_float16", "mixed_bfloat16")},
}  # fmt: skip
# a product of 16 bits is rounded at 2⁻¹¹ or 2⁻⁸ of its size, by each engine at other places
CLOSE = {"mixed_float16": 3e-3, "mixed_bfloat16": 3e-2}
QUICK = ("nothing", "all at once")


def losses(folder: Path, feature: str) -> dict[str, Any]:
    """Loss of each step, loss on the validation images after it, learning rate; and the sum of the initial weights."""
    assert train(on_jax.job(folder, on_jax.config(steps=20, evaluate_every=1, **FEATURES[feature]))) == "done"
    columns = pd.read_csv(folder / "history.csv")[["loss", "val_loss", "learning_rate"]].to_dict("list")
    return {"initial_weights_sha256": Run(folder).record["initial_weights_sha256"], **columns}


@pytest.mark.parametrize(
    "feature", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.torture) for name in FEATURES]
)
def test_the_first_steps_are_those_of_every_engine(feature: str, tmp_path: Path) -> None:
    expected = json.loads(RECORDED.read_text())[feature]
    found = losses(tmp_path, feature)
    assert found.pop("initial_weights_sha256") == expected.pop("initial_weights_sha256")
    for column, numbers in expected.items():
        np.testing.assert_allclose(found[column], numbers, rtol=CLOSE.get(feature, 1e-4), err_msg=column)


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    dropped = np.asarray(keras.layers.Dropout(0.3, seed=1)(ops.ones((200, 200)), training=True))
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.7)}
    assert abs((dropped == 0).mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / dropped.size)


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        recorded = {feature: losses(Path(made, feature.replace(" ", "_")), feature) for feature in FEATURES}
    lines = (f"{json.dumps(feature)}: {json.dumps(columns)}" for feature, columns in recorded.items())
    RECORDED.write_text("{" + ",\n".join(lines) + "}\n")
