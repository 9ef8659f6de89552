"""Our stand-in for aiortc's RTCRtpReceiver: counts, repairs, reports, hands packets to the engine.

It offers exactly what ``rtcpeerconnection.py``, the transceiver and the router use of a receiver.
Loop thread only.
"""

import asyncio
import contextlib
import struct
import time
from typing import Any, Final, Protocol

from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpSrPacket,
    RtpPacket,
    unwrap_rtx,
)
from aiortc.stats import RTCStatsReport

from .codec_table import with_protection
from .dtls import THIN_BPS, MediaTransport
from .fec import FecReceiver, Recovered, stilled, summand, unwrap_red
from .nack import encode_nack
from .reception import ReceptionStats
from .repair import LossTracker
from .sequence import StrayGuard
from .twcc import TWCC_URI

TICK_S: Final = 0.01
_REPORT_NS: Final = 500_000_000
_THIN_REPORT_NS: Final = 2_000_000_000
"""Two streams' reports each half second take 2.4 kbit/s: a tenth of the thinnest line for a voice."""
_MOST_STREAMS: Final = 16
_MOVING: Final = (
    TWCC_URI,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "urn:ietf:params:rtp-hdrext:toffset",
)
"""Header extensions that are stamped when a packet leaves: parity counts them as zero."""


class PacketHandler(Protocol):
    """What the engine does with a stream."""

    def on_packet(self, packet: RtpPacket, now_ns: int) -> None:
        """Take a packet, repaired ones included, in order of arrival.

        One without payload only fills its number: padding, or parity already made use of.
        """
        ...

    def on_tick(self, now_ns: int) -> None:
        """Called every 10 ms or so."""
        ...


