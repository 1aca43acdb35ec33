"""One suite over every registered activation, held against the independent NumPy functions at the top."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import erf, expit

from actlab.parts.activations import ACTIVATIONS, infer, resolve
from actlab.parts.activations.checks import check

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
Activation = pytest.importorskip("actlab.parts.activations.layer").Activation

# Keras reads TensorFlow's variables by NumPy's old protocol while it saves a model
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ACTIVATIONS.names()
PARAMETERS: dict[str, dict[str, Any]] = {"formula": {"formula": "where(x > 0, x, exp(x) - 1) + (x < -1)/4"}}
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
UNITS = 12


def _ref_softplus(x):
    return np.logaddexp(0, x)


def _ref_softmax(x):
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def _ref_sparsemax(x):
    def project(row):
        for size in range(1, len(row) + 1):  # the support is the largest prefix of the sorted row above its own cut
            top = np.sort(row)[::-1][:size]
            cut = (top.sum() - 1) / size
            if size == len(row) or np.sort(row)[::-1][size] <= cut:
                return np.maximum(row - cut, 0)
        raise AssertionError

    return np.apply_along_axis(project, -1, x)


def _ref_zero_fit(x):
    axes = (1,) if x.ndim == 2 else (1, 2)
    return x - x.min(axis=axes, keepdims=True)


def _ref_glu(x):
    a, b = np.split(x, 2, axis=-1)
    return a * expit(b)


def _ref_signed_sqrt(x):
    return np.where(np.abs(x) > 1e-6, np.sign(x) * np.sqrt(np.abs(x)), 1000 * x)


def _ref_formula(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0))) + np.where(x < -1, 0.25, 0)


SCALE, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

REFERENCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "crelu": lambda x: np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=-1),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "exponential": np.exp,
    "formula": _ref_formula,
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "glu": _ref_glu,
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -_ref_softplus(-x),
    "log_softmax": lambda x: x - np.logaddexp.reduce(x, axis=-1, keepdims=True),
    "maxout": lambda x: x.reshape(*x.shape[:-1], -1, 2).max(axis=-1),
    "mish": lambda x: x * np.tanh(_ref_softplus(x)),
    "prelu": lambda x: np.where(x > 0, x, 0.25 * x),
    "reflection_linear": np.abs,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "rrelu": lambda x: np.where(x > 0, x, x * (1 / 8 + 1 / 3) / 2),
    "selu": lambda x: SCALE * np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0))),
    "sigmoid": expit,
    "signed_sqrt": _ref_signed_sqrt,
    "silu": lambda x: x * expit(x),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "softmax": _ref_softmax,
    "softplus": _ref_softplus,
    "softplus_linear": lambda x: np.where(x > 0, x + 2 * np.log(2), 2 * np.log1p(np.exp(np.minimum(x, 0)))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "sparse_plus": lambda x: np.where(x >= 1, x, np.where(x <= -1, 0, (x + 1) ** 2 / 4)),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "sparsemax": _ref_sparsemax,
    "squareplus": lambda x: np.where(x > 0, (x + np.sqrt(x * x + 4)) / 2, 2 / (np.sqrt(x * x + 4) - x)),
    "swish": lambda x: x * expit(x),
    "tanh": np.tanh,
    "tanh_shrink": lambda x: x - np.tanh(x),
    "threshold": lambda x: np.where(x > 1, x, 0),
    "zero_fit_linear": _ref_zero_fit,
}


def subject(name):
    entry = ACTIVATIONS.get(name)
    return entry, resolve(entry, PARAMETERS.get(name))


def layer(name, **kwargs):
    return Activation(name, PARAMETERS.get(name), seed=3, **kwargs)


def sample(seed=0, rows=40):
    """Rows of normal numbers with round ones (kinks among them) in the first."""
    x = np.random.default_rng(seed).normal(scale=2.5, size=(rows, UNITS))
    x[0] = [0, -1, 1, -3, 3, -0.5, 0.5, 6, -6, 1e-7, -1e-7, 20]
    return x


def mixed_gradient(function, x):
    """The gradient of a fixed mix of all outputs, and the outputs."""
    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        mix = tf.reduce_sum(y * tf.cast(tf.cos(tf.range(y.shape[-1], dtype="float32")), y.dtype))
    return tape.gradient(mix, x), y


def test_every_registered_name_has_a_reference():
    assert sorted(REFERENCES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_values_equal_the_reference(name):
    entry, parameters = subject(name)
    x = sample()
    np.testing.assert_allclose(infer(entry, parameters, tf.constant(x)), REFERENCES[name](x), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_equals_the_central_difference_of_the_reference(name):
    entry, parameters = subject(name)
    x = sample(seed=1, rows=6)[1:]
    gradient, _ = mixed_gradient(lambda z: infer(entry, parameters, z), x)
    expected = np.zeros_like(x)
    for column in range(UNITS):
        step = np.zeros_like(x)
        step[:, column] = 1e-5
        change = (REFERENCES[name](x + step) - REFERENCES[name](x - step)) / 2e-5
        expected[:, column] = change @ np.cos(np.arange(change.shape[-1], dtype=np.float32))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients_are_finite_far_out(name, dtype):
    entry, parameters = subject(name)
    far = np.array([[1e4, -1e4] * 6, [-1e4, 1e4] * 6, [1e4] * 12, [-1e4] * 12, [0.0] * 12, [1e4, 0, -1e4, 1] * 3])
    x = tf.cast(tf.constant(far[far.max(axis=1) < entry.facts.overflows_above]), dtype)
    gradient, y = mixed_gradient(lambda z: infer(entry, parameters, z), x)
    assert y.dtype == gradient.dtype == x.dtype
    assert np.isfinite(np.float32(y)).all()
    assert np.isfinite(np.float32(gradient)).all()


def test_exponential_overflows_where_it_says():
    entry, parameters = subject("exponential")
    edge = entry.facts.overflows_above
    values = np.asarray(infer(entry, parameters, tf.constant([edge, edge + 0.01], "float32")))
    assert np.isfinite(values[0]) and np.isinf(values[1])


@pytest.mark.parametrize("name", NAMES)
def test_stated_facts_hold(name):
    assert [finding for finding in check(name, PARAMETERS.get(name)) if not finding.holds] == []


@pytest.mark.parametrize(
    ("fact", "wrong"),
    [
        ("range", (-1, math.inf)),
        ("range", (0, 5)),
        ("monotonic", False),
        ("value_at_zero", 0.1),
        ("slope_at_zero", 1.0),
        ("kinks", ()),
        ("kinks", (0, 1)),
    ],
)
def test_a_wrong_fact_is_refuted(monkeypatch, fact, wrong):
    entry = ACTIVATIONS.get("relu")
    lying = dataclasses.replace(entry, facts=dataclasses.replace(entry.facts, **{fact: wrong}))
    monkeypatch.setattr(type(ACTIVATIONS), "get", lambda self, name: lying)
    refuted = [finding.property for finding in check("relu") if not finding.holds]
    assert refuted == [fact.replace("_at_zero", " at 0")]


def test_a_wrong_gradient_is_refuted(monkeypatch):
    @tf.custom_gradient
    def wrong(x):
        return tf.nn.relu(x), lambda upstream: upstream * tf.cast(x > 0, x.dtype) * 1.001

    entry = dataclasses.replace(ACTIVATIONS.get("relu"), function=lambda x, **_: wrong(x))
    monkeypatch.setattr(type(ACTIVATIONS), "get", lambda self, name: entry)
    assert [finding.property for finding in check("relu") if not finding.holds] == ["gradient"]


def test_every_name_of_keras_is_registered():
    from keras.src.activations import ALL_OBJECTS_DICT  # the table has no public name

    assert [name for name in ALL_OBJECTS_DICT if name not in ACTIVATIONS] == []


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_keras_under_the_same_name(name):
    own = getattr(keras.activations, name, None)
    if own is None or name in ("threshold", "sparsemax"):
        pytest.skip("not in Keras, without defaults there, or wrong there")
    entry, parameters = subject(name)
    x = tf.constant(sample(), "float32")
    np.testing.assert_allclose(infer(entry, parameters, x), own(x), rtol=2e-6, atol=2e-7)


def test_threshold_equals_keras():
    entry, x = ACTIVATIONS.get("threshold"), tf.constant(sample(), "float32")
    own = infer(entry, resolve(entry, {"threshold": -0.5, "default_value": 2.0}), x)
    np.testing.assert_array_equal(own, keras.activations.threshold(x, -0.5, 2.0))


def test_the_sparsemax_of_keras_is_still_wrong():
    """The day this fails, the remark in sparsemax's docstring can go."""
    wrong = keras.activations.sparsemax(tf.constant([[1.0, 0.9, 0.8, -1.0]]))
    entry = ACTIVATIONS.get("sparsemax")
    assert not np.isclose(np.sum(wrong), 1)
    assert np.isclose(np.sum(infer(entry, {}, tf.constant([[1.0, 0.9, 0.8, -1.0]]))), 1)


