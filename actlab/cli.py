"""The command line. Each command calls one wing and shows the answer; what is slow to import is imported inside.

Answers go to stdout, and all else to stderr where --json is asked for. Exit codes: 0; 1 where the answer is no (a run
failed, a claim is refuted, two runs differ); 2 where the question is wrong; 128 + n after signal n.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import gc
import io
import json as jsonlib
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from actlab import __version__
from actlab.environment import RESULTS, pin_process, usable_cores
from actlab.errors import ActlabError, DatasetError, RunDirError, UnknownName, counted
from actlab.show import completion
from actlab.signals import Signals

if TYPE_CHECKING:
    from actlab.runs.job import Outcome
    from actlab.runs.record import Run
    from actlab.runs.sweep import Sweep
    from actlab.show.figures.style import Draw
    from actlab.show.tables import Terminal
    from actlab.spec.claim import Claim
    from actlab.spec.plan import Plan
    from actlab.study.claims import Evidence, Study
    from actlab.study.registration import Wording

app = typer.Typer(
    name="actlab", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compare activation functions: train every condition of a study from one YAML file, and say what came out.",
)  # fmt: skip

ENDS_SOON = "the process ends with the command"
MOST_GROUPS = 8  # lines of what is trained together
MOST_RUNS = 200  # rows of a table of runs
MOST_VALUES = 20  # of a swept key that `check` writes out
Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        help="config files; - reads standard input",
        show_default=False,
        autocompletion=completion.configs,
    ),
]
Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH",
        help="run or experiment directories",
        show_default=False,
        autocompletion=completion.experiments,
    ),
]
SomePaths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", help="default: results", autocompletion=completion.experiments),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="change a key of the config; may be repeated")
]


def _use_plugins(context: typer.Context, files: list[Path] | None) -> list[Path] | None:
    """Load own parts before the command begins, those of installed packages too."""
    if not context.resilient_parsing:  # completion runs no code of the user's
        from actlab import plugins

        loads = files or plugins.entry_points()
        with _quiet_tensorflow() if loads else contextlib.nullcontext():
            plugins.use(files or ())
    return files


Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE.py", callback=_use_plugins, help="run this file: it registers parts; repeatable"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output on stdout, all else on stderr")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="folder with NAME.npz files; or $ACTLAB_DATA_DIR")]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        "-m",
        help="such as val_accuracy; repeatable, the first is judged",
        autocompletion=completion.metrics,
    ),
]
At = Annotated[str, typer.Option("--at", help="last, best-validation, 'step N', 'epoch N', area, max, min or mean")]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        help="condition, value or key=value to compare with; default: the first",
        autocompletion=completion.baselines,
    ),
]
By = Annotated[
    list[str] | None, typer.Option("--by", help="config keys to group by; repeatable", autocompletion=completion.keys)
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="which runs, as in activation=relu,optimizer.learning_rate<0.1",
        autocompletion=completion.wheres,
    ),
]


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    if version:
        typer.echo(f"actlab {__version__}")
        raise typer.Exit
    if context.obj == ENDS_SOON and context.invoked_subcommand in ("compare", "report", "claims", "list", "run"):
        gc.disable()  # with a thousand runs in memory each collection takes long and frees nothing


# --- before and while runs train -------------------------------------------------------------------------------


@app.command()
def run(
    files: Files,
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the results")] = RESULTS,
    set_: Set = None,
    plugin: Plugins = None,
    force: Annotated[bool, typer.Option("--force", help="train finished runs anew")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="train failed and diverged runs again")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="stop at the first run that fails")] = False,
    workers: Annotated[str, typer.Option("--workers", "-w", help="processes at a time; auto or a number")] = "auto",
    per_gpu: Annotated[int, typer.Option("--per-gpu", min=1, help="workers that share a GPU")] = 1,
    retries: Annotated[int, typer.Option("--retries", min=0, help="further attempts at a run that fails")] = 1,
    run_timeout: Annotated[float | None, typer.Option("--run-timeout", min=1, help="seconds one run may take")] = None,
    checkpoint_seconds: Annotated[float, typer.Option("--checkpoint-seconds", min=0.0, help="work at risk")] = 30.0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or gpu")] = "auto",
    engine: Annotated[
        str, typer.Option("--engine", help="auto, tensorflow or jax: other bytes, so another run")
    ] = "auto",
    data_dir: DataDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be trained, and train nothing")] = False,
    report: Annotated[bool, typer.Option("--report", help="keep a report.html in the experiment current")] = False,
    vectorize: Annotated[
        str, typer.Option("--vectorize", help="runs that JAX trains together at most; auto, off or a number")
    ] = "auto",
    executor: Annotated[str, typer.Option("--executor", help="where runs are trained: local, ray or slurm")] = "local",
    threads: Annotated[int | None, typer.Option("--threads", help="of each run; default: the cores are shared")] = None,
    address: Annotated[str | None, typer.Option("--address", help="of a Ray cluster; default: one of its own")] = None,
    no_shared_folder: Annotated[
        bool, typer.Option("--no-shared-folder", help="bring runs back from Ray's nodes, whatever they see of --out")
    ] = False,
    slurm: Annotated[
        list[str] | None,
        typer.Option("--slurm", metavar="NAME=VALUE,...", help="options of sbatch, as partition=gpu,time=2:00:00"),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="leave the runs to Slurm")] = False,
    log: Annotated[
        list[str] | None,
        typer.Option("--log", metavar="TRACKER[=PLACE]", help="also to tensorboard, mlflow or wandb; repeatable"),
    ] = None,
    json: Json = False,
) -> None:
    """Train every run of the config files, sweeps included. What is done already is skipped."""
    from actlab import api
    from actlab.runs.executors import sbatch_options
    from actlab.runs.sweep import choose_engine
    from actlab.show.tables import Terminal
    from actlab.show.trackers.process import Tracking
    from actlab.spec.plan import read_all

    tracking = Tracking(log or ())
    plans = [choose_engine(plan, engine, device, out) for plan in read_all(files, set_ or ())]
    if workers != "auto" and not workers.isdecimal():
        raise ActlabError(f"--workers: expected auto or a number from 1, read {workers!r}")
    if vectorize not in ("auto", "off") and not vectorize.isdecimal():
        raise ActlabError(f"--vectorize: expected auto, off or a number from 1, read {vectorize!r}")
    together = None if vectorize == "auto" else 1 if vectorize == "off" else int(vectorize)
    where = api.executor_of(
        executor, address=address, shared_folder=not no_shared_folder, slurm=sbatch_options(slurm or ()), detach=detach
    )
    talk, answers, code = Terminal(stderr=json), list[dict[str, Any]](), 0
    for plan in plans:
        sweep = api.prepared(
            plan, device, where, talk, together, out=out, data_dir=data_dir, per_gpu=per_gpu, force=force,
            workers=None if workers == "auto" else int(workers), retry_failed=retry_failed,
            checkpoint_seconds=checkpoint_seconds, threads=threads,
        )  # fmt: skip
        if dry_run:
            answers.append(_foretell(sweep, talk))
            continue
        page = None
        if report:
            from actlab.runs.folder import REPORT
            from actlab.show.page.current import CurrentReport

            page = CurrentReport(sweep.folder, sweep.folder / REPORT)
        gc.freeze()  # the plan, which stays: of 10,000 runs each collection would take a tenth of a second
        gc.enable()
        with Signals() as signals:
            sweep.begin()
            limits = {"retries": retries, "run_timeout_seconds": run_timeout, "fail_fast": fail_fast}
            outcomes = api.train(sweep, signals, talk, page, where, tracking, per_gpu=per_gpu, **limits)
            unlogged = tracking.finish([run.path for run in sweep.runs(outcomes)], signals)
        answer, ended = _finish(sweep, outcomes, talk, json)
        for problem in unlogged:
            talk.print(problem, style="bold yellow", soft_wrap=True)
        answers.append(answer)
        code = max(code, ended)
        if page and not signals.received:  # who stops a sweep waits for no page
            page.finish()
            talk.print(page.problem or f"report: {page.path}", soft_wrap=True)
        if signals.received:
            code = 128 + signals.received
        if signals.received or (code and fail_fast):
            break
    if json:
        _print_json(answers)
    raise typer.Exit(code)


def _foretell(sweep: Sweep, talk: Terminal) -> dict[str, Any]:
    """Say what would be trained, resumed, copied and skipped, and how long it might take."""
    from actlab.runs.progress import duration, in_words
    from actlab.runs.sweep import resumable
    from actlab.show import words

    acts = [("skip", run.path) for run in sweep.ended] + [("copy", job.path) for _, job in sweep.elsewhere]
    acts += [("resume" if resumable(job) else "train", job.path) for job in sweep.jobs]
    for act, path in acts:
        talk.print(f"{act:7} {path}", soft_wrap=True)
    counts = {act: sum(a == act for a, _ in acts) for act in ("train", "resume", "copy", "skip")}
    seconds = sweep.estimate_seconds() if sweep.jobs else 0.0
    left = "no finished run of this kind tells how long" if seconds is None else f"about {duration(seconds)}"
    talk.print(f"{in_words({f'to {act}': n for act, n in counts.items()})}; {left}", style="bold")
    together = words.together([[job.config for job in task.group] for task in sweep.tasks()])
    for line in _few_lines(together, "trained together"):
        talk.print(line)
    runs = [{"path": str(path), "act": act} for act, path in acts]
    return {
        "experiment": sweep.plan.experiment.name, "counts": counts, "seconds": seconds, "together": together,
        "runs": runs,
    }  # fmt: skip


def _finish(sweep: Sweep, outcomes: dict[Path, Outcome], talk: Terminal, json: bool) -> tuple[dict[str, Any], int]:
    """Print the runs, draw the curves, print the last line; returns the answer as plain data, and the exit code."""
    from actlab import api
    from actlab.runs.progress import count, duration, in_words
    from actlab.runs.record import state_of
    from actlab.runs.sweep import resumable
    from actlab.show.tables import runs_table
    from actlab.show.words import ends

    runs = sweep.runs(outcomes)
    counts = count(outcomes)
    pending = sum(out.status == "interrupted" and state_of(path) == "pending" for path, out in outcomes.items())
    counts |= {"interrupted": counts.get("interrupted", 0) - pending, "pending": pending}
    before = {"done": "skipped", "failed": "failed before", "diverged": "diverged before"}
    counts |= {name: sum(run.status == status for run in sweep.ended) for status, name in before.items()}
    counts = {name: n for name, n in counts.items() if n or name in before.values()}
    if not json:
        # of very many those that were trained now, and those that are not done
        shown = runs if len(runs) <= MOST_RUNS else [r for r in runs if r.path in outcomes or r.status != "done"]
        if shown:
            talk.print(runs_table(shown))
            for line in ends(shown):
                talk.print(line)
        if len(shown) < len(runs):
            talk.print(f"done before: {counted(len(runs) - len(shown), 'run')}; `actlab list` shows them")
        talk.print(f"files: {sweep.folder}", soft_wrap=True)
    if problem := api.draw(sweep, outcomes):
        talk.print(f"not drawn: {problem}", style="bold yellow", soft_wrap=True)
    seconds = sum(run.record.get("wall_seconds", 0) for run in runs if run.path in outcomes)
    talk.print(in_words(counts) + (f"; {duration(seconds)} of training" if seconds else ""), style="bold")
    if counts.keys() & {"interrupted", "pending"}:
        without = " without --force" if sweep.forced else ""
        way = "goes on from the last checkpoint" if any(map(resumable, sweep.jobs)) else "trains the rest"
        talk.print(f"stopped; the same command{without} {way}")
    if any(run.status != "done" for run in sweep.ended):
        talk.print("what failed or diverged before was left as it is; --retry-failed trains it again")
    answer = {
        "experiment": sweep.plan.experiment.name, "folder": str(sweep.folder), "warnings": sweep.warnings,
        "counts": counts,
        "runs": [_row(run) | {"dataset": run.record.get("dataset")} for run in runs],
    }  # fmt: skip
    statuses = {outcome.status for outcome in outcomes.values()} | {run.status for run in sweep.ended}
    return answer, 0 if statuses <= {"done"} else 1


@app.command()
def check(files: Files, set_: Set = None, plugin: Plugins = None, json: Json = False) -> None:
    """Validate config files and print their plan: each run, its label and hash, and what varies."""
    from actlab import plugins
    from actlab.show.tables import Column, Table, Terminal
    from actlab.spec.plan import read_all

    plans = read_all(files, set_ or ())
    if json:
        _print_json([
            {"file": plan.source, "name": plan.experiment.name, "varies": plan.varies,
             "claims": list(map(str, plan.experiment.claims)),
             "runs": [{"label": label, "hash": c.hash, "config": c.canonical()} for label, c in plan.runs],
             "together": _together(plan),
             "merged": plan.merged, "excluded": plan.excluded, "warnings": plan.warnings}
            for plan in plans
        ])  # fmt: skip
        return
    out = Terminal()
    for plan in plans:
        labels, configs = zip(*plan.runs, strict=True)
        runs, of = (
            counted(len(plan.runs), "run"),
            f" ({', '.join(plan.varies)} var{'y' if len(plan.varies) > 1 else 'ies'})" * bool(plan.varies),
        )
        out.print(f"{plan.source}: valid; {plan.experiment.name} trains {runs}{of}", style="bold", soft_wrap=True)
        if plan.experiment.description:
            out.print(" ".join(plan.experiment.description.split()))
        for key, values in plan.varies.items():
            some = list(map(_written, values if len(values) <= MOST_VALUES else [*values[:8], values[-1]]))
            if len(values) > MOST_VALUES:
                some[-1:] = ["...", f"{some[-1]} ({len(values):,} values)"]
            out.print(f"  {key}: {', '.join(some)}")
        for used in plugins.loaded(plan.plugins):
            out.print(f"  plug-in: {used.name} (sha256 {used.sha256[:16]})")
        if probed := configs[0].probes:
            first = " of the first run" if "probes" in plan.varies else ""
            out.print(f"  probes{first}: {', '.join(probe.name for probe in probed)}")
        out.print(Table([
            Column("run", labels[:MOST_RUNS], "name"),
            Column("hash", [config.hash[:8] for config in configs[:MOST_RUNS]], "word", drop=1),
            Column("budget", [counted(c.steps, "step") if c.steps else counted(c.epochs or 0, "epoch")
                              for c in configs[:MOST_RUNS]], "word"),
        ]))  # fmt: skip
        if len(configs) > MOST_RUNS:
            out.print(f"... and {len(configs) - MOST_RUNS:,} more; --json lists all")
        merged = ", ".join(plan.merged)
        merged = merged if len(merged) <= 60 else f"{merged[:57]}..."
        texts = [counted(len(plan.runs), "run")]
        texts += [f"{counted(len(plan.merged), 'cell')} came twice, merged ({merged})"] if merged else []
        texts += [f"{counted(plan.excluded, 'cell')} excluded"] if plan.excluded else []
        out.print("; ".join(texts))
        if find_spec("jax"):  # else it is no choice that one has
            for line in _few_lines(_together(plan), "that --engine jax trains together"):
                out.print(line)
        for warning in plan.warnings:
            out.print(f"NOTE  {warning}", style="bold yellow", soft_wrap=True)
        if plan.experiment.claims:
            from actlab.study.claims import foreseen  # what it imports is slow, and most files state no claims

            for claim in plan.experiment.claims:
                out.print(f"claim: {claim}")
            if few := foreseen(plan.experiment.claims, configs):
                seeds, needed = few
                have = counted(seeds, "seed")
                out.print(
                    f"note: {have} cannot decide the claims that hold conditions against each other: {needed} can"
                )


@app.command()
def configs(json: Json = False) -> None:
    """List the configs that come with actlab: what each asks, and how long it takes here."""
    from actlab.environment import usable_cores
    from actlab.runs.progress import roughly
    from actlab.show.tables import Column, Table, Terminal
    from actlab.spec import shipped
    from actlab.spec.plan import read

    files, seconds, cores = shipped.shipped(), shipped.seconds_a_run(), usable_cores()
    plans = list(map(read, files.values()))
    questions = [shipped.question(plan.experiment.description) for plan in plans]
    times = [seconds[name] * math.ceil(len(plan.runs) / cores) for name, plan in zip(files, plans, strict=True)]
    if json:
        _print_json([
            {"name": name, "question": question, "runs": len(plan.runs), "seconds": time, "file": plan.source}
            for name, question, plan, time in zip(files, questions, plans, times, strict=True)
        ])  # fmt: skip
        return
    out = Terminal()
    out.print(Table([
        Column("config", list(files), "word"),
        Column("question", questions, "name"),
        Column("runs", [str(len(plan.runs)) for plan in plans], drop=1),
        Column("time", list(map(roughly, times))),
    ], name_room=46))  # fmt: skip
    out.print(
        f"time: about, of all runs on {counted(cores, 'core')}, from what one took on a core of an AMD EPYC\n"
        "`actlab run CONFIG` trains one; `actlab init NAME --like CONFIG` begins your own with it", style="dim",
    )  # fmt: skip


@app.command()
def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="of the experiment, and of its file")] = "study",
    like: Annotated[
        Path | None,
        typer.Option(
            "--like", metavar="CONFIG", help="a config to take, file or name", autocompletion=completion.configs
        ),
    ] = None,
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """Write a config to begin with, a remark at each key. Nothing is ever overwritten."""
    from shlex import quote

    from actlab.show.tables import Terminal
    from actlab.spec.plan import read
    from actlab.spec.shipped import begin

    begun = begin(name, read(like).text if like else None)
    try:
        plan = read(begun)
    except ActlabError:  # as where it names data by a path that is none from here
        begun.unlink()
        raise
    if json:
        _print_json({"file": str(begun), "name": plan.experiment.name, "runs": len(plan.runs)})
        return
    named = "".join(f" --plugin {quote(str(file))}" for file in plugin or ())
    Terminal().print(
        f"written: {begun} ({counted(len(plan.runs), 'run')}); edit it, then: actlab run {quote(str(begun))}{named}"
    )


def _together(plan: Plan) -> list[str]:
    """What of a plan can be trained together, a line a group."""
    from actlab.show.words import together
    from actlab.spec.groups import groups

    return together([[plan.runs[place][1] for place in places] for places in groups([c for _, c in plan.runs])])


def _few_lines(together: list[str], what: str) -> list[str]:
    """The groups under a heading, of many the first few."""
    shown = together[:MOST_GROUPS] if len(together) > MOST_GROUPS + 1 else together
    left = len(together) - len(shown)
    heading = [f"{counted(len(together), 'group')} {what}:"] if together else []
    return heading + [f"  {line}" for line in shown] + ([f"  and {left} more"] if left else [])


def _written(value: Any) -> str:
    """A value of a sweep as YAML has it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_written(inner)}' for key, inner in value.items())}}}"
    return format(value, "g") if isinstance(value, float) else str(value)


