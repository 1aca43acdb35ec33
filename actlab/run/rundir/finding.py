"""Finding runs and experiments in folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actlab.errors import RunDirError
from actlab.run.rundir.locks import is_locked
from actlab.run.rundir.names import EXPERIMENT, RECORD
from actlab.run.rundir.run import Run


def by_hash(folder: Path, pattern: str = "*") -> dict[str, list[Path]]:
    """The first eight digits of a config's hash to the directories in a folder that hold its run, whatever the label.

    Args:
        folder: of an experiment; one that does not exist holds nothing.
        pattern: "*" for its runs; "*/*" where the folder holds experiments.
    """
    found: dict[str, list[Path]] = {}
    for record in sorted(folder.glob(f"{pattern}/{RECORD}")):
        found.setdefault(record.parent.name[-8:], []).append(record.parent)
    return found


def is_done(path: Path) -> bool:
    """Whether the record of a run says so."""
    try:
        return Run(path).status == "done"
    except RunDirError:
        return False


def discover(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """The runs in run directories, experiment directories and their parents; and what was passed over, with why."""
    runs: dict[Path, Run] = {}
    passed_over: list[str] = []
    for path in paths:
        records = _records(path)
        waiting = _without_record(path)
        passed_over += waiting
        if not records and not waiting:
            passed_over.append(f"{path}: {'neither a run nor an experiment' if path.exists() else 'does not exist'}")
        for record in records:
            try:
                runs.setdefault(record.parent.resolve(), Run(record.parent))
            except RunDirError as error:
                passed_over.append(str(error))
    return list(runs.values()), passed_over


def experiments(paths: Sequence[Path]) -> list[Path]:
    """The experiment directories among the paths and in them."""
    found = [p for path in paths for p in ([path] if (path / EXPERIMENT).is_file() else _children(path, EXPERIMENT))]
    return list(dict.fromkeys(found))


def _children(path: Path, name: str) -> list[Path]:
    return sorted(file.parent for file in path.glob(f"*/{name}"))


def run_folders(experiment: Path) -> list[Path]:
    """The directories of an experiment's runs, begun or not."""
    return sorted(path for path in experiment.iterdir() if path.is_dir() and path.name[0] != ".")


def state(path: Path) -> str:
    """The status of a run's directory; "pending" where its training has not begun, "damaged" where its record is."""
    if is_locked(path):
        return "running"
    if not (path / RECORD).exists():
        return "pending"
    try:
        return Run(path).status
    except RunDirError:
        return "damaged"


def _without_record(path: Path) -> list[str]:
    """A sentence for each experiment that has folders of runs without a record."""
    experiments = [path / EXPERIMENT] if (path / EXPERIMENT).is_file() else sorted(path.glob(f"*/{EXPERIMENT}"))
    sentences = []
    for folder in (experiment.parent for experiment in experiments):
        count = sum(p.is_dir() and p.name[0] != "." and not (p / RECORD).is_file() for p in folder.iterdir())
        if count:
            words = "1 folder holds" if count == 1 else f"{count} folders hold"
            sentences.append(f"{folder}: {words} no {RECORD}: not begun, or ended before the first record")
    return sentences


def _records(path: Path) -> list[Path]:
    if (path / RECORD).is_file():
        return [path / RECORD]
    return sorted(path.glob(f"*/{RECORD}")) or sorted(path.glob(f"*/*/{RECORD}"))
