"""actlab from Python: what `import actlab` offers, each the same as the command of its name.

    import actlab

    experiment = actlab.run("configs/relu_vs_leaky.yaml", set={"epochs": 5})
    comparison = experiment.compare()
    comparison.frame                      # a row a condition: what comparison.csv has
    comparison.figures["val_accuracy"]    # a matplotlib Figure
    experiment.runs[0].history            # a row an evaluation

Nothing of this needs `if __name__ == "__main__"`, nor a process without TensorFlow: workers begin anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actlab import environment
from actlab.errors import ActlabError, RunDirError, counted
from actlab.runs.folder import EXPERIMENT, REPORT, WEIGHTS, check_outside_runs, make_folder, read_arrays, write_bytes
from actlab.runs.record import Run, located, nearest_folder
from actlab.signals import RESUME, Interrupts, Signals

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from actlab.runs.executors import Executor
    from actlab.runs.job import Job, Outcome
    from actlab.runs.sweep import Sweep
    from actlab.show.page.current import CurrentReport
    from actlab.show.tables import Terminal
    from actlab.show.trackers.process import Tracking
    from actlab.spec.plan import Plan
    from actlab.spec.where import Condition
    from actlab.study import judge
    from actlab.study.folders import Found

MODEL_FORMATS = (".keras", ".onnx")
Config = str | os.PathLike[str] | Mapping[str, Any]


class LoadedRun(Run):
    """A run whose model can be had again; what it was and what it did is read from its directory.

    `.config`, `.history` and `.layers` (DataFrames), `.results`, `.environment`, `.status`, `.model()`, `.export()`.
    """

    def model(self) -> Any:
        """The Keras model, built from the config, with the weights that were kept.

        Returns:
            a `keras.Model` from images in 0..1, (batch, height, width, channels), or from vectors, (batch, features),
            to class probabilities.

        Raises:
            RunDirError: no weights were kept, they are damaged, or the config is of another version of actlab.
        """
        from actlab.runs.engines.build import build_model
        from actlab.runs.reproduction import run_config
        from actlab.spec.budget import sizes_of

        file = self.path / WEIGHTS
        if not file.exists():
            raise RunDirError(f"{file}: no weights were kept; train with keep_weights: final or best")
        arrays = [array for _, array in sorted(read_arrays(file).items())]
        config = run_config(self)
        sizes = sizes_of(config.canonical())
        model = build_model(config, sizes.shape, sizes.classes)
        if len(arrays) != len(model.variables):
            raise RunDirError(f"{file}: {len(arrays)} arrays for {len(model.variables)} variables")
        for variable, value in zip(model.variables, arrays, strict=True):
            variable.assign(value)
        return model

    def export(self, file: str | os.PathLike[str]) -> Path:
        """Write the model into a file that needs no run directory; returns its path.

        Args:
            file: ends in .keras, which `keras.models.load_model` reads after `from actlab import Activation`; or in
                .onnx, which needs nothing of actlab or Keras any more.

        Raises:
            RunDirError: the run is not done, its weights are not those of the record, or the file cannot be written.
            ActlabError: the ending is another; or ONNX is not installed, or lacks what the model computes by.
        """
        import tempfile

        file = Path(file)
        if file.suffix not in MODEL_FORMATS:
            raise ActlabError(f"{file}: a model is written into a file that ends in {' or '.join(MODEL_FORMATS)}")
        check_outside_runs(file)
        if file.suffix == ".onnx":
            need("onnx", "tf2onnx", "onnx")
            if (precision := self.config.get("precision")) != "float32":
                raise ActlabError(
                    f"{self.path}: computes in {precision}, and to ONNX goes float32 only; export to .keras"
                )
        if self.status != "done":
            raise RunDirError(f"{self.path}: is {self.status}; a finished run has a model to export")
        if faults := self.faults((WEIGHTS,)):
            raise RunDirError(f"{self.path / WEIGHTS}: {faults[WEIGHTS]}")
        model = self.model()
        with tempfile.TemporaryDirectory(prefix="actlab-export-") as scratch:
            made = Path(scratch, f"model{file.suffix}")
            if file.suffix == ".onnx":
                _export_onnx(model, made, self.config["activation"]["name"])
            else:
                model.save(made)
            make_folder(file.parent)
            write_bytes(file, made.read_bytes())
        return file

    def _repr_html_(self) -> str:
        return _html([self], self.label)


class TrainedExperiment:
    """The folder of an experiment, and the runs in it.

    Args:
        path: the folder.

    Raises:
        RunDirError: it is no experiment's.
    """

    def __init__(self, path: Path) -> None:
        if not (path / EXPERIMENT).is_file():
            raise RunDirError(f"{path}: holds no {EXPERIMENT}; it is no experiment's folder")
        self.path = path

    def __repr__(self) -> str:
        return f"TrainedExperiment({str(self.path)!r}, {counted(len(self.runs), 'run')})"

    def _repr_html_(self) -> str:
        return _html(self.runs, self.path.name)

    @cached_property
    def runs(self) -> list[LoadedRun]:
        """All that were begun, in the order of the plan; those without a readable record too."""
        from actlab.study.folders import read
        from actlab.study.frame import frame_of

        ordered = frame_of([run for run in read([self.path]).runs if run.is_known])["run", "run"]
        return [LoadedRun(run.path, run.record) for run in ordered]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a run: label, status, path, the config (`activation.name`, ...), and the numbers of its last row."""
        import pandas as pd

        from actlab.spec.where import flat

        return pd.DataFrame([
            {"label": run.label, "status": run.status, "path": str(run.path), **flat(run.config),
             **run.results.get("final", {})}
            for run in self.runs
        ])  # fmt: skip

    def histories(self, timing: bool = False, layers: bool = False) -> pd.DataFrame:
        """A row an evaluation and run: experiment, run, hash, status, the config, and the columns of history.csv.

        Args:
            timing: also the columns of timing.csv.
            layers: the rows of layers.csv instead: a row an evaluation, layer and run.

        Raises:
            ActlabError: no run has a row; or both choices are made.
        """
        from actlab.study.histories import histories

        return histories([self.path], timing, layers)[0]

    def compare(self, metrics: str | Sequence[str] = (), **choices: Any) -> Comparison:
        """Its conditions held against each other; the arguments are those of `actlab.compare`."""
        return compare(self.path, metrics, **choices)

    def report(self, out: str | os.PathLike[str] | None = None, **choices: Any) -> Path:
        """Its page; the arguments are those of `actlab.report`."""
        return report(self.path, out=out or self.path / REPORT, **choices)


