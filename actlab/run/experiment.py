"""From a plan to trained runs: datasets, stand-ins, folders, what is left to do, and the figures at the end."""

from __future__ import annotations

import functools
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from actlab import environment
from actlab.errors import RunDirError
from actlab.parts import datasets
from actlab.parts.datasets import Prepared
from actlab.run.executors.local import workers_for
from actlab.run.folder import (
    EXPERIMENT,
    RECORD,
    copy_run,
    forget,
    inside,
    is_locked,
    make_folder,
    read_checkpoint,
    read_progress,
    write_bytes,
)
from actlab.run.forecast import Forecast, recent_runs
from actlab.run.record import ENDED, Run, by_hash, state_of
from actlab.run.training import Job
from actlab.spec.config import OF_A_RUN, RunConfig
from actlab.spec.plan import Plan
from actlab.study.compare import Comparison, curves, figures, looks_of, stand_in_note

SLOW_BFLOAT16 = (
    "mixed_bfloat16 on a processor without bfloat16 instructions (avx512_bf16, amx_bf16) is many times slower than "
    "float32; it is of use on newer server processors and on GPUs."
)


@dataclass(frozen=True)
class Options:
    """How the command line wants the runs to be trained; none of it is part of their identity.

    Args:
        out: the folder that holds the experiments.
        device: "cpu" or "gpu".
        data_dir: where NAME.npz files are looked for first.
        workers: processes at a time; None chooses from cores, memory and the number of runs.
        per_gpu: workers that share a GPU.
        force: train finished runs anew.
        retry_failed: train runs again that failed or diverged.
        checkpoint_seconds: at most about this much work is lost by a crash.
    """

    out: Path
    device: str
    data_dir: Path | None = None
    workers: int | None = None
    per_gpu: int = 1
    force: bool = False
    retry_failed: bool = False
    checkpoint_seconds: float = 30.0


