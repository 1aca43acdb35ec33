"""How long trainings take: from finished ones of the same kind, and from what the present ones have shown.

seconds of a training = its steps × seconds a step of its kind + what a training takes besides its steps. Of one kind
are trainings with equal dataset, model, batch size, precision and probes; those on another device or with another
number of threads count only where there are no others.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from actlab.errors import ActlabError
from actlab.runs.folder import RECORD
from actlab.runs.job import Job
from actlab.runs.record import Run, run_at
from actlab.spec.budget import sizes_of

RECENT = 500  # records that are read for a forecast: those of the runs that ended last
CNN_PRODUCTS = 6_700  # multiplications a number of an image, where widths say nothing: those of the CIFAR-10 CNN
ENOUGH = 0.02  # of a training, to tell from its beginning how long it takes
STEP_PRODUCTS = 1e6  # what a step costs whatever its size, in multiplications: about 0.1 ms

Kind = tuple[str, str]  # what is computed, and on what: device and threads
Progress = Mapping[str, Any]  # as progress.json has it: step, total_steps, wall_seconds, ...


class Forecast:
    """Seconds that trainings will take.

    Args:
        finished: earlier runs to learn from.
    """

    def __init__(self, finished: Iterable[Run] = ()) -> None:
        self._before: dict[Kind, list[float]] = {}
        self._now: dict[Kind, dict[Path, float]] = {}
        self._products: dict[Kind, float] = {}
        self._kinds: dict[Path, Kind] = {}
        self._rates: dict[Kind, float | None] = {}  # forgotten whenever something is learned
        self._overhead = math.inf
        for run in finished:
            # a record may be old, or be made by hand: one that says something else is passed over
            with contextlib.suppress(ActlabError, AttributeError, KeyError, TypeError, ValueError):
                steps, seconds = run.results.get("final", {}).get("step"), run.record.get("wall_seconds")
                if run.status == "done" and steps and seconds:
                    device = str(run.environment.get("device", "cpu")).partition(":")[0]
                    kind = self._kind(run.config, f"{device} {run.environment.get('threads', 1)}")
                    self._before.setdefault(kind, []).append(seconds / steps)

    def learn(self, job: Job, steps: int, seconds: float) -> None:
        """Take note of how long a training of this sweep has taken; replaces what was noted of it before."""
        if steps > 0 and seconds > 0:
            self._now.setdefault(self._kind_of(job), {})[job.path] = seconds / steps
            self._rates.clear()

    def learn_overhead(self, seconds: float) -> None:
        """Take note of what a training took besides its steps. The least counts: the first ones wait for TensorFlow."""
        self._overhead = min(self._overhead, max(0.0, seconds))

    def knows(self, job: Job) -> bool:
        """Whether trainings of its own kind have been seen."""
        return self._measured(self._kind_of(job)) is not None

    def weight(self, job: Job) -> float:
        """How long a training takes beside others: in seconds, or in multiplications where nothing is known."""
        kind = self._kind_of(job)
        return steps_of(job) * (self._rate(kind) or self._products[kind])

    def whole(self, job: Job) -> float | None:
        """Seconds of a training with all that belongs to it; None where nothing tells."""
        rate = self._rate(self._kind_of(job))
        return None if rate is None else steps_of(job) * rate + (0.0 if math.isinf(self._overhead) else self._overhead)

    def rest(self, job: Job, now: Progress) -> float | None:
        """Seconds of the steps that are left to a training, which stands where its progress.json says."""
        if not now.get("total_steps"):
            return self.whole(job)
        step, seconds, total = now["step"], now.get("wall_seconds") or 0.0, now["total_steps"]
        shown = seconds / step if seconds and step > ENOUGH * total else self._rate(self._kind_of(job))
        return None if shown is None else float(shown * (total - step))

    def left(self, standing: Iterable[tuple[Job, Progress]], workers: int) -> float | None:
        """Seconds until so many workers have ended all trainings; None where nothing tells.

        Args:
            standing: the trainings in the order in which they are taken, those in work first, and where each stands;
                an empty mapping for one that has not begun.
            workers: each takes the next training as soon as it is free.
        """
        ends = [0.0] * workers
        for job, now in standing:
            seconds = self.rest(job, now)
            if seconds is None:
                return None
            heapq.heapreplace(ends, ends[0] + seconds)
        return max(ends)

    def _rate(self, kind: Kind) -> float | None:
        """Seconds a step: of its kind, or of the others in proportion to the multiplications of a step."""
        if kind not in self._rates:
            seen = ((self._measured(other), self._products[other]) for other in self._now or self._before)
            a_product = [rate / products for rate, products in seen if rate]
            in_proportion = statistics.median(a_product) * self._products[kind] if a_product else None
            self._rates[kind] = self._measured(kind) or in_proportion
        return self._rates[kind]

    def _measured(self, kind: Kind) -> float | None:
        """Seconds a step of a kind: in this sweep, else before it, else before it on other devices or threads."""
        elsewhere = [rate for (what, _), rates in self._before.items() if what == kind[0] for rate in rates]
        known = [*self._now.get(kind, {}).values()] or self._before.get(kind) or elsewhere
        return statistics.median(known) if known else None

    def _kind_of(self, job: Job) -> Kind:
        if job.path not in self._kinds:
            self._kinds[job.path] = self._kind(job.config.canonical(), f"{job.device} {job.threads}")
        return self._kinds[job.path]

    def _kind(self, config: Mapping[str, Any], where: str) -> Kind:
        others = (config.get(key) for key in ("model", "batch_size", "precision", "probes"))
        data = [config["dataset"].get(key) for key in ("name", "content")]
        kind = json.dumps([data, *others], sort_keys=True), where
        if kind not in self._products:
            self._products[kind] = step_products(config)
        return kind


class TimeLeft:
    """The time left of a sweep in work; shows the forecast what its trainings take.

    Args:
        jobs: what is to be trained, in the order in which it is begun.
        workers: how many train at a time.
        forecast: what earlier runs tell.
        clock: seconds since some moment.
    """

    def __init__(
        self, jobs: Sequence[Job], workers: int, forecast: Forecast, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.jobs, self.workers, self.forecast, self.clock = jobs, workers, forecast, clock
        self.seconds: float | None = None
        self._looked = -math.inf
        self._begun: dict[Path, float] = {}
        self._trained_before: dict[Path, float] = {}  # seconds, in earlier sweeps
        self._ended: set[Path] = set()

    def update(self, training: Sequence[tuple[Job, Progress]], ended: Mapping[Path, str]) -> bool:
        """Take note of where the sweep stands; whether `seconds` was reckoned anew, about once a second.

        Args:
            training: the trainings in work and their progress.json.
            ended: run directory to how its training ended.
        """
        now = self.clock()
        for job, progress in training:
            self._note(job, progress, now)
        if len(ended) > len(self._ended):
            for job in self.jobs:
                if job.path in ended and job.path not in self._ended:
                    self._note_end(job, ended[job.path], now)
        if now - self._looked < 1.0:
            return False
        self._looked = now
        begun = {job.path for job, _ in training}
        waiting: list[tuple[Job, Progress]] = [
            (job, {}) for job in self.jobs if job.path not in begun and job.path not in self._ended
        ]
        self.seconds = self.forecast.left([*training, *waiting], self.workers)
        return True

    def _note(self, job: Job, progress: Progress, now: float) -> None:
        began = self._begun.setdefault(job.path, now)
        seconds = progress.get("wall_seconds") or 0.0
        if progress.get("total_steps"):
            # one that has trained for longer than it is in work was resumed
            self._trained_before.setdefault(job.path, seconds if seconds > now - began else 0.0)
            if progress["step"] > ENOUGH * progress["total_steps"]:
                self.forecast.learn(job, progress["step"], seconds)

    def _note_end(self, job: Job, status: str, now: float) -> None:
        self._ended.add(job.path)
        run = run_at(job.path) if status == "done" and job.path in self._begun else None
        if run is None:
            return
        seconds = run.record.get("wall_seconds", 0.0)
        self.forecast.learn(job, run.results.get("final", {}).get("step", 0), seconds)
        trained = seconds - self._trained_before.get(job.path, 0.0)
        if "together" not in run.record:  # else its time is mostly that of the others
            self.forecast.learn_overhead(now - self._begun[job.path] - trained)


def recent_runs(out: Path) -> list[Run]:
    """The runs of a results folder that ended last, as many as a forecast needs."""

    def changed(record: Path) -> int:
        with contextlib.suppress(OSError):  # removed since it was found
            return record.stat().st_mtime_ns
        return 0

    records = sorted(out.glob(f"*/*/{RECORD}"), key=changed)[-RECENT:]
    return list(filter(None, (run_at(record.parent) for record in records)))  # who lists the runs says what is wrong


def steps_of(job: Job) -> int:
    """How many steps a training takes if early stopping does not end it."""
    if job.config.steps:
        return job.config.steps
    parameters, count = job.config.dataset.parameters, job.dataset.train_images
    held_out = 0 if parameters["validation"] == "test" else round(count * parameters["validation"])
    images = parameters["train_samples"] or count - held_out
    return (job.config.epochs or 0) * math.ceil(images / job.config.batch_size)


def step_products(config: Mapping[str, Any]) -> float:
    """Roughly the multiplications that the layers need for a batch; only the order of trainings hangs on it."""
    sizes, model = sizes_of(config), config["model"]
    pixels = math.prod(sizes.shape)
    if "hidden" in model or model["name"] == "linear":
        widths = [pixels, *model.get("hidden", []), sizes.classes]
        products = float(sum(a * b for a, b in itertools.pairwise(widths)))
    else:
        products = float(CNN_PRODUCTS * pixels)
    return STEP_PRODUCTS + int(config.get("batch_size", 32)) * products
