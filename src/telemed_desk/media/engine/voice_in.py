"""The other side's voice: packets from the receiver into the playout buffer."""

from aiortc.rtp import RtpPacket

from .playout import PlayoutBuffer


class VoiceDownlink:
    """Handler of an audio receiver. Loop thread."""

    def __init__(self, buffer: PlayoutBuffer) -> None:
        self._buffer = buffer
        self._ssrc: int | None = None

    def on_packet(self, packet: RtpPacket, now_ns: int) -> None:
        """Take a packet of the stream."""
        if packet.ssrc != self._ssrc:
            if self._ssrc is not None:
                self._buffer.restart()
            self._ssrc = packet.ssrc
        self._buffer.insert(packet.timestamp, packet.payload, now_ns)

    def on_tick(self, now_ns: int) -> None:
        """Nothing to do: the sound thread pulls."""
