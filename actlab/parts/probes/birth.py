"""How signals and gradients pass through networks as they are born, before a step is taken.

Both probes draw many networks of the trained one's shape from its initializer and look at them once, when the training
begins; every row has the same numbers. Biases are 0. Batch normalisation and dropout have no part in it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from actlab.lazy import ops
from actlab.parts.autodiff import pull_back
from actlab.parts.initializers import draw
from actlab.parts.probes.facts import PROBES, Cells, ProbeFacts, WeightProbe, Weights
from actlab.parts.probes.layers import TOTAL, ProbedLayer, Seen, rows

Networks = Annotated[int, Field(ge=2, le=100_000)]
Count = Annotated[int, Field(ge=1, le=10_000)]
STREAM = 0xB127  # keeps these draws apart from all others of the seed
MOST_NUMBERS = 2**24  # of weights and of outputs at a time: networks are drawn in groups that fit


class _AtBirth(WeightProbe):
    """Looks once at `networks` drawn networks of the dense layers; at none where a convolution comes before one."""

    networks: int
    inputs: int | None
    points = 2  # that each network sees

    def build(self, layers: Sequence[ProbedLayer], places: Mapping[str, list[int]]) -> None:
        self._layers = [layer for layer in layers if layer.activation is not None]
        dense = self._layers and all(len(layer.layer.kernel.shape) == 2 for layer in self._layers)
        self._cells = self._measured() if dense else {}

    def row(self, before: Weights, now: Weights) -> Cells:
        return self._cells

    def _measured(self) -> Cells:
        raise NotImplementedError

    @property
    def _shapes(self) -> list[tuple[int, ...]]:
        """Of the kernels, as they are drawn: (inputs, outputs) of each layer."""
        first, *others = (tuple(map(int, layer.layer.kernel.shape)) for layer in self._layers)
        return [(self.inputs or first[0], first[1]), *others]

    def _groups(self) -> Iterator[tuple[int, np.random.Generator]]:
        """How many networks to draw at a time, and from what."""
        widths = [self._shapes[0][0], *(units for _, units in self._shapes)]
        weights = sum(a * b for a, b in itertools.pairwise(widths))
        size = max(1, MOST_NUMBERS // max(weights, self.points * max(widths)))
        seed = getattr(self._layers[0].layer.kernel_initializer, "seed", None) or 0
        for start in range(0, self.networks, size):
            yield min(size, self.networks - start), np.random.default_rng([seed, STREAM, start])

    def _kernels(self, networks: int, rng: np.random.Generator) -> list[Any]:
        """The kernels of each layer for so many networks, (networks, inputs, outputs), drawn as a layer's own are."""
        found = []
        for layer, shape in zip(self._layers, self._shapes, strict=True):
            initializer = layer.layer.kernel_initializer
            config = initializer.get_config()

            def drawn(config: dict[str, Any], *shape: int, of: Any = type(initializer)) -> Any:
                seed = {"seed": int(rng.integers(2**31))} if "seed" in config else {}
                return draw(of.from_config({**config, **seed}), shape)

            if "gain" in config:  # orthogonal and identity are those of one matrix
                found.append(ops.stack([drawn(config, *shape) for _ in range(networks)]))
            else:  # what scales with the fans must know that the first axis is none
                axes = {"input_axes": [1], "output_axes": [2]} if "input_axes" in config else {}
                found.append(drawn({**config, **axes}, networks, *shape))
        return found

    def _passed(
        self, kernels: Sequence[Any], x: Any, moved: Sequence[Any] = ()
    ) -> Iterator[tuple[ProbedLayer, Any, Any]]:
        """Each layer with its pre-activations, perhaps moved by something, and outputs, (networks, points, width)."""
        y = ops.convert_to_tensor(x)
        for layer, kernel, by in itertools.zip_longest(self._layers, kernels, moved):
            assert layer.activation is not None
            z = ops.matmul(y, kernel)
            z = z if by is None else z + by
            y = ops.reshape(layer.activation.call(rows(z), training=False), (*z.shape[:2], -1))
            yield layer, z, y


