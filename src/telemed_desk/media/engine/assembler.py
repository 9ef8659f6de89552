"""Puts video packets together into frames, with deadlines.

A frame leaves when all its packets are there and what it builds on has left: by the number of the
picture where the sender counts pictures, since numbers of packets also go to parity and padding. A
missing picture that no base picture needs is done without after a while. Anything else that is missing
is given time to be repaired, then given up; from there on nothing is shown until a key frame, because a
picture decoded on top of a missing one smears, and a smeared wound is worse than a still one. Pure:
clocks are handed in.
"""

from dataclasses import dataclass
from typing import Final

from telemed_desk.media.codecs.vp8_payload import Layer, Vp8Payload, unpack_vp8
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
SKIP_MIN_NS: Final = 20_000_000
_MOST_PACKETS: Final = 2048
_KEPT_WAITING: Final = 512
_ID_SPAN: Final = 1 << 15
_LAST_SHORT_ID: Final = 127


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One encoded frame, whole, to be decoded in this order.

    ``first`` and ``last`` are the running numbers of its packets.
    """

    timestamp: int
    data: bytes
    is_keyframe: bool
    first: int
    last: int
    picture_id: int | None = None
    layer: Layer | None = None


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
        self._whole: dict[int, VideoFrame] = {}
        self._begins: dict[int, int] = {}
        self._last: VideoFrame | None = None
        self._base: int | None = None
        self._next: int | None = None
        self._highest = 0
        self._waiting_key = True
        self._gap: tuple[int, int] | None = None
        self._asked_ns: int | None = None
        self._ask_every_ns = ASK_MIN_NS
        self.headless = False
        """The first packet that came is not the one that a stream begins with: that one is lost."""
        self.given_up = 0
        self.done_without = 0
        self.keyframes = 0
        self.malformed = 0

    @property
    def waiting_for_keyframe(self) -> bool:
        """True while nothing can be decoded."""
        return self._waiting_key

    @property
    def stuck_ns(self) -> int | None:
        """Since when something is missing that the next picture needs; None when nothing is."""
        return None if self._gap is None or self._waiting_key else self._gap[1]

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
        if not self._highest:
            self._asked_ns = now_ns  # the first key frame may well be on its way
            self.headless = content is not None and not (
                content.starts_frame and content.is_keyframe
            )
        self._packets[number] = _Packet(timestamp, marker, content)
        self._highest = max(self._highest, number)
        if content is not None and content.starts_frame and content.picture_id is not None:
            self._begins[content.picture_id] = number
            self._pass_holes()
        self._complete(number)
        frames = self._release()
        self._watch_gap(now_ns)
        if len(self._packets) > _MOST_PACKETS:
            self._give_up()
        return frames

    def skip(self, now_ns: int, patience_ns: int) -> list[VideoFrame]:
        """Do without pictures that no base picture needs, when they are late; return what follows."""
        gap = self._gap
        if gap is None or self._waiting_key or now_ns - gap[1] < max(patience_ns, SKIP_MIN_NS):
            return []
        frames = self._release(skipping=True)
        if frames:
            self.done_without += 1
            self._watch_gap(now_ns)
        return frames

    def needed_from(self) -> int | None:
        """Return the 16-bit number of the first packet that may still be of use; None at first."""
        return None if self._next is None else self._next & 0xFFFF

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
        for first in [n for n in self._whole if n < limit]:
            del self._whole[first]
        self._begins = {i: n for i, n in self._begins.items() if n >= limit}

    # ---- frames -----------------------------------------------------------------------------

    def _complete(self, number: int) -> None:
        """Note the frame around this packet, if that made it whole."""
        packet = self._packets[number]
        if packet.content is None:
            return
        first = number
        while not self._starts(first):
            first -= 1
            before = self._packets.get(first)
            if before is None or before.content is None or before.timestamp != packet.timestamp:
                return
        parts: list[bytes] = []
        last = first
        while (piece := self._packets.get(last)) is not None:
            if piece.content is None or piece.timestamp != packet.timestamp:
                return
            parts.append(piece.content.data)
            if piece.marker:
                head = self._packets[first].content
                if head is not None:
                    self._whole[first] = VideoFrame(
                        packet.timestamp,
                        b"".join(parts),
                        head.is_keyframe,
                        first,
                        last,
                        head.picture_id,
                        head.layer,
                    )
                return
            last += 1

    def _pass_holes(self) -> None:
        """What is missing right before the next picture begins was parity or padding."""
        last = None if self._last is None or self._waiting_key else self._last.picture_id
        if last is None or self._next is None:
            return
        begin = self._begins.get((last + 1) % _ID_SPAN)
        if begin is None and last == _LAST_SHORT_ID:
            begin = self._begins.get(0)
        if begin is not None and begin > self._next:
            self._next = begin
            self._forget_below(begin)

    def _starts(self, number: int) -> bool:
        content = self._packets[number].content
        return content is not None and content.starts_frame

    def _release(self, *, skipping: bool = False) -> list[VideoFrame]:
        frames: list[VideoFrame] = []
        while self._whole:
            frame = None if self._waiting_key else self._following()
            if frame is None:
                frame = self._newest_keyframe()
            if frame is None and skipping and not self._waiting_key:
                frame = self._next_base()
            if frame is None:
                break
            frames.append(frame)
            self._leave(frame)
        if self._waiting_key and len(self._packets) > _KEPT_WAITING:
            self._forget_below(self._highest - _KEPT_WAITING)
        return frames

    def _leave(self, frame: VideoFrame) -> None:
        if frame.is_keyframe:
            self.keyframes += 1
            self._waiting_key = False
            self._asked_ns = None
            self._ask_every_ns = ASK_MIN_NS
        if frame.layer is None:
            self._base = None
        elif frame.layer.temporal == 0 or frame.is_keyframe:
            self._base = frame.layer.base
        self._last = frame
        self._next = frame.last + 1
        self._forget_below(self._next)
        self._pass_holes()

    def _following(self) -> VideoFrame | None:
        """Return the frame right after the one that left last, if it is whole."""
        number = self._next
        if number is None:
            return None
        while (packet := self._packets.get(number)) is not None and packet.content is None:
            number += 1  # padding in the middle of the stream
        frame = self._whole.get(number)
        # a sender may drop a picture after counting it: no packet is missing, but a picture is
        return frame if frame is None or frame.is_keyframe or self._counts_on(frame) else None

    def _counts_on(self, frame: VideoFrame) -> bool:
        last = None if self._last is None else self._last.picture_id
        if last is None or frame.picture_id is None:
            return True
        return frame.picture_id == (last + 1) % _ID_SPAN or (
            frame.picture_id == 0 and last == _LAST_SHORT_ID
        )

    def _newest_keyframe(self) -> VideoFrame | None:
        """A whole key frame ahead makes all repair before it pointless."""
        keys = [first for first, frame in self._whole.items() if frame.is_keyframe]
        return self._whole[max(keys)] if keys else None

    def _next_base(self) -> VideoFrame | None:
        """Return the next frame that needs nothing but base pictures which are all there."""
        if self._base is None:
            return None
        for first in sorted(self._whole):
            frame = self._whole[first]
            layer = frame.layer
            if layer is None:
                return None
            if layer.temporal == 0 and layer.base == (self._base + 1) & 0xFF:
                return frame
            if layer.temporal and layer.needs_base_only and layer.base == self._base:
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
