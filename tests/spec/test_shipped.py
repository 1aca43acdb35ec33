"""The shipped configs are found by their names, and a config of one's own begins right."""

from __future__ import annotations

from pathlib import Path

import pytest

from actlab.errors import ActlabError, ConfigError
from actlab.spec import plan
from actlab.spec.shipped import SCHEMA, begin, located, question, seconds_a_run, shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_shipped_config_has_a_question_and_a_time() -> None:
    assert {path.stem for path in (ROOT / "configs").glob("*.yaml")} == shipped().keys() == seconds_a_run().keys()
    assert all(question(plan.read(path).experiment.description) for path in shipped().values())


def test_a_question_is_the_first_sentence() -> None:
    assert question("Does x help? It was at 0.5. So") == "Does x help?"
    assert question("Held at 0.5 and e.g. so. More.").startswith("Held at 0.5")
    assert question(" no sentence ") == "no sentence"


def test_a_name_is_a_file_here_before_it_is_a_shipped_config() -> None:
    name = Path("relu_vs_leaky")
    assert located(name) == located(Path("relu_vs_leaky.yaml")) == shipped()["relu_vs_leaky"]
    name.mkdir()  # a folder is no config: `--out .` makes one of this name
    assert located(name) == shipped()["relu_vs_leaky"]
    for file in (Path("configs/relu_vs_leaky.yaml"), Path("relu_vs_leaky.yml"), Path("relu_vs_leaky.yaml")):
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
        assert located(name) == file
    name.rmdir()
    name.write_text("")
    assert located(name) == name
    assert located(Path("elsewhere/relu_vs_leaky")) == Path("elsewhere/relu_vs_leaky")


@pytest.mark.parametrize("typed", ["relu_vs_leeky", "configs/relu_vs_leaky.yaml"])
def test_what_is_no_file_gets_the_nearest_name(typed: str) -> None:
    with pytest.raises(ConfigError, match="did you mean 'relu_vs_leaky'"):
        plan.read(Path(typed))
    with pytest.raises(ConfigError, match="`actlab configs` lists"):
        plan.read(Path("zzz"))


@pytest.mark.parametrize("like", [None, *shipped()])
def test_a_new_config_is_right_and_named_after_its_file(like: str | None) -> None:
    file = begin("my/own", None if like is None else plan.read(Path(like)).text)
    made = plan.read(file)
    assert made.experiment.name == "own"
    assert len(made.runs) == len(plan.read(shipped()[like or "relu_vs_leaky"]).runs)
    assert made.text.startswith(f"# yaml-language-server: $schema={SCHEMA}\n")
    assert (file.parent / SCHEMA).read_text() == (ROOT / "configs" / "schema.json").read_text()


def test_the_choices_that_the_template_does_not_take_are_right() -> None:
    file = begin("study")
    text = file.read_text()
    for remark in ("# early_stopping", "# probes", "  # - {formula", "  # optimizer.l", "# claims", "#   - {metric"):
        assert f"\n{remark}" in text or f"  {remark}" in text
        text = text.replace(remark, remark.replace("# ", "").replace("#   -", "  -"))
    file.write_text(text)
    assert len(plan.read(file).runs) == 27
    assert plan.read(file).experiment.claims


def test_nothing_is_overwritten() -> None:
    Path("study.yaml").write_text("mine")
    Path(SCHEMA).write_text("mine too")
    with pytest.raises(ActlabError, match="stays as it is"):
        begin("study")
    begin("another.yml")
    assert (Path("study.yaml").read_text(), Path(SCHEMA).read_text()) == ("mine", "mine too")
    assert sorted(path.name for path in Path().iterdir()) == [SCHEMA, "another.yml", "study.yaml"]
