"""The JAX engine: without TensorFlow, the same numbers as TensorFlow's, together as alone, resumed as never stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import on_jax
from typer.testing import CliRunner

from actlab.cli import app
from actlab.errors import DeviceError
from actlab.parts import draws
from actlab.runs.record import Run

pytest.importorskip("jax")


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of trainings in a process of JAX: Keras has one backend a process."""
    folder = tmp_path_factory.mktemp("jax")
    done = subprocess.run([sys.executable, on_jax.__file__, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.torture
def test_it_trains_without_tensorflow_and_together_as_alone(answered: Path) -> None:
    """Numbers in which a group differs are arguments of its program: it is the same one; stacked, rounding apart.

    Each of five trainings compiles two steps once, of 50 images and of the 30 that end an epoch, also a resumed one.
    """
    answer = json.loads((answered / "answer.json").read_text())
    assert answer == {
        "backend": "jax", "loaded": ["jax", "keras"], "stops": 1, "together": ["done"] * 4, "compiled": 10,
    }  # fmt: skip
    for name in on_jax.FILES:
        alone, *others = ((answered / of / name).read_bytes() for of in ("alone", "resumed", "together"))
        assert others == [alone] * 2, name
    one, stacked = (pd.read_csv(answered / of / "history.csv") for of in ("alone", "stacked"))
    np.testing.assert_allclose(stacked, one, rtol=1e-6)
    environment = Run(answered / "alone").environment
    assert environment["engine"] == "jax" and environment["versions"].keys() >= {"jax", "jaxlib", "keras"}


@pytest.mark.only("tensorflow", reason="compares TensorFlow's own numbers")
def test_numpy_draws_what_tensorflow_does() -> None:
    import tensorflow as tf

    for shape, seed in (((784, 33), 5), ((3, 3, 8, 7), 2**31 - 1)):
        pair = [seed % (2**31 - 2), 0]
        for ours, theirs in (
            (draws.uniform(shape, seed, -0.3, 0.2), tf.random.stateless_uniform(shape, pair, -0.3, 0.2)),
            (draws.normal(shape, seed, 0.1, 0.02), tf.random.stateless_normal(shape, pair, 0.1, 0.02)),
            (
                draws.truncated_normal(shape, seed, 0.0, 0.1),
                tf.random.stateless_truncated_normal(shape, pair, 0.0, 0.1),
            ),
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_another_engine_is_another_run_and_tensorflows_hash_stays() -> None:
    plain, tensorflow, jax = (on_jax.config(**of) for of in ({}, {"engine": "tensorflow"}, {"engine": "jax"}))
    assert plain.hash == tensorflow.hash != jax.hash
    assert "engine" not in tensorflow.canonical() and jax.canonical()["engine"] == "jax"


def test_an_engine_that_is_none_is_one_message(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["run", "quickstart_synth", "--engine", "torch", "--out", str(tmp_path)])
    assert isinstance(done.exception, DeviceError) and "expected auto, tensorflow or jax" in str(done.exception)
