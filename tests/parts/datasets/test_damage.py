"""Each kind of damage at each file is detected, and the message names the file and what to delete."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actlab.errors import DatasetError
from actlab.parts.datasets import DatasetFacts, Prepared, Published, prepare, verify
from actlab.parts.datasets.catalogue import PARTS, Arrays
from actlab.parts.datasets.formats import checked_arrays, read_cifar, read_idx, read_npz
from actlab.parts.datasets.store import cache_folder

SMALL = {"train_images": 60, "test_images": 20}
PAGE = b"<!DOCTYPE html>\n<html><body>Please log in to the network</body></html>"


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x01]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[: len(content) * 2 // 3],
    "cut by one byte": lambda content: content[:-1],
    "empty": lambda content: b"",
    "flipped bit in the middle": lambda content: flip(content, len(content) // 2),
    "flipped bit in the last byte but two": lambda content: flip(content, len(content) - 3),
    "web page": lambda content: PAGE,
    "noise": lambda content: np.random.default_rng(0).bytes(len(content)),
}


@pytest.fixture(scope="module")
def rendered_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTLAB_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        return prepare("synth_mnist", SMALL).folder.parent


@pytest.fixture
def cached(rendered_once: Path) -> Prepared:
    shutil.copytree(rendered_once, cache_folder())
    return prepare("synth_mnist", SMALL)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", [*(f"{part}.npy" for part in PARTS), "index.json"])
def test_damage_in_the_cache_is_detected(cached: Prepared, file: str, damage: str) -> None:
    path = cached.folder / file
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    for act in (lambda: prepare("synth_mnist", SMALL), lambda: verify("synth_mnist")):
        with pytest.raises(DatasetError) as caught:
            act()
        assert f"delete the folder {cached.folder}" in str(caught.value)


@pytest.mark.parametrize("file", [*(f"{part}.npy" for part in PARTS), "index.json"])
def test_a_missing_file_of_the_cache_is_detected(cached: Prepared, file: str) -> None:
    (cached.folder / file).unlink()
    with pytest.raises(DatasetError, match=f"{file}.*delete the folder"):
        prepare("synth_mnist", SMALL)


def test_after_deleting_what_the_message_names_all_is_well(cached: Prepared) -> None:
    for path in cached.folder.iterdir():
        path.unlink()
    cached.folder.rmdir()
    assert prepare("synth_mnist", SMALL) == cached


@pytest.mark.parametrize("file", ["y_test.npy", "index.json"])
def test_no_flipped_bit_of_a_small_file_changes_what_is_read(cached: Prepared, file: str) -> None:
    path = cached.folder / file
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(flip(whole, place))
        try:
            again = prepare("synth_mnist", SMALL)
        except DatasetError:
            continue
        assert again == cached, f"byte {place}"


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_in_a_users_file_is_detected(tiny_npz: Path, damage: str) -> None:
    tiny_npz.write_bytes(DAMAGES[damage](tiny_npz.read_bytes()))
    with pytest.raises(DatasetError, match=r"own/tiny\.npz.*delete it and put or fetch it again"):
        prepare("tiny", data_dir=tiny_npz.parent)


def test_a_web_page_is_called_one(tiny_npz: Path) -> None:
    tiny_npz.write_bytes(PAGE)
    with pytest.raises(DatasetError, match="is a web page, not a dataset"):
        prepare("tiny", data_dir=tiny_npz.parent)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_in_kerass_download_is_detected(
    tiny: Published, published_file: Path, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "keras" / "datasets" / "tiny.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(DAMAGES[damage](published_file.read_bytes()))
    with pytest.raises(DatasetError, match=r"datasets/tiny\.npz.*delete it"):
        prepare("tiny")


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("payload_ran",))


def test_an_npz_with_pickles_is_refused(
    tiny_arrays: Arrays, places: Path, tiny: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = np.array([Payload()], dtype=object)
    np.savez(places / "tiny.npz", **{**tiny_arrays, "y_train": hostile})
    with pytest.raises(DatasetError, match=r"tiny\.npz: is not a whole \.npz file of plain arrays"):
        prepare("tiny", data_dir=places)
    assert not (tmp_path / "payload_ran").exists()


@pytest.mark.parametrize("part", PARTS)
def test_an_npz_without_an_array_is_refused(tiny_arrays: Arrays, places: Path, tiny: Published, part: str) -> None:
    np.savez(places / "tiny.npz", **{name: array for name, array in tiny_arrays.items() if name != part})
    with pytest.raises(DatasetError, match=f"tiny.npz: no array '{part}'"):
        prepare("tiny", data_dir=places)


def test_an_npz_that_unpacks_to_too_much_is_refused(
    places: Path, tiny: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actlab.parts.datasets.formats.MOST_BYTES", 10_000)
    np.savez_compressed(places / "tiny.npz", **dict.fromkeys(PARTS, np.zeros(20_000, np.uint8)))
    with pytest.raises(DatasetError, match="larger than any set known here"):
        prepare("tiny", data_dir=places)


def test_a_zip_of_something_else_is_refused(places: Path, tiny: Published) -> None:
    with zipfile.ZipFile(places / "tiny.npz", "w") as archive:
        for part in PARTS:
            archive.writestr(f"{part}.npy", "no array")
    with pytest.raises(DatasetError, match=r"own/tiny\.npz: is not a whole"):
        prepare("tiny", data_dir=places)


WRONG: dict[str, tuple[str, Callable[[Arrays], object], str]] = {
    "count": ("x_train", lambda a: a["x_train"][:-1], r"shape \(39, 28, 28\); \(40, 28, 28\) is needed"),
    "size": ("x_test", lambda a: a["x_test"][:, 1:], r"shape \(20, 27, 28\)"),
    "flat": ("x_train", lambda a: a["x_train"].reshape(40, -1), r"shape \(40, 784\)"),
    "floats": ("x_train", lambda a: a["x_train"] / 255.0, "dtype float64; uint8"),
    "labels": ("y_train", lambda a: a["y_train"] + 1, "labels from 1 to 10; 0 to 9 is needed"),
    "one hot": ("y_train", lambda a: np.eye(10)[a["y_train"]], r"shape \(40, 10\); \(40,\) is needed"),
    "negative": ("y_test", lambda a: a["y_test"].astype(int) - 10, "labels from -"),
    "float labels": ("y_test", lambda a: a["y_test"] * 1.0, "dtype float64; integer labels"),
    "scalar": ("y_test", lambda a: np.int64(3), r"shape \(\)"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_arrays_of_the_wrong_kind_are_refused(tiny_arrays: Arrays, tiny_facts: DatasetFacts, kind: str) -> None:
    part, change, message = WRONG[kind]
    arrays = {**tiny_arrays, part: np.asarray(change(tiny_arrays))}
    with pytest.raises(DatasetError, match=f"somewhere: {part} has {message}"):
        checked_arrays(arrays, tiny_facts, "somewhere")


def test_channel_axis_and_column_labels_are_accepted(tiny_arrays: Arrays, tiny_facts: DatasetFacts) -> None:
    keras_like = {part: array[..., None] for part, array in tiny_arrays.items()}
    for part, array in checked_arrays(keras_like, tiny_facts, "x").items():
        np.testing.assert_array_equal(array, checked_arrays(tiny_arrays, tiny_facts, "x")[part])


def idx_files(folder: Path, arrays: Arrays) -> list[Path]:
    paths = [folder / f"{part}.gz" for part in PARTS]
    for part, path in zip(PARTS, paths, strict=True):
        header = bytes(16 if part.startswith("x") else 8)
        path.write_bytes(gzip.compress(header + arrays[part].tobytes()))
    return paths


def test_idx_files_are_read(tmp_path: Path, tiny_arrays: Arrays) -> None:
    for part, array in read_idx(idx_files(tmp_path, tiny_arrays)).items():
        np.testing.assert_array_equal(array, tiny_arrays[part])


@pytest.mark.parametrize("damage", [name for name in DAMAGES if "last byte" not in name])
@pytest.mark.parametrize("file", range(4))
def test_damage_in_an_idx_file_is_detected(tmp_path: Path, tiny_arrays: Arrays, file: int, damage: str) -> None:
    paths = idx_files(tmp_path, tiny_arrays)
    paths[file].write_bytes(DAMAGES[damage](paths[file].read_bytes()))
    with pytest.raises(DatasetError, match=paths[file].name):
        read_idx(paths)


def python2_pickle(data: bytes, labels: list[int], key: bytes = b"labels") -> bytes:
    """A CIFAR batch as Python 2 and an old NumPy wrote it, opcode by opcode."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    rows = len(labels)
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|")
    dtype += b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01K" + bytes([rows]) + b"M\x00\x0c\x86" + dtype + b"\x89T"
    array += len(data).to_bytes(4, "little") + data + b"tb"
    listed = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(key) + listed + b"u."


