"""What happens in a worker process: a process that lives through many trainings."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from pathlib import Path
from types import ModuleType

from actlab import plugins
from actlab.environment import pin_variables, worker_variables
from actlab.errors import ActlabError, RunDirError, RunLocked
from actlab.lazy import import_keras
from actlab.runs.folder import LOG, naming
from actlab.runs.job import Finish, Job, Outcome

_terminated = threading.Event()  # set by SIGTERM: a scheduler stops workers that way too


def start(threads: int, device: str, engine: str, parent: int, gpu: str | None, scratch: Path) -> None:
    """Prepare the process, before its engine is imported.

    Args:
        threads: how many it may use.
        device: "cpu" or "gpu".
        engine: of the trainings to come, "tensorflow" or "jax".
        parent: the process without which it must not live.
        gpu: the GPU that it alone, or with others, is to use, by the name that CUDA has for it; None for what is there.
        scratch: for temporary files. TensorFlow's stay where a worker is killed; the parent removes this folder.
    """
    pin_variables()
    tempfile.tempdir = str(scratch)
    os.environ.update(worker_variables(threads, device, engine))
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm sends it to all processes of a task; the first one answers
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu

    def die_with_parent() -> None:  # a killed parent must leave no orphan
        while os.getppid() == parent:
            time.sleep(0.3)
        os._exit(1)

    threading.Thread(target=die_with_parent, daemon=True).start()


def warm_up(path: Path) -> None:
    """Import the engine for the training in a run directory, whose log gets what is printed."""
    _redirect_output(path / LOG)
    import_engine()


def work(job: Job, stop_file: Path, finish: Finish | None) -> Outcome:
    """Train a run and those of its group; what libraries print goes into its log.

    Never raises for what a training can do.
    """
    from actlab.runs.training import train_together  # by the worker alone: whoever starts it needs none of it

    _terminated.clear()
    before = signal.signal(signal.SIGTERM, lambda *_: _terminated.set())  # idle, a worker ends at once
    _redirect_output(job.path / LOG)
    try:
        if stop_file.exists():
            return Outcome("interrupted")
        for other in job.together:
            with contextlib.suppress(RunDirError), _opened(other.path / LOG) as handle:  # its own training says it
                os.write(handle, f"trained together with {job.path.name}, whose {LOG} has what was printed\n".encode())
        import_engine()  # unless the worker that had has died
        for plugin in job.plugins:
            plugins.load(plugin)
        ended = train_together(job.group, lambda: _terminated.is_set() or stop_file.exists(), finish)
        first, *others = map(_outcome, ended)
        return replace(first, together=tuple(others))
    except (Exception, SystemExit) as error:  # a plug-in may end Python
        return _outcome(error)
    finally:
        sys.stderr.flush()
        forget_gradients()
        signal.signal(signal.SIGTERM, before)


def _outcome(ended: str | Exception | SystemExit) -> Outcome:
    """What came out of a training, or why nothing did."""
    from actlab.runs.training import Stopped

    if isinstance(ended, str):
        return Outcome(ended)
    if isinstance(ended, Stopped):
        return Outcome("interrupted")
    if isinstance(ended, RunLocked):  # which is no failure of the run
        return Outcome("running", str(ended))
    traceback.print_exception(ended)
    if blamed := plugins.blamed(ended):
        return Outcome("failed", str(blamed))
    if isinstance(ended, ActlabError):
        return Outcome("failed", str(ended))
    lines = [line.strip() for line in str(ended).splitlines() if line.strip()] or [""]
    line = lines[-1] if lines[0].endswith(":") else lines[0]  # TensorFlow begins with "in user code:"
    return Outcome("failed", f"{type(ended).__name__}: {line[:300]}")


@contextlib.contextmanager
def _opened(log: Path) -> Iterator[int]:
    with naming(log, "written"):
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    yield handle
    os.close(handle)


def _redirect_output(log: Path) -> None:
    """Send file descriptors 1 and 2 to the log: TensorFlow's C++ ignores Python's streams and its own settings."""
    with _opened(log) as handle:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(handle, 1)
        os.dup2(handle, 2)


def import_engine() -> None:
    """Import Keras and its backend in less time than an import by itself takes; at once where they have been imported.

    TensorFlow's import makes half a million objects that live as long as the process. They are not looked through for
    garbage meanwhile, nor by any later collection: `keras.backend.clear_session` asks for one before each training.
    """
    if "keras" in sys.modules:
        return
    gc.disable()
    sys.meta_path.insert(0, _LaterPyplot)
    try:
        import_keras()
    finally:
        sys.meta_path.remove(_LaterPyplot)
        gc.enable()
    gc.freeze()


class _LaterPyplot:
    """Finds `matplotlib.pyplot` as a module that is executed when one of its names is read.

    Keras imports it for picture galleries; Matplotlib's windows take a second that a training does not need.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == "matplotlib.pyplot" else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec


def forget_gradients() -> None:
    """Let go of the functions that a training has traced, and with them of all its variables.

    TensorFlow registers each custom gradient that it traces (`tf.nn.silu` has one, and so has every optimizer of Keras,
    which sums over replicas) under a name of its own, until the process ends: tens of megabytes a run.
    """
    with contextlib.suppress(AttributeError):  # not imported yet; or another version, which has this elsewhere
        known = sys.modules.get("tensorflow.python.framework.ops").gradient_registry._registry  # type: ignore[union-attr]
        for name in [name for name in known if name.startswith("CustomGradient-")]:
            del known[name]
