"""The run directory: the record of one training, and the only module that knows its file names.

    run.json      config, hash, status, environment, results, sha256 of the files; written last
    history.csv   a row an evaluation, with Keras's column names; the same bytes at every repetition
    timing.csv    the same rows: wall_seconds, images_per_second
    checkpoint/   state.npz, the last complete state, while the run is not done
    weights.npz   the model's variables at the end
    progress.json where the training stands now, for displays
    log.txt       what TensorFlow and Python said

Writes go to a temporary name, are flushed to the disk and take the place of the old file at once: after a crash
there is the last complete state or the one before, never a mixture.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import os
import shutil
import socket
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np
from numpy.typing import NDArray

from actlab.errors import RunDirError, RunLocked

if TYPE_CHECKING:  # pandas takes 0.3 s to import; only a comparison reads tables
    import pandas as pd

RECORD, HISTORY, TIMING, LAYERS, LOG = "run.json", "history.csv", "timing.csv", "layers.csv", "log.txt"
PROGRESS, CHECKPOINT, LOCK, OWNER = "progress.json", "checkpoint", ".lock", ".owner.json"
WEIGHTS, STATE = "weights.npz", "state.npz"
EXPERIMENT, COMPARISON = "experiment.yaml", "comparison.csv"
ENDED = ("done", "failed", "diverged")
STATUSES = (*ENDED, "running", "interrupted")
HISTORY_COLUMNS = ("epoch", "step", "val_loss", "val_accuracy")  # what a reader may rely on
LOCK_SECONDS = 0.3  # to wait for a lock: another process looks for a moment whether it is held
NAMES = "names"  # the entry of a checkpoint that lists the others


class Run:
    """A read-only view of a run directory.

    Args:
        path: the directory.

    Raises:
        RunDirError: its run.json is missing, damaged or not a record.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = read_json(path / RECORD)
        if wrong := _wrong_with(self.record):
            raise RunDirError(f"{path / RECORD}: not a run's record: {wrong}")

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    @property
    def label(self) -> str:
        return str(self.record.get("label", self.path.name))

    @property
    def config(self) -> dict[str, Any]:
        """The resolved config as plain data."""
        config: dict[str, Any] = self.record["config"]
        return config

    @property
    def hash(self) -> str:
        return str(self.record["hash"])

    @property
    def status(self) -> str:
        """done, failed, diverged, interrupted; or running while a living process trains it."""
        status = str(self.record["status"])
        return "interrupted" if status == "running" and not is_locked(self.path) else status

    @property
    def environment(self) -> dict[str, Any]:
        return dict(self.record.get("environment", {}))

    @property
    def results(self) -> dict[str, Any]:
        return dict(self.record.get("results", {}))

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """A row an evaluation: epoch, step, loss, accuracy, val_loss, val_accuracy, learning_rate."""
        return _read_numbers(self.path / HISTORY, HISTORY_COLUMNS)

    @functools.cached_property
    def timing(self) -> pd.DataFrame:
        """The rows of the history: wall_seconds, images_per_second."""
        return _read_numbers(self.path / TIMING, ("wall_seconds",))

    def damaged(self, names: Sequence[str] | None = None) -> list[str]:
        """Those files of the record, or of `names` among them, that are missing or have another sha256 than stated."""
        files: Mapping[str, Any] = self.record.get("files", {})
        chosen = files if names is None else [name for name in names if name in files]
        # a record may come from anywhere: a name that leads out of the directory is no file of the run
        return [n for n in chosen if Path(n).name != n or _sha256_or_none(self.path / n) != files[n]]


def _wrong_with(record: Mapping[str, Any]) -> str | None:
    """What a record lacks that its readers rely on."""
    missing = [key for key in ("config", "hash", "status") if key not in record]
    if missing:
        return f"{', '.join(missing)} is missing"
    for key in ("config", "results", "environment", "files", "dataset"):
        if not isinstance(record.get(key, {}), dict):
            return f"`{key}` is no mapping"
    if record["status"] not in STATUSES:
        return f"its status is none of {', '.join(STATUSES)}"
    if not all(isinstance(row, dict) for row in record.get("results", {}).values()):
        return "its `results` are no rows of numbers"
    numbers = [record.get("wall_seconds", 0), record.get("parameters", 0), record["config"].get("seed", 0)]
    numbers += [number for row in record.get("results", {}).values() for number in row.values() if number is not None]
    return None if all(map(_is_number, numbers)) else "text stands where a number should"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e300