class PacketReceiver:
    """Receives one stream."""

    def __init__(self, kind: str, transport: MediaTransport) -> None:
        self._kind = kind
        self._transport = transport
        self._enabled = True
        self._track: Any = None
        self.handler: PacketHandler | None = None
        self.losses = LossTracker() if kind == "video" else None
        self.ssrc: int | None = None
        self._own_ssrc = 1
        self._clock_rates: dict[int, int] = {}
        self._rtx: dict[int, int] = {}
        self._red: int | None = None
        self.voice_red: int | None = None
        """Payload type of redundant audio (RFC 2198), which the handler takes apart."""
        self._parity: int | None = None
        self.fec = FecReceiver()
        self._moving: frozenset[int] = frozenset()
        self._streams: dict[int, ReceptionStats] = {}
        self._task: asyncio.Task[None] | None = None
        self.last_packet_ns: int | None = None
        self.sender_report: tuple[int, int] | None = None
        """NTP and RTP time of the same moment at the sender, from its last report on this stream."""

    # ---- what aiortc asks of a receiver -----------------------------------------------------

    @property
    def track(self) -> Any:
        """The track aiortc made; nobody reads from it."""
        return self._track

    @property
    def transport(self) -> MediaTransport:
        """The transport below."""
        return self._transport

    def setTransport(self, transport: MediaTransport) -> None:  # noqa: N802 - aiortc's spelling
        """Move to the bundle's transport."""
        self._transport = transport

    async def getStats(self) -> RTCStatsReport:  # noqa: N802 - aiortc's spelling
        """Return an empty report; figures come from :meth:`Call.stats`."""
        return RTCStatsReport()

    async def receive(self, parameters: RTCRtpReceiveParameters) -> None:
        """Begin: the transport is up and codecs are agreed on. Later calls change nothing."""
        if self._task is not None:
            return
        if self._kind == "video":
            parameters = with_protection(parameters)
        for codec in parameters.codecs:
            if codec.payloadType is None:
                continue
            apt = codec.parameters.get("apt")
            if is_rtx(codec) and isinstance(apt, int):
                self._rtx[codec.payloadType] = apt
            elif codec.name == "ulpfec":
                self._parity = codec.payloadType
            else:
                if codec.name == "red" and self._kind == "audio":
                    self.voice_red = codec.payloadType
                elif codec.name == "red":
                    self._red = codec.payloadType
                self._clock_rates[codec.payloadType] = codec.clockRate
        self._moving = frozenset(
            extension.id for extension in parameters.headerExtensions if extension.uri in _MOVING
        )
        self._transport._register_rtp_receiver(self, parameters)  # noqa: SLF001 - aiortc's own wiring
        self._transport.note_extensions(parameters, self._own_ssrc)
        self._transport.ensure_running()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End for good."""
        if self._task is not None:
            self._transport._unregister_rtp_receiver(self)  # noqa: SLF001 - aiortc's own wiring
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def jitter_ms(self) -> float | None:
        """Interarrival jitter of the stream; None before it came."""
        stream = None if self.ssrc is None else self._streams.get(self.ssrc)
        return None if stream is None else stream.jitter_ms

    def _handle_disconnect(self) -> None:
        """Do nothing: the call's own clock judges silence."""

    def _set_rtcp_ssrc(self, ssrc: int) -> None:
        self._own_ssrc = ssrc

    # ---- packets ----------------------------------------------------------------------------

    @property
    def received(self) -> int:
        """Packets that came, all streams."""
        return sum(s.received for s in self._streams.values())

    @property
    def expected(self) -> int:
        """Packets that should have come."""
        return sum(s.expected for s in self._streams.values())

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:  # noqa: ARG002 - the router's protocol; ms are too coarse for us
        now_ns = time.monotonic_ns()
        repeated = packet.payload_type in self._rtx
        if repeated:
            if len(packet.payload) <= 2 or self.ssrc is None:
                return  # padding, sent to probe the link
            packet = unwrap_rtx(packet, self._rtx[packet.payload_type], self.ssrc)
            if not self._guard.fits(packet.sequence_number, repeated=True):
                return
        elif packet.payload_type in self._clock_rates:
            if packet.ssrc != self.ssrc:
                self._switch_to(packet.ssrc)
            if not self._guard.fits(packet.sequence_number):
                return
            self._streams[packet.ssrc].add(packet.sequence_number, packet.timestamp, now_ns)
        else:
            return
        self.last_packet_ns = now_ns
        found: list[Recovered] = []
        if packet.payload_type == self._red and packet.payload:
            found = self._open_red(packet, repeated=repeated)
        self._hand_on(packet, now_ns, repaired=repeated)
        for recovered in found:
            self._hand_on(self._rebuilt(recovered), now_ns, repaired=True)
        if self.losses is not None and self.losses.missing:
            await self._ask(self.losses, now_ns)

    def _open_red(self, packet: RtpPacket, *, repeated: bool) -> list[Recovered]:
        """Take the wrapping off; return what parity gives back."""
        size = len(packet.payload) + packet.padding_size
        packet.payload_type, packet.payload = unwrap_red(packet.payload)
        if packet.payload_type == self._parity:
            parity, packet.payload = packet.payload, b""
            return self.fec.add_parity(parity)
        if repeated:
            self.fec.add_repeat(packet.sequence_number)
            return []
        data = self._transport.datagram
        kind = packet.marker << 7 | packet.payload_type
        rest = stilled(data[12 : len(data) - size] + packet.payload, self._moving)
        content = summand(data[0] & ~0x20, kind, packet.timestamp, rest)
        found = self.fec.add_media(packet.sequence_number, content)
        return [one for one in found if one.payload_type == packet.payload_type]

    def _rebuilt(self, recovered: Recovered) -> RtpPacket:
        return RtpPacket(
            payload_type=recovered.payload_type,
            marker=recovered.marker,
            sequence_number=recovered.sequence,
            timestamp=recovered.timestamp,
            ssrc=self.ssrc or 0,
            payload=recovered.payload,
        )

    def _hand_on(self, packet: RtpPacket, now_ns: int, *, repaired: bool) -> None:
        if self.losses is not None:
            self.losses.add(packet.sequence_number, now_ns, repaired=repaired)
        if self.handler is not None:
            self.handler.on_packet(packet, now_ns)

    def _switch_to(self, ssrc: int) -> None:
        """Follow the sender to another SSRC: it changed its device, or made a new track."""
        self.ssrc = ssrc
        self.sender_report = None
        rate = next(iter(self._clock_rates.values()), 90_000)
        self._streams.setdefault(ssrc, ReceptionStats(rate))
        if len(self._streams) > _MOST_STREAMS:
            del self._streams[next(iter(self._streams))]
        if self.losses is not None:
            self.losses = LossTracker()
        self.fec = FecReceiver()
        self._guard = StrayGuard()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.ssrc in self._streams:
            if packet.ssrc == self.ssrc:
                info = packet.sender_info
                self.sender_report = (info.ntp_timestamp, info.rtp_timestamp)
            self._streams[packet.ssrc].sender_report(
                packet.sender_info.ntp_timestamp, time.monotonic_ns()
            )

    async def request_keyframe(self) -> None:
        """Send a picture loss indication."""
        if self.ssrc is not None:
            await self._transport.send_rtcp(
                bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, self._own_ssrc, self.ssrc))
            )

    async def _ask(self, losses: LossTracker, now_ns: int) -> None:
        """Ask for what is due; as soon as a loss shows, for each moment counts on a long link."""
        lost = losses.due(now_ns, self._transport.usable_rtt_ms)
        if lost and self.ssrc is not None:
            await self._transport.send_rtcp(encode_nack(self._own_ssrc, self.ssrc, lost))

    async def _run(self) -> None:
        next_report_ns = 0
        while True:
            await asyncio.sleep(TICK_S)
            now_ns = time.monotonic_ns()
            if self.losses is not None and self.losses.missing:
                await self._ask(self.losses, now_ns)
            if self.handler is not None:
                self.handler.on_tick(now_ns)
            if now_ns >= next_report_ns:
                thin = self._transport.pacer.target_bps < THIN_BPS
                next_report_ns = now_ns + (_THIN_REPORT_NS if thin else _REPORT_NS)
                reports = []
                if self.ssrc is not None:
                    reports = [self._streams[self.ssrc].report(self.ssrc, now_ns)]
                with contextlib.suppress(struct.error):
                    await self._transport.send_rtcp(
                        bytes(RtcpRrPacket(ssrc=self._own_ssrc, reports=reports))
                    )
