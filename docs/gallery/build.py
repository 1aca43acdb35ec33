"""Make docs/gallery.md and docs/experiments.md of what the gallery keeps.

    python docs/gallery/build.py                                  # the page again, of what is kept
    python docs/gallery/build.py --draw leaky_slope               # and the figures of these experiments
    python docs/gallery/build.py --take results leaky_slope ...   # first takes their runs into the gallery

The pages are docs/gallery/*.md.j2, filled by jinja2: tables, claims and every number in a sentence come from run
directories that `records.py` makes again of the kept CSVs, by the functions of `Experiment` below. A sentence that
speaks of a result asks for it: `{{ leaky_slope.mean("val_accuracy", "negative_slope=0.4") | share }}`.
"""

from __future__ import annotations

import argparse
import math
import re
import shutil
import tempfile
import textwrap
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from statistics import fmean

import jinja2
import pandas as pd
from PIL import Image
from records import HERE, keep, restore

from actlab.runs.record import Run
from actlab.show import words
from actlab.show.figures import style
from actlab.show.figures.comparison import comparison_figures, stacked
from actlab.show.figures.style import Draw
from actlab.show.rendering import comparison_text
from actlab.spec.plan import Plan
from actlab.spec.plan import read as read_plan
from actlab.spec.where import Condition, parse_where
from actlab.study import folders
from actlab.study import frame as framing
from actlab.study.claims import ClaimVerdict, Evidence, Study, judge_claims, read_folder
from actlab.study.judge import Comparison, ConditionResult, compare
from actlab.study.registration import registered
from actlab.study.stats.pairs import Paired, paired
from actlab.study.stats.summaries import summary

PAGES = {HERE / f"{name}.md.j2": HERE.parent / f"{name}.md" for name in ("gallery", "experiments")}
CONFIGS = HERE.parents[1] / "configs"
MOST_ROWS = 8  # of a table that stands open
PARAGRAPH = re.compile(r"^(?:\*\*|[A-Za-z])[^|\n]*(?:\n(?!- |\||<)[^|\n]+)+$", re.MULTILINE)
WIDTH = 120
FILMS = {"dying_relu_films": "Eight nets: the change of each unit's weights in the last epoch"}
PICTURES = {  # of one run: experiment to how its label begins, the file, and its name here
    "vanishing_gradient": [("sigmoid-random_normal", "gradient_norms.png", "gradient_norms.png")],
    "dying_relu_film": [
        ("relu", "weight_film.webp", "weight_film.webp"),
        ("relu", "dead_units.png", "dead_units.png"),
    ],
    "zero_weights": [
        ("sigmoid-zeros", "weight_film.png", "film_zeros.png"),
        ("sigmoid-xavier_fan_in", "weight_film.png", "film_xavier.png"),
    ],
}


