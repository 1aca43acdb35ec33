"""The run directory: the record of one training. The only module that knows its file names.

    run.json      config, hash, status, environment, results, sha256 of the files; written last
    history.csv   a row an evaluation, with Keras's column names; the same bytes at every repetition
    timing.csv    the same rows: wall_seconds, images_per_second
    layers.csv    a row an evaluation and layer: what the probes saw, where there are probes
    confusion.csv what the final weights take each class of the test set for, where that is asked for
    weight_film.npz  the frames of the weight film, where one is asked for
    checkpoint/   state.npz, the last complete state, while the run is not done
    weights.npz   the model's variables at the end
    progress.json where the training stands now, for displays
    log.txt       what TensorFlow and Python said

A file is written under a temporary name, flushed to the disk, and takes the place of the old one at once: after a
crash there is the last complete state or the one before, never a mixture. What is missing or damaged is a
`RunDirError` that names the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import itertools
import json
import os
import shutil
import socket
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from actlab.errors import RunDirError, RunLocked
from actlab.registry import Plugin
from actlab.spec.labels import slug

if TYPE_CHECKING:  # pandas takes 0.3 s to import; only a comparison reads tables
    import pandas as pd

RECORD, HISTORY, TIMING, LAYERS, LOG = "run.json", "history.csv", "timing.csv", "layers.csv", "log.txt"
PROGRESS, CHECKPOINT, LOCK, OWNER = "progress.json", "checkpoint", ".lock", ".owner.json"
CONFUSION = "confusion.csv"  # of the probe of this name
FUNCTION = "function.csv"  # the curve of its activation, where that is not one of the shipped ones
WEIGHTS, STATE = "weights.npz", "state.npz"
WEIGHT_FILM, FRAMES = "weight_film.npz", ".weight_film.frames"
SCRATCH = "actlab-*.tmp"  # temporary folders of processes that train
EXPERIMENT, CLAIMS, COMPARISON, REPORT = "experiment.yaml", "claims.jsonl", "comparison.csv", "report.html"
HISTORY_COLUMNS = ("epoch", "step", "val_loss", "val_accuracy")  # what a reader may rely on
LAYER_COLUMNS = ("epoch", "step", "layer", "units")

Columns = dict[str, NDArray[Any]]  # of a table, by their names

LOCK_SECONDS = 0.3  # to wait for a lock: another process looks for a moment whether it is held
LOCK_TRIES = 10  # of that length, while the lock is held by a process that has not said which it is
BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error)
ARRAY_NAMES = "names"  # the entry of a checkpoint that lists the others
OVERRIDE = "# --set "  # begins a line of experiment.yaml that states what the command line changed
AGAIN = "the same `actlab run` trains this run again"
REPEAT, ELSEWHERE = "then repeat the command", "or choose another folder"
REMEDIES = {
    errno.ENOSPC: f"make room on that disk, {REPEAT}",
    errno.EDQUOT: f"make room within your quota, {REPEAT}",
    errno.EROFS: "choose another folder",
    errno.EACCES: f"change its permissions, {ELSEWHERE}",
    errno.EPERM: f"change its permissions, {ELSEWHERE}",
    errno.EIO: f"the disk or the network may be failing: see the system's log, {REPEAT}",
    errno.EFBIG: f"raise the limit of a file's size (ulimit -f), {REPEAT}",
    errno.EISDIR: "move that folder away",
    errno.EMFILE: f"raise the limit of open files (ulimit -n), {REPEAT}",
}


# --- places ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def naming(path: Path, deed: str) -> Iterator[None]:
    """Turn an error of the operating system into one that names the file and says what to do.

    Args:
        path: the file; or a folder, where the error may name a file in it.
        deed: what was attempted, as in "read".

    Raises:
        RunDirError: instead of the error.
    """
    try:
        yield
    except OSError as error:
        inner = Path(error.filename) if isinstance(error.filename, str) else path
        raise RunDirError(refusal(error, inner if inner.is_relative_to(path) else path, deed)) from error


def refusal(error: OSError, path: Path, deed: str) -> str:
    """What the operating system refused, why, and what to do."""
    remedy = f"; {REMEDIES[error.errno]}" if error.errno in REMEDIES else ""
    return f"{path}: cannot be {deed}: {(error.strerror or str(error)).lower()}{remedy}"


def refused(error: RunDirError) -> bool:
    """Whether the operating system refused a file that is there, and may be whole."""
    absent = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
    return isinstance(error.__cause__, OSError) and not isinstance(error.__cause__, absent)


def inside(folder: Path, name: str) -> Path:
    """The path of a name in a folder.

    Raises:
        RunDirError: it would lie outside, through a link for example.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path.is_symlink():
        raise RunDirError(f"{path}: leads outside the output folder {folder.resolve()}; remove the link")
    return path


