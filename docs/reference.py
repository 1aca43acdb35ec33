"""Make the reference pages from the code: commands, parts of a config, activations, and the functions of Python.

python docs/reference.py           # writes docs/reference/*.md
python docs/reference.py --check   # says which of them are not what the code says; ends with 1 where one is not
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

import actlab
from actlab import api
from actlab.cli import app
from actlab.registry import Entry, find
from actlab.show.rendering import markdown_text

FOLDER = Path(__file__).with_name("reference")
MADE = "<!-- made by docs/reference.py from the code; edit that -->\n"
KINDS = ("model", "dataset", "optimizer", "schedule", "initializer", "probe")


def pages() -> dict[str, str]:
    """Name to text of each page."""
    return {
        "commands.md": commands(), "activations.md": activations(), "parts.md": parts(), "python.md": python(),
    }  # fmt: skip


def commands() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    found: Any = typer.main.get_command(app)
    lines = ["# Commands", "", found.help, "", "Exit codes: 0 all done; 1 the answer is no (a run failed, a claim is",
             "refuted, two runs differ); 2 the command line or a config is wrong; 130 and 143 after Ctrl-C and",
             "SIGTERM."]  # fmt: skip
    for name, command in sorted(found.commands.items()):
        if command.hidden:
            continue
        context = typer.Context(command, info_name=f"actlab {name}")
        arguments = [p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument"]
        usage = " ".join(["actlab", name, *arguments, "[OPTIONS]"])
        lines += ["", f"## {name}", "", inspect.cleandoc(command.help or ""), "", "```text", usage, "```"]
        records = [parameter.get_help_record(context) for parameter in command.params if parameter.name != "help"]
        rows = [[f"`{re.sub(' <list.*>', '', names)}`", text] for names, text in filter(None, records)]
        lines += ["", *_table(("option", "what it says"), rows)] if rows else []
    return _page(lines)


def activations() -> str:
    """The activations with what is stated of each; the conformance suite holds it against measurements."""
    frame = actlab.activations()
    rows = [
        [f"`{name}`", row["formula"], _range(row["range"]), {True: "yes", False: "no"}.get(row["monotonic"], "?"),
         _parameters(row["parameters"]), row["source"]]
        for name, row in frame.iterrows()
    ]  # fmt: skip
    lines = ["# Activations", "", f"{len(frame)} of them. `actlab activations NAME --check` holds what is stated",
             "of one against measurements, `--plot FILE` draws it.", "",
             *_table(("activation", "formula", "range", "monotonic", "parameters", "source"), rows)]  # fmt: skip
    return _page(lines)


def parts() -> str:
    """Models, datasets, optimizers, schedules, initializers and probes with their parameters."""
    lines = ["# Models, datasets, optimizers, initializers, probes", "",
             "Each is written as a name, or as `{name: ..., parameter: value}`."]  # fmt: skip
    for kind in KINDS:
        entries: Sequence[Entry[Any]] = list(find(kind))
        rows = [
            [f"`{entry.name}`" + "".join(f", `{alias}`" for alias in entry.aliases), entry.summary,
             _parameters({p.name: None if p.required else p.default for p in entry.parameters})]
            for entry in entries
        ]  # fmt: skip
        lines += ["", f"## {kind.capitalize()}s", "", *_table((kind, "what it is", "parameters"), rows)]
    return _page(lines)


def python() -> str:
    """The functions and classes of `import actlab`, with their docstrings."""
    lines = ["# Python", "", "Examples are in [python.md](../python.md)."]
    for name in ("run", "load", "compare", "report", "activation", "activations"):
        lines += _documented(f"actlab.{name}", getattr(actlab, name))
    for of in (api.TrainedExperiment, api.LoadedRun, api.Comparison):
        lines += _documented(of.__name__, of)
        lines += [line for name, member in _members(of) for line in _documented(f"{of.__name__}.{name}", member, "###")]
    return _page(lines)


def _members(of: type) -> Iterator[tuple[str, Any]]:
    for name, member in vars(of).items():
        if not name.startswith("_"):
            yield name, getattr(member, "func", getattr(member, "fget", member))


def _documented(title: str, of: Any, level: str = "##") -> list[str]:
    signature = "" if isinstance(of, type) else re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(of)))
    return ["", f"{level} {title}", "", "```python", f"{title.rpartition('.')[2]}{signature}", "```", "",
            "```text", inspect.getdoc(of) or "", "```"]  # fmt: skip


# --- pieces --------------------------------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    escaped = [
        [cell if cell.startswith("`") else markdown_text(cell).replace("\\`", "`") for cell in row] for row in rows
    ]
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *escaped)]


def _parameters(parameters: Mapping[str, Any]) -> str:
    return ", ".join(name if value is None else f"{name}={_written(value)}" for name, value in parameters.items())


def _written(value: Any) -> str:
    return "" if value in (None, (), [], {}) or "Undefined" in repr(value) else str(value)


def _range(ends: Any) -> str:
    return "?" if ends is None else " … ".join(f"{end:.4g}".replace("inf", "∞") for end in ends)


def _page(lines: Sequence[str]) -> str:
    return MADE + "\n" + "\n".join(lines) + "\n"


def main(check: bool) -> int:
    """Write the pages, or say which are stale."""
    stale = []
    for name, text in pages().items():
        file = FOLDER / name
        if check and (not file.exists() or file.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            FOLDER.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    if stale:
        print(f"not what the code says: {', '.join(stale)}; python docs/reference.py makes them anew")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
