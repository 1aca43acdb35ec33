"""Trainings without TensorFlow, in processes of their own: what is killed, stopped and kept waiting by the thousand.

Only the network is a stand-in; folder, tables, checkpoints, record, lock, queue and command are the real ones.

    python -m torture.trainer FIRST EVERY SIGNAL,... run study.yaml ...

is `actlab run ...` whose workers train such networks, and that sends itself the signals: the first one at its FIRSTth
import or opened file, each other one EVERY later. FIRST 0 sends none; how many there were is the last line of stdout.
EVERY 0 also leaves out the curves at the end, whose import takes longer than all else.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from actlab.runs.engines.engine import Group
from actlab.runs.job import Finish, Job, Outcome

SECONDS_A_CALL = float(os.environ.get("TORTURE_SECONDS", 0))  # of the network's training, so that there is one to stop
HANGS = os.environ.get("TORTURE_HANGS")  # what takes for ever: "warm_up" or "model"


class Engine:
    """Weights that move by the images that they are shown; the interface is that of the compiled engine."""

    learning_rate, averaged = 0.1, contextlib.nullcontext
    bad_step: int | None = None

    def __init__(self, model: Any, *_: Any) -> None:
        self.model, self.sums = model, np.zeros(3)

    def train(self, batches: Any) -> None:
        time.sleep(SECONDS_A_CALL)
        for batch in batches:
            self.model.kernel = np.cos(self.model.kernel * 3 + batch.mean()).astype(np.float32)
            self.sums += [np.abs(self.model.kernel).sum(), batch.sum() % 7, len(batch)]
        if not self.finite():
            self.bad_step = 3

    def means(self) -> tuple[float, float, int]:
        loss, hits, count = map(float, self.sums)
        return loss / max(count, 1), hits / max(count, 1), int(count)

    def reset_means(self) -> None:
        self.sums = np.zeros(3)

    def look(self, *arguments: Any) -> tuple[float, float, dict[str, Any]]:
        return *self.evaluate(*arguments), {}

    def evaluate(self, *_: Any) -> tuple[float, float]:
        return float(np.abs(self.model.kernel).mean()), float(self.model.kernel[0] ** 2)

    def finite(self) -> bool:
        return bool(np.isfinite(self.model.kernel).all())

    def finish(self) -> None:
        pass

    def sync(self) -> None:
        pass

    def gradient_sums(self) -> dict[str, Any]:
        return {}

    def weights(self) -> list[Any]:
        return [self.model.kernel.copy()]

    def set_weights(self, weights: list[Any]) -> None:
        self.model.kernel = weights[0].copy()

    def state(self) -> dict[str, Any]:
        return {"kernel": self.model.kernel, "sums": self.sums}

    def restore(self, state: dict[str, Any]) -> None:
        self.model.kernel, self.sums = state["kernel"].copy(), state["sums"].copy()


def group(members: Any, *_: Any) -> Group:
    return Group([Engine(member.model) for member in members])


class Rows:
    """Probes, if any are chosen, and film at once: both remember the weights of the row before."""

    dead: Mapping[str, Any] = {}
    weights: Mapping[str, Any] = {}
    every, bytes_a_frame, layer = 1, 32, SimpleNamespace(name="dense")

    def __init__(self, chosen: Any, model: Any) -> None:
        self.model, self.before = model, model.kernel
        self.layers = ("dense",) if chosen else ()
        self.columns = self.totals = ("weight_norm",) if chosen else ()

    def on(self, images: str) -> SimpleNamespace:
        return SimpleNamespace(evaluation={})

    def row(self, seen: Any, of_gradients: Any) -> tuple[list[Any], tuple[float, ...]]:
        moved, self.before = float(np.linalg.norm(self.model.kernel - self.before)), self.model.kernel
        return ([("dense", 8, moved)], (moved,)) if self.layers else ([], ())

    def frame(self, dead: Any) -> bytes:
        moved, self.before = self.model.kernel - self.before, self.model.kernel
        return bytes(moved.tobytes())

    def arrays(self, raw: bytes) -> dict[str, Any]:
        return {"frames": np.frombuffer(raw, np.float32).reshape(-1, 8)}

    def state(self) -> dict[str, Any]:
        return {"before": self.before}

    def restore(self, state: Any) -> None:
        self.before = state["before"]


def model(config: Any, *_: Any) -> Any:
    if HANGS == "model":
        time.sleep(1e6)
    rate = config.optimizer.parameters["learning_rate"]
    kernel = np.linspace(0, 1 + config.seed if rate < 1 else np.nan, 8, dtype=np.float32)
    return SimpleNamespace(kernel=kernel, count_params=lambda: 8)


LAYER = "actlab.parts.activations.layer"  # the module, which imports Keras


def layer() -> Any:
    return SimpleNamespace(learned_means=lambda model: {})


def replacements() -> dict[str, Any]:
    """What `train` finds in place of Keras, its model and its engine, by the names in its module."""
    nothing = SimpleNamespace(clear_session=lambda **_: None, set_random_seed=lambda seed: None)
    settings = {"versions": {}, "onednn": False, "op_determinism": False, "variables": {}, "threads": 1}
    return {
        "keras": SimpleNamespace(backend=nothing, utils=nothing), "make_group": group, "Probes": Rows,
        "build_model": model, "build_optimizer": lambda *_: None, "WeightFilm": lambda model, *_: Rows((), model),
        "initial_weights_sha256": lambda model: "1" * 64,
        "environment": SimpleNamespace(describe=lambda *_: {**settings}, peak_memory_gib=lambda: 0.0),
    }  # fmt: skip


def replace() -> None:
    """Let this process train such networks for good."""
    from actlab.runs import training

    sys.modules[LAYER] = layer()
    vars(training).update(replacements())


def train(job: Job) -> str:
    """`run.training.train` of such a network; what came out, or who else trains it."""
    from actlab.errors import RunLocked
    from actlab.runs import training

    replace()
    try:
        return training.train(job)
    except RunLocked as error:
        return str(error)


# --- as workers of `actlab run` ----------------------------------------------------------------------------------


def start(*arguments: Any) -> None:
    from actlab.runs.executors import worker

    worker.start(*arguments)


def warm_up(path: Path) -> None:
    """Imports nothing."""
    if HANGS == "warm_up":
        time.sleep(1e6)


def work(job: Job, stop_file: Path, finish: Finish | None) -> Outcome:
    """What `executors.worker.work` does, with such a network and without figures."""
    from actlab.runs.executors import worker

    worker.import_engine = lambda: None
    replace()
    return worker.work(job, stop_file, None)


def command(first: int, every: int, *signals: int) -> None:
    """The command line as `actlab.__main__` has it, with these workers."""
    from actlab.signals import Signals

    seen, due = 0, {first + every * i: number for i, number in enumerate(signals)}

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in ("import", "open") and os.getpid() == parent:
            seen += 1
            if number := due.pop(seen, 0):
                os.kill(parent, number)

    parent = os.getpid()
    try:
        with Signals(orderly=False):
            sys.addaudithook(count)
            from actlab.cli import main
            from actlab.runs.executors import local

            local.worker = sys.modules[__name__]
            if not every:
                nothing = SimpleNamespace(
                    compare=len, draw_comparison=lambda *_, **__: [], import_plotting=lambda: None
                )
                sys.modules["actlab.study.judge"] = sys.modules["actlab.show.figures.comparison"] = nothing  # type: ignore[assignment]
            main()
    finally:
        if not first:
            print(seen)


if __name__ == "__main__":
    import torture.trainer  # workers know its functions by this name

    first, every, names = sys.argv[1:4]
    sys.argv[1:4] = []
    torture.trainer.command(int(first), int(every), *map(int, filter(None, names.split(","))))
