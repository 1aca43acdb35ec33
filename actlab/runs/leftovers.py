"""What could be freed on this disk: never a file of a record, nor what a run needs that trains or can go on."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from actlab.errors import RunDirError
from actlab.parts.datasets import store
from actlab.parts.datasets.fetch import LEFT_SECONDS, keras_folder
from actlab.runs.folder import CHECKPOINT, SCRATCH, is_locked, leftovers, remove, spare, tidy
from actlab.runs.record import ENDED, Run, experiments, run_folders

FINISHED, DEAD, DATASET = "its run has ended", "its writer died", "is made again"


@dataclass(frozen=True)
class Leftover:
    """A file or folder that could be freed.

    Args:
        path: where it lies.
        kind: why it is not needed: FINISHED, DEAD or DATASET.
        bytes: what it takes.
        free: removes it, unless somebody has begun to use it since.
    """

    path: Path
    kind: str
    bytes: int
    free: Callable[[], None]


def find(paths: Sequence[Path]) -> tuple[list[Leftover], str]:
    """What could be freed in experiments and their parents, in the caches and among temporary files.

    Returns:
        the leftovers; and why the datasets are left alone, empty where they are not.
    """
    found = [of for experiment in experiments(paths) for of in _of_experiment(experiment)]
    temporary = Path(tempfile.gettempdir())
    dead = leftovers(temporary, SCRATCH)
    for folder, pattern in ((keras_folder(), ".actlab-*"), (store.cache_folder(), ".*-*")):
        dead += [left for left in folder.glob(pattern) if time.time() - left.lstat().st_mtime > LEFT_SECONDS]
    found += [Leftover(path, DEAD, _size(path), partial(remove, path)) for path in dead]
    if leftovers(temporary, SCRATCH, alive=True):
        return found, "the datasets are left alone while a process of actlab trains here"
    kept = [folder for folder in sorted(store.cache_folder().glob("*-*")) if (folder / store.INDEX).is_file()]
    return [*found, *(Leftover(path, DATASET, _size(path), partial(store.discard, path)) for path in kept)], ""


def _of_experiment(experiment: Path) -> Iterator[Leftover]:
    for folder in (experiment, *run_folders(experiment)):
        if is_locked(folder):
            continue
        dead = [left for place in (folder, folder / CHECKPOINT) for left in leftovers(place)]
        try:
            status = Run(folder).status if folder != experiment else ""
            done = status in ENDED and status != "failed"  # whose training goes on where it stood
            for path in spare(folder, done) if status in ENDED else ():
                yield Leftover(path, FINISHED, _size(path), partial(tidy, folder, done))
                dead = [left for left in dead if left != path and left.parent != path]
        except (RunDirError, OSError):  # not begun, damaged, or not ours to read
            pass
        yield from (Leftover(path, DEAD, _size(path), partial(remove, path)) for path in dead)


def _size(path: Path) -> int:
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    return sum(file.lstat().st_size for file in (path, *inside) if not file.is_dir() or file.is_symlink())
