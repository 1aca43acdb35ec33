"""One suite over every registered activation, held against the NumPy reference that its facts state."""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from parts.activations import slopes
from parts.gradients import gradients

from actlab.lazy import backend, jax, keras, ops, tf
from actlab.parts.activations import ACTIVATIONS, infer, resolve
from actlab.parts.activations.checks import check
from actlab.parts.activations.curves import section

Activation = pytest.importorskip("actlab.parts.activations.layer").Activation

NAMES = ACTIVATIONS.names()
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
UNITS = 12


def subject(name):
    entry = ACTIVATIONS.get(name)
    return entry, resolve(entry, entry.facts.example)


def layer(name, **kwargs):
    return Activation(name, ACTIVATIONS.get(name).facts.example, seed=3, **kwargs)


def sample(seed=0, rows=40):
    """Rows of normal numbers with round ones (kinks among them) in the first."""
    x = np.random.default_rng(seed).normal(scale=2.5, size=(rows, UNITS))
    x[0] = [0, -1, 1, -3, 3, -0.5, 0.5, 6, -6, 1e-7, -1e-7, 20]
    return x


def tensor(values, dtype="float32"):
    return ops.cast(np.asarray(values, np.float64), dtype)


def mixed_gradient(function, x):
    """The gradient of a fixed mix of all outputs, and the outputs."""
    x = ops.convert_to_tensor(x)
    y = function(x)
    mix = ops.cast(ops.cos(ops.arange(y.shape[-1], dtype="float32")), y.dtype)
    y, (gradient,) = gradients(function, [x], mix=ops.broadcast_to(mix, y.shape))
    return gradient, y


def test_the_references_know_nothing_of_keras():
    """They compute by NumPy alone: compared with them, a function is not compared with itself."""
    code = (
        "import sys, numpy; from actlab.parts.activations import ACTIVATIONS; "
        "[entry.facts.reference(numpy.ones((2, 4))) for entry in ACTIVATIONS]; "
        "print([m for m in ('keras', 'tensorflow', 'jax', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_what_is_learned_or_drawn_is_stated(name):
    """What a function takes besides x and its parameters is what its facts say."""
    entry, parameters = subject(name)
    taken = inspect.signature(entry.function).parameters.values()
    beside = [p.name for p in taken if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD][1:]
    assert beside == [*entry.facts.learned, *(["draw"] if entry.facts.draws else [])]
    assert set(entry.facts.learned.values()) <= set(parameters)
    assert not entry.facts.learned or "share" in parameters


@pytest.mark.parametrize("name", NAMES)
def test_gradient_equals_the_central_difference_of_the_reference(name):
    entry, parameters = subject(name)
    x = sample(seed=1, rows=6)[1:]
    gradient, _ = mixed_gradient(lambda z: infer(entry, parameters, z), x)
    expected = np.zeros_like(x)
    for column in range(UNITS):
        step = np.zeros_like(x)
        step[:, column] = 1e-5
        change = (entry.facts.reference(x + step) - entry.facts.reference(x - step)) / 2e-5
        expected[:, column] = change @ np.cos(np.arange(change.shape[-1], dtype=np.float32))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", NAMES)
def test_values_and_gradients_are_finite_far_out(name, dtype):
    entry, parameters = subject(name)
    far = np.array([[1e4, -1e4] * 6, [-1e4, 1e4] * 6, [1e4] * 12, [-1e4] * 12, [0.0] * 12, [1e4, 0, -1e4, 1] * 3])
    x = tensor(far[far.max(axis=1) < entry.facts.overflows_above], dtype)
    gradient, y = mixed_gradient(lambda z: infer(entry, parameters, z), x)
    assert y.dtype == x.dtype and str(gradient.dtype) == dtype
    assert np.isfinite(np.float32(y)).all()
    assert np.isfinite(np.float32(gradient)).all()


PRODUCTS = ("silu", "swish", "gelu", "mish")  # −∞·0, as in Keras and PyTorch
ACROSS = ("softmax", "log_softmax", "zero_fit_linear")  # ∞ − ∞ by their definition


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *((name, {}) for name in NAMES if name != "formula"),
        ("relu", {"threshold": 1.0}), ("relu", {"max_value": 6.0, "threshold": 1.0}), ("relu", {"negative_slope": 0.1}),
        ("gelu", {"approximate": True}), ("rrelu", {"variant": "paper"}), ("soft_shrink", {"threshold": 0.0}),
    ],
)  # fmt: skip
def test_nan_stays_nan(name, parameters, dtype):
    entry = ACTIVATIONS.get(name)
    y = infer(entry, resolve(entry, parameters), tensor([[math.nan] + [0.5] * 11], dtype))
    assert math.isnan(float(y[0, 0]))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*PRODUCTS, *ACROSS)])
