"""One training: from a resolved config to a finished run directory.

The order of epoch e is `default_rng([seed, e]).permutation(n)`; everything else that the future depends on is in the
checkpoint. A training that was cut and resumed therefore ends with the same bytes as one that never stopped.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from actlab import environment
from actlab.errors import ActlabError, Diverged
from actlab.lazy import backend, keras
from actlab.parts.datasets import load, split
from actlab.parts.probes import AllSums, Probes
from actlab.parts.probes.weight_film import WeightFilm
from actlab.runs import folder as disk
from actlab.runs.engines import make_group
from actlab.runs.engines.build import build_model, build_optimizer, initial_weights_sha256
from actlab.runs.engines.engine import Engine, Indices, Looked, Member, chunks
from actlab.runs.job import Finish, Job
from actlab.runs.record import is_done
from actlab.runs.register import register_run
from actlab.spec.config import EarlyStopping
from actlab.spec.groups import numbers_of_all
from actlab.spec.metrics import TRAIN_EVAL_METRICS

COLUMNS = ("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
TIMING_COLUMNS = ("wall_seconds", "images_per_second")
CHUNK_SECONDS = 0.5  # of work between two looks at signals and two moves of a progress bar
TELLING_SECONDS = 0.02  # and more for each further run of a group: its file takes up to a millisecond
EVALUATION_BATCH = 250
NO_EARLY_STOPPING = EarlyStopping(metric="val_accuracy")  # says which epoch is the best, and ends nothing
_Row = tuple[tuple[Any, ...], list[tuple[Any, ...]], bytes, int]  # of the history and the layers, a frame, and images
SAMPLE = 0x7A1  # keeps the draw of `train_eval` apart from those of the split and of the data order


class Stopped(Exception):
    """The training was asked to stop, and has written its checkpoint."""


def train(job: Job, stop: Callable[[], bool] = lambda: False, finish: Finish | None = None) -> str:
    """Train a run to its end, from its checkpoint if there is one.

    Args:
        job: what to train, and where.
        stop: asked about twice a second, for large groups every few seconds; True writes a checkpoint and raises
            `Stopped`.
        finish: called with the run directory when the tables are complete: it may draw them there, and
            what it writes is part of the record.

    Returns:
        "done" or "diverged", as run.json then says.

    Raises:
        Stopped: as above.
        RunLocked: another process trains this run.
        RunDirError: the disk does not take the record.
    """
    (ended,) = train_together([job], stop, finish)
    if isinstance(ended, Exception):
        raise ended
    return ended


def train_together(
    jobs: Sequence[Job], stop: Callable[[], bool] = lambda: False, finish: Finish | None = None
) -> list[str | Exception]:
    """Train the runs of a group in lock step, each as `train` does, with its own record and its own end.

    What ends one run touches no other. Runs whose checkpoints stand at different steps are trained from the one that
    is furthest behind, and the others are masked until it has come to them.

    Args:
        jobs: runs of which `spec.groups` says that they go together.
        stop, finish: as `train` has them.

    Returns:
        of each run what `train` returns, or the exception that it would raise.
    """
    ended: dict[Path, str | Exception] = {}
    with contextlib.ExitStack() as locks:
        try:
            keras.backend.clear_session()  # what an earlier training has left; it looks for garbage, which takes long
            trainings = list[_Training]()
            for job in jobs:
                with _alone(job, ended):
                    lock = locks.enter_context(contextlib.ExitStack())
                    lock.enter_context(disk.lock(job.path))
                    if is_done(job.path, job.config.hash):  # by another process, or by a worker that died right after
                        disk.clear_working_files(job.path)
                        ended[job.path] = "done"
                    else:
                        disk.write_progress(job.path, {"phase": "building", "label": job.label})
                        trainings.append(_Training(job, finish, lock))
            if trainings:
                _Group(trainings, stop, ended).run()
        except Exception as error:  # of all that have not ended
            ended = {**dict.fromkeys((job.path for job in jobs), error), **ended}
    return [ended[job.path] for job in jobs]


@contextlib.contextmanager
def _alone(job: Job, ended: dict[Path, str | Exception]) -> Iterator[None]:
    """Within, what goes wrong with one run ends that run, and no other."""
    try:
        with disk.naming(job.path, "written"):
            yield
    except ActlabError as error:
        ended[job.path] = error


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
    together: list[int] = field(default_factory=list)  # how many runs it trained in lock step


class _Training:
    """A run in training: where it stands, and its record. Its numbers are those of `engine`, its part of the group."""

    def __init__(self, job: Job, finish: Finish | None, lock: contextlib.ExitStack) -> None:
        self.job, self.config, self.finish, self.lock = job, job.config, finish, lock
        self.started = time.time()
        config, dataset, parameters = job.config, job.dataset, job.config.dataset.parameters
        self.images = load(dataset)
        samples, choice = parameters["train_samples"], parameters["train_choice"]
        self.split = split(self.images, samples, parameters["validation"], config.seed, choice)
        self.steps_per_epoch = math.ceil(len(self.split.train) / config.batch_size)
        self.total_steps = config.steps or (config.epochs or 0) * self.steps_per_epoch

        keras.backend.clear_session(free_memory=False)  # layers are named anew
        if backend() == "tensorflow":  # for JAX it would import TensorFlow; all that is drawn there has its own seed
            keras.utils.set_random_seed(config.seed)
        self.model = build_model(config, dataset.shape, dataset.classes)
        self.optimizer = build_optimizer(config, self.model, self.total_steps, self.steps_per_epoch)
        self.probes = Probes(config.probes or [], self.model)
        self.seen_in_training = _sample(self.split.train, config.train_eval, config.seed)
        self.columns = (*COLUMNS, *(TRAIN_EVAL_METRICS if config.train_eval else ()), *self.probes.totals)
        film = config.weight_film
        self.film = WeightFilm(self.model, film.layer, film.every) if film else None
        self.initial_weights_sha256 = initial_weights_sha256(self.model)
        self.epoch, self.order = -1, self.split.train  # of the images in that epoch
        self.unsaved = False  # whether there is more than the checkpoint holds
        self.results: dict[str, dict[str, Any]] = {}
        self.tested: AllSums = {}  # what probes saw at the last pass over the test set
        self.position, self.best_weights = _Position(), list[NDArray[Any]]()

    def begin(self, engine: Engine, place: int, size: int) -> None:
        """Say in the record that the run is not done, and go on from the checkpoint, if there is one that fits.

        Args:
            engine: of this run.
            place: in its group, from 0.
            size: of the group.
        """
        job, dataset = self.job, self.job.dataset
        self.engine, self.size = engine, size
        self.record: dict[str, Any] = {
            **job.identity,
            "claims_sha256": register_run(job.path.parent, self.config.hash, job.label),
            "status": "running",
            "dataset": {
                "name": dataset.name, "sha256": dataset.sha256, "stand_in_for": dataset.stand_in_for,
                "training_images": len(self.split.train), "validation_images": len(self.split.validation),
                "test_images": len(self.images.x_test), **dataset.about,
            },
            "environment": environment.describe(job.device, job.threads),
            "parameters": int(self.model.count_params()),
            "initial_weights_sha256": self.initial_weights_sha256,
        }  # fmt: skip
        # first of all the record says that this run is not done (any more): the tables change from here on
        disk.write_json(job.path / disk.RECORD, self.record)
        if not self._resume():
            self.position.origin = self._origin()
            disk.start_table(job.path / disk.HISTORY, self.columns)
            disk.start_table(job.path / disk.TIMING, TIMING_COLUMNS)
            if self.probes.layers:
                disk.start_table(job.path / disk.LAYERS, (*disk.LAYER_COLUMNS, *self.probes.columns))
            if self.film:
                disk.write_bytes(job.path / disk.FRAMES, b"")
        for parts, this in ((self.position.threads, job.threads), (self.position.together, size)):
            if this not in parts:
                parts.append(this)
        if len(self.position.threads) > 1:  # the bytes repeat only where all parts had equally many
            self.record["environment"]["threads_of_parts"] = self.position.threads
        if self.position.together != [1]:
            self.record["together"] = {"runs": self.position.together, "place": place}

    # --- what is trained next ---------------------------------------------------------------------------------

    @property
    def evaluated(self) -> int:
        """The step of the last evaluation."""
        return int(self.position.last.get("step", 0))

    @property
    def target(self) -> int:
        """The step of the next evaluation."""
        every = self.config.evaluate_every or self.steps_per_epoch
        return min(self.total_steps, (self.evaluated // every + 1) * every)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to train."""
        return self.evaluated >= self.total_steps or self.stopped_early

    @property
    def stopped_early(self) -> bool:
        """Whether validation has not improved for as long as the config allows."""
        rule = self.config.early_stopping
        return rule is not None and self.position.without_improvement >= rule.patience

    def batches(self, steps: int) -> Indices:
        """The images of the next steps, as many or fewer: within their epoch, and not beyond the next evaluation."""
        epoch, offset = divmod(self.position.step, self.steps_per_epoch)
        if epoch != self.epoch:
            random = np.random.default_rng([self.config.seed, epoch])
            self.epoch, self.order = epoch, self.split.train[random.permutation(len(self.split.train))]
        size = self.config.batch_size
        left = self.order[offset * size : (offset + self.target - self.position.step) * size]
        return next(chunks(left, size, steps))

    # --- rows -------------------------------------------------------------------------------------------------

    def measure(self, means: tuple[float, float, int], looked: Looked, in_training: Looked | None) -> _Row:
        """The next row of the tables; keeps the weights if they are the best so far.

        Args:
            means: of the training, loss and accuracy, and over how many images.
            looked: at the validation images.
            in_training: at the training images, where that is asked for.

        Raises:
            Diverged: a measure is not finite.
        """
        position = self.position
        loss, accuracy, images = means
        val_loss, val_accuracy, seen = looked
        trained: list[float] = []
        if in_training:
            *trained, also = in_training
            seen |= also
        epoch = position.step / self.steps_per_epoch
        if self.film or self.probes.weights:
            self.engine.sync()
        layers, totals = self.probes.row(seen, self.engine.gradient_sums())
        row = (int(epoch) if epoch.is_integer() else epoch, position.step, loss, accuracy, val_loss, val_accuracy,
               self.engine.learning_rate, *(trained if self.config.train_eval else ()), *totals)  # fmt: skip
        last = dict(zip(self.columns, row, strict=True))
        self.check(last)
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
        return row, layers, frame, images

    def write(self, measured: _Row) -> None:
        """Add a row to the tables."""
        (row, layers, frame, images), position, path = measured, self.position, self.job.path
        if layers:  # first, so that what a row of the history sums up is there
            disk.append_rows(path / disk.LAYERS, [(*row[:2], *cells) for cells in layers])
        if frame:
            disk.append_bytes(path / disk.FRAMES, frame)
        disk.append_rows(path / disk.HISTORY, [row])
        speed = images / max(position.row_seconds, 1e-9)
        disk.append_rows(path / disk.TIMING, [(round(position.wall_seconds, 3), round(speed, 1))])
        position.rows, position.row_seconds = position.rows + 1, 0.0
        self.engine.reset_means()

    def check(self, numbers: dict[str, Any]) -> None:
        """Raise Diverged unless all measures are finite; None is none."""
        for name, number in numbers.items():
            if isinstance(number, float) and not math.isfinite(number):
                raise Diverged(self.position.step, name)

    # --- between chunks ---------------------------------------------------------------------------------------

    def tell(self, images_per_second: float) -> None:
        """Tell where the training stands."""
        position = self.position
        loss, accuracy, images = self.engine.means()
        now = {"loss": loss, "accuracy": accuracy} if images else {}
        disk.write_progress(self.job.path, {
            **position.last, **now,
            "phase": "training", "label": self.job.label, "step": position.step, "total_steps": self.total_steps,
            "steps_per_epoch": self.steps_per_epoch, "wall_seconds": position.wall_seconds,
            "images_per_second": images_per_second, "together": self.size,
        })  # fmt: skip

    def checkpoint(self) -> None:
        """Keep all that the rest of the training depends on."""
        arrays = self.engine.state()
        arrays.update({f"best/{i:04d}": weights for i, weights in enumerate(self.best_weights)})
        for part, state in self._row_states().items():
            arrays.update({f"{part}/{name}": array for name, array in state.state().items()})
        arrays["position"] = np.frombuffer(json.dumps(asdict(self.position)).encode(), dtype=np.uint8)
        disk.write_checkpoint(self.job.path, arrays)
        self.unsaved = False

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

    @property
    def ends_at_best(self) -> bool:
        """Whether the final weights are those of the best row."""
        rule = self.config.early_stopping
        return self.position.best == self.position.last or bool(rule and rule.restore_best)

    def take_results(self, weights: Literal["best", "final"], tested: Looked) -> None:
        """Note what came out on the test set.

        Raises:
            Diverged: a measure is not finite.
        """
        loss, accuracy, self.tested = tested
        numbers = {"test_loss": loss, "test_accuracy": accuracy}
        self.check(numbers)
        row = {**(self.position.best if weights == "best" else self.position.last), **numbers}
        self.results = {"final": row, "best": self.results.get("best", row)}

    def end(self, status: str, outcome: dict[str, Any]) -> None:
        """Write weights and plots, and last the record that says how the training ended."""
        from actlab.parts.activations.curves import function_csv, function_table
        from actlab.parts.activations.layer import learned_means  # imports Keras

        path = self.job.path
        self.engine.sync()
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
        if self.finish and self.position.rows and (failed := self.finish(path)):
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


