"""Numbers and sentences for people. Nothing else in actlab writes them, and nothing reads them back.

Accuracies are written in percent and their differences in points (percentage points); losses and all else with four
significant digits; counts as whole numbers. A minus is ASCII's, also in exponents; `typeset_minus` is for pages.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from actlab.errors import counted as counted
from actlab.spec import labels
from actlab.spec.config import RunConfig
from actlab.spec.groups import differing
from actlab.spec.metrics import higher_is_better
from actlab.spec.where import flat
from actlab.study.measures import is_mean_of_layers

if TYPE_CHECKING:
    from actlab.runs.record import Run
    from actlab.runs.reproduction import Reproduction
    from actlab.spec.claim import Claim
    from actlab.study.claims import ClaimVerdict, Evidence, Study
    from actlab.study.frame import Lack
    from actlab.study.guard import Note
    from actlab.study.judge import Comparison, ConditionResult
    from actlab.study.registration import Registered, Registration, When
    from actlab.study.stats.pairs import Paired

NO_VALUE = "–"
MOST_NAMES, MOST_SEEDS = 6, 8  # that a sentence lists
MOST_MEMBERS = 20  # of a list of a record
BESIDE = "†"  # marks a verdict beside which something stands
MOST_NOTES = 4
MOST_REASON = 80  # characters of why a run failed; run.json has all
LEAST_PLAIN, MOST_PLAIN = 1e-4, 1e7  # sizes between which a number is written without an exponent


def printable(text: Any) -> str:
    """Text from anywhere without characters that could drive a terminal or turn the direction of writing.

    They are spelt out, as in "\\x1b" and "\\u202e". Line feeds stay; tabs become spaces.
    """
    plain = str(text).replace("\t", "    ")
    if plain.replace("\n", "").isprintable():  # nearly always, and a page has megabytes
        return plain
    return "".join(c if c.isprintable() or c == "\n" else _spelt(ord(c)) for c in plain)


def _spelt(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shortened(data: Any) -> Any:
    """Plain data whose lists have a few members, and then how many are left out."""
    if isinstance(data, Mapping):
        return {key: shortened(value) for key, value in data.items()}
    few = isinstance(data, list) and len(data) > MOST_MEMBERS
    return [*data[:MOST_MEMBERS], f"... and {len(data) - MOST_MEMBERS:,} more"] if few else data


# --- numbers ---------------------------------------------------------------------------------------------------


def is_accuracy(metric: str) -> bool:
    """Whether a metric is written in percent, and its differences in points."""
    return metric.endswith("accuracy") or metric == "gap"


class Numbers:
    """Writes numbers that stand beside each other, as those of a column, with the same decimals.

    The largest has four significant digits, of differences three.

    Args:
        metric: what they measure; "" for a plain number.
        values: all of them, which decide on the decimals; NaN and infinity have no say.
        signed: whether to write a plus too, as differences have it.
    """

    def __init__(self, metric: str, values: Iterable[float] = (), signed: bool = False) -> None:
        self.factor = 100.0 if is_accuracy(metric) else 1.0
        sizes = [abs(value * self.factor) for value in values if math.isfinite(value)]
        largest = max(sizes, default=0.0)
        magnitude = math.floor(math.log10(largest)) if largest else 0
        if is_accuracy(metric):
            digits = f".{max(2, -magnitude)}f" if magnitude > -6 else ".1e"
        elif all(size.is_integer() for size in sizes) and largest < MOST_PLAIN:
            digits = ",.0f"
        else:
            digits = f",.{max(0, 2 + (not signed) - magnitude)}f" if LEAST_PLAIN <= largest < MOST_PLAIN else ".3e"
        self.form, self.plain = f"{'+' if signed else ''}z{digits}", f"z{digits}"  # z: no "-0.00"

    def __call__(self, value: float) -> str:
        """The number, without its unit."""
        return NO_VALUE if math.isnan(value) else format(value * self.factor, self.form)

    def spread(self, mean: float, std: float) -> str:
        """ "97.53 ± 0.12"; the mean alone where there is no deviation."""
        return self(mean) if math.isnan(std) else f"{self(mean)} ± {std * self.factor:{self.plain}}"

    def interval(self, low: float, high: float) -> str:
        """ "[97.41, 97.65]"; empty where there is none."""
        return "" if math.isnan(low) else "[{:{f}}, {:{f}}]".format(low * self.factor, high * self.factor, f=self.plain)


def number(value: float, metric: str = "") -> str:
    """One number with its unit: "97.53%", "0.08421", "240"."""
    return Numbers(metric, [value])(value) + ("%" if is_accuracy(metric) and math.isfinite(value) else "")


def difference(value: float, metric: str = "", signed: bool = True) -> str:
    """A difference of two numbers with its unit: "+0.09 points", "-0.0021"."""
    unit = " points" if is_accuracy(metric) and math.isfinite(value) else ""
    return Numbers(metric, [value], signed)(value) + unit


def interval(low: float, high: float, metric: str = "", signed: bool = False) -> str:
    """ "97.41% to 97.65%", "+0.02 to +0.16 points" where signed; empty where there is none."""
    if math.isnan(low):
        return ""
    write = Numbers(metric, [low, high], signed)
    unit = ("" if not is_accuracy(metric) else " points" if signed else "%") if math.isfinite(high - low) else ""
    return f"{write(low)}{unit if unit == '%' else ''} to {write(high)}{unit}"


def heading(metric: str, of_survivors: bool = False) -> str:
    """A metric as the heading of a column of numbers: "val_accuracy (%)"."""
    return f"{metric}{' of survivors' * of_survivors}{' (%)' * is_accuracy(metric)}"


def p_number(p: float) -> str:
    """A p as a cell of a table: "0.016", "< 0.001"; with more digits where three would carry it over 0.05."""
    if math.isnan(p):
        return NO_VALUE
    if p < 0.001:
        return "< 0.001"
    return next(text for digits in range(3, 18) if (float(text := f"{p:.{digits}f}") < 0.05) == (p < 0.05))


def p_value(p: float) -> str:
    """A p in a sentence: "p = 0.016", "p < 0.001"."""
    return f"p {p_number(p)}" if p < 0.001 else f"p = {p_number(p)}"


def typeset_minus(text: str) -> str:
    """A text whose negative numbers have the sign that is as wide as a plus; hyphens and exponents stay."""
    return re.sub(r"(?<![\w.)\-])-(?=[\d.∞])", "−", text)


# --- words -----------------------------------------------------------------------------------------------------


def tested(runs: Iterable[Run]) -> bool:
    """Whether all runs validated on the test images, so that what they call validation is a test."""
    parts = [run.config.get("dataset") for run in runs]
    return bool(parts) and all(isinstance(part, Mapping) and part.get("validation") == "test" for part in parts)


def stand_in(data: Mapping[str, Any]) -> str:
    """What every figure says of a run on a stand-in, of which a record states name and `stand_in_for`; else empty."""
    real = data.get("stand_in_for")
    return f"{data.get('name')}: a rendered stand-in, NOT {real}" if real else ""


def metric_name(metric: str, on_test: bool = False) -> str:
    """ "val_accuracy" as "validation accuracy", or "test accuracy" where validation was done on the test images."""
    layer, _, column = metric.rpartition(".")
    name = column.replace("val_", "test " if on_test else "validation ").replace("_", " ")
    return f"{name} of {layer}" if layer and layer != "*" else name


def moment(at: str) -> str:
    """When a metric is taken: "at the last evaluation", "at epoch 3"."""
    named = {
        "last": "at the last evaluation", "best-validation": "at the best validation",
        "area": "as mean over the steps", "max": "at its largest", "min": "at its smallest",
        "mean": "as mean over the evaluations",
    }  # fmt: skip
    return named.get(at, f"at {at}")


def together(groups: Sequence[Sequence[RunConfig]]) -> list[str]:
    """What is trained together, a line a group: "20 runs of relu (seed, learning_rate)", the largest first.

    None where every run is alone.
    """
    if all(len(of) == 1 for of in groups):
        return []
    inner = list(map(differing, groups))
    firsts = [flat(of[0].canonical()) for of in groups]
    for first, keys in zip(firsts, inner, strict=True):
        for key in [key for key in first if key in keys or key.partition(".")[0] in keys]:
            del first[key]
    names = []
    for first in firsts:
        pieces = []
        for key, value in first.items():
            name = f"{key.partition('.')[0]}.name"
            beside = [of.get(key) for of in firsts if key == name or of.get(name) == first.get(name)]
            if any(other != value for other in beside) and key != "seed":
                pieces.append(str(value) if key == name else f"{key.rpartition('.')[2]}={labels.text(value)}")
        names.append(" ".join(pieces) or first["activation.name"])
    of_keys = [f" ({', '.join(key.rpartition('.')[2] for key in keys)})" if keys else "" for keys in inner]
    lines = [
        f"{counted(len(of), 'run')} of {name}{keys}" for of, name, keys in zip(groups, names, of_keys, strict=True)
    ]
    return [lines[place] for place in sorted(range(len(groups)), key=lambda place: -len(groups[place]))]


def file_size(count: int) -> str:
    """Bytes as a person says them: 12 kB, 365 MB, 1.2 GB; less than a kilobyte is 1."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:,.0f} MB" if count >= 1e6 else f"{math.ceil(count / 1e3)} kB"


