"""What libyaml says of a text that it cannot parse, said to a person."""

from __future__ import annotations

import re
from typing import Any

import yaml

from actlab.spec.yamlio.source import Place

# libyaml's words, and ours; {opened} is the place where the unfinished thing began.
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
    "<document start>": "the text goes on after its value has ended; indent or remove this line",
    "<stream start>": "the text goes on after its value has ended; remove this",
}


def syntax_problem(error: yaml.YAMLError, text: str) -> tuple[Place, str]:
    """Place and sentence for an error of the YAML parser."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return (1, 1), "this is not YAML"
    said, opened = f"{error.context} {error.problem}", error.context_mark or error.problem_mark
    # a key without its colon is noticed at the next line, a quote without its end at the end of the file
    late = "could not find expected ':'" in said or "unexpected end of stream" in said
    place = _within(text, opened if late else error.problem_mark)
    if "cannot start any token" in said:
        return place, _stray_character(_lines(text)[place[0] - 1][place[1] - 1 :])
    if "while parsing a block" in said and _lines(text)[place[0] - 1][: place[1] - 1].strip():
        return place, "this cannot follow the value before it; quote the whole text"
    for words, sentence in _SYNTAX.items():
        if words in said:
            return place, sentence.format(opened=f"{opened.line + 1}:{opened.column + 1}")
    return place, f"this is not YAML: {error.problem}"


def _lines(text: str) -> list[str]:
    return re.split("\r\n|\r|\n", text)


def _within(text: str, mark: Any) -> Place:
    """The end of a text stands behind its last character, where libyaml counts one more line."""
    lines = _lines(text)
    if mark.line < len(lines):
        return mark.line + 1, mark.column + 1
    return len(lines), len(lines[-1]) + 1


def _stray_character(rest: str) -> str:
    if rest.startswith("\t"):
        return "a tab stands where YAML allows only spaces"
    return f"a text cannot start with {rest[:1]!r}; quote it"
