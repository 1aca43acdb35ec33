"""The layer: what it learns, what it draws, what it says when it is used wrongly."""

from __future__ import annotations

import numpy as np
import pytest
from parts.gradients import gradients

from actlab.errors import ActlabError, FormulaError, UnknownName
from actlab.lazy import backend, keras, ops
from actlab.parts.activations import ACTIVATIONS
from actlab.parts.autodiff import compiled


def tensor(values, dtype="float32"):
    return ops.convert_to_tensor(np.asarray(values), dtype)


Activation = pytest.importorskip("actlab.parts.activations.layer").Activation


def drawn_slopes(variant, n=40_000, dtype="float32", seed=7):
    act = Activation("rrelu", {"variant": variant}, seed=seed, dtype=dtype)
    return -np.float64(np.float32(act(-ops.ones((n // 100, 100)), training=True))).ravel()


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_rrelu_draws_uniform_slopes(dtype):
    slopes = drawn_slopes("uniform", dtype=dtype)
    rounding = 1e-3 if "16" in dtype else 1e-7
    assert slopes.min() >= 1 / 8 - rounding and slopes.max() <= 1 / 3 + rounding
    # four standard errors of the mean and of the quartiles
    width = 1 / 3 - 1 / 8
    assert abs(slopes.mean() - 11 / 48) < 4 * width / np.sqrt(12 * len(slopes))
    quartiles = 1 / 8 + width * np.array([0.25, 0.5, 0.75])
    np.testing.assert_allclose(np.quantile(slopes, [0.25, 0.5, 0.75]), quartiles, atol=2e-3)


def test_rrelu_of_the_paper_divides_by_uniform_numbers():
    divisors = 1 / drawn_slopes("paper")
    assert divisors.min() >= 3 - 1e-5 and divisors.max() <= 8 + 1e-5
    assert abs(divisors.mean() - 5.5) < 4 * 5 / np.sqrt(12 * len(divisors))
    np.testing.assert_allclose(np.quantile(divisors, [0.25, 0.5, 0.75]), [4.25, 5.5, 6.75], atol=0.05)


def test_at_nan_the_slope_is_nan():
    """A unit of NaN is not alive, as a branch that lets it through would have it, nor dead, as a clip would."""
    given = [(entry.name, entry.facts.example) for entry in ACTIVATIONS]
    for name, parameters in [*given, ("relu", {"threshold": 1.0}), ("gelu", {"approximate": True})]:
        act, z = Activation(name, parameters), tensor([[np.nan] + [0.5] * 11])
        act.build(z.shape)
        assert np.isnan(act.slope(z)[0, 0]), name


@pytest.mark.parametrize(("variant", "slope"), [("uniform", (1 / 8 + 1 / 3) / 2), ("paper", 1 / 5.5)])
def test_rrelu_takes_the_mean_at_inference(variant, slope):
    act = Activation("rrelu", {"variant": variant})
    np.testing.assert_allclose(act(tensor([[-2.0, 3.0]]), training=False), [[-2 * slope, 3]], rtol=1e-6)
    np.testing.assert_allclose(act.slope(tensor([[-2.0, 3.0]])), [[slope, 1]], rtol=1e-6)


@pytest.mark.parametrize("variant", ["uniform", "paper"])
def test_the_gradient_of_rrelu_is_the_slope_that_was_drawn(variant):
    act = Activation("rrelu", {"variant": variant}, seed=1)
    x = tensor(np.random.default_rng(0).normal(size=(20, 10)))
    act.build(x.shape)
    y, (slope,) = gradients(lambda x: act(x, training=True), [x])
    np.testing.assert_allclose(slope, y / x, rtol=1e-5)
    assert len(np.unique(np.round(slope[np.asarray(x) < 0], 5))) > 80  # a slope of its own for each element


def test_rrelu_draws_anew_at_each_call_and_again_from_the_same_seed():
    x = -ops.ones((4, 5))
    one, other = Activation("rrelu", seed=5), Activation("rrelu", seed=5)
    first, second = one(x, training=True), one(x, training=True)
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(compiled(other, x, training=True), first, rtol=1e-6)
    if backend() == "tensorflow":  # JAX compiles functions without a state; the engine carries that
        np.testing.assert_allclose(compiled(other, x, training=True), second, rtol=1e-6)
    assert not np.array_equal(Activation("rrelu", seed=6)(x, training=True), first)


def test_the_state_of_the_random_numbers_is_a_variable_of_the_model():
    one, other = (keras.Sequential([keras.Input((3,)), Activation("rrelu", seed=seed)]) for seed in (5, 6))
    x = -ops.ones((2, 3))
    one(x, training=True)
    for target, source in zip(other.variables, one.variables, strict=True):
        target.assign(source)
    np.testing.assert_array_equal(other(x, training=True), one(x, training=True))


@pytest.mark.parametrize(("share", "axes"), [("channel", [1, 2]), ("layer", [1, 2, 3]), ("element", None)])
def test_prelu_equals_the_layer_of_keras(share, axes):
    x = tensor(np.random.default_rng(0).normal(size=(5, 4, 3, 2)))
    ours = Activation("prelu", {"share": share})
    theirs = keras.layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=axes)
    ours.build(x.shape)
    theirs.build(x.shape)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-6)
    g_ours, g_theirs = (
        gradients(lambda act=act: act(x) ** 3, [], act.trainable_variables)[1] for act in (ours, theirs)
    )
    np.testing.assert_allclose(np.ravel(g_ours), np.ravel(g_theirs), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "share", "shape"),
    [("prelu", "channel", (2,)), ("prelu", "layer", ()), ("prelu", "element", (4, 3, 2)), ("swish", "channel", (2,))],
)
def test_learned_weights_have_their_shape_start_and_name(name, share, shape):
    start = {"prelu": "initial_negative_slope", "swish": "initial_beta"}[name]
    act = Activation(name, {"share": share, start: 0.7})
    act.build((None, 4, 3, 2))
    (weight,) = act.learned.values()
    assert tuple(weight.shape) == shape
    np.testing.assert_allclose(weight, np.full(shape, 0.7, "float32"))
    assert weight.name == start.removeprefix("initial_")
    assert weight.regularizer is None


def test_the_beta_of_swish_is_learned():
    act = Activation("swish")
    x = np.float32([[-1.0, 0.5, 2.0]])
    act.build(x.shape)
    act.learned["beta"].assign(3.0)
    y, (slope,) = gradients(lambda: act(tensor(x)), [], [act.learned["beta"]])
    gate = 1 / (1 + np.exp(-3 * x))
    np.testing.assert_allclose(y, x * gate, rtol=1e-6)
    np.testing.assert_allclose(slope, (x**2 * gate * (1 - gate)).sum(), 1e-5)


def test_zero_fit_linear_makes_the_bias_of_a_convolution_useless():
    convolution = keras.layers.Conv2D(3, 2)
    x = tensor(np.random.default_rng(0).normal(size=(4, 6, 6, 2)))
    target = tensor(np.random.default_rng(1).normal(size=(4, 5, 5, 3)))
    act = Activation("zero_fit_linear")
    convolution.build(x.shape)
    _, (kernel, bias) = gradients(
        lambda: ops.mean((act(convolution(x)) - target) ** 2), [], convolution.trainable_variables
    )
    assert np.abs(bias).max() < 1e-6 < 1e-2 < np.abs(kernel).max()


def test_zero_fit_linear_looks_at_one_sample_and_one_channel():
    y = Activation("zero_fit_linear")(tensor(np.random.default_rng(0).normal(size=(4, 5, 3, 2))))
    np.testing.assert_array_equal(np.min(y, axis=(1, 2)), np.zeros((4, 2)))


def test_the_seed_and_every_parameter_are_in_the_config():
    act = Activation("leaky_relu", {"negative_slope": 0.01}, seed=4)
    config = act.get_config()
    assert (config["activation"], config["parameters"], config["seed"]) == ("leaky_relu", {"negative_slope": 0.01}, 4)
    assert Activation("gelu").get_config()["parameters"] == {"approximate": False}
    assert Activation.from_config(config).get_config() == config


def test_an_alias_means_the_registered_name():
    assert Activation("hard_swish").activation == "hard_silu"


@pytest.mark.parametrize("name", ["swish", "prelu", "rrelu", "relu"])
def test_learned_and_random_ones_train_compiled(name):
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), Activation(name, seed=0), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    losses = model.fit(x, x[:, :1] ** 2, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_fully_convolutional_input_of_unknown_size():
    pictures = keras.Input((None, None, 4))
    for name, width in [("maxout", 2), ("crelu", 8), ("glu", 2), ("prelu", 4), ("zero_fit_linear", 4)]:
        model = keras.Model(pictures, Activation(name)(pictures))
        assert model.output.shape == (None, None, None, width)
        assert model(ops.ones((2, 3, 5, 4))).shape == (2, 3, 5, width)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("leaky_rleu",), UnknownName, "did you mean 'leaky_relu'"),
        (("leaky_relu", {"negativ_slope": 1}), UnknownName, "did you mean 'negative_slope'"),
        (("relu6", {"alpha": 1}), UnknownName, "known: none"),
        (("formula",), ActlabError, "needs formula"),
    ],
)
def test_wrong_names_are_told_apart(arguments, error, words):
    with pytest.raises(error, match=words):
        Activation(*arguments)


