"""Who may know whom: the table of the design, held against the imports of every module."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import actlab
from actlab.spec.config import RunConfig

PACKAGE = Path(actlab.__file__).parent
CONFIGS = Path(__file__).parents[1] / "configs"

LAYERS = [
    {"errors", "registry", "lazy", "tables"},
    {"yaml", "formula", "stats"},
    {"parts", "config", "sweep", "rundir", "conditions", "measures", "statements"},
    {"activations", "datasets", "models", "optimizers", "initializers", "probes", "plots", "animate", "environment"},
    {"training", "pictures", "forecast", "engines", "compare", "claims", "diff", "report"},
    {"experiment", "executors", "display", "loading", "reproduction", "watch"},
    {"commands", "cli", "__main__"},
]
LAYER = {name: number for number, names in enumerate(LAYERS) for name in names}

# Imports within a layer, from one package to another, each with its reason.
SIDEWAYS = {
    ("registry", "errors"): "an unknown name is answered by an error",
    ("config", "parts"): "a config is made of parts",
    ("sweep", "config"): "a sweep is a list of configs",
    ("sweep", "parts"): "places and quoted values of problems",
    ("measures", "conditions"): "offers them beside the numbers of the runs they choose",
    ("measures", "rundir"): "a number of a run",
    ("statements", "conditions"): "which runs a claim is about",
    ("statements", "measures"): "when a claim's number is taken",
    ("statements", "parts"): "strictness of models, and values as messages quote them",
    ("config", "statements"): "a file states claims",
    ("sweep", "statements"): "claims held against the runs that a file plans",
    ("sweep", "conditions"): "which of the planned runs a claim is about",
    ("sweep", "measures"): "which measures the planned runs will have",
    ("claims", "compare"): "names of conditions, the data they are on, and the guard against confounding",
    ("training", "engines"): "a training drives an engine",
    ("training", "pictures"): "draws a run at the end of its training",
    ("animate", "plots"): "the style of every picture",
    ("probes", "activations"): "the slope is the activation's own, and so is what it learns",
    ("forecast", "training"): "a job says what it trains",
    ("report", "compare"): "the comparison that a page shows",
    ("report", "claims"): "the claims that a page shows, judged",
    ("experiment", "executors"): "how many workers there are decides on the threads of a job",
    ("display", "executors"): "shows the outcomes of the workers",
    ("reproduction", "loading"): "the config of a recorded run",
    ("reproduction", "executors"): "trains a recorded run again in a worker",
    ("cli", "commands"): "each command calls its module",
    ("__main__", "cli"): "the command line by another name",
}
# Imports of a higher layer, each with its reason.
UPWARDS = {
    ("actlab", "loading"): "the facade of the package: `actlab.load`, imported when it is called",
}

# Modules that a listing or a check reads: importing them must cost no TensorFlow.
LIGHT = [
    "errors", "registry", "lazy", "tables", "yaml", "formula", "parts", "config", "sweep", "rundir", "activations",
    "conditions", "measures", "statements", "claims", "diff", "commands.claims", "commands.diff", "stats",
    "datasets", "models", "optimizers", "initializers", "probes", "plots", "environment", "training", "engines.build",
    "engines.compiled", "compare", "forecast", "experiment", "executors.local", "executors.worker", "display", "cli",
    "commands.activations", "commands.check", "commands.compare", "commands.data", "commands.look", "commands.probes",
    "commands.run", "pictures",
    "report", "report.current", "watch", "commands.report", "commands.watch",
]  # fmt: skip
HEAVY = ("tensorflow", "keras")


def modules() -> dict[str, Path]:
    """Dotted name below `actlab` to file; the package itself is `actlab`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or "actlab"] = path
    return found


MODULES = modules()


@cache
def imports(module: str) -> frozenset[tuple[str, bool]]:
    """What a module imports of this package, as dotted names below it, and whether at module level."""
    tree = ast.parse(MODULES[module].read_text())
    inside = {id(node) for part in ast.walk(tree) if _is_function(part) for node in ast.walk(part)}
    typing_only = {id(node) for part in ast.walk(tree) if _is_type_checking(part) for node in ast.walk(part)}
    return frozenset(
        (name, id(node) not in inside and id(node) not in typing_only)
        for node in ast.walk(tree)
        for name in _imported(node)
    )


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide where a name comes from"
        whole = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [name if name.removeprefix("actlab.") in MODULES else str(node.module) for name in whole]
    else:
        return []
    return [name.removeprefix("actlab.") for name in names if name == "actlab" or name.startswith("actlab.")]


