"""Own data in a config: where it is looked for, where mistakes are told, and what is part of a run's identity."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actlab.errors import ConfigError
from actlab.spec.config import RunConfig, resolve, without_place
from actlab.spec.labels import texts
from actlab.spec.plan import Plan, parse, read

RNG = np.random.default_rng(2)
REST = "model: linear\nactivation: relu\nepochs: 1\nbatch_size: 10\n"
WriteConfig = Callable[..., Path]


def arrays(path: Path, shape: tuple[int, ...] = (6, 5), shade: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    x = RNG.integers(0, shade, (50, *shape), dtype=np.uint8)
    x = x if len(shape) > 1 else x.astype(np.float32)
    np.savez(path, x_train=x, y_train=np.arange(50) % 3, x_test=x[:9], y_test=np.arange(9) % 3)
    return path


def configs(plan: Plan) -> list[RunConfig]:
    return [config for _, config in plan.runs]


def test_a_path_is_relative_to_the_config_and_in_set_to_the_current_folder(
    write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = arrays(tmp_path / "study" / "d" / "x.npz"), arrays(tmp_path / "here" / "d" / "x.npz")
    (tmp_path / "study").mkdir(exist_ok=True)
    path = write_config(f"dataset: {{npz: d/x.npz}}\n{REST}", "study/a.yaml")
    monkeypatch.chdir(tmp_path / "here")
    (of_file,) = configs(read(path))
    (of_set,) = configs(plan := read(path, ["dataset.npz=d/x.npz"]))
    assert of_file.hash != of_set.hash
    assert list(read(path).data.values()) == [one] and list(plan.data.values()) == [other]
    (of_text,) = configs(parse(f"name: a\ndataset: {{npz: d/x.npz}}\n{REST}", "text"))
    assert of_text.hash == of_set.hash
    swept = read(path, ["sweep.dataset=[{npz: d/x.npz}, {npz: ../study/d/x.npz}]"])
    assert [config.hash for config in configs(swept)] == [of_set.hash, of_file.hash]


def test_a_run_is_known_by_its_content_and_not_by_its_place(write_config: WriteConfig, tmp_path: Path) -> None:
    file = arrays(tmp_path / "x.npz")
    (first,) = configs(read(write_config(f"dataset: {{npz: x.npz}}\n{REST}")))
    file.rename(tmp_path / "y.npz")
    (moved,) = configs(read(write_config(f"dataset: {{npz: y.npz}}\n{REST}")))
    assert moved.hash == first.hash and moved.canonical() != first.canonical()
    assert without_place(moved.canonical()) == without_place(first.canonical())
    arrays(tmp_path / "y.npz")
    (changed,) = configs(read(write_config(f"dataset: {{npz: y.npz}}\n{REST}")))
    assert changed.hash != first.hash
    content = json.dumps(first.canonical()["dataset"]["content"])
    with pytest.raises(ConfigError, match=r"dataset.npz: .*y.npz: holds other data than it did"):
        read(write_config(f"dataset: {{npz: y.npz, content: {content}}}\n{REST}"))


def test_a_record_needs_no_data(write_config: WriteConfig, tmp_path: Path) -> None:
    arrays(tmp_path / "x.npz")
    (config,) = configs(read(write_config(f"dataset: {{npz: x.npz}}\n{REST}")))
    (tmp_path / "x.npz").unlink()
    again, problems = resolve(config.canonical())
    assert again is not None and again.hash == config.hash, problems
    _, problems = resolve({**config.canonical(), "dataset": {"npz": "x.npz"}})
    assert [issue.path for issue in problems] == [("dataset", "npz")]


WRONG: dict[str, tuple[str, str]] = {
    "absent": ("dataset: {npz: none.npz}\nmodel: linear", "1:16: dataset.npz: "),
    "in a sweep": ("model: linear\nsweep: {dataset: [{npz: x.npz}, {csv: t.csv, label: k}]}", "2:39: dataset.csv: "),
    "vectors": ("dataset: {npz: v.npz}\nmodel: simple_cnn", "2:8: model: simple_cnn is for images, and"),
    "small": ("dataset: {npz: x.npz}\nmodel: cifar10_cnn", "2:8: model: images of 6×5 do not survive"),
    "kernel": ("dataset: {npz: x.npz}\nmodel: simple_cnn", "2:8: model: kernel_size 5 and strides 1"),
    "stand-in": ("dataset: {npz: x.npz, offline: synth_mnist}\nmodel: linear", "1:32: dataset.offline: nothing"),
    "too many": ("dataset: {npz: x.npz, train_samples: 46}\nmodel: linear", "1:38: dataset.train_samples: 46"),
    "bare name": ("dataset: npz\nmodel: linear", "1:10: dataset.npz: `npz` is required"),
    "misspelt": ("dataset: {images: f, sise: [2, 2]}\nmodel: linear", "1:22: dataset: unknown key 'sise'; did you"),
    "file": ("dataset: x.npz\nmodel: linear", "1:10: dataset: unknown dataset 'x.npz'; write {npz: x.npz}"),
    "table": ("dataset: t.csv\nmodel: linear", "1:10: dataset: unknown dataset 't.csv'; write {csv: t.csv, label: "),
    "folder": ("dataset: a/b\nmodel: linear", "1:10: dataset: unknown dataset 'a/b'; write {images: a/b}"),
    "no label": ("dataset: {csv: t.csv}\nmodel: linear", "1:10: dataset.label: `label` is required"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_at_its_line(case: str, write_config: WriteConfig, tmp_path: Path) -> None:
    arrays(tmp_path / "x.npz")
    arrays(tmp_path / "v.npz", (4,))
    text, expected = WRONG[case]
    path = write_config(f"{text}\nactivation: relu\nepochs: 1\n")
    with pytest.raises(ConfigError) as error:
        read(path)
    (problem,) = error.value.problems
    assert str(problem).startswith(f"{path}:{expected}")


def test_content_that_is_stated_and_is_not_there_is_refused(write_config: WriteConfig, tmp_path: Path) -> None:
    arrays(tmp_path / "x.npz")
    (config,) = configs(read(write_config(f"dataset: {{npz: x.npz}}\n{REST}")))
    stated = config.canonical()["dataset"]["content"]
    for key, value, told in (
        ("classes", 4, "dataset.content.classes: states 4, and there is 3; leave `content` out"),
        ("sha256", "0" * 64, "dataset.npz: .*x.npz: holds other data than it did"),
    ):
        path = write_config(f"dataset: {{npz: x.npz, content: {json.dumps({**stated, key: value})}}}\n{REST}")
        with pytest.raises(ConfigError, match=told):
            read(path)
    same = write_config(f"dataset: {{npz: x.npz, content: {json.dumps(stated)}}}\n{REST}")
    assert [of.hash for of in configs(read(same))] == [config.hash]


def test_what_is_wrong_in_set_is_told_there(write_config: WriteConfig, tmp_path: Path) -> None:
    arrays(tmp_path / "x.npz")
    path = write_config(f"dataset: {{npz: x.npz}}\n{REST}")
    with pytest.raises(ConfigError, match=r"^--set dataset.npz=no.npz: dataset.npz: no.npz: does not exist"):
        read(path, ["dataset.npz=no.npz"])


def test_cnns_take_images_that_survive_and_dense_nets_take_any(write_config: WriteConfig, tmp_path: Path) -> None:
    for name, shape in (("a", (10, 10)), ("b", (10, 12, 3)), ("c", (4,)), ("d", (1, 1, 2))):
        arrays(tmp_path / f"{name}.npz", shape)
    rest = "activation: relu\nepochs: 1\nsweep: {dataset: [{npz: a.npz}, {npz: b.npz}%s], model: %s}\n"
    assert len(read(write_config(rest % ("", "[cifar10_cnn, simple_cnn]"))).runs) == 4
    assert (
        len(read(write_config(rest % (", {npz: c.npz}, {npz: d.npz}", "[mnist_dense, linear, deep_dense]"))).runs) == 12
    )


def test_each_file_is_read_once_for_a_plan(
    write_config: WriteConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from actlab.parts.datasets import own

    arrays(tmp_path / "x.npz")
    sums, read_it = list[Path](), own._sum
    monkeypatch.setattr(own, "_sum", lambda source, path: [sums.append(path), read_it(source, path)][1])
    plan = read(
        write_config(f"dataset: {{npz: x.npz}}\n{REST}sweep: {{dataset.train_samples: [9, 10], seed: {{range: 3}}}}\n")
    )
    assert len(plan.runs) == 6 and len(sums) == 2  # before and after it was read


def test_own_data_is_called_by_its_path(write_config: WriteConfig, tmp_path: Path) -> None:
    arrays(tmp_path / "x.npz")
    arrays(tmp_path / "y.npz")
    text = f"{REST}sweep: {{dataset: [{{npz: x.npz}}, {{npz: y.npz}}, mnist]}}\n"
    plan = read(write_config(text))
    assert [label for label, _ in plan.runs] == ["relu-x.npz-seed0", "relu-y.npz-seed0", "relu-mnist-seed0"]
    values: list[Any] = [config.canonical()["dataset"] for config in configs(plan)]
    assert texts("dataset", [{k: v for k, v in of.items() if k != "content"} for of in values]) == [
        "x.npz",
        "y.npz",
        "mnist",
    ]
