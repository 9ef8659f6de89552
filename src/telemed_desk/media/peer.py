"""A headless end of a call with our own engine: ``python -m telemed_desk.media.peer``.

For tests and measurements it speaks the endpoint protocol (JSON lines, see below), and it stands in
for the patient's browser where there is none. Camera, microphone and speaker are device specs as in
:class:`telemed_desk.media.control.Devices`.

Commands: ``prepare``, ``offer {cfg}``, ``onoffer {sdp, cfg}`` (in a running call: an ICE restart),
``onanswer {sdp}``, ``candidate {c}``, ``mute {microphone, camera}``, ``photo {id}``,
``screen {source}`` (share it; null: no longer), ``flush {out}`` (writes what was recorded since the
last time, so that hours fit into memory; event ``flushed``), ``finish {out}``. Events, each with
``wall`` (Unix ms): ``ready``, ``click``, ``offer``, ``answer``, ``reoffer`` (``sdp``), ``candidate
{c}``, ``connectionState {v}``, ``channel {label}``, ``firstframe``, ``device``, ``photo``,
``photo-progress``, ``done``, ``error {e}``. What ``finish`` writes: :mod:`.peer_recorder`.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.control import CallPhase, Devices, IceServerSpec
from telemed_desk.media.engine.call import Call, CallParts
from telemed_desk.media.json_lines import JsonLines
from telemed_desk.media.peer_photo import PeerPhotos
from telemed_desk.media.peer_recorder import PeerRecorder
from telemed_desk.media.peer_screen import DecodedScreen, MemoryScreen
from telemed_desk.media.ports import SAMPLE_RATE_HZ, Picture, PictureSource, SoundBlock
from telemed_desk.media.sources.opening import (
    Camera,
    Microphone,
    Speaker,
    open_camera,
    open_microphone,
    open_speaker,
)
from telemed_desk.media.sources.screen import open_screen

STATS_EVERY_S = 1.0
SILENCE: SoundBlock = np.zeros(SAMPLE_RATE_HZ, np.int16)
CHANNEL_VERSION = 1
_BROWSER_WORDS: dict[CallPhase, str] = {
    "connecting": "connecting",
    "connected": "connected",
    "reconnecting": "disconnected",
    "ended": "closed",
    "failed": "failed",
}


class _WatchedCamera:
    """Passes pictures on to the engine and notes each one once."""

    def __init__(self, camera: PictureSource, recorder: PeerRecorder) -> None:
        self._camera = camera
        self._recorder = recorder
        self._noted_ns = -1

    def newest(self) -> Picture | None:
        return self._note(self._camera.newest())

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        return self._note(self._camera.wait_newer(than_ns, timeout_s))

    def _note(self, picture: Picture | None) -> Picture | None:
        if picture is not None and picture.taken_ns > self._noted_ns:
            self._noted_ns = picture.taken_ns
            self._recorder.take(picture)
        return picture


class Peer:
    """One end of one call. Everything but the devices' threads runs on one loop."""

    def __init__(
        self,
        lines: JsonLines,
        devices: Devices,
        start_rung: Rung,
        *,
        gives_photos: bool,
        into_memory: bool = False,
    ) -> None:
        self._into_memory = into_memory
        self._photos = PeerPhotos(
            self._send, lambda: self._camera if gives_photos else None, lines.emit
        )
        self._lines = lines
        self._devices = devices
        self._start_rung = start_rung
        self._recorder = PeerRecorder()
        self._camera: Camera | None = None
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._screen: DecodedScreen | MemoryScreen | None = None
        self._stop_noting: Callable[[], None] | None = None
        self._call: Call | None = None
        self._close_screen: Callable[[], None] | None = None
        self._stats: asyncio.Task[None] | None = None

    # ---- commands

    async def obey(self, command: dict[str, Any]) -> bool:
        """Carry out one command; False when it was the last."""
        match command:
            case {"cmd": "prepare"}:
                self._prepare()
            case {"cmd": "offer"}:
                call = self._begin(command, offer=True)
                self._lines.emit("offer", sdp=await call.make_offer())
            case {"cmd": "onoffer", "sdp": str(sdp)}:
                call = self._call or self._begin(command, offer=False)
                self._lines.emit("answer", sdp=await call.accept_offer(sdp))
            case {"cmd": "onanswer", "sdp": str(sdp)}:
                await self._running().accept_answer(sdp)
            case {"cmd": "candidate", "c": {"candidate": str(text)} as candidate}:
                mid, mline = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
                await self._running().add_candidate(text, mid, mline)
            case {"cmd": "mute", "microphone": bool(microphone), "camera": bool(camera)}:
                self._running().set_muted(microphone, camera)
            case {"cmd": "screen", "source": str() | None as source}:
                await self._share_screen(source)
            case {"cmd": "photo", "id": str(photo)}:
                self._photos.take(photo)
            case {"cmd": "flush", "out": str(folder)}:
                await asyncio.to_thread(self._recorder.write, Path(folder))
                self._lines.emit("flushed", out=folder)
            case {"cmd": "finish", "out": str(folder)}:
                await self._finish(Path(folder))
                return False
            case _:
                self._lines.emit("error", e="unknown command")
        return True

    async def close(self) -> None:
        """End the call and give the devices back. May be called twice."""
        if self._stats is not None:
            self._stats.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._stats
        self._stats = None
        await self._photos.close()
        if self._call is not None:
            await self._call.close()
            self._call = None
        if self._screen is not None:
            await asyncio.to_thread(self._screen.close)
            self._screen = None
        if self._stop_noting is not None:
            self._stop_noting()
            self._stop_noting = None
        if self._close_screen is not None:
            await asyncio.to_thread(self._close_screen)
            self._close_screen = None
        for device in (self._speaker, self._microphone, self._camera):
            if device is not None:
                await asyncio.to_thread(device.close)
        self._speaker = self._microphone = self._camera = None

    def _prepare(self) -> None:
        devices = self._devices
        self._camera = open_camera(devices.camera, self._on_device("camera"))
        self._microphone = open_microphone(devices.microphone, self._on_device("microphone"))
        if self._microphone is not None:
            self._stop_noting = self._microphone.subscribe(self._recorder.say)
        self._lines.emit("ready")

    def _begin(self, command: dict[str, Any], *, offer: bool) -> Call:
        if self._call is not None:
            raise RuntimeError("this peer holds one call only")
        self._lines.emit("click")
        config = command.get("cfg", {})
        watched = None if self._camera is None else _WatchedCamera(self._camera, self._recorder)
        kind = MemoryScreen if self._into_memory else DecodedScreen
        screen = self._screen = kind(self._recorder, lambda: self._lines.emit("firstframe"))
        self._call = Call(
            "peer",
            CallParts(camera=watched, microphone=self._microphone, remote_pictures=screen),
            self,
            offer=offer,
            ice_servers=[_ice_server(server) for server in config.get("iceServers", [])],
            relay_only=config.get("iceTransportPolicy") == "relay",
            start_rung=int(self._start_rung),
        )
        self._speaker = open_speaker(self._devices.speaker, self._play, self._on_device("speaker"))
        self._stats = asyncio.create_task(self._keep_stats())
        return self._call

    def _running(self) -> Call:
        if self._call is None:
            raise RuntimeError("no call yet")
        return self._call

    async def _share_screen(self, source: str | None) -> None:
        close, self._close_screen = self._close_screen, None
        if source is None:
            self._running().show_screen(None)
        else:
            screen, self._close_screen = open_screen(source, self._on_device("screen"))
            self._running().show_screen(screen)
        if close is not None:
            await asyncio.to_thread(close)

    async def _finish(self, folder: Path) -> None:
        if self._call is not None:
            self._keep_one_line_of_stats(self._call)
        await self.close()
        await asyncio.to_thread(self._recorder.write, folder)
        self._lines.emit("done")

    # ---- what the devices and the call report

    def _play(self, samples: int) -> SoundBlock:
        call = self._call
        if call is None:  # the speaker outlives the call by a block
            return SILENCE[:samples]
        block = call.feed.pull(samples)
        self._recorder.hear(block)
        return block

    def _on_device(self, kind: str) -> Callable[[str, str], None]:
        return lambda code, detail: self._lines.emit("device", kind=kind, code=code, detail=detail)

    async def _keep_stats(self) -> None:
        while True:
            await asyncio.sleep(STATS_EVERY_S)
            self._keep_one_line_of_stats(self._running())

    def _keep_one_line_of_stats(self, call: Call) -> None:
        stats = call.stats()
        self._photos.heed_loss(stats.receive_loss_ratio)
        line = {"wall": self._recorder.clock.now(), **msgspec.to_builtins(stats)}
        self._recorder.stats.append(line)

    def on_phase(self, phase: CallPhase, reason: str) -> None:
        """See ``CallEvents``."""
        self._lines.emit("connectionState", v=_BROWSER_WORDS[phase], reason=reason)

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """See ``CallEvents``."""
        found = {"candidate": candidate, "sdpMid": mid, "sdpMLineIndex": mline}
        self._lines.emit("candidate", c=found if candidate else None)

    def on_data_open(self) -> None:
        """See ``CallEvents``."""
        self._lines.emit("channel", label="desk")
        self._tell({"t": "hello", "v": CHANNEL_VERSION})

    def on_data(self, message: str | bytes) -> None:
        """See ``CallEvents``."""
        self._recorder.messages.append(message if isinstance(message, str) else len(message))
        self._photos.on_data(message)

    def _send(self, message: str | bytes) -> bool:
        return self._call is not None and self._call.send_data(message)

    def on_restart_offer(self, sdp: str, revision: int) -> None:
        """See ``CallEvents``."""
        self._lines.emit("reoffer", sdp=sdp, revision=revision)

    def _tell(self, message: dict[str, Any]) -> None:
        self._send(json.dumps(message))


