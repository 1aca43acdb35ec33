"""How long do the commands take that only read? Sweeps of runs of 50 epochs, whose numbers are made up.

    python benchmarks/scale.py [--runs 1000] [--conditions 50] [--no-figures]

Wall clock, CPU and peak memory of each command as a process of its own: `check` of the config, `run` of the sweep that
is all done, `status`, `list`, `compare` with all its figures; and `report` of 200 of the runs. `--no-figures` leaves
the last two out, and the curves that `run` draws the first time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from plain import machine

from actlab.runs.folder import CLAIMS, EXPERIMENT, HISTORY, RECORD, TIMING
from actlab.runs.register import _sha256, register_claims, register_plan
from actlab.spec.config import RunConfig
from actlab.spec.plan import Plan
from actlab.spec.plan import read as read_plan

EPOCHS, REPORTED = 50, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--conditions", type=int, default=50, help="of the runs; the others are seeds")
    parser.add_argument("--no-figures", action="store_true")
    asked = parser.parse_args()
    print(machine(os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        config, out = Path(folder) / "many.yaml", Path(folder) / "results"
        _write_config(config, asked.conditions, asked.runs // asked.conditions)
        runs = _write_runs(out / "many", read_plan(config))
        print(f"{len(runs):,} runs: {asked.conditions} conditions x {asked.runs // asked.conditions} seeds")
        if asked.no_figures:
            (out / "many" / "val_accuracy.png").touch()
        else:
            _time("run, all done, not drawn", ["run", config, "--out", out])
        _time("check", ["check", config])
        _time("run, all done", ["run", config, "--out", out])
        _time("status", ["status", out])
        _time("list", ["list", out])
        if asked.no_figures:
            return
        _time("compare, with its figures", ["compare", out / "many"])
        _time(f"report of {REPORTED} runs", ["report", *runs[:REPORTED], "-o", out / "report.html"])
        print(f"{'':28} {(out / 'report.html').stat().st_size / 1e6:.2f} MB")


def _write_config(path: Path, conditions: int, seeds: int) -> None:
    slopes = [round(0.01 * step, 2) for step in range(conditions)]
    axes = {
        "activation": [{"name": "leaky_relu", "negative_slope": slope} for slope in slopes],
        "seed": {"range": seeds},
    }
    path.write_text(json.dumps({
        "name": "many", "dataset": {"name": "synth_mnist"}, "model": "mnist_dense", "epochs": EPOCHS, "sweep": axes,
    }), "utf-8")  # fmt: skip


def _write_runs(folder: Path, plan: Plan) -> list[Path]:
    """A directory for each run, as a training leaves it, but for pictures and weights."""
    generator, paths = np.random.default_rng(0), []
    for index, (label, config) in enumerate(plan.runs):
        path = folder / f"{label}-{config.hash[:8]}"
        path.mkdir(parents=True)
        accuracy = 0.97 - 0.3 * np.exp(-np.arange(1, EPOCHS + 1) / 5) + generator.normal(0, 0.002, EPOCHS)
        rows = [
            f"{e},{540 * e},{1 - a:.6f},{a - 0.01:.6f},{1.1 - a:.6f},{a:.6f},0.1\n" for e, a in enumerate(accuracy, 1)
        ]
        columns = "epoch,step,loss,accuracy,val_loss,val_accuracy,learning_rate\n"
        (path / HISTORY).write_text(columns + "".join(rows), "utf-8")
        times = [f"{0.7 * e:.3f},77000\n" for e in range(1, EPOCHS + 1)]
        (path / TIMING).write_text("wall_seconds,images_per_second\n" + "".join(times), "utf-8")
        (path / RECORD).write_text(json.dumps(_record(index, label, config, path, float(accuracy[-1]))), "utf-8")
        paths.append(path)
    (folder / EXPERIMENT).write_text(plan.text, "utf-8")
    register_claims(folder, [], [])
    register_plan(folder, [config.hash for _, config in plan.runs])
    lines = (folder / CLAIMS).read_text("utf-8").splitlines(keepends=True)
    previous = json.loads(lines[-1])["sha256"]
    for label, config in plan.runs:
        line = {"time": "2026-11-28T05:00:00Z", "began": config.hash, "label": label, "previous": previous}
        previous = _sha256(line)
        lines.append(json.dumps({**line, "sha256": previous}) + "\n")
    (folder / CLAIMS).write_text("".join(lines), "utf-8")
    return paths


def _record(index: int, label: str, config: RunConfig, path: Path, accuracy: float) -> dict[str, Any]:
    row = {"epoch": EPOCHS, "step": 540 * EPOCHS, "loss": 1 - accuracy, "accuracy": accuracy - 0.01,
           "val_loss": 1.1 - accuracy, "val_accuracy": accuracy, "test_loss": 1.1 - accuracy,
           "test_accuracy": accuracy}  # fmt: skip
    return {
        "label": label, "status": "done", "hash": config.hash, "config": config.canonical(),
        "plan_index": index, "overrides": [], "parameters": 203_530,
        "dataset": {"name": config.dataset.name, "sha256": "0" * 64, "stand_in_for": None, "test_images": 10_000},
        "environment": {"threads": 1, "device": "cpu"}, "wall_seconds": 35.0, "results": {"final": row, "best": row},
        "initial_weights_sha256": hashlib.sha256(str(config.seed).encode()).hexdigest(),
        "files": {name: hashlib.sha256((path / name).read_bytes()).hexdigest() for name in (HISTORY, TIMING)},
    }  # fmt: skip


def _time(what: str, arguments: list[object]) -> None:
    """Run one command; print its seconds and the most memory that it held."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "actlab", *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise SystemExit(f"actlab {arguments[0]} ended with {code}")
    seconds, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    print(f"{what:28} {seconds:5.1f} s wall, {cpu:5.1f} s CPU, {usage.ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
