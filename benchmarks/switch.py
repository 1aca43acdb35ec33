"""Runs of four activations trained together: a group an activation, against one group that chooses by `lax.switch`.

    python benchmarks/switch.py [--one-by-one]

Processor seconds of 200 steps of eight nets, 784-256-10 at batch 100, on one core, four times in turns. Under `vmap`
the choice differs from run to run, and so each run computes all four branches, forward and back. Where runs go one by
one, as on a processor, each computes its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

STEPS, RUNS, BATCHES = 200, 8, 20


def trained(activate: Callable[[Any, Any], Any]) -> Any:
    """A compiled function: (weights, images, labels, choice) of each run to its weights after 200 steps."""
    import jax

    def loss(weights: Any, x: Any, y: Any, choice: Any) -> Any:
        logits = activate(x @ weights["a"] + weights["b"], choice) @ weights["c"] + weights["d"]
        return -jax.numpy.mean(jax.numpy.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))

    def run(weights: Any, x: Any, y: Any, choice: Any) -> Any:
        def step(i: Any, weights: Any) -> Any:
            gradients = jax.grad(loss)(weights, x[i % BATCHES], y[i % BATCHES], choice)
            return jax.tree.map(lambda w, g: w - 0.1 * g, weights, gradients)

        return jax.lax.fori_loop(0, STEPS, step, weights)

    if "--one-by-one" in sys.argv:
        return jax.jit(lambda weights, x, y, choice: jax.lax.map(lambda of: run(of[0], x, y, of[1]), (weights, choice)))
    return jax.jit(jax.vmap(run, in_axes=(0, None, None, 0)))


def main() -> None:
    os.environ |= {"PJRT_NPROC": "1", "OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    import jax

    functions = [jax.nn.relu, jax.numpy.tanh, jax.nn.gelu, jax.nn.elu]
    rng = np.random.default_rng(0)
    x, y = rng.random((BATCHES, 100, 784), np.float32), rng.integers(0, 10, (BATCHES, 100))

    def weights(runs: int) -> dict[str, Any]:
        shapes = {"a": (784, 256), "b": (256,), "c": (256, 10), "d": (10,)}
        return {name: rng.normal(0, 0.05, (runs, *shape)).astype("float32") for name, shape in shapes.items()}

    each = RUNS // len(functions)
    one, by_activation = (
        trained(lambda z, choice: jax.lax.switch(choice, functions, z)),
        [trained(lambda z, choice, function=function: function(z)) for function in functions],
    )
    ways = {
        "one group, lax.switch": lambda: one(weights(RUNS), x, y, np.arange(RUNS) // each),
        "a group an activation": lambda: [of(weights(each), x, y, np.zeros(each, int)) for of in by_activation],
    }
    for turn in ("compiled and run", *["run"] * 4):
        for name, way in ways.items():
            began = time.process_time()
            jax.block_until_ready(way())
            print(f"{turn:16} {name}  {time.process_time() - began:5.2f} s", flush=True)


if __name__ == "__main__":
    main()
