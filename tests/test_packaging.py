"""What is installed from a wheel holds all that it needs, and trains from any folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import actlab

ROOT = Path(__file__).parents[1]
TINY = ["--set", "dataset.train_images=200", "--set", "dataset.test_images=100", "--set", "epochs=1",
        "--set", "sweep.activation=[relu]", "--set", "sweep.seed=[0]"]  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the unpacked sdist, as an installer without a wheel does."""
    folder = tmp_path_factory.mktemp("dist")
    _call(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder), cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    source = folder / archive.name.removesuffix(".tar.gz")
    assert {path.name for path in source.iterdir()} >= {
        "actlab", "configs", "tests", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff",
    }  # fmt: skip
    _call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=source)
    return next(folder.glob("*.whl"))


def _call(*command: str, cwd: Path, **variables: str) -> str:
    """The standard output of a command that succeeds."""
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_package_and_the_configs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        metadata = file.read(f"actlab-{actlab.__version__}.dist-info/METADATA").decode()
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "actlab").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} <= names
    assert {f"actlab/configs/{path.name}" for path in (ROOT / "configs").iterdir()} <= names
    assert f"actlab-{actlab.__version__}.dist-info/licenses/LICENSE" in names
    assert "License-Expression: Apache-2.0" in metadata
    assert "Project-URL" not in metadata


@pytest.mark.slow
def test_the_installed_package_trains_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    site, here = tmp_path / "site", tmp_path / "empty"
    here.mkdir()
    _call(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(site), str(wheel),
          cwd=here)  # fmt: skip
    _train(str(site / "bin" / "actlab"), here, PYTHONPATH=str(site))


def _train(program: str, here: Path, **variables: str) -> None:
    found = json.loads(_call(program, "configs", "--json", cwd=here, **variables))
    assert not any(Path(of["file"]).is_relative_to(ROOT) for of in found)
    shown = json.loads(_call(program, "check", "relu_vs_leaky", "--json", cwd=here, **variables))
    assert len(shown[0]["runs"]) == 6
    _call(program, "init", "mine", "--like", "quickstart_synth", cwd=here, **variables)
    (answer,) = json.loads(_call(program, "run", "mine", "--json", *TINY, cwd=here, **variables))
    assert answer["counts"]["done"] == 1
    _call(program, "report", "mine", cwd=here, **variables)
    assert (here / "results" / "mine" / "report.html").is_file()


@pytest.mark.torture
def test_the_wheel_installs_with_all_it_depends_on_into_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """From the registry: it needs a network, and some minutes."""
    here, python = tmp_path / "empty", tmp_path / "venv" / "bin" / "python"
    here.mkdir()
    _call(sys.executable, "-m", "venv", str(tmp_path / "venv"), cwd=here)
    _call(str(python), "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), str(wheel), cwd=here)
    _train(str(python.with_name("actlab")), here, PYTHONPATH="")


@pytest.mark.torture
def test_an_editable_install_finds_the_configs_of_its_clone(tmp_path: Path) -> None:
    clone, here, python = tmp_path / "clone", tmp_path / "empty", tmp_path / "venv" / "bin" / "python"
    here.mkdir()
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(".git", "docs", "tests", "__pycache__"))
    _call(sys.executable, "-m", "venv", "--system-site-packages", str(tmp_path / "venv"), cwd=here)
    _call(str(python), "-m", "pip", "install", "-q", "--no-deps", "-e", str(clone), cwd=here, PYTHONPATH="")
    program = "from actlab.spec.shipped import shipped; print(shipped()['relu_vs_leaky'])"
    assert Path(_call(str(python), "-c", program, cwd=here, PYTHONPATH="").strip()).is_relative_to(clone / "configs")


def test_the_extras_and_lower_bounds_are_stated() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"gpu", "parquet", "docs", "test"} <= project["optional-dependencies"].keys()
    assert all(">=" in requirement for requirement in project["dependencies"])
    assert "urls" not in project
