"""What an experiment claimed, and when: claims.jsonl beside its runs, to which lines are added and never changed.

A line is a version of the claims, which runs the file asks for since then, or the beginning of a run:

    {"time": "2026-11-27T21:10:03Z", "claims": [...], "begun": ["1a2b3c4d", ...], "previous": "...", "sha256": "..."}
    {"time": "2026-11-27T21:10:03Z", "asked": ["1a2b3c4d", ...], "previous": "...", "sha256": "..."}
    {"time": "2026-11-27T21:10:09Z", "began": "1a2b3c4d...", "label": "relu-seed0", "previous": "...", "sha256": "..."}

`begun` and `asked` are the first digits of hashes: of the runs that had a record by then, in the folder or in another
experiment beside it, and of those that the file asks for. `sha256` is of all else in the line, `previous` that of the
line before: so each line vouches for all before it, and run.json, which keeps that of its run's beginning as
`claims_sha256`, for all that was claimed then.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from actlab.errors import RunDirError
from actlab.runs.folder import CLAIMS, inside, naming

DIGITS = 8  # of a run's hash, as in the names of folders
KINDS = {
    **dict.fromkeys(("time", "began", "label", "previous", "sha256"), str),
    **dict.fromkeys(("claims", "begun", "asked"), list),
}


@dataclass(frozen=True)
class Version:
    """The claims of a config file from one `actlab run` on.

    Args:
        time: in UTC, as in 2026-11-27T21:10:03Z.
        claims: as the file states them, plain data.
        seen: first digits of the hashes of all runs that had begun by then.
    """

    time: str
    claims: Sequence[Mapping[str, Any]]
    seen: frozenset[str]


@dataclass(frozen=True)
class Register:
    """What claims.jsonl says.

    Args:
        path: of the file, which need not be there.
        versions: of the claims, the oldest first.
        began: hash of a run to the sha256 of the line that says that it began.
        labels: hash of a run to what it was called; lines of an older actlab do not say it.
        asked: the first digits of the hashes of all runs that the file asked for, and of those that had begun by then;
            each time that this changed, the oldest first. Registers of an older actlab have none.
        problems: what is wrong with the file, a sentence each.
    """

    path: Path
    versions: Sequence[Version]
    began: Mapping[str, str]
    labels: Mapping[str, str]
    asked: Sequence[tuple[frozenset[str], frozenset[str]]]
    problems: Sequence[str]

    @property
    def seen(self) -> frozenset[str]:
        """First digits of the hashes of all runs that began, as far as the file tells."""
        before = self.versions[-1].seen if self.versions else frozenset()
        return before | {digest[:DIGITS] for digest in self.began}


def read(folder: Path) -> Register:
    """The register of an experiment; one without lines where there is no file."""
    path = folder / CLAIMS
    try:
        with naming(path, "read"):
            return _parsed(path, path.read_bytes())
    except RunDirError as error:
        absent = isinstance(error.__cause__, FileNotFoundError) and not path.is_symlink()
        return Register(path, [], {}, {}, [], [] if absent else [str(error)])


@functools.lru_cache(maxsize=1)  # a command asks several times, and a line of each of very many runs takes long
def _parsed(path: Path, data: bytes) -> Register:
    versions, began, labels = list[Version](), dict[str, str](), dict[str, str]()
    problems, last, seen = list[str](), "", set[str]()
    asked = list[tuple[frozenset[str], frozenset[str]]]()
    for number, text in enumerate(data.splitlines(), start=1):
        if (line := _line(text)) is None:
            problems.append(f"{path}:{number}: was changed, or cut short")
            continue
        if line["previous"] != last:
            problems.append(f"{path}:{number}: a line before it is gone, or was changed")
        last = line["sha256"]
        if "began" in line:
            began.setdefault(line["began"], last)
            if "label" in line:
                labels.setdefault(line["began"], line["label"])
            seen.add(line["began"][:DIGITS])
        elif "asked" in line:
            asked.append((frozenset(map(str, line["asked"])), frozenset(seen)))
        elif "claims" in line:
            seen |= set(map(str, line.get("begun", [])))
            versions.append(Version(line["time"], line["claims"], frozenset(seen)))
    return Register(path, versions, began, labels, asked, problems)


def _line(text: bytes) -> dict[str, Any] | None:
    """A line of the file; None where it is not as it was written."""
    try:
        line: dict[str, Any] = json.loads(text)
        whole = all(isinstance(line[key], KINDS[key]) for key in line) and {"time", "previous"} <= line.keys()
        return line if whole and _sha256(line) == line["sha256"] else None
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None


def _sha256(line: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in line.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def register_claims(folder: Path, claims: Sequence[Mapping[str, Any]], begun: Iterable[str]) -> None:
    """Keep a version of the claims, unless it is the one that is kept last.

    Raises:
        RunDirError: the file cannot be written.
    """
    stated = json.loads(json.dumps(claims))  # tuples as the lists that they are when they are read again
    facts = {"claims": stated, "begun": sorted(begun)}
    _add(folder, lambda register: None if is_last(register, stated) else facts)


def is_last(register: Register, claims: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these are the claims as they were registered last."""
    return bool(register.versions) and register.versions[-1].claims == claims


def register_plan(folder: Path, hashes: Iterable[str]) -> None:
    """Keep which runs the file asks for, unless it asked for the same ones last.

    Raises:
        RunDirError: the file cannot be written.
    """
    asked = frozenset(digest[:DIGITS] for digest in hashes)
    facts = {"asked": sorted(asked)}
    _add(folder, lambda register: None if register.asked and register.asked[-1][0] == asked else facts)


def _add(folder: Path, facts_now: Callable[[Register], Mapping[str, Any] | None]) -> None:
    """Add a line that says what `facts_now` gives for the register as it is by now; None adds nothing."""
    if facts_now(read(folder)):  # where nothing is to be written, the folder may be read-only
        with _held(folder) as file:
            data = file.read()
            if facts := facts_now(_parsed(folder / CLAIMS, data)):
                _append(file, data, facts)


def register_run(folder: Path, digest: str, label: str) -> str | None:
    """Keep that a run begins, if it has not begun before.

    Of the other lines only the last is parsed: they are as many as runs, and this is called by each run.

    Returns:
        sha256 of the line that says so; None where the folder has no register: it is no experiment's.

    Raises:
        RunDirError: the file cannot be written.
    """
    if not (folder / CLAIMS).exists():
        return None
    with _held(folder) as file:
        data = file.read()
        if (mine := digest.encode()) in data:
            for line in (_line(text) for text in data.splitlines() if mine in text):
                if line and line.get("began") == digest:
                    return str(line["sha256"])
        return _append(file, data, {"began": digest, "label": label})


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[FileIO]:
    """The file from its beginning, for one process at a time."""
    path = inside(folder, CLAIMS)
    with naming(path, "written"), path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


def _append(file: FileIO, data: bytes, facts: Mapping[str, Any]) -> str:
    """Add a line, whole or not at all, to a file that holds `data`; returns its sha256."""
    end, last = len(data), None
    while end and last is None:  # the last line that is whole
        start = data.rfind(b"\n", 0, end - 1) + 1
        end, last = start, _line(data[start:end])
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **facts}
    line["previous"] = last["sha256"] if last else ""
    line["sha256"] = _sha256(line)
    written = b"\n" * bool(data and not data.endswith(b"\n")) + json.dumps(line).encode() + b"\n"
    try:
        if file.write(written) < len(written):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    except OSError:
        file.truncate(len(data))
        raise
    return str(line["sha256"])
