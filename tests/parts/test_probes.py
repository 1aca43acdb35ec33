"""Probes on networks whose dead units, saturations and gradient norms are known on paper.

A pixel of 255 is 1, so the pre-activations below can be read off the weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from actlab.cli import app
from actlab.errors import UnknownName
from actlab.lazy import backend, jax, ops, tf
from actlab.parts.activations import ACTIVATIONS
from actlab.parts.probes import PROBES, TOTAL, ProbedLayer, Probes, probed_layers
from actlab.parts.probes.layers import Seen
from actlab.parts.probes.weight_film import WeightFilm, tiles
from actlab.runs.engines import make_group
from actlab.runs.engines.build import build_model, build_optimizer
from actlab.runs.engines.engine import Member
from actlab.spec.config import resolve
from actlab.spec.part import Part

Rows = dict[str, dict[str, Any]]


class Net:
    """A model with weights by hand, its probes, and an engine over a few images."""

    def __init__(
        self, model: Any, images: Any, labels: Sequence[int] = (), probes: Any = "all", optimizer: Any = None
    ) -> None:
        pixels = np.asarray(images, np.uint8)
        self.model = model
        self.indices = np.arange(len(pixels), dtype=np.int32)
        self.probes = Probes(parts(probes), model)
        arrays = {"train": (aligned(pixels), aligned(np.asarray(labels or [0] * len(pixels), np.int32)))}
        self.engine = make_group([Member(model, optimizer or sgd(model), self.probes)], arrays, "cpu", {})[0]

    def assign(self, variable: Any, value: Any) -> None:
        """Give a variable of the model or of the optimizer a value, for the training too."""
        variable.assign(value)
        state = self.engine.state()
        for part, of in (("model", self.model.variables), ("optimizer", self.engine.optimizer.variables)):
            state |= {f"{part}/{i:04d}": np.asarray(v) for i, v in enumerate(of) if v is variable}
        self.engine.restore(state)

    def row(self, batch_size: int = 3) -> Rows:
        """The cells of an evaluation: of each layer, and of the whole network under "*"."""
        _, _, sums = self.engine.look("train", self.indices, batch_size)
        self.engine.sync()
        rows, totals = self.probes.row(sums, self.engine.gradient_sums())
        self.engine.reset_means()
        named = {name: dict(zip(self.probes.columns, cells, strict=True)) for name, _, *cells in rows}
        return {**named, TOTAL: dict(zip(self.probes.totals, totals, strict=True))}


def aligned(array: Any) -> Any:
    """A copy whose memory begins where TensorFlow wants it, as that of a mapped file does."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def parts(probes: Any) -> list[Part]:
    data = {"dataset": "mnist", "model": "linear", "activation": "relu", "epochs": 1, "probes": probes}
    config, problems = resolve(data)
    assert config is not None, problems
    return config.probes or []


def sgd(model: Any, rate: float = 1e-9, **options: Any) -> Any:
    import keras

    optimizer = keras.optimizers.SGD(rate, **options)
    optimizer.build(model.trainable_variables)
    return optimizer


@pytest.fixture
def eager() -> Iterator[None]:
    """What is worked out on paper is not compiled: to trace a network takes longer than all else.

    Every probe is compiled in `test_a_probe_does_what_it_states`, and in trainings.
    """
    if backend() == "jax":
        with jax.disable_jit():
            yield
        return
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


Pixels = tuple[int, int, int]


def dense_net(
    activation: str, kernel: Any, bias: Any, logits: Any = None, pixels: Pixels = (1, 2, 1), **parameters: Any
) -> Any:
    """Flatten, a dense layer with its activation, two logits."""
    import keras

    keras.backend.clear_session()
    inputs = keras.Input(pixels)
    x = keras.layers.Flatten()(inputs)
    return _finished(inputs, keras.layers.Dense(len(bias))(x), activation, parameters, kernel, bias, logits)


