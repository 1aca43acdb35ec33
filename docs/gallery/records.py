"""What the gallery keeps of finished runs, and the run directories that are made of it again.

    python docs/gallery/records.py restored
    actlab compare restored/leaky_slope
    actlab run configs/leaky_slope.yaml -o restored     # trains what is missing; then `build.py --take restored ...`

Each folder of the gallery keeps experiment.yaml, claims.jsonl where there is one, runs.csv (a row a run: what its
record says besides its config) and histories.csv (seven significant digits); layers.csv where claims or figures are
about single layers, of the first and the last evaluation. That is all that comparisons, claims and figures read.
Digests of the weights and versions are gone, and a restored record says so by not having them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from actlab.runs.record import Run
from actlab.spec.budget import budget_of
from actlab.spec.config import RunConfig
from actlab.study import folders
from actlab.study.claims import planned

HERE = Path(__file__).parent
COLUMNS = ("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "train_eval_loss", "train_eval_accuracy",
           "dead_units", "unmoved_units", "revived_units", "born_dead")  # fmt: skip
LAYERS = {
    "born_dead": ["born_dead", "birth_variance", "birth_correlation", "birth_chi", "birth_gradient_norm"],
    "vanishing_gradient": ["gradient_norm_mean", "gradient_norm_max"],
}
DIGITS = "%.7g"  # of float32; with fewer, equal differences of seeds would no longer be ties


def labelled(folder: Path) -> list[tuple[str, RunConfig, Run | None]]:
    """Each training that an experiment's folder asks for, by the label that its plan gives it, and its run."""
    found = folders.read([folder])
    plan = found.plans[folder.resolve()]
    if isinstance(plan, Exception):
        raise plan
    runs = planned([config for _, config in plan.runs], found.runs)
    return [(label, config, of.run) for (label, config), of in zip(plan.runs, runs, strict=True)]


def keep(folder: Path, kept: Path) -> None:
    """Take the finished runs of an experiment into the gallery."""
    runs = [(label, run) for label, _, run in labelled(folder) if run and run.status == "done"]
    kept.mkdir(exist_ok=True)
    _copy(folder, kept)
    pd.DataFrame([_row(label, run) for label, run in runs]).to_csv(kept / "runs.csv", index=False)
    histories = [_timed(run).filter((*COLUMNS, "wall_seconds")) for _, run in runs]
    _write(histories, [label for label, _ in runs], kept / "histories.csv")
    if columns := LAYERS.get(folder.name):
        ends = [run.layers[run.layers["step"].isin(run.history["step"].iloc[[0, -1]])] for _, run in runs]
        tables = [rows[["epoch", "step", "layer", "units", *columns]] for rows in ends]
        _write(tables, [label for label, _ in runs], kept / "layers.csv")


def _copy(folder: Path, target: Path) -> None:
    """What was asked for and, if that is known, when it was claimed."""
    for name in ("experiment.yaml", "claims.jsonl"):
        if (folder / name).is_file():
            shutil.copy(folder / name, target / name)


def _row(label: str, run: Run) -> dict[str, Any]:
    record, environment = run.record, run.environment
    final, git = record["results"]["final"], environment.get("git") or {}
    return {
        "run": label, "seconds": record.get("wall_seconds"), "threads": environment.get("threads"),
        "commit": str(git.get("commit") or "")[:8], "parameters": record.get("parameters"),
        "data": record["dataset"]["name"], "sha256": str(record["dataset"].get("sha256") or "")[:8],
        "best_step": int(record["results"]["best"]["step"]), "claims_sha256": record.get("claims_sha256"),
        "test_accuracy": final.get("test_accuracy"), "test_loss": final.get("test_loss"),
    }  # fmt: skip


def _timed(run: Run) -> pd.DataFrame:
    times = run.timing["wall_seconds"] if (run.path / "timing.csv").is_file() else None
    return run.history if times is None else run.history.assign(wall_seconds=times)


def _write(tables: list[pd.DataFrame], labels: list[str], path: Path) -> None:
    whole = pd.concat([table.assign(run=label) for table, label in zip(tables, labels, strict=True)])
    whole.insert(0, "run", whole.pop("run"))
    whole.to_csv(path, index=False, float_format=DIGITS)


def restore(kept: Path, target: Path) -> Path:
    """The run directories of one experiment, as far as they are kept."""
    target.mkdir(parents=True)
    _copy(kept, target)
    records = pd.read_csv(kept / "runs.csv", index_col="run", dtype={"commit": str, "sha256": str})
    histories = _read(kept / "histories.csv")
    layers = _read(kept / "layers.csv") if (kept / "layers.csv").is_file() else {}
    for index, (label, config, _) in enumerate(labelled(target)):
        if label not in records.index:
            continue
        of = records.loc[label].dropna()
        folder = target / f"{label}-{config.hash[:8]}"  # so that `actlab run` takes it for done
        folder.mkdir()
        history = histories[label]
        tables = {"history.csv": history.drop(columns="wall_seconds", errors="ignore")}
        if "wall_seconds" in history:
            tables["timing.csv"] = history[["wall_seconds"]]
        tables |= {"layers.csv": layers[label]} if label in layers else {}
        for name, table in tables.items():
            table.to_csv(folder / name, index=False)
        record = {
            "label": label, "hash": config.hash, "plan_index": index, "config": config.canonical(), "status": "done",
            "results": _results(history, of),
            "dataset": {
                "name": of["data"], "sha256": of.get("sha256", ""),
                "training_images": budget_of(config.canonical()).images,
            },
            "environment": {"threads": int(of["threads"])} if "threads" in of else {},
            **({"wall_seconds": float(of["seconds"])} if "seconds" in of else {}),
            **({"parameters": int(of["parameters"])} if "parameters" in of else {}),
            **({"claims_sha256": of["claims_sha256"]} if "claims_sha256" in of else {}),
            "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in tables},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(record), "utf-8")
    return target


def _read(path: Path) -> dict[str, pd.DataFrame]:
    """The rows of each run, without the columns that it does not have."""
    groups = pd.read_csv(path).groupby("run", sort=False)
    return {str(label): rows.drop(columns="run").dropna(axis="columns", how="all") for label, rows in groups}


def _results(history: pd.DataFrame, of: pd.Series[Any]) -> dict[str, Any]:
    """The last row and the best, with what the test set gave at the end."""
    final = history.iloc[-1].to_dict()
    best = history[history["step"] == of["best_step"]].iloc[0].to_dict()
    test = {name: float(of[name]) for name in ("test_accuracy", "test_loss") if name in of}
    return {"final": {**final, **test}, "best": best}


if __name__ == "__main__":
    for folder in sorted(path.parent for path in HERE.glob("*/runs.csv")):
        print(restore(folder, Path(sys.argv[1]) / folder.name))
