"""Where a training happens: versions, machine, device, threads, variables and code. All of it can change the bytes.

On one machine kind the same program with the same number of threads and the same settings of its libraries gives the
same bytes. What a user's settings could change is the same in every process, or part of the record.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import logging
import os
import platform
import re
import resource
import shlex
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from actlab import __version__
from actlab.errors import ActlabError, DeviceError
from actlab.lazy import ENGINE, backend, jax, tf

RESULTS = Path("results")  # where `run` puts experiments, and the other commands look for names
_GPU_NAME = re.compile(r"\d+$|GPU-|MIG-")
PACKAGES = {
    "tensorflow": ("tensorflow", "keras", "numpy", "pillow"),
    "jax": ("jax", "jaxlib", "keras", "numpy", "pillow"),
}
TITLES = {"tensorflow": "TensorFlow", "jax": "JAX"}
CUDA = {"tensorflow": "tensorflow[and-cuda]", "jax": "actlab[jax-cuda]"}

# What is done with the variables that libraries read; docs/environment.md says what each changes, and why this is right
PINNED = {
    "KERAS_BACKEND": "tensorflow",
    "MATPLOTLIBRC": os.devnull,
    "MPLBACKEND": "agg",
    "PYTHONSAFEPATH": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
SWITCHES = {"TF_ENABLE_ONEDNN_OPTS": "onednn", "TF_DETERMINISTIC_OPS": "op_determinism"}  # and their keys in the record
AT_START = ("PYTHONOPTIMIZE", "PYTHONWARNINGS")  # removed too; Python has read them before it reads this
PATTERNS = {  # the first that fits; what fits none is left as it is
    "kept": "KERAS_HOME MPLCONFIGDIR TF_CPP_*",
    "removed": "FREETYPE_PROPERTIES GOTO_* HB_* KERAS_* MPL* NPY_* NUMPY_* PANDAS_* PILLOW_* SCIPY_* "
    "TERMINAL_WIDTH TF2_BEHAVIOR TF_CONFIG TF_USE_LEGACY_KERAS",
    # by name, since Terraform's are called TF_ too, and hold passwords
    "recorded": "CUBLAS_* CUDNN_* JAX_* DNNL_* DTENSOR_* GLIBC_TUNABLES LD_PRELOAD MKL_* NVIDIA_TF32_OVERRIDE ONEDNN_* "
    "TF_AUTO* TF_CONV* TF_CU* TF_DEBUG_CUDNN* TF_DETERMINISTIC_* TF_DISABLE_* TF_ENABLE_* TF_FP16_* TF_FUNCTION_* "
    "TF_GPU_* TF_JIT* TF_MATMUL_* TF_MKL_* TF_ONEDNN_* TF_OPTIONALS_* TF_OVERRIDE_* TF_PLUGGABLE_* TF_REALLY_* "
    "OPENBLAS_* TF_SET_* TF_USE_* TF_XLA_* XLA_*",
}


# --- what there is ---------------------------------------------------------------------------------------------


def require_engine(engine: str) -> None:
    """See that what an engine needs is installed.

    Raises:
        DeviceError: it is not; or there is no such engine.
    """
    if engine not in TITLES:
        raise DeviceError(f"--engine: expected auto, tensorflow or jax, read {engine!r}")
    if not find_spec(engine):
        extra = "actlab[jax]" if engine == "jax" else engine
        raise DeviceError(
            f"--engine {engine}: {TITLES[engine]} is not installed here: pip install {shlex.quote(extra)}"
        )


def choose_engine(wanted: str, device: str = "auto") -> str:
    """ "tensorflow" or "jax" for what the command line asks for.

    Args:
        wanted: "auto", or one of the two; auto takes JAX where it is installed and sees a GPU that may be used, else
            TensorFlow, and JAX where that is not installed.
        device: what `choose_device` will be asked for.

    Raises:
        DeviceError: it is not installed; or it is none of the three.
    """
    if wanted == "auto":
        if find_spec("jax") and device != "cpu" and gpus() and _sees_a_gpu("jax"):
            return "jax"
        wanted = "tensorflow" if find_spec("tensorflow") or not find_spec("jax") else "jax"
    require_engine(wanted)
    return wanted


def choose_device(wanted: str, engine: str = "tensorflow") -> str:
    """ "cpu" or "gpu" for what the command line asks for, without importing an engine here.

    Args:
        wanted: "auto", "cpu" or "gpu"; auto takes a GPU that the engine sees.
        engine: "tensorflow" or "jax".

    Raises:
        DeviceError: a GPU is wanted and there is none; or it is none of the three.
    """
    if wanted not in ("auto", "cpu", "gpu"):
        raise DeviceError(f"--device: expected auto, cpu or gpu, read {wanted!r}")
    reason = "this machine shows no NVIDIA GPU; use --device cpu"
    if wanted != "cpu" and gpus():
        if _sees_a_gpu(engine):
            return "gpu"
        reason = f"{TITLES[engine]} sees no GPU; install {CUDA[engine]}, or use --device cpu"
    if wanted == "gpu":
        raise DeviceError(f"--device gpu: {reason}")
    return "cpu"


@functools.cache
def _sees_a_gpu(engine: str) -> bool:
    """Whether an engine finds a GPU, asked in a process of its own."""
    probe = {
        "tensorflow": "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))",
        "jax": "import jax; print(sum(device.platform == 'gpu' for device in jax.devices()))",
    }[engine]
    variables = {**os.environ, "KERAS_HOME": os.devnull}  # TensorFlow too reads the user's keras.json
    done = subprocess.run([sys.executable, "-c", probe], env=variables, capture_output=True, check=False)
    return done.stdout.strip() not in (b"", b"0")


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


def gpu_memory_gib() -> float:
    """Memory of the smallest GPU here, by its driver's own tool; a small one's where that does not tell."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        told = subprocess.run(query, capture_output=True, encoding="utf-8", check=True, timeout=30).stdout.split()
        return min(map(float, told)) / 2**10
    return 8.0


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


