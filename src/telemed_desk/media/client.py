"""The desk's side of the media process: start it, talk to it, notice its death, start it again.

Imports nothing of aiortc, av, numpy or OpenCV: the desk process never loads them.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from telemed_desk.devices.system import ON_WINDOWS
from telemed_desk.media.channel import ControlChannel, MessageTooLong
from telemed_desk.media.control import (
    HEARTBEAT_S,
    SILENCE_S,
    CallState,
    Devices,
    FromMedia,
    Ping,
    Pong,
    Preview,
    Ready,
    Shutdown,
    ToMedia,
    VideoStream,
    decode_from_media,
)
from telemed_desk.media.shared_block import remove_block
from telemed_protocol.errors import FormatError, KnownError

START_S = 30.0
"""How long a fresh process may take to say Ready; a cold disk and a virus scanner need it."""
STOP_S = 5.0
COMMAND = (sys.executable, "-m", "telemed_desk.media")
RESTART_DELAYS_S = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0)
STEADY_S = 60.0
"""Having run this long, the next restart is quick again."""

_log = structlog.get_logger(__name__)


class MediaProcessMissing(KnownError):
    """The media process could not be started."""

    code = "TD-MED-001"
    sentence = "The part of this program that makes calls does not start."
    next_step = "Restart TeleMed Desk. Until then, phone the patient; notes go on working."


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    channel: ControlChannel
    started_at: float
    heard_at: float
    memories: dict[tuple[str, str], str]
    """By stream and call: what is to be removed if the process dies. A call's go with it."""


class MediaProcess:
    """One media process at a time, restarted when it dies. Everything on one event loop.

    Args:
        on_message: Called with every message but heartbeats; on the loop.
        on_died: Called when the process was lost, before the next one starts; a running call must
            be offered anew once :class:`Ready` comes again.
        restart: False leaves a dead process dead.
        command: What to run; an installed package or a test may wrap it.
    """

    def __init__(
        self,
        on_message: Callable[[FromMedia], None] = lambda _message: None,
        on_died: Callable[[], None] = lambda: None,
        *,
        restart: bool = True,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.on_message = on_message
        self.on_died = on_died
        self._restart = restart
        self._command = tuple(command)
        self._running: _Running | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._devices: Devices | None = None
        self._preview: Preview | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process that runs now, None between two."""
        return self._running.process.pid if self._running else None

    async def start(self) -> None:
        """Start the process and wait until it is ready. Raises MediaProcessMissing."""
        self._stopping = False
        self._ready = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.create_task(self._keep(), name="media-process")
        try:
            async with asyncio.timeout(START_S):
                await asyncio.shield(self._ready)
        except TimeoutError as error:
            await self.stop()
            raise MediaProcessMissing("not ready in time") from error

    def send(self, message: ToMedia) -> bool:
        """Send to the process; False if there is none now.

        The last :class:`Devices` and :class:`Preview` are kept and sent again to a new process.
        """
        match message:
            case Devices():
                self._devices = message
            case Preview():
                self._preview = message
            case _:
                pass
        return self._running is not None and self._running.channel.send(message)

    async def stop(self) -> None:
        """Ask the process to end, and end it."""
        self._stopping = True
        if self._running is not None:
            self._running.channel.send(Shutdown())
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(self._running.process.wait, STOP_S)
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    async def _keep(self) -> None:
        deaths = 0
        while not self._stopping:
            started_at = time.monotonic()
            try:
                await self._run_once()
            except OSError as error:
                _log.error("media_process_not_started", error_type=type(error).__name__)
            if self._stopping or not self._restart:
                return
            deaths = 1 if time.monotonic() - started_at > STEADY_S else deaths + 1
            await asyncio.sleep(RESTART_DELAYS_S[min(deaths, len(RESTART_DELAYS_S)) - 1])

    async def _run_once(self) -> None:
        process, ours = _spawn(self._command)
        channel = await ControlChannel.over(ours)
        now = time.monotonic()  # one reading: a process is taken to have spoken when they differ
        running = _Running(process, channel, now, now, {})
        self._running = running
        heart = asyncio.create_task(self._heartbeat(running), name="media-heartbeat")
        try:
            await self._read(running)
        finally:
            heart.cancel()
            self._running = None
            await running.channel.close()
            await _end(process)
            for name in running.memories.values():
                remove_block(name)
        if not self._stopping:
            _log.warning("media_process_lost", n=process.returncode)
            self.on_died()

    async def _read(self, running: _Running) -> None:
        while True:
            try:
                body = await running.channel.read_body()
                if body is None:
                    return
                message = decode_from_media(body)
            except (MessageTooLong, FormatError) as error:
                _log.error("media_message_refused", code=error.code)
                continue
            running.heard_at = time.monotonic()
            self._take(running, message)

    def _take(self, running: _Running, message: FromMedia) -> None:
        match message:
            case Pong():
                return
            case Ready():
                for kept in (self._devices, self._preview):
                    if kept is not None:
                        running.channel.send(kept)
                if self._ready is not None and not self._ready.done():
                    self._ready.set_result(None)
            case VideoStream() if message.memory:
                running.memories[message.stream, message.call] = message.memory
            case CallState(call, "ended"):
                for key in [key for key in running.memories if key[1] == call]:
                    del running.memories[key]
            case _:
                pass
        self.on_message(message)

    async def _heartbeat(self, running: _Running) -> None:
        number = 0
        said_ready = False
        while True:
            number += 1
            running.channel.send(Ping(number))
            asked_at = time.monotonic()
            await asyncio.sleep(HEARTBEAT_S)
            now = time.monotonic()
            if now - asked_at > 2 * HEARTBEAT_S:
                # It was us who slept (suspend, a stopped debugger): give it a fresh chance.
                running.heard_at = now
            said_ready = said_ready or running.heard_at > running.started_at
            if now - running.heard_at > (SILENCE_S if said_ready else START_S):
                _log.warning("media_process_silent")
                running.process.kill()
                return


def _spawn(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the process with one end of a socket pair; return the other end."""
    ours, theirs = socket.socketpair()
    try:
        if ON_WINDOWS:
            # Handles are not inherited by number there: the socket is duplicated into the child and
            # its description goes through the child's standard input
            # (https://docs.python.org/3/library/socket.html#socket.socket.share).
            process = subprocess.Popen(
                [*command, "--control-stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            share: bytes = theirs.share(process.pid)  # type: ignore[attr-defined, unused-ignore]
            if process.stdin is not None:
                process.stdin.write(len(share).to_bytes(4, "big") + share)
                process.stdin.close()
        else:
            process = subprocess.Popen(
                [*command, "--control-fd", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


async def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that the process is gone and reaped."""
    try:
        await asyncio.to_thread(process.wait, 1.0)
    except subprocess.TimeoutExpired:
        process.kill()
        await asyncio.to_thread(process.wait)
