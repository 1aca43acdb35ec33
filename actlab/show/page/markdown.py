"""Text that Markdown takes as it is."""

from __future__ import annotations

import re

from markupsafe import Markup

from actlab.show.words import printable

SPECIAL = re.compile(r"([\\`*\[\]|~$]|(?<!\w)_|_(?!\w))")  # an underline within a word is one
# what would make a line a list, a heading or a rule; a number such as 0.95 makes none
AT_THE_START = re.compile(r"^([-+](?=\s|$)|-(?=[-\s]*$)|=+$|#(?=#{0,5}(\s|$))|\d{1,9}(?=[.)](\s|$)))")


def escaped(text: str) -> str:
    """Text on one line that Markdown, and HTML in it, takes as it is."""
    plain = " ".join(printable(text).split())
    html = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return AT_THE_START.sub(
        lambda match: f"{match[0]}\\" if match[0].isdecimal() else f"\\{match[0]}", SPECIAL.sub(r"\\\1", html)
    )


def fenced(text: str, language: str) -> Markup:
    """A block of code that no text can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{printable(text)}\n{fence}")
