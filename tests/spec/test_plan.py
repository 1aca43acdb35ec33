"""Sweeps: which cells a file asks for, what they are called, and what is refused."""

from __future__ import annotations

import io
import itertools
import os
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actlab.errors import ConfigError
from actlab.spec import yaml
from actlab.spec.config import RunConfig
from actlab.spec.grid import range_values
from actlab.spec.labels import slug
from actlab.spec.part import resolve_part
from actlab.spec.plan import Plan, read_all
from actlab.spec.plan import read as read_plan

WriteConfig = Callable[..., Path]
Read = Callable[..., Plan]
BASE = "dataset: mnist\nmodel: mnist_dense\nactivation: relu\nepochs: 2\n"  # the sweep stands on line 5


@pytest.fixture
def read(write_config: WriteConfig) -> Read:
    """The plan of the base with a sweep, written as one line of YAML."""
    return lambda grid, *overrides, base=BASE: read_plan(write_config(f"{base}sweep: {grid}\n"), overrides)


def cells(plan: Plan, *keys: str) -> list[tuple[Any, ...]]:
    return [tuple(_value(config, key) for key in keys) for _, config in plan.runs]


def _value(config: RunConfig, key: str) -> Any:
    head, _, inner = key.partition(".")
    value = getattr(config, head)
    return getattr(value, inner or "name") if head in ("activation", "optimizer", "model", "dataset") else value


# --- cells -----------------------------------------------------------------------------------------------------


def test_a_file_without_a_sweep_is_one_run(write_config: WriteConfig) -> None:
    plan = read_plan(write_config(BASE))
    assert [label for label, _ in plan.runs] == ["relu-seed0"]
    assert (plan.varies, plan.merged, plan.excluded) == ({}, [], 0)
    assert plan.experiment.name == "study"


def test_a_grid_is_the_product_of_its_axes_in_order(read: Read) -> None:
    plan = read("{activation: [relu, tanh], optimizer.learning_rate: [0.1, 0.01], seed: {range: 3}}")
    expected = list(itertools.product(["relu", "tanh"], [0.1, 0.01], [0, 1, 2]))
    assert cells(plan, "activation", "optimizer.learning_rate", "seed") == expected
    assert plan.varies == {
        "activation": ["relu", "tanh"], "optimizer.learning_rate": [0.1, 0.01], "seed": [0, 1, 2],
    }  # fmt: skip
    assert {config.optimizer.name for _, config in plan.runs} == {"adam"}


def test_a_parameter_goes_into_the_part_of_its_cell(read: Read) -> None:
    for grid in (
        "{activation: [leaky_relu, relu], activation.negative_slope: [0.1, 0.2]}",
        "{activation.negative_slope: [0.1, 0.2], activation: [leaky_relu, relu]}",
    ):
        found = cells(read(grid), "activation", "activation.negative_slope")
        assert sorted(found) == [("leaky_relu", 0.1), ("leaky_relu", 0.2), ("relu", 0.1), ("relu", 0.2)]


def test_a_union_is_one_grid_after_the_other(read: Read) -> None:
    plan = read("[{activation: [relu], seed: [0, 1]}, {activation: [tanh]}, {batch_size: [16]}]")
    assert cells(plan, "activation", "seed", "batch_size") == [
        ("relu", 0, 32), ("relu", 1, 32), ("tanh", 0, 32), ("relu", 0, 16),
    ]  # fmt: skip


def test_cells_that_come_twice_are_merged_and_told(read: Read) -> None:
    plan = read("[{seed: [0, 1]}, {seed: [1, 2]}, {activation: [relu, {name: relu, negative_slope: 0}]}]")
    assert cells(plan, "seed") == [(0,), (1,), (2,)]
    assert plan.merged == ["relu-seed1", "relu-seed0", "relu-negative_slope0-seed0"]


