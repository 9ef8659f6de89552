"""The transport of a call: paced sending, transport-wide numbers and feedback, damage tolerated.

Subclass of aiortc's DTLS transport. RTP goes through :meth:`MediaTransport.send_media` into the
pacer; what leaves gets its transport-wide sequence number and send time in the same moment, so that
the other side's congestion control sees the network and not our queue. Loop thread only.
"""

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiortc import clock
from aiortc.rtcdtlstransport import (
    DataReceiver,
    RTCCertificate,
    RTCDtlsTransport,
    RtpReceiver,
    State,
)
from aiortc.rtcicetransport import RTCIceTransport
from aiortc.rtcrtpparameters import RTCRtpParameters, RTCRtpReceiveParameters
from aiortc.rtp import (
    RTCP_PSFB_FIR,
    HeaderExtensionsMap,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtpPacket,
)
from OpenSSL import SSL

from telemed_protocol.errors import BugError, FormatError

from .handshake import FlightCopies
from .ice import PatientConnection
from .pacer import TICK_S, Pacer, Priority, ProbeOrder
from .relay import SOFT_BYTES
from .restart import RestartableTransport
from .sent_log import PacketResult, SentLog
from .stream_limit import StreamLimit
from .twcc import (
    FORMAT,
    PACKET_TYPE,
    TWCC_URI,
    ArrivalLog,
    feedback_wait_s,
    parse_feedback,
)

START_BPS: Final = 300_000
THIN_BPS: Final = 64_000
_DATAGRAM: Final = 1500
"""Below this every report takes room from the voice."""
OVERHEAD_BYTES: Final = 28 + 16
"""IPv4 and UDP headers, and the SRTP tag."""
_DAMAGE = (
    ValueError,
    struct.error,
    LookupError,
    OverflowError,
    FormatError,
    AssertionError,
    AttributeError,
    TypeError,
    ZeroDivisionError,
)
"""What aiortc's parsers and state machines raise for bytes that the other side chose; only ValueError
is caught there, and not everywhere."""


@dataclass(slots=True)
class Counters:
    """Totals since the start of the call, bytes with all headers."""

    bytes_sent: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    malformed: int = 0
    unsent: int = 0


@dataclass(slots=True)
class _Outgoing:
    packet: RtpPacket
    on_sent: Callable[[int], None] | None


class _Guarded:
    """SCTP behind a guard: a damaged chunk of the other side is counted, not fatal."""

    def __init__(self, receiver: DataReceiver, counters: Counters) -> None:
        self.receiver = receiver
        self._counters = counters

    async def _handle_data(self, data: bytes) -> None:
        try:
            await self.receiver._handle_data(data)  # noqa: SLF001 - aiortc's protocol
        except _DAMAGE:
            self._counters.malformed += 1


