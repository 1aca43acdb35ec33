"""`actlab show RUN --layers`: what the probes saw, a row a layer, with a sparkline over the evaluations."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from actlab.commands.output import console
from actlab.errors import RunDirError
from actlab.run.folder import HISTORY, LAYER_COLUMNS, LAYERS
from actlab.run.record import Run
from actlab.show.tables import GAP, Column, FittedTable

if TYPE_CHECKING:
    import pandas as pd

BLOCKS, ASCII = "▁▂▃▄▅▆▇█", ".:-=+*#@"  # from the lowest to the highest
SIGNS_UP_TO = 12  # of a sparkline; of more evaluations some are shown
NAME_ROOM = 20
FIRST = (
    "dead_units", "inactive_units", "unmoved_units", "revived_units", "saturated_fraction", "gradient_norm_mean",
    "gradient_norm_max", "update_norm", "weight_norm",
)  # fmt: skip
SHARES = ("saturated_fraction", "activation_zeros")
HISTOGRAM = "activation_histogram"
BIN = re.compile(rf"{HISTOGRAM}_\d+")


@dataclass(frozen=True)
class Measure:
    """A column of layers.csv, layer by layer.

    Args:
        name: of the column.
        values: layer to its value at each evaluation, NaN where it has none.
        tops: layer to what the top of its sparkline stands for, with 0 at its foot; None is its own range.
    """

    name: str
    values: dict[str, list[float]]
    tops: dict[str, float | None]


def show_layers(run: Run, as_json: bool) -> None:
    """Print the layer table of a run.

    Raises:
        RunDirError: the run was not probed, or has no evaluation yet, or its table is damaged.
    """
    layers = _layers(run)
    times = layers.drop_duplicates("step")
    units = {str(name): float(part["units"].iloc[0]) for name, part in layers.groupby("layer", sort=False)}
    measures = [measure for name in _names(layers) if (measure := _measure(layers, name, units))]
    if as_json:
        typer.echo(json.dumps(_plain(run, times, units, measures, _histograms(layers)), indent=2))
        return
    out = console()
    signs = ASCII if out.options.ascii_only else BLOCKS
    columns = [_column(measure, signs) for measure in measures]
    if histograms := _histograms(layers):
        columns.append(Column(f"{HISTOGRAM} (last)", [_of_counts(histograms[name], signs) for name in units]))
    out.print(Text(f"{run.label}  {run.status}", style="bold"))
    names = Column("layer", list(units), folds=True, right=False)
    sizes = Column("units", [_number(number, whole=True) for number in units.values()])
    for some in _side_by_side(columns, out.width - min(names.width, NAME_ROOM) - sizes.width - 2 * GAP):
        out.print(Text())
        out.print(FittedTable(_without_empty_rows([names, sizes, *some]), NAME_ROOM))
    out.print(Text(f"\n{_legend(times, bool(histograms))}"))


def _layers(run: Run) -> pd.DataFrame:
    path = run.path / LAYERS
    if not path.is_file():
        raise RunDirError(
            f"{run.path}: holds no {LAYERS}, since nothing was probed; put `probes: [dead_units, "
            "gradient_norms]`, or `probes: all`, into the config and train it (`actlab probes` lists them)"
        )
    if run.layers.empty:
        raise RunDirError(f"{path}: no evaluation yet: the first rows come with the first row of {HISTORY}")
    return run.layers.assign(layer=run.layers["layer"].map(str))  # a table from anywhere may name layers by numbers


# --- what is measured ------------------------------------------------------------------------------------------


def _names(layers: pd.DataFrame) -> list[str]:
    """The measures of the table, what is looked for most first."""
    columns = [str(column) for column in layers]
    names = [column for column in columns if column not in LAYER_COLUMNS and not BIN.fullmatch(column)]
    rank = {name: place for place, name in enumerate(FIRST)}
    return sorted(names, key=lambda name: rank.get(name, len(rank)))


def _measure(layers: pd.DataFrame, name: str, units: dict[str, float]) -> Measure | None:
    """A measure by layer; None where no layer has it."""
    table = layers.drop_duplicates(["step", "layer"]).pivot(index="step", columns="layer", values=name)
    values = {layer: [float(value) for value in table[layer]] for layer in units}
    if all(math.isnan(value) for row in values.values() for value in row):
        return None
    tops = {layer: count if name.endswith("_units") else 1.0 if name in SHARES else None
            for layer, count in units.items()}  # fmt: skip
    return Measure(name, values, tops)


def _histograms(layers: pd.DataFrame) -> dict[str, list[float]]:
    """Layer to its counts at the last evaluation; empty where they were not taken."""
    bins = [str(column) for column in layers if BIN.fullmatch(str(column))]
    last = layers.drop_duplicates("layer", keep="last").set_index("layer")
    return {str(name): [float(count) for count in row] for name, row in last[bins].iterrows()} if bins else {}


def _plain(
    run: Run, times: pd.DataFrame, units: dict[str, float], measures: list[Measure], histograms: dict[str, list[float]]
) -> dict[str, Any]:
    rows = [
        {
            "layer": layer, "units": _finite(count),
            "last": {measure.name: _finite(measure.values[layer][-1]) for measure in measures},
            "values": {measure.name: [_finite(value) for value in measure.values[layer]] for measure in measures},
            "histogram": [_finite(count) for count in histograms.get(layer, [])],
        }
        for layer, count in units.items()
    ]  # fmt: skip
    moments = {name: [_finite(value) for value in times[name]] for name in ("epoch", "step")}
    return {"path": str(run.path), "label": run.label, "status": run.status, **moments, "layers": rows}


def _finite(value: Any) -> float | None:
    """A number as JSON has it."""
    number = float(value)
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() else number


# --- words and signs -------------------------------------------------------------------------------------------


def _column(measure: Measure, signs: str) -> Column:
    """The last value and the sparkline of each layer."""
    whole = measure.name.endswith("_units")
    last = [_number(values[-1], whole) for values in measure.values.values()]
    width = max(map(len, last))
    lines = [sparkline(_thinned(v), measure.tops[layer], signs) for layer, v in measure.values.items()]
    return Column(measure.name, [f"{n:>{width}} {line}" for n, line in zip(last, lines, strict=True)])


def _without_empty_rows(columns: list[Column]) -> list[Column]:
    """Without the layers of which no measure of the table says anything; `layer` and `units` come first."""
    kept = [
        place
        for place, cells in enumerate(zip(*(c.cells for c in columns[2:]), strict=True))
        if any(map(str.strip, cells))
    ]
    return [replace(column, cells=[column.cells[place] for place in kept]) for column in columns]


def _number(value: float, whole: bool = False) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if whole else f"{value:.3g}"


def _thinned(values: Sequence[float]) -> list[float]:
    """At most SIGNS_UP_TO of the values, evenly chosen, the first and the last among them."""
    count = min(len(values), SIGNS_UP_TO)
    return [values[round(i * (len(values) - 1) / max(count - 1, 1))] for i in range(count)]


def sparkline(values: Sequence[float], top: float | None, signs: str = BLOCKS) -> str:
    """A sign a value, by its height; a space where there is none.

    Args:
        values: any numbers; NaN and infinity have no sign.
        top: what the highest sign stands for. The lowest is 0 then, and 0 only. None: the signs go from the lowest
            value to the highest, and all are the lowest where these are equal.
        signs: from the lowest to the highest.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = (0.0, top) if top is not None else (min(finite, default=0.0), max(finite, default=0.0))
    most = len(signs) - 1

    def sign(value: float) -> str:
        if not math.isfinite(value):
            return " "
        part = (value - low) / (high - low) if high > low else 0.0
        height = math.ceil(part * most) if top is not None else round(part * most)
        return signs[min(max(height, 0), most)]

    return "".join(map(sign, values))


