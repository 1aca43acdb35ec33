"""Where a number must lie for a claim to hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from actlab.spec.claim import Claim

ROUNDING = 1e-9  # relative: a margin of 0.01 is met by 0.97 − 0.96, which is not 0.01 in binary fractions


@dataclass(frozen=True)
class Region:
    """low ≤ d ≤ high, each end open or closed.

    Args:
        low, high: −∞ and ∞ where there is no such end.
        open: whether the finite ends are outside.
    """

    low: float
    high: float
    open: bool = False

    def __contains__(self, value: float) -> bool:
        return not self.is_above(value) and not self.is_below(value)

    def is_below(self, value: float) -> bool:
        """Whether a value lies below the region."""
        return value < self.low or (self.open and value == self.low)

    def is_above(self, value: float) -> bool:
        """Whether a value lies above the region."""
        return value > self.high or (self.open and value == self.high)

    @property
    def ends(self) -> list[float]:
        """The finite ones."""
        return [end for end in (self.low, self.high) if math.isfinite(end)]


def region(claim: Claim) -> Region:
    """Where the mean of a claim's numbers, or of its differences, must lie."""
    relation, margin = claim.relation, claim.margin
    b = relation.number or 0.0
    match relation.sign:
        case ">":
            return Region(b + margin, math.inf, open=True)
        case ">=":
            return Region(b - margin, math.inf)
        case "<":
            return Region(-math.inf, b - margin, open=True)
        case "<=":
            return Region(-math.inf, b + margin)
    low, high = relation.bounds or (b, b)
    return Region(low - margin, high + margin)


def holds(claim: Claim, value: float) -> bool:
    """Whether a claim about every seed, by "==" or "!=", holds for one number or difference."""
    distance = abs(value - (claim.relation.number or 0.0))
    near = distance <= claim.margin or math.isclose(distance, claim.margin, rel_tol=ROUNDING)
    return near == (claim.relation.sign == "==")