class MediaTransport(RTCDtlsTransport):
    """DTLS transport with our own RTP and RTCP handling."""

    def __init__(self, transport: RTCIceTransport, certificates: list[RTCCertificate]) -> None:
        super().__init__(transport, certificates)
        self.pacer: Pacer[_Outgoing] = Pacer(START_BPS)
        self.counters = Counters()
        self.rtt_ms: float | None = None
        self.twcc = False
        self.datagram = b""
        """The RTP packet that is being handled, as it came: parity sums up its very bytes."""
        self.on_feedback: Callable[[list[PacketResult], int], None] | None = None
        self.on_remb: Callable[[float], None] | None = None
        self.on_loss_report: Callable[[str, float], None] | None = None
        self._arrivals = ArrivalLog()
        self.streams = StreamLimit()
        self.ice.refuses = self.streams.refuses
        self.padding: Callable[[int], list[RtpPacket]] = lambda _size: []
        """Makes packets of about so many bytes altogether that carry nothing new, for probes."""
        self._sent = SentLog()
        self._media_ssrc = 0
        self._own_ssrc = 1
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._copies = FlightCopies(
            lambda data: self.transport._send(data),  # noqa: SLF001, PLW0108 - aiortc's; it may be replaced
            lambda: self.usable_rtt_ms,
            lambda: self._state is State.CONNECTING,
        )

    # ---- life -------------------------------------------------------------------------------

    @property
    def ice(self) -> RestartableTransport:
        """The ICE transport below."""
        if not isinstance(self.transport, RestartableTransport):
            raise BugError("a foreign ICE transport")
        return self.transport

    @property
    def connection(self) -> PatientConnection:
        """The ICE connection that carries now."""
        return self.ice.active

    def ensure_running(self) -> None:
        """Start the pump and the feedback clock, once."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._pump()),
                asyncio.create_task(self._give_feedback()),
            ]

    async def stop(self) -> None:
        """Stop sending, then close DTLS."""
        self._copies.stop()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        await super().stop()

    def note_rtt(self, rtt_ms: float) -> None:
        """Take a round-trip measurement; the newest counts for a quarter."""
        if 0 <= rtt_ms < 60_000:
            self.rtt_ms = rtt_ms if self.rtt_ms is None else 0.75 * self.rtt_ms + 0.25 * rtt_ms

    @property
    def usable_rtt_ms(self) -> float:
        """Round trip for timers: measured, else from the consent check, else 100 ms."""
        if self.rtt_ms is not None:
            return self.rtt_ms
        return self.connection.consent_rtt_ms or 100.0

    def begin_probe(self, probe: ProbeOrder) -> None:
        """Send at another rate for a moment, padded."""
        self.pacer.begin_probe(probe, time.monotonic_ns())
        self._wake.set()

    @property
    def extensions_map(self) -> HeaderExtensionsMap:
        """The ids of header extensions that were agreed on."""
        return self._rtp_header_extensions_map

    # ---- sending ----------------------------------------------------------------------------

    def send_media(
        self,
        packet: RtpPacket,
        priority: Priority,
        *,
        frame: int = 0,
        on_sent: Callable[[int], None] | None = None,
    ) -> None:
        """Queue a packet; ``on_sent`` is called with the time in ns when it leaves."""
        size = len(packet.payload) + 12 + 16 + OVERHEAD_BYTES
        self.pacer.push(
            _Outgoing(packet, on_sent), size, priority, time.monotonic_ns(), frame=frame
        )
        self._wake.set()

    async def send_rtcp(self, data: bytes) -> None:
        """Send RTCP at once; a transport that is not up yet or any more is no error."""
        with contextlib.suppress(ConnectionError):
            await self._send_rtp(data)
            self.counters.bytes_sent += len(data) + OVERHEAD_BYTES

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            # over a relay's TCP connection what is written cannot be overtaken: let pictures wait here
            self.pacer.held = self.connection.backlog() > SOFT_BYTES
            self.pacer.in_flight = self._sent.in_flight
            for outgoing in self.pacer.take(time.monotonic_ns()):
                await self._send_now(outgoing)
            for size in self.pacer.padding_sizes():
                for packet in self.padding(size):
                    await self._send_now(_Outgoing(packet, None))
            if not self.pacer.empty:
                loop.call_later(TICK_S, self._wake.set)

    async def _send_now(self, outgoing: _Outgoing) -> None:
        packet = outgoing.packet
        now_ns = time.monotonic_ns()
        if self.twcc:
            packet.extensions.transport_sequence_number = self._sent.next_number & 0xFFFF
        packet.extensions.abs_send_time = (clock.current_ntp_time() >> 14) & 0xFFFFFF
        data = packet.serialize(self._rtp_header_extensions_map)
        try:
            await self._send_rtp(data)
        except ConnectionError:
            self.counters.unsent += 1
            return
        size = len(data) + OVERHEAD_BYTES
        self.counters.bytes_sent += size
        self.counters.packets_sent += 1
        if self.twcc:
            self._sent.add(now_ns, size, self.pacer.probe)
        if outgoing.on_sent is not None:
            outgoing.on_sent(now_ns)

    async def _write_ssl(self) -> None:
        """Send what OpenSSL has to say, all of it; during the handshake with copies."""
        flight: list[bytes] = []
        with contextlib.suppress(SSL.Error):
            while self._ssl is not None and (data := self._ssl.bio_read(_DATAGRAM)):
                flight.append(data)
        for data in flight:
            await self.transport._send(data)  # noqa: SLF001 - aiortc's
        if self._state is State.CONNECTING and flight:
            self._copies.sent(flight)

    # ---- receiving --------------------------------------------------------------------------

    async def _recv_next(self) -> None:
        """Take one datagram; whatever is wrong with it, the call goes on."""
        try:
            await super()._recv_next()
        except _DAMAGE:
            self.counters.malformed += 1

    def _register_rtp_receiver(
        self, receiver: RtpReceiver, parameters: RTCRtpReceiveParameters
    ) -> None:
        """Make the receiver known, with the SSRC of its repeats.

        Stock leaves that out and goes by payload type, which two lines of pictures share: with a line
        for the screen, every repeat and copy was thrown away.
        """
        super()._register_rtp_receiver(receiver, parameters)
        for encoding in parameters.encodings:
            if encoding.rtx is not None:
                self._rtp_router.ssrc_table[encoding.rtx.ssrc] = receiver

    def _register_data_receiver(self, receiver: DataReceiver) -> None:
        super()._register_data_receiver(_Guarded(receiver, self.counters))

    def _unregister_data_receiver(self, receiver: DataReceiver) -> None:
        kept = self._data_receiver
        if isinstance(kept, _Guarded) and kept.receiver is receiver:
            self._data_receiver = None

    async def _handle_rtp_data(self, data: bytes, arrival_time_ms: int) -> None:
        self.counters.bytes_received += len(data) + OVERHEAD_BYTES
        self.streams.note(data)
        try:
            packet = RtpPacket.parse(data, self._rtp_header_extensions_map)
        except _DAMAGE:
            self.counters.malformed += 1
            return
        number = packet.extensions.transport_sequence_number
        if number is not None:
            self._arrivals.add(number, self.ice.arrived_ns)
        receiver = self._rtp_router.route_rtp(packet)
        if receiver is None:
            return
        self._media_ssrc = packet.ssrc
        self.datagram = data
        try:
            await receiver._handle_rtp_packet(packet, arrival_time_ms=arrival_time_ms)  # noqa: SLF001 - the router's protocol
        except _DAMAGE:
            self.counters.malformed += 1

    async def _handle_rtcp_data(self, data: bytes) -> None:
        self.counters.bytes_received += len(data) + OVERHEAD_BYTES
        self.streams.note(data)
        for piece in split_compound(data):
            try:
                await self._handle_rtcp_piece(piece)
            except _DAMAGE:
                self.counters.malformed += 1
        if len(data) < 4:
            self.counters.malformed += 1

    async def _handle_rtcp_piece(self, piece: bytes) -> None:
        if piece[1] == PACKET_TYPE and piece[0] & 0x1F == FORMAT:
            self._handle_feedback(piece)
            return
        for packet in RtcpPacket.parse(piece):
            if isinstance(packet, RtcpByePacket):
                continue  # a browser says it on a mere device change; the stream may come back
            if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_FIR:
                for position in range(0, len(packet.fci) - 7, 8):
                    (ssrc,) = struct.unpack_from("!L", packet.fci, position)
                    sender = self._rtp_router.senders.get(ssrc)
                    if sender is not None:
                        await sender._handle_rtcp_packet(packet)  # noqa: SLF001 - the router's protocol
                continue
            for recipient in self._rtp_router.route_rtcp(packet):
                await recipient._handle_rtcp_packet(packet)  # noqa: SLF001 - the router's protocol

    def _handle_feedback(self, piece: bytes) -> None:
        results = self._sent.results(parse_feedback(piece).arrivals)
        if results and self.on_feedback is not None:
            self.on_feedback(results, time.monotonic_ns())

    async def _give_feedback(self) -> None:
        while True:
            await asyncio.sleep(feedback_wait_s(self.pacer.target_bps))
            for packet in self._arrivals.take(self._own_ssrc, self._media_ssrc):
                await self.send_rtcp(packet)

    # ---- negotiation ------------------------------------------------------------------------

    def note_extensions(self, parameters: RTCRtpParameters, own_ssrc: int) -> None:
        """Learn from negotiated parameters whether the other side takes transport-wide numbers."""
        self._own_ssrc = own_ssrc
        if any(extension.uri == TWCC_URI for extension in parameters.headerExtensions):
            self.twcc = True


def split_compound(data: bytes) -> list[bytes]:
    """Cut a compound RTCP packet into its parts; a damaged tail is left out."""
    pieces: list[bytes] = []
    position = 0
    while position + 4 <= len(data):
        end = position + 4 + 4 * int.from_bytes(data[position + 2 : position + 4], "big")
        if end > len(data) or data[position] >> 6 != 2:
            break
        pieces.append(data[position:end])
        position = end
    return pieces
