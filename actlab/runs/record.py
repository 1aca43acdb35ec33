"""A run as it lies on the disk, and where runs are found."""

from __future__ import annotations

import functools
import glob
import hashlib
import operator
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlab.environment import RESULTS
from actlab.errors import RunDirError, nearest
from actlab.runs import folder as disk
from actlab.runs.folder import (
    AGAIN,
    CONFUSION,
    EXPERIMENT,
    HISTORY,
    LAYERS,
    RECORD,
    TIMING,
    is_locked,
    read_numbers,
    refused,
)
from actlab.spec.labels import slug

if TYPE_CHECKING:  # pandas takes 0.3 s to import; only a comparison reads tables
    import pandas as pd

ENDED = ("done", "failed", "diverged")
TABLES = {HISTORY: "history", TIMING: "timing", LAYERS: "layers", CONFUSION: "confusion"}
STATUSES = (*ENDED, "running", "interrupted")
LOST = ("damaged", "pending")  # no record says that a run is so, but that none can be read
BY_PARTS = operator.attrgetter("parts")  # sorts as paths do, in a tenth of the time
NUMBER = int | float


class Run:
    """A read-only view of a run directory.

    `config` is the resolved one as plain data, and `hash` its sha256, the identity of the run; `plan_index` the place
    among the runs of its experiment, from 0, and None in records of an older actlab.

    Args:
        path: the directory.
        record: what is known of a run whose run.json cannot be read; one of LOST is its status.

    Raises:
        RunDirError: its run.json is missing, damaged or not a record.
    """

    def __init__(self, path: Path, record: Mapping[str, Any] | None = None) -> None:
        self.path, self.record = path, disk.read_json(path / RECORD) if record is None else dict(record)
        if record is None and (wrong := _fault_of(self.record)):
            raise RunDirError(f"{path / RECORD}: not a run's record: {wrong}; {AGAIN}")
        self.label, self.hash = str(self.record.get("label", path.name)), str(self.record["hash"])
        self.config: dict[str, Any] = self.record["config"]
        self.environment: dict[str, Any] = self.record.get("environment", {})
        self.results: dict[str, Any] = self.record.get("results", {})
        self._columns: dict[str, tuple[disk.Columns, bytes]] = {}
        index = self.record.get("plan_index")
        self.plan_index = index if isinstance(index, int) else None

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    @property
    def is_known(self) -> bool:
        """Whether anything says which run this is."""
        return bool(self.config or self.hash)

    @property
    def status(self) -> str:
        """done, failed, diverged, interrupted; running while a living process trains it; or one of LOST."""
        status = str(self.record["status"])
        return "interrupted" if status == "running" and not is_locked(self.path) else status

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """A row an evaluation: epoch, step, loss, accuracy, val_loss, val_accuracy, learning_rate."""
        return self._frame(HISTORY)

    @functools.cached_property
    def timing(self) -> pd.DataFrame:
        """The rows of the history: wall_seconds, images_per_second."""
        return self._frame(TIMING)

    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd

        columns, data = self.columns(name)
        table = pd.DataFrame(columns)
        table.attrs["bytes"] = data
        return table

    def columns(self, name: str) -> tuple[disk.Columns, bytes]:
        """The columns of HISTORY or TIMING, which `history` and `timing` are made of, and the bytes of the file.

        Raises:
            RunDirError: this run has none, or it is damaged.
        """
        if name not in self._columns:
            needed = disk.HISTORY_COLUMNS if name == HISTORY else ("wall_seconds",)
            self._columns[name] = disk.read_columns(self.path / name, needed)
        return self._columns[name]

    @functools.cached_property
    def layers(self) -> pd.DataFrame:
        """A row an evaluation and layer: epoch, step, layer, units, and what the probes saw.

        Raises:
            RunDirError: this run has none, or it is damaged.
        """
        return read_numbers(self.path / LAYERS, disk.LAYER_COLUMNS, text_columns=("layer",))

    @functools.cached_property
    def confusion(self) -> pd.DataFrame:
        """A row a class: class, images, accuracy, and of how many of them which class was predicted.

        Raises:
            RunDirError: this run has none, or it is damaged.
        """
        table = read_numbers(self.path / CONFUSION, ("class", "images", "accuracy"))
        wanted = [f"predicted_{i}" for i in range(len(table))]
        if list(table)[3:] != wanted or not (table[wanted].to_numpy(float) >= 0).all():
            raise RunDirError(f"{self.path / CONFUSION}: damaged: it has no column of counts for each class")
        return table

    def damaged(self, names: Sequence[str] | None = None) -> list[str]:
        """Those files of the record, or of `names` among them, that are missing or have another sha256 than stated."""
        files: Mapping[str, Any] = self.record.get("files", {})
        chosen = files if names is None else [name for name in names if name in files]
        # a record may come from anywhere: a name that leads out of the directory is no file of the run
        return [n for n in chosen if Path(n).name != n or self._sha256(n) != files[n]]

    def faults(self, names: Sequence[str] | None = None) -> dict[str, str]:
        """Those files that `damaged` names, each with what is wrong with it."""
        found = dict.fromkeys(self.damaged(names), "is not the file that the record states")
        for name in found:
            try:
                if name in TABLES:
                    getattr(self, TABLES[name])
                elif not (self.path / name).is_file():
                    found[name] = "is missing"
            except RunDirError as error:
                found[name] = str(error).removeprefix(f"{self.path / name}: ")
        return found

    def _sha256(self, name: str) -> str | None:
        """Of a table, of what was read; so that a file is opened once, whoever asks first. None where it cannot be."""
        with suppress(OSError, ValueError):  # a name in a record may hold NUL
            with suppress(RunDirError):
                if name in (HISTORY, TIMING):
                    return hashlib.sha256(self.columns(name)[1]).hexdigest()
                if name in TABLES:
                    return hashlib.sha256(getattr(self, TABLES[name]).attrs["bytes"]).hexdigest()
            return hashlib.sha256((self.path / name).read_bytes()).hexdigest()
        return None


