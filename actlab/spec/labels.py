"""Values of config keys as text: the shortest that tell them apart; names of conditions, and names that are folders."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from actlab.errors import UnknownName
from actlab.registry import find
from actlab.spec.part import PARTS, called
from actlab.spec.where import at_key

EMPTY = '""'  # a name of no characters could not be seen


def texts(column: str, values: Sequence[Any]) -> list[str]:
    """The values of a column of configs, each as text; equal texts mean equal values.

    A part is its name, with those parameters that are not at their default or that differ under the same name
    ("sgd momentum=0.9", and "leaky_relu 0.01": everybody knows what one number of an activation is); a formula is the
    formula itself. Numbers have six digits, or all of them where six would make two values one.

    Args:
        column: a config key ("activation", "optimizer.learning_rate").
        values: plain data; None where a config has no such key.
    """
    exact = [json.dumps(value, sort_keys=True, default=str) for value in values]
    different = len(set(exact))
    if column in PARTS:
        parts = [
            {**part, "name": str(part.get("name", ""))} if isinstance(part, Mapping) else {"name": str(part)}
            for part in values
        ]
        parts = [_with_short_digest(part) for part in parts]
        shown = _telling(column, parts)
        attempts = ([_part(column, part, shown[part["name"]], form) for part in parts] for form in ("g", ".17g"))
    else:
        if column.endswith(".plugin"):
            values = [value and str(value)[:8] for value in values]
        attempts = ([text(value, form) for value in values] for form in ("g", ".17g"))
    return next((attempt for attempt in attempts if len(set(attempt)) == different), exact)


def _with_short_digest(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part as it is shown: of the sha256 of its plug-in the first digits."""
    return {key: str(value)[:8] if key == "plugin" else value for key, value in part.items()}