def check_outside_runs(file: Path) -> None:
    """Raise where a file would lie in the folder of a run, whose files are its record.

    Raises:
        RunDirError: it would, or a folder is there.
    """
    for folder in file.resolve().parents:
        if (folder / RECORD).exists() or (folder.parent / EXPERIMENT).exists():
            raise RunDirError(f"{file}: would lie in {folder}, where a run has its record; name a place outside of it")
    if file.is_dir():
        raise RunDirError(f"{file}: is a folder; name a file")


def make_folder(path: Path) -> None:
    """Make a folder and those above it; one that is there is cleared of what writers that died have left in it.

    Raises:
        RunDirError: it cannot be made.
    """
    with naming(path, "made"):
        path.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path)


def _of_this_process() -> str:
    """The end of a temporary file's name: it says which process of which machine writes it."""
    return f".{socket.gethostname()}-{os.getpid()}.tmp"


@contextlib.contextmanager
def _in_place_of(path: Path, flush: bool = True) -> Iterator[Path]:
    """Where to write what takes the place of a file or folder at once when it is whole; the name says who writes it."""
    temporary = path.with_name(f".{path.name}{_of_this_process()}")
    try:
        with naming(path, "written"):
            remove(temporary)
            yield temporary
            temporary.replace(path)
            if flush:
                folder = os.open(path.parent, os.O_RDONLY)
                try:
                    os.fsync(folder)
                finally:
                    os.close(folder)
    except RunDirError:
        discard(temporary)
        raise


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder of this process; those that killed ones could not remove are removed first."""
    discard(*leftovers(Path(tempfile.gettempdir()), SCRATCH))
    with tempfile.TemporaryDirectory(_of_this_process(), SCRATCH[:-5], ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def leftovers(folder: Path, pattern: str = ".*.tmp", alive: bool = False) -> list[Path]:
    """The temporary files and folders in a folder whose writers have died; or those whose writers live.

    What a process of another machine writes is neither: nobody here knows.
    """
    found = []
    with contextlib.suppress(OSError):
        for path in folder.glob(pattern):
            writer, _, pid = path.stem.rpartition("-")
            here = writer.endswith(f".{socket.gethostname()}") and pid.isdecimal()
            found += [path] if here and _is_dead(int(pid)) is not alive else []
    return found


def clear_leftovers(folder: Path, held: bool = False) -> None:
    """Remove the temporary files of writers that died: in a folder that is held by a lock, all there are."""
    with contextlib.suppress(OSError):
        discard(*(folder.glob(".*.tmp") if held else leftovers(folder)))


def _is_dead(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:  # any other than this: it lives, and is another user's
        return error.errno == errno.ESRCH
    except OverflowError:
        return True
    return False


def remove(path: Path) -> None:
    """Remove a file or a folder, if there is one; tried twice, since what remains looks like a run that is not done.

    Raises:
        RunDirError: it cannot be removed.
    """
    for way in (contextlib.suppress(OSError), naming(path, "removed")):
        with way:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            return


def discard(*paths: Path) -> None:
    """Remove files and folders that are of no use any more; what cannot be removed stays."""
    for path in paths:
        with contextlib.suppress(RunDirError):
            remove(path)


# --- whole files -----------------------------------------------------------------------------------------------


def write_bytes(path: Path, data: bytes, flush: bool = True) -> None:
    """Replace a file at once and, unless it need not outlive the machine, for good.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    # a new file: nothing is written through a link
    with _in_place_of(path, flush) as temporary, temporary.open("xb") as file:
        file.write(data)
        file.flush()
        if flush:
            os.fsync(file.fileno())


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a JSON file at once. NaN and infinity are written as null."""
    write_bytes(path, (json.dumps(finite(data), indent=2, allow_nan=False) + "\n").encode())


def finite(value: Any) -> Any:
    """Plain data with None for NaN and infinity: JSON has no such numbers."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        RunDirError: the file is missing, empty, or no JSON object.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"JSON has no {constant}")

    with naming(path, "read"), path.open("rb", 0) as file:
        text = file.read()
    try:
        data = from_json(text, allow_inf_nan=False)  # in a third of the time that Python's own takes
    except ValueError:
        try:  # which takes a name that is no UTF-8 too
            data = json.loads(text, parse_constant=refuse)
        except (ValueError, RecursionError):
            raise RunDirError(f"{path}: damaged: not JSON; {AGAIN}") from None
    if not isinstance(data, dict):
        raise RunDirError(f"{path}: damaged: not a JSON object; {AGAIN}")
    return data


