"""A tiny collected set, and places of its own for each test, so that no test reads or writes a real cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actlab.parts.datasets import DATASETS, DatasetFacts, Published, RemoteFile
from actlab.parts.datasets.catalogue import Arrays
from actlab.parts.datasets.formats import content_sha256, file_sha256, read_npz
from actlab.parts.datasets.synthetic import synth_mnist

TINY_FACTS = DatasetFacts(
    shape=(28, 28, 1), classes=10, train_images=40, test_images=20, source="made here", stand_in="tiny_synth"
)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches and no network; gives the folder of the user's own files."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("ACTLAB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("ACTLAB_NO_DOWNLOAD", "1")
    monkeypatch.delenv("ACTLAB_DATA_DIR", raising=False)
    return own


@pytest.fixture
def tiny_facts() -> DatasetFacts:
    return TINY_FACTS


@pytest.fixture
def tiny_arrays() -> Arrays:
    rng = np.random.default_rng(3)
    return {
        "x_train": rng.integers(0, 256, (40, 28, 28), dtype=np.uint8),
        "y_train": rng.permutation(np.arange(40, dtype=np.uint8) % 10),
        "x_test": rng.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, 10, 20, dtype=np.uint8),
    }


@pytest.fixture
def published_file(tiny_arrays: Arrays, tmp_path: Path) -> Path:
    """What a server would send for the set `tiny`."""
    path = tmp_path / "server" / "tiny.npz"
    path.parent.mkdir()
    np.savez(path, **tiny_arrays)
    return path


@pytest.fixture
def tiny(published_file: Path, tiny_arrays: Arrays) -> Iterator[Published]:
    """The set `tiny` and its rendered stand-in `tiny_synth`, registered for one test."""
    file = RemoteFile("tiny.npz", published_file.as_uri(), file_sha256(published_file), published_file.stat().st_size)
    content = {part: content_sha256(tiny_arrays[f"x_{part}"], tiny_arrays[f"y_{part}"]) for part in ("train", "test")}
    source = Published((file,), read_npz, content)
    stand_in = replace(TINY_FACTS, synthetic=True, stand_in=None)
    DATASETS.register(TINY_FACTS, name="tiny")(lambda: source)
    DATASETS.register(stand_in, name="tiny_synth")(lambda: synth_mnist(train_images=40, test_images=20))
    yield source
    del DATASETS._entries["tiny"], DATASETS._entries["tiny_synth"]


@pytest.fixture
def tiny_npz(tiny: Published, published_file: Path, places: Path) -> Path:
    """The set `tiny` as a user's own file."""
    path = places / "tiny.npz"
    path.write_bytes(published_file.read_bytes())
    return path


REAL_DATA = os.environ.get("ACTLAB_DATA_DIR")  # read before any test takes it away


@pytest.fixture
def real_data() -> Path:
    """The folder of the real sets; skips where there is none."""
    if not REAL_DATA:
        pytest.skip("ACTLAB_DATA_DIR is not set: the real sets are not here")
    return Path(REAL_DATA)
