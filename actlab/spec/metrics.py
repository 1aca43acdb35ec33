"""What can be measured of a run, and when: the names, as configs and command lines write them.

A metric is a column of history.csv or timing.csv, `test_accuracy` or `test_loss`, or "layer.column" of layers.csv
("dense.dead_units"); the layer "*", or none, is the whole network: of what a probe writes for layers
only, their mean. Its values are read in `actlab.study`.
"""

from __future__ import annotations

import re

from actlab.errors import ActlabError, UnknownName
from actlab.registry import find

AT = ("last", "best-validation", "area", "max", "min", "mean", "step N", "epoch N")
AT_ROW = re.compile(r"(step|epoch) +([0-9]+(?:\.[0-9]+)?)")
HISTORY_METRICS = ("epoch", "step", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")
TRAIN_EVAL_METRICS = ("train_eval_loss", "train_eval_accuracy")
GAP = "gap"  # train_eval_accuracy − val_accuracy: how much better a network knows what it was trained on
TIMING_METRICS = ("wall_seconds", "images_per_second")
TEST_METRICS = ("test_accuracy", "test_loss")
WITHOUT_PROBES = (*HISTORY_METRICS, *TIMING_METRICS, *TEST_METRICS, *TRAIN_EVAL_METRICS, GAP)
LEARNED = re.compile(r"^[a-z_]+_(mean|min|max)$")  # of a parameter that an activation learns


def check_at(at: str, metric: str = "") -> None:
    """That a moment is one.

    Raises:
        UnknownName: it is none, with the nearest.
        ActlabError: it is none at which this metric is taken.
    """
    if at not in AT[:6] and not AT_ROW.fullmatch(at):
        raise UnknownName("moment", at, AT)
    if metric in TEST_METRICS and at not in AT[:2]:
        raise ActlabError(
            f"{metric} is taken at the end of a training and at its best validation only; "
            f"read {at!r}, use 'last' or 'best-validation', or val_{metric[5:]}"
        )


def probes_writing(column: str) -> list[str]:
    """The probes that write a column; whatever an activation learns is one too ("negative_slope_mean")."""
    written = {entry.name: set(entry.facts.columns) for entry in find("probe")}
    learned = LEARNED.sub(r"<parameter>_\1", column)
    return [name for name, columns in written.items() if column in columns] or [
        name for name, columns in written.items() if learned in columns
    ]


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is what one wants: accuracies and speeds; of all else, less."""
    column = metric.rpartition(".")[2]
    return column.endswith("accuracy") or column == "images_per_second"
