"""Downloads: nothing appears under its name that is not the published file; no network is an answer, not a crash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actlab.parts.datasets import DATASETS, Published, RemoteFile, fetch, prepare
from actlab.parts.datasets.fetch import NotAtHand, download


@pytest.fixture
def get_file(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for keras.utils.get_file, whose import takes seconds; lists the addresses that it was asked for."""
    asked: list[str] = []

    def copy(name: str, *, origin: str, cache_dir: str, force_download: bool) -> str:
        asked.append(origin)
        target = Path(cache_dir) / name
        shutil.copy(origin.removeprefix("file://"), target)
        return str(target)

    monkeypatch.setattr(fetch, "keras", SimpleNamespace(utils=SimpleNamespace(get_file=copy)))
    monkeypatch.setattr(fetch, "_end_with_parent", lambda temporary: None)
    return asked


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_published_file_arrives_under_its_name(tiny: Published, get_file: list[str], tmp_path: Path) -> None:
    fetch.main("tiny", tmp_path / "into")
    assert names(tmp_path / "into") == ["tiny.npz"] and len(get_file) == 1


def test_what_is_there_is_not_fetched_again(tiny: Published, get_file: list[str], tmp_path: Path) -> None:
    fetch.main("tiny", tmp_path / "into")
    fetch.main("tiny", tmp_path / "into")
    assert len(get_file) == 1


def test_a_web_page_in_place_of_the_file_leaves_nothing(
    tiny: Published, published_file: Path, get_file: list[str], tmp_path: Path
) -> None:
    published_file.write_text("<html>log in first</html>")
    with pytest.raises(SystemExit, match=r"tiny could not be downloaded: what file:.* sent has sha256"):
        fetch.main("tiny", tmp_path / "into")
    assert names(tmp_path / "into") == []


def test_prepare_uses_what_the_download_brought(
    tiny: Published, get_file: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actlab.parts.datasets.preparation.download", fetch.main)
    said: list[str] = []
    prepared = prepare("tiny", {"offline": "tiny_synth"}, say=said.append)
    assert prepared.stand_in_for is None and said[0].startswith("downloading tiny (0 MB)")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTLAB_NO_DOWNLOAD")
    for proxy in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")


@pytest.mark.usefixtures("no_network")
def test_a_real_process_without_network_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(NotAtHand, match=r"mnist could not be downloaded: https://.*mnist\.npz: .*refused"):
        download("mnist", tmp_path / "into")
    assert names(tmp_path / "into") == []


def test_a_download_ends_with_the_process_that_asked(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from actlab.parts.datasets.fetch import _end_with_parent
folder = Path(sys.argv[1]); folder.mkdir()
_end_with_parent(folder)
time.sleep(60)
"""
    environment = {"PYTHONPATH": str(Path(fetch.__file__).parents[3])}
    command = [sys.executable, "-c", script, str(tmp_path / "temporary")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) == 1
    assert not (tmp_path / "temporary").exists()


def test_a_rendered_set_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="synth_mnist is rendered, not downloaded"):
        fetch.main("synth_mnist", tmp_path)


def published_files() -> list[Any]:
    sources = [(entry.name, entry.function()) for entry in DATASETS if not entry.facts.synthetic]
    return [pytest.param(file, id=f"{name}-{file.name}") for name, source in sources for file in source.files]


@pytest.mark.parametrize("file", published_files())
def test_every_published_file_has_a_whole_sum_and_a_safe_address(file: RemoteFile) -> None:
    assert len(file.sha256) == 64 and set(file.sha256) <= set("0123456789abcdef")
    assert file.url.startswith("https://") and file.bytes > 0
    assert not Path(file.name).is_absolute() and ".." not in Path(file.name).parts


def test_importing_the_package_imports_no_framework() -> None:
    script = (
        "import sys, actlab.parts.datasets; sys.exit(bool({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {"PYTHONPATH": str(Path(fetch.__file__).parents[3])}
    assert subprocess.run([sys.executable, "-c", script], env=environment).returncode == 0