def test_at_infinity_stands_the_limit(name, dtype):
    entry, parameters = subject(name)
    for far in (-math.inf, math.inf):
        y, (slope,) = gradients(lambda x: infer(entry, parameters, x)[0, 0], [tensor([[far] + [0.0] * 11], dtype)])
        at_infinity, slope = float(ops.cast(y, "float64")), float(slope[0, 0])
        very_far = float(infer(entry, parameters, tensor([[math.copysign(1e12, far)] + [0.0] * 11], "float64"))[0, 0])
        grows = abs(very_far) > 1e5
        assert at_infinity == (math.copysign(math.inf, very_far) if grows else pytest.approx(very_far, abs=0.01))
        assert not math.isnan(slope)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("tanh_shrink", "log_softmax", "formula")])
def test_small_and_large_values_keep_their_digits_in_float32(name):
    """Where nothing is lost, float32 is float64 rounded: elu(-1e-8) is not 0. (tanh_shrink and log_softmax cancel.)"""
    entry, parameters = subject(name)
    xs = [-20, -12, -8, -5, -1e-2, -1e-4, -1e-8, 1e-8, 1e-4, 1e-2, 5, 8, 12, 20]
    rows = np.zeros((len(xs), 12))
    rows[:, 0] = xs
    single, double = (np.asarray(infer(entry, parameters, tensor(rows, dtype))) for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single, double, rtol=2e-4, atol=1e-37)


def test_the_tanh_form_of_gelu_is_alive_at_minus_five():
    entry = ACTIVATIONS.get("gelu")
    values, slopes = section(entry, resolve(entry, {"approximate": True}), np.array([-5.0, -8.0]), "float32")
    expected = section(entry, resolve(entry, {"approximate": True}), np.array([-5.0, -8.0]), "float64")
    np.testing.assert_allclose(values, expected[0], rtol=1e-4)
    np.testing.assert_allclose(slopes, expected[1], rtol=1e-4)
    assert (values < 0).all() and (slopes != 0).all()


def test_the_slope_of_zero_fit_linear_is_shared_by_the_least():
    """At a tie, own slope, gradient and the stated slope at 0 agree."""
    entry, _ = subject("zero_fit_linear")
    x = tensor([[0.0, 0.0, 3.0], [-1.0, 0.0, 0.0]])
    np.testing.assert_allclose(entry.facts.own_slope(x), [[0.5, 0.5, 1], [0, 1, 1]])
    assert entry.facts.slope_at_zero == 0.5


def test_exponential_overflows_where_it_says():
    entry, parameters = subject("exponential")
    edge = entry.facts.overflows_above
    values = np.asarray(infer(entry, parameters, tensor([edge, edge + 0.01])))
    assert np.isfinite(values[0]) and np.isinf(values[1])


@pytest.mark.parametrize("name", NAMES)
def test_stated_facts_hold(name):
    assert [finding for finding in check(name, ACTIVATIONS.get(name).facts.example) if not finding.holds] == []


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
    @ops.custom_gradient
    def wrong(x):
        return ops.relu(x), lambda upstream: upstream * ops.cast(x > 0, x.dtype) * 1.001

    entry = dataclasses.replace(ACTIVATIONS.get("relu"), function=lambda x, **_: wrong(x))
    monkeypatch.setattr(type(ACTIVATIONS), "get", lambda self, name: entry)
    assert [finding.property for finding in check("relu") if not finding.holds] == ["gradient"]


def test_every_name_of_keras_is_registered():
    from keras.src.activations import ALL_OBJECTS_DICT  # the table has no public name

    assert [name for name in ALL_OBJECTS_DICT if name not in ACTIVATIONS] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_keras_means_what_it_means_there(name):
    own = getattr(keras.activations, name, None)
    if own is None or name in ("threshold", "sparsemax"):
        pytest.skip("not in Keras, without defaults there, or wrong there")
    x = sample()
    np.testing.assert_allclose(own(tensor(x)), ACTIVATIONS.get(name).facts.reference(x), 1e-5, 1e-6)


def test_threshold_equals_keras():
    entry, x = ACTIVATIONS.get("threshold"), tensor(sample())
    own = infer(entry, resolve(entry, {"threshold": -0.5, "default_value": 2.0}), x)
    np.testing.assert_array_equal(own, np.where(x > np.float32(-0.5), x, np.float32(2)))
    np.testing.assert_array_equal(own, keras.activations.threshold(x, -0.5, 2.0))


