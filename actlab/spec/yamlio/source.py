"""The text of a YAML file before it is parsed: its encoding, its size, its characters."""

from __future__ import annotations

import re
from typing import TypeAlias

from actlab.errors import ConfigError, Problem

Place: TypeAlias = tuple[int, int]
MAX_BYTES = 1 << 20

# libyaml breaks lines at U+0085, U+2028 and U+2029 and editors do not: places after one would be wrong.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def decoded(text: str | bytes, file: str) -> str:
    """The text without a byte order mark, known to hold only characters that YAML allows.

    Raises:
        ConfigError: with the place of the first byte or character that is wrong.
    """
    if len(text) > MAX_BYTES:
        raise _error(file, (1, 1), f"the text is longer than {MAX_BYTES:,} bytes; a config is a few hundred")
    if isinstance(text, bytes):
        text = _utf8(text, file)
    text = text.removeprefix("\ufeff")
    found = _FORBIDDEN.search(text)
    if found:
        raise _error(file, place_of(text, found.start()), _forbidden_message(found[0]))
    return text


def _utf8(raw: bytes, file: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _error(file, (1, 1), "the file is UTF-16; save it as UTF-8")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        place = place_of(raw[: error.start].decode("utf-8"), error.start)
        raise _error(file, place, f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8") from None


def _forbidden_message(character: str) -> str:
    code = f"U+{ord(character):04X}"
    if "\ud800" <= character <= "\udfff":
        return "the text is not valid UTF-8; save the file as UTF-8"
    return f'character {code} is not allowed; remove it, or write it as "\\u{ord(character):04x}" in double quotes'


def place_of(text: str, index: int) -> Place:
    """1-based (line, column) of the character at `index`."""
    before = re.split("\r\n|\r|\n", text[:index])
    return len(before), len(before[-1]) + 1


def _error(file: str, place: Place, message: str) -> ConfigError:
    return ConfigError([Problem(file, *place, message)])
