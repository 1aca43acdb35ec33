"""Row 7 of the matrix: files of a run that are cut, missing, empty, noise, something else, or closed."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actlab.errors import ActlabError, RunDirError
from actlab.runs.folder import write_experiment
from actlab.runs.record import Run, discover
from actlab.runs.training import train
from actlab.study.judge import compare
from torture.injector import command, config, finish, job, without_figures, without_tensorflow
from torture.matrix import Cases, row

STUDY = """\
name: study
dataset: synth_mnist
model: mnist_dense
epochs: 3
batch_size: 10
optimizer: sgd
weight_film: {every: 1}
probes: [weight_norms]
activation: relu
sweep: {activation: [relu, tanh], seed: {range: 2}}
claims:
  - {metric: val_accuracy, of: {activation: relu}, is: "> 0"}
"""
NOISE = random.Random(5).randbytes(3000)
# what may lie where a file of a run was
DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(NOISE),
    "NUL bytes": lambda path: path.write_bytes(bytes(500)),
    "an HTML page": lambda path: path.write_bytes(b"<!DOCTYPE html>\n<p>captive portal, sign in\n"),
    "half of it": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a line of noise": lambda path: path.write_bytes(path.read_bytes() + b"\xff\xfe,,,;\n"),
    "cells of text": lambda path: path.write_bytes(path.read_bytes().replace(b"0.", b"x.")),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a folder with files": lambda path: (path.unlink(), path.mkdir(), (path / "run.json").write_text("{}")),
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
    "a link to itself": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "closed": lambda path: path.chmod(0),
}
RECORD, HISTORY, TIMING, LAYERS = "run.json", "history.csv", "timing.csv", "layers.csv"
FILES = (RECORD, HISTORY, TIMING, LAYERS, "weights.npz", "weight_film.npz", "accuracy.png", "log.txt")
OF_EXPERIMENT = ("experiment.yaml", "comparison.csv", "report.html", "progress.json")
# {0} is the study, {1} the damaged run, {2} another one, {3} a folder to write to
COMMANDS = {
    "list": ("list", "{0}"), "list --json": ("list", "{0}", "--json"),
    "compare": ("compare", "{0}", "-o", "{3}"), "compare --json": ("compare", "{0}", "--json"),
    "compare layers": ("compare", "{0}", "--json", "-m", "dense.weight_norm", "-m", "images_per_second"),
    "report": ("report", "{0}", "-o", "{3}/report.html"), "report.md": ("report", "{0}", "-o", "{3}/report.md"),
    "status": ("status", "{0}"), "status --json": ("status", "{0}", "--json"), "claims": ("claims", "{0}"),
    "show": ("show", "{1}"), "show --json": ("show", "{1}", "--json"), "show --layers": ("show", "{1}", "--layers"),
    "diff": ("diff", "{1}", "{2}"), "check": ("check", "{0}/experiment.yaml"),
}  # fmt: skip
# the files that a command must name, if they are damaged
NAMES = {
    "list": (RECORD,), "compare": (RECORD, HISTORY, TIMING), "compare --json": (RECORD, HISTORY),
    "compare layers": (RECORD, HISTORY, TIMING), "report.md": (RECORD, HISTORY), "status": (RECORD,),
    "show": FILES[:-1], "show --json": (RECORD,), "show --layers": (RECORD, LAYERS),
    "diff": (RECORD, HISTORY, LAYERS, "weights.npz"), "check": ("experiment.yaml",),
    "claims": (RECORD, HISTORY, TIMING, LAYERS, "experiment.yaml"),
}  # fmt: skip
HARMLESS = {"log.txt": DAMAGES.keys(), "accuracy.png": (), "run.json": ("a line of noise",)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two conditions of two seeds, with all the files that there can be."""
    folder = tmp_path_factory.mktemp("tables") / "study"
    with pytest.MonkeyPatch.context() as patch:
        without_tensorflow(patch)
        for name, seed in itertools.product(("relu", "tanh"), range(2)):
            made = config(activation=name, seed=seed)
            path = folder / f"{name}-seed{seed}-{made.hash[:8]}"
            path.mkdir(parents=True)
            (path / "log.txt").write_text("a line\n")
            train(job(path, made), finish=finish)
    write_experiment(folder, STUDY, ())
    for name in OF_EXPERIMENT[1:]:
        (folder / name).write_text("{}")
    return folder


@row(7, "history.csv cut at every byte", quick=12, full=10**6)
def test_a_history_may_be_cut_anywhere(cases: Cases, study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "study")
    path = sorted((tmp_path / "study").glob("*/run.json"))[1].parent
    whole = (path / "history.csv").read_bytes()
    rows = whole.splitlines()
    lengths = range(len(whole) + 1)
    for length in sorted(random.Random(2).sample(lengths, min(cases.count, len(lengths)))):
        with cases.one(f"{length} bytes"):
            (path / "history.csv").write_bytes(whole[:length])
            complete = whole[:length].count(b"\n")
            if complete:
                assert [f"{step:.0f}".encode() for step in Run(path).history["step"]] == [
                    line.split(b",")[1] for line in rows[1:complete]
                ]
            else:
                with pytest.raises(RunDirError, match=r"history\.csv: damaged: "):
                    _ = Run(path).history
            runs, passed_over = discover([path.parent])
            assert passed_over == []
            told = [note.facts["path"] for note in compare(runs).notes if note.kind == "damaged"]
            assert told == ([str(path / "history.csv")] if length < len(whole) else [])


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """The superuser may read anything; somebody else may not."""
    user = os.geteuid()
    yield
    os.seteuid(user)


@row(7, "each file of a run missing, empty, noise, a folder, closed: every command", quick=60, full=10**6)
def test_any_file_may_be_damaged(
    cases: Cases, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_nobody: None
) -> None:
    without_figures(monkeypatch)
    every = list(itertools.product((*FILES, *OF_EXPERIMENT), DAMAGES, COMMANDS))
    place = tmp_path / "place"
    for name, damage, asked in random.Random(4).sample(every, min(cases.count, len(every))):
        with cases.one(f"{asked}, {name} is {damage}"):
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(study, place / "study")
            (place / "out").mkdir()
            runs = sorted(file.parent for file in (place / "study").glob("*/run.json"))
            bad = (runs[1] if name in FILES else place / "study") / name
            before = bad.read_bytes()
            DAMAGES[damage](bad)
            if damage == "closed" and os.geteuid() == 0:
                bad.unlink()
                bad.mkdir()  # which nobody may read as a file either
            told, code = "", 0
            try:
                folders = place / "study", runs[1], runs[0], place / "out"
                told = command(*(text.format(*folders) for text in COMMANDS[asked]))
            except ActlabError as error:
                told, code = str(error), 2
            assert "Traceback" not in told, told
            if asked == "report.md" and not code:
                told += (place / "out" / "report.md").read_text()
            same = bad.is_file() and bad.read_bytes() == before
            if name in NAMES.get(asked, ()) and damage not in HARMLESS.get(name, ()) and not same:
                assert name in told, told[-500:]
                assert asked.startswith("show") or str(place / "study") in told, told[-500:]
