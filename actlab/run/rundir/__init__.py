"""The run directory: the record of one training, and the only module that knows its file names.

    run.json      config, hash, status, environment, results, sha256 of the files; written last
    history.csv   a row an evaluation, with Keras's column names; the same bytes at every repetition
    timing.csv    the same rows: wall_seconds, images_per_second
    layers.csv    a row an evaluation and layer: what the probes saw, where there are probes
    weight_film.npz  the frames of the weight film, where one is asked for
    checkpoint/   state.npz, the last complete state, while the run is not done
    weights.npz   the model's variables at the end
    progress.json where the training stands now, for displays
    log.txt       what TensorFlow and Python said

Writes go to a temporary name, are flushed to the disk and take the place of the old file at once: after a crash
there is the last complete state or the one before, never a mixture.
"""

from __future__ import annotations

from actlab.run.rundir.checkpoints import npz, read_arrays, read_checkpoint, read_weights, write_checkpoint
from actlab.run.rundir.finding import by_hash, discover, experiments, is_done, run_folders, state
from actlab.run.rundir.locks import forget, is_locked, lock
from actlab.run.rundir.names import (
    CHECKPOINT,
    COMPARISON,
    ENDED,
    EXPERIMENT,
    FRAMES,
    HISTORY,
    LAYER_COLUMNS,
    LAYERS,
    LOCK,
    LOG,
    OWNER,
    PROGRESS,
    RECORD,
    STATE,
    STATUSES,
    TIMING,
    WEIGHT_FILM,
    WEIGHTS,
)  # fmt: skip
from actlab.run.rundir.paths import inside, make_folder
from actlab.run.rundir.reading import read_json, read_progress, read_table, sha256_of_files
from actlab.run.rundir.run import Run
from actlab.run.rundir.writing import (
    append_bytes,
    append_row,
    append_rows,
    clear_progress,
    clear_working_files,
    copy_run,
    cut_frames,
    cut_tables,
    start_table,
    sync_tables,
    write_bytes,
    write_json,
    write_progress,
)  # fmt: skip

__all__ = [
    "CHECKPOINT",
    "COMPARISON",
    "ENDED",
    "EXPERIMENT",
    "FRAMES",
    "HISTORY",
    "LAYERS",
    "LAYER_COLUMNS",
    "LOCK",
    "LOG",
    "OWNER",
    "PROGRESS",
    "RECORD",
    "STATE",
    "STATUSES",
    "TIMING",
    "WEIGHTS",
    "WEIGHT_FILM",
    "Run",
    "append_bytes",
    "append_row",
    "append_rows",
    "by_hash",
    "clear_progress",
    "clear_working_files",
    "copy_run",
    "cut_frames",
    "cut_tables",
    "discover",
    "experiments",
    "forget",
    "inside",
    "is_done",
    "is_locked",
    "lock",
    "make_folder",
    "npz",
    "read_arrays",
    "read_checkpoint",
    "read_json",
    "read_progress",
    "read_table",
    "read_weights",
    "run_folders",
    "sha256_of_files",
    "start_table",
    "state",
    "sync_tables",
    "write_bytes",
    "write_checkpoint",
    "write_json",
    "write_progress",
]  # fmt: skip