@app.command()
def schema(plugin: Plugins = None) -> None:
    """Print the JSON Schema of a config file."""
    from actlab.spec.schema import schema

    _print_json(schema())


@app.command()
def status(paths: SomePaths = None, json: Json = False) -> None:
    """Say how far experiments are: what trains now, what is done, failed or still to come, and the time left."""
    from actlab.runs.folder import RECORD, read_progress
    from actlab.runs.progress import duration, in_words, numbers
    from actlab.runs.record import experiments, run_folders, state_of
    from actlab.show.tables import STYLES, Terminal

    found: list[dict[str, Any]] = []
    for folder in experiments(_folders(paths)):
        states = {path: state_of(path) for path in run_folders(folder)}
        running = [path for path, state in states.items() if state == "running"]
        told = read_progress(folder) if running else {}
        left, at = told.get("seconds_left"), told.get("unix_time")
        if not (isinstance(left, int | float) and isinstance(at, int | float) and abs(time.time() - at) < 60):
            left, at = None, 0.0  # nothing trains, or nobody has said anything for a minute
        order = dict.fromkeys([*STYLES, "damaged", "pending"])
        found.append({
            "path": str(folder),
            "counts": {state: n for state in order if (n := list(states.values()).count(state))},
            "training": [{"label": path.name, **read_progress(path)} for path in running],
            "damaged": [str(path) for path, state in states.items() if state == "damaged"],
            "seconds_left": None if left is None else max(0.0, left - (time.time() - at)),
        })  # fmt: skip
    if json:
        _print_json(found)
        return
    out = Terminal()
    for of in found:
        left = "" if of["seconds_left"] is None else f"; about {duration(of['seconds_left'])} left"
        out.print(f"{of['path']}: {in_words(of['counts'])}{left}", style="bold", soft_wrap=True)
        for progress in of["training"]:
            out.print(f"  {progress['label']}: {numbers(progress)}", soft_wrap=True)
        for path in of["damaged"]:
            out.print(f"  {path}: its {RECORD} is damaged; the same `actlab run` trains it again", soft_wrap=True)
    if not found:
        out.print("no experiments here yet")


