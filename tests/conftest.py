"""What all tests share: caches of their own, no network, an output folder, config files and made-up runs."""

from __future__ import annotations

import functools
import gc
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
import typer.testing
from here import trains_here

from actlab.environment import worker_variables
from actlab.lazy import import_keras
from actlab.spec.config import RunConfig, resolve

# TensorFlow here, in every process of pytest, as in a worker: processes that each use all cores wait for each other
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")

# the parsers of all commands are made once, and not again for each of the thousands of calls
typer.main.get_command = typer.testing._get_command = functools.cache(typer.main.get_command)

WriteConfig = Callable[..., Path]
SLOWEST = ("test_training.py", "test_golden.py", "test_probes.py", "test_signals.py", "test_page.py", "test_cli.py",
           "test_environments.py", "test_tutorial.py", "test_api.py")  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=["tensorflow", "jax"], default="tensorflow", help="what Keras runs on here")


def pytest_configure(config: pytest.Config) -> None:
    """Keras has one backend a process: that of `--engine` here, and in the workers of `actlab run` that tests start."""
    if (engine := config.getoption("--engine")) == "jax":
        os.environ |= worker_variables(1, "cpu", engine)
        import_keras()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The slowest files first: a process takes a file at a time, and none shall be left with a long one at the end.

    What is of another engine than this process has is skipped, with its reason.
    """
    for item in items:
        for only in item.iter_markers("only"):
            if only.args[0] != config.getoption("--engine"):
                item.add_marker(pytest.mark.skip(reason=only.kwargs["reason"]))
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What has been imported by now lives as long as the process: it is not looked through for garbage each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A row of the reliability matrix fails if a case did, and tells how many there were."""
    cases = item.callspec.params.get("cases") if item.get_closest_marker("matrix") else None  # type: ignore[attr-defined]
    try:
        yield
        if cases:
            shown = "\n".join(cases.failures[:5])
            assert not cases.failures, f"{len(cases.failures)} of {cases.tried} failed:\n{shown}"
            assert cases.tried, "no case was tried"
    finally:
        if cases:
            item.user_properties.append(("matrix", [cases.number, cases.title, cases.tried, len(cases.failures)]))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of the reliability matrix: what was tried, how often, what failed, how long it took."""
    rows = [
        [*value, report.duration, report.outcome]
        for reports in (terminalreporter.stats.get(outcome, []) for outcome in ("passed", "failed"))
        for report in reports
        for name, value in getattr(report, "user_properties", [])
        if name == "matrix" and report.when == "call"
    ]
    if not rows:
        return
    terminalreporter.section("reliability matrix")
    terminalreporter.write_line(
        "| row | test | tried | failed | seconds | outcome |\n| --: | --- | --: | --: | --: | --- |"
    )
    for number, title, tried, failed, seconds, outcome in sorted(rows):
        terminalreporter.write_line(f"| {number} | {title} | {tried:,} | {failed} | {seconds:.1f} | {outcome} |")


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache folder for the session, so that a set is rendered once; the user's caches are never touched."""
    base = tmp_path_factory.getbasetemp()  # of one process of several, which share the folder above it
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "caches"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACTLAB_CACHE_DIR", str(folder / "actlab"))
        patch.setenv("KERAS_HOME", str(folder / "keras"))
        patch.setenv("MPLCONFIGDIR", str(folder / "matplotlib"))
        patch.setenv("ACTLAB_NO_DOWNLOAD", "1")
        yield folder


@pytest.fixture(scope="session")
def engine(pytestconfig: pytest.Config) -> str:
    """What Keras runs on here: for a command that trains in processes of its own."""
    return str(pytestconfig.getoption("--engine"))


@pytest.fixture
def here() -> Iterator[None]:
    """Trainings in this process in place of workers', which import TensorFlow anew."""
    with trains_here():
        yield


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """`actlab compare` without its figures, for tests that look at the table alone."""
    monkeypatch.setattr("actlab.show.figures.comparison.draw_comparison", lambda *_, **__: [])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder that does not exist yet."""
    return tmp_path / "results"


@pytest.fixture
def write_config(tmp_path: Path) -> WriteConfig:
    """Writes YAML text, as it is, into a config file; returns its path."""

    def write(text: str, name: str = "study.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def resolved() -> Callable[..., RunConfig]:
    """Makes the config of a run on MNIST with some keys changed."""
    return _resolved


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Makes a run directory as a training leaves it, with made-up numbers."""
    return _make_run


def _resolved(**changes: Any) -> RunConfig:
    data = {"dataset": "mnist", "model": "mnist_dense", "activation": "relu", "epochs": 3, **changes}
    config, problems = resolve(data)
    assert config is not None, problems
    return config


HISTORY_COLUMNS = "epoch,step,loss,accuracy,val_loss,val_accuracy,learning_rate\n"


def _history(accuracies: list[float]) -> str:
    """A history.csv whose validation accuracy is given, an epoch of 600 steps each."""
    rows = [f"{e},{600 * e},{1 / e:.9g},{a - 0.01:.9g},{0.9 / e:.9g},{a:.9g},0.01" for e, a in _numbered(accuracies)]
    return HISTORY_COLUMNS + "".join(f"{row}\n" for row in rows)


def _timing(epochs: int, seconds: float = 2.0) -> str:
    """A timing.csv whose first epoch took five times as long as the others."""
    rows = [f"{seconds * (e + 4):.3f},{60_000 / seconds:.1f}\n" for e in range(1, epochs + 1)]
    return "wall_seconds,images_per_second\n" + "".join(rows)


def _numbered(values: list[float]) -> list[tuple[int, float]]:
    return list(enumerate(values, start=1))


def _make_run(
    folder: Path, config: RunConfig, accuracies: list[float], status: str = "done", record: Mapping[str, Any] = {}
) -> Path:
    """`folder` is that of the experiment; `accuracies` are those of validation by epoch; `record` changes run.json."""
    path = folder / f"{config.activation.name}-seed{config.seed}-{config.hash[:8]}"
    path.mkdir(parents=True)
    (path / "history.csv").write_text(_history(accuracies))
    (path / "timing.csv").write_text(_timing(len(accuracies)))
    best = max(range(len(accuracies)), key=accuracies.__getitem__)
    made = {
        "label": path.name[:-9], "status": status, "hash": config.hash, "config": config.canonical(),
        "dataset": {"name": config.dataset.name, "sha256": "0" * 64, "stand_in_for": None},
        "environment": {"threads": 1}, "parameters": 203_530, "wall_seconds": 12.5,
    }  # fmt: skip
    if status == "done":
        made["results"] = {"final": _row(accuracies, -1), "best": _row(accuracies, best)}
    (path / "run.json").write_text(json.dumps({**made, **record}))
    return path


def _row(accuracies: list[float], index: int) -> dict[str, float]:
    value = accuracies[index]
    return {"epoch": index % len(accuracies) + 1, "loss": 0.9 - value, "accuracy": value + 0.01, "val_loss": 1 - value,
            "val_accuracy": value, "test_accuracy": value - 0.02, "test_loss": 1.1 - value}  # fmt: skip
