"""Any name of a folder that the file system takes can be listed, shown, compared, claimed, diffed, reported, watched.

What was trained has a name of ours; what lies on the disk may have been renamed, copied or unpacked by anybody.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlab import cli
from actlab.runs.folder import EXPERIMENT
from actlab.show.page.current import Watch
from torture.matrix import Cases, row

CONFIG = """\
dataset: mnist
model: mnist_dense
activation: relu
epochs: 3
sweep: {seed: {range: 2}}
claims: [{metric: val_accuracy, of: {activation: relu}, is: "> 0.5"}]
"""
NAMES: dict[str, str | bytes] = {
    "copy": "base (copy)",
    "non-UTF-8 bytes": b"caf\xe9 \xff",
    "newline": "a\nb",
    "dash": "-rf",
    "script": "<script>alert(1)<&",
    "markup": "[red]a[bold] {x}",
    "escape codes": "\x1b[31m\x07\x9b",
    "right to left": "abc\u202edef \u05d0\u05d1",
    "quotes": 'it\'s "so" `x`',
    "mathematics": "$\\frac{1}{2}$ $x",
    "percent": "100% %s %(a)d",
    "braces": "{} {0} {a!r}",
    "spaces": "  two  spaces ",
    "emoji": "\U0001f600\U0001f3fd e\u0301",
    "longest": "x" * 255,
    "backslash": "a\\b\\n",
    "glob": "*?[a]",
    "dots": "...",
    "shell": "#1 !$& ;|>",
    "tab": "a\tb\r",
    "option": "--help",
    "another run's": "relu-seed0-" + "0" * 8,
    "wide signs": "活性化関数" * 16,
    "line separators": "a\u2028b\u0085c",
    "comma": "a,b;c=d",
    "yaml": "a: [b, {c: *d",
    "override": "# --set epochs=1",
}


def _renamed(path: Path, name: str | bytes) -> Path:
    return path.rename(path.with_name(name if isinstance(name, str) else os.fsdecode(name)))


def _actlab(arguments: list[str], encoding: str, patch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Exit code and output of a command whose terminal has an encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    with patch.context() as here:
        here.setattr(sys, "argv", ["actlab", *arguments])
        here.setattr(sys, "stdout", streams[0])
        here.setattr(sys, "stderr", streams[1])
        with pytest.raises(SystemExit) as end:
            cli.main()
    for stream in streams:
        stream.flush()
    texts = [stream.buffer.getvalue().decode() for stream in streams]  # type: ignore[attr-defined]  # files are UTF-8
    return int(end.value.code or 0), "".join(texts)


@row(10, "folders renamed to anything are listed, compared, reported, watched", quick=3, full=len(NAMES))
def test_any_folder_name(
    cases: Cases, tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for case, (kind, name) in zip(cases, NAMES.items(), strict=False):
        here = tmp_path / str(case)
        study = here / "results" / "study"
        runs = [make_run(study, resolved(seed=seed), [0.9, 0.95]) for seed in range(2)]
        (study / EXPERIMENT).write_text(CONFIG)
        run = _renamed(runs[0], name)
        study = _renamed(study, name)
        run = study / run.name
        monkeypatch.chdir(here)
        relative, other = f"results/{study.name}", f"results/{study.name}/{runs[1].name}"
        commands: list[list[str]] = [
            ["list"], ["list", "--json"], ["status"], ["status", "--json"],
            ["show", f"{relative}/{run.name}"], ["show", "--json", "--", run.name],
            ["diff", f"{relative}/{run.name}", other],
            ["claims", relative], ["claims", relative, "--json"], ["compare", relative, "--wide", "--seeds"],
            *(["compare", relative, "--format", form] for form in ("csv", "json", "markdown", "latex", "html")),
            ["report", relative], ["report", "results", "--format", "markdown"],
        ]  # fmt: skip
        for encoding in (("ascii", "utf-8")[case % 2],) if cases.count < len(NAMES) else ("utf-8", "ascii"):
            for arguments in commands:
                try:
                    code, text = _actlab(arguments, encoding, monkeypatch)
                except Exception as error:
                    cases.hold(False, f"{kind}: {arguments[0]}: {encoding}: {type(error).__name__}: {error}")
                    continue
                expected = 1 if arguments[0] == "diff" else 0
                cases.hold(code == expected, f"{kind}: {arguments}: {encoding}: exit {code}: {text[-300:]}")
                raw = {sign for sign in text if not sign.isprintable()} - {"\n"}
                cases.hold(not raw, f"{kind}: {arguments}: {encoding}: prints {raw}")
        cases.hold((study / "report.html").is_file(), f"{kind}: no report")
        page = (study / "report.html").read_text(encoding="utf-8")
        cases.hold("<script>alert" not in page and "\x1b" not in page, f"{kind}: the name is markup in the report")
        with Watch([study]) as watched:
            cases.hold(b"Nothing to show yet" not in watched.page(), f"{kind}: watch")
