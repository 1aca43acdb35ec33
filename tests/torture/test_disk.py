"""Rows 2 and 3 of the matrix: a disk that fails at any operation, and one that fills up."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

from actlab import cli
from actlab.errors import ActlabError, RunDirError
from actlab.run.folder import (
    COMPARISON,
    REMEDIES,
    clear_leftovers,
    copy_run,
    forget,
    make_folder,
    read_checkpoint,
    tidy,
    write_bytes,
    write_experiment,
)  # fmt: skip
from actlab.run.record import Run, discover, state_of
from actlab.run.training import Stopped, train
from actlab.show.figures import comparison as figures
from actlab.show.page import report
from torture.injector import DEATH, WAYS, Died, Disk, config, finish, job, meets, without_tensorflow
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


def command(*arguments: str) -> Callable[[Path], None]:
    """The command line, in this process; what it refuses is raised."""

    def run(folder: Path) -> None:
        told = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            patch.setattr(sys, "argv", ["actlab", *(text.format(folder) for text in arguments)])
            try:
                cli.main()
            except SystemExit as end:
                if end.code == 2:
                    raise ActlabError(told.getvalue()) from None
                assert end.code in (0, None)

    return run


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
    "a comparison": Deed(command("compare", "{0}"), check_study, study),
    "a report": Deed(command("report", "{0}", "-o", "{0}/report.html"), check_study, study),
}


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures that need no time."""
    monkeypatch.setattr(figures, "comparison_figures", lambda *_, **__: {"val_accuracy": None, "val_loss": None})
    monkeypatch.setattr(figures, "png", lambda figure: bytes(200))
    monkeypatch.setattr(report.Drawer, "figures", lambda self: {"first": None, "groups": []})


@row(2, "the Nth file operation fails, once or for good, or the process dies there", quick=60, full=10**6)
def test_any_operation_may_fail(cases: Cases, tmp_path: Path, plain_figures: None) -> None:
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