class Comparison:
    """Conditions held against each other, as `actlab compare` prints them. Printed, it is that table.

    Args:
        judged: what the judge found.
        title: of the figures.
    """

    def __init__(self, judged: judge.Comparison, title: str) -> None:
        self.judged, self.title = judged, title

    @property
    def sentence(self) -> str:
        """What came out, in a sentence."""
        from actlab.show.words import sentence

        return sentence(self.judged)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """A row a condition, every number in full: what comparison.csv has (`docs/compare.md` names the columns)."""
        from actlab.show.rendering import comparison_frame

        return comparison_frame(self.judged)

    @cached_property
    def figures(self) -> dict[str, Figure]:
        """The figures that apply, as `matplotlib.figure.Figure`, by the names of the files of `actlab compare`."""
        from actlab.show.figures.comparison import comparison_figures
        from actlab.show.figures.style import png

        drawn: dict[str, Figure] = {n: draw() for n, draw in comparison_figures(self.judged, self.title).items()}
        for figure in drawn.values():  # a notebook shows it, whether or not it has imported pyplot
            vars(figure)["_repr_png_"] = partial(png, figure)
        return drawn

    def _lines(self) -> list[str]:
        from actlab.show import words

        return [words.caption(self.judged), *words.notes(self.judged, every=False)[0]]

    def __repr__(self) -> str:
        from rich.console import Console

        from actlab.show.tables import Table, comparison_columns

        console = Console(width=120, markup=False, emoji=False, highlight=False, color_system=None)
        with console.capture() as captured:
            console.print(self.sentence, Table(comparison_columns(self.judged)), *self._lines(), sep="\n")
        return captured.get().rstrip()

    def _repr_html_(self) -> str:
        from actlab.show.rendering import table_text
        from actlab.show.tables import comparison_columns

        return table_text("fragment", comparison_columns(self.judged), self.sentence, self._lines())


