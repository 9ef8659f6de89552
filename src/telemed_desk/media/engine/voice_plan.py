"""How voice is protected on the link as it is: frame length, rate, earlier frames beside new ones. Pure.

The numbers come from benchmarks/voice.py (see docs/adr/0008).
"""

from collections import deque
from collections.abc import Sequence
from itertools import combinations
from typing import Final, Protocol

from .voice_coder import VoiceCoding

HEADER_BYTES: Final = 62
"""IPv4, UDP, RTP with its extensions, and the SRTP tag."""
MIN_BPS: Final = 12_000
_SLOT_NS: Final = 20_000_000
_SLOTS: Final = 1500
"""30 s."""
_ENOUGH: Final = 10
"""Lost slots from which their pattern says something."""
_FARTHEST: Final = 5
_PER_STEP: Final = 0.03
"""What a copy that comes a packet later may cost: the ear waits for it."""
_SLACK: Final = 0.05
_DTX_BELOW_BPS: Final = 200_000
_LEVELS: Final = ((0.27, 3, 0.8), (0.12, 2, 0.7), (0.05, 1, 0.5), (0.012, 1, 0.2))
"""From this loss on so many copies, as long as voice takes no more than this share of the link."""


class Outcome(Protocol):
    """See :class:`~telemed_desk.media.transport.dtls.PacketResult`."""

    @property
    def sent_ns(self) -> int:
        """When it left."""
        ...

    @property
    def arrived_ns(self) -> int | None:
        """None = lost."""
        ...


class LossPattern:
    """Remembers which 20 ms lost most of their packets, and says at what distance a copy is safe."""

    def __init__(self) -> None:
        self._slots: dict[int, list[int]] = {}
        self._order: deque[int] = deque()
        self._chosen: dict[tuple[int, int], tuple[int, ...]] = {}

    def note(self, results: Sequence[Outcome]) -> None:
        """Take what became of packets that we sent, in any order."""
        for result in results:
            slot = result.sent_ns // _SLOT_NS
            if slot not in self._slots:
                self._slots[slot] = [0, 0]
                self._order.append(slot)
                if len(self._order) > _SLOTS:
                    del self._slots[self._order.popleft()]
            counts = self._slots[slot]
            counts[0] += 1
            counts[1] += result.arrived_ns is None

    def distances(self, copies: int, frame_ms: int) -> tuple[int, ...]:
        """Return the packets after a lost one that should carry it, counted from it."""
        if not copies:
            return ()
        slots_apart = frame_ms * 1_000_000 // _SLOT_NS
        lost = [at for at, (sent, gone) in self._slots.items() if 2 * gone > sent]
        usual = tuple(range(1, copies + 1))
        if len(lost) < _ENOUGH:
            return usual
        before = self._chosen.get((copies, frame_ms), usual)

        def risk(choice: tuple[int, ...]) -> float:
            gone = set(lost)
            both = sum(all(at + d * slots_apart in gone for d in choice) for at in lost)
            return both / len(lost) + _PER_STEP * (choice[-1] - len(choice))

        farthest = min(_FARTHEST, max(copies, 240 // frame_ms))
        best = min(combinations(range(1, farthest + 1), copies), key=risk)
        if risk(best) < risk(before) - _SLACK:
            before = best
        self._chosen[copies, frame_ms] = before
        return before


def wire_bps(plan: VoiceCoding) -> float:
    """Return what a plan takes on the wire while somebody speaks, headers and all."""
    copies = len(plan.distances)
    per_second = 1000 / plan.frame_ms
    heads = HEADER_BYTES + (4 * copies + 1 if copies else 0)
    return plan.bitrate * (1 + copies) + heads * 8 * per_second


def plan_voice(
    bitrate: int,
    loss_ratio: float,
    *,
    frame_ms: int = 20,
    room_bps: float | None = None,
    pattern: LossPattern | None = None,
    takes_red: bool = False,
    speech: bool = True,
) -> VoiceCoding:
    """Return how to code voice.

    Args:
        bitrate: What one copy may take, bits per second.
        loss_ratio: Measured, 0 to 1.
        frame_ms: Length of a frame; longer where redundancy would not fit otherwise.
        room_bps: What the link carries for all; None = not known, no redundancy then.
        pattern: Of the losses, for the distance of copies.
        takes_red: The other side understands RFC 2198.
        speech: False = any sound (a stethoscope): no pauses are made.
    """
    loss_percent = round(100 * min(max(loss_ratio, 0.03), 0.4))
    dtx = speech and room_bps is not None and room_bps < _DTX_BELOW_BPS
    plain = VoiceCoding(bitrate, frame_ms, loss_percent, fec=True, distances=(), dtx=dtx)
    if not takes_red or room_bps is None:
        return plain
    for from_loss, most, share in _LEVELS:
        if loss_ratio < from_loss:
            continue
        for copies in range(most, 0, -1):
            for length in (f for f in (20, 40, 60) if f >= frame_ms):
                distances = tuple(range(1, copies + 1))
                heads = wire_bps(VoiceCoding(0, length, distances=distances))
                rate = min(bitrate, int((share * room_bps - heads) / (1 + copies)))
                if rate >= min(MIN_BPS, bitrate):
                    if pattern is not None:
                        distances = pattern.distances(copies, length)
                    return VoiceCoding(
                        rate, length, loss_percent, fec=False, distances=distances, dtx=dtx
                    )
        break
    return plain
