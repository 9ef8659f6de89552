"""How much of an upload lies where nothing can overtake it."""

import socket

from telemed_desk.sync.send_buffers import FIRST_BYTES, LEAST_BYTES, MOST_BYTES, SendBuffers


class Socket:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.size = 0
        self.closed = False

    def fileno(self) -> int:
        return -1 if self.closed else 1

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_SNDBUF)
        if self.closed:
            raise OSError("closed")
        self.size = value


def settled(bytes_per_s: float, rtt_s: float) -> int:
    """The size after many uploads over a line: never faster than the line or the buffer allow."""
    buffers, one = SendBuffers(), Socket()
    buffers.add(one, rtt_s)
    for _ in range(60):
        rate = min(bytes_per_s, one.size / rtt_s)
        buffers.carried(16_000, 16_000 / rate + rtt_s)
    return one.size


def test_a_thin_long_line_gets_little_more_than_a_round_trip() -> None:
    assert settled(8_000, 0.6) < 8_000 * 1.5
    assert settled(2_000, 0.6) == LEAST_BYTES


def test_a_fast_line_is_not_held_back_however_long_it_is() -> None:
    for rtt_s in (0.02, 0.1, 0.25):
        assert settled(100_000, rtt_s) > 100_000 * rtt_s * 0.5


def test_sizes_stay_in_their_bounds_and_closed_connections_are_let_go() -> None:
    buffers, one, other = SendBuffers(), Socket(), Socket()
    buffers.add(one, 0.1)
    assert one.size == FIRST_BYTES
    buffers.carried(100, 0.0)  # too small to say anything
    assert one.size == FIRST_BYTES
    one.closed = True
    buffers.carried(10**9, 0.0)
    buffers.add(other, 0.1)
    assert other.size == MOST_BYTES


class Stream:
    """What a request's trace is given when its connection is made."""

    def __init__(self) -> None:
        self.socket = Socket()

    def get_extra_info(self, name: str) -> Socket | None:
        return self.socket if name == "socket" else None


async def test_a_request_hands_its_connection_over() -> None:
    now = [0.0]
    buffers, stream = SendBuffers(lambda: now[0]), Stream()
    look = buffers.trace()
    await look("connection.connect_tcp.started", {})
    now[0] = 0.6
    await look("connection.connect_tcp.complete", {"return_value": stream})
    assert stream.socket.size == FIRST_BYTES
    buffers.carried(100_000, 1.0)
    assert 129_000 < stream.socket.size <= 130_000
