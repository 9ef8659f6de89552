"""Asking for lost packets again (RFC 4585, section 6.2.1), over the wrap of their numbers. Pure.

aiortc 1.16 writes and reads the same message, but counts on beyond 65,535: its writer fails where what
is lost lies on both sides of the wrap, and its reader then names packets that nobody sent.
"""

import struct
from collections.abc import Sequence
from typing import Final

from aiortc.rtp import RTCP_RTPFB, RTCP_RTPFB_NACK, RtcpRtpfbPacket, pack_rtcp_packet

_NUMBERS: Final = 0x10000
_FOLLOWING: Final = 16
"""One entry names a packet and any of the so many after it."""


def encode_nack(own_ssrc: int, ssrc: int, lost: Sequence[int]) -> bytes:
    """Return the message that asks for packets.

    Args:
        own_ssrc: Of who asks.
        ssrc: Of the stream.
        lost: 16-bit numbers in the order in which they were sent; not empty.
    """
    payload = struct.pack("!LL", own_ssrc, ssrc)
    at = 0
    while at < len(lost):
        first, following = lost[at], 0
        at += 1
        while at < len(lost) and 0 < (ahead := (lost[at] - first) % _NUMBERS) <= _FOLLOWING:
            following |= 1 << (ahead - 1)
            at += 1
        payload += struct.pack("!HH", first, following)
    return pack_rtcp_packet(RTCP_RTPFB, RTCP_RTPFB_NACK, payload)


def asked_for(packet: RtcpRtpfbPacket) -> list[int]:
    """Return the 16-bit numbers that a peer asks for, as aiortc read them."""
    return [number % _NUMBERS for number in packet.lost]
