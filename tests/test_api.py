"""actlab from Python: what `import actlab` offers, in scripts, in a notebook, and beside the commands."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import actlab
from actlab.errors import ActlabError, ConfigError, RunDirError
from actlab.spec.config import RunConfig

DOCS = Path(__file__).parents[1] / "docs"
STUDY = """
name: tiny
dataset: {name: synth_mnist, train_images: 600, test_images: 200}
model: {name: mnist_dense, hidden: [8]}
epochs: 2
sweep: {activation: [relu, leaky_relu], seed: {range: 1}}
"""


@pytest.fixture
def study(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Path:
    """The folder of an experiment of two conditions and three seeds, whose numbers are made up."""
    folder = tmp_path / "results" / "a <b>bold study"
    for name, accuracy in (("relu", 0.9), ("leaky_relu", 0.95)):
        for seed in range(3):
            make_run(folder, resolved(activation=name, seed=seed), [accuracy - 0.1, accuracy + seed / 100])
    (folder / "experiment.yaml").write_text(
        "{dataset: mnist, model: mnist_dense, epochs: 3, sweep: {activation: [relu, leaky_relu], seed: {range: 3}}}"
    )
    return folder


def script(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a script as a user would: a file, without `if __name__ == "__main__"`."""
    file = folder / "script.py"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-W", "error", str(file)]
    path = os.pathsep.join([str(Path(actlab.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    variables = {**os.environ, "PYTHONPATH": path, **variables}
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, encoding="utf-8", timeout=600, check=False
    )


# --- real trainings ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_examples_of_the_documentation_run(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(encoding="utf-8"), re.DOTALL)
    quiet = "import warnings; warnings.simplefilter('ignore')\nimport keras"  # which warns of much
    done = script("\n".join(blocks).replace("import keras", quiet), tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^done +(\S+)-seed", done.stdout, re.MULTILINE).count("relu") == 3
    assert done.stdout.count("val_accuracy") > 6
    assert "leaky_relu" in done.stdout and "not established" in done.stdout
    for file in ("accuracy.pdf", "report.html", "mine.keras", "results/leak/val_accuracy.png"):
        assert (tmp_path / file).stat().st_size > 1000, file


@pytest.mark.slow
def test_a_script_trains_the_same_bytes_as_the_command(tmp_path: Path) -> None:
    """Also in a session whose variables would change a training; and these it finds as they were."""
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    program = f"""
import os, actlab
before = dict(os.environ)
experiment = actlab.run({STUDY!r}, out="by_script", workers=1, quiet=True)
assert dict(os.environ) == before
assert [run.status for run in experiment.runs] == ["done", "done"], experiment.frame
assert actlab.run({STUDY!r}, out="by_script", workers=1).runs[0].record == experiment.runs[0].record
"""
    done = script(program, tmp_path, KERAS_BACKEND="jax", MPLBACKEND="nonsense", PYTHONWARNINGS="error")
    assert done.returncode == 0, done.stderr
    there = ["-o", str(tmp_path / "by_command"), "-w1", f"--log=tensorboard={tmp_path / 'logged'}"]
    command = [sys.executable, "-m", "actlab", "run", str(tmp_path / "study.yaml"), *there]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    if importlib.util.find_spec("tensorboard"):
        assert len(list(tmp_path.glob("logged/tiny/*/*tfevents*"))) == 2
    histories = [sorted(tmp_path.glob(f"{out}/tiny/*/history.csv")) for out in ("by_script", "by_command")]
    mine, theirs = ([path.read_bytes() for path in paths] for paths in histories)
    assert mine == theirs and len(mine) == 2


@pytest.mark.slow
def test_ctrl_c_stops_the_call_and_the_next_one_goes_on(tmp_path: Path) -> None:
    long = STUDY.replace("epochs: 2", "epochs: 400").replace("[relu, leaky_relu]", "[relu]")
    program = f"""
import actlab, signal, sys, threading, time, os
from pathlib import Path

def interrupt():
    while not list(Path("results").glob("*/*/progress.json")):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    actlab.run({long!r})
except KeyboardInterrupt:
    print("the session goes on")
print(actlab.load("results/tiny").frame)
"""
    done = script(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "stopped; the same call goes on" in done.stdout and "the session goes on" in done.stdout
    assert actlab.run(long, set={"epochs": 400}, out=tmp_path / "results", quiet=True).runs[0].status == "done"


@pytest.mark.slow
def test_the_notebook_runs_in_a_kernel_that_has_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(DOCS / "quickstart.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "what is kept would be old some day"
    monkeypatch.setenv("PYTHONPATH", str(Path(actlab.__file__).parents[1]))
    monkeypatch.setenv("ACTLAB_DATA_DIR", str(tmp_path))  # without MNIST: the stand-in takes its place
    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output["data"] for output in outputs if "data" in output]
    tables = [data["text/html"] for data in shown if "text/html" in data]
    assert sum("<caption>" in table for table in tables) == 2  # of the runs, and of the comparison
    assert any("image/png" in data for data in shown)
    assert any("leaky_relu" in table and "relu" in table for table in tables)
    assert (tmp_path / "results/quickstart/report.html").is_file()


# --- runs that are there already -----------------------------------------------------------------------------------


def test_importing_actlab_imports_nothing_slow() -> None:
    program = (
        "import sys, actlab; print({'numpy', 'pandas', 'pydantic', 'typer', 'rich', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "set()"


def test_what_is_offered_is_there_and_nothing_else() -> None:
    assert all(hasattr(actlab, name) for name in actlab.__all__) and callable(actlab.run)
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = actlab.trian  # type: ignore[attr-defined]


def test_a_folder_is_loaded_as_what_it_is(study: Path) -> None:
    experiment = actlab.load(study)
    assert [run.config["seed"] for run in experiment.runs] == [0, 1, 2, 0, 1, 2]
    run = actlab.load(experiment.runs[0].path)
    assert run.status == "done" and len(run.history) == 2
    frame = experiment.frame
    assert list(frame["activation.name"]) == ["leaky_relu"] * 3 + ["relu"] * 3  # these records state no place in a plan
    assert frame["val_accuracy"].tolist() == pytest.approx([0.95, 0.96, 0.97, 0.90, 0.91, 0.92])
    with pytest.raises(RunDirError, match=r"run\.json"):
        actlab.load(study.parent)


def test_a_comparison_is_that_of_the_command(study: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from actlab.cli import app

    comparison = actlab.compare(study)
    answer = CliRunner().invoke(app, ["compare", str(study), "-o", str(tmp_path / "out"), "--format", "json"])
    assert comparison.sentence == json.loads(answer.stdout)["sentence"]
    kept = pd.read_csv(tmp_path / "out" / "comparison.csv", keep_default_na=False, dtype=str)
    assert list(comparison.frame) == list(kept) and list(comparison.frame["verdict"]) == list(kept["verdict"])
    assert comparison.frame["p"].dropna().tolist() == [float(p) for p in kept["p"] if p]
    files = {path.stem for path in (tmp_path / "out").glob("*.png")}
    assert comparison.figures.keys() == files
    assert all(type(figure).__name__ == "Figure" for figure in comparison.figures.values())
    assert comparison.figures["seeds"]._repr_png_().startswith(b"\x89PNG")
    assert "leaky_relu" in str(comparison) and comparison.sentence in repr(comparison)


def test_experiments_and_runs_are_taken_where_paths_are(study: Path) -> None:
    experiment = actlab.load(study)
    all_of_them = actlab.compare([study])
    assert actlab.compare(experiment).sentence == all_of_them.sentence == actlab.compare(experiment.runs).sentence
    assert actlab.compare(study, baseline="relu").sentence != all_of_them.sentence
    assert experiment.report().read_text(encoding="utf-8").startswith("<!doctype html>")


def test_names_are_those_that_the_commands_take(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(study.parents[1])
    assert actlab.load(study.name).path == Path("results") / study.name
    assert actlab.load("relu-seed0").label == "relu-seed0"
    assert actlab.compare(study.name).sentence == actlab.compare(study).sentence
    with pytest.raises(RunDirError, match=r"relu-seed9: does not exist; did you mean 'results/a <b>bold study/relu-s"):
        actlab.load("relu-seed9")


def test_what_a_notebook_shows_is_escaped(study: Path) -> None:
    experiment = actlab.load(study)
    for shown in (experiment, experiment.runs[0], experiment.compare()):
        html = shown._repr_html_()
        assert "<table>" in html and "<b>bold" not in html
    assert "&lt;b&gt;bold" in experiment._repr_html_()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: actlab.run("name: x\nepochs: 1\n"), ConfigError, "the config:1:1: dataset"),
        (lambda: actlab.run({"name": "x", "model": "mnist_dens"}), ConfigError, "did you mean 'mnist_dense'"),
        (lambda: actlab.run("no_such_file.yaml"), ConfigError, "cannot be read"),
        (lambda: actlab.run(STUDY, device="tpu"), ActlabError, "expected auto, cpu or gpu, read 'tpu'"),
        (lambda: actlab.run(STUDY, workers=0), ActlabError, "a number from 1 to 1024, read 0"),
        (lambda: actlab.run({"epochs": object}), ActlabError, "is no text, number, list or mapping"),
        (lambda: actlab.run(STUDY, retries=-1), ActlabError, "retries: expected a whole number from 0, read -1"),
        (lambda: actlab.run(STUDY, retries=1.5), ActlabError, "retries: expected a whole number from 0, read 1.5"),
        (lambda: actlab.run(STUDY, run_timeout=0), ActlabError, "run_timeout: expected a number of seconds from 1"),
        (lambda: actlab.run(STUDY, run_timeout="9"), ActlabError, "run_timeout: expected a number of seconds from 1"),
        (lambda: actlab.run(STUDY, checkpoint_seconds=math.nan), ActlabError, "expected a number of seconds from 0"),
        (lambda: actlab.compare("nowhere"), RunDirError, "nowhere: does not exist"),
        (lambda: actlab.report("nowhere"), ActlabError, "nowhere"),
        (lambda: actlab.activation("leaky_rleu"), ActlabError, "did you mean 'leaky_relu'"),
        (lambda: actlab.activation("leaky_relu", negative_slope="much"), ActlabError, "negative_slope"),
    ],
)
def test_a_mistake_is_one_message(
    call: Callable[[], Any], error: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(message)):
        call()
    assert not list(tmp_path.iterdir())


def test_activations_are_a_frame() -> None:
    frame = actlab.activations()
    assert list(frame) == [
        "formula", "range", "monotonic", "value_at_zero", "slope_at_zero", "source", "parameters",
    ]  # fmt: skip
    assert frame.loc["relu", "value_at_zero"] == 0 and frame.loc["leaky_relu", "parameters"] == {"negative_slope": 0.2}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
def test_an_activation_is_saved_with_the_model_that_has_it(tmp_path: Path) -> None:
    import keras
    import numpy as np

    layer = actlab.activation("leaky_relu", negative_slope=0.2)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), layer])
    model.save(tmp_path / "mine.keras")
    x = np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)
    assert np.array_equal(model(x), keras.models.load_model(tmp_path / "mine.keras")(x))
    assert np.allclose(layer(np.array([-1.0, 1.0])), [-0.2, 1.0])


def test_a_signal_in_another_thread_is_no_matter() -> None:
    """Python takes signals in its main thread only; a notebook's server may run a cell in another."""
    import threading

    from actlab.signals import Interrupts

    found, before = list[int](), signal.getsignal(signal.SIGINT)

    def enter() -> None:
        with Interrupts() as signals:
            found.append(signals.count)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert found == [0] and signal.getsignal(signal.SIGINT) is before
