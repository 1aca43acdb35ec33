"""The user's own data: what is read, what is refused and how that is told, and what is kept of it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from actlab.errors import DatasetError
from actlab.parts.datasets import load, own, prepare
from actlab.parts.datasets.catalogue import PARTS, Arrays, Prepared
from actlab.parts.datasets.own import look
from actlab.parts.datasets.store import cache_folder
from actlab.registry import find
from actlab.spec.part import resolve_part


def prepared(part: Mapping[str, Any], place: Path) -> Prepared:
    """As `run` does: its content is found out, and then it is prepared."""
    resolved, problems = resolve_part("dataset", part, ())
    assert resolved is not None, problems
    return prepare(resolved["name"], {**resolved, "content": look(resolved, place)}, place=place)


def refused(part: Mapping[str, Any], place: Path) -> str:
    """Why own data is refused; the message is one line, and begins with the path."""
    with pytest.raises(DatasetError) as error:
        prepared(part, place)
    message = str(error.value)
    assert message.startswith(str(place)) and "\n" not in message
    return message.removeprefix(str(place))


# --- npz -------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(5)
GOOD: dict[str, Any] = {
    "x_train": RNG.integers(0, 256, (40, 6, 5), dtype=np.uint8), "y_train": np.arange(40) % 4,
    "x_test": RNG.integers(0, 256, (10, 6, 5), dtype=np.uint8), "y_test": np.arange(10) % 4,
}  # fmt: skip
VECTORS = {"x_train": RNG.normal(size=(40, 7)), "x_test": RNG.normal(size=(10, 7))}


def saved(path: Path, **changes: Any) -> Path:
    np.savez(path, **{name: array for name, array in {**GOOD, **changes}.items() if array is not None})
    return path


def test_the_published_arrays_as_own_data_are_the_published_set(tiny_npz: Path, tiny_arrays: Arrays) -> None:
    published = prepare("tiny", data_dir=tiny_npz.parent)
    mine = prepared({"npz": "any"}, tiny_npz)
    assert (mine.sha256, mine.shape, mine.classes) == (published.sha256, published.shape, published.classes)
    assert mine.about == {"labels": sorted(set(tiny_arrays["y_train"].tolist()))} and mine.name == "tiny.npz"
    for part in PARTS:
        np.testing.assert_array_equal(getattr(load(mine), part), getattr(load(published), part))


def test_mnist_as_own_data_is_mnist(real_data: Path) -> None:
    mine = prepared({"npz": "any"}, real_data / "mnist.npz")
    assert mine.sha256 == prepare("mnist", data_dir=real_data).sha256


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ([7, -3, 2**40, 0], [-3, 0, 7, 2**40]),
        (["dog", "cat", "é\x1b", ""], ["", "cat", "dog", "é\x1b"]),
        ([b"b", b"\xff", b"c", b"a"], ["\\xff", "a", "b", "c"]),
        ([True, False, True, False], [0, 1]),
    ],
    ids=["integers", "text", "bytes", "booleans"],
)
def test_labels_of_any_kind_are_numbered_in_their_order(labels: list[Any], named: list[Any], tmp_path: Path) -> None:
    array = np.array(labels)
    mine = prepared({"npz": "x"}, saved(tmp_path / "x.npz", y_train=array[GOOD["y_train"]], y_test=array[[1, 3] * 5]))
    assert mine.about["labels"] == named
    spelt = [name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name for name in labels]
    assert [named[number] for number in load(mine).y_train[:4]] == spelt


def test_vectors_are_taken_as_they_are(tmp_path: Path) -> None:
    mine = prepared({"npz": "x"}, saved(tmp_path / "x.npz", **VECTORS))
    assert mine.shape == (7,)
    np.testing.assert_array_equal(load(mine).x_train, VECTORS["x_train"].astype(np.float32))


WRONG_NPZ: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"y_test": None}, ": no array 'y_test'; needed are x_train, y_train, x_test, y_test; it has x_train"),
    "unequal": ({"y_train": GOOD["y_train"][1:]}, ": x_train has 40 rows and y_train 39"),
    "one class": ({"y_train": np.zeros(40, int)}, ": y_train holds one class only, 0; two are needed"),
    "empty": ({"x_test": GOOD["x_test"][:0], "y_test": GOOD["y_test"][:0]}, ": y_test is empty"),
    "nan": ({**VECTORS, "x_test": np.full((10, 7), np.nan)}, ": x_test[0, 0] is nan; finite numbers are needed"),
    "too large": ({**VECTORS, "x_test": np.full((10, 7), 1e300)}, ": x_test[0, 0] is 1e+300"),
    "objects": ({"x_train": np.array([*[np.zeros(3)] * 39, np.zeros(2)], object)}, ": x_train is an array of"),
    "object labels": ({"y_train": np.array([1, "a"] * 20, object)}, ": y_train is an array of Python objects"),
    "float labels": ({"y_train": GOOD["y_train"] / 2}, ": y_train has shape (40,) and dtype float64; labels are whole"),
    "one-hot": ({"y_train": np.eye(4)[GOOD["y_train"]]}, "one-hot rows have y_train.argmax(axis=1)"),
    "absent label": ({"y_test": np.arange(10)}, ": y_test has the label 4 and 5 more, which no training example has"),
    "mixed labels": ({"y_test": np.array(["a", "b"] * 5)}, ": y_train and y_test: one holds numbers, the other text"),
    "channels first": ({"x_train": np.zeros((40, 3, 8, 8), np.uint8)}, "come last: x_train.transpose(0, 2, 3, 1)"),
    "float images": ({"x_train": GOOD["x_train"] / 255}, "dtype float64; needed are images"),
    "unlike": ({"x_test": np.zeros((10, 6, 6), np.uint8)}, ": x_train of 6×5×1 uint8 and x_test of 6×6×1 uint8"),
    "many classes": (
        {"x_train": np.zeros((20_000, 6, 5), np.uint8), "y_train": np.arange(20_000)}, "y_train holds 20,000 different"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_NPZ)
def test_what_is_wrong_with_arrays_is_one_message(case: str, tmp_path: Path) -> None:
    changes, expected = WRONG_NPZ[case]
    assert expected in refused({"npz": "x"}, saved(tmp_path / "x.npz", **changes))
    assert not list(cache_folder().glob("npz-*"))


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npz")
    whole = bytearray(path.read_bytes())
    for broken in (b"", b"no archive", whole[:-300]):
        path.write_bytes(broken)
        assert "is no .npz file; np.savez(" in refused({"npz": "x"}, path)
    whole[400] ^= 255
    path.write_bytes(whole)
    assert "Bad CRC-32" in refused({"npz": "x"}, path)
    assert "; did you mean 'x.npz'?" in refused({"npz": "x"}, tmp_path / "x.npy")
    assert "does not exist; a path is relative to the config file" in refused({"npz": "x"}, tmp_path / "q" / "other")
    assert refused({"npz": "x"}, tmp_path) == ": is a folder; a file is needed"
    os.mkfifo(tmp_path / "pipe")  # which nobody writes: to open it would wait for ever
    assert refused({"npz": "x"}, tmp_path / "pipe") == ": is no regular file; a file is needed"


def _archive(path: Path, x_train: bytes, size: int) -> Path:
    """A file whose x_train claims `size` bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in PARTS:
            member = io.BytesIO()
            np.lib.format.write_array(member, GOOD[part])
            archive.writestr(f"{part}.npy", x_train if part == "x_train" else member.getvalue())
    return path


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 8, 8)})
    lying = _archive(tmp_path / "lying.npz", header.getvalue(), 0)
    assert ": x_train cannot be read as an array: " in refused({"npz": "x"}, lying)
    monkeypatch.setattr(own, "usable_memory_gib", lambda: 0.01)
    bomb = _archive(tmp_path / "bomb.npz", header.getvalue() + bytes(2**24), 0)
    assert bomb.stat().st_size < 30_000
    assert "reading it takes 0.0 GB of memory or more" in refused({"npz": "x"}, bomb)


