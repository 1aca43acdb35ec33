"""The confusion matrix as people see it: in `show`, in the report, and drawn."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from actlab.cli import app
from actlab.errors import RunDirError
from actlab.runs.record import Run
from actlab.show.figures.confusion import confusion_figure
from actlab.show.figures.run import draw_run, title_of
from actlab.show.figures.style import Heading, png
from actlab.show.words import class_names
from actlab.spec.config import RunConfig

TABLE = "class,images,accuracy,predicted_0,predicted_1,predicted_2\n0,4,0.75,3,1,0\n1,5,0.4,0,2,3\n2,0,,0,0,0\n"
OWN = {"dataset": {"name": "pets", "labels": ["cat", "<b>dog</b>", 7]}}


@pytest.fixture
def run(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Path:
    """One of two seeds of a condition, each with the same matrix."""
    for seed in (0, 1):
        path = make_run(tmp_path / "study", resolved(seed=seed), [0.5], record=OWN)
        (path / "confusion.csv").write_text(TABLE)
    return path


def test_show_names_each_class_and_what_it_is_taken_for(run: Path) -> None:
    shown = CliRunner().invoke(app, ["show", str(run)]).output.partition("classes of the test set")[2]
    rows = [line.split() for line in shown.splitlines()[2:5]]
    assert rows == [
        ["cat", "4", "75.00%", "<b>dog</b>", "(1", "times)"],
        ["<b>dog</b>", "5", "40.00%", "7", "(3", "times)"],
        ["7", "0"],
    ]
    (run / "confusion.csv").unlink()
    assert "classes of the test set" not in CliRunner().invoke(app, ["show", str(run)]).output


def test_the_report_sums_the_counts_over_seeds(run: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert CliRunner().invoke(app, ["report", str(run.parent), "-o", str(page)]).exit_code == 0
    text = page.read_text()
    assert "Which classes are taken for which" in text
    assert "n = 2 runs, counts are sums over them. Least accurate: &lt;b&gt;dog&lt;/b&gt;, 40.0%" in text
    assert "<b>dog" not in text
    for path in run.parent.glob("*/confusion.csv"):
        path.write_text("class,images,accuracy\n0,1,1\n")  # a damaged one takes nothing with it
    assert CliRunner().invoke(app, ["report", str(run.parent), "-o", str(page)]).exit_code == 0
    assert "Which classes are taken for which" not in page.read_text()
    with pytest.raises(RunDirError, match="no column of counts"):
        Run(run).confusion  # noqa: B018  # it is read when it is asked for


def test_it_is_drawn_at_the_end_of_a_run(run: Path) -> None:
    assert draw_run(run) == []
    seed = Run(run).config["seed"]
    assert title_of(Run(run)) == f"relu on pets: mnist_dense, glorot_uniform, adam, batch 32, seed {seed}"
    assert (run / "confusion.png").read_bytes()[:4] == b"\x89PNG"


def test_few_classes_have_counts_and_many_have_colours() -> None:
    few = confusion_figure(np.array([[3, 1], [0, 0]]), ["a", "b"], Heading("t"))
    assert sorted(text.get_text() for text in few.axes[0].texts) == ["", "1", "3", "75.0%"]
    many = confusion_figure(np.eye(100), list(map(str, range(100))), Heading("t"))
    assert len(many.axes[0].texts) == 25 == len(many.axes[0].get_xticks())
    assert len(png(many)) < 200_000


def test_classes_are_called_as_the_dataset_has_them() -> None:
    assert class_names({"name": "cifar10"}, 10)[0] == "airplane"
    assert class_names({"name": "a name of nothing here"}, 3) == ["0", "1", "2"]
    assert class_names({"name": "pets", "labels": json.loads('["a", 2]')}, 2) == ["a", "2"]