def conv_net(
    activation: str, kernel: Any, bias: Any, logits: Any = None, pixels: Pixels = (3, 3, 1), **parameters: Any
) -> Any:
    """A convolution of 2×2 with its activation, two logits."""
    import keras

    keras.backend.clear_session()
    inputs = keras.Input(pixels)
    x = keras.layers.Conv2D(len(bias), 2)(inputs)
    return _finished(inputs, x, activation, parameters, kernel, bias, logits)


def _finished(inputs: Any, x: Any, activation: str, parameters: Any, kernel: Any, bias: Any, logits: Any) -> Any:
    import keras

    from actlab.parts.activations.layer import Activation

    x = Activation(activation, parameters)(x)
    if len(x.shape) > 2:
        x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(2, name="logits")(x)
    model = keras.Model(inputs, outputs)
    first, last = (layer for layer in model.layers if getattr(layer, "kernel", None) is not None)
    first.set_weights([np.asarray(kernel, np.float32).reshape(first.kernel.shape), np.asarray(bias, np.float32)])
    last.set_weights([np.zeros(last.kernel.shape) if logits is None else np.asarray(logits), np.zeros(2)])
    return model


# --- units that are dead, inactive, saturated --------------------------------------------------------------------

# x₁ is 0, 1, 0, 1, 0.2 in the five images; x₂ leads nowhere. Pre-activations of the six units, by image:
UNITS = {
    "x1 - 2": (1, -2), "x1 - 0.5": (1, -0.5), "1": (0, 1), "0": (0, 0), "x1 + 200": (1, 200), "-200": (0, -200)
}  # fmt: skip
DENSE_IMAGES = [[[[a], [b]]] for a, b in [(0, 0), (255, 0), (0, 255), (255, 255), (51, 255)]]
DENSE = (
    "activation", "parameters", "dead", "inactive", "saturated",
    [
        # relu: x1 − 2, 0 and −200 are never positive; flat: 5 + 3 (x1 < 0.5) + 5 + 5
        ("relu", {}, 3, 4, 18 / 30),
        ("reflection_linear", {}, 0, 3, 0),
        # sigmoid: 200 and −200 are flat to the last bit of float32, and there the outputs are 1 and 0
        ("sigmoid", {}, 2, 4, 10 / 30),
        ("softplus_linear", {}, 1, 3, 5 / 30),  # e⁻²⁰⁰ is 0 in float32
        ("zero_fit_linear", {}, 1, 3, 5 / 30),  # −200 is the least of every sample
        ("leaky_relu", {}, 0, 3, 0),
        ("leaky_relu", {"negative_slope": 0.005}, 0, 3, 18 / 30),  # flat under 0.01, and alive
        ("linear", {}, 0, 3, 0),
    ],
)  # fmt: skip


@pytest.mark.parametrize(DENSE[:5], DENSE[5])
@pytest.mark.usefixtures("eager")
def test_units_of_a_dense_layer(
    activation: str, parameters: dict[str, Any], dead: int, inactive: int, saturated: float
) -> None:
    kernel = [[weight for weight, _ in UNITS.values()], [0] * len(UNITS)]
    model = dense_net(activation, kernel, [bias for _, bias in UNITS.values()], **parameters)
    net = Net(model, DENSE_IMAGES, probes=["dead_units", "inactive_units", "saturated_fraction"])
    for batch_size in (1, 2, 4, 5):
        row = net.row(batch_size)
        expected = {"dead_units": dead, "inactive_units": inactive, "saturated_fraction": pytest.approx(saturated)}
        assert row == {"dense": expected, TOTAL: expected, "logits": dict.fromkeys(expected)}


# Four images of 3×3 pixels, three of them black; one has one white pixel in the middle, which z sees at one place.
CONV_IMAGES = np.zeros((4, 3, 3, 1), np.uint8)
CONV_IMAGES[2, 1, 1] = 255
CHANNELS = {"x - 2": (1, -2), "x - 0.5": (1, -0.5), "1": (0, 1), "-200": (0, -200)}
CONV = (
    "activation", "parameters", "dead", "inactive", "saturated",
    [
        ("relu", {}, 2, 3, (16 + 15 + 16) / 64),  # of 4 images, 4 places and 4 channels
        ("reflection_linear", {}, 0, 3, 0),  # |0 − 0.5| is |1 − 0.5|
        ("sigmoid", {}, 1, 2, 16 / 64),
        ("softplus_linear", {}, 1, 2, 16 / 64),
        # where several places are the least they share the slope of the minimum: 1 − 1/4 at each of four, not 0
        ("zero_fit_linear", {}, 0, 2, 0),
        ("leaky_relu", {}, 0, 2, 0),
    ],
)  # fmt: skip


