"""The figures of a comparison: its curves, every seed, the differences, and what a number of the config does."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from itertools import combinations
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from actlab.errors import ActlabError
from actlab.runs.folder import WEIGHT_FILM, write_bytes
from actlab.show import words
from actlab.show.figures.axes import label_of
from actlab.show.figures.curves import curves_figure
from actlab.show.figures.films import films_figure
from actlab.show.figures.numbers import heat_map, number_figure, seeds_map
from actlab.show.figures.rows import differences_figure, seeds_figure
from actlab.show.figures.style import PALETTE, Draw, Heading, Look, look, png, styled
from actlab.show.tables import Terminal
from actlab.signals import Signals
from actlab.spec import labels
from actlab.spec.metrics import GAP, TEST_METRICS, TRAIN_EVAL_METRICS, probes_writing
from actlab.spec.part import PARTS
from actlab.spec.where import flat
from actlab.study.baseline import main_axis
from actlab.study.frame import DATA

if TYPE_CHECKING:
    from actlab.study.judge import Comparison, ConditionResult

ACTIVATION = "activation"
FILMS = "weight_films"
AXES = {"batch_size": "batch"}  # columns that figures call by another name
CURVES = ("val_accuracy", "val_loss")
LONGEST_SLUG = 40  # characters of a file's name
DEEP = 2  # layers beyond which a metric is drawn by layer
MAP_COLUMNS, MAP_SEEDS = 8, 15  # values of a number and seeds of each, from which on a map shows all of them
MOST_STACKED = 4  # measures over each other
LARGEST = 1e100  # a record may hold anything; an axis needs numbers that have squares

R = TypeVar("R")
Numbers = Mapping[str, float]  # condition to a number of its config


@styled
def draw_comparison(
    folder: Path, comparison: Comparison, title: str, curves_only: bool = False, more: Mapping[str, Draw] = {},
    cores: int = 1,
) -> list[Path]:  # fmt: skip
    """Draw every figure that applies to a comparison, or its curves only, as PNG files; returns the files.

    One that cannot be drawn is named on stderr, and takes nothing with it; nor does the file of an earlier one stay.

    Args:
        folder: of the files.
        comparison, title, curves_only: as `comparison_figures` takes them.
        more: what draws further figures, by the stems of their files' names.
        cores: that may draw; more than 1 only in a process without other threads, of which copies are made.
    """
    import_plotting()
    drawing = {**comparison_figures(comparison, title, curves_only=curves_only), **more}
    files = _shared_out([partial(_write, folder / f"{stem}.png", draw) for stem, draw in drawing.items()], cores)
    return [file for file in files if file]


def _write(file: Path, draw: Draw) -> Path | None:
    """Draw a figure into its file; returns the file, None if it cannot be drawn."""
    try:
        made = png(draw())
    except Exception as error:
        with suppress(OSError):
            file.unlink()
        Terminal(stderr=True).print(f"{file}: {words.not_drawn(error)}", style="bold yellow", soft_wrap=True)
        return None
    write_bytes(file, made)
    return file


def _shared_out(tasks: Sequence[Callable[[], R]], cores: int) -> list[R]:
    """What each task returns, done by this process and copies of it (`fork`), which have everything at hand.

    What a copy does not hand over, since it failed or was killed, this process does, and so meets the error itself.
    """
    done = dict[int, R]()
    if min(cores, len(tasks)) > 1 and sys.platform == "linux":
        waiting, writing = os.pipe()  # the number of each task, for whoever is free; nobody waits for more
        os.write(writing, bytes(range(len(tasks))))
        os.close(writing)

        def take(done: dict[int, R]) -> None:
            while number := os.read(waiting, 1):
                done[number[0]] = tasks[number[0]]()

        def copy(hand_over: Connection) -> None:
            for number in Signals.numbers:
                signal.signal(number, signal.SIG_DFL)
            done = dict[int, R]()
            with suppress(Exception):
                take(done)
            hand_over.send(done)

        context, copies = get_context("fork"), []
        for _ in range(min(cores, len(tasks)) - 1):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=copy, args=(sender,), daemon=True)
            process.start()
            sender.close()
            copies.append((process, receiver))
        take(done)
        os.close(waiting)
        for process, receiver in copies:
            with suppress(EOFError):
                done |= receiver.recv()
            process.join()
    return [done[number] if number in done else task() for number, task in enumerate(tasks)]


@cache
def import_plotting() -> None:
    """Import what figures need, as soon as there is nothing else to do: it takes a second."""
    for name in ("pandas", "scipy.special", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        import_module(name)


def comparison_figures(
    comparison: Comparison, title: str, look_of: Mapping[str, Look] | None = None, curves_only: bool = False
) -> dict[str, Draw]:
    """What draws each figure that applies to a comparison, by the stem of its file's name.

    - `val_accuracy`, `val_loss`, and the judged metric: the curves, where there is a history;
    - `training`: training accuracy over that of validation, and their gap where it was measured at inference;
    - `by_layer`: the measures of layers at the last evaluation, from the first layer to the last;
    - `seeds`: every seed of every condition;
    - `differences`: each condition minus its baseline, where there is a pair;
    - `by_learning_rate`: the metric against a number that differs, a line for all that differ in it only;
    - `by_learning_rate_and_seed`: every seed as a colour, where one number has many values and each of them many seeds;
    - `by_learning_rate_and_batch_size`: a map, where two numbers cross;
    - `weight_films`: the last frames of the films of the weights, where there are films.

    Args:
        comparison: of runs, finished or not; without a number there are only curves.
        title: over each figure.
        look_of: condition to its look; by default as `looks_of` gives it.
        curves_only: whether the curves are enough.
    """
    (look_of,) = [look_of] if look_of else looks_of([comparison])
    heading = Heading(title, stand_in_note(comparison))
    metric, curves, on_test = comparison.metric, comparison.curves(), words.tested(comparison.runs)
    judged = [metric] if metric.isidentifier() else []  # a layer's column is in no history
    figures: dict[str, Draw] = {
        column: partial(curves_figure, curves, [column], heading, look_of, [label_of(column, on_test)])
        for column in dict.fromkeys((*CURVES, *judged)) if column in curves
    }  # fmt: skip
    measured = TRAIN_EVAL_METRICS[1]
    columns = [measured, CURVES[0], GAP] if measured in curves else ["accuracy", CURVES[0]]
    if not curves_only and set(columns) - {GAP} <= set(curves) and curves[columns[0]].notna().any():
        named = [label_of(column, on_test) for column in columns]
        both = comparison.curves([GAP] * (GAP in columns))
        figures["training"] = partial(curves_figure, both, columns, heading, look_of, named)
    if probes_writing(metric) and not curves_only and (layers := comparison.by_layer())["layer"].nunique() > DEEP:
        columns = [column for column in comparison.metrics if column in layers]
        figures["by_layer"] = partial(curves_figure, layers, columns, heading, look_of, time="layer")
    if curves_only or not any(result.values for result in comparison.results):
        return figures
    heading = heading.plus(words.moment(comparison.at))
    figures["seeds"] = partial(seeds_figure, comparison, heading, look_of)
    if any(result.pairs and result.pairs.n for result in comparison.results):
        figures["differences"] = partial(differences_figure, comparison, heading, look_of)
    figures |= _number_figures(comparison, heading, look_of)
    films = {
        result.name: next((run.path for run in result.runs if (run.path / WEIGHT_FILM).is_file()), None)
        for result in _planned(comparison)
    }
    if found := {name: path for name, path in films.items() if path}:
        figures[FILMS] = partial(films_figure, found, Heading(title, stand_in_note(comparison)), look_of)
    return figures


def stacked(comparison: Comparison, columns: Sequence[str], title: str) -> dict[str, Draw]:
    """What draws several measures over the same epochs, a panel each, by the stem of its file's name.

    Args:
        comparison: of runs, finished or not.
        columns: two to four measures that have a value an evaluation, from the top down.
        title: over the figure.

    Raises:
        ActlabError: there are not as many, one comes twice, or one has no value but at the end.
        UnknownName: no run has such a measure, with the nearest one.
    """
    read = f"read {','.join(columns)!r}"
    if not 2 <= len(set(columns)) == len(columns) <= MOST_STACKED:
        raise ActlabError(f"--stack: expected 2 to {MOST_STACKED} different measures with commas between them, {read}")
    if at_end := [column for column in columns if column in TEST_METRICS]:
        raise ActlabError(f"--stack: {at_end[0]} is measured once, when a training has ended: it has no curve; {read}")
    columns = [column.removeprefix("*.") for column in columns]
    heading, (look_of,) = Heading(title, stand_in_note(comparison)), looks_of([comparison])
    names = [label_of(column, words.tested(comparison.runs)) for column in columns]
    draw = partial(curves_figure, comparison.curves(columns), columns, heading, look_of, names)
    return {"_over_".join(map(_slug, columns)): draw}


def stand_in_note(comparison: Comparison) -> str:
    """What every figure says of runs on a stand-in; empty if there is none."""
    found = {(note.facts["dataset"], note.facts["real"]) for note in comparison.notes if note.kind == "stand-in"}
    return "; ".join(words.stand_in({"name": dataset, "stand_in_for": real}) for dataset, real in sorted(found))


# --- looks -----------------------------------------------------------------------------------------------------


def looks_of(comparisons: Sequence[Comparison]) -> list[dict[str, Look]]:
    """Condition to its look, for each comparison of a page: colours tell activations apart, dashes what else differs.

    Whatever a table is sorted by and whichever conditions a figure shows, an activation keeps its look on the whole
    page: the first eight have a colour each and a solid line, the next eight the same colours with a dash, and so on.
    Those of small comparisons choose first, as they are seen side by side. Where activations do not differ, the colour
    says what the comparison is mainly about, in the order of the config. The number of a look is the condition's place
    in its table.
    """
    axes = [_axis(comparison) for comparison in comparisons]
    colored = [_values(comparison, axis) for comparison, axis in zip(comparisons, axes, strict=True)]
    places: dict[str, dict[str, int]] = {}  # for each axis, its values to their places in the row of looks
    for axis, values in sorted(zip(axes, colored, strict=True), key=lambda pair: len(set(pair[1].values()))):
        known = places.setdefault(axis, {})
        for value in dict.fromkeys(values.values()):
            if value not in known:
                beside = {known[other] % len(PALETTE) for other in values.values() if other in known}
                free = [place for place in range(len(known) + len(PALETTE)) if place not in known.values()]
                known[value] = next((place for place in free if place % len(PALETTE) not in beside), free[0])
    styles = [_styles(*of) for of in zip(comparisons, axes, colored, strict=True)]
    most = max((style for of in styles for style in of.values()), default=0) + 1
    found = []
    for comparison, axis, values, style in zip(comparisons, axes, colored, styles, strict=True):
        looks, called = {}, {result.name: label(result.called) or result.name for result in comparison.results}
        apart = len(set(called.values())) == len(called)
        for number, name in enumerate(comparison.names):
            dashes, color = divmod(places[axis][values[name]], len(PALETTE))
            of_place = look((dashes * most + style[name]) * len(PALETTE) + color, number)
            looks[name] = replace(of_place, label=called[name] if apart else name)
        found.append(looks)
    return found


def label(called: Mapping[str, str]) -> str:
    """What a condition is called in a figure: "sigmoid, batch 10, learning rate 0.1".

    Args:
        called: column to its part of the name, as `labels.short_names` has them.
    """
    parts = []
    for column, text in called.items():
        if column in (*PARTS, DATA):
            parts.append(text)
            continue
        key, value = column.rpartition(".")[2], text.replace("=", " ", 1).partition(" ")[2]
        name = AXES.get(key, key).replace("_", " ")
        parts.append(f"no {name}" if value.lower() == "none" else f"{name} {value}")
    return ", ".join(parts)


def _axis(comparison: Comparison) -> str:
    """The column that colours tell apart: what the comparison is about, and no number where something else differs."""
    numbers = _swept(comparison)
    columns = [column for column in comparison.differs if column not in numbers] or comparison.differs
    return main_axis(columns) if columns else ACTIVATION


def _values(comparison: Comparison, axis: str) -> dict[str, str]:
    """Condition to what its colour says, as planned: the bare name of its activation, where there are several."""
    planned = _planned(comparison)
    texts = {result.name: result.keys.get(axis, "") for result in planned}
    if axis != ACTIVATION:
        return texts
    parts = {result.name: result.runs[0].config.get(ACTIVATION) for result in planned}
    bare = {name: str(part.get("name") if isinstance(part, Mapping) else part) for name, part in parts.items()}
    return bare if len(set(bare.values())) > 1 else texts


def _styles(comparison: Comparison, axis: str, values: Mapping[str, str]) -> dict[str, int]:
    """Condition to the number of its dashes among those of one colour: by the other columns, then by parameters."""
    planned = _planned(comparison)
    others = {r.name: tuple(text for column, text in r.keys.items() if column != axis) for r in planned}
    other = {key: place for place, key in enumerate(dict.fromkeys(others.values()))}
    variants: dict[str, dict[str, int]] = {}
    styles = {}
    for result in planned:
        of_color = variants.setdefault(values[result.name], {})
        variant = of_color.setdefault(result.keys.get(axis, ""), len(of_color))
        styles[result.name] = variant * len(other) + other[others[result.name]]
    return styles


def _planned(comparison: Comparison) -> list[ConditionResult]:
    """The conditions as planned, however the table is sorted."""
    return sorted(comparison.results, key=lambda result: comparison.order.index(result.name))


# --- numbers of the config -------------------------------------------------------------------------------------


def _number_figures(comparison: Comparison, heading: Heading, look_of: Mapping[str, Look]) -> dict[str, Draw]:
    """A map where two numbers cross; else a figure for each that takes two values or more with all else equal."""
    numbers, figures = _swept(comparison), dict[str, Draw]()
    groups = sorted(_tied(numbers), key=lambda group: -len(set(numbers[group[0]].values())))
    last = {group[0]: group[0].split(".")[-1] for group in groups}
    short = {key: name if list(last.values()).count(name) == 1 else key for key, name in last.items()}

    def more(drawn: Mapping[str, Mapping[str, Any]], along: Sequence[str]) -> Heading:
        missing = len(comparison.results) - sum(map(len, drawn.values()))
        also = words.listed([key.split(".")[-1].replace("_", " ") for key in along])
        left_out = f"not drawn: {words.counted(missing, 'other condition')}" if missing else ""
        return heading.plus(left_out, f"{also} {'goes' if len(along) == 1 else 'go'} with it" if along else "")

    for across, up in combinations(groups, 2):
        x, y = numbers[across[0]], numbers[up[0]]
        maps: dict[str, dict[str, tuple[float, float]]] = {}
        for name, shared in _without(comparison, [*across, *up]).items():
            if name in x and name in y:
                maps.setdefault(shared, {})[name] = x[name], y[name]
        maps = {shared: cells for shared, cells in maps.items() if _cross(set(cells.values()))}
        if maps:
            keys = short[across[0]], short[up[0]]
            draw = partial(heat_map, comparison, keys, maps, more(maps, [*across[1:], *up[1:]]), look_of)
            return {f"by_{_slug(keys[0])}_and_{_slug(keys[1])}": draw}
    for key, *along in groups:
        if lines := _lines(comparison, numbers[key], [key, *along]):
            stem, under = f"by_{_slug(short[key])}", more(lines, along)
            figures[stem] = partial(number_figure, comparison, short[key], lines, under, look_of)
            only, *others = lines.values()
            seeds = [comparison[name].summary.n for name in only]
            if not others and len(seeds) >= MAP_COLUMNS and min(seeds) >= MAP_SEEDS:
                figures[f"{stem}_and_seed"] = partial(seeds_map, comparison, short[key], only, under)
    return figures


def _swept(comparison: Comparison) -> dict[str, Numbers]:
    """Dotted key to condition to its number, for each number that differs; conditions without one are left out.

    Parameters of parts are among them: of "relu", "leaky_relu 0.01" and "leaky_relu 0.1", `activation.negative_slope`.
    """
    configs = {result.name: flat(result.runs[0].config) for result in comparison.results}
    columns = [column for column in comparison.differs if column not in (DATA, "seed")]
    found: dict[str, Numbers] = {}
    for key in dict.fromkeys(key for config in configs.values() for key in config):
        if any(key == column or (column in PARTS and key.startswith(f"{column}.")) for column in columns):
            numbers = {name: number for name, c in configs.items() if (number := _number(c.get(key))) is not None}
            if len(set(numbers.values())) > 1:
                found[key] = numbers
    return found


def _number(value: Any) -> float | None:
    """A value as the number that it is; a list of one number is one too (a single hidden layer)."""
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and abs(value) < LARGEST else None


def _tied(numbers: Mapping[str, Numbers]) -> list[list[str]]:
    """Keys in groups: in a group each number of one key goes with one number of the others (`zip` in a sweep)."""
    groups: list[list[str]] = []
    for key, mine in numbers.items():
        for group in groups:
            theirs = numbers[group[0]]
            pairs = {(mine[name], theirs.get(name)) for name in mine}
            if mine.keys() == theirs.keys() and len(pairs) == len(set(mine.values())) == len(set(theirs.values())):
                group.append(key)
                break
        else:
            groups.append([key])
    return groups


def _cross(places: Collection[tuple[float, float]]) -> bool:
    """Whether some number across has several up, and the other way round."""
    return all(len(places) > len({place[axis] for place in places}) for axis in (0, 1))


def _lines(comparison: Comparison, numbers: Numbers, keys: Sequence[str]) -> dict[str, dict[str, float]]:
    """All lines of two points or more; and single points that differ from such a line in the activation only.

    So ReLU, whose slope is 0, stands beside the slopes of LeakyReLU; the momentum of two optimizers is no such number.
    """
    line = _without(comparison, keys)
    activation = [ACTIVATION] if any(key.startswith(f"{ACTIVATION}.") for key in keys) else []
    beside = _without(comparison, [*keys, *activation])
    points = Counter(line[name] for name in numbers)
    near = {beside[name] for name in numbers if points[line[name]] > 1}
    lines: dict[str, dict[str, float]] = {}
    for name in comparison.names:
        if name in numbers and beside[name] in near:
            lines.setdefault(line[name], {})[name] = numbers[name]
    return lines


def _without(comparison: Comparison, keys: Sequence[str]) -> dict[str, str]:
    """Condition to what it is called without some keys of its config; empty where nothing else differs."""
    configs = [
        {column: {k: v for k, v in part.items() if f"{column}.{k}" not in keys} if isinstance(part, Mapping) else part
         for column, part in result.runs[0].config.items()}
        for result in comparison.results
    ]  # fmt: skip
    rests = []
    for column in comparison.differs:
        rest = [result.keys[column] for result in comparison.results]
        if any(key.startswith(f"{column}.") for key in keys):
            rest = labels.texts(column, [config.get(column) for config in configs])
        if column not in keys:
            rests.append([labels.named(column, text) for text in rest])
    found = [" ".join(rest[place] for rest in rests) for place in range(len(comparison.names))]
    first = {text: place for place, text in reversed(list(enumerate(found)))}
    columns = [column for column in comparison.differs if column not in keys]
    texts = [{column: comparison.results[place].keys[column] for column in columns} for place in first.values()]
    short = dict(
        zip(first, map(label, labels.short_names(columns, texts, [configs[i] for i in first.values()])), strict=True)
    )
    alike = len(set(short.values())) < len(short)
    return {name: text if alike else short[text] for name, text in zip(comparison.names, found, strict=True)}


def _slug(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", key)[:LONGEST_SLUG]
