"""TensorFlow and Keras, imported at the first use of one of their names.

Importing TensorFlow takes seconds; a listing, a check or a comparison must not pay for it. Every module that is
read by such a command takes `keras`, `ops` and `tf` from here and uses them inside functions only.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module; imports it when an attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # introspection by inspect, doctest or pytest is no use of the module
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)


keras: Any = LazyModule("keras")
ops: Any = LazyModule("keras.ops")
tf: Any = LazyModule("tensorflow")
