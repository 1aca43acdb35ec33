"""What goes into TensorBoard, MLflow and W&B, read back by their own readers: every number of every run, once."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import actlab
from actlab.cli import app
from actlab.errors import ActlabError
from actlab.show import trackers
from actlab.show.trackers.export import QUIET
from actlab.show.trackers.process import Tracking
from actlab.spec import plan
from actlab.spec.config import RunConfig

MakeRun = Callable[..., Path]
Resolved = Callable[..., RunConfig]
Numbers = dict[str, dict[str, list[tuple[int, float]]]]  # run to name to (step, value)
CONFIG = "{dataset: mnist, model: mnist_dense, epochs: 3, sweep: {activation: [relu, tanh], seed: {range: 2}}}"
NOBODY = "http://127.0.0.1:9"  # the port of a service that throws away what it gets, and that nothing offers
pytestmark = pytest.mark.filterwarnings("ignore")  # of the trackers' own libraries


@pytest.fixture
def results(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> Path:
    """Two experiments: four finished runs, one of them probed and drawn; one that diverged, one that was lost."""
    for activation in ("relu", "tanh"):
        for seed in range(2):
            made = make_run(tmp_path / "results" / "study", resolved(activation=activation, seed=seed), [0.5, 0.75])
    (made.parent / "experiment.yaml").write_text(CONFIG)
    bins = [f"activation_histogram_{i:02d}" for i in range(3)]
    rows = ["600,dense,8,1,0,2,5,3,1", "600,logits,10,,,,,,", "1200,dense,8,0.25,0.1,2.1,1,3,5"]
    (made / "layers.csv").write_text(
        ",".join(["epoch", "step", "layer", "units", "dead_units", "activation_min", "activation_max", *bins])
        + "".join(f"\n{600 and int(row.split(',')[0]) // 600},{row}" for row in rows)
        + "\n"
    )
    picture = (Path(__file__).parents[2] / "docs" / "images" / "relu_vs_leaky.png").read_bytes()
    (made / "loss.png").write_bytes(picture)
    why = {"reason": "loss is nan"}
    make_run(tmp_path / "results" / "other", resolved(seed=7), [0.25], status="diverged", record=why)
    (make_run(tmp_path / "results" / "other", resolved(seed=8), [0.9]) / "run.json").write_text("{")
    return tmp_path / "results"


def command(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(actlab.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "actlab", *map(str, arguments)], cwd=folder, capture_output=True, encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path}, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that an export sets are gone after a test; and TensorBoard's reader imports no TensorFlow."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))


def export(tracker: str, folder: Path, place: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["export", tracker, str(folder), "-o", str(place), "--json"])
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def check_numbers(results: Path, found: Numbers, rounded: bool = False) -> None:
    """Hold what a tracker has against the tables: all runs, all rows, all columns."""
    runs = [path for path in results.glob("*/*") if (path / "run.json").is_file() and "seed8" not in path.name]
    assert set(found) == {path.name for path in runs} and len(runs) == 5
    for path in runs:
        for table in map(pd.read_csv, (path / "history.csv", path / "timing.csv")):
            steps = pd.read_csv(path / "history.csv")["step"].tolist()
            for name in table:
                values = table[name].astype(np.float32) if rounded else table[name]
                assert found[path.name][name] == list(zip(steps, values.tolist(), strict=True)), (path, name)
    probed = next(of for of in found.values() if "dead_units/dense" in of)
    assert probed["dead_units/dense"] == [(600, 1.0), (1200, 0.25)]
    assert "dead_units/logits" not in probed  # of which the probe saw nothing
    assert not any("histogram" in name for name in probed)
    assert any(name == "final/test_accuracy" for name in probed)


def check_counts(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (first["written"], first["there"]) == (5, 0)
    assert (second["written"], second["there"]) == (0, 5)
    (lost,) = first["left_out"]
    assert "damaged" in lost
    (diverged,) = first["not_done"]
    assert diverged.endswith("diverged: loss is nan")


# --- TensorBoard -------------------------------------------------------------------------------------------------


def events(folder: Path) -> dict[str, list[Any]]:
    """Run to its values by TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = {}
    for path in folder.glob("*/*"):
        (file,) = path.iterdir()
        loaded = list(EventFileLoader(str(file)).Load())
        found[path.name] = [(event.step, value) for event in loaded for value in event.summary.value]
    return found


