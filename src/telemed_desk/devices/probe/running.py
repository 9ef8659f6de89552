"""One direction's train on its way: the deciding, the sending or ordering, and the counting together."""

from typing import Final, Literal

from telemed_desk.devices.probe.pacing import TrainArrivals, TrainOrders, TrainSender
from telemed_desk.devices.probe.train import Train
from telemed_protocol import probe

Direction = Literal["up", "down"]
TICK_S: Final = 0.02
NEARLY_ALL: Final = 0.97


class TrainRun:
    """From its first packet to its last.

    Args:
        direction: Seen from the desk.
        train: Decides.
        number: Of the train; reports name it.
        now: The clock.
        sender: Sends it from here.
        orders: Has it sent over there.
    """

    def __init__(
        self,
        direction: Direction,
        train: Train,
        number: int,
        now: float,
        *,
        sender: TrainSender | None = None,
        orders: TrainOrders | None = None,
    ) -> None:
        self.direction = direction
        self.train = train
        self.number = number
        self.sent_bytes = 0
        self._sender, self._orders = sender, orders
        self._arrivals = TrainArrivals(number)
        self._ticked_at = now
        self._stopped = False

    @property
    def done(self) -> bool:
        """Whether it is over, and the other end was told."""
        return self.train.phase == "done" and (self._orders is None or self._stopped)

    @property
    def to_come_bytes(self) -> int:
        """What the responder may still send of it."""
        if self._orders is None:
            return 0
        return max(0, self._orders.allow_bytes - self._arrivals.sent_bytes)

    def also(self, size: int) -> None:
        """Count what came beside a train that comes here."""
        self._arrivals.also(size)

    def hear(self, now: float, report: probe.Report) -> None:
        """Take a report of this train."""
        if report.train == self.number:
            self.train.hear(now, report)
            self._tick(now)

    def take(self, now: float, arrived: float, data: bytes) -> None:
        """Take a packet of a train that comes here.

        Raises:
            FormatError: It is none.
        """
        report = self._arrivals.take(arrived, data)
        if report is not None:
            self.hear(now, report)

    def _tick(self, now: float) -> None:
        self._ticked_at = now
        self.train.tick(now)

    def due(self, now: float) -> list[bytes]:
        """Return what leaves now."""
        if now - self._ticked_at >= TICK_S:
            self._tick(now)
        if self._sender is not None:
            return self._sender.due(now, self.train)
        if self._orders is None or self._stopped:
            return []
        if self._arrivals.sent_bytes > NEARLY_ALL * self._orders.allow_bytes:
            self.train.stop("bytes")
        if self.train.phase != "done":
            return self._orders.due(now, self.train)
        self._stopped = True
        return self._orders.stop()

    def next_due(self) -> float:
        """Return when to ask :meth:`due` next."""
        tick_at = self._ticked_at + TICK_S
        if self._sender is None:
            return min(tick_at, self._orders.next_at) if self._orders is not None else tick_at
        return min(tick_at, self._sender.next_at) if self.train.rate_bps > 0 else tick_at
