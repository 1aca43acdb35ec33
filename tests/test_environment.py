"""What of the machine a training sees."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

import actlab
from actlab import environment
from actlab.environment import gpus, worker_variables

UUID = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
MIG = "MIG-7c25b1a0-1c0b-5a0c-8d5e-0f1e2d3c4b5a"


@pytest.fixture
def devices(tmp_path: Path) -> Path:
    """The device files of a machine with three GPUs, the second of which a container does not show."""
    for name in ("nvidia0", "nvidia2", "nvidia3", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["0", "1", "2"]),  # CUDA counts what it sees, whatever the numbers of the files
        ("2,0", ["2", "0"]),
        (f"{UUID}, 1", [UUID, "1"]),
        (f"{MIG},MIG-GPU-5f/1/0", [MIG, "MIG-GPU-5f/1/0"]),
        ("", []), ("-1", []), ("0,-1,1", ["0"]), ("NoDevFiles", []),
    ],
)  # fmt: skip
def test_gpus_are_named_as_the_environment_names_them(
    visible: str | None, names: list[str], devices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus(devices) == names


def test_a_machine_without_gpus_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert gpus(tmp_path) == []


def test_a_worker_on_the_cpu_sees_no_gpu() -> None:
    assert worker_variables(2, "cpu")["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "CUDA_VISIBLE_DEVICES" not in worker_variables(2, "gpu")


def test_the_source_has_a_digest_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of names and bytes of all Python files: it changes with any of them, and with nothing else."""
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "environment.py"))
    found = []
    for name, text in (("a.py", "1"), ("a.py", "2"), ("sub/b.py", "1"), ("note.txt", "x")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        environment.source_sha256.cache_clear()
        found.append(environment.source_sha256())
    environment.source_sha256.cache_clear()
    assert len(set(found)) == 3
    assert found[2] == found[3]


def test_the_version_is_that_of_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone that is not installed has one too, and says it in every record."""

    def not_installed(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(environment.metadata, "version", not_installed)
    environment._versions.cache_clear()
    versions = environment.describe("cpu", 1)["versions"]
    environment._versions.cache_clear()
    assert versions["actlab"] == actlab.__version__
    assert versions["keras"] == "not installed"
