"""What leaves a results folder: models that another process loads, histories that another tool reads."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import actlab
from actlab import errors, plugins
from actlab.api import LoadedRun
from actlab.cli import app
from actlab.parts.activations import ACTIVATIONS
from actlab.runs.folder import npz
from actlab.spec.config import RunConfig

# Keras 3.15 saves weights by a call that NumPy 2 will no longer have
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
MakeRun = Callable[..., Path]
Resolved = Callable[..., RunConfig]
PLUGIN = """
from actlab import ACTIVATIONS, ActivationFacts, ops


@ACTIVATIONS.register(ActivationFacts(formula="|x|/2", source="this test"))
def half_abs(x, *, scale: float = 0.5):
    return scale * ops.abs(x)
"""
# in a process of its own: what docs/export.md tells its reader to type, over all models of a folder
LOAD = """
import sys
from pathlib import Path
import numpy as np
import keras
from actlab import Activation, plugins

plugins.use(sys.argv[2:])
folder = Path(sys.argv[1])
x = np.load(folder / "x.npy")
models = {path.stem: keras.models.load_model(path) for path in folder.glob("*.keras")}
np.savez(folder / "loaded.npz", **{name: model(x, training=False) for name, model in models.items()})
"""


def export(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def with_weights(path: Path, config: RunConfig, seed: int = 0) -> Path:
    """A run as if it had been trained: its weights are drawn."""
    from actlab.runs.engines.build import build_model

    model, rng = build_model(config, (28, 28, 1), 10), np.random.default_rng(seed)
    drawn = []
    for variable in model.variables:
        values = rng.normal(0, 0.1, variable.shape).astype("float32")
        values = np.abs(values) if "variance" in variable.path else values
        drawn.append(values if variable.dtype == "float32" else variable.numpy())
    (path / "weights.npz").write_bytes(npz({f"{i:04d}": array for i, array in enumerate(drawn)}))
    return path


# --- models ----------------------------------------------------------------------------------------------------


def check_models(folder: Path, make_run: MakeRun, configs: Mapping[str, RunConfig], files: Sequence[Path] = ()) -> None:
    """Export each, load all of them in a fresh process, and hold every bit of what they predict."""
    x = np.random.default_rng(1).random((5, 28, 28, 1), dtype=np.float32)
    np.save(folder / "x.npy", x)
    predicted = {}
    for name, config in configs.items():
        run = LoadedRun(with_weights(make_run(folder / "study", config, [0.5]), config))
        run.export(folder / f"{name}.keras")
        predicted[name] = np.asarray(run.model()(x, training=False))
    process = [sys.executable, "-c", LOAD, str(folder), *map(str, files)]
    done = subprocess.run(process, check=False, capture_output=True, text=True, cwd=folder, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "loaded.npz") as loaded:
        assert set(loaded.files) == set(predicted)
        different = [name for name, array in predicted.items() if array.tobytes() != loaded[name].tobytes()]
    assert not different
    # not all the same; some are, since with these parameters they are one function
    assert len({array.tobytes() for array in predicted.values()}) > len(predicted) / 2


@pytest.mark.slow
def test_models_predict_the_same_bits_in_a_fresh_process(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved, plugin: Path
) -> None:
    """One that learns, one that draws, those that change the width, a formula, a plug-in's, layers of our own."""
    conv = {"name": "simple_cnn", "batch_norm": "before"}
    configs = {
        "prelu": resolved(activation={"name": "prelu", "share": "element"}),
        "rrelu": resolved(activation="rrelu", precision="mixed_bfloat16"),
        "crelu": resolved(activation="crelu"),
        "maxout": resolved(activation="maxout"),
        "formula": resolved(activation={"formula": "where(x > 0, x, 0.1*x)"}),
        "half_abs": resolved(activation="half_abs"),
        "cnn": resolved(model=conv, activation="swish", initializer="xavier_fan_in"),
        "im2col": resolved(model={"name": "simple_cnn", "convolution": "im2col"}),
    }
    check_models(tmp_path, make_run, configs, [plugin])


