"""Who may know whom: the table of the design, held against the imports of every module."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import actlab
from actlab.spec.config import RunConfig

PACKAGE = Path(actlab.__file__).parent
CONFIGS = Path(__file__).parents[1] / "configs"
# From the ground up; a module imports from its own wing and from those before it. `docs/design.md` has the table.
WINGS = ("ground", "spec", "parts", "runs", "study", "show", "top")
# `actlab` itself is on the ground: it imports what it offers when that is used
TOP = ("actlab.api", "actlab.cli", "actlab.__main__", "actlab.testing")
HEAVY = {"tensorflow", "keras", "jax", "torch"}


def modules() -> dict[str, Path]:
    """Dotted name to file, of every module of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("actlab", *path.relative_to(PACKAGE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def wing(module: str) -> str:
    if module in TOP:
        return "top"
    head = module.partition(".")[2].partition(".")[0]
    return head if head in WINGS else "ground"


@cache
def imports(module: str) -> frozenset[tuple[str, bool]]:
    """What a module imports of this package, as dotted names, and whether it does so when it is imported itself."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    late = {node for part in ast.walk(tree) if _is_late(part) for node in ast.walk(part)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative imports hide where a name comes from"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in whole]
        else:
            continue
        found |= {(name, node not in late) for name in names if name.split(".")[0] == "actlab"}
    return frozenset(found)


def _is_late(node: ast.AST) -> bool:
    """Whether what stands in a node runs when it is called, or never, as what is for types only."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        return node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_the_wings_below_it(module: str) -> None:
    above = WINGS[WINGS.index(wing(module)) + 1 :]
    upwards = sorted(name for name, _ in imports(module) if name in MODULES and wing(name) in above)
    if module == "actlab":  # the facade of the package: imported when it is used
        assert all(not at_once for name, at_once in imports(module))
        return
    assert not upwards, f"{module} ({wing(module)}) imports {', '.join(upwards)}"


def test_modules_form_no_circle() -> None:
    """Late imports and those for types too: a circle is one however it is hidden."""
    packages = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    # `from actlab.show.figures.style import x` runs the package's own __init__ too, but a member needs nothing of it
    graph = {m: {name for name, _ in imports(m) if name != m and name in MODULES} - packages for m in MODULES}
    members = {module: wanted for module, wanted in graph.items() if module not in packages}
    assert list(graphlib.TopologicalSorter(members).static_order())


def test_the_reader_of_imports_sees_what_it_should() -> None:
    """The tests above would pass on an empty list of imports."""
    assert ("actlab.errors", True) in imports("actlab.registry")
    assert ("actlab.spec.yaml", True) in imports("actlab.spec.plan")
    assert any(not at_once for _, at_once in imports("actlab.cli"))
    assert {wing(module) for module in MODULES} == set(WINGS)


# --- what it costs to start ------------------------------------------------------------------------------------


def _loaded_after(program: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    """The modules that a process has loaded at the end of a program."""
    program += "\nimport sys\nprint('\\n@' + ' '.join(sys.modules))"
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("@")[2].split()), done


def test_no_module_of_the_light_wings_imports_what_is_heavy() -> None:
    """In one process, since none of them may; `spec` and `study` draw nothing either."""
    light = [
        m for m in MODULES if wing(m) in ("ground", "spec", "runs", "study", "show", "top") and m != "actlab.__main__"
    ]
    quiet = [m for m in light if wing(m) in ("ground", "spec", "study")]
    program = "import sys, importlib\nblame = []\n"
    for names, forbidden in ((quiet, {*HEAVY, "matplotlib"}), (light, HEAVY)):
        program += f"for name in {names!r}:\n    importlib.import_module(name)\n"
        program += f"    blame += [name] if not blame and {forbidden!r} & set(sys.modules) else []\n"
    loaded, _ = _loaded_after(f"{program}assert not blame, blame")
    assert loaded.isdisjoint(HEAVY)


COMMANDS = {
    "check": ["{config}"], "list": ["{folder}"], "show": ["{run}"], "status": ["{folder}"], "compare": ["{folder}"],
    "report": ["{folder}", "-o", "{folder}/report.html"], "diff": ["{run}", "{run}"],
    "claims": ["{config}", "--results", "{folder}"], "schema": [], "data": [], "activations": [], "probes": [],
}  # fmt: skip
COMMAND = """
sys.argv = {arguments!r}
try:
    main()
except SystemExit as end:
    assert not end.code, (sys.argv, end.code)
assert not {heavy!r} & set(sys.modules), sys.argv
"""


def _program(*commands: list[str]) -> str:
    """Commands, one after the other in one process."""
    made = (COMMAND.format(arguments=["actlab", *arguments], heavy=HEAVY) for arguments in commands)
    return "import sys\nfrom actlab.cli import main\n" + "".join(made)


def test_light_commands_import_no_tensorflow(
    tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]
) -> None:
    run = make_run(tmp_path / "study", resolved(), [0.9, 0.95])
    places = {"config": CONFIGS / "mnist_activations.yaml", "folder": run.parent, "run": run}
    commands = [[name, *(argument.format(**places) for argument in given)] for name, given in COMMANDS.items()]
    loaded, done = _loaded_after(_program(*commands))
    assert loaded.isdisjoint(HEAVY)
    assert done.stderr == ""


def test_help_imports_nothing_that_computes() -> None:
    """A third of a second: what computes, draws and reads tables is for those that do so."""
    loaded, done = _loaded_after(_program(["--help"]))
    assert loaded.isdisjoint({*HEAVY, "pandas", "scipy", "matplotlib", "pydantic", "numpy"})
    assert done.stderr == ""


# --- text in files -----------------------------------------------------------------------------------------------

TEXT = {"open", "read_text", "write_text", "fdopen", "NamedTemporaryFile", "TextIOWrapper"}
BYTES = (
    "os",
    "np",
    "tarfile",
    "archive.zip",
    "webbrowser",
    "Image",
    "urllib",
)  # whose `open` gives no text, or asks for none


def _locale_decides(call: ast.Call) -> bool:
    """Whether a call reads or writes text and leaves its encoding to the locale."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    keywords = {keyword.arg for keyword in call.keywords}
    if "encoding" in keywords:
        return False
    if name in ("run", "Popen", "check_output") and keywords & {"text", "universal_newlines"}:
        return True
    if name not in TEXT or (isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).startswith(BYTES)):
        return False
    words = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    binary = any(isinstance(word, str) and set(word) <= set("rwxab+") and "b" in word for word in words)
    return not binary and not any(str(word).startswith("utf-8") for word in words)


@pytest.mark.parametrize("folder", ["actlab", "benchmarks", "docs"])
def test_no_file_is_read_in_the_encoding_of_the_locale(folder: str) -> None:
    """Under `LC_ALL=C`, or on an old Windows, it is another one, and the same file another text."""
    wrong = [
        f"{path}:{node.lineno}"
        for path in sorted((PACKAGE.parent / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _locale_decides(node)
    ]
    assert not wrong