@pytest.mark.parametrize(CONV[:5], CONV[5])
@pytest.mark.usefixtures("eager")
def test_units_of_a_convolution_are_its_channels(
    activation: str, parameters: dict[str, Any], dead: int, inactive: int, saturated: float
) -> None:
    kernel = np.zeros((2, 2, 1, 4))
    kernel[0, 0, 0] = [weight for weight, _ in CHANNELS.values()]  # z at a place is the pixel at its upper left
    model = conv_net(activation, kernel, [bias for _, bias in CHANNELS.values()], **parameters)
    net = Net(model, CONV_IMAGES, probes=["dead_units", "inactive_units", "saturated_fraction"])
    for batch_size in (1, 2, 4):
        expected = {"dead_units": dead, "inactive_units": inactive, "saturated_fraction": pytest.approx(saturated)}
        assert net.row(batch_size) == {"conv2d": expected, TOTAL: expected, "logits": dict.fromkeys(expected)}


@pytest.mark.parametrize(
    ("activation", "kernel", "bias", "dead"),
    [
        # glu: a·sigmoid(b), a in columns 1 and 2, b in 3 and 4; with b = −200 neither a nor b moves the first unit
        ("glu", [[1, 1, 0, 0], [0, 0, 0, 0]], [0.0, 0, -200, 0], 1),
        # maxout of neighbours: one of the two always passes
        ("maxout", [[1, 1, 0, 0], [0, 0, 0, 0]], [0.0, -9, 1, 2], 0),
        # crelu: the first unit is 0 for every image, where neither half has a slope; the second is negative
        ("crelu", [[0, 0], [0, 0]], [0.0, -1], 1),
    ],
)
@pytest.mark.usefixtures("eager")
def test_units_of_activations_that_change_the_width(activation: str, kernel: Any, bias: Any, dead: int) -> None:
    net = Net(dense_net(activation, kernel, bias), DENSE_IMAGES)
    assert net.probes.layers[0].units == 2
    assert net.row()["dense"]["dead_units"] == dead
    assert net.row()["dense"]["inactive_units"] == {"glu": 1, "maxout": 1, "crelu": 2}[activation]


def test_units_come_back_to_life() -> None:
    net = Net(dense_net("relu", [[1, 1, 1], [0, 0, 0]], [-2, -2, 2]), DENSE_IMAGES)
    counts = []
    for bias in ([-2, -2, 2], [-2, 2, -2], [2, 2, -2]):
        net.assign(net.model.get_layer("dense").bias, bias)
        row = net.row()["dense"]
        counts.append((row["dead_units"], row["revived_units"]))
    assert counts == [(2, 0), (2, 1), (1, 1)]


def test_a_unit_of_nan_is_neither_dead_nor_alive() -> None:
    net = Net(dense_net("relu", [[1, 1, 1], [0, 0, 0]], [-2, -2, 2]), DENSE_IMAGES)
    counts = []
    for bias in ([-2, -2, 2], [-2, math.nan, 2], [2, -2, math.nan]):
        net.assign(net.model.get_layer("dense").bias, bias)
        row = net.row()["dense"]
        counts.append((row["dead_units"], row["revived_units"]))
    assert counts == [(2, 0), (1, 0), (1, 1)]


