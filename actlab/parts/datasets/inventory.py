"""What of the datasets lies on this machine, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actlab.errors import ActlabError
from actlab.parts.datasets import store
from actlab.parts.datasets.catalogue import DATASETS, Published
from actlab.parts.datasets.preparation import check_files, locate, read_checked


@dataclass(frozen=True)
class Status:
    """One dataset on this machine.

    Args:
        name: registered name.
        synthetic: rendered rather than collected.
        found: files it would be read from; empty where it would have to be downloaded or rendered.
        cached: folders of converted copies.
        bytes: size of all of these.
        problem: what is wrong with them; empty where nothing is known to be.
    """

    name: str
    synthetic: bool
    found: tuple[Path, ...]
    cached: tuple[Path, ...]
    bytes: int
    problem: str = ""


def status(data_dir: Path | None = None) -> list[Status]:
    """Every dataset, by name; nothing is read but the indexes, and nothing is written."""
    return [_status(name, data_dir) for name in DATASETS.names()]


def _status(name: str, data_dir: Path | None) -> Status:
    entry = DATASETS.get(name)
    located = None if entry.facts.synthetic else locate(name, data_dir)
    found = located.paths if located else ()
    cached = tuple(store.folders(store.cache_folder(), name))
    sizes = [path.stat().st_size for folder in cached for path in folder.iterdir()]
    size = sum(sizes) + sum(path.stat().st_size for path in found)
    return Status(name, entry.facts.synthetic, found, cached, size, _problem(cached))


def _problem(cached: tuple[Path, ...]) -> str:
    try:
        for folder in cached:
            store.read_index(folder)
            store.open_arrays(folder)
    except ActlabError as error:
        return str(error)
    return ""


def verify(name: str, data_dir: Path | None = None) -> list[str]:
    """Read every byte of a dataset that lies here and hold it against the known sums.

    Returns:
        A sentence for each thing that was checked and found whole; none where nothing of it lies here.

    Raises:
        UnknownName: no such dataset.
        DatasetError: something is damaged.
    """
    entry = DATASETS.get(name)
    sentences = [] if entry.facts.synthetic else _verify_files(entry.name, data_dir)
    for folder in store.folders(store.cache_folder(), entry.name):
        index = store.read_index(folder)
        store.verified_arrays(store.Stored(folder, index["sha256"], index["checked"]))
        sentences.append(f"{folder}: sha256 {index['sha256']} ({index['checked']})")
    return sentences


def _verify_files(name: str, data_dir: Path | None) -> list[str]:
    located, source = locate(name, data_dir), DATASETS.get(name).function()
    if located is None or not isinstance(source, Published):
        return []
    if located.own:
        _, checked = read_checked(DATASETS.get(name), source, located)
        return [f"{located.paths[0]}: your own file: {checked}"]
    check_files(source, located)
    return [f"{path}: the published file, by its sha256" for path in located.paths]
