"""When to fetch from the log: it has grown, nobody asked for a while, or the line came back."""

from typing import Final

POLL_MS: Final = 60_000
POLL_WITH_SOCKET_MS: Final = 300_000
"""Pull this often without being told to: a head frame may be lost."""
HOLD_MS: Final = 1_000
"""The log grows by what this desk sends, too. While something is on its way, its receipt is awaited
for so long before the log is asked: fetching one's own segments again filled the line."""


class Pulls:
    """How far the log was read and how far it goes. Pure; time is handed in (Unix ms)."""

    def __init__(self, cursor_sseq: int) -> None:
        self._cursor = cursor_sseq
        self._head = cursor_sseq
        self._again = False
        self._last_ms: int | None = None
        self._hold_ms: int | None = None
        self._unsure = False
        self.running = False
        self.socket_up = False

    @property
    def more_to_come(self) -> bool:
        """Whether the log is known to go further than it was read."""
        return self._head > self._cursor

    def announced(self, sseq: int, now_ms: int, *, sending: bool) -> None:
        """Take note of what the server says of its log."""
        self._head = max(self._head, sseq)
        self._again = self.running
        self._hold(now_ms, sending=sending)

    def sent(self, sseq: int, cursor_sseq: int, now_ms: int, *, sending: bool) -> None:
        """Take note of a receipt; ``sending`` = others are still to come."""
        self._cursor = max(self._cursor, cursor_sseq)
        self._head = max(self._head, sseq)
        if not self.more_to_come:
            self._unsure = False  # the receipt says that the log holds nothing else
        self._hold(now_ms, sending=sending)

    def _hold(self, now_ms: int, *, sending: bool) -> None:
        if not (sending and self.more_to_come):
            self._hold_ms = None
        elif self._hold_ms is None:
            self._hold_ms = now_ms + HOLD_MS

    def soon(self) -> None:
        """Fetch as soon as it can be, whatever was fetched last."""
        self._last_ms = self._hold_ms = None

    def line_up(self) -> None:
        """Fetch what may have been announced meanwhile, unless a receipt shows that there is none."""
        self._unsure = True
        self._hold_ms = None

    def start(self) -> None:
        """One page is on its way."""
        self.running = True
        self._unsure = False

    def pulled(self, cursor_sseq: int, head: int, now_ms: int, *, sending: bool) -> None:
        """Take note of a page."""
        self.running = False
        self._hold_ms = None
        self._cursor = max(self._cursor, cursor_sseq)
        announced = self._head
        # Not the highest ever announced: a page is the truth, an announcement only a hint.
        self._head = max(self._cursor, head)
        self._last_ms = now_ms
        if self._again and sending:
            self._head = max(self._head, announced)  # probably our own, see HOLD_MS
            self._hold(now_ms, sending=True)
        elif self._again:
            self._last_ms = None
        self._again = False

    def is_due(self, now_ms: int) -> bool:
        """Whether to fetch now, unless it is done already."""
        if self._last_ms is None or self._unsure:
            return True
        if self.more_to_come:
            return self._hold_ms is None or now_ms >= self._hold_ms
        return now_ms >= self._last_ms + self._poll_ms()

    def wake_ms(self) -> int | None:
        """Return when it falls due by itself."""
        if self._last_ms is None:
            return None
        poll_ms = self._last_ms + self._poll_ms()
        return poll_ms if self._hold_ms is None else min(poll_ms, self._hold_ms)

    def _poll_ms(self) -> int:
        return POLL_WITH_SOCKET_MS if self.socket_up else POLL_MS
