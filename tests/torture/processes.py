"""What the tests of kills and signals share: a study, the command as a process of its own, and what it leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from actlab import cli
from actlab.parts import datasets
from actlab.runs.folder import read_json
from actlab.runs.job import Job
from actlab.runs.record import Run
from actlab.spec.config import resolve

PATIENCE_SECONDS = 300.0  # for what takes some seconds: room for a machine that is ten times slower and busy
IMAGES = {"train_images": 300, "test_images": 200}
STUDY = """
dataset: {name: synth_mnist, train_images: 300, test_images: 200}
model: {name: mnist_dense, hidden: [24], dropout: 0.2, batch_norm: before}
activation: rrelu
optimizer: {name: adam, learning_rate: 0.003, schedule: cosine}
batch_size: 20
epochs: 20
sweep: {seed: [0, 1]}
"""


def run(path: Path, out: Path, **options: Any) -> int:
    """`actlab run` in this process, with workers of their own."""
    with pytest.raises(typer.Exit) as end:
        cli.run([path], out, **{"workers": "2", "device": "cpu", **options})
    return int(end.value.exit_code)


def by_seed(out: Path) -> dict[int, dict[str, Any]]:
    records = [read_json(path) for path in out.glob("*/*/run.json")]
    return {record["config"].get("seed", 0): record for record in records}


class Command:
    """A command of `actlab` in a session of its own, as `module` has it: with TensorFlow, or `torture.trainer`."""

    def __init__(
        self, *arguments: object, module: str = "actlab", seconds_a_call: float = 0.0, hangs: str = ""
    ) -> None:
        before = ["0", "0", ""] if module == "torture.trainer" else []
        self._start([module, *before, *map(str, arguments)], seconds_a_call, hangs)

    def _start(self, arguments: list[str], seconds_a_call: float, hangs: str = "") -> None:
        root = Path(__file__).parents[2]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, env={
                **os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}",
                "TORTURE_SECONDS": str(seconds_a_call), "TORTURE_HANGS": hangs,
            },
        )  # fmt: skip

    def members(self) -> list[int]:
        """The processes of its session: itself, workers, Python's own helper."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:  # ended since
                continue
            if int(fields[3]) == self.process.pid and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return found

    def workers(self) -> list[int]:
        return [pid for pid in self.members() if b"spawn_main" in _command_line(pid)]

    def end(self) -> tuple[int, str]:
        """Its exit code and what it said."""
        said, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, said

    def gone(self) -> bool:
        """Whether all its processes end, the command itself having ended."""
        return until(lambda: not self.members())


class Signalled(Command):
    """`actlab run` without TensorFlow that sends itself signals, as `torture.trainer` says."""

    def __init__(self, first: int, every: int, signals: list[int], *arguments: object) -> None:
        numbers = ",".join(str(int(number)) for number in signals)
        self._start(["torture.trainer", str(first), str(every), numbers, *map(str, arguments)], 0.01)


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def until(holds: Callable[[], object]) -> bool:
    """Wait until something holds; False where it does not within any time that it could need."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def job(path: Path, seed: int = 0, epochs: int = 10) -> Job:
    """A run of the study; its directory is made."""
    config, problems = resolve({
        "dataset": {"name": "synth_mnist", **IMAGES}, "model": "mnist_dense", "activation": "relu", "batch_size": 20,
        "epochs": epochs, "seed": seed,
    })  # fmt: skip
    assert config, problems
    path.mkdir(parents=True, exist_ok=True)
    return Job(config, path.name, path, datasets.prepare("synth_mnist", IMAGES), "cpu", 1, checkpoint_seconds=0.0)


def rows(out: Path) -> int:
    """Evaluations that the runs of an output folder have written so far."""
    return sum(max(0, file.read_bytes().count(b"\n") - 1) for file in out.glob("*/*/history.csv"))


def outcome(out: Path) -> dict[str, bytes]:
    """What must be the same however often a sweep was cut."""
    names = ("history.csv", "weights.npz")
    return {f"{p.parent.name}/{p.name}": p.read_bytes() for name in names for p in sorted(out.glob(f"*/*/{name}"))}


def false_done(out: Path, expected: dict[str, bytes]) -> list[str]:
    """The runs whose record says done and is wrong."""
    wrong = []
    for record in out.glob("*/*/run.json"):
        if read_json(record)["status"] == "done":
            path = record.parent
            files = {name: data for name, data in expected.items() if name.startswith(f"{path.name}/")}
            same = all((path.parent / name).read_bytes() == data for name, data in files.items())
            if not same or Run(path).damaged():
                wrong.append(path.name)
    return wrong


def left_over(out: Path) -> list[str]:
    """Working files beside runs that have ended."""
    patterns = ("*.tmp", "progress.json", "checkpoint", ".owner.json", ".*.frames")
    return sorted(str(p.relative_to(out)) for pattern in patterns for p in out.rglob(pattern))
