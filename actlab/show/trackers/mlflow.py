"""MLflow, through its client: an experiment an experiment, a run a run."""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from actlab.errors import ActlabError
from actlab.show.trackers.logged import Logged

AT_ONCE, PARAMETERS_AT_ONCE = 1000, 100  # MLflow takes no more in one request
LONGEST = 5000  # signs of a value
ENDS = {"done": "FINISHED", "running": "RUNNING", "interrupted": "KILLED"}  # all others FAILED
STORES = ("http://", "https://", "databricks", "uc")  # which need the client only
HASH, DIGEST = "actlab.hash", "actlab.digest"  # the second is written last: a run without it is a part

logging.getLogger("mlflow").setLevel(logging.WARNING)  # else it tells of each table that it makes


class Log:
    """A tracking server, or a database of one's own.

    Args:
        place: a tracking URI; "" for that of `MLFLOW_TRACKING_URI`, or MLflow's own choice.

    Raises:
        ActlabError: a database of one's own needs all of MLflow.
    """

    def __init__(self, place: str) -> None:
        self.place = place or mlflow.get_tracking_uri()
        if not self.place.startswith(STORES) and find_spec("sqlalchemy") is None:
            raise ActlabError(
                f"mlflow: {self.place}: to write it without a server takes all of MLflow, which "
                "`pip install mlflow` gets; or name a server, as in http://HOST:5000"
            )
        self._there: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {}
        with self._answering():
            self._client = MlflowClient(self.place)

    def add(self, logged: Logged) -> bool:
        """Write a run; its tags say what is in it.

        Raises:
            RunDirError: the run cannot be read.
            ActlabError: the server does not answer, or refuses.
        """
        with self._answering():
            experiment, there = self._experiment(logged.experiment)
            run_id, digest = there.get(logged.run.hash, ("", ""))
            if digest == logged.digest:
                return False
            metrics = [
                Metric(_key(name), float(value), int(1000 * logged.at(step)), step)
                for step, row in logged.rows.items()
                for name, value in row.items()
            ]
            if run_id:
                self._client.delete_run(run_id)
            tags = {**logged.tags, "mlflow.source.name": "actlab", "mlflow.source.type": "LOCAL"}
            created = self._client.create_run(experiment, int(1000 * logged.began), tags, logged.run.label)
            run_id = created.info.run_id
            parameters = [Param(_key(name), str(value)[:LONGEST]) for name, value in logged.parameters.items()]
            for some in _parts(parameters, PARAMETERS_AT_ONCE):
                self._client.log_batch(run_id, params=some)
            for some in _parts(metrics, AT_ONCE):
                self._client.log_batch(run_id, metrics=some)
            for file in logged.files:
                self._client.log_artifact(run_id, str(file))
            status = ENDS.get(logged.run.status, "FAILED")
            self._client.set_terminated(run_id, status, int(1000 * logged.ended))
            self._client.log_batch(run_id, tags=[RunTag(DIGEST, logged.digest)])
            there[logged.run.hash] = run_id, logged.digest
        return True

    def _experiment(self, name: str) -> tuple[str, dict[str, tuple[str, str]]]:
        """The experiment of a name, made if there is none; and hash to id and digest of each run that is in it."""
        if name not in self._there:
            with contextlib.suppress(MlflowException):  # it is there, or another process makes it at this moment
                self._client.create_experiment(name)
            experiment = self._client.get_experiment_by_name(name)
            if experiment is None or experiment.lifecycle_stage != "active":
                raise MlflowException(f"the experiment {name!r} is deleted there; restore it, or delete it for good")
            found: dict[str, tuple[str, str]] = {}
            token: str | None = ""
            while token is not None:
                page = self._client.search_runs([experiment.experiment_id], max_results=AT_ONCE, page_token=token)
                for run in page:
                    if digest := run.data.tags.get(HASH):
                        found[digest] = run.info.run_id, run.data.tags.get(DIGEST, "")
                token = page.token or None
            self._there[name] = experiment.experiment_id, found
        return self._there[name]

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Say in one line what MLflow says in many."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that it is made of
            try:
                yield
            except ActlabError:
                raise
            except Exception as error:  # of a server, a database, a network: each has its own
                away = isinstance(error.__context__, requests.RequestException)
                why = "does not answer" if away else " ".join(str(error).split())[:300]
                raise ActlabError(f"mlflow: {self.place}: {why}") from error


def _parts(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _key(name: str) -> str:
    """A name as MLflow takes it."""
    return re.sub(r"[^\w.\- /]", "_", name)[:250]
