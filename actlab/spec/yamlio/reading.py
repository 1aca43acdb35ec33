"""YAML text to plain data with the place of every node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import yaml

from actlab.errors import ConfigError, Problem
from actlab.spec.yamlio.scalars import TAG, Scalar, cut, resolved, shown, tag_message, tagged
from actlab.spec.yamlio.source import Place, decoded
from actlab.spec.yamlio.syntax import syntax_problem

Path: TypeAlias = tuple[str | int, ...]

MAX_NODES = 100_000
MAX_DEPTH = 50
MAX_ALIASES = 1_000
MAX_PROBLEMS = 100


@dataclass(frozen=True)
class Document:
    """A YAML file as plain data that knows where everything stood.

    Args:
        file: the name that errors show.
        data: dict, list, str, int, float, bool and None; keys are str. No two parts share an object.
        positions: 1-based (line, column) of every value by its path; () is the whole document. A value given by an
            alias stands where the alias stands, what is inside it where it was written.
        key_positions: the same of every mapping key, by the path of its value.
    """

    file: str
    data: Any
    positions: dict[Path, Place]
    key_positions: dict[Path, Place]

    def place(self, path: Path) -> Place:
        """(line, column) of the value at `path`, or of its nearest ancestor that exists."""
        while path not in self.positions:
            path = path[:-1]
        return self.positions[path]

    def key_place(self, path: Path) -> Place:
        """(line, column) of the key of the value at `path`; of the value, or its nearest ancestor, if it has none."""
        return self.key_positions.get(path) or self.place(path)


def parse(text: str | bytes, file: str) -> Document:
    """One YAML document as plain data with places.

    Args:
        text: what stands in the file; bytes are read as UTF-8.
        file: its name, for errors.

    Raises:
        ConfigError: with every problem that could be found, each with line and column.
    """
    root = _Reader(decoded(text, file), file).document()
    document = Document(file, None, {}, {})
    return replace(document, data=_expanded(root, (), document))


def parse_value(text: str, origin: str) -> Any:
    """One YAML value from a command line, by the rules of a file.

    Args:
        text: the value (`0.1`, `relu`, `{name: leaky_relu, negative_slope: 0.01}`).
        origin: what errors name in place of a file (`--set optimizer.learning_rate`).

    Raises:
        ConfigError: as `parse`, with the character within `text`, if it is not the first.
    """
    try:
        return parse(text, origin).data
    except ConfigError as error:
        raise ConfigError([_within_value(problem) for problem in error.problems]) from None


def _within_value(problem: Problem) -> Problem:
    """A problem of a value, which stands in no line of a file."""
    place = f" (at character {problem.column})" if (problem.line, problem.column) > (1, 1) else ""
    return Problem(problem.file, 0, 0, f"{problem.message}{place}")


@dataclass(slots=True)
class _Node:
    place: Place
    value: Any  # a scalar, a list of _Node, or a dict of key to (place of the key, _Node)
    size: int = 1  # nodes, aliases counted as often as they are used
    height: int = 1


class _Reader:
    """Builds the node tree from libyaml's events, one by one, so that every budget ends the work at once."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, _Node | None] = {}  # None while the anchored node is still being read
        self._problems: list[Problem] = []
        self._nodes = self._aliases = 0

    def document(self) -> _Node:
        try:
            root = self._only_document()
        except yaml.YAMLError as error:
            raise self._fatal(*syntax_problem(error, self._text)) from None
        if root.size > MAX_NODES:
            raise self._fatal(root.place, f"aliases expand to more than {MAX_NODES:,} values; write fewer")
        if root.height > MAX_DEPTH:
            raise self._fatal(root.place, f"aliases nest more than {MAX_DEPTH} levels deep; write it flatter")
        if self._problems:
            raise ConfigError(self._problems)
        return root

    def _only_document(self) -> _Node:
        next(self._events)
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise self._fatal((1, 1), "nothing is written here; a value is needed")
        if start.version and start.version != (1, 2):
            self._refuse(_mark(start), "the %YAML line asks for other rules than 1.2; remove it")
        event = next(self._events)
        if isinstance(event, yaml.ScalarEvent) and not event.value and event.implicit[0] and not event.tag:
            raise self._fatal((1, 1), "nothing is written here; a value is needed")
        root = self._node(event, 1)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse(_mark(after), "a second document starts here; write only one a file")
        return root

    def _node(self, event: Any, depth: int) -> _Node:
        self._spend(event, depth)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _spend(self, event: Any, depth: int) -> None:
        self._nodes += 1
        self._aliases += isinstance(event, yaml.AliasEvent)
        if depth > MAX_DEPTH:
            raise self._fatal(_mark(event), f"nested more than {MAX_DEPTH} levels deep; write it flatter")
        if self._nodes > MAX_NODES:
            raise self._fatal(_mark(event), f"more than {MAX_NODES:,} values; split the file")
        if self._aliases > MAX_ALIASES:
            raise self._fatal(_mark(event), f"more than {MAX_ALIASES:,} aliases; write fewer")

    def _alias(self, event: Any) -> _Node:
        name, place = event.anchor, _mark(event)
        target = self._anchors.get(name)
        if target is not None:
            return replace(target, place=place)
        if name in self._anchors:
            self._refuse(place, f"alias *{cut(name)} stands inside its own value; remove it")
        else:
            self._refuse(place, f"alias *{cut(name)} has no anchor &{cut(name)} above it")
        return _Node(place, None)

    def _scalar(self, event: Any) -> _Node:
        value: Scalar = event.value
        try:
            if event.tag:
                value = tagged(event.tag, event.value)
            elif event.implicit[0]:
                value = resolved(event.value)
        except ValueError as error:
            self._refuse(_mark(event), str(error))
        return _Node(_mark(event), value)

    def _sequence(self, event: Any, depth: int) -> _Node:
        self._check_tag(event, "seq")
        items = []
        while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(inner, depth + 1))
        return _collection(_mark(event), items, items)

    def _mapping(self, event: Any, depth: int) -> _Node:
        self._check_tag(event, "map")
        entries: dict[str, tuple[Place, _Node]] = {}
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key, place = self._key(inner, depth), _mark(inner)
            value = self._node(next(self._events), depth + 1)
            if key in entries:
                line, column = entries[key][0]
                self._refuse(place, f"key {shown(key)} is given twice; it also stands at {line}:{column}, remove one")
            elif key is not None:
                entries[key] = place, value
        return _collection(_mark(event), entries, [node for _, node in entries.values()])

    def _key(self, event: Any, depth: int) -> str | None:
        """The key's text; None where it is refused."""
        known = len(self._problems)
        key = self._node(event, depth + 1).value
        if len(self._problems) > known:
            return None
        if key == "<<" and not isinstance(event, yaml.AliasEvent) and event.implicit[0]:
            self._refuse(_mark(event), "merge keys '<<' are not in YAML 1.2; write the entries out")
            return None
        if isinstance(key, str):
            return key
        self._refuse(_mark(event), _key_message(key, getattr(event, "value", "")))
        return None

    def _check_tag(self, event: Any, name: str) -> None:
        if event.tag and event.tag not in ("!", TAG + name):
            self._refuse(_mark(event), tag_message(event.tag))

    def _refuse(self, place: Place, message: str) -> None:
        self._problems.append(Problem(self._file, *place, message))
        if len(self._problems) >= MAX_PROBLEMS:
            raise ConfigError(self._problems)

    def _fatal(self, place: Place, message: str) -> ConfigError:
        self._refuse(place, message)
        return ConfigError(self._problems)


def _mark(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _collection(place: Place, value: Any, children: list[_Node]) -> _Node:
    # Bounded, since a chain of aliases doubles the size at every link.
    size = min(1 + sum(child.size for child in children), MAX_NODES + 1)
    return _Node(place, value, size, 1 + max((child.height for child in children), default=0))


def _key_message(key: Any, text: str) -> str:
    if isinstance(key, list | dict):
        return f"a key must be text, and this is a {'list' if isinstance(key, list) else 'mapping'}; write a name"
    kind = {bool: "a boolean", type(None): "empty"}.get(type(key), "a number")
    return f"a key must be text, and {shown(text)} is {kind}; put it in quotes"


def _expanded(node: _Node, path: Path, document: Document) -> Any:
    document.positions[path] = node.place
    if isinstance(node.value, list):
        return [_expanded(item, (*path, index), document) for index, item in enumerate(node.value)]
    if isinstance(node.value, dict):
        for key, (place, _) in node.value.items():
            document.key_positions[*path, key] = place
        return {key: _expanded(value, (*path, key), document) for key, (_, value) in node.value.items()}
    return node.value
