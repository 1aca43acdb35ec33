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
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from actlab.run.record import Run, discover
from actlab.spec.plan import read as read_plan

HERE = Path(__file__).parent
PAGE = HERE.parent / "gallery.md"
SECTION = re.compile(r"(<!-- (compare|claims|runs) ([\w.-]+)(.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
KEPT = ("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "dead_units", "unmoved_units", "revived_units",
        "born_dead")  # fmt: skip
SECONDS = "seconds an epoch"
MOST_ROWS = 8  # of a table that stands open
PICTURES = (  # of one run: its experiment, how its label begins, the file
    ("vanishing_gradient", "sigmoid-random_normal", "gradient_norms.png"),
    ("dying_relu_film", "relu", "weight_film.webp"),
    ("dying_relu_film", "relu", "dead_units.png"),
)


def main(results: Path) -> None:
    page = PAGE.read_text("utf-8")
    PAGE.write_text(SECTION.sub(lambda match: _section(results, match), page), "utf-8")
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
    if not (results / name).is_dir() or (kind == "runs" and _restored(results / name)):
        return match[0]
    made = {"compare": _table, "claims": _claims, "runs": _runs}[kind](results / name, shlex.split(options))
    return f"{begin}\n{made.strip()}\n\n{end}"


def _table(folder: Path, options: list[str]) -> str:
    """The sentence that answers the question, the table, and what else is to know folded under it."""
    text = _actlab("compare", str(folder), *options, "--format", "markdown").strip()
    # runs that restore.py made again have no timing.csv, which is no news here
    lines = [
        line for line in text.splitlines() if not line.endswith("timing.csv: cannot be read: no such file or directory")
    ]
    sentence, table, *notes = "\n".join(lines).split("\n\n")
    sentence = sentence.partition(": ")[2] or sentence
    rows = table.count("\n") - 1
    shown = table if rows <= MOST_ROWS else _folded(f"The table, {rows} conditions", table)
    return "\n\n".join([f"**{sentence}.**", shown, *(_folded("Notes", n) for n in notes)])


def _folded(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text.strip()}\n\n</details>"


def _claims(folder: Path, options: list[str]) -> str:
    (found,) = json.loads(_actlab("claims", str(folder), *options, "--json"))
    claims = found["claims"]
    counts = Counter(claim["verdict"] for claim in claims)
    said = ", ".join(f"{counts[word]} {word}" for word in ("supported", "refuted", "undecided") if counts[word])
    rows = [f"| {_cell(c['says'] or c['sentence'])} | **{c['verdict']}** | {_evidence(c)} |" for c in claims]
    table = "\n".join(["| the claim | verdict | evidence |", "| --- | --- | --- |", *rows])
    return _folded(f"Claims of the config: {said}", table)


def _evidence(claim: dict[str, Any]) -> str:
    """The evidence for each condition; of many, how many say so, and one of these in full."""
    found = claim["evidence"]
    if len(found) > 4:
        alike = [e for e in found if e["verdict"] == claim["verdict"]]
        example = f", such as {_finding(alike[0])}" if alike else ""
        return _cell(f"{claim['verdict']} in {len(alike)} of {len(found)} conditions{example}")
    return "<br>".join(_cell(_finding(e)) for e in found)


def _finding(evidence: dict[str, Any]) -> str:
    """What one condition, or pair, came to."""
    what = evidence["condition"] + (f" against {evidence['other']}" if evidence["other"] else "")
    if evidence["mean"] is None:
        return f"{what}: {evidence['reason'] or 'no number'}"
    mean = f"{evidence['mean']:+.4g}" if evidence["other"] else f"{evidence['mean']:.4g}"
    interval = "" if evidence.get("low") is None else f" [{evidence['low']:.4g}, {evidence['high']:.4g}]"
    p = "" if evidence.get("p") is None else f", p = {evidence['p']:.3g}"
    reason = f"; {evidence['reason']}" if evidence["reason"] else ""
    return f"{what}: {mean}{interval}, n = {evidence['n']}{p}{reason}"


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
    table, restored = target / "comparison.csv", _restored(folder)
    before = pd.read_csv(table) if restored else None
    _actlab("compare", str(folder), *options, "-o", str(target))
    if before is not None:  # what records that were made again from it do not know
        pd.read_csv(table).assign(**{SECONDS: before[SECONDS]}).to_csv(table, index=False)
    else:
        pd.concat([_history(run) for run in runs]).to_csv(target / "histories.csv", index=False, float_format="%.5g")
        shutil.copy(folder / "experiment.yaml", target / "experiment.yaml")
    page = PAGE.read_text("utf-8")
    for figure in target.glob("*.png"):  # those that the page does not show would only make the repository large
        if f"gallery/{target.name}/{figure.name}" not in page:
            figure.unlink()


def _restored(folder: Path) -> bool:
    """Whether the runs were made again by restore.py, which knows no times."""
    return not any("wall_seconds" in run.record for run in discover([folder])[0])


def _history(run: Run) -> pd.DataFrame:
    history = run.history
    kept = history[[name for name in KEPT if name in history]]
    kept.insert(0, "run", run.label)
    return kept


def _actlab(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "actlab", *arguments], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode > 1:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
