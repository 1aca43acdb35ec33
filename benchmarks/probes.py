"""What do the probes cost? An epoch with all of them against the same epoch without.

    python benchmarks/probes.py [--data-dir DIR] [--rounds 15] [--only mnist] [--each]

Both are trained in one process and on one thread, in turns, epoch by epoch, so that what else the machine does falls on
both. An epoch is its training steps, the evaluation of the held-out tenth, and the row of the tables. Of CIFAR-10 it is
a part of 2,880 and 320 images: every cost but that of the row grows with the images, so the share is an upper bound.
Printed are the medians, and the median of the ratios of neighbours, in wall seconds and in CPU seconds. The first epoch
compiles and is left out. `--each` measures every probe by itself too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from plain import machine

CASES: dict[str, dict[str, Any]] = {
    "mnist": {"model": "mnist_dense", "dataset": {"name": "mnist", "validation": 0.1}, "batch_size": 100,
              "optimizer": {"name": "sgd", "learning_rate": 0.1}},
    "cifar10": {"model": "cifar10_cnn", "batch_size": 64, "optimizer": "adam",
                "dataset": {"name": "cifar10", "train_samples": 3_200, "validation": 0.1}},
}  # fmt: skip


@dataclass
class Side:
    """A net in training, with probes or without."""

    engine: Any
    probes: Any
    split: Any
    batch_size: int
    folder: Path
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def epoch(self, number: int) -> None:
        """One more epoch, timed."""
        wall, cpu = time.perf_counter(), time.process_time()
        self._epoch(number)
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)

    def _epoch(self, number: int) -> None:
        from actlab.runs.engines.engine import chunks
        from actlab.runs.folder import append_rows
        from actlab.runs.training import EVALUATION_BATCH

        order = np.random.default_rng([0, number]).permutation(len(self.split.train))
        for batches in chunks(self.split.train[order], self.batch_size, 300):
            self.engine.train(batches)
            self.engine.means()  # waits for the device
        held_out = self.split.validation[: len(order) // 9]  # as many as in an epoch of all images, in proportion
        loss, _, sums = self.engine.look("train", held_out, EVALUATION_BATCH)
        rows, totals = self.probes.row(sums, self.engine.gradient_sums())
        append_rows(self.folder / "layers.csv", rows)
        append_rows(self.folder / "history.csv", [(loss, *totals)])


def side(case: str, probes: Any, folder: Path) -> Side:
    """A case with these probes."""
    from actlab.parts import datasets
    from actlab.parts.probes import Probes
    from actlab.runs.engines import make_group
    from actlab.runs.engines.build import build_model, build_optimizer
    from actlab.runs.engines.engine import Member
    from actlab.spec.config import resolve

    data = {"activation": "relu", "initializer": "he_normal", "epochs": 1, "probes": probes, **CASES[case]}
    config, problems = resolve(data)
    assert config is not None, problems
    prepared = datasets.prepare(config.dataset.name, {}, None)
    images = datasets.load(prepared)
    parameters = config.dataset.parameters
    model = build_model(config, prepared.shape, prepared.classes)
    chosen = Probes(config.probes or [], model)
    arrays = {"train": (images.x_train, images.y_train)}
    engine = make_group([Member(model, build_optimizer(config, model, 1000, 100), chosen)], arrays, "cpu", {})[0]
    split = datasets.split(images, parameters["train_samples"], parameters["validation"], config.seed)
    folder.mkdir()
    return Side(engine, chosen, split, config.batch_size, folder)


def measure(case: str, probes: Any, rounds: int, folder: Path) -> str:
    """Both sides in turns; a line of figures."""
    sides = [side(case, chosen, folder / f"{i}") for i, chosen in enumerate((None, probes))]
    for number in range(rounds + 1):
        for one in sides if number % 2 else sides[::-1]:
            one.epoch(number)
    without, with_probes = sides
    return ", ".join(
        f"{what}: {statistics.median(a[1:]):.3f} s without, {statistics.median(b[1:]):.3f} s with, "
        f"{statistics.median(y / x for x, y in zip(a[1:], b[1:], strict=True)) - 1:+.1%}"
        for what, a, b in (("wall", without.wall, with_probes.wall), ("CPU", without.cpu, with_probes.cpu))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", help="folder with mnist.npz and cifar10.npz; or $ACTLAB_DATA_DIR")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", choices=list(CASES))
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    if options.data_dir:
        os.environ["ACTLAB_DATA_DIR"] = options.data_dir
    from actlab import environment

    os.environ.update(environment.worker_variables(1, "cpu"))
    from actlab.parts.probes import PROBES

    environment.use_device("cpu")
    print(machine(1))
    for case in [options.only] if options.only else CASES:
        for probes in ["all", *([[name] for name in PROBES.names()] if options.each else [])]:
            with TemporaryDirectory() as folder:
                print(f"{case}, {probes}: {measure(case, probes, options.rounds, Path(folder))}", flush=True)


if __name__ == "__main__":
    main()
