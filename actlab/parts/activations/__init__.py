"""The activations: one pure function each, with its formula, its source and its properties.

A new activation is one decorated function in one new file of `actlab/parts/activations/functions/`; nothing else is
edited. Importing this package registers all of them and never imports Keras.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from actlab.parts.activations import functions
from actlab.parts.activations.facts import ACTIVATIONS, ActivationFacts, infer, resolve

__all__ = ["ACTIVATIONS", "ActivationFacts", "infer", "resolve"]

for _module in pkgutil.iter_modules(functions.__path__, f"{functions.__name__}."):
    import_module(_module.name)
