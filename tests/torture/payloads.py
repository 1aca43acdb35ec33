"""Payloads, a study that carries them in each of its texts, and what runs all commands in a pseudo-terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from actlab.spec.plan import read as read_plan

TextOf = Callable[[str], str]  # a field to what it carries

SCRIPTS = [
    "<script>pwned()</script>", "</script><script>pwned()</script>", "</ScRiPt ><sCrIpT>pwned()</sCrIpT>",
    "<img src=x onerror=pwned()>", "<img src=x: onerror='pwned()' a=\"", '"><svg onload=pwned()>',
    "<svg><script>pwned()</script></svg>", "' onmouseover='pwned()", '" autofocus onfocus="pwned()',
    "<body onload=pwned()>", "<details open ontoggle=pwned()>x</details>", "<video><source onerror=pwned()></video>",
    "<iframe srcdoc='<script>parent.pwned()</script>'>", "<iframe src=javascript:parent.pwned()>",
    "<object data=javascript:pwned()>", "<embed src=data:text/html,pwned()>", "<math><mtext></mtext><mglyph>",
    "<form action=javascript:pwned()><button>go</button></form>", "<base href=http://evil.test/>",
    "<link rel=stylesheet href=http://evil.test/x.css>", "<meta http-equiv=refresh content='0;url=http://evil.test/'>",
    "<a href=http://evil.test/>click</a>", "<a href='javascript:pwned()'>click</a>", "javascript:pwned()",
    "data:text/html,<script>pwned()</script>", "data:image/svg+xml,<svg onload=pwned()>", "//evil.test/x.js",
    "</style><style>body{display:none}</style>", "x;}body{background:url(http://evil.test/)}",
    "expression(pwned())", "@import 'http://evil.test/x.css';", "</title><script>pwned()</script>",
    "</pre></details></table><script>pwned()</script>", "</text></svg><img src=x onerror=pwned()>",
    "<!--", "--><script>pwned()</script>", "<![CDATA[<script>pwned()</script>]]>", "]]><script>pwned()</script>",
    "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;", "&lt;script&gt;pwned()&lt;/script&gt;",
    "&#60;script&#62;pwned()", "\\u003cscript\\u003epwned()", "{{ 7*7 }}{% raw %}{{ config }}", "{% for x in y %}{# ",
    "${7*7} #{7*7} <%= 7*7 %> `pwned()`", "\"}</script><script>pwned()//", "';pwned();//", "condition-0\" data-pick=\"0",
    "url(#x) fill='url(http://evil.test/)'", "style=display:none onclick=pwned() x=", "%3Cscript%3Epwned()%3C/script%3E",
]  # fmt: skip
MARKUP = [
    "$\\frac{1}{0}$ $x$ $", "$\\undefined{$", "a_{b}^2 & 100 % #1 ~ \\", "\\input{/etc/passwd}", "\\write18{id}",
    "}\\end{table}\\immediate\\write18{id}", "*[x](javascript:pwned()) **b** | c |", "![x](http://evil.test/x.png)",
    "```\n<script>pwned()</script>\n```", "# heading\n\n- item\n\n> quote", "=cmd|' /C calc'!A0", "@SUM(1+1)*cmd|'x'!A0",
    "+HYPERLINK(\"http://evil.test\")", "[bold red]x[/] :smile: [link=http://evil.test]y[/link]", "../../etc/passwd",
    "'; rm -rf ~ #\n$(id) `id`", "--set\nx=y", "CON", "a" * 300, "\u0b95\u0bcd\u0bb7 \u05d0\u05d1 \u4e2d\u6587 e\u0301 \U0001f600",
]  # fmt: skip
ESCAPES = [
    "\x1b[8mhidden", "\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]8;;http://evil.test\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;cHduZWQ=\x07", "\x1bP+q544e\x1b\\", "\x1b_app\x1b\\", "\x1bc", "\x9b2J\x9d0;t\x9c", "\x85\x8d\x90",
    "\x00\x01\x02\x07\x08\x0b\x0c\x0e\x7f", "over\rwritten", "\u202egnp.exe", "\u2066\u2067\u2068\u202a\u202d\u061c\u200f",
    "zero\u200b\u200c\u200d\u2060\ufeffwidth", "\u2028\u2029 lines", "\U000e0041\U000e007f tags", "\u00ad\u180e\ufff9",
    "\ud800 lone \udcff",
]  # fmt: skip
PAYLOADS = SCRIPTS + MARKUP + ESCAPES
EPOCHS = 3
CONFIG = """\
{comment}description: {description}
dataset: {{name: synth_mnist, train_images: 1200, test_images: 200}}
model: mnist_dense
activation: relu
epochs: {epochs}
sweep: {{activation: [relu, tanh], seed: {{range: 2}}}}
claims:
  - {{metric: val_accuracy, of: {{activation: tanh}}, is: "> 0.5", says: {says}}}
