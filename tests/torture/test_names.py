"""Row 10: whatever a config, a file, a folder or a record is called, nothing is written outside the output folder."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actlab.errors import ActlabError
from actlab.runs.folder import copy_run, inside, write_bytes, write_json
from actlab.runs.record import Run, discover
from actlab.runs.sweep import prepare
from actlab.spec.plan import read_all
from torture.matrix import Cases, row

DATA = "{name: synth_mnist, train_images: 20, test_images: 10}"
CONFIG = f"dataset: {DATA}\nmodel: linear\nactivation: relu\nepochs: 2\n"
HOSTILE = [
    "../x", "../../x", "..", ".", "/x", "/etc/x", "//x", "a/../../x", "a/b", "./x", "~", "~/x", "~root",
    "$HOME", "${HOME}/x", "%2e%2e%2fx", "..%2fx", "..\\x", "..\\..\\x", "C:\\x", "C:x", "\\\\server\\x",
    "file:///x", "x\0y", "\0", "x\ny", "\n", "x\ry", "\t", "x\x1b[2Jy", "\x1b]0;x\x07", "x\x7fy", "-rf",
    "--help", "-o", "-", "--", ".hidden", ".lock", "..x", "...", "x.", "x ", " x", " ", "con", "CON", "nul.txt",
    "aux", "com1", "lpt9.x", "x:y", "x*", "?", "x|y", "<x>", '"x"', "'x'", "`id`", "$(id)", ";id", "&id", "x;y",
    "x&&y", "!x", "#x", "{x}", "[x]", "(x)", "<script>alert(1)</script>", "%s%n", "{0}", "x" * 81, "x" * 300,
    "x" * 5000, "模" * 80, "模" * 300, "👍" * 90, "e\u0301", "\u0301", "ﬁ", "İ", "ß", "обучение", "تجربة",
    "实验", "👍", "❤️", "\u202egnp.exe", "x\u200by", "\u200b", "\ufeffx", "\u2028", "．．／x", "‥/x", "∕x",
    "x∕y", "⁄x", "＼x", "․․/x", "\ud800", "\udcff", "x\udc80/..", "run.json", "experiment.yaml", "history.csv",
    "comparison.csv", "checkpoint", "null", "true", "0", "1e3", "0x10", "relu-seed0-00000000", "", "' '", "*",
    "**", "results", "__pycache__",
]  # fmt: skip
PARTS = [
    "..",
    "/",
    "\\",
    "x",
    ".",
    "~",
    " ",
    "\0",
    "\n",
    "é",
    "模",
    "👍",
    "con",
    "-",
    ":",
    "%",
    "\u202e",
    "\udcff",
    "'",
]


def hostile(i: int, draw: random.Random) -> str:
    """Those of the list first, then what is made of their pieces."""
    return HOSTILE[i] if i < len(HOSTILE) else "".join(draw.choices(PARTS, k=draw.randint(1, 8)))


def as_file(name: str) -> str:
    """What a file system can call a file, and no more than it takes."""
    name = "".join(c for c in name if c not in "/\0")
    return os.fsdecode(os.fsencode(name.encode("utf-8", "surrogateescape"))[:240]) if encodable(name) else "x"


def encodable(name: str) -> bool:
    try:
        name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeError:
        return False
    return True


def below(folder: Path) -> dict[str, bytes | str]:
    """Every path below a folder with what it holds; links are not followed."""
    found: dict[str, bytes | str] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)  # noqa: PTH118  (a Path would tidy it up)
            held = Path(path)
            found[path] = str(held.readlink()) if held.is_symlink() else held.read_bytes() if held.is_file() else ""
    return found


class Sandbox:
    """A folder with what must not change, and in it the output folder, anew for each case."""

    def __init__(self, root: Path) -> None:
        self.root, self.outside, self.number = root, root / "outside", 0
        self.outside.mkdir()
        (self.outside / "victim").write_text("untouched")
        (self.outside / "run").mkdir()
        self.out = root

    def new(self, name: str = "out") -> Path:
        self.number += 1
        if self.out != self.root:
            shutil.rmtree(self.out.parent)  # of the case before: a look at everything must not take longer each time
        self.out = self.root / f"case{self.number}" / (name or "out")
        self.out.parent.mkdir()
        self.before = below(self.root)
        return self.out

    def strays(self) -> list[str]:
        """What was written, changed or removed outside the output folder."""
        now = below(self.root)
        changed = [path for path in {*now, *self.before} if now.get(path) != self.before.get(path)]
        return [path for path in changed if not Path(path).is_relative_to(self.out)]


def begin(config: Path, out: Path, overrides: tuple[str, ...] = ()) -> None:
    """What `actlab run` does before the first training: read, plan, make the folders, keep the file."""
    (plan,) = read_all([config], overrides)
    sweep = prepare(plan, out, "cpu", lambda sentence: None)
    sweep.begin()
    for job in sweep.jobs:
        write_json(job.path / "run.json", {**job.identity, "status": "running"})


def named_in_the_file(name: str, box: Sandbox) -> None:
    config = box.root / "a.yaml"
    config.write_bytes(f"name: {json.dumps(name)}\n{CONFIG}".encode("utf-8", "surrogatepass"))
    begin(config, box.new())


def named_on_the_command_line(name: str, box: Sandbox) -> None:
    config = box.root / "a.yaml"
    config.write_text(CONFIG)
    begin(config, box.new(), (f"name={name}", f"description={name}"))


def named_by_the_file(name: str, box: Sandbox) -> None:
    folder = box.root / "configs"
    folder.mkdir(exist_ok=True)
    config = folder / f"{as_file(name)}.yaml"
    config.write_text(CONFIG)
    begin(config, box.new())


def in_such_a_folder(name: str, box: Sandbox) -> None:
    config = box.root / "a.yaml"
    config.write_text(f"name: x\n{CONFIG}")
    name = as_file(name)
    begin(config, box.new("out" if name in (".", "..") else name))


def in_a_label(name: str, box: Sandbox) -> None:
    """What a run is called comes out of values that are swept, and of names."""
    config = box.root / "a.yaml"
    swept = json.dumps({"activation": ["relu", name, {"formula": name}], "weight_film.layer": ["first", name]})
    config.write_bytes(f"name: x\n{CONFIG}sweep: {swept}\n".encode("utf-8", "surrogatepass"))
    begin(config, box.new())


def in_a_record(name: str, box: Sandbox) -> None:
    """A results folder from elsewhere: its records name files, labels and experiments."""
    out = box.new()
    run = out / "x" / f"x{as_file(name)}"
    run.mkdir(parents=True)
    (run / "history.csv").write_text("epoch,step,val_loss,val_accuracy\n1,1,1,1\n")
    record = {
        "status": "done", "hash": "0" * 64, "label": name, "files": {name: "0" * 64, "history.csv": name},
        "config": {"activation": {"name": name}, "seed": 0, "dataset": {"name": name}}, "dataset": {"name": name},
    }  # fmt: skip
    (run / "run.json").write_text(json.dumps(record))
    found, _ = discover([out])
    assert [one.path for one in found] == [run]
    assert name in found[0].damaged()
    copy_run(run, inside(out / "x", "copy"), {"plan_index": 0})
    assert Run(out / "x" / "copy").label == name


def beside_links(name: str, box: Sandbox) -> None:
    """The place of a run, or a file of it, is a link that leads away."""
    config, out = box.root / "a.yaml", box.root / "linked"
    config.write_text(f"name: x\n{CONFIG}")
    begin(config, out)
    (run,) = (path for path in (out / "x").iterdir() if path.is_dir())
    for file in ("run.json", "history.csv", ".run.json.tmp", "experiment.yaml"):
        (run / file).unlink(missing_ok=True)
        (run / file).symlink_to(box.outside / "victim")
        write_bytes(run / file, name.encode("utf-8", "surrogatepass"))
        assert not (run / file).is_symlink()
    for path in run.iterdir():
        path.unlink()
    run.rmdir()
    run.symlink_to(box.outside / "run")
    with pytest.raises(ActlabError, match=r"outside|link"):
        begin(config, out)
    run.unlink()


WAYS: list[Callable[[str, Sandbox], Any]] = [
    named_in_the_file, named_on_the_command_line, named_by_the_file, in_such_a_folder, in_a_label, in_a_record,
    beside_links,
]  # fmt: skip


@row(10, "hostile names and paths: nothing is written outside", quick=70, full=2_000)
def test_nothing_is_written_outside(cases: Cases, tmp_path: Path) -> None:
    draw, box, done = random.Random(10), Sandbox(tmp_path), 0
    for i in cases:
        way, name = WAYS[i % len(WAYS)], hostile(i // len(WAYS) if cases.count > 1000 else i * 2, draw)
        try:
            way(name, box)
            done += 1
        except ActlabError as error:
            cases.hold(str(error), "an error says nothing")
        except Exception as error:
            cases.hold(False, f"{way.__name__} {name!r}: {type(error).__name__}: {error}")
        if way is beside_links:
            victim = (box.outside / "victim").read_text()
            cases.hold(
                victim == "untouched" and not any((box.outside / "run").iterdir()), f"a link was followed: {name!r}"
            )
        else:
            strays = [
                path for path in box.strays() if not path.startswith((f"{tmp_path}/a.yaml", f"{tmp_path}/configs"))
            ]
            cases.hold(not strays, f"{way.__name__} {name!r}: {strays[:3]}")
    cases.hold(done > cases.count // 4, f"only {done} came to writing anything")


def test_names_of_datasets_are_no_paths(tmp_path: Path) -> None:
    """A config names a registered set; its file is looked for under that name and no other."""
    config = tmp_path / "a.yaml"
    for name in HOSTILE:
        config.write_bytes(CONFIG.replace("synth_mnist", json.dumps(name)).encode("utf-8", "surrogatepass"))
        with pytest.raises(ActlabError):
            read_all([config])
