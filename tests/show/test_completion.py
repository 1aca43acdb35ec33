"""What a shell is offered, asked as a shell asks: by the variables of the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from actlab.spec.config import RunConfig

Offer = Callable[..., set[str]]
SLOW = ("tensorflow", "keras", "pandas", "scipy", "matplotlib")


@pytest.fixture
def offer(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Offer:
    """Asks what may come after what was typed, in a folder with a study of two activations and two seeds."""
    study = tmp_path / "results" / "leak"
    for name in ("relu", "leaky_relu"):
        for seed in (0, 1):
            make_run(study, resolved(activation=name, seed=seed), [0.9])
    (study / "experiment.yaml").write_text("name: leak\n")
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    program = tmp_path / "actlab"  # the name decides which variables are looked at
    program.write_text("from actlab.__main__ import main\n\nmain()\n")

    def ask(*words: str) -> set[str]:
        asked = {"COMP_WORDS": "\n".join(["actlab", *words]), "COMP_CWORD": str(len(words)),
                 "_ACTLAB_COMPLETE": "complete_bash"}  # fmt: skip
        done = subprocess.run([sys.executable, "-X", "importtime", str(program)], cwd=tmp_path, text=True,
                              env={**os.environ, **asked}, capture_output=True)  # fmt: skip
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "actlab.cli" in imported, done.stderr
        assert not imported & set(SLOW)
        return set(done.stdout.split())

    return ask


def test_configs_experiments_runs_and_registered_names_are_offered(offer: Offer) -> None:
    assert {"mine.yaml", "relu_vs_leaky", "momentum"} <= offer("run", "")
    assert offer("init", "--like", "mom") == {"momentum"}
    assert offer("check", "results/") == set()  # then the shell completes files
    assert offer("report", "") == {"leak"}
    runs = offer("compare", "relu-seed")
    assert len(runs) == 2
    assert offer("show", "relu-seed0") == {name for name in runs if "seed0" in name}
    assert offer("activations", "prel") == {"prelu"}


def test_metrics_conditions_and_keys_are_those_of_the_runs(offer: Offer) -> None:
    assert offer("compare", "leak", "--metric", "val") == {"val_loss", "val_accuracy"}
    assert {"relu", "leaky_relu", "activation=relu"} <= offer("compare", "leak", "--baseline", "")
    # bash takes key=value for three words, and replaces the last of them
    assert offer("compare", "leak", "--where", "activation", "=", "re") == {"relu"}
    assert offer("compare", "leak", "--where", "activation", "=") == {"relu", "leaky_relu"}
    assert offer("compare", "elsewhere", "--by", "") == set()
