"""What a test call with ourselves says about the next call. Judging only; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from telemed_desk.clinical.ladder import LADDER, MOST_BPS, USABLE_SHARE, Rung, loss_allows
from telemed_desk.devices.checks.relay import RELAY_WORDS, best_reason
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS

_AGAIN = "Check again."
_ALONE = (
    "No relay is known, so that the test call stayed inside this PC and says nothing of the link.",
    "Ask your IT contact to set a relay up.",
)


@dataclass(frozen=True, slots=True)
class LoopSeen:
    """What a test call showed; None = it did not come to that.

    Attributes:
        relayed: It went through a relay, there and back; else it stayed inside this PC.
        relay_codes: What asking each relay led to, empty = works (:data:`.relay.RELAY_WORDS`).
        addresses: This PC has an address that a call can use.
        limit_s: It was waited for so long.
        connected_s: From the first step until both ends said that they are connected.
        first_picture_s: From the first step until a picture was shown.
        picture_fits: What the test call was allowed to send has room for a picture.
        loss_ratio: Share of packets lost on both legs together, before repair.
        jitter_ms: Of the voice, as received (RFC 3550).
        rtt_ms: Round trip between both ends: the link is passed four times.
        sent_fps, shown_fps: Pictures a second that left, and that were decoded and shown.
        concealed_ratio: Share of the sound that was made up.
        moved_bytes: Sent and received, together.
    """

    relayed: bool
    relay_codes: tuple[str, ...] = ()
    addresses: bool = True
    limit_s: float = 0.0
    connected_s: float | None = None
    first_picture_s: float | None = None
    picture_fits: bool = True
    loss_ratio: float | None = None
    jitter_ms: float | None = None
    rtt_ms: float | None = None
    sent_fps: float | None = None
    shown_fps: float | None = None
    concealed_ratio: float | None = None
    moved_bytes: int = 0


def loop_findings(seen: LoopSeen) -> list[Finding]:
    """Judge a test call: its connection first, then what came through it."""
    connection = _connection(seen)
    if seen.connected_s is None:
        return [connection]
    return [connection, *_link(seen), *_stack(seen)]


def without_a_call(codes: Sequence[str]) -> Finding:
    """Return the finding when every relay is of no use, so that no test call was tried."""
    return LIMITS["loop"].failed(*RELAY_WORDS[best_reason(codes)])


def _connection(seen: LoopSeen) -> Finding:
    limit = LIMITS["loop"]
    if seen.connected_s is not None:
        return limit.judge(round(seen.connected_s, 1))
    if not seen.addresses:
        return limit.unknown("This PC is in no network.", "Check the network cable or Wi-Fi.")
    if not seen.relayed:
        return limit.unknown("A test call inside this PC did not connect.", _AGAIN)
    if seen.relay_codes and "" not in seen.relay_codes:
        return without_a_call(seen.relay_codes)
    if "" in seen.relay_codes:
        return limit.unknown(
            f"The relay gave an address, but no test call with itself within {seen.limit_s:g} s: "
            "it may not allow that, or the link is too slow.",
            "Make a real test call with a colleague.",
        )
    return limit.unknown(f"The relay did not answer within {seen.limit_s:g} s.", _AGAIN)


def _link(seen: LoopSeen) -> list[Finding]:
    """What the link did; inside this PC nothing can be said of it."""
    if not seen.relayed:
        return [
            LIMITS[check].unknown(*_ALONE) for check in ("loop.loss", "loop.jitter", "loop.rtt")
        ]
    loss = _judged("loop.loss", _percent(seen.loss_ratio))
    if seen.loss_ratio is not None:
        # A packet passes the link up and down; whether the rate leaves room for repair, N7 judges.
        lost, most_bps = seen.loss_ratio / 2, USABLE_SHARE * MOST_BPS
        fits = [rung for rung in LADDER if loss_allows(rung, lost, most_bps)]
        loss = replace(loss, ceiling=max(fits, default=Rung.PHONE))
    jitter = _judged("loop.jitter", seen.jitter_ms)
    # both ends are here: a round trip between them is two round trips to the relay
    # and a far relay is far however little is sent: what a call's own load adds, N9 says
    ours_ms = None if seen.rtt_ms is None else seen.rtt_ms / 2
    return [loss, jitter, _judged("loop.rtt", ours_ms)]


def _stack(seen: LoopSeen) -> list[Finding]:
    """What coding, decoding and playing did."""
    shown = None
    if seen.sent_fps and seen.shown_fps is not None:
        shown = min(100.0, 100 * seen.shown_fps / seen.sent_fps)
    return [
        _picture(seen),
        _judged("loop.frames", shown),
        _judged("loop.voice", _percent(seen.concealed_ratio)),
    ]


def _picture(seen: LoopSeen) -> Finding:
    limit = LIMITS["loop.picture"]
    if seen.first_picture_s is not None:
        return limit.judge(round(seen.first_picture_s, 1))
    if not seen.picture_fits:
        return limit.unknown("A test call takes half of this link, too little for a picture.")
    return limit.failed("No picture came through.")


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else 100 * ratio


def _judged(check: str, value: float | None) -> Finding:
    if value is None:
        return LIMITS[check].unknown("The test call was too short to tell.", _AGAIN)
    return LIMITS[check].judge(round(value, 1))
