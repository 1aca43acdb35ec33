"""The command line. Each command says what it takes and calls the layer below; what is heavy is imported inside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from actlab import __version__
from actlab.errors import ActlabError

app = typer.Typer(
    name="actlab", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compare activation functions: train every condition of a study from one YAML file, and say what came out.",
)  # fmt: skip

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="config files", show_default=False)]
Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH...", help="run or experiment directories", show_default=False)
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="change a key of the config; may be repeated")
]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output on stdout, all else on stderr")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="folder with NAME.npz files; or $ACTLAB_DATA_DIR")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or gpu")]


@app.callback(invoke_without_command=True)
def options(
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    if version:
        typer.echo(f"actlab {__version__}")
        raise typer.Exit


@app.command()
def run(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")] = Path("results"),
    set_: Set = None,
    force: Annotated[bool, typer.Option("--force", help="train finished runs anew")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="train failed and diverged runs again")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="stop at the first run that fails")] = False,
    workers: Annotated[str, typer.Option("--workers", "-w", help="processes at a time; auto or a number")] = "auto",
    per_gpu: Annotated[int, typer.Option("--per-gpu", min=1, help="workers that share a GPU")] = 1,
    retries: Annotated[int, typer.Option("--retries", min=0, help="further attempts at a run that fails")] = 1,
    run_timeout: Annotated[float | None, typer.Option("--run-timeout", min=1, help="seconds one run may take")] = None,
    checkpoint_seconds: Annotated[float, typer.Option("--checkpoint-seconds", min=0.0, help="work at risk")] = 30.0,
    device: Device = "auto",
    data_dir: DataDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be trained, and train nothing")] = False,
    report: Annotated[bool, typer.Option("--report", help="keep a report.html in the experiment current")] = False,
    json: Json = False,
) -> None:
    """Train every run of the config files, sweeps included. What is done already is skipped."""
    from actlab.commands import run as command

    raise typer.Exit(command.run(**{k: v for k, v in locals().items() if k != "command"}))


@app.command()
def check(files: Files, set_: Set = None, json: Json = False) -> None:
    """Validate config files and print their plan: each run, its label and hash, and what varies."""
    from actlab.commands import check as command

    command.check(files, tuple(set_ or ()), json)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a config file."""
    import json

    from actlab.spec.config import schema

    typer.echo(json.dumps(schema(), indent=2))


@app.command()
def compare(
    paths: Paths,
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="such as val_accuracy; repeatable, the first is judged")
    ] = None,
    at: Annotated[
        str, typer.Option("--at", help="last, best-validation, 'step N', 'epoch N', area, max, min or mean")
    ] = "last",
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="condition, value or key=value to compare with; default: the first")
    ] = None,
    reach: Annotated[float | None, typer.Option("--reach", help="also give epochs and seconds to this level")] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="config keys to group by; repeatable")] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", help="which runs, as in activation=relu,optimizer.learning_rate<0.1")
    ] = None,
    sort: Annotated[str | None, typer.Option("--sort", help="column to sort by")] = None,
    seeds: Annotated[bool, typer.Option("--seeds", help="also print each seed's value")] = False,
    form: Annotated[str, typer.Option("--format", help="table, csv, json, markdown, latex or html")] = "table",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="folder for comparison.csv and plots, or a file for the table")
    ] = None,
    json: Json = False,
) -> None:
    """Compare finished runs: a row for each condition, over its seeds, held against a baseline; plots."""
    from actlab.commands import compare as command
    from actlab.commands.paths import found

    given = {name: value for name, value in locals().items() if name not in ("command", "found") and value is not None}
    command.compare(**{**given, "paths": list(map(found, paths))})


@app.command()
def claims(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="experiment directories or config files", show_default=False)
    ],
    results: Annotated[
        Path | None, typer.Option("--results", "-o", help="where the runs of the config files are; default: results")
    ] = None,
    json: Json = False,
) -> None:
    """Hold the claims of config files against their runs: supported, refuted or undecided, and why."""
    from actlab.commands import claims as command
    from actlab.commands.paths import found

    raise typer.Exit(command.claims(list(map(found, paths)), results, json))


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="a run directory", show_default=False)],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="another one", show_default=False)],
    json: Json = False,
) -> None:
    """Say what differs between two runs: config, data, environment, outcome. Ends with 1 where something does."""
    from actlab.commands import diff as command

    raise typer.Exit(command.diff(first, second, json))