class Experiment:
    """The kept runs of one experiment, and what a sentence may ask of them.

    Args:
        folder: of run directories.

    `where` chooses runs as `--where` does ("activation=relu"); a number is the mean over the seeds at the end of the
    training, if `at` says nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.figures: dict[Path, Draw] = {}  # by their files
        self.compared = cache(self.compared)  # type: ignore[method-assign]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All runs, a row each."""
        return framing.frame_of(folders.read([self.folder]).runs)

    @cached_property
    def study(self) -> Study:
        """The claims and the runs that they are about."""
        return read_folder(self.folder)

    @cached_property
    def judged(self) -> list[ClaimVerdict]:
        """The claims with their verdicts."""
        return list(judge_claims(self.study.claims, self.study.runs))

    def chosen(self, where: str) -> pd.DataFrame:
        """The runs that are as `where` says."""
        return framing.chosen(self.frame, self._conditions(where))

    def values(self, metric: str, where: str = "", at: str = "last") -> dict[int, float]:
        """Seed to its number."""
        return framing.by_seed(framing.measured(self.chosen(where), metric, at), metric).by_seed

    def mean(self, metric: str, where: str = "", at: str = "last") -> float:
        """Over the seeds."""
        return fmean(self.values(metric, where, at).values())

    def least(self, metric: str, where: str = "", at: str = "last") -> float:
        """Of all runs."""
        return float(framing.measured(self.chosen(where), metric, at)["metric", metric].min())

    def most(self, metric: str, where: str = "", at: str = "last") -> float:
        """Of all runs."""
        return float(framing.measured(self.chosen(where), metric, at)["metric", metric].max())

    def seeds(self, where: str = "") -> int:
        """How many there are."""
        return len(set(self.chosen(where)["run", "seed"]))

    def difference(self, metric: str, where: str, other: str, at: str = "last") -> Paired:
        """Over the pairs of seeds: the mean (`.difference`) with its 95% t interval (`.low`, `.high`)."""
        mine, theirs = self.values(metric, where, at), self.values(metric, other, at)
        both = sorted(set(mine) & set(theirs))
        return paired([mine[seed] for seed in both], [theirs[seed] for seed in both])

    def interval(self, metric: str, where: str = "", at: str = "last") -> str:
        """The mean over the seeds with its 95% t interval: "1.23 [0.38, 2.07]"."""
        of = summary(list(self.values(metric, where, at).values()))
        return f"{of.mean:.2f} [{of.low:.2f}, {of.high:.2f}]"

    def falls(self, metric: str, where: str = "") -> int:
        """How often a column of the history was smaller than an evaluation before, all runs together."""
        return sum(int((run.history[metric].diff() < 0).sum()) for run in self.chosen(where)["run", "run"])

    def compared(self, *metrics: str, where: str = "", baseline: str | None = None, at: str = "last") -> Comparison:
        """As `actlab compare` has it."""
        return compare(self.frame, metrics, baseline=baseline, at=at, where=self._conditions(where))

    def verdict(self, condition: str, *metrics: str, **options: str) -> str:
        """That of a row of a table."""
        return self.compared(*metrics, **options)[condition].verdict

    def claim(self, says: str) -> str:
        """The verdict on the one claim that says this among other words."""
        (found,) = self._verdicts(says)
        return found

    def answer(self, *says: str) -> str:
        """The verdict on all claims that say one of these: yes, no, undecided, or in part."""
        found = {verdict for one in says for verdict in self._verdicts(one)}
        whole = {"supported": "Yes", "refuted": "No", "undecided": "Undecided"}
        return whole[found.pop()] if len(found) == 1 else "In part"

    def tally(self, says: str = "") -> str:
        """How many of the claims that say this came out how: "9 supported, 1 undecided"."""
        counts = Counter(self._verdicts(says))
        return ", ".join(f"{counts[word]} {word}" for word in ("supported", "refuted", "undecided") if counts[word])

    def best(self, metric: str, **options: str) -> ConditionResult:
        """The condition with the highest mean."""
        return max(self.compared(metric, **options).results, key=lambda of: of.summary.mean)

    def _verdicts(self, says: str) -> list[str]:
        found = [of.verdict for of in self.judged if says in (of.claim.says or "")]
        if not found:
            raise ValueError(f"{self.folder.name}: no claim says {says!r}")
        return found

    def _conditions(self, where: str) -> list[Condition]:
        conditions = parse_where(where) if where else []
        return [replace(of, key=framing.full_key(self.frame, of.key)) for of in conditions]

    # --- blocks of the page ---

    def table(self, *metrics: str, **options: str) -> str:
        """The sentence that answers the question, the table, and what else is to know folded under it."""
        text = comparison_text(self.compared(*metrics, **options), "markdown", self.folder.name).strip()
        sentence, table, *notes = text.split("\n\n")
        rows = table.count("\n") - 1
        shown = table if rows <= MOST_ROWS else _folded(f"The table, {rows} conditions", table)
        return "\n\n".join([f"**{sentence.partition(': ')[2]}.**", shown, *(_folded("Notes", note) for note in notes)])

    def figure(self, stem: str, alt: str, *metrics: str, file: str = "", **options: str) -> str:
        """One of the figures that `actlab compare` draws of a comparison, by the stem of its file's name."""
        of = self.compared(*metrics, **options)
        return self._drawn(file or stem, alt, lambda: comparison_figures(of, alt)[stem]())

    def stack(self, alt: str, *columns: str, file: str = "stacked", **options: str) -> str:
        """Measures over each other, over the same epochs, as `actlab compare --stack` draws them."""
        of = self.compared(**options)
        return self._drawn(file, alt, lambda: next(iter(stacked(of, columns, alt).values()))())

    def _drawn(self, stem: str, alt: str, draw: Draw) -> str:
        path = HERE / self.folder.name / f"{stem}.png"
        self.figures[path] = draw
        return f"![{alt}]({path.relative_to(HERE.parent).as_posix()})"

    def thumb(self, file: str, alt: str) -> str:
        """A figure of its section, small."""
        return f'<img src="gallery/{self.folder.name}/{file}" width="240" alt="{alt}">'

    def claims(self) -> str:
        """The claims of the config with their verdicts, folded."""
        judged = self.judged
        rows = []
        for of, known in zip(judged, registered(self.study).claims, strict=True):
            exactly = "; ".join(filter(None, [words.claim_exactly(of.claim), words.when_registered(known)]))
            rows.append(
                f"| {_cell(of.claim.says)}<br><sub>{_cell(exactly)}</sub> | **{of.verdict}** | {_evidence(of)} |"
            )
        table = "\n".join(["| the claim, and what is tested | verdict | evidence |", "| --- | --- | --- |", *rows])
        return _folded(f"Claims of the config: {self.tally()}", table)

    def trained(self) -> str:
        """What is asked, how many runs took how long, what their config has now, and where dead units were counted."""
        plan = read_plan(self.folder / "experiment.yaml")
        question = plan.experiment.description.partition("?")[0]
        then, now = _setting(plan), _setting(read_plan(CONFIGS / f"{self.folder.name}.yaml"))
        changes = "; ".join(
            f"{old}, now {new.removesuffix(' seeds').removesuffix(' runs')}"
            for old, new in zip(then, now, strict=True)
            if old != new
        )
        earlier = f", by an earlier form of this config ({changes})" if changes else ""
        counted = f" {then[-1].capitalize()}." if then[-1] else ""
        runs: list[Run] = list(self.frame["run", "run"])
        seconds = sum(run.record.get("wall_seconds", 0.0) for run in runs)
        threads = sorted({str(run.environment["threads"]) for run in runs if "threads" in run.environment})
        seeds = sorted({framing.seed_of(run) for run in runs})
        epochs = sorted({f"{run.history['epoch'].iloc[-1]:.3g}" for run in runs}, key=float)
        whole = len(seeds) > 10 and seeds == list(range(seeds[0], seeds[-1] + 1))
        named = f"{seeds[0]} to {seeds[-1]}" if whole else ", ".join(map(str, seeds))
        took = f"; {words.counted(round(seconds / 60), 'minute')} in all" if seconds >= 60 else ""
        by = f", by workers of {', '.join(threads)} thread{'s' * (threads != ['1'])}" if threads else ""
        return (
            f"*{question}?*\n\nTrained for this page{earlier}: {words.counted(len(runs), 'run')} of "
            f"{' or '.join(epochs)} epoch{'' if epochs == ['1'] else 's'}, seed{'s' if len(seeds) > 1 else ''} "
            f"{named}{took}{by}.{counted}"
        )


