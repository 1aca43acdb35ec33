"""Formulas: what is allowed equals NumPy, what is not is refused with its place, and nothing takes long."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts.gradients import gradients
from scipy.special import erf, expit

from actlab.errors import FormulaError
from actlab.lazy import ops
from actlab.parts.activations.formula import FUNCTIONS, parse

# NumPy with the functions that it lacks; warnings of overflow are the formula's own
NUMPY = SimpleNamespace(
    **{name: getattr(np, name) for name in (*FUNCTIONS, "full_like", "logical_and", "logical_or", "logical_not")
       if hasattr(np, name)},
    erf=erf, sigmoid=expit, relu=lambda x: np.maximum(x, 0), softplus=lambda x: np.logaddexp(0, x),
)  # fmt: skip
X = np.array([-1e4, -30.0, -3, -2, -1, -0.5, -1e-3, 0, 1e-3, 0.5, 1, 2, 3, 30, 1e4])


def values(text, x=X):
    with np.errstate(all="ignore"):
        return parse(text)(x, NUMPY)


# --- what is allowed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", X),
        ("where(x > 0, x, 0.1*x)", np.where(X > 0, X, 0.1 * X)),
        ("2", np.full_like(X, 2)),
        ("pi - e", np.full_like(X, math.pi - math.e)),
        ("-x**2", -(X**2)),
        ("2**-1*x", X / 2),
        ("-1 < x <= 2", ((X > -1) & (X <= 2)).astype(float)),
        ("x*(x > 0)", np.maximum(X, 0)),
        ("where(not x > 0 and x != -1 or x == 3, 1, 0)", np.where((~(X > 0) & (X != -1)) | (X == 3), 1.0, 0.0)),
        ("where(1 < 2, x, 1)", X),
        ("min(max(x, -1), 1)", np.clip(X, -1, 1)),
        ("clip(x, -1, 1)", np.clip(X, -1, 1)),
        ("  +x\n  + 1 ", X + 1),
        ("exp(1)*x", math.e * X),
        ("sigmoid(0)*x + softplus(0) + erf(0)", X / 2 + math.log(2)),
        ("0x10 + 1_0 + 1e1 + .5 + 0*x", np.full_like(X, 36.5)),
    ],
)
def test_values(text, expected):
    np.testing.assert_allclose(values(text), expected, rtol=1e-12)


@pytest.mark.parametrize("name", [name for name, count in FUNCTIONS.items() if count == 1])
def test_every_function_of_one_argument(name):
    with np.errstate(all="ignore"):
        expected = getattr(NUMPY, name)(X)
    np.testing.assert_array_equal(values(f"{name}(x)"), expected)
    folded = values(f"{name}(0.25) + 0*x", np.zeros(1))  # by the functions on Python floats
    np.testing.assert_allclose(folded, getattr(NUMPY, name)(np.array([0.25])), rtol=1e-12)


def test_a_constant_takes_the_dtype_of_x():
    for dtype in ("float16", "float32", "float64"):
        x = X.astype(dtype)
        for text in ("1/3", "where(x > 0, 1/3, 1)", "exp(1)*x + 1/3", "x > 0"):
            with np.errstate(all="ignore"):
                assert parse(text)(x, NUMPY).dtype == dtype, (text, dtype)


numbers = st.one_of(
    st.just("x"), st.just("pi"), st.floats(-9, 9).map(lambda v: repr(round(v, 3))), st.integers(-9, 9).map(str)
)


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    compare = st.tuples(inner, st.sampled_from(["<", "<=", ">", ">="]), inner).map(" ".join)
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.integers(0, 3)).map(lambda t: f"({t[0]})**{t[1]}"),
        inner.map(lambda t: f"(-{t})"),
        st.tuples(st.sampled_from([n for n, c in FUNCTIONS.items() if c == 1]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["minimum", "maximum"]), pair).map(lambda t: f"{t[0]}({t[1][0]}, {t[1][1]})"),
        st.tuples(compare, pair).map(lambda t: f"where({t[0]}, {t[1][0]}, {t[1][1]})"),
    )


formulas = st.recursive(numbers, larger, max_leaves=12)
PLAIN = {**vars(NUMPY), "x": X, "pi": np.float64(math.pi), "e": np.float64(math.e), "__builtins__": {}}


def in_numpy(text: str) -> np.ndarray:
    """What Python and NumPy make of the same text, every number a NumPy float64."""
    import re

    wrapped = re.sub(r"(?<![\w.])(\d+\.?\d*(?:e-?\d+)?)", r"f(\1)", text)
    with np.errstate(all="ignore"):
        return np.broadcast_to(eval(wrapped, {**PLAIN, "f": np.float64}), X.shape)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.one_of(st.text(max_size=60), st.text("x0123456789.+-*/()<>=! ,whereandotnilg_'[]{}:\\\n", max_size=520)))
def test_any_text_is_read_or_refused_at_once(text):
    started = time.process_time()
    try:
        parse(text)
    except FormulaError as error:
        assert 1 <= error.column <= max(len(text), 1) + 1
    assert time.process_time() - started < 5


# --- what is not -------------------------------------------------------------------------------------------------

ESCAPES = """
__import__('os').system('true')
__import__("os")
exec("1")
eval("x")
open("/etc/passwd")
compile("1", "", "eval")
getattr(x, "y")
setattr(x, "y", 1)
globals()
locals()
vars()
dir(x)
input()
print(x)
breakpoint()
type(x)
object
help(x)
exit()
quit()
memoryview(x)
x.__class__
x.__class__.__mro__[1].__subclasses__()
().__class__.__base__
''.__class__
"".join(x)
[].__class__
{}.__class__
(1).__class__
exp.__globals__
exp.__call__(x)
where.__code__
(lambda: x)()
lambda x: x
[x for x in (1, 2)]
{x for x in (1, 2)}
{x: x for x in (1, 2)}
(x for x in (1, 2))
x[0]
x[0:1]
[x]
{x}
{1: x}
(x, x)
*x
**x
f"{x}"
f'{x.__class__}'
'x'
b'x'
r"x"
(y := x)
x := 1
x = 1
x; x
import os
from os import system
def f(): pass
class A: pass
return x
yield x
(yield x)
await x
assert x
del x
raise x
pass
global x
while True: pass
for i in x: i
with x: x
try: x
x if x > 0 else 1
x @ x
x % 2
x // 2
x << 2
x >> 2
x & x
x | x
x ^ x
~x
x is x
x is not None
x in x
x not in (1,)
None
True
...
Ellipsis
NotImplemented
__builtins__
__name__
__debug__
self
ns
keras
tf
np
exp
where
exp(x)(x)
(exp)(x)(x)
exp(*x)
exp(**x)
exp(x=x)
exp(x, x)
exp()
where(x)
where(x, 1, 2)
pi(x)
e(1)
x(1)
1j
x.real
9**9**9
9**9**9**9
1e999
1/0 + x
0/0 + x
(-1)**0.5 + x
0**-1 + x
log(0)*x
sqrt(-1)*x
exp(1e9)*x
`x`
x \\
x # a comment
x\\u002e__class__
ｅｘｐ(x)
x’
\x00
\x1b[31mx
""".strip("\n").split("\n")


@pytest.mark.parametrize("text", ESCAPES)
def test_escapes_are_refused(text):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert 1 <= caught.value.column <= len(text) + 1


def test_there_are_at_least_sixty_escapes():
    assert len(set(ESCAPES)) >= 60


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\n", "x" * 501, "+".join("x" * 120), "(" * 200 + "x" + ")" * 200, "-" * 100 + "x",
     "exp(" * 33 + "x" + ")" * 33, "x" + "**x" * 40, "9" * 490, "x<" * 210 + "x",
     "not " * 80 + "x>0", "(" * 499, "where(" * 80, "1_" * 200]
)  # fmt: skip
def test_what_is_too_large_is_refused_at_once(text):
    started = time.process_time()
    with pytest.raises(FormulaError):
        parse(text)
    assert time.process_time() - started < 5


def test_the_limits_themselves_are_allowed():
    assert parse("x" + " " * 499)
    assert parse("exp(" * 31 + "x" + ")" * 31)
    wide = "where(x > 0, {0}, {0})"
    for _ in range(3):
        wide = wide.replace("{0}", "max({0}, {0})", 1)
    assert parse(wide.replace("{0}", "x"))


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("where(x > 0, x, exq(x))", 17, "did you mean 'exp'"),
        ("  foo + x", 3, "known: x, pi, e"),
        ("x + sin", 5, "sin needs brackets"),
        ("x^2", 2, "a power is written **"),
        ("x +\n  y", 7, "unknown name 'y'"),
        ("1 if x > 0 else 0", 1, "write where"),
        ("where(x, 1, 2)", 7, "a comparison is needed"),
        ("1 + exp(x, 2)", 5, "exp takes 1 argument"),
        ("x + 'a'", 5, "is not allowed"),
        ("x + (2", 5, "never closed"),
        ("x > 0 and x", 11, "a comparison is needed"),
        ("x + pi(2)", 5, "pi is a number"),
        ("x + log(0)", 5, "no finite real value"),
    ],
)
def test_the_message_has_place_and_remedy(text, column, words):
    with pytest.raises(FormulaError, match="(?s)" + words.replace("*", r"\*")) as caught:
        parse(text)
    assert caught.value.column == column


def test_no_warning_comes_from_reading():
    for text in ("1(x)", "x if 1else 2", "0or x > 0", "x is 1"):  # Python itself would advise
        with pytest.raises(FormulaError):
            parse(text)


# --- in Keras ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "where(x > 0, x, exp(x) - 1)",
        "where(x < 0, where(x < -1, exp(x), sqrt(-x)), log1p(x))",
        "where(x > 1, 1 - 1/x, x*(x > -2))",
        "where(x > 0 and x < 3, sqrt(x), sinh(clip(x, -1, 1)))",
        "where(x <= 0, 0, log(x))",
    ],
)
def test_a_branch_that_is_not_taken_cannot_spoil_the_gradient(text):
    x = np.float32([-1e4, -200.0, -1.5, -0.5, 0.5, 2.0, 200.0, 1e4])
    y, (slope,) = gradients(lambda x: parse(text)(x, ops), [ops.convert_to_tensor(x)])
    np.testing.assert_allclose(y, values(text, x.astype("float64")), rtol=1e-5, atol=1e-30)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("text", [*(f"{n}(x)" for n, c in FUNCTIONS.items() if c == 1), "x**2 + 2**x", "1/3",
    "where(x > 0, 1/3, 1)", "(x > 0)*x + min(x, 1) + max(0.1, x) + clip(x, -1, pi)", "not x > 0"])  # fmt: skip
def test_equal_in_keras_in_every_dtype(text, dtype):
    x = ops.cast(np.array([0.1, 0.5, 0.9, 1.3, 2.2]), dtype)
    y = parse(text)(x, ops)
    assert y.dtype == x.dtype
    rounding = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(np.float64(y), values(text, np.float64(x)), rtol=rounding, atol=rounding)
