"""Numbers and sentences as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actlab.show import words
from actlab.show.words import Numbers

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (0.9753, "val_accuracy", "97.53%"), (1.0, "test_accuracy", "100.00%"), (0.08421, "val_loss", "0.08421"),
        (2.302585, "loss", "2.303"), (240.0, "dead_units", "240"), (12.25, "dense.dead_units", "12.25"),
        (203530.0, "", "203,530"), (1e-5, "loss", "1.000e-05"), (0.0, "loss", "0"), (NAN, "accuracy", "–"),
        (math.inf, "accuracy", "inf"), (-0.0, "loss", "0"), (1e-9, "accuracy", "1.0e-07%"), (1.5e9, "", "1.500e+09"),
    ],
)  # fmt: skip
def test_a_number_has_the_digits_and_the_unit_that_people_give_it(value: float, metric: str, text: str) -> None:
    assert words.number(value, metric) == text


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (0.0009, "val_accuracy", "+0.09 points"), (-0.0123, "accuracy", "-1.23 points"),
        (0.00002, "accuracy", "+0.002 points"),
        (-0.0021, "val_loss", "-0.002100"), (3.0, "dead_units", "+3"), (NAN, "accuracy", "–"),
    ],
)  # fmt: skip
def test_differences_of_accuracies_are_points(value: float, metric: str, text: str) -> None:
    assert words.difference(value, metric) == text


def test_numbers_of_a_column_have_the_same_decimals() -> None:
    write = Numbers("val_loss", [0.0842, 0.1, NAN])
    assert [write(value) for value in (0.0842, 0.1, NAN)] == ["0.0842", "0.1000", "–"]
    write = Numbers("val_accuracy", [0.97531])
    assert write.spread(0.97531, 0.00123) == "97.53 ± 0.12"
    assert write.spread(0.97531, NAN) == "97.53"
    assert write.interval(0.9, 0.98) == "[90.00, 98.00]"
    assert write.interval(NAN, NAN) == ""
    assert Numbers("accuracy", [0.01], signed=True).interval(-0.001, 0.02) == "[-0.10, +2.00]"


def test_intervals_in_sentences() -> None:
    assert words.interval(0.9741, 0.9765, "accuracy") == "97.41% to 97.65%"
    assert words.interval(-0.0002, 0.0016, "accuracy", signed=True) == "-0.02 to +0.16 points"
    assert words.interval(0.1, 0.25, "loss") == "0.1000 to 0.2500"
    assert words.interval(NAN, NAN, "loss") == ""


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.015625, "p = 0.016"), (0.0009, "p < 0.001"), (0.04996, "p = 0.04996"), (0.0504, "p = 0.050"),
     (1.0, "p = 1.000")],
)  # fmt: skip
def test_a_p_is_never_rounded_over_its_threshold(p: float, text: str) -> None:
    assert words.p_value(p) == text


@given(st.floats(0.001, 1.0))
def test_a_written_p_is_under_the_threshold_where_p_is(p: float) -> None:
    assert (float(words.p_number(p)) < 0.05) == (p < 0.05)


def test_text_from_anywhere_cannot_drive_a_terminal() -> None:
    assert words.printable("\x1b]0;x\x07\u202egnp\t✓\n\U000e0001") == "\\x1b]0;x\\x07\\u202egnp    ✓\n\\U000e0001"


@given(st.text())
def test_all_text_becomes_printable(text: str) -> None:
    assert words.printable(text).replace("\n", "").isprintable()


def test_names_and_counts() -> None:
    assert [words.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", 3])] == [
        "",
        "a",
        "a and b",
        "a, b and 3",
    ]
    assert words.few([f"f{i}" for i in range(8)]) == "f0, f1, f2, f3, f4 and 3 more"
    assert [words.counted(n, "run") for n in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
    assert words.counted(2, "entry", "entries") == "2 entries"
    assert [words.seeds(of) for of in ([3], [0, 1], [0, 1, 2], [1, 2, 5])] == [
        "seed 3", "seeds 0 and 1", "seeds 0 to 2", "seeds 1, 2 and 5",
    ]  # fmt: skip
    assert words.seeds(range(0, 20, 2)) == "seeds 0, 2, 4, 6, 8, 10, 12, 14 and 2 more"
    assert words.metric_name("val_accuracy") == "validation accuracy"
    assert words.metric_name("dense.dead_units") == "dead units of dense"
    assert words.metric_name("*.weight_norm") == "weight norm"
    assert words.moment("step 500") == "at step 500"
    assert words.heading("val_accuracy") == "val_accuracy (%)"


def test_a_minus_is_set_before_numbers_only() -> None:
    assert (
        words.typeset_minus("-0.5, [-1e-05, x-2], leaky-relu, 3-5 (-∞)") == "−0.5, [−1e-05, x-2], leaky-relu, 3-5 (−∞)"
    )
