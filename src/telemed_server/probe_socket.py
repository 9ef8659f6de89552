"""The responder's UDP socket on the server's event loop.

Arrival times come from the kernel where it gives them (Linux): then a busy server does not look like
a slow link.
"""

import asyncio
import contextlib
import socket
import time
from typing import Final

from telemed_protocol.udp_times import ask_for_times, receive
from telemed_server.errors import PortTaken
from telemed_server.probe_responder import Outgoing, Responder

READ_AT_ONCE: Final = 64
BUFFER_BYTES: Final = 1 << 21


def open_probe_socket(host: str, port: int) -> socket.socket:
    """Open a UDP socket; port 0 picks a free one.

    Raises:
        PortTaken: Somebody else has it, or this computer has no such address.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind)
    except OSError as error:
        raise PortTaken(error.strerror or "address") from error
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        ask_for_times(sock)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise PortTaken(error.strerror or "bind") from error
    return sock


class ProbeSocket:
    """Carries datagrams between a socket and the responder.

    Args:
        sock: Non-blocking; closed at the end.
        responder: Whom they are for.
    """

    def __init__(self, sock: socket.socket, responder: Responder) -> None:
        self._sock = sock
        self._responder = responder
        self._timer: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._sock.getsockname()[1])

    def open(self) -> None:
        """Begin; on the event loop.

        Raises:
            NotImplementedError: This loop watches no sockets (Windows' own kind).
        """
        asyncio.get_running_loop().add_reader(self._sock, self._readable)

    def close(self) -> None:
        """End."""
        with contextlib.suppress(RuntimeError):  # the loop is gone already
            asyncio.get_running_loop().remove_reader(self._sock)
        if self._timer is not None:
            self._timer.cancel()
        self._sock.close()

    def _readable(self) -> None:
        for _ in range(READ_AT_ONCE):
            try:
                data, age_s, address = receive(self._sock)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue  # a port of theirs was closed (ICMP): nothing of it concerns others
            now = time.monotonic()
            self._send(self._responder.datagram(now, address, data, now - age_s))
        self._work()

    def _work(self) -> None:
        now = time.monotonic()
        self._send(self._responder.poll(now))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._responder.next_due(now)
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - now), self._work)

    def _send(self, datagrams: Outgoing) -> None:
        for data, address in datagrams:
            with contextlib.suppress(OSError):  # a full buffer loses it, as the network might
                self._sock.sendto(data, address)