def test_zipped_axes_go_together(read: Read) -> None:
    plan = read("{zip: {activation: [relu, tanh], batch_size: [16, 64]}, seed: [0, 1]}")
    assert set(cells(plan, "activation", "batch_size", "seed")) == {
        ("relu", 16, 0), ("relu", 16, 1), ("tanh", 64, 0), ("tanh", 64, 1),
    }  # fmt: skip


def test_two_zips_are_two_axes(read: Read) -> None:
    plan = read("{zip: [{activation: [relu, tanh], batch_size: [16, 64]}, {seed: {range: 2}, epochs: [1, 2]}]}")
    assert len(plan.runs) == 4
    assert set(cells(plan, "seed", "epochs")) == {(0, 1), (1, 2)}


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("{activation: relu, seed: 0}", {("relu", 1), ("leaky_relu", 0), ("leaky_relu", 1)}),
        ("[{activation: relu, seed: 0}, {activation: leaky_relu, seed: 1}]", {("relu", 1), ("leaky_relu", 0)}),
        ("{activation: [relu, leaky_relu], seed: 1}", {("relu", 0), ("leaky_relu", 0)}),
        ("{activation: {name: relu}}", {("leaky_relu", 0), ("leaky_relu", 1)}),
        ("{activation: {name: leaky_relu, negative_slope: 0.1}}", {("relu", 0), ("relu", 1)}),
        ("{activation: leaky_relu}", {("relu", 0), ("relu", 1)}),
        ("{seed: 7}", {("relu", 0), ("relu", 1), ("leaky_relu", 0), ("leaky_relu", 1)}),
    ],
)
def test_excluded_cells_are_left_out_and_counted(rule: str, left: set[tuple[str, int]], read: Read) -> None:
    axes = "activation: [relu, {name: leaky_relu, negative_slope: 0.1}], seed: [0, 1]"
    plan = read(f"{{{axes}, exclude: {rule}}}")
    assert set(cells(plan, "activation", "seed")) == left
    assert plan.excluded == 4 - len(left)


@pytest.mark.parametrize(
    ("kind", "numbers", "expected"),
    [
        ("range", "4", np.arange(4)), ("range", "[2, 5]", np.arange(2, 5)),
        ("range", "[9, 1, -3]", np.arange(9, 1, -3)),
        ("range", "[0, 1000000000, 500000000]", np.arange(0, 10**9, 5 * 10**8)),
    ],
)  # fmt: skip
def test_ranges_are_those_of_numpy(kind: str, numbers: str, expected: Any, read: Read) -> None:
    assert cells(read(f"{{seed: {{{kind}: {numbers}}}}}"), "seed") == [(int(n),) for n in expected]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["linspace", "logspace", "geomspace"]),
    st.floats(0.01, 3), st.floats(0.01, 3), st.integers(1, 7),
)  # fmt: skip
def test_spaces_are_those_of_numpy(kind: str, start: float, stop: float, n: int) -> None:

    values = range_values(kind, [start, stop, n])
    np.testing.assert_allclose(values, getattr(np, kind)(start, stop, n), rtol=1e-11)
    assert all(type(value) is float for value in values)


def test_round_numbers_stay_round(read: Read) -> None:
    plan = read("{optimizer.learning_rate: {linspace: [0.1, 0.5, 5]}, seed: {range: 1}}")
    assert cells(plan, "optimizer.learning_rate") == [(0.1,), (0.2,), (0.3,), (0.4,), (0.5,)]
    plan = read("{optimizer.learning_rate: {logspace: [-4, -1, 4]}}")
    assert cells(plan, "optimizer.learning_rate") == [(0.0001,), (0.001,), (0.01,), (0.1,)]


