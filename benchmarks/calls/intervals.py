"""How sure a median is: distribution-free intervals from order statistics.

The k-th smallest and k-th largest of n values enclose the median with probability
1 - 2 * P(Binomial(n, 1/2) < k) (Hahn and Meeker, "Statistical Intervals", 1991, section 5.2), whatever
the values' distribution. Fewer than six values have no 95 % interval: then there is none, not a narrow
one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

COVERAGE = 0.95


@dataclass(frozen=True)
class Middle:
    """A median and how sure it is.

    Attributes:
        value: The median.
        low: Lower end of its interval; the smallest value where there is none.
        high: Upper end; as before.
        count: Of values.
        sure: Whether low and high are a 95 % interval; if not, they are only the range.
    """

    value: float
    low: float
    high: float
    count: int
    sure: bool


def middle(values: Sequence[float]) -> Middle:
    """Return the median of at least one value, with its 95 % interval."""
    ordered = sorted(values)
    count = len(ordered)
    rank = 0
    while 2 * _below(count, rank + 1) <= 1 - COVERAGE:
        rank += 1
    outermost = max(0, rank - 1)
    return Middle(
        median(ordered), ordered[outermost], ordered[count - 1 - outermost], count, sure=rank > 0
    )


def _below(count: int, rank: int) -> float:
    """P(Binomial(count, 1/2) < rank)."""
    return float(sum(comb(count, i) for i in range(rank)) / 2**count)