def _ice_server(server: dict[str, Any]) -> IceServerSpec:
    urls = server.get("urls", [])
    return IceServerSpec(
        [urls] if isinstance(urls, str) else list(urls),
        str(server.get("username", "")),
        str(server.get("credential", "")),
    )


async def _run(lines: JsonLines, peer: Peer) -> None:
    try:
        async for command in lines.commands():
            try:
                if not await peer.obey(command):
                    break
            except Exception as error:  # noqa: BLE001 - the message loop: one bad command is not the end
                lines.emit("error", e=f"{type(error).__name__}: {error}")
    finally:
        await peer.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to finish or standard input ends; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="telemed-desk peer",
        description="A headless end of a call, for tests and measurements.",
    )
    parser.add_argument("--camera", default="pattern:1280x720@30", help="device spec")
    parser.add_argument("--microphone", default="tone", help="device spec")
    parser.add_argument("--speaker", default="null", help="device spec")
    parser.add_argument(
        "--start-rung", type=int, choices=range(6), default=int(Rung.VIDEO), help="of the ladder"
    )
    parser.add_argument(
        "--photos", choices=("give", "decline"), default="give", help="what to do when asked"
    )
    parser.add_argument(
        "--screen",
        choices=("decoded", "memory"),
        default="decoded",
        help="note a picture when it is decoded, or when the window would have it",
    )
    chosen = parser.parse_args(arguments)
    lines = JsonLines()
    devices = Devices(chosen.camera, chosen.microphone, chosen.speaker)
    peer = Peer(
        lines,
        devices,
        Rung(chosen.start_rung),
        gives_photos=chosen.photos == "give",
        into_memory=chosen.screen == "memory",
    )
    asyncio.run(_run(lines, peer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
