"""`actlab compare`: what came out, by condition, and what may be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from actlab.commands import formats
from actlab.commands.comparison_table import caption, fitting, remarks, seed_columns
from actlab.commands.output import console
from actlab.errors import ActlabError
from actlab.run.fitted import FittedTable
from actlab.run.folder import COMPARISON, RECORD, make_folder, write_bytes
from actlab.run.record import Run, discover
from actlab.show import drawing
from actlab.study import compare as comparing
from actlab.study import measures
from actlab.study.compare import Comparison


def compare(
    paths: list[Path], metrics: Sequence[str] = (), by: Sequence[str] = (), sort: str | None = None,
    out: Path | None = None, json: bool = False, baseline: str | None = None, at: str = "last",
    reach: float | None = None, where: Sequence[str] = (), form: str = "table", seeds: bool = False,
) -> None:  # fmt: skip
    """Print the table of conditions, and write it and the figures.

    Args:
        paths: run or experiment directories.
        metrics, by, sort, baseline, at, reach: as `actlab.study.compare.compare` has them.
        out: a file to write the table to in the format of its ending, or a folder for comparison.csv and the figures;
            None is the folder of the experiment, unless the table is printed for another program.
        json: the same as the form "json".
        where: conditions on the config, between commas.
        form: "table" for people; "csv", "json", "markdown", "latex" or "html".
        seeds: also print each seed's value, whatever the width.
    """
    form = "json" if json else form
    formats.check_format(form)
    conditions = [condition for text in where for condition in measures.parse_where(text)]
    runs, passed_over = discover(paths)
    if not runs:
        raise ActlabError("\n".join(["no runs to compare", *passed_over[:10]]))
    comparison = comparing.compare(runs, metrics, by, sort, baseline, at, conditions, reach)
    files = _write(comparison, out or (_folder(paths) if form == "table" else None), title(runs), seeds)
    if form == "table":
        _print(comparison, passed_over, files, seeds)
        return
    more = {"passed_over": passed_over, "files": list(map(str, files))} if form == "json" else {}
    typer.echo(formats.written(comparison, form, title(runs), seeds, **more), nl=False)


def _write(comparison: Comparison, out: Path | None, title: str, seeds: bool) -> list[Path]:
    """Write the table to a file; or the table and the figures into a folder."""
    if out is None:
        return []
    form = formats.format_of(out)
    if form:
        make_folder(out.parent)
        write_bytes(out, formats.written(comparison, form, title, seeds).encode())
        return [out]
    make_folder(out)
    write_bytes(out / COMPARISON, formats.written(comparison, "csv", title).encode())
    return [out / COMPARISON, *drawing.draw(out, comparison, title)]


def _folder(paths: list[Path]) -> Path:
    """Where the files go: into the experiment that was named, or the folder above several."""
    if len(paths) > 1:
        parents = {path.resolve().parent for path in paths}
        return parents.pop() if len(parents) == 1 else Path.cwd()
    return paths[0].parent if (paths[0] / RECORD).is_file() else paths[0]


def title(runs: list[Run]) -> str:
    """What the figures are of: the experiments that the runs are part of."""
    names = list(dict.fromkeys(run.path.resolve().parent.name or "comparison" for run in runs))
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} other experiments"


def _print(comparison: Comparison, passed_over: list[str], files: list[Path], seeds: bool) -> None:
    out = console()
    out.print(FittedTable(fitting(comparison, out.width)))
    if seeds:
        out.print(Text(""))
        out.print(FittedTable(seed_columns(comparison)))
    for sentence in (*caption(comparison), *remarks(comparison)):
        out.print(Text(sentence))
    for sentence in passed_over[:5]:
        out.print(Text(f"passed over: {sentence}"), soft_wrap=True)
    if len(passed_over) > 5:
        out.print(Text(f"passed over: {len(passed_over)} paths in all"))
    out.print(Text("files: " + ", ".join(map(str, files))), soft_wrap=True)