@pytest.mark.parametrize("parameters", [{"max_value": 2.0}, {"threshold": 1.0}, {"negative_slope": 0.3},
    {"negative_slope": 0.3, "max_value": 2.0, "threshold": 0.5}])  # fmt: skip
def test_relu_equals_keras_at_other_parameters(parameters):
    entry, x = ACTIVATIONS.get("relu"), tf.constant(sample(), "float32")
    own = infer(entry, resolve(entry, parameters), x)
    np.testing.assert_allclose(own, keras.activations.relu(x, **parameters), rtol=1e-6, atol=1e-7)


@pytest.fixture(scope="module", params=POLICIES)
def network(request):
    """Every activation after a dense layer and after a convolution, all in one model, with its inputs."""
    keras.utils.set_random_seed(0)
    policy = request.param
    flat, picture = keras.Input((5,)), keras.Input((4, 3, 2))
    dense = keras.layers.Dense(UNITS, dtype=policy)(flat)
    maps = keras.layers.Conv2D(UNITS, 2, dtype=policy)(picture)
    outputs = {}
    for name in NAMES:
        outputs[f"{name}_dense"] = layer(name, dtype=policy)(dense)
        outputs[f"{name}_conv"] = layer(name, dtype=policy)(maps)
    rng = np.random.default_rng(4)
    inputs = [rng.normal(size=(7, 5)).astype("float32"), rng.normal(size=(7, 4, 3, 2)).astype("float32")]
    return keras.Model([flat, picture], outputs), inputs, policy


