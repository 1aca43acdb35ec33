"""What draws activations without TensorFlow, held against what trains them."""

import numpy as np
import pytest

from actlab.lazy import ops
from actlab.parts.activations import ACTIVATIONS, inspect, resolve
from actlab.parts.activations.in_numpy import section

X = np.linspace(-6, 6, 97)
OTHERS = {
    "leaky_relu": {"negative_slope": 0.01}, "relu": {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5},
    "elu": {"alpha": 0.5}, "celu": {"alpha": 2.0}, "rrelu": {"variant": "paper"}, "maxout": {"pieces": 4},
    "gelu": {"approximate": True}, "soft_shrink": {"threshold": 1.5}, "hard_shrink": {"threshold": 2.0},
    "threshold": {"threshold": -1.0, "default_value": 3.0}, "squareplus": {"b": 1.0},
    "prelu": {"initial_negative_slope": -0.5}, "swish": {"initial_beta": 3.0},
}  # fmt: skip
FORMULAS = [
    "where(x > 0, x, 0.1*x)", "x*erf(x)", "min(max(x, -1), 1)", "clip(x, -2, 2)", "1.5", "sigmoid(x) + softplus(-x)",
    "where(x > 0 and not x > 2, exp(x), sin(x)*arctan(x))", "x**2/(1 + abs(x)) - relu(x)",
]  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS.names())
def test_values_are_those_of_tensorflow(name):
    given = [{"formula": text} for text in FORMULAS] if name == "formula" else [{}]
    for parameters in [*given, *([OTHERS[name]] if name in OTHERS else [])]:
        resolved = resolve(ACTIVATIONS.get(name), parameters)
        found = section(ACTIVATIONS.get(name), resolved, X)
        np.testing.assert_allclose(found, inspect.section(ACTIVATIONS.get(name), resolved, X)[0], rtol=1e-6, atol=1e-9)


def test_what_is_not_replaced_is_not_drawn():
    """An activation may call what only TensorFlow has; better no picture than a wrong one."""

    class Entry:
        function = staticmethod(lambda x: ops.no_such_function(x))
        facts = ACTIVATIONS.get("relu").facts

    assert section(Entry, {}, X) is None


def test_the_replacement_ends():
    section(ACTIVATIONS.get("relu"), resolve(ACTIVATIONS.get("relu")), X)
    assert type(ops.maximum(X, 0.0)).__module__.startswith("tensorflow")
