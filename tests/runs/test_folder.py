"""The record on the disk: failing writes, torn files, one writer, nothing outside."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torture.injector import Disk
from typer.testing import CliRunner

from actlab import cli
from actlab.errors import ActlabError, RunDirError, RunLocked
from actlab.runs import folder
from actlab.runs.folder import (
    CHECKPOINT,
    EXPERIMENT,
    FRAMES,
    HISTORY,
    LAYER_COLUMNS,
    LAYERS,
    LOCK,
    OWNER,
    PROGRESS,
    RECORD,
    STATE,
    TIMING,
    append_bytes,
    append_rows,
    clear_working_files,
    cut_frames,
    cut_tables,
    inside,
    is_locked,
    lock,
    npz,
    overrides_of,
    read_checkpoint,
    read_json,
    read_progress,
    read_table,
    sha256_of_files,
    start_table,
    write_bytes,
    write_checkpoint,
    write_experiment,
    write_json,
    write_progress,
)
from actlab.runs.record import Run, by_hash, discover
from actlab.spec.config import RunConfig
from actlab.study.guard import Note
from actlab.study.judge import compare

MakeRun = Callable[..., Path]
Resolved = Callable[..., RunConfig]


# --- failing writes --------------------------------------------------------------------------------------------


def state(number: int) -> dict[str, Any]:
    return {"weights/0": np.full(50, number, dtype=np.float32), "step": np.int64(number)}


def record(status: str, epochs: int) -> dict[str, Any]:
    return {"status": status, "hash": "0" * 64, "config": {}, "label": "relu", "epochs": epochs}


def test_an_old_file_stays_when_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    for nth in (1, 2, 3, 4):
        wrong = r"file: cannot be written: no space left on device; make room on that disk, then repeat the command$"
        with Disk(tmp_path, nth, errno.ENOSPC, for_good=True), pytest.raises(RunDirError, match=wrong):
            write_bytes(path, b"new")
        assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


# --- damaged files ---------------------------------------------------------------------------------------------


def test_a_history_cut_at_any_byte_loses_its_torn_row_only(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved
) -> None:
    path = make_run(tmp_path, resolved(), [0.9, 0.925, 0.95])
    whole = (path / HISTORY).read_bytes()
    for length in range(len(whole) + 1):
        (path / HISTORY).write_bytes(whole[:length])
        rows = whole[:length].count(b"\n") - 1
        if rows < 0:
            with pytest.raises(RunDirError, match=HISTORY):
                _ = Run(path).history
            continue
        history = Run(path).history
        assert len(history) == rows
        assert history["val_accuracy"].tolist() == [0.9, 0.925, 0.95][:rows]


def test_tables_are_cut_back_to_the_rows_of_a_checkpoint(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    path = make_run(tmp_path, resolved(), [0.9, 0.925, 0.95])
    whole = {name: (path / name).read_bytes() for name in (HISTORY, TIMING)}
    with (path / HISTORY).open("ab") as file:
        file.write(b"4,2400,0.1,0.")  # torn
    assert not cut_tables(path, 4)
    assert cut_tables(path, 3)
    assert {name: (path / name).read_bytes() for name in whole} == whole
    assert cut_tables(path, 1)
    assert [len(Run(path).history), len(Run(path).timing)] == [1, 1]
    (path / HISTORY).unlink()
    assert not cut_tables(path, 0)


def test_the_table_of_layers_is_cut_by_its_rows_an_evaluation(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved
) -> None:
    path = make_run(tmp_path, resolved(), [0.9, 0.92, 0.95])
    layers = path / LAYERS
    start_table(layers, LAYER_COLUMNS)
    append_rows(layers, [(epoch, 600 * epoch, name, 8) for epoch in (1, 2, 3) for name in ("dense", "logits")])
    with layers.open("ab") as file:
        file.write(b"4,2400,den")  # torn
    assert not cut_tables(path, 4, 2)
    assert cut_tables(path, 2, 2)
    assert layers.read_text().splitlines()[-1] == "2,1200,logits,8"
    assert len(Run(path).layers) == 4
    assert len(Run(path).history) == 2
    layers.unlink()
    assert not cut_tables(path, 1, 2)  # what is probed and gone cannot be gone on from


def test_an_empty_cell_is_a_missing_number(tmp_path: Path) -> None:
    start_table(tmp_path / HISTORY, ("a", "b", "c"))
    append_rows(tmp_path / HISTORY, [(1, None, 0.1), (2, 3.5, None)])
    assert (tmp_path / HISTORY).read_text() == "a,b,c\n1,,0.1\n2,3.5,\n"


def test_frames_are_cut_back_and_gone_with_the_checkpoint(tmp_path: Path) -> None:
    assert not cut_frames(tmp_path, 0)
    append_bytes(tmp_path / FRAMES, b"123456")
    append_bytes(tmp_path / FRAMES, b"78")
    assert not cut_frames(tmp_path, 9)
    assert cut_frames(tmp_path, 6)
    assert (tmp_path / FRAMES).read_bytes() == b"123456"
    clear_working_files(tmp_path)
    assert not (tmp_path / FRAMES).exists()


NOISE = {
    "missing": None, "empty": b"", "bytes": random.Random(1).randbytes(3000), "zeros": bytes(500),
    "line": b"hello\n", "cells": b"a,b\n1,2,3,4\n,,,,,\n", "text": b"epoch,step,val_loss,val_accuracy\na,b,c,d\n",
    "quote": b'epoch,"step\n1,2\n', "longer": b"epoch,step,val_loss,val_accuracy\n1,2,3,4,5\n1,2,3,4,5\n",
    "json": b"[]\n", "object": b"{}\n", "html": b"<!DOCTYPE html>\n<p>captive portal, sign in\n",
    "deep": b"[" * 100_000, "utf-16": "epoch,step\n1,2\n".encode("utf-16"),
}  # fmt: skip


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("name", [RECORD, HISTORY, TIMING])
def test_a_damaged_file_is_named_and_nothing_crashes(
    name: str, noise: str, tmp_path: Path, make_run: MakeRun, resolved: Resolved
) -> None:
    make_run(tmp_path / "study", resolved(seed=1), [0.9, 0.95])
    bad = make_run(tmp_path / "study", resolved(seed=2), [0.8, 0.85])
    (tmp_path / "study" / EXPERIMENT).write_text("")
    _damage(bad / name, NOISE[noise])
    runs, passed_over = discover([tmp_path / "study"])
    comparison = compare(runs)
    assert passed_over == [] and len(runs) == 2
    assert comparison.curves()["epoch"].notna().sum() == (4 if name == TIMING else 2)
    assert [note.facts["path"] for note in comparison.notes if note.kind == "damaged"] == [str(bad / name)]


@pytest.mark.parametrize("name", [RECORD, HISTORY, TIMING])
def test_the_command_says_so_too(name: str, tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    make_run(tmp_path, resolved(seed=1), [0.9, 0.95])
    bad = make_run(tmp_path, resolved(seed=2), [0.8, 0.85])
    _damage(bad / name, NOISE["bytes"])
    answer = CliRunner().invoke(cli.app, ["compare", str(tmp_path)])
    assert str(bad / name) in answer.stdout.replace("\n", "")


def _damage(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


RECORDS: dict[str, dict[str, Any]] = {
    "no config": {"config": None}, "config is text": {"config": "x"}, "results are text": {"results": "x"},
    "rows are text": {"results": {"final": "x"}}, "numbers are text": {"results": {"final": {"val_accuracy": "0.9"}}},
    "status unknown": {"status": "finished"}, "status is a list": {"status": ["done"]},
    "seed is text": {"config": {"seed": "x"}},
    "dataset is a list": {"dataset": []}, "files are a list": {"files": []}, "seconds are text": {"wall_seconds": "1"},
    "huge numbers": {"parameters": 10**400}, "environment is a number": {"environment": 3},
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_of_wrong_types_is_none(case: str, tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    path = make_run(tmp_path, resolved(), [0.9], record=RECORDS[case])
    with pytest.raises(RunDirError, match=r"run\.json: not a run's record: "):
        Run(path)


def test_not_a_number_is_not_json(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    path = make_run(tmp_path, resolved(), [0.9], record={"results": {"final": {"val_loss": float("nan")}}})
    with pytest.raises(RunDirError, match=r"run\.json: damaged: not JSON"):
        Run(path)


def test_odd_configs_are_compared_all_the_same(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    """Records of another version, or made by hand: what they hold is shown as it is."""
    odd: list[Any] = [{"model": "x"}, {"model": {}}, {"model": {"name": ["a"]}}, {"activation": {"name": "formula"}},
                      {"activation": None}, {"unheard": {"of": [1, {"a": 2}]}}]  # fmt: skip
    for seed, config in enumerate(odd):
        make_run(tmp_path, resolved(seed=seed), [0.9], record={"config": {**config, "seed": seed}})
    runs, passed_over = discover([tmp_path])
    assert (len(runs), passed_over) == (len(odd), [])
    assert len(compare(runs).table()) == len(odd)
    assert len(compare(runs, by=["model"]).curves()) == len(odd)


def test_a_finished_run_knows_its_damaged_files(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    path = make_run(tmp_path, resolved(), [0.9, 0.95])
    stated = {**sha256_of_files(path), "weights.npz": "0" * 64, "../outside": "0" * 64, "/dev/zero": "0" * 64}
    assert sorted(stated) == ["../outside", "/dev/zero", "history.csv", "timing.csv", "weights.npz"]
    data = read_json(path / RECORD)
    write_json(path / RECORD, {**data, "files": stated})
    assert sorted(Run(path).damaged()) == ["../outside", "/dev/zero", "weights.npz"]
    (path / HISTORY).write_bytes((path / HISTORY).read_bytes().replace(b"0.95", b"0.99"))
    assert Run(path).damaged((HISTORY, TIMING)) == [HISTORY]
    facts = {"path": str(path / HISTORY), "problem": "is not the file that the record states"}
    assert Note("damaged", (), facts, True) in compare([Run(path)]).notes


def test_a_checkpoint_with_any_bit_flipped_is_whole_or_none(tmp_path: Path) -> None:
    arrays = {"a/b": np.arange(12, dtype=np.float32), "step": np.int64(3), "empty": np.zeros((0, 3))}
    write_checkpoint(tmp_path, arrays)
    file = tmp_path / CHECKPOINT / STATE
    whole = file.read_bytes()
    generator = random.Random(0)
    for index in range(0, len(whole), 2):
        flipped = whole[:index] + bytes([whole[index] ^ 1 << generator.randrange(8)]) + whole[index + 1 :]
        for content in (flipped, whole[:index]):
            file.write_bytes(content)
            found = read_checkpoint(tmp_path)
            assert found is None or same(found, arrays), index
    file.write_bytes(whole)
    assert same(read_checkpoint(tmp_path) or {}, arrays)
    np.save(file.with_suffix(".npy"), np.zeros(3))
    file.with_suffix(".npy").replace(file)
    assert read_checkpoint(tmp_path) is None


def same(found: dict[str, Any], arrays: dict[str, Any]) -> bool:
    return found.keys() == arrays.keys() and all(
        found[name].dtype == array.dtype and np.array_equal(found[name], array) for name, array in arrays.items()
    )


def test_equal_arrays_are_equal_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = npz(state(1))
    later = time.gmtime(time.time() + 10**6)  # a zip archive may note the time
    monkeypatch.setattr(time, "localtime", lambda *_: later)
    assert npz(state(1)) == first


def test_rows_keep_float32_and_files_no_infinity(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    start_table(tmp_path / "t.csv", ["a"])
    for value in values:
        append_rows(tmp_path / "t.csv", [[float(value)]])
    assert (read_table(tmp_path / "t.csv")["a"].to_numpy().astype(np.float32) == values).all()
    write_json(tmp_path / "t.json", {"a": [float("nan"), {"b": float("-inf")}, 1.5]})
    assert read_json(tmp_path / "t.json") == {"a": [None, {"b": None}, 1.5]}


# --- finding ---------------------------------------------------------------------------------------------------


def test_runs_are_found_in_runs_experiments_and_their_parents(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved
) -> None:
    one, two = (make_run(tmp_path / "results" / name, resolved(seed=3), [0.9]) for name in ("a", "b"))
    for paths in (
        [tmp_path / "results"],
        [one.parent, two.parent],
        [one, two],
        [one, one.parent, tmp_path / "results"],
    ):
        runs, passed_over = discover(paths)
        assert ({run.path for run in runs}, passed_over) == ({one, two}, [])
    assert by_hash(one.parent)[resolved(seed=3).hash[:8]] == [one]
    assert resolved(seed=4).hash[:8] not in by_hash(one.parent)


def test_what_is_no_run_is_passed_over_and_said(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    make_run(tmp_path / "study", resolved(), [0.9])
    (tmp_path / "study" / EXPERIMENT).write_text("")
    (tmp_path / "study" / "tanh-seed0-12345678").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    runs, passed_over = discover([tmp_path / name for name in ("study", "file", "folder", "nowhere")])
    assert [run.status for run in runs] == ["done", "pending"]
    assert passed_over == [
        f"{tmp_path}/file: neither a run nor an experiment",
        f"{tmp_path}/folder: neither a run nor an experiment",
        f"{tmp_path}/nowhere: does not exist",
    ]


# --- one writer ------------------------------------------------------------------------------------------------

OWNING = """
import sys, time, pathlib
from actlab.runs.folder import lock
from actlab.errors import RunLocked
path = pathlib.Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    with lock(path):
        print("owner", flush=True)
        sys.stdin.readline()
