"""Own data in a folder of images, a folder a class."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from actlab.errors import DatasetError
from actlab.parts.datasets.catalogue import DATASETS, Arrays, Content, Own
from actlab.parts.datasets.formats import file_sha256
from actlab.parts.datasets.own import OWN, check_size, drawn, plain, unread, with_labels

VERSION = 1  # raise it with every change of what comes out
FORMATS = ("PNG", "JPEG", "BMP", "PPM")  # of Pillow's many, those that data sets come in
NO_DATA = {"thumbs.db", "desktop.ini"}  # what systems put into folders of images; files that begin with a dot, too
GREY = {"1", "L"}
COLOUR = {"P", "RGB", "RGBX", "RGBA", "LA", "PA", "CMYK", "YCbCr"}
MOST_PIXELS = 2**26  # of one image: a small file must not fill the memory
THREADS = 4
Side = Annotated[int, Field(ge=1, le=4096)]


@DATASETS.register(OWN)
def images(
    *, images: str, size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None,
    test: Annotated[float, Field(gt=0, lt=1)] | None = None, seed: Annotated[int, Field(ge=0)] = 0,
    content: Content | None = None,
) -> Own:  # fmt: skip
    """Your own images in a folder: train/CLASS/* and test/CLASS/*, or CLASS/* with `test: 0.2`.

    PNG, JPEG, BMP and PPM. Grey if all are grey, else RGB. In the order of their names, so that `train_choice: first`
    takes those of the first classes.

    Args:
        images: the folder, relative to the config file.
        size: height and width to which each image is resized (bilinear); needed where they differ.
        test: the part of each class that is the test set, drawn from `seed`, where there are no train/ and test/.
        seed: of that draw; not the run's seed, so that every run of a sweep is tested on the same images.
        content: what was found in it.
    """
    how = {"images": VERSION, "size": size, "test": test, "seed": seed}
    return Own(_sum, partial(read, size=size, test=test, seed=seed), how)


Found = list[tuple[str, Path]]  # class and file of each image, by class and name


def read(path: Path, size: list[int] | None, test: float | None, seed: int) -> tuple[Arrays, dict[str, Any]]:
    """The images of a folder, and the labels of its classes.

    Raises:
        DatasetError: the folder is built otherwise, or a file is no whole image.
    """
    parts = _parts(path)
    if "train" not in parts and test is None:
        raise DatasetError(f"{path}: has no folders train and test; `test: 0.2` draws a fifth of each class to test on")
    if "train" in parts and test is not None:
        raise DatasetError(f"{path}: has the folders train and test; leave `test` out")
    with warnings.catch_warnings():  # of sizes, which are checked here, and of metadata, which nobody reads
        warnings.simplefilter("ignore")
        x, y = _pixels(path, parts, size)
    if test is not None:
        chosen = drawn(path, y[""], "the folder", test, seed)
        x, y = ({"train": of[""][~chosen], "test": of[""][chosen]} for of in (x, y))
    places = {split: f"the folder {split}" if test is None else "the folder" for split in ("train", "test")}
    arrays, labels = with_labels(path, x, y, places)
    return arrays, {"labels": labels}


def _sum(path: Path) -> str:
    """sha256 over the name and the sha256 of each file."""
    files = [file for found in _parts(path).values() for _, file in found]
    digest = hashlib.sha256()
    with ThreadPoolExecutor(THREADS) as pool:
        for file, sha256 in zip(files, pool.map(file_sha256, files), strict=True):
            name = str(file.relative_to(path)).encode("utf-8", "surrogateescape")
            digest.update(len(name).to_bytes(4, "big") + name + sha256.encode())
    return digest.hexdigest()


def _parts(path: Path) -> dict[str, Found]:
    """The images under train/ and test/, by these names; or all of them under ""."""
    if not path.is_dir():
        why = "is a file; the folder of the images is needed" if path.exists() else "there is no such folder"
        raise DatasetError(f"{path}: {why}")
    names = [entry.name for entry in _entries(path, path)]
    if "train" not in names and "test" not in names:
        if sorted(map(str.lower, names)) == ["test", "train"]:
            raise DatasetError(f"{path}: has the folders {' and '.join(names)}; call them train and test")
        return {"": _classes(path, path)}
    if set(names) != {"train", "test"}:
        other = [name for name in names if name not in ("train", "test")]
        has = f"{plain(other[0])!r} beside the folders train and test" if other else f"a folder {names[0]} alone"
        raise DatasetError(f"{path}: has {has}; train and test it should hold, or folders of classes")
    return {part: _classes(path, path / part) for part in ("train", "test")}


def _classes(root: Path, folder: Path) -> Found:
    found: Found = []
    for of_class in _entries(root, folder):
        if not of_class.is_dir():
            raise DatasetError(f"{of_class}: is a file; each image lies in the folder of its class")
        files = list(_entries(root, of_class))
        if not files:
            raise DatasetError(f"{of_class}: is empty; remove the folder, or put images of its class there")
        if wrong := next((file for file in files if not file.is_file()), None):
            raise DatasetError(f"{wrong}: is no file; the folder of a class holds images only")
        found += [(plain(of_class.name), file) for file in files]
    if not found:
        raise DatasetError(f"{folder}: is empty; folders of classes are needed there, with their images")
    return found


def _entries(root: Path, folder: Path) -> Iterator[Path]:
    """What lies in a folder, by name, and within the root: a link out of it may lead to what was not to be read."""
    if not folder.is_dir():
        raise DatasetError(f"{folder}: is a file; a folder is needed")
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise unread(folder, "cannot be read", error) from error
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in NO_DATA:
            continue
        if entry.is_symlink():
            try:
                inside = entry.resolve(strict=True).is_relative_to(root.resolve())
            except (OSError, RuntimeError):
                inside = False
            if not inside:
                raise DatasetError(f"{entry}: is a link out of {root.name}, or to nothing; put a copy in its place")
        yield entry


def _pixels(
    path: Path, parts: dict[str, Found], size: list[int] | None
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Images, (n, height, width, channels) uint8, and labels of each part; all headers are looked at first."""
    files = [file for found in parts.values() for _, file in found]
    with ThreadPoolExecutor(THREADS) as pool:
        headers = list(pool.map(_header, files))
        shapes = {shape: file for file, (shape, _) in zip(files, headers, strict=True)}
        if size is None and len(shapes) > 1:
            few = " and ".join(f"{file.relative_to(path)} is {h}×{w}" for (h, w), file in list(shapes.items())[:2])
            raise DatasetError(f"{path}: the images differ in size: {few}; `size: [height, width]` makes them one")
        height, width = size or next(iter(shapes))
        channels = 1 if all(is_grey for _, is_grey in headers) else 3
        check_size(path, len(files) * height * width * channels)
        x = {part: np.empty((len(found), height, width, channels), np.uint8) for part, found in parts.items()}
        for part, found in parts.items():
            decode = partial(_decoded, height=height, width=width, channels=channels)
            for row, pixels in enumerate(pool.map(decode, [file for _, file in found])):
                x[part][row] = pixels
    return x, {part: np.array([label for label, _ in found], dtype=str) for part, found in parts.items()}


def _header(file: Path) -> tuple[tuple[int, int], bool]:
    """Height and width of an image, as it is to be seen, and whether it is grey."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=FORMATS) as image:
            width, height = image.size
            mode, turned = image.mode, image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except Image.DecompressionBombError:
        width = height = MOST_PIXELS
        mode, turned = "L", False
    except UnidentifiedImageError:
        raise DatasetError(f"{file}: is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image") from None
    except Exception as error:  # whatever a decoder of Pillow makes of the bytes
        raise unread(file, "is no whole image", error) from error
    if width * height > MOST_PIXELS:
        size = f"{width}×{height} pixels" if width < MOST_PIXELS else "too many pixels"
        raise DatasetError(f"{file}: has {size}; at most {MOST_PIXELS / 1e6:.0f} million are read")
    if mode not in GREY | COLOUR:
        raise DatasetError(f"{file}: its pixels are of Pillow's mode {mode}; 8 bits a channel are needed")
    return ((width, height) if turned else (height, width)), mode in GREY


def _decoded(file: Path, height: int, width: int, channels: int) -> NDArray[np.uint8]:
    """The pixels of an image, (height, width, channels)."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file, formats=FORMATS) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data and np.asarray(upright.convert("RGBA"))[..., 3].min() < 255:
                raise DatasetError(f"{file}: has transparent pixels; put the image on a background")
            plainly = upright.convert("L" if channels == 1 else "RGB")
            if plainly.size != (width, height):
                plainly = plainly.resize((width, height), Image.Resampling.BILINEAR)
            return np.asarray(plainly, np.uint8).reshape(height, width, channels)
    except DatasetError:
        raise
    except Exception as error:  # as above
        raise unread(file, "is no whole image", error) from error
