"""YAML text to plain data, strictly, with the line and column of every value; and back.

PyYAML parses the text and gives its nodes with their places; what a plain scalar means is decided here, by the core
schema of YAML 1.2: `no`, `on`, `12:30:00` and `2024-01-01` are text, `1e-3` is a number, only `true` and `false` are
booleans. What two readers could take for two things (`017`, a key given twice, `<<`) is refused, never guessed.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from actlab.errors import ConfigError, Problem

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int]
Scalar: TypeAlias = str | int | float | bool | None

MAX_BYTES = 1 << 20
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
        positions: 1-based (line, column) of every value by its path; () is the whole document. What an alias stands
            for is where its anchor is.
        key_positions: the same of every mapping key, by the path of its value.
    """

    file: str
    data: Any = None
    positions: dict[Path, Place] = field(default_factory=dict)
    key_positions: dict[Path, Place] = field(default_factory=dict)

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
        text: what stands in the file; bytes as `decode` reads them.
        file: its name, for errors.

    Raises:
        ConfigError: with every problem that could be found, each with line and column.
    """
    reader = _Reader(file, decode(text, file))
    try:
        reader.check_events()
        root = yaml.compose(reader.text, Loader=_Loader)
    except yaml.YAMLError as error:
        reader.refuse(*_syntax_problem(error, reader.text))
        raise ConfigError(reader.problems) from None
    document = Document(file)
    data = reader.build(root, (), document)
    if reader.problems:
        raise ConfigError(reader.problems)
    return Document(file, data, document.positions, document.key_positions)


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
        at = {p: f" (at character {p.column})" if (p.line, p.column) > (1, 1) else "" for p in error.problems}
        raise ConfigError([Problem(p.file, 0, 0, f"{p.message}{at[p]}") for p in error.problems]) from None


class _Loader(yaml.CSafeLoader):
    """Composes nodes; plain scalars get a tag of their own, since the meaning that PyYAML gives them is YAML 1.1's."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is not yaml.ScalarNode:
            return _TAG + ("seq" if kind is yaml.SequenceNode else "map")
        return _PLAIN if implicit[0] else _TAG + "str"


