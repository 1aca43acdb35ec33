"""Every condition minus the baseline, seed by seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from actlab.show.plots.axes import finite, label_of
from actlab.show.plots.rows import Row, by_seed, meaning, rows_figure
from actlab.show.plots.style import Look, looks, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOT_ESTABLISHED = "not established"
BESIDE = "†"  # behind a verdict that is not to be read alone


@styled
def difference_figure(
    differences: pd.DataFrame, metric: str, baseline: str, title: str, note: str = "", when: str = "",
    verdicts: Mapping[str, str] | None = None, higher_is_better: bool = True,
    look_of: Mapping[str, Look] | None = None,
) -> Figure:  # fmt: skip
    """A row a condition: a dot a pair, value − baseline of one seed; under the dots mean ± t(n − 1, 0.975) · std/√n.

    Args:
        differences: `condition`, `seed` and `difference`; a row a pair, in the order of the figure. A row without a
            finite difference is a condition's that has no pairs.
        metric: what differs.
        baseline: what was subtracted, in words.
        title: drawn as it is, as are all names.
        note: what nobody may overlook; drawn under the title.
        when: the moment of the training, such as "at the last evaluation".
        verdicts: condition to the words at the right of its row, with BESIDE where a reader must know more; those that
            establish something are bold.
        higher_is_better: of the metric; said under the title.
        look_of: condition to its look; by default in order of first appearance.

    Returns:
        The figure; pass it to `png` or `svg`.
    """
    frame = differences.assign(difference=finite(differences["difference"]))
    look_of, verdicts = look_of or looks(frame["condition"]), verdicts or {}
    rows = []
    for key, part in frame.groupby("condition", sort=False):
        name, pairs = str(key), by_seed(part.set_index("seed")["difference"])
        word = verdicts.get(name, "")
        words = ", ".join(filter(None, [word, _pairs(len(pairs))]))
        rows.append(Row(name, pairs, words, look_of[name].color, bool(word) and not word.startswith(NOT_ESTABLISHED)))
    better = f"{'right' if higher_is_better else 'left'} of 0 is better"
    beside = f"{BESIDE} see what the table says beside it" if any(BESIDE in row.words for row in rows) else ""
    said = [when, better, meaning(rows, "pair"), beside]
    label = f"{label_of(metric)} minus that of {baseline}"
    return rows_figure(rows, label, title, "; ".join(filter(None, said)), note, zero=True)


def _pairs(count: int) -> str:
    return {0: "no pairs", 1: "n = 1 pair"}.get(count, f"n = {count} pairs")
