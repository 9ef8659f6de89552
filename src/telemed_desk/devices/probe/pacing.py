"""When the packets of a train leave, and when the responder is told how to send. Pure."""

import os
from typing import Final

from telemed_desk.devices.probe.train import Train
from telemed_protocol import probe

BURST_S: Final = 0.02
"""A pacer that woke later than this does not make up for it: a burst would measure our own delay."""
MOST_AT_ONCE: Final = 32
ORDER_EVERY_S: Final = 0.1
ORDER_GOOD_MS: Final = 700
LOCAL_REPORT_S: Final = 0.01
_US: Final = 1_000_000


class TrainSender:
    """Sends a train from here.

    Args:
        session: Of the grant.
        number: Of the train.
        now: The clock.
        report_ms: How often the other end shall report at most.
    """

    def __init__(self, session: bytes, number: int, now: float, report_ms: int) -> None:
        self._session, self._train_number = session, number
        self._report_ms = report_ms
        self._filling = os.urandom(probe.MAX_DATAGRAM)
        self._number = 0
        self._stage = 0
        self.next_at = now

    def due(self, now: float, train: Train) -> list[bytes]:
        """Return what leaves now."""
        if train.stage != self._stage:
            self._stage, self.next_at = train.stage, now
        out: list[bytes] = []
        size = train.packet_bytes
        while train.rate_bps > 0 and self.next_at <= now and len(out) < MOST_AT_ONCE:
            packet = probe.Data(
                self._train_number, train.stage, self._number, int(now * _US), self._report_ms
            )
            out.append(probe.write_data(self._session, packet, size, self._filling))
            self._number += 1
            spacing_s = (size + probe.OVERHEAD_BYTES) * 8 / train.rate_bps
            self.next_at = max(self.next_at, now - BURST_S) + spacing_s
        return out


class TrainOrders:
    """Tells the responder how to send a train; often, because orders get lost too.

    Args:
        session, key: Of the grant.
        number: Of the train.
        allow_bytes: What it may send at most.
    """

    def __init__(self, session: bytes, key: bytes, number: int, allow_bytes: int) -> None:
        self._session, self._key, self._train_number = session, key, number
        self.allow_bytes = allow_bytes
        self._said = 0
        self._stage = -1
        self.next_at = 0.0

    def due(self, now: float, train: Train) -> list[bytes]:
        """Return the order of the moment, if it is time to say it."""
        if now < self.next_at and train.stage == self._stage:
            return []
        self._stage, self.next_at = train.stage, now + ORDER_EVERY_S
        return [self._write(train.stage, train.rate_bps, train.packet_bytes)]

    def stop(self) -> list[bytes]:
        """Return the order to send nothing more, twice."""
        return [self._write(self._stage + 1, 0.0, probe.MIN_DATA) for _ in range(2)]

    def _write(self, stage: int, rate_bps: float, size: int) -> bytes:
        self._said += 1
        order = probe.Order(
            self._said,
            self._train_number,
            stage,
            int(rate_bps),
            size,
            self.allow_bytes,
            ORDER_GOOD_MS,
        )
        return probe.write_order(self._session, self._key, order)


class TrainArrivals:
    """A train that comes here, reported to ourselves as the responder would."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._packets = self._size = 0
        self._newest = self._counted = -1
        self._reported_at = 0.0
        self._packet_bytes = 0
        self._sent_bytes = 0
        self._unbroken = probe.Unbroken()

    def take(self, arrived: float, data: bytes) -> probe.Report | None:
        """Count a packet; return a report when it is time for one.

        Raises:
            FormatError: Not a train's packet.
        """
        packet = probe.read_data(data)
        if packet.train != self._number:
            return None
        before, self._packet_bytes = self._packet_bytes, len(data) + probe.OVERHEAD_BYTES
        if packet.number > self._counted:
            # Those that are missing were as large as what came before or after them.
            ahead, self._counted = packet.number - self._counted, packet.number
            self._sent_bytes += ahead * max(before, self._packet_bytes)
        self._packets += 1
        self._size += self._packet_bytes
        us, unbroken = int(arrived * _US), self._unbroken
        unbroken.take(packet.number, us, self._packet_bytes)
        if packet.number < self._newest or arrived - self._reported_at < LOCAL_REPORT_S:
            return None
        self._newest, self._reported_at = packet.number, arrived
        return probe.Report(*packet[:4], us, self._packets, self._size, unbroken.us, unbroken.size)

    def also(self, size: int) -> None:
        """Count what came beside the train: it used the link as well."""
        self._size += size
        self._sent_bytes += size
        self._unbroken.also(size)

    @property
    def sent_bytes(self) -> int:
        """About what was sent, lost packets included."""
        return self._sent_bytes
