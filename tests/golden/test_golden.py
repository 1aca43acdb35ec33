"""The golden record: what the commands said of a set of studies before the package was rebuilt, they still say.

The studies are made anew (`studies`, which imports nothing of actlab), the commands run by the entry point alone
(`commands`), and every value is held against the record (`differences`). What may differ stands in CHANGED, with why.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from here import trains_here

from golden import commands, studies
from golden.differences import Difference, differences

# (command, field) -> reason. Both are patterns; a field is a key on the way to the value: a column, a part of the
# output, a condition or a variant. The one list of what differs from the record, each line a decision.
# (Histories and run.json of trained/probed were edited: learning_rate is that of the last step, not of the next; the
# norm of the whole gradient is summed in one order, which moved its last digit.)
CHANGED: dict[tuple[str, str], str] = {
    ("compare", "p"): "family-wise by the joint test (Westfall and Young), in place of Holm on exact p",
    ("compare", "seeds needed"): "its floor is 6 pairs, not what Holm asked for of so many comparisons",
    ("compare", "verdict"): "better and worse by the joint p; indicated where there are 3 to 5 pairs",
    ("compare", "reason"): "facts and not sentences travel; words.note makes them",
    ("compare", "beside"): "as above",
    ("compare", "notes"): "as above",
    ("compare", "confounded"): "as above",
    ("compare", "lacking"): "as above",
    ("compare", "floors"): "left out: the reason of each verdict has what p can be at best",
    ("compare", "diverged rate"): "new: how often trainings diverged is an outcome",
    ("compare", "diverged p"): "as above, by McNemar's exact test",
    ("compare", "comparisons"): "those that share a p; fewer than 3 pairs have none",
    ("compare", "sentence"): "new: the answer",
    ("compare", "damaged"): "new: runs whose record cannot be read, counted in their conditions",
    ("compare", "passed_over"): "those runs are not passed over any more",
    ("check", "warnings"): "new: lengths that reach beyond the training",
    ("check", "together"): "new: which runs can be trained together",
    ("show", "plan_index"): "the place in the plan, which nobody reads out of experiment.yaml any more",
    ("show", "overrides"): "as above",
    ("claims", "p"): "family-wise by the joint test (Westfall and Young), in place of Holm on exact p",
    ("claims", "verdict"): "joint p lets fewer seeds decide",
    ("claims", "exit"): "a claim that was undecided is refuted",
    ("claims", "reason"): "facts and not sentences travel; words.note makes them",
    ("claims", "absent"): "as above; the reason of a failure is told too",
    ("claims", "notes"): "as above",
    ("claims", "condition"): "called as in compare",
    ("claims", "other"): "called as in compare",
    ("claims", "range"): "new: where the number must lie, margin included",
    ("claims", "registered"): "new: when the claim was registered, and what it said before",
    ("claims", "register"): "new: all versions of the claims, and what is wrong with their register",
}

# (command, field as it was) -> its name now, as in ("compare", "p holm"): "p joint".
RENAMED: dict[tuple[str, str], str] = {
    ("compare", "p"): "p alone",
    ("compare", "p holm"): "p",
    ("claims", "p"): "p_alone",
    ("claims", "p_holm"): "p",
}

RECORDED = sorted(path.stem for path in commands.EXPECTED.glob("*.json"))
CLOSE = 1e-4


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all studies."""
    folder = tmp_path_factory.mktemp("golden")
    commands.make(folder)
    return folder


@pytest.fixture(scope="session")
def cases(made: Path) -> Mapping[str, dict[str, commands.Case]]:
    """Name of the file of the record, and variant, to the command."""
    found: dict[str, dict[str, commands.Case]] = defaultdict(dict)
    for case in commands.cases(made):
        found[case.key][case.variant] = case
    return found


@functools.cache
def expected(key: str) -> dict[str, Any]:
    """Variant to its output as recorded."""
    return dict(commands.untabled(json.loads((commands.EXPECTED / f"{key}.json").read_text())))


def test_all_commands_are_recorded(cases: Mapping[str, dict[str, commands.Case]]) -> None:
    assert {key: set(variants) for key, variants in cases.items()} == {key: set(expected(key)) for key in RECORDED}


@pytest.mark.parametrize("key", RECORDED)
def test_output_is_as_recorded(key: str, cases: Mapping[str, dict[str, commands.Case]], made: Path) -> None:
    found: list[str] = []
    for variant, case in cases[key].items():
        compared = differences(expected(key)[variant], commands.run(case, made), case.command, CHANGED, RENAMED)
        found += [f"{variant}: {one}" for one in compared]
    assert not found, f"{len(found)} differences in {key}:\n" + "\n".join(found[:60])


def test_every_exception_is_of_something_recorded() -> None:
    """A misspelt line of CHANGED or RENAMED would allow nothing, and look as if it did."""
    fields: set[tuple[str, str]] = {(key.rpartition(".")[2], one) for key in RECORDED for one in _keys(expected(key))}
    of_commands, names = ({pair[i] for pair in fields} for i in (0, 1))
    new = (
        "plan_index",
        "overrides",
        "sentence",
        "damaged",
        "warnings",
        "diverged rate",
        "diverged p",
        "range",
        "registered",
        "together",
        "register",
    )  # which no record has yet
    for command, field in (*CHANGED, *RENAMED):
        assert command in (*of_commands, "*")
        assert any(sign in "*?[" for sign in field) or field in names or field in new


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {*value, *(key for one in value.values() for key in _keys(one))}
    return {key for one in value for key in _keys(one)} if isinstance(value, list) else set()