except RunLocked as error:
    print(error, flush=True)
"""


@contextlib.contextmanager
def processes(path: Path, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that stand ready to lock a run directory, each at a line on its stdin."""
    started = [
        subprocess.Popen([sys.executable, "-c", OWNING, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for process in started:
            assert say(process) == "ready"
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def say(process: subprocess.Popen[str], line: str = "") -> str:
    """What a process answers, to a line if there is one."""
    assert process.stdin
    assert process.stdout
    if line:
        process.stdin.write(line)
        process.stdin.flush()
    return process.stdout.readline().strip()


def test_of_eight_processes_one_owns_the_directory(tmp_path: Path) -> None:
    with processes(tmp_path, 8) as all_of_them:
        for process in all_of_them:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        answers = [say(process) for process in all_of_them]
        owner = all_of_them[answers.index("owner")]
        assert answers.count("owner") == 1
        refusals = [answer for answer in answers if answer != "owner"]
        assert all(answer.startswith(f"{tmp_path}: is being written by process {owner.pid} on") for answer in refusals)
        assert is_locked(tmp_path)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        began = time.monotonic()
        assert not is_locked(tmp_path)
        with lock(tmp_path):
            assert time.monotonic() - began < 20
            assert read_json(tmp_path / OWNER)["pid"] == os.getpid()
    assert not (tmp_path / OWNER).exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell when a process began")
def test_the_owner_file_says_which_process_it_is_and_when_it_began(tmp_path: Path) -> None:
    """A program's name may hold brackets, spaces and numbers, and stands before the time in what the system says."""
    named, told = Path("/proc/self/comm"), Path("/proc/self/stat")
    kept = named.read_text()
    try:
        named.write_text("pytest")
        expected = int(told.read_text().split()[21])
        named.write_text("a) R 1 (2")
        with lock(tmp_path):
            owner = read_json(tmp_path / OWNER)
    finally:
        named.write_text(kept)
    assert owner == {"host": socket.gethostname(), "pid": os.getpid(), "start_ticks_after_boot": expected}
    with processes(tmp_path, 1) as (later,):
        assert say(later, "\n") == "owner"
        assert read_json(tmp_path / OWNER)["start_ticks_after_boot"] > expected


def test_a_running_run_whose_owner_is_dead_is_interrupted(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved
) -> None:
    path = make_run(tmp_path, resolved(), [0.9], status="running")
    assert Run(path).status == "interrupted"
    with processes(path, 1) as (owner,):
        assert say(owner, "\n") == "owner"
        assert Run(path).status == "running"
        with pytest.raises(RunLocked), lock(path):
            pass
    assert Run(path).status == "interrupted"


def test_looking_at_a_lock_does_not_turn_its_writer_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`actlab list` takes the lock for a moment to see whether it is free."""
    import threading

    import filelock

    monkeypatch.setattr(folder, "LOCK_SECONDS", 30.0)
    looking = filelock.FileLock(tmp_path / LOCK, thread_local=False)
    looking.acquire()
    threading.Timer(0.1, looking.release).start()
    with lock(tmp_path):
        pass


# --- nothing outside -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "..", "/etc", "a/../../x", "link", "link/x"])
def test_a_path_that_leads_outside_is_refused(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "elsewhere").mkdir()
    out.mkdir()
    (out / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunDirError, match="leads outside the output folder"):
        inside(out, name)


def test_a_link_within_the_folder_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert inside(tmp_path, "real") == tmp_path / "real"
    with pytest.raises(RunDirError, match="remove the link"):
        inside(tmp_path, "link")


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "run"
    path.mkdir()
    target.write_text("precious")
    names = [RECORD, HISTORY, PROGRESS]
    names += [f".{name}.{socket.gethostname()}-{os.getpid()}.tmp" for name in names]
    for name in names:
        (path / name).symlink_to(target)
    write_json(path / RECORD, record("done", 1))
    start_table(path / HISTORY, ["epoch"])
    append_rows(path / HISTORY, [[1]])
    write_progress(path, {"step": 1})
    assert target.read_text() == "precious"
    assert read_progress(path) == {"step": 1}

    folder = tmp_path / "folder"
    folder.mkdir()
    (path / CHECKPOINT).symlink_to(folder)
    with pytest.raises(RunDirError, match="leads outside"):
        write_checkpoint(path, state(1))
    assert not list(folder.iterdir())


def test_clearing_up_spares_what_a_link_points_to(tmp_path: Path) -> None:
    folder, path = tmp_path / "folder", tmp_path / "run"
    for made in (folder, path):
        made.mkdir()
    (folder / STATE).write_text("precious")
    (path / CHECKPOINT).symlink_to(folder)
    with contextlib.suppress(ActlabError):
        clear_working_files(path)
    assert (folder / STATE).read_text() == "precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(RunDirError, match="permission denied"), lock(tmp_path):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_lock_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirError, match=r"file/.lock: cannot be written"), lock(tmp_path / "file"):
        pass


def test_records_survive_text_that_no_terminal_should_see(tmp_path: Path) -> None:
    hostile = "\x1b]0;x\x07\u202e\ud800"
    write_json(tmp_path / "r.json", {"label": hostile})
    assert read_json(tmp_path / "r.json") == {"label": hostile}
    assert b"\x1b" not in (tmp_path / "r.json").read_bytes()
    assert json.loads((tmp_path / "r.json").read_bytes())


@pytest.mark.parametrize(
    "text",
    [
        "epoch,loss\n1,0.1\n2,1e-9\n", "a\n1\n", "a,b\n1,nan\n2,inf\n", "a,b\n1,\n2,3\n", "a,layer\n1,dense\n", "a,b\n",
        "a,b\n1,12345678901234567890\n", "a,a\n1,2\n", "a,b\n1.5,2\n-3,4\n", "a\n\n", "a,b\n1,2\n\n3,4\n",
        "\ufeffa\n1\n", "a\n0x10\n", "a\n1_000\n", "a,b\n0.1,0.30000000000000004\n",
    ],
)  # fmt: skip
def test_a_table_is_what_pandas_reads_of_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    expected = pd.read_csv(io.StringIO(text))
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), expected, check_dtype="123456789" not in text)


# --- the config file of an experiment --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["epochs: 1\n", "# --set epochs=1\nepochs: 2\n", "# a comment\n", "", "\ufeffepochs: 1\n"]
)
@pytest.mark.parametrize(
    "overrides", [(), ("epochs=1",), ("description=a\nb: c", "name=x"), ("description=\u202e\x1b[2J",), ("a='\"'",)]
)
def test_what_the_command_line_changed_is_read_again(text: str, overrides: tuple[str, ...], tmp_path: Path) -> None:
    """Whatever the change was, and whatever comments the file has of its own; YAML sees the file alone."""
    write_experiment(tmp_path, text, overrides)
    kept = (tmp_path / EXPERIMENT).read_text()
    assert overrides_of(kept) == overrides
    assert kept.endswith(text)
    assert all(line.startswith("#") for line in kept.removesuffix(text).splitlines())
    before = (tmp_path / EXPERIMENT).stat().st_mtime_ns
    write_experiment(tmp_path, text, overrides)
    assert (tmp_path / EXPERIMENT).stat().st_mtime_ns == before