def _telling(kind: str, parts: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Name of a part to its parameters that differ among the parts of that name, or from their default."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(str(part["name"]) for part in parts):
        alike = [part for part in parts if part["name"] == name]
        defaults = defaults_of(kind, name)
        found[name] = []
        for parameter in dict.fromkeys(key for part in alike for key in part if key != "name"):
            values = [part.get(parameter) for part in alike]
            if parameter in defaults and parameter != "schedule":
                values.append(defaults[parameter])
            if _differ(values):
                found[name].append(parameter)
    return found


def defaults_of(kind: str, name: str) -> dict[str, Any]:
    """The parameters of a registered part with their defaults; none where its name is of another version."""
    try:
        return {p.name: p.default for p in find(kind).get(name).parameters if not p.required}
    except UnknownName:
        return {}


def _part(kind: str, part: Mapping[str, Any], parameters: Sequence[str], form: str) -> str:
    by_text = isinstance(part.get(part["name"]), str)
    shown = [name for name in part if name in parameters and not (by_text and name == part["name"])]
    if kind == "activation" and len(shown) == 1 and shown != ["plugin"] and not by_text:
        return f"{part['name']} {text(part[shown[0]], form)}"
    return " ".join([called(part), *(f"{name}={text(part[name], form)}" for name in shown)])


def text(value: Any, form: str = "g") -> str:
    """One value: "0.01", "64-32", "step every_epochs=10 factor=0.5"."""
    if isinstance(value, float):
        return format(value, form)
    if isinstance(value, Mapping):
        shown = _with_short_digest(value).items()
        return " ".join(str(v) if k == "name" else f"{k}={text(v, form)}" for k, v in shown)
    if isinstance(value, list | tuple):
        return "-".join(text(item, form) for item in value)
    return str(value)


def named(column: str, value: str) -> str:
    """A value as it stands in a name: a part by itself ("relu"), all else with its key ("learning_rate=0.1")."""
    return value if column in (*PARTS, "data") else f"{column.split('.')[-1]}={value or EMPTY}"


def condition_names(columns: Sequence[str], values: Sequence[tuple[str, ...]]) -> list[str]:
    """What conditions are called: their values alone, where that tells them apart.

    Args:
        columns: in which they differ; none where there is one condition only.
        values: of each condition, a text a column.
    """
    if not columns:
        return ["all runs"] * len(values)
    one = len(columns) == 1
    short = [(of[0] or EMPTY) if one else " ".join(map(named, columns, of)) for of in values]
    if len(set(short)) == len(short):
        return short
    return [", ".join(f"{column}={word!r}" for column, word in zip(columns, of, strict=True)) for of in values]


def short_names(
    columns: Sequence[str], keys: Sequence[Mapping[str, str]], configs: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """What sentences and figures call conditions: no more than tells them apart from each other.

    "rmsprop rho=0.9" where four of them differ in that alone, "batch_size 50" where nothing else differs.

    Args:
        columns: in which the conditions differ.
        keys: of each condition, column to its value as text.
        configs: of each condition, the config of one of its runs.

    Returns:
        Column to its part of the name, of each condition; of those that less would not tell apart the texts in full.
    """
    found: list[dict[str, str]] = [{} for _ in keys]
    lasts = [column.rpartition(".")[2] for column in columns]
    for column, last in zip(columns, lasts, strict=True):
        found_parts = (at_key(config, column) for config in configs)
        parts = [_with_short_digest(part) if isinstance(part, Mapping) else {} for part in found_parts]
        called = last if lasts.count(last) == 1 else column
        for i, part in enumerate(parts):
            piece = keys[i][column]
            if column in PARTS and "name" in part and not isinstance(part.get(str(part["name"])), str):
                alike = [other for other in parts if other.get("name") == part["name"]]
                telling = [key for key in part if key != "name" and _differ([other.get(key) for other in alike])]
                bare = column == "activation" and len(telling) == 1 and telling != ["plugin"]
                values = [text(part[key]) if bare else f"{key}={text(part[key])}" for key in telling]
                piece = " ".join([str(part["name"]), *values])
            elif column not in (*PARTS, "data"):
                piece = f"{called}{' ' if len(columns) == 1 else '='}{piece or EMPTY}"
            found[i][column] = piece
    names = [tuple(of.values()) for of in found]
    full = [{column: named(column, value) for column, value in of.items()} for of in keys]
    found = [whole if names.count(name) > 1 else of for name, of, whole in zip(names, found, full, strict=True)]
    return found if len({" ".join(of.values()) for of in found}) == len(found) else full


def _differ(values: Sequence[Any]) -> bool:
    return len({json.dumps(value, sort_keys=True, default=str) for value in values}) > 1


# --- names of folders ------------------------------------------------------------------------------------------

# Windows has devices of these names, whatever follows a dot
DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # of the look of the sign before them
MOST_CHARACTERS, MOST_BYTES = 80, 200  # a file system takes 255 bytes, and the hash and ".tmp" come behind a name


def slug(text: str) -> str:
    """A name that any file system takes, of letters and digits of all scripts, dot, underscore and hyphen.

    Never hidden, no option, no device; at most 80 characters and 200 bytes. Where signs beyond ASCII are lost it ends
    with digits that tell it from others.
    """
    text, kept = unicodedata.normalize("NFC", text), ""
    if text.isascii():
        kept = re.sub("[^A-Za-z0-9._-]", " ", text)
    for c in text[len(kept) :]:  # a vowel of Devanagari is a mark, and so part of the letter before it
        mark = unicodedata.category(c) in ("Mn", "Mc") and not SELECTORS.match(c) and kept[-1:].strip()
        kept += c if c.isalnum() or c in "._-" or mark else " "
    name = re.sub(" +", "_", kept).strip("._-")
    lost = not text.isascii() and any(k == " " and c > "\x7f" for k, c in zip(kept, text, strict=True))
    rest = f"-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}" if lost else ""
    if DEVICES.match(name) or not name:
        name = f"run-{name}".rstrip("-")
    if len(name + rest) > MOST_CHARACTERS or len((name + rest).encode()) > MOST_BYTES:
        head, rest = name[: 60 - len(rest)].rstrip("._-"), f"..{name[-16:].lstrip('._-')}{rest}"  # its end has the seed
        while len((head + rest).encode()) > MOST_BYTES:
            head = head[:-1]
        name = head
    return name + rest


def same_folder(name: str) -> str:
    """A text that is equal for names that some file systems take for one: they differ in case or normalisation."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