@dataclass
class Study:
    """A plan on this machine: what is to be trained, and what is there already.

    Args:
        plan: the config file.
        folder: of the experiment, in the output folder.
        workers: processes at a time.
        jobs: what is to be trained, anew or from a checkpoint.
        ended: runs that have ended before, and stay as they are.
        elsewhere: finished runs of other experiments that are the same run, and where their copies belong.
        warnings: what the user must see before the training starts.
        forced: what was trained before is forgotten first.
        forecast: how long the jobs will take, from what lies in the output folder.
    """

    plan: Plan
    folder: Path
    workers: int
    jobs: list[Job] = field(default_factory=list)
    ended: list[Run] = field(default_factory=list)
    elsewhere: list[tuple[Run, Path]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    forced: bool = False
    forecast: Forecast = field(default_factory=Forecast)


def prepare(plan: Plan, options: Options, say: Callable[[str], None]) -> Study:
    """Get the data, decide on stand-ins, and find out what is left to train. Writes nothing into the output folder.

    Args:
        plan: what the config file asks for.
        options: what the command line says.
        say: is told, in a sentence, of what takes long.

    Raises:
        DatasetError: a dataset cannot be had and no stand-in is named.
        RunDirError: the output folder cannot be used.
    """
    largest = max(map(_gib_a_batch, (config for _, config in plan.runs)))
    auto, threads = workers_for(len(plan.runs), options.device, options.per_gpu, largest)
    workers = options.workers or auto
    threads = max(1, auto * threads // workers)
    study = Study(plan, inside(options.out, plan.experiment.name), workers)
    sets: dict[str, Prepared] = {}
    seen: set[str] = set()
    here, elsewhere = by_hash(study.folder), by_hash(options.out, "*/*")
    for label, config in plan.runs:
        dataset = _dataset(config, sets, options.data_dir, say)
        if dataset.stand_in_for:
            config = config.on_stand_in(dataset.name)
            _warn(study, dataset)
        if (digest := config.hash) in seen:
            continue  # two cells that were different until the real set could not be had
        seen.add(digest)
        digits = digest[:8]
        path = next(iter(here.get(digits, ())), study.folder / f"{label}-{digits}")
        job = Job(config, label, path, dataset, options.device, threads, options.checkpoint_seconds)
        _sort_in(study, job, elsewhere.get(digits, []), options)
    study.forced = options.force
    _check_splits(study.jobs)
    bfloat16 = any(job.config.precision == "mixed_bfloat16" for job in study.jobs)
    if bfloat16 and options.device == "cpu" and environment.slow_bfloat16():
        study.warnings.append(SLOW_BFLOAT16)
    if study.jobs:
        study.forecast = Forecast(recent_runs(options.out))
    study.jobs.sort(key=lambda job: -study.forecast.weight(job))  # the longest first, so that no worker ends alone
    return study


def _sort_in(study: Study, job: Job, elsewhere: list[Path], options: Options) -> None:
    """Whether a run has ended before, is there in another experiment, or is to be trained."""
    if options.force:
        study.jobs.append(job)
    elif run := _ended(job.path, options.retry_failed):
        study.ended.append(run)
    elif same := _same_run(elsewhere, job.config, job.dataset, job.path):
        study.elsewhere.append((same, job.path))
    else:
        study.jobs.append(job)
        if state_of(job.path) == "damaged":
            study.warnings.append(f"{job.path}: {_again(job)}: its {RECORD} is damaged")


def _gib_a_batch(config: RunConfig) -> float:
    """Roughly what the activations of a batch and their gradients take: the CNN keeps about 2 MB an image."""
    widths = config.model.parameters.get("hidden")
    bytes_an_image = 8 * (784 + sum(widths)) if widths else 2e6
    return config.batch_size * bytes_an_image * 2 / 2**30


def _dataset(
    config: RunConfig, sets: dict[str, Prepared], data_dir: Path | None, say: Callable[[str], None]
) -> Prepared:
    """The prepared dataset of a config, each only once."""
    mine = {k: v for k, v in config.dataset.parameters.items() if k not in OF_A_RUN}
    key = json.dumps([config.dataset.name, mine], sort_keys=True)
    if key not in sets:
        sets[key] = datasets.prepare(config.dataset.name, mine, data_dir, say=say)
    return sets[key]


def _warn(study: Study, dataset: Prepared) -> None:
    warning = (
        f"{dataset.stand_in_for} cannot be had here: {dataset.stand_in_reason}. "
        f"Training on {dataset.name}, a rendered stand-in: its numbers say nothing about {dataset.stand_in_for}."
    )
    if warning not in study.warnings:
        study.warnings.append(warning)


def _check_splits(jobs: list[Job]) -> None:
    """Find out now, not in a worker, whether the datasets have as many images as the configs ask for.

    Raises:
        DatasetError: one has fewer.
    """
    checked = set()
    for job in jobs:
        parameters = job.config.dataset.parameters
        asked = (job.dataset.folder, parameters["train_samples"], parameters["validation"])
        if asked not in checked:
            datasets.split(datasets.load(job.dataset), asked[1], asked[2], job.config.seed)
        checked.add(asked)


def _same_run(paths: list[Path], config: RunConfig, dataset: Prepared, target: Path) -> Run | None:
    """A finished run of another experiment with the same config and data: the same run, with the same bytes."""
    if target.exists() and is_locked(target):
        return None
    for path in paths:
        try:
            run = Run(path)
        except RunDirError:
            continue
        same_data = (run.record.get("dataset") or {}).get("stand_in_for") == dataset.stand_in_for
        if run.status == "done" and run.hash == config.hash and same_data and not run.damaged():
            return run
    return None


def _ended(path: Path, retry_failed: bool) -> Run | None:
    """The run at a path if it has ended and is to stay so."""
    try:
        run = Run(path)
    except RunDirError:
        return None
    stays = ("done",) if retry_failed else ENDED
    return run if run.status in stays else None


def _again(job: Job) -> str:
    return "goes on from its checkpoint" if resumable(job) else "trains anew"


def resumable(job: Job) -> bool:
    """Whether a training would go on from a checkpoint."""
    return read_checkpoint(job.path) is not None


def estimate_seconds(study: Study) -> float | None:
    """Wall time that the jobs of a study will take, from finished runs of the same kinds; None where one has none."""
    if not all(map(study.forecast.knows, study.jobs)):
        return None
    standing = [(job, read_progress(job.path) if resumable(job) else {}) for job in study.jobs]
    return study.forecast.left(standing, study.workers)


def begin(study: Study) -> None:
    """Make the folders of what is to be trained, and keep the config file as it is now, its claims too.

    Raises:
        RunDirError: the output folder cannot be written, or a folder would lie outside it.
    """
    make_folder(study.folder)
    changes = "".join(f"# --set {override}\n" for override in study.plan.overrides)
    text, kept = (changes + study.plan.text).encode(), study.folder / EXPERIMENT
    if not kept.is_file() or kept.read_bytes() != text:
        write_bytes(kept, text)
    for run, path in study.elsewhere:
        copy_run(run.path, inside(study.folder, path.name), {})
        study.ended.append(Run(path))
    for job in study.jobs:
        make_folder(inside(study.folder, job.path.name))
        if study.forced:
            forget(job.path)


def paths(study: Study) -> list[Path]:
    """The directories of all runs of the plan."""
    return [run.path for run in study.ended] + [job.path for job in study.jobs]


@functools.cache
def import_plotting() -> None:
    """Import what the comparison and the figures at the end need, as soon as a worker is free: they take a second."""
    for name in ("pandas", "scipy.special", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        importlib.import_module(name)


def overlay(folder: Path, comparison: Comparison, title: str) -> list[Path]:
    """Draw the curves of all conditions over each other; returns the files."""
    from actlab.show import plots

    frame = curves(comparison)
    if frame.empty:
        return []
    note = stand_in_note([run for runs in comparison.conditions.values() for run in runs])
    (look_of,) = looks_of([comparison])
    judged = [comparison.metric] if comparison.metric in frame and comparison.metric.isidentifier() else []
    files = []
    for metric in dict.fromkeys(("val_accuracy", "val_loss", *judged)):
        path = folder / f"{metric}.png"
        write_bytes(path, plots.png(plots.overlay_figure(frame, metric, title, note, look_of)))
        files.append(path)
    return files


def draw(folder: Path, comparison: Comparison, title: str) -> list[Path]:
    """Draw every figure that applies to a comparison; returns the files."""
    from actlab.show import plots

    files = overlay(folder, comparison, title)
    for stem, figure in figures(comparison, title).items():
        write_bytes(folder / f"{stem}.png", plots.png(figure))
        files.append(folder / f"{stem}.png")
    return files
