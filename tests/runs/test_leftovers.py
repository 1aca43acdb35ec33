"""What could be freed, and that nothing else is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from actlab import cli
from actlab.parts import datasets
from actlab.runs.folder import lock, scratch
from actlab.runs.leftovers import DATASET, DEAD, FINISHED, find
from actlab.spec.config import RunConfig

DEAD_PID = 2**22 - 1  # of none: most systems count to less


def _named(prefix: str, pid: int) -> str:
    return f"{prefix}.{socket.gethostname()}-{pid}.tmp"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary files and caches of this test alone."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("ACTLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def study(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> dict[str, Path]:
    """A run of each status, by it, and each with all the working files that there are."""
    folder = tmp_path / "results" / "study"
    runs = {status: make_run(folder, resolved(seed=seed), [0.9], status)
            for seed, status in enumerate(("done", "diverged", "failed", "interrupted", "running"))}  # fmt: skip
    (folder / "experiment.yaml").write_text("name: study\n")
    for path in (folder, *runs.values()):
        (path / _named(".history.csv", DEAD_PID)).write_text("x" * 100)
        (path / _named(".weights.npz", os.getpid())).write_text("alive")
    for path in runs.values():
        (path / "checkpoint").mkdir()
        (path / "checkpoint" / "state.npz").write_text("x" * 5000)
        (path / "progress.json").write_text("{}")
    return runs


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_checkpoints_of_what_has_ended_are_freed_and_of_nothing_else(study: dict[str, Path]) -> None:
    with lock(study["running"]):  # which clears it of what is left there
        (study["running"] / _named(".history.csv", DEAD_PID)).write_text("x")
        before = _files(Path("results"))
        shown = CliRunner().invoke(cli.app, ["gc"])
        assert "nothing was freed; --yes" in shown.stdout
        assert _files(Path("results")) == before
        freed = CliRunner().invoke(cli.app, ["gc", "--yes"])
        assert freed.exit_code == 0, freed.stdout
        left = _files(Path("results"))
    for status, path in study.items():
        kept = {name.rpartition("/")[2] for name in left if name.startswith(f"study/{path.name}/")}
        assert {"run.json", "history.csv", "timing.csv"} <= kept, status
        assert ("state.npz" in kept) is (status in ("failed", "interrupted", "running")), status
        assert (_named(".history.csv", DEAD_PID) in kept) is (status == "running"), status
    assert f"study/{_named('.weights.npz', os.getpid())}" in left  # its writer lives
    assert f"study/{_named('.history.csv', DEAD_PID)}" not in left


def test_what_is_shown_is_what_is_freed(study: dict[str, Path]) -> None:
    results = study["done"].parents[1]
    found, note = find([results])
    assert not note
    sizes = {(of.path.name, of.kind): of.bytes for of in found if of.path.parent == study["done"]}
    assert sizes[("checkpoint", FINISHED)] == 5000
    assert {of.kind for of in found if of.path.parent == study["interrupted"]} == {DEAD}
    answer = json.loads(CliRunner().invoke(cli.app, ["gc", "--yes", "--json", str(results)]).stdout)
    assert [of["path"] for of in answer["found"]] == [str(of.path) for of in found]
    assert not find([results])[0]
    assert "nothing to free" in CliRunner().invoke(cli.app, ["gc"]).stdout


def test_a_dataset_is_freed_unless_something_trains_and_is_made_again(temporary: Path) -> None:
    parameters = {"train_images": 20, "test_images": 10}
    made = datasets.prepare("synth_mnist", parameters)
    with scratch():  # as a process that trains has it
        found, note = find([])
        assert not found
        assert "left alone" in note
    assert not list(temporary.iterdir())
    (of,) = find([])[0]
    assert (of.path, of.kind) == (made.folder, DATASET)
    CliRunner().invoke(cli.app, ["gc", "--yes"])
    assert not made.folder.exists()
    assert [path.name for path in made.folder.parent.iterdir()] == [".synth_mnist.lock"]
    assert datasets.prepare("synth_mnist", parameters).sha256 == made.sha256


@pytest.fixture
def killed(temporary: Path) -> Iterator[Path]:
    """The scratch folder of a process that was killed."""
    program = "import sys, tempfile\ntempfile.tempdir = sys.argv[1]\nfrom actlab.runs.folder import scratch\n"
    program += "with scratch() as folder:\n  (folder / 'file').write_text('x')\n  print(folder, flush=True)\n  input()"
    command = [sys.executable, "-c", program, str(temporary)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir()
    assert find([])[1]
    process.kill()
    process.communicate()
    yield folder


def test_what_a_killed_process_left_among_temporary_files_is_shown_and_goes_with_the_next_one(killed: Path) -> None:
    found, note = find([])
    assert [(of.path, of.kind, note) for of in found] == [(killed, DEAD, "")]
    with scratch():
        assert not killed.exists()


def test_a_refusal_is_answered_and_frees_nothing(study: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for typed, freed in (("n", False), ("", False), ("y", True)):
        monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
        monkeypatch.setattr("builtins.input", lambda prompt, typed=typed: typed)
        with pytest.raises(Exception) as end:  # Typer's own, which has no public name
            cli.gc_([Path("results")])
        assert getattr(end.value, "exit_code", None) == 0
        assert (study["done"] / "checkpoint").exists() is not freed
