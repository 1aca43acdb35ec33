"""For the tests of one's own parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_activation(activation: str | Callable[..., Any], plugin: str | Path | None = None, **parameters: Any) -> None:
    """Hold an activation against what is stated of it: what `actlab activations NAME --check` does.

    Args:
        activation: a registered name, or the decorated function itself.
        plugin: the file that registers it, unless it has been imported.
        parameters: its parameters; the example of its facts, or else the defaults, where there are none.

    Raises:
        AssertionError: a property does not hold, each on a line.
        PluginError: the file cannot be loaded.
        UnknownName: no activation, or no parameter, has this name.
    """
    from actlab import plugins
    from actlab.parts.activations import ACTIVATIONS
    from actlab.parts.activations.checks import check

    if plugin is not None:
        plugins.load(plugins.read(Path(plugin)))
    name = activation if isinstance(activation, str) else activation.__name__
    refuted = [of for of in check(name, parameters or ACTIVATIONS.get(name).facts.example) if not of.holds]
    lines = (f"{of.property}: stated {of.stated}, found {of.found}" for of in refuted)
    assert not refuted, "\n".join([f"{name}:", *lines])