# --- finding ---------------------------------------------------------------------------------------------------


def find(folder: Path, config_hash: str) -> Path | None:
    """The directory in an experiment's folder that holds the run of a config, whatever its label."""
    return next((path.parent for path in sorted(folder.glob(f"*-{config_hash[:8]}/{RECORD}"))), None)


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
    """The status of a run's directory; "pending" where its training has not begun, "failed" where it is damaged."""
    if is_locked(path):
        return "running"
    if not (path / RECORD).exists():
        return "pending"
    try:
        return Run(path).status
    except RunDirError:
        return "failed"


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


# --- reading ---------------------------------------------------------------------------------------------------


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file.

    Raises:
        RunDirError: the file is missing, empty, or no JSON object.
    """
    try:
        with _told(path, "read"):
            data = json.loads(path.read_bytes(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise RunDirError(f"{path}: damaged: not JSON; remove the folder to train this run again") from None
    if not isinstance(data, dict):
        raise RunDirError(f"{path}: damaged: not a JSON object; remove the folder to train this run again")
    return data


def _refuse(constant: str) -> None:
    raise ValueError(f"JSON has no {constant}")


@contextlib.contextmanager
def _told(path: Path, deed: str) -> Iterator[None]:
    """Say of which file the operating system speaks."""
    try:
        yield
    except OSError as error:
        raise RunDirError(f"{path}: cannot be {deed}: {(error.strerror or str(error)).lower()}") from error


def read_table(path: Path) -> pd.DataFrame:
    """A CSV table; a last row that was cut short is dropped.

    Raises:
        RunDirError: the file is missing, empty or not a table.
    """
    import pandas as pd

    try:
        with _told(path, "read"):
            text = _whole_lines(path.read_bytes()).decode()
        table = pd.read_csv(io.StringIO(text))
    except ValueError as error:  # those of decoding and of pandas' parser are its children
        raise RunDirError(f"{path}: damaged: {error}") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus cells for names of rows
        raise RunDirError(f"{path}: damaged: rows are longer than the header")
    return table


def _read_numbers(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A CSV table of numbers only, with the given columns and perhaps others.

    Raises:
        RunDirError: it is missing, or something else.
    """
    from pandas.api.types import is_numeric_dtype

    table = read_table(path)
    missing = [name for name in columns if name not in table]
    text = [str(name) for name in table if len(table) and not is_numeric_dtype(table[name])]
    if missing or text:
        wrong = f"no column {', '.join(missing)}" if missing else f"text in the column {', '.join(text)}"
        raise RunDirError(f"{path}: damaged: {wrong}")
    return table


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


# --- writing ---------------------------------------------------------------------------------------------------


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file at once and for good.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _told(path, "written"):
        try:
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:  # a new file: nothing is written through a link
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a JSON file at once. NaN and infinity are written as null: JSON has no such numbers."""
    write_bytes(path, (json.dumps(_finite(data), indent=2, allow_nan=False) + "\n").encode())


def write_progress(path: Path, data: Mapping[str, Any]) -> None:
    """Say where a training stands. Not flushed to the disk: it is of use only while the machine lives."""
    temporary = path / f".{PROGRESS}.tmp"
    with contextlib.suppress(OSError):  # a display is no reason to lose a training
        temporary.unlink(missing_ok=True)
        with temporary.open("x") as file:
            file.write(json.dumps(_finite(data)))
        temporary.replace(path / PROGRESS)


def read_progress(path: Path) -> dict[str, Any]:
    """Where a training stands; empty where nothing is said."""
    try:
        return read_json(path / PROGRESS)
    except RunDirError:
        return {}


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))) else value


def start_table(path: Path, columns: Sequence[str]) -> None:
    """A new CSV table with its header."""
    write_bytes(path, (",".join(columns) + "\n").encode())


def append_row(path: Path, values: Sequence[Any]) -> None:
    """Add a row to a CSV table. Floats have nine significant digits: enough to give a float32 again.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    line = ",".join(format(value, ".9g") if isinstance(value, float) else str(value) for value in values)
    with _told(path, "written"), path.open("ab") as file:
        file.write(line.encode() + b"\n")


