"""Which run or experiment a person means: a path, or a name that `actlab list` prints; a slip names the nearest."""

from __future__ import annotations

from collections.abc import Sequence
from glob import escape
from pathlib import Path

from actlab.errors import RunDirError
from actlab.registry import nearest
from actlab.run.folder import RECORD
from actlab.run.record import Run

RESULTS = Path("results")


def found(path: Path) -> Path:
    """The path itself; where there is none, the experiment or the run of that name or label in `results`.

    Raises:
        RunDirError: several have it.
    """
    if path.exists() or path.is_absolute() or ".." in path.parts:
        return path
    name = escape(str(path))
    digits = "[0-9a-f]" * 8
    patterns = (name, f"*/{name}", f"*/{name}-{digits}", f"{name}-{digits}")
    matches = sorted({match for pattern in patterns for match in RESULTS.glob(pattern) if match.is_dir()})
    if len(matches) > 1:
        raise RunDirError(f"{path}: there are several: {', '.join(map(str, matches[:6]))}; give the path of one")
    return matches[0] if matches else path


def folders(paths: Sequence[Path] | None) -> list[Path]:
    """The folders that are named; without any the folder `results`, which need not be there yet.

    Raises:
        RunDirError: one does not exist, or all are files.
    """
    if not paths:
        return [RESULTS]
    named = [found(path) for path in paths]
    kept = [path for path in named if path.is_dir()]
    wrong = [path for path in named if not path.exists()]
    if not kept:  # beside folders a file is passed over: a shell makes files, such as comparison.csv, of study/* too
        wrong = named
    if wrong:
        raise RunDirError("\n".join(map(_wrong, wrong)))
    return kept


def _wrong(path: Path) -> str:
    if path.exists():
        return f"{path}: is a file; name the folder of a run, of an experiment, or of several"
    return f"{path}: does not exist{_nearest(path)}"


def _nearest(path: Path) -> str:
    """The folder there, or in `results`, whose name is most like it."""
    places = dict.fromkeys([path.parent, RESULTS])
    known = {folder.name: folder for place in places if place.is_dir() for folder in place.iterdir() if folder.is_dir()}
    close = nearest(path.name, list(known))
    return f"; did you mean {str(known[close[0]])!r}?" if close else ""


def run_at(path: Path) -> Run:
    """The run of a directory, a name or a label.

    Raises:
        RunDirError: there is none, or its record is damaged.
    """
    path = found(path)
    if not (path / RECORD).is_file():
        raise RunDirError(f"{path}: holds no {RECORD}; `actlab list` shows where runs are")
    return Run(path)
