"""The tutorial holds: typed into an empty folder, its files and commands give what the page shows.

The numbers of another machine differ: of what is shown and what is printed, the words and the order count.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from golden.commands import actlab

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text()
BLOCK = re.compile(r"^```(yaml|python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WRONG = "\n## When something goes wrong\n"
JUDGING = {"compare", "claims"}  # what they say depends on how many seeds there are
SHORT = {"{range: 3}": "{range: 1}", "{range: 6}": "{range: 1}", "[relu, bump]": "[bump]"}


def _form(text: str) -> list[str]:
    """The lines without their numbers, hashes, plurals and widths."""
    text = re.sub(r"-[0-9a-f]{8}\b|\b[0-9a-f]{16}\b|\b(?=\w*\d)[0-9a-f]{8}\b", "H", text)
    text = re.sub(r"[-+]?\d[\d.,]*", "N", text)
    text = re.sub(r"\b(run|worker|thread)s\b", r"\1", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def _typed(block: str) -> list[tuple[str, str]]:
    """Each command of a console block, and what is shown below it."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def _run(words: Sequence[str], folder: Path) -> tuple[int, str]:
    """Type a command: those of actlab are run in this process."""
    if words[0] == "actlab":
        code, out, err = actlab(words[1:], folder)
        return code, out + err
    assert words[0] == "python"
    done = subprocess.run([sys.executable, *words[1:]], cwd=folder, capture_output=True, encoding="utf-8", check=False)
    return done.returncode, done.stdout + done.stderr


def _afternoon(folder: Path, changes: dict[str, str], patch: pytest.MonkeyPatch) -> None:
    """Write each file and type each command of the page, in their order.

    Where the files are changed, a run given again finds all of it done, and judges have less to say than on the page.
    """
    folder.mkdir()
    patch.setenv("COLUMNS", "200")
    patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    typed: set[str] = set()
    for found in BLOCK.finditer(PAGE):
        language, block = found.groups()
        if language != "console":
            name, _, text = block.removeprefix("# ").partition("\n")
            for page, here in changes.items():
                text = text.replace(page, here)
            (folder / name).write_text(text)
            continue
        expected = 2 if found.start() > PAGE.index(WRONG) else 0
        for command, shown in _typed(block):
            code, printed = _run(shlex.split(command), folder)
            assert code == expected, f"{command}\n{printed}"
            if changes and (command in typed or JUDGING & set(command.split())):
                continue
            typed.add(command)
            lines = iter(_form(printed))
            for line in filter(lambda line: line not in ("", "..."), _form(shown)):
                assert line in lines, f"{command}\n{printed}\nlacks: {line}"


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_every_command_of_the_tutorial_does_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one seed, in a folder whose name has spaces."""
    _afternoon(tmp_path / "an empty folder", SHORT, monkeypatch)
    results = tmp_path / "an empty folder" / "results"
    assert (results / "digits" / "report.html").is_file()
    assert (results.parent / "accuracy.pdf").is_file()


@pytest.mark.torture
def test_the_tutorial_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _afternoon(tmp_path / "folder", {}, monkeypatch)