def processor() -> str:
    """The processor's name, as its maker has it."""
    models = (line.split(":", 1)[1] for line in _text(Path("/proc/cpuinfo")).splitlines() if line[:10] == "model name")
    return next(models, platform.processor() or "unknown").strip()


def slow_bfloat16() -> bool:
    """Whether this processor computes bfloat16 by emulation only: without avx512_bf16 or amx_bf16 it is slow."""
    flags = _text(Path("/proc/cpuinfo"))
    return "flags" in flags and "avx512_bf16" not in flags and "amx_bf16" not in flags


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that this process may use, at least 1: those of its affinity, but no more than its control groups allow.

    Args:
        root: of the file system.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for group in _control_groups("cpu", root):
        version_1 = _text(group / "cpu.cfs_quota_us") + _text(group / "cpu.cfs_period_us")
        quota_and_period = (_text(group / "cpu.max") or version_1).split()  # microseconds
        if len(quota_and_period) == 2 and quota_and_period[0].isdecimal():  # not "max", nor -1
            quota, period = map(int, quota_and_period)
            cores = min(cores, max(1, quota // period))
    return cores


def usable_memory_gib(root: Path = Path("/")) -> float:
    """Memory that this process may use: the machine's, but no more than its control groups allow.

    Args:
        root: of the file system.
    """
    limit = _memory_bytes()
    for group in _control_groups("memory", root):
        text = (_text(group / "memory.max") or _text(group / "memory.limit_in_bytes")).strip()
        limit = min(limit, int(text)) if text.isdecimal() else limit
    return limit / 2**30


def _control_groups(controller: str, root: Path) -> Iterator[Path]:
    """The folders of the Linux control groups (version 1 or 2) that this process is in, each before its parents."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controller if controllers else "")
        group = top / path.lstrip("/")
        yield from [folder for folder in (group, *group.parents) if folder.is_relative_to(top)]


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _text(path: Path) -> str:
    """The text of a file of the system; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


# --- variables of the environment --------------------------------------------------------------------------------


def treatment(name: str) -> str:
    """What is done with a variable: "pinned", "removed", "recorded" or "kept"."""
    if name not in SWITCHES and name in {**PINNED, **worker_variables(1, "cpu")}:
        return "pinned"
    fits = (act for act, patterns in PATTERNS.items() if any(fnmatchcase(name, p) for p in patterns.split()))
    return "removed" if name in AT_START else next(fits, "kept")


def pin_variables() -> None:
    """Give this process, and those that it starts, the variables that every process of actlab has.

    Libraries read them when they are imported: this comes before.
    """
    for name in [name for name in os.environ if treatment(name) == "removed"]:
        del os.environ[name]
    os.environ.update(PINNED)
    # TensorFlow leaves oneDNN off on processors without AVX-512, where it trains the CIFAR-10 CNN 1.4 times as fast
    off = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() in ("0", "false")
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0" if off else "1"
    if Path("matplotlibrc").exists():  # Matplotlib reads that of the current folder first of all, and may fail of it
        here = Path.cwd()
        os.chdir(Path(__file__).parent)
        try:
            import matplotlib  # noqa: F401
        finally:
            os.chdir(here)


def pin_process() -> None:
    """`pin_variables` at the start of a command; Python begins anew where it has read other settings already.

    In a locale without UTF-8 it could name no folder as an experiment may be called.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # one that is closed, in its place
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(handle, True)  # or the first file of a worker would take its place
            setattr(sys, name, open(handle, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    logging.getLogger("matplotlib").setLevel("ERROR")  # of its caches, and of settings that it does not use
    try:
        Path.cwd()
    except OSError:
        raise ActlabError("the current folder is gone; change into another one") from None
    early = [name for name in AT_START if os.environ.pop(name, "")]
    narrow = sys.getfilesystemencoding() != "utf-8" and "utf8" not in sys._xoptions
    if early or narrow:
        if sys.stdout.isatty():  # a terminal shows the signs that it has
            os.environ["PYTHONIOENCODING"] = f"{sys.stdout.encoding}:replace"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    pin_variables()


@contextlib.contextmanager
def pinned_children() -> Iterator[None]:
    """Within, processes start as those of the command line do; the session around keeps its own variables.

    For a Python session that is not ours, whose libraries have read its variables long ago.
    """
    before = dict(os.environ)
    for name in AT_START:
        os.environ.pop(name, None)
    pin_variables()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def worker_variables(threads: int, device: str, engine: str = "tensorflow") -> dict[str, str]:
    """What a worker sets besides, before its engine is imported."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "PJRT_NPROC")
    variables = {
        "TF_CPP_MIN_LOG_LEVEL": "1", **dict.fromkeys(names, str(threads)), ENGINE: engine, "KERAS_BACKEND": engine,
        "JAX_PLATFORMS": "cpu" if device == "cpu" else "cuda",
    }  # fmt: skip
    return {**variables, "CUDA_VISIBLE_DEVICES": "-1"} if device == "cpu" else variables


def user_folder(variable: str, default: str) -> Path:
    """The folder that a variable names, or one in the user's home.

    Raises:
        ActlabError: this user has no home.
    """
    try:
        return Path(os.environ.get(variable) or f"~/{default}").expanduser()
    except RuntimeError:
        what = f"~/{default}: this user has no home folder"
        raise ActlabError(f"{what}; set HOME, or {variable} to a folder of yours") from None


def peak_memory_gib() -> float:
    """The most memory that this process has held so far; a worker that lived through several runs counts them all."""
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 2)


# --- for the record --------------------------------------------------------------------------------------------


def describe(device: str, threads: int) -> dict[str, Any]:
    """The environment of a training, as run.json holds it."""
    name = "cpu"
    if device != "cpu" and backend() == "jax":
        name = f"gpu: {jax.devices('gpu')[0].device_kind}"
    elif device != "cpu":
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        name = f"gpu: {details.get('device_name', 'unknown')}"
    return {
        "engine": backend(),
        "versions": {"python": platform.python_version(), **_versions(backend())},
        "git": git_state(),
        "source_sha256": source_sha256(),
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(_memory_bytes() / 2**30, 1),
        },
        "device": name,
        "threads": threads,
        **{key: os.environ.get(name, "").lower() in ("1", "true") for name, key in SWITCHES.items()},
        "variables": {n: os.environ[n] for n in sorted(os.environ) if n not in SWITCHES and treatment(n) == "recorded"},
    }


@functools.cache
def _versions(engine: str) -> dict[str, str]:
    versions = {"actlab": __version__}  # of a clone that is not installed too
    for package in PACKAGES[engine]:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


@functools.cache
def source_sha256(package: Path = Path(__file__).parent) -> str:
    """Of a package's Python files, names and bytes: it names the code where no commit does, or not all of it."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        for part in (path.relative_to(package).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


@functools.cache
def git_state() -> dict[str, Any] | None:
    """Commit of actlab's own checkout and whether it has uncommitted changes; None for an installed actlab."""
    folder = Path(__file__).parent
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # as a hook has them

    def git(*arguments: str) -> str | None:  # None: it did not answer
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=folder, env=variables, capture_output=True, encoding="utf-8", timeout=10
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return None if done.returncode else done.stdout.strip()

    commit, tracked = git("rev-parse", "HEAD"), git("ls-files", "--error-unmatch", "environment.py")
    if not commit or not tracked:  # a virtual environment may lie inside somebody else's checkout
        return None
    return {"commit": commit, "dirty": git("status", "--porcelain", "--", str(folder)) != ""}
