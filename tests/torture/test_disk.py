"""Rows 2 and 3 of the matrix: a disk that fails at any operation, and one that fills up."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from actlab.errors import ActlabError, RunDirError
from actlab.runs.folder import (
    COMPARISON,
    REMEDIES,
    clear_leftovers,
    copy_run,
    forget,
    lock,
    make_folder,
    read_checkpoint,
    read_json,
    tidy,
    write_bytes,
    write_experiment,
    write_json,
)  # fmt: skip
from actlab.runs.record import Run, discover, state_of
from actlab.runs.training import Stopped, train
from torture.injector import (
    DEATH,
    WAYS,
    Died,
    Disk,
    command,
    config,
    finish,
    job,
    meets,
    without_figures,
    without_tensorflow,
)  # fmt: skip
from torture.matrix import Cases, row

WORKING = ("checkpoint", "progress.json", ".owner.json", ".weight_film.frames")
BYTES = ("history.csv", "layers.csv", "weights.npz", "weight_film.npz", "accuracy.png", "loss.png")
MADE = config(epochs=2)


@pytest.fixture(autouse=True)
def _without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tensorflow(monkeypatch)


def outcome(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in BYTES if (path / name).exists()}


def left_over(folder: Path, names: tuple[str, ...] = WORKING) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name in names or path.name.endswith(".tmp")]


# --- what is done to a disk ------------------------------------------------------------------------------------


@dataclass
class Deed:
    """Something that writes into a folder.

    Args:
        do: on the folder of the case.
        prepare: what the folder holds before.
        check: what must be true of the folder after a fault, and what is done again without one.
        finished: the bytes of the run that it ends with.
    """

    do: Callable[[Path], object]
    check: Callable[[Path, Deed], None]
    prepare: Callable[[Path], object] = lambda folder: None
    finished: dict[str, bytes] = field(default_factory=dict)


def commanded(*arguments: str) -> Callable[[Path], str]:
    return lambda folder: command(*(text.format(folder) for text in arguments))


def trained(folder: Path) -> None:
    train(job(folder / "run", MADE), finish=finish)


def stopped(folder: Path) -> None:
    """A run in its second epoch, with a torn row behind its checkpoint."""
    calls = iter(range(100))
    with pytest.raises(Stopped):
        train(job(folder / "run", MADE), lambda: next(calls) == 3)
    with (folder / "run" / "history.csv").open("ab") as file:
        file.write(b"2,8,0.1")


def forced(folder: Path) -> None:
    forget(folder / "run")
    trained(folder)


def copied(folder: Path) -> None:
    make_folder(folder)
    write_experiment(folder, "epochs: 2\n", ())
    copy_run(folder.parent / "source" / "run", folder / "run", {"plan_index": 7})


def check_run(folder: Path, deed: Deed) -> None:
    """No false done; and the same command, on a disk that works, comes to the bytes of a run that met no fault."""
    path = folder / "run"
    discover([folder])
    if state_of(path) == "done":
        assert Run(path).damaged() == []
        assert outcome(path) == deed.finished
    found = read_checkpoint(path)
    assert found is None or "position" in found
    make_folder(folder)
    if state_of(path) == "done":
        tidy(path, done=True)
    else:
        (copied if deed.do is copied else trained)(folder)
    assert Run(path).status == "done"
    assert Run(path).damaged() == []
    assert outcome(path) == deed.finished
    assert left_over(folder) == []


def study(folder: Path) -> None:
    """Two conditions of two seeds, compared before."""
    for name, seed in (("relu", 0), ("relu", 1), ("tanh", 0), ("tanh", 1)):
        made = config(epochs=2, activation=name, seed=seed)
        train(job(folder / f"{name}-seed{seed}-{made.hash[:8]}", made))
    write_experiment(folder, "epochs: 2\n", ())
    (folder / COMPARISON).write_text("old")


def check_study(folder: Path, deed: Deed) -> None:
    """The runs are as they were, each file is the old one or the new one, and nothing else is left."""
    assert all(Run(path.parent).damaged() == [] for path in folder.glob("*/run.json"))
    for name in ("comparison.csv", "report.html", "val_accuracy.png"):
        text = (folder / name).read_text() if (folder / name).exists() else "old"
        assert text == "old" or len(text) > 100, f"{name}: {text[:50]}"
    deed.do(folder)
    assert deed is not DEEDS["a comparison"] or (folder / COMPARISON).read_text() != "old"
    assert left_over(folder) == []


DEEDS = {
    "a run": Deed(trained, check_run),
    "a run that goes on": Deed(trained, check_run, stopped),
    "a forced run": Deed(forced, check_run, trained),
    "a copy": Deed(copied, check_run),
    "a comparison": Deed(commanded("compare", "{0}"), check_study, study),
    "a report": Deed(commanded("report", "{0}", "-o", "{0}/report.html"), check_study, study),
}


@row(2, "the Nth file operation fails, once or for good, or the process dies there", quick=60, full=10**6)
def test_any_operation_may_fail(cases: Cases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_figures(monkeypatch)
    trained(tmp_path / "source")
    ways: list[tuple[str, int, int, bool]] = []
    for name, deed in DEEDS.items():
        deed.finished = outcome(tmp_path / "source" / "run")
        folder = start(tmp_path, name)
        with Disk(folder) as counting:
            deed.do(folder)
        for error, for_good in WAYS:
            count = sum(meets(error, operation) for operation in counting.operations)
            ways += [(name, nth, error, for_good) for nth in range(1, count + 1)]
    for way in random.Random(3).sample(ways, min(cases.count, len(ways))):
        name, nth, error, for_good = way
        folder = start(tmp_path, name)
        what = f"{errno.errorcode.get(error, 'death')} {'for good' if for_good else 'once'} at operation {nth}"
        with cases.one(f"{name}, {what}"):
            fail(DEEDS[name], folder, Disk(folder, *way[1:]))


def start(tmp_path: Path, name: str) -> Path:
    """The folder of a case, as it is before."""
    before, folder = tmp_path / name, tmp_path / "case"
    if not before.exists():
        before.mkdir()
        DEEDS[name].prepare(before)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(before, folder)
    return folder


def fail(deed: Deed, folder: Path, disk: Disk) -> None:
    """Let a deed meet a fault: it ends with one message, or as ever; then see what is left."""
    died = False
    try:
        with disk:
            deed.do(folder)
    except Died:
        died = True
    except ActlabError as told:
        for part in (str(folder), os.strerror(disk.error).lower(), REMEDIES[disk.error]):
            assert part in str(told).replace("\n", ""), f"{disk.failed}: {told}"
        assert disk.for_good or left_over(folder, (".owner.json",)) == [], disk.failed
    else:
        assert disk.for_good or left_over(folder) == [], disk.failed
    assert died == (disk.error == DEATH)
    clear_leftovers(folder, held=True)  # the process that died is this one, and lives
    try:
        deed.check(folder, deed)
    except Exception as problem:
        raise AssertionError(f"after {disk.failed}: {type(problem).__name__}: {problem}") from problem


KILLING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import pytest
from torture import injector
from torture.test_disk import trained
injector.without_tensorflow(pytest.MonkeyPatch())
folder = Path(sys.argv[2])
for nth in map(int, sys.argv[3:]):
    if not (child := os.fork()):
        (folder / str(nth)).mkdir()
        with injector.Disk(folder / str(nth), nth, injector.DEATH, die=lambda: os._exit(9)):
            trained(folder / str(nth))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
"""


