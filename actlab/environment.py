"""Where a training happens: versions, machine, device, threads and code. All of it can change the bytes.

On one machine kind the same program with the same number of threads gives the same bytes; another number of threads,
oneDNN switched off or op determinism give others, so all three are part of the record.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from actlab import __version__
from actlab.errors import DeviceError
from actlab.lazy import tf

_GPU_NAME = re.compile(r"\d+$|GPU-|MIG-")
PACKAGES = ("tensorflow", "keras", "numpy", "pillow")


def worker_variables(threads: int, device: str) -> dict[str, str]:
    """Environment variables that must stand before TensorFlow is imported."""
    variables = {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "1",
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        # TensorFlow leaves oneDNN off on processors without AVX-512, where it trains the CIFAR-10 CNN 1.4 times as fast
        "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "MPLBACKEND": "agg",
    }
    return {**variables, "CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else variables


def choose_device(wanted: str) -> str:
    """ "cpu" or "gpu" for what the command line said, without importing TensorFlow here.

    Args:
        wanted: "auto", "cpu" or "gpu"; auto takes a GPU that TensorFlow sees.

    Raises:
        DeviceError: a GPU is wanted and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    if not gpus():
        if wanted == "gpu":
            raise DeviceError("--device gpu: this machine shows no NVIDIA GPU; use --device cpu")
        return "cpu"
    probe = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    if done.stdout.strip() not in ("", "0"):
        return "gpu"
    if wanted == "gpu":
        raise DeviceError("--device gpu: TensorFlow sees no GPU; install tensorflow[and-cuda], or use --device cpu")
    return "cpu"


def slow_bfloat16() -> bool:
    """Whether this processor computes bfloat16 by emulation only: without avx512_bf16 or amx_bf16 it is slow."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "flags" in flags and "avx512_bf16" not in flags and "amx_bf16" not in flags


def gpus(devices: Path = Path("/dev")) -> list[str]:
    """The NVIDIA GPUs that this process may see, each as `CUDA_VISIBLE_DEVICES` names it: number, UUID or MIG device.

    Args:
        devices: where the system has its device files.
    """
    count = len(list(devices.glob("nvidia[0-9]*")))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None or not count:
        return [str(number) for number in range(count)]  # the files may have other numbers than CUDA counts
    names = [name.strip() for name in visible.split(",")]
    return list(itertools.takewhile(_GPU_NAME.match, names))  # CUDA too stops at the first name that it does not know


def use_device(device: str) -> str:
    """The TensorFlow name of a device.

    Args:
        device: "cpu" or "gpu".

    Raises:
        DeviceError: there is no such device here.
    """
    if device == "cpu":
        return "/CPU:0"
    if not tf.config.list_physical_devices("GPU"):
        raise DeviceError("--device gpu: TensorFlow sees no GPU here; use --device cpu, or install its CUDA packages")
    return "/GPU:0"


def describe(device: str, threads: int) -> dict[str, Any]:
    """The environment of a training, as run.json holds it."""
    return {
        "versions": {"python": platform.python_version(), **_versions()},
        "git": git_state(),
        "source_sha256": source_sha256(),
        "machine": _machine(),
        "device": _device_name(device),
        "threads": threads,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1",
        "op_determinism": os.environ.get("TF_DETERMINISTIC_OPS", "0") in ("1", "true"),
    }


def peak_memory_gib() -> float:
    """The most memory that this process has held so far; a worker that lived through several runs counts them all."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 2)


@functools.cache
def _versions() -> dict[str, str]:
    versions = {"actlab": __version__}  # of a clone that is not installed too
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


@functools.cache
def source_sha256() -> str:
    """Of actlab's own Python files, names and bytes: it names the code where no commit does, or not all of it."""
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        for part in (path.relative_to(package).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


@functools.cache
def git_state() -> dict[str, Any] | None:
    """Commit of actlab's own checkout and whether it has uncommitted changes; None for an installed actlab."""
    folder = Path(__file__).parent
    commit = _git("rev-parse", "HEAD", folder=folder)
    tracked = _git("ls-files", "--error-unmatch", "environment.py", folder=folder)
    if not commit or not tracked:  # a virtual environment may lie inside somebody else's checkout
        return None
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--", str(folder), folder=folder))}


def _git(*arguments: str, folder: Path) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


@functools.cache
def _machine() -> dict[str, Any]:
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_bytes / 2**30, 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _device_name(device: str) -> str:
    if device == "cpu":
        return "cpu"
    details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
    return f"gpu: {details.get('device_name', 'unknown')}"
