"""Own data from the config to the comparison: same bytes, moved files, changed files."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actlab import cli
from actlab.parts import datasets
from actlab.runs.record import Run
from actlab.study.folders import read as lying
from actlab.study.judge import compare

CONFIG = """
model: {name: mnist_dense, hidden: [8]}
activation: relu
epochs: 2
batch_size: 50
probes: [weight_norms]
"""
Actlab = Callable[..., tuple[int, str, str]]


@pytest.fixture
def actlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Actlab:
    """The command line, in an empty folder: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["actlab", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    return run


def run_of(folder: str) -> Run:
    (path,) = Path("results", folder).glob("*/run.json")
    return Run(path.parent)


@pytest.mark.usefixtures("here")
def test_the_same_images_by_name_and_as_own_data_train_to_the_same_bytes(actlab: Actlab) -> None:
    """And then the file is moved, reproduced, changed."""
    rendered = datasets.prepare("synth_mnist", {"train_images": 500, "test_images": 100})
    images = datasets.load(rendered)
    Path("data").mkdir()
    np.savez("data/digits.npz", **{part: getattr(images, part) for part in datasets.PARTS})
    Path("named.yaml").write_text("dataset: {name: synth_mnist, train_images: 500, test_images: 100}" + CONFIG)
    Path("own.yaml").write_text("dataset: {npz: data/digits.npz}" + CONFIG)
    code, out, err = actlab("run", "named.yaml", "own.yaml", "--workers", "1")
    assert code == 0, out + err
    named, own = run_of("named"), run_of("own")
    for name in ("history.csv", "layers.csv", "weights.npz"):
        assert (named.path / name).read_bytes() == (own.path / name).read_bytes()
    assert named.hash != own.hash and named.record["dataset"]["sha256"] == own.record["dataset"]["sha256"]
    assert own.record["dataset"]["labels"] == list(range(10)) and own.record["dataset"]["name"] == "digits.npz"
    assert own.record["data_path"] == str(Path("data/digits.npz").absolute())

    Path("moved").mkdir()
    shutil.move("data/digits.npz", "moved/other.npz")
    code, out, err = actlab("run", "own.yaml")
    assert code == 2 and err.startswith("own.yaml:1:16: dataset.npz: data/digits.npz: does not exist; ")
    code, _, err = actlab("reproduce", str(own.path))
    assert code == 2 and "names the folder that holds digits.npz; if it is called otherwise now, `actlab run" in err
    code, out, _ = actlab("compare", "results/own")  # which needs no data
    assert code == 0 and out.startswith("all runs: validation accuracy")
    code, out, _ = actlab("run", "own.yaml", "--set", "dataset.npz=moved/other.npz")
    assert code == 0 and "1 skipped" in out
    assert run_of("own").record["data_path"] == str(Path("moved/other.npz").absolute())
    code, out, err = actlab("reproduce", str(own.path))
    assert code == 0 and out.splitlines()[-1] == "reproduced", out + err
    assert "the data of digits.npz lies in " in out and "differs" not in out

    with np.load("moved/other.npz") as archive:
        changed = {**archive, "x_train": archive["x_train"] ^ 1}
    np.savez("moved/other.npz", **changed)
    code, _, err = actlab("reproduce", str(own.path))
    assert code == 2 and "moved/other.npz: holds other data than it did" in err
    code, out, _ = actlab("run", "own.yaml", "--set", "dataset.npz=moved/other.npz", "--dry-run")
    assert code == 0 and "1 to train" in out  # which is another run


@pytest.mark.slow
def test_a_table_and_vectors_are_trained_reported_and_called_by_their_files(actlab: Actlab) -> None:
    """By a worker."""
    rng = np.random.default_rng(4)
    y = np.arange(90) % 3
    x = rng.normal(size=(90, 4)) + 3 * np.eye(4)[y]
    names = ["setosa", "versi\x1b[31mcolor", "virginica"]
    lines = [",".join([*map(str, row), names[label]]) for row, label in zip(x, y, strict=True)]
    Path("iris.csv").write_text("a,b,c,d\x1b[31m,kind\n" + "\n".join(lines))
    np.savez("blobs.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    sweep = "sweep: {dataset: [{csv: iris.csv, label: kind}, {npz: blobs.npz}]}\nweight_film: {}\n"
    Path("study.yaml").write_text(CONFIG.replace("batch_size: 50", "batch_size: 10") + sweep)
    code, out, err = actlab("run", "study.yaml", "--workers", "1")
    assert code == 0, out + err
    runs = lying([Path("results/study")]).runs
    assert {result.name for result in compare(runs).results} == {"iris.csv", "blobs.npz"}
    record = next(run for run in runs if run.record["dataset"]["name"] == "iris.csv").record["dataset"]
    assert record["labels"] == names and len(record["mean"]) == len(record["deviation"]) == 4
    shown = actlab("show", str(next(run.path for run in runs if run.record["dataset"] == record)))[1]
    assert "versi" in shown and "\x1b" not in shown
    code, out, err = actlab("report", "results/study")
    page = Path("results/study/report.html").read_text()
    assert code == 0 and "data: iris.csv and blobs.npz" in page and "\x1b" not in page
    assert str(Path.cwd()) not in page  # where the data lies is nobody's business
    code, out, _ = actlab("data", "--json")
    cached = {row["name"]: len(row["cached"]) for row in json.loads(out)}
    assert cached["csv"] and cached["npz"]


BUMP = """
from actlab import ACTIVATIONS, ops


@ACTIVATIONS.register()
def bump(x):
    return ops.relu(x) + ops.exp(-ops.square(x))
"""


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.torture)])
def test_own_data_and_a_plugin_are_interrupted_moved_and_resumed(whole: bool, actlab: Actlab) -> None:
    """By real processes and a real signal; the long form holds the bytes against a run that nobody stopped."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 255, (600, 12, 12), dtype=np.uint8), np.arange(600) % 3
    np.savez("own.npz", x_train=x[:500], y_train=y[:500], x_test=x[500:], y_test=y[500:])
    Path("bump.py").write_text(BUMP)
    study = CONFIG.replace("relu", "bump").replace("epochs: 2", "steps: 4000\nevaluate_every: 200")
    Path("study.yaml").write_text(f"dataset: {{npz: own.npz}}{study}")
    command = ["run", "study.yaml", "--plugin", "bump.py"]
    with subprocess.Popen([sys.executable, "-m", "actlab", *command], stdout=subprocess.PIPE, text=True) as process:
        waited = time.monotonic()
        while not any(json.loads(file.read_bytes()).get("step") for file in Path().glob("results/*/*/progress.json")):
            assert process.poll() is None and time.monotonic() - waited < 300
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[0]
    assert process.returncode == 130 and "the same command goes on from the last checkpoint" in said
    assert run_of("study").status == "interrupted"
    Path("own.npz").rename("moved.npz")
    named = ["--set", "dataset.npz=moved.npz"]
    code, out, err = actlab(*command, *named, "--dry-run")
    assert code == 0 and "1 to resume" in out, out + err
    code, out, err = actlab(*command, *named)
    assert code == 0, out + err
    run = run_of("study")
    assert run.status == "done" and run.history["step"].tolist() == list(range(200, 4001, 200))
    if whole:
        assert actlab(*command, *named, "-o", "results/whole")[0] == 0
        (other,) = Path("results/whole/study").glob("*/history.csv")
        assert other.read_bytes() == (run.path / "history.csv").read_bytes()