def sha256_of_files(path: Path) -> dict[str, str]:
    """Name to sha256 of every file of a run that is part of its record."""
    apart = (RECORD, PROGRESS, LOG)
    with naming(path, "read"):
        names = sorted(p.name for p in path.iterdir() if p.is_file() and p.name not in apart and p.name[0] != ".")
        return {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in names}


# --- the config file of an experiment --------------------------------------------------------------------------


def write_experiment(folder: Path, text: str, overrides: Sequence[str]) -> None:
    """Keep a config file as it is, under comments that state what the command line changed.

    Args:
        folder: of the experiment.
        text: of the config file.
        overrides: `dotted.path=value` each.

    Raises:
        RunDirError: it cannot be written.
    """
    data, path = f"{_first_lines(text, overrides)}{text}".encode(), folder / EXPERIMENT
    with naming(path, "read"):
        same = path.is_file() and path.read_bytes() == data
    if not same:
        write_bytes(path, data)


def _first_lines(text: str, overrides: Sequence[str]) -> str:
    lines = [f"{OVERRIDE}{json.dumps(o) if not o.isprintable() else o}\n" for o in overrides]
    return "".join([*lines, "# the file:\n" * text.startswith(OVERRIDE)])  # a comment of the file's own


def keep_plugin(folder: Path, plugin: Plugin) -> None:
    """Keep the source of a plug-in beside the runs that have a part of it; a package's is kept where it is installed.

    Raises:
        RunDirError: it cannot be written.
    """
    if plugin.source is not None and kept_plugin(folder, plugin.sha256) is None:
        write_bytes(folder / f"plugin-{slug(Path(plugin.name).stem)}-{plugin.sha256[:8]}.py", plugin.source)


def kept_plugin(folder: Path, sha256: str) -> Path | None:
    """The file of an experiment that holds the source of this plug-in; None where there is none that is whole."""
    for path in sorted(folder.glob(f"plugin-*-{sha256[:8]}.py")):
        with contextlib.suppress(OSError):
            if hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                return path
    return None


def own_text(text: str, overrides: Sequence[str]) -> str:
    """A kept config file as it was: without the lines that state what the command line changed."""
    changed = _first_lines("", overrides)
    for first in (f"{changed}# the file:\n", changed):
        rest = text.removeprefix(first)
        if text.startswith(first) and first == _first_lines(rest, overrides):
            return rest
    return text


