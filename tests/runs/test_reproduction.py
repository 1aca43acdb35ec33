"""A finished run is trained again by a real worker, and every byte is held against the first."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actlab import cli, environment
from actlab.errors import RunDirError
from actlab.parts import datasets
from actlab.runs import executors
from actlab.runs.folder import HISTORY, RECORD
from actlab.runs.job import Job, Outcome
from actlab.runs.record import Run
from actlab.runs.reproduction import Reproduction, reproduce
from actlab.show import words
from actlab.signals import Signals
from actlab.spec.config import resolve

CONFIG: dict[str, Any] = {
    "dataset": {"name": "synth_mnist", "train_images": 700, "test_images": 200}, "activation": "rrelu", "epochs": 2,
    "model": {"name": "mnist_dense", "hidden": [8]}, "batch_size": 50, "probes": ["weight_norms"], "seed": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that a worker of one thread has trained."""
    folder = tmp_path_factory.mktemp("reproduction")
    config, problems = resolve(CONFIG)
    assert config is not None, problems
    path = folder / "study" / "rrelu-seed3"
    path.mkdir(parents=True)
    prepared = datasets.prepare(config.dataset.name, config.dataset.parameters)
    job = Job(config, "rrelu-seed3", path, prepared, "cpu", 1)
    with Signals() as signals:
        assert executors.run([job], executors.Limits(workers=1), signals, lambda *_: None) == {path: Outcome("done")}
    return path


def again(path: Path, scratch: Path) -> Reproduction:
    scratch.mkdir(exist_ok=True)
    with Signals() as signals:
        return reproduce(Run(path), scratch, None, signals, lambda *_: None, lambda _: None)


def retold(path: Path, history: str) -> None:
    """Another history, and a record that states it, and another number of threads."""
    (path / HISTORY).write_text(history)
    record = json.loads((path / RECORD).read_text())
    record["files"][HISTORY] = hashlib.sha256(history.encode()).hexdigest()
    record["environment"] |= {"threads": 4, "variables": {"XLA_FLAGS": "--fast"}}
    del record["environment"]["onednn"]  # as of an older actlab, which did not record it: nothing can be said of it
    (path / RECORD).write_text(json.dumps(record))


@pytest.mark.slow
def test_the_same_bytes_come_out_and_others_are_told(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = again(finished, tmp_path / "scratch")
    assert found.same, found
    assert found.files == {"history.csv": True, "layers.csv": True, "weights.npz": True}
    assert (found.parts_at, found.outcome) == (None, "done")
    assert words.reproduction(found)[-1] == "reproduced"

    history = (finished / "history.csv").read_text()
    last = history.splitlines()[2]
    other = last.replace("2,", "2.5,", 1)
    retold(finished, history.replace(last, other))
    monkeypatch.setattr(executors, "run", lambda jobs, *_: {jobs[0].path: Outcome("done")})  # it is there already
    found = again(finished, tmp_path / "scratch")
    assert not found.same
    assert found.files == {"history.csv": False, "layers.csv": True, "weights.npz": True}
    assert found.parts_at == (3, other, last)
    assert found.environment == {"environment.threads": (4, 1), "environment.variables.XLA_FLAGS": ("--fast", None)}
    said = words.reproduction(found)
    assert "history.csv: DIFFERS" in said
    assert "history.csv parts at line 3:" in said
    assert "differs: environment.threads: then 4, now 1" in said
    assert said[-1] == "not reproduced"
    grouped = replace(found, environment={"together.runs": ([4, 2], [2])})
    line = "trained in a group of 4, then of 2, now of 2: JAX rounds by the size of a group"
    assert line in words.reproduction(grouped)


def test_a_run_of_a_group_is_trained_again_at_its_place_among_as_many_on_a_gpu(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That this gives the same bytes, and a run alone on a processor, `test_together.py` shows on JAX."""
    given: list[Job] = []
    device = "gpu"
    monkeypatch.setattr(environment, "choose_device", lambda *_: device)
    monkeypatch.setattr(
        executors, "run", lambda jobs, *_: given.extend(jobs) or {of.path: Outcome("failed") for of in jobs[0].group}
    )
    record = json.loads((finished / RECORD).read_text())
    for together, size, place in (({"runs": [4, 3], "place": 1}, 3, 1), ({"runs": "4", "place": -1}, 1, 0)):
        (finished / RECORD).write_text(json.dumps({**record, "together": together}))
        again(finished, tmp_path / f"{size}")
        group = given.pop().group
        assert [of.path.name == finished.name for of in group] == [i == place for i in range(size)]
        assert {of.config.hash for of in group} == {record["hash"]}
    device = "cpu"
    (finished / RECORD).write_text(json.dumps({**record, "together": {"runs": [3], "place": 1}}))
    again(finished, tmp_path / "alone")
    assert len(given.pop().group) == 1
    (finished / RECORD).write_text(json.dumps(record))


def test_a_second_training_that_ends_otherwise_is_told(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "run", lambda jobs, *_: {jobs[0].path: Outcome("failed", "MemoryError")})
    found = again(finished, tmp_path / "scratch")
    assert not found.same
    assert words.reproduction(found) == ["the second training ended otherwise: failed: MemoryError"]


def test_what_is_not_finished_or_not_whole_is_refused(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = json.loads((finished / RECORD).read_text())
    (finished / RECORD).write_text(json.dumps({**record, "status": "diverged"}))
    with pytest.raises(RunDirError, match="is diverged; only a finished run"):
        again(finished, tmp_path / "scratch")
    (finished / RECORD).write_text(json.dumps(record))
    (finished / "weights.npz").write_bytes(b"")
    monkeypatch.setattr(sys, "argv", ["actlab", "reproduce", str(finished)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert "no longer what its record states: weights.npz" in capsys.readouterr().err