def _of_counts(counts: Sequence[float], signs: str) -> str:
    """A histogram as a sparkline; empty where nothing was counted."""
    finite = [count for count in counts if math.isfinite(count)]
    return sparkline(counts, max(finite), signs) if any(finite) else ""


def _side_by_side(columns: list[Column], room: int) -> list[list[Column]]:
    """The columns in groups that fit into so many characters, each at least one."""
    groups: list[list[Column]] = [[]]
    left = room
    for column in columns:
        if groups[-1] and column.width > left:
            groups.append([])
            left = room
        groups[-1].append(column)
        left -= column.width + GAP
    return groups


def _legend(times: pd.DataFrame, histograms: bool) -> str:
    count = len(times)
    shown = f"{SIGNS_UP_TO} of {count} evaluations" if count > SIGNS_UP_TO else f"each of {count} evaluations"
    first, last = times["epoch"].iloc[0], times["epoch"].iloc[-1]
    over = f"epochs {first:.4g} to {last:.4g}" if count > 1 else f"epoch {first:.4g}"
    words = (
        f"Each cell: the last value, then a sign for {shown} ({over}). Counts of units go from 0 to the units of the "
        "layer, shares from 0 to 1, all others from the lowest to the highest value of their own row."
    )
    return words + (" Histograms: activation_min to activation_max." if histograms else "")
