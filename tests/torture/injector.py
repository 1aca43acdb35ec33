"""A disk that fails, and a training on no data without TensorFlow: what rows about failing disks are tried with.

    with Disk(folder, fail_at=7, error=errno.ENOSPC) as disk:
        ...

The 7th operation of Python on the folder fails: an open, read, write, flush, rename, removal, mkdir, truncation, look
at a file or at a folder. Or the process dies there (`error=DEATH`): nothing that comes after has an effect, no handler
tidies up, and what Python has buffered is lost. `disk.operations` says what there was.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from actlab import cli
from actlab.errors import ActlabError
from actlab.parts.datasets import Prepared
from actlab.runs import training
from actlab.runs.folder import make_folder, write_bytes
from actlab.runs.job import Job
from actlab.show.figures import comparison as figures
from actlab.show.page import report
from actlab.spec.config import RunConfig, resolve
from torture import trainer

DEATH = 0
FULL = (errno.ENOSPC, errno.EDQUOT)  # what only that meets which needs room
READ_ONLY = (*FULL, errno.EROFS)
READING = ("open to read", "read", "stat", "lstat", "scandir", "listdir")
NEEDS_ROOM = ("open to write", "write", "fsync", "replace", "rename", "mkdir")
KINDS = (*READING, *NEEDS_ROOM, "unlink", "rmdir", "truncate")

# every way to fail: the error, and whether it stays
WAYS = [(DEATH, False)] + [
    (error, for_good)
    for error in (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EROFS)
    for for_good in (False, True)
]


class Died(BaseException):
    """The process is no more: no handler for exceptions is meant to see this."""


class Disk:
    """Fails at the Nth operation on a folder, and at all later ones if it fails for good.

    Args:
        folder: what lies outside is let alone.
        fail_at: the number of the operation, from 1; 0 for none.
        error: of the operating system, or DEATH. An operation that it cannot meet (a full disk is read as ever) is let
            through; the next one that it can meet fails instead.
        for_good: whether the disk stays so.
        die: what ends the process at DEATH; `os._exit` in one that may be lost.
    """

    def __init__(
        self, folder: Path, fail_at: int = 0, error: int = DEATH, for_good: bool = False,
        die: Callable[[], Any] | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.fail_at, self.error, self.for_good = folder.resolve(), fail_at, error, for_good
        self.operations: list[str] = []
        self.failed, self.dead, self.die = "", False, die

    def __enter__(self) -> Disk:
        self._patch = pytest.MonkeyPatch()
        for name in (
            "stat",
            "lstat",
            "scandir",
            "listdir",
            "mkdir",
            "rmdir",
            "unlink",
            "replace",
            "rename",
            "truncate",
        ):
            self._patch.setattr(os, name, self._counted(name, getattr(os, name)))
        self._patch.setattr(os, "fsync", self._counted("fsync", lambda handle: None))  # counted, not waited for
        self._patch.setattr(os, "open", self._counted("open", os.open))
        self._patch.setattr(io, "open", self._opened(io.open))
        self._patch.setattr(builtins, "open", io.open)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(path: Any = ".", *arguments: Any, **options: Any) -> Any:
            handle = options.get("dir_fd", options.get("src_dir_fd"))
            self.meet(self._kind(name, arguments), path, handle)
            return real(path, *arguments, **options)

        return operation

    @staticmethod
    def _kind(name: str, arguments: tuple[Any, ...]) -> str:
        if name != "open":
            return name
        writes = arguments[0] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if arguments else 0
        return "open to write" if writes else "open to read"

    def _opened(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **options: Any) -> Any:
            if isinstance(file, int) or not self._inside(file):
                return real(file, mode, buffering, *arguments, **options)
            self.meet("open to write" if set(mode) & set("wxa+") else "open to read", file)
            raw = _File(file, mode.replace("b", "").replace("t", ""))
            raw.disk = self
            kind = io.BufferedRandom if "+" in mode else io.BufferedReader if "r" in mode else io.BufferedWriter
            if not buffering:
                return raw
            return kind(raw) if "b" in mode else io.TextIOWrapper(kind(raw), *arguments, **options)

        return opened

    def _inside(self, path: Any, handle: int | None = None) -> bool:
        """Whether a path, or what a file descriptor is of, lies in the folder; pathlib would ask the patched disk."""
        if isinstance(path, int):
            handle, path = path, ""
        if handle is not None:
            path = f"{os.readlink(f'/proc/self/fd/{handle}')}/{os.fspath(path)}"  # noqa: PTH115
        absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        return f"{absolute}/".startswith(f"{self.folder}/")

    def meet(self, kind: str, path: Any, handle: int | None = None) -> None:
        """Count an operation, and fail if it is time."""
        if not self._inside(path, handle):
            return
        if self.dead:
            raise Died
        if not meets(self.error, kind):
            return
        self.operations.append(f"{kind} {path}")
        count = len(self.operations)
        if count == self.fail_at or (self.for_good and count > self.fail_at > 0):
            self.failed = self.failed or self.operations[-1]
            if self.error == DEATH:
                self.dead = True
                if self.die:
                    self.die()
                raise Died
            raise OSError(self.error, os.strerror(self.error), path if isinstance(path, str) else str(path))


def meets(error: int, operation: str) -> bool:
    """Whether an error can come of an operation: a full disk is read as ever."""
    kind = next(kind for kind in KINDS if operation.startswith(kind))
    return (error not in READ_ONLY or kind not in READING) and (error not in FULL or kind in NEEDS_ROOM)


class _File(io.FileIO):
    """A file whose reads and writes are operations on the disk too."""

    disk: Disk

    def write(self, data: Any) -> int:
        self.disk.meet("write", self.name)
        return super().write(data)

    def readall(self) -> bytes:
        self.disk.meet("read", self.name)
        return super().readall()

    def readinto(self, buffer: Any) -> int:
        self.disk.meet("read", self.name)
        return super().readinto(buffer)

    def truncate(self, size: int | None = None) -> int:
        self.disk.meet("truncate", self.name)
        return super().truncate(size)


# --- a training without TensorFlow -----------------------------------------------------------------------------

CONFIG: dict[str, Any] = {
    "dataset": "synth_mnist", "model": "mnist_dense", "activation": "relu", "batch_size": 10, "epochs": 3,
    "optimizer": "sgd", "weight_film": {"every": 1}, "probes": ["weight_norms"],
}  # fmt: skip


def config(**changes: Any) -> RunConfig:
    made, problems = resolve({**CONFIG, **changes})
    assert made is not None, problems
    return made


def job(path: Path, made: RunConfig, checkpoint_seconds: float = 0.0) -> Job:
    """A job for `train` whose training is that of `without_tensorflow`; a checkpoint is due at every pause."""
    make_folder(path)
    data = Prepared("synth_mnist", Path(), "0" * 64, (4,), 2, 40, 5, origin="", checked="")
    return Job(made, "label", path, data, "cpu", 1, checkpoint_seconds)


def finish(path: Path) -> None:
    """Draws nothing, but writes what figures would be."""
    write_bytes(path / "accuracy.png", b"drawn")
    write_bytes(path / "loss.png", b"drawn")


def without_tensorflow(patch: pytest.MonkeyPatch) -> None:
    """Let `train` train the network of `torture.trainer` on no data; all that it writes and reads is its own."""
    images = SimpleNamespace(x_train=None, y_train=None, x_test=np.zeros(5), y_test=None)
    parts = SimpleNamespace(train=np.arange(40), validation=np.arange(5), on_test=False)
    of_data = {"load": lambda dataset: images, "split": lambda *_: parts}
    for name, replacement in {**trainer.replacements(), **of_data}.items():
        patch.setattr(training, name, replacement)
    patch.setitem(sys.modules, trainer.LAYER, trainer.layer())


# --- the command line without processes ------------------------------------------------------------------------


def command(*arguments: str) -> str:
    """What the command line prints, in this process.

    Raises:
        ActlabError: it ended with exit code 2; all that it printed.
    """
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        patch.setattr(sys, "argv", ["actlab", *arguments])
        patch.setenv("COLUMNS", "400")  # wide enough for any path
        try:
            cli.main()
        except SystemExit as end:
            if end.code == 2:
                raise ActlabError(told.getvalue()) from None
            assert end.code in (0, 1, None), f"exit code {end.code}"
    return told.getvalue()


def without_figures(patch: pytest.MonkeyPatch) -> None:
    """Figures of comparisons and reports that take no time."""
    patch.setattr(figures, "comparison_figures", lambda *_, **__: {"val_accuracy": None, "val_loss": None})
    patch.setattr(figures, "png", lambda figure: bytes(200))
    patch.setattr(report.Drawer, "figures", lambda self: {"first": None, "groups": []})
