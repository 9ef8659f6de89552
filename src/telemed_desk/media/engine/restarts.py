"""When to look for another path under a running call. Pure: clocks are handed in."""

from typing import Final

SILENT_NS: Final = 2_500_000_000
"""Longer than common hiccups; a restart in vain costs one small offer, and the path in use stays."""
MOVED_NS: Final = 1_000_000_000
"""Addresses of this PC come and go in bursts; one restart a second is enough."""
RELAYED_NS: Final = (60_000_000_000, 960_000_000_000)
"""How often a relayed call looks for a direct path by a restart: first, and in the long run."""
FIRST_GAP_NS: Final = 5_000_000_000
_GROWTH: Final = 1.5
LONGEST_GAP_NS: Final = 15_000_000_000
_CONSENT_SLACK_NS: Final = 8_000_000_000
"""Consent is asked for every 3 s at most; an answer may be lost, and lost again."""


def silence_ns(now_ns: int, heard_ns: int, consent_ns: int | None) -> int:
    """Return for how long the path has not worked both ways.

    Args:
        now_ns: Now.
        heard_ns: When anything came from the other side.
        consent_ns: When it last answered us, which also shows that it hears us; None = not yet.
    """
    quiet = now_ns - heard_ns
    if consent_ns is None:
        return quiet
    return max(quiet, now_ns - consent_ns - _CONSENT_SLACK_NS)


class RestartClock:
    """Says when a restart is due: in silence, ever more rarely, or for a better reason at once."""

    def __init__(self) -> None:
        self._tried_ns: int | None = None
        self._gap_ns = FIRST_GAP_NS
        self._wanted = False
        self._relayed_ns: int | None = None
        self._relayed_gap_ns = RELAYED_NS[0]

    def wanted(self) -> None:
        """There is a reason not to wait: addresses changed, a relay is gone, the other side asks."""
        self._wanted = True

    def due(self, now_ns: int, silent_ns: int, *, relayed: bool = False) -> bool:
        """Return True when a restart should begin now, and count it as begun."""
        if self._upgrade_due(now_ns, relayed=relayed) and silent_ns < SILENT_NS:
            self._wanted = True
        since_ns = None if self._tried_ns is None else now_ns - self._tried_ns
        if self._wanted:
            if since_ns is not None and since_ns < MOVED_NS:
                return False
            self._gap_ns = FIRST_GAP_NS
        elif silent_ns < SILENT_NS:
            if since_ns is not None and since_ns > LONGEST_GAP_NS:
                self._tried_ns, self._gap_ns = None, FIRST_GAP_NS
            return False
        elif since_ns is not None:
            if since_ns < self._gap_ns:
                return False
            self._gap_ns = min(int(self._gap_ns * _GROWTH), LONGEST_GAP_NS)
        self._wanted = False
        self._tried_ns = now_ns
        return True

    def _upgrade_due(self, now_ns: int, *, relayed: bool) -> bool:
        if not relayed:
            self._relayed_ns, self._relayed_gap_ns = None, RELAYED_NS[0]
            return False
        if self._relayed_ns is None:
            self._relayed_ns = now_ns
        if now_ns - self._relayed_ns < self._relayed_gap_ns:
            return False
        self._relayed_ns = now_ns
        self._relayed_gap_ns = min(2 * self._relayed_gap_ns, RELAYED_NS[1])
        return True