@row(2, "a process really ends at the Nth file operation", quick=25, full=10**6)
def test_a_process_may_end_anywhere(cases: Cases, tmp_path: Path) -> None:
    """No handler runs, nothing is tidied up; whoever comes next does it."""
    deed = Deed(trained, check_run)
    (tmp_path / "whole").mkdir()
    with Disk(tmp_path / "whole") as counting:
        trained(tmp_path / "whole")
    deed.finished = outcome(tmp_path / "whole" / "run")
    every = range(1, len(counting.operations) + 1)
    chosen = sorted(random.Random(3).sample(every, min(cases.count, len(every))))
    program = [sys.executable, "-c", KILLING, str(Path(__file__).parents[1]), str(tmp_path), *map(str, chosen)]
    subprocess.run(program, check=True)
    for nth in chosen:
        with cases.one(counting.operations[nth - 1]):
            check_run(tmp_path / str(nth), deed)


# --- a disk that fills up --------------------------------------------------------------------------------------

LONG = config(epochs=12, model={"name": "mnist_dense", "hidden": [16]})


@contextlib.contextmanager
def disk_of(folder: Path, size: str) -> Iterator[Callable[[], None]]:
    """A file system of a size, in `folder`; gives what makes room on it.

    Args:
        folder: where.
        size: options of tmpfs; where none may be mounted, the largest file that may be written is a twentieth of it.
    """
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode == 0:
        room = ["mount", "-o", "remount,size=10m,nr_inodes=1000", str(folder)]
        try:
            yield lambda: bool(subprocess.run(room, check=True))
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int("".join(filter(str.isdigit, size))) * 50, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


SIZES = [f"size={size}k" for size in range(4, 84, 4)] + [f"nr_inodes={count}" for count in range(3, 20)]


