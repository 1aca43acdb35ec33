"""Finding, verifying and caching a set; the stand-in; many processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlab.errors import DatasetError
from actlab.parts.datasets import DATASETS, Published, load, preparation, prepare, status, verify
from actlab.parts.datasets.catalogue import Arrays
from actlab.parts.datasets.store import cache_folder
from actlab.spec.config import wrong_stand_in

SMALL = {"train_images": 60, "test_images": 20}


def test_a_users_file_is_converted_once(tiny_npz: Path, tiny_arrays: Arrays) -> None:
    said: list[str] = []
    first = prepare("tiny", data_dir=tiny_npz.parent, say=said.append)
    second = prepare("tiny", data_dir=tiny_npz.parent, say=said.append)
    assert first == second and len(said) == 1
    assert first.stand_in_for is None and first.checked == "sha256 of the published images"
    images = load(first)
    np.testing.assert_array_equal(images.x_train[..., 0], tiny_arrays["x_train"])
    np.testing.assert_array_equal(images.y_test, tiny_arrays["y_test"])


def test_a_conversion_is_used_again_without_reading_the_file(tiny_npz: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("tiny", data_dir=tiny_npz.parent)
    monkeypatch.setattr(preparation, "read_npz", None)
    prepare("tiny", data_dir=tiny_npz.parent)


def test_a_file_that_changed_is_read_again(tiny_npz: Path, tiny_arrays: Arrays) -> None:
    prepare("tiny", data_dir=tiny_npz.parent)
    np.savez(tiny_npz, **{**tiny_arrays, "x_train": tiny_arrays["x_train"] ^ 1})
    with pytest.raises(DatasetError, match="does not hold the published tiny \\(train images differ\\)"):
        prepare("tiny", data_dir=tiny_npz.parent)


def test_the_order_of_images_changes_the_sum_but_not_the_content(tiny_npz: Path, tiny_arrays: Arrays) -> None:
    before = prepare("tiny", data_dir=tiny_npz.parent)
    turned = {part: array[::-1] for part, array in tiny_arrays.items()}
    np.savez(tiny_npz, **turned)
    after = prepare("tiny", data_dir=tiny_npz.parent)
    assert after.sha256 != before.sha256 and after.checked == before.checked


def test_a_touched_file_of_the_same_content_shares_the_conversion(tiny_npz: Path) -> None:
    first = prepare("tiny", data_dir=tiny_npz.parent)
    os.utime(tiny_npz, ns=(1, 1))
    assert prepare("tiny", data_dir=tiny_npz.parent).folder == first.folder
    said: list[str] = []
    prepare("tiny", data_dir=tiny_npz.parent, say=said.append)
    assert said == [] and len(list(cache_folder().glob("tiny-*"))) == 1


def test_the_environment_names_the_folder_and_the_argument_overrides_it(
    tiny_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTLAB_DATA_DIR", str(tiny_npz.parent))
    assert prepare("tiny").origin == str(tiny_npz)
    with pytest.raises(DatasetError, match="cannot be had here"):
        prepare("tiny", data_dir=tmp_path / "nowhere")


def test_without_the_set_the_stand_in_is_used_and_said_to_be_one(tiny: Published) -> None:
    said: list[str] = []
    prepared = prepare("tiny", {"offline": "tiny_synth"}, say=said.append)
    assert (prepared.name, prepared.stand_in_for) == ("tiny_synth", "tiny")
    assert "ACTLAB_NO_DOWNLOAD" in prepared.stand_in_reason
    assert not any("downloading" in sentence for sentence in said)
    assert (prepared.train_images, prepared.test_images) == (40, 20)
    assert any("rendering tiny_synth" in sentence for sentence in said)


def test_with_the_set_no_stand_in_is_used(tiny_npz: Path) -> None:
    prepared = prepare("tiny", {"offline": "tiny_synth"}, data_dir=tiny_npz.parent)
    assert (prepared.name, prepared.stand_in_for, prepared.stand_in_reason) == ("tiny", None, "")


def test_a_stand_in_never_hides_a_damaged_file(tiny_npz: Path) -> None:
    tiny_npz.write_bytes(tiny_npz.read_bytes()[:500])
    with pytest.raises(DatasetError, match=r"own/tiny.npz"):
        prepare("tiny", {"offline": "tiny_synth"}, data_dir=tiny_npz.parent)


def test_without_set_and_stand_in_the_error_says_what_to_do(tiny: Published) -> None:
    with pytest.raises(DatasetError) as caught:
        prepare("tiny")
    for said in ("tiny cannot be had here", "ACTLAB_DATA_DIR", "keras/datasets", "--data-dir", "offline: tiny_synth"):
        assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "offline"), [("mnist", "synth_cifar10"), ("cifar10", "mnist"), ("cifar100", "cifar10")]
)
def test_a_stand_in_must_be_rendered_and_of_the_same_kind(name: str, offline: str) -> None:
    with pytest.raises(DatasetError, match="cannot stand in for"):
        prepare(name, {"offline": offline})


def test_an_unknown_stand_in_is_answered_with_the_nearest() -> None:
    with pytest.raises(DatasetError, match="did you mean 'synth_mnist'"):
        prepare("mnist", {"offline": "synth_mnits"})


def test_every_stand_in_in_the_facts_is_allowed() -> None:
    for entry in DATASETS:
        assert entry.facts.stand_in is None or wrong_stand_in(entry.name, entry.facts.stand_in) is None


def test_kerass_own_download_is_found(tiny: Published, published_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    (folder / "tiny.npz").write_bytes(published_file.read_bytes())
    assert prepare("tiny").origin == str(folder / "tiny.npz")
    assert verify("tiny")[0] == f"{folder / 'tiny.npz'}: the published file, by its sha256"


def test_an_own_file_is_verified_before_its_first_use(tiny_npz: Path) -> None:
    """Nothing is converted by that; a bit that flips in it is found."""
    assert verify("tiny", tiny_npz.parent) == [f"{tiny_npz}: your own file: sha256 of the published images"]
    assert status(tiny_npz.parent)[0].cached == ()
    content = tiny_npz.read_bytes()
    tiny_npz.write_bytes(content[:-200])
    with pytest.raises(DatasetError, match=f"^{tiny_npz}: is not a whole .npz file"):
        verify("tiny", tiny_npz.parent)


def test_a_rendered_set_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare("synth_cifar10", SMALL)
    monkeypatch.setattr("actlab.parts.datasets.synthetic.place", None)
    assert prepare("synth_cifar10", SMALL) == first


def test_other_parameters_are_another_set() -> None:
    first, second = prepare("synth_mnist", SMALL), prepare("synth_mnist", {**SMALL, "seed": 1})
    assert first.folder != second.folder and first.sha256 != second.sha256


def test_parameters_of_the_run_do_not_matter_here() -> None:
    run = {"train_samples": 10, "validation": "test", "offline": None}
    assert prepare("synth_mnist", {**SMALL, **run}) == prepare("synth_mnist", SMALL)


def test_status_names_what_is_where(tiny_npz: Path) -> None:
    before = {item.name: item for item in status(tiny_npz.parent)}
    assert list(before) == DATASETS.names() and before["synth_mnist"].cached == ()
    assert before["tiny"].found == (tiny_npz,) and before["tiny"].bytes == tiny_npz.stat().st_size
    prepared = prepare("synth_mnist", SMALL)
    after = {item.name: item for item in status()}
    assert after["synth_mnist"].cached == (prepared.folder,) and after["synth_mnist"].bytes > 60 * 784
    (prepared.folder / "x_test.npy").unlink()
    assert "x_test.npy" in {item.name: item for item in status()}["synth_mnist"].problem


ONE_OF_MANY = """
import sys
from actlab.parts.datasets import prepare
prepared = prepare("synth_mnist", {"train_images": 20000, "test_images": 100}, say=print)
print(prepared.folder)
assert not {"tensorflow", "keras"} & set(sys.modules)
"""


def test_processes_at_once_render_one_complete_set() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(preparation.__file__).parents[3])}
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, "env": environment}
    processes = [subprocess.Popen([sys.executable, "-c", ONE_OF_MANY], **options) for _ in range(3)]
    said = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(len(lines) == 2 for lines in said) == 1, "exactly one says that it renders"
    (folder,) = {Path(lines[-1]) for lines in said}
    assert [path for path in cache_folder().iterdir() if path.is_dir()] == [folder]


def test_what_a_killed_process_left_is_cleared() -> None:
    left = cache_folder() / ".synth_mnist-1234.abc" / "new"
    left.mkdir(parents=True)
    prepare("synth_mnist", SMALL)
    assert not left.parent.exists()


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACTLAB_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DatasetError, match=r"file/datasets: the dataset cache cannot be written .*ACTLAB_CACHE_DIR"):
        prepare("synth_mnist", SMALL)


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_the_real_set_has_our_sums(name: str, real_data: Path) -> None:
    if not (real_data / f"{name}.npz").is_file():
        pytest.skip(f"ACTLAB_DATA_DIR holds no {name}.npz")
    prepared = prepare(name, data_dir=real_data)
    assert prepared.checked == "sha256 of the published images"
    assert load(prepared).x_train.shape == (DATASETS.get(name).facts.train_images, *prepared.shape)
