"""What a handful of seeds can say: estimates with their intervals, and verdicts that never go further.

Arrays are `(seeds,)`: one number a training, for seeds are what is replicated. NaN is refused, since a seed that failed
must be counted by whoever makes the table. SciPy is imported when it is first needed, and of it `scipy.special` where
that suffices: importing `scipy.stats` takes a second, comparing runs takes less.
"""

from actlab.study.stats.comparisons import (
    MINIMUM_PAIRS,
    holm,
    pairs_needed_for_p,
    pairs_needed_for_power,
    smallest_p,
    t_test_power,
)
from actlab.study.stats.pairs import DRAWS, EXACT_PAIRS, Paired, paired, sign_flip_p, superiority
from actlab.study.stats.summaries import Summary, summary
from actlab.study.stats.verdicts import Verdict, floor_note, verdict

__all__ = [
    "DRAWS",
    "EXACT_PAIRS",
    "MINIMUM_PAIRS",
    "Paired",
    "Summary",
    "Verdict",
    "floor_note",
    "holm",
    "paired",
    "pairs_needed_for_p",
    "pairs_needed_for_power",
    "sign_flip_p",
    "smallest_p",
    "summary",
    "superiority",
    "t_test_power",
    "verdict",
]