def test_the_sparsemax_of_keras_is_still_wrong():
    """The day this fails, the remark in sparsemax's docstring can go."""
    wrong = keras.activations.sparsemax(tensor([[1.0, 0.9, 0.8, -1.0]]))
    entry = ACTIVATIONS.get("sparsemax")
    assert not np.isclose(np.sum(wrong), 1)
    assert np.isclose(np.sum(infer(entry, {}, tensor([[1.0, 0.9, 0.8, -1.0]]))), 1)


OTHERS = [
    ("relu", {"max_value": 2.0}, lambda x: np.clip(x, 0, 2)),
    ("relu", {"threshold": 1.0}, lambda x: np.where(x > 1, x, 0)),
    ("relu", {"negative_slope": 0.3}, lambda x: np.where(x > 0, x, 0.3 * x)),
    ("relu", {"negative_slope": 0.3, "max_value": 2.0, "threshold": 0.5},
     lambda x: np.where(x > 0.5, np.minimum(x, 2), 0.3 * (x - 0.5))),
    ("leaky_relu", {"negative_slope": 0.01}, lambda x: np.where(x > 0, x, 0.01 * x)),
    ("elu", {"alpha": 0.5}, lambda x: np.where(x > 0, x, 0.5 * np.expm1(np.minimum(x, 0)))),
    ("celu", {"alpha": 2.0}, lambda x: np.where(x > 0, x, 2 * np.expm1(np.minimum(x, 0) / 2))),
    ("rrelu", {"variant": "paper"}, lambda x: np.where(x > 0, x, x / 5.5)),
    ("gelu", {"approximate": True},
     lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2),
    ("soft_shrink", {"threshold": 1.5}, lambda x: np.sign(x) * np.maximum(np.abs(x) - 1.5, 0)),
    ("hard_shrink", {"threshold": 2.0}, lambda x: np.where(np.abs(x) > 2, x, 0)),
    ("squareplus", {"b": 1.0}, lambda x: (x + np.sqrt(x * x + 1)) / 2),
    ("prelu", {"initial_negative_slope": -0.5}, lambda x: np.where(x > 0, x, -0.5 * x)),
    ("swish", {"initial_beta": 3.0}, lambda x: x / (1 + np.exp(-3 * x))),
    ("maxout", {"pieces": 4}, lambda x: x.reshape(len(x), -1, 4).max(axis=-1)),
    ("signed_sqrt", {"largest_slope": 2.0}, lambda x: np.where(abs(x) > 0.25, np.sign(x) * np.sqrt(abs(x)), 2 * x)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "parameters", "reference"), OTHERS)
def test_values_at_other_parameters(name, parameters, reference):
    entry, x = ACTIVATIONS.get(name), sample()
    np.testing.assert_allclose(infer(entry, resolve(entry, parameters), tensor(x, "float64")), reference(x), 1e-6, 1e-9)


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
    compiled = (jax.jit if backend() == "jax" else tf.function)(lambda a, b: model([a, b], training=False))

    def loss():
        trained = model(inputs, training=True)
        return sum(ops.mean(ops.cast(y, "float32") ** 2) for y in trained.values())

    return {
        "eager": model(inputs, training=False),
        "compiled": compiled(*map(ops.convert_to_tensor, inputs)),
        "loaded": loaded(inputs, training=False),
        "trained": model(inputs, training=True),
        "gradients": gradients(loss, [], model.trainable_variables)[1],
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
        assert np.isfinite(gradient).all(), variable.path
    assert model.losses == []  # no regularizer on what is learned


@pytest.mark.parametrize("name", NAMES)
def test_own_slope_is_the_diagonal_of_the_jacobian(name):
    entry, _ = subject(name)
    if entry.facts.width(UNITS, subject(name)[1]) != UNITS:
        pytest.skip("changes the width")
    act = layer(name)
    x = tensor(sample(seed=5, rows=4)[1:])
    act.build(x.shape)
    columns = [gradients(act, [x], mix=tensor(np.broadcast_to(one, x.shape)))[1][0] for one in np.eye(UNITS)]
    np.testing.assert_allclose(act.slope(x), np.diagonal(columns, axis1=0, axis2=2), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_values_and_slopes_are_the_same_on_jax_at_kinks_and_ties_too(tmp_path):
    """Black pixels under a bias of 0 are ties by the thousand: with another slope there the training is another one."""
    pytest.importorskip("jax")
    environment = {**os.environ, "ACTLAB_ENGINE": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, slopes.__file__, str(tmp_path / "jax.npz")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "jax.npz") as on_jax:
        ours = slopes.slopes()
        assert on_jax.files == list(ours)
        for name, expected in ours.items():
            np.testing.assert_allclose(on_jax[name], expected, rtol=2e-5, atol=1e-6, err_msg=name)