"""
REFUSED = (
    "name: {0}\ndescription: {0}\n{0}: {0}\ndataset: {0}\nmodel: {{name: {0}, {0}: 1}}\nactivation: {{formula: {0}}}\n"
    "optimizer: {0}\nprobes: [{0}]\nsweep: {{{0}: [{0}]}}\nclaims: [{{metric: {0}, of: {{{0}: {0}}}, is: {0}}}]\n"
)
# colours and weights as tables and Typer use them, and how rich writes a line anew: all that a terminal may be told
OWN = re.compile(
    r"\x1b\[(?:0|(?:[12];){0,2}3[1-6]|[12])m|\x1b\[\?25h\r|\x1b\[\?25[lh]|\r?\x1b\[2K|\x1b\[1A\x1b\[2K|\r?\n"
)


def active(text: str, but: str = "\n") -> set[str]:
    """The characters of a text that are none to be read: controls, formats (bidi, zero width), lone surrogates."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in but}


def quoted(text: str) -> str:
    """A text as a YAML scalar on one line that holds it as far as UTF-8 can."""
    # not as JSON escapes them: its pairs of surrogates are no characters in YAML
    plain = json.dumps(text.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in plain)


def folder_name(text: str, ending: str = "") -> str:
    """The text as the name of a folder, as nearly as a file system has it."""
    raw = (
        text.replace("/", "\u2215")
        .replace("\0", "\x01")
        .encode("utf-8", "surrogateescape" if _escaped(text) else "replace")
    )
    return os.fsdecode(raw[: 200 - len(ending)]) + ending


def _escaped(text: str) -> bool:
    return all("\udc80" <= c <= "\udcff" for c in text if unicodedata.category(c) == "Cs")


def poisoned(data: Any, text_of: TextOf, field: str) -> Any:
    """Each text in a record replaced by what its field carries, and a further key in each mapping."""
    if isinstance(data, dict):
        made = {key: poisoned(value, text_of, f"{field}.{key}") for key, value in data.items()}
        return {**made, text_of(f"{field}.(key)"): text_of(f"{field}.(value)")}
    if isinstance(data, list):
        return [poisoned(value, text_of, f"{field}[]") for value in data]
    return text_of(field) if isinstance(data, str) else data