def test_a_thousand_runs_are_planned_in_seconds(read: Read) -> None:
    axes = "activation: [relu, tanh, {formula: 'x*tanh(x)'}, prelu], optimizer.learning_rate: {logspace: [-4, -1, 5]}"
    began = time.perf_counter()
    plan = read(f"{{{axes}, seed: {{range: 50}}}}")
    assert time.perf_counter() - began < 10  # 1 s on the machine it was written on; 3 s are promised there
    assert len({config.hash for _, config in plan.runs}) == len(plan.runs) == 1000


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the parts that are held against their registry, one after the other."""
    kinds: list[str] = []

    def counted(kind: str, *rest: Any) -> Any:
        kinds.append(kind)
        return resolve_part(kind, *rest)

    monkeypatch.setattr("actlab.spec.config.resolve_part", counted)
    return kinds


def test_a_part_is_looked_at_once_however_many_cells_share_it(read: Read, looked_at: list[str]) -> None:
    assert len(read("{activation: [relu, tanh], optimizer.learning_rate: [0.1, 0.2], seed: {range: 500}}").runs) == 2000
    assert Counter(looked_at) == {"dataset": 1, "model": 1, "activation": 2, "initializer": 1, "optimizer": 2}


def test_a_mistake_of_a_large_sweep_is_told_soon(read: Read, looked_at: list[str]) -> None:
    with pytest.raises(ConfigError, match="did you mean 'relu'") as caught:
        read("{seed: {range: 100_000}}".replace("_", ""), base=BASE.replace("relu", "reluu"))
    assert len(caught.value.problems) == 1
    assert Counter(looked_at)["activation"] == 1
    with pytest.raises(ConfigError, match="unknown activation") as caught:
        read(f"{{activation: [{', '.join(f'relu{i}' for i in range(5000))}]}}")
    assert len(caught.value.problems) == 100
    assert len(looked_at) < 200


def test_ten_thousand_written_values_cost_ten_times_a_thousand(read: Read) -> None:
    began = time.process_time()
    plan = read(f"{{optimizer.learning_rate: [{', '.join(f'{1e-6 * i:.9g}' for i in range(1, 10_001))}]}}")
    assert len(plan.runs) == len(plan.varies["optimizer.learning_rate"]) == 10_000
    assert time.process_time() - began < 20  # 1.5 s where it was written


GRID = "{seed: {range: 300}, batch_size: {range: [1, 201]}}"  # 60,000 cells


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ("{seed: {range: 400}, batch_size: {range: [1, 501]}}", "200,000 cells are more than the 100,000"),
        (f"[{GRID}, {GRID}]", "120,000 cells are more than"),
        (GRID[:-1] + ", exclude: [" + ", ".join(f"{{seed: {i}}}" for i in range(201)) + "]}",
         "201 rules for 60,000 cells are more than 10,000,000 tests; a list of values in one rule stands for any"),
    ],
)  # fmt: skip
def test_what_one_file_may_ask_for(grid: str, said: str, read: Read) -> None:
    with pytest.raises(ConfigError, match=said):
        read(grid)


def test_claims_on_many_runs_are_limited(write_config: WriteConfig) -> None:
    claim = "  - {metric: val_accuracy, of: {activation: relu}, is: '> {activation: tanh}'}\n"
    sweep = "sweep: {activation: [relu, tanh], seed: {range: 500}}\n"
    path = write_config(f"{BASE}{sweep}claims:\n{claim * 201}")
    with pytest.raises(ConfigError, match="201 claims on 1,000 runs are more than the 200,000 judgements"):
        read_plan(path)
    assert len(read_plan(write_config(f"{BASE}{sweep}claims:\n{claim * 5}")).experiment.claims) == 5


# --- command line ----------------------------------------------------------------------------------------------


def test_overrides_change_keys_parameters_and_axes(read: Read) -> None:
    plan = read(
        "{seed: [7]}", "epochs=5", "activation={name: leaky_relu, negative_slope: 0.3}", "model.hidden=[8, 8]",
        "optimizer.learning_rate=1e-3", "sweep.seed={range: 2}", "sweep.batch_size=[16, 32]",
    )  # fmt: skip
    assert cells(plan, "seed", "batch_size") == [(0, 16), (0, 32), (1, 16), (1, 32)]
    config = plan.runs[0][1]
    assert (config.epochs, config.model.parameters["hidden"]) == (5, [8, 8])
    assert (config.activation.name, config.activation.parameters["negative_slope"]) == ("leaky_relu", 0.3)
    assert (config.optimizer.name, config.optimizer.parameters["learning_rate"]) == ("adam", 0.001)
    assert plan.overrides[0] == "epochs=5"
    assert "epochs: 2" in plan.text


def test_an_override_is_the_same_run_as_the_same_change_in_the_file(read: Read, write_config: WriteConfig) -> None:
    changed = read("{seed: [0]}", "optimizer=sgd", "optimizer.momentum=0.9").runs
    written = read_plan(write_config(BASE + "optimizer: {name: sgd, momentum: 0.9}\n", "other.yaml")).runs
    assert [config.hash for _, config in changed] == [config.hash for _, config in written]


# --- labels ----------------------------------------------------------------------------------------------------


def labels(plan: Plan) -> list[str]:
    return [label for label, _ in plan.runs]


def test_labels_are_made_of_what_is_swept(read: Read) -> None:
    assert labels(read("{activation: [relu, {name: leaky_relu, negative_slope: 0.01}], seed: [0, 3]}")) == [
        "relu-seed0", "relu-seed3", "leaky_relu-negative_slope0.01-seed0", "leaky_relu-negative_slope0.01-seed3",
    ]  # fmt: skip
    assert labels(read("{optimizer.learning_rate: [0.1, 1e-5]}")) == [
        "relu-learning_rate0.1-seed0", "relu-learning_rate1e-05-seed0",
    ]  # fmt: skip
    assert labels(read("{model.hidden: [[256], [64, 32]]}")) == ["relu-hidden256-seed0", "relu-hidden64x32-seed0"]
    assert labels(read("{activation: [{formula: 'x*tanh(x)'}], dataset: [cifar10]}", base=CIFAR)) == [
        "x_tanh_x_-cifar10-seed0"
    ]


CIFAR = "model: cifar10_cnn\nepochs: 2\n"


def test_labels_tell_the_runs_of_a_file_apart_and_stay(read: Read) -> None:
    grid = "{activation: [relu, tanh, prelu], optimizer.learning_rate: {logspace: [-4, -1, 4]}, seed: {range: 4}}"
    once, again = read(grid), read(grid, "name=another", "sweep.seed={range: 2}")
    assert len(set(labels(once))) == len(once.runs) == 48
    assert set(labels(again)) <= set(labels(once))


@settings(max_examples=300)
@given(st.text())
def test_a_slug_is_a_harmless_file_name(text: str) -> None:
    name = slug(text)
    assert 1 <= len(name) <= 80
    assert len(name.encode()) <= 200
    assert name[0] not in ".-_"
    assert name[-1] not in "._-"
    assert not re.search(r"[\x00-,/:-@\[-^`{-\xa0]|\s", name)
    assert name == slug(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("обучение", "обучение"), ("模型 比較", "模型_比較"), ("تجربة", "تجربة"), ("हिन्दी", "हिन्दी"), ("e\u0301", "é"),
        ("a b", "a_b"), ("con", "run-con"), ("Nul.txt", "run-Nul.txt"), ("com1.", "run-com1"), ("com10", "com10"),
        ("", "run"), ("..", "run"), ("-x", "x"), ("a. ", "a"), ("a/../b", "a_.._b"),
        ("❤️", "run-16e81418"), ("a\u202eb", "a_b-1f7a9d5e"), ("\udcff", "run-8f1d0f9c"),
    ],
)  # fmt: skip
def test_a_slug_keeps_letters_of_all_scripts_and_digits_of_what_is_lost(text: str, name: str) -> None:
    assert slug(text) == name


def test_signs_that_are_lost_still_tell_names_apart() -> None:
    texts = [
        "❤️",
        "💔",
        "→",
        "←",
        "a→b",
        "a←b",
        "模" * 90 + "→" + "模" * 30,
        "模" * 90 + "←" + "模" * 30,
        "実験",
        "実験→",
    ]
    assert len(set(map(slug, texts))) == len(texts)


NAMES = [
    ("обучение", None), ("a_", None), ("x" * 80, None), ("x" * 81, "at most 80"), ("a.", "such as 'a'"),
    ("con", "such as 'run-con'"), ("-x", "such as 'x'"), (".x", "such as 'x'"), ("a b", "such as 'a_b'"),
    ("e\u0301", "such as 'é'"), ("❤️", "such as 'run-16e81418'"), ("''", "expected some text"),
    ("模" * 80, "at most 80"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "wrong"), NAMES)
def test_a_name_is_a_folder_s_or_the_nearest_is_proposed(
    name: str, wrong: str | None, write_config: WriteConfig
) -> None:
    path = write_config(f"name: {name}\n{BASE}")
    if wrong is None:
        assert read_plan(path).experiment.name == name
        return
    with pytest.raises(ConfigError, match=re.escape(wrong)) as caught:
        read_plan(path)
    assert [(p.line, p.column) for p in caught.value.problems] == [(1, 7)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a/x.yaml", ""), ("b/x.yaml", "")), (("x.yaml", ""), ("y.yaml", "name: x\n")),
        (("x.yaml", "name: z\n"), ("y.yaml", "name: z\n")), (("x.yaml", ""), ("X.yaml", "")),
        (("a b.yaml", ""), ("a_b.yaml", "")), (("\u00e9.yaml", ""), ("e\u0301.yaml", "")),
        (("straße.yaml", ""), ("STRASSE.yaml", "")), (("con.yaml", ""), ("run-con.yaml", "")),
    ],
)  # fmt: skip
def test_two_files_of_one_name_are_refused_in_one_call(
    one: tuple[str, str], other: tuple[str, str], tmp_path: Path
) -> None:
    paths = []
    for name, head in (one, other):
        paths.append(tmp_path / name)
        paths[-1].parent.mkdir(exist_ok=True)
        paths[-1].write_text(head + BASE, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_all(paths)
    assert [problem.file for problem in caught.value.problems] == [str(paths[1])]
    assert re.search(f"folder of '.+' of {re.escape(str(paths[0]))} too; give one of them another", str(caught.value))
    with pytest.raises(ConfigError, match="is given twice"):
        read_all([paths[0], paths[0]])
    with pytest.raises(ConfigError, match="too; give"):
        read_all([paths[0], tmp_path / paths[1].name, paths[1]][::2], ["name=same"])


def test_files_of_other_names_and_all_that_is_wrong_in_them(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.yaml" for name in ("эксперимент", "опыт", "❤️", "💔")]
    for path in paths:
        path.write_text(BASE, encoding="utf-8")
    names = [plan.experiment.name for plan in read_all(paths)]
    assert names[:2] == ["эксперимент", "опыт"]
    assert len(set(names)) == 4
    for path in paths[1:]:
        path.write_text(BASE + "seed: x\n")
    with pytest.raises(ConfigError) as caught:
        read_all(paths)
    assert {problem.file for problem in caught.value.problems} == set(map(str, paths[1:]))


def test_labels_of_different_runs_are_different(read: Read) -> None:
    alike = ", ".join(f"{{formula: '{formula}'}}" for formula in ("x*2", "x+2", "x/2", "x*x*x", "x+x+x"))
    found = labels(read(f"{{activation: [{alike}], seed: [0, 1]}}"))
    assert len(set(found)) == len(found) == 10
    assert found[0].startswith("x_2-seed0-")
    slopes = read("{activation.negative_slope: [0.1000001, 0.1000002, 0.2]}")
    assert len(set(labels(slopes))) == 3
    assert labels(slopes)[2] == "negative_slope0.2-seed0"


def test_what_is_no_file_is_asked_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def from_stdin(text: str, *overrides: str) -> Plan:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        return read_plan(Path("-"), overrides)

    with pytest.raises(ConfigError, match=r"^standard input:1:1: `name` is required where no file has one"):
        from_stdin(BASE)
    assert from_stdin(f"name: piped\n{BASE}").experiment.name == "piped"
    assert from_stdin(BASE, "name=typed").experiment.name == "typed"
    with pytest.raises(ConfigError, match=r"^standard input:5:7: seed: expected a whole number"):
        from_stdin(BASE + "seed: x\n", "name=typed")
    monkeypatch.setattr("sys.stdin", None)  # as under `<&-`
    with pytest.raises(ConfigError, match="nothing is written here"):
        read_plan(Path("-"))
    pipe, written = os.pipe()  # as the shell's <(...) has it: /dev/fd/63
    try:
        os.write(written, BASE.encode())
        os.close(written)
        with pytest.raises(ConfigError, match="`name` is required"):
            read_plan(Path(f"/dev/fd/{pipe}"))
    finally:
        os.close(pipe)


def test_a_file_that_never_ends_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than 1,048,576 bytes"):
        read_plan(Path("/dev/zero"))


def test_a_name_is_the_same_in_every_locale(tmp_path: Path) -> None:
    (tmp_path / "обучение.yaml").write_text(f"description: é\n{BASE}", encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from actlab.spec.plan import read\n"
        "plan = read(next(Path(sys.argv[1]).iterdir()))\n"
        "sys.stdout.buffer.write(f'{plan.experiment.name} {plan.experiment.description}'.encode())"
    )
    for settings_ in ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"LC_ALL": "C.UTF-8"}):
        ran = subprocess.run(
            [sys.executable, "-c", code, tmp_path], env={**os.environ, **settings_}, capture_output=True, check=True
        )
        assert ran.stdout.decode("utf-8") == "обучение é", settings_


def test_a_long_label_keeps_its_seed(read: Read) -> None:
    text = "+".join(["sin(x)"] * 25)
    label = labels(read(f"{{activation: [{{formula: '{text}'}}], seed: [4294967295]}}"))[0]
    assert len(label) <= 80
    assert label.endswith("seed4294967295")


# --- refusals --------------------------------------------------------------------------------------------------

WRONG = {
    "empty axis": ("{seed: []}", ["5:15: sweep.seed: an empty list: nothing to train"]),
    "empty range": ("{seed: {range: 0}}", ["5:23: sweep.seed.range: an empty range: nothing to train"]),
    "empty union": ("[]", ["5:8: sweep: an empty list of grids: nothing to train"]),
    "unknown key": ("{activaton: [relu]}", ["5:9: sweep: unknown key 'activaton'; did you mean 'activation'?"]),
    "unknown parameter": (
        "{optimizer.learning_rat: [0.1, 0.2], seed: [0, 1]}",
        ["5:9: optimizer: unknown key 'learning_rat'; did you mean 'learning_rate'?"]),
    "unknown name among values": (
        "{activation: [relu, reluu], seed: {range: 9}}",
        ["5:28: activation: unknown activation 'reluu'; did you mean 'relu'?"]),
    "wrong parameter among values": (
        "{activation: [relu, {name: leaky_relu, negative_slop: 0.1}]}",
        ["5:47: activation: unknown key 'negative_slop'; did you mean 'negative_slope'?"]),
    "wrong type among values": ("{seed: [0, x]}", ["5:19: seed: expected a whole number, read 'x'"]),
    "wrong type in a range": (
        "{batch_size: {linspace: [16, 64, 3]}, seed: [0, 1]}",
        [f"5:21: batch_size: expected a whole number, read {n}" for n in ("16.0", "40.0", "64.0")]),
    "no list": (
        "{seed: 3}",
        ["5:15: sweep.seed: expected a list of values or one of range, linspace, logspace, geomspace, read 3"]),
    "misspelt range": (
        "{seed: {ragne: 3}}",
        ["5:15: sweep.seed: expected a list of values or one of range, linspace, logspace, geomspace,"
         " read {'ragne': 3}; did you mean 'range'?"]),
    "range of text": ("{seed: {range: x}}", ["5:23: sweep.seed.range: expected numbers, read 'x'"]),
    "range of fractions": (
        "{seed: {range: 1.5}}",
        ["5:23: sweep.seed.range: expected a count, or [start, stop] or [start, stop, step], read 1.5"]),
    "range without a step": (
        "{seed: {range: [0, 5, 0]}}",
        ["5:23: sweep.seed.range: expected a count, or [start, stop] or [start, stop, step], read [0, 5, 0]"]),
    "endless range": ("{seed: {range: 18446744073709551615}}", ["5:23: sweep.seed.range: more than 100,000 values"]),
    "linspace of two": (
        "{seed: {linspace: [0, 1]}}",
        ["5:26: sweep.seed.linspace: expected [start, stop, number of values], read [0, 1]"]),
    "logspace too far": (
        "{optimizer.learning_rate: {logspace: [0, 400, 3]}}",
        ["5:45: sweep.optimizer.learning_rate.logspace: values that are not finite; logspace takes exponents of 10,"
         " read [0, 400, 3]"]),
    "geomspace through zero": (
        "{optimizer.learning_rate: {geomspace: [0, 1, 3]}}",
        ["5:46: sweep.optimizer.learning_rate.geomspace: geomspace goes from one positive number to another,"
         " read [0, 1, 3]"]),
    "zip of unequal lengths": (
        "{zip: {seed: [1, 2], batch_size: {range: [1, 4]}}}",
        ["5:14: sweep.zip: axes of unequal length: seed has 2, batch_size has 3"]),
    "wrong value in a zip": (
        "{zip: [{seed: [1, 2], activation: [relu, tahn]}]}",
        ["5:49: activation: unknown activation 'tahn'; did you mean 'tanh'?"]),
    "zip of nothing": ("{zip: 3}", ["5:14: sweep.zip: expected a mapping of axes that go together, read 3"]),
    "axis twice": ("{seed: [1, 2], zip: {seed: [1], batch_size: [2]}}", ["5:8: sweep: seed is swept twice"]),
    "exclude of nothing": (
        "{seed: [1], exclude: 3}", ["5:29: sweep.exclude: expected a mapping of path to value, read 3"]),
    "exclude of an unknown axis": (
        "{seed: [1, 2], exclude: [{sed: 1}]}", ["5:34: sweep.exclude.0: unknown key 'sed'; did you mean 'seed'?"]),
    "exclude of everything": (
        "{seed: [1, 2], exclude: {seed: [1, 2]}}", ["5:32: sweep.exclude: every cell is excluded: nothing to train"]),
    "too many cells": (
        "{seed: {range: 1000}, batch_size: {range: [1, 1001]}}",
        ["5:8: sweep: 1,000,000 cells are more than the 100,000 that one file may ask for"]),
    "wrong in the second grid": (
        "[{seed: [0]}, {seed: [0, -1]}]", ["5:33: seed: expected a number from 0, read -1"]),
    "parameter of a number": (
        "{epochs.foo: [1]}", ["5:22: sweep.epochs.foo.0: epochs.foo: epochs is 2, which has no parameters"]),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_sweep_is_told_at_its_place(case: str, read: Read) -> None:
    grid, said = WRONG[case]
    with pytest.raises(ConfigError) as caught:
        read(grid)
    assert [str(problem).split("study.yaml:")[1] for problem in caught.value.problems] == said


def test_errors_in_every_corner_of_a_sweep_come_at_once(read: Read) -> None:
    grid = (
        "[{seed: []}, {activation: [reluu], zip: {epochs: [0, 1], batch_size: [16, x]}}, {exclude: {a: 1}, seed: [y]}]"
    )
    with pytest.raises(ConfigError) as caught:
        read(grid, base=BASE.replace("mnist_dense", "{name: mnist_dense, dropout: 2}"))
    places = [(problem.line, problem.message.split(":")[0]) for problem in caught.value.problems]
    assert places == [
        (2, "model.dropout"), (5, "sweep.0.seed"), (5, "activation"), (5, "epochs"), (5, "batch_size"),
        (5, "sweep.2.exclude"), (5, "seed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("foo", "expected path=value, such as optimizer.learning_rate=0.1"),
        ("seed=3", "seed is swept in the file; write --set sweep.seed='[3]'"),
        ("zip=[1", "the list opened at 1:1 with '[' needs ',' or ']' here (at character 3)"),
        ("sweep.seed={range: 0}", "sweep.seed.range: an empty range: nothing to train"),
        ("sweep.activation=[relu, {name: leaky_relu, negative_slop: 1}]",
         "activation: unknown key 'negative_slop'; did you mean 'negative_slope'?"),
        ("activation=reluu", "activation: unknown activation 'reluu'; did you mean 'relu'?"),
        ("sed=1", "unknown key 'sed'; did you mean 'seed'?"),
        ("epochs.x=1", "epochs.x: epochs is 2, which has no parameters"),
        ("sweep.zip={batch_size: [1], epochs: [1, 2]}",
         "sweep.zip: axes of unequal length: batch_size has 1, epochs has 2"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_quoted(override: str, said: str, read: Read) -> None:
    with pytest.raises(ConfigError) as caught:
        read("{seed: [1]}", override)
    assert list(map(str, caught.value.problems)) == [f"--set {override}: {said}"]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("relu", "relu"),
        ("reluu", "relu"),
        ("it's no name", "it's no name"),
        ("{name: leaky_rleu, negative_slope: 0.1}", {"name": "leaky_relu", "negative_slope": 0.1}),
    ],
)
def test_what_is_proposed_for_a_swept_key_can_be_pasted(value: str, meant: Any, read: Read) -> None:
    """The shell and this reader take it for the value that was meant; a misspelt name is mended."""
    with pytest.raises(ConfigError) as caught:
        read("{activation: [elu]}", f"activation={value}")
    option, override = shlex.split(str(caught.value).rpartition("write ")[2])
    key, _, text = override.partition("=")
    assert (option, key, yaml.parse_value(text, "")) == ("--set", "sweep.activation", [meant])


def test_a_list_of_grids_takes_no_axis_from_the_command_line(read: Read) -> None:
    with pytest.raises(ConfigError, match="the sweep is no single grid"):
        read("[{seed: [1]}]", "sweep.seed=[1]")


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("{activation: tanh}", ["relu", "leaky_relu"]),
        ('{activation: "!= tanh"}', ["tanh"]),
        ('{activation: "== tanh"}', ["relu", "leaky_relu"]),
        ("{activation: {name: leaky_relu}}", ["relu", "tanh"]),
        ('{batch_size: ">= 32"}', []),
        ('{batch_size: "< 32", activation: relu}', ["relu", "leaky_relu", "tanh"]),
    ],
)
def test_exclude_speaks_the_language_of_where(rule: str, left: list[str], read: Read) -> None:
    grid = "activation: [relu, {name: leaky_relu, negative_slope: 0.01}, tanh], batch_size: [32]"
    if not left:
        with pytest.raises(ConfigError, match="every cell is excluded"):
            read(f"{{{grid}, exclude: [{rule}]}}")
        return
    plan = read(f"{{{grid}, exclude: [{rule}]}}")
    assert [config.activation.name for _, config in plan.runs] == left
