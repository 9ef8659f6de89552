"""What left under which transport-wide number, until the other side says what became of it. Pure."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_KEPT: Final = 6000


@dataclass(frozen=True, slots=True)
class PacketResult:
    """What became of one packet that we sent.

    Attributes:
        number: Transport-wide sequence number, ever growing.
        sent_ns: When it left, our clock.
        size: Bytes on the wire.
        arrived_ns: When it arrived, the receiver's clock; None = lost.
        probe: The number of the probe it was part of; 0 = none.
    """

    number: int
    sent_ns: int
    size: int
    arrived_ns: int | None
    probe: int = 0


@dataclass(slots=True)
class _Sent:
    sent_ns: int
    size: int
    probe: int
    total: int
    reported: bool = False


class SentLog:
    """Numbers what leaves. One thread."""

    def __init__(self) -> None:
        self.next_number = 1
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        self._bytes = self._answered = 0

    @property
    def in_flight(self) -> int:
        """Bytes that left after the newest packet the other side reported on."""
        return self._bytes - self._answered

    def add(self, now_ns: int, size: int, probe: int = 0) -> None:
        """Note that the packet with :attr:`next_number` left."""
        self._bytes += size
        self._sent[self.next_number] = _Sent(now_ns, size, probe, self._bytes)
        self.next_number += 1
        while len(self._sent) > _KEPT:
            self._sent.popitem(last=False)

    def results(self, arrivals: Iterable[tuple[int, int | None]]) -> list[PacketResult]:
        """Read feedback: (16-bit number, receiver's ns or None) pairs. A loss is told once."""
        results: list[PacketResult] = []
        for sequence, arrived_ns in arrivals:
            newest = self.next_number - 1
            number = newest - ((newest - sequence) & 0xFFFF)
            sent = self._sent.get(number)
            if sent is None or (arrived_ns is None and sent.reported):
                continue
            if arrived_ns is None:
                sent.reported = True
            else:
                del self._sent[number]
            self._answered = max(self._answered, sent.total)
            results.append(PacketResult(number, sent.sent_ns, sent.size, arrived_ns, sent.probe))
        return results