@pytest.mark.parametrize(("name", "inputs"), [("glu", 5), ("maxout", 7)])
def test_a_width_that_cannot_be_divided(name, inputs):
    with pytest.raises(ActlabError, match="multiple of 2"):
        Activation(name)(keras.Input((inputs,)))


def test_a_weight_an_element_needs_a_fixed_size():
    with pytest.raises(ActlabError, match="fixed size"):
        Activation("prelu", {"share": "element"}).build((None, None, 3))


def test_a_formula_that_is_refused():
    with pytest.raises(FormulaError, match="did you mean 'exp'"):
        Activation("formula", {"formula": "exq(x)"})(ops.ones((1, 2)))


def test_slope_of_the_ones_that_change_the_width():
    x = tensor([[1.0, -2.0, 3.0, 0.5]])
    np.testing.assert_allclose(Activation("crelu").slope(x), [[1, -1, 1, 1]])
    np.testing.assert_allclose(Activation("maxout").slope(x), [[1, 0, 1, 0]])


def test_widths():
    facts = {entry.name: entry.facts for entry in ACTIVATIONS}
    assert facts["maxout"].inputs_per_unit({"pieces": 3}) == 3
    assert facts["maxout"].width(6, {"pieces": 3}) == 2
    assert facts["glu"].inputs_per_unit({}) == 2
    assert facts["crelu"].width(5, {}) == 10
    assert {name for name, f in facts.items() if not f.elementwise} == {
        "softmax", "log_softmax", "sparsemax", "glu", "zero_fit_linear", "crelu", "maxout"}  # fmt: skip


@pytest.mark.only("jax", reason="runs that are trained together are one program on JAX")
@pytest.mark.parametrize("name", [
    *(entry.name for entry in ACTIVATIONS if entry.name != "formula"), {"name": "relu", "negative_slope": 0.1},
    {"name": "relu", "max_value": 2.0}, {"name": "relu", "negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5},
])  # fmt: skip
def test_a_number_may_be_a_tensor(name):
    """In a group each run has its own, so a program of JAX takes the numbers as arguments; none of them is 0."""
    import jax

    parameters = dict(name) if isinstance(name, dict) else {"name": name}
    layer = Activation(parameters.pop("name"), parameters)
    numbers = {key: value for key, value in layer.parameters.items() if isinstance(value, float) and value}
    x = np.linspace(-3, 3, 28, dtype=np.float32).reshape(1, 28) + np.float32(0.01)
    expected = layer(x)

    def values(numbers):
        vars(layer)["_parameters"] = {**own, **numbers}
        return layer(x)

    own = layer.parameters
    np.testing.assert_allclose(jax.jit(values)(numbers), expected, rtol=1e-6, atol=1e-6)
