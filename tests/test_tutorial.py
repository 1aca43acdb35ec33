"""The tutorial holds: typed into an empty folder, its files and commands give what the page shows.

The numbers of another machine differ: of what is shown and what is printed, the words and the order count.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def _afternoon(folder: Path, changes: dict[str, str]) -> None:
    """Write each file and type each command of the page, in their order.

    Where the files are changed, a run given again finds all of it done, and judges have less to say than on the page.
    """
    folder.mkdir()
    (bin_ := folder.with_name("bin")).mkdir()
    for name, words in {"actlab": '-W error -m actlab "$@"', "python": '"$@"'}.items():
        (bin_ / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}\n')
        (bin_ / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "COLUMNS": "200"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
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
            done = subprocess.run(
                ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, encoding="utf-8", check=False
            )
            printed = done.stdout + done.stderr
            assert done.returncode == expected, f"{command}\n{printed}"
            if changes and (command in typed or JUDGING & set(command.split())):
                continue
            typed.add(command)
            lines = iter(_form(printed))
            for line in filter(lambda line: line not in ("", "..."), _form(shown)):
                assert line in lines, f"{command}\n{printed}\nlacks: {line}"


def test_every_command_of_the_tutorial_does_what_the_page_shows(tmp_path: Path) -> None:
    """With one seed, in a folder whose name has spaces."""
    _afternoon(tmp_path / "an empty folder", SHORT)
    results = tmp_path / "an empty folder" / "results"
    assert (results / "digits" / "report.html").is_file()
    assert (results.parent / "accuracy.pdf").is_file()


@pytest.mark.torture
def test_the_tutorial_as_it_stands(tmp_path: Path) -> None:
    _afternoon(tmp_path / "folder", {})
