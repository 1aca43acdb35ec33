"""Reading a config file; where there is none, the names that may be meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actlab.errors import ConfigError, Problem
from actlab.registry import nearest

CONFIGS = Path("configs")
MOST_NAMES = 12


def read_file(path: Path) -> bytes:
    """The bytes of a config file.

    Raises:
        ConfigError: it cannot be read; with the files that may be meant.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        hint = _in_folder(path) if path.is_dir() else _beside(path)
        raise ConfigError([Problem(str(path), 0, 0, f"cannot be read: {why}{hint}")]) from None


def _in_folder(path: Path) -> str:
    files = _config_files(path)
    return f"; name a file of it: {_few(list(map(str, files)))}" if files else "; it holds no config file"


def _beside(path: Path) -> str:
    """The file that is most like it, there or in `configs`; and all that are there, the nearest first."""
    here = {file.stem: file for file in _config_files(path.parent)}
    elsewhere = _config_files(CONFIGS) if path.parent == Path() else []
    known = {file.stem: file for file in elsewhere} | here
    close = nearest(path.stem, list(known))
    meant = f"; did you mean {str(known[close[0]])!r}?" if close else ""
    ordered = [here[name].name for name in [*(name for name in close if name in here), *here]]
    there = f"; in {path.parent}: {_few(list(dict.fromkeys(ordered)))}" if here else ""
    return meant + there.replace("; ", " ", 1) if meant else there


def _config_files(folder: Path) -> list[Path]:
    """The config files of a folder; that of an experiment is one."""
    return sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and path.is_file())


def _few(names: Sequence[str]) -> str:
    left = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f", ... and {left} more" if left > 0 else "")
