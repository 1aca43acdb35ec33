"""Writes the golden record with the code at hand. What it writes becomes what is right: look at the diff.

PYTHONPATH=.:tests python -m golden.record            expected/*.json: what the commands say of the studies
PYTHONPATH=.:tests python -m golden.record --plans    plans.json first: labels, hashes and configs of the made-up runs
PYTHONPATH=.:tests python -m golden.record --train    trained/*/ first: the studies that are trained
PYTHONPATH=.:tests python -m golden.record --rounded  rounded.json only: their numbers as this machine rounds them
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from golden import commands, studies

# one core is one worker of one thread on any machine: another number of threads gives other bytes
TRAIN = """import os, runpy
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
runpy.run_module("actlab", run_name="__main__")
"""


def write_plans() -> None:
    """plans.json by `actlab check`: the only part of the making of studies that needs actlab."""
    plans = {name: _checked(name, study.overrides) for name, study in studies.STUDIES.items()}
    plans["mixed_data+stand_in"] = _checked("mixed_data", ("dataset=synth_mnist",))
    studies.PLANS.write_text(commands.dumped(plans, depth=3) + "\n")


def _checked(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    sets = [word for override in overrides for word in ("--set", override)]
    code, out, err = commands.actlab(["check", f"{name}.yaml", *sets, "--json"], studies.CONFIGS)
    assert code == 0, err
    return studies.packed(json.loads(out)[0]["runs"])


# oneDNN as it is, with the instructions of older processors, and Eigen alone: each rounds a sum of floats otherwise
ROUNDINGS: tuple[dict[str, str], ...] = (
    {},
    *({"ONEDNN_MAX_CPU_ISA": isa} for isa in ("AVX2", "AVX", "SSE41")),
    {"TF_ENABLE_ONEDNN_OPTS": "0"},
)


def train(out: Path, rounding: Mapping[str, str] = MappingProxyType({})) -> None:
    """Train the small studies into a folder, in one process for all, with one thread."""
    variables = {"PYTHONPATH": str(commands.ROOT), "ACTLAB_NO_DOWNLOAD": "1", "TF_CPP_MIN_LOG_LEVEL": "3", **rounding}
    command = [sys.executable, "-c", TRAIN, "run", *map(str, commands.trained()), "--out", str(out), "--workers", "1"]
    done = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def write_trained() -> None:
    """trained/*/: the run directories, without pictures and logs."""
    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder))
        for config in commands.trained():
            target = studies.TRAINED / config.stem
            shutil.rmtree(target, ignore_errors=True)
            for path in sorted(Path(folder, config.stem).glob("*/run.json")):
                _copy(path.parent, target / path.parent.name)
            shutil.copy(Path(folder, config.stem, "experiment.yaml"), target)


def _copy(run: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for name in commands.RUN_FILES:
        if (run / name).exists():
            shutil.copy(run / name, target)
    record = json.loads((run / "run.json").read_text())
    record["files"] = {name: digest for name, digest in record["files"].items() if (target / name).exists()}
    (target / "run.json").write_text(json.dumps(record, indent=2))


def write_rounded() -> None:
    """rounded.json: an entry a rounding, with its place and the tables of its runs."""
    entries = []
    for rounding in ROUNDINGS:
        with tempfile.TemporaryDirectory() as folder:
            train(Path(folder), rounding)
            runs = {path.parent.name: path for path in sorted(Path(folder).glob("*/*/run.json"))}
            records = {name: json.loads(path.read_text()) for name, path in runs.items()}
            tables = {
                records[name]["hash"]: {
                    table: (path.parent / table).read_text().splitlines()
                    for table in ("history.csv", "layers.csv")
                    if (path.parent / table).exists()
                }
                for name, path in runs.items()
            }
            entries.append({"place": studies.place(next(iter(records.values()))), "tables": tables})
    studies.ROUNDED.write_text(json.dumps(entries, indent=1) + "\n")


def write_expected() -> None:
    """expected/*.json: a file a study and command."""
    with tempfile.TemporaryDirectory() as folder:
        commands.make(Path(folder))
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        for case in commands.cases(Path(folder)):
            found[case.key][case.variant] = commands.rounded(commands.run(case, Path(folder)))
    shutil.rmtree(commands.EXPECTED, ignore_errors=True)
    commands.EXPECTED.mkdir()
    for key, variants in found.items():
        text = commands.dumped(commands.tabled(variants), depth=5)
        assert folder not in text, f"{key} names the folder it was made in"
        (commands.EXPECTED / f"{key}.json").write_text(text + "\n")


if __name__ == "__main__":
    if "--rounded" in sys.argv:
        write_rounded()
        sys.exit()
    if "--plans" in sys.argv:
        write_plans()
    if "--train" in sys.argv:
        write_trained()
    write_expected()