# --- what came out ---------------------------------------------------------------------------------------------


@app.command()
def compare(
    context: typer.Context,
    paths: Paths,
    metrics: Metrics = None,
    at: At = "last",
    baseline: Baseline = None,
    reach: Annotated[float | None, typer.Option("--reach", help="also give epochs and seconds to this level")] = None,
    by: By = None,
    where: Where = None,
    sort: Annotated[str | None, typer.Option("--sort", help="column to sort by")] = None,
    seeds: Annotated[bool, typer.Option("--seeds", help="also print each seed's value")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="all columns: median, iqm, each seed, superiority, ...")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="all notes, and the reason of each verdict")] = False,
    form: Annotated[str, typer.Option("--format", help="table, csv, json, markdown, latex or html")] = "table",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="folder for comparison.csv and plots, or a file for the table")
    ] = None,
    stack: Annotated[
        list[str] | None, typer.Option("--stack", help="draw 2 to 4 over each other, as in accuracy,dead_units")
    ] = None,
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """Compare finished runs: a row for each condition, over its seeds, held against a baseline; plots."""
    from actlab.api import conditions, question_of, title_of
    from actlab.runs.folder import COMPARISON, RECORD, make_folder, write_bytes
    from actlab.runs.record import located
    from actlab.show import words
    from actlab.show.figures.comparison import draw_comparison, stacked
    from actlab.show.rendering import FORMATS, comparison_text
    from actlab.show.tables import Table, Terminal, comparison_columns, seed_columns
    from actlab.study import folders, judge

    form = "json" if json else form
    _check_name("format", form, ("table", *FORMATS.values()))
    named = list(map(located, paths))
    found = folders.read(named)
    if not found.runs:
        raise ActlabError("\n".join(["no runs to compare", *found.passed_over[:10]]))
    comparison = judge.compare(
        found.runs, metrics or (), by or (), sort, baseline, at, conditions(where or ()), reach, found.notes()
    )
    title, question = title_of(found.runs), question_of(found)
    stacks: dict[str, Draw] = {}
    for text in stack or ():
        stacks |= stacked(comparison, [column.strip() for column in text.split(",")], question)
    asked, cores = out is not None, usable_cores() if context.obj == ENDS_SOON else 1
    if form == "table" and out is None:  # into the experiment that was named, or the folder above several
        parents = {path.resolve().parent for path in named}
        one = named[0].parent if (named[0] / RECORD).is_file() else named[0]
        out = one if len(named) == 1 else parents.pop() if len(parents) == 1 else Path.cwd()
    files, problem = list[Path](), ""

    def write() -> None:
        """The table first: a figure that fails takes nothing with it."""
        if out is None:
            return
        as_file = FORMATS.get(out.suffix.lower(), "") if not out.is_dir() else ""
        make_folder(out.parent if as_file else out)
        file = out if as_file else out / COMPARISON
        write_bytes(file, comparison_text(comparison, as_file or "csv", title, wide, notes).encode())
        files.append(file)
        if not as_file:
            files.extend(draw_comparison(out, comparison, question, more=stacks, cores=cores))

    if form == "table":
        talk = Terminal()
        talk.print(words.sentence(comparison), style="bold")
        talk.print()
        columns = comparison_columns(comparison, wide)
        talk.print(Table(columns, repeat=sum(column.kind == "name" for column in columns) if wide else 0))
        if seeds:
            talk.print()
            talk.print(Table(seed_columns(comparison)))
        talk.print(f"\n{words.caption(comparison)}", style="dim")
        lines, left_out = words.notes(comparison, every=notes)
        for line in lines:
            talk.print(line)
        if left_out:
            talk.print(f"{counted(left_out, 'more note')}: --notes", style="dim")
        for text in found.passed_over[:5]:
            talk.print(f"passed over: {text}", soft_wrap=True)
        if len(found.passed_over) > 5:
            talk.print(f"passed over: {len(found.passed_over)} paths in all")
    try:
        write()
    except (RunDirError, OSError) as error:  # the answer is worth more than its files
        problem = f"not written: {error}; -o DIR names another folder"
    if form != "table":
        more = {"passed_over": found.passed_over, "files": list(map(str, files))} if form == "json" else {}
        typer.echo(comparison_text(comparison, form, title, wide, notes, **more), nl=False)
    elif files:
        names = ", ".join(file.name for file in files)
        talk.print(f"files in {out}: {names}" if len(files) > 1 else f"file: {files[0]}", soft_wrap=True)
    if problem:
        Terminal(stderr=True).print(problem, style="bold yellow", soft_wrap=True)
    raise typer.Exit(2 if problem and asked else 0)


