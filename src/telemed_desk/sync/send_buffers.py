"""How much of an upload may wait in the system's buffers, where nothing can overtake it any more.

TCP sends as much as the buffer holds, and a thin line then has seconds of it in its queue, or drops
what does not fit there. A buffer of little more than the line carries in a round trip keeps it busy.
"""

import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

FIRST_BYTES: Final = 6 * 1024
"""Before anything is known of the line."""
LEAST_BYTES: Final = 4 * 1024
MOST_BYTES: Final = 4 * 1024 * 1024
ROUND_TRIPS: Final = 1.5
SPARE_S: Final = 0.4
"""More than a round trip, or a buffer that was too small would never be found to be."""
_FIRST_RTT_S: Final = 0.3
_TELLING_BYTES: Final = 4 * 1024
_CONNECTS: Final = 5
"""The shortest of so many: a connect that stood in the line's queue says too much."""


class Settable(Protocol):
    """A socket, as far as it is needed here."""

    def fileno(self) -> int:
        """Return its number; -1 when it is closed."""
        ...

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set an option."""
        ...


class SendBuffers:
    """The connections of one client; event loop only. ``monotonic`` in seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._sockets: list[Settable] = []
        self._bytes_per_s = 0.0
        self._connects: deque[float] = deque(maxlen=_CONNECTS)

    @property
    def size(self) -> int:
        """Bytes for each connection's buffer."""
        if not self._bytes_per_s:
            return FIRST_BYTES
        rtt_s = min(self._connects, default=_FIRST_RTT_S)
        wanted = self._bytes_per_s * (ROUND_TRIPS * rtt_s + SPARE_S)
        return max(LEAST_BYTES, min(int(wanted), MOST_BYTES))

    def trace(self) -> Any:
        """Return a request's trace callback, which takes up the connection that it makes."""
        began = self._monotonic()

        async def look(event: str, info: dict[str, Any]) -> None:
            nonlocal began
            if event == "connection.connect_tcp.started":
                began = self._monotonic()
            elif event == "connection.connect_tcp.complete":
                made = info["return_value"].get_extra_info("socket")
                if made is not None:
                    self.add(made, self._monotonic() - began)

        return look

    def add(self, made: Settable, connect_s: float) -> None:
        """Take up a connection that took so long to make: about a round trip."""
        self._connects.append(connect_s)
        self._sockets = [s for s in self._sockets if s.fileno() >= 0]
        self._sockets.append(made)
        self._bound(made)

    def carried(self, size: int, seconds: float) -> None:
        """Take note of an upload, answer included, and fit the buffers to it.

        Uploads that share the line each count with their part of it, and so does each buffer.
        """
        if size < _TELLING_BYTES:
            return
        rate = size / max(seconds, 0.001)
        self._bytes_per_s = (self._bytes_per_s + rate) / 2 if self._bytes_per_s else rate
        for one in self._sockets:
            self._bound(one)

    def _bound(self, one: Settable) -> None:
        with contextlib.suppress(OSError):  # closed meanwhile
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.size)