def _fault_of(record: Mapping[str, Any]) -> str:
    """What a record lacks that its readers rely on; empty if nothing."""
    if missing := [key for key in ("config", "hash", "status") if key not in record]:
        return f"{', '.join(missing)} is missing"
    for key in ("config", "results", "environment", "files", "dataset"):
        if not isinstance(record.get(key, {}), dict):
            return f"`{key}` is no mapping"
    if record["status"] not in STATUSES:
        return f"its status is none of {', '.join(STATUSES)}"
    results = record.get("results", {}).values()
    if not all(isinstance(row, dict) for row in results):
        return "its `results` are no rows of numbers"
    numbers = [record.get("wall_seconds", 0), record.get("parameters", 0), record["config"].get("seed", 0)]
    numbers += [number for row in results for number in row.values() if number is not None]
    if not all(isinstance(number, NUMBER) and abs(number) < 1e300 for number in numbers):
        return "text stands where a number should"
    return ""


def run_at(path: Path) -> Run | None:
    """The run at a path; None where no record can be read."""
    with suppress(RunDirError):
        return Run(path)
    return None


def is_done(path: Path, digest: str) -> bool:
    """Whether the record at a path says that the run with this hash is done.

    Raises:
        RunDirError: there is a record, and the operating system refuses it.
    """
    try:
        run = Run(path)
    except RunDirError as error:
        if refused(error):
            raise
        return False
    return run.status == "done" and run.hash == digest


def state_of(path: Path) -> str:
    """The status of a run's directory, which need not be there."""
    status = _run_or_lost(path).status
    return "running" if status != "done" and is_locked(path) else status  # what is done stays so, whoever looks


# --- in folders ------------------------------------------------------------------------------------------------


def discover(paths: Sequence[Path]) -> tuple[list[Run], list[str]]:
    """The runs in run directories, experiment directories and their parents; and what was passed over, with why.

    Those without a readable record are among them: "pending" where a folder of an experiment holds neither a record nor
    a history, else "damaged". What such a run was to train is not known here: its config and hash are empty.
    """
    runs: dict[Path, Run] = {}
    passed_over: list[str] = []
    for path in paths:
        folders = [path]
        if not (path / RECORD).is_file() and not (path.is_dir() and (path.resolve().parent / EXPERIMENT).is_file()):
            near = {record.parent for record in path.glob(f"*/{RECORD}")}
            near = near or {record.parent for record in path.glob(f"*/*/{RECORD}")}
            begun = {folder for experiment in experiments([path]) for folder in run_folders(experiment)}
            folders = sorted(near | begun, key=BY_PARTS)
        folders_there = [*([path] if path.is_dir() else ()), *path.glob("*/")]
        forbidden = [of for of in folders_there if not os.access(of, os.R_OK | os.X_OK, effective_ids=True)]
        passed_over += [f"{of}: may not be read" for of in forbidden]
        if not folders and not forbidden:
            what = "neither a run nor an experiment" if path.exists() else f"does not exist{nearest_folder(path)}"
            config = path.suffix in (".yaml", ".yml") and path.is_file()
            hint = (
                f"; the runs of a config lie in the results: name the experiment, {slug(path.stem)}" if config else ""
            )
            passed_over.append(f"{path}: {what}{hint}")
        above = {folder: folder.resolve() for folder in {folder.parent for folder in folders if folder != path}}
        for folder in folders:  # of very many in a folder that one is looked at once
            plain = folder.parent in above and not folder.is_symlink()
            place = above[folder.parent] / folder.name if plain else folder.resolve()
            if place not in runs:
                runs[place] = _run_or_lost(folder)
    return list(runs.values()), passed_over