def test_tensorboard_reads_every_number_once(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.plugins.hparams import metadata
    from tensorboard.util import tensor_util

    first = export("tensorboard", results, tmp_path / "tb")
    files = {path: path.read_bytes() for path in (tmp_path / "tb").rglob("*tfevents*")}
    check_counts(first, export("tensorboard", results, tmp_path / "tb"))
    assert {path: path.read_bytes() for path in (tmp_path / "tb").rglob("*tfevents*")} == files
    found: Numbers = {}
    kinds: dict[str, dict[str, Any]] = {}
    for run, values in events(tmp_path / "tb").items():
        about = {value.tag: value.metadata.plugin_data for _, value in values if value.metadata.plugin_data.plugin_name}
        kinds[run] = about
        for step, value in values:
            if about[value.tag].plugin_name == "scalars":
                number = tensor_util.make_ndarray(value.tensor).item()
                found.setdefault(run, {}).setdefault(value.tag, []).append((step, number))
    check_numbers(results, found, rounded=True)
    probed = next(run for run in kinds if "loss" in kinds[run] and "activations/dense" in kinds[run])
    assert kinds[probed]["activations/dense"].plugin_name == "histograms"
    assert sum(about.plugin_name == "images" for about in kinds[probed].values()) == 1
    (_, last) = [value for _, value in events(tmp_path / "tb")[probed] if value.tag == "activations/dense"]
    buckets = tensor_util.make_ndarray(last.tensor)
    assert buckets[:, 2].tolist() == [1, 3, 5] and buckets[0, 0] == 0.1 and buckets[-1, 1] == 2.1
    trials = {
        run: metadata.parse_session_start_info_plugin_data(about["_hparams_/session_start_info"].content)
        for run, about in kinds.items()
    }
    table = {(t.hparams["condition"].string_value, t.hparams["seed"].number_value) for t in trials.values()}
    assert {("relu", 0), ("relu", 1), ("tanh", 0), ("tanh", 1)} < table


def test_what_has_changed_takes_the_place_of_what_was(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    export("tensorboard", results / "other", tmp_path / "tb")
    history = next((results / "other").glob("*seed7*")) / "history.csv"
    history.write_text(history.read_text() + "2,1200,0.5,0.5,0.5,0.5,0.01\n")
    (history.parent / "timing.csv").write_text("wall_seconds,images_per_second\n2,1\n4,1\n")
    answer = export("tensorboard", results / "other", tmp_path / "tb")
    assert (answer["written"], answer["there"]) == (1, 0)
    (values,) = events(tmp_path / "tb").values()
    assert [step for step, value in values if value.tag == "val_accuracy"] == [600, 1200]


# --- MLflow ------------------------------------------------------------------------------------------------------


def check_mlflow(results: Path, uri: str) -> None:
    """Export twice, and read all with the client."""
    check_counts(export("mlflow", results, uri), export("mlflow", results, uri))
    from mlflow import MlflowClient

    client, found = MlflowClient(uri), Numbers()
    experiments = {of.name: of.experiment_id for of in client.search_experiments()}
    assert set(experiments) == {"Default", "study", "other"}
    runs = client.search_runs(list(experiments.values()))
    for run in runs:
        name = Path(run.data.tags["actlab.path"]).name
        found[name] = {
            metric: [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric)]
            for metric in run.data.metrics
        }
        assert run.data.params["seed"] in name and run.data.params["condition"]
        there = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"run.json", "history.csv"} <= there
    check_numbers(results, found)
    assert sorted(run.info.status for run in runs) == ["FAILED", *["FINISHED"] * 4]


