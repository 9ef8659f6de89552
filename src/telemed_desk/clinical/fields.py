"""A patient's fields: the newest value is shown, and one that it did not know of is never hidden.

A phone number that two desks correct at the same time has two values. Taking the newer one and
forgetting the other, as most systems do, loses the right one half of the time; so both are kept,
both are shown, and a clinician chooses. What a value was written over is named with it, so a later
value that knew of an earlier one simply replaces it, whatever the clocks say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Id = tuple[bytes, int]
"""Names a recorded fact: 16 bytes of the PC, and that PC's count."""


@dataclass(frozen=True, slots=True)
class Written:
    """A value that somebody gave a field.

    Attributes:
        fact: Names it.
        value: The value.
        by: The clinician, 16 bytes.
        at_ms: When.
        knew: The values that the author had on the screen; None = an earlier version wrote it, which
            did not say.
    """

    fact: Id
    value: Any
    by: bytes
    at_ms: int
    knew: frozenset[Id] | None = None


def heads(written: Sequence[Written]) -> list[Written]:
    """Return the values that no later one knew of, in order; one when all is well.

    Args:
        written: All values of one field in the order of the log, the same on every desk.
    """
    named = {fact for w in written for fact in w.knew or () if fact != w.fact}
    newest_of: dict[bytes, int] = {}
    for w in written:
        newest_of[w.fact[0]] = max(w.fact[1], newest_of.get(w.fact[0], 0))
    unsaid = [w for w in written if w.knew is None]
    # Earlier versions took the newest by the clock; among what they wrote that still holds.
    last_unsaid = unsaid[-1] if unsaid else None
    found = [
        w
        for w in written
        if w.fact not in named
        # A PC knows what it wrote itself.
        and w.fact[1] == newest_of[w.fact[0]]
        and (w.knew is not None or w is last_unsaid)
    ]
    # Values that name each other cannot be; should somebody forge them, none is lost.
    return found or list(written[-1:])


def differing(standing: Sequence[Written]) -> list[Written]:
    """Return one of each value, the one written last; two desks that wrote the same do not differ."""
    found: list[Written] = []
    for w in standing:
        found = [one for one in found if one.value != w.value]
        found.append(w)
    return found
