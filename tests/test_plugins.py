"""Own parts: what a file registers is a part like ours, its source is part of the run, and data runs no code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import actlab.testing
from actlab import cli, plugins
from actlab.errors import DatasetError, PluginError
from actlab.parts import datasets
from actlab.parts.activations import ACTIVATIONS
from actlab.parts.datasets import DATASETS
from actlab.registry import Plugin
from actlab.spec.config import RunConfig, resolve
from actlab.spec.part import plugins_of, resolve_part

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text()
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
        ("import sys\nsys.exit(3)\n", "bad.py:2: ends Python (exit code 3); a plug-in only registers"),
        ("import os\nos._exit(4)\n", "bad.py:2: ends Python (exit code 4); a plug-in only registers"),
        ("x = 1\n", "bad.py: registers nothing; decorate a function"),
        (BUMP.replace("def bump", "def relu"), "bad.py:6: the name 'relu' of an activation is taken by actlab"),
        (BUMP.replace("register()", "register"), "bad.py:6: write @ACTIVATIONS.register(), with brackets"),
        (BUMP.replace("register()", "register(name='my act')"), "bad.py:6: activation 'my act': a name has letters"),
        (
            BUMP.replace("*, height", "height"),
            "bump' takes (x, height); write (x, *, ...): what a config sets stands",
        ),
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


def test_a_cell_that_is_run_again_replaces_its_own_part_and_no_other(write: Callable[..., Path]) -> None:
    plugins.use([write()])

    def cell(name: str, value: int, **named: Any) -> None:
        def function(x: Any) -> int:
            return value

        function.__module__ = "__main__"
        ACTIVATIONS.register(name=name, **named)(function)

    try:
        cell("mine", 1, aliases=("me", "my"))
        cell("mine", 2, aliases=("me",))
        assert ACTIVATIONS.get("me").function(0) == 2
        assert resolve_part("activation", "mine", (), to_train=False)[0]
        _, (issue,) = resolve_part("activation", "mine", ())
        assert issue.message.startswith("activation 'mine' is of no file, and workers need one; write it into a file")
        assert "my" not in ACTIVATIONS
        for name, owner in (("relu", "actlab"), ("bump", "bump.py"), ("me", "__main__")):
            with pytest.raises(PluginError, match=f"the name '{name}' of an activation is taken by {owner}; choose"):
                cell(name, 3)
        with pytest.raises(PluginError, match=r"other.py:6: the name 'mine' of an activation is taken by __main__"):
            plugins.use([write(BUMP.replace("def bump", "def mine"), "other.py")])
    finally:
        ACTIVATIONS.forget(Plugin("__main__", "__main__", ""))


def test_a_file_that_is_none(write: Callable[..., Path]) -> None:
    write()
    assert "cannot be read: no such file or directory; did you mean 'bump.py'?" in refused(Path("bumb.py"))
    assert "cannot be read: is a directory" in refused(Path())
    assert "is longer than 1,000,000 bytes" in refused(Path("/dev/zero"))


def test_an_annotation_that_no_config_can_hold(write: Callable[..., Path]) -> None:
    plugins.use([write("import numpy as np\n" + BUMP.replace(": float = 1.0", ": np.ndarray = None"))])
    _, (issue,) = resolve_part("activation", "bump", ())
    assert "a parameter that no config can hold" in issue.message


# --- what an author asks ---------------------------------------------------------------------------------------


def test_the_suite_for_an_authors_own_tests_refutes_what_is_not_so(write: Callable[..., Path]) -> None:
    facts = "ActivationFacts(range=(0, float('inf')), slope_at_zero=0, value_at_zero={}, kinks=(0,))"
    text = BUMP.replace("import ACTIVATIONS", "import ACTIVATIONS, ActivationFacts")
    right = text.replace("register()", f"register({facts.format(1)})")
    actlab.testing.check_activation("bump", plugin=write(right))
    plugins.use()
    wrong = write(right.replace("value_at_zero=1", "value_at_zero=0"))
    with pytest.raises(AssertionError, match="bump:\nvalue at 0: stated 0, found 1"):
        actlab.testing.check_activation("bump", plugin=wrong)
    checked = CliRunner().invoke(cli.app, ["activations", "bump", "--plugin", str(wrong), "--check"])
    assert (checked.exit_code, checked.stdout.splitlines()[0]) == (1, "bump, height: 1.0: does not hold: value at 0")
    plugins.use()
    wide = BUMP.replace("return ops.relu(x) + height * ops.exp(-ops.square(x))", "return ops.cast(x, 'float32')")
    with pytest.raises(PluginError, match=r"bump returns float32 for float16; end it with: return ops.cast\(y, x"):
        actlab.testing.check_activation("bump", plugin=write(wide))


RETURNED = "return ops.relu(x) + height * ops.exp(-ops.square(x))"
FAULTS = {
    "ops.relu(x)": "bump.py:6: the activation bump returns nothing; a tensor is needed, made of x by keras.ops",
    "return 'abc'": "bump.py:6: the activation bump returns a value of the type str, which has no gradient",
    "return ops.sum(x)": "bump.py:6: the activation bump returns the shape () where (",
    "return ops.concatenate([x, x], axis=-1)": "bump.py:6: the activation bump returns the shape (",
    "return ops.cast(x, 'bfloat16')": "bump.py:6: the activation bump returns bfloat16 for float",
    "import sys; sys.exit(3)": "bump.py:9: ends Python (exit code 3)",
    "import os; os._exit(3)": "bump.py:9: ends Python (exit code 3)",
    "return x.nothing()": "bump.py:9: AttributeError: 'S",  # SymbolicTensor; eager it is another
    "return ops.matmul(ops.ones((2, 3)), ops.ones((2, 3)))": "bump.py:9: ",
    "int(height // 0)": "bump.py:9: ZeroDivisionError: ",
}


@pytest.mark.parametrize(("body", "told"), FAULTS.items())
def test_what_fails_in_a_network_is_the_same_message(write: Callable[..., Path], body: str, told: str) -> None:
    """As compiled for a training, where Keras and TensorFlow put pages of their own before it."""
    import tensorflow as tf

    from actlab.parts.activations.layer import Activation

    plugins.use([write(BUMP.replace(RETURNED, body))])
    layer = Activation("bump")
    with pytest.raises((Exception, SystemExit)) as caught:
        tf.function(lambda x: layer(x)).get_concrete_function(tf.TensorSpec((None, 8), "float32"))
    blamed = plugins.blamed(caught.value)
    assert str(blamed).startswith(told)
    assert "in user code" not in str(blamed)
    assert "Arguments received" not in str(blamed)


@pytest.mark.parametrize("option", ["--at=0,1", "--check"])
@pytest.mark.parametrize("body", ["ops.relu(x)", "import sys; sys.exit(3)", "import os; os._exit(3)", "open('none')"])
def test_what_fails_where_it_is_looked_at_is_the_same_message(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], body: str,
    option: str,
) -> None:  # fmt: skip
    file = write(BUMP.replace(RETURNED, body))
    monkeypatch.setattr(sys, "argv", ["actlab", "activations", "bump", "--plugin", str(file), option])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert capsys.readouterr().err.startswith(FAULTS.get(body, "bump.py:9: FileNotFoundError"))


def test_the_line_of_an_error_that_was_made_of_another(write: Callable[..., Path]) -> None:
    body = "try:\n        {}['a']\n    except KeyError:\n        raise ValueError('no bump')"
    (plugin,) = plugins.use([write(BUMP.replace(RETURNED, body))])
    assert plugin.source
    with pytest.raises(ValueError, match="no bump") as caught:
        ACTIVATIONS.get("bump").function(0.0)
    assert str(plugins.blamed(caught.value)) == "bump.py:12: ValueError: no bump"


def test_a_saved_model_takes_the_plugin_that_it_was_saved_with(write: Callable[..., Path]) -> None:
    import keras
    import numpy as np

    from actlab.parts.activations.layer import Activation

    plugins.use([write()])
    x = np.linspace(-2, 2, 8, dtype=np.float32)[None]
    model = keras.Sequential([keras.Input((8,)), Activation("bump"), Activation("relu")])
    model.save("bump.keras")
    assert "plugin" not in model.layers[1].get_config()
    assert np.array_equal(keras.models.load_model("bump.keras")(x), model(x))
    plugins.use([write(BUMP.replace("ops.relu(x) +", "0.9 * ops.relu(x) +"), "other.py")])
    with pytest.raises(PluginError, match=r"of the plug-in of sha256 [0-9a-f]{16}; here it is of other.py \(sha256 "):
        keras.models.load_model("bump.keras")
    plugins.use()
    with pytest.raises(PluginError, match=r"which is not loaded; load that very source: actlab.plugins.use\("):
        keras.models.load_model("bump.keras")


def test_a_dataset_is_rendered_again_when_its_file_changes_and_looked_at(
    write: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACTLAB_CACHE_DIR", str(tmp_path / "cache"))
    text = re.search(r"```python\n# stripes.py\n(.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]
    plugins.use([write(text, "stripes.py")])
    first = datasets.prepare("stripes", {"noise": 60})
    assert datasets.prepare("stripes", {"noise": 60}) == first
    plugins.use([write(text.replace("default_rng(0)", "default_rng(1)"), "stripes.py")])
    assert datasets.prepare("stripes", {"noise": 60}).sha256 != first.sha256
    plugins.use([write(text.replace("integers(2, size", "integers(3, size"), "stripes.py")])
    with pytest.raises(DatasetError, match=r"stripes.py: y_train has labels from 0 to 2; 0 to 1 is needed"):
        datasets.prepare("stripes", {"noise": 60})


# --- the command line, in processes of its own -----------------------------------------------------------------


def run(*arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, in the current folder."""
    command = [sys.executable, "-W", "error", "-m", "actlab", *arguments]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=400, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