def top(module: str) -> str:
    return module.split(".")[0]


EDGES = sorted({(top(m), top(name)) for m in MODULES for name, _ in imports(m) if top(m) != top(name)})


def test_every_module_has_a_layer() -> None:
    assert {top(module) for module in MODULES} - {"actlab"} <= set(LAYER)


@pytest.mark.parametrize(("importer", "imported"), EDGES)
def test_imports_go_downwards(importer: str, imported: str) -> None:
    if imported == "actlab" or (importer, imported) in UPWARDS:
        return
    above, below = LAYER[importer], LAYER[imported]
    assert above > below or (above == below and (importer, imported) in SIDEWAYS), (
        f"{importer} (layer {above}) imports {imported} (layer {below})"
    )


def test_listed_exceptions_are_needed() -> None:
    unused = {edge for edge in [*SIDEWAYS, *UPWARDS] if edge not in EDGES}
    assert not unused


def test_packages_form_no_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for importer, imported in EDGES:
        if (importer, imported) not in UPWARDS and imported != "actlab":
            graph.setdefault(importer, set()).add(imported)
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_modules_form_no_cycle() -> None:
    """Inside the packages too: at module level, where a cycle would break the import."""
    graph = {
        module: {name for name, at_module_level in imports(module) if at_module_level and name != module}
        for module in MODULES
    }
    packages = {module for module in MODULES if MODULES[module].name == "__init__.py"}
    # `from actlab.show.plots.style import x` runs the package's own __init__ too, but a member needs nothing of it
    members = {module: wanted - packages for module, wanted in graph.items() if module not in packages}
    assert list(graphlib.TopologicalSorter(members).static_order())


def test_the_reader_of_imports_sees_what_it_should() -> None:
    """The tests above would pass on an empty list of imports."""
    assert ("errors", True) in imports("registry")
    assert ("activations.layer", False) in imports("engines.build")
    assert ("rundir", True) in imports("experiment")
    assert len(EDGES) > 50


def _loaded_after(program: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    program += "\nimport sys\nprint('\\n@' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("@")[2].split()), done


def test_light_modules_import_no_tensorflow() -> None:
    """In one process, since none of them may: the message names those that are to blame."""
    program = "import sys, importlib\nblame = []\n"
    program += f"for name in {LIGHT!r}:\n    importlib.import_module('actlab.' + name)\n"
    program += f"    blame += [name] if not blame and any(h in sys.modules for h in {HEAVY!r}) else []\n"
    program += "assert not blame, blame"
    loaded, _ = _loaded_after(program)
    assert loaded.isdisjoint(HEAVY)
    assert "sklearn" not in loaded


COMMANDS = {
    "--help": [], "check": ["{config}"], "list": ["{folder}"], "show": ["{run}"], "compare": ["{folder}"],
    "report": ["{folder}", "-o", "{folder}/report.html"],
    "diff": ["{run}", "{run}"], "claims": ["{config}", "--results", "{folder}"],
    "schema": [], "data": [], "activations": [], "probes": [],
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_light_commands_import_no_tensorflow(
    command: str, tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]
) -> None:
    run = make_run(tmp_path / "study", resolved(), [0.9, 0.95])
    places = {"config": CONFIGS / "mnist_activations.yaml", "folder": run.parent, "run": run}
    arguments = [argument.format(**places) for argument in COMMANDS[command]]
    program = f"import sys\nsys.argv = {['actlab', command, *arguments]!r}\nfrom actlab.cli import main\n"
    program += "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
    loaded, done = _loaded_after(program)
    assert loaded.isdisjoint(HEAVY)
    assert done.stderr == ""


def test_help_answers_in_half_a_second() -> None:
    program = "from actlab.cli import app; app(['--help'])"
    best = min(_seconds([sys.executable, "-W", "error", "-c", program]) for _ in range(5))
    assert best < 0.5


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began
