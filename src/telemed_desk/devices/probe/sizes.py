"""How large the datagrams of a train are. Pure."""

from typing import Final

from telemed_protocol.probe import MAX_DATAGRAM, MIN_DATA, OVERHEAD_BYTES

PACKET_S: Final = 0.02
"""A packet's size is what its rate carries in this time, so that slow links see enough of them."""
SMALL_BYTES: Final = 160
SMALL_S: Final = 0.001
"""Where packets get lost, their number counts: as small as a voice's, but no more than 1000 a second."""


def packet_bytes(rate_bps: float) -> int:
    """Return the size of a datagram at this rate, without headers."""
    size = int(rate_bps * PACKET_S / 8) - OVERHEAD_BYTES
    return max(MIN_DATA, min(MAX_DATAGRAM, size))


def small_packet_bytes(rate_bps: float) -> int:
    """Return the size of a datagram at this rate on a link that loses packets, without headers."""
    least = max(SMALL_BYTES, int(rate_bps * SMALL_S / 8) - OVERHEAD_BYTES)
    return min(packet_bytes(rate_bps), least)


def wire_share(packet: float, extra_bytes: int) -> float:
    """Return how many bytes a full link carries for each that was counted at its ends.

    A relay's framing takes 4 bytes of each packet: a twentieth of a thin link's.

    Args:
        packet: Mean size, with IP and UDP headers.
        extra_bytes: What each carries beyond those.
    """
    return 1 + extra_bytes / packet
