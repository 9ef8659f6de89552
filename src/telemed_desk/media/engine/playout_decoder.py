"""The codec as the playout buffer uses it: timed, and never an exception."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from telemed_desk.media.codecs.opus import OpusFailure
from telemed_desk.media.ports import SoundBlock


class VoiceDecoder(Protocol):
    """What the buffer needs of a codec; see :class:`OpusDecoder`."""

    def decode(self, packet: bytes) -> SoundBlock:
        """Decode a packet."""
        ...

    def decode_fec(self, next_packet: bytes, samples: int) -> SoundBlock:
        """Rebuild the frame before a packet."""
        ...

    def conceal(self, samples: int) -> SoundBlock:
        """Make up a frame."""
        ...


@dataclass(slots=True)
class PlayoutCounts:
    """Totals since the beginning, in samples if no other unit is named.

    Attributes:
        played: All that the speaker took.
        concealed: Made up because something was lost or late. Pauses of the sender do not count.
        rebuilt: Lost, and brought back from a copy.
        paused: Comfort noise while the sender pauses.
        late_packets: Packets that came after their time.
        shortened: Taken out to play faster.
        lengthened: Put in to play slower.
        faster: Times something was taken out.
        slower: Times something was put in.
        decode_ns: Time spent in the codec.
    """

    played: int = 0
    concealed: int = 0
    rebuilt: int = 0
    paused: int = 0
    late_packets: int = 0
    shortened: int = 0
    lengthened: int = 0
    faster: int = 0
    slower: int = 0
    decode_ns: int = 0


class PlayoutDecoder:
    """Runs a codec and books the time it takes. One thread at a time."""

    def __init__(self, codec: VoiceDecoder, counts: PlayoutCounts) -> None:
        self._decoder = codec
        self._counts = counts

    def decode(self, packet: bytes, samples: int) -> SoundBlock | None:
        """Decode a packet of this length; None when it is damaged."""
        return self._timed(lambda: self._decoder.decode(packet), samples)

    def rebuild(self, next_packet: bytes, samples: int) -> SoundBlock | None:
        """Rebuild the frame before a packet from the copy in it; None when that is damaged."""
        return self._timed(lambda: self._decoder.decode_fec(next_packet, samples), samples)

    def conceal(self, samples: int) -> SoundBlock:
        """Make something up."""
        made = self._timed(lambda: self._decoder.conceal(samples), samples)
        return np.zeros(samples, dtype=np.int16) if made is None else made

    def _timed(self, work: Callable[[], SoundBlock], samples: int) -> SoundBlock | None:
        begun_ns = time.perf_counter_ns()
        try:
            made = work()
        except OpusFailure:
            return None
        finally:
            self._counts.decode_ns += time.perf_counter_ns() - begun_ns
        return made if made.size == samples else None
