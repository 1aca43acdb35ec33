"""What a careful user would write instead of actlab, in plain Keras and in plain PyTorch; and the machine's limit.

python benchmarks/plain.py {keras,torch,torch_loader} {mnist,cifar10} EPOCHS ACTIVATION:SEED...
"""

from __future__ import annotations

import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MNIST_EPOCHS = 10


def timed(command: list[str]) -> float:
    """Wall seconds of a whole process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def has_torch(python: str) -> bool:
    """Whether an interpreter can import PyTorch."""
    return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0


def machine(cores: int) -> str:
    """The machine in words."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{name}, {cores} core{'' if cores == 1 else 's'}, {platform.system()}"


def peak_gflops(threads: int, processes: int, shapes: list[tuple[int, int, int]]) -> float:
    """The most GFLOP/s that TensorFlow's matrix products reach, in so many processes of so many threads at once.

    The limit for a training whose arithmetic is matrix products and nothing else: the best of many short times, of
    the training's own shapes and of a large square.
    """
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        return float(sum(pool.starmap(_peak, [(threads, [*shapes, (1024, 1024, 1024)])] * processes)))


def _peak(threads: int, shapes: list[tuple[int, int, int]]) -> float:
    from actlab.environment import worker_variables

    os.environ.update({**worker_variables(threads, "cpu"), "TF_CPP_MIN_LOG_LEVEL": "3"})
    import tensorflow as tf

    @tf.function
    def products(a: Any, b: Any, count: Any) -> Any:
        total = 0.0
        for _ in tf.range(count):
            total += tf.matmul(a, b)[0, 0]
        return total

    best = 0.0
    for _ in range(12):
        for m, k, n in shapes:
            a, b = tf.random.normal((m, k)), tf.random.normal((k, n))
            count = max(1, int(1e10 / (2 * m * k * n)))  # about a tenth of a second
            products(a, b, tf.constant(1))
            began = time.perf_counter()
            products(a, b, tf.constant(count)).numpy()
            best = max(best, count * 2 * m * k * n / (time.perf_counter() - began) / 1e9)
    return best


def peak_memory_gib() -> float:
    """Of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def images(dataset: str) -> tuple[Any, Any, Any, Any]:
    """Scaled float32 images and labels, training and validation."""
    import numpy as np

    with np.load(Path(os.environ["ACTLAB_DATA_DIR"]) / f"{dataset}.npz") as data:
        x, y = data["x_train"], data["y_train"].reshape(-1)
    x = (x.reshape(len(x), *x.shape[1:3], -1) / 255).astype("float32")
    count = int(os.environ.get("PLAIN_IMAGES", {"mnist": 54_000, "cifar10": 12_800}[dataset]))
    held_out = slice(54_000, 60_000) if dataset == "mnist" else slice(12_800, 15_300)
    return x[:count], y[:count], x[held_out], y[held_out]


# --- Keras -----------------------------------------------------------------------------------------------------


def keras_model(dataset: str, activation: str) -> Any:
    import keras

    layers = keras.layers
    if dataset == "mnist":
        hidden = [layers.Flatten(), layers.Dense(256, activation)]
    else:
        hidden = []
        for filters in (32, 64):
            hidden.append(layers.Conv2D(filters, 3, padding="same", activation=activation))
            hidden.append(layers.Conv2D(filters, 3, activation=activation))
            hidden += [layers.MaxPooling2D(), layers.Dropout(0.25)]
        hidden += [layers.Flatten(), layers.Dense(512, activation), layers.Dropout(0.5)]
    return keras.Sequential([*hidden, layers.Dense(10, "softmax")])


def by_keras(dataset: str, epochs: int, runs: list[str]) -> None:
    import keras

    x, y, x_val, y_val = images(dataset)
    for run in runs:
        activation, _, seed = run.partition(":")
        keras.backend.clear_session()
        keras.utils.set_random_seed(int(seed))
        model = keras_model(dataset, activation)
        optimizer, batch = (keras.optimizers.SGD(0.1), 100) if dataset == "mnist" else ("adam", 64)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch, epochs, verbose=0, validation_data=(x_val, y_val))


# --- PyTorch ---------------------------------------------------------------------------------------------------


def torch_model(dataset: str, activation: str) -> Any:
    from torch import nn

    act = {"relu": nn.ReLU, "leaky_relu": lambda: nn.LeakyReLU(0.2), "softplus": nn.Softplus}[activation]
    if dataset == "mnist":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 256), act(), nn.Linear(256, 10))
    hidden: list[Any] = []
    for before, filters in ((3, 32), (32, 64)):
        hidden += [nn.Conv2d(before, filters, 3, padding=1), act(), nn.Conv2d(filters, filters, 3), act(),
                   nn.MaxPool2d(2), nn.Dropout(0.25)]  # fmt: skip
    return nn.Sequential(*hidden, nn.Flatten(), nn.Linear(2304, 512), act(), nn.Dropout(0.5), nn.Linear(512, 10))


def by_torch(dataset: str, epochs: int, runs: list[str], loader: bool = False) -> None:
    """All runs one after the other; the batches drawn by hand from tensors, or by a DataLoader as the tutorials do."""
    import torch

    x, y, x_val, y_val = (torch.as_tensor(array) for array in images(dataset))
    x, x_val = (pixels.permute(0, 3, 1, 2).contiguous() for pixels in (x, x_val))
    y, y_val = y.long(), y_val.long()
    for run in runs:
        activation, _, seed = run.partition(":")
        torch.manual_seed(int(seed))
        model = torch_model(dataset, activation)
        weights, batch = model.parameters(), 100 if dataset == "mnist" else 64
        optimizer = torch.optim.SGD(weights, 0.1) if dataset == "mnist" else torch.optim.Adam(weights)
        for _ in range(epochs):
            model.train()
            for pixels, labels in loaded(x, y, batch) if loader else drawn(x, y, batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(pixels), labels).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                hits = [(model(a).argmax(1) == b).sum() for a, b in parts(x_val, y_val)]
            print(f"{run}: {int(sum(hits)) / len(y_val):.4f}")


def drawn(x: Any, y: Any, batch: int) -> Any:
    """Shuffled batches, each taken from the whole by one indexing."""
    import torch

    return ((x[indices], y[indices]) for indices in torch.randperm(len(x)).split(batch))


def loaded(x: Any, y: Any, batch: int) -> Any:
    """The same by PyTorch's own classes, with their defaults."""
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(x, y), batch, shuffle=True)


def parts(x: Any, y: Any) -> Any:
    return zip(x.split(500), y.split(500), strict=True)


def by_torch_loader(dataset: str, epochs: int, runs: list[str]) -> None:
    by_torch(dataset, epochs, runs, loader=True)


WAYS = {"keras": by_keras, "torch": by_torch, "torch_loader": by_torch_loader}

if __name__ == "__main__":
    WAYS[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    print(f"peak memory {peak_memory_gib():.2f} GiB")
