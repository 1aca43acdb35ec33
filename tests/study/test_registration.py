"""What a tempted author would do: edit, rerun, ask; and what is said of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden.commands import actlab
from torture.processes import Command

from actlab.runs.folder import CLAIMS, EXPERIMENT, RECORD
from actlab.runs.register import _sha256, read, register_claims, register_plan, register_run
from actlab.show import words
from actlab.spec import plan as planning
from actlab.spec.claim import Claim
from actlab.study.claims import read_folder, read_plan
from actlab.study.registration import Registered, identity, registered

ABOVE = '{metric: val_accuracy, of: {activation: relu}, is: "> 0.5", says: ReLU learns}'
STUDY = """dataset: {{name: synth_mnist, train_images: 200, test_images: 100}}
model: {{name: mnist_dense, hidden: [4]}}
activation: relu
batch_size: 50
epochs: 1
sweep: {{seed: {{range: 2}}}}
claims: [{}]
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that real processes have trained under its first claim, with the config file beside its results.

    The networks are stand-ins, which no test here minds.
    """
    folder = tmp_path_factory.mktemp("author")
    (folder / "study.yaml").write_text(STUDY.format(ABOVE))
    assert run(folder) == 0
    return folder


@pytest.fixture
def author(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "author")


def run(folder: Path, *options: str) -> int:
    files = (folder / "study.yaml", "--out", folder / "results")
    return Command("run", *files, "--workers", 1, *options, module="torture.trainer").end()[0]


def edit(folder: Path, old: str = "> 0.5", new: str = "< 0.5") -> None:
    path = folder / "study.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def rerun(folder: Path, *options: str) -> str:
    """All runs are done, so no process is needed."""
    code, out, err = actlab(("run", "study.yaml", *options), folder)
    assert code == 0, err
    return out


def ask(folder: Path, path: str = "results/study") -> tuple[dict[str, Any], str]:
    """The answer as data and as it is printed."""
    (study,) = json.loads(actlab(("claims", path, "--json"), folder)[1])
    return study, " ".join(actlab(("claims", path), folder)[1].split())


def test_what_was_claimed_before_the_first_run_says_so(author: Path) -> None:
    study, shown = ask(author)
    assert study["claims"][0]["registered"]["when"] == "before the first run"
    assert "registered before the first run, 20" in shown and "; 1 registered before the first run study" in shown


def test_an_edited_claim_is_shown_with_what_it_was(author: Path) -> None:
    edit(author)
    for path, by in (("study.yaml", "and no `actlab run` has registered it"), ("results/study", "by 20")):
        study, shown = ask(author, path)
        (claim,) = study["claims"]
        assert claim["registered"]["when"] == "after the results"
        assert [one["is"] for one in claim["registered"]["earlier"]] == ["> 0.5"]
        assert "written after the results: ReLU learns" in shown and by in shown
        (verdict,) = (one["verdict"] for one in claim["registered"]["earlier"])
        assert verdict in ("refuted", "undecided")  # a net of four units is not right half the time after two steps
        assert "before that, 20" in shown and f"UTC, which is {verdict}: with activation relu, val_acc" in shown
        if path == "study.yaml":
            assert "claims are not as registered at 20" in " ".join(rerun(author).split())
    for form in ("html", "markdown"):
        actlab(("report", "results/study", "-o", f"page.{form}", "--format", form), author)
        page = " ".join((author / f"page.{form}").read_text().split())
        assert "written after the results" in page and "at the end is above 0.5" in page


def test_seeds_that_are_added_until_a_claim_holds_are_counted(author: Path) -> None:
    assert ask(author)[0]["claims"][0]["registered"]["added"] == 0
    rerun(author)  # the same plan again adds none
    edit(author, "range: 2", "range: 4")
    assert run(author) == 0
    study, shown = ask(author)
    assert study["claims"][0]["registered"]["added"] == 2
    assert study["claims"][0]["registered"]["when"] == "before the first run"
    assert "2 seeds were added after the first verdict: p and interval count on seeds that were fixed before" in shown
    page = actlab(("report", "results/study", "-o", "page.md", "--format", "markdown"), author)
    assert "2 seeds were added after the first verdict" in " ".join((author / "page.md").read_text().split()), page


def test_training_again_washes_nothing_clean(author: Path) -> None:
    edit(author)
    assert run(author, "--force") == 0
    assert ask(author)[0]["claims"][0]["registered"]["when"] == "after the results"
    for path in (author / "results" / "study").glob(f"*/{RECORD}"):
        path.unlink()  # as one does who wants it to be trained anew
    edit(author, "< 0.5", "< 0.6")
    plan = planning.read(author / "study.yaml")
    register_claims(author / "results" / "study", [c.model_dump(by_alias=True) for c in plan.experiment.claims], [])
    found = registered(read_plan(plan, [], author / "results" / "study"))
    assert found.claims[0].when != "before the first run"


def test_going_back_keeps_the_first_time_and_shows_the_detour(author: Path) -> None:
    for way in (("> 0.5", "< 0.5"), ("< 0.5", "> 0.5")):
        edit(author, *way)
        rerun(author)
    (claim,) = ask(author)[0]["claims"]
    assert claim["registered"]["when"] == "before the first run"
    assert [one["is"] for one in claim["registered"]["earlier"]] == ["< 0.5"]


def test_a_claim_that_is_taken_away_is_remembered(author: Path) -> None:
    edit(author, f"[{ABOVE}]", "[]")
    rerun(author)
    study, shown = ask(author)
    assert [one["is"] for one in study["register"]["withdrawn"]] == ["> 0.5"]
    assert re.search("claimed once, 20.* UTC, and not any more, which is (refuted|undecided): “ReLU learns”", shown)


def test_another_name_does_not_hide_what_is_known(author: Path) -> None:
    edit(author)
    (author / "study.yaml").write_text("name: fresh\n" + (author / "study.yaml").read_text())
    rerun(author)
    assert ask(author, "results/fresh")[0]["claims"][0]["registered"]["when"] == "after the results"


def new_sums(path: Path) -> None:
    """The register as it would have been with the other claim."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["claims"][0]["is"] = "< 0.5"
    path.unlink()
    register_claims(path.parent, lines[0]["claims"], [])
    register_plan(path.parent, lines[1]["asked"])
    for line in lines[2:]:
        register_run(path.parent, line["began"], line["label"])


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (lambda path: path.write_text(path.read_text().replace("> 0.5", "< 0.5")), ":1: was changed, or cut short"),
        (lambda path: path.unlink(), "lacks the beginning of relu-seed0"),
        (lambda path: path.write_text(""), "lacks the beginning of relu-seed0"),
        (new_sums, "lacks the beginning of relu-seed0"),
    ],
)
def test_who_tampers_with_the_register_wins_nothing(
    tamper: Callable[[Path], Any], problem: str, author: Path
) -> None:  # fmt: skip
    tamper(author / "results" / "study" / CLAIMS)
    edit(author)
    rerun(author)
    study, shown = ask(author)
    assert study["claims"][0]["registered"]["when"] == "unknown"
    assert "when the claims were written is not known: " in shown and problem in shown


