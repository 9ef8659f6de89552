"""Our stand-in for aiortc's RTCRtpSender: takes encoded frames, sends them as RTP, repairs on request.

It offers exactly what ``rtcpeerconnection.py`` and ``rtcrtptransceiver.py`` use of a sender. Loop
thread only, save for :attr:`keyframes`, whose flag any thread may read.
"""

import asyncio
import contextlib
import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

from aiortc import clock
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpCodecParameters, RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    RtpPacket,
    unpack_remb_fci,
    wrap_rtx,
)
from aiortc.stats import RTCStatsReport

from .dtls import THIN_BPS, MediaTransport
from .fec import wrap_red
from .nack import asked_for
from .pacer import Priority
from .protect import ParityMaker
from .repair import TWICE_NS, KeyframeGate, RepairPlan, SentHistory, SentPacket

REPORT_S: Final = 1.0
THIN_REPORT_S: Final = 3.0
_CALM_S: Final = 0.1
_MOST_PADDING: Final = 224
_MID_PACKETS: Final = 60
"""Later packets do without the MID: by then the other side knows the SSRC."""


def random_ssrc() -> int:
    """Return an SSRC that is not zero, which REMB and feedback use as "none"."""
    return secrets.randbelow(0xFFFFFFFF) + 1


class PacketSender:
    """Sends one stream."""

    def __init__(self, trackOrKind: Any, transport: MediaTransport) -> None:  # noqa: N803 - aiortc's spelling
        self._kind: str = trackOrKind if isinstance(trackOrKind, str) else trackOrKind.kind
        self._transport = transport
        self._ssrc = random_ssrc()
        self._rtx_ssrc = random_ssrc()
        self._stream_id = str(uuid.uuid4())
        self._track_id = str(uuid.uuid4())
        self._enabled = True
        self.keyframes = KeyframeGate()
        self.on_started: Callable[[], None] | None = None
        self.loss_ratio: float | None = None
        self.jitter_ms: float | None = None
        """Interarrival jitter as the other side reports it (RFC 3550, 6.4.1)."""
        self.repair = RepairPlan()
        self.packets = 0
        self._clock_rate = 90_000
        self._payload_type: int | None = None
        self._rtx_payload_type: int | None = None
        self._red_payload_type: int | None = None
        self._inner: int | None = None
        self._parity_payload_type: int | None = None
        self._parity = ParityMaker()
        self._mid = ""
        self._cname = ""
        # the lower half: a wrap early on would upset SRTP at the other side
        self._sequence = secrets.randbelow(0x8000)
        self._rtx_sequence = secrets.randbelow(0x8000)
        self._timestamp_base = secrets.randbits(32)
        self._history = SentHistory()
        self._octets = 0
        self._frames = self._ssrc << 24  # the pacer tells the pictures of two lines apart by it
        self._last: tuple[int, int] | None = None
        self._task: asyncio.Task[None] | None = None

    # ---- what aiortc asks of a sender -------------------------------------------------------

    @property
    def kind(self) -> str:
        """``audio`` or ``video``."""
        return self._kind

    @property
    def track(self) -> None:
        """Always None: frames are pushed, not pulled from a track."""
        return

    @property
    def transport(self) -> MediaTransport:
        """The transport below."""
        return self._transport

    def replaceTrack(self, track: object) -> None:  # noqa: N802 - aiortc's spelling
        """Do nothing: sources are changed in the engine."""

    def setTransport(self, transport: MediaTransport) -> None:  # noqa: N802 - aiortc's spelling
        """Move to the bundle's transport."""
        self._transport = transport

    async def getStats(self) -> RTCStatsReport:  # noqa: N802 - aiortc's spelling
        """Return an empty report; figures come from :meth:`Call.stats`."""
        return RTCStatsReport()

    async def send(self, parameters: RTCRtpSendParameters) -> None:
        """Begin: the transport is up and codecs are agreed on. Later calls change nothing."""
        if self._payload_type is not None:
            return
        codec = next(c for c in parameters.codecs if c.name != "red" and not is_rtx(c))
        self._payload_type = codec.payloadType
        self._clock_rate = codec.clockRate
        for other in parameters.codecs:
            if is_rtx(other) and other.parameters.get("apt") == codec.payloadType:
                self._rtx_payload_type = other.payloadType
            if other.name == "red" and self._kind == "audio":
                self._red_payload_type = other.payloadType
        if self._kind == "video":
            self._wrap_pictures(parameters.codecs)
        self._mid = parameters.muxId
        self._cname = parameters.rtcp.cname or ""
        self._transport._register_rtp_sender(self, parameters)  # noqa: SLF001 - aiortc's own wiring
        self._transport.note_extensions(parameters, self._ssrc)
        self._transport.ensure_running()
        self._task = asyncio.create_task(self._report())
        if self.on_started is not None:
            self.on_started()

    def _wrap_pictures(self, codecs: list[RTCRtpCodecParameters]) -> None:
        """Send all pictures inside RED where the other side takes parity: it covers only those."""
        red = next((c.payloadType for c in codecs if c.name == "red"), None)
        parity = next((c.payloadType for c in codecs if c.name == "ulpfec"), None)
        repeats = [c for c in codecs if is_rtx(c) and c.parameters.get("apt") == red]
        if red is not None and parity is not None and repeats:
            self._inner, self._payload_type = self._payload_type, red
            self._rtx_payload_type, self._parity_payload_type = repeats[0].payloadType, parity

    @property
    def takes_parity(self) -> bool:
        """Whether the other side takes parity packets (ULPFEC inside RED)."""
        return self._parity_payload_type is not None

    async def stop(self) -> None:
        """End for good."""
        self._payload_type = None
        if self._task is not None:
            self._transport._unregister_rtp_sender(self)  # noqa: SLF001 - aiortc's own wiring
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    # ---- sending ----------------------------------------------------------------------------

    @property
    def started(self) -> bool:
        """True between :meth:`send` and :meth:`stop`."""
        return self._payload_type is not None

    @property
    def red_for(self) -> int | None:
        """Payload type of the codec inside RED (RFC 2198), if the other side takes it; else None."""
        return None if self._red_payload_type is None else self._payload_type

    def send_frame(
        self, payloads: list[bytes], timestamp: int, taken_ns: int, *, red: bool = False
    ) -> bool:
        """Queue one frame's packets.

        Args:
            payloads: RTP payloads in order.
            timestamp: In units of the codec's clock, from any origin.
            taken_ns: When the sound or picture was taken, for lip sync.
            red: The payloads are RED (see :attr:`red_for`).

        Returns:
            False when the frame was not queued: the queue is full or the stream has not begun.
        """
        payload_type = self._red_payload_type if red else self._payload_type
        if self._payload_type is None or payload_type is None:
            return False
        now_ns = time.monotonic_ns()
        video = self._kind == "video"
        if video and not self._transport.pacer.room_for_frame(now_ns):
            self._transport.pacer.drop_waiting_frames()
            self.keyframes.request()
            return False
        timestamp = (self._timestamp_base + timestamp) & 0xFFFFFFFF
        self._last = (timestamp, taken_ns)
        self._frames += 1
        if self._inner is not None:
            payloads = [wrap_red(self._inner, payload) for payload in payloads]
        # Nothing is known of the link yet: the first picture goes out twice. On one that loses one
        # packet in ten, every second picture of six packets comes damaged, and repair takes a trip.
        doubled: list[RtpPacket] | None = [] if video and not self.packets else None
        for index, payload in enumerate(payloads):
            packet = RtpPacket(
                payload_type=payload_type,
                marker=int(video and index == len(payloads) - 1),
                sequence_number=self._sequence,
                timestamp=timestamp,
                ssrc=self._ssrc,
                payload=payload,
            )
            if self.packets < _MID_PACKETS:
                packet.extensions.mid = self._mid
            self._sequence = (self._sequence + 1) & 0xFFFF
            self.packets += 1
            self._octets += len(payload)
            if video:
                self._history.add(
                    SentPacket(packet.sequence_number, timestamp, packet.marker, payload, now_ns)
                )
            if self.repair.parity and self._inner is not None:
                extensions = self._transport.extensions_map
                self._parity.add(packet, extensions, twcc=self._transport.twcc)
            priority = Priority.VIDEO if video else Priority.AUDIO
            self._transport.send_media(packet, priority, frame=self._frames)
            if self._rtx_payload_type is None or not video:
                continue
            if doubled is not None:
                doubled.append(packet)
            elif self.repair.ahead:
                self._send_copy_later(packet)
        for packet in doubled or []:  # behind the whole picture, which must not come later for this
            self._send_repeat(packet, Priority.VIDEO)
        self._send_parity(timestamp)
        return True

    def _send_parity(self, timestamp: int) -> None:
        if not self.repair.parity or self._parity_payload_type is None:
            self._parity.forget()
            return
        for parity in self._parity.take(self.repair.parity):
            packet = RtpPacket(
                payload_type=self._payload_type or 0,
                sequence_number=self._sequence,
                timestamp=timestamp,
                ssrc=self._ssrc,
                payload=wrap_red(self._parity_payload_type, parity),
            )
            self._sequence = (self._sequence + 1) & 0xFFFF
            self.packets += 1
            self._octets += len(packet.payload)
            self._transport.send_media(packet, Priority.VIDEO, frame=self._frames)

    def begin_anew(self) -> None:
        """After silence: what was sent into it is not worth repeating, a key frame is.

        The other side asks for seconds of it; repeated, they would fill the link for seconds more.
        """
        self._history = SentHistory()
        if self._kind == "video":
            self.keyframes.request()

    def _repeat(self, sequence: int, now_ns: int) -> None:
        sent = self._history.repeat(sequence, now_ns, self._transport.usable_rtt_ms)
        if sent is None or self._payload_type is None:
            return
        packet = RtpPacket(
            payload_type=self._payload_type,
            marker=sent.marker,
            sequence_number=sent.sequence,
            timestamp=sent.timestamp,
            ssrc=self._ssrc,
            payload=sent.payload,
        )
        if self._rtx_payload_type is None:
            self._transport.send_media(packet, Priority.REPAIR)
            return
        self._send_repeat(packet)
        for copy in range(1, self.repair.copies):
            self._send_copy_later(packet, copy)

    def _send_copy_later(self, packet: RtpPacket, copy: int = 1) -> None:
        # where our own queue is what loses packets, more of them would be the wrong answer
        if self._transport.pacer.drain_s() < _CALM_S:
            loop = asyncio.get_running_loop()
            loop.call_later(copy * TWICE_NS / 1e9, self._send_repeat, packet)

    def _send_repeat(self, packet: RtpPacket, priority: Priority = Priority.REPAIR) -> None:
        if self._payload_type is None or self._rtx_payload_type is None:
            return  # stopped meanwhile
        repeat = wrap_rtx(packet, self._rtx_payload_type, self._rtx_sequence, self._rtx_ssrc)
        self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
        self._transport.send_media(repeat, priority, frame=self._frames)

    @property
    def can_pad(self) -> bool:
        """True when the other side takes repeats, which is what padding is made of."""
        return self._payload_type is not None and self._rtx_payload_type is not None

    def padding(self, size: int) -> list[RtpPacket]:
        """Make packets of about ``size`` bytes altogether that carry nothing new, to probe the link.

        The last packets once more, which may even repair something; where there is none that fits,
        empty repeats with RTP's own padding, which both libwebrtc and we leave out.
        """
        if self._payload_type is None or self._rtx_payload_type is None:
            return []
        packets: list[RtpPacket] = []
        while size > 0:
            sent = self._history.filler(size) if size > _MOST_PADDING else None
            packet = RtpPacket(
                payload_type=self._payload_type,
                marker=0 if sent is None else sent.marker,
                sequence_number=0 if sent is None else sent.sequence,
                timestamp=0 if sent is None else sent.timestamp,
                ssrc=self._ssrc,
                payload=b"" if sent is None else sent.payload,
            )
            repeat = wrap_rtx(packet, self._rtx_payload_type, self._rtx_sequence, self._rtx_ssrc)
            if sent is None:
                repeat.payload = b""
                repeat.padding_size = min(max(size, 1), _MOST_PADDING)
                repeat.timestamp = self._timestamp_base if self._last is None else self._last[0]
            self._rtx_sequence = (self._rtx_sequence + 1) & 0xFFFF
            size -= len(repeat.payload) + repeat.padding_size
            packets.append(repeat)
        return packets

    # ---- control packets --------------------------------------------------------------------

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        now_ns = time.monotonic_ns()
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._take_report(report)
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            for sequence in asked_for(packet)[:500]:
                self._repeat(sequence, now_ns)
        elif isinstance(packet, RtcpPsfbPacket):
            if packet.fmt in (RTCP_PSFB_PLI, RTCP_PSFB_FIR):
                self.keyframes.request()
            elif packet.fmt == RTCP_PSFB_APP and self._transport.on_remb is not None:
                bitrate, ssrcs = unpack_remb_fci(packet.fci)
                if self._ssrc in ssrcs:
                    self._transport.on_remb(bitrate)

    def _take_report(self, report: RtcpReceiverInfo) -> None:
        self.loss_ratio = report.fraction_lost / 256
        self.jitter_ms = report.jitter / self._clock_rate * 1000
        if report.lsr and report.dlsr:
            now = (clock.current_ntp_time() >> 16) & 0xFFFFFFFF
            trip = (now - report.lsr - report.dlsr) & 0xFFFFFFFF
            if trip < 0x80000000:
                self._transport.note_rtt(trip / 65536 * 1000)
        if self._transport.on_loss_report is not None:
            self._transport.on_loss_report(self._kind, self.loss_ratio)

    async def _report(self) -> None:
        while True:
            thin = self._transport.pacer.target_bps < THIN_BPS
            wait_s = THIN_REPORT_S if thin else REPORT_S
            await asyncio.sleep(wait_s if self.packets > 100 else REPORT_S / 4)
            if self._last is None:
                continue
            timestamp, taken_ns = self._last
            elapsed_s = (time.monotonic_ns() - taken_ns) / 1e9
            info = RtcpSenderInfo(
                ntp_timestamp=clock.current_ntp_time(),
                rtp_timestamp=(timestamp + int(elapsed_s * self._clock_rate)) & 0xFFFFFFFF,
                packet_count=self.packets & 0xFFFFFFFF,
                octet_count=self._octets & 0xFFFFFFFF,
            )
            source = RtcpSourceInfo(ssrc=self._ssrc, items=[(1, self._cname.encode())])
            await self._transport.send_rtcp(
                bytes(RtcpSrPacket(self._ssrc, info)) + bytes(RtcpSdesPacket([source]))
            )
