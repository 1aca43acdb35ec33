"""Places on the disk: nothing outside the output folder, and errors that say which file they are about."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from actlab.errors import RunDirError


@contextlib.contextmanager
def told(path: Path, deed: str) -> Iterator[None]:
    """Say of which file the operating system speaks."""
    try:
        yield
    except OSError as error:
        raise RunDirError(f"{path}: cannot be {deed}: {(error.strerror or str(error)).lower()}") from error


def inside(folder: Path, name: str) -> Path:
    """The path of a name in a folder.

    Raises:
        RunDirError: it would lie outside, through a link for example.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path.is_symlink():
        raise RunDirError(f"{path}: leads outside the output folder {folder.resolve()}; remove the link")
    return path


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        RunDirError: it cannot be made.
    """
    with told(path, "made"):
        path.mkdir(parents=True, exist_ok=True)
