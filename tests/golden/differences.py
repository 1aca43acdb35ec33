"""What differs between recorded and present output, each with its path: numbers first, wording last."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

RELATIVE, ABSOLUTE = 1e-9, 1e-12
KINDS = ("number", "word", "absent", "new", "order", "text")  # in the order in which they are told
# of these a person reads the words; no program does
TEXT = {
    "beside", "confounded", "description", "floors", "lacking", "notes", "passed_over", "reason", "says", "sentence",
    "stderr", "text",
}  # fmt: skip
NAMES = ("condition", "label", "sentence")  # what tells the members of a list apart, wherever they stand in it

Path = tuple[str, ...]
Table = Mapping[tuple[str, str], str]


@dataclass(frozen=True)
class Difference:
    """One place where the output is not as recorded."""

    path: Path
    kind: str
    recorded: Any
    present: Any

    def __str__(self) -> str:
        return f"{self.kind:7} {'/'.join(self.path)}: recorded {_short(self.recorded)}, now {_short(self.present)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def differences(recorded: Any, present: Any, command: str, changed: Table, renamed: Table) -> list[Difference]:
    """All differences but those that are allowed.

    Args:
        recorded: plain data, as it was.
        present: the same as it is.
        command: what it is the output of.
        changed: (command, field) to a reason: these fields are not looked at. Each may be a pattern, as "*" is; a field
            is a key anywhere on the way to a value.
        renamed: (command, field as it was) to its name now.
    """
    found = _compared(_with_new_names(recorded, command, renamed), present, ())
    kept = [one for one in found if not any(_is_of(one, command, *place) for place in changed)]
    return sorted(kept, key=lambda one: KINDS.index(one.kind))


def _is_of(found: Difference, command: str, of_command: str, field: str) -> bool:
    return fnmatchcase(command, of_command) and any(fnmatchcase(key, field) for key in found.path)


def _with_new_names(value: Any, command: str, renamed: Table) -> Any:
    names = {old: new for (of_command, old), new in renamed.items() if fnmatchcase(command, of_command)}
    if isinstance(value, dict):
        return {names.get(key, key): _with_new_names(one, command, renamed) for key, one in value.items()}
    return [_with_new_names(one, command, renamed) for one in value] if isinstance(value, list) else value


def _compared(recorded: Any, present: Any, path: Path) -> Iterator[Difference]:
    if isinstance(recorded, dict) and isinstance(present, dict):
        yield from _of_mappings(recorded, present, path)
    elif isinstance(recorded, list) and isinstance(present, list):
        yield from _of_lists(recorded, present, path)
    elif _is_number(recorded) and _is_number(present):
        if not math.isclose(recorded, present, rel_tol=RELATIVE, abs_tol=ABSOLUTE):
            yield Difference(path, "number", recorded, present)
    elif recorded != present or isinstance(recorded, bool) != isinstance(present, bool):
        kind = "number" if _is_number(recorded) or _is_number(present) else "word"
        yield Difference(path, _kind(path, kind), recorded, present)


def _of_mappings(recorded: Mapping[str, Any], present: Mapping[str, Any], path: Path) -> Iterator[Difference]:
    for key, value in recorded.items():
        if key in present:
            yield from _compared(value, present[key], (*path, key))
        else:
            yield Difference((*path, key), _kind((*path, key), "absent"), value, None)
    for key in present.keys() - recorded.keys():
        yield Difference((*path, key), _kind((*path, key), "new"), None, present[key])


def _of_lists(recorded: Sequence[Any], present: Sequence[Any], path: Path) -> Iterator[Difference]:
    """Members with names are held against those of the same name; that they stand in another order is told besides.

    Where all are called otherwise, place by place.
    """
    for name in NAMES:
        ours, theirs = _by_name(recorded, name), _by_name(present, name)
        if ours and theirs and (ours.keys() & theirs.keys() or len(ours) != len(theirs)):
            yield from _of_mappings(ours, theirs, path)
            if list(ours) != list(theirs) and set(ours) == set(theirs):
                yield Difference(path, "order", list(ours), list(theirs))
            return
    if len(recorded) != len(present):
        yield Difference(path, _kind(path, "word"), recorded, present)
        return
    for i, (one, other) in enumerate(zip(recorded, present, strict=True)):
        yield from _compared(one, other, (*path, str(i)))


def _by_name(members: Sequence[Any], name: str) -> dict[str, Any] | None:
    if not all(isinstance(one, dict) and isinstance(one.get(name), str) for one in members):
        return None
    found = {one[name]: one for one in members}
    return found if len(found) == len(members) else None


def _kind(path: Path, otherwise: str) -> str:
    return "text" if any(key in TEXT for key in path) else otherwise


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
