"""Trainings on a cluster of Slurm, by submitit: one array job a sweep, and a run a task of it.

A task does what `local` does with one job: attempts, time limit and words are the same, whether anybody waits or not.
Before its time is over, or when it has to make way, it writes a checkpoint and is queued again. What was submitted
stands in a file beside the runs, by which the same command takes it up again.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import submitit
from submitit.core.utils import JobPaths, UncompletedJobError
from submitit.helpers import Checkpointable

from actlab.errors import ActlabError, RunDirError
from actlab.runs import folder as disk
from actlab.runs.executors import Executor, Limits, Place, local, run
from actlab.runs.job import Finish, Job, Outcome
from actlab.runs.record import state_of
from actlab.signals import Signals

MINUTES = 60  # of a task, if `time` is not given: it goes on after each
REQUEUED = 1000  # so often at most
WARNED_SECONDS = 90  # before the end of its time
GRACE_SECONDS = 600.0  # at most, to wait for what Slurm does with a task to which it has sent SIGTERM
LOOK_SECONDS, ASK_SECONDS = 1.0, 5.0  # between two looks at the folder, and two questions to Slurm
FOLDER = ".slurm"  # of an experiment, for its jobs
ALIVE = ("PENDING", "RUNNING", "REQUEUED", "REQUEUE_HOLD", "COMPLETING", "CONFIGURING", "SUSPENDED", "PREEMPTED",
         "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SPECIAL_EXIT")  # fmt: skip


@contextlib.contextmanager
def places(jobs: list[Job], limits: Limits, finish: Finish | None, executor: Executor) -> Iterator[list[Ticket]]:
    """Submit all jobs that are not with Slurm yet; a place for each.

    Raises:
        ActlabError: there is no Slurm here, or it does not take the jobs.
    """
    sweep = _Submitted(jobs[0], limits, finish, executor)
    sweep.take_up(jobs)
    sweep.submit([job for job in jobs if job.path.name not in sweep.known])
    yield [Ticket(sweep) for _ in jobs]
    if not any(state in ALIVE for state in sweep.states.values()):
        disk.discard(sweep.folder)


def tidy(experiment: Path) -> None:
    """Remove what is kept of jobs whose runs have all ended while no command waited."""
    folder = experiment / FOLDER
    with contextlib.suppress(RunDirError):
        states = {state_of(experiment / name) for name in disk.read_json(folder / "jobs.json")}
        if not states & {"pending", "running", "interrupted"}:
            disk.discard(folder)


# --- in a task -------------------------------------------------------------------------------------------------


class _Notices(Signals):
    """What Slurm sends a task: that its time is over, or that it must make way."""

    numbers = (signal.SIGUSR2, signal.SIGTERM)

    def _end(self) -> None:
        """Nothing: both of them may come."""


@dataclass
class Task(Checkpointable):  # type: ignore[misc]
    """A run, as submitit keeps it.

    Args:
        job: what to train.
        limits: of one worker.
        finish: as `train` has it.
        stop_file: tells all tasks of a sweep to end.
        in_workers: what runs in worker processes: the module `worker`, unless a test has another in its place.
    """

    job: Job
    limits: Limits
    finish: Finish | None
    stop_file: Path
    in_workers: ModuleType

    def __call__(self) -> Outcome:
        vars(local)["worker"] = self.in_workers

        def watch(*_: Any) -> None:
            notices.count += self.stop_file.exists()

        with _Notices() as notices:
            watch()
            outcomes = run([self.job], self.limits, notices, watch, self.finish)
        first, *others = (outcomes[one.path] for one in self.job.group)
        statuses = {outcome.status for outcome in outcomes.values()}
        if "failed" in statuses and self.limits.fail_fast:
            self.stop_file.touch()
        if "interrupted" in statuses and not self.stop_file.exists():
            if notices.received == signal.SIGUSR2:
                signal.raise_signal(signal.SIGUSR2)  # submitit has it queued again, and ends this process
            time.sleep(GRACE_SECONDS)  # whoever preempts it queues it again, unless it has ended by itself
        return replace(first, together=tuple(others))


# --- here ------------------------------------------------------------------------------------------------------


class _Submitted:
    """What of an experiment is with Slurm.

    Args:
        first: one of the jobs.
        limits: of each.
        finish: as `train` has it.
        executor: what is asked of Slurm.
    """

    def __init__(self, first: Job, limits: Limits, finish: Finish | None, executor: Executor) -> None:
        self.folder = first.path.parent.resolve() / FOLDER
        self.limits, self.finish, self.asked = limits, finish, dict(executor.slurm)
        self.cluster = self.asked.pop("cluster", "slurm")
        if self.cluster == "slurm" and not shutil.which("sbatch"):
            raise ActlabError("--executor slurm: no command sbatch here; log in to a machine of the cluster")
        needs = {"slurm_gpus_per_node": 1} if first.device == "gpu" else {}
        self.parameters = {
            "name": f"actlab-{first.path.parent.name}", "timeout_min": MINUTES, "cpus_per_task": first.threads,
            "slurm_array_parallelism": limits.workers, "slurm_signal_delay_s": WARNED_SECONDS,
            "slurm_srun_args": [f"--cpus-per-task={first.threads}"], "slurm_additional_parameters": self.asked, **needs,
        }  # fmt: skip
        self.known: dict[str, tuple[Path, str]] = {}  # name of a run directory to folder and number of its job
        self.states: dict[str, str] = {}  # of jobs, by number
        self.processes: dict[str, Any] = {}  # submitit's jobs of this command, by number
        self.ended: set[str] = set()
        self.looked = self.asked_at = 0.0

    def take_up(self, jobs: list[Job]) -> None:
        """Find what an earlier command has submitted and is not over."""
        with contextlib.suppress(RunDirError):
            kept = disk.read_json(self.folder / "jobs.json")
            self.known = {name: (self.folder / folder, number) for name, (folder, number) in kept.items()}
            self.look()
            names = {job.path.name for job in jobs}
            self.known = {
                name: (folder, number) for name, (folder, number) in self.known.items()
                if name in names and self.states.get(number) in ALIVE and not (folder / "stop").exists()
            }  # fmt: skip
            self.states = {number: self.states[number] for _, number in self.known.values()}

    def submit(self, jobs: list[Job]) -> None:
        """Give jobs to Slurm, all in one array.

        Raises:
            ActlabError: it does not take them.
        """
        if not jobs:
            return
        folder = self.folder / f"{time.time_ns()}"
        disk.make_folder(folder)
        limits = replace(self.limits, workers=1)
        in_workers = vars(local)["worker"]
        tasks = [
            Task(job.moved(lambda one: {"path": one.path.resolve()}), limits, self.finish, folder / "stop", in_workers)
            for job in jobs
        ]
        try:
            queue = submitit.AutoExecutor(folder, cluster=self.cluster, slurm_max_num_timeout=REQUEUED)
            queue.update_parameters(**self.parameters)
            quiet = contextlib.redirect_stderr(io.StringIO())  # what sbatch prints is in the error too
            with local.deaf_to_the_terminal(), quiet, queue.batch():
                submitted = [queue.submit(task) for task in tasks]
        except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
            reason = "; ".join(filter(None, map(str.strip, str(error).splitlines())))
            raise ActlabError(f"--executor slurm: the jobs are refused: {reason}") from error
        for job, of in zip(jobs, submitted, strict=True):
            self.known[job.path.name] = folder, of.job_id
            self.states[of.job_id] = "PENDING"
            self.processes[of.job_id] = of
        kept = {name: [folder.name, number] for name, (folder, number) in self.known.items()}
        disk.write_json(self.folder / "jobs.json", kept)

    def look(self) -> None:
        """Find out what has ended, about once a second, and ask Slurm now and then."""
        now = time.monotonic()
        if now - self.looked >= LOOK_SECONDS:
            self.looked = now
            for folder in {folder for folder, _ in self.known.values()}:
                self.ended |= {file.name.removesuffix("_0_result.pkl") for file in folder.glob("*_0_result.pkl")}
        numbers = [number for _, number in self.known.values()]
        if self.cluster == "local":
            self.states |= {number: self._state_here(number) for number in numbers}
        elif now - self.asked_at >= ASK_SECONDS:
            self.asked_at = now
            self.states |= _states_in_slurm(numbers)

    def _state_here(self, number: str) -> str:
        """Of a process that submitit has begun in place of a job of Slurm's, for trying it."""
        if number in self.processes:
            return str(self.processes[number].state)
        return "RUNNING" if disk.process_stat(number)[:1] not in ([], [b"Z"]) else "GONE"

    def stop(self) -> None:
        """Let tasks end with a checkpoint; what has not begun is taken off the queue."""
        for folder in {folder for folder, _ in self.known.values()}:
            (folder / "stop").touch()
        waiting = {number.partition("_")[0] for _, number in self.known.values() if self.states[number] == "PENDING"}
        if waiting and self.cluster == "slurm":
            subprocess.run(["scancel", "--quiet", "--state=PENDING", *waiting], capture_output=True, check=False)


