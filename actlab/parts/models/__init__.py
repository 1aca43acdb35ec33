"""Models by name, in Keras's functional form."""

from actlab.parts.models import convolution, dense  # noqa: F401  (they register their members)
from actlab.parts.models.layers import MODELS, Layers, ModelFacts, shared

__all__ = ["MODELS", "Layers", "ModelFacts", "shared"]
