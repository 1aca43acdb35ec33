"""Claims held against runs: supported, refuted or undecided, and why.

A claim is a line of a config (`actlab.spec.claim`). What it is held against are the runs that the same file asks for,
known by their hashes: what else lies in the folder, such as a trial with fewer epochs, is not part of it.

A claim holds only if it holds for every condition, or pair of conditions, that it speaks of. Against a number, the 95%
t interval of the mean over seeds must lie where the claim says (supported), or wholly elsewhere (refuted); against
another condition the rules are those of a comparison (`actlab.study.stats.verdict`): 6 pairs or more, the interval of the
difference, and p under 0.05 after Holm's correction over all such comparisons of the file. "==" and "!=" speak of every
run by itself. While a run that is meant has no number, nothing can be supported, unless its training diverged or failed
and it belongs to the condition that loses anyway.
"""

from __future__ import annotations

from pathlib import Path

from actlab.spec.claim import Claim
from actlab.study.claims.findings import Finding
from actlab.study.claims.judging import ClaimVerdict, foreseen, judge
from actlab.study.claims.planned import PlannedRun, Study, planned, read_folder, read_plan

__all__ = [
    "Claim",
    "ClaimVerdict",
    "Finding",
    "PlannedRun",
    "Study",
    "foreseen",
    "judge",
    "judge_folder",
    "planned",
    "read_folder",
    "read_plan",
]  # fmt: skip


def judge_folder(folder: Path) -> list[ClaimVerdict]:
    """The claims of an experiment's folder as they stood when it was trained, held against its runs.

    Raises:
        ActlabError: its experiment.yaml is missing, or this version of actlab does not understand it.
    """
    study = read_folder(folder)
    return judge(study.claims, study.runs)
