"""How to reproduce a report, followed to the letter in an empty folder: the same runs and the same report."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

STUB = Path(__file__).with_name("stub_actlab.py")
NAMELESS = """\
dataset: {{name: synth_mnist, train_images: 1200, test_images: 200}}
model: {{name: mnist_dense, hidden: [8]}}
activation: relu
epochs: 2
sweep: {{activation: [relu, tanh], seed: {{range: 2}}}}
{more}"""
NAMED = "name: named\n" + NAMELESS
COMMENT = "# --set epochs=7\n" + NAMELESS
QUESTION = 'description: "Does it \\"help\\"?\\n\\ttabbed; $HOME `x` \u00e9"\n'


def shell(script: str, folder: Path, program: str) -> str:
    """What a shell answers that knows `actlab`."""
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "actlab").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {program} "$@"\n')
    (tools / "actlab").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "COLUMNS": "200",
                   "PYTHONPATH": os.pathsep.join([str(STUB.parent), *sys.path])}  # fmt: skip
    done = subprocess.run(["bash", "-e", "-c", script], cwd=folder, env=environment, capture_output=True,
                          encoding="utf-8")  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commands(page: str) -> list[str]:
    """The commands of a page, as a reader copies them from it; each once."""
    texts = re.findall(r'<pre class="commands".*?>(.*?)</pre>', page, re.DOTALL)
    lines = "".join(unescape(re.sub(r"<[^>]*>", "", text)) for text in texts)
    found = [command.strip() for command in re.split(r"(?m)^# .*$", lines) if command.strip()]
    runs = [command for command in found if not command.startswith("actlab report ")]
    return [*runs, next(command for command in found if command.startswith("actlab report "))]


def follow(page: str, folder: Path, program: str, but: str = "nothing") -> str:
    """Download what the page offers into an empty folder, and type its commands; the page that comes out."""
    folder.mkdir()
    for name, data in re.findall(r'<a download="([^"]*\.yaml)" href="data:text/yaml;charset=utf-8,([^"]*)"', page):
        (folder / unescape(name)).write_bytes(unquote_to_bytes(unescape(data)))
    shell("\n".join(command for command in commands(page) if f"actlab {but} " not in command), folder, program)
    return (folder / "report.html").read_text()


def timeless(page: str) -> str:
    """Without times, and what goes with them."""
    page = re.sub(
        r"\d{4}-\d\d-\d\dT[\d:]+Z|wall_seconds: [\d.]+|\d+\.\d+ ?GiB|peak_memory_gib: [\d.]+|timing\.csv: \w+", "", page
    )
    page = re.sub(r'(<td class="number">)[\d.e-]+(<small></small>)?(?=</td>\n<td class="word">)', r"\1", page)
    return re.sub(r"data:text/csv[^\"]*", "", page)  # the table has seconds an epoch; histories are held by their bytes


def histories(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("results*/*/*/history.csv")}


CASES = {
    "a config without a name": "actlab run study.yaml; actlab report results/study -o report.html",
    "a file with spaces in its name": "cp study.yaml 'my study.yaml'; actlab run 'my study.yaml'; "
    "actlab report results/* -o report.html",
    "changes of the command line": "actlab run study.yaml --set epochs=1 --set 'description=it'\\''s \"2\" \\\\ words' "
    "--set description=$'two\\n\\nlines' --set 'description=-x' --set 'sweep.optimizer.learning_rate=[0.1, 0.01]'; "
    "actlab report results/study -o report.html",
    "a tab, an escape and another script": "actlab run study.yaml --set $'description=\"a\\tb\"' --set 'name=A.b_c'; "
    "actlab report results/* -o report.html",
    "a comment that looks like a change": "cp comment.yaml study.yaml; actlab run study.yaml; "
    "actlab report results/study -o report.html",
    "a change, and such a comment": "cp comment.yaml study.yaml; actlab run study.yaml --set epochs=1; "
    "actlab report results/study -o report.html",
    "two experiments, and what the page was asked for": "actlab run study.yaml named.yaml; actlab report "
    "results/study results/named --title 'A \"title\"' --metric val_loss --baseline tanh --at 'epoch 1' "
    "--where 'seed<5' -o report.html",
    "two of one name in different places": "actlab run named.yaml -o a; actlab run named.yaml -o b --set epochs=1; "
    "actlab report a/named b/named -o report.html",
    "another place": "actlab run named.yaml -o 'my results'; actlab report 'my results/named' -o report.html",
    "runs of an experiment": "actlab run study.yaml; actlab report results/study/relu-* -o report.html",
}  # fmt: skip


QUICK = ("two experiments, and what the page was asked for", "a change, and such a comment")


@pytest.mark.slow
@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.torture) for c in CASES])
def test_a_report_is_made_again_from_itself(case: str, tmp_path: Path) -> None:
    first = tmp_path / "a folder with 'spaces'"
    first.mkdir()
    for name, text in (("study", NAMELESS), ("named", NAMED), ("comment", COMMENT)):
        (first / f"{name}.yaml").write_text(text.format(more=QUESTION), encoding="utf-8")
    shell(CASES[case], first, shlex.quote(str(STUB)))
    page = (first / "report.html").read_text()
    second = follow(page, tmp_path / "again", shlex.quote(str(STUB)), but="reproduce")
    before, after = histories(first), histories(tmp_path / "again")
    if case in ("two of one name in different places", "another place"):
        assert sorted(before.values()) <= sorted(after.values())
    else:
        assert before == after
    assert timeless(second) == timeless(page)


@pytest.mark.torture
def test_a_report_is_made_again_by_real_trainings(tmp_path: Path) -> None:
    first = tmp_path / "a folder with 'spaces'"
    first.mkdir()
    (first / "study.yaml").write_text(NAMELESS.format(more=QUESTION), encoding="utf-8")
    shell("actlab run study.yaml --set epochs=1; actlab report results/study -o report.html", first, "-m actlab")
    page = (first / "report.html").read_text()
    second = follow(page, tmp_path / "again", "-m actlab")
    assert histories(first) == histories(tmp_path / "again") != {}
    assert timeless(second) == timeless(page)
