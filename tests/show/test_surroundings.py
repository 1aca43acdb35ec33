"""Figures are the same whatever a user has configured, and one that fails takes nothing with it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from actlab.cli import app
from actlab.runs.record import Run
from actlab.show.figures import comparison as drawing
from actlab.show.figures import curves
from actlab.show.figures.run import draw_again, draw_run
from actlab.show.page.report import text as report
from actlab.spec.config import RunConfig

FOREIGN = """\
text.usetex: True
text.parse_math: True
savefig.transparent: True
savefig.bbox: tight
savefig.dpi: 37
figure.dpi: 50
figure.autolayout: True
font.family: serif
font.sans-serif: Nothing Such
font.size: 23
axes.formatter.use_locale: True
axes.prop_cycle: cycler("color", ["r"])
axes.grid: True
path.sketch: 1, 100, 2
path.simplify: False
lines.antialiased: False
backend: nonsense
timezone: Asia/Tokyo
interactive: True
svg.hashsalt: other
svg.fonttype: path
no.such.key: 3
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path],
          resolved: Callable[..., RunConfig]) -> Path:  # fmt: skip
    folder = tmp_path_factory.mktemp("results") / "study"
    for activation in ("relu", "tanh"):
        for seed in range(3):
            config = resolved(activation=activation, seed=seed)
            make_run(folder, config, [0.8, 0.9 + seed / 100, 0.95 + seed / 100], record={"plan_index": seed})
    (folder / "experiment.yaml").write_text("name: study\n")
    return folder


def surroundings(folder: Path) -> dict[str, tuple[Path, dict[str, str]]]:
    """Working folders and variables in which a command may find itself."""
    home, styles, here, odd = (folder / name for name in ("home", "styles", "here", "odd"))
    for place in (home / ".config" / "matplotlib", styles / "stylelib", here, odd / "matplotlibrc"):
        place.mkdir(parents=True)
    for place in (home / ".config" / "matplotlib", styles, here):
        (place / "matplotlibrc").write_text(FOREIGN)
    (styles / "stylelib" / "mine.mplstyle").write_bytes(b"\xff\xfe no text")
    (styles / "stylelib" / "_classic_test_patch.mplstyle").write_text(FOREIGN)
    return {
        "plain": (folder, {}),
        "a matplotlibrc in the folder": (here, {}),
        "a folder of that name": (odd, {}),
        "MATPLOTLIBRC": (folder, {"MATPLOTLIBRC": str(here)}),
        "the home": (folder, {"HOME": str(home), "MPLCONFIGDIR": "", "XDG_CONFIG_HOME": ""}),
        "a damaged style": (folder, {"MPLCONFIGDIR": str(styles)}),
        "a notebook": (folder, {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "COLUMNS": "60"}),
        "a nonsensical backend": (folder, {"MPLBACKEND": "nonsense"}),
        "another time, place and language": (
            folder, {"TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1", "LC_ALL": "de_DE.UTF-8", "LANG": "tr_TR"},
        ),
        "no home": (folder, {"HOME": "", "MPLCONFIGDIR": ""}),
        "all of it": (
            here,
            {"HOME": str(home), "MPLCONFIGDIR": str(styles), "MATPLOTLIBRC": str(here), "MPLBACKEND": "nonsense",
             "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1", "LC_ALL": "C", "PYTHONUTF8": "0", "COLUMNS": "60"},
        ),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("only", [("plain", "all of it"), pytest.param((), id="each", marks=pytest.mark.torture)])
def test_what_a_user_has_configured_changes_no_byte(only: tuple[str, ...], study: Path, tmp_path: Path) -> None:
    places, found = surroundings(tmp_path), {}
    for number, (name, (folder, variables)) in enumerate(places.items()):
        if only and name not in only:
            continue
        out = tmp_path / f"out{number}"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
        done = subprocess.run([sys.executable, "-m", "actlab", "compare", study, "-o", out], cwd=folder,
                              env=environment, capture_output=True, encoding="utf-8")  # fmt: skip
        assert done.returncode == 0, f"{name}: {done.stderr}"
        assert "not drawn" not in done.stderr, name
        found[name] = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.iterdir())}
    assert len(found["plain"]) >= 5
    assert {name: files for name, files in found.items() if files != found["plain"]} == {}


def test_a_settings_file_that_is_no_text_costs_nothing(study: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe no text")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-m", "actlab", "compare", study, "-o", tmp_path / "out"], cwd=tmp_path,
                          env=environment, capture_output=True, encoding="utf-8")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no difference between tanh and relu is established" in done.stdout
    assert done.stderr == ""
    assert {"comparison.csv", "seeds.png", "val_loss.png"} <= {file.name for file in (tmp_path / "out").iterdir()}


def fails(*_: Any, **__: Any) -> Any:
    raise RuntimeError("no font\nat all")


def test_a_figure_that_fails_takes_nothing_with_it(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "seeds.png").write_bytes(b"of an earlier call")
    with monkeypatch.context() as patch:
        patch.setattr(drawing, "seeds_figure", fails)
        done = CliRunner().invoke(app, ["compare", str(study), "-o", str(tmp_path)])
        assert done.exit_code == 0
        assert "no difference between tanh and relu is established" in done.stdout
        assert "seeds.png: not drawn: no font (RuntimeError); the next call tries again" in done.stderr
        assert not (tmp_path / "seeds.png").exists()
        assert {"comparison.csv", "val_accuracy.png", "differences.png"} <= {file.name for file in tmp_path.iterdir()}
        page = report([study])
        assert "Validation accuracy of every seed: not drawn: no font (RuntimeError)" in page
        assert "Difference from relu</figcaption>" in page
    assert CliRunner().invoke(app, ["compare", str(study), "-o", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "seeds.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_whose_figures_failed_says_so_and_has_them_drawn_later(
    study: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = next(study.glob("relu-*"))
    with monkeypatch.context() as patch:
        patch.setattr(curves, "history_figure", fails)
        assert draw_run(path) == ["accuracy.png", "loss.png"]
    assert f"{path / 'loss.png'}: not drawn: no font (RuntimeError)" in capsys.readouterr().err
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**record, "not_drawn": ["accuracy.png", "loss.png"]}))
    draw_again([Run(path)])
    first = (path / "loss.png").stat().st_mtime_ns
    assert (path / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    draw_again([Run(path)])
    assert (path / "loss.png").stat().st_mtime_ns == first
    (path / "run.json").write_text(json.dumps(record))
    (path / "run.json").rename(path / "away")
    assert draw_run(path) == ["accuracy.png", "loss.png"]  # and no exception, which would end a training
    assert "not drawn" in capsys.readouterr().err
    (path / "away").rename(path / "run.json")
    for file in path.glob("*.png"):
        file.unlink()
