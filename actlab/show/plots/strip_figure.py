"""Every seed of every condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from actlab.show.plots.axes import finite, label_of, needs_log
from actlab.show.plots.rows import Row, by_seed, meaning, rows_figure
from actlab.show.plots.style import Look, looks, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def strip_figure(
    values: pd.DataFrame, metric: str, title: str, note: str = "", when: str = "",
    look_of: Mapping[str, Look] | None = None,
) -> Figure:  # fmt: skip
    """A row a condition: a dot a seed, and under the dots mean ± t(n − 1, 0.975) · std/√n.

    Of a single seed there is no interval. The seeds of two conditions are joined: a pair is what both have in common.

    Args:
        values: `condition`, `seed` and the metric; a row a seed, in the order of the figure. A seed whose value is not
            finite has none: it is counted, and not drawn.
        metric: the column to draw.
        title: drawn as it is, as are the names of the conditions.
        note: what nobody may overlook; drawn under the title.
        when: the moment of the training, such as "at the last evaluation".
        look_of: condition to its look; by default in order of first appearance.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    frame = values.assign(**{metric: finite(values[metric])})
    look_of = look_of or looks(frame["condition"])
    parts = [(str(name), part.set_index("seed")[metric]) for name, part in frame.groupby("condition", sort=False)]
    rows = [Row(name, by_seed(part), count_words(part), look_of[name].color) for name, part in parts]
    joined = "grey: the same seed" if len(rows) == 2 else ""
    subtitle = "; ".join(filter(None, [when, meaning(rows, "seed"), joined]))
    log = needs_log(metric, frame[metric].to_numpy(float))
    return rows_figure(rows, label_of(metric), title, subtitle, note, log, joined=len(rows) == 2)


def count_words(values: pd.Series[float]) -> str:
    """ "n = 5", or "n = 4 of 5" where a seed has no value."""
    count = int(values.notna().sum())
    return f"n = {count}" if count == len(values) else f"n = {count} of {len(values)}"
