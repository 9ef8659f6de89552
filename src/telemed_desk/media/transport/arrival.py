"""When a datagram really came: by the kernel's clock, not when this program found time to read it.

A PC that decodes two pictures at once reads a tenth of a second late now and then. Taken for the time of
arrival that is a queue on the way, and congestion control would halve a rate that the link carries.
"""

import time
from typing import Any, Final

from telemed_protocol.udp_times import last_age_s

_NOWHERE: Final = -1


def arrived_ns(transport: Any) -> int:
    """Return when the datagram that was just read came, ns of the monotonic clock.

    Args:
        transport: The asyncio datagram transport it came through, or a relay's; over TCP, and where the
            system does not say, it is now.
    """
    now_ns = time.monotonic_ns()
    client = getattr(transport, "client", None)  # a relay's: the socket is its
    if client is not None:
        transport = client.transport if getattr(transport, "way", "") == "udp" else None
    sock = None if transport is None else transport.get_extra_info("socket")
    fileno = _NOWHERE if sock is None else sock.fileno()
    return now_ns - int(last_age_s(fileno) * 1e9)
