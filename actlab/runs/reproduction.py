"""Train a finished run again from its record, and hold every byte of the outcome against it."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from actlab import environment, plugins
from actlab.errors import PluginError, RunDirError
from actlab.parts import datasets
from actlab.registry import Plugin
from actlab.runs import executors
from actlab.runs.folder import CONFUSION, HISTORY, LAYERS, RECORD, WEIGHTS, kept_plugin, make_folder
from actlab.runs.job import Job
from actlab.runs.record import Run
from actlab.signals import Signals
from actlab.spec.config import RunConfig, resolve
from actlab.spec.part import plugins_of
from actlab.spec.where import flat

MOST = 10_000  # runs of a group: a record may say anything
COMPARED = (HISTORY, LAYERS, CONFUSION, WEIGHTS)


@dataclass(frozen=True)
class Reproduction:
    """What came out the second time.

    Args:
        outcome: how the second training ended: "done", or why it did not.
        files: name to whether its bytes are the same; only files that the first run has.
        parts_at: the first line of history.csv that differs, its number (the header's is 1) and what it was the first
            and the second time; None where none does.
        environment: dotted name to its value then and now, where they differ.
    """

    outcome: str
    files: dict[str, bool]
    parts_at: tuple[int, str, str] | None
    environment: dict[str, tuple[Any, Any]]

    @property
    def same(self) -> bool:
        return self.outcome == "done" and all(self.files.values())


def reproduce(
    run: Run, scratch: Path, data_dir: Path | None, signals: Signals, watch: executors.Watch,
    say: Callable[[str], None],
) -> Reproduction:  # fmt: skip
    """Train a run again in a scratch folder, with its own number of threads, and compare.

    Raises:
        RunDirError: the run is not done, or its files are no longer what its record states.
        PluginError: it is of a plug-in that is not loaded, and of which there is no copy that may be run.
        DatasetError: its dataset cannot be had.
    """
    if run.status != "done":
        raise RunDirError(f"{run.path}: is {run.status}; only a finished run can be held against a second one")
    if damaged := run.damaged():
        raise RunDirError(f"{run.path}: no longer what its record states: {', '.join(damaged)}")
    plugins.load_only([_plugin(run, digest) for digest in plugins_of(run.config)])
    config = run_config(run)
    path = run.record.get("data_path")
    place = Path(path) if isinstance(path, str) else None
    prepared = datasets.prepare(config.dataset.name, config.dataset.parameters, data_dir, place=place, say=say)
    prepared = replace(prepared, stand_in_for=run.record.get("dataset", {}).get("stand_in_for"))
    wanted = "gpu" if str(run.environment.get("device", "cpu")).startswith("gpu") else "cpu"
    environment.require_engine(config.engine or "tensorflow")
    device = environment.choose_device(wanted, config.engine or "tensorflow")
    on_gpu = device == "gpu"  # on a processor a group has no part in the bytes of its runs
    size, place_in_group = _group(run) if on_gpu else (1, 0)
    paths = [scratch / run.path.name / "copies" / str(i) for i in range(size)]
    path = paths[place_in_group] = scratch / run.path.name
    for of in paths:
        make_folder(of)
    threads, loaded = int(run.environment.get("threads", 1)), plugins.loaded(config.plugins)
    job, *copies = (Job(config, run.label, of, prepared, device, threads, plugins=loaded) for of in paths)
    if copies:
        say(f"trained in a group of {size} runs, by whose size JAX rounds: so {size} copies of it are trained together")
    job = replace(job, together=tuple(copies))
    outcome = executors.run([job], executors.Limits(workers=1), signals, watch)[path]
    if outcome.status != "done":
        return Reproduction(f"{outcome.status}: {outcome.reason}", {}, None, {})
    again = Run(path)
    stated, stated_again = run.record.get("files", {}), again.record["files"]
    files = {name: stated[name] == stated_again.get(name) for name in COMPARED if name in stated}
    first, second = ((r.path / HISTORY).read_text(encoding="utf-8").splitlines() for r in (run, again))
    lines = enumerate(itertools.zip_longest(first, second, fillvalue="(no such line)"), start=1)
    parts_at = next(((number, a, b) for number, (a, b) in lines if a != b), None)
    # of what the first record does not tell, nothing can be said; of its variables it tells those that were set
    keys = ("environment", "dataset", "initial_weights_sha256", *(["together"] if on_gpu else []))
    before, now = (flat({key: r.record.get(key) for key in keys}) for r in (run, again))
    if "variables" in run.environment:
        before |= {n: before.get(n) for n in now if n.startswith("environment.variables.")}
    differences = {name: (then, now.get(name)) for name, then in before.items() if then != now.get(name)}
    differences.pop("together.place", None)  # goes with the number of runs
    if place and (names := differences.pop("dataset.name", None)):  # a place is no part of own data, whose sum is
        say(f"the data of {names[0]} lies in {prepared.origin} now: the same, by its sha256")
    return Reproduction("done", files, parts_at, differences)


def _group(run: Run) -> tuple[int, int]:
    """How many runs this one was trained with, itself included, and its place among them.

    What the others were has no part in its bytes. Of a run that was cut and went on in another group, the last one.
    """
    stated = run.record.get("together")
    match stated:
        case {"runs": [*_, int(size)], "place": int(place)} if 0 <= place < size <= MOST:
            return size, place
    return 1, 0


def run_config(run: Run) -> RunConfig:
    """The config of a record, resolved by this version of actlab.

    Raises:
        RunDirError: this version does not know all of it.
    """
    config, issues = resolve(run.config)
    if config is None:
        what = "; ".join(f"{'.'.join(map(str, issue.path))}: {issue.message}" for issue in issues)
        raise RunDirError(
            f"{run.path / RECORD}: of another version of actlab, or of a plug-in that is not loaded: {what}"
        )
    return config


def _plugin(run: Run, sha256: str) -> Plugin:
    """A plug-in of a run: the one that is loaded, or else the kept copy of a file that this user has run before.

    Raises:
        PluginError: there is neither: a folder may be somebody else's, and its code is not run unasked.
    """
    if found := plugins.loaded([sha256]):
        return found[0]
    stated = run.record.get("plugins")  # a record may say anything
    known = [of for of in stated if isinstance(of, dict)] if isinstance(stated, list) else []
    name = next((of.get("name") for of in known if of.get("sha256") == sha256), "")
    what = f"{run.path}: has a part of the plug-in {name} (sha256 {sha256[:16]})"
    kept = kept_plugin(run.path.resolve().parent, sha256)
    if kept is None:
        raise PluginError(f"{what}, of which no copy lies here; install that package, or name the file by --plugin")
    plugin = plugins.read(kept)
    if plugin.sha256 != sha256 or not plugins.is_known(sha256):
        place = run.path.parent / kept.name
        raise PluginError(f"{what}, which you have not run before. To reproduce is to run it: read {place}, then add "
                          f"--plugin {shlex.quote(str(place))}")  # fmt: skip
    return plugin
