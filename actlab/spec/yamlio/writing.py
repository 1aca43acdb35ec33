"""Plain data to YAML text that reads back as the same data."""

from __future__ import annotations

from typing import Any

import yaml

from actlab.spec.yamlio.scalars import TAG, integer, resolved


def dump(data: Any) -> str:
    """Plain data as YAML text, such that `parse(dump(data), ...).data == data`.

    Text that this reader, or one of YAML 1.1, would take for something else is quoted.

    Args:
        data: dict with str keys, list, tuple (written as a list), str, int, float, bool, None.

    Raises:
        TypeError: a part is of another type.
        ValueError: a part could not be read back: text with half a surrogate pair, an integer of over 64 bits.
    """
    _refuse_undumpable(data)
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)


def flow(data: Any) -> str:
    """Plain data as YAML on one line, as it stands behind `--set key=`; errors as in `dump`."""
    _refuse_undumpable(data)
    options: dict[str, Any] = {"default_flow_style": True, "allow_unicode": True, "width": -1}
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, **options)
    return text.removesuffix("...\n").rstrip("\n")


class _Dumper(yaml.CSafeDumper):
    """YAML 1.1 rules decide what is quoted, besides ours, so that other readers take the same from a file."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text_node(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else "'" if _misread(text) else None
    return dumper.represent_scalar(TAG + "str", text, style=style)


def _misread(text: str) -> bool:
    try:
        return not isinstance(resolved(text), str)
    except ValueError:
        return True


_Dumper.add_representer(str, _text_node)


def _refuse_undumpable(data: Any) -> None:
    if type(data) is dict:
        for key, value in data.items():
            if type(key) is not str:
                raise TypeError(f"key {key!r} is a {type(key).__name__}; YAML keys are text here")
            _refuse_undumpable(key)
            _refuse_undumpable(value)
    elif type(data) in (list, tuple):
        for item in data:
            _refuse_undumpable(item)
    elif type(data) is str:
        data.encode("utf-8")
    elif type(data) is int:
        integer(str(data))
    elif type(data) not in (float, bool, type(None)):
        raise TypeError(f"{data!r} is a {type(data).__name__}; only plain data can be written as YAML")