def overrides_of(text: str) -> tuple[str, ...]:
    """What the command line changed of a kept config file: its first lines, before any comment of the file's own."""
    found = []
    for line in itertools.takewhile(lambda line: line.startswith(OVERRIDE), text.split("\n")):
        change = line.removeprefix(OVERRIDE).rstrip("\r")
        with contextlib.suppress(ValueError):  # no JSON: as it was typed
            change = json.loads(change) if change.startswith('"') else change
        found.append(change)
    return tuple(found)


# --- where a training stands -----------------------------------------------------------------------------------


def write_progress(path: Path, data: Mapping[str, Any]) -> None:
    """Say where a training stands. Not flushed to the disk: it is of use only while the machine lives."""
    with contextlib.suppress(RunDirError):  # a display is no reason to lose a training
        write_bytes(path / PROGRESS, json.dumps(finite(data)).encode(), flush=False)


def read_progress(path: Path) -> dict[str, Any]:
    """Where a training stands; empty where nothing is known."""
    try:
        return read_json(path / PROGRESS)
    except RunDirError:
        return {}


# --- tables ----------------------------------------------------------------------------------------------------


def start_table(path: Path, columns: Sequence[str]) -> None:
    """A new CSV table with its header."""
    write_bytes(path, (",".join(columns) + "\n").encode())


