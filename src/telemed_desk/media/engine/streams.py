"""The four streams of a call, and the rate control that steers them. Loop thread."""

import asyncio
import time
from typing import Any, Protocol

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.control import CallStats
from telemed_desk.media.ports import PictureSink, PictureSource, SoundSource
from telemed_desk.media.transport.dtls import MediaTransport
from telemed_desk.media.transport.sent_log import PacketResult

from .figures import Figures, Looked
from .lip_sync import LipSync
from .picture_in import PictureDownlink
from .picture_out import PictureUplink, VideoPlan
from .playout import PlayoutBuffer
from .screen_share import ScreenShare
from .steering import Outside, Steering
from .voice_in import VoiceDownlink
from .voice_out import VoiceUplink


class Parts(Protocol):
    """The part of :class:`~.call.CallParts` that matters here."""

    @property
    def camera(self) -> PictureSource | None:
        """Pictures to send."""
        ...

    @property
    def microphone(self) -> SoundSource | None:
        """Sound to send."""
        ...

    @property
    def remote_pictures(self) -> PictureSink:
        """Where pictures go."""
        ...

    @property
    def remote_screen(self) -> PictureSink | None:
        """Where pictures of the other side's screen go."""
        ...


class Streams:
    """Voice and pictures, both ways."""

    def __init__(self, loop: asyncio.AbstractEventLoop, parts: Parts, start_rung: int) -> None:
        self._loop = loop
        self._parts = parts
        self.playout = PlayoutBuffer()
        self.transport: MediaTransport | None = None
        self._voice_out: VoiceUplink | None = None
        self._clinical = False
        self._picture_out: PictureUplink | None = None
        self._picture_in: PictureDownlink | None = None
        self._screen: ScreenShare | None = None
        self._screen_in: PictureDownlink | None = None
        self._audio: Any = None
        self._video: Any = None
        self.steering = Steering(Rung(start_rung), time.monotonic_ns())
        self._figures = Figures()
        self._lips = LipSync()
        self._started_ns: int | None = None

    def attach(self, audio: Any, video: Any, screen: Any = None) -> None:
        """Wire senders and receivers of the negotiated transceivers; called once.

        Voice and camera go both ways, the third line as its direction says.
        """
        if audio is not None:
            self._audio = audio
            hears, sender = audio.receiver, audio.sender
            hears.handler = VoiceDownlink(self.playout, lambda kind: kind == hears.voice_red)
            self._voice_out = VoiceUplink(
                self._loop,
                lambda packet, at, taken_ns, red: sender.send_frame(
                    [packet], at, taken_ns, red=red
                ),
            )
            self._voice_out.clinical = self._clinical
            self._voice_out.set_source(self._parts.microphone)
            sender.on_started = self._on_started
        if video is not None:
            self._video = video
            receiver, video_sender = video.receiver, video.sender
            self._picture_in = PictureDownlink(
                self._loop, receiver, self._parts.remote_pictures, time.monotonic_ns
            )
            receiver.handler = self._picture_in
            self._picture_out = PictureUplink(
                self._loop,
                video_sender.send_frame,
                video_sender.keyframes,
                self._may_encode,
                self._rtt_ms,
            )
            self._picture_out.set_source(self._parts.camera)
            video_sender.on_started = self._on_started
        if screen is not None and "send" in screen.direction:
            self._screen = ScreenShare(self._loop, screen.sender, self._may_encode, self._rtt_ms)
        if screen is not None and "recv" in screen.direction and self._parts.remote_screen:
            self._screen_in = screen.receiver.handler = PictureDownlink(
                self._loop, screen.receiver, self._parts.remote_screen, time.monotonic_ns
            )
        transport: MediaTransport = (audio or video).receiver.transport
        self.transport = transport
        transport.on_feedback = self._on_feedback
        transport.on_remb = self._on_remb
        transport.on_loss_report = self._on_loss
        if self._video is not None:
            transport.padding = self._video.sender.padding
        self._apply()

    def _on_started(self) -> None:
        if self._started_ns is None:
            self._started_ns = time.monotonic_ns()
        if self._audio is not None and self._audio.sender.started and self._voice_out:
            self._voice_out.red_for = self._audio.sender.red_for
            self._voice_out.start()
        if self._video is not None and self._video.sender.started and self._picture_out:
            self._picture_out.start()

    def _may_encode(self) -> bool:
        transport = self.transport
        return transport is not None and transport.pacer.drain_s() < 0.1

    def _rtt_ms(self) -> float:
        return 100.0 if self.transport is None else self.transport.usable_rtt_ms

    # ---- steering ---------------------------------------------------------------------------

    def _on_feedback(self, results: list[PacketResult], now_ns: int) -> None:
        if self.steering.on_feedback(results, now_ns, self._rtt_ms()) and self._video is not None:
            self._video.sender.begin_anew()
        if self._voice_out is not None:
            self._voice_out.pattern.note(results)
        self._apply(now_ns)

    def _on_remb(self, bitrate: float) -> None:
        self.steering.rate.on_remb(bitrate)

    def _on_loss(self, kind: str, ratio: float) -> None:
        if self.transport is not None and not self.transport.twcc:
            self.steering.rate.on_loss_report(kind, ratio, time.monotonic_ns())

    def _apply(self, now_ns: int | None = None) -> None:
        now_ns = time.monotonic_ns() if now_ns is None else now_ns
        steering, rtt_ms = self.steering, self._rtt_ms()
        self._look_around(steering.outside)
        chosen = steering.decide(now_ns, rtt_ms)
        if self._video is not None:
            self._video.sender.repair = steering.repair
            steering.protection.takes_parity = self._video.sender.takes_parity
            steering.rate.can_probe = self._video.sender.can_pad
        if self.transport is not None:
            self._order(self.transport, now_ns, rtt_ms)
        if self._voice_out is not None:
            self._voice_out.set_link(
                chosen.voice_bps,
                steering.rate.loss_ratio,
                chosen.frame_ms,
                room_bps=steering.target_bps,
            )
        if self._picture_out is not None:
            plan = VideoPlan(chosen.width, chosen.height, chosen.fps, chosen.video_bps)
            self._picture_out.plan = plan if self._screen is None else self._screen.divide(plan)

    def _look_around(self, outside: Outside) -> None:
        if self._voice_out is not None:
            outside.voice_extra_bps = self._voice_out.extra_bps
        sent = self._picture_out
        if sent is not None:
            outside.camera = sent.wanted or self.shows_screen
            outside.encode_share = sent.encode_ms / 1000 * sent.plan.fps if sent.wanted else 0.0
            outside.quantiser = sent.quantiser if sent.wanted and sent.encode_ms else None

    def _order(self, transport: MediaTransport, now_ns: int, rtt_ms: float) -> None:
        pace = self.steering.pace(now_ns, rtt_ms)
        transport.pacer.set_target(self.steering.target_bps, pace.video_bps)
        transport.pacer.skip_voice = pace.skip_voice
        transport.pacer.window_bytes = pace.window_bytes if transport.twcc else None
        probe = self.steering.probe(now_ns)
        if probe is not None:
            transport.begin_probe(probe)

    def tick(self, now_ns: int) -> None:
        """Let time pass: silence of feedback also says something. Four times a second."""
        if self._started_ns is not None:
            self.steering.tick(now_ns, self._rtt_ms())
            if self._picture_in is not None and self._audio is not None:
                self._picture_in.sync(self._lips, self.playout, self._audio.receiver, now_ns)
        self._apply(now_ns)

    # ---- devices ----------------------------------------------------------------------------

    def set_muted(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending."""
        if self._voice_out is not None:
            self._voice_out.muted = microphone
        if self._picture_out is not None:
            self._picture_out.muted = camera

    def show_screen(self, source: PictureSource | None) -> bool:
        """Share a screen, or nothing any more; False when the other side has no line for it."""
        if self._screen is None:
            return False
        self._screen.show(source)
        self._apply()
        return True

    @property
    def shows_screen(self) -> bool:
        """Whether a screen is shared with the other side now."""
        return self._screen is not None and self._screen.shown

    def set_clinical(self, on: bool) -> None:  # noqa: FBT001 - one switch, as the screen has it
        """Code sound that is not speech, or speech."""
        self._clinical = on
        if self._voice_out is not None:
            self._voice_out.clinical = on

    def replace_parts(self, parts: Parts) -> None:
        """Use other devices."""
        self._parts = parts
        if self._voice_out is not None:
            self._voice_out.set_source(parts.microphone)
        if self._picture_out is not None:
            self._picture_out.set_source(parts.camera)
        if self._picture_in is not None:
            self._picture_in.sink = parts.remote_pictures
        if self._screen_in is not None and parts.remote_screen is not None:
            self._screen_in.sink = parts.remote_screen

    def stop(self) -> None:
        """End all threads. Blocks for some milliseconds; not for the loop thread."""
        screen = None if self._screen is None else self._screen.uplink
        streams = (self._voice_out, self._picture_out, self._picture_in, screen, self._screen_in)
        running = [s for s in streams if s]
        for stream in running:
            stream.request_stop()
        for stream in running:
            stream.stop()

    # ---- figures ----------------------------------------------------------------------------

    def stats(self, call: str, now_ns: int, path: str) -> CallStats:
        """Return the figures now."""
        looked = Looked(
            self.steering,
            self.playout,
            self.transport,
            self._audio,
            self._video,
            self._picture_out,
            self._picture_in,
            self._lips,
        )
        return self._figures.look(looked, call, path, now_ns)
