"""actlab: compare activation functions by experiment.

`run`, `load`, `compare`, `report`, `activation` and `activations` do from Python what the commands do; `actlab.api` has
what they return.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actlab.api import activation, activations, compare, load, report, run

__all__ = ["__version__", "activation", "activations", "compare", "load", "report", "run"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: `import actlab` takes no time."""
    if name not in __all__:
        raise AttributeError(f"module 'actlab' has no attribute {name!r}")
    from actlab import api

    return getattr(api, name)
