"""Own parts: what a file registers is a part like ours, its source is part of the run, and data runs no code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from actlab import cli, plugins
from actlab.errors import PluginError
from actlab.parts.activations import ACTIVATIONS
from actlab.spec.config import RunConfig, resolve
from actlab.spec.part import plugins_of, resolve_part

BUMP = '''"""An activation of one's own."""

from actlab import ACTIVATIONS, ops


@ACTIVATIONS.register()
def bump(x, *, height: float = 1.0):
    """f(x) = max(x, 0) + height·exp(−x²): relu with a bump at 0."""
    return ops.relu(x) + height * ops.exp(-ops.square(x))
'''
STUDY = """
name: bumps
dataset: {name: synth_mnist, train_images: 200, test_images: 50}
model: {name: mnist_dense, hidden: [8]}
epochs: 1
sweep: {activation: [relu, bump]}
"""


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Each test begins and ends without a plug-in."""
    yield
    plugins.use()


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a plug-in into the current folder, which is the test's own."""
    monkeypatch.chdir(tmp_path)

    def write(text: str | bytes = BUMP, name: str = "bump.py") -> Path:
        path = Path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def refused(*files: Path) -> str:
    """What is said of plug-ins that cannot be loaded; nothing of them stays."""
    before = ACTIVATIONS.names()
    with pytest.raises(PluginError) as caught:
        plugins.use(files)
    assert ACTIVATIONS.names() == before
    return str(caught.value)


def config_of(activation: Any) -> RunConfig:
    data = {"dataset": "mnist", "model": "mnist_dense", "activation": activation, "epochs": 3}
    config, issues = resolve(data)
    assert config is not None, issues
    return config


# --- what a file registers -------------------------------------------------------------------------------------


def test_its_source_is_part_of_a_run_that_has_a_part_of_it_and_of_no_other(write: Callable[..., Path]) -> None:
    relu = config_of("relu").hash
    (plugin,) = plugins.use([write()])
    bump = config_of("bump")
    assert bump.plugins == [plugin.sha256] == plugins_of(bump.canonical())
    assert bump.activation.parameters == {"height": 1.0}
    assert config_of(bump.canonical()["activation"]).hash == bump.hash
    assert config_of("relu").hash == relu
    plugins.use([write(BUMP.replace("a bump", "the bump"))])
    assert config_of("bump").hash != bump.hash


def test_a_config_names_no_code(write: Callable[..., Path]) -> None:
    write()
    _, (issue,) = resolve_part("activation", {"name": "bump", "plugin": "bump.py"}, ())
    assert issue.message == "a config names no code; on the command line do so: --plugin FILE.py"
    _, (issue,) = resolve_part("activation", {"name": "bump", "plugin": "0" * 64}, ())
    assert "is of the plug-in of sha256 0000000000000000, which is not loaded" in issue.message
    assert "bump" not in ACTIVATIONS


def test_a_record_of_another_source_is_not_resolved(write: Callable[..., Path]) -> None:
    plugins.use([write()])
    _, (issue,) = resolve_part("activation", {"name": "bump", "plugin": "0" * 64}, ())
    assert "here it is of bump.py, the plug-in of sha256" in issue.message


def test_what_was_named_before_is_gone_with_the_next_call(write: Callable[..., Path]) -> None:
    plugins.use([write()])
    plugins.use([write(BUMP.replace("def bump", "def lump"), "lump.py")])
    assert "bump" not in ACTIVATIONS
    assert "lump" in ACTIVATIONS


def test_the_source_that_was_read_is_the_one_that_tools_see(write: Callable[..., Path]) -> None:
    """As TensorFlow's AutoGraph does, which compiles what it reads of a function."""
    import inspect

    file = write()
    plugins.use([file])
    file.write_text("changed meanwhile")
    assert "height * ops.exp" in inspect.getsource(ACTIVATIONS.get("bump").function)


@pytest.mark.parametrize("name", ["my-act.py", "my act.py", "été.py", "noend", ".hidden.py"])
def test_a_file_may_be_called_as_its_author_likes(write: Callable[..., Path], name: str) -> None:
    plugins.use([write(name=name)])
    assert "bump" in ACTIVATIONS


def test_a_byte_order_mark_and_windows_lines_are_read(write: Callable[..., Path]) -> None:
    plugins.use([write(b"\xef\xbb\xbf" + BUMP.replace("\n", "\r\n").encode())])
    assert "bump" in ACTIVATIONS


def test_two_files_of_the_same_name(write: Callable[..., Path]) -> None:
    one, other = write(name="a/mine.py"), write(BUMP.replace("def bump", "def lump"), "b/mine.py")
    plugins.use([one, other, one])
    assert {"bump", "lump"} <= set(ACTIVATIONS.names())
    assert config_of("bump").plugins != config_of("lump").plugins


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nonsense_of_mine\n", "bad.py:1: ModuleNotFoundError: No module named 'nonsense_of_mine'"),
        ("x = 1\n1 / 0\n", "bad.py:2: ZeroDivisionError: division by zero"),
        ("def f(:\n", "bad.py:1: SyntaxError: invalid syntax"),
        (b"x = '\xff'\n", "bad.py"),
        (b"x = 1\0\n", "bad.py"),
        ("import sys\nsys.exit(3)\n", "bad.py:2: ends Python (exit code 3) while it is loaded"),
        ("x = 1\n", "bad.py: registers nothing; decorate a function"),
        (BUMP.replace("def bump", "def relu"), "bad.py:6: the name 'relu' of an activation is taken by actlab"),
        (BUMP.replace("register()", "register"), "bad.py:6: write @ACTIVATIONS.register(), with brackets"),
        (BUMP.replace("register()", "register(name='my act')"), "bad.py:6: activation 'my act': a name has letters"),
        (BUMP.replace("*, height", "height"), "a config sets what stands after `*`: write (..., *, height: float"),
        (BUMP.replace("height: float", "plugin: float"), "a parameter cannot be called 'plugin'"),
        (BUMP.replace("ACTIVATIONS", "MODELS"), "bad.py:6: model 'bump': state something of it"),
    ],
)
def test_what_cannot_be_loaded_is_one_message_with_file_and_line(
    write: Callable[..., Path], text: str | bytes, told: str
) -> None:
    said = refused(write(text, "bad.py"))
    assert told in said
    assert "\n" not in said


def test_a_name_that_another_plugin_has_taken(write: Callable[..., Path]) -> None:
    with pytest.raises(PluginError, match=r"other.py:6: the name 'bump' of an activation is taken by bump.py; choose"):
        plugins.use([write(), write(BUMP + "\n", "other.py")])
    assert ACTIVATIONS.get("bump").plugin == plugins.read(Path("bump.py"))


def test_a_file_that_is_none(write: Callable[..., Path]) -> None:
    write()
    assert "cannot be read: no such file or directory; did you mean 'bump.py'?" in refused(Path("bumb.py"))
    assert "cannot be read: is a directory" in refused(Path())
    assert "is longer than 1,000,000 bytes" in refused(Path("/dev/zero"))


def test_an_annotation_that_no_config_can_hold(write: Callable[..., Path]) -> None:
    plugins.use([write("import numpy as np\n" + BUMP.replace(": float = 1.0", ": np.ndarray = None"))])
    _, (issue,) = resolve_part("activation", "bump", ())
    assert "a parameter that no config can hold" in issue.message


# --- the command line, in processes of its own -----------------------------------------------------------------


def run(*arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, in the current folder."""
    command = [sys.executable, "-W", "error", "-m", "actlab", *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=400, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


def test_a_plugin_that_prints_and_one_that_fails_when_it_is_called(write: Callable[..., Path]) -> None:
    Path("study.yaml").write_text(STUDY)
    noisy = write("print('hello')\n" + BUMP)
    answer = CliRunner().invoke(cli.app, ["check", "study.yaml", "--plugin", str(noisy), "--json"])
    assert [len(run["hash"]) for run in json.loads(answer.stdout)[0]["runs"]] == [64, 64]
    bad = BUMP.replace("return ops", "return undefined_name * ops")
    done = run("activations", "bump", "--plugin", str(write(bad, "bad.py")), code=2)
    assert done.stderr == "bad.py:9: NameError: name 'undefined_name' is not defined\n"


def test_a_study_is_trained_changed_and_reproduced_from_the_kept_copy(write: Callable[..., Path]) -> None:
    """One character more is another run; the old one gives the same bytes again, without its file."""
    Path("study.yaml").write_text(STUDY)
    hostile = "import numpy as np\nnp.random.seed(3)\nnp.exp2 = None\n"
    file = write(BUMP)
    run("run", "study.yaml", "--plugin", str(file), "--workers", "1")
    results = Path("results/bumps")
    (relu,), (old,) = results.glob("relu-*"), results.glob("bump-*")
    (kept,) = results.glob("plugin-bump-*.py")
    assert kept.read_text() == BUMP
    assert (old / "function.csv").is_file()
    record = json.loads((old / "run.json").read_text())
    assert [of["name"] for of in record["plugins"]] == ["bump.py"]
    assert "plugins" not in json.loads((relu / "run.json").read_text())

    file.write_text(hostile + BUMP)
    answer = json.loads(run("run", "study.yaml", "--plugin", str(file), "--workers", "1", "--json").stdout)
    assert answer[0]["counts"] == {"done": 1, "skipped": 1, "failed before": 0, "diverged before": 0}
    new = next(path for path in results.glob("bump-*") if path != old)
    assert (new / "history.csv").read_bytes() == (old / "history.csv").read_bytes()

    file.unlink()
    assert "reproduced" in run("reproduce", str(old)).stdout
    stranger = {"ACTLAB_CACHE_DIR": str(Path("elsewhere").absolute())}  # who was given the folder, and no more
    asked = run("reproduce", str(old), code=2, **stranger)
    assert "which you have not run before" in asked.stderr
    assert asked.stderr.rstrip().endswith(f"--plugin {kept}")
    kept.unlink()
    assert "of which no copy lies here" in run("reproduce", str(old), code=2).stderr

    # what was trained is read without its plug-in
    for command in (["list", "results"], ["show", str(old)], ["compare", "results/bumps"], ["report", "results/bumps"]):
        run(*command)
    assert run("diff", str(old), str(new), code=1).stdout.count("plugin") >= 1


def test_an_installed_package_registers_by_its_entry_point(write: Callable[..., Path], tmp_path: Path) -> None:
    """A folder of packages as pip makes it, without pip."""
    site = tmp_path / "site"
    for name, text in {
        "bumps/__init__.py": "", "bumps/parts.py": BUMP,
        "bumps_lab-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: bumps-lab\nVersion: 1.2\n",
        "bumps_lab-1.2.dist-info/entry_points.txt": "[actlab.plugins]\nbumps = bumps.parts\n",
    }.items():  # fmt: skip
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text)
    write()
    Path("study.yaml").write_text(STUDY)
    path = {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{site}"}
    run("run", "study.yaml", "--workers", "1", **path)
    (trained,) = Path("results/bumps").glob("bump-*")
    assert json.loads((trained / "run.json").read_text())["plugins"][0]["name"] == "bumps-lab 1.2"
    assert not list(Path("results/bumps").glob("plugin-*"))
    (site / "bumps/parts.py").write_text("import sys\n\n1 / 0\n")
    assert f"{site}/bumps/parts.py:3: ZeroDivisionError" in run("check", "study.yaml", code=2, **path).stderr