def _setting(plan: Plan) -> tuple[str, ...]:
    """What the page says of a config, in words; on which images dead units are counted comes last."""
    configs = [config.canonical() for _, config in plan.runs]
    probes = [probe for probe in configs[0].get("probes", []) if probe["name"] == "dead_units"]
    on_training = any(probe.get("on") == "training" for probe in probes)
    train_eval = configs[0].get("train_eval")
    training = f"{configs[0]['dataset'].get('train_samples') or 60_000:,} training"
    return (
        words.counted(len({config["seed"] for config in configs}), "seed"),
        words.counted(len(configs), "run"),
        words.counted(configs[0].get("epochs", 0), "epoch"),
        f"`train_eval: {train_eval}`" if train_eval else "no `train_eval`",
        f"dead units counted on the {training if on_training else '10,000 test'} images" if probes else "",
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
    low, high = (of.estimate.low, of.estimate.high) if of.estimate else (math.nan, math.nan)
    interval = "" if math.isnan(low) else f" [{low:.4g}, {high:.4g}]"
    p = f", p = {of.p:.3g}" if of.p == of.p else ""
    reason = words.note(of.reason)
    return _cell(f"{what}: {mean}{interval}, n = {len(of.values)}{p}{f'; {reason}' if reason else ''}")


# --- numbers in sentences --------------------------------------------------------------------------------------------


class TurnedError(ValueError):
    """The data do not go the way that a sentence says."""


def share(value: float, digits: int = 2) -> str:
    """An accuracy as the articles write it: .97"""
    return f"{value:.{digits}f}".removeprefix("0")


def upward(value: float) -> float:
    """A difference of which the sentence says the direction: never negative."""
    if value < 0:
        raise TurnedError(f"the difference {value:.4g} is negative, and the sentence says otherwise")
    return value


def points(value: float, digits: int = 1) -> str:
    """A difference of accuracies in percentage points, never negative."""
    return f"{upward(value) * 100:.{digits}f}"


def number(value: float, digits: int = 0) -> str:
    """Half a unit of the last digit is rounded up, as a reader would."""
    return f"{Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"


def units(count: float) -> str:
    """ "no unit", "1 unit", "74 units"."""
    whole = int(number(count).replace(",", ""))
    return words.counted(whole, "unit") if whole else "no unit"


def filled(experiments: Mapping[str, Experiment], template: str) -> str:
    """A template with the numbers of the experiments, each by its name."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    environment.filters |= {"share": share, "points": points, "upward": upward, "number": number, "units": units}
    try:
        text = environment.from_string(template).render(experiments, configs=shipped())
    except TurnedError as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next(of.lineno for of in frames if of.filename == "<template>" and of.lineno)
        raise TurnedError(f"line {line} of the template, {template.splitlines()[line - 1]!r}: {error}") from error
    text = PARAGRAPH.sub(lambda of: textwrap.fill(of[0], WIDTH, break_long_words=False, break_on_hyphens=False), text)
    return re.sub(r"\n{3,}", "\n\n", text)


@cache
def shipped() -> list[tuple[str, str, int, str]]:
    """Name, question, number of runs and length of each config in configs/."""
    rows = []
    for path in sorted(CONFIGS.glob("*.yaml")):
        plan = read_plan(path)
        question, mark, _ = plan.experiment.description.partition("?")
        config = plan.runs[0][1].canonical()
        length = (
            words.counted(config["steps"], "step") if "steps" in config else words.counted(config["epochs"], "epoch")
        )
        rows.append((path.stem, question + mark if mark else question.partition(":")[0], len(plan.runs), length))
    return rows


def restored(root: Path) -> dict[str, Experiment]:
    """All that is kept, as run directories in a folder."""
    kept = sorted(path.parent for path in HERE.glob("*/runs.csv"))
    return {folder.name: Experiment(restore(folder, root / folder.name)) for folder in kept}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make docs/gallery.md and docs/experiments.md of what is kept.")
    parser.add_argument("--take", metavar="RESULTS", type=Path, help="take the runs of the named ones from there")
    parser.add_argument("--draw", action="store_true", help="draw the figures of the named experiments again")
    parser.add_argument("names", metavar="NAME", nargs="*", help="experiments")
    of = parser.parse_args()
    for name in of.names if of.take else ():
        keep(of.take / name, HERE / name)
        for label, file, kept in PICTURES.get(name, []):
            shutil.copy(sorted((of.take / name).glob(f"{label}*-seed*/{file}"))[0], HERE / name / kept)
        if title := FILMS.get(name):  # of which no more is kept than this
            figures = comparison_figures(Experiment(of.take / name).compared(), title)
            with Image.open(BytesIO(style.png(figures["weight_films"]()))) as picture:  # as PNG it has 2 MB
                picture.convert("RGB").save(HERE / name / "weight_films.webp", quality=70)
    with tempfile.TemporaryDirectory() as folder:
        experiments = restored(Path(folder))
        for template, page in PAGES.items():
            page.write_text(filled(experiments, template.read_text("utf-8")), "utf-8")
        for name, experiment in experiments.items():
            for path, draw in experiment.figures.items():
                if name in of.names or not path.is_file():
                    path.write_bytes(style.png(draw()))


if __name__ == "__main__":
    main()
