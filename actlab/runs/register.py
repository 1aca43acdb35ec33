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

import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actlab.errors import RunDirError
from actlab.runs.folder import CLAIMS, inside, naming

DIGITS = 8  # of a run's hash, as in the names of folders
KINDS = {
    "time": str,
    "claims": list,
    "begun": list,
    "asked": list,
    "began": str,
    "label": str,
    "previous": str,
    "sha256": str,
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
        last: sha256 of the last line; empty where there is none.
        problems: what is wrong with the file, a sentence each.
    """

    path: Path
    versions: Sequence[Version]
    began: Mapping[str, str]
    labels: Mapping[str, str]
    asked: Sequence[tuple[frozenset[str], frozenset[str]]]
    last: str
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
        return Register(path, [], {}, {}, [], "", [] if absent else [str(error)])


def _parsed(path: Path, data: bytes) -> Register:
    versions, began, labels = list[Version](), dict[str, str](), dict[str, str]()
    problems, last, seen = list[str](), "", set[str]()
    asked = list[tuple[frozenset[str], frozenset[str]]]()
    for number, text in enumerate(data.splitlines(), start=1):
        try:
            line = json.loads(text)
            whole = all(isinstance(line[key], KINDS[key]) for key in line) and _sha256(line) == line["sha256"]
            time, previous = line["time"], line["previous"]
        except (ValueError, TypeError, LookupError, RecursionError):
            whole = False
        if not whole:
            problems.append(f"{path}:{number}: was changed, or cut short")
            continue
        if previous != last:
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
            versions.append(Version(time, line["claims"], frozenset(seen)))
    return Register(path, versions, began, labels, asked, last, problems)


def _sha256(line: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in line.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def register_claims(folder: Path, claims: Sequence[Mapping[str, Any]], begun: Iterable[str]) -> None:
    """Keep a version of the claims, unless it is the one that is kept last.

    Raises:
        RunDirError: the file cannot be written.
    """
    stated = json.loads(json.dumps(claims))  # tuples as the lists that they are when they are read again
    if not is_last(read(folder), stated):  # where nothing is to be written, the folder may be read-only
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

    def facts(register: Register) -> Mapping[str, Any] | None:
        return None if register.asked and register.asked[-1][0] == asked else {"asked": sorted(asked)}

    if facts(read(folder)):  # as above
        _add(folder, facts)


def register_run(folder: Path, digest: str, label: str) -> str | None:
    """Keep that a run begins, if it has not begun before.

    Returns:
        sha256 of the line that says so; None where the folder has no register: it is no experiment's.

    Raises:
        RunDirError: the file cannot be written.
    """
    if not (folder / CLAIMS).exists():
        return None
    added = _add(folder, lambda register: None if digest in register.began else {"began": digest, "label": label})
    return added or read(folder).began.get(digest)


def _add(folder: Path, facts_now: Callable[[Register], Mapping[str, Any] | None]) -> str | None:
    """Add a line, whole or not at all, while no other process does.

    Args:
        folder: of the experiment.
        facts_now: what the line says, given what the file says by now; None adds nothing.

    Returns:
        sha256 of the line; None where there was nothing to add.
    """
    path = inside(folder, CLAIMS)
    with naming(path, "written"), path.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        data = file.read()
        register = _parsed(path, data)
        if (facts := facts_now(register)) is None:
            return None
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"time": moment, **facts, "previous": register.last}
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
