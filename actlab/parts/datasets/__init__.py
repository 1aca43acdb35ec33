"""Datasets by name: found, fetched or rendered, verified, and shared by all workers of a machine.

prepared = prepare("mnist", {"offline": "synth_mnist"})     in the parent, without TensorFlow
images = load(prepared)                                     in a worker, memory-mapped
parts = split(images, None, 0.1, seed=0)                    what is trained on, what is held out
"""

from actlab.parts.datasets import csv, images, npz, published, synthetic  # noqa: F401  (they register their members)
from actlab.parts.datasets.catalogue import DATASETS, PARTS, DatasetFacts, Prepared, Published, RemoteFile, Rendered
from actlab.parts.datasets.preparation import Status, prepare, status, verify
from actlab.parts.datasets.split import Images, Split, load, split

__all__ = [
    "DATASETS", "PARTS", "DatasetFacts", "Images", "Prepared", "Published", "RemoteFile", "Rendered", "Split", "Status",
    "load", "prepare", "split", "status", "verify",
]  # fmt: skip
