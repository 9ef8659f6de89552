"""Turns sound into what a voice packet carries: Opus, and earlier frames beside it, by a plan."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from telemed_desk.media.codecs.opus import DTX_BYTES, OpusEncoder
from telemed_desk.media.ports import SAMPLE_RATE_HZ, SoundBlock

from .redundancy import MOST_BACK, pack

_KEPT: Final = 8
_SHORT_MS: Final = 20
_TOLD: Final = 2
"""How often the beginning of a pause is said: the other side must not take it for a loss."""


@dataclass(frozen=True, slots=True)
class VoiceCoding:
    """How voice is coded.

    Attributes:
        bitrate: Of one copy, bits per second.
        frame_ms: 20, 40 or 60.
        loss_percent: What Opus expects, and spends its own copy (FEC) on.
        fec: Whether Opus adds its own coarse copy.
        distances: Which earlier packets' frames ride along: 1 = the one before. Empty = plain Opus.
        dtx: Send nothing in silence.
    """

    bitrate: int = 32_000
    frame_ms: int = 20
    loss_percent: int = 5
    fec: bool = True
    distances: tuple[int, ...] = ()
    dtx: bool = False


@dataclass(frozen=True, slots=True)
class VoicePayload:
    """What goes into one RTP packet; ``red`` = RFC 2198, else plain Opus."""

    payload: bytes
    red: bool


class VoiceCoder:
    """Encodes a stream. One thread at a time.

    Args:
        opus_type: Payload type of Opus, for the headers of redundant frames.
    """

    def __init__(self, opus_type: int = 111) -> None:
        self.opus_type = opus_type
        self._encoder = OpusEncoder()
        self._plan = VoiceCoding()
        self._set: VoiceCoding | None = None
        self._past: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)
        self._silent = 0

    @property
    def frame_samples(self) -> int:
        """Samples that the next :meth:`encode` takes."""
        return SAMPLE_RATE_HZ * self._plan.frame_ms // 1000

    def use(self, plan: VoiceCoding) -> None:
        """Go by this plan from the next frame on."""
        self._plan = plan

    def speech(self, on: bool) -> None:  # noqa: FBT001 - a switch is all this is
        """Say whether speech is to be expected, or any sound."""
        self._encoder.set_speech(on)

    def encode(self, sound: SoundBlock, timestamp: int) -> VoicePayload | None:
        """Encode one frame; None when nothing need be sent."""
        plan, before = self._plan, self._set
        if plan != before:
            self._apply(plan)
        packet = self._encoder.encode(sound)
        if len(packet) <= DTX_BYTES:
            self._silent += 1
            self._past.clear()
            return VoicePayload(packet, red=False) if self._silent <= _TOLD else None
        self._silent = 0
        copies = self._copies(plan, timestamp)
        self._past.append((timestamp, packet))
        if not copies:
            return VoicePayload(packet, red=False)
        return VoicePayload(pack(self.opus_type, packet, copies), red=True)

    def _copies(self, plan: VoiceCoding, timestamp: int) -> list[tuple[int, bytes]]:
        count = len(self._past)
        return [
            (timestamp - self._past[count - distance][0], self._past[count - distance][1])
            for distance in sorted(plan.distances, reverse=True)
            if distance <= count and timestamp - self._past[count - distance][0] <= MOST_BACK
        ]

    def _apply(self, plan: VoiceCoding) -> None:
        self._set = plan
        encoder = self._encoder
        encoder.set_bitrate(plan.bitrate)
        encoder.set_fec(plan.fec)
        encoder.set_loss_percent(plan.loss_percent)
        encoder.set_dtx(plan.dtx)
        encoder.set_wideband(plan.frame_ms > _SHORT_MS)
