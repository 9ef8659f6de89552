"""How much of an upload may be on its way, where nothing can overtake it any more.

TCP sends as much as its window lets it, and a thin line then has seconds of it in its queue, or drops
what does not fit there. So a body is handed over piece by piece, while less than about a second of the
line is unacknowledged. A queue change on another connection then waits for that much at most.

Bodies that share a line evenly are all half there when it is cut, and all begin again. So segments
take turns: the more urgent lane's first, then the older, each to its last byte. The next one follows
at once, while the receipt comes back.
"""

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

LEAST_BYTES: Final = 8 * 1024
"""Also before anything is known of the line: 64 kbit/s and 600 ms hold 4.8 KB."""
MOST_BYTES: Final = 4 * 1024 * 1024
SECONDS: Final = 1.0
"""More than a round trip, or a limit that was too low would never be found to be."""
PIECE_BYTES: Final = 1400
STALL_S: Final = 30.0
"""A line that confirmed nothing for so long gets the rest at once: then its time limits count."""
_LOOK_S: Final = 0.02
_CLOSED: Final = 7
"""Linux's number for a TCP connection that is over."""
_TELLING_BYTES: Final = 4 * 1024


class Settable(Protocol):
    """A socket, as far as it is needed here."""

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        """Return an option's bytes."""
        ...

    def fileno(self) -> int:
        """Return its number; -1 when it is closed."""
        ...

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Set an option."""
        ...


def unacknowledged(one: Settable) -> int:
    """Return how many bytes TCP holds that the other side has not confirmed; 0 when unknown."""
    if sys.platform != "linux" or one.fileno() < 0:
        return 0
    import fcntl  # noqa: PLC0415 - does not exist on Windows
    import termios  # noqa: PLC0415 - likewise

    with contextlib.suppress(OSError):
        # The count of one that was reset stays as it was; nobody will confirm that.
        if one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _CLOSED:
            return 0
        return int.from_bytes(fcntl.ioctl(one.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


@dataclass(eq=False, slots=True)
class _Upload:
    """One of those that have the line now, or wait for it.

    Attributes:
        turn: Whom it waits for; None = nobody.
        sharing: How many they were at most.
        handed_over: Whether all of it is with the system.
    """

    turn: int | None
    sharing: int = 1
    handed_over: bool = False


class SendBuffers:
    """The connections of one client; event loop only.

    Args:
        monotonic: Seconds.
        waiting: Bytes of a connection that are not acknowledged. Where the system does not tell,
            connections get small buffers instead.
    """

    def __init__(
        self,
        monotonic: Callable[[], float] = time.monotonic,
        waiting: Callable[[Settable], int] = unacknowledged,
    ) -> None:
        self._monotonic = monotonic
        self._waiting = waiting
        self._sockets: list[Settable] = []
        self._bytes_per_s = 0.0
        self._came = 0.0
        self._uploads: list[_Upload] = []

    @property
    def limit(self) -> int:
        """Bytes that may be unacknowledged, over all connections."""
        return max(LEAST_BYTES, min(int(self._bytes_per_s * SECONDS), MOST_BYTES))

    async def look(self, event: str, info: dict[str, Any]) -> None:
        """Take up each new connection: a request's trace callback."""
        if event == "connection.connect_tcp.complete":
            made = info["return_value"].get_extra_info("socket")
            if made is not None:
                self.add(made)

    def add(self, made: Settable) -> None:
        """Take up a connection."""
        self._sockets = [s for s in self._sockets if s.fileno() >= 0]
        self._sockets.append(made)
        if sys.platform != "linux":
            with contextlib.suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.limit)

    @contextlib.contextmanager
    def upload(self, body: bytes, turn: int | None = None) -> Iterator[AsyncIterator[bytes]]:
        """Hand a body over piece by piece; the block ends with the server's answer.

        Args:
            body: All of it.
            turn: Wait until those of a smaller number, and earlier ones of the same, are handed
                over; None = wait for none.
        """
        mine = _Upload(turn)
        self._uploads.append(mine)
        for one in self._uploads:
            one.sharing = max(one.sharing, len(self._uploads))
        began = self._monotonic()
        try:
            yield self._pieces(body, mine)
            now = self._monotonic()
            seconds = (now - began) / mine.sharing
            if turn is not None:
                # In turns the line carried nothing else since the last one came.
                seconds = max(seconds, now - max(began, self._came))
                self._came = now
            self._carried(len(body), seconds)
        finally:
            self._uploads.remove(mine)

    async def _pieces(self, body: bytes, mine: _Upload) -> AsyncIterator[bytes]:
        patience_s = STALL_S
        for at in range(0, len(body), PIECE_BYTES):
            while self._is_somebody_before(mine):  # noqa: ASYNC110 - polled, as below
                await asyncio.sleep(_LOOK_S)
            until = self._monotonic() + patience_s
            while sum(map(self._waiting, self._sockets)) >= self.limit:
                if self._monotonic() >= until:
                    patience_s = 0.0
                    break
                await asyncio.sleep(_LOOK_S)  # nobody announces an acknowledgement
            mine.handed_over = at + PIECE_BYTES >= len(body)
            yield body[at : at + PIECE_BYTES]

    def _is_somebody_before(self, mine: _Upload) -> bool:
        """Whether somebody else has the line first."""
        if mine.turn is None:
            return False
        waiting = [u for u in self._uploads if u.turn is not None and not u.handed_over]
        return min(waiting, key=lambda u: u.turn or 0) is not mine

    def _carried(self, size: int, seconds: float) -> None:
        if size >= _TELLING_BYTES:
            rate = size / max(seconds, 0.001)
            self._bytes_per_s = (self._bytes_per_s + rate) / 2 if self._bytes_per_s else rate
