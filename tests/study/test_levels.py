"""How often a table says what is not so, and how often it finds what is: by simulation of whole tables.

The quick form runs with the suite. The long one, 5,000 tables of each kind, is `pytest -m torture` of this file;
`python tests/study/test_levels.py` prints the tables of docs/statistics.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from actlab.study.guard import SKEW_LEVEL, skewed
from actlab.study.judge import ALPHA, ALPHA_OF_FEW
from actlab.study.stats.joint import holm, joint_p, student_p

Floats = NDArray[np.float64]
LEVEL = 0.05  # that neither better and worse nor indicated may pass
QUICK, LONG = 300, 5_000  # tables
CONDITIONS = (2, 9, 18, 40)
SEEDS = (6, 7, 8, 10, 12)
FEW_SEEDS = (3, 4, 5)


def scaled(values: Floats, others: tuple[float, float]) -> Floats:
    """A baseline of deviation 1, and conditions whose deviations alternate between two others."""
    return values * np.resize([1.0, *np.resize(others, values.shape[1] - 1)], values.shape[1])[:, None]


# kind of data to how its values are drawn, all of one mean, (tables, baseline and conditions, seeds); and its step
Draw = Callable[[np.random.Generator, tuple[int, int, int]], Floats]
KINDS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0),
    "skewed": (lambda rng, shape: rng.exponential(size=shape), 0),
    "heavy tails": (lambda rng, shape: rng.standard_t(2, size=shape), 0),
    "counts, mean 1": (lambda rng, shape: rng.poisson(1.0, shape).astype(float), 1),
    "counts, mean 10": (lambda rng, shape: rng.poisson(10.0, shape).astype(float), 1),
    "0 or 1": (lambda rng, shape: rng.integers(0, 2, shape).astype(float), 1),
    "unequal deviations": (lambda rng, shape: scaled(rng.normal(size=shape), (0.2, 5.0)), 0),
}


def collapsing(share: float, depth: float) -> Draw:
    """Conditions that lose so many deviations in a share of their runs, and are better by as much else."""

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
        values, falls = rng.normal(size=shape), rng.random(shape) < share
        values[:, 1:] += share * depth - depth * falls[:, 1:]
        return values

    return draw


# where no test of few seeds holds: differences that are skewed by themselves, though their means are equal
SKEWED: dict[str, Draw] = {
    "exponential round a baseline of a tenth": lambda rng, shape: scaled(rng.exponential(size=shape) - 1, (10.0, 10.0)),
    "exponential round a baseline of a fiftieth": lambda rng, shape: scaled(rng.exponential(size=shape) - 1, (50, 50)),
    "1 run of 20 falls by 10 deviations": collapsing(0.05, 10),
    "1 run of 20 falls by 30 deviations": collapsing(0.05, 30),
    "1 run of 10 falls by 10 deviations": collapsing(0.1, 10),
}


def differences(draw: Draw, tables: int, conditions: int, seeds: int, shift: Floats | float = 0.0) -> Floats:
    """Of conditions minus the baseline that they share, (tables, conditions, seeds)."""
    rng = np.random.default_rng([conditions, seeds])
    values = draw(rng, (tables, conditions + 1, seeds))
    return values[:, 1:] - values[:, :1] + shift


def excludes_zero(of: Floats) -> NDArray[np.bool_]:
    n = of.shape[-1]
    half = special.stdtrit(n - 1, 0.975) * of.std(axis=-1, ddof=1) / np.sqrt(n)
    found: NDArray[np.bool_] = np.abs(of.mean(axis=-1)) > half
    return found


def established(of: Floats) -> NDArray[np.bool_]:
    """Better or worse, (tables, conditions)."""
    off, seeds = np.full(of.shape[1], 1e-13), range(of.shape[2])
    return np.array([joint_p(table, off, seeds) < ALPHA for table in of]) & excludes_zero(of)


def by_holm(of: Floats) -> NDArray[np.bool_]:
    """What Holm's correction of the exact sign-flip p of each comparison would establish."""
    n = of.shape[2]
    signs = np.where(np.arange(2 ** (n - 1))[:, None] >> np.arange(n) & 1, -1.0, 1.0)
    found = []
    for table in of:
        p = (np.abs(signs @ table.T) >= np.abs(table.sum(axis=1)) - 1e-9).mean(axis=0)
        found.append(holm(p) < ALPHA)
    return np.array(found) & excludes_zero(of)