def cifar_archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_a_cifar_archive_is_read_channels_last(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    batches = {f"b{i}": python2_pickle(pixels[2 * i : 2 * i + 2].tobytes(), [i, 9 - i]) for i in range(3)}
    arrays = read_cifar(cifar_archive(tmp_path / "c.tar.gz", batches), ["b0", "b1"], "b2", b"labels")
    np.testing.assert_array_equal(arrays["x_train"], pixels[:4].transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(arrays["x_test"], pixels[4:].transpose(0, 2, 3, 1))
    assert arrays["y_train"].tolist() == [0, 9, 1, 8] and arrays["y_test"].tolist() == [2, 7]


def test_a_cifar_archive_with_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = cifar_archive(tmp_path / "c.tar.gz", {"b0": pickle.dumps(Payload()), "b1": b""})
    with pytest.raises(DatasetError, match=r"c\.tar\.gz.*posix\.mkdir is not allowed here"):
        read_cifar(path, ["b0"], "b1", b"labels")
    assert not (tmp_path / "payload_ran").exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "web page", "noise"])
def test_damage_in_a_cifar_archive_is_detected(tmp_path: Path, damage: str) -> None:
    pixels = np.random.default_rng(0).bytes(3072)
    path = cifar_archive(tmp_path / "c.tar.gz", {name: python2_pickle(pixels, [1]) for name in ("b0", "b1")})
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(DatasetError, match=r"c\.tar\.gz"):
        read_cifar(path, ["b0"], "b1", b"labels")


def test_a_file_that_is_not_there_is_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"gone\.npz"):
        read_npz([tmp_path / "gone.npz"])
