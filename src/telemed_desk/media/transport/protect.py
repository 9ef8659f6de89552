"""What is sent beside pictures so that some of them may be lost: parity over packets as they leave.

Pure, save that packets are aiortc's.
"""

from typing import Final

from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from .fec import make_parity, summand, unwrap_red

_MOST_SPAN: Final = 40


class ParityMaker:
    """Collects what leaves on one stream and makes parity of it.

    Parity goes out after a whole frame only: in the midst of one its number would tear the frame apart
    for the other side.
    """

    def __init__(self) -> None:
        self._group: list[tuple[int, bytes]] = []

    def add(self, packet: RtpPacket, extensions: HeaderExtensionsMap, *, twcc: bool) -> None:
        """Take a media packet inside RED, before it is stamped."""
        packet.extensions.abs_send_time = 0
        if twcc:
            packet.extensions.transport_sequence_number = 0
        data = packet.serialize(extensions)
        inner, payload = unwrap_red(packet.payload)
        rest = data[12 : len(data) - len(packet.payload)] + payload
        content = summand(data[0], packet.marker << 7 | inner, packet.timestamp, rest)
        self._group.append((packet.sequence_number, content))

    def take(self, over: int) -> list[bytes]:
        """Return a parity packet for each ``over`` packets; fewer stay for the next time."""
        made: list[bytes] = []
        while len(self._group) >= over > 0:
            first, self._group = self._group[:over], self._group[over:]
            numbers = _counting_on([number for number, _ in first])
            if numbers[-1] - numbers[0] < _MOST_SPAN:
                contents = [content for _, content in first]
                made.append(make_parity(list(zip(numbers, contents, strict=True))))
        return made

    def forget(self) -> None:
        """Nothing that left so far is to be protected."""
        self._group.clear()


def _counting_on(numbers: list[int]) -> list[int]:
    """Undo the wrap of 16-bit numbers that follow one another."""
    base = numbers[0]
    return [base + ((number - base) & 0xFFFF) for number in numbers]
