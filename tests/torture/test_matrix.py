"""The matrix counts what it tries, and hides no failure."""

from __future__ import annotations

from torture.matrix import Cases


def test_failures_are_counted_and_not_hidden() -> None:
    cases = Cases(0, "numbers", 4)
    for i in cases:
        cases.hold(i % 2, f"{i} is even")
    with cases.one("a fifth"):
        raise ValueError("no")
    assert cases.tried == 5
    assert cases.failures == ["case 1: 0 is even", "case 3: 2 is even", "a fifth: ValueError: no"]
