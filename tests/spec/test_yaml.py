"""What YAML text becomes, where everything stood, and what is said of text that is wrong."""

from __future__ import annotations

import math
import random
import time
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from actlab.errors import ConfigError
from actlab.spec.yaml import dump, parse, parse_value

SCALARS = [
    # core schema of YAML 1.2: booleans, null, numbers
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False),
    ("null", None), ("Null", None), ("NULL", None), ("~", None),
    ("0", 0), ("-0", 0), ("+12", 12), ("-7", -7), ("0o17", 15), ("0x1f", 31), ("0xFF", 255),
    ("18446744073709551615", 2**64 - 1), ("-9223372036854775808", -(2**63)),
    ("1e-3", 0.001), ("1e3", 1000.0), ("1E+3", 1000.0), ("1.5e-05", 1.5e-05), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5),
    ("007.5", 7.5), (".inf", math.inf), ("+.INF", math.inf), ("-.Inf", -math.inf), ("1e-999", 0.0),
    # what YAML 1.1 took for something else
    *[(text, text) for text in ("no", "No", "yes", "on", "off", "y", "n", "NO", "tRUE", "nULL", "none", "nan", "inf")],
    *[(text, text) for text in ("12:30:00", "1:30", "2024-01-01", "2001-12-14t21:59:43.10-05:00", "=")],
    *[(text, text) for text in ("1_000", "0b101", "-0x1f", "+0o7", "0o8", "0xg", "1e", "e5", ".", "+", "1.2.3", "--1")],
    # quotes
    ("'1'", "1"), ('"true"', "true"), ("'null'", "null"), ("'017'", "017"), ("''", ""), ('"\\t\\u00e9"', "\té"),
    ("[]", []), ("{}", {}), ("{a, b: }", {"a": None, "b": None}), ("é: ü", {"é": "ü"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_meaning(text: str, value: Any) -> None:
    read = parse(text, "f").data
    assert read == value
    assert type(read) is type(value)


def test_nan() -> None:
    assert all(math.isnan(parse(text, "f").data) for text in (".nan", ".NaN", ".NAN"))


TEXT = """\
name: study          # a comment
model: {name: dense, hidden: [256, 10]}

sweep:
  - activation:
    - relu
    -   name: leaky
  -
"""


def test_positions() -> None:
    document = parse(TEXT, "f")
    assert document.positions == {
        (): (1, 1),
        ("name",): (1, 7),
        ("model",): (2, 8),
        ("model", "name"): (2, 15),
        ("model", "hidden"): (2, 30),
        ("model", "hidden", 0): (2, 31),
        ("model", "hidden", 1): (2, 36),
        ("sweep",): (5, 3),
        ("sweep", 0): (5, 5),
        ("sweep", 0, "activation"): (6, 5),
        ("sweep", 0, "activation", 0): (6, 7),
        ("sweep", 0, "activation", 1): (7, 9),
        ("sweep", 0, "activation", 1, "name"): (7, 15),
        ("sweep", 1): (8, 4),
    }
    assert document.key_positions == {
        ("name",): (1, 1),
        ("model",): (2, 1),
        ("model", "name"): (2, 9),
        ("model", "hidden"): (2, 22),
        ("sweep",): (4, 1),
        ("sweep", 0, "activation"): (5, 5),
        ("sweep", 0, "activation", 1, "name"): (7, 9),
    }


def test_place_falls_back_to_the_nearest_ancestor() -> None:
    document = parse(TEXT, "f")
    assert document.place(("model", "hidden", 1)) == (2, 36)
    assert document.place(("model", "hidden", 7, "deeper")) == (2, 30)
    assert document.place(("missing", "path")) == (1, 1)
    assert document.key_place(("model", "hidden")) == (2, 22)
    assert document.key_place(("model", "hidden", 0)) == (2, 31)
    assert document.key_place(("model", "absent")) == (2, 8)


def test_alias_is_a_copy_of_what_stands_at_its_anchor() -> None:
    document = parse("a: &x {k: [1]}\nb: *x\n", "f")
    assert document.data == {"a": {"k": [1]}, "b": {"k": [1]}}
    assert document.data["a"]["k"] is not document.data["b"]["k"]
    assert document.positions["b",] == (1, 4)
    assert document.key_positions["b",] == (2, 1)
    assert document.positions["b", "k", 0] == document.positions["a", "k", 0] == (1, 12)
    assert parse("{&k a: 1, b: *k }", "f").data == {"a": 1, "b": "a"}


def test_encodings() -> None:
    assert parse("\ufeffa: 1", "f").data == {"a": 1}
    assert parse("\ufeffé: 1\r\nb: 2\rc: 3".encode(), "f").data == {"é": 1, "b": 2, "c": 3}
    assert parse("a: 1\r\nb: 2\r\nc: 3", "f").positions["c",] == (3, 4)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_as_editors_save_it(encoding: str, newline: str) -> None:
    """With or without a byte order mark and a last newline, on every system: the same data and places."""
    text = newline.join(["é: über", "b: [1, 2]", "c: 模型"])
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    for end in ("", newline):
        document = parse((mark + text + end).encode(encoding), "f")
        assert document.data == {"é": "über", "b": [1, 2], "c": "模型"}
        assert document.positions["b", 1] == (2, 8)
    with pytest.raises(ConfigError, match=r"^f:3:4: '017'"):
        parse((mark + text.replace("模型", "017")).encode(encoding), "f")


ERRORS = [
    # (text, [(line, column, words of the message)])
    ("a: 1\nb: 2\na: 3\n'b': 4\n", [(3, 1, "'a' is given twice"), (4, 1, "also stands at 2:1")]),
    ("a: {k: 1, k: 2, k: 3}", [(1, 11, "also stands at 1:5"), (1, 17, "also stands at 1:5")]),
    ("1: x", [(1, 1, "'1' is a number; put it in quotes")]),
    ("a: {true: x}\n~: y\n2.5: z", [(1, 5, "is a boolean"), (2, 1, "is empty"), (3, 1, "is a number")]),
    ("? [a]\n: b", [(1, 3, "this is a list")]),
    ("{a: 1}: 2", [(1, 1, "this is a mapping")]),
    ("017: x", [(1, 1, "decimal or octal")]),
    ("a: 017\nb: -08\nc: 00", [(1, 4, "write 17,"), (2, 4, "write -8,"), (3, 4, "write 0,")]),
    ("a: 18446744073709551616", [(1, 4, "does not fit in 64 bits")]),
    ("a: " + "9" * 5000, [(1, 4, "does not fit in 64 bits")]),
    ("a: 1e999", [(1, 4, "write .inf")]),
    ("a: !!python/object/apply:os.system [x]", [(1, 4, "tag '!!python/object/apply:os.system' is not allowed")]),
    ("a: !mine {b: 1}\nc: !!binary x", [(1, 4, "tag '!mine'"), (2, 4, "tag '!!binary'")]),
    ("a: !!set {b}", [(1, 4, "tag '!!set'")]),
    ("a: !!int x\nb: !!str 12", [(1, 4, "tag '!!int'"), (2, 4, "tag '!!str' is not allowed")]),
    ("a: ! 12", [(1, 4, "tag '!'")]),
    ("a: !<x", [(1, 7, "tags are not allowed")]),
    ("a: !x!y z", [(1, 4, "tags are not allowed")]),
    ("a: &x {b: 1}\n<<: *x", [(2, 1, "merge keys")]),
    ("a: *x\nb: *y", [(1, 4, "alias *x has no anchor &x"), (2, 4, "alias *y has no anchor")]),
    ("a: &x [1, *x]", [(1, 11, "inside its own value")]),
    ("a: & b", [(1, 5, "begin the name of an anchor")]),
    ("- 1\n---\n- 2", [(2, 1, "a second document")]),
    ("", [(1, 1, "nothing is written here")]),
    ("# only a comment\n", [(1, 1, "nothing is written here")]),
    ("---\n", [(1, 1, "nothing is written here")]),
    ("%YAML 1.1\n---\na: no", [(1, 1, "other rules than 1.2")]),
    ("%FOO", [(1, 5, "a directive")]),
    ("a:\n\tb: 1", [(2, 1, "a tab stands")]),
    ("a: b\n\tc: 1", [(2, 1, "a tab stands")]),
    ("a: b: c", [(1, 5, "': ' cannot stand here")]),
    ("a: 1\n b: 2", [(2, 3, "indented wrongly")]),
    ("a:b\nc: 1", [(2, 2, "lack a space after its ':'")]),
    ("a:\n  b: 1\n c: 2", [(3, 2, "like the other keys")]),
    ("- a\nb: 1", [(2, 1, "begin it with '- '")]),
    ("a: - b", [(1, 4, "'- ' cannot stand here")]),
    ("key: 1\nbroken line\nother: 2", [(2, 1, "this is no 'key: value'")]),
    ("{a: b:c:,}", [(1, 8, "a ':' needs a space")]),
    ("a: ? b", [(1, 4, "'? ' cannot stand here")]),
    ("a: 'x' y", [(1, 8, "quote the whole text")]),
    ("a: [1, 2", [(1, 9, "the list opened at 1:4")]),
    ("a: 1\nb: [1\nc: 2\n", [(3, 2, "the list opened at 2:4")]),
    ("a: {b: 1\n", [(2, 1, "the mapping opened at 1:4 with '{' needs ',' or '}'")]),
    ("[a, b]]", [(1, 7, "after its value has ended")]),
    ("[1,,2]", [(1, 4, "a value is missing")]),
    ("a: 'x\nb: 1\n", [(1, 4, "not closed")]),
    ('a: "\\q"', [(1, 5, "no such escape")]),
    ('a: "\\u12"', [(1, 7, "hexadecimal")]),
    ('a: "\\ud800"', [(1, 7, "names no character")]),
    ("a: @x", [(1, 4, "cannot start with '@'")]),
    ("a: `x`", [(1, 4, "cannot start with '`'")]),
    ("a: |x\n b", [(1, 5, "begins on the next line")]),
    ("a: 1\n...\nb", [(3, 1, "after its value has ended")]),
    ("a: 1\nb: x\x07", [(2, 5, "U+0007")]),
    ("a: \x1b[31m", [(1, 4, "U+001B")]),
    ("a: \x85", [(1, 4, "U+0085")]),
    ("a: \u2028", [(1, 4, "U+2028")]),
    ("a: x\ufeff", [(1, 5, "U+FEFF")]),
    ("a: \ud800", [(1, 4, "not valid UTF-8")]),
    (b"\xc3\xa9: 1\r\nb: \xff", [(2, 4, "byte 0xff is not UTF-8")]),
    (b"\xff\xfea\x00:", [(1, 2, "is not UTF-16")]),
    ("a: 1".encode("utf-16-le"), [(1, 2, "holds NUL; save the file as UTF-8")]),
    ("#" * (1 << 20) + "\n", [(1, 1, "longer than")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ERRORS, ids=lambda value: repr(value)[:40])
def test_error_names_every_place_and_says_what_to_do(text: str, expected: list[tuple[int, int, str]]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "study.yaml")
    problems = caught.value.problems
    assert [(p.line, p.column) for p in problems] == [(line, column) for line, column, _ in expected]
    for problem, (_, _, words) in zip(problems, expected, strict=True):
        assert words in problem.message
        assert problem.file == "study.yaml"
        assert problem.message.isprintable()
        assert len(problem.message) < 200


def test_error_of_a_value_names_the_command_line() -> None:
    with pytest.raises(ConfigError, match=r"^--set seed: '017' could be decimal or octal"):
        parse_value("017", "--set seed")
    with pytest.raises(ConfigError, match=r"^--set seed: the list opened at 1:1 .*\(at character 3\)"):
        parse_value("[1", "--set seed")
    with pytest.raises(ConfigError, match=r"^--set seed: nothing is written here"):
        parse_value("", "--set seed")


def test_value() -> None:
    assert parse_value("1e-3", "--set x") == 0.001
    assert parse_value("{name: leaky_relu, negative_slope: 0.01}", "o")["negative_slope"] == 0.01
    assert parse_value("''", "o") == ""


TENFOLD = [f"a{i}: &a{i} [" + f"*a{i - 1}, " * 10 + "]\n" for i in range(1, 40)]
BOMBS = {
    "billion laughs": "a0: &a0 [x]\n" + "".join(TENFOLD),
    "chain of aliases": "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 60)),
    "many aliases": "a: &a 1\nb: [" + "*a , " * 1001 + "]",
    "deep flow": "[" * 1_000_000,
    "deep block": "- " * 500_000,
    "deep keys": "? " * 500_000,
    "many values": "[" + "1," * 100_001 + "]",
    "many equal keys": "k: 1\n" * 90_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_soon(name: str) -> None:
    start = time.process_time()  # not the wall clock, which other processes move
    with pytest.raises(ConfigError) as caught:
        parse(BOMBS[name], "f")
    assert time.process_time() - start < 2
    assert len(caught.value.problems) <= 100


def test_budgets_leave_room() -> None:
    assert parse("a: &a 1\nb: [" + "*a , " * 999 + "]", "f").data["b"] == [1] * 999
    assert parse("[" * 49 + "1" + "]" * 49, "f").positions[(0,) * 49] == (1, 50)
    assert len(parse("[" + "1," * 99_000 + "]", "f").data) == 99_000


def test_random_text_raises_nothing_but_config_errors() -> None:
    draw = random.Random(0)
    alphabet = "ab01-:,.[]{}&*!|>'\"%@`#? \n\t~<=+_/\\é\x00\x85\ufeff"
    for _ in range(3000):
        text = "".join(draw.choices(alphabet, k=draw.randrange(1, 40)))
        try:
            parse(text, "f")
        except ConfigError as error:
            assert all(p.line >= 1 and p.column >= 1 for p in error.problems)
            assert not any("this is not YAML" in p.message for p in error.problems), (text, str(error))


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from([text for text, _ in SCALARS]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@settings(deadline=None)
@given(PLAIN)
def test_dump_reads_back(data: Any) -> None:
    assert same(parse(dump(data), "f").data, data)


@settings(deadline=None)
@given(st.text())
def test_other_readers_take_text_for_text(text: str) -> None:
    assert pyyaml.safe_load(dump({"key": [text]})) == {"key": [text]}


def test_dump_is_legible() -> None:
    model = {"name": "m", "axes": [1]}
    data = {"name": "x", "rate": 1e-05, "hidden": [256, 10], "model": model, "word": "no", "t": "a\nb\n"}
    assert dump(data) == (
        "name: x\nrate: 1.0e-05\nhidden: [256, 10]\nmodel:\n  name: m\n  axes: [1]\nword: 'no'\nt: |\n  a\n  b\n"
    )


def test_dump_of_the_same_object_twice_has_no_alias() -> None:
    part = {"name": "relu"}
    assert dump([part, part]) == "- {name: relu}\n- {name: relu}\n"


def test_dump_refuses_what_no_file_can_hold() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        dump("\ud800")
