"""Standard streams that are full, closed or read by nobody any more: one sentence or none, and no traceback."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlab.runs.folder import COMPARISON, EXPERIMENT
from torture.matrix import Cases, row

CONFIG = "dataset: synth_mnist\nmodel: mnist_dense\nactivation: relu\nepochs: 3\nsweep: {seed: {range: 2}}\n"
COMMANDS = {
    "compare": "results/study", "list": "", "report": "results/study", "claims": "results/study", "status": "",
    "check": f"results/study/{EXPERIMENT}", "show": "relu-seed0", "diff": "relu-seed0 relu-seed1", "schema": "",
    "probes": "", "data": "", "activations": "", "--help": "", "--version": "", "compare --json": "results/study",
    "report --format markdown": "results/study", "run --dry-run": f"results/study/{EXPERIMENT}", "--nonsense": "",
    "compare nothing": "", "watch nothing": "",
}  # fmt: skip
STREAMS = {  # what is done to them, and the exit code where it is not the command's own
    "> /dev/full": 1, ">&-": None, "2>&-": None, ">&- 2>&- <&-": None, "2> /dev/full": None, "| head -c1": 1,
}  # fmt: skip
WRONG = ("--nonsense", "compare nothing", "watch nothing")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@row(7, "standard streams full, closed, or read no more", quick=1, full=len(COMMANDS) * len(STREAMS))
def test_streams_that_take_nothing(
    cases: Cases, tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., Any]
) -> None:
    study = tmp_path / "results" / "study"
    for seed in range(2):
        made = make_run(study, resolved(seed=seed, dataset="synth_mnist"), [0.9, 0.95])
        made.rename(made.with_name(f"relu-seed{seed}"))
    (study / EXPERIMENT).write_text(CONFIG)
    whole = list(itertools.product(COMMANDS, STREAMS))
    some = [("compare", "> /dev/full"), ("list", ">&- 2>&- <&-"), ("report", "2> /dev/full")]
    for case in cases:
        command, stream = (whole if cases.count == len(whole) else some)[case]
        line = f"{sys.executable} -W error -m actlab {command} {COMMANDS[command]}"
        ended = subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{line} {stream}"], cwd=tmp_path, capture_output=True, text=True,
            encoding="utf-8", env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        what, own = f"{command} {stream}", 2 if command in WRONG else int(command == "diff")
        allowed = {own, STREAMS[stream] if own != 2 and STREAMS[stream] is not None else own}
        allowed |= {1} if what == "--nonsense 2> /dev/full" else set()  # Typer's own message, which nobody reads
        cases.hold(ended.returncode in allowed, f"{what}: exit {ended.returncode}: {ended.stderr[-200:]}")
        wrong = [word for word in ("Traceback", "Error", "Exception") if word in ended.stderr]
        cases.hold(not wrong or command == "--nonsense", f"{what}: {ended.stderr[-200:]}")
        if stream == "> /dev/full" and own != 2:
            cases.hold(
                ended.stderr == "stdout: cannot be written: no space left on device\n", f"{what}: {ended.stderr}"
            )
        if command == "compare" and stream != "> /dev/full":
            head = (study / COMPARISON).read_text()[:2] if (study / COMPARISON).exists() else "n,"
            cases.hold(head == "n,", f"{what}: {COMPARISON} holds what was printed: {head!r}")
