"""How voice is protected on the link as it is: frame length, rate, earlier frames beside new ones. Pure.

The numbers come from benchmarks/voice.py (see docs/adr/0008).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from math import sqrt
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
_FARTHEST_MS: Final = 120
_FARTHEST_FEW: Final = 3
_PER_STEP: Final = 0.0015
"""What a frame's length more of waiting is worth, as a share of frames lost for good."""
_SLACK: Final = 0.002
_BY_CHANCE: Final = 1.5
_ERROR: Final = 0.02
_DTX_BELOW_BPS: Final = 200_000
_THIN_BPS: Final = 90_000
_THIN_SHARE: Final = 0.92
"""Below that there is no picture beside the voice."""
_LEVELS: Final = ((0.27, 3, 0.8), (0.12, 2, 0.7), (0.05, 1, 0.5), (0.008, 1, 0.25))
"""From this loss on so many copies, as long as voice takes no more than this share of the link."""
_FEC_LOSS: Final = 0.005
_FEC_PERCENT: Final = 10
_FEC_PERCENT_LOW: Final = 25
_FEC_LOW_BPS: Final = 20_000
_FEC_RAISE_LOSS: Final = 0.03
_FEC_RATES: Final = (32_000, 24_000, 20_000)
_FEC_SHARE: Final = 0.4


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
        apart = frame_ms * 1_000_000 // _SLOT_NS
        lost = {at for at, (sent, gone) in self._slots.items() if 2 * gone > sent}
        usual = tuple(range(1, copies + 1))
        if len(lost) < _ENOUGH:
            return usual
        before = self._chosen.get((copies, frame_ms), usual)
        gone_too = sum(all(at + d * apart in lost for d in usual) for at in lost) / len(lost)
        if gone_too < _BY_CHANCE * (len(lost) / len(self._slots)) ** copies + _ERROR:
            self._chosen[copies, frame_ms] = usual  # each is lost for itself: nothing to avoid
            return usual

        def cost(choice: tuple[int, ...]) -> float:
            gone = sum(all(at + d * apart in lost for d in choice) for at in lost)
            return gone / len(self._slots) + _PER_STEP * (choice[-1] - copies) * apart

        few = _FARTHEST_FEW if copies == 1 else _FARTHEST_MS // frame_ms
        best = min(combinations(range(1, max(few, copies) + 1), copies), key=cost)
        chance = 1.5 * sqrt(cost(before) / len(self._slots))
        if cost(best) < cost(before) - _SLACK - chance:
            before = best
        self._chosen[copies, frame_ms] = before
        return before


def wire_bps(plan: VoiceCoding) -> float:
    """Return what a plan takes on the wire while somebody speaks, headers and all."""
    copies = len(plan.distances)
    per_second = 1000 / plan.frame_ms
    heads = HEADER_BYTES + (4 * copies + 1 if copies else 0)
    return plan.bitrate * (1 + copies) + heads * 8 * per_second


def _fec_percent(bitrate: int, loss_ratio: float) -> int:
    """Return the loss to tell Opus: from some value on, higher at low rates, it does add its copy.

    Told the truth, 5 % at 24 kbit/s, it adds none: PESQ 2.9, and 4.0 when told 8 %.
    """
    if loss_ratio < _FEC_LOSS:
        return 3
    least = _FEC_PERCENT_LOW if bitrate < _FEC_LOW_BPS else _FEC_PERCENT
    return max(round(100 * min(loss_ratio, 0.4)), least)


def _with_fec(plain: VoiceCoding, loss_ratio: float, most_bps: float) -> VoiceCoding:
    """Raise the rate to where Opus's own copy is worth something, with longer frames if need be."""
    if loss_ratio < _FEC_RAISE_LOSS:
        return plain
    for rate in (r for r in _FEC_RATES if r > plain.bitrate):
        for length in (f for f in (20, 40, 60) if f >= plain.frame_ms):
            raised = replace(
                plain,
                bitrate=rate,
                frame_ms=length,
                loss_percent=_fec_percent(rate, loss_ratio),
            )
            if wire_bps(raised) <= most_bps:
                return raised
    return plain


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
    loss_percent = _fec_percent(bitrate, loss_ratio)
    dtx = speech and room_bps is not None and room_bps < _DTX_BELOW_BPS
    plain = VoiceCoding(bitrate, frame_ms, loss_percent, fec=True, distances=(), dtx=dtx)
    if room_bps is None:
        return plain
    thin = _THIN_SHARE if room_bps < _THIN_BPS else 0.0
    if not takes_red:
        return _with_fec(plain, loss_ratio, max(_FEC_SHARE, thin) * room_bps)
    for from_loss, most, usual_share in _LEVELS:
        if loss_ratio < from_loss:
            continue
        share = max(usual_share, thin)
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
