"""How often a device, a seat or a network may ask.

Sliding windows of the ``limits`` package in this process's memory: a full window may be spent as one
burst, then it refills as time passes. A restart forgives everybody.
"""

import math
import time
from ipaddress import ip_address, ip_network
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from telemed_server.errors import BadSetting, RequestRefused

DEFAULT_LIMITS: Final = {
    # Per network (an IPv4 address or an IPv6 /64). Whole towns share one address behind a mobile
    # carrier's NAT, so these stop floods, not guessing: 120- and 128-bit codes do that.
    "found": "10/minute",
    "enrol": "20/minute",
    "enrol-status": "120/minute",
    "auth": "120/minute",
    "join": "60/minute",
    "page": "6000/minute",
    "socket": "120/minute",
    # Per device.
    "device": "100/second",
    "segments": "50/second",
    "attachments": "50/second",
    "probe": "120/minute",
    "desk-frames": "500/5second",
    # Per seat. A burst of candidates and a reload fit; a flood does not.
    "page-frames": "150/5second",
    # Per link.
    "link": "30/minute",
}


def network_of(address: str) -> str:
    """Return the key for an address: IPv4 as it is, IPv6 as its /64."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "?"
    if ip.version == 6:
        return str(ip_network((int(ip), 64), strict=False))
    return str(ip)


def parse_limits(overrides: dict[str, str]) -> dict[str, RateLimitItem]:
    """Return all limits, with what the command line changed.

    Raises:
        BadSetting: An unknown name, or a rate that does not read as one.
    """
    unknown = set(overrides) - set(DEFAULT_LIMITS)
    if unknown:
        raise BadSetting(f"no such limit: {', '.join(sorted(unknown))}")
    try:
        return {name: parse(text) for name, text in (DEFAULT_LIMITS | overrides).items()}
    except ValueError as error:
        raise BadSetting("a limit looks like 10/minute") from error


class Limiter:
    """Counts by limit name and key. Used on the event loop only; nothing here blocks."""

    def __init__(self, overrides: dict[str, str]) -> None:
        self._items = parse_limits(overrides)
        self._strategy = SlidingWindowCounterRateLimiter(MemoryStorage())

    def allow(self, name: str, key: str) -> bool:
        """Count one; return whether it was within the limit."""
        return self._strategy.hit(self._items[name], name, key)

    def check(self, name: str, key: str) -> None:
        """Count one.

        Raises:
            RequestRefused: 429 with the seconds to wait.
        """
        if self.allow(name, key):
            return
        stats = self._strategy.get_window_stats(self._items[name], name, key)
        wait_s = max(1, math.ceil(stats.reset_time - time.time()))
        raise RequestRefused(429, "too_many_requests", retry_after_s=wait_s)