# --- units that do not move --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_unmoved_is_not_dead(kind: str) -> None:
    """Unit 1 is dead and stands still; unit 2 lives, but leads nowhere at first; unit 3 learns."""
    make, pixels = (dense_net, (2, 2, 1)) if kind == "dense" else (conv_net, (2, 2, 1))
    model = make("relu", np.ones((4, 3)), [-9, 0, 0], [[1, -1], [0, 0], [1, -1]], pixels)
    net = Net(model, np.full((4, 2, 2, 1), 255), optimizer=sgd(model, 0.1))
    name = net.probes.layers[0].name
    net.engine.train(np.array([[0, 1]], np.int32))
    first = net.row()
    assert (first[name]["dead_units"], first[name]["unmoved_units"]) == (1, 2)
    net.engine.train(np.array([[0, 1]], np.int32))  # what unit 2 leads to has got weights by now
    second = net.row()
    assert (second[name]["dead_units"], second[name]["unmoved_units"]) == (1, 1)
    assert second[TOTAL]["unmoved_units"] == 1
    third = net.row()
    assert third[TOTAL]["unmoved_units"] == 3 + 2  # no step was taken: nor did the logits move
    assert third[TOTAL]["update_norm"] == 0


def test_a_dead_unit_moves_where_weights_decay() -> None:
    model = dense_net("relu", [[1, 1], [1, 1]], [-9, 0], [[1, -1], [1, -1]])
    net = Net(model, DENSE_IMAGES, optimizer=sgd(model, 0.1, weight_decay=0.1))
    net.engine.train(np.array([[0, 1]], np.int32))
    row = net.row()["dense"]
    assert (row["dead_units"], row["unmoved_units"]) == (1, 0)


def test_weights_and_updates_are_measured_by_their_norms() -> None:
    net = Net(dense_net("relu", [[3, 0], [0, 4]], [0, 0], [[0, 0], [0, 12]]), DENSE_IMAGES)
    row = net.row()
    assert [row[name]["weight_norm"] for name in ("dense", "logits", TOTAL)] == [5, 12, 13]
    net.assign(net.model.get_layer("dense").bias, [-3, 0])
    net.assign(net.model.get_layer("logits").bias, [0, 4])
    row = net.row()
    assert [row[name]["update_norm"] for name in ("dense", "logits", TOTAL)] == [3, 4, 5]


# --- gradients ---------------------------------------------------------------------------------------------------

LOG3 = math.log(3)
SLOPES = {  # activation: (z, y, ∂y/∂z)
    "relu": (2, 2, 1), "reflection_linear": (-2, 2, -1), "sigmoid": (0, 0.5, 0.25),
    "softplus_linear": (0, 2 * math.log(2), 1), "leaky_relu": (-2, -0.4, 0.2),
}  # fmt: skip


@pytest.mark.parametrize("make", [dense_net, conv_net], ids=["dense", "conv"])
@pytest.mark.parametrize("activation", SLOPES)
@pytest.mark.usefixtures("eager")
def test_gradient_norms_on_paper(activation: str, make: Callable[..., Any]) -> None:
    """One unit, x = (1, 0, 1, 1); its output y is weighed with (0, log 3 / y), so the classes have 1/4 and 3/4."""
    z, y, slope = SLOPES[activation]
    image = [[[255], [0]], [[255], [255]]]
    model = make(activation, [[1], [0], [0], [0]], [z - 1], [[0, LOG3 / y]], (2, 2, 1))
    net = Net(model, [image, image], labels=[0, 1], optimizer=sgd(model, loss_scale_factor=1024.0))
    net.engine.train(np.array([[0], [1], [0]], np.int32))
    row = net.row()
    at_unit = {"label 0": 0.75 * LOG3 / y * slope, "label 1": -0.25 * LOG3 / y * slope}
    logits = {"label 0": 0.75 * math.sqrt(2), "label 1": 0.25 * math.sqrt(2)}
    hidden = [abs(at_unit[label]) * math.sqrt(3 + 1) for label in ("label 0", "label 1", "label 0")]  # |x|² and bias
    last = [logits[label] * math.sqrt(y * y + 1) for label in ("label 0", "label 1", "label 0")]
    whole = [math.hypot(a, b) for a, b in zip(hidden, last, strict=True)]
    for name, norms in zip([net.probes.layers[0].name, "logits", TOTAL], (hidden, last, whole), strict=True):
        assert row[name]["gradient_norm_mean"] == pytest.approx(np.mean(norms), rel=1e-5)
        assert row[name]["gradient_norm_max"] == pytest.approx(max(norms), rel=1e-5)