def test_a_copied_folder_keeps_its_register(author: Path) -> None:
    shutil.copytree(author / "results", author / "elsewhere")
    assert ask(author, "elsewhere/study")[0]["claims"][0]["registered"]["when"] == "before the first run"


def test_of_an_older_folder_nothing_is_known(author: Path) -> None:
    """And it may be read-only: nothing is written where nothing is new."""
    study = author / "results" / "study"
    (study / CLAIMS).unlink()
    for path in study.glob(f"*/{RECORD}"):
        record = json.loads(path.read_text())
        del record["claims_sha256"]
        path.write_text(json.dumps(record))
    for _ in range(2):
        found, shown = ask(author)
        assert found["claims"][0]["registered"]["when"] == "unknown"
        assert "not known: the runs are older than the register of claims" in shown
        rerun(author)
    edit(author)
    rerun(author)
    assert ask(author)[0]["claims"][0]["registered"]["when"] == "after the results"


# --- without trainings -----------------------------------------------------------------------------------------------

BASE = """dataset: mnist
model: mnist_dense
epochs: 3
sweep: {activation: [relu, tanh], seed: {range: 4}}
"""


@pytest.fixture
def asked(tmp_path: Path, make_run: Callable[..., Path]) -> Callable[..., Registered]:
    """When the claims of a file are registered, of which some runs had begun, and some are done by now."""

    def made(*versions: Sequence[str], begun: Sequence[str] = ()) -> Registered:
        folder, left = tmp_path / "study", [*begun]
        folder.mkdir()
        for claims in versions:
            (folder / EXPERIMENT).write_text(f"{BASE}claims: [{', '.join(claims)}]\n")
            plan = planning.read(folder / EXPERIMENT)
            register_claims(folder, [claim.model_dump(by_alias=True) for claim in plan.experiment.claims], [])
            for label, config in plan.runs:
                if label in left or (claims == versions[-1] and label not in begun):
                    began = register_run(folder, config.hash, label)
                    make_run(folder, config, [0.9], record={"claims_sha256": began})
            left = []
        return registered(read_folder(folder))

    return made