def append_rows(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    """Add rows to a CSV table.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    append_bytes(path, table_bytes(rows))


def table_bytes(rows: Iterable[Iterable[Any]]) -> bytes:
    """Rows as CSV; None is an empty cell. Floats have nine significant digits: enough to give a float32 again."""

    def cell(value: Any) -> str:
        return "" if value is None else format(value, ".9g") if isinstance(value, float) else str(value)

    return "".join(",".join(map(cell, row)) + "\n" for row in rows).encode()


def append_bytes(path: Path, data: bytes) -> None:
    """Add bytes to a file.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    with naming(path, "written"), path.open("ab") as file:
        file.write(data)


def sync_tables(path: Path) -> None:
    """Bring the rows of a run's tables to the disk: what is stated of them next must not outlive them.

    Raises:
        RunDirError: the disk does not take them.
    """
    for name in (HISTORY, TIMING, LAYERS, FRAMES):
        with naming(path / name, "written"), contextlib.suppress(FileNotFoundError), (path / name).open("rb") as file:
            os.fsync(file.fileno())


def cut_tables(path: Path, rows: int, layers: int = 0) -> bool:
    """Shorten a run's tables to their first `rows` evaluations; False, and nothing done, if one of them has fewer.

    Args:
        path: the run directory.
        rows: evaluations to keep.
        layers: rows of layers.csv an evaluation; 0 where nothing is probed.

    Raises:
        RunDirError: one of them cannot be read or written.
    """
    rows_an_evaluation = {HISTORY: 1, TIMING: 1, **({LAYERS: layers} if layers else {})}
    kept: dict[Path, list[bytes]] = {}
    for name, each in rows_an_evaluation.items():
        table, wanted = path / name, 1 + rows * each
        try:
            with naming(table, "read"):
                lines = _whole_lines(table.read_bytes()).splitlines(keepends=True)
        except RunDirError as error:
            if refused(error):
                raise
            if name == TIMING:
                continue
            return False
        if len(lines) < wanted:
            return False
        kept[table] = lines[:wanted]
    for table, lines in kept.items():
        write_bytes(table, b"".join(lines))
    return True


def cut_frames(path: Path, size: int) -> bool:
    """Shorten the frames of a run's film to their first `size` bytes; False, and nothing done, if there are fewer.

    Raises:
        RunDirError: they cannot be written.
    """
    frames = path / FRAMES
    with naming(frames, "written"), contextlib.suppress(FileNotFoundError), frames.open("rb+") as file:
        if os.fstat(file.fileno()).st_size < size:
            return False
        file.truncate(size)
        os.fsync(file.fileno())
        return True
    return False


def _whole_lines(data: bytes) -> bytes:
    """Without a last line that was cut short."""
    return data[: data.rfind(b"\n") + 1]


def read_table(path: Path) -> pd.DataFrame:
    """A CSV table; a last row that was cut short is dropped. Its `attrs["bytes"]` are the file's.

    Raises:
        RunDirError: the file is missing, empty or not a table.
    """
    import pandas as pd

    try:
        with naming(path, "read"):
            data = path.read_bytes()
        text = _whole_lines(data).decode()
        numbers = _numbers_of(text)
        table = pd.read_csv(io.StringIO(text)) if numbers is None else pd.DataFrame(numbers)
    except ValueError as error:  # those of decoding and of pandas' parser are its children
        raise RunDirError(f"{path}: damaged: {error}") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes surplus cells for names of rows
        raise RunDirError(f"{path}: damaged: rows are longer than the header")
    table.attrs["bytes"] = data
    return table


def _numbers_of(text: str) -> Columns | None:
    """A table as pandas would read it, in a tenth of the time, if every cell is a number; else None."""
    header, *lines = text.splitlines() or [""]
    names = header.split(",")
    if not lines or not all(lines) or not header.isascii() or '"' in header or len(set(names)) < len(names):
        return None
    try:
        values = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
    except ValueError:
        return None
    if values.shape != (len(lines), len(names)):
        return None
    whole = ((values == np.rint(values)) & (np.abs(values) < 2**53)).all(axis=0)
    columns = zip(names, values.T, whole, strict=True)
    return {name: column.astype(np.int64) if is_whole else column for name, column, is_whole in columns}


def read_columns(path: Path, columns: Sequence[str]) -> tuple[Columns, bytes]:
    """What `read_numbers` gives as an array a column, and the bytes of the file: tables of very many runs.

    Raises:
        RunDirError: as `read_numbers`.
    """
    with contextlib.suppress(UnicodeDecodeError), naming(path, "read"), path.open("rb", 0) as file:
        data = file.read()
        numbers = _numbers_of(_whole_lines(data).decode())
        if numbers is not None and numbers.keys() >= set(columns):
            return numbers, data
    table = read_numbers(path, columns)
    return {str(name): table[name].to_numpy() for name in table}, table.attrs["bytes"]


def read_numbers(path: Path, columns: Sequence[str], text_columns: Sequence[str] = ()) -> pd.DataFrame:
    """A CSV table of numbers, but for `text_columns`, with the given columns and perhaps others.

    Raises:
        RunDirError: it is missing, or something else.
    """
    table = read_table(path)
    missing = [name for name in columns if name not in table]
    dtypes = zip(table, table.dtypes, strict=True) if len(table) else ()
    text = [str(column) for column, dtype in dtypes if column not in text_columns and dtype.kind not in "iufb"]
    if missing or text:
        wrong = f"no column {', '.join(missing)}" if missing else f"text in the column {', '.join(text)}"
        raise RunDirError(f"{path}: damaged: {wrong}")
    return table


# --- arrays ----------------------------------------------------------------------------------------------------


def npz(arrays: Mapping[str, NDArray[Any]], compressed: bool = False) -> bytes:
    """Arrays as the bytes of an .npz file: the same arrays, the same bytes."""
    buffer = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(buffer, **arrays)  # type: ignore[arg-type]  # NumPy's stub takes the names for its own keywords
    return buffer.getvalue()


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file of a run by name.

    Raises:
        RunDirError: the file is missing or damaged.
    """
    with naming(file, "read"):
        data = file.read_bytes()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, TypeError, EOFError, RuntimeError, MemoryError, *BAD_ARCHIVE) as error:
        raise RunDirError(f"{file}: damaged: {error}") from None


def write_checkpoint(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Replace a run's checkpoint at once, after its tables have reached the disk.

    One .npz file without pickles is the whole state: there is no moment at which half of it is new.

    Raises:
        RunDirError: the disk is full or may not be written, or the folder of the checkpoint is a link.
    """
    sync_tables(path)
    folder = inside(path, CHECKPOINT)
    make_folder(folder)
    write_bytes(folder / STATE, npz({**arrays, ARRAY_NAMES: _array_names(arrays)}))


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]] | None:
    """The arrays of a run's checkpoint; None where there is none that is whole.

    Raises:
        RunDirError: there is one, and the operating system refuses it: what was complete must not be trained over.
    """
    try:
        arrays = read_arrays(path / CHECKPOINT / STATE)
    except RunDirError as error:
        if refused(error):
            raise
        return None
    names = arrays.pop(ARRAY_NAMES, None)
    return arrays if names is not None and names.tobytes() == _array_names(arrays).tobytes() else None


