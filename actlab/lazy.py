"""Keras and what it runs on, TensorFlow or JAX, imported at the first use of one of their names.

Importing TensorFlow takes seconds; a listing, a check or a comparison must not pay for it. Every module that is
read by such a command takes `keras`, `ops`, `tf` and `jax` from here and uses them inside functions only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

ENGINE = "ACTLAB_ENGINE"


class LazyModule:
    """Stands for a module; imports it when an attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # introspection by inspect, doctest or pytest is no use of the module
            raise AttributeError(attribute)
        import_keras()
        return getattr(import_module(self._name), attribute)


def backend() -> str:
    """What Keras runs on in this process, "tensorflow" or "jax": what a worker was started for, else what there is."""
    return os.environ.get(ENGINE) or ("tensorflow" if find_spec("tensorflow") else "jax")


def import_keras() -> None:
    """Import Keras on its backend without the user's `keras.json`: a record tells all that a result depends on.

    TensorFlow reads that file too, for the Keras that it once was.
    """
    if "keras" not in sys.modules:
        with without_keras_json():
            import_module(backend())
            import_module("keras")
    _allow_double()


@cache
def _allow_double() -> None:
    """Let JAX, if it is what computes, sum in double precision, which it has switched off; a layer keeps its dtype.

    Many of Keras's operations make single precision of double there, by a table for which there is no setting.
    """
    if backend() != "jax":
        return
    import_module("jax").config.update("jax_enable_x64", True)
    with suppress(ImportError):
        table = getattr(import_module("keras.src.backend.common.dtypes"), "BIT64_TO_BIT32_DTYPE", {})
        table["float64"] = "float64"


@contextmanager
def without_keras_json() -> Iterator[None]:
    """While this lasts, whoever imports Keras gets it as `import_keras` does."""
    own = {"KERAS_HOME": os.devnull, "KERAS_BACKEND": backend()}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


keras: Any = LazyModule("keras")
ops: Any = LazyModule("keras.ops")
tf: Any = LazyModule("tensorflow")
jax: Any = LazyModule("jax")
