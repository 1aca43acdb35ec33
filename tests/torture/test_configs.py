"""Row 8: whatever stands in a config, there is a plan, or each error has its place and is a sentence."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from spec.test_config import configs, junk

from actlab.errors import ConfigError
from actlab.spec import yaml
from actlab.spec.config import KEYS, RunConfig, resolve
from actlab.spec.plan import read as read_plan
from torture.drawn import drawn
from torture.matrix import Cases, row

Draw = Callable[[st.SearchStrategy[Any]], Any]


def read(text: str | bytes, folder: Path) -> str:
    """ "plan", or "error" after a look at it; anything else that is raised is the test's failure."""
    path = folder / "study.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        read_plan(path)
    except ConfigError as error:
        for problem in error.problems:
            assert problem.file == str(path), problem
            assert problem.line >= 1, f"without a place: {problem}"
            assert problem.column >= 1, f"without a place: {problem}"
            assert problem.message.isprintable(), f"signs that a terminal obeys: {problem!r}"
            assert len(problem.message) < 2000, f"{len(problem.message)} characters"
        assert 1 <= len(error.problems) <= 120
        return "error"
    return "plan"


# --- made-up files ---------------------------------------------------------------------------------------------

axes = st.lists(
    st.sampled_from(["relu", "tanh", {"name": "leaky_relu", "negative_slope": 0.1}]), min_size=1, max_size=3
)
numbers = st.integers(-3, 6) | st.floats(-2, 7, allow_nan=False)
spaces = st.builds(
    lambda kind, of: {kind: of},
    st.sampled_from(["range", "linspace", "logspace", "geomspace"]),
    numbers | st.lists(numbers, max_size=4),
)
grids = st.fixed_dictionaries({}, optional={
    "activation": axes, "seed": st.lists(st.integers(0, 5), max_size=4) | spaces, "batch_size": spaces,
    "optimizer.learning_rate": spaces | st.lists(numbers, max_size=3), "model.hidden": st.just([[3], [4, 4]]),
    "zip": st.just({"epochs": [1, 2], "keep_weights": ["final", "none"]}) | junk,
    "exclude": st.just({"seed": 1}) | st.just([{"activation": "!= relu"}, {"seed": "> 3"}]) | junk,
})  # fmt: skip
claims = st.lists(st.fixed_dictionaries(
    {"metric": st.sampled_from(["loss", "val_accuracy", "dead_units", "dense.dead_units", "test_accuracy", "x"]),
     "is": st.sampled_from(["== 0", "> {activation: tanh}", "within [0, 1]", "~= 3", "< {seed: 1}", "> ["])},
    optional={"at": st.sampled_from(["last", "max", "step 7", "epoch 1", "area", "now"]),
              "of": st.just({"activation": "relu"}) | st.just({"optimizer.learning_rate": "< 3"}) | junk,
              "margin": numbers, "says": st.text(max_size=9)},
), max_size=2)  # fmt: skip
files = st.builds(
    lambda config, more, grid: {**more, **config, **({"sweep": grid} if grid else {})},
    configs,
    st.fixed_dictionaries({}, optional={"name": st.text(max_size=12), "description": st.text(), "claims": claims}),
    grids | st.lists(grids, max_size=2),
)


@st.composite
def broken_files(draw: Draw) -> str:
    """The text of a file in which one to three things are wrong: a value, a key, a part of the text."""
    data = copy.deepcopy(draw(files))
    for _ in range(draw(st.integers(0, 2))):
        place = data
        while draw(st.booleans()) and (inner := [v for v in place.values() if isinstance(v, dict) and v]):
            place = draw(st.sampled_from(inner))
        key = draw(st.sampled_from([*map(str, place), *KEYS, "Seed", "", "sweep.seed", "оптимизатор", "a.b"]))
        place[key] = draw(junk)
    try:
        text = yaml.dump(data)
    except ValueError:
        text = json.dumps(data)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.integers(0, 3))
        text = text[:at] + draw(st.sampled_from(SIGNS) | st.text(max_size=2)) + text[at + cut :]
    return text


