"""What a config expects, held against runs: read, checked before the training, and judged after it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats
from typer.testing import CliRunner, Result

from actlab import cli
from actlab.errors import ActlabError, ConfigError
from actlab.runs.folder import EXPERIMENT, HISTORY
from actlab.runs.record import Run, discover
from actlab.show import words
from actlab.spec import plan as sweep
from actlab.spec.claim import Claim, Relation, relation
from actlab.spec.config import RunConfig
from actlab.spec.schema import schema
from actlab.spec.where import parse_where
from actlab.study.claims import (
    ClaimVerdict,
    Region,
    foreseen,
    holds,
    judge_claims,
    planned,
    read_folder,
    read_plan,
    region,
)
from actlab.study.judge import compare, judge_pairs, pair_of

BASE = """dataset: {name: mnist, offline: synth_mnist}
model: mnist_dense
activation: relu
epochs: 3
probes: [dead_units, activation_stats]
sweep:
  activation: [relu, {name: leaky_relu, negative_slope: 0.01}, sigmoid]
"""
Numbers = Mapping[str, Sequence[float]]
Judged = Callable[..., list[ClaimVerdict]]


def claim(**keys: Any) -> Claim:
    return Claim(**{"metric": "val_accuracy", "is": "> 0", **keys})


def config_text(claims: Sequence[str], seeds: int = 3, base: str = BASE) -> str:
    return f"{base}  seed: {{range: {seeds}}}\nclaims:\n" + "".join(f"  - {one}\n" for one in claims)


@pytest.fixture
def train(tmp_path: Path, make_run: Callable[..., Path]) -> Callable[..., Path]:
    """Makes up the runs of a config file in its folder: activation (or label) to a number a seed."""

    def made(
        path: Path, numbers: Numbers, column: str = "", ends: Mapping[str, str] = {}, record: Mapping[str, Any] = {},
        overrides: tuple[str, ...] = (),
    ) -> Path:  # fmt: skip
        plan = sweep.read(path, overrides)
        folder = tmp_path / "results" / plan.experiment.name
        for place, (label, config) in enumerate(plan.runs):
            name = label.rpartition("-seed")[0]
            values = numbers.get(name, numbers.get(config.activation.name, []))
            if config.seed >= len(values):
                continue
            value, status = values[config.seed], ends.get(label, "done")
            extra = {"initial_weights_sha256": str(config.seed), "plan_index": place, **record, **record.get(name, {})}
            run = make_run(folder, config, [0.5, 0.5, value] if not column else [0.5] * 3, status, extra)
            if column:
                add_column(run, column, value)
        folder.mkdir(parents=True, exist_ok=True)
        changes = "".join(f"# --set {override}\n" for override in overrides)
        (folder / EXPERIMENT).write_text(changes + path.read_text())
        return folder

    return made


def add_column(run: Path, column: str, value: float) -> None:
    """A further column of the history, 0 but for the second of its rows."""
    head, *rows = (run / HISTORY).read_text().splitlines()
    values = [0, value, *[0] * (len(rows) - 2)]
    lines = [f"{head},{column}", *(f"{row},{v:.9g}" for row, v in zip(rows, values, strict=True))]
    (run / HISTORY).write_text("\n".join(lines) + "\n")


@pytest.fixture
def judged(write_config: Callable[..., Path], train: Callable[..., Path]) -> Judged:
    """The verdicts on claims over made-up runs."""

    def made(claims: Sequence[str], numbers: Numbers, seeds: int | None = None, **options: Any) -> list[ClaimVerdict]:
        count = seeds or max(map(len, numbers.values()))
        base = options.pop("base", BASE)
        folder = train(write_config(config_text(claims, count, base)), numbers, **options)
        study = read_folder(folder)
        return judge_claims(study.claims, study.runs)

    return made


def text(verdict: ClaimVerdict) -> str:
    """The evidence and the notes as a person reads them."""
    return "\n".join(words.claim_lines(verdict))


# --- what a claim may say --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("== 0", Relation("==", number=0.0)),
        ("!=0", Relation("!=", number=0.0)),
        ("  >  0.97 ", Relation(">", number=0.97)),
        (">= -1e-3", Relation(">=", number=-0.001)),
        ("~= 3", Relation("~=", number=3.0)),
        ("within [0.1, 0.2]", Relation("within", bounds=(0.1, 0.2))),
        ("> {activation: sigmoid}", Relation(">", other={"activation": "sigmoid"})),
        ("<= {optimizer.learning_rate: 0.1, activation: {name: elu}}",
         Relation("<=", other={"optimizer.learning_rate": 0.1, "activation": {"name": "elu"}})),
    ],
)  # fmt: skip
def test_relations(text: str, expected: Relation) -> None:
    assert relation(text) == expected


def test_the_example_of_the_design_is_a_claim(write_config: Callable[..., Path]) -> None:
    path = write_config(config_text(['{metric: dead_units, at: max, of: {activation: leaky_relu}, is: "== 0"}']))
    (stated,) = sweep.read(path).experiment.claims
    assert str(stated) == "with activation leaky_relu, dead_units at its highest is 0 at every seed"
    assert (stated.margin, stated.says) == (0.0, "")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"is": "> 0.9"}, "in every condition, val_accuracy at the end is above 0.9"),
        ({"is": "< 0.9", "margin": 0.01, "at": "step 10"},
         "in every condition, val_accuracy at step 10 is below 0.9 by more than 0.01"),
        ({"is": "within [0.1, 0.2]", "margin": 0.01, "at": "best-validation"},
         "in every condition, val_accuracy at the best validation lies between 0.1 and 0.2, give or take 0.01"),
        ({"is": "~= {activation: elu}", "margin": 0.01, "of": {"activation": "relu", "batch_size": "> 10"}},
         "with activation relu, batch_size above 10, val_accuracy at the end is about that with activation elu, "
         "give or take 0.01"),
        ({"is": "!= {initializer: [he, xavier]}", "of": {"activation": "!= relu"}},
         "with activation not relu, val_accuracy at the end differs from that with initializer he or xavier "
         "at every seed"),
    ],
)  # fmt: skip
def test_claims_are_sentences(keys: dict[str, Any], expected: str) -> None:
    assert str(claim(**keys)) == expected


@pytest.mark.parametrize(
    ("written", "range_"),
    [
        ("> 0.97", "more than 0.98"), (">= 0.97", "at least 0.96"), ("< 0.97", "less than 0.96"),
        ("<= 0.97", "at most 0.98"), ("within [0.1, 0.11]", "0.09 to 0.12"), ("~= 0.5", "0.49 to 0.51"),
        ("== 0.5", "0.49 to 0.51"), ("!= 0.5", "outside 0.49 to 0.51"),
        ("> {activation: elu}", "a difference of more than 0.01"),
        ("~= {activation: elu}", "a difference of -0.01 to 0.01"),
    ],
)  # fmt: skip
def test_a_margin_is_shown_with_all_that_is_tested(written: str, range_: str) -> None:
    stated = claim(**{"is": written, "margin": 0.01, "says": "It is so"})
    assert words.claim_exactly(stated) == f"{stated} (tested: {range_})"
    plain = claim(**{"is": "> 0.97"})
    assert words.claim_exactly(plain) == str(plain)


def test_claims_are_no_part_of_the_hash(write_config: Callable[..., Path]) -> None:
    bare = sweep.read(write_config(BASE, "bare.yaml"))
    stated = sweep.read(write_config(BASE + 'claims: [{metric: val_loss, is: "> 0"}]\n', "stated.yaml"))
    assert [config.hash for _, config in stated.runs] == [config.hash for _, config in bare.runs]


# what is written: what is said, where line 9 is that of the claims and 10 the first of them
BAD = {
    "unknown key": ('{metrc: val_loss, is: "> 0"}', ["10:5: claims.0.metric: `metric` is required",
                                                    "10:6: claims.0: unknown key 'metrc'; did you mean 'metric'?"]),
    "no comparison": ("{metric: val_loss}", ["10:5: claims.0.is: `is` is required"]),
    "a bare number": ("{metric: val_loss, is: 0}", ["10:28: claims.0.is: expected a comparison such as"]),
    "no sign": ('{metric: val_loss, is: "0.97"}', ["10:28: claims.0.is: expected a comparison such as"]),
    "a sign alone": ('{metric: val_loss, is: ">"}', ["10:28: claims.0.is: expected a comparison such as"]),
    "a name": ('{metric: val_loss, is: "> relu"}', ["10:28: claims.0.is: expected a number or another condition"]),
    "no number": ('{metric: val_loss, is: "> .inf"}', ["10:28: claims.0.is: expected a number or another condition"]),
    "open braces": ('{metric: val_loss, is: "> {a: b"}', ["10:28: claims.0.is: the mapping opened at 1:1"]),
    "bounds in the wrong order": ('{metric: val_loss, is: "within [2, 1]"}',
                                  ["10:28: claims.0.is: expected two numbers, the lower first"]),
    "one bound": ('{metric: val_loss, is: "within 2"}', ["10:28: claims.0.is: expected two numbers"]),
    "no other condition": ('{metric: val_loss, is: "> {}"}',
                           ["10:28: claims.0.is: expected what the other condition has instead"]),
    "seeds against seeds": ('{metric: val_loss, is: "> {seed: 1}"}', ["10:28: claims.0.is: `seed` is what is"]),
    "about without a margin": ('{metric: val_loss, is: "~= 1"}', ["10:5: claims.0: '~= 1' needs a `margin`"]),
    "a negative margin": ('{metric: val_loss, is: "> 1", margin: -1}',
                          ["10:43: claims.0.margin: expected a number from 0, read -1"]),
    "an unknown moment": ('{metric: val_loss, is: "> 1", at: lst}',
                          ["10:39: claims.0.at: unknown moment 'lst'; did you mean 'last'?"]),
    "a test metric at a moment that has none": (
        '{metric: test_loss, is: "> 1", at: epoch 2}', ["10:40: claims.0.at: test_loss is taken at the end"]),
    "an order of words": ('{metric: val_loss, is: "> 1", of: {activation: "< relu"}}',
                          ["10:39: claims.0.of: activation< needs a number, read 'relu'"]),
    "text for a mapping": ('{metric: val_loss, is: "> 1", of: relu}', ["10:39: claims.0.of: expected a mapping"]),
    "text for a claim": ("val_loss > 1", ["10:5: claims.0: expected a mapping"]),
    # held against the runs of the file
    "an unknown metric": ('{metric: val_los, is: "> 1"}',
                          ["10:14: claims.0.metric: unknown metric 'val_los'; did you mean 'val_loss'?"]),
    "what is not probed": ('{metric: unmoved_units, is: "> 1"}',
                           ["10:14: claims.0.metric: unmoved_units is written by the probe unmoved_units; add it to"]),
    "a gap without train_eval": (
        '{metric: gap, is: "> 1"}',
        ["10:14: claims.0.metric: gap is measured with `train_eval`; add it to the config"]),
    "an unknown key of a config": ('{metric: val_loss, is: "> 1", of: {activaton: relu}}',
                                   ["10:51: claims.0.of.activaton: unknown config key 'activaton'; did you mean"]),
    "an unknown parameter": (
        '{metric: val_loss, is: "> 1", of: {activation.negative_slop: 1}}',
        ["10:66: claims.0.of.activation.negative_slop: unknown parameter of activation 'negative_slop'; did you mean"]),
    "an untrained condition": (
        '{metric: val_loss, is: "> 1", of: {activation: leakyrelu}}',
        ["10:52: claims.0.of.activation: no run of this file has activation = leakyrelu; did you mean 'leaky_relu'?"]),
    "conditions that do not meet": (
        '{metric: val_loss, is: "> 1", of: {activation: relu, activation.negative_slope: 0.01}}',
        ["10:52: claims.0.of.activation: no run of this file has all of these together"]),
    "an untrained other": ('{metric: val_loss, is: "> {activation: tanh}"}',
                           ["10:28: claims.0.is: no run of this file has activation = tanh; there are relu,"]),
    "itself": ('{metric: val_loss, of: {activation: relu}, is: "> {activation: relu}"}',
               ["10:52: claims.0.is: no two runs of this file differ in this alone"]),
    "an epoch beyond the budget": ('{metric: val_loss, is: "> 1", at: epoch 4}',
                                   ["10:39: claims.0.at: epoch 4 is not reached: these runs take 3 epochs"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_claim_is_told_at_its_place(case: str, write_config: Callable[..., Path]) -> None:
    written, expected = BAD[case]
    path = write_config(config_text([written]))
    with pytest.raises(ConfigError) as caught:
        sweep.read(path)
    found = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert len(found) == len(expected)
    assert all(text.startswith(begin) for text, begin in zip(found, expected, strict=True)), found


def test_wrong_claims_come_with_all_other_errors(write_config: Callable[..., Path]) -> None:
    path = write_config(config_text(['{metric: val_loss, is: "0"}']).replace("epochs: 3", "epochs: 0"))
    with pytest.raises(ConfigError) as caught:
        sweep.read(path)
    assert [problem.line for problem in caught.value.problems] == [4, 10]


def test_steps_between_evaluations_are_no_moments(write_config: Callable[..., Path]) -> None:
    base = BASE.replace("epochs: 3", "steps: 100\nevaluate_every: 20")
    sweep.read(write_config(config_text(['{metric: val_loss, at: step 40, is: "> 1"}'], base=base), "good.yaml"))
    with pytest.raises(ConfigError, match="step 50 is no evaluation: they come every 20 steps"):
        sweep.read(write_config(config_text(['{metric: val_loss, at: step 50, is: "> 1"}'], base=base)))


def test_the_schema_has_the_keys_of_a_claim() -> None:
    made = schema()
    assert made["properties"]["claims"]["items"] == {"$ref": "#/$defs/Claim"}
    assert set(made["$defs"]["Claim"]["properties"]) == {"metric", "at", "of", "is", "margin", "says"}
    assert made["$defs"]["Claim"]["additionalProperties"] is False


# --- against a number ------------------------------------------------------------------------------------------

INF = float("inf")


@pytest.mark.parametrize(
    ("written", "margin", "expected"),
    [
        ("> 2", 0.5, Region(2.5, INF, open=True)),
        (">= 2", 0.5, Region(1.5, INF)),
        ("< 2", 0.5, Region(-INF, 1.5, open=True)),
        ("<= 2", 0.5, Region(-INF, 2.5)),
        ("~= 2", 0.5, Region(1.5, 2.5)),
        ("within [2, 3]", 0.5, Region(1.5, 3.5)),
        ("> {activation: elu}", 0.5, Region(0.5, INF, open=True)),
    ],
)
def test_where_a_number_must_lie(written: str, margin: float, expected: Region) -> None:
    assert region(claim(**{"is": written, "margin": margin})) == expected


def test_open_ends_are_outside() -> None:
    assert 2.0 not in Region(2, INF, open=True)
    assert 2.0 in Region(2, INF)
    assert Region(-INF, 2, open=True).is_above(2.0)


def test_a_margin_is_met_in_decimal_fractions() -> None:
    assert holds(claim(**{"is": "== 0.96", "margin": 0.01}), 0.97)  # 0.97 − 0.96 is 0.010000000000000009
    assert not holds(claim(**{"is": "!= 0.96", "margin": 0.01}), 0.97)
    assert not holds(claim(**{"is": "== 0.96", "margin": 0.01}), 0.9701)


# 0.90, 0.91, 0.92: mean 0.91, s = 0.01, t(2, 0.975) = 4.30265, so 0.91 ± 0.02484: 0.88516 to 0.93484
@pytest.mark.parametrize(
    ("written", "margin", "word"),
    [
        ("> 0.885", 0, "supported"), ("> 0.886", 0, "undecided"),
        ("> 0.935", 0, "refuted"), ("> 0.934", 0, "undecided"),
        ("> 0.88", 0.005, "supported"), ("> 0.88", 0.006, "undecided"),
        (">= 0.89", 0, "undecided"), (">= 0.89", 0.005, "supported"), (">= 0.94", 0.005, "refuted"),
        ("< 0.935", 0, "supported"), ("< 0.885", 0, "refuted"), ("< 0.94", 0.006, "undecided"),
        ("<= 0.93", 0.005, "supported"), ("<= 0.88", 0.004, "refuted"),
        ("~= 0.91", 0.03, "supported"), ("~= 0.91", 0.02, "undecided"), ("~= 0.95", 0.01, "refuted"),
        ("within [0.885, 0.935]", 0, "supported"), ("within [0.89, 0.93]", 0, "undecided"),
        ("within [0.89, 0.93]", 0.005, "supported"), ("within [0.1, 0.88]", 0, "refuted"),
    ],
)  # fmt: skip
def test_a_number_by_the_interval_of_the_mean(written: str, margin: float, word: str, judged: Judged) -> None:
    values = [0.90, 0.91, 0.92]
    stated = f'{{metric: val_accuracy, of: {{activation: relu}}, is: "{written}", margin: {margin:.4f}}}'
    (verdict,) = judged([stated], {"relu": values, "leaky_relu": values, "sigmoid": values})
    low, high = scipy_stats.t.interval(0.95, 2, np.mean(values), scipy_stats.sem(values))
    (finding,) = verdict.evidence
    assert verdict.verdict == word
    assert (finding.estimate.low, finding.estimate.high) == pytest.approx((low, high), abs=1e-9)
    assert text(verdict).startswith("relu: mean 91.00% (95% interval 88.52% to 93.48%), n = 3; seeds 0 to 2: 90.00,")


def test_one_seed_decides_nothing(judged: Judged) -> None:
    (verdict,) = judged(['{metric: val_accuracy, is: "> 0.1"}'], {"relu": [0.9], "leaky_relu": [0.9], "sigmoid": [0.9]})
    assert verdict.verdict == "undecided"
    assert text(verdict).startswith(
        "relu: mean 90.00%; seed 0: 90.00%; a single seed has no interval; 2 would have one"
    )


def test_a_claim_must_hold_for_every_condition_that_it_speaks_of(judged: Judged) -> None:
    good, bad = [0.90, 0.91, 0.92], [0.1, 0.11, 0.12]
    numbers = {"relu": good, "leaky_relu": good, "sigmoid": bad}
    verdicts = judged(
        ['{metric: val_accuracy, is: "> 0.5"}', '{metric: val_accuracy, of: {activation: "!= sigmoid"}, is: "> 0.5"}'],
        numbers,
    )
    assert [verdict.verdict for verdict in verdicts] == ["refuted", "supported"]
    assert [f.verdict for f in verdicts[0].evidence] == ["supported", "supported", "refuted"]
    assert words.claim_lines(verdicts[0])[2].startswith("refuted for sigmoid: mean 11.00%")


# --- every seed ------------------------------------------------------------------------------------------------

DEAD = '{metric: dead_units, at: max, of: {activation: relu}, is: "== 0"}'
SOME = '{metric: dead_units, at: max, of: {activation: relu}, is: "!= 0"}'


@pytest.mark.parametrize(
    ("values", "words", "evidence"),
    [
        ([0, 0, 0], ["supported", "refuted"], "relu: seeds 0 to 2: each 0"),
        ([0, 4, 2], ["refuted", "refuted"], "relu: 2 of 3 seeds; not so at seeds 1 and 2: 4, 2"),
        ([3, 4, 2], ["refuted", "supported"], "relu: 3 of 3 seeds; not so at seeds 0 to 2: 3, 4, 2"),
        ([0], ["supported", "refuted"], "relu: seed 0: 0 (the only seed, others may differ)"),
    ],
)
def test_claims_about_every_seed(values: list[float], words: list[str], evidence: str, judged: Judged) -> None:
    verdicts = judged([DEAD, SOME], {"relu": values}, seeds=len(values), column="dead_units")
    assert [verdict.verdict for verdict in verdicts] == words
    assert text(verdicts[0]) == evidence


def test_while_a_seed_is_missing_nothing_is_supported(judged: Judged) -> None:
    ends = {"relu-seed1": "failed", "relu-seed2": "diverged", "relu-seed3": "interrupted"}
    claims = [DEAD, '{metric: dead_units, at: max, of: {activation: relu}, is: "< 5"}']
    exact, mean = judged(claims, {"relu": [0] * 5}, seeds=6, column="dead_units", ends=ends)
    assert (exact.verdict, mean.verdict) == ("undecided", "undecided")
    said = "a seed without a number leaves it open; relu without seed 1 (failed); "
    said += "relu without seed 2 (diverged); relu without seed 3 (interrupted); "
    assert text(exact) == f"relu: seeds 0 and 4: each 0; {said}relu without seed 5 (not trained)"
    assert "a seed without a number leaves it open" in text(mean)
    assert mean.evidence[0].lacking == exact.evidence[0].lacking


def test_a_seed_that_contradicts_needs_no_others(judged: Judged) -> None:
    (verdict,) = judged([DEAD], {"relu": [0, 3]}, seeds=4, column="dead_units")
    assert verdict.verdict == "refuted"
    assert "relu without seeds 2 and 3 (not trained)" in text(verdict)


def test_runs_that_do_not_have_the_measure_are_told(judged: Judged) -> None:
    (verdict,) = judged([DEAD], {"relu": [0.9, 0.9]})  # the column is not there
    assert verdict.verdict == "undecided"
    assert text(verdict) == "relu: no seed has a number; relu without seeds 0 and 1 (no value)"


def test_damaged_runs_have_no_number(judged: Judged) -> None:
    record = {"files": {"history.csv": "0" * 64}}
    (verdict,) = judged([DEAD], {"relu": [0, 0]}, column="dead_units", record=record)
    assert verdict.verdict == "undecided"
    wrong = "history.csv: is not the file that the record states"
    assert text(verdict).endswith(f"relu without seeds 0 and 1 (damaged ({wrong}))")


# --- against another condition ---------------------------------------------------------------------------------

ABOVE = '{metric: val_accuracy, of: {activation: relu}, is: "> {activation: sigmoid}"}'
BELOW = '{metric: val_accuracy, of: {activation: relu}, is: "< {activation: sigmoid}"}'
NEAR = '{metric: val_accuracy, of: {activation: relu}, is: "~= {activation: sigmoid}", margin: 0.001}'
NOT_FAR_BELOW = '{metric: val_accuracy, of: {activation: relu}, is: ">= {activation: sigmoid}", margin: 0.02}'
SIX = [0.90, 0.91, 0.92, 0.90, 0.93, 0.91]
GAINS = [0.010, 0.012, 0.008, 0.011, 0.009, 0.010]  # mean 0.01, s = 0.001414, interval 0.01 ± 0.001484


def above(gains: Sequence[float], base: Sequence[float] = SIX) -> dict[str, list[float]]:
    return {"relu": [b + g for b, g in zip(base, gains, strict=True)], "sigmoid": list(base)}


def sign_flip_p(differences: Sequence[float], end: float = 0.0) -> float:
    """Over all sign flips, one by one."""
    d = [round(1e6 * (one - end)) for one in differences]
    sums = [
        abs(sum(s * one for s, one in zip(signs, d, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(d))
    ]
    return sum(one >= abs(sum(d)) for one in sums) / len(sums)


def stated(written: str, margin: float) -> str:
    return (
        f'{{metric: val_accuracy, of: {{activation: relu}}, is: "{written} {{activation: sigmoid}}", margin: {margin}}}'
    )


@pytest.mark.parametrize(
    ("sign", "margin", "word", "ends"),
    [
        (">", 0, "supported", [0]),
        (">", 0.0075, "supported", [0.0075]),
        (">", 0.009, "undecided", [0.009]),
        (">", 0.0125, "refuted", [0.0125]),
        (">=", 0.001, "supported", [-0.001]),
        ("<", 0, "refuted", [0]),
        ("<=", 0.0125, "supported", [0.0125]),
        ("<=", 0.0075, "refuted", [0.0075]),
        ("~=", 0.0125, "supported", [-0.0125, 0.0125]),
        ("~=", 0.0105, "undecided", [-0.0105, 0.0105]),
        ("~=", 0.0075, "refuted", [0.0075]),
    ],
)
def test_pairs_by_interval_and_permutation(
    sign: str, margin: float, word: str, ends: list[float], judged: Judged
) -> None:
    (verdict,) = judged([stated(sign, margin)], above(GAINS))
    (finding,) = verdict.evidence
    low, high = scipy_stats.t.interval(0.95, 5, np.mean(GAINS), scipy_stats.sem(GAINS))
    assert (finding.estimate.low, finding.estimate.high) == pytest.approx((low, high), abs=1e-8)
    alone = max(sign_flip_p(GAINS, end) for end in ends)
    assert finding.p == alone if margin == 0 or sign != "~=" else finding.p >= alone
    assert list(finding.values.values()) == pytest.approx(GAINS)
    assert verdict.verdict == word


def test_five_pairs_establish_nothing(judged: Judged) -> None:
    (verdict,) = judged([ABOVE], above(GAINS[:5], SIX[:5]))
    assert verdict.verdict == "undecided"
    assert "over 5 pairs (95% interval" in text(verdict)
    assert "too few seeds: by sign flips p can be no smaller than 0.062; 6 pairs would do" in text(verdict)


def test_all_comparisons_of_the_file_share_a_p(judged: Judged) -> None:
    """Six pairs of one sign have 2/2⁶ however many comparisons there are, which Holm would double."""
    other = '{metric: val_loss, of: {activation: relu}, is: "< {activation: sigmoid}", margin: 0.001}'
    margin = ABOVE.replace('"}', '", margin: 0.001}')
    one, two = judged([margin, other], above(GAINS))
    assert [of.evidence[0].p for of in (one, two)] == [0.03125, 0.03125]
    assert [of.evidence[0].family for of in (one, two)] == [2, 2]
    assert (one.verdict, two.verdict) == ("supported", "supported")
    assert "p = 0.031 among 2 comparisons" in text(one)


@pytest.mark.parametrize("claim", [ABOVE, BELOW, ABOVE.replace("sigmoid", "leaky_relu")])
def test_a_pair_of_the_table_has_the_p_of_the_table(claim: str, judged: Judged, tmp_path: Path) -> None:
    """The baseline of the table is relu: whichever way round the claim is, its pair is there."""
    generator = np.random.default_rng(0)
    numbers = {
        name: [v + generator.normal(0, 0.01) for v in SIX + SIX[:2]] for name in ("relu", "leaky_relu", "sigmoid")
    }
    (verdict,) = judged([claim], numbers)
    runs, _ = discover([tmp_path / "results"])
    table = compare(runs)
    result = table["sigmoid" if "sigmoid" in claim else "leaky_relu 0.01"]
    (evidence,) = verdict.evidence
    assert (evidence.p, evidence.family) == (result.p, 2)
    expected = {"not established": "undecided"}.get(result.verdict, "")
    assert verdict.verdict == (
        expected or ("supported" if (result.verdict == "worse") == (">" in claim) else "refuted")
    )


def test_a_table_of_the_page_goes_first(judged: Judged, tmp_path: Path) -> None:
    numbers = {**above(GAINS), "leaky_relu": [v + 0.001 * i for i, v in enumerate(SIX)]}
    judged([ABOVE], numbers)
    study = read_folder(tmp_path / "results" / "study")
    runs = [one.run for one in study.runs if one.run]
    page = compare(runs, baseline="sigmoid", where=parse_where("activation!=leaky_relu"))
    (verdict,) = judge_claims(study.claims, study.runs, [page])
    assert verdict.evidence[0].family == page["relu"].family == 1
    (alone,) = judge_claims(study.claims, study.runs)
    assert alone.evidence[0].family == 2


def test_claims_about_numbers_and_every_seed_take_no_part_in_holm(judged: Judged) -> None:
    claims = [
        ABOVE,
        '{metric: val_accuracy, is: "> 0.1"}',
        '{metric: val_accuracy, of: {activation: relu}, is: "!= {activation: sigmoid}"}',
    ]
    numbers = {**above(GAINS), "leaky_relu": SIX}
    verdicts = judged(claims, numbers)
    assert [verdict.verdict for verdict in verdicts] == ["supported"] * 3
    assert verdicts[0].evidence[0].p == 0.03125


def test_equal_at_every_seed_is_said_of_pairs_too(judged: Judged) -> None:
    equal = '{metric: val_accuracy, of: {activation: relu}, is: "== {activation: leaky_relu}"}'
    (same,) = judged([equal], {"relu": SIX, "leaky_relu": SIX})
    assert same.verdict == "supported"
    assert text(same) == "relu against leaky_relu 0.01: seeds 0 to 5: each +0.00 points"


def test_a_pair_that_differs_refutes_equality(judged: Judged) -> None:
    equal = '{metric: val_accuracy, of: {activation: relu}, is: "== {activation: leaky_relu}"}'
    (other,) = judged([equal], {"relu": [0.9, 0.9], "leaky_relu": [0.9, 0.9001]})
    assert other.verdict == "refuted"
    assert text(other) == "relu against leaky_relu 0.01: 1 of 2 seeds; not so at seed 1: -0.010 points"


def test_pairs_are_of_seeds_that_both_have(judged: Judged) -> None:
    (verdict,) = judged(
        [ABOVE], {"relu": SIX, "sigmoid": [v - 0.01 for v in SIX]}, seeds=6, ends={"sigmoid-seed2": "failed"}
    )
    (finding,) = verdict.evidence
    assert sorted(finding.values) == [0, 1, 3, 4, 5]
    assert verdict.verdict == "undecided"
    assert "sigmoid without seed 2 (failed)" in text(verdict)


def test_a_seed_without_a_partner_leaves_a_comparison_open(judged: Judged) -> None:
    """Seven pairs would do; but what the eighth would have said is not known, unless it was lost by what loses."""
    numbers = above([*GAINS, 0.010, 0.011], [*SIX, 0.9, 0.9])
    assert judged([ABOVE], numbers)[0].verdict == "supported"
    named = BASE.replace("dataset:", "name: again\ndataset:", 1)
    (verdict,) = judged([ABOVE], numbers, ends={"sigmoid-seed7": "interrupted"}, base=named)
    assert verdict.verdict == "undecided"
    assert "p = 0.016; a seed without a number leaves it open; sigmoid without seed 7" in text(verdict)


@pytest.mark.parametrize(
    ("claim", "lost", "word"),
    [
        (ABOVE, "sigmoid-seed7", "supported"),
        (ABOVE, "relu-seed7", "undecided"),
        (BELOW, "sigmoid-seed7", "refuted"),
        (BELOW, "relu-seed7", "undecided"),
        (NEAR, "sigmoid-seed7", "refuted"),
        (NEAR, "relu-seed7", "undecided"),
        (NOT_FAR_BELOW, "relu-seed7", "undecided"),
        (NOT_FAR_BELOW, "sigmoid-seed7", "supported"),
    ],
)
@pytest.mark.parametrize("end", ["diverged", "failed"])
def test_a_seed_lost_by_what_loses_leaves_a_verdict_and_one_lost_by_what_wins_does_not(
    claim: str, lost: str, word: str, end: str, judged: Judged
) -> None:
    """As in a comparison; and where a claim allows the condition to be somewhat worse, its lost seeds count."""
    numbers = above([*GAINS, 0.010, 0.011], [*SIX, 0.9, 0.9])
    (verdict,) = judged([claim], numbers, ends={lost: end})
    assert verdict.verdict == word
    assert f"{lost[:-6]} without seed 7 ({end})" in text(verdict)


GRID = BASE + "  initializer: [he, xavier]\n"


def test_conditions_are_held_against_those_that_are_equal_in_all_else(judged: Judged) -> None:
    worse = [v - 0.01 for v in SIX]
    numbers = {"relu-he": SIX, "sigmoid-he": worse, "relu-xavier": worse, "sigmoid-xavier": SIX}
    claims = [ABOVE, '{metric: val_accuracy, of: {activation: relu, initializer: he}, is: "> {activation: sigmoid}"}']
    both, he = judged(claims, numbers, base=GRID, seeds=6)
    assert [(f.condition, f.other) for f in both.evidence] == [
        ("relu he_normal", "sigmoid he_normal"), ("relu glorot_normal", "sigmoid glorot_normal"),
    ]  # fmt: skip
    differences = [np.mean(list(f.values.values())) for f in both.evidence]
    assert differences == pytest.approx([0.01, -0.01])
    assert len(he.evidence) == 1
    assert np.mean(list(he.evidence[0].values.values())) == pytest.approx(0.01)


def test_what_else_differs_is_told(judged: Judged) -> None:
    record = {"relu": {"environment": {"threads": 1}}, "sigmoid": {"environment": {"threads": 2}}}
    (verdict,) = judged([ABOVE], above(GAINS), record=record)
    assert verdict.verdict == "supported"
    assert any("threads 1 against 2" in words.note(note) for note in verdict.notes)
    both_keys = ABOVE.replace("relu}", "relu, initializer: he}").replace("sigmoid}", "sigmoid, initializer: xavier}")
    numbers = {"relu-he": SIX, "sigmoid-xavier": [v - 0.01 for v in SIX], "relu-xavier": SIX, "sigmoid-he": SIX}
    (verdict,) = judged([both_keys], numbers, base=GRID.replace("dataset", "name: two\ndataset"), seeds=6)
    assert any("differ in more than activation: initializer" in words.note(note) for note in verdict.notes)


def test_seeds_that_began_alike_are_told(judged: Judged) -> None:
    (verdict,) = judged([ABOVE], above(GAINS), record={"initial_weights_sha256": "same"})
    assert any("began with the same weights" in words.note(note) for note in verdict.notes)


def test_a_moment_chosen_on_test_data_is_told(judged: Judged) -> None:
    base = BASE.replace("offline: synth_mnist", "offline: synth_mnist, validation: test")
    best = ABOVE.replace("of:", "at: best-validation, of:")
    (verdict,) = judged([best], above(GAINS), base=base)
    assert any(words.note(note).startswith("the epoch was chosen by the test images") for note in verdict.notes)
    stopping = base.replace("dataset:", "name: stopping\nearly_stopping: {patience: 2}\ndataset:", 1)
    (verdict,) = judged([ABOVE], above(GAINS), base=stopping)
    assert any(words.note(note).startswith("trainings were stopped by the test images") for note in verdict.notes)


def test_different_data_are_never_held_against_each_other(judged: Judged) -> None:
    record = {name: {"dataset": {"name": "mnist", "sha256": name}} for name in ("relu", "sigmoid")}
    (verdict,) = judged([ABOVE], above(GAINS), record=record)
    assert verdict.verdict == "undecided"
    assert "different data" in text(verdict)


# --- how often it is wrong -------------------------------------------------------------------------------------


def simulated(end: float, shift: float, pairs: int, draws: int) -> dict[str, float]:
    """Shares of the verdicts on differences of normal numbers whose mean is `shift`, held against an end."""
    generator = np.random.default_rng(20170523)
    found = []
    for _ in range(draws):
        first, second = generator.normal(shift, 1, pairs), generator.normal(end, 1, pairs)
        pair = pair_of(*(dict(enumerate(values.tolist())) for values in (first, second)), "val_accuracy", 0.0)
        found.append(judge_pairs([pair])[0].verdict)
    return {verdict: found.count(verdict) / draws for verdict in ("better", "worse", "not established")}


def test_verdicts_are_seldom_wrong() -> None:
    """Two-sided level 0.05 at each end: 0.025 a side, and three standard errors of 500 draws are 0.021."""
    nothing = simulated(0.0, 0.0, 8, 500)
    assert max(nothing["better"], nothing["worse"]) < 0.046


def test_what_is_plain_is_found() -> None:
    assert simulated(0.0, 3.0, 10, 50)["better"] > 0.9
    assert simulated(0.0, -3.0, 10, 50)["worse"] > 0.9


# --- before the training ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "seeds", "said"),
    [
        ([ABOVE], 6, None),
        ([ABOVE], 5, (5, 6)),
        ([ABOVE, ABOVE], 6, None),
        ([ABOVE, ABOVE], 3, (3, 6)),
        (['{metric: val_loss, is: "> {activation: relu}"}'], 6, None),  # two activations against relu
        ([DEAD, '{metric: val_loss, is: "== {activation: relu}"}'], 1, None),
    ],
)
def test_too_few_seeds_are_foreseen(
    claims: list[str], seeds: int, said: tuple[int, int] | None, write_config: Callable[..., Path]
) -> None:
    plan = sweep.read(write_config(config_text(claims, seeds)))
    assert foreseen(plan.experiment.claims, [config for _, config in plan.runs]) == said


def test_check_tells_claims_and_what_they_need(write_config: Callable[..., Path]) -> None:
    path = write_config(config_text([ABOVE], 5))
    shown = CliRunner(env={"COLUMNS": "160"}).invoke(cli.app, ["check", str(path)]).stdout.splitlines()
    assert shown[-2] == f"claim: {sweep.read(path).experiment.claims[0]}"
    assert shown[-1].startswith("note: 5 seeds cannot decide")


# --- whole folders ---------------------------------------------------------------------------------------------


def test_conditions_are_called_as_in_a_comparison(
    write_config: Callable[..., Path], train: Callable[..., Path], judged: Judged
) -> None:
    claims, base = ['{metric: val_accuracy, is: "> 0"}'], BASE + "  batch_size: [32, 64]\n"
    folder = train(write_config(config_text(claims, 1, base)), {})
    study = read_folder(folder)
    assert [f.condition for f in judge_claims(study.claims, study.runs)[0].evidence] == [
        f"{name} batch_size={size}" for name in ("relu", "leaky_relu 0.01", "sigmoid") for size in (32, 64)
    ]
    numbers = {"relu": SIX, "leaky_relu": SIX, "sigmoid": SIX}
    (verdict,) = judged(claims, numbers, base=BASE.replace("dataset:", "name: other\ndataset:", 1))
    runs, _ = discover([folder.parent / "other"])
    assert [finding.condition for finding in verdict.evidence] == compare(runs).names


def test_a_stand_in_decides_nothing(
    write_config: Callable[..., Path], make_run: Callable[..., Path], tmp_path: Path
) -> None:
    plan = sweep.read(write_config(config_text(['{metric: val_accuracy, of: {activation: relu}, is: "> 0.1"}'])))
    stood_in = {"dataset": {"name": "synth_mnist", "sha256": "0" * 64, "stand_in_for": "mnist"}}
    for _, config in plan.runs:
        make_run(tmp_path / "out", config.on_stand_in("synth_mnist"), [0.9, 0.91], record=stood_in)
    study = read_plan(plan, discover([tmp_path / "out"])[0], tmp_path / "out")
    (verdict,) = judge_claims(study.claims, study.runs)
    assert verdict.verdict == "undecided"
    assert dict(verdict.notes[0].facts) == {"dataset": "synth_mnist", "real": "mnist", "verdict": "supported"}


def test_only_the_runs_that_the_file_asks_for_count(
    write_config: Callable[..., Path], train: Callable[..., Path]
) -> None:
    """A trial with fewer epochs lies in the same folder, and would refute the claim."""
    path = write_config(config_text([DEAD.replace("relu", "sigmoid")], 2))
    train(path, {"sigmoid": [7, 7]}, "dead_units", overrides=("epochs=2",))
    folder = train(path, {"sigmoid": [0, 0]}, "dead_units")
    study = read_folder(folder)
    (verdict,) = judge_claims(study.claims, study.runs)
    assert verdict.verdict == "supported"
    assert len(study.others) == 2


def test_what_the_command_line_changed_is_part_of_the_file(
    write_config: Callable[..., Path], train: Callable[..., Path]
) -> None:
    path = write_config(config_text([DEAD.replace("relu", "sigmoid")], 2))
    overrides = ("epochs=2", "sweep.seed={range: 3}")
    study = read_folder(train(path, {"sigmoid": [0, 0, 5]}, "dead_units", overrides=overrides))
    (verdict,) = judge_claims(study.claims, study.runs)
    assert (verdict.verdict, study.name) == ("refuted", "study")
    assert list(verdict.evidence[0].values) == [0, 1, 2]


def test_a_finished_run_goes_before_an_unfinished_one_of_the_same_config(
    make_run: Callable[..., Path], resolved: Callable[..., RunConfig], tmp_path: Path
) -> None:
    runs = [Run(make_run(tmp_path / name, resolved(), [0.5], name)) for name in ("failed", "done")]
    (found,) = planned([resolved()], runs)
    assert found.lack() is None


# --- the command -----------------------------------------------------------------------------------------------


def ask(*arguments: str | Path, columns: int = 160) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(cli.app, ["claims", *map(str, arguments)])


GOOD = '{metric: dead_units, at: max, of: {activation: sigmoid}, is: "== 0", says: A sigmoid does not die}'
ILL = '{metric: dead_units, at: max, of: {activation: sigmoid}, is: "!= 0"}'


def test_a_refuted_claim_ends_with_one(write_config: Callable[..., Path], train: Callable[..., Path]) -> None:
    numbers = {"sigmoid": [0, 0]}
    good = train(write_config(config_text([GOOD], 2), "good.yaml"), numbers, "dead_units")
    ill = train(write_config(config_text([GOOD, ILL], 2), "ill.yaml"), numbers, "dead_units")
    assert ask(good).exit_code == 0
    both = ask(good, ill)
    assert both.exit_code == 1
    assert both.stdout.splitlines()[0] == "3 claims: 2 supported, 1 refuted"
    assert "supported: A sigmoid does not die\n  with activation sigmoid, dead_units at its highest is 0" in both.stdout
    (good.parent / "comparison.csv").write_text("")
    assert ask(good.parent).stdout == ask(good, ill, good.parent / "comparison.csv").stdout


def test_machines_read_json(write_config: Callable[..., Path], train: Callable[..., Path]) -> None:
    folder = train(
        write_config(config_text([GOOD, ABOVE, '{metric: val_loss, is: "> 1"}'], 2)), {"sigmoid": [0, 0]}, "dead_units"
    )
    (study,) = json.loads(ask(folder, "--json").stdout)
    first, second, third = study["claims"]
    assert (first["verdict"], first["is"], first["margin"]) == ("supported", "== 0", 0.0)
    assert first["evidence"][0]["by_seed"] == {"0": 0.0, "1": 0.0}
    assert second["evidence"][0]["p"] is None
    assert second["evidence"][0]["absent"] == ["relu without seeds 0 and 1 (not trained)"]
    assert third["evidence"][2]["n"] == 2


def test_newer_claims_are_held_against_older_runs(
    write_config: Callable[..., Path], train: Callable[..., Path]
) -> None:
    folder = train(write_config(config_text([GOOD], 2)), {"sigmoid": [0, 0]}, "dead_units")
    newer = write_config(config_text([ILL], 2), "newer.yaml")
    for place in (folder, folder.parent):
        assert ask(newer, "--results", place).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{path}"], "is a config file; --results DIR names the folder that holds its runs"),
        (["{path}", "--results", "{none}"], "is no folder"),
        (["{none}"], "does not exist"),
        (["{tmp}"], "holds no experiment.yaml; name the folder of an experiment"),
        (["{text}"], "no experiment in these paths"),
        (["{run}"], "is one run; claims are of an experiment"),
    ],
)  # fmt: skip
def test_what_holds_no_claims_is_told(
    arguments: list[str], said: str, write_config: Callable[..., Path], train: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = write_config(config_text([GOOD], 1))
    folder = train(path, {"sigmoid": [0]}, "dead_units")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")  # where there is no folder results
    (tmp_path / "note.txt").write_text("")
    places = {"path": path, "none": tmp_path / "none", "tmp": tmp_path / "empty", "text": tmp_path / "note.txt",
              "run": next(folder.glob("*/run.json")).parent}  # fmt: skip
    result = ask(*(argument.format(**places) for argument in arguments))
    assert isinstance(result.exception, ActlabError)
    assert said in str(result.exception)


def test_an_experiment_without_claims_says_so(write_config: Callable[..., Path], train: Callable[..., Path]) -> None:
    result = ask(train(write_config(config_text([], 1).replace("claims:\n", "")), {}))
    assert (result.exit_code, "states no claims" in result.stdout) == (0, True)


def test_sixty_columns_are_enough(write_config: Callable[..., Path], train: Callable[..., Path]) -> None:
    numbers = {**above(GAINS), "leaky_relu": SIX}
    folder = train(write_config(config_text([ABOVE, '{metric: val_accuracy, is: "> 0.5"}'], 6)), numbers)
    lines = ask(folder, columns=60).stdout.splitlines()
    assert max(len(line) for line in lines if not line.startswith("study  (")) <= 60  # a path stays whole
    assert "p = 0.031" in " ".join(lines)


def test_hostile_words_are_inert(write_config: Callable[..., Path], train: Callable[..., Path]) -> None:
    hostile = '{metric: dead_units, at: max, is: "== 0", says: "\\e[31mred [bold]bold[/bold] \\a"}'
    result = ask(train(write_config(config_text([hostile], 1)), {"sigmoid": [0]}, "dead_units"))
    assert "\x1b" not in result.stdout
    assert "\x07" not in result.stdout
    assert "[bold]bold[/bold]" in result.stdout


# --- divergence and chance -------------------------------------------------------------------------------------


def test_a_claim_says_how_often_its_sides_diverged_as_the_table_does(judged: Judged, tmp_path: Path) -> None:
    numbers = {"relu": [0.9 + s / 1000 for s in range(8)], "sigmoid": [0.8 + s / 1000 for s in range(8)]}
    (verdict,) = judged([ABOVE], numbers, ends={f"sigmoid-seed{seed}": "diverged" for seed in range(7)})
    (result,) = [one for one in compare(discover([tmp_path / "results"])[0]).results if one.baseline]
    assert result.divergence is not None and result.divergence.verdict == "diverges more often"
    assert "relu diverged at 0 of 8 seeds, sigmoid at 7 of 8; diverges less often (p = 0.016)" in text(verdict)


def test_no_claim_is_supported_or_refuted_by_two_that_guess(judged: Judged) -> None:
    numbers = {"relu": [0.1135] * 8, "sigmoid": [0.09 + s / 1000 for s in range(8)]}
    (verdict,) = judged([ABOVE], numbers)
    assert verdict.verdict == "undecided"
    assert "both are at chance level (10.00%, 1 of 10 classes): neither has learned" in text(verdict)