@app.command()
def claims(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="experiment directories or config files",
            show_default=False,
            autocompletion=completion.experiments,
        ),
    ],
    results: Annotated[
        Path | None, typer.Option("--results", "-o", help="where the runs of the config files are; default: results")
    ] = None,
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """Hold the claims of config files against their runs: supported, refuted or undecided, and why."""
    from actlab.runs.record import located
    from actlab.show import words
    from actlab.show.tables import STYLES, Terminal
    from actlab.study.claims import judge_claims
    from actlab.study.registration import registered

    studies = _studies(list(map(located, paths)), results)
    judged = [(study, judge_claims(study.claims, study.runs), registered(study)) for study in studies]
    found = [verdict.verdict for _, verdicts, _ in judged for verdict in verdicts]
    if json:
        _print_json([
            {"name": study.name, "file": str(study.source), "notes": words.study_notes(study),
             "register": {
                 "path": str(study.register.path), "problems": list(register.problems),
                 "versions": [{"time": of.time, "claims": of.claims} for of in study.register.versions],
                 "withdrawn": list(map(_wording, register.withdrawn)),
             },
             "claims": [
                 {**of.claim.model_dump(by_alias=True), "sentence": str(of.claim), "verdict": of.verdict,
                  "range": _range(of.claim),
                  "registered": {**asdict(when), "when": "dropped" if when.dropped else when.when,
                                 "earlier": list(map(_wording, when.earlier)),
                                 "text": words.when_registered(when)},
                  "evidence": [_evidence(one, of.claim.metric) for one in of.evidence],
                  "notes": [words.note(note, of.claim.metric) for note in of.notes]}
                 for of, when in zip(verdicts, register.claims, strict=True)
             ]}
            for study, verdicts, register in judged
        ])  # fmt: skip
        raise typer.Exit(int("refuted" in found))
    out = Terminal()
    counts = [
        f"{found.count(verdict)} {verdict}" for verdict in ("supported", "refuted", "undecided") if verdict in found
    ]
    total = counted(len(found), "claim") + (f": {', '.join(counts)}" if counts else "")
    out.print("; ".join(filter(None, [total, words.registered_counts([register for *_, register in judged])])))
    for study, verdicts, register in judged:
        out.print(f"\n{study.name}  ({study.source})", style="bold", soft_wrap=True)
        for of, when in zip(verdicts, register.claims, strict=True):
            headline = ", ".join(filter(None, [of.verdict, words.registration_headline(when)]))
            out.print(f"\n{headline}: {of.claim.says or of.claim}", style=f"bold {STYLES[of.verdict]}")
            lines = [words.claim_exactly(of.claim)] if of.claim.says or of.claim.margin else []
            for line in (*lines, *words.claim_lines(of), *words.registration_lines(when, of.claim)):
                out.print(f"  {line}")
        if not verdicts:
            out.print("states no claims")
        for note in (*words.registered_notes(register), *words.study_notes(study)):
            out.print(f"note: {note}")
    raise typer.Exit(int("refuted" in found))


def _studies(paths: Sequence[Path], results: Path | None) -> list[Study]:
    """The experiments among the paths and in them; config files with their runs from the results folder."""
    from actlab.runs.folder import EXPERIMENT, RECORD
    from actlab.runs.record import experiments, nearest_folder
    from actlab.spec.plan import read as read_plan
    from actlab.study import claims, folders

    studies: list[Study] = []
    for path in paths:
        if path.is_dir():
            inside = experiments([path])
            if not inside and (path / RECORD).is_file():
                raise ActlabError(f"{path}: is one run; claims are of an experiment: {path.resolve().parent}")
            if not inside:
                raise ActlabError(f"{path}: holds no {EXPERIMENT}; name the folder of an experiment")
            studies += map(claims.read_folder, inside)
        elif path.suffix in (".yaml", ".yml"):
            plan = read_plan(path)
            if results is None and not RESULTS.is_dir():
                remedy = f"--results DIR names the folder that holds its runs; there is no folder {RESULTS} here"
                raise ActlabError(f"{path}: is a config file; {remedy}")
            if results is not None and not results.is_dir():
                raise ActlabError(f"--results {results}: is no folder")
            place = results or RESULTS
            lying = folders.read([place])
            folder = place if (place / EXPERIMENT).is_file() else place / plan.experiment.name
            studies.append(replace(claims.read_plan(plan, lying.runs, folder), passed_over=tuple(lying.passed_over)))
        elif not path.is_file():  # a shell makes files, such as comparison.csv, of results/* too
            raise ActlabError(f"{path}: does not exist{nearest_folder(path)}")
    if not studies:
        raise ActlabError("no experiment in these paths; name experiment directories, or config files")
    return studies


def _wording(of: Wording) -> dict[str, Any]:
    """What was claimed once as plain data."""
    return {"time": of.time, "verdict": of.verdict, **of.claim.model_dump(by_alias=True), "sentence": str(of.claim)}


def _range(claim: Claim) -> dict[str, Any] | None:
    """Where the number of a claim, or its difference, must lie as plain data; None where every seed is looked at."""
    from actlab.spec.claim import EVERY_SEED
    from actlab.study.claims import region

    if claim.relation.sign in EVERY_SEED:
        return None
    asked = region(claim)
    return {"low": _finite(asked.low), "high": _finite(asked.high), "open": asked.open}


def _evidence(of: Evidence, metric: str) -> dict[str, Any]:
    """The evidence for a claim as plain data."""
    from actlab.show import words

    ends = {} if of.estimate is None else {"low": _finite(of.estimate.low), "high": _finite(of.estimate.high)}
    return {
        "condition": of.condition or "no run", "other": of.other or None, "verdict": of.verdict,
        "reason": words.note(of.reason, metric), "by_seed": dict(of.values), "absent": words.claim_lacking(of),
        "n": len(of.values), "mean": math.fsum(of.values.values()) / len(of.values) if of.values else None, **ends,
        "p": _finite(of.p), "p_alone": _finite(of.p_alone),
    }  # fmt: skip


@app.command()
def diff(
    first: Annotated[
        Path,
        typer.Argument(metavar="FIRST", help="a run directory", show_default=False, autocompletion=completion.runs),
    ],
    second: Annotated[
        Path, typer.Argument(metavar="SECOND", help="another one", show_default=False, autocompletion=completion.runs)
    ],
    json: Json = False,
) -> None:
    """Say what differs between two runs: config, data, environment, outcome. Ends with 1 where something does."""
    from actlab.show import words
    from actlab.show.tables import Terminal, diff_table
    from actlab.study.diff import difference
    from actlab.study.frame import texts_of

    runs = _run_at(first), _run_at(second)
    found = difference(*runs)
    row = found.parts_at
    if json:
        cells = {name: list(map(_finite, pair)) for name, pair in row.cells.items()} if row else {}
        _print_json({
            "first": str(first), "second": str(second), "same": found.same, "config": found.config, "data": found.data,
            "environment": found.environment, "outcome": found.outcome,
            "parts_at": {"epoch": row.epoch, "step": row.step, "cells": cells} if row else None,
            "metrics": found.metrics, "notes": list(found.notes),
        })  # fmt: skip
        raise typer.Exit(int(not found.same))
    config = {key: (one, other) for key, (one, other) in texts_of([run.config for run in runs]).items()}
    config |= {key: found.config[key] for key in ("seed",) if key in found.config}
    sections = {"config": config, "data": found.data, "environment": found.environment, "outcome": found.outcome}
    where = words.listed([title for title, differing in sections.items() if differing])
    out = Terminal()
    out.print(
        "The two runs are the same in config, data, environment and outcome." if found.same
        else f"The two runs differ{f' in {where}' if where else ''}.", style="bold",
    )  # fmt: skip
    for name, run in zip(("first", "second"), runs, strict=True):
        out.print(f"{name}: {run.path}", soft_wrap=True)
    if not found.same:
        sections["metrics"] = found.metrics
    for title, differing in sections.items():
        if title == "metrics":
            parted = ", ".join(f"{name} {a:.9g} and {b:.9g}" for name, (a, b) in row.cells.items()) if row else ""
            out.print(
                f"\nThe histories part at epoch {row.epoch:g}, step {row.step}: {parted}" if row
                else "\nThe histories are the same, as far as both go."
            )  # fmt: skip
        if differing:
            out.print(f"\n{title}", style="bold")
            out.print(diff_table(differing))
    for note in found.notes:
        out.print(f"note: {note}", soft_wrap=True)
    raise typer.Exit(int(not found.same))