OTHER = '{metric: val_loss, is: "> 0"}'
PAIR = '{metric: val_accuracy, of: {activation: relu}, is: "> {activation: tanh}"}'


def test_runs_that_do_not_decide_may_have_begun(asked: Callable[..., Registered]) -> None:
    """Of a pair a seed decides when both sides of it have begun."""
    late = '{metric: val_accuracy, of: {activation: relu, seed: "> 1"}, is: "> 0"}'
    found = asked([OTHER], [OTHER, PAIR, late, PAIR.replace(">", "<", 1)], begun=["relu-seed0", "relu-seed1"])
    assert [(one.when, one.seen, one.of) for one in found.claims] == [
        ("before the first run", 0, 8), ("before the deciding seeds", 0, 4), ("before the deciding seeds", 0, 2),
        ("before the deciding seeds", 0, 4),
    ]  # fmt: skip


def test_one_result_that_was_there_is_enough(asked: Callable[..., Registered]) -> None:
    (found,) = asked([], [PAIR], begun=["relu-seed1", "tanh-seed1"]).claims
    assert (found.when, found.seen, found.of) == ("after the results", 1, 4)


def tempt(folder: Path, old: str = "{range: 4}", new: str = "[1, 2, 3]") -> Registered:
    """The config file as its author changed it after the results."""
    path = folder / EXPERIMENT
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    return registered(read_folder(folder))


def remove(folder: Path, pattern: str) -> None:
    for path in list(folder.glob(pattern)):
        shutil.rmtree(path)


def test_a_seed_that_is_dropped_is_named(asked: Callable[..., Registered], tmp_path: Path) -> None:
    """Also when its folders are gone, and then at all claims."""
    study, late = tmp_path / "study", '{metric: val_accuracy, of: {activation: relu, seed: "> 0"}, is: "> 0"}'
    relu = '{metric: val_accuracy, of: {activation: relu}, is: "> 0"}'
    found = asked([PAIR, relu, late])
    assert not any(one.dropped for one in found.claims)
    found = tempt(study)
    assert [one.dropped for one in found.claims] == [("relu-seed0", "tanh-seed0"), ("relu-seed0",), ()]
    (record,) = study.glob(f"relu-seed0-*/{RECORD}")
    record.write_text(record.read_text().replace('"name": "relu"', '"name": "elu"'))  # a config that is not of its hash
    assert all("relu-seed0" in one.dropped for one in registered(read_folder(study)).claims)
    remove(study, "*seed0-*")
    found = registered(read_folder(study))
    assert {one.dropped for one in found.claims} == {("relu-seed0", "tanh-seed0")}  # nobody knows of what they were
    text = words.when_registered(found.claims[0])
    assert re.fullmatch(
        "registered before the first run, .*; 2 runs that had begun are asked for no more: relu-.*", text
    )
    of, shown = ask(tmp_path, "study")
    assert of["claims"][0]["registered"]["dropped"] == ["relu-seed0", "tanh-seed0"]
    assert of["claims"][0]["registered"]["when"] == "dropped"
    assert "d, 2 runs that had begun are asked for no more: with activation relu, val_accuracy" in shown
    assert "; 3 registered before the first run, but runs that had begun are asked for no more study" in shown
    for form in ("html", "markdown"):
        actlab(("report", "study", "-o", f"page.{form}", "--format", form), tmp_path)
        page = " ".join((tmp_path / f"page.{form}").read_text().split())
        assert "2 runs that had begun are asked for no more: relu-seed0 and tanh-seed0" in page


