"""The collected sets: MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100.

The sums of the files are those of the published files. `content` was computed from a full copy of the set, and does
not depend on the order of its images.
"""

from __future__ import annotations

from actlab.parts.datasets.catalogue import DATASETS, DatasetFacts, Published, RemoteFile
from actlab.parts.datasets.formats import read_cifar, read_idx, read_npz

KERAS_STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
CIFAR_STORE = "https://www.cs.toronto.edu/~kriz/"

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FASHION_CLASSES = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


@DATASETS.register(DatasetFacts(
    shape=(28, 28, 1), classes=10, train_images=60_000, test_images=10_000, class_names=tuple("0123456789"),
    source="LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document recognition",
    licence="CC BY-SA 3.0", stand_in="synth_mnist",
))  # fmt: skip
def mnist() -> Published:
    """MNIST: handwritten digits, 28×28 grey."""
    sha256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
    content = {
        "train": "54e1ab866c9484947dd4821c52bb7a43938f555d6b046be6af55247f8e6ffc64",
        "test": "97b756d55950f1841ebd48df7379b9b2fc87a10d63e08d6213dad41d564e8508",
    }
    return Published((RemoteFile("mnist.npz", KERAS_STORE + "mnist.npz", sha256, 11_490_434),), read_npz, content)


@DATASETS.register(DatasetFacts(
    shape=(28, 28, 1), classes=10, train_images=60_000, test_images=10_000, class_names=FASHION_CLASSES,
    source="Xiao, Rasul & Vollgraf 2017, Fashion-MNIST: a novel image dataset, arXiv:1708.07747",
    licence="MIT", stand_in="synth_mnist",
))  # fmt: skip
def fashion_mnist() -> Published:
    """Fashion-MNIST: articles of clothing, 28×28 grey."""
    sums = {
        "train-images-idx3-ubyte": ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
        "train-labels-idx1-ubyte": ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
        "t10k-images-idx3-ubyte": ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
        "t10k-labels-idx1-ubyte": ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
    }
    files = (
        RemoteFile(f"fashion-mnist/{name}.gz", f"{KERAS_STORE}{name}.gz", sha256, size)
        for name, (sha256, size) in sums.items()
    )
    return Published(tuple(files), read_idx)


@DATASETS.register(DatasetFacts(
    shape=(32, 32, 3), classes=10, train_images=50_000, test_images=10_000, class_names=CIFAR10_CLASSES,
    source="Krizhevsky 2009, Learning multiple layers of features from tiny images", stand_in="synth_cifar10",
))  # fmt: skip
def cifar10() -> Published:
    """CIFAR-10: photographs of ten kinds of things, 32×32 colour."""
    file = RemoteFile(
        name="cifar-10-batches-py-target_archive",
        url=CIFAR_STORE + "cifar-10-python.tar.gz",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        bytes=170_498_071,
        earlier_names=("cifar-10-batches-py.tar.gz", "cifar-10-python.tar.gz"),
    )
    content = {
        "train": "6a3b2c04d0a79ce272dcdacaf0bc440275db5a8cbe3717521a28fada2ea0d2ed",
        "test": "65a6ffe079453e514083f99356b35e02cbfd581b4951e3937fae188974b79f39",
    }
    batches = [f"cifar-10-batches-py/{name}" for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")]
    return Published((file,), lambda paths: read_cifar(paths[0], batches[:-1], batches[-1], b"labels"), content)


@DATASETS.register(DatasetFacts(
    shape=(32, 32, 3), classes=100, train_images=50_000, test_images=10_000,
    source="Krizhevsky 2009, Learning multiple layers of features from tiny images",
))  # fmt: skip
def cifar100() -> Published:
    """CIFAR-100: photographs of a hundred kinds of things (the fine labels), 32×32 colour."""
    file = RemoteFile(
        name="cifar-100-python-target_archive",
        url=CIFAR_STORE + "cifar-100-python.tar.gz",
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        bytes=169_001_437,
        earlier_names=("cifar-100-python.tar.gz",),
    )
    folder = "cifar-100-python"
    return Published((file,), lambda paths: read_cifar(paths[0], [f"{folder}/train"], f"{folder}/test", b"fine_labels"))