@app.command()
def report(
    paths: Paths,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="a file; default: report.html there")] = None,
    form: Annotated[str, typer.Option("--format", help="html, or markdown for a README")] = "html",
    title: Annotated[str | None, typer.Option("--title", help="of the page")] = None,
    metrics: Metrics = None,
    at: At = "last",
    baseline: Baseline = None,
    by: By = None,
    where: Where = None,
    plugin: Plugins = None,
) -> None:
    """Write the page that one sends to others: question, verdicts, table, figures, data, how to reproduce."""
    from actlab.api import conditions
    from actlab.runs.folder import EXPERIMENT, REPORT
    from actlab.runs.record import located
    from actlab.show.page import report as page
    from actlab.show.tables import Terminal

    _check_name("format", form, ("html", "markdown"))
    named = list(map(located, paths))
    choices: dict[str, Any] = {
        "title": title, "metrics": metrics or [], "at": at, "baseline": baseline, "by": by or [],
        "where": conditions(where or ()),
    }  # fmt: skip
    if form == "markdown" and out is None:
        typer.echo(page.text(named, "markdown", **choices), nl=False)
        return
    # into the experiment that was named; of several, or of a run, into the current folder
    one = len(named) == 1 and (named[0] / EXPERIMENT).is_file()
    target = out or (named[0] if one else Path.cwd()) / REPORT
    if target.is_dir():
        raise ActlabError(f"{target}: is a folder; name a file, such as {target / REPORT}")
    try:
        page.write(named, target, form, **choices)
    except RunDirError as error:
        raise RunDirError(f"{error}; -o FILE names another place") from None
    Terminal().print(f"report: {target} ({target.stat().st_size / 1e6:.2f} MB)", soft_wrap=True)


@app.command()
def export(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[TRACKER] PATH",
            help="run or experiment directories; after tensorboard, mlflow or wandb, these are written into it, and"
            " - reads them from standard input",
            show_default=False,
            autocompletion=completion.experiments,
        ),
    ],
    to: Annotated[
        tuple[str, Path] | None,
        typer.Option("--to", metavar="FORMAT FILE", help="keras, onnx, csv or parquet, and the file"),
    ] = None,
    out: Annotated[
        str, typer.Option("--out", "-o", "--tracking-uri", help="trackers: the folder; of mlflow the tracking URI")
    ] = "",
    timing: Annotated[bool, typer.Option("--timing", help="csv, parquet: also the columns of timing.csv")] = False,
    layers: Annotated[bool, typer.Option("--layers", help="csv, parquet: the rows of layers.csv instead")] = False,
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """Write the model of a run (keras, onnx), or the histories of many as one table (csv, parquet), into a file.

    Or runs into a tracker: `actlab export tensorboard PATH...`, likewise mlflow and wandb. Twice adds nothing.
    """
    from actlab import api
    from actlab.runs.folder import check_outside_runs, make_folder, write_bytes
    from actlab.show.tables import Terminal

    if to is None:
        _export_to_tracker(str(paths[0]), paths[1:], out, json)
        return
    form, file = to
    _check_name("format", form, ("keras", "onnx", "csv", "parquet"))
    if file.suffix != f".{form}":
        example = file.with_suffix(f".{form}").name
        raise ActlabError(f"--to {form} {file}: expected a file that ends in .{form}, such as {example}")
    talk = Terminal(stderr=json)
    if form in ("keras", "onnx"):
        if len(paths) > 1:
            raise ActlabError(f"a model is of one run, and {len(paths)} paths were named")
        if timing or layers:
            raise ActlabError(f"--timing and --layers are of tables, and {form} is a model")
        run = api.LoadedRun(_run_at(paths[0]).path)
        with _quiet_tensorflow():
            run.export(file)
        kept, parameters = run.config.get("keep_weights", "final"), run.record.get("parameters")
        answer: dict[str, Any] = {"file": str(file), "run": str(run.path), "weights": kept, "parameters": parameters}
        talk.print(f"{file}: {run.label}, {kept} weights ({file.stat().st_size / 1e6:.2f} MB)", soft_wrap=True)
        if form == "keras":
            talk.print("to load it: from actlab import Activation; keras.models.load_model(...)", style="dim")
    else:
        from actlab.study.histories import histories

        check_outside_runs(file)
        if form == "parquet":
            api.need("parquet", "pyarrow")
        table, left_out, unfinished = histories(_folders(paths), timing, layers)
        make_folder(file.parent)
        if form == "csv":
            write_bytes(file, table.to_csv(index=False).encode())
        else:
            write_bytes(file, table.to_parquet(index=False, engine="pyarrow"))
        runs = table["hash"].nunique()
        answer = {"file": str(file), "rows": len(table), "columns": list(table), "left_out": left_out,
                  "not_done": unfinished}  # fmt: skip
        talk.print(
            f"{file}: {counted(len(table), 'row')}, {counted(len(table.columns), 'column')}, {counted(runs, 'run')}",
            soft_wrap=True,
        )
        for text in unfinished:
            talk.print(f"as far as it went: {text}", soft_wrap=True)
        for text in left_out:
            talk.print(f"left out: {text}", style="bold yellow", soft_wrap=True)
    if json:
        _print_json(answer)


def _export_to_tracker(name: str, paths: Sequence[Path], place: str, json: bool) -> None:
    """Write runs into a tracker; "-" reads the path of each from standard input, as they come."""
    from actlab.show.tables import Terminal
    from actlab.show.trackers import check_installed
    from actlab.show.trackers.export import Export

    if not paths:
        raise ActlabError("--to FORMAT FILE says what to write; or a tracker, as in: actlab export tensorboard PATH")
    check_installed(name)
    named = [] if paths == [Path("-")] else _folders(paths)  # before a tracker makes anything
    export, talk = Export(name, place), Terminal(stderr=json)
    if named:
        export.add(named)
    else:
        for line in sys.stdin.buffer:
            export.add([Path(os.fsdecode(line.rstrip(b"\n")))])
    talk.print(f"{name} {export.log.place}: {counted(export.added, 'run')} written, {export.there} there already",
               soft_wrap=True)  # fmt: skip
    for text in export.unfinished:
        talk.print(f"as far as it went: {text}", soft_wrap=True)
    for text in export.left_out:
        talk.print(f"left out: {text}", style="bold yellow", soft_wrap=True)
    if json:
        _print_json({
            "tracker": name, "place": export.log.place, "written": export.added, "there": export.there,
            "left_out": export.left_out, "not_done": export.unfinished,
        })  # fmt: skip