@pytest.mark.torture
def test_models_of_all_activations_predict_the_same_bits(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    configs = {name: resolved(activation=name) for name in ACTIVATIONS.names() if name not in ("formula", "half_abs")}
    configs["formula"] = resolved(activation={"formula": "x * sigmoid(2*x)"})
    check_models(tmp_path, make_run, configs)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "half.py"
    file.write_text(PLUGIN)
    plugins.use([file])
    return file


def test_the_command_writes_the_model_and_says_how_to_load_it(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved
) -> None:
    import keras

    run = with_weights(make_run(tmp_path / "study", resolved(), [0.5]), resolved())
    file = tmp_path / "new" / "model.keras"
    result = export(run, "--to", "keras", file)
    assert result.exit_code == 0, result.output
    assert "final weights" in result.output and "from actlab import Activation" in result.output
    found = keras.models.load_model(file)
    assert any(isinstance(layer, actlab.Activation) for layer in found.layers)
    again = json.loads(export(run, "--to", "keras", file, "--json").stdout)
    assert again == {"file": str(file), "run": str(run), "weights": "final", "parameters": 203_530}
    assert not list(file.parent.glob(".*")), "a temporary file is left"


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (("keras", "model.csv"), "expected a file that ends in .keras, such as model.keras"),
        (("kears", "model.keras"), "unknown format 'kears'; did you mean 'keras'?"),
        (("keras", "{run}/model.keras"), "where a run has its record; name a place outside of it"),
        (("csv", "{run}/../new/runs.csv"), "where a run has its record; name a place outside of it"),
        (("keras", "{run}/../../model.keras"), "is diverged; a finished run has a model to export"),
        (("onnx", "model.onnx"), "pip install 'actlab[onnx]'"),
        (("parquet", "runs.parquet"), "pip install 'actlab[parquet]'"),
    ],
)
def test_what_cannot_be_exported_is_one_message(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved, to: tuple[str, str], message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "results" / "study", resolved(), [0.5], status="diverged")
    (run.parent / "experiment.yaml").write_text("")
    before = sorted(run.iterdir())
    result = export(run, "--to", to[0], to[1].format(run=run))
    assert message in str(result.exception)
    assert sorted(run.iterdir()) == before and not list(tmp_path.glob(f"*.{to[0]}"))


def test_weights_that_are_not_those_of_the_record_are_refused(
    tmp_path: Path, make_run: MakeRun, resolved: Resolved
) -> None:
    run = make_run(tmp_path / "study", resolved(), [0.5], record={"files": {"weights.npz": "0" * 64}})
    with_weights(run, resolved())
    with pytest.raises(errors.RunDirError, match=r"weights\.npz: is not the file that the record states"):
        LoadedRun(run).export(tmp_path / "model.keras")


