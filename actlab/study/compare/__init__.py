"""Finished runs side by side: grouped by what differs besides the seed, each condition held against a baseline.

    order       the runs as their config file planned them
    describing  what differs, in words
    grouping    conditions
    keys        of the config, by their last part
    baseline    what each is compared with
    values      one number a seed
    judging     summaries, pairs, Holm's correction, verdicts
    guard       what else differs
    table, notes, curves
    swept       which numbers of the config differ
    looks       one colour an activation
    figures     those that apply

Everything is read from run directories; TensorFlow is not needed.
"""

from __future__ import annotations

from actlab.study.compare.comparison import METRICS, Comparison, compare
from actlab.study.compare.curves import curves, seed_frame
from actlab.study.compare.describing import describe
from actlab.study.compare.figures import figures
from actlab.study.compare.judging import too_few
from actlab.study.compare.looks import looks_of
from actlab.study.compare.notes import few, stand_in_note
from actlab.study.compare.order import in_plan_order
from actlab.study.compare.table import BAD_ENDS, mean_and_std, seconds_an_epoch
from actlab.study.compare.values import moment

__all__ = [
    "BAD_ENDS",
    "METRICS",
    "Comparison",
    "compare",
    "curves",
    "describe",
    "few",
    "figures",
    "in_plan_order",
    "looks_of",
    "mean_and_std",
    "moment",
    "seconds_an_epoch",
    "seed_frame",
    "stand_in_note",
    "too_few",
]  # fmt: skip
