"""Make docs/gallery.md of what the gallery keeps.

    python docs/gallery/build.py                                  # the page again, of what is kept
    python docs/gallery/build.py --draw leaky_slope               # and the figures of these experiments
    python docs/gallery/build.py --take results leaky_slope ...   # first takes their runs into the gallery

The page is docs/gallery/gallery.md.j2, filled by jinja2: tables, claims and every number in a sentence come from run
directories that `records.py` makes again of the kept CSVs, by the functions of `Gallery` below. A sentence that
speaks of a result asks for it: `{{ mean("leaky_slope", "val_accuracy", "negative_slope=0.4") | share }}`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from records import HERE, keep, restore

from actlab.runs.record import Run
from actlab.show import words
from actlab.show.figures import style
from actlab.show.figures.comparison import comparison_figures
from actlab.show.tables import comparison_text
from actlab.spec.plan import read as read_plan
from actlab.spec.where import parse_where
from actlab.study import folders
from actlab.study import frame as framing
from actlab.study.claims import ClaimVerdict, Evidence, judge_claims, read_folder
from actlab.study.judge import Comparison, ConditionResult, compare
from actlab.study.stats.pairs import Paired, paired

TEMPLATE = HERE / "gallery.md.j2"
PAGE = HERE.parent / "gallery.md"
MOST_ROWS = 8  # of a table that stands open
PICTURES = {  # of one run: experiment to how its label begins, and the files
    "vanishing_gradient": [("sigmoid-random_normal", "gradient_norms.png")],
    "dying_relu_film": [("relu", "weight_film.webp"), ("relu", "dead_units.png")],
}


class Gallery:
    """The kept experiments, and what a sentence may ask of them.

    Args:
        root: a folder with a folder of run directories for each experiment.

    An experiment is named first in each call. `where` chooses runs as `--where` does ("activation=relu"); a number is
    the mean over the seeds at the end of the training, if `at` says nothing else.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.figures: dict[Path, tuple[Comparison, str, str]] = {}  # file to comparison, stem and title
        self.frame = cache(self.frame)  # type: ignore[method-assign]
        self.compared = cache(self.compared)  # type: ignore[method-assign]
        self.judged = cache(self.judged)  # type: ignore[method-assign]

    def frame(self, name: str) -> Any:
        """All runs of an experiment, a row each."""
        return framing.frame_of(folders.read([self.root / name]).runs)

    def values(self, name: str, metric: str, where: str = "", at: str = "last") -> dict[int, float]:
        """Seed to its number; of a condition, or the mean of several."""
        rows = framing.chosen(self.frame(name), self._conditions(name, where))
        return framing.by_seed(framing.measured(rows, metric, at), metric).by_seed

    def mean(self, name: str, metric: str, where: str = "", at: str = "last") -> float:
        values = self.values(name, metric, where, at).values()
        return sum(values) / len(values)

    def least(self, name: str, metric: str, where: str = "", at: str = "last") -> float:
        """Of all seeds."""
        return min(self.values(name, metric, where, at).values())

    def most(self, name: str, metric: str, where: str = "", at: str = "last") -> float:
        """Of all seeds."""
        return max(self.values(name, metric, where, at).values())

    def seeds(self, name: str, where: str = "") -> int:
        """How many there are."""
        return len(set(framing.chosen(self.frame(name), self._conditions(name, where))["run", "seed"]))

    def difference(self, name: str, metric: str, where: str, other: str, at: str = "last") -> Paired:
        """Mean over the pairs of seeds (`.difference`) with its 95% t interval (`.low`, `.high`)."""
        mine, theirs = self.values(name, metric, where, at), self.values(name, metric, other, at)
        both = sorted(set(mine) & set(theirs))
        return paired([mine[seed] for seed in both], [theirs[seed] for seed in both])

    def compared(
        self, name: str, *metrics: str, where: str = "", baseline: str | None = None, at: str = "last"
    ) -> Comparison:
        return compare(self.frame(name), metrics, baseline=baseline, at=at, where=self._conditions(name, where))

    def result(self, name: str, condition: str, metric: str, **options: str) -> ConditionResult:
        """A row of a table: `.verdict`, `.p`, `.pairs.difference`, ..."""
        return self.compared(name, metric, **options)[condition]

    def judged(self, name: str) -> tuple[ClaimVerdict, ...]:
        study = read_folder(self.root / name)
        return tuple(judge_claims(study.claims, study.runs))

    def claim(self, name: str, says: str) -> str:
        """The verdict on the one claim that says this among other words."""
        (found,) = [of.verdict for of in self.judged(name) if says in (of.claim.says or "")]
        return found

    def _conditions(self, name: str, where: str) -> list[Any]:
        frame = self.frame(name)
        conditions = parse_where(where) if where else []
        return [type(of)(framing.full_key(frame, of.key), of.operator, of.value) for of in conditions]

    # --- blocks of the page ---

    def table(self, name: str, *metrics: str, **options: str) -> str:
        """The sentence that answers the question, the table, and what else is to know folded under it."""
        text = comparison_text(self.compared(name, *metrics, **options), "markdown", name).strip()
        sentence, table, *notes = text.split("\n\n")
        rows = table.count("\n") - 1
        shown = table if rows <= MOST_ROWS else _folded(f"The table, {rows} conditions", table)
        return "\n\n".join([f"**{sentence.partition(': ')[2]}.**", shown, *(_folded("Notes", note) for note in notes)])

    def figure(self, name: str, stem: str, alt: str, *metrics: str, file: str = "", **options: str) -> str:
        """One of the figures that `actlab compare` draws of a comparison, by the stem of its file's name."""
        path = HERE / name / f"{file or stem}.png"
        self.figures[path] = (self.compared(name, *metrics, **options), stem, alt)
        return f"![{alt}]({path.relative_to(PAGE.parent).as_posix()})"

    def claims(self, name: str) -> str:
        """The claims of the config with their verdicts, folded."""
        judged = self.judged(name)
        counts = Counter(of.verdict for of in judged)
        summary = ", ".join(f"{counts[word]} {word}" for word in ("supported", "refuted", "undecided") if counts[word])
        rows = [f"| {_cell(of.claim.says or str(of.claim))} | **{of.verdict}** | {_evidence(of)} |" for of in judged]
        table = "\n".join(["| the claim | verdict | evidence |", "| --- | --- | --- |", *rows])
        return _folded(f"Claims of the config: {summary}", table)

    def trained(self, name: str) -> str:
        """What is asked, and how many runs took how long, on what."""
        question = read_plan(self.root / name / "experiment.yaml").experiment.description.partition("?")[0]
        runs: list[Run] = list(self.frame(name)["run", "run"])
        seconds = sum(run.record.get("wall_seconds", 0.0) for run in runs)
        threads = sorted({str(run.environment["threads"]) for run in runs if "threads" in run.environment})
        seeds = sorted({framing.seed_of(run) for run in runs})
        epochs = sorted({f"{run.history['epoch'].iloc[-1]:.3g}" for run in runs}, key=float)
        took = f"; {seconds / 60:.0f} minutes in all" if seconds >= 60 else ""
        by = f", by workers of {', '.join(threads)} thread" if threads else ""
        return (
            f"*{question}?*\n\nTrained for this page: {words.counted(len(runs), 'run')} of {' or '.join(epochs)} "
            f"epoch{'' if epochs == ['1'] else 's'}, seed{'s' if len(seeds) > 1 else ''} "
            f"{', '.join(map(str, seeds))}{took}{by}."
        )


