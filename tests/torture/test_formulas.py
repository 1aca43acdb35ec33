"""Row 9: formulas cost little, whatever they are, equal NumPy, and let nothing else be run."""

from __future__ import annotations

import random
import time

import numpy as np
from hypothesis import strategies as st
from parts.activations.test_formula import ESCAPES, formulas, in_numpy, values

from actlab.errors import FormulaError
from actlab.parts.activations.formula import FUNCTIONS, MAX_CHARACTERS, parse
from torture.drawn import drawn
from torture.matrix import Cases, row

SECONDS = 0.5  # ten times the promised 0.05 s of one formula
PIECES = ["x", "pi", "e", "0", "1", "9", ".5", "1e9", "(", ")", "+", "-", "*", "/", "**", "<", "<=", "==", ",", " and ",
          " or ", "not ", " ", *(f"{name}(" for name in FUNCTIONS)]  # fmt: skip
texts = st.one_of(
    formulas,
    st.lists(st.sampled_from(PIECES), max_size=250).map("".join),  # up to some 800 characters
    st.text(max_size=MAX_CHARACTERS + 20),
    st.builds(lambda a, n, b, c: (a * n + b + c * n)[:600], *(
        st.sampled_from(["(", "exp(", "-", "not ", "x**", "1+", "9**", "where(", "x<"]), st.integers(1, 300),
        st.sampled_from(["x", "1", ""]), st.sampled_from([")", "", ",x)", "-x"]),
    )),
)  # fmt: skip


@row(9, "random formulas, each read and applied in a bounded time", quick=400, full=20_000)
def test_no_formula_takes_long(cases: Cases) -> None:
    read = [0]

    def test(text: str) -> None:
        started = time.process_time()
        with cases.one(text):
            try:
                values(text)
                read[0] += 1
            except FormulaError as error:
                assert 1 <= error.column <= max(len(text), 1) + 1
                assert "\n" not in str(error)
            assert time.process_time() - started < SECONDS, f"{time.process_time() - started:.2f} s"

    drawn(cases.count, texts, test)
    cases.hold(read[0] > cases.tried // 20, f"only {read[0]} are formulas")


@row(9, "random formulas equal NumPy", quick=200, full=5_000)
def test_formulas_equal_numpy(cases: Cases) -> None:
    def test(text: str) -> None:
        if cases.tried == cases.count:
            return
        expected = in_numpy(text)
        try:
            found = values(text)
        except FormulaError as error:  # a part without x that is infinite or no number is refused outright
            message = str(error)
            cases.hold(any(why in message for why in ("no finite real", "too deeply", "at most")), f"{text}: {message}")
            return
        with cases.one(text):
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)

    drawn(cases.count * 2, formulas, test)
    cases.hold(cases.tried == cases.count, f"only {cases.tried} were formulas")


# Ways out of the evaluators that came before, from their issues, advisories and test suites.
SIMPLEEVAL = r"""
__import__('os').system('true')
().__class__.__bases__[0].__subclasses__()
().__class__.__mro__[1].__subclasses__()[0]
"{0.__class__}".format(x)
'{x.__class__.__init__.__globals__}'.format(x=x)
'%s' % x
'a' * 10**9
'a' * 9**9
"spam" + "eggs" * 9999999
9**9**9**9**9**9**9**9
9**9**5 * x
1 << 9**9
[0] * 10**9
[i for i in range(10**9)]
[[i for i in range(999)] for i in range(999)]
(lambda: x)()
x.__class__.__dict__
x.format_map(x)
"".format_map({})
x._private
x.func_globals
x.gi_frame.f_back.f_globals
x.cr_frame
x.__globals__['__builtins__']
exp.__self__.__loader__
exp.__module__
__builtins__['eval']('1')
open('/etc/passwd').read()
rand.__init__
os.path
sys.modules
x if __import__('os') else 1
f"{__import__('os')}"
f'{x!r:{x.__class__}}'
{**x}
[*x]
x[x.__class__]
print(x); x
disallowed(x)
range(99999999)
""".strip().splitlines()
ASTEVAL = r"""
f"{x.__fstring__}"
f"{dict.mro()[-1]:{x}}"
lambda_: x
a = type('x', (), {})
def f(): return x.__code__
f.__code__.co_code
try: x
except Exception as e: e.__traceback__.tb_frame
e.__traceback__.tb_frame.f_back.f_globals
import numpy
numpy.fromfile('/etc/passwd')
numpy.load('x', allow_pickle=True)
numpy.lib.npyio.os.system('true')
numpy.ctypeslib.ctypes
numpy.__loader__.load_module('os')
np.f2py.os
np.testing.runstring('1', {})
loadtxt('/etc/passwd')
fromfile('/etc/passwd')
save('x', x)
open(__file__)
with open('x', 'w') as f: f.write('x')
class A(object): pass
while True: 1
for i in range(10**9): i
del x
raise x
assert 0
Interpreter()
symtable['open']
__name__.__class__
repr(x.__class__)
x.tofile('x')
x.dump('x')
x.view(type=type)
""".strip().splitlines()
SYMPY = r"""
sympify('__import__("os")')
S('x')
parse_expr('x')
lambdify(x, x)
Symbol('x')
Function('f')(x)
Integer(1)
Rational('1/2')
Lambda(x, x)
x.func
x.subs(x, 1)
x.evalf(10**9)
x.__class__.__base__
E.__class__
oo
zoo
I * x
x!
x!!
factorial(10**9)
binomial(10**9, 10**8)
10**10**10**10
2**2**2**2**2**2
x^2
x = 1
x == 1 if exec('1') else 0
exec(compile('1', '', 'exec'))
eval(input())
global_dict
x.free_symbols
"x".__class__
srepr(x)
preview(x)
plot(x)
x`y
\frac{x}{2}
""".strip().splitlines()
KNOWN = [*SIMPLEEVAL, *ASTEVAL, *SYMPY, *ESCAPES]
PLACES = ["{}", "x + {}", "exp({})", "where(x > 0, {}, x)", "x\n*({})", "({} and x > 0)"]


@row(9, "escapes from simpleeval, asteval and sympy are refused", quick=len(KNOWN), full=len(KNOWN) * len(PLACES))
def test_no_escape_is_read(cases: Cases) -> None:
    for i in cases:
        text = PLACES[i // len(KNOWN)].format(KNOWN[i % len(KNOWN)])
        try:
            parse(text)
            cases.hold(False, f"{text!r} is read")
        except FormulaError as error:
            cases.hold(1 <= error.column <= len(text) + 1, f"{text!r}: column {error.column}")


@row(9, "escapes with one sign changed are formulas or refused", quick=200, full=5_000)
def test_what_is_near_an_escape_is_no_way_out(cases: Cases) -> None:
    """What is read has no name, attribute, item or text in it: only numbers, operators and functions of the list."""
    draw = random.Random(9)
    allowed = {*FUNCTIONS, "x", "pi", "e", "and", "or", "not"}
    for _ in cases:
        text = draw.choice(KNOWN)
        at = draw.randrange(len(text) + 1)
        text = text[:at] + draw.choice(PIECES) + text[at + draw.randrange(3) :]
        try:
            parse(text)
        except FormulaError:
            continue
        names = {word for word in _words(text) if not word[0].isdigit() and word[0] != "."}
        cases.hold(names <= allowed and not set(text) & set("[]{}'\"`;:@\\"), f"{text!r} is read")


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c in "_." else " " for c in text).split()
