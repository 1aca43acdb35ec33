"""What of the machine a training sees."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest

import actlab
from actlab import environment
from actlab.environment import gpus, treatment, worker_variables
from actlab.errors import ActlabError
from actlab.study.diff import differences

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


def test_the_source_has_a_digest_of_its_own(tmp_path: Path) -> None:
    """Of names and bytes of all Python files: it changes with any of them, and with nothing else."""
    found = []
    for name, text in (("a.py", "1"), ("a.py", "2"), ("sub/b.py", "1"), ("note.txt", "x")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        environment.source_sha256.cache_clear()
        found.append(environment.source_sha256(tmp_path))
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


# --- variables -------------------------------------------------------------------------------------------------------

DOCS = Path(__file__).parents[1] / "docs" / "environment.md"
LIBRARIES = ("keras", "tensorflow", "numpy", "scipy", "pandas", "matplotlib", "PIL", "rich", "typer", "pydantic",
             "jinja2", "filelock", "pebble", "yaml")  # fmt: skip
READS = re.compile(
    rb"""(?:environ(?:\.get|\.setdefault|\.pop)?|getenv)\s*[\[(]\s*["'](\w+)["']"""
    rb"""|["'](\w+)["'] (?:not )?in os\.environ"""
)
UNUSED = {"tests", "testing", "_testing", "test", "distutils", "f2py", "tools", "distribute", "tpu", "googletest.py"}


def table() -> dict[str, str]:
    """Pattern of a variable to what the page says is done with it, in the order of the page."""
    rows = [line.split(" | ") for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {name: row[-1] for row in rows for name in re.findall(r"`(\w[\w*]*)`", row[0])}


def example(pattern: str) -> str:
    return pattern.replace("*", "ANYTHING")


@pytest.mark.parametrize("pattern", table())
def test_the_page_says_what_is_done_with_a_variable(pattern: str) -> None:
    assert table()[pattern].startswith(treatment(example(pattern)))


def test_no_variable_is_missing_on_the_page() -> None:
    known = {*environment.PINNED, *environment.SWITCHES, *environment.AT_START, *worker_variables(1, "cpu")}
    known |= {pattern for patterns in environment.PATTERNS.values() for pattern in patterns.split()}
    assert known <= set(table())


@pytest.mark.slow
def test_every_variable_that_a_library_reads_is_on_the_page() -> None:
    """Of the Python code; libraries of machine code are searched by hand, and covered by patterns."""
    patterns, missing = table(), {}
    for library in LIBRARIES:
        folder = Path(str(find_spec(library).origin)).parent
        for path in folder.rglob("*.py"):
            if UNUSED & set(path.relative_to(folder).parts) or path.name.endswith(("_test.py", "conftest.py")):
                continue
            for names in READS.findall(path.read_bytes()):
                name = (names[0] or names[1]).decode()
                if not any(fnmatchcase(name, pattern) for pattern in patterns):
                    missing[name] = f"{library}: {path.relative_to(folder)}"
    assert not missing


@pytest.fixture
def own_variables() -> Iterator[None]:
    """What a test does to the environment is undone."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("own_variables")
def test_hostile_variables_are_gone_or_have_their_value() -> None:
    acting = {example(p): act for p, act in ((p, treatment(example(p))) for p in table()) if act != "kept"}
    os.environ.update(dict.fromkeys([*acting, "OF_SOMETHING_ELSE"], "hostile"))
    environment.pin_variables()
    for name, act in acting.items():
        if name in environment.SWITCHES:
            continue
        expected = {"pinned": environment.PINNED.get(name, "hostile"), "recorded": "hostile"}.get(act)
        assert os.environ.get(name) == expected, name
    assert os.environ["OF_SOMETHING_ELSE"] == "hostile"


@pytest.mark.parametrize("pattern", [pattern for pattern, says in table().items() if "under `variables`" in says])
def test_what_is_recorded_is_seen_by_diff(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment.describe("cpu", 1)
    monkeypatch.setenv(example(pattern), "other")
    found = differences(before, environment.describe("cpu", 1))
    assert found == {f"variables.{example(pattern)}": (None, "other")}


@pytest.mark.usefixtures("own_variables")
@pytest.mark.parametrize(
    ("value", "onednn", "deterministic"),
    [(None, True, False), ("1", True, True), ("true", True, True), ("TRUE", True, True), ("0", False, False),
     ("False", False, False), ("no", True, False), ("", True, False)],
)  # fmt: skip
def test_switches_are_recorded_as_tensorflow_reads_them(value: str | None, onednn: bool, deterministic: bool) -> None:
    for name in environment.SWITCHES:
        os.environ.pop(name, None)
        os.environ.update({} if value is None else {name: value})
    environment.pin_variables()
    record = environment.describe("cpu", 1)
    assert (record["onednn"], record["op_determinism"]) == (onednn, deterministic)


@pytest.mark.parametrize("name", ["TF_VAR_password", "TF_TOKEN_app_terraform_io", "TF_HTTP_PASSWORD", "AWS_SECRET_KEY"])
def test_no_secret_of_another_program_is_recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "secret")
    assert "secret" not in str(environment.describe("cpu", 1))


def test_the_commit_is_asked_of_the_own_repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A hook of git runs with variables that name another one."""
    environment.git_state.cache_clear()
    before = environment.git_state()
    environment.git_state.cache_clear()
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert environment.git_state() == before


@pytest.mark.parametrize("variable", ["ACTLAB_CACHE_DIR", "KERAS_HOME"])
def test_without_a_home_a_message_says_what_to_set(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(self: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    with pytest.raises(ActlabError, match=f"no home folder; set HOME, or {variable}"):
        environment.user_folder(variable, ".cache")


def test_every_dependency_is_on_its_page() -> None:
    page = (DOCS.parent / "dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((DOCS.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [name for name in re.findall(r"^\| ([a-z0-9]+) \|", page, re.MULTILINE) if name not in ("package", "extra")]
    needed = [re.split(r"[^a-z0-9]", name)[0] for name in project["dependencies"]]
    assert sorted(named) == sorted(needed)
