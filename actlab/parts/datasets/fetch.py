"""Download of a collected set into Keras's own cache, by Keras, in a process of its own.

    python -m actlab.parts.datasets.fetch NAME FOLDER

The process that asks never imports Keras. A file appears under its name only after its sha256 is right.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import actlab
from actlab.lazy import keras
from actlab.parts.datasets.catalogue import DATASETS, Published, RemoteFile
from actlab.parts.datasets.digests import file_sha256

PATIENCE_SECONDS = 30.0  # for a server to answer, and between two pieces of a file


class NotAtHand(Exception):
    """A collected set cannot be had on this machine; the message says why."""


def keras_folder() -> Path:
    """Where Keras keeps its datasets: `$KERAS_HOME/datasets` or `~/.keras/datasets`."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser() / "datasets"


def download(name: str, folder: Path) -> None:
    """Fetch the files of a collected set that are not yet in `folder`.

    Raises:
        NotAtHand: it failed; nothing is left behind.
    """
    if os.environ.get("ACTLAB_NO_DOWNLOAD"):
        raise NotAtHand("ACTLAB_NO_DOWNLOAD is set, so nothing was downloaded")
    command = [sys.executable, "-m", "actlab.parts.datasets.fetch", name, str(folder)]
    # Keras's progress bar goes to the terminal, if there is one, by way of standard error: standard output may be
    # read by a program. The pipe tells the child when its parent is gone.
    progress = 2 if os.isatty(2) else subprocess.DEVNULL
    child = subprocess.Popen(
        command, env=_environment(), stdin=subprocess.PIPE, stdout=progress, stderr=subprocess.PIPE, text=True
    )
    with child:
        said = child.stderr.read() if child.stderr else ""
    if child.returncode:
        lines = said.strip().splitlines()
        raise NotAtHand(lines[-1] if lines else f"the download ended with code {child.returncode}")


def _environment() -> dict[str, str]:
    source = str(Path(actlab.__path__[0]).parent)
    known = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([source, known] if known else [source]),
        "KERAS_BACKEND": "tensorflow",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def main(name: str, folder: Path) -> None:
    """Download what is missing; ends the process with a sentence on standard error if that fails."""
    source = DATASETS.get(name).function()
    if not isinstance(source, Published):
        sys.exit(f"{name} is rendered, not downloaded")
    socket.setdefaulttimeout(PATIENCE_SECONDS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".actlab-", dir=folder) as temporary:
            _end_with_parent(Path(temporary))
            for file in source.files:
                if not (folder / file.name).exists():
                    _fetch(file, Path(temporary), folder / file.name)
    except (OSError, NotAtHand) as error:
        sys.exit(f"{name} could not be downloaded: {' '.join(str(error).split())}")


def _fetch(file: RemoteFile, temporary: Path, target: Path) -> None:
    _ask(file.url)
    try:
        got: Any = keras.utils.get_file("download", origin=file.url, cache_dir=str(temporary), force_download=True)
    except Exception as error:  # get_file raises a bare Exception for every failure of the network
        raise NotAtHand(str(error)) from error
    read = file_sha256(Path(got))
    if read != file.sha256:
        raise NotAtHand(f"what {file.url} sent has sha256 {read}, the published file has {file.sha256}")
    target.parent.mkdir(parents=True, exist_ok=True)
    Path(got).replace(target)


def _ask(url: str) -> None:
    """Learn within a moment that there is no network: importing Keras takes much longer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_SECONDS):
            pass
    except urllib.error.URLError as error:
        raise NotAtHand(f"{url}: {error.reason}") from error


def _end_with_parent(temporary: Path) -> None:
    def watch() -> None:
        os.read(0, 1)  # not sys.stdin: its lock, held by a sleeping thread, breaks the end of the interpreter
        shutil.rmtree(temporary, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