@app.command()
def watch(
    paths: Paths,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="open the page")] = True,
    plugin: Plugins = None,
) -> None:
    """Show the report in a browser of this machine; it reloads by itself while runs train."""
    import webbrowser

    from actlab.show.page.current import Watch
    from actlab.show.tables import Terminal

    talk = Terminal()
    with Watch(_folders(paths), port) as served:
        talk.print(f"watching: {served.address} (this machine only; Ctrl-C ends it)", soft_wrap=True)
        # without a screen a browser would open in this terminal
        if browser and (sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(served.address)
        try:
            served.serve_forever()
        except KeyboardInterrupt:
            talk.print("stopped watching; `actlab report` writes the page into a file")
            raise typer.Exit(130) from None


@app.command(name="list")
def list_(paths: SomePaths = None, json: Json = False) -> None:
    """List the runs of a results folder with their numbers."""
    from actlab.runs.progress import in_words
    from actlab.runs.record import discover
    from actlab.show.tables import Terminal, runs_table
    from actlab.show.words import ends

    runs, passed_over = discover(_folders(paths))
    if json:
        _print_json(list(map(_row, runs)))
        return
    out, statuses = Terminal(), [run.status for run in runs]
    folders: dict[Path, list[Run]] = {}
    out.print(in_words({s: statuses.count(s) for s in dict.fromkeys(statuses)}) if runs else "no runs here yet")
    for run in runs:
        folders.setdefault(run.path.parent, []).append(run)
    for folder, of_folder in folders.items():
        out.print(str(folder), style="bold")
        shown = of_folder
        if len(of_folder) > MOST_RUNS:  # of very many those that are not done; where all are, the first
            shown = ([run for run in of_folder if run.status != "done"] or of_folder)[:MOST_RUNS]
        out.print(runs_table(shown))
        for line in ends(of_folder):
            out.print(line)
        if len(shown) < len(of_folder):
            out.print(f"... and {len(of_folder) - len(shown):,} more; --json lists all")
    for text in passed_over:
        out.print(f"passed over: {text}", soft_wrap=True)


@app.command()
def show(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="a run directory, or its name in results", autocompletion=completion.runs),
    ],
    layers: Annotated[bool, typer.Option("--layers", help="what the probes saw, layer by layer, instead")] = False,
    json: Json = False,
) -> None:
    """Show one run: config, environment, outcome, files; or what its probes saw."""
    from actlab.runs.folder import CONFUSION, RECORD
    from actlab.runs.progress import duration
    from actlab.show.tables import Terminal, classes_table
    from actlab.show.words import class_names, metric_name, number, shortened, tested
    from actlab.spec import yaml

    found = _run_at(run)
    out, record = Terminal(), found.record
    if layers:
        _show_layers(found, json)
        return
    if json:
        _print_json({**record, "status": found.status})
        return
    final = found.results.get("final") or {}
    ends = [name for name in ("val_accuracy", "test_accuracy") if isinstance(final.get(name), float)]
    reached = [f"{metric_name(name)} {number(final[name], name)}" for name in ends[tested([found]) :] or ends]
    out.print("; ".join([f"{found.label}: {found.status}", *reached]), style="bold", soft_wrap=True)
    if record.get("reason"):
        out.print(f"reason: {record['reason']}", soft_wrap=True)
    out.print(f"hash: {found.hash}")
    facts = [f"started {record['started']}"] if "started" in record else []
    facts += [f"{duration(record['wall_seconds'])} of training"] if "wall_seconds" in record else []
    facts += [f"{record['parameters']:,} parameters"] if "parameters" in record else []
    facts += [f"at most {record['peak_memory_gib']} GiB of memory"] if "peak_memory_gib" in record else []
    if facts:
        out.print("; ".join(facts))
    for section in ("results", "config", "dataset", "environment"):
        out.print(f"\n{section}", style="bold")
        try:
            data = record.get(section, {})
            out.print(yaml.dump(shortened(data) if section == "dataset" else data).rstrip())
        except ValueError as error:  # JSON may hold text and numbers that a config cannot
            raise RunDirError(f"{found.path / RECORD}: damaged: {section}: {error}") from None
    if (found.path / CONFUSION).is_file():
        names = class_names(record.get("dataset", {}), len(found.confusion))
        out.print("\nclasses of the test set, by the final weights", style="bold")
        out.print(classes_table(found.confusion, names))
    damaged = found.damaged() if found.status == "done" else []
    out.print(f"\nfiles in {found.path}", style="bold")
    for name, digest in record.get("files", {}).items():
        out.print(f"  {name}  sha256 {str(digest)[:16]}{'  DAMAGED' if name in damaged else ''}")


def _show_layers(run: Run, json: bool) -> None:
    """Show what the probes of a run saw."""
    from actlab.runs.folder import HISTORY, LAYERS
    from actlab.show.tables import Layers, Terminal, layers_legend, layers_table

    path = run.path / LAYERS
    if not path.is_file():
        raise RunDirError(
            f"{run.path}: holds no {LAYERS}, since nothing was probed; put `probes: [dead_units, "
            "gradient_norms]`, or `probes: all`, into the config and train it (`actlab probes` lists them)"
        )
    if run.layers.empty:
        raise RunDirError(f"{path}: no evaluation yet: the first rows come with the first row of {HISTORY}")
    layers = Layers.of(run.layers)
    if json:
        rows = [
            {"layer": layer, "units": _finite(units),
             "last": {name: _finite(values[layer][-1]) for name, values in layers.measures.items()},
             "values": {name: list(map(_finite, values[layer])) for name, values in layers.measures.items()},
             "histogram": list(map(_finite, layers.histograms.get(layer, [])))}
            for layer, units in layers.units.items()
        ]  # fmt: skip
        times = {"epoch": list(map(_finite, layers.epochs)), "step": list(map(_finite, layers.steps))}
        _print_json({"path": str(run.path), "label": run.label, "status": run.status, **times, "layers": rows})
        return
    out = Terminal()
    out.print(f"{run.label}: {run.status}\n", style="bold")
    out.print(layers_table(layers, out.options.ascii_only))
    out.print(f"\n{layers_legend(layers)}")


@app.command()
def reproduce(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="the directory of a finished run", autocompletion=completion.runs)
    ],
    data_dir: DataDir = None,
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """Train a finished run again from its record, and say whether every byte came out the same."""
    from actlab.runs import reproduction
    from actlab.runs.folder import scratch
    from actlab.runs.forecast import Forecast
    from actlab.runs.progress import Display
    from actlab.show import words
    from actlab.show.tables import Terminal

    first, talk = _run_at(run), Terminal(stderr=json)
    with scratch() as folder, Signals() as signals:
        with Display(talk, [], 1, Forecast([first])) as display:
            found = reproduction.reproduce(first, folder, data_dir, signals, display.update, talk.print)
        if signals.received:
            raise typer.Exit(128 + signals.received)
    if json:
        _print_json({**asdict(found), "same": found.same})
        raise typer.Exit(int(not found.same))
    for line in words.reproduction(found):
        talk.print(line, soft_wrap=True)
    raise typer.Exit(int(not found.same))


# --- what there is ---------------------------------------------------------------------------------------------