OTHERS = [name for name in ACTIVATIONS.names() if name not in ("prelu", "elu", "gelu", "formula")]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # tf2onnx's own
@pytest.mark.parametrize(
    "activation", ["prelu", "elu", "gelu", *(pytest.param(name, marks=pytest.mark.torture) for name in OTHERS)]
)
def test_an_onnx_model_predicts_as_well(tmp_path: Path, make_run: MakeRun, resolved: Resolved, activation: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    config = resolved(activation=activation)
    run = LoadedRun(with_weights(make_run(tmp_path / "study", config, [0.5]), config))
    file = tmp_path / "model.onnx"
    run.export(file)
    x = np.random.default_rng(1).random((5, 28, 28, 1), dtype=np.float32)
    found = runtime.InferenceSession(file).run(None, {"images": x})[0]
    np.testing.assert_allclose(found, run.model().predict(x, verbose=0), atol=1e-5)


# --- tables ----------------------------------------------------------------------------------------------------


def runs_of_two_studies(folder: Path, make_run: MakeRun, resolved: Resolved) -> None:
    """Two done, one that diverged, one whose history is another, one without a record."""
    make_run(folder / "first", resolved(epochs=2), [0.5, 0.75])
    why = {"reason": "loss is nan"}
    make_run(folder / "first", resolved(activation="prelu"), [0.25], status="diverged", record=why)
    make_run(folder / "second", resolved(model={"name": "mnist_dense", "hidden": [7, 8]}, seed=3), [0.9])
    damaged = make_run(folder / "second", resolved(seed=4), [0.9], record={"files": {"history.csv": "0" * 64}})
    (damaged / "history.csv").write_text("epoch,step\n1,2\n")
    (make_run(folder / "second", resolved(seed=5), [0.9]) / "run.json").write_text("{")


def test_histories_of_many_runs_are_one_table(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    runs_of_two_studies(tmp_path / "results", make_run, resolved)
    file = tmp_path / "runs.csv"
    result = export(tmp_path / "results", "--to", "csv", file)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(file)
    assert result.output.startswith(f"{file}: 4 rows, {len(table.columns)} columns, 3 runs")
    assert table["experiment"].tolist() == ["first"] * 3 + ["second"]
    assert table["status"].tolist() == ["diverged", "done", "done", "done"]
    assert table["val_accuracy"].tolist() == [0.25, 0.5, 0.75, 0.9]
    assert table["activation.name"].tolist() == ["prelu", "relu", "relu", "relu"]
    assert table["activation.share"].notna().tolist() == [True, False, False, False]
    assert [json.loads(text) for text in table["model.hidden"]][-1] == [7, 8]
    assert table["seed"].tolist() == [0, 0, 0, 3]
    for text in ("diverged: loss is nan", "history.csv: damaged: no column", "damaged: run.json: not JSON"):
        assert result.output.count(text) == 1
    history = pd.read_csv(next((tmp_path / "results" / "second").glob("*seed3*")) / "history.csv")
    assert table[list(history)].tail(1).to_numpy().tolist() == history.to_numpy().tolist()


def test_timing_and_layers_are_asked_for(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    runs_of_two_studies(tmp_path, make_run, resolved)
    run = next((tmp_path / "first").glob("relu*"))
    (run / "layers.csv").write_text("epoch,step,layer,units,dead_units\n1,1,dense,4,1\n1,1,logits,10,\n")
    answer = json.loads(export(tmp_path, "--to", "csv", tmp_path / "runs.csv", "--timing", "--json").stdout)
    assert answer["columns"][-2:] == ["wall_seconds", "images_per_second"]
    assert len(answer["left_out"]) == 2 and len(answer["not_done"]) == 1
    result = export(tmp_path, "--to", "csv", tmp_path / "layers.csv", "--layers")
    table = pd.read_csv(tmp_path / "layers.csv")
    assert table["layer"].tolist() == ["dense", "logits"] and table["units"].tolist() == [4, 10]
    assert result.output.count("nothing was probed") == 2  # of runs that are done; the others are named as they ended
    assert result.output.count("left out: ") == 4
    assert "choose one" in str(export(tmp_path, "--to", "csv", "x.csv", "--layers", "--timing").exception)


def test_a_table_of_no_rows_is_an_error(tmp_path: Path) -> None:
    assert "no run here has rows" in str(export(tmp_path, "--to", "csv", tmp_path / "x.csv").exception)


def test_parquet_has_one_type_a_column(tmp_path: Path, make_run: MakeRun, resolved: Resolved) -> None:
    pytest.importorskip("pyarrow")
    runs_of_two_studies(tmp_path, make_run, resolved)
    make_run(tmp_path / "third", resolved(optimizer={"name": "sgd", "learning_rate": 1}, train_eval="all"), [0.9])
    make_run(tmp_path / "third", resolved(train_eval=5), [0.9])
    assert export(tmp_path, "--to", "parquet", tmp_path / "runs.parquet").exit_code == 0
    table = pd.read_parquet(tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(
        table[["run", "val_loss"]], pd.read_csv(table_as_csv(tmp_path))[["run", "val_loss"]], check_dtype=False
    )
    assert set(table["train_eval"].dropna()) == {"all", "5"}
    assert table["seed"].dtype == "Int64"


def table_as_csv(folder: Path) -> Path:
    assert export(folder, "--to", "csv", folder / "runs.csv").exit_code == 0
    return folder / "runs.csv"