def _folded(summary: str, text: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{text.strip()}\n\n</details>"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _evidence(of: ClaimVerdict) -> str:
    """The evidence for each condition; of many, how many say so, and one of these in full."""
    found = of.evidence
    if len(found) <= 4:
        return "<br>".join(_finding(one) for one in found)
    alike = [one for one in found if one.verdict == of.verdict]
    example = f", such as {_finding(alike[0])}" if alike else ""
    return f"{of.verdict} in {len(alike)} of {len(found)} conditions{example}"


def _finding(of: Evidence) -> str:
    """What one condition, or pair, came to."""
    what = of.condition + (f" against {of.other}" if of.other else "")
    if not of.values:
        return _cell(f"{what}: {words.note(of.reason) or 'no number'}")
    mean = f"{sum(of.values.values()) / len(of.values):{'+' if of.other else ''}.4g}"
    interval = "" if of.estimate is None else f" [{of.estimate.low:.4g}, {of.estimate.high:.4g}]"
    p = f", p = {of.p:.3g}" if of.p == of.p else ""
    reason = words.note(of.reason)
    return _cell(f"{what}: {mean}{interval}, n = {len(of.values)}{p}{f'; {reason}' if reason else ''}")


# --- numbers in sentences --------------------------------------------------------------------------------------------


def share(value: float, digits: int = 2) -> str:
    """An accuracy as the articles write it: .97"""
    return f"{value:.{digits}f}".removeprefix("0")


def points(value: float, digits: int = 1) -> str:
    """The size of a difference of accuracies, in percentage points."""
    return f"{abs(value) * 100:.{digits}f}"


def number(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}"


def filled(gallery: Gallery, template: str) -> str:
    """A template with the numbers of the experiments."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.filters |= {"share": share, "points": points, "number": number}
    functions = {name: getattr(gallery, name) for name in dir(Gallery) if not name.startswith("_")}
    return environment.from_string(template).render(functions)


def restored(root: Path) -> Gallery:
    """All that is kept, as run directories in a folder."""
    for kept in sorted(HERE.glob("*/runs.csv")):
        restore(kept.parent, root / kept.parent.name)
    return Gallery(root)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make docs/gallery.md of what the gallery keeps.")
    parser.add_argument("--take", metavar="RESULTS", type=Path, help="take the runs of the named ones from there")
    parser.add_argument("--draw", action="store_true", help="draw the figures of the named experiments again")
    parser.add_argument("names", metavar="NAME", nargs="*", help="experiments")
    of = parser.parse_args()
    for name in of.names if of.take else ():
        keep(of.take / name, HERE / name)
        for label, file in PICTURES.get(name, []):
            shutil.copy(sorted((of.take / name).glob(f"{label}*-seed*/{file}"))[0], HERE / name / file)
    with tempfile.TemporaryDirectory() as folder:
        gallery = restored(Path(folder))
        PAGE.write_text(filled(gallery, TEMPLATE.read_text("utf-8")), "utf-8")
        for path, (comparison, stem, title) in gallery.figures.items():
            if path.parent.name in of.names or not path.is_file():
                path.write_bytes(style.png(comparison_figures(comparison, title)[stem]()))


if __name__ == "__main__":
    main()
