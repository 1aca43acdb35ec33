"""How fast is one run, against plain `model.fit`?

    python benchmarks/one_run.py [--data-dir DIR] [--rounds 3] [--only mnist]

The same net on the same images, once by `model.fit` with validation data and once by actlab, each in a process of its
own, in turns; the medians of the seconds an epoch and their ratios are printed. Validation is part of both epochs.
Plain Keras gets what a careful user writes: float32 arrays scaled beforehand, `fit` with `validation_data`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from plain import machine

CASES = {
    "mnist": {"model": "mnist_dense", "dataset": {"name": "mnist", "validation": 0.1}, "batch_size": 100, "epochs": 6,
              "optimizer": {"name": "sgd", "learning_rate": 0.1}},
    "cifar10": {"model": "cifar10_cnn", "batch_size": 64, "epochs": 3, "optimizer": "adam",
                "dataset": {"name": "cifar10", "train_samples": 12_800, "validation": 0.05}},
    "cifar10 mixed_bfloat16": {"model": "cifar10_cnn", "batch_size": 64, "epochs": 3, "optimizer": "adam",
                               "dataset": {"name": "cifar10", "train_samples": 12_800, "validation": 0.05},
                               "precision": "mixed_bfloat16"},
}  # fmt: skip


def config(case: str) -> dict[str, object]:
    """The config of a case; plain Keras is always measured in float32, which is what a user would do otherwise."""
    return {"activation": "relu", "initializer": "he_normal", **CASES[case]}


def by_actlab(case: str, threads: int) -> list[float]:
    """Seconds of each epoch but the first, which also compiles."""
    from actlab import environment

    os.environ.update(environment.worker_variables(threads, "cpu"))
    from actlab.parts import datasets
    from actlab.runs.job import Job
    from actlab.runs.record import Run
    from actlab.runs.training import train
    from actlab.spec.config import resolve

    resolved, problems = resolve(config(case))
    assert resolved is not None, problems
    prepared = datasets.prepare(resolved.dataset.name, {}, None)
    with tempfile.TemporaryDirectory() as folder:
        train(Job(resolved, case, Path(folder), prepared, "cpu", threads))
        seconds = Run(Path(folder)).timing["wall_seconds"].tolist()
    return [later - earlier for earlier, later in itertools.pairwise(seconds)]


def by_fit(case: str, threads: int) -> list[float]:
    """The same with `compile` and `fit`."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    import keras
    import numpy as np

    from actlab.parts import datasets
    from actlab.runs.engines.build import build_model
    from actlab.spec.config import resolve

    resolved, _ = resolve(config(case))
    assert resolved is not None
    prepared = datasets.prepare(resolved.dataset.name, {}, None)
    images = datasets.load(prepared)
    parameters = resolved.dataset.parameters
    part = datasets.split(images, parameters["train_samples"], parameters["validation"], 0)
    x = np.asarray(images.x_train[part.train], dtype="float32") / 255
    held_out = np.asarray(images.x_train[part.validation], dtype="float32") / 255, images.y_train[part.validation]
    model = build_model(resolved.model_copy(update={"precision": "float32"}), prepared.shape, prepared.classes)
    optimizer = keras.optimizers.Adam() if resolved.optimizer.name == "adam" else keras.optimizers.SGD(0.1)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    seconds = []
    for _ in range(resolved.epochs or 0):
        began = time.perf_counter()
        model.fit(x, images.y_train[part.train], resolved.batch_size, 1, verbose=0, validation_data=held_out)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def _usable() -> list[str]:
    """All cases, but for mixed_bfloat16 on a processor that only emulates it: an epoch would take many minutes."""
    from actlab.environment import slow_bfloat16

    return [case for case in CASES if not (slow_bfloat16() and CASES[case].get("precision"))]


def measure(how: str, case: str, threads: int) -> list[float]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--side", how, "--only", case, "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="folder with mnist.npz and cifar10.npz; or $ACTLAB_DATA_DIR")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(CASES))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--side", choices=["fit", "actlab"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.data_dir:
        os.environ["ACTLAB_DATA_DIR"] = options.data_dir
    if options.side:
        print(json.dumps({"fit": by_fit, "actlab": by_actlab}[options.side](options.only, options.threads)))
        return
    print(f"{machine(os.cpu_count() or 1)}, {options.threads} threads; seconds an epoch, validation included")
    for case in [options.only] if options.only else _usable():
        rounds = [(measure("fit", case, options.threads), measure("actlab", case, options.threads))
                  for _ in range(options.rounds)]  # fmt: skip
        plain, ours = ([statistics.median(side) for side in sides] for sides in zip(*rounds, strict=True))
        ratios = [p / o for p, o in zip(plain, ours, strict=True)]
        print(
            f"{case:24} fit {statistics.median(plain):7.2f} s   actlab {statistics.median(ours):7.2f} s   "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} in {len(ratios)} rounds)",
            flush=True,
        )


if __name__ == "__main__":
    main()
