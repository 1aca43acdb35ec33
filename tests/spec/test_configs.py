"""The shipped configs: what each trains, what it says, and whether its claims could be decided by its seeds."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from actlab.registry import find
from actlab.spec.claim import EVERY_SEED, groups_of, opposites
from actlab.spec.plan import Plan
from actlab.spec.plan import read as read_plan
from actlab.spec.where import conditions_of
from actlab.study.stats.joint import MINIMUM_PAIRS

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))

RUNS = {
    "batch_norm": 162, "born_dead": 60, "cifar10_positive_activations": 12, "cifar10_six_activations": 18,
    "dead_units_map": 1000, "dense_vs_conv": 21, "dying_relu_batch_norm": 36, "dying_relu_batch_size": 30,
    "dying_relu_film": 2,
    "dying_relu_films": 8, "dying_relu_leaky_slope": 30, "dying_relu_learning_rate": 72, "im2col": 6,
    "leaky_slope": 42, "mnist_activations": 90, "momentum": 72, "optimizers": 117, "overfitting": 84,
    "quickstart_synth": 8, "regularizer_optimizer": 54, "relu_vs_leaky": 6, "rmsprop_rate": 36, "rrelu": 40,
    "sigmoid_rates": 27, "vanishing_gradient": 48, "weight_init": 21, "zero_weights": 12,
}  # fmt: skip
EXPERIMENTS = sorted(set(RUNS) - {"quickstart_synth", "relu_vs_leaky"})
# Runs that two files have in common, and that are trained once: of these files only.
SHARED = {
    ("batch_norm", "vanishing_gradient"): 48, ("dying_relu_batch_norm", "dying_relu_learning_rate"): 12,
    ("dying_relu_batch_size", "dying_relu_leaky_slope"): 6, ("leaky_slope", "mnist_activations"): 6,
    ("mnist_activations", "rrelu"): 24, ("momentum", "optimizers"): 32, ("optimizers", "rmsprop_rate"): 6,
    ("overfitting", "regularizer_optimizer"): 18,
}  # fmt: skip
ARTICLE_1_SEED = 20170523  # of the first article, which every one of its experiments must repeat


@cache
def plan(name: str) -> Plan:
    return read_plan(ROOT / "configs" / f"{name}.yaml")


def test_every_shipped_config_is_known_here() -> None:
    assert [path.stem for path in CONFIGS] == sorted(RUNS)


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_config_trains_as_many_runs_as_it_means_to(name: str) -> None:
    assert plan(name).experiment.name == name
    assert len(plan(name).runs) == RUNS[name]
    assert not plan(name).merged


def test_runs_are_shared_only_where_it_is_meant() -> None:
    hashes = {name: {config.hash for _, config in plan(name).runs} for name in RUNS}
    found = {
        (one, other): len(hashes[one] & hashes[other]) for one, other in itertools.combinations(sorted(RUNS), 2)
        if hashes[one] & hashes[other]
    }  # fmt: skip
    assert found == SHARED


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_description_says_what_the_source_did_and_what_is_different(name: str) -> None:
    said = plan(name).experiment.description
    assert re.search(r"(first|second|third|fourth|fifth) article", said)
    assert "?" in said, "what is asked"
    assert re.search(r"\bHere\b|\bhere\b", said), "what is done here"
    assert re.search(r"differently|instead of|not in it|had one run", said), "what is done differently"


NUMBERS = {"three": 3, "six": 6, "seven": 7, "eight": 8, "nine": 9}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_description_counts_the_seeds_right(name: str) -> None:
    of_condition = Counter(label.rsplit("-seed", 1)[0] for label, _ in plan(name).runs)
    words = re.findall(r"([A-Za-z]+) seeds\b", plan(name).experiment.description)
    assert {NUMBERS[word.lower()] for word in words if word.lower() in NUMBERS} <= set(of_condition.values())


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_real_dataset_names_its_stand_in(name: str) -> None:
    for _, config in plan(name).runs:
        facts = find("dataset").get(config.dataset.name).facts
        assert facts.synthetic or config.dataset.parameters["offline"] == facts.stand_in


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name.startswith("dying_relu")])
def test_the_first_article_s_seed_is_among_the_seeds(name: str) -> None:
    conditions = {(label.rsplit("-seed", 1)[0], config.seed) for label, config in plan(name).runs}
    names = {condition for condition, _ in conditions}
    assert all((condition, ARTICLE_1_SEED) in conditions for condition in names) or len(plan(name).runs) == 2


# three seeds of CIFAR-10 take a day, and its description says that they establish no difference
@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != "cifar10_positive_activations"])
def test_the_seeds_suffice_to_decide_the_comparisons_that_are_claimed(name: str) -> None:
    """With n pairs the smallest p is 2/2ⁿ, however many comparisons there are."""
    configs = [config.canonical() for _, config in plan(name).runs]
    pairs = [n for claim in plan(name).experiment.claims for n in _pairs(claim, configs)]
    assert all(n >= MINIMUM_PAIRS for n in pairs), f"there are {sorted(pairs)} seeds"


def _pairs(claim, configs):  # type: ignore[no-untyped-def]
    """Seeds that both sides of each comparison of a claim have."""
    relation = claim.relation
    if relation.other is None or relation.sign in EVERY_SEED:
        return
    others = groups_of(configs, conditions_of(relation.other))
    groups = groups_of(configs, conditions_of(claim.of))
    for group, theirs in zip(groups, opposites(groups, others, configs, relation.other), strict=True):
        for other in theirs:
            yield len({configs[i]["seed"] for i in group} & {configs[i]["seed"] for i in other})


def test_every_experiment_of_the_five_articles_claims_something() -> None:
    silent = [name for name in EXPERIMENTS if not plan(name).experiment.claims]
    assert silent == ["dying_relu_film"], "a film is looked at, and nothing is concluded from it"


def test_every_config_is_in_the_table_of_experiments() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]+\| ([\d,]+) \|", (ROOT / "docs" / "experiments.md").read_text(), re.M))
    assert {name: int(count.replace(",", "")) for name, count in rows.items()} == RUNS
