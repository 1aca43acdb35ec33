"""A plan on this machine: its datasets, what has ended before, and what is left to train."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from actlab import environment, plugins
from actlab.environment import gpu_memory_gib, gpus, usable_cores, usable_memory_gib
from actlab.errors import ActlabError, RunDirError
from actlab.parts import datasets
from actlab.parts.datasets import Prepared
from actlab.runs import folder as disk
from actlab.runs import register
from actlab.runs.folder import EXPERIMENT, PROGRESS, RECORD, inside, make_folder
from actlab.runs.forecast import Forecast, recent_runs
from actlab.runs.job import Job, Outcome
from actlab.runs.record import ENDED, Run, by_hash, run_at, run_folders, state_of
from actlab.spec.budget import sizes_of
from actlab.spec.config import OF_A_RUN, RunConfig
from actlab.spec.groups import groups
from actlab.spec.plan import Plan, on_engine

MOST_WORKERS, MOST_THREADS = 1024, 1024
GIB_A_WORKER = 1.2  # TensorFlow, a net of a million weights and the mapped images; measured with the CIFAR-10 CNN
# By then a GPU is busy. On a processor a group saves start and compilation alone, of which so many leave a run little,
# while every checkpoint of a group is one of each of its runs.
MOST_TOGETHER = {"gpu": 256, "cpu": 32}
SHARE_OF_MEMORY = 0.6  # for the runs of a group; the data and what XLA makes on its way have the rest
WEIGHTS_KEPT = 16  # times, measured with Adam and its moving average: with the gradients, the best, and copies
CNN_WEIGHTS = 2e6  # where widths say nothing: more than those of the CIFAR-10 CNN
SLOW_BFLOAT16 = (
    "mixed_bfloat16 on a processor without bfloat16 instructions (avx512_bf16, amx_bf16) is many times slower than "
    "float32; it is of use on newer server processors and on GPUs."
)


@dataclass
class Sweep:
    """What is left to do of a plan on this machine.

    Args:
        plan: the runs of a config file.
        folder: of the experiment, in the output folder.
        workers: processes at a time.
        jobs: what is to be trained, anew or from a checkpoint, the longest first.
        ended: runs that have ended before, and stay as they are.
        elsewhere: finished runs of other experiments that are the same run, and the jobs that they spare.
        planned: hash of each run to its job, to be done or not, in the order of the plan.
        begun: first digits of the hashes of runs that have a record, here or in another experiment.
        warnings: what the user must see before the training starts.
        forced: what was trained before is forgotten first.
        forecast: how long the jobs will take, from what lies in the output folder.
        most_together: runs that are trained together at most.
    """

    plan: Plan
    folder: Path
    workers: int
    jobs: list[Job] = field(default_factory=list)
    ended: list[Run] = field(default_factory=list)
    elsewhere: list[tuple[Run, Job]] = field(default_factory=list)
    planned: dict[str, Job] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    forced: bool = False
    forecast: Forecast = field(default_factory=Forecast)
    most_together: int = 1

    def tasks(self) -> list[Job]:
        """The jobs as an executor takes them: runs that are trained together as the first of them.

        Those that have a checkpoint go together, and so do those that are new.
        """
        begun = [(job.path / disk.CHECKPOINT / disk.STATE).exists() for job in self.jobs]
        found = []
        for places in groups([job.config for job in self.jobs], self.most_together, begun):
            first, *others = (self.jobs[place] for place in places)
            found.append(replace(first, together=tuple(others)))
        return found

    @property
    def claims(self) -> list[dict[str, Any]]:
        """What the config file claims, as it is registered: without the keys that are at their defaults."""
        return [claim.model_dump(by_alias=True, exclude_defaults=True) for claim in self.plan.experiment.claims]

    def estimate_seconds(self) -> float | None:
        """Wall time that the jobs will take, from finished runs of the same kinds; None where one has none."""
        if not all(map(self.forecast.knows, self.jobs)):
            return None
        standing = [(job, disk.read_progress(job.path) if resumable(job) else {}) for job in self.jobs]
        return self.forecast.left(standing, self.workers)

    def begin(self) -> None:
        """Make the folders of what is to be trained, and keep the config file as it is now, its claims too.

        Raises:
            RunDirError: the output folder cannot be written, or a folder would lie outside it.
        """
        make_folder(self.folder)
        disk.discard(self.folder / PROGRESS)  # of one that was killed
        disk.write_experiment(self.folder, self.plan.text, self.plan.overrides)
        try:
            register.register_claims(self.folder, self.claims, self.begun)
            register.register_plan(self.folder, self.planned)
        except RunDirError:
            if self.jobs or self.elsewhere:  # else the folder is an older actlab's, read-only, and nothing is new in it
                raise
        for plugin in plugins.loaded(self.plan.plugins):
            disk.keep_plugin(self.folder, plugin)
        for run in self.ended:
            disk.tidy(run.path, run.status != "failed")
            placed = {**run.record, **self._placed(run)}
            if placed != run.record:  # as of an earlier plan, in which it or its data had another place
                with disk.lock(run.path):
                    disk.write_json(run.path / RECORD, placed)
        for run, job in self.elsewhere:
            disk.copy_run(run.path, inside(self.folder, job.path.name), {**self._placed(run), "claims_sha256": None})
            self.ended.append(Run(job.path))
        for job in self.jobs:
            make_folder(inside(self.folder, job.path.name))
            if self.forced:
                disk.forget(job.path)

    def _placed(self, run: Run) -> dict[str, Any]:
        """What of a record follows the plan."""
        job = self.planned[run.hash]
        own = "data_path" in job.placed
        named = {"config": {**run.config, "dataset": job.config.canonical()["dataset"]}} if own else {}
        return {**job.placed, **named}

    def runs(self, outcomes: Mapping[Path, Outcome]) -> list[Run]:
        """All runs of the plan that were begun, in its order; also those that failed before they had a record.

        Args:
            outcomes: of the trainings of this call.
        """
        found = list(self.ended)
        for job in self.jobs:
            outcome, run = outcomes.get(job.path), run_at(job.path)
            if run is None and outcome and outcome.status == "failed":  # as on a full disk
                run = Run(job.path, {**job.identity, "status": "failed", "reason": outcome.reason})
            found += [run] if run else []
        order = {digest: place for place, digest in enumerate(self.planned)}
        return sorted(found, key=lambda run: order[run.hash])


def resumable(job: Job) -> bool:
    """Whether a training would go on from a checkpoint."""
    return disk.read_checkpoint(job.path) is not None


def choose_engine(plan: Plan, wanted: str, device: str, out: Path) -> Plan:
    """The plan with the engine that the command line asks for.

    `auto` leaves the engine that the file names, and the one that runs of this plan in the output folder have; else it
    is JAX on a GPU, where it is installed, and TensorFlow on a processor.

    Args:
        plan: of a config file.
        wanted: auto, tensorflow or jax.
        device: auto, cpu or gpu.
        out: the folder that holds the experiments.

    Raises:
        DeviceError: it is none of these, or not installed.
        ConfigError: the file sweeps over engines.
    """
    stated = any(config.engine for _, config in plan.runs)
    if wanted != "auto":
        environment.require_engine(wanted)
        return on_engine(plan, wanted) if stated or wanted != "tensorflow" else plan
    if stated:
        return plan
    folder = _folder(plan, out)
    begun = {path.name.rpartition("-")[2][:8] for path in run_folders(folder)} if folder.is_dir() else set()
    if begun:
        for engine in ("", "jax"):  # the second plan takes as long as reading the file, and is seldom needed
            there = on_engine(plan, engine) if engine else plan
            if any(config.hash[:8] in begun for _, config in there.runs):
                return there
    chosen = environment.choose_engine(wanted, device)
    return on_engine(plan, chosen) if chosen != "tensorflow" else plan


def _folder(plan: Plan, out: Path) -> Path:
    """Of an experiment, its name in UTF-8, whatever the locale is."""
    return out / os.fsdecode(plan.experiment.name.encode())


def engine_of(plan: Plan) -> str:
    """The engine for which a device is looked for: that of the first run."""
    return plan.runs[0][1].engine or "tensorflow"


def prepare(
    plan: Plan, out: Path, device: str, say: Callable[[str], None], *, data_dir: Path | None = None,
    workers: int | None = None, per_gpu: int = 1, force: bool = False, retry_failed: bool = False,
    checkpoint_seconds: float = 30.0, threads: int | None = None, elsewhere: bool = False, vectorize: int | None = None,
) -> Sweep:  # fmt: skip
    """Get the data, decide on stand-ins, and find out what is left to train. Writes nothing into the output folder.

    Args:
        plan: what the config file asks for.
        out: the folder that holds the experiments.
        device: "cpu" or "gpu".
        say: is told, in a sentence, of what takes long.
        data_dir: where NAME.npz files are looked for first.
        workers: processes at a time; None chooses from cores, memory and the number of runs.
        per_gpu: workers that share a GPU.
        force: train finished runs anew.
        retry_failed: train runs again that failed or diverged.
        checkpoint_seconds: at most about this much work is lost by a crash.
        threads: of each run; None shares this machine's cores among its workers.
        elsewhere: whether runs are trained on other machines, whose number of cores says nothing: with one thread
            each, if no number is given.
        vectorize: runs that are trained together at most; None chooses from memory and workers.

    Raises:
        ActlabError: `workers`, `threads` or `vectorize` is no number of them.
        DatasetError: a dataset cannot be had and no stand-in is named, or it has fewer images than a config asks for.
        RunDirError: the output folder cannot be used.
    """
    if vectorize is not None and vectorize < 1:
        raise ActlabError(f"--vectorize: expected auto, off or a number from 1, read {vectorize!r}")
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise ActlabError(f"--threads: expected a number from 1 to {MOST_THREADS}, read {threads!r}")
    if workers is not None and not 1 <= workers <= MOST_WORKERS:
        raise ActlabError(f"--workers: expected auto or a number from 1 to {MOST_WORKERS}, read {workers!r}")
    if elsewhere:
        workers, threads = min(len(plan.runs), workers or MOST_WORKERS), threads or 1
    else:
        largest = max(_gib_a_batch(config) for _, config in plan.runs)
        workers, threads = workers_and_threads(len(plan.runs), device, workers, per_gpu, largest, threads)
    # a link in its place is the user's own, to another disk perhaps; those below it would be followed by no one's wish
    folder = _folder(plan, out)
    if folder.is_symlink() and folder.is_dir() and any(folder.iterdir()) and not (folder / EXPERIMENT).is_file():
        raise RunDirError(f"{folder}: links to {folder.resolve()}, which holds no experiment; remove the link")
    sweep = Sweep(plan, folder, workers, forced=force, warnings=list(plan.warnings))
    here = by_hash(sweep.folder)
    others = by_hash(*sorted(of for of in out.glob("*/") if of != sweep.folder))
    sweep.begun = {*here}
    sets: dict[str, Prepared] = {}
    for index, (label, config) in enumerate(plan.runs):
        own = {key: value for key, value in config.dataset.parameters.items() if key not in OF_A_RUN}
        key = repr([config.dataset.name, own])
        if key not in sets:
            place = plan.data.get((own.get("content") or {}).get("sha256", ""))
            sets[key] = datasets.prepare(config.dataset.name, own, data_dir, place=place, say=say)
        dataset = sets[key]
        if dataset.stand_in_for:
            config = config.on_stand_in(dataset.name)
            warning = (
                f"{dataset.stand_in_for} cannot be had here: {dataset.stand_in_reason}. Training on {dataset.name}, "
                f"a rendered stand-in: its numbers say nothing about {dataset.stand_in_for}."
            )
            if warning not in sweep.warnings:
                sweep.warnings.append(warning)
        if (digest := config.hash) in sweep.planned:
            continue  # two cells that were different until the real set could not be had
        sweep.begun |= {digest[:8]} & others.keys()
        path, run = _place_of(config, label, sweep.folder, here.get(digest[:8], []))
        job = Job(
            config, label, path, dataset, device, threads, checkpoint_seconds, index, plan.overrides,
            plugins.loaded(config.plugins),
        )  # fmt: skip
        sweep.planned[digest] = job
        if force:
            sweep.jobs.append(job)
        elif run and run.status in (("done",) if retry_failed else ENDED):
            sweep.ended.append(run)
        elif same := _same_run(others.get(digest[:8], []), job):
            sweep.elsewhere.append((same, job))
        else:
            sweep.jobs.append(job)
            if state_of(path) == "damaged":
                again = "goes on from its checkpoint" if resumable(job) else "trains anew"
                sweep.warnings.append(f"{path}: {again}: its {RECORD} is damaged")
    asked_for = {digest[:8] for digest in (*plan.wanted, *sweep.planned)}
    if strange := [path.name for digits, paths in here.items() if digits not in asked_for for path in paths]:
        few = ", ".join(strange[:3]) + (f" and {len(strange) - 3} more" if len(strange) > 3 else "")
        sweep.warnings.append(
            f"{sweep.folder} holds runs that {plan.source} does not ask for, and comparisons take all: {few}. "
            "Another `name` keeps studies apart."
        )
    known = register.read(folder)
    if known.versions and not register.is_last(known, sweep.claims):
        since = f"its claims are not as registered at {known.versions[-1].time}; both versions are kept and shown"
        sweep.warnings.append(f"{plan.source}: {since}")
    checked: set[tuple[Any, ...]] = set()
    for job in sweep.jobs:  # whether there are images enough is found out now, not in a worker
        parameters = job.config.dataset.parameters
        asked = (job.dataset.folder, parameters["train_samples"], parameters["validation"])
        if asked not in checked:
            datasets.split(datasets.load(job.dataset), *asked[1:], job.config.seed)
            checked.add(asked)
    bfloat16 = any(job.config.precision == "mixed_bfloat16" for job in sweep.jobs)
    if bfloat16 and device == "cpu" and environment.slow_bfloat16():
        sweep.warnings.append(SLOW_BFLOAT16)
    if engine_of(plan) == "jax":
        sweep.most_together = vectorize or most_together([c for _, c in plan.runs], device, workers)
    for engine in {job.engine for job in sweep.jobs}:
        environment.require_engine(engine)
    if sweep.jobs:
        sweep.forecast = Forecast(recent_runs(out))
        sweep.jobs.sort(key=lambda job: -sweep.forecast.weight(job))  # the longest first: no worker shall end alone
    return sweep


def workers_and_threads(
    runs: int, device: str, wanted: int | None = None, per_gpu: int = 1, gib_a_batch: float = 0.0,
    threads: int | None = None,
) -> tuple[int, int]:  # fmt: skip
    """How many workers and how many threads each, for a sweep on this machine.

    Workers are as many as are wanted, or as cores and memory have room for, but no more than there are runs; they
    share the cores evenly: threads = cores // workers, unless their number is given. Since this follows from the runs
    of the plan, not from those that are left, a sweep that goes on later does so with the same threads, and comes to
    the same bytes.

    Args:
        runs: of the whole plan, done or not.
        device: "cpu" or "gpu".
        wanted: workers that the command line asks for; None where it leaves the choice.
        per_gpu: workers that share a GPU.
        gib_a_batch: memory that the largest batch of the sweep takes besides what every worker takes.
        threads: that the command line asks for.
    """
    cores = usable_cores()
    if wanted is None:
        fitting = int(usable_memory_gib() // (GIB_A_WORKER + gib_a_batch))
        wanted = per_gpu * len(gpus()) if device == "gpu" else min(cores // (threads or 1), fitting)
    workers = max(1, min(runs, wanted))
    return workers, threads or max(1, cores // workers)


def most_together(configs: Sequence[RunConfig], device: str, workers: int) -> int:
    """How many runs may be trained together: as the memory has room for, but so that each worker has its share.

    Args:
        configs: of all runs of a plan.
        device: "cpu" or "gpu".
        workers: among which they are shared.
    """
    room = gpu_memory_gib() if device == "gpu" else usable_memory_gib() / workers - GIB_A_WORKER
    fitting = int(SHARE_OF_MEMORY * room / max(map(_gib_together, configs)))
    return max(1, min(MOST_TOGETHER[device], fitting, math.ceil(len(configs) / workers)))


def _gib_together(config: RunConfig) -> float:
    """Roughly what one more run takes in a group: its weights, gradients and the optimizer's means, and a batch."""
    hidden, sizes = config.model.parameters.get("hidden"), sizes_of(config.canonical())
    widths = [math.prod(sizes.shape), *(hidden or ()), sizes.classes]
    weights = sum(a * b for a, b in itertools.pairwise(widths)) if hidden else CNN_WEIGHTS
    return WEIGHTS_KEPT * 4 * weights / 2**30 + _gib_a_batch(config)


