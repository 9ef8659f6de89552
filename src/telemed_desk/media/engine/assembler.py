"""Puts video packets together into frames, with deadlines.

A frame leaves the moment its last packet is there (marker bit and no gap), several at once if need be.
A gap is given time to be repaired, then given up; from there on nothing is shown until a key frame,
because a picture decoded on top of a missing one smears, and a smeared wound is worse than a still
one. Pure: clocks are handed in.
"""

from dataclasses import dataclass
from typing import Final

from telemed_desk.media.codecs.vp8_payload import Vp8Payload, unpack_vp8
from telemed_desk.media.transport.sequence import Unwrapper
from telemed_protocol.errors import FormatError

GIVE_UP_MIN_NS: Final = 200_000_000
GIVE_UP_MAX_NS: Final = 2_000_000_000
_GIVE_UP_TRIPS: Final = 4.6
"""Room for the fourth repeat. The way out, a key frame, costs a trip and many packets, of which some
are lost as well: given up after two trips, a third of the time stood still on a link of 300 ms that
loses one packet in ten, against a quarter with this (simulated)."""
ASK_MIN_NS: Final = 300_000_000
ASK_MAX_NS: Final = 3_000_000_000
_MOST_PACKETS: Final = 2048
_KEPT_WAITING: Final = 512


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One encoded frame, whole, to be decoded in this order."""

    timestamp: int
    data: bytes
    is_keyframe: bool
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Packet:
    timestamp: int
    marker: bool
    content: Vp8Payload | None


class FrameAssembler:
    """Assembles one stream. One thread."""

    def __init__(self) -> None:
        self._unwrap = Unwrapper(16)
        self._packets: dict[int, _Packet] = {}
        self._keyframes: set[int] = set()
        self._next: int | None = None
        self._highest = 0
        self._waiting_key = True
        self._gap: tuple[int, int] | None = None
        self._asked_ns: int | None = None
        self._ask_every_ns = ASK_MIN_NS
        self.given_up = 0
        self.malformed = 0

    @property
    def waiting_for_keyframe(self) -> bool:
        """True while nothing can be decoded."""
        return self._waiting_key

    def insert(
        self, sequence: int, timestamp: int, payload: bytes, now_ns: int, *, marker: bool
    ) -> list[VideoFrame]:
        """Take a packet; return the frames that it completes, in order."""
        number = self._unwrap.unwrap(sequence)
        if number in self._packets or (self._next is not None and number < self._next):
            return []
        content: Vp8Payload | None = None
        if payload:
            try:
                content = unpack_vp8(payload)
            except FormatError:
                self.malformed += 1
                return []
            if content.is_keyframe:
                self._keyframes.add(number)
        if not self._highest:
            self._asked_ns = now_ns  # the first key frame may well be on its way
        self._packets[number] = _Packet(timestamp, marker, content)
        self._highest = max(self._highest, number)
        frames = self._release()
        self._watch_gap(now_ns)
        if len(self._packets) > _MOST_PACKETS:
            self._give_up()
        return frames

    def poll(self, now_ns: int, rtt_ms: float) -> bool:
        """Give up what is overdue; return True when a key frame should be asked for now."""
        if self._gap is not None and not self._waiting_key:
            patience_ns = min(
                max(int(_GIVE_UP_TRIPS * rtt_ms * 1e6), GIVE_UP_MIN_NS), GIVE_UP_MAX_NS
            )
            if now_ns - self._gap[1] > patience_ns:
                self._give_up()
        if not self._waiting_key or not self._highest:
            return False
        wait_ns = max(self._ask_every_ns, int(1.5 * rtt_ms * 1e6))
        if self._asked_ns is not None and now_ns - self._asked_ns < wait_ns:
            return False
        if self._asked_ns is not None:
            self._ask_every_ns = min(self._ask_every_ns * 3 // 2, ASK_MAX_NS)
        self._asked_ns = now_ns
        return True

    def break_chain(self) -> None:
        """The decoder lost its footing: wait for a key frame."""
        if not self._waiting_key:
            self._give_up()

    def _give_up(self) -> None:
        self.given_up += 1
        self._waiting_key = True
        self._gap = None
        self._asked_ns = None
        self._forget_below(self._highest - _KEPT_WAITING)

    def _forget_below(self, limit: int) -> None:
        for number in [n for n in self._packets if n < limit]:
            del self._packets[number]
        self._keyframes = {n for n in self._keyframes if n >= limit}

    def _release(self) -> list[VideoFrame]:
        frames: list[VideoFrame] = []
        while True:
            frame = None if self._waiting_key else self._frame_at_head()
            if frame is None:
                frame = self._newest_keyframe()
            if frame is None:
                break
            frames.append(frame)
            if frame.is_keyframe:
                self._waiting_key = False
                self._asked_ns = None
                self._ask_every_ns = ASK_MIN_NS
            self._next = frame.last + 1
            self._forget_below(self._next)
        if self._waiting_key and len(self._packets) > _KEPT_WAITING:
            self._forget_below(self._highest - _KEPT_WAITING)
        return frames

    def _frame_at_head(self) -> VideoFrame | None:
        while self._next is not None:
            head = self._packets.get(self._next)
            if head is None:
                return None
            if head.content is None:  # padding in the middle of the stream
                del self._packets[self._next]
                self._next += 1
                continue
            return self._frame_from(self._next)
        return None

    def _frame_from(self, first: int) -> VideoFrame | None:
        head = self._packets[first]
        if head.content is None or not head.content.starts_frame:
            return None
        parts: list[bytes] = []
        number = first
        while (packet := self._packets.get(number)) is not None:
            if packet.content is None or packet.timestamp != head.timestamp:
                return None
            parts.append(packet.content.data)
            if packet.marker:
                return VideoFrame(
                    head.timestamp, b"".join(parts), head.content.is_keyframe, first, number
                )
            number += 1
        return None

    def _newest_keyframe(self) -> VideoFrame | None:
        """A whole key frame ahead makes all repair before it pointless."""
        for first in sorted(self._keyframes, reverse=True):
            if first in self._packets and (frame := self._frame_from(first)) is not None:
                return frame
        return None

    def _watch_gap(self, now_ns: int) -> None:
        if self._waiting_key or self._next is None:
            self._gap = None
            return
        number = self._next
        while number in self._packets:
            number += 1
        if number > self._highest:
            if self._next in self._packets and self._packets[number - 1].marker:
                # everything is there, yet no frame comes of it: the sender lost its thread
                self._gap = self._gap or (number, now_ns)
            else:
                self._gap = None
        elif self._gap is None or self._gap[0] != number:
            self._gap = (number, now_ns)
