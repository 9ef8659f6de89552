"""How much of an upload may wait in the system's buffers, where nothing can overtake it any more.

TCP sends as much as the buffer holds and the far side takes, and a thin line then has seconds of it
in its queue. A buffer of about as much as the line carries in a round trip keeps it busy and short.
"""

import contextlib
import socket
from typing import Any, Final, Protocol

FIRST_BYTES: Final = 16 * 1024
"""Before anything is known of the line."""
LEAST_BYTES: Final = 8 * 1024
MOST_BYTES: Final = 4 * 1024 * 1024
SECONDS: Final = 0.75
"""So much of the line lies in each buffer; two uploads share it."""
_TELLING_BYTES: Final = 4 * 1024


class Settable(Protocol):
    """A socket, as far as it is needed here."""

    def fileno(self) -> int:
        """Return its number; -1 when it is closed."""
        ...

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set an option."""
        ...


class SendBuffers:
    """The connections of one client; event loop only."""

    def __init__(self) -> None:
        self._sockets: list[Settable] = []
        self._bytes_per_s = 0.0

    @property
    def size(self) -> int:
        """Bytes for each connection's buffer."""
        if not self._bytes_per_s:
            return FIRST_BYTES
        return max(LEAST_BYTES, min(int(self._bytes_per_s * SECONDS), MOST_BYTES))

    async def look(self, event: str, info: dict[str, Any]) -> None:
        """Take up each new connection: the trace callback of a request."""
        if event != "connection.connect_tcp.complete":
            return
        made = info["return_value"].get_extra_info("socket")
        if made is not None:
            self.add(made)

    def add(self, made: Settable) -> None:
        """Take up a connection."""
        self._sockets = [s for s in self._sockets if s.fileno() >= 0]
        self._sockets.append(made)
        self._bound(made)

    def carried(self, size: int, seconds: float) -> None:
        """Take note of an upload, answer included, and fit the buffers to it."""
        if size < _TELLING_BYTES:
            return
        rate = size / max(seconds, 0.001)
        self._bytes_per_s = (self._bytes_per_s + rate) / 2 if self._bytes_per_s else rate
        for one in self._sockets:
            self._bound(one)

    def _bound(self, one: Settable) -> None:
        with contextlib.suppress(OSError):  # closed meanwhile
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.size)
