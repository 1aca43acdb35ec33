"""The matrix counts what it tries, and hides no failure."""

from __future__ import annotations

import pytest

from torture.matrix import Cases


def test_failures_are_counted_and_not_hidden() -> None:
    cases = Cases(0, "numbers", 4)
    for i in cases:
        cases.hold(i % 2, f"{i} is even")
    with cases.one("a fifth"):
        raise ValueError("no")
    assert cases.tried == 5
    assert cases.failures == ["case 1: 0 is even", "case 3: 2 is even", "a fifth: ValueError: no"]


@pytest.mark.parametrize("number", range(1, 15))
def test_every_row_of_the_matrix_is_there(number: int, pytestconfig: pytest.Config) -> None:
    tests = (pytestconfig.rootpath / "tests" / "torture").glob("test_*.py")
    assert any(f"@row({number}, " in path.read_text(encoding="utf-8") for path in tests)
