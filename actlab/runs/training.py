"""One training: from a resolved config to a finished run directory.

The order of epoch e is `default_rng([seed, e]).permutation(n)`; everything else that the future depends on is in the
checkpoint. A training that was cut and resumed therefore ends with the same bytes as one that never stopped.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from actlab import environment
from actlab.errors import Diverged
from actlab.lazy import keras
from actlab.parts.datasets import load, split
from actlab.parts.probes import AllSums, Probes
from actlab.parts.probes.weight_film import WeightFilm
from actlab.runs import folder as disk
from actlab.runs.engines.build import build_model, build_optimizer, initial_weights_sha256
from actlab.runs.engines.engine import chunks
from actlab.runs.engines.tensorflow import Engine
from actlab.runs.job import Finish, Job
from actlab.runs.record import is_done
from actlab.runs.register import register_run
from actlab.spec.config import EarlyStopping
from actlab.spec.metrics import TRAIN_EVAL_METRICS

COLUMNS = ("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
TIMING_COLUMNS = ("wall_seconds", "images_per_second")
CHUNK_SECONDS = 0.5  # of work between two looks at signals and two moves of a progress bar
EVALUATION_BATCH = 250
NO_EARLY_STOPPING = EarlyStopping(metric="val_accuracy")  # says which epoch is the best, and ends nothing
SAMPLE = 0x7A1  # keeps the draw of `train_eval` apart from those of the split and of the data order


class Stopped(Exception):
    """The training was asked to stop, and has written its checkpoint."""


def train(job: Job, stop: Callable[[], bool] = lambda: False, finish: Finish | None = None) -> str:
    """Train a run to its end, from its checkpoint if there is one.

    Args:
        job: what to train, and where.
        stop: asked about twice a second; True writes a checkpoint and raises `Stopped`.
        finish: called with run directory, title and note when the tables are complete: it may draw them there, and
            what it writes is part of the record.

    Returns:
        "done" or "diverged", as run.json then says.

    Raises:
        Stopped: as above.
        RunLocked: another process trains this run.
        RunDirError: the disk does not take the record.
    """
    with disk.naming(job.path, "written"), disk.lock(job.path):
        if is_done(job.path, job.config.hash):  # by another process, or by a worker that died right after
            disk.clear_working_files(job.path)
            return "done"
        disk.write_progress(job.path, {"phase": "building", "label": job.label})
        training = _Training(job, stop, finish)
        try:
            training.run()
            outcome = {"results": training.results(), "stopped_early": training.stopped_early}
        except Diverged as error:
            training.end("diverged", {"reason": str(error), "diverged_at_step": error.step})
            return "diverged"
        training.end("done", outcome)
        return "done"


@dataclass
class _Position:
    """Where a training stands, apart from the numbers on the device. Plain data, kept in the checkpoint."""

    step: int = 0
    rows: int = 0
    wall_seconds: float = 0.0  # of training and evaluation, over all resumptions
    row_seconds: float = 0.0  # of training since the last row
    last: dict[str, Any] = field(default_factory=dict)  # the last row of the history
    best: dict[str, Any] = field(default_factory=dict)  # the row of the best validation
    improved: float | None = None  # the metric of early stopping when it last changed by more than min_delta
    without_improvement: int = 0  # evaluations since then
    origin: dict[str, Any] = field(default_factory=dict)  # what the bytes so far depend on, besides the config
    threads: list[int] = field(default_factory=list)  # of each process that trained a part


class _Training:
    """The state of one call of `train`."""

    def __init__(self, job: Job, stop: Callable[[], bool], finish: Finish | None) -> None:
        self.job, self.config, self.stop, self.finish = job, job.config, stop, finish
        self.started = time.time()
        config, dataset, parameters = job.config, job.dataset, job.config.dataset.parameters
        self.images = load(dataset)
        samples, choice = parameters["train_samples"], parameters["train_choice"]
        self.split = split(self.images, samples, parameters["validation"], config.seed, choice)
        self.steps_per_epoch = math.ceil(len(self.split.train) / config.batch_size)
        self.total_steps = config.steps or (config.epochs or 0) * self.steps_per_epoch

        device = environment.use_device(job.device)
        keras.backend.clear_session()
        keras.utils.set_random_seed(config.seed)
        self.model = build_model(config, dataset.shape, dataset.classes)
        optimizer = build_optimizer(config, self.model, self.total_steps, self.steps_per_epoch)
        self.probes = Probes(config.probes or [], self.model)
        self.seen_in_training = _sample(self.split.train, config.train_eval, config.seed)
        self.columns = (*COLUMNS, *(TRAIN_EVAL_METRICS if config.train_eval else ()), *self.probes.totals)
        film = config.weight_film
        self.film = WeightFilm(self.model, film.layer, film.every) if film else None
        images = self.images
        splits = {"train": (images.x_train, images.y_train), "test": (images.x_test, images.y_test)}
        self.engine = Engine(self.model, optimizer, splits, device, self.probes)

        self.record: dict[str, Any] = {
            **job.identity,
            "claims_sha256": register_run(job.path.parent, config.hash, job.label),
            "status": "running",
            "dataset": {
                "name": dataset.name, "sha256": dataset.sha256, "stand_in_for": dataset.stand_in_for,
                "training_images": len(self.split.train), "validation_images": len(self.split.validation),
                "test_images": len(images.x_test), **dataset.about,
            },
            "environment": environment.describe(job.device, job.threads),
            "parameters": int(self.model.count_params()),
            "initial_weights_sha256": initial_weights_sha256(self.model),
        }  # fmt: skip
        # first of all the record says that this run is not done (any more): the tables change from here on
        disk.write_json(job.path / disk.RECORD, self.record)
        self.tested: AllSums = {}  # what probes saw at the last pass over the test set
        self.position, self.best_weights = _Position(), list[NDArray[Any]]()
        if not self._resume():
            self.position.origin = self._origin()
            disk.start_table(job.path / disk.HISTORY, self.columns)
            disk.start_table(job.path / disk.TIMING, TIMING_COLUMNS)
            if self.probes.layers:
                disk.start_table(job.path / disk.LAYERS, (*disk.LAYER_COLUMNS, *self.probes.columns))
            if self.film:
                disk.write_bytes(job.path / disk.FRAMES, b"")
        if job.threads not in self.position.threads:
            self.position.threads.append(job.threads)
        if len(self.position.threads) > 1:  # the bytes repeat only where all parts had equally many
            self.record["environment"]["threads_of_parts"] = self.position.threads
        self.last_checkpoint = time.monotonic()
        self.steps_per_second = self.images_per_second = 0.0

    # --- the loop ---------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train and evaluate to the end of the budget, or until early stopping ends it."""
        every = self.config.evaluate_every or self.steps_per_epoch
        while (evaluated := self.position.last.get("step", 0)) < self.total_steps and not self.stopped_early:
            target = min(self.total_steps, (evaluated // every + 1) * every)
            while self.position.step < target:
                self._train_chunk(target)
                self._pause()
            self._evaluate()
            self._pause()

    def _train_chunk(self, target: int) -> None:
        """Take as many steps as half a second has room for: within their epoch, and not beyond the step `target`."""
        began, position = time.monotonic(), self.position
        epoch, offset = divmod(position.step, self.steps_per_epoch)
        order = np.random.default_rng([self.config.seed, epoch]).permutation(len(self.split.train))
        size = self.config.batch_size
        left = order[offset * size : (offset + target - position.step) * size]
        known = self.steps_per_second > 1e-6
        steps = min(max(1, int(self.steps_per_second * CHUNK_SECONDS)), 10_000) if known else 8
        batches = next(chunks(self.split.train[left], size, steps))
        self.engine.train(batches)
        if (bad := self.engine.bad_step) is not None:
            raise Diverged(bad, "the loss")
        seconds = time.monotonic() - began
        position.step += len(batches)
        position.wall_seconds += seconds
        position.row_seconds += seconds
        # the first call also traces the function, and says nothing of the speed
        self.steps_per_second = len(batches) / seconds if self.steps_per_second else 1e-9
        self.images_per_second = batches.size / seconds

    def _evaluate(self) -> None:
        """Add a row to the tables; keep the weights if they are the best so far."""
        began, position, path = time.monotonic(), self.position, self.job.path
        loss, accuracy, images = self.engine.means()
        source = "test" if self.split.on_test else "train"
        with self.engine.averaged():  # with use_ema the whole row is of the averaged weights, and they are kept
            val_loss, val_accuracy, seen = self.engine.look(source, self.split.validation, EVALUATION_BATCH)
            if not self.engine.finite():
                raise Diverged(position.step, "a weight")
            in_training: list[float] = []
            if self.config.train_eval or self.probes.on("training").evaluation:
                *in_training, also = self.engine.look("train", self.seen_in_training, EVALUATION_BATCH, "training")
                seen |= also
            epoch = position.step / self.steps_per_epoch
            layers, totals = self.probes.row(seen)
            row = (int(epoch) if epoch.is_integer() else epoch, position.step, loss, accuracy, val_loss, val_accuracy,
                   self.engine.learning_rate, *(in_training if self.config.train_eval else ()), *totals)  # fmt: skip
            last = dict(zip(self.columns, row, strict=True))
            self._check(last)
            position.last = last

            rule = self.config.early_stopping or NO_EARLY_STOPPING
            sign = 1.0 if rule.metric == "val_accuracy" else -1.0
            value = sign * position.last[rule.metric]
            if not position.best or value > sign * position.best[rule.metric]:
                position.best, self.best_weights = position.last, self.engine.weights()
            if position.improved is None or value > position.improved + rule.min_delta:
                position.improved, position.without_improvement = value, 0
            else:
                position.without_improvement += 1
            frame = b""
            if self.film and (position.rows + 1) % self.film.every == 0:
                frame = self.film.frame(self.probes.dead)
        position.wall_seconds += time.monotonic() - began

        if layers:  # first, so that what a row of the history sums up is there
            disk.append_rows(path / disk.LAYERS, [(*row[:2], *cells) for cells in layers])
        if frame:
            disk.append_bytes(path / disk.FRAMES, frame)
        disk.append_rows(path / disk.HISTORY, [row])
        speed = images / max(position.row_seconds, 1e-9)
        disk.append_rows(path / disk.TIMING, [(round(position.wall_seconds, 3), round(speed, 1))])
        position.rows, position.row_seconds = position.rows + 1, 0.0
        self.engine.reset_means()

    @property
    def stopped_early(self) -> bool:
        """Whether validation has not improved for as long as the config allows."""
        rule = self.config.early_stopping
        return rule is not None and self.position.without_improvement >= rule.patience

    def results(self) -> dict[str, Any]:
        """The final and the best-validation row, each with loss and accuracy on the test set.

        Leaves the final weights in the model: the best ones where early stopping restores them.
        """
        self.engine.finish()
        last_weights = self.engine.weights()
        self.engine.set_weights(self.best_weights)
        best = {**self.position.best, **self._test()}
        rule = self.config.early_stopping
        if self.position.best == self.position.last or (rule and rule.restore_best):
            return {"final": best, "best": best}
        self.engine.set_weights(last_weights)
        return {"final": {**self.position.last, **self._test()}, "best": best}

    def _test(self) -> dict[str, float]:
        indices = np.arange(len(self.images.x_test), dtype=np.int32)
        loss, accuracy, self.tested = self.engine.look("test", indices, EVALUATION_BATCH, "test")
        numbers = {"test_loss": loss, "test_accuracy": accuracy}
        self._check(numbers)
        return numbers

    def _check(self, numbers: dict[str, Any]) -> None:
        """Raise Diverged unless all measures are finite; None is none."""
        for name, number in numbers.items():
            if isinstance(number, float) and not math.isfinite(number):
                raise Diverged(self.position.step, name)

    # --- between chunks ---------------------------------------------------------------------------------------

    def _pause(self) -> None:
        """Tell where the training stands; write a checkpoint when one is due or the training must stop."""
        position = self.position
        loss, accuracy, images = self.engine.means()
        now = {"loss": loss, "accuracy": accuracy} if images else {}
        disk.write_progress(self.job.path, {
            **position.last, **now,
            "phase": "training", "label": self.job.label, "step": position.step, "total_steps": self.total_steps,
            "steps_per_epoch": self.steps_per_epoch, "wall_seconds": position.wall_seconds,
            "images_per_second": self.images_per_second,
        })  # fmt: skip
        stopping = self.stop()
        if stopping or time.monotonic() - self.last_checkpoint >= self.job.checkpoint_seconds:
            self._checkpoint()
        if stopping:
            raise Stopped

    def _checkpoint(self) -> None:
        arrays = self.engine.state()
        arrays.update({f"best/{i:04d}": weights for i, weights in enumerate(self.best_weights)})
        for part, state in self._row_states().items():
            arrays.update({f"{part}/{name}": array for name, array in state.state().items()})
        arrays["position"] = np.frombuffer(json.dumps(asdict(self.position)).encode(), dtype=np.uint8)
        disk.write_checkpoint(self.job.path, arrays)
        self.last_checkpoint = time.monotonic()

    def _resume(self) -> bool:
        """Go back to the checkpoint, if there is one that fits the history."""
        arrays = disk.read_checkpoint(self.job.path)
        if arrays is None:
            return False
        position = _Position(**json.loads(arrays.pop("position").tobytes()))
        if position.origin != self._origin():
            return False
        if self.film:
            frames = position.rows // self.film.every
            if not disk.cut_frames(self.job.path, frames * self.film.bytes_a_frame):
                return False
        if not disk.cut_tables(self.job.path, position.rows, len(self.probes.layers)):
            return False
        self.best_weights = [arrays[name] for name in sorted(arrays) if name.startswith("best/")]
        self.engine.restore(arrays)
        for part, state in self._row_states().items():
            mine = {
                name.removeprefix(f"{part}/"): array for name, array in arrays.items() if name.startswith(f"{part}/")
            }
            state.restore(mine)
        self.position = position
        return True

    def _row_states(self) -> dict[str, Probes | WeightFilm]:
        """What remembers the row before, by its part of the checkpoint."""
        return {"rows": self.probes, **({"film": self.film} if self.film else {})}

    def _origin(self) -> dict[str, Any]:
        """What a checkpoint must share with the process that goes on from it: versions, settings and data."""
        shared = ("versions", "onednn", "op_determinism", "variables")
        return {**{key: self.record["environment"][key] for key in shared}, "data": self.job.dataset.sha256}

    # --- the end ----------------------------------------------------------------------------------------------

    def end(self, status: str, outcome: dict[str, Any]) -> None:
        """Write weights and plots, and last the record that says how the training ended."""
        from actlab.parts.activations.curves import function_csv, function_table
        from actlab.parts.activations.layer import learned_means  # imports Keras

        path, dataset = self.job.path, self.job.dataset
        disk.sync_tables(path)
        for name, rows in self.probes.tables(self.tested).items() if self.tested else ():
            disk.write_bytes(path / f"{name}.csv", disk.table_bytes([list(rows[0]), *(of.values() for of in rows)]))
        if kept := {"final": self.engine.weights(), "best": self.best_weights, "none": []}[self.config.keep_weights]:
            disk.write_bytes(path / disk.WEIGHTS, disk.npz({f"{i:04d}": array for i, array in enumerate(kept)}))
        if self.film and (frames := (path / disk.FRAMES).read_bytes()):
            # with the epochs that they end and the layer that they show
            history = disk.read_table(path / disk.HISTORY)[self.film.every - 1 :: self.film.every]
            moments = {name: history[name].to_numpy(dtype=float) for name in ("epoch", "step")}
            arrays = {**self.film.arrays(frames), **moments, "layer": np.array(self.film.layer.name)}
            disk.write_bytes(path / disk.WEIGHT_FILM, disk.npz(arrays, compressed=True))
        of, learned = self.config.activation, learned_means(self.model)
        activation = {"name": of.name, **of.parameters}
        if learned or function_table(activation) is None:  # no shipped curve is that of this activation
            disk.write_bytes(path / disk.FUNCTION, function_csv(activation, learned))
        if self.finish and self.position.rows:
            note = f"{dataset.name}: a rendered stand-in, NOT {dataset.stand_in_for}" if dataset.stand_in_for else ""
            if failed := self.finish(path, f"{self.job.label} on {dataset.name}", note):
                self.record["not_drawn"] = failed  # the next `actlab run` draws them
        self.record |= outcome
        self.record |= {
            "status": status,
            "wall_seconds": round(self.position.wall_seconds, 3),
            "peak_memory_gib": environment.peak_memory_gib(),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "files": disk.sha256_of_files(path),
        }
        disk.write_json(path / disk.RECORD, self.record)
        disk.clear_working_files(path)


def _sample(images: NDArray[np.int32], wanted: int | Literal["all"] | None, seed: int) -> NDArray[np.int32]:
    """The images of `train_eval`: all that are trained on, or as many of them as wanted, drawn from the seed."""
    if not isinstance(wanted, int) or wanted >= len(images):
        return images
    return np.sort(np.random.default_rng([seed, SAMPLE]).permutation(images)[:wanted])
