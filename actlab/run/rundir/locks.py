"""One writer of a run directory at a time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from actlab.errors import RunDirError, RunLocked
from actlab.run.rundir.names import LOCK, OWNER, RECORD
from actlab.run.rundir.paths import told
from actlab.run.rundir.reading import read_json
from actlab.run.rundir.writing import clear_working_files, write_bytes

LOCK_SECONDS = 0.3  # to wait for a lock: another process looks for a moment whether it is held


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a run directory for writing. The operating system lets go of it when the owner dies.

    Raises:
        RunLocked: another process holds it; the message names its host and process.
        RunDirError: the directory cannot be written.
    """
    handle = filelock.FileLock(path / LOCK, timeout=LOCK_SECONDS)
    with told(path / LOCK, "written"):
        try:
            handle.acquire(poll_interval=0.02)
        except filelock.Timeout:
            raise RunLocked(f"{path}: is being written by {_owner(path)}") from None
    try:
        write_bytes(path / OWNER, json.dumps(_this_process()).encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            (path / OWNER).unlink()
        handle.release()


def forget(path: Path) -> None:
    """Let a run begin again: it is no longer done, and its checkpoint is gone. Its other files stay until replaced.

    Raises:
        RunLocked: another process writes it.
    """
    with lock(path):
        if (path / RECORD).exists():
            (path / RECORD).unlink()
        clear_working_files(path)


def is_locked(path: Path) -> bool:
    """Whether a living process writes this run directory."""
    if not (path / LOCK).exists():
        return False
    handle = filelock.FileLock(path / LOCK, timeout=0)
    try:
        handle.acquire()
    except (filelock.Timeout, OSError):
        return True
    handle.release()
    return False


def _this_process() -> dict[str, Any]:
    """Host, process and the moment at which it began, by which a later process with the same number is another one."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "start_ticks_after_boot": _start_ticks(pid)}


def _start_ticks(pid: int) -> int | None:
    """Clock ticks from the machine's start to the process's; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[19])  # field 22; the second is the program's name, in which anything may stand
    except (OSError, ValueError, IndexError):
        return None


def _owner(path: Path) -> str:
    try:
        owner = read_json(path / OWNER)
    except RunDirError:
        return "another process"
    return f"process {owner.get('pid')} on {owner.get('host')}"