def _run_or_lost(path: Path) -> Run:
    try:
        return Run(path)
    except RunDirError as error:
        begun = refused(error) or any((path / name).exists() for name in (RECORD, HISTORY))
        reason = (
            str(error).removeprefix(f"{path}/").removesuffix(f"; {AGAIN}").replace(" damaged:", "") if begun else ""
        )
        status = "damaged" if begun else "running" if is_locked(path) else "pending"
        return Run(path, {"config": {}, "hash": "", "status": status, "reason": reason})


def located(path: Path, holding: str = "") -> Path:
    """The path itself; where there is none, the experiment or the run of that name or label in `results`.

    Args:
        path: as it was typed.
        holding: a file that the folder has to hold, where several are called so.

    Raises:
        RunDirError: several are called so.
    """
    if path.is_absolute() or ".." in path.parts:
        return path
    if path.exists():  # a folder of images may be called as the experiment on them is
        ours = RESULTS / path
        other = path.is_dir() and not experiments([path]) and not any(path.glob(f"*/{RECORD}"))
        return ours if other and (ours / EXPERIMENT).is_file() and not (path / RECORD).is_file() else path
    name, digits = glob.escape(str(path)), "[0-9a-f]" * 8
    patterns = (name, f"*/{name}", f"*/{name}-{digits}", f"{name}-{digits}")
    matches = sorted({match for pattern in patterns for match in RESULTS.glob(pattern) if match.is_dir()})
    matches = [match for match in matches if (match / holding).exists()] if len(matches) > 1 else matches
    if len(matches) > 1:
        raise RunDirError(f"{path}: there are several: {', '.join(map(str, matches[:6]))}; give the path of one")
    return matches[0] if matches else path


def nearest_folder(path: Path) -> str:
    """Which experiment or run may have been meant by a name that nothing has; empty where none is near."""
    places = dict.fromkeys([path.parent, RESULTS, *(RESULTS.iterdir() if RESULTS.is_dir() else ())])
    known: dict[str, Path] = {}
    for folder in (folder for place in places if place.is_dir() for folder in place.iterdir() if folder.is_dir()):
        known.setdefault(folder.name, folder)
        known.setdefault(re.sub("-[0-9a-f]{8}$", "", folder.name), folder)  # by its label
    close = nearest(path.name, known)
    return f"; did you mean {str(known[close[0]])!r}?" if close else ""


def experiments(paths: Sequence[Path]) -> list[Path]:
    """The experiment directories among the paths and in them."""
    found: dict[Path, None] = {}
    for path in paths:
        if (path / EXPERIMENT).is_file():
            found[path] = None
        else:
            found |= dict.fromkeys(sorted(file.parent for file in path.glob(f"*/{EXPERIMENT}")))
    return list(found)


def run_folders(experiment: Path) -> list[Path]:
    """The directories of an experiment's runs, begun or not."""
    with os.scandir(experiment) as entries:  # which knows of most entries, without a look at each, whether it is one
        return [experiment / name for name in sorted(of.name for of in entries if of.is_dir() and of.name[0] != ".")]


def by_hash(*folders: Path) -> dict[str, list[Path]]:
    """The first eight digits of a config's hash to the directories that may hold its run, in their order.

    Args:
        folders: of experiments; one that does not exist holds nothing.
    """
    found: dict[str, list[Path]] = {}
    for folder in folders:
        for record in sorted(folder.glob(f"*/{RECORD}"), key=BY_PARTS):
            found.setdefault(record.parent.name.rpartition("-")[2][:8], []).append(record.parent)
    return found
