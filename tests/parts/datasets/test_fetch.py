"""Downloads: nothing appears under its name that is not the published file; no network is an answer, not a crash."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from actlab.parts.datasets import DATASETS, Published, RemoteFile, fetch, prepare
from actlab.parts.datasets.fetch import NotAtHand, download


@pytest.fixture(autouse=True)
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTLAB_NO_DOWNLOAD")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_published_file_arrives_under_its_name(tiny: Published, published_file: Path, tmp_path: Path) -> None:
    download(tiny.files, tmp_path / "into")
    assert names(tmp_path / "into") == ["tiny.npz"]
    assert (tmp_path / "into" / "tiny.npz").read_bytes() == published_file.read_bytes()


def test_what_is_there_is_not_fetched_again(tiny: Published, published_file: Path, tmp_path: Path) -> None:
    download(tiny.files, tmp_path / "into")
    published_file.unlink()
    download(tiny.files, tmp_path / "into")


def test_a_web_page_in_place_of_the_file_leaves_nothing(tiny: Published, published_file: Path, tmp_path: Path) -> None:
    published_file.write_text("<html>log in first</html>")
    with pytest.raises(NotAtHand, match=r"what file:.* sent has sha256"):
        download(tiny.files, tmp_path / "into")
    assert names(tmp_path / "into") == []


def test_prepare_uses_what_the_download_brought(tiny: Published) -> None:
    sentences: list[str] = []
    prepared = prepare("tiny", {"offline": "tiny_synth"}, say=sentences.append)
    assert prepared.stand_in_for is None and sentences[0].startswith("downloading tiny (0 MB)")


def test_a_download_that_fails_is_named(tiny: Published, published_file: Path) -> None:
    published_file.write_text("<html>log in first</html>")
    prepared = prepare("tiny", {"offline": "tiny_synth"})
    assert prepared.name == "tiny_synth" and prepared.stand_in_for == "tiny"
    assert prepared.stand_in_reason.startswith("tiny could not be downloaded: what file:")


def test_without_network_the_answer_is_an_address_and_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for proxy in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(NotAtHand, match=r"^https://.*mnist\.npz: .*refused"):
        download(DATASETS.get("mnist").function().files, tmp_path / "into")
    assert names(tmp_path / "into") == []


def test_a_server_that_hangs_up_is_a_reason_too(tmp_path: Path) -> None:
    """It promises more than it sends: a part of a file never appears under its name."""

    class Short(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"a part")

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Short) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        file = RemoteFile("short.npz", f"http://127.0.0.1:{server.server_port}/short.npz", "0" * 64, 1000)
        with pytest.raises(NotAtHand, match=r"short\.npz"):
            download([file], tmp_path / "into")
    assert names(tmp_path / "into") == []


def test_what_a_killed_download_left_is_cleared_after_a_day(tiny: Published, tmp_path: Path) -> None:
    old, new = tmp_path / "into" / ".actlab-old", tmp_path / "into" / ".actlab-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    download(tiny.files, tmp_path / "into")
    assert names(tmp_path / "into") == [".actlab-new", "tiny.npz"]


def published_files() -> list[Any]:
    sources = [(entry.name, entry.function()) for entry in DATASETS if not (entry.facts.synthetic or entry.facts.look)]
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