SIGNS = [*":-[]{},#&*!|>'\"%@`\t \n\r?=~.",
         "\n---\n", "\n...\n", "<<: *a", "&a ", "*a", "!!x ", "\x00", "\x85", "\u2028",
         "\ufeff", "\x1b[31m", "1e999", "0o9", ".nan", "9" * 30, "- - - -", "{" * 9, "\ud800"]  # fmt: skip


@row(8, "configs, valid and broken: a plan or errors with a place", quick=120, full=20_000)
def test_no_file_gives_a_traceback(cases: Cases, tmp_path: Path) -> None:
    kinds = {"plan": 0, "error": 0}

    def test(text: str) -> None:
        with cases.one(text[:300]):
            kinds[read(text, tmp_path)] += 1

    drawn(cases.count, broken_files(), test)
    cases.hold(min(kinds.values()) > cases.tried // 50, f"the cases are of one kind: {kinds}")


@row(8, "round trips through the resolved form", quick=150, full=5_000)
def test_the_resolved_form_resolves_to_itself(cases: Cases) -> None:
    def test(data: dict[str, Any]) -> None:
        config, wrong = resolve(data)
        if config is None or cases.tried == cases.count:  # some of what is drawn cannot be trained
            assert config or wrong
            return
        with cases.one(data):
            canonical = config.canonical()
            for again in (json.loads(json.dumps(canonical)), yaml.parse(yaml.dump(canonical), "canonical").data):
                found, wrong = resolve(again)
                assert found, wrong
                assert (found.hash, found.canonical()) == (config.hash, canonical)
            assert RunConfig(**canonical).hash == config.hash

    drawn(4 * cases.count, configs, test)  # own data, of which there is none here, is drawn too
    cases.hold(cases.tried == cases.count, f"only {cases.tried} of {cases.count} were configs")


# --- hostile text ----------------------------------------------------------------------------------------------

BASE = "dataset: mnist\nmodel: mnist_dense\nactivation: relu\nepochs: 2\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(97 + i)}: &{chr(97 + i)} [{', '.join([f'*{chr(96 + i)}'] * 9)}]\n" for i in range(1, 10)
)
HOSTILE: dict[str, str | bytes] = {
    # aliases, anchors, merge keys
    "billion laughs": LAUGHS,
    "quadratic": "a: &a [" + "x, " * 900 + "]\nb: [" + "*a, " * 900 + "]\n",
    "laughs in a sweep": BASE + "sweep:\n  seed: &s [1, 2]\n  batch_size: *s\n  x: [*s, *s]\n",
    "an anchor in itself": BASE + "description: &a [*a]\n",
    "two anchors in a circle": "a: &a {b: &b [*a]}\nc: *b\n",
    "an alias without anchor": BASE + "seed: *none\n",
    "an anchor twice": "a: &a 1\nb: &a 2\nc: *a\n",
    "ten thousand aliases": "a: &a 1\nb: [" + "*a, " * 10_000 + "]\n",
    "a key that is an alias": "a: &a {b: c}\n*a : 1\n",
    "a merge key": BASE + "base: &b {seed: 1}\n<<: *b\n",
    "a merge key of a list": "a: &a {b: 1}\n<<: [*a, *a]\n",
    "a merge key in a part": BASE.replace("relu", "{<<: {name: relu}}"),
    # size and depth
    "10 MB": BASE + "# " + "x" * 10_000_000 + "\n",
    "10 MB of a value": BASE + f"description: {'x' * 10_000_000}\n",
    "10 MB of lines": BASE + "#\n" * 5_000_000,
    "1 MB of spaces": BASE + " " * 1_000_000,
    "a million brackets": "[" * 1_000_000,
    "a thousand brackets": "a: " + "[" * 1000 + "]" * 1000,
    "a thousand braces": "a: " + "{a: " * 1000,
    "a thousand dashes": "a: " + "- " * 1000,
    "question marks": "? " * 5000,
    "deep by indentation": "".join(f"{' ' * i}a:\n" for i in range(700)),
    "deep in a sweep": BASE + "sweep: " + "[" * 49 + "]" * 49,
    "a hundred thousand keys": "".join(f"k{i}: 1\n" for i in range(100_000)),
    "fifty thousand unknown keys": BASE + "".join(f"k{i}: 1\n" for i in range(50_000)),
    "a key of 100,000 signs": BASE + f"{'k' * 100_000}: 1\n",
    "a name of 100,000 signs": f"name: {'n' * 100_000}\n{BASE}",
    "a long dotted path": BASE + f"sweep: {{{'.'.join('a' * 5000)}: [1]}}\n",
    "a text of quotes": "'" * 100_001,
    # numbers
    "a huge integer": BASE + f"seed: {'9' * 100_000}\n",
    "a huge hexadecimal": BASE + f"seed: 0x{'f' * 1000}\n",
    "a huge exponent": BASE + "batch_size: 1e999999999\n",
    "a tiny one": BASE + "batch_size: 1e-999999999\n",
    "a huge range": BASE + "sweep: {seed: {range: 99999999999999}}\n",
    "a huge negative range": BASE + "sweep: {seed: {range: [0, -9223372036854775808, -1]}}\n",
    "a huge space": BASE + "sweep: {seed: {linspace: [0, 1, 1000000000]}}\n",
    "a space of nan": BASE + "sweep: {batch_size: {linspace: [.nan, .inf, 3]}}\n",
    "a cube of cells": BASE + "sweep: {seed: {range: 90000}, epochs: {range: [1, 90000]}, steps: {range: 90000}}\n",
    "sexagesimal": BASE + "epochs: 1:30\n",
    "an octal": BASE + "seed: 017\n",
    "not a number": BASE + "seed: .nan\n",
    # tags
    "python": "!!python/object/apply:os.system ['touch /tmp/x']\n",
    "python name": "a: !!python/name:os.system\n",
    "python new": "a: !!python/object/new:type {args: [z, [], {}]}\n",
    "python module": "a: !!python/module:os\n",
    "a set": "a: !!set {b}\n",
    "an ordered map": "a: !!omap [b: 1]\n",
    "binary": "a: !!binary aGk=\n",
    "a local tag": "a: !x y\n",
    "a verbatim tag": "a: !<tag:yaml.org,2002:python/tuple> [1]\n",
    "a date": "a: !!timestamp 1\n",
    # characters
    "NUL": BASE + "name: a\0b\n",
    "only NUL": b"\0" * 100,
    "controls": BASE + "name: a\x07\x1b[2Jb\n",
    "DEL": "a: \x7f\n",
    "C1 controls": BASE + "name: a\x9b31m\n",
    "a lone surrogate": b"a: \xed\xa0\x80\n",
    "Latin-1": "a: é\n".encode("latin-1"),
    "overlong UTF-8": b"a: \xc0\xaf\n",
    "cut UTF-8": BASE.encode() + b"name: \xe6\xa8",
    "bytes": bytes(range(256)),
    "five-byte UTF-8": b"a: \xf8\x88\x80\x80\x80\n",
    "beyond Unicode": b"a: \xf4\x90\x80\x80\n",
    "UTF-16 without a mark": BASE.encode("utf-16-le"),
    "UTF-32 without a mark": BASE.encode("utf-32-be"),
    "half a UTF-16": BASE.encode("utf-16")[:-1],
    "only a mark": b"\xff\xfe",
    "two marks": b"\xef\xbb\xbf" * 2 + BASE.encode(),
    "a mark within": BASE + "name: a\ufeffb\n",
    "gzip": b"\x1f\x8b\x08" + bytes(50),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "right to left": BASE + "name: a\u202egnp.exe\n",
    "line separators": BASE + "a: 1\u2028b: 2\u2029c: 3\n",
    "an escape of a surrogate": 'a: "\\ud800"\n',
    "a huge escape": 'a: "\\U7fffffff"\n',
    # structure
    "nothing": "",
    "spaces": "  \n \n",
    "a comment": "# nothing\n",
    "three dashes": "---\n",
    "null": "null\n",
    "a list": "- a\n",
    "a number": "42\n",
    "a text": "relu\n",
    "two documents": BASE + "---\n" + BASE,
    "an end and more": BASE + "...\nseed: 1\n",
    "YAML 1.1": "%YAML 1.1\n---\n" + BASE,
    "YAML 2.0": "%YAML 2.0\n---\n" + BASE,
    "a tag directive": "%TAG ! x:\n---\na: !b c\n",
    "an unknown directive": "%X\n---\n" + BASE,
    "duplicate keys": BASE + BASE,
    "duplicate in quotes": BASE + "'seed': 1\nseed: 2\n",
    "a list as a key": "? [a, b]\n: c\n",
    "a mapping as a key": "? {a: b}\n: c\n",
    "a number as a key": BASE + "1: x\n",
    "a null key": BASE + "~: x\n",
    "a boolean key": BASE + "true: x\n",
    "an empty key": BASE + "'': x\n",
    "tabs": "a:\n\t- b\n",
    "a sweep of nothing": BASE + "sweep:\n",
    "a sweep of text": BASE + "sweep: seed\n",
    "a sweep of lists": BASE + "sweep: [[1]]\n",
    "a sweep of the sweep": BASE + "sweep: {sweep: [{}]}\n",
    "a sweep of names": BASE + "sweep: {name: [a, b]}\n",
    "a sweep of empty keys": BASE + "sweep: {'': [1], '.': [2], 'a..b': [3]}\n",
    "zip of zips": BASE + "sweep: {zip: {zip: [1]}}\n",
    "claims of nothing": BASE + "claims: [{}, null, [], 3]\n",
    "a claim of all": BASE + "claims: [{metric: '*', is: '> 0'}]\n",
    "a formula that is long": BASE + f"activation2: {{formula: '{'x+' * 50_000}x'}}\n",
    "the name of a formula": BASE.replace("relu", "formula"),
    "a formula of a list": BASE.replace("relu", "{formula: [x]}"),
    "a path as name": "name: ../../etc/passwd\n" + BASE,
    "a device as name": "name: con\n" + BASE,
    "html": "<!doctype html><html><body>404</body></html>",
    "JSON": json.dumps({"dataset": "mnist", "model": 3}),
    "a shell script": "#!/bin/sh\nrm -rf ~\n",
    "TOML": "[a]\nb = 1\n",
    "a diff": "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+y\n",
    "a merge conflict": BASE + "<<<<<<< HEAD\nseed: 1\n=======\nseed: 2\n>>>>>>> other\n",
}


