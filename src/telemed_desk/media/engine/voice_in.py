"""The other side's voice: packets from the receiver into the playout buffer."""

from collections.abc import Callable

from aiortc.rtp import RtpPacket

from .playout import PlayoutBuffer
from .redundancy import Damaged, unpack


class VoiceDownlink:
    """Handler of an audio receiver. Loop thread.

    Args:
        buffer: Where the voice goes.
        is_red: Whether a payload type means redundant audio (RFC 2198).
    """

    def __init__(
        self, buffer: PlayoutBuffer, is_red: Callable[[int], bool] = lambda _type: False
    ) -> None:
        self._buffer = buffer
        self._is_red = is_red
        self._ssrc: int | None = None
        self.damaged = 0

    def on_packet(self, packet: RtpPacket, now_ns: int) -> None:
        """Take a packet of the stream."""
        payload, copies = packet.payload, list[tuple[int, bytes]]()
        if self._is_red(packet.payload_type):
            try:
                payload, copies = unpack(payload)
            except Damaged:
                self.damaged += 1
                return
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:
                self._buffer.restart()
            self._ssrc = packet.ssrc
        self._buffer.insert(packet.timestamp, payload, now_ns, packet.sequence_number, copies)

    def on_tick(self, now_ns: int) -> None:
        """Nothing to do: the sound thread pulls."""