def plant(folder: Path, text_of: TextOf) -> Path:
    """Experiments that carry payloads: one whose config and hashes are right, and one where nothing is.

    Args:
        folder: where to; the results are in it.
        text_of: what each field carries.
    """
    config = folder / "planned.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    comment = "".join(
        f"# {line}\n" for line in re.split(r"[\n\r\x85\u2028\u2029]", text_of("comment")) if not active(line, "")
    )
    config.write_text(CONFIG.format(
        comment=comment, description=quoted(text_of("description")), says=quoted(text_of("claim says")), epochs=EPOCHS
    ), encoding="utf-8")  # fmt: skip
    refused = folder / "refused.yaml"
    refused.write_text(REFUSED.format(quoted(text_of("refused config"))), encoding="utf-8")
    plan = read_plan(config)
    planned, other = folder / "results" / "planned", folder / "results" / folder_name(text_of("experiment folder"), "x")
    for experiment in (planned, other):
        for place, (_, of) in enumerate(plan.runs):
            condition, seed, keys = place // 2, place % 2, of.canonical()
            record: dict[str, Any] = {
                "label": "", "config": {}, "started": "", "ended": "", "git": "", "initial_weights_sha256": "",
                "dataset": {"name": "", "sha256": "", "stand_in_for": "", "reason": ""},
                "environment": {"versions": {"actlab": "", "keras": ""}, "git": {"commit": "", "dirty": True},
                                "machine": {"system": "", "processor": ""}, "device": "", "source_sha256": ""},
                "files": {"history.csv": "", "weights.npz": ""}, "overrides": [""],
            }  # fmt: skip
            if experiment is other:
                record["config"] = {key: value for key, value in keys.items() if key != "seed"}
            record = poisoned(record, text_of, "record" if experiment is planned else f"record {condition}")
            if experiment is planned:
                record |= {"config": keys, "hash": of.hash, "overrides": []}
            else:
                record["config"] |= {"seed": seed}
                record["config"]["activation"] = {"name": "formula", "formula": text_of(f"formula {condition}")}
                record["hash"] = f"{text_of('hash')}{place}"
            value, status = 0.5 + 0.1 * condition + 0.01 * seed, "diverged" if place == 3 else "done"
            row = {"epoch": EPOCHS, "val_accuracy": value, "test_accuracy": value, "val_loss": 1.0, "test_loss": 1.0,
                   "loss": 1.0, "accuracy": value}  # fmt: skip
            record |= {"status": status, "plan_index": place, "parameters": 10, "wall_seconds": 1.0}
            record |= {"results": {"final": row, "best": row}} if status == "done" else {"reason": text_of("reason")}
            name = folder_name(text_of(f"run folder {condition}"), f"{place}-{of.hash[:8]}")
            _write_run(experiment / name, record, value, text_of)
        source = config if experiment is planned else refused
        (experiment / "experiment.yaml").write_bytes(source.read_bytes())
    return folder


def _write_run(path: Path, record: dict[str, Any], value: float, text_of: TextOf) -> None:
    path.mkdir(parents=True)
    (path / "run.json").write_text(json.dumps(record))

    def cell(text: str) -> str:
        return '"{}"'.format(text.encode("utf-8", "replace").decode().replace('"', '""'))

    head, layer = cell(text_of("column of history")), cell(text_of("layer"))
    columns = "epoch,step,loss,accuracy,val_loss,val_accuracy,learning_rate,dead_units,gradient_norm_mean"
    numbers = [f"{e},{9 * e},1,{value},1,{value},0.1,{e},{1 / e:.3f},{e}\n" for e in range(1, EPOCHS + 1)]
    (path / "history.csv").write_text(f"{columns},{head}\n" + "".join(numbers), encoding="utf-8", newline="")
    (path / "timing.csv").write_text("wall_seconds,images_per_second\n" + "1,9\n" * EPOCHS)
    learned = text_of("column of layers")
    of_layer = ",".join(cell(f"{learned}{end}") for end in ("_mean", "_min", "_max"))
    rows = [
        f"{e},{9 * e},{name},10,{e},{1 / e:.3f},0.5,0,1,5,5,0.1,0,0.2\n"
        for e in range(1, EPOCHS + 1) for name in (layer, "logits")
    ]  # fmt: skip
    head = "epoch,step,layer,units,dead_units,gradient_norm_mean,activation_mean,activation_min,activation_max"
    bins = "activation_histogram_00,activation_histogram_01"
    (path / "layers.csv").write_text(f"{head},{bins},{of_layer}\n" + "".join(rows), encoding="utf-8", newline="")
    progress = {key: text_of(f"progress {key}") for key in ("loss", "label", "status")}
    (path / "progress.json").write_text(json.dumps({**progress, "step": 1, "total_steps": 9}))


# --- in a terminal -----------------------------------------------------------------------------------------------

