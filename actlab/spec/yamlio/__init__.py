"""YAML text to plain data, strictly, with the line and column of every node; and back.

The text is read by libyaml's parser, but what a plain word means is decided here, by the core schema of YAML 1.2:
`no`, `on`, `12:30:00` and `2024-01-01` are text, `1e-3` is a number, only `true` and `false` are booleans. What two
readers could take for two things (`017`, a key given twice, `<<`) is refused, never guessed.
"""

from __future__ import annotations

from actlab.spec.yamlio.reading import Document, Path, parse, parse_value
from actlab.spec.yamlio.source import Place
from actlab.spec.yamlio.writing import dump, flow

__all__ = ["Document", "Path", "Place", "dump", "flow", "parse", "parse_value"]