def class_names(dataset: Mapping[str, Any], classes: int) -> list[str]:
    """What the classes of a dataset are called, by its record: the labels of own data, known names, or numbers."""
    from actlab.parts.datasets import DATASETS

    name, labels = dataset.get("name"), dataset.get("labels")
    known = DATASETS.get(name).facts.class_names if name in DATASETS.names() else ()
    named = labels if isinstance(labels, list) else known
    return [printable(str(label)) for label in named] if len(named) == classes else list(map(str, range(classes)))


def listed(names: Iterable[Any]) -> str:
    """ "a, b and c"."""
    *first, last = [*map(str, names)] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def few(names: Sequence[str]) -> str:
    """Names, of many the first few: "a, b, c, d, e and 12 more"."""
    if len(names) <= MOST_NAMES:
        return listed(names)
    return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"


def seeds(of: Sequence[int]) -> str:
    """ "seed 3", "seeds 0 to 9", "seeds 1, 2 and 5"; of many scattered ones the first few."""
    if len(of) == 1:
        return f"seed {of[0]}"
    if len(of) > 2 and list(of) == list(range(of[0], of[0] + len(of))):
        return f"seeds {of[0]} to {of[-1]}"
    return f"seeds {listed(of if len(of) <= MOST_SEEDS else [*of[:MOST_SEEDS], f'{len(of) - MOST_SEEDS} more'])}"