def test_gradient_norms_begin_anew_at_each_row() -> None:
    model = dense_net("relu", [[1], [0]], [1], [[0, LOG3]])
    net = Net(model, [[[[255], [0]]]] * 2, labels=[0, 1], probes=["gradient_norms"])
    net.engine.train(np.array([[0]], np.int32))
    first = net.row()["logits"]["gradient_norm_max"]
    net.engine.train(np.array([[1]], np.int32))
    second = net.row()["logits"]
    assert second["gradient_norm_max"] == pytest.approx(second["gradient_norm_mean"])
    assert second["gradient_norm_max"] < first
    assert net.row()["logits"] == dict.fromkeys(("gradient_norm_mean", "gradient_norm_max"))  # no step since


def test_the_least_unit_of_zero_fit_linear_gets_the_others_gradient() -> None:
    """z = (2, 0): ∂y₁/∂z = (1, −1), so the two units move against each other."""
    model = dense_net("zero_fit_linear", [[1, 0], [0, 0]], [1, 0], [[0, LOG3 / 2], [0, 0]])
    net = Net(model, [[[[255], [0]]]], probes=["gradient_norms"])
    net.engine.train(np.array([[0]], np.int32))
    at_unit = 0.75 * LOG3 / 2
    assert net.row()["dense"]["gradient_norm_mean"] == pytest.approx(2 * at_unit, rel=1e-5)


def test_steps_that_mixed_precision_skips_are_left_out() -> None:
    import keras

    model = dense_net("relu", [[1], [0]], [1], [[0, LOG3]])
    optimizer = keras.optimizers.LossScaleOptimizer(sgd(model), initial_scale=2.0**10)
    optimizer.build(model.trainable_variables)
    net = Net(model, [[[[255], [0]]]], probes=["gradient_norms"], optimizer=optimizer)
    net.engine.train(np.array([[0]], np.int32))
    before = net.row()
    net.assign(optimizer.dynamic_scale, 3e38)  # the gradients overflow: this step is skipped
    net.engine.train(np.array([[0]], np.int32))
    net.assign(optimizer.dynamic_scale, 2.0**10)
    net.engine.train(np.array([[0]] * 2, np.int32))
    assert net.row()[TOTAL]["gradient_norm_mean"] == pytest.approx(before[TOTAL]["gradient_norm_mean"], rel=1e-5)


# --- outputs -----------------------------------------------------------------------------------------------------


def test_outputs_are_measured_as_numpy_does() -> None:
    images = np.random.default_rng(0).integers(0, 256, (37, 5, 5, 1), np.uint8)
    kernel = np.random.default_rng(1).normal(size=(2, 2, 1, 3))
    net = Net(conv_net("relu", kernel, [0, 0.5, -9], pixels=(5, 5, 1)),
              images, probes=[{"name": "activation_stats", "images": 20}])  # fmt: skip
    x = images[..., 0] / 255
    products = sum(kernel[i, j, 0] * x[:, i : i + 4, j : j + 4, None] for i in (0, 1) for j in (0, 1))
    y = np.maximum(products + np.array([0, 0.5, -9]), 0)
    counts = np.histogram(y[:20], 20, (y.min(), y.max()))[0]
    for batch_size in (1, 8, 37):
        found = list(net.row(batch_size)["conv2d"].values())
        assert found[:5] == pytest.approx([y.mean(), y.std(), (y == 0).mean(), y.min(), y.max()], rel=1e-5)
        assert found[5:] == counts.tolist()


def test_the_spread_of_outputs_far_from_0_is_not_lost_in_rounding() -> None:
    net = Net(dense_net("linear", [[1], [0]], [1000]), DENSE_IMAGES, probes=["activation_stats"])
    y = np.float32([1000, 1001, 1000, 1001, 1000.2])
    for batch_size in (1, 2, 5):
        assert net.row(batch_size)["dense"]["activation_std"] == pytest.approx(y.astype(float).std(), rel=1e-4)


