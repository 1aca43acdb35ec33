"""Download of a collected set into Keras's own cache. A file appears under its name only after its sha256 is right."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path

from actlab.environment import user_folder
from actlab.parts.datasets.catalogue import RemoteFile

PATIENCE_SECONDS = 30.0  # for a server to answer, and between two pieces of a file
LEFT_SECONDS = 86_400.0  # after which a temporary folder was left by a process that was killed


class NotAtHand(Exception):
    """A collected set cannot be had on this machine; the message says why."""


def keras_folder() -> Path:
    """Where Keras keeps its datasets: `$KERAS_HOME/datasets` or `~/.keras/datasets`."""
    return user_folder("KERAS_HOME", ".keras") / "datasets"


def download(files: Sequence[RemoteFile], folder: Path, begin: Callable[[], None] = lambda: None) -> None:
    """Fetch published files that are not yet in `folder`; `begin` is called first, where that may be done.

    Raises:
        NotAtHand: it failed; nothing is left behind.
    """
    if os.environ.get("ACTLAB_NO_DOWNLOAD"):
        raise NotAtHand("ACTLAB_NO_DOWNLOAD is set, so nothing was downloaded")
    begin()
    from rich.console import Console
    from rich.progress import wrap_file

    place = str(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".actlab-*"):
            if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=".actlab-", dir=folder) as temporary:
            for file in files:
                if (folder / file.name).exists():
                    continue
                place = file.url
                got, digest = Path(temporary) / "file", hashlib.sha256()
                # standard output may be read by a program: progress goes to the terminal by way of standard error
                terminal = Console(stderr=True)
                with (
                    urllib.request.build_opener().open(file.url, timeout=PATIENCE_SECONDS) as response,
                    wrap_file(response, file.bytes, description=Path(file.name).name, console=terminal, transient=True,
                              disable=not terminal.is_terminal) as source,
                    got.open("wb") as target,
                ):  # fmt: skip
                    while piece := source.read(2**20):
                        digest.update(piece)
                        target.write(piece)
                if digest.hexdigest() != file.sha256:
                    read = f"sha256 {digest.hexdigest()}, the published file has {file.sha256}"
                    raise NotAtHand(f"what {file.url} sent has {read}")
                (folder / file.name).parent.mkdir(parents=True, exist_ok=True)
                got.replace(folder / file.name)
    except (OSError, HTTPException) as error:  # those of urllib are among the former
        raise NotAtHand(f"{place}: {getattr(error, 'reason', error)}") from error