@row(8, "a corpus of hostile YAML", quick=len(HOSTILE), full=2_000)
def test_hostile_text_is_refused_at_once(cases: Cases, tmp_path: Path) -> None:
    """Each text, and in full also each with something cut out, doubled or put into it."""
    draw, began = random.Random(8), time.process_time()
    names = [name for name, text in HOSTILE.items()]
    while cases.tried < cases.count:
        name = names[cases.tried % len(names)]
        text = HOSTILE[name]
        if cases.tried >= len(names) and (long := isinstance(text, str) and len(text) < 20_000):
            at = draw.randrange(len(text) + 1) if long else 0
            end = min(len(text), at + draw.randrange(40))
            middle = draw.choice([text[at:end] * 2, draw.choice(SIGNS), ""])
            text = text[:at] + middle + text[end:]
        started = time.process_time()
        with cases.one(name):
            found = read(text, tmp_path)
            assert found == "error" or cases.tried > len(names) or name == "1 MB of spaces", "it was taken for a plan"
        cases.hold(time.process_time() - started < 20, f"{name} took too long")  # the worst takes 1 s
    cases.hold(time.process_time() - began < 20 + cases.count, "all of them took too long")


@pytest.mark.parametrize("text", [BASE, BASE + "sweep: {seed: {range: 3}}\n", "name: обучение\n" + BASE])
def test_what_is_right_is_a_plan(text: str, tmp_path: Path) -> None:
    """So that the rows above do not hold because all is refused."""
    assert read(text, tmp_path) == "plan"
    assert read(text.replace("\n", "\r").encode("utf-16"), tmp_path) == "plan"


@pytest.mark.torture
def test_a_hundred_thousand_cells_take_less_than_twenty_seconds_where_it_was_written(tmp_path: Path) -> None:
    values = ", ".join(f"{1e-6 * i:.9g}" for i in range(1, 95_001))
    for sweep in (f"{{optimizer.learning_rate: [{values}]}}", "{activation: [relu, tanh], seed: {range: 50000}}"):
        path, began = tmp_path / "large.yaml", time.process_time()
        path.write_text(f"{BASE}sweep: {sweep}\n")
        assert len(read_plan(path).runs) >= 95_000
        assert time.process_time() - began < 200