class _Reader:
    """One text on its way to plain data; collects what is wrong with it."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text, self.problems = file, text, list[Problem]()
        self._nodes = 0

    def refuse(self, place: Place, message: str, fatal: bool = False) -> None:
        self.problems.append(Problem(self.file, *place, message))
        if fatal or len(self.problems) >= MAX_PROBLEMS:
            raise ConfigError(self.problems)

    def check_events(self) -> None:
        """What must be known before PyYAML composes nodes, which it does recursively and without a bound."""
        nodes = aliases = documents = 0
        anchors: dict[str, bool] = {}  # name to whether its value has ended
        open_anchors: list[str | None] = []
        event: Any
        for event in yaml.parse(self.text, Loader=yaml.CSafeLoader):
            place = _place(event)
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if event.version and event.version != (1, 2):
                    self.refuse(place, "the %YAML line asks for other rules than 1.2; remove it")
                if documents == 2:
                    self.refuse(place, "a second document starts here; write only one a file", fatal=True)
            elif isinstance(event, yaml.NodeEvent):
                nodes += 1
                if nodes > MAX_NODES:
                    self.refuse(place, f"more than {MAX_NODES:,} values; split the file", fatal=True)
                if tag := getattr(event, "tag", None):
                    name = cut("!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag)
                    advice = "a config is plain data; remove it, or put a text in quotes"
                    self.refuse(place, f"tag {name!r} is not allowed: {advice}")
                if isinstance(event, yaml.AliasEvent):
                    aliases += 1
                    if aliases > MAX_ALIASES:
                        self.refuse(place, f"more than {MAX_ALIASES:,} aliases; write fewer", fatal=True)
                    name = cut(str(event.anchor))
                    if event.anchor not in anchors:
                        self.refuse(place, f"alias *{name} has no anchor &{name} above it")
                    elif not anchors[event.anchor]:
                        self.refuse(place, f"alias *{name} stands inside its own value; remove it")
                elif event.anchor:
                    anchors[event.anchor] = isinstance(event, yaml.ScalarEvent)
                if isinstance(event, yaml.CollectionStartEvent):
                    open_anchors.append(event.anchor)
                    if len(open_anchors) >= MAX_DEPTH:
                        self.refuse(place, f"nested more than {MAX_DEPTH} levels deep; write it flatter", fatal=True)
                elif nodes == 1 and isinstance(event, yaml.ScalarEvent) and not event.value and event.implicit[0]:
                    self.refuse((1, 1), "nothing is written here; a value is needed", fatal=True)
            elif isinstance(event, yaml.CollectionEndEvent) and (anchor := open_anchors.pop()):
                anchors[anchor] = True
        if not documents:
            self.refuse((1, 1), "nothing is written here; a value is needed", fatal=True)
        if self.problems:
            raise ConfigError(self.problems)

    def build(self, node: yaml.Node | None, path: Path, document: Document) -> Any:
        """The data of a node; a node that aliases use is built anew for each, within the same budget."""
        place = document.positions[path] = _place(node)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self.refuse(place, f"aliases expand to more than {MAX_NODES:,} values; write fewer", fatal=True)
        if len(path) >= MAX_DEPTH:
            self.refuse(place, f"aliases nest more than {MAX_DEPTH} levels deep; write it flatter", fatal=True)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i), document) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, document)
        assert node is not None  # an empty text was refused with its events
        try:
            return _resolved(node.value) if node.tag == _PLAIN else node.value
        except ValueError as error:
            self.refuse(place, str(error))
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place, known = _place(key_node), len(self.problems)
            key = self.build(key_node, path, Document(self.file))
            if len(self.problems) > known:
                key = None
            elif key == "<<" and key_node.tag == _PLAIN:
                self.refuse(place, "merge keys '<<' are not in YAML 1.2; write the entries out")
                key = None
            elif isinstance(key, list | dict):
                kind = "list" if isinstance(key, list) else "mapping"
                self.refuse(place, f"a key must be text, and this is a {kind}; write a name")
            elif not isinstance(key, str):
                kind = {bool: "a boolean", type(None): "empty"}.get(type(key), "a number")
                self.refuse(place, f"a key must be text, and {shown(key_node.value)} is {kind}; put it in quotes")
            elif key in data:
                line, column = document.key_positions[*path, key]
                message = f"key {shown(key)} is given twice; it also stands at {line}:{column}, remove one"
                self.refuse(place, message)
                key = None
            if isinstance(key, str):
                document.key_positions[*path, key] = place
                data[key] = self.build(value_node, (*path, key), document)
            else:
                self.build(value_node, path, Document(self.file))
        return data


def _place(node: Any) -> Place:
    """Where a node or an event begins."""
    return node.start_mark.line + 1, node.start_mark.column + 1


# --- scalars ---------------------------------------------------------------------------------------------------

_TAG, _PLAIN = "tag:yaml.org,2002:", "plain"
_CONSTANTS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_LEADING_ZERO = re.compile(r"[-+]?0+[0-9]+")


def _resolved(text: str) -> Scalar:
    """What a plain scalar means by the core schema.

    Raises:
        ValueError: it is ambiguous, or a number that does not fit; with what to write instead.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _LEADING_ZERO.fullmatch(text):
        sign, digits = text.rstrip("0123456789"), text.lstrip("+-").lstrip("0") or "0"
        raise ValueError(f"{shown(text)} could be decimal or octal; write {sign}{cut(digits)}, or quotes for a text")
    if _INTEGER.fullmatch(text):
        whole = int(text, 0) if len(text) <= 100 else 1 << 64
        if not -(1 << 63) <= whole < 1 << 64:
            raise ValueError(f"integer {cut(text)} does not fit in 64 bits; write a float, or quotes for a text")
        return whole
    if _FLOAT.fullmatch(text):
        if abs(value := float(text)) == float("inf"):
            raise ValueError(f"number {cut(text)} is larger than a float can be (1.8e308); write .inf for infinity")
        return value
    return float(text.replace(".", "")) if _NOT_FINITE.fullmatch(text) else text


def cut(text: str) -> str:
    """A text of at most 40 characters, for messages."""
    return text if len(text) <= 40 else text[:39] + "…"


def shown(text: str) -> str:
    """The same in quotes, with escapes for what a terminal would obey."""
    return repr(cut(text))


# --- characters and syntax -------------------------------------------------------------------------------------

# libyaml breaks lines at U+0085, U+2028 and U+2029 and editors do not: places after one would be wrong.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
# libyaml's messages, and ours; {opened} is the place where the unfinished thing began.
_SYNTAX = {
    "mapping values are not allowed": "': ' cannot stand here; the line above may lack a space after its ':' or this "
    "one be indented wrongly; or quote the text",
    "tab character": "a tab stands where YAML allows only spaces",
    "could not find expected ':'": "this is no 'key: value'; add the ':' or indent the line as part of the one above",
    "mapping keys are not allowed": "'? ' cannot stand here; quote the text",
    "found unexpected ':'": "inside [] or {{}} a ':' needs a space after it, or quotes around the text",
    "block sequence entries are not allowed": "'- ' cannot stand here; begin the list on a line of its own",
    "expected comment or line break": "the text after '|' or '>' begins on the next line; or quote it all",
    "block scalar": "the text after '|' or '>' is not well indented; use spaces",
    "block mapping": "this line fits no line above; indent it like the other keys of its mapping",
    "block collection": "this line fits no line above; begin it with '- ' like the other items of its list",
    "flow sequence": "the list opened at {opened} with '[' needs ',' or ']' here",
    "flow mapping": "the mapping opened at {opened} with '{{' needs ',' or '}}' here",
    "unknown escape character": "double quotes know no such escape; use single quotes, or write \\\\",
    "hexdecimal number": "this escape in double quotes needs hexadecimal digits; use single quotes, or write \\\\",
    "escape code": "this escape in double quotes names no character; use single quotes, or write \\\\",
    "quoted scalar": "the quote opened at {opened} is not closed",
    "did not find expected node content": "a value is missing here",
    "undefined tag handle": "tags are not allowed: a config is plain data; remove it",
    "a tag": "tags are not allowed: a config is plain data; remove it",
    "directive": "a line that starts with '%' is a directive; remove it, or quote the text",
    "alphabetic or numeric character": "'&' and '*' begin the name of an anchor or alias; quote the text",
    "duplicate anchor": "this anchor is given twice; name one of them differently",
    "<document start>": "the text goes on after its value has ended; indent or remove this line",
    "<stream start>": "the text goes on after its value has ended; remove this",
}