DRIVER = """
import json, signal, sys
from actlab import cli
for arguments in json.load(open(sys.argv[1], encoding="utf-8")):
    sys.argv = ["actlab", *arguments]
    if arguments[0] == "watch":  # Ctrl-C
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        cli.main()
    except SystemExit as end:
        code = end.code
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"@@@ {code}", flush=True)
"""


def commands(folder: Path, plot: Path) -> Iterator[list[str]]:
    """Each command that shows what a study carries, in each of its forms."""
    results, (run, other, *_) = folder / "results", sorted((folder / "results").glob("*/*/run.json"))
    run, other = run.parent, other.parent
    (experiment,) = (path for path in results.iterdir() if path.name != "planned")
    yield from (["list", results], ["list", results, "--json"], ["status", results], ["diff", run, other])
    yield from (["show", run], ["show", run, "--layers"], ["show", run, "--json"], ["reproduce", run])
    yield from (
        ["claims", results / "planned"],
        ["claims", experiment],
        ["claims", folder / "planned.yaml", "-o", results],
    )
    yield from (["check", folder / "planned.yaml"], ["check", folder / "refused.yaml"])
    yield from (["run", folder / "planned.yaml", "-o", results, *more] for more in ([], ["--dry-run"]))
    yield ["run", folder / "refused.yaml", "-o", results]
    yield from (
        ["compare", experiment, "-o", plot, "--wide", "--notes"],
        ["compare", results, "-o", plot / "a.md", "--seeds"],
    )
    yield from (["compare", experiment, "--format", form] for form in ("csv", "json", "markdown", "latex", "html"))
    yield from (["report", run, "-o", plot / "report.html"], ["report", results, "--format", "markdown"])
    yield ["watch", results, "--no-browser"]


def spoken(text: str) -> Iterator[list[str]]:
    """Each command with a text in the place of what one gives it: it answers with an error that repeats it."""
    plain = text.replace("\0", "")
    for command in ("list", "show", "compare", "claims", "status", "report", "watch", "check", "run", "reproduce"):
        yield [command, f"x{plain}"]
    yield from (["diff", f"x{plain}", "y"], ["activations", f"x{plain}"], ["activations", "--formula", plain or "x"])
    yield from (["activations", "relu", f"--at={plain}"], ["data", "verify", f"x{plain}"], [f"x{plain}"])
    yield from (["list", f"--{plain}"], ["probes", plain])


def in_terminal(all_arguments: list[list[Any]], folder: Path, width: int = 100) -> list[tuple[list[str], int, str]]:
    """Run commands one after the other in one process that has a pseudo-terminal: arguments, exit code, all it wrote."""
    given = [[str(argument) for argument in arguments] for arguments in all_arguments]
    script, listed = folder / "driver.py", folder / "commands.json"
    script.write_text(DRIVER)
    listed.write_text(json.dumps(given))
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "60", "PYTHONUTF8": "1",
                   "PYTHONPATH": os.pathsep.join(sys.path)}  # fmt: skip
    process = subprocess.Popen([sys.executable, script, listed], stdin=slave, stdout=slave, stderr=slave,
                               env=environment, cwd=folder)  # fmt: skip
    os.close(slave)
    raw = bytearray()
    while process.poll() is None or select.select([master], [], [], 0)[0]:
        if select.select([master], [], [], 0.1)[0]:
            try:
                raw += os.read(master, 1 << 16)
            except OSError:  # closed at the other end
                break
    os.close(master)
    process.wait()
    *parts, rest = re.split(r"@@@ (\w+)\r\n", raw.decode("utf-8", "surrogateescape"))
    assert len(parts) == 2 * len(given), f"ended after {len(parts) // 2} of {len(given)} commands:\n{rest[-3000:]}"
    return [(of, int(code), text) for of, text, code in zip(given, parts[::2], parts[1::2], strict=True)]


def unasked(text: str) -> set[str]:
    """What a terminal was told that actlab itself does not tell it."""
    return active(OWN.sub("", text), "")
