"""Put the tables, figures and histories of finished experiments into the gallery.

    python docs/gallery/build.py results

For every section of docs/gallery.md that begins with `<!-- compare NAME OPTIONS -->` it runs `actlab compare` on
results/NAME with these options and writes its table between that line and `<!-- end -->`; `<!-- claims NAME -->` is
filled with the verdicts of `actlab claims`, `<!-- runs NAME -->` with what was trained. The histories, and those
figures that the page shows, lie in docs/gallery/NAME. What stands outside is written by hand, and stays.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from actlab.run.record import Run, discover
from actlab.spec.plan import read as read_plan

HERE = Path(__file__).parent
PAGE = HERE.parent / "gallery.md"
SECTION = re.compile(r"(<!-- (compare|claims|runs) ([\w.-]+)(.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
KEPT = ("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "dead_units", "unmoved_units", "revived_units")
PICTURES = (  # of one run: its experiment, how its label begins, the file
    ("vanishing_gradient", "sigmoid-random_normal", "gradient_norms.png"),
    ("dying_relu_film", "relu", "weight_film.webp"),
    ("dying_relu_film", "relu", "dead_units.png"),
)


def main(results: Path) -> None:
    page = PAGE.read_text()
    PAGE.write_text(SECTION.sub(lambda match: _section(results, match), page))
    options: dict[str, list[str]] = {}  # those of the first table, which the figures are of
    for match in SECTION.finditer(page):
        if match[2] == "compare":
            options.setdefault(match[3], shlex.split(match[4]))
    for name in dict.fromkeys(match[3] for match in SECTION.finditer(page)):
        if (results / name).is_dir():
            _keep(results / name, HERE / name, options.get(name, []))
    for name, label, file in PICTURES:
        if found := sorted((results / name).glob(f"{label}*-seed*/{file}")):
            (HERE / name).mkdir(exist_ok=True)
            shutil.copy(found[0], HERE / name / file)


def _section(results: Path, match: re.Match[str]) -> str:
    begin, kind, name, options, end = match.groups()
    if not (results / name).is_dir():
        return match[0]
    made = {"compare": _table, "claims": _claims, "runs": _runs}[kind](results / name, shlex.split(options))
    return f"{begin}\n{made.strip()}\n\n{end}"


def _table(folder: Path, options: list[str]) -> str:
    return _actlab("compare", str(folder), *options, "--format", "markdown")


def _claims(folder: Path, options: list[str]) -> str:
    (found,) = json.loads(_actlab("claims", str(folder), *options, "--json"))
    rows = [f"| {_cell(c['says'] or c['sentence'])} | **{c['verdict']}** | {_evidence(c)} |" for c in found["claims"]]
    return "\n".join(["| the claim | verdict | evidence |", "| --- | --- | --- |", *rows])


def _evidence(claim: dict[str, Any]) -> str:
    """The evidence for each condition; of many, how many say so, and one of these in full."""
    found = claim["evidence"]
    if len(found) > 4:
        alike = [e for e in found if e["verdict"] == claim["verdict"]]
        example = f"{alike[0]['condition']}: {alike[0]['reason']}" if alike else ""
        return _cell(f"{claim['verdict']} in {len(alike)} of {len(found)} conditions, such as {example}")
    lines = [e["reason"] if len(found) == 1 else f"{e['condition']}: {e['reason']}" for e in found]
    return "<br>".join(map(_cell, lines))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _runs(folder: Path, options: list[str]) -> str:
    """What is asked, and how many runs took how long, on what."""
    runs = [run for run in discover([folder])[0] if run.status == "done"]
    seconds = sum(run.record["wall_seconds"] for run in runs)
    threads = sorted({str(run.environment.get("threads")) for run in runs})
    seeds = sorted({int(run.config["seed"]) for run in runs})
    epochs = sorted({f"{run.history['epoch'].iloc[-1]:.3g}" for run in runs}, key=float)
    return (
        f"*{_question(folder)}*\n\nTrained for this page: {len(runs)} runs of {' or '.join(epochs)} "
        f"epoch{'' if epochs == ['1'] else 's'}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}; "
        f"{seconds / 60:.0f} minutes in all, by workers of {', '.join(threads)} thread."
    )


def _question(folder: Path) -> str:
    """The first sentence of the description."""
    return read_plan(folder / "experiment.yaml").experiment.description.partition("?")[0] + "?"


def _keep(folder: Path, target: Path, options: list[str]) -> None:
    """Histories in one table, and the figures of the comparison."""
    target.mkdir(exist_ok=True)
    runs = [run for run in discover([folder])[0] if run.status == "done"]
    pd.concat([_history(run) for run in runs]).to_csv(target / "histories.csv", index=False, float_format="%.5g")
    _actlab("compare", str(folder), *options, "-o", str(target))
    shutil.copy(folder / "experiment.yaml", target / "experiment.yaml")
    page = PAGE.read_text()
    for figure in target.glob("*.png"):  # those that the page does not show would only make the repository large
        if f"gallery/{target.name}/{figure.name}" not in page:
            figure.unlink()


def _history(run: Run) -> pd.DataFrame:
    history = run.history
    kept = history[[name for name in KEPT if name in history]]
    kept.insert(0, "run", run.label)
    return kept


def _actlab(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "actlab", *arguments], capture_output=True, text=True, check=False)
    if done.returncode > 1:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
