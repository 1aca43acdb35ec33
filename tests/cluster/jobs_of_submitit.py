"""24 real runs as jobs of submitit's local executor, one of which is pre-empted by SIGUSR2, and its command killed.

    PYTHONPATH=.:tests python -m cluster.jobs_of_submitit

All jobs begin at once, as on a cluster with room for them: on one machine they take 16 GiB of memory and their time. It
says what came out, and ends with 1 unless all runs are done, with the bytes of local runs of as many threads, and none
is trained again that was done.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from torture import processes
from torture.processes import Command, left_over, outcome, until

from actlab.runs.folder import read_json

processes.PATIENCE_SECONDS = 1800.0
STUDY = """
name: study
dataset: {name: mnist, train_samples: 2000}
model: {name: mnist_dense, hidden: [64]}
activation: relu
batch_size: 50
epochs: 12
sweep: {activation: [relu, tanh, gelu], optimizer.learning_rate: [0.01, 0.03], seed: {range: 4}}
"""


def status(out: Path) -> dict[Path, str]:
    return {file: read_json(file)["status"] for file in out.glob("*/*/run.json")}


def main() -> int:
    checks: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="submitit-", ignore_cleanup_errors=True) as name:
        study, out, expected = (Path(name) / of for of in ("study.yaml", "out", "local"))
        study.write_text(STUDY)
        code, text = Command("run", study, "-o", expected, "--threads", 1, "--device", "cpu").end()
        assert code == 0, text
        command = ("run", study, "-o", out, "--executor", "slurm", "--slurm", "cluster=local", "--device", "cpu",
                   "--checkpoint-seconds", 1)  # fmt: skip
        first = Command(*command)
        assert until(lambda: len(list(out.glob("*/*/checkpoint/state.npz"))) > 0), first.process.poll()
        begun = next(out.glob("*/*/checkpoint/state.npz")).parents[1].name
        number = read_json(out / "study" / ".slurm" / "jobs.json")[begun][1]
        (task,) = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        os.kill(int(task), signal.SIGUSR2)  # as Slurm does before it gives the place to another
        os.kill(first.process.pid, signal.SIGKILL)
        first.end()
        assert until(lambda: not Path(f"/proc/{task}").exists())
        done = {file: file.stat().st_mtime_ns for file, state in status(out).items() if state == "done"}
        print(f"pre-empted: {begun}; the command killed; then done: {len(done)} of 24")
        checks["the same command takes them up: exit code 0"] = (found := Command(*command).end())[0] == 0
        print(found[1][-600:])
        checks["24 runs are done"] = list(status(out).values()) == ["done"] * 24
        checks["bytes of local runs"] = outcome(out) == outcome(expected)
        checks["none trained again that was done"] = all(file.stat().st_mtime_ns == at for file, at in done.items())
        checks["nothing left over"] = not left_over(out) and not (out / "study" / ".slurm").exists()
    for check, holds in checks.items():
        print(f"{'ok' if holds else 'FAILS':6} {check}")
    return not all(checks.values())


if __name__ == "__main__":
    sys.exit(main())