def test_outputs_that_are_all_the_same_are_in_one_bin() -> None:
    row = Net(dense_net("relu", [[0, 0], [0, 0]], [1, 1]), DENSE_IMAGES).row()["dense"]
    assert (row["activation_min"], row["activation_max"]) == (1, 1)
    assert [row[f"activation_histogram_{i:02d}"] for i in range(20)] == [10] + [0] * 19


# --- learned parameters ------------------------------------------------------------------------------------------


def test_what_activations_learn() -> None:
    net = Net(dense_net("prelu", [[1, 1, 1], [0, 0, 0]], [0, 0, 0]), DENSE_IMAGES, probes=["learned_parameters"])
    net.assign(net.probes.layers[0].activation.learned["negative_slope"], [0.5, -1.0, 2.0])
    assert net.row()["dense"] == {"negative_slope_mean": 0.5, "negative_slope_min": -1, "negative_slope_max": 2}
    swish = Net(dense_net("swish", [[1], [0]], [0], initial_beta=1.5), DENSE_IMAGES, probes=["learned_parameters"])
    assert swish.row() == {"dense": dict.fromkeys(("beta_mean", "beta_min", "beta_max"), 1.5), TOTAL: {},
                           "logits": dict.fromkeys(("beta_mean", "beta_min", "beta_max"))}  # fmt: skip
    assert Net(dense_net("relu", [[1], [0]], [0]), DENSE_IMAGES, probes=["learned_parameters"]).probes.columns == ()


# --- every probe -------------------------------------------------------------------------------------------------


def built(model: dict[str, Any], activation: str, **changes: Any) -> tuple[Any, Any]:
    import keras

    data = {"dataset": "mnist", "model": model, "activation": activation, "epochs": 1, **changes}
    config, problems = resolve(data)
    assert config is not None, problems
    keras.backend.clear_session()  # names of layers are counted anew
    made = build_model(config, (28, 28, 1), 10)
    return made, build_optimizer(config, made, 10, 10)


@pytest.mark.parametrize("batch_norm", ["none", "before", "after"])
def test_each_activation_belongs_to_the_layer_that_feeds_it(batch_norm: str) -> None:
    model, _ = built({"name": "simple_cnn", "filters": 3, "units": 4, "batch_norm": batch_norm}, "maxout")
    layers = probed_layers(model)
    assert [layer.units for layer in layers] == [3, 4, 10]
    assert [layer.layer.kernel.shape[-1] for layer in layers] == [6, 8, 10]
    activations = [layer for layer in model.layers if type(layer).__name__ == "Activation"]
    assert [layer.activation for layer in layers] == [*activations, None]