@pytest.fixture(scope="module")
def results(network, tmp_path_factory):
    """Eager, compiled, and after saving and loading: each a dict of output arrays. And what training gives."""
    model, inputs, _ = network
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    compiled = tf.function(lambda a, b: model([a, b], training=False))
    with tf.GradientTape() as tape:
        trained = model(inputs, training=True)
        loss = tf.add_n([tf.reduce_mean(tf.cast(y, "float32") ** 2) for y in trained.values()])
    gradients = tape.gradient(loss, model.trainable_variables)
    return {
        "eager": model(inputs, training=False),
        "compiled": compiled(*map(tf.constant, inputs)),
        "loaded": loaded(inputs, training=False),
        "trained": trained,
        "gradients": gradients,
    }


@pytest.mark.parametrize("place", ["dense", "conv"])
@pytest.mark.parametrize("name", NAMES)
def test_in_a_model(network, results, name, place):
    model, _, policy = network
    key = f"{name}_{place}"
    entry, parameters = subject(name)
    shape = (7, UNITS) if place == "dense" else (7, 3, 2, UNITS)
    expected = (*shape[:-1], entry.facts.width(UNITS, parameters))
    eager = results["eager"][key]
    assert eager.shape == expected
    assert tuple(model.output[key].shape) == (None, *expected[1:])
    assert eager.dtype == policy.removeprefix("mixed_") == model.output[key].dtype
    rounding = {"float32": 2e-6, "mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}[policy]
    np.testing.assert_allclose(np.float32(results["compiled"][key]), np.float32(eager), rtol=rounding, atol=rounding)
    np.testing.assert_array_equal(np.float32(results["loaded"][key]), np.float32(eager))
    assert np.isfinite(np.float32(results["trained"][key])).all()


def test_all_weights_are_float32_and_get_a_finite_gradient(network, results):
    model, _, _ = network
    assert {str(v.dtype) for v in model.trainable_variables} == {"float32"}
    for variable, gradient in zip(model.trainable_variables, results["gradients"], strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
    assert model.losses == []  # no regularizer on what is learned


@pytest.mark.parametrize("name", NAMES)
def test_own_slope_is_the_diagonal_of_the_jacobian(name):
    entry, _ = subject(name)
    if entry.facts.width(UNITS, subject(name)[1]) != UNITS:
        pytest.skip("changes the width")
    act = layer(name)
    x = tf.constant(sample(seed=5, rows=4)[1:], "float32")
    act(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = act(x)
    diagonal = tf.linalg.diag_part(tape.batch_jacobian(y, x, experimental_use_pfor=False))
    np.testing.assert_allclose(act.slope(x), diagonal, rtol=1e-4, atol=1e-6)