One = str | os.PathLike[str] | Run | TrainedExperiment
Paths = One | Sequence[One]


# --- the functions of `import actlab` ----------------------------------------------------------------------------


def run(
    config: Config, *, set: Mapping[str, Any] | None = None, plugins: Sequence[str | os.PathLike[str]] = (),
    out: str | os.PathLike[str] = "results",
    workers: int | None = None, device: str = "auto", data_dir: str | os.PathLike[str] | None = None,
    force: bool = False, retry_failed: bool = False, retries: int = 1, run_timeout: float | None = None,
    fail_fast: bool = False, checkpoint_seconds: float = 30.0, quiet: bool = False, threads: int | None = None,
    executor: str = "local", address: str | None = None, shared_folder: bool = True,
    slurm: Mapping[str, str | bool] | None = None, detach: bool = False, log: str | Sequence[str] = (),
    vectorize: int | None = None, engine: str = "auto",
) -> TrainedExperiment:  # fmt: skip
    """Train every run of a config that is not done yet, as `actlab run` does.

    Args:
        config: the path of a YAML file, YAML text (of more than one line), or a mapping of the same keys.
        set: dotted path to value, as `--set` has them: `{"epochs": 5, "sweep.seed": {"range": 10}}`.
        plugins: files of own parts, as `--plugin` has them; they are run.
        out: folder for the results.
        workers: processes at a time; as many as cores and memory have room for, if None.
        device: auto, cpu or gpu.
        data_dir: folder with NAME.npz files.
        force: train finished runs anew.
        retry_failed: train failed and diverged runs again.
        retries: further attempts at a run that fails.
        run_timeout: seconds that one run may take.
        fail_fast: stop at the first run that fails.
        checkpoint_seconds: at most about this much work is lost by a crash.
        quiet: print nothing.
        threads: of each run; if None, this machine's cores are shared by its workers, and runs elsewhere have one.
        executor: local, ray or slurm: where runs are trained.
        address: of a Ray cluster; None begins one on this machine.
        shared_folder: False where no node of Ray sees `out`, whatever it looks like from there.
        slurm: options of sbatch by name, as `{"partition": "gpu", "time": "2:00:00"}`; True for one without a value.
        detach: leave the runs to Slurm: the same call takes them up.
        log: trackers that get the runs too, as `--log` has them: "tensorboard", "mlflow=http://HOST:5000", "wandb".
        vectorize: runs that JAX trains together at most; as many as memory and workers have room for, if None.
        engine: auto, tensorflow or jax.

    Returns:
        The experiment's folder with its runs, whatever became of them.

    Raises:
        ActlabError: an argument is no number of that kind.
        ConfigError: all that is wrong with the config.
        PluginError: a file of own parts cannot be loaded.
        DatasetError: a dataset cannot be had, and no stand-in is named.
        KeyboardInterrupt: after Ctrl-C; nothing is lost, and the same call goes on.
    """
    from actlab.plugins import use
    from actlab.runs.sweep import choose_engine
    from actlab.show.tables import Terminal
    from actlab.show.trackers.process import Tracking

    _check_number("retries", retries, 0, int)
    _check_number("run_timeout", 1 if run_timeout is None else run_timeout, 1)
    _check_number("checkpoint_seconds", checkpoint_seconds, 0)
    use(plugins)
    talk, tracking = Terminal(quiet=quiet), Tracking(_texts(log))
    plan = choose_engine(_plan(config, set or {}), engine, device, Path(out))
    where = executor_of(executor, address=address, shared_folder=shared_folder, slurm=dict(slurm or {}), detach=detach)
    with environment.pinned_children(), Interrupts() as signals:
        sweep = prepared(
            plan, device, where, talk, vectorize, out=Path(out), data_dir=Path(data_dir) if data_dir else None,
            workers=workers, force=force, retry_failed=retry_failed, checkpoint_seconds=checkpoint_seconds,
            threads=threads,
        )  # fmt: skip
        sweep.begin()
        limits: dict[str, Any] = {"retries": retries, "run_timeout_seconds": run_timeout, "fail_fast": fail_fast}
        outcomes = train(sweep, signals, talk, executor=where, tracking=tracking, **limits)
        for problem in tracking.finish([run.path for run in sweep.runs(outcomes)], signals):
            talk.print(problem, style="bold yellow")
        if problem := draw(sweep, outcomes):
            talk.print(f"not drawn: {problem}", style="bold yellow")
        if signals.received:
            talk.print(f"stopped; {RESUME.replace('command', 'call')}")
            raise KeyboardInterrupt
    return TrainedExperiment(sweep.folder)