def test_a_plugin_that_prints_and_one_that_fails_when_it_is_called(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("study.yaml").write_text(STUDY)
    noisy = write("print('hello')\n" + BUMP)
    answer = CliRunner().invoke(cli.app, ["check", "study.yaml", "--plugin", str(noisy), "--json"])
    assert [len(run["hash"]) for run in json.loads(answer.stdout)[0]["runs"]] == [64, 64]
    bad = BUMP.replace("return ops", "return undefined_name * ops")
    monkeypatch.setattr(sys, "argv", ["actlab", "activations", "bump", "--plugin", str(write(bad, "bad.py"))])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert capsys.readouterr().err == "bad.py:9: NameError: name 'undefined_name' is not defined\n"
    write(BUMP.replace("def bump", "def relu"), "bad.py")
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert capsys.readouterr().err == "bad.py:6: the name 'relu' of an activation is taken by actlab; choose another\n"


def test_what_an_author_prints_is_seen_and_what_tensorflow_does_is_not(write: Callable[..., Path]) -> None:
    noisy = write("import os\nos.write(2, b'oneDNN custom operations are on')\nprint('hello')\n" + BUMP)
    assert run("probes", "--plugin", str(noisy)).stderr == "hello\n"


@pytest.mark.slow
def test_the_examples_of_the_page_are_trained_reproduced_and_read(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of each kind, in one run. One character more is another run; the old one gives the same bytes again,
    without its files."""
    examples = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
    test = examples.pop("test_x_tanh.py")
    files = [write(text, name) for name, text in examples.items()]
    named = [word for file in files for word in ("--plugin", str(file))]
    exec(test + "test_x_tanh()", {})
    Path("study.yaml").write_text(
        "name: own\ndataset: stripes\nmodel: narrowing\nactivation: bump\nepochs: 2\n"
        "initializer: {name: cubed, limit: 0.1}\noptimizer: {name: adamax, schedule: halved}\n"
        "probes: [largest_weight]\nclaims: [{metric: largest_weight, of: {activation: bump}, is: '> 0'}]\n"
    )
    answer = CliRunner().invoke(cli.app, ["init", "mine", "--like", "study.yaml", *named])
    assert f"actlab run mine.yaml --plugin {files[0]}" in " ".join(answer.output.split())
    run("run", "study.yaml", *named)
    (old,) = Path("results/own").glob("bump-*")
    record = json.loads((old / "run.json").read_text())
    used = ["stripes.py", "narrowing.py", "bump.py", "training.py", "largest_weight.py"]
    assert [of["name"] for of in record["plugins"]] == used
    assert "largest_weight" in (old / "history.csv").read_text()
    assert (old / "function.csv").is_file()
    kept = {file.name[7:-12]: file for file in Path("results/own").glob("plugin-*.py")}
    assert {f"{name}.py": file.read_text() for name, file in kept.items()} == {name: examples[name] for name in used}

    answer = CliRunner().invoke(cli.app, ["check", "study.yaml", *named, "--json"])
    assert json.loads(answer.stdout)[0]["runs"][0]["hash"] == record["hash"]
    write(examples["bump.py"] + "#", "bump.py")
    answer = CliRunner().invoke(cli.app, ["check", "study.yaml", *named, "--json"])
    assert json.loads(answer.stdout)[0]["runs"][0]["hash"] != record["hash"]

    for file in files:
        file.unlink()
    assert "reproduced" in run("reproduce", str(old)).stdout
    with monkeypatch.context() as stranger:  # who was given the folder, and no more
        stranger.setenv("ACTLAB_CACHE_DIR", str(Path("elsewhere").absolute()))
        with pytest.raises(PluginError, match=r"the plug-in stripes.py .* which you have not run before") as asked:
            CliRunner().invoke(cli.app, ["reproduce", str(old)], catch_exceptions=False)
        assert str(asked.value).endswith(f"--plugin {kept['stripes']}")
        assert "stripes" not in DATASETS
    kept["bump"].write_text("changed\n")
    with pytest.raises(PluginError, match=r"the plug-in bump.py .*, of which no copy lies here"):
        CliRunner().invoke(cli.app, ["reproduce", str(old)], catch_exceptions=False)

    for command in (
        ["show", str(old)], ["show", str(old), "--layers"], ["diff", str(old), str(old)], ["status"], ["list"],
        ["compare", "results/own", "--format", "csv"], ["report", "results/own"], ["claims", "results/own"],
    ):  # fmt: skip
        answer = CliRunner().invoke(cli.app, command)  # without the plug-ins
        assert answer.exit_code == 0, answer.output
    assert "undecided: with activation bump, largest_weight" in answer.output
    assert "names parts of a plug-in that is not loaded" in " ".join(answer.output.split())
    page = Path("results/own/report.html").read_text()
    assert "of a plug-in (sha256" in page
    assert "actlab run own.yaml --plugin=plugin-" in page


@pytest.mark.torture
def test_a_run_without_a_part_of_it_is_trained_where_it_is_not_loaded(write: Callable[..., Path]) -> None:
    Path("study.yaml").write_text(STUDY)
    run("run", "study.yaml", "--plugin", str(write("print('loaded here')\n" + BUMP)), "--workers", "1")
    (relu,), (bump,) = Path("results/bumps").glob("relu-*"), Path("results/bumps").glob("bump-*")
    assert "loaded here" in (bump / "log.txt").read_text()
    assert "loaded here" not in (relu / "log.txt").read_text()
    assert "plugins" not in json.loads((relu / "run.json").read_text())


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of packages as pip makes it, without pip."""
    for name, text in {
        "bumps/__init__.py": "", "bumps/parts.py": BUMP,
        "bumps_lab-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: bumps-lab\nVersion: 1.2\n",
        "bumps_lab-1.2.dist-info/entry_points.txt": "[actlab.plugins]\nbumps = bumps.parts\n",
    }.items():  # fmt: skip
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "site"


def test_an_installed_package_registers_by_its_entry_point(write: Callable[..., Path], site: Path) -> None:
    write()
    Path("study.yaml").write_text(STUDY)
    path = {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{site}"}
    assert "plug-in: bumps-lab 1.2 (sha256 " in run("check", "study.yaml", **path).stdout
    (site / "bumps/parts.py").write_text("import sys\n\n1 / 0\n")
    assert f"{site}/bumps/parts.py:3: ZeroDivisionError" in run("check", "study.yaml", code=2, **path).stderr


@pytest.mark.torture
def test_workers_import_an_installed_package(write: Callable[..., Path], site: Path) -> None:
    write()
    Path("study.yaml").write_text(STUDY)
    path = {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{site}"}
    run("run", "study.yaml", "--workers", "1", **path)
    (trained,) = Path("results/bumps").glob("bump-*")
    assert json.loads((trained / "run.json").read_text())["plugins"][0]["name"] == "bumps-lab 1.2"
    assert not list(Path("results/bumps").glob("plugin-*"))
    assert "reproduced" in run("reproduce", str(trained), **path).stdout
    (site / "bumps/parts.py").write_text(BUMP + "#")
    assert "install that package" in run("reproduce", str(trained), code=2, **path).stderr


@pytest.mark.torture
def test_a_wheel_that_pip_has_installed(write: Callable[..., Path], site: Path, tmp_path: Path) -> None:
    """The slow form: a project, its wheel, and pip."""
    shutil.copytree(site / "bumps", tmp_path / "project" / "bumps")
    (tmp_path / "project" / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "bumps-lab"\nversion = "1.3"\n'
        '[project.entry-points."actlab.plugins"]\nbumps = "bumps.parts"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["bumps"]\n'
    )
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(tmp_path / "installed")]
    subprocess.run([*pip, str(tmp_path / "project")], check=True, timeout=400)
    write()
    Path("study.yaml").write_text(STUDY)
    path = {"PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{tmp_path / 'installed'}"}
    assert "plug-in: bumps-lab 1.3 (sha256 " in run("check", "study.yaml", **path).stdout
