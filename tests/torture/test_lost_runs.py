"""Nothing that was started is left out of any table, figure or export in silence, however early it was lost."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from golden import commands
from matplotlib.text import Text

from actlab.runs.folder import COMPARISON, EXPERIMENT, HISTORY, RECORD, TIMING
from actlab.show.figures.comparison import comparison_figures
from actlab.spec.plan import read as read_plan
from actlab.study import folders
from actlab.study.judge import compare
from torture.matrix import Cases, row

CONFIG = """\
name: study
dataset: {name: mnist, offline: synth_mnist}
model: mnist_dense
epochs: 3
sweep: {activation: [relu, tanh, elu], seed: {range: 4}}
claims: [{metric: val_accuracy, of: {activation: tanh}, is: "> {activation: relu}"}]
"""


def _gone(path: Path) -> None:
    path.unlink(missing_ok=True)


def _without_history(run: Path, status: str) -> None:
    record = json.loads((run / RECORD).read_text())
    record.pop("results", None)
    (run / RECORD).write_text(json.dumps({**record, "status": status, "reason": "loss is not finite at step 1"}))
    _gone(run / HISTORY)
    _gone(run / TIMING)


def _empty(run: Path) -> None:
    for name in (RECORD, HISTORY, TIMING):
        _gone(run / name)


LOSSES: dict[str, tuple[str, Callable[[Path], None]]] = {  # what is done to a run, and what it is then
    "cut record": ("damaged", lambda run: (run / RECORD).write_text((run / RECORD).read_text()[:100]) and None),
    "empty record": ("damaged", lambda run: (run / RECORD).write_text("") and None),
    "another's record": ("damaged", lambda run: (run / RECORD).write_text("{}") and None),
    "no record": ("damaged", lambda run: _gone(run / RECORD)),
    "not begun": ("pending", _empty),
    "failed at once": ("failed", lambda run: _without_history(run, "failed")),
    "diverged at once": ("diverged", lambda run: _without_history(run, "diverged")),
    "stopped at once": ("interrupted", lambda run: _without_history(run, "interrupted")),
}


@pytest.fixture
def study(tmp_path: Path, make_run: Callable[..., Path]) -> dict[tuple[str, int], Path]:
    """(activation, seed) to its run, of an experiment that was trained as its file asks."""
    folder = tmp_path / "results" / "study"
    folder.mkdir(parents=True)
    (folder / EXPERIMENT).write_text(CONFIG)
    found = {}
    for number, (_, config) in enumerate(read_plan(folder / EXPERIMENT).runs):
        accuracies = [0.8, 0.9 + number / 1000, 0.92 + number / 1000]
        found[config.activation.name, config.seed] = make_run(folder, config, accuracies)
    return found


@row(7, "runs lost before their first evaluation stay in every table and export", quick=1, full=len(LOSSES))
def test_lost_runs_stay(cases: Cases, study: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    names = list(LOSSES)
    whole = {path: {file.name: file.read_bytes() for file in path.iterdir()} for path in study.values()}
    for case in cases:
        name = names[case] if cases.count == len(names) else ["cut record", "diverged at once"][case]
        status, lose = LOSSES[name]
        for path, kept in whole.items():
            for file in path.iterdir():
                file.unlink()
            for file_name, data in kept.items():
                (path / file_name).write_bytes(data)
        lost = [study["relu", 2], *(study["tanh", seed] for seed in range(4))]
        for path in lost:
            lose(path)
        _check(cases, tmp_path, status, lost)


def _check(cases: Cases, here: Path, status: str, lost: list[Path]) -> None:
    def ask(*arguments: str) -> tuple[int, str]:
        code, out, err = commands.actlab(arguments, here)
        cases.hold("Traceback" not in out + err, f"{status}: {arguments}: {err}")
        return code, out

    listed = {one["path"].rpartition("/")[2]: one for one in json.loads(ask("list", "--json")[1])}
    cases.hold(len(listed) == 12, f"{status}: list --json has {len(listed)} of 12")
    cases.hold(all(listed[path.name]["status"] == status for path in lost), f"{status}: list --json")
    text = ask("list")[1]
    cases.hold(all(path.name in text for path in lost) and f"5 {status}" in text, f"{status}: list")
    (counted,) = json.loads(ask("status", "--json")[1])
    cases.hold(counted["counts"][status] == 5, f"{status}: status")
    for form in ("table", "markdown", "latex", "html", "table --wide -o kept.csv"):
        out = ask("compare", "results/study", "--format", *form.split())[1]
        cases.hold("3 of 4" in out and "0 of 4" in out, f"{status}: {form}: n")
        cases.hold(status in out or "not begun" in out, f"{status}: {form}: why")
    data = json.loads(ask("compare", "results/study", "--json")[1])
    ns = {one["condition"]: (one["n"], one.get(status)) for one in data["conditions"]}
    cases.hold(ns == {"relu": (3, 1), "tanh": (0, 4), "elu": (4, 0)}, f"{status}: json: {ns}")
    for text in (
        ask("compare", "results/study", "--format", "csv")[1],
        (here / "results/study" / COMPARISON).read_text(),
    ):
        rows = {one["activation"]: (one["n"], one[status]) for one in csv.DictReader(io.StringIO(text))}
        cases.hold(rows == {"relu": ("3", "1"), "tanh": ("0", "4"), "elu": ("4", "0")}, f"{status}: csv: {rows}")
    (claimed,) = json.loads(ask("claims", "results/study", "--json")[1])[0]["claims"]
    (evidence,) = claimed["evidence"]
    said = " ".join(evidence["absent"])
    cases.hold(claimed["verdict"] != "supported" and said.count(status) == 2, f"{status}: claims: {said}")
    for form in ("html", "markdown"):
        cases.hold(ask("report", "results/study", "--format", form, "-o", "page")[0] == 0, f"{status}: report")
        page = (here / "page").read_text()
        cases.hold("3 of 4" in page and "0 of 4" in page, f"{status}: report: n")
        cases.hold(status in page or "not begun" in page, f"{status}: report: why")


def test_a_lost_run_of_which_nobody_knows_which_it_is(study: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    """Its folder was renamed: it belongs to no condition, and is in every export all the same."""
    path = study["relu", 2].rename(study["relu", 2].with_name("base (copy)"))
    (path / RECORD).write_text("{")
    for form in ("table", "markdown", "latex", "html", "json", "csv"):
        code, out, err = commands.actlab(("compare", "results/study", "--format", form, "-o", "kept.csv"), tmp_path)
        assert (code, err) == (0, "")
        assert "base (copy)" in "".join(out.split("{}")), form
    (last,) = [one for one in csv.DictReader((tmp_path / "kept.csv").read_text().splitlines()) if one["folder"]]
    assert (last["n"], last["reason"]) == ("0", "run.json: not JSON")
    code, out, err = commands.actlab(("compare", str(path)), tmp_path)
    assert (code, out) == (2, "") and f"{path}: run.json: not JSON" in err


def test_figures_say_how_many_of_a_condition_were_lost(study: dict[tuple[str, int], Path]) -> None:
    for path in [study["relu", 2], *(study["tanh", seed] for seed in range(4))]:
        (path / RECORD).write_text("")
        _gone(path / HISTORY)
    found = folders.read([study["relu", 2].parent])
    figures = comparison_figures(compare(found.runs), "study")
    texts = {name: " ".join(of.get_text() for of in draw().findobj(Text)) for name, draw in figures.items()}
    assert "relu  n = 3 of 4" in texts["val_accuracy"]
    assert "not drawn, without a finite value: tanh" in texts["val_accuracy"]
    assert "3 of 4" in texts["seeds"] and "0 of 4" in texts["seeds"]


@pytest.mark.parametrize("name", [HISTORY, TIMING])
@pytest.mark.parametrize("kept", [-1, -5])
def test_a_last_row_that_is_left_out_is_named(
    name: str, kept: int, study: dict[tuple[str, int], Path], tmp_path: Path
) -> None:
    """An editor that writes no last line feed, or a cut: nobody can tell whether the row is whole."""
    path = study["relu", 1] / name
    path.write_bytes(path.read_bytes()[:kept])
    said = f"{path.relative_to(tmp_path)}: its last row does not end with a line feed"
    for command in ("compare", "report"):
        code, out, _ = commands.actlab((command, "results/study", "--format", "markdown"), tmp_path)
        assert code == 0 and said in out.replace("\\", "")


def test_runs_that_nobody_asked_for_are_named(study: dict[tuple[str, int], Path], tmp_path: Path) -> None:
    """A trial with other settings in the same folder is compared, and compare and report say so, as claims does."""
    stray = study["elu", 3]
    record = json.loads((stray / RECORD).read_text())
    (stray / RECORD).write_text(json.dumps({**record, "hash": "f" * 64, "config": {**record["config"], "epochs": 9}}))
    said = f"1 run that results/study/{EXPERIMENT} does not ask for: it is compared too: {stray.name}"
    for command, form in (("compare", "table"), ("compare", "json"), ("compare", "html"), ("report", "markdown")):
        code, out, _ = commands.actlab((command, "results/study", "--format", form), tmp_path)
        assert code == 0 and said in " ".join(out.replace("\\_", "_").replace("{}", "").split()), (command, form)
    assert stray.name in commands.actlab(("claims", "results/study"), tmp_path)[1]
    (stray.parent / EXPERIMENT).write_text("sweep: [")
    told = commands.actlab(("compare", "results/study", "--notes"), tmp_path)[1]
    assert "which runs it asks for is not known" in " ".join(told.split())  # however its lines are broken
