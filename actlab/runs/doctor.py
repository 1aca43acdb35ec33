"""What this machine has for trainings, what it lacks, and what to do about it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from actlab import __version__, environment, plugins
from actlab.errors import ActlabError, PluginError
from actlab.parts import datasets
from actlab.parts.datasets import DATASETS, store
from actlab.runs.sweep import GIB_A_WORKER, workers_and_threads

MANY = 1000  # runs: so many that only the machine limits the workers
PATIENCE_SECONDS = 2.0  # for a server to answer
IMPORT_SECONDS = 120.0  # that an engine may take to be imported
LEAST_DISK_GB = 1.0
NVIDIA, AMD, DISPLAY = "0x10de", "0x1002", "0x03"  # vendors and the class of a PCI device
GPU_EXTRA = "pip install 'tensorflow[and-cuda]' (with actlab: the extra `gpu`)"
TENSORFLOW = """
import json, tensorflow as tf
gpus = tf.config.list_physical_devices("GPU")
names = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
cuda = bool(tf.sysconfig.get_build_info()["is_cuda_build"])
print(json.dumps({"version": tf.__version__, "gpus": names, "cuda": cuda}))
"""
JAX = """
import json, jax
devices = jax.devices()
gpu = any(device.platform == "gpu" for device in devices)
print(json.dumps({"version": jax.__version__, "devices": [device.device_kind for device in devices], "gpu": gpu}))
"""


@dataclass(frozen=True)
class Finding:
    """What a look at one thing showed.

    Args:
        about: the thing, in a word.
        found: what there is.
        remedy: what to do, where a training would fail or be much slower than this machine can; else empty.
    """

    about: str
    found: str
    remedy: str = ""


def examine(data_dir: Path | None = None) -> list[Finding]:
    """A finding on each thing that a training needs or could use. Reads, and asks one server for an answer."""
    seen, said = _asked(TENSORFLOW)
    return [
        *_versions(seen, said),
        jax(),
        *_plugins(),
        *_machine(),
        gpu(seen.get("gpus", []), seen.get("cuda", True), said),
        *_data(data_dir),
    ]


# --- programs --------------------------------------------------------------------------------------------------


def _asked(look: str) -> tuple[dict[str, Any], str]:
    """What an engine says of itself in a process of its own, and what else it prints; empty where it cannot start."""
    variables = {**os.environ, "KERAS_HOME": os.devnull, "TF_CPP_MIN_LOG_LEVEL": "0"}
    command = [sys.executable, "-c", look]
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, encoding="utf-8", errors="replace", timeout=IMPORT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return {}, f"its import took longer than {IMPORT_SECONDS:.0f} s"
    with contextlib.suppress(ValueError, IndexError):
        return json.loads(done.stdout.splitlines()[-1]), done.stderr
    signal = "" if done.returncode >= 0 else f"it was ended by signal {-done.returncode}"
    return {}, signal or (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]


def _versions(seen: Mapping[str, Any], said: str) -> Iterator[Finding]:
    yield Finding("actlab", f"{__version__} in {Path(__file__).parents[1]}")
    yield Finding("python", f"{platform.python_version()} ({sys.executable})")
    packages = ("keras", "numpy", "pandas", "scipy", "matplotlib", "pillow", "pydantic", "typer", "pebble")
    found = {}
    for name in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    absent = [name for name in packages if name not in found]
    listed = ", ".join(f"{name} {version}" for name, version in found.items())
    yield Finding("packages", listed, f"pip install {' '.join(absent)}" if absent else "")
    if seen:
        yield Finding("tensorflow", str(seen["version"]))
    else:
        yield Finding("tensorflow", f"cannot be imported: {said}", "pip install --force-reinstall tensorflow")


def jax() -> Finding:
    """What JAX is and sees, which is an extra: without it `--engine tensorflow` trains."""
    if not find_spec("jax"):
        return Finding("jax", "not installed; only --engine jax needs it: pip install 'actlab[jax]'")
    seen, said = _asked(JAX)
    if not seen:
        return Finding("jax", f"cannot start: {said}", "pip install --force-reinstall jax jaxlib")
    found = f"{seen['version']}, sees {', '.join(seen['devices'])}"
    if seen["gpu"] or not environment.gpus():
        return Finding("jax", found)
    remedy = f"pip install {shlex.quote(environment.CUDA['jax'])}, which is JAX with its CUDA packages"
    return Finding("jax", f"{found}, and an NVIDIA GPU that it does not see{_on_gpus(said)}", remedy)


def _plugins() -> Iterator[Finding]:
    """The installed packages with own parts: each command that reads a config loads them, and stops where one fails."""
    for point in plugins.entry_points():
        about = f"plug-in {point.name}"
        try:
            plugin = plugins.load_installed(point)
        except PluginError as error:
            package = point.dist.name if point.dist else point.module
            yield Finding(about, str(error), f"mend it, or: pip uninstall {package}; until then no config can be read")
        else:
            yield Finding(
                about, f"{plugin.name}: {', '.join(f'{kind} {of.name}' for kind, of in plugins.parts(plugin))}"
            )


# --- hardware --------------------------------------------------------------------------------------------------


def _machine() -> Iterator[Finding]:
    cores, memory = environment.usable_cores(), environment.usable_memory_gib()
    slow = "; mixed_bfloat16 is slow on it" if environment.slow_bfloat16() else ""
    yield Finding("processor", f"{environment.processor()}, {cores} of {os.cpu_count()} cores may be used{slow}")
    little = f"a worker takes about {GIB_A_WORKER} GiB: give this machine or container more, or train small nets only"
    yield Finding("memory", f"{memory:.1f} GiB may be used", little if memory < GIB_A_WORKER else "")
    workers, threads = workers_and_threads(MANY, "cpu")
    yield Finding("workers", f"{workers} at a time in a sweep, {threads} thread{'s' * (threads > 1)} each")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    full = f"make room: below {LEAST_DISK_GB:g} GB a sweep may stop for want of it"
    yield Finding("disk", f"{free:,.1f} GB free here", full if free < LEAST_DISK_GB else "")


def gpu(names: list[str], cuda: bool, said: str, root: Path = Path("/")) -> Finding:
    """Which GPUs TensorFlow sees; or why it sees none.

    Args:
        names: those that it sees.
        cuda: whether it was built for them.
        said: what it printed.
        root: of the file system.
    """
    if names:
        return Finding("gpu", f"TensorFlow sees {', '.join(names)}")
    devices, driver = root / "dev", _first_line(root / "proc/driver/nvidia/version")
    there = sorted(devices.glob("nvidia[0-9]*")) or list(devices.glob("dxg"))  # the latter under Windows
    cards = {_first_line(card / "vendor") for card in (root / "sys/bus/pci/devices").glob("*")
             if _first_line(card / "class").startswith(DISPLAY)}  # fmt: skip
    if not (there or driver or NVIDIA in cards):
        more = "; TensorFlow does not use that of AMD" if AMD in cards else ""
        return Finding("gpu", f"no NVIDIA GPU; trainings run on the processor{more}")
    unseen = "an NVIDIA GPU that TensorFlow does not see"
    if not there and not driver:
        return Finding("gpu", f"{unseen}: it has no driver", "install NVIDIA's driver for this system, and restart it")
    if not there:
        remedy = "start the container with the GPU (docker run --gpus all); outside of one, load the module nvidia_uvm"
        return Finding("gpu", f"{unseen}: the driver is there, /dev/nvidia0 is not", remedy)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and not environment.gpus(devices):
        return Finding("gpu", f"{unseen}: CUDA_VISIBLE_DEVICES is {hidden!r}", "unset CUDA_VISIBLE_DEVICES")
    if not os.access(there[0], os.R_OK | os.W_OK):
        return Finding(
            "gpu", f"{unseen}: {there[0]} may not be opened", "have this user put into the group of that file"
        )
    if not cuda:
        return Finding("gpu", f"{unseen}: this TensorFlow is built without CUDA", f"pip uninstall it; {GPU_EXTRA}")
    if not any((of.name or "").startswith("nvidia-cudnn") for of in metadata.distributions()):
        return Finding("gpu", f"{unseen}: CUDA's packages are not installed", GPU_EXTRA)
    return Finding("gpu", f"{unseen}{_on_gpus(said)}", f"update NVIDIA's driver ({driver or 'unknown'}); {GPU_EXTRA}")


def _on_gpus(said: str) -> str:
    """What an engine printed last of GPUs, as a finding ends."""
    lines = [line for line in said.splitlines() if "cuda" in line.lower() or "gpu" in line.lower()]
    return f"; it says: {lines[-1].strip()}" if lines else ""


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""


# --- data ------------------------------------------------------------------------------------------------------


def _data(data_dir: Path | None) -> Iterator[Finding]:
    try:
        found = datasets.status(data_dir)
        cache = store.cache_folder()
    except ActlabError as error:  # no home folder
        yield Finding("data", str(error), "set HOME, or ACTLAB_CACHE_DIR and KERAS_HOME")
        return
    reached, network = _network()
    for of in found:
        if of.problem:
            yield Finding("data", of.problem, "remove what is damaged; it is made again")
    collected = [of for of in found if not (of.synthetic or DATASETS.get(of.name).facts.look)]
    here = [of.name for of in collected if of.found]
    absent = [of.name for of in collected if not of.found]
    remedy = ""
    if not here and not reached:
        remedy = "put mnist.npz into a folder and name it by ACTLAB_DATA_DIR; the rendered sets need nothing"
    elsewhere = f"; not here: {', '.join(absent)}" + (" (downloaded when needed)" if reached else "") if absent else ""
    yield Finding("data", f"here: {', '.join(here) or 'none'}{elsewhere}", remedy)
    size = sum(of.bytes for of in found if of.cached) / 1e6
    existing = next(folder for folder in (cache, *cache.parents) if folder.exists())
    writable = os.access(existing, os.W_OK)
    yield Finding("cache", f"{cache}, {size:,.0f} MB", "" if writable else "set ACTLAB_CACHE_DIR to a folder of yours")
    yield Finding("network", network)


def _network() -> tuple[bool, str]:
    """Whether the server of the datasets answers, and how; a machine without a network trains all the same."""
    if os.environ.get("ACTLAB_NO_DOWNLOAD"):
        return False, "not used: ACTLAB_NO_DOWNLOAD is set"
    url = DATASETS.get("mnist").function().files[0].url
    host, answers = urlsplit(url).hostname, list[str]()

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            urllib.request.build_opener().open(request, timeout=PATIENCE_SECONDS).close()  # as a download does
            answers.append("")
        except Exception as error:  # whatever it is, it is no answer
            answers.append(str(getattr(error, "reason", error)))

    asking = threading.Thread(target=ask, daemon=True)  # to look a name up takes as long as it likes
    asking.start()
    asking.join(PATIENCE_SECONDS)
    if answers == [""]:
        return True, f"{host} answers"
    why = answers[0] if answers else f"no answer in {PATIENCE_SECONDS:g} s"
    return False, f"{host} cannot be reached ({why}); nothing can be downloaded"
