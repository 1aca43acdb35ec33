"""From a dataset's name to a verified copy on this machine, without TensorFlow; and what of it lies here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actlab.errors import ActlabError, DatasetError
from actlab.parts.datasets import store
from actlab.parts.datasets.catalogue import DATASETS, Arrays, DatasetFacts, Prepared, Published, Rendered
from actlab.parts.datasets.fetch import NotAtHand, download, keras_folder
from actlab.parts.datasets.formats import checked_arrays, content_sha256, damaged, file_sha256, read_npz
from actlab.parts.datasets.own import prepare_own
from actlab.registry import Entry
from actlab.spec.config import wrong_stand_in


def prepare(
    name: str, parameters: Mapping[str, Any] | None = None, data_dir: Path | None = None, *, place: Path | None = None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Prepared:  # fmt: skip
    """Find, fetch or render a dataset, verify it, and convert it once into arrays that workers can share.

    A collected set is looked for as `NAME.npz` in `data_dir` or `$ACTLAB_DATA_DIR`, then in Keras's cache, and is
    then downloaded. Where none of that succeeds, the set that `offline` names is rendered in its place. A file that
    is there but damaged is an error all the same: a stand-in must not hide it. Own data is looked for in `data_dir` by
    the name of its place, then at that place.

    Args:
        name: registered name.
        parameters: as the config has them; those that concern the run (train_samples, train_choice, validation) are
            not used.
        data_dir: where to look first; overrides `$ACTLAB_DATA_DIR`.
        place: of own data, where it was last.
        say: is given a sentence before each thing that takes long.

    Raises:
        UnknownName: no such dataset.
        DatasetError: it cannot be had, or it is damaged.
    """
    entry, given = DATASETS.get(name), dict(parameters or {})
    if entry.facts.look:
        place = place or Path(given[name])
        places = [*([data_dir.expanduser() / place.name] if data_dir else []), place]
        there = next((path for path in places if path.exists()), None)
        if there is None:
            looked = " and ".join(map(str, places))
            raise DatasetError(
                f"{looked}: does not exist; --data-dir FOLDER names the folder that holds {place.name}; if it is "
                f"called otherwise now, `actlab run CONFIG --set dataset.{name}=PLACE` notes that, and trains nothing"
            )
        prepared = prepare_own({"name": name, **given}, there, say)
        store.verified(prepared.folder)
        return prepared
    stand_in = given.get("offline")
    if stand_in is not None and (wrong := wrong_stand_in(entry.name, stand_in)):
        raise DatasetError(f"offline: {wrong}")
    own = entry.function.__kwdefaults__ or {}
    source = entry.function(**{key: value for key, value in given.items() if key in own})
    try:
        with store.locked(entry.name):
            return _prepare_locked(entry, source, data_dir, say)
    except NotAtHand as reason:
        if stand_in is None:
            raise DatasetError(_advice(entry, data_dir, str(reason))) from reason
        prepared = prepare(stand_in, say=say)
        return replace(prepared, stand_in_for=entry.name, stand_in_reason=str(reason))


def _prepare_locked(
    entry: Entry[DatasetFacts], source: Published | Rendered, data_dir: Path | None, say: Callable[[str], None]
) -> Prepared:
    origin: dict[str, Any]
    if isinstance(source, Rendered):
        origin = {"recipe": dict(source.recipe), **({"plugin": entry.plugin.sha256} if entry.plugin else {})}
        made_from = "rendered, " + ", ".join(f"{key} {value}" for key, value in source.recipe.items())
        folder = store.find(entry.name, origin)
        if folder is None:
            say(f"rendering {entry.name}; this is done once")
            arrays = source.render()
            if entry.plugin:
                arrays = checked_arrays(arrays, entry.facts, entry.plugin.place)
            folder = store.write(entry.name, arrays, origin, "rendered here")
    else:
        paths, own = locate(entry.name, data_dir)
        if not paths:
            size = f"{sum(file.bytes for file in source.files) / 1e6:.0f} MB"
            try:
                download(
                    source.files,
                    keras_folder(),
                    lambda: say(f"downloading {entry.name} ({size}) into {keras_folder()}"),
                )
            except NotAtHand as error:
                raise NotAtHand(f"{entry.name} could not be downloaded: {' '.join(str(error).split())}") from error
            paths, own = locate(entry.name, data_dir)
        made_from = ", ".join(map(str, paths))
        files = []
        for path in paths:
            try:
                place, stat = str(path.resolve()), path.stat()
            except (OSError, RuntimeError) as error:  # links in a circle among them
                raise damaged(path, "cannot be read", error) from error
            files.append([place, stat.st_size, stat.st_mtime_ns])
        origin = {"files": files}
        folder = store.find(entry.name, origin)
        if folder is None:
            say(f"checking and converting {entry.name} from {paths[0]}; this is done once")
            arrays, checked = read_checked(entry, source, paths, own)
            folder = store.write(entry.name, arrays, origin, checked)
    arrays, index = store.verified(folder)
    return Prepared(
        name=entry.name, folder=folder, sha256=index["sha256"], shape=entry.facts.shape, classes=entry.facts.classes,
        train_images=len(arrays["x_train"]), test_images=len(arrays["x_test"]), origin=made_from,
        checked=index["checked"],
    )  # fmt: skip


def read_checked(entry: Entry[DatasetFacts], source: Published, paths: list[Path], own: bool) -> tuple[Arrays, str]:
    """The arrays of a collected set's files, and against what they were held.

    Args:
        entry: of the set.
        source: where it is published.
        paths: its files on this machine.
        own: whether they are the user's .npz file, as `locate` says.

    Raises:
        DatasetError: a file is damaged, has other shapes or labels than the set, or holds other images.
    """
    if own:
        arrays, checked = read_npz(paths), "shape and labels only: no sum of ours is known"
    else:
        check_files(source, paths)
        arrays, checked = source.read(paths), "sha256 of the published files"
    arrays = checked_arrays(arrays, entry.facts, str(paths[0]))
    for part, expected in source.content.items():
        if content_sha256(arrays[f"x_{part}"], arrays[f"y_{part}"]) != expected:
            raise damaged(paths[0], f"does not hold the published {entry.name} ({part} images differ)")
        checked = "sha256 of the published images"
    return arrays, checked


def check_files(source: Published, paths: list[Path]) -> None:
    """Hold downloaded files against their published sums.

    Raises:
        DatasetError: a file is not the published one.
    """
    for file, path in zip(source.files, paths, strict=True):
        try:
            same, size = file_sha256(path) == file.sha256, path.stat().st_size
        except OSError as error:
            raise damaged(path, "cannot be read", error) from error
        if not same:
            raise damaged(path, f"is not the published file (wrong sha256; {size} bytes of {file.bytes})")


def locate(name: str, data_dir: Path | None) -> tuple[list[Path], bool]:
    """The files of a collected set, and whether they are the user's own .npz file or Keras's; none if not here."""
    own = _own_file(name, data_dir)
    if own and os.path.lexists(own):  # a folder or a broken link too: what is there is not passed over
        return [own], True
    found = [
        next((p for name in (file.name, *file.earlier_names) if os.path.lexists(p := keras_folder() / name)), None)
        for file in DATASETS.get(name).function().files
    ]
    return ([path for path in found if path] if all(found) else []), False


def _own_file(name: str, data_dir: Path | None) -> Path | None:
    folder = data_dir or os.environ.get("ACTLAB_DATA_DIR")
    return Path(folder).expanduser() / f"{name}.npz" if folder else None


def _advice(entry: Entry[DatasetFacts], data_dir: Path | None, reason: str) -> str:
    own = _own_file(entry.name, data_dir)
    looked = f"there is no {own}" if own else "ACTLAB_DATA_DIR is not set"
    stand_in = f", or allow the rendered stand-in with offline: {entry.facts.stand_in}" if entry.facts.stand_in else ""
    return (
        f"{entry.name} cannot be had here: {looked}; {keras_folder()} does not hold it; {reason}; put {entry.name}.npz "
        f"with x_train, y_train, x_test and y_test into a folder and name that folder by --data-dir{stand_in}"
    )


# --- what lies here


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
    answers = []
    for entry in DATASETS:
        found = () if entry.facts.synthetic or entry.facts.look else tuple(locate(entry.name, data_dir)[0])
        cached, problem = tuple(store.folders(entry.name)), ""
        size = sum(path.stat().st_size for path in (*found, *(file for folder in cached for file in folder.iterdir())))
        try:
            for folder in cached:
                store.read_index(folder)
                store.open_arrays(folder)
        except ActlabError as error:
            problem = str(error)
        answers.append(Status(entry.name, entry.facts.synthetic, found, cached, size, problem))
    return answers


def verify(name: str, data_dir: Path | None = None) -> list[str]:
    """Read every byte of a dataset that lies here and hold it against the known sums.

    Returns:
        A sentence for each thing that was checked and found whole; none where nothing of it lies here.

    Raises:
        UnknownName: no such dataset.
        DatasetError: something is damaged.
    """
    entry, sentences = DATASETS.get(name), []
    paths, own = ([], False) if entry.facts.synthetic or entry.facts.look else locate(entry.name, data_dir)
    if own:
        _, checked = read_checked(entry, entry.function(), paths, own)
        sentences = [f"{paths[0]}: your own file: {checked}"]
    elif paths:
        check_files(entry.function(), paths)
        sentences = [f"{path}: the published file, by its sha256" for path in paths]
    for folder in store.folders(entry.name):
        _, index = store.verified(folder)
        sentences.append(f"{folder}: sha256 {index['sha256']} ({index['checked']})")
    return sentences