def indicated(of: Floats, step: float) -> NDArray[np.bool_]:
    """Indicated better or worse, (tables, conditions)."""
    one_sign = (of > 0).all(axis=-1) | (of < 0).all(axis=-1)
    return np.array([holm(p) < ALPHA_OF_FEW for p in student_p(of, step)]) & one_sign


def error(kind: str, tables: int, conditions: int, seeds: int) -> float:
    """The share of tables that call something different where nothing is."""
    draw, step = KINDS[kind]
    of = differences(draw, tables, conditions, seeds)
    found = established(of) if seeds >= min(SEEDS) else indicated(of, step)
    return float(found.any(axis=1).mean())


def power(tables: int, conditions: int, seeds: int, effect: float) -> tuple[float, float]:
    """The share of true differences that is found, where half of the conditions have one; and what Holm finds.

    Args:
        effect: mean of the differences divided by their deviation.
    """
    shift = np.where(np.arange(conditions) % 2, 0.0, effect * np.sqrt(2))[:, None]
    of = differences(KINDS["normal"][0], tables, conditions, seeds, shift)
    joint, separate = (find(of)[:, ::2].mean() for find in (established, by_holm))
    return float(joint), float(separate)


def noted(of: Floats) -> NDArray[np.bool_]:
    """Whether a table has a note on skewed differences, (tables,)."""
    seeds = range(of.shape[2])
    return np.array([bool(skewed({i: (seeds, row.tolist()) for i, row in enumerate(table)})) for table in of])


def errors_and_notes(draw: Draw, tables: int, conditions: int, seeds: int) -> tuple[float, float, float]:
    """The shares of tables that err, of those with a note on skew, and of those with one among those that err."""
    of = differences(draw, tables, conditions, seeds)
    wrong, note = established(of).any(axis=1), noted(of)
    return float(wrong.mean()), float(note.mean()), float(note[wrong].mean()) if wrong.any() else float("nan")


def allowed(tables: int, level: float = LEVEL) -> float:
    """The level, and three standard errors of the simulation."""
    return level + 3 * float(np.sqrt(level * (1 - level) / tables))


@pytest.mark.parametrize(("conditions", "seeds"), [(2, 6), (9, 8), (9, 12)])
def test_normal_differences_are_seldom_called_skewed(conditions: int, seeds: int) -> None:
    of = differences(KINDS["normal"][0], QUICK, conditions, seeds)
    assert noted(of).mean() <= allowed(QUICK, SKEW_LEVEL)


@pytest.mark.torture
@pytest.mark.parametrize("conditions", CONDITIONS)
@pytest.mark.parametrize("seeds", SEEDS)
def test_five_thousand_normal_tables_are_seldom_called_skewed(conditions: int, seeds: int) -> None:
    of = differences(KINDS["normal"][0], LONG, conditions, seeds)
    assert noted(of).mean() == pytest.approx(SKEW_LEVEL, abs=allowed(LONG, SKEW_LEVEL) - SKEW_LEVEL + 0.002)


def found_apart(depth: float, tables: int, conditions: int, seeds: int) -> float:
    """In which share of the tables the note finds the one seed that moved the mean of one comparison.

    Args:
        depth: how many deviations of the differences it fell.
    """
    of = np.random.default_rng([conditions, seeds]).normal(size=(tables, conditions, seeds))
    of[:, 0, 0] -= depth
    rows = [skewed({i: (range(seeds), row.tolist()) for i, row in enumerate(table)}) for table in of]
    return float(np.mean([0 in row and row[0]["seed"] == 0 for row in rows]))


def test_one_seed_that_makes_the_mean_is_found() -> None:
    """A fall that did not happen cannot be found; one by 5 deviations is found half of the time."""
    assert found_apart(10, QUICK, 1, 8) > 0.95
    assert found_apart(5, QUICK, 1, 8) == pytest.approx(0.45, abs=0.12)
    assert found_apart(0, QUICK, 1, 8) < 0.02


