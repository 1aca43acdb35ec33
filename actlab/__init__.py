"""actlab: compare activation functions by experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from actlab.run.loading import LoadedRun

__all__ = ["__version__", "load"]
__version__ = "0.1.0"


def load(path: str | Path) -> LoadedRun:
    """The run in a directory: `.config`, `.history`, `.environment`, `.status`, `.results`, `.model()`."""
    from actlab.run import loading

    return loading.load(path)
