"""When a datagram reached this computer, by its kernel's clock where that can be had (Linux).

A program that is busy reads late; the time of reading would make a busy PC look like a slow link.
"""

import socket
import struct
import sys
import time
from typing import Any, Final

if sys.platform != "win32":
    import fcntl

LARGEST: Final = 2048
_HAS_TIMES: Final = sys.platform.startswith("linux")
_TIMESTAMPNS: Final = 35
"""SO_TIMESTAMPNS of Linux; the socket module has no name for it."""
_LAST_STAMP: Final = 0x8907
"""SIOCGSTAMPNS of Linux: when the datagram that was read last had come (socket(7))."""
_STAMP: Final = struct.Struct("@ll")
_ANCILLARY: Final = 128


def ask_for_times(sock: socket.socket) -> None:
    """Have the kernel note arrivals on this socket, if it can."""
    if _HAS_TIMES:
        sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)


def kernel_age_s(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Return how long ago the kernel saw a datagram; 0 when it does not say."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMPNS and len(data) >= _STAMP.size:
            return _age_s(data)
    return 0.0


def _age_s(stamp: bytes) -> float:
    seconds, nanoseconds = _STAMP.unpack_from(stamp)
    age_s = time.time() - (seconds + nanoseconds * 1e-9)
    return age_s if 0 < age_s < 1 else 0.0


def last_age_s(fileno: int) -> float:
    """Return how long ago the kernel saw the datagram that was read last; 0 when it does not say.

    For sockets whose reading is another's (an event loop's). The first question makes the kernel note
    arrivals from then on.
    """
    if sys.platform == "win32" or not _HAS_TIMES or fileno < 0:
        return 0.0
    try:
        return _age_s(fcntl.ioctl(fileno, _LAST_STAMP, bytes(_STAMP.size)))
    except OSError:
        return 0.0  # none yet


def receive(sock: socket.socket) -> tuple[bytes, float, Any]:
    """Return a datagram, how long ago it came, and from whom.

    Raises:
        OSError: There is none, or an earlier one of ours was refused.
    """
    if not _HAS_TIMES:
        data, address = sock.recvfrom(LARGEST)
        return data, 0.0, address
    data, ancillary, _flags, address = sock.recvmsg(LARGEST, _ANCILLARY)
    return data, kernel_age_s(ancillary), address
