"""Tables that fit the terminal: names fold, the least important columns go first, and no number is ever cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

GAP = 2
NAME_ROOM = 24  # characters that names keep, where they need them, before a column of numbers is left out
LEAST_NAME = 8
PIECES = re.compile(r"[^-_ =,/]*[-_ =,/]?")  # a name folds after one of these signs, where it has them
KEY_PIECES = re.compile(r"[^-_ =,/.]*[-_ =,/.]?")  # a header after a dot too: it is a key, and no number


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        header: its name.
        cells: its words, one a row.
        short: the header where the terminal is narrow; the same if empty.
        short_cells: the words where the terminal is narrow; the same if None.
        drop: 0 stays; of the others the highest goes first, and of equals the last.
        folds: whether its words may take several lines. What does not fold stands on one line.
        right: whether it stands on the right of its column, as numbers do.
        style: of a word; none by default.
    """

    header: str
    cells: Sequence[str]
    short: str = ""
    short_cells: Sequence[str] | None = None
    drop: int = 0
    folds: bool = False
    right: bool = True
    style: Callable[[str], str] = lambda _: ""

    @property
    def shortened(self) -> Column:
        """The column for a narrow terminal."""
        cells = self.cells if self.short_cells is None else self.short_cells
        return replace(self, header=self.short or self.header, cells=cells)

    @property
    def width(self) -> int:
        """Characters of its longest word."""
        return max(map(cell_len, [*self.header.split("\n"), *self.cells]), default=0)

    @property
    def least(self) -> int:
        """Characters under which it does not go: no word of a header is broken."""
        if not self.folds:
            return self.width
        words = (cell_len(piece.rstrip()) for piece in KEY_PIECES.findall(self.header))
        return min(self.width, max(LEAST_NAME, *words))


class FittedTable:
    """A table that rich prints at the width there is.

    Args:
        columns: all that there is to show.
        name_room: characters that names keep, where they need them, before a column is left out.
        one_line: cut names in the middle instead of folding them.
        tells: whether to say which columns were left out.
    """

    def __init__(
        self, columns: Sequence[Column], name_room: int = NAME_ROOM, one_line: bool = False, tells: bool = True
    ) -> None:
        self.columns, self.name_room = list(columns), name_room
        self.fit_name, self.tells = cut if one_line else folded, tells

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns, dropped = fitted(self.columns, options.max_width, self.name_room)
        yield _table(columns, options.max_width, self.fit_name)
        if dropped and self.tells:
            yield Text(_listed("left out for want of room:", dropped, options.max_width), style="dim")


def fitted(columns: list[Column], room: int, name_room: int = NAME_ROOM) -> tuple[list[Column], list[str]]:
    """The columns that fit into so many characters, shortened if need be, and the headers of those left out."""
    if _needed(columns, name_room) <= room:
        return columns, []
    kept, dropped = [column.shortened for column in columns], dict[int, str]()
    places = list(range(len(columns)))
    while _needed(kept, name_room) > room and any(column.drop for column in kept):
        least = max(range(len(kept)), key=lambda i: (kept[i].drop, i))
        del kept[least]
        place = places.pop(least)
        dropped[place] = columns[place].header
    if _needed(kept, 0) > room:
        kept = _with_one_name(kept)
    return kept, [dropped[place] for place in sorted(dropped)]


def _with_one_name(columns: list[Column]) -> list[Column]:
    """The columns, the names at the left as one: several are wider than one where each has its least room."""
    names = list(takewhile(lambda column: column.folds, columns))
    if len(names) < 2 or len(names) == len(columns):
        return columns
    cells = [", ".join(words) for words in zip(*(column.cells for column in names), strict=True)]
    one = Column(", ".join(column.header for column in names), cells, folds=True, right=False)
    return [one, *columns[len(names) :]]


def _listed(said: str, names: Sequence[str], room: int) -> str:
    """Names on lines of at most so many characters, none on two of them."""
    lines = [said]
    for name in [*(f"{name}," for name in names[:-1]), *names[-1:]]:
        if cell_len(f"{lines[-1]} {name}") > room:
            lines.append(name)
        else:
            lines[-1] += f" {name}"
    return "\n".join(lines)


def _needed(columns: list[Column], name_room: int) -> int:
    """Characters without which another column must go."""
    names = [column for column in columns if column.folds]
    each = name_room // max(1, len(names))
    numbers = sum(column.width for column in columns if not column.folds)
    return numbers + sum(min(c.width, max(each, c.least)) for c in names) + GAP * (len(columns) - 1)


def _table(columns: list[Column], room: int, fit_name: Callable[[str, int], str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    names = [column for column in columns if column.folds]
    numbers = sum(column.width for column in columns if not column.folds)
    left = room - numbers - GAP * (len(columns) - 1)
    widths = iter(shared([column.width for column in names], left, [column.least for column in names]))
    cells = []
    for column in columns:
        width, fit = (next(widths), fit_name) if column.folds else (column.width, _as_it_is)
        justify: Literal["left", "right"] = "right" if column.right else "left"
        header = folded(column.header, width, KEY_PIECES) if column.folds else column.header
        table.add_column(Text(header), width=width, justify=justify, overflow="fold")
        cells.append([Text(fit(word, width), style=column.style(word)) for word in column.cells])
    for row in zip(*cells, strict=True):
        table.add_row(*row)
    return table


def _as_it_is(word: str, width: int) -> str:
    return word


def shared(wanted: Sequence[int], room: int, least: Sequence[int] | None = None) -> list[int]:
    """So many characters shared among columns: none gets more than it wants, and short ones all that they want.

    Args:
        wanted: by each column.
        room: for all.
        least: what each gets, however little room there is.
    """
    floors = least or [LEAST_NAME] * len(wanted)
    given, owed = [0] * len(wanted), sum(floors)
    for left, index in zip(range(len(wanted), 0, -1), sorted(range(len(wanted)), key=lambda i: wanted[i]), strict=True):
        owed -= floors[index]
        given[index] = min(wanted[index], max(floors[index], min(room // left, room - owed)))
        room -= given[index]
    return given


def cut(name: str, width: int) -> str:
    """A name on one line of at most a width, with dots in its middle: names often differ at their ends."""
    if cell_len(name) <= width:
        return name
    keep = max(width - 3, 0)
    return f"{name[: keep // 2]}...{name[len(name) - (keep - keep // 2) :]}"[:width]


def folded(name: str, width: int, pieces: re.Pattern[str] = PIECES) -> str:
    """A name on several lines of at most a width, parted where its words end if they do."""
    lines = [""]
    for piece in pieces.findall(name):
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)
