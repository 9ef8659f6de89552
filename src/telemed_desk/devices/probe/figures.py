"""What a measurement of the link gives. None = cannot tell."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrainFigures:
    """One direction.

    Attributes:
        capacity_bps: What the link takes, headers included; through TCP, what it lets through.
        at_least: The link was not filled: it takes this much or more.
        full_delay_ms: How much later packets arrive while it is full.
        call_delay_ms: How much later while it carries four fifths, as a call would have it.
        loss_ratio: Lost while it was not full.
        ended: ``held`` (filled and measured), ``cap``, ``sender`` (nothing was in the way, but this PC
            did not get to send that fast), ``bytes``, ``time`` or ``starved``.
    """

    capacity_bps: float | None = None
    at_least: bool = False
    full_delay_ms: float | None = None
    call_delay_ms: float | None = None
    loss_ratio: float | None = None
    ended: str = ""


@dataclass(frozen=True, slots=True)
class VoiceFigures:
    """Packets like those of a voice, there and back.

    Attributes:
        rtt_ms, rtt_p95_ms: Round trip, median and 95th percentile.
        up_loss, down_loss: Share lost each way.
        up_burst, down_burst: Largest share lost within 200 ms.
        up_jitter_ms, down_jitter_ms: Mean difference of neighbours' transit times (RFC 3550).
        mos: Expected mean opinion score, 1 to 4.5 (ITU-T G.107), of the worse direction.
    """

    rtt_ms: float | None = None
    rtt_p95_ms: float | None = None
    up_loss: float | None = None
    down_loss: float | None = None
    up_burst: float | None = None
    down_burst: float | None = None
    up_jitter_ms: float | None = None
    down_jitter_ms: float | None = None
    mos: float | None = None


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """Everything.

    Attributes:
        path: ``direct``, ``relay-udp``, ``relay-tcp``, ``relay-tls`` to the responder, or
            ``loop-`` with one of those: from one relay address to another, so that up and down
            are the same figures: those of the narrower direction.
        outcome: ``measured``; ``no-answer`` (UDP does not get through to the responder);
            ``broken`` (it did, and then no more).
        moved_bytes: Both ways, headers included.
    """

    path: str = ""
    outcome: str = "no-answer"
    base_rtt_ms: float | None = None
    up: TrainFigures = TrainFigures()
    down: TrainFigures = TrainFigures()
    voice: VoiceFigures = VoiceFigures()
    moved_bytes: int = 0
    seconds: float = 0.0