def _gib_a_batch(config: RunConfig) -> float:
    """Roughly what the activations of a batch and their gradients take: the CNN keeps about 2 MB an image."""
    widths = config.model.parameters.get("hidden")
    bytes_an_image = 8 * (math.prod(sizes_of(config.canonical()).shape) + sum(widths)) if widths else 2e6
    return config.batch_size * bytes_an_image * 2 / 2**30


def _place_of(config: RunConfig, label: str, folder: Path, candidates: list[Path]) -> tuple[Path, Run | None]:
    """The directory of a run: where it lies already, whatever its label was, or a new one; and what is recorded there.

    Args:
        config: of the run.
        label: how people call it.
        folder: of the experiment.
        candidates: directories there whose names end with the first eight digits of the hash. Their records state
            all of it: that of another run is left alone.
    """
    for path in candidates:
        run = run_at(path)
        if run is None or run.hash == config.hash:
            return path, run
    path = folder / f"{label}-{config.hash[: 16 if candidates else 8]}"
    return path, run_at(path)


def _same_run(candidates: list[Path], job: Job) -> Run | None:
    """A finished run of another experiment with the same config and data: the same run, with the same bytes."""
    if job.path.exists() and disk.is_locked(job.path):
        return None
    for path in candidates:
        run = run_at(path)
        if run is None or run.status != "done" or run.hash != job.config.hash:
            continue
        same_data = (run.record.get("dataset") or {}).get("stand_in_for") == job.dataset.stand_in_for
        if same_data and not run.damaged():
            return run
    return None
