"""The activation that CONTRIBUTING.md adds as a diff of one new file does what its facts state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlab.lazy import ops
from actlab.parts.activations import ACTIVATIONS, infer, resolve
from actlab.parts.activations.checks import check
from actlab.registry import Entry
from actlab.spec.schema import schema

TEXT = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text()


@pytest.fixture
def added() -> Iterator[Entry[Any]]:
    """What the diff registers, for one test."""
    (diff,) = re.findall(r"```diff\n--- /dev/null\n.*?\n@@.*?\n(.*?)```", TEXT, re.DOTALL)
    (name,) = re.findall(r"\+def (\w+)\(x: Any", diff)
    known = name in ACTIVATIONS  # where somebody has followed the example to the letter
    if not known:
        exec("\n".join(line[1:] for line in diff.splitlines()), {"__name__": "added"})
    yield ACTIVATIONS.get(name)
    if not known:
        del ACTIVATIONS._entries[name]


def test_its_facts_hold_and_its_values_are_those_of_its_reference(added: Entry[Any]) -> None:
    assert [finding for finding in check(added.name) if not finding.holds] == []
    x = np.random.default_rng(0).normal(scale=3, size=(20, 4))
    np.testing.assert_allclose(
        infer(added, resolve(added), ops.convert_to_tensor(x)), added.facts.reference(x), rtol=1e-12
    )


def test_nothing_else_needs_to_know_its_name(added: Entry[Any]) -> None:
    assert added.name in str(schema())
    assert added.summary.startswith("f(x) = ")
    assert f"actlab activations {added.name} --check" in TEXT