def load(path: str | os.PathLike[str]) -> LoadedRun | TrainedExperiment:
    """The run, or the experiment, in a folder.

    Args:
        path: the folder; or, as for the commands, the name of an experiment or the label of a run in `results`.

    Raises:
        RunDirError: there is none or there are several, or the record of the run is damaged.
    """
    path = _located(path)
    return TrainedExperiment(path) if (path / EXPERIMENT).is_file() else LoadedRun(path)


def compare(
    paths: Paths, metrics: str | Sequence[str] = (), *, by: str | Sequence[str] = (), sort: str | None = None,
    baseline: str | None = None, at: str = "last", where: str | Sequence[str] = (), reach: float | None = None,
) -> Comparison:  # fmt: skip
    """Hold the conditions of finished runs against a baseline, as `actlab compare` does; writes nothing.

    Args:
        paths: folders or names of runs or experiments, as `load` takes them, or what `run` and `load` return; one or
            several.
        metrics: such as "val_accuracy"; the first is judged.
        by: config keys to group by.
        sort: column to sort by.
        baseline: condition, value or key=value to compare with; the first condition, if None.
        at: last, best-validation, 'step N', 'epoch N', area, max, min or mean.
        where: which runs, as in "activation=relu,optimizer.learning_rate<0.1".
        reach: also give epochs and seconds to this level of the metric.

    Raises:
        ActlabError: there is nothing to compare, or a choice fits none of the runs.
    """
    from actlab.study import folders, judge

    found = folders.read(_paths(paths))
    if not found.runs:
        raise ActlabError("\n".join(["no runs to compare", *found.passed_over[:10]]))
    judged = judge.compare(
        found.runs, _texts(metrics), _texts(by), sort, baseline, at, conditions(_texts(where)), reach, found.notes()
    )
    return Comparison(judged, question_of(found))


def report(
    paths: Paths, out: str | os.PathLike[str] = REPORT, *, form: str = "html", title: str | None = None,
    metrics: str | Sequence[str] = (), at: str = "last", baseline: str | None = None, by: str | Sequence[str] = (),
    where: str | Sequence[str] = (),
) -> Path:  # fmt: skip
    """Write the page that one sends to others, as `actlab report` does; returns its path.

    Args:
        paths: as `compare` has them, and the choices too.
        out: the file.
        form: html or markdown.
        title: of the page.

    Raises:
        ActlabError: there is no run, a choice fits none of the experiments, or the file cannot be written.
    """
    from actlab.show.page import report as page

    choices: dict[str, Any] = {
        "title": title, "metrics": list(_texts(metrics)), "at": at, "baseline": baseline, "by": list(_texts(by)),
        "where": conditions(_texts(where)),
    }  # fmt: skip
    page.write(_paths(paths), Path(out), form, **choices)
    return Path(out)


