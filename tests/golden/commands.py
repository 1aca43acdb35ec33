"""Which commands the golden record holds, and how they are run: as `python -m actlab`, but in this process."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import runpy
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden import studies

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).parent / "expected"
RUN_FILES = ("run.json", "history.csv", "timing.csv", "layers.csv")


@dataclass(frozen=True)
class Case:
    """A command of a study.

    Args:
        study: the first part of the file's name.
        command: compare, claims, diff, show or check.
        variant: what tells the cases of a study's command apart.
        arguments: of the command line, with paths relative to the folder it is run in.
        in_repository: whether that is the repository, and not the folder of the studies.
    """

    study: str
    command: str
    variant: str
    arguments: tuple[str, ...]
    in_repository: bool = False

    @property
    def key(self) -> str:
        """Of the file with the expected output of all variants."""
        return f"{self.study}.{self.command}"


# of every study; a table of 40 activations in all of these would be as large as all other files
USUAL: dict[str, tuple[str, ...]] = {
    "default": (),
    "best": ("--at", "best-validation", "--metric", "test_accuracy", "--metric", "val_loss"),
    "area": ("--at", "area"),
    "reach": ("--reach", "0.85", "--sort", "val_accuracy"),
}
FEWER = {"forty": ("default", "reach")}
MORE: dict[str, dict[str, tuple[str, ...]]] = {
    "one_axis": {
        "baseline": ("--baseline", "leaky_relu"),
        "where": ("--where", "seed<6"),
        "one_condition": ("--where", "activation=relu"),
        "unknown_metric": ("--metric", "val_acuracy"),
        "time": ("--metric", "images_per_second", "--at", "mean"),
        "loss": ("--metric", "loss", "--at", "min"),
        "epoch": ("--at", "epoch 2"),
    },
    "two_axes": {
        "by": ("--by", "activation"),
        "by_rate": ("--by", "optimizer.learning_rate", "--sort", "optimizer.learning_rate"),
        "baseline": ("--baseline", "relu"),
        "baseline_key": ("--baseline", "learning_rate=0.1"),
        "where": ("--where", "activation!=sigmoid,learning_rate<0.5"),
        "epoch": ("--at", "epoch 2"),
        "max": ("--at", "max"),
    },
    "three_axes": {
        "by": ("--by", "activation", "--by", "batch_size"),
        "baseline": ("--baseline", "activation=elu"),
        "where": ("--where", "batch_size>=200"),
        "mean": ("--at", "mean"),
    },
    "unions": {"by": ("--by", "activation"), "where": ("--where", "activation=[relu, sigmoid]")},
    "bad_ends": {"baseline": ("--baseline", "tanh"), "max": ("--at", "max"), "by": ("--by", "model")},
    "missing_seeds": {"baseline": ("--baseline", "gelu"), "reach": ("--reach", "0.935")},
    "mixed_data": {"by": ("--by", "optimizer"), "where": ("--where", "activation=tanh")},
    "datasets": {"by": ("--by", "dataset"), "baseline": ("--baseline", "dataset=fashion_mnist")},
    "probes": {
        "dead": ("--metric", "dead_units"),
        "dead_layer": ("--metric", "dense.dead_units", "--metric", "*.dead_units"),
        "dead_max": ("--metric", "dead_units", "--at", "max"),
        "gradients": ("--metric", "gradient_norm_mean", "--metric", "logits.gradient_norm_max", "--at", "area"),
    },
    "zipped": {"by": ("--by", "batch_size"), "baseline": ("--baseline", "batch_size=50")},
    "early_stopping": {"epochs": ("--metric", "epoch"), "max": ("--at", "max")},
    "environments": {"by": ("--by", "model"), "baseline": ("--baseline", "maxout")},
    "ties": {
        "dead": ("--metric", "dead_units"),
        "dead_baseline": ("--metric", "dead_units", "--baseline", "batch_size=500"),
    },
    "steps": {
        "step": ("--at", "step 200"),
        "by": ("--by", "activation.negative_slope"),
        "baseline": ("--baseline", "negative_slope=0.2"),
    },
    "probed": {"dead": ("--metric", "dead_units", "--metric", "dense_1.gradient_norm_mean")},
}  # fmt: skip
LAYERED = ("probes", "probed")


def cases(folder: Path) -> Iterator[Case]:
    """Every command of the record; `folder` holds the studies."""
    for study in (*studies.STUDIES, *(path.stem for path in trained())):
        usual = {name: USUAL[name] for name in FEWER.get(study, tuple(USUAL))}
        for variant, options in {**usual, **MORE.get(study, {})}.items():
            yield Case(study, "compare", variant, ("compare", study, "--format", "json", *options))
        yield Case(study, "claims", "default", ("claims", study, "--json"))
        runs = sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob(f"{study}/*/run.json"))
        for variant, first, second in (("seeds", 0, 1), ("conditions", 0, -1), ("middle", len(runs) // 2, 1)):
            yield Case(study, "diff", variant, ("diff", runs[first], runs[second], "--json"))
        for variant, index in (("first", 0), ("last", -1)):
            yield Case(study, "show", variant, ("show", runs[index], "--json"))
        if study in LAYERED:
            yield Case(study, "show", "layers", ("show", runs[0], "--layers", "--json"))
        sets = [word for override in _overrides(study) for word in ("--set", override)]
        yield Case(study, "check", "default", ("check", f"{study}/experiment.yaml", *sets, "--json"))
    several = ("compare", "one_axis", "bad_ends", "early_stopping", "--format", "json")
    yield Case("several", "compare", "default", several)
    yield Case("several", "compare", "by", (*several, "--by", "activation", "--where", "activation=[relu, tanh]"))
    yield Case("several", "claims", "default", ("claims", "one_axis", "probes", "ties", "--json"))
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        yield Case("configs", "check", path.stem, ("check", f"configs/{path.name}", "--json"), in_repository=True)


def _overrides(study: str) -> tuple[str, ...]:
    return studies.STUDIES[study].overrides if study in studies.STUDIES else ()


def trained() -> list[Path]:
    """The config files of the studies that were trained."""
    return sorted(studies.TRAINED.glob("*.yaml"))


def make(folder: Path) -> None:
    """Put all studies into a folder, the trained ones too."""
    studies.make(folder)
    for config in trained():
        shutil.copytree(studies.TRAINED / config.stem, folder / config.stem)


def run(case: Case, folder: Path) -> dict[str, Any]:
    """The exit code and the output of a case: as data where it is JSON, and as text else."""
    code, out, err = actlab(case.arguments, ROOT if case.in_repository else folder)
    try:
        output = json.loads(out)
    except ValueError:
        return {"exit": code, "text": out.strip(), "stderr": err.strip()}
    if case.command == "check":
        output = [_with_digests(plan) for plan in output]
    return {"exit": code, "output": output}


def _with_digests(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan with the first config in full, and of the others a digest: they would be a megabyte."""
    first, *others = plan["runs"]
    return {**plan, "runs": [first, *({**run, "config": _digest(run["config"])} for run in others)]}