def test_a_probe_does_what_it_states() -> None:
    """Each by itself, on a net with a convolution, a dense layer and learned slopes."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (12, 28, 28, 1), np.uint8), rng.integers(0, 10, 12)
    for entry in PROBES:
        facts, sees = entry.facts, entry.function.sees
        if sees == "test":  # of the outcome: below
            continue
        assert sees in ("evaluation", "gradients", "weights")
        assert all((entry.summary, facts.equation, facts.cost, facts.source, facts.columns)), entry.name
        cnn = {"name": "simple_cnn", "filters": 2, "kernel_size": 9, "units": 3}
        at_birth = entry.name in ("born_dead", "signal_propagation")  # of dense layers only
        model, optimizer = built({"name": "deep_dense", "width": 3, "depth": 2} if at_birth else cnn, "prelu")
        net = Net(model, images, labels.tolist(), [entry.name], optimizer)
        if sees != "evaluation":  # a step is traced, which takes a second
            net.engine.train(np.arange(12, dtype=np.int32).reshape(3, 4))
        rows = [net.row(5), net.row(12)]
        named = {column.replace("negative_slope", "<parameter>") for column in net.probes.columns}
        assert named == set(facts.columns), entry.name
        assert set(net.probes.totals) == (set(net.probes.columns) if facts.total else set()), entry.name
        places = ("dense",) if at_birth else ("conv2d", "dense")
        places = places if facts.total is None else (*places, TOTAL)
        for place in places:
            numbers = list(rows[0][place].values())
            assert len(numbers) == len(net.probes.columns)
            assert all(math.isfinite(number) for number in numbers), (entry.name, place)
        if sees == "evaluation":
            for place in places:
                assert list(rows[0][place].values()) == pytest.approx(list(rows[1][place].values())), entry.name
            assert set(rows[0]["logits"].values()) == {None}


def test_a_confusion_matrix_counts_what_the_net_takes_for_what() -> None:
    """Two logits that are the two pixels: an image is taken for the brighter one."""
    images = [[[[9], [0]]], [[[0], [9]]], [[[9], [0]]], [[[7], [1]]], [[[2], [3]]]]
    labels = [0, 1, 1, 0, 1]
    model = dense_net("linear", [[1, 0], [0, 1]], [0, 0], [[1, 0], [0, 1]])
    net = Net(model, images, labels, [{"name": "confusion"}])
    assert not net.probes.layers and not net.probes.columns  # without others there is no layers.csv
    assert net.engine.look("train", net.indices, 2)[2] == {}  # nothing is looked at while it trains
    for batch_size in (1, 2, 5):
        _, accuracy, seen = net.engine.look("train", net.indices, batch_size, "test")
        rows = net.probes.tables(seen)["confusion"]
        assert [list(row.values()) for row in rows] == [[0, 2, 1.0, 2, 0], [1, 3, pytest.approx(2 / 3), 1, 2]]
        assert list(rows[0]) == ["class", "images", "accuracy", "predicted_0", "predicted_1"]
        assert accuracy == pytest.approx(4 / 5)


def test_all_probes_are_those_of_layers() -> None:
    """So that a config that asks for all is the same run as before there was a table of the outcome."""
    assert "confusion" not in [part.name for part in parts("all")]


def test_a_net_without_activations_has_no_units_to_look_at() -> None:
    model, optimizer = built({"name": "linear"}, "relu")
    net = Net(model, np.zeros((3, 28, 28, 1), np.uint8), optimizer=optimizer)
    row = net.row()
    assert row["logits"]["dead_units"] is row[TOTAL]["saturated_fraction"] is None
    assert (row[TOTAL]["dead_units"], row["logits"]["unmoved_units"]) == (0, 10)


@pytest.mark.parametrize("shape", [(7, 6), (4, 3, 2, 6)], ids=["dense", "conv"])
def test_the_slope_of_every_activation_is_found_by_unit(shape: tuple[int, ...]) -> None:
    """Six pre-activations are six units, or three of two each; a unit is as steep as the steepest of its inputs."""
    from actlab.parts.activations.layer import Activation

    z = ops.convert_to_tensor(np.random.default_rng(0).normal(size=shape), "float32")
    for entry in ACTIVATIONS:
        activation = Activation(entry.name, entry.facts.example)
        each, apart = entry.facts.inputs_per_unit(activation.parameters), entry.facts.inputs_apart
        seen = Seen(ProbedLayer("layer", None, activation, 6 // each, each, apart), z, activation(z))
        slope = np.abs(np.asarray(activation.slope(z))).reshape(-1, 6)
        pairs = {(1, False): slope[..., None], (2, False): np.stack([slope[:, ::2], slope[:, 1::2]], -1),
                 (2, True): np.stack([slope[:, :3], slope[:, 3:]], -1)}  # fmt: skip
        np.testing.assert_array_equal(seen.slope, pairs[each, apart].max(axis=-1), entry.name)
        np.testing.assert_array_equal(seen.steepest, pairs[each, apart].max(axis=(0, -1)), entry.name)
        assert np.isfinite(seen.slope).all(), entry.name


def test_what_a_probe_remembers_can_be_put_back() -> None:
    """Two nets with the same weights: the second is told what the first one knew after its first row."""
    kernel, first_bias, later_bias = [[1, 1, 1], [0, 0, 0]], [-2, -2, 2], [-2, 2, -2]
    import keras

    keras.utils.set_random_seed(0)  # the networks that some probes draw have the seed of the initializer
    whole = Net(dense_net("relu", kernel, first_bias), DENSE_IMAGES)
    whole.row()
    state = whole.probes.state()
    whole.assign(whole.model.get_layer("dense").bias, later_bias)
    keras.utils.set_random_seed(0)
    cut = Net(dense_net("relu", kernel, later_bias), DENSE_IMAGES)
    cut.probes.restore(state)
    assert cut.row() == whole.row()


def test_the_probes_are_listed() -> None:
    shown = CliRunner().invoke(app, ["probes"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert all(entry.name in shown.output for entry in PROBES)
    facts = {fact["name"]: fact for fact in json.loads(CliRunner().invoke(app, ["probes", "--json"]).stdout)}
    assert list(facts) == PROBES.names()
    assert facts["saturated_fraction"]["parameters"] == {"threshold": 0.01, "on": "validation"}
    documented = (Path(__file__).parents[2] / "docs" / "probes.md").read_text()
    assert all(f"| `{name}` |" in documented for name in facts)


# --- the film ----------------------------------------------------------------------------------------------------


def article(x: Any) -> Any:
    x = np.asarray(x, np.float32)
    return ((x - x.min()) / (x.max() - x.min() + 0.0001) * 255).astype(np.uint8)


def test_a_tile_is_the_change_of_one_unit_in_the_formula_of_the_article() -> None:
    change = np.float32([[0, 1e-8], [1, -2], [2, 3], [4, 0.5], [-1, 0], [0, 0]]).reshape(6, 2)
    model = dense_net("relu", np.zeros((6, 2)), [0, 0], pixels=(2, 3, 1))
    film = WeightFilm(model, "first", 1)
    model.get_layer("dense").kernel.assign(change)
    arrays = film.arrays(film.frame({"dense": np.array([False, True])}) + film.frame({"dense": np.array([True, True])}))
    assert arrays["frames"].shape == (2, 2, 2, 3)
    for unit in (0, 1):
        assert arrays["frames"][0, unit].tolist() == article(change[:, unit].reshape(2, 3)).tolist()
    assert not arrays["frames"][1].any()  # nothing moved since the first frame
    assert arrays["dead"].tolist() == [[False, True], [True, True]]
    assert arrays["unmoved"].tolist() == [[False, False], [True, True]]
    model.get_layer("dense").bias.assign([0, 1e-30])  # as the probe counts it
    assert film.arrays(film.frame({}))["unmoved"].tolist() == [[True, False]]


def test_tiles_have_the_shape_of_what_the_layer_sees() -> None:
    model, _ = built({"name": "simple_cnn", "filters": 3, "kernel_size": 5, "units": 4}, "glu")
    shapes = {name: WeightFilm(model, name, 1).shape for name in ("first", "conv2d", "dense", "logits")}
    # two inputs a unit side by side; the dense layer sees 12×12 of each of three channels
    assert shapes == {"first": (3, 5, 10), "conv2d": (3, 5, 10), "dense": (4, 12, 24), "logits": (10, 2, 2)}
    assert "dead" not in WeightFilm(model, "logits", 1).arrays(WeightFilm(model, "logits", 1).frame({}))


def test_channels_are_averaged_and_gaps_are_black() -> None:
    layer = probed_layers(dense_net("relu", np.zeros((12, 1)), [0], pixels=(2, 2, 3)))[0]
    change = np.arange(12, dtype=np.float32).reshape(12, 1)
    assert tiles(change, layer, (2, 2, 3))[0].tolist() == article([[1, 4], [7, 10]]).tolist()
    assert tiles(change, layer, None)[0].tolist() == article(range(12)).reshape(3, 4).tolist()
    odd = tiles(change[:5], probed_layers(dense_net("relu", np.zeros((2, 1)), [0]))[0], None)[0]
    assert odd.tolist() == [*article(range(5)).reshape(-1)[:3].reshape(1, 3).tolist(), [*article(range(5))[3:], 0]]


def test_a_film_of_a_layer_that_is_not_there() -> None:
    model, _ = built({"name": "simple_cnn"}, "relu")
    with pytest.raises(UnknownName, match="layer with weights 'conv2'; did you mean 'conv2d'"):
        WeightFilm(model, "conv2", 1)
