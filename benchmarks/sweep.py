"""How fast is a sweep? Twelve MNIST runs: 3 activations × 4 seeds, 784-256-10, SGD 0.1, batch 100, 10 epochs.

    python benchmarks/sweep.py [--data-dir DIR] [--rounds 1] [--epochs 10] [--skip a d] [--torch-python FILE]

The wall clock of everything, start and imports and plots included, of
    actlab     `actlab run`
    (a)        a plain Keras script, started once a run
    (b)        one plain Keras process that loops over the runs
    (c)        the same loop in PyTorch, where it is installed, here or for the interpreter --torch-python
    (d)        (c) with PyTorch's DataLoader, which hands out the images one by one
and the share of the machine's matrix-product peak that actlab's training reaches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from plain import MNIST_EPOCHS, has_torch, machine, peak_gflops, timed

ACTIVATIONS, SEEDS = ("relu", "leaky_relu", "softplus"), 4
GFLOP_AN_IMAGE = 2 * (2 * 784 * 256 + 3 * 256 * 10) / 1e9  # forward and weights; the pixels need no gradient


def actlab(folder: Path, epochs: int, cores: int) -> float:
    """Seconds of `actlab run`; prints what its own records say of the training."""
    config = folder / "sweep.yaml"
    config.write_text(json.dumps({
        "name": "sweep", "dataset": {"name": "mnist", "validation": 0.1}, "model": "mnist_dense",
        "optimizer": {"name": "sgd", "learning_rate": 0.1}, "batch_size": 100, "epochs": epochs,
        "sweep": {"activation": list(ACTIVATIONS), "seed": {"range": SEEDS}},
    }), "utf-8")  # fmt: skip
    command = [sys.executable, "-m", "actlab", "run", str(config), "--device", "cpu"]
    shapes = [(100, 784, 256), (784, 100, 256)]
    before = peak_gflops(1, cores, shapes)
    seconds = timed([*command, "--out", str(folder / "out")])
    _report_share(folder / "out", cores, max(before, peak_gflops(1, cores, shapes)))
    return seconds


def _report_share(out: Path, cores: int, peak: float) -> None:
    """Print the matrix products a second inside the epochs against the measured peak of all cores."""
    from actlab.runs.record import discover

    runs, _ = discover([out])
    speeds = [speed for run in runs for speed in run.timing["images_per_second"].tolist()[1:]]
    threads = runs[0].environment["threads"]
    reached = statistics.median(speeds) * GFLOP_AN_IMAGE * (cores // threads)
    print(f"memory: {max(run.record['peak_memory_gib'] for run in runs):.2f} GiB a worker at most")
    print(f"inside the epochs: {reached:.0f} of {peak:.0f} GFLOP/s, {reached / peak:.0%} of the matrix-product peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="folder with mnist.npz; or $ACTLAB_DATA_DIR")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=MNIST_EPOCHS)
    parser.add_argument("--skip", nargs="*", default=[], choices=["a", "b", "c", "d"])
    parser.add_argument("--torch-python", default=sys.executable, help="an interpreter that has PyTorch and NumPy")
    options = parser.parse_args()
    if options.data_dir:
        os.environ["ACTLAB_DATA_DIR"] = options.data_dir
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    print(machine(cores))
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as folder:
            ours = actlab(Path(folder), options.epochs, cores)
        print(f"actlab: {ours:.1f} s", flush=True)
        for name, seconds in others(options.epochs, options.skip, options.torch_python):
            print(f"{name}: {seconds:.1f} s, {seconds / ours:.2f} times as long", flush=True)


def others(epochs: int, skip: list[str], torch_python: str) -> Iterator[tuple[str, float]]:
    """Seconds of each of the other ways."""
    script = str(Path(__file__).parent / "plain.py")
    runs = [f"{activation}:{seed}" for activation in ACTIVATIONS for seed in range(SEEDS)]
    if "a" not in skip:
        each = [timed([sys.executable, script, "keras", "mnist", str(epochs), run]) for run in runs]
        yield "(a) plain Keras, a process a run", sum(each)
    if "b" not in skip:
        yield "(b) plain Keras, one process", timed([sys.executable, script, "keras", "mnist", str(epochs), *runs])
    torch = has_torch(torch_python)
    if "c" not in skip and torch:
        yield "(c) PyTorch, one process", timed([torch_python, script, "torch", "mnist", str(epochs), *runs])
    if "d" not in skip and torch:
        loader = [torch_python, script, "torch_loader", "mnist", str(epochs), *runs]
        yield "(d) PyTorch with a DataLoader, one process", timed(loader)


if __name__ == "__main__":
    main()