def activation(name: str, **parameters: Any) -> Any:
    """An activation as a Keras layer, for a model of one's own; it is saved and loaded with it.

        model = keras.Sequential([keras.layers.Dense(256), actlab.activation("leaky_relu", negative_slope=0.1), ...])

    Args:
        name: as in a config (`actlab.activations()` lists them); "formula", with `formula="where(x > 0, x, 0.1*x)"`.
        parameters: those of the activation; the others have their defaults.

    Returns:
        `actlab.parts.activations.layer.Activation`, a `keras.layers.Layer`.

    Raises:
        ActlabError: no activation or no parameter has this name, or a value is out of its range.
    """
    part = resolved({"name": name, **parameters})
    from actlab.parts.activations.layer import Activation

    return Activation(part.pop("name"), part)


def activations() -> pd.DataFrame:
    """The activations, a row each: formula, range, monotonic, value and slope at zero, source, parameters."""
    import pandas as pd

    return pd.DataFrame(activation_rows()).set_index("name").rename_axis(None)


# --- shared with the command line --------------------------------------------------------------------------------


def activation_rows() -> list[dict[str, Any]]:
    """What is known of each activation; the source of one of a plug-in is that, where it states none."""
    from actlab.parts.activations import ACTIVATIONS

    columns = ("range", "monotonic", "value_at_zero", "slope_at_zero")
    return [
        {
            "name": entry.name,
            "formula": entry.facts.formula or entry.summary,
            **{column: getattr(entry.facts, column) for column in columns},
            "source": entry.facts.source or (entry.plugin.name if entry.plugin else ""),
            "parameters": {p.name: None if p.required else p.default for p in entry.parameters},
        }
        for entry in ACTIVATIONS
    ]


def resolved(part: Mapping[str, Any]) -> dict[str, Any]:
    """An activation as a config writes it, with its real name and all its parameters.

    Raises:
        ActlabError: no activation or no parameter has this name, or a value is out of its range.
    """
    from actlab.spec.part import resolve_part

    found, issues = resolve_part("activation", part, (), to_train=False)
    if found is None:
        raise ActlabError(
            "\n".join(f"{'.'.join(map(str, i.path))}: {i.message}" if i.path else i.message for i in issues)
        )
    found.pop("plugin", None)
    return found


def executor_of(name: str, **choices: Any) -> Executor:
    """The executor of a name, with what is asked of it.

    Raises:
        ActlabError: there is none, it is asked what is another one's, or its packages are not installed.
    """
    from actlab.runs.executors import PACKAGES, Executor

    executor = Executor(name, **choices)
    need(name, *PACKAGES[name])
    return executor


def prepared(
    plan: Plan, device: str, executor: Executor, talk: Terminal, vectorize: int | None, **options: Any
) -> Sweep:
    """What is left to train of a plan; what the user must see before is printed.

    Args:
        plan: of the runs.
        device: auto, cpu or gpu; machines elsewhere have a GPU if that is asked for.
        executor: where they are trained.
        talk: to the user.
        vectorize: as `run` has it.
        options: further ones of `runs.sweep.prepare`.
    """
    from actlab.runs.sweep import engine_of, prepare

    if not (executor.elsewhere and device == "gpu"):
        device = environment.choose_device(device, engine_of(plan))
    together = vectorize if executor.name == "local" else 1
    sweep = prepare(plan, device=device, say=talk.print, elsewhere=executor.elsewhere, vectorize=together, **options)
    for warning in sweep.warnings:
        talk.print(f"NOTE  {warning}", style="bold yellow", soft_wrap=True)
    return sweep


