"""How many streams one connection may bring: each costs memory, here and in libsrtp, until the end.

A page that changes its camera brings a stream or two; a peer that brings hundreds is broken, or means
harm, and nobody reads what it sends. Pure.
"""

from typing import Final

MOST_STREAMS: Final = 64
_RTP: Final = range(128, 192)
_RTCP: Final = range(192, 224)
"""Second byte of a packet that is RTCP (RFC 5761, 4)."""


class StreamLimit:
    """Remembers the sources whose packets were authentic; refuses further ones. Loop thread."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self.refused = 0

    def __len__(self) -> int:
        """How many sources are known."""
        return len(self._known)

    def note(self, packet: bytes) -> None:
        """Take an authentic RTP or RTCP packet, sealed or opened: its head is the same."""
        if len(self._known) < MOST_STREAMS:
            source = _source(packet)
            if source is not None:
                self._known.add(source)

    def refuses(self, datagram: bytes) -> bool:
        """Say whether what came is from one source too many; anything but media never is."""
        if len(self._known) < MOST_STREAMS:
            return False
        source = _source(datagram)
        if source is None or source in self._known:
            return False
        self.refused += 1
        return True


def _source(packet: bytes) -> bytes | None:
    """Return the SSRC of a packet; None when it is neither RTP nor RTCP."""
    if len(packet) < 12 or packet[0] not in _RTP:
        return None
    return packet[4:8] if packet[1] in _RTCP else packet[8:12]
