"""Make run directories again from what the gallery keeps, so that its tables can be judged anew without training.

    python docs/gallery/restore.py restored
    python docs/gallery/build.py restored

Each folder of the gallery keeps its experiment.yaml, the histories of all runs (five significant digits) and, in
comparison.csv, what each seed came to on the test set. That is all that a comparison and the claims read. Of what the
records said besides (environment, digests of the weights, seconds), the parameters and the data come from
comparison.csv; the rest is gone, and a restored record says so by not having it.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
# A run that was taken over from another experiment kept the label that it had there.
TAKEN_OVER = {
    ("dying_relu_batch_size", "relu-batch_size100"): "relu",
    ("dying_relu_leaky_slope", "relu"): "relu-batch_size100",
    ("leaky_slope", "negative_slope0.01"): "leaky_relu-negative_slope0.01",
    ("mnist_activations", "leaky_relu-negative_slope0.01"): "negative_slope0.01",
    ("momentum", "sigmoid-momentum0-none"): "sigmoid-sgd-learning_rate0.01-none",
    ("momentum", "sigmoid-momentum0-before"): "sigmoid-sgd-learning_rate0.01-before",
    ("momentum", "sigmoid-momentum0.9-none"): "sigmoid-sgd-learning_rate0.01-momentum0.9-none",
    ("momentum", "sigmoid-momentum0.9-before"): "sigmoid-sgd-learning_rate0.01-momentum0.9-before",
}
AT_SEED = re.compile(r"(test_\w+) last seed (\d+)")


def main(results: Path) -> None:
    for folder in sorted(HERE.iterdir()):
        if (folder / "histories.csv").is_file():
            restore(folder, results / folder.name)


def restore(kept: Path, target: Path) -> None:
    """The run directories of one experiment."""
    target.mkdir(parents=True)
    (target / "experiment.yaml").write_bytes((kept / "experiment.yaml").read_bytes())
    histories = dict(list(pd.read_csv(kept / "histories.csv").groupby("run", sort=False)))
    comparison = pd.read_csv(kept / "comparison.csv", dtype=str)
    conditions: list[str] = []  # in the order of the plan, which is that of the table's rows
    for index, run in enumerate(_plan(kept / "experiment.yaml")):
        condition = json.dumps({key: value for key, value in run["config"].items() if key != "seed"}, sort_keys=True)
        conditions += [] if condition in conditions else [condition]
        label = next((name for name in _labels(kept.name, run["label"]) if name in histories), None)
        if label is None:
            continue
        history = histories[label].drop(columns="run").dropna(axis="columns", how="all")
        folder = target / f"{run['label']}-{run['hash'][:8]}"
        folder.mkdir()
        table = history.to_csv(index=False).encode()
        (folder / "history.csv").write_bytes(table)
        row = _row(comparison, conditions.index(condition))
        record = {
            "label": run["label"], "hash": run["hash"], "plan_index": index, "config": run["config"], "status": "done",
            "results": _results(history, run["config"], row),
            "dataset": _dataset(comparison),
            **_parameters(row), "environment": {}, "files": {"history.csv": hashlib.sha256(table).hexdigest()},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(record, indent=2), "utf-8")


def _plan(path: Path) -> list[dict[str, Any]]:
    overrides = [
        line.removeprefix("# --set ") for line in path.read_text("utf-8").splitlines() if line.startswith("# --set ")
    ]
    options = [word for override in overrides for word in ("--set", override)]
    command = [sys.executable, "-m", "actlab", "check", str(path), *options, "--json"]
    (plan,) = json.loads(subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout)
    runs: list[dict[str, Any]] = plan["runs"]
    return runs


def _labels(experiment: str, label: str) -> list[str]:
    """What a planned run may be called in the histories."""
    name, _, seed = label.rpartition("-seed")
    other = TAKEN_OVER.get((experiment, name), name.removeprefix("none-"))
    return [label, f"{other}-seed{seed}"]


def _results(history: pd.DataFrame, config: dict[str, Any], row: pd.Series[str]) -> dict[str, Any]:
    """The last row and the best; what the test set gave is that of the validation where the two are the same."""
    best = history["val_accuracy"].idxmax()
    rows = {"final": history.iloc[-1].to_dict(), "best": history.loc[best].to_dict()}
    if config["dataset"]["validation"] == "test":
        for found in rows.values():
            found |= {"test_accuracy": found["val_accuracy"], "test_loss": found["val_loss"]}
        return rows
    for column, value in row.items():
        if (match := AT_SEED.fullmatch(str(column))) and int(match[2]) == config["seed"]:
            rows["final"][match[1]] = float(value)
    return rows


def _row(comparison: pd.DataFrame, number: int) -> pd.Series[str]:
    """A condition of the table; empty where the table was made with --where, and may lack it."""
    return comparison.iloc[number] if number < len(comparison) else pd.Series(dtype=str)


def _parameters(row: pd.Series[str]) -> dict[str, int]:
    value = row.get("parameters")
    return {"parameters": int(float(value))} if isinstance(value, str) else {}


def _dataset(comparison: pd.DataFrame) -> dict[str, Any]:
    return {"name": comparison["data"].iloc[0]} if "data" in comparison else {}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
