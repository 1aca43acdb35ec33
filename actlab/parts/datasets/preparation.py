"""From a dataset's name to a verified copy on this machine, without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actlab.errors import DatasetError
from actlab.parts.datasets import store
from actlab.parts.datasets.catalogue import DATASETS, Arrays, DatasetFacts, Prepared, Published, Rendered
from actlab.parts.datasets.digests import content_sha256, file_sha256
from actlab.parts.datasets.fetch import NotAtHand, download, keras_folder
from actlab.parts.datasets.formats import checked_arrays, damaged, read_npz
from actlab.registry import Entry
from actlab.spec.config import wrong_stand_in

Say = Callable[[str], None]


@dataclass(frozen=True)
class Located:
    """The files of a collected set on this machine.

    Args:
        paths: one .npz file, or the published files.
        own: it is the user's .npz file, not Keras's download.
    """

    paths: tuple[Path, ...]
    own: bool

    def origin(self) -> dict[str, Any]:
        """By which a conversion is found again: paths, sizes and times."""
        stats = [(str(path.resolve()), path.stat()) for path in self.paths]
        return {"files": [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]}


def prepare(
    name: str, parameters: Mapping[str, Any] | None = None, data_dir: Path | None = None, *, say: Say | None = None
) -> Prepared:
    """Find, fetch or render a dataset, verify it, and convert it once into arrays that workers can share.

    A collected set is looked for as `NAME.npz` in `data_dir` or `$ACTLAB_DATA_DIR`, then in Keras's cache, and is
    then downloaded. Where none of that succeeds, the set that `offline` names is rendered in its place. A file that
    is there but damaged is an error all the same: a stand-in must not hide it.

    Args:
        name: registered name.
        parameters: as the config has them; those that concern the run (train_samples, train_choice, validation) are
            not used.
        data_dir: where to look first; overrides `$ACTLAB_DATA_DIR`.
        say: is told, in a sentence, of what takes long.

    Raises:
        UnknownName: no such dataset.
        DatasetError: it cannot be had, or it is damaged.
    """
    entry = DATASETS.get(name)
    given = dict(parameters or {})
    tell = say or (lambda sentence: None)
    stand_in = given.get("offline")
    if stand_in is not None and (wrong := wrong_stand_in(entry.name, stand_in)):
        raise DatasetError(f"offline: {wrong}")
    source = _source(entry, given)
    if isinstance(source, Rendered):
        return _prepare_rendered(entry, source, tell)
    try:
        return _prepare_published(entry, source, data_dir, tell)
    except NotAtHand as reason:
        if stand_in is None:
            raise DatasetError(_advice(entry, data_dir, str(reason))) from reason
        prepared = prepare(stand_in, say=say)
        return replace(prepared, stand_in_for=entry.name, stand_in_reason=str(reason))


def _source(entry: Entry[DatasetFacts], given: Mapping[str, Any]) -> Published | Rendered:
    own = entry.function.__kwdefaults__ or {}
    source: Published | Rendered = entry.function(**{key: value for key, value in given.items() if key in own})
    return source


def _prepare_rendered(entry: Entry[DatasetFacts], source: Rendered, tell: Say) -> Prepared:
    origin = {"recipe": dict(source.recipe)}
    described = "rendered, " + ", ".join(f"{key} {value}" for key, value in source.recipe.items())
    with store.locked(entry.name) as cache:
        stored = store.find(cache, entry.name, origin)
        if stored is None:
            tell(f"rendering {entry.name}; this is done once")
            stored = store.write(cache, entry.name, source.render(), origin, "rendered here")
        return _prepared(entry, stored, described)


def _prepare_published(entry: Entry[DatasetFacts], source: Published, data_dir: Path | None, tell: Say) -> Prepared:
    with store.locked(entry.name) as cache:
        located = locate(entry.name, data_dir)
        if located is None:
            size = sum(file.bytes for file in source.files) / 1e6
            tell(f"downloading {entry.name} ({size:.0f} MB) into {keras_folder()}")
            download(entry.name, keras_folder())
            located = locate(entry.name, data_dir)
        if located is None:
            raise NotAtHand(f"the download left no {entry.name} in {keras_folder()}")
        stored = store.find(cache, entry.name, located.origin())
        if stored is None:
            tell(f"checking and converting {entry.name} from {located.paths[0]}; this is done once")
            stored = _convert(entry, source, located, cache)
        return _prepared(entry, stored, ", ".join(map(str, located.paths)))


def _convert(entry: Entry[DatasetFacts], source: Published, located: Located, cache: Path) -> store.Stored:
    origin = located.origin()
    arrays, checked = read_checked(entry, source, located)
    return store.write(cache, entry.name, arrays, origin, checked)


def read_checked(entry: Entry[DatasetFacts], source: Published, located: Located) -> tuple[Arrays, str]:
    """The arrays of a collected set's files, and against what they were held.

    Raises:
        DatasetError: a file is damaged, has other shapes or labels than the set, or holds other images.
    """
    if not located.own:
        check_files(source, located)
    arrays = (read_npz if located.own else source.read)(list(located.paths))
    arrays = checked_arrays(arrays, entry.facts, str(located.paths[0]))
    checked = "sha256 of the published files" if not located.own else "shape and labels only: no sum of ours is known"
    for part, expected in source.content.items():
        if content_sha256(arrays[f"x_{part}"], arrays[f"y_{part}"]) != expected:
            raise damaged(located.paths[0], f"does not hold the published {entry.name} ({part} images differ)")
        checked = "sha256 of the published images"
    return arrays, checked


def check_files(source: Published, located: Located) -> None:
    """Hold downloaded files against their published sums.

    Raises:
        DatasetError: a file is not the published one.
    """
    for file, path in zip(source.files, located.paths, strict=True):
        if file_sha256(path) != file.sha256:
            size = path.stat().st_size
            raise damaged(path, f"is not the published file (wrong sha256; {size} bytes of {file.bytes})")


def locate(name: str, data_dir: Path | None) -> Located | None:
    """The files of a collected set, the user's own first; None where they are not here."""
    entry = DATASETS.get(name)
    for folder in own_folders(data_dir):
        path = folder / f"{entry.name}.npz"
        if path.is_file():
            return Located((path,), own=True)
    source = entry.function()
    paths = [_in_keras_cache(file.name, *file.earlier_names) for file in source.files]
    found = tuple(path for path in paths if path is not None)
    return Located(found, own=False) if len(found) == len(paths) else None