class _PlotAlone(TyperCommand):
    """`--plot` without a name draws into activations.png; Typer knows no option whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for i, word in enumerate(args):
            if word == "--plot" and (i + 1 == len(args) or args[i + 1].startswith("-")):
                args = [*args[: i + 1], "activations.png", *args[i + 1 :]]
                break
        return super().parse_args(ctx, args)


@app.command(cls=_PlotAlone)
def activations(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="all if absent; or '{name: prelu, share: layer}'",
            autocompletion=completion.names("activation"),
        ),
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="X,...", help="points, as in --at=-2,-1,0,1,2")] = None,
    formula: Annotated[str | None, typer.Option("--formula", help='your own, as in "where(x > 0, x, 0.1*x)"')] = None,
    set_: Set = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="draw functions and slopes into a file; alone: activations.png")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="hold the stated properties against measurements")] = False,
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """List the activations; or print, draw and check some of them."""
    from actlab.show.tables import Column, Table, Terminal

    out = Terminal()
    if not names and formula is None:
        if at or plot or check or set_:
            raise ActlabError("--at, --set, --plot and --check need the NAME of an activation, or --formula")
        _list_activations(json)
        return
    if plot and plot.suffix not in (".png", ".svg"):
        raise ActlabError(f"--plot: expected a name that ends in .png or .svg, read {str(plot)!r}")
    parts = _activations(names or (), formula, set_ or ())
    points = [-2.0, -1.0, 0.0, 1.0, 2.0] if at is None else list(map(_point, at.split(",")))
    holds, answers = True, list[dict[str, Any]]()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with _quiet_tensorflow():
        from actlab.parts.activations import checks, curves

        for part in parts:
            parameters = {key: value for key, value in part.items() if key != "name"}
            name, title = part["name"], ", ".join([part["name"], *(f"{k}: {v}" for k, v in parameters.items())])
            answers.append({"name": name})
            if check:
                findings = checks.check(name, parameters)
                refuted = [finding.property for finding in findings if not finding.holds]
                holds &= not refuted
                answers[-1]["findings"] = list(map(asdict, findings))
                if not json:
                    wrong = f"does not hold: {', '.join(refuted)}"
                    came_out = wrong if refuted else f"all {len(findings)} properties hold"
                    out.print(f"{title}: {came_out}", style="bold", soft_wrap=True)
                    out.print(Table([
                        Column("", ["holds" if finding.holds else "REFUTED" for finding in findings], "word"),
                        *(Column(header, [getattr(finding, header) for finding in findings], "name")
                          for header in ("property", "stated", "found")),
                    ]))  # fmt: skip
            if at is not None or not check:
                found, note = curves.points(name, parameters, points), curves.points_note(name, parameters)
                answers[-1] |= {**({"note": note} if note else {}), "points": list(map(asdict, found))}
                if not json:
                    out.print(title, style="bold", soft_wrap=True)
                    out.print(Table([
                        Column("x", [f"{point.x:g}" for point in found]),
                        Column("value", [f"{point.value:.9g}" for point in found]),
                        Column("slope", [f"{point.slope:.9g}" for point in found]),
                    ]))  # fmt: skip
                    if note:
                        out.print(f"note: {note}")
        if json:
            typer.echo(jsonlib.dumps(answers if len(parts) > 1 else answers[0]))
        if plot:  # last: the numbers are worth more than a picture that cannot be written
            _plot_activations(plot, parts)
            Terminal(stderr=True).print(f"drawn: {plot}")
    raise typer.Exit(int(not holds))


def _plot_activations(path: Path, parts: Sequence[Mapping[str, Any]]) -> None:
    """Draw functions over their slopes, each called by what tells it from the others."""
    from actlab.parts.activations import ACTIVATIONS, curves
    from actlab.runs.folder import make_folder, write_bytes
    from actlab.show.figures.function import functions_figure
    from actlab.show.figures.style import png, svg
    from actlab.show.words import listed
    from actlab.spec.labels import texts

    tables = {}
    for name, part in zip(texts("activation", parts), parts, strict=True):
        shipped = curves.function_table(part)
        tables[name] = curves.computed_table(part) if shipped is None else shipped
    mixing = [part["name"] for part in parts if not ACTIVATIONS.get(part["name"]).facts.elementwise]
    label = f"x; of {listed(mixing)} the first input, the others 0" if mixing else "x"
    drawn = functions_figure(tables, listed(tables), label)
    make_folder(path.parent)
    write_bytes(path, png(drawn) if path.suffix == ".png" else svg(drawn).encode())


def _list_activations(json: bool) -> None:
    from actlab import api
    from actlab.parts.activations import ACTIVATIONS
    from actlab.show.tables import Column, Table, Terminal

    entries, rows = list(ACTIVATIONS), api.activation_rows()
    facts = [entry.facts for entry in entries]
    if json:
        more = [
            {"aliases": list(entry.aliases), "kinks": list(of.kinks),
             "range": list(map(_finite, of.range)) if of.range else None}
            for entry, of in zip(entries, facts, strict=True)
        ]  # fmt: skip
        _print_json([row | of for row, of in zip(rows, more, strict=True)])
        return

    def short(value: float | None) -> str:
        return "?" if value is None else f"{value:.4g}".replace("inf", "∞").replace("-∞", "−∞")

    Terminal().print(Table([
        Column("activation", [entry.name for entry in entries], "word"),
        Column("formula", [row["formula"] for row in rows], "name"),
        Column("range", [" … ".join(map(short, of.range)) if of.range else "?" for of in facts], "word", drop=1),
        Column("monotonic", [{True: "yes", False: "no", None: "?"}[of.monotonic] for of in facts], "word", drop=4),
        Column("f(0)", [short(of.value_at_zero) for of in facts], "word", drop=2),
        Column("slope at 0", [short(of.slope_at_zero) for of in facts], "word", drop=3),
        Column("source", [row["source"] for row in rows], "name", drop=5),
    ], name_room=46))  # fmt: skip


def _activations(names: Sequence[str], formula: str | None, overrides: Sequence[str]) -> list[dict[str, Any]]:
    """The activations that are asked for, as a config has them: names, with all parameters."""
    from actlab import api
    from actlab.spec import yaml

    written = [yaml.parse_value(name, name) if name.startswith("{") else {"name": name} for name in names]
    written += [{"name": "formula", "formula": formula}] if formula else []
    if overrides and len(written) > 1:
        raise ActlabError("--set changes one activation; of several write '{name: leaky_relu, negative_slope: 0.1}'")
    for text in overrides:
        key, _, value = text.partition("=")
        written[0][key.strip()] = yaml.parse_value(value, f"--set {text}")
    found = []
    for part in written:
        resolved = api.resolved(part)
        if resolved not in found:
            found.append(resolved)
    return found


def _point(text: str) -> float:
    """A point of --at."""
    try:
        point = float(text)
    except ValueError:
        read = f"read {text.strip()!r}" if text.strip() else "one is empty"
        raise ActlabError(f"--at: expected numbers with commas between them, {read}") from None
    if not math.isfinite(point):
        raise ActlabError(f"--at: expected finite numbers, read {text.strip()!r}")
    return point


@contextlib.contextmanager
def _quiet_tensorflow() -> Iterator[None]:
    """Keep TensorFlow's start-up lines, which obey no setting, from the terminal; what Python writes is seen."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    seen: Any = sys.stderr
    if seen is sys.__stderr__:  # never closed: handlers of logging that are made meanwhile go on to write to it
        encoding, errors = sys.stderr.encoding, sys.stderr.errors
        seen = open(kept, "w", 1, encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
    os.dup2(null, 2)
    os.close(null)
    try:
        with contextlib.redirect_stderr(seen):
            yield
    finally:
        os.dup2(kept, 2)


@app.command()
def probes(plugin: Plugins = None, json: Json = False) -> None:
    """List the probes: what can be measured inside a network while it learns."""
    from actlab.parts.probes import PROBES
    from actlab.show.tables import Column, Table, Terminal

    entries = list(PROBES)
    if json:
        _print_json([
            {"name": entry.name, "equation": entry.facts.equation, "sees": entry.function.sees,
             "columns": dict(entry.facts.columns), "total": entry.facts.total, "cost": entry.facts.cost,
             "source": entry.facts.source, "summary": entry.summary,
             "parameters": {p.name: None if p.required else p.default for p in entry.parameters}}
            for entry in entries
        ])  # fmt: skip
        return
    Terminal().print(Table([
        Column("probe", [entry.name for entry in entries], "name"),
        Column("what it measures, of each layer", [entry.facts.equation for entry in entries], "name"),
        Column("from the", [entry.function.sees for entry in entries], "word"),
    ]))  # fmt: skip


@app.command()
def data(
    action: Annotated[str, typer.Argument(help="list, fetch or verify")] = "list",
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="datasets; all if absent", autocompletion=completion.names("dataset")),
    ] = None,
    data_dir: DataDir = None,
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """List the datasets and where they lie; fetch or verify them."""
    from actlab.parts import datasets
    from actlab.parts.datasets import DATASETS
    from actlab.show.tables import Column, Table, Terminal
    from actlab.show.words import file_size

    _check_name("action of `actlab data`", action, ("list", "fetch", "verify"))
    chosen = [DATASETS.get(name).name for name in names or ()] or DATASETS.names()
    if action == "list":
        found = [status for status in datasets.status(data_dir) if status.name in chosen]
        if json:
            _print_json([
                {"name": s.name, "synthetic": s.synthetic, "files": list(map(str, s.found)), "problem": s.problem,
                 "cached": list(map(str, s.cached)), "bytes": s.bytes} for s in found
            ])  # fmt: skip
            return
        facts = [DATASETS.get(status.name).facts for status in found]
        images = [
            "what a config names" if f.look
            else f"{f.train_images:,} + {f.test_images:,} of {'×'.join(map(str, f.shape))}" for f in facts
        ]  # fmt: skip
        where = [
            s.problem
            or ", ".join(map(str, s.found))
            or (f"{counted(len(s.cached), 'copy', 'copies')} in {s.cached[0].parent}" if s.cached else "")
            or ("none was read" if f.look else "not on this machine")
            for s, f in zip(found, facts, strict=True)
        ]
        kinds = ["your own" if f.look else "rendered" if f.synthetic else "collected" for f in facts]
        Terminal().print(Table([
            Column("dataset", [status.name for status in found], "word"),
            Column("kind", kinds, "word", drop=2),
            Column("images", images, "word", drop=3),
            Column("size", [file_size(status.bytes) if status.bytes else "" for status in found], drop=1),
            Column("where", where, "name"),
        ]))  # fmt: skip
        return
    talk, answers = Terminal(stderr=True), list[dict[str, Any]]()
    for name in chosen:
        ok, stated = True, DATASETS.get(name).facts
        try:
            if action == "fetch" and stated.look:  # which is wrong only where it was asked for
                ok, texts = not names, ["your own data is not fetched: a config names its file"]
            elif action == "fetch":
                prepared = datasets.prepare(name, {}, data_dir, say=talk.print)
                texts = [f"{prepared.folder}: sha256 {prepared.sha256} ({prepared.checked})"]
            elif not (texts := datasets.verify(name, data_dir)):
                if stated.synthetic:
                    texts = ["nothing to verify: it is rendered when a run needs it"]
                elif stated.look:
                    texts = ["nothing to verify: none was read"]
                else:  # as above
                    get = f"`actlab data fetch {name}` gets it, or --data-dir names the folder of {name}.npz"
                    ok, texts = not names, [f"not on this machine; {get}"]
        except DatasetError as error:
            ok, texts = False, [str(error)]
        answers.append({"name": name, "ok": ok, "said": texts})
    if json:
        _print_json(answers)
    else:
        for answer in answers:
            for text in answer["said"]:
                Terminal().print(f"{answer['name']}: {text}", style="" if answer["ok"] else "red", soft_wrap=True)
    raise typer.Exit(int(not all(answer["ok"] for answer in answers)))