def _digest(config: Any) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def actlab(arguments: Sequence[str], folder: Path) -> tuple[int, str, str]:
    """`python -m actlab` in this process: only the entry point is relied on. Exit code, stdout, stderr."""
    before, out, err, code = (sys.argv, Path.cwd()), io.StringIO(), io.StringIO(), 0
    sys.argv = ["actlab", *arguments]
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            runpy.run_module("actlab", run_name="__main__", alter_sys=False)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before[0]
        os.chdir(before[1])
    return code, out.getvalue(), err.getvalue()


# --- files -------------------------------------------------------------------------------------------------------


def rounded(value: Any) -> Any:
    """Eleven digits of each float: more than is compared, and two thirds of the size."""
    if isinstance(value, float):
        return float(f"{value:.11g}")
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def tabled(value: Any) -> Any:
    """Lists of mappings with the same keys as tables, whose keys are written once."""
    if isinstance(value, dict):
        return {key: tabled(one) for key, one in value.items()}
    if not isinstance(value, list):
        return value
    same = len(value) > 1 and all(isinstance(one, dict) and list(one) == list(value[0]) for one in value)
    if not same or not value[0]:
        return [tabled(one) for one in value]
    return {"columns": list(value[0]), "rows": [[tabled(cell) for cell in one.values()] for one in value]}


def untabled(value: Any) -> Any:
    """What `tabled` was given."""
    if isinstance(value, list):
        return [untabled(one) for one in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["columns", "rows"]:
        return [dict(zip(value["columns"], untabled(row), strict=True)) for row in value["rows"]]
    return {key: untabled(one) for key, one in value.items()}


def dumped(value: Any, depth: int = 4, indent: str = "") -> str:
    """JSON with a line for each row of a table, so that a changed number is a changed line."""
    if not depth or not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    inner = f"{indent} "
    if isinstance(value, dict):
        lines = [f"{json.dumps(key, ensure_ascii=False)}: {dumped(v, depth - 1, inner)}" for key, v in value.items()]
    else:
        lines = [dumped(one, depth - 1, inner) for one in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return f"{opened}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{closed}"