def test_what_a_claim_does_not_name_is_no_free_choice(asked: Callable[..., Registered], tmp_path: Path) -> None:
    asked([PAIR])
    (found,) = tempt(tmp_path / "study", "epochs: 3", "epochs: 2").claims
    assert (found.when, len(found.dropped)) == ("before the first run", 8)


def test_who_rewords_and_exchanges_the_runs_has_seen_results(
    asked: Callable[..., Registered], tmp_path: Path, make_run: Callable[..., Path]
) -> None:
    """Runs of another hash are no fresh seeds: what the old ones said was known."""
    asked([PAIR, OTHER])
    study = tmp_path / "study"
    text = (study / EXPERIMENT).read_text().replace("epochs: 3", "epochs: 3\ntrain_eval: 100").replace(">", "<", 1)
    (study / EXPERIMENT).write_text(text)
    plan = planning.read(study / EXPERIMENT)
    register_claims(study, [claim.model_dump(by_alias=True) for claim in plan.experiment.claims], [])
    for label, config in plan.runs:
        make_run(study, config, [0.9], record={"claims_sha256": register_run(study, config.hash, label)})
    reworded, kept = registered(read_folder(study)).claims
    assert (reworded.when, reworded.seen, reworded.of, len(reworded.dropped)) == ("after the results", 0, 4, 8)
    assert len(reworded.earlier) == 1
    assert "written after the results of runs that the file asks for no more: 20" in words.when_registered(reworded)
    assert kept.when == "before the first run"


def test_a_register_without_labels_names_digits(asked: Callable[..., Registered], tmp_path: Path) -> None:
    study = tmp_path / "study"
    asked([PAIR])
    lines = [json.loads(line) for line in (study / CLAIMS).read_text().splitlines()]
    (study / CLAIMS).write_text("")
    last = ""
    for line in lines:  # as they were before runs had labels
        line = {**line, "previous": last}
        line.pop("label", None)
        last = line["sha256"] = _sha256(line)
        with (study / CLAIMS).open("a") as file:
            file.write(json.dumps(line) + "\n")
    remove(study, "*seed0-*")
    assert not read(study).problems
    dropped = tempt(study).claims[0].dropped
    assert len(dropped) == 2 and set(dropped) < read(study).seen


def test_stand_ins_and_parts_that_are_not_loaded_are_not_dropped(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / EXPERIMENT).write_text(
        BASE.replace("mnist\n", "{name: mnist, offline: synth_mnist}\n", 1) + f"claims: [{PAIR}]\n"
    )
    plan = planning.read(folder / EXPERIMENT)
    register_claims(folder, [claim.model_dump(by_alias=True) for claim in plan.experiment.claims], [])
    for label, config in plan.runs:
        register_run(folder, config.on_stand_in("synth_mnist").hash, label)
    study = read_folder(folder)
    assert not registered(study).claims[0].dropped
    assert registered(replace(study, asked=frozenset())).claims[0].dropped
    assert not registered(replace(study, asked=None)).claims[0].dropped


def test_what_counts_as_another_claim() -> None:
    one, same, says, margin, moment = (
        Claim(**{"metric": "loss", "of": {"a": "> 1", "b": 2}, "is": "> 0.5", **more})
        for more in ({}, {"is": " >  0.50", "of": {"b": 2, "a": ">1"}}, {"says": "so"}, {"margin": 0.1}, {"at": "max"})
    )
    assert identity(one) == identity(same) == identity(says)
    assert len({identity(one), identity(margin), identity(moment)}) == 3


def test_order_is_no_rewording_and_other_words_are_shown(asked: Callable[..., Registered]) -> None:
    wins, spaced, ties = (f"{PAIR[:-1]}, says: {words}}}" for words in ("It wins", "It  wins", "It ties"))
    found = asked([OTHER, wins], [spaced, OTHER], [ties, OTHER])
    assert [one.when for one in found.claims] == ["before the first run"] * 2
    assert [[one.claim.says for one in of.earlier] for of in found.claims] == [["It  wins"], []]
    assert not found.withdrawn
