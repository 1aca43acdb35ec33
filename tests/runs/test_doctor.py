"""What the doctor says of machines that are not this one: made-up system folders, and TensorFlows that fail."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from actlab import cli
from actlab.parts.activations import ACTIVATIONS
from actlab.runs import doctor

HOLDS = """
__version__ = "2.0"
class config:
    def list_physical_devices(kind): return []
class sysconfig:
    def get_build_info(): return {"is_cuda_build": True}
"""
JAX = """
import types
__version__ = "0.9"
def devices(): return [types.SimpleNamespace(platform="{platform}", device_kind="{kind}")]
"""
BREAKS = "import sys; sys.exit('ImportError: libcudart.so.12: cannot open shared object file')"
DIES = "import os, signal; os.kill(os.getpid(), signal.SIGILL)"


@pytest.fixture
def tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that stands for TensorFlow in the processes that the doctor starts."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=":")
    monkeypatch.delenv("ACTLAB_DATA_DIR", raising=False)
    module = tmp_path / "site" / "tensorflow.py"
    module.parent.mkdir()
    module.write_text(HOLDS)
    module.with_name("jax.py").write_text(JAX.format(platform="cpu", kind="cpu"))
    monkeypatch.setattr(doctor, "find_spec", lambda name: name)
    return module


def _answer() -> tuple[int, str, dict[str, doctor.Finding]]:
    """Exit code, first line and findings."""
    told = CliRunner().invoke(cli.app, ["doctor"])
    found = json.loads(CliRunner().invoke(cli.app, ["doctor", "--json"]).stdout)
    assert found["well"] is (told.exit_code == 0)
    return told.exit_code, told.stdout.splitlines()[0], {of["about"]: doctor.Finding(**of) for of in found["findings"]}


def test_a_machine_that_has_all_is_well(tensorflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTLAB_DATA_DIR", str(tmp_path))
    (tmp_path / "mnist.npz").touch()
    code, first, found = _answer()
    assert (code, first.partition(":")[0]) == (0, "all is well")
    assert found["tensorflow"].found == "2.0"
    assert found["jax"] == doctor.Finding("jax", "0.9, sees cpu")
    assert found["data"].found.startswith("here: mnist")
    assert "ACTLAB_NO_DOWNLOAD" in found["network"].found


@pytest.mark.parametrize(("source", "why"), [(BREAKS, "libcudart"), (DIES, "signal 4")], ids=["breaks", "dies"])
def test_a_tensorflow_that_cannot_start_is_told_with_the_reason(tensorflow: Path, source: str, why: str) -> None:
    tensorflow.write_text(source)
    code, first, found = _answer()
    assert (code, first) == (1, "2 things to mend")  # data too: there is none, and no network
    assert why in found["tensorflow"].found
    assert found["tensorflow"].remedy and found["data"].remedy


def _machine(root: Path, *, card: bool = False, driver: bool = False, device: bool = False, vendor: str = "") -> Path:
    files = {"sys/bus/pci/devices/0/vendor": vendor or "0x10de", "sys/bus/pci/devices/0/class": "0x030200"}
    files = files if card or vendor else {}
    files |= {"proc/driver/nvidia/version": "NVRM version: 535"} if driver else {}
    files |= {"dev/nvidia0": ""} if device else {}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("there", "cuda", "hidden", "found", "remedy"),
    [
        ({}, True, None, "no NVIDIA GPU", ""),
        ({"vendor": "0x1002"}, True, None, "AMD", ""),
        ({"card": True}, True, None, "no driver", "install NVIDIA's driver"),
        ({"card": True, "driver": True}, True, None, "/dev/nvidia0 is not", "--gpus all"),
        ({"driver": True, "device": True}, True, "-1", "CUDA_VISIBLE_DEVICES", "unset"),
        ({"driver": True, "device": True}, False, None, "built without CUDA", "and-cuda"),
        ({"driver": True, "device": True}, True, None, "not installed", "and-cuda"),
    ],
    ids=["none", "amd", "driver", "container", "hidden", "cpu-build", "wheels"],
)
def test_why_tensorflow_sees_no_gpu(
    there: dict[str, bool], cuda: bool, hidden: str | None, found: str, remedy: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(doctor.metadata, "distributions", list)
    if hidden:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    finding = doctor.gpu([], cuda, "", _machine(tmp_path, **there))  # type: ignore[arg-type]
    assert found in finding.found
    assert remedy in finding.remedy
    assert bool(finding.remedy) is bool(remedy)


def test_a_gpu_that_is_seen_needs_no_remedy_and_one_that_all_is_there_for_gets_tensorflows_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert doctor.gpu(["H100"], True, "") == doctor.Finding("gpu", "TensorFlow sees H100")

    class Cudnn:
        name = "nvidia-cudnn-cu12"

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(doctor.metadata, "distributions", lambda: [Cudnn])
    finding = doctor.gpu(
        [], True, "a line\ncuInit: CUDA_ERROR_NO_DEVICE\n", _machine(tmp_path, driver=True, device=True)
    )
    assert "CUDA_ERROR_NO_DEVICE" in finding.found
    assert "535" in finding.remedy


@pytest.mark.parametrize(
    ("source", "found", "remedy"),
    [
        (JAX.format(platform="gpu", kind="H100"), "0.9, sees H100", ""),
        (f"import sys; sys.stderr.write('no CUDA-enabled jaxlib\\n')\n{JAX.format(platform='cpu', kind='cpu')}",
         "0.9, sees cpu, and an NVIDIA GPU that it does not see; it says: no CUDA-enabled jaxlib", "actlab[jax-cuda]"),
        (DIES, "cannot start: it was ended by signal 4", "pip install"),
    ],
    ids=["sees", "blind", "dies"],
)  # fmt: skip
def test_what_jax_sees(source: str, found: str, remedy: str, tensorflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensorflow.with_name("jax.py").write_text(source)
    monkeypatch.setattr(doctor.environment, "gpus", lambda: ["0"])
    seen = doctor.jax()
    assert seen.found == found
    assert remedy in seen.remedy and bool(remedy) == bool(seen.remedy)


def test_a_machine_without_jax_lacks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    seen = doctor.jax()
    assert "pip install 'actlab[jax]'" in seen.found and not seen.remedy


def test_a_network_that_is_silent_is_not_waited_for(tensorflow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTLAB_NO_DOWNLOAD")
    monkeypatch.setattr(doctor, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    reached, said = doctor._network()
    assert not reached
    assert "no answer in 0.1 s" in said


def test_an_installed_plugin_that_fails_is_told_and_one_that_works_is_named(
    tensorflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = "from actlab import ACTIVATIONS\n\n@ACTIVATIONS.register()\ndef good_one(x):\n    return x\n"
    for name, text in (("good_parts", good), ("bad_parts", "\n1 / 0\n")):
        (tmp_path / "packages" / f"{name}-1.0.dist-info").mkdir(parents=True)
        (tmp_path / "packages" / f"{name}.py").write_text(text)
        info = tmp_path / "packages" / f"{name}-1.0.dist-info"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[actlab.plugins]\n{name} = {name}\n")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    try:
        _, _, found = _answer()
    finally:
        ACTIVATIONS.forget(ACTIVATIONS.get("good_one").plugin)
    assert found["plug-in good_parts"] == doctor.Finding("plug-in good_parts", "good_parts 1.0: activation good_one")
    assert found["plug-in bad_parts"].found.endswith("bad_parts.py:2: ZeroDivisionError: division by zero")
    assert "pip uninstall bad_parts" in found["plug-in bad_parts"].remedy
