"""The gallery's pages follow from what the gallery keeps, sentence by sentence."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from typer.testing import CliRunner

from actlab.cli import app

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "gallery"
NUMBER = re.compile(r"(?<![\w.])(?:\d[\d,]*)?\.?\d+")
MADE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|`[^`]*`|\]\([^)]*\)|<[^>]*>|^[#!|].*?$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def build() -> Iterator[ModuleType]:
    """The script that makes the pages."""
    sys.path.insert(0, str(FOLDER))
    import build

    yield build
    sys.path.remove(str(FOLDER))


def _sections(page: str) -> dict[str, str]:
    """Heading to what stands under it, in the template."""
    parts = re.split(r"^#+ (.+)\n", (FOLDER / f"{page}.md.j2").read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.slow
def test_the_pages_are_what_the_build_makes_of_what_is_kept(build: ModuleType, tmp_path: Path) -> None:
    experiments = build.restored(tmp_path)
    for template, page in build.PAGES.items():
        made, written = build.filled(experiments, template.read_text("utf-8")), page.read_text("utf-8")
        lines = zip(written.splitlines(), made.splitlines(), strict=False)
        parts = "\n".join(f"- {old}\n+ {new}" for old, new in lines if old != new)
        assert made == written, f"python docs/gallery/build.py makes another {page.name}:\n{parts[:2000]}"


def test_a_study_goes_on_from_what_is_kept(build: ModuleType, tmp_path: Path) -> None:
    """Restored runs are done, and those that the gallery lacks are to train."""
    shutil.copytree(FOLDER / "rrelu", kept := tmp_path / "kept")
    runs = pd.read_csv(kept / "runs.csv")
    runs[1:].to_csv(kept / "runs.csv", index=False)
    build.restore(kept, tmp_path / "rrelu")
    asked = ["run", str(kept / "experiment.yaml"), "-o", str(tmp_path), "--dry-run"]
    answer = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
    words = [line.split() for line in answer.stdout.splitlines()]
    assert [Path(path).name.rpartition("-")[0] for word, path, *_ in words if word == "train"] == [runs["run"][0]]
    assert len([words for word, *_ in words if word == "skip"]) == len(runs) - 1


def test_a_sentence_says_what_its_csv_says(build: ModuleType, tmp_path: Path) -> None:
    """Two points more for one condition: the sentence about it turns round."""
    kept, sentences = tmp_path / "kept", _sections("gallery")["RReLU"]
    shutil.copytree(FOLDER / "rrelu", kept)
    runs = pd.read_csv(kept / "runs.csv")
    found = {}
    for name, more in (("as_kept", 0.0), ("changed", 0.02)):
        is_changed = runs["run"].str.startswith("rrelu-seed")
        runs.assign(test_accuracy=runs["test_accuracy"] + more * is_changed).to_csv(kept / "runs.csv", index=False)
        rrelu = build.Experiment(build.restore(kept, tmp_path / name / "rrelu"))
        found[name] = build.filled({"rrelu": rrelu}, sentences).partition("**Did")[2]
    assert found["as_kept"] in (ROOT / "docs" / "gallery.md").read_text("utf-8")
    assert "is refuted for this net" in found["as_kept"] and "points worse" in found["as_kept"]
    assert "is supported for this net" in found["changed"] and "1.5 points better" in found["changed"]


def test_a_sentence_whose_direction_has_turned_fails_the_build(build: ModuleType, tmp_path: Path) -> None:
    """The convolution net falls behind: no sentence goes on to call the dense net "below" it."""
    kept, sentences = tmp_path / "kept", _sections("gallery")["Dense or convolution"]
    shutil.copytree(FOLDER / "dense_vs_conv", kept)
    runs = pd.read_csv(kept / "runs.csv")
    is_conv = runs["run"].str.contains("simple_cnn")
    runs.assign(test_accuracy=runs["test_accuracy"] - 0.1 * is_conv).to_csv(kept / "runs.csv", index=False)
    turned = build.Experiment(build.restore(kept, tmp_path / "dense_vs_conv"))
    with pytest.raises(build.TurnedError, match=r"line \d+ of the template, .*dense_vs_conv.difference.* is negative"):
        build.filled({"dense_vs_conv": turned}, sentences)


def test_an_answer_follows_from_the_claims(build: ModuleType, tmp_path: Path) -> None:
    """Networks of 5 layers that are never born dead: the paper is no longer confirmed by all."""
    kept, sentences = tmp_path / "kept", _sections("gallery")["Born dead"]
    shutil.copytree(FOLDER / "born_dead", kept)
    layers = pd.read_csv(kept / "layers.csv")
    found = {}
    for name, factor in (("as_kept", 1.0), ("changed", 0.0)):
        factors = layers["layer"].eq("dense_4").map({True: factor, False: 1.0})
        layers.assign(born_dead=layers["born_dead"] * factors).to_csv(kept / "layers.csv", index=False)
        born_dead = build.Experiment(build.restore(kept, tmp_path / name / "born_dead"))
        found[name] = build.filled({"born_dead": born_dead}, sentences).partition("**Does it")[2]
    assert "agree with the paper?** Yes." in found["as_kept"] and "9 supported." in found["as_kept"]
    assert "agree with the paper?** In part." in found["changed"] and "9 supported." not in found["changed"]


@pytest.mark.parametrize("heading", [name for name, text in _sections("gallery").items() if "actlab run" in text])
def test_a_number_is_measured_or_stands_in_the_config(heading: str) -> None:
    """Nobody types a result: what is no setting and no figure of the source comes from the runs."""
    text = _sections("gallery")[heading]
    config = "".join((ROOT / path).read_text("utf-8") for path in re.findall(r"configs/\w+\.yaml", text))
    known, typed = (
        {float(number.replace(",", "")) for number in NUMBER.findall(part)} for part in (config, MADE.sub(" ", text))
    )
    assert typed <= known, "write {{ ... }} for what was measured here, or say in the config where it comes from"