@row(3, "a disk fills up: the checkpoint loads, the error names the disk, the run goes on", quick=12, full=len(SIZES))
def test_a_disk_may_fill_up(cases: Cases, tmp_path: Path) -> None:
    train(job(tmp_path / "whole" / "run", LONG), finish=finish)
    deed = Deed(trained, check_run, finished=outcome(tmp_path / "whole" / "run"))
    full = 0
    for size in random.Random(1).sample(SIZES, cases.count):
        folder = tmp_path / size
        with cases.one(size), disk_of(folder, size) as make_room:
            complete: list[int] = []

            def note(path: Path = folder / "run", complete: list[int] = complete) -> bool:
                """Asked right before a checkpoint is written."""
                found = read_checkpoint(path)
                complete.append(-1 if found is None else position_of(found)["step"])
                return False

            try:
                train(job(folder / "run", LONG), note, finish)
            except RunDirError as told:
                full += 1
                place, _, reason = str(told).partition(": ")
                assert place.startswith(f"{folder}/"), told
                assert reason.endswith(("disk, then repeat the command", "(ulimit -f), then repeat the command")), told
                found = read_checkpoint(folder / "run")
                assert (position_of(found)["step"] if found else -1) >= max(complete, default=-1)
            make_room()
            train(job(folder / "run", LONG), finish=finish)
            check_run(folder, deed)
    cases.hold(full > cases.count / 3, f"only {full} were full")