def own_folders(data_dir: Path | None) -> list[Path]:
    """Where the user keeps .npz files: `data_dir`, or else `$ACTLAB_DATA_DIR`."""
    named = data_dir or os.environ.get("ACTLAB_DATA_DIR")
    return [Path(named).expanduser()] if named else []


def _in_keras_cache(*names: str) -> Path | None:
    return next((keras_folder() / name for name in names if (keras_folder() / name).is_file()), None)


def _prepared(entry: Entry[DatasetFacts], stored: store.Stored, origin: str) -> Prepared:
    arrays = store.verified_arrays(stored)
    return Prepared(
        name=entry.name,
        folder=stored.folder,
        sha256=stored.sha256,
        shape=entry.facts.shape,
        classes=entry.facts.classes,
        train_images=len(arrays["x_train"]),
        test_images=len(arrays["x_test"]),
        origin=origin,
        checked=stored.checked,
    )


def _advice(entry: Entry[DatasetFacts], data_dir: Path | None, reason: str) -> str:
    folders = own_folders(data_dir)
    looked = f"there is no {folders[0] / entry.name}.npz" if folders else "ACTLAB_DATA_DIR is not set"
    stand_in = f", or allow the rendered stand-in with offline: {entry.facts.stand_in}" if entry.facts.stand_in else ""
    return (
        f"{entry.name} cannot be had here: {looked}; {keras_folder()} does not hold it; {reason}; put {entry.name}.npz "
        f"with x_train, y_train, x_test and y_test into a folder and name that folder by --data-dir{stand_in}"
    )
