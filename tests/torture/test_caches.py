"""Row 11: each damage of a dataset's files is detected, with one message that names the file and what to delete."""

from __future__ import annotations

import functools
import gzip
import io
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from parts.datasets.conftest import TINY_FACTS

from actlab.errors import DatasetError
from actlab.parts.datasets import DATASETS, Published, RemoteFile, load, prepare
from actlab.parts.datasets.catalogue import PARTS
from actlab.parts.datasets.formats import content_sha256, file_sha256, read_idx, read_npz, set_sha256
from torture.matrix import Cases, row

PAGE = b"<!DOCTYPE html>\n<html><body>Please log in to the network</body></html>"


def flipped(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def replaced(content: bytes, draw: random.Random) -> bytes:
    at, noise = draw.randrange(len(content)), draw.randbytes(draw.randint(1, 50))
    return content[:at] + noise + content[at + len(noise) :]


def huge(content: bytes, draw: random.Random) -> bytes:
    """An array that says to be larger than any memory, in so few bytes."""
    out = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (draw.choice([10**12, 2**62]), 28, 28)}
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue() + bytes(100)


def pickled(content: bytes, draw: random.Random) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array([{}, draw.random()], dtype=object), allow_pickle=True)
    return out.getvalue()


def bomb(content: bytes, draw: random.Random) -> bytes:
    """A zip whose members unpack to a thousand times its size."""
    return _bomb()


@functools.cache
def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in PARTS:
            archive.writestr(f"{part}.npy", bytes(10**7))
    return out.getvalue()


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": cut,
    "a flipped bit": flipped,
    "noise within": replaced,
    "a huge header": huge,
    "pickles": pickled,
    "a bomb": bomb,
    "a web page": lambda content, draw: PAGE,
    "empty": lambda content, draw: b"",
    "a byte less": lambda content, draw: content[:-1],
    "a byte more": lambda content, draw: content + b"x",
    "twice": lambda content, draw: content * 2,
    "compressed": lambda content, draw: gzip.compress(content),
    "NULs": lambda content, draw: bytes(len(content)),
    "backwards": lambda content, draw: content[::-1],
}


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("gone"))


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


def _unreadable(path: Path) -> None:
    path.chmod(0)


FILES: dict[str, Callable[[Path], None]] = {
    "a folder": _folder, "a link in a circle": _circle, "a link to nothing": _to_nothing, "a device": _device,
    **({"unreadable": _unreadable} if os.geteuid() else {}),  # the superuser reads everything
}  # fmt: skip


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[list[Path], Path]]]:
    """Sets on the disk by name: the files of each, and the folder that is restored after each case."""
    monkeypatch.setenv("ACTLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("ACTLAB_DATA_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("ACTLAB_NO_DOWNLOAD", "1")
    own, fetched = tmp_path / "own", tmp_path / "keras" / "datasets"
    rng = np.random.default_rng(3)
    arrays = {
        part: rng.integers(0, 256 if part[0] == "x" else 10, (n, 28, 28) if part[0] == "x" else n, dtype=np.uint8)
        for part, n in zip(PARTS, (40, 40, 20, 20), strict=True)
    }
    content = {part: content_sha256(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test")}
    own.mkdir()
    fetched.mkdir(parents=True)
    np.savez(own / "tiny_own.npz", **arrays)
    np.savez(fetched / "tiny_npz.npz", **arrays)
    idx = []
    for part, array in arrays.items():
        idx.append(fetched / f"{part}.gz")
        idx[-1].write_bytes(gzip.compress(bytes(16 if part[0] == "x" else 8) + array.tobytes()))
    found = {"tiny_own": [own / "tiny_own.npz"], "tiny_npz": [fetched / "tiny_npz.npz"], "tiny_idx": idx}
    for name, paths in found.items():
        files = tuple(RemoteFile(p.name, p.as_uri(), file_sha256(p), p.stat().st_size) for p in paths)
        source = Published(files, read_idx if name == "tiny_idx" else read_npz, content)
        DATASETS.register(TINY_FACTS, name=name)(lambda source=source: source)
    folder = prepare("tiny_npz").folder
    yield {
        **{name: (paths, paths[0].parent) for name, paths in found.items()},
        "tiny_npz in the cache": (sorted(folder.iterdir()), folder),
    }
    for name in found:
        del DATASETS._entries[name]


@row(11, "damaged dataset files: all detected, each with what to delete", quick=70, full=2_000)
def test_every_damage_is_detected(cases: Cases, sets: dict[str, tuple[list[Path], Path]], tmp_path: Path) -> None:
    draw, whole = random.Random(11), tmp_path / "whole"
    damages: list[tuple[str, str, Path, Path]] = [
        (what, name.split()[0], path, home)
        for what in (*BYTES, *FILES, "gone") for name, (paths, home) in sets.items() for path in paths
        if not (what == "gone" and "cache" not in name)  # a file that is not there is fetched
    ]  # fmt: skip
    draw.shuffle(damages)
    sum_of_all = prepare("tiny_npz").sha256
    for i in cases:
        what, name, path, home = damages[i % len(damages)]
        cached = home.is_relative_to(tmp_path / "cache")
        if cached:
            prepare(name)  # a case before this one may have taken it away
        shutil.copytree(home, whole)
        if not cached:
            shutil.rmtree(tmp_path / "cache")  # what was converted before would be used
        before = path.read_bytes()
        if what in BYTES:
            path.write_bytes(damaged := BYTES[what](before, draw))
            if damaged == before:
                shutil.rmtree(whole)
                continue
        elif what == "gone":
            path.unlink()
        else:
            FILES[what](path)
        place = f"{what} at {path.name} of {name}"
        try:
            prepared = prepare(name)
            # bytes that say nothing of the images may change, in a zip or behind an array: what is read has its sum
            cases.hold(path.parent.name == "own" or cached, f"{place} is not seen")
            cases.hold(set_sha256(load(prepared).__dict__) == sum_of_all, place)
        except DatasetError as error:
            message = str(error)
            named = f"delete the folder {home}" if cached else str(path)
            cases.hold(named in message and "delete" in message, f"{place}: {message}")
            cases.hold("\n" not in message and len(message) < 900, f"{place}: {message}")
        except BaseException as error:
            cases.hold(False, f"{place}: {type(error).__name__}: {error}")
        if path.exists() and not path.is_symlink():
            path.chmod(0o700)
        shutil.rmtree(home)
        if cached:  # what the message says helps
            cases.hold(prepare(name).folder == home, f"after {place}")
        else:
            shutil.copytree(whole, home)
            cases.hold(prepare(name).train_images == 40, f"after {place}")
        shutil.rmtree(whole)
