"""One study in many surroundings: what a config does not say decides no byte of it.

The table of docs/environment.md says what is done with each variable; here each has a value that would do harm.
"""

from __future__ import annotations

import csv
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from actlab import cli
from actlab.runs.folder import CLAIMS, LOG, RECORD, TIMING
from actlab.spec.config import RunConfig
from torture.matrix import Cases, row

STUDY = """name: surroundings
description: "größer als null? × 日本語"
dataset: {name: synth_mnist, train_images: 600, test_images: 100}
model: {name: mnist_dense, hidden: [12]}
epochs: 2
probes: [dead_units, gradient_norms]
keep_weights: final
sweep: {activation: [relu, tanh], seed: {range: SEEDS}}
"""
# One process for all commands, as they take longer to start than to run.
COMMANDS = """
import os, sys
from actlab.cli import main
asked = [["run", "study.yaml", "-o", "Ergebnisse – 結果", "--workers", os.environ["WORKERS"]]]
asked += [["compare", "Ergebnisse – 結果/surroundings", "-o", f"tables/comparison.{kind}"]
          for kind in ("csv", "md", "tex", "html", "json")]
asked += [["compare", "Ergebnisse – 結果/surroundings"], ["report", "Ergebnisse – 結果/surroundings", "-o", "report.md",
          "--format", "markdown"]]
asked += [["activations", "gelu", "--at", "-1,1", "--plot", "tables/gelu.svg"]] * int(os.environ["PLOT"])
for arguments in asked:
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{arguments} ended with {end.code}")
"""
KERAS_JSON = {"floatx": "float16", "epsilon": 0.1, "backend": "jax", "image_data_format": "channels_first",
              "nnx_enabled": True, "max_epochs": 1, "max_steps_per_epoch": 1}  # fmt: skip
