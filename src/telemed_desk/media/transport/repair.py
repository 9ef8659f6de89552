"""Repair of lost packets: what to ask for again, what to keep, and when to start a picture anew.

Three pure pieces; clocks are handed in.
"""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from typing import Final

from .sequence import Unwrapper

MOST_REORDER_NS: Final = 30_000_000
GIVE_UP_NS: Final = 2_000_000_000
TWICE_NS: Final = 20_000_000
"""A request is sent twice, so far apart: a lost one would cost a whole round trip more."""
AGAIN_TRIPS: Final = 0.12
"""Later requests follow each other so closely: the other side repeats a packet once in a round trip as
*it* measures it, and counts from when the last repeat left its queue; which we cannot know."""
_REPEAT_TRIPS: Final = 0.8
"""What comes back sooner after its request was not sent for it."""
COPIES_LOSS: Final = 0.04
"""From this loss on a repeat goes out twice: a lost repeat stops the picture for a further trip."""
COPIES_AHEAD: Final = 3
"""Where every packet goes out twice, one in a hundred is asked for and the request may be lost too;
Chromium asks again only after 650 ms on a link of 300 ms (seen): that answer must not get lost."""
AHEAD_LOSS: Final = 0.06
AHEAD_RTT_MS: Final = 150.0
"""Beyond both, waiting for a request stops the picture several times a second."""
PARITY_OVER: Final = 2
"""Simulated for 300 ms and 10 % loss at 15 pictures a second: each packet twice leaves 140 kbit/s for
pictures and they stand 0.7 % of the time; parity over two packets and repeats in pairs 180 kbit/s and
1.3 %, the same delay; over three 200 kbit/s, 1.5 %, and 50 ms more delay."""
MOST_MISSING: Final = 300
MOST_AT_ONCE: Final = 40
"""A longer gap is an outage, not loss: a key frame is cheaper than asking for all of it."""
KEYFRAME_INTERVAL_NS: Final = 400_000_000
HISTORY_NS: Final = 3_000_000_000
_FILLERS: Final = 20
HISTORY_PACKETS: Final = 1500


@dataclass(slots=True)
class _Missing:
    since_ns: int
    first_ns: int | None = None
    asked_ns: int = 0
    tries: int = 0


