"""docs/gallery.md follows from what the gallery keeps, sentence by sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "gallery"


@pytest.fixture(scope="module")
def build() -> Iterator[ModuleType]:
    """The script that makes the page."""
    sys.path.insert(0, str(FOLDER))
    import build

    yield build
    sys.path.remove(str(FOLDER))


def test_the_page_is_what_the_build_makes_of_what_is_kept(build: ModuleType, tmp_path: Path) -> None:
    made = build.filled(build.restored(tmp_path), build.TEMPLATE.read_text("utf-8"))
    written = build.PAGE.read_text("utf-8")
    lines = zip(written.splitlines(), made.splitlines(), strict=False)
    parts = "\n".join(f"- {old}\n+ {new}" for old, new in lines if old != new)
    assert made == written, f"python docs/gallery/build.py makes another page:\n{parts[:2000]}"