@app.command()
def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Look over this machine: versions, cores, memory, GPUs, data, network; and say what to do about each lack."""
    from actlab.runs.doctor import examine
    from actlab.show.tables import Column, Table, Terminal

    findings = examine(data_dir)
    lacks = [finding for finding in findings if finding.remedy]
    if json:
        _print_json({"well": not lacks, "findings": list(map(asdict, findings))})
        raise typer.Exit(int(bool(lacks)))
    out = Terminal()
    first = f"{counted(len(lacks), 'thing')} to mend" if lacks else "all is well: this machine can train everything"
    out.print(first, style="bold red" if lacks else "bold green")
    for lack in lacks:
        out.print(f"  {lack.about}: {lack.found}\n    {lack.remedy}", soft_wrap=True)
    out.print()
    out.print(Table([
        Column("looked at", [finding.about for finding in findings], "word"),
        Column("found", [finding.found for finding in findings], "name"),
    ]))  # fmt: skip
    raise typer.Exit(int(bool(lacks)))


@app.command(name="gc")
def gc_(
    paths: SomePaths = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="free it without asking")] = False,
    json: Json = False,
) -> None:
    """Show what could be freed, and free it after a yes. No record is touched, nor what trains or can go on."""
    from actlab.runs.leftovers import find
    from actlab.show.tables import Column, Table, Terminal
    from actlab.show.words import file_size

    found, note = find([path for path in _folders(paths) if path.is_dir()])
    out, total = Terminal(stderr=json), sum(of.bytes for of in found)
    out.print(f"{file_size(total)} could be freed" if found else "nothing to free", style="bold")
    if found:
        shown = found[:MOST_RUNS]
        out.print(Table([
            Column("what", [str(of.path) for of in shown], "name"),
            Column("why", [of.kind for of in shown], "word", drop=1),
            Column("size", [file_size(of.bytes) for of in shown]),
        ]))  # fmt: skip
        if len(found) > len(shown):
            out.print(f"... and {len(found) - len(shown):,} more")
    if note:
        out.print(f"note: {note}")
    if found and not yes and sys.stdin.isatty() and not json:
        with contextlib.suppress(EOFError):
            yes = input("free them? [y/N] ").strip().lower() in ("y", "yes")
    left = []
    for of in found if yes else ():
        try:
            of.free()
        except ActlabError as error:
            out.print(str(error), style="bold yellow", soft_wrap=True)
        left += [of] if of.path.exists() else []
    if found:
        freed = file_size(total - sum(of.bytes for of in left))
        more = f"; {counted(len(left), 'thing')} stayed" if left else ""
        out.print(f"freed: {freed}{more}" if yes else "nothing was freed; --yes frees it")
    if json:
        _print_json({
            "freed": yes, "note": note,
            "found": [{"path": str(of.path), "why": of.kind, "bytes": of.bytes} for of in found],
        })  # fmt: skip
    raise typer.Exit(int(bool(left)))


# --- what is asked, and how it is answered -------------------------------------------------------------------------


def _folders(paths: Sequence[Path] | None) -> list[Path]:
    """The folders that are named; without any the folder `results`, which need not be there yet.

    Beside folders a file is passed over: a shell makes files, such as comparison.csv, of study/* too.
    """
    if not paths:
        return [RESULTS]
    from actlab.runs.record import located, nearest_folder

    named = list(map(located, paths))
    kept = [path for path in named if path.is_dir()]
    wrong = []
    for path in named:
        if not path.exists():
            wrong.append(f"{path}: does not exist{nearest_folder(path)}")
        elif not kept:
            wrong.append(f"{path}: is a file; name the folder of a run, of an experiment, or of several")
    if wrong:
        raise RunDirError("\n".join(wrong))
    return kept


def _run_at(path: Path) -> Run:
    """The run of a directory, a name or a label."""
    from actlab.runs.folder import RECORD
    from actlab.runs.record import Run, located, nearest_folder

    path = located(path, RECORD)
    if not path.exists():
        raise RunDirError(f"{path}: does not exist{nearest_folder(path)}; `actlab list` shows where runs are")
    if not (path / RECORD).is_file():
        runs = sorted(file.parent for file in path.glob(f"*/{RECORD}"))
        hint = (
            f"name one of its {counted(len(runs), 'run')}, such as {runs[0]}"
            if runs
            else "`actlab list` shows where runs are"
        )
        raise RunDirError(f"{path}: is no run's folder, since it holds no {RECORD}; {hint}")
    return Run(path)


def _row(run: Run) -> dict[str, Any]:
    """A run in a list of --json."""
    return {
        "path": str(run.path), "label": run.label, "hash": run.hash, "status": run.status,
        "reason": run.record.get("reason"), "results": run.results,
    }  # fmt: skip


def _check_name(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UnknownName(what, name, known)


def _finite(number: Any) -> float | None:
    """A number as JSON has it."""
    if not math.isfinite(number):
        return None
    return int(number) if float(number).is_integer() else float(number)


def _print_json(answer: Any) -> None:
    typer.echo(jsonlib.dumps(answer, indent=2, allow_nan=False))


def _plain_signs(error: UnicodeError) -> tuple[str, int]:
    """What a terminal that cannot encode a sign shows instead."""
    assert isinstance(error, UnicodeEncodeError)
    signs = {"±": "+-", "−": "-", "–": "-", "×": "x", "∞": "inf", "…": "..", "≤": "<=", "≥": ">=", "·": "*", "†": "*",
             "√": "sqrt"}  # fmt: skip
    return "".join(signs.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def _answer(process: str) -> int:
    """The exit code of the command; a usage error repeats what was typed, but for what could drive a terminal."""
    try:
        return int(app(standalone_mode=False, obj=process) or 0)
    except (Exception, SystemExit) as error:
        usage_error: Any = typer.BadParameter.__mro__[1]  # for which Typer has no public name
        if not isinstance(error, usage_error):
            plugins = sys.modules.get("actlab.plugins")  # where it was never needed, no plug-in is at fault
            if plugins and "--debug" not in sys.argv and (blamed := plugins.blamed(error)):
                raise blamed from error
            raise
        from typer.rich_utils import rich_format_error

        from actlab.show.words import printable

        wrong: Any = error
        if not wrong.message and (param := getattr(wrong, "param", None)):  # an argument is missing
            here = sorted(item.value for item in param.shell_complete(wrong.ctx, ""))
            wrong.message = f"{param.help}; here: {', '.join(here[:5]) or 'none yet'}{', ...' * (len(here) > 5)}"
        wrong.message = printable(wrong.message)
        rich_format_error(wrong)
        return 2


def main(process: str = "") -> None:
    """The command `actlab`: an error that a person can mend is one message, and exit code 2.

    Args:
        process: ENDS_SOON where it has nothing else to do.
    """
    codecs.register_error("plain-signs", _plain_signs)
    completion.join_words()
    try:
        pin_process()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                own = stream.isatty() or "PYTHONIOENCODING" in os.environ  # what goes into a file is UTF-8
                stream.reconfigure(encoding=None if own else "utf-8", errors="plain-signs")
        try:
            sys.exit(_answer(process))
        finally:
            sys.stdout.flush()
            if process == ENDS_SOON:
                gc.freeze()  # or Python would search a thousand runs for what can be freed, and then end
    except (ActlabError, OSError) as error:
        unwritten = isinstance(error, OSError) and error.filename is None  # stdout; files have names
        if "--debug" in sys.argv and not unwritten:
            raise
        from actlab.show.words import printable

        text = str(error)
        if isinstance(error, OSError):  # a file or a folder that may not be read, or is gone
            from actlab.runs.folder import refusal

            no_folder = error.errno in (None, errno.ENOENT)  # for temporary files: none is left to fall back to
            name = ("TMPDIR" if no_folder else "stdout") if unwritten else os.fsdecode(error.filename)
            plain = f"{name}: cannot be written: {(error.strerror or text).lower()}"
            text = plain if unwritten else refusal(error, Path(name), "used")
        with contextlib.suppress(OSError):
            if unwritten:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would complain at its end
            if not isinstance(error, BrokenPipeError):
                sys.stderr.write(f"{printable(text)}\n")
                sys.stderr.flush()
        sys.exit(1 if unwritten else 2)
