"""Networks as they are born: against Lu et al.'s interval, and against the mean-field theory of wide layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from actlab.parts.probes import Probes
from actlab.runs.engines.build import build_model
from actlab.spec.config import resolve


def born(probe: dict[str, Any], shape: tuple[int, ...] = (28, 28, 1), **changes: Any) -> tuple[Any, Any]:
    """What one probe says of a model as it is built: its columns by layer, and the totals."""
    data = {"dataset": "mnist", "model": {"name": "deep_dense", "width": 100, "depth": 8}, "activation": "relu",
            "initializer": "he_normal", "epochs": 1, "probes": [probe], **changes}  # fmt: skip
    config, problems = resolve(data)
    assert config is not None, problems
    probes = Probes(config.probes or [], build_model(config, shape, 10))
    rows, totals = probes.row({}, {})
    named = {column: [row[2 + i] for row in rows if row[2 + i] is not None] for i, column in enumerate(probes.columns)}
    return named, dict(zip(probes.totals, totals, strict=True))


@pytest.mark.parametrize("width", [2, 3, 4])
def test_the_share_that_is_born_dead_lies_in_the_interval(width: int) -> None:
    """At 2, 5, 10 and 20 layers, give or take four standard errors; after two layers the lower end is the value."""
    networks = 20_000
    model = {"name": "deep_dense", "width": width, "depth": 20}
    named, totals = born({"name": "born_dead", "networks": networks, "points": 40}, model=model)
    shares, q = named["born_dead"], 2.0**-width
    assert len(shares) == 20 and shares[0] == 0 and totals["born_dead"] == shares[-1]
    assert shares == sorted(shares)
    for layers in (2, 5, 10, 20):
        share, one_side = shares[layers - 1], 1 - (1 - q) ** (layers - 1)
        low, high = 2 * q * one_side + (1 - 2 * q) * one_side**2, one_side
        error = 4 * math.sqrt(share * (1 - share) / networks)
        assert low - error <= share <= (low if layers == 2 else high) + error


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh", "softplus", "reflection_linear"])
def test_what_has_a_slope_everywhere_is_never_born_dead(activation: str) -> None:
    model = {"name": "deep_dense", "width": 2, "depth": 10}
    named, _ = born({"name": "born_dead", "networks": 500}, model=model, activation=activation)
    assert named["born_dead"] == [0.0] * 10


def test_zero_weights_are_dead_and_wide_layers_are_not() -> None:
    assert born({"name": "born_dead", "networks": 4}, initializer="zeros")[0]["born_dead"] == [1.0] * 8
    assert born({"name": "born_dead", "networks": 50})[0]["born_dead"] == [0.0] * 8


def test_relu_with_he_keeps_variance_and_gradients_and_correlates() -> None:
    """q stays 2, χ is 1 (He et al. 2015), and correlations follow the arc-cosine map (Cho and Saul 2009)."""
    model = {"name": "deep_dense", "width": 300, "depth": 8}
    named, totals = born({"name": "signal_propagation", "networks": 100}, model=model)
    np.testing.assert_allclose(named["birth_variance"], 2, rtol=0.1)
    np.testing.assert_allclose(named["birth_chi"], 1, rtol=0.02)
    np.testing.assert_allclose(named["birth_gradient_norm"], 1, rtol=0.1)
    correlation = 0.5
    for found in named["birth_correlation"]:
        assert found == pytest.approx(correlation, abs=0.01)
        correlation = (math.sqrt(1 - correlation**2) + correlation * (math.pi - math.acos(correlation))) / math.pi
    assert totals == {}


def test_a_sigmoid_loses_its_gradient_layer_by_layer() -> None:
    """χ = N·Var(W)·E[f′²] ≤ 2/16, so that eight layers divide the gradient by thousands."""
    named, _ = born({"name": "signal_propagation"}, activation="sigmoid")
    assert max(named["birth_chi"]) < 2 / 16
    assert named["birth_gradient_norm"][0] < 1e-3
    assert named["birth_correlation"][-1] > 0.999


@pytest.mark.parametrize("initializer", ["glorot_uniform", "lecun_normal", "orthogonal",
                                         {"name": "variance_scaling", "mode": "fan_avg"},
                                         {"name": "random_normal", "stddev": 0.1}])  # fmt: skip
def test_networks_are_drawn_as_the_layer_is(initializer: Any) -> None:
    """The variance of z in the first layer is that of its weights times the inputs; fans are those of one network."""
    named, _ = born({"name": "signal_propagation", "networks": 60}, initializer=initializer)
    config, _ = resolve({"dataset": "mnist", "model": "mnist_dense", "activation": "relu", "epochs": 1,
                         "initializer": initializer})  # fmt: skip
    assert config is not None
    kernel = np.asarray(build_model(config, (28, 28, 1), 10).layers[2].kernel)[:, :100]
    if initializer in ("glorot_uniform", {"name": "variance_scaling", "mode": "fan_avg"}):
        kernel = kernel * math.sqrt((784 + 256) / (784 + 100))  # whose variance has the width in it
    assert named["birth_variance"][0] == pytest.approx(784 * kernel.var(), rel=0.06)


@pytest.mark.parametrize("activation", ["glu", {"name": "maxout", "pieces": 3}, "crelu", "prelu", "softmax"])
def test_any_activation_may_be_looked_at(activation: Any) -> None:
    for probe in ("born_dead", "signal_propagation"):
        named, _ = born({"name": probe, "networks": 5}, activation=activation)
        assert all(len(values) in (7, 8) for values in named.values())


def test_a_convolution_has_no_such_numbers() -> None:
    for probe in ("born_dead", "signal_propagation"):
        named, totals = born({"name": probe}, model="simple_cnn")
        assert not any(named.values()) and not any(totals.values())


def test_the_same_seed_draws_the_same_networks() -> None:
    first, again, other = (born({"name": "signal_propagation", "networks": 3}, seed=seed)[0] for seed in (1, 1, 2))
    assert first == again != other
