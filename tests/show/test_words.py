"""Numbers and sentences as people read them."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actlab.show import words
from actlab.show.words import Numbers
from actlab.spec.config import RunConfig
from actlab.study.frame import Lack
from actlab.study.guard import Chance, Note, NoteKind
from actlab.study.judge import Comparison, ConditionResult, Divergence
from actlab.study.stats.pairs import paired
from actlab.study.stats.summaries import summary

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (0.9753, "val_accuracy", "97.53%"), (1.0, "test_accuracy", "100.00%"), (0.08421, "val_loss", "0.08421"),
        (2.302585, "loss", "2.303"), (240.0, "dead_units", "240"), (12.25, "dense.dead_units", "12.25"),
        (203530.0, "", "203,530"), (1e-5, "loss", "1.000e-05"), (0.0, "loss", "0"), (NAN, "accuracy", "–"),
        (math.inf, "accuracy", "inf"), (-0.0, "loss", "0"), (1e-9, "accuracy", "1.0e-07%"), (1.5e9, "", "1.500e+09"),
    ],
)  # fmt: skip
def test_a_number_has_the_digits_and_the_unit_that_people_give_it(value: float, metric: str, text: str) -> None:
    assert words.number(value, metric) == text


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (0.0009, "val_accuracy", "+0.09 points"), (-0.0123, "accuracy", "-1.23 points"),
        (0.00002, "accuracy", "+0.002 points"),
        (-0.0021, "val_loss", "-0.00210"), (3.0, "dead_units", "+3"), (NAN, "accuracy", "–"),
    ],
)  # fmt: skip
def test_differences_of_accuracies_are_points(value: float, metric: str, text: str) -> None:
    assert words.difference(value, metric) == text


def test_numbers_of_a_column_have_the_same_decimals() -> None:
    write = Numbers("val_loss", [0.0842, 0.1, NAN])
    assert [write(value) for value in (0.0842, 0.1, NAN)] == ["0.0842", "0.1000", "–"]
    write = Numbers("val_accuracy", [0.97531])
    assert write.spread(0.97531, 0.00123) == "97.53 ± 0.12"
    assert write.spread(0.97531, NAN) == "97.53"
    assert write.interval(0.9, 0.98) == "[90.00, 98.00]"
    assert write.interval(NAN, NAN) == ""
    assert Numbers("accuracy", [0.01], signed=True).interval(-0.001, 0.02) == "[-0.10, 2.00]"


def test_intervals_in_sentences() -> None:
    assert words.interval(0.9741, 0.9765, "accuracy") == "97.41% to 97.65%"
    assert words.interval(-0.0002, 0.0016, "accuracy", signed=True) == "-0.02 to +0.16 points"
    assert words.interval(0.1, 0.25, "loss") == "0.1000 to 0.2500"
    assert words.interval(NAN, NAN, "loss") == ""


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.015625, "p = 0.016"), (0.0009, "p < 0.001"), (0.04996, "p = 0.04996"), (0.0504, "p = 0.050"),
     (1.0, "p = 1.000")],
)  # fmt: skip
def test_a_p_is_never_rounded_over_its_threshold(p: float, text: str) -> None:
    assert words.p_value(p) == text


@given(st.floats(0.001, 1.0))
def test_a_written_p_is_under_the_threshold_where_p_is(p: float) -> None:
    assert (float(words.p_number(p)) < 0.05) == (p < 0.05)


def test_text_from_anywhere_cannot_drive_a_terminal() -> None:
    assert words.printable("\x1b]0;x\x07\u202egnp\t✓\n\U000e0001") == "\\x1b]0;x\\x07\\u202egnp    ✓\n\\U000e0001"


@given(st.text())
def test_all_text_becomes_printable(text: str) -> None:
    assert words.printable(text).replace("\n", "").isprintable()


def test_names_and_counts() -> None:
    assert [words.listed(names) for names in ([], ["a"], ["a", "b"], ["a", "b", 3])] == [
        "",
        "a",
        "a and b",
        "a, b and 3",
    ]
    assert words.few([f"f{i}" for i in range(8)]) == "f0, f1, f2, f3, f4 and 3 more"
    assert [words.counted(n, "run") for n in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
    assert [words.seeds(of) for of in ([3], [0, 1], [0, 1, 2], [1, 2, 5])] == [
        "seed 3", "seeds 0 and 1", "seeds 0 to 2", "seeds 1, 2 and 5",
    ]  # fmt: skip
    assert words.seeds(range(0, 20, 2)) == "seeds 0, 2, 4, 6, 8, 10, 12, 14 and 2 more"
    assert words.metric_name("val_accuracy") == "validation accuracy"
    assert words.metric_name("val_accuracy", on_test=True) == "test accuracy"
    assert words.metric_name("dense.dead_units") == "dead units of dense"
    assert words.metric_name("*.weight_norm") == "weight norm"
    assert words.moment("step 500") == "at step 500"
    assert words.heading("val_accuracy") == "val_accuracy (%)"


def test_a_minus_is_set_before_numbers_only() -> None:
    assert (
        words.typeset_minus("-0.5, [-1e-05, x-2], leaky-relu, 3-5 (-∞)") == "−0.5, [−1e-05, x-2], leaky-relu, 3-5 (−∞)"
    )


# --- what a comparison says --------------------------------------------------------------------------------------

DIVERGED = Lack("diverged", "loss is not finite\nat step 300")
GUESS = Chance(0.1, 0.129).facts
NOTES: dict[str, tuple[Mapping[str, Any], str]] = {
    "stand-in": (
        {"dataset": "synth_mnist", "real": "mnist", "verdict": "supported"},
        "trained on synth_mnist, a rendered stand-in: says nothing about mnist; there it would be supported",
    ),
    "chosen on test": (
        {"by": "moment", "at": "max"},
        "the epoch was chosen by the test images, so these numbers are too good; --at last is fixed in advance",
    ),
    "validated on test": ({}, "val_accuracy and val_loss are those of the test images; nothing was chosen by them"),
    "taken at its best": (
        {"metrics": ["val_accuracy"]}, "val_accuracy: taken where it is best in each run, and so too good by itself",
    ),
    "kept apart": (
        {"data": ["mnist", "synth_mnist"]},
        "runs of a and b are on different data, and are never averaged: mnist and synth_mnist",
    ),
    "taken on others": (
        {"metric": "dead_units", "images": {"validation": ["relu"], "training": ["elu"]}},
        "dead_units is of relu on validation images and of elu on training images: its difference is none of networks",
    ),
    "damaged": ({"path": "results/x", "problem": "no table"}, "results/x: no table"),
    "not asked for": (
        {"path": "x/experiment.yaml", "runs": ["r", "s"]},
        "2 runs that x/experiment.yaml does not ask for: they are compared too: r and s",
    ),
    "not begun": ({"runs": 2}, "a and b: 2 runs not begun"),
    "no plan": ({"problem": "x: cannot be read"}, "x: cannot be read; so which runs it asks for is not known"),
    "skewed": (
        {"pairs": {"elu": {"mean": 0.01, "seed": 3, "without": 0.001}}},
        "skewed differences, on which sign flips err: elu (+0.0100; +0.00100 without seed 3); "
        "that others look even may be luck",
    ),
    "at chance": (
        GUESS, "a and b: at chance level (10.00%, 1 of 10 classes) at every seed: not learned",
    ),
    "one seed": ({}, "a and b: one seed has no spread; a difference between single seeds may be luck"),
    "seeds left out": (
        {"seeds": [1, 3], "lack": DIVERGED, "left": 4},
        "a and b: seeds 1 and 3 diverged (loss is not finite at step 300); its numbers are those of the survivors",
    ),
    "mean of runs": (
        {"runs": 4, "keys": ["batch_size"]}, "a and b: a seed's value is the mean of its 4 runs over batch_size",
    ),
    "seeds without a run": (
        {"seeds": [2], "baseline": "relu"}, "a and b: no run of seed 2, which relu has; no pairs of these",
    ),
    "seeds without a pair": (
        {"seeds": [2], "baseline": "relu"}, "a and b: seed 2 without a run of relu; no pairs of these",
    ),
    "compared with nothing": (
        {"axis": ["activation"]}, "a and b: compared with nothing, since no condition differs in activation alone",
    ),
    "standard error": (
        {"metric": "test_accuracy", "error": 0.00156, "accuracy": 0.975, "images": 10_000},
        "0.16 points is the standard error of a test_accuracy of 97.50% on 10,000 images",
    ),
    "uncommitted changes": (
        {"runs": 2, "of": 6}, "2 of 6 runs were trained by code with uncommitted changes: which, nobody can tell",
    ),
    "pooled": (
        {"facts": {"code": ["1a", "2b"], "threads": ["1", "2"]}},
        "a and b: seeds trained with different code 1a and 2b and threads 1 and 2",
    ),
    "counted once": ({"path": "x", "same_as": "y"}, "x is the same run as y; it counts once"),
    "established": ({}, ""),
    "no pairs": ({"needed": 6}, "no seed has a number in both conditions; 6 pairs would do"),
    "both at chance": (GUESS, "both are at chance level (10.00%, 1 of 10 classes): neither has learned"),
    "no difference": ({}, "every difference is exactly 0"),
    "too few pairs": (
        {"needed": 6, "smallest_p": 0.25},
        "too few seeds: by sign flips p can be no smaller than 0.250; 6 pairs would do",
    ),
    "p too large": (
        {"alpha": 0.05, "needed": 20}, "p is not under 0.05; 20 pairs would show a difference of this size",
    ),
    "interval holds 0": ({"needed": None, "end": 0.0}, "the interval holds 0"),
    "other data": ({"mine": "mnist", "theirs": "cifar10"}, "numbers on different data: mnist against cifar10"),
    "winner lost seeds": (
        {"winner": "elu", "lost": {"diverged": [1, 2]}, "seeds": 8, "verdict": "better"},
        "2 of 8 seeds diverged of elu; without these it would be better",
    ),
    "differs in config": (
        {"column": "batch_size", "mine": "32", "theirs": ["64", ""]}, 'batch_size 32 against 64 and ""',
    ),
    "differs in fact": (
        {"fact": "threads", "mine": ["1"], "theirs": ["2"], "pairs": 2, "of": 6},
        "threads 1 against 2 in 2 of 6 pairs",
    ),
    "other initial weights": ({"pairs": 6, "of": 6}, "other initial weights"),
    "stopped early": (
        {"mine": [3, 5], "theirs": [6], "mine_early": "all", "theirs_early": "some", "pairs": 6, "of": 6},
        "ended at epochs 3 to 5 by early stopping against epoch 6, some by early stopping",
    ),
    "alike seeds": (
        {"condition": "elu", "seeds": [[0, 1], [2, 3]]},
        "seeds 0 and 1 and seeds 2 and 3 of elu began with the same weights, and are no independent trials",
    ),
    "rests without": (
        {"condition": "elu", "seeds": [1], "lack": Lack("failed", of=4, runs=2)},
        "without seed 1 of elu (2 of its 4 runs failed)",
    ),
    "gap of a guess": (
        GUESS, "a and b are at chance level (10.00%, 1 of 10 classes): no gap where nothing is learned",
    ),
    "interval inside": ({}, ""),
    "interval outside": ({}, ""),
    "interval across": ({}, "the interval reaches both sides"),
    "no interval": ({}, "a single seed has no interval; 2 would have one"),
    "no number": ({}, "no seed has a number"),
    "lack leaves it open": ({}, "a seed without a number leaves it open"),
    "at every seed": ({}, ""),
    "not at every seed": ({"values": {0: 3.0, 1: 4.0}, "differences": False}, "not so at seeds 0 and 1: 3, 4"),
    "no such run": ({}, "the file asks for no run that is as `of` says"),
    "no counterpart": ({}, "no run of the file differs from these in the other condition alone"),
    "diverged": (
        {"divergence": Divergence((6, 6), (0, 6), 0.03125, 1, "diverges more often")},
        "a diverged at 6 of 6 seeds, b at 0 of 6; diverges more often (p = 0.031)",
    ),
    "differs in more": (
        {"keys": ["activation"], "notes": [Note("other initial weights", (), {"pairs": 1, "of": 2})]},
        "a and b differ in more than activation: other initial weights in 1 of 2 pairs",
    ),
}  # fmt: skip


def test_of_few_images_and_of_survivors_less_is_known() -> None:
    facts = Chance(0.1, 0.21, survivors=True).facts
    level = "not told from chance (10.00%, 1 of 10 classes; on so few images up to 21.00% may be luck)"
    assert words.note(Note("at chance", ("a",), facts)) == f"a: {level} at every surviving seed"
    assert words.note(Note("both at chance", (), facts)) == f"both are {level}"


def test_every_kind_of_note_has_a_sentence() -> None:
    assert list(NOTES) == list(typing.get_args(NoteKind))


@pytest.mark.parametrize("kind", NOTES)
def test_the_sentence_of_a_note(kind: NoteKind) -> None:
    facts, text = NOTES[kind]
    assert words.note(Note(kind, ("a", "b"), facts)) == text


def condition(name: str, verdict: str = "baseline", by: float = 0.0, n: int = 6) -> ConditionResult:
    """A condition whose seeds differ from those of "relu" by so much, more or less."""
    values = [0.97 + by + seed / 1e5 for seed in range(n)]
    pairs = None if verdict == "baseline" else paired(values, [0.97] * n)
    against = "" if verdict == "baseline" else "relu"
    return ConditionResult(
        name, {"activation": name}, [], dict(enumerate(values)), {}, summary(values),
        baseline=against, pairs=pairs, verdict=typing.cast(Any, verdict), p=0.03,
    )  # fmt: skip


def compared(*results: ConditionResult, metric: str = "val_accuracy") -> Comparison:
    return Comparison(metric, "last", [metric], ["activation"], list(results), [result.name for result in results])


@pytest.mark.parametrize(
    ("others", "text"),
    [
        ([("prelu", "better", 0.0009)], "prelu is better than relu by 0.09 points of validation accuracy"),
        ([("tanh", "worse", -0.01)], "tanh is worse than relu by 1.00 points of validation accuracy"),
        ([("tanh", "indicated worse", -0.01)],
         "tanh is indicated worse than relu by 1.00 points of validation accuracy, n = 6"),
        ([("elu", "not established", 0.0002)],
         "no difference between elu and relu is established (+0.02 points)"),
        ([("prelu", "better", 0.0009), ("a", "worse", -0.1), ("b", "worse", -0.1), ("c", "not established", 0)],
         "prelu is better than relu by 0.09 points of validation accuracy; 2 of 4 are worse; c is not established"),
        ([("a", "better", 0.001), ("b", "better", 0.002), ("c", "indicated better", 0.1)],
         "b and a are better than relu, b most, by 0.20 points of validation accuracy; c is indicated better"),
        ([("a", "not established", 0), ("b", "not established", 0)],
         "no difference from relu is established for 2 conditions"),
        ([("a", "worse", -0.1), ("b", "worse", -0.1)],
         "all 2 conditions are worse than relu"),
    ],
)  # fmt: skip
def test_the_sentence_on_top_answers_the_question(others: list[tuple[str, str, float]], text: str) -> None:
    assert words.sentence(compared(condition("relu"), *(condition(*other) for other in others))) == text


def test_units_are_counted_in_the_sentence_on_top() -> None:
    of = compared(condition("relu"), condition("elu", "better", -62.5), metric="dead_units")
    assert words.sentence(of) == "elu is better than relu by 62.50 dead units"


def test_without_a_baseline_the_sentence_says_what_was_reached() -> None:
    alone = compared(condition("relu"))
    assert words.sentence(alone).startswith("relu: validation accuracy of 97.00%, mean of 6 seeds")
    nothing = compared(condition("relu", n=0))
    assert words.sentence(nothing) == "no finished run has val_accuracy at the last evaluation"


def test_of_several_baselines_the_common_value_is_named() -> None:
    results = [
        ConditionResult(f"{name} {rate}", {"activation": name, "optimizer.learning_rate": rate}, [], {}, {},
                        summary([]), baseline=base)
        for name, rate, base in (
            ("relu", "0.1", ""), ("relu", "0.2", ""), ("elu", "0.1", "relu 0.1"), ("elu", "0.2", "relu 0.2"),
        )
    ]  # fmt: skip
    comparison = compared(*results)
    comparison.differs.append("optimizer.learning_rate")
    assert words.baseline_name(comparison) == "relu at the same learning_rate"


def test_a_verdict_and_its_reason() -> None:
    result = condition("elu", "indicated better", 0.0009, n=4)
    assert words.verdict_text(result) == "indicated better (n = 4)"
    assert words.verdict_text(condition("relu")) == "baseline"
    assert words.reason(condition("relu"), compared()) == ""
    pairs = result.pairs
    assert pairs is not None
    text = words.evidence(pairs, 0.0312, 9, "val_accuracy")
    assert text == "+0.09 points over 4 pairs (95% interval +0.09 to +0.09 points), p = 0.031 among 9 comparisons"
    assert words.by_seed({0: 0.97, 1: 0.97}, "accuracy") == "seeds 0 and 1: each 97.00%"


def test_a_line_says_which_runs_are_trained_together(resolved: Callable[..., RunConfig]) -> None:
    """What its runs share and no other group has, and in which keys they differ."""
    of = {
        "relu": [resolved(seed=seed) for seed in range(3)],
        "leaky": [resolved(activation={"name": "leaky_relu", "negative_slope": slope}) for slope in (0.1, 0.2)],
        "wide": [resolved(model={"name": "mnist_dense", "hidden": [9]}, optimizer="sgd")],
    }
    assert words.together([of["leaky"], of["relu"]]) == [
        "3 runs of relu (seed)",
        "2 runs of leaky_relu (negative_slope)",
    ]
    assert words.together([of["relu"], of["wide"]])[1] == "1 run of hidden=9 sgd"
    assert words.together([of["relu"]]) == ["3 runs of relu (seed)"]
    assert words.together([of["relu"][:1]]) == []
