"""Voice frames that came and wait to be played, by their place in the stream."""

from dataclasses import dataclass
from typing import Final

MOST_FRAMES: Final = 200
_REMEMBERED: Final = 600


@dataclass(frozen=True, slots=True)
class VoiceFrame:
    """A frame that waits.

    Attributes:
        payload: One Opus packet.
        samples: Its length.
        sequence: Ever-growing number of the packet whose own frame this is; None when it is not
            known (a copy).
    """

    payload: bytes
    samples: int
    sequence: int | None


class FrameStore:
    """Frames by timestamp (ever growing, in samples). Not thread-safe."""

    def __init__(self) -> None:
        self._frames: dict[int, VoiceFrame] = {}
        self._seen: dict[int, None] = {}
        self._timed: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._frames)

    def __contains__(self, at: int) -> bool:
        return at in self._frames

    def seen(self, at: int) -> bool:
        """Tell whether the frame came, of late, in whatever form."""
        return at in self._seen

    def first_time(self, at: int) -> bool:
        """Tell, once for each frame, that it can be played now for the first time."""
        if at in self._timed:
            return False
        self._timed[at] = None
        if len(self._timed) > _REMEMBERED:
            del self._timed[next(iter(self._timed))]
        return True

    def add(self, at: int, frame: VoiceFrame) -> None:
        """Keep a frame; a packet's own frame replaces a mere copy, for it has a number."""
        known = self._frames.get(at)
        if known is None or (known.sequence is None and frame.sequence is not None):
            self._frames[at] = frame
        self._seen[at] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        if len(self._frames) > MOST_FRAMES:
            for old in sorted(self._frames)[: MOST_FRAMES // 2]:
                del self._frames[old]

    def first(self) -> int | None:
        """Return the earliest place that is filled."""
        return min(self._frames, default=None)

    def get(self, at: int) -> VoiceFrame | None:
        """Return the frame at a place."""
        return self._frames.get(at)

    def take(self, at: int) -> VoiceFrame | None:
        """Remove and return the frame at a place."""
        return self._frames.pop(at, None)

    def drop_before(self, at: int) -> None:
        """Remove what lies before a place: it will not be played any more."""
        for old in [one for one in self._frames if one < at]:
            del self._frames[old]

    def clear(self) -> None:
        """Forget everything."""
        self._frames.clear()
        self._seen.clear()
        self._timed.clear()