# the longer first: one of UTF-32 begins with one of UTF-16
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip


def decode(text: str | bytes, file: str) -> str:
    """The text without a byte order mark, known to hold only characters that YAML allows.

    Bytes are UTF-8 unless they begin with the mark of UTF-16 or UTF-32, as some editors save text.

    Raises:
        ConfigError: with the place of the first byte or character that is wrong.
    """

    encoding = next(
        (name for mark, name in MARKS.items() if isinstance(text, bytes) and text.startswith(mark)), "utf-8"
    )

    def error(index: int, message: str) -> ConfigError:
        lines = _lines(
            (text[:index] if isinstance(text, str) else text[:index].decode(encoding)).removeprefix("\ufeff")
        )
        return ConfigError([Problem(file, len(lines), len(lines[-1]) + 1, message)])

    if len(text) > MAX_BYTES:
        raise error(0, f"the text is longer than {MAX_BYTES:,} bytes; a config is a few hundred")
    if isinstance(text, bytes):
        try:
            text = text.decode(encoding)
        except UnicodeDecodeError as wrong:
            name = encoding[:6].upper()
            message = f"byte 0x{wrong.object[wrong.start]:02x} is not {name}; save the file as UTF-8"
            raise error(wrong.start, message) from None
    text = text.removeprefix("\ufeff")
    if found := _FORBIDDEN.search(text):
        code = ord(found[0])
        if not code:
            raise error(found.start(), "the text holds NUL; save the file as UTF-8")
        if 0xD800 <= code <= 0xDFFF:
            raise error(found.start(), "the text is not valid UTF-8; save the file as UTF-8")
        escape = f'remove it, or write it as "\\u{code:04x}" in double quotes'
        raise error(found.start(), f"character U+{code:04X} is not allowed; {escape}")
    return text


def _lines(text: str) -> list[str]:
    return re.split("\r\n|\r|\n", text)


def _syntax_problem(error: yaml.YAMLError, text: str) -> tuple[Place, str]:
    """Place and sentence for an error of PyYAML."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return (1, 1), "this is not YAML"
    message, opened = f"{error.context} {error.problem}", error.context_mark or error.problem_mark
    # a key without its colon is noticed at the next line, a quote without its end at the end of the file
    late = "could not find expected ':'" in message or "unexpected end of stream" in message
    mark, lines = opened if late else error.problem_mark, _lines(text)
    # the end of a text stands behind its last character, where libyaml counts one more line
    line, column = (mark.line, mark.column) if mark.line < len(lines) else (len(lines) - 1, len(lines[-1]))
    place, before, rest = (line + 1, column + 1), lines[line][:column], lines[line][column:]
    if "cannot start any token" in message:
        tab = rest.startswith("\t")
        return place, _SYNTAX["tab character"] if tab else f"a text cannot start with {rest[:1]!r}; quote it"
    if "while parsing a block" in message and before.strip():
        return place, "this cannot follow the value before it; quote the whole text"
    for part, sentence in _SYNTAX.items():
        if part in message:
            return place, sentence.format(opened=f"{opened.line + 1}:{opened.column + 1}")
    return place, f"this is not YAML: {error.problem}"


# --- writing ---------------------------------------------------------------------------------------------------


def dump(data: Any, one_line: bool = False) -> str:
    """Plain data as YAML text that reads back as the same data.

    Text that this reader, or one of YAML 1.1, would take for something else is quoted.

    Args:
        data: dict with str keys, list, str, int, float, bool, None.
        one_line: as it stands behind `--set key=`.

    Raises:
        ValueError: text with half a surrogate pair, which no file can hold.
    """
    options: dict[str, Any] = {"Dumper": _Dumper, "sort_keys": False, "allow_unicode": True}
    options |= {"default_flow_style": True, "width": -1} if one_line else {"default_flow_style": None, "width": 110}
    text = str(yaml.dump(data, **options))
    text.encode()
    return text.removesuffix("...\n").rstrip("\n") if one_line else text


class _Dumper(yaml.CSafeDumper):
    """YAML 1.1 rules decide what is quoted, besides ours, so that other readers take the same from a file."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    try:
        is_text = isinstance(_resolved(text), str)
    except ValueError:
        is_text = False
    return dumper.represent_scalar(_TAG + "str", text, style="|" if "\n" in text else None if is_text else "'")


_Dumper.add_representer(str, _represent_text)
