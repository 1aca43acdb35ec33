"""How fast is the CIFAR-10 CNN? Two runs × one epoch of 12,800 images, batch 64, Adam.

    python benchmarks/cifar.py [--data-dir DIR] [--rounds 1] [--precision float32 mixed_bfloat16] [--torch-python FILE]

The wall clock of everything for actlab (two runs at a time) and for one plain Keras process that trains one after the
other, in float32; the same in PyTorch where it is installed; the share of the matrix-product peak; memory a worker.
mixed_bfloat16 is of use only on processors with avx512_bf16 or amx_bf16, and is left out on others unless asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from plain import has_torch, machine, peak_gflops, timed

IMAGES = 12_800
# forward products of the four convolutions and two dense layers; the backward pass takes two of each, less the
# gradient of the pixels
FORWARD = [32 * 32 * 27 * 32, 30 * 30 * 288 * 32, 15 * 15 * 288 * 64, 13 * 13 * 576 * 64, 2304 * 512, 512 * 10]
GFLOP_AN_IMAGE = 2 * (3 * sum(FORWARD) - FORWARD[0]) / 1e9


def actlab(folder: Path, precision: str, cores: int) -> float:
    """Seconds of `actlab run` of two runs of one epoch."""
    config = folder / f"{precision}.yaml"
    config.write_text(json.dumps({
        "name": precision, "dataset": {"name": "cifar10", "train_samples": IMAGES, "validation": 0.05},
        "model": "cifar10_cnn", "optimizer": "adam", "activation": "relu", "batch_size": 64, "epochs": 1,
        "precision": precision, "sweep": {"seed": [0, 1]},
    }), "utf-8")  # fmt: skip
    command = [sys.executable, "-m", "actlab", "run", str(config), "--device", "cpu"]
    shapes = [(64 * 900, 288, 32), (64 * 169, 576, 64)]
    before = peak_gflops(1, cores, shapes)
    seconds = timed([*command, "--out", str(folder / "out")])
    _report(folder / "out" / precision, cores, max(before, peak_gflops(1, cores, shapes)))
    return seconds


def _report(out: Path, cores: int, peak: float) -> None:
    from actlab.runs.record import discover

    runs, _ = discover([out])
    threads = runs[0].environment["threads"]
    speed = statistics.median(run.timing["images_per_second"].iloc[0] for run in runs) * (cores // threads)
    share = speed * GFLOP_AN_IMAGE / peak
    memory = max(run.record["peak_memory_gib"] for run in runs)
    print(f"  {speed:,.0f} images/s, {share:.0%} of the peak of {peak:.0f} GFLOP/s; {memory:.2f} GiB a worker at most")


def main() -> None:
    from actlab.environment import slow_bfloat16

    usable = ["float32"] if slow_bfloat16() else ["float32", "mixed_bfloat16"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="folder with cifar10.npz; or $ACTLAB_DATA_DIR")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that has PyTorch and NumPy")
    parser.add_argument("--precision", nargs="+", default=usable, choices=["float32", "mixed_bfloat16"])
    options = parser.parse_args()
    if options.data_dir:
        os.environ["ACTLAB_DATA_DIR"] = options.data_dir
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(machine(cores))
    script = str(Path(__file__).parent / "plain.py")
    ways = {"keras": sys.executable}
    if has_torch(options.torch_python):
        ways["torch"] = options.torch_python
    for _ in range(options.rounds):
        plain = {how: timed([python, script, how, "cifar10", "1", "relu:0", "relu:1"]) for how, python in ways.items()}
        for precision in options.precision:
            with tempfile.TemporaryDirectory() as folder:
                ours = actlab(Path(folder), precision, cores)
            ratios = ", ".join(
                f"{how} {seconds:.1f} s ({seconds / ours:.2f} times as long)" for how, seconds in plain.items()
            )
            print(f"{precision}: actlab {ours:.1f} s; {ratios}", flush=True)


if __name__ == "__main__":
    main()
