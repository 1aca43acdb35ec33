"""The close look: points, check, kinks, tables, picture."""

from __future__ import annotations

import io
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

from actlab.errors import FormulaError, UnknownName
from actlab.parts.activations import ACTIVATIONS
from actlab.parts.activations.checks import check
from actlab.parts.activations.curves import (
    SHIPPED,
    Point,
    all_functions_csv,
    computed_table,
    find_kinks,
    function_csv,
    function_table,
    points,
    section,
)
from actlab.show.figures.function import functions_figure


def test_listing_needs_no_keras():
    code = (
        "import sys; from actlab.parts.activations import ACTIVATIONS; import actlab.parts.activations.curves, "
        "actlab.parts.activations.checks; assert len(ACTIVATIONS) >= 40; "
        "print([m for m in ('keras', 'tensorflow', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_entry_is_documented():
    for entry in ACTIVATIONS:
        assert entry.summary.startswith("f("), entry.name
        assert entry.facts.formula and entry.facts.source
        for parameter in entry.parameters:
            assert f"{parameter.name}: " in (entry.function.__doc__ or ""), (entry.name, parameter.name)


def test_points_of_leaky_relu():
    assert points("leaky_relu", {"negative_slope": 0.01}, [-2, 0, 1]) == [
        Point(-2.0, -0.02, 0.01), Point(0.0, 0.0, 0.01), Point(1.0, 1.0, 1.0)]  # fmt: skip


def test_points_are_in_float64():
    (point,) = points("tanh", None, [0.3])
    assert point.value == pytest.approx(np.tanh(0.3), rel=1e-15)
    assert point.slope == pytest.approx(1 - np.tanh(0.3) ** 2, rel=1e-15)


def test_points_are_one_sample_where_an_output_takes_several_inputs():
    xs = [-2.0, -1.0, 0.0, 1.0, 2.0]
    found = points("softmax", None, xs)
    share = np.exp(xs) / np.exp(xs).sum()
    np.testing.assert_allclose([p.value for p in found], share)
    np.testing.assert_allclose([p.slope for p in found], share * (1 - share))
    fitted = points("zero_fit_linear", None, xs)
    assert [(p.value, p.slope) for p in fitted] == [(0, 0), (1, 1), (2, 1), (3, 1), (4, 1)]


@pytest.mark.parametrize(
    ("name", "values", "slopes"),
    [("crelu", [0, 0, 2], [0, 0, 1]), ("glu", [-1, 0, 1], [0.5] * 3), ("maxout", [0, 0, 2], [0, 1, 1])],
)
def test_points_of_the_ones_that_change_the_width(name, values, slopes):
    found = points(name, None, [-2, 0, 2])
    assert [p.value for p in found] == values
    assert [p.slope for p in found] == slopes


def test_points_of_a_formula_and_of_wrong_names():
    assert points("formula", {"formula": "x*x"}, [3]) == [Point(3.0, 9.0, 6.0)]
    assert points("formula", {"formula": "floor(x)"}, [3.5]) == [Point(3.5, 3.0, 0.0)]
    assert points("formula", {"formula": "2"}, [3.5]) == [Point(3.5, 2.0, 0.0)]
    with pytest.raises(FormulaError):
        points("formula", {"formula": "x.y"}, [0])
    with pytest.raises(UnknownName):
        points("rleu", None, [0])


@pytest.mark.parametrize(
    ("formula", "kinks"),
    [
        ("abs(x - 0.3)", [0.3]),
        ("relu(x) - relu(x - 2)", [0, 2]),
        ("where(x > 1.7, x, 0)", [1.7]),
        ("sin(3*x)", []),
        ("x*x*x", []),
        ("sqrt(x)", [0]),  # no number to the left of it, infinite slope at it
        ("minimum(maximum(x, -1), 1/3)", [-1, 1 / 3]),
    ],
)
def test_find_kinks(formula, kinks):
    curve = partial(section, ACTIVATIONS.get("formula"), {"formula": formula})
    np.testing.assert_allclose(find_kinks(curve), kinks, atol=1e-9)


def finding(name, parameters, title):
    return next(f for f in check(name, parameters) if f.property == title)


def test_check_of_a_formula_tells_without_stating():
    kinks = finding("formula", {"formula": "where(x > 0, x, exp(x) - 1 - x/2)"}, "kinks")
    assert (kinks.stated, kinks.found, kinks.holds) == ("", "0", True)
    falls = finding("formula", {"formula": "x*sigmoid(x)"}, "monotonic")
    assert falls.found.startswith("falls from x = ")


def test_check_refutes_a_formula_that_overflows():
    far = finding("formula", {"formula": "exp(x)"}, "at ±10000 in float32")
    assert not far.holds and "inf" in far.found
    assert not finding("formula", {"formula": "log(x)"}, "gradient").holds


def test_check_of_other_parameters_states_nothing():
    found = finding("leaky_relu", {"negative_slope": -0.5}, "monotonic")
    assert found.stated == "" and found.found.startswith("falls")


# --- tables


def table_of(data: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data))


