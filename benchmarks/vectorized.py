"""Seconds a run against the number of runs that are trained together, beside other ways and the machine's limit.

    python benchmarks/vectorized.py [--data-dir DIR] [--net dense cnn] [--largest 256] [--images N] [--device cpu]
        [--threads 1]

Each way is a process of its own; what is given are the seconds that one epoch of one run takes, its validation
included, without start and compilation: the time of a group divided by its runs. They are seconds of the clock on a
GPU, and of all processor cores on a CPU, which other processes do not lengthen much. The limits are the multiplications
of a run at the peak of the device's matrix products; and the bytes that its weights move at the speed at which the
device copies memory, where no cache holds them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from plain import has_torch, machine, timed

PLAIN = {"dense": "mnist", "cnn": "cifar10"}  # what `plain.py` calls them
NETS: dict[str, dict[str, Any]] = {
    "dense": {"model": "mnist_dense", "dataset": {"name": "mnist", "validation": 0.1}, "batch_size": 100,
              "optimizer": {"name": "sgd", "learning_rate": 0.1}},
    "cnn": {"model": "cifar10_cnn", "dataset": {"name": "cifar10", "train_samples": 12_800, "validation": 0.05},
            "batch_size": 64, "optimizer": "adam"},
}  # fmt: skip
IMAGES = {"dense": 54_000, "cnn": 12_800}  # of an epoch
# multiplications of an image: forward, and back to the weights and to what lies before, of which pixels need none
PRODUCTS = {
    "dense": 2 * 784 * 256 + 3 * 256 * 10,
    "cnn": 2 * 32**2 * 32 * 27 + 3 * (30**2 * 32 * 288 + 15**2 * 64 * 288 + 13**2 * 64 * 576 + 2304 * 512 + 512 * 10),
}
WEIGHTS = {"dense": 203_530, "cnn": 1_250_858}
TOUCHED = {"dense": 6, "cnn": 12}  # times that a step reads or writes each weight: forward, back, gradient, optimizer


def images(net: str, options: argparse.Namespace) -> int:
    """How many an epoch trains on."""
    return options.images or IMAGES[net]


def clock(options: argparse.Namespace) -> float:
    """Seconds: of this process's processor cores, or of the clock where a GPU works."""
    return time.perf_counter() if options.device == "gpu" else time.process_time()


def engine(net: str, engine_name: str, together: int, options: argparse.Namespace) -> float:
    """Seconds of an epoch of one run, of so many together."""
    os.environ |= {"ACTLAB_ENGINE": engine_name, "KERAS_BACKEND": engine_name}
    from actlab import environment

    environment.pin_variables()
    os.environ.update(environment.worker_variables(options.threads, options.device, engine_name))
    from actlab.parts import datasets
    from actlab.runs.folder import HISTORY
    from actlab.runs.job import Job
    from actlab.runs.training import train_together
    from actlab.spec.config import resolve

    jobs = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(together):
            data = {**NETS[net], "activation": "relu", "initializer": "he_normal", "seed": seed}
            data["epochs"] = options.epochs + 1  # the first one also compiles
            if options.images:
                data["dataset"] = {**data["dataset"], "train_samples": options.images}
            config, problems = resolve({**data, **({"engine": "jax"} if engine_name == "jax" else {})})
            assert config is not None, problems
            prepared = datasets.prepare(config.dataset.name, config.dataset.parameters)
            (path := Path(folder, str(seed))).mkdir()
            jobs.append(Job(config, str(seed), path, prepared, options.device, options.threads, 1e9))
        moments: dict[int, float] = {}  # rows to when they were there

        def look() -> bool:
            rows = (jobs[0].path / HISTORY).read_bytes().count(b"\n") - 1
            moments.setdefault(rows, clock(options))
            return False

        ended = train_together(jobs, look)
        assert set(ended) == {"done"}, ended
    return (moments[1 + options.epochs] - moments[1]) / options.epochs / together


