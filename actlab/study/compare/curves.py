"""The frames that figures are drawn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actlab.errors import RunDirError
from actlab.study.compare.comparison import Comparison

if TYPE_CHECKING:
    import pandas as pd


def curves(comparison: Comparison) -> pd.DataFrame:
    """The histories of all runs, one below the other, with the columns `condition` and `seed`.

    Unfinished runs stay in, as far as they came.
    """
    import pandas as pd

    frames = []
    for condition, runs in comparison.conditions.items():
        for run in runs:
            try:
                history = run.history
            except RunDirError:
                continue
            frames.append(history.assign(condition=condition, seed=run.config.get("seed", 0)))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def seed_frame(comparison: Comparison) -> pd.DataFrame:
    """A row a condition and seed: `condition`, what differs, `seed`, and the value that was judged."""
    import pandas as pd

    words = comparison.table[comparison.differs].to_dict(orient="records")
    rows = [
        {"condition": name, **where, "seed": seed, comparison.metric: number}
        for (name, by_seed), where in zip(comparison.values.items(), words, strict=True)
        for seed, number in by_seed.items()
    ]
    return pd.DataFrame(rows, columns=["condition", *comparison.differs, "seed", comparison.metric])