@pytest.mark.slow
def test_mlflow_reads_every_number_once(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy", reason="a database of one's own takes all of MLflow")
    monkeypatch.chdir(tmp_path)
    check_mlflow(results, f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server on this machine."""
    pytest.importorskip("mlflow.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", "kept"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
         *arguments],
        cwd=tmp_path, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            time.sleep(0.5)
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "the server has ended"
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(60)


@pytest.mark.torture
def test_an_mlflow_server_has_every_number_once(results: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_mlflow(results, server)


# --- W&B ---------------------------------------------------------------------------------------------------------


def records(file: Path) -> Iterator[Any]:
    """The records of an offline file: 7 bytes, then blocks of 32 KiB in the format of LevelDB's logs."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, whole = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        if 32768 - place % 32768 < 7:  # no room for a header: the rest of the block is empty
            place += 32768 - place % 32768
            continue
        whole += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(whole)
            whole = b""


def test_the_offline_file_of_wandb_has_every_number_once(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    check_counts(export("wandb", results, tmp_path / "wb"), export("wandb", results, tmp_path / "wb"))
    names = {json.loads((path / "run.json").read_text())["hash"]: path.name for path in results.glob("study/*seed*")}
    names |= {json.loads((path / "run.json").read_text())["hash"]: path.name for path in results.glob("other/*seed7*")}
    found: Numbers = {}
    spread = []
    for file in (tmp_path / "wb").glob("*/wandb/offline-run-*/*.wandb"):
        read = list(records(file))
        (run,) = [record.run for record in read if record.WhichOneof("record_type") == "run"]
        of = found.setdefault(names[run.run_id], {})
        assert run.project in ("study", "other") and run.display_name in names[run.run_id]
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        assert config["seed"] in (0, 1, 7) and config["condition"]
        for record in read:
            row = {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
            for name, value in row.items():
                if name == "activations/dense/values":
                    spread.append(value)
                elif name[0] != "_":
                    of.setdefault(name, []).append((row["_step"], value))
    check_numbers(results, found)
    assert spread == [[5, 3, 1], [1, 3, 5]]


# --- a tracker that is away, or is none ----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_tracker_that_is_away_is_one_warning_and_no_failure(
    tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a sweep that is done already; tests/test_api.py trains one."""
    pytest.importorskip("mlflow")
    (tmp_path / "done.yaml").write_text(
        "{name: done, dataset: synth_mnist, model: mnist_dense, activation: relu, epochs: 2, sweep: {seed: [0, 1]}}"
    )
    for _, config in plan.read(tmp_path / "done.yaml").runs:
        make_run(tmp_path / "results" / "done", config, [0.5, 0.75])
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = command("run", "done.yaml", "--log", f"mlflow={NOBODY}", "--log", "tensorboard", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    again = f"actlab export mlflow results/done -o {NOBODY}"
    assert last == f"not logged to mlflow: {NOBODY}: does not answer; when that is mended: {again}"
    assert done.stdout.count("not logged") == 1 and "2 skipped" in done.stdout
    assert len(list((tmp_path / "tensorboard" / "done").glob("*/*tfevents*"))) == 2
    monkeypatch.chdir(tmp_path)
    assert str(CliRunner().invoke(app, again.split()[1:]).exception) == f"mlflow: {NOBODY}: does not answer"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "x.yaml", "--log", "tensorbord"], "did you mean 'tensorboard'?"),
        (["export", "tensorboard"], "as in: actlab export tensorboard PATH"),
        (["export", "results"], "as in: actlab export tensorboard PATH"),
        (["export", "mflow", "results"], "did you mean 'mlflow'?"),
        (["export", "mlflow", "resluts"], "resluts: does not exist"),
    ],
)
def test_what_is_no_tracker_is_said_at_once(
    arguments: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text("{dataset: synth_mnist, model: mnist_dense, epochs: 1}")
    assert expected in str(CliRunner().invoke(app, arguments).exception)
    assert [path.name for path in tmp_path.iterdir()] == ["x.yaml"]


def test_a_tracker_that_is_not_installed_is_named_before_anything_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(ActlabError, match=r"wandb: not installed; get it by: pip install 'actlab\[wandb\]'"):
        Tracking(["wandb"])
