"""Trainings on a cluster of Ray. A place is a process of Ray's on some node; it holds a worker as `local` does here.

So whatever goes wrong in a worker is dealt with as it is on this machine, and workers live through many trainings.
What is Ray's own: nodes get lost, need not share a folder with this machine, and need not have the data.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from actlab import environment
from actlab.errors import ActlabError, RunDirError, RunLocked
from actlab.parts import datasets
from actlab.parts.datasets import store
from actlab.runs import folder as disk
from actlab.runs.executors import POLL_SECONDS, Executor, Limits, Place, local
from actlab.runs.job import Finish, Job, Outcome
from actlab.runs.register import register_run
from actlab.spec.config import OF_A_RUN

ENDING_SECONDS = 60.0  # for what a lost process was writing to be let go of, and for processes to end in good order
ANSWER_SECONDS = 10.0  # for a cluster to take a connection
TRIES = 3  # to start a process on the cluster
LOOK_SECONDS = 1.0  # between two looks at a training whose folder is not seen from here

Files = Mapping[str, bytes]
_Standing = tuple[bool, str, list[str]]


@contextlib.contextmanager
def places(jobs: list[Job], limits: Limits, finish: Finish | None, executor: Executor) -> Iterator[list[Seat]]:
    """Within, this process is connected to a cluster: that of an address, else one of this machine and this command.

    Raises:
        ActlabError: there is no cluster at the address, or no node of it has what a run needs.
    """
    first = jobs[0]
    needs: dict[str, float] = {"CPU": first.threads, **({"GPU": 1 / limits.per_gpu} if first.device == "gpu" else {})}
    with disk.token(first.path.parent) as token, _connected(executor.address, needs, limits.workers):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(min(int(node.get(name, 0) / amount + 1e-6) for name, amount in needs.items()) for node in nodes)
        if not room:
            most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in needs}
            wants, has = (", ".join(f"{n:g} {name}" for name, n in of.items()) for of in (needs, most))
            raise ActlabError(f"--executor ray: a run needs {wants}, and no node of the cluster has more than {has}")
        cluster = _Cluster(jobs, limits, finish, needs, token if executor.shared_folder else None)
        seats = [Seat(cluster, first) for _ in range(min(room, limits.workers))]
        try:
            yield seats
        finally:
            hosts = [seat.host for seat in seats if seat.host]
            if closing := [host.close.remote() for host in hosts]:
                ray.wait(closing, num_returns=len(closing), timeout=10)
            for host in hosts:
                ray.kill(host)
            for seat in seats:
                seat.held.close()


@contextlib.contextmanager
def _connected(address: str | None, needs: Mapping[str, float], workers: int) -> Iterator[None]:
    """A session of Python that is connected already stays so."""
    if ray.is_initialized():
        yield
        return
    if address:
        _check_listens(address)
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    own = {
        "num_cpus": max(environment.usable_cores(), int(needs["CPU"] * workers)),
        "num_gpus": len(environment.gpus()) if "GPU" in needs else 0,
        "include_dashboard": False,
    }
    handled = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with local.deaf_to_the_terminal():  # what is started here ends with this process, not by the terminal's signals
            ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **({} if address else own))
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        hint = "; if it asks for a token, set RAY_AUTH_MODE=token for its nodes and here" if address else ""
        raise ActlabError(f"--executor ray: {address or 'this machine'}: no cluster: {reason}{hint}") from error
    finally:
        if threading.current_thread() is threading.main_thread():  # Ray has its own way with SIGTERM
            for number, handler in handled.items():
                signal.signal(number, handler)
    try:
        yield
    finally:
        ray.shutdown()


def _check_listens(address: str) -> None:
    """Raise where nothing is at an address: Ray would try again for minutes, with a warning for each."""
    try:
        at = urlsplit(address if "//" in address else f"//{address}")
        if at.port:  # else a word of Ray's, as auto
            socket.create_connection((at.hostname, at.port), timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "`ray start --head` says where a cluster is"
        raise ActlabError(f"--executor ray: {address}: no cluster: {reason}; {hint}") from error


# --- on a node -------------------------------------------------------------------------------------------------


class Host:
    """Where a worker lives: in a process of Ray's.

    Args:
        first: one of the jobs that will come.
        limits: of which this keeps the time of a run.
        finish: as `train` has it.
        variables: those of the driver that a training's bytes depend on.
        in_workers: what runs in worker processes: the module `worker`, unless a test has another in its place.
    """

    def __init__(
        self, first: Job, limits: Limits, finish: Finish | None, variables: Mapping[str, str], in_workers: ModuleType
    ) -> None:
        for name in [name for name in os.environ if environment.treatment(name) == "recorded"]:
            del os.environ[name]
        os.environ |= variables
        vars(local)["worker"] = in_workers
        self._open, self._gate, self._given_back = contextlib.ExitStack(), threading.Lock(), False
        (self.slot,) = self._open.enter_context(local.places([first], replace(limits, workers=1), finish))
        self.apart: Job | None = None  # what is trained where the driver does not see it
        self.wanted: Mapping[str, Job] = {}
        self.data: dict[Path, Path] = {}  # folder of a set on the driver's machine to that on this one
        self.shared = False

    def look(self, token: tuple[Path, bytes] | None, wanted: Mapping[str, Job]) -> _Standing:
        """Whether this node shares the driver's folder, which actlab it has, and the sha256 of the sets that it lacks.

        Args:
            token: a file of the driver's, and what is in it; None where no folder is shared whatever is seen.
            wanted: sha256 of each set that will be needed, as its index has it, to a job that needs it.
        """
        self.wanted = wanted
        for sha256, job in wanted.items():
            with contextlib.suppress(ActlabError):
                self.data[job.dataset.folder] = _own_copy(job, sha256)
        with contextlib.suppress(OSError):
            self.shared = token is not None and token[0].read_bytes() == token[1]
        lacking = [sha256 for sha256, job in wanted.items() if job.dataset.folder not in self.data]
        return self.shared, environment.source_sha256(), lacking

    def receive(self, lacking: Sequence[str], *sets: Mapping[str, Any]) -> _Standing:
        """Keep the driver's copies of sets in this node's cache, unless another process here has done so; as `look`."""
        for sha256, arrays in zip(lacking, sets, strict=True):
            there = self.wanted[sha256].dataset.folder
            name, folder = there.name.rpartition("-")[0], store.cache_folder() / there.name
            with store.locked(name):
                if not _is_copy(folder, sha256):
                    folder = store.write(name, dict(arrays), {"sent": sha256}, "sent here, and verified")
            if not _is_copy(folder, sha256):
                raise ActlabError(f"{folder}: came here damaged")
            self.data[there] = folder
        return self.shared, environment.source_sha256(), []

    def train(self, job: Job, files: Mapping[str, Files] | None) -> tuple[Outcome, dict[str, Files] | None]:
        """Train a run, or a group, to its end; returns how it ended and, if files are given, those of its runs by name.

        Args:
            job: what to train.
            files: of its runs, by the names of their directories, and of their experiment, by "", where this node does
                not see them; None where it does.
        """
        job = job.moved(lambda one: {"dataset": replace(one.dataset, folder=self.data[one.dataset.folder])})
        if files is not None:
            home = self.slot.stop_file.parent / job.path.parent.name
            job = job.moved(lambda one: {"path": home / one.path.name})
            disk.remove(home)
            for name, of in files.items():
                disk.unpack(home / name, of)
            self.apart = job
        with self._gate:
            self.slot.take(job)
        while True:
            with self._gate:
                future, outcome = self.slot.future, Outcome("interrupted") if self._given_back else self.slot.ended()
            if outcome:
                self.apart = None
                return outcome, None if files is None else {one.path.name: disk.pack(one.path) for one in job.group}
            concurrent.futures.wait([future] if future else [], POLL_SECONDS)

    def standing(self, name: str, known: int) -> tuple[dict[str, dict[str, Any]], dict[str, Files], int]:
        """Where a training stands that the driver does not see: progress of each run, and files if there is a newer
        checkpoint.

        Args:
            name: of the run directory.
            known: when the last checkpoint was written that has been sent, as this gave it; 0 at first.
        """
        job = self.apart
        if job is None or job.path.name != name:
            return {}, {}, known
        written = max(disk.checkpoint_written(one.path) for one in job.group)
        newer = job.group if written > known else ()
        progress = {one.path.name: disk.read_progress(one.path) for one in job.group}
        return progress, {one.path.name: disk.pack(one.path) for one in newer}, written

    def stop(self) -> None:
        """Let the training write its checkpoint and end."""
        with self._gate:
            self._given_back |= self.slot.stop()

    def close(self) -> None:
        """End the worker, whatever it does, and leave nothing here."""
        self._open.close()


def _own_copy(job: Job, sha256: str) -> Path:
    """The folder of a job's dataset on this node: found, fetched or rendered here.

    Args:
        job: which dataset.
        sha256: of the set, as its index has it.

    Raises:
        ActlabError: it cannot be had here, or is another one.
    """
    for folder in (job.dataset.folder, store.cache_folder() / job.dataset.folder.name):
        if _is_copy(folder, sha256):
            return folder
    parameters = {key: value for key, value in job.config.dataset.parameters.items() if key not in OF_A_RUN}
    place = Path(job.dataset.origin) if "content" in parameters else None
    found = datasets.prepare(job.config.dataset.name, {**parameters, "offline": None}, place=place)
    if not _is_copy(found.folder, sha256):
        raise ActlabError(f"{found.origin}: another {found.name}")
    return found.folder


def _is_copy(folder: Path, sha256: str) -> bool:
    with contextlib.suppress(ActlabError):
        return bool(store.verified(folder)[1]["sha256"] == sha256)
    return False


# --- here ------------------------------------------------------------------------------------------------------


class _Cluster:
    """What all seats share."""

    def __init__(
        self, jobs: Sequence[Job], limits: Limits, finish: Finish | None, needs: Mapping[str, float],
        token: tuple[Path, bytes] | None,
    ) -> None:  # fmt: skip
        self.token, self.failures = token, 0
        self.wanted = {store.read_index(one.dataset.folder)["sha256"]: one for job in jobs for one in job.group}
        self.copies: dict[str, Any] = {}
        variables = {name: os.environ[name] for name in os.environ if environment.treatment(name) == "recorded"}
        kind = ray.remote(max_concurrency=3, num_cpus=needs["CPU"], num_gpus=needs.get("GPU", 0))(Host)
        self.new_host: Callable[[], Any] = lambda: kind.remote(
            jobs[0], limits, finish, variables, vars(local)["worker"]
        )

    def copy(self, sha256: str) -> Any:
        """The driver's copy of a set in Ray's object store, from which each node gets it once."""
        if sha256 not in self.copies:
            self.copies[sha256] = ray.put(dict(store.open_arrays(self.wanted[sha256].dataset.folder)))
        return self.copies[sha256]


class Seat(Place):
    """A place on some node of the cluster; on another one when that is lost."""

    def __init__(self, cluster: _Cluster, first: Job) -> None:
        self.cluster, self.plugins = cluster, first.plugins
        self.host: Any = None
        self.coming: Any = None  # what the host answers before its first job
        self.answer: Any = None
        self.shared, self.stopped = True, False
        self.lost: tuple[float, str] | None = None  # since when, and why
        self.refused: Outcome | None = None  # why a job could not begin
        self.held = contextlib.ExitStack()  # the lock of a run whose folder no node sees
        self.looking: Any = None
        self.looked, self.known = 0.0, 0

    def ready(self) -> bool:
        """Whether a process on a node waits for a job, with the data; a new one is asked for where there is none."""
        if self.host is None:
            self.host = self.cluster.new_host()
            self.coming = self.host.look.remote(self.cluster.token, self.cluster.wanted)
        if self.coming is None:
            return True
        if not _is_there(self.coming):
            return False
        try:
            self.shared, source, lacking = ray.get(self.coming)
        except RayActorError as error:  # its node is lost, or it could not begin
            self.host, self.cluster.failures = None, self.cluster.failures + 1
            if self.cluster.failures >= TRIES:
                raise ActlabError(f"--executor ray: no process begins on the cluster: {_reason(error)}") from error
            return False
        if source != environment.source_sha256():
            raise ActlabError("--executor ray: a node has another actlab; install the same one on all of them")
        self.cluster.failures, self.coming = 0, None
        if lacking:
            self.coming = self.host.receive.remote(lacking, *map(self.cluster.copy, lacking))
        return self.coming is None

    def take(self, job: Job) -> None:
        """Begin a job; where its folder is not seen from the node, what is in it goes there."""
        self.job, self.plugins, files = job, job.plugins, None
        if not self.shared:
            try:
                for one in job.group:
                    self.held.enter_context(disk.lock(one.path))
                    register_run(one.path.parent, one.config.hash, one.label)
                claims = job.path.parent / disk.CLAIMS
                files = {one.path.name: disk.pack(one.path) for one in job.group}
                files[""] = {disk.CLAIMS: claims.read_bytes()} if claims.exists() else {}
                self.looked, self.known, self.looking = time.monotonic(), 0, None
            except RunDirError as error:
                self.refused = Outcome("running" if isinstance(error, RunLocked) else "failed", str(error))
        if self.refused is None:
            self.answer = self.host.train.remote(job.moved(lambda one: {"path": one.path.resolve()}), files)
            self.future = self.answer.future()

    def ended(self) -> Outcome | None:
        """How the job ended, once it has; "lost" if what it ran on is gone."""
        assert self.job
        outcome = self.refused
        if self.lost:
            writes = any(disk.is_locked(one.path) for one in self.job.group)
            if writes and time.monotonic() - self.lost[0] < ENDING_SECONDS:
                return None  # what is left of it still writes, and is about to end
            outcome = Outcome("lost", self.lost[1])
        elif outcome is None and not _is_there(self.answer):
            self._look(self.job)
            return None
        elif outcome is None:
            try:
                outcome, files = ray.get(self.answer)
                for name, of in (files or {}).items():
                    disk.unpack(self.job.path.with_name(name), of)
            except RayTaskError as error:
                outcome = Outcome("failed", _reason(error))
            except RunDirError as error:  # the disk here, or it came back damaged
                outcome = Outcome("failed", str(error))
            except RayError as error:
                self.held.close()
                self.host, self.future, self.lost = None, None, (time.monotonic(), _reason(error))
                return None
        self.held.close()
        self.job = self.future = self.refused = self.lost = None
        return outcome

    def _look(self, job: Job) -> None:
        """Bring home where a training stands whose folder the node does not share."""
        if self.shared or time.monotonic() - self.looked < LOOK_SECONDS:
            return
        if self.looking is None:
            self.looking = self.host.standing.remote(job.path.name, self.known)
        if _is_there(self.looking):
            with contextlib.suppress(RayError, RunDirError):
                progress, files, self.known = ray.get(self.looking)
                for name, of in files.items():
                    disk.unpack(job.path.with_name(name), of)
                for name, now in progress.items():
                    disk.write_progress(job.path.with_name(name), now)
            self.looking, self.looked = None, time.monotonic()

    def stop(self) -> bool:
        """Let the training write its checkpoint and end."""
        if self.host and not self.stopped:
            self.stopped = True
            self.host.stop.remote()
        return False


def _is_there(reference: Any) -> bool:
    return bool(ray.wait([reference], timeout=0)[0])


def _reason(error: RayError) -> str:
    """What Ray has to say, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1]
