"""Values and slopes of every activation on the Keras backend of this process, kinks and ties among the places.

python slopes.py FILE.npz        writes them: Keras has one backend a process
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from actlab.lazy import ops
from actlab.parts.activations import ACTIVATIONS

PLACES = np.array(
    [-20, -6, -3, -2.5, -2, -1, -0.5, -1e-6, -0.0, 0, 1e-6, 0.5, 1, 2, 2.5, 3, 6, 20, *np.linspace(-4, 4, 6)], "float32"
).reshape(4, 6)
FORMULAS = ("max(x, 0)", "minimum(x, 0)", "clip(x, -1, 1)", "max(x, -x)")


def slopes() -> dict[str, np.ndarray]:
    """Name, or text of a formula, to values and slopes at `PLACES`, (2, 4, 6)."""
    from actlab.parts.activations.layer import Activation

    layers = {name: Activation(name, ACTIVATIONS.get(name).facts.example) for name in ACTIVATIONS.names()}
    layers |= {text: Activation("formula", {"formula": text}) for text in FORMULAS}
    z = ops.convert_to_tensor(PLACES)
    found = {}
    for name, layer in layers.items():
        values = layer(z)
        found[name] = [ops.convert_to_numpy(of) for of in (values, layer.slope(z))]
    return {name: np.stack(both) if both[0].shape == both[1].shape else both[1] for name, both in found.items()}


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **slopes())