def train(
    sweep: Sweep, signals: Signals, talk: Terminal, page: CurrentReport | None = None,
    executor: Executor | None = None, tracking: Tracking | None = None, **limits: Any,
) -> dict[Path, Outcome]:  # fmt: skip
    """Train what is left of a sweep, in view of a person; returns how each training ended, by its folder."""
    if not sweep.jobs:
        if executor and executor.name == "slurm":
            from actlab.runs.executors import slurm

            slurm.tidy(sweep.folder)
        return {}
    from actlab.runs import executors
    from actlab.runs.progress import Display
    from actlab.show.figures.comparison import import_plotting

    tasks = sweep.tasks()
    workers = min(sweep.workers, len(tasks))
    there = f" in {counted(len(tasks), 'group')}" if len(tasks) < len(sweep.jobs) else ""
    there += f", {len(sweep.ended)} there already" if sweep.ended else ""
    executor = executor or executors.LOCAL
    on = "" if executor.name == "local" else f"{executor.name}: "
    up_to = "up to " if executor.elsewhere else ""
    talk.print(
        f"{sweep.plan.experiment.name}: {counted(len(sweep.jobs), 'run')} to train{there}; {on}{up_to}"
        f"{counted(workers, 'worker')} of {counted(sweep.jobs[0].threads, 'thread')} on {sweep.jobs[0].device}",
        style="bold",
    )
    with Display(talk, sweep.jobs, workers, sweep.forecast, sweep.folder) as display:

        def look(running: list[Job], outcomes: dict[Path, Outcome]) -> None:
            if executor.elsewhere:  # as many as there was room for
                display.time_left.workers = max(1, len(running))
            display.update(running, outcomes)
            if page:
                page.update(len(outcomes))
            if tracking:
                tracking.update(outcomes)
            if len(running) < workers and not signals.count:
                import_plotting()

        outcomes = executors.run(tasks, executors.Limits(workers, **limits), signals, look, _draw_run, executor)
        if executor.detach:
            talk.print("left to Slurm: `actlab status` shows how far they are, and the same command takes them up")
        display.update([], outcomes)
    return outcomes


def _draw_run(path: Path) -> list[str]:
    """Draw a run at its end, in its worker: Matplotlib is imported there, while other workers train."""
    from actlab.show.figures.run import draw_run

    return draw_run(path)


def draw(sweep: Sweep, outcomes: Mapping[Path, Outcome]) -> str:
    """Draw the curves of an experiment, unless they stand for all of it already; returns what is not drawn, or ""."""
    runs = sweep.runs(outcomes)
    if any(outcome.status == "interrupted" for outcome in outcomes.values()):  # then nobody waits for figures
        return ""
    drawn = (sweep.folder / "val_accuracy.png").exists() and not (outcomes or sweep.elsewhere)
    lacking = [run for run in sweep.ended if "not_drawn" in run.record]
    if lacking or (not drawn and any(run.status == "done" for run in runs)):
        from actlab.show.figures.comparison import draw_comparison
        from actlab.show.figures.run import draw_again
        from actlab.study.judge import compare

        try:
            draw_again(lacking)
            title = sweep.plan.experiment.question or sweep.plan.experiment.name
            draw_comparison(sweep.folder, compare(runs), title, curves_only=True)
        except RunDirError as error:  # what was trained is there all the same
            return str(error)
    return ""


def need(extra: str, *packages: str) -> None:
    """Raise unless the packages of an extra are installed.

    Raises:
        ActlabError: says how to install them.
    """
    from importlib.util import find_spec

    if missing := [name for name in packages if find_spec(name) is None]:
        raise ActlabError(f"{', '.join(missing)}: not installed; get it by: pip install 'actlab[{extra}]'")


def conditions(where: Sequence[str]) -> list[Condition]:
    """The conditions of --where."""
    from actlab.spec.where import parse_where

    return [condition for text in where for condition in parse_where(text)]


def question_of(found: Found) -> str:
    """The title of figures: what the config of the experiment asks; which experiments they are, where several are."""
    asked = [plan.experiment.question for plan in found.plans.values() if not isinstance(plan, ActlabError)]
    return (asked[0] if len(found.plans) == len(asked) == 1 else "") or title_of(found.runs)


def title_of(runs: Sequence[Run]) -> str:
    """Which experiments runs are of."""
    studies = list(dict.fromkeys(run.path.resolve().parent.name or "comparison" for run in runs))
    title = ", ".join(studies if len(studies) <= 3 else studies[:2])
    return title + (f" and {len(studies) - 2} other experiments" if len(studies) > 3 else "")


# --- what is asked ---------------------------------------------------------------------------------------------


