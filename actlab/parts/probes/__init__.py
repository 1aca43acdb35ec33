"""What is measured inside a network while it learns: one probe, or one family of them, a file.

A new probe is one decorated class in one new file of this folder; nothing else is edited. Importing this package
registers all of them and never imports TensorFlow.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from actlab.parts.probes.facts import (
    PROBES,
    EvaluationProbe,
    GradientProbe,
    OutcomeProbe,
    ProbeFacts,
    Sums,
    WeightProbe,
)
from actlab.parts.probes.layers import TOTAL, ProbedLayer, probed_layers
from actlab.parts.probes.table import AllSums, Probes

__all__ = [
    "PROBES", "TOTAL", "AllSums", "EvaluationProbe", "GradientProbe", "OutcomeProbe", "ProbeFacts", "ProbedLayer",
    "Probes", "Sums", "WeightProbe", "probed_layers",
]  # fmt: skip

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