def seeds_each(counts: Sequence[int]) -> str:
    """ "n = 9 seeds each", or "n = 3 to 9 seeds"."""
    low, high = min(counts), max(counts)
    return f"n = {counted(low, 'seed')} each" if low == high else f"n = {low} to {high} seeds"


def not_drawn(error: Exception) -> str:
    """Why a figure is missing: "not drawn: no font file (FileNotFoundError); the next call tries again"."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")
    return f"not drawn: {first[:200]} ({type(error).__name__}); the next call tries again"


# --- what a comparison says --------------------------------------------------------------------------------------


def verdict_text(result: ConditionResult) -> str:
    """All that is established: "better", "indicated worse (n = 4)", "worse, diverges more often (p = 0.016)"."""
    n = f" (n = {result.pairs.n})" if result.pairs and result.verdict.startswith("indicated") else ""
    p = f" ({p_value(result.divergence.p)})" if result.divergence else ""
    return ", ".join(f"{one}{n if one == result.verdict else p}" for one in result.verdicts)


def sentence(comparison: Comparison) -> str:
    """The answer: "prelu is better than relu by 0.09 points of validation accuracy; 6 of 9 are worse; ..."."""
    judged = [result for result in comparison.results if result.baseline and result.verdict in result.verdicts]
    numbers = [_on_metric(comparison, judged)] if judged or not comparison.baselines else []
    lost = any(any(of.diverged.values()) for one in judged for of in (one, comparison[one.baseline]))
    established, besides = _on_divergence(comparison)
    of = "of the survivors: " if lost and established else ""
    return "; ".join([*established, *(f"{of}{text}" for text in numbers), *besides])


def _on_divergence(comparison: Comparison) -> tuple[list[str], list[str]]:
    """Who diverges more or less often than what it is held against; and who else diverged at all."""
    base, texts, known = baseline_name(comparison), list[str](), set[str]()
    for word in ("more", "less"):
        found = [r for r in comparison.results if r.divergence and r.divergence.verdict == f"diverges {word} often"]
        ends = [result.divergence for result in found if result.divergence]
        if len(found) == 1:
            (end,) = ends
            seen = f"{ratio(end.mine)} seeds against {ratio(end.theirs)}, {p_value(end.p)}"
            texts.append(f"{_called(found[0], comparison)} diverges {word} often than {base} ({seen})")
        elif found:
            worst = p_value(max(end.p for end in ends)).replace("=", "≤")
            texts.append(f"{few([_called(r, comparison) for r in found])} diverge {word} often than {base} ({worst})")
        known |= {name for result in found for name in (result.name, result.baseline)}
    rest = [r for r in comparison.results if any(r.diverged.values()) and r.name not in known]
    rates = [f"{result.short} diverged at {ratio(result.diverged_of)} seeds" for result in rest]
    return texts, [few(rates)] if rest else []


def ratio(of: tuple[int, int]) -> str:
    """ "7 of 8"."""
    return f"{of[0]} of {of[1]}"


def diverged(result: ConditionResult) -> str:
    """At how many seeds a condition diverged, and the p of that: "7 of 8 (p = 0.016)"."""
    known = result.divergence is not None and not math.isnan(result.divergence.p)
    return ratio(result.diverged_of) + (f" ({p_value(result.divergence.p)})" if known and result.divergence else "")


def _called(result: ConditionResult, comparison: Comparison) -> str:
    """What it does not share with the one baseline of all; of several baselines its whole name."""
    if len(comparison.baselines) != 1:
        return result.short
    theirs = comparison[result.baseline].keys
    own = [part for column, part in result.called.items() if result.keys[column] != theirs[column]]
    return " ".join(own) or result.short


def _on_metric(comparison: Comparison, judged: Sequence[ConditionResult]) -> str:
    """What the numbers of the metric say."""
    metric, base = comparison.metric, baseline_name(comparison)
    if not judged:
        return _level(comparison)

    def called(result: ConditionResult) -> str:
        return _called(result, comparison)

    def by(result: ConditionResult) -> str:
        distance = result.pairs.difference if result.pairs else math.nan
        of = "" if metric.endswith("_units") else "of "  # 3 dead units, but 3 points of accuracy
        return f"{difference(abs(distance), metric, signed=False)} {of}{metric_name(metric, tested(comparison.runs))}"

    if len(judged) == 1:
        (result,) = judged
        if result.verdict != "not established":
            few_pairs = f", n = {result.pairs.n}" if result.pairs and "indicated" in result.verdict else ""
            return f"{called(result)} is {result.verdict} than {base} by {by(result)}{few_pairs}"
        seen = f" ({difference(result.pairs.difference, metric)})" if result.pairs and result.pairs.n else ""
        return f"no difference between {called(result)} and {base} is established{seen}{_why_none(judged)}"
    found: dict[str, list[ConditionResult]] = {}
    for result in judged:
        found.setdefault(result.verdict, []).append(result)
    guesses = {note.about[0] for one in judged for note in one.beside if note.kind == "gap of a guess"}
    best = sorted(
        found.pop("better", []),
        key=lambda result: (result.name in guesses, -abs(result.pairs.difference) if result.pairs else 0.0),
    )
    if len(found.get("worse", [])) == len(judged):
        return f"all {len(judged)} conditions are worse than {base}"
    if len(found.get("not established", [])) == len(judged):
        return f"no difference from {base} is established for {len(judged)} conditions{_why_none(judged)}"
    if not best:
        parts = [f"none of {len(judged)} conditions is established as better than {base}"]
    elif len(best) == 1:
        parts = [f"{called(best[0])} is better than {base} by {by(best[0])}"]
    else:
        who = f"{len(best)} of {len(judged)}" if len(best) < len(judged) else f"all {len(best)}"
        who = listed(list(map(called, best))) if len(best) == 2 else who
        parts = [f"{who} are better than {base}, {called(best[0])} most, by {by(best[0])}"]
    if guess := [called(result) for result in best if result.name in guesses]:
        parts[0] += f" ({few(guess)} {'is' if len(guess) == 1 else 'are'} not told from chance)"
    for verdict in ("indicated better", "worse", "indicated worse", "not established"):
        if some := found.get(verdict):
            of_all = f" of {len(judged)}" if len(best) in (1, 2) and len(parts) == 1 else ""
            who = f"{called(some[0])} is" if len(some) == 1 else f"{len(some)}{of_all} are"
            text = f"{'all are' if len(some) == len(judged) else who} {verdict}"
            parts.append(text + (_why_none(some) if verdict == "not established" else ""))
    return "; ".join(parts)


def _why_none(results: Sequence[ConditionResult]) -> str:
    """Where seeds are what is missing for all of them, how many there are and how many would do; or that all guess."""
    reasons = [result.reason for result in results]
    if all(reason is not None and reason.kind == "both at chance" for reason in reasons):
        sure = all(reason.facts["sure"] for reason in reasons if reason)
        return f": {'at chance level' if sure else 'not told from chance'} on both sides"
    if not all(reason is not None and reason.kind == "too few pairs" for reason in reasons):
        return ""
    pairs = max(result.pairs.n for result in results if result.pairs)
    needed = min(reason.facts["needed"] for reason in reasons if reason is not None)
    return f": {counted(pairs, 'seed')} {'is' if pairs == 1 else 'are'} too few, {needed} might do"


def _guessing(fact: Mapping[str, Any]) -> str:
    """What is known of who is no better than chance: "at chance level (10.00%, 1 of 10 classes)"."""
    level = f"{number(fact['chance'], 'accuracy')}, 1 of {1 / fact['chance']:.0f} classes"
    if fact["sure"]:
        return f"at chance level ({level})"
    return f"not told from chance ({level}; on so few images up to {number(fact['limit'], 'accuracy')} may be luck)"


def _level(comparison: Comparison) -> str:
    """The answer where nothing is compared: what was reached, and by which condition most."""
    known = [result for result in comparison.results if result.summary.n]
    if not known:
        return f"no finished run has {comparison.metric} {moment(comparison.at)}"
    choose = max if higher_is_better(comparison.metric) else min
    best = choose(known, key=lambda result: result.summary.mean)
    of = f"{metric_name(comparison.metric, tested(comparison.runs))} of {number(best.summary.mean, comparison.metric)}"
    rest = "" if len(known) == 1 else f", the best of {counted(len(known), 'condition')}; nothing is compared"
    return f"{best.short}: {of}, mean of {counted(best.summary.n, 'seed')}{rest}"


def baseline_name(comparison: Comparison) -> str:
    """What conditions are held against; of several baselines what they have in common: "relu at the same model"."""
    names = comparison.baselines
    if len(names) == 1:
        return comparison[names[0]].short
    keys = [comparison[name].keys for name in names]
    common = [column for column in comparison.differs if len({of[column] for of in keys}) == 1]
    others = [column.rpartition(".")[2] for column in comparison.differs if column not in common]
    value = " ".join(keys[0][column] if "." not in column else f"{column}={keys[0][column]}" for column in common)
    return f"{value} at the same {listed(others)}".strip()


def evidence(pairs: Paired, p: float, family: int, metric: str) -> str:
    """The numbers of a comparison: "+0.09 points over 6 pairs (95% interval ...), p = 0.016 among 9"."""
    text = f"{difference(pairs.difference, metric)} over {counted(pairs.n, 'pair')}"
    if not math.isnan(pairs.low):
        text += f" (95% interval {interval(pairs.low, pairs.high, metric, signed=True)})"
    if math.isnan(p):
        return text
    return f"{text}, {p_value(p)}" + (f" among {family} comparisons" if family > 1 else "")


def reason(result: ConditionResult, comparison: Comparison) -> str:
    """Why the verdict on a condition is what it is, with its numbers; empty where there is none."""
    if result.reason is None:
        return ""
    numbers = [evidence(result.pairs, result.p, result.family, comparison.metric)] if result.pairs else []
    return "; ".join(filter(None, [*numbers, note(result.reason, comparison.metric)]))


def ended(status: str, reason: str, most: int = MOST_REASON) -> str:
    """How a training ended, and why: "diverged (loss is not finite at step 300)"."""
    short = " ".join(reason.split())
    short = short if len(short) <= most else f"{short[: most - 3]}..."
    return f"{status} ({short})" if short else status


def lack(why: Lack) -> str:
    """Why a seed has no number."""
    text = ended(why.status, why.reason)
    return text if why.of == 1 else f"{why.runs} of its {why.of} runs {text}"


def ends(runs: Sequence[Run]) -> list[str]:
    """Why runs are not done, with the names of those that ended alike."""
    alike: dict[str, list[str]] = {}
    for run in runs:
        if reason := run.record.get("reason"):
            why = ended(run.status, str(reason), 5 * MOST_REASON)  # with its remedy
            alike.setdefault(why, []).append(run.path.name)
    return [f"{why}: {few(names)}" for why, names in alike.items()]


def caption(comparison: Comparison) -> str:
    """What stands in the columns of the table."""
    survived = " that did not diverge (the survivors)" if comparison.diverged else ""
    text = f"{listed(comparison.metrics)} {moment(comparison.at)}: mean ± standard deviation over n seeds{survived}"
    if pooled := [metric for metric in comparison.metrics if is_mean_of_layers(comparison.runs, metric)]:
        text += f"; {listed(pooled)}: of a network, the mean over its layers"
    if comparison.baselines:
        way = "higher" if higher_is_better(comparison.metric) else "lower"
        text += (
            f"; difference from {baseline_name(comparison)}, paired by seed, with its 95% t interval ({way} is better)"
        )
        families = {result.test: result.family for result in comparison.results}
        many, few_pairs = families.get("sign flips", 0), families.get("Student's t", 0)
        text += f"; p: over all {counted(many, 'comparison')} jointly" if many > 1 else ""
        if few_pairs:
            among = f", by Holm over {few_pairs}" if few_pairs > 1 else ""
            text += f"; p of 3 to 5 pairs: Student's t{among}, which believes in normal differences"
        if comparison.diverged:
            family = max((r.divergence.family for r in comparison.results if r.divergence), default=0)
            text += "; p of diverged: McNemar's exact test, by seed"
            text += f", over all {counted(family, 'comparison')} jointly" if family > 1 else ""
    if comparison.reach:
        metric, level = comparison.reach.split(" ")
        way = "at least" if higher_is_better(metric) else "at most"
        text += f"; epochs (seconds with --wide) until {metric} was first {way} {level}, where all seeds came there"
    return text


def notes(comparison: Comparison, every: bool = False) -> tuple[list[str], int]:
    """What a reader must know, the most important first, and how many lines are left out.

    Args:
        every: all notes, and why verdicts are not established; else at most MOST_NOTES: those that change how a number
            is read, and what the mark of a verdict means.
    """
    metric = comparison.metric
    beside: dict[str, list[str]] = {}
    reasons: dict[tuple[str, str], list[str]] = {}
    for result in comparison.results:
        for one in result.beside:
            beside.setdefault(note(one, metric), []).append(result.name)
        if result.reason and (text := note(result.reason, metric)):
            reasons.setdefault((result.verdict, text), []).append(result.name)
    lines = [f"note: {note(one, metric)}" for one in comparison.notes if one.changes_reading]
    lines += [f"{BESIDE} {few(names)}: {text}" for text, names in beside.items()]
    most = len(lines) if every else min(MOST_NOTES, len(lines))
    lines += [f"{verdict}: {few(names)}: {text}" for (verdict, text), names in reasons.items()]
    lines += [f"note: {note(one, metric)}" for one in comparison.notes if not one.changes_reading]
    return (lines, 0) if every else (lines[:most], len(lines) - most)


def note(of: Note, metric: str = "") -> str:
    """The sentence of a note; numbers among its facts are of the metric.

    Raises:
        KeyError: a fact is missing.
    """
    who, fact = few(of.about), of.facts

    def pairs() -> str:
        return f" in {fact['pairs']} of {fact['of']} pairs" if fact["pairs"] < fact["of"] else ""

    def more(text: str, needed: int | None = None) -> str:
        return f"{text}; {counted(needed, 'pair')} would show a difference of this size" if needed else text

    match of.kind:
        # on a table
        case "stand-in":
            otherwise = f"; there it would be {fact['verdict']}" if "verdict" in fact else ""
            return f"trained on {fact['dataset']}, a rendered stand-in: says nothing about {fact['real']}{otherwise}"
        case "chosen on test":
            how = "trainings were stopped" if fact["by"] == "early stopping" else "the epoch was chosen"
            remedy = "" if fact["by"] == "early stopping" else "; --at last is fixed in advance"
            return f"{how} by the test images, so these numbers are too good{remedy}"
        case "validated on test":
            return "val_accuracy and val_loss are those of the test images; nothing was chosen by them"
        case "taken at its best":
            return f"{listed(fact['metrics'])}: taken where it is best in each run, and so too good by itself"
        case "kept apart":
            return f"runs of {who} are on different data, and are never averaged: {listed(fact['data'])}"
        case "taken on others":
            where = listed([f"of {few(names)} on {images} images" for images, names in fact["images"].items()])
            return f"{fact['metric']} is {where}: its difference is none of networks"
        case "damaged":
            return f"{fact['path']}: {fact['problem']}"
        case "not asked for":
            ask = "does not ask for: it is" if len(fact["runs"]) == 1 else "does not ask for: they are"
            return f"{counted(len(fact['runs']), 'run')} that {fact['path']} {ask} compared too: {few(fact['runs'])}"
        case "not begun" if of.about:
            return f"{who}: {counted(fact['runs'], 'run')} not begun"
        case "not begun":
            hold = "1 folder holds" if len(fact["runs"]) == 1 else f"{len(fact['runs'])} folders hold"
            return f"{hold} no run.json: not begun, or ended before the first record: {few(fact['runs'])}"
        case "no plan":
            return f"{fact['problem'].splitlines()[0]}; so which runs it asks for is not known"
        case "one seed":
            return f"{who}: one seed has no spread; a difference between single seeds may be luck"
        case "seeds left out":
            diverged = fact["lack"].status == "diverged"
            survivors = "its numbers are those of the survivors" if fact["left"] else "none survived"
            left = survivors if diverged else "left out of the mean and of the pairs"
            return f"{who}: {seeds(fact['seeds'])} {lack(fact['lack'])}; {left}"
        case "skewed":
            means = [
                f"{name} ({difference(of_pair['mean'], metric)}; {difference(of_pair['without'], metric)} without seed "
                f"{of_pair['seed']})"
                for name, of_pair in fact["pairs"].items()
            ]
            return f"skewed differences, on which sign flips err: {few(means)}; that others look even may be luck"
        case "at chance":
            seeds_of = "at every surviving seed" if fact["survivors"] else "at every seed"
            return f"{who}: {_guessing(fact)} {seeds_of}{': not learned' if fact['sure'] else ''}"
        case "mean of runs":
            over = f" over {listed(fact['keys'])}" if fact["keys"] else ""
            return f"{who}: a seed's value is the mean of its {fact['runs']} runs{over}"
        case "seeds without a run":
            return f"{who}: no run of {seeds(fact['seeds'])}, which {fact['baseline']} has; no pairs of these"
        case "seeds without a pair":
            return f"{who}: {seeds(fact['seeds'])} without a run of {fact['baseline']}; no pairs of these"
        case "compared with nothing":
            return f"{who}: compared with nothing, since no condition differs in {listed(fact['axis'])} alone"
        case "standard error":
            those = "examples" if fact.get("vectors") else "images"
            of_images = f"{fact['metric']} of {number(fact['accuracy'], fact['metric'])} on {fact['images']:,} {those}"
            return f"{difference(fact['error'], fact['metric'], signed=False)} is the standard error of a {of_images}"
        case "uncommitted changes":
            how_many = f"{fact['runs']} of {counted(fact['of'], 'run')}"
            return f"{how_many} were trained by code with uncommitted changes: which, nobody can tell"
        case "pooled":
            facts = [f"{name} {_some(values)}" for name, values in fact["facts"].items()]
            return f"{who}: seeds trained with different {listed(facts)}"
        case "counted once":
            return f"{fact['path']} is the same run as {fact['same_as']}; it counts once"
        # why a verdict is what it is
        case "established":
            return ""
        case "no pairs":
            return f"no seed has a number in both conditions; {counted(fact['needed'], 'pair')} would do"
        case "both at chance":
            return f"both are {_guessing(fact)}{': neither has learned' if fact['sure'] else ''}"
        case "no difference":
            return "every difference is exactly 0"
        case "too few pairs":
            floor = p_value(fact["smallest_p"]).replace("p = ", "by sign flips p can be no smaller than ")
            return f"too few seeds: {floor}; {counted(fact['needed'], 'pair')} would do"
        case "p too large":
            return more(f"p is not under {fact['alpha']:g}", fact["needed"])
        case "interval holds 0":
            return more(f"the interval holds {number(fact.get('end', 0.0))}", fact["needed"])
        case "other data":
            return f"numbers on different data: {_some(fact['mine'])} against {_some(fact['theirs'])}"
        case "winner lost seeds":
            lost = [
                f"{len(of_status)} of {counted(fact['seeds'], 'seed')} {s}" for s, of_status in fact["lost"].items()
            ]
            return f"{listed(lost)} of {fact['winner']}; without these it would be {fact['verdict']}"
        # what stands beside it
        case "differs in config":
            return f"{fact['column']} {_some(fact['mine'])} against {_some(fact['theirs'])}"
        case "differs in fact":
            if fact["mine"] == fact["theirs"]:
                return f"{fact['fact']} {_some(fact['mine'])} on both sides, which may not be the same{pairs()}"
            return f"{fact['fact']} {_some(fact['mine'])} against {_some(fact['theirs'])}{pairs()}"
        case "other initial weights":
            return f"other initial weights{pairs()}"
        case "stopped early":
            sides = [f"{_epochs(fact[s])}{_EARLY[fact[f'{s}_early']]}" for s in ("mine", "theirs")]
            return f"ended at {sides[0]} against {sides[1]}{pairs()}"
        case "alike seeds":
            groups = listed([seeds(group) for group in fact["seeds"]])
            return f"{groups} of {fact['condition']} began with the same weights, and are no independent trials"
        case "rests without":
            return f"without {seeds(fact['seeds'])} of {fact['condition']} ({lack(fact['lack'])})"
        case "gap of a guess":
            return f"{who} {'is' if len(of.about) == 1 else 'are'} {_guessing(fact)}: no gap where nothing is learned"
        # why a claim is supported, refuted or undecided
        case "interval inside" | "interval outside" | "at every seed":
            return ""
        case "interval across":
            return "the interval reaches both sides"
        case "no interval":
            return "a single seed has no interval; 2 would have one"
        case "no number":
            return "no seed has a number"
        case "lack leaves it open":
            return "a seed without a number leaves it open"
        case "not at every seed":
            return f"not so at {by_seed(fact['values'], metric, fact['differences'])}"
        case "no such run":
            return "the file asks for no run that is as `of` says"
        case "no counterpart":
            return "no run of the file differs from these in the other condition alone"
        case "diverged":
            ends = fact["divergence"]
            rates = f"{of.about[0]} diverged at {ratio(ends.mine)} seeds, {of.about[1]} at {ratio(ends.theirs)}"
            if math.isnan(ends.p):
                return rates
            return f"{rates}; {ends.verdict or 'no difference is established'} ({p_value(ends.p)})"
        case "differs in more":
            return f"{listed(of.about)} differ in more than {fact['keys'][0]}: {'; '.join(map(note, fact['notes']))}"


_EARLY = {"all": " by early stopping", "some": ", some by early stopping", "none": ""}


def _some(values: Any) -> str:
    """A value, or the first few of several."""
    several = [values] if isinstance(values, str) else list(map(str, values))
    return few([value or '""' for value in several])


def _epochs(epochs: Sequence[float]) -> str:
    first, last = min(epochs), max(epochs)
    return f"epoch {first:g}" if first == last else f"epochs {first:g} to {last:g}"


def by_seed(values: Mapping[int, float], metric: str = "", signed: bool = False) -> str:
    """ "seeds 0 to 2: 97.1%, 96.8%, 97.0%"; one number where all are alike."""
    write = Numbers(metric, values.values(), signed)
    texts = list(map(write, values.values()))
    unit = "" if not is_accuracy(metric) else " points" if signed else "%"
    alike = len(texts) > 1 and len(set(texts)) == 1
    return f"{seeds(list(values))}: {f'each {texts[0]}' if alike else ', '.join(texts)}{unit}"


def reproduction(found: Reproduction) -> list[str]:
    """What came out when a run was trained again."""
    if found.outcome != "done":
        return [f"the second training ended otherwise: {found.outcome}"]
    lines = [f"{name}: {'the same bytes' if same else 'DIFFERS'}" for name, same in found.files.items()]
    if found.parts_at:
        row, first, second = found.parts_at
        lines += [f"history.csv parts at line {row}:", f"  then {first}", f"  now  {second}"]
    differing = dict(found.environment)
    if group := differing.pop("together.runs", None):
        then, now = (", then of ".join(map(str, sizes or [1])) for sizes in group)
        lines.append(f"trained in a group of {then}, now of {now}: JAX rounds by the size of a group")
    lines += [f"differs: {name}: then {then}, now {now}" for name, (then, now) in differing.items()]
    return [*lines, "reproduced" if found.same else "not reproduced"]


# --- what claims say -------------------------------------------------------------------------------------------------


def claim_lines(verdict: ClaimVerdict) -> list[str]:
    """The evidence for a claim, a sentence each, and its notes; the verdict of each where they are not of one mind."""
    several = len({one.verdict for one in verdict.evidence}) > 1
    metric = verdict.claim.metric
    found = [(f"{one.verdict} for " if several else "") + claim_evidence(one, metric) for one in verdict.evidence]
    return [*found, *(f"note: {note(of, metric)}" for of in verdict.notes)]


def claim_evidence(of: Evidence, metric: str) -> str:
    """What the runs say of a claim for one condition, or a pair: "relu: 97.1% (95% interval ...), n = 6; ..."."""
    pair = bool(of.other)
    texts = [claim_numbers(of, metric), note(of.reason, metric), *claim_lacking(of)]
    name = of.condition or "no run"
    return f"{name}{f' against {of.other}' if pair else ''}: {'; '.join(filter(None, texts))}"


def claim_numbers(of: Evidence, metric: str) -> str:
    """The numbers that the evidence rests on; empty where there are none."""
    estimate = of.estimate
    if not of.values:
        return ""
    if of.reason.kind == "not at every seed":
        return f"{len(of.reason.facts['values'])} of {counted(len(of.values), 'seed')}"
    if estimate is None:
        only = len(of.values) == 1 and of.reason.kind == "at every seed"
        return by_seed(of.values, metric, signed=bool(of.other)) + " (the only seed, others may differ)" * only
    if of.other:
        return evidence(estimate, of.p, of.family, metric)  # type: ignore[arg-type]
    text = f"mean {number(estimate.mean, metric)}"  # type: ignore[union-attr]
    if not math.isnan(estimate.low):
        text += f" (95% interval {interval(estimate.low, estimate.high, metric)}), n = {estimate.n}"
    return f"{text}; {by_seed(of.values, metric)}"


def claim_lacking(of: Evidence) -> list[str]:
    """The seeds that have no number, and why: "relu without seed 3 (diverged)"."""
    alike: dict[tuple[str, Lack], list[int]] = {}
    for (name, seed), why in of.lacking.items():
        alike.setdefault((name, why), []).append(seed)
    return [f"{name} without {seeds(some)} ({lack(why)})" for (name, why), some in alike.items()]


def claim_exactly(claim: Claim) -> str:
    """The sentence of a claim; where it has a margin, with all that is tested: "... (tested: 0.09 to 0.21)"."""
    from actlab.spec.claim import number as four_digits
    from actlab.study.claims import region

    if not claim.margin:
        return str(claim)
    asked, of = region(claim), "a difference of " * bool(claim.relation.other)
    low, high = (four_digits(end) if math.isfinite(end) else "" for end in (asked.low, asked.high))
    end = ("more than " if low else "less than ") if asked.open else ("at least " if low else "at most ")
    tested = f"{low} to {high}" if low and high else f"{end}{low or high}"
    return f"{claim} (tested: {'outside ' * (claim.relation.sign == '!=')}{of}{tested})"


WRITTEN: dict[When, str] = {
    "before the first run": "registered", "before the deciding seeds": "registered", "after the results": "written",
}  # fmt: skip


def when_registered(of: Registration) -> str:
    """ "registered before the first run", when that was, and which runs were dropped; where it is not known only these.

    That it is not known a note says of all claims.
    """
    gone = f"{_dropped(of)}: {few(of.dropped)}" if of.dropped else ""
    more = (
        f"{counted(of.added, 'seed')} {'was' if of.added == 1 else 'were'} added after the first verdict"
        if of.added
        else ""
    )
    fixed = f"{more}: p and interval count on seeds that were fixed before" if more else ""
    return "; ".join(filter(None, [_when(of), gone, fixed]))


def _when(of: Registration) -> str:
    if of.when == "unknown":
        return ""
    text, at = f"{WRITTEN[of.when]} {of.when}", _utc(of.time) if of.time else "no `actlab run` has registered it"
    if of.when == "after the results":
        if not of.seen:
            return f"{text} of runs that the file asks for no more: {at}"
        there = f"{of.seen} of the {counted(of.of, 'result')} that decide it"
        return f"{text}: {there} {'had begun by' if of.time else 'have begun, and'} {at}"
    return f"{text}, {at}" + ": others had begun, none of these" * (of.when == "before the deciding seeds")


def _dropped(of: Registration) -> str:
    return (
        f"{counted(len(of.dropped), 'run')} that had begun {'is' if len(of.dropped) == 1 else 'are'} asked for no more"
    )


def registration_headline(of: Registration) -> str:
    """What of the registration stands beside the verdict; empty where nothing speaks against it."""
    after = f"written {of.when}" if of.when == "after the results" else ""
    return ", ".join(filter(None, [after, _dropped(of) if of.dropped else ""]))


def _utc(time: str) -> str:
    """ "2026-11-27 21:10 UTC"."""
    return f"{time[:10]} {time[11:16]} UTC"


def registration_lines(of: Registration, claim: Claim) -> list[str]:
    """When a claim was registered, and what of it was stated otherwise before."""
    from actlab.study.registration import identity

    lines = [text] if (text := when_registered(of)) else []
    for one in of.earlier:
        says = [f"“{one.claim.says}”"] if one.claim.says and one.claim.says != claim.says else []
        exactly = [claim_exactly(one.claim)] if not says or identity(one.claim) != identity(claim) else []
        lines.append(f"before that, {_utc(one.time)}, which is {one.verdict}: {': '.join([*says, *exactly])}")
    return lines


def registered_notes(registered: Registered) -> list[str]:
    """What a reader must know of the register of an experiment, and what was claimed once."""
    problems = list(registered.problems)
    if not problems and any(of.when == "unknown" for of in registered.claims):
        problems = ["the runs are older than the register of claims"]
    lines = [f"when the claims were written is not known: {few(problems)}"] if problems else []
    for one in registered.withdrawn:
        says = f"“{one.claim.says}”: " if one.claim.says else ""
        once = f"claimed once, {_utc(one.time)}, and not any more, which is {one.verdict}"
        lines.append(f"{once}: {says}{claim_exactly(one.claim)}")
    return lines


def registered_counts(registered: Sequence[Registered]) -> str:
    """ "2 registered before the first run, 1 written after the results"; empty where nothing is known."""
    found = Counter((of.when, bool(of.dropped)) for one in registered for of in one.claims)
    return ", ".join(
        f"{found[when, dropped]} {word} {when}{', but runs that had begun are asked for no more' * dropped}"
        for when, word in WRITTEN.items() for dropped in (False, True) if found[when, dropped]
    )  # fmt: skip


def study_notes(study: Study) -> list[str]:
    """What a reader must know of the folder whose claims are judged."""
    lines = [f"passed over: {text}" for text in study.passed_over]
    if study.others:
        are = f"{counted(len(study.others), 'run')} {'is' if len(study.others) == 1 else 'are'}"
        names = few([run.path.name for run in study.others])
        lines.append(f"{are} not among those that {study.source} asks for, or there twice: {names}")
    return lines