@app.command()
def report(
    paths: Paths,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="a file; default: report.html there")] = None,
    form: Annotated[str, typer.Option("--format", help="html, or markdown for a README")] = "html",
    title: Annotated[str | None, typer.Option("--title", help="of the page")] = None,
    metrics: Annotated[list[str] | None, typer.Option("--metric", "-m", help="as in actlab compare")] = None,
    at: Annotated[str, typer.Option("--at", help="as in actlab compare")] = "last",
    baseline: Annotated[str | None, typer.Option("--baseline", help="as in actlab compare")] = None,
    by: Annotated[list[str] | None, typer.Option("--by", help="as in actlab compare")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="as in actlab compare")] = None,
) -> None:
    """Write the page that one sends to others: question, verdicts, table, figures, data, how to reproduce."""
    from actlab.commands import report as command
    from actlab.commands.paths import found

    command.report(list(map(found, paths)), form, out, title, metrics or [], at, baseline, by or [], where or [])


@app.command()
def watch(
    paths: Paths,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open the page")] = True,
) -> None:
    """Show the report in a browser of this machine; it reloads by itself while runs train."""
    from actlab.commands import watch as command
    from actlab.commands.paths import folders

    raise typer.Exit(command.watch(folders(paths), port, browser))


@app.command(name="list")
def list_(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH...]", help="default: results")] = None,
    json: Json = False,
) -> None:
    """List the runs of a results folder with their numbers."""
    from actlab.commands import look
    from actlab.commands.paths import folders

    look.list_runs(folders(paths), json)


@app.command()
def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="a run directory, or its name in results")],
    layers: Annotated[bool, typer.Option("--layers", help="what the probes saw, layer by layer, instead")] = False,
    json: Json = False,
) -> None:
    """Show one run: config, environment, outcome, files; or what its probes saw."""
    from actlab.commands import look

    look.show(run, layers, json)


@app.command()
def status(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[PATH...]", help="default: results")] = None,
    json: Json = False,
) -> None:
    """Say how far experiments are: what trains now, what is done, failed or still to come, and the time left."""
    from actlab.commands import look
    from actlab.commands.paths import folders

    look.status(folders(paths), json)


@app.command()
def reproduce(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="the directory of a finished run")],
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Train a finished run again from its record, and say whether every byte came out the same."""
    from actlab.commands import reproduce as command

    raise typer.Exit(command.command(run, data_dir, json))


@app.command()
def activations(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="an activation; all if absent")] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="X,...", help="points, as in --at=-2,-1,0,1,2")] = None,
    formula: Annotated[str | None, typer.Option("--formula", help='your own, as in "where(x > 0, x, 0.1*x)"')] = None,
    set_: Set = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="draw function and slope into a file")] = None,
    check: Annotated[bool, typer.Option("--check", help="hold the stated properties against measurements")] = False,
    json: Json = False,
) -> None:
    """List the activations; or print, draw and check one of them."""
    from actlab.commands import activations as command

    raise typer.Exit(command.activations(name, at, formula, tuple(set_ or ()), plot, check, json))


@app.command()
def probes(json: Json = False) -> None:
    """List the probes: what can be measured inside a network while it learns."""
    from actlab.commands import probes as command

    command.probes(json)


@app.command()
def data(
    action: Annotated[str, typer.Argument(help="list, fetch or verify")] = "list",
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="datasets; all if absent")] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the datasets and where they lie; fetch or verify them."""
    from actlab.commands import data as command

    raise typer.Exit(command.data(action, names or [], data_dir, json))


def main() -> None:
    """The command `actlab`: an error that a person can mend is one message, and exit code 2."""
    try:
        app()
    except ActlabError as error:
        if "--debug" in sys.argv:
            raise
        from actlab.commands.output import printable

        sys.stderr.write(f"{printable(str(error))}\n")
        sys.exit(2)
