"""Lips and voice together: whichever of the two is ahead waits for the other.

Sender reports tie each stream's RTP time to one clock of the sender (RFC 3550, 6.4.1). So it is known
when what is heard now and what is shown now were taken, and by how much one is older than the other.
Mostly the picture is ahead and waits, up to 400 ms. Voice waits for a picture that is held back for
repairs by very little only: an answer that comes late disturbs a talk more than lips that are off. Pure.
"""

from dataclasses import dataclass
from typing import Final

MOST_PICTURE_MS: Final = 400.0
MOST_VOICE_MS: Final = 80.0
UNSEEN_MS: Final = 40.0
"""Nobody notices sound that is early by this (ITU-R BT.1359-1 has 45 ms early, 125 ms late)."""
_STEP_MS: Final = 15.0
_JUMP_MS: Final = 120.0
_HALF: Final = 1 << 31


@dataclass(frozen=True, slots=True)
class SenderTime:
    """One sender report: the same moment on the sender's clock and in the stream.

    ``ntp`` is in NTP's 64-bit format, ``rtp`` in the stream's 32-bit units.
    """

    ntp: int
    rtp: int

    def taken_ms(self, rtp: float, clock_rate: int) -> float:
        """Return when the sender took what has this RTP time, in ms of its clock."""
        since = (rtp - self.rtp + _HALF) % (2 * _HALF) - _HALF
        return self.ntp / 2**32 * 1000 + since * 1000 / clock_rate


class LipSync:
    """Decides who waits, and for how long. One thread."""

    def __init__(self) -> None:
        self.picture_extra_ms = 0.0
        """What pictures are to wait beyond what they wait anyway."""
        self.voice_extra_ms = 0.0
        """What voice is to wait beyond what it waits anyway."""
        self.offset_ms: float | None = None
        """How much later than its picture a sound is played now; negative = earlier."""

    def look(self, voice_age_ms: float, picture_age_ms: float) -> None:
        """Compare what is heard with what is shown.

        Args:
            voice_age_ms: Since it was taken, from any origin that both share, waiting included.
            picture_age_ms: As before, without what each picture waited for the voice: what was shown
                lately may have waited otherwise than the next ones will, and to count on the latter
                would wait for the same twice.
        """
        offset = voice_age_ms - picture_age_ms - self.picture_extra_ms
        self.offset_ms = offset if self.offset_ms is None else (self.offset_ms + offset) / 2
        apart = voice_age_ms - self.voice_extra_ms - picture_age_ms  # were there no sync
        picture = min(max(apart, 0.0), MOST_PICTURE_MS)
        voice = min(max(-apart - UNSEEN_MS, 0.0), MOST_VOICE_MS)
        self.picture_extra_ms = _towards(self.picture_extra_ms, picture)
        self.voice_extra_ms = _towards(self.voice_extra_ms, voice)

    def lost(self) -> None:
        """One of the two is not there: nobody waits."""
        self.picture_extra_ms = self.voice_extra_ms = 0.0
        self.offset_ms = None


def _towards(now_ms: float, wanted_ms: float) -> float:
    """Go there in steps that nobody sees or hears; in one go where it is far."""
    change = wanted_ms - now_ms
    if abs(change) > _JUMP_MS:
        return wanted_ms
    return now_ms + min(max(change, -_STEP_MS), _STEP_MS)