def _states_in_slurm(numbers: Iterable[str]) -> dict[str, str]:
    """What Slurm says of jobs, by number: "GONE" of those that it knows no more; nothing where it does not answer."""
    arrays = ",".join(sorted({number.partition("_")[0] for number in numbers}))
    asked = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", f"--jobs={arrays}"]
    done = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False)
    if done.returncode and "Invalid job id" not in done.stderr:
        return {}
    found = dict(line.split()[:2] for line in done.stdout.splitlines() if line.strip())
    return {number: found.get(number, "GONE") for number in numbers}


class Ticket(Place):
    """A place in Slurm's queue, and then on one of its nodes."""

    def __init__(self, sweep: _Submitted) -> None:
        self.sweep = sweep
        self.gone: float | None = None  # since when nothing is known of its job
        self.stopped = False

    @property
    def queued(self) -> bool:
        return bool(self.job and self.sweep.states.get(self.sweep.known[self.job.path.name][1]) == "PENDING")

    def take(self, job: Job) -> None:
        """Wait for a job that is with Slurm; one that was lost is submitted again."""
        self.job, self.gone = job, None
        if job.path.name not in self.sweep.known:
            self.sweep.submit([job])

    def ended(self) -> Outcome | None:
        """How the job ended, once it has."""
        assert self.job
        self.sweep.look()
        folder, number = self.sweep.known[self.job.path.name]
        state, outcome = self.sweep.states[number], None
        if number in self.sweep.ended and (self.sweep.cluster == "slurm" or state not in ALIVE):
            outcome = self._result(folder, number)
            if "interrupted" in {of.status for _, of in outcome.of_each(self.job)} and not self.stopped:
                outcome = Outcome("lost", f"Slurm's job {number} was told to stop")
        elif state in ALIVE:
            self.gone = None
        else:
            self.gone = self.gone or time.monotonic()
            if time.monotonic() - self.gone > 2 * ASK_SECONDS:  # its last words may be on their way
                error = _last_line(JobPaths(folder, number).stderr)
                reason = f"Slurm's job {number} ended as {state}{error and f': {error}'}"
                outcome = Outcome("interrupted" if state == "CANCELLED" else "lost", reason)
        if outcome:
            del self.sweep.known[self.job.path.name], self.sweep.states[number]
            self.job = None
        return outcome

    def _result(self, folder: Path, number: str) -> Outcome:
        kind = submitit.LocalJob if self.sweep.cluster == "local" else submitit.SlurmJob
        try:
            outcome: Outcome = kind(folder, number).result()
        except UncompletedJobError as error:  # its failure too is one
            return Outcome("failed", str(error).strip().splitlines()[-1])
        return outcome

    def stop(self) -> bool:
        """Let the training write its checkpoint and end; one that waits in the queue is taken off it."""
        waits = self.queued and self.sweep.cluster == "slurm"
        if not self.stopped:
            self.stopped = True
            self.sweep.stop()
        if waits:
            self.job = None
        return waits


def _last_line(file: Path) -> str:
    with contextlib.suppress(OSError):
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")
    return ""
