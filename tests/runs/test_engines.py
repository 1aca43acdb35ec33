"""The tests of parts, resumes and first steps hold on JAX too: a few of each, in a process of its own.

All of them: `python -m pytest --engine jax tests/parts tests/runs/test_training.py ...`, as docs/engines.md has it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
A_FEW = {
    "tests/parts/activations/test_conformance.py": ["test_own_slope_is_the_diagonal_of_the_jacobian[prelu]"],
    "tests/parts/activations/test_layer.py": [
        "test_a_number_may_be_a_tensor[squareplus]", "test_rrelu_draws_uniform_slopes[float32]",
        "test_prelu_equals_the_layer_of_keras[channel-axes0]",
    ],
    "tests/parts/activations/test_formula.py": ["test_equal_in_keras_in_every_dtype[sin(x)-float64]"],
    "tests/parts/test_probes.py": [
        "test_units_come_back_to_life", "test_steps_that_mixed_precision_skips_are_left_out",
    ],
    "tests/runs/test_training.py": [
        "test_a_resumed_run_has_the_bytes_of_one_that_never_stopped[ema, accumulation]",
        "test_probes_change_nothing_of_the_training[conv]",
    ],
    "tests/runs/test_first_steps.py": ["test_the_first_steps_are_those_of_every_engine[all at once]"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.only("tensorflow", reason="starts the process of the other engine")
@pytest.mark.skipif(find_spec("jax") is None, reason="the extra jax is not installed")
def test_the_suites_hold_on_jax() -> None:
    few = [f"{file}::{test}" for file, tests in A_FEW.items() for test in tests]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--engine", "jax", *few]
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert f"{len(few)} passed" in done.stdout