def position_of(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(arrays["position"].tobytes())
    return found


def test_a_full_disk_is_said_by_the_operating_system_as_expected(tmp_path: Path) -> None:
    """What the injector raises is what a full file system does."""
    with disk_of(tmp_path / "disk", "size=4k") as make_room:
        with pytest.raises(RunDirError, match=r"big: cannot be written: (no space left on device|file too large); "):
            write_bytes(tmp_path / "disk" / "big", bytes(2**20))
        assert list((tmp_path / "disk").iterdir()) == []
        make_room()
        write_bytes(tmp_path / "disk" / "big", bytes(2**20))


# --- a disk that may only be read ------------------------------------------------------------------------------

LOOKING = """
import os, sys
from pathlib import Path
from actlab.runs.folder import is_locked, lock
from actlab.runs.record import Run, discover, state_of
from actlab.errors import RunDirError
path = Path(sys.argv[1])
os.seteuid(int(sys.argv[2]))
print(is_locked(path), state_of(path), Run(path).status if (path / "run.json").exists() else "no record")
try:
    with lock(path):
        print("locked")
except RunDirError as error:
    print(error)
"""


def looked_at(path: Path, user: int | None = None) -> list[str]:
    """What another process, perhaps of another user, sees of a run directory, and how it gets its lock."""
    root = Path(__file__).parents[2]
    program = [sys.executable, "-c", LOOKING, str(path), str(os.geteuid() if user is None else user)]
    done = subprocess.run(
        program, cwd=root, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that other users may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs the superuser, who may mount and be another user")


@as_root
@pytest.mark.parametrize("locked_before", [True, False])
def test_what_is_done_stays_done_where_nothing_may_be_written(tmp_path: Path, locked_before: bool) -> None:
    with disk_of(tmp_path / "disk", "size=1m"):
        path = tmp_path / "disk" / "run"
        trained(path.parent)
        if not locked_before:  # a folder of an archive, or from another machine
            (path / ".lock").unlink()
        remount = subprocess.run(["mount", "-o", "remount,ro", str(path.parent)], capture_output=True)
        if remount.returncode:
            pytest.skip("nothing may be mounted here")
        seen, refused = looked_at(path)
        assert seen == "False done done"
        wrong = "cannot be written: read-only file system; choose another folder"
        assert refused == f"{path / '.lock'}: {wrong}"
        runs, passed_over = discover([path.parent])
        assert ([run.status for run in runs], passed_over) == (["done"], [])
        tidy(path, done=True)
        with pytest.raises(RunDirError, match=wrong):
            forget(path)


@as_root
def test_a_run_that_was_cut_is_interrupted_where_nothing_may_be_written(tmp_path: Path) -> None:
    with disk_of(tmp_path / "disk", "size=1m"):
        path = tmp_path / "disk" / "run"
        stopped(path.parent)
        subprocess.run(["mount", "-o", "remount,ro", str(path.parent)], check=True)
        assert looked_at(path)[0] == "False interrupted interrupted"


@as_root
def test_the_lock_of_another_user_is_seen_and_not_taken(open_to_all: Path) -> None:
    path, nobody = open_to_all / "run", 65534
    stopped(path.parent)
    with lock(path):
        seen, refused = looked_at(path, nobody)
        assert seen == "True running running"
        assert refused == f"{path / '.lock'}: cannot be written: permission denied; " + REMEDIES[errno.EACCES]
    assert looked_at(path, nobody)[0] == "False interrupted interrupted"
    trained(path.parent)
    with lock(path):
        assert looked_at(path, nobody)[0] == "True done done"  # the record comes first
    (path / ".lock").chmod(0)
    assert looked_at(path, nobody)[0] == "False done done"
    shutil.rmtree(path)
    make_folder(path)
    with lock(path):
        assert looked_at(path, nobody)[0] == "True running no record"
    assert looked_at(path, nobody)[0] == "False pending no record"


@as_root
def test_a_folder_of_somebody_else_is_named_and_the_others_are_read(open_to_all: Path) -> None:
    study(open_to_all)
    closed = sorted(open_to_all.glob("relu-*"))[0]
    closed.chmod(0o700)
    (open_to_all / "pages").mkdir()
    (open_to_all / "pages").chmod(0o777)
    page = str(open_to_all / "pages" / "report.md")
    for name, *more in (("list",), ("compare", "--json"), ("status",), ("report", "-o", page)):
        told = ""
        for user in (0, 65534):  # first what it imports
            os.seteuid(user)
            try:
                told = command(name, str(open_to_all), *more)
            except ActlabError as error:
                told = str(error)
            finally:
                os.seteuid(0)
        told += (open_to_all / "pages" / "report.md").read_text() if name == "report" else ""
        assert f"{closed}" in told.replace("\n", ""), f"{name}: {told}"


# --- what writers that died have left ---------------------------------------------------------------------------


def test_only_what_dead_writers_of_this_machine_left_is_cleared(tmp_path: Path) -> None:
    host, dead = socket.gethostname(), 2**22 + 1  # no process has so high a number
    mine = f".a.{host}-{os.getpid()}.tmp"
    kept = [mine, f".a.{host}-1.tmp", f".a.other-{dead}.tmp", f".a.{host}-x.tmp", ".a.tmp", "a.tmp",
            f"a.{host}-{dead}.tmp"]  # fmt: skip
    gone = [f".a.{host}-{dead}.tmp", f".b.c.{host}-{dead}.tmp", f".d.{host}-{10**30}.tmp"]
    for name in (*kept, *gone[1:]):
        (tmp_path / name).write_text("")
    (tmp_path / gone[0] / "within").mkdir(parents=True)  # a copy
    make_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    with lock(tmp_path):
        left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted([".lock", ".owner.json", "a.tmp", f"a.{host}-{dead}.tmp"])


@pytest.mark.parametrize("status", ["done", "diverged", "failed"])
def test_a_run_that_has_ended_is_tidied_and_loses_nothing(tmp_path: Path, status: str) -> None:
    path = tmp_path / "run"
    (stopped if status == "failed" else trained)(tmp_path)
    write_json(path / "run.json", {**read_json(path / "run.json"), "status": status})
    before = sorted(file.name for file in path.iterdir())
    if status != "failed":
        (path / "checkpoint").mkdir()
        (path / "checkpoint" / "state.npz").write_text("")
        (path / ".weight_film.frames").write_text("")
    for name in (".owner.json", "progress.json", ".run.json.5.tmp", f".loss.png.{socket.gethostname()}-5.tmp"):
        (path / name).write_text("")
    with lock(path):
        tidy(path, done=status != "failed")  # somebody writes it: nothing is touched
        assert (path / "progress.json").exists()
    for name in (".owner.json", ".run.json.5.tmp"):
        (path / name).write_text("")
    tidy(path, done=status != "failed")
    assert sorted(file.name for file in path.iterdir()) == [name for name in before if name != "progress.json"]
    assert status != "failed" or read_checkpoint(path)


def test_a_record_or_checkpoint_that_is_refused_is_not_trained_over(tmp_path: Path) -> None:
    """A disk that fails for a moment is no reason to begin a finished run, or a long one, again."""
    trained(tmp_path)
    whole = outcome(tmp_path / "run")
    for name, begun in (("run.json", trained), ("state.npz", stopped)):
        shutil.rmtree(tmp_path / "run")
        begun(tmp_path)
        with Disk(tmp_path) as counting:
            trained(tmp_path)
        shutil.rmtree(tmp_path / "run")
        begun(tmp_path)
        before = read_checkpoint(tmp_path / "run")
        nth = next(
            i for i, what in enumerate(counting.operations, 1) if what.startswith("open to read") and name in what
        )
        with Disk(tmp_path, nth, errno.EIO), pytest.raises(RunDirError, match=f"{name}: cannot be read: input/output"):
            trained(tmp_path)
        after = read_checkpoint(tmp_path / "run")
        assert (before is None) == (after is None)
        assert before is None or position_of(before) == position_of(after or {})
        trained(tmp_path)
        assert outcome(tmp_path / "run") == whole
