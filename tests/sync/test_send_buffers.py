"""How much of an upload is on its way, where nothing can overtake it."""

import asyncio
import contextlib
import socket
import struct
import sys

from telemed_desk.sync.send_buffers import (
    LEAST_BYTES,
    MOST_BYTES,
    PIECE_BYTES,
    STALL_S,
    SendBuffers,
    Settable,
    unacknowledged,
)


class Line:
    """A line that takes what it is given and acknowledges when it is told to; keeps time."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.waiting = 0
        self.most = 0
        self.closed = False
        self.buffers = SendBuffers(lambda: self.now_s, lambda _one: self.waiting)
        self.buffers.add(self)

    def fileno(self) -> int:
        return -1 if self.closed else 1

    def getsockopt(self, level: int, option: int, length: int, /) -> bytes:
        raise NotImplementedError

    def setsockopt(self, level: int, option: int, value: int, /) -> None:
        """Not needed here."""

    async def carry(self, body: bytes, bytes_per_s: float) -> bytes:
        """Carry a body as a thin line does: something is acknowledged whenever nothing more comes."""
        came = b""
        with self.buffers.upload(body) as pieces:
            acknowledging = asyncio.create_task(self._acknowledge())
            async for piece in pieces:
                came += piece
                self.waiting += len(piece)
                self.most = max(self.most, self.waiting)
            acknowledging.cancel()
            self.waiting = 0
            self.now_s += len(body) / bytes_per_s
        return came

    async def _acknowledge(self) -> None:
        while True:
            await asyncio.sleep(0)
            self.waiting = max(0, self.waiting - 100)


async def test_a_body_arrives_whole_and_little_of_it_is_on_its_way() -> None:
    line, body = Line(), bytes(range(256)) * 200
    assert await line.carry(body, 8_000) == body
    assert line.most < LEAST_BYTES + PIECE_BYTES


async def test_the_limit_follows_the_line_within_its_bounds() -> None:
    line = Line()
    assert line.buffers.limit == LEAST_BYTES
    await line.carry(bytes(100), 1e9)
    assert line.buffers.limit == LEAST_BYTES, "too small to say anything"
    for _ in range(20):
        await line.carry(bytes(10_000), 50_000)
    assert 40_000 < line.buffers.limit <= 50_000
    for _ in range(20):
        await line.carry(bytes(10_000), 1e9)
    assert line.buffers.limit == MOST_BYTES
    for _ in range(30):
        await line.carry(bytes(10_000), 1_000)
    assert line.buffers.limit == LEAST_BYTES


async def test_uploads_that_share_the_line_do_not_make_it_look_slow() -> None:
    line = Line()
    for _ in range(20):
        with line.buffers.upload(bytes(20_000)), line.buffers.upload(bytes(20_000)):
            line.now_s += 1.0
    assert line.buffers.limit == 40_000


class Stream:
    """What a request's trace is given when its connection is made."""

    def __init__(self, made: Settable) -> None:
        self._made = made

    def get_extra_info(self, name: str) -> Settable | None:
        return self._made if name == "socket" else None


async def test_a_request_hands_its_connection_over() -> None:
    asked: list[Settable] = []

    def waiting(one: Settable) -> int:
        asked.append(one)
        return 0

    buffers, one = SendBuffers(waiting=waiting), Line()
    await buffers.look("connection.connect_tcp.complete", {"return_value": Stream(one)})
    with buffers.upload(b"body") as pieces:
        assert [piece async for piece in pieces] == [b"body"]
    assert asked == [one]


async def test_a_line_that_confirms_nothing_gets_the_rest_in_the_end() -> None:
    line, body = Line(), bytes(5 * PIECE_BYTES)
    line.waiting = LEAST_BYTES

    def passing() -> float:
        line.now_s += 1.0
        return line.now_s

    buffers = SendBuffers(passing, lambda _one: line.waiting)
    buffers.add(line)
    with buffers.upload(body) as pieces:
        assert b"".join([piece async for piece in pieces]) == body
    assert line.now_s < 2 * STALL_S, "it waited once, not for every piece"


def test_the_system_says_what_is_not_acknowledged_and_nothing_of_a_dead_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        near.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                near.send(bytes(65_536))
        if sys.platform == "linux":
            assert unacknowledged(near) > 0, "the far side reads nothing"
        # Nothing lingers: the far side hears a reset.
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        near.settimeout(30)
        with contextlib.suppress(OSError):
            near.recv(1)  # until the reset is there
        assert unacknowledged(near) == 0
        near.close()
        assert unacknowledged(near) == 0


async def handed_over(turns: list[int | None]) -> list[int]:
    """Hand bodies over at the same time; return whose pieces left, in order."""
    line, left = Line(), []

    async def one(name: int, turn: int | None) -> None:
        with line.buffers.upload(bytes(4 * PIECE_BYTES), turn) as pieces:
            async for _piece in pieces:
                left.append(name)
                await asyncio.sleep(0)
            await asyncio.sleep(0.05)  # the receipt comes back

    async with asyncio.TaskGroup() as tasks:
        for name, turn in enumerate(turns):
            tasks.create_task(one(name, turn))
    return left


async def test_segments_take_turns_and_the_next_does_not_wait_for_the_receipt() -> None:
    assert await handed_over([1, 1, 1]) == [0] * 4 + [1] * 4 + [2] * 4


async def test_the_more_urgent_lane_has_the_line_first_and_what_takes_no_turn_waits_for_none() -> (
    None
):
    assert (await handed_over([3, 1]))[1:] == [1] * 4 + [0] * 3
    assert set((await handed_over([1, None]))[:4]) == {0, 1}


async def test_one_that_fails_gives_the_line_back() -> None:
    line = Line()
    with contextlib.suppress(OSError), line.buffers.upload(bytes(9_000), 1) as pieces:
        async for _piece in pieces:
            raise OSError
    async with asyncio.timeout(30):
        assert await line.carry(bytes(100), 1e9) == bytes(100)
        with line.buffers.upload(bytes(100), 1) as pieces:
            assert [piece async for piece in pieces] == [bytes(100)]


async def test_segments_in_turns_are_timed_from_when_the_last_one_came() -> None:
    line = Line()
    first, second = contextlib.ExitStack(), contextlib.ExitStack()
    for _ in range(20):
        first.enter_context(line.buffers.upload(bytes(30_000), 1))
        second.enter_context(line.buffers.upload(bytes(30_000), 1))
        line.now_s += 2.0
        first.close()
        line.now_s += 2.0
        second.close()
    assert line.buffers.limit == 15_000
