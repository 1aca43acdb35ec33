"""What a dataset is, and the registry of them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from numpy.typing import NDArray
from pydantic import BaseModel, Field

from actlab.registry import Registry
from actlab.spec.part import STRICT

PARTS = ("x_train", "y_train", "x_test", "y_test")

# by the names in PARTS: images uint8 (n, height, width, channels) or vectors float32 (n, features), labels int32 (n,)
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class DatasetFacts:
    """What is known of a dataset before it is read.

    Args:
        shape: of one image: height, width, channels; empty for own data, which says so itself (`Content`).
        class_names: in the order of the labels; empty where there are too many to be listed.
        classes: number of classes; labels run from 0 to classes - 1.
        train_images, test_images: how many there are (for a rendered set: at most).
        source: who made it and where that is described.
        licence: the terms that its makers state; None where they state none.
        synthetic: rendered by this package rather than collected.
        stand_in: the rendered set to name under `offline` where this one cannot be had.
        look: of own data, which is a file or folder that the config names: from the resolved part and that file to its
            `Content`, as plain data. None where the set is known by its name.
    """

    shape: tuple[int, ...]
    classes: int
    train_images: int
    test_images: int
    source: str
    licence: str | None = None
    class_names: tuple[str, ...] = ()
    synthetic: bool = False
    stand_in: str | None = None
    look: Callable[[Mapping[str, Any], Path], dict[str, Any]] | None = None


class Content(BaseModel):
    """What is in own data: the identity of a run depends on it, and not on the file's place.

    Args:
        sha256: of the arrays that are trained on (`formats.set_sha256`), and of labels and statistics that they lack.
        shape: of one image: height, width, channels; or of one vector: its length.
        classes: number of classes.
        train_images, test_images: how many there are, or how many vectors.
    """

    model_config = STRICT
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    shape: Annotated[list[int], Field(min_length=1, max_length=3)]
    classes: Annotated[int, Field(ge=2)]
    train_images: Annotated[int, Field(ge=1)]
    test_images: Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class RemoteFile:
    """One published file.

    Args:
        name: where Keras keeps it, below its `datasets` folder.
        url: where it is published.
        sha256: of the published file.
        bytes: its size.
        earlier_names: where former versions of Keras kept the same file.
    """

    name: str
    url: str
    sha256: str
    bytes: int
    earlier_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """A collected set: the files to download, how to read them, and the sums of its content.

    Args:
        files: what is downloaded.
        read: from the paths of `files`, in that order, to arrays.
        content: split ("train", "test") to `formats.content_sha256`; empty where none is known.
    """

    files: tuple[RemoteFile, ...]
    read: Callable[[list[Path]], Arrays]
    content: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rendered:
    """A synthetic set: the function that renders it, and all that its content depends on here.

    Args:
        render: makes the arrays.
        recipe: version of the renderer and its parameters, by which a cached rendering is found again.
    """

    render: Callable[[], Arrays]
    recipe: Mapping[str, int]


@dataclass(frozen=True)
class Own:
    """A set of the user's own.

    Args:
        sum: from its place to the sha256 of all bytes that `read` reads there.
        read: from its place to the arrays, and to what besides goes into the record: labels, means and the like.
        how: all that, besides those bytes, its arrays depend on.
    """

    sum: Callable[[Path], str]
    read: Callable[[Path], tuple[Arrays, dict[str, Any]]]
    how: Mapping[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A dataset that lies verified on this machine, ready to be memory-mapped by any number of workers.

    Args:
        name: the registered name of what lies there, that of the stand-in where one is used; of own data the file's.
        folder: where the arrays are.
        sha256: of all arrays in order (`formats.set_sha256`).
        shape: of one image: height, width, channels; or of one vector: its length.
        classes: number of classes.
        train_images, test_images: how many there are.
        origin: what it was made from, for a person.
        checked: what the content was checked against, for a person.
        stand_in_for: the name of the set that was asked for and could not be had; None where it was had.
        stand_in_reason: why it could not be had; empty where it was.
        about: of own data, what its reader found besides the arrays: the labels of the classes, and the like.
    """

    name: str
    folder: Path
    sha256: str
    shape: tuple[int, ...]
    classes: int
    train_images: int
    test_images: int
    origin: str
    checked: str
    stand_in_for: str | None = None
    stand_in_reason: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)


def every_dataset(
    *,
    offline: str | None = None,
    train_samples: Annotated[int, Field(gt=0)] | None = None,
    train_choice: Literal["first"] | None = None,
    validation: Annotated[float, Field(gt=0, lt=1)] | Literal["test"] = 0.1,
) -> None:
    """Parameters that every dataset takes.

    Args:
        offline: the rendered set to use, and to record, where this one cannot be had.
        train_samples: how many training images to use; all where None.
        train_choice: which ones: drawn from the run's seed where None; "first" takes the first ones of the set that
            are not held out, as many tutorials do.
        validation: the part of the training images that is held out, drawn from the run's seed; or "test", which
            validates on the test images, as some published set-ups do.
    """


DATASETS: Registry[DatasetFacts] = Registry("dataset", shared=every_dataset)
