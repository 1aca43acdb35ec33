"""actlab: compare activation functions by experiment.

`run`, `load`, `compare`, `report`, `activation` and `activations` do from Python what the commands do; `actlab.api` has
what they return.

What own parts are written with is here too (docs/plugins.md): a registry for each kind (`@ACTIVATIONS.register()`,
`MODELS`, `DATASETS`, `OPTIMIZERS`, `INITIALIZERS`, `SCHEDULES`, `PROBES`), what can be stated of their members, and
`keras`, `ops` and `tf`, which are imported when they are used. `from actlab import Activation` tells Keras of the
layers that a model of `actlab export` needs (docs/export.md).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actlab import plugins, testing
    from actlab.api import activation, activations, compare, load, report, run
    from actlab.lazy import keras, ops, tf
    from actlab.parts.activations import ACTIVATIONS, ActivationFacts
    from actlab.parts.activations.layer import Activation
    from actlab.parts.datasets import DATASETS, DatasetFacts, Rendered
    from actlab.parts.initializers import INITIALIZERS
    from actlab.parts.models import MODELS, Layers, ModelFacts
    from actlab.parts.optimizers import OPTIMIZERS, SCHEDULES
    from actlab.parts.probes import PROBES, EvaluationProbe, GradientProbe, OutcomeProbe, ProbeFacts, WeightProbe

__all__ = [
    "ACTIVATIONS", "DATASETS", "INITIALIZERS", "MODELS", "OPTIMIZERS", "PROBES", "SCHEDULES", "Activation",
    "ActivationFacts", "DatasetFacts", "EvaluationProbe", "GradientProbe", "Layers", "ModelFacts", "OutcomeProbe",
    "ProbeFacts",
    "Rendered", "WeightProbe", "__version__", "activation", "activations", "compare", "keras", "load", "ops",
    "plugins", "report", "run", "testing", "tf",
]  # fmt: skip
__version__ = "0.1.0"

_HOMES = {
    "actlab.api": ("activation", "activations", "compare", "load", "report", "run"),
    "actlab.lazy": ("keras", "ops", "tf"),
    "actlab.parts.activations": ("ACTIVATIONS", "ActivationFacts"),
    "actlab.parts.activations.layer": ("Activation",),
    "actlab.parts.datasets": ("DATASETS", "DatasetFacts", "Rendered"),
    "actlab.parts.initializers": ("INITIALIZERS",),
    "actlab.parts.models": ("MODELS", "Layers", "ModelFacts"),
    "actlab.parts.optimizers": ("OPTIMIZERS", "SCHEDULES"),
    "actlab.parts.probes": ("PROBES", "EvaluationProbe", "GradientProbe", "OutcomeProbe", "ProbeFacts", "WeightProbe"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: `import actlab` takes no time."""
    if name in ("plugins", "testing"):
        return import_module(f"actlab.{name}")
    if name == "Activation":  # with it Keras is told of the other layer of ours, too
        import_module("actlab.parts.models.im2col")
    home = next((home for home, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'actlab' has no attribute {name!r}", name=name, obj=import_module("actlab"))
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """What a notebook offers after a tab."""
    return __all__
