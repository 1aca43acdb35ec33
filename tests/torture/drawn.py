"""Many values of a Hypothesis strategy, for a row of the matrix that counts them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def drawn(count: int, strategy: st.SearchStrategy[Any], test: Callable[[Any], None]) -> None:
    """Put `count` values of a strategy to the test, the same ones each time, and none of them shrunk."""
    run = settings(
        max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(given(strategy)(test))  # fmt: skip
    run()
