"""The configs that come with actlab, and the beginning of one's own.

In a clone they lie in the folder `configs` beside the package; the wheel has them inside it.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

from actlab.errors import ActlabError

PACKAGE = Path(__file__).parents[1]
CONFIGS = Path("configs")  # of the current folder
SUFFIXES = (".yaml", ".yml")
MODELINE = "# yaml-language-server: $schema="  # by which editors complete and check a config
SCHEMA = "actlab.schema.json"  # beside a config of one's own
SENTENCE = re.compile(r".*?[.?!](?=\s|$)", re.DOTALL)


def shipped() -> dict[str, Path]:
    """Name to file of the configs that come with actlab."""
    inside = PACKAGE / "configs"
    folder = inside if inside.is_dir() else PACKAGE.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def located(path: Path) -> Path:
    """The file that is meant by what was typed: itself; or a config by its name, here, in `configs`, or a shipped one.

    Where there is none, the path itself.
    """
    if path.parent != Path():
        return path
    here = [path, *(folder / f"{path}{suffix}" for folder in (Path(), CONFIGS) for suffix in SUFFIXES)]
    known = shipped().get(path.stem if path.suffix in SUFFIXES else path.name)
    return next((file for file in here if file.is_file()), known or path)


def question(description: str) -> str:
    """The first sentence of a config's description."""
    first = SENTENCE.match(description.strip())
    return first[0] if first else description.strip()


def seconds_a_run() -> dict[str, float]:
    """Name of a shipped config to the seconds that one of its runs took on one core, as docs/gallery.md was trained."""
    measured = next(iter(shipped().values())).with_name("times.json")
    seconds: dict[str, float] = json.loads(measured.read_text(encoding="utf-8"))["seconds_a_run"]
    return seconds


def begin(name: str, text: str | None = None) -> Path:
    """Write a config to begin with, and beside it the schema by which editors complete and check it.

    Args:
        name: of the file, with or without .yaml; an experiment is called as its file.
        text: of a config to take; None takes the template, in which every key has its remark.

    Returns:
        The file.

    Raises:
        ActlabError: there is such a file; it stays as it is.
    """
    from actlab.spec.schema import schema  # what it imports is slow, and a shell that completes a name waits

    file = Path(name if Path(name).suffix in SUFFIXES else f"{name}.yaml")
    text = Path(__file__).with_name("template.yaml").read_text(encoding="utf-8") if text is None else text
    first, _, rest = re.sub("^name:.*\n", "", text, count=1, flags=re.MULTILINE).partition("\n")
    head = f"{MODELINE}{SCHEMA}\n" + ("" if first.startswith(MODELINE) else f"{first}\n")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(head + rest)
    except FileExistsError:
        raise ActlabError(
            f"{file}: is there already, and stays as it is; `actlab init NAME` takes another name"
        ) from None
    with contextlib.suppress(FileExistsError), file.with_name(SCHEMA).open("x", encoding="utf-8") as new:
        new.write(json.dumps(schema(), indent=2) + "\n")
    return file