# --- the comparison itself -----------------------------------------------------------------------------------------

ROWS: dict[str, Any] = {
    "conditions": [{"condition": "relu", "p": 0.25, "n": 8}, {"condition": "elu", "p": None, "n": 8}],
    "notes": ["a"],
}


def _found(present: Any, changed: Mapping[tuple[str, str], str] = {}, **renamed: str) -> list[Difference]:
    names = {("compare", old): new for old, new in renamed.items()}
    return differences(ROWS, present, "compare", changed, names)


def _changed(**values: Any) -> dict[str, Any]:
    first, second = ROWS["conditions"]
    return {**ROWS, "conditions": [{**first, **values}, second]}


def test_a_changed_number_is_found_with_its_path() -> None:
    assert not _found(ROWS)
    (one,) = _found(_changed(p=0.25 + 1e-8))
    assert one.path == ("conditions", "relu", "p") and one.kind == "number" and "conditions/relu/p" in str(one)
    assert not _found(_changed(p=0.25 + 1e-11))
    assert [one.kind for one in _found(_changed(p=None))] == ["number"]
    assert [one.kind for one in _found(_changed(n=True))] == ["number"]
    assert [one.kind for one in _found(_changed(more=1))] == ["new"]


def test_order_rows_and_words_are_told_apart() -> None:
    rows = ROWS["conditions"]
    assert [one.kind for one in _found({**ROWS, "conditions": rows[::-1]})] == ["order"]
    assert [one.kind for one in _found({**ROWS, "conditions": rows[:1]})] == ["absent"]
    assert [one.kind for one in _found({**_changed(p=1), "notes": ["b"]})] == ["number", "text"]


def test_what_is_listed_may_differ() -> None:
    assert not _found(_changed(p=0.5), {("compare", "p"): "another test"})
    assert not _found(_changed(p=0.5), {("*", "p*"): "another test"})
    assert _found(_changed(p=0.5), {("claims", "p"): "another test"})
    joint = [{"p joint" if key == "p" else key: value for key, value in row.items()} for row in ROWS["conditions"]]
    assert not _found({**ROWS, "conditions": joint}, p="p joint")


# --- trained -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def trained_again(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Hash to run directory."""
    folder = tmp_path_factory.mktemp("trained")
    with trains_here():
        code, _, err = commands.actlab(["run", *map(str, commands.trained()), "--out", str(folder)], folder)
    assert code == 0, err
    return _by_hash(folder)


def _by_hash(folder: Path) -> dict[str, Path]:
    return {_record(path.parent)["hash"]: path.parent for path in sorted(folder.glob("*/*/run.json"))}


def _record(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "run.json").read_text()))


BEFORE = _by_hash(studies.TRAINED)
# The same on a processor of another maker, as it rounds and as older ones do. That code of before the rebuild (91099b5)
# gives these bytes there too was seen, but for learning_rate and the sum of gradients, which CHANGED speaks of.
ROUNDED = json.loads(studies.ROUNDED.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("digest", [pytest.param(key, id=path.name) for key, path in BEFORE.items()])
def test_a_training_gives_the_same_numbers(digest: str, trained_again: Mapping[str, Path]) -> None:
    before, after = BEFORE[digest], trained_again[digest]
    assert _record(after)["status"] == "done"
    for name in ("history.csv", "layers.csv"):
        assert (before / name).exists() == (after / name).exists()
        if (before / name).exists():
            elsewhere = [(entry["place"], "\n".join(entry["tables"][digest][name]) + "\n") for entry in ROUNDED]
            recorded = [(studies.place(_record(before)), (before / name).read_text()), *elsewhere]
            _same_table(recorded, studies.place(_record(after)), (after / name).read_text(), f"{before.name}/{name}")


def test_as_many_runs_are_trained(trained_again: Mapping[str, Path]) -> None:
    assert trained_again.keys() == BEFORE.keys()


def _same_table(
    recorded: Sequence[tuple[Mapping[str, Any], str]], here: Mapping[str, Any], now: str, where: str
) -> None:
    """The bytes recorded at a place like this one.

    At another kind of place, the numbers lie where the roundings of the record lie: training makes more of a rounding,
    so no one of them is nearer to the truth. An image may fall elsewhere.
    """
    for place, before in recorded:
        if place == here:
            assert now == before, where
            return
    tables = [list(csv.DictReader(text.splitlines())) for _, text in recorded]
    others = list(csv.DictReader(now.splitlines()))
    assert all([list(row) for row in rows] == [list(row) for row in others] for rows in tables)
    for *befores, other in zip(*tables, others, strict=True):
        for column, cell in other.items():
            cells = [row[column] for row in befores]
            if cell not in cells:
                low, high = min(map(float, cells)), max(map(float, cells))
                near = max(0.02 if column.endswith("accuracy") else 1e-6, CLOSE * max(abs(low), abs(high)))
                assert low - near <= float(cell) <= high + near, f"{where}: {column}: recorded {cells}, now {cell}"


def test_a_number_that_no_rounding_gives_is_found() -> None:
    recorded = [({"processor": "a"}, "epoch,loss\n1,2.5\n"), ({"processor": "b"}, "epoch,loss\n1,2.501\n")]
    for here, loss, same in (
        ("a", "2.5", True), ("a", "2.501", False), ("c", "2.5004", True), ("c", "2.5012", True),
        ("c", "2.502", False), ("c", "nan", False),
    ):  # fmt: skip
        with contextlib.nullcontext() if same else pytest.raises(AssertionError):
            _same_table(recorded, {"processor": here}, f"epoch,loss\n1,{loss}\n", "a table")