class LossTracker:
    """Knows which packets of one stream are missing and when to ask for them (again)."""

    def __init__(self) -> None:
        self._unwrap = Unwrapper(16)
        self._highest: int | None = None
        self._missing: dict[int, _Missing] = {}
        self._reorder_ns = 0
        self._repair_ns: tuple[float, float] | None = None
        self._trip_ns = 0
        self.overwhelmed = False

    @property
    def missing(self) -> int:
        """How many packets are missing now."""
        return len(self._missing)

    def add(self, sequence: int, now_ns: int, *, repaired: bool = False) -> None:
        """Note a packet that arrived, or came back as a repeat or out of parity."""
        number = self._unwrap.unwrap(sequence)
        if self._highest is None:
            self._highest = number
            return
        if number <= self._highest:
            missed = self._missing.pop(number, None)
            if missed is not None and repaired:
                self._note_repair(missed, now_ns)
            elif missed is not None:
                self._note_reordering(now_ns - missed.since_ns)
            return
        gap = number - self._highest - 1
        if gap > MOST_AT_ONCE:
            self._missing.clear()
            self.overwhelmed = True
        else:
            for lost in range(self._highest + 1, number):
                self._missing[lost] = _Missing(now_ns)
            if len(self._missing) > MOST_MISSING:
                self._missing.clear()
                self.overwhelmed = True
        self._highest = number

    def ask_before(self, sequence: int, count: int, now_ns: int) -> None:
        """Ask for what may have been lost before the first packet; a sender has no more than it sent."""
        number = self._unwrap.unwrap(sequence)
        for lost in range(number - count, number):
            self._missing.setdefault(lost, _Missing(now_ns))

    def forget(self) -> None:
        """Stop asking: what is missing is of no use any more."""
        self._missing.clear()

    def forget_below(self, sequence: int) -> None:
        """Stop asking for what comes before this packet: nothing needs it any more."""
        limit = self._unwrap.unwrap(sequence)
        for number in [n for n in self._missing if n < limit]:
            del self._missing[number]

    def _note_reordering(self, late_ns: int) -> None:
        """Packets overtake one another here: do not ask for those that are only late."""
        if late_ns <= MOST_REORDER_NS:
            self._reorder_ns = max(self._reorder_ns * 31 // 32, late_ns * 5 // 4)

    def _note_repair(self, missed: _Missing, now_ns: int) -> None:
        """Learn how long a repeat takes, queues included, from those that were asked for once."""
        if missed.first_ns is None or missed.tries > 2:
            return
        took = float(now_ns - missed.first_ns)
        if took < _REPEAT_TRIPS * self._trip_ns:
            return  # out of parity, or sent for another reason
        mean, spread = self._repair_ns or (took, took / 8)
        spread += (abs(took - mean) - spread) / 8
        self._repair_ns = (mean + (took - mean) / 8, spread)

    def _patience_ns(self, trip_ns: int) -> int:
        """Return after what time a repeat, or the request for it, was lost as well."""
        if self._repair_ns is None:
            return trip_ns * 11 // 10
        usual = self._repair_ns[0] + 2 * self._repair_ns[1]
        return int(min(max(usual, trip_ns), 1.5 * trip_ns))

    def due(self, now_ns: int, rtt_ms: float) -> list[int]:
        """Return the 16-bit numbers to ask for now.

        At once, and once more in case the request was lost; after a round trip again and again. On a
        link of 300 ms that loses one packet in ten, the second request alone took the share of
        standing pictures from 25 to 15 % (simulated).
        """
        trip_ns = self._trip_ns = int(max(rtt_ms, 20.0) * 1_000_000)
        asked: list[int] = []
        for number in sorted(self._missing):
            entry = self._missing[number]
            if now_ns - entry.since_ns > GIVE_UP_NS:
                del self._missing[number]
            elif self._is_due(entry, now_ns, trip_ns):
                asked.append(number)
                entry.first_ns = now_ns if entry.first_ns is None else entry.first_ns
                entry.asked_ns = now_ns
                entry.tries += 1
        return [number & 0xFFFF for number in asked]

    def _is_due(self, entry: _Missing, now_ns: int, trip_ns: int) -> bool:
        if entry.first_ns is None:
            return now_ns - entry.since_ns >= self._reorder_ns
        if entry.tries == 1 and trip_ns > 2 * TWICE_NS:
            return now_ns - entry.asked_ns >= TWICE_NS
        if now_ns - entry.first_ns < self._patience_ns(trip_ns):
            return False
        return now_ns - entry.asked_ns >= max(int(AGAIN_TRIPS * trip_ns), TWICE_NS)


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """How pictures are kept whole on the way.

    Attributes:
        copies: How often a packet is sent again when it is asked for.
        ahead: Every packet is sent twice unasked.
        parity: For so many packets one of parity is sent; 0 = none.
    """

    copies: int = 1
    ahead: bool = False
    parity: int = 0

    def overhead(self, loss_ratio: float) -> float:
        """Return what this adds, as a share of the pictures themselves."""
        unasked = (1.0 if self.ahead else 0.0) + (1 / self.parity if self.parity else 0.0)
        lost = min(max(loss_ratio, 0.0), 0.5)
        return (lost**2 if self.ahead else lost) * self.copies + unasked


class Protection:
    """Chooses the plan by what the link loses for long and how far the other side is. Pure."""

    def __init__(self) -> None:
        self._ahead = False
        self.takes_parity = False
        """The other side can make use of parity, which gives the same for half the rate."""

    def plan(self, usual_loss: float, rtt_ms: float) -> RepairPlan:
        """Return the plan for now; it does not flap."""
        if self._ahead:
            self._ahead = usual_loss > AHEAD_LOSS / 2 and rtt_ms > AHEAD_RTT_MS * 0.7
        else:
            self._ahead = usual_loss > AHEAD_LOSS and rtt_ms > AHEAD_RTT_MS
        if self._ahead and self.takes_parity:
            return RepairPlan(copies=2, parity=PARITY_OVER)
        if self._ahead:
            return RepairPlan(COPIES_AHEAD, ahead=True)
        return RepairPlan(2 if usual_loss > COPIES_LOSS else 1)


@dataclass(slots=True)
class SentPacket:
    """What is needed to send a packet once more."""

    sequence: int
    timestamp: int
    marker: int
    payload: bytes
    sent_ns: int
    repeated_ns: int | None = None


class SentHistory:
    """The last 2-3 s of one stream, for repeats."""

    def __init__(self) -> None:
        self._packets: OrderedDict[int, SentPacket] = OrderedDict()
        self._filler = 0

    def add(self, packet: SentPacket) -> None:
        """Keep a packet."""
        self._packets[packet.sequence] = packet
        self._packets.move_to_end(packet.sequence)
        while self._packets:
            oldest = next(iter(self._packets.values()))
            if (
                len(self._packets) <= HISTORY_PACKETS
                and packet.sent_ns - oldest.sent_ns <= HISTORY_NS
            ):
                break
            self._packets.popitem(last=False)

    def filler(self, most_bytes: int) -> SentPacket | None:
        """Return one of the last packets that is not longer than this, each in turn; or None."""
        recent = list(islice(reversed(self._packets.values()), _FILLERS))
        fitting = [packet for packet in recent if len(packet.payload) <= most_bytes]
        if not fitting:
            return None
        self._filler += 1
        return fitting[self._filler % len(fitting)]

    def repeat(self, sequence: int, now_ns: int, rtt_ms: float) -> SentPacket | None:
        """Return a packet to send again; None when unknown or repeated less than a trip ago."""
        packet = self._packets.get(sequence)
        if packet is None:
            return None
        if packet.repeated_ns is not None and now_ns - packet.repeated_ns < rtt_ms * 900_000:
            return None
        packet.repeated_ns = now_ns
        return packet


class KeyframeGate:
    """Answers requests for key frames, at most one per 400 ms or round trip."""

    def __init__(self) -> None:
        self._pending = False
        self._last_ns: int | None = None

    def request(self) -> None:
        """Somebody cannot decode. Any thread: a plain flag."""
        self._pending = True

    def take(self, now_ns: int, rtt_ms: float) -> bool:
        """Return True when the next picture must be a key frame, and count it as made."""
        if not self._pending:
            return False
        wait_ns = max(KEYFRAME_INTERVAL_NS, int(rtt_ms * 1_000_000))
        if self._last_ns is not None and now_ns - self._last_ns < wait_ns:
            return False
        self.made(now_ns)
        return True

    def made(self, now_ns: int) -> None:
        """A key frame was made, for whatever reason."""
        self._pending = False
        self._last_ns = now_ns