@PROBES.register(ProbeFacts(
    equation="share of drawn networks in which, up to this layer, a layer has slope 0 at all units for all inputs",
    columns={"born_dead": "share of networks that are born dead if they end at this layer"},
    total="the share of whole networks",
    cost="a pass of `points` inputs through `networks` networks, once; seconds for narrow ones",
    source="Lu et al. 2019, arXiv:1903.06733, for relu, where it means that the output is constant",
), name="born_dead")  # fmt: skip
class BornDead(_AtBirth):
    """Probability that a network of this shape is born dead: no gradient reaches the weights below a dead layer.

    For relu and one input the points left and right of 0 each die in a layer of N units with probability q = 2⁻ᴺ, but
    not both in the first one. They die together as independent events do at least, and always together at most, so that
    after l layers 2q·A + (1 − 2q)·A² ≤ P ≤ A, with A = 1 − (1 − q)^(l−1): it grows to 1 with depth, and falls with
    width. A function with a slope everywhere is never born dead. Dense layers only.

    Args:
        networks: how many are drawn; a share s has a standard error of √(s(1 − s)/networks).
        inputs: of the first layer, 1 as Lu et al. have it; null for as many as the dataset's.
        points: standard normal inputs that each network sees.
    """

    def __init__(self, *, networks: Networks = 1000, inputs: Count | None = 1, points: Count = 100) -> None:
        self.networks, self.inputs, self.points = networks, inputs, points

    def _measured(self) -> Cells:
        alive = np.zeros((len(self._layers), 0), bool)
        for group, rng in self._groups():
            x = rng.standard_normal((group, self.points, self._shapes[0][0]), dtype=np.float32)
            found = []
            for layer, z, y in self._passed(self._kernels(group, rng), x):
                slope = ops.reshape(Seen(layer, rows(z), rows(y)).slope, (group, self.points, -1))
                found.append(np.asarray(ops.any(slope > 0, axis=(1, 2))))
            alive = np.concatenate([alive, np.stack(found)], axis=1)
        shares = 1 - np.logical_and.accumulate(alive).mean(axis=1)
        names = [*(layer.name for layer in self._layers), TOTAL]
        return {name: {"born_dead": float(s)} for name, s in zip(names, [*shares, shares[-1]], strict=True)}


@PROBES.register(ProbeFacts(
    equation="q = E[z²]; c = E[z·z′]/√(E[z²]·E[z′²]); χ = N·Var(W)·E[f′(z)²]; ‖∂/∂z‖ relative to the last layer's",
    columns={
        "birth_variance": "mean square of the pre-activations z, for inputs of variance 1",
        "birth_correlation": "correlation of the pre-activations of two inputs that have correlation `correlation`",
        "birth_chi": "χ: by how much a squared gradient grows on its way from the next layer's z to this one's",
        "birth_gradient_norm": "norm of the gradient by z, relative to that by the last layer's z",
    },
    total=None,
    cost="two inputs through `networks` networks and back, once",
    source="Poole et al. 2016, arXiv:1606.05340; Schoenholz et al. 2017, arXiv:1611.01232",
), name="signal_propagation")  # fmt: skip
class SignalPropagation(_AtBirth):
    """Mean-field quantities at initialisation, layer by layer, measured on drawn networks of the width that they have.

    Signals that grow or fade by depth show in the variance, inputs that a deep network cannot tell apart in a
    correlation of 1, and gradients that explode (χ > 1) or vanish (χ < 1) in χ and the gradient's norm. relu with He's
    initial weights keeps the variance, with χ = 1. The gradient is that of a random direction of the last layer.

    Args:
        networks: how many are drawn.
        inputs: of the first layer; null for as many as the dataset's.
        correlation: of the two inputs.
    """

    def __init__(
        self, *, networks: Networks = 200, inputs: Count | None = None,
        correlation: Annotated[float, Field(gt=-1, lt=1)] = 0.5,
    ) -> None:  # fmt: skip
        self.networks, self.inputs, self.correlation = networks, inputs, correlation

    def _measured(self) -> Cells:
        sums = np.zeros(
            (len(self._layers), 6)
        )  # of z², of z·z′, z′², the slope's square, the weights' square, the gradient's
        for group, rng in self._groups():
            first, other = rng.standard_normal((2, group, 1, self._shapes[0][0]), dtype=np.float32)
            second = self.correlation * first + math.sqrt(1 - self.correlation**2) * other
            kernels = self._kernels(group, rng)
            x = np.concatenate([first, second], axis=1)
            passed = list(self._passed(kernels, x))
            mix = rng.standard_normal(passed[-1][1].shape, dtype=np.float32)

            def last(*moved: Any, kernels: list[Any] = kernels, x: Any = x) -> Any:  # by how much each z is
                return list(self._passed(kernels, x, moved))[-1][1]

            _, gradients = pull_back(last, [ops.zeros_like(z) for _, z, _ in passed], ops.convert_to_tensor(mix))
            for i, ((layer, z, y), gradient) in enumerate(zip(passed, gradients, strict=True)):
                a, b = (np.asarray(z[:, j], np.float64) for j in (0, 1))
                slope = Seen(layer, rows(z), rows(y)).slope
                of_weights = ops.mean(kernels[i + 1] ** 2) if i + 1 < len(kernels) else np.nan
                means = [(a * a).mean(), (a * b).mean(), (b * b).mean(), ops.mean(slope**2), of_weights,
                         ops.mean(ops.cast(gradient, "float64") ** 2) * a.shape[-1]]  # fmt: skip
                sums[i] += group * np.array([float(mean) for mean in means])
        q, products, others, slopes, weights, gradients = (sums / self.networks).T
        columns = (
            q, products / np.sqrt(q * others), [layer.units for layer in self._layers] * weights * slopes,
            np.sqrt(gradients / gradients[-1]),
        )  # fmt: skip
        cells = [[float(x) if np.isfinite(x) else None for x in row] for row in np.stack(columns, axis=1)]
        return {
            layer.name: dict(zip(self.columns, row, strict=True))
            for layer, row in zip(self._layers, cells, strict=True)
        }
