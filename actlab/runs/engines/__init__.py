"""How a training is carried out: the model built from a config, and the compiled loop over its steps."""

from __future__ import annotations

from typing import Any

from actlab.lazy import backend
from actlab.runs.engines.engine import Group


def make_group(*arguments: Any) -> Group:
    """The group of the engine that this process is for.

    Args:
        arguments: members, arrays, device and varying, as `engine.Group` has them.
    """
    if backend() == "jax":
        from actlab.runs.engines import jax

        return jax.Group(*arguments)
    from actlab.runs.engines import tensorflow

    return tensorflow.Group(*arguments)