# --- images ------------------------------------------------------------------------------------------------------


def picture(path: Path, height: int = 6, width: int = 5, mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(sum(map(ord, path.name))).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Ten images of two classes."""
    for name in ("cat", "dog"):
        for number in range(5):
            picture(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


DRAWN = {"images": "pets", "test": 0.2}


def test_a_folder_of_images_is_read_class_by_class(pets: Path) -> None:
    mine = prepared(DRAWN, pets)
    images = load(mine)
    assert (mine.shape, mine.classes, mine.train_images, mine.test_images) == ((6, 5, 3), 2, 8, 2)
    assert mine.about == {"labels": ["cat", "dog"]} and images.y_test.tolist() == [0, 1]
    everything = [np.asarray(Image.open(path)).tobytes() for path in sorted(pets.glob("*/*"))]
    assert sorted(image.tobytes() for of in (images.x_train, images.x_test) for image in of) == sorted(everything)
    assert prepared({**DRAWN, "seed": 1}, pets).sha256 != mine.sha256 != prepared({**DRAWN, "test": 0.4}, pets).sha256


def test_train_and_test_may_be_folders(pets: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            picture(tmp_path / "parted" / part / name / "1.png")
    (tmp_path / "parted" / "train" / "cat" / ".hidden").write_text("no image")
    assert prepared({"images": "x"}, tmp_path / "parted").test_images == 2
    assert "leave `test` out" in refused(DRAWN, tmp_path / "parted")
    assert "`test: 0.2` draws a fifth of each class" in refused({"images": "x"}, pets)
    picture(tmp_path / "parted" / "test" / "cow" / "1.png")
    assert ": the folder test has the label 'cow', which no" in refused({"images": "x"}, tmp_path / "parted")
    pets.rename(tmp_path / "parted" / "more")
    assert ": has 'more' beside the folders train and test" in refused({"images": "x"}, tmp_path / "parted")


def test_images_of_several_sizes_and_kinds_are_made_alike(pets: Path) -> None:
    picture(pets / "cat" / "grey.png", 8, 8, "L")
    picture(pets / "cat" / "palette.png", 9, 7, "P")
    picture(pets / "dog" / "opaque.png", mode="RGBA")
    picture(pets / "dog" / "photo.jpg")
    picture(pets / "dog" / "old.bmp")
    picture(pets / "dog" / "plain.ppm")
    message = refused(DRAWN, pets)
    assert "the images differ in size: dog/plain.ppm is 6×5 and cat/grey.png is 8×8; `size: [height, width]`" in message
    assert prepared({**DRAWN, "size": [4, 3]}, pets).shape == (4, 3, 3)


def test_grey_images_have_one_channel_and_photographs_stand_upright(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(2):
            picture(tmp_path / "f" / name / f"{number}.png", mode="L")
    assert prepared(DRAWN, tmp_path / "f").shape == (6, 5, 1)
    turned, exif = Image.new("L", (6, 5)), Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side
    turned.save(tmp_path / "f" / "a" / "photo.jpg", exif=exif)
    assert prepared(DRAWN, tmp_path / "f").shape == (6, 5, 1)


def _png(side: int) -> bytes:
    """The beginning of a black image of side × side pixels, a bit each: what it claims is refused before it is read."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), bytes(1 + (side + 7) // 8)
    data = b"".join([*(packer.compress(row) for _ in range(50)), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _link(path: Path, to: str) -> None:
    path.symlink_to(to)


WRONG_IMAGES: dict[str, tuple[Any, str]] = {
    "bomb": (lambda f: (f / "cat" / "x.png").write_bytes(_png(50_000)), "/cat/x.png: has too many pixels; at most 67"),
    "large": (lambda f: (f / "cat" / "x.png").write_bytes(_png(9_000)), "/cat/x.png: has 9000×9000 pixels; at most 67"),
    "cut": (lambda f: os.truncate(f / "cat" / "0.png", 80), "/cat/0.png: is no whole image: image file is truncated"),
    "text": (lambda f: (f / "cat" / "x.png").write_text("no"), "/cat/x.png: is no PNG, JPEG, BMP or PPM image"),
    "other format": (lambda f: picture(f / "cat" / "x.gif"), "/cat/x.gif: is no PNG, JPEG, BMP or PPM image"),
    "16 bits": (lambda f: Image.fromarray(np.zeros((6, 5), np.uint16)).save(f / "cat" / "x.png"), "mode I;16; 8 bits"),
    "transparent": (lambda f: Image.new("RGBA", (5, 6)).save(f / "cat" / "x.png"), "/cat/x.png: has transparent"),
    "link out": (lambda f: _link(f / "cat" / "x.png", "/etc/hostname"), "/cat/x.png: is a link out of pets"),
    "folder link": (lambda f: _link(f / "etc", "/etc"), "/etc: is a link out of pets, or to nothing"),
    "broken link": (lambda f: _link(f / "cat" / "x.png", "x.png"), "/cat/x.png: is a link out of pets, or to"),
    "pipe": (lambda f: os.mkfifo(f / "cat" / "x.png"), "/cat/x.png: is no file; the folder of a class holds images"),
    "file beside": (lambda f: (f / "x.txt").write_text("no"), "/x.txt: is a file; each image lies in the"),
    "folder within": (lambda f: (f / "cat" / "x").mkdir(), "/cat/x: is no file; the folder of a class"),
    "empty class": (lambda f: (f / "cow").mkdir(), "/cow: is empty; remove the folder"),
    "one image": (lambda f: picture(f / "cow" / "1.png"), ": the class 'cow' has one example"),
    "one class": (lambda f: (f / "dog").rename(f / "cat" / ".dog"), ": the folder holds one class only, 'cat'"),
    "capitals": (
        lambda f: ((f / "cat").rename(f / "Test"), (f / "dog").rename(f / "Train")),
        ": has the folders Test and Train; call them train and test",
    ),
    "no test": (
        lambda f: ((f / "cat").rename(f / "train"), (f / "dog").rename(f / ".dog")), ": has a folder train alone"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_IMAGES)
def test_what_is_wrong_with_a_folder_is_one_message(case: str, pets: Path) -> None:
    spoil, expected = WRONG_IMAGES[case]
    spoil(pets)
    assert expected in refused(DRAWN, pets)
    assert not list(cache_folder().glob("images-*"))


def test_a_link_within_the_folder_is_followed(pets: Path) -> None:
    _link(pets / "cat" / "again.png", "../dog/0.png")
    assert prepared(DRAWN, pets).train_images == 9
    assert refused(DRAWN, pets.parent / "none") == ": there is no such folder"
    (pets.parent / "bare").mkdir()
    assert ": is empty; folders of classes are needed there" in refused(DRAWN, pets.parent / "bare")


def test_names_that_no_terminal_takes_are_spelt_out(pets: Path) -> None:
    for number in range(2):
        picture(pets / os.fsdecode(b"\xff\x1b[31m") / f"{number}.png")
    assert prepared(DRAWN, pets).about == {"labels": ["\\xff\x1b[31m", "cat", "dog"]}


# --- csv ---------------------------------------------------------------------------------------------------------

ROWS = "".join(f"{n},{n * n / 4},{'ab'[n % 2]}\n" for n in range(20))
TABLE = f"u,v,kind\n{ROWS}"
LABELLED = {"csv": "t.csv", "label": "kind"}


def table(folder: Path, text: str | bytes = TABLE) -> Path:
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_is_standardised_by_its_training_rows(tmp_path: Path) -> None:
    mine = prepared(LABELLED, table(tmp_path))
    images, about = load(mine), mine.about
    assert (mine.shape, mine.train_images, mine.test_images) == ((2,), 16, 4)
    np.testing.assert_allclose(images.x_train.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(images.x_train.std(axis=0), 1, rtol=1e-6)
    assert about["labels"] == ["a", "b"] and about["columns"] == ["u", "v"]
    rows = {}
    for of, y in ((images.x_train, images.y_train), (images.x_test, images.y_test)):
        for row, label in zip(of * about["deviation"] + about["mean"], y, strict=True):
            rows[round(float(row[0]))] = (float(row[1]), "ab"[label])
    expected = {n: (n * n / 4, "ab"[n % 2]) for n in range(20)}
    assert rows.keys() == expected.keys()
    assert all(rows[n] == (pytest.approx(v, abs=1e-4), label) for n, (v, label) in expected.items())
    assert sorted(images.y_test.tolist()) == [0, 0, 1, 1]  # of each class the same part


@pytest.mark.parametrize(
    "same", [TABLE[:-1], TABLE.replace("\n", "\r\n"), "\ufeff" + TABLE, TABLE.replace(",", ", "), TABLE + "\n"],
    ids=["no last line feed", "carriage returns", "byte order mark", "spaces", "empty line"],
)  # fmt: skip
def test_what_only_looks_different_is_the_same_data(same: str, tmp_path: Path) -> None:
    first = prepared(LABELLED, table(tmp_path))
    assert prepared(LABELLED, table(tmp_path, same)).sha256 == first.sha256


def test_whole_numbers_are_ordered_as_numbers_and_a_constant_column_is_nought(tmp_path: Path) -> None:
    text = "u,kind\n" + "".join(f"5,{label}\n" for label in (10, 9, -1) * 4)
    mine = prepared(LABELLED, table(tmp_path, text))
    assert mine.about == {"labels": [-1, 9, 10], "columns": ["u"], "mean": [5.0], "deviation": [0.0]}
    assert not load(mine).x_train.any()


WRONG_TABLES: dict[str, tuple[str | bytes, str]] = {
    "no column": (TABLE.replace("kind", "kinds"), ": no column 'kind'; did you mean 'kinds'?"),
    "no header": (ROWS, ": no column 'kind'; it has '0', '0.0', 'a'"),
    "semicolons": (TABLE.replace(",", ";"), ": has one column only, 'u;v;kind'; separate"),
    "text": (TABLE + "1,Berlin,a\n", ": row 21 below the first line: the column 'v' is 'Berlin'; all but the label"),
    "nothing": (TABLE + "1,,a\n", ": row 21 below the first line: the column 'v' is empty"),
    "nan": (TABLE + "nan,1,a\n", ": row 21 below the first line: the column 'u' is empty"),
    "infinite": (TABLE + "1e999,1,a\n", ": row 21 below the first line: the column 'u' is 'inf'"),
    "cut in a row": (TABLE + "1,2.", ": row 21 below the first line: the label, 'kind', is empty"),
    "text, and long": (TABLE + "1,2,a\n" * 300_000 + "1,x,a\n", ": row 300,021 below the first line: the column 'v'"),
    "cut in quotes": (TABLE + '1,"2', ": is no whole table, after row 0"),
    "long row": (TABLE + "1,2,a,3\n", ": is no whole table, after row 0"),
    "long rows": ("u,v,kind\n" + ROWS.replace("\n", ",9\n"), ": a row has more fields than the first line"),
    "twice": (TABLE.replace("v", "u"), ": the column 'u' is there twice"),
    "label alone": ("kind\na\nb\n", ": has one column only, 'kind'; separate columns by commas"),
    "floats": (TABLE.replace("a\n", "0.5\n").replace("b\n", "1.5\n"), ": the label, 'kind', is a number such as "),
    "one class": (TABLE.replace("b\n", "a\n"), ": the column 'kind' holds one class only, 'a'"),
    "one of a class": (TABLE + "1,2,c\n", ": the class 'c' has one example"),
    "identifiers": ("u,kind\n" + "".join(f"1,k{n}\n" for n in range(10_001)), "holds 10,001 different labels"),
    "empty": ("", ": it is empty; the first line names the columns"),
    "no rows": ("u,kind\n", ": has no rows below its first line"),
    "no line": (b"u" * 5_000_000, ": its first line, which names the columns, is longer than"),
    "wide": (",".join(map(str, range(10_001))) + "\n1\n", ": has 10,001 columns; at most 10,000 are read"),
    "binary": (bytes(range(256)) * 50, ": has one column only, '\\x00\\x01\\x02"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_TABLES)
def test_what_is_wrong_with_a_table_is_one_message(case: str, tmp_path: Path) -> None:
    text, expected = WRONG_TABLES[case]
    assert expected in refused(LABELLED, table(tmp_path, text))
    assert not list(cache_folder().glob("csv-*"))


def test_other_bytes_than_utf8_are_spelt_out_and_nothing_is_unpacked(tmp_path: Path) -> None:
    mine = prepared({"csv": "t.csv", "label": "\\xe9"}, table(tmp_path, TABLE.encode().replace(b"kind", b"\xe9")))
    assert mine.about["columns"] == ["u", "v"]
    path = table(tmp_path).rename(tmp_path / "t.csv.gz")  # a bomb might bear this name
    assert prepared(LABELLED, path).train_images == 16


# --- what is kept ------------------------------------------------------------------------------------------------


def test_content_is_known_by_its_bytes_and_not_by_size_and_time(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npz")
    first, stat = prepared({"npz": "x"}, path), path.stat()
    other = GOOD["x_train"] ^ 1
    saved(path, x_train=other)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert prepared({"npz": "x"}, path).sha256 != first.sha256


def test_a_moved_or_packed_file_is_the_same_and_is_converted_once(tmp_path: Path) -> None:
    first = prepared({"npz": "x"}, saved(tmp_path / "x.npz"))
    moved = (tmp_path / "x.npz").rename(tmp_path / "y.npz")
    assert prepared({"npz": "x"}, moved).folder == first.folder
    np.savez_compressed(tmp_path / "z.npz", **GOOD)
    assert prepared({"npz": "x"}, tmp_path / "z.npz").folder == first.folder
    assert len(list(cache_folder().glob("npz-*"))) == 1


def test_labels_belong_to_the_file_and_not_to_equal_arrays(tmp_path: Path) -> None:
    one = prepared({"npz": "x"}, saved(tmp_path / "x.npz"))
    other = prepared({"npz": "x"}, saved(tmp_path / "y.npz", y_train=GOOD["y_train"] + 5, y_test=GOOD["y_test"] + 5))
    assert one.sha256 != other.sha256 and one.about != other.about == {"labels": [5, 6, 7, 8]}


def test_data_that_changed_since_the_plan_is_an_error(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npz")
    part = {"name": "npz", "npz": "x", "content": None}
    part["content"] = look(part, path)
    saved(path, x_train=GOOD["x_train"] ^ 1)
    with pytest.raises(DatasetError, match="holds other data than it did"):
        prepare("npz", part, place=path)
    path.unlink()
    with pytest.raises(DatasetError, match="does not exist; --data-dir FOLDER names the folder that holds x"):
        prepare("npz", part, place=path)
    (tmp_path / "else").mkdir()
    saved(tmp_path / "else" / "x.npz")
    assert prepare("npz", part, tmp_path / "else", place=path).sha256 == part["content"]["sha256"]


def test_data_that_changes_while_it_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, sums = saved(tmp_path / "x.npz"), iter("ab")
    entry = find("dataset").get("npz")
    source = entry.function(npz="x")
    monkeypatch.setattr(own, "_sum", lambda *_: next(sums))
    assert source.how
    with pytest.raises(DatasetError, match="was changed while it was read"):
        look({"name": "npz", "npz": "x", "content": None}, path)
    assert not list(cache_folder().glob("npz-*"))


def test_a_column_that_is_constant_in_training_stays_near_zero(tmp_path: Path) -> None:
    """0.1 + 0.1 + ... has a mean that is not 0.1, and a deviation that is nearly nothing."""
    rows = "\n".join(f"{n % 7},0.1,{'ab'[n % 2]}" for n in range(50))
    (tmp_path / "t.csv").write_text(f"x,y,l\n{rows}\n")
    made = prepared({"csv": "x", "label": "l"}, tmp_path / "t.csv")
    assert made.about["deviation"][1] == 0 and made.about["mean"][1] == 0.1


def test_labels_with_zeros_before_them_are_text(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{('01', '1')[n % 2]}" for n in range(20))
    (tmp_path / "t.csv").write_text(f"x,l\n{rows}\n")
    assert prepared({"csv": "x", "label": "l"}, tmp_path / "t.csv").about["labels"] == ["01", "1"]