MATPLOTLIBRC = """axes.grid: True
backend: QtAgg
figure.dpi: 37
font.family: serif
font.size: 23
lines.linewidth: 9
savefig.bbox: tight
savefig.transparent: True
svg.fonttype: path
text.usetex: True
this is no setting
"""
HOSTILE_CODE = "import os\nos.abort()  # code of the current folder was run\n"
NOTEBOOK = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline", "KERAS_BACKEND": "torch", "JPY_PARENT_PID": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3", "CLICOLOR_FORCE": "1", "FORCE_COLOR": "1", "COLUMNS": "33", "LINES": "3",
    "TERM": "xterm-color", "PYTHONWARNINGS": "error", "GIT_PAGER": "cat",
}  # fmt: skip
NARROW = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ELSEWHERE = {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7", "SOURCE_DATE_EPOCH": "1"}
OF_LIBRARIES = {
    "FREETYPE_PROPERTIES": "truetype:interpreter-version=35", "KERAS_MAX_EPOCHS": "none", "KERAS_NNX_ENABLED": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "1", "MPL_IGNORE_SYSTEM_FONTS": "1", "NPY_DISABLE_CPU_FEATURES": "AVX2 AVX512F",
    "NPY_PROMOTION_STATE": "legacy", "OMP_NUM_THREADS": "2", "PANDAS_FUTURE": "1",
    "PILLOW_ALIGNMENT": "none", "PYTHONOPTIMIZE": "2", "SCIPY_ARRAY_API": "1", "TERMINAL_WIDTH": "wide",
    "TF2_BEHAVIOR": "0", "TF_CONFIG": "{", "TF_FORCE_GPU_ALLOW_GROWTH": "no", "TF_NUM_INTEROP_THREADS": "2",
    "TF_NUM_INTRAOP_THREADS": "2", "TF_USE_LEGACY_KERAS": "1",
}  # fmt: skip
SURROUNDINGS: dict[str, tuple[Mapping[str, str], Mapping[str, str]]] = {  # name to variables and files
    "a notebook": (NOTEBOOK, {f"{name}.py": HOSTILE_CODE for name in ("random", "struct", "tensorflow", "keras")}),
    "a keras.json": ({}, {"home/.keras/keras.json": json.dumps(KERAS_JSON)}),
    "a matplotlibrc": ({}, {"home/.config/matplotlib/matplotlibrc": MATPLOTLIBRC, "matplotlibrc": MATPLOTLIBRC}),
    "LC_ALL=C": (NARROW, {}),
    "no home": ({"HOME": "/nowhere"}, {}),
    "another time zone": (ELSEWHERE, {}),
}
# at once, but for the home: without one there are no files in it
ALL = {name: value for variables, _ in SURROUNDINGS.values() for name, value in variables.items() if name != "HOME"}
ALONE = {name: ({name: value}, {}) for name, value in OF_LIBRARIES.items()}
FILES = {name: text for _, files in SURROUNDINGS.values() for name, text in files.items()}


def begin(
    folder: Path, variables: Mapping[str, str], files: Mapping[str, str], seeds: int, plot: int = 0
) -> subprocess.Popen[str]:
    """The study, being trained and compared in a folder of its own."""
    for name, text in {**files, "study.yaml": STUDY.replace("SEEDS", str(seeds)), "home/commands.py": COMMANDS}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    inherited = ("PATH", "PYTHONPATH", "ACTLAB_CACHE_DIR", "ACTLAB_NO_DOWNLOAD", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in inherited if name in os.environ}
    own = {"HOME": str(folder / "home"), "WORKERS": "1", "PLOT": str(plot)}
    return subprocess.Popen(
        [sys.executable, "home/commands.py"], cwd=folder, env={**kept, **own, **variables},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace",
    )  # fmt: skip


def outcome(folder: Path) -> dict[str, Any]:
    """Every file of the results, but for what is told of times, by its path."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if (
            not path.is_file()
            or path.name in (TIMING, LOG, CLAIMS)
            or name.startswith(("home", "matplotlibrc"))
            or path.suffix == ".py"
        ):
            continue
        if path.name == RECORD:
            record = json.loads(path.read_bytes())
            del record["files"][TIMING], record["environment"]["git"]  # somebody may commit meanwhile
            found[name] = {key: value for key, value in record.items() if key not in (
                "started", "ended", "wall_seconds", "peak_memory_gib", "claims_sha256")}  # fmt: skip
        elif path.name == "comparison.csv":
            with path.open(encoding="utf-8", newline="") as file:
                found[name] = [{k: v for k, v in cells.items() if "seconds" not in k} for cells in csv.DictReader(file)]
        elif path.suffix == ".json":
            found[name] = [line for line in path.read_text(encoding="utf-8").splitlines() if "seconds" not in line]
        elif path.name == "report.md":
            found[name] = path.read_text(encoding="utf-8").count("\n")
        else:
            found[name] = path.read_bytes()
    return found


@row(
    15,
    "one study under six environments, and under each variable of a library",
    quick=1,
    full=6 + len(ALONE),
    slow=True,
)
def test_surroundings_decide_no_byte(cases: Cases, tmp_path: Path) -> None:
    quick = cases.count == 1
    chosen = {"all": ({**ALL, **OF_LIBRARIES}, FILES)} if quick else {**SURROUNDINGS, **ALONE}
    clean = {seeds: begin(tmp_path / f"clean{seeds}", {}, {}, seeds) for seeds in ([1] if quick else [1, 2])}
    expected: dict[int, dict[str, Any]] = {}
    curves = set()
    for i in cases:
        name, (variables, files) = list(chosen.items())[i]
        seeds, plot = (1, int(quick)) if quick or name in ALONE else (2, 1)
        folder = tmp_path / str(i)
        hostile = begin(folder, variables, files, seeds, plot)
        said, _ = hostile.communicate()
        for number, process in clean.items():
            if number not in expected:
                first, _ = process.communicate()
                assert process.returncode == 0, first
                expected[number] = outcome(tmp_path / f"clean{number}")
                assert len(expected[number]) > 25
        found = outcome(folder)
        curves.add(found.pop("tables/gelu.svg", b""))
        other = [file for file in {**expected[seeds], **found} if expected[seeds].get(file) != found.get(file)]
        right = hostile.returncode == 0 and (not plot or "0.841344" in said)  # gelu at 1
        cases.hold(right and not other and len(curves - {b""}) < 2, f"{name}: {other}\n{said[-2000:]}")


@pytest.mark.parametrize("variables", [NARROW, {"PYTHONIOENCODING": "latin-1"}], ids=["LC_ALL=C", "latin-1"])
def test_a_terminal_gets_the_signs_that_it_has(variables: Mapping[str, str], tmp_path: Path) -> None:
    """A pseudo-terminal: in a locale without UTF-8 no sign is a traceback, and none is lost in a file."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "actlab", "activations"], cwd=tmp_path, stdout=theirs, stderr=theirs, stdin=theirs,
        env={**os.environ, **variables, "COLUMNS": "200"},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(mine, 65536)
        except OSError:  # the other end is closed
            break
    os.close(mine)
    assert process.wait() == 0
    assert b"Traceback" not in said and b"softplus" in said and b"inf" in said
    said.decode("ascii" if variables is NARROW else "latin-1")


def test_what_goes_into_a_file_has_every_sign(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "actlab", "activations"]
    texts = [
        subprocess.run(command, cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, check=True).stdout
        for variables in ({}, NARROW)
    ]
    assert texts[0] == texts[1] and "−∞" in texts[0].decode()


# --- places in which something is missing ------------------------------------------------------------------------

STRANGER = "unshare --user --map-user=54321 --map-group=54321"  # a user without an entry in the system's list
READ_ONLY = (
    "unshare --user --map-root-user --mount bash -c "
    """'mount --rbind /tmp /tmp && mount -o remount,bind,ro /tmp && "$@"' bash"""
)
GONE = "mkdir gone; cd gone; rmdir ../gone; "
# what comes before the command, its arguments, its exit code, and what it says on stderr
PLACES = {
    "the current folder is gone": (GONE, "list", 2, "the current folder is gone; change into another one\n"),
    "nothing is open": ("exec <&- >&- 2>&-;", "compare $STUDY", 0, ""),
    "a user unknown to the system": (f"unset HOME; exec {STRANGER}", "compare $STUDY", 0, ""),
    "no home for data": (
        f"unset HOME ACTLAB_CACHE_DIR ACTLAB_DATA_DIR KERAS_HOME; exec {STRANGER}", "data list", 2,
        "~/.keras: this user has no home folder; set HOME, or KERAS_HOME to a folder of yours\n",
    ),
    "nothing can be written": (f"exec {READ_ONLY}", "list $STUDY", 0, ""),
    # --- these in full only
    "nobody may read but the owner": ("umask 077;", "compare $STUDY", 0, ""),
    "a home of others": (f"mkdir home; chmod 555 home; HOME=$PWD/home exec {STRANGER}", "compare $STUDY", 0, ""),
    "a temporary folder of others": ("TMPDIR=/proc", "compare $STUDY", 0, ""),
    "no terminal": ("exec setsid", "list $STUDY", 0, ""),
}  # fmt: skip


QUICK = 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [*list(PLACES)[:QUICK], *(pytest.param(place, marks=pytest.mark.torture) for place in list(PLACES)[QUICK:])],
)
def test_a_command_works_or_says_one_sentence(
    place: str, tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]
) -> None:
    before, arguments, code, said = PLACES[place]
    if "unshare" in before and (
        not shutil.which("unshare") or subprocess.run(["unshare", "--user", "--mount", "true"]).returncode
    ):
        pytest.skip("this system lets nobody be another user")
    study = tmp_path / "results" / "study"
    for seed in (0, 1):
        for activation in ("relu", "tanh"):
            make_run(study, resolved(activation=activation, seed=seed), [0.5, 0.6 + seed / 10])
    ended = subprocess.run(
        ["bash", "-c", f'{before} "$@" {arguments}', "bash", sys.executable, "-m", "actlab"], cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"} | {"STUDY": str(study)},
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (code, said)
    assert code or ("exec <&-" in before) != ("relu" in ended.stdout)
    if arguments.startswith("compare"):
        assert (study / "differences.png").stat().st_size > 1000


def test_a_system_without_a_temporary_folder_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stdout = os.dup(1)
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/nowhere"])
        patch.setattr(tempfile, "tempdir", None)
        patch.setattr(cli, "app", lambda **_: tempfile.mkdtemp())
        patch.setattr(cli, "pin_process", lambda: None)
        with pytest.raises(SystemExit):
            cli.main()
    os.dup2(stdout, 1)
    os.close(stdout)
    said = capfd.readouterr().err
    assert said == "TMPDIR: cannot be written: no usable temporary directory found in ['/proc/nowhere']\n"