def cut_tables(path: Path, rows: int) -> bool:
    """Shorten a run's tables to their first `rows` rows; False, and nothing done, if one of them has fewer.

    Raises:
        RunDirError: one of them cannot be read or written.
    """
    tables = [table for name in (HISTORY, TIMING, LAYERS) if (table := path / name).exists()]
    with _told(path, "read"):
        lines = {table: _whole_lines(table.read_bytes()).splitlines(keepends=True) for table in tables}
    if (path / HISTORY) not in lines or any(len(found) < rows + 1 for found in lines.values()):
        return False
    for table, found in lines.items():
        write_bytes(table, b"".join(found[: rows + 1]))
    return True


def write_checkpoint(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace a run's checkpoint at once, after its tables have reached the disk.

    One .npz file without pickles is the whole state: there is no moment at which half of it is new.

    Raises:
        RunDirError: the disk is full or may not be written, or the folder of the checkpoint is a link.
    """
    for name in (HISTORY, TIMING, LAYERS):
        with _told(path / name, "written"), contextlib.suppress(FileNotFoundError), (path / name).open("rb") as file:
            os.fsync(file.fileno())
    folder = inside(path, CHECKPOINT)
    make_folder(folder)
    write_bytes(folder / STATE, npz({**arrays, NAMES: _names(arrays)}))


def _names(arrays: Mapping[str, Any]) -> NDArray[Any]:
    """A zip archive has sums of its entries but none of its list of entries; with this, it has."""
    return np.frombuffer(json.dumps(sorted(arrays)).encode(), dtype=np.uint8)


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays of a run's checkpoint; None where there is none that is whole."""
    try:
        # opened here, since NumPy leaves the files open that it cannot read
        with (path / CHECKPOINT / STATE).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error):
        return None
    names = arrays.pop(NAMES, None)
    return arrays if names is not None and names.tobytes() == _names(arrays).tobytes() else None


def read_weights(path: Path) -> list[NDArray[Any]]:
    """The arrays of a run's weights.npz, in Keras's order of variables.

    Raises:
        RunDirError: there are none, or the file is damaged.
    """
    file = path / WEIGHTS
    if not file.exists():
        raise RunDirError(f"{file}: no weights were kept; train with keep_weights: final or best")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return [arrays[name] for name in sorted(arrays.files)]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunDirError(f"{file}: damaged: {error}") from None


def npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Arrays as the bytes of an uncompressed .npz file: the same arrays, the same bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes the names for its own keywords
    return buffer.getvalue()


def copy_run(run: Run, path: Path) -> None:
    """Put a copy of a finished run at a path, whole or not at all.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _told(path, "written"):
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(run.path, temporary, ignore=shutil.ignore_patterns(".*"))
        shutil.rmtree(path, ignore_errors=True)  # an unfinished attempt at the same run
        temporary.replace(path)


def clear_progress(path: Path) -> None:
    """Say no more where the training stands."""
    with contextlib.suppress(OSError):
        (path / PROGRESS).unlink()


def clear_working_files(path: Path) -> None:
    """Remove what is of use only while a run is not done."""
    clear_progress(path)
    shutil.rmtree(path / CHECKPOINT, ignore_errors=True)


def sha256_of_files(path: Path) -> dict[str, str]:
    """Name to sha256 of every file of a run that is part of its record."""
    hidden = (RECORD, PROGRESS, LOG)
    names = sorted(p.name for p in path.iterdir() if p.is_file() and p.name not in hidden and p.name[0] != ".")
    return {name: digest for name in names if (digest := _sha256_or_none(path / name))}


def _sha256_or_none(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


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
    with _told(path, "made"):
        path.mkdir(parents=True, exist_ok=True)


# --- one writer ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a run directory for writing. The operating system lets go of it when the owner dies.

    Raises:
        RunLocked: another process holds it; the message names its host and process.
        RunDirError: the directory cannot be written.
    """
    handle = filelock.FileLock(path / LOCK, timeout=LOCK_SECONDS)
    with _told(path / LOCK, "written"):
        try:
            handle.acquire(poll_interval=0.02)
        except filelock.Timeout:
            raise RunLocked(f"{path}: is being written by {_owner(path)}") from None
    try:
        write_bytes(path / OWNER, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}).encode())
        yield
    finally:
        with contextlib.suppress(OSError):
            (path / OWNER).unlink()
        handle.release()


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


def _owner(path: Path) -> str:
    try:
        owner = read_json(path / OWNER)
    except RunDirError:
        return "another process"
    return f"process {owner.get('pid')} on {owner.get('host')}"