class _Group:
    """Runs that are trained in lock step by one engine.

    Args:
        trainings: the runs.
        stop: whether all shall stop.
        ended: run directory to how its run ended; is added to.
    """

    def __init__(
        self, trainings: Sequence[_Training], stop: Callable[[], bool], ended: dict[Path, str | Exception]
    ) -> None:
        self.trainings, self.stop, self.ended = trainings, stop, ended
        first, members = trainings[0], [Member(t.model, t.optimizer, t.probes) for t in trainings]
        images, numbers = first.images, numbers_of_all([t.config for t in trainings])
        splits = {"train": (images.x_train, images.y_train), "test": (images.x_test, images.y_test)}
        self.engine = make_group(members, splits, first.job.device, numbers)
        for place, training in enumerate(trainings):
            with self._of(training):
                training.begin(self.engine[place], place, len(trainings))
        self.last_checkpoint, self.last_told = time.monotonic(), -math.inf
        self.steps_per_second = self.images_per_second = 0.0

    @contextlib.contextmanager
    def _of(self, training: _Training) -> Iterator[None]:
        """Within, what ends one run ends no other."""
        path = training.job.path
        with _alone(training.job, self.ended):
            try:
                yield
            except Diverged as error:
                training.end("diverged", {"reason": str(error), "diverged_at_step": error.step})
                self.ended[path] = "diverged"
        if path in self.ended:
            training.lock.close()

    def _left(self, of: Sequence[_Training]) -> list[_Training]:
        return [training for training in of if training.job.path not in self.ended]

    def run(self) -> None:
        """Train and evaluate to the end of each run's budget, or until its early stopping ends it."""
        while left := self._left(self.trainings):
            training = [of for of in left if not of.over]
            if not training:  # all at once: a pass over the test images is one of all runs
                self._finish(left)
                continue
            step = min(of.position.step for of in training)
            together = [of for of in training if of.position.step == step]
            due = [of for of in together if of.target == step]
            if due:
                self._evaluate(due)
            else:
                self._train_chunk(together)
            self._pause(due or together)

    def _train_chunk(self, together: list[_Training]) -> None:
        """Take as many steps as half a second has room for; for large groups some seconds, or their calls cost more."""
        began = time.monotonic()
        known = self.steps_per_second > 1e-6
        seconds = CHUNK_SECONDS * (1 + len(together) / 64)
        steps = min(max(1, int(self.steps_per_second * seconds)), 10_000) if known else 8
        taken = [training.batches(steps) for training in together]
        batches = np.zeros((len(self.trainings), *taken[0].shape), np.int32)
        active = np.array([training in together for training in self.trainings])
        batches[active] = taken
        self.engine.train(batches, active)
        bad = [training.engine.bad_step for training in together]
        seconds = time.monotonic() - began
        for training, step in zip(together, bad, strict=True):
            with self._of(training):
                if step is not None:
                    raise Diverged(step, "the loss")
                training.position.step += len(taken[0])
                training.position.wall_seconds += seconds / len(together)
                training.position.row_seconds += seconds / len(together)
                training.unsaved = True
        # the first call also traces the function, and says nothing of the speed
        self.steps_per_second = len(taken[0]) / seconds if self.steps_per_second else 1e-9
        self.images_per_second = sum(of.size for of in taken) / seconds

    def _look(
        self, due: list[_Training], split: str, indices: Callable[[_Training], Indices], on: str
    ) -> list[tuple[_Training, Looked]]:
        """What each of these runs sees of its images."""
        left = [of for of in self.trainings if of in self._left(due)]
        if not left:
            return []
        chosen = np.array([of in left for of in self.trainings])
        looked = self.engine.look(split, np.stack([*map(indices, self.trainings)]), EVALUATION_BATCH, on, chosen)
        return list(zip(left, looked, strict=True))

    def _evaluate(self, due: list[_Training]) -> None:
        """Add a row to the tables of each of these runs."""
        began, first = time.monotonic(), due[0]
        means = {training: training.engine.means() for training in due}
        source = "test" if first.split.on_test else "train"
        measured: dict[_Training, _Row] = {}
        with self.engine.averaged():  # with use_ema the whole row is of the averaged weights, and they are kept
            looked = self._look(due, source, lambda of: of.split.validation, "validation")
            for training, _ in looked:
                with self._of(training):
                    if not training.engine.finite():
                        raise Diverged(training.position.step, "a weight")
            in_training: dict[_Training, Looked] = {}
            if first.config.train_eval or first.probes.on("training").evaluation:
                in_training = dict(self._look(due, "train", lambda of: of.seen_in_training, "training"))
            for training, seen in looked:
                if training in self._left(due):
                    with self._of(training):
                        measured[training] = training.measure(means[training], seen, in_training.get(training))
        seconds = (time.monotonic() - began) / len(due)
        for training, row in measured.items():
            with self._of(training):
                training.position.wall_seconds += seconds
                training.write(row)
                training.unsaved = True

    def _pause(self, moved: list[_Training]) -> None:
        """Tell where these runs stand; write checkpoints when they are due or the training must stop."""
        if time.monotonic() - self.last_told >= TELLING_SECONDS * (len(self.trainings) - 1):
            for training in self._left(moved):
                with self._of(training):
                    training.tell(self.images_per_second)
            self.last_told = time.monotonic()
        stopping = self.stop()
        if stopping or time.monotonic() - self.last_checkpoint >= self.trainings[0].job.checkpoint_seconds:
            for training in self._left(self.trainings):
                if training.unsaved:
                    with self._of(training):
                        training.checkpoint()
            self.last_checkpoint = time.monotonic()
        if stopping:
            raise Stopped

    def _finish(self, over: list[_Training]) -> None:
        """Measure the best and the final weights of each run on the test set, and write its record.

        Leaves the final weights in the models: the best ones where early stopping restores them.
        """
        last_weights = {}
        for training in over:
            training.engine.finish()
            last_weights[training] = training.engine.weights()
            training.engine.set_weights(training.best_weights)
        test = np.arange(len(over[0].images.x_test), dtype=np.int32)
        for weights in ("best", "final"):
            others = [of for of in self._left(over) if weights == "best" or not of.ends_at_best]
            if weights == "final":
                for training in others:
                    training.engine.set_weights(last_weights[training])
            for training, tested in self._look(others, "test", lambda _: test, "test") if others else ():
                with self._of(training):
                    training.take_results(weights, tested)
        for training in self._left(over):
            with self._of(training):
                training.end("done", {"results": training.results, "stopped_early": training.stopped_early})
                self.ended[training.job.path] = "done"


def _sample(images: NDArray[np.int32], wanted: int | Literal["all"] | None, seed: int) -> NDArray[np.int32]:
    """The images of `train_eval`: all that are trained on, or as many of them as wanted, drawn from the seed."""
    if not isinstance(wanted, int) or wanted >= len(images):
        return images
    return np.sort(np.random.default_rng([seed, SAMPLE]).permutation(images)[:wanted])
