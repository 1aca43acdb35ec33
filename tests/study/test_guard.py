"""What differs besides what is compared: each guard fires where it must, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from as_text import beside, notes

from actlab.runs.folder import HISTORY
from actlab.runs.record import Run
from actlab.show import words
from actlab.study.guard import Note
from actlab.study.judge import compare

Train = Callable[..., Run]
Study = Callable[..., list[Run]]
ENVIRONMENT = {
    "versions": {"python": "3.11.7", "actlab": "0.1.0", "tensorflow": "2.21.0", "keras": "3.15.1"},
    "git": {"commit": "a" * 40, "dirty": False}, "machine": {"processor": "AMD EPYC"},
    "device": "cpu", "threads": 1, "onednn": True, "op_determinism": False,
}  # fmt: skip
DATA = {"name": "mnist", "sha256": "6" * 64, "stand_in_for": None, "validation_images": 6000, "test_images": 10_000}


@pytest.fixture
def study(train: Train) -> Study:
    """Two activations of six seeds each, and what is special in the records of the second, or of one seed of it."""

    def made(changes: Mapping[str, Any] = {}, only: int | None = None, **config: Any) -> list[Run]:
        runs = []
        for name, shift in (("relu", 0.0), ("elu", 0.05)):
            for seed in range(6):
                record = {"environment": ENVIRONMENT, "dataset": DATA, "initial_weights_sha256": f"{seed:064x}"}
                if name == "elu" and only in (None, seed):
                    record |= changes
                runs.append(train([0.8 + shift + seed / 100], activation=name, seed=seed, record=record, **config))
        return runs

    return made


def environment(**changes: Any) -> dict[str, Any]:
    return {"environment": {**ENVIRONMENT, **changes}}


def test_a_study_that_differs_in_nothing_else_is_not_marked(study: Study) -> None:
    comparison = compare(study())
    assert beside(comparison) == {"relu": [], "elu": []}
    assert comparison.table()["verdict"].tolist() == ["baseline", "better"]
    assert [note.kind for note in comparison.notes if note.kind != "standard error"] == []


DIFFERENCES: list[tuple[dict[str, Any], str]] = [
    ({"initial_weights_sha256": "f" * 64}, "other initial weights"),
    ({"parameters": 203_786}, "parameters 203,786 against 203,530"),
    (environment(device="gpu: H200"), "device gpu: H200 against cpu"),
    (environment(threads=2), "threads 2 against 1"),
    (environment(threads_of_parts=[1, 2]), "threads 1 then 2 against 1"),
    (environment(onednn=False), "oneDNN off against on"),
    (environment(op_determinism=True), "op determinism on against off"),
    (environment(machine={"processor": "Intel"}), "processor Intel against AMD EPYC"),
    (environment(versions={**ENVIRONMENT["versions"], "keras": "3.16.0"}), "version of keras 3.16.0 against 3.15.1"),
    (environment(git={"commit": "b" * 40, "dirty": False}), "code bbbbbbbb against aaaaaaaa"),
    (environment(git={"commit": "a" * 40, "dirty": True}), "code aaaaaaaa with uncommitted changes against aaaaaaaa"),
]


@pytest.mark.parametrize(("changes", "said"), DIFFERENCES)
def test_what_differs_stands_beside_the_verdict(changes: dict[str, Any], said: str, study: Study) -> None:
    comparison = compare(study(changes))
    found = [words for words in beside(comparison)["elu"] if not words.startswith("seeds ")]
    assert found == [said]
    assert beside(comparison)["relu"] == []
    assert comparison.table()["verdict"].tolist()[1] == "better"  # said beside it, not instead of it


@pytest.mark.parametrize(("changes", "said"), DIFFERENCES)
def test_it_is_said_in_how_many_pairs(changes: dict[str, Any], said: str, study: Study) -> None:
    assert beside(compare(study(changes, only=2)))["elu"] == [f"{said} in 1 of 6 pairs"]


@pytest.mark.parametrize(
    "changes", [{"initial_weights_sha256": None}, {"environment": {}}, environment(git=None), environment(threads=None)]
)
def test_what_is_not_recorded_differs_from_nothing(changes: dict[str, Any], study: Study) -> None:
    assert beside(compare(study(changes)))["elu"] == []


def test_records_of_anywhere_are_looked_at_without_a_crash(study: Study) -> None:
    odd = {"environment": {"versions": ["x"], "git": "x", "machine": None, "device": {"a": 1}, "threads": "many"}}
    marks = beside(compare(study(odd)))["elu"]
    assert marks == ["device {'a': 1} against cpu", "threads many against 1"]


@pytest.mark.parametrize(
    ("key", "one", "other", "said"),
    [
        ("optimizer", {"name": "sgd", "learning_rate": 0.1}, {"name": "sgd", "learning_rate": 0.01},
         "optimizer.learning_rate 0.01 against 0.1"),
        ("epochs", 3, 4, "epochs 4 against 3"),
        ("initializer", "he_normal", "glorot_uniform", "initializer glorot_uniform against he_normal"),
        ("batch_size", 16, 32, "batch_size 32 against 16"),
    ],
)  # fmt: skip
def test_what_goes_together_is_no_single_difference(
    key: str, one: Any, other: Any, said: str, train: Train
) -> None:  # fmt: skip
    runs = [train([0.9], activation=a, **{key: v}) for a, v in (("relu", one), ("elu", other))]
    comparison = compare(runs, baseline="relu")
    assert list(beside(comparison).values()) == [[], [said]]
    assert beside(compare(runs, by=["activation"])) == {"relu": [], "elu": [said]}


def test_what_is_compared_is_not_confounded_by_itself(train: Train) -> None:
    """Other initial weights are what another initializer is for, other parameters what a wider layer is for."""

    def run(parameters: int, digest: str, **config: Any) -> Run:
        record = {"parameters": parameters, "initial_weights_sha256": digest * 64}
        return train([0.9], record=record, **config)

    by_initializer = [run(1, d, initializer=i) for i, d in (("he_normal", "a"), ("glorot_uniform", "b"))]
    assert beside(compare(by_initializer)) == {"he_normal": [], "glorot_uniform": []}
    wider = [run(n, d, model={"name": "mnist_dense", "hidden": [n]}) for n, d in ((10, "a"), (20, "b"))]
    assert beside(compare(wider)) == {"10": [], "20": []}
    by_rate = [run(1, d, optimizer={"name": "sgd", "learning_rate": r}) for r, d in ((0.1, "a"), (0.2, "b"))]
    assert beside(compare(by_rate)) == {"0.1": [], "0.2": ["other initial weights"]}


STOPPED = {"early_stopping": {"metric": "val_loss", "patience": 2}}


def stopping(train: Train, epochs: Mapping[str, list[int]], full: int = 6) -> list[Run]:
    """Activations whose seeds ended at so many epochs; early where that is less than in full."""
    return [
        train([0.5 + s / 100] * n, activation=name, seed=s, record={"stopped_early": n < full}, epochs=full, **STOPPED)
        for name, counts in epochs.items() for s, n in enumerate(counts)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ([3, 3], [6, 6], ["ended at epoch 3 by early stopping against epoch 6"]),
        ([3, 3], [5, 5], ["ended at epoch 3 by early stopping against epoch 5 by early stopping"]),
        ([3, 5], [3, 4], ["ended at epoch 5 by early stopping against epoch 4 by early stopping in 1 of 2 pairs"]),
        ([3, 5, 6], [2, 4, 5],
         ["ended at epochs 3 to 6, some by early stopping against epochs 2 to 5 by early stopping"]),
        ([3, 6], [3, 6], []),
        ([6, 6], [6, 6], []),
    ],
)  # fmt: skip
def test_trainings_that_early_stopping_ended_elsewhere_are_marked(
    mine: list[int], theirs: list[int], said: list[str], train: Train
) -> None:
    assert beside(compare(stopping(train, {"relu": theirs, "elu": mine}))) == {"relu": [], "elu": said}


def test_where_the_best_is_restored_the_last_evaluation_is_the_end_all_the_same(train: Train) -> None:
    runs = stopping(train, {"relu": [5], "elu": [4]})
    for run in runs:
        run.record["results"]["final"]["epoch"] = 2
    assert beside(compare(runs))["elu"] == ["ended at epoch 4 by early stopping against epoch 5 by early stopping"]


def test_a_length_that_is_compared_or_configured_is_not_told_as_early_stopping(train: Train) -> None:
    lengths = [train([0.5] * n, epochs=n) for n in (2, 3)]
    assert beside(compare(lengths)) == {"2": [], "3": []}
    assert beside(compare([train([0.5] * 3, activation="elu", epochs=3), lengths[0]]))["elu epochs=3"] == []
    stopped = train([0.5] * 2, seed=1, epochs=3, record={"stopped_early": True}, **STOPPED)
    rule = [train([0.5] * 3, seed=1, epochs=3), stopped]
    assert all(words == [] for words in beside(compare(rule)).values())


def test_the_digest_of_the_source_tells_whether_the_code_was_the_same(study: Study) -> None:
    """Whatever the commits say: other documentation is another commit, and what is uncommitted may be the same."""
    dirty = {"git": {"commit": "a" * 40, "dirty": True}, "source_sha256": "1" * 64}
    runs = study(environment(git={"commit": "b" * 40, "dirty": False}, source_sha256="1" * 64))
    for run in runs[:6]:
        run.environment = {**ENVIRONMENT, **dirty}
    assert beside(compare(runs))["elu"] == []
    for run in runs[:6]:
        run.environment = {**ENVIRONMENT, **dirty, "source_sha256": "2" * 64}
    assert beside(compare(runs))["elu"] == ["code source 11111111 against source 22222222"]


def test_uncommitted_changes_on_both_sides_may_be_others(study: Study) -> None:
    runs = study(environment(git={"commit": "a" * 40, "dirty": True}))
    dirty = {"environment": {**ENVIRONMENT, "git": {"commit": "a" * 40, "dirty": True}}}
    for run in runs[:6]:
        run.environment = dirty["environment"]
    said = "code aaaaaaaa with uncommitted changes on both sides, which may not be the same"
    assert beside(compare(runs))["elu"] == [said]
    runs[8].environment = ENVIRONMENT
    runs[2].environment = ENVIRONMENT
    assert beside(compare(runs))["elu"] == [f"{said} in 5 of 6 pairs"]


def test_seeds_of_one_condition_that_were_trained_otherwise_are_noted(study: Study) -> None:
    other = {"versions": {**ENVIRONMENT["versions"], "keras": "3.20"}, "git": {"commit": "b" * 40}, "threads": 8}
    only_one = compare(study(environment(**other), only=3))
    several = {"threads": ("1", "8"), "version of keras": ("3.15.1", "3.20"), "code": ("aaaaaaaa", "bbbbbbbb")}
    assert Note("pooled", ("elu",), {"facts": several}) in only_one.notes


def test_what_all_conditions_pool_is_noted_once_and_is_no_mark(study: Study) -> None:
    runs = study()
    for run in runs:
        if run.config["seed"] > 2:
            run.environment = {**ENVIRONMENT, "git": {"commit": "b" * 40}}
    comparison = compare(runs)
    assert [note for note in notes(comparison) if "seeds trained with different" in note] == [
        "relu and elu: seeds trained with different code aaaaaaaa and bbbbbbbb"
    ]  # fmt: skip
    assert beside(comparison) == {"relu": [], "elu": []}


def test_many_ways_of_pooling_are_one_note(train: Train) -> None:
    runs = [
        train([0.9], activation=name, seed=s, record={"environment": {"threads": i + s + 1}})
        for i, name in enumerate(("relu", "elu", "tanh", "selu")) for s in (0, 1)
    ]  # fmt: skip
    assert [n for n in notes(compare(runs)) if "seeds trained with different" in n] == [
        "relu, elu, tanh and selu: seeds trained with different threads 1, 2, 3, 4 and 5"
    ]


# --- seeds -----------------------------------------------------------------------------------------------------


def test_two_seeds_with_the_same_weights_are_called_out(study: Study, train: Train) -> None:
    runs = study()
    runs[4].record["initial_weights_sha256"] = runs[1].record["initial_weights_sha256"]
    comparison = compare(runs)
    words = "seeds 1 and 4 of relu began with the same weights, and are no independent trials"
    assert beside(comparison)["relu"] == [words]
    assert beside(comparison)["elu"] == [words, "other initial weights in 1 of 6 pairs"]


def test_the_same_weights_of_one_seed_in_a_pool_are_no_twins(train: Train) -> None:
    runs = [
        train([0.9], seed=s, activation=a, batch_size=b, record={"initial_weights_sha256": f"{s:064x}"})
        for a in ("relu", "elu") for b in (16, 32) for s in (0, 1)
    ]  # fmt: skip
    assert beside(compare(runs, by=["activation"])) == {"relu": [], "elu": []}


# --- data ------------------------------------------------------------------------------------------------------

STAND_IN = {"dataset": {"name": "synth_mnist", "sha256": "5" * 64, "stand_in_for": "mnist"}}


def test_runs_on_other_data_are_never_pooled(study: Study) -> None:
    other = {"dataset": {**DATA, "sha256": "7" * 64}}
    comparison = compare(study(other, only=3))
    assert comparison.differs == ["activation", "data"]
    assert comparison.names == ["relu mnist 66666666", "elu mnist 66666666", "elu mnist 77777777"]
    assert comparison.table()["n"].tolist() == [6, 5, 1]
    assert any(note.startswith("runs of elu are on different data, and are never averaged: mnist 66666666 and") for note
               in notes(comparison))  # fmt: skip


def test_a_stand_in_is_not_pooled_with_the_set_it_stands_for(train: Train, study: Study) -> None:
    runs = [*study(), train([0.99], activation="elu", seed=6, dataset="synth_mnist", record=STAND_IN)]
    comparison = compare(runs, by=["activation"])
    assert comparison.names == ["relu mnist", "elu mnist", "elu synth_mnist, NOT mnist"]
    assert comparison.table()["n"].tolist() == [6, 6, 1]


def test_numbers_on_other_data_are_not_held_against_each_other(train: Train, study: Study) -> None:
    runs = [run for run in study() if run.config["activation"]["name"] == "relu"]
    runs += [train([0.99], activation="elu", seed=s, dataset="synth_mnist", record=STAND_IN) for s in range(6)]
    comparison = compare(runs, baseline="relu")
    (result,) = [result for result in comparison.results if result.baseline]
    assert (result.verdict, result.pairs) == ("not established", None)
    assert result.reason == Note(
        "other data", (result.name,), {"mine": ["synth_mnist, NOT mnist"], "theirs": ["mnist"]}
    )
    assert comparison.family == 0
    assert any("says nothing about mnist" in note for note in notes(comparison))


def test_datasets_may_be_compared_where_they_are_what_is_compared(train: Train) -> None:
    def on(name: str, digest: str) -> list[Run]:
        record = {"dataset": {"name": name, "sha256": digest * 64, "stand_in_for": None}}
        return [train([0.9 - len(name) / 100 + s / 1000], dataset=name, seed=s, record=record) for s in range(6)]

    comparison = compare([*on("mnist", "a"), *on("fashion_mnist", "b")])
    assert comparison.table()["verdict"].tolist() == ["baseline", "worse"]
    assert beside(comparison)["fashion_mnist"] == []


def test_a_stand_in_is_not_held_against_the_set_it_stands_for(train: Train, study: Study) -> None:
    runs = [run for run in study() if run.config["activation"]["name"] == "relu"]
    runs += [train([0.99], seed=s, dataset="synth_mnist", record=STAND_IN) for s in range(6)]
    comparison = compare(runs)
    assert comparison.table()["verdict"].tolist() == ["baseline", "not established"]
    assert [result.reason and result.reason.kind for result in comparison.results] == [None, "other data"]


def test_a_run_that_never_had_its_data_stays_with_its_condition(study: Study) -> None:
    runs = study()
    runs[5].record.pop("dataset")
    runs[5].record["status"] = "failed"
    comparison = compare(runs)
    assert comparison.differs == ["activation"]
    assert comparison.table()["failed"].tolist() == [1, 0]


def test_the_same_config_on_other_data_is_another_run(study: Study, train: Train) -> None:
    runs = study()
    record = {"dataset": {**DATA, "sha256": "7" * 64}, "environment": ENVIRONMENT}
    runs.append(train([0.1], seed=0, folder="elsewhere", record=record))
    comparison = compare(runs)
    assert not any("counts once" in note for note in notes(comparison))
    assert sorted(comparison.names) == ["elu mnist 66666666", "relu mnist 66666666", "relu mnist 77777777"]


# --- epochs chosen on test data --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "config", "said"),
    [
        ("last", {}, ""),
        ("best-validation", {}, ""),
        ("last", {"dataset": {"name": "mnist", "validation": "test"}}, "nothing was chosen by them"),
        ("best-validation", {"dataset": {"name": "mnist", "validation": "test"}},
         "the epoch was chosen by the test images, so these numbers are too good; --at last is fixed in advance"),
        ("max", {"dataset": {"name": "mnist", "validation": "test"}}, "the epoch was chosen by the test images"),
        ("last", {"dataset": {"name": "mnist", "validation": "test"}, "early_stopping": {"patience": 2}},
         "trainings were stopped by the test images, so these numbers are too good"),
    ],
)  # fmt: skip
def test_an_epoch_chosen_on_test_data_is_called_out(at: str, config: dict[str, Any], said: str, train: Train) -> None:
    found = [
        n for n in notes(compare([train([0.8, 0.9], seed=s, **config) for s in (0, 1)], at=at)) if "test images" in n
    ]
    assert len(found) == bool(said)
    assert all(said in note for note in found)


@pytest.mark.parametrize(("metric", "chosen"), [("loss", False), ("wall_seconds", False), ("val_loss", True)])
def test_the_largest_of_what_no_test_image_decides_is_no_choice_by_them(
    metric: str, chosen: bool, train: Train
) -> None:  # fmt: skip
    on_test = {"name": "mnist", "validation": "test"}
    found = notes(compare([train([0.8, 0.9], seed=s, dataset=on_test) for s in (0, 1)], metrics=[metric], at="max"))
    assert any("the epoch was chosen by the test images" in note for note in found) == chosen


@pytest.mark.parametrize(
    ("metric", "at", "lucky"),
    [
        ("val_accuracy", "last", False), ("val_accuracy", "max", True), ("val_accuracy", "min", False),
        ("val_loss", "min", True), ("val_loss", "max", False), ("val_accuracy", "best-validation", True),
        ("test_accuracy", "best-validation", False), ("val_accuracy", "area", False),
    ],
)  # fmt: skip
def test_a_number_taken_where_it_is_best_is_said_to_be_too_good(
    metric: str, at: str, lucky: bool, train: Train
) -> None:  # fmt: skip
    found = notes(compare([train([0.8, 0.9], seed=s) for s in (0, 1)], metrics=[metric], at=at))
    assert (f"{metric}: taken where it is best in each run, and so too good by itself" in found) == lucky


def test_an_accuracy_is_uncertain_by_its_images_alone(train: Train) -> None:
    """SCIENCE: .79 on 10,000 images has a standard error of .41 points."""
    data = {"dataset": {**DATA, "test_images": 10_000}}
    runs = [train([0.81], seed=s, record=data) for s in (0, 1)]  # the made-up test accuracy is 0.02 lower
    found = notes(compare(runs, metrics=["test_accuracy"]))
    assert found == ["0.41 points is the standard error of a test_accuracy of 79.00% on 10,000 images"]
    assert not any("standard error" in note for note in notes(compare(runs, metrics=["val_loss"])))


def test_the_standard_error_is_of_the_numbers_that_are_compared(train: Train) -> None:
    """Those of the best validation, not the last ones, where these are read."""
    runs = [train([0.92, 0.52], seed=s, record={"dataset": DATA}) for s in (0, 1)]
    for at, accuracy in (("last", 0.5), ("best-validation", 0.9)):
        comparison = compare(runs, metrics=["test_accuracy"], at=at)
        (note,) = [note for note in comparison.notes if note.kind == "standard error"]
        assert note.facts["accuracy"] == pytest.approx(accuracy)
        assert note.facts["error"] == pytest.approx((accuracy * (1 - accuracy) / 10_000) ** 0.5)


def test_uncommitted_changes_are_said_once_for_all(study: Study) -> None:
    changed = environment(git={"commit": "a" * 40, "dirty": True})
    found = notes(compare(study(changed)))
    assert "6 of 12 runs were trained by code with uncommitted changes: which, nobody can tell" in found


# --- images of a probe -------------------------------------------------------------------------------------------


def probed(train: Train, relu: str, elu: str, folder: str = "probed") -> list[Run]:
    """Six seeds each, whose probes looked at these images; elu has more dead units."""
    runs = []
    for name, where, dead in (("relu", relu, 10), ("elu", elu, 90)):
        for seed in range(6):
            probes = [{"name": "dead_units", "on": where}]
            record = {"dataset": DATA, "environment": ENVIRONMENT}
            run = train([0.9], activation=name, seed=seed, probes=probes, record=record, folder=folder)
            head, row = (run.path / HISTORY).read_text().splitlines()
            (run.path / HISTORY).write_text(f"{head},dead_units\n{row},{dead + seed}\n")
            runs.append(Run(run.path))
    return runs


def test_dead_units_on_other_images_are_no_difference_of_networks(train: Train) -> None:
    comparison = compare(probed(train, "validation", "training"), metrics=["dead_units"])
    facts = {"mine": ["mnist (training images)"], "theirs": ["mnist (validation images)"]}
    result = comparison["elu"]
    assert (result.pairs, result.verdict) == (None, "not established")
    assert result.reason == Note("other data", ("elu",), facts)
    assert compare(probed(train, "training", "training", "alike"), metrics=["dead_units"])["elu"].verdict == "worse"


def test_a_condition_probed_on_both_is_two_and_never_averaged(train: Train) -> None:
    both = [*probed(train, "validation", "validation", "a"), *probed(train, "training", "training", "b")]
    comparison = compare(both, metrics=["dead_units"])
    assert comparison.names == [
        f"{name} mnist ({where} images)" for where in ("validation", "training") for name in ("relu", "elu")
    ]  # fmt: skip
    assert "kept apart" in [note.kind for note in comparison.notes]
    assert len(compare(both, metrics=["val_accuracy"]).names) == 2


def test_a_second_metric_on_other_images_is_noted(train: Train) -> None:
    runs = probed(train, "validation", "training")
    (note,) = [one for one in compare(runs, metrics=["val_accuracy", "dead_units"]).notes if "taken on" in one.kind]
    expected = "dead_units is of relu on validation images and of elu on training images: its difference is none of"
    assert words.note(note) == f"{expected} networks"
