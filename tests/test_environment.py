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


GROUPS = {
    "none": ({}, 64, 1e6),
    "version 2": ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "250000 100000\n",
                   "sys/fs/cgroup/a/cpu.max": "max 100000\n", "sys/fs/cgroup/a/memory.max": f"{3 * 2**30}\n",
                   "sys/fs/cgroup/a/b/memory.max": "max\n"}, 2, 3),
    "version 2, seen from inside": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1, 1e6),
    "a parent allows less": ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "800000 100000\n",
                              "sys/fs/cgroup/a/cpu.max": "300000 100000\n"}, 3, 1e6),
    "version 1": ({"proc/self/cgroup": "5:cpu,cpuacct:/a\n4:memory:/a\n0::/\n",
                   "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "400000\n",
                   "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
                   "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
                   "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{2**31}\n",
                   "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 4, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPS)
def test_a_control_group_may_allow_less_than_the_machine_has(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, cores, gib = GROUPS[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.setattr(environment.os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    monkeypatch.setattr(environment, "_memory_bytes", lambda: int(1e6 * 2**30))
    assert environment.usable_cores(tmp_path) == cores
    assert environment.usable_memory_gib(tmp_path) == gib