def _plan(config: Config, changes: Mapping[str, Any]) -> Plan:
    """The plan of a path, of text, or of a mapping."""
    from actlab.spec import plan, yaml

    overrides = [f"{key}={yaml.dump(_plain(value), one_line=True)}" for key, value in changes.items()]
    if isinstance(config, Mapping):
        return plan.parse(yaml.dump(_plain(config)), "the config", overrides)
    if isinstance(config, str) and "\n" in config:
        return plan.parse(config, "the config", overrides)
    return plan.read(Path(config), overrides)


def _plain(value: Any) -> Any:
    """What Python writes where YAML has a number, a list or a mapping."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):  # a number or an array of NumPy
        return value.tolist()
    if isinstance(value, list | tuple | range | set | frozenset):
        return list(map(_plain, value))
    if value is None or isinstance(value, str | int | float):
        return value
    raise ActlabError(f"the config: {value!r} is no text, number, list or mapping")


def _export_onnx(model: Any, file: Path, activation: str) -> None:
    """Write a model by Keras's own exporter, with any number of images at a time, called `images`.

    Raises:
        ActlabError: tf2onnx has left an operator of TensorFlow in it, which no reader of ONNX knows.
    """
    import keras
    import onnx

    _teach_tf2onnx()
    images = keras.InputSpec(shape=model.input_shape, dtype="float32", name="images")
    model.export(file, format="onnx", verbose=False, input_signature=[images])
    nodes = onnx.load(file).graph.node
    if unknown := sorted({node.op_type for node in nodes if not onnx.defs.has(node.op_type, node.domain)}):
        raise ActlabError(
            f"{activation}: ONNX has no operator {', '.join(unknown)}, and tf2onnx has no other way; export to .keras"
        )


def _teach_tf2onnx() -> None:
    """Have it write Expm1 and Erfc, by which TensorFlow computes elu and gelu, by what ONNX has.

    expm1(x) = tanh(x / 2) (exp(x) + 1), which is as exact near 0 as far from it; erfc(x) = 1 − erf(x).
    """
    import numpy as np
    from tf2onnx.handler import tf_op

    class Written:
        """Makes the nodes of one operator."""

        @classmethod
        def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
            dtype, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
            (x,), outputs = node.input, node.output

            def make(kind: str, *inputs: Any, **named: Any) -> Any:
                return graph.make_node(kind, list(inputs), shapes=[shape], dtypes=[dtype], **named).output[0]

            def constant(value: float) -> Any:
                return graph.make_const(f"{node.name}/{value}", np.float32(value)).output[0]

            graph.remove_node(node.name)
            if node.type == "Erfc":
                make("Sub", constant(1), make("Erf", x), outputs=outputs)
            else:
                half, more = make("Mul", x, constant(0.5)), make("Add", make("Exp", x), constant(1))
                make("Mul", make("Tanh", half), more, outputs=outputs)

    tf_op(["Expm1", "Erfc"])(Written)


def _paths(paths: Paths) -> list[Path]:
    several = [paths] if isinstance(paths, str | os.PathLike | Run | TrainedExperiment) else paths
    return [path.path if isinstance(path, Run | TrainedExperiment) else _located(path) for path in several]


def _check_number(name: str, value: Any, least: int, kind: type = float) -> None:
    right = isinstance(value, int | kind) and not isinstance(value, bool)
    if not right or not value >= least:  # NaN is none
        what = "whole number" if kind is int else "number of seconds"
        raise ActlabError(f"{name}: expected a {what} from {least}, read {value!r}")


def _located(path: str | os.PathLike[str]) -> Path:
    found = located(Path(path))
    if not found.exists():
        raise RunDirError(f"{found}: does not exist{nearest_folder(found)}")
    return found


def _texts(of: str | Sequence[str]) -> Sequence[str]:
    return [of] if isinstance(of, str) else of


def _html(runs: Sequence[Run], title: str) -> str:
    """A table of runs, escaped."""
    from actlab.show.rendering import table_text
    from actlab.show.tables import runs_table
    from actlab.show.words import ends

    return table_text("fragment", runs_table(runs).columns, title, ends(runs))
