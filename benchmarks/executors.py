"""What does Ray cost on one machine? The same sweep by the local executor and by Ray, in turns.

    python benchmarks/executors.py [--data-dir DIR] [--runs 12] [--epochs 10] [--pairs 3] [--dataset mnist]

Wall seconds of each command as a process of its own, Ray's cluster included, which it begins and ends; and how many
times as long Ray takes, in each pair and as the median. The first of a pair is the other one each time. On a machine
that does something else besides, no pair is a measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from plain import machine, timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="that holds mnist.npz; else it is downloaded")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3)
    asked = parser.parse_args()
    print(f"{machine(os.cpu_count() or 1)}; {asked.runs} runs of {asked.epochs} epochs on {asked.dataset}")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.yaml"
        study.write_text(json.dumps({
            "dataset": asked.dataset, "model": "mnist_dense", "activation": "relu", "batch_size": 100,
            "epochs": asked.epochs, "sweep": {"seed": {"range": asked.runs}},
        }), "utf-8")  # fmt: skip
        for pair in range(asked.pairs):
            seconds = {}
            for executor in ("local", "ray")[:: -1 if pair % 2 else 1]:
                out = Path(folder) / f"{pair}-{executor}"
                command = [sys.executable, "-m", "actlab", "run", str(study), "-o", str(out), "--device", "cpu"]
                command += ["--data-dir", asked.data_dir] if asked.data_dir else []
                seconds[executor] = timed([*command, "--threads", "1", "--executor", executor])
            ratios.append(seconds["ray"] / seconds["local"])
            print(f"local {seconds['local']:6.1f} s, ray {seconds['ray']:6.1f} s: {ratios[-1]:.2f} times", flush=True)
    print(f"median: {statistics.median(ratios):.2f} times")


if __name__ == "__main__":
    main()