def _array_names(arrays: Mapping[str, Any]) -> NDArray[Any]:
    """A zip archive has sums of its entries but none of its list of entries; with this, it has."""
    return np.frombuffer(json.dumps(sorted(arrays)).encode(), dtype=np.uint8)


# --- from one machine to another -------------------------------------------------------------------------------


@contextlib.contextmanager
def token(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """A file with its content, for a while: a process that reads it under this path sees this very folder."""
    make_folder(folder)
    path, content = folder.resolve() / f".token{_of_this_process()}", os.urandom(16)
    write_bytes(path, content)
    try:
        yield path, content
    finally:
        discard(path)


def checkpoint_written(path: Path) -> int:
    """When a run's checkpoint was written, in nanoseconds; 0 where there is none."""
    with contextlib.suppress(OSError):
        return (path / CHECKPOINT / STATE).stat().st_mtime_ns
    return 0


def pack(path: Path) -> dict[str, bytes]:
    """The files of a run, finished or not, by their names in its directory.

    Of a run that is being trained the checkpoint is read first: it goes on from rows that are there already.

    Raises:
        RunDirError: one of them cannot be read.
    """
    state = path / CHECKPOINT / STATE
    files = (
        [file for file in path.iterdir() if file.is_file() and not file.name.endswith(".tmp")] if path.exists() else []
    )
    found = {}
    for file in [state, *(file for file in files if file.name not in (LOCK, OWNER, PROGRESS))]:
        with naming(file, "read"), contextlib.suppress(FileNotFoundError):  # replaced, or ended, since
            found[str(file.relative_to(path))] = file.read_bytes()
    return found


def unpack(path: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a run; its record last, and only if each file has the sha256 that the record states.

    Raises:
        RunDirError: one has not, or the disk does not take them.
    """
    record = json.loads(files[RECORD]) if RECORD in files else {}
    for name, digest in record.get("files", {}).items():
        if hashlib.sha256(files.get(name, b"")).hexdigest() != digest:
            raise RunDirError(f"{path / name}: has come damaged from another machine")
    make_folder(path)
    for name in sorted(files, key=lambda name: name == RECORD):
        if Path(name).parent != Path():
            make_folder(path / Path(name).parent)
        write_bytes(path / name, files[name])
    if record.get("status") in ("done", "diverged"):
        clear_working_files(path)


# --- one writer at a time --------------------------------------------------------------------------------------


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a run directory for writing. The operating system lets go of it when the owner dies.

    Raises:
        RunLocked: another process holds it; the message names its host and process.
        RunDirError: the directory cannot be written.
    """
    handle = filelock.FileLock(path / LOCK, timeout=LOCK_SECONDS)
    with naming(path / LOCK, "written"):
        for tries_left in reversed(range(LOCK_TRIES)):
            try:
                handle.acquire(poll_interval=0.02)
                break
            except filelock.Timeout:
                try:
                    owner = read_json(path / OWNER)
                    name = f"process {owner.get('pid')} on {owner.get('host')}"
                except RunDirError:  # one that has just taken the lock has not yet written who it is
                    if tries_left:
                        continue
                    name = "another process"
                raise RunLocked(f"{path}: is being written by {name}") from None
    try:
        for folder in (path, path / CHECKPOINT):
            clear_leftovers(folder, held=True)
        pid = os.getpid()
        ticks = process_stat(pid)[19:20]  # these tell it from a later one with the same number
        owner = {"host": socket.gethostname(), "pid": pid, "start_ticks_after_boot": int(ticks[0]) if ticks else None}
        try:
            write_bytes(path / OWNER, json.dumps(owner).encode())
            yield
        finally:
            clear_leftovers(path, held=True)
            discard(path / OWNER)
    finally:
        with contextlib.suppress(OSError):
            handle.release()


def process_stat(pid: int | str) -> list[bytes]:
    """What the system says of a process, from its state on; nothing where there is none."""
    with contextlib.suppress(OSError):  # before that stands the program's name, which may hold anything
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return []


def stopped_writer(path: Path) -> int | None:
    """The process of this machine that writes a run directory, if somebody has stopped it: it waits for SIGCONT."""
    with contextlib.suppress(RunDirError, KeyError):
        owner = read_json(path / OWNER)
        if owner["host"] == socket.gethostname() and process_stat(owner["pid"])[:1] == [b"T"]:
            return int(owner["pid"])
    return None


def is_locked(path: Path) -> bool:
    """Whether a living process writes this run directory.

    Looked at without writing: the directory may be read-only, and the lock another user's. Where the lock cannot be
    looked at, the record alone says how the run stands.
    """
    with contextlib.suppress(OSError), (path / LOCK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # the two ways in which file systems say that it is held
            return True
    return False


# --- whole runs ------------------------------------------------------------------------------------------------


def clear_working_files(path: Path) -> None:
    """Remove what is of use only while a run is not done; what cannot be removed stays."""
    discard(*(path / name for name in (PROGRESS, FRAMES, CHECKPOINT)))


def spare(path: Path, done: bool) -> list[Path]:
    """What a writer that died has left in the directory of a run that has ended.

    Args:
        path: the run directory.
        done: whether it needs no checkpoint any more.
    """
    left = {OWNER, PROGRESS, *((FRAMES, CHECKPOINT) if done else ())}
    with os.scandir(path) as entries:
        return [Path(entry) for entry in entries if entry.name in left or entry.name.endswith(".tmp")]


def tidy(path: Path, done: bool) -> None:
    """Remove what is `spare`; nothing while a writer lives."""
    with contextlib.suppress(RunDirError, OSError):
        if left := spare(path, done):
            with lock(path):
                for file in left:
                    remove(file)


def forget(path: Path) -> None:
    """Let a run begin again: it is no longer done, and its checkpoint is gone. Its other files stay until replaced.

    Raises:
        RunLocked: another process writes it.
        RunDirError: it cannot be written.
    """
    with lock(path):
        for name in (RECORD, CHECKPOINT, FRAMES, PROGRESS):
            remove(path / name)


def copy_run(source: Path, path: Path, changes: Mapping[str, Any]) -> None:
    """Put a copy of a finished run at a path, whole or not at all.

    Args:
        source: the run directory.
        path: of the copy; an unfinished attempt at the same run is replaced.
        changes: fields of run.json that are the copy's own.

    Raises:
        RunDirError: the disk is full, or may not be written.
    """
    with _in_place_of(path) as temporary:
        temporary.mkdir()
        for file in source.iterdir():
            if file.is_file() and file.name[0] != "." and file.name not in (RECORD, PROGRESS):
                write_bytes(temporary / file.name, file.read_bytes())
        write_json(temporary / RECORD, {**read_json(source / RECORD), **changes})
        remove(path)
