"""Desk and media process over a real socket pair: start, talk, die, come back, refuse rubbish."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from telemed_desk.media import control
from telemed_desk.media.channel import ControlChannel
from telemed_desk.media.client import MediaProcess
from telemed_desk.media.frames import Frame
from telemed_desk.media.sources.barcode import read_count
from tests.support.devices.media_desk import WAIT_S, ListeningDesk, next_frame
from tests.support.waiting import until

ENDS_S = 60.0
"""What is asked is whether it ends; how soon is a matter of what else the machine does."""
PRETEND = control.Devices("pattern:320x240@15", "tone:500", "null")


@pytest.fixture
async def desk() -> ListeningDesk:
    return ListeningDesk()


@pytest.fixture
async def media(desk: ListeningDesk) -> AsyncIterator[MediaProcess]:
    process = desk.media()
    await process.start()
    yield process
    await process.stop()


def luma(frame: Frame) -> NDArray[np.uint8]:
    rows = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.stride)
    return np.ascontiguousarray(rows[:, 1 : frame.width * 3 : 3])


async def test_it_says_ready_and_the_desk_loads_no_media_library(media: MediaProcess) -> None:
    assert media.pid is not None
    code = (
        "import sys, telemed_desk.media.client, telemed_desk.media.frames;"
        "print([m for m in ('av', 'aiortc', 'cv2', 'numpy', 'sounddevice') if m in sys.modules])"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
    )
    assert done.stdout.strip() == b"[]"


async def test_a_preview_shows_the_own_camera_and_levels(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(PRETEND)
    media.send(control.Preview(on=True))
    stream = await desk.first(control.VideoStream)
    assert stream.stream == "local"
    frame = await next_frame(stream.memory)
    assert (frame.width, frame.height) == (320, 240)
    assert read_count(luma(frame)) is not None

    def loud(message: control.FromMedia) -> bool:
        return isinstance(message, control.Level) and -20 < message.microphone_dbfs < -10

    await desk.until(lambda: any(map(loud, desk.heard)), "the desk hears it")
    working = {s.kind for s in desk.of(control.DeviceState) if s.code == ""}
    assert working == {"camera", "microphone", "speaker"}


async def test_ending_a_preview_removes_its_memory(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(PRETEND)
    media.send(control.Preview(on=True))
    stream = await desk.first(control.VideoStream)
    path = Path("/dev/shm") / stream.memory
    assert path.exists()
    media.send(control.Preview(on=False))
    await until(lambda: not path.exists(), "the memory is removed", WAIT_S)


async def test_killed_it_comes_back_with_its_devices_and_leaves_nothing(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    media.send(PRETEND)
    media.send(control.Preview(on=True))
    stream = await desk.first(control.VideoStream)
    first_pid = media.pid
    assert first_pid is not None
    os.kill(first_pid, signal.SIGKILL)
    await desk.until(lambda: len(desk.of(control.VideoStream)) == 2, "the desk hears it")
    assert desk.deaths == 1
    assert media.pid not in (None, first_pid)
    assert not (Path("/dev/shm") / stream.memory).exists()
    again = desk.of(control.VideoStream)[1]
    assert (await next_frame(again.memory)).width == 320


async def test_a_process_that_hangs_is_taken_for_dead(
    desk: ListeningDesk, media: MediaProcess
) -> None:
    pid = media.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await desk.until(lambda: desk.deaths == 1, "the desk hears it")
        await desk.until(lambda: len(desk.of(control.Ready)) == 2, "the desk hears it")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def test_stopping_is_in_good_order(desk: ListeningDesk) -> None:
    process = desk.media()
    await process.start()
    await process.stop()
    assert desk.deaths == 0
    assert process.pid is None
    assert not process.send(control.Preview(on=True))


# ---- without the client: what a raw desk may do to it --------------------------------------------


class RawDesk:
    """Holds the desk's end of the socket pair itself."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket) -> None:
        self.process = process
        self.sock = sock
        self._channel: ControlChannel | None = None

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def next_of(self, kind: type[control.FromMedia]) -> control.FromMedia:
        loop = asyncio.get_running_loop()

        async def exactly(size: int) -> bytes:
            data = b""
            while len(data) < size:
                chunk = await loop.sock_recv(self.sock, size - len(data))
                assert chunk, "the media process closed the channel"
                data += chunk
            return data

        async with asyncio.timeout(WAIT_S):
            while True:
                size = int.from_bytes(await exactly(4), "big")
                message = control.decode_from_media(await exactly(size))
                if isinstance(message, kind):
                    return message


@pytest.fixture
async def raw() -> AsyncIterator[RawDesk]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    process = subprocess.Popen(  # noqa: ASYNC220 - takes milliseconds, as in the client
        [sys.executable, "-m", "telemed_desk.media", "--control-fd", str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
    )
    theirs.close()
    desk = RawDesk(process, ours)
    try:
        await desk.next_of(control.Ready)
        yield desk
        ours.close()
        assert await asyncio.to_thread(process.wait, ENDS_S) is not None
    finally:
        ours.close()
        process.kill()
        process.wait()


async def test_rubbish_gives_a_fault_and_the_process_goes_on(raw: RawDesk) -> None:
    chance = random.Random(7)
    for _ in range(40):
        body = chance.randbytes(chance.randrange(0, 200))
        await raw.send(len(body).to_bytes(4, "big") + body)
        fault = await raw.next_of(control.Fault)
        assert isinstance(fault, control.Fault)
        assert fault.code == "TD-FMT-001"
    await raw.send(control.encode_control(control.Ping(5)))
    assert await raw.next_of(control.Pong) == control.Pong(5)


async def test_a_message_too_long_is_skipped_and_named(raw: RawDesk) -> None:
    size = control.MAX_MESSAGE_BYTES + 1
    await raw.send(size.to_bytes(4, "big"))
    for start in range(0, size, 1 << 20):
        await raw.send(bytes(min(1 << 20, size - start)))
    fault = await raw.next_of(control.Fault)
    assert isinstance(fault, control.Fault)
    assert fault.code == "TD-MED-002"
    await raw.send(control.encode_control(control.Ping(6)))
    assert await raw.next_of(control.Pong) == control.Pong(6)


@pytest.mark.parametrize(
    "message",
    [
        control.RemoteDescription("nobody", "offer", "v=0"),
        control.RemoteCandidate("nobody", "candidate:1"),
        control.TakePhoto("nobody", "p"),
        control.Devices("pattern:1x1@1"),
    ],
)
async def test_what_cannot_be_done_is_a_fault(raw: RawDesk, message: control.ToMedia) -> None:
    await raw.send(control.encode_control(message))
    assert isinstance(await raw.next_of(control.Fault), control.Fault)


async def test_without_the_desk_it_ends(raw: RawDesk) -> None:
    raw.sock.close()
    assert await asyncio.to_thread(raw.process.wait, ENDS_S) == 0


async def test_a_silent_desk_is_taken_for_dead(raw: RawDesk) -> None:
    assert await asyncio.to_thread(raw.process.wait, ENDS_S) == 0


async def test_a_crash_leaves_no_core_dump(raw: RawDesk) -> None:
    limits = Path(f"/proc/{raw.process.pid}/limits").read_text()  # noqa: ASYNC240 - a file of the kernel
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    code = (
        "import ctypes; from telemed_desk import core_dumps; get_dumpable = 3;"
        "core_dumps.leave_none(); print(ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0))"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
    )
    assert done.stdout.strip() == b"0"
