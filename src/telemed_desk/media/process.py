"""The media process: does what the desk asks over the control channel, and outlives nothing of it.

One loop reads messages and answers heartbeats at once; a second task carries requests out in order,
so that a slow device never makes the process look dead. Without the desk it ends by itself.
"""

import asyncio
import os
import socket
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media import control
from telemed_desk.media.camera_report import CameraReport
from telemed_desk.media.channel import ControlChannel
from telemed_desk.media.check_runs import CheckRuns
from telemed_desk.media.shared_block import remove_orphans
from telemed_desk.media.sound_report import SoundReport
from telemed_desk.media.sound_trials import SoundTrials
from telemed_desk.media.station import Station
from telemed_protocol.errors import KnownError

if TYPE_CHECKING:
    from telemed_desk.media.sessions import Sessions

LEVEL_S = 0.1
WAITING_REQUESTS = 256
"""More than this unhandled and reading stops; heartbeats stop with it, and the desk restarts us."""
_MAY_DROP = (control.Level, control.CallStats, control.PhotoProgress)

_log = structlog.get_logger(__name__)


class MediaWorker:
    """Runs until the desk says Shutdown, closes the channel, or is silent for ``SILENCE_S``."""

    def __init__(self, channel: ControlChannel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._station = Station(self.report)
        self._sessions: Sessions | None = None
        self._requests: asyncio.Queue[control.ToMedia] = asyncio.Queue(WAITING_REQUESTS)
        self._checks = CheckRuns(self._station, self._send)
        self._trials = SoundTrials(self._station, self._send)
        self._heard_at = time.monotonic()

    async def _warm(self) -> None:
        """Load the codecs now rather than at the first call's first second; then just wait."""
        from telemed_desk.media.engine.warm import warm_up  # noqa: PLC0415 - Ready must not wait

        try:
            await asyncio.to_thread(warm_up)
        except KnownError as error:
            self.report(control.Fault(error.code, error.detail))
        await asyncio.Event().wait()

    async def run(self) -> None:
        """Serve; returns when it is over, with all devices closed."""
        remove_orphans()
        self.report(control.Ready(control.CONTROL_VERSION, os.getpid()))
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("read", self._read()),
                ("work", self._work()),
                ("levels", self._levels()),
                ("silence", self._watch_silence()),
                ("warm", self._warm()),
                ("sound", SoundReport(self._station, self._send).run()),
                ("cameras", CameraReport(self._station, self._send).run()),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    def report(self, message: control.FromMedia) -> None:
        """Tell the desk something; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._send, message)
        except RuntimeError:  # the loop has closed: a driver let a capture thread go only now
            return

    def _send(self, message: control.FromMedia) -> None:
        self._channel.send(message, may_drop=isinstance(message, _MAY_DROP))

    async def _read(self) -> None:
        while True:
            try:
                body = await self._channel.read_body()
                if body is None:
                    _log.info("desk_gone")
                    return
                message = control.decode_to_media(body)
            except KnownError as error:
                _log.warning("control_message_refused", code=error.code)
                self._send(control.Fault(error.code, error.detail))
                continue
            self._heard_at = time.monotonic()
            match message:
                case control.Ping(n):
                    self._send(control.Pong(n))
                case control.Shutdown():
                    return
                case _:
                    await self._requests.put(message)

    async def _work(self) -> None:
        while True:
            message = await self._requests.get()
            try:
                await self._handle(message)
            except KnownError as error:
                _log.warning("request_refused", code=error.code, reason=error.detail)
                self._refuse(message, error.code, error.detail)
            except Exception as error:  # noqa: BLE001 - the message loop: a bug in one request is reported, and the call of the moment goes on
                _log.error(
                    "request_failed",
                    kind=type(message).__name__,
                    error_type=type(error).__name__,
                    where=_where(error),
                )
                self._refuse(message, "TD-BUG", type(error).__name__)

    def _refuse(self, message: control.ToMedia, code: str, detail: str) -> None:
        if isinstance(message, control.StartCall):
            self._send(control.CallState(message.call, "failed", code))
        self._send(control.Fault(code, detail))

    async def _handle(self, message: control.ToMedia) -> None:
        match message:
            case control.Devices():
                await self._station.choose(message)
                if self._sessions is not None:
                    self._sessions.devices_changed()
            case control.Preview(on):
                await (self._station.use("preview") if on else self._station.release("preview"))
            case control.StartCall():
                await self._start_call(message)
            case control.EndCall(call):
                if self._sessions is not None:
                    await self._sessions.end(call, "")
            case control.Mute():
                self._mute(message)
            case control.ClinicalSound() | control.ChooseRung() | control.ShareScreen():
                await self._handle_for_all(message)
            case (
                control.RunDeviceChecks()
                | control.RunLinkTrial()
                | control.RunLinkProbe()
                | control.LookForChart()
                | control.StopDeviceChecks()
                | control.SoundTrial()
            ):
                self._check(message)
            case (
                control.RemoteDescription()
                | control.RemoteCandidate()
                | control.UseServers()
                | control.TakePhoto()
            ):
                await self._handle_in_call(message)
            case _:
                pass

    async def _handle_for_all(
        self, message: control.ClinicalSound | control.ChooseRung | control.ShareScreen
    ) -> None:
        match message:
            case control.ClinicalSound(on):
                self._clinical(on=on)
            case control.ChooseRung(rung):
                if self._sessions is not None:
                    self._sessions.choose(Rung(min(max(rung, Rung.AUDIO_PHOTOS), Rung.HD_VIDEO)))
            case control.ShareScreen(on, source):
                if self._sessions is not None:
                    await self._sessions.share_screen(source if on else None)

    async def _handle_in_call(
        self,
        message: control.RemoteDescription
        | control.RemoteCandidate
        | control.UseServers
        | control.TakePhoto,
    ) -> None:
        session = None if self._sessions is None else self._sessions.get(message.call)
        if session is None:
            self._send(control.Fault("no-such-call", type(message).__name__))
            return
        match message:
            case control.RemoteDescription():
                await session.describe(message)
            case control.RemoteCandidate():
                await session.add_candidate(message)
            case control.UseServers():
                session.use_servers(message)
            case control.TakePhoto():
                session.take_photo(message.photo)

    async def _start_call(self, message: control.StartCall) -> None:
        if self._sessions is None:
            # Not on the loop: on a busy PC the heartbeats would stop for as long as it takes.
            make = await asyncio.to_thread(_load_sessions)
            self._sessions = make(self._station, self.report)
        self._checks.stop_all()
        self._trials.stop()
        await self._sessions.start(message)

    def _check(
        self,
        message: control.RunDeviceChecks
        | control.RunLinkTrial
        | control.RunLinkProbe
        | control.LookForChart
        | control.StopDeviceChecks
        | control.SoundTrial,
    ) -> None:
        in_call = bool(self._sessions)
        match message:
            case (
                control.RunDeviceChecks()
                | control.RunLinkTrial()
                | control.RunLinkProbe()
                | control.LookForChart()
            ):
                self._checks.start(message, in_call=in_call)
            case control.StopDeviceChecks(run):
                self._checks.stop(run)
            case control.SoundTrial():
                self._trials.start(message, in_call=in_call)

    def _mute(self, message: control.Mute) -> None:
        if self._sessions is not None:
            self._sessions.mute(message)
        else:
            self._station.microphone_muted = message.microphone

    def _clinical(self, *, on: bool) -> None:
        if self._sessions is not None:
            self._sessions.clinical(on=on)
        else:
            self._station.set_clinical(on=on)

    async def _levels(self) -> None:
        while True:
            await asyncio.sleep(LEVEL_S)
            if self._station.is_open:
                self._send(self._station.level())

    async def _watch_silence(self) -> None:
        while time.monotonic() - self._heard_at < control.SILENCE_S:
            before = time.monotonic()
            await asyncio.sleep(control.HEARTBEAT_S / 2)
            if time.monotonic() - before > control.SILENCE_S / 2:
                # This process was held up (suspend, a very busy PC): give the desk a fresh chance.
                self._heard_at = time.monotonic()
        _log.warning("desk_silent")

    async def _close(self) -> None:
        await self._checks.close()
        await self._trials.close()
        if self._sessions is not None:
            await self._sessions.close()
        await self._station.release("preview")
        await self._channel.drain()
        await self._channel.close()


async def serve(sock: socket.socket) -> None:
    """Be the media process on this socket."""
    await MediaWorker(await ControlChannel.over(sock)).run()


def _load_sessions() -> "type[Sessions]":
    from telemed_desk.media.sessions import (  # noqa: PLC0415 - aiortc takes most of a second to load; the preview need not wait for it
        Sessions,
    )

    return Sessions


def _where(error: BaseException) -> str:
    """Return file and line where it was raised: what a log may know of a failure."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