@pytest.mark.slow
def test_the_shipped_table_is_up_to_date():
    """Where this fails: python -m actlab.parts.activations.curves."""
    shipped = pd.read_csv(SHIPPED)
    pd.testing.assert_frame_equal(shipped, table_of(all_functions_csv()), rtol=1e-5, atol=1e-6)
    assert sorted(set(shipped["activation"])) == [e.name for e in ACTIVATIONS if not e.facts.example]


@pytest.mark.parametrize("name", ACTIVATIONS.names())
def test_a_table_joined_by_lines_is_the_function(name):
    """Between its rows too: the values that no row has are the reference's, but beside kinks, where lines break."""
    facts = ACTIVATIONS.get(name).facts
    table = table_of(function_csv({"name": name, **facts.example}))
    kinks = table.loc[table["slope"].isna(), "x"].to_numpy()
    x = np.random.default_rng(0).uniform(-5, 5, 500)
    x = x[[(abs(at - kinks) > 1e-4).all() for at in x]]
    inputs = x[:, None] * np.eye(1, 1 if facts.elementwise or facts.gives > 1 else 2)
    expected = facts.reference(inputs)[:, 0]
    drawn = np.interp(x, table["x"], table["y"])
    np.testing.assert_allclose(drawn, expected, rtol=0.005, atol=0.005)
    if facts.range:  # facts of an own formula are its own
        np.testing.assert_allclose(kinks, [kink for kink in facts.kinks if abs(kink) < 5], atol=1e-9)


def test_a_table_is_read_without_keras():
    code = (
        "import sys; from actlab.parts.activations.curves import function_table; "
        "assert len(function_table({'name': 'leaky_relu', 'negative_slope': 0.2})) > 100; "
        "print([m for m in ('keras', 'tensorflow', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "part",
    [{"name": "leaky_relu", "negative_slope": 0.01}, {"name": "formula", "formula": "x"},
     {"name": "of_another_version"}, {"name": "relu", "unknown": 1}, {}],
)  # fmt: skip
def test_only_defaults_are_shipped(part):
    assert function_table(part) is None


def test_a_table_of_other_parameters():
    table = table_of(function_csv({"name": "threshold", "threshold": -2.0, "default_value": 3.0})).set_index("x")
    assert (table.loc[-2, "y"], table.loc[-2.1, "y"], table.loc[-1.9, "y"]) == (3, 3, -1.9)
    assert np.isnan(table.loc[-2, "slope"]) and (table.loc[-2.1, "slope"], table.loc[-1.9, "slope"]) == (0, 1)
    assert table_of(function_csv({"name": "formula", "formula": "log(x)"})).set_index("x").loc[-1].isna().all()


def test_a_table_of_what_was_learned():
    table = computed_table({"name": "prelu", "initial_negative_slope": 0.25, "share": "layer"}, {"negative_slope": 0.5})
    assert table.set_index("x").loc[-2.0, ["y", "slope"]].tolist() == [-1, 0.5]


def test_several_functions_share_a_figure_and_are_named_once():
    tables = {name: function_table({"name": name}) for name in ("relu", "softplus", "exponential")}
    picture = functions_figure(tables, "title")
    upper, lower = picture.axes
    assert sorted(text.get_text() for text in upper.texts) == ["exponential", "relu", "softplus"] and not lower.texts
    for name, table in tables.items():
        (above,), (below,) = ([line for line in axes.lines if line.get_label() == name] for axes in picture.axes)
        assert above.get_color() == below.get_color() and above.get_linewidth() == below.get_linewidth()
        drawn = table[table["slope"].notna() & (table["y"].abs() <= 12)]
        np.testing.assert_array_equal(above.get_ydata()[np.isfinite(above.get_ydata())], drawn["y"])
    widths = [line.get_linewidth() for line in lower.lines if line.get_label() in tables]
    assert widths == sorted(widths, reverse=True), "what lies under another line is wider"


@pytest.mark.parametrize("name", ["relu", "signed_sqrt", "softmax", "exponential", "threshold"])
def test_figure(name, tmp_path):
    table = function_table({"name": name})
    picture = functions_figure({name: table}, "title")
    upper, lower = picture.axes
    kinks = bool(table["slope"].isna().any())
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("f(x)" + ", ring: kink" * kinks, "slope f′(x)")
    assert lower.get_xlabel() == "x" and picture.texts and not upper.texts
    picture.savefig(tmp_path / "f.png")
    assert (tmp_path / "f.png").stat().st_size > 5000