def plain(net: str, way: str, options: argparse.Namespace) -> float:
    """The same by `plain.py`: what more epochs take."""
    script = str(Path(__file__).parent / "plain.py")
    os.environ["PLAIN_IMAGES"] = str(images(net, options))
    os.environ |= dict.fromkeys(
        ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(options.threads)
    )
    taken = []
    for epochs in (1, 1 + options.epochs):
        before = sum(os.times()[2:4])
        wall = timed([sys.executable, script, way, PLAIN[net], str(epochs), "relu:0"])
        taken.append(wall if options.device == "gpu" else sum(os.times()[2:4]) - before)
    return (taken[1] - taken[0]) / options.epochs


def limit(device: str, threads: int) -> tuple[float, float]:
    """Multiplications and bytes a second that JAX reaches with large arrays: the best of several tries."""
    from actlab.environment import worker_variables

    os.environ.update(worker_variables(threads, device, "jax"))
    import jax

    size = 1024 if device == "cpu" else 8192
    square, long = jax.numpy.ones((size, size), "float32"), jax.numpy.ones(2**26, "float32")
    works = [partial(jax.jit(lambda a: a @ a), square), partial(jax.jit(lambda a: a + 1), long)]
    best = [float("inf")] * 2
    for _, (i, work) in itertools.product(range(50), enumerate(works)):
        work().block_until_ready()
        began = time.perf_counter()
        work().block_until_ready()
        best[i] = min(best[i], time.perf_counter() - began)
    return size**3 / best[0], 2 * long.nbytes / best[1]


def measure(side: list[object], options: argparse.Namespace) -> Any:
    """One side in a process of its own."""
    given = [f"--{key}={getattr(options, key)}" for key in ("epochs", "images", "device", "threads")]
    command = [sys.executable, __file__, *given, "--side", *map(str, side)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        sys.exit(f"{side}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="folder with mnist.npz and cifar10.npz; or $ACTLAB_DATA_DIR")
    parser.add_argument("--net", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument("--largest", type=int, default=256, help="runs together at most")
    parser.add_argument("--images", type=int, default=0, help="of an epoch; 0: 54,000 of MNIST, 12,800 of CIFAR-10")
    parser.add_argument("--epochs", type=int, default=2, help="that are timed")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--side", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data_dir:
        os.environ["ACTLAB_DATA_DIR"] = options.data_dir
    if options.side:
        what, *of = options.side
        if what == "limit":
            print(json.dumps(limit(options.device, options.threads)))
        elif what == "plain":
            print(plain(*of, options))
        else:
            print(engine(of[0], of[1], int(of[2]), options))
        return
    products, copied = measure(["limit"], options)
    print(f"{machine(os.cpu_count() or 1)}, {options.threads} threads, {options.device}")
    print(f"matrix products: {2 * products / 1e9:.0f} GFLOP/s; copies: {copied / 1e9:.1f} GB/s")
    sizes = [2**n for n in range(9) if 2**n <= options.largest]
    for net in options.net:
        count = images(net, options)
        arithmetic = PRODUCTS[net] * count / products
        traffic = TOUCHED[net] * 4 * WEIGHTS[net] * count / NETS[net]["batch_size"] / copied
        print(f"{net}, an epoch of a run: at least {arithmetic:.3f} s of arithmetic, {traffic:.3f} s of memory traffic")
        ways = [("plain Keras", ["plain", net, "keras"])]
        if has_torch(sys.executable):
            ways += [("plain PyTorch", ["plain", net, "torch"])]
        else:
            print("  plain PyTorch: torch is not installed here")
        ways += [("actlab, TensorFlow", ["engine", net, "tensorflow", 1])]
        ways += [(f"actlab, JAX, {size} together", ["engine", net, "jax", size]) for size in sizes]
        for name, side in ways:
            seconds = measure(side, options)
            share, speed = arithmetic / seconds, count / seconds
            print(f"  {name:24} {seconds:7.3f} s  {speed:9,.0f} images/s  {share:4.0%} of the arithmetic", flush=True)


if __name__ == "__main__":
    main()
