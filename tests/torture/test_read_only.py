"""Tables are printed before files are written; a folder that takes none costs the files and nothing else."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from golden import commands

from actlab.runs import folder as folders
from actlab.runs.folder import COMPARISON, EXPERIMENT

CONFIG = "dataset: mnist\nmodel: mnist_dense\nactivation: relu\nepochs: 3\nsweep: {seed: {range: 3}}\n"
FAULTS = {"read-only": errno.EROFS, "full": errno.ENOSPC, "forbidden": errno.EACCES, "failing": errno.EIO}


@pytest.fixture
def here(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., Any]) -> Path:
    """A folder with the finished runs of one experiment."""
    for seed in range(3):
        make_run(tmp_path / "results" / "study", resolved(seed=seed), [0.9, 0.95])
    (tmp_path / "results" / "study" / EXPERIMENT).write_text(CONFIG)
    return tmp_path


@pytest.fixture(params=FAULTS)
def refusing(request: pytest.FixtureRequest, here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Nothing below `results` can be opened for writing, made, renamed or removed."""
    code, real = FAULTS[request.param], Path.open

    def refuse(path: Path, *_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code), str(path))

    def guarded(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        inside = (Path.cwd() / path).is_relative_to(here / "results")
        return refuse(path) if inside and set(mode) & set("wxa+") else real(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", guarded)
    yield os.strerror(code).lower()


def test_compare_answers_all_the_same(refusing: str, here: Path) -> None:
    code, out, err = commands.actlab(("compare", "results/study"), here)
    assert code == 0
    assert ("95.00" in out and out.rstrip().splitlines()[-1].startswith("note: ")) or "mean" in out
    (line,) = err.splitlines()
    assert line.startswith(f"not written: results/study/{COMPARISON}: cannot be written: {refusing}")
    assert line.endswith("; -o DIR names another folder")
    code, out, err = commands.actlab(("compare", "results/study", "-o", "elsewhere"), here)
    assert (code, err) == (0, "") and (here / "elsewhere" / COMPARISON).is_file()


@pytest.mark.parametrize("target", ["results/study", "results/study/table.md", f"results/study/{EXPERIMENT}/deep"])
def test_a_place_that_was_asked_for_and_takes_nothing_is_an_error(target: str, refusing: str, here: Path) -> None:
    for form in ("table", "csv", "json"):
        code, out, err = commands.actlab(("compare", "results/study", "-o", target, "--format", form), here)
        assert code == 2 and ("95.0" in out or "0.95" in out)
        (line,) = err.splitlines()
        assert line.startswith("not written: results/") and "-o DIR" in line


def test_report_says_where_else_it_might_go(refusing: str, here: Path) -> None:
    code, out, err = commands.actlab(("report", "results/study"), here)
    assert (code, out) == (2, "")
    assert err.startswith(f"results/study/report.html: cannot be written: {refusing}")
    assert err.endswith("; -o FILE names another place\n") and err.count(" -o") == 1
    assert commands.actlab(("report", "results/study", "-o", "page.html"), here)[0] == 0


def test_what_writes_nothing_sees_no_difference(refusing: str, here: Path) -> None:
    for arguments in (("list",), ("status",), ("claims", "results/study"), ("compare", "results/study", "--json")):
        code, out, err = commands.actlab(arguments, here)
        assert (code, err) == (0, "") and out
    assert "3 done" in commands.actlab(("status",), here)[1]


def test_a_figure_that_cannot_be_written_leaves_the_table(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = folders.write_bytes

    def full(path: Path, data: bytes) -> None:
        if path.suffix == ".png":
            raise folders.RunDirError(f"{path}: cannot be written: no space left on device")
        real(path, data)

    monkeypatch.setattr("actlab.show.figures.comparison.write_bytes", full)
    code, out, err = commands.actlab(("compare", "results/study"), here)
    assert code == 0 and "95.00" in out and err.startswith("not written: results/study/")
    assert (here / "results" / "study" / COMPARISON).is_file() and f"file: results/study/{COMPARISON}" in out


def test_folders_that_may_not_be_read_are_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another user's, of mode 700; the superuser, who runs these tests in a container, may read anything."""
    real = os.access
    for name in ("results", "results/study"):
        with monkeypatch.context() as patch:
            patch.setattr(
                os, "access", lambda path, mode, name=name, **_: Path(path) != Path(name) and real(path, mode)
            )
            for command in ("list", "compare", "report", "claims"):
                options = ("-o", "page.html") if command == "report" else ()
                code, out, err = commands.actlab((command, "results", *options), here)
                assert "Traceback" not in out + err
                page = (here / "page.html").read_text() if options and not code else ""
                whole = " ".join((out + err + page).replace("│", "").split())
                assert f"{name}: may not be read" in whole or f"'{name}' is not readable" in whole, command


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become somebody else")
def test_another_users_finished_runs_are_finished(here: Path) -> None:
    """A real process that may read and not write."""
    for path in [*here.parents, here, *here.rglob("*")]:
        if path.is_relative_to(Path(tempfile.gettempdir())) and path != Path(tempfile.gettempdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def nobody(*arguments: str) -> tuple[int, str, str]:
        commands.actlab(arguments, here)  # imports everything, since another user may not read this Python
        for written in (COMPARISON, "seeds.png", "val_loss.png", "val_accuracy.png"):
            (here / "results" / "study" / written).unlink(missing_ok=True)
        reader, writer = os.pipe()
        if not (child := os.fork()):
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writer, json.dumps(commands.actlab(arguments, here)).encode())
            os._exit(0)
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader) as file:
            code, out, err = json.load(file)
        return code, out, err

    assert nobody("status", "results")[1].splitlines()[-1] == "results/study: 3 done"
    code, out, err = nobody("compare", "results/study")
    assert (code, "95.00" in out) == (0, True)
    assert err.splitlines()[-1].startswith("not written: results/study/comparison.csv: cannot be written: permission")
