"""Made-up studies whose numbers are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlab.runs.record import Run
from actlab.spec.config import RunConfig


@pytest.fixture
def train(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Callable[..., Run]:
    """Makes up a run: accuracies, how it ended, and what is special in its config."""

    def made(
        accuracies: list[float],
        status: str = "done",
        record: dict[str, Any] | None = None,
        folder: str = "study",
        **config: Any,
    ) -> Run:
        return Run(make_run(tmp_path / folder, resolved(**config), accuracies, status, record or {}))

    return made
