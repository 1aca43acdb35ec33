"""The register of claims: what is added to it, what is noticed of changes to it, and who may write it when."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from actlab.errors import RunDirError
from actlab.runs.folder import CLAIMS
from actlab.runs.register import _sha256, read, register_claims, register_run

FIRST, SECOND = [{"metric": "loss", "is": "< 1"}], [{"metric": "loss", "is": "< 2"}]
RUNS = [f"{number:064x}" for number in (0xA << 252, 0xB << 252, 0xC << 252)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two versions of the claims, with the beginnings of runs after each."""
    register_claims(tmp_path, FIRST, [])
    assert register_run(tmp_path, RUNS[0], "relu-seed0")
    register_claims(tmp_path, SECOND, ["cafecafe"])
    assert register_run(tmp_path, RUNS[1], "relu-seed1")
    return tmp_path


def test_versions_know_what_had_begun(folder: Path) -> None:
    found = read(folder)
    assert [version.claims for version in found.versions] == [FIRST, SECOND]
    assert [version.seen for version in found.versions] == [set(), {"a0000000", "cafecafe"}]
    assert found.seen == {"a0000000", "b0000000", "cafecafe"} and not found.problems
    assert found.labels == {RUNS[0]: "relu-seed0", RUNS[1]: "relu-seed1"}


def test_what_is_there_is_not_added_again(folder: Path) -> None:
    before = (folder / CLAIMS).read_bytes()
    register_claims(folder, SECOND, ["a0000000"])
    assert register_run(folder, RUNS[0], "another") == read(folder).began[RUNS[0]]
    assert (folder / CLAIMS).read_bytes() == before
    register_claims(folder, FIRST, [])
    assert (folder / CLAIMS).read_bytes().startswith(before) and len(read(folder).versions) == 3


def test_a_folder_that_is_no_experiment_gets_no_register(tmp_path: Path) -> None:
    assert register_run(tmp_path, RUNS[0], "relu-seed0") is None and not list(tmp_path.iterdir())


def edited(lines: list[str]) -> list[str]:
    return [lines[0].replace("< 1", "< 2"), *lines[1:]]


def with_new_sum(lines: list[str]) -> list[str]:
    line = json.loads(lines[0].replace("< 1", "< 2"))
    return [json.dumps({**line, "sha256": _sha256(line)}), *lines[1:]]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (edited, ":1: was changed"),
        (with_new_sum, ":2: a line before it is gone, or was changed"),
        (lambda lines: lines[1:], ":1: a line before it is gone"),
        (lambda lines: [*lines[:2], *lines[3:]], ":3: a line before it is gone"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], ":1: a line before it is gone"),
        (lambda lines: [*lines, lines[0]], ":5: a line before it is gone"),
        (lambda lines: [*lines[:-1], lines[-1][:40]], ":4: was changed, or cut short"),
        (lambda lines: ["[1]", '{"time": 1}', "\x00\xff", "[" * 5000], ":4: was changed"),
    ],
)
def test_a_change_is_noticed(change: Callable[[list[str]], list[str]], problem: str, folder: Path) -> None:
    path = folder / CLAIMS
    path.write_text("\n".join(change(path.read_text().splitlines())))
    found = read(folder)
    assert any(problem in one for one in found.problems), found.problems
    before = path.read_bytes()
    register_claims(folder, [], [])  # all that is added stays readable, and what was changed stays changed
    assert path.read_bytes().startswith(before)
    assert read(folder).versions[-1].claims == [] and any(problem in one for one in read(folder).problems)


def test_an_older_checkout_may_write_other_line_feeds(folder: Path) -> None:
    path = folder / CLAIMS
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not read(folder).problems


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert read(tmp_path).problems == []
    (tmp_path / CLAIMS).mkdir()
    assert "claims.jsonl: cannot be read: is a directory" in read(tmp_path).problems[0]
    (tmp_path / CLAIMS).rmdir()
    (tmp_path / CLAIMS).symlink_to("nothing")
    assert read(tmp_path).problems
    with pytest.raises(RunDirError, match="leads outside"):
        register_claims(tmp_path, FIRST, [])


def test_a_full_disk_leaves_no_half_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (folder / CLAIMS).read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch, pytest.raises(RunDirError, match="make room on that disk"):
        patch.setattr(os, "fsync", full)
        register_claims(folder, FIRST, [])
    assert (folder / CLAIMS).read_bytes() == before


def _begin(folder: str, worker: int) -> None:
    for number in range(20):
        register_claims(Path(folder), [{"metric": f"{worker}", "is": f"< {number}"}], [])
        register_run(Path(folder), f"{worker:08d}{number:056d}", "")


def test_processes_write_one_after_the_other(tmp_path: Path) -> None:
    processes = [multiprocessing.get_context("fork").Process(target=_begin, args=(str(tmp_path), i)) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    found = read(tmp_path)
    assert not found.problems and len(found.began) == 80 and len(found.versions) == 80