@pytest.mark.torture
@pytest.mark.parametrize(("depth", "seeds", "share"), [(10, 6, 0.85), (10, 8, 0.98), (5, 12, 0.6), (10, 12, 0.99)])
def test_five_thousand_seeds_that_make_the_mean_are_found(depth: float, seeds: int, share: float) -> None:
    assert found_apart(depth, LONG, 1, seeds) > share


@pytest.mark.torture
@pytest.mark.parametrize("kind", SKEWED)
def test_skewed_differences_err_as_the_documentation_says(kind: str) -> None:
    """More than twice the level; and the note stands in many of these tables."""
    wrong, note, _ = errors_and_notes(SKEWED[kind], LONG // 5, 9, 8)
    assert wrong > 2 * LEVEL
    assert note > 10 * SKEW_LEVEL


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("conditions", "seeds"), [(2, 6), (9, 8), (18, 6), (18, 4), (9, 3), (40, 5)])
def test_a_table_seldom_says_what_is_not_so(kind: str, conditions: int, seeds: int) -> None:
    assert error(kind, QUICK, conditions, seeds) <= allowed(QUICK)


@pytest.mark.torture
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("conditions", CONDITIONS)
@pytest.mark.parametrize("seeds", [*FEW_SEEDS, *SEEDS])
def test_five_thousand_tables_seldom_say_what_is_not_so(kind: str, conditions: int, seeds: int) -> None:
    assert error(kind, LONG, conditions, seeds) <= allowed(LONG)


def test_many_conditions_cost_less_than_by_holm() -> None:
    joint, separate = power(100, 18, 8, effect=2.0)
    assert joint > 0.8
    assert separate == 0.0  # 18 · 2/2⁸ is above 0.05, whatever the differences are


def test_counts_without_a_floor_would_be_called_different() -> None:
    """Three differences of one unit have no spread, and an infinite t: why the deviation is not less than a step."""
    of = differences(KINDS["counts, mean 1"][0], QUICK, 18, 3)
    assert indicated(of, step=0.0).any(axis=1).mean() > 0.2
    assert not indicated(of, step=1.0).any()


def main(tables: int) -> None:
    """Print the tables of docs/statistics.md."""
    for title, seeds in (("better or worse", SEEDS), ("indicated", FEW_SEEDS)):
        heads = [f"{n} seeds, {m}" for n in seeds for m in CONDITIONS]
        print(f"\n{title}\n| data | {' | '.join(heads)} |\n| --- |{' --- |' * len(heads)}")
        for kind in KINDS:
            errors = [f"{error(kind, tables, m, n):.3f}"[1:] for n in seeds for m in CONDITIONS]
            print(f"| {kind} | {' | '.join(errors)} |", flush=True)
    print("\npower\n| effect | seeds | conditions | joint | Holm |\n| --- | --- | --- | --- | --- |")
    for effect in (1.0, 2.0, 3.0):
        for n in (6, 8, 10, 12):
            for m in (2, 9, 18, 40):
                joint, separate = power(tables // 5, m, n, effect)
                print(f"| {effect:g} | {n} | {m} | {joint:.2f} | {separate:.2f} |", flush=True)
    print("\nskewed differences: tables that err, those with a note, those with one among those that err")
    for kind, draw in (("normal", KINDS["normal"][0]), *SKEWED.items()):
        cells = [" ".join(f"{share:.2f}" for share in errors_and_notes(draw, tables // 5, m, n))
                 for n in (6, 8, 12) for m in (2, 9)]  # fmt: skip
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    print("\nthe note on skew: false alarms on normal differences, then how often it finds one seed that fell")
    for conditions in (1, 9):
        for n in SEEDS:
            alarms = noted(differences(KINDS["normal"][0], tables, conditions, n)).mean()
            cells = [f"{found_apart(depth, tables, conditions, n):.2f}" for depth in (3, 5, 7, 10)]
            print(f"| {conditions} | {n} | {alarms:.3f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else LONG)
