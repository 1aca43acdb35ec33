"""The documentation holds: its commands run, and it knows every name that there is."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from actlab import cli
from actlab.parts.activations import ACTIVATIONS
from actlab.parts.datasets import DATASETS
from actlab.parts.initializers import INITIALIZERS
from actlab.parts.models import MODELS
from actlab.parts.optimizers import OPTIMIZERS
from actlab.parts.probes import PROBES
from actlab.spec.config import RunConfig

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
# What these would do takes minutes, a network or an open browser: that their words are understood is seen by --help.
LONG = {"reproduce", "watch", "fetch"}


def _commands() -> list[str]:
    """Each `actlab ...` of the blocks of the README and of the page of how-tos, and of the README's code spans."""
    pages = README + (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^\$ (?:.*/)?(actlab .*)$", pages, re.MULTILINE)
    spans = re.findall(r"`(actlab [^`]*)`", README)
    both = [shlex.join(shlex.split(text, comments=True)) for text in (*blocks, *spans)]
    return list(dict.fromkeys(command for command in both if command != "actlab"))


@pytest.fixture
def clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]
) -> Path:
    """A folder with the shipped configs and finished runs of the README's study; returns one of these."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    study = tmp_path / "results" / "relu_vs_leaky"
    runs = [make_run(study, resolved(seed=seed, activation=name), [0.9, 0.95 + seed / 100])
            for name in ("relu", "leaky_relu") for seed in (0, 1)]  # fmt: skip
    shutil.copy(ROOT / "configs" / "relu_vs_leaky.yaml", study / "experiment.yaml")
    monkeypatch.chdir(tmp_path)
    return runs[0]


def _printed(*arguments: str) -> str:
    return CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "200"}).stdout


def _filled(command: str, run: Path) -> list[str]:
    """The words of a command, its placeholders filled, as it can be given here."""
    text = command.replace("[PATH...]", "results").replace("PATH...", "results/relu_vs_leaky")
    text = text.replace("FILE...", "configs/relu_vs_leaky.yaml").replace("csv FILE", "csv histories.csv")
    text = re.sub("RUN|FIRST|SECOND", lambda _: str(run), text)
    text = text.replace("results/*", "results/relu_vs_leaky")
    words = shlex.split(text)[1:]
    if words[0] == "run":
        return [*words, "--dry-run"]
    return [*words, "--help"] if LONG & set(words) else words


@pytest.mark.slow
@pytest.mark.parametrize("command", _commands())
def test_every_command_of_the_readme_runs(
    command: str, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["actlab", *_filled(command, clone)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    printed = capsys.readouterr()
    # made-up runs may refute a claim, and a machine may lack something
    allowed = {0, 1} if {"claims", "doctor"} & set(command.split()) else {0}
    assert (end.value.code or 0) in allowed, printed.err
    assert printed.out.strip()


def test_the_readme_has_every_command_and_its_options_exist() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `actlab")]
    told: list[str] = []
    for row in rows:
        commands = re.findall(r"`actlab (\w+)", row)
        shown = "".join(
            CliRunner().invoke(cli.app, [name, "--help"], env={"COLUMNS": "200"}).stdout for name in commands
        )
        assert all(option in shown for option in re.findall(r"--[a-z-]+", row)), row
        told += commands
    assert set(told) == set(COMMANDS)


@pytest.mark.parametrize(
    ("page", "registry"),
    [("config", OPTIMIZERS), ("config", INITIALIZERS), ("config", MODELS), ("config", DATASETS), ("probes", PROBES)],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_every_registered_name_is_documented(page: str, registry: object) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text()
    missing = [name for name in registry.names() if f"`{name}`" not in text]  # type: ignore[attr-defined]
    assert not missing


def test_every_activation_is_listed_with_its_facts() -> None:
    """They are documented by the command that lists them, out of their docstrings."""
    shown = _printed("activations")
    assert all(name in shown for name in ACTIVATIONS.names())


def test_links_between_the_pages_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


# --- the site ------------------------------------------------------------------------------------------------------


def test_the_reference_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, "docs/reference.py", "--check"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_site_is_built_without_a_warning_and_shows_every_page(tmp_path: Path) -> None:
    for name in ("docs", "mkdocs.yml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path.relative_to(tmp_path / "docs") for path in (tmp_path / "docs").rglob("*.md")}
    shown = set(map(Path, re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)))
    assert shown == pages
    assert all((tmp_path / "site" / page.with_suffix(".html")).is_file() for page in pages)
    script = re.compile(r"<(?:script|link|img)[^>]*(?:src|href)=\"?https?:")
    assert not [p for p in pages if script.search((tmp_path / "site" / p.with_suffix(".html")).read_text("utf-8"))]
